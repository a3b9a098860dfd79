"""The protocol of a case file: the list of segments, and measured profiles.

A profile is a CSV file with the columns ``time``, ``current_density`` (positive plates, negative strips) and
optionally ``stack_pressure``, each heading with its unit: ``time [s],current_density [mA/cm^2]``. Lines that
start with # are skipped. Time starts at 0 and grows strictly; the values are joined by straight lines.
"""

from __future__ import annotations

import csv
import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

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
from solver.conversion import NumberError, decimal_of
from solver.text import LARGEST_TABLE, LONGEST_LINE, NoSuchFile, Unreadable, neighbours, printable, read_text, short
from solver.units import Quantity, ValueRefused, nearest

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


class Potentiostatic(_ChargeLimits):
    """Constant cell voltage."""

    kind: Literal["potentiostatic"] = required("constant cell voltage")
    voltage: SignedVoltage = required("cell voltage; positive plates, negative strips")
    cutoff_current_density: CurrentDensity | None = key(None, "magnitude below which the segment ends")


class ConstantCurrentConstantVoltage(_ChargeLimits):
    """Constant current density until the cell voltage is reached, which is then held."""

    kind: Literal["cc-cv"] = required("constant current density, then constant voltage")
    direction: Direction = required("'strip' takes Li away, 'plate' adds it")
    current_density: CurrentDensity = resolved("magnitude; default drive.current_density")
    voltage: Voltage = required("magnitude of the cell voltage that is held once it is reached")
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


_TIME = Quantity("s", what="time", ge=0)
_COLUMNS = {
    "time": _TIME,
    "current_density": Quantity("A/m^2", show="mA/cm^2", what="current density"),
    "stack_pressure": Quantity("Pa", show="MPa", what="pressure", ge=0),
}
_HEADING = re.compile(r"\s*(\w+)\s*\[(.+)\]\s*")
_HEADINGS = "time [s], current_density [A/m^2] and optionally stack_pressure [Pa]"


class ProfileRefused(ValueError):
    """A profile file that cannot be used; the message names file and line."""


def read_profile(path: Path) -> ProfileTable:
    """The columns of the profile `path` in SI; raises ProfileRefused."""
    try:
        text = read_text(path, LARGEST_TABLE)
    except NoSuchFile:
        found = nearest(path.name, neighbours(path, "*.csv"))
        hint = f"; did you mean '{found}'?" if found else ""
        raise ProfileRefused(f"no such file: {printable(str(path))[:LONGEST_LINE]}{hint}") from None
    except Unreadable as error:
        raise ProfileRefused(f"cannot read {printable(str(path))[:LONGEST_LINE]}: {error}") from None
    lines = [
        (n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(lines) < 3:
        raise ProfileRefused(f"{path}: needs a line of headings and at least two rows")
    columns = _headings(path, _cells(path, *lines[0]))
    values: dict[str, list[float]] = {name: [] for name, _ in columns}
    for number, line in lines[1:]:
        row = _cells(path, number, line)
        if len(row) != len(columns):
            comma = "; numbers are written with a decimal point, not a comma" if len(row) > len(columns) else ""
            raise ProfileRefused(
                f"{path}, line {number}: {len(row)} values; the headings name {len(columns)}{comma}"
            )
        for (name, unit), cell in zip(columns, row, strict=True):
            try:
                values[name].append(_COLUMNS[name].from_number(decimal_of(cell), unit))
            except (NumberError, ValueRefused):
                allowed = _COLUMNS[name].allowed()
                raise ProfileRefused(
                    f"{path}, line {number}: {name} is {short(cell.strip())}; allowed: {allowed}"
                ) from None
        times = values["time"]
        if len(times) == 1 and times[0] != 0.0:
            raise ProfileRefused(f"{path}, line {number}: the first time is {times[0]:g} s; it must be 0")
        if len(times) > 1 and times[-1] <= times[-2]:
            raise ProfileRefused(
                f"{path}, line {number}: time {times[-1]:g} s is not later than in the row above"
            )
    return ProfileTable.model_construct(
        time=tuple(values["time"]),
        current_density=tuple(values["current_density"]),
        stack_pressure=tuple(values["stack_pressure"]) if "stack_pressure" in values else None,
    )


def _cells(path: Path, number: int, line: str) -> list[str]:
    """The cells of a line, none of which may go on in the next one."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        raise ProfileRefused(f"{path}, line {number}: a quotation mark that is out of place or not closed") from None


def _headings(path: Path, row: list[str]) -> list[tuple[str, str]]:
    """Name and unit of every column."""
    columns = []
    for heading in row:
        match = _HEADING.fullmatch(heading)
        for character, word in ((";", "semicolon"), ("\t", "tab")):
            if character in heading:
                raise ProfileRefused(f"{path}: columns are separated by a {word}; allowed: a comma; {_HEADINGS}")
        if not match:
            raise ProfileRefused(f"{path}: heading {short(heading)} is not 'name [unit]'; allowed: {_HEADINGS}")
        name, unit = match[1], match[2].strip()
        if name not in _COLUMNS:
            found = nearest(name, _COLUMNS)
            hint = f"; did you mean '{found}'?" if found else ""
            raise ProfileRefused(f"{path}: unknown column '{name}'; allowed: {_HEADINGS}{hint}")
        try:
            _COLUMNS[name].check_unit(unit)
        except ValueRefused as error:
            raise ProfileRefused(f"{path}: column {name}: {error}") from None
        columns.append((name, unit))
    names = [name for name, _ in columns]
    for name in ("time", "current_density"):
        if name not in names:
            raise ProfileRefused(f"{path}: column '{name}' is missing; allowed: {_HEADINGS}")
    if len(set(names)) < len(names):
        raise ProfileRefused(f"{path}: a column appears twice; allowed: {_HEADINGS}")
    return columns


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
            except ProfileRefused as error:
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
