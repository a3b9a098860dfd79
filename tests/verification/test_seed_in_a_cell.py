"""A seed in the coupled step: plateaus, birth of Li after them with its dip or without, stripping, Li accounted for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver import materials
from solver.constants import FARADAY
from solver.laws.alloy import PLATEAU
from solver.loop.cycles import cycle_rows
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.physics.seed import Seed
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare
from tests.verification.test_nucleation import EXCHANGE, THERMAL, galvanostatic, parameters
from tests.verification.test_nuclei_in_a_cell import CELL, sound

J = 10.0  # A/m^2
OHMIC = J * 3e-6 / 0.18  # V
ETA = 2 * THERMAL * np.arcsinh(J / (2 * EXCHANGE))  # V, on Li and on an alloy
AREA = 1e-5  # of the diffuse contact, 4e-6 of which lies outside a box with little room
DRIVE = CELL["drive"]
PLATE = {"kind": "galvanostatic", "direction": "plate"}
STRIP = {"kind": "galvanostatic", "direction": "strip"}


def run(
    seed: dict[str, Any], *protocol: dict[str, Any], **changes: Any
) -> tuple[dict[str, Any], Simulation, Coupling]:
    """A cell at 1 mA/cm2 with a seed, until its protocol is over."""
    drive = DRIVE | {"voltage_limit": "1 V"}
    cell = CELL | {"drive": drive, "collector": CELL["collector"] | {"seed": seed}}
    simulation, model = prepare(make_case(cell | changes, list(protocol)))
    assert finish(simulation) == "protocol finished"
    return curves(simulation), simulation, model


def charge_of(name: str, thickness: float, composition: float) -> float:
    """C/m^2 of a host of a thickness (m) with a composition."""
    return composition * FARADAY * thickness / materials.load(name).value("molar_volume")


def test_gold_has_its_plateaus_and_then_the_dip_and_the_film_of_a_bare_collector() -> None:
    """20 nm take 708.5 C/m2 at -165 and -105 mV; then the dip that a contact by itself has; a film; no Li is lost."""
    cell = {"areal_capacity": "1 mAh/cm^2", "open_circuit_voltage": "0.62 V"}  # Li-In as the other electrode
    gold, plate = {"material": "Au", "thickness": "20 nm"}, PLATE | {"duration": "115 s"}
    found, simulation, model = run(gold, plate, cathode=cell)
    assert sound(found)
    assert found["cell_voltage"] == pytest.approx(0.62 + found["voltage"], abs=1e-12), "minus that of the collector"
    full, time, potential = charge_of("Au", 20e-9, 3.75), found["time"], found["voltage"] - OHMIC
    taking = time < full / J
    assert found["seed_lithium"][taking] == pytest.approx(J * time[taking], abs=0.05), "but 0.2 F/m2"
    assert found["seed_lithium"][-1] == pytest.approx(full, rel=1e-6)
    assert full / 2.5 == pytest.approx(283.4, abs=0.5), "s at 0.25 mA/cm2"
    for start, end, plateau in ((0.1, 0.9, 0.165), (1.2, 3.5, 0.105)):
        on = (found["seed_composition"] > start) & (found["seed_composition"] < end)
        assert on.sum() > 1 and np.abs(potential[on] - ETA + plateau).max() < PLATEAU / 2
    assert np.all(potential[taking] < 0)
    assert potential.max() == pytest.approx(galvanostatic(parameters(), J, 0.01, 8.0)["eta"].max(), rel=0.02)
    assert potential[-1] == pytest.approx(ETA, rel=0.03) and found["contact_fraction"][-1] > 0.99
    plated = VOLUME_PER_CHARGE * (J * time[-1] - parameters().capacitance * found["voltage"].max())
    assert plated < model.stored(simulation.state)["inventory"] < VOLUME_PER_CHARGE * J * time[-1]
    grown = found["seed_thickness"][-1] / 20e-9
    assert grown == pytest.approx(1 + 8.9 / 10.21 * 3.75, rel=1e-6)


def test_magnesium_goes_on_into_li_without_a_dip() -> None:
    """The voltage rises all the way; where the same host were another phase than Li, it would have a dip."""
    seed, plate = {"material": "Mg", "thickness": "4 nm"}, PLATE | {"duration": "40 s"}
    one, _, _ = run(seed, plate)
    two, _, _ = run(seed | {"one_phase": False}, plate, time={"tolerance": 4.0})
    assert sound(one) and sound(two)
    assert np.diff(one["voltage"]).min() > -1e-6 and one["nucleated_share"].min() > 0.999
    assert one["voltage"][-1] - OHMIC == pytest.approx(ETA, rel=0.02)
    assert two["voltage"].max() - two["voltage"][-1] > 5e-3
    assert one["nucleated_lithium"][-1] > 1e-8
    assert one["lithium_error"][0] < 1e-10, "layers begin with what is counted of them"


def test_steps_follow_the_profile_in_depth_whatever_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 nm of Mg, as shallow as 100 nm with D of its file: 0.15 mV of steps ten times finer; 40 layers take as many.

    Where only the mean of x counted, which the current gives, it was 6 mV in half as many.
    """

    def potentials(layers: int, tolerance: float) -> tuple[np.ndarray, int]:
        seed = {"material": "Mg", "thickness": "20 nm", "diffusivity": "6e-16 m^2/s", "layers": layers}
        found, _, _ = run(seed, PLATE | {"duration": "50 s"}, time={"tolerance": tolerance})
        return np.interp([200.0, 400.0, 490.0], found["capacity"], found["voltage"]), len(found["time"])

    (usual, steps), (more, alike), (fine, many) = potentials(20, 1.0), potentials(40, 1.0), potentials(20, 0.1)
    monkeypatch.setattr(Seed, "error", lambda *_: 0.0)
    coarse, few = potentials(20, 1.0)
    assert np.abs(usual - fine).max() < 1.5e-4 and np.abs(more - usual).max() < 1e-4
    assert abs(alike - steps) < 0.1 * steps and few < steps < many
    assert np.abs(coarse - fine).max() > 20 * np.abs(usual - fine).max()


