"""The files of a run: their names, and work on them that rank 0 does for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mpi4py import MPI

T = TypeVar("T")

# Everything that a run writes into its directory, as patterns; the copy of the case is not among them.
OUTPUTS = (
    "fields/fields_*.vtkhdf*",
    "fields.xdmf*",
    "fields.vtkhdf.series*",
    "checkpoint_*.h5*",
    "log.csv*",
    "summary.json*",
    "done.json*",
    "curves.png",
    "field_*.png",
    "stresses.png",
    "penetration.png",
)


def on_root(comm: MPI.Comm, action: Callable[[], T]) -> T:
    """The result of `action`, run on rank 0 only; its error is raised on every rank (collective)."""
    result: T | None = None
    error: Exception | None = None
    if comm.rank == 0:
        try:
            result = action()
        except (OSError, ValueError, KeyError, RuntimeError) as exc:
            error = exc
    result, error = comm.bcast((result, error))
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # None only where action returns None


def clear(directory: Path) -> None:
    """Delete what an earlier run left in its directory, so that nothing of it mixes with a new run."""
    for pattern in OUTPUTS:
        for path in directory.glob(pattern):
            path.unlink()
