"""Shapes from a mesh: walls about facets, pores that fill elements.

The distance of a point to a facet is exact: to its foot where that lies on the facet, else to the nearest edge or
corner. Pores are those of `cavities`, of all groups of the case together: groups that touch have no wall between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from mpi4py import MPI
from scipy.spatial import cKDTree

from solver.case.defects import Geometry
from solver.case.mesh import MeshPart, read_parts
from solver.case.types import Problem
from solver.defects.box import Box
from solver.defects.cavities import Cavities, make_cavities
from solver.defects.families import UNIT, Family
from solver.defects.shapes import EDGE_REACH, REACH, Cloud, Trace, channel, upright
from solver.domain.contact import profile
from solver.numerics.array import Array

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
    solid = [part for part in parts if part.is_solid]
    if solid:
        cavities = make_cavities(solid[0].points, np.concatenate([part.elements for part in solid]), box)
        ends = np.cumsum([0, *(len(part.elements) for part in solid)])
    for group, part in zip(geometry.groups, parts, strict=True):
        if part.is_solid:
            number = next(k for k, one in enumerate(solid) if one is part)
            pores = Solids.of(cavities, ends[number], ends[number + 1], box.width)
            opening = cavities.opening * UNIT
            families.append(Family(pores, opening, opening, open=True, bears_load=False))
            continue
        images = box.images(part.corners.reshape(-1, box.dim))
        families.append(
            Family(
                Facets(images.points.reshape(-1, *part.corners.shape[1:]), box.half_width),
                group.opening * UNIT,
                sqrt(pi) * box.half_width * UNIT,
                separation_energy=0.0 if group.open else group.separation_energy,
                open=group.open,
                bears_load=not group.open,
            )
        )
    return families


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


def _near(cloud: Cloud, simplices: Array, reach: float) -> Iterator[tuple[int, Array, Array]]:
    """Number and corners of each simplex, with the points within `reach` of the box about it, if there are any."""
    lower, upper = simplices.min(axis=1) - reach, simplices.max(axis=1) + reach
    first, last = cloud.points.min(axis=0, initial=np.inf), cloud.points.max(axis=0, initial=-np.inf)
    for number in np.flatnonzero(((lower <= last) & (upper >= first)).all(axis=1)):
        at = cloud.within(lower[number], upper[number])
        if len(at):
            yield number, simplices[number], at


@dataclass(frozen=True)
class Facets:
    """Walls about facets (facets, corners, axes): lines in 2-D, triangles in 3-D. They end as half-circles do."""

    vertices: Array
    half_width: float

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator and normal at the points."""
        trace = Trace.nothing(cloud)
        for _, vertices, at in _near(cloud, self.vertices, REACH * self.half_width):
            distance = distance_to_simplex(cloud.points[at], vertices)
            trace.raise_to(at, channel(distance, self.half_width), _normal(vertices), 0)
        return trace


@dataclass(frozen=True, kw_only=True)
class Solids:
    """Pores that fill elements (elements, corners, axes): triangles in 2-D, tetrahedra in 3-D.

    surface (facets, corners, axes) of these pores, also where they fill elements of other groups; element_pore,
    surface_pore: numbers of the pores; width: lambda.
    """

    elements: Array
    element_pore: Array
    surface: Array
    surface_pore: Array
    width: float

    @staticmethod
    def of(cavities: Cavities, begin: int, end: int, width: float) -> Solids:
        """The pores that elements begin to end (without it) are part of."""
        own = (begin <= cavities.source) & (cavities.source < end)
        walls = np.isin(cavities.surface_pore, cavities.element_pore[own])
        return Solids(
            elements=cavities.elements[own],
            element_pore=cavities.element_pore[own],
            surface=cavities.surface[walls],
            surface_pore=cavities.surface_pore[walls],
            width=width,
        )

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator, the normal of the nearest facet of the surface, and the pore."""
        trace = Trace.nothing(cloud)
        distance = np.full(len(cloud.points), np.inf)
        middle = self.surface.mean(axis=1)
        radius = np.linalg.norm(self.surface - middle[:, None], axis=2).max(axis=1)
        # no facet is nearest that begins beyond the nearest middle of one
        most = cKDTree(middle).query(cloud.points)[0] * (1 + _ROUNDING) if len(middle) else distance
        for number, vertices, near in _near(cloud, self.surface, EDGE_REACH * self.width / 2):
            away = np.linalg.norm(cloud.points[near] - middle[number], axis=1)
            at = near[away - radius[number] <= most[near]]
            found = distance_to_simplex(cloud.points[at], vertices)
            closer = found < distance[at]
            distance[at[closer]] = found[closer]
            trace.normal[:, at[closer]] = _normal(vertices)
            trace.member[at[closer]] = self.surface_pore[number]
        held = self._hold(cloud, trace)
        trace.indicator[:] = profile(np.where(held, distance, -distance), self.width / 2)
        return trace

    def _hold(self, cloud: Cloud, trace: Trace) -> Array:
        """Whether each point is in one of the elements, whose pore it then has."""
        held = np.zeros(len(cloud.points), dtype=bool)
        for number, vertices, at in _near(cloud, self.elements, 0.0):
            weights = (cloud.points[at] - vertices[0]) @ np.linalg.pinv(vertices[1:] - vertices[0])
            within = at[(weights >= -_ROUNDING).all(axis=1) & (weights.sum(axis=1) <= 1 + _ROUNDING)]
            held[within] = True
            trace.member[within] = self.element_pore[number]
        return held
