"""A seed layer on the current collector as the coupled step sees it: it takes Li before Li metal is born.

Where the collector faces the electrolyte and no Li is between them the contact passes, beside the current of nuclei
(`physics.nucleation`, of which b is),

    b j(phi),     dx/dt = b j/q        x Li per host atom, E(x) and j of `laws.alloy`, q = F d/V_h

solved for each cell of the contact within Newton's method of the charge. x(E) of irreversible steps depends on the
lowest E so far, which is a field too. Its current brings no atom to the metal; they
stay in the seed, which is part of the inventory. Nuclei leave the current of the seed as it is: its surface is
full, and in equilibrium with them, when they are born. Beneath a film: `physics.barrier`.

**Depth.** A host may have a profile in depth (`laws.layers`): E is then of its surface, x the mean, and its layers
beneath the surface have a field each, their flux potential G. A current that is given makes a mean of x that is always
as foreseen; of such a host the error of a step is that of x in its layers, the mean of its magnitude in depth. (By the
largest one a step would be the shorter the more layers there are: a front crosses one after the other.)

**Covered.** Beneath Li metal (b < COVERED where xi is Li) Li goes between metal and seed without a current of the cell,

    dx/dt = j/q,     j = i0 F E/(R T)        the exchange current in its linear form, with Li metal at E = 0

until E = 0 at the surface: what the seed takes leaves the metal in the cells of the contact (`part.Uptake`), at most
LARGEST_SHARE of what a cell has in a step. A seed that is full at E = 0 takes nothing. It gives nothing back to metal.

**Swelling.** The alloy is thicker than its host, by d x V_Li/V_h. It has no cells: the collector's surface, at Z, is
that of the seed, and what swells pushes the platen away from it by the mean along the contact,

    w_s = d (V_Li/V_h) <x>,     p = p0 - k (Z - w_s)        <x> mean of x; p pressure, k of fixture and buffer, Pa/m

(`deformation`). A fixture that gives way at a constant pressure (k = 0) takes up all of it. Differences of the swelling
along the contact are not followed: the gap is that of Z and of the shape at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.domain.contact import Contact
from solver.laws import kinetics
from solver.laws.alloy import Alloy, Law
from solver.laws.layers import LayeredAlloy
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.nucleation import COVERED, bare_share
from solver.physics.part import Column, Part, PartResult, Reaction, StateField, Supply, Uptake
from solver.physics.step import Step

TOLERANCE = 0.05  # of x in a step
FULL = 1e-9  # of x, from there on it is
LARGEST_SHARE = 0.25  # of the Li of a cell, that a step takes
NEGLIGIBLE = 1e-9  # of the largest area of the contact, of cells in which nothing is taken

FIELDS: tuple[StateField, ...] = (
    StateField("seed_potential"),
    StateField("seed_lowest_potential"),
    StateField("seed_composition", predicted=True, tolerance=TOLERANCE),
)
Taken = Callable[[Array], tuple[Array, Array, Array]]  # phi -> E, current A/m^2, its derivative S/m^2


def layer_names(alloy: Alloy) -> tuple[str, ...]:
    """Fields of the layers beneath the surface."""
    return tuple(f"seed_layer_{number}" for number in range(2, alloy.layers + 1))


def layers(alloy: Alloy, fields: Fields) -> Array:
    """What is kept of the layers beneath the surface, along the last axis."""
    deep = [fields[name] for name in layer_names(alloy)]
    return np.stack(deep, axis=-1) if deep else np.empty((*fields["seed_potential"].shape, 0))


def named(alloy: Alloy, deep: Array) -> dict[str, Array]:
    """The fields of the layers beneath the surface."""
    return {name: deep[..., index].copy() for index, name in enumerate(layer_names(alloy))}


def significant(grid: Grid, contact: Contact) -> Array:
    """Cells with contact worth speaking of (collective)."""
    return np.asarray(contact.area > NEGLIGIBLE * grid.max(contact.area))


def beneath_metal(grid: Grid, state: State, contact: Contact) -> Array:
    """Cells in which Li metal is on the collector (collective)."""
    covered = (bare_share(grid, state, contact) < COVERED) & (state["lithium"] > 0.5)
    return covered & significant(grid, contact)


@dataclass
class Seed(Part):
    """The seed of a case. kinetics: of its contact; exchange: i0 in the cells, A/m^2; thickness d of the host, m;
    expansion V_Li/V_h.
    """

    grid: Grid
    alloy: Alloy
    kinetics: kinetics.KineticsParameters
    exchange: Array
    thickness: float
    expansion: float

    name = "seed"
    swells = True
    fields = FIELDS
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
        self._with_layers()

    def _with_layers(self) -> None:
        deep = layer_names(self.alloy)
        predicted = ("seed_potential", *deep) if deep else ()
        known = tuple(kept for kept in FIELDS if kept.name not in predicted)
        self.fields = (*known, *(StateField(name, predicted=True) for name in predicted))

    def start(self, contact: Contact) -> dict[str, Array]:
        """An empty seed, and the electrolyte in equilibrium with it."""
        potential = np.full(self.grid.local_shape, self.alloy.empty)
        deep = self.alloy.start(potential)
        return {
            "seed_potential": potential,
            "seed_lowest_potential": potential.copy(),
            "seed_composition": self.alloy.within(potential, deep, 0.0).at_start(potential),
            "potential": -potential,
            **named(self.alloy, deep),
        }

    def weight(self, state: State, contact: Contact) -> Array:
        return np.asarray(contact.area_density > 0)

    def lithium(self, fields: Fields, contact: Contact) -> Array:
        thickness = self.kinetics.volts_per_pascal * self.alloy.charge_per_composition
        return np.asarray(contact.area_density * thickness * fields["seed_composition"])

    def swelling(self, fields: Fields, contact: Contact) -> float:
        """w_s: a seed begins empty."""
        mean, area = self.grid.sums(contact.area * fields["seed_composition"], contact.area)
        return self.thickness * self.expansion * mean / area

    def error(self, state: State, new: Fields, contact: Contact, step: Step) -> float:
        """Local truncation error of x in depth."""
        alloy = self.alloy
        if not isinstance(alloy, LayeredAlloy):
            return 0.0
        chosen, found = significant(self.grid, contact), np.zeros(self.grid.local_shape)

        def profile(fields: Fields) -> Array:
            return alloy.profile(fields["seed_potential"][chosen], layers(alloy, fields)[chosen])

        found[chosen] = step.local_error(profile, new, state) @ alloy.shares
        return self.grid.max(found) / TOLERANCE

    def covered(self, state: State, contact: Contact) -> Array:
        """Cells in which it exchanges Li with metal (collective)."""
        return beneath_metal(self.grid, state, contact)

    def _active(self, state: State, bare: Array, contact: Contact) -> Array:
        """Cells in which something is taken with a current (collective)."""
        return (bare > 0) & significant(self.grid, contact) & ~self.covered(state, contact)

    def _law(self, active: Array) -> Law:
        """j of phi and E, and its derivatives, in active cells."""
        return kinetics.into_alloy(self.kinetics, self.exchange[active])

    def _host(self, state: Fields, chosen: Array, dt: float) -> Alloy:
        """The alloy of chosen cells as a step finds it."""
        return self.alloy.within(state["seed_lowest_potential"][chosen], layers(self.alloy, state)[chosen], dt)

    def _taken(self, state: State, active: Array, bare: Array, dt: float) -> Taken:
        """What the seed takes in a step."""
        before, law, alloy = state["seed_potential"].copy(), self._law(active), self._host(state, active, dt)
        charging, near = dt * bare[active] / self.alloy.charge_per_composition, before[active]

        def taken(phi: Array) -> tuple[Array, Array, Array]:
            nonlocal near
            found = before.copy(), np.zeros_like(before), np.zeros_like(before)
            here = alloy.lithiate(before[active], phi[active], law, charging, guess=near)
            near = here[0]
            for values, value in zip(found, here, strict=True):
                values[active] = value
            return found

        return taken

    def uptake(self, state: State, contact: Contact, step: Step) -> Uptake:
        """What a seed beneath metal takes from it; its fields there, and elsewhere as they are."""
        full, _ = self.alloy.composition(np.zeros(()))
        covered = self.covered(state, contact) & (state["seed_composition"] < full - FULL)
        charge = self.alloy.charge_per_composition
        alloy, old = self._host(state, covered, step.dt), state["seed_potential"][covered]
        conductance = self.exchange[covered] * self.kinetics.inverse_thermal_voltage
        there = (contact.metal * np.maximum(state["occupancy"], 0.0))[covered]
        per_charge = self.kinetics.volts_per_pascal * contact.area_density[covered]
        most = LARGEST_SHARE * there / (per_charge * step.dt)

        def law(metal: Array, at: Array) -> tuple[Array, Array, Array]:
            wanted = conductance * (metal + at)
            slope = np.where(wanted < most, conductance, 0.0)
            return np.minimum(wanted, most), slope, slope

        potential, *_ = alloy.lithiate(old, np.zeros_like(old), law, np.full_like(old, step.dt / charge))
        composition, _, deep = alloy.at_end(potential)
        taken = np.zeros(self.grid.local_shape)
        taken[covered] = per_charge * charge * (composition - state["seed_composition"][covered]) / step.dt
        return Uptake(taken, self._changed(state, covered, potential, composition, deep))

    def _changed(
        self, fields: Fields, chosen: Array, potential: Array, composition: Array, deep: Array
    ) -> dict[str, Array]:
        """The fields of the seed, new in chosen cells."""
        found = {name: fields[name].copy() for name in ("seed_potential", "seed_composition")}
        found["seed_potential"][chosen], found["seed_composition"][chosen] = potential, composition
        beneath = layers(self.alloy, fields)
        beneath[chosen] = deep
        return found | named(self.alloy, beneath)

    def reactions(self, state: State, contact: Contact, step: Step) -> list[Reaction]:
        """The current into the seed, where one may pass; its Li stays there (collective)."""
        bare = bare_share(self.grid, state, contact)
        active = self._active(state, bare, contact)
        if not self.grid.max(active.astype(float)):
            return []
        taken = self._taken(state, active, bare, step.dt)
        return [Reaction(lambda phi: taken(phi)[1:], bare, atoms=0.0)]

    def admittance(self, state: State, contact: Contact, omega: float) -> Array | complex:
        """b j_phi/[1 + b j_E/(i w q |dx/dE|)], charge transfer and the alloy's capacitance in series, no conversion.

        With layers |dx/dE| is complex: diffusion into them at w.
        """
        share = bare_share(self.grid, state, contact)
        active = self._active(state, share, contact)
        potential, bare = state["seed_potential"][active], share[active]
        _, rise, by_alloy = self._law(active)(state["potential"][active], potential)
        answer = self._host(state, active, 0.0).response(potential, omega)
        storing = 1j * omega * self.alloy.charge_per_composition * answer
        found = np.zeros(self.grid.local_shape, complex)
        found[active] = contact.area[active] * bare * rise * storing / (storing + bare * by_alloy)
        return found

    def _found(
        self, state: State, new: Mapping[str, Array], contact: Contact, dt: float
    ) -> tuple[Array, Array, Array]:
        """Cells where a current may have changed it, E of all, and the charge that passed, C/m^2 (collective)."""
        bare = bare_share(self.grid, state, contact)
        active = self._active(state, bare, contact)
        potential, current, _ = self._taken(state, active, bare, dt)(new["potential"])
        return active, potential, bare * current * dt

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        chosen, potential, passed = self._found(state, new, contact, step.dt)
        here = potential[chosen]
        composition, _, deep = self._host(state, chosen, step.dt).at_end(here)
        fields = self._changed(new, chosen, here, composition, deep)
        lowest = np.minimum(state["seed_lowest_potential"], fields["seed_potential"])
        bound = replace(self.alloy, lowest=lowest).bound
        mean, held, charge, area = self.grid.sums(
            contact.area * fields["seed_composition"], contact.area * bound, contact.area * passed, contact.area
        )
        measured = {
            "seed_lithium": self.alloy.charge_per_composition * mean / self.grid.lateral_area,
            "seed_bound_lithium": self.alloy.charge_per_composition * held / self.grid.lateral_area,
            "seed_composition": mean / area,
            "seed_thickness": self.thickness * (1 + self.expansion * mean / area),
            "seed_charge": charge / self.grid.lateral_area,
        }
        return PartResult(fields | {"seed_lowest_potential": lowest}, measured)

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        return {name: state[name].copy() for name in ("seed_composition", "seed_potential")}
