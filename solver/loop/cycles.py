"""Half-cycles and cycles: what was plated and stripped, at which voltage, and how much of it came back.

A half-cycle is what passes in one direction: all consecutive steps whose charge q = j dt has one sign, over any number
of segments. A step without charge (a rest) belongs to none and ends none. So CC-CV is one half-cycle, a held voltage
or a measured profile has as many as its current has directions, and a step of a ramp has two. A step in which the
current changes its direction counts with what remains of its charge.

    charge          Q = sum q, C/m^2, positive plates
    mean voltage    sum V q / Q, V at the end of each step, as the steps are implicit: charge-weighted, so that
                    mean voltage times Q is the work done on the cell, J/m^2
    duration        sum dt of its steps, without the rests between them
    largest voltage the one of the largest magnitude in the direction of the current, V
    plateau         median of V over the charge of the second half of |Q|, so that a rise at the very end does not count
    dip             of plating, by how much the voltage falls from any place in the first half of |Q| to one after it;
                    for both only steps at the largest current so far count (AT_CURRENT), none of a hold that follows
    nucleus spacing of plating, N^(-1/2) of the largest number N of nuclei per area; None where none is born
    covering        thickness, of the Li in nuclei when they first cover more than 90 % of the contact, a mean along it;
                    None where they do not

A cycle begins with a plating half-cycle. Its coulombic efficiency is the charge that the stripping half-cycle after it
takes out over the charge plated. What is stripped before anything was plated comes out of the electrode and not out of
a deposit: that is cycle 0 and has no efficiency, also where the protocol pairs "strip, plate". An efficiency can be
above 1 where the electrode has Li of its own; where both half-cycles end by their capacity it says what the protocol
says. It is undefined for stripping that may go on (interrupted, or not solved), or that a short circuit has ended. The
capacity retention is what was stripped over what was stripped in cycle 1, both where the efficiency is defined.

Where the rest of what was plated is, from the end of the stripping before (or the start) to that of this one, as shares
of the charge plated; together they are 1 - efficiency:

    seed, interphase    Li that they have taken and not given back       filament   Li in defects
    dead                Li elsewhere that is not joined to the electrode
    cathode, left       the rest, where the cathode is full and where it is not: living Li, and what double layers hold
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from solver.case.ending import SegmentEnd
from solver.loop.cathode import FULL
from solver.loop.ramp_results import Scalar

NAME = "cycles.csv"
FINAL = (  # what the log says at the end of a half-cycle
    "contact_fraction [1]",
    "lithium_thickness [m]",
    "thickness_spread [m]",
    "dead_lithium [m]",
    "lithium_in_gaps [m]",
    "nucleated_share [1]",
    "nucleated_lithium [m]",
    "lithium_beneath [m]",
    "collector_coverage [1]",
    "host_height [m]",
    "host_in_lithium [1]",
)
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
    "largest_voltage [V]",
    "plateau_voltage [V]",
    "dip [V]",
    "nucleus_spacing [m]",
    "covering_thickness [m]",
    *FINAL,
    "first_segment",
    "last_segment",
    "end",
    "coulombic_efficiency [1]",
    "capacity_retention [1]",
    "seed_loss [1]",
    "interphase_loss [1]",
    "dead_loss [1]",
    "filament_loss [1]",
    "cathode_loss [1]",
    "left_loss [1]",
)
# losses of a cycle: what is measured of each, C/m^2; the rest has one of the last two names
HELD = {
    "seed_loss": "seed_lithium",
    "interphase_loss": "interphase_lithium",
    "dead_loss": "dead_charge",
    "filament_loss": "filament_charge",
}
CATHODE, LEFT = "cathode_loss", "left_loss"
LOSSES = (*HELD, CATHODE, LEFT)
FINAL_NAMES = tuple(heading.partition(" ")[0] for heading in FINAL)
UNITS = dict(heading.rstrip("]").split(" [") for heading in COLUMNS if " [" in heading)
UNITS |= {"plated": "C/m^2", "stripped": "C/m^2"}
COVERED = 0.9  # share of the contact beneath nuclei
AT_CURRENT = 0.95  # of the largest current density: from there on a voltage belongs to it
REVERSAL = "reversal"  # how a half-cycle ends in mid-segment
NOISE = 1e-9  # of the largest current density: what a held voltage leaves of none; charge is balanced to 1e-10
UNDECIDED = ("interrupted", "failed", "short circuit")  # ends of a run that say nothing of the stripping

Row = dict[str, Scalar]


@dataclass
class HalfCycle:
    """Sums over the steps of a half-cycle, SI. work: sum V q, J/m^2; capacity: charge since the start of the run.

    curve: magnitude of the charge and voltage of the steps at the largest current, until the next half-cycle begins;
    then `plateau_voltage` and `dip` are what is kept of it. final: what the log says of `FINAL` after its last step;
    held: of `HELD`, C/m^2.
    nuclei: largest number per area, 1/m^2; covering_thickness: m, 0 before they have covered the contact.
    """

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
    largest_voltage: float = 0.0
    plateau_voltage: float = 0.0
    dip: float = 0.0
    nuclei: float = 0.0
    covering_thickness: float = 0.0
    final: dict[str, float] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    curve: list[list[float]] = field(default_factory=list)

    def add(self, end_time: float, dt: float, segment: int, measured: Mapping[str, float], capacity: float) -> None:
        """One more step."""
        charge, voltage = measured["charge"], measured["voltage"]
        if not self.duration or (voltage - self.largest_voltage) * charge > 0.0:
            self.largest_voltage = voltage
        self.end_time, self.last_segment, self.end_voltage, self.capacity = end_time, segment, voltage, capacity
        self.duration += dt
        self.charge += charge
        self.work += voltage * charge
        self.largest_current = max(self.largest_current, abs(charge) / dt)
        self.final = {name: measured[name] for name in FINAL_NAMES if name in measured}
        self.held = {name: measured[held] for name, held in HELD.items() if held in measured}
        self.nuclei = max(self.nuclei, measured.get("nucleus_density", 0.0))
        if not self.covering_thickness and measured.get("nucleated_share", 0.0) > COVERED:
            self.covering_thickness = measured["nucleated_lithium"]
        if abs(charge) / dt >= AT_CURRENT * self.largest_current:
            self.curve.append([abs(charge), voltage])

    def plateau(self) -> tuple[float, float]:
        """Plateau voltage and dip, V."""
        return plateau_and_dip(self.curve) if self.curve else (self.plateau_voltage, self.dip)

    def close(self) -> None:
        """The next one begins."""
        self.plateau_voltage, self.dip = self.plateau()
        self.curve = []


def plateau_and_dip(curve: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Of magnitudes of charges and voltages of steps: see above; the dip as if it were plated."""
    ends = list(accumulate(charge for charge, _ in curve))
    half = 0.5 * ends[-1]
    first = [end - charge < half for (charge, _), end in zip(curve, ends, strict=True)]
    voltages = [voltage for _, voltage in curve]
    lowest = list(accumulate(reversed(voltages), min))[::-1]  # from here on
    second = sorted(
        (voltage, min(charge, end - half)) for (charge, voltage), end in zip(curve, ends, strict=True) if end > half
    )
    sums = accumulate(charge for _, charge in second)
    plateau = next(voltage for (voltage, _), passed in zip(second, sums, strict=True) if passed >= 0.5 * half)
    return plateau, max(v - low for v, low, early in zip(voltages, lowest, first, strict=True) if early)


