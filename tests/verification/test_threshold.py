"""Full Li becomes unstable at the vacancy fraction theta_c = gamma/(lambda A): growth of a small perturbation.

In bulk metal with c = 1 - theta, xi = 1 - e cos(k x) obeys d_t e = s e with

    s = 2 L W (theta/theta_c - 1) - L kg k^2,    W = 3 gamma/lambda,  kg = 6 gamma lambda,  theta_c = gamma/(lambda A)
"""

from __future__ import annotations

import numpy as np
import pytest

from solver.laws.free_energy import EnergyParameters
from solver.numerics.grid import Grid
from solver.physics.lithium import LithiumEquation
from tests.verification.setups import GAMMA, at_rest, bulk_metal, energy

MOBILITY = 4.5e-10  # L, 1/(Pa s)
THETA_C = 0.1
START = 1e-6


def growth_rate(parameters: EnergyParameters, theta: float, waves: int = 0, cells: int = 8) -> float:
    """s from one backward Euler step e_new = e/(1 - s dt) of the lithium equation; waves in a periodic box."""
    length = 20 * parameters.width
    grid = Grid([np.linspace(0, length, cells + 1), np.linspace(0, length, 5)], [True])
    equation = LithiumEquation(grid, parameters, mobility=MOBILITY, linear_tolerance=1e-12, newton_tolerance=1e-15)
    shape = np.cos(2 * np.pi * waves * grid.cell_coordinates()[0] / length) * np.ones(grid.local_shape)
    occupancy = np.full(grid.local_shape, 1 - theta)
    dt = 0.01 / (2 * MOBILITY * parameters.barrier)
    done = equation.step(1 - START * shape, bulk_metal(grid), occupancy, at_rest(grid), dt)
    assert done.outcome.converged
    size = grid.sum((1 - done.values) * shape) / grid.sum(shape**2)
    return (1 - START / size) / dt


@pytest.mark.parametrize("width", [50e-9, 100e-9, 200e-9])
@pytest.mark.parametrize("relative", [0.0, 0.5, 0.9, 1.1, 1.5, 3.0])
def test_uniform_perturbation(width: float, relative: float) -> None:
    """s = 2 L W (theta/theta_c - 1) to 1e-4 on both sides of the threshold, at every lambda."""
    parameters = energy(width, THETA_C)
    expected = 2 * MOBILITY * 3 * GAMMA / width * (relative - 1)
    assert growth_rate(parameters, relative * THETA_C) == pytest.approx(expected, rel=1e-4)


def test_threshold_is_the_material_input_at_every_width() -> None:
    """The zero of s is theta_c for any lambda, because A = gamma/(lambda theta_c); with a fixed A it is ~ 1/lambda."""
    fixed = energy(100e-9, THETA_C).stiffness
    for width in (50e-9, 100e-9, 200e-9):
        assert threshold(energy(width, THETA_C)) == pytest.approx(THETA_C, rel=1e-4)
        same_stiffness = energy(width, GAMMA / (width * fixed))
        assert same_stiffness.stiffness == pytest.approx(fixed)
        assert threshold(same_stiffness) == pytest.approx(THETA_C * 100e-9 / width, rel=1e-4)


def threshold(parameters: EnergyParameters) -> float:
    """The vacancy fraction at which s = 0, from two values (s is linear in theta)."""
    low, high = 0.08, 0.12
    s_low, s_high = growth_rate(parameters, low), growth_rate(parameters, high)
    return low - s_low * (high - low) / (s_high - s_low)


def test_perturbation_with_a_wave_number() -> None:
    """s = 2 L W (theta/theta_c - 1) - L kg k^2 with the k^2 of the grid, (2/dx sin(k dx/2))^2."""
    parameters = energy(100e-9, THETA_C)
    length, cells = 20 * parameters.width, 40
    for waves in (1, 2, 4):
        k = 2 * np.pi * waves / length
        dx = length / cells
        discrete = (2 / dx * np.sin(0.5 * k * dx)) ** 2
        expected = 2 * MOBILITY * parameters.barrier * 0.5 - MOBILITY * parameters.gradient * discrete
        assert discrete == pytest.approx(k**2, rel=0.04)
        assert growth_rate(parameters, 1.5 * THETA_C, waves, cells) == pytest.approx(expected, rel=1e-4)


def test_growth_rate_that_limits_the_step() -> None:
    """The equation's own estimate, which limits the step, is the same s, of the weakest place of the dense metal."""
    parameters = energy(100e-9, THETA_C)
    grid = Grid([np.linspace(0, 2e-6, 9), np.linspace(0, 2e-6, 5)], [True])
    equation = LithiumEquation(grid, parameters, mobility=MOBILITY, linear_tolerance=1e-9)
    occupancy = np.full(grid.local_shape, 1 - 0.05)
    occupancy[3, 2] = 1 - 0.15
    estimate = equation.growth_rate(bulk_metal(grid), np.ones(grid.local_shape), occupancy)
    assert estimate == pytest.approx(growth_rate(parameters, 0.15), rel=1e-4)
