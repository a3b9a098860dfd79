"""The section [collector] of a case file: a current collector that moves, in a cell that starts without lithium.

Without this section the Li goes on below the box (`domain.lithium_thickness`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ValidationInfo

from solver.case.cathode import Cathode
from solver.case.materials import material_of, shelf_of
from solver.case.seed import SeedLayer, with_host
from solver.case.segments import Segment
from solver.case.surface import MeasuredProfile, surface_problems
from solver.case.types import (
    Angle,
    BarrierSpread,
    BendingStiffness,
    BirthRate,
    Extent,
    Length,
    NucleusAngle,
    Problem,
    PseudoCapacitance,
    Section,
    Seed,
    SiteDensity,
    Width,
    key,
    problem_error,
    required,
    resolved,
)
from solver.constants import FARADAY
from solver.laws.bare_contact import BareContact

if TYPE_CHECKING:
    from solver.case.schema import Case

DEFAULT_CONTACT_ANGLE = math.pi / 2  # rad
WIDTHS_BELOW = 12.0  # widths lambda of collector that the box holds at the end of its way
RANDOM_RELIEF = 6.0  # amplitudes between the deepest and the highest place of a random surface, about


class Roughness(Section):
    """A rough surface: a random height with a Gaussian correlation."""

    amplitude: Width = required("root-mean-square height")
    correlation_length: Length = required("correlation length along the contact")
    seed: Seed = key(1, "seed of the random field")

    @property
    def relief(self) -> float:
        """Height from the deepest to the highest place, about, m."""
        return RANDOM_RELIEF * self.amplitude


class Nuclei(Section):
    """Islands at random places."""

    spacing: Length = required("mean distance: in 3-D there is one to each square of this side")
    radius: Length = required("radius (half the width in 2-D)")
    seed: Seed = key(1, "seed of the places")


class Nucleation(Section):
    """Li that is born on the bare collector from the current."""

    contact_angle: NucleusAngle = resolved(
        "effective contact angle of the nuclei, in their barrier and shape; default that of interface.film's material, "
        "without a film that of collector.material"
    )
    capacitance: PseudoCapacitance = key("2430 F/m^2", "pseudo-capacitance of the bare contact near 0 V")
    birth_rate: BirthRate = key("1e19 1/(m^2*s)", "births per area and time without a barrier")
    sites: SiteDensity | None = key(None, "places where nuclei can be born, per area; no bound without it")
    spread: BarrierSpread = key(0.0, "standard deviation of the logarithm of the effective surface energy")
    correlation_length: Length = key("1 um", "correlation length of the spread along the contact")
    numbers: Literal["mean", "poisson"] = key(
        "mean", "births in each column of cells: what is expected there, or whole numbers at random (3-D only)"
    )
    seed: Seed = key(1, "seed of the spread and of random numbers")


class Collector(Section):
    """A current collector that the platen moves, rigid unless it bends."""

    material: Annotated[str, material_of("film")] | None = key(None, "name of its surface's material")
    contact_angle: Angle = resolved("contact angle of Li on the collector; default that of its material, else 90 deg")
    gap: Width | None = resolved(
        "smallest distance from the electrolyte at the start; default the largest height that lithium.film or "
        "lithium.profile gives the Li, else that at which the bare collector bears the stack pressure"
    )
    room: Extent | None = resolved(
        "extent of the box below the contact; default what protocol and cathode can plate, the gap, the relief of "
        "rough surfaces and 12 interface.width"
    )
    bending_stiffness: BendingStiffness | None = key(
        None,
        "E h^3/(12 (1 - nu^2)) of a foil of the thickness h that bends, with mechanics.buffer as its bedding; "
        "rigid without it",
    )
    roughness: Roughness | None = key(None, "rough surface of the collector; flat without it")
    profile: MeasuredProfile | None = key(None, "measured surface of the collector, its height towards the electrolyte")
    nuclei: Nuclei | None = key(None, "Li islands at random places at the start; none without it")
    nucleation: Nucleation | None = key(None, "nuclei that are born from the current; none without it")
    seed: SeedLayer | None = key(None, "layer that takes Li as an alloy; none without it")

    @property
    def relief(self) -> float:
        """Height of the collector's surface from the deepest to the highest place, m."""
        table = self.profile.table if self.profile else None
        if table is not None:
            return max(table.height) - min(table.height)
        return self.roughness.relief if self.roughness else 0.0

    def problems(self, case: Case) -> Iterable[Problem]:
        yield from self._start(case)
        yield from self._surface(case)
        if self.seed is not None:
            yield from self.seed.problems(case)
        if not case.domain.lateral_extents:
            for name in ("roughness", "profile", "nuclei"):
                if getattr(self, name) is not None:
                    wrong = "a 1-D case has nothing along the contact"
                    yield Problem(f"collector.{name}", wrong, "this table only when domain.dimension is 2 or 3")
        if self.bending_stiffness is not None and not case.domain.lateral_extents:
            wrong = "a 1-D case has nothing along the contact"
            yield Problem("collector.bending_stiffness", wrong, "this key only when domain.dimension is 2 or 3")
        if self.nucleation is not None and case.interface.film and case.interface.film.permeance is None:
            wrong = "missing, and its material has none; it says on which side of the film Li goes"
            yield Problem("interface.film.permeance", wrong, "a permeance > 0 m/s beside collector.nucleation")
        if self.nucleation is not None and self.nucleation.spread and not case.domain.lateral_extents:
            wrong = "a spread along the contact in a 1-D case"
            yield Problem("collector.nucleation.spread", wrong, "0, or domain.dimension 2 or 3")
        if self.nucleation is not None and self.nucleation.numbers == "poisson" and case.domain.dimension != 3:
            wrong = f"whole numbers of nuclei where a {case.domain.dimension}-D case has no area of a cell"
            yield Problem("collector.nucleation.numbers", wrong, "'mean', or domain.dimension 3")
        wetted = self.seed is not None and self.seed.one_phase and case.interface.film is None
        if self.nucleation is not None and self.nucleation.numbers == "poisson" and wetted:
            wrong = "no Li is born on a seed that goes on into Li as one phase"
            yield Problem("collector.nucleation.numbers", wrong, "'mean' beside such a seed")
        if "lithium_thickness" in case.domain.model_fields_set:
            wrong = "below the contact is the collector, not a thick electrode of Li"
            allowed = "no such key beside [collector]; collector.room is its room"
            yield Problem("domain.lithium_thickness", wrong, allowed)
        if case.lithium.voids:
            yield Problem("lithium.voids", "voids in a cell that starts without Li", "no voids beside [collector]")
        if not case.mechanics.platen:
            yield Problem("mechanics.platen", "a collector without a platen to move it", "true beside [collector]")

    def _surface(self, case: Case) -> Iterator[Problem]:
        if self.profile is None or not case.domain.lateral_extents:
            return
        if self.roughness is not None:
            yield Problem("collector.roughness", "beside collector.profile", "a measured or a random surface")
        periodic = case.domain.lateral == "periodic"
        extents, width = case.domain.lateral_extents, case.interface.width
        yield from surface_problems(self.profile.table, "collector.profile.file", extents, width, periodic)

    def _start(self, case: Case) -> Iterator[Problem]:
        li = case.lithium
        given = {"film": li.film, "profile": li.profile, "islands": li.islands or self.nuclei}
        found = [f"lithium.{name}" for name, value in given.items() if value]
        if not found and self.nucleation is None:
            wrong = "there is no Li to start from, and none is born"
            allowed = "collector.nucleation, collector.nuclei, lithium.film, lithium.islands or lithium.profile"
            yield Problem("collector", wrong, allowed)
        if len(found) > 1:
            wrong = "islands in a film" if li.profile is None else "beside a film or islands"
            yield Problem(found[0] if li.profile is None else "lithium.profile", wrong, "a film, islands or a profile")
        if li.film is not None and self.gap != li.film:
            yield Problem("collector.gap", "another distance than the thickness of the film between", "no such key")


