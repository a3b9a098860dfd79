"""Building blocks of the case schema: the types of values, the base of all sections, and problems as data.

`Problem` names one thing that is wrong with a case by its key. Checks that need more than one key collect
problems and raise them together (`problem_error`); reading a case turns them, and what pydantic finds by
itself, into lines for the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from solver.units import Integer, Number, Quantity, ValueRefused, nearest

Length = Annotated[float, Quantity("m", show="um", what="length", gt=0)]
Position = Annotated[float, Quantity("m", show="um", what="position")]
Width = Annotated[float, Quantity("m", show="nm", what="length", gt=0)]
Angle = Annotated[float, Quantity("rad", show="deg", what="angle", ge=0, le=180)]
Time = Annotated[float, Quantity("s", what="time", gt=0)]
Instant = Annotated[float, Quantity("s", what="time", ge=0)]
Temperature = Annotated[float, Quantity("K", what="temperature", gt=0)]
Pressure = Annotated[float, Quantity("Pa", show="MPa", what="pressure", ge=0)]
Stress = Annotated[float, Quantity("Pa", show="MPa", what="stress")]
Modulus = Annotated[float, Quantity("Pa", show="GPa", what="Young's modulus", gt=0)]
Stiffness = Annotated[float, Quantity("Pa/m", show="MPa/um", what="stiffness", ge=0)]
Viscosity = Annotated[float, Quantity("Pa*s", what="viscosity", gt=0)]
Voltage = Annotated[float, Quantity("V", what="voltage", gt=0)]
SignedVoltage = Annotated[float, Quantity("V", what="voltage")]
CurrentDensity = Annotated[float, Quantity("A/m^2", show="mA/cm^2", what="current density", gt=0)]
SignedCurrentDensity = Annotated[float, Quantity("A/m^2", show="mA/cm^2", what="current density")]
Capacity = Annotated[float, Quantity("C/m^2", show="mAh/cm^2", what="capacity per area", gt=0)]
Resistance = Annotated[float, Quantity("ohm*m^2", show="ohm*cm^2", what="area resistance", ge=0)]
Capacitance = Annotated[float, Quantity("F/m^2", what="capacitance per area", ge=0)]
Conductivity = Annotated[float, Quantity("S/m", show="mS/cm", what="conductivity", gt=0)]
SurfaceEnergy = Annotated[float, Quantity("J/m^2", what="surface energy", gt=0)]
InterfacialEnergy = Annotated[float, Quantity("J/m^2", show="meV/angstrom^2", what="interfacial energy")]
Density = Annotated[float, Quantity("kg/m^3", show="g/cm^3", what="density", gt=0)]
Permeance = Annotated[float, Quantity("m/s", what="permeance", gt=0)]
MolarVolume = Annotated[float, Quantity("m^3/mol", show="cm^3/mol", what="molar volume", gt=0)]
Diffusivity = Annotated[float, Quantity("m^2/s", what="diffusivity", gt=0)]
SurfaceDiffusivity = Annotated[float, Quantity("m^2/s", what="diffusivity", ge=0)]
MolarEnergy = Annotated[float, Quantity("J/mol", show="kJ/mol", what="molar energy", ge=0)]
Rate = Annotated[float, Quantity("1/s", what="rate", ge=0)]
RatePerPressure = Annotated[float, Quantity("1/(s*Pa)", show="1/(s*MPa)", what="rate per pressure", ge=0)]

Positive = Annotated[float, Number(gt=0)]
NotNegative = Annotated[float, Number(ge=0)]
Fraction = Annotated[float, Number(gt=0, lt=1)]
Percentage = Annotated[float, Number(gt=0, lt=100)]
PoissonRatio = Annotated[float, Number(ge=0, lt=0.5)]
Growth = Annotated[float, Number(ge=1, le=1.5)]
Exponent = Annotated[float, Number(ge=1)]
SmallAmplitude = Annotated[float, Number(ge=0, le=0.1)]
Tolerance = Annotated[float, Number(ge=1e-15, le=1e-2)]
Count = Annotated[int, Integer(ge=1, le=10_000)]
Seed = Annotated[int, Integer(ge=0, lt=2**63)]


def _true_or_false(value: object) -> object:
    """Refuse 1, "yes" and the like, which pydantic takes for true."""
    if not isinstance(value, bool):
        found = nearest(value, ("true", "false")) if isinstance(value, str) else ""
        suggestion = f"{found} without quotes" if found else ""
        raise ValueRefused("not true or false", "true or false", suggestion).for_pydantic()
    return value


Switch = Annotated[bool, BeforeValidator(_true_or_false)]


class Section(BaseModel):
    """A table of a case file: unknown keys are refused, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def key(default: Any, description: str) -> Any:
    """A key with a default, written as in a case file."""
    return Field(default=default, description=description)


def required(description: str) -> Any:
    """A key that must be given."""
    return Field(description=description)


def resolved(description: str) -> Any:
    """A key whose default comes from other keys or from material data; a Case always has its value."""

    def no_default(schema: dict[str, Any]) -> None:
        schema.pop("default", None)

    return Field(default=None, validate_default=False, description=description, json_schema_extra=no_default)


def spec_of(field: FieldInfo) -> Quantity | Number | None:
    """What is allowed for a key (for each entry if it is a list), None if that is no quantity or number."""
    return next(_specs([*field.metadata, field.annotation]), None)


def _specs(items: Iterable[Any]) -> Iterator[Quantity | Number]:
    for item in items:
        if isinstance(item, Quantity | Number):
            yield item
        yield from _specs(get_args(item))


def in_um(length: float) -> str:
    """A length (m) in messages."""
    return f"{length * 1e6:.6g} um"


@dataclass(frozen=True)
class Problem:
    """What is wrong with the value of `key`, what is allowed, the nearest right spelling ("" if none)."""

    key: str
    wrong: str
    allowed: str = ""
    suggestion: str = ""


def problem_error(problems: Sequence[Problem]) -> PydanticCustomError:
    """All problems as one error that pydantic collects."""
    text = "; ".join(f"{p.key}: {p.wrong}" for p in problems)
    return PydanticCustomError("problems", "{text}", {"text": text, "problems": tuple(problems)})
