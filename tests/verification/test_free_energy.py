"""The free energy: its derivatives, the equilibrium profile of a flat surface, and its fall at rest."""

from __future__ import annotations

import numpy as np
import pytest

from solver.laws import free_energy as fe
from solver.model.coupling import Coupling
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.operators import Stencil, apply_stencil, conductance
from solver.physics.energy import total
from solver.physics.lithium import LithiumEquation
from solver.physics.step import Step
from tests.verification.order import assert_order
from tests.verification.setups import GAMMA, IDEAL, at_rest, bulk_metal, energy, make_case, prepare

WIDTH = 1e-7  # lambda, m
LENGTH = 20 * WIDTH


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (fe.well, fe.well_slope),
        (fe.well_slope, fe.well_curvature),
        (fe.step, fe.step_slope),
        (fe.step_slope, fe.step_curvature),
    ],
)
def test_derivatives_of_well_and_step(function, derivative) -> None:
    """g', g'', h', h'' are the derivatives of g and h (central differences of polynomials of degree <= 4)."""
    s, d = np.linspace(-0.2, 1.2, 57), 1e-4
    np.testing.assert_allclose((function(s + d) - function(s - d)) / (2 * d), derivative(s), atol=1e-7)


def test_constants_follow_from_surface_energy_width_threshold_and_angle() -> None:
    """int 2 W g dx = gamma over the profile, kg = 2 lambda^2 W, f'(theta_c) = gamma/lambda, dg = -gamma cos(angle)."""
    e = energy(WIDTH, theta_c=0.1, degrees=125.0, dilute_stiffness=IDEAL)
    x = np.linspace(-30 * WIDTH, 30 * WIDTH, 6001)
    profile = 0.5 * (1 - np.tanh(x / (2 * WIDTH)))
    assert (2 * e.barrier * fe.well(profile)).sum() * (x[1] - x[0]) == pytest.approx(GAMMA, rel=1e-10)
    assert e.gradient == pytest.approx(2 * WIDTH**2 * e.barrier, rel=1e-14)
    assert e.vacancy_force(np.array(0.1)) == pytest.approx(GAMMA / WIDTH, rel=1e-14)
    assert e.ideal_stiffness == IDEAL
    assert e.wetting == pytest.approx(0.5735764 * GAMMA, rel=1e-7)


@pytest.mark.parametrize("width", [200e-9, 50e-9, 10e-9])
def test_forces_of_vacancies_are_derivatives_of_a_convex_energy(width: float) -> None:
    """f' and f'' against differences of f and f'; f'' > 0; of the ideal solution at first, if lambda is above 26 nm."""
    e = energy(width, theta_c=0.1, dilute_stiffness=IDEAL)
    theta, d = np.linspace(-0.0503, 0.3003, 701), 1e-5
    force = (e.vacancy_energy(theta + d) - e.vacancy_energy(theta - d)) / (2 * d)
    np.testing.assert_allclose(e.vacancy_force(theta), force, atol=1e-4 * e.critical_force)
    slope = (e.vacancy_force(theta + d) - e.vacancy_force(theta - d)) / (2 * d)
    np.testing.assert_allclose(e.vacancy_force_slope(theta), slope, rtol=2e-3)
    assert np.all(slope > 0)
    few = e.vacancy_force(np.array([1e-6]))[0] / 1e-6
    assert few == pytest.approx(max(IDEAL, GAMMA / (width * 0.1)), rel=1e-3)


def random_fields(grid: Grid) -> tuple[Array, ...]:
    random = np.random.default_rng(3)
    return tuple(random.uniform(low, high, grid.local_shape) for low, high in ((0, 1), (0, 1), (-1, 1)))


def free_energy(model: Coupling, xi: Array, c: Array) -> float:
    """F of a case's model."""
    return total(model.grid, model.places.start(), model.energy, xi, c)


