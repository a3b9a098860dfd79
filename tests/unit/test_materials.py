"""Material data: complete, sourced, and errors that name file and key."""

import math
from dataclasses import replace

import pytest

from solver import materials
from solver.case.derived import annihilation_parameters
from solver.case.io import CaseError, case_from_dict
from solver.case.seed import steps_of
from solver.materials.lithiation import disorder
from solver.materials.shelf import Shelf

GOOD = """
name = "Salt"
kind = "electrolyte"
[conductivity]
value = "2 mS/cm"
source = "measured"
activation_energy = "30 kJ/mol"
"""


@pytest.mark.parametrize("name", materials.available())
def test_every_value_has_a_source(name):
    material = materials.load(name)
    assert material.properties
    for key, entry in material.properties.items():
        assert len(entry.source) > 15, key
        assert math.isfinite(entry.value)


def test_available_by_kind():
    assert {"Li6PS5Cl", "Li10SnP2S12"} <= set(materials.available("electrolyte"))
    assert "Li" in materials.available("metal")
    assert {"W", "Mg", "LiF"} <= set(materials.available("film"))
    by_kind = [name for kind in materials.PROPERTIES for name in materials.available(kind)]
    assert sorted(materials.available()) == sorted(by_kind)


def test_values_are_in_si():
    argyrodite, lithium = materials.load("Li6PS5Cl"), materials.load("Li")
    assert argyrodite.value("conductivity") == 0.18
    assert argyrodite.value("lithium_interfacial_energy") == pytest.approx(-0.5415, rel=1e-3)
    assert argyrodite.properties["toughness"].value == pytest.approx(0.23e6)
    assert materials.load("Li10SnP2S12").value("youngs_modulus") == 29.1e9
    assert argyrodite.value("density") == 1860.0
    assert materials.load("W").value("lithium_interfacial_energy") == pytest.approx(109 * 0.01602, rel=1e-3)
    assert materials.load("W").value("contact_angle") == pytest.approx(math.radians(125))
    assert materials.load("LiPON").value("ionic_conductivity") == 1e-4
    assert lithium.value("creep_activation_energy") == 37e3
    assert lithium.properties["linear_annihilation_rate"].unit == "1/(s*Pa)"


def test_lithium_gives_the_critical_stripping_currents_it_was_calibrated_on():
    # Kasemchainan 2019: 0.2 mA/cm^2 at 3 MPa, 1.0 mA/cm^2 at 7 MPa
    value = materials.load("Li").value
    for pressure, measured in ((3e6, 2.0), (7e6, 10.0)):
        creep = value("creep_prefactor") * math.exp(
            -value("creep_activation_energy") / (materials.GAS_CONSTANT * 298.15)
        )
        stress = pressure / 1e6 / value("size_effect_strengthening")
        rate = creep * stress ** value("creep_exponent") + value("linear_annihilation_rate") * pressure
        flux = math.sqrt(value("diffusivity") * rate) * value("critical_vacancy_fraction")
        critical = 96485.33212 / value("molar_volume") * flux
        assert critical == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize(
    ("name", "bulk", "shear"), [("Li6PS5Cl", 28.7e9, 8.1e9), ("Li10SnP2S12", 23.5e9, 11.2e9)]
)
def test_elastic_constants_are_those_of_the_source(name, bulk, shear):
    # Deng et al. 2016, Table III, gives bulk and shear modulus beside E and nu, all rounded
    e, nu = materials.load(name).value("youngs_modulus"), materials.load(name).value("poisson_ratio")
    assert e / (2 * (1 + nu)) == pytest.approx(shear, rel=0.02)
    assert e / (3 * (1 - 2 * nu)) == pytest.approx(bulk, rel=0.04)


def test_interfacial_energies_are_in_the_order_of_the_sources():
    """Of the facet (100): Li6PS5Cl < Li2S < LiF < Ti < Mo < Cr < W; Mg dissolves in Li and has none."""
    names = ["Li6PS5Cl", "Li2S", "LiF", "Ti", "Mo", "Cr", "W"]
    energies = [materials.load(name).value("lithium_interfacial_energy") for name in names]
    assert energies == sorted(energies)
    assert "lithium_interfacial_energy" not in materials.load("Mg").properties


def test_density_is_that_of_the_unit_cell():
    """Li6PS5Cl: 4 formula units of 268.36 g/mol in (9.86 angstrom)^3."""
    cell = 4 * 268.36e-3 / 6.02214076e23 / 9.86e-10**3
    assert materials.load("Li6PS5Cl").value("density") == pytest.approx(cell, rel=2e-3)


HOST = """
name = "Host"
kind = "film"
[lithiation]
steps = [{ composition = 1.0, potential = "0.3 V" }, { composition = 2.0, potential = "0.2 V", end = "50 mV" }]
source = "made up"
"""


