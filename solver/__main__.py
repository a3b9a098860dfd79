"""The command line: `lifront run | ccd | impedance | check | schema | info | plot | env`.

It parses, and calls one function each. The commands for sweeps are in `solver.cli.sweeps`; what commands that compute
have in common is in `solver.cli.jobs`.

Exit codes: `solver.exit_codes`. Arguments after `--` go to PETSc.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from solver.cli import jobs, terminal
from solver.cli import sweeps as sweep_commands
from solver.cli.jobs import BadInput, CannotWrite, Job
from solver.cli.jobs import complain as _complain
from solver.cli.prepare import load, prepare_impedance, prepare_run, prepare_search
from solver.cli.voice import QuietOption, VerboseOption, chosen
from solver.exit_codes import EXIT_DONE
from solver.loop import interrupts
from solver.voice import Voice

if TYPE_CHECKING:
    from mpi4py import MPI

app = typer.Typer(
    rich_markup_mode=None,  # it would take [...] in a help text for markup
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Arguments after -- go to PETSc.",
)
_petsc_options: list[str] = []
SHOWS = {  # what is in the files that are made of a run
    "curves.png": "curves and contact",
    "penetration.png": "filaments",
    "deposit.png": "deposit",
    "thickness.csv": "thickness of the deposit",
    "cycles.png": "cycles",
}
SCHEMA_BEGINS = b'"$defs"'  # what the first key of a schema is

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


def _print_version(wanted: bool) -> None:
    from solver.environment import git_commit, lifront_version

    if wanted:
        print(f"lifront {lifront_version()} (commit {git_commit()})")
        raise typer.Exit


@app.callback()
def lifront(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print version and commit")
    ] = False,
) -> None:
    """Phase-field solver for Li electrodeposition in solid-state batteries."""


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
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a case."""
    voice: Voice = _or_exit(partial(chosen, quiet, verbose))
    prepare = partial(prepare_run, case, output, set_ or [], restart, wall, force)
    jobs.execute(_petsc_options, lambda: _with_pictures(_heeding(prepare(), voice), voice), partial(_run, voice))


def _heeding(job: Job, voice: Voice) -> Job:
    """The job, without its warnings where they are not to be said."""
    return job if voice >= Voice.NORMAL else replace(job, warnings=())


def _run(voice: Voice, comm: MPI.Comm, job: Job) -> int:
    """Run and draw; returns the exit code (collective)."""
    import solver

    result = solver.run(job.case, job.directory, job.restart, job.wall, voice, leave=jobs.leave)
    if comm.rank == 0:
        _draw(job.directory, voice)
    return int(result.exit_code)


def _with_pictures(job: Job, voice: Voice) -> Job:
    """The job; of a run that is done, and was killed while it drew, the pictures are drawn."""
    drawn = (job.directory / "curves.png").exists() and not list(job.directory.glob("*.png.part"))
    if job.done and not drawn:
        _draw(job.directory, voice)
    return job


def _draw(directory: Path, voice: Voice) -> None:
    """Draw a run and say where the pictures are."""
    try:
        drawn, remarks = _draw_run(directory)
        said = [*(f"{SHOWS[path.name]}: {path}" for path in drawn), *remarks]
        for line in said if voice >= Voice.NORMAL else ():
            _complain(line)
    except BadInput as error:  # for example stopped before the first step: nothing to draw
        _complain(f"no picture: {error}")


