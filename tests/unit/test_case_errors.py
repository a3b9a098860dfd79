"""Every mistake a user can make in a case gives a line with file, key, value, and what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest

from solver.case.io import CaseError, load_case
from tests.mpi import environment

ROOT = Path(__file__).parents[2]
BAD_CASES = sorted((ROOT / "tests/data/bad_cases").glob("*.toml"))
MINIMAL = ROOT / "cases/minimal.toml"

# Overrides of cases/minimal.toml, and what the message must contain.
BAD_OVERRIDES = [
    # form of an override
    (["domain.width"], ["--set domain.width: not of the form key.path=value"]),
    (["domain..width=3"], ["not of the form key.path=value"]),
    (["title.x=3"], ["--set title.x=3: title.x: the table or list that should hold it does not exist"]),
    (
        ["protocol.7.duration=1 h"],
        ["protocol.7: '7' is not an entry of a list with 1 entries, counted from 0"],
    ),
    (["protocol.x=1"], ["protocol.x: 'x' is not an entry of a list"]),
    # units
    (["interface.width=100"], ["(--set): interface.width: value 100: a number without a unit", "'100 nm'?"]),
    (["interface.width='100'"], ["value '100': the unit is missing", "did you mean '100 nm'?"]),
    (["interface.width=100 nM"], ["'nM' is not a unit of length", "did you mean '100 nm'?"]),
    (["interface.width=100 nn"], ["unknown unit 'nn'", "did you mean '100 nm'?"]),
    (["interface.width=wide"], ["value 'wide': not a number followed by a unit; allowed: a length > 0 nm"]),
    (["interface.width=1 2 nm"], ["unknown unit '2 nm'"]),
    (["interface.width=true"], ["value True: not a value with a unit"]),
    (["interface.width=nan"], ["value nan: not a value with a unit"]),
    (["interface.width=nan nm"], ["value 'nan nm': not a number followed by a unit"]),
    (["interface.width=inf nm"], ["value 'inf nm': not a number followed by a unit"]),
    (["interface.width=1e400 nm"], ["too large or too small for a floating-point number"]),
    (["interface.width=[]"], ["interface.width: not a value with a unit"]),
    (["drive.stack_pressure=3 Mpa"], ["unknown unit 'Mpa'", "did you mean '3 MPa'?"]),
    (["drive.stack_pressure=3 N"], ["'N' is not a unit of pressure"]),
    (
        ["drive.current_density=0.5 mA"],
        ["'mA' is not a unit of current density", "did you mean '0.5 mA/cm^2'?"],
    ),
    (["drive.current_density=0.5 mA/cm2"], ["unknown unit 'mA/cm2'", "did you mean '0.5 mA/cm^2'?"]),
    (["drive.temperature=25 C"], ["'C' is not a unit of temperature", "did you mean '25 degC'?"]),
    (["drive.series_resistance=5 ohm"], ["'ohm' is not a unit of area resistance", "'5 ohm*cm^2'?"]),
    (["interface.contact_angle=50 %"], ["'%' is not a unit of angle"]),
    (["interface.contact_angle=90"], ["a number without a unit", "did you mean '90 deg'?"]),
    (["output.interval=1 Hz"], ["'Hz' is not a unit of time"]),
    # ranges
    (["interface.width=-100 nm"], ["value '-100 nm': out of range; allowed: a length > 0 nm"]),
    (["interface.contact_angle=181 deg"], ["out of range; allowed: an angle >= 0 and <= 180 deg"]),
    (["drive.current_density=-1 mA/cm^2"], ["out of range; allowed: a current density > 0 mA/cm^2"]),
    (["drive.stack_pressure=-1 MPa"], ["out of range; allowed: a pressure >= 0 MPa"]),
    (["drive.voltage_limit=0 V"], ["out of range; allowed: a voltage > 0 V"]),
    (["drive.temperature=-300 degC"], ["out of range; allowed: a temperature > 0 K"]),
    (["interface.transfer_coefficient=1"], ["value 1: out of range; allowed: a number > 0 and < 1"]),
    (
        ["interface.transfer_coefficient='0.5'"],
        ["value '0.5': not a number", "did you mean '0.5 without quotes'?"],
    ),
    (["interface.transfer_coefficient=nan"], ["value nan: not a finite number"]),
    (["grid.growth=true"], ["grid.growth: value True: not a number"]),
    (["interface.heterogeneity.seed=1.5"], ["interface.heterogeneity.seed: value 1.5: not a whole number"]),
    (["interface.heterogeneity.seed=-1"], ["out of range; allowed: a whole number >= 0"]),
    (
        ["interface.heterogeneity.kind='patchs'"],
        ["interface.heterogeneity.kind: value 'patchs'", "'patches'?"],
    ),
    (["lithium.critical_vacancy_fraction=1.5"], ["out of range; allowed: a number > 0 and < 1"]),
    (["lithium.material='Lithium'"], ["unknown metal; allowed: one of Li"]),
    (["solver.tolerance=1"], ["solver.tolerance: value 1: out of range"]),
    (["solver.max_newton=0"], ["allowed: a whole number >= 1"]),
    (["title=3"], ["title: value 3: not text; allowed: text"]),
    (["electrolyte.0.youngs_modulus=-22 GPa"], ["out of range; allowed: a Young's modulus > 0 GPa"]),
    (["lithium.youngs_modulus=0 GPa"], ["lithium.youngs_modulus: value '0 GPa': out of range"]),
    (["electrolyte.0.youngs_modulus=22 MP"], ["did you mean '22 MPa'?"]),
    (["electrolyte.0.poisson_ratio=0.5"], ["value 0.5: out of range; allowed: a number >= 0 and < 0.5"]),
    (["electrolyte.0.poisson_ratio=-0.1"], ["value -0.1: out of range; allowed: a number >= 0 and < 0.5"]),
    (["lithium.poisson_ratio=0.5"], ["lithium.poisson_ratio: value 0.5: out of range"]),
    (["electrolyte.0.residual_stress=5"], ["a number without a unit", "did you mean '5 MPa'?"]),
    (["mechanics.fixture_stiffness=-1 MPa/um"], ["out of range; allowed: a stiffness >= 0 MPa/um"]),
    (["mechanics.fixture_stiffness=1 MPa"], ["'MPa' is not a unit of stiffness", "did you mean '1 MPa/um'?"]),
    (["mechanics.void_viscosity=0 Pa*s"], ["out of range; allowed: a viscosity > 0 Pa*s"]),
    (["mechanics.void_viscosity=1e5 Pa"], ["'Pa' is not a unit of viscosity", "did you mean '1e5 Pa*s'?"]),
    (["mechanics.tolerance=0"], ["mechanics.tolerance: value 0: out of range"]),
    (["mechanics.max_iterations=0"], ["mechanics.max_iterations: value 0: out of range"]),
    (
        ["mechanics.fixture_stiffness=1 MPa/um", "mechanics.buffer={thickness='0 um', youngs_modulus='-1 MPa'}"],
        ["mechanics.buffer.thickness: value '0 um'", "mechanics.buffer.youngs_modulus: value '-1 MPa'"],
    ),
    # choices
    (["mechanics.platen='flase'"], ["not true or false; allowed: true or false; did you mean 'false without quotes'?"]),
    (["mechanics.platen=1"], ["mechanics.platen: value 1: not true or false"]),
    (["mechanics.linear_solver=dirct"], ["allowed: iterative, direct; did you mean 'direct'?"]),
    (
        ["interface.film_resistance=1 ohm*cm^2"],
        ["the name that it had in an earlier version", "did you mean 'contact_resistance'?"],
    ),
    (["output.fields=['current_density']"], ["did you mean 'local_current_density'?"]),
    (["mechanics.fixture_stifness=1 MPa/um"], ["unknown key", "did you mean 'fixture_stiffness'?"]),
    (["electrolyte.0.young_modulus=22 GPa"], ["unknown key", "did you mean 'youngs_modulus'?"]),
    (["mechanisc.platen=false"], ["mechanisc: unknown key", "did you mean 'mechanics'?"]),
    (["output.fields=['von_mises']"], ["output.fields.0: value 'von_mises'", "did you mean 'von_mises_stress'?"]),
    (["domain.dimension=4"], ["domain.dimension: value 4: not one of the choices; allowed: 1, 2, 3"]),
    (["domain.dimension=true"], ["domain.dimension: value True: not a whole number"]),
    (["domain.dimension=2.0"], ["domain.dimension: value 2.0: not a whole number"]),
    (["domain.lateral='periodik'"], ["allowed: periodic, symmetric; did you mean 'periodic'?"]),
    (["output.fields=['lithum']"], ["output.fields.0: value 'lithum'", "did you mean 'lithium'?"]),
    (["domain.widht=5 um"], ["domain.widht: value '5 um': unknown key", "did you mean 'width'?"]),
    # contradictions
    (["domain.dimension=1", "domain.width=5 um"], ["domain.width: value '5 um': a 1-D case has no width"]),
    (["domain.depth=5 um"], ["domain.depth: value '5 um': a 2-D case has no depth"]),
    (
        ["domain.width=0.3 um"],
        ["domain.width: value '0.3 um': fewer than 4 cells; allowed: at least 4 times"],
    ),
    (
        ["domain.lithium_thickness=0.5 um"],
        ["the Li is thinner than its interface", "interface.width, 0.8 um"],
    ),
    (["electrolyte.0.thickness=0.5 um"], ["the electrolyte is thinner than its interface"]),
    (
        ["grid.spacing=0.3 um"],
        ["0.667 cells across interface.width (0.2 um) do not resolve it", "at most 0.2 um"],
    ),
    (["grid.max_spacing=50 nm"], ["smaller than grid.spacing; allowed: at least grid.spacing, 0.1 um"]),
    (
        ["time.min_step=30 s"],
        ["time.min_step: value '30 s': larger than time.max_step; allowed: at most 20 s"],
    ),
    (["output.interval=1 us"], ["value '1 us': shorter than the smallest time step; allowed: at least 1e-05 s"]),
    (["time.first_step=30 s"], ["time.first_step: value '30 s': out of range", "1e-05 s to 20 s"]),
    (
        ["drive.temperature=60 degC", 'electrolyte.0.material="Li10SnP2S12"'],
        [
            "(--set): drive.temperature: value '60 degC': Li10SnP2S12.toml: conductivity: no activation_energy",
            "allowed: 298.15 K, or electrolyte.0.conductivity in the case",
        ],
    ),
    (
        ["drive.series_resistance=500 ohm*cm^2"],
        ["takes 0.25 V at drive.current_density", "less than 400 ohm*cm^2"],
    ),
]


def message(path, overrides=()):
    with pytest.raises(CaseError) as caught:
        load_case(path, overrides)
    return str(caught.value)


# Mistakes of BAD_CASES and BAD_OVERRIDES put right: the case files by the overrides that put them right.
GOOD_TWINS = [
    ("pressure_without_platen", ["drive.stack_pressure=0 MPa"]),
    ("pressure_without_platen", ["mechanics.platen=true"]),
    ("profile_pressure_without_platen", ["mechanics.platen=true"]),
    ("fixture_without_platen", ["mechanics.fixture_stiffness=0 MPa/um"]),
    ("fixture_without_platen", ["mechanics.platen=true"]),
    ("buffer_without_platen", ["mechanics.platen=true", "mechanics.fixture_stiffness=1 MPa/um"]),
    ("buffer_without_fixture", ["mechanics.fixture_stiffness=0.1 MPa/um"]),
    ("buffer_incomplete", ["mechanics.buffer.youngs_modulus=5 MPa"]),
    ("profile_negative_pressure", ["protocol.0.file=profile_good.csv"]),
    ("", ["electrolyte.0.youngs_modulus=1 Pa", "electrolyte.0.poisson_ratio=0", "lithium.poisson_ratio=0.499"]),
    ("", ["electrolyte.0.residual_stress=-5 MPa", "mechanics.tolerance=1e-2"]),
    ("", ["mechanics.platen=false", "drive.stack_pressure=0 MPa", "mechanics.linear_solver=direct"]),
]


def expected(path):
    lines = path.read_text().splitlines()
    return [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]


@pytest.mark.parametrize("path", BAD_CASES, ids=lambda path: path.stem)
def test_bad_case_file_says_what_is_wrong(path):
    text = message(path)
    assert expected(path)
    for fragment in expected(path):
        assert fragment in text
    assert all(line.startswith(f"{path}: ") for line in text.splitlines())


@pytest.mark.parametrize(("stem", "overrides"), GOOD_TWINS)
def test_mistake_put_right_is_accepted(stem, overrides):
    load_case(next((path for path in BAD_CASES if path.stem == stem), MINIMAL), overrides)


def test_profile_without_pressure_needs_no_platen(tmp_path):
    (tmp_path / "profile.csv").write_text("time [s],current_density [A/m^2],stack_pressure [Pa]\n0,0,0\n9,-1,0\n")
    profile = f"protocol=[{{kind='profile', file='{tmp_path / 'profile.csv'}'}}]"
    load_case(MINIMAL, [profile, "mechanics.platen=false", "drive.stack_pressure=0 MPa"])


@pytest.mark.parametrize(("overrides", "fragments"), BAD_OVERRIDES, ids=lambda item: item[0][:40])
def test_bad_override_says_what_is_wrong(overrides, fragments):
    text = message(MINIMAL, overrides)
    for fragment in fragments:
        assert fragment in text


@pytest.mark.parametrize(
    "path", [p for p in BAD_CASES if "several" not in p.stem], ids=lambda path: path.stem
)
def test_one_mistake_gives_no_more_lines_than_expected(path):
    assert len(message(path).splitlines()) <= len(expected(path))


def test_all_errors_are_reported_at_once():
    path = next(p for p in BAD_CASES if p.stem == "several_errors")
    assert len(message(path).splitlines()) == 3


def test_missing_file_suggests_a_neighbour():
    assert "no such file; did you mean" in message(ROOT / "cases/minimla.toml")
    assert "cannot be read: Is a directory" in message(ROOT / "cases")


def test_file_that_is_not_text(tmp_path):
    (tmp_path / "case.toml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read: not UTF-8 text" in message(tmp_path / "case.toml")


def lifront(*arguments, cwd):
    command = [sys.executable, "-m", "solver", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["check", "misspelt_key.toml"], "did you mean 'current_density'?"),
        (["run", "not_toml.toml"], "not valid TOML"),
        (["run", MINIMAL, "--set", "domain.width=1 MPa"], "'MPa' is not a unit of length"),
        (["run", MINIMAL, "--wall", "11.5"], "--wall: value '11.5': the unit is missing"),
        (["run", MINIMAL, "--restart", "latest"], "--restart latest: no checkpoint in results/minimal"),
        (["run", MINIMAL, "--restart", "there.h5"], "--restart: no such file: there.h5"),
        (["run", MINIMAL, "--output", "a_file"], "--output: a_file is a file, not a directory"),
        (["run", MINIMAL, "--output", "full"], "--output: full already holds results"),
        (["info", "."], "not a run directory"),
        (["plot", "nowhere"], "nowhere: no such directory"),
    ],
    ids=lambda item: "" if isinstance(item, str) else " ".join(Path(str(a)).name for a in item),
)
def test_command_line_refuses_bad_input_with_code_2_and_writes_nothing(tmp_path, arguments, fragment):
    for path in BAD_CASES:
        if path.name in arguments:
            (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "a_file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/log.csv").write_text("step\n")
    before = sorted(tmp_path.rglob("*"))
    done = lifront(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert fragment in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
