"""The section [interphase] of a case file: Li metal and electrolyte react where they touch.

Without this section they do not. What it leaves open is that of the material of the first layer.
"""

from __future__ import annotations

from pydantic import ValidationInfo

from solver.case.materials import material_value, shelf_of
from solver.case.types import (
    Conductivity,
    GrowthRate,
    LithiumDensity,
    Problem,
    Section,
    problem_error,
    resolved,
    spec_of,
)


class Interphase(Section):
    """What Li and electrolyte become where they touch and no interface.film covers the contact."""

    rate: GrowthRate = resolved("thickness^2 per time; default interphase_rate of the first layer's material")
    lithium: LithiumDensity = resolved(
        "Li that it takes per volume; default interphase_lithium of the first layer's material"
    )
    conductivity: Conductivity = resolved(
        "ionic conductivity; default interphase_conductivity of the first layer's material"
    )


def with_reaction(interphase: Interphase, info: ValidationInfo) -> Interphase:
    """The interphase with what it leaves open, at the temperature of the case."""
    if not {"drive", "electrolyte"} <= info.data.keys():  # reported by themselves
        return interphase
    material, temperature = shelf_of(info).load(info.data["electrolyte"][0].material), info.data["drive"].temperature
    values: dict[str, float] = {}
    problems: list[Problem] = []
    for name, field in Interphase.model_fields.items():
        known = f"interphase_{name}"
        if getattr(interphase, name) is not None:
            continue
        if known in material.properties:
            values[name] = material_value(material, known, temperature, f"interphase.{name}", problems)
        else:
            spec = spec_of(field)
            wrong = f"missing; {material.name}.toml has no {known}, so the case must give it"
            problems.append(Problem(f"interphase.{name}", wrong, spec.allowed() if spec else ""))
    if problems:
        raise problem_error(problems)
    return interphase.model_copy(update=values)
