"""A good case: defaults, SI values, overrides, round trip, warnings, what `check` and `schema` print."""

import json
import math
import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from solver.case.checks import cells_per_width, find_warnings
from solver.case.cost import cost
from solver.case.io import CaseError, apply_override, case_from_dict, load_case
from solver.case.report import print_report, rows
from solver.case.schema import ALL_FIELDS, Case
from solver.laws.vacancies import void_half_width
from solver.model.catalogue import FIELDS
from tests.mpi import run_ranks
from tests.unit.test_case_errors import lifront

ROOT = Path(__file__).parents[2]
MINIMAL = ROOT / "cases/minimal.toml"

FULL = """
schema_version = 1
title = "everything"
[domain]
dimension = 3
width = "10 um"
depth = "8 um"
lithium_thickness = "25 um"
lateral = "symmetric"
[[electrolyte]]
material = "Li6PS5Cl"
thickness = "5 um"
[[electrolyte]]
material = "Li10SnP2S12"
thickness = "7 um"
conductivity = "4 mS/cm"
youngs_modulus = "20 GPa"
poisson_ratio = 0.3
residual_stress = "-5 MPa"
[grid]
spacing = "50 nm"
fine_depth = "3 um"
growth = 1.2
max_spacing = "0.5 um"
[interface]
width = "0.1 um"
contact_angle = "125 deg"
exchange_current_density = "25 A/m^2"
transfer_coefficient = 0.4
double_layer_capacitance = "10 uF/cm^2"
contact_resistance = "3 ohm*cm^2"
roughness = { amplitude = "100 nm", correlation_length = "2 um", seed = 7 }
[interface.heterogeneity]
kind = "patches"
patches = [{ centre = ["5 um", "4 um"], radius = "1 um", factor = 0.1 }]
[lithium]
surface_energy = "0.3 J/m^2"
diffusivity = "1e-14 m^2/s"
noise_amplitude = 1
noise_seed = 5
youngs_modulus = "5 GPa"
poisson_ratio = 0.36
[[lithium.voids]]
centre = ["5 um", "4 um", "-1 um"]
radius = "0.5 um"
[drive]
stack_pressure = "3 MPa"
current_density = "1 mA/cm^2"
temperature = "25 degC"
series_resistance = "20 ohm*cm^2"
voltage_limit = "150 mV"
[mechanics]
platen = true
fixture_stiffness = "3 MPa/um"
void_viscosity = "1 MPa*s"
tolerance = 1e-6
max_iterations = 50
linear_solver = "direct"
[mechanics.buffer]
thickness = "100 um"
youngs_modulus = "600 MPa"
[[protocol]]
kind = "rest"
duration = "5 min"
[[protocol]]
kind = "loop"
repeat = 2
[[protocol.segments]]
kind = "galvanostatic"
direction = "strip"
capacity = "1 mAh/cm^2"
[[protocol.segments]]
kind = "cc-cv"
direction = "plate"
current_density = "0.5 mA/cm^2"
voltage = "100 mV"
cutoff_current_density = "50 uA/cm^2"
[[protocol]]
kind = "potentiostatic"
voltage = "-10 mV"
duration = "1 h"
[[protocol]]
kind = "profile"
file = "profile_good.csv"
[time]
fixed_step = "1 s"
[output]
fields = ["lithium", "potential"]
"""


@pytest.fixture(scope="module")
def minimal():
    return load_case(MINIMAL)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    (folder / "profile_good.csv").write_text((ROOT / "tests/data/bad_cases/profile_good.csv").read_text())
    (folder / "case.toml").write_text(FULL)
    return load_case(folder / "case.toml")


def plain(**changes):
    """A small case as a dictionary."""
    data = {
        "schema_version": 1,
        "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "strip", "duration": "60 s"}],
    }
    return data | changes


