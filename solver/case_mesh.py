"""Reading the mesh of `geometry`: a Gmsh file (MSH 2 or 4) with physical groups of straight-sided simplices.

Of a 2-D case's mesh the first two coordinates are x and z; a third one must not vary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solver.case_defects import Geometry
from solver.case_types import Problem
from solver.text import LONGEST_LINE, is_file, neighbours, printable
from solver.units import nearest

_SIMPLICES = {1: "line", 2: "triangle", 3: "tetra"}  # by their dimension, as meshio calls them
_FLAT = 1e-9  # of the extent of a mesh: coordinates that vary less are the same


@dataclass(frozen=True)
class MeshPart:
    """The elements of a physical group: points (points, axes) in m, elements (elements, corners) of their numbers."""

    points: np.ndarray
    elements: np.ndarray

    @property
    def is_solid(self) -> bool:
        """Whether the elements fill space, so that they are no facets."""
        return self.elements.shape[1] == self.points.shape[1] + 1


def read_parts(geometry: Geometry, dim: int, problems: list[Problem]) -> list[MeshPart]:
    """The groups of a mesh in the order of the case; what is wrong is added to `problems`."""
    if geometry.mesh is None:
        return []
    mesh = _read(Path(geometry.mesh), problems)
    if mesh is None:
        return []
    points = np.zeros((len(mesh.points), 3))
    points[:, : mesh.points.shape[1]] = mesh.points
    extents = np.ptp(points, axis=0)
    found = 3 if extents[2] > _FLAT * extents.max() else 2
    if found != dim:
        problems.append(Problem("geometry.mesh", f"a {found}-D mesh in a {dim}-D case", f"a {dim}-D mesh"))
        return []
    points = points[:, :dim] * geometry.unit
    parts = []
    for number, group in enumerate(geometry.groups):
        found_problems = list(_group_problems(mesh, group.name, dim))
        problems.extend(
            Problem(f"geometry.groups.{number}.name", wrong, allowed, hint) for wrong, allowed, hint in found_problems
        )
        if not found_problems:
            elements = np.concatenate([e for _, e in _elements(mesh, group.name)])
            used, renumbered = np.unique(elements, return_inverse=True)
            parts.append(MeshPart(points[used], renumbered.reshape(elements.shape)))
    return parts


def _read(path: Path, problems: list[Problem]) -> Any:
    import meshio

    if not is_file(path):
        found = nearest(path.name, neighbours(path, "*.msh"))
        name = printable(str(path))[:LONGEST_LINE]
        problems.append(Problem("geometry.mesh", f"no such file: {name}", "a Gmsh file", found))
        return None
    try:
        return meshio.gmsh.read(path)
    except Exception as error:  # meshio raises what its parsers raise: ReadError, ValueError, IndexError, KeyError
        wrong = f"{path} cannot be read as a Gmsh file: {type(error).__name__} {error}".rstrip()
        problems.append(Problem("geometry.mesh", wrong, "MSH 2.2, 4.0 or 4.1"))
        return None


def _elements(mesh: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Type and elements of every block of a group."""
    tag, dimension = mesh.field_data[name]
    physical = mesh.cell_data.get("gmsh:physical", [np.zeros(len(block.data)) for block in mesh.cells])
    for block, tags in zip(mesh.cells, physical, strict=True):
        chosen = block.data[np.asarray(tags) == tag]
        if block.dim == dimension and len(chosen):
            yield block.type, chosen


def _group_problems(mesh: Any, name: str, dim: int) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a group: wrong, allowed, nearest right spelling."""
    if name not in mesh.field_data:
        names = sorted(mesh.field_data)
        yield "the mesh has no such physical group", ", ".join(names) or "none there", nearest(name, names)
        return
    allowed = [_SIMPLICES[dim - 1], _SIMPLICES[dim]]
    types = {kind for kind, _ in _elements(mesh, name)}
    if not types:
        yield "the group has no elements", f"a group of {' or '.join(allowed)} elements", ""
    elif len(types) > 1 or not types <= set(allowed):
        yield f"a group of {', '.join(sorted(types))} elements", f"{' or '.join(allowed)} in a {dim}-D case", ""
