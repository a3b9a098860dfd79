"""Sweeps: the table `[sweep]` of a case file, expanded into points. Nothing is written or run here.

    [sweep]
    ranks = 2                                             # MPI ranks of a point, 1 without it
    [sweep.grid]                                          # every value with every other
    "drive.current_density" = ["0.5 mA/cm^2", "1 mA/cm^2"]
    [sweep.zip]                                           # columns that go together, row by row
    "drive.stack_pressure" = ["3 MPa", "7 MPa"]
    "time.max_step" = ["5 s", "2 s"]
    [[sweep.list]]                                        # values of one point, in any number of such tables
    "interface.heterogeneity.seed" = 1

The points are the product of the three. A key is a path as for `--set`; a value that is a table replaces the one in
the file. `ranks` may also be a key of grid, zip or list.

The identity of a point is the set of its values in SI: it does not change when other points are added or a value is
spelt in another unit, and neither do the ranks or the rest of the file change it.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solver.case.files import FILE_KEYS, beside, given
from solver.case.files import digest as digest_of
from solver.case.io import CaseError, apply_overrides, look_up, read_table, set_value, validate_table, with_materials
from solver.case.report import rows
from solver.case.schema import Case, Source
from solver.text import one_line, printable, short
from solver.units import nearest

RANKS = "ranks"
PARTS = ("grid", "zip", "list")
LONGEST_PREFIX = 48  # characters of an identity that are for people
LARGEST_SWEEP = 10_000  # points, each of which is a folder with a run
HASH = 8  # and those that tell points apart
SHOWN_POINTS = 1  # of those that a message is about

Values = dict[str, Any]

# what editors know of the table; the values are checked as those of the keys they replace
SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "points of a sweep: the product of grid, zip and list",
    "additionalProperties": False,
    "properties": {
        RANKS: {"type": "integer", "minimum": 1, "default": 1, "description": "MPI ranks of a point"},
        "grid": {"type": "object", "description": "keys with lists of values; every value with every other"},
        "zip": {"type": "object", "description": "keys with equally long lists of values that go together"},
        "list": {"type": "array", "items": {"type": "object"}, "description": "tables of values, each of one point"},
    },
}


@dataclass(frozen=True)
class Point:
    """One case of a sweep.

    id: name of its folder. values: what differs from the file, as written there. data: the complete case, in which
    files have the names that they get beside it. files: for these names, where they are. digest: hash of both.
    """

    id: str
    values: Values
    ranks: int
    data: Values
    files: dict[str, Path]
    digest: str


def has_sweep(path: Path, overrides: Sequence[str] = ()) -> bool:
    """Whether a case file has the table. Raises CaseError when it cannot be read."""
    _, data = read_table(path)
    apply_overrides(data, overrides)
    return "sweep" in data


def count(path: Path, overrides: Sequence[str] = ()) -> int:
    """How many points a case file has, none of them checked. Raises CaseError."""
    return len(_read(path, overrides)[1])


def expand(
    path: Path, overrides: Sequence[str] = (), most: int = LARGEST_SWEEP, within: float = math.inf
) -> tuple[Point, ...]:
    """The points of a case file, every one checked: `most` of them, or those that are checked `within` some seconds.

    `overrides` change the file first, as with --set. Raises CaseError with all problems, each with the points that
    have it.
    """
    data, combinations, origins = _read(path, overrides)
    points: list[Point] = []
    problems: dict[str, list[str]] = {}
    deadline = time.monotonic() + within
    for number, values in enumerate(combinations[:most], 1):
        if number > 1 and time.monotonic() > deadline:
            break
        where = f"point {number} of {len(combinations)}: {describe(values)}"
        try:
            points.append(_point(data, values, path, origins))
        except CaseError as error:
            for line in error.lines:
                problems.setdefault(line, []).append(where)
    if problems:
        raise CaseError([f"{line} [{_some(wheres)}]" for line, wheres in problems.items()])
    _refuse_repetitions(str(path), points)
    return tuple(points)


def _read(path: Path, overrides: Sequence[str]) -> tuple[Values, list[Values], dict[str, str]]:
    """The case without its table, the values of each point, and where each key comes from. Raises CaseError."""
    _, data = read_table(path)
    apply_overrides(data, overrides)
    table = data.pop("sweep", None)
    if table is None:
        raise CaseError([f"{path}: sweep: missing; allowed: a table [sweep] with {', '.join(PARTS)}"])
    return data, *_combinations(str(path), table)


def describe(values: Mapping[str, Any]) -> str:
    """The values of a point in one line."""
    return ", ".join(f"{printable(key)} = {one_line(plain(value))}" for key, value in values.items() if key != RANKS)


def _some(wheres: Sequence[str]) -> str:
    more = len(wheres) - SHOWN_POINTS
    return "; ".join(wheres[:SHOWN_POINTS]) + (f"; and {more} more" if more > 0 else "")


def plain(value: Any) -> str:
    """A value as in a case file, text without quotes."""
    try:
        return value if isinstance(value, str) else json.dumps(value, default=str)
    except ValueError:  # a number of more digits than Python writes
        return short(value)


# -- the table -----------------------------------------------------------------------------------------


def _combinations(file: str, table: Any) -> tuple[list[Values], dict[str, str]]:
    """Values of every point, and for each key the part of the table that gives it. Raises CaseError."""
    if not isinstance(table, dict):
        raise CaseError([f"{file}: sweep: not a table; allowed: a table [sweep] with {', '.join(PARTS)}"])
    lines = [_unknown(file, key) for key in table if key not in (*PARTS, RANKS)]
    columns = {part: _columns(file, part, table[part], lines) for part in ("grid", "zip") if part in table}
    grid, zipped = columns.get("grid", {}), columns.get("zip", {})
    lengths = {key: len(values) for key, values in zipped.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        lines.append(f"{file}: sweep.zip: columns of unequal length: {found}; allowed: equally many values")
    listed = _listed(file, table["list"], lines) if "list" in table else []
    origins: dict[str, str] = {}
    for part, keys in (("grid", grid), ("zip", zipped), ("list", dict.fromkeys(k for row in listed for k in row))):
        for key in keys:
            if key in origins:
                where = f"{file}: sweep.{part}: {printable(key)}"
                lines.append(f"{where}: given in {origins[key]} too; allowed: one of them")
            origins[key] = f"sweep.{part}"
    if not lines and not origins:
        lines.append(f"{file}: sweep: empty; allowed: at least one of {', '.join(PARTS)}")
    if lines:
        raise CaseError(lines)
    number = math.prod(len(values) for values in grid.values()) * max(1, *lengths.values(), 1) * max(1, len(listed))
    if number > LARGEST_SWEEP:
        raise CaseError([f"{file}: sweep: {number:.4g} points; allowed: at most {LARGEST_SWEEP}"])
    products = [dict(zip(grid, row, strict=True)) for row in itertools.product(*grid.values())]
    rows_ = [dict(zip(zipped, row, strict=True)) for row in zip(*zipped.values(), strict=True)] or [{}]
    default = {RANKS: table[RANKS]} if RANKS in table else {}
    return [default | a | b | c for a in products for b in rows_ for c in listed or [{}]], origins


def _unknown(file: str, key: str) -> str:
    allowed = (*PARTS, RANKS)
    found = nearest(key, allowed)
    hint = f"; did you mean '{found}'?" if found else ""
    if not found and "." in key:
        hint = f"; did you mean [sweep.grid] with \"{key}\"?"
    return f"{file}: sweep.{printable(key)}: unknown key; allowed: {', '.join(allowed)}{hint}"


def _columns(file: str, part: str, table: Any, lines: list[str]) -> dict[str, list[Any]]:
    """Keys with their lists of values; what is wrong is added to `lines`."""
    if not isinstance(table, dict):
        lines.append(f"{file}: sweep.{part}: not a table; allowed: a table of keys with lists of values")
        return {}
    columns = dict(_flat(table))
    for key, values in columns.items():
        if not isinstance(values, list) or not values:
            shown = "" if isinstance(values, list) else f" value {short(values)}:"
            where = f"{file}: sweep.{part}: {printable(key)}"
            lines.append(f"{where}:{shown} not a list of values; allowed: at least one in [ ]")
    return {key: values for key, values in columns.items() if isinstance(values, list)}


def _listed(file: str, tables: Any, lines: list[str]) -> list[Values]:
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) and t for t in tables):
        lines.append(f"{file}: sweep.list: not a list of tables with values; allowed: [[sweep.list]] for each")
        return []
    return [dict(_flat(table)) for table in tables]


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys as paths: a.b = 1, which TOML reads as tables, is the same as "a.b" = 1."""
    for key, value in table.items():
        if isinstance(value, dict) and "." not in key:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


