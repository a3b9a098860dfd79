"""Nuclei on a bare current collector as the coupled step sees them: a state of the contact, until they are a film.

Where the collector faces the electrolyte and no Li is between them the contact passes

    b [ C d_t phi + S i(phi) ],     b = 1 - h(xi) t/f   where the collector touches (`bare_contact`), else 0

with S of `nucleation`, followed within Newton's method of the charge, so that the voltage has its dip. What S i plates
is the thickness of Li h_n per area of the contact, which the gap has room for.

**Hand-over.** In a column of cells where Li is not being stripped, the nuclei have grown together (X > FULL) and what
it holds fills the gap,

    int m c dz + h_n >= int m dz        ->        xi = 1,   c = (int m c dz + h_n)/int m dz,   h_n = 0

or, where nuclei far apart hold much before they cover it, once they hold HEAPED times as much as the gap: in a cell
they would have lifted the collector. No Li is lost or made. That changes fields at once: it is no part of a step, and
no error of it; the edge that it leaves settles before time goes on (`model.settling`). Li beneath a film
(`physics.barrier`), which covers what nuclei on top of it leave, counts as they do.

**Hand-back.** Of Li that is stripped while the collector bears on the electrolyte some nanometres stay, less than the
gap, that a diffuse contact does not touch. They are Li per area again: where a column has lost its contact so, its t is
below LOST,

    xi = 0,   c = 0,   h_n = int m c dz per area of the contact,   X = S = 1

and is stripped to nothing. Nuclei that have been stripped are gone, and the bare collector begins anew.

C stands for what else is reduced near Li, and charges the contact from 0 V on; below, where stripping or a seed
(`physics.seed`) holds it, there is a double layer (DOUBLE_LAYER), so that a cutoff far from 0 V does not count what
was never plated. A seed that goes on into Li as one phase is wetted: X = 1 and S = 1 from the start, no births.
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
from solver.physics.part import Column, InterfaceTerm, Part, PartResult, Reaction, StateField, Supply, sum_of
from solver.physics.step import Step

MOMENTS = ("nucleus_density", "nucleus_moment_0", "nucleus_moment_1", "nucleus_moment_2")
SEEN = 1e-6  # A from which on nuclei count in the error of a step
SEEN_OF_FEW = 0.1  # the same of whole nuclei, of which each one begins at a radius
TOLERANCE = 0.02  # of ln(1 + A/SEEN) in a step
HEAPED = 2.0  # of the gap, that nuclei may hold before they have grown together
OUTGROWN = 0.01  # of the gap, by which a film may outgrow it before it is one
NO_SHARE = 1e-12  # of the contact
COVERED = 0.01  # bare share beneath Li, where nothing is born
NO_LITHIUM = 1e-12  # m
NO_BIRTHS = 1e4  # V^2, a barrier that nothing gets over
LOST = 0.5  # touching share below which Li that is thinner than the gap is too thin
WETTED = 1e4  # A of a contact that Li wets
DOUBLE_LAYER = 0.2  # F/m^2, below 0 V: of a metal on a ceramic, 0.1 to 1
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


def extent(overlap: Array, seen: float) -> Array:
    """ln(1 + A/seen), whose error counts."""
    return np.asarray(np.log1p(overlap / seen))


@dataclass
class Nucleation(Part):
    """Nuclei of a case. exchange i0 A/m^2 and barrier B V^2 in the cells; kinetics: of Li that is there.

    wetted: whether Li wets all of the contact, so that nothing is born.
    interphase: what lies between nuclei and electrolyte, None where they do not react. film: whether they are on top of
    one. seen: A from which on they count in the error of a step.
    """

    grid: Grid
    parameters: NucleationParameters
    kinetics: kinetics.KineticsParameters
    exchange: Array
    barrier: Array
    bare_contact: BareContact
    wetted: bool = False
    interphase: InterphaseParameters | None = None
    film: bool = False
    seen: float = SEEN

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
            nothing["nucleated_extent"] += extent(np.array(WETTED), self.seen)
        return nothing | {"facing": self._facing(contact)}

    def weight(self, state: State, contact: Contact) -> Array:
        return np.asarray(contact.area_density > 0)

    def lithium(self, fields: Fields, contact: Contact) -> Array:
        return np.asarray(contact.area_density * fields["nucleated_lithium"])

    def _facing(self, contact: Contact) -> Array:
        """Where the collector touches the electrolyte, in the cells."""
        assert contact.collector is not None
        return np.broadcast_to(self.bare_contact.touches(contact.collector.gap), self.grid.local_shape).copy()

    def _charge(self, phi: Array) -> tuple[Array, Array]:
        """Charge of the bare contact, C/m^2, and its derivative, F/m^2."""
        capacitance = np.where(phi > 0, self.parameters.capacitance, DOUBLE_LAYER)
        return capacitance * phi, capacitance

    def _law(self, state: State) -> InterfaceTerm:
        """i of eta and its derivative, per area of Li."""
        own = self.kinetics
        if self.interphase:
            between = self.interphase.resistance(state["interphase_thickness"])
            own = replace(own, area_resistance=own.area_resistance + between)
        return lambda phi: kinetics.transfer_current(own, phi, np.zeros(()), self.exchange, np.ones(()))

    def _plated(self, state: State, bare: Array, dt: float) -> Plated:
        """What nuclei do in a step; of what is stripped there is no more than there was."""
        p, old = self.parameters, Nuclei(*(state[name].copy() for name in MOMENTS))
        before = state["potential"].copy()
        room = p.volume_per_charge * dt * np.maximum(bare, NO_SHARE)
        least = -state["nucleated_lithium"] / room
        law = self._law(state)

        def plated(phi: Array) -> tuple[Nuclei, Array, Array]:
            current, rise = law(phi)
            nuclei, more = nucleation.grow(p, old, (before, phi), (current, rise), self.barrier, dt)
            surface, steeper = p.surface(p.overlap(nuclei.second))
            slope = surface * rise + steeper * p.overlap(more) * current
            passed, short = surface * current, surface * current < least
            return nuclei, np.where(short, least, passed), np.where(short, 0.0, slope)

        return plated

    def reactions(self, state: State, contact: Contact, step: Step) -> list[Reaction]:
        """The current of the bare contact, if there is any; its Li stays with the nuclei (collective)."""
        bare = bare_share(self.grid, state, contact)
        if not self.grid.max(bare):
            return []
        plated, before = self._plated(state, bare, step.dt), self._charge(state["potential"])[0]

        def law(phi: Array) -> tuple[Array, Array]:
            _, current, slope = plated(phi)
            charge, capacitance = self._charge(phi)
            return current + (charge - before) / step.dt, slope + capacitance / step.dt

        return [Reaction(law, bare, atoms=0.0)]

    def admittance(self, state: State, contact: Contact, omega: float) -> Array | complex:
        """b (S i' + i w C); nuclei without Li have none to give."""
        phi, p = state["potential"].copy(), self.parameters
        surface, _ = p.surface(p.overlap(state["nucleus_moment_2"]))
        passes = (phi > 0) | (state["nucleated_lithium"] > NO_LITHIUM)
        transfer, (_, capacitance) = self._law(state)(phi)[1], self._charge(phi)
        bare = contact.area * bare_share(self.grid, state, contact)
        return np.asarray(bare * (surface * passes * transfer + 1j * omega * capacitance))

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
        fields["nucleated_extent"] = extent(overlap, self.seen)
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
        left = self._too_thin(fields, contact)
        changes = self._stripped(fields, left > 0), self._handed_over(fields, contact), self._handed_back(fields, left)
        return sum_of(changes)

    def _stripped(self, fields: Fields, elsewhere: Array) -> dict[str, Array]:
        """Nuclei without Li are gone, but where `elsewhere` says (collective)."""
        bare = (fields["nucleated_lithium"] < NO_LITHIUM) & (fields["potential"] < 0) & (fields["lithium"] < 0.5)
        gone = (bare & ~elsewhere & (fields["nucleus_moment_2"] > 0) & (not self.wetted)).astype(float)
        if not self.grid.max(gone):
            return {}
        return {name: -gone * fields[name] for name in (*MOMENTS, "nucleated_extent")}

    def _handed_over(self, fields: Fields, contact: Contact) -> dict[str, Array]:
        """Columns of cells that become a film (collective)."""
        held, gap, room = self._films(fields, contact)
        full = ((held >= room) & (self._column_potential(fields, contact) >= 0)).astype(float)
        if not self.grid.max(full):
            return {}
        changes = {
            "lithium": full * (1 - fields["lithium"]),
            "occupancy": full * (held / gap - fields["occupancy"]),
            "nucleated_lithium": -full * fields["nucleated_lithium"],
        }
        if self.film:
            changes[BENEATH] = -full * fields[BENEATH]
            changes[FILM_SHARE] = full * (self._behind_film(fields, contact) - fields[FILM_SHARE])
        return changes

    def _column_potential(self, fields: Fields, contact: Contact) -> Array:
        """Potential of columns of cells at the contact, V times its share (collective)."""
        return self.grid.columns(contact.area_density * fields["potential"] * self.grid.spacing[-1])

    def _too_thin(self, fields: Fields, contact: Contact) -> Array:
        """Li per area of the contact that is too thin to touch, m, 0 in columns where it is not (collective)."""
        grid, dz = self.grid, self.grid.spacing[-1]
        left, gap = grid.columns(contact.metal * fields["occupancy"] * dz), grid.columns(contact.metal * dz)
        potential = self._column_potential(fields, contact)
        lost = touching.share(touching.weight(grid, contact, fields["lithium"])) < LOST
        bears = self._facing(contact)[..., :1] > 0.5
        thin = lost & bears & (potential < 0) & (left < gap) & (left > NO_LITHIUM)
        return np.where(thin, left / grid.columns(contact.area_density * dz), 0.0)

    def _handed_back(self, fields: Fields, left: Array) -> dict[str, Array]:
        """What is too thin is Li per area again (collective)."""
        if not self.grid.max(left):
            return {}
        back, behind = (left > 0).astype(float), fields[FILM_SHARE] if self.film else np.zeros(())
        full = WETTED / self.parameters.overlap(np.ones(()))
        second = back * (1 - behind) * np.maximum(full - fields["nucleus_moment_2"], 0.0)
        after = extent(self.parameters.overlap(fields["nucleus_moment_2"] + second), self.seen)
        changes = {
            "lithium": -back * fields["lithium"],
            "occupancy": -back * fields["occupancy"],
            "nucleated_lithium": (1 - behind) * np.broadcast_to(left, self.grid.local_shape),
            "nucleus_moment_2": second,
            "nucleated_extent": back * (after - fields["nucleated_extent"]),
        }
        return changes | {BENEATH: behind * np.broadcast_to(left, self.grid.local_shape)} if self.film else changes

    def _behind_film(self, fields: Fields, contact: Contact) -> Array:
        """w_f of columns of cells (collective)."""
        share = (1 - self._share(fields)) * (fields[BENEATH] > NO_LITHIUM)
        return self.grid.columns(contact.area * share) / self.grid.columns(contact.area)

    def _films(self, fields: Fields, contact: Contact) -> tuple[Array, Array, Array]:
        """Li in columns of cells with their nuclei, the gap, and how much they hold as nuclei, m (collective)."""
        grid, dz = self.grid, self.grid.spacing[-1]
        thickness, share = fields["nucleated_lithium"], self._share(fields)
        if self.film:
            thickness, share = thickness + fields[BENEATH], np.where(fields[BENEATH] > NO_LITHIUM, 1.0, share)
        own = grid.columns(contact.area_density * thickness * dz)
        covered = grid.columns(contact.area * share) > FULL * grid.columns(contact.area)
        held = own + grid.columns(contact.metal * fields["occupancy"] * dz)
        gap = grid.columns(contact.metal * dz)
        return held, gap, np.where(own > NO_LITHIUM, np.where(covered, gap, HEAPED * gap), np.inf)

    def largest_step(self, state: State, contact: Contact) -> float:
        """In which no film that is about to fill its gap outgrows it, s (collective)."""
        held, gap, room = self._films(state, contact)
        current, _ = kinetics.transfer_current(
            self.kinetics, state["potential"], np.zeros(()), self.exchange, np.ones(())
        )
        current = current * bare_share(self.grid, state, contact)  # beneath a collector that is lifted none grows
        speed = self.parameters.volume_per_charge * np.max(current, axis=-1, keepdims=True, initial=0.0)
        needed = np.maximum(room - held, OUTGROWN * gap) / np.maximum(speed, np.finfo(float).tiny)
        return -self.grid.max(-needed)

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        names = ("nucleus_density", "nucleated_lithium")
        return {name: state[name].copy() for name in names} | {"nucleated_share": self._share(state)}

    def _share(self, fields: Fields) -> Array:
        """X in the cells."""
        return nucleation.coverage(self.parameters.overlap(fields["nucleus_moment_2"]))
