"""The finite-volume operators against manufactured solutions, and the identities that they keep exactly.

    u = prod_a f_a(x_a),   k = 2 + prod_a g_a(x_a) / 2,   v_a = w_a(x_a)      on [0, 1]^dim

Lateral factors are periodic; along the normal u has zero slope and v vanishes at both ends, where nothing passes.
"""

from __future__ import annotations

import numpy as np
import pytest

from solver.numerics import linear
from solver.numerics.grid import GHOSTS, Grid, normal_faces
from solver.numerics.linear import LinearSolver
from solver.numerics.operators import (
    Stencil,
    apply_stencil,
    conductance,
    face_mean,
    full_faces,
    gradient,
    hybrid_weight,
    net_outflow,
)
from tests.verification.order import assert_order

PI = np.pi
SIZES = {1: (32, 64, 128), 2: (24, 48, 96), 3: (12, 24, 48)}
dimensions = pytest.mark.parametrize("dim", [1, 2, 3])
spacings = pytest.mark.parametrize("graded", [False, True], ids=["uniform", "graded"])


def unit_grid(dim: int, n: int, graded: bool) -> Grid:
    """n cells per axis on [0, 1]; graded by smooth maps that differ from axis to axis."""
    s = np.linspace(0.0, 1.0, n + 1)
    lateral = s + 0.08 * np.sin(2 * PI * s) if graded else s
    normal = s + 0.25 * s * (1 - s) if graded else s
    return Grid([lateral] * (dim - 1) + [normal], [True] * (dim - 1))


def factors(dim: int, x: list[np.ndarray]) -> list[list[np.ndarray]]:
    """f, f', f'', g, g', w, w' for each axis at the given points."""
    rows = []
    for axis in range(dim - 1):
        a, p = x[axis], 0.5 * axis
        rows.append(
            [
                1.5 + np.sin(2 * PI * a + p),
                2 * PI * np.cos(2 * PI * a + p),
                -4 * PI**2 * np.sin(2 * PI * a + p),
                np.cos(2 * PI * a),
                -2 * PI * np.sin(2 * PI * a),
                1 + 0.5 * np.sin(2 * PI * a),
                PI * np.cos(2 * PI * a),
            ]
        )
    z = x[-1]
    rows.append(
        [
            1.5 + np.cos(PI * z),
            -PI * np.sin(PI * z),
            -(PI**2) * np.cos(PI * z),
            np.exp(-z),
            -np.exp(-z),
            np.sin(PI * z),
            PI * np.cos(PI * z),
        ]
    )
    return rows


def product(rows: list[list[np.ndarray]], columns: dict[int, int], default: int) -> np.ndarray:
    """prod over the axes of one of the factors: columns[axis] where given, else the default one."""
    result = np.ones(())
    for axis, row in enumerate(rows):
        result = result * row[columns.get(axis, default)]
    return result


def solution(dim, x):
    return product(factors(dim, x), {}, 0)


def coefficient(dim, x):
    return 2 + 0.5 * product(factors(dim, x), {}, 3)


def diffusion_of(dim, x):
    """div(k grad u)."""
    rows, k = factors(dim, x), coefficient(dim, x)
    total = np.zeros(())
    for a in range(dim):
        slope = product(rows, {a: 1}, 0)
        total = total + 0.5 * product(rows, {a: 4}, 3) * slope + k * product(rows, {a: 2}, 0)
    return total


def advection_of(dim, x):
    """div(v u)."""
    rows, u = factors(dim, x), solution(dim, x)
    return sum(rows[a][6] * u + rows[a][5] * product(rows, {a: 1}, 0) for a in range(dim))


def conductances(grid: Grid) -> list[np.ndarray]:
    return [conductance(grid, a, coefficient(grid.dim, grid.face_coordinates(a))) for a in range(grid.dim)]


def flows(grid: Grid) -> list[np.ndarray]:
    """v times area on the faces."""
    return [
        full_faces(grid, a, factors(grid.dim, grid.face_coordinates(a))[a][5] * grid.area[a] * grid.interior[a])
        for a in range(grid.dim)
    ]


