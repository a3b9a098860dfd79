"""summary.json: how a run ended and what it cost, written by rank 0 at its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpi4py import MPI

from solver.output import files

NAME = "summary.json"


def write(
    directory: str | Path,
    comm: MPI.Comm,
    stop_reason: str,
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
        "stop_reason": stop_reason,
        "steps": int(steps),
        "rejected": int(rejected),
        "seconds": {name: round(float(value), 3) for name, value in seconds.items()},
        **results,
        "provenance": about,
    }
    files.on_root(comm, lambda: files.write_text(path, json.dumps(content, indent=2) + "\n"))
    return path