@app.command()
def ccd(
    case: CaseArgument,
    output: Annotated[Path | None, typer.Option(help="directory for the trials [results/<case>_ccd]")] = None,
    tolerance: Annotated[str, typer.Option(help="how closely to find it")] = "0.05 mA/cm^2",
    set_: SetOption = None,
    wall: WallOption = None,
    force: Annotated[bool, typer.Option("--force", help="replace the trials of an earlier search")] = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Find the critical current density by bisection.

    The case has a segment of the kind ccd. Trials that are there are kept.
    """
    voice: Voice = _or_exit(partial(chosen, quiet, verbose))
    prepare = partial(prepare_search, case, output, set_ or [], tolerance, wall, force)
    jobs.execute(_petsc_options, lambda: _heeding(prepare(), voice), partial(_search, voice))


def _search(voice: Voice, comm: MPI.Comm, job: Job) -> int:
    """Search; returns the exit code (collective)."""
    import solver

    found = solver.find_ccd(job.case, job.directory, job.tolerance, job.wall, voice, comm, jobs.leave, job.replace)
    return int(found.exit_code)


@app.command()
def impedance(
    directory: DirectoryArgument,
    time: Annotated[str | None, typer.Option(help="of a checkpoint, within 1 % [the newest]")] = None,
    first: Annotated[str, typer.Option("--from", metavar="FREQUENCY", help="first frequency")] = "1 MHz",
    last: Annotated[str, typer.Option("--to", metavar="FREQUENCY", help="last frequency")] = "10 mHz",
    points_per_decade: Annotated[int, typer.Option(min=1, max=1000, help="frequencies per decade")] = 6,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Compute the impedance of a run at a checkpoint.

    Writes impedance.csv and impedance.png into its directory.
    """
    voice: Voice = _or_exit(partial(chosen, quiet, verbose))
    prepare = partial(prepare_impedance, directory, time, first, last, points_per_decade)
    jobs.execute(_petsc_options, prepare, partial(_impedance, voice))


def _impedance(voice: Voice, comm: MPI.Comm, job: Job) -> int:
    """Compute, write and draw; returns the exit code (collective)."""
    import numpy as np

    from postprocess.impedance_plots import plot_impedance
    from solver.loop.impedance import of_checkpoint, write

    assert job.restart is not None
    found = of_checkpoint(job.case, Path(job.restart), np.array(job.frequencies), voice, comm)
    table = write(found, job.directory, comm)
    if comm.rank == 0:
        print(table)
        try:
            print(_drawn(job.directory, partial(plot_impedance, job.directory)))
        except BadInput as error:
            _complain(f"no picture: {error}")
    return EXIT_DONE


# -- the other commands ------------------------------------------------------------------------------


@app.command()
def check(case: CaseArgument, set_: SetOption = None) -> None:
    """Print a case with all defaults, its size and its warnings."""
    from solver.case.report import print_report

    if not sweep_commands.print_sweep(case, set_ or []):
        print_report(_or_exit(lambda: load(case, set_ or [])))


@app.command()
def schema(
    file: Annotated[Path | None, typer.Argument(help="where to write it [standard output]")] = None,
) -> None:
    """Write the JSON schema of case files, for editors."""
    from solver.case.schema import Case
    from solver.study.sweep import SCHEMA

    table = Case.model_json_schema()
    table["properties"]["sweep"] = SCHEMA
    text = json.dumps(table, indent=2) + "\n"
    if file is None:
        sys.stdout.write(text)
        return
    _or_exit(lambda: _write(file, text))


def _write(path: Path, text: str) -> None:
    """Write the schema to a file that the user has named. Raises BadInput."""
    from solver.whole_files import write_text

    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BadInput(f"{path}: is no plain file and is not replaced; allowed: the name of a file or of a new one")
    try:
        if path.exists() and SCHEMA_BEGINS not in path.read_bytes()[:100]:
            raise BadInput(f"{path}: was not written by lifront and would be overwritten; choose another name")
        write_text(path, text)
    except OSError as error:
        raise _not_written(error) from None


@app.command()
def env() -> None:
    """Print the versions of what lifront runs with."""
    from solver.environment import report

    raise typer.Exit(report())


@app.command()
def info(directory: DirectoryArgument) -> None:
    """Print a summary of the results in a directory."""
    from solver.text import one_line

    for name, value in _or_exit(lambda: _summary(directory)):
        print(f"{name:28s}{one_line(value)}")
    _print_half_cycles(directory)


def _print_half_cycles(directory: Path) -> None:
    """Those of a run, after its summary; says what is wrong with their table."""
    from postprocess.cycle_table import print_half_cycles
    from postprocess.reader import ResultsError, Run
    from solver.study.critical_current import RESULT

    try:
        if not (directory / RESULT).is_file():
            print_half_cycles(Run(directory))
    except (ResultsError, OSError) as error:
        _complain(str(error))


@app.command()
def plot(
    directory: DirectoryArgument,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME", help="draw this field too, e.g. pressure or stress.zz"),
    ] = None,
    stresses: Annotated[bool, typer.Option("--stresses", help="draw the stresses at the contact too")] = False,
) -> None:
    """Draw pictures of a run into its directory.

    The curves and the contact, the filaments where there are defects, what lies on a collector and how
    thick, the cycles.
    """
    pictures, remarks = _or_exit(partial(_draw_run, directory))
    for path in pictures:
        print(path)
    for remark in remarks:
        _complain(remark)
    for name in field or []:
        print(_or_exit(partial(_draw_field, directory, name)))
    if stresses:
        print(_or_exit(partial(_draw_field, directory)))


