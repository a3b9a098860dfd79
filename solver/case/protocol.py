"""The protocol of a case file: the list of segments, and measured profiles.

A profile is a CSV file with the columns ``time``, ``current_density`` (positive plates, negative strips) and
optionally ``stack_pressure``, each heading with its unit: ``time [s],current_density [mA/cm^2]``. Lines that
start with # are skipped. Time starts at 0 and grows strictly; the values are joined by straight lines.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from solver.case.columns import Headings, TableRefused, read_columns
from solver.case.ramp import Ramp
from solver.case.types import (
    Capacity,
    Count,
    CurrentDensity,
    Fraction,
    Instant,
    Pressure,
    Problem,
    Section,
    SignedCurrentDensity,
    SignedVoltage,
    Time,
    Voltage,
    key,
    required,
    resolved,
)
from solver.units import Quantity, ValueRefused

Direction = Literal["strip", "plate"]


class _Limits(Section):
    """Limits that end a segment; the first one that is reached does."""

    duration: Time | None = key(None, "time after which the segment ends")
    min_contact_fraction: Fraction | None = key(None, "contact fraction below which the segment ends")
    max_void_fraction: Fraction | None = key(
        None, "void volume over the initial volume of Li above which the segment ends"
    )


class _ChargeLimits(_Limits):
    capacity: Capacity | None = key(None, "charge per contact area passed in the segment after which it ends")


class Rest(_Limits):
    """No current."""

    kind: Literal["rest"] = required("no current")
    duration: Time = required("time after which the segment ends")


class Galvanostatic(_ChargeLimits):
    """Constant current density."""

    kind: Literal["galvanostatic"] = required("constant current density")
    direction: Direction = required("'strip' takes Li away, 'plate' adds it")
    current_density: CurrentDensity = resolved("magnitude; default drive.current_density")
    cutoff_voltage: Voltage | None = key(
        None,
        "magnitude of the cell voltage, in the direction of the current, at which the segment ends; "
        "at most drive.voltage_limit",
    )
    cutoff_cell_voltage: Voltage | None = key(
        None, "voltage of the full cell at which the segment ends: from below in plating, from above in stripping"
    )


class _Held(_ChargeLimits):
    """A voltage against Li, or that of the full cell."""

    cell_voltage: Voltage | None = key(None, "voltage of the full cell that is held, in the place of voltage")

    @model_validator(mode="after")
    def _one_voltage(self) -> Self:
        if (getattr(self, "voltage", None) is None) is (self.cell_voltage is None):
            wrong = "what it holds is said twice or not at all"
            raise ValueRefused(wrong, "either voltage (against Li) or cell_voltage").for_pydantic()
        return self


class Potentiostatic(_Held):
    """Constant voltage."""

    kind: Literal["potentiostatic"] = required("constant voltage")
    voltage: SignedVoltage | None = key(None, "voltage against Li; positive plates, negative strips")
    cutoff_current_density: CurrentDensity | None = key(None, "magnitude below which the segment ends")


class ConstantCurrentConstantVoltage(_Held):
    """Constant current density until the voltage is reached, which is then held."""

    kind: Literal["cc-cv"] = required("constant current density, then constant voltage")
    direction: Direction = required("'strip' takes Li away, 'plate' adds it")
    current_density: CurrentDensity = resolved("magnitude; default drive.current_density")
    voltage: Voltage | None = key(None, "magnitude of the voltage against Li that is held once it is reached")
    cutoff_current_density: CurrentDensity | None = key(
        None, "magnitude below which the segment ends while the voltage is held"
    )


class ProfileTable(Section):
    """Columns of a measured profile."""

    time: tuple[Instant, ...] = required("time since the start of the segment")
    current_density: tuple[SignedCurrentDensity, ...] = required("positive plates, negative strips")
    stack_pressure: tuple[Pressure, ...] | None = key(None, "stack pressure; default drive.stack_pressure")

    @model_validator(mode="after")
    def _columns_fit(self) -> ProfileTable:
        lengths = {len(self.time), len(self.current_density), len(self.stack_pressure or self.time)}
        grows = all(a < b for a, b in pairwise(self.time))
        if len(lengths) > 1 or len(self.time) < 2 or self.time[0] != 0.0 or not grows:
            wrong = "the columns do not fit together"
            raise ValueRefused(wrong, "columns of equal length, with time increasing from 0").for_pydantic()
        return self


class Profile(_ChargeLimits):
    """Measured current (and pressure) against time."""

    kind: Literal["profile"] = required("measured current density against time")
    file: str = required("CSV file, its path relative to the case file")
    table: ProfileTable = resolved("the columns of the file; when they are given the file is not read")


class Loop(Section):
    """Segments that are repeated."""

    kind: Literal["loop"] = required("repetition of segments")
    repeat: Count = required("number of repetitions")
    segments: tuple[AnySegment, ...] = Field(min_length=1, description="the segments to repeat")


AnySegment = Annotated[
    Rest | Galvanostatic | Potentiostatic | ConstantCurrentConstantVoltage | Profile | Ramp | Loop,
    Field(discriminator="kind"),
]
Loop.model_rebuild()


_HEADINGS = Headings(
    {
        "time": Quantity("s", what="time", ge=0),
        "current_density": Quantity("A/m^2", show="mA/cm^2", what="current density"),
        "stack_pressure": Quantity("Pa", show="MPa", what="pressure", ge=0),
    },
    needed=("time", "current_density"),
    words="time [s], current_density [A/m^2] and optionally stack_pressure [Pa]",
)


def read_profile(path: Path) -> ProfileTable:
    """The columns of the profile `path` in SI; raises TableRefused."""
    columns = read_columns(path, _HEADINGS)
    values, times = columns.values, columns.values["time"]
    if times[0] != 0.0:
        raise TableRefused(f"{path}, line {columns.lines[0]}: the first time is {times[0]:g} s; it must be 0")
    for number, (before, time) in zip(columns.lines[1:], pairwise(times), strict=True):
        if time <= before:
            raise TableRefused(f"{path}, line {number}: time {time:g} s is not later than in the row above")
    return ProfileTable.model_construct(
        time=tuple(times),
        current_density=tuple(values["current_density"]),
        stack_pressure=tuple(values["stack_pressure"]) if "stack_pressure" in values else None,
    )


def resolve_segments(
    segments: tuple[AnySegment, ...],
    current_density: float | None,
    directory: Path,
    problems: list[Problem],
    prefix: str = "protocol",
    read: dict[str, ProfileTable] | None = None,
) -> tuple[AnySegment, ...]:
    """Segments with default currents put in and profiles read, each once; what is missing is added to `problems`.

    read: profiles that have been read.
    """
    read = {} if read is None else read
    out: list[AnySegment] = []
    for index, segment in enumerate(segments):
        where = f"{prefix}.{index}"
        if isinstance(segment, Loop):
            inner = resolve_segments(
                segment.segments, current_density, directory, problems, f"{where}.segments", read
            )
            segment = segment.model_copy(update={"segments": inner})
        elif isinstance(segment, Profile) and segment.table is None:
            try:
                if segment.file not in read:
                    read[segment.file] = read_profile(directory / segment.file)
                segment = segment.model_copy(update={"table": read[segment.file]})
            except TableRefused as error:
                problems.append(Problem(f"{where}.file", str(error)))
        elif (
            isinstance(segment, Galvanostatic | ConstantCurrentConstantVoltage)
            and segment.current_density is None
        ):
            if current_density is None:
                wrong = f"missing, and {where} has no current_density of its own"
                problems.append(Problem("drive.current_density", wrong, "a current density > 0 mA/cm^2"))
            segment = segment.model_copy(update={"current_density": current_density})
        out.append(segment)
    return tuple(out)
