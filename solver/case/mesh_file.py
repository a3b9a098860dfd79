"""Files of Gmsh in the formats MSH 2.2, 4.0 and 4.1, as text and (2.2, 4.1) binary.

Read here, and not by meshio, because all physical groups of an element count: meshio 5.3 keeps the first one, and
does not read what Gmsh writes as MSH 4.0, with Mesh.SaveAll = 1, with Mesh.SaveParametric = 1 or in partitions.
Format: https://gmsh.info/doc/texinfo/gmsh.html#Gmsh-file-formats. The numbers of a section are taken one after another,
and every count is compared with what is there before memory is taken for it.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

FORMATS = "MSH 2.2, 4.0 or 4.1"
STRAIGHT = "straight elements, the Gmsh option Mesh.ElementOrder = 1"
LARGEST_FILE = 100_000_000  # bytes: some 2 million elements, more than can be laid on a grid, and 1 GB of memory
_READ = {"MeshFormat", "PhysicalNames", "Entities", "PartitionedEntities", "Nodes", "Elements"}
_LARGEST_WHOLE = 2.0**53  # whole numbers up to here are exact as floats


@dataclass(frozen=True)
class Kind:
    """A type of elements: its name, its dimension, how many nodes it has, and its order (1: straight)."""

    name: str
    dim: int
    nodes: int
    order: int = 1


KINDS = {  # by Gmsh's numbers
    **{1: Kind("line", 1, 2), 2: Kind("triangle", 2, 3), 3: Kind("quad", 2, 4), 4: Kind("tetra", 3, 4)},
    **{5: Kind("hexahedron", 3, 8), 6: Kind("prism", 3, 6), 7: Kind("pyramid", 3, 5), 15: Kind("vertex", 0, 1)},
    **{8: Kind("line", 1, 3, 2), 9: Kind("triangle", 2, 6, 2), 10: Kind("quad", 2, 9, 2), 11: Kind("tetra", 3, 10, 2)},
    **{12: Kind("hexahedron", 3, 27, 2), 13: Kind("prism", 3, 18, 2), 14: Kind("pyramid", 3, 14, 2)},
    **{16: Kind("quad", 2, 8, 2), 17: Kind("hexahedron", 3, 20, 2), 18: Kind("prism", 3, 15, 2)},
    19: Kind("pyramid", 3, 13, 2),
}


class MeshRefused(ValueError):
    """A file that is not read: `wrong` says why, `allowed` what would be, `suggestion` the nearest right name."""

    def __init__(self, wrong: str, allowed: str = FORMATS, suggestion: str = "") -> None:
        super().__init__(wrong)
        self.wrong, self.allowed, self.suggestion = wrong, allowed, suggestion


@dataclass(frozen=True)
class Block:
    """Elements of one kind in the same groups: nodes (elements, nodes), rows of the points; tags of the groups."""

    kind: Kind
    nodes: np.ndarray
    tags: frozenset[int]


@dataclass(frozen=True)
class MeshFile:
    """What a file has: points (points, 3), blocks of elements, and the names of groups by (dimension, tag)."""

    points: np.ndarray
    blocks: list[Block]
    names: dict[tuple[int, int], str]


def read_mesh_file(path: Path) -> MeshFile:
    """The mesh of a file; raises MeshRefused, and OSError where it cannot be opened."""
    size = path.stat().st_size
    if size > LARGEST_FILE:
        allowed = f"at most {LARGEST_FILE / 1e6:g} MB: a larger Mesh.MeshSizeMin, only the groups of the case"
        raise MeshRefused(f"it has {size / 1e6:.0f} MB", allowed)
    sections = _sections(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    version, order = _format(sections["MeshFormat"])
    for name in ("Nodes", "Elements"):
        if name not in sections:
            if "ParametricNodes" in sections:
                raise MeshRefused("it has parametric nodes", "the Gmsh option Mesh.SaveParametric = 0")
            raise MeshRefused(f"it has no section ${name}", "a file with a mesh, saved after Mesh > 2D or 3D")
    take = {name: _Numbers(name, sections[name], order) for name in sections if name in _READ - {"PhysicalNames"}}
    if version == "2":
        tags, points = _nodes_2(take["Nodes"])
        found = _elements_2(take["Elements"], binary=order is not None)
    else:
        groups: dict[tuple[int, int], _Sets] = {}
        for name in ("Entities", "PartitionedEntities"):
            if name in take:
                groups |= _entities(take[name], version, name == "PartitionedEntities")
        tags, points = _nodes_4(take["Nodes"], version)
        found = _elements_4(take["Elements"], version, groups)
    _refuse_part(found)
    rows = _Rows(tags)
    blocks = [Block(kind, rows.of(nodes), sets[0]) for kind, nodes, sets in found]
    return MeshFile(points, blocks, _names(sections.get("PhysicalNames", b"")))


# -- the file ------------------------------------------------------------------------------------------


def _sections(data: bytes) -> dict[str, bytes]:
    """What is between $Name and $EndName, by name; text between sections is skipped, as Gmsh does."""
    found: dict[str, bytes] = {}
    at = 0
    while (begin := re.compile(rb"^[ \t]*\$([^\r\n]*)\r?\n?", re.MULTILINE).search(data, at)) is not None:
        name = begin[1].strip().decode("ascii", "replace")
        if not found and name == "NOD":
            raise MeshRefused("it is in the format MSH 1", f"{FORMATS}: the Gmsh option Mesh.MshFileVersion = 4.1")
        end = data.find(b"$End" + begin[1].strip(), begin.end())
        if end < 0:
            raise MeshRefused(f"it ends within its section ${name}", f"a complete file in {FORMATS}")
        section = data[begin.end() : end]
        if name in _READ - {"MeshFormat"} and found.setdefault(name, section) != section:
            raise MeshRefused(f"it has two sections ${name}", f"one mesh in {FORMATS}")
        found.setdefault(name, section)  # Gmsh repeats $MeshFormat and the names when it adds data
        at = end + len(b"$End" + begin[1].strip())
    if not data.strip():
        raise MeshRefused("it is empty", f"a Gmsh mesh in {FORMATS}")
    if "MeshFormat" not in found:
        start = data.lstrip()[:20].splitlines()[0].decode("ascii", "replace")
        wrong = f"it has no section $MeshFormat and begins with {start!r}"
        raise MeshRefused(wrong, f"{FORMATS}, which Gmsh saves after it has made the mesh")
    return found


def _format(section: bytes) -> tuple[str, str | None]:
    """The version, '2', '4.0' or '4.1', and the byte order, None for text."""
    line, _, rest = section.partition(b"\n")
    words = line.decode("ascii", "replace").split()
    versions = {"2": "2", "2.0": "2", "2.1": "2", "2.2": "2", "4": "4.0", "4.0": "4.0", "4.1": "4.1"}
    set_version = f"{FORMATS}: the Gmsh option Mesh.MshFileVersion = 4.1"
    if len(words) != 3 or words[0] not in versions or words[1] not in ("0", "1"):
        raise MeshRefused(f"its format is {' '.join(words)!r}", set_version)
    version, binary = versions[words[0]], words[1] == "1"
    if words[2] != "8":
        raise MeshRefused(f"its numbers have {words[2]} bytes each", "8 bytes, as Gmsh writes them on 64-bit machines")
    if not binary:
        return version, None
    if version == "4.0":
        raise MeshRefused("it is a binary file of MSH 4.0", "the Gmsh option Mesh.Binary = 0, or version 4.1")
    orders = {(1).to_bytes(4, "little"): "<", (1).to_bytes(4, "big"): ">"}
    if rest[:4] not in orders:
        raise MeshRefused("its byte order cannot be determined", "a binary file as Gmsh writes it, or Mesh.Binary = 0")
    return version, orders[rest[:4]]


def _names(section: bytes) -> dict[tuple[int, int], str]:
    """Names of groups by (dimension, tag); the section is text in binary files too."""
    lines = [line for line in section.decode("utf-8", "replace").split("\n") if line.strip()]
    names = {}
    for line in lines[1:]:
        found = re.fullmatch(r'\s*([0-3])\s+(\d{1,18})\s+"(.*)"\s*', line, re.ASCII)
        if found is None:
            wrong = f"the line {line[:60].strip()!r} of its $PhysicalNames names no group"
            raise MeshRefused(wrong, 'lines such as 2 1 "pore"')
        names[int(found[1]), int(found[2])] = found[3]
    if lines and lines[0].strip() != str(len(lines) - 1):
        raise MeshRefused("its $PhysicalNames does not have as many names as it announces", FORMATS)
    return names


class _Numbers:
    """The numbers of a section, one after another, from text or from bytes."""

    def __init__(self, name: str, section: bytes, order: str | None) -> None:
        self.name, self._at, self._order = name, 0, order
        self._all: np.ndarray = np.frombuffer(section, "u1") if order else self._text(section)

    def _text(self, section: bytes) -> np.ndarray:
        if not section.strip() or self.name == "MeshFormat":
            return np.zeros(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # so that numpy stops at what is not a number
                return np.fromstring(section, sep=" ")
        except (ValueError, DeprecationWarning):
            raise MeshRefused(f"its section ${self.name} contains something that is not a number") from None

    def take(self, kind: str, count: int) -> np.ndarray:
        """The next numbers: i4, i8 or f8; text has them all as f8."""
        length = count if self._order is None else count * int(kind[1])
        if not 0 <= length <= len(self._all) - self._at:
            self.refuse("is shorter than it announces: the file is not complete")
        part = self._all[self._at : self._at + length]
        self._at += length
        if self._order is not None:
            return np.frombuffer(part.tobytes(), self._order + kind)
        return part if kind == "f8" else self.whole(part)

    def whole(self, values: np.ndarray) -> np.ndarray:
        """Floats as whole numbers."""
        if not (np.abs(values) < _LARGEST_WHOLE).all() or (values != np.floor(values)).any():
            self.refuse("has a fraction where a whole number is expected")
        return values.astype(np.int64)

    def ints(self, count: int) -> np.ndarray:
        """Whole numbers of 4 bytes."""
        return self.take("i4", count).astype(np.int64)

    def sizes(self, count: int) -> np.ndarray:
        """Whole numbers of 8 bytes."""
        return self.take("i8", count).astype(np.int64)

    def size(self) -> int:
        """One of them."""
        return int(self.sizes(1)[0])

    @property
    def left(self) -> int:
        """How many are left, of text."""
        return len(self._all) - self._at

    def back(self, count: int) -> None:
        """Give back the last ones of text."""
        self._at -= count

    def first_line(self) -> int:
        """The number in the first line, which is text in binary files of MSH 2 too."""
        if self._order is None:
            return int(self.ints(1)[0])
        line, end, _ = self._all[:30].tobytes().partition(b"\n")
        self._at = len(line + end)
        if not re.fullmatch(rb"\s*\d{1,15}\s*", line):
            self.refuse("does not begin with a number")
        return int(line)

    def tagged(self, count: int) -> np.ndarray:
        """Tags with three coordinates of MSH 2, (count, 4)."""
        if self._order is None:
            return self.take("f8", 4 * count).reshape(count, 4)
        record = np.dtype([("tag", self._order + "i4"), ("at", self._order + "f8", (3,))])
        raw = np.frombuffer(self.take("u1", count * record.itemsize).tobytes(), record)
        return np.column_stack([raw["tag"].astype(float), raw["at"]])

    def finish(self) -> None:
        """Nothing may be left."""
        left = self._all[self._at :]
        if len(left) and (self._order is None or left.tobytes().strip()):
            self.refuse("has more than it announces")

    def refuse(self, what: str) -> NoReturn:
        """Raise MeshRefused."""
        raise MeshRefused(f"its section ${self.name} {what}", f"a complete file in {FORMATS}")


class _Rows:
    """Finds the rows of the points by the tags of nodes."""

    def __init__(self, tags: np.ndarray) -> None:
        self._order = np.argsort(tags, kind="stable")
        self._sorted = tags[self._order]
        twice = self._sorted[1:][self._sorted[1:] == self._sorted[:-1]]
        if len(twice):
            raise MeshRefused(f"its node {twice[0]} is defined twice", f"one mesh in {FORMATS}")

    def of(self, tags: np.ndarray) -> np.ndarray:
        """Rows of the nodes; raises MeshRefused for one that is not there."""
        at = np.minimum(np.searchsorted(self._sorted, tags), len(self._sorted) - 1)
        if len(self._sorted) == 0 or (self._sorted[at] != tags).any():
            raise MeshRefused("an element refers to a node that does not exist", f"a complete file in {FORMATS}")
        return self._order[at]


_Sets = tuple[frozenset[int], frozenset[int]]  # the groups and the partitions that an element is in
_Found = list[tuple[Kind, np.ndarray, _Sets]]


def _refuse_part(found: _Found) -> None:
    """Raise MeshRefused for a file that has one of several parts of a mesh: the others would be missing."""
    dim = max((kind.dim for kind, nodes, _ in found if len(nodes)), default=0)
    parts = [partitions for kind, nodes, (_, partitions) in found if kind.dim == dim and len(nodes)]
    if parts and all(parts) and len(frozenset().union(*parts)) == 1:
        allowed = "the whole mesh: before it is partitioned, or with the Gmsh option Mesh.PartitionSplitMeshFiles = 0"
        raise MeshRefused("it has elements of one partition only", allowed)


def _kind(number: int) -> Kind:
    if number not in KINDS:
        raise MeshRefused(f"it has elements of Gmsh's type {number}", STRAIGHT)
    return KINDS[number]


# -- MSH 2 ---------------------------------------------------------------------------------------------


def _nodes_2(take: _Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Tags and points."""
    rows = take.tagged(take.first_line())
    take.finish()
    return take.whole(rows[:, 0]), rows[:, 1:]