def test_lithium_equation_is_the_gradient_of_the_free_energy() -> None:
    """dF/dxi in the equation = central difference of F: gradient, well, vacancies and wetting, on a graded 2-D grid."""
    case = make_case(
        {
            "domain": {"width": "2 um", "lithium_thickness": "2 um"},
            "electrolyte": [{"thickness": "1 um"}],
            "interface": {"width": "200 nm", "contact_angle": "125 deg"},
            "grid": {"fine_depth": "1 um", "max_spacing": "0.3 um"},
            "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
        },
        [{"kind": "rest", "duration": "1 s"}],
    )
    _, model = prepare(case)
    grid, contact, equation = model.grid, model.places.start(), model.lithium.equation
    assert not grid.uniform
    xi, c, direction = random_fields(grid)

    gradient = Stencil(grid)
    for axis in range(grid.dim):
        gradient.add_conductance(axis, conductance(grid, axis, model.energy.gradient * contact.metal_faces[axis]))
    variation = equation.variation(contact, xi, c) * grid.volume + apply_stencil(gradient, xi)
    d = 1e-5
    above, below = (free_energy(model, xi + sign * d * direction, c) for sign in (1, -1))
    difference = (above - below) / (2 * d)
    assert difference == pytest.approx(grid.sum(variation * direction), rel=1e-8)


def relaxed_profile(cells: int) -> tuple[Grid, Array]:
    """A flat surface in the middle of a box, relaxed from a profile that is twice too wide."""
    grid = Grid([np.linspace(-LENGTH / 2, LENGTH / 2, cells + 1)])
    equation = LithiumEquation(grid, energy(WIDTH), mobility=1e-5, linear_tolerance=1e-12, newton_tolerance=1e-11)
    xi = 0.5 * (1 - np.tanh(grid.centres[0] / (4 * WIDTH)))
    for _ in range(60):
        done = equation.step(xi, bulk_metal(grid), np.zeros(cells), at_rest(grid), 1.0)
        assert done.outcome.converged
        xi = done.values
    return grid, xi


def interface_energy(grid: Grid, xi: Array) -> float:
    """Energy of a flat surface over gamma, in 1-D."""
    e, dx = energy(WIDTH), grid.faces[0][1] - grid.faces[0][0]
    return float(dx * e.barrier * np.sum(fe.well(xi)) + 0.5 * e.gradient * np.sum(np.diff(xi) ** 2) / dx) / GAMMA


def test_equilibrium_profile_and_interface_energy() -> None:
    """A relaxed surface is xi = (1 - tanh(x/2 lambda))/2 and its energy is gamma; both errors fall as dx^2."""
    sizes, profile_errors, energy_errors = [], [], []
    for cells in (20, 40, 80, 160):
        grid, xi = relaxed_profile(cells)
        exact = 0.5 * (1 - np.tanh(grid.centres[0] / (2 * WIDTH)))
        sizes.append(LENGTH / cells)
        profile_errors.append(np.abs(xi - exact).max())
        energy_errors.append(abs(interface_energy(grid, xi) - 1))
    assert_order(sizes[1:], profile_errors[1:], 2)
    assert_order(sizes[1:], energy_errors[1:], 2)
    assert energy_errors[1] < 0.01  # two cells per lambda


@pytest.mark.parametrize("degrees", [60, 125])
def test_energy_falls_when_nothing_drives(degrees: int) -> None:
    """At rest and without pressure F falls in every step: voids at the contact and in the bulk, rough Li, vacancies."""
    case = make_case(
        {
            "domain": {"width": "4 um", "lithium_thickness": "3 um"},
            "electrolyte": [{"thickness": "1 um"}],
            "interface": {"width": "200 nm", "contact_angle": f"{degrees} deg"},
            "lithium": {
                "voids": [
                    {"centre": ["1 um", "0 um"], "radius": "0.7 um"},
                    {"centre": ["3 um", "-1.5 um"], "radius": "0.6 um"},
                ]
            },
            "drive": {"stack_pressure": "3 MPa"},
        },
        [{"kind": "rest", "duration": "1 s"}],
    )
    simulation, model = prepare(case)
    state = simulation.state
    random = np.random.default_rng(5)
    state["lithium"] *= 1 - 0.1 * random.random(model.grid.local_shape)
    state["occupancy"] = fe.step(state["lithium"]) - 0.02 * random.random(model.grid.local_shape)
    state["occupancy"][model.places.start().metal < 0.5] = 0.0
    energies = [free_energy(model, state["lithium"], state["occupancy"])]
    for number in range(60):
        dt = 0.02 * 1.08**number
        result = model.step(state, Step(number=number, dt=dt, stack_pressure=0.0, current_density=0.0))
        assert not result.failed
        for name, values in result.fields.items():
            state[name] = values
        energies.append(free_energy(model, state["lithium"], state["occupancy"]))
    falls = np.diff(energies)
    assert np.all(falls < 0)
    assert energies[-1] < 0.9 * energies[0]
