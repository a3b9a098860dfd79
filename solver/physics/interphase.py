"""The interphase between Li and electrolyte as the coupled step sees it: a thickness along the contact, no cells.

    d_t d^2 = (1 - theta w_f)^2 t K                    law and symbols: `laws.interphase`; t touching share (`touching`)
    d_t (m c) = ... - |grad psi| (h/f) Omega nu d_t d    Li that it takes, without a current
    R_c = ... + d/s                                    area resistance of the contact

d belongs to a column of cells along the normal and is the same in all of them; a column takes Omega nu d_t d of Li per
area of its contact, in the cells where it plates and is stripped. Dead Li reacts as living Li does: no electrons are
needed. To the mechanics the loss is stripping without a current: while more is plated, planes are made of the
difference. Nuclei on a collector react too, where they cover it (b X of `nucleation`, in place of t), and pay for it.
w_f is 1 but where Li came on top of the film of a collector (`barrier`), and 0 for nuclei on top of one.

A step takes no more than a part (`LARGEST_SHARE`) of the Li of a cell, and the interphase grows by what is taken, so
that it never outgrows the Li that there is. The balance of Li counts all of it.

Left out: the volume of the reaction, -21 % for Li6PS5Cl, and the thickness of the interphase in the geometry; an
interphase on the walls of defects; what the electrolyte is reduced to before there is Li.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver.constants import FARADAY
from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.laws.interphase import InterphaseParameters
from solver.laws.nucleation import NucleationParameters
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics import touching
from solver.physics.nucleation import FILM_SHARE, covered_share
from solver.physics.part import Column, Part, PartResult, StateField, Supply, Uptake
from solver.physics.step import Step

LARGEST_SHARE = 0.5  # of the Li of a cell, that a step takes


@dataclass
class Interphase(Part):
    """The interphase of a case. nuclei: those of the case, None where Li is there from the start. film: whether a film
    on the collector is beneath them.
    """

    grid: Grid
    parameters: InterphaseParameters
    nuclei: NucleationParameters | None = None
    film: bool = False

    name = "interphase"
    fields = (StateField("interphase_thickness"),)
    outputs = (FieldInfo("interphase_thickness", "d", "m", "thickness of the interphase, of each column"),)
    columns = (
        Column("interphase_thickness", "m", "mean thickness of the interphase along the contact"),
        Column("interphase_lithium", "C/m^2", "charge of the Li that the interphase has taken from the metal"),
    )
    supplies = (Supply("lithium", "interphase_uptake", -1.0),)

    def start(self, contact: Contact) -> dict[str, Array]:
        return {"interphase_thickness": np.zeros(self.grid.local_shape)}

    def uptake(self, state: State, contact: Contact, step: Step) -> Uptake:
        lithium, before = state["lithium"], state["interphase_thickness"].copy()
        weight = touching.weight(self.grid, contact, lithium)
        behind = state[FILM_SHARE].copy() if self.film else 1.0
        growth = self.parameters.grown(before, touching.share(weight), step.dt, behind) - before
        there = contact.metal * np.maximum(state["occupancy"], 0.0)
        taken, grown = self._taken(contact, fe.step(lithium), growth, there)
        return Uptake(taken / step.dt, {"interphase_thickness": before + grown})

    def _taken(self, contact: Contact, share: Array, growth: Array, there: Array) -> tuple[Array, Array]:
        """Li per volume of the box that a growth by so much (m) takes, and by how much d grows with it (collective).

        share: of the contact in the cells, where they take it; there: Li that they have, per volume of the box.
        """
        grid, dz = self.grid, self.grid.spacing[-1]
        whole = grid.columns(contact.area_density * dz)
        mean = grid.columns(contact.area_density * share * dz) / whole
        touched = contact.area_density * share / np.maximum(mean, touching.LEAST)
        wanted, most = self.parameters.lithium_volume * touched * growth, LARGEST_SHARE * there
        part = np.divide(most, wanted, out=np.ones_like(wanted), where=wanted > most)
        return wanted * part, growth * grid.columns(touched * part * dz) / whole

    def _of_nuclei(self, state: State, new: Mapping[str, Array], contact: Contact, dt: float) -> dict[str, Array]:
        """The thickness with what grows beneath nuclei, and the Li that these have left (collective)."""
        assert self.nuclei is not None
        thickness, lithium = new["interphase_thickness"], new["nucleated_lithium"]
        share, area = covered_share(self.grid, self.nuclei, state, contact), contact.area_density
        dz = self.grid.spacing[-1]
        mean = self.grid.columns(area * share * dz) / self.grid.columns(area * dz)
        growth = self.parameters.grown(thickness, mean, dt, 0.0 if self.film else 1.0) - thickness
        taken, grown = self._taken(contact, share, growth, area * lithium)
        left = lithium - np.divide(taken, area, out=np.zeros_like(taken), where=area > 0)
        return {"interphase_thickness": thickness + grown, "nucleated_lithium": left}

    def resistance(self, fields: Fields) -> Array:
        return self.parameters.resistance(fields["interphase_thickness"])

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        fields = self._of_nuclei(state, new, contact, step.dt) if self.nuclei else {}
        before, after = state["interphase_thickness"], {**new, **fields}["interphase_thickness"]
        total, grown, area = self.grid.sums(contact.area * after, contact.area * (after - before), contact.area)
        lateral, parameters = self.grid.lateral_area, self.parameters
        measured = {
            "interphase_thickness": total / area,
            "interphase_lithium": FARADAY * parameters.lithium * total / lateral,
            "interphase_uptake": parameters.lithium_volume * grown / lateral,
        }
        if self.nuclei:
            measured["nucleated_lithium"] = self.grid.sum(contact.area * fields["nucleated_lithium"]) / lateral
        return PartResult(fields, measured)

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        return {"interphase_thickness": state["interphase_thickness"].copy()}
