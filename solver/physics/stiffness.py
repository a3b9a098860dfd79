"""Matrices of the mechanics' preconditioner: Picard's stiffness, coupling to the pressure, Schur complement.

Growth along n under the normal stress s_n softens the solid in that direction. With b = -dS/ds_n and S eliminated,

    S = const - b' P + 2 eta b' e_nn,   b' = b/(1 + 4/3 eta b),     e_nn = d_nn - div v/3

the symmetric system of velocity and pressure is (volume weights left out)

    stiffness    2 eta d:d - 2/3 eta div^2 - 4 eta^2 b' e_nn^2 + K1 (div - zeta e_nn)^2
    coupling     div - zeta e_nn                                                        zeta = 2 eta b'
    compliance   1/K = 1/kappa + b'

K1 comes with the unknown dq = dP + K1 (div - zeta e_nn) in place of dP; what is left of the compliance is 1/(K - K1).

Shear in n.tau.n (contact inclined to the grid) is left out here; the operator has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from solver.numerics.array import Array
from solver.numerics.saddle import SaddleSolver
from solver.petsc import PETSc
from solver.physics.rheology import Rheology

PENALTY = 3.0  # part of the bulk viscosity given to the multigrid, in shear viscosities
LOOSE_SHARE = 0.2  # of the viscosity of edges: softer cells do not hold a velocity (at 0.02, 40 % more iterations)


@dataclass(frozen=True, kw_only=True)
class Softness:
    """What the matrices are made of, in the cells.

    eta_solid: shear viscosity w eta of `rheology`, Pa s; growth: b, 1/(Pa s); kappa: bulk viscosity, Pa s.
    """

    eta_solid: Array
    growth: Array
    kappa: Array


@dataclass(frozen=True, kw_only=True)
class Split:
    """K1 Pa s, compliance 1/K 1/(Pa s) and zeta in the cells, with growth eliminated."""

    penalty: Array
    compliance: Array
    zeta: Array


@dataclass(frozen=True)
class Scales:
    """What was assembled last, scaled: diagonal of the stiffness, modulus 4/3 eta + K1."""

    diagonal: Array
    modulus: Array


class StiffnessMatrices:
    """Keeps the matrices; all numbers in scaled units (viscosities over `unit`, volumes of `Staggered`)."""

    def __init__(self, rheology: Rheology, unit: float):
        self.mac, self.rheology, self.unit = rheology.mac, rheology, unit
        mac, grid = self.mac, self.mac.grid
        self._squares = rheology.squares.reshape(grid.dim, -1)
        along = self._along_rows()
        both = mac.divergence_rows + along  # for the mixed product of div and e_nn
        constraints = mac.constraint_rows
        blocks = [mac.strain_rows, mac.divergence_rows, along, both, constraints]
        self.rows = mac.matrix(sparse.vstack(blocks, format="csr"))
        self._constraints = mac.matrix(constraints)
        self._reaction, self._held = self._constraints.createVecs()
        self._weighted = self.rows.copy()
        # PETSc frees what Python drops only at collective clean-ups, so vectors are made once
        self._weights = self.rows.createVecLeft()
        self._diagonal = self.rows.createVecRight()
        self._stiffness: PETSc.Mat | None = None
        self._gradient: PETSc.Mat | None = None
        d = mac.divergence_rows
        self._of_cell = np.repeat(np.arange(mac.cells), np.diff(d.indptr))
        self._of_axis = d.indices % grid.dim
        self._coupling = mac.matrix(d.copy())
        self._compliance, self._schur = grid.vector(), grid.vector()

    def _along_rows(self) -> sparse.csr_matrix:
        """Rows of e_nn."""
        mac = self.mac
        along = mac.divergence_rows * (-1 / 3)
        for a, square in enumerate(self._squares):
            along = along + sparse.diags(square) @ mac.strain_rows[a * mac.cells : (a + 1) * mac.cells]
        return along

    def split(self, of: Softness) -> Split:
        """The parts of the bulk viscosity."""
        eta = of.eta_solid + self.rheology.properties.void_viscosity
        softness = of.growth / (1 + 4 / 3 * eta * of.growth)
        compliance = 1 / of.kappa + softness
        return Split(
            penalty=np.minimum(PENALTY * eta, 0.5 / compliance), compliance=compliance, zeta=2 * eta * softness
        )

    def assemble(self, of: Softness, constraint: Array, solver: SaddleSolver) -> Scales:
        """New values for the solver's preconditioner; constraint: weights of those rows, scaled (collective)."""
        mac, grid, unit, split = self.mac, self.mac.grid, self.unit, self.split(of)
        eta_cells, eta_edges = self.rheology.total_viscosity(of.eta_solid)
        eta, v, zeta = eta_cells / unit, mac.volume, split.zeta
        penalty, compliance = split.penalty / unit, split.compliance * unit

        # stiffness: weights of the squares of d and gamma; of div, e_nn and div + e_nn, which gives their product
        weights = [2 * eta * v] * grid.dim
        weights += [e / unit * w for e, w in zip(eta_edges, mac.edge_volume, strict=True)]
        mixed = -penalty * zeta
        weights += [(penalty - 2 / 3 * eta - mixed) * v, ((penalty * zeta - 2 * eta) * zeta - mixed) * v, mixed * v]
        weights += [constraint]

        # rows^T weights rows
        self._weights.array[...] = np.concatenate([w.ravel() for w in weights])
        self.rows.copy(self._weighted, structure=PETSc.Mat.Structure.SAME)
        self._weighted.diagonalScale(L=self._weights)
        self._stiffness = self.rows.transposeMatMult(self._weighted, result=self._stiffness)
        if self._stiffness.getBlockSize() != grid.dim:  # multigrid coarsens each component by itself
            self._stiffness.setBlockSize(grid.dim)
        self._couple(zeta)

        # of the pressure: what K1 leaves of the compliance, and of the Schur complement its diagonal (`saddle`)
        rest = 1 / compliance - penalty
        modulus = 4 / 3 * eta + penalty
        grid.view(self._compliance)[...] = v / rest
        grid.view(self._schur)[...] = v * (1 / modulus + 1 / rest)

        loose = mac.loose_faces(eta_cells, eta_edges, LOOSE_SHARE).ravel()
        diagonals = (self._compliance, self._schur)
        solver.set_matrices(self._stiffness, self._gradient, self._coupling, diagonals, loose)
        self._stiffness.getDiagonal(self._diagonal)
        return Scales(self._diagonal.array_r.reshape(*grid.local_shape, grid.dim).copy(), modulus)

    def _couple(self, zeta: Array) -> None:
        """-volume (div - zeta e_nn) and its transpose."""
        # each entry of div belongs to one axis a, whose part of e_nn is n_a^2 - 1/3 of it
        cell, d = self._of_cell, self.mac.divergence_rows
        factor = 1 + zeta.ravel()[cell] * (1 / 3 - self._squares[self._of_axis, cell])
        values = -self.mac.volume.ravel()[cell] * factor * d.data
        self._coupling.setValuesCSR(d.indptr.astype(PETSc.IntType), d.indices.astype(PETSc.IntType), values)
        self._coupling.assemble()
        self._gradient = self._coupling.transpose(self._gradient or PETSc.Mat())

    def constraint_forces(self, velocity: Array, constraint: Array) -> Array:
        """rows^T weights rows v of the constraint rows, scaled (collective)."""
        self._reaction.array[...] = velocity.ravel()
        self._constraints.mult(self._reaction, self._held)
        self._held.array[...] *= constraint
        self._constraints.multTranspose(self._held, self._reaction)
        return self._reaction.array_r.reshape(*self.mac.grid.local_shape, self.mac.grid.dim).copy()
