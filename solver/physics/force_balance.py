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
from solver.numerics.saddle import Norm
from solver.physics.rheology import Response, Tensor
from solver.physics.stiffness import Scales, Softness
from solver.physics.tangent import Tangent, contracted, summed

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
    elastic stress tau_el Pa (components, *cells): normal ones, then shear; solid_pressure P_s Pa; displacement
    (*cells, dim) m.
    """

    velocity: Array
    pressure: Array
    growth: Array
    elastic: Array
    solid_pressure: Array
    displacement: Array


@dataclass(frozen=True, kw_only=True)
class Touch:
    """What a collector and the electrolyte push each other with where no Li is between them.

    gap: g of every column (*lateral, 1) at the start of the step, m; law: g -> p_c Pa and -dp_c/dg Pa/m;
    bare: share of a column without Li; lift: share of the push that the lower face of a cell takes up (cells).
    """

    gap: Array
    law: Callable[[Array], tuple[Array, Array]]
    bare: Array
    lift: Array


@dataclass(frozen=True, kw_only=True)
class Load:
    """What pushes the bottom: pressure p0 Pa, stiffness Pa/m of the fixture; platen: rigid, or a free surface.

    touch: of a collector; None where there is none.
    """

    pressure: float
    stiffness: float = 0.0
    platen: bool = True
    touch: Touch | None = None


@dataclass(frozen=True, kw_only=True)
class Ties:
    """Weights of the constraints, scaled; see `Staggered.constraint_weights`."""

    rigid: float
    spring: Array | float
    fixed: float
    held: Array | float = 0.0


@dataclass
class Iterate:
    """Fields, and what is left of the equations there: force and volume in scaled units, mismatch S - S(s_n).

    touch_stiffness: rise of p_c with Z, Pa/m, of the mean or in every column. force_size, volume_size: relative to
    which the imbalance is one.
    """

    velocity: Array
    pressure: Array
    growth: Array
    response: Response
    force: Array
    volume: Array
    mismatch: Array
    softness: Array  # -dS/ds_n, 1/(s Pa)
    kappa: Array  # bulk viscosity of a small change of pressure, Pa s
    touch_stiffness: Array | float
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
        m, r = mechanics, mechanics.rheology
        # what the old state holds of shear stress, tau_s,old
        remembered = r.elastic_tensor(old.elastic)
        self.remembered = replace(remembered, edges=[]).scaled(solid_share, [])
        self.held = r.memory_rates(remembered, dt)

        self.scales: Scales | None = None  # by which imbalances are judged: the same all the step, else none would fall

        # resistance of the platen, of its spring and of planes of symmetry, measured by the stiffest solid
        stiffest = m.grid.max(np.asarray(r.stiffest * dt / m.viscosity_unit))
        rigid = min(PLATEN * max(m.grid.shape[:-1], default=1) * stiffest, PLATEN_LIMIT) if load.platen else 0.0
        self.bedding, self.platen = load.stiffness, load.platen
        if m.foil:
            self.bedding, self.platen = m.foil.bedding, False
            rigid = float(self._scaled(m.foil.bending_stiffness)) / m.mac.length**4
        self.rounding = ROUNDING * rigid / VELOCITY_UNIT
        self._ties = Ties(rigid=rigid, spring=self._scaled(self.bedding), fixed=stiffest, held=m.held)
        self.constraint = m.mac.constraint_weights(**vars(self._ties))

        # force of a foil that is bent already
        self.bent: Array | float = 0.0
        if m.foil:
            bent = np.zeros_like(old.displacement)
            bent[..., -1] = old.displacement[..., -1] * (m.mac.bottom_area > 0) / (dt * VELOCITY_UNIT)
            only = m.mac.constraint_weights(rigid, 0.0, 0.0)
            self.bent = m.matrices.constraint_forces(bent, only)

        # a force on the bottom that counts as none, for a cell without stress
        self.negligible = NEGLIGIBLE / STRESS_UNIT * m.bottom_size

    def _scaled(self, stiffness: Array | float) -> Array | float:
        """Force per velocity of a stiffness in Pa/m over the step, scaled."""
        return stiffness * (self.dt * self.m.mac.length / self.m.viscosity_unit)

    def ties(self, touch_stiffness: Array | float) -> Ties:
        """Weights of the constraints for a small change: a collector that touches stiffens the spring (Pa/m)."""
        return replace(self._ties, spring=self._ties.spring + self._scaled(touch_stiffness))

    def _touching(self, v: Array) -> tuple[Array, Array | float]:
        """Forces, scaled, of p_c on the velocities along z, and its rise with Z, Pa/m (collective).

        What the electrolyte is pushed with the collector takes the opposite of: the platen, which moves as one with it,
        or the column of one that bends.
        """
        m, mac, touch = self.m, self.m.mac, self.load.touch
        assert touch is not None
        pressure, slope = touch.law(touch.gap - m.surface_velocity(v) * self.dt)
        area = m.grid.area[-1] / mac.length ** (m.grid.dim - 1)
        share = touch.bare * touch.lift * area
        if m.foil:
            push, stiffness = m.grid.columns(share * pressure) / area, m.grid.columns(share * slope) / area
        else:
            push, stiffness = (total / m.loaded_area for total in m.grid.sums(share * pressure, share * slope))
        return (share * pressure - mac.bottom_area * push) / STRESS_UNIT, stiffness

    def _beyond(self, along: Array) -> float:
        """Pressure by which the platen answers beyond the bedding to displacements along z, by their mean (collective).

        along: on the lower faces, m; with velocities in m/s a pressure per s.
        """
        m, beyond = self.m, self.load.stiffness - self.bedding
        return beyond * m.grid.sum(m.mac.bottom_area * along) / m.loaded_area if beyond else 0.0

    def evaluate(self, v: Array, pressure: Array, s: Array) -> Iterate:
        """Imbalances at given fields (collective)."""
        m, grid, mac, dim = self.m, self.m.grid, self.m.mac, self.m.grid.dim
        # tau of the rates, and the growth S(s_n) that its normal stress asks for
        d = m.strain_rates(v)
        response = m.rheology.respond(d, s, pressure, self.held, self.solid_share, self.dt)
        rate, slope = self.growth(response.normal_stress)

        # div sigma and the platen's p; of p = p0 - stiffness (Z_old + V dt) the part with V is in the constraints.
        # Of a foil, p = p0 - k Z - (stiffness - k) Zm - bending, what V adds to k Z and the bending is there, Zm here
        inner = mac.forces(response.tau.normal - pressure, response.tau.edges)
        inner /= STRESS_UNIT
        start = self.load.pressure - self._beyond(self.old.displacement[..., -1]) - self.dt * self._beyond(v[..., -1])
        p0 = start - self.bedding * self.old.displacement[..., -1]
        force = m.matrices.constraint_forces(v / VELOCITY_UNIT, self.constraint)
        force += inner
        force += self.bent
        force[..., -1] -= p0 / STRESS_UNIT * mac.bottom_area
        touch_stiffness: Array | float = 0.0
        if self.load.touch:
            pushed, touch_stiffness = self._touching(v)
            force[..., -1] -= pushed

        # div v - S, and what the cells lose of their volume
        divergence = d[:dim].sum(axis=0)
        compaction, kappa = m.rheology.compaction(pressure, self.old.solid_pressure, self.solid_share, self.dt)
        unit = mac.volume / m.rate_unit
        volume = s - divergence
        volume -= compaction
        volume *= unit

        # inner forces cancel in the sum over all faces: it is the reaction at the top less the load
        rise = self.old.displacement[..., -1] + self.dt * v[..., -1]
        push = start - self.bedding * rise
        moved = np.abs(d[:dim]).sum(axis=0) + np.abs(s) + REST / self.dt
        applied, reaction, forces, inner_forces, platen, volumes, volume_size, mismatch = grid.sums(
            push * mac.bottom_area,
            force[..., -1] * STRESS_UNIT,
            force**2,
            inner**2,
            (v[..., -1] * (mac.bottom_area > 0)) ** 2,
            np.abs(volume),
            moved * unit,
            np.abs(s - rate) * unit,
        )

        # the imbalance relative to the sizes of what is to cancel; what the stiff platen makes of rounding is none
        size = max(np.sqrt(inner_forces), self.negligible)
        unbalanced = max(np.sqrt(forces) - self.rounding * np.sqrt(platen), 0.0)
        return Iterate(
            velocity=v,
            pressure=pressure,
            growth=s,
            response=response,
            force=force,
            volume=volume,
            mismatch=s - rate,
            softness=-slope,
            kappa=kappa,
            touch_stiffness=touch_stiffness,
            force_size=size,
            volume_size=volume_size,
            imbalance=float(np.max([unbalanced / size, (volumes + mismatch) / volume_size])),  # NaN stays one
            force_error=abs(reaction / applied) if applied else 0.0,
            load_pressure=applied / m.loaded_area,
        )

    def rounded(self, it: Iterate) -> float:
        """The imbalance that rounding may leave: eps times the sizes of all terms (collective)."""
        m, mac, dim = self.m, self.m.mac, self.m.grid.dim
        # the sums of `evaluate` with absolute values: of the forces on a face
        tau, p = it.response.tau, np.abs(it.pressure)
        edges = [np.abs(x) / STRESS_UNIT for x in tau.edges]
        forces = mac.forces((np.abs(tau.normal) + p) / STRESS_UNIT, edges, mac.sizes)

        # and of the rates at which a cell changes its volume
        rates = m.strain_rates(np.abs(it.velocity), mac.sizes)[:dim].sum(axis=0) + 2 * np.abs(it.growth)
        rates += (p + np.abs(self.old.solid_pressure)) / it.kappa
        rates += it.softness * np.abs(it.response.normal_stress)
        volumes = m.grid.sum(rates * mac.volume) / m.rate_unit
        return EPSILON * max(np.sqrt(m.grid.sum(forces**2)) / it.force_size, volumes / it.volume_size)

    def _weights(self, it: Iterate) -> tuple[Array, Array]:
        """Of squares of forces and of volumes in the merit: every force over its own stiffness, volumes as energies.

        Of volumes that react strongly to stress it is the square of the stress that is missing, over the modulus.
        """
        assert self.scales is not None
        soft = self.scales.modulus * self.m.viscosity_unit / it.kappa
        return 1 / self.scales.diagonal, self.scales.modulus / self.m.mac.volume / (1 + soft**2)

    def merit(self, it: Iterate) -> float:
        """Imbalance scaled by stiffness; of a platen the sum of the forces (collective)."""
        m, volume, scales = self.m, self.m.mac.volume, self.scales
        assert scales is not None
        # the rigid platen's forces move together, so only their sum counts
        forces, volumes = self._weights(it)
        squares = it.force**2 * forces
        platen = (m.mac.bottom_area > 0) * self.platen
        squares[..., -1] *= 1 - platen

        # what is left of S = S(s_n) as an energy too
        softness = it.softness * m.viscosity_unit * scales.modulus
        growth = (it.mismatch / m.rate_unit) ** 2 * scales.modulus / (1 + softness**2) * volume
        total, rest, push, area = m.grid.sums(
            squares, it.volume**2 * volumes + growth, it.force[..., -1] * platen, scales.modulus * m.mac.bottom_area
        )
        return total + rest + push**2 / area

    def _norm(self, it: Iterate, left: Array) -> Norm:
        """The root of the merit for linear systems; left: what divides the rows of the volume (collective)."""
        m = self.m
        assert self.scales is not None
        force, volume = (np.sqrt(weights) for weights in self._weights(it))
        platen = np.zeros(force.shape, dtype=bool)
        platen[..., -1] = (m.mac.bottom_area > 0) * self.platen
        count, stiffness, area = m.grid.sums(
            platen[..., -1], platen[..., -1] * self.scales.diagonal[..., -1], self.scales.modulus * m.mac.bottom_area
        )
        gain = 1.0
        if count:
            force[platen] = np.sqrt(count / stiffness)
            gain = np.sqrt(stiffness / area)
        return Norm(force, left * volume, np.flatnonzero(platen), int(count), gain, m.grid.comm)

    def solve(self, it: Iterate, predicted: Tensor, rtol: float) -> tuple[tuple[Array, Array, Array], Outcome, Tensor]:
        """Newton's direction (dv, dP, dS) in SI, to rtol of the root of the merit, and the creep stress it foresees.

        (Collective.)
        """
        m, mac, dim, cells = self.m, self.m.mac, self.m.grid.dim, self.m.grid.local_shape
        softness = Softness(eta_solid=it.response.eta_solid, growth=it.softness, kappa=it.kappa)
        split = m.matrices.split(softness)
        units = {"rate_unit": m.rate_unit, "viscosity_unit": m.viscosity_unit}
        tangent = Tangent(m.rheology, it.response, it.softness, predicted, **units)
        kappa, mismatch = it.kappa / m.viscosity_unit, it.mismatch / m.rate_unit
        bulk = split.penalty / m.viscosity_unit * (1 + split.zeta * (1 / 3 - m.rheology.squares))
        left = 1 - split.penalty * split.compliance  # 1 - K1/K: divides the rows of the volume
        ties, unit = self.ties(it.touch_stiffness), self.dt * VELOCITY_UNIT / STRESS_UNIT
        constraint = mac.constraint_weights(**vars(ties))

        def pressure(d: Array, q: Array) -> Array:
            """dP of the unknown q = dP + K1 (div - zeta e_nn)."""
            return q.reshape(cells) - contracted(bulk, d)

        def total(x: Array, strains: Array, dp: Array, mismatch: Array | None = None) -> tuple[Array, Array]:
            """Changes of force and volume as in `evaluate`."""
            d, gamma = strains[:dim], strains[dim:]
            change = tangent.cells(d, gamma, dp, mismatch)
            volume = change.growth - summed(d)
            volume -= dp / kappa
            volume *= mac.volume
            force = mac.forces(tangent.normal_stresses(d, change), tangent.edge_stresses(gamma, change))
            force += m.matrices.constraint_forces(x, constraint)
            if beyond := self._beyond(x.reshape(force.shape)[..., -1]):
                force[..., -1] += beyond * unit * mac.bottom_area
            return force, volume

        def apply(x: Array, q: Array) -> tuple[Array, Array]:
            """The operator that `SaddleSolver` is given."""
            strains = mac.strains(x)
            force, volume = total(x, strains, pressure(strains[:dim], q))
            return force, volume / left

        # what is left of S = S(s_n) acts as growth even where nothing moves: it goes to the right-hand side
        still, strains = np.zeros_like(it.velocity), np.zeros((dim + len(mac.pairs), *cells))
        force, volume = total(still, strains, np.zeros(cells), mismatch)
        force, volume = -it.force - force, (-it.volume - volume) / left
        del still, strains

        # where a kept preconditioner fails, which makes it stale, a new one is tried
        krylov, kept, schur = 0, True, m.matrices.schur(softness)
        while kept:
            kept = not m.solver.stale
            if not kept:
                m.assemble(softness, ties)
            self.scales = self.scales or m.scales
            x, q, outcome = m.solver.solve(apply, force, volume, schur, self._norm(it, left), rtol)
            krylov += outcome.iterations
            kept = kept and not outcome.converged

        # back to (dv, dP, dS), and the creep stress of the linear model, tau_predicted of the next step
        strains = mac.strains(x)
        dp = pressure(strains[:dim], q)
        change = tangent.cells(strains[:dim], strains[dim:], dp, mismatch)
        direction = (x.reshape(force.shape) * VELOCITY_UNIT, dp * STRESS_UNIT, change.growth * m.rate_unit)
        outcome = replace(outcome, iterations=krylov)
        return direction, outcome, tangent.predicted(strains[:dim], change).scaled(STRESS_UNIT, [])

    def search(self, it: Iterate, direction: tuple[Array, Array, Array]) -> tuple[Iterate, float]:
        """The first of the halved steps that lowers the merit, or the smallest; by which factor it has changed.

        (Collective.)
        """
        damping, before = 1.0, self.merit(it)
        while True:
            fields = (it.velocity, it.pressure, it.growth)
            new = self.evaluate(*(a + damping * b for a, b in zip(fields, direction, strict=True)))
            after = self.merit(new)
            if after < before or new.imbalance < self.m.tolerance or damping <= SMALLEST_DAMPING:
                return new, after / before
            damping *= 0.5
