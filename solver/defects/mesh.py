"""Shapes from a mesh: walls about facets, pores that fill elements.

The distance of a point to a facet is exact: to its foot where that lies on the facet, else to the nearest edge or
corner. Facets on a lateral side of the box do not end a pore, which goes on in its image there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial, pi, sqrt

import numpy as np
from mpi4py import MPI

from solver.case_defects import Geometry
from solver.case_mesh import MeshPart, read_parts
from solver.case_types import Problem
from solver.defects.box import Box
from solver.defects.families import UNIT, Family
from solver.defects.shapes import EDGE_REACH, REACH, Cloud, Trace, channel, inside, upright
from solver.grid import Array

_ON_SIDE = 1e-6  # of the box: vertices this near to a side are on it
_ROUNDING = 1e-9  # of an element: points this near to it are in it, so that none is lost between two


class MeshChanged(RuntimeError):
    """A mesh that was right when the case was read is not any more."""


def mesh_families(geometry: Geometry, box: Box, comm: MPI.Comm) -> list[Family]:
    """The families of the groups of a mesh; rank 0 reads the file (collective). Raises MeshChanged on all ranks."""
    if geometry.mesh is None:
        return []
    parts: list[MeshPart] = []
    problems: list[Problem] = []
    if comm.rank == 0:
        parts = read_parts(geometry, box.dim, problems)
    parts, problems = comm.bcast((parts, problems))
    if problems:
        raise MeshChanged("; ".join(f"{p.key}: {p.wrong}" for p in problems))
    families = []
    for group, part in zip(geometry.groups, parts, strict=True):
        images = box.images(part.points)
        count = len(images.source) // len(part.points)
        shifts = len(part.points) * np.arange(count)[:, None, None]
        elements = (part.elements + shifts).reshape(-1, part.elements.shape[1])
        if part.is_solid:
            pores = Solids(images.points, elements, box)
            opening = pores.opening * UNIT
            families.append(Family(pores, opening, opening, open=True, bears_load=False))
            continue
        families.append(
            Family(
                Facets(images.points[elements], box.half_width),
                group.opening * UNIT,
                sqrt(pi) * box.half_width * UNIT,
                separation_energy=0.0 if group.open else group.separation_energy,
                open=group.open,
                bears_load=not group.open,
            )
        )
    return families


def _measure(vertices: Array) -> Array:
    """Length, area or volume of simplices (simplices, corners, axes)."""
    edges = vertices[:, 1:] - vertices[:, :1]
    gram = edges @ np.swapaxes(edges, 1, 2)
    return np.sqrt(np.maximum(np.linalg.det(gram), 0.0)) / factorial(edges.shape[1])


def _outer_facets(elements: Array) -> Array:
    """Facets (facets, corners) that belong to one element only."""
    corners = elements.shape[1]
    facets = np.concatenate([np.delete(elements, k, axis=1) for k in range(corners)])
    unique, counts = np.unique(np.sort(facets, axis=1), axis=0, return_counts=True)
    return unique[counts == 1]


def distance_to_simplex(points: Array, vertices: Array) -> Array:
    """Distance of points (points, axes) to one simplex (corners, axes), m."""
    away = points - vertices[0]
    if len(vertices) == 1:
        return np.linalg.norm(away, axis=1)
    edges = vertices[1:] - vertices[0]
    weights = away @ np.linalg.pinv(edges)
    distance = np.linalg.norm(away - weights @ edges, axis=1)
    beside = np.flatnonzero((weights < 0).any(axis=1) | (weights.sum(axis=1) > 1))
    if len(beside):
        sides = [np.delete(vertices, k, axis=0) for k in range(len(vertices))]
        distance[beside] = np.min([distance_to_simplex(points[beside], side) for side in sides], axis=0)
    return distance


def _normal(vertices: Array) -> Array:
    """Unit normal of a facet (corners, axes), upright, (axes, 1)."""
    edges = vertices[1:] - vertices[0]
    return upright(np.linalg.svd(edges)[2][-1][:, None])


def _near(cloud: Cloud, simplices: Array, reach: float) -> Iterator[tuple[Array, Array]]:
    """Each simplex (corners, axes) with the points that are within `reach` of the box about it, if there are any."""
    for vertices in simplices:
        at = cloud.within(vertices.min(axis=0) - reach, vertices.max(axis=0) + reach)
        if len(at):
            yield vertices, at


@dataclass(frozen=True)
class Facets:
    """Walls about facets (facets, corners, axes): lines in 2-D, triangles in 3-D. They end as half-circles do."""

    vertices: Array
    half_width: float

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator and normal at the points."""
        trace = Trace.nothing(cloud)
        for vertices, at in _near(cloud, self.vertices, REACH * self.half_width):
            distance = distance_to_simplex(cloud.points[at], vertices)
            trace.raise_to(at, channel(distance, self.half_width), _normal(vertices), 0)
        return trace


@dataclass(frozen=True)
class Solids:
    """Pores that fill elements: triangles in 2-D, tetrahedra in 3-D; their numbers refer to points (points, axes)."""

    points: Array
    elements: Array
    box: Box

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator, and the normal of the nearest facet of the surface."""
        trace = Trace.nothing(cloud)
        width = self.box.width / 2
        distance = np.full(len(cloud.points), np.inf)
        for vertices, at in _near(cloud, self._surface(), EDGE_REACH * width):
            found = distance_to_simplex(cloud.points[at], vertices)
            closer = found < distance[at]
            distance[at[closer]] = found[closer]
            trace.normal[:, at[closer]] = _normal(vertices)
        trace.indicator[:] = inside(np.where(self._holds(cloud), -distance, distance), width)
        return trace

    @property
    def opening(self) -> float:
        """2 V/S of their volume and surface; 1 where they have none in the box."""
        surface = _measure(self._surface()).sum()
        return float(2 * _measure(self.points[self.elements]).sum() / surface) if surface else 1.0

    def _surface(self) -> Array:
        """Facets of the surface (facets, corners, axes) that are not on a side of the box."""
        vertices = self.points[_outer_facets(self.elements)]
        on_side = np.zeros(len(vertices), dtype=bool)
        for axis, (a, b) in enumerate(self.box.sides):
            for side in (a, b):
                on_side |= (np.abs(vertices[:, :, axis] - side) < _ON_SIDE * (b - a)).all(axis=1)
        return vertices[~on_side]

    def _holds(self, cloud: Cloud) -> Array:
        """Whether each point is in one of the elements."""
        held = np.zeros(len(cloud.points), dtype=bool)
        for vertices, at in _near(cloud, self.points[self.elements], 0.0):
            weights = (cloud.points[at] - vertices[0]) @ np.linalg.pinv(vertices[1:] - vertices[0])
            held[at] |= (weights >= -_ROUNDING).all(axis=1) & (weights.sum(axis=1) <= 1 + _ROUNDING)
        return held
