"""Filaments as the coupled step sees them: their fields in the state, short circuit, what is measured.

Fields: `filament` zeta; `opened` 1 where the walls of a defect are separated for good; `filled` 1 where the Li in a
defect conducts: from zeta = 1/2 + BAND on, until zeta has fallen to 1/2 - BAND. A front may rest at 1/2, and what
conducts decides in turn which fronts move (`conductor`): with one threshold for both ways a front where living and dead
Li meet in a junction passes it again and again, in time steps of a second.

When Li in the defects that is joined to the electrode (`conductor`) reaches the depth z of a short circuit, the cell is
shorted. Its voltage is then what the filament's own resistance leaves, z^2/(s_Li d) j; d: thickness of the Li in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.domain.contact import SIGNIFICANT, Contact
from solver.laws import free_energy as fe
from solver.numerics.array import AXES, Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.deformation import Deformation
from solver.physics.filament import OPENED, FilamentEquation, FilamentTerm
from solver.physics.part import Column, Part, StateField

OUTPUTS = (
    FieldInfo("filament", "zeta", "1", "Li order parameter of the defects of the electrolyte: 1 filled"),
    FieldInfo("defect", "psi b", "1", "indicator of the electrolyte's defects"),
    FieldInfo("opening", "w", "m", "distance of the walls of a defect when Li fills it"),
    FieldInfo("infiltration_pressure", "Pi", "Pa", "cost of filling a defect with Li, per volume"),
)
COLUMNS = (
    Column("penetration_depth", "m", "largest depth of living Li in defects"),
    Column("filament_volume", "m", "Li in the defects, per cross-section"),
)
BAND = 0.05  # of zeta: `filled`
SHOWN = 0.05  # psi b from which on properties of defects are written
LITHIUM_CONDUCTIVITY = 1.08e7  # S/m at 20 degC: CRC Handbook of Chemistry and Physics, resistivity of the elements


@dataclass
class Penetration(Part):
    """Filaments of a case. opening w m; start_filament: zeta at the start; short_depth: of a short circuit, m."""

    grid: Grid
    deformation: Deformation
    equation: FilamentEquation
    opening: Array
    start_filament: Array
    short_depth: float

    name = "filament"
    fields = (StateField("filament", predicted=True, tolerance=0.02), StateField("opened"), StateField("filled"))
    outputs = OUTPUTS
    columns = COLUMNS

    @property
    def keepers(self) -> dict[str, Keeper]:
        solver = self.equation.solver
        return {"filament": solver.solver, "filament_forcing": solver.forcing}

    def place(self, contact: Contact) -> None:
        """Take over where the electrolyte is."""
        if self.placed(contact):
            self.equation.place(contact.electrolyte)

    def start(self, contact: Contact) -> dict[str, Array]:
        """Fields at the start."""
        open_now = self.equation.defects.open | (self.start_filament > OPENED)
        filled = self.start_filament > 0.5
        return {"filament": self.start_filament, "opened": open_now.astype(float), "filled": filled.astype(float)}

    def weight(self, state: State, contact: Contact) -> Array:
        return self.equation.defects.indicator > SIGNIFICANT

    def lithium(self, fields: Fields, contact: Contact) -> Array:
        """psi b beta h(zeta)."""
        self.place(contact)
        return self.equation.defects.lithium_share * fe.step(fields["filament"])

    def stored(self, fields: Fields, contact: Contact) -> dict[str, float]:
        """filament_charge: Li in the defects, as charge per cross-section, C/m^2."""
        self.place(contact)
        volume = self.equation.parameters.volume_per_charge
        return {"filament_charge": self.equation.inventory(fields["filament"]) / volume}

    # -- the step ------------------------------------------------------------------------------------

    def ways(self, state: State) -> list[Array]:
        """What filaments leave of the ions' way, on the faces of every axis (collective)."""
        return self.equation.blocked(state["filament"])

    def free_share(self, state: State) -> Array:
        """1 - b beta zeta in the cells: what filaments leave of the contact."""
        d = self.equation.defects
        return 1 - d.indicator * d.opening_ratio * state["filament"]

    def _cost(self, state: State, contact: Contact, stack_pressure: float) -> Array:
        """f + (F/Omega) phi, Pa (collective)."""
        self.place(contact)
        across = self.deformation.compression_across(state, self.equation.defects.normal)
        platen = self.deformation.platen_pressure(state, stack_pressure)
        return self.equation.drive(state["opened"] > 0.5, across, platen)

    def slope(self, state: State, contact: Contact, active: Array, stack_pressure: float) -> Array:
        """What the current of filaments changes by with phi while fields are held, S in the cells (collective)."""
        per_charge = self.equation.parameters.volume_per_charge
        drive = self._cost(state, contact, stack_pressure) - state["potential"] / per_charge
        return self.grid.volume * self.equation.admittance(state["filament"].copy(), drive, active)

    def term(
        self, state: State, contact: Contact, guess: Array, active: Array, stack_pressure: float, dt: float
    ) -> FilamentTerm:
        """The filament in the charge balance of a step (collective)."""
        cost = self._cost(state, contact, stack_pressure)
        return FilamentTerm(self.equation, state["filament"].copy(), cost, active, dt, guess)

    def found(self, state: State, term: FilamentTerm) -> dict[str, Array]:
        """The fields after a step."""
        zeta, opened = term.values, np.maximum(state["opened"], term.values > OPENED)
        filled = np.where(np.abs(zeta - 0.5) > BAND, zeta > 0.5, state["filled"])
        return {"filament": zeta, "opened": opened, "filled": filled}

    def filled(self, fields: Fields, contact: Contact) -> Array:
        """Cells of the electrolyte that conduct electrons: Li in defects."""
        cells: Array = (contact.electrolyte >= 0.5) & (self.equation.defects.indicator > 0.5) & (fields["filled"] > 0.5)
        return cells

    # -- measures ------------------------------------------------------------------------------------

    def measure(
        self, living: Array, fields: Fields, contact: Contact, voltage: float, current_density: float
    ) -> dict[str, float]:
        """Scalars of a step; living: cells of Li that conduct to the electrode (collective).

        penetration_depth: largest z of living filament, m; filament_volume: thickness of the Li in the defects, m;
        short_circuit: 1 when it is there, with its place (short_circuit_x ..., m) and the voltage that it leaves.
        """
        self.place(contact)
        grid = self.grid
        living = living & self.filled(fields, contact)
        z = np.broadcast_to(grid.cell_coordinates()[-1], grid.local_shape)
        half = np.broadcast_to(0.5 * grid.spacing[-1], grid.local_shape)
        inventory = self.equation.inventory(fields["filament"])
        shorted = living & (z + half >= self.short_depth * (1 - 1e-9))
        measured = {
            "penetration_depth": max(grid.max((z + half)[living]), 0.0),
            "filament_volume": inventory,
            "short_circuit": max(grid.max(shorted.astype(float)), 0.0),
        }
        if measured["short_circuit"]:
            measured |= self._place(shorted)
            shunt = self.short_depth**2 / (LITHIUM_CONDUCTIVITY * inventory)
            measured["voltage"] = float(np.sign(voltage)) * min(abs(voltage), abs(shunt * current_density))
        return measured

    def _place(self, shorted: Array) -> dict[str, float]:
        """Where the first of the cells is, in the order of the grid (collective)."""
        ids = np.broadcast_to(self.grid.global_ids(), self.grid.local_shape)
        first = int(self.grid.min(ids[shorted].astype(float)))
        where = np.unravel_index(first, self.grid.shape)
        axes = AXES[self.grid.dim]
        return {f"short_circuit_{a}": float(self.grid.centres[i][where[i]]) for i, a in enumerate(axes)}

    def metal(self, fields: Fields, contact: Contact) -> Array:
        """psi b zeta: what filaments add to the metal that is shown."""
        return contact.electrolyte * self.equation.defects.indicator * fields["filament"]

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        """Fields for snapshots (collective)."""
        d = self.equation.defects
        present = contact.electrolyte * d.indicator
        there = present > SHOWN
        return {
            "filament": state["filament"].copy(),
            "defect": present,
            "opening": self.opening * there,
            "infiltration_pressure": d.pressure(state["opened"] > 0.5) * there,
        }