def half_cycle_of(done: list[HalfCycle], start_time: float, dt: float, segment: int, charge: float) -> HalfCycle | None:
    """The half-cycle to which a step belongs, appended where it begins one; None of a step without charge."""
    last = done[-1] if done else None
    if charge == 0.0 or (last and abs(charge) <= NOISE * last.largest_current * dt):
        return None
    if last is None or (charge > 0.0) != (last.charge > 0.0):
        if last:
            last.close()
        last = HalfCycle((last.cycle if last else 0) + (charge > 0.0), start_time, segment)
        done.append(last)
    return last


def losses(plated: float, efficiency: float, held: Mapping[str, float], before: Mapping[str, float], end: str) -> Row:
    """Of a cycle, by `LOSSES`, None of what there is not. held: at its end, before: at its start, by `HELD`, C/m^2."""
    found: Row = dict.fromkeys(LOSSES)
    found |= {name: (charge - before.get(name, 0.0)) / plated for name, charge in held.items()}
    rest = CATHODE if end == FULL.kind else LEFT
    return found | {rest: 1.0 - efficiency - sum(value for value in found.values() if isinstance(value, float))}


def half_cycle_rows(
    half_cycles: Sequence[HalfCycle], ended: Sequence[SegmentEnd], stop: str, start: Mapping[str, float]
) -> list[Row]:
    """A row by `COLUMNS` for each half-cycle that is over, None where nothing applies.

    start: what there was at the start of the run, by the names that `HELD` names, C/m^2.
    ended: segments that are over. stop: kind of the end of the run, with which the last one is over too; "" before.
    end: the kind of the end of its last segment, `REVERSAL` in mid-segment, or that of the run. A cutoff voltage ends
    the half-cycle also where the last steps up to it have passed no charge, as the contact was lost.
    """
    ends = {(end.segment, end.time): end.kind for end in ended}
    cut = {end.segment: end.kind for end in ended if end.kind == "voltage"}
    rows: list[Row] = []
    plated, stripped, before = None, None, {name: start[held] for name, held in HELD.items() if held in start}
    for number, h in enumerate(half_cycles if stop else half_cycles[:-1], 1):
        last = number == len(half_cycles)
        end = cut.get(h.last_segment) or ends.get((h.last_segment, h.end_time), stop if last else REVERSAL)
        efficiency, retention, lost = None, None, dict.fromkeys(LOSSES)
        if h.charge < 0.0 and plated and not (last and stop in UNDECIDED):
            stripped = stripped or -h.charge  # in cycle 1
            efficiency, retention = -h.charge / plated, -h.charge / stripped
            lost = losses(plated, efficiency, h.held, before, end)
        plated, before = h.charge, before if h.charge > 0.0 else h.held
        plateau, dip = h.plateau()
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
                "largest_voltage": h.largest_voltage,
                "plateau_voltage": plateau,
                "dip": dip if h.charge > 0.0 else None,
                "nucleus_spacing": h.nuclei**-0.5 if h.charge > 0.0 and h.nuclei else None,
                "covering_thickness": (h.covering_thickness or None) if h.charge > 0.0 else None,
                **{name: h.final.get(name) for name in FINAL_NAMES},
                "first_segment": h.first_segment,
                "last_segment": h.last_segment,
                "end": end,
                "coulombic_efficiency": efficiency,
                "capacity_retention": retention,
                **lost,
            }
        )
    return rows


def cycle_rows(half_cycles: Sequence[Row]) -> list[Row]:
    """Of the rows of half-cycles: cycle, charges plated and stripped (magnitudes), efficiency, losses, retention."""
    rows: list[Row] = []
    taken_over = ("coulombic_efficiency", "capacity_retention", *LOSSES)
    empty = dict.fromkeys(("stripped", *taken_over))
    for h in half_cycles:
        charge = abs(float(h["charge"] or 0.0))
        if h["direction"] == "plate":
            rows.append({"cycle": h["cycle"], "plated": charge, **empty})
        elif rows:
            rows[-1] |= {"stripped": charge, **{name: h[name] for name in taken_over}}
    return rows
