"""Harmonic answers: symmetric systems of the grid with an imaginary part on the diagonal.

    (A + i T) u = b,    u = x + i y        A real, symmetric, positive semi-definite;  T real, diagonal, >= 0

PETSc is built for real numbers, so x and y are unknowns beside each other,

    M = [A  -T]         P = [A    -T  ]        P^-1 M has its eigenvalues in [1/2, 1], whatever A and T
        [T   A],            [T  A + 2T],

which is solved by flexible GMRES with the preconditioner P (PRESB: Axelsson, Neytcheva and Ahmad, Numer. Algorithms 66
(2014) 811). With H = A + T, as definite as a system of the charge balance, P (x, y) = (p, q) takes two solves,

    H g = p + q,    H y = q - T g,    x = g - y,

to INNER only, by conjugate gradients with multigrid. So the number of iterations depends neither on the grid nor on T.
"""

from __future__ import annotations

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.linear import EPSILON, LinearSolver, Outcome, reason_name
from solver.numerics.operators import Stencil, apply_stencil
from solver.petsc import PETSc

INNER = 0.1  # relative accuracy of the solves with H
MOST = 60  # iterations


class HarmonicSolver:
    """Solves (A + i T) u = b; keeps its preconditioner. name: prefix of PETSc's options. rtol: relative to b."""

    def __init__(self, grid: Grid, name: str, rtol: float):
        self.grid = grid
        self.rtol = rtol
        self.inner = LinearSolver(grid, f"{name}_inner", "cg", INNER)
        self._real, self._sum = Stencil(grid), Stencil(grid)
        self._imaginary = np.zeros(grid.local_shape)
        size = 2 * int(np.prod(grid.local_shape)), 2 * int(np.prod(grid.shape))
        self._matrix = PETSc.Mat().createPython((size, size), self, comm=grid.comm)
        self._rhs, self._solution = self._matrix.createVecs()
        self.ksp = PETSc.KSP().create(grid.comm)
        self.ksp.setOptionsPrefix(f"{name}_")
        self.ksp.setType("fgmres")
        self.ksp.setGMRESRestart(MOST)
        self.ksp.setOperators(self._matrix)
        self.ksp.getPC().setType("python")
        self.ksp.getPC().setPythonContext(self)
        self.ksp.setInitialGuessNonzero(True)
        self.ksp.setFromOptions()

    def _pair(self, vector: PETSc.Vec) -> Array:
        """x and y in a vector, (2, *cells), to be read."""
        return np.asarray(vector.getArray(readonly=True)).reshape(2, *self.grid.local_shape)

    def _put(self, vector: PETSc.Vec, x: Array, y: Array) -> None:
        vector.setArray(np.concatenate([x.ravel(), y.ravel()]))

    def mult(self, matrix: PETSc.Mat, given: PETSc.Vec, result: PETSc.Vec) -> None:
        """M times a vector, as PETSc asks for it (collective)."""
        u = self._pair(given)
        left = self._apply(u[0] + 1j * u[1])
        self._put(result, left.real, left.imag)

    def apply(self, preconditioner: PETSc.PC, given: PETSc.Vec, result: PETSc.Vec) -> None:
        """P^-1 times a vector, as PETSc asks for it (collective)."""
        p, q = self._pair(given)
        total, _ = self.inner.solve(self._sum, p + q)
        y, _ = self.inner.solve(self._sum, q - self._imaginary * total)
        self._put(result, total - y, y)

    def _apply(self, u: Array) -> Array:
        """(A + i T) u (collective)."""
        real, imaginary = (apply_stencil(self._real, part) for part in (u.real, u.imag))
        return np.asarray(real + 1j * imaginary + 1j * self._imaginary * u)

    def solve(self, real: Stencil, imaginary: Array, rhs: Array, start: Array | None) -> tuple[Array, Array, Outcome]:
        """u, what is left of b - (A + i T) u, and the outcome; start: of the iteration, or None (collective)."""
        self._real, self._imaginary = real, imaginary
        self._sum.values[...] = real.values
        self._sum.diagonal[...] += imaginary
        self._put(self._rhs, rhs, np.zeros_like(rhs))
        self.apply(self.ksp.getPC(), self._rhs, self._solution)
        first = self._pair(self._solution).copy()
        if start is not None:
            self._put(self._solution, start.real, start.imag)
        self.ksp.setTolerances(rtol=self.rtol, atol=self._rounding(first, rhs), max_it=MOST)
        self.ksp.solve(self._rhs, self._solution)
        x, y = self._pair(self._solution)
        u, reason = x + 1j * y, int(self.ksp.getConvergedReason())
        iterations, norm = int(self.ksp.getIterationNumber()), float(self.ksp.getResidualNorm())
        return u, rhs - self._apply(u), Outcome(reason > 0, reason_name(reason), iterations, norm)

    def _rounding(self, u: Array, rhs: Array) -> float:
        """What rounding leaves of the residual of a solution as large as u (2, *cells) (collective)."""
        sizes = Stencil(self.grid)
        sizes.values[...] = np.abs(self._real.values)
        terms = [apply_stencil(sizes, np.abs(part)) + self._imaginary * np.abs(part) + np.abs(rhs) for part in u]
        return EPSILON * float(np.sqrt(sum(self.grid.sums(*(term**2 for term in terms)))))
