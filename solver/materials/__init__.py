"""Material data: one TOML file per material in this folder. A case may bring its own: see `solver.materials.shelf`.

A file has `name` (the same as the file), `kind` ("metal", "electrolyte" or "film") and one table per property::

    [conductivity]
    value = "1.8 mS/cm"           # text with a unit, or a bare number for a dimensionless property
    source = "where it comes from"
    activation_energy = "30 kJ/mol"   # optional: value(T) = value exp(-(E/R) (1/T - 1/298.15 K))

Values hold at 298.15 K. A property that depends on temperature (`PropertyInfo.activated`) is given at another
temperature only when its entry carries an activation energy. Adding a material is adding a file; the
properties that exist are in PROPERTIES.

A film lines the contact or the defects of the electrolyte, or the current collector, and is too thin for cells of its
own. All its properties are optional: one that its file does not have changes nothing. One that can be a seed, which
takes Li as an alloy, has a table [lithiation] too: see `solver.materials.lithiation`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solver.constants import GAS_CONSTANT
from solver.materials.lithiation import Lithiation, read_lithiation
from solver.text import Unreadable, parse_toml, read_text
from solver.units import Number, Quantity, ValueRefused, nearest

REFERENCE_TEMPERATURE = 298.15  # K, at which all values hold

_FOLDER = Path(__file__).parent


class MaterialError(ValueError):
    """A material or one of its properties is missing or malformed; the message names file and key."""


class UnknownMaterial(MaterialError):
    """There is no material of the name."""


@dataclass(frozen=True)
class PropertyInfo:
    """What a property of a kind of material is."""

    spec: Quantity | Number
    meaning: str
    required: bool = False
    activated: bool = False  # depends on temperature through an activation energy


_PRESSURE = Quantity("Pa", show="GPa", what="pressure", gt=0)
_LENGTH = Quantity("m", show="nm", what="length", gt=0)
_DIFFUSIVITY = Quantity("m^2/s", what="diffusivity", ge=0)
_ENERGY = Quantity("J/mol", show="kJ/mol", what="molar energy", ge=0)
_CONDUCTIVITY = Quantity("S/m", show="mS/cm", what="conductivity", gt=0)
_DENSITY = PropertyInfo(Quantity("kg/m^3", show="g/cm^3", what="density", gt=0), "mass density")
_INTERFACIAL = PropertyInfo(
    Quantity("J/m^2", show="meV/angstrom^2", what="interfacial energy"),
    "signed energy of the interface to Li, from first principles",
)

_ELASTIC = {
    "youngs_modulus": PropertyInfo(_PRESSURE, "Young's modulus"),
    "poisson_ratio": PropertyInfo(Number(ge=0, lt=0.5), "Poisson ratio"),
}

PROPERTIES: dict[str, dict[str, PropertyInfo]] = {
    "metal": {
        "molar_volume": PropertyInfo(
            Quantity("m^3/mol", show="cm^3/mol", what="molar volume", gt=0), "molar volume", required=True
        ),
        "surface_energy": PropertyInfo(
            Quantity("J/m^2", what="surface energy", gt=0), "energy of the metal/void surface", required=True
        ),
        "diffusivity": PropertyInfo(
            _DIFFUSIVITY, "diffusivity of vacancies in the bulk", True, activated=True
        ),
        "surface_diffusivity": PropertyInfo(
            _DIFFUSIVITY, "diffusivity along the metal/void surface", True, activated=True
        ),
        "critical_vacancy_fraction": PropertyInfo(
            Number(gt=0, lt=1), "vacancy fraction at which full metal becomes unstable", required=True
        ),
        "creep_prefactor": PropertyInfo(
            Quantity("1/s", what="rate", ge=0),
            "prefactor A of the creep rate A (p/s_0)^n exp(-Q/RT)",
            True,
        ),
        "creep_exponent": PropertyInfo(Number(ge=1), "exponent n of the creep rate", required=True),
        "creep_activation_energy": PropertyInfo(
            _ENERGY, "activation energy Q of the creep rate", required=True
        ),
        "size_effect_strengthening": PropertyInfo(
            Number(gt=0),
            "strengthening s_0/(1 MPa) of the metal at the scale of microns: stress is divided by it",
            True,
        ),
        "linear_annihilation_rate": PropertyInfo(
            Quantity("1/(s*Pa)", show="1/(s*MPa)", what="rate per pressure", ge=0),
            "annihilation rate of vacancies per pressure (diffusional creep)",
            required=True,
            activated=True,
        ),
        **_ELASTIC,
    },
    "electrolyte": {
        "conductivity": PropertyInfo(
            _CONDUCTIVITY,
            "ionic conductivity",
            True,
            activated=True,
        ),
        "toughness": PropertyInfo(
            Quantity("Pa*m^0.5", show="MPa*m^0.5", what="fracture toughness", gt=0),
            "mode-I fracture toughness",
        ),
        "lithium_interfacial_energy": _INTERFACIAL,
        "exchange_current_density": PropertyInfo(
            Quantity("A/m^2", show="mA/cm^2", what="current density", gt=0),
            "exchange current density of Li",
            activated=True,
        ),
        "density": _DENSITY,
        "interphase_rate": PropertyInfo(
            _DIFFUSIVITY, "thickness^2 per time of what Li and the electrolyte become", activated=True
        ),
        "interphase_lithium": PropertyInfo(
            Quantity("mol/m^3", what="amount of Li per volume", ge=0), "Li that a volume of it takes from the metal"
        ),
        "interphase_conductivity": PropertyInfo(_CONDUCTIVITY, "its ionic conductivity", activated=True),
        **_ELASTIC,
    },
    "film": {
        "lithium_interfacial_energy": _INTERFACIAL,
        "contact_angle": PropertyInfo(Quantity("rad", show="deg", what="angle", ge=0, le=180), "contact angle of Li"),
        "nucleus_angle": PropertyInfo(
            Quantity("rad", show="deg", what="angle", gt=0, lt=180),
            "effective contact angle of nuclei of Li, in the barrier of their birth",
        ),
        "ionic_conductivity": PropertyInfo(_CONDUCTIVITY, "ionic conductivity of Li", activated=True),
        "lithium_diffusivity": PropertyInfo(
            Quantity("m^2/s", what="diffusivity", gt=0),
            "effective diffusivity of Li: chemical diffusivity times the volume fraction of Li in equilibrium with Li",
            activated=True,
        ),
        "lithium_permeance": PropertyInfo(
            Quantity("m/s", what="permeance", gt=0), "permeance for Li of a film of permeance_thickness", activated=True
        ),
        "permeance_thickness": PropertyInfo(_LENGTH, "thickness of the film that has lithium_permeance"),
        "permeance_decay": PropertyInfo(_LENGTH, "length over which the permeance falls to 1/e, of thicker films"),
        "opening_potential": PropertyInfo(
            Quantity("V", what="voltage", ge=0), "overpotential at which Li opens film and collector"
        ),
        "porosity": PropertyInfo(Number(gt=0, lt=1), "share of pores, along the walls of which Li diffuses"),
        "pore_radius": PropertyInfo(_LENGTH, "radius of these pores"),
        "wall_diffusivity": PropertyInfo(
            Quantity("m^2/s", what="diffusivity", gt=0), "diffusivity of Li along their walls", activated=True
        ),
        "wall_thickness": PropertyInfo(_LENGTH, "thickness of the layer in which it does"),
        "density": _DENSITY,
        "molar_volume": PropertyInfo(
            Quantity("m^3/mol", show="cm^3/mol", what="molar volume", gt=0), "molar volume of a host for Li"
        ),
        "host_diffusivity": PropertyInfo(
            Quantity("m^2/s", what="diffusivity", gt=0), "self-diffusivity of Li in the host", activated=True
        ),
        "lithium_volume": PropertyInfo(
            Quantity("m^3/mol", show="cm^3/mol", what="molar volume", gt=0), "molar volume of Li in the host"
        ),
        "diffusivity_in_lithium": PropertyInfo(
            Quantity("m^2/s", what="diffusivity", gt=0), "diffusivity of atoms of the host in Li metal", activated=True
        ),
    },
}


@dataclass(frozen=True)
class Property:
    """One value in SI at 298.15 K, its SI unit, its source, and its activation energy in J/mol if any."""

    value: float
    unit: str
    source: str
    activation_energy: float | None = None


@dataclass(frozen=True)
class Material:
    """A material as read from its file. file: what to call that in messages; lithiation: None where it takes no Li."""

    name: str
    kind: str
    properties: Mapping[str, Property]
    file: str
    lithiation: Lithiation | None = None

    def value(self, key: str, temperature: float = REFERENCE_TEMPERATURE) -> float:
        """The property `key` in SI at `temperature` (K); MaterialError when it is not known."""
        if key not in self.properties:
            raise MaterialError(f"{self.file}: {key}: the material has no such property")
        entry = self.properties[key]
        if temperature == REFERENCE_TEMPERATURE or not PROPERTIES[self.kind][key].activated:
            return entry.value
        if entry.activation_energy is None:
            if entry.value == 0.0:
                return 0.0
            raise MaterialError(
                f"{self.file}: {key}: no activation_energy, so its value at {temperature:g} K is unknown"
            )
        inverse = 1.0 / temperature - 1.0 / REFERENCE_TEMPERATURE
        return entry.value * math.exp(-entry.activation_energy / GAS_CONSTANT * inverse)


def available(kind: str | None = None, folder: Path = _FOLDER) -> list[str]:
    """Names of the materials there are, of one kind if given."""
    names = sorted(path.stem for path in folder.glob("*.toml"))
    return [name for name in names if kind is None or load(name, folder).kind == kind]


@functools.cache
def load(name: str, folder: Path = _FOLDER) -> Material:
    """Read the material `name`; MaterialError names file and key of whatever is wrong."""
    path = folder / f"{name}.toml"
    names = [p.stem for p in folder.glob("*.toml")]
    if name not in names:  # also keeps names that are paths out
        suggestion = nearest(name, names)
        hint = f"; did you mean '{suggestion}'?" if suggestion else ""
        raise UnknownMaterial(f"unknown material '{name}'; available: {', '.join(sorted(names))}{hint}")
    return parse(path.name, name, read(path, path.name))


def read(path: Path, file: str) -> dict[str, Any]:
    """What a file of a material says. Raises MaterialError, which calls it `file`, when it cannot be read."""
    try:
        return parse_toml(read_text(path))
    except Unreadable as error:
        raise MaterialError(f"{file}: {error}") from None


def parse(file: str, stem: str, table: Mapping[str, Any]) -> Material:
    """The material `stem` of a table; MaterialError, which calls the table `file`, names the key of what is wrong."""
    data = dict(table)
    if data.pop("name", None) != stem:
        raise MaterialError(f"{file}: name: must be '{stem}', the same as the file")
    kind = data.pop("kind", None)
    if not isinstance(kind, str) or kind not in PROPERTIES:
        raise MaterialError(f"{file}: kind: value {kind!r}; allowed: {', '.join(PROPERTIES)}")
    known = PROPERTIES[kind]
    lithiation = _lithiation(file, data.pop("lithiation")) if kind == "film" and "lithiation" in data else None
    for key in data:
        if key not in known:
            suggestion = nearest(key, known)
            hint = f"; did you mean '{suggestion}'?" if suggestion else ""
            raise MaterialError(
                f"{file}: {key}: unknown property of kind '{kind}'; allowed: {', '.join(known)}{hint}"
            )
    properties = {key: _property(file, key, known[key], entry) for key, entry in data.items()}
    for key, info in known.items():
        if info.required and key not in data:
            raise MaterialError(f"{file}: {key}: missing ({info.meaning})")
    return Material(stem, kind, properties, file, lithiation)


def _lithiation(file: str, table: Any) -> Lithiation:
    try:
        return read_lithiation(table)
    except ValueRefused as error:
        raise MaterialError(f"{file}: lithiation: {error}") from None


def _property(file: str, key: str, info: PropertyInfo, entry: Any) -> Property:
    if not isinstance(entry, dict) or "value" not in entry:
        raise MaterialError(f"{file}: {key}: must be a table with value and source")
    for unknown in entry.keys() - {"value", "source", "activation_energy"}:
        raise MaterialError(
            f"{file}: {key}.{unknown}: unknown key; allowed: value, source, activation_energy"
        )
    source = entry.get("source")
    if not isinstance(source, str) or not source.strip():
        raise MaterialError(f"{file}: {key}.source: missing; every value needs its source")
    if "activation_energy" in entry and not info.activated:
        raise MaterialError(f"{file}: {key}.activation_energy: this property does not depend on temperature")
    unit = info.spec.unit if isinstance(info.spec, Quantity) else "1"
    part = "value"
    energy: float | None = None
    try:
        value = info.spec.parse(entry["value"])
        if "activation_energy" in entry:
            part = "activation_energy"
            energy = _ENERGY.parse(entry["activation_energy"])
    except ValueRefused as error:
        raise MaterialError(f"{file}: {key}.{part}: value {entry.get(part)!r}: {error}") from None
    return Property(value, unit, source, energy)
