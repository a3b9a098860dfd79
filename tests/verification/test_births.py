"""Whole numbers of nuclei: what they follow from, that nothing is lost, and what the mean field says of many."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from solver.laws.nucleation import coverage
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.numerics.array import Array
from solver.physics import births
from solver.physics.births import BORN, EXPECTED, SEEN, RandomBirths
from solver.physics.step import Step
from tests.parallel.runs import few_nuclei_case, merged
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare

HELD = 0.013  # V, at which a column of 50 nm has about two births in a second


def prepared(numbers: str, **changes: Any) -> tuple[Simulation, Coupling]:
    table = merged(few_nuclei_case(changes), {"collector": {"nucleation": {"numbers": numbers}}})
    return prepare(make_case({key: table[key] for key in table if key != "protocol"}, table["protocol"]))


def run(numbers: str, **changes: Any) -> tuple[dict[str, Any], Simulation]:
    simulation, _ = prepared(numbers, **changes)
    assert finish(simulation) == "protocol finished"
    found = curves(simulation)
    limits = {"lithium_error": 1e-8, "charge_error": 1e-8, "force_error": 3e-7}
    assert all(found[name].max() < limit for name, limit in limits.items())
    return found, simulation


def born_at_held_potential(steps: int, seed: int) -> tuple[Array, Array]:
    """n and H of columns after 1.5 s, in so many steps."""
    simulation, model = prepared("poisson", collector={"nucleation": {"seed": seed}})
    (part,) = [part for part in model.followers if isinstance(part, RandomBirths)]
    state, contact = simulation.state, model.places.start()
    state["potential"] = HELD
    for number in range(steps):
        fields = {name: state[name].copy() for name in state}
        fields |= part.step(state, fields, contact, Step(number=number, dt=1.5 / steps, stack_pressure=5e6)).fields
        for name, change in part.jump(fields, contact).items():
            fields[name] = fields[name] + change
        for name in state:
            state[name] = fields[name]
    return state[BORN][..., 0].copy(), SEEN * np.expm1(state[EXPECTED][..., 0])


def test_what_is_born_follows_from_what_is_expected_and_the_seed() -> None:
    """In 1, 7 and 60 steps the same numbers in every column; another seed has others."""
    one, expected = born_at_held_potential(1, 1)
    assert np.ptp(expected) < 1e-9 * expected.max() and 0.5 < expected[0, 0] < 10
    for steps in (7, 60):
        many, also = born_at_held_potential(steps, 1)
        np.testing.assert_allclose(also, expected, rtol=1e-10)
        np.testing.assert_array_equal(many, one)
    assert np.any(born_at_held_potential(1, 2)[0] != one) and len(np.unique(one)) > 2


@cache
def few() -> tuple[dict[str, Any], Simulation]:
    return run("poisson")


def test_births_are_whole_and_as_many_as_expected() -> None:
    """Within 3 standard deviations in all columns together, other numbers in each."""
    _, simulation = few()
    number, expected = simulation.state[BORN][..., 0], SEEN * np.expm1(simulation.state[EXPECTED][..., 0])
    assert np.array_equal(number, np.round(number)) and number.min() == 0 < number.max()
    assert abs(number.sum() - expected.sum()) < 3 * np.sqrt(expected.sum())
    assert expected.mean() < 4


def test_the_log_counts_what_is_born_in_the_step() -> None:
    """N and X that a step measures are those of the fields after its births, also of the first one."""
    simulation, model = prepared("poisson")
    (part,) = [part for part in model.followers if isinstance(part, RandomBirths)]
    state, contact, grid = simulation.state, model.places.start(), simulation.grid
    state["potential"] = HELD
    fields = {name: state[name].copy() for name in state}
    result = part.step(state, fields, contact, Step(number=0, dt=1.5, stack_pressure=5e6))
    born = part.jump(fields | result.fields, contact)
    assert not fields["nucleus_density"].any() and born[BORN].max() >= 1
    found = coverage(part.parameters.overlap(born["nucleus_moment_2"]))
    number, share = grid.sums(contact.area * born["nucleus_density"], contact.area * found)
    expected = {"nucleus_density": number / grid.lateral_area, "nucleated_share": share / grid.lateral_area}
    assert result.measured == pytest.approx(expected, rel=1e-12)


def test_caps_grow_over_the_sides_of_their_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none was born the contact is covered by those beside; if they kept to their cells it would stay bare."""
    _, simulation = few()
    none, covered = simulation.state[BORN][..., 0] == 0, simulation.state["nucleated_extent"]
    assert none.any() and covered.min() > 0
    assert curves(simulation)["nucleated_share"][-1] > 0.97
    monkeypatch.setattr(births.RandomBirths, "_spread", lambda self, moments, grown: moments)
    kept, simulation = run("poisson")
    alone = simulation.state[BORN][..., 0] == 0
    assert kept["nucleated_share"][-1] < 1 - 0.9 * alone.mean() and alone.any()


