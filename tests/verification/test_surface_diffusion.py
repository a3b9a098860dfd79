"""Surface diffusion against Mullins: a wavy surface flattens at the rate D_s delta_s Omega gamma k^4/(R T).

A flat surface of Li with waves of the wavelength 2 pi/k, an amplitude small against it, no diffusion in the bulk
(Mullins, J. Appl. Phys. 28 (1957) 333). lambda is that at which few vacancies and an excess of Li cost the same energy
(`solver.laws.free_energy`), so that hills and valleys are alike. As in the coupled step the occupancy sees xi ahead,
at the end of the step: with the old xi a step could move no more Li than the few vacancies that there are.
"""

from __future__ import annotations

import numpy as np
import pytest

from solver.laws import free_energy as fe
from solver.laws.vacancies import SURFACE_THICKNESS
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.lithium import LithiumEquation
from tests.verification.setups import GAMMA, IDEAL, bulk_metal, energy, occupancy_balance, relax

THETA_C = 0.1
WIDTH = GAMMA / (IDEAL * THETA_C)  # lambda, 26 nm
DIFFUSIVITY = 6.6e-11  # D_s, m^2/s
MOBILITY = 1e-4  # 1/(Pa s): the surface follows


def amplitude(grid: Grid, xi: Array, k: float) -> float:
    """Of the height of Li in the columns of cells, m."""
    x, _ = grid.cell_coordinates()
    height = (fe.step(xi) * grid.spacing[-1]).sum(axis=1)
    return float(2 * np.mean(height * np.cos(k * x[:, 0])))


def decay(waves: float, diffusivity: float, number: int = 80) -> float:
    """Rate over Mullins' at a wavelength of so many lambda, in steps of 0.4/number of the time it takes."""
    length, dx = waves * WIDTH, 0.5 * WIDTH
    k = 2 * np.pi / length
    grid = Grid([np.arange(round(length / dx) + 1) * dx, np.arange(49) * dx], [True])
    x, z = grid.cell_coordinates()
    xi = 0.5 * (1 - np.tanh((z - 12 * WIDTH - 0.5 * WIDTH * np.cos(k * x)) / (2 * WIDTH)))
    parameters = energy(WIDTH, THETA_C, dilute_stiffness=IDEAL)
    lithium = LithiumEquation(grid, parameters, mobility=MOBILITY, linear_tolerance=1e-10)
    occupancy = occupancy_balance(grid, 1e-22, diffusivity, WIDTH)
    mullins = DIFFUSIVITY * SURFACE_THICKNESS * GAMMA / IDEAL * k**4
    dt, metal = 0.4 / number / mullins, bulk_metal(grid, reservoir=False)
    xi, c, slope = relax(lithium, occupancy, metal, (xi, fe.step(xi)), dt, number, slope=0.0)
    settled = amplitude(grid, xi, k)
    xi, _, _ = relax(lithium, occupancy, metal, (xi, c), dt, number, slope)
    return float(-np.log(amplitude(grid, xi, k) / settled) / (number * dt * mullins))


def test_a_wavy_surface_flattens_at_mullins_rate() -> None:
    """Wavelength 40 lambda, 20, 40, 80, 320 steps in 0.4 of the time it takes: 1.056, 0.990, 0.977, 0.974."""
    assert decay(40, DIFFUSIVITY) == pytest.approx(1.0, abs=0.04)
    assert decay(40, DIFFUSIVITY, number=20) == pytest.approx(1.0, abs=0.1)


def test_without_diffusion_along_the_surface_the_waves_stay() -> None:
    assert abs(decay(40, 0.0, number=20)) < 1e-6
