"""The sections whose values come from the material data: the layers of the electrolyte and the Li metal."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, ValidationInfo

from solver import materials
from solver.case_types import (
    Conductivity,
    Diffusivity,
    Exponent,
    Fraction,
    Length,
    Modulus,
    MolarEnergy,
    MolarVolume,
    NotNegative,
    PoissonRatio,
    Position,
    Positive,
    Problem,
    Rate,
    RatePerPressure,
    Section,
    Seed,
    SmallAmplitude,
    Stress,
    SurfaceDiffusivity,
    SurfaceEnergy,
    key,
    required,
    resolved,
    spec_of,
)
from solver.units import ValueRefused, nearest


def _material(kind: str) -> AfterValidator:
    """A validator for the name of a material of one kind."""

    def check(name: str) -> str:
        names = materials.available(kind)
        if name not in names:
            refused = ValueRefused(f"unknown {kind}", f"one of {', '.join(names)}", nearest(name, names))
            raise refused.for_pydantic()
        return name

    return AfterValidator(check)


class ElectrolyteLayer(Section):
    """One layer of the electrolyte."""

    material: Annotated[str, _material("electrolyte")] = key("Li6PS5Cl", "name of the electrolyte material")
    thickness: Length = key("10 um", "extent along the normal")
    conductivity: Conductivity = resolved("ionic conductivity")
    youngs_modulus: Modulus = resolved("Young's modulus")
    poisson_ratio: PoissonRatio = resolved("Poisson ratio")
    residual_stress: Stress = key(
        "0 MPa", "lateral normal stress at the start beyond the stack pressure, compression positive"
    )


class Void(Section):
    """A void in the Li at the start."""

    centre: tuple[Position, ...] = required(
        "centre: z in 1-D, x and z in 2-D, x, y and z in 3-D; z = 0 at the contact"
    )
    radius: Length = required("radius (half the thickness in 1-D)")


class Lithium(Section):
    """The Li metal."""

    material: Annotated[str, _material("metal")] = key("Li", "name of the metal")
    surface_energy: SurfaceEnergy = resolved("energy of the Li/void surface")
    molar_volume: MolarVolume = resolved("molar volume")
    diffusivity: Diffusivity = resolved("diffusivity of vacancies in the bulk")
    surface_diffusivity: SurfaceDiffusivity = resolved("diffusivity along the Li/void surface")
    critical_vacancy_fraction: Fraction = resolved(
        "vacancy fraction at which full Li becomes unstable and voids open"
    )
    creep_prefactor: Rate = resolved(
        "prefactor A of the annihilation of vacancies by creep, A (p / (s 1 MPa))^n exp(-Q/RT)"
    )
    creep_exponent: Exponent = resolved("exponent n of the creep rate")
    creep_activation_energy: MolarEnergy = resolved("activation energy Q of the creep rate")
    size_effect_strengthening: Positive = resolved("strengthening s of Li at the micron scale")
    linear_annihilation_rate: RatePerPressure = resolved(
        "annihilation rate of vacancies per pressure, diffusional creep"
    )
    youngs_modulus: Modulus = resolved("Young's modulus E; the bulk modulus is E / (3 (1 - 2 poisson_ratio))")
    poisson_ratio: PoissonRatio = resolved("Poisson ratio")
    mobility_factor: Positive = key(
        100.0, "mobility of the Li/void interface L = factor v_ref / (6 gamma), v_ref = 1.35 nm/s"
    )
    defect_amplitude: SmallAmplitude = key(
        1.5e-3, "largest deviation of the Li order parameter from 1 at the start"
    )
    defect_seed: Seed = key(1, "seed of this deviation")
    noise_amplitude: NotNegative = key(
        0.0, "factor on the thermal noise of the Li order parameter; 0 turns it off"
    )
    noise_seed: Seed = key(1, "seed of the noise")
    voids: tuple[Void, ...] = key((), "voids at the start")


_S = TypeVar("_S", ElectrolyteLayer, Lithium)


def with_material(section: _S, where: str, info: ValidationInfo, problems: list[Problem]) -> _S:
    """The section, with what it leaves open taken from its material at the temperature of the case.

    where: its key. What the material does not have is added to `problems`.
    """
    if "drive" not in info.data:
        return section
    temperature = info.data["drive"].temperature
    material = materials.load(section.material)
    values: dict[str, float] = {}
    for name, field in type(section).model_fields.items():
        if name not in materials.PROPERTIES[material.kind] or getattr(section, name) is not None:
            continue
        if name not in material.properties:
            spec = spec_of(field)
            wrong = f"missing; {material.name}.toml does not have it, so the case must give it"
            problems.append(Problem(f"{where}.{name}", wrong, spec.allowed() if spec else ""))
            continue
        try:
            values[name] = material.value(name, temperature)
        except materials.MaterialError as error:
            problems.append(Problem("drive.temperature", str(error), "298.15 K"))
    return section.model_copy(update=values)
