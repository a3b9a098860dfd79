"""The equations of one step of the `mechanics`: what is left of them, their derivative, and a search along a direction.

Symbols and equations are those of `mechanics`, and so is the object that keeps matrices and units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from solver.numerics.array import Array
from solver.numerics.linear import EPSILON, Outcome
from solver.physics.rheology import VOID_BULK_RATIO, Response, Tensor
from solver.physics.stiffness import Softness

if TYPE_CHECKING:
    from solver.physics.mechanics import Mechanics

STRESS_UNIT = 1e6  # Pa
VELOCITY_UNIT = 1e-9  # m/s
PLATEN = 3e5  # resistance of the platen relative to the stiffest solid under it; it bends by about 1/(4 PLATEN)
PLATEN_LIMIT = 1e9  # of the same in scaled units
ROUNDING = 1e-15  # relative, of the platen's velocity: forces it makes up are no imbalance
REST = 1e-10  # strain in a step that is none: 1 Pa of elastic stress
NEGLIGIBLE = 1.0  # Pa: stresses below it need not balance
SMALLEST_DAMPING = 1 / 16

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


@dataclass
class Iterate:
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


class ForceBalance:
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

    def evaluate(self, v: Array, pressure: Array, s: Array) -> Iterate:
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
        return Iterate(
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

    def rounded(self, it: Iterate) -> float:
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

    def merit(self, it: Iterate) -> float:
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

    def solve(self, it: Iterate, predicted: Array, rtol: float) -> tuple[tuple[Array, Array, Array], Outcome, Array]:
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

    def search(self, it: Iterate, direction: tuple[Array, Array, Array]) -> Iterate:
        """The first of the halved steps that lowers the scaled imbalance, or the smallest (collective)."""
        damping, before = 1.0, self.merit(it)
        while True:
            fields = (it.velocity, it.pressure, it.growth)
            new = self.evaluate(*(a + damping * b for a, b in zip(fields, direction, strict=True)))
            if self.merit(new) < before or new.imbalance < self.m.tolerance or damping <= SMALLEST_DAMPING:
                return new
            damping *= 0.5