def test_defaults_are_complete_and_in_si(minimal):
    assert minimal.domain.lateral_extents == (20e-6,)
    assert minimal.grid.spacing == pytest.approx(minimal.interface.width / 2, rel=1e-15)
    assert [layer.conductivity for layer in minimal.electrolyte] == [0.18]
    assert minimal.electrolyte_thickness == 1e-5
    assert minimal.lithium.surface_energy == 0.5
    assert minimal.lithium.molar_volume == 1.3e-5
    assert minimal.lithium.diffusivity == 1.35e-14
    assert minimal.lithium.linear_annihilation_rate == 1.6e-10
    assert minimal.interface.contact_angle == math.pi / 2
    assert minimal.drive.temperature == 298.15
    layer, mechanics = minimal.electrolyte[0], minimal.mechanics
    assert (layer.youngs_modulus, layer.poisson_ratio, layer.residual_stress) == (22e9, 0.37, 0.0)
    assert (minimal.lithium.youngs_modulus, minimal.lithium.poisson_ratio) == (7.8e9, 0.38)
    assert mechanics.platen and mechanics.buffer is None and mechanics.stiffness == 0.0
    assert mechanics.void_viscosity == 1e5
    assert minimal.protocol[0].current_density == 5.0
    assert minimal.protocol[0].capacity == 3600.0
    assert find_warnings(minimal) == []


def test_every_key_can_be_given(full):
    assert full.domain.lateral_extents == (10e-6, 8e-6)
    assert [layer.conductivity for layer in full.electrolyte] == [0.18, 0.4]
    assert full.interface.heterogeneity.patches[0].centre == (5e-6, 4e-6)
    assert full.lithium.voids[0].centre == (5e-6, 4e-6, -1e-6)
    assert (full.lithium.surface_energy, full.lithium.diffusivity) == (0.3, 1e-14)
    assert [layer.youngs_modulus for layer in full.electrolyte] == [22e9, 20e9]
    assert [layer.poisson_ratio for layer in full.electrolyte] == [0.37, 0.3]
    assert [layer.residual_stress for layer in full.electrolyte] == [0.0, -5e6]
    assert (full.lithium.youngs_modulus, full.lithium.poisson_ratio) == (5e9, 0.36)
    assert (full.mechanics.void_viscosity, full.mechanics.linear_solver) == (1e6, "direct")
    assert full.interface.double_layer_capacitance == 0.1
    assert full.drive.series_resistance == 2e-3
    assert full.protocol[1].segments[0].current_density == 10.0
    assert full.protocol[1].segments[1].cutoff_current_density == 0.5
    assert full.protocol[3].table.current_density == (0.0, -10.0, -10.0)
    assert full.protocol[3].table.stack_pressure == (3e6, 3e6, 3.5e6)


def test_fixture_and_buffer_are_in_series(full):
    # 3 MPa/um, and 600 MPa over 100 um: 6 MPa/um; together 3 * 6 / (3 + 6) = 2 MPa/um
    assert full.mechanics.stiffness == pytest.approx(2e12, rel=1e-14)
    alone = load_case(MINIMAL, ["mechanics.fixture_stiffness=3 MPa/um"])
    assert alone.mechanics.stiffness == pytest.approx(3e12, rel=1e-14)


def test_dimension_fills_in_the_extents():
    assert case_from_dict(plain(domain={"dimension": 1})).domain.lateral_extents == ()
    assert case_from_dict(plain()).domain.lateral_extents == (20e-6,)
    three = case_from_dict(plain(domain={"dimension": 3, "width": "5 um"}))
    assert three.domain.lateral_extents == (5e-6, 5e-6)


@pytest.mark.parametrize("name", ["minimal", "full"])
def test_resolved_case_reads_back_as_the_same_case(name, request, tmp_path):
    case = request.getfixturevalue(name)
    (tmp_path / "resolved.json").write_text(json.dumps(case.resolved()))
    again = load_case(tmp_path / "resolved.json")
    assert again.model_dump() == case.model_dump()
    assert again.resolved() == case.resolved()


