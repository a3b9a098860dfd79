"""Balance of forces, rigid platen, fixture, and states that are at rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver.laws.creep import CreepLaw
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.force_balance import Load
from solver.physics.mechanics import Mechanics
from solver.physics.rheology import memory_weight
from tests.verification.order import assert_order
from tests.verification.solids import converged, given_growth, properties

P0 = 3e6  # Pa
LITHIUM = CreepLaw(prefactor=1.4e-2, exponent=6.6, strength=7e6)
SHEAR, BULK = 3e9, 10e9  # Pa
COLUMN = BULK + 4 / 3 * SHEAR  # Pa, modulus of a column that cannot widen
HEIGHT = 1.5e-6  # m


def layers(dim: int, periodic: bool = True, cells: int = 12) -> tuple[Grid, Array]:
    """Li under an electrolyte, and psi."""
    lateral = np.linspace(0.0, 1e-6, cells + 1)
    grid = Grid([lateral] * (dim - 1) + [np.linspace(-1e-6, 0.5e-6, 3 * cells // 2 + 1)], [periodic] * (dim - 1))
    z = grid.cell_coordinates()[-1]
    return grid, np.broadcast_to(0.5 * (1 + np.tanh(z / 2e-7)), grid.local_shape)


def void_at_the_contact(grid: Grid) -> Array:
    x = grid.cell_coordinates()
    r = np.sqrt(sum((c - 0.5e-6) ** 2 for c in x[:-1]) + x[-1] ** 2)
    return 0.5 * (1 + np.tanh((r - 0.3e-6) / 1e-7))


@pytest.mark.parametrize("stiffness", [0.0, 1e14])
@pytest.mark.parametrize("dim", [2, 3])
def test_the_wall_carries_the_load_of_the_platen_and_the_platen_is_rigid(dim, stiffness):
    """Under a void and uneven growth: force to 3e-7 of the load; velocities of the bottom faces equal to 1e-6."""
    grid, psi = layers(dim, cells=12 if dim == 2 else 6)
    mechanics = Mechanics(grid, properties(grid, LITHIUM, void_viscosity=1e5, memory=memory_weight(psi)), direct=True)
    state, load = mechanics.start(P0), Load(pressure=P0, stiffness=stiffness)
    growth = given_growth(-1e-3 * (1 - psi) * (1 + np.cos(2e6 * np.pi * grid.cell_coordinates()[0])))
    for _ in range(3):
        result = converged(mechanics, state, load, void_at_the_contact(grid), growth)
        state = result.state
        bottom = state.velocity[..., 0, -1]
        assert result.force_error < 3e-7
        assert np.ptp(bottom) < 1e-6 * np.abs(bottom).max()
        rise = state.displacement[..., 0, -1].mean()
        assert result.load_pressure == pytest.approx(P0 - stiffness * rise, rel=1e-9)
        assert rise > 0
    without = converged(mechanics, state, replace(load, platen=False), void_at_the_contact(grid), growth)
    uneven = without.state.velocity[..., 0, -1]
    assert np.ptp(uneven) > 0.05 * np.abs(uneven).max(), "a free surface is not rigid"


@pytest.mark.parametrize("stiffness", [0.0, 1e15, 1e17])
def test_elastic_column_in_series_with_the_fixture(stiffness):
    """Growth E of a confined column of height H: p - p0 = k H E/(1 + k H/M), M = K + 4/3 G, step by step."""
    grid, _ = layers(2)
    mechanics = Mechanics(grid, properties(grid, shear=SHEAR, bulk=BULK, memory=1.0), 1e-9, direct=True)
    state = mechanics.start(P0)
    for step in range(1, 4):
        result = converged(
            mechanics,
            state,
            Load(pressure=P0, stiffness=stiffness),
            growth=given_growth(np.full(grid.local_shape, 1e-3)),
        )
        state = result.state
        exact = P0 + stiffness * HEIGHT * 1e-3 * step / (1 + stiffness * HEIGHT / COLUMN)
        assert result.load_pressure == pytest.approx(exact, rel=1e-8)
        np.testing.assert_allclose(result.normal_stress, exact, rtol=1e-6)


def relaxed(steps: int) -> float:
    """Load after one relaxation time, in `steps` equal steps, of a column whose planes vanish at S = -b (s_n - p1)."""
    grid, _ = layers(2, cells=4)
    mechanics = Mechanics(grid, properties(grid, shear=SHEAR, bulk=BULK, memory=1.0), 1e-9, direct=True)
    stiffness, b, p1 = 1e16, 1e-9, 1e6
    time = (1 / (stiffness * HEIGHT) + 1 / COLUMN) / b
    state = mechanics.start(P0)
    for _ in range(steps):
        result = converged(
            mechanics,
            state,
            Load(pressure=P0, stiffness=stiffness),
            growth=lambda s_n: (-b * (s_n - p1), np.full_like(s_n, -b)),
            dt=time / steps,
        )
        state = result.state
    return (result.load_pressure - p1) / (P0 - p1)


def test_a_stiff_fixture_unloads_as_planes_vanish():
    """p - p1 falls as exp(-t/T), T = (1/(k H) + 1/M)/b: backward Euler's 1/(1 + 1/N)^N exactly, first order in dt."""
    steps = (4, 8, 16, 32)
    found = [relaxed(n) for n in steps]
    np.testing.assert_allclose(found, [(1 + 1 / n) ** -n for n in steps], rtol=1e-6)
    assert_order([1 / n for n in steps], [abs(p - np.exp(-1)) for p in found], 1.0, 0.15)


