"""A flat front driven by dG moves at v = 6 lambda L dG, exactly (its profile stays the equilibrium one).

A constant dG (J/m^3, free energy of void over that of Li) is realised through the vacancy term A (c - h) h' in the
limit A -> 0 at A c = dG.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.lithium import LithiumEquation
from tests.verification.order import assert_order
from tests.verification.setups import GAMMA, at_rest, bulk_metal, energy

WIDTH = 1e-7  # lambda, m
MOBILITY = 4.5e-10  # L, 1/(Pa s)
DRIVE = 0.2 * GAMMA / WIDTH  # dG; a front stays a front up to W/3 = gamma/lambda
SPEED = 6 * WIDTH * MOBILITY * DRIVE


def front_velocity(drive: float, cells_per_width: float, dt: float) -> float:
    """Measured speed over a path of 4 lambda of a front that starts from the equilibrium profile."""
    dx = WIDTH / cells_per_width
    grid = Grid([np.arange(round(30 * cells_per_width) + 1) * dx])
    parameters = energy(WIDTH)
    equation = LithiumEquation(grid, parameters, mobility=MOBILITY, linear_tolerance=1e-12, newton_tolerance=1e-11)
    sign = np.sign(drive)
    centre = (15 - 5 * sign) * WIDTH
    xi = 0.5 * (1 - np.tanh((grid.centres[0] - centre) / (2 * WIDTH)))
    occupancy = np.full(grid.local_shape, drive / parameters.stiffness)

    def advance(xi: Array, path: float) -> tuple[Array, int]:
        steps = round(path / (SPEED * dt))
        for _ in range(steps):
            done = equation.step(xi, bulk_metal(grid), occupancy, at_rest(grid), dt)
            assert done.outcome.converged
            xi = done.values
        return xi, steps

    xi, _ = advance(xi, 2 * WIDTH)
    start = grid.integral(xi)
    xi, steps = advance(xi, 4 * WIDTH)
    return (grid.integral(xi) - start) / (steps * dt)


@pytest.mark.parametrize("sign", [1, -1])
def test_front_velocity_in_both_directions(sign: int) -> None:
    """v = 6 lambda L dG within 1 % at two cells per lambda, Li growing or shrinking."""
    v = front_velocity(sign * DRIVE, 2, 0.05 * WIDTH / SPEED)
    assert v == pytest.approx(sign * SPEED, rel=0.01)


def test_front_velocity_is_of_second_order_in_space() -> None:
    """The error of the speed falls as dx^2, with dt ~ dx^2 and so small that the error in time is a tenth."""
    cells = (2, 3, 4, 6)
    errors = [abs(front_velocity(DRIVE, n, 0.1 * WIDTH / SPEED / n**2) / SPEED - 1) for n in cells]
    assert_order([1 / n for n in cells], errors, 2)
    assert errors[0] < 0.01  # two cells per lambda


def test_front_velocity_is_of_first_order_in_time() -> None:
    """On one grid the speed changes by v^2 dt/(4 L kg) v: backward Euler widens the front to first order in dt."""
    paths = [0.1, 0.05, 0.025, 0.0125]  # v dt/lambda
    speeds = [front_velocity(DRIVE, 4, path * WIDTH / SPEED) / SPEED for path in paths]
    changes = [coarse - fine for coarse, fine in pairwise(speeds)]
    assert_order(paths[:-1], changes, 1)
    slope = SPEED * WIDTH / (4 * MOBILITY * energy(WIDTH).gradient)
    assert changes[-1] / (paths[-2] - paths[-1]) == pytest.approx(slope, rel=0.05)
