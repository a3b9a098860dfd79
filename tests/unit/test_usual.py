"""Values that no cell has give a warning with key, value, usual range and reason; shipped ones give none."""

import pytest

from solver.case.checks import find_warnings
from solver.case.io import CaseError, load_case
from solver.case.schema import Case
from solver.case.types import spec_of
from solver.case.usual import usual_warnings
from solver.units import Quantity, Usual, ValueRefused
from tests.mpi import ROOT
from tests.shipped import CASES

MINIMAL = ROOT / "cases/minimal.toml"
FILM = "interface.film={{material='LiF', thickness='{}'}}"
GRAINS = "defects=[{{kind='grain_boundaries', grain_size='2 um', {}='{}'}}]"

ABSURD = [
    # slips of units and of powers of ten
    "drive.stack_pressure=70 GPa",
    "drive.stack_pressure=3 Pa",
    "drive.stack_pressure=3 TPa",
    "drive.current_density=1 kA/cm^2",
    "drive.current_density=1 pA/cm^2",
    "drive.temperature=500 degC",
    "drive.temperature=25 K",
    "drive.series_resistance=1e-9 ohm*cm^2",
    "drive.voltage_limit=200 V",
    "drive.voltage_limit=2 nV",
    "interface.width=0.2 nm",
    "interface.exchange_current_density=2.5 kA/cm^2",
    "interface.exchange_current_density=2.5 pA/cm^2",
    "interface.transfer_coefficient=0.001",
    "interface.transfer_coefficient=0.999",
    "interface.double_layer_capacitance=1000 F/m^2",
    "interface.double_layer_capacitance=1e-9 F/m^2",
    "interface.contact_resistance=1e9 ohm*cm^2",
    FILM.format("1 pm"),
    FILM.format("1 mm"),
    "interface.film={material='LiF', thickness='10 nm', resistance='1e9 ohm*cm^2'}",
    "interface.film={material='LiF', thickness='10 nm', permeance='1e5 m/s'}",
    "interface.film={material='LiF', thickness='10 nm', lithium_interfacial_energy='100 J/m^2'}",
    "interface.heterogeneity.sigma=8",
    "interface.roughness={amplitude='1 pm', correlation_length='1 um'}",
    "interface.roughness={amplitude='50 nm', correlation_length='10 pm'}",
    "domain.lithium_thickness=30 mm",
    "domain.lithium_thickness=10 m",
    "domain.width=5 cm",
    "electrolyte.0.thickness=10 cm",
    "electrolyte.0.conductivity=1e6 S/cm",
    "electrolyte.0.conductivity=1e-20 S/cm",
    "electrolyte.0.youngs_modulus=1 Pa",
    "electrolyte.0.youngs_modulus=22 TPa",
    "electrolyte.0.poisson_ratio=1e-9",
    "electrolyte.0.poisson_ratio=0",
    "electrolyte.0.poisson_ratio=0.4999999",
    "electrolyte.0.lithium_interfacial_energy=100 J/m^2",
    "electrolyte.0.density=1.86 kg/cm^3",
    "electrolyte.0.density=1.86 kg/m^3",
    "electrolyte.0.residual_stress=100 GPa",
    "electrolyte.0.residual_stress=-100 GPa",
    "lithium.surface_energy=500 J/m^2",
    "lithium.surface_energy=0.5 mJ/m^2",
    "lithium.molar_volume=13 m^3/mol",
    "lithium.molar_volume=13 mm^3/mol",
    "lithium.diffusivity=1 m^2/s",
    "lithium.diffusivity=1e-33 m^2/s",
    "lithium.surface_diffusivity=1 m^2/s",
    "lithium.critical_vacancy_fraction=0.9",
    "lithium.critical_vacancy_fraction=1e-12",
    "lithium.creep_prefactor=1e35 1/s",
    "lithium.creep_exponent=66",
    "lithium.creep_activation_energy=37 MJ/mol",
    "lithium.creep_activation_energy=37 J/mol",
    "lithium.size_effect_strengthening=1e6",
    "lithium.linear_annihilation_rate=1.6e6 1/(s*MPa)",
    "lithium.youngs_modulus=1 Pa",
    "lithium.youngs_modulus=7.8 TPa",
    "lithium.mobility_factor=1e9",
    "lithium.noise_amplitude=1e5",
    "lithium.voids=[{centre=['5 um', '-1 um'], radius='1 pm'}]",
    "filament.aspect_factor=1e9",
    "filament.largest_drive=30 TPa",
    "mechanics.fixture_stiffness=1e12 MPa/um",
    "mechanics.void_viscosity=1e30 Pa*s",
    "mechanics.tolerance=1e-15",
    "mechanics.max_iterations=10000",
    GRAINS.format("opening", "1 pm"),
    GRAINS.format("separation_energy", "2700 J/m^2"),
    GRAINS.format("separation_energy", "1 nJ/m^2"),
    "grid.spacing=10 pm",
    "grid.max_spacing=1 m",
    "time.fixed_step=1 year",
    "time.fixed_step=1 ps",
    "time.max_step=1 year",
    "time.min_step=1e-20 s",
    "time.tolerance=1e6",
    "solver.tolerance=1e-2",
    "solver.newton_tolerance=1e-2",
    "solver.max_newton=1",
    "output.interval=100 year",
    "output.checkpoint_interval=1 ps",
    "protocol.0.duration=1000 year",
    "protocol.0.capacity=1000 Ah/cm^2",
    "protocol=[{kind='potentiostatic', voltage='150 V', duration='1 min'}]",
]