def test_case_is_immutable_and_can_be_sent_to_other_ranks(full):
    with pytest.raises(ValidationError):
        full.drive.stack_pressure = 1.0
    again = pickle.loads(pickle.dumps(full))
    assert again == full and again.source == full.source
    error = pickle.loads(pickle.dumps(CaseError(["a", "b"])))
    assert error.lines == ("a", "b") and str(error) == "a\nb"


def test_source_tells_where_the_case_came_from():
    case = load_case(MINIMAL, ["drive.stack_pressure=4 MPa"])
    assert case.source.text == MINIMAL.read_text()
    assert case.source.path == str(MINIMAL)
    assert case.source.overrides == ("drive.stack_pressure=4 MPa",)
    assert "interface.heterogeneity.kind" in case.source.keys
    assert "protocol.0.capacity" in case.source.keys


def test_overrides_change_what_the_file_says():
    overrides = [
        'drive.current_density="2 mA/cm^2"',  # as TOML
        "electrolyte.0.thickness=12 um",  # as text; the list is made
        "electrolyte.1.material=Li10SnP2S12",
        "protocol.0.direction = plate",
        "interface.heterogeneity={kind='random', sigma=0.5}",
        "output.fields=['void']",
        "title=a = b",
        "grid.growth=1.2",
    ]
    case = load_case(MINIMAL, overrides)
    assert case.drive.current_density == case.protocol[0].current_density == 20.0
    assert [layer.thickness for layer in case.electrolyte] == [12e-6, 10e-6]
    assert case.electrolyte[1].conductivity == 0.5
    assert case.protocol[0].direction == "plate"
    assert case.interface.heterogeneity.sigma == 0.5
    assert case.output.fields == ("void",)
    assert case.title == "a = b"
    assert case.grid.growth == 1.2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("true", True),
        ('"x"', "x"),
        ("x y", "x y"),
        ("[1, 2]", [1, 2]),
        ("1\nb = 2", "1\nb = 2"),
    ],
)
def test_override_is_toml_where_possible(text, value):
    data = {}
    assert apply_override(data, f"a.b = {text}") == "a.b"
    assert data == {"a": {"b": value}}


@pytest.mark.parametrize(
    ("override", "warning"),
    [
        ("grid.spacing=150 nm", "grid.spacing: 1.33 cells across interface.width"),
        (
            "grid.fine_depth=0.5 um",
            "grid.fine_depth: 0.5 um does not hold the diffuse contact; at least 0.8 um",
        ),
        (
            "interface.heterogeneity.correlation_length=0.1 um",
            "is not resolved by grid.spacing; 0.2 um or more",
        ),
        ("interface.heterogeneity.correlation_length=15 um", "more than half of the box"),
        (
            "lithium.voids=[{centre=['5 um', '0 um'], radius='0.3 um'}]",
            "lithium.voids.0.radius: 0.3 um is not resolved",
        ),
        (
            "lithium.voids=[{centre=['5 um', '-8 um'], radius='1 um'}]",
            "below grid.fine_depth, into coarse cells",
        ),
        ("lithium.defect_amplitude=0", "lithium.defect_amplitude: 0 hides voids"),
        (
            "protocol.0={kind='galvanostatic', direction='strip', min_contact_fraction=0.5}",
            "no duration or capacity",
        ),
        ("interface.exchange_current_density=120 mA/cm^2", "current crowds within 3.85 um of edges, less than 20"),
    ],
)
def test_doubtful_choices_give_one_warning(override, warning):
    (found,) = find_warnings(load_case(MINIMAL, [override]))
    assert warning in found


