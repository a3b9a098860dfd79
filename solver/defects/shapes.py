"""Diffuse shapes of defects: indicator and normal at any points.

Walls are channels about their mid-plane, with the distance d to it and the numerical half-width l:

    b = exp(-(d/l)^2),    int b dn = sqrt(pi) l

so that b is smooth where boundaries meet, and a sum over equal cells of l or less gives its integral to 1e-3. A crack
ends at its edge as (1 - tanh((r - R) / 2 lambda)) / 2, a pore of radius R is (1 - tanh((r - R) / lambda)) / 2.
Shapes are functions of coordinates only; where shapes or their members overlap, the largest b counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.spatial import Voronoi, cKDTree

from solver.domain.contact import profile
from solver.numerics.array import Array

REACH = 4.0  # half-widths: b is 1e-7 there and left out beyond
EDGE_REACH = 14.0  # lambda: a crack's edge is 8e-7 there


@dataclass(frozen=True)
class Cloud:
    """Points at which shapes are evaluated: coordinates in m, (points, axes).

    axes: the growing coordinates along each axis when the points are all combinations of them, the last axis fastest;
    points in a box are then found without looking at all of them.
    """

    points: Array
    axes: tuple[Array, ...] | None = None

    @staticmethod
    def tensor(axes: Sequence[Array]) -> Cloud:
        """All combinations of coordinates."""
        grids = np.meshgrid(*axes, indexing="ij")
        return Cloud(np.stack([g.ravel() for g in grids], axis=-1), tuple(axes))

    def within(self, lower: Array, upper: Array) -> Array:
        """Numbers of the points between two corners of a box (axes)."""
        if self.axes is None:
            return np.flatnonzero(((self.points >= lower) & (self.points <= upper)).all(axis=1))
        numbers = np.zeros((1,) * len(self.axes), dtype=int)
        for axis, (x, a, b) in enumerate(zip(self.axes, lower, upper, strict=True)):
            shape = [1] * len(self.axes)
            shape[axis] = -1
            some = np.arange(np.searchsorted(x, a), np.searchsorted(x, b, side="right"))
            numbers = numbers * len(x) + some.reshape(shape)
        return numbers.ravel()


@dataclass(frozen=True)
class Trace:
    """A shape at the points of a cloud: indicator b (points), unit normal (axes, points), member that counts."""

    indicator: Array
    normal: Array
    member: Array

    @staticmethod
    def nothing(cloud: Cloud) -> Trace:
        """No defect; the normal is along the first axis."""
        count, dim = cloud.points.shape
        normal = np.zeros((dim, count))
        normal[0] = 1.0
        return Trace(np.zeros(count), normal, np.zeros(count, dtype=int))

    def raise_to(self, at: Array, indicator: Array, normal: Array, member: int) -> None:
        """Put in a member at the points `at` where it is larger than what is there; normal: (axes, points)."""
        wins = indicator > self.indicator[at]
        at = at[wins]
        self.indicator[at] = indicator[wins]
        self.normal[:, at] = np.broadcast_to(normal, (len(self.normal), len(wins)))[:, wins]
        self.member[at] = member


class Shape(Protocol):
    """What `Family` needs of a shape."""

    def trace(self, cloud: Cloud) -> Trace: ...


def channel(distance: Array, half_width: float) -> Array:
    """b of walls at a distance from their mid-plane."""
    return np.exp(-((distance / half_width) ** 2))


def upright(normal: Array) -> Array:
    """A normal (axes, points) turned so that its first component is not negative: one side is like the other."""
    return np.where(normal[0] < 0, -normal, normal)


class Everywhere:
    """b = 1."""

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator and normal at the points."""
        trace = Trace.nothing(cloud)
        trace.indicator[:] = 1.0
        return trace


