"""Layers of a grid from one height to another, for an equation that has nothing to say elsewhere.

A slab is a grid itself: the blocks of the ranks are what they own of it, be it nothing, and nothing passes its ends, as
at a physical boundary. What is meant for the whole grid becomes that of the slab by `of`, and back by `onto`.
"""

from __future__ import annotations

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import GHOSTS, Grid
from solver.petsc import PETSc


class Slab(Grid):
    """Layers first to last - 1 along the normal, counted from the bottom of the whole grid."""

    def __init__(self, whole: Grid, first: int, last: int):
        self.__dict__.update(whole.__dict__)
        self.whole = whole
        self.faces = (*whole.faces[:-1], whole.faces[-1][first : last + 1])
        self.centres = (*whole.centres[:-1], whole.centres[-1][first:last])
        self.shape = (*whole.shape[:-1], last - first)
        cells = whole.owned[-1]
        begin, end = (min(max(n, cells.start), cells.stop) for n in (first, last))
        self._along = slice(begin - cells.start, end - cells.start)  # of the block of the whole grid
        at = min(max(begin - first, 0), last - first)
        self.start = (*whole.start[:-1], at)
        self.local_shape = (*whole.local_shape[:-1], end - begin)
        self.owned = (*whole.owned[:-1], slice(at, at + end - begin))
        self._here = (..., self._along)
        self._around = (..., slice(self._along.start, self._along.stop + 2 * GHOSTS))
        self.mirrored = [list(self._mirrors(axis)) for axis in range(self.dim)]
        self._local_metric()
        self.is_top &= end > begin
        self.is_bottom &= end > begin

    def vector(self) -> PETSc.Vec:
        """A new PETSc vector of cell values, zero."""
        return PETSc.Vec().createMPI((int(np.prod(self.local_shape)), int(np.prod(self.shape))), comm=self.comm)

    def _cut(self, values: Array, along: slice) -> Array:
        last = self.dim - 1  # values may have components behind
        if values.ndim < self.dim or values.shape[last] == 1:
            return values
        cut: Array = values[(*(slice(None),) * last, along)]
        return cut

    def of(self, values: Array) -> Array:
        return self._cut(values, self._along)

    def of_faces(self, axis: int, values: Array) -> Array:
        ends = slice(self._along.start, self._along.stop + 1)
        return self._cut(values, ends if axis == self.dim - 1 else self._along)

    def onto(self, values: Array, elsewhere: Array | float = 0.0) -> Array:
        found = np.empty((*self.whole.local_shape, *values.shape[self.dim :]))
        found[...] = elsewhere
        self.of(found)[...] = values
        return found

    def extended(self, values: Array) -> Array:
        none = np.zeros((*self.local_shape[:-1], 1))
        found = np.empty(self.whole.local_shape)
        found[..., : self._along.start] = self.whole.columns(values[..., :1] if self.is_bottom else none)
        found[..., self._along.stop :] = self.whole.columns(values[..., -1:] if self.is_top else none)
        found[self._here] = values
        return found


def layers_with(grid: Grid, cells: Array) -> Grid:
    """The layers from the first to the last with one of these cells (bool); the grid itself if all (collective)."""
    found = grid.start[-1] + np.flatnonzero(np.any(cells, axis=tuple(range(grid.dim - 1))))
    first, last = int(grid.min(found)), int(grid.max(found)) + 1
    return grid if (first, last) == (0, grid.shape[-1]) else Slab(grid, first, last)