def with_material_data(collector: Collector, info: ValidationInfo) -> Collector:
    """The collector with its seed and its contact angles, those of its material where the case gives none."""
    material = shelf_of(info).load(collector.material).properties if collector.material else {}
    angle, nucleation = collector.contact_angle, collector.nucleation
    if angle is None:
        angle = material["contact_angle"].value if "contact_angle" in material else DEFAULT_CONTACT_ANGLE
    if nucleation is not None and nucleation.contact_angle is None:
        film, own = info.data["interface"].film, collector.seed
        bearing, where = material, "collector.material"
        if film is not None:
            bearing, where = shelf_of(info).load(film.material).properties, "interface.film.material"
        elif own is not None and "nucleus_angle" in (host := shelf_of(info).load(own.material).properties):
            bearing = host
        if "nucleus_angle" not in bearing:
            wrong = f"missing, and there is no {where} that has a nucleus_angle"
            raise problem_error([Problem("collector.nucleation.contact_angle", wrong, "an angle > 0 and < 180 deg")])
        nucleation = nucleation.model_copy(update={"contact_angle": bearing["nucleus_angle"].value})
    seed = collector.seed and with_host(collector.seed, info)
    return collector.model_copy(update={"contact_angle": angle, "nucleation": nucleation, "seed": seed})