def _draw_run(directory: Path) -> tuple[list[Path], list[str]]:
    """Draw the curves of a run, with defects its filaments, with a collector what lies on it and how thick, its cycles.

    Also says what could not be read or drawn. Raises BadInput when there is nothing to draw.
    """
    from postprocess.cycle_plots import plot_cycles, shows_cycles
    from postprocess.deposit_plots import plot_deposit, shows_deposit, write_thickness
    from postprocess.penetration_plots import plot_penetration, shows_filaments
    from postprocess.plots import not_drawn, plot_run
    from postprocess.reader import ResultsError, Run

    drawn = [_drawn(directory, partial(plot_run, directory))]
    run = Run(directory)
    remarks = list(filter(None, [*run.problems, not_drawn(run)]))
    more: list[tuple[str, Callable[[Path], Path]]] = []
    if shows_filaments(run):
        more.append(("no picture of filaments: ", plot_penetration))
    if shows_deposit(run):
        more += [("", plot_deposit), ("", write_thickness)]  # they say themselves what is missing
    try:
        more += [("", plot_cycles)] if shows_cycles(run) else []
    except ResultsError as error:
        remarks.append(str(error))
    for refusal, draw in more:
        try:
            drawn.append(_drawn(directory, partial(draw, directory)))
        except BadInput as error:
            remarks.append(f"{refusal}{error}")
    return drawn, remarks


def _not_written(error: OSError) -> BadInput:
    kind = BadInput if isinstance(error, IsADirectoryError) else CannotWrite
    return kind(f"{error.filename}: cannot be written: {error.strerror}")


def _draw_field(directory: Path, field: str | None = None) -> Path:
    """Draw a field of a run, or its stresses. Raises BadInput when there is nothing to draw."""
    from postprocess.field_plots import plot_field, plot_stresses

    return _drawn(directory, partial(plot_field, directory, field) if field else partial(plot_stresses, directory))


def _drawn(directory: Path, draw: Callable[[], Path]) -> Path:
    """The picture that `draw` makes. Raises BadInput when it cannot: what is in a directory may be anything."""
    from postprocess.reader import ResultsError

    try:
        return draw()
    except ResultsError as error:
        raise BadInput(str(error)) from None
    except OSError as error:
        raise _not_written(error) from None
    except Exception as error:  # of matplotlib and NumPy, for numbers and text that no run has written
        said = str(error).strip().partition("\n")[0]
        raise BadInput(f"{directory}: cannot be drawn ({type(error).__name__}: {said})") from None


def _summary(directory: Path) -> list[tuple[str, str]]:
    """Names and values of what a run, or a search, has come to."""
    from postprocess.metrics import OF_CURVES
    from postprocess.reader import ResultsError, Run, read_summary
    from solver.study.critical_current import RESULT

    try:
        if (directory / RESULT).is_file():
            return _results(read_summary(directory / RESULT))
        results = Run(directory)
        curves, units, summary = results.curves, results.units, results.summary
        number, problems = len(results.times), results.problems
    except (ResultsError, OSError) as error:
        raise BadInput(str(error)) from None
    for problem in problems:
        _complain(problem)
    lines = [("stopped", summary.get("stop_reason", "still running, or killed"))]
    lines += [("kind of end", str(summary["stop_kind"]))] if "stop_kind" in summary else []
    lines.append(("snapshots", str(number)))
    lines.extend(_results(summary))
    for name, values in curves.items():
        if len(values):
            lines.append((name, _shown(values[-1], units[name])))
    if len(next(iter(curves.values()), ())):
        for name, column, metric, unit in OF_CURVES:
            if column in curves and not math.isnan(value := metric(curves)):
                lines.append((name, _shown(value, unit or units[column])))
    for name, value in summary.get("seconds", {}).items():
        lines.append((f"seconds, {name}", str(value)))
    for name, value in summary.get("provenance", {}).items():
        if not isinstance(value, dict | list):
            lines.append((name, str(value)))
    return lines


def _results(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values of the results in a summary."""
    results, units = summary.get("results", {}), summary.get("units", {})
    shown = {name: value for name, value in results.items() if isinstance(value, str | int | float)}
    return [(name, _shown(value, units.get(name, "1"))) for name, value in shown.items()]


def _shown(value: str | float, unit: str) -> str:
    return f"{value}" if isinstance(value, str) else f"{value:.6g}" if unit == "1" else f"{value:.6g} {unit}"


# -- shared ------------------------------------------------------------------------------------------


def _or_exit(action: Callable[[], Any]) -> Any:
    """The result of `action`; bad input is reported and ends the program."""
    try:
        return action()
    except BadInput as error:
        _complain(str(error))
        raise typer.Exit(error.code) from None


sweep_commands.add_to(app)


def main() -> None:
    """Entry point of `lifront` and of `python -m solver`."""
    terminal.protect()
    arguments = sys.argv[1:]
    if "--" in arguments:
        split = arguments.index("--")
        arguments, _petsc_options[:] = arguments[:split], arguments[split + 1 :]
    if arguments[:1] not in (["run"], ["ccd"], ["impedance"]):
        interrupts.ignore_early()
    app(args=arguments, prog_name="lifront")


if __name__ == "__main__":
    main()
