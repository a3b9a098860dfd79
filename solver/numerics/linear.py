"""Linear solves on the grid: one object per equation that keeps its matrix and its preconditioner.

The preconditioner is rebuilt only when it has stopped paying: when a digit of accuracy took clearly more
iterations than just after the last set-up. Two kinds:

* multigrid: iterations do not depend on the grid. BoomerAMG, or GAMG where PETSc was built without hypre: that takes
  as many iterations at a contrast of 1e5 in conductivity, five times as many where it jumps by 1e12 from cell to cell;
* ILU with some fill, in 3-D a symmetric sweep of SOR, block by block of the ranks, for an unsymmetric system that its
  inertia dominates: with s = max over the rows of (sum of |off-diagonal|) / |diagonal|, the eigenvalues of the system
  scaled by its diagonal lie in [1 - s, 1 + s], and iterations go with the root of (1 + s)/(1 - s), which is
  1 + 4 dim D dt/dx^2. An iteration costs a third of one with multigrid, so it pays up to LARGEST_RATIO; beyond it,
  multigrid takes over and the iterations stay bounded when the grid is refined. (In 3-D fill is dear; without fill, SOR
  takes as many iterations and as long as ILU, and no memory.)

The choice is made at each set-up; `-<name>_pc_type` on the command line overrides it.

What a preconditioner was made of is kept beside it (`kept`): of the same matrix PETSc makes the same one again. (SOR
is made of nothing: it sweeps through the matrix that there is.)

Matrix and vectors are those of the grid (`System`): one equation is solved at a time, and what its Krylov method needs
is there no longer than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Kept
from solver.numerics.operators import Stencil, apply_stencil
from solver.petsc import PETSc

# rebuild when a digit of accuracy costs this many times the iterations it cost at first, plus an allowance because a
# short solve is no measure; an ILU costs as much as five of its iterations, a multigrid as twenty
PATIENCE = {"bjacobi": 1.2, "sor": 1.2, "other": 1.6}
ALLOWANCE = {"bjacobi": 2, "sor": 2, "other": 3}
LARGEST_RATIO = 200.0  # measured on 256^2: at 90 ILU took half the time of multigrid, at 350 it took more
FILL_LEVELS = {1: 0, 2: 3, 3: 0}  # of ILU
EPSILON = float(np.finfo(float).eps)  # times the sizes of the terms: three times what rounding leaves of a sum
SMALLEST_PIVOT = 1e-300  # entries scale with the volume of the cells: PETSc's 2e-14 would take them for zero


class Forcing:
    """How accurately to solve the linear systems inside Newton's method.

    Not more accurately than what the step gains anyway: the first step of a solve usually gains what the first
    step of the last solve gained, the others gain more than the target needs.
    """

    LOOSEST = 1e-2
    SHARE = 0.1  # of what a step leaves, for the linear solver
    LAST = 0.3  # of the target, for the linear solver of the last step

    def __init__(self) -> None:
        self._gain = 0.0
        self._start = 0.0

    def rtol(self, newton: int, norm: float, target: float) -> float:
        """Relative tolerance for the step number `newton` (from 0) at the given norm of the residual."""
        if norm == 0.0:  # solved before its first step, where at least one step is asked for
            return self.LOOSEST
        enough = self.LAST * target / norm
        if newton == 0:
            self._start = norm
            enough = max(enough, self.SHARE * self._gain)
        elif newton == 1:
            self._gain = norm / self._start
        return min(self.LOOSEST, enough)

    def kept(self) -> Kept:
        """What the first step of the last solve gained."""
        return Kept(numbers={"gain": self._gain, "start": self._start})

    def take_up(self, kept: Kept) -> None:
        """Expect the same of the next."""
        self._gain, self._start = kept.numbers.get("gain", 0.0), kept.numbers.get("start", 0.0)


@dataclass(frozen=True)
class Outcome:
    """What a solver did: data for the loop, checked in one place."""

    converged: bool
    reason: str
    iterations: int
    norm: float


class System:
    """PETSc's matrix, right-hand side and solution on a grid, shared by its solvers.

    filled: whose values the matrix has, but for what is added to the diagonal.
    """

    def __init__(self, grid: Grid):
        numbers = grid.numbers()  # -1 outside the grid, which PETSc skips on insertion
        # per row the cell and its lower and upper neighbour along each axis, in the order of `Stencil`
        columns = [grid.without_ghosts(numbers)]
        for axis in range(grid.dim):
            columns += [grid.without_ghosts(np.roll(numbers, shift, axis)) for shift in (1, -1)]
        self._columns = np.ascontiguousarray(np.stack(columns, axis=-1).ravel(), dtype=PETSc.IntType)

        # rows of equal length, so that new values need no new structure
        width = 1 + 2 * grid.dim
        rows = int(np.prod(grid.local_shape))
        self._offsets = np.arange(0, width * rows + 1, width, dtype=PETSc.IntType)
        local, total = rows, int(np.prod(grid.shape))
        self.matrix = PETSc.Mat().createAIJ(
            size=((local, total), (local, total)), nnz=(width, width - 1), comm=grid.comm
        )
        self.matrix.setOption(PETSc.Mat.Option.NEW_NONZERO_LOCATIONS, True)
        self.rhs, self.solution = grid.vector(), grid.vector()
        self.filled: ReferenceType[Stencil] | None = None

    def fill(self, values: Array) -> None:
        """Give the matrix the values of a stencil (collective)."""
        self.filled = None
        self.matrix.setValuesCSR(self._offsets, self._columns, by_rows(values).ravel())
        self.matrix.assemble()


_SYSTEMS: WeakKeyDictionary[Grid, System] = WeakKeyDictionary()


def system_of(grid: Grid) -> System:
    """The system of a grid, made when it is first asked for (collective)."""
    if grid not in _SYSTEMS:
        _SYSTEMS[grid] = System(grid)
    return _SYSTEMS[grid]


class LinearSolver:
    """Solves a `Stencil` system with a Krylov method.

    name prefixes PETSc options (`-charge_ksp_view`). method is "cg" for symmetric systems, else "gmres": the flexible
    one, which keeps what the preconditioner has made of its vectors and need not apply it once more at the end.
    rtol is relative to the norm of the right-hand side b. Where it asks for more than rounding allows, the solution x
    is as good as it gets: converged at a residual below eps | |A| |x| + |b| |.
    """

    def __init__(self, grid: Grid, name: str, method: str, rtol: float, max_iterations: int = 200):
        self.grid = grid
        self.rtol = rtol
        self.system = system_of(grid)
        self.matrix, self.rhs, self.solution = self.system.matrix, self.system.rhs, self.system.solution
        self.ksp = PETSc.KSP().create(grid.comm)
        self.ksp.setOptionsPrefix(f"{name}_")
        self.ksp.setType("fgmres" if method == "gmres" else method)
        self.ksp.setTolerances(rtol=rtol, atol=0.0, max_it=max_iterations)
        self.ksp.setOperators(self.matrix)
        if method == "gmres":
            self.ksp.setPCSide(PETSc.PC.Side.RIGHT)
        self.ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
        self._given = PETSc.Options().hasName(f"{name}_pc_type")
        with self._defaults():
            self.ksp.setFromOptions()
        self._first_cost: float | None = None
        self._made_of: Array | None = None  # values of the matrix at the last set-up
        self.setups = 0

    @contextmanager
    def _defaults(self) -> Iterator[None]:
        """Our options for as long as PETSc sets up."""
        three_d = self.grid.dim == 3
        defaults = {
            # classical interpolation takes the fewest iterations in 2-D; in 3-D its operators grow dense
            "pc_hypre_boomeramg_strong_threshold": 0.5 if three_d else 0.25,
            "pc_hypre_boomeramg_coarsen_type": "HMIS" if three_d else "Falgout",
            "pc_hypre_boomeramg_interp_type": "ext+i" if three_d else "classical",
            "pc_hypre_boomeramg_P_max": 4,
            # a finest level coarsened aggressively: as many iterations, a quarter less work and memory
            "pc_hypre_boomeramg_agg_nl": 1,
            "pc_hypre_boomeramg_agg_num_paths": 2,
            # one sweep down and its mirror image up: symmetric as conjugate gradients need it
            "pc_hypre_boomeramg_relax_type_down": "SOR/Jacobi",
            "pc_hypre_boomeramg_relax_type_up": "backward-SOR/Jacobi",
            # couplings across large jumps are weak: without a threshold CG makes no progress at a contrast of 1e12;
            # SOR, unlike Chebyshev's method, also smooths what is not symmetric
            "pc_gamg_threshold": 0.01,
            "pc_gamg_aggressive_coarsening": 0,
            "mg_levels_ksp_type": "richardson",
            "mg_levels_pc_type": "sor",
            "mg_coarse_sub_pc_factor_zeropivot": SMALLEST_PIVOT,
            "sub_pc_type": "ilu",
            "sub_pc_factor_levels": FILL_LEVELS[self.grid.dim],
            "sub_pc_factor_zeropivot": SMALLEST_PIVOT,
        }
        with default_options(self.ksp.getOptionsPrefix(), defaults):
            yield

    def _choose_preconditioner(self, stencil: Stencil) -> None:
        """Set the kind that suits the system, or that the user gave (collective)."""
        pc = self.ksp.getPC()
        # ILU where inertia dominates (s of the module's text small), multigrid elsewhere
        if self._given:
            kind = pc.getType()
        else:
            cheap = self.ksp.getType() != "cg" and self._ratio(stencil) <= LARGEST_RATIO
            kind = ("sor" if self.grid.dim == 3 else "bjacobi") if cheap else multigrid()
        self._use(kind)

    def _use(self, kind: str) -> None:
        """Another kind of preconditioner, or a new one (collective)."""
        pc = self.ksp.getPC()
        if self._given or kind == "gamg":
            pc.setType("none")  # else it keeps of earlier set-ups what it can: GAMG its aggregates and number of levels
        if pc.getType() != kind:
            pc.setType(kind)
            if kind == "hypre":
                pc.setHYPREType("boomeramg")
            pc.setFromOptions()

    def _bearable(self, digits: float) -> float:
        """Iterations up to which the preconditioner is kept."""
        kind = self.ksp.getPC().getType()
        kind = kind if kind in PATIENCE else "other"
        return PATIENCE[kind] * (self._first_cost or 0.0) * digits + ALLOWANCE[kind]

    def _ratio(self, stencil: Stencil) -> float:
        """(1 + s)/(1 - s) of the module's text; infinite when no bound is known (collective)."""
        diagonal = np.abs(stencil.diagonal)
        others = np.sum(np.abs(stencil.values[1:]), axis=0)
        s = self.grid.max(others / np.where(diagonal > 0, diagonal, np.finfo(float).tiny))
        return (1 + s) / (1 - s) if s < 1 else np.inf

    def _set_up(self, stencil: Stencil) -> None:
        """A preconditioner of the matrix, to be kept (collective)."""
        pc = self.ksp.getPC()
        with self._defaults():
            self._choose_preconditioner(stencil)
            pc.setReusePreconditioner(False)
            self.ksp.setOperators(self.matrix)
            self.ksp.setUp()
            # PETSc factorises blocks when it needs them first: here, not with another matrix after a solve for nothing
            pc.apply(self.rhs, self.solution)
        pc.setReusePreconditioner(True)

    def solve(
        self, stencil: Stencil, rhs: Array, rtol: float | None = None, added: Array | None = None
    ) -> tuple[Array, Outcome]:
        """The solution x of stencil x = rhs, starting from zero, and the outcome (collective).

        added: to the diagonal. A stencil that is given with it has to stay as it is: the next time it is there already.
        """
        system = self.system
        if added is None or system.filled is None or system.filled() is not stencil:
            system.fill(stencil.values)
        if added is not None:
            system.filled = ref(stencil)
            self.grid.view(self.solution)[...] = stencil.diagonal + added
            self.matrix.setDiagonal(self.solution)

        def whole() -> Stencil:
            return stencil if added is None else stencil.plus(added)

        self.grid.view(self.rhs)[...] = rhs
        rtol = self.rtol if rtol is None else max(rtol, self.rtol)
        self.ksp.setTolerances(rtol=rtol)

        # where a kept preconditioner fails a new one is tried: twice at most
        kept = self._first_cost is not None
        reason, iterations = self._attempt(whole, rhs)
        total = iterations
        if reason <= 0 and kept:
            self._first_cost, kept = None, False
            reason, iterations = self._attempt(whole, rhs)
            total += iterations

        # a new one sets the measure by which it is judged from now on
        digits = -np.log10(rtol)
        if not kept:
            self.setups += 1
            self._first_cost = iterations / digits
            self._made_of = None if self.ksp.getPC().getType() == "sor" else whole().values.copy()
        elif iterations > self._bearable(digits):
            self._first_cost = None
        outcome = Outcome(reason > 0, reason_name(reason), total, float(self.ksp.getResidualNorm()))
        free_vectors(self.ksp)
        return self.grid.view(self.solution).copy(), outcome

    def _attempt(self, whole: Callable[[], Stencil], rhs: Array) -> tuple[int, int]:
        """Solve with the preconditioner that is kept, or a new one; PETSc's reason and iterations (collective)."""
        if self._first_cost is None:
            self._set_up(whole())
        self.ksp.solve(self.rhs, self.solution)
        reason = int(self.ksp.getConvergedReason())
        if reason <= 0 and self._is_rounded(whole(), rhs):
            reason = int(PETSc.KSP.ConvergedReason.CONVERGED_ATOL)
        return reason, int(self.ksp.getIterationNumber())

    def _is_rounded(self, stencil: Stencil, rhs: Array) -> bool:
        """Whether the solution is as good as rounding allows (collective)."""
        # the true residual: that of a Krylov method drifts away from it
        x, sizes = self.grid.view(self.solution), Stencil(self.grid)
        sizes.values[...] = np.abs(stencil.values)
        left = self.grid.sum((rhs - apply_stencil(stencil, x)) ** 2)
        allowed = self.grid.sum((apply_stencil(sizes, np.abs(x)) + np.abs(rhs)) ** 2)
        return bool(left <= EPSILON**2 * allowed)

    def kept(self) -> Kept:
        """The matrix that the preconditioner was made of, and iterations per digit when it was new."""
        if self._first_cost is None:
            return Kept()
        made_of = {} if self._made_of is None else {"matrix": self.grid.onto(by_rows(self._made_of))}
        return Kept(made_of, {"first_cost": self._first_cost})

    def take_up(self, kept: Kept) -> None:
        """Make the preconditioner of that matrix; without one the next solve makes its own (collective)."""
        self._first_cost, self._made_of = None, None
        if "first_cost" not in kept.numbers:
            return
        if "matrix" in kept.arrays:
            stencil = Stencil(self.grid)
            by_rows(stencil.values)[...] = self.grid.of(kept.arrays["matrix"])
            self.system.fill(stencil.values)
            self._set_up(stencil)
            self._made_of = stencil.values
        elif self.grid.dim == 3 and not self._given:
            self._use("sor")
        else:
            return
        self._first_cost = kept.numbers["first_cost"]


