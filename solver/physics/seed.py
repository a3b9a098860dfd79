"""A seed layer on the current collector as the coupled step sees it: it takes Li before Li metal is born.

Where the collector faces the electrolyte and no Li is between them the contact passes, beside the current of nuclei
(`physics.nucleation`, of which b is),

    b j(phi),     dx/dt = b j/q        x Li per host atom, E(x) and j of `laws.alloy`, q = F d/V_h

solved for each cell of the contact within Newton's method of the charge. x(E) of irreversible steps depends on the
lowest E so far, which is a field too. Its current brings no atom to the metal; they
stay in the seed, which is part of the inventory. Nuclei leave the current of the seed as it is: it is full, and in
equilibrium with them, when they are born. Beneath Li it keeps the x that it has. Beneath a film: `physics.barrier`.

The alloy is thicker than its host, (V_h + V_Li x)/V_h: that is measured, and moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.domain.contact import Contact
from solver.laws import kinetics
from solver.laws.alloy import Alloy, Law
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.nucleation import bare_share
from solver.physics.part import Column, Part, PartResult, Reaction, StateField, Supply
from solver.physics.step import Step

TOLERANCE = 0.05  # of x in a step
NEGLIGIBLE = 1e-9  # of the largest area of the contact, of cells in which nothing is taken

Taken = Callable[[Array], tuple[Array, Array, Array]]  # phi -> E, current A/m^2, its derivative S/m^2


@dataclass
class Seed(Part):
    """The seed of a case. kinetics: of its contact; exchange: i0 in the cells, A/m^2; thickness d of the host, m;
    swelling V_Li/V_h.
    """

    grid: Grid
    alloy: Alloy
    kinetics: kinetics.KineticsParameters
    exchange: Array
    thickness: float
    swelling: float

    name = "seed"
    fields = (
        StateField("seed_potential"),
        StateField("seed_lowest_potential"),
        StateField("seed_composition", predicted=True, tolerance=TOLERANCE),
    )
    outputs = (
        FieldInfo("seed_composition", "x", "1", "Li per host atom in the seed"),
        FieldInfo("seed_potential", "E_s", "V", "potential of the seed against Li metal"),
    )
    columns = (
        Column("seed_lithium", "C/m^2", "Li in the seed, as charge per cross-section"),
        Column("seed_bound_lithium", "C/m^2", "of that, what irreversible steps hold for good"),
        Column("seed_composition", "1", "mean Li per host atom in the seed"),
        Column("seed_thickness", "m", "mean thickness of the seed with its Li"),
    )

    def __post_init__(self) -> None:
        self.supplies = (Supply("lithium", "seed_charge", self.kinetics.volts_per_pascal),)

    def start(self, contact: Contact) -> dict[str, Array]:
        """An empty seed, and the electrolyte in equilibrium with it."""
        potential = np.full(self.grid.local_shape, self.alloy.empty)
        composition, _ = self.alloy.composition(potential)
        return {
            "seed_potential": potential,
            "seed_lowest_potential": potential.copy(),
            "seed_composition": composition,
            "potential": -potential,
        }

    def weight(self, contact: Contact) -> Array:
        return np.asarray(contact.area_density > 0)

    def lithium(self, fields: Fields, contact: Contact) -> Array:
        thickness = self.kinetics.volts_per_pascal * self.alloy.charge_per_composition
        return np.asarray(contact.area_density * thickness * fields["seed_composition"])

    def _active(self, bare: Array, contact: Contact) -> Array:
        """Cells in which something is taken (collective)."""
        return np.asarray((bare > 0) & (contact.area > NEGLIGIBLE * self.grid.max(contact.area)))

    def _law(self, active: Array) -> Law:
        """j of phi and E, and its derivatives, in active cells."""
        exchange = self.exchange[active]
        return lambda phi, alloy: kinetics.into_alloy(self.kinetics, phi, alloy, exchange)

    def _taken(self, state: State, bare: Array, contact: Contact, dt: float) -> Taken:
        """What the seed takes in a step (collective)."""
        active = self._active(bare, contact)
        before, law = state["seed_potential"].copy(), self._law(active)
        charging = dt * bare[active] / self.alloy.charge_per_composition
        alloy = replace(self.alloy, lowest=state["seed_lowest_potential"][active])

        def taken(phi: Array) -> tuple[Array, Array, Array]:
            found = before.copy(), np.zeros_like(before), np.zeros_like(before)
            here = alloy.lithiate(before[active], phi[active], law, charging)
            for values, value in zip(found, here, strict=True):
                values[active] = value
            return found

        return taken

    def reactions(self, state: State, contact: Contact, step: Step) -> list[Reaction]:
        """The current into the seed, whose Li stays there."""
        bare = bare_share(self.grid, state, contact)
        taken = self._taken(state, bare, contact, step.dt)
        return [Reaction(lambda phi: taken(phi)[1:], bare, atoms=0.0)]

    def admittance(self, state: State, contact: Contact, omega: float) -> Array | complex:
        """b j_phi/[1 + b j_E/(i w q |dx/dE|)], charge transfer and the alloy's capacitance in series, no conversion."""
        share = bare_share(self.grid, state, contact)
        active = self._active(share, contact)
        potential, bare = state["seed_potential"][active], share[active]
        _, fall = replace(self.alloy, lowest=-np.inf).composition(potential)
        _, rise, by_alloy = self._law(active)(state["potential"][active], potential)
        storing = 1j * omega * self.alloy.charge_per_composition * fall
        found = np.zeros(self.grid.local_shape, complex)
        found[active] = contact.area[active] * bare * rise * storing / (storing + bare * by_alloy)
        return found

    def _found(self, state: State, new: Mapping[str, Array], contact: Contact, dt: float) -> tuple[Array, Array]:
        """E, and what charge it took, C/m^2 (collective)."""
        bare = bare_share(self.grid, state, contact)
        potential, current, _ = self._taken(state, bare, contact, dt)(new["potential"])
        return potential, bare * current * dt

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        potential, passed = self._found(state, new, contact, step.dt)
        composition, _ = replace(self.alloy, lowest=state["seed_lowest_potential"]).composition(potential)
        lowest = np.minimum(state["seed_lowest_potential"], potential)
        bound = replace(self.alloy, lowest=lowest).bound
        mean, held, charge, area = self.grid.sums(
            contact.area * composition, contact.area * bound, contact.area * passed, contact.area
        )
        measured = {
            "seed_lithium": self.alloy.charge_per_composition * mean / self.grid.lateral_area,
            "seed_bound_lithium": self.alloy.charge_per_composition * held / self.grid.lateral_area,
            "seed_composition": mean / area,
            "seed_thickness": self.thickness * (1 + self.swelling * mean / area),
            "seed_charge": charge / self.grid.lateral_area,
        }
        fields = {
            "seed_potential": potential,
            "seed_lowest_potential": lowest,
            "seed_composition": composition,
        }
        return PartResult(fields, measured)

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        return {name: state[name].copy() for name in ("seed_composition", "seed_potential")}