def assembled(grid: Grid, diffusion: float = 1.0, advection: float = 1.0) -> Stencil:
    """Rows of diffusion * (-div(k grad)) + advection * div(v)."""
    stencil = Stencil(grid)
    for a, (k, flow) in enumerate(zip(conductances(grid), flows(grid), strict=True)):
        k, flow = diffusion * k, advection * flow
        if diffusion:
            stencil.add_conductance(a, k)
        if advection:
            stencil.add_advection(a, flow, hybrid_weight(grid, a, flow, k if diffusion else np.full_like(k, 1e9)))
    return stencil


def mean_error(grid: Grid, found: np.ndarray, exact: np.ndarray) -> float:
    return grid.integral(np.abs(found - exact))


@dimensions
@spacings
def test_diffusion_of_a_manufactured_field_has_order_2(dim, graded):
    """-div(k grad u) with variable k, mean truncation error."""
    errors = []
    for n in SIZES[dim]:
        grid = unit_grid(dim, n, graded)
        x = grid.cell_coordinates()
        found = apply_stencil(assembled(grid, advection=0.0), solution(dim, x)) / grid.volume
        errors.append(mean_error(grid, found, -diffusion_of(dim, x)))
    assert_order([1 / n for n in SIZES[dim]], errors, 2)


@dimensions
@spacings
def test_advection_in_the_central_regime_has_order_2(dim, graded):
    """div(v u) by the hybrid scheme where diffusion is strong enough for linear interpolation."""
    errors = []
    for n in SIZES[dim]:
        grid = unit_grid(dim, n, graded)
        x = grid.cell_coordinates()
        found = apply_stencil(assembled(grid, diffusion=0.0), solution(dim, x)) / grid.volume
        errors.append(mean_error(grid, found, advection_of(dim, x)))
    assert_order([1 / n for n in SIZES[dim]], errors, 2)


@dimensions
@spacings
def test_the_solution_of_advection_diffusion_has_order_2(dim, graded):
    """u - div(k grad u) + div(v u) = f solved for u, largest error."""
    errors = []
    for n in SIZES[dim]:
        grid = unit_grid(dim, n, graded)
        x = grid.cell_coordinates()
        u = solution(dim, x)
        stencil = assembled(grid)
        stencil.diagonal[...] += grid.volume
        source = (u - diffusion_of(dim, x) + advection_of(dim, x)) * grid.volume
        found, outcome = LinearSolver(grid, "test", "gmres", 1e-10).solve(stencil, source)
        assert outcome.converged
        errors.append(grid.max(np.abs(found - u)))
    assert_order([1 / n for n in SIZES[dim]], errors, 2)


def test_the_solution_has_order_2_on_the_grid_of_a_case():
    """Uniform near the contact, then growing: the kinks of the spacing do not lower the order of the solution."""
    sizes, errors = (0.02, 0.01, 0.005), []
    for h in sizes:
        faces = normal_faces(
            lithium_thickness=0.6,
            electrolyte_thickness=0.4,
            spacing=h,
            fine_depths=(0.2, 0.2),
            growth=1 + 4 * h,
            max_spacing=4 * h,
        )
        grid = Grid([faces])
        z = grid.cell_coordinates()[0] + 0.6
        stencil = Stencil(grid)
        stencil.add_conductance(0, conductance(grid, 0, 2 + np.sin(3 * (grid.face_coordinates(0)[0] + 0.6))))
        stencil.diagonal[...] += grid.volume
        u, slope, curvature = np.cos(PI * z), -PI * np.sin(PI * z), -(PI**2) * np.cos(PI * z)
        source = u - (3 * np.cos(3 * z) * slope + (2 + np.sin(3 * z)) * curvature)
        found, _ = LinearSolver(grid, "test", "cg", 1e-10).solve(stencil, source * grid.volume)
        errors.append(grid.max(np.abs(found - u)))
    assert_order(sizes, errors, 2)


