"""Quasi-static stress: creeping Li, elastic electrolyte, compliant voids, and the velocity of the lattice.

    div sigma = 0,   sigma = tau - P I                               P pressure, compression positive, Pa
    d = sym grad v                                                   v lattice velocity, m/s
    tau of e = dev(d - S n n): see `rheology`                        n normal of the contact
    div v = S - (P - w P_old)/kappa,    kappa = w K dt + (1 - w) 5/3 eta_void

S (1/s) is the rate at which lattice planes are made (S > 0) or vanish (S < 0); the planes are parallel to the
contact, so growth acts along n only. Solids compress elastically and remember it, a void resists only the rate of its
shrinking; w is the share of solid in a cell, K its bulk modulus.

Normal stress drives the growth. S is a function of s_n = -n.sigma.n = P - n.tau.n, the work conjugate of growth
along n: with it the equations are symmetric and dissipate energy. (With the pressure P they would not be, and
metal that sinks as a rigid block would have no say in where its planes vanish.) Where creep has relaxed the
shear stresses both are the same. The local equation S = S(s_n) is solved together with the balances.

Boundaries: `staggered`. The platen is the bottom plane; it is rigid (differences between the velocities of its faces
are resisted) and pushed with

    p = p0 - stiffness Z,     Z = Z_old + V dt the displacement of the platen towards the electrolyte

stiffness (Pa/m): that of the fixture, 0 for a spring at constant pressure. The start is the assembled cell:
hydrostatic at the stack pressure, plus the residual in-plane stress of each electrolyte layer.

Newton's method on (v, P, S), S eliminated in every cell, with the safeguarded derivative of `rheology`; a step is
halved until the imbalance, scaled by the stiffness, falls. Where the tolerance asks for more than rounding allows, the
iteration ends when the imbalance falls no further and is what rounding leaves (`_Problem.rounded`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Kept
from solver.numerics.linear import EPSILON, Forcing, Outcome
from solver.numerics.saddle import SaddleSolver
from solver.numerics.staggered import Staggered
from solver.petsc import PETSc
from solver.physics.rheology import VOID_BULK_RATIO, Properties, Response, Rheology, Tensor
from solver.physics.stiffness import Scales, Softness, StiffnessMatrices

STRESS_UNIT = 1e6  # Pa
VELOCITY_UNIT = 1e-9  # m/s
PLATEN = 3e5  # resistance of the platen relative to the stiffest solid under it; it bends by about 1/(4 PLATEN)
PLATEN_LIMIT = 1e9  # of the same in scaled units
ROUNDING = 1e-15  # relative, of the platen's velocity: forces it makes up are no imbalance
REST = 1e-10  # strain in a step that is none: 1 Pa of elastic stress
NEGLIGIBLE = 1.0  # Pa: stresses below it need not balance
FORCE_TOLERANCE = 3e-7  # of the reaction at the top relative to the load
# of a linear solve, limits of what `Forcing` asks for. Never loose because of the platen: it makes large forces of
# differences in velocity that are too small to show in the norm
LINEAR_TOLERANCES = (1e-3, 1e-6)
SMALLEST_DAMPING = 1 / 16
STALLED = 0.5  # of the last imbalance: what does not fall below it falls no further
SURE = 1e-8  # imbalance above which rounding is no matter

Ties = tuple[float, float, float]  # weights of `Staggered.constraint_weights`
TIES = ("rigid", "spring", "fixed")
Growth = Callable[[Array], tuple[Array, Array]]  # s_n in Pa -> S in 1/s, dS/ds_n <= 0 in 1/(s Pa)


@dataclass(frozen=True, kw_only=True)
class MechanicalState:
    """What the mechanics remembers: velocity (*cells, dim) on the lower faces m/s, pressure Pa, growth S 1/s,
    elastic stress tau_el Pa (components, *cells): normal ones, then shear; displacement (*cells, dim) m.
    """

    velocity: Array
    pressure: Array
    growth: Array
    elastic: Array
    displacement: Array


@dataclass(frozen=True, kw_only=True)
class Load:
    """What pushes the bottom: pressure p0 Pa, stiffness Pa/m of the fixture; platen: rigid, or a free surface."""

    pressure: float
    stiffness: float = 0.0
    platen: bool = True


@dataclass(frozen=True, kw_only=True)
class MechanicsResult:
    """state at the new time; tau deviator of the stress and normal_stress s_n, Pa; load_pressure Pa of the platen;
    force_error: reaction at the top over the load, minus 1.
    """

    state: MechanicalState
    tau: Tensor
    normal_stress: Array
    load_pressure: float
    force_error: float
    outcome: Outcome
    newton: int


@dataclass
class _Iterate:
    """Fields, and what is left of the equations there: force and volume in scaled units, mismatch S - S(s_n).

    force_size, volume_size: relative to which the imbalance is one.
    """

    velocity: Array
    pressure: Array
    growth: Array
    response: Response
    force: Array
    volume: Array
    mismatch: Array
    softness: Array  # -dS/ds_n, 1/(s Pa)
    force_size: float
    volume_size: float
    imbalance: float
    force_error: float
    load_pressure: float


class Mechanics:
    """Solver of the balance of forces; keeps its matrices.

    tolerance: relative imbalance at which the iteration stops. direct: factorise. free: lateral axes whose lower
    side carries no stress. bonded: the top wall holds the tangential velocity too.
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
    ):
        self.grid, self.properties = grid, properties
        self.tolerance, self.max_newton = tolerance, max_newton
        self.mac = Staggered(grid, free, bonded)
        self.rheology = Rheology(self.mac, properties)
        self.rate_unit = VELOCITY_UNIT / self.mac.length
        self.viscosity_unit = STRESS_UNIT / self.rate_unit
        self.solver = SaddleSolver(grid.comm, grid.dim, LINEAR_TOLERANCES[0], direct)
        self.matrices = StiffnessMatrices(self.rheology, self.viscosity_unit)
        self.loaded_area = grid.sum(self.mac.bottom_area)
        self.scales: Scales | None = None
        self._made_of: tuple[Softness, Ties] | None = None  # the matrices
        self.forcing = Forcing()
        self._velocities, self._strains = self.mac.strain.createVecs()

    def place(self, memory: Array, normal: tuple[Array, ...]) -> None:
        """Take over where the solids are: M and n in the cells (collective)."""
        self.properties = replace(self.properties, memory=memory, normal=normal)
        self.rheology = self.matrices.rheology = Rheology(self.mac, self.properties)

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
            velocity=still, pressure=hydrostatic, growth=np.zeros(grid.local_shape), elastic=elastic, displacement=still
        )

    # -- products with the matrices --------------------------------------------------------------------

    def strain_rates(self, velocity: Array, matrix: PETSc.Mat | None = None) -> Array:
        """Normal strain rates, then gamma on edges (components, *cells), 1/s, of velocities in m/s (collective)."""
        self._velocities.array[...] = velocity.ravel() / VELOCITY_UNIT
        (matrix or self.mac.strain).mult(self._velocities, self._strains)
        return self._strains.array_r.reshape(-1, *self.grid.local_shape) * self.rate_unit

    def internal_force(self, tau: Tensor, pressure: Array | float, matrix: PETSc.Mat | None = None) -> Array:
        """Forces of the stresses on the velocities (*cells, dim), scaled (collective)."""
        mac = self.mac
        normal = (tau.normal - pressure) * mac.volume
        shear = [s * w for s, w in zip(tau.edges, mac.edge_volume, strict=True)]
        self._strains.array[...] = np.concatenate([normal, *(s[None] for s in shear)]).ravel() / STRESS_UNIT
        mac.strain.multTranspose(self._strains, self._velocities)
        return self._velocities.array_r.reshape(*self.grid.local_shape, self.grid.dim).copy()

    def constraint_force(self, velocity: Array, weights: Array) -> Array:
        """Forces of the rigid platen, the spring and the planes of symmetry, scaled (collective)."""
        self._velocities.array[...] = velocity.ravel() / VELOCITY_UNIT
        return self.matrices.constraint_forces(self._velocities, weights)

    # -- the preconditioner ----------------------------------------------------------------------------

    def assemble(self, softness: Softness, ties: Ties) -> None:
        """New matrices for the preconditioner (collective)."""
        self.scales = self.matrices.assemble(softness, self.mac.constraint_weights(*ties), self.solver)
        self._made_of = softness, ties

    def kept(self) -> Kept:
        """What the matrices were made of, and how the preconditioner has paid since."""
        if self.solver.stale or self._made_of is None:
            return Kept()
        softness, ties = self._made_of
        return Kept(vars(softness), dict(zip(TIES, ties, strict=True)) | self.solver.numbers)

    def take_up(self, kept: Kept) -> None:
        """Make the same matrices; without them the next solve makes its own (collective)."""
        self.solver.stale = True
        names = [f.name for f in fields(Softness)]
        if not kept.arrays.keys() >= set(names):
            return
        rigid, spring, fixed = (kept.numbers[name] for name in TIES)
        self.assemble(Softness(**{name: kept.arrays[name] for name in names}), (rigid, spring, fixed))
        self.solver.go_on(kept.numbers)

    # -- the solve -------------------------------------------------------------------------------------

    def step(self, old: MechanicalState, lithium: Array, growth: Growth, load: Load, dt: float) -> MechanicsResult:
        """Velocities and stresses at the end of a step dt (s) with the order parameter xi (collective)."""
        solid_share = self.rheology.solid_share(lithium)
        problem = _Problem(self, old, solid_share, growth, load, dt)

        # from the rates of the last step; tau_predicted is at first the stress that is remembered
        at = problem.evaluate(old.velocity, problem.held_pressure, old.growth)
        krylov, reason = 0, "the iteration for the creep viscosity stalls"
        predicted, last = problem.remembered, np.inf
        for newton in range(self.max_newton + 1):
            # balanced, or as near to it as rounding allows once the imbalance falls no further
            met = at.imbalance <= self.tolerance
            if not met and STALLED * last < at.imbalance <= SURE:
                met = at.imbalance <= problem.rounded(at)
            last = at.imbalance
            if met and at.force_error <= FORCE_TOLERANCE:
                outcome = Outcome(True, "newton converged", krylov, at.imbalance)
                return self._result(old, at, solid_share, dt, outcome, newton)
            if newton == self.max_newton or not np.isfinite(at.imbalance):
                break

            # one Newton step along (dv, dP, dS), solved no better than it is worth
            loosest, tightest = LINEAR_TOLERANCES
            wanted = self.forcing.rtol(newton, max(at.imbalance, self.tolerance), self.tolerance)
            rtol = min(loosest, max(tightest, wanted))
            direction, linear, foreseen = problem.solve(at, predicted, rtol)
            krylov += linear.iterations
            if not linear.converged:
                reason = f"linear solver: {linear.reason}"
                break
            at, predicted = problem.search(at, direction), foreseen
        return self._result(old, at, solid_share, dt, Outcome(False, reason, krylov, at.imbalance), newton)

    def _result(
        self, old: MechanicalState, at: _Iterate, solid_share: Array, dt: float, outcome: Outcome, newton: int
    ) -> MechanicsResult:
        solid = at.response.solid
        # a void forgets: what later fills it starts without stress
        elastic = np.stack([*solid.normal, *solid.edges]) * (solid_share > 0)
        new = MechanicalState(
            velocity=at.velocity,
            pressure=at.pressure,
            growth=at.growth,
            elastic=elastic,
            displacement=old.displacement + dt * at.velocity,
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


class _Problem:
    """The equations of one step: their imbalance, derivative and line search."""

    def __init__(
        self, mechanics: Mechanics, old: MechanicalState, solid_share: Array, growth: Growth, load: Load, dt: float
    ):
        self.m, self.old, self.solid_share = mechanics, old, solid_share
        self.growth, self.load, self.dt = growth, load, dt
        m, p, r = mechanics, mechanics.properties, mechanics.rheology
        # what the old state holds: kappa and w P_old of the volume, tau_s,old of the shear
        void = VOID_BULK_RATIO * p.void_viscosity
        self.kappa = solid_share * r.bulk_modulus * dt + (1 - solid_share) * void
        self.held_pressure = solid_share * old.pressure
        remembered = r.elastic_tensor(old.elastic)
        self.remembered = solid_share * np.sqrt(remembered.product(remembered))
        self.held = r.memory_rates(remembered, dt)

        # resistance of the platen, of its spring and of planes of symmetry, measured by the stiffest solid
        stiffest = float(np.max(r.shear_modulus)) * dt / m.viscosity_unit
        stiffest = m.grid.max(np.asarray(stiffest))
        spring = load.stiffness * dt * m.mac.length / m.viscosity_unit
        rigid = min(PLATEN * max(m.grid.shape[:-1], default=1) * stiffest, PLATEN_LIMIT) if load.platen else 0.0
        self.rounding = ROUNDING * rigid / VELOCITY_UNIT
        self.ties = (rigid, spring, stiffest)
        self.constraint = m.mac.constraint_weights(*self.ties)

        # a force on the bottom that counts as none, for a cell without stress
        self.negligible = NEGLIGIBLE / STRESS_UNIT * np.sqrt(m.grid.sum(m.mac.bottom_area**2))

    def evaluate(self, v: Array, pressure: Array, s: Array) -> _Iterate:
        """Imbalances at given fields (collective)."""
        m, grid, mac, dim = self.m, self.m.grid, self.m.mac, self.m.grid.dim
        # tau of the rates, and the growth S(s_n) that its normal stress asks for
        d = m.strain_rates(v)
        response = m.rheology.respond(d, s, pressure, self.held, self.solid_share, self.dt)
        rate, slope = self.growth(response.normal_stress)

        # div sigma and the platen's p; of p = p0 - stiffness (Z_old + V dt) the part with V is in the constraints
        inner = m.internal_force(response.tau, pressure)
        p0 = self.load.pressure - self.load.stiffness * self.old.displacement[..., -1]
        force = inner + m.constraint_force(v, self.constraint)
        force[..., -1] -= p0 / STRESS_UNIT * mac.bottom_area

        # div v - S + (P - w P_old)/kappa
        divergence = d[:dim].sum(axis=0)
        volume = -(divergence - s + (pressure - self.held_pressure) / self.kappa) * mac.volume / m.rate_unit

        # inner forces cancel in the sum over all faces: it is the reaction at the top less the load
        rise = self.old.displacement[..., -1] + self.dt * v[..., -1]
        push = self.load.pressure - self.load.stiffness * rise
        applied = grid.sum(push * mac.bottom_area)
        reaction = grid.sum(force[..., -1]) * STRESS_UNIT

        # the imbalance relative to the sizes of what is to cancel; what the stiff platen makes of rounding is none
        size = max(np.sqrt(grid.sum(inner**2)), self.negligible)
        moved = np.abs(d[:dim]).sum(axis=0) + np.abs(s) + REST / self.dt
        volume_size = grid.sum(moved * mac.volume) / m.rate_unit
        left = grid.sum(np.abs(volume)) + grid.sum(np.abs(s - rate) * mac.volume) / m.rate_unit
        rounding = self.rounding * np.sqrt(grid.sum((v[..., -1] * (mac.bottom_area > 0)) ** 2))
        unbalanced = max(np.sqrt(grid.sum(force**2)) - rounding, 0.0) / size
        return _Iterate(
            velocity=v,
            pressure=pressure,
            growth=s,
            response=response,
            force=force,
            volume=volume,
            mismatch=s - rate,
            softness=-slope,
            force_size=size,
            volume_size=volume_size,
            imbalance=float(np.max([unbalanced, left / volume_size])),
            force_error=abs(reaction / applied) if applied else 0.0,
            load_pressure=applied / m.loaded_area,
        )

    def rounded(self, it: _Iterate) -> float:
        """The imbalance that rounding may leave: eps times the sizes of all terms (collective)."""
        m, mac, dim = self.m, self.m.mac, self.m.grid.dim
        # the sums of `evaluate` with absolute values: of the forces on a face
        tau, p = it.response.tau, np.abs(it.pressure)
        stress = replace(tau, normal=np.abs(tau.normal) + p, edges=[np.abs(s) for s in tau.edges])
        forces = m.internal_force(stress, 0.0, mac.sizes)

        # and of the rates at which a cell changes its volume
        rates = m.strain_rates(np.abs(it.velocity), mac.sizes)[:dim].sum(axis=0) + 2 * np.abs(it.growth)
        rates += (p + np.abs(self.held_pressure)) / self.kappa + it.softness * np.abs(it.response.normal_stress)
        volumes = m.grid.sum(rates * mac.volume) / m.rate_unit
        return EPSILON * max(np.sqrt(m.grid.sum(forces**2)) / it.force_size, volumes / it.volume_size)

    def merit(self, it: _Iterate) -> float:
        """Imbalance scaled by the stiffness that was assembled last; of a platen the sum of the forces (collective)."""
        m, volume, scales = self.m, self.m.mac.volume, self.m.scales
        assert scales is not None
        # every force over its own stiffness; the rigid platen's move together, so only their sum counts
        squares = it.force**2 / scales.diagonal
        area = m.mac.bottom_area
        if self.load.platen:
            squares[..., -1] *= area == 0
        forces = m.grid.sum(squares)
        if self.load.platen:
            forces += m.grid.sum(it.force[..., -1] * (area > 0)) ** 2 / m.grid.sum(scales.modulus * area)

        # what is left of the volumes, as an energy too
        volumes = m.grid.sum(it.volume**2 * scales.modulus / volume)

        # of growth that reacts strongly to stress: the square of the stress that is missing, over the modulus
        softness = it.softness * m.viscosity_unit * scales.modulus
        weight = scales.modulus / (1 + softness**2)
        return forces + volumes + m.grid.sum((it.mismatch / m.rate_unit) ** 2 * weight * volume)

    def solve(self, it: _Iterate, predicted: Array, rtol: float) -> tuple[tuple[Array, Array, Array], Outcome, Array]:
        """Newton's direction (dv, dP, dS) in SI, and the creep stress it foresees (collective)."""
        m, grid, mac, r, dim = self.m, self.m.grid, self.m.mac, self.m.rheology, self.m.grid.dim
        # b = -dS/ds_n; S is eliminated in the cells, where growth takes back 1 - gain of the stress that drives it
        at, b = it.response, it.softness
        softness = Softness(eta_solid=at.eta_solid, growth=b, kappa=self.kappa)
        split = m.matrices.split(softness)
        theta = r.newton_factor(at, predicted)
        shape = it.velocity.shape
        gain = 1 / (1 + b * r.along_normal(r.tangent(at, theta, r.growth(np.ones(grid.local_shape)))))
        left = 1 - split.penalty * split.compliance  # 1 - K1/K: divides the rows of the volume

        def strain_change(d: Array, dp: Array, mismatch: Array | float) -> tuple[Tensor, Array]:
            """Changes of e and S that follow from strain rates and pressure."""
            e = r.deviator(d)
            ds = gain * (b * (r.along_normal(r.tangent(at, theta, e)) - dp) - mismatch)
            return e + r.growth(-ds), ds

        def total(dv: Array, d: Array, dp: Array, mismatch: Array | float) -> tuple[Array, Array]:
            """Changes of force and volume as in `evaluate`."""
            e, ds = strain_change(d, dp, mismatch)
            force = m.internal_force(r.tangent(at, theta, e), dp) + m.constraint_force(dv, self.constraint)
            return force, -(d[:dim].sum(axis=0) - ds + dp / self.kappa) * mac.volume / m.rate_unit

        def fields(x: Array, q: Array) -> tuple[Array, Array, Array]:
            """dv, its strain rates and dP of the scaled unknowns x and q = dP + K1 (div - zeta e_nn)."""
            dv = x.reshape(shape) * VELOCITY_UNIT
            d = m.strain_rates(dv)
            divergence = d[:dim].sum(axis=0)
            along = (r.squares * d[:dim]).sum(axis=0) - divergence / 3
            return dv, d, q.reshape(grid.local_shape) * STRESS_UNIT - split.penalty * (divergence - split.zeta * along)

        def apply(x: Array, q: Array) -> tuple[Array, Array]:
            """The operator that `SaddleSolver` is given."""
            force, volume = total(*fields(x, q), 0.0)
            return force, volume / left

        # what is left of S = S(s_n) acts as growth even where nothing moves: it goes to the right-hand side
        nothing = np.zeros(grid.local_shape)
        d0 = np.zeros((dim + len(mac.pairs), *grid.local_shape))
        force, volume = total(np.zeros(shape), d0, nothing, it.mismatch)

        # where a kept preconditioner fails, which makes it stale, a new one is tried
        krylov, kept = 0, True
        while kept:
            kept = not m.solver.stale
            if not kept:
                m.assemble(softness, self.ties)
            x, q, outcome = m.solver.solve(apply, -it.force - force, (-it.volume - volume) / left, rtol)
            krylov += outcome.iterations
            kept = kept and not outcome.converged

        # back to (dv, dP, dS), and the creep stress of the linear model, tau_predicted of the next step
        dv, d, dp = fields(x, q)
        e, ds = strain_change(d, dp, it.mismatch)
        return (dv, dp, ds), replace(outcome, iterations=krylov), r.predicted(at, theta, e)

    def search(self, it: _Iterate, direction: tuple[Array, Array, Array]) -> _Iterate:
        """The first of the halved steps that lowers the scaled imbalance, or the smallest (collective)."""
        damping, before = 1.0, self.merit(it)
        while True:
            fields = (it.velocity, it.pressure, it.growth)
            new = self.evaluate(*(a + damping * b for a, b in zip(fields, direction, strict=True)))
            if self.merit(new) < before or new.imbalance < self.m.tolerance or damping <= SMALLEST_DAMPING:
                return new
            damping *= 0.5
