"""Nuclei in the coupled step: the dip of the voltage, the hand-over to a film, stripping, all Li accounted for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver.case.schema import Case
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.physics.nucleation import Nucleation
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare
from tests.verification.test_nucleation import EXCHANGE, THERMAL, galvanostatic, parameters

J = 10.0  # A/m^2
OHMIC = J * 3e-6 / 0.18  # V
C_ETA = 2430 * 2 * THERMAL * np.arcsinh(J / (2 * EXCHANGE))  # C/m^2, of a contact on its plateau
CELL: dict[str, Any] = {
    "domain": {"dimension": 1},
    "interface": {"width": "100 nm", "exchange_current_density": "5 mA/cm^2"},
    "collector": {"nucleation": {"contact_angle": "9.7 deg"}},
    "electrolyte": [{"thickness": "3 um"}],
    "mechanics": {"void_viscosity": "1e6 Pa*s"},
    "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
}


def case(*segments: tuple[str, str], **changes: Any) -> Case:
    protocol = [{"kind": "galvanostatic", "direction": d, "duration": t} for d, t in segments]
    return make_case(CELL | changes, protocol)


def run(*segments: tuple[str, str], **changes: Any) -> tuple[dict[str, Any], Simulation, Coupling, str]:
    simulation, model = prepare(case(*segments, **changes))
    ended = finish(simulation)
    return curves(simulation), simulation, model, ended


def test_a_spread_is_that_of_the_effective_surface_energy() -> None:
    """B is in proportion to its third power: ln(B/B_0)/3 has the standard deviation s, and a length."""
    spread = {"spread": 0.1, "correlation_length": "1 um"}
    box = {"domain": {"width": "40 um"}, "interface": CELL["interface"] | {"width": "400 nm"}}
    collector = {"nucleation": CELL["collector"]["nucleation"] | spread}
    _, model = prepare(case(("plate", "1 s"), **box, collector=collector))
    (part,) = [part for part in model.followers if isinstance(part, Nucleation)]
    energy = np.log(part.barrier[:, 0] / parameters().barrier) / 3
    assert np.ptp(part.barrier, axis=1).max() == 0.0 and np.std(energy) == pytest.approx(0.1, rel=0.3)
    cells = round(1e-6 / float(np.ravel(model.grid.spacing[0])[0]))
    near, far = (float(np.corrcoef(energy, np.roll(energy, n))[0, 1]) for n in (1, 10 * cells))
    assert near > 0.9 and abs(far) < 0.5


def sound(found: dict[str, Any]) -> bool:
    limits = {"lithium_error": 1e-8, "charge_error": 1e-8, "force_error": 3e-7}
    return all(found[name].max() < limit for name, limit in limits.items())


def test_a_bare_cell_has_the_dip_of_its_nuclei_and_then_a_film() -> None:
    """Dip within 1.5 %, number within 10 % of a contact by itself; no Li is lost where nuclei become a film."""
    found, simulation, model, ended = run(("plate", "60 s"))
    assert ended == "protocol finished" and sound(found)
    alone = galvanostatic(parameters(), J, 0.01, 8.0)
    assert found["voltage"].max() - OHMIC == pytest.approx(alone["eta"].max(), rel=0.015)
    assert found["nucleus_density"].max() == pytest.approx(alone["number"][-1], rel=0.1)
    plateau = 2 * THERMAL * np.arcsinh(J / (2 * EXCHANGE))
    assert found["voltage"][-1] - OHMIC == pytest.approx(plateau, rel=0.02)
    handed = int(np.argmax(found["contact_fraction"] > 0.99))
    assert found["contact_fraction"][handed - 1] == 0 < handed
    assert found["nucleated_lithium"][handed] == pytest.approx(0.0, abs=1e-15)
    assert abs(np.diff(found["voltage"])[handed - 1]) < 1e-4
    charged = parameters().capacitance * (found["voltage"][handed] - OHMIC)
    plated = VOLUME_PER_CHARGE * (J * found["time"][-1] - charged)
    assert model.stored(simulation.state)["inventory"] == pytest.approx(plated, rel=1e-3)
    assert found["lithium_thickness"][-1] == pytest.approx(plated, rel=1e-3)
    assert found["gap"][-1] == pytest.approx(plated, rel=0.01)


def test_the_gap_of_the_hand_over_does_not_show() -> None:
    """Its width is numerical: 32 nm at lambda = 100 nm, 64 nm at 200 nm; the voltage beyond 100 nm of Li within 1 %."""
    ends = []
    for width in ("100 nm", "200 nm"):
        found, *_ = run(("plate", "90 s"), interface=CELL["interface"] | {"width": width})
        ends.append([found[name][-1] for name in ("voltage", "lithium_thickness", "gap")])
    assert ends[0] == pytest.approx(ends[1], rel=0.01)
    assert ends[0][1] > 110e-9


def test_nuclei_that_are_stripped_give_back_their_li_and_begin_anew() -> None:
    """5 nm are plated and stripped twice: the charge beyond that of the contact comes back, with the same dip again."""
    strip = {"kind": "cc-cv", "direction": "strip", "voltage": "20 mV", "cutoff_current_density": "0.01 mA/cm^2"}
    plate = {"kind": "galvanostatic", "direction": "plate"}
    protocol = [plate | {"duration": "6 s"}, strip, plate | {"duration": "12 s"}]
    simulation, model = prepare(make_case(CELL, protocol))
    assert finish(simulation) == "protocol finished"
    found = curves(simulation)
    assert found["lithium_error"].max() < 1e-8
    assert found["charge_error"].max() < 1e-7, "in the last step, 0.02 A/m2: what rounding leaves of 20 mV"
    stripping = found["current_density"] < 0
    first, last = np.flatnonzero(stripping)[[0, -1]]
    assert found["nucleated_lithium"][first - 1] > 3e-9
    assert found["nucleated_lithium"][last] < 1e-20
    assert found["nucleus_density"][last + 1] < 1e-3 * found["nucleus_density"].max()
    dips = found["voltage"][:first].max(), found["voltage"][last + 1 :].max()
    assert dips[1] == pytest.approx(dips[0], rel=0.02)
    assert model.stored(simulation.state)["inventory"] > 3e-9


@pytest.mark.parametrize("width", ["100 nm", pytest.param("200 nm", marks=pytest.mark.long)])
def test_a_film_is_stripped_to_nothing_and_born_again(width: str) -> None:
    """100 nm to a cutoff: what is thinner than the gap is Li per area again; all comes back, and so does the dip."""
    plate = {"kind": "galvanostatic", "direction": "plate", "duration": "80 s"}
    strip = {"kind": "galvanostatic", "direction": "strip", "current_density": "0.2 mA/cm^2", "cutoff_voltage": "0.1 V"}
    cell = CELL | {"interface": CELL["interface"] | {"width": width}}
    simulation, _ = prepare(make_case(cell, [plate, strip, plate]))
    assert finish(simulation) == "protocol finished"
    found = curves(simulation)
    assert sound(found)
    first, last = np.flatnonzero(found["current_density"] < 0)[[0, -1]]
    assert found["lithium_thickness"][first - 1] > 95e-9
    assert found["lithium_thickness"][last] + found["nucleated_lithium"][last] < 1e-11
    assert found["capacity"][last] == pytest.approx(C_ETA, rel=0.05), "of 800 C/m2: C eta, once covered"
    dips = found["voltage"][:first].max(), found["voltage"][last + 1 :].max()
    assert dips[1] == pytest.approx(dips[0], rel=0.02)
    assert found["voltage"][-1] == pytest.approx(found["voltage"][first - 1], rel=0.01)


def test_a_film_is_made_only_where_nuclei_fill_the_gap() -> None:
    """Half of the columns hold as much as the gap: those become Li, their inventory does not change."""
    nucleation = CELL["collector"]["nucleation"]
    simulation, model = prepare(
        case(
            ("plate", "1 s"),
            domain={"width": "2 um", "lateral": "symmetric"},
            interface=CELL["interface"] | {"width": "200 nm"},
            collector={"nucleation": nucleation, "gap": "60 nm"},
        )
    )
    (part,) = [part for part in model.followers if isinstance(part, Nucleation)]
    state, contact = simulation.state, model.places.start()
    half = np.broadcast_to(simulation.grid.cell_coordinates()[0] < 1e-6, simulation.grid.local_shape)
    state["nucleus_moment_2"] = np.full(half.shape, 1e3)
    state["nucleated_lithium"] = np.where(half, 61e-9, 55e-9)
    before = model.stored(state)["inventory"]
    jump = part.jump(state, contact)
    for name, change in jump.items():
        state[name] = state[name] + change
    assert np.array_equal(state["lithium"][..., 0] == 1, half[..., 0])
    assert model.stored(state)["inventory"] == pytest.approx(before, rel=1e-12)
    assert state["occupancy"][half] == pytest.approx(61 / 60, rel=2e-3)
    state["nucleus_moment_2"] = np.zeros(half.shape)
    state["nucleated_lithium"] = np.where(half, 55e-9, 115e-9)
    assert part.jump(state, contact) == {}, "nuclei that have not grown together are no film"
    state["nucleated_lithium"] = np.where(half, 55e-9, 125e-9)
    heaped = part.jump(state, contact)["lithium"][..., 0]
    assert np.all(heaped[~half[..., 0]] > 0.5) and not heaped[half[..., 0]].any(), "but where they hold twice the gap"
