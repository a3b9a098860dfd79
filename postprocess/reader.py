"""A finished or running run, read from its directory, which may be damaged: see `solver.output.stored`.

run = Run("results/strip")
run.curves["voltage"], run.units["voltage"]       # log.csv, one value per step
run.times                                         # of the snapshots, s
run.field("lithium", -1)                          # axes (x, z) in 2-D, the normal z last
run.axes["z"]                                     # cell centres, m
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from solver.output import stored
from solver.output.stored import CELLS, DIRECTIONS, ResultsError, Stored
from solver.text import LARGEST_RESULT, NoSuchFile, is_directory, printable, read_text

__all__ = ["DIRECTIONS", "TENSOR", "FieldDescription", "ResultsError", "Run"]

Array = np.ndarray

TENSOR = ("xx", "yy", "zz", "xy", "yz", "xz")
TEXTS = ("segment",)  # columns of log.csv that are no numbers
UNITS = ("1", "s", "m", "m/s", "1/m^2", "A/m^2", "C/m^2", "V", "Pa")  # of its other columns
IMPEDANCE_UNITS = ("s", "Hz", "ohm m^2", "rad")
# columns and fields by their names of now, and what earlier versions called them
EARLIER_COLUMNS = {"platen_pressure": "stack_pressure"}
EARLIER_FIELDS = {"local_current_density": "current_density"}
TABLES = ("results", "units", "seconds", "provenance")  # of summary.json


def _of_earlier(name: str, earlier: str | None) -> str:
    return f"written by an earlier version, which called {name!r} {earlier!r}; run the case again"


@dataclass(frozen=True)
class FieldDescription:
    """Unit, meaning and symbol of a field, as stored beside its values.

    components: names of the entries of the last axis: () of a scalar, ("x", "z") of a vector in 2-D, `TENSOR` of a
    symmetric tensor in all dimensions.
    """

    unit: str
    long_name: str
    symbol: str
    components: tuple[str, ...] = ()


class _Curves(dict[str, Array]):
    """Columns by name; one that is not there is missing results."""

    path: Path

    def __missing__(self, name: str) -> Array:
        if (earlier := EARLIER_COLUMNS.get(name)) in self:
            raise ResultsError(f"{self.path}: {_of_earlier(name, earlier)}")
        there = ", ".join(map(printable, self)) or "none"
        raise ResultsError(f"{self.path}: no column {name!r}; available: {there}")


class Run:
    """The results in a run directory. Snapshots are read when asked for; index -1 is the last.

    All properties and methods raise ResultsError for what is missing or damaged.
    """

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)
        if not is_directory(self.directory):
            raise ResultsError(f"{self.directory}: no such directory")
        if not (self.directory / "log.csv").exists() and not (self.directory / stored.FOLDER).exists():
            raise ResultsError(f"{self.directory}: not a run directory: neither log.csv nor {stored.FOLDER}")

    @cached_property
    def _table(self) -> tuple[dict[str, Array], dict[str, str]]:
        return _read_table(self.directory / "log.csv")

    @property
    def curves(self) -> dict[str, Array]:
        """Columns of log.csv by name; numbers in SI, text where a column is text."""
        return self._table[0]

    @property
    def units(self) -> dict[str, str]:
        """Units of the columns of log.csv by name, "1" where there is none."""
        return self._table[1]

    @property
    def is_full_cell(self) -> bool:
        """Whether the voltage of the full cell is known from the first row on."""
        return bool(np.all(np.isfinite(self.curves.get("cell_voltage", np.array(np.nan)))))

    @property
    def half_cycles(self) -> list[list[str]]:
        """Headings and rows of cycles.csv as they are written; only headings, or none of them, before one is over."""
        path = self.directory / "cycles.csv"
        return _read_rows(path) if path.exists() else [[]]

    @cached_property
    def impedance(self) -> dict[str, Array]:
        """Columns of impedance.csv by name, in SI."""
        return _read_table(self.directory / "impedance.csv", IMPEDANCE_UNITS)[0]

    # -- snapshots ------------------------------------------------------------------------------------

    @cached_property
    def _listing(self) -> tuple[list[Stored], list[str]]:
        """The snapshots, and what is to be said of others. The last one gives grid and fields."""
        found, problems = stored.find(self.directory)
        while found:
            try:
                with stored.opened(found[-1].path) as file:
                    stored.datasets(file)
                break
            except ResultsError as error:
                problems.append(str(error))
                found.pop()
        return found, problems

    @property
    def times(self) -> Array:
        """Times of the snapshots, s."""
        return np.array([snapshot.time for snapshot in self._listing[0]])

    @property
    def problems(self) -> list[str]:
        """A sentence for each snapshot that is there and cannot be read."""
        return self._listing[1]

    def _path(self, index: int) -> Path:
        number = len(self._listing[0])
        if number == 0:
            raise ResultsError(self.problems[0] if self.problems else f"{self.directory}: no snapshots yet")
        if not -number <= index < number:
            raise ResultsError(f"{self.directory}: no snapshot {index}; there are {number}, numbered from 0")
        return self._listing[0][index].path

    @cached_property
    def faces(self) -> dict[str, Array]:
        """Face coordinates of the cells per axis, m, in the order of the array axes (z last)."""
        with stored.opened(self._path(-1)) as file:
            return stored.faces(file)

    @cached_property
    def axes(self) -> dict[str, Array]:
        """Coordinates of the cell centres per axis, m, in the order of the array axes (z last)."""
        return {axis: 0.5 * (f[1:] + f[:-1]) for axis, f in self.faces.items()}

    @property
    def volumes(self) -> Array:
        """Volume of each cell, m^dim."""
        volume = np.ones(())
        for faces in self.faces.values():
            volume = volume[..., None] * np.diff(faces)
        return volume

    @property
    def lateral_area(self) -> float:
        """Area of the contact, m^(dim - 1); 1 in 1-D."""
        return float(np.prod([f[-1] - f[0] for f in list(self.faces.values())[:-1]]))

    @cached_property
    def fields(self) -> dict[str, FieldDescription]:
        """The fields in the last snapshot with units and meanings."""
        with stored.opened(self._path(-1)) as file:
            about = stored.datasets(file)
        components = ((), tuple(self.axes), TENSOR)
        return {n: FieldDescription(a.unit, a.long_name, a.symbol, components[a.rank]) for n, a in about.items()}

    def field(self, name: str, index: int = -1) -> Array:
        """A field in snapshot `index` with the axes of `axes`, and one more for `components` if it has them.

        In double precision, whatever the precision in the file.
        """
        with stored.opened(self._path(index)) as file:
            there = stored.datasets(file)
            if name not in there and (earlier := EARLIER_FIELDS.get(name)) in there:
                raise ResultsError(_of_earlier(name, earlier))
            if name not in there:
                raise ResultsError(f"no field {name!r}; available: {', '.join(sorted(there)) or 'none'}")
            cells = tuple(len(self.axes[axis]) if axis in self.axes else 1 for axis in DIRECTIONS)
            if stored.frame(file).cells != cells:
                raise ResultsError("its grid is not that of the last snapshot")
            values = stored.numbers(file, f"{CELLS}/{name}")
        missing = tuple(n for n, axis in enumerate(DIRECTIONS) if axis not in self.axes)
        # in the file z is the first axis and x runs fastest; graded grids are stored flat
        entries = (stored.COMPONENTS[there[name].rank],) if there[name].rank else ()
        values = values.reshape(cells[::-1] + entries).swapaxes(0, 2).squeeze(missing)
        if entries:  # "z" is entry 2 of 3, "yz" entry 5 of 9
            components = ((), tuple(self.axes), TENSOR)[there[name].rank]
            values = values[..., [int("".join(str(DIRECTIONS.index(c)) for c in n), 3) for n in components]]
        return np.ascontiguousarray(values)

    # -- what it is --------------------------------------------------------------------------------------

    @cached_property
    def info(self) -> dict[str, Any]:
        """Provenance of the last snapshot: case, resolved_case, versions, ranks, seeds, started.

        Long texts and tables are taken from the files of the directory when these are still the ones of that snapshot.
        """
        with stored.opened(self._path(-1)) as file:
            keys = stored.names(file, "provenance")
            texts = {key: stored.text(stored.dataset(file, f"provenance/{key}")[()]) for key in keys}
        for key, name in (("case", stored.CASE_FILE), ("resolved_case", stored.RESOLVED_FILE)):
            if f"{key}_sha256" in texts:
                texts[key] = stored.text_of(self.directory / name, texts[f"{key}_sha256"]) or texts.get(key, "")
        return {key: text if key == "case" else _json_or_text(text) for key, text in texts.items()}

    @property
    def case(self) -> dict[str, Any]:
        """The resolved case of the last snapshot; {} when it has none."""
        case = self.info.get("resolved_case") if len(self.times) else None
        return case if isinstance(case, dict) else {}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Content of summary.json; empty while the run goes on."""
        path = self.directory / "summary.json"
        return read_summary(path) if path.exists() else {}


