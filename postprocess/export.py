"""Snapshots in other mesh formats, through meshio; the ending of the file name (.vtu, .med ...) chooses."""

from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np

from postprocess.reader import DIRECTIONS, TENSOR, Run

Array = np.ndarray

_SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1)]
# meshio's name of a cell by dimension, and its corners in meshio's order
CELLS: dict[int, tuple[str, list[tuple[int, ...]]]] = {
    1: ("line", [(0,), (1,)]),
    2: ("quad", [*_SQUARE]),
    3: ("hexahedron", [(i, j, k) for k in (0, 1) for i, j in _SQUARE]),
}


def export(run: Run, path: str | Path, index: int = -1) -> Path:
    """Write snapshot `index` with all its fields; as lines, quadrilaterals (x-z plane) or hexahedra.

    Vectors get three components, symmetric tensors six in the order of VTK: xx yy zz xy yz xz.
    """
    points, kind, cells = mesh(run)
    data: dict[str, list[Array]] = {}
    for name, about in run.fields.items():
        values = run.field(name, index)
        if not about.components:
            data[name] = [values.ravel()]
            continue
        names = TENSOR if about.components == TENSOR else DIRECTIONS
        padded = np.zeros((len(cells), len(names)))
        padded[:, [names.index(c) for c in about.components]] = values.reshape(len(cells), -1)
        data[name] = [padded]
    path = Path(path)
    meshio.Mesh(points, [(kind, cells)], cell_data=data).write(path)
    return path


def mesh(run: Run) -> tuple[Array, str, Array]:
    """Points (n, 3) in m, meshio's name of the cell type, and the corners of each cell, z running fastest."""
    faces = list(run.faces.values())
    shape = tuple(len(f) for f in faces)
    points = np.zeros((int(np.prod(shape)), 3))
    for axis, coordinate in zip(run.faces, np.meshgrid(*faces, indexing="ij"), strict=True):
        points[:, DIRECTIONS.index(axis)] = coordinate.ravel()
    numbers = np.arange(len(points)).reshape(shape)
    kind, corners = CELLS[len(shape)]
    columns = [
        numbers[tuple(slice(c, n - 1 + c) for c, n in zip(corner, shape, strict=True))] for corner in corners
    ]
    return points, kind, np.stack([column.ravel() for column in columns], axis=1)
