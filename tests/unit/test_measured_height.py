"""The height between measured places: through them, smooth, and as the slopes say."""

from __future__ import annotations

import numpy as np
import pytest

from solver.domain.measured import MeasuredHeight

X = np.array([0.0, 0.3, 0.7, 1.2, 2.0])
Y = np.array([0.0, 0.5, 1.0])


def surface(mirrored: bool) -> MeasuredHeight:
    values = np.random.default_rng(3).normal(size=(5, 3))
    if not mirrored:
        values[-1] = values[0]
        values[:, -1] = values[:, 0]
    return MeasuredHeight((X, Y), values, mirrored)


@pytest.mark.parametrize("mirrored", [True, False])
def test_it_goes_through_what_was_measured(mirrored: bool) -> None:
    found = surface(mirrored)
    value, _ = found(X[:, None, None], Y[None, :, None])
    np.testing.assert_allclose(value[..., 0], found.values, atol=1e-13)


@pytest.mark.parametrize("mirrored", [True, False])
def test_slopes_are_those_of_the_height(mirrored: bool) -> None:
    found, step = surface(mirrored), 1e-6
    x, y = np.array([0.1, 0.31, 1.9])[:, None], np.array([0.02, 0.77])[None, :]
    _, slopes = found(x, y)
    for axis, (dx, dy) in enumerate([(step, 0.0), (0.0, step)]):
        difference = (found(x + dx, y + dy)[0] - found(x - dx, y - dy)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[axis], difference, atol=1e-8)


def test_sides_are_level_in_a_mirror_and_alike_where_periodic() -> None:
    _, level = surface(True)(X[[0, -1]], Y[:1])
    assert np.abs(level[0]).max() < 1e-13
    _, alike = surface(False)(X[[0, -1], None], Y[None, :])
    np.testing.assert_allclose(alike[0][0], alike[0][1], atol=1e-13)
    assert np.abs(alike[0]).max() > 0.1


def test_a_parabola_stays_one() -> None:
    """The slopes are of second order: exact where both ends of an interval have neighbours inside."""
    found, inner = MeasuredHeight((X,), X**2, mirrored=True), np.linspace(0.0, 1.2, 25)
    np.testing.assert_allclose(found(inner)[0], inner**2, atol=1e-13)
    assert abs(found(np.array([1.7]))[0] - 1.7**2) > 1e-3  # level at the far side
