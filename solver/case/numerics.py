"""The sections [time] and [solver] of a case file: steps and tolerances."""

from __future__ import annotations

from solver.case.types import Iterations, Section, SmallStep, Step, TimeTolerance, Tolerance, key


class TimeOptions(Section):
    """The time step."""

    max_step: Step = key("20 s", "largest step")
    min_step: SmallStep = key("10 us", "smallest step; the run fails when it would need a smaller one")
    first_step: Step = key("0.1 s", "first step of the run and of every segment")
    tolerance: TimeTolerance = key(1.0, "factor on the error tolerances of the step")
    fixed_step: Step | None = key(None, "constant step, not adapted; for verification")


class SolverOptions(Section):
    """The solvers."""

    tolerance: Tolerance = key(1e-9, "relative tolerance of the linear solvers")
    newton_tolerance: Tolerance = key(
        1e-10, "tolerance of the charge balance relative to the applied current"
    )
    max_newton: Iterations = key(12, "largest number of Newton iterations")
