"""The files of a run: their names, and work on them that rank 0 does for all."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mpi4py import MPI

from solver.output.stored import FOLDER

T = TypeVar("T")

# Everything that a run writes into its directory, as regular expressions, in the order in which it may be deleted, and
# nothing else: what a user has put beside it (log.csv.old, checkpoint_good.h5) stays. The copy of the case is not among
# them.
OUTPUTS = (
    r"done\.json",
    r"summary\.json",
    r"fields/fields_[0-9]+\.vtkhdf",
    r"fields\.xdmf",
    r"fields\.vtkhdf\.series",
    r"checkpoint_[0-9]+\.h5",
    r"log\.csv",
    r"cycles\.csv",
    r"curves\.png",
    r"field_.*\.png",
    r"stresses\.png",
    r"penetration\.png",
    r"deposit\.png",
    r"thickness\.csv",
    r"impedance\.csv",
    r"impedance\.png",
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


def written(directory: Path) -> list[Path]:
    """What is there of `OUTPUTS`, finished or not, in their order; nothing behind a link in place of a folder."""
    folders = [directory] if (directory / FOLDER).is_symlink() else [directory, directory / FOLDER]
    there = {path.relative_to(directory).as_posix(): path for folder in folders for path in folder.glob("*")}
    matches = [re.compile(rf"{pattern}(\.part)?").fullmatch for pattern in OUTPUTS]
    return [there[name] for match in matches for name in sorted(there) if match(name)]


def clear(directory: Path) -> None:
    """Delete what an earlier run left in its directory, so that nothing of it mixes with a new run."""
    for path in written(directory):
        path.unlink()
