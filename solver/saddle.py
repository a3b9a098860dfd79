"""Linear solver of velocity and pressure: a symmetric saddle-point system and its block preconditioner.

    [ A    G ] [dv]   [-F_v]        A    stiffness of the velocities, with the part K1 of the bulk viscosity
    [ G^T -C ] [dq] = [-F_q]        C    compliance of the pressure that is left, 1/(K - K1)

The operator is given as a function (the exact derivative of the equations); the preconditioner is the block upper
triangle of the matrix above: BoomerAMG on A, one sweep, and for the Schur complement -(C + G^T A^-1 G) the diagonal

    -V [ 1/(4/3 eta + K1) + 1/(K - K1) ]

(a viscosity-scaled mass matrix: May & Moresi, Phys. Earth Planet. Inter. 171 (2008) 33). K1 = min(g eta, K/2) with
g = 3 is the part of the bulk viscosity that the multigrid can take; with it the number of iterations does not grow
with the grid or with the contrast of viscosities. `direct` factorises the same matrix (MUMPS) instead.

GMRES with the preconditioner on the left: its norm is then one of errors of velocity and pressure in their units,
not of forces, which differ by the contrast of viscosities.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from petsc4py import PETSc

from solver.grid import Array
from solver.linear import Outcome, reason_name

PIVOTING_SPACE = 200  # per cent of memory more than MUMPS foresees: a saddle point delays many pivots

Operator = Callable[[Array, Array], tuple[Array, Array]]


class _Shell:
    """PETSc's view of the operator."""

    def __init__(self) -> None:
        self.apply: Operator | None = None
        self.sizes = (0, 0)

    def mult(self, _matrix: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """y = J x, both [velocities, pressures] of this rank."""
        assert self.apply is not None
        n = self.sizes[0]
        force, volume = self.apply(x.array_r[:n], x.array_r[n:])
        y.array[:n], y.array[n:] = force.ravel(), volume.ravel()


class SaddleSolver:
    """Keeps matrices and preconditioner. direct: factorise (small grids); dim: velocities per cell."""

    def __init__(self, comm: PETSc.Comm, dim: int, rtol: float, direct: bool = False, max_iterations: int = 200):
        self.comm, self.dim, self.direct = comm, dim, direct
        self.ksp = PETSc.KSP().create(comm)
        self.ksp.setOptionsPrefix("mechanics_")
        self.ksp.setType("gmres")
        self.ksp.setTolerances(rtol=rtol, atol=0.0, max_it=max_iterations)
        self.ksp.setGMRESRestart(max_iterations)
        self._shell = _Shell()
        self._operator: PETSc.Mat | None = None
        self._matrix: PETSc.Mat | None = None
        self._nest: PETSc.Mat | None = None
        self._diagonals: list[PETSc.Mat] = []
        self.setups = 0

    def set_matrices(self, stiffness: PETSc.Mat, gradient: PETSc.Mat, divergence: PETSc.Mat, diagonals: tuple) -> None:
        """Give the preconditioner new values (collective).

        diagonals: vectors of C and of the approximate Schur complement (both positive).
        """
        # PETSc frees what Python drops only at collective clean-ups, so everything is made once and refilled
        if not self._diagonals:
            self._diagonals = [_diagonal(d) for d in diagonals]
        for matrix, values in zip(self._diagonals, diagonals, strict=True):
            matrix.setDiagonal(values)
            matrix.scale(-1.0)
        compliance, schur = self._diagonals
        if self._nest is None:
            blocks = [[stiffness, gradient], [divergence, compliance]]
            self._nest = PETSc.Mat().createNest(blocks, comm=self.comm)
        self._nest.assemble()
        nest = self._nest
        if self._operator is None:
            n, m = stiffness.getLocalSize()[0], compliance.getLocalSize()[0]
            self._shell.sizes = (n, m)
            size = ((n + m, PETSc.DETERMINE),) * 2
            self._operator = PETSc.Mat().createPython(size, self._shell, comm=self.comm)
            self._operator.setUp()
            self._solution, self._rhs = self._operator.createVecs()
        if self.direct:
            self._matrix = nest.convert("aij", self._matrix or PETSc.Mat())
        else:
            self._matrix = nest
        self.ksp.setOperators(self._operator, self._matrix)
        pc = self.ksp.getPC()
        if self.direct:
            pc.setType("lu")
            pc.setFactorSolverType("mumps")
            _default("mechanics_mat_mumps_icntl_14", PIVOTING_SPACE)
        elif self.setups == 0:
            self._split(pc, nest, schur)
        else:
            pc.setFieldSplitSchurPreType(PETSc.PC.SchurPreType.USER, schur)
        pc.setReusePreconditioner(False)
        self.setups += 1

    def _split(self, pc: PETSc.PC, nest: PETSc.Mat, schur: PETSc.Mat) -> None:
        prefix = "mechanics_fieldsplit_"
        three_d = self.dim == 3
        defaults = {
            "u_ksp_type": "preonly",
            "u_pc_type": "hypre",
            "u_pc_hypre_type": "boomeramg",
            "u_pc_hypre_boomeramg_strong_threshold": 0.5 if three_d else 0.25,
            "p_ksp_type": "preonly",
            "p_pc_type": "jacobi",
        }
        if three_d:
            defaults |= {
                "u_pc_hypre_boomeramg_coarsen_type": "HMIS",
                "u_pc_hypre_boomeramg_interp_type": "ext+i",
                "u_pc_hypre_boomeramg_P_max": 4,
            }
        for key, value in defaults.items():
            _default(prefix + key, value)
        rows = nest.getNestISs()[0]
        pc.setType("fieldsplit")
        pc.setFieldSplitIS(("u", rows[0]), ("p", rows[1]))
        # the type first: PETSc forgets the user's Schur matrix when the split is not of that type yet
        pc.setFieldSplitType(PETSc.PC.CompositeType.SCHUR)
        pc.setFieldSplitSchurFactType(PETSc.PC.SchurFactType.UPPER)
        pc.setFieldSplitSchurPreType(PETSc.PC.SchurPreType.USER, schur)
        self.ksp.setFromOptions()

    def solve(self, apply: Operator, force: Array, volume: Array, rtol: float) -> tuple[Array, Array, Outcome]:
        """(dv, dq) with J (dv, dq) = (force, volume) (collective)."""
        self._shell.apply = apply
        n = self._shell.sizes[0]
        self._rhs.array[:n], self._rhs.array[n:] = force.ravel(), volume.ravel()
        self.ksp.setTolerances(rtol=rtol)
        self.ksp.solve(self._rhs, self._solution)
        reason = int(self.ksp.getConvergedReason())
        x = self._solution.array_r
        outcome = Outcome(reason > 0, reason_name(reason), self.ksp.getIterationNumber(), self.ksp.getResidualNorm())
        return x[:n].copy(), x[n:].copy(), outcome


def _default(option: str, value: object) -> None:
    """A PETSc option unless the command line has it."""
    options = PETSc.Options()
    if not options.hasName(option):
        options[option] = value


def _diagonal(vector: PETSc.Vec) -> PETSc.Mat:
    n = vector.getLocalSize()
    start = vector.getOwnershipRange()[0]
    csr = (np.arange(n + 1), np.arange(start, start + n), vector.array_r)
    csr = (csr[0].astype(PETSc.IntType), csr[1].astype(PETSc.IntType), csr[2])
    matrix = PETSc.Mat().createAIJ(size=((n, PETSc.DETERMINE),) * 2, csr=csr, comm=vector.getComm())
    matrix.assemble()
    return matrix
