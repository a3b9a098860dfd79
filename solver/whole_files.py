"""Files that are either complete or absent: written aside, synced, renamed. Links are replaced, never followed.

A folder of results may come from somebody else. A file that is to be written is made anew, so that a link of its name
in that folder, or of the name it has while it is written, does not lead to a file elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def part(path: Path) -> Path:
    """Where the file is written before it takes its name."""
    return path.with_name(path.name + ".part")


def make_part(path: Path) -> Path:
    """`part(path)`, with what an earlier run left of that name taken away: a link there would be followed."""
    part(path).unlink(missing_ok=True)
    return part(path)


def publish(path: Path) -> None:
    """Give the finished file `part(path)` its name, once its content has reached the disk."""
    _sync(part(path))
    os.replace(part(path), path)
    _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one piece: a reader sees the old or the new content, never half of it."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one piece."""
    with naming(path):
        with make_part(path).open("xb") as stream:
            stream.write(content)
        publish(path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the operating system that name no file (a full disk does not) are about this one."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
