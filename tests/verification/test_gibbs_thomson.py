"""Gibbs-Thomson: in equilibrium Li at a curved surface has f'(h - c) = -gamma K and the potential (Omega/F) gamma K.

K is the curvature of the surface: 1/R for a drop of Li of radius R in a void, -1/R for a void in Li.
A quarter of a cylinder between symmetry planes, closed (no reservoir), relaxed at rest by diffusion. The radius is the
one of the sharp cylinder that holds as much of h(xi), 0.67 mV at 100 nm and 0.5 J/m^2 for the potential.
"""

from __future__ import annotations

import numpy as np
import pytest

from solver.laws import free_energy as fe
from solver.laws import kinetics
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.lithium import LithiumEquation
from tests.verification.setups import GAMMA, IDEAL, VOLUME_PER_CHARGE, bulk_metal, energy, occupancy_balance, relax

THETA_C = 0.1
MOBILITY = 1e-5  # 1/(Pa s)


def relaxed_cylinder(width: float, radius: float, void: bool) -> tuple[Grid, Array, Array]:
    """xi and c around a cylinder of the given radius at the corner of a box three radii wide."""
    dx = 0.5 * width
    faces = np.arange(round(3 * radius / dx) + 1) * dx
    grid = Grid([faces, faces], [False])
    x, z = grid.cell_coordinates()
    xi = 0.5 * (1 + (1 if void else -1) * np.tanh((np.hypot(x, z) - radius) / (2 * width)))
    parameters = energy(width, THETA_C, dilute_stiffness=IDEAL)
    lithium = LithiumEquation(grid, parameters, mobility=MOBILITY, linear_tolerance=1e-10)
    occupancy = occupancy_balance(grid, 1e-10, 0.0, width)
    xi, c, _ = relax(lithium, occupancy, bulk_metal(grid, reservoir=False), (xi, fe.step(xi)), 1.0, 100)
    return grid, xi, c


@pytest.mark.parametrize("void", [True, False], ids=["void", "drop"])
def test_vacancy_fraction_beside_a_cylinder(void: bool) -> None:
    """theta = x/(1 - x b) with x = Omega gamma/(R T R); c - h = theta_c lambda/R in a drop; within 2 %, uniform."""
    width = 50e-9
    grid, xi, c = relaxed_cylinder(width, 8 * width, void)
    inside = fe.step(xi)
    area = grid.integral(1 - inside if void else inside)
    radius = np.sqrt(4 * area / np.pi)
    deviation, dilute = (c - inside)[xi > 0.95], GAMMA / (radius * IDEAL)
    bend = IDEAL * width / GAMMA - 1 / THETA_C
    assert 7 * width < radius < 9 * width
    assert np.ptp(deviation) < 1e-3 * dilute
    expected = -dilute / (1 - dilute * bend) if void else THETA_C * width / radius
    assert deviation.mean() == pytest.approx(expected, rel=0.02)
    assert 0 < dilute * bend < 0.15  # a line through theta_c would give 1.9 times as much


def test_potential_beside_a_cylinder_of_100_nm() -> None:
    """dphi = gamma Omega/(F R): 0.67 mV at R = 100 nm and 0.5 J/m^2, within 3 %."""
    width, asked = 12.5e-9, 100e-9
    grid, xi, c = relaxed_cylinder(width, asked, void=False)
    h = fe.step(xi)
    radius = np.sqrt(4 * grid.integral(h) / np.pi)
    p = kinetics.KineticsParameters(transfer_coefficient=0.5, temperature=298.15, molar_volume=13.0e-6)
    force = energy(width, THETA_C, dilute_stiffness=IDEAL).vacancy_force(h - c)
    rest = kinetics.equilibrium_potential(p, force, 0.0)[xi > 0.95]
    assert rest.mean() == pytest.approx(GAMMA * VOLUME_PER_CHARGE / radius, rel=0.03)
    assert rest.mean() * radius / asked == pytest.approx(0.67e-3, rel=0.03)
