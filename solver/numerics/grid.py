"""Tensor-product Cartesian grid of finite-volume cells over a PETSc DMDA.

Arrays of cell values are C-contiguous with axes ("z",), ("x", "z") or ("x", "y", "z"): the normal z of
the contact is always the last axis. z grows from the Li reservoir through the contact (z = 0) into the
electrolyte. Missing lateral directions have unit extent (1 m), so integrals are per metre of depth.

The same class serves 1 and N ranks. A rank owns the block `owned` of the global array; `ghosted`
returns that block with `GHOSTS` more cells on every side, taken from the neighbouring ranks, across
periodic sides, or mirrored at physical boundaries (which makes every boundary a zero-gradient one
unless an equation says otherwise).

Faces of axis a that touch the owned block are arrays that are one longer along that axis. Face
quantities that depend on one coordinate only may be given in broadcastable shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from types import EllipsisType

import numpy as np
from mpi4py import MPI

from solver.numerics.array import AXES, Array
from solver.petsc import PETSc

GHOSTS = 2

Index = tuple[EllipsisType | slice, ...]


def lateral_faces(width: float, spacing: float) -> Array:
    """Face coordinates (m) of equal cells over [0, width], at most `spacing` wide, at least four of them."""
    cells = max(4, int(np.ceil(width / spacing * (1 - 1e-9))))
    return np.linspace(0.0, width, cells + 1)


def _half_axis(length: float, spacing: float, fine_depth: float, growth: float, max_spacing: float) -> Array:
    """Face distances from the contact: uniform over `fine_depth`, then growing up to `max_spacing`."""
    fine = min(length, fine_depth)
    fine_cells = max(1, int(np.ceil(fine / spacing * (1 - 1e-9))))
    faces = list(np.linspace(0.0, fine, fine_cells + 1))
    rest = length - fine
    if rest < 0.5 * spacing:
        faces[-1] = length
        return np.array(faces)
    steps: list[float] = []
    step, total = fine / fine_cells, 0.0  # added up one by one: sum() has other rounding in Python 3.12 and later
    while total < rest:
        step = min(step * growth, max(max_spacing, spacing))
        steps.append(step)
        total += step
    return np.concatenate([faces, fine + np.cumsum(steps) * (rest / total)])


def normal_faces(
    *,
    lithium_thickness: float,
    electrolyte_thickness: float,
    spacing: float,
    fine_depths: tuple[float, float],
    growth: float,
    max_spacing: float,
) -> Array:
    """Face coordinates (m) along the normal, from -lithium_thickness to +electrolyte_thickness.

    Cells are `spacing` wide within `fine_depths` of the contact, below and above, then grow by the factor
    `growth` up to `max_spacing`; the coarse part is scaled to end exactly at the boundary.
    """
    below = _half_axis(lithium_thickness, spacing, fine_depths[0], growth, max_spacing)
    above = _half_axis(electrolyte_thickness, spacing, fine_depths[1], growth, max_spacing)
    return np.concatenate([-below[:0:-1], above])


class TooManyRanks(ValueError):
    """The grid has too few cells for the number of ranks; the message says which."""


def _factorizations(number: int, parts: int) -> list[tuple[int, ...]]:
    """All tuples of `parts` positive integers whose product is `number`."""
    if parts == 1:
        return [(number,)]
    divisors = [d for d in range(1, number + 1) if number % d == 0]
    return [(d, *rest) for d in divisors for rest in _factorizations(number // d, parts - 1)]


class Grid:
    """Cells, faces and their metric on this rank, ghost exchange and global reductions.

    faces: global face coordinates per axis in m, the normal last. periodic: whether each lateral axis
    is periodic (the normal never is; a lateral axis that is not is a symmetry plane on both sides).
    mirrored: of every axis the indices of ghosts beyond physical boundaries, and of the cells they are images of.
    """

    def __init__(self, faces: Sequence[Array], periodic: Sequence[bool] = (), comm: MPI.Comm | None = None):
        self.comm = MPI.COMM_WORLD if comm is None else comm
        self.faces = tuple(np.asarray(f, dtype=float) for f in faces)
        self.dim = len(self.faces)
        self.axes = AXES[self.dim]
        self.periodic = (*periodic, False) if len(periodic) < self.dim else tuple(periodic)
        self.centres = tuple(0.5 * (f[1:] + f[:-1]) for f in self.faces)
        self.shape = tuple(len(c) for c in self.centres)
        self.uniform = all(np.allclose(np.diff(f), f[1] - f[0], rtol=1e-9, atol=0.0) for f in self.faces)
        self.lateral_area = float(np.prod([f[-1] - f[0] for f in self.faces[:-1]]))
        self._create_dmda()
        self._local_metric()

    def _create_dmda(self) -> None:
        kinds = PETSc.DM.BoundaryType
        boundary = [kinds.PERIODIC if p else kinds.GHOSTED for p in self.periodic]
        # PETSc's first axis is the fastest in memory; ours is the last. Hence every tuple is reversed.
        self.da = PETSc.DMDA().create(
            dim=self.dim,
            dof=1,
            sizes=self.shape[::-1],
            boundary_type=tuple(boundary[::-1]),
            stencil_type=PETSc.DMDA.StencilType.BOX,
            stencil_width=GHOSTS,
            proc_sizes=self._ranks_per_axis()[::-1],
            comm=self.comm,
        )
        start, size = self.da.getCorners()
        self.start = tuple(int(s) for s in start[::-1])[-self.dim :]
        self.local_shape = tuple(int(s) for s in size[::-1])[-self.dim :]
        self.owned = tuple(slice(s, s + n) for s, n in zip(self.start, self.local_shape, strict=True))
        self._block_shape = self.local_shape
        self._global = self.da.createGlobalVec()
        self._local = self.da.createLocalVec()
        self._ghosted_shape = tuple(n + 2 * GHOSTS for n in self.local_shape)
        self._here: Index = (...,)  # the cells in the block of the DMDA, and those with ghosts in its block with ghosts
        self._around: Index = (...,)
        self.mirrored = [list(self._mirrors(axis)) for axis in range(self.dim)]

    def _mirrors(self, axis: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
        """Ghosts beyond the physical boundaries of an axis, and the cells they are mirror images of."""
        if self.periodic[axis]:
            return
        before, after = [slice(None)] * axis, [slice(None)] * (self.dim - axis - 1)
        if self.owned[axis].start == 0:
            ghosts, cells = slice(GHOSTS), slice(2 * GHOSTS - 1, GHOSTS - 1, -1)
            yield (*before, ghosts, *after), (*before, cells, *after)
        if self.owned[axis].stop == self.shape[axis]:
            ghosts, cells = slice(-GHOSTS, None), slice(-GHOSTS - 1, -2 * GHOSTS - 1, -1)
            yield (*before, ghosts, *after), (*before, cells, *after)

    def _ranks_per_axis(self) -> tuple[int, ...]:
        """Blocks along each axis: the split with the least surface whose blocks are at least GHOSTS cells wide."""
        size, best = self.comm.size, None
        for split in _factorizations(size, self.dim):
            if any(n // blocks < GHOSTS for n, blocks in zip(self.shape, split, strict=True)):
                continue
            surface = sum(blocks / n for n, blocks in zip(self.shape, split, strict=True))
            if best is None or surface < best[0]:
                best = (surface, split)
        if best is None:
            cells = " x ".join(str(n) for n in self.shape)
            raise TooManyRanks(f"{size} ranks cannot share {cells} cells in blocks at least {GHOSTS} cells wide")
        return best[1]

    def _local_metric(self) -> None:
        """Spacing, distances between centres, interpolation weights and face areas of the owned block."""
        self.spacing: list[Array] = []
        self.distance: list[Array] = []
        self.upper_weight: list[Array] = []
        self.interior: list[Array] = []
        for axis in range(self.dim):
            h = np.diff(self.faces[axis])
            ends = (h[-1:], h[:1]) if self.periodic[axis] else (h[:1], h[-1:])
            padded = np.concatenate([ends[0], h, ends[1]])
            inside = np.ones(len(h) + 1)
            if not self.periodic[axis]:
                inside[[0, -1]] = 0.0
            cells = self.owned[axis]
            on_faces = slice(cells.start, cells.stop + 1)
            self.spacing.append(self.along(axis, h[cells]))
            self.distance.append(self.along(axis, 0.5 * (padded[1:] + padded[:-1])[on_faces]))
            self.upper_weight.append(self.along(axis, (padded[:-1] / (padded[1:] + padded[:-1]))[on_faces]))
            self.interior.append(self.along(axis, inside[on_faces]))
        self.volume = np.ones(self.local_shape)
        for h in self.spacing:
            self.volume = self.volume * h
        self.area = [self._product_except(axis) for axis in range(self.dim)]
        self.is_top = self.owned[-1].stop == self.shape[-1]
        self.is_bottom = self.owned[-1].start == 0

    def _product_except(self, axis: int) -> Array:
        """Area of the faces normal to `axis`, broadcastable against that axis' face arrays, m^2."""
        area = np.ones((1,) * self.dim)
        for other, h in enumerate(self.spacing):
            if other != axis:
                area = area * h
        return area

    def along(self, axis: int, values: Array) -> Array:
        """A 1-D array of values along `axis` in broadcastable shape."""
        shape = [1] * self.dim
        shape[axis] = -1
        return np.asarray(values).reshape(shape)

    # -- coordinates ---------------------------------------------------------------------------------

    def cell_coordinates(self) -> list[Array]:
        """Coordinates of the owned cells' centres, one broadcastable array per axis, m."""
        return [self.along(a, self.centres[a][self.owned[a]]) for a in range(self.dim)]

    def face_coordinates(self, axis: int) -> list[Array]:
        """Coordinates of the centres of the faces normal to `axis`, one broadcastable array per axis, m."""
        points = self.cell_coordinates()
        cells = self.owned[axis]
        points[axis] = self.along(axis, self.faces[axis][cells.start : cells.stop + 1])
        return points

    def global_ids(self) -> Array:
        """Number of every owned cell in the natural order of the global array (uint64)."""
        ids = np.zeros((1,) * self.dim, dtype=np.uint64)
        for axis, n in enumerate(self.shape):
            local = np.arange(self.owned[axis].start, self.owned[axis].stop, dtype=np.uint64)
            ids = ids * np.uint64(n) + self.along(axis, local)
        return ids

    # -- ghosts --------------------------------------------------------------------------------------

    def vector(self) -> PETSc.Vec:
        """A new PETSc vector of cell values, zero."""
        return self.da.createGlobalVec()

    def view(self, vector: PETSc.Vec) -> Array:
        """The owned block of a PETSc vector as a NumPy array that shares its memory."""
        return vector.array.reshape(self.local_shape)

    def ghosted(self, values: Array) -> Array:
        """A copy of the owned block with GHOSTS cells of the neighbours on every side (collective)."""
        self._global.array.reshape(self._block_shape)[self._here] = values
        self.da.globalToLocal(self._global, self._local)
        g = self._local.array.reshape(self._ghosted_shape)[self._around].copy()
        for pairs in self.mirrored:
            for outside, inside in pairs:
                g[outside] = g[inside]
        return g

    def numbers(self) -> Array:
        """Row of every cell in a PETSc matrix, with ghosts; -1 outside the grid (collective)."""
        rows = int(np.prod(self.local_shape))
        first = sum(self.comm.allgather(rows)[: self.comm.rank])
        found = self.ghosted(np.arange(first, first + rows).reshape(self.local_shape))  # exact: far below 2^53
        for pairs in self.mirrored:
            for outside, _ in pairs:
                found[outside] = -1
        return found.astype(PETSc.IntType)

    def without_ghosts(self, g: Array) -> Array:
        """A view of the owned block in what `ghosted` has returned."""
        return g[(slice(GHOSTS, -GHOSTS),) * self.dim]

    def sides(self, g: Array, axis: int) -> tuple[Array, Array]:
        """Views (lower, upper) of the cells on both sides of every face normal to `axis`."""
        inner = slice(GHOSTS, -GHOSTS)
        lower, upper = [inner] * self.dim, [inner] * self.dim
        lower[axis] = slice(GHOSTS - 1, -GHOSTS)
        upper[axis] = slice(GHOSTS, 1 - GHOSTS)
        return g[tuple(lower)], g[tuple(upper)]

    # -- parts of the grid: `Slab` has what differs --------------------------------------------------------

    def of(self, values: Array) -> Array:
        """Of values of the cells of the whole grid (or broadcastable ones) those of this part of it, a view."""
        return values

    def of_faces(self, axis: int, values: Array) -> Array:
        """The same of the faces normal to `axis`."""
        return values

    def onto(self, values: Array, elsewhere: Array | float = 0.0) -> Array:
        """Values of this part on the whole grid, with those of `elsewhere` in the rest of it."""
        return values

    def extended(self, values: Array) -> Array:
        """Values of this part on the whole grid, in the rest of it those of the column's nearest cell (collective)."""
        return values

    # -- reductions (collective) -----------------------------------------------------------------------

    def sum(self, values: Array) -> float:
        """Sum over all cells of the grid."""
        return self.sums(values)[0]

    def sums(self, *values: Array) -> list[float]:
        """Sums of some arrays over all cells of the grid, in one reduction."""
        totals = np.array([np.add.reduce(v, axis=None) for v in values], dtype=float)
        self.comm.Allreduce(MPI.IN_PLACE, totals, MPI.SUM)
        found: list[float] = totals.tolist()
        return found

    def max(self, values: Array) -> float:
        """Largest value over all cells of the grid; -inf for an empty selection."""
        return float(self.comm.allreduce(float(np.max(np.asarray(values, dtype=float), initial=-np.inf)), MPI.MAX))

    def min(self, values: Array) -> float:
        """Smallest value over all cells of the grid; +inf for an empty selection."""
        return float(self.comm.allreduce(float(np.min(np.asarray(values, dtype=float), initial=np.inf)), MPI.MIN))

    def integral(self, density: Array) -> float:
        """Volume integral of cell values."""
        return self.sum(density * self.volume)

    def columns(self, values: Array) -> Array:
        """Sums along the normal, (*owned lateral cells, 1); the same on all ranks that have cells of a column."""
        sums = values.sum(axis=-1, keepdims=True)
        if not (self.is_bottom and self.is_top):
            self._pile.Allreduce(MPI.IN_PLACE, sums, MPI.SUM)
        return sums

    @cached_property
    def _pile(self) -> MPI.Comm:
        """The ranks that share columns of cells (collective)."""
        place = np.ravel_multi_index(self.start[:-1], self.shape[:-1]) if self.dim > 1 else 0
        return self.comm.Split(int(place), self.comm.rank)
