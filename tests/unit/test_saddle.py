"""The solver of velocity and pressure: what it refuses, and its preconditioner at the corners of voids."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

import solver
from solver.case.io import case_from_dict
from solver.numerics import saddle
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.saddle import BlockTriangle, NoFactorisation, SaddleSolver, VelocityPreconditioner
from solver.physics import stiffness
from solver.physics.force_balance import ForceBalance, Load
from solver.physics.mechanics import Mechanics
from tests.parallel.runs import merged, small_case
from tests.verification.solids import converged, properties

CONTRAST = 1e-8  # of a void to the solid
ITERATIONS = 40


def test_direct_needs_mumps(monkeypatch):
    monkeypatch.setattr(saddle, "_can_factorise", lambda: False)
    with pytest.raises(NoFactorisation, match=r'mechanics.linear_solver "direct": this PETSc has no MUMPS'):
        SaddleSolver(MPI.COMM_WORLD, 2, direct=True)
    SaddleSolver(MPI.COMM_WORLD, 2)


@pytest.mark.parametrize("direct", [False, True])
def test_options_do_not_stay_and_what_is_kept_makes_the_same_matrices(direct):
    """PETSc's database is after a solve as before; a solver that takes up what another kept goes on bit for bit."""
    grid = Grid([np.linspace(0.0, 1e-6, 13)] * 2, [True])
    lithium, before = np.ones(grid.local_shape), PETSc.Options().getAll()
    lithium[3:6, 4:8] = 0.0
    first, again, fresh = (Mechanics(grid, properties(grid, void_viscosity=1e5), direct=direct) for _ in range(3))
    state = converged(first, first.start(1e6), Load(pressure=2e6), lithium).state
    assert PETSc.Options().getAll() == before
    assert first.kept().arrays, "nothing was kept"
    again.take_up(first.kept())
    lithium[6, 4:8] = 0.5  # else the matrices of all three would be the same but for rounding
    ends = [converged(m, state, Load(pressure=2.5e6), lithium).state.velocity for m in (first, again, fresh)]
    assert np.array_equal(ends[0], ends[1]) and not np.array_equal(ends[0], ends[2])


@pytest.mark.parametrize("stale", [False, True])
def test_a_kept_preconditioner_that_fails_is_replaced_and_the_solve_goes_on(stale):
    """Of a body without voids it is of no use where there are many; one that is known to be stale is not tried."""
    grid = Grid([np.linspace(0.0, 1e-6, 33)] * 2, [True])
    mechanics = Mechanics(grid, properties(grid, void_viscosity=CONTRAST * 3e9))
    full = np.ones(grid.local_shape)
    start = converged(mechanics, mechanics.start(1e6), Load(pressure=2e6), full).state
    assert not mechanics.solver.stale
    mechanics.solver.stale = stale
    attempts, solve = [], mechanics.solver.solve
    mechanics.solver.solve = lambda *given: attempts.append(solve(*given)) or attempts[-1]
    voids = np.kron(np.random.default_rng(0).random((16, 16)) > 0.1, np.ones((2, 2)))
    result = converged(mechanics, start, Load(pressure=2e6), voids)
    outcomes = [outcome for _, _, outcome in attempts]
    assert [outcome.converged for outcome in outcomes].count(False) == (0 if stale else 1)
    assert result.outcome.iterations == sum(outcome.iterations for outcome in outcomes)


