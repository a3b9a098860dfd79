"""One table of a sweep: the values of each point, what it came to, and why when it failed.

    results.csv     id, state, reason, the values of the sweep as written, results with their units

`state` is done, failed (the solve), stopped (early, with a checkpoint), broken off (killed, or still running), changed
(its results are those of another case, and left out) or not run.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from postprocess.metrics import minimum_contact_fraction
from postprocess.reader import ResultsError, Run, read_summary
from solver.text import is_file, is_whole, one_line, plain_console, printable
from solver.whole_files import write_text

NAME = "results.csv"
NOT_VALUES = ("id", "ranks", "case_digest")  # columns of points.csv
TIME, CAPACITY = "time [s]", "capacity [C/m^2]"
VOLTAGE, CONTACT = "final voltage [V]", "least contact_fraction [1]"
EFFICIENCY = "last coulombic_efficiency [1]"  # of the cycles that have one
SIGNALLED = 128  # exit codes of shells and of mpirun: this and the number of the signal
PLAIN_WIDTH = 200  # columns when the output is not a terminal

Scalar = float | int | str | bool


@dataclass(frozen=True)
class PointResult:
    """A point: values as written, results by heading in SI; reason: why it stopped or failed."""

    id: str
    values: dict[str, str]
    state: str
    reason: str = ""
    results: dict[str, Scalar] = field(default_factory=dict)


def read_points(directory: str | Path) -> list[PointResult]:
    """All points of a sweep in its order. Raises ResultsError when the folder is not that of a sweep."""
    path = Path(directory) / "points.csv"
    if not is_file(path):
        raise ResultsError(f"{path}: no such file; 'lifront expand' and 'lifront sweep' write it")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise ResultsError(f"{path}: damaged, or not a table ({error})") from None
    for number, row in enumerate(rows, 2):
        if set(NOT_VALUES) - row.keys():
            raise ResultsError(f"{path}: not the points of a sweep: needs the columns {', '.join(NOT_VALUES)}")
        if None in row or None in row.values():
            raise ResultsError(f"{path}: line {number} does not have the columns of the heading")
        if not re.fullmatch(r"\w[\w.+-]*", row["id"], re.ASCII):
            raise ResultsError(f"{path}: line {number}: id {row['id']!r}; there should be the name of a folder")
    return [_point(Path(directory) / row["id"], row) for row in rows]


def write_table(points: Sequence[PointResult], directory: str | Path) -> Path:
    """Write results.csv into the folder of the sweep; returns its path."""
    path = Path(directory) / NAME
    values, results = _headings(points)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "state", "reason", *values, *results])
    for point in points:
        inputs, outputs = [point.values[key] for key in values], [point.results.get(key, "") for key in results]
        writer.writerow([point.id, point.state, point.reason, *inputs, *outputs])
    write_text(path, text.getvalue())
    return path


def print_table(points: Sequence[PointResult]) -> None:
    """Print what results.csv has, with fewer digits; the id is left to the file."""
    console = plain_console(PLAIN_WIDTH)
    values, results = _headings(points)
    table = Table(box=None, pad_edge=False)
    for heading in (*values, "state", *results, "reason"):
        table.add_column(printable(heading), overflow="fold")
    for point in points:
        outputs = [_short(point.results.get(key, "")) for key in results]
        inputs = [one_line(point.values[key]) for key in values]
        table.add_row(*inputs, point.state, *outputs, one_line(point.reason))
    console.print(table)


def _headings(points: Sequence[PointResult]) -> tuple[list[str], list[str]]:
    """Names of values and of results that any point has."""
    values = dict.fromkeys(key for point in points for key in point.values)
    results = dict.fromkeys((TIME, CAPACITY, VOLTAGE, CONTACT))
    results |= dict.fromkeys(key for point in points for key in point.results)
    return list(values), list(results)


def _short(value: Scalar) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


# -- one point -----------------------------------------------------------------------------------------


def _point(folder: Path, row: Mapping[str, str]) -> PointResult:
    values = {key: value for key, value in row.items() if key not in NOT_VALUES}
    (done, damage), (summary, more) = _json(folder / "done.json"), _json(folder / "summary.json")
    digest = _text(folder / "case.digest")
    if (done or digest) and done.get("case_digest", digest) != row["case_digest"]:
        return PointResult(row["id"], values, "changed", "the case has changed since it was run")
    state, reason = _state(folder, done or summary, bool(done))
    results, lost = _results(folder, done or summary)
    said = "; ".join(filter(None, [reason, damage, more, lost]))
    return PointResult(row["id"], values, state, said, results)


def _state(folder: Path, summary: Mapping[str, Any], done: bool) -> tuple[str, str]:
    """How far a point has come, and why it ended."""
    reason: str = summary.get("stop_reason", "")
    if done:
        return "done", reason
    if reason:
        return "failed" if summary.get("stop_kind") == "failed" else "stopped", reason
    complaint = _complaint(folder / "run.log")
    if (folder / "log.csv").exists():
        return "broken off", complaint
    return ("failed", complaint) if complaint else ("not run", "")


def _complaint(log: Path) -> str:
    """Exit code of a run that left no summary: with the signal that killed it, or the last thing that it said."""
    lines = [line.strip() for line in _text(log).splitlines() if line.strip()]
    code = lines.pop() if lines else ""
    number = code.removeprefix("exit code ")
    if not code.startswith("exit code ") or not is_whole(number):
        return ""
    if int(number) == 0:  # of an mpirun that has run nothing
        return f"{code} without done.json"
    if int(number) > SIGNALLED:
        return f"{code}: killed by signal {int(number) - SIGNALLED}"
    said, of_mpirun = _voices(lines)
    return f"{code}: {said[-1]}" if said else f"{code}: {of_mpirun[0]}" if of_mpirun else code


def _voices(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """What the run said, and what mpirun said: that is between lines of dashes."""
    voices: tuple[list[str], list[str]] = [], []
    inside = False
    for line in lines:
        if set(line) == {"-"}:
            inside = not inside
        else:
            voices[inside].append(line)
    return voices


def _results(folder: Path, summary: Mapping[str, Any]) -> tuple[dict[str, Scalar], str]:
    """Results in SI: of the log as far as it goes, and every scalar that the summary has under `results`.

    Also says what is wrong with a log that is there.
    """
    found: dict[str, Scalar] = {}
    lost = ""
    try:
        curves = Run(folder).curves
        if len(curves["time"]):
            found = {TIME: float(curves["time"][-1]), CAPACITY: float(curves["capacity"][-1])}
            found |= {VOLTAGE: float(curves["voltage"][-1]), CONTACT: minimum_contact_fraction(curves)}
    except ResultsError as error:  # without a log it was not run yet, or killed while it set up
        lost = str(error) if (folder / "log.csv").exists() else ""
    efficiencies = [cycle.get("coulombic_efficiency") for cycle in summary.get("cycles", [])]
    if known := [value for value in efficiencies if isinstance(value, float)]:
        found[EFFICIENCY] = known[-1]
    more, units = summary.get("results", {}), summary.get("units", {})
    for name, value in more.items():
        if isinstance(value, Scalar):
            found[f"{name} [{units[name]}]" if name in units else name] = value
    return found, lost


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip() if is_file(path) else ""


def _json(path: Path) -> tuple[dict[str, Any], str]:
    """What is in the file, {} when there is none or it cannot be used; and then why."""
    try:
        return (read_summary(path), "") if path.exists() else ({}, "")
    except ResultsError as error:
        return {}, str(error)
