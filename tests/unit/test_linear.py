"""Linear solves: right answers, preconditioners that are kept while they pay, iterations that do not grow."""

from __future__ import annotations

import numpy as np
import pytest

from solver.domain.contact import Layers, face_conductivities, make_contact
from solver.numerics import linear
from solver.numerics.grid import Grid
from solver.numerics.kept import Kept
from solver.numerics.linear import Forcing, LinearSolver
from solver.numerics.operators import Stencil, apply_stencil, conductance, face_mean, hybrid_weight
from solver.petsc import PETSc


def unit_grid(dim: int, n: int) -> Grid:
    s = np.linspace(0.0, 1.0, n + 1)
    return Grid([s] * (dim - 1) + [s + 0.2 * s * (1 - s)], [True] * (dim - 1))


@pytest.fixture(params=["as built", "gamg"])
def each_multigrid(request, monkeypatch):
    """The multigrid that PETSc was built with, then PETSc's own."""
    if request.param == "gamg":
        monkeypatch.setattr(linear, "multigrid", lambda: "gamg")


def diffusion(grid: Grid, coefficient: float = 1.0, inertia: float = 1.0) -> Stencil:
    stencil = Stencil(grid)
    for axis in range(grid.dim):
        stencil.add_conductance(axis, conductance(grid, axis, coefficient * np.ones(())))
    stencil.diagonal[...] += inertia * grid.volume
    return stencil


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("periodic", [True, False])
def test_the_matrix_is_the_stencil(dim, periodic):
    """The assembled matrix times a vector is `apply_stencil`, with random rows, also on 4 and 5 cells."""
    rng = np.random.default_rng(dim)
    grid = Grid([np.linspace(0, 1, n + 1) for n in (5, 4, 6)[:dim]], [periodic] * (dim - 1))
    stencil = Stencil(grid)
    for axis in range(dim):
        shape = [n + (a == axis) for a, n in enumerate(grid.local_shape)]
        k = conductance(grid, axis, rng.uniform(1, 2, size=shape))
        flow = rng.normal(size=shape) * grid.interior[axis]
        stencil.add_conductance(axis, k)
        stencil.add_advection(axis, flow, hybrid_weight(grid, axis, flow, k))
    stencil.diagonal[...] += 1.0
    solver = LinearSolver(grid, "test", "gmres", 1e-12)
    exact = rng.normal(size=grid.local_shape)
    found, outcome = solver.solve(stencil, apply_stencil(stencil, exact))
    assert outcome.converged
    np.testing.assert_allclose(found, exact, atol=1e-9)
    x, y = grid.vector(), grid.vector()
    grid.view(x)[...] = exact
    solver.matrix.mult(x, y)
    np.testing.assert_allclose(grid.view(y), apply_stencil(stencil, exact), atol=1e-12)


@pytest.mark.parametrize("method", ["cg", "gmres"])
@pytest.mark.parametrize("rtol", [1e-4, 1e-12])
def test_the_residual_is_below_the_tolerance(method, rtol):
    """|b - A x| <= rtol |b|, the true residual, and the outcome says so."""
    grid = unit_grid(2, 32)
    rhs = np.random.default_rng(1).normal(size=grid.local_shape)
    stencil = diffusion(grid)
    found, outcome = LinearSolver(grid, "test", method, rtol).solve(stencil, rhs)
    assert outcome.converged and outcome.iterations > 0
    residual = np.linalg.norm(apply_stencil(stencil, found) - rhs) / np.linalg.norm(rhs)
    assert residual <= 1.01 * rtol
    assert outcome.norm == pytest.approx(residual * np.linalg.norm(rhs), rel=0.05)


def test_a_tolerance_of_one_solve_does_not_outlive_it():
    """A looser rtol holds for that solve only; a tighter one than the solver's is not given."""
    grid = unit_grid(2, 32)
    solver, stencil = LinearSolver(grid, "test", "cg", 1e-8), diffusion(grid)
    rhs = np.random.default_rng(1).normal(size=grid.local_shape)
    counts = [solver.solve(stencil, rhs, rtol)[1].iterations for rtol in (1e-2, None, 1e-14, 1e-8)]
    assert counts[0] < counts[1] == counts[2] == counts[3]


def test_a_preconditioner_is_kept_while_it_pays():
    """Thirty slowly changing systems, loose and tight solves mixed: one set-up."""
    grid = unit_grid(2, 48)
    solver = LinearSolver(grid, "test", "cg", 1e-10)
    rhs = np.random.default_rng(2).normal(size=grid.local_shape)
    for step in range(30):
        _, outcome = solver.solve(diffusion(grid, 1 + 0.02 * step), rhs, 1e-3 if step % 2 else None)
        assert outcome.converged
    assert solver.setups == 1