@pytest.mark.parametrize(
    ("name", "thickness", "cutoff", "left"),
    [("Mg", "4 nm", "0.1 V", 0.495), ("Al", "20 nm", "0.1 V", 1.0), ("Al", "20 nm", "0.5 V", 0.0)],
)
def test_what_lies_below_the_cutoff_stays(name: str, thickness: str, cutoff: str, left: float) -> None:
    """At 0.02 mA/cm2: Li/Mg 0.5, all of LiAl at 0.1 V, none at 0.5 V; Li metal comes back first."""
    slow = {"current_density": "0.02 mA/cm^2"}
    end = 9.0 if name == "Mg" else 1.0
    seconds = charge_of(name, float(thickness.split()[0]) * 1e-9, end) / J + 8
    found, simulation, model = run(
        {"material": name, "thickness": thickness},
        PLATE | {"duration": f"{seconds} s"},
        STRIP | slow | {"cutoff_voltage": cutoff},
        time={"tolerance": 4.0},
    )
    assert found["lithium_error"].max() < 1e-8
    assert found["charge_error"].max() < 1e-6, "0.02 mA/cm2 at 0.4 V: what rounding leaves of the potential"
    assert found["seed_composition"].max() == pytest.approx(end, rel=1e-4)
    assert found["nucleated_lithium"].max() > 2e-9 > found["nucleated_lithium"][-1]
    assert found["seed_composition"][-1] == pytest.approx(left, abs=0.02)
    seed = VOLUME_PER_CHARGE * found["seed_lithium"][-1]
    assert model.stored(simulation.state)["inventory"] == pytest.approx(seed, abs=1e-11)
    (cycle,) = cycle_rows(simulation.progress.half_cycle_rows("finished"))
    charge = float(cycle["plated"] or 0.0)
    assert cycle["seed_loss"] == pytest.approx(found["seed_lithium"][-1] / charge)
    assert cycle["left_loss"] == pytest.approx(0.0, abs=1 / charge), "C/m2: 0.2 F/m2 at the cutoff"


