"""Snapshots of the fields for ParaView and for `postprocess`, one static file per output.

    fields/fields_000000.vtkhdf   /VTKHDF      grid, CellData/<field> with attributes unit, long_name, symbol
                                  /grid        dim, axes; face coordinates x, y, z in m
                                  /snapshot    attributes time (s), step
                                  /provenance  case text, resolved case, versions, commit, ranks, seeds
    fields.xdmf                   the time series for ParaView 5.11 and later
    fields.vtkhdf.series          the time series for ParaView 5.12 and later

The files are closed after each write and the two light ones replaced in one piece, so a viewer may look
at them while the run goes on. The data do not depend on the number of ranks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from solver.output import files, hdf5
from solver.output.vtk_layout import COMPONENTS, Dataset, VtkLayout, xdmf_document
from solver.whole_files import write_text

if TYPE_CHECKING:
    from solver.grid import Grid
    from solver.state import FieldInfo

Array = np.ndarray

FOLDER = "fields"
XDMF = "fields.xdmf"
SERIES = "fields.vtkhdf.series"


@dataclass(frozen=True)
class _Entry:
    """One line of the time series: path relative to the run directory, time in s, fields in the file."""

    path: str
    time: float
    fields: dict[str, Dataset]


class SnapshotWriter:
    """Writes snapshots into a run directory; every method is collective.

    info: description of every field that will be written. provenance: what travels inside each file.
    """

    def __init__(
        self, directory: str | Path, grid: Grid, info: Mapping[str, FieldInfo], provenance: Mapping[str, Any]
    ):
        self.directory = Path(directory)
        self.grid = grid
        self.info = info
        self.provenance = provenance
        self.layout = VtkLayout(grid)
        self._entries: list[_Entry] = []
        files.on_root(grid.comm, lambda: (self.directory / FOLDER).mkdir(parents=True, exist_ok=True))

    def write(self, time: float, step: int, fields: Mapping[str, Array]) -> Path:
        """Write one snapshot: owned blocks, vectors and tensors with a last axis as in `FieldInfo`.

        A second snapshot at the time of the last one replaces it; an earlier time is an error.
        """
        if unknown := sorted(set(fields) - set(self.info)):
            raise ValueError(f"no unit and meaning given for the fields {unknown}")
        if self._entries and time <= self._entries[-1].time:
            if time < self._entries[-1].time:
                raise ValueError(f"snapshot at {time!r} s after the one at {self._entries[-1].time!r} s")
            self._entries.pop()
        name = f"{FOLDER}/fields_{len(self._entries):06d}.vtkhdf"
        about = {key: self.info[key] for key in fields}
        datasets = {key: Dataset(a.rank, a.unit, a.long_name) for key, a in about.items()}
        with hdf5.create(self.directory / name, self.grid.comm, fields.values()) as file:
            self._write_content(file, time, step, fields)
        self._entries.append(_Entry(name, float(time), datasets))
        files.on_root(self.grid.comm, self._write_sidecars)
        return self.directory / name

    def resume(self, time: float) -> None:
        """Go on with the series in the directory: keep the snapshots up to `time` (s), delete later ones."""

        def keep() -> list[_Entry]:
            listed = read_series(self.directory)
            kept = [(path, t) for path, t in listed if t <= time]
            entries = [_Entry(path, t, self._stored(self.directory / path)) for path, t in kept]
            for later in sorted((self.directory / FOLDER).glob("fields_*.vtkhdf")):
                if f"{FOLDER}/{later.name}" not in {e.path for e in entries}:
                    later.unlink()
            return entries

        self._entries = files.on_root(self.grid.comm, keep)
        if self._entries:
            files.on_root(self.grid.comm, self._write_sidecars)

    @property
    def last_time(self) -> float | None:
        """Time of the last snapshot in the series, s."""
        return self._entries[-1].time if self._entries else None

    def _write_content(self, file: hdf5.Writer, time: float, step: int, fields: Mapping[str, Array]) -> None:
        layout, grid = self.layout, self.grid
        layout.write_geometry(file)
        for name, values in fields.items():
            about = self.info[name]
            file.block(
                f"VTKHDF/CellData/{name}",
                layout.to_vtk(values, about.rank),
                layout.shape,
                layout.start,
                flat=not layout.uniform,
                attributes={"unit": about.unit, "long_name": about.long_name, "symbol": about.symbol},
            )
        file.common("VTKHDF/FieldData/TimeValue", np.array([time], dtype=float))
        for axis, faces in zip(grid.axes, grid.faces, strict=True):
            file.common(f"grid/{axis}", faces)
        file.attributes("grid", {"dim": grid.dim, "axes": "".join(grid.axes), "unit": "m"})
        file.attributes("snapshot", {"time": float(time), "step": int(step)})
        file.provenance(self.provenance)

    def _write_sidecars(self) -> None:
        grids = [self.layout.xdmf_grid(e.path, e.time, e.fields) for e in self._entries]
        write_text(self.directory / XDMF, xdmf_document(grids))
        series = {
            "file-series-version": "1.0",
            "files": [{"name": e.path, "time": e.time} for e in self._entries],
        }
        write_text(self.directory / SERIES, json.dumps(series, indent=1) + "\n")

    def _stored(self, path: Path) -> dict[str, Dataset]:
        with h5py.File(path, "r") as file:
            return {
                name: Dataset(
                    COMPONENTS.index(data.shape[-1]) if data.ndim in (2, 4) else 0,
                    bytes(data.attrs["unit"]).decode(),
                    bytes(data.attrs["long_name"]).decode(),
                )
                for name, data in file["VTKHDF/CellData"].items()
            }


def read_series(directory: Path) -> list[tuple[str, float]]:
    """(path relative to the run directory, time in s) of every snapshot, in order of time."""
    path = Path(directory) / SERIES
    if not path.exists():
        return []
    return [(entry["name"], float(entry["time"])) for entry in json.loads(path.read_text())["files"]]