@pytest.mark.usefixtures("each_multigrid")
def test_a_preconditioner_that_stops_paying_is_rebuilt():
    """Conductivity that jumps by 100 elsewhere: many iterations once, then a set-up and few again, which is kept."""
    grid = unit_grid(2, 48)
    solver = LinearSolver(grid, "test", "cg", 1e-10, max_iterations=1000)
    rhs = np.random.default_rng(2).normal(size=grid.local_shape)
    x, z = grid.cell_coordinates()

    def system(conducting: np.ndarray) -> Stencil:
        stencil = Stencil(grid)
        ghosted = grid.ghosted(np.where(conducting, 1.0, 1e-2))
        for axis in range(2):
            stencil.add_conductance(axis, conductance(grid, axis, face_mean(grid, ghosted, axis)))
        stencil.diagonal[...] += 1e-3 * grid.volume
        return stencil

    left, right = system((x < 0.5) & (z < 2)), system((x > 0.5) & (z < 2))
    first, worse, rebuilt = (solver.solve(s, rhs)[1].iterations for s in (left, right, right))
    fresh = LinearSolver(grid, "test", "cg", 1e-10).solve(right, rhs)[1].iterations
    assert worse > 3 * first and rebuilt == fresh <= first + 2
    assert solver.setups == 2
    for _ in range(5):
        assert solver.solve(right, rhs)[1].iterations == rebuilt
    assert solver.setups == 2


@pytest.mark.usefixtures("each_multigrid")
def test_a_solve_that_fails_with_a_kept_preconditioner_is_repeated_with_a_new_one():
    """The caller sees convergence, and the iterations of both attempts."""
    grid = unit_grid(2, 48)
    rhs = np.random.default_rng(2).normal(size=grid.local_shape)
    solver = LinearSolver(grid, "test", "cg", 1e-10, max_iterations=30)
    solver.solve(diffusion(grid, 1e-6, 1e4), rhs)
    _, outcome = solver.solve(diffusion(grid, 1.0, 1.0), rhs)
    assert outcome.converged and 30 < outcome.iterations <= 60
    assert solver.setups == 2


@pytest.mark.usefixtures("each_multigrid")
@pytest.mark.parametrize(("method", "inertia"), [("cg", 1.0), ("gmres", 1.0), ("gmres", 1e4)])
@pytest.mark.parametrize("forgets", [False, True])
def test_what_is_kept_makes_the_same_preconditioner_again(method, inertia, forgets):
    """The next solution bit for bit, multigrid and ILU; another one where nothing is taken up."""
    grid = unit_grid(2, 32)
    rng = np.random.default_rng(3)
    rhs = rng.normal(size=grid.local_shape)
    solvers = [LinearSolver(grid, "test", method, 1e-6) for _ in range(2)]
    for coefficient in (1e3, 1.0, 1.3):  # of which the first is given up
        solvers[0].solve(diffusion(grid, coefficient, inertia), rhs)
    assert solvers[0].kept().arrays, "nothing was kept"
    if not forgets:
        solvers[1].take_up(solvers[0].kept())
    (x, one), (y, other) = (s.solve(diffusion(grid, 1.5, inertia), rhs) for s in solvers)
    assert one.converged and other.converged
    assert np.array_equal(x, y) != forgets


def test_a_set_up_with_nothing_to_solve_for_is_one():
    """Nothing on the right-hand side, so the preconditioner is not applied, with the matrix for which it is made."""
    grid = unit_grid(2, 32)
    rhs = np.random.default_rng(3).normal(size=grid.local_shape)
    counts = []
    for first in (np.zeros_like(rhs), rhs):
        solver = LinearSolver(grid, "test", "gmres", 1e-10)
        solver.solve(diffusion(grid, 1e-3, 10.0), rhs)
        solver.take_up(Kept())
        solver.solve(diffusion(grid, 1.0, 1e3), first)
        counts.append(solver.solve(diffusion(grid, 1.0, 1e3), rhs)[1].iterations)
    assert counts[0] == counts[1]


def test_failure_is_an_outcome():
    """Too few iterations: not converged, with PETSc's reason in words."""
    grid = unit_grid(2, 48)
    rhs = np.random.default_rng(2).normal(size=grid.local_shape)
    _, outcome = LinearSolver(grid, "test", "cg", 1e-12, max_iterations=1).solve(diffusion(grid), rhs)
    assert not outcome.converged
    assert outcome.reason == "diverged max it" and outcome.iterations == 1


