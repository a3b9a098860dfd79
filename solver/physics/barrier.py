"""A film on the current collector as the coupled step sees it: Li goes beneath it or is born on top of it.

Where the collector with its film faces the electrolyte and no Li is between them the contact passes

    b [ C d_t phi + S i(phi) + (1 - X) j(phi) ]

    S i   into nuclei on top of the film, which touch the electrolyte (`physics.nucleation`, of which b and X are)
    j     through the film, what nuclei leave free of it: Li is reduced at its outer side and crosses it as atoms,
          phi = eta + j R + (RT/F) ln(a + j/j_P)                            `kinetics.into_alloy`, j_P = F P_Li/Omega

**What lies beneath** is one store: the seed, if there is one, and Li metal of the thickness h_b per area of contact.

    q [x(E) - x_old] + (F/Omega) (h_b - h_old) = b (1 - X) j(phi, E) dt          a step of backward Euler
    E = 0 where h_b > 0,    h_b = 0 where E > 0                                  a = exp(-F E/RT)

So the seed takes all until its surface is full, then the rest is metal, and stripping takes first the metal and then
the seed, both of them in one step where it must. With h* the h_b for E = 0, h_b = max(h*, 0): where h* > 0 the
current is j(phi, 0), else E is the root of `alloy.lithiate`, which begins with what there was of the metal. The two
meet at h* = 0, so that the current is continuous in phi. Without a seed, where h* < 0, all that there was is
stripped, and no more.

**The opening.** Metal begins beneath where the film comes off its collector, which takes the overpotential V_o there,
-E of the full seed, or phi without a seed; neither lets any current through. So where no metal is beneath at the start
of the step the current is that of the seed alone, whose E may fall below 0, and of what opens,

    o j(phi, 0),    (F/Omega) h_b = b (1 - X) o j(phi, 0) dt,    o from 0 at -E = V_o to 1 at V_o + OPENS

In the next step there is metal, and the film is open until that is stripped to nothing. A seed that goes on into Li as
one phase needs no opening. There is no nucleation beneath.

**Hand-over** (`physics.nucleation`). Li beneath covers all that the nuclei do not. Where both fill the gap the column
of cells becomes Li, and remembers

    w_f = 1 - X where there is Li beneath, else 0

the share of its contact that has the film between Li and electrolyte. From then on it passes
w_f j_film + (1 - w_f) j_direct (`transfer`). Once nuclei are a film none is born on top of it. w_f belongs to the
column: Li that is squeezed from one to another takes the w_f of where it goes, which is 1 where none was handed over.
What is handed back beneath the film (Li too thin to be a field) fills the seed at once as far as it goes: E = 0 where
h_b > 0 says nothing of a rate, so it is a jump between two steps and no error of one.

    b     bare share of the contact         X    share that nuclei cover, at the start of the step
    q     charge of the seed per x, C/m^2   E    potential of what lies beneath against Li metal, V (seed: its surface)
    h_b   Li beneath, m                     P_Li permeance of the film, m/s

Li beneath reacts with the electrolyte through what the film leaves uncovered only once it is a field (`interphase`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from solver.domain.contact import Contact
from solver.laws import kinetics, nucleation
from solver.laws.alloy import Alloy
from solver.laws.nucleation import NucleationParameters
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.nucleation import BENEATH, FILM_SHARE, NO_SHARE, bare_share
from solver.physics.part import Column, Part, PartResult, Reaction, StateField, Supply
from solver.physics.seed import Seed, beneath_metal, layers, significant
from solver.physics.step import Step


@dataclass(frozen=True)
class Beneath:
    """potential E, V; lithium h_b, m; current j through the film, A/m^2, and its derivative by phi, S/m^2.

    lowest: E that there was before this, V; deep: of the layers of the seed beneath its surface, along the last axis.
    Both are of the start of a step, and stay in what is found for its end.
    """

    potential: Array
    lithium: Array
    current: Array
    slope: Array
    lowest: Array
    deep: Array


Found = Callable[[Array], Beneath]  # of phi
OPENS = 1e-3  # V beyond the opening, within which all of the film opens


def _part(of: Beneath, chosen: Array) -> Beneath:
    return Beneath(*(values[chosen] for values in vars(of).values()))


@dataclass
class Barrier(Part):
    """The film of a case. kinetics: through it; exchange: i0 in the cells, A/m^2; opening: V_o, V; nuclei: on top.

    alloy: of the seed beneath, None without one; one_phase: whether that goes on into Li.
    """

    grid: Grid
    kinetics: kinetics.KineticsParameters
    exchange: Array
    opening: float
    nuclei: NucleationParameters
    alloy: Alloy | None = None
    one_phase: bool = False
    _last: tuple[Array, Beneath] | None = field(default=None, init=False, repr=False)  # phi, and what it led to

    name = "barrier"
    fields = (StateField(BENEATH), StateField(FILM_SHARE))
    outputs = (
        FieldInfo(BENEATH, "h_b", "m", "thickness of Li beneath the film, of which xi knows nothing yet"),
        FieldInfo(FILM_SHARE, "w_f", "1", "share of the contact of Li that has the film between, of each column"),
    )
    columns = (
        Column("lithium_on_top", "m", "mean thickness of Li that touches the electrolyte beside the film"),
        Column("lithium_beneath", "m", "mean thickness of Li beneath the film"),
    )

    def __post_init__(self) -> None:
        self.supplies = (Supply("lithium", "charge_beneath", self.kinetics.volts_per_pascal),)

    def start(self, contact: Contact) -> dict[str, Array]:
        return {BENEATH: np.zeros(self.grid.local_shape), FILM_SHARE: np.ones(self.grid.local_shape)}

    def lithium(self, fields: Fields, contact: Contact) -> Array:
        return np.asarray(contact.area_density * fields[BENEATH])

    def behind_film(self, fields: Fields) -> Array:
        return fields[FILM_SHARE].copy()

    def free_share(self, state: State, contact: Contact) -> Array:
        """b (1 - X) in the cells, as the step finds it (collective)."""
        covered = nucleation.coverage(self.nuclei.overlap(state["nucleus_moment_2"]))
        return bare_share(self.grid, state, contact) * (1 - covered)

    def covered(self, state: State, contact: Contact) -> Array:
        """Cells in which the seed exchanges Li with metal that is a field and lies beneath the film (collective)."""
        beneath = (state[FILM_SHARE] > 0.5) & (self.alloy is not None)
        return beneath_metal(self.grid, state, contact) & beneath

    def active(self, state: State, contact: Contact) -> Array:
        """Cells in which something goes through the film (collective)."""
        free = self.free_share(state, contact)
        return (free > NO_SHARE) & significant(self.grid, contact) & ~self.covered(state, contact)

    def passes(self, state: State, contact: Contact, dt: float) -> Found:
        """What goes through the film in a step; for the very array that was last looked at it is known (collective)."""
        free, old = self.free_share(state, contact), state[BENEATH].copy()
        active = self.active(state, contact)
        level = state["seed_potential"].copy() if self.alloy else np.zeros_like(old)
        lowest = state["seed_lowest_potential"].copy() if self.alloy else level
        deep = layers(self.alloy, state) if self.alloy else np.empty((*old.shape, 0))
        near = level[active]

        def found(phi: Array) -> Beneath:
            nonlocal near
            if self._last is not None and self._last[0] is phi:
                return self._last[1]
            none = np.zeros_like(old)
            result = Beneath(level.copy(), old.copy(), none, none.copy(), lowest.copy(), deep.copy())
            here = self.find(phi[active], _part(result, active), free[active], self.exchange[active], dt, near)
            near = here.potential
            for name, values in vars(here).items():
                getattr(result, name)[active] = values
            self._last = phi, result
            return result

        return found

    def find(self, phi: Array, before: Beneath, free: Array, exchange: Array, dt: float, guess: Array) -> Beneath:
        """What is beneath at the end of a step; free: b (1 - X); guess: of E there, V."""
        volume, level, time = self.kinetics.volts_per_pascal, np.zeros_like(phi), free * dt
        current, slope, _ = kinetics.into_alloy(self.kinetics, exchange)(phi, level)
        opened = (before.lithium > 0) | self.one_phase
        lithium = before.lithium + volume * time * current
        if self.alloy:
            alloy = self.alloy.within(before.lowest, before.deep, dt)
            taken = alloy.at_end(level)[0] - alloy.at_start(before.potential)
            lithium -= volume * self.alloy.charge_per_composition * taken
        rest = ~(opened & (lithium > 0))
        without = self._without_metal(phi[rest], _part(before, rest), free[rest], exchange[rest], dt, guess[rest])
        # of the metal that comes between film and collector where it opens; -E of a full seed rises as phi does
        beyond = -without.potential - self.opening
        share = np.where(opened[rest], 0.0, np.clip(beyond / OPENS, 0.0, 1.0))
        opening = np.where((share > 0) & (share < 1), 1 / OPENS, 0.0)
        more = share * current[rest]
        slope[rest] = without.slope + share * slope[rest] + opening * current[rest]
        level[rest], lithium[rest] = without.potential, volume * time[rest] * more
        current[rest] = without.current + more
        return Beneath(level, lithium, current, slope, before.lowest, before.deep)

    def _without_metal(
        self, phi: Array, before: Beneath, free: Array, exchange: Array, dt: float, guess: Array
    ) -> Beneath:
        """The same where all metal that there was is gone, into the seed or stripped."""
        volume, time, none = self.kinetics.volts_per_pascal, free * dt, np.zeros_like(phi)
        if not self.alloy:
            return Beneath(-phi, none, -before.lithium / (volume * time), none, before.lowest, before.deep)
        law = kinetics.into_alloy(self.kinetics, exchange)
        charge, alloy = self.alloy.charge_per_composition, self.alloy.within(before.lowest, before.deep, dt)
        given = before.lithium / (volume * charge)
        level, current, slope = alloy.lithiate(before.potential, phi, law, time / charge, given, guess)
        return Beneath(level, none, current, slope, before.lowest, before.deep)

    def reactions(self, state: State, contact: Contact, step: Step) -> list[Reaction]:
        """The current through the film, whose Li stays beneath."""
        passed = self.passes(state, contact, step.dt)

        def law(phi: Array) -> tuple[Array, Array]:
            found = passed(phi)
            return found.current, found.slope

        return [Reaction(law, self.free_share(state, contact), atoms=0.0)]

    def admittance(self, state: State, contact: Contact, omega: float) -> Array | complex:
        """As of a seed, with b (1 - X) for b; j_phi where metal is beneath; nothing passes a film that is closed."""
        free, metal = self.free_share(state, contact), state[BENEATH] > 0
        level = np.where(metal, 0.0, state["seed_potential"]) if self.alloy else np.zeros_like(free)
        _, rise, by_alloy = kinetics.into_alloy(self.kinetics, self.exchange)(state["potential"].copy(), level)
        storing = np.zeros_like(rise, complex)
        if self.alloy:
            alloy = self.alloy.within(state["seed_lowest_potential"], layers(self.alloy, state), 0.0)
            storing += 1j * omega * self.alloy.charge_per_composition * alloy.response(level, omega)
        series = np.divide(storing, storing + free * by_alloy, out=np.zeros_like(storing), where=storing != 0)
        return np.asarray(contact.area * free * rise * np.where(metal, 1.0, series))

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        found = self.passes(state, contact, step.dt)(new["potential"])
        share, volume = state[FILM_SHARE], contact.metal * new["occupancy"] * self.grid.volume
        charge, beneath, on_top = self.grid.sums(
            contact.area * self.free_share(state, contact) * found.current * step.dt,
            contact.area * found.lithium + share * volume,
            contact.area * new["nucleated_lithium"] + (1 - share) * volume,
        )
        area = self.grid.lateral_area
        measured = {
            "charge_beneath": charge / area,
            "lithium_beneath": beneath / area,
            "lithium_on_top": on_top / area,
        }
        return PartResult({BENEATH: found.lithium, FILM_SHARE: share.copy()}, measured)

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        return {name: state[name].copy() for name in (BENEATH, FILM_SHARE)}


@dataclass
class SeedBeneath(Seed):
    """A seed beneath a film: what it takes is of the barrier, and so is the current."""

    barrier: Barrier | None = None

    def __post_init__(self) -> None:
        """Its supply is that of the barrier."""
        self._with_layers()

    def covered(self, state: State, contact: Contact) -> Array:
        assert self.barrier is not None
        return self.barrier.covered(state, contact)

    def reactions(self, state: State, contact: Contact, step: Step) -> list[Reaction]:
        return []

    def jump(self, fields: Fields, contact: Contact) -> dict[str, Array]:
        """Metal that is handed back goes into the seed until that is at E = 0, or the metal used up."""
        back = (fields[BENEATH] > 0) & (fields["seed_potential"] > 0) & significant(self.grid, contact)
        if not self.grid.max(back):
            return {}
        metal, old, host = fields[BENEATH][back], fields["seed_potential"][back], self._host(fields, back, 0.0)
        per_composition, none = self.kinetics.volts_per_pascal * host.charge_per_composition, np.zeros_like(old)
        wanted = per_composition * (host.at_end(none)[0] - host.at_start(old))
        enough = wanted <= metal
        level, *_ = host.lithiate(old, none, lambda *_: (none, none, none), none, metal / per_composition)
        potential = np.where(enough, 0.0, level)
        composition, _, deep = host.at_end(potential)
        new = self._changed(fields, back, potential, composition, deep)
        new["seed_lowest_potential"] = np.minimum(fields["seed_lowest_potential"], new["seed_potential"])
        changes = {name: values - fields[name] for name, values in new.items()}
        changes[BENEATH] = np.zeros(self.grid.local_shape)
        changes[BENEATH][back] = np.where(enough, -wanted, -metal)
        return changes

    def admittance(self, state: State, contact: Contact, omega: float) -> Array | complex:
        return 0.0

    def _found(
        self, state: State, new: Mapping[str, Array], contact: Contact, dt: float
    ) -> tuple[Array, Array, Array]:
        assert self.barrier is not None
        found, active = self.barrier.passes(state, contact, dt)(new["potential"]), self.barrier.active(state, contact)
        return active, found.potential, np.zeros_like(found.potential)
