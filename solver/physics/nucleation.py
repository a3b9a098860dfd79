"""Nuclei on a bare current collector as the coupled step sees them: a state of the contact, until they are a film.

Where the collector faces the electrolyte and no Li is between them the contact passes

    b [ C d_t phi + S i(phi) ],     b = 1 - h(xi) t/f   where the collector touches (`bare_contact`), else 0

with S of `nucleation`, followed within Newton's method of the charge, so that the voltage has its dip. What S i plates
is the thickness of Li h_n per area of the contact, which the gap has room for.

**Hand-over.** In a column of cells where the nuclei have grown together (X > FULL) and what it holds fills the gap,

    int m c dz + h_n >= int m dz        ->        xi = 1,   c = (int m c dz + h_n)/int m dz,   h_n = 0

so that no Li is lost or made. That changes fields at once: it is no part of a step, and no error of it. Li beneath a
film (`physics.barrier`), which covers what nuclei on top of it leave, counts as they do.

Nuclei that have been stripped are gone, and the bare collector begins anew; so does a column of cells that has lost its
contact by stripping, with what Li is left in it.

**On a seed** (`physics.seed`), which holds the contact far below 0 V, C charges it from 0 V on, since it stands for
what else is reduced near Li; below that there is a double layer. A seed that goes on into Li as one phase is wetted:
X = 1 and S = 1 from the start, no births.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.laws import kinetics, nucleation
from solver.laws.bare_contact import BareContact
from solver.laws.interphase import InterphaseParameters
from solver.laws.nucleation import FULL, NucleationParameters, Nuclei
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics import touching
from solver.physics.part import Column, Part, PartResult, Reaction, StateField, Supply
from solver.physics.step import Step

MOMENTS = ("nucleus_density", "nucleus_moment_0", "nucleus_moment_1", "nucleus_moment_2")
SEEN = 1e-6  # A from which on nuclei count in the error of a step
TOLERANCE = 0.02  # of ln(1 + A/SEEN) in a step
OUTGROWN = 0.01  # of the gap, by which a film may outgrow it before it is one
NO_SHARE = 1e-12  # of the contact
COVERED = 0.01  # bare share beneath Li, where nothing is born
NO_LITHIUM = 1e-12  # m
NO_BIRTHS = 1e4  # V^2, a barrier that nothing gets over
LOST = 0.1  # touching share below which a column has lost its contact
WETTED = 1e4  # A of a contact that Li wets
BENEATH, FILM_SHARE = "barrier_lithium", "barrier_share"  # fields of `physics.barrier`

Plated = Callable[[Array], tuple[Nuclei, Array, Array]]  # phi -> nuclei, current A/m^2, its derivative S/m^2


def bare_share(grid: Grid, state: State, contact: Contact) -> Array:
    """b as the step finds it (collective)."""
    lithium = state["lithium"]
    factor = touching.factor(touching.weight(grid, contact, lithium))
    return np.maximum(1 - fe.step(lithium) * factor, 0.0) * state["facing"]


def covered_share(grid: Grid, p: NucleationParameters, state: State, contact: Contact) -> Array:
    """Share of the contact that nuclei cover, in the cells, as the step finds it (collective)."""
    return bare_share(grid, state, contact) * nucleation.coverage(p.overlap(state["nucleus_moment_2"]))


@dataclass
class Nucleation(Part):
    """Nuclei of a case. exchange i0 A/m^2 and barrier B V^2 in the cells; kinetics: of Li that is there.

    below: capacitance below 0 V, F/m^2; wetted: whether all of the contact is, so that nothing is born.
    interphase: what lies between nuclei and electrolyte, None where they do not react. film: whether they are on top of
    one.
    """

    grid: Grid
    parameters: NucleationParameters
    kinetics: kinetics.KineticsParameters
    exchange: Array
    barrier: Array
    bare_contact: BareContact
    below: float
    wetted: bool = False
    interphase: InterphaseParameters | None = None
    film: bool = False

    name = "nucleation"
    fields = (
        *(StateField(name) for name in MOMENTS),
        StateField("nucleated_extent", predicted=True, tolerance=TOLERANCE),
        StateField("nucleated_lithium"),
        StateField("facing"),
    )
    outputs = (
        FieldInfo("nucleus_density", "N", "1/m^2", "number of nuclei per area of the contact"),
        FieldInfo("nucleated_share", "X", "1", "share of the contact that nuclei cover"),
        FieldInfo("nucleated_lithium", "h_n", "m", "thickness of Li in nuclei"),
    )
    columns = (
        Column("nucleus_density", "1/m^2", "mean number of nuclei per area of the contact"),
        Column("nucleated_share", "1", "mean share of the contact that nuclei have covered"),
        Column("nucleated_lithium", "m", "mean thickness of Li in nuclei"),
    )

    def __post_init__(self) -> None:
        if self.wetted:
            self.barrier = np.full_like(self.barrier, NO_BIRTHS)
        self.supplies = (Supply("lithium", "nucleated_charge", self.parameters.volume_per_charge),)

    def start(self, contact: Contact) -> dict[str, Array]:
        nothing = {kept.name: np.zeros(self.grid.local_shape) for kept in self.fields}
        if self.wetted:
            second = WETTED / self.parameters.overlap(np.ones(()))
            nothing["nucleus_moment_2"] += second
            nothing["nucleated_extent"] += np.log1p(WETTED / SEEN)
        return nothing | {"facing": self._facing(contact)}

    def weight(self, contact: Contact) -> Array:
        return np.asarray(contact.area_density > 0)

    def lithium(self, fields: Fields, contact: Contact) -> Array:
        return np.asarray(contact.area_density * fields["nucleated_lithium"])

    def _facing(self, contact: Contact) -> Array:
        """Where the collector touches the electrolyte, in the cells."""
        assert contact.collector is not None
        return np.broadcast_to(self.bare_contact.touches(contact.collector.gap), self.grid.local_shape).copy()

    def _charge(self, phi: Array) -> tuple[Array, Array]:
        """Charge of the bare contact, C/m^2, and its derivative, F/m^2."""
        capacitance = np.where(phi > 0, self.parameters.capacitance, self.below)
        return capacitance * phi, capacitance

    def _plated(self, state: State, bare: Array, dt: float) -> Plated:
        """What nuclei do in a step; of what is stripped there is no more than there was."""
        p, old = self.parameters, Nuclei(*(state[name].copy() for name in MOMENTS))
        before = state["potential"].copy()
        room = p.volume_per_charge * dt * np.maximum(bare, NO_SHARE)
        least = -state["nucleated_lithium"] / room
        own = self.kinetics
        if self.interphase:
            between = self.interphase.resistance(state["interphase_thickness"])
            own = replace(own, area_resistance=own.area_resistance + between)

        def plated(phi: Array) -> tuple[Nuclei, Array, Array]:
            rest, there = np.zeros(()), np.ones(())
            current, rise = kinetics.transfer_current(own, phi, rest, self.exchange, there)
            nuclei, more = nucleation.grow(p, old, (before, phi), (current, rise), self.barrier, dt)
            surface, steeper = p.surface(p.overlap(nuclei.second))
            slope = surface * rise + steeper * p.overlap(more) * current
            passed, short = surface * current, surface * current < least
            return nuclei, np.where(short, least, passed), np.where(short, 0.0, slope)

        return plated

    def reactions(self, state: State, contact: Contact, step: Step) -> list[Reaction]:
        """The current of the bare contact; its Li stays with the nuclei."""
        bare = bare_share(self.grid, state, contact)
        plated, before = self._plated(state, bare, step.dt), self._charge(state["potential"])[0]

        def law(phi: Array) -> tuple[Array, Array]:
            _, current, slope = plated(phi)
            charge, capacitance = self._charge(phi)
            return current + (charge - before) / step.dt, slope + capacitance / step.dt

        return [Reaction(law, bare, atoms=0.0)]

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        phi, bare = new["potential"], bare_share(self.grid, state, contact)
        nuclei, current, _ = self._plated(state, bare, step.dt)(phi)
        grown = self.parameters.volume_per_charge * step.dt * bare * current
        thickness = np.maximum(state["nucleated_lithium"] + grown, 0.0)
        moments = (nuclei.number, nuclei.zeroth, nuclei.first, nuclei.second)
        fields = {
            name: np.where(bare > COVERED, value, state[name])
            for name, value in zip(MOMENTS, moments, strict=True)
        }
        overlap = self.parameters.overlap(fields["nucleus_moment_2"])
        fields |= {"nucleated_lithium": thickness, "facing": self._facing(contact)}
        fields["nucleated_extent"] = np.log1p(overlap / SEEN)
        area = self.grid.lateral_area
        density, covered, lithium, charge = self.grid.sums(
            contact.area * fields["nucleus_density"],
            contact.area * nucleation.coverage(overlap),
            contact.area * thickness,
            contact.area * bare * current * step.dt,
        )
        measured = {
            "nucleus_density": density / area,
            "nucleated_share": covered / area,
            "nucleated_lithium": lithium / area,
            "nucleated_charge": charge / area,
        }
        return PartResult(fields, measured)

    def jump(self, fields: Fields, contact: Contact) -> dict[str, Array]:
        """What nuclei that have become a film change at once (collective)."""
        changes, nuclei = {}, fields["nucleated_lithium"]
        touches = touching.share(touching.weight(self.grid, contact, fields["lithium"]))
        stripped = (nuclei < NO_LITHIUM) & (fields["potential"] < 0) & (touches < LOST)
        gone = (stripped & (fields["nucleus_density"] > 0)).astype(float)
        if self.grid.max(gone):
            changes = {name: -gone * fields[name] for name in (*MOMENTS, "nucleated_extent")}
        grown, held, gap = self._films(fields, contact)
        full = (grown & (held >= gap)).astype(float)
        if self.grid.max(full):
            changes["lithium"] = full * (1 - fields["lithium"])
            changes["occupancy"] = full * (held / gap - fields["occupancy"])
            changes["nucleated_lithium"] = -full * nuclei
            if self.film:
                changes[BENEATH] = -full * fields[BENEATH]
                changes[FILM_SHARE] = full * (self._behind_film(fields, contact) - fields[FILM_SHARE])
        return changes

    def _behind_film(self, fields: Fields, contact: Contact) -> Array:
        """w_f of columns of cells (collective)."""
        share = (1 - self._share(fields)) * (fields[BENEATH] > NO_LITHIUM)
        return self.grid.columns(contact.area * share) / self.grid.columns(contact.area)

    def _films(self, fields: Fields, contact: Contact) -> tuple[Array, Array, Array]:
        """Columns of cells where Li covers the contact, what these hold, what there is room for, m (collective)."""
        grid, dz = self.grid, self.grid.spacing[-1]
        thickness, share = fields["nucleated_lithium"], self._share(fields)
        if self.film:
            thickness, share = thickness + fields[BENEATH], np.where(fields[BENEATH] > NO_LITHIUM, 1.0, share)
        own = grid.columns(contact.area_density * thickness * dz)
        covered = grid.columns(contact.area * share) > FULL * grid.columns(contact.area)
        held = own + grid.columns(contact.metal * fields["occupancy"] * dz)
        return (own > NO_LITHIUM) & covered, held, grid.columns(contact.metal * dz)

    def largest_step(self, state: State, contact: Contact) -> float:
        """In which no film that is about to fill its gap outgrows it, s (collective)."""
        grown, held, gap = self._films(state, contact)
        current, _ = kinetics.transfer_current(
            self.kinetics, state["potential"], np.zeros(()), self.exchange, np.ones(())
        )
        speed = self.parameters.volume_per_charge * np.max(current, axis=-1, keepdims=True, initial=0.0)
        needed = np.maximum(gap - held, OUTGROWN * gap) / np.maximum(speed, np.finfo(float).tiny)
        return -self.grid.max(-np.where(grown, needed, np.inf))

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        names = ("nucleus_density", "nucleated_lithium")
        return {name: state[name].copy() for name in names} | {"nucleated_share": self._share(state)}

    def _share(self, fields: Fields) -> Array:
        """X in the cells."""
        return nucleation.coverage(self.parameters.overlap(fields["nucleus_moment_2"]))
