"""Interface films and additives in a case: what follows from the material, and what a case may say instead."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from solver import materials
from solver.case.checks import find_warnings
from solver.case.io import CaseError, case_from_dict, load_case
from solver.case.report import print_report, rows
from solver.constants import FARADAY, GAS_CONSTANT
from solver.materials import Property

W = {"material": "W", "thickness": "30 nm"}
MO = {"material": "Mo", "thickness": "30 nm"}


def case(*overrides, interface=None, **sections):
    data = {
        "schema_version": 1,
        "drive": {"stack_pressure": "3 MPa"},
        "interface": interface or {},
        "protocol": [{"kind": "rest", "duration": "1 s"}],
    }
    return case_from_dict(data | sections, overrides)


@pytest.fixture
def permeable(monkeypatch):
    """Mo as if its file had a diffusivity of Li and an ionic conductivity, with an activation energy each."""
    load = materials.load

    def with_transport(name, *folder):
        material = load(name, *folder)
        transport = {
            "lithium_diffusivity": Property(3e-15, "m^2/s", "test", 30e3),
            "ionic_conductivity": Property(1e-4, "S/m", "test", 50e3),
        }
        return replace(material, properties=dict(material.properties) | transport) if name == "Mo" else material

    monkeypatch.setattr(materials, "load", with_transport)


def test_without_a_film_nothing_is_in_the_way():
    face = case().interface
    assert face.film is None and face.contact_angle == math.pi / 2
    assert (face.area_resistance, face.permeance) == (0.0, math.inf)


@pytest.mark.parametrize(("material", "degrees"), [("W", 125.0), ("Mg", 0.0), ("Mo", 90.0)])
def test_contact_angle_is_that_on_the_film_where_it_is_known(material, degrees):
    film = {"material": material, "thickness": "30 nm"}
    assert case(interface={"film": film}).interface.contact_angle == pytest.approx(math.radians(degrees))
    explicit = case(interface={"film": film, "contact_angle": "60 deg"})
    assert explicit.interface.contact_angle == pytest.approx(math.radians(60))


def test_energy_of_the_film_is_that_of_its_material_unless_the_case_gives_it():
    film = case(interface={"film": W}).interface.film
    assert film.lithium_interfacial_energy == pytest.approx(1.746, rel=1e-3)
    assert film.mouth_depth == 1e-6
    given = case(interface={"film": W | {"lithium_interfacial_energy": "-10 meV/angstrom^2"}}).interface.film
    assert given.lithium_interfacial_energy == pytest.approx(-0.1602, rel=1e-3)
    assert case(interface={"film": W | {"material": "Mg"}}).interface.film.lithium_interfacial_energy is None


def test_transport_follows_from_thickness_and_material(permeable):
    film = case(interface={"film": MO}).interface.film
    assert film.resistance == pytest.approx(30e-9 / 1e-4) and film.permeance == pytest.approx(3e-15 / 30e-9)
    given = case(interface={"film": MO | {"resistance": "2 ohm*cm^2", "permeance": "1 nm/s"}}).interface.film
    assert (given.resistance, given.permeance) == (2e-4, 1e-9)


def test_the_limiting_current_of_thirty_nanometres(permeable):
    """j_P = F D/(Omega d): 2.474 mA/cm2 for D = 1e-16 m2/s, thirty times that for 3e-15."""
    film = case(interface={"film": MO}).interface.film
    assert film.permeance * FARADAY / 13e-6 == pytest.approx(30 * 24.74, rel=1e-3)


def test_transport_is_that_of_the_temperature(permeable):
    lithium = {"diffusivity": "5e-14 m^2/s", "linear_annihilation_rate": "5e-4 1/(s*MPa)"}
    drive = {"stack_pressure": "3 MPa", "temperature": "60 degC"}
    hot = case(interface={"film": MO}, drive=drive, lithium=lithium, electrolyte=[{"conductivity": "5 mS/cm"}])
    inverse = (1 / 298.15 - 1 / 333.15) / GAS_CONSTANT
    assert hot.interface.film.resistance == pytest.approx(3e-4 * math.exp(-50e3 * inverse))
    assert hot.interface.film.permeance == pytest.approx(1e-7 * math.exp(30e3 * inverse))


def test_resistances_add_up():
    film = {"material": "LiPON", "thickness": "50 nm"}
    face = case(interface={"film": film, "contact_resistance": "3 ohm*cm^2"}).interface
    assert face.film.resistance == pytest.approx(5e-4)
    assert face.area_resistance == pytest.approx(8e-4)


def test_resolved_case_with_film_and_additive_reads_back_as_the_same_case(tmp_path):
    additive = {"material": "LiF", "weight_percent": 5, "film_thickness": "5 nm", "grain_size": "2 um"}
    first = case(interface={"film": W | {"permeance": "10 nm/s"}}, electrolyte=[{"additive": additive}])
    (tmp_path / "resolved.json").write_text(json.dumps(first.resolved()))
    assert load_case(tmp_path / "resolved.json").model_dump() == first.model_dump()


def test_report_shows_where_the_numbers_of_a_film_come_from(capsys):
    additive = {"material": "LiF", "weight_percent": 2, "film_thickness": "20 nm", "grain_size": "2 um"}
    shown = case(interface={"film": W}, electrolyte=[{"additive": additive}])
    table = {row.key: row for row in rows(shown)}
    assert (table["interface.contact_angle"].value, table["interface.contact_angle"].origin) == ("125 deg", "W.toml")
    assert table["interface.film.lithium_interfacial_energy"].value == "109 meV/angstrom^2"
    assert table["interface.film.lithium_interfacial_energy"].origin == "W.toml"
    assert table["interface.film.resistance"].origin == "default"
    assert table["electrolyte.0.additive.density"].origin == "LiF.toml"
    print_report(shown)
    assert "additive covers           0.393 of the grain boundaries of electrolyte.0\n" in capsys.readouterr().out


def test_stripping_more_than_the_film_lets_through_gives_a_warning():
    segment = {"kind": "galvanostatic", "direction": "strip", "current_density": "1 mA/cm^2", "duration": "60 s"}
    limited = {"film": W | {"permeance": "1e-9 m/s"}}
    (warning,) = find_warnings(case(interface=limited, protocol=[segment]))
    assert warning.startswith("protocol.0: strips with 1 mA/cm^2") and "at most 0.7422 mA/cm^2" in warning
    assert find_warnings(case(interface=limited, protocol=[segment | {"direction": "plate"}])) == []
    assert find_warnings(case(interface={"film": W}, protocol=[segment])) == []


def test_defects_need_the_interfacial_energy_of_the_layers_that_have_them():
    layers = [{}, {"material": "Li10SnP2S12"}]
    below = {"kind": "grain_boundaries", "grain_size": "2 um", "layers": [0]}
    assert case(electrolyte=layers, defects=[below]).electrolyte[1].lithium_interfacial_energy is None
    with pytest.raises(CaseError, match=r"electrolyte\.1\.lithium_interfacial_energy: missing"):
        case(electrolyte=layers, defects=[below, {"kind": "bulk"}])
    layers[1]["lithium_interfacial_energy"] = "-20 meV/angstrom^2"
    case(electrolyte=layers, defects=[{"kind": "bulk"}])


@pytest.mark.parametrize(
    ("film", "fragment"),
    [
        (W | {"material": "Wo"}, "material: value 'Wo': unknown film; allowed: one of Ag, AgF, Al, Au, Cr, Cu, "),
        (W | {"thickness": "-1 nm"}, "interface.film.thickness: value '-1 nm': out of range; allowed: a length > 0 nm"),
        (W | {"permeance": "1 m^2/s"}, "'m^2/s' is not a unit of permeance"),
        (W | {"permeance": "1e-9"}, "the unit is missing"),
        (W | {"resistance": "-1 ohm*cm^2"}, "interface.film.resistance: value '-1 ohm*cm^2': out of range"),
        (W | {"mouth_deph": "1 um"}, "unknown key; allowed: material, thickness, mouth_depth"),
        (W | {"lithium_interfacial_energy": "1 J"}, "'J' is not a unit of interfacial energy"),
    ],
    ids=lambda item: "" if isinstance(item, str) else "-".join(map(str, item.values()))[-24:],
)
def test_a_wrong_film_says_what_is_wrong(film, fragment):
    with pytest.raises(CaseError) as caught:
        case(interface={"film": film})
    assert fragment in str(caught.value)
    assert len(caught.value.lines) == 1


def test_a_film_whose_transport_is_unknown_at_the_temperature_says_so(permeable, monkeypatch):
    load = materials.load

    def without_activation(name, *folder):
        material = load(name, *folder)
        cold = {key: replace(entry, activation_energy=None) for key, entry in material.properties.items()}
        return replace(material, properties=cold) if name == "Mo" else material

    monkeypatch.setattr(materials, "load", without_activation)
    drive = {"stack_pressure": "3 MPa", "temperature": "60 degC"}
    wrong = r"Mo\.toml: ionic_conductivity: no activation_energy.* or interface\.film\.resistance in the case"
    with pytest.raises(CaseError, match=wrong):
        case(interface={"film": MO}, drive=drive)
    given = case(interface={"film": MO | {"resistance": "0 ohm*cm^2", "permeance": "1 um/s"}}, drive=drive)
    assert given.interface.permeance == 1e-6, "what the case gives is not looked up"


def test_permeance_of_tungsten_falls_with_its_thickness():
    """1e-8 m/s at 30 nm, by exp(-170/30) less at 200 nm: no diffusivity over a thickness."""
    thin, thick = (case(interface={"film": W | {"thickness": h}}).interface for h in ("30 nm", "200 nm"))
    assert thin.permeance == pytest.approx(1e-8)
    assert thick.permeance == pytest.approx(1e-8 * math.exp(-170 / 30))
    assert thin.film.opening_potential == pytest.approx(0.08)


def test_permeance_of_a_porous_film_is_that_of_the_walls_of_its_pores():
    """0.3 x 2 x 0.3 nm x 1e-10 m2/s/(50 nm x 10 um); finer pores have more wall."""
    carbon = {"material": "carbon", "thickness": "10 um"}
    assert case(interface={"film": carbon}).interface.permeance == pytest.approx(3.6e-8)
    finer = case(interface={"film": carbon | {"pore_radius": "10 nm"}}).interface
    assert finer.permeance == pytest.approx(1.8e-7)


def test_a_film_on_a_bare_collector_needs_a_permeance():
    """Chromium has none and no angle of nuclei: both are asked for; with both the film is a barrier."""
    collector = {"material": "steel", "nucleation": {}}
    own = {"material": "Cr", "thickness": "30 nm"}
    with pytest.raises(CaseError, match=r"contact_angle: missing, and there is no interface\.film\.material that"):
        case(interface={"film": own}, collector=collector)
    collector = {"nucleation": {"contact_angle": "20 deg"}}
    with pytest.raises(CaseError, match=r"interface\.film\.permeance: missing, and its material has none"):
        case(interface={"film": own}, collector=collector)
    found = case(interface={"film": own | {"permeance": "1 nm/s"}}, collector=collector)
    assert found.interface.permeance == 1e-9
    angle = case(interface={"film": W}, collector={"material": "steel", "nucleation": {}}).collector
    assert angle.nucleation.contact_angle == pytest.approx(math.radians(23))


def test_an_opening_is_a_voltage_that_plates():
    with pytest.raises(CaseError, match=r"interface\.film\.opening_potential: value '-1 mV': out of range"):
        case(interface={"film": W | {"opening_potential": "-1 mV"}})
    given = case(interface={"film": W | {"opening_potential": "0 mV"}}).interface.film
    assert given.opening_potential == 0.0