@pytest.mark.parametrize(
    "overrides",
    [
        ["interface.exchange_current_density=110 mA/cm^2"],  # l_W = 4.2 um, 21 lambda
        ["interface.exchange_current_density=120 mA/cm^2", "interface.width=100 nm", "grid.spacing=50 nm"],
        ["interface.exchange_current_density=120 mA/cm^2", "interface.contact_resistance=0.05 ohm*cm^2"],
    ],
)
def test_a_contact_that_evens_out_the_current_gives_no_warning(overrides):
    assert not any("current crowds" in warning for warning in find_warnings(load_case(MINIMAL, overrides)))


def test_a_column_has_no_edges_where_current_could_crowd():
    fast = {"width": "200 nm", "exchange_current_density": "120 mA/cm^2"}
    rest = [{"kind": "rest", "duration": "1 s"}]
    for dimension in (1, 2):
        case = case_from_dict(
            {"schema_version": 1, "domain": {"dimension": dimension}, "interface": fast,
             "drive": {"stack_pressure": "5 MPa"}, "protocol": rest}
        )
        assert any("current crowds" in warning for warning in find_warnings(case)) == (dimension == 2)


def test_two_cells_per_width_are_enough_in_floating_point():
    for width in range(30, 300, 7):
        case = load_case(MINIMAL, [f"interface.width={width} nm"])
        assert not any("grid.spacing" in warning for warning in find_warnings(case))


def test_fields_of_the_snapshots_are_the_fields_there_are():
    assert set(ALL_FIELDS) == set(FIELDS)


def test_report_shows_every_key_with_its_origin(full):
    table = {row.key: row for row in rows(full)}
    assert table["interface.contact_angle"].value == "125 deg"
    assert table["interface.contact_angle"].si == "2.18166 rad"
    assert table["electrolyte.0.conductivity"].origin == "Li6PS5Cl.toml"
    assert table["electrolyte.1.conductivity"].origin == "case"
    assert table["lithium.molar_volume"].origin == "Li.toml"
    assert table["time.max_step"].origin == "default"
    assert table["electrolyte.0.youngs_modulus"].origin == "Li6PS5Cl.toml"
    assert table["electrolyte.1.residual_stress"].value == "-5 MPa"
    assert (table["mechanics.platen"].value, table["mechanics.platen"].origin) == ("true", "case")
    assert table["mechanics.fixture_stiffness"].value == "3 MPa/um"
    assert table["mechanics.fixture_stiffness"].si == "3e+12 Pa/m"
    assert table["mechanics.buffer.youngs_modulus"].value == "0.6 GPa"
    assert table["lithium.voids.0.centre"].value == "5 um, 4 um, -1 um"
    assert all(row.meaning for row in table.values())


COLUMNS = 'time=["0 s", "9 s", "20 s"], current_density=["1 A/m^2", "-20 A/m^2", "0 A/m^2"]'


@pytest.mark.parametrize(
    ("overrides", "shown"),
    [
        ([], "voids at 0.5 mA/cm^2      1.7 um to each side, if any open; not resolved by interface.width, 0.086 um"),
        (["lithium.surface_diffusivity=0 m^2/s"], " 2 um to each side, if any open; not resolved by interface.width"),
        ([f'protocol=[{{kind="profile", file="none", table={{{COLUMNS}}}}}]'], "voids at 2 mA/cm^2        0.5 um to"),
    ],
)
def test_report_says_which_width_resolves_the_voids(overrides, shown, capsys):
    print_report(load_case(MINIMAL, overrides))
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize("override", ["interface.width=80 nm", "protocol.0.direction=plate"])
def test_report_says_nothing_of_voids_that_are_resolved_or_do_not_open(override, capsys):
    print_report(load_case(MINIMAL, [override]))
    assert "to each side" not in capsys.readouterr().out


