"""The protocol as the time loop sees it: segments that say what to apply, when to land, and when to end.

Signs: current density and voltage are positive when plating. Time t counts from the start of the segment; the
loop adds up its steps, so that t does not lose digits late in a long run. Everything here is plain data, and
the same on all ranks. A cell voltage is that of the full cell, positive, and nan where it is not known: then no limit
of it is reached.

Steps land on times to a relative 1e-12 and on capacities to a relative 1e-9, because the charge balance is
solved to 1e-10.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from solver.case import protocol as schema
from solver.case.ending import Ending
from solver.case.ramp import Ramp

if TYPE_CHECKING:
    from solver.case.schema import Case

TIME_TOLERANCE = 1e-12
CAPACITY_TOLERANCE = 1e-9
LIMITS = (
    "duration",
    "capacity",
    "min_contact_fraction",
    "max_void_fraction",
    "cutoff_current_density",
    "cutoff_voltage",
    "cutoff_cell_voltage",
)
CUTOFF_OVERSHOOT = 0.02  # of the cutoff voltage: by which a step may pass it
CELL_OVERSHOOT = 5e-3  # V, of a cutoff cell voltage: by which a step may pass it
HOLD_OVERSHOOT = 1e-4  # V, of a cell voltage before it is held: well below what drives the current, else that reverses
CUTOFF_SHARES = (0.1, 0.9)  # of a step that went too far: what is tried instead


@dataclass(frozen=True)
class Control:
    """What is applied at one time: a current density (A/m^2) or a voltage (V), both signed, positive plates.

    `cell_voltage` (V) in the place of a voltage is that of the full cell. `stack_pressure` (Pa) is None where the
    drive's own holds.
    """

    current_density: float | None = None
    voltage: float | None = None
    cell_voltage: float | None = None
    stack_pressure: float | None = None


@dataclass(frozen=True)
class SegmentState:
    """What a segment remembers: whether it still imposes its current ("cc") or already its voltage ("cv")."""

    phase: Literal["cc", "cv"] = "cc"

    def to_json(self) -> dict[str, str]:
        """Plain data for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SegmentState:
        """The state that `to_json` gave."""
        return cls(**data)


