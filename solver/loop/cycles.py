"""Half-cycles and cycles: what was plated and stripped, at which voltage, and how much of it came back.

A half-cycle is what passes in one direction: all consecutive steps whose charge q = j dt has one sign, over any number
of segments. A step without charge (a rest) belongs to none and ends none. So CC-CV is one half-cycle, a held voltage
or a measured profile has as many as its current has directions, and a step of a ramp has two. A step in which the
current changes its direction counts with what remains of its charge.

    charge          Q = sum q, C/m^2, positive plates
    mean voltage    sum V q / Q, V at the end of each step, as the steps are implicit: charge-weighted, so that
                    mean voltage times Q is the work done on the cell, J/m^2
    duration        sum dt of its steps, without the rests between them

A cycle begins with a plating half-cycle. Its coulombic efficiency is the charge that the stripping half-cycle after it
takes out over the charge plated. What is stripped before anything was plated comes out of the electrode and not out of
a deposit: that is cycle 0 and has no efficiency, also where the protocol pairs "strip, plate". An efficiency can be
above 1 where the electrode has Li of its own; where both half-cycles end by their capacity it says what the protocol
says. It is undefined for stripping that may go on (interrupted, or not solved), or that a short circuit has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solver.case.ending import SegmentEnd
from solver.loop.ramp_results import Scalar

NAME = "cycles.csv"
COLUMNS = (
    "half_cycle",
    "cycle",
    "direction",
    "start_time [s]",
    "end_time [s]",
    "duration [s]",
    "charge [C/m^2]",
    "capacity [C/m^2]",
    "mean_voltage [V]",
    "end_voltage [V]",
    "first_segment",
    "last_segment",
    "end",
    "coulombic_efficiency [1]",
)
UNITS = dict(heading.rstrip("]").split(" [") for heading in COLUMNS if " [" in heading)
UNITS |= {"plated": "C/m^2", "stripped": "C/m^2"}
REVERSAL = "reversal"  # how a half-cycle ends in mid-segment
NOISE = 1e-9  # of the largest current density: what a held voltage leaves of none; charge is balanced to 1e-10
UNDECIDED = ("interrupted", "failed", "short circuit")  # ends of a run that say nothing of the stripping

Row = dict[str, Scalar]


@dataclass
class HalfCycle:
    """Sums over the steps of a half-cycle, SI. work: sum V q, J/m^2; capacity: charge since the start of the run."""

    cycle: int
    start_time: float
    first_segment: int
    end_time: float = 0.0
    last_segment: int = 0
    duration: float = 0.0
    charge: float = 0.0
    work: float = 0.0
    capacity: float = 0.0
    end_voltage: float = 0.0
    largest_current: float = 0.0

    def add(self, end_time: float, dt: float, segment: int, charge: float, voltage: float, capacity: float) -> None:
        """One more step."""
        self.end_time, self.last_segment, self.end_voltage, self.capacity = end_time, segment, voltage, capacity
        self.duration += dt
        self.charge += charge
        self.work += voltage * charge
        self.largest_current = max(self.largest_current, abs(charge) / dt)


def half_cycle_of(done: list[HalfCycle], start_time: float, dt: float, segment: int, charge: float) -> HalfCycle | None:
    """The half-cycle to which a step belongs, appended where it begins one; None of a step without charge."""
    last = done[-1] if done else None
    if charge == 0.0 or (last and abs(charge) <= NOISE * last.largest_current * dt):
        return None
    if last is None or (charge > 0.0) != (last.charge > 0.0):
        last = HalfCycle((last.cycle if last else 0) + (charge > 0.0), start_time, segment)
        done.append(last)
    return last


def half_cycle_rows(half_cycles: Sequence[HalfCycle], ended: Sequence[SegmentEnd], stop: str) -> list[Row]:
    """A row by `COLUMNS` for each half-cycle that is over, None where nothing applies.

    ended: segments that are over. stop: kind of the end of the run, with which the last one is over too; "" before.
    end: the kind of the end of its last segment, `REVERSAL` in mid-segment, or that of the run.
    """
    ends = {(end.segment, end.time): end.kind for end in ended}
    rows: list[Row] = []
    plated = None
    for number, h in enumerate(half_cycles if stop else half_cycles[:-1], 1):
        last = number == len(half_cycles)
        efficiency = None
        if h.charge < 0.0 and plated and not (last and stop in UNDECIDED):
            efficiency = -h.charge / plated
        plated = h.charge
        rows.append(
            {
                "half_cycle": number,
                "cycle": h.cycle,
                "direction": "plate" if h.charge > 0.0 else "strip",
                "start_time": h.start_time,
                "end_time": h.end_time,
                "duration": h.duration,
                "charge": h.charge,
                "capacity": h.capacity,
                "mean_voltage": h.work / h.charge,
                "end_voltage": h.end_voltage,
                "first_segment": h.first_segment,
                "last_segment": h.last_segment,
                "end": ends.get((h.last_segment, h.end_time), stop if last else REVERSAL),
                "coulombic_efficiency": efficiency,
            }
        )
    return rows


def cycle_rows(half_cycles: Sequence[Row]) -> list[Row]:
    """Of the rows of half-cycles: cycle, charges plated and stripped (magnitudes), coulombic_efficiency."""
    rows: list[Row] = []
    for h in half_cycles:
        charge = abs(float(h["charge"] or 0.0))
        if h["direction"] == "plate":
            rows.append({"cycle": h["cycle"], "plated": charge, "stripped": None, "coulombic_efficiency": None})
        elif rows:
            rows[-1] |= {"stripped": charge, "coulombic_efficiency": h["coulombic_efficiency"]}
    return rows
