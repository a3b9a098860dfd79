"""The critical current density (CCD) by bisection: single plating half-cycles, each from the same state.

A ramp takes every current between start and the CCD, one cycle after the other. The search does what comes before the
ramp once, keeps that state, and from there tries one plating half-cycle at a time: first at start, then at
max_current_density, then in the middle of what has been plated to its end and what has not, until the two are
`tolerance` apart. With first = "strip" each trial strips before it plates; with a stripping_current_density, which is
the same for all trials, that too is done once.

What differs from a ramp: no earlier cycle has left voids, dead lithium or half-filled defects behind, so the CCD is
that of a fresh cell. And a cell is taken to survive every current below one that it has survived.

    DIRECTORY/trials.csv         a row for each trial
              ccd.json           the result, and of which case it is
              start/             the run before the trials
              plate_1.25mA_cm2/  the run of a trial
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mpi4py import MPI

from solver.case.ramp import Ramp
from solver.case.schema import Case
from solver.case.segments import expand
from solver.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from solver.loop.build import make_simulation
from solver.loop.interrupts import Leave
from solver.loop.ramp_results import NO_FAILURE, NOT_FINISHED, UNITS, Scalar, failure_mode, in_words
from solver.loop.runner import Result, run
from solver.loop.simulation import FINISHED
from solver.model.build import make_grid
from solver.output import checkpoint, files, present, stored, summary
from solver.output.log import Console, LogTable, Value, column_name
from solver.output.recorder import MemoryRecorder
from solver.text import LARGEST_RESULT, is_file, read_text
from solver.voice import Voice
from solver.whole_files import write_text

TABLE, RESULT, START = "trials.csv", "ccd.json", "start"
COLUMNS = (
    "trial",
    "current_density [A/m^2]",
    "failure_mode",
    "failure_direction",
    "failure_time [s]",
    "failure_capacity [C/m^2]",
    "wall [s]",
)
FAILURE = ("failure_mode", "failure_direction", "failure_time", "failure_capacity")  # of a trial; None when it passed
_HEADINGS = ",".join(COLUMNS).encode()
PASSED = "-"  # in the table, for None
TOLERANCE = 0.5  # A/m^2

Trial = dict[str, Scalar]

NOTHING: Trial = dict.fromkeys(("critical_current_density", "failure_current_density", *FAILURE))


class SearchRefused(ValueError):
    """A search that cannot be made: no tolerance, no ramp in the case, or a directory with trials of another case."""


@dataclass(frozen=True)
class CriticalCurrent:
    """Outcome of a search. results (SI): as those of a ramp in `solver.loop.ramp_results` without cycles, None where
    nothing applies, and the number of `trials`.

    The CCD lies between critical_current_density, which was plated to its end, and failure_current_density, which was
    not. The first is None when the cell fails at the start of the ramp, or before. failure_mode is "none up to
    max_current_density" when the cell does not fail, "not finished" when the search was interrupted.
    """

    results: dict[str, Scalar]
    exit_code: int = EXIT_DONE


class _Interrupted(Exception):
    """A run of the search was asked to stop."""


def bisect(
    passes: Callable[[float], bool], low: float, high: float, tolerance: float
) -> tuple[float | None, float | None]:
    """The largest value found that passes and the smallest that does not, at most `tolerance` apart.

    The first is None when `low` does not pass, the second when `high` does.
    """
    if not passes(low):
        return None, low
    if passes(high):
        return high, None
    while high - low > tolerance * (1 + 1e-9):  # not once more for rounding
        middle = 0.5 * (low + high)
        if not low < middle < high:  # no number between them
            break
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low, high


def find_ccd(
    case: Case,
    directory: str | Path | None = None,
    tolerance: float = TOLERANCE,
    wall: float | None = None,
    progress: bool | Voice = False,
    comm: MPI.Comm | None = None,
    leave: Leave | None = None,
    replace: bool = False,
) -> CriticalCurrent:
    """The CCD between `start` and `max_current_density` of the case's ramp (collective).

    directory: where trials and their runs are kept. Trials that are already there are not run again, one that was
    interrupted goes on. None keeps nothing, and each trial runs from the beginning of the protocol.
    tolerance: A/m^2. wall: seconds after which to stop; progress: show what is being tried, or how much to say.
    leave: of commands, how they end at once, see `solver.run`. replace: trials that are there are deleted, once it is
    known that a run can begin.

    Raises SearchRefused; SolveFailed when a trial could not be solved, which says nothing of the cell.
    """
    if not tolerance > 0:
        raise SearchRefused(f"tolerance: value {tolerance:g} A/m^2; allowed: more than 0")
    comm = MPI.COMM_WORLD if comm is None else comm
    where = None if directory is None else Path(directory)
    search = _Search(case, where, wall, Voice.of(progress), comm, leave, replace)
    try:
        return search.result(tolerance)
    except _Interrupted:
        return search.interrupted()


def check_search(case: Case, directory: Path, replace: bool = False) -> None:
    """Raise SearchRefused when the case has no ramp, or `directory` holds trials of another case (not collective).

    Also when it holds files of these names that are of no search, or damaged, or links in place of trials. replace:
    trials are to be replaced.
    """
    _ramp(case)
    known = _case_in(directory)
    for trial in (directory / START, *sorted(directory.glob("plate_*"))):
        found = f"{trial} is a link, which is not followed" if trial.is_symlink() else present.in_the_way(trial)
        if found:
            raise SearchRefused(f"{found}; remove it, or choose another --output")
        if known is None and present.has_results(trial):
            raise SearchRefused(f"{trial} has results, but no {RESULT} says of which case; choose another --output")
    if known not in (None, case_key(case)) and not replace:
        remedy = "choose another one with --output, or replace them with --force"
        raise SearchRefused(f"{directory} holds trials of another case; {remedy}")
    if not replace:
        _read(directory / TABLE)


def _case_in(directory: Path) -> str | None:
    """Key of the case whose trials are there, None without any. Raises SearchRefused for files of no search."""
    result, table = directory / RESULT, directory / TABLE
    key, foreign = None, None
    if result.exists():
        try:
            key = str(stored.json_object(result)["case"])
        except (stored.ResultsError, KeyError):
            foreign = result
    if table.exists() and (key is None or not is_file(table) or not table.read_bytes().startswith(_HEADINGS)):
        foreign = table
    if foreign is not None:
        raise SearchRefused(f"{foreign} was not written by a search and would be overwritten; choose another --output")
    return key


def _clear(directory: Path) -> None:
    """Delete the trials of a search (not collective)."""
    for path in (directory / START, *directory.glob("plate_*mA_cm2")):
        shutil.rmtree(path, ignore_errors=True)
    for name in (TABLE, RESULT):
        (directory / name).unlink(missing_ok=True)


def case_key(case: Case) -> str:
    """Hash of all that a trial at a given current depends on: not the currents of the ramp, nor what follows it."""
    resolved = case.resolved()
    index, _ = _ramp(case)
    currents = ("start", "increment", "factor", "max_current_density")
    ramp = {name: value for name, value in resolved["protocol"][index].items() if name not in currents}
    resolved["protocol"] = [*resolved["protocol"][:index], ramp]
    if case.geometry.mesh is not None:  # what it says, not where it is
        resolved["geometry"]["mesh"] = hashlib.sha256(Path(case.geometry.mesh).read_bytes()).hexdigest()
    kept = {name: value for name, value in resolved.items() if name not in ("title", "output")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _ramp(case: Case) -> tuple[int, Ramp]:
    """The ramp of a case and its number among the segments. Raises SearchRefused."""
    for index, segment in enumerate(case.protocol):
        if isinstance(segment, Ramp):
            return index, segment
    raise SearchRefused("protocol: no segment of the kind 'ccd'; allowed: one segment, which gives the range to search")


class _Search:
    """The case at any current, its runs, and the table of trials. All methods but `at` are collective."""

    def __init__(
        self,
        case: Case,
        directory: Path | None,
        wall: float | None,
        voice: Voice,
        comm: MPI.Comm,
        leave: Leave | None = None,
        replace: bool = False,
    ):
        self.replace, self.stop_requested = replace, False
        self.case, self.directory, self.comm, self.voice, self.leave = case, directory, comm, voice, leave
        self.deadline = None if wall is None else time.monotonic() + wall
        self.index, self.ramp = _ramp(case)
        segments = expand(self.at(self.ramp.start))
        before = sum(segment.cycle == 0 for segment in segments)
        plates = self.ramp.first == "plate"
        same = self.ramp.stripping_current_density is not None
        self.last = before + 1 if plates else len(segments)  # segments of a trial
        self.shared = self.last - 1 if plates or same else before  # of those, segments of the run before the trials
        self.trials: dict[str, Trial] = {}
        self.table: LogTable | None = None

    def at(self, current: float) -> Case:
        """The case with one cycle at `current`, A/m^2, and nothing after it."""
        ramp = self.ramp.model_copy(update={"start": current, "max_current_density": current})
        return self.case.model_copy(update={"protocol": (*self.case.protocol[: self.index], ramp)})

    def result(self, tolerance: float) -> CriticalCurrent:
        """Run what comes before the trials, then bisect."""
        self._open()
        if self.directory is not None and self.shared:
            stop = self._run_shared(self.directory / START)
            if stop != FINISHED.kind:
                return self._close({"failure_mode": failure_mode(stop)})
        ends = self.ramp.start, self.ramp.max_current_density
        passed, failed = bisect(lambda current: self._try(current)["failure_mode"] is None, *ends, tolerance)
        results: Trial = {"critical_current_density": passed, "failure_mode": NO_FAILURE}
        if failed is not None:
            results |= {"failure_current_density": failed} | self.trials[_name(failed)]
        return self._close(results)

    def interrupted(self) -> CriticalCurrent:
        """What is to be said of a search that stopped before its end."""
        results: Trial = NOTHING | {"failure_mode": NOT_FINISHED, "trials": len(self.trials)}
        return CriticalCurrent(results, EXIT_INTERRUPTED)

    # -- runs ------------------------------------------------------------------------------------------------

    def _run_shared(self, directory: Path) -> str:
        """What comes before the trials; returns the kind of its end."""
        done = files.on_root(self.comm, lambda: _stop_kind(directory))
        if done == FINISHED.kind or failure_mode(done) != NOT_FINISHED:
            return done
        self._say("before the trials")
        return self._run(self.ramp.start, directory, self.shared, None).stop_kind

    def _try(self, current: float) -> Trial:
        """The trial at `current`: from the table, or run and added to it."""
        name = _name(current)
        if name not in self.trials:
            if self.stop_requested:
                raise _Interrupted
            self._say(f"trial {len(self.trials) + 1}: {name} mA/cm2")
            started = time.monotonic()
            directory = None if self.directory is None else self.directory / f"plate_{name}mA_cm2"
            start = None if self.directory is None else self.directory / START
            result = self._run(current, directory, self.last, start)
            failed = result.results["failure_mode"] != NO_FAILURE
            trial: Trial = {key: result.results[key] if failed else None for key in FAILURE}
            if self.table is not None:
                row = {"trial": len(self.trials) + 1, "current_density": current, "wall": time.monotonic() - started}
                self.table.append(row | {key: PASSED if value is None else value for key, value in trial.items()})
            self.trials[name] = trial
        return self.trials[name]

    def _run(self, current: float, directory: Path | None, segments: int, start: Path | None) -> Result:
        """Run the first segments: from the run's own last checkpoint, from that in `start`, or from the beginning."""
        found = files.on_root(self.comm, lambda: _with_checkpoints(directory, start))
        wall = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        voice = self.voice if self.voice >= Voice.NORMAL else Voice.SILENT  # the ends of the trials are not the result
        result = run(self.at(current), directory, found, wall, voice, self.comm, segments, self.leave)
        if result.exit_code == EXIT_INTERRUPTED:
            raise _Interrupted
        self.stop_requested = result.stop_requested
        return result

    def _say(self, text: str, least: Voice = Voice.NORMAL) -> None:
        if self.voice >= least and self.comm.rank == 0:
            print(text, file=sys.stderr, flush=True)

    # -- files -----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Read the trials that are there, and be ready to add others."""
        if self.directory is None:
            return
        directory, key = self.directory, case_key(self.case)
        if self.replace and files.on_root(self.comm, (directory / RESULT).exists):
            self._make_room(directory)

        def prepare() -> list[dict[str, Value]]:
            check_search(self.case, directory)
            directory.mkdir(parents=True, exist_ok=True)
            if _case_in(directory) is None:  # what is there stays until it is replaced
                write_text(directory / RESULT, json.dumps({"case": key}) + "\n")
            return _read(directory / TABLE)

        rows = files.on_root(self.comm, prepare)
        self.trials = dict(map(_trial, rows))
        self.table = LogTable(directory / TABLE, COLUMNS, rows, self.comm)

    def _make_room(self, directory: Path) -> None:
        """Delete the trials of an earlier search, after all that could keep a run from beginning."""
        files.on_root(self.comm, lambda: check_search(self.case, directory, replace=True))
        case = self.at(self.ramp.start)
        make_simulation(case, make_grid(case, self.comm), MemoryRecorder(self.comm, Console(self.comm, Voice.SILENT)))
        files.on_root(self.comm, lambda: _clear(directory))

    def _close(self, results: Trial) -> CriticalCurrent:
        results = NOTHING | results | {"trials": len(self.trials)}
        if self.directory is not None and self.table is not None:
            self.table.close()
            text = json.dumps({"case": case_key(self.case), "results": results, "units": UNITS}, indent=2) + "\n"
            path = self.directory / RESULT
            files.on_root(self.comm, lambda: write_text(path, text))
        self._say(in_words(results), Voice.QUIET)
        return CriticalCurrent(results)


