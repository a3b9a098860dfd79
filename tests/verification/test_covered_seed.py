"""A seed beneath Li metal: it takes Li from the metal without a current, as fast as it can be taken and given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from solver.laws.alloy import Alloy
from solver.laws.layers import LayeredAlloy
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.numerics.array import Array
from solver.physics.seed import Seed
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare
from tests.verification.test_nucleation import EXCHANGE, THERMAL
from tests.verification.test_nuclei_in_a_cell import CELL, sound
from tests.verification.test_seed_in_a_cell import AREA, charge_of

REST = {"kind": "rest", "duration": "20 s"}
SLOW = "1e-17 m^2/s"  # for 8 nm, as 1.6e-15 m^2/s for 100 nm


def run(seed: dict[str, Any], film: str = "200 nm", **changes: Any) -> tuple[dict[str, Any], Simulation, Coupling]:
    """A film of Li on an empty seed, at rest."""
    collector = CELL["collector"] | {"seed": seed}
    drive = CELL["drive"] | {"voltage_limit": "1 V", "stack_pressure": "20 MPa"}
    cell = CELL | {"collector": collector, "lithium": {"film": film}, "drive": drive}
    simulation, model = prepare(make_case(cell | changes, [REST]))
    assert finish(simulation) == "protocol finished"
    return curves(simulation), simulation, model


def host_of(model: Coupling) -> Alloy:
    return next(part for part in model.parts if isinstance(part, Seed)).alloy


def exchange(metal: Array, alloy: Array) -> tuple[Array, Array, Array]:
    slope = np.full_like(alloy, EXCHANGE / THERMAL)
    return slope * (metal + alloy), slope, slope


@pytest.mark.parametrize(
    ("seed", "full"),
    [
        pytest.param({"material": "Mg", "thickness": "8 nm", "diffusivity": SLOW}, 9.0, marks=pytest.mark.long),
        ({"material": "Mg", "thickness": "8 nm", "diffusivity": "1e-19 m^2/s"}, 9.0),
        ({"material": "Al", "thickness": "20 nm"}, 1.0),
    ],
)
def test_it_takes_li_from_the_metal_as_by_itself(seed: dict[str, Any], full: float) -> None:
    """Composition in time as of the exchange by itself; the metal loses what the seed gains; no current, no Li lost."""
    found, simulation, model = run(seed, time={"max_step": "0.5 s"})
    assert sound(found)
    taken = found["seed_lithium"]
    host, time, old = host_of(model), 0.0, np.array([host_of(model).empty])
    deep, expected = host.start(old), []
    for until in found["time"]:
        dt = (until - time) / 20
        for _ in range(20):
            step = host.within(np.array([math.inf]), deep, dt)
            charging = np.full(1, dt / host.charge_per_composition)
            old, *_ = step.lithiate(old, np.zeros(1), exchange, charging)
            mean, _, deep = step.at_end(old)
        expected.append(float(mean[0]))
        time = until
    last = found["seed_composition"][-1]
    assert 0.2 < last <= full * (1 + 1e-6) and last == pytest.approx(expected[-1], rel=0.02)
    assert found["seed_composition"] == pytest.approx(expected, abs=0.05 * full)
    assert isinstance(host, LayeredAlloy) == (full == 9.0)
    thickness = float(seed["thickness"].split()[0]) * 1e-9
    assert taken[-1] == pytest.approx(charge_of(seed["material"], thickness, last), rel=AREA)
    inventory = model.stored(simulation.state)["inventory"]
    metal = inventory - VOLUME_PER_CHARGE * taken[-1]
    assert 200e-9 - metal == pytest.approx(VOLUME_PER_CHARGE * taken[-1], rel=2e-2)
    assert np.abs(found["current_density"]).max() == 0.0


def test_a_full_seed_takes_nothing() -> None:
    """Steps above 0 V that are all taken: once at 0 V its Li stays as it is, within rounding."""
    found, _, _ = run({"material": "Al", "thickness": "5 nm"})
    later = found["time"] > 10
    assert found["seed_composition"][later] == pytest.approx(1.0, abs=1e-9)
    assert np.ptp(found["lithium_thickness"][later]) < 1e-12


def test_metal_that_is_less_than_the_seed_holds_is_used_up() -> None:
    """10 nm of Li on Mg that could take 75 nm: all of it is in the seed in the end, and no occupancy is negative."""
    seed = {"material": "Mg", "thickness": "20 nm", "diffusivity": "1e-16 m^2/s"}
    found, simulation, model = run(seed, "10 nm")
    assert found["lithium_thickness"][-1] < 1e-13 < 9e-9 < found["lithium_thickness"][0]
    start = model.stored(simulation.state)["inventory"]
    assert VOLUME_PER_CHARGE * found["seed_lithium"][-1] == pytest.approx(start, rel=1e-9)
    assert start == pytest.approx(10e-9, rel=0.01) and simulation.state["occupancy"].min() > -1e-9