@dataclass(frozen=True)
class Planes:
    """Planes x = const at the given positions (m)."""

    positions: Array
    half_width: float

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator and normal at the points."""
        trace = Trace.nothing(cloud)
        distance, member = cKDTree(self.positions[:, None]).query(cloud.points[:, :1])
        trace.indicator[:] = channel(distance, self.half_width)
        trace.member[:] = member
        return trace


@dataclass(frozen=True, kw_only=True)
class Grains:
    """Boundaries of the Voronoi cells of seeds (seeds, axes), which must reach beyond the points on all sides.

    grain: number of the grain of each seed; seeds of the same grain have no boundary between them. source: number of
    the seed that each is an image of: boundaries of the same two sources are one member.
    """

    seeds: Array
    grain: Array
    source: Array
    half_width: float

    @cached_property
    def _pairs(self) -> Array:
        """Seeds that have a boundary between them, (pairs, 2), each pair in both orders, sorted by the first."""
        pairs = Voronoi(self.seeds).ridge_points
        pairs = pairs[self.grain[pairs[:, 0]] != self.grain[pairs[:, 1]]]
        pairs = np.concatenate([pairs, pairs[:, ::-1]])
        return pairs[np.argsort(pairs[:, 0], kind="stable")]

    @cached_property
    def _members(self) -> tuple[Array, Array]:
        """Sources on the two sides of each member, the smaller first, and the member of each of the pairs."""
        sides = np.sort(self.source[self._pairs], axis=1)
        members, number = np.unique(sides, axis=0, return_inverse=True)
        return members, number.ravel()

    @property
    def boundaries(self) -> Array:
        """Sources on the two sides of each member, (members, 2), the smaller first."""
        return self._members[0]

    @cached_property
    def _neighbours(self) -> tuple[Array, Array]:
        """Seeds whose cells touch that of each seed, and members between them, (seeds, most), filled up with -1."""
        pairs = self._pairs
        counts = np.bincount(pairs[:, 0], minlength=len(self.seeds))
        column = np.arange(len(pairs)) - np.repeat(np.cumsum(counts) - counts, counts)
        seeds, members = np.full((2, len(self.seeds), counts.max(initial=0)), -1)
        seeds[pairs[:, 0], column] = pairs[:, 1]
        members[pairs[:, 0], column] = self._members[1]
        return seeds, members

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator, normal, member: a cell is the meeting of half-spaces, its nearest side is the nearest plane."""
        trace = Trace.nothing(cloud)
        own = cKDTree(self.seeds).query(cloud.points)[1]
        nearest = np.full(len(own), np.inf)
        for column, members in zip(*(table.T for table in self._neighbours), strict=True):
            at = np.flatnonzero(column[own] >= 0)
            here, there = self.seeds[own[at]], self.seeds[column[own[at]]]
            across = there - here
            across /= np.linalg.norm(across, axis=1)[:, None]
            distance = np.einsum("pa,pa->p", 0.5 * (here + there) - cloud.points[at], across)
            closer = distance < nearest[at]
            nearest[at[closer]] = distance[closer]
            trace.normal[:, at[closer]] = across[closer].T
            trace.member[at[closer]] = members[own[at[closer]]]
        trace.indicator[:] = channel(nearest, self.half_width)
        trace.normal[:] = upright(trace.normal)
        return trace


@dataclass(frozen=True, kw_only=True)
class Discs:
    """Flat cracks: discs (3-D) or pieces of straight lines (2-D).

    centres and unit normals (discs, axes), radii (discs) in m; half_width l of the channels, width lambda of the edge.
    """

    centres: Array
    normals: Array
    radii: Array
    half_width: float
    width: float

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator and normal at the points."""
        trace = Trace.nothing(cloud)
        across, along = REACH * self.half_width, self.radii + EDGE_REACH * self.width
        for member, (centre, normal) in enumerate(zip(self.centres, self.normals, strict=True)):
            extent = along[member] * np.sqrt(np.maximum(1 - normal**2, 0)) + across * np.abs(normal)
            at = cloud.within(centre - extent, centre + extent)
            away = cloud.points[at] - centre
            distance = away @ normal
            close = np.abs(distance) < across
            at, away, distance = at[close], away[close], distance[close]
            radius = np.linalg.norm(away - distance[:, None] * normal, axis=1)
            indicator = channel(distance, self.half_width) * profile(self.radii[member] - radius, self.width)
            trace.raise_to(at, indicator, upright(normal[:, None]), member)
        return trace


@dataclass(frozen=True)
class Balls:
    """Round pores: centres (pores, axes), radii (pores) in m; lambda is twice the width of their surface."""

    centres: Array
    radii: Array
    width: float

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator and radial direction at the points."""
        trace = Trace.nothing(cloud)
        reach = self.radii + EDGE_REACH * self.width / 2
        for member, centre in enumerate(self.centres):
            at = cloud.within(centre - reach[member], centre + reach[member])
            away = (cloud.points[at] - centre).T
            distance = np.linalg.norm(away, axis=0)
            normal = np.zeros_like(away)
            normal[0] = 1.0  # in the centre, which has no direction
            np.divide(away, distance, out=normal, where=distance > 0)
            trace.raise_to(at, profile(self.radii[member] - distance, self.width / 2), upright(normal), member)
        return trace
