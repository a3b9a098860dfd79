"""Wetting of the electrolyte: Young's angle, complete wetting, and the Gibbs-Thomson value that goes with a meniscus.

Set-up of the angle: Li (left) and void (right) share a slot of height H between the diffuse contact (top) and a
symmetry plane (bottom), between symmetry planes at the sides. In equilibrium the Li/void surface is an arc that
meets the symmetry plane at 90 degrees and the contact at the contact angle, so its curvature is K = cos(angle)/H.
Li is conserved by the occupancy equation (no reservoir); a large diffusivity (D = 1e-10 m^2/s) and a soft energy of
vacancies (theta_c = 1) make it relax in about 100 steps, without any effect on the equilibrium, in which c - h is
uniform. The surface xi = 1/2 is fitted further than 4 lambda from the contact, where the weight m is 1, and
extrapolated to z = 0.

Nearer to 0 and 180 degrees the thin wedge interacts with the contact over several lambda and the slot has to be
higher: at 30 and 150 degrees a slot of 40 lambda gives 28.3 and 151.2, one of 20 lambda a film instead of a wedge.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from solver.domain.contact import Contact, make_contact
from solver.domain.electrode import Electrode
from solver.laws import free_energy as fe
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.lithium import LithiumEquation
from tests.verification.setups import GAMMA, IDEAL, energy, occupancy_balance, relax

WIDTH = 1e-7  # lambda, m
SPACING = 0.5 * WIDTH
MOBILITY = 1e-5  # 1/(Pa s)
SLOT = 20 * WIDTH


def slot(length: float, height: float) -> tuple[Grid, Contact]:
    """A box between symmetry planes, with its contact 5 lambda below its top."""
    x = np.arange(round(length / SPACING) + 1) * SPACING
    z = np.arange(-round(height / SPACING), round(5 * WIDTH / SPACING) + 1) * SPACING
    grid = Grid([x, z], [False])
    return grid, make_contact(grid, WIDTH, electrode=Electrode(grid, reservoir=False))


def profile(distance: Array) -> Array:
    return 0.5 * (1 - np.tanh(distance / (2 * WIDTH)))


def surface_curvature(grid: Grid, xi: Array) -> float:
    """Curvature of the arc x(z) of xi = 1/2 with its vertex at the bottom; positive: towards the void at the top."""
    x, z = grid.centres
    points = []
    for row, height in zip(xi.T, z, strict=True):
        if height < -4 * WIDTH:
            (crossing,) = np.nonzero((row[:-1] > 0.5) & (row[1:] <= 0.5))[0]
            part = (row[crossing] - 0.5) / (row[crossing] - row[crossing + 1])
            points.append((x[crossing] + part * SPACING, height + SLOT))
    across, along = np.array(points).T / SLOT

    def misfit(p: Array) -> Array:
        return p[0] + p[1] * along**2 / (1 + np.sqrt(1 - np.minimum((p[1] * along) ** 2, 1.0))) - across

    return float(least_squares(misfit, [across[0], 0.0]).x[1]) / SLOT


@pytest.mark.parametrize("degrees", [45, 60, 90, 125, 135])
def test_youngs_angle(degrees: int) -> None:
    """The arc meets the contact at Young's angle within 2 degrees; A (c - h) = -gamma K within 2 %; Li is conserved."""
    grid, contact = slot(28 * WIDTH, SLOT)
    parameters = energy(WIDTH, theta_c=1.0, degrees=degrees)
    lithium = LithiumEquation(grid, parameters, mobility=MOBILITY, linear_tolerance=1e-9)
    occupancy = occupancy_balance(grid, 1e-10, 0.0, WIDTH)
    x, _ = grid.cell_coordinates()
    xi = profile(x - 14 * WIDTH) * np.ones(grid.local_shape)
    c = fe.step(xi)
    inventory = grid.integral(contact.metal * c)

    xi, c, _ = relax(lithium, occupancy, contact, (xi, c), 1.0, 120)

    curvature = surface_curvature(grid, xi)
    assert np.degrees(np.arccos(curvature * SLOT)) == pytest.approx(degrees, abs=2)
    metal = (xi > 0.95) & (contact.metal > 0.9)
    potential = parameters.stiffness * (c - fe.step(xi))[metal]
    assert np.ptp(potential) < 1e-3 * GAMMA / SLOT
    assert potential.mean() == pytest.approx(-GAMMA * curvature, rel=0.02, abs=1e-3 * GAMMA / SLOT)
    assert grid.integral(contact.metal * c) == pytest.approx(inventory, rel=1e-10)


