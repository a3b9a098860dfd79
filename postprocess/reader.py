"""A finished or running run, read from its directory.

run = Run("results/strip")
run.curves["voltage"], run.units["voltage"]       # log.csv, one value per step
run.times                                         # of the snapshots, s
run.field("lithium", -1)                          # axes (x, z) in 2-D, the normal z last
run.axes["z"]                                     # cell centres, m
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from solver.text import is_directory

Array = np.ndarray

DIRECTIONS = ("x", "y", "z")
TENSOR = ("xx", "yy", "zz", "xy", "yz", "xz")


class ResultsError(RuntimeError):
    """Results that are missing, incomplete or not what was asked for; the message says which and where."""


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


class Run:
    """The results in a run directory. Snapshots are read when asked for; index -1 is the last."""

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)
        if not is_directory(self.directory):
            raise ResultsError(f"{self.directory}: no such directory")
        if not any((self.directory / name).exists() for name in ("log.csv", "fields.vtkhdf.series")):
            raise ResultsError(
                f"{self.directory}: not a run directory: neither log.csv nor fields.vtkhdf.series"
            )

    # -- the log --------------------------------------------------------------------------------------

    @cached_property
    def _table(self) -> tuple[dict[str, Array], dict[str, str]]:
        path = self.directory / "log.csv"
        if not path.exists():
            raise ResultsError(f"{path}: no such file")
        complete = path.read_text(encoding="utf-8").rpartition("\n")[0]  # a running solver may be in mid-row
        header, *rows = list(csv.reader(complete.splitlines())) or [[]]
        if bad := [n for n, row in enumerate(rows, 2) if len(row) != len(header)]:
            raise ResultsError(
                f"{path}: line {bad[0]} does not have the {len(header)} columns of the heading"
            )
        columns = zip(*rows, strict=True) if rows else [()] * len(header)
        names = [heading.partition(" [") for heading in header]
        curves = {name: _numbers(values) for (name, _, _), values in zip(names, columns, strict=True)}
        return curves, {name: unit.rstrip("]") or "1" for name, _, unit in names}

    @property
    def curves(self) -> dict[str, Array]:
        """Columns of log.csv by name; numbers in SI, text where a column is text."""
        return self._table[0]

    @property
    def units(self) -> dict[str, str]:
        """Units of the columns of log.csv by name, "1" where there is none."""
        return self._table[1]

    # -- snapshots ------------------------------------------------------------------------------------

    @cached_property
    def _series(self) -> list[tuple[Path, float]]:
        path = self.directory / "fields.vtkhdf.series"
        if not path.exists():
            return []
        entries = json.loads(path.read_text(encoding="utf-8"))["files"]
        return [(self.directory / entry["name"], float(entry["time"])) for entry in entries]

    @property
    def times(self) -> Array:
        """Times of the snapshots, s."""
        return np.array([time for _, time in self._series])

    def _open(self, index: int) -> h5py.File:
        number = len(self._series)
        if number == 0:
            raise ResultsError(f"{self.directory}: no snapshots yet")
        if not -number <= index < number:
            raise ResultsError(f"{self.directory}: no snapshot {index}; there are {number}")
        path = self._series[index][0]
        try:
            return h5py.File(path, "r")
        except OSError as exc:
            raise ResultsError(f"{path}: missing or damaged ({exc})") from exc

    @cached_property
    def faces(self) -> dict[str, Array]:
        """Face coordinates of the cells per axis, m, in the order of the array axes (z last)."""
        with self._open(-1) as file:
            axes = bytes(file["grid"].attrs["axes"]).decode()
            return {axis: file[f"grid/{axis}"][...] for axis in axes}

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
        with self._open(-1) as file:
            return {name: self._describe(data) for name, data in file["VTKHDF/CellData"].items()}

    def field(self, name: str, index: int = -1) -> Array:
        """A field in snapshot `index` with the axes of `axes`, and one more for `components` if it has them."""
        with self._open(index) as file:
            cells = file["VTKHDF/CellData"]
            if name not in cells:
                raise ResultsError(
                    f"{file.filename}: no field {name!r}; there are {', '.join(sorted(cells))}"
                )
            components, values = self._describe(cells[name]).components, cells[name][...]
        missing = [n for n, axis in enumerate(DIRECTIONS) if axis not in self.axes]
        shape = tuple(1 if n in missing else len(self.axes[axis]) for n, axis in enumerate(DIRECTIONS))
        # in the file z is the first axis and x runs fastest; graded grids are stored flat
        entries = values.shape[-1:] if components else ()
        values = values.reshape(shape[::-1] + entries).swapaxes(0, 2)
        values = values.squeeze(tuple(missing))
        if components:  # "z" is entry 2 of 3, "yz" entry 5 of 9
            values = values[..., [int("".join(str(DIRECTIONS.index(c)) for c in name), 3) for name in components]]
        return np.ascontiguousarray(values)

    def _describe(self, data: h5py.Dataset) -> FieldDescription:
        unit, long_name, symbol = (bytes(data.attrs[key]).decode() for key in ("unit", "long_name", "symbol"))
        entries = data.shape[-1] if data.ndim in (2, 4) else 1  # graded grids are stored flat
        components = {1: (), 3: tuple(self.axes), 9: TENSOR}[entries]
        return FieldDescription(unit, long_name, symbol, components)

    # -- what it is --------------------------------------------------------------------------------------

    @cached_property
    def info(self) -> dict[str, Any]:
        """Provenance of the last snapshot: case, resolved_case, versions, ranks, seeds, started."""
        with self._open(-1) as file:
            texts = {key: bytes(item[()]).decode() for key, item in file.get("provenance", {}).items()}
        return {key: text if key == "case" else _json_or_text(text) for key, text in texts.items()}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Content of summary.json; empty while the run goes on."""
        path = self.directory / "summary.json"
        if not path.exists():
            return {}
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return summary


def _numbers(values: tuple[str, ...]) -> Array:
    try:
        return np.array([float(v) for v in values])
    except ValueError:
        return np.array(values)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
