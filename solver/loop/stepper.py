"""Size of the time step: chosen from the error of the last one, landing exactly on the times that matter."""

from __future__ import annotations

from dataclasses import dataclass

SAFETY = 0.8  # with 0.9 a tenth of the steps is rejected where filaments grow
LARGEST_GROWTH, SMALLEST_FACTOR = 2.0, 0.25
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

    def propose(self, remaining: float, limit: float) -> float:
        """The next dt, not larger than `limit`; it lands on a target `remaining` away where it reaches it.

        The last two steps before a target are made equal, so that no sliver is left over.
        """
        if not self.fixed:
            self.dt = min(self.dt, self.largest, max(limit, self.smallest))
        if remaining <= self.dt * (1 + 1e-9):
            return remaining
        if remaining < 2 * self.dt and not self.fixed:
            return 0.5 * remaining
        return self.dt

    def rejects(self, error: float) -> bool:
        """Whether a converged step with this error has to be repeated."""
        return self.fixed is None and not error <= self.tolerance  # NaN is not a small error

    def accept(self, dt: float, error: float) -> None:
        """Choose the next step; one that was cut to meet a target does not make it small."""
        if self.fixed:
            return
        best = dt * max(SMALLEST_FACTOR, self._factor(error))
        self.dt = min(best, max(self.dt, LARGEST_GROWTH * dt))

    def _factor(self, error: float) -> float:
        """Of a step with this error to the one that meets the tolerance."""
        return SAFETY * (self.tolerance / max(error, 1e-12)) ** 0.5

    def reject(self, dt: float, error: float | None) -> None:
        """Choose a smaller step to try again; error None after a failed solve. Raises StepTooSmall."""
        if self.fixed:
            raise StepTooSmall(f"time.fixed_step, {self.fixed:.3g} s, is not made smaller")
        factor = FAILED_FACTOR
        if error is not None:
            factor = min(FAILED_FACTOR, max(SMALLEST_FACTOR, self._factor(error)))
        self.dt = dt * factor
        if self.dt < self.smallest:
            raise StepTooSmall(f"a step of {self.dt:.3g} s would be needed; time.min_step is {self.smallest:.3g} s")
