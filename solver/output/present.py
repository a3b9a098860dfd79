"""What a directory already has of a case: nothing, a part to go on from, all of it, or the results of another case."""

from __future__ import annotations

import fcntl
import json
import os
from enum import Enum
from pathlib import Path

import tomli_w

from solver.case import Case, Source
from solver.case_files import given
from solver.output import checkpoint, files, summary

DIGEST = "case.digest"  # hash of the case, written when its run begins or goes on; left when results are cleared


class Present(Enum):
    """What is there, in words for the user."""

    NOTHING = "no results"
    BROKEN_OFF = "results without a checkpoint"
    OTHER = "results of another case"
    CHECKPOINT = "a checkpoint of this case"
    DONE = "this case, run to its end"


def copies(case: Case) -> dict[str, str]:
    """Names and texts of the files that say of which case a run is."""
    text = case.source.text
    if text.lstrip().startswith("{"):  # JSON: no TOML begins with a brace
        text = tomli_w.dumps(given(json.loads(text)))
    resolved = json.dumps(case.resolved(), indent=2) + "\n"
    return {"case.toml": text, "resolved.json": resolved, DIGEST: case.source.digest + "\n"}


def look(directory: Path, source: Source) -> Present:
    """What the directory has of the case that came from `source` (not collective)."""
    done = directory / summary.DONE
    if done.exists():
        try:
            digest = json.loads(done.read_text(encoding="utf-8")).get("case_digest")
        except json.JSONDecodeError:
            digest = None
        return Present.DONE if digest == source.digest else Present.OTHER
    path = checkpoint.latest(directory)
    if path is not None:
        return Present.CHECKPOINT if _same(directory, path, source) else Present.OTHER
    return Present.BROKEN_OFF if has_results(directory) else Present.NOTHING


def _same(directory: Path, path: Path, source: Source) -> bool:
    """Whether the checkpoint is of this case: by the hash, by the text in runs that have none."""
    digest = directory / DIGEST
    if digest.exists():
        return digest.read_text(encoding="utf-8").strip() == source.digest
    about = checkpoint.provenance(path)
    return (about["case"], about["overrides"]) == (source.text, "\n".join(source.overrides))


def has_results(directory: Path) -> bool:
    """Whether a run has written into the directory."""
    return any(found for pattern in files.OUTPUTS for found in directory.glob(pattern))


def foreign(directory: Path, case: Case) -> Path | None:
    """A file that a run of the case would replace and that is of no run, None without one."""
    if has_results(directory) or (directory / DIGEST).exists():
        return None
    found = ((directory / name, text) for name, text in copies(case).items())
    return next((path for path, text in found if path.is_file() and _text(path) != text), None)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")  # whatever ends its lines


def lock(directory: Path) -> int | None:
    """Keep other runs from the directory for as long as this process lives (or the descriptor is open).

    None where the file system has no locks. Raises BlockingIOError when another run holds it.
    """
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:
        os.close(handle)
        return None
    return handle
