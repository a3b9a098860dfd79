"""One staggered time step: charge with filaments -> mechanics -> occupancy -> lithium -> parts that follow.

Each sub-problem is implicit in its own fields. The transfer current that the charge equation has found is the
one that the occupancy equation supplies, so every electron is paid for by an atom. The mechanics finds the lattice
velocity and how fast planes vanish under the normal stress; the velocities on the faces carry occupancy and lithium.
What comes later is seen extrapolated to the new time (`Step.predict`): xi by charge, mechanics and occupancy, c by
charge. With the old xi the equilibrium c = h would hold moving surfaces back by a part ~ dt, and the critical current
come out up to 10 % higher; with the old xi and c the voltage would lag by a step where voids move. The transfer
current sees the normal stress of the last step; where Li is plated it is found again with that of the mechanics, which
has foreseen how the current answers (`transfer.Current.planes`). Filaments advance inside the iteration for the
potential: every atom in them is paid for in the same step. Dead Li (`conductor`), as the step finds it, does not react.
Parts that follow see what the coupled ones have found. Li that they take from the metal without a current
(`part.Uptake`) is known before, and so is what it leaves in the way of the current. What staggering leaves open is
measured, not assumed:

    error = max of   |xi_new - predicted| dt/(2 dt + dt_old) / its tolerance       (metal side)
                     |c_new  - predicted| dt/(2 dt + dt_old) / its tolerance       (metal side; `Occupancy.weight`)
                     the same of zeta                        / its tolerance       (where there are defects)
                     the same of fields of parts that follow / their tolerances, and what else they call one
                     dt |S* - S* with the feed that was had| / TOLERANCES["source"]
                     the same as of xi, of the share of the contact that passes current / TOLERANCES["contact"]
                     |V_new - V| dt/2 of the collector over lambda / TOLERANCES["collector"]

All but that of S are the local truncation error of backward Euler, at most, by the distance from the line of
extrapolation (`Step.error_share`); all fall with dt. A step with error > tolerance is rejected by the loop, which
knows no physics.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

from solver.domain.contact import Contact
from solver.domain.places import Places
from solver.laws import free_energy as fe
from solver.model.settling import Settling
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper
from solver.numerics.state import FieldInfo, Fields, State
from solver.numerics.timing import Timers
from solver.physics import touching
from solver.physics.conductor import Conductor, DeadLithium
from solver.physics.deformation import Deformation
from solver.physics.lithium import Lithium
from solver.physics.occupancy import Occupancy, deficit
from solver.physics.part import Audit, Column, Part, Reaction, sum_of
from solver.physics.penetration import Penetration
from solver.physics.step import SolveFailed, Step, StepResult, require
from solver.physics.transfer import Current, Transfer

TOLERANCES = {"source": 0.001, "contact": 0.002, "collector": 0.05}
ANSWERED = 1e-3  # of the largest current: plating that is found again with the stress of the step
NEAR_CONTACT = 0.005  # of the largest area density: where a local current density means something
MOTION_PER_STEP = 0.25  # of lambda: motion of a collector that is aimed at
LARGEST_MOTION = 0.4  # of lambda, beyond which a step is rejected
LEAST_ROOM = 4.0  # widths lambda of the collector that the box has to hold
GROWTH_PER_STEP = 0.5  # of the fastest unstable mode: a larger implicit step damps it

THICKENED_SHARE = 0.1  # of the annihilation in thickened vacancy layers: from there on a user is warned

OUTPUTS = (
    FieldInfo("electrolyte", "psi", "1", "electrolyte indicator"),
    FieldInfo("metal", "m xi + psi b zeta", "1", "Li metal fraction"),
)
ITERATIONS = (
    Column("newton", "", "nonlinear iterations of the step"),
    Column("krylov", "", "linear iterations of the step"),
)


@dataclass
class Coupling:
    """The coupled step. penetration: None without defects; followers: parts that see what the coupled ones have found.

    places: the contact at the start and at the end of a step; what does not move is the same object.
    """

    grid: Grid
    places: Places
    energy: fe.EnergyParameters
    charge: Transfer
    deformation: Deformation
    occupancy: Occupancy
    lithium: Lithium
    dead: DeadLithium
    penetration: Penetration | None = None
    followers: tuple[Part, ...] = ()
    timers: Timers = field(default_factory=Timers)

    # -- bookkeeping: the loop and the results know the parts by these -----------------------------------

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts that are there."""
        filament = (self.penetration,) if self.penetration else ()
        return (self.charge, self.lithium, self.occupancy, self.deformation, *filament, self.dead, *self.followers)

    @property
    def names(self) -> tuple[str, ...]:
        """Fields of the state."""
        return tuple(kept.name for part in self.parts for kept in part.fields)

    @property
    def history(self) -> tuple[str, ...]:
        """Fields whose last time level predicts the next."""
        return tuple(kept.name for part in self.parts for kept in part.fields if kept.predicted)

    @property
    def outputs(self) -> tuple[FieldInfo, ...]:
        """Fields for snapshots."""
        return (*OUTPUTS, *(info for part in self.parts for info in part.outputs))

    @property
    def columns(self) -> tuple[Column, ...]:
        """What a step measures for the log."""
        return (*(column for part in self.parts for column in part.columns), *ITERATIONS)

    @property
    def audits(self) -> tuple[Audit, ...]:
        """What is stored, and all that supplies it."""
        supplies = [supply for part in self.parts for supply in part.supplies]
        balances = [balance for part in self.parts for balance in part.balances]
        return tuple(Audit(b, tuple(s for s in supplies if s.balance == b.name)) for b in balances)

    @property
    def keepers(self) -> dict[str, Keeper]:
        """All that outlives a step besides the fields, by the names under which checkpoints have it."""
        return {name: keeper for part in self.parts for name, keeper in part.keepers.items()}

    def start(self) -> dict[str, Array]:
        """The fields at the start: metal in equilibrium with itself (c = h), no potential (collective)."""
        contact = self.places.start()
        fields = {name: values for part in self.parts for name, values in part.start(contact).items()}
        return fields | {"occupancy": fe.step(fields["lithium"])}

    # -- what is measured, at any time -------------------------------------------------------------------

    def stored(self, state: State) -> dict[str, float]:
        """What balances are of, at the present time (collective)."""
        return self._stored(state, self.places.now(state))

    def _stored(self, fields: Fields, contact: Contact) -> dict[str, float]:
        """inventory: Li in all places per cross-section, the thickness of Li at bulk occupancy, m (collective)."""
        inventory = self.grid.integral(self._lithium(fields, contact)) / self.grid.lateral_area
        others = [part.stored(fields, contact).items() for part in self.parts]
        return {"inventory": inventory} | {name: value for items in others for name, value in items}

    def _lithium(self, fields: Fields, contact: Contact) -> Array:
        """Li per volume of the box, in all parts."""
        return np.asarray(sum(part.lithium(fields, contact) for part in self.parts))

    def conductor(self, fields: Fields, contact: Contact) -> Conductor:
        """Living and dead Li (collective)."""
        lithium = (contact.electrolyte < 0.5) & (fields["lithium"] > 0.5)  # between bodies less than a cell apart too
        if self.penetration:
            lithium |= self.penetration.filled(fields, contact)
        collector = contact.collector.indicator > 0.5 if contact.collector else None
        return self.dead.find(contact.electrode, lithium, collector)

    def largest_step(self, state: State) -> float:
        """Largest dt (s) that damps no growth of a void and moves no collector too far at once (collective)."""
        contact = self.places.now(state)
        growth = self.lithium.equation.growth_rate(contact, state["lithium"], state["occupancy"])
        speed = self._largest(self.deformation.surface_velocity(state)) if contact.collector else 0.0
        return min(
            GROWTH_PER_STEP / growth if growth > 0 else np.inf,
            MOTION_PER_STEP * self.energy.width / speed if speed else np.inf,
            *(part.largest_step(state, contact) for part in self.parts),
        )

    def output_fields(self, state: State, measured: Mapping[str, float]) -> dict[str, Array]:
        """The fields of `outputs` for the present state (collective)."""
        contact = self.places.now(state)
        near = contact.area_density > NEAR_CONTACT * self.grid.max(contact.area_density)
        applied = self.applied_pressure(state, measured)
        conductor = self.conductor(state, contact)
        plating = self.plating(state, conductor, applied)
        metal = contact.metal * state["lithium"]
        fields = {name: values for part in self.parts for name, values in part.output(state, contact).items()}
        return {
            **fields,
            **self.charge.local_fields(state, plating, near),
            "electrolyte": contact.electrolyte,
            "metal": metal + self.penetration.metal(state, contact) if self.penetration else metal,
            "dead_lithium": conductor.dead.astype(float),
            "contact_pressure": fields["contact_pressure"] * near,
        }

    def applied_pressure(self, state: State, measured: Mapping[str, float]) -> float:
        """What the last step was pushed with, Pa; before the first one that of the assembled cell (collective)."""
        stack_pressure = measured.get("stack_pressure", self.deformation.start_pressure)
        return self._load(state, self.places.now(state), stack_pressure)

    def _load(self, fields: Fields, contact: Contact, stack_pressure: float) -> float:
        """p0 + k w_s of `deformation`, Pa: the stack pressure, with what swells on the collector (collective)."""
        stiffness = self.deformation.stiffness
        if not stiffness:
            return stack_pressure
        return stack_pressure + stiffness * sum(part.swelling(fields, contact) for part in self.followers)

    def plating(self, state: State, conductor: Conductor, stack_pressure: float) -> Reaction:
        """Li that plates or is stripped, as the fields are (collective)."""
        excess = self.deformation.excess_pressure(state, stack_pressure)
        share = self._reacting_share(state, state["lithium"], conductor)
        return self.charge.plating(state, excess, share, self._resistance(state), self._behind_film(state))

    # -- the step ------------------------------------------------------------------------------------

    def step(self, state: State, step: Step) -> StepResult:
        """Try a step from `state` (collective)."""
        try:
            return self._step(state, step)
        except SolveFailed as failed:
            return StepResult({}, str(failed), np.inf)

    def _step(self, state: State, step: Step) -> StepResult:
        before, contact = self.places.now(state), self.places.after(state, step.dt)
        self.deformation.place(contact)
        # with old fields moving surfaces and the current that follows them would lag by a part ~ dt
        xi, c = (state[name].copy() for name in ("lithium", "occupancy"))
        ahead = np.clip(step.predict("lithium", xi), 0.0, 1.0)
        taken, grown = self._uptake(state, contact, step)
        expected = {"lithium": ahead, "occupancy": step.predict("occupancy", c), **grown}
        with self.timers("charge"):
            current, filled, newton, krylov = self._current(state, expected, state, contact, step)
        load = self._load(self._swollen(state, grown, current, contact, step), contact, step.stack_pressure)
        volume = self.charge.kinetics.volts_per_pascal
        made = current.planes(volume, contact.outer, ahead, taken)
        with self.timers("mechanics"):
            mechanics_result, motion, foreseen = self.deformation.balance(
                state, contact, ahead, made, load, step.dt
            )
            velocity = self.deformation.face_velocities(motion)
        require("stress", mechanics_result.outcome)
        plated, _ = made(motion["normal_stress"] - state["normal_stress"])
        if self.grid.max(plated) > ANSWERED * volume * self._largest(current.plating):
            with self.timers("charge"):
                current, filled, again, more = self._current(state, expected, motion, contact, step, load)
            newton, krylov = newton + again, krylov + more
        contact = self._moved(state, motion, step)
        with self.timers("occupancy"):
            supply = current.atoms * volume - taken
            occupancy_result = self.occupancy.equation.step(
                old=c,
                old_weight=before.metal,
                contact=contact,
                lithium=ahead,
                h=fe.step(ahead),
                velocity=velocity,
                source=supply,
                dt=step.dt,
                thickening=self.deformation.thickening(motion),
            )
        require("occupancy", occupancy_result.outcome)
        with self.timers("lithium"):
            lithium_result = self.lithium.advance(state, contact, occupancy_result.occupancy, velocity, step)
        require("lithium", lithium_result.outcome)

        fields = {
            "lithium": lithium_result.values,
            "occupancy": occupancy_result.occupancy,
            "potential": current.potential,
            **motion,
            **filled,
            **grown,
        }
        fields["feed"] = state["feed"] + (deficit(fields) - foreseen) / step.dt
        followed, found = self._follow(state, fields, contact, step)
        fields |= followed
        results = mechanics_result, occupancy_result, lithium_result
        measured = found | {
            **self._measure(state, fields, contact, current, step),
            "force_error": mechanics_result.force_error,
            "bottom_inflow": occupancy_result.bottom_inflow / self.grid.lateral_area * step.dt,
            "newton": newton + mechanics_result.newton + lithium_result.newton,
            "krylov": krylov + sum(result.outcome.iterations for result in results),
        }
        measured |= self._stored(fields, contact)
        error = self._error(state, fields, contact, plated, step)
        jumps = self._jumps(fields, contact)
        return StepResult(fields, "", error, measured, self._warning(measured["thickened_share"]), jumps)

    def _jumps(self, fields: dict[str, Array], contact: Contact) -> dict[str, Array]:
        """What fields change by at the end of a step; Li that appears has settled (collective). Raises SolveFailed."""
        jumps: dict[str, Array] = {}
        for part in self.followers:
            after = fields | {name: fields[name] + change for name, change in jumps.items()}
            jumps = sum_of([jumps, part.jump(after, contact)])
        if "lithium" in jumps and self.grid.max(jumps["lithium"]) > 0:
            with self.timers("settling"):
                xi, c = (fields[name] + jumps[name] for name in ("lithium", "occupancy"))
                settling = Settling(self.grid, self.lithium, self.occupancy)
                xi, c = settling(contact, xi, c, self.deformation.thickening(fields))
            jumps |= {"lithium": xi - fields["lithium"], "occupancy": c - fields["occupancy"]}
        return jumps

    def _uptake(self, state: State, contact: Contact, step: Step) -> tuple[Array, dict[str, Array]]:
        """Li that parts take from the metal without a current, 1/s, and the fields that follow from it (collective)."""
        uptakes = [part.uptake(state, contact, step) for part in self.followers]
        taken = sum((uptake.lithium for uptake in uptakes), start=np.zeros(()))
        return np.asarray(taken), {name: values for uptake in uptakes for name, values in uptake.fields.items()}

    def _swollen(
        self, state: State, grown: dict[str, Array], current: Current, contact: Contact, step: Step
    ) -> dict[str, Array]:
        """Fields of what swells, as the current leaves them, where a fixture answers to that (collective)."""
        found = grown | {"potential": current.potential}
        for part in self.followers:
            if part.swells and self.deformation.stiffness:
                found |= part.step(state, found, contact, step).fields
        return found

    def _follow(
        self, state: State, fields: Mapping[str, Array], contact: Contact, step: Step
    ) -> tuple[dict[str, Array], dict[str, float]]:
        """Fields of the parts that follow, and what they measure (collective). Raises SolveFailed."""
        new: dict[str, Array] = dict(fields)
        measured: dict[str, float] = {}
        for part in self.followers:
            with self.timers(part.name):
                result = part.step(state, new, contact, step)
            if result.outcome:
                require(part.name, result.outcome)
            new |= result.fields
            measured |= result.measured
        return new, measured

    def _moved(self, state: State, motion: Fields, step: Step) -> Contact:
        """The contact at the end of a step, when the forces are balanced (collective). Raises SolveFailed."""
        contact, width = self.places.after(state, step.dt, motion), self.energy.width
        if contact.collector:
            if self._largest(self.deformation.surface_velocity(motion)) * step.dt > LARGEST_MOTION * width:
                raise SolveFailed(f"collector: moves by more than {LARGEST_MOTION} interface.width")
            if self.grid.max(contact.collector.gap) > -self.grid.faces[-1][0] - LEAST_ROOM * width:
                raise SolveFailed("collector: reaches the bottom of the box; collector.room gives it more")
        return contact

    def _reacting_share(self, state: State, lithium: Array, conductor: Conductor) -> Array:
        """Share of the contact that transfers charge: living Li that touches, where no filament has taken its place."""
        touching_weight = touching.weight(self.grid, self.places.now(state), lithium)
        reacting_share = fe.step(lithium) * touching.factor(touching_weight) * conductor.active
        return reacting_share * self.penetration.free_share(state) if self.penetration else reacting_share

    def _resistance(self, fields: Fields) -> Array | float:
        """Area resistance that parts add to the contact, ohm m^2."""
        return sum(part.resistance(fields) for part in self.followers)

    def _behind_film(self, fields: Fields) -> Array | float:
        """Share of the contact of Li that has the film between."""
        return math.prod(part.behind_film(fields) for part in self.followers)

    def _current(
        self, state: State, ahead: Fields, stressed: Fields, contact: Contact, step: Step, load: float | None = None
    ) -> tuple[Current, dict[str, Array], int, int]:
        """The charge equation with filaments, which conduct as the last step has left them (collective).

        ahead: what is expected of Li and its occupancy at the end of the step, and the fields of `Part.uptake`;
        stressed: fields of the mechanics; load: of their time, None for that of the start.
        Returns the current, the fields of the filaments, Newton and Krylov iterations.
        """
        conductor, pressure = self.conductor(state, contact), self._load(state, contact, step.stack_pressure)
        excess = self.deformation.excess_pressure(stressed, pressure if load is None else load)
        share = self._reacting_share(state, ahead["lithium"], conductor)
        reactions = [self.charge.plating(ahead, excess, share, self._resistance(ahead), self._behind_film(state))]
        reactions += [reaction for part in self.followers for reaction in part.reactions(state, contact, step)]
        filling = []
        if self.penetration:
            guess = step.predict("filament", state["filament"])
            filling = [self.penetration.term(state, contact, guess, conductor.active, pressure, step.dt)]
        self.charge.conduct(contact, self.penetration.ways(state) if self.penetration else None)
        current = self.charge.solve(state, contact, reactions, filling, step)
        newton, krylov, filled = current.charge.newton, current.charge.outcome.iterations, {}
        if self.penetration:
            (term,) = filling
            require("filament", term.outcome)
            filled = self.penetration.found(state, term)
            newton, krylov = newton + term.newton, krylov + term.krylov
        return current, filled, newton, krylov

    def _measure(
        self, state: State, fields: Mapping[str, Array], contact: Contact, current: Current, step: Step
    ) -> dict[str, float]:
        """What the coupled parts measure of a step (collective).

        dead_charge: dead Li outside of defects, as charge per cross-section, C/m^2.
        """
        conductor, volume = self.conductor(fields, contact), self.charge.kinetics.volts_per_pascal
        metal = self.occupancy.lithium(fields, contact)
        filled = self.penetration.lithium(fields, contact) if self.penetration else 0.0
        measured = {
            **self.charge.measure(state, contact, current, step.dt),
            **self.dead.measure(conductor, metal + filled),
            **self.lithium.measure(fields, contact),
            **self.deformation.measure(fields, contact, self._load(fields, contact, step.stack_pressure)),
            "stack_pressure": step.stack_pressure,
        }
        measured["dead_charge"] = self.grid.integral(conductor.dead * metal) / self.grid.lateral_area / volume
        if self.penetration:
            voltage, density = measured["voltage"], measured["current_density"]
            measured |= self.penetration.measure(conductor.living, fields, contact, voltage, density)
        return measured

    # -- the error of a step -------------------------------------------------------------------------

    def _error(self, state: State, fields: Fields, contact: Contact, plated: Array, step: Step) -> float:
        """Largest error over its tolerance, see above (collective)."""
        errors = list(self._truncation(state, fields, contact, step))
        errors += [part.error(state, fields, contact, step) for part in self.followers]
        missed = self.deformation.missed(state, fields, contact, plated, step.dt)
        source = step.dt * self._largest(contact.significant * missed)
        errors.append(source / TOLERANCES["source"])
        if contact.collector:
            change = self._largest(self.deformation.surface_velocity(fields) - self.deformation.surface_velocity(state))
            errors.append(0.5 * change * step.dt / (TOLERANCES["collector"] * self.energy.width))

        def touches(at: Fields) -> float:
            share = touching.share(touching.weight(self.grid, contact, at["lithium"]))
            return touching.mean(self.grid, share)

        errors.append(step.local_error(touches, fields, state) / TOLERANCES["contact"])
        return max(errors)

    def _truncation(self, state: State, fields: Fields, contact: Contact, step: Step) -> Iterator[float]:
        """Local truncation errors of fields over their tolerances (collective)."""
        for part in self.parts:
            for kept in part.fields:
                if kept.tolerance is not None:
                    off = step.local_error(itemgetter(kept.name), fields, state)
                    yield self._largest(part.weight(state, contact) * off) / kept.tolerance

    def _largest(self, values: Array) -> float:
        return self.grid.max(np.abs(values))

    def _warning(self, thickened_share: float) -> str:
        """What a user must know of the validity of this step."""
        if thickened_share <= THICKENED_SHARE:
            return ""
        return (
            f"the vacancy layer is made 2 interface.width deep where more than {THICKENED_SHARE:.0%} of the planes "
            "vanish, because sqrt(D/r) is less: vacancies even out over that length along the contact; a smaller "
            "interface.width resolves more"
        )
