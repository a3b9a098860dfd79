"""Charge, occupancy and lithium of the coupled step agree with an independent implementation in FiPy, field by field.

Mechanics is given to FiPy: velocities on all faces and the excess pressure of every step are those of our own run, so
that this says nothing about them, but all about what they do: drift along both axes, inflow through the bottom,
stress in the charge transfer. One per cent of each of these shows, too.

Both discretise the same way (cell-centred volumes, the same face averages, hybrid advection, backward Euler), so
only solver tolerances separate them: linear 1e-13, Newton 1e-12. FiPy's linear tolerance is relative to a
right-hand side of the size of the fields, summed over 1000 cells, which leaves 1e-11. AGREEMENT is a hundred times
that, and a thousand times smaller than what one per cent of any constant does (VISIBLE).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from benchmarks.peer import Motion
from benchmarks.setting import Run, Setting
from solver.numerics.array import Array

STEPS = (0.2, 0.2, 0.5, 1.0, 1.0)  # s: a start, then steps as a run takes them
AGREEMENT = 1e-9  # of xi and c; of phi in V
VISIBLE = 1e-6  # difference after one per cent of a constant


@dataclass(frozen=True)
class Step:
    """One of STEPS as our own run has taken it: what its mechanics gave, its fields and measures afterwards."""

    dt: float
    motion: Motion
    fields: dict[str, Array]
    measured: dict[str, float]


def setting(lateral: str) -> Setting:
    """A box in which the void cuts no cell of Li off: ours would find it dead, the peer lets all Li react."""
    cells = (32 if lateral == "symmetric" else 24, 40)
    return Setting(cells, lateral=lateral, tolerance=1e-13, newton_tolerance=1e-12, lithium_tolerance=1e-12)


@cache
def our_steps(lateral: str) -> list[Step]:
    run, steps = Run(setting(lateral)), []
    for dt in STEPS:
        measured = run.step(dt).measured
        fields = {name: run.state[name].copy() for name in run.coupling.history}
        assert run.motion is not None
        steps.append(Step(dt, run.motion, fields, measured))
    return steps


def largest_differences(
    lateral: str, given: Callable[[Motion], Motion] = lambda motion: motion, constant: str = ""
) -> dict[str, float]:
    """Of all STEPS, FiPy against ours; given: what is done to the motion first; constant: one enlarged by 1 %."""
    start = Run(setting(lateral))
    changes = {constant: 1.01 * getattr(start.peer().k, constant)} if constant else {}
    peer = start.peer(**changes)
    worst: dict[str, float] = {}
    for step in our_steps(lateral):
        peer.step(step.dt, start.setting.current_density, given(step.motion))
        for name, values in step.fields.items():
            start.state[name] = values
        worst = {name: max(gap, worst.get(name, 0.0)) for name, gap in start.differences(peer).items()}
    return worst


@pytest.mark.parametrize("lateral", ["symmetric", "periodic"])
def test_fields_agree_with_fipy(lateral):
    worst = largest_differences(lateral)
    assert worst["lithium"] < AGREEMENT
    assert worst["occupancy"] < AGREEMENT
    assert worst["potential"] < AGREEMENT
    # the case is one in which everything happens: a void, hot spots, drift along both axes, stress
    last = our_steps(lateral)[-1]
    assert 0.1 < last.measured["contact_fraction"] < 0.9
    assert last.measured["local_current_max_ratio"] > 1.1
    assert abs(last.measured["drift_velocity"]) > 1e-11
    assert np.max(np.abs(last.motion.lateral)) > 1e-11
    assert np.max(np.abs(last.motion.excess_pressure)) > 1e6
    assert np.max(last.motion.thickening) > 1 or lateral == "symmetric"


@pytest.mark.parametrize(
    "constant, field",
    [
        ("conductivity", "potential"),
        ("transfer_coefficient", "potential"),
        ("temperature", "potential"),
        ("molar_volume", "occupancy"),
        ("diffusivity", "occupancy"),
        ("surface_diffusivity", "occupancy"),
        ("critical_vacancy_fraction", "lithium"),
        ("mobility", "lithium"),
        ("surface_energy", "lithium"),
        ("contact_angle", "lithium"),
    ],
)
def test_one_per_cent_of_a_constant_is_detected(constant, field):
    worst = largest_differences("symmetric", constant=constant)
    assert worst[field] > VISIBLE, worst


def enlarged(values: Array, part: tuple[slice | list[int], ...] = ()) -> Array:
    """A copy with one per cent more in a part of it."""
    copy = values.copy()
    copy[part] *= 1.01
    return copy


@pytest.mark.parametrize(
    "lateral, change, field",
    [
        ("symmetric", lambda m: replace(m, lateral=enlarged(m.lateral)), "lithium"),
        ("periodic", lambda m: replace(m, lateral=enlarged(m.lateral, ([0, -1],))), "lithium"),
        ("symmetric", lambda m: replace(m, normal=enlarged(m.normal, (slice(None), slice(1, None)))), "lithium"),
        ("symmetric", lambda m: replace(m, normal=enlarged(m.normal, (slice(None), [0]))), "occupancy"),
        ("symmetric", lambda m: replace(m, excess_pressure=enlarged(m.excess_pressure)), "occupancy"),
        ("symmetric", lambda m: replace(m, thickening=enlarged(m.thickening)), "occupancy"),
    ],
    ids=["lateral velocity", "lateral velocity at the seam", "normal velocity", "inflow", "excess pressure", "layer"],
)
def test_one_per_cent_of_what_the_mechanics_gives_is_detected(lateral, change, field):
    worst = largest_differences(lateral, given=change)
    assert worst[field] > VISIBLE, worst
