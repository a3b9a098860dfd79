"""The matrices of the mechanics' preconditioner, assembled on 1 to 4 ranks: energy and volume of given velocities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.mechanics import Mechanics
from solver.physics.stiffness import Softness
from tests.mpi import rank_results
from tests.verification.solids import properties

AGREEMENT = 1e-12


class Taker:
    """Takes the matrices in place of a solver."""

    def make_room(self) -> None:
        """Has nothing to free."""

    def set_matrices(self, stiffness: PETSc.Mat, coupling: PETSc.Mat, *_others: object) -> None:
        self.stiffness, self.coupling = stiffness, coupling


def differences(dim: int, growth: float = 0.5) -> dict[str, Any]:
    """Relative, from the sums of the module's text; growth: b eta of the reference, 0.5 of the matrices."""
    along = np.linspace(0.0, 1.0, 7)
    grid = Grid([1e-6 * (along + 0.2 * along**2)] * dim, [True, False][: dim - 1])
    random = np.random.default_rng(MPI.COMM_WORLD.rank)
    shape = grid.local_shape
    normal = [np.full(shape, n) for n in ((0.6, 0.8) if dim == 2 else (0.6, 0.0, 0.8))]
    mechanics = Mechanics(grid, properties(grid, void_viscosity=0.0, normal=tuple(normal)))
    mac, matrices, taker = mechanics.mac, mechanics.matrices, Taker()
    eta = 1e9 * (1 + random.random(shape))
    softness = Softness(eta_solid=eta, growth=0.5 / eta, kappa=3 * eta)
    constraint = random.random(mac.constraint_rows.shape[0])
    matrices.assemble(softness, constraint, taker)  # type: ignore[arg-type]  # what of a solver is called

    # velocities, their strain rates, and what resists them
    v, force = taker.stiffness.createVecs()
    v.array[...] = random.normal(size=v.getLocalSize())
    taker.stiffness.mult(v, force)
    rates = mac.strain.createVecLeft()
    mac.strain.mult(v, rates)
    d = rates.array.reshape(-1, *shape)
    div = d[:dim].sum(axis=0)
    e_nn = sum(n**2 * x for n, x in zip(normal, d, strict=False)) - div / 3
    of = matrices.split(Softness(eta_solid=eta, growth=growth / eta, kappa=3 * eta))
    held = matrices.constraint_forces(v.array, constraint).ravel() @ v.array
    eta_cells, eta_edges = (np.asarray(x) / mechanics.viscosity_unit for x in mechanics.rheology.total_viscosity(eta))
    cells: Array = 2 * eta_cells * ((d[:dim] ** 2).sum(axis=0) - div**2 / 3 - of.zeta * e_nn**2)
    cells = cells + of.penalty / mechanics.viscosity_unit * (div - of.zeta * e_nn) ** 2
    shear = (eta_edges * np.stack(mac.edge_volume) * d[dim:] ** 2).sum()
    energy = grid.sum((cells * mac.volume).sum() + shear + held)
    volume = taker.coupling.createVecLeft()
    taker.coupling.mult(v, volume)
    wrong = grid.view(volume) + mac.volume * (div - of.zeta * e_nn)
    return {"energy": v.dot(force) / energy - 1, "volume": grid.max(np.abs(wrong)) / grid.max(mac.volume * np.abs(div))}


def in_2d_and_3d() -> dict[str, Any]:
    """Relative differences of both (collective)."""
    return {f"{name} in {dim}-D": value for dim in (2, 3) for name, value in differences(dim).items()}


@pytest.mark.parametrize("ranks", [1, *(pytest.param(ranks, marks=pytest.mark.long) for ranks in (2, 3)), 4])
def test_energy_and_volume_are_those_of_the_formulas(ranks):
    found = in_2d_and_3d() if ranks == 1 else rank_results(ranks, in_2d_and_3d)
    assert len(found) == 4 and max(np.abs(list(found.values()))) < AGREEMENT, found


def test_another_growth_is_seen():
    found = differences(2, growth=0.501)
    assert min(abs(found["energy"]), found["volume"]) > 1e4 * AGREEMENT
