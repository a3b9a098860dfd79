"""summary.json: how a run ended and what it cost, written by rank 0 at its end.

done.json says the same of a run that has come to its end, with the hash of its case, and is written last: where it is,
the results are complete, and whether they are those of a case can be seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpi4py import MPI

from solver.case.ending import Ending
from solver.output import files
from solver.output.done import DIGEST_KEY, DONE
from solver.whole_files import write_text

NAME = "summary.json"


def write(
    directory: str | Path,
    comm: MPI.Comm,
    ending: Ending,
    steps: int,
    rejected: int,
    seconds: Mapping[str, float],
    provenance: Mapping[str, Any],
    **results: Any,
) -> Path:
    """Write summary.json (collective).

    seconds: wall time per physics (charge, occupancy, lithium, output, ...). results: further JSON-able
    entries, such as the time reached or the capacity. The provenance goes in without the case itself,
    which lies beside it in case.toml and resolved.json.
    """
    path = Path(directory) / NAME
    about = {k: v for k, v in provenance.items() if k not in ("case", "resolved_case")}
    content = {
        "stop_reason": ending.reason,
        "stop_kind": ending.kind,
        "steps": int(steps),
        "rejected": int(rejected),
        "seconds": {name: round(float(value), 3) for name, value in seconds.items()},
        **results,
        "provenance": about,
    }
    files.on_root(comm, lambda: write_text(path, json.dumps(content, indent=2) + "\n"))
    return path


def write_done(directory: str | Path, comm: MPI.Comm, case_digest: str) -> None:
    """Write done.json: the summary, and the hash of the case (collective)."""

    def on_rank_0() -> None:
        content = json.loads((Path(directory) / NAME).read_text(encoding="utf-8"))
        write_text(Path(directory) / DONE, json.dumps({DIGEST_KEY: case_digest, **content}, indent=2) + "\n")

    files.on_root(comm, on_rank_0)


def retract(directory: str | Path) -> None:
    """Delete both: the run goes on (not collective)."""
    for name in (DONE, NAME):
        (Path(directory) / name).unlink(missing_ok=True)
