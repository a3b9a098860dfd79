"""What commands that compute need before anything is computed: the case, the directory, where to go on from.

Everything that can be wrong with the input is found here, on rank 0, before anything is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli.jobs import BadInput, Job, complain

if TYPE_CHECKING:
    from solver.case.schema import Case
    from solver.units import Quantity

AUTO = "auto"
LOWEST, HIGHEST = 1e-6, 1e9  # Hz: weeks; where a quarter wavelength is a cell of centimetres


def prepare_search(
    path: Path, output: Path | None, overrides: list[str], tolerance: str, wall: str | None, force: bool
) -> Job:
    """Everything that can be wrong with the input, before anything is written. Raises BadInput."""
    from solver.case.checks import find_warnings
    from solver.output.present import has_results
    from solver.study.critical_current import SearchRefused, check_search
    from solver.units import Quantity

    case = load(path, overrides)
    directory = Path("results") / f"{path.stem}_ccd" if output is None else output
    _refuse_unusable(directory)
    _refuse_too_large(path, case)
    step = _quantity("--tolerance", tolerance, Quantity("A/m^2", show="mA/cm^2", what="current density", gt=0))
    seconds = _seconds(wall)
    if has_results(directory):
        raise BadInput(f"--output: {directory} holds the results of a run; choose another directory")
    try:
        check_search(case, directory, replace=force)
    except SearchRefused as error:
        raise BadInput(f"{path}: {error}") from None
    lock = _make(directory)
    warnings = tuple(find_warnings(case))
    return Job(case, directory, seconds, None, warnings, lock=lock, tolerance=step, replace=force)


def prepare_run(
    path: Path, output: Path | None, overrides: list[str], restart: str | None, wall: str | None, force: bool
) -> Job:
    """Everything that can be wrong with the input, before anything is written. Raises BadInput."""
    from solver.case.checks import find_warnings
    from solver.case.cost import machine_warnings

    case = load(path, overrides)
    directory = Path("results") / path.stem if output is None else output
    _refuse_unusable(directory)
    _refuse_too_large(path, case)
    seconds = _seconds(wall)
    if restart not in (None, AUTO) and force:
        raise BadInput(f"--force and --restart {restart} contradict each other: replace or continue")
    _refuse_foreign(directory, case)
    done = False
    if restart == AUTO:
        restart, done = _what_is_left(directory, case, force)
    elif restart is None:
        _refuse_results(directory, force)
    else:
        _check_restart(directory, restart)
    lock = None if done else _make(directory)
    warnings = (*find_warnings(case), *machine_warnings(case, directory))
    return Job(case, directory, seconds, restart, warnings, done, lock)


def prepare_impedance(directory: Path, time: str | None, first: str, last: str, per_decade: int) -> Job:
    """Everything that can be wrong with the input, before anything is written. Raises BadInput."""
    from solver.case.io import CaseError
    from solver.loop.impedance import find, foreign, frequencies
    from solver.output.checkpoint import CheckpointError
    from solver.output.present import in_the_way
    from solver.units import Quantity

    at = None if time is None else _quantity("--time", time, Quantity("s", what="time", gt=0))
    frequency = Quantity("Hz", what="frequency", ge=LOWEST, le=HIGHEST)
    start, end = _quantity("--from", first, frequency), _quantity("--to", last, frequency)
    try:
        case, path = find(directory, at)
    except (CaseError, CheckpointError) as error:
        raise BadInput(str(error)) from None
    _refuse_too_large(directory, case)
    if found := in_the_way(directory):
        raise BadInput(f"{found}; remove it")
    if (theirs := foreign(directory)) is not None:
        raise BadInput(f"{theirs} was not written by lifront and would be overwritten; give it another name")
    values = tuple(frequencies(start, end, per_decade).tolist())
    return Job(case, directory, None, str(path), (), frequencies=values)


def _refuse_unusable(directory: Path) -> None:
    """Raise BadInput when no directory can have this name."""
    from solver.text import printable, short

    try:
        directory.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BadInput(f"--output: {printable(short(str(directory)))} cannot be used: {error.strerror}") from None


def _refuse_too_large(path: Path, case: Case) -> None:
    """Raise BadInput when this machine, or PETSc, cannot hold the case."""
    import numpy as np
    from mpi4py import MPI

    from solver.case.cost import problems_here, ranks_here
    from solver.petsc import PETSc

    ranks = MPI.COMM_WORLD.size
    problems = problems_here(case, ranks_here(ranks), ranks, int(np.iinfo(PETSc.IntType).max))
    if problems:
        raise BadInput("\n".join(f"{path}: {line}" for line in problems))


def _refuse_foreign(directory: Path, case: Case) -> None:
    """Files of the user's, links that lead elsewhere, and folders are not replaced."""
    from solver.output.present import foreign, in_the_way

    if found := in_the_way(directory):
        raise BadInput(f"--output: {found}; remove it, or choose another directory")
    if (theirs := foreign(directory, case)) is not None:
        raise BadInput(
            f"--output: {theirs} was not written by lifront and would be overwritten; choose another directory"
        )


