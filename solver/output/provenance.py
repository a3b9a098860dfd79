"""Where a result comes from: the case, the versions, the commit, the ranks, the seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mpi4py import MPI

from solver import environment
from solver.output import files
from solver.output.stored import CASE_FILE, RESOLVED_FILE, hash_of

LONGEST_TEXT = 16384  # bytes of a case that every snapshot repeats
LONGEST_TABLE = 32  # entries of a list in the resolved case that every snapshot repeats


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


def in_snapshots(values: Mapping[str, Any]) -> dict[str, Any]:
    """What each snapshot carries of it: all, but for long texts and tables, which the directory has once.

    In their place stands where they are; case_sha256 and resolved_case_sha256 are then the hashes of the whole texts.
    """
    kept = dict(values)
    case, resolved = str(values.get("case", "")), str(values.get("resolved_case", ""))
    if len(case.encode()) > LONGEST_TEXT:
        kept |= {"case": f"{len(case.encode())} bytes, in {CASE_FILE}", "case_sha256": hash_of(case)}
    if resolved and (short := _without_tables(json.loads(resolved))) != json.loads(resolved):
        kept |= {"resolved_case": json.dumps(short, indent=2), "resolved_case_sha256": hash_of(resolved)}
    return kept


def _without_tables(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_tables(entry) for key, entry in value.items()}
    if isinstance(value, list):
        tables = len(value) > LONGEST_TABLE
        return f"{len(value)} entries, in {RESOLVED_FILE}" if tables else [_without_tables(entry) for entry in value]
    return value