@pytest.mark.parametrize("dim", [2, 3])
def test_a_translation_and_a_rotation_strain_nothing(dim):
    """In the interior: not at the wall, which holds, nor at the sides."""
    grid, _ = layers(dim, periodic=False, cells=6)
    mechanics = Mechanics(grid, properties(grid), direct=True)
    x = grid.cell_coordinates()
    inside = (*(slice(1, -1),) * dim,)
    still = np.zeros((*grid.local_shape, dim))
    for axis in range(dim):
        moved = still.copy()
        moved[..., axis] = 1e-9
        rates = mechanics.strain_rates(moved)
        assert np.abs(rates[(slice(None), *inside)]).max() < 1e-12
    for a, b in mechanics.mac.pairs:  # v_a = w x_b, v_b = -w x_a
        turned = still.copy()
        turned[..., a], turned[..., b] = 1e-3 * x[b], -1e-3 * x[a]
        rates = mechanics.strain_rates(turned)
        assert np.abs(rates[(slice(None), *inside)]).max() < 1e-12
        turned[..., b] *= -1
        rates = mechanics.strain_rates(turned)
        assert np.abs(rates[(slice(None), *inside)]).max() == pytest.approx(2e-3, rel=1e-9), "shear is seen"


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("dim", [2, 3])
def test_the_assembled_cell_is_at_rest(dim, periodic):
    """Hydrostatic stack pressure and residual in-plane stress of the electrolyte: v = 0, and the stress stays."""
    grid, psi = layers(dim, periodic, 12 if dim == 2 else 6)
    residual = 50e6
    solid = properties(grid, LITHIUM, memory=memory_weight(psi), residual_stress=0.0)
    solid = replace(solid, residual_stress=residual * solid.memory)
    mechanics = Mechanics(grid, solid, 1e-8, direct=True)
    state = mechanics.start(P0)
    for _ in range(2):
        result = converged(mechanics, state, Load(pressure=P0), dt=1.0)
        state = result.state
    full = solid.memory == 1
    in_plane = state.pressure - result.tau.normal[0]
    np.testing.assert_allclose(result.normal_stress, P0, rtol=1e-6)
    np.testing.assert_allclose(in_plane[full], P0 + residual, rtol=1e-6)
    np.testing.assert_allclose(in_plane[solid.memory == 0], P0, rtol=1e-6)
    assert full.any() and (solid.memory == 0).any()
