"""Size of the time step: chosen from the error of the last one, landing exactly on the times that matter."""

from __future__ import annotations

from dataclasses import dataclass

SAFETY = 0.9
LARGEST_GROWTH, SMALLEST_FACTOR = 1.5, 0.25
FAILED_FACTOR = 0.5  # after a solve that did not converge there is no error to go by


class StepTooSmall(RuntimeError):
    """The step would have to be smaller than the smallest that the case allows."""


@dataclass(kw_only=True)
class Stepper:
    """dt in s. The error of a step is scaled so that 1 is the tolerance, and falls as dt^2.

    fixed: every step has this size (except to land on a target) and none is rejected for its error.
    """

    first: float
    smallest: float
    largest: float
    tolerance: float = 1.0
    fixed: float | None = None

    def __post_init__(self) -> None:
        self.dt = self.fixed or self.first

    def restart(self) -> None:
        """Begin again with the first step (a new segment)."""
        self.dt = self.fixed or self.first

    def propose(self, remaining: float, limit: float) -> tuple[float, bool]:
        """The next dt, not larger than `limit`, and whether it lands on the target `remaining` away.

        The last two steps before a target are made equal, so that no sliver is left over.
        """
        dt = self.dt if self.fixed else min(self.dt, self.largest, max(limit, self.smallest))
        if remaining <= dt * (1 + 1e-9):
            return remaining, True
        if remaining < 2 * dt and not self.fixed:
            return 0.5 * remaining, False
        return dt, False

    def rejects(self, error: float) -> bool:
        """Whether a converged step with this error has to be repeated."""
        return self.fixed is None and not error <= self.tolerance  # NaN is not a small error

    def accept(self, dt: float, error: float, landed: bool) -> None:
        """Choose the next step; one that was cut to land on a target does not make the next one small."""
        if self.fixed:
            return
        factor = SAFETY * (self.tolerance / max(error, 1e-12)) ** 0.5
        proposed = dt * min(LARGEST_GROWTH, max(SMALLEST_FACTOR, factor))
        self.dt = max(self.dt, proposed) if landed and factor >= 1 else proposed

    def reject(self, dt: float, error: float | None) -> None:
        """Choose a smaller step to try again; error None after a failed solve. Raises StepTooSmall."""
        if self.fixed:
            raise StepTooSmall(f"time.fixed_step, {self.fixed:.3g} s, is not made smaller")
        factor = FAILED_FACTOR
        if error is not None:
            factor = min(FAILED_FACTOR, max(SMALLEST_FACTOR, SAFETY * (self.tolerance / error) ** 0.5))
        self.dt = dt * factor
        if self.dt < self.smallest:
            raise StepTooSmall(f"a step of {self.dt:.3g} s would be needed; time.min_step is {self.smallest:.3g} s")
