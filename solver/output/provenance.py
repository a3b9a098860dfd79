"""Where a result comes from: the case, the versions, the commit, the ranks, the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mpi4py import MPI

from solver import environment
from solver.output import files


def collect(
    case_text: str,
    resolved_json: str,
    comm: MPI.Comm = MPI.COMM_WORLD,
    seeds: Mapping[str, int] | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """What every file of a run carries, the same on every rank (collective).

    Keys: case (text of the case file), overrides (one a line), resolved_case (JSON with all defaults, SI), versions
    (with the git commit), ranks, seeds, started (UTC).
    """

    def on_rank_0() -> dict[str, Any]:
        return {
            "case": case_text,
            "overrides": "\n".join(overrides),
            "resolved_case": resolved_json,
            "versions": environment.versions(),
            "ranks": comm.size,
            "seeds": dict(seeds or {}),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    return files.on_root(comm, on_rank_0)