def test_drop_of_zero_contact_angle_spreads_to_a_film() -> None:
    """Half a drop of radius 8 lambda on the contact, 0 degrees: Li covers the whole contact as a flat film."""
    radius = 8 * WIDTH
    grid, contact = slot(14 * WIDTH, 12 * WIDTH)
    lithium = LithiumEquation(grid, energy(WIDTH, theta_c=1.0, degrees=0.0), mobility=MOBILITY, linear_tolerance=1e-9)
    occupancy = occupancy_balance(grid, 1e-10, 0.0, WIDTH)
    x, z = grid.cell_coordinates()
    xi = profile(np.hypot(x, z) - radius)
    start = contact_fraction(grid, contact, xi)

    xi, _, _ = relax(lithium, occupancy, contact, (xi, fe.step(xi)), 1.0, 300)

    assert start == pytest.approx(8 / 14, abs=0.03)
    assert contact_fraction(grid, contact, xi) > 0.95
    height = (contact.metal * xi * grid.spacing[-1]).sum(axis=-1)
    assert np.ptp(height) < WIDTH


@pytest.mark.parametrize(("radius", "least", "most"), [(1, 0.0, 0.5), (2, 0.95, 1.0), (4, 0.98, 1.0)])
def test_the_smallest_drop_that_survives(radius: int, least: float, most: float) -> None:
    """Half drops of 1, 2, 4 lambda at rest for 100 s: the first greys (xi < 0.4), the others keep 0.86 of h(xi)."""
    grid, contact = slot(2 * radius * WIDTH, 2 * radius * WIDTH)
    parameters = energy(WIDTH, 0.1, dilute_stiffness=IDEAL)
    lithium = LithiumEquation(grid, parameters, mobility=MOBILITY, linear_tolerance=1e-9)
    occupancy = occupancy_balance(grid, 1.35e-14, 6.6e-11, WIDTH)
    x, z = grid.cell_coordinates()
    start = profile(np.hypot(x, z) - radius * WIDTH)

    xi, c, _ = relax(lithium, occupancy, contact, (start, fe.step(start)), 1.0, 100)

    before, phase, li = (grid.integral(contact.metal * f) for f in (fe.step(start), fe.step(xi), c))
    assert least < xi.max() < most
    assert radius == 1 or phase / before == pytest.approx(0.86, abs=0.02)
    assert li == pytest.approx(before, rel=1e-10)


def contact_fraction(grid: Grid, contact: Contact, xi: Array) -> float:
    return grid.sum(contact.area * fe.step(xi)) / grid.sum(contact.area)


def test_the_contact_angle_may_vary_along_the_contact() -> None:
    """dF/dxi with an array of angles: in every cell what one angle gives."""
    grid = Grid([np.linspace(0.0, 1e-6, 6), np.linspace(-1e-6, 1e-6, 11)], [True])
    contact, xi = make_contact(grid, WIDTH), np.full(grid.local_shape, 0.5)
    angles = np.where(np.arange(5) < 2, 60.0, 120.0)[:, None]
    varied = LithiumEquation(grid, energy(WIDTH, degrees=angles), mobility=1.0, linear_tolerance=1e-10).variation(
        contact, xi, xi
    )
    for n, degrees in enumerate(angles[:, 0]):
        alone = LithiumEquation(grid, energy(WIDTH, degrees=degrees), mobility=1.0, linear_tolerance=1e-10).variation(
            contact, xi, xi
        )
        np.testing.assert_array_equal(varied[n], alone[n])
    assert not np.array_equal(varied[0], varied[4])