def cycles(found: dict[str, Any]) -> list[float]:
    """C/m2 that each half-cycle has passed, positive plates."""
    charge = np.diff(found["capacity"], prepend=0.0)
    starts = np.flatnonzero(np.diff(np.sign(charge), prepend=0.0))
    return [float(part.sum()) for part in np.split(charge, starts)[1:]]


@pytest.mark.parametrize(("thickness", "filling"), [pytest.param(5e-9, 1.0, marks=pytest.mark.long), (10e-9, 0.3)])
def test_what_molybdenum_disulfide_binds_never_comes_back(thickness: float, filling: float) -> None:
    """33.88 uAh/cm2 of 100 nm in the first cycle; the second one takes none, and gets back what it plates."""
    bound = filling * charge_of("MoS2", thickness, 4.0)
    assert bound / (36 * filling) * 100e-9 / thickness == pytest.approx(33.88, rel=1e-3)
    seed = {"material": "MoS2", "thickness": f"{thickness * 1e9} nm", "filling": filling}
    plate, strip = PLATE | {"duration": f"{bound / J + 0.3} s"}, STRIP | {"cutoff_voltage": "1 V"}
    protocol = (plate, strip, PLATE | {"duration": "0.5 s"}, strip)
    found, simulation, model = run(seed, *protocol, drive=DRIVE | {"voltage_limit": "3 V"}, time={"max_step": "0.3 s"})
    assert found["charge_error"].max() < 1e-8 and found["lithium_error"].max() < 1e-6
    first, back, second, again = cycles(found)
    assert (first, second) == pytest.approx((bound + 0.3 * J, 0.5 * J), rel=1e-9)
    assert first + back == pytest.approx(bound, abs=0.3), "but the double layer of 0.2 F/m2, from 2 to 1 V"
    assert second + again == pytest.approx(0.0, abs=0.05)
    taken = found["seed_bound_lithium"]
    assert taken[-1] == pytest.approx(bound, rel=AREA) and np.all(np.diff(taken) >= 0)
    assert found["seed_lithium"] == pytest.approx(taken, abs=1e-9), "all that it takes is bound"
    assert found["seed_thickness"][-1] == pytest.approx(thickness * (1 + filling * 4 * 8.3 / 31.64), rel=1e-6)
    inventory = model.stored(simulation.state)["inventory"]
    assert inventory == pytest.approx(VOLUME_PER_CHARGE * bound, rel=1e-3)
    on = (found["seed_composition"] > 1.4) & (found["seed_composition"] < 3.6)
    assert on.sum() > 5 and np.abs(found["voltage"][on] - OHMIC - ETA + 0.52).max() < PLATEAU / 2
    sloping = (found["seed_composition"] > 0.1) & (found["seed_composition"] < 0.9)
    expected = -2.0 + 0.6 * found["seed_composition"][sloping]
    assert found["voltage"][sloping] - OHMIC - ETA == pytest.approx(expected, abs=2e-3)


def test_a_reversible_step_would_come_back() -> None:
    """The same host with a step that is not irreversible gives all back below 1 V."""
    steps = [{"composition": 4.0, "potential": "0.52 V"}]
    plate, strip = PLATE | {"duration": "6.4 s"}, STRIP | {"cutoff_voltage": "1 V"}
    seed = {"material": "MoS2", "thickness": "5 nm", "steps": steps}
    found, _, _ = run(seed, plate, strip, drive=DRIVE | {"voltage_limit": "3 V"})
    first, back = cycles(found)
    assert first + back == pytest.approx(0.0, abs=0.3)
    assert found["seed_lithium"][-1] < 0.1 < found["seed_lithium"].max() and not found["seed_bound_lithium"].any()


