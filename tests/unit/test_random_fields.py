"""Random numbers and fields depend on seed and place only, and have the statistics that they state."""

from __future__ import annotations

import numpy as np
import pytest

from solver.numerics.grid import Grid
from solver.numerics.random_fields import LateralField, arrivals, normal, uniform

IDS = np.arange(200_000, dtype=np.uint64)
WIDTH, LENGTH = 20e-6, 1.5e-6


@pytest.mark.parametrize("draw", [uniform, normal])
def test_numbers_do_not_depend_on_order_or_partition(draw):
    """Any subset in any order and shape gives bit for bit the numbers of the whole."""
    whole = draw(7, 3, IDS[:1000])
    shuffled = np.random.default_rng(0).permutation(1000)
    np.testing.assert_array_equal(draw(7, 3, IDS[shuffled]), whole[shuffled])
    np.testing.assert_array_equal(np.concatenate([draw(7, 3, IDS[:123]), draw(7, 3, IDS[123:1000])]), whole)
    np.testing.assert_array_equal(draw(7, 3, IDS[:1000].reshape(10, 100)).ravel(), whole)


@pytest.mark.parametrize("draw", [uniform, normal])
def test_numbers_depend_on_seed_step_and_place(draw):
    """No two keys share their numbers, also where seed and step are exchanged or negative."""
    keys = [(0, 0), (1, 0), (0, 1), (2, 1), (1, 2), (-1, 0), (0, -1)]
    drawn = np.array([draw(seed, step, IDS[:1000]) for seed, step in keys])
    assert len(np.unique(drawn)) == drawn.size
    correlation = np.corrcoef(drawn) - np.eye(len(keys))
    assert np.abs(correlation).max() < 4.5 / np.sqrt(1000)


def test_uniform_numbers_are_uniform():
    """Mean 1/2, variance 1/12, flat histogram, neighbours uncorrelated, never 0 or 1 (5 standard errors)."""
    u, n = uniform(1, 0, IDS), len(IDS)
    assert u.min() > 0 and u.max() < 1
    assert abs(u.mean() - 0.5) < 5 * np.sqrt(1 / 12 / n)
    assert abs(u.var() - 1 / 12) < 5 * np.sqrt(1 / 180 / n)
    counts, _ = np.histogram(u, bins=50, range=(0, 1))
    assert ((counts - n / 50) ** 2 / (n / 50)).sum() < 49 + 5 * np.sqrt(2 * 49)
    for lag in (1, 2, 64, 256):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 5 / np.sqrt(n)


