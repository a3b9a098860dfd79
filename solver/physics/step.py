"""A time step: what the loop asks of the physics, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from solver.laws.open_circuit import OpenCircuit
from solver.numerics.array import Array
from solver.numerics.linear import Outcome
from solver.numerics.state import Fields

Quantity = TypeVar("Quantity", float, Array)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step to try.

    number counts from 0; dt and, of the step before, dt_previous, s; current_density A/m^2 or voltage V, the other is
    None; stack_pressure Pa; previous: the fields dt_previous ago on the line that predicts them, None if there is none.
    open_circuit: of the other electrode, which has given `charge` (C/m^2) when the step begins: with it the voltage is
    that of the full cell.
    """

    number: int
    dt: float
    stack_pressure: float
    current_density: float | None = None
    voltage: float | None = None
    open_circuit: OpenCircuit | None = None
    charge: float = 0.0
    dt_previous: float = 0.0
    previous: Mapping[str, Array] | None = None

    def predict(self, name: str, now: Array) -> Array:
        """The field at the end of the step, on the line."""
        if self.previous is None:
            return now
        return now + self.dt / self.dt_previous * (now - self.previous[name])

    def local_error(self, of: Callable[[Fields], Quantity], new: Fields, now: Fields) -> Quantity:
        """Local truncation error of a function of the fields, from those at the end and at the start of the step."""
        start = of(now)
        expected = start if self.previous is None else start + self.dt / self.dt_previous * (start - of(self.previous))
        return self.error_share * abs(of(new) - expected)

    @property
    def error_share(self) -> float:
        """Part of the distance from the prediction that is the local error of backward Euler.

        That of a line along the last step; the real one has an older slope, so the error is up to 5/3 too large.
        """
        return 0.5 if self.previous is None else self.dt / (2 * self.dt + self.dt_previous)


@dataclass
class StepResult:
    """A tried step: new fields, which solve failed and why ("" if none), scaled error, what it measured (SI).

    jumps: what the fields change by at once at its end.
    """

    fields: dict[str, Array]
    failed: str
    error: float
    measured: dict[str, float] = field(default_factory=dict)
    warning: str = ""
    jumps: Mapping[str, Array] = field(default_factory=dict)


class SolveFailed(Exception):
    """A solve of a step has failed, on all ranks alike; a smaller step may do."""


def require(name: str, outcome: Outcome) -> None:
    """Raise SolveFailed unless a solve has ended well."""
    if not outcome.converged:
        raise SolveFailed(f"{name}: {outcome.reason}")
