"""Manufactured solutions of the occupancy and the lithium equation, with drift: order 2 in space, 1 in time.

Smooth fields that satisfy the boundary conditions are chosen, and what they leave over in the equation is given to
the solver as a source. Fluxes are written out by hand; their divergences are taken by complex steps, which are
exact to rounding. Lengths are scaled to 1 with lambda = 0.2, every coefficient varies in space, x is periodic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from solver.domain.contact import Contact, contact_normal, flat
from solver.domain.electrode import Electrode
from solver.laws import free_energy as fe
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.lithium import LithiumEquation
from solver.physics.occupancy import DiffusionParameters, OccupancyBalance
from tests.verification.order import assert_order

PI = np.pi
WIDTH = 0.2
COMPLEX = 1e-30
ENERGY = fe.EnergyParameters(
    surface_energy=0.1, width=WIDTH, contact_angle=np.radians(60.0), critical_vacancy_fraction=0.8, dilute_stiffness=0.0
)
MOBILITY = 0.7
GRIDS = pytest.mark.parametrize(
    "graded", [pytest.param(False, id="uniform", marks=pytest.mark.long), pytest.param(True, id="graded")]
)
END = 0.4  # s

Field = Callable[..., Array]


def slope(function: Field, axis: int, x: Array, z: Array) -> Array:
    """Derivative along x (0) or z (1)."""
    points = [x + 0j, z + 0j]
    points[axis] = points[axis] + 1j * COMPLEX
    return function(*points).imag / COMPLEX


def unit_grid(cells: int, graded: bool) -> Grid:
    """[0, 1] x [-1, 0], periodic along x; z graded by a smooth map or uniform."""
    s = np.linspace(-1, 0, cells + 1)
    z = s + 0.08 * np.sin(2 * PI * s) if graded else s
    return Grid([np.linspace(0, 1, cells + 1), z], [True])


def metal_weight(x: Array, z: Array) -> Array:
    return 0.7 + 0.2 * np.cos(2 * PI * x) * np.cos(PI * z)


def area_density(x: Array, z: Array) -> Array:
    return 1.5 + np.sin(2 * PI * x) * z


def velocity(x: Array, z: Array) -> tuple[Array, Array]:
    """v_x and v_z; v_z does not vanish at the bottom, but at the top."""
    return 0.3 + 0.2 * np.sin(2 * PI * x) * np.cos(PI * z), -0.5 * np.sin(PI * z / 2) + 0.1 * z * np.cos(2 * PI * x)


def contact_of(grid: Grid) -> Contact:
    cells = [np.broadcast_to(p, grid.local_shape) for p in grid.cell_coordinates()]
    faces = [metal_weight(*grid.face_coordinates(axis)) for axis in range(2)]
    density = area_density(*cells)
    psi, normal = 1 - metal_weight(*cells), contact_normal(grid, flat)
    sides = [1 - f for f in faces]
    return Contact(psi, sides, metal_weight(*cells), faces, density, density, normal, Electrode(grid))


def face_velocity(grid: Grid) -> list[Array]:
    return [velocity(*grid.face_coordinates(axis))[axis] for axis in range(2)]


def distance(grid: Grid, a: Array, b: Array) -> float:
    """Root mean square difference."""
    return float(np.sqrt(grid.integral((a - b) ** 2)))


# -- occupancy ---------------------------------------------------------------------------------------------

# times delta_s/lambda = 1.5e-9: both kinds of diffusion matter
SURFACE = DiffusionParameters(diffusivity=0.6, surface_diffusivity=3e8, width=WIDTH)


def thickening(x: Array, z: Array) -> Array:
    """k."""
    return 1.5 + 0.5 * np.sin(2 * PI * x) * np.cos(PI * z)


def frozen_lithium(x: Array, z: Array) -> Array:
    """xi: 1 at the bottom (h = 1, h' = 0), and without slope at the top."""
    return 1 - 0.3 * np.sin(PI * (z + 1) / 2) ** 2 * (1 + 0.4 * np.cos(2 * PI * x))


def excess(x: Array, z: Array, t: float) -> Array:
    """c - h: 0 at the bottom, without slope at the top."""
    return 0.3 * np.sin(PI * (z + 1) / 2) * (1 + 0.5 * np.sin(2 * PI * x)) * np.exp(-2 * t)


def excess_gradient(x: Array, z: Array, t: float) -> tuple[Array, Array]:
    size = 0.3 * np.exp(-2 * t)
    return (
        size * np.sin(PI * (z + 1) / 2) * PI * np.cos(2 * PI * x),
        size * PI / 2 * np.cos(PI * (z + 1) / 2) * (1 + 0.5 * np.sin(2 * PI * x)),
    )


def exact_occupancy(x: Array, z: Array, t: float) -> Array:
    return fe.step(frozen_lithium(x, z)) + excess(x, z, t)


def occupancy_source(x: Array, z: Array, t: float) -> Array:
    """d_t (m c) + div(m c v - m D grad(c - h))."""

    def flux(axis: int) -> Field:
        def component(x: Array, z: Array) -> Array:
            xi = frozen_lithium(x, z)
            moved = exact_occupancy(x, z, t) * velocity(x, z)[axis]
            diffusivity = SURFACE.of(xi, fe.step(xi), thickening(x, z))
            return metal_weight(x, z) * (moved - diffusivity * excess_gradient(x, z, t)[axis])

        return component

    change = -2 * metal_weight(x, z) * excess(x, z, t)
    return change + slope(flux(0), 0, x, z) + slope(flux(1), 1, x, z)


def occupancy_error(cells: int, steps: int, graded: bool = False) -> float:
    grid = unit_grid(cells, graded)
    x, z = (np.broadcast_to(p, grid.local_shape) for p in grid.cell_coordinates())
    contact, xi, dt = contact_of(grid), frozen_lithium(x, z), END / steps
    equation = OccupancyBalance(grid, SURFACE, 1e-11)
    c = exact_occupancy(x, z, 0.0)
    for n in range(steps):
        source = occupancy_source(x, z, (n + 1) * dt)
        done = equation.step(
            old=c,
            old_weight=contact.metal,
            contact=contact,
            lithium=xi,
            h=fe.step(xi),
            velocity=face_velocity(grid),
            source=source,
            dt=dt,
            thickening=thickening(x, z),
        )
        assert done.outcome.converged
        c = done.occupancy
    return distance(grid, c, exact_occupancy(x, z, END))


@GRIDS
def test_occupancy_is_of_second_order_in_space(graded: bool) -> None:
    """Reservoir, diffusion in bulk and along surfaces, drift; dt ~ dx^2 (a small share)."""
    sizes = [1 / n for n in (8, 16, 32)]
    assert_order(sizes, [occupancy_error(n, n * n, graded) for n in (8, 16, 32)], 2)


def test_occupancy_is_of_first_order_in_time() -> None:
    """The exact solution, on a grid whose error is negligible."""
    steps = (4, 8, 16, 32)
    assert_order([1 / n for n in steps], [occupancy_error(64, n) for n in steps], 1)


# -- lithium -----------------------------------------------------------------------------------------------


def exact_lithium(x: Array, z: Array, t: float) -> Array:
    """xi: without slope at the bottom and at the top."""
    return 0.5 + 0.3 * np.cos(2 * PI * x) * np.cos(PI * z) * np.cos(3 * t) + 0.1 * np.cos(2 * PI * z)


def lithium_gradient(x: Array, z: Array, t: float) -> tuple[Array, Array]:
    a = 0.3 * np.cos(3 * t)
    return (
        -2 * PI * a * np.sin(2 * PI * x) * np.cos(PI * z),
        -PI * a * np.cos(2 * PI * x) * np.sin(PI * z) - 0.2 * PI * np.sin(2 * PI * z),
    )


def given_occupancy(x: Array, z: Array, t: float) -> Array:
    return 0.5 + 0.4 * np.sin(2 * PI * x + t) * z


def lithium_source(x: Array, z: Array, t: float) -> Array:
    """m (d_t xi + v.grad xi) + L dF/dxi."""
    m, xi, c = metal_weight(x, z), exact_lithium(x, z, t), given_occupancy(x, z, t)
    gradient, v = lithium_gradient(x, z, t), velocity(x, z)
    change = -0.9 * np.cos(2 * PI * x) * np.cos(PI * z) * np.sin(3 * t)
    moved = m * (change + v[0] * gradient[0] + v[1] * gradient[1])

    def flux(axis: int) -> Field:
        return lambda x, z: metal_weight(x, z) * ENERGY.gradient * lithium_gradient(x, z, t)[axis]

    slope_h = 6 * xi * (1 - xi)
    local = m * ENERGY.barrier * 2 * xi * (1 - xi) * (1 - 2 * xi)
    local = local - m * ENERGY.stiffness * (c - xi**2 * (3 - 2 * xi)) * slope_h
    wetting = area_density(x, z) * ENERGY.wetting * slope_h
    return moved + MOBILITY * (local + wetting - slope(flux(0), 0, x, z) - slope(flux(1), 1, x, z))


def lithium_error(cells: int, steps: int, graded: bool = False) -> float:
    grid = unit_grid(cells, graded)
    x, z = (np.broadcast_to(p, grid.local_shape) for p in grid.cell_coordinates())
    contact, dt = contact_of(grid), END / steps
    equation = LithiumEquation(grid, ENERGY, mobility=MOBILITY, linear_tolerance=1e-11, newton_tolerance=1e-10)
    xi = exact_lithium(x, z, 0.0)
    for n in range(steps):
        t = (n + 1) * dt
        source = lithium_source(x, z, t)
        done = equation.step(xi, contact, given_occupancy(x, z, t), face_velocity(grid), dt, source)
        assert done.outcome.converged
        xi = done.values
    return distance(grid, xi, exact_lithium(x, z, END))


@GRIDS
def test_lithium_is_of_second_order_in_space(graded: bool) -> None:
    """Well, gradient, wetting, vacancies and drift with dt ~ dx^2."""
    sizes = [1 / n for n in (8, 16, 32)]
    assert_order(sizes, [lithium_error(n, n * n, graded) for n in (8, 16, 32)], 2)


def test_lithium_is_of_first_order_in_time() -> None:
    """The exact solution, on a grid whose error is negligible."""
    steps = (4, 8, 16, 32)
    assert_order([1 / n for n in steps], [lithium_error(64, n) for n in steps], 1)