# -- a point -------------------------------------------------------------------------------------------


def _point(base: Mapping[str, Any], row: Mapping[str, Any], path: Path, origins: Mapping[str, str]) -> Point:
    file = str(path)
    data = copy.deepcopy(dict(base))
    values = {key: value for key, value in row.items() if key != RANKS}
    for key in sorted(values, key=lambda key: key.count(".")):  # a table before what is inside it
        try:
            set_value(data, key, copy.deepcopy(values[key]))
        except ValueError as error:
            raise CaseError([f"{file} ({origins[key]}): {error}"]) from None
    case = validate_table(data, file, path.parent, Source(""), origins)
    ranks = row.get(RANKS, 1)
    if type(ranks) is not int or ranks < 1:
        raise CaseError([f"{file}: sweep.ranks: value {short(ranks)}: allowed: a whole number >= 1"])
    data = with_materials(given(data), case)
    files = beside(data, path.parent)
    digest = digest_of(data, lambda name: files.get(name, path.parent / name))
    return Point(_identity(case, values), values, ranks, data, files, digest)


def _identity(case: Case, values: Mapping[str, Any]) -> str:
    """Values for people and a hash of the values in SI."""
    resolved = case.resolved()
    shown = {row.key: row.value for row in rows(case)}
    exact: Values = {}
    words: list[str] = []
    for key in sorted(values):
        found, name = look_up(resolved, key), key.rsplit(".", 1)[-1]
        if name in FILE_KEYS:  # resolved, it says where the case file is
            exact[key] = values[key]
            words.append(Path(str(values[key])).stem)
        elif found is None or isinstance(found, dict | list):  # defaults of a table may change
            exact[key] = values[key]
            words.append(name)
        else:
            exact[key] = found
            words.append(shown.get(key, "") or str(found))
    text = json.dumps(exact, sort_keys=True, default=str)
    prefix = "_".join(_slug(word) for word in words)[:LONGEST_PREFIX].strip("-_.+") or "point"
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:HASH]}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "", text.replace("/", "-"))


def _refuse_repetitions(file: str, points: Sequence[Point]) -> None:
    first: dict[str, int] = {}
    lines = []
    for number, point in enumerate(points, 1):
        before = first.setdefault(point.id, number)
        if before != number:
            lines.append(f"{file}: sweep: points {before} and {number} are the same: {describe(point.values)}")
    if lines:
        raise CaseError(lines)
