"""Columns of numbers in a CSV file, each heading with its unit: ``time [s],current_density [mA/cm^2]``.

Lines that start with # are skipped, and empty ones.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from solver.conversion import NumberError, decimal_of
from solver.text import LARGEST_TABLE, LONGEST_LINE, NoSuchFile, Unreadable, neighbours, printable, read_text, short
from solver.units import Quantity, ValueRefused, nearest

_HEADING = re.compile(r"\s*(\w+)\s*\[(.+)\]\s*")


class TableRefused(ValueError):
    """A file that cannot be used; the message names file and line."""


@dataclass(frozen=True)
class Headings:
    """Columns that a file may have, those that it must have, and what to tell of them."""

    known: dict[str, Quantity]
    needed: Sequence[str]
    words: str


@dataclass(frozen=True)
class Columns:
    """Values of each column in SI, and the numbers of the lines that they are in."""

    values: dict[str, list[float]]
    lines: list[int]


def read_columns(path: Path, headings: Headings) -> Columns:
    """The columns of the file `path`; raises TableRefused."""
    try:
        text = read_text(path, LARGEST_TABLE)
    except NoSuchFile:
        found = nearest(path.name, neighbours(path, "*.csv"))
        hint = f"; did you mean '{found}'?" if found else ""
        raise TableRefused(f"no such file: {printable(str(path))[:LONGEST_LINE]}{hint}") from None
    except Unreadable as error:
        raise TableRefused(f"cannot read {printable(str(path))[:LONGEST_LINE]}: {error}") from None
    lines = [
        (n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(lines) < 3:
        raise TableRefused(f"{path}: needs a line of headings and at least two rows")
    columns = _columns(path, _cells(path, *lines[0]), headings)
    values: dict[str, list[float]] = {name: [] for name, _ in columns}
    for number, line in lines[1:]:
        for name, value in _row(path, number, line, columns, headings):
            values[name].append(value)
    return Columns(values, [number for number, _ in lines[1:]])


def _row(
    path: Path, number: int, line: str, columns: list[tuple[str, str]], headings: Headings
) -> Iterator[tuple[str, float]]:
    """Names of columns, and their values in a line."""
    row = _cells(path, number, line)
    if len(row) != len(columns):
        comma = "; numbers are written with a decimal point, not a comma" if len(row) > len(columns) else ""
        raise TableRefused(f"{path}, line {number}: {len(row)} values; the headings name {len(columns)}{comma}")
    for (name, unit), cell in zip(columns, row, strict=True):
        quantity = headings.known[name]
        try:
            yield name, quantity.from_number(decimal_of(cell), unit)
        except (NumberError, ValueRefused):
            allowed = quantity.allowed()
            raise TableRefused(
                f"{path}, line {number}: {name} is {short(cell.strip())}; allowed: {allowed}"
            ) from None


def _cells(path: Path, number: int, line: str) -> list[str]:
    """The cells of a line, none of which may go on in the next one."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        raise TableRefused(f"{path}, line {number}: a quotation mark that is out of place or not closed") from None


def _columns(path: Path, row: list[str], headings: Headings) -> list[tuple[str, str]]:
    """Name and unit of every column."""
    columns, words = [], headings.words
    for heading in row:
        match = _HEADING.fullmatch(heading)
        for character, word in ((";", "semicolon"), ("\t", "tab")):
            if character in heading:
                raise TableRefused(f"{path}: columns are separated by a {word}; allowed: a comma; {words}")
        if not match:
            raise TableRefused(f"{path}: heading {short(heading)} is not 'name [unit]'; allowed: {words}")
        name, unit = match[1], match[2].strip()
        if name not in headings.known:
            found = nearest(name, headings.known)
            hint = f"; did you mean '{found}'?" if found else ""
            raise TableRefused(f"{path}: unknown column '{name}'; allowed: {words}{hint}")
        try:
            headings.known[name].check_unit(unit)
        except ValueRefused as error:
            raise TableRefused(f"{path}: column {name}: {error}") from None
        columns.append((name, unit))
    names = [name for name, _ in columns]
    for name in headings.needed:
        if name not in names:
            raise TableRefused(f"{path}: column '{name}' is missing; allowed: {words}")
    if len(set(names)) < len(names):
        raise TableRefused(f"{path}: a column appears twice; allowed: {words}")
    return columns
