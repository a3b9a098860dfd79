"""The files of a run: their names, and work on them that rank 0 does for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mpi4py import MPI

T = TypeVar("T")

# Everything that a run writes into its directory, as patterns, in the order in which it may be deleted; the copy of the
# case is not among them.
OUTPUTS = (
    "done.json*",
    "summary.json*",
    "fields/fields_*.vtkhdf*",
    "fields.xdmf*",
    "fields.vtkhdf.series*",
    "checkpoint_*.h5*",
    "log.csv*",
    "curves.png",
    "field_*.png",
    "stresses.png",
    "penetration.png",
)


class FileError(OSError):
    """A file of the results that cannot be read or written; raised on all ranks, the message says which and why."""


def on_root(comm: MPI.Comm, action: Callable[[], T]) -> T:
    """The result of `action`, run on rank 0 only; its error is raised on every rank (collective).

    What the operating system refuses becomes a FileError.
    """
    result: T | None = None
    error: Exception | None = None
    if comm.rank == 0:
        try:
            result = action()
        except OSError as exc:
            error = exc if isinstance(exc, FileError) else FileError(reason(exc))
        except (ValueError, KeyError, RuntimeError) as exc:
            error = exc
    result, error = comm.bcast((result, error))
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # None only where action returns None


def reason(error: Exception) -> str:
    """What the operating system says, with the file where it names one."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def clear(directory: Path) -> None:
    """Delete what an earlier run left in its directory, so that nothing of it mixes with a new run."""
    for pattern in OUTPUTS:
        for path in directory.glob(pattern):
            path.unlink()
