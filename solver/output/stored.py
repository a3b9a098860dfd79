"""What is read back from a folder of results, which anybody may have damaged, edited or made up.

Snapshots are found from their own files: each knows its time and step, and no list decides which there are. Only plain
files with their data inside are read: no link is followed, neither of the file system nor within HDF5, and no external
storage, virtual dataset or foreign filter. Nothing here needs MPI, and `postprocess` reads through it as well.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5l, h5z

from solver.text import LARGEST_RESULT, Unreadable, is_file, read_text

Array = np.ndarray

FOLDER = "fields"
CASE_FILE, RESOLVED_FILE = "case.toml", "resolved.json"  # the case as written, and with all defaults
CELLS = "VTKHDF/CellData"
DIRECTIONS = ("x", "y", "z")
COMPONENTS = (1, 3, 9)  # of a cell in files, by rank: scalar, vector, tensor
LONGEST_NUMBER = 19  # digits of a whole number in JSON that is kept exactly
_NAME = re.compile(r"fields_(\d{1,18})\.vtkhdf", re.ASCII)
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}  # any other would load a plugin
# no file has more data than this times its size, bytes: what gzip can reach, with something for small files
_LARGEST_RATIO, _SMALL = 1100, 10**6
# what h5py, NumPy and Python raise when a file is not what it should be
_DAMAGE = (
    OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, ArithmeticError, MemoryError
)  # fmt: skip


class ResultsError(RuntimeError):
    """Results that are missing, damaged or not what was asked for; the message says which, and what is wrong."""


@dataclass(frozen=True)
class Stored:
    """A snapshot that is there: its file, time (s) and step, as it says itself."""

    path: Path
    time: float
    step: int


@dataclass(frozen=True)
class Frame:
    """The cells of a snapshot: their number along x, y and z; origin and spacing (m) of a uniform grid."""

    cells: tuple[int, int, int]
    origin: tuple[float, ...] | None = None
    spacing: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A field in a snapshot: rank as in `FieldInfo`, bytes per number, and what its values mean."""

    rank: int
    precision: int
    unit: str
    long_name: str
    symbol: str = ""


def find(directory: str | Path) -> tuple[list[Stored], list[str]]:
    """The snapshots of a run directory in order of time, and a sentence for each that cannot be read.

    Only what a file says of itself is looked at, not its data, so that thousands are listed in seconds.
    """
    found, problems = [], []
    try:
        paths = [path for _, path in numbered(directory)]
    except ResultsError as error:
        return [], [str(error)]
    for path in paths:
        try:
            with opened(path) as file:
                found.append(Stored(path, *_stamp(file)))
        except ResultsError as error:
            problems.append(str(error))
    return sorted(found, key=lambda s: (s.time, s.step, s.path.name)), problems


def numbered(directory: str | Path) -> list[tuple[int, Path]]:
    """Number and path of all that has the name of a snapshot, in order. Raises ResultsError for a linked folder."""
    folder = Path(directory) / FOLDER
    if folder.is_symlink():
        raise ResultsError(f"{folder}: a link, not a folder; it is not followed")
    if not folder.is_dir():
        return []
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in matches if match)


def gaps(directory: str | Path) -> list[str]:
    """A sentence about snapshots that are gone, as their numbers show; [] when none is. Raises ResultsError."""
    there = {number for number, _ in numbered(directory)}
    if not there or len(there) == (last := max(there)) + 1:
        return []
    first = next(number for number in range(last) if number not in there)
    gone = last + 1 - len(there)
    more = f", and {gone - 1} more" if gone > 1 else ""
    return [f"{Path(directory) / FOLDER / f'fields_{first:06d}.vtkhdf'}: no such file{more}"]


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file of a snapshot for reading. Whatever is wrong with it in the `with` block is raised as ResultsError."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ResultsError(f"{path}: a link, or not a regular file; it is not read")
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError:
        raise ResultsError(f"{path}: no such file") from None
    except ResultsError as error:
        text = str(error)
        raise error if str(path) in text else ResultsError(f"{path}: {text}") from None
    except _DAMAGE as error:
        raise ResultsError(f"{path}: damaged, or not a snapshot ({_first_line(error)})") from None


def item(file: h5py.File, name: str) -> Any:
    """The group or dataset of that name, reached by no link out of its file. Raises ResultsError, also when missing."""
    at: Any = file
    for part in name.split("/"):
        if not _has(at, part):
            raise ResultsError(f"no {name} in it")
        if at.id.links.get_info(part.encode()).type != h5l.TYPE_HARD:
            raise ResultsError(f"{name} is a link to another place, which is not followed")
        at = at[part]
    return at


def dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset whose data are in its file. Raises ResultsError."""
    data = item(file, name)
    if not isinstance(data, h5py.Dataset):
        raise ResultsError(f"{name} is not a dataset")
    properties = data.id.get_create_plist()
    if properties.get_layout() == h5d.VIRTUAL or properties.get_external_count():
        raise ResultsError(f"{name} has its data in another file, which is not read")
    filters = {properties.get_filter(n)[0] for n in range(properties.get_nfilters())}
    if filters - _FILTERS:
        raise ResultsError(f"{name} is compressed in a way that is not used here; it is not read")
    if data.dtype.hasobject or data.nbytes > _LARGEST_RATIO * file.id.get_filesize() + _SMALL:
        raise ResultsError(f"{name} has the type {data.dtype} and the shape {data.shape}, which cannot be; not read")
    return data


def numbers(file: h5py.File, name: str) -> Array:
    """All values of a dataset of floating-point numbers, in double precision. Raises ResultsError."""
    data = dataset(file, name)
    if data.dtype.kind != "f" or data.dtype.itemsize not in (4, 8):
        raise ResultsError(f"{name} has the type {data.dtype}, not single or double precision")
    return np.asarray(data[()], dtype=float)


def faces(file: h5py.File) -> dict[str, Array]:
    """Face coordinates of the cells per axis, m, z last. Raises ResultsError."""
    axes = text(item(file, "grid").attrs["axes"])
    if axes not in ("z", "xz", "xyz"):
        raise ResultsError(f"grid has the axes {axes!r}; allowed: z, xz, xyz")
    found = {axis: numbers(file, f"grid/{axis}") for axis in axes}
    for axis, values in found.items():
        if values.ndim != 1 or len(values) < 2 or not np.all(np.isfinite(values)) or not np.all(np.diff(values) > 0.0):
            raise ResultsError(f"grid/{axis} is not a list of increasing coordinates")
    return found


def frame(file: h5py.File) -> Frame:
    """The cells as VTK sees them. Raises ResultsError when the two descriptions of the grid contradict each other."""
    known = faces(file)
    cells: Any = tuple(len(known[axis]) - 1 if axis in known else 1 for axis in DIRECTIONS)
    about = item(file, "VTKHDF").attrs
    if text(about["Type"]) == "ImageData":
        if list(about["WholeExtent"]) != [end for n in cells for end in (0, n)]:
            raise ResultsError("the grid does not have as many cells as WholeExtent says")
        origin, spacing = (tuple(float(v) for v in about[name]) for name in ("Origin", "Spacing"))
        return Frame(cells, origin, spacing)
    points = math.prod(n + 1 for n in cells)
    if dataset(file, "VTKHDF/Points").shape != (points, 3):
        raise ResultsError(f"VTKHDF/Points does not have {points} points")
    return Frame(cells)


def datasets(file: h5py.File) -> dict[str, Dataset]:
    """The fields of a snapshot by name, {} without any. Raises ResultsError for one that does not fit the grid."""
    shape = frame(file).cells[::-1]
    flat = text(item(file, "VTKHDF").attrs["Type"]) != "ImageData"
    return {name: _described(file, name, shape, flat) for name in names(file, CELLS)}


def names(file: h5py.File, group: str) -> list[str]:
    """Names in a group, [] when there is no such group."""
    parent, _, last = group.rpartition("/")
    if not _has(item(file, parent) if parent else file, last):
        return []
    return list(item(file, group))


def _has(group: Any, name: str) -> bool:
    """Whether a group has a link of that name; `in` would follow it."""
    return isinstance(group, h5py.Group) and bool(group.id.links.exists(name.encode()))


def _described(file: h5py.File, name: str, shape: Sequence[int], flat: bool) -> Dataset:
    data = dataset(file, f"{CELLS}/{name}")
    whole = (math.prod(shape),) if flat else tuple(shape)
    ranks = [rank for rank, n in enumerate(COMPONENTS) if data.shape == whole + ((n,) if rank else ())]
    if not ranks or data.dtype not in (np.float32, np.float64):
        raise ResultsError(f"{name} has the type {data.dtype} and the shape {data.shape}, which do not fit its grid")
    unit, long_name, symbol = about = tuple(text(data.attrs[key]) for key in ("unit", "long_name", "symbol"))
    if not name.isidentifier() or not "".join(about).isprintable():
        raise ResultsError(f"{name!r} has a name, unit or meaning that cannot be shown")
    return Dataset(rank=ranks[0], precision=data.dtype.itemsize, unit=unit, long_name=long_name, symbol=symbol)


def text(value: Any) -> str:
    """An attribute, or the value of a scalar dataset, that is text. Raises ResultsError."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        raise ResultsError(f"{value!r:.60} where there should be text")
    return bytes(value).decode()


def json_object(path: Path) -> dict[str, Any]:
    """The content of a JSON file that holds a table of names and values. Raises ResultsError."""
    try:
        content = json.loads(read_text(path, LARGEST_RESULT), parse_int=_whole_number)
        json.dumps(content, ensure_ascii=False).encode()  # half characters can be written in JSON, but not be shown
    except Unreadable as error:
        raise ResultsError(f"{path}: cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: damaged, or not JSON ({_first_line(error)})") from None
    if not isinstance(content, dict):
        raise ResultsError(f"{path}: a {type(content).__name__} where there should be a table of names and values")
    return content


def text_of(path: Path, sha256: str) -> str | None:
    """The text of a file when its hash (see `hash_of`) is the given one, with or without its last line break."""
    try:
        found = path.read_bytes().decode() if is_file(path) else ""
    except (OSError, ValueError):
        return None
    return next((text for text in (found, found.removesuffix("\n")) if hash_of(text) == sha256), None)


def hash_of(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) < LONGEST_NUMBER else float(digits)


def _stamp(file: h5py.File) -> tuple[float, int]:
    """Time in s and step of a snapshot."""
    about = item(file, "snapshot").attrs
    time, step = float(about["time"]), int(about["step"])
    if not math.isfinite(time):
        raise ResultsError(f"its time is {time}")
    return time, step


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
