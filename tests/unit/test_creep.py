"""Norton's law in series with elasticity: limits, derivative, and the share of metal that carries load."""

from __future__ import annotations

import numpy as np
import pytest

from solver.laws.creep import CreepLaw, creep_prefactor, solid_fraction

LAW = CreepLaw(prefactor=0.014, exponent=6.6, strength=7e6)
STIFFNESS = 3e9  # G dt, Pa s


def test_rate_at_the_strength_is_the_prefactor():
    assert LAW.rate(7e6) == pytest.approx(0.014)
    assert LAW.rate(14e6) == pytest.approx(0.014 * 2**6.6)


def test_prefactor_of_lithium():
    """4.25e4 1/s and 37 kJ/mol (LePage et al. 2019) make 1.4e-2 1/s at 298.15 K."""
    assert creep_prefactor(prefactor=4.25e4, activation_energy=37e3, temperature=298.15) == pytest.approx(
        1.40e-2, rel=0.005
    )


def test_slow_creep_is_elastic():
    """eta -> G dt and d sigma/dR -> 3 G dt."""
    rate = np.array([1e-12, 1e-9])
    eta, slope = LAW.viscosity(rate, np.array(1e6))
    np.testing.assert_allclose(eta, 1e6, rtol=1e-10)
    np.testing.assert_allclose(slope, 3e6, rtol=1e-10)


@pytest.mark.parametrize("n", [1.0, 3.0, 6.6])
def test_a_long_step_is_pure_creep(n):
    """eta -> s (R/A)^(1/n)/(3 R), d sigma/dR -> sigma/(n R)."""
    law, rate = CreepLaw(prefactor=0.014, exponent=n, strength=7e6), np.array([1e-6, 1e-3, 1.0])
    stress = 7e6 * (rate / 0.014) ** (1 / n)
    eta, slope = law.viscosity(rate, np.array(1e25))
    np.testing.assert_allclose(eta, stress / (3 * rate), rtol=1e-9)
    np.testing.assert_allclose(slope, stress / (n * rate), rtol=1e-9)


@pytest.mark.parametrize("n", [1.0, 3.0, 6.6])
def test_stress_solves_the_law_and_its_derivative_is_that_of_differences(n):
    law, rate = CreepLaw(prefactor=0.014, exponent=n, strength=7e6), np.logspace(-9, 3, 25)
    eta, slope = law.viscosity(rate, np.array(STIFFNESS))
    stress = 3 * eta * rate
    np.testing.assert_allclose(stress / (3 * STIFFNESS) + law.rate(stress), rate, rtol=1e-9)
    change = 1e-5 * rate
    up, down = (3 * law.viscosity(r, np.array(STIFFNESS))[0] * r for r in (rate + change, rate - change))
    np.testing.assert_allclose((up - down) / (2 * change), slope, rtol=1e-6)


def test_without_a_share_of_creep_it_is_elastic():
    eta, _ = LAW.viscosity(np.array([1e-6, 1.0]), np.array(1.0), np.array(0.0))
    np.testing.assert_allclose(eta, 1.0, rtol=1e-12)


def test_no_rate_is_no_error():
    eta, _ = LAW.viscosity(np.zeros(3), np.array(STIFFNESS))
    np.testing.assert_allclose(eta, STIFFNESS, rtol=1e-9)


@pytest.mark.parametrize("rate", [np.nan, np.inf])
def test_rates_that_are_not_finite_have_no_stress_and_the_others_keep_theirs(rate):
    with np.errstate(invalid="ignore", over="ignore"):
        eta, slope = LAW.viscosity(np.array([1e-3, rate]), np.array(STIFFNESS))
    assert np.isnan([eta[1], slope[1]]).all()
    assert (eta[0], slope[0]) == tuple(x[0] for x in LAW.viscosity(np.array([1e-3]), np.array(STIFFNESS)))


def test_load_is_carried_from_below_to_above_one_half():
    xi = np.linspace(0, 1, 101)
    share = solid_fraction(xi)
    assert share[0] == 0 and share[-1] == 1 and np.all(np.diff(share) >= 0)
    np.testing.assert_allclose(share + share[::-1], 1, atol=1e-12)
    np.testing.assert_allclose(solid_fraction(np.array([0.3, 0.5, 0.7])), [0, 0.5, 1], atol=1e-12)
    assert solid_fraction(np.array([-0.1, 1.1])).tolist() == [0, 1]


def test_metal_with_voids_gives_way_between_not_at_all_and_like_a_void():
    """Share 0: no rate; 1: P/zeta; n = 1: 3/4 f P/((1 - f) eta), the hollow sphere of viscosity eta = s_0/(3 A)."""
    linear = CreepLaw(prefactor=1e-3, exponent=1.0, strength=1e6)
    void = np.array([0.0, 0.1, 0.5, 1.0])
    rate, slope = linear.compaction(np.full(4, 3e6), void, 1e4)
    sphere = 0.75 * void[1:3] * 3e6 / ((1 - void[1:3]) * 1e6 / 3e-3)
    np.testing.assert_allclose(rate, [0.0, *sphere, 300.0], rtol=1e-4)
    np.testing.assert_allclose(slope, rate / 3e6, rtol=1e-9)


def test_the_rate_of_metal_with_voids_knows_its_slope_and_grows_with_voids_and_pressure():
    pressure, void = np.meshgrid([-3e6, -1e3, 1e5, 3e6, 2e7], np.linspace(0, 1, 11))
    rate, slope = LAW.compaction(pressure, void, 1e6)
    step = 1.0
    difference = (LAW.compaction(pressure + step, void, 1e6)[0] - LAW.compaction(pressure - step, void, 1e6)[0]) / 2
    np.testing.assert_allclose(slope, difference / step, rtol=5e-3, atol=1e-9 * slope.max())
    assert np.all(np.diff(rate, axis=1) >= 0) and np.all(np.diff(np.abs(rate), axis=0) >= 0)
    assert np.all(rate * pressure >= 0)
