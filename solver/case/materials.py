"""The sections whose values come from the material data: layers of the electrolyte, films, additives, the Li metal."""

from __future__ import annotations

import math
from typing import Annotated, Any, Self, TypeVar, get_args

from pydantic import AfterValidator, ValidationInfo, field_validator, model_validator

from solver.case.defects import GrainBoundaries
from solver.case.surface import MeasuredProfile
from solver.case.types import (
    Conductivity,
    Coverage,
    Density,
    Diffusivity,
    ElectrolyteModulus,
    Exponent,
    InterfacialEnergy,
    LayerThickness,
    Length,
    MetalModulus,
    MobilityFactor,
    MolarEnergy,
    MolarVolume,
    NoiseFactor,
    OpeningPotential,
    Percentage,
    Permeance,
    PoissonRatio,
    Position,
    Problem,
    Rate,
    RatePerPressure,
    Resistance,
    Section,
    Seed,
    SmallAmplitude,
    Strengthening,
    Stress,
    SurfaceDiffusivity,
    SurfaceEnergy,
    VacancyFraction,
    Width,
    key,
    problem_error,
    required,
    resolved,
    spec_of,
)
from solver.laws import permeance
from solver.materials import PROPERTIES, REFERENCE_TEMPERATURE, Material, MaterialError
from solver.materials.shelf import Shelf
from solver.units import ValueRefused


def shelf_of(info: ValidationInfo) -> Shelf:
    """Where the materials of the case that is being made are."""
    shelf = (info.context or {}).get("shelf")
    return shelf if isinstance(shelf, Shelf) else Shelf()


