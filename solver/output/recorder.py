"""Where the results of a run go: the files of its directory, or memory when it has none."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from solver.grid import Array, Grid
from solver.output import checkpoint, files
from solver.output.log import Console, LogTable
from solver.output.snapshots import SnapshotWriter
from solver.state import FIELDS


class MemoryRecorder:
    """Keeps the rows of the log and drops the rest: for runs from Python that want curves only."""

    def __init__(self, comm: MPI.Comm, console: Console):
        self.comm = comm
        self.console = console
        self.rows: list[dict[str, float | str]] = []
        self.seconds = 0.0

    def row(self, row: Mapping[str, float | str]) -> None:
        self.rows.append(dict(row))

    def snapshot(self, time: float, step: int, fields: Mapping[str, Array]) -> None:
        """Nothing is kept."""

    def checkpoint(self, step: int, fields: Mapping[str, Array], progress: Mapping[str, Any]) -> None:
        """Nothing is kept."""

    def progress(self, fraction: float, status: str) -> None:
        self.console.update(fraction, status)

    def message(self, text: str) -> None:
        self.console.message(text)

    def curves(self) -> dict[str, np.ndarray]:
        """Columns of the log by name, the same on every rank but for the wall time."""
        names = self.rows[0] if self.rows else ()
        return {name: np.array([row[name] for row in self.rows]) for name in names}


class FileRecorder(MemoryRecorder):
    """Writes log, snapshots and checkpoints into a run directory (all methods collective).

    fields: names of the fields in the snapshots, precision: of their values. seconds: wall time spent on output.
    """

    def __init__(
        self,
        directory: Path,
        grid: Grid,
        console: Console,
        provenance: Mapping[str, Any],
        fields: tuple[str, ...],
        keep_checkpoints: int,
        resume: tuple[int, float] | None = None,
        precision: str = "double",
    ):
        super().__init__(grid.comm, console)
        self.directory = directory
        self.grid = grid
        self.provenance = provenance
        self.fields = fields
        self.keep_checkpoints = keep_checkpoints
        files.on_root(grid.comm, lambda: directory.mkdir(parents=True, exist_ok=True))
        self.snapshots = SnapshotWriter(directory, grid, FIELDS, provenance, precision)
        if resume is None:
            files.on_root(grid.comm, lambda: files.clear(directory))
        else:
            for problem in self.snapshots.resume(resume[1]):
                console.message(f"left out of the series: {problem}")
        self._show_row = False  # the log's lines are shown for the steps that end at a snapshot
        self.log = LogTable(directory / "log.csv", resume_step=resume and resume[0], comm=grid.comm)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start

    def row(self, row: Mapping[str, float | str]) -> None:
        super().row(row)
        self.log.append(row)
        if self._show_row:
            self.console.row(row)
            self._show_row = False

    def snapshot(self, time: float, step: int, fields: Mapping[str, Array]) -> None:
        with self._timed():
            self.snapshots.write(time, step, {name: fields[name] for name in self.fields if name in fields})
        self._show_row = step > 0

    def checkpoint(self, step: int, fields: Mapping[str, Array], progress: Mapping[str, Any]) -> None:
        with self._timed():
            checkpoint.write(
                self.directory, self.grid, step, fields, progress, self.provenance, self.keep_checkpoints
            )
