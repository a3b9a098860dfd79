"""Where the results of a run go: the files of its directory, or memory when it has none."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo
from solver.output import checkpoint, files, summary
from solver.output.log import Console, LogTable, Rows
from solver.output.snapshots import SnapshotWriter
from solver.voice import Voice
from solver.whole_files import write_bytes


class MemoryRecorder:
    """Keeps the rows of the log and drops the rest: for runs from Python that want curves only."""

    def __init__(self, comm: MPI.Comm, console: Console):
        self.comm = comm
        self.console = console
        self.rows = Rows()
        self.seconds = 0.0
        self._before = 0  # rows of an earlier call

    def begin(self, columns: Sequence[str], fields: Sequence[FieldInfo]) -> None:
        """A new run begins: from here on, and not before, what an earlier one has left is replaced.

        columns: headings of the log. fields: that snapshots may have.
        """

    def resume(self, saved: checkpoint.Checkpoint, columns: Sequence[str], fields: Sequence[FieldInfo]) -> None:
        """A run goes on: from here on, and not before, what is later than the checkpoint is replaced."""
        self.rows = Rows(saved.log)
        self._before = len(self.rows)

    def row(self, row: Mapping[str, float | str]) -> None:
        self.rows.append(row)

    def snapshot(self, time: float, step: int, fields: Mapping[str, Array]) -> None:
        """Nothing is kept."""

    def checkpoint(self, step: int, fields: Mapping[str, Array], progress: Mapping[str, Any]) -> None:
        """Nothing is kept."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, float | str | None]]) -> None:
        """Nothing is kept."""

    def progress(self, fraction: float, status: str) -> None:
        self.console.update(fraction, status)

    def message(self, text: str) -> None:
        self.console.message(text)

    def curves(self) -> dict[str, np.ndarray]:
        """Columns of the log by name, of the steps of this call, the same on every rank but for the wall time."""
        return {name: np.array(values[self._before :]) for name, values in self.rows.columns.items()}


class FileRecorder(MemoryRecorder):
    """Writes log, snapshots and checkpoints into a run directory (all methods collective, raise FileError).

    copies: names and contents of the files that say of which case the run is. left_out: fields that
    the snapshots shall not have, precision: of the values of the others. seconds: wall time spent on output.
    """

    def __init__(
        self,
        directory: Path,
        grid: Grid,
        console: Console,
        provenance: Mapping[str, Any],
        copies: Mapping[str, bytes],
        left_out: Collection[str],
        keep_checkpoints: int,
        precision: str = "double",
    ):
        super().__init__(grid.comm, console)
        self.directory = directory
        self.grid = grid
        self.provenance = provenance
        self.copies = dict(copies)
        self.left_out = frozenset(left_out)
        self.keep_checkpoints = keep_checkpoints
        self.precision = precision
        self._show_row = False  # the log's lines are shown for the steps that end at a snapshot

    def begin(self, columns: Sequence[str], fields: Sequence[FieldInfo]) -> None:
        """A new run begins: what an earlier one has left is deleted."""
        files.on_root(self.comm, lambda: files.clear(self.directory))
        self._open(columns, fields)
        self._copy_case()

    def resume(self, saved: checkpoint.Checkpoint, columns: Sequence[str], fields: Sequence[FieldInfo]) -> None:
        """A run goes on: what is later than the checkpoint is deleted."""
        super().resume(saved, columns, fields)
        step, time = int(saved.scalars["step"]), float(saved.scalars["time"])
        files.on_root(self.comm, lambda: summary.retract(self.directory))  # first: the results are not complete
        self._open(columns, fields)
        self._copy_case()
        for problem in self.snapshots.resume(time):
            self.console.message(f"left out of the series: {problem}")
        files.on_root(self.comm, lambda: checkpoint.discard_later(self.directory, step))

    def _open(self, columns: Sequence[str], fields: Sequence[FieldInfo]) -> None:
        files.on_root(self.comm, lambda: self.directory.mkdir(parents=True, exist_ok=True))
        known = {info.name: info for info in fields}
        self.snapshots = SnapshotWriter(self.directory, self.grid, known, self.provenance, self.precision)
        self.log = LogTable(self.directory / "log.csv", columns, self.rows, self.comm)
        self.rows = self.log.rows

    def _copy_case(self) -> None:
        def write() -> None:
            for name, content in self.copies.items():
                write_bytes(self.directory / name, content)

        files.on_root(self.comm, write)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start

    def row(self, row: Mapping[str, float | str]) -> None:
        self.log.append(row)
        if self._show_row or self.console.voice >= Voice.VERBOSE:
            self.console.row(row)
            self._show_row = False

    def snapshot(self, time: float, step: int, fields: Mapping[str, Array]) -> None:
        with self._timed():
            wanted = {name: values for name, values in fields.items() if name not in self.left_out}
            self.snapshots.write(time, step, wanted)
        self._show_row = step > 0

    def checkpoint(self, step: int, fields: Mapping[str, Array], progress: Mapping[str, Any]) -> None:
        with self._timed():
            about, keep = self.provenance, self.keep_checkpoints
            checkpoint.write(self.directory, self.grid, step, fields, progress, about, keep, self.rows.columns)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, float | str | None]]) -> None:
        """Replace a table in one piece; what is None stays empty."""
        full = [{key: "" if value is None else value for key, value in row.items()} for row in rows]
        LogTable(self.directory / name, columns, full, self.comm).close()
