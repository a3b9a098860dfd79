"""Staggered operators: strain rates of linear velocities, adjointness, boundaries, averages, faces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.staggered import Staggered


def graded(dim: int, periodic: bool = False) -> Grid:
    s = [np.linspace(0.0, 1.0, n + 1) for n in (6, 5, 7)]
    return Grid([a + 0.1 * a * a for a in (s[: dim - 1])] + [s[2] ** 1.2], [periodic] * (dim - 1))


def product(matrix: Any, values: Array) -> Array:
    x, y = matrix.createVecs()
    x.array[...] = values.ravel()
    matrix.mult(x, y)
    return y.array.copy()


def adjoint(matrix: Any, values: Array) -> Array:
    x, y = matrix.createVecs()
    y.array[...] = values.ravel()
    matrix.multTranspose(y, x)
    return x.array.copy()


@pytest.mark.parametrize("dim", [2, 3])
def test_strain_rates_of_linear_velocities_are_exact(dim):
    """v_a = sum_b L_ab x_b, in the interior of a graded grid: d_aa = L_aa, gamma_ab = L_ab + L_ba, div = trace."""
    grid = graded(dim)
    mac = Staggered(grid)
    slopes = np.random.default_rng(1).normal(size=(dim, dim))
    velocity = np.zeros((*grid.local_shape, dim))
    for a in range(dim):
        points = grid.cell_coordinates()
        points[a] = grid.along(a, grid.faces[a][:-1])
        velocity[..., a] = sum(slopes[a, b] * points[b] for b in range(dim))
    rates = product(mac.strain, velocity).reshape(-1, *grid.local_shape) / mac.length
    inside = (*(slice(1, -1),) * dim,)
    for a in range(dim):
        np.testing.assert_allclose(rates[a][inside], slopes[a, a], atol=1e-12)
    for row, (a, b) in enumerate(mac.pairs):
        np.testing.assert_allclose(rates[dim + row][inside], slopes[a, b] + slopes[b, a], atol=1e-12)
    divergence = product(mac.divergence, velocity).reshape(grid.local_shape) / mac.length
    np.testing.assert_allclose(divergence, rates[:dim].sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("dim", [2, 3])
def test_a_wall_holds_and_the_bottom_slides(dim, periodic):
    """v_x = 1: shear 2/h at the wall only, over half a cell; and none when the wall is not bonded."""
    grid = graded(dim, periodic)
    across = grid.spacing[-1].ravel()[-1]
    for bonded, exact in ((True, -2.0 / across), (False, 0.0)):
        mac = Staggered(grid, bonded=bonded)
        velocity = np.zeros((*grid.local_shape, dim))
        velocity[..., 0] = ~np.broadcast_to(mac.fixed(0), grid.local_shape)
        row = dim + mac.pairs.index((0, dim - 1))
        shear = product(mac.strain, velocity).reshape(-1, *grid.local_shape)[row] / mac.length
        np.testing.assert_allclose(shear[1:, ..., -1], exact, atol=1e-12)
        np.testing.assert_allclose(shear[1:, ..., :-1], 0, atol=1e-12)
        edges = mac.edge_volume[mac.pairs.index((0, dim - 1))]
        assert np.all((edges[1:, ..., -1] > 0) == bonded)
        assert np.all((edges[0] > 0) == (periodic and (bonded or np.arange(grid.shape[-1]) < grid.shape[-1] - 1)))


@pytest.mark.parametrize("dim", [2, 3])
def test_volumes_of_cells_and_edges(dim):
    """Edges with the normal fill the periodic box but for the half cell at the bottom, which slides."""
    grid = graded(dim, periodic=True)
    mac = Staggered(grid)
    whole = grid.integral(np.ones(grid.local_shape)) / mac.length**dim
    assert mac.volume.sum() == pytest.approx(whole)
    missing = 0.5 * grid.spacing[-1].ravel()[0] * grid.lateral_area / mac.length**dim
    for (_, b), volume in zip(mac.pairs, mac.edge_volume, strict=True):
        assert volume.sum() == pytest.approx(whole - (missing if b == dim - 1 else 0))


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("dim", [2, 3])
def test_the_means_of_edges_and_cells(dim, periodic):
    """A linear field is averaged exactly on a uniform grid; edges without shear count as zero."""
    faces = [np.linspace(0, 1, n + 1) for n in (6, 5, 7)]
    grid = Grid([*faces[: dim - 1], faces[2]], [periodic] * (dim - 1))
    mac = Staggered(grid)
    x = grid.cell_coordinates()
    values = np.broadcast_to(sum((a + 1) * c for a, c in enumerate(x)), grid.local_shape)
    inside = (*(slice(1, -1),) * dim,)
    for a, b in mac.pairs:
        shift = [0.5 * grid.spacing[c].ravel()[0] * (1 if c == dim - 1 else -1) * (c + 1) for c in (a, b)]
        edges = mac.to_edges(values, a, b)
        np.testing.assert_allclose(edges[inside], (values + sum(shift))[inside], atol=1e-12)
        np.testing.assert_allclose(mac.to_cells(edges, a, b)[inside][inside], values[inside][inside], atol=1e-12)
        share = mac.to_cells(np.ones(grid.local_shape), a, b)
        assert share.max() == 1
        if b == dim - 1:
            np.testing.assert_allclose(share[inside[:-1]][..., 0], 0.5)
            np.testing.assert_allclose(share[inside[:-1]][..., 1:], 1)
        if not periodic:
            assert np.all(np.moveaxis(share, a, 0)[[0, -1]] <= 0.5)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("dim", [2, 3])
def test_loose_faces_have_soft_cells_and_a_stiff_edge(dim, periodic):
    """The same from the rows of the strain rates that a velocity takes part in, away from sides without shear."""
    grid = graded(dim, periodic)
    mac = Staggered(grid)
    stiff = np.random.default_rng(2).random((1 + len(mac.pairs), *grid.local_shape)) < 0.1
    cells, *edges = np.where(stiff, 1.0, 1e-8)
    faces = mac.loose_faces(cells, edges, 0.2)
    rows = mac.strain.copy().convert("dense").getDenseArray()
    holds = (rows != 0) & np.concatenate([stiff[:1].repeat(dim, axis=0), stiff[1:]]).reshape(-1, 1)
    normal = dim * mac.cells
    expected = (holds[normal:].any(axis=0) & ~holds[:normal].any(axis=0)).reshape(faces.shape)
    inside = (*(slice(None) if periodic else slice(1, -1),) * (dim - 1), slice(1, None))
    np.testing.assert_array_equal(faces[inside], expected[inside])
    assert 0.05 < faces.mean() < 0.5
    assert not mac.loose_faces(np.ones(grid.local_shape), [np.ones(grid.local_shape)] * len(edges), 0.2).any()


@pytest.mark.parametrize("dim", [2, 3])
def test_stresses_work_as_the_loads_do(dim):
    """Transposed strain: force on rigid motions is that on the boundary only; constant stress balances inside."""
    grid = graded(dim, periodic=True)
    mac = Staggered(grid)
    stress = np.zeros((dim + len(mac.pairs), *grid.local_shape))
    stress[dim - 1] = -mac.volume
    force = adjoint(mac.strain, stress).reshape(*grid.local_shape, dim)
    np.testing.assert_allclose(force[..., 1:, -1], 0, atol=1e-10)
    np.testing.assert_allclose(force[..., :-1], 0, atol=1e-10)
    np.testing.assert_allclose(force[..., 0, -1], mac.bottom_area[..., 0], atol=1e-10)


def test_symmetry_planes_and_free_sides():
    grid = graded(3)
    fixed = Staggered(grid).fixed(0)
    assert fixed.ravel().tolist() == [True] + [False] * 5
    assert not Staggered(grid, free=(0,)).fixed(0).any() and Staggered(grid, free=(0,)).fixed(1).any()
    assert not Staggered(grid).fixed(2).any()
    rows = Staggered(grid).constraint_rows
    # of 6 x 5 bottom faces the ties along both axes and the spring; the planes of 5 x 7 and 6 x 7 faces
    assert rows.shape == (5 * 5 + 6 * 4 + 6 * 5 + 5 * 7 + 6 * 7, 3 * 210)


def test_the_constraints_tie_the_platen():
    """No force on a platen that moves as one; the spring resists it by its area."""
    grid = graded(2)
    mac = Staggered(grid)
    moving = np.zeros((*grid.local_shape, 2))
    moving[:, 0, -1] = 1.0
    rows = mac.constraint_rows
    weights = mac.constraint_weights(7.0, 3.0, 5.0)
    force = rows.T @ (weights * (rows @ moving.ravel()))
    np.testing.assert_allclose(force.reshape(moving.shape)[:, 0, -1], 3.0 * mac.bottom_area[:, 0], atol=1e-12)
    moving[0, 0, -1] = 2.0
    force = (rows.T @ (weights * (rows @ moving.ravel()))).reshape(moving.shape)[:, 0, -1]
    assert force[0] == pytest.approx(7.0 + 6.0 * mac.bottom_area[0, 0])
    assert force[1] == pytest.approx(-7.0 + 3.0 * mac.bottom_area[1, 0])


@pytest.mark.parametrize("periodic", [True, False])
def test_velocities_of_all_faces(periodic):
    """Upper ones too: those of the wall and of planes of symmetry are zero, of a periodic side the first again."""
    grid = graded(2, periodic)
    velocity = np.random.default_rng(3).normal(size=(*grid.local_shape, 2))
    across, along = Staggered(grid).faces(velocity)
    np.testing.assert_array_equal(across[:-1], velocity[..., 0])
    np.testing.assert_array_equal(across[-1], velocity[0, :, 0] if periodic else 0 * across[-1])
    np.testing.assert_array_equal(along[:, :-1], velocity[..., 1])
    assert not along[:, -1].any()
