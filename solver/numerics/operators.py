"""Finite-volume operators on the tensor-product grid, alike in 1, 2 and 3 dimensions.

Everything is integrated over the cell: a flux is an amount per time through a face (density times
face area, positive along +axis) and `net_outflow` is the sum over the faces of a cell. Rows of a matrix are
kept as `Stencil`: one value for the cell and one for each of its 2 dim neighbours.

Face coefficients are given by the caller, who knows how a quantity is to be averaged; at physical
boundaries the conductance is masked to zero, so nothing passes unless an equation adds it.

Advection uses the hybrid scheme (Spalding, Int. J. Numer. Meth. Eng. 4 (1972) 551): central, order 2, where the
cell Peclet number |v| d / D is below 2, and otherwise just as much upwinding as keeps the scheme monotone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import Grid


class Stencil:
    """Rows of a matrix that couples each cell with itself and its 2 dim face neighbours.

    values has shape (1 + 2 dim, *local_shape); the order is cell, then (lower, upper) for each axis.
    """

    def __init__(self, grid: Grid):
        self.grid = grid
        self.values = np.zeros((1 + 2 * grid.dim, *grid.local_shape))

    @property
    def diagonal(self) -> Array:
        return self.values[0]

    def plus(self, added: Array) -> Stencil:
        """With more on the diagonal."""
        found = Stencil(self.grid)
        found.values[...] = self.values
        found.diagonal[...] += added
        return found

    def add_conductance(self, axis: int, conductance: Array) -> None:
        """Add the net outflow -k (upper - lower) through faces of the given (masked) conductance."""
        lower, upper = along_axis(axis, self.grid.dim)
        self.values[0] += conductance[lower]
        self.values[0] += conductance[upper]
        self.values[1 + 2 * axis] -= conductance[lower]
        self.values[2 + 2 * axis] -= conductance[upper]

    def add_advection(self, axis: int, flow: Array, upper_weight: Array) -> None:
        """Add the net outflow flow * (upper_weight * upper + (1 - upper_weight) * lower)."""
        lower, upper = along_axis(axis, self.grid.dim)
        from_upper, from_lower = flow * upper_weight, flow * (1 - upper_weight)
        self.values[0] += from_lower[upper] - from_upper[lower]
        self.values[1 + 2 * axis] -= from_lower[lower]
        self.values[2 + 2 * axis] += from_upper[upper]


def along_axis(axis: int, dim: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Index tuples that pick, from face values, the lower and the upper face of every cell."""
    every = [slice(None)] * dim
    lower, upper = list(every), list(every)
    lower[axis], upper[axis] = slice(None, -1), slice(1, None)
    return tuple(lower), tuple(upper)


def full_faces(grid: Grid, axis: int, values: Array) -> Array:
    """Face values in broadcastable shape as a full array of the faces normal to `axis`."""
    shape = list(grid.local_shape)
    shape[axis] += 1
    return np.broadcast_to(values, shape)


def conductance(grid: Grid, axis: int, coefficient: Array) -> Array:
    """coefficient * area / distance on every face normal to `axis`, zero at physical boundaries."""
    geometry = grid.area[axis] / grid.distance[axis] * grid.interior[axis]
    return full_faces(grid, axis, coefficient * geometry)


def face_mean(grid: Grid, ghosted: Array, axis: int) -> Array:
    """Linear interpolation of cell values to the faces (order 2 on graded grids)."""
    lower, upper = grid.sides(ghosted, axis)
    return lower + grid.upper_weight[axis] * (upper - lower)


def gradient(grid: Grid, ghosted: Array, axis: int) -> Array:
    """Normal derivative on the faces."""
    lower, upper = grid.sides(ghosted, axis)
    return (upper - lower) / grid.distance[axis]


def net_outflow(grid: Grid, fluxes: Sequence[Array]) -> Array:
    """Sum over the faces of each cell of the outward integrated fluxes (one array per axis)."""
    total = np.zeros(grid.local_shape)
    for axis, flux in enumerate(fluxes):
        lower, upper = along_axis(axis, grid.dim)
        flux = full_faces(grid, axis, flux)
        total += flux[upper]
        total -= flux[lower]
    return total


def hybrid_weight(grid: Grid, axis: int, flow: Array, conductances: Array) -> Array:
    """Weight of the upper cell in the face value for advection by `flow` against diffusion.

    flow and conductances are integrated face values in the same unit (for example m^3/s). Linear
    interpolation where it is monotone, limited to what keeps the off-diagonal entries negative.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = np.where(flow != 0.0, conductances / np.abs(flow), np.inf)
    linear = grid.upper_weight[axis]
    downstream = np.minimum(np.where(flow > 0, linear, 1 - linear), limit)
    return np.where(flow > 0, downstream, 1 - downstream)


def apply_stencil(stencil: Stencil, values: Array) -> Array:
    """Rows times cell values (collective)."""
    grid = stencil.grid
    ghosted = grid.ghosted(values)
    result = stencil.diagonal * values
    for axis in range(grid.dim):
        lower, upper = grid.sides(ghosted, axis)
        first, second = along_axis(axis, grid.dim)
        result += stencil.values[1 + 2 * axis] * lower[first]
        result += stencil.values[2 + 2 * axis] * upper[second]
    return result