def test_steps_of_a_host(tmp_path):
    host = materials.load("Host", write(tmp_path, HOST, "Host")).lithiation
    assert [(s.composition, s.potential, s.end) for s in host.steps] == [(1.0, 0.3, None), (2.0, 0.2, 0.05)]
    assert not host.one_phase and materials.load("W").lithiation is None


HOSTS = [name for name in materials.available("film") if materials.load(name).lithiation]


@pytest.mark.parametrize("name", HOSTS)
def test_every_host_is_complete_and_sourced(name):
    """What is from memory says so, and only Ag and Mg go on into Li as one phase."""
    material = materials.load(name)
    assert {"molar_volume", "lithium_volume"} <= material.properties.keys()
    assert len(material.lithiation.source) > 40 and material.lithiation.one_phase == (name in ("Ag", "AgF", "Mg"))
    assert ("not checked" in material.lithiation.source) == (name not in ("Al", "Au", "MoS2"))


CONVERTED = {
    "AgF": (1.0, 11.0),
    "Cu2Te": (2.0, 2.0),
    "In2O3": (6.0, 14.66),
    "MoS2": (4.0, 4.0),
    "SnO2": (4.0, 8.4),
    "ZnO": (2.0, 3.0),
}


@pytest.mark.parametrize("name", HOSTS)
def test_compounds_bind_li_for_good_and_their_products_take_more(name):
    """Li that is bound, and all of it, of a formula unit; a metal binds none."""
    steps = steps_of(materials.load(name), Shelf())
    irreversible = [step.composition for step in steps if step.irreversible]
    most = steps[-1].composition
    assert (max(irreversible, default=0.0), most) == pytest.approx(CONVERTED.get(name, (0.0, most)))
    assert not disorder(steps)


@pytest.mark.parametrize(
    ("name", "products", "volume", "taken"),  # cm3/mol of the products, and of 8.9 cm3/mol each what they take
    [
        ("MoS2", (9.38, 27.68, 27.68), 31.64, 0),
        ("AgF", (10.27, 9.82), 21.7, 10),
        ("ZnO", (9.16, 14.84), 14.5, 1),
        ("SnO2", (16.29, 2 * 14.84), 21.7, 4.4),
        ("In2O3", (2 * 15.76, 3 * 14.84), 38.7, 8.66),
    ],
)
def test_full_compounds_have_the_volume_of_what_they_have_become(name, products, volume, taken):
    material = materials.load(name)
    most = steps_of(material, Shelf())[-1].composition
    full = 1e6 * (material.value("molar_volume") + most * material.value("lithium_volume"))
    assert full == pytest.approx(sum(products) + 8.9 * taken, rel=2e-2)
    assert material.value("molar_volume") == pytest.approx(volume * 1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"products": {"gold": 1.0}}, "products.gold: unknown film; allowed: one of"),
        ({"products": {"W": 1.0}}, "products.W: not a material with steps of its own and no products"),
        ({"products": {"AgF": 1.0}}, "products.AgF: not a material with steps of its own and no products"),
        ({"products": {"Sn": 1.0}}, "products.Sn: takes Li at 0.76 V, where it is not there yet; allowed: below 0.7 V"),
    ],
)
def test_products_that_cannot_be_are_refused(changes, said):
    steps = [{"composition": 2.0, "potential": "0.7 V", "irreversible": True}]
    lithiation = {"steps": steps, "products": {"Zn": 2.0}, "source": "made up"} | changes
    shelf = Shelf({"Salt": {"name": "Salt", "kind": "film", "lithiation": lithiation}})
    material = shelf.load("Salt")
    if said:
        with pytest.raises(materials.MaterialError) as refused:
            steps_of(material, shelf)
        assert str(refused.value).startswith(f"materials.Salt: lithiation: {said}")
    else:
        assert [step.composition for step in steps_of(material, shelf)] == pytest.approx([2.0, 2.8, 3.0, 3.34, 4.0])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('source = "made up"', "", "source is missing"),
        ('source = "made up"', 'source = "x"\none_phase = 1', "one_phase is not true or false"),
        ('source = "made up"', 'source = "x"\nphases = 1', "not such a table"),
        ('potential = "0.3 V"', 'potential = "0.2 V"', "from step to step the composition must rise"),
        ("composition = 2.0", "composition = 1.0", "from step to step the composition must rise"),
        ('end = "50 mV"', 'end = "0.3 V"', "must be below that at its start"),
        ('potential = "0.3 V"', 'potential = "0.3 A"', "'A' is not a unit of potential"),
        ('potential = "0.3 V"', "volts = 1", "a step that is not one"),
        ('potential = "0.3 V"', 'potential = "0.3 V", irreversible = 1', "irreversible is not true or false"),
        ('source = "made up"', 'source = "x"\nproducts = ["Ag"]', "products is not a table"),
        ('source = "made up"', 'source = "x"\nproducts = { Ag = 0 }', "out of range"),
    ],
)
def test_steps_that_are_wrong_are_refused(tmp_path, old, new, said):
    assert old in HOST
    with pytest.raises(materials.MaterialError, match=rf"^Host\.toml: lithiation: .*{said}"):
        materials.load("Host", write(tmp_path, HOST.replace(old, new), "Host"))


