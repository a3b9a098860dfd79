"""The current collector of a cell that starts without lithium: a body with a diffuse surface, on the platen.

    chi = s(d_c/lambda),   d_c = (Z - g0(x) - z)/sqrt(1 + |grad g0|^2),   s(u) = (1 + tanh(u/2))/2     indicator
    g   = g0(x) + eta(x) - Z                                         gap to the electrolyte along z, m
    m   = 1 - psi - chi                                              weight of what lies between: int m dz = g

Z is the displacement of the collector's surface towards the electrolyte, in the columns of cells: that of the platen
where it is rigid, of every place its own where it bends. g0(x) > 0 is the distance of the surface from the plane z = 0
at the start, with its roughness, eta the height of the electrolyte's surface; grad is that of g0 - Z. psi and chi with
the same lambda are a partition of unity, so that int m dz = g exactly, from contact to any gap (the product
(1 - psi)(1 - chi) would keep a phantom gap of lambda at contact).

**In the cells** m is the mean over the height of a cell, by the integral of s, lambda ln(1 + exp(u)). **On the faces**
it is the mean over the time of a step in which the collector moves from Z_0 to Z_1 at constant velocities: then what
moves with the collector is carried exactly, m_1 - m_0 being the difference of what has passed the two faces of a cell,

    int chi(z_f; Z) dt/dt = [X(Z_1 - z_f) - X(Z_0 - z_f)]/(Z_1 - Z_0),   X the integral of chi over z

taken by Gauss's rule of GAUSS points (1e-9 for motions below lambda/2). |grad chi| of a cell follows from its faces, as
that of psi does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from solver.domain.contact import FLOOR, Contact, Height, flat, profile, slope_of_faces, stretch_of
from solver.numerics.array import Array, smooth_step
from solver.numerics.grid import Grid
from solver.numerics.operators import along_axis, face_mean, full_faces, gradient

Surface = tuple[Array, Sequence[Array]]  # height along z, m, and slopes

GAUSS = 3  # points of the mean over a step
COLLECTOR_RANGE = (0.6, 0.75)  # chi from which on a cell is rigid in part, and from which on all of it


@dataclass(frozen=True)
class Place:
    """Where the collector is. indicator chi (cells); area_density |grad chi|, 1/m; gap g, (*lateral, 1), m."""

    indicator: Array
    area_density: Array
    gap: Array

    @property
    def rigid(self) -> Array:
        """k(chi): 0 where Li or void is, 1 in the collector."""
        return smooth_step(self.indicator, *COLLECTOR_RANGE)

    def within(self, part: Grid) -> Place:
        """That of a part of the grid."""
        return replace(self, indicator=part.of(self.indicator), area_density=part.of(self.area_density))


@dataclass
class Collector:
    """The surface z = Z - depth(x) of a collector.

    width lambda, m; electrolyte: the contact without a collector, in which psi does not move; depth: g0 and its slopes;
    height: eta and its slopes.
    """

    grid: Grid
    width: float
    electrolyte: Contact
    depth: Height
    height: Height = flat
    _free: Array = field(init=False, repr=False)  # 1 - psi: mean over the height of a cell

    def __post_init__(self) -> None:
        eta, slopes = self.height(*self._lateral)
        stretch = stretch_of(slopes)
        self._free = self._cell_mean(lambda z: (eta - z) / stretch, stretch)

    @property
    def _lateral(self) -> list[Array]:
        return self.grid.cell_coordinates()[:-1]

    def _cell_mean(self, distance: Callable[[Array], Array], stretch: Array) -> Array:
        """Mean of s(d/lambda) over the height of every cell; d falls along z with 1/stretch."""
        grid, last = self.grid, self.grid.dim - 1
        z = grid.face_coordinates(last)[-1]
        integral = full_faces(grid, last, stretch * self.width * np.logaddexp(0.0, distance(z) / self.width))
        lower, upper = along_axis(last, grid.dim)
        mean: Array = (integral[lower] - integral[upper]) / grid.spacing[last]
        return mean

    def gap(self, displacement: Array | float) -> Array:
        """g of every column, (*lateral, 1), m."""
        between = self.depth(*self._lateral)[0] + self.height(*self._lateral)[0] - displacement
        return np.broadcast_to(between, (*self.grid.local_shape[:-1], 1)).copy()

    def _surfaces(self, displacement: Array | float) -> list[Surface]:
        """Z - g0 and its slopes on the faces of each lateral axis, then in the columns, (*lateral, 1) (collective)."""
        grid, last = self.grid, self.grid.dim - 1
        lifted = grid.ghosted(np.asarray(displacement))
        across = [gradient(grid, lifted, axis)[..., :1] for axis in range(last)]
        along = [_mean_of_faces(slope, axis, grid.dim) for axis, slope in enumerate(across)]
        tilted = [grid.ghosted(slope) for slope in along]
        found: list[Surface] = []
        for axis in range(grid.dim):
            depth, slopes = self.depth(*grid.face_coordinates(axis)[:-1])
            value, tilts = grid.without_ghosts(lifted)[..., :1], along
            if axis != last:
                value = face_mean(grid, lifted, axis)[..., :1]
                tilts = [face_mean(grid, tilt, axis)[..., :1] for tilt in tilted]
                tilts[axis] = across[axis]
            found.append((value - depth, [tilt - slope for tilt, slope in zip(tilts, slopes, strict=True)]))
        return found

    def _chi(self, z: Array, surface: Surface) -> Array:
        height, slopes = surface
        return profile((height - z) / stretch_of(slopes), self.width)

    def at(self, displacement: Array | float, before: Array | float | None = None) -> Contact:
        """The contact with the collector at Z (m), its faces averaged over the way from `before` (collective).

        Both in the columns, (*lateral, 1), or one number for all.
        """
        grid, fixed = self.grid, self.electrolyte
        after = self._surfaces(displacement)
        height, slopes = after[-1]
        stretch = stretch_of(slopes)
        mean = self._cell_mean(lambda z: (height - z) / stretch, stretch)
        faces = swept = [self._on_faces(axis, after[axis]) for axis in range(grid.dim)]
        if before is not None:
            ways = zip(self._surfaces(before), after, strict=True)
            swept = [self._swept(axis, *way) for axis, way in enumerate(ways)]
        chi = np.broadcast_to(self._chi(grid.cell_coordinates()[-1], after[-1]), grid.local_shape).copy()
        return replace(
            fixed,
            metal=np.maximum(self._free - mean, FLOOR),
            metal_faces=[np.maximum(1 - p - c, FLOOR) for p, c in zip(fixed.electrolyte_faces, swept, strict=True)],
            collector=Place(chi, slope_of_faces(grid, faces), self.gap(displacement)),
        )

    def _on_faces(self, axis: int, surface: Surface) -> Array:
        return full_faces(self.grid, axis, self._chi(self.grid.face_coordinates(axis)[-1], surface))

    def _swept(self, axis: int, before: Surface, after: Surface) -> Array:
        """Mean of chi on the faces while the surface goes from `before` to `after`."""
        points, weights = np.polynomial.legendre.leggauss(GAUSS)
        ways = [_between(before, after, 0.5 * (1 + point)) for point in points]
        mean = sum(0.5 * w * self._on_faces(axis, surface) for w, surface in zip(weights, ways, strict=True))
        return np.asarray(mean)


def _between(before: Surface, after: Surface, share: float) -> Surface:
    slopes = [a + share * (b - a) for a, b in zip(before[1], after[1], strict=True)]
    return before[0] + share * (after[0] - before[0]), slopes


def _mean_of_faces(values: Array, axis: int, dim: int) -> Array:
    lower, upper = along_axis(axis, dim)
    return np.asarray(0.5 * (values[lower] + values[upper]))
