"""The choice of the time step: growth, rejection, landing on targets, fixed steps, failure."""

from __future__ import annotations

import numpy as np
import pytest

from solver.loop.stepper import LARGEST_GROWTH, SMALLEST_FACTOR, Stepper, StepTooSmall

FAR = 1e9


def stepper(**options: float) -> Stepper:
    return Stepper(**({"first": 0.1, "smallest": 1e-3, "largest": 5.0} | options))


def test_the_first_step_and_the_limits():
    """First step; never above the largest, nor above the limit of the model, which cannot push below the smallest."""
    s = stepper()
    assert s.propose(FAR, np.inf) == 0.1
    assert s.propose(FAR, 0.03) == 0.03
    assert s.propose(FAR, 1e-9) == 1e-3
    for _ in range(20):
        s.accept(s.propose(FAR, np.inf), 1e-6)
    assert s.propose(FAR, np.inf) == 5.0


def test_growth_and_shrinkage_follow_the_error():
    """The error falls as dt^2, so dt is scaled with its root, 0.8 of it, within bounds."""
    s = stepper()
    s.accept(1.0, 0.5)
    assert s.dt == pytest.approx(0.8 * 0.5**-0.5)
    s.accept(1.0, 1e-9)
    assert s.dt == pytest.approx(LARGEST_GROWTH)
    s.accept(1.0, 0.0)  # nothing changed at all
    assert s.dt == pytest.approx(LARGEST_GROWTH)
    s.accept(1.0, 1.0)
    assert s.dt == pytest.approx(0.8)


def test_the_tolerance_scales_the_error():
    """Four times the tolerance: twice the step; rejection above the tolerance, not at it."""
    tight, loose = stepper(tolerance=0.25), stepper(tolerance=1.0)
    tight.accept(1.0, 0.5)
    loose.accept(1.0, 0.5)
    assert loose.dt == pytest.approx(2 * tight.dt)
    assert loose.rejects(1.0001) and not loose.rejects(1.0)
    assert tight.rejects(0.2501) and not tight.rejects(0.25)


def test_a_rejected_step_is_repeated_smaller():
    """By the error, at least by half and at most to a quarter; by half after a failed solve."""
    for error, factor in ((1.1, 0.5), (4.0, 0.4), (1e6, SMALLEST_FACTOR), (None, 0.5)):
        s = stepper()
        s.reject(1.0, error)
        assert s.dt == pytest.approx(factor)
        assert s.propose(FAR, np.inf) == s.dt


def test_a_step_below_the_smallest_is_refused():
    """StepTooSmall names the step and the limit."""
    s = stepper()
    with pytest.raises(StepTooSmall, match=r"0.000625 s would be needed; time.min_step is 0.001 s"):
        s.reject(1.25e-3, None)


def test_targets_are_met_exactly_without_slivers():
    """To any target: the steps add up to it, the last lands, and none is below half of what was wanted."""
    rng = np.random.default_rng(1)
    for target in rng.uniform(0.05, 60.0, size=50):
        s, time = stepper(first=float(rng.uniform(0.01, 5))), 0.0
        while time < target * (1 - 1e-12):
            wanted = min(s.dt, 5.0)
            dt = s.propose(target - time, np.inf)
            assert dt <= wanted * (1 + 1e-9)
            assert dt >= 0.499 * min(wanted, target)
            time += dt
            s.accept(dt, float(rng.uniform(0.1, 1.0)))
        assert time == pytest.approx(target, rel=1e-14)


@pytest.mark.parametrize("wanted, steps", [(5.0, 6), (4.9, 7), (16.0, 2), (29.0, 2), (30.0, 1), (31.0, 1)])
def test_targets_cost_no_steps(wanted, steps):
    """To every target no more steps than must be, and the wanted step is there again afterwards."""
    s = stepper(first=wanted, largest=wanted)
    for _ in range(3):
        taken = []
        while sum(taken) < 30.0 * (1 - 1e-12):
            dt = s.propose(30.0 - sum(taken), np.inf)
            taken.append(dt)
            s.accept(dt, 0.5 * (dt / wanted) ** 2)
        assert len(taken) == steps
        assert s.dt >= wanted


def test_landing_does_not_make_the_next_step_small():
    """A step cut to a near target leaves the wanted one as it was; one with a large error does not."""
    s = stepper(first=2.0)
    assert s.propose(0.3, np.inf) == 0.3
    s.accept(0.3, 0.01)
    assert s.dt == 2.0
    s.accept(0.3, 1.0)
    assert s.dt == pytest.approx(0.24)


def test_a_fixed_step_stays():
    """Neither error nor limit changes it; only a target cuts it; it is never rejected, and cannot be made smaller."""
    s = stepper(fixed=0.4)
    assert s.propose(FAR, 1e-6) == 0.4
    assert s.propose(0.5, np.inf) == 0.4
    assert s.propose(0.1, np.inf) == 0.1
    assert not s.rejects(1e9)
    s.accept(0.4, 1e9)
    assert s.dt == 0.4
    with pytest.raises(StepTooSmall):
        s.reject(0.4, None)


def test_a_new_segment_begins_with_the_first_step():
    s = stepper()
    s.accept(3.0, 0.1)
    s.restart()
    assert s.dt == 0.1
