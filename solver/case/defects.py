"""The defect network of the electrolyte in a case file: tables `defects`, and `geometry` for those of a mesh.

Grain boundaries and the prospective paths of flaws are intact walls that Li must separate; cracks and pores are
open. An opening is the true distance of the walls, which is much smaller than the channel that the grid resolves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from solver.case.types import (
    Length,
    MeshUnit,
    Position,
    Problem,
    Section,
    Seed,
    Switch,
    key,
    problem_error,
    required,
    resolved,
)
from solver.units import Integer, Number, Quantity, Usual, ValueRefused, nearest

# of grain boundaries of Li6PS5Cl: both together on two critical current densities, cases/ccd/README.md
CALIBRATED_OPENING, CALIBRATED_ENERGY = "14.6 nm", "2.80 J/m^2"
ELASTIC = 0.0  # as an opening: the opening follows from the stress on the flaw


@dataclass(frozen=True, kw_only=True)
class _Opening(Quantity):
    """A length > 0, or the word 'elastic', which is `ELASTIC` in a case."""

    def allowed(self) -> str:
        """What is allowed, for messages and documentation."""
        return f"{super().allowed()}, or 'elastic'"

    def parse(self, value: object) -> float:
        """The value in SI; raises ValueRefused."""
        if value == "elastic":
            return ELASTIC
        try:
            return super().parse(value)
        except ValueRefused as error:
            suggestion = error.suggestion or (nearest(value, ["elastic"]) if isinstance(value, str) else "")
            raise ValueRefused(error.wrong, error.allowed, suggestion) from None

    def text(self, value: float) -> str:
        """A short text for people."""
        return "elastic" if value == ELASTIC else super().text(value)

    def si_text(self, values: Sequence[float], more: str = "") -> str:
        """The same in SI."""
        return "elastic" if tuple(values) == (ELASTIC,) else super().si_text(values, more)

    def exact(self, value: float) -> str:
        """What goes into a file; reads back as the same float."""
        return "elastic" if value == ELASTIC else super().exact(value)


_NARROW = Usual("0.2 nm", "10 um", "less than the distance between atoms; wider than the pores of a pellet")
_ENERGIES = Usual("0.001 J/m^2", "100 J/m^2", "van der Waals forces give 0.05 J/m^2; tough ceramics break at 50 J/m^2")
Opening = Annotated[float, _Opening("m", show="nm", what="length", gt=0, usual=_NARROW)]
Gap = Annotated[float, Quantity("m", show="nm", what="length", gt=0, usual=_NARROW)]
SeparationEnergy = Annotated[float, Quantity("J/m^2", what="separation energy", ge=0, usual=_ENERGIES)]
BulkEnergy = Annotated[float, Quantity("J/m^2", what="separation energy", ge=0)]
Depth = Annotated[
    float, Quantity("m", show="um", what="depth", ge=0, usual=Usual("0.3 nm", "5 mm", "an atom; a thick pellet"))
]
Tilt = Annotated[float, Quantity("rad", show="deg", what="angle", ge=-90, le=90)]
LargestTilt = Annotated[float, Quantity("rad", show="deg", what="angle", ge=0, le=90)]
Azimuth = Annotated[float, Quantity("rad", show="deg", what="angle", ge=-360, le=360)]
LayerIndex = Annotated[int, Integer(ge=0, le=9999)]
Sigma = Annotated[float, Number(ge=0, le=3)]  # 3: the mean volume of spheres is 4e17 times the median one
VolumeFraction = Annotated[float, Number(gt=0, le=0.5)]

_OPENING = "true distance of the walls once Li has separated them"
_SEPARATION = "energy per area to separate the walls"
_SPREAD = "standard deviation of the logarithm of the opening, whose median is `opening`, from {} to {}"


def ball_volume(dim: int, radius: float) -> float:
    """Volume of a sphere, area of a circle, m^dim."""
    return math.pi ** (dim / 2) / math.gamma(dim / 2 + 1) * radius**dim


class Bulk(Section):
    """All of the electrolyte can be filled; for verification."""

    kind: Literal["bulk"] = required("all of the electrolyte can be filled, for verification")
    separation_energy: BulkEnergy = key("0 J/m^2", "energy per area to separate it, over an opening of 1 m")
    flaw_depth: Depth = key("0 um", "filled with Li down to this depth from the start")


class GrainBoundaries(Section):
    """Boundaries of the grains of a Voronoi tessellation: intact walls, or open ones as in a pressed powder."""

    kind: Literal["grain_boundaries"] = required("boundaries of the grains of a Voronoi tessellation")
    grain_size: Length = required(
        "diameter of the circle (2-D) or sphere (3-D) that has the mean area or volume of the grains"
    )
    seed: Seed = key(1, "seed of the tessellation and of the openings")
    open: Switch = key(False, "open and empty at the start, as cracks are")
    opening: Gap = key(CALIBRATED_OPENING, f"{_OPENING}; where they are open their distance from the start")
    opening_sigma: Sigma = key(0.0, _SPREAD.format("boundary", "boundary"))
    separation_energy: SeparationEnergy = key(CALIBRATED_ENERGY, f"{_SEPARATION}; not used where they are open")
    layers: tuple[LayerIndex, ...] | None = key(
        None, "layers of the electrolyte, counted from 0 at the contact, that have them; all without it"
    )
    flaw_depth: Depth = key(
        "0 um", "boundaries are separated and filled with Li down to this depth from the start"
    )

    @property
    def margin(self) -> float:
        """Distance by which the tessellation goes beyond the electrolyte, so that it looks alike at its ends, m."""
        return 2 * self.grain_size

    def count(self, dim: int, contact_area: float, thickness: float) -> int:
        """Number of grains, with those in the margin."""
        volume = contact_area * (thickness + 2 * self.margin)
        return max(1, round(volume / ball_volume(dim, self.grain_size / 2)))


class Flaws(Section):
    """Planes normal to the contact and to x: open down to a depth, prospective paths of a crack beyond."""

    kind: Literal["flaws"] = required("planes normal to the contact at regular distances")
    spacing: Length = required("distance of the planes along x; in 1-D the width that the one column stands for")
    position: Position | None = resolved("x of one of the planes; default half the spacing", by_itself=True)
    depth: Depth = required("depth down to which they are separated and filled with Li from the start")
    opening: Opening = key(CALIBRATED_OPENING, f"{_OPENING}; 'elastic': from the stress on a flaw of this depth")
    separation_energy: SeparationEnergy = key(CALIBRATED_ENERGY, _SEPARATION)

    @property
    def opens_elastically(self) -> bool:
        """Whether the opening follows from the stress; then `opening` is no length."""
        return self.opening == ELASTIC

    @field_validator("position", mode="after")
    @classmethod
    def _resolve_position(cls, position: float | None, info: ValidationInfo) -> float | None:
        spacing = info.data.get("spacing")
        return spacing / 2 if position is None and spacing is not None else position


class Crack(Section):
    """A straight crack."""

    position: tuple[Position, ...] = required(
        "lower end: x and z in 2-D, x, y and z in 3-D; z = 0 at the contact"
    )
    length: Length = required(
        "length; in 3-D the radius of a half-disc about a position at the contact, else the diameter of a disc"
    )
    angle: Tilt = key("0 deg", "angle between crack and contact normal, positive towards x")
    azimuth: Azimuth = key("0 deg", "direction along the contact, from x to y, into which a 3-D crack is tilted")
    opening: Gap = key("20 nm", "distance of the walls")


class Cracks(Section):
    """Cracks at given places, open and empty at the start."""

    kind: Literal["cracks"] = required("straight cracks, open and empty at the start")
    cracks: tuple[Crack, ...] = Field(min_length=1, description="the cracks")


class RandomCracks(Section):
    """Cracks at random places, open and empty at the start."""

    kind: Literal["random_cracks"] = required("straight cracks at random, open and empty at the start")
    place: Literal["contact", "bulk"] = key("contact", "whether they start from the contact or lie in the bulk")
    mean_spacing: Length = required(
        "s: one crack per s (2-D) or s^2 (3-D) of the contact, or per s^2 or s^3 of the bulk"
    )
    median_length: Length = required("median of their lengths, which are log-normal")
    sigma: Sigma = key(0.4, "standard deviation of the logarithm of the length")
    largest_angle: LargestTilt = key(
        "30 deg", "angles to the contact normal are uniform up to this one; azimuths are uniform"
    )
    opening: Gap = key("20 nm", "distance of the walls")
    opening_sigma: Sigma = key(0.0, _SPREAD.format("crack", "crack"))
    seed: Seed = key(1, "seed of places, lengths, angles and openings")

    def count(self, dim: int, contact_area: float, thickness: float) -> int:
        """Number of cracks, one at least."""
        if self.place == "contact":
            return max(1, round(contact_area / self.mean_spacing ** (dim - 1)))
        return max(1, round(contact_area * thickness / self.mean_spacing**dim))


class Pore(Section):
    """A pore of the electrolyte."""

    centre: tuple[Position, ...] = required("centre: x and z in 2-D, x, y and z in 3-D; z = 0 at the contact")
    radius: Length = required("radius")


class Pores(Section):
    """Pores at given places, open and empty at the start."""

    kind: Literal["pores"] = required("round pores, open and empty at the start")
    pores: tuple[Pore, ...] = Field(min_length=1, description="the pores")


class RandomPores(Section):
    """Pores at random places, open and empty at the start."""

    kind: Literal["random_pores"] = required("round pores at random, open and empty at the start")
    volume_fraction: VolumeFraction | None = key(
        None, "expected sum of their volumes over that of the electrolyte; this or mean_spacing"
    )
    mean_spacing: Length | None = key(None, "s: one pore per s^2 (2-D) or s^3 (3-D); this or volume_fraction")
    median_radius: Length = required("median of their radii, which are log-normal")
    sigma: Sigma = key(0.4, "standard deviation of the logarithm of the radius")
    seed: Seed = key(1, "seed of places and radii")

    @model_validator(mode="after")
    def _one_number(self) -> RandomPores:
        if (self.volume_fraction is None) == (self.mean_spacing is None):
            wrong = "how many pores: volume_fraction and mean_spacing are both given, or both missing"
            raise ValueRefused(wrong, "exactly one of volume_fraction and mean_spacing").for_pydantic()
        return self

    def count(self, dim: int, contact_area: float, thickness: float) -> int:
        """Number of pores, one at least; <r^n> = median^n exp(n^2 sigma^2 / 2)."""
        if self.mean_spacing is not None:
            return max(1, round(contact_area * thickness / self.mean_spacing**dim))
        mean = ball_volume(dim, self.median_radius) * math.exp(0.5 * (dim * self.sigma) ** 2)
        return max(1, round(float(self.volume_fraction or 0.0) * contact_area * thickness / mean))


AnyDefect = Annotated[
    Bulk | GrainBoundaries | Flaws | Cracks | RandomCracks | Pores | RandomPores,
    Field(discriminator="kind"),
]


class MeshGroup(Section):
    """What a physical group of the mesh is: a group of facets is walls, a group of cells is pores."""

    name: str = required("name of the physical group in the mesh")
    open: Switch = key(False, "open and empty at the start, as cracks are; a group of cells always is")
    opening: Gap = key(CALIBRATED_OPENING, f"{_OPENING}; not used for a group of cells, whose opening is resolved")
    separation_energy: SeparationEnergy = key(CALIBRATED_ENERGY, f"{_SEPARATION}; not used where it is open")


class Geometry(Section):
    """Defects from a mesh."""

    mesh: str | None = key(None, "Gmsh file with defects of the electrolyte, its path relative to the case file")
    unit: MeshUnit = key("1 um", "unit of length of the mesh, whose last coordinate is z")
    groups: tuple[MeshGroup, ...] = key((), "physical groups of the mesh that are defects")

    @model_validator(mode="after")
    def _belongs_together(self, info: ValidationInfo) -> Geometry:
        if (self.mesh is None) != (not self.groups):
            name, wrong = ("groups", "no group of the mesh is used") if self.mesh else ("mesh", "groups without a mesh")
            raise problem_error([Problem(f"geometry.{name}", wrong, "geometry.mesh and geometry.groups together")])
        return self
