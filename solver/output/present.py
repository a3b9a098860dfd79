"""What a directory already has of a case: nothing, a part to go on from, all of it, or the results of another case."""

from __future__ import annotations

import copy
import json
import os
from enum import Enum
from pathlib import Path

import tomli_w

from solver import locks
from solver.case.files import beside
from solver.case.schema import Case, Source
from solver.output import checkpoint, files, stored
from solver.output.done import done_digest
from solver.text import Unreadable, read_text

CASE = "case.toml"
DIGEST = "case.digest"  # hash of the case, written when its run begins or goes on; left when results are cleared
REWRITTEN = "# the case with its replaced values; the files that it names lie beside it\n\n"


class Present(Enum):
    """What is there, in words for the user."""

    NOTHING = "no results"
    BROKEN_OFF = "results without a checkpoint"
    OTHER = "results of another case"
    CHECKPOINT = "a checkpoint of this case"
    DONE = "this case, run to its end"


def copies(case: Case, directory: Path) -> dict[str, bytes]:
    """Names and contents of the files that say of which case a run in `directory` is; from them it can be repeated.

    case.toml is the file as it was written; where values were replaced or it names other files, which then lie beside
    it, or materials that are not installed, which it then has in it, it is the same case in other words.
    """
    source = case.source
    data = copy.deepcopy(dict(source.data))
    named = beside(data, Path(source.directory))
    # JSON: no TOML begins with a brace
    rewritten = bool(named or source.materials or source.overrides or source.text.lstrip().startswith("{"))
    text = REWRITTEN + tomli_w.dumps(data) if rewritten else source.text
    contents = {name: path.read_bytes() for name, path in named.items()}
    contents["resolved.json"] = (json.dumps(case.resolved(), indent=2) + "\n").encode()
    contents[DIGEST] = f"{source.digest}\n".encode()
    if not (source.path and Path(source.path).resolve() == (directory / CASE).resolve()):
        contents[CASE] = text.encode()
    return {name: content for name, content in contents.items() if not _is_that(directory / name, named.get(name))}


def _is_that(path: Path, source: Path | None) -> bool:
    return source is not None and path.resolve() == source.resolve()


def look(directory: Path, source: Source) -> Present:
    """What the directory has of the case that came from `source` (not collective)."""
    done = done_digest(directory)
    if done is not None:
        return Present.DONE if done == source.digest else Present.OTHER
    if checkpoint.newest_first(directory):
        return Present.CHECKPOINT if _same(directory, source) else Present.OTHER
    if not has_results(directory):
        return Present.NOTHING
    return Present.BROKEN_OFF if _same(directory, source) else Present.OTHER


def _same(directory: Path, source: Source) -> bool:
    """Whether what a run has left is of this case, by the hash that it wrote first."""
    try:
        return read_text(directory / DIGEST).strip() == source.digest
    except Unreadable:
        return False


def has_results(directory: Path) -> bool:
    """Whether a run has written into the directory."""
    return bool(files.written(directory))


def foreign(directory: Path, case: Case) -> Path | None:
    """A file that a run of the case would replace and that lifront has not written, None without one."""
    if has_results(directory) or (directory / DIGEST).exists():
        return None
    for name, content in copies(case, directory).items():
        path = directory / name
        if path.is_file() and path.read_bytes().splitlines() != content.splitlines():  # whatever ends its lines
            return path
    return None


def in_the_way(directory: Path) -> str | None:
    """What a run cannot write or delete in a directory, in words: links, which lead elsewhere, and folders; or None."""
    folder = directory / stored.FOLDER
    for path in (*files.written(directory), *(directory / name for name in (CASE, "resolved.json", DIGEST)), folder):
        if path.is_symlink() and path.suffix != ".part":  # such a link is replaced
            return f"{path} is a link, which is not followed"
        if path.is_dir() and path != folder:
            return f"{path} is a folder, where a run writes a file"
    return f"{folder} is a file, where a run writes a folder" if folder.exists() and not folder.is_dir() else None


def lock(directory: Path) -> int | None:
    """Keep other runs from the directory for as long as this process lives (or the descriptor is open).

    None where the file system has no locks. Raises BlockingIOError when another run holds it.
    """
    handle = os.open(directory, os.O_RDONLY)
    if locks.lock(handle):
        return handle
    os.close(handle)
    return None
