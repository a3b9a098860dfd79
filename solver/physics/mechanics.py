"""Quasi-static stress: creeping Li, elastic electrolyte, compliant voids, and the velocity of the lattice.

    div sigma = 0,   sigma = tau - P I                               P pressure, compression positive, Pa
    d = sym grad v                                                   v lattice velocity, m/s
    tau of e = dev(d - S n n): see `rheology`                        n normal of the contact
    div v = S - (P - w P_s,old)/kappa - rate(P, 1 - w): see `rheology`

S (1/s) is the rate at which lattice planes are made (S > 0) or vanish (S < 0); the planes are parallel to the
contact, so growth acts along n only. Solids compress elastically and remember it; where only the share w of a cell is
solid it gives way by creep too, and a void resists nothing but the rate of its shrinking.

Normal stress drives the growth. S is a function of s_n = -n.sigma.n = P - n.tau.n, the work conjugate of growth
along n: with it the equations are symmetric and dissipate energy. (With the pressure P they would not be, and
metal that sinks as a rigid block would have no say in where its planes vanish.) Where creep has relaxed the
shear stresses both are the same. The local equation S = S(s_n) is solved together with the balances.

Boundaries: `staggered`. The platen is the bottom plane; it is rigid (differences between the velocities of its faces
are resisted) and pushed with

    p = p0 - stiffness Z,     Z = Z_old + V dt the displacement of the platen towards the electrolyte

stiffness (Pa/m): that of the fixture, 0 for a spring at constant pressure. A collector that bends has the pressure of
`foil` on its back, and a Z of its own in every column. The start is the assembled cell: hydrostatic at the stack
pressure, plus the residual in-plane stress of each electrolyte layer.

Newton's method on (v, P, S), S eliminated in every cell, with the safeguarded derivative of `rheology`; a step is
halved until the imbalance, scaled by the stiffness, falls. Where the tolerance asks for more than rounding allows, the
iteration ends when the imbalance falls no further and is what rounding leaves (`ForceBalance.rounded`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Kept
from solver.numerics.linear import Outcome
from solver.numerics.saddle import SaddleSolver
from solver.numerics.staggered import Staggered
from solver.petsc import PETSc
from solver.physics.foil import Foil
from solver.physics.force_balance import (
    STRESS_UNIT,
    VELOCITY_UNIT,
    ForceBalance,
    Growth,
    Iterate,
    Load,
    MechanicalState,
    Ties,
)
from solver.physics.rheology import RIGID, Properties, Rheology, Stress
from solver.physics.stiffness import Scales, Softness, StiffnessMatrices

FORCE_TOLERANCE = 3e-7  # of the reaction at the top relative to the load
LOOSEST = 0.1  # relative tolerance of a linear solve
LEFT = 0.5  # the same, of what the last step left of the merit
RUNAWAY = 1e4  # by what the merit may rise above the least so far: beyond it no step has come back
LAST = 0.3  # of the tolerance of Newton's method, for the linear solve of the last step
AT_START = 0.01  # of the tolerance, where a step begins: else errors just below it would add up from step to step
STALLED = 0.5  # of the last imbalance: what does not fall below it falls no further
SURE = 1e-8  # imbalance above which rounding is no matter


@dataclass(frozen=True, kw_only=True)
class MechanicsResult:
    """state at the new time; tau deviator of the stress and normal_stress s_n, Pa; load_pressure Pa of the platen;
    force_error: reaction at the top over the load, minus 1.
    """

    state: MechanicalState
    tau: Stress
    normal_stress: Array
    load_pressure: float
    force_error: float
    outcome: Outcome
    newton: int


class Mechanics:
    """Solver of the balance of forces; keeps its matrices.

    tolerance: relative imbalance at which the iteration stops. direct: factorise. free: lateral axes whose lower
    side carries no stress. bonded: the top wall holds the tangential velocity too. foil: of a collector that bends.
    """

    def __init__(
        self,
        grid: Grid,
        properties: Properties,
        tolerance: float = 1e-4,
        max_newton: int = 30,
        direct: bool = False,
        free: tuple[int, ...] = (),
        bonded: bool = True,
        foil: Foil | None = None,
    ):
        self.grid, self.foil = grid, foil
        self.properties = replace(properties, bends=foil is not None)
        self.tolerance, self.max_newton = tolerance, max_newton
        self.mac = Staggered(grid, free, bonded, foil is not None)
        self.rheology = Rheology(self.mac, self.properties)
        self.rate_unit = VELOCITY_UNIT / self.mac.length
        self.viscosity_unit = STRESS_UNIT / self.rate_unit
        self.solver = SaddleSolver(grid.comm, grid.dim, direct)
        self.matrices = StiffnessMatrices(self.rheology, self.viscosity_unit)
        self.loaded_area, squares = grid.sums(self.mac.bottom_area, self.mac.bottom_area**2)
        self.bottom_size = np.sqrt(squares)  # of forces that a unit of stress makes there
        self._weights = self.mac.bottom_area / self.loaded_area  # of velocities in that of the platen
        self.held: Array | float = 0.0  # what holds a collector that bends along the contact, scaled
        self.scales: Scales | None = None
        self._made_of: tuple[Softness, Ties] | None = None  # the matrices
        self._made_at = self.rheology  # and where

    def place(
        self,
        memory: Array,
        normal: tuple[Array, ...],
        collector: Array | float = 0.0,
    ) -> None:
        """Take over where the solids are (collective): M, n and the share k of a collector in the cells."""
        self.properties = replace(self.properties, memory=memory, normal=normal, collector=collector)
        self._weights = self.mac.bottom_area / self.loaded_area
        if isinstance(collector, np.ndarray):
            lower, upper = self.grid.sides(self.grid.ghosted(collector), self.grid.dim - 1)
            weights = (lower - upper)[..., :-1] * self.grid.area[-1]
            self._weights = weights / self.grid.sum(weights)
            if self.foil:
                self.held = RIGID / self.viscosity_unit * collector * self.mac.volume
        self.rheology = self.matrices.rheology = Rheology(self.mac, self.properties)

    def drift(self, velocity: Array) -> float:
        """Velocity of the platen towards the electrolyte, of a collector that of its surface, m/s (collective).

        A collector yields a little under its load; where it is goes by where it begins, the slope of k along z.
        """
        return self.grid.sum(self._weights * velocity[..., -1])

    def surface_velocity(self, velocity: Array) -> Array:
        """The same in every column, (*lateral, 1): all one number unless the collector bends (collective)."""
        if self.foil is None:
            return np.full((*self.grid.local_shape[:-1], 1), self.drift(velocity))
        return self.grid.columns(self._weights * velocity[..., -1]) / self.grid.columns(self._weights)

    def start(self, pressure: float) -> MechanicalState:
        """The assembled cell at rest under the stack pressure (Pa)."""
        grid, p = self.grid, self.properties
        elastic = np.zeros((grid.dim + len(self.mac.pairs), *grid.local_shape))
        # in-plane stress q in two directions is a pressure 2q/3 and a deviator -q/3, -q/3, 2q/3
        in_plane = p.memory * p.residual_stress
        elastic[: grid.dim] = in_plane * (self.rheology.squares - 1 / 3)
        still = np.zeros((*grid.local_shape, grid.dim))
        hydrostatic = pressure + in_plane * 2 / 3
        return MechanicalState(
            velocity=still,
            pressure=hydrostatic,
            growth=np.zeros(grid.local_shape),
            elastic=elastic,
            solid_pressure=hydrostatic,
            displacement=still,
        )

    def strain_rates(self, velocity: Array, matrix: PETSc.Mat | None = None) -> Array:
        """Normal strain rates, then gamma on edges (components, *cells), 1/s, of velocities in m/s (collective)."""
        return self.mac.strains(velocity / VELOCITY_UNIT, matrix) * self.rate_unit

    # -- the preconditioner ----------------------------------------------------------------------------

    def assemble(self, softness: Softness, ties: Ties) -> None:
        """New matrices for the preconditioner (collective)."""
        self.scales = self.matrices.assemble(softness, self.mac.constraint_weights(**vars(ties)), self.solver)
        self._made_of, self._made_at = (softness, ties), self.rheology

    def kept(self) -> Kept:
        """What the matrices were made of, and how the preconditioner has paid since."""
        if self.solver.stale or self._made_of is None:
            return Kept()
        softness, ties = self._made_of
        numbers = {name: value for name, value in vars(ties).items() if isinstance(value, float)}
        tied = {name: value for name, value in vars(ties).items() if isinstance(value, np.ndarray)}
        arrays = {name: np.broadcast_to(values, self.grid.local_shape) for name, values in tied.items()}
        return Kept(vars(softness) | arrays, numbers | self.solver.numbers)

    def take_up(self, kept: Kept) -> None:
        """Make the same matrices; without them the next solve makes its own (collective)."""
        self.solver.stale = True
        names = [f.name for f in fields(Softness)]
        if not kept.arrays.keys() >= set(names):
            return
        found: dict[str, Any] = {**kept.numbers, **kept.arrays}
        ties = Ties(**{f.name: found[f.name] for f in fields(Ties) if f.name in found})
        self.assemble(Softness(**{name: kept.arrays[name] for name in names}), ties)
        self.solver.go_on(kept.numbers)

    # -- the solve -------------------------------------------------------------------------------------

    def step(self, old: MechanicalState, lithium: Array, growth: Growth, load: Load, dt: float) -> MechanicsResult:
        """Velocities and stresses at the end of a step dt (s) with the order parameter xi (collective)."""
        solid_share = self.rheology.solid_share(lithium)
        if self.foil and self._made_at is not self.rheology:
            self.solver.stale = True  # matrices are of the edges that it touches: a restart has those of its own place
        problem = ForceBalance(self, old, solid_share, growth, load, dt)

        # from rates and pressures of the last step, not from what solids remember: voids have a pressure too.
        # tau_predicted is at first the stress that is remembered
        at = problem.evaluate(old.velocity, old.pressure, old.growth)
        krylov, reason = 0, "the iteration for the creep viscosity stalls"
        predicted, last, gained, risen = problem.remembered, np.inf, 1.0, 1.0
        for newton in range(self.max_newton + 1):
            # balanced, or as near to it as rounding allows once the imbalance falls no further
            met = at.imbalance <= self.tolerance * (1 if newton else AT_START)
            if not met and STALLED * last < at.imbalance <= SURE:
                met = at.imbalance <= problem.rounded(at)
            last = at.imbalance
            if met and at.force_error <= FORCE_TOLERANCE:
                outcome = Outcome(True, "newton converged", krylov, at.imbalance)
                return self._result(old, at, solid_share, dt, outcome, newton)
            if newton == self.max_newton or not np.isfinite(at.imbalance):
                break

            # one Newton step along (dv, dP, dS), solved no better than the last one and the tolerance are worth
            rtol = min(LOOSEST, max(LAST * min(1.0, self.tolerance / max(at.imbalance, self.tolerance)), LEFT * gained))
            direction, linear, predicted = problem.solve(at, predicted, rtol)
            krylov += linear.iterations
            if not linear.converged:
                reason = f"linear solver: {linear.reason}"
                break
            at, gained = problem.search(at, direction)
            risen = max(risen * gained, 1.0)
            if risen > RUNAWAY:
                break
        return self._result(old, at, solid_share, dt, Outcome(False, reason, krylov, at.imbalance), newton)

    def _result(
        self, old: MechanicalState, at: Iterate, solid_share: Array, dt: float, outcome: Outcome, newton: int
    ) -> MechanicsResult:
        solid = self.rheology.solid_stress(at.response)
        shares = [self.mac.to_edges(solid_share, a, b) for a, b in self.mac.pairs]
        # a void forgets: what later fills it starts without stress. An edge is one where all cells around it are
        keep, kept = self.rheology.remembering, self.rheology.remembering_edges
        normal = solid.normal * (solid_share > 0) * keep
        edges = [stress * (share > 0) * k for stress, share, k in zip(solid.edges, shares, kept, strict=True)]
        displacement = old.displacement + dt * at.velocity
        bottom, moved = self.mac.bottom_area > 0, dt * self.surface_velocity(at.velocity)
        displacement[..., -1][bottom] = (old.displacement[..., -1] + moved)[bottom]
        new = MechanicalState(
            velocity=at.velocity,
            pressure=at.pressure,
            growth=at.growth,
            elastic=np.stack([*normal, *edges]),
            solid_pressure=self.rheology.solid_pressure(at.pressure, old.solid_pressure, solid_share, dt),
            displacement=displacement,
        )
        tau, s_n = at.response.tau, at.response.normal_stress
        return MechanicsResult(
            state=new,
            tau=tau,
            normal_stress=s_n,
            load_pressure=at.load_pressure,
            force_error=at.force_error,
            outcome=outcome,
            newton=newton,
        )
