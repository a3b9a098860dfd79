"""Charge transfer at the contact against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from solver.constants import FARADAY, GAS_CONSTANT
from solver.laws.kinetics import KineticsParameters, anodic_availability, equilibrium_potential, transfer_current

THERMAL = GAS_CONSTANT * 298.15 / FARADAY
OMEGA = 13.0e-6
I0 = 25.0
POTENTIALS = np.array([-0.2, -0.08, -0.01, -1e-4, 0.0, 1e-4, 0.01, 0.08, 0.2])


def parameters(anodic: float = 0.5, film: float = 0.0, limit: float = np.inf) -> KineticsParameters:
    """limit: the largest stripping current through the film, A/m^2."""
    return KineticsParameters(
        transfer_coefficient=anodic,
        temperature=298.15,
        molar_volume=OMEGA,
        area_resistance=film,
        film_permeance=limit * OMEGA / FARADAY,
    )


def current(p: KineticsParameters, phi: np.ndarray, rest: float = 0.0, available: float = 1.0):
    ones = np.ones_like(phi)
    return transfer_current(p, phi, rest * ones, I0 * ones, available * ones)


def central_difference(p: KineticsParameters, phi: np.ndarray, **options: float) -> np.ndarray:
    e = 1e-6
    return (current(p, phi + e, **options)[0] - current(p, phi - e, **options)[0]) / (2 * e)


def test_symmetric_transfer_is_a_hyperbolic_sine():
    """alpha = 1/2: j = 2 i0 sinh(F eta / 2RT), positive plates; slope i0 F/RT at equilibrium."""
    j, slope = current(parameters(), POTENTIALS)
    np.testing.assert_allclose(j, 2 * I0 * np.sinh(POTENTIALS / (2 * THERMAL)), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(slope, I0 / THERMAL * np.cosh(POTENTIALS / (2 * THERMAL)), rtol=1e-12)
    plateau, _ = current(parameters(), np.array([2.5682e-3]))
    assert plateau[0] == pytest.approx(2.5, rel=1e-4), "0.25 mA/cm2 on a full contact take 2.5682 mV"


@pytest.mark.parametrize("anodic", [0.2, 0.5, 0.7])
def test_tafel_slopes(anodic):
    """Far from equilibrium d ln|j| / d eta = alpha_c F/RT when plating, -alpha_a F/RT when stripping."""
    j, slope = current(parameters(anodic), np.array([0.6, -0.6]))
    np.testing.assert_allclose(slope / j, [(1 - anodic) / THERMAL, -anodic / THERMAL], rtol=1e-4)
    assert j[0] > 0 > j[1]


@pytest.mark.parametrize("anodic", [0.2, 0.5])
@pytest.mark.parametrize("film", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("available", [1.0, 0.3, 0.0])
def test_the_slope_is_the_derivative(anodic, film, available):
    """dj/dphi against central differences, with and without a film, also where Li runs out."""
    p = parameters(anodic, film)
    _, slope = current(p, POTENTIALS, available=available)
    np.testing.assert_allclose(slope, central_difference(p, POTENTIALS, available=available), rtol=1e-6)


def test_beyond_the_largest_exponent_the_current_goes_on_linearly():
    """Continuous with its slope, monotone and finite at potentials no cell has."""
    p = parameters()
    phi = np.array([-50.0, -5.0, 5.0, 50.0])
    j, slope = current(p, phi)
    assert np.all(np.isfinite(j)) and np.all(np.diff(j) > 0) and np.all(slope > 0)
    edge = 60 * 2 * THERMAL
    below, above = current(p, np.array([edge * (1 - 1e-9), edge * (1 + 1e-9)]))[0]
    assert above / below == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("film", [1e-4, 3e-3, 10.0])
def test_the_current_behind_a_film_is_the_root(film):
    """phi = j R + (2RT/F) asinh(j / 2 i0), R from 0.1 to 1e4 times the charge-transfer resistance, to +-1 V."""
    phi = np.concatenate([POTENTIALS, [-1.0, 1.0]])
    j, _ = current(parameters(film=film), phi)
    np.testing.assert_allclose(j * film + 2 * THERMAL * np.arcsinh(j / (2 * I0)), phi, rtol=1e-9, atol=1e-13)


def test_a_thick_film_is_ohmic():
    """R much larger than RT/(F i0): j R = phi - (2RT/F) asinh(j/2 i0), hardly any overpotential."""
    j, slope = current(parameters(film=100.0), np.array([0.1]))
    assert j[0] == pytest.approx(0.1 / 100.0, rel=2e-5)
    assert slope[0] == pytest.approx(1 / 100.0, rel=2e-5)


def test_permeance_of_a_film_is_its_diffusivity_over_its_thickness():
    """1e-15 m^2/s over 100 nm: j_P = F D/(Omega d) = 74.2 A/m^2."""
    film = KineticsParameters(
        transfer_coefficient=0.5, temperature=298.15, molar_volume=OMEGA, film_permeance=1e-15 / 100e-9
    )
    assert film.limiting_current == pytest.approx(FARADAY * 1e-15 / (OMEGA * 100e-9), rel=1e-14)
    assert film.limiting_current == pytest.approx(74.2, rel=1e-3)


@pytest.mark.parametrize("limit", [0.1, 74.2, 1e4])
@pytest.mark.parametrize("film", [0.0, 3e-3])
def test_the_current_through_a_permeable_film_is_the_root(film, limit):
    """phi = j R + (RT/F) ln(1 + j/j_P) + (2RT/F) asinh(j / 2 i0), for currents from -0.999 j_P to 10 j_P."""
    exact = limit * np.array([-0.999, -0.9, -0.5, -1e-3, 0.0, 1e-3, 1.0, 10.0])
    phi = exact * film + THERMAL * (np.log1p(exact / limit) + 2 * np.arcsinh(exact / (2 * I0)))
    j, _ = current(parameters(film=film, limit=limit), phi)
    np.testing.assert_allclose(j, exact, rtol=1e-9, atol=1e-12 * limit)


def test_without_other_resistance_the_activity_follows_nernst():
    """i0 much larger than j_P: j = j_P (exp(F phi/RT) - 1), the activity at the outer side less one."""
    phi = np.array([-0.2, -0.05, 0.01, 0.05])
    j, slope = current(parameters(limit=1e-5), phi)
    np.testing.assert_allclose(j, 1e-5 * np.expm1(phi / THERMAL), rtol=1e-5)
    np.testing.assert_allclose(slope, 1e-5 / THERMAL * np.exp(phi / THERMAL), rtol=1e-4)


@pytest.mark.parametrize("anodic", [0.2, 0.5])
@pytest.mark.parametrize("film", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("available", [1.0, 0.3, 0.0])
def test_the_slope_of_a_permeable_film_is_the_derivative(anodic, film, available):
    """dj/dphi against central differences, also where Li runs out."""
    p = parameters(anodic, film, limit=74.2)
    _, slope = current(p, POTENTIALS, available=available)
    np.testing.assert_allclose(slope, central_difference(p, POTENTIALS, available=available), rtol=1e-5)


@pytest.mark.parametrize("film", [0.0, 1e-4, 10.0])
def test_no_potential_strips_more_than_the_permeance_lets_through(film):
    """j rises with the potential, is finite with a slope that is not negative and stays above -j_P, to +-5 V."""
    phi = np.linspace(-5.0, 5.0, 401)
    j, slope = current(parameters(film=film, limit=30.0), phi)
    assert np.all(np.diff(j) >= 0) and np.all(slope >= 0) and np.all(np.isfinite(slope))
    assert np.all(j >= -30.0 * (1 + 1e-12))
    if film < 1.0:
        assert j[0] == pytest.approx(-30.0, rel=1e-12)


@pytest.mark.parametrize("film", [0.0, 3e-3])
def test_a_very_large_permeance_is_none(film):
    j, slope = current(parameters(film=film, limit=1e15), POTENTIALS)
    free, free_slope = current(parameters(film=film), POTENTIALS)
    np.testing.assert_allclose(j, free, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(slope, free_slope, rtol=1e-10)


def test_equilibrium_potential_of_vacancies_and_pressure():
    """E = (Omega/F) (s_n - p_stack - f'): 7.42 MPa per mV; vacancies make the metal less noble for plating."""
    p = parameters()
    assert equilibrium_potential(p, np.zeros(1), 7.42e6)[0] == pytest.approx(1e-3, rel=1e-3)
    vacancies = equilibrium_potential(p, np.array([5e6]), 0.0)
    assert vacancies[0] == pytest.approx(-OMEGA / FARADAY * 5e6)
    # at that potential nothing flows
    j, _ = current(p, vacancies, rest=vacancies[0])
    assert j[0] == 0.0


def test_the_clip_does_not_shift_the_equilibrium():
    """q = clip(20 c/h, 0, 1) is 1 unless less than 1/20 of the Li is left, so j = 0 at phi = E for all c/h >= 0.05."""
    h = np.array([1.0, 1.0, 1.0, 0.5, 0.02])
    c = np.array([1.0, 0.9, 0.05, 0.025, 0.02])
    q = anodic_availability(c, h)
    np.testing.assert_array_equal(q, 1.0)
    rest = equilibrium_potential(parameters(), 5e7 * (h - c), 0.0)
    j, _ = transfer_current(parameters(), rest, rest, np.full(5, I0), q)
    np.testing.assert_array_equal(j, 0.0)


def test_no_li_no_stripping():
    """Without Li (c <= 0, slightly negative in a void) the anodic branch vanishes, the cathodic one stays."""
    q = anodic_availability(np.array([0.0, -0.05, 0.0, 0.01]), np.array([1.0, 1e-3, 0.0, 1.0]))
    np.testing.assert_allclose(q, [0.0, 0.0, 0.0, 0.2])
    j, _ = current(parameters(), np.array([-0.1, 0.1]), available=0.0)
    assert 0 < j[0] < 0.2 * I0  # only the little that plating still gives
    assert j[1] == pytest.approx(I0 * np.exp(0.05 / THERMAL))


def test_a_film_may_vary_along_the_contact():
    """Cells with a film, a permeance, both and none in one call: each as if it were alone."""
    resistances, limits = np.array([0.0, 1e-3, 0.0, 1.0]), np.array([np.inf, np.inf, 40.0, 20.0])
    p = KineticsParameters(
        transfer_coefficient=0.4,
        temperature=298.15,
        molar_volume=OMEGA,
        area_resistance=resistances,
        film_permeance=limits * OMEGA / FARADAY,
    )
    for phi in POTENTIALS:
        j, slope = current(p, np.full(4, phi))
        for n, (film, limit) in enumerate(zip(resistances, limits, strict=True)):
            alone = current(parameters(0.4, film, limit), np.array([phi]))
            np.testing.assert_allclose([j[n], slope[n]], np.ravel(alone), rtol=1e-9, atol=1e-12)
