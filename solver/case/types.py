"""Building blocks of the case schema: the types of values, the base of all sections, and problems as data.

`Problem` names one thing that is wrong with a case by its key. Checks that need more than one key collect
problems and raise them together (`problem_error`); reading a case turns them, and what pydantic finds by
itself, into lines for the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from solver.units import Integer, Number, Quantity, Usual, ValueRefused, nearest

if TYPE_CHECKING:
    from solver.case.schema import Case

# Each type has what is allowed, and what is usual with the reason.

_WITHIN_A_CELL = "between an atom and the thickness of a cell"
_CELLS = "cells smaller than atoms are meaningless, larger ones do not resolve a contact"
_RIGID = "softer than a gel or stiffer than diamond (1.1 TPa)"
_CURRENT = "self-discharge of cells is near 1e-5 mA/cm^2, and no Li contact has carried 1 A/cm^2"
_PROTOCOL = "shorter than a pulse, or longer than the life of a cell"

Length = Annotated[
    float, Quantity("m", show="um", what="length", gt=0, usual=Usual("0.3 nm", "10 mm", _WITHIN_A_CELL))
]
Extent = Annotated[
    float,
    Quantity("m", show="um", what="length", gt=0, usual=Usual("0.1 um", "5 mm", "Li foils, films and pellets")),
]
LayerThickness = Annotated[
    float,
    Quantity("m", show="um", what="length", gt=0, usual=Usual("10 nm", "5 mm", "films of LiPON, layers and pellets")),
]
BufferThickness = Annotated[
    float,
    Quantity("m", show="um", what="length", gt=0, usual=Usual("1 um", "10 cm", "foams and springs of cell holders")),
]
MeshUnit = Annotated[
    float, Quantity("m", show="um", what="length", gt=0, usual=Usual("0.1 nm", "1 m", "units that meshes are made in"))
]
Position = Annotated[float, Quantity("m", show="um", what="position")]
Height = Annotated[float, Quantity("m", show="nm", what="height")]
Width = Annotated[
    float, Quantity("m", show="nm", what="length", gt=0, usual=Usual("0.3 nm", "100 um", _WITHIN_A_CELL))
]
InterfaceWidth = Annotated[
    float,
    Quantity(
        "m", show="nm", what="length", gt=0,
        usual=Usual("0.35 nm", "10 um", "the lattice constant of Li is 0.35 nm; voids and grains measure microns"),
    ),
]
CellSize = Annotated[float, Quantity("m", show="nm", what="length", gt=0, usual=Usual("0.1 nm", "10 um", _CELLS))]
WideCellSize = Annotated[float, Quantity("m", show="um", what="length", gt=0, usual=Usual("0.1 nm", "1 mm", _CELLS))]
Angle = Annotated[float, Quantity("rad", show="deg", what="angle", ge=0, le=180)]
NucleusAngle = Annotated[
    float,
    Quantity(
        "rad", show="deg", what="angle", gt=0, lt=180,
        usual=Usual("2 deg", "120 deg", "barriers of nothing, or that no overpotential gets over"),
    ),
]
Time = Annotated[float, Quantity("s", what="time", gt=0, usual=Usual("1 ms", "20 year", _PROTOCOL))]
Instant = Annotated[float, Quantity("s", what="time", ge=0, usual=Usual("1 us", "20 year", _PROTOCOL))]
Step = Annotated[
    float,
    Quantity("s", what="time", gt=0, usual=Usual("1 us", "2 h", "voids and voltages change within seconds to hours")),
]
SmallStep = Annotated[
    float,
    Quantity("s", what="time", gt=0, usual=Usual("1 ps", "1 min", "below it atoms vibrate, above it voltages change")),
]
Interval = Annotated[
    float, Quantity("s", what="time", gt=0, usual=Usual("1 ms", "1 year", "far too much would be written, or nothing"))
]
Temperature = Annotated[
    float,
    Quantity(
        "K", what="temperature", gt=0,
        usual=Usual("150 K", "453.7 K", "no cell works in the cold; Li melts at 453.7 K"),
    ),
]
Pressure = Annotated[
    float,
    Quantity(
        "Pa", show="MPa", what="pressure", ge=0,
        usual=Usual("1 kPa", "500 MPa", "less than a plate weighs; presses for solid-state cells reach 0.5 GPa"),
    ),
]
Stress = Annotated[
    float,
    Quantity("Pa", show="MPa", what="stress", usual=Usual("1 Pa", "5 GPa", "electrolytes break or yield below 5 GPa")),
]
Modulus = Annotated[
    float, Quantity("Pa", show="GPa", what="Young's modulus", gt=0, usual=Usual("1 kPa", "1200 GPa", _RIGID))
]
ElectrolyteModulus = Annotated[
    float,
    Quantity(
        "Pa", show="GPa", what="Young's modulus", gt=0,
        usual=Usual("10 kPa", "1000 GPa", "gel polymers have 0.1 MPa, oxides up to 250 GPa"),
    ),
]
MetalModulus = Annotated[
    float,
    Quantity(
        "Pa", show="GPa", what="Young's modulus", gt=0,
        usual=Usual("0.5 GPa", "500 GPa", "Li has 3 to 21 GPa depending on direction, tungsten 400 GPa"),
    ),
]
Stiffness = Annotated[
    float,
    Quantity(
        "Pa/m", show="MPa/um", what="stiffness", ge=0,
        usual=Usual("1e-6 MPa/um", "1e5 MPa/um", "a soft spring; 10 um of steel have 2e4 MPa/um"),
    ),
]
BendingStiffness = Annotated[
    float,
    Quantity(
        "N*m", what="bending stiffness", gt=0,
        usual=Usual("1e-15 N*m", "100 N*m", "10 nm of a metal; 2 mm of steel"),
    ),
]
Viscosity = Annotated[
    float,
    Quantity("Pa*s", what="viscosity", gt=0, usual=Usual("1e-3 Pa*s", "1e12 Pa*s", "water; Li itself at 1 MPa")),
]
Voltage = Annotated[
    float,
    Quantity("V", what="voltage", gt=0, usual=Usual("1 uV", "5 V", "noise; no electrolyte withstands more against Li")),
]
OpeningPotential = Annotated[
    float,
    Quantity("V", what="voltage", ge=0, usual=Usual("0.1 mV", "1 V", "0.1 mV is 0.7 MPa of Li, 1 V is 7 GPa")),
]
SignedVoltage = Annotated[
    float, Quantity("V", what="voltage", usual=Usual("1 uV", "5 V", "noise; no electrolyte withstands more against Li"))
]
CurrentDensity = Annotated[
    float,
    Quantity("A/m^2", show="mA/cm^2", what="current density", gt=0, usual=Usual("1e-5 mA/cm^2", "1 A/cm^2", _CURRENT)),
]
ExchangeCurrentDensity = Annotated[
    float,
    Quantity(
        "A/m^2", show="mA/cm^2", what="current density", gt=0,
        usual=Usual("1e-5 mA/cm^2", "10 A/cm^2", "area resistances of 2.6 Mohm*cm^2 and 2.6 mohm*cm^2"),
    ),
]
SignedCurrentDensity = Annotated[
    float,
    Quantity("A/m^2", show="mA/cm^2", what="current density", usual=Usual("1e-5 mA/cm^2", "1 A/cm^2", _CURRENT)),
]
Capacity = Annotated[
    float,
    Quantity(
        "C/m^2", show="mAh/cm^2", what="capacity per area", gt=0,
        usual=Usual("1e-7 mAh/cm^2", "200 mAh/cm^2", "an atomic layer of Li has 5e-5 mAh/cm^2, a foil of 1 mm 206"),
    ),
]
Loading = Annotated[
    float,
    Quantity(
        "kg/m^2", show="mg/cm^2", what="mass per area", gt=0,
        usual=Usual("0.01 mg/cm^2", "200 mg/cm^2", "thin films; pellets of 0.5 mm"),
    ),
]
SpecificCapacity = Annotated[
    float,
    Quantity(
        "C/kg", show="mAh/g", what="capacity per mass", gt=0,
        usual=Usual("10 mAh/g", "2000 mAh/g", "layered oxides have 150 to 220 mAh/g, sulfur 1672 mAh/g"),
    ),
]
Resistance = Annotated[
    float,
    Quantity(
        "ohm*m^2", show="ohm*cm^2", what="area resistance", ge=0,
        usual=Usual("1e-6 ohm*cm^2", "1e6 ohm*cm^2", "a thin metal; 1 uA/cm^2 over 1e6 ohm*cm^2 takes 1 V"),
    ),
]
Capacitance = Annotated[
    float,
    Quantity(
        "F/m^2", what="capacitance per area", ge=0,
        usual=Usual("1e-5 F/m^2", "10 F/m^2", "a micron of ceramic; double layers have 0.01 to 1 F/m^2"),
    ),
]
PseudoCapacitance = Annotated[
    float,
    Quantity(
        "F/m^2", what="capacitance per area", gt=0,
        usual=Usual("0.01 F/m^2", "1e5 F/m^2", "a double layer; 0.1 V on 1e5 F/m^2 are 0.3 mAh/cm^2"),
    ),
]
BirthRate = Annotated[
    float,
    Quantity(
        "1/(m^2*s)", what="rate per area", gt=0,
        usual=Usual("1 1/(m^2*s)", "1e40 1/(m^2*s)", "attempts of all atoms of a surface"),
    ),
]
SiteDensity = Annotated[
    float,
    Quantity(
        "1/m^2", what="number per area", gt=0,
        usual=Usual("1e6 1/m^2", "2e19 1/m^2", "one in a square millimetre; all atoms of a surface"),
    ),
]
Conductivity = Annotated[
    float,
    Quantity(
        "S/m", show="mS/cm", what="conductivity", gt=0,
        usual=Usual("1e-9 mS/cm", "100 mS/cm", "insulators such as LiF; the best superionic conductors have 30 mS/cm"),
    ),
]
SurfaceEnergy = Annotated[
    float,
    Quantity(
        "J/m^2", what="surface energy", gt=0,
        usual=Usual("0.01 J/m^2", "5 J/m^2", "liquids have 0.02 J/m^2, tungsten 3.5 J/m^2"),
    ),
]
InterfacialEnergy = Annotated[
    float,
    Quantity(
        "J/m^2", show="meV/angstrom^2", what="interfacial energy",
        usual=Usual("0.001 meV/angstrom^2", "600 meV/angstrom^2", "10 J/m^2 is more than any bond has"),
    ),
]
Density = Annotated[
    float,
    Quantity(
        "kg/m^3", show="g/cm^3", what="density", gt=0,
        usual=Usual("0.3 g/cm^3", "23 g/cm^3", "Li has 0.53 g/cm^3, osmium 22.6 g/cm^3"),
    ),
]
Permeance = Annotated[
    float,
    Quantity("m/s", what="permeance", gt=0, usual=Usual("1e-16 m/s", "10 m/s", "films of 1 nm to 1 um of solids")),
]
GrowthRate = Annotated[
    float,
    Quantity(
        "m^2/s", what="rate of a square of a thickness", ge=0,
        usual=Usual("1e-24 m^2/s", "1e-14 m^2/s", "less than an atom in an hour, or 6 um"),
    ),
]
LithiumDensity = Annotated[
    float,
    Quantity(
        "mol/m^3", what="amount of Li per volume", ge=0,
        usual=Usual("100 mol/m^3", "77000 mol/m^3", "Li metal itself has 76900 mol/m^3"),
    ),
]
MolarVolume = Annotated[
    float,
    Quantity(
        "m^3/mol", show="cm^3/mol", what="molar volume", gt=0,
        usual=Usual("3 cm^3/mol", "100 cm^3/mol", "beryllium has 4.9 cm^3/mol, caesium 71 cm^3/mol"),
    ),
]
Diffusivity = Annotated[
    float,
    Quantity(
        "m^2/s", what="diffusivity", gt=0,
        usual=Usual("1e-24 m^2/s", "1e-8 m^2/s", "an atomic jump in years; liquids have 1e-9 m^2/s"),
    ),
]
SurfaceDiffusivity = Annotated[
    float,
    Quantity(
        "m^2/s", what="diffusivity", ge=0,
        usual=Usual("1e-24 m^2/s", "1e-6 m^2/s", "an atomic jump in years; a gas has 1e-5 m^2/s"),
    ),
]
MolarEnergy = Annotated[
    float,
    Quantity(
        "J/mol", show="kJ/mol", what="molar energy", ge=0,
        usual=Usual("1 kJ/mol", "500 kJ/mol", "less than RT; more than a bond"),
    ),
]
Rate = Annotated[
    float,
    Quantity("1/s", what="rate", ge=0, usual=Usual("1e-30 1/s", "1e30 1/s", "creep at 1 MPa, before exp(-Q/RT)")),
]
RatePerPressure = Annotated[
    float,
    Quantity(
        "1/(s*Pa)", show="1/(s*MPa)", what="rate per pressure", ge=0,
        usual=Usual("1e-12 1/(s*MPa)", "1e3 1/(s*MPa)", "a change in 30 000 years, or in a millisecond, at 1 MPa"),
    ),
]

Fraction = Annotated[float, Number(gt=0, lt=1)]
Share = Annotated[float, Number(ge=0, le=1)]
Loss = Annotated[float, Number(ge=0, lt=1, usual=Usual(1e-3, 0.5, "first cycles lose 5 to 20 %"))]
Transfer = Annotated[
    float, Number(gt=0, lt=1, usual=Usual(0.05, 0.95, "measured transfer coefficients are near one half"))
]
VacancyFraction = Annotated[
    float, Number(gt=0, lt=1, usual=Usual(1e-6, 0.5, "Li in equilibrium has 1e-6 or less; half of it is no crystal"))
]
Coverage = Annotated[float, Number(ge=0, le=1)]
Percentage = Annotated[float, Number(gt=0, lt=100, usual=Usual(0.01, 90, "less has no effect, more is no additive"))]
PoissonRatio = Annotated[
    float,
    Number(
        ge=0, lt=0.5,
        usual=Usual(0.01, 0.4999, "cork has 0, rubber 0.4999; metals and ceramics 0.2 to 0.4", zero=False),
    ),
]
Growth = Annotated[float, Number(ge=1, le=1.5)]
Exponent = Annotated[float, Number(ge=1, le=100, usual=Usual(1, 20, "metals creep with exponents of 3 to 8"))]
Strengthening = Annotated[
    float, Number(gt=0, usual=Usual(0.1, 1000, "pillars of Li of 1 um bear 100 times as much as a foil"))
]
Spread = Annotated[
    float, Number(gt=0, le=10, usual=Usual(0.01, 3, "a factor of exp(3) = 20 is more than is measured"))
]
BarrierSpread = Annotated[
    float, Number(ge=0, lt=1, usual=Usual(1e-3, 0.3, "barriers go with its cube: 0.3 is a factor of 2.5"))
]
PatchFactor = Annotated[
    float, Number(ge=0, le=1e12, usual=Usual(1e-6, 1e6, "more than between insulators and metals of one contact"))
]
MobilityFactor = Annotated[
    float, Number(gt=0, le=1e12, usual=Usual(1e-3, 1e6, "numerical: the interface moves with its equilibrium"))
]
AspectFactor = Annotated[
    float, Number(gt=0, le=1e12, usual=Usual(0.1, 1e5, "no filament is that many times longer than it is wide"))
]
NoiseFactor = Annotated[float, Number(ge=0, le=1e6, usual=Usual(1e-6, 100, "1 is the thermal noise"))]
TimeTolerance = Annotated[
    float, Number(gt=0, usual=Usual(1e-4, 100, "1 is an error of about a per cent; beyond are rounding and nonsense"))
]
SmallAmplitude = Annotated[float, Number(ge=0, le=0.1)]
Tolerance = Annotated[
    float, Number(ge=1e-15, le=1e-2, usual=Usual(1e-14, 1e-3, "below is rounding; above, errors show in the results"))
]
Count = Annotated[int, Integer(ge=1, le=10_000)]
Iterations = Annotated[
    int, Integer(ge=1, le=10_000, usual=Usual(2, 500, "1 solves no nonlinear equation; 500 will not converge"))
]
Kept = Annotated[int, Integer(ge=1, le=10_000, usual=Usual(1, 1000, "each is as large as a snapshot"))]
Seed = Annotated[int, Integer(ge=0, lt=2**63)]
Layers = Annotated[int, Integer(ge=1, le=1000, usual=Usual(1, 100, "each is a field"))]


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

    def problems(self, case: Case) -> Iterable[Problem]:
        """What contradicts itself or the rest of the case, where all values are right one by one."""
        return ()


def key(default: Any, description: str) -> Any:
    """A key with a default, written as in a case file."""
    return Field(default=default, description=description)


def required(description: str) -> Any:
    """A key that must be given."""
    return Field(description=description)


def resolved(description: str, by_itself: bool = False) -> Any:
    """A key whose default comes from other keys or from material data; a Case always has its value.

    by_itself: a validator of the key finds it, from the keys above it.
    """

    def no_default(schema: dict[str, Any]) -> None:
        schema.pop("default", None)

    none: Any = None
    return Field(default=none, validate_default=by_itself, description=description, json_schema_extra=no_default)


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
