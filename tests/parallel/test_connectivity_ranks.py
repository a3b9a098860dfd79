"""Connection along paths that wind through all ranks: the same components on 1, 2, 3 and 4 ranks, bit for bit."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from solver.domain.electrode import Electrode
from solver.numerics.array import Array
from solver.numerics.connectivity import components, connected
from solver.numerics.grid import Grid
from solver.physics.conductor import find_conductor
from tests.mpi import rank_results
from tests.parallel.runs import gathered


def snake(n: int) -> Array:
    """One path that goes to and fro over the whole square: rows joined at alternate ends."""
    mask = np.zeros((n, n), dtype=bool)
    mask[::2] = True
    mask[1:-1:4, -1] = mask[3:-1:4, 0] = True
    return mask


def spiral(n: int) -> Array:
    """One path from the corner (0, 0) to the middle: rings, each cut open and joined to the next one inside."""
    mask = np.zeros((n, n), dtype=bool)
    for k in range(0, n // 2 - 1, 2):
        mask[k : n - k, [k, n - 1 - k]] = mask[[k, n - 1 - k], k : n - k] = True
        if k + 2 < n // 2 - 1:
            mask[k + 1, k], mask[k + 2, k + 1] = False, True
    return mask


def stack_of_snakes(n: int) -> Array:
    """Snakes in every other layer, each joined to the next at one corner: crosses all blocks in 3-D."""
    mask = np.zeros((n, n, n), dtype=bool)
    mask[:, :, ::2] = snake(n)[:, :, None]
    mask[0, 0, 1::4] = mask[n - 1, n - 1, 3::4] = True
    return mask


def random_mask(*shape: int) -> Array:
    return np.random.default_rng(7).random(shape) < 0.55


def found() -> dict[str, Any]:
    """Components, what is connected to the first cell and where no Li is dead, with and without periodic sides."""
    result: dict[str, Any] = {}
    masks = {"line": random_mask(40), "snake": snake(23), "spiral": spiral(24), "random": random_mask(30, 26)}
    masks |= {"solid": stack_of_snakes(11), "random solid": random_mask(12, 11, 13)}
    for (name, mask), periodic in product(masks.items(), (False, True)):
        grid = Grid([np.arange(n + 1.0) for n in mask.shape], [periodic] * (mask.ndim - 1))
        seeds = np.zeros_like(mask)
        seeds[(0,) * mask.ndim] = True
        owned = mask[grid.owned]
        name = f"{name}, periodic" if periodic else name
        result[f"components {name}"] = gathered(grid, components(grid, owned))
        result[f"connected {name}"] = gathered(grid, connected(grid, owned, seeds[grid.owned]))
        result[f"active {name}"] = gathered(grid, find_conductor(grid, Electrode(grid), owned, 2.0).active)
    return result


@cache
def on_one_rank() -> dict[str, Any]:
    return found()


@pytest.mark.parametrize("ranks", [*(pytest.param(ranks, marks=pytest.mark.long) for ranks in (2, 3)), 4])
def test_components_do_not_depend_on_the_ranks(ranks):
    several = rank_results(ranks, found)
    for name, values in on_one_rank().items():
        np.testing.assert_array_equal(several[name], values, err_msg=name)


def test_the_winding_paths_are_one_component_and_scipy_agrees():
    one = on_one_rank()
    for name, mask in {"snake": snake(23), "spiral": spiral(24), "solid": stack_of_snakes(11)}.items():
        assert mask.sum() > 0.25 * mask.size
        np.testing.assert_array_equal(one[f"connected {name}"], mask)
    assert 0.50 < one["active random"].mean() < 0.51, "a half belongs to living Li or is nearer to it"
    np.testing.assert_array_equal(one["components random"], ndimage.label(random_mask(30, 26))[0])