def warned(override):
    """Lines for the key of an override, whether it is a warning or refused because of what it contradicts."""
    key = override.partition("=")[0]
    more = ["drive.voltage_limit=200 V"] if "150 V" in override else []
    try:
        return [line for line in find_warnings(load_case(MINIMAL, [override, *more])) if line.startswith(key)]
    except CaseError as error:
        return [line for line in error.lines if key.partition(".")[2] in line]


@pytest.mark.parametrize("override", ABSURD, ids=lambda override: override[:50])
def test_a_value_that_no_cell_has_is_told(override):
    assert any("not usual; usual: " in line or "allowed: " in line for line in warned(override)), warned(override)


def test_most_of_these_are_warnings_rather_than_refused():
    assert sum(any("not usual" in line for line in warned(override)) for override in ABSURD) >= 75


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_shipped_cases_and_their_materials_are_usual(path):
    assert list(usual_warnings(load_case(path))) == []


@pytest.mark.parametrize("material", ["Li6PS5Cl", "Li10SnP2S12"])
def test_shipped_electrolytes_are_usual(material):
    overrides = [f"electrolyte=[{{material='{material}', thickness='10 um'}}]", "defects=[]"]
    assert list(usual_warnings(load_case(MINIMAL, overrides))) == []


@pytest.mark.parametrize("material", ["Cr", "Cu", "Li2S", "LiF", "LiPON", "Mg", "Mo", "Ti", "W", "carbon"])
def test_shipped_films_are_usual(material):
    film = f"interface.film={{material='{material}', thickness='20 nm'}}"
    assert list(usual_warnings(load_case(MINIMAL, [film]))) == []


def test_ends_of_a_range_and_zero_are_usual_and_signs_do_not_matter():
    stress = Quantity("Pa", show="MPa", usual=Usual("1 kPa", "500 MPa", "because"))
    for value in (0.0, 1e3, 5e8, -5e8):
        assert stress.unusual(value) == ""
    assert stress.unusual(-6e8) == "-600 MPa is not usual; usual: 1 kPa to 500 MPa: because"


def test_a_measured_profile_is_judged_by_its_largest_value(tmp_path):
    (tmp_path / "p.csv").write_text("time [s],current_density [mA/cm^2]\n0,1e-9\n1,-5000\n")
    case = load_case(MINIMAL, [f"protocol=[{{kind='profile', file='{tmp_path / 'p.csv'}'}}]"])
    (line,) = usual_warnings(case)
    assert line.startswith("protocol.0.table.current_density: -5000 mA/cm^2 is not usual")


def test_what_no_float_and_no_cell_has_is_refused():
    for override in ("drive.stack_pressure=1e300 MPa", "lithium.creep_exponent=1e30", "time.min_step=1e-60 s"):
        with pytest.raises(CaseError, match=r"large|out of range"):
            load_case(MINIMAL, [override])


def test_schema_shows_what_is_usual_and_why():
    sections = Case.model_json_schema()["$defs"]
    pressure = sections["Drive"]["properties"]["stack_pressure"]
    assert pressure["x-usual"] == "1 kPa to 500 MPa" and "0.5 GPa" in pressure["x-reason"]
    assert "x-usual" in str(sections["Film"]["properties"]["permeance"])


def test_every_range_is_within_what_is_allowed_and_has_a_reason():
    from solver.case.io import _models_in

    seen, left = set(), [Case]
    while left:
        model = left.pop()
        seen.add(model)
        for field in model.model_fields.values():
            left.extend(set(_models_in(field.annotation)) - seen)
            spec = spec_of(field)
            if spec and spec.usual:
                assert spec.usual.reason and spec.usual_bound(spec.usual.low) < spec.usual_bound(spec.usual.high)
                for bound in (spec.usual.low, spec.usual.high):
                    try:
                        spec.parse(bound)
                    except ValueRefused as error:
                        raise AssertionError(f"{model.__name__}: {bound}: {error}") from None
    assert len(seen) > 20
