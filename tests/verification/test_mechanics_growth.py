"""Growth of lattice planes along the contact normal: no false stress, steady layers, s_n as the driving stress."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver.laws.creep import CreepLaw
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.force_balance import Load
from solver.physics.mechanics import Mechanics, MechanicsResult
from solver.physics.rheology import Rheology, memory_weight
from tests.verification.solids import converged, given_growth, properties

P0 = 3e6  # Pa
LITHIUM = CreepLaw(prefactor=1.4e-2, exponent=6.6, strength=7e6)
DEPTH = 1e-6  # m
SHEAR, BULK = 3e9, 10e9  # Pa


def layer(dim: int, kind: str) -> Mechanics:
    """A confined layer: creeping Li, elastic electrolyte or the one under the other."""
    cells = 16 if dim == 2 else 8
    lateral = np.linspace(0.0, DEPTH, cells + 1)
    grid = Grid([lateral] * (dim - 1) + [np.linspace(-DEPTH, DEPTH, cells + 1)], [True, False][: dim - 1])
    z = np.broadcast_to(grid.cell_coordinates()[-1], grid.local_shape)
    memory = {"lithium": 0 * z, "electrolyte": 0 * z + 1, "both": memory_weight(0.5 * (1 + np.tanh(z / 2e-7)))}[kind]
    return Mechanics(grid, properties(grid, LITHIUM, SHEAR, BULK, memory=memory), 1e-8, direct=True)


def grown(mechanics: Mechanics, graded: bool) -> MechanicsResult:
    """After two steps of growth, 2e-3 in total at the most."""
    grid = mechanics.grid
    z = np.broadcast_to(grid.cell_coordinates()[-1], grid.local_shape)
    rate = 1e-3 * (np.exp(-((z / 3e-7) ** 2)) if graded else np.ones(grid.local_shape))
    state = mechanics.start(P0)
    for _ in range(2):
        result = converged(mechanics, state, Load(pressure=P0), growth=given_growth(rate))
        state = result.state
    return result


def false_stress(result: MechanicsResult) -> float:
    """Largest departure of any stress component from the hydrostatic one, over p0."""
    parts = [result.normal_stress - P0, result.state.pressure - P0, *result.tau.normal, *result.tau.edges]
    return float(max(np.abs(part).max() for part in parts) / P0)


@pytest.mark.parametrize("graded", [False, True], ids=["uniform", "graded"])
@pytest.mark.parametrize("kind", ["lithium", "electrolyte", "both"])
@pytest.mark.parametrize("dim", [2, 3])
def test_planes_added_to_a_confined_layer_leave_no_stress(dim, kind, graded):
    """Its metal only moves along the normal: hydrostatic at p0 to 1e-6."""
    result = grown(layer(dim, kind), graded)
    assert false_stress(result) < 1e-6
    assert np.abs(result.state.velocity[..., 0, -1]).min() > 1e-10, "the platen moves by what has grown"


def test_isotropic_growth_would(monkeypatch):
    """The same volume added in all directions strains the layer in its plane: q = E/(1 - nu) eps/3 in the electrolyte,
    2/3 of it in the pressure, 5.7 MPa for eps = 2e-3. Creep leaves some MPa of it in Li too. The test above sees that.
    """
    along_normal = Rheology.growth
    monkeypatch.setattr(Rheology, "growth", lambda self, rate: along_normal(self, 0 * rate))
    biaxial = 18 * SHEAR * BULK / (3 * BULK + 4 * SHEAR)  # E/(1 - nu)
    electrolyte = false_stress(grown(layer(2, "electrolyte"), graded=False))
    assert electrolyte == pytest.approx(2 / 3 * biaxial * 2e-3 / 3 / P0, rel=1e-4)
    assert false_stress(grown(layer(2, "lithium"), graded=False)) > 0.5


def test_a_steady_layer_grows_as_its_normal_stress_says():
    """S(s_n) with s_n = p0 throughout: div v = S(p0), velocities that are their integral."""
    mechanics = layer(2, "lithium")
    grid = mechanics.grid

    def growth(s_n: Array) -> tuple[Array, Array]:
        return -1e-4 * (s_n / P0) ** 3, -3e-4 * (s_n / P0) ** 2 / P0

    result = converged(mechanics, mechanics.start(P0), Load(pressure=P0), growth=growth)
    rates = mechanics.strain_rates(result.state.velocity)
    np.testing.assert_allclose(rates[0], 0, atol=1e-10)
    np.testing.assert_allclose(rates[1], -1e-4, rtol=1e-6)
    np.testing.assert_allclose(result.state.growth, -1e-4, rtol=1e-6)
    depth = DEPTH - grid.faces[-1][:-1]
    np.testing.assert_allclose(result.state.velocity[0, :, -1], 1e-4 * depth, rtol=1e-6)


def test_growth_feels_the_normal_stress_and_not_the_pressure():
    """A layer under in-plane stress: P is above s_n = p0, and S is that of p0."""
    mechanics = layer(2, "electrolyte")
    stressed = replace(mechanics.properties, residual_stress=np.full(mechanics.grid.local_shape, 30e6))
    mechanics = Mechanics(mechanics.grid, stressed, 1e-8, direct=True)
    start = mechanics.start(P0)
    assert np.all(start.pressure > 7 * P0)
    result = converged(mechanics, start, Load(pressure=P0), growth=lambda s: (-1e-10 * s, np.full_like(s, -1e-10)))
    np.testing.assert_allclose(result.state.growth, -1e-10 * P0, rtol=1e-6)
    np.testing.assert_allclose(result.state.pressure, start.pressure, rtol=1e-6)


def test_inclined_planes_part_along_their_normal():
    """An elastic layer between periodic sides whose planes stand at 30 degrees. The bottom slides: no shear stress and
    p0 on horizontal planes. What the growth S dt = E does along x is held back: E sin^2 under the modulus of plane
    strain; its shear is free, gamma = 2 E sin cos.
    """
    tilt, rate = np.radians(30), 1e-5
    grid = Grid([np.linspace(0.0, DEPTH, 9), np.linspace(-DEPTH, 0.0, 9)], [True])
    one = np.ones(grid.local_shape)
    normal = (np.sin(tilt) * one, np.cos(tilt) * one)
    mechanics = Mechanics(grid, properties(grid, shear=SHEAR, bulk=BULK, memory=1.0, normal=normal), 1e-9, direct=True)
    result = converged(mechanics, mechanics.start(P0), Load(pressure=P0), growth=given_growth(rate * one))
    rates = mechanics.strain_rates(result.state.velocity)
    np.testing.assert_allclose(rates[0], 0, atol=1e-9 * rate)
    np.testing.assert_allclose(rates[2], 2 * rate * np.sin(tilt) * np.cos(tilt), rtol=1e-6)
    plane_strain = 4 * SHEAR * (3 * BULK + SHEAR) / (3 * BULK + 4 * SHEAR)  # E/(1 - nu^2)
    pressure, tau = result.state.pressure, result.tau.normal
    np.testing.assert_allclose(pressure - tau[1], P0, rtol=1e-6)
    np.testing.assert_allclose(pressure - tau[0] - P0, plane_strain * rate * np.sin(tilt) ** 2, rtol=1e-4)
