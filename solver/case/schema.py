"""The case: every key that a case file may have, with unit, meaning, range and default.

A case file is TOML. Dimensional values are text with a unit ("1.0 mA/cm^2"); in a `Case` they are floats in
SI (m, s, K, Pa, V, A/m^2, C/m^2, rad). A `Case` is immutable and complete: what a file leaves out has been
filled in, from the defaults below, from the material data, or from other keys. `solver.case.io` reads files;
`solver.case.segments` turns the protocol into what the time loop needs.

The z axis is the normal of the contact: z < 0 in the Li, z > 0 in the electrolyte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from solver.case.cathode import Cathode, with_curve
from solver.case.checks import find_problems
from solver.case.collector import Collector, Roughness, with_material_data, with_room
from solver.case.defects import AnyDefect, Geometry
from solver.case.filament import WIDTHS_PER_CHANNEL, Filament
from solver.case.interphase import Interphase, with_reaction
from solver.case.materials import (
    ElectrolyteLayer,
    Film,
    Lithium,
    WithMaterials,
    exchange_current_density,
    material_contact_angle,
    with_film_material,
    with_layer_material,
    with_material,
)
from solver.case.mechanics import Mechanics
from solver.case.numerics import SolverOptions, TimeOptions
from solver.case.protocol import AnySegment, resolve_segments
from solver.case.segments import unroll
from solver.case.surface import MeasuredProfile
from solver.case.types import (
    Angle,
    Capacitance,
    CellSize,
    CurrentDensity,
    ExchangeCurrentDensity,
    Extent,
    Growth,
    InterfaceWidth,
    Interval,
    Kept,
    Length,
    PatchFactor,
    Position,
    Pressure,
    Problem,
    Resistance,
    Section,
    Seed,
    Spread,
    Temperature,
    Transfer,
    Voltage,
    WideCellSize,
    key,
    problem_error,
    required,
    resolved,
)
from solver.units import ValueRefused

DEFAULT_WIDTH = 20e-6  # m
DEFAULT_CONTACT_ANGLE = math.pi / 2  # rad; none is measured for Li on Li6PS5Cl

FieldName = Literal[
    "lithium",
    "occupancy",
    "potential",
    "electrolyte",
    "metal",
    "void",
    "local_current_density",
    "exchange_current_density",
    "velocity",
    "pressure",
    "stress",
    "von_mises_stress",
    "largest_principal_stress",
    "contact_pressure",
    "displacement",
    "dead_lithium",
    "filament",
    "defect",
    "opening",
    "infiltration_pressure",
    "collector",
    "gap",
    "lithium_thickness",
    "nucleus_density",
    "nucleated_share",
    "nucleated_lithium",
    "interphase_thickness",
    "barrier_lithium",
    "barrier_share",
    "seed_composition",
    "seed_potential",
    "host_height",
]
ALL_FIELDS: tuple[FieldName, ...] = get_args(FieldName)


def _whole_number(value: object) -> object:
    """Refuse true and 2.0, which Python takes for 1 and 2."""
    if type(value) is not int:
        raise ValueRefused("not a whole number", "a whole number").for_pydantic()
    return value


class Domain(Section):
    """The box that is computed."""

    dimension: Annotated[Literal[1, 2, 3], BeforeValidator(_whole_number)] = key(
        2, "number of space dimensions"
    )
    width: Extent | None = resolved("extent along x; default 20 um in 2-D and 3-D, not used in 1-D", by_itself=True)
    depth: Extent | None = resolved("extent along y; default the width in 3-D, not used otherwise", by_itself=True)
    lithium_thickness: Extent = key("30 um", "extent of the Li below the contact")
    lateral: Literal["periodic", "symmetric"] = key("periodic", "what the lateral sides are")

    @property
    def lateral_extents(self) -> tuple[float, ...]:
        """Extents along x and y in m, as many as there are lateral axes."""
        return tuple(extent for extent in (self.width, self.depth) if extent is not None)

    @field_validator("width", mode="after")
    @classmethod
    def _resolve_width(cls, width: float | None, info: ValidationInfo) -> float | None:
        return DEFAULT_WIDTH if width is None and info.data.get("dimension", 1) > 1 else width

    @field_validator("depth", mode="after")
    @classmethod
    def _resolve_depth(cls, depth: float | None, info: ValidationInfo) -> float | None:
        return info.data.get("width") if depth is None and info.data.get("dimension", 1) == 3 else depth


class GridOptions(Section):
    """The grid."""

    spacing: CellSize = resolved(
        "size of the cells near the contact and along the contact; default interface.width / 2"
    )
    fine_depth: WideCellSize = key(
        "4 um",
        "distance from the contact, on both sides, over which the cells have this size; "
        "with defects they have it in the electrolyte up to filament.short_depth",
    )
    growth: Growth = key(1.1, "ratio of neighbouring cells further away")
    max_spacing: WideCellSize = key("1 um", "largest size of the cells along the normal")


class RandomHeterogeneity(Section):
    """Log-normal factor on the exchange current density."""

    kind: Literal["random"] = required("random field")
    sigma: Spread = key(0.8, "standard deviation of the logarithm of the exchange current density")
    correlation_length: Length = key("1.5 um", "correlation length along the contact")
    seed: Seed = key(1, "seed of the random field")


class Patch(Section):
    """A disc of the contact with another exchange current density."""

    centre: tuple[Position, ...] = required("position on the contact: x in 2-D, x and y in 3-D")
    radius: Length = required("radius of the patch")
    factor: PatchFactor = required("factor on the exchange current density inside the patch")


class PatchHeterogeneity(Section):
    """Patches of the contact with another exchange current density."""

    kind: Literal["patches"] = required("patches")
    patches: tuple[Patch, ...] = Field(
        min_length=1, description="the patches; where they overlap the last one counts"
    )


class Interface(Section):
    """The contact between Li and electrolyte."""

    width: InterfaceWidth = key(
        "100 nm", "lambda of the diffuse interfaces: the profile is (1 - tanh(x / 2 lambda)) / 2"
    )
    contact_angle: Angle = resolved("contact angle of Li; default that on the material of the film, else 90 deg")
    exchange_current_density: ExchangeCurrentDensity = resolved(
        "mean exchange current density at drive.temperature; default that of the first layer, else 2.5 mA/cm^2"
    )
    transfer_coefficient: Transfer = key(0.5, "anodic transfer coefficient; the cathodic one is 1 minus this")
    double_layer_capacitance: Capacitance = key("0 F/m^2", "double-layer capacitance")
    contact_resistance: Resistance = key(
        "0 ohm*cm^2", "area resistance between Li and electrolyte beside that of interface.film"
    )
    film: Film | None = key(None, "film between Li and electrolyte; none without it")
    roughness: Roughness | None = key(None, "rough electrolyte surface; flat without it")
    heterogeneity: Annotated[RandomHeterogeneity | PatchHeterogeneity, Field(discriminator="kind")] | None = (
        key(None, "exchange current density that varies along the contact; uniform without it")
    )

    @property
    def area_resistance(self) -> float:
        """Area resistance of all that lies between Li and electrolyte, ohm m^2."""
        return self.contact_resistance + (self.film.resistance if self.film else 0.0)

    @property
    def permeance(self) -> float:
        """Permeance of the film for Li atoms, m/s; infinite where they cross freely."""
        return math.inf if self.film is None or self.film.permeance is None else self.film.permeance


class Drive(Section):
    """What drives the cell."""

    stack_pressure: Pressure = required("stack pressure")
    current_density: CurrentDensity | None = key(
        None, "magnitude of the current density; required when a segment does not give its own"
    )
    temperature: Temperature = key(
        "298.15 K", "temperature; another one needs materials with activation energies, or their values in the case"
    )
    series_resistance: Resistance = key("0 ohm*cm^2", "resistance of the rest of the cell, outside the box")
    voltage_limit: Voltage = key("0.2 V", "magnitude of the cell voltage at which the run ends")


class Output(Section):
    """What is written."""

    interval: Interval = key("60 s", "time between snapshots")
    fields: tuple[FieldName, ...] = key(ALL_FIELDS, "fields in the snapshots")
    precision: Literal["single", "double"] = key("single", "of the fields in the snapshots; checkpoints have double")
    checkpoint_interval: Interval = key("10 min", "wall-clock time between checkpoints")
    keep_checkpoints: Kept = key(2, "number of checkpoints that are kept")


@dataclass(frozen=True)
class Source:
    """Where a case came from: text and path ("" if none) of its file, overrides, the keys it gives.

    digest: hash of what it says, of the files that it names, and of its materials that are not installed.
    data: the table itself, overrides and these materials put in; directory: where relative files are.
    materials: the files of those materials that lie beside the case.
    """

    text: str
    path: str = ""
    overrides: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    digest: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    directory: str = "."
    materials: tuple[Path, ...] = ()


class Case(WithMaterials):
    """A complete case in SI units. Sections that others depend on come first."""

    schema_version: Annotated[Literal[1], BeforeValidator(_whole_number)] = required("version of this schema")
    title: str = key("", "title of the case, for pictures and tables")
    domain: Domain = Field(default_factory=Domain, description="the box")
    drive: Drive = required("what drives the cell")
    defects: tuple[AnyDefect, ...] = key((), "defects of the electrolyte that Li can fill")
    geometry: Geometry = Field(default_factory=Geometry, description="defects from a mesh")
    electrolyte: tuple[ElectrolyteLayer, ...] = Field(
        default_factory=lambda: (ElectrolyteLayer(),),
        validate_default=True,
        min_length=1,
        description="layers of the electrolyte, from the contact upwards",
    )
    interface: Interface = Field(
        default_factory=Interface, description="the contact between Li and electrolyte", validate_default=True
    )
    grid: GridOptions = Field(default_factory=GridOptions, description="the grid", validate_default=True)
    interphase: Interphase | None = Field(
        default=None, description="Li and electrolyte react where they touch; without it they do not"
    )
    lithium: Lithium = Field(default_factory=Lithium, description="the Li metal", validate_default=True)
    filament: Filament = Field(
        default_factory=Filament, description="Li in the defects of the electrolyte", validate_default=True
    )
    mechanics: Mechanics = Field(default_factory=Mechanics, description="platen, fixture and force balance")
    protocol: tuple[AnySegment, ...] = Field(min_length=1, description="segments, one after the other")
    cathode: Cathode | None = key(None, "the other electrode; without it it gives and takes any charge")
    collector: Collector | None = Field(
        default=None, validate_default=True, description="a collector that moves; without it a thick electrode of Li"
    )
    time: TimeOptions = Field(default_factory=TimeOptions, description="the time step")
    solver: SolverOptions = Field(default_factory=SolverOptions, description="the solvers")
    output: Output = Field(default_factory=Output, description="what is written")

    _source: Source = PrivateAttr(default=Source(""))

    @property
    def source(self) -> Source:
        """Text, path and overrides the case was read from; empty for a case made in Python."""
        return self._source

    def resolved(self) -> dict[str, Any]:
        """The complete case as plain data for JSON, which can be read again; values carry their SI unit."""
        data = self.model_dump(mode="json", exclude_none=True)
        if self.collector:
            del data["domain"]["lithium_thickness"]  # there is none
        return data if self.materials else {name: value for name, value in data.items() if name != "materials"}

    @property
    def electrolyte_thickness(self) -> float:
        """Sum of the layers, m."""
        return sum(layer.thickness for layer in self.electrolyte)

    @field_validator("grid", mode="after")
    @classmethod
    def _resolve_grid(cls, grid: GridOptions, info: ValidationInfo) -> GridOptions:
        interface = info.data.get("interface")
        if grid.spacing is None and interface is not None:
            return grid.model_copy(update={"spacing": interface.width / 2})
        return grid

    @property
    def has_defects(self) -> bool:
        """Whether the electrolyte has defects that Li can fill."""
        return bool(self.defects) or self.geometry.mesh is not None

    @property
    def fine_depths(self) -> tuple[float, float]:
        """Depths of the fine cells below and above the contact, m.

        Filaments need them up to the short circuit, a collector all its way.
        """
        fine = self.grid.fine_depth
        below = self.depth_below if self.collector else fine
        return below, max(fine, self.filament.short_depth) if self.has_defects else fine

    @property
    def depth_below(self) -> float:
        """Extent of the box below the contact, m: of the Li, or the room of a collector."""
        room = self.collector.room if self.collector else None
        return self.domain.lithium_thickness if room is None else room

    @field_validator("interface", mode="after")
    @classmethod
    def _resolve_interface(cls, interface: Interface, info: ValidationInfo) -> Interface:
        problems: list[Problem] = []
        film, angle = interface.film, interface.contact_angle
        if film is not None:
            film = with_film_material(film, "interface.film", info, problems)
            angle = material_contact_angle(film, info) if angle is None else angle
        current = interface.exchange_current_density
        if current is None and {"drive", "electrolyte"} <= info.data.keys():  # what is absent is reported by itself
            layer, temperature = info.data["electrolyte"][0], info.data["drive"].temperature
            current = exchange_current_density(layer, temperature, info, problems)
        if problems:
            raise problem_error(problems)
        angle = DEFAULT_CONTACT_ANGLE if angle is None else angle
        known = {"film": film, "contact_angle": angle, "exchange_current_density": current}
        return interface.model_copy(update=known)

    @field_validator("electrolyte", mode="after")
    @classmethod
    def _resolve_electrolyte(
        cls, layers: tuple[ElectrolyteLayer, ...], info: ValidationInfo
    ) -> tuple[ElectrolyteLayer, ...]:
        problems: list[Problem] = []
        out = tuple(with_layer_material(layer, index, info, problems) for index, layer in enumerate(layers))
        if problems:
            raise problem_error(problems)
        return out

    @field_validator("interphase", mode="after")
    @classmethod
    def _resolve_interphase(cls, interphase: Interphase | None, info: ValidationInfo) -> Interphase | None:
        return with_reaction(interphase, info) if interphase else None

    @field_validator("lithium", mode="after")
    @classmethod
    def _resolve_lithium(cls, lithium: Lithium, info: ValidationInfo) -> Lithium:
        problems: list[Problem] = []
        lithium = with_material(lithium, "lithium", info, problems)
        if problems:
            raise problem_error(problems)
        profile = _with_table(lithium.profile, "lithium.profile", info)
        return lithium.model_copy(update={"profile": profile})

    @field_validator("filament", mode="after")
    @classmethod
    def _resolve_filament(cls, filament: Filament, info: ValidationInfo) -> Filament:
        interface, layers = info.data.get("interface"), info.data.get("electrolyte")
        if interface is None or layers is None:  # reported by themselves
            return filament
        given = {name for name in filament.model_fields_set if getattr(filament, name) is not None}
        defaults = {
            "channel_half_width": WIDTHS_PER_CHANNEL * interface.width,
            "short_depth": sum(layer.thickness for layer in layers),
        }
        return filament.model_copy(update={k: v for k, v in defaults.items() if k not in given})

    @field_validator("geometry", mode="after")
    @classmethod
    def _resolve_geometry(cls, geometry: Geometry, info: ValidationInfo) -> Geometry:
        if geometry.mesh is None:
            return geometry
        directory = Path((info.context or {}).get("directory", "."))
        try:
            mesh = str((directory / geometry.mesh).resolve())
        except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL character
            raise problem_error([Problem("geometry.mesh", "not a possible name of a file", "a Gmsh file")]) from None
        return geometry.model_copy(update={"mesh": mesh})

    @field_validator("protocol", mode="after")
    @classmethod
    def _resolve_protocol(
        cls, segments: tuple[AnySegment, ...], info: ValidationInfo
    ) -> tuple[AnySegment, ...]:
        if "drive" not in info.data:  # reported by itself
            return segments
        problems: list[Problem] = []
        directory = Path((info.context or {}).get("directory", "."))
        segments = resolve_segments(segments, info.data["drive"].current_density, directory, problems)
        if problems:
            raise problem_error(problems)
        return segments

    @field_validator("cathode", mode="after")
    @classmethod
    def _resolve_cathode(cls, cathode: Cathode | None, info: ValidationInfo) -> Cathode | None:
        return cathode and with_curve(cathode, Path((info.context or {}).get("directory", ".")))

    @field_validator("collector", mode="after")
    @classmethod
    def _resolve_collector(cls, collector: Collector | None, info: ValidationInfo) -> Collector | None:
        needed = {"domain", "interface", "lithium", "drive", "protocol", "cathode"}
        if collector is None or not needed <= info.data.keys():
            return collector  # reported by themselves
        data = info.data
        rough = data["interface"].roughness
        collector = with_material_data(collector, info)
        profile = _with_table(collector.profile, "collector.profile", info)
        return with_room(
            collector.model_copy(update={"profile": profile}),
            unroll(data["protocol"]),
            cathode=data["cathode"],
            molar_volume=data["lithium"].molar_volume,
            width=data["interface"].width,
            lithium=data["lithium"].height,
            pressure=data["drive"].stack_pressure,
            relief=rough.relief if rough else 0.0,
        )

    @model_validator(mode="after")
    def _cross_checks(self) -> Case:
        problems = find_problems(self)
        if problems:
            raise problem_error(problems)
        return self


def _with_table(profile: MeasuredProfile | None, where: str, info: ValidationInfo) -> MeasuredProfile | None:
    """The profile with its table, as far as the box is known. where: its key."""
    if profile is None or "domain" not in info.data:
        return profile
    directory = Path((info.context or {}).get("directory", "."))
    return profile.read(where, info.data["domain"].lateral_extents, directory)
