"""The files that a case names: which they are, a hash of the case with them, and their place beside a copy of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from solver.text import is_file

FILE_KEYS = ("file", "mesh")  # their value is a file, its path relative to the case file
COPY = "input_"  # begins the names of copies; no result is called so
LONGEST = 100  # bytes of the rest; file systems take names of 255


def given(data: Any) -> Any:
    """A table of JSON without the keys that are null: these are not given, and TOML has no word for them."""
    if isinstance(data, dict):
        return {key: given(value) for key, value in data.items() if value is not None}
    return [given(value) for value in data] if isinstance(data, list) else data


def digest(data: Mapping[str, Any], locate: Callable[[str], Path]) -> str:
    """Hash of what a case file says and of the files it names: the same however the file is laid out.

    locate: where the file of a name is; one that is not there counts as empty.
    """
    total = hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode())
    for table, key in named_files(data):
        path = locate(table[key])
        total.update(path.read_bytes() if is_file(path) else b"")
    return total.hexdigest()


def named_files(data: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """The keys that name a file which is read, each with the table it is in, in an order of their own.

    The file of a profile whose table is given is not read, so nothing is known of it.
    """
    if isinstance(data, dict):
        for key, value in sorted(data.items()):
            if key in FILE_KEYS and isinstance(value, str) and data.get("table") is None:
                yield data, key
            yield from named_files(value)
    elif isinstance(data, list):
        for value in data:
            yield from named_files(value)


def beside(data: dict[str, Any], directory: Path) -> dict[str, Path]:
    """Give the files that `data` names the names that they get beside a copy of the case; returns where they are.

    directory: of the case file.
    """
    files: dict[str, Path] = {}
    for table, key in named_files(data):
        source = directory / table[key]
        if not is_file(source):
            continue
        name = re.sub(r"[^\w.-]+", "_", table[key]).encode()[-LONGEST:].decode(errors="ignore")
        name = name if name.startswith(COPY) else COPY + name
        while files.get(name, source) != source:
            name = f"_{name}"
        table[key] = name
        files[name] = source
    return files
