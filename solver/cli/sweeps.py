"""The commands for sweeps: `lifront expand | sweep | table`.

Exit codes of `sweep`: 0 all points are done, 3 some are not, 4 it was interrupted. MPI is not started in its process as
long as mpirun runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from solver.cli.jobs import BadInput
from solver.cli.jobs import complain as _say
from solver.cli.voice import QuietOption, VerboseOption, chosen
from solver.exit_codes import EXIT_BAD_INPUT, EXIT_ERROR, EXIT_FAILED, EXIT_INTERRUPTED
from solver.voice import Voice

if TYPE_CHECKING:
    from solver.study.sweep import Point

CHECKED_POINTS, CHECKED_WITHIN = 50, 0.5  # of a sweep, and s, by check, which is to answer at once

CaseArgument = Annotated[Path, typer.Argument(metavar="CASE", help="case file with [sweep]", show_default=False)]
OutputOption = Annotated[Path | None, typer.Option(help="folder for the points [runs/<case>]", show_default=False)]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="replace a key in all points")]


def add_to(app: typer.Typer) -> None:
    """Make these the commands of `app`."""
    for command in (expand, sweep, table):
        app.command()(command)


def expand(case: CaseArgument, output: OutputOption = None, set_: SetOption = None) -> None:
    """Write the points of a sweep into folders of their own."""
    from solver.study import folder as sweep_folder

    points, directory = _points(case, set_ or []), _directory(case, output)

    def write() -> list[str]:
        with sweep_folder.locked(directory):
            return sweep_folder.write(points, directory)

    for message in _or_exit(write):
        print(message)
    print(f"{_number(points)} in {directory}, listed in {directory / sweep_folder.POINTS}")


def sweep(
    case: CaseArgument,
    output: OutputOption = None,
    cores: Annotated[int | None, typer.Option(help="cores to fill [all]", min=1, show_default=False)] = None,
    set_: SetOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run the points of a sweep on this machine.

    What is done is not run again, what was interrupted goes on.
    """
    from solver.study import folder as sweep_folder
    from solver.study import jobs as sweep_jobs

    voice: Voice = _or_exit(lambda: chosen(quiet, verbose))
    points, directory = _points(case, set_ or []), _directory(case, output)
    wanted = cores or sweep_jobs.cores_here()
    say = _say if voice >= Voice.NORMAL else _nothing

    def work() -> bool:
        sweep_jobs.check(points, wanted)
        with sweep_folder.locked(directory) as lock:
            for message in sweep_folder.write(points, directory):
                say(message)
            left = sweep_jobs.to_run(points, directory)
            say(f"{_number(points)} in {directory}: {len(points) - len(left)} done, {len(left)} to run")
            return not left or sweep_jobs.run(left, directory, wanted, lock, say, ["--verbose"] if verbose else [])

    finished = _or_exit(work)
    _print_table(directory, voice)
    if not finished:
        raise typer.Exit(EXIT_INTERRUPTED)
    if sweep_jobs.to_run(points, directory):
        raise typer.Exit(EXIT_FAILED)


def table(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="folder of a sweep", show_default=False)],
) -> None:
    """Write and print the table of a sweep.

    Values, results and reasons of failure.
    """
    _print_table(directory)


def print_sweep(case: Path, overrides: Sequence[str]) -> bool:
    """Check a sweep and list its points; returns False, without a word, when the case is none."""
    from solver.study.sweep import count, describe, has_sweep

    if not _or_exit(lambda: has_sweep(case, overrides)):
        return False
    number = _or_exit(lambda: count(case, overrides))
    points = _points(case, overrides, CHECKED_POINTS, CHECKED_WITHIN)
    what = "1 point" if number == 1 else f"{number} points"
    print(f"a sweep of {what}; 'lifront sweep {case}' runs them, 'lifront expand {case}' writes them")
    for point in points:
        ranks = f"{point.ranks} rank" + ("s" if point.ranks > 1 else "")
        print(f"{point.id}  {ranks}  {describe(point.values)}")
    if number > len(points):
        print(f"... {number} in all; these {len(points)} were checked, 'lifront expand {case}' checks all of them")
    return True


def _points(
    case: Path, overrides: Sequence[str], most: int | None = None, within: float = math.inf
) -> tuple[Point, ...]:
    from solver.study import sweep as sweeps

    largest = sweeps.LARGEST_SWEEP if most is None else most
    points: tuple[Point, ...] = _or_exit(lambda: sweeps.expand(case, overrides, largest, within))
    return points


def _number(points: Sequence[Point]) -> str:
    return "1 point" if len(points) == 1 else f"{len(points)} points"


def _directory(case: Path, output: Path | None) -> Path:
    return Path("runs") / case.stem if output is None else output


def _print_table(directory: Path, voice: Voice = Voice.NORMAL) -> None:
    from postprocess.reader import ResultsError  # h5py starts MPI
    from postprocess.sweep_table import print_table, read_points, write_table

    try:
        points = read_points(directory)
        path = write_table(points, directory)
    except ResultsError as error:
        _say(str(error))
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except OSError as error:
        _say(f"{error.filename}: cannot be written: {error.strerror}")
        raise typer.Exit(EXIT_BAD_INPUT if isinstance(error, IsADirectoryError) else EXIT_ERROR) from None
    if voice >= Voice.NORMAL:
        print_table(points)
    print(f"table: {path}")


def _or_exit(action: Callable[[], Any]) -> Any:
    """The result of `action`; what the user can put right is reported and ends the program."""
    from solver.case.io import CaseError
    from solver.study.folder import FolderError
    from solver.study.jobs import CannotRun

    try:
        return action()
    except (BadInput, CaseError, FolderError, CannotRun) as error:
        _say(str(error))
        raise typer.Exit(EXIT_BAD_INPUT) from None


def _nothing(text: str) -> None:
    """Takes the place of `_say` where nothing is to be said."""