def read_summary(path: Path) -> dict[str, Any]:
    """The content of summary.json, done.json or ccd.json.

    Its tables are tables, its cycles a list of those, why it stopped is text. Raises ResultsError.
    """
    content = stored.json_object(path)
    for name in TABLES:
        if not isinstance(content.get(name, {}), dict):
            raise ResultsError(f"{path}: {name}: {content[name]!r:.60}; there should be a table of names and values")
    cycles = content.get("cycles", [])
    if not isinstance(cycles, list) or not all(isinstance(cycle, dict) for cycle in cycles):
        raise ResultsError(f"{path}: cycles: {cycles!r:.60}; there should be a list of tables of names and values")
    if not isinstance(content.get("stop_reason", ""), str):
        raise ResultsError(f"{path}: stop_reason: {content['stop_reason']!r:.60}; there should be text")
    return content


def _read_rows(path: Path) -> list[list[str]]:
    """The heading and the complete rows of a table, all of one length. Raises ResultsError."""
    try:
        complete = read_text(path, LARGEST_RESULT).rpartition("\n")[0]  # a running solver may be in mid-row
        header, *rows = list(csv.reader(complete.split("\n"))) or [[]]
    except NoSuchFile:
        raise ResultsError(f"{path}: no such file") from None
    except (ValueError, csv.Error) as error:
        raise ResultsError(f"{path}: damaged, or not a table ({error})") from None
    if bad := [n for n, row in enumerate(rows, 2) if len(row) != len(header)]:
        raise ResultsError(f"{path}: line {bad[0]} does not have the {len(header)} columns of the heading")
    return [header, *rows]


def _read_table(path: Path, allowed: Sequence[str] = UNITS) -> tuple[dict[str, Array], dict[str, str]]:
    """Columns and units of a table, such as log.csv; allowed: units. Raises ResultsError."""
    header, *rows = _read_rows(path)
    curves, units = _Curves(), {}
    curves.path = path
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    for heading, values in zip(header, columns, strict=True):
        name, _, unit = heading.partition(" [")
        units[name] = unit.rstrip("]") or "1"
        if units[name] not in allowed or name in curves:
            raise ResultsError(f"{path}: heading {heading!r}: twice, or not in one of the units {', '.join(allowed)}")
        curves[name] = np.array(values) if name in TEXTS else _numbers(values, f"{path}: column {name}")
    return curves, units


def _numbers(values: tuple[str, ...], where: str) -> Array:
    found = np.empty(len(values))
    for n, text in enumerate(values):
        try:
            found[n] = float(text or "nan")  # empty in rows of a version that did not have the column
        except ValueError:
            raise ResultsError(f"{where}, line {n + 2}: {text!r:.60} is not a number") from None
    return found


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
