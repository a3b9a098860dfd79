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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from solver import random_fields
from solver.geometry import Contact
from solver.grid import Array, Grid
from solver.linear import Outcome
from solver.physics import free_energy as fe
from solver.physics import kinetics, vacancies
from solver.physics.charge import ChargeBalance, ChargeOutcome, InterfaceTerm, TopControl
from solver.physics.conductor import Conductor, find_conductor
from solver.physics.constants import BOLTZMANN
from solver.physics.deformation import Deformation
from solver.physics.filament import FilamentTerm
from solver.physics.lithium import LithiumEquation
from solver.physics.occupancy import OccupancyBalance
from solver.physics.penetration import Penetration
from solver.state import State
from solver.timing import Timers

TOLERANCES = {"lithium": 0.02, "occupancy": 0.004, "filament": 0.02, "source": 0.004, "contact": 0.02}
SIGNIFICANT = 0.1  # weight of metal or defect from which on a field counts in the error
NEAR_CONTACT = 0.005  # of the largest area density: where a local current density means something
GROWTH_PER_STEP = 0.5  # of the fastest unstable mode: a larger implicit step damps it

CAPPED_SHARE = 0.1  # of the annihilation at the cap of r(p): from there on a user is warned

FIELDS = ("lithium", "occupancy", "potential", "feed")  # and those of `deformation`; feed: q of `vacancies`


Predictor = Callable[[str, Array], Array]  # name, present values -> values at the end of the step


@dataclass(frozen=True)
class Noise:
    """Thermal fluctuations of xi: amplitude (1 is kT), temperature K, seed, depth of a missing direction (m)."""

    amplitude: float
    temperature: float
    seed: int
    depth: float


@dataclass
class StepResult:
    """A trial step: new fields, which solve failed and why ("" if none), scaled error, what it measured (SI)."""

    fields: dict[str, Array]
    failed: str
    error: float
    measured: dict[str, float] = field(default_factory=dict)
    warning: str = ""


