"""Constitutive equations: tensors, normal stress, what is remembered, tangent against differences."""

from __future__ import annotations

import numpy as np
import pytest

from solver.laws.creep import CreepLaw
from solver.numerics.grid import Grid
from solver.numerics.staggered import Staggered
from solver.physics.rheology import Response, Rheology, Stress, Tensor, memory_weight
from solver.physics.tangent import Tangent
from tests.verification.solids import properties

LAW = CreepLaw(prefactor=0.014, exponent=6.6, strength=7e6)
VOID = 1e5  # Pa s


def rheology(dim: int, memory: float = 0.0, tilt: float = 0.0) -> Rheology:
    faces = [np.linspace(0.0, 1e-6, 6)] * dim
    grid = Grid(faces, [True] * (dim - 1))
    one = np.ones(grid.local_shape)
    normal = (np.sin(tilt) * one, *(0 * one,) * (dim - 2), np.cos(tilt) * one)
    return Rheology(Staggered(grid), properties(grid, LAW, void_viscosity=VOID, memory=memory, normal=normal))


def rates(r: Rheology, seed: int = 1, size: float = 1e-3) -> np.ndarray:
    grid = r.mac.grid
    return size * np.random.default_rng(seed).normal(size=(grid.dim + len(r.mac.pairs), *grid.local_shape))


def nothing(r: Rheology) -> Tensor:
    return r.deviator(0 * rates(r))


@pytest.mark.parametrize("dim", [2, 3])
def test_the_deviator_of_uniaxial_strain(dim):
    """d_zz = 1: 2/3 along z, -1/3 across, out of the plane too; e:e = 2/3."""
    r = rheology(dim)
    d = 0 * rates(r)
    d[dim - 1] = 1.0
    e = r.deviator(d)
    np.testing.assert_allclose(e.normal[-1], 2 / 3)
    np.testing.assert_allclose(e.normal[:-1], -1 / 3)
    np.testing.assert_allclose(e.missing, -1 / 3)
    np.testing.assert_allclose(e.product(e), 2 / 3)
    np.testing.assert_allclose(r.along_normal(e), 2 / 3)


@pytest.mark.parametrize("tilt", [0.0, 0.4])
@pytest.mark.parametrize("dim", [2, 3])
def test_growth_is_uniaxial_along_the_normal(dim, tilt):
    """dev(S n n): n.e.n = 2/3 S and e:e = 2/3 S^2, whatever the inclination."""
    r = rheology(dim, tilt=tilt)
    s = 0.3 * np.ones(r.mac.grid.local_shape)
    e = r.growth(s)
    np.testing.assert_allclose(r.along_normal(e), 0.2)
    np.testing.assert_allclose(e.product(e), 2 / 3 * 0.09)
    np.testing.assert_allclose(e.normal.sum(axis=0) + (3 - dim) * e.missing, 0, atol=1e-15)


def test_what_is_remembered_is_an_elastic_tensor_without_trace():
    r = rheology(2)
    held = r.elastic_tensor(rates(r, size=1e6))
    np.testing.assert_allclose(held.normal.sum(axis=0) + held.missing, 0, atol=1e-6)
    rate = r.memory_rates(held, 2.0)
    np.testing.assert_allclose(rate.normal, held.normal / (2 * 3e9 * 2.0))
    np.testing.assert_allclose(rate.edges[0], held.edges[0] / (2 * 3e9 * 2.0))


def test_memory_fades_towards_the_metal():
    psi = np.linspace(0, 1, 101)
    m = memory_weight(psi)
    assert m[0] == 0 and m[-1] == 1 and np.all(np.diff(m) >= 0)
    assert np.all(m[psi <= 0.5] == 0) and np.all(m[psi >= 0.95] == 1)


def test_the_electrolyte_is_elastic_and_a_void_viscous():
    """tau = 2 (G dt + eta_void) e, and 2 eta_void e, whatever xi is in the electrolyte."""
    for memory, xi, eta in ((1.0, 0.0, 3e9 * 10 + VOID), (0.0, 0.0, VOID)):
        r = rheology(2, memory)
        lithium = np.full(r.mac.grid.local_shape, xi)
        d, zero = rates(r), 0 * lithium
        response = r.respond(d, zero, zero, nothing(r), r.solid_share(lithium), 10.0)
        np.testing.assert_allclose(response.tau.normal, 2 * eta * r.deviator(d).normal, rtol=1e-9)
        np.testing.assert_allclose(response.tau.edges[0], eta * d[2], rtol=1e-9)


def test_lithium_creeps_at_its_von_mises_stress():
    """Long steps: e_eq of the rates is A (sigma_eq/s)^n of the stress."""
    r = rheology(3)
    d = 0 * rates(r)
    d[0], d[2] = 1e-3, -1e-3
    zero = np.zeros(r.mac.grid.local_shape)
    at = r.respond(d, zero, zero, nothing(r), zero + 1, 1e9)
    stress = 2 * at.eta_whole * np.sqrt(1.5 * at.rates.product(at.rates))
    np.testing.assert_allclose(LAW.rate(stress), np.sqrt(4 / 3) * 1e-3, rtol=1e-6)


