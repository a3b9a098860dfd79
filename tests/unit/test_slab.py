"""Layers of a grid: a grid of its own, the whole grid's values of it and back, and what its solvers keep."""

import numpy as np
import pytest

from solver.numerics.grid import Grid
from solver.numerics.linear import LinearSolver
from solver.numerics.operators import Stencil, apply_stencil, conductance
from solver.numerics.slab import Slab, layers_with

FACES = (np.linspace(0.0, 1.0, 6), np.linspace(0.0, 1.0, 13) ** 1.2)
LAYERS = ((0, 7), (4, 12), (3, 8))


def diffusion(grid: Grid) -> Stencil:
    stencil = Stencil(grid)
    for axis in range(grid.dim):
        points = grid.face_coordinates(axis)
        stencil.add_conductance(axis, conductance(grid, axis, 1 + sum((p**2 for p in points), np.zeros(()))))
    stencil.diagonal[...] += 1e-2 * grid.volume
    return stencil


@pytest.mark.parametrize("first, last", LAYERS)
def test_a_slab_is_the_grid_of_its_layers(first, last):
    whole = Grid(FACES, [True])
    slab, alone = Slab(whole, first, last), Grid((FACES[0], FACES[1][first : last + 1]), [True])
    values = np.random.default_rng(1).random(whole.local_shape)
    part = slab.of(values)
    np.testing.assert_array_equal(slab.ghosted(part), alone.ghosted(part))
    np.testing.assert_array_equal(apply_stencil(diffusion(slab), part), apply_stencil(diffusion(alone), part))
    assert (slab.is_bottom, slab.is_top) == (True, True)
    assert slab.integral(part) == alone.integral(part)
    for method in ("cg", "gmres"):
        found, alike = (LinearSolver(g, "test", method, 1e-12).solve(diffusion(g), part)[0] for g in (slab, alone))
        np.testing.assert_array_equal(found, alike)


@pytest.mark.parametrize("first, last", LAYERS)
def test_values_of_the_whole_grid_and_back(first, last):
    whole = Grid(FACES, [True])
    slab, values = Slab(whole, first, last), np.random.default_rng(2).random(whole.local_shape)
    np.testing.assert_array_equal(slab.of(values), values[:, first:last])
    np.testing.assert_array_equal(slab.of(values[:, :1]), values[:, :1])  # broadcastable along the normal
    for axis in range(2):
        faces = np.random.default_rng(3).random([n + (a == axis) for a, n in enumerate(whole.local_shape)])
        np.testing.assert_array_equal(slab.of_faces(axis, faces), faces[:, first : last + (axis == 1)])
    np.testing.assert_array_equal(slab.onto(2 * slab.of(values), values)[:, first:last], 2 * values[:, first:last])
    outside = np.ones(whole.local_shape, dtype=bool)
    outside[:, first:last] = False
    np.testing.assert_array_equal(slab.onto(slab.of(values), values)[outside], values[outside])
    ends = np.pad(values[:, first:last], ((0, 0), (first, whole.shape[1] - last)), mode="edge")
    np.testing.assert_array_equal(slab.extended(slab.of(values)), ends)


def test_layers_with_some_cells():
    grid = Grid(FACES, [True])
    cells = np.zeros(grid.local_shape, dtype=bool)
    cells[2, 4], cells[0, 6] = True, True
    assert layers_with(grid, cells).shape == (5, 3)
    cells[1, 0], cells[1, -1] = True, True
    assert layers_with(grid, cells) is grid


def test_the_preconditioner_of_a_slab_is_kept_on_the_whole_grid():
    whole = Grid(FACES, [True])
    slab = Slab(whole, 4, 12)
    rhs = np.random.default_rng(4).random(slab.local_shape)
    solver, other = (LinearSolver(slab, "test", "gmres", 1e-8) for _ in range(2))
    solver.solve(diffusion(slab), rhs)
    kept = solver.kept()
    assert kept.arrays["matrix"].shape == (*whole.local_shape, 5)
    other.take_up(kept)
    more = np.full(slab.local_shape, 0.3)
    found, alike = (s.solve(diffusion(slab), rhs, added=more) for s in (solver, other))
    np.testing.assert_array_equal(found[0], alike[0])
    assert other.setups == 0
    same, _ = LinearSolver(slab, "test", "gmres", 1e-12).solve(diffusion(slab).plus(more), rhs)
    np.testing.assert_allclose(found[0], same, rtol=1e-6)
