"""Checks of the mesh of `geometry` against the box and the grid: a wrong unit or origin, and what no cell resolves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from solver.case.mesh import MeshPart, longest_edges, read_parts
from solver.case.types import Problem, in_um

if TYPE_CHECKING:
    from solver.case.schema import Case

SMALL, LARGE = 0.01, 10.0  # of the box: a mesh that is smaller or larger is mostly in another unit
_UNITS = {"1 m": 1.0, "1 mm": 1e-3, "1 um": 1e-6, "1 nm": 1e-9}
_ROUNDING = 1e-6  # relative, for comparisons of lengths that came through different arithmetic


def place_problems(case: Case, parts: list[MeshPart]) -> Iterator[Problem]:
    """A mesh that is smaller than a cell, and groups of which nothing is in the electrolyte."""
    spacing, extent = case.grid.spacing, _extent(parts)
    if extent < spacing * (1 - _ROUNDING):
        wrong = f"the groups of the mesh are {in_um(extent)} across, less than a cell"
        yield Problem("geometry.unit", wrong, f"a mesh of at least grid.spacing, {in_um(spacing)}", _unit(case, parts))
        return
    box = _box(case)
    width = np.append(box[:-1, 1], 0.0)  # what lies beside the box has an image in it
    unit = _unit(case, parts)
    for number, (group, part) in enumerate(zip(case.geometry.groups, parts, strict=True)):
        lower, upper = part.corners.min(axis=1), part.corners.max(axis=1)
        if not ((upper >= box[:, 0] - width) & (lower <= box[:, 1] + width)).all(axis=1).any():
            there = _spans(np.stack([lower.min(axis=0), upper.max(axis=0)], axis=-1))
            hint = f"is geometry.unit {unit}?" if unit else "are geometry.unit and the origin right?"
            wrong = f"no part of '{group.name}' is in the electrolyte: it is at {there}"
            yield Problem(f"geometry.groups.{number}.name", wrong, f"{_spans(box)}; {hint}")


def _spans(ends: np.ndarray) -> str:
    """Ends along each axis (axes, 2), m, in messages."""
    axes = zip("xyz" if len(ends) == 3 else "xz", ends, strict=True)
    return ", ".join(f"{axis} = {a * 1e6:.6g} to {in_um(b)}" for axis, (a, b) in axes)


def mesh_warnings(case: Case) -> Iterator[str]:
    """Elements outside the electrolyte or without size, and a mesh or elements that are too small."""
    parts = read_parts(case.geometry, case.domain.dimension, [])
    if not parts:
        return
    box, spacing = _box(case), case.grid.spacing
    if not SMALL * box.max() <= _extent(parts) <= LARGE * box.max():
        unit = _unit(case, parts)
        yield (
            f"geometry.unit: the groups of the mesh are {in_um(_extent(parts))} across, in a box of "
            f"{in_um(box.max())}; {f'did you mean {unit!r}?' if unit else 'is it right?'}"
        )
    slack = _ROUNDING * box[:, 1]
    for number, (group, part) in enumerate(zip(case.geometry.groups, parts, strict=True)):
        where, count = f"geometry.groups.{number}", len(part.elements)
        beyond = ((part.corners < box[:, 0] - slack) | (part.corners > box[:, 1] + slack)).any(axis=(1, 2)).sum()
        if beyond:
            yield (
                f"{where}: {beyond} of {count} elements of '{group.name}' are "
                "outside the electrolyte, at least in part; are geometry.unit and the origin right?"
            )
        edge = float(np.median(longest_edges(part.corners)))
        if edge < spacing * (1 - _ROUNDING):
            yield (
                f"{where}: most of the {count} elements of '{group.name}' are smaller than a cell, {in_um(edge)} at "
                f"grid.spacing {in_um(spacing)}, which cannot resolve them; a larger Mesh.MeshSizeMin is advised"
            )
        if part.left_out:
            yield (
                f"{where}: {part.left_out} of {count + part.left_out} elements of '{group.name}' have no length, "
                "area or volume and are left out"
            )


def _box(case: Case) -> np.ndarray:
    """Ends of the electrolyte along each axis (axes, 2), m."""
    return np.array([*((0.0, extent) for extent in case.domain.lateral_extents), (0.0, case.electrolyte_thickness)])


def _extent(parts: list[MeshPart]) -> float:
    """Largest extent of the elements of all groups, m."""
    corners = np.concatenate([part.points[np.unique(part.elements)] for part in parts])
    return float(np.ptp(corners, axis=0).max())


def _unit(case: Case, parts: list[MeshPart]) -> str:
    """Another unit with which the mesh would be as large as the box or somewhat smaller, "" if there is none."""
    sizes = {name: _extent(parts) / case.geometry.unit * unit for name, unit in _UNITS.items()}
    largest = _box(case).max() * (1 + _ROUNDING)
    fitting = [name for name, size in sizes.items() if SMALL * largest <= size <= largest]
    return fitting[0] if fitting and _UNITS[fitting[0]] != case.geometry.unit else ""
