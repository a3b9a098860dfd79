"""The interphase of Li and electrolyte: closed forms by itself and in cells, what it takes, what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver.constants import FARADAY
from solver.laws.interphase import InterphaseParameters
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.physics.interphase import Interphase
from solver.physics.step import Step
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare
from tests.verification.test_nucleation import THERMAL
from tests.verification.test_nuclei_in_a_cell import CELL as BARE

RATE, LITHIUM, CONDUCTIVITY = 1.9e-17, 41000.0, 3e-4  # of Li6PS5Cl: m^2/s, mol/m^3, S/m
UAH = 3.6e-3 * 1e4  # C/m^2 of 1 uAh/cm^2
REST: dict[str, Any] = {"kind": "rest"}
PLATE: dict[str, Any] = {"kind": "galvanostatic", "direction": "plate"}
STRIP: dict[str, Any] = {"kind": "galvanostatic", "direction": "strip"}
THICK: dict[str, Any] = {
    "domain": {"dimension": 1, "lithium_thickness": "4 um"},
    "interface": {"width": "100 nm"},
    "electrolyte": [{"thickness": "3 um"}],
    "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
    "interphase": {},
}
FILM: dict[str, Any] = THICK | {
    "domain": {"dimension": 1},
    "collector": {},
    "lithium": {"film": "200 nm"},
    "mechanics": {"void_viscosity": "1e6 Pa*s"},
}
BARRIER: dict[str, Any] = {"material": "W", "thickness": "30 nm"}
SOUND = {"lithium_error": 1e-6, "charge_error": 1e-8, "force_error": 3e-7}


def run(sections: dict[str, Any], *protocol: dict[str, Any]) -> tuple[dict[str, Any], Simulation, Coupling, str]:
    simulation, model = prepare(make_case(sections, list(protocol)))
    ended = finish(simulation)
    return curves(simulation), simulation, model, ended


def sound(found: dict[str, Any]) -> bool:
    return all(found[name].max() < limit for name, limit in SOUND.items())


def inventory(simulation: Simulation, model: Coupling) -> float:
    return model.stored(simulation.state)["inventory"]


def parameters(**changes: float) -> InterphaseParameters:
    usual = {"rate": RATE, "lithium": LITHIUM, "conductivity": CONDUCTIVITY, "molar_volume": 13e-6}
    return InterphaseParameters(**(usual | changes))


# -- the law -----------------------------------------------------------------------------------------------


def test_charge_that_it_takes() -> None:
    """0.110 uAh/cm2 and 0.533 nm of Li per nm; 41 uAh/cm2 in 2 h, on which K is calibrated, 57.9 in 4 h."""
    charge_of_a_nanometre = FARADAY * LITHIUM * 1e-9 / UAH
    assert charge_of_a_nanometre == pytest.approx(0.110, rel=2e-3)
    assert parameters().lithium_volume == pytest.approx(0.533, rel=1e-3)
    for hours, charge in ((2, 41.0), (4, 57.9)):
        grown = parameters().grown(np.zeros(1), np.ones(1), hours * 3600.0)
        assert FARADAY * LITHIUM * grown[0] / UAH == pytest.approx(charge, rel=0.01)


def test_steps_of_any_length_are_exact() -> None:
    thickness = np.zeros(1)
    for dt in (1e-6, 5.0, 0.3, 100.0):
        thickness = parameters().grown(thickness, np.ones(1), dt)
    assert thickness[0] == pytest.approx(np.sqrt(RATE * 105.300001), rel=1e-14)
    assert parameters().grown(thickness, np.zeros(1), 10.0) == thickness


def test_a_barrier_lets_it_grow_beside_it_only() -> None:
    one = np.ones(1)
    assert parameters(coverage=0.25).grown(0 * one, one, 9.0)[0] == pytest.approx(0.75 * np.sqrt(RATE * 9.0), rel=1e-14)
    assert parameters(coverage=1.0).grown(0 * one, one, 9.0)[0] == 0.0


# -- in cells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", [{}, {"fixed_step": "10 s"}], ids=["adapted", "fixed"])
def test_a_resting_film_loses_what_the_interphase_takes(time: dict[str, str]) -> None:
    """sqrt(K t), whatever the steps; at 20 MPa the collector comes down by the thickness of that Li."""
    sections = FILM | {"drive": {"stack_pressure": "20 MPa"}, "time": time}
    found, simulation, model, ended = run(sections, REST | {"duration": "100 s"})
    assert ended == "protocol finished" and sound(found)
    grown = np.sqrt(RATE * found["time"])
    assert found["interphase_thickness"] == pytest.approx(grown, rel=1e-12)
    assert found["interphase_lithium"] == pytest.approx(FARADAY * LITHIUM * grown, rel=1e-5)
    alone = {name: section for name, section in sections.items() if name != "interphase"}
    rested, other, other_model, _ = run(alone, REST | {"duration": "100 s"})
    assert "interphase_thickness" not in rested
    lost = inventory(other, other_model) - inventory(simulation, model)
    assert lost == pytest.approx(VOLUME_PER_CHARGE * found["interphase_lithium"][-1], rel=1e-6)
    assert found["platen_displacement"][-1] - rested["platen_displacement"][-1] == pytest.approx(lost, rel=0.01)


def test_its_resistance_is_in_the_voltage() -> None:
    """j d/s beyond the voltage beneath a barrier that lets nothing grow; of an interphase that takes no Li."""
    sections = THICK | {"interphase": {"lithium": "0 mol/m^3"}, "time": {"fixed_step": "2 s"}}
    both = PLATE | {"duration": "20 s"}, STRIP | {"duration": "20 s"}
    films = [{"interface": THICK["interface"] | {"film": BARRIER | {"coverage": share}}} for share in (0.0, 1.0)]
    found, without = (run(sections | film, *both)[0] for film in films)
    drop = found["current_density"] * np.sqrt(RATE * found["time"]) / CONDUCTIVITY
    assert found["voltage"] - without["voltage"] == pytest.approx(drop, rel=1e-3)
    assert drop.min() < -0.9e-3 and drop.max() > 0.6e-3
    assert sound(found) and without["interphase_thickness"].max() == 0.0


def test_all_li_is_accounted_for_while_plating_stripping_and_reacting() -> None:
    """To 1e-6 of what has passed, of which the interphase takes a third; half as much where a barrier covers half."""
    half = THICK | {"interface": THICK["interface"] | {"film": BARRIER | {"coverage": 0.5}}}
    for sections, share in ((THICK, 1.0), (half, 0.5)):
        found, *_ = run(sections, PLATE | {"duration": "15 s"}, STRIP | {"duration": "15 s"})
        assert sound(found)
        taken = found["interphase_lithium"][-1]
        assert taken == pytest.approx(share * FARADAY * LITHIUM * np.sqrt(RATE * 30.0), rel=1e-3)
        assert taken > 0.15 * 10.0 * 30.0


def test_it_grows_only_where_li_touches() -> None:
    """An island on half of a collector at rest: sqrt(K t) beneath it, nothing beside it."""
    island = {"islands": [{"centre": ["0 um"], "radius": "1.5 um"}]}
    sections = FILM | {
        "domain": {"width": "3 um", "lateral": "symmetric"},
        "interface": {"width": "200 nm"},
        "collector": {"gap": "400 nm", "room": "2.5 um"},
        "lithium": island,
    }
    found, simulation, model, _ = run(sections, REST | {"duration": "2 s"})
    thickness, full = simulation.state["interphase_thickness"], np.sqrt(RATE * 2.0)
    x = simulation.grid.cell_coordinates()[0][:, 0]
    assert np.array_equal(thickness, np.broadcast_to(thickness[:, :1], thickness.shape))
    assert thickness[x < 1.2e-6] == pytest.approx(full, rel=1e-3)
    assert not thickness[x > 1.8e-6].any()
    assert found["interphase_thickness"][-1] == pytest.approx(0.5 * full, rel=0.05)
    assert model.output_fields(simulation.state, {})["interphase_thickness"] == pytest.approx(thickness)


def test_a_film_may_be_used_up_but_no_more() -> None:
    """5 nm at rest: the interphase stops growing where contact is lost, and no cell has less than no Li."""
    sections = FILM | {"lithium": {"film": "5 nm"}, "collector": {"room": "2 um"}}
    found, simulation, model, _ = run(sections, REST | {"duration": "4 s"})
    taken = 0.533 * found["interphase_thickness"][-1]
    assert found["interphase_thickness"][-1] < 0.7 * np.sqrt(RATE * 4.0)
    assert found["interphase_thickness"][-1] == found["interphase_thickness"][-5]
    assert found["touching_fraction"][-1] == 0.0 and sound(found)
    assert simulation.state["occupancy"].min() >= 0.0
    assert inventory(simulation, model) + taken == pytest.approx(5e-9, rel=0.01)


def test_a_film_that_is_plated_faster_than_it_reacts_grows_from_a_nanometre() -> None:
    """5 mA/cm2: what is plated less what has reacted, at the voltage of a thick electrode and d/s within 0.2 mV.

    Planes are made of the difference, else the voltage would be off by 2 mV. The interphase, at first short of Li,
    comes near to sqrt(K t).
    """
    sections = FILM | {
        "lithium": {"film": "1 nm"},
        "drive": {"stack_pressure": "5 MPa", "current_density": "5 mA/cm^2"},
    }
    found, *_ = run(sections, PLATE | {"duration": "10 s"})
    grown = found["interphase_thickness"]
    assert sound(found)
    assert np.all(grown <= np.sqrt(RATE * found["time"]) * (1 + 1e-12))
    assert grown[-1] == pytest.approx(np.sqrt(RATE * 10.0), rel=0.005)
    plated = VOLUME_PER_CHARGE * (found["capacity"] - found["interphase_lithium"])
    assert found["lithium_thickness"] - plated == pytest.approx(1e-9, rel=0.02)
    assert found["gap"][-1] == pytest.approx(found["lithium_thickness"][-1], rel=0.01)
    asinh, ohmic = 2 * THERMAL * np.arcsinh(50 / 50), 50 * (3e-6 / 0.18 + grown / CONDUCTIVITY)
    assert found["voltage"] == pytest.approx(asinh + ohmic, abs=0.2e-3)


def test_a_step_takes_no_more_than_half_of_the_li() -> None:
    """1 nm in a step in which sqrt(K t) would take 7.3 nm of Li: the interphase grows by what it gets."""
    simulation, model = prepare(make_case(FILM | {"lithium": {"film": "1 nm"}}, [REST | {"duration": "1 s"}]))
    (part,) = [part for part in model.followers if isinstance(part, Interphase)]
    uptake = part.uptake(simulation.state, model.places.start(), Step(number=0, dt=10.0, stack_pressure=5e6))
    taken = 10.0 * simulation.grid.integral(np.asarray(uptake.lithium))
    assert taken == pytest.approx(0.5 * inventory(simulation, model), rel=0.01)
    assert 0.533 * uptake.fields["interphase_thickness"] == pytest.approx(taken, rel=1e-5)


def test_efficiency_is_lowered_by_what_the_interphase_takes() -> None:
    """100 nm, plated by 0.02 mAh/cm2 and stripped until contact is lost, with the interphase and without."""
    drive = {"stack_pressure": "5 MPa", "current_density": "0.2 mA/cm^2"}
    sections = FILM | {"lithium": {"film": "100 nm"}, "drive": drive}
    alone = {name: section for name, section in sections.items() if name != "interphase"}
    cycle = PLATE | {"capacity": "0.02 mAh/cm^2"}, STRIP | {"capacity": "0.1 mAh/cm^2"}
    (with_it, *_, ended), (without, *_, other) = run(sections, *cycle), run(alone, *cycle)
    assert ended[:19] == other[:19] == "voltage limit 0.2 V" and sound(with_it)
    plated = 720.0
    lost, taken = with_it["capacity"][-1] - without["capacity"][-1], with_it["interphase_lithium"][-1]
    left = (with_it["lithium_thickness"][-1] - without["lithium_thickness"][-1]) / VOLUME_PER_CHARGE
    assert lost == pytest.approx(taken + left, rel=1e-3)
    assert lost == pytest.approx(taken, rel=0.01)
    assert lost > 0.5 * plated


def test_nuclei_react_where_they_cover_the_collector() -> None:
    """Nothing while it is bare, then nearly sqrt(K t); no Li is lost, and little shows, where nuclei become a film."""
    plate = PLATE | {"duration": "45 s"}
    (found, *_), (without, *_) = run(BARE | {"interphase": {}}, plate), run(BARE, plate)
    assert sound(found)
    thickness, time = found["interphase_thickness"], found["time"]
    assert thickness[found["nucleated_share"] < 1e-9].max() < 1e-12
    covered = time[np.argmax(found["nucleated_share"] > 0.5)]
    handed = int(np.argmax(found["contact_fraction"] > 0.99))
    for moment in (handed - 1, -1):
        assert thickness[moment] == pytest.approx(np.sqrt(RATE * (time[moment] - covered)), rel=0.02)
    assert abs(np.diff(found["voltage"])[handed - 1]) < 0.1e-3
    later = found["capacity"][handed] - without["capacity"][np.argmax(without["contact_fraction"] > 0.99)]
    assert later == pytest.approx(found["interphase_lithium"][handed], rel=0.03)
    assert found["voltage"].max() == pytest.approx(without["voltage"].max(), rel=1e-3)
