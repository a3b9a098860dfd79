"""Components and connection on one rank: against scipy, across periodic sides, in 1-D to 3-D."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI
from scipy import ndimage

from solver.numerics.connectivity import components, connected
from solver.numerics.grid import Grid


def grid_of(shape: tuple[int, ...], *periodic: bool) -> Grid:
    return Grid([np.arange(n + 1.0) for n in shape], periodic or [False] * (len(shape) - 1), MPI.COMM_SELF)


@pytest.mark.parametrize("shape", [(40,), (30, 23), (13, 11, 12)])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_components_are_those_of_scipy_without_periodic_sides(shape, share):
    mask = np.random.default_rng(1).random(shape) < share
    expected, count = ndimage.label(mask)
    found = components(grid_of(shape), mask)
    assert found.max() == count
    np.testing.assert_array_equal(found, expected)  # scipy too counts in the order of the first cells


def test_periodic_sides_join_and_symmetry_planes_do_not():
    mask = np.zeros((8, 6), dtype=bool)
    mask[[0, 1, 7], 2] = True
    seeds = np.zeros_like(mask)
    seeds[1, 2] = True
    assert connected(grid_of((8, 6), True), mask, seeds).tolist() == mask.tolist()
    walled = connected(grid_of((8, 6), False), mask, seeds)
    assert np.argwhere(walled).tolist() == [[0, 2], [1, 2]]
    mask[:, :] = False
    mask[3, [0, 5]] = True  # the normal is never periodic
    assert components(grid_of((8, 6), True), mask).max() == 2


def test_each_lateral_axis_is_periodic_by_itself():
    mask = np.zeros((6, 6, 4), dtype=bool)
    mask[0, 0, 1] = mask[5, 0, 1] = mask[0, 5, 1] = True
    assert components(grid_of(mask.shape, True, True), mask).max() == 1
    assert components(grid_of(mask.shape, True, False), mask)[0, 5, 1] == 2
    assert components(grid_of(mask.shape, False, False), mask).max() == 3


def test_cells_that_touch_in_an_edge_are_not_joined():
    mask = np.eye(5, dtype=bool)
    seeds = np.zeros_like(mask)
    seeds[0, 0] = True
    assert np.argwhere(connected(grid_of(mask.shape), mask, seeds)).tolist() == [[0, 0]]


def test_a_seed_outside_the_mask_joins_nothing():
    mask = np.zeros((5, 5), dtype=bool)
    mask[2:, 2] = True
    seeds = np.zeros_like(mask)
    seeds[1, 2] = True
    grid = grid_of(mask.shape)
    assert not connected(grid, mask, seeds).any()
    assert connected(grid, mask | seeds, seeds).sum() == 4
    assert not connected(grid, np.zeros_like(mask), seeds).any()
    assert components(grid, np.zeros_like(mask)).max() == 0