def _name(current: float) -> str:
    """A current density (A/m^2) in mA/cm2, in the names of directories."""
    return f"{current / 10:.9g}"


def _with_checkpoints(*directories: Path | None) -> Path | None:
    """The first of these that has any."""
    return next((d for d in directories if d is not None and checkpoint.newest_first(d)), None)


def _stop_kind(directory: Path) -> str:
    """Kind of the end of a run; "" when there is none, or it does not say: it then goes on from its checkpoint."""
    try:
        return str(stored.json_object(directory / summary.NAME).get("stop_kind", ""))
    except stored.ResultsError:
        return ""


def _read(path: Path) -> list[dict[str, Value]]:
    """The rows of a table of trials. Raises SearchRefused for a table that no search has written."""
    names = [column_name(heading) for heading in COLUMNS]
    try:
        rows = list(csv.reader(read_text(path, LARGEST_RESULT).split("\n"))) if path.exists() else []
        # not a row that was cut off by a kill
        found: list[dict[str, Value]] = [dict(zip(names, c, strict=True)) for c in rows[1:] if len(c) == len(COLUMNS)]
        for row in found:
            _trial(row)
    except (ValueError, csv.Error) as error:
        remedy = "repair it, or replace the trials with --force"
        raise SearchRefused(f"{path}: damaged ({error}); {remedy}") from None
    return found


def _trial(row: Mapping[str, Value]) -> tuple[str, Trial]:
    """Name and outcome of a trial from its row in the table."""
    return _name(float(row["current_density"])), {key: _value(key, str(row[key])) for key in FAILURE}


def _value(name: str, text: str) -> Scalar:
    return None if text == PASSED else float(text) if name in UNITS else text
