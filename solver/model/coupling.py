"""One staggered time step: charge with filaments -> mechanics -> occupancy -> lithium.

Each sub-problem is implicit in its own fields. The transfer current that the charge equation has found is the
one that the occupancy equation supplies, so every electron is paid for by an atom. The mechanics finds the lattice
velocity and how fast planes vanish under the normal stress; the velocities on the faces carry occupancy and lithium.
Mechanics and occupancy see xi extrapolated to the new time: with the old xi the equilibrium c = h would
hold moving surfaces back by a part ~ dt, and the critical current come out up to 10 % higher. The transfer current
sees the normal stress of the last step, and so do filaments, which advance inside the iteration for the potential:
every atom in them is paid for in the same step. Dead Li (`conductor`), as the step finds it, does not react. What
staggering leaves open is measured, not assumed:

    error = max of   |xi_new - predicted| dt/(2 dt + dt_old) / TOLERANCES["lithium"]        (metal side)
                     |c_new  - predicted| dt/(2 dt + dt_old) / TOLERANCES["occupancy"]
                     the same of zeta                       / TOLERANCES["filament"]         (where there are defects)
                     dt |S* - S(new fields)|                / TOLERANCES["source"]
                     |contact fraction change|              / TOLERANCES["contact"]

The first three are the local truncation error of backward Euler (the prediction is the linear extrapolation of the
last two time levels); all fall with dt. A step with error > tolerance is rejected by the loop, which knows no physics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from solver.constants import BOLTZMANN
from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.laws import kinetics, vacancies
from solver.model.measures import Measures
from solver.model.step import Step, StepResult
from solver.numerics import random_fields
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper
from solver.numerics.linear import Outcome
from solver.numerics.state import State
from solver.numerics.timing import Timers
from solver.physics.charge import ChargeBalance, ChargeOutcome, InterfaceTerm, TopControl
from solver.physics.conductor import Conductor
from solver.physics.deformation import Deformation
from solver.physics.lithium import LithiumEquation
from solver.physics.occupancy import OccupancyBalance
from solver.physics.penetration import Penetration

TOLERANCES = {"lithium": 0.02, "occupancy": 0.004, "filament": 0.02, "source": 0.004, "contact": 0.02}
SIGNIFICANT = 0.1  # weight of metal or defect from which on a field counts in the error
NEAR_CONTACT = 0.005  # of the largest area density: where a local current density means something
GROWTH_PER_STEP = 0.5  # of the fastest unstable mode: a larger implicit step damps it

CAPPED_SHARE = 0.1  # of the annihilation at the cap of r(p): from there on a user is warned

FIELDS = ("lithium", "occupancy", "potential", "feed")  # and those of `deformation`; feed: q of `vacancies`


@dataclass(frozen=True)
class Noise:
    """Thermal fluctuations of xi: amplitude (1 is kT), temperature K, seed, depth of a missing direction (m)."""

    amplitude: float
    temperature: float
    seed: int
    depth: float


@dataclass(frozen=True)
class Current:
    """What the charge equation has found: phi, transfer current per volume A/m^3, fields of the filaments."""

    potential: Array
    charge: ChargeOutcome
    transfer: Array
    newton: int
    krylov: int
    filled: dict[str, Array] = field(default_factory=dict)


class _SolveFailed(Exception):
    """A solve of a step failed, on all ranks alike."""


def _require(name: str, outcome: Outcome) -> None:
    if not outcome.converged:
        raise _SolveFailed(f"{name}: {outcome.reason}")


def _deficit(fields: Mapping[str, Array] | State) -> Array:
    """h - c."""
    return fe.step(fields["lithium"]) - fields["occupancy"]


@dataclass
class Coupling:
    """The coupled step.

    exchange i0(x) A/m^2 and impurities a(x) are static cell fields; stack_pressure Pa at the start, capacitance F/m^2,
    series_resistance ohm m^2, voltage_limit V (magnitude). penetration: None without defects.
    """

    grid: Grid
    contact: Contact
    energy: fe.EnergyParameters
    kinetics: kinetics.KineticsParameters
    deformation: Deformation
    charge: ChargeBalance
    occupancy: OccupancyBalance
    lithium: LithiumEquation
    exchange: Array
    impurities: Array
    stack_pressure: float
    capacitance: float = 0.0
    series_resistance: float = 0.0
    voltage_limit: float = np.inf
    noise: Noise | None = None
    penetration: Penetration | None = None
    timers: Timers = field(default_factory=Timers)

    def __post_init__(self) -> None:
        self._near_contact = self.contact.area_density > NEAR_CONTACT * self.grid.max(self.contact.area_density)
        self._significant = self.contact.metal > SIGNIFICANT

    @property
    def history(self) -> tuple[str, ...]:
        """Fields whose last time level predicts the next."""
        return ("lithium", "occupancy", "potential", *(("filament",) if self.penetration else ()))

    @property
    def keepers(self) -> dict[str, Keeper]:
        """All that outlives a step besides the fields, by the names under which checkpoints have it."""
        mechanics, lithium = self.deformation.mechanics, self.lithium.solver
        found: dict[str, Keeper] = {
            "charge": self.charge.solver,
            "charge_forcing": self.charge.forcing,
            "mechanics": mechanics,
            "mechanics_forcing": mechanics.forcing,
            "occupancy": self.occupancy.solver,
            "lithium": lithium.solver,
            "lithium_forcing": lithium.forcing,
        }
        if self.penetration:
            filament = self.penetration.equation.solver
            found |= {"filament": filament.solver, "filament_forcing": filament.forcing}
        return found

    @cached_property
    def measures(self) -> Measures:
        """What is measured of the fields."""
        return Measures(self.grid, self.contact, self.impurities, self.energy.width, self.penetration)

    def inventory(self, fields: Mapping[str, Array] | State) -> float:
        """Li in all places, see `Measures` (collective)."""
        return self.measures.inventory(fields)

    def largest_step(self, state: State) -> float:
        """Largest dt (s) that does not damp the growth of a void in the present state (collective)."""
        growth = self.lithium.growth_rate(self.contact, state["lithium"], state["occupancy"])
        return GROWTH_PER_STEP / growth if growth > 0 else np.inf

    # -- the step ------------------------------------------------------------------------------------

    def output_fields(self, state: State, measured: Mapping[str, float]) -> dict[str, Array]:
        """The fields of `state.FIELDS` for the present state (collective)."""
        xi, m = state["lithium"], self.contact.metal
        applied = measured.get("applied_pressure", self.stack_pressure)  # nothing measured yet: the assembled cell
        excess = self.deformation.excess_pressure(state, applied)
        j, _ = self._transfer(state, excess)(state["potential"])
        motion = self.deformation.output_fields(state)
        motion["contact_pressure"] = motion["contact_pressure"] * self._near_contact
        conductor = self.measures.conductor(state)
        share = self._reacting(state, conductor)
        filled = self.penetration.output_fields(state) if self.penetration else {}
        return {
            "lithium": xi.copy(),
            "occupancy": state["occupancy"].copy(),
            "potential": state["potential"].copy(),
            "electrolyte": self.contact.electrolyte,
            "metal": m * xi + filled.pop("metal", 0.0),
            "void": m * (1 - xi),
            "dead_lithium": conductor.dead.astype(float),
            "current_density": j * share * self._near_contact,
            "exchange_current_density": self.exchange * self._near_contact,
            **motion,
            **filled,
        }

    def _reacting(self, state: State, conductor: Conductor) -> Array:
        """Share of the contact that transfers charge: living Li, where no filament has taken its place."""
        share = fe.step(state["lithium"]) * conductor.active
        return share * self.penetration.free_share(state) if self.penetration else share

    def _transfer(self, state: State, excess_pressure: Array) -> InterfaceTerm:
        """phi -> (j, dj/dphi) per area of contact."""
        h, c = fe.step(state["lithium"]), state["occupancy"]
        rest = kinetics.equilibrium_potential(self.kinetics, self.energy.stiffness, c, h, excess_pressure)
        available = kinetics.anodic_availability(c, h)

        def current(phi: Array) -> tuple[Array, Array]:
            return kinetics.transfer_current(self.kinetics, phi, rest, self.exchange, available)

        return current

    def _interface_terms(
        self, current_of: InterfaceTerm, share: Array, phi_old: Array, dt: float
    ) -> list[InterfaceTerm]:
        """What crosses the contact: charge transfer and, with a double layer, its charging."""
        area, active = self.contact.area, self.contact.area * share
        charging = area * (self.capacitance / dt)

        def transfer(phi: Array) -> tuple[Array, Array]:
            j, slope = current_of(phi)
            return active * j, active * slope

        def double_layer(phi: Array) -> tuple[Array, Array]:
            return charging * (phi - phi_old), charging

        return [transfer, double_layer] if self.capacitance else [transfer]

    def step(self, state: State, step: Step) -> StepResult:
        """Try a step from `state` (collective)."""
        try:
            return self._step(state, step)
        except _SolveFailed as failed:
            return StepResult({}, str(failed), np.inf)

    def _step(self, state: State, step: Step) -> StepResult:
        xi, c, m = state["lithium"].copy(), state["occupancy"].copy(), self.contact.metal
        with self.timers("charge"):
            flow = self._current(state, step)
        # with the old xi its equilibrium would hold c back, and a moving surface would lag by a part ~ dt
        ahead = np.clip(step.predict("lithium", xi), 0.0, 1.0)
        with self.timers("mechanics"):
            balance, motion = self.deformation.step(state, ahead, state["feed"], step.stack_pressure, step.dt)
            velocity = self.deformation.face_velocities(motion)
        _require("stress", balance.outcome)
        with self.timers("occupancy"):
            supply = flow.transfer * self.kinetics.volts_per_pascal
            moved = self.occupancy.step(
                old=c,
                old_weight=m,
                contact=self.contact,
                lithium=ahead,
                h=fe.step(ahead),
                velocity=velocity,
                source=supply,
                dt=step.dt,
            )
        _require("occupancy", moved.outcome)
        with self.timers("lithium"):
            noise, guess = self._noise(step), step.predict("lithium", xi)
            formed = self.lithium.step(xi, self.contact, moved.occupancy, velocity, step.dt, noise, guess)
        _require("lithium", formed.outcome)

        fields = {
            "lithium": np.clip(formed.values, 0.0, 1 - self.impurities),
            "occupancy": moved.occupancy,
            "potential": flow.potential,
            **motion,
            **flow.filled,
        }
        gained = _deficit(fields) - _deficit(state)
        fields["feed"] = gained / step.dt - motion["growth"]
        stored = self.capacitance * self.grid.sum(self.contact.area * (flow.potential - state["potential"]))
        measured = {
            **self.measures.of_step(fields, flow.charge, stored / self.grid.lateral_area, flow.transfer, step.dt),
            **self.deformation.measure(fields, fields["lithium"], step.stack_pressure),
            "applied_pressure": step.stack_pressure,
            "force_error": balance.force_error,
            "bottom_inflow": moved.bottom_inflow / self.grid.lateral_area * step.dt,
            "newton": flow.newton + balance.newton + formed.newton,
            "krylov": flow.krylov + sum(o.iterations for o in (balance.outcome, moved.outcome, formed.outcome)),
        }
        error = self._error(state, step, fields, measured["contact_fraction"])
        return StepResult(fields, "", error, measured, self._warning(measured["capped_share"]))

    def _current(self, state: State, step: Step) -> Current:
        """The charge equation with filaments, which conduct as the last step has left them (collective)."""
        current_of = self._transfer(state, self.deformation.excess_pressure(state, step.stack_pressure))
        conductor = self.measures.conductor(state)
        share = self._reacting(state, conductor)
        terms = self._interface_terms(current_of, share, state["potential"].copy(), step.dt)
        filament = None
        if self.penetration:
            self.charge.set_conductivity(self.penetration.conductivities(state))
            guess = step.predict("filament", state["filament"])
            filament = self.penetration.term(state, guess, conductor.active, step.stack_pressure, step.dt)
            terms.append(filament)
        control = TopControl(
            current_density=step.current_density, voltage=step.voltage, series_resistance=self.series_resistance
        )
        phi, charge = self._balance_charge(step.predict("potential", state["potential"].copy()), terms, control)
        _require("potential", charge.outcome)
        transfer = self.contact.area_density * share * current_of(phi)[0]
        newton, krylov = charge.newton, charge.outcome.iterations
        if not (self.penetration and filament):
            return Current(phi, charge, transfer, newton, krylov)
        _require("filament", filament.outcome)
        filled = self.penetration.fields(state, filament)
        return Current(phi, charge, transfer, newton + filament.newton, krylov + filament.krylov, filled)

    def _balance_charge(
        self, start: Array, terms: list[InterfaceTerm], control: TopControl
    ) -> tuple[Array, ChargeOutcome]:
        """Solve the charge equation; a current that not even the voltage limit can drive is replaced by that limit.

        Without contact a galvanostatic problem has no solution. The potentiostatic one at the limit always has: when it
        passes less than the applied current, the limit is reached, and the loop sees it as the cell's voltage.
        """
        phi, charge = self.charge.solve(start, terms, control)
        applied = control.current_density
        if charge.outcome.converged or not applied or not np.isfinite(self.voltage_limit):
            return phi, charge
        limit = TopControl(
            current_density=None,
            voltage=float(np.copysign(self.voltage_limit, applied)),
            series_resistance=control.series_resistance,
        )
        held, limited = self.charge.solve(start, terms, limit)
        too_little = limited.applied * np.sign(applied) < abs(applied) * self.grid.lateral_area
        return (held, limited) if limited.outcome.converged and too_little else (phi, charge)

    # -- the error of a step -------------------------------------------------------------------------

    def _error(self, state: State, step: Step, fields: Mapping[str, Array], contact_fraction: float) -> float:
        """Largest error over its tolerance, see above (collective)."""
        weights = {"lithium": self._significant, "occupancy": self._significant}
        if self.penetration:
            weights["filament"] = self.penetration.equation.defects.indicator > SIGNIFICANT
        errors = {
            name: step.error_share * self._largest(weight * (fields[name] - step.predict(name, state[name])))
            for name, weight in weights.items()
        }
        annihilation, h = self.deformation.annihilation, fe.step(fields["lithium"])
        found = vacancies.plane_source_now(
            self.contact.metal, h, _deficit(fields), annihilation, fields["normal_stress"]
        )
        errors["source"] = step.dt * self._largest(self._significant * (fields["growth"] - found))
        errors["contact"] = abs(contact_fraction - self.measures.contact_fraction(state["lithium"]))
        return max(error / TOLERANCES[name] for name, error in errors.items())

    def _largest(self, values: Array) -> float:
        return self.grid.max(np.abs(values))

    def _warning(self, capped_share: float) -> str:
        """What a user must know of the validity of this step."""
        if capped_share <= CAPPED_SHARE:
            return ""
        cap = f"D/(2 lambda^2) = {self.deformation.annihilation.largest_rate:.3g} 1/s"
        return (
            f"r(p) is at its cap {cap} where more than {CAPPED_SHARE:.0%} of the planes vanish: the result depends "
            "on interface.width; a smaller one raises the cap"
        )

    def _noise(self, step: Step) -> Array | float:
        if self.noise is None:
            return 0.0
        n = self.noise
        volume = self.grid.volume * n.depth ** (3 - self.grid.dim)
        variance = 2 * self.lithium.mobility * BOLTZMANN * n.temperature / (self.contact.metal * volume * step.dt)
        ids = np.broadcast_to(self.grid.global_ids(), self.grid.local_shape)
        kicks = random_fields.normal(n.seed, step.number, ids)
        return n.amplitude * self.contact.metal * np.sqrt(variance) * kicks
