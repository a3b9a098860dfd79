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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from solver.numerics.array import Array
from solver.numerics.saddle import SaddleSolver
from solver.petsc import PETSc
from solver.physics.rheology import Rheology

PENALTY = 3.0  # part of the bulk viscosity given to the multigrid, in shear viscosities
PLATE = 8  # bottom faces more than the neighbours that one of a plate that bends is coupled to
LOOSE_SHARE = 0.2  # of the viscosity of edges: softer cells do not hold a velocity (at 0.02, 40 % more iterations)


CHUNK = 1 << 11  # rows that are added at once

Rows = tuple[Array, Array, Array]  # offsets, columns and values of this rank's rows of a sparse matrix


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
    """Makes the matrices; all numbers in scaled units (viscosities over `unit`, volumes of `Staggered`)."""

    def __init__(self, rheology: Rheology, unit: float):
        self.mac, self.rheology, self.unit = rheology.mac, rheology, unit
        mac, grid = self.mac, self.mac.grid
        self._deviators = rheology.squares.reshape(grid.dim, -1) - 1 / 3
        self._constraints = mac.matrix(mac.constraint_rows)
        # PETSc frees what Python drops only at collective clean-ups, so vectors are made once
        self._reaction, self._held = self._constraints.createVecs()
        self._diagonal = mac.strain.createVecRight()
        self._coupling = mac.divergence.duplicate()
        self._compliance = grid.vector()

    def split(self, of: Softness) -> Split:
        """The parts of the bulk viscosity."""
        eta = of.eta_solid + self.rheology.properties.void_viscosity
        softness = of.growth / (1 + 4 / 3 * eta * of.growth)
        compliance = 1 / of.kappa + softness
        return Split(
            penalty=np.minimum(PENALTY * eta, 0.5 / compliance), compliance=compliance, zeta=2 * eta * softness
        )

    def schur(self, of: Softness) -> Array:
        """Diagonal that stands for the Schur complement (`saddle`), in the cells, scaled."""
        split, eta = self.split(of), of.eta_solid + self.rheology.properties.void_viscosity
        modulus, rest = 4 / 3 * eta + split.penalty, 1 / split.compliance - split.penalty
        return self.mac.volume * self.unit * (1 / modulus + 1 / rest)

    def assemble(self, of: Softness, constraint: Array, solver: SaddleSolver) -> Scales:
        """New values for the solver's preconditioner; constraint: weights of those rows, scaled (collective)."""
        mac, grid, unit, split = self.mac, self.mac.grid, self.unit, self.split(of)
        eta_cells, eta_edges = self.rheology.total_viscosity(of.eta_solid)
        eta, penalty, compliance = eta_cells / unit, split.penalty / unit, split.compliance * unit

        solver.make_room()
        stiffness = self._empty()
        self._add_cells(stiffness, eta, penalty, split.zeta)
        self._add_edges(stiffness, eta_edges)
        _add_squares(stiffness, self._constraints.getValuesCSR(), constraint)
        stiffness.assemble()

        grid.view(self._compliance)[...] = mac.volume / (1 / compliance - penalty)

        loose = mac.loose_faces(eta_cells, eta_edges, LOOSE_SHARE).ravel()
        stiffness.getDiagonal(self._diagonal)
        solver.set_matrices(stiffness, self._coupling, self._compliance, loose)
        return Scales(self._diagonal.array_r.reshape(*grid.local_shape, grid.dim).copy(), 4 / 3 * eta + penalty)

    def _empty(self) -> PETSc.Mat:
        """A matrix with room for the velocities that one is coupled to."""
        grid, n = self.mac.grid, self.mac.cells * self.mac.grid.dim
        width = 1 + 2 * grid.dim + 4 * (grid.dim - 1)  # itself and its neighbours, and of each other axis four
        plate = PLATE * self.mac.bends * np.repeat(self.mac.bottom_area.ravel() > 0, grid.dim)
        room = (width + plate).astype(PETSc.IntType)
        size = ((n, PETSc.DETERMINE),) * 2
        return PETSc.Mat().createAIJ(size=size, bsize=grid.dim, nnz=(room, room), comm=grid.comm)

    def _add_cells(self, stiffness: PETSc.Mat, eta: Array, penalty: Array, zeta: Array) -> None:
        """Add the part of the normal strain rates to the stiffness, and make the coupling -volume (div - zeta e_nn).

        With m_a = n_a^2 - 1/3, so that e_nn is the sum of m_a d_aa, and g_a = 1 - zeta m_a the matrix of d_aa, d_bb is

            volume [2 eta (1 if a = b) - 2/3 eta - 2 eta zeta m_a m_b + K1 g_a g_b]
        """
        mac, first = self.mac, self._coupling.getOwnershipRange()[0]
        volume, eta, penalty, zeta = (x.reshape(-1, 1) for x in (mac.volume, eta, penalty, zeta))
        for cell, columns, d in _elements(mac.divergence.getValuesCSR()):
            axis = columns % mac.grid.dim
            m = self._deviators[axis, cell[:, None]]
            g = 1 - zeta[cell] * m
            shear, bulk, growth = (x[cell, :, None] for x in (2 * volume * eta, volume * penalty, zeta))
            same = axis[:, :, None] == axis[:, None, :]
            element = shear * (same - 1 / 3 - growth * _squares(m)) + bulk * _squares(g)
            stiffness.setValuesRCV(columns, columns, element * _squares(d), addv=True)
            self._coupling.setValuesRCV((first + cell[:, None]).astype(columns.dtype), columns, -volume[cell] * g * d)
        self._coupling.assemble()

    def _add_edges(self, stiffness: PETSc.Mat, eta: Sequence[Array]) -> None:
        """Add the part of the shear strain rates; eta on the edges, Pa s."""
        mac = self.mac
        weights = [e / self.unit * w for e, w in zip(eta, mac.edge_volume, strict=True)]
        offsets, columns, values = mac.strain.getValuesCSR()
        _add_squares(stiffness, (offsets[mac.grid.dim * mac.cells :], columns, values), np.ravel(weights))

    def constraint_forces(self, velocity: Array, constraint: Array) -> Array:
        """rows^T weights rows v of the constraint rows, scaled (collective)."""
        self._reaction.array[...] = velocity.ravel()
        self._constraints.mult(self._reaction, self._held)
        self._held.array[...] *= constraint
        self._constraints.multTranspose(self._held, self._reaction)
        return self._reaction.array_r.reshape(*self.mac.grid.local_shape, self.mac.grid.dim).copy()


def _elements(rows: Rows) -> Iterator[tuple[Array, Array, Array]]:
    """Rows of equal length, some thousands at a time: their numbers, and (row, entry) columns and values."""
    offsets, columns, values = rows
    lengths = np.diff(offsets)
    for length in np.unique(lengths[lengths > 0]):
        every = np.flatnonzero(lengths == length)
        for some in np.array_split(every, 1 + every.size // CHUNK):
            place = offsets[some, None] + np.arange(length)
            yield some, columns[place], values[place]


def _add_squares(matrix: PETSc.Mat, rows: Rows, weights: Array) -> None:
    """Add rows^T weights rows."""
    for some, columns, values in _elements(rows):
        matrix.setValuesRCV(columns, columns, weights[some, None, None] * _squares(values), addv=True)


def _squares(rows: Array) -> Array:
    """Products of all entries of a row with each other."""
    return rows[:, :, None] * rows[:, None, :]