class WithMaterials(Section):
    """A case that can have materials in it. Others that it names and that lie beside it are put in too."""

    materials: dict[str, Any] = key({}, "materials that are not installed: what a file of such a name would say")

    @field_validator("materials", mode="after")
    @classmethod
    def _check_materials(cls, tables: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        problems: list[Problem] = []
        for name in tables:
            try:
                shelf_of(info).load(name)
            except MaterialError as error:
                problems.append(Problem("", str(error)))
            except ValueRefused as refused:
                problems.append(Problem(f"materials.{name}", refused.wrong, refused.allowed))
        if problems:
            raise problem_error(problems)
        return tables

    @model_validator(mode="after")
    def _put_in(self, info: ValidationInfo) -> Self:
        return self.model_copy(update={"materials": dict(shelf_of(info).own)})


def material_of(kind: str) -> AfterValidator:
    """A validator for the name of a material of one kind."""

    def check(name: str, info: ValidationInfo) -> str:
        try:
            return shelf_of(info).of_kind(name, kind).name
        except ValueRefused as refused:
            raise refused.for_pydantic() from None

    return AfterValidator(check)


class Additive(Section):
    """A material that is mixed into the electrolyte and lines its grain boundaries."""

    material: Annotated[str, material_of("film")] = required("name of the additive")
    weight_percent: Percentage = required("share of the mass of the mixture, in per cent")
    film_thickness: Width = required("thickness of the film that the additive makes on the grain boundaries")
    grain_size: Length = resolved(
        "diameter of the sphere that has the mean volume of the grains; default that of grain_boundaries in defects"
    )
    density: Density = resolved("mass density of the additive")
    lithium_interfacial_energy: InterfacialEnergy = resolved("signed energy of its interface to Li")


class ElectrolyteLayer(Section):
    """One layer of the electrolyte."""

    material: Annotated[str, material_of("electrolyte")] = key("Li6PS5Cl", "name of the electrolyte material")
    thickness: LayerThickness = key("10 um", "extent along the normal")
    conductivity: Conductivity = resolved("ionic conductivity")
    youngs_modulus: ElectrolyteModulus = resolved("Young's modulus")
    poisson_ratio: PoissonRatio = resolved("Poisson ratio")
    lithium_interfacial_energy: InterfacialEnergy | None = resolved(
        "signed energy of the interface between Li and electrolyte; needed by defects"
    )
    density: Density | None = resolved("mass density; needed by an additive")
    additive: Additive | None = key(None, "what is mixed into this layer; nothing without it")
    residual_stress: Stress = key(
        "0 MPa", "lateral normal stress at the start beyond the stack pressure, compression positive"
    )


class Film(Section):
    """A film between Li and electrolyte that is too thin for cells of its own."""

    material: Annotated[str, material_of("film")] = required("name of the film's material")
    thickness: Width = required("thickness of the film")
    mouth_depth: Length = key("1 um", "depth from the contact down to which the film lines the defects")
    lithium_interfacial_energy: InterfacialEnergy | None = resolved(
        "signed energy of its interface to Li, in place of the electrolyte's in the mouths of defects; "
        "where the material has none the electrolyte's stays"
    )
    resistance: Resistance = resolved(
        "area resistance; default thickness / ionic_conductivity of the material, 0 where it has none"
    )
    coverage: Coverage = key(0.0, "share of the contact on which the film keeps Li and electrolyte from reacting")
    pore_radius: Width | None = resolved("radius of its pores, along whose walls Li diffuses; none without it")
    permeance: Permeance | None = resolved(
        "permeance for Li atoms; default that of the pores, else that of the material at this thickness, else "
        "lithium_diffusivity of the material / thickness; Li crosses freely where it has none of these"
    )
    opening_potential: OpeningPotential | None = resolved(
        "beneath a film on a bare collector: overpotential from which on Li comes between them; 0 V where neither case "
        "nor material has it"
    )


class Void(Section):
    """A void in the Li at the start."""

    centre: tuple[Position, ...] = required(
        "centre: z in 1-D, x and z in 2-D, x, y and z in 3-D; z = 0 at the contact"
    )
    radius: Length = required("radius (half the thickness in 1-D)")


class Island(Section):
    """Li that fills the gap between collector and electrolyte at the start."""

    centre: tuple[Position, ...] = required("position on the contact: x in 2-D, x and y in 3-D")
    radius: Length = required("radius (half the width in 2-D)")


class Lithium(Section):
    """The Li metal."""

    material: Annotated[str, material_of("metal")] = key("Li", "name of the metal")
    surface_energy: SurfaceEnergy = resolved("energy of the Li/void surface")
    molar_volume: MolarVolume = resolved("molar volume")
    diffusivity: Diffusivity = resolved("diffusivity of vacancies in the bulk")
    surface_diffusivity: SurfaceDiffusivity = resolved("diffusivity along the Li/void surface")
    critical_vacancy_fraction: VacancyFraction = resolved(
        "vacancy fraction at which full Li becomes unstable and voids open"
    )
    creep_prefactor: Rate = resolved(
        "prefactor A of the annihilation of vacancies by creep, A (p/s_0)^n exp(-Q/RT)"
    )
    creep_exponent: Exponent = resolved("exponent n of the creep rate")
    creep_activation_energy: MolarEnergy = resolved("activation energy Q of the creep rate")
    size_effect_strengthening: Strengthening = resolved("strengthening s_0/(1 MPa) of Li at the micron scale")
    linear_annihilation_rate: RatePerPressure = resolved(
        "annihilation rate of vacancies per pressure, diffusional creep"
    )
    youngs_modulus: MetalModulus = resolved("Young's modulus E; the bulk modulus is E / (3 (1 - 2 poisson_ratio))")
    poisson_ratio: PoissonRatio = resolved("Poisson ratio")
    mobility_factor: MobilityFactor = key(
        100.0, "mobility of the Li/void interface L = factor v_ref / (6 gamma), v_ref = 1.35 nm/s"
    )
    defect_amplitude: SmallAmplitude = key(
        1.5e-3, "largest deviation of the Li order parameter from 1 at the start"
    )
    defect_seed: Seed = key(1, "seed of this deviation")
    noise_amplitude: NoiseFactor = key(
        0.0, "factor on the thermal noise of the Li order parameter; 0 turns it off"
    )
    noise_seed: Seed = key(1, "seed of the noise")
    voids: tuple[Void, ...] = key((), "voids at the start")
    film: Length | None = key(None, "thickness of a film of Li on a collector at the start; none without it")
    islands: tuple[Island, ...] = key((), "islands of Li on a collector at the start")
    profile: MeasuredProfile | None = key(None, "measured height of Li over the collector's surface at the start")

    @property
    def height(self) -> float | None:
        """Largest height of the Li on a collector at the start, m, None where it fills what gap there is."""
        table = self.profile.table if self.profile else None
        return self.film if table is None else max(table.height)


DEFAULT_EXCHANGE_CURRENT = 25.0  # A/m^2 at 25 degC, as on Li6PS5Cl

_S = TypeVar("_S", Additive, ElectrolyteLayer, Film, Lithium)


def with_material(section: _S, where: str, info: ValidationInfo, problems: list[Problem]) -> _S:
    """The section, with what it leaves open taken from its material at the temperature of the case.

    where: its key. What the material does not have is added to `problems`, unless the key may stay open.
    """
    if "drive" not in info.data:
        return section
    temperature = info.data["drive"].temperature
    material = shelf_of(info).load(section.material)
    values: dict[str, float] = {}
    for name, field in type(section).model_fields.items():
        if name not in PROPERTIES[material.kind] or getattr(section, name) is not None:
            continue
        if name in material.properties:
            values[name] = material_value(material, name, temperature, f"{where}.{name}", problems)
        elif type(None) not in get_args(field.annotation):
            problems.append(missing(section, where, name))
    return section.model_copy(update=values)


def missing(section: Section, where: str, name: str) -> Problem:
    """The problem that neither the case nor the material of `section` gives the key `name`. where: its key."""
    spec = spec_of(type(section).model_fields[name])
    wrong = f"missing; {getattr(section, 'material', '')}.toml does not have it, so the case must give it"
    return Problem(f"{where}.{name}", wrong, spec.allowed() if spec else "")


def material_value(material: Material, name: str, temperature: float, where: str, problems: list[Problem]) -> float:
    """A property of a material at a temperature (K); nan, and one of `problems`, where it is not known there.

    where: the key of the case that would take its place.
    """
    try:
        return material.value(name, temperature)
    except MaterialError as error:
        problems.append(Problem("drive.temperature", str(error), f"298.15 K, or {where} in the case"))
        return math.nan


def with_layer_material(
    layer: ElectrolyteLayer, index: int, info: ValidationInfo, problems: list[Problem]
) -> ElectrolyteLayer:
    """`with_material` for a layer of the electrolyte, counted from 0 at the contact, with its additive.

    With an additive density and interfacial energy of the layer may not stay open.
    """
    where = f"electrolyte.{index}"
    layer = with_material(layer, where, info, problems)
    if layer.additive is None or not {"drive", "defects"} <= info.data.keys():  # what is absent is reported by itself
        return layer
    needed = ("density", "lithium_interfacial_energy")
    problems.extend(missing(layer, where, name) for name in needed if getattr(layer, name) is None)
    additive = with_material(layer.additive, f"{where}.additive", info, problems)
    if additive.grain_size is None:
        boundaries = [table for table in info.data["defects"] if isinstance(table, GrainBoundaries)]
        sizes = [table.grain_size for table in boundaries if table.layers is None or index in table.layers]
        if not sizes:
            wrong = "missing, and no grain_boundaries in defects have one"
            problems.append(Problem(f"{where}.additive.grain_size", wrong, "a length > 0 um"))
            return layer
        additive = additive.model_copy(update={"grain_size": sizes[0]})
    return layer.model_copy(update={"additive": additive})


def exchange_current_density(
    layer: ElectrolyteLayer, temperature: float, info: ValidationInfo, problems: list[Problem]
) -> float:
    """i0 of Li on the material of a layer at a temperature (K), A/m^2; one of `problems` where it is not known."""
    material, where = shelf_of(info).load(layer.material), "interface.exchange_current_density"
    if "exchange_current_density" in material.properties:
        return material_value(material, "exchange_current_density", temperature, where, problems)
    if temperature != REFERENCE_TEMPERATURE:
        wrong = f"{material.name}.toml has no exchange_current_density, so its value at {temperature:g} K is unknown"
        problems.append(Problem("drive.temperature", wrong, f"{REFERENCE_TEMPERATURE:g} K, or {where} in the case"))
    return DEFAULT_EXCHANGE_CURRENT


def with_film_material(film: Film, where: str, info: ValidationInfo, problems: list[Problem]) -> Film:
    """`with_material` for a film, whose resistance and permeance follow from its thickness too."""
    if "drive" not in info.data:
        return film
    film = with_material(film, where, info, problems)
    temperature, material = info.data["drive"].temperature, shelf_of(info).load(film.material)
    values: dict[str, float | None] = {}
    if film.resistance is None:
        conducts = "ionic_conductivity" in material.properties
        key_of = f"{where}.resistance"
        values["resistance"] = (
            film.thickness / material_value(material, "ionic_conductivity", temperature, key_of, problems)
            if conducts
            else 0.0
        )
    if film.permeance is None:
        values["permeance"] = material_permeance(film, material, temperature, where, problems)
    return film.model_copy(update=values)


def material_permeance(
    film: Film, material: Material, temperature: float, where: str, problems: list[Problem]
) -> float | None:
    """Permeance of a film by the properties of its material, m/s; None where that does not say it."""

    def value(name: str) -> float:
        return material_value(material, name, temperature, f"{where}.permeance", problems)

    known = material.properties.keys()
    if film.pore_radius is not None and {"porosity", "wall_diffusivity", "wall_thickness"} <= known:
        return permeance.along_pores(
            film.thickness,
            porosity=value("porosity"),
            radius=film.pore_radius,
            wall_diffusivity=value("wall_diffusivity"),
            wall_thickness=value("wall_thickness"),
        )
    if {"lithium_permeance", "permeance_thickness", "permeance_decay"} <= known:
        return permeance.decaying(
            film.thickness,
            known=value("lithium_permeance"),
            of_thickness=value("permeance_thickness"),
            decay_length=value("permeance_decay"),
        )
    return value("lithium_diffusivity") / film.thickness if "lithium_diffusivity" in known else None


def material_contact_angle(film: Film, info: ValidationInfo) -> float | None:
    """Contact angle of Li on the material of a film, rad, None where that has none."""
    entry = shelf_of(info).load(film.material).properties.get("contact_angle")
    return None if entry is None else entry.value