START = SegmentState()


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One segment in SI units. None where something does not apply.

    label: words for logs, such as "protocol.1.segments.0 (repetition 2): strip".
    current_density, voltage, cutoff_voltage: signed, positive plates. cell_voltage, cutoff_cell_voltage: of the full
    cell. cutoff_current_density, capacity (C/m^2): magnitudes.
    times, currents, pressures: columns of a measured profile (s, A/m^2 signed, Pa).
    cycle: of the ramp of a critical current density, from 1; 0 outside of it.
    contact_loss_fraction: contact fraction below which the run, not only the segment, ends.
    """

    kind: Literal["rest", "galvanostatic", "potentiostatic", "cc-cv", "profile"]
    label: str
    current_density: float | None = None
    voltage: float | None = None
    cell_voltage: float | None = None
    cutoff_current_density: float | None = None
    cutoff_voltage: float | None = None
    cutoff_cell_voltage: float | None = None
    duration: float | None = None
    capacity: float | None = None
    min_contact_fraction: float | None = None
    max_void_fraction: float | None = None
    times: tuple[float, ...] = ()
    currents: tuple[float, ...] = ()
    pressures: tuple[float, ...] | None = None
    cycle: int = 0
    contact_loss_fraction: float | None = None

    @property
    def stripping_current(self) -> float:
        """Largest magnitude of a stripping current density that it imposes, A/m^2; 0 where it imposes none."""
        return max(0.0, -(self.current_density or 0.0), -min(self.currents, default=0.0))

    def fingerprint(self, past: str = "", limits: bool = True) -> str:
        """Hash of what the segment does, whatever its label, and of the segments before it (`past`).

        limits: with those that end it, else only of what it applies.
        """
        said = {key: value for key, value in asdict(self).items() if key != "label" and (limits or key not in LIMITS)}
        return hashlib.sha256(json.dumps([past, said], sort_keys=True).encode()).hexdigest()

    def holds_voltage(self, state: SegmentState = START) -> bool:
        """Whether the voltage is imposed rather than the current."""
        return self.kind == "potentiostatic" or (self.kind == "cc-cv" and state.phase == "cv")

    def control(self, t: float, state: SegmentState = START) -> Control:
        """What is applied at time t."""
        if self.kind == "profile":
            pressure = None if self.pressures is None else self._interpolate(t, self.pressures)
            return Control(current_density=self._interpolate(t, self.currents), stack_pressure=pressure)
        if self.holds_voltage(state):
            return Control(voltage=self.voltage, cell_voltage=self.cell_voltage)
        return Control(current_density=self.current_density)

    def next_time(self, t: float, capacity: float = 0.0, state: SegmentState = START) -> float:
        """Time in s from t to the next point that a step must land on, inf when there is none.

        These are the end by duration, the end by capacity at a constant current, and the points of a profile.
        `capacity` is the magnitude of the charge passed in this segment so far, C/m^2.
        """
        candidates = [math.inf]
        if self.duration is not None:
            candidates.append(self.duration - t)
        if self.kind == "profile":
            candidates.append(self._next_breakpoint(t) - t)
        constant = self.current_density is not None and not self.holds_voltage(state)
        if constant and self.capacity is not None and self.current_density:
            candidates.append((self.capacity - capacity) / abs(self.current_density))
        return max(0.0, min(candidates))

    def ended(
        self,
        t: float,
        capacity: float,
        current_density: float,
        voltage: float,
        contact_fraction: float,
        void_fraction: float,
        state: SegmentState = START,
        cell_voltage: float = math.nan,
    ) -> Ending | None:
        """Why the segment ends now, None when it goes on. To be asked after every accepted step.

        t (s) and capacity (magnitude, C/m^2) count from its start; current_density (A/m^2), voltage and cell_voltage
        (V) are those of the cell now; void_fraction is the void volume over the initial volume of Li.
        """
        end = self.times[-1] if self.times else None
        if self.duration is not None and t >= self.duration * (1 - TIME_TOLERANCE):
            return Ending("duration", "duration")
        if end is not None and t >= end * (1 - TIME_TOLERANCE):
            return Ending("profile", "end of profile")
        if self.capacity is not None and capacity >= self.capacity * (1 - CAPACITY_TOLERANCE):
            return Ending("capacity", "capacity")
        cutoff = self.cutoff_current_density
        if cutoff is not None and self.holds_voltage(state) and abs(current_density) < cutoff:
            return Ending("current", f"current density below {cutoff:g} A/m^2")
        if self._beyond(voltage, self.cutoff_voltage):
            return Ending("voltage", f"cutoff voltage {self.cutoff_voltage:g} V")
        if self._beyond(cell_voltage, self.cutoff_cell_voltage):
            return Ending("voltage", f"cutoff cell voltage {self.cutoff_cell_voltage:g} V")
        if self.min_contact_fraction is not None and contact_fraction < self.min_contact_fraction:
            return Ending("contact", f"contact fraction below {self.min_contact_fraction:g}")
        if self.max_void_fraction is not None and void_fraction > self.max_void_fraction:
            return Ending("void", f"void fraction above {self.max_void_fraction:g}")
        return None

    def advance(self, state: SegmentState, voltage: float, cell_voltage: float = math.nan) -> SegmentState:
        """The state after an accepted step that ended at these voltages (V): CC-CV switches to its hold."""
        reached = self._beyond(voltage, self.voltage) or self._beyond(cell_voltage, self.cell_voltage)
        return SegmentState("cv") if self.kind == "cc-cv" and state.phase == "cc" and reached else state

    def cutoff_reached(self, voltage: float, cell_voltage: float = math.nan) -> bool:
        """Whether the segment ends at these voltages (V)."""
        return self._beyond(voltage, self.cutoff_voltage) or self._beyond(cell_voltage, self.cutoff_cell_voltage)

    def share_to_cutoff(
        self,
        before: float,
        voltage: float,
        current_density: float,
        state: SegmentState = START,
        cell_before: float = math.nan,
        cell_voltage: float = math.nan,
    ) -> float | None:
        """Share of a step that comes near what ends it, by a straight line; None where it need not be repeated.

        That is a cutoff, or the cell voltage that is held from then on; of two the nearer one. before, voltage,
        cell_before, cell_voltage: at the start and at the end of the step, V. current_density: at its end, A/m^2; less
        than is imposed where the cell cannot pass it any more, and its limit is held instead, so that the voltage says
        nothing.
        """
        if self.current_density is None or self.holds_voltage(state):
            return None
        far = CUTOFF_OVERSHOOT * abs(self.cutoff_voltage or 0.0)
        ends = (  # how far a step may go beyond, and how far one that is repeated is meant to
            (before, voltage, self.cutoff_voltage, far, 0.0),
            (cell_before, cell_voltage, self.cutoff_cell_voltage, CELL_OVERSHOOT, 0.5 * CELL_OVERSHOOT),
            (cell_before, cell_voltage, self.cell_voltage, HOLD_OVERSHOOT, 0.5 * HOLD_OVERSHOOT),
        )
        held_back = abs(current_density) < abs(self.current_density) * (1 - CAPACITY_TOLERANCE)
        shares = []
        for start, end, limit, allowed, aim in ends:
            if limit is None or not self._beyond(end, limit):
                continue
            if held_back:
                return 0.5
            if self._beyond(end, limit + self._direction * allowed):
                shares.append((limit + self._direction * aim - start) / (end - start))
        least, most = CUTOFF_SHARES
        return min(max(min(shares), least), most) if shares else None

    @property
    def _direction(self) -> float:
        """1 where it plates, -1 where it strips."""
        return math.copysign(1.0, self.current_density or 0.0)

    def _beyond(self, voltage: float, limit: float | None) -> bool:
        """Whether a voltage has reached a limit, in the direction of the current; never one that is None."""
        return limit is not None and (voltage - limit) * self._direction >= 0.0

    def _next_breakpoint(self, t: float) -> float:
        """The first time of the profile that lies after t by more than rounding."""
        index = bisect_right(self.times, t)
        while index < len(self.times) and self.times[index] <= t * (1 + TIME_TOLERANCE):
            index += 1
        return self.times[index] if index < len(self.times) else self.times[-1]

    def _interpolate(self, t: float, values: tuple[float, ...]) -> float:
        """Straight lines between the points; the last value after the end."""
        index = bisect_right(self.times, t)
        if index == len(self.times):
            return values[-1]
        left, right = self.times[index - 1], self.times[index]
        weight = (t - left) / (right - left)
        return (1 - weight) * values[index - 1] + weight * values[index]


def voltage_limit_reached(
    segment: Segment, state: SegmentState, voltage: float, limit: float, cell_voltage: float = math.nan
) -> Ending | None:
    """Why the run ends when the voltage has reached the limit of the drive, None when it has not.

    A held voltage does not end a run, nor does the overshoot of the step that makes CC-CV switch to its hold, or that
    ends a segment by its cutoff. At rest nothing is applied, and without contact the voltage stays where it was.
    """
    free = segment.kind == "rest" or segment.holds_voltage(segment.advance(state, voltage, cell_voltage))
    if free or segment.cutoff_reached(voltage, cell_voltage) or abs(voltage) < limit:
        return None
    return Ending("voltage limit", f"voltage limit {limit:g} V")


def expand(case: Case) -> tuple[Segment, ...]:
    """The segments of a case in the order in which they run, loops unrolled."""
    return unroll(case.protocol)


def unroll(segments: tuple[schema.AnySegment, ...]) -> tuple[Segment, ...]:
    """Segments of a case in the order in which they run, loops unrolled."""
    return tuple(_expand(segments, "protocol", ""))


def _expand(segments: tuple[schema.AnySegment, ...], prefix: str, repetition: str) -> list[Segment]:
    out: list[Segment] = []
    for index, item in enumerate(segments):
        where = f"{prefix}.{index}"
        if isinstance(item, schema.Loop):
            for number in range(1, item.repeat + 1):
                count = f"{repetition}.{number}" if repetition else str(number)
                out.extend(_expand(item.segments, f"{where}.segments", count))
        elif isinstance(item, Ramp):
            out.extend(_expand_ramp(item, where))
        else:
            label = f"{where} (repetition {repetition})" if repetition else where
            out.append(_segment(item, label))
    return out


def _expand_ramp(ramp: Ramp, where: str) -> list[Segment]:
    """The half-cycles of a ramp, and the rests between them."""
    out: list[Segment] = []
    for cycle in range(1, ramp.cycles + 1):
        label = f"{where} (cycle {cycle})"
        common: dict[str, Any] = {"cycle": cycle, "contact_loss_fraction": ramp.min_contact_fraction}
        currents = {"plate": ramp.plating_current(cycle), "strip": ramp.stripping_current(cycle)}
        for direction in ("plate", "strip") if ramp.first == "plate" else ("strip", "plate"):
            if ramp.rest is not None and out:
                text = f"{label}: rest"
                out.append(Segment(kind="rest", label=text, current_density=0.0, duration=ramp.rest, **common))
            out.append(
                Segment(
                    kind="galvanostatic",
                    label=f"{label}: {direction} {currents[direction] / 10:.6g} mA/cm2",
                    current_density=_sign(direction) * currents[direction],
                    capacity=ramp.capacity,
                    duration=ramp.duration,
                    **common,
                )
            )
    return out


def _segment(item: schema.AnySegment, label: str) -> Segment:
    """One segment of a case file in signed SI values."""
    common: dict[str, Any] = {name: getattr(item, name, None) for name in LIMITS}
    match item:
        case schema.Rest():
            return Segment(kind="rest", label=f"{label}: rest", current_density=0.0, **common)
        case schema.Galvanostatic():
            sign = _sign(item.direction)
            label = f"{label}: {item.direction}"
            common.update(cutoff_voltage=_signed(sign, item.cutoff_voltage))
            return Segment(
                kind="galvanostatic", label=label, current_density=sign * item.current_density, **common
            )
        case schema.Potentiostatic():
            common.update(voltage=item.voltage, cell_voltage=item.cell_voltage)
            return Segment(kind="potentiostatic", label=f"{label}: hold", **common)
        case schema.ConstantCurrentConstantVoltage():
            sign = _sign(item.direction)
            common.update(current_density=sign * item.current_density)
            common.update(voltage=_signed(sign, item.voltage), cell_voltage=item.cell_voltage)
            return Segment(kind="cc-cv", label=f"{label}: {item.direction}", **common)
        case schema.Profile():
            table = item.table
            common.update(times=table.time, currents=table.current_density, pressures=table.stack_pressure)
            return Segment(kind="profile", label=f"{label}: profile", **common)
        case schema.Loop() | Ramp():
            raise TypeError(f"a {item.kind} is not one segment")


def _sign(direction: str) -> float:
    return 1.0 if direction == "plate" else -1.0


def _signed(sign: float, magnitude: float | None) -> float | None:
    return None if magnitude is None else sign * magnitude


def expected_duration(segment: Segment) -> float:
    """The longest time (s) that duration, capacity or profile let the segment take; inf if none bounds it."""
    bounds = [math.inf]
    if segment.duration is not None:
        bounds.append(segment.duration)
    if segment.times:
        bounds.append(segment.times[-1])
    if segment.kind == "galvanostatic" and segment.capacity is not None and segment.current_density:
        bounds.append(segment.capacity / abs(segment.current_density))
    return min(bounds)
