"""The interphase between Li and electrolyte as the coupled step sees it: a thickness along the contact, no cells.

    d_t d^2 = (1 - theta)^2 t K                        law and symbols: `laws.interphase`; t touching share (`touching`)
    d_t (m c) = ... - |grad psi| (h/f) Omega nu d_t d    Li that it takes, without a current
    R_c = ... + d/s                                    area resistance of the contact

d belongs to a column of cells along the normal and is the same in all of them; a column takes Omega nu d_t d of Li per
area of its contact, in the cells where it plates and is stripped. Dead Li reacts as living Li does: no electrons are
needed. To the mechanics the loss is stripping without a current: while more is plated, planes are made of the
difference. A step takes no more than a part (`LARGEST_SHARE`) of the Li of a cell, and the interphase grows by what is
taken, so that it never outgrows the Li that there is. The balance of Li counts all of it.

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
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics import touching
from solver.physics.part import Column, Part, PartResult, StateField, Supply, Uptake
from solver.physics.step import Step

LARGEST_SHARE = 0.5  # of the Li of a cell, that a step takes


@dataclass
class Interphase(Part):
    """The interphase of a case."""

    grid: Grid
    parameters: InterphaseParameters

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
        grid, lithium = self.grid, state["lithium"]
        before, dz = state["interphase_thickness"].copy(), grid.spacing[-1]
        weight = touching.weight(grid, contact, lithium)
        growth = self.parameters.grown(before, touching.share(weight), step.dt) - before
        surface = contact.area_density * fe.step(lithium) / np.maximum(weight, touching.LEAST)
        wanted = self.parameters.lithium_volume * surface * growth
        there = LARGEST_SHARE * contact.metal * np.maximum(state["occupancy"], 0.0)
        had = np.divide(there, wanted, out=np.ones_like(wanted), where=wanted > there)
        whole = np.maximum(grid.columns(surface * dz), np.finfo(float).tiny)
        grown = growth * grid.columns(surface * had * dz) / whole
        return Uptake(wanted * had / step.dt, {"interphase_thickness": before + grown})

    def resistance(self, fields: Fields) -> Array:
        return np.asarray(fields["interphase_thickness"] / self.parameters.conductivity)

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        before, after = state["interphase_thickness"], new["interphase_thickness"]
        total, grown, area = self.grid.sums(contact.area * after, contact.area * (after - before), contact.area)
        lateral, parameters = self.grid.lateral_area, self.parameters
        measured = {
            "interphase_thickness": total / area,
            "interphase_lithium": FARADAY * parameters.lithium * total / lateral,
            "interphase_uptake": parameters.lithium_volume * grown / lateral,
        }
        return PartResult(measured=measured)

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        return {"interphase_thickness": state["interphase_thickness"].copy()}
