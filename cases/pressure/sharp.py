"""The current beside a void at a sharp contact, to compare with the diffuse one of hot.toml.

Laplace's equation in the electrolyte by finite volumes: no current over the void, phi = W dn phi on the contact beside
it (linear kinetics, W = conductivity R T/(F i0)), a uniform current at the top, planes of symmetry at the sides.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve

SPACING = 25e-9  # m; at the edge of the void 1 % in the largest current


def largest_ratio(wagner: float, void: float, width: float, height: float, column: float) -> float:
    """Largest current of a column of cells over the mean; all in m. void: half its width; column: width of a column."""
    shape = (round(width / SPACING), round(height / SPACING))
    cells = np.arange(shape[0] * shape[1]).reshape(shape)
    pairs = [(cells[:-1].ravel(), cells[1:].ravel()), (cells[:, :-1].ravel(), cells[:, 1:].ravel())]
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    ones = np.ones(len(a))
    entries, rows, columns = np.concatenate([ones, ones, -ones, -ones]), [a, b, a, b], [a, b, b, a]
    matrix = csr_matrix((entries, (np.concatenate(rows), np.concatenate(columns))), shape=(cells.size, cells.size))
    x = SPACING * (np.arange(shape[0]) + 0.5)
    conductance = np.where(x > void, 1 / (wagner / SPACING + 0.5), 0.0)
    contact, source = np.zeros(cells.size), np.zeros(cells.size)
    contact[cells[:, 0]], source[cells[:, -1]] = conductance, 1.0
    current = conductance * spsolve((matrix + diags(contact)).tocsc(), source)[cells[:, 0]]
    return float(np.max(current.reshape(-1, round(column / SPACING)).mean(axis=1)) / np.mean(current))