@dimensions
@spacings
def test_face_means_and_gradients_have_order_2(dim, graded):
    """Interpolated value and normal derivative on every face against u and du/dx_a there (mean error)."""
    means = {a: [] for a in range(dim)}
    slopes = {a: [] for a in range(dim)}
    for n in SIZES[dim]:
        grid = unit_grid(dim, n, graded)
        ghosted = grid.ghosted(solution(dim, grid.cell_coordinates()))
        for a in range(dim):
            points = grid.face_coordinates(a)
            inner = [slice(None)] * dim
            inner[a] = slice(1, -1)  # at the ends of the normal the ghosts mirror, which is no derivative
            exact_slope = product(factors(dim, points), {a: 1}, 0)
            means[a].append(np.mean(np.abs(face_mean(grid, ghosted, a) - solution(dim, points))[tuple(inner)]))
            slopes[a].append(np.mean(np.abs(gradient(grid, ghosted, a) - exact_slope)[tuple(inner)]))
    for a in range(dim):
        h = [1 / n for n in SIZES[dim]]
        assert_order(h, means[a], 2)
        assert_order(h, slopes[a], 2)


@dimensions
def test_linear_functions_are_interpolated_and_differentiated_exactly(dim):
    """On a graded grid, away from the periodic jump of a linear function."""
    grid = unit_grid(dim, 12, True)
    x = grid.cell_coordinates()
    u = 1 + sum((a + 2) * x[a] for a in range(dim)) + np.zeros(grid.local_shape)
    ghosted = grid.ghosted(u)
    for a in range(dim):
        inner = [slice(None)] * dim
        inner[a] = slice(1, -1)
        exact = 1 + sum((b + 2) * p for b, p in enumerate(grid.face_coordinates(a)))
        exact = exact + np.zeros_like(face_mean(grid, ghosted, a))
        np.testing.assert_allclose(face_mean(grid, ghosted, a)[tuple(inner)], exact[tuple(inner)], rtol=1e-13)
        np.testing.assert_allclose(gradient(grid, ghosted, a)[tuple(inner)], a + 2, rtol=1e-11)


@dimensions
def test_stencil_and_flux_form_agree_to_rounding(dim):
    """Rows times values = net outflow of the fluxes, for random values and coefficients."""
    grid = unit_grid(dim, 12, True)
    rng = np.random.default_rng(1)
    u = rng.normal(size=grid.local_shape)
    ghosted = grid.ghosted(u)
    stencil, fluxes = Stencil(grid), []
    for a in range(dim):
        shape = [n + (i == a) for i, n in enumerate(grid.local_shape)]
        # the first and last face of a periodic axis are one
        k = conductance(grid, a, _wrap(grid, a, np.exp(rng.normal(size=shape))))
        flow = full_faces(grid, a, _wrap(grid, a, rng.normal(size=shape)) * grid.interior[a])
        weight = hybrid_weight(grid, a, flow, k)
        stencil.add_conductance(a, k)
        stencil.add_advection(a, flow, weight)
        lower, upper = grid.sides(ghosted, a)
        fluxes.append(k * (lower - upper) + flow * (lower + weight * (upper - lower)))
    by_rows, by_fluxes = apply_stencil(stencil, u), net_outflow(grid, fluxes)
    np.testing.assert_allclose(by_rows, by_fluxes, rtol=0, atol=1e-13 * np.abs(by_fluxes).max())
    # nothing passes the boundary, so the sum over the box vanishes
    assert abs(grid.sum(by_fluxes)) < 1e-13 * grid.sum(np.abs(by_fluxes))


def _wrap(grid: Grid, axis: int, values: np.ndarray) -> np.ndarray:
    if grid.periodic[axis]:
        np.moveaxis(values, axis, 0)[-1] = np.moveaxis(values, axis, 0)[0]
    return values


@dimensions
def test_net_outflow_sums_to_the_flux_through_the_boundary(dim):
    """Gauss' theorem holds for the sums: arbitrary fluxes, periodic ones cancel."""
    grid = unit_grid(dim, 10, True)
    rng = np.random.default_rng(2)
    fluxes = []
    for a in range(dim):
        shape = [n + (i == a) for i, n in enumerate(grid.local_shape)]
        fluxes.append(_wrap(grid, a, rng.normal(size=shape)))
    through = np.sum(fluxes[-1][..., -1]) - np.sum(fluxes[-1][..., 0])
    assert grid.sum(net_outflow(grid, fluxes)) == pytest.approx(through, abs=1e-11)


