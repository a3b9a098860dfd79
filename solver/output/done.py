"""done.json: that a run has come to its end, and the hash of its case. Nothing here needs MPI."""

from __future__ import annotations

from pathlib import Path

from solver.text import Unreadable, parse_json, read_text

DONE = "done.json"
DIGEST_KEY = "case_digest"


def done_digest(directory: str | Path) -> str | None:
    """Hash of the case that was run to its end in a directory; None when done.json is not there or says nothing."""
    try:
        content = parse_json(read_text(Path(directory) / DONE))
    except Unreadable:
        return None
    return str(content[DIGEST_KEY]) if isinstance(content, dict) and DIGEST_KEY in content else None
