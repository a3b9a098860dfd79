"""The mesh of `geometry`: physical groups of straight simplices of a Gmsh file, read by `mesh_file`.

Of a 2-D case's mesh the first two coordinates are x and z; a third one must not vary. Nodes nearer to each other than
`SAME` of the extent of all groups of the case are one node, also across groups. Every element of a group counts, once
where it is there twice; those without length, area or volume are left out and told. A group is named, or has its tag
as its name where the file gives none; an element may be in several groups.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from solver.case.defects import Geometry
from solver.case.mesh_file import STRAIGHT, Block, MeshFile, MeshRefused, read_mesh_file
from solver.case.types import Problem
from solver.text import LONGEST_LINE, is_file, neighbours, printable
from solver.units import nearest

SAME = 1e-6  # of the extent: nodes nearer to each other are one (Gmsh writes 16 digits, other programs 7 or more)
_FLAT = 1e-9  # of the longest edge to the power of the dimension: an element with less has no volume
_FARTHEST = 1e15  # in units of the mesh: nothing in a cell is that far away, and powers of it are still numbers
_CROWDED = 100  # nodes at one place; an outlier makes the extent so large that all others are the same
LARGEST_GROUP = 300_000  # elements; the set-up lays them on the grid one by one, half of them in 3 minutes
_SIMPLICES = {1: "line", 2: "triangle", 3: "tetra"}  # by their dimension
_SHOWN, _SHOWN_LENGTH = 20, 60  # names of groups in a message, and how long

_Wrong = tuple[str, str, str]  # wrong, allowed, nearest right spelling


@dataclass(frozen=True)
class MeshPart:
    """The elements of a physical group: points (points, axes) in m, elements (elements, corners) of their numbers.

    points: of all groups of the case; left_out: how many elements without length, area or volume were left out.
    """

    points: np.ndarray
    elements: np.ndarray
    left_out: int = 0

    @property
    def is_solid(self) -> bool:
        """Whether the elements fill space, so that they are no facets."""
        return self.elements.shape[1] == self.points.shape[1] + 1

    @property
    def corners(self) -> np.ndarray:
        """Corners of the elements (elements, corners, axes), m."""
        return self.points[self.elements]


def measure(vertices: np.ndarray) -> np.ndarray:
    """Length, area or volume of simplices (simplices, corners, axes)."""
    edges = vertices[:, 1:] - vertices[:, :1]
    gram = edges @ np.swapaxes(edges, 1, 2)
    return np.sqrt(np.maximum(np.linalg.det(gram), 0.0)) / factorial(edges.shape[1])


def longest_edges(vertices: np.ndarray) -> np.ndarray:
    """Longest edge of each simplex (simplices, corners, axes)."""
    edges = vertices[:, :, None] - vertices[:, None]
    return np.sqrt((edges**2).sum(axis=-1)).max(axis=(1, 2))


def read_parts(geometry: Geometry, dim: int, problems: list[Problem]) -> list[MeshPart]:
    """The groups of a mesh in the order of the case, none where something is wrong, which is added to `problems`."""
    if geometry.mesh is None:
        return []
    try:
        mesh = _read(Path(geometry.mesh))
        if dim == 3 and np.all(np.abs(mesh.points[:, 2]) <= SAME * np.ptp(mesh.points, axis=0).max(initial=0)):
            raise MeshRefused("a 2-D mesh in a 3-D case", "a 3-D mesh")
        tables, wrong = _tables(mesh, geometry, dim)
        if wrong:
            problems.extend(wrong)
            return []
        points, tables = _together(mesh.points, tables, dim)
    except MeshRefused as error:
        problems.append(Problem("geometry.mesh", error.wrong, error.allowed, error.suggestion))
        return []
    parts = []
    for number, table in enumerate(tables):
        once = table[np.sort(np.unique(np.sort(table, axis=1), axis=0, return_index=True)[1])]
        corners = points[once]
        kept = once[measure(corners) > _FLAT * longest_edges(corners) ** (once.shape[1] - 1)]
        parts.append(MeshPart(points * geometry.unit, kept, len(once) - len(kept)))
        if not len(kept):
            wrong_size = "no element of the group has a length, area or volume"
            problems.append(Problem(f"geometry.groups.{number}.name", wrong_size, "elements other than points"))
    return parts if all(len(part.elements) for part in parts) else []


def _read(path: Path) -> MeshFile:
    try:
        found = read_mesh_file(path) if is_file(path) else None
    except OSError as error:
        raise MeshRefused(f"{path} cannot be opened: {error.strerror}", "a Gmsh file") from None
    except MeshRefused as error:
        raise MeshRefused(f"{path} cannot be read as a Gmsh file: {error.wrong}", error.allowed) from None
    if found is None:
        wrong = "not a file" if os.path.exists(path) else "no such file"
        name = printable(str(path))[:LONGEST_LINE]
        raise MeshRefused(f"{wrong}: {name}", "a Gmsh file", nearest(path.name, neighbours(path, "*.msh")))
    if not (np.abs(found.points) < _FARTHEST).all():
        raise MeshRefused("a node has no usable coordinates", f"coordinates that are numbers below {_FARTHEST:g}")
    return found


def _together(points: np.ndarray, tables: list[np.ndarray], dim: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """The points that the groups use, one for all at the same place, and the groups with their new numbers."""
    used, rows = np.unique(np.concatenate([t.ravel() for t in tables]), return_inverse=True)
    points = points[used]
    extents = np.ptp(points, axis=0)
    if dim == 2 and extents[2] > SAME * extents.max():
        raise MeshRefused("a 3-D mesh in a 2-D case", "a 2-D mesh; its first two coordinates are x and z")
    points = points[:, :dim]
    tree, near = cKDTree(points), SAME * extents.max()
    if tree.count_neighbors(tree, near) > _CROWDED * len(points):
        wrong = f"most nodes of its groups lie within {SAME:g} of its extent from each other"
        raise MeshRefused(wrong, "nodes that are spread out, none of them far from all the others")
    pairs = tree.query_pairs(near, output_type="ndarray")
    joined = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(points),) * 2)
    _, place = connected_components(joined, directed=False)
    first = np.unique(place, return_index=True)[1]
    ends = np.cumsum([t.size for t in tables])[:-1]
    numbers = np.split(place[rows.ravel()], ends)
    return points[first], [n.reshape(t.shape) for n, t in zip(numbers, tables, strict=True)]


# -- groups --------------------------------------------------------------------------------------------


def _tables(mesh: MeshFile, geometry: Geometry, dim: int) -> tuple[list[np.ndarray], list[Problem]]:
    """Nodes of the elements of each group (elements, corners), and what is wrong with groups."""
    names: dict[str, set[tuple[int, int]]] = {}
    in_use = {(block.kind.dim, tag) for block in mesh.blocks for tag in block.tags}
    for where in in_use | set(mesh.names):
        names.setdefault(mesh.names.get(where, str(where[1])), set()).add(where)
    tables: list[np.ndarray] = []
    problems: list[Problem] = []
    for number, group in enumerate(geometry.groups):
        blocks = [b for b in mesh.blocks if any((b.kind.dim, t) in names.get(group.name, ()) for t in b.tags)]
        near = nearest(group.name, list(names)) if group.name not in names and len(problems) < _SHOWN else ""
        wrong = next(_group_problems(mesh, names, group.name, blocks, dim, near), None)
        if wrong is not None:
            problems.append(Problem(f"geometry.groups.{number}.name", *wrong))
        else:
            tables.append(np.concatenate([block.nodes for block in blocks]))
    return tables, problems


def _group_problems(
    mesh: MeshFile, names: dict[str, set[tuple[int, int]]], name: str, blocks: list[Block], dim: int, near: str
) -> Iterator[_Wrong]:
    """What is wrong with a group of these blocks; near: the nearest name."""
    if name not in names:
        shown = [n if len(n) <= _SHOWN_LENGTH else f"{n[:_SHOWN_LENGTH]}..." for n in sorted(names)]
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        allowed = ", ".join(shown[:_SHOWN]) + more
        yield "the mesh has no such physical group", allowed or "none there", near
        return
    allowed = f"{_SIMPLICES[dim - 1]} or {_SIMPLICES[dim]}"
    kinds = {block.kind for block in blocks}
    if not sum(len(block.nodes) for block in blocks):
        hint = ""
        if any(not block.tags for block in mesh.blocks):
            hint = "; saved with the Gmsh option Mesh.SaveAll = 0, as MSH 2.2 has no groups otherwise"
        elif any(other.startswith("_part{") for other in names):
            hint = "; they are in groups of partitions: the Gmsh option Mesh.PartitionCreatePhysicals = 0"
        yield "the group has no elements", f"a group of {allowed} elements{hint}", ""
    elif len({kind.dim for kind in kinds}) > 1:
        found = " and ".join(sorted({kind.name for kind in kinds}))
        yield f"groups of {found} elements have this name", "one name for each group", ""
    elif {kind.name for kind in kinds} - {_SIMPLICES[dim - 1], _SIMPLICES[dim]}:
        found = ", ".join(sorted({kind.name for kind in kinds}))
        hint = "; the Gmsh option Mesh.RecombineAll = 0 makes triangles" if "quad" in found else ""
        yield f"a group of {found} elements", f"{allowed} in a {dim}-D case{hint}", ""
    elif max(kind.order for kind in kinds) > 1:
        yield f"a group of curved elements, of order {max(kind.order for kind in kinds)}", STRAIGHT, ""
    elif sum(len(block.nodes) for block in blocks) > LARGEST_GROUP:
        count = sum(len(block.nodes) for block in blocks)
        yield f"a group of {count} elements", f"at most {LARGEST_GROUP}: a larger Mesh.MeshSizeMin", ""
