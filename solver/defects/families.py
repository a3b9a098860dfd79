"""From the tables `defects` of a case to shapes with properties; the random ones are drawn here.

Random numbers are keyed by (seed, what, number of the defect): every rank draws the same population, and a larger
one begins with the smaller one. A boundary is known by the numbers of its two grains, so that it has one opening all
along, as have its images beyond the sides. A log-normal size is median exp(sigma N), with a standard normal number N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from itertools import pairwise
from math import pi, sqrt

import numpy as np

from solver.case import defects as case
from solver.defects.box import Box
from solver.defects.shapes import Balls, Cloud, Discs, Everywhere, Grains, Planes, Shape, Trace
from solver.numerics.array import Array
from solver.numerics.random_fields import normal, uniform

UNIT = np.ones(1)
LENGTHS, OPENINGS = 4, 5  # what a random number is for
_MOST_GRAINS = 1 << 32


@dataclass(frozen=True)
class Family:
    """The defects of one table: their shape, and properties that the whole family or each member has.

    opening w, 2 V/S of volume and surface (a slit's is its width), NaN where the stress will set it, and
    numerical_width int b dn of the members, m; separation_energy G_b, J/m^2; flaw_depth: depth that sets an elastic
    opening, m (0: not elastic); filled_depth: filled with Li from the contact to here, m; open: all of it open from
    the start; bears_load: walls touch; layers: (lower, upper) z of the layers that have it, m.
    """

    shape: Shape
    opening: Array
    numerical_width: Array
    separation_energy: float = 0.0
    flaw_depth: float = 0.0
    filled_depth: float = 0.0
    open: bool = False
    bears_load: bool = True
    layers: tuple[tuple[float, float], ...] = ((-np.inf, np.inf),)

    def trace(self, cloud: Cloud) -> Trace:
        """Indicator, normal and member at the points.

        It ends sharply at other layers, so that equal tessellations with other properties go on into each other.
        """
        trace = self.shape.trace(cloud)
        z = cloud.points[:, -1]
        held = np.any([(lower <= z) & (z < upper) for lower, upper in self.layers], axis=0)
        return Trace(np.where(held, trace.indicator, 0.0), trace.normal, trace.member)


@singledispatch
def make_family(defect: object, box: Box) -> Family:
    """The family of a table `defects` of a case."""
    raise TypeError(f"no defect: {type(defect).__name__}")


@make_family.register
def _(defect: case.Bulk, box: Box) -> Family:
    return Family(
        Everywhere(), UNIT, UNIT, separation_energy=defect.separation_energy, filled_depth=defect.flaw_depth
    )


@make_family.register
def _(defect: case.GrainBoundaries, box: Box) -> Family:
    count, margin = defect.count(box.dim, box.contact_area, box.thickness), defect.margin
    fractions = np.stack([uniform(defect.seed, axis, np.arange(count)) for axis in range(box.dim)], axis=-1)
    seeds = box.images(box.place(fractions, -margin, box.thickness + margin))
    shape = Grains(
        seeds=seeds.points, source=seeds.source, grain=seeds.source + count * seeds.lattice, half_width=box.half_width
    )
    first, second = shape.boundaries.T
    return Family(
        shape,
        _openings(defect, _MOST_GRAINS * first + second, box),
        np.full(len(first), sqrt(pi) * box.half_width),
        separation_energy=0.0 if defect.open else defect.separation_energy,
        filled_depth=defect.flaw_depth,
        open=defect.open,
        bears_load=not defect.open,
        layers=layer_ranges(defect.layers, box.layer_ends),
    )


def _openings(defect: case.GrainBoundaries | case.RandomCracks, ids: Array, box: Box) -> Array:
    """Log-normal openings; the few that the numerical channel would not hold are as wide as it is."""
    drawn = log_normal(defect.opening, defect.opening_sigma, defect.seed, OPENINGS, ids)
    return np.minimum(drawn, sqrt(pi) * box.half_width)


def layer_ranges(layers: Sequence[int] | None, ends: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """(lower, upper) z of the layers, neighbours joined; the first goes on below the contact, the last above."""
    if layers is None:
        return ((-np.inf, np.inf),)
    bounds = [-np.inf, *ends[:-1], np.inf]
    chosen = sorted(set(layers))
    breaks = [0, *(k + 1 for k, (a, b) in enumerate(pairwise(chosen)) if b > a + 1), len(chosen)]
    return tuple((bounds[chosen[a]], bounds[chosen[b - 1] + 1]) for a, b in pairwise(breaks))


@make_family.register
def _(defect: case.Flaws, box: Box) -> Family:
    shape: Shape = Everywhere()
    members, width = UNIT, defect.spacing  # in 1-D the column stands for all that lies between two flaws
    if box.sides:
        positions = _flaw_positions(defect, box)
        shape = Planes(positions, box.half_width)
        members, width = np.ones(len(positions)), sqrt(pi) * box.half_width
    elastic = defect.opens_elastically
    return Family(
        shape,
        (np.nan if elastic else defect.opening) * members,
        width * members,
        separation_energy=defect.separation_energy,
        flaw_depth=defect.depth if elastic else 0.0,
        filled_depth=defect.depth,
    )


def _flaw_positions(defect: case.Flaws, box: Box) -> Array:
    """x of the planes in the box and of their images beside it."""
    a, b = box.sides[0]
    assert defect.position is not None  # the case has filled it in
    inside = np.arange(a + (defect.position - a) % defect.spacing, b * (1 + 1e-9), defect.spacing)
    points = np.zeros((len(inside), box.dim))
    points[:, 0] = inside
    return np.unique(box.images(points).points[:, 0])


@make_family.register
def _(defect: case.Cracks, box: Box) -> Family:
    cracks = defect.cracks
    return _discs(
        box,
        np.array([crack.position for crack in cracks]),
        np.array([crack.length for crack in cracks]),
        np.array([crack.angle for crack in cracks]),
        np.array([crack.azimuth for crack in cracks]),
        np.array([crack.opening for crack in cracks]),
    )


@make_family.register
def _(defect: case.RandomCracks, box: Box) -> Family:
    count = defect.count(box.dim, box.contact_area, box.thickness)
    ids = np.arange(count)
    fractions = np.stack([uniform(defect.seed, axis, ids) for axis in range(box.dim)], axis=-1)
    top = 0.0 if defect.place == "contact" else box.thickness
    tilt = uniform(defect.seed, 3, ids)
    return _discs(
        box,
        box.place(fractions, 0.0, top),
        log_normal(defect.median_length, defect.sigma, defect.seed, LENGTHS, ids),
        defect.largest_angle * (2 * tilt - 1),
        pi * uniform(defect.seed, 7, ids),
        _openings(defect, ids, box),
    )


def log_normal(median: float, sigma: float, seed: int, key: int, ids: Array) -> Array:
    """Sizes median exp(sigma N), N standard normal."""
    return median * np.exp(sigma * normal(seed, key, ids))


def _discs(box: Box, lower: Array, lengths: Array, angles: Array, azimuths: Array, openings: Array) -> Family:
    """Cracks by their lower ends: half-discs about those at the contact, discs above those in the bulk."""
    up, across = np.zeros_like(lower), np.zeros_like(lower)
    directions = (np.cos(azimuths), np.sin(azimuths)) if box.dim == 3 else (np.ones(len(lower)),)
    for axis, direction in enumerate(directions):
        up[:, axis], across[:, axis] = direction * np.sin(angles), direction * np.cos(angles)
    up[:, -1], across[:, -1] = np.cos(angles), -np.sin(angles)
    radii = np.where(lower[:, -1] > 0, lengths / 2, lengths)
    centres = lower + np.where(lower[:, -1] > 0, radii, 0.0)[:, None] * up
    images = box.images(centres)
    return Family(
        Discs(
            centres=images.points,
            normals=images.signs * across[images.source],
            radii=radii[images.source],
            half_width=box.half_width,
            width=box.width,
        ),
        openings[images.source],
        np.full(len(images.source), sqrt(pi) * box.half_width),
        open=True,
        bears_load=False,
    )


@make_family.register
def _(defect: case.Pores, box: Box) -> Family:
    centres = np.array([pore.centre for pore in defect.pores])
    return _balls(box, centres, np.array([pore.radius for pore in defect.pores]))


@make_family.register
def _(defect: case.RandomPores, box: Box) -> Family:
    count = defect.count(box.dim, box.contact_area, box.thickness)
    fractions = np.stack([uniform(defect.seed, axis, np.arange(count)) for axis in range(box.dim)], axis=-1)
    radii = log_normal(defect.median_radius, defect.sigma, defect.seed, LENGTHS, np.arange(count))
    return _balls(box, box.place(fractions, 0.0, box.thickness), radii)


def _balls(box: Box, centres: Array, radii: Array) -> Family:
    images = box.images(centres)
    found = radii[images.source]
    opening = 2 / box.dim * found
    return Family(Balls(images.points, found, box.width), opening, opening, open=True, bears_load=False)