def test_our_options_do_not_stay_and_those_of_the_user_count():
    """PETSc's database is after a solve as before; -<name>_sub_pc_type none takes more iterations than our ILU."""
    grid = unit_grid(2, 32)
    rhs = np.random.default_rng(1).normal(size=grid.local_shape)
    options = PETSc.Options()

    def iterations() -> tuple[str, int]:
        solver, before = LinearSolver(grid, "user", "gmres", 1e-8), options.getAll()
        _, outcome = solver.solve(diffusion(grid, inertia=1e3), rhs)
        assert outcome.converged and options.getAll() == before
        return solver.ksp.getPC().getType(), outcome.iterations

    kind, ours = iterations()
    options["user_sub_pc_type"] = "none"
    same_kind, more = iterations()
    options["user_pc_type"] = "jacobi"
    given_kind, _ = iterations()
    for name in ("user_sub_pc_type", "user_pc_type"):
        options.delValue(name)
    assert kind == same_kind == "bjacobi" and more > 2 * ours
    assert given_kind == "jacobi"


@pytest.mark.usefixtures("each_multigrid")
@pytest.mark.parametrize("method", ["cg", "gmres"])
def test_iterations_do_not_depend_on_the_unit(method):
    """Rows of the size of cell volumes in m^3, 1e-20, are no zeros to any preconditioner."""
    grid = unit_grid(2, 32)
    rhs = np.random.default_rng(1).normal(size=grid.local_shape)
    counts = []
    for unit in (1.0, 1e-20):
        stencil = diffusion(grid)
        stencil.values[...] *= unit
        _, outcome = LinearSolver(grid, "test", method, 1e-9).solve(stencil, unit * rhs)
        assert outcome.converged
        counts.append(outcome.iterations)
    assert counts[0] == counts[1]


def charge_iterations(n: int) -> int:
    """Iterations to 1e-9 for s psi over n x n cells with a flat contact, a void over half of it, contrast 1e5."""
    width = 4.0 / n
    grid = Grid([np.linspace(0, 1, n + 1), np.linspace(-0.5, 0.5, n + 1)], [True])
    contact = make_contact(grid, width)
    stencil = Stencil(grid)
    for axis, k in enumerate(face_conductivities(grid, Layers((0.5,), (1.0,)), contact)):
        stencil.add_conductance(axis, conductance(grid, axis, np.maximum(k, 1e-5)))
    covered = grid.cell_coordinates()[0] < 0.5
    stencil.diagonal[...] += 10 * contact.area * covered
    rhs = np.zeros(grid.local_shape)
    rhs[:, -1] = grid.spacing[0][:, 0]
    _, outcome = LinearSolver(grid, "charge", "cg", 1e-9).solve(stencil, rhs)
    assert outcome.converged
    return outcome.iterations


@pytest.mark.usefixtures("each_multigrid")
def test_iterations_of_the_charge_operator_do_not_grow_with_the_grid():
    """Contrast 1e5 between electrolyte and metal side: as many iterations on 256^2 as on 64^2, but for two."""
    counts = [charge_iterations(n) for n in (64, 128, 256)]
    assert max(counts) <= min(counts) + 2, counts
    assert max(counts) <= 20, counts


def test_a_newton_step_from_an_exact_solution_is_asked_for_nothing():
    """A filament that has been stripped to the last atom: the residual is 0, not small."""
    forcing = Forcing()
    assert forcing.rtol(0, 0.0, 1e-10) == Forcing.LOOSEST
    assert 0.0 < forcing.rtol(0, 1e-3, 1e-10) < Forcing.LOOSEST


def test_what_is_kept_in_3_d_takes_no_array_and_goes_on_with_sor():
    """SOR keeps nothing of a matrix, and the next solution is the same bit for bit."""
    grid = unit_grid(3, 8)
    rhs = np.random.default_rng(4).normal(size=grid.local_shape)
    first, again = (LinearSolver(grid, "test", "gmres", 1e-6) for _ in range(2))
    first.solve(diffusion(grid, 1.0, 1e4), rhs)
    again.take_up(first.kept())
    assert not first.kept().arrays and again.ksp.getPC().getType() == "sor"
    ends = [solver.solve(diffusion(grid, 1.5, 1e4), rhs)[0] for solver in (first, again)]
    assert np.array_equal(*ends) and (first.setups, again.setups) == (1, 0)
