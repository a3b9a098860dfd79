"""How a grid looks to VTK: the geometry in VTKHDF files. XDMF points at the same datasets, see `xdmf`.

VTK stores cells with x running fastest, so arrays have the axes (z, y, x). A 1-D or 2-D grid is a slab
one cell thick in the missing directions, as thick as its smallest spacing (zero thickness crashes
readers); a 2-D run lies in the x-z plane.

    uniform grid   VTKHDF ImageData, CellData of shape (nz, ny, nx[, 3 or 9]);   XDMF 3DCoRectMesh
    graded grid    VTKHDF UnstructuredGrid of voxels, CellData of shape (nz*ny*nx[, 3 or 9]);
                   XDMF 3DSMesh on the same Points (ParaView 5.11 reads 3DRectMesh with wrong coordinates)

Vectors have 3 components, tensors all 9, row by row. Six would not do: for XDMF's Tensor6 the two readers of
ParaView 5.11 disagree on the order (Xdmf3 takes that of VTK, xx yy zz xy yz xz; Xdmf2 xx xy xz yy yz zz).

Connectivity and offsets are 64-bit integers, as VTK reads them: compressed they take no more room than small ones.
"""

from __future__ import annotations

import numpy as np

from solver.numerics.array import TENSOR
from solver.numerics.grid import Grid
from solver.output.hdf5 import Writer
from solver.output.stored import DIRECTIONS, Frame

Array = np.ndarray

VTK_VOXEL = 11
ROWS = [TENSOR.index(min(a + b, b + a)) for a in DIRECTIONS for b in DIRECTIONS]  # of 9 components, which of the 6


class VtkLayout:
    """The grid as VTK sees it: three axes always, arrays in the order (z, y, x)."""

    def __init__(self, grid: Grid):
        self.grid = grid
        self.uniform = grid.uniform
        thickness = min(float(np.diff(f).min()) for f in grid.faces)
        known = dict(zip(grid.axes, grid.faces, strict=True))
        self.faces = tuple(known.get(axis, np.array([0.0, thickness])) for axis in DIRECTIONS)
        self.cells = tuple(len(f) - 1 for f in self.faces)
        self.spacing = np.array([(f[-1] - f[0]) / n for f, n in zip(self.faces, self.cells, strict=True)])
        starts = dict(zip(grid.axes, grid.start, strict=True))
        self.start = tuple(starts.get(axis, 0) for axis in reversed(DIRECTIONS))
        self.shape = self.cells[::-1]
        nx, ny, nz = self.cells
        self.frame = Frame((nx, ny, nz))
        if self.uniform:
            origin, spacing = (tuple(map(float, v)) for v in ([f[0] for f in self.faces], self.spacing))
            self.frame = Frame((nx, ny, nz), origin, spacing)

    def to_vtk(self, block: Array, rank: int) -> Array:
        """An owned block (axes of the grid, then components as in `FieldInfo`) with the axes (z, y, x[, 3 or 9])."""
        expected = (*self.grid.local_shape, *((), (self.grid.dim,), (len(TENSOR),))[rank])
        if block.shape != expected:
            raise ValueError(f"a field of shape {block.shape} does not fit the grid: expected {expected}")
        missing = tuple(a for a, axis in enumerate(DIRECTIONS) if axis not in self.grid.axes)
        values = np.expand_dims(block, missing)
        if rank == 2:
            values = values[..., ROWS]
        elif rank == 1:
            vectors = np.zeros((*values.shape[:3], 3))
            vectors[..., [DIRECTIONS.index(axis) for axis in self.grid.axes]] = values
            values = vectors
        return values.swapaxes(0, 2)

    def write_geometry(self, file: Writer) -> None:
        """The group /VTKHDF with everything except the fields."""
        if not self.uniform:
            self._write_voxels(file)
            return
        extent = np.ravel([(0, n) for n in self.cells])
        file.attributes(
            "VTKHDF",
            {
                "Version": np.array([1, 0], dtype=np.int64),
                "Type": "ImageData",
                "WholeExtent": extent.astype(np.int64),
                "Origin": np.array([f[0] for f in self.faces]),
                "Spacing": self.spacing,
                "Direction": np.eye(3).ravel(),
            },
        )

    def _write_voxels(self, file: Writer) -> None:
        """Points, connectivity, offsets and types; each rank writes a contiguous share of each."""
        cells, points = int(np.prod(self.cells)), int(np.prod([n + 1 for n in self.cells]))
        file.attributes("VTKHDF", {"Version": np.array([1, 0], dtype=np.int64), "Type": "UnstructuredGrid"})
        for name, number in (("Points", points), ("Cells", cells), ("ConnectivityIds", 8 * cells)):
            file.common(f"VTKHDF/NumberOf{name}", np.array([number], dtype=np.int64))
        first, last = self._share(points)
        file.block("VTKHDF/Points", self.points(first, last), (points,), (first,), compressed=True)
        first, last = self._share(cells)
        corners, types = self.connectivity(first, last).ravel(), np.full(last - first, VTK_VOXEL, dtype=np.uint8)
        file.block("VTKHDF/Connectivity", corners, (8 * cells,), (8 * first,), compressed=True)
        file.block("VTKHDF/Types", types, (cells,), (first,), compressed=True)
        first, last = self._share(cells + 1)
        offsets = 8 * np.arange(first, last, dtype=np.int64)
        file.block("VTKHDF/Offsets", offsets, (cells + 1,), (first,), compressed=True)

    def _share(self, number: int) -> tuple[int, int]:
        comm = self.grid.comm
        return number * comm.rank // comm.size, number * (comm.rank + 1) // comm.size

    def points(self, first: int, last: int) -> Array:
        """Coordinates (x, y, z) in m of the grid points first..last-1, x running fastest."""
        k, j, i = np.unravel_index(np.arange(first, last), tuple(n + 1 for n in self.shape))
        return np.stack([self.faces[0][i], self.faces[1][j], self.faces[2][k]], axis=1)

    def connectivity(self, first: int, last: int) -> Array:
        """The eight points of the cells first..last-1, in the order of VTK_VOXEL."""
        k, j, i = np.unravel_index(np.arange(first, last), self.shape)
        nx, ny = self.cells[0] + 1, self.cells[1] + 1
        lowest = (k * ny + j) * nx + i
        corner = [(dz * ny + dy) * nx + dx for dz in (0, 1) for dy in (0, 1) for dx in (0, 1)]
        return (lowest[:, None] + np.array(corner)).astype(np.int64)