def test_normal_stress_is_that_on_the_planes():
    """s_n = P - n.tau.n; growth along n under a given strain lowers the stretch along n."""
    r = rheology(2, memory=1.0, tilt=0.3)
    zero = np.zeros(r.mac.grid.local_shape)
    grown = r.respond(0 * rates(r), zero + 1e-6, zero + 5e6, nothing(r), zero + 1, 1.0)
    np.testing.assert_allclose(grown.normal_stress, 5e6 + 2 * (3e9 + VOID) * 2 / 3 * 1e-6)


def tangent(r: Rheology, at: Response, softness: float = 0.0, predicted: float = 1.0) -> Tangent:
    """predicted: of the stress there is."""
    units = {"rate_unit": 1.0, "viscosity_unit": 1.0}
    return Tangent(
        r, at, np.full(r.mac.grid.local_shape, softness), r.solid_tensor(at).scaled(predicted, []), **units
    )


@pytest.mark.parametrize("tilt", [0.0, 0.4])
@pytest.mark.parametrize("dim", [2, 3])
def test_the_tangent_is_that_of_differences(dim, tilt):
    """theta = 1: d tau of a change of strain rates, normal and shear; theta = 0 leaves the softening out."""
    r = rheology(dim, tilt=tilt)
    d, step, zero = rates(r), rates(r, 2, 1e-8), np.zeros(r.mac.grid.local_shape)
    share = zero + 0.7

    def stress(x: np.ndarray) -> Stress:
        return r.respond(x, zero, zero, nothing(r), share, 1.0).tau

    def changes(law: Tangent) -> list[np.ndarray]:
        change = law.cells(step[:dim], step[dim:], zero)
        return [law.normal_stresses(step[:dim], change), *law.edge_stresses(step[dim:], change)]

    at = r.respond(d, zero, zero, nothing(r), share, 1.0)
    up, down = stress(d + step), stress(d - step)
    exact = [0.5 * (a - b) for a, b in ((up.normal, down.normal), *zip(up.edges, down.edges, strict=True))]
    for a, b in zip(changes(tangent(r, at)), exact, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6 * np.abs(b).max())
    picard = changes(tangent(r, at, predicted=0.0))[0]
    assert np.abs(picard - exact[0]).max() > 0.1 * np.abs(exact[0]).max()


@pytest.mark.parametrize("tilt", [0.0, 0.4])
def test_growth_follows_the_normal_stress_that_it_changes_itself(tilt):
    """dS = -b d s_n - mismatch with the stress that is left when S has changed."""
    r, softness, missing = rheology(2, tilt=tilt), 1e-9, 2e-7
    zero = np.zeros(r.mac.grid.local_shape)
    d, step, pressure = rates(r), rates(r, 2, 1e-8), rates(r, 3, 50.0)[0]

    def normal_stress(x: np.ndarray, grown: np.ndarray, p: np.ndarray) -> np.ndarray:
        return r.respond(x, grown, p, nothing(r), zero + 1, 1.0).normal_stress

    at = r.respond(d, zero, zero, nothing(r), zero + 1, 1.0)
    grown = tangent(r, at, softness).cells(step[:2], step[2:], pressure, missing).growth
    change = 0.5 * (normal_stress(d + step, grown, pressure) - normal_stress(d - step, -grown, -pressure))
    np.testing.assert_allclose(grown, -softness * change - missing, rtol=1e-5)
    assert np.abs(softness * change).max() > 0.1 * missing


@pytest.mark.parametrize(("of_own", "theta"), [(2.0, 1.0), (0.25, 0.25), (-1.0, 0.0)])
def test_the_full_derivative_is_used_where_the_stress_falls_short_of_the_prediction(of_own, theta):
    """theta = predicted over own stress, up to 1, and 0 where the stress has turned around."""
    r = rheology(2)
    zero = np.zeros(r.mac.grid.local_shape)
    at = r.respond(rates(r), zero, zero, nothing(r), zero + 1, 1.0)
    np.testing.assert_allclose(r.newton_factor(at, r.solid_tensor(at).scaled(of_own, [])), theta, rtol=1e-6)


def test_a_step_that_changes_nothing_foresees_the_stress_there_is():
    r = rheology(2)
    zero = np.zeros(r.mac.grid.local_shape)
    at = r.respond(rates(r), zero, zero, nothing(r), zero + 1, 1.0)
    still, law, own = 0 * rates(r), tangent(r, at), r.solid_tensor(at)
    found = law.predicted(still[:2], law.cells(still[:2], still[2:], zero))
    for a, b in zip((found.normal, found.missing, *found.cells), (own.normal, own.missing, *own.cells), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9 * np.abs(own.normal).max())
