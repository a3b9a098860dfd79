"""Atoms of a seed's host as the coupled step sees them: a profile in each column of the contact, no effect.

Where the last phase of a seed goes on into Li as one phase its atoms diffuse through the Li on it (`laws.host_atoms`),
between

    w = d (1 + x V_Li/V_h)                thickness of the seed with its Li, x the mean along the column
    l = w_f H + h                         of the Li metal on it, both per area of the contact

    H   Li of the column, int m c dz      h    Li that is no field yet: in nuclei (h_n), or beneath a film (h_b)
    w_f share of the column beneath the film, 1 where there is none (`barrier`): atoms do not cross it

The profile is the same in all cells of a column. Li that moves along the contact, squeezed from column to column,
leaves its atoms where they were: changes of a column's Li count as at its front, and atoms do not diffuse along it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver.domain.contact import Contact
from solver.laws.host_atoms import HostAtoms
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.nucleation import BENEATH, FILM_SHARE
from solver.physics.part import Column, Part, PartResult, StateField
from solver.physics.step import Step

LITHIUM = "host_lithium"  # l


@dataclass
class Host(Part):
    """The host of a case. thickness d of the seed, m; expansion V_Li/V_h; film: whether one is on it."""

    grid: Grid
    atoms: HostAtoms
    thickness: float
    expansion: float
    film: bool = False

    name = "host"
    outputs = (
        FieldInfo("host_height", "z_h", "m", "mean height of the seed's own atoms above the collector, of each column"),
    )
    columns = (
        Column("host_height", "m", "mean height of the seed's own atoms above the collector"),
        Column("host_in_lithium", "1", "share of the seed's own atoms that is in the Li metal on it"),
    )

    def __post_init__(self) -> None:
        self._layers = tuple(f"host_layer_{number}" for number in range(1, self.atoms.number + 1))
        self.fields = tuple(StateField(name) for name in (LITHIUM, *self._layers))

    def start(self, contact: Contact) -> dict[str, Array]:
        """All atoms evenly in the seed."""
        nothing = np.zeros(self.grid.local_shape)
        shares = self.atoms.start(nothing)
        return {LITHIUM: nothing, **dict(zip(self._layers, shares, strict=True))}

    def _seed(self, fields: Fields, contact: Contact) -> Array:
        """w of every column, (*lateral, 1), m (collective)."""
        composition = self.grid.columns(contact.area * fields["seed_composition"]) / self.grid.columns(contact.area)
        return self.thickness * (1 + self.expansion * composition)

    def _lithium(self, fields: Fields, contact: Contact) -> Array:
        """l of every column, (*lateral, 1), m (collective)."""
        grid, dz = self.grid, self.grid.spacing[-1]
        metal, thin = contact.metal * fields["occupancy"], fields["nucleated_lithium"]
        if self.film:
            metal, thin = fields[FILM_SHARE] * metal, fields[BENEATH]
        there = grid.columns((metal + contact.area_density * thin) * dz)
        return np.maximum(there / grid.columns(contact.area_density * dz), 0.0)

    def _shares(self, fields: Fields) -> Array:
        """Of the atoms in the layers, of every column."""
        return np.stack([fields[name][..., :1] for name in self._layers])

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        before = self._seed(state, contact), state[LITHIUM][..., :1]
        after = self._seed(new, contact), self._lithium(new, contact)
        shares = self.atoms.advance(self._shares(state), before, after, step.dt)
        height, inside, area = self.grid.sums(
            contact.area * self.atoms.height(shares, *after), contact.area * self.atoms.in_lithium(shares), contact.area
        )
        measured = {"host_height": height / area, "host_in_lithium": inside / area}
        found = dict(zip((LITHIUM, *self._layers), (after[1], *shares), strict=True))
        return PartResult({name: self._along(values) for name, values in found.items()}, measured)

    def _along(self, values: Array) -> Array:
        """Values of columns in all of their cells."""
        return np.broadcast_to(values, self.grid.local_shape).copy()

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        height = self.atoms.height(self._shares(state), self._seed(state, contact), state[LITHIUM][..., :1])
        return {"host_height": self._along(height)}
