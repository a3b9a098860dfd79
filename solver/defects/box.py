"""The box that holds the defects, and the images of what lies in it beyond its lateral sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import Grid


@dataclass(frozen=True)
class Images:
    """Copies of points in the box and in its neighbours.

    points (copies, axes); source: number of the point that was copied; signs (copies, axes): -1 along axes that were
    mirrored; lattice: number of the periodic neighbour, the same for a point and its mirror image.
    """

    points: Array
    source: Array
    signs: Array
    lattice: Array


@dataclass(frozen=True, kw_only=True)
class Box:
    """Sides of the electrolyte, with the widths that diffuse defects have.

    sides: lower and upper end of each lateral axis, m; periodic: whether they are (else mirrors); layer_ends: upper
    ends of the electrolyte layers, m; width: lambda; half_width: l of the channels.
    """

    sides: tuple[tuple[float, float], ...]
    periodic: tuple[bool, ...]
    layer_ends: tuple[float, ...]
    width: float
    half_width: float

    @staticmethod
    def of(grid: Grid, layer_ends: Sequence[float], width: float, half_width: float) -> Box:
        """The box of a grid."""
        sides = tuple((float(f[0]), float(f[-1])) for f in grid.faces[:-1])
        return Box(
            sides=sides,
            periodic=tuple(grid.periodic[:-1]),
            layer_ends=tuple(layer_ends),
            width=width,
            half_width=half_width,
        )

    @property
    def dim(self) -> int:
        """Number of space dimensions."""
        return len(self.sides) + 1

    @property
    def thickness(self) -> float:
        """Thickness of the electrolyte, m."""
        return self.layer_ends[-1]

    @property
    def contact_area(self) -> float:
        """Area (3-D) or length (2-D) of the contact, SI."""
        return float(np.prod([b - a for a, b in self.sides]))

    def place(self, fractions: Array, lower: float, upper: float) -> Array:
        """Points (points, axes) at fractions 0..1 of the lateral sides and of lower..upper along z."""
        ends = np.array([*self.sides, (lower, upper)])
        return ends[:, 0] + fractions * (ends[:, 1] - ends[:, 0])

    def images(self, points: Array) -> Images:
        """Points (points, axes), and copies of them in the boxes beside this one."""
        count = len(points)
        parts = []
        for steps in product((0, -1, 1), repeat=len(self.sides)):
            copy, sign, lattice = points.copy(), np.ones(self.dim), 0
            for axis, (step, (a, b)) in enumerate(zip(steps, self.sides, strict=True)):
                if self.periodic[axis]:
                    copy[:, axis] += step * (b - a)
                elif step:
                    copy[:, axis] = 2 * (a if step < 0 else b) - copy[:, axis]
                    sign[axis] = -1.0
                lattice = 3 * lattice + (step % 3 if self.periodic[axis] else 0)
            parts.append((copy, np.arange(count), np.tile(sign, (count, 1)), np.full(count, lattice)))
        return Images(*(np.concatenate(part) for part in zip(*parts, strict=True)))