def with_room(
    collector: Collector,
    protocol: Iterable[Segment],
    *,
    cathode: Cathode | None,
    molar_volume: float,
    width: float,
    lithium: float | None,
    pressure: float,
    relief: float,
) -> Collector:
    """The collector with what it leaves open.

    cathode: whose Li can be plated, None for any amount; width lambda m, largest height of the Li at the
    start m, None where it does not say; stack pressure Pa, relief of electrolyte m.
    """
    gap, room = collector.gap, collector.room
    if gap is None:
        gap = BareContact(width).gap_under(pressure) if lithium is None else lithium
    if room is None:
        plated = most_plated(protocol, cathode)
        room = plated * molar_volume / FARADAY + gap + relief + collector.relief + WIDTHS_BELOW * width
        if not math.isfinite(room):
            wrong = "missing; the protocol does not say how much it can plate"
            raise problem_error([Problem("collector.room", wrong, "the way of the collector, and some more")])
    return collector.model_copy(update={"gap": gap, "room": room})


def most_plated(segments: Iterable[Segment], cathode: Cathode | None = None) -> float:
    """Largest charge that segments, one after the other, can have plated, C/m^2; inf if nothing bounds it.

    A full cell that is held at a voltage plates until the cathode has it at rest, and if it has more it discharges.
    """
    most = now = 0.0
    for segment in segments:
        after = max(0.0, now + largest_charge(segment))
        if cathode and segment.kind == "potentiostatic" and segment.cell_voltage is not None:
            after = min(after, max(now, cathode.charge_at(segment.cell_voltage)))
        now = min(after, cathode.lithium) if cathode else after
        most = max(most, now)
    return most


def largest_charge(segment: Segment) -> float:
    """Charge of a segment, positive plates, at most, C/m^2."""
    if segment.times:
        pairs = zip(segment.times, segment.times[1:], segment.currents, segment.currents[1:], strict=False)
        return sum(0.5 * (b - a) * (i + j) for a, b, i, j in pairs)
    current = segment.current_density
    sign = math.copysign(1.0, current if current is not None else segment.voltage or 0.0)
    bounds = [segment.capacity if segment.capacity is not None else math.inf]
    if current is not None and segment.duration is not None:
        bounds.append(abs(current) * segment.duration)
    return sign * min(bounds)