@dimensions
def test_a_uniform_field_stays_uniform(dim):
    """Diffusion of a constant is zero; div(v u) of a constant is u div v, so v.grad u vanishes exactly."""
    grid = unit_grid(dim, 12, True)
    u = np.full(grid.local_shape, 0.7)
    scale = grid.sum(np.abs(assembled(grid).diagonal)) / u.size
    assert np.abs(apply_stencil(assembled(grid, advection=0.0), u)).max() < 1e-14 * scale
    left = apply_stencil(assembled(grid, diffusion=0.0), u) - 0.7 * net_outflow(grid, flows(grid))
    assert np.abs(left).max() < 1e-14 * scale


@pytest.mark.parametrize("peclet", [0.1, 1.9, 2.1, 50.0, 1e6])
@pytest.mark.parametrize("own", [False, True])
def test_the_hybrid_scheme_is_monotone_and_central_where_it_may_be(peclet, own, monkeypatch):
    """A step carried through: no over- or undershoot at any cell Peclet number; below 2 linear interpolation.

    Also with PETSc's own multigrid.
    """
    if own:
        monkeypatch.setattr(linear, "multigrid", lambda: "gamg")
    n = 40
    grid = Grid([np.linspace(0.0, 1.0, 5), np.linspace(0.0, 1.0, n + 1)], [True])
    for sign in (1.0, -1.0):
        k = conductance(grid, 1, np.ones(()))
        flow = full_faces(grid, 1, sign * peclet * k[:, 1:2] * grid.interior[1])
        weight = hybrid_weight(grid, 1, flow, k)
        if peclet < 2:
            np.testing.assert_allclose(weight[:, 1:-1], 0.5)
        stencil = Stencil(grid)
        stencil.add_conductance(1, k)
        stencil.add_advection(1, flow, weight)
        assert np.all(stencil.values[1:] <= 1e-12 * peclet)
        stencil.diagonal[...] -= net_outflow(grid, [np.zeros(()), flow])  # v.grad u
        stencil.diagonal[...] += 0.1
        start = np.where(np.arange(n) < n // 2, 1.0, 0.0) + np.zeros(grid.local_shape)
        u, outcome = LinearSolver(grid, "test", "gmres", 1e-12).solve(stencil, 0.1 * start)
        assert outcome.converged
        assert u.min() > -1e-10 and u.max() < 1 + 1e-10


def test_the_hybrid_weight_without_flow_or_diffusion():
    """No flow: linear interpolation. No diffusion: the upwind cell."""
    grid = Grid([np.linspace(0.0, 1.0, 9)])
    k = conductance(grid, 0, np.ones(()))
    still = hybrid_weight(grid, 0, np.zeros_like(k), k)
    np.testing.assert_array_equal(still, np.broadcast_to(grid.upper_weight[0], still.shape))
    np.testing.assert_array_equal(hybrid_weight(grid, 0, np.ones_like(k), np.zeros_like(k)), 0.0)
    np.testing.assert_array_equal(hybrid_weight(grid, 0, -np.ones_like(k), np.zeros_like(k)), 1.0)


@pytest.mark.parametrize("periodic", [True, False])
@dimensions
def test_ghost_cells_wrap_around_or_mirror(dim, periodic):
    """Two layers on every side, corners included: numpy's "wrap" and "symmetric"."""
    faces = [np.linspace(0.0, 1.0, n + 1) for n in (5, 6, 7)[:dim]]
    grid = Grid(faces, [periodic] * (dim - 1))
    u = np.random.default_rng(3).normal(size=grid.local_shape)
    expected = u
    for axis in range(dim):
        width = [(GHOSTS, GHOSTS) if a == axis else (0, 0) for a in range(dim)]
        expected = np.pad(expected, width, mode="wrap" if grid.periodic[axis] else "symmetric")
    np.testing.assert_array_equal(grid.ghosted(u), expected)


def test_integrals_and_extremes():
    """Volume integrals and extremes of known fields on a graded 3-D grid."""
    grid = unit_grid(3, 8, True)
    assert grid.integral(np.ones(grid.local_shape)) == pytest.approx(1.0, rel=1e-14)
    z = grid.cell_coordinates()[-1]
    assert grid.integral(z) == pytest.approx(np.dot(grid.centres[-1], np.diff(grid.faces[-1])), rel=1e-13)
    assert grid.max(z) == grid.centres[-1][-1] and grid.min(z) == grid.centres[-1][0]
