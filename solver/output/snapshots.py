"""Snapshots of the fields for ParaView and for `postprocess`, one static file per output.

    fields/fields_000000.vtkhdf   /VTKHDF      grid, CellData/<field> with attributes unit, long_name, symbol
                                  /grid        dim, axes; face coordinates x, y, z in m
                                  /snapshot    attributes time (s), step
                                  /provenance  case text, resolved case without long tables, versions, commit, ranks,
                                               seeds
    fields.xdmf                   the time series for ParaView 5.11 and later
    fields.vtkhdf.series          the time series for ParaView 5.12 and later

The files are closed after each write and the two light ones replaced in one piece, so a viewer may look
at them while the run goes on. The data do not depend on the number of ranks. The light ones are made from the
snapshots that are there and decide nothing: see `stored`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from solver.output import files, hdf5, stored, xdmf
from solver.output.provenance import in_snapshots
from solver.output.stored import CELLS, FOLDER, Dataset, ResultsError
from solver.output.vtk_layout import VtkLayout
from solver.whole_files import write_text

if TYPE_CHECKING:
    from solver.numerics.grid import Grid
    from solver.numerics.state import FieldInfo

Array = np.ndarray

XDMF = "fields.xdmf"
SERIES = "fields.vtkhdf.series"
PRECISIONS = {"single": np.float32, "double": np.float64}


@dataclass(frozen=True)
class _Entry:
    """One line of the time series: path relative to the run directory, time in s, its text in XDMF."""

    path: str
    time: float
    xdmf: str


class SnapshotWriter:
    """Writes snapshots into a run directory; every method is collective. The constructor touches no file.

    info: description of every field that will be written. provenance: what travels inside each file.
    precision: of the fields, "single" or "double"; coordinates and time are always double.
    """

    def __init__(
        self,
        directory: str | Path,
        grid: Grid,
        info: Mapping[str, FieldInfo],
        provenance: Mapping[str, Any],
        precision: str = "double",
    ):
        self.directory = Path(directory)
        self.grid = grid
        self.info = info
        self.provenance = in_snapshots(provenance)
        self.type = PRECISIONS[precision]
        self.layout = VtkLayout(grid)
        self._entries: list[_Entry] = []
        self._next: int | None = None  # number of the next file, once the folder has been looked at

    def write(self, time: float, step: int, fields: Mapping[str, Array]) -> Path:
        """Write one snapshot: owned blocks, vectors and tensors with a last axis as in `FieldInfo`.

        A second snapshot at the time of the last one replaces it; an earlier time is an error. No other file is ever
        replaced: a new one has the number after the largest that is there.
        """
        if unknown := sorted(set(fields) - set(self.info)):
            raise ValueError(f"no unit and meaning given for the fields {unknown}")
        last = self._entries[-1] if self._entries else None
        if last is not None and time < last.time:
            raise ValueError(f"snapshot at {time!r} s after the one at {last.time!r} s")
        number = self._number()
        again = last is not None and time == last.time
        name = last.path if last is not None and again else f"{FOLDER}/fields_{number:06d}.vtkhdf"
        about = {key: self._about(self.info[key]) for key in fields}
        with hdf5.create(self.directory / name, self.grid.comm, fields.values()) as file:
            self._write_content(file, time, step, fields)
        text = xdmf.grid(name, float(time), self.layout.frame, about)
        self._entries = self._entries[:-1] if again else self._entries
        self._next = number if again else number + 1
        self._entries.append(_Entry(name, float(time), text))
        files.on_root(self.grid.comm, self._write_sidecars)
        return self.directory / name

    def resume(self, time: float) -> list[str]:
        """Go on with what is in the directory: keep the snapshots up to `time` (s), delete the later ones.

        Only a file that says of itself that it is later is deleted. Those that cannot be read are left alone. Returns
        sentences about them, and about those that are gone, the same on all ranks.
        """

        def look() -> tuple[list[_Entry], list[str]]:
            there, problems = stored.find(self.directory)
            problems += stored.gaps(self.directory)
            entries = []
            for snapshot in there:
                if snapshot.time > time:
                    snapshot.path.unlink()
                    continue
                try:
                    entries.append(_entry(snapshot))
                except ResultsError as error:
                    problems.append(str(error))
            return entries, problems

        self._entries, problems = files.on_root(self.grid.comm, look)
        files.on_root(self.grid.comm, self._write_sidecars)
        return problems

    def _number(self) -> int:
        """Number of the next file; its folder is made when there is none, but not that of a run, which has vanished."""

        def look() -> int:
            (self.directory / FOLDER).mkdir(exist_ok=True)
            return max((number for number, _ in stored.numbered(self.directory)), default=-1) + 1

        return files.on_root(self.grid.comm, look) if self._next is None else self._next

    def _about(self, info: FieldInfo) -> Dataset:
        return Dataset(
            rank=info.rank,
            precision=np.dtype(self.type).itemsize,
            unit=info.unit,
            long_name=info.long_name,
            symbol=info.symbol,
        )

    def _write_content(self, file: hdf5.Writer, time: float, step: int, fields: Mapping[str, Array]) -> None:
        layout, grid = self.layout, self.grid
        layout.write_geometry(file)
        for name, values in fields.items():
            about = self.info[name]
            file.block(
                f"{CELLS}/{name}",
                layout.to_vtk(values, about.rank).astype(self.type),
                layout.shape,
                layout.start,
                flat=not layout.uniform,
                attributes={"unit": about.unit, "long_name": about.long_name, "symbol": about.symbol},
                compressed=True,
            )
        file.common("VTKHDF/FieldData/TimeValue", np.array([time], dtype=float))
        for axis, faces in zip(grid.axes, grid.faces, strict=True):
            file.common(f"grid/{axis}", faces)
        file.attributes("grid", {"dim": grid.dim, "axes": "".join(grid.axes), "unit": "m"})
        file.attributes("snapshot", {"time": float(time), "step": int(step)})
        file.provenance(self.provenance)

    def _write_sidecars(self) -> None:
        """Both series of the snapshots that are there; none when there are none, since readers refuse an empty one."""
        entries = [entry for entry in self._entries if (self.directory / entry.path).is_file()]
        if not entries:
            for name in (XDMF, SERIES):
                (self.directory / name).unlink(missing_ok=True)
            return
        write_text(self.directory / XDMF, xdmf.document(entry.xdmf for entry in entries))
        series = {"file-series-version": "1.0", "files": [{"name": e.path, "time": e.time} for e in entries]}
        write_text(self.directory / SERIES, json.dumps(series, indent=1) + "\n")


def _entry(snapshot: stored.Stored) -> _Entry:
    """The line of a stored snapshot: what is in it, whatever the run writes now. Raises ResultsError."""
    path = f"{FOLDER}/{snapshot.path.name}"
    with stored.opened(snapshot.path) as file:
        return _Entry(path, snapshot.time, xdmf.grid(path, snapshot.time, stored.frame(file), stored.datasets(file)))