def test_silver_fluoride_leaves_silver_that_takes_li() -> None:
    """1 Li at 4.15 V for good, then 10 Li as of Ag, which come back below 1 V; no dip, as of Ag."""
    host = charge_of("AgF", 2e-9, 1.0)
    plate, strip = PLATE | {"duration": f"{11 * host / J + 0.3} s"}, STRIP | {"cutoff_voltage": "1 V"}
    drive, seed = DRIVE | {"voltage_limit": "5 V"}, {"material": "AgF", "thickness": "2 nm"}
    found, _, _ = run(seed, plate, strip, drive=drive, time={"max_step": "0.15 s"})
    assert found["charge_error"].max() < 1e-8 and found["lithium_error"].max() < 1e-6
    assert found["seed_composition"].max() == pytest.approx(11.0, rel=1e-4)
    assert found["seed_composition"][-1] == pytest.approx(1.0, abs=1e-3)
    assert found["seed_bound_lithium"][-1] == pytest.approx(host, rel=AREA)
    plating, x = found["time"] < 11 * host / J, found["seed_composition"]
    for start, end, plateau in ((0.1, 0.9, 4.15), (1.1, 1.5, 0.26), (3.4, 4.9, 0.06)):
        on = plating & (x > start) & (x < end)
        assert on.sum() > 1 and np.abs(found["voltage"][on] - OHMIC - ETA + plateau).max() < PLATEAU / 2


def test_silver_and_zinc_oxide_share_a_potential() -> None:
    """1 nm of each: 2 Li per ZnO at 1.25 V for good, then Ag and Zn in turns; what is bound is that of ZnO."""
    seed = {"material": "Ag", "thickness": "1 nm", "mixed_with": [{"material": "ZnO", "thickness": "1 nm"}]}
    silver, oxide = charge_of("Ag", 1e-9, 1.0), charge_of("ZnO", 1e-9, 1.0)
    full = 10 * silver + 3 * oxide
    plate, strip = PLATE | {"duration": f"{full / J + 0.3} s"}, STRIP | {"cutoff_voltage": "1 V"}
    found, _, _ = run(seed, plate, strip, drive=DRIVE | {"voltage_limit": "2 V"}, time={"max_step": "0.15 s"})
    assert found["charge_error"].max() < 1e-8 and found["lithium_error"].max() < 1e-6
    assert found["seed_lithium"].max() == pytest.approx(full, rel=1e-4)
    assert found["seed_lithium"][-1] == pytest.approx(2 * oxide, rel=1e-3)
    assert found["seed_bound_lithium"][-1] == pytest.approx(2 * oxide, rel=AREA)
    assert found["nucleated_share"].min() > 0.999, "wetted, as silver is"
    plating, taken = found["time"] < full / J, found["seed_lithium"]
    zinc = 2 * oxide + 0.6 * silver + 0.4 * oxide * np.array([0.1, 0.9])  # after the first step of Ag, at 256 mV
    for (start, end), plateau in (((2.0, 2 * oxide - 2), 1.25), (zinc, 0.256)):
        on = plating & (taken > start) & (taken < end)
        assert on.sum() > 0 and np.abs(found["voltage"][on] - OHMIC - ETA + plateau).max() < PLATEAU


def test_a_resistance_before_the_seed_shifts_its_plateau() -> None:
    """A film of 30 ohm cm2: 30 mV at 1 mA/cm2; Li is accounted for."""
    interface = CELL["interface"] | {"contact_resistance": "30 ohm*cm^2"}
    found, _, _ = run({"material": "Al", "thickness": "5 nm"}, PLATE | {"duration": "2.5 s"}, interface=interface)
    assert sound(found)
    on = (found["seed_composition"] > 0.1) & (found["seed_composition"] < 0.9)
    assert found["voltage"][on] - OHMIC - ETA == pytest.approx(-0.385 + 0.03, abs=PLATEAU / 2)