def _what_is_left(directory: Path, case: Case, force: bool) -> tuple[str | None, bool]:
    """What --restart auto comes to: where to go on from, and whether nothing is left to do; tells the user.

    Results of another case are replaced only with `force`.
    """
    from solver.output.present import Present, look

    found = look(directory, case.source) if directory.is_dir() else Present.NOTHING
    if found == Present.DONE:
        complain(f"{directory} has {found.value}: nothing to do")
        return None, True
    if found == Present.CHECKPOINT:
        return "latest", False
    if found == Present.OTHER and not force:
        raise BadInput(
            f"--output: {directory} holds {found.value}; choose another directory with --output, replace them "
            "with --force, or go on from them with --restart latest"
        )
    if found != Present.NOTHING:
        complain(f"{directory} holds {found.value}, which are replaced; the run begins from the start")
    return None, False


def _refuse_results(directory: Path, force: bool) -> None:
    """A directory that holds results is refused without force; they are deleted by the run, when it can begin."""
    from solver.output.present import has_results

    if has_results(directory) and not force:
        raise BadInput(
            f"--output: {directory} already holds results; choose another directory with --output, "
            "replace them with --force, or continue them with --restart latest"
        )


def _make(directory: Path) -> int | None:
    """Make the directory and keep others from it for as long as what this returns is open (`present.lock`)."""
    if directory.exists() and not directory.is_dir():
        raise BadInput(f"--output: {directory} is a file, not a directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--output: {directory} cannot be made: {error.strerror}") from None
    from solver.output.present import lock

    try:
        return lock(directory)
    except BlockingIOError:
        raise BadInput(f"--output: another run is writing to {directory}; wait for it, or end it") from None


def _check_restart(directory: Path, restart: str) -> None:
    from solver.output import checkpoint
    from solver.output.present import has_results
    from solver.text import LONGEST_LINE, is_file, printable

    if restart == "latest":
        if not checkpoint.newest_first(directory):
            raise BadInput(f"--restart latest: no checkpoint in {directory}")
    elif not is_file(restart):
        name = printable(restart)[:LONGEST_LINE]
        raise BadInput(f"--restart: no such file: {name}; give a checkpoint, 'latest' or 'auto'")
    elif Path(restart).resolve().parent != directory.resolve() and has_results(directory):
        remedy = "choose another directory with --output"
        raise BadInput(f"--restart: {restart} was not written by the run in {directory}; {remedy}")


def load(path: Path, overrides: list[str]) -> Case:
    """The case of a file. Raises BadInput with all that is wrong with it."""
    from solver.case.io import CaseError, load_case

    try:
        return load_case(path, overrides)
    except CaseError as error:
        raise BadInput(str(error)) from None


def _seconds(wall: str | None) -> float | None:
    """The value of --wall, s."""
    from solver.units import Quantity

    return None if wall is None else _quantity("--wall", wall, Quantity("s", show="h", what="time", gt=0))


def _quantity(option: str, text: str, allowed: Quantity) -> float:
    """The value of an option in SI. Raises BadInput."""
    from solver.units import ValueRefused

    try:
        return allowed.parse(text)
    except ValueRefused as error:
        raise BadInput(f"{option}: value {text!r}: {error}") from None
