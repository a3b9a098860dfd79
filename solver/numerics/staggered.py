"""Staggered (MAC) operators: strain rates of a velocity that lives on the faces of the cells.

    normal velocity v_a      on the lower face of axis a of every cell
    normal strain rates      d_aa = d_a v_a, and all scalars (pressure, viscosity), in the cells
    shear strain rates       gamma_ab = d_b v_a + d_a v_b, on edges: the lower face of axis a and, across it, the
                             upper face of the normal or the lower face of a lateral axis b

so every array has the shape of the cells and is shared among the ranks as they are. Boundaries:

    top                     a wall: v = 0, normal and tangential (its normal face is not stored); not `bonded`:
                            no shear there, it slides
    bottom                  the lowest faces are unknowns; no shear, so what pushes there is lubricated
    lateral sides           periodic, or symmetry planes: v_a = 0 and no shear; `free`: no stress on the lower side

Operators are sparse matrices, assembled once. With v the velocities and w weights (viscosity times volume) the
stiffness is strain^T w strain: symmetric, and the work of the stresses equals the work of the loads exactly.
Lengths are divided by `length`, the smallest spacing, so that entries are of order one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy import sparse

from solver.numerics.array import Array
from solver.numerics.grid import GHOSTS, Grid
from solver.petsc import PETSc

NOWHERE = -1  # number of a face or cell outside the grid


class Staggered:
    """Matrices between face velocities and strain rates, and averages between cells and edges.

    pairs: the axes (a, b), a < b, of every shear component. strain has the rows [normal a ... | shear ab ...], each
    a block of the owned cells; divergence has one row per cell. edge_volume: one array per pair, in units of
    length^dim, zero where an edge carries no shear. volume: of the cells in the same unit.
    """

    def __init__(self, grid: Grid, free: tuple[int, ...] = (), bonded: bool = True, bends: bool = False):
        self.grid, self.free, self.bonded, self.bends = grid, free, bonded, bends
        self.length = float(min(np.min(np.diff(f)) for f in grid.faces))
        self.pairs = tuple(combinations(range(grid.dim), 2))
        self.cells = int(np.prod(grid.local_shape))
        # global numbers of the cells with ghosts; velocity a of cell n has the number dim n + a
        numbers = np.asarray(grid.da.getLGMap().indices, dtype=PETSc.IntType)
        self._numbers = numbers.reshape([n + 2 * GHOSTS for n in grid.local_shape])
        self.volume = grid.volume / self.length**grid.dim
        self._exists = {pair: self._edge_exists(*pair) for pair in self.pairs}
        self.edge_volume = [self._edge_volume(a, b) for a, b in self.pairs]

        # strain rates and their trace as rows over all velocities
        normal = [self._normal_entries(a) for a in range(grid.dim)]
        shear = [self._shear_entries(a, b) for a, b in self.pairs]
        self.strain = self.matrix(self._rows(normal + shear))
        self.divergence = self.matrix(sum(self._rows([entries]) for entries in normal))
        self._velocities, self._strains = self.strain.createVecs()

    @cached_property
    def sizes(self) -> PETSc.Mat:
        """strain with absolute values: how large the terms of strain rates and forces are (collective)."""
        offsets, columns, values = self.strain.getValuesCSR()
        return self.matrix(sparse.csr_matrix((abs(values), columns, offsets), shape=self._shape(len(offsets) - 1)))

    # -- products --------------------------------------------------------------------------------------

    def strains(self, velocity: Array, matrix: PETSc.Mat | None = None) -> Array:
        """Normal strain rates, then gamma on edges (components, *cells), times length (collective).

        velocity: (*cells, dim); matrix: in place of `strain`. To be read only, and before the next product.
        """
        self._velocities.array[...] = velocity.ravel()
        (matrix or self.strain).mult(self._velocities, self._strains)
        found: Array = self._strains.array_r.reshape(-1, *self.grid.local_shape)
        return found

    def forces(self, normal: Array, edges: Sequence[Array], matrix: PETSc.Mat | None = None) -> Array:
        """Forces of stresses on the velocities (*cells, dim), over length^(dim - 1) (collective).

        normal: stresses in the cells (dim, *cells); edges: of every pair.
        """
        stresses = self._strains.array.reshape(-1, *self.grid.local_shape)
        np.multiply(normal, self.volume, out=stresses[: self.grid.dim])
        for of_pair, stress, volume in zip(stresses[self.grid.dim :], edges, self.edge_volume, strict=True):
            np.multiply(stress, volume, out=of_pair)
        (matrix or self.strain).multTranspose(self._strains, self._velocities)
        return self._velocities.array_r.reshape(*self.grid.local_shape, self.grid.dim).copy()

    # -- numbering -----------------------------------------------------------------------------------

    def _cell(self, offset: tuple[int, ...]) -> Array:
        """Global number of the cell at an offset from every owned cell; NOWHERE outside the grid."""
        block = tuple(slice(GHOSTS + o, GHOSTS + o + n) for o, n in zip(offset, self.grid.local_shape, strict=True))
        return self._numbers[block]

    def _face(self, axis: int, offset: tuple[int, ...]) -> Array:
        """Global number of the velocity on the lower face of axis of the cell at an offset."""
        cell = self._cell(offset)
        number = np.where(cell == NOWHERE, NOWHERE, cell * self.grid.dim + axis)
        return np.where(self.fixed(axis, offset[axis]), NOWHERE, number)

    def fixed(self, axis: int, offset: int = 0) -> Array:
        """Whether the lower face of axis is one of a symmetry plane (broadcastable)."""
        index = np.arange(self.grid.owned[axis].start, self.grid.owned[axis].stop) + offset
        plane = axis < self.grid.dim - 1 and not self.grid.periodic[axis] and axis not in self.free
        return self.grid.along(axis, (index == 0) & plane)

    # -- entries: lists of (columns, values) per row, arrays of the shape of the cells ------------------

    def _unit(self, axis: int, step: int = 1) -> tuple[int, ...]:
        return tuple(step if a == axis else 0 for a in range(self.grid.dim))

    def _normal_entries(self, axis: int) -> list[tuple[Array, Array]]:
        slope = self.length / self.grid.spacing[axis]
        here = (0,) * self.grid.dim
        return [(self._face(axis, self._unit(axis)), slope), (self._face(axis, here), -slope)]

    def _at_edge(self, axis: int, per_face: Array) -> Array:
        """Those of the values on the faces of an axis at its edges: upper faces of the normal, lower ones of others."""
        upper = axis == self.grid.dim - 1
        return np.moveaxis(np.moveaxis(per_face, axis, 0)[1 if upper else 0 :][: per_face.shape[axis] - 1], 0, axis)

    def _edge_exists(self, a: int, b: int) -> Array:
        """Edges that carry shear: those of symmetry planes, free sides and a wall that slides do not."""
        exists: Array = np.ones((1,) * self.grid.dim, dtype=bool)
        for axis in (a, b):
            index = np.arange(self.grid.owned[axis].start, self.grid.owned[axis].stop)
            if axis == self.grid.dim - 1:
                exists = exists & self.grid.along(axis, (index < self.grid.shape[axis] - 1) | self.bonded)
            elif not self.grid.periodic[axis]:
                exists = exists & self.grid.along(axis, index > 0)
        return exists

    def _edge_volume(self, a: int, b: int) -> Array:
        grid = self.grid
        volume = np.ones(grid.local_shape) * self._exists[a, b]
        for axis in range(grid.dim):
            if axis in (a, b):
                # an edge reaches from centre to centre across its two axes
                size = self._at_edge(axis, grid.distance[axis])
                if axis == grid.dim - 1:  # half a cell at the wall
                    size = size * self._at_edge(axis, 0.5 + 0.5 * grid.interior[axis])
            else:
                size = grid.spacing[axis]
            volume = volume * size / self.length
        return volume

    def _shear_entries(self, a: int, b: int) -> list[tuple[Array, Array]]:
        """gamma_ab = d_b v_a + d_a v_b."""
        grid = self.grid
        exists = self._exists[a, b]
        across_a = exists * self.length / self._at_edge(a, grid.distance[a])
        across_b = exists * self.length / self._at_edge(b, grid.distance[b])
        here = (0,) * grid.dim
        # between lateral axes: the edge at the lower faces of both
        if b < grid.dim - 1:
            return [
                (self._face(a, here), across_b),
                (self._face(a, self._unit(b, -1)), -across_b),
                (self._face(b, here), across_a),
                (self._face(b, self._unit(a, -1)), -across_a),
            ]
        # with the normal: the edge at its upper face; at the wall the velocity beyond it is the mirror image
        wall = self._cell(self._unit(b)) == NOWHERE
        below = tuple(u - v for u, v in zip(self._unit(b), self._unit(a), strict=True))
        return [
            (self._face(a, self._unit(b)), across_b),
            (self._face(a, here), np.where(wall, -2 * across_b, -across_b)),
            (self._face(b, self._unit(b)), across_a),
            (self._face(b, below), -across_a),
        ]

    # -- constraints -----------------------------------------------------------------------------------

    @property
    def constraint_rows(self) -> sparse.csr_matrix:
        """Local rows that tie velocities down, none of them empty; weights of `constraint_weights`."""
        return self._constraints[0]

    @cached_property
    def _constraints(self) -> tuple[sparse.csr_matrix, Array]:
        """The rows, and which of blocks of the cells they are.

        Differences of neighbouring bottom faces (one block per lateral axis: a rigid platen), or if it `bends` their
        second differences, in one block; the bottom faces themselves (a spring); velocities on planes of symmetry (one
        block per axis: they are zero), or if it bends all that are not along the normal.
        """
        grid, last = self.grid, self.grid.dim - 1
        here = (0,) * grid.dim
        bottom = self._is_bottom.astype(float)
        blocks, bending = [], []
        # rigid platen: v_n of a bottom face less that of its neighbour; one that bends: the sum over all neighbours
        for axis in range(last):
            differences = []
            for step in (-1, 1) if self.bends else (-1,):
                beside = self._face(last, self._unit(axis, step))
                both = bottom * (beside != NOWHERE) * (self.length / self.grid.spacing[axis]) ** (2 * self.bends)
                differences += [(self._face(last, here), both), (beside, -both)]
            bending += differences
            blocks.append(differences)
        if self.bends:
            blocks = [bending] if bending else []
        # its spring: v_n itself
        blocks.append([(self._face(last, here), bottom)])
        # planes of symmetry: by the bare number, since `_face` gives none there
        for axis in range(grid.dim):
            number = self._cell(here) * grid.dim + axis
            blocks.append([(number, (self.fixed(axis) | (self.bends and axis < last)).astype(float))])
        rows = self._rows(blocks)
        tied = np.flatnonzero(np.diff(rows.indptr))
        return rows[tied], tied

    @property
    def _is_bottom(self) -> Array:
        owned = self.grid.owned[-1]
        return self.grid.along(self.grid.dim - 1, np.arange(owned.start, owned.stop) == 0)

    @cached_property
    def bottom_area(self) -> Array:
        """Areas of the bottom faces in units of length^(dim - 1); zero elsewhere."""
        area = self.grid.area[-1] / self.length ** (self.grid.dim - 1)
        return np.broadcast_to(area * self._is_bottom, self.grid.local_shape)

    def constraint_weights(
        self, rigid: float, spring: Array | float, fixed: float, held: Array | float = 0.0
    ) -> Array:
        """Weights of `constraint_rows` (collective).

        rigid: of the platen's rigidity, per area if it bends; spring: per area; fixed: of fixed velocities; held: in
        the cells, of velocities along the contact if it bends.
        """
        grid, last = self.grid, self.grid.dim - 1
        stiff = [rigid * self.bottom_area] if self.bends else [rigid] * last
        tied: list[Array | float] = [fixed] * grid.dim
        if self.bends:
            sides = [grid.sides(grid.ghosted(np.asarray(held)), axis) for axis in range(last)]
            for axis, (lower, upper) in enumerate(sides):
                between = np.moveaxis(0.5 * (lower + upper), axis, 0)[:-1]
                tied[axis] = np.moveaxis(between, 0, axis) + fixed * self.fixed(axis)
        blocks = [*(stiff if last else []), spring * self.bottom_area, *tied]
        weights = np.stack([np.broadcast_to(block, grid.local_shape) for block in blocks])
        return np.asarray(weights.ravel()[self._constraints[1]])

    # -- matrices --------------------------------------------------------------------------------------

    def _rows(self, blocks: list[list[tuple[Array, Array]]]) -> sparse.csr_matrix:
        """Local rows with global columns; blocks of rows below each other."""
        shape, parts = self.grid.local_shape, []
        for block, entries in enumerate(blocks):
            rows = (block * self.cells + np.arange(self.cells)).reshape(shape)
            for columns, values in entries:
                values = np.broadcast_to(values, shape)
                kept = (columns != NOWHERE) & (values != 0)
                parts.append((rows[kept], columns[kept], values[kept]))
        rows, columns, values = (np.concatenate(p) for p in zip(*parts, strict=True))
        return sparse.csr_matrix((values, (rows, columns)), shape=self._shape(len(blocks) * self.cells))

    def _shape(self, rows: int) -> tuple[int, int]:
        return rows, self.grid.dim * int(np.prod(self.grid.shape))

    def matrix(self, rows: sparse.csr_matrix) -> PETSc.Mat:
        """A parallel matrix from local rows; its columns are the velocities (collective)."""
        n = self.grid.dim * self.cells
        rows.sort_indices()
        csr = (rows.indptr.astype(PETSc.IntType), rows.indices.astype(PETSc.IntType), rows.data)
        size = ((rows.shape[0], PETSc.DETERMINE), (n, PETSc.DETERMINE))
        matrix = PETSc.Mat().createAIJ(size=size, csr=csr, comm=self.grid.comm)
        matrix.assemble()
        return matrix

    # -- averages --------------------------------------------------------------------------------------

    def to_edges(self, values: Array, a: int, b: int) -> Array:
        """Mean over the cells around every edge ab (collective)."""
        return self._mean(self.grid.ghosted(values), {a: self._around(a), b: self._around(b)})

    def to_cells(self, values: Array, a: int, b: int) -> Array:
        """Mean over the four edges ab of every cell; edges of boundaries without shear count as zero (collective)."""
        ghosted = self.grid.ghosted(values * self._exists[a, b])
        for axis in (a, b):  # the mirror images that `ghosted` has put outside are none of shear
            for outside, _ in self.grid.mirrored[axis]:
                ghosted[outside] = 0.0
        return self._mean(ghosted, {axis: (-self._around(axis)[1], -self._around(axis)[0]) for axis in (a, b)})

    def _mean(self, ghosted: Array, offsets: dict[int, tuple[int, int]]) -> Array:
        """Mean of the values at two neighbouring offsets along each of two axes."""
        for axis in range(self.grid.dim):  # one axis after the other; the others lose their ghosts
            first, last = offsets.get(axis, (0, 0))
            size = self.grid.local_shape[axis]
            part = [slice(None)] * self.grid.dim
            part[axis] = slice(GHOSTS + first, GHOSTS + first + size)
            lower = ghosted[tuple(part)]
            if last > first:
                part[axis] = slice(GHOSTS + last, GHOSTS + last + size)
                lower = lower + ghosted[tuple(part)]
            ghosted = lower
        return 0.25 * ghosted

    def _around(self, axis: int) -> tuple[int, int]:
        return (0, 1) if axis == self.grid.dim - 1 else (-1, 0)

    def _shifted(self, ghosted: Array, offset: dict[int, int]) -> Array:
        offsets = [offset.get(axis, 0) for axis in range(self.grid.dim)]
        block = tuple(slice(GHOSTS + o, GHOSTS + o + n) for o, n in zip(offsets, self.grid.local_shape, strict=True))
        return ghosted[block]

    def loose_faces(self, cells: Array, edges: list[Array], share: float) -> Array:
        """Whether both cells beside a face are softer than `share` of the stiffest edge around it (*cells, dim).

        cells, edges: viscosities (collective).
        """
        grid, last = self.grid, self.grid.dim - 1
        # the stiffer of the two cells beside a face
        ghosted = grid.ghosted(cells)
        beside = [np.maximum(cells, self._shifted(ghosted, {axis: -1})) for axis in range(grid.dim)]

        # the stiffest of the edges around it: of a pair ab, two touch a face of a, and two one of b
        around = [np.zeros(grid.local_shape) for _ in range(grid.dim)]
        for values, volume, (a, b) in zip(edges, self.edge_volume, self.pairs, strict=True):
            ghosted = grid.ghosted(np.where(volume > 0, values, 0.0))
            upper = -1 if b == last else 0  # edges lie at upper faces of the normal
            for step in (0, 1):
                np.maximum(around[a], self._shifted(ghosted, {b: upper + step}), out=around[a])
                np.maximum(around[b], self._shifted(ghosted, {a: step, b: upper}), out=around[b])
        return np.stack([c < share * e for c, e in zip(beside, around, strict=True)], axis=-1)

    def faces(self, velocity: Array) -> list[Array]:
        """Velocities of all faces that touch the owned block, one array per axis (collective).

        velocity has the shape (*cells, dim) and holds those of the lower faces.
        """
        grid, result = self.grid, []
        for axis in range(grid.dim):
            ghosted = grid.ghosted(velocity[..., axis])
            if not grid.periodic[axis] and grid.owned[axis].stop == grid.shape[axis]:
                np.moveaxis(ghosted, axis, 0)[-GHOSTS:] = 0.0  # the wall or the plane of symmetry
            block = [slice(GHOSTS, -GHOSTS)] * grid.dim
            block[axis] = slice(GHOSTS, 1 - GHOSTS)
            result.append(ghosted[tuple(block)])
        return result
