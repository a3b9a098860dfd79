"""The ramp of a critical current density: half-cycles whose current grows from cycle to cycle until the cell fails.

The currents of the ramp are start, start + increment, start + 2 increment, ... or start, start * factor, ..., as
far as max_current_density. The critical current density (CCD) is the highest one that was plated to its end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from solver.case.types import Capacity, CurrentDensity, Fraction, Problem, Section, Time, key, required
from solver.units import Number, Usual

Factor = Annotated[
    float, Number(gt=1, usual=Usual(1.001, 10, "hundreds of cycles to double a current; misses a limit by far"))
]

_ROUNDING = 1e-9  # of a step of the ramp: 1.0 + 10 * 0.1 mA/cm^2 reaches a maximum of 2.0 mA/cm^2

_ENDLESS = 1e9  # steps, more than any protocol may have; a quotient may overflow


class Ramp(Section):
    """Half-cycles of plating and stripping whose current grows until the cell fails."""

    kind: Literal["ccd"] = required("half-cycles whose current grows until the cell fails: critical current density")
    start: CurrentDensity = required("plating current density of the first cycle")
    increment: CurrentDensity | None = key(None, "what each cycle adds to the current density; or factor")
    factor: Factor | None = key(None, "by what each cycle multiplies the current density; or increment")
    max_current_density: CurrentDensity = required("plating current density at which the ramp ends")
    capacity: Capacity | None = key(None, "charge per contact area of each half-cycle; or duration")
    duration: Time | None = key(None, "time of each half-cycle; or capacity")
    stripping_current_density: CurrentDensity | None = key(
        None, "the same in all cycles; default as large as the plating current density of the cycle"
    )
    first: Literal["strip", "plate"] = key("plate", "the half-cycle with which each cycle begins")
    rest: Time | None = key(None, "rest between the half-cycles; none without it")
    min_contact_fraction: Fraction | None = key(None, "contact fraction below which the run ends: contact loss")

    @property
    def cycles(self) -> int:
        """Number of cycles up to max_current_density."""
        if self.increment is not None:
            steps = (self.max_current_density - self.start) / self.increment
        else:
            assert self.factor is not None  # one of the two is given, see `ramp_problems`
            steps = math.log(self.max_current_density / self.start) / math.log(self.factor)
        return 1 + math.floor(min(steps, _ENDLESS) + _ROUNDING)

    def plating_current(self, cycle: int) -> float:
        """Plating current density of a cycle, which count from 1, A/m^2."""
        if self.increment is not None:
            return self.start + (cycle - 1) * self.increment
        assert self.factor is not None
        return float(self.start * self.factor ** (cycle - 1))

    def stripping_current(self, cycle: int) -> float:
        """Magnitude of the stripping current density of a cycle, A/m^2."""
        return self.stripping_current_density or self.plating_current(cycle)

    @property
    def largest_stripping_current(self) -> float:
        """Largest magnitude of the stripping current density of all cycles, A/m^2."""
        return self.stripping_current(self.cycles)

    @property
    def segments(self) -> int:
        """Number of half-cycles, and of the rests between them."""
        return 2 * self.cycles if self.rest is None else 4 * self.cycles - 1


def ramp_problems(where: str, ramp: Ramp) -> Iterator[Problem]:
    """What contradicts itself in the ramp with the key `where`."""
    for names in (("increment", "factor"), ("capacity", "duration")):
        given = [name for name in names if getattr(ramp, name) is not None]
        if len(given) != 1:
            wrong = f"{' and '.join(given)} exclude each other" if given else f"{' or '.join(names)} is missing"
            yield Problem(where, wrong, f"exactly one of {', '.join(names)}")
    if ramp.max_current_density < ramp.start:
        allowed = f"at least start, {ramp.start / 10:.6g} mA/cm^2"
        yield Problem(f"{where}.max_current_density", "below the start of the ramp", allowed)
