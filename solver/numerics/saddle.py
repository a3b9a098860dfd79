"""Linear solver of velocity and pressure: a symmetric saddle-point system and its block preconditioner.

    [ A    G ] [dv]   [-F_v]        A    stiffness of the velocities, with the part K1 of the bulk viscosity
    [ G^T -C ] [dq] = [-F_q]        C    compliance of the pressure that is left, 1/(K - K1)

The operator is given as a function (the exact derivative of the equations); the preconditioner is the block upper
triangle of the matrix above: BoomerAMG on A, one sweep, and for the Schur complement -(C + G^T A^-1 G) the diagonal

    -V [ 1/(4/3 eta + K1) + 1/(K - K1) ]

(a viscosity-scaled mass matrix: May & Moresi, Phys. Earth Planet. Inter. 171 (2008) 33). K1 = min(g eta, K/2) with
g = 3 is the part of the bulk viscosity that the multigrid can take. `direct` factorises the same matrix (MUMPS).

BoomerAMG coarsens each component of the velocity by itself. That misses the corners of voids, where edges that touch
the solid have a viscosity but the cells beside a velocity have none: the shear d_b v_a + d_a v_b of an edge then
resists the sum of velocities along different axes only, and a group of them that leaves all its edges without shear
moves almost freely. Each such group was one eigenvalue near zero (1e-3 and less; the others are above 0.2). After the
V-cycle these loose velocities (`Staggered.loose_faces`) are solved exactly, together. They are a layer on the surface
of the voids: 0.4 % of all velocities on 256^2, 0.5 % on 96^3. Iterations: benchmarks/results/mechanics.txt.

In 3-D the levels of the multigrid grow dense unless the first two are coarsened aggressively. All levels together
then have 1.75 times the entries of A instead of 5.5 times; velocity and pressure take 15 iterations instead of 11.
A is large: it is handed over, and freed as soon as BoomerAMG has its copy.

GMRES with the preconditioner on the right, in the `Norm` of the caller, by which Newton's method judges its step. (With
the preconditioner on the left one cell that has just begun to give way, of which the kept preconditioner does not
know, is most of the norm at first. The first iteration removes it, the tolerance is met, and nothing else has been
solved.) The Schur complement is that of the present matrix always; the rest is kept until the iterations that a new
one would have saved have cost as much as its set-up.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import numpy as np
from mpi4py import MPI

from solver.numerics.array import Array
from solver.numerics.kept import Numbers
from solver.numerics.linear import EPSILON, Outcome, default_options, free_vectors, multigrid, reason_name
from solver.petsc import PETSc

SETUP_COST = 10  # iterations that take as long as new matrices and a set-up (measured in 2-D and 3-D: 10 to 14)
PIVOTING_SPACE = 200  # per cent of memory more than MUMPS foresees: a saddle point delays many pivots
PREFIX = "mechanics_"
DEFAULTS = {"mat_mumps_icntl_14": PIVOTING_SPACE}  # options of PETSc; the multigrid has more, of `_multigrid`

Operator = Callable[[Array, Array], tuple[Array, Array]]


class NoFactorisation(RuntimeError):
    """PETSc has nothing that factorises in parallel; the message says what to do."""


def _can_factorise() -> bool:
    return bool(PETSc.Sys.hasExternalPackage("mumps"))


@dataclass(frozen=True)
class Norm:
    """In which norm rows are solved: of W x with the weights W > 0, and where rows move together of their sum too.

    force, volume: W of this rank's rows; together: numbers of those that move together, `count` on all ranks, `gain`
    times the weight of their mean. comm: to add up by.
    """

    force: Array
    volume: Array
    together: Array
    count: int
    gain: float
    comm: MPI.Comm

    def weighed(self, force: Array, volume: Array) -> Array:
        """W x (collective)."""
        x = np.concatenate([(self.force * force).ravel(), (self.volume * volume).ravel()])
        return self._mean_times(x, self.gain)

    def unweighed(self, x: Array) -> tuple[Array, Array]:
        """x of W x, forces and volumes (collective)."""
        x, n = self._mean_times(x.copy(), 1 / self.gain), self.force.size
        return x[:n] / self.force.ravel(), x[n:] / self.volume.ravel()

    def _mean_times(self, x: Array, factor: float) -> Array:
        if self.count:
            x[self.together] += (factor - 1) / self.count * self.comm.allreduce(float(x[self.together].sum()))
        return x


class _Shell:
    """PETSc's view of the operator."""

    def __init__(self) -> None:
        self.apply: Operator | None = None
        self.velocities = 0  # of this rank
        self.norm: Norm | None = None

    def mult(self, _matrix: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """y = W J x, x [velocities, pressures] of this rank."""
        assert self.apply is not None and self.norm is not None
        n = self.velocities
        y.array[...] = self.norm.weighed(*self.apply(x.array_r[:n], x.array_r[n:]))


class SaddleSolver:
    """Keeps matrices and preconditioner. direct: factorise (small grids); dim: velocities per cell.

    `stale` says that the preconditioner is missing or no longer pays; until then the matrices may stay as they are.
    Raises NoFactorisation when direct and PETSc was built without MUMPS.
    """

    def __init__(self, comm: PETSc.Comm, dim: int, direct: bool = False, max_iterations: int = 200):
        if direct and not _can_factorise():
            raise NoFactorisation('mechanics.linear_solver "direct": this PETSc has no MUMPS; allowed: "iterative"')
        self.comm, self.dim, self.direct = comm, dim, direct
        self.ksp = PETSc.KSP().create(comm)
        self.ksp.setOptionsPrefix(PREFIX)
        self.ksp.setType("gmres")
        self.ksp.setPCSide(PETSc.PC.Side.RIGHT)
        self.max_iterations = max_iterations
        self.ksp.setTolerances(atol=0.0)
        self.ksp.setGMRESRestart(max_iterations)
        self.ksp.setConvergenceHistory(reset=True)
        self._shell = _Shell()
        self._blocks: BlockTriangle | Factors = Factors() if direct else BlockTriangle()
        self._operator: PETSc.Mat | None = None
        pc = self.ksp.getPC()
        pc.setType("python")
        pc.setPythonContext(_Unweighed(self._shell, self._blocks))
        self.ksp.setFromOptions()
        self._new = True  # preconditioner, not yet used
        self._per_digit = 0.0  # iterations with a new one
        self._unfinished = False
        self._wasted = 0.0  # iterations more than that since then
        self.setups = 0
        self.stale = True
        _ALIVE.add(self)

    def set_matrices(self, stiffness: PETSc.Mat, coupling: PETSc.Mat, compliance: PETSc.Vec, loose: Array) -> None:
        """Give the preconditioner new values, and set it up (collective).

        coupling: G^T; compliance: C, positive; loose: which of this rank's velocities are to be solved exactly after
        the multigrid. The stiffness is used up.
        """
        # the exact derivative, which is applied and never assembled
        if self._operator is None:
            n, m = stiffness.getLocalSize()[0], compliance.getLocalSize()
            self._shell.velocities = n
            size = ((n + m, PETSc.DETERMINE),) * 2
            self._operator = PETSc.Mat().createPython(size, self._shell, comm=self.comm)
            self._operator.setUp()
            self._solution, self._rhs = self._operator.createVecs()
            self.ksp.setOperators(self._operator)
        self._blocks.set_matrices(stiffness, coupling, compliance, np.flatnonzero(loose))
        self.ksp.setUp()

        # its cost is measured by the next solve
        self.setups += 1
        self.stale = False
        self._new, self._wasted = True, 0.0

    def solve(
        self, apply: Operator, force: Array, volume: Array, schur: Array, norm: Norm, rtol: float
    ) -> tuple[Array, Array, Outcome]:
        """(dv, dq) with J (dv, dq) = (force, volume), to rtol of the norm (collective).

        schur: the approximate Schur complement, positive. When it fails with a kept preconditioner, the next call is to
        be the same with a new one; it goes on from there.
        """
        self._shell.apply, self._shell.norm, self._blocks.schur = apply, norm, schur.ravel()
        n = self._shell.velocities
        self._rhs.array[...] = norm.weighed(force, volume)

        # a kept preconditioner may waste a set-up's worth of iterations, then a new one is cheaper
        kept, self._new, limit = not self._new, False, self.max_iterations
        if kept:
            limit = min(limit, round(-self._per_digit * np.log10(rtol)) + 2 * SETUP_COST)
        self.ksp.setTolerances(rtol=rtol, max_it=limit)
        self.ksp.setInitialGuessNonzero(self._unfinished)
        self.ksp.solve(self._rhs, self._solution)
        self._shell.apply = None  # through PETSc it would keep alive for ever what it belongs to
        reason, iterations = int(self.ksp.getConvergedReason()), int(self.ksp.getIterationNumber())
        norms = self.ksp.getConvergenceHistory()
        free_vectors(self.ksp)

        # what it has cost beyond a new one, added up until that is worth a set-up
        digits = np.log10(norms[0] / max(norms[-1], EPSILON * norms[0])) if iterations else 0.0
        if kept:
            self._wasted += iterations - self._per_digit * digits
        elif digits > 0:
            self._per_digit = iterations / digits
        self._unfinished = reason <= 0 and kept
        self.stale = reason <= 0 or self._wasted > SETUP_COST
        x = self._solution.array_r
        outcome = Outcome(reason > 0, reason_name(reason), iterations, float(norms[-1]))
        return x[:n].copy(), x[n:].copy(), outcome

    def make_room(self) -> None:
        """Free the preconditioner before the next matrices are made (collective)."""
        self._blocks.destroy()

    def destroy(self) -> None:
        """Let go of what PETSc calls back into Python for."""
        self.ksp.destroy()
        self._blocks.destroy()
        if self._operator is not None:
            self._operator.destroy()

    @property
    def numbers(self) -> dict[str, float]:
        """What the preconditioner is judged by: iterations when it was new, and those wasted since."""
        return {"per_digit": self._per_digit, "wasted": self._wasted}

    def go_on(self, kept: Numbers) -> None:
        """Go on with the matrices that have just been set, as with a preconditioner that has been used."""
        self._per_digit, self._wasted = kept["per_digit"], kept["wasted"]
        self._new = False


_ALIVE: WeakSet[SaddleSolver] = WeakSet()


@atexit.register
def _destroy_all() -> None:
    """Those that an error has kept alive: PETSc would free them after Python's end, call it, and crash."""
    for solver in tuple(_ALIVE):
        solver.destroy()


class _Unweighed:
    """PETSc's view of the preconditioner: M^-1 W^-1."""

    def __init__(self, shell: _Shell, blocks: BlockTriangle | Factors):
        self._shell, self._blocks = shell, blocks

    def apply(self, _pc: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """y = M^-1 W^-1 x; PETSc calls it (collective)."""
        assert self._shell.norm is not None
        y.array[...] = self._blocks.solve(*self._shell.norm.unweighed(x.array_r))

    def destroy(self, _pc: PETSc.PC) -> None:
        """Free what was made; PETSc calls it too (collective)."""
        self._blocks.destroy()


class BlockTriangle:
    """Pressures by the Schur complement, then velocities by the multigrid. schur: set before each solve."""

    def __init__(self) -> None:
        self._velocities = VelocityPreconditioner()
        self._force: PETSc.Vec | None = None
        self.schur: Array = np.ones(0)

    def set_matrices(self, stiffness: PETSc.Mat, coupling: PETSc.Mat, _compliance: PETSc.Vec, loose: Array) -> None:
        """Take over new values (collective)."""
        self._coupling = coupling
        if self._force is None:
            self._force, self._pressure = coupling.createVecs()
            self._change = self._force.duplicate()
        self._velocities.set_matrix(stiffness, loose)

    def solve(self, of_force: Array, of_volume: Array) -> Array:
        """[A G; 0 -S]^-1 with S the Schur complement (collective)."""
        force, pressure, change = self._force, self._pressure, self._change
        assert force is not None
        pressure.array[...] = -of_volume / self.schur
        self._coupling.multTranspose(pressure, force)
        force.array[...] = of_force - force.array_r
        self._velocities.solve(force, change)
        return np.concatenate([change.array_r, pressure.array_r])

    def destroy(self) -> None:
        """Free what was made (collective)."""
        self._velocities.destroy()


class Factors:
    """The whole matrix factorised."""

    def __init__(self) -> None:
        self._whole: PETSc.Mat | None = None
        self._factors: PETSc.PC | None = None
        self.schur: Array = np.ones(0)  # what `BlockTriangle` needs; this has all of the matrix

    def set_matrices(self, stiffness: PETSc.Mat, coupling: PETSc.Mat, compliance: PETSc.Vec, _loose: Array) -> None:
        """Factorise [A G; G^T -C] (collective)."""
        gradient, corner = coupling.transpose(PETSc.Mat()), _diagonal(compliance)
        corner.scale(-1.0)
        nest = PETSc.Mat().createNest([[stiffness, gradient], [coupling, corner]], comm=coupling.getComm())
        self._whole = nest.convert("aij", self._whole or PETSc.Mat())
        for part in (nest, gradient, corner, stiffness):
            part.destroy()
        self._factors = PETSc.PC().create(coupling.getComm())  # anew: MUMPS would keep the order of the first matrix
        self._factors.setOptionsPrefix(PREFIX)
        self._factors.setType("lu")
        self._factors.setFactorSolverType("mumps")
        self._factors.setOperators(self._whole)
        with default_options(PREFIX, DEFAULTS):
            self._factors.setUp()
        self._x, self._y = self._whole.createVecs()

    def solve(self, of_force: Array, of_volume: Array) -> Array:
        """Its inverse (collective)."""
        assert self._factors is not None
        self._x.array[...] = np.concatenate([of_force, of_volume])
        self._factors.apply(self._x, self._y)
        found: Array = self._y.array_r.copy()
        return found

    def destroy(self) -> None:
        """Free the factors (collective)."""
        if self._factors is not None:
            self._factors.destroy()


class VelocityPreconditioner:
    """Multigrid on the stiffness, then the loose velocities exactly."""

    def __init__(self) -> None:
        self._made: list[Any] = []  # PETSc's objects of the last set-up

    def set_matrix(self, matrix: PETSc.Mat, loose: Array) -> None:
        """Set up for new values; loose: local numbers of those that are solved exactly (collective)."""
        self.destroy()
        self._loose = loose
        self._any = matrix.getComm().tompi4py().allreduce(loose.size) > 0
        if self._any:
            self._set_up_loose(matrix)
        self._multigrid = _multigrid(matrix)  # a new one: GAMG keeps its old aggregates
        self._made.append(self._multigrid)

    def _set_up_loose(self, matrix: PETSc.Mat) -> None:
        # rows of the loose velocities: against all velocities for the residual, against themselves for the exact solve
        start, stop = matrix.getOwnershipRange()
        rows = PETSc.IS().createGeneral((self._loose + start).astype(PETSc.IntType), comm=matrix.getComm())
        every = PETSc.IS().createStride(stop - start, start, 1, comm=matrix.getComm())
        self._rows = matrix.createSubMatrix(rows, every)
        block = matrix.createSubMatrix(rows, rows)

        self._exact = PETSc.PC().create(matrix.getComm())
        self._exact.setType("redundant")  # few unknowns: every rank solves for all of them
        self._exact.setOperators(block)
        self._exact.setUp()
        self._rest, self._change = self._rows.createVecLeft(), self._rows.createVecLeft()
        self._made += [self._exact, self._rows, block, rows, every, self._rest, self._change]

    def destroy(self) -> None:
        """Free what was made (collective)."""
        for old in self._made:
            old.destroy()
        self._made = []

    def solve(self, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """y ~ A^-1 x (collective)."""
        self._multigrid.apply(x, y)
        if self._any:  # of what the V-cycle leaves in the loose rows
            self._rows.mult(y, self._rest)
            self._rest.array[...] = x.array_r[self._loose] - self._rest.array_r
            self._exact.apply(self._rest, self._change)
            y.array[self._loose] += self._change.array_r


def _multigrid(matrix: PETSc.Mat) -> PETSc.PC:
    """BoomerAMG, or GAMG where PETSc was built without hypre (collective)."""
    prefix, kind, dim = PREFIX + "amg_", multigrid(), matrix.getBlockSize()
    defaults: dict[str, Any] = {
        "pc_type": kind,
        "pc_hypre_type": "boomeramg",
        "pc_hypre_boomeramg_strong_threshold": 0.25,
        # some more iterations, but a third of the work and memory in each; with one path they grow with the grid
        "pc_hypre_boomeramg_agg_nl": dim - 1,
        "pc_hypre_boomeramg_agg_num_paths": 2,
        # one sweep down and its mirror image up: as many iterations as with symmetric sweeps, or with C and F points
        # one after the other, which takes a quarter longer
        "pc_hypre_boomeramg_relax_type_down": "SOR/Jacobi",
        "pc_hypre_boomeramg_relax_type_up": "backward-SOR/Jacobi",
        "pc_hypre_boomeramg_no_CF": True,
        "pc_hypre_boomeramg_coarsen_type": "HMIS",
        "pc_hypre_boomeramg_interp_type": "ext+i",
        "pc_hypre_boomeramg_P_max": 4,
        "pc_gamg_threshold": 0.02,
        "mg_levels_ksp_type": "richardson",
        "mg_levels_pc_type": "sor",
    }
    cycle = PETSc.PC().create(matrix.getComm())
    cycle.setOptionsPrefix(prefix)
    own = matrix
    if kind == "hypre":
        own = matrix.convert("hypre", PETSc.Mat())
        own.setBlockSize(dim)
    with default_options(prefix, defaults):
        cycle.setFromOptions()
        cycle.setOperators(own)
        for used in (own, matrix):  # only the multigrid holds on to them from now on
            used.destroy()
        cycle.setUp()
    return cycle


def _diagonal(vector: PETSc.Vec) -> PETSc.Mat:
    n = vector.getLocalSize()
    start = vector.getOwnershipRange()[0]
    csr = (np.arange(n + 1), np.arange(start, start + n), vector.array_r)
    csr = (csr[0].astype(PETSc.IntType), csr[1].astype(PETSc.IntType), csr[2])
    matrix = PETSc.Mat().createAIJ(size=((n, PETSc.DETERMINE),) * 2, csr=csr, comm=vector.getComm())
    matrix.assemble()
    return matrix
