"""Materials of a case: in the case itself, in files beside it, installed; what is wrong with them; where they count."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from solver import materials
from solver.__main__ import app
from solver.case.io import CaseError, load_case
from solver.case.report import rows
from solver.materials.shelf import Shelf
from solver.output.present import copies
from solver.study.folder import _present, write
from solver.study.sweep import expand
from solver.units import ValueRefused

SALT = """name = "{name}"
kind = "electrolyte"
[conductivity]
value = "{value}"
source = "measured"
[youngs_modulus]
value = "20 GPa"
source = "measured"
[poisson_ratio]
value = 0.3
source = "measured"
"""
FILM = """name = "{name}"
kind = "film"
[contact_angle]
value = "{value}"
source = "measured"
"""
CASE = """schema_version = 1
[drive]
stack_pressure = "3 MPa"
[[electrolyte]]
material = "{material}"
[[protocol]]
kind = "rest"
duration = "1 s"
"""
INLINE = """[materials.{name}]
name = "{name}"
kind = "electrolyte"
conductivity = {{ value = "{value}", source = "measured" }}
youngs_modulus = {{ value = "20 GPa", source = "measured" }}
poisson_ratio = {{ value = 0.3, source = "measured" }}
"""


def salt(folder: Path, value: str = "2 mS/cm", name: str = "Salt") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(SALT.format(name=name, value=value))
    return path


def case(folder: Path, material: str = "Salt", *more: str) -> Path:
    path = folder / "case.toml"
    path.write_text(CASE.format(material=material) + "".join(more))
    return path


def conductivity(path: Path) -> float:
    return load_case(path).electrolyte[0].conductivity


def refused(path: Path) -> str:
    with pytest.raises(CaseError) as caught:
        load_case(path)
    (line,) = caught.value.lines
    assert "\n" not in line
    return line


def test_the_case_comes_before_a_file_beside_it_and_that_before_the_installed_one(tmp_path):
    path = case(tmp_path, "Li6PS5Cl")
    assert conductivity(path) == 0.18
    salt(tmp_path, "3 mS/cm", "Li6PS5Cl")
    assert conductivity(path) == pytest.approx(0.3)
    case(tmp_path, "Li6PS5Cl", INLINE.format(name="Li6PS5Cl", value="4 mS/cm"))
    assert conductivity(path) == pytest.approx(0.4)


def test_defaults_are_looked_for_beside_the_case_too(tmp_path):
    metal = (Path(materials.__file__).parent / "Li.toml").read_text()
    assert '"13.0 cm^3/mol"' in metal
    (tmp_path / "Li.toml").write_text(metal.replace('"13.0 cm^3/mol"', '"14 cm^3/mol"'))
    assert load_case(case(tmp_path, "Li6PS5Cl")).lithium.molar_volume == pytest.approx(14e-6)


def test_films_layers_and_additives_are_looked_for_beside_the_case(tmp_path):
    for name, value in (("Skin", "40 deg"), ("Grit", "60 deg")):
        (tmp_path / f"{name}.toml").write_text(
            FILM.format(name=name, value=value)
            + '[density]\nvalue = "2 g/cm^3"\nsource = "measured"\n'
            + '[lithium_interfacial_energy]\nvalue = "10 meV/angstrom^2"\nsource = "measured"\n'
        )
    salt(tmp_path)
    film = '[interface.film]\nmaterial = "Skin"\nthickness = "30 nm"\n[[electrolyte]]\nmaterial = "Li6PS5Cl"\n'
    additive = 'additive = {material = "Grit", weight_percent = 5, film_thickness = "2 nm", grain_size = "2 um"}\n'
    loaded = load_case(case(tmp_path, "Salt", film, additive))
    assert loaded.interface.contact_angle == pytest.approx(0.698132, rel=1e-6)
    assert loaded.electrolyte[1].additive.density == 2000.0  # type: ignore[union-attr]  # there is one
    assert set(loaded.materials) == {"Salt", "Skin", "Grit"}
    assert {path.name for path in loaded.source.materials} == {"Salt.toml", "Skin.toml", "Grit.toml"}


def test_a_case_beside_is_no_material(tmp_path):
    (tmp_path / "Li.toml").write_text(CASE.format(material="Li6PS5Cl"))
    assert load_case(tmp_path / "Li.toml").lithium.molar_volume == materials.load("Li").value("molar_volume")


def test_where_a_value_comes_from_is_told(tmp_path):
    salt(tmp_path)
    found = {row.key: row.origin for row in rows(load_case(case(tmp_path)))}
    assert found["electrolyte.0.conductivity"] == "Salt.toml" and found["materials.Salt"] == "Salt.toml beside it"
    own = case(tmp_path, "Salt", INLINE.format(name="Salt", value="1 S/m"))
    found = {row.key: row.origin for row in rows(load_case(own))}
    assert found["materials.Salt"] == "case"
    assert CliRunner().invoke(app, ["check", str(tmp_path / "case.toml")]).exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"2 mS/cm"', '"2 MPa"', "conductivity.value: value '2 MPa': 'MPa' is not a unit of conductivity; allowed: "),
        ('name = "Salt"', 'name = "Sugar"', "name: must be 'Salt', the same as the file"),
        ("[conductivity]", "[conductvity]", "did you mean 'conductivity'?"),
        ('kind = "electrolyte"', 'kind = ["electrolyte"]', "kind: value ['electrolyte']; allowed: metal, electrolyte"),
        ("value =", "value", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_file_key_and_value(tmp_path, old, new, expected):
    path = salt(tmp_path)
    path.write_text(path.read_text().replace(old, new, 1))
    line = refused(case(tmp_path))
    assert line.startswith(f"{tmp_path}/case.toml: electrolyte.0.material: value 'Salt': {path}: ") and expected in line


def test_what_is_wrong_with_a_table_is_named_with_key_and_value(tmp_path):
    line = refused(case(tmp_path, "Li6PS5Cl", INLINE.format(name="Salt", value="2 MPa")))
    assert "case.toml: materials.Salt: conductivity.value: value '2 MPa': 'MPa' is not a unit" in line
    line = refused(case(tmp_path, "Li6PS5Cl", "[materials]\nSalt = 3\n"))
    assert "materials.Salt: not a table; allowed: name, kind" in line
    path = case(tmp_path, "Li6PS5Cl")
    path.write_text("materials = 3\n" + path.read_text())
    assert "materials: value 3: not a table; allowed: a table" in refused(path)


@pytest.mark.parametrize("name", ["../Salt", "/Salt", "a/b", "..", ".a", "", "a..b", "N" * 5000, "a\\\\b", "a\\nb"])
def test_a_name_that_could_lead_elsewhere_is_refused_in_words(tmp_path, name):
    salt(tmp_path)
    (tmp_path / "inside").mkdir()
    line = refused(case(made(tmp_path / "inside" / "deeper"), name))
    assert "electrolyte.0.material: value " in line and "not the name of a material; allowed: letters, digits" in line
    assert len(line) < 400 + len(str(tmp_path))


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_the_nearest_name_and_the_kind_are_told(tmp_path):
    salt(tmp_path)
    line = refused(case(tmp_path, "Sallt"))
    assert "unknown electrolyte; allowed: one of Li10SnP2S12, Li6PS5Cl, Salt; did you mean 'Salt'?" in line
    (tmp_path / "Skin.toml").write_text(FILM.format(name="Skin", value="40 deg"))
    (tmp_path / "Broken.toml").write_text("[")
    line = refused(case(tmp_path, "Skin"))
    assert f"unknown electrolyte; {tmp_path}/Skin.toml is of the kind 'film'; allowed: one of" in line


def test_what_is_no_file_is_passed_over(tmp_path):
    os.mkfifo(tmp_path / "Salt.toml")
    (tmp_path / "Li.toml").mkdir()
    assert "unknown electrolyte" in refused(case(tmp_path))


def test_the_content_counts_in_the_hash_but_not_its_layout(tmp_path):
    path = case(tmp_path)
    file = salt(tmp_path)
    digest = load_case(path).source.digest
    file.write_text("# a remark\n" + file.read_text())
    assert load_case(path).source.digest == digest
    salt(tmp_path, "3 mS/cm")
    assert load_case(path).source.digest != digest
    plain = case(tmp_path, "Li6PS5Cl")
    before = load_case(plain).source.digest
    salt(tmp_path, "4 mS/cm")
    assert load_case(plain).source.digest == before  # it does not name it


def test_a_resolved_case_is_read_again_without_the_file(tmp_path):
    salt(tmp_path)
    loaded = load_case(case(tmp_path))
    alone = made(tmp_path / "alone") / "resolved.json"
    alone.write_bytes(copies(loaded, tmp_path)["resolved.json"])
    again = load_case(alone)
    assert again.resolved() == loaded.resolved() and again.electrolyte[0].conductivity == pytest.approx(0.2)
    assert json.loads(alone.read_text())["materials"]["Salt"]["conductivity"]["value"] == "2 mS/cm"
    assert "materials" not in load_case(case(tmp_path, "Li6PS5Cl")).resolved()


def test_the_case_in_results_carries_its_materials(tmp_path):
    salt(tmp_path)
    loaded = load_case(case(tmp_path))
    results = made(tmp_path / "results")
    for name, content in copies(loaded, results).items():
        (results / name).write_bytes(content)
    assert load_case(results / "case.toml").source.digest == loaded.source.digest
    assert tomllib.loads((results / "case.toml").read_text())["materials"].keys() == {"Salt"}
    plain = load_case(case(tmp_path, "Li6PS5Cl"))
    assert copies(plain, results)["case.toml"].decode() == plain.source.text


def test_points_of_a_sweep_carry_their_materials(tmp_path):
    file = salt(tmp_path)
    path = case(tmp_path, "Salt", '[sweep.grid]\n"electrolyte.0.material" = ["Salt", "Li6PS5Cl"]\n')
    found = expand(path)
    runs = made(tmp_path / "runs")
    assert write(found, runs) == []
    first, second = (runs / point.id / "case.toml" for point in found)
    assert tomllib.loads(first.read_text())["materials"].keys() == {"Salt"} and "materials" not in second.read_text()
    assert [load_case(one).source.digest for one in (first, second)] == [point.digest for point in found]
    assert [_present(one.parent) for one in (first, second)] == [point.digest for point in found]
    assert conductivity(first) == pytest.approx(0.2)
    file.write_text(file.read_text().replace("2 mS", "5 mS"))
    assert [point.id in message for point, message in zip(expand(path)[:1], write(expand(path), runs), strict=True)]
    assert conductivity(first) == pytest.approx(0.5)


def test_materials_that_are_not_there_are_sought_once(tmp_path, monkeypatch):
    """Many layers and many tables: each name would be compared with each."""
    parsed: list[str] = []
    parse = materials.parse
    monkeypatch.setattr(materials, "parse", lambda file, *more: parsed.append(file) or parse(file, *more))
    shelf = Shelf({f"M{k}": {"name": f"M{k}", "kind": "electrolyte"} for k in range(200)}, tmp_path)
    hints = []
    for number in range(100):
        with pytest.raises(ValueRefused, match="unknown electrolyte") as refused:
            shelf.of_kind(f"Li6PS5C{number}", "electrolyte")
        hints.append(refused.value.suggestion)
    assert len(parsed) < 300 and (hints[0], hints[-1]) == ("Li6PS5Cl", "")