@pytest.mark.long
def test_many_nuclei_are_the_mean_field() -> None:
    """3 mA/cm2, some 700 births in a column: the voltage within 1 % through dip and hand-over, the same hand-over."""
    fast = {
        "drive": {"current_density": "3 mA/cm^2"},
        "domain": {"width": "0.2 um"},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "8.5 s"}],
        "time": {"tolerance": 0.3},
    }
    (random, simulation), (mean, _) = run("poisson", **fast), run("mean", **fast)
    assert simulation.state[BORN].min() > 50
    times = np.linspace(0.33, 8.5, 400)
    voltages = [np.interp(times, found["time"], found["voltage"]) for found in (random, mean)]
    assert voltages[0] == pytest.approx(voltages[1], rel=0.01)
    assert random["voltage"].max() == pytest.approx(mean["voltage"].max(), rel=0.005)
    assert random["contact_fraction"][-1] > 0.99 and mean["contact_fraction"][-1] > 0.99
    assert random["lithium_thickness"][-1] == pytest.approx(mean["lithium_thickness"][-1], rel=0.01)


def test_fewer_nuclei_than_columns_become_a_film() -> None:
    """More than half of the columns have none of their own; all become Li, and none of it is lost on the way."""
    slow = {
        "domain": {"width": "0.2 um"},
        "drive": {"current_density": "0.1 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "270 s"}],
        "time": {"tolerance": 3.0},
    }
    found, simulation = run("poisson", **slow)
    born = simulation.state[BORN][..., 0]
    assert 0 < born.mean() < 0.6 and np.mean(born == 0) > 0.5
    handed = np.flatnonzero(found["contact_fraction"] > 0.9)[0]
    assert found["nucleated_lithium"][handed - 1] > 15e-9 and found["nucleated_lithium"][-1] < 1e-13
    assert found["contact_fraction"][-1] > 0.999
    charged = 500.0 * 2 * 0.02569 * np.arcsinh(1.0 / 100)  # C eta of a contact that is covered, C/m^2
    plated = VOLUME_PER_CHARGE * (found["time"][-1] - charged)
    assert found["lithium_thickness"][-1] == pytest.approx(plated, rel=2e-3)
    assert found["gap"][-1] == pytest.approx(plated, rel=0.01)


def test_late_births_are_an_error_of_the_order_of_the_step() -> None:
    """Li that nuclei hold at the dip, in steps of 80, 40 and 20 ms against 10 ms."""

    def held(step: str) -> float:
        segment = {"kind": "galvanostatic", "direction": "plate", "duration": "0.88 s"}
        changes = {"domain": {"width": "0.2 um"}, "drive": {"current_density": "1 mA/cm^2"}, "protocol": [segment]}
        found, _ = run("poisson", time={"fixed_step": step}, **changes)
        return float(found["nucleated_lithium"][-1])

    exact = held("10 ms")
    errors = [abs(held(step) / exact - 1) for step in ("80 ms", "40 ms", "20 ms")]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.3 * errors[0] and errors[2] < 0.1
