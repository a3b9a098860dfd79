"""One cycle through all places that Li can be in: every atom is accounted for, and one that is left out is found."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from solver.case.io import case_from_dict
from solver.loop.cycles import LOSSES, cycle_rows
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.physics.part import Audit
from tests.parallel.runs import all_places_case
from tests.verification.setups import curves, finish, prepare

CLOSED = 1e-6  # of the Li that passes
HELD = ("seed_lithium", "interphase_lithium", "dead_lithium", "filament_volume", "nucleated_lithium", "cathode_lithium")
LEFT, NOTHING = {"filament", "seed", "barrier", "nucleation"}, 1e-10  # parts that hold Li at the end, more than this, m


@cache
def cycle() -> tuple[dict[str, Any], Simulation, Coupling]:
    simulation, model = prepare(case_from_dict(all_places_case({"time": {"fixed_step": "120 ms"}})))
    assert finish(simulation) == "protocol finished"
    return curves(simulation), simulation, model


def test_li_and_charge_are_accounted_for_in_every_step() -> None:
    """Seed with an oxide, film with Li beneath, nuclei on top, interphase, filaments, dead Li, cathode: 1e-6."""
    found, simulation, _ = cycle()
    assert found["lithium_error"].max() < CLOSED and found["charge_error"].max() < CLOSED
    assert all(np.abs(found[name]).max() > 0 for name in HELD)
    assert np.ptp(found["seed_lithium"]) > 20 and found["interphase_lithium"][-1] > 5
    filled = found["filament_volume"]
    assert filled.max() > 1.05 * filled[0], "a filament has taken Li"
    dead = found["dead_lithium"]
    assert dead.min() > 1e-9, "what the other flaw holds has no electrons"
    assert dead[2] == pytest.approx(dead[0], rel=1e-3), "what seed and interphase take is not dead"
    assert found["lithium_beneath"].max() > 1e-9 and found["nucleated_lithium"].max() > 1e-10
    assert [end.kind for end in simulation.progress.ended] == ["cathode empty", "cathode full"]


def test_what_does_not_come_back_is_shared_out() -> None:
    """The cathode ends the cycle: 65 % is its first-cycle loss. Of that seed, interphase and filaments hold some."""
    _, simulation, _ = cycle()
    (row,) = cycle_rows(simulation.progress.half_cycle_rows("finished"))
    parts = {name: float(row[name] or 0.0) for name in LOSSES if row[name] is not None}
    assert row["coulombic_efficiency"] == pytest.approx(1 - 0.65, abs=1e-6)
    assert sum(parts.values()) == pytest.approx(0.65, abs=1e-6) and parts["cathode_loss"] > 0.02
    assert min(parts["seed_loss"], parts["interphase_loss"]) > 0.02 and abs(parts["filament_loss"]) > 1e-3


def test_a_place_or_a_supply_that_is_left_out_is_found() -> None:
    """The balance without what one of them holds, or without one of the supplies, is off by 100 times as much."""
    _, simulation, model = cycle()
    progress, contact = simulation.progress, model.places.now(simulation.state)
    (audit,) = (audit for audit in model.audits if audit.balance.name == "lithium")

    def error(doctored: Audit, hidden: float = 0.0) -> float:
        measured = progress.measured | {audit.balance.stored: progress.measured[audit.balance.stored] - hidden}
        return replace(progress, measured=measured).error(doctored)

    assert error(audit) < CLOSED
    held: dict[str, float] = {}
    for part in model.parts:
        lithium = np.asarray(part.lithium(simulation.state, contact)) * np.ones(simulation.grid.local_shape)
        held[part.name] = simulation.grid.integral(lithium) / simulation.grid.lateral_area
    assert {name for name, amount in held.items() if amount > NOTHING} == LEFT
    for name in LEFT:
        assert error(audit, held[name]) > 100 * CLOSED, name
    for left_out in audit.supplies:
        if left_out.name != audit.balance.passed and progress.sums[left_out.name]:
            others = tuple(supply for supply in audit.supplies if supply is not left_out)
            assert error(replace(audit, supplies=others)) > 100 * CLOSED, left_out.name