def test_half_widths_of_voids_are_those_of_the_model():
    """docs/model.md: 1.0 um through the metal and 1.2 um along the surface at 1 mA/cm2."""
    li = load_case(MINIMAL).lithium
    same = {"current": 10.0, "vacancy_fraction": li.critical_vacancy_fraction, "molar_volume": li.molar_volume}
    ways = {"diffusivity": li.diffusivity, "surface_diffusivity": li.surface_diffusivity}
    assert void_half_width(**same, **ways) == pytest.approx(1.0e-6, rel=0.01)
    assert void_half_width(**same, **ways | {"diffusivity": 1.0}) == pytest.approx(1.2e-6, rel=0.02)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ([], "5 MPa, constant while the platen moves"),
        (["mechanics.fixture_stiffness=0.5 MPa/um"], "5 MPa, plus 0.5 MPa per um of the platen"),
        (["mechanics.platen=false", "drive.stack_pressure=0 MPa"], "none, no platen"),
    ],
)
def test_report_says_what_pushes_the_cell_together(overrides, line, capsys):
    print_report(load_case(MINIMAL, overrides))
    assert f"load                      {line}\n" in capsys.readouterr().out


def test_estimate_of_size_and_steps(minimal):
    size = cost(minimal)
    assert size.shape[0] == 200 and size.cells == size.shape[0] * size.shape[1]
    assert cells_per_width(minimal) == pytest.approx(2)
    assert size.duration == pytest.approx(720)
    assert 36 <= size.steps <= 60
    unbounded = "protocol.0={kind='galvanostatic', direction='strip', min_contact_fraction=0.5}"
    assert cost(load_case(MINIMAL, [unbounded])).steps == math.inf


def test_schema_describes_every_key():
    schema = Case.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    for section in sections:
        assert section["additionalProperties"] is False
        for name, key in section["properties"].items():
            assert key.get("description"), f"{section.get('title')}.{name} has no description"


def test_schema_tells_the_type_of_every_mechanics_key():
    sections = Case.model_json_schema()["$defs"]
    keys = sections["Mechanics"]["properties"]
    assert keys["platen"]["type"] == "boolean" and keys["platen"]["default"] is True
    assert keys["linear_solver"]["enum"] == ["iterative", "direct"]
    assert keys["fixture_stiffness"]["x-allowed"] == "a stiffness >= 0 MPa/um"
    assert sections["ElectrolyteLayer"]["properties"]["poisson_ratio"]["exclusiveMaximum"] == 0.5
    assert sections["Buffer"]["required"] == ["thickness", "youngs_modulus"]


def test_check_and_schema_on_the_command_line(tmp_path):
    done = lifront("check", MINIMAL, "--set", "grid.spacing=150 nm", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for fragment in (
        "exchange_current_density",
        "2.5 mA/cm^2",
        "25 A/m^2",
        "cells across lambda",
        "warning: grid.spacing",
    ):
        assert fragment in done.stdout
    done = lifront("schema", "case.schema.json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads((tmp_path / "case.schema.json").read_text())["properties"]["drive"]


def test_bad_case_ends_all_ranks_with_code_2_and_one_message(tmp_path):
    arguments = ["-m", "solver", "run", MINIMAL, "--set", "domain.widht=5 um"]
    done = run_ranks(2, arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("did you mean 'width'?") == 1
    assert "Traceback" not in done.stderr
    assert not any(tmp_path.iterdir())


CRASH = """
import sys
from mpi4py import MPI
import solver, solver.__main__ as program
def run(*arguments, **options):
    if MPI.COMM_WORLD.rank in RANKS:
        raise RuntimeError("boom")
    MPI.COMM_WORLD.Barrier()
solver.run = run
sys.argv = ["lifront", "run", CASE]
program.main()
"""


@pytest.mark.parametrize("ranks", [(1,), (0, 1)])
def test_crash_ends_all_ranks_with_the_trace_once(tmp_path, ranks):
    script = tmp_path / "crash.py"
    script.write_text(CRASH.replace("RANKS", repr(ranks)).replace("CASE", repr(str(MINIMAL))))
    done = run_ranks(2, [script], cwd=tmp_path, timeout=300)
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: boom") == 1