def _elements_2(take: _Numbers, binary: bool) -> _Found:
    """Kind, tags of nodes, group and partitions; an element in two groups is there twice."""
    count, tables = take.first_line(), []
    if not binary:
        tables = _lines_2(take, count)
    while binary and count > 0:
        number, some, tags = map(int, take.ints(3))
        width = 1 + max(tags, 0) + _kind(number).nodes
        if some < 1:
            take.refuse("has a block without elements")
        tables.append((_kind(number), tags, take.ints(some * width).reshape(some, width)[:, 1:]))
        count -= some
    take.finish()
    found: _Found = []
    for kind, tags, table in tables:
        groups = np.abs(table[:, 0]) if tags > 0 else np.zeros(len(table), dtype=np.int64)
        partitions = frozenset(map(int, np.unique(table[:, 3]))) if tags > 3 else frozenset()
        for group in np.unique(groups):
            found.append((kind, table[groups == group, tags:], (frozenset([int(group)] if group else []), partitions)))
    return found


def _lines_2(take: _Numbers, count: int) -> list[tuple[Kind, int, np.ndarray]]:
    """Kind, number of tags, and tags with nodes (elements, tags + nodes), of lines of different lengths."""
    alike: dict[tuple[int, int], list[np.ndarray]] = {}
    some = 1
    while count > 0:
        number, tags = map(int, take.ints(3)[1:])
        take.back(3)
        width = 3 + max(tags, 0) + _kind(number).nodes
        rows = take.ints(max(1, min(some, count, take.left // width)) * width).reshape(-1, width)
        same = (rows[:, 1] == number) & (rows[:, 2] == tags)
        run = len(rows) if same.all() else int(same.argmin())
        take.back((len(rows) - run) * width)
        alike.setdefault((number, tags), []).append(rows[:run, 3:])
        count, some = count - run, 2 * run
    return [(_kind(number), tags, np.concatenate(runs)) for (number, tags), runs in alike.items()]


# -- MSH 4 ---------------------------------------------------------------------------------------------


def _entities(take: _Numbers, version: str, partitioned: bool) -> dict[tuple[int, int], _Sets]:
    """Groups and partitions of each entity (dimension, tag); a group is negative where it has the entity turned round.

    A mesh of a single partition has none.
    """
    several = partitioned and take.size() > 1
    if partitioned:
        take.ints(2 * take.size())  # what each partition has of its neighbours
    groups = {}
    for dim, count in enumerate(take.sizes(4)):
        for _ in range(int(count)):
            tag = int(take.ints(1)[0])
            parts: frozenset[int] = frozenset()
            if partitioned:
                take.ints(2)
                parts = frozenset(map(int, take.ints(take.size())))
            take.take("f8", 3 if dim == 0 and version == "4.1" else 6)
            groups[dim, tag] = frozenset(map(int, np.abs(take.ints(take.size())))), parts if several else frozenset()
            if dim > 0:
                take.ints(take.size())
    take.finish()
    return groups


def _nodes_4(take: _Numbers, version: str) -> tuple[np.ndarray, np.ndarray]:
    """Tags and points; parameters of points on curves and surfaces are left out."""
    blocks, total = map(int, take.sizes(4 if version == "4.1" else 2)[:2])
    tags, points = [np.zeros(0, dtype=np.int64)], [np.zeros((0, 3))]
    for _ in range(blocks):
        numbers, count = take.ints(3), take.size()
        dim = int(numbers[0 if version == "4.1" else 1])
        width = 3 + (dim if numbers[2] else 0)
        if version == "4.1":
            tags.append(take.sizes(count))
            points.append(take.take("f8", count * width).reshape(count, width)[:, :3])
        else:
            rows = take.take("f8", count * (width + 1)).reshape(count, width + 1)
            tags.append(take.whole(rows[:, 0]))
            points.append(rows[:, 1:4])
    take.finish()
    if sum(map(len, tags)) != total:
        take.refuse("does not have as many nodes as it announces")
    return np.concatenate(tags), np.concatenate(points)


def _elements_4(take: _Numbers, version: str, groups: dict[tuple[int, int], _Sets]) -> _Found:
    """Kind, tags of nodes, groups and partitions of each block."""
    blocks, total = map(int, take.sizes(4 if version == "4.1" else 2)[:2])
    found: _Found = []
    for _ in range(blocks):
        numbers, count = take.ints(3), take.size()
        dim, tag = (int(n) for n in (numbers[:2] if version == "4.1" else numbers[1::-1]))
        kind = _kind(int(numbers[2]))
        width = 1 + kind.nodes
        rows = (take.sizes if version == "4.1" else take.ints)(count * width).reshape(count, width)
        if groups and (dim, tag) not in groups:
            take.refuse(f"has an entity {tag} of dimension {dim} that is not in $Entities")
        found.append((kind, rows[:, 1:], groups.get((dim, tag), (frozenset(), frozenset()))))
    take.finish()
    if sum(len(nodes) for _, nodes, _ in found) != total:
        take.refuse("does not have as many elements as it announces")
    return found
