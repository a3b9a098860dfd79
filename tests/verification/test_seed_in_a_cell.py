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
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare
from tests.verification.test_nucleation import EXCHANGE, THERMAL, galvanostatic, parameters
from tests.verification.test_nuclei_in_a_cell import CELL, sound

J = 10.0  # A/m^2
OHMIC = J * 3e-6 / 0.18  # V
ETA = 2 * THERMAL * np.arcsinh(J / (2 * EXCHANGE))  # V, on Li and on an alloy
PLATE = {"kind": "galvanostatic", "direction": "plate"}
STRIP = {"kind": "galvanostatic", "direction": "strip"}


def run(
    seed: dict[str, Any], *protocol: dict[str, Any], **changes: Any
) -> tuple[dict[str, Any], Simulation, Coupling]:
    """A cell at 1 mA/cm2 with a seed, until its protocol is over."""
    drive = CELL["drive"] | {"voltage_limit": "1 V"}
    cell = CELL | {"drive": drive, "collector": CELL["collector"] | {"seed": seed}}
    simulation, model = prepare(make_case(cell | changes, list(protocol)))
    assert finish(simulation) == "protocol finished"
    return curves(simulation), simulation, model


def charge_of(name: str, thickness: float, composition: float) -> float:
    """C/m^2 of a host of a thickness (m) with a composition."""
    return composition * FARADAY * thickness / materials.load(name).value("molar_volume")


def test_gold_has_its_plateaus_and_then_the_dip_and_the_film_of_a_bare_collector() -> None:
    """20 nm take 708.5 C/m2 at -165 and -105 mV; then the dip that a contact by itself has; a film; no Li is lost."""
    found, simulation, model = run({"material": "Au", "thickness": "20 nm"}, PLATE | {"duration": "115 s"})
    assert sound(found)
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
    two, _, _ = run(seed | {"one_phase": False}, plate)
    assert sound(one) and sound(two)
    assert np.diff(one["voltage"]).min() > -1e-6 and one["nucleated_share"].min() > 0.999
    assert one["voltage"][-1] - OHMIC == pytest.approx(ETA, rel=0.02)
    assert two["voltage"].max() - two["voltage"][-1] > 5e-3
    assert one["nucleated_lithium"][-1] > 1e-8


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


def test_a_resistance_before_the_seed_shifts_its_plateau() -> None:
    """A film of 30 ohm cm2: 30 mV at 1 mA/cm2; Li is accounted for."""
    interface = CELL["interface"] | {"contact_resistance": "30 ohm*cm^2"}
    found, _, _ = run({"material": "Al", "thickness": "5 nm"}, PLATE | {"duration": "2.5 s"}, interface=interface)
    assert sound(found)
    on = (found["seed_composition"] > 0.1) & (found["seed_composition"] < 0.9)
    assert found["voltage"][on] - OHMIC - ETA == pytest.approx(-0.385 + 0.03, abs=PLATEAU / 2)
