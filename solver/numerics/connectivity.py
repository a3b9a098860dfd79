"""Which cells are joined to each other: connected components of a set of cells, over periodic sides and all ranks.

Two cells of the set are neighbours when they share a face; cells that touch in an edge or a corner are not joined.
Each rank labels its own block. Of the faces between blocks, and of the periodic sides, only the pairs of labels
that meet there matter: they are gathered once, and the components of that small graph are those of the grid. So
the number of exchanges does not depend on how often a path winds from rank to rank.
"""

from __future__ import annotations

import numpy as np
from mpi4py import MPI
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from solver.numerics.array import Array
from solver.numerics.grid import Grid


def components(grid: Grid, mask: Array) -> Array:
    """Number of the component that each owned cell belongs to, 0 outside `mask` (collective).

    mask: true for the owned cells of the set. Components count from 1 in the order of their first cells in
    `grid.global_ids`, so the numbers are the same on any number of ranks.
    """
    component, found = _joined(grid, mask)
    # their first cells do not depend on the ranks, as labels do
    inside = component >= 0
    first = np.full(found, np.prod(grid.shape), dtype=np.int64)
    np.minimum.at(first, component[inside], grid.global_ids()[inside].astype(np.int64))
    grid.comm.Allreduce(MPI.IN_PLACE, first, MPI.MIN)
    number = np.zeros(found + 1, dtype=np.int64)  # the last one, which -1 picks, is for what is outside
    number[np.argsort(first)] = np.arange(1, found + 1)
    return np.asarray(number[component])


def connected(grid: Grid, mask: Array, seeds: Array) -> Array:
    """The owned cells of `mask` that are joined to a cell of `seeds` through cells of `mask` (collective).

    mask, seeds: true for the owned cells of each set. A seed outside `mask` joins nothing.
    """
    component, found = _joined(grid, mask)
    reached = np.zeros(found + 1, dtype=bool)
    reached[component[seeds]] = True
    grid.comm.Allreduce(MPI.IN_PLACE, reached, MPI.LOR)
    reached[-1] = False  # what is outside the mask
    return np.asarray(reached[component])


def _joined(grid: Grid, mask: Array) -> tuple[Array, int]:
    """Component of each owned cell, from 0 in an order that depends on the ranks, -1 outside; how many (collective)."""
    # labels of the blocks, counted on from rank to rank so that no two are the same
    local, count = ndimage.label(mask)
    blocks = grid.comm.allgather(count)
    total, offset = sum(blocks), sum(blocks[: grid.comm.rank])
    if total == 0:
        return np.full(grid.local_shape, -1), 0
    labels = np.where(local > 0, local + offset, 0)

    # the graph of labels that meet at a face between blocks or at a periodic side, solved alike by every rank
    pairs = np.concatenate(grid.comm.allgather(_meeting_labels(grid, labels))) - 1
    graph = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(total, total))
    found, component = csgraph.connected_components(graph, directed=False)
    return np.concatenate([[-1], component])[labels], found


def _meeting_labels(grid: Grid, labels: Array) -> Array:
    """Pairs (n, 2) of different labels > 0 on the two sides of a face (collective)."""
    ghosted = grid.ghosted(labels).astype(np.int64)  # exact: labels are far below 2^53
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for axis in range(grid.dim):
        lower, upper = grid.sides(ghosted, axis)
        meet = (lower > 0) & (upper > 0) & (lower != upper)
        pairs.append(np.stack([lower[meet], upper[meet]], axis=1))
    return np.unique(np.concatenate(pairs), axis=0)
