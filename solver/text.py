"""Text of the user: files read with limits, TOML and JSON parsed with errors in words, and text shown as it is.

Whatever a user writes is data. It is never taken for markup, never sent to a terminal with control characters, and
never read without bound.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from rich.console import Console

LARGEST_CASE = 10_000_000  # bytes; the longest case by hand has some ten thousand
LARGEST_TABLE = 200_000_000  # bytes, of a measured profile: a year at one row a second is half as much
LARGEST_RESULT = 4_000_000_000  # bytes, of a log or a table of results: ten million steps
DEEPEST = 50  # tables and lists inside each other; the schema needs less than ten but for loops in loops
SHOWN = 60  # characters of a value in a message
LONGEST_LINE = 200  # characters of a name or title that is shown
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NUMBER_TOO_LONG = "a whole number with more digits than Python reads"
_SURROGATE = re.compile("[\ud800-\udfff]")
_REASONS = {  # of the system, where its own words are too short
    "File name too long": "the name is longer than the file system allows",
    "Too many levels of symbolic links": "a loop of symbolic links",
    "Permission denied": "no permission to read it",
}


class Unreadable(ValueError):
    """A file, or the text in it, that cannot be used; the message says why, without the file's name."""


class NoSuchFile(Unreadable):
    """The file is not there."""


def is_file(path: str | Path) -> bool:
    """Whether there is a regular file; False also for names that no file can have."""
    return os.path.isfile(path)  # Path.is_file raises for names that are too long


def is_directory(path: str | Path) -> bool:
    """Whether there is a directory; False also for names that no directory can have."""
    return os.path.isdir(path)


def is_whole(text: str) -> bool:
    """Whether text is a whole number, such as the index of an entry: only digits from 0 to 9, and not very many."""
    return text.isascii() and text.isdigit() and len(text) < 10


def neighbours(path: Path, pattern: str) -> list[str]:
    """Names of files beside `path`, to offer one instead of it."""
    return [found.name for found in path.parent.glob(pattern)] if is_directory(path.parent) else []


def read_text(path: Path, largest: int = LARGEST_CASE) -> str:
    """The text of a regular file in UTF-8, with or without a byte order mark, of at most `largest` bytes.

    Raises NoSuchFile, and Unreadable with the reason: no regular file, too large, no permission, no text.
    """
    if "\0" in str(path):
        raise NoSuchFile("no such file")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else a FIFO waits for its writer
        with open(handle, "rb") as stream:
            mode, size = os.fstat(handle).st_mode, os.fstat(handle).st_size
            if stat.S_ISDIR(mode):
                raise Unreadable("Is a directory")
            if not stat.S_ISREG(mode):
                raise Unreadable("not a regular file but a device, a pipe or a socket")
            raw = stream.read(largest + 1) if size <= largest else b""
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchFile("no such file") from None
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise Unreadable(_REASONS.get(reason, reason)) from None
    if size > largest or len(raw) > largest:
        raise Unreadable(f"larger than {largest / 1e6:g} MB; is it the right file?")
    return _decoded(raw)


def _decoded(raw: bytes) -> str:
    if raw.startswith(_UTF16) or raw[:400].count(0) > len(raw[:400]) // 3:
        raise Unreadable("not UTF-8 text but UTF-16 or binary; save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"not UTF-8 text (line {line}); save it as UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Unreadable(f"a NUL character in line {line}, which no text file contains")
    return text.replace("\r\n", "\n").replace("\r", "\n")  # as Python reads text files


def parse_toml(text: str) -> dict[str, Any]:
    """The table that TOML says. Raises Unreadable."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"not valid TOML: {one_line(str(error))}") from None
    except RecursionError:
        raise Unreadable(f"not valid TOML: nested deeper than {DEEPEST} tables or lists") from None
    except ValueError:  # of int()
        raise Unreadable(f"not valid TOML: {_NUMBER_TOO_LONG}") from None
    check_data(data)
    return data


def parse_json(text: str) -> Any:
    """What JSON says, in which a key may not come twice and numbers are finite. Raises Unreadable."""
    try:
        data = json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not valid JSON: {error}") from None
    except RecursionError:
        raise Unreadable(f"not valid JSON: nested deeper than {DEEPEST} tables or lists") from None
    except Unreadable:
        raise
    except ValueError:
        raise Unreadable(f"not valid JSON: {_NUMBER_TOO_LONG}") from None
    check_data(data)
    return data


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise Unreadable(f"not valid JSON: the key {short(name)} appears twice in one table")
        table[name] = value
    return table


def _refuse_constant(name: str) -> Any:
    raise Unreadable(f"not valid JSON: {name} is not a number")


def check_data(data: Any) -> None:
    """Raise Unreadable when data are nested too deep, or hold text that cannot be written as UTF-8."""
    level: list[tuple[str, Any]] = [("", data)]
    for _ in range(DEEPEST):
        inside: list[tuple[str, Any]] = []
        for where, item in level:
            if isinstance(item, str) and (found := lone_surrogate(item)):
                raise Unreadable(f"{printable(where)}: {found}")
            pairs = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
            for name, value in pairs:
                if isinstance(name, str) and (found := lone_surrogate(name)):
                    raise Unreadable(f"{printable(f'{where}.{name}'.lstrip('.'))}: {found}")
                inside.append((f"{where}.{name}".lstrip("."), value))
        if not inside:
            return
        level = inside
    raise Unreadable(f"{printable(level[0][0])[:SHOWN]}...: nested deeper than {DEEPEST} tables or lists")


def lone_surrogate(text: str) -> str:
    r"""What is wrong with text that has half of a character, such as "\ud800" in JSON; "" of other text."""
    found = _SURROGATE.search(text)
    return f"half a character (\\u{ord(found[0]):04x}), which cannot be stored in a text file" if found else ""


# -- showing -----------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """Text in which control characters and the like are escaped, for messages; it stays one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Text in one line without control characters, cut where it is longer, for titles and headings."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "" for c in text[: 10 * longest]).split())
    return line if len(line) <= longest else line[: longest - 3].rstrip() + "..."


def short(value: Any) -> str:
    """A value in a message, as Python writes it."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write whole numbers of more than some thousand digits
        return _NUMBER_TOO_LONG
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def plain_console(width: int) -> Console:
    """A console that takes text for what it is: no markup; `width` columns where the output is not a terminal."""
    console = Console(markup=False, emoji=False)
    return console if console.is_terminal else Console(markup=False, emoji=False, width=width)
