"""The command line: `lifront run | ccd | check | schema | info | plot`. It parses, and calls one function each.

The commands for sweeps are in `solver.sweep_commands`; what commands that compute have in common is in `solver.jobs`.

Exit codes: 0 done; 1 an error of the program; 2 bad input; 3 the solve failed (the last checkpoint is valid);
4 stopped early with a checkpoint. Arguments after `--` go to PETSc.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from solver import jobs, sweep_commands
from solver.jobs import EXIT_BAD_INPUT, BadInput, Job
from solver.jobs import complain as _complain
from solver.prepare import load, prepare_run, prepare_search

if TYPE_CHECKING:
    from mpi4py import MPI

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Phase-field solver for Li electrodeposition in solid-state batteries.",
    epilog="Arguments after -- go to PETSc.",
)
sweep_commands.add_to(app)
_petsc_options: list[str] = []

CaseArgument = Annotated[Path, typer.Argument(metavar="CASE", help="case file (TOML)", show_default=False)]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help='replace a key, e.g. drive.current_density="0.5 mA/cm^2"'
    ),
]
WallOption = Annotated[str | None, typer.Option(help="stop with a checkpoint after e.g. 11.5h or 30min")]
DirectoryArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="directory of a run", show_default=False)
]


# -- run -------------------------------------------------------------------------------------------


@app.command()
def run(
    case: CaseArgument,
    output: Annotated[Path | None, typer.Option(help="directory for the results [results/<case>]")] = None,
    set_: SetOption = None,
    restart: Annotated[
        str | None,
        typer.Option(help="go on from 'latest' checkpoint, or from this one; 'auto': do what is left to do"),
    ] = None,
    wall: WallOption = None,
    force: Annotated[bool, typer.Option("--force", help="replace the results of an earlier run")] = False,
) -> None:
    """Run a case."""
    jobs.execute(_petsc_options, lambda: prepare_run(case, output, set_ or [], restart, wall, force), _run)


def _run(comm: MPI.Comm, job: Job) -> int:
    """Run and draw; returns the exit code (collective)."""
    import solver

    result = solver.run(job.case, directory=job.directory, restart=job.restart, wall=job.wall, progress=True)
    if comm.rank == 0:
        try:
            curves, *others = _draw_run(job.directory)
            _complain(f"curves and contact: {curves}")
            for path in others:
                _complain(f"filaments: {path}")
        except BadInput as error:  # for example stopped before the first step: nothing to draw
            _complain(f"no picture: {error}")
    return int(result.exit_code)


@app.command()
def ccd(
    case: CaseArgument,
    output: Annotated[Path | None, typer.Option(help="directory for the trials [results/<case>_ccd]")] = None,
    tolerance: Annotated[str, typer.Option(help="how closely to find it")] = "0.05 mA/cm^2",
    set_: SetOption = None,
    wall: WallOption = None,
    force: Annotated[bool, typer.Option("--force", help="replace the trials of an earlier search")] = False,
) -> None:
    """Find the critical current density of a case with a ccd segment by bisection; trials that are there are kept."""
    jobs.execute(_petsc_options, lambda: prepare_search(case, output, set_ or [], tolerance, wall, force), _search)


def _search(comm: MPI.Comm, job: Job) -> int:
    """Search; returns the exit code (collective)."""
    import solver

    found = solver.find_ccd(job.case, job.directory, job.tolerance, job.wall, progress=True, comm=comm)
    return int(found.exit_code)


# -- the other commands ------------------------------------------------------------------------------


@app.command()
def check(case: CaseArgument, set_: SetOption = None) -> None:
    """Print a case with all defaults, its size and its warnings."""
    from solver.case_report import print_report

    if not sweep_commands.print_sweep(case, set_ or []):
        print_report(_or_exit(lambda: load(case, set_ or [])))


@app.command()
def schema(
    file: Annotated[Path | None, typer.Argument(help="where to write it [standard output]")] = None,
) -> None:
    """Write the JSON schema of case files, for editors."""
    from solver.case import Case
    from solver.sweep import SCHEMA

    table = Case.model_json_schema()
    table["properties"]["sweep"] = SCHEMA
    text = json.dumps(table, indent=2) + "\n"
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
    from solver.text import one_line

    for name, value in _or_exit(lambda: _summary(directory)):
        print(f"{name:28s}{one_line(value)}")


@app.command()
def plot(
    directory: DirectoryArgument,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME", help="draw this field too, e.g. pressure or stress.zz"),
    ] = None,
    stresses: Annotated[bool, typer.Option("--stresses", help="draw the stresses at the contact too")] = False,
) -> None:
    """Draw the curves and the contact of a run into its directory, and the filaments where there are defects."""
    for path in _or_exit(partial(_draw_run, directory)):
        print(path)
    for name in field or []:
        print(_or_exit(partial(_draw, directory, name)))
    if stresses:
        print(_or_exit(partial(_draw, directory)))


def _draw_run(directory: Path) -> list[Path]:
    """Draw the curves of a run and, with defects, its filaments. Raises BadInput when there is nothing to draw."""
    from postprocess.penetration_plots import plot_penetration, shows_filaments
    from postprocess.plots import plot_run
    from postprocess.reader import ResultsError, Run

    try:
        drawn = [plot_run(directory)]
        return [*drawn, plot_penetration(directory)] if shows_filaments(Run(directory)) else drawn
    except ResultsError as error:
        raise BadInput(str(error)) from None


def _draw(directory: Path, field: str | None = None) -> Path:
    """Draw a field of a run, or its stresses. Raises BadInput when there is nothing to draw."""
    from postprocess.field_plots import plot_field, plot_stresses
    from postprocess.reader import ResultsError

    try:
        return plot_stresses(directory) if field is None else plot_field(directory, field)
    except ResultsError as error:
        raise BadInput(str(error)) from None


def _summary(directory: Path) -> list[tuple[str, str]]:
    """Names and values of what a run, or a search, has come to."""
    from solver.critical_current import RESULT
    from solver.text import is_file

    if is_file(directory / RESULT):
        return _results(json.loads((directory / RESULT).read_text(encoding="utf-8")))
    from postprocess.reader import ResultsError, Run

    try:
        results = Run(directory)
        curves, units, summary = results.curves, results.units, results.summary
        lines = [("stopped", str(summary.get("stop_reason", "still running, or killed")))]
        lines.append(("snapshots", str(len(results.times))))
        lines.extend(_results(summary))
    except (ResultsError, OSError) as error:
        raise BadInput(str(error)) from None
    for name, values in curves.items():
        if len(values):
            lines.append((name, _shown(values[-1], units[name])))
    for name, value in (summary.get("seconds") or {}).items():
        lines.append((f"seconds, {name}", str(value)))
    for name, value in (summary.get("provenance") or {}).items():
        if not isinstance(value, dict | list):
            lines.append((name, str(value)))
    return lines


def _results(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values of the results in a summary."""
    results, units = summary.get("results") or {}, summary.get("units") or {}
    return [(name, _shown(value, units.get(name, "1"))) for name, value in results.items() if value is not None]


def _shown(value: str | float, unit: str) -> str:
    return f"{value}" if isinstance(value, str) else f"{value:.6g}" if unit == "1" else f"{value:.6g} {unit}"


# -- shared ------------------------------------------------------------------------------------------


def _or_exit(action: Callable[[], Any]) -> Any:
    """The result of `action`; bad input is reported and ends the program."""
    try:
        return action()
    except BadInput as error:
        _complain(str(error))
        raise typer.Exit(EXIT_BAD_INPUT) from None


def main() -> None:
    """Entry point of `lifront` and of `python -m solver`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names and titles that the terminal cannot show
    arguments = sys.argv[1:]
    if "--" in arguments:
        split = arguments.index("--")
        arguments, _petsc_options[:] = arguments[:split], arguments[split + 1 :]
    app(args=arguments, prog_name="lifront")


if __name__ == "__main__":
    main()