def write(folder, text, name="Salt"):
    (folder / f"{name}.toml").write_text(text)
    return folder


def test_activation_energy_gives_the_value_at_another_temperature(tmp_path):
    salt = materials.load("Salt", write(tmp_path, GOOD))
    assert salt.value("conductivity") == 0.2
    factor = math.exp(-30e3 / materials.GAS_CONSTANT * (1 / 333.15 - 1 / 298.15))
    assert salt.value("conductivity", 333.15) == pytest.approx(0.2 * factor, rel=1e-12)
    assert factor > 3


@pytest.mark.parametrize(
    ("name", "key", "energy", "grows"),  # grows: from 25 to 60 degC, exp(E/R 3.52372e-4/K) by hand
    [
        ("Li6PS5Cl", "conductivity", 33.8e3, 4.190),
        ("Li", "diffusivity", 52.8e3, 9.373),
        ("Li", "surface_diffusivity", 24.7e3, 2.849),
        ("Li", "linear_annihilation_rate", 52.8e3, 9.373),
        ("LiPON", "ionic_conductivity", 51.1e3, 8.721),
        ("Li", "youngs_modulus", 0.0, 1.0),  # does not depend on it
    ],
)
def test_installed_materials_at_60_degrees(name, key, energy, grows):
    material = materials.load(name)
    factor = material.value(key, 333.15) / material.value(key)
    assert factor == pytest.approx(grows, rel=1e-3)
    assert factor == pytest.approx(math.exp(energy / 8.314462618 * (1 / 298.15 - 1 / 333.15)), rel=1e-9)


def test_a_case_at_60_degrees_has_the_values_of_its_temperature():
    """Li and Li6PS5Cl know theirs; what the case gives is that of its temperature."""
    data = {
        "schema_version": 1,
        "drive": {"stack_pressure": "3 MPa", "temperature": "60 degC"},
        "protocol": [{"kind": "rest", "duration": "1 s"}],
    }
    case, cold = case_from_dict(data), case_from_dict(data | {"drive": {"stack_pressure": "3 MPa"}})
    assert case.electrolyte[0].conductivity == pytest.approx(0.18 * 4.190, rel=1e-3)
    assert case.lithium.diffusivity == pytest.approx(1.35e-14 * 9.373, rel=1e-3)
    assert case.interface.exchange_current_density == pytest.approx(25.0 * 4.190, rel=1e-3)
    assert cold.interface.exchange_current_density == 25.0
    rates = annihilation_parameters(case).rate(3e6), annihilation_parameters(cold).rate(3e6)
    assert 37e3 < math.log(rates[0] / rates[1]) / 3.52372e-4 * 8.314462618 < 52.8e3, "creep and diffusion"
    given = case_from_dict(data | {"interface": {"exchange_current_density": "9 mA/cm^2"}})
    assert given.interface.exchange_current_density == 90.0


def test_an_electrolyte_without_an_exchange_current_has_the_usual_one_at_25_degrees_only():
    data = {
        "schema_version": 1,
        "drive": {"stack_pressure": "3 MPa"},
        "electrolyte": [{"material": "Li10SnP2S12", "conductivity": "9 mS/cm"}],
        "protocol": [{"kind": "rest", "duration": "1 s"}],
    }
    assert case_from_dict(data).interface.exchange_current_density == 25.0
    warm = data | {"drive": {"stack_pressure": "3 MPa", "temperature": "60 degC"}}
    with pytest.raises(CaseError) as raised:
        case_from_dict(warm)
    assert "Li10SnP2S12.toml has no exchange_current_density" in str(raised.value)
    assert "interface.exchange_current_density in the case" in str(raised.value)
    given = case_from_dict(warm | {"interface": {"exchange_current_density": "9 mA/cm^2"}})
    assert given.interface.exchange_current_density == 90.0