def _failure(name: str, outcome: Outcome) -> StepResult:
    return StepResult({}, f"{name}: {outcome.reason}", np.inf)


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
        self.contact_area = self.grid.sum(self.contact.area)
        self._near_contact = self.contact.area_density > NEAR_CONTACT * self.grid.max(self.contact.area_density)
        self._significant = self.contact.metal > SIGNIFICANT

    @property
    def history(self) -> tuple[str, ...]:
        """Fields whose last time level predicts the next."""
        return ("lithium", "occupancy", "potential", *(("filament",) if self.penetration else ()))

    # -- measures ------------------------------------------------------------------------------------

    def contact_fraction(self, lithium: Array) -> float:
        """int |grad psi| h(xi) / int |grad psi| (collective)."""
        return self.grid.sum(self.contact.area * fe.step(lithium)) / self.contact_area

    def inventory(self, fields: Mapping[str, Array] | State) -> float:
        """int m c + psi b beta h(zeta) dV per lateral area: thickness of Li at bulk occupancy, m (collective)."""
        return self.grid.integral(self._lithium_content(fields)) / self.grid.lateral_area

    def conductor(self, fields: Mapping[str, Array] | State) -> Conductor:
        """Living and dead Li (collective)."""
        lithium = (self.contact.metal > 0.5) & (fields["lithium"] > 0.5)
        if self.penetration:
            lithium |= self.penetration.filled(fields["filament"])
        return find_conductor(self.grid, lithium, self.energy.width)

    def void_volume(self, lithium: Array) -> float:
        """int m (1 - a - xi) dV over the impurities' a, m^3; zero in full Li (collective)."""
        return self.grid.integral(self.contact.metal * (1 - self.impurities - lithium))

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
        conductor = self.conductor(state)
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
        limit = TopControl(None, float(np.copysign(self.voltage_limit, applied)), control.series_resistance)
        held, limited = self.charge.solve(start, terms, limit)
        too_little = limited.applied * np.sign(applied) < abs(applied) * self.grid.lateral_area
        return (held, limited) if limited.outcome.converged and too_little else (phi, charge)

    def step(
        self,
        state: State,
        previous: Mapping[str, Array] | None,
        dt_previous: float,
        dt: float,
        step_number: int,
        current_density: float | None,
        voltage: float | None,
        stack_pressure: float,
    ) -> StepResult:
        """Try a step of dt from `state` (collective). previous: fields one level back, None at a fresh start."""
        xi, c, phi_old = state["lithium"].copy(), state["occupancy"].copy(), state["potential"].copy()
        h = fe.step(xi)
        fraction = self.contact_fraction(xi)
        excess = self.deformation.excess_pressure(state, stack_pressure)
        ratio = dt / dt_previous if previous is not None else 0.0

        def predict(name: str, now: Array) -> Array:
            return now if previous is None else now + ratio * (now - previous[name])

        current_of = self._transfer(state, excess)
        with self.timers("charge"):
            conductor = self.conductor(state)
            share = self._reacting(state, conductor)
            terms = self._interface_terms(current_of, share, phi_old, dt)
            filament = self._filament(state, predict, conductor, stack_pressure, dt)
            if filament:
                terms.append(filament)
            control = TopControl(current_density, voltage, self.series_resistance)
            phi, charge = self._balance_charge(predict("potential", phi_old), terms, control)
        if not charge.outcome.converged:
            return _failure("potential", charge.outcome)
        if filament and not filament.outcome.converged:
            return _failure("filament", filament.outcome)

        j = current_of(phi)[0]
        # with the old xi its equilibrium would hold c back, and a moving surface would lag by a part ~ dt
        ahead = np.clip(predict("lithium", xi), 0.0, 1.0)
        with self.timers("mechanics"):
            balance, motion = self.deformation.step(state, ahead, state["feed"], stack_pressure, dt)
            velocity = self.deformation.face_velocities(motion)
        if not balance.outcome.converged:
            return _failure("stress", balance.outcome)

        with self.timers("occupancy"):
            transfer = self.contact.area_density * share * j
            supply = transfer * self.kinetics.volts_per_pascal
            m = self.contact.metal
            moved = self.occupancy.step(c, m, self.contact, ahead, fe.step(ahead), velocity, supply, dt)
        if not moved.outcome.converged:
            return _failure("occupancy", moved.outcome)
        c_new = moved.occupancy

        with self.timers("lithium"):
            noise = self._noise(dt, step_number)
            formed = self.lithium.step(xi, self.contact, c_new, velocity, dt, noise, predict("lithium", xi))
        if not formed.outcome.converged:
            return _failure("lithium", formed.outcome)
        xi_new = np.clip(formed.values, 0.0, 1 - self.impurities)

        deficit, source = fe.step(xi_new) - c_new, motion["growth"]
        feed = (deficit - (h - c)) / dt - source
        fields = {"lithium": xi_new, "occupancy": c_new, "potential": phi, "feed": feed, **motion}
        if self.penetration and filament:
            fields |= self.penetration.fields(state, filament)
        annihilation, s_n = self.deformation.annihilation, motion["normal_stress"]
        missed = source - vacancies.plane_source_now(m, fe.step(xi_new), deficit, annihilation, s_n)
        measured = {
            **self._measure(fields, phi_old, charge, transfer, dt),
            **self.deformation.measure(fields, xi_new, stack_pressure),
            "applied_pressure": stack_pressure,
            "force_error": balance.force_error,
            "bottom_inflow": moved.bottom_inflow / self.grid.lateral_area * dt,
            "newton": charge.newton + balance.newton + formed.newton + (filament.newton if filament else 0),
            "krylov": sum(o.iterations for o in (charge.outcome, balance.outcome, moved.outcome, formed.outcome))
            + (filament.krylov if filament else 0),
        }
        weight = dt / (2 * dt + dt_previous) if previous is not None else 0.5
        errors = {
            **self._prediction_errors(state, fields, predict, weight),
            "source": dt * self._largest(missed),
            "contact": abs(measured["contact_fraction"] - fraction),
        }
        error = max(e / TOLERANCES[name] for name, e in errors.items())
        return StepResult(fields, "", error, measured, self._warning(measured["capped_share"]))

    def _prediction_errors(
        self, state: State, fields: Mapping[str, Array], predict: Predictor, weight: float
    ) -> dict[str, float]:
        """`weight` times the largest |new - predicted| of the evolved fields where they count (collective)."""
        largest = {"lithium": self._largest, "occupancy": self._largest}
        if self.penetration:
            largest["filament"] = self._largest_in_defects
        return {name: weight * of(fields[name] - predict(name, state[name])) for name, of in largest.items()}

    def _filament(
        self, state: State, predict: Predictor, conductor: Conductor, stack_pressure: float, dt: float
    ) -> FilamentTerm | None:
        """The filaments of a step, with the conductivity that those of the last step leave (collective)."""
        if self.penetration is None:
            return None
        self.charge.set_conductivity(self.penetration.conductivities(state))
        guess = predict("filament", state["filament"])
        return self.penetration.term(state, guess, conductor.active, stack_pressure, dt)

    def _warning(self, capped_share: float) -> str:
        """What a user must know of the validity of this step."""
        if capped_share <= CAPPED_SHARE:
            return ""
        cap = f"D/(2 lambda^2) = {self.deformation.annihilation.largest_rate:.3g} 1/s"
        return (
            f"r(p) is at its cap {cap} where more than {CAPPED_SHARE:.0%} of the planes vanish: the result depends "
            "on interface.width; a smaller one raises the cap"
        )

    def _largest(self, values: Array) -> float:
        return max(self.grid.max(np.abs(values[self._significant])), 0.0)

    def _largest_in_defects(self, values: Array) -> float:
        assert self.penetration is not None
        return max(self.grid.max(np.abs(values[self.penetration.equation.defects.indicator > SIGNIFICANT])), 0.0)

    def _noise(self, dt: float, step_number: int) -> Array | float:
        if self.noise is None:
            return 0.0
        n = self.noise
        volume = self.grid.volume * n.depth ** (3 - self.grid.dim)
        variance = 2 * self.lithium.mobility * BOLTZMANN * n.temperature / (self.contact.metal * volume * dt)
        ids = np.broadcast_to(self.grid.global_ids(), self.grid.local_shape)
        kicks = random_fields.normal(n.seed, step_number, ids)
        return n.amplitude * self.contact.metal * np.sqrt(variance) * kicks

    def _measure(
        self, fields: Mapping[str, Array], phi_old: Array, charge: ChargeOutcome, transfer: Array, dt: float
    ) -> dict[str, float]:
        """Integral quantities of a step, per lateral area (collective). transfer: current per volume, A/m^3."""
        area = self.grid.lateral_area
        stored = self.capacitance * self.grid.sum(self.contact.area * (fields["potential"] - phi_old)) / area
        passed = charge.applied * dt / area
        conductor = self.conductor(fields)
        dead = self.grid.integral(conductor.dead * self._lithium_content(fields)) / area
        shorted = {}
        if self.penetration:
            shorted = self.penetration.measure(
                conductor.living, fields["filament"], charge.voltage, charge.applied / area
            )
        return {
            "current_density": charge.applied / area,
            "voltage": charge.voltage,
            "dead_lithium": dead,
            "penetration_depth": 0.0,
            "filament_volume": 0.0,
            "charge": passed,
            "transferred_charge": passed - stored,
            "charge_error": charge.error,
            "contact_fraction": self.contact_fraction(fields["lithium"]),
            "void_volume": self.void_volume(fields["lithium"]) / area,
            "inventory": self.inventory(fields),
            "local_current_max_ratio": self._hot_spot(transfer) if charge.applied else 0.0,
            **shorted,
        }

    def _lithium_content(self, fields: Mapping[str, Array] | State) -> Array:
        """m c + psi b beta h(zeta)."""
        content = self.contact.metal * fields["occupancy"]
        if self.penetration:
            content = content + self.penetration.equation.defects.lithium_share * fe.step(fields["filament"])
        return content

    def _hot_spot(self, transfer: Array) -> float:
        """Largest over mean of the current that passes the contact in one column of cells (collective)."""
        columns = self.grid.column_sums(transfer * self.grid.spacing[-1])
        mean = self.grid.integral(transfer) / self.grid.lateral_area
        return float(np.max(np.abs(columns)) / abs(mean)) if mean else 0.0
