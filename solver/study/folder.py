"""The folder of a sweep: each point in a plain folder of its own.

    runs/points.csv             id, ranks, hash of the case, values of each point
    runs/points.txt             the folders, one a line, for the array jobs of a cluster
    runs/<id>/case.toml         the complete case; the files it names lie beside it

What a point has come to is said by done.json, which `lifront run` writes last (solver/output/summary.py). A folder
whose point is no longer in the sweep is left alone. This module does not start MPI.
"""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tomli_w

from solver.case.files import digest
from solver.locks import lock
from solver.study.sweep import Point, plain
from solver.text import Unreadable, is_file, parse_toml, read_text
from solver.whole_files import make_part, publish, write_text

CASE, POINTS, LIST, RESULTS = "case.toml", "points.csv", "points.txt", "results.csv"
LOCK = ".lock"
HEADING = ("id", "ranks", "case_digest")


class FolderError(Exception):
    """A folder that cannot be used; the message names it and says why."""


@contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Make the folder and keep others from it. Yields a descriptor; the lock lasts while any process has it open.

    Raises FolderError when the folder cannot be made or another process works in it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(directory / LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        link = error.errno == errno.ELOOP and (directory / LOCK).is_symlink()
        reason = f"{LOCK} in it is a link; delete it" if link else error.strerror
        raise FolderError(f"--output: {directory} cannot be used: {reason}") from None
    try:
        lock(handle)
    except BlockingIOError:
        raise FolderError(f"--output: another sweep is at work in {directory}; wait for it, or end it") from None
    try:
        yield handle
    finally:
        os.close(handle)


def write(points: Sequence[Point], directory: Path) -> list[str]:
    """Write the folders of all points; what is as it should be is not touched. Returns what is worth saying.

    Raises FolderError when a file cannot be written or was not written by a sweep, or the folder of a point is a link.
    """
    _refuse_foreign(directory)
    _refuse_links(points, directory)
    try:
        changed = [point.id for point in points if _write_point(point, directory / point.id)]
        _replace(directory / POINTS, _table(points))
        _replace(directory / LIST, "".join(f"{point.id}\n" for point in points))
    except OSError as error:
        raise FolderError(f"{error.filename}: cannot be written: {error.strerror}") from None
    messages = [f"{name}: the case has changed; it will be run again from the start" for name in changed]
    known = {point.id for point in points}
    others = sorted(path.parent.name for path in directory.glob(f"*/{CASE}") if path.parent.name not in known)
    if others:
        messages.append(f"left alone, since they belong to no point of this sweep: {', '.join(others)}")
    return messages


def _refuse_foreign(directory: Path) -> None:
    """Raise FolderError when there are files of these names that no sweep has written."""
    path = directory / POINTS
    if path.exists():
        ours = is_file(path) and path.read_bytes().startswith(",".join(HEADING).encode())
        found = [] if ours else [path]
    else:
        found = [path for path in (directory / LIST, directory / RESULTS) if path.exists()]
    if found:
        raise FolderError(f"--output: {found[0]} was not written by a sweep and would be overwritten; choose another")


def _refuse_links(points: Sequence[Point], directory: Path) -> None:
    """Raise FolderError when the folder of a point is a link: what is elsewhere would be overwritten."""
    found = [directory / point.id for point in points if (directory / point.id).is_symlink()]
    if found:
        raise FolderError(f"--output: {found[0]} is a link; allowed: a folder, which is made where there is none")


def _write_point(point: Point, folder: Path) -> bool:
    """Returns whether another case was there before."""
    before = _present(folder)
    if before == point.digest:
        return False
    folder.mkdir(exist_ok=True)
    for name, source in point.files.items():
        make_part(folder / name).write_bytes(source.read_bytes())
        publish(folder / name)
    _replace(folder / CASE, tomli_w.dumps(point.data))  # last: it makes the folder complete
    return before is not None


def _present(folder: Path) -> str | None:
    """Hash of the case in a folder, None without one; "" of one that cannot be read."""
    path = folder / CASE
    if not path.exists():
        return None
    try:
        return digest(parse_toml(read_text(path)), folder.joinpath)
    except Unreadable:
        return ""


def _table(points: Sequence[Point]) -> str:
    keys = list(dict.fromkeys(key for point in points for key in point.values))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEADING, *keys])
    for point in points:
        values = [plain(point.values[key]) if key in point.values else "" for key in keys]
        writer.writerow([point.id, point.ranks, point.digest, *values])
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    """Write a text file in one piece, unless it says so already."""
    if path.is_symlink() or not is_file(path) or path.read_bytes() != text.encode():
        write_text(path, text)