def contraction(dim: int, cells: int, block: int, share: float) -> float:
    """By how much one application shrinks the energy norm of the error of velocities that is hardest to get rid of.

    In an elastic body; some of its blocks of cells, at random, are voids, so that there are corners of many kinds.
    """
    grid = Grid([np.linspace(0.0, 1e-6, cells + 1)] * dim, [True] * (dim - 1))
    mechanics = Mechanics(grid, properties(grid, void_viscosity=CONTRAST * 3e9))
    solid = np.random.default_rng(0).random((cells // block,) * dim) > share
    kept, set_matrix = [], VelocityPreconditioner.set_matrix

    def keep(self: VelocityPreconditioner, matrix: PETSc.Mat, loose: Array) -> None:
        kept.append(matrix.copy())  # it is used up
        set_matrix(self, matrix, loose)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VelocityPreconditioner, "set_matrix", keep)
        converged(mechanics, mechanics.start(1e6), Load(pressure=2e6), np.kron(solid, np.ones((block,) * dim)))
    assert isinstance(mechanics.solver._blocks, BlockTriangle)
    preconditioner, matrix = mechanics.solver._blocks._velocities, kept[-1]
    error, force = matrix.createVecs()
    change, energies = error.duplicate(), []
    error.array[...] = np.random.default_rng(1).normal(size=error.getLocalSize())
    for _ in range(ITERATIONS):
        matrix.mult(error, force)
        energies.append(error.dot(force))
        preconditioner.solve(force, change)
        error.axpy(-1.0, change)
    return float(np.sqrt(energies[-1] / energies[-2]))


@pytest.mark.parametrize(("dim", "cells", "block", "share"), [(2, 32, 2, 0.1), (3, 16, 2, 0.3), (3, 16, 4, 0.3)])
def test_corners_of_voids_do_not_slow_the_velocities_down(monkeypatch, dim, cells, block, share):
    assert contraction(dim, cells, block, share) < 0.85
    monkeypatch.setattr(stiffness, "LOOSE_SHARE", 0.0)
    assert contraction(dim, cells, block, share) > 0.99


def preconditioners() -> list[VelocityPreconditioner]:
    return [thing for thing in gc.get_objects() if isinstance(thing, VelocityPreconditioner)]


def test_a_run_leaves_nothing_of_petsc_once_another_begins():
    """Python lets go of the solver when its run is over; PETSc of what that had made, its preconditioner included."""
    protocol = [{"kind": "galvanostatic", "direction": "strip", "duration": "1 s"}]
    case = case_from_dict(merged(small_case(2, {}), {"protocol": protocol, "time": {"fixed_step": "1 s"}}))
    solvers, others = set(saddle._ALIVE), preconditioners()
    solver.run(case)
    assert set(saddle._ALIVE) <= solvers
    (last,) = (found for found in preconditioners() if found not in others)
    made = tuple(last._made)
    assert made and all(made)
    solver.run(case)
    assert not any(made)


def slope_of_merit(rtol: float) -> float:
    """Relative change of the merit where Newton's direction begins; the matrices are those of a whole body."""
    grid = Grid([np.linspace(0.0, 1e-6, 33)] * 2, [True])
    mechanics, none = Mechanics(grid, properties(grid, void_viscosity=CONTRAST * 3e9)), np.zeros(grid.local_shape)
    state = converged(mechanics, mechanics.start(1e6), Load(pressure=2e6), none + 1).state
    lithium = np.ones(grid.local_shape)
    lithium[8:12, 20:26], lithium[12, 20:26] = 0.0, 0.45
    solid = mechanics.rheology.solid_share(lithium)
    step = ForceBalance(mechanics, state, solid, lambda _: (none, none), Load(pressure=3e6), 1.0)
    at = step.evaluate(state.velocity, state.pressure, state.growth)
    direction, outcome, _ = step.solve(at, mechanics.rheology.solid_tensor(at.response), rtol)
    assert outcome.converged and mechanics.solver.setups == 1, "this is about matrices that have been kept"
    fields, eps = (at.velocity, at.pressure, at.growth), 1e-6
    sides = [
        step.merit(step.evaluate(*(a + sign * eps * b for a, b in zip(fields, direction, strict=True))))
        for sign in (1, -1)
    ]
    return (sides[0] - sides[1]) / (2 * eps) / step.merit(at)


def test_newtons_direction_lowers_the_merit_by_what_it_is_solved_to():
    """-2 for the exact direction, within 2 rtol: linear systems are solved in the norm by which the step is judged."""
    for rtol in (0.2, 0.1, 0.01):
        assert slope_of_merit(rtol) == pytest.approx(-2.0, abs=2 * rtol)
    assert slope_of_merit(0.5) != pytest.approx(-2.0, abs=0.2)
