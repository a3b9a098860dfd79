"""The command line: `lifront run | check | schema | info | plot`. It parses, and calls one function each.

Exit codes: 0 done; 1 an error of the program; 2 bad input; 3 the solve failed (the last checkpoint is valid);
4 stopped early with a checkpoint. Arguments after `--` go to PETSc.

On several ranks rank 0 reads and checks all input and broadcasts the outcome, so that every rank goes on or
every rank ends with the same code.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mpi4py import MPI

    from solver.case import Case

EXIT_ERROR, EXIT_BAD_INPUT, EXIT_FAILED = 1, 2, 3
HEADSTART = 0.5  # s that rank 0 gets to report an error which all ranks have

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Phase-field solver for Li electrodeposition in solid-state batteries.",
    epilog="Arguments after -- go to PETSc.",
)
_petsc_options: list[str] = []

CaseArgument = Annotated[Path, typer.Argument(metavar="CASE", help="case file (TOML)", show_default=False)]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help='replace a key, e.g. drive.current_density="0.5 mA/cm^2"'
    ),
]
DirectoryArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="directory of a run", show_default=False)
]


class _BadInput(Exception):
    """Input that is refused; the message is for the user."""


@dataclass(frozen=True)
class _Job:
    """A run whose input is all right."""

    case: Case
    directory: Path
    wall: float | None
    warnings: tuple[str, ...]


# -- run -------------------------------------------------------------------------------------------


@app.command()
def run(
    case: CaseArgument,
    output: Annotated[Path | None, typer.Option(help="directory for the results [results/<case>]")] = None,
    set_: SetOption = None,
    restart: Annotated[
        str | None, typer.Option(help="go on from 'latest' checkpoint, or from this one")
    ] = None,
    wall: Annotated[str | None, typer.Option(help="stop with a checkpoint after e.g. 11.5h or 30min")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the results of an earlier run")] = False,
) -> None:
    """Run a case."""
    from solver.environment import EnvironmentProblem, check_environment

    started = time.monotonic()
    try:
        check_environment(_petsc_options)
    except EnvironmentProblem as problem:
        _complain(str(problem))
        raise typer.Exit(EXIT_BAD_INPUT) from None
    from mpi4py import MPI

    comm = MPI.COMM_WORLD

    def prepare() -> _Job:
        return _prepare(case, output, set_ or [], restart, wall, force)

    code = _on_all_ranks(comm, lambda: _run(comm, prepare, restart, started))
    if code not in (0, EXIT_ERROR):
        comm.Barrier()  # mpirun ends the other ranks as soon as one exits with another code than 0
    raise typer.Exit(code)


def _run(comm: MPI.Comm, prepare: Callable[[], _Job], restart: str | None, started: float) -> int:
    """Prepare on rank 0, run on all; returns the exit code (collective)."""
    job: _Job | None = None
    refusal = ""
    if comm.rank == 0:
        try:
            job = prepare()
        except _BadInput as error:
            refusal = str(error)
            _complain(refusal)
    job, refusal = comm.bcast((job, refusal))
    if job is None:
        return EXIT_BAD_INPUT
    if comm.rank == 0:
        for warning in job.warnings:
            print(f"warning: {warning}", file=sys.stderr, flush=True)

    import solver
    from solver.grid import TooManyRanks
    from solver.output.checkpoint import CheckpointError
    from solver.saddle import NoFactorisation
    from solver.simulation import SolveFailed

    wall = None if job.wall is None else max(0.0, job.wall - (time.monotonic() - started))
    try:
        result = solver.run(job.case, directory=job.directory, restart=restart, wall=wall, progress=True)
    except (SolveFailed, CheckpointError, TooManyRanks, NoFactorisation) as error:  # raised on all ranks
        if comm.rank == 0:
            _complain(str(error))
        failed = isinstance(error, SolveFailed) or (isinstance(error, CheckpointError) and restart is None)
        return EXIT_FAILED if failed else EXIT_BAD_INPUT
    if comm.rank == 0:
        try:
            print(f"curves and contact: {_draw(job.directory)}", file=sys.stderr)
        except _BadInput as error:  # for example stopped before the first step: nothing to draw
            print(f"no picture: {error}", file=sys.stderr)
    return int(result.exit_code)


def _prepare(
    path: Path, output: Path | None, overrides: list[str], restart: str | None, wall: str | None, force: bool
) -> _Job:
    """Everything that can be wrong with the input, before anything is written. Raises _BadInput."""
    from solver.case_checks import find_warnings
    from solver.units import Quantity, ValueRefused

    case = _load(path, overrides)
    directory = Path("results") / path.stem if output is None else output
    seconds: float | None = None
    if wall is not None:
        try:
            seconds = Quantity("s", show="h", what="time", gt=0).parse(wall)
        except ValueRefused as error:
            raise _BadInput(f"--wall: value {wall!r}: {error}") from None
    if restart is not None and force:
        raise _BadInput("--force and --restart contradict each other: replace or continue")
    if restart is None:
        _claim(directory, force)
    else:
        _check_restart(directory, restart)
    return _Job(case, directory, seconds, tuple(find_warnings(case)))


def _claim(directory: Path, force: bool) -> None:
    """Make the directory for the results; one that holds results is refused, or cleared with force."""
    from solver.output import files

    if directory.exists() and not directory.is_dir():
        raise _BadInput(f"--output: {directory} is a file, not a directory")
    if _has_results(directory):
        if not force:
            raise _BadInput(
                f"--output: {directory} already holds results; choose another directory with --output, "
                "replace them with --force, or continue them with --restart latest"
            )
        files.clear(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _BadInput(f"--output: {directory} cannot be made: {error.strerror}") from None


def _has_results(directory: Path) -> bool:
    from solver.output import files

    return any(found for pattern in files.OUTPUTS for found in directory.glob(pattern))


def _check_restart(directory: Path, restart: str) -> None:
    from solver.output import checkpoint

    if restart == "latest":
        if checkpoint.latest(directory) is None:
            raise _BadInput(f"--restart latest: no checkpoint in {directory}")
    elif not Path(restart).is_file():
        raise _BadInput(f"--restart: no such file: {restart}; give a checkpoint, or 'latest'")
    elif Path(restart).resolve().parent != directory.resolve() and _has_results(directory):
        raise _BadInput(f"--restart: {restart} is not of the run in {directory}; choose another --output")


def _on_all_ranks(comm: MPI.Comm, action: Callable[[], int]) -> int:
    """The exit code of `action`; an error that it does not catch ends all ranks, its trace printed once."""
    try:
        return action()
    except Exception:
        if comm.rank > 0:
            time.sleep(HEADSTART)  # rank 0 has ended the job by then if it has the error too
        if comm.size > 1:
            print(f"lifront: error on rank {comm.rank} of {comm.size}", file=sys.stderr)
        traceback.print_exc()
        sys.stderr.flush()
        if comm.size > 1:
            comm.Abort(EXIT_ERROR)
        return EXIT_ERROR


# -- the other commands ------------------------------------------------------------------------------


@app.command()
def check(case: CaseArgument, set_: SetOption = None) -> None:
    """Print a case with all defaults, its size and its warnings."""
    from solver.case_report import print_report

    print_report(_or_exit(lambda: _load(case, set_ or [])))


@app.command()
def schema(
    file: Annotated[Path | None, typer.Argument(help="where to write it [standard output]")] = None,
) -> None:
    """Write the JSON schema of case files, for editors."""
    from solver.case import Case

    text = json.dumps(Case.model_json_schema(), indent=2) + "\n"
    if file is None:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        _complain(f"{file}: cannot be written: {error.strerror}")
        raise typer.Exit(EXIT_BAD_INPUT) from None


@app.command()
def info(directory: DirectoryArgument) -> None:
    """Print a summary of the results in a directory."""
    for name, value in _or_exit(lambda: _summary(directory)):
        print(f"{name:28s}{value}")


@app.command()
def plot(
    directory: DirectoryArgument,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME", help="draw this field too, e.g. pressure or stress.zz"),
    ] = None,
    stresses: Annotated[bool, typer.Option("--stresses", help="draw the stresses at the contact too")] = False,
) -> None:
    """Draw the curves and the contact of a run into its directory."""
    print(_or_exit(partial(_draw, directory)))
    for name in field or []:
        print(_or_exit(partial(_draw, directory, name)))
    if stresses:
        print(_or_exit(partial(_draw, directory, stresses=True)))


def _draw(directory: Path, field: str | None = None, stresses: bool = False) -> Path:
    """Draw a field of a run, its stresses, or its curves. Raises _BadInput when there is nothing to draw."""
    from postprocess.field_plots import plot_field, plot_stresses
    from postprocess.plots import plot_run
    from postprocess.reader import ResultsError

    try:
        if field is not None:
            return plot_field(directory, field)
        return plot_stresses(directory) if stresses else plot_run(directory)
    except ResultsError as error:
        raise _BadInput(str(error)) from None


def _summary(directory: Path) -> list[tuple[str, str]]:
    """Names and values of what a run has come to."""
    from postprocess.reader import ResultsError, Run

    try:
        results = Run(directory)
        curves, units, summary = results.curves, results.units, results.summary
        lines = [("stopped", str(summary.get("stop_reason", "still running, or killed")))]
        lines.append(("snapshots", str(len(results.times))))
    except (ResultsError, OSError) as error:
        raise _BadInput(str(error)) from None
    for name, values in curves.items():
        if len(values):
            unit = "" if units[name] == "1" else f" {units[name]}"
            last = values[-1]
            lines.append((name, f"{last}" if isinstance(last, str) else f"{last:.6g}{unit}"))
    for name, value in (summary.get("seconds") or {}).items():
        lines.append((f"seconds, {name}", str(value)))
    for name, value in (summary.get("provenance") or {}).items():
        if not isinstance(value, dict | list):
            lines.append((name, str(value)))
    return lines


# -- shared ------------------------------------------------------------------------------------------


def _load(path: Path, overrides: list[str]) -> Case:
    from solver.case_io import CaseError, load_case

    try:
        return load_case(path, overrides)
    except CaseError as error:
        raise _BadInput(str(error)) from None


def _or_exit(action: Callable[[], Any]) -> Any:
    """The result of `action`; bad input is reported and ends the program."""
    try:
        return action()
    except _BadInput as error:
        _complain(str(error))
        raise typer.Exit(EXIT_BAD_INPUT) from None


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Entry point of `lifront` and of `python -m solver`."""
    arguments = sys.argv[1:]
    if "--" in arguments:
        split = arguments.index("--")
        arguments, _petsc_options[:] = arguments[:split], arguments[split + 1 :]
    app(args=arguments, prog_name="lifront")


if __name__ == "__main__":
    main()
