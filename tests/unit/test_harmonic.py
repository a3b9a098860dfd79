"""The solver of harmonic answers against a dense one; iterations that no imaginary part drives up."""

from __future__ import annotations

import numpy as np
import pytest

from solver.numerics.grid import Grid
from solver.numerics.harmonic import HarmonicSolver
from solver.numerics.operators import Stencil, apply_stencil, conductance
from tests.unit.test_linear import unit_grid


def system(dim: int, n: int, size: float) -> tuple[Grid, Stencil, np.ndarray, np.ndarray]:
    """A of a coefficient that varies by 1e4 with a weak reaction, T on half of the cells, b."""
    rng = np.random.default_rng(dim)
    grid, real = unit_grid(dim, n), Stencil(unit_grid(dim, n))
    for axis in range(dim):
        shape = [m + (a == axis) for a, m in enumerate(grid.local_shape)]
        coefficient = 10 ** rng.uniform(-2, 2, size=shape)
        faces = np.moveaxis(coefficient, axis, 0)
        faces[-1] = faces[0]  # where sides are periodic these are the same
        real.add_conductance(axis, conductance(grid, axis, coefficient))
    real.diagonal[...] += 1e-3 * grid.volume
    imaginary = size * grid.volume * (rng.uniform(size=grid.local_shape) > 0.5)
    return grid, real, imaginary, rng.normal(size=grid.local_shape)


def dense(grid: Grid, stencil: Stencil) -> np.ndarray:
    columns = [apply_stencil(stencil, one.reshape(grid.local_shape)).ravel() for one in np.eye(grid.volume.size)]
    return np.array(columns).T


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_the_solution_is_that_of_a_dense_complex_system(dim, size):
    grid, real, imaginary, b = system(dim, {1: 40, 2: 9, 3: 5}[dim], size)
    found, left, outcome = HarmonicSolver(grid, "test", 1e-12).solve(real, imaginary, b, None)
    exact = np.linalg.solve(dense(grid, real) + 1j * np.diag(imaginary.ravel()), b.ravel())
    assert outcome.converged
    np.testing.assert_allclose(found.ravel(), exact, atol=1e-9 * np.abs(exact).max())
    assert np.linalg.norm(left) < 1e-8 * np.linalg.norm(b)
    wrong = np.linalg.solve(dense(grid, real) - 1j * np.diag(imaginary.ravel()), b.ravel())
    if size <= 1.0:  # as large as A or less: its sign shows
        assert np.abs(wrong - exact).max() > 1e-9 * np.abs(exact).max()


@pytest.mark.parametrize("n", [16, 64])
def test_iterations_depend_neither_on_the_grid_nor_on_the_imaginary_part(n):
    for size in 10.0 ** np.arange(-6, 9, 2):
        grid, real, imaginary, b = system(2, n, size)
        _, _, outcome = HarmonicSolver(grid, "test", 1e-9).solve(real, imaginary, b, None)
        assert outcome.converged and outcome.iterations <= 20


def test_a_good_start_saves_iterations():
    grid, real, imaginary, b = system(2, 16, 1.0)
    solver = HarmonicSolver(grid, "test", 1e-9)
    first, _, slow = solver.solve(real, imaginary, b, None)
    again, _, quick = solver.solve(real, imaginary, b, first)
    assert quick.iterations < slow.iterations
    np.testing.assert_allclose(again, first, atol=1e-8 * np.abs(first).max())


def test_what_does_not_converge_says_so(monkeypatch):
    monkeypatch.setattr("solver.numerics.harmonic.MOST", 1)
    grid, real, imaginary, b = system(2, 16, 1.0)
    _, left, outcome = HarmonicSolver(grid, "test", 1e-12).solve(real, imaginary, b, None)
    assert not outcome.converged and outcome.reason == "diverged max it"
    assert np.linalg.norm(left) > 1e-12 * np.linalg.norm(b)
