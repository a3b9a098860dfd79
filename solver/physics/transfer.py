"""Charge and its transfer at the contact, as the coupled step sees them: the potential, who carries the current.

The laws are `kinetics` and `charge`. Charge that crosses the contact is a sum of reactions (`part.Reaction`), first of
all Li that plates or is stripped,

    j(phi) where there is living Li,    paid for by one atom for each electron,

and of the charging of a double layer, C_dl d_t phi, which brings no atoms. Without contact a galvanostatic problem has
no solution; then the voltage limit is held instead (`Transfer.balance`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from solver.domain.contact import Contact, Layers, face_conductivities
from solver.laws import free_energy as fe
from solver.laws import kinetics
from solver.laws.creep import solid_fraction
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.charge import ChargeBalance, ChargeOutcome, TopControl
from solver.physics.part import Column, InterfaceTerm, Part, Reaction, StateField, Supply
from solver.physics.step import Step, require

OUTPUTS = (
    FieldInfo("potential", "phi", "V", "electrolyte potential against the metal, positive drives plating"),
    FieldInfo("local_current_density", "j", "A/m^2", "local current density at the contact, positive plates"),
    FieldInfo("exchange_current_density", "i0", "A/m^2", "exchange current density of the contact"),
)
COLUMNS = (
    Column("current_density", "A/m^2", "mean over the cross-section, positive plates"),
    Column("voltage", "V", "of the cell against the metal, positive drives plating"),
    Column("local_current_max_ratio", "1", "largest over mean of the current that passes the contact"),
    Column("charge_error", "1", "charge balance over the largest of applied and exchanged current"),
)


@dataclass(frozen=True)
class Current:
    """What the charge equation has found: phi, how, and what crosses the contact, A/m^3.

    plating: the current of Li that plates, positive, or is stripped; slope: its derivative with phi, S/m^3. atoms: that
    of all reactions which bring Li atoms, as if each brought one per electron; unpaid: charge that has brought none,
    C/m^2 of the cross-section in the step.
    """

    potential: Array
    charge: ChargeOutcome
    plating: Array
    slope: Array
    atoms: Array
    unpaid: float

    def planes(
        self, volume: float, outer: Array, lithium: Array, taken: Array | float = 0.0
    ) -> Callable[[Array], tuple[Array, Array]]:
        """Change of s_n (Pa) in the step -> planes S_j (1/s) of the Li that is plated, and dS_j/ds_n.

        volume: Omega/F; outer: `Contact.outer`; lithium: xi, there is an answer where metal carries load;
        taken: Li that is taken without a current, 1/s, less which the plated one counts.

        The current was found with the stress of the last step; a pressure takes Omega/F of itself from phi. Without
        this answer a layer that cannot flow and its current would correct each other too late, and to and fro. It may
        not end before the load does: without it at xi < 0.9 columns beside a void at rest were plated and stripped in
        turn in steps of 50 s, and since planes are made at once and vanish slowly the void grew.
        """
        plated = volume * self.plating - taken
        growing = outer * (plated > 0)
        slope = -(volume**2) * self.slope * growing * solid_fraction(lithium)

        def made(change: Array) -> tuple[Array, Array]:
            return plated * growing + slope * change, slope

        return made


@dataclass
class Transfer(Part):
    """The charge equation of a case. energy: of the vacancies. exchange i0(x) A/m^2, capacitance F/m^2,
    series_resistance ohm m^2, voltage_limit V (magnitude). near: layers of the grid in which there is a contact.
    """

    grid: Grid
    equation: ChargeBalance
    layers: Layers
    kinetics: kinetics.KineticsParameters
    energy: fe.EnergyParameters
    exchange: Array
    capacitance: float = 0.0
    series_resistance: float = 0.0
    voltage_limit: float = np.inf
    near: Grid | None = None
    conductivity: list[Array] = field(default_factory=list)

    name = "charge"
    fields = (StateField("potential", predicted=True),)
    outputs = OUTPUTS
    columns = COLUMNS

    def __post_init__(self) -> None:
        volume = self.kinetics.volts_per_pascal
        self.supplies = (Supply("lithium", "transferred_charge", volume), Supply("lithium", "unpaid_charge", -volume))

    @property
    def keepers(self) -> dict[str, Keeper]:
        return {"charge": self.equation.solver, "charge_forcing": self.equation.forcing}

    # -- the step --------------------------------------------------------------------------------------

    def conduct(self, contact: Contact, ways: Sequence[Array] | None = None) -> None:
        """Take over where the electrolyte is (collective). ways: what is free for ions on the faces, None for all."""
        new = self.placed(contact)
        if new:
            self.conductivity = face_conductivities(self.grid, self.layers, contact)
        if ways is not None:
            self.equation.set_conductivity([s * free for s, free in zip(self.conductivity, ways, strict=True)])
        elif new:
            self.equation.set_conductivity(self.conductivity)

    def plating(
        self,
        state: Fields,
        excess_pressure: Array,
        reacting_share: Array,
        resistance: Array | float = 0.0,
        behind_film: Array | float = 1.0,
    ) -> Reaction:
        """Li that plates or is stripped, where `reacting_share` says.

        excess_pressure: s_n - p, Pa; resistance: of the contact beside that of `kinetics`, ohm m^2; behind_film: share
        w_f of it that has the film between, j = w_f j_film + (1 - w_f) j_direct.
        """
        near = self.near or self.grid
        p = replace(self.kinetics, area_resistance=self.kinetics.area_resistance + resistance).within(near.of)
        h, c, share = fe.step(near.of(state["lithium"])), near.of(state["occupancy"]), near.of(np.asarray(behind_film))
        force = self.energy.vacancy_force(h - c)
        rest = kinetics.equilibrium_potential(p, force, near.of(np.asarray(excess_pressure)))
        exchange, available = near.of(self.exchange), kinetics.anodic_availability(c, h)

        def law(phi: Array) -> tuple[Array, Array]:
            phi = near.of(phi)
            current, slope = kinetics.transfer_current(p, phi, rest, exchange, available)
            if not np.all(np.equal(share, 1.0)):
                direct = kinetics.transfer_current(p.beside_film(), phi, rest, exchange, available)
                current, slope = (share * t + (1 - share) * d for t, d in zip((current, slope), direct, strict=True))
            return near.onto(current), near.onto(slope)

        return Reaction(law, reacting_share)

    def solve(
        self, state: State, contact: Contact, reactions: Sequence[Reaction], others: Sequence[InterfaceTerm], step: Step
    ) -> Current:
        """The potential at the end of a step; the first reaction is `plating` (collective). Raises SolveFailed."""
        terms = [reaction.term(contact) for reaction in reactions]
        terms += [*self._double_layer(state, contact, step), *others]
        control = TopControl(
            current_density=step.current_density,
            voltage=step.voltage,
            series_resistance=self.series_resistance,
            open_circuit=step.open_circuit,
            charge=step.charge,
            dt=step.dt,
        )
        phi, charge = self.balance(step.predict("potential", state["potential"].copy()), terms, control)
        require("potential", charge.outcome)
        first, *rest = reactions
        atoms = plating = first.per_volume(contact, phi)
        slope = contact.area_density * first.reacting_share * first.law(phi)[1]
        unpaid = 0.0
        for reaction in rest:
            passed = reaction.per_volume(contact, phi)
            atoms = atoms + reaction.atoms * passed
            unpaid += self.grid.integral((1 - reaction.atoms) * passed) / self.grid.lateral_area * step.dt
        return Current(phi, charge, plating, slope, atoms, unpaid)

    def _double_layer(self, state: State, contact: Contact, step: Step) -> list[InterfaceTerm]:
        """The charging of the contact, if it takes any."""
        if not self.capacitance:
            return []
        before, charging = state["potential"].copy(), contact.area * (self.capacitance / step.dt)
        return [lambda phi: (charging * (phi - before), charging)]

    def admittance(self, state: State, contact: Contact, omega: float) -> Array | complex:
        """That of the double layer; that of Li that plates is the slope of `plating`."""
        return np.asarray(1j * omega * self.capacitance * contact.area)

    def balance(
        self, start: Array, terms: Sequence[InterfaceTerm], control: TopControl
    ) -> tuple[Array, ChargeOutcome]:
        """Solve the charge equation; a current that not even the voltage limit can drive is replaced by that limit.

        Without contact a galvanostatic problem has no solution. The potentiostatic one at the limit always has: when it
        passes less than the applied current, the limit is reached, and the loop sees it as the cell's voltage.
        """
        applied = control.current_density
        limit = float(np.copysign(self.voltage_limit, applied or 1.0))
        phi, charge = self.equation.solve(start, terms, control, limit)
        if charge.outcome.converged or not applied or not np.isfinite(limit):
            return phi, charge
        at_limit = TopControl(current_density=None, voltage=limit, series_resistance=control.series_resistance)
        held, limited = self.equation.solve(np.full_like(start, limit), terms, at_limit)
        too_little = limited.applied * np.sign(applied) < abs(applied) * self.grid.lateral_area
        return (held, limited) if limited.outcome.converged and too_little else (phi, charge)

    # -- measures --------------------------------------------------------------------------------------

    def measure(self, state: State, contact: Contact, current: Current, dt: float) -> dict[str, float]:
        """Scalars of a step (collective); charges in C/m^2 over the step, transferred_charge: what crossed the contact.

        newton, krylov: iterations.
        """
        area, charge = self.grid.lateral_area, current.charge
        stored = self.capacitance * self.grid.sum(contact.area * (current.potential - state["potential"]))
        passed = charge.applied * dt / area
        return {
            "current_density": charge.applied / area,
            "voltage": charge.voltage,
            "charge": passed,
            "transferred_charge": passed - stored / area,
            "unpaid_charge": current.unpaid,
            "charge_error": charge.error,
            "local_current_max_ratio": self._hot_spot(current.plating) if charge.applied else 0.0,
        }

    def _hot_spot(self, transfer: Array) -> float:
        """Largest over mean of the current that passes the contact in one column of cells (collective)."""
        columns = self.grid.columns(transfer * self.grid.spacing[-1])
        mean = self.grid.integral(transfer) / self.grid.lateral_area
        return self.grid.max(np.abs(columns)) / abs(mean) if mean else 0.0

    def local_fields(self, state: State, plating: Reaction, near: Array) -> dict[str, Array]:
        """Fields for snapshots; near: 1 where there is enough of the contact for a current density."""
        j, _ = plating.law(state["potential"])
        return {
            "potential": state["potential"].copy(),
            "local_current_density": j * plating.reacting_share * near,
            "exchange_current_density": self.exchange * near,
        }