def test_temperature_is_allowed_when_the_case_gives_what_the_material_lacks():
    drive = {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2", "temperature": "60 degC"}
    protocol = [{"kind": "rest", "duration": "1 s"}]
    lithium = {"diffusivity": "5e-14 m^2/s", "linear_annihilation_rate": "5e-4 1/(s*MPa)"}
    electrolyte = [{"conductivity": "5 mS/cm"}]
    data = {
        "schema_version": 1,
        "drive": drive,
        "protocol": protocol,
        "electrolyte": electrolyte,
        "lithium": lithium,
    }
    case = case_from_dict(data)
    assert case.drive.temperature == pytest.approx(333.15)
    assert (case.electrolyte[0].conductivity, case.lithium.diffusivity) == (0.5, 5e-14)
    assert case.lithium.creep_prefactor == 42500.0
    assert (case.electrolyte[0].youngs_modulus, case.lithium.youngs_modulus) == (22e9, 7.8e9)


def soft(**keys):
    """A case whose second layer is of Li10SnP2S12, with some of its keys given."""
    layers = [{}, {"material": "Li10SnP2S12"} | keys]
    drive = {"stack_pressure": "3 MPa"}
    return {
        "schema_version": 1,
        "drive": drive,
        "protocol": [{"kind": "rest", "duration": "1 s"}],
        "electrolyte": layers,
    }


def test_case_must_give_what_the_material_lacks(monkeypatch):
    load = materials.load

    def without_elastic_constants(name, *folder):
        material = load(name, *folder)
        given = {k: v for k, v in material.properties.items() if k not in ("youngs_modulus", "poisson_ratio")}
        return replace(material, properties=given) if name == "Li10SnP2S12" else material

    monkeypatch.setattr(materials, "load", without_elastic_constants)
    with pytest.raises(CaseError) as caught:
        case_from_dict(soft())
    missing = "missing; Li10SnP2S12.toml does not have it, so the case must give it; allowed:"
    assert caught.value.lines == (
        f"case: electrolyte.1.youngs_modulus: {missing} a Young's modulus > 0 GPa",
        f"case: electrolyte.1.poisson_ratio: {missing} a number >= 0 and < 0.5",
    )
    with pytest.raises(CaseError, match=r"^case: electrolyte\.1\.poisson_ratio: missing; [^\n]*$"):
        case_from_dict(soft(youngs_modulus="20 GPa"))
    layer = case_from_dict(soft(youngs_modulus="20 GPa", poisson_ratio=0.3)).electrolyte[1]
    assert (layer.youngs_modulus, layer.poisson_ratio) == (20e9, 0.3)


@pytest.mark.parametrize(
    ("old", "new", "fragment"),
    [
        ('name = "Salt"', 'name = "Sugar"', "Salt.toml: name: must be 'Salt'"),
        ('"electrolyte"', '"oxide"', "Salt.toml: kind: value 'oxide'; allowed: metal, electrolyte, film"),
        ("[conductivity]", "[conductvity]", "conductvity: unknown property of kind 'electrolyte'"),
        ("[conductivity]", "[conductvity]", "did you mean 'conductivity'?"),
        (
            "[conductivity]",
            "[poisson_ratio]",
            "poisson_ratio.activation_energy: this property does not depend",
        ),
        (
            "2 mS/cm",
            "2 MPa",
            "Salt.toml: conductivity.value: value '2 MPa': 'MPa' is not a unit of conductivity",
        ),
        (
            GOOD[GOOD.index("[conductivity]") :],
            '[poisson_ratio]\nvalue = -0.1\nsource = "foam"\n',
            "Salt.toml: poisson_ratio.value: value -0.1: out of range; allowed: a number >= 0 and < 0.5",
        ),
        ("30 kJ/mol", "30 kJ", "conductivity.activation_energy: value '30 kJ'"),
        ('"2 mS/cm"', "2", "conductivity.value: value 2: a number without a unit"),
        ('source = "measured"\n', "", "conductivity.source: missing; every value needs its source"),
        ('source = "measured"', 'source = " "', "conductivity.source: missing"),
        ('source = "measured"', 'source = "measured"\nnote = "x"', "conductivity.note: unknown key"),
        ('value = "2 mS/cm"\n', "", "conductivity: must be a table with value and source"),
        ("value =", "value", "Salt.toml: not valid TOML"),
    ],
)
def test_malformed_file_says_what_is_wrong(tmp_path, old, new, fragment):
    assert old in GOOD
    with pytest.raises(materials.MaterialError) as caught:
        materials.load("Salt", write(tmp_path, GOOD.replace(old, new)))
    assert fragment in str(caught.value)


def test_required_property_is_missing(tmp_path):
    with pytest.raises(
        materials.MaterialError, match=r"Salt\.toml: conductivity: missing \(ionic conductivity\)"
    ):
        materials.load("Salt", write(tmp_path, 'name = "Salt"\nkind = "electrolyte"\n'))


def test_unknown_material_and_property():
    with pytest.raises(materials.MaterialError, match="did you mean 'Li6PS5Cl'"):
        materials.load("Li6PS5CI")
    with pytest.raises(materials.MaterialError, match=r"unknown material '\.\./materials/Li'"):
        materials.load("../materials/Li")
    with pytest.raises(materials.MaterialError, match=r"Li\.toml: colour"):
        materials.load("Li").value("colour")
