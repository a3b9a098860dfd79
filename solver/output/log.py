"""The log of a run: log.csv, one row per accepted step, and what is shown while the run goes on.

The heading of a column is "name [unit]". Rows are flushed one by one, so the file may be read at any
time and loses nothing but a half-written last row when the run is killed. All rows are kept in memory too, and in
checkpoints: the file is never read to go on, and is made again when it has been removed or edited.
"""

from __future__ import annotations

import csv
import io
import os
import sys
import time as clock
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from mpi4py import MPI
from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from solver.output import files
from solver.text import one_line
from solver.voice import Voice
from solver.whole_files import naming, write_text

Value = float | int | str
LONGEST_TITLE = 60  # characters of a title beside the bar of progress

def column_name(heading: str) -> str:
    """The name in a heading "name [unit]"."""
    return heading.split(" [")[0]


class Rows:
    """Rows of a table in memory, by column; all have the same columns."""

    def __init__(self, columns: Mapping[str, Iterable[Value]] | None = None):
        self.columns: dict[str, list[Value]] = {name: list(values) for name, values in (columns or {}).items()}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def append(self, row: Mapping[str, Value]) -> None:
        """Add a row given by name."""
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    def __iter__(self) -> Iterator[dict[str, Value]]:
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))


class LogTable:
    """A CSV table that rank 0 writes. The constructor and `append` are collective and raise FileError on all ranks.

    columns: headings, the first is the step. rows: those it begins with. An existing file is replaced. Columns that
    the first rows do not have (of an earlier version) stay empty there.
    """

    def __init__(
        self,
        path: str | Path,
        columns: Sequence[str],
        rows: Iterable[Mapping[str, Value]] = (),
        comm: MPI.Comm = MPI.COMM_WORLD,
    ):
        self.path = Path(path)
        self.columns = tuple(columns)
        self.names = tuple(column_name(c) for c in columns)
        self.comm = comm
        self.rows = Rows({name: [] for name in self.names})
        for row in rows:
            self.rows.append({name: row.get(name, "") for name in self.names})
        self._stream: TextIO | None = None
        files.on_root(comm, self._start)

    def _start(self) -> None:
        """Write all rows, and be ready for others."""
        self.close()
        lines = map(_csv_line, [self.columns, *(map(_exact, row.values()) for row in self.rows)])
        write_text(self.path, "".join(lines))
        self._stream = self.path.open("a", encoding="utf-8", newline="")

    def append(self, row: Mapping[str, Value]) -> None:
        """Add a row given by name (without units); floats are stored exactly."""
        if set(row) != set(self.names):
            odd = sorted(set(row) ^ set(self.names))
            raise ValueError(f"{self.path.name}: a row in which {odd} are missing or unknown")
        ordered = {name: row[name] for name in self.names}
        self.rows.append(ordered)
        files.on_root(self.comm, lambda: self._write(ordered))

    def _write(self, row: Mapping[str, Value]) -> None:
        if self._stream is None or not self._in_place():
            self._start()
            return
        with naming(self.path):
            self._stream.write(_csv_line(map(_exact, row.values())))
            self._stream.flush()

    def _in_place(self) -> bool:
        """Whether the file that is written is still the one of this name."""
        assert self._stream is not None
        try:
            return os.path.samestat(os.fstat(self._stream.fileno()), os.stat(self.path))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Close the file."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


def _exact(value: Value) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _csv_line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


# -- the console ---------------------------------------------------------------------------------------

# heading, width, key of the row, factor to the unit in the heading, format
_TABLE = (
    ("step", 6, "step", 1.0, ".0f"),
    ("t/min", 9, "time", 1 / 60, ".3f"),
    ("dt/s", 8, "dt", 1.0, ".3g"),
    ("j/mA/cm2", 9, "current_density", 0.1, ".3f"),
    ("V/mV", 9, "voltage", 1e3, ".3f"),
    ("contact", 8, "contact_fraction", 1.0, ".4f"),
    ("void/um", 9, "void_volume", 1e6, ".4f"),
    ("hot", 6, "local_current_max_ratio", 1.0, ".2f"),
    ("newton", 7, "newton", 1.0, ".0f"),
    ("krylov", 7, "krylov", 1.0, ".0f"),
    ("charge", 9, "charge_error", 1.0, ".1e"),
    ("lithium", 9, "lithium_error", 1.0, ".1e"),
)


def table_header() -> str:
    """Headings with units of the lines that `table_line` makes."""
    return " ".join(f"{name:>{width}}" for name, width, *_ in _TABLE)


def table_line(row: Mapping[str, Value]) -> str:
    """A row of the log as one line of at most 110 characters."""
    return " ".join(f"{float(row[key]) * factor:>{width}{form}}" for _, width, key, factor, form in _TABLE)


class Console:
    """Progress of a run on rank 0's stderr; the other ranks' calls do nothing.

    A bar on a terminal; otherwise (mpirun, a log file) a line whenever another `every` of the run is done.
    """

    HEADER_EVERY = 30

    def __init__(
        self,
        comm: MPI.Comm = MPI.COMM_WORLD,
        progress: bool | Voice = True,
        title: str = "",
        stream: TextIO | None = None,
        every: float = 0.05,
    ):
        self._stream = stream or sys.stderr
        self._title = one_line(title, LONGEST_TITLE)
        self._every = every
        self._shown = -1.0
        self._start = clock.monotonic()
        self._lines = 0
        self.voice = Voice.of(progress) if comm.rank == 0 else Voice.SILENT
        self._wanted = self.voice >= Voice.NORMAL
        self._bar: Progress | None = None
        if self._wanted and self._stream.isatty():
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.percentage:3.0f} %"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[status]}", markup=False),
                console=RichConsole(file=self._stream),
            )
            self._task = self._bar.add_task(self._title, total=1.0, status="")
            self._bar.start()

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def message(self, text: str, least: Voice = Voice.NORMAL) -> None:
        """A line of text, where at least so much is to be said."""
        if self.voice < least:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)

    def row(self, row: Mapping[str, Value]) -> None:
        """A row of the log as a line of the table; the headings are repeated now and then."""
        if not self._wanted:
            return
        if self._lines % self.HEADER_EVERY == 0:
            self.message(table_header())
        self._lines += 1
        self.message(table_line(row))

    def update(self, fraction: float, status: str = "") -> None:
        """Show that `fraction` (0 to 1) of the run is done, with a few words such as voltage and contact."""
        if not self._wanted:
            return
        fraction = min(max(fraction, 0.0), 1.0)
        if self._bar is not None:
            self._bar.update(self._task, completed=fraction, status=status)
        elif fraction >= self._shown + self._every - 1e-9 or (fraction == 1.0 and self._shown < 1.0):
            self._shown = fraction
            self.message(_progress_line(self._title, fraction, clock.monotonic() - self._start, status))

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _progress_line(title: str, fraction: float, elapsed: float, status: str) -> str:
    bar = ("#" * round(20 * fraction)).ljust(20, ".")
    left = f", {_minutes(elapsed * (1 / fraction - 1))} left" if fraction > 0.0 else ""
    return f"{title} [{bar}] {100 * fraction:3.0f} %  {_minutes(elapsed)}{left}  {status}".strip()


def _minutes(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
