"""Commands that compute: rank 0 reads and checks the input, all ranks solve, and every rank ends with the same code.

Exit codes: see `solver.exit_codes`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from solver.exit_codes import EXIT_BAD_INPUT, EXIT_DONE, EXIT_ERROR, EXIT_FAILED, EXIT_INTERRUPTED

if TYPE_CHECKING:
    from mpi4py import MPI

    from solver.case.schema import Case

SIGNALLED = 128  # and the number of the signal: how shells tell of a program that a signal has ended
HEADSTART = 0.5  # s that rank 0 gets to report an error which all ranks have


class BadInput(Exception):
    """Input that is refused; the message is for the user. code: with which the command ends."""

    code = EXIT_BAD_INPUT


class CannotWrite(BadInput):
    """What the system refuses to write."""

    code = EXIT_ERROR


@dataclass(frozen=True)
class Job:
    """A computation whose input is all right.

    wall: s that are left for it. restart: "latest", a checkpoint, or None to begin; done: nothing is left to do.
    lock: descriptor on rank 0 that keeps others from the directory, None where there is none. tolerance: of a search,
    A/m^2; replace: whether it deletes the trials of an earlier one. frequencies: of an impedance, Hz.
    """

    case: Case
    directory: Path
    wall: float | None
    restart: str | None
    warnings: tuple[str, ...]
    done: bool = False
    lock: int | None = None
    tolerance: float = 0.0
    replace: bool = False
    frequencies: tuple[float, ...] = ()


def complain(text: str) -> None:
    """A line for the user on stderr."""
    print(text, file=sys.stderr, flush=True)


def execute(
    petsc_options: Sequence[str], prepare: Callable[[], Job], solve: Callable[[MPI.Comm, Job], int]
) -> NoReturn:
    """Prepare on rank 0, solve on all ranks, and exit (collective).

    prepare may raise BadInput. solve gives the exit code; what it raises of the known errors becomes a line and a code.
    """
    from solver.environment import EnvironmentProblem, check_environment
    from solver.loop.interrupts import Interrupts

    started = time.monotonic()
    with Interrupts(leave=leave):
        try:
            check_environment(petsc_options)
        except EnvironmentProblem as problem:
            complain(str(problem))
            raise typer.Exit(EXIT_BAD_INPUT) from None
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
        code = _on_all_ranks(comm, lambda: _execute(comm, prepare, solve, started))
        if code != EXIT_DONE:
            comm.Barrier()  # mpirun ends the other ranks as soon as one exits with another code than 0
        raise typer.Exit(code)


def leave(received: signal.Signals, again: bool) -> None:
    """End at once: a second signal, or one when there is nothing to save."""
    from solver.cli.terminal import say_at_once, show_cursor

    show_cursor()
    when = "again; the last checkpoint is valid" if again else "while nothing was being computed"
    say_at_once(f"ended by {received.name} {when}")
    os._exit(SIGNALLED + received if again else EXIT_INTERRUPTED)


def _execute(
    comm: MPI.Comm, prepare: Callable[[], Job], solve: Callable[[MPI.Comm, Job], int], started: float
) -> int:
    from solver.output.files import reason

    job: Job | None = None
    code = EXIT_DONE
    if comm.rank == 0:
        try:
            job = prepare()
        except BadInput as error:
            complain(str(error))
            code = EXIT_BAD_INPUT
        except OSError as error:  # such as results that may not be looked at
            complain(reason(error))
            code = EXIT_ERROR
    job, code = comm.bcast((job, code))
    if job is None:
        return code
    if comm.rank == 0:
        for warning in job.warnings:
            complain(f"warning: {warning}")
    if job.done:
        return EXIT_DONE

    from solver.defects.mesh import MeshChanged
    from solver.loop.simulation import SolveFailed
    from solver.numerics.grid import TooManyRanks
    from solver.numerics.saddle import NoFactorisation
    from solver.output.checkpoint import CheckpointError, NotWritten
    from solver.output.files import FileError

    if job.wall is not None:
        job = replace(job, wall=max(0.0, job.wall - (time.monotonic() - started)))
    try:
        return _locked_solve(comm, job, solve)
    except FileError as error:
        if comm.rank == 0:
            complain(f"{error}. The last checkpoint, where there is one, is valid.")
        return EXIT_ERROR
    except (SolveFailed, CheckpointError, MeshChanged, TooManyRanks, NoFactorisation) as error:  # raised on all ranks
        if comm.rank == 0:
            complain(str(error))
        return EXIT_FAILED if isinstance(error, SolveFailed | NotWritten) else EXIT_BAD_INPUT


def _locked_solve(comm: MPI.Comm, job: Job, solve: Callable[[MPI.Comm, Job], int]) -> int:
    try:
        return solve(comm, job)
    finally:
        if comm.rank == 0 and job.lock is not None:
            os.close(job.lock)


def _on_all_ranks(comm: MPI.Comm, action: Callable[[], int]) -> int:
    """The exit code of `action`; an error that it does not catch ends all ranks, told once.

    What the system refuses (files, memory) is a line; an error of the program is a trace.
    """
    try:
        return action()
    except Exception as error:
        if comm.rank > 0:
            time.sleep(HEADSTART)  # rank 0 has ended the job by then if it has the error too
        if comm.size > 1:
            print(f"lifront: error on rank {comm.rank} of {comm.size}", file=sys.stderr)
        if isinstance(error, OSError | MemoryError):
            complain(f"{error or 'not enough memory'}")
        else:
            traceback.print_exc()
        sys.stderr.flush()
        if comm.size > 1:
            comm.Abort(EXIT_ERROR)
        return EXIT_ERROR