def free_vectors(ksp: PETSc.KSP) -> None:
    """Free the vectors of a Krylov method that has ended, and keep its preconditioner (collective)."""
    preconditioner, none = ksp.getPC(), PETSc.PC().create(ksp.getComm())
    ksp.setPC(none)
    ksp.reset()
    ksp.setPC(preconditioner)
    none.destroy()


def by_rows(values: Array) -> Array:
    """Values of a stencil row by row, as PETSc and checkpoints have them: (*local_shape, 1 + 2 dim), a view."""
    return np.moveaxis(values, 0, -1)


@contextmanager
def default_options(prefix: str, defaults: Mapping[str, object]) -> Iterator[None]:
    """Options in PETSc's database, where the user gave none, inside the `with` block.

    They do not stay: PETSc would warn at the end of the run about those of the kind that was not used.
    """
    options = PETSc.Options()
    ours = {prefix + key: value for key, value in defaults.items() if not options.hasName(prefix + key)}
    for name, value in ours.items():
        options[name] = value
    try:
        yield
    finally:
        for name in ours:
            options.delValue(name)


def multigrid() -> str:
    """PETSc's name of the multigrid that it was built with."""
    return "hypre" if PETSc.Sys.hasExternalPackage("hypre") else "gamg"


def reason_name(reason: int) -> str:
    """PETSc's number of why a Krylov method stopped, in words."""
    names = {v: k for k, v in vars(PETSc.KSP.ConvergedReason).items() if isinstance(v, int)}
    return str(names.get(reason, reason)).lower().replace("_", " ")