def test_normal_numbers_are_normal():
    """Mean 0, variance 1, third moment 0, fourth moment 3 (5 standard errors); bounded tails exist."""
    x, n = normal(1, 0, IDS), len(IDS)
    assert abs(x.mean()) < 5 / np.sqrt(n)
    assert abs(x.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((x**3).mean()) < 5 * np.sqrt(15 / n)
    assert abs((x**4).mean() - 3) < 5 * np.sqrt(96 / n)
    assert 3.8 < np.abs(x).max() < 6.5


@pytest.mark.parametrize("expected", [0.3, 2.0, 40.0])
def test_arrivals_are_those_of_a_poisson_process(expected):
    """Mean and variance of the number are what is expected, and so is the share of none (3 standard errors)."""
    ids = IDS[:20_000]
    number, n = arrivals(1, ids, np.full(len(ids), expected)), len(ids)
    assert abs(number.mean() - expected) < 3 * np.sqrt(expected / n)
    assert abs(number.var() - expected) < 3 * np.sqrt((expected + 2 * expected**2) / n)
    none = np.exp(-expected)
    assert abs((number == 0).mean() - none) <= 3 * np.sqrt(none * (1 - none) / n)
    assert abs(np.corrcoef(number[1:], number[:-1])[0, 1]) < 3 / np.sqrt(n)


def test_arrivals_depend_on_the_seed_the_place_and_the_time_only():
    """Any subset gives those of the whole; later there are more, where there is no time there are none."""
    times = np.linspace(0, 9, 1000)
    whole = arrivals(1, IDS[:1000], times)
    np.testing.assert_array_equal(arrivals(1, IDS[300:400], times[300:400]), whole[300:400])
    later = arrivals(1, IDS[:1000], times + 3)
    assert np.all(later >= whole) and np.any(later > whole) and whole[0] == 0
    assert np.any(arrivals(2, IDS[:1000], times) != whole)


def test_a_field_is_the_same_on_every_grid():
    """Sampled through a coarse grid and one whose cells are a third: equal where cell centres coincide, bit for bit."""
    field = LateralField((WIDTH,), LENGTH, 1)
    coarse, fine = (
        Grid([np.linspace(0, WIDTH, n + 1), np.linspace(0, 1e-6, 5)], [True]).cell_coordinates()[0] for n in (40, 120)
    )
    np.testing.assert_allclose(field(fine)[1::3], field(coarse), rtol=0, atol=1e-11)


@pytest.mark.parametrize("periods", [(WIDTH,), (WIDTH, 12e-6)])
def test_a_field_is_periodic_with_zero_mean(periods):
    """Values repeat after a period; the mean over the period vanishes."""
    field = LateralField(periods, LENGTH, 3)
    x = [np.linspace(0, p, 48, endpoint=False) for p in periods]
    points = np.meshgrid(*x, indexing="ij", sparse=True)
    values = field(*points)
    shifted = field(*(p + period for p, period in zip(points, periods, strict=True)))
    np.testing.assert_allclose(shifted, values, atol=1e-9)
    assert abs(values.mean()) < 1e-9


def stated_covariance(distance: np.ndarray) -> np.ndarray:
    """(G(r) - g) / (1 - g): Gaussian G summed over the images, without its mean g = sqrt(2 pi) l / period."""
    images = distance[:, None] + WIDTH * np.arange(-3, 4)
    g = np.sqrt(2 * np.pi) * LENGTH / WIDTH
    return (np.exp(-(images**2) / (2 * LENGTH**2)).sum(axis=1) - g) / (1 - g)


def test_covariance_of_a_field():
    """1500 seeds: mean 0, variance 1, correlation that of a Gaussian exp(-r^2/2l^2) without its mean (4.5 s.e.)."""
    x = np.linspace(0, WIDTH, 40, endpoint=False)
    values = np.array([LateralField((WIDTH,), LENGTH, seed)(x) for seed in range(1500)])
    assert np.abs(values.mean(axis=0)).max() < 4.5 / np.sqrt(1500)
    found = np.mean([(values * np.roll(values, -k, axis=1)).mean(axis=0) for k in range(len(x))], axis=1)
    assert np.abs(found - stated_covariance(x)).max() < 4.5 * 1.5 / np.sqrt(1500)
    assert found[0] == pytest.approx(1.0, abs=0.05)


def test_variance_of_a_field_in_two_lateral_directions():
    """600 seeds at 9 places: mean 0, variance 1 (5 s.e.)."""
    x = np.linspace(0, WIDTH, 3, endpoint=False)
    values = np.array([LateralField((WIDTH, WIDTH), 3e-6, seed)(x[:, None], x[None]) for seed in range(600)])
    assert np.abs(values.mean(axis=0)).max() < 5 / np.sqrt(600)
    assert np.abs(values.var(axis=0) - 1).max() < 5 * np.sqrt(2 / 600)


def test_far_below_the_period_the_correlation_is_gaussian():
    """Correlation length 1/100 of the period: exp(-r^2/2l^2) within 3 %."""
    period, length = 100.0, 1.0
    r = np.array([0.0, 0.5, 1.0, 1.5, 2.5])
    start = np.linspace(0, period, 200, endpoint=False)
    total = np.zeros(len(r))
    for seed in range(60):
        field = LateralField((period,), length, seed)
        at_start = field(start)
        total += [(at_start * field(start + distance)).mean() for distance in r]
    np.testing.assert_allclose(total / 60, np.exp(-(r**2) / 2), atol=0.03 + np.sqrt(2 * np.pi) / 100)


@pytest.mark.parametrize("periods", [(WIDTH,), (WIDTH, 12e-6)])
def test_the_gradient_is_the_derivative(periods):
    """Both slopes against central differences."""
    field = LateralField(periods, LENGTH, 5)
    rng = np.random.default_rng(1)
    points = [rng.uniform(0, p, size=20) for p in periods]
    _, slopes = field.with_gradient(*points)
    e = 1e-10
    for axis, slope in enumerate(slopes):
        up = [p + e * (a == axis) for a, p in enumerate(points)]
        down = [p - e * (a == axis) for a, p in enumerate(points)]
        np.testing.assert_allclose(slope, (field(*up) - field(*down)) / (2 * e), rtol=0, atol=1e-5 / LENGTH)


def test_fields_of_other_seeds_differ():
    """Two seeds are uncorrelated on the average over a long field."""
    x = np.linspace(0, 500e-6, 2000)
    a, b = (LateralField((500e-6,), LENGTH, seed)(x) for seed in (1, 2))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.25


@pytest.mark.parametrize("extents", [(WIDTH,), (WIDTH, 12e-6)])
def test_a_mirrored_field_is_even_about_the_planes_of_its_box(extents):
    """No slope across a plane, variance 1 on average over the box, gradient = derivative."""
    doubled = tuple(2 * e for e in extents)
    rng = np.random.default_rng(2)
    x = [rng.uniform(0, e, size=400) for e in extents]
    squares = []
    for seed in range(150 if len(extents) == 1 else 40):
        field = LateralField(doubled, LENGTH, seed, mirrored=True)
        squares.append(np.mean(field(*x) ** 2))
    assert np.mean(squares) == pytest.approx(1.0, abs=0.1)
    value, slopes = field.with_gradient(*x)
    for axis, extent in enumerate(extents):
        ahead = [c + 1e-11 * (a == axis) for a, c in enumerate(x)]
        assert np.allclose(slopes[axis], (field(*ahead) - value) / 1e-11, rtol=1e-3, atol=50)
        for plane in (0.0, extent):
            at_plane = [np.full(5, plane) if a == axis else c[:5] for a, c in enumerate(x)]
            assert np.allclose(field.with_gradient(*at_plane)[1][axis], 0.0, atol=1e-6)
