"""Nothing in a working directory or a folder of results from somebody else runs code or leads elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from postprocess import deposit_plots, field_plots, penetration_plots, plots
from postprocess.pictures import write_picture
from postprocess.sweep_table import read_points, write_table
from solver import environment as solver_environment
from solver.__main__ import app
from solver.case.io import case_from_dict
from solver.output.done import done_digest
from solver.study import folder as sweep_folder
from solver.study import jobs as sweep_jobs
from solver.study.campaign import Command, _run
from solver.study.critical_current import SearchRefused, check_search
from solver.study.sweep import expand
from tests import synthetic
from tests.mpi import ROOT, environment

SWEEP = """
schema_version = 1
[drive]
stack_pressure = "5 MPa"
[[protocol]]
kind = "rest"
duration = "1 s"
[sweep.grid]
"time.max_step" = ["1 s", "2 s"]
"""
HIT = "open({!r}, 'a').write(__name__ + '\\n')\n"


def python(*words: str, cwd: Path, **variables: str) -> str:
    """Standard output of a Python started in a folder."""
    env = environment() | variables
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def hostile(folder: Path) -> Path:
    """Modules of many names in a folder; returns the file that names those that were imported."""
    hit = folder / "imported"
    ours = {"solver"}  # python -m solver finds it before any of its code runs
    others = {"numpy", "typer", "h5py", "pydantic", "pint", "rich", "yaml", "postprocess"}
    for name in (sys.stdlib_module_names | others) - ours:
        (folder / f"{name}.py").write_text(HIT.format(str(hit)))
    return hit


# -- modules -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--version"], ["check", "case.toml"]])
def test_python_m_solver_imports_nothing_of_the_working_directory(tmp_path, words):
    (tmp_path / "case.toml").write_text(SWEEP)
    hit = hostile(tmp_path)
    assert python("-m", "solver", *words, cwd=tmp_path)
    assert not hit.exists(), hit.read_text()


def test_empty_entries_of_the_path_are_taken_off_for_the_command(tmp_path):
    (tmp_path / "typer.py").write_text(HIT.format(str(tmp_path / "imported")))
    command = shutil.which("lifront", path=Path(sys.executable).parent)
    assert command, "the command is not installed beside this Python"
    out = python(command, "--version", cwd=tmp_path, PYTHONPATH=f"{ROOT}{os.pathsep}{os.pathsep}.")
    assert out.startswith("lifront ") and not (tmp_path / "imported").exists()


def test_a_session_keeps_its_path(tmp_path):
    (tmp_path / "mine.py").write_text("import solver\nprint('mine')")
    assert python("-c", "import solver, mine", cwd=tmp_path) == "mine"
    assert python("-m", "mine", cwd=tmp_path) == "mine"
    package = tmp_path / "msolver"
    package.mkdir()
    (package / "__init__.py").write_text("import solver")
    (package / "part.py").write_text("import mine")
    assert python("-m", "msolver.part", cwd=tmp_path) == "mine"


def test_a_working_directory_that_has_been_deleted_is_no_hindrance(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import os; os.rmdir({str(gone)!r}); import solver.petsc, postprocess; print('fine')"
    assert python("-c", script, cwd=gone) == "fine"


def test_children_import_this_code_and_nothing_of_a_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lib").mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "lib", "/elsewhere", ""]))
    variables = solver_environment.for_children()
    assert variables["PYTHONPATH"].split(os.pathsep) == [str(ROOT), str(tmp_path / "lib"), "/elsewhere"]
    (tmp_path / "solver.py").write_text(HIT.format(str(tmp_path / "imported")))
    done = subprocess.run(
        [sys.executable, "-m", "solver", "--version"], env=environment() | variables, capture_output=True, check=False
    )
    assert done.returncode == 0 and not (tmp_path / "imported").exists(), done.stderr


def test_points_of_a_script_import_nothing_of_the_working_directory(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solver.py").write_text(HIT.format(str(tmp_path / "imported")))
    # --output is refused: what counts is that solver is ours
    _run(Command("version", ("schema", "schema.json")), tmp_path)
    assert "exit code 2" in capsys.readouterr().out and not (tmp_path / "imported").exists()


def test_snakemake_works_in_a_new_folder_without_profiles(tmp_path, monkeypatch):
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "somebody")
    case = tmp_path / "case.toml"
    case.write_text(SWEEP)
    command = sweep_jobs._command(expand(case), "/aside", 1)
    assert command[command.index("--directory") + 1] == "/aside"
    assert command[command.index("--workflow-profile") + 1] == "none"
    assert "SNAKEMAKE_PROFILE" not in sweep_jobs._environment(tmp_path)


# -- PETSc, matplotlib, git ------------------------------------------------------------------------------------

PROBE = "print([PETSc.Options().getInt(f'lifront_{name}', 0) for name in ('here', 'there', 'home', 'variable')])"
STARTS = [
    "from solver.petsc import PETSc",
    "from solver.environment import check_environment; check_environment(); from petsc4py import PETSc",
    "import postprocess.reader, solver.model.build; from petsc4py import PETSc",
]


@pytest.mark.parametrize("start", STARTS)
def test_options_files_of_the_working_directory_are_not_read_but_the_users_own_are(tmp_path, start):
    home = tmp_path / "a home"
    home.mkdir()
    (tmp_path / ".petscrc").write_text("-lifront_here 1\n")
    (tmp_path / "petscrc").write_text("-lifront_there 1\n")
    assert python("-c", f"{start}; {PROBE}", cwd=tmp_path, HOME=str(home)) == "[0, 0, 0, 0]"
    (home / ".petscrc").write_text("-lifront_home 1\n-lifront_variable 1\n")
    found = python("-c", f"{start}; {PROBE}", cwd=tmp_path, HOME=str(home), PETSC_OPTIONS="-lifront_variable 2")
    assert found == "[0, 0, 1, 2]"


@pytest.mark.parametrize("start", STARTS)
def test_a_petsc_cfg_in_the_working_directory_does_not_choose_the_library(tmp_path, start):
    (tmp_path / "petsc.cfg").write_text(f"PETSC_ARCH = {tmp_path}\n")
    (tmp_path / "PETSc.py").write_text(HIT.format(str(tmp_path / "imported")))
    assert python("-c", f"{start}; {PROBE}", cwd=tmp_path) == "[0, 0, 0, 0]"
    assert not (tmp_path / "imported").exists()


def test_petsc_is_imported_through_the_module_that_starts_it():
    """Every other way reads the options files of the working directory."""
    allowed = {"petsc.py", "environment.py"}
    sources = [p for part in ("solver", "postprocess") for p in (ROOT / part).rglob("*.py") if p.name not in allowed]
    direct = [p for p in sources if re.search(r"^\s*(from petsc4py|import petsc4py)", p.read_text(), re.MULTILINE)]
    assert len(sources) > 50 and not direct


def test_matplotlib_does_not_read_settings_of_the_working_directory(tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.dpi: 7\n")
    script = "import postprocess; from matplotlib import rcParams; print(rcParams['text.usetex'])"
    assert python("-c", script, cwd=tmp_path) == "False"


def test_git_runs_no_program_that_a_repository_names(tmp_path):
    package = tmp_path / "solver"
    package.mkdir()
    for name in ("import_path.py", "exit_codes.py", "environment.py"):
        shutil.copy(ROOT / "solver" / name, package)
    (package / "__init__.py").touch()
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    monitor.chmod(0o755)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["config", "core.fsmonitor", str(monitor)]):
        subprocess.run([*git, *words], check=True)
    commit = python("-c", "from solver.environment import git_commit; print(git_commit())", cwd=tmp_path, PYTHONPATH="")
    assert len(commit) == 40 and not (tmp_path / "ran").exists()
    subprocess.run([*git, "status"], check=True, capture_output=True)
    assert (tmp_path / "ran").exists(), "this git would not have run it anyway"


# -- links ---------------------------------------------------------------------------------------------------


@pytest.fixture
def precious(tmp_path) -> Path:
    """A file elsewhere that a link leads to."""
    path = tmp_path / "elsewhere" / "precious"
    path.parent.mkdir()
    path.write_text("mine\n")
    return path


def test_pictures_replace_links(tmp_path, precious):
    for name in ("curves.png", "curves.png.part", "field_lithium.png"):
        (tmp_path / name).symlink_to(precious)
    synthetic.strip_run(tmp_path)
    for path in (plots.plot_run(tmp_path), field_plots.plot_field(tmp_path, "lithium")):
        assert not path.is_symlink() and path.read_bytes().startswith(b"\x89PNG")
    assert precious.read_text() == "mine\n" and not (tmp_path / "curves.png.part").exists()


def test_all_pictures_are_written_by_the_function_that_replaces_links():
    modules = (plots, field_plots, penetration_plots, deposit_plots)
    assert {module.write_picture for module in modules} == {write_picture}
    for path in (ROOT / "postprocess").glob("*.py"):
        assert ".savefig(" not in path.read_text(), path


def test_files_of_a_sweep_replace_links(tmp_path, precious):
    case, runs = tmp_path / "case.toml", tmp_path / "runs"
    case.write_text(SWEEP)
    found = expand(case)
    sweep_folder.write(found, made(runs))
    table = (runs / "points.csv").read_text()
    for name in ("points.csv", "points.txt", "points.csv.part", "results.csv", f"{found[0].id}/case.toml"):
        (runs / name).unlink(missing_ok=True)
        (runs / name).symlink_to(precious)
    precious.write_text(table)  # so that it passes for the file of a sweep
    sweep_folder.write(found, runs)
    write_table(read_points(runs), runs)
    assert precious.read_text() == table
    written = [p for p in (*runs.iterdir(), *runs.glob("*/*")) if p.is_file()]
    assert len(written) >= 5 and not any(path.is_symlink() for path in written)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_what_cannot_be_written_is_named(tmp_path):
    synthetic.strip_run(tmp_path)
    for command, name in (("plot", "curves.png.part"), ("table", "results.csv.part")):
        (tmp_path / name).mkdir()
        (tmp_path / "points.csv").write_text("id,ranks,case_digest\n")
        result = CliRunner().invoke(app, [command, str(tmp_path)])
        assert (result.exit_code, result.output) == (2, f"{tmp_path / name}: cannot be written: Is a directory\n")


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_the_folder_of_a_point_is_no_link(tmp_path, precious, target):
    case, runs = tmp_path / "case.toml", tmp_path / "runs"
    case.write_text(SWEEP)
    found = expand(case)
    (made(runs) / found[1].id).symlink_to(tmp_path / target)
    result = CliRunner().invoke(app, ["expand", str(case), "--output", str(runs)])
    assert result.exit_code == 2 and f"{found[1].id} is a link; allowed: a folder" in result.output
    assert [path.name for path in precious.parent.iterdir()] == ["precious"] and not (runs / "points.csv").exists()


def test_a_lock_that_is_a_link_is_refused(tmp_path):
    case, runs = tmp_path / "case.toml", tmp_path / "runs"
    case.write_text(SWEEP)
    (made(runs) / ".lock").symlink_to(tmp_path / "new")
    result = CliRunner().invoke(app, ["expand", str(case), "--output", str(runs)])
    assert result.exit_code == 2 and ".lock in it is a link; delete it" in result.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["../elsewhere", "/elsewhere", "..", "", "a/b"])
def test_a_table_looks_into_the_folders_of_its_points_only(tmp_path, name):
    (tmp_path / "points.csv").write_text(f"id,ranks,case_digest\n{name},1,a\n")
    result = CliRunner().invoke(app, ["table", str(tmp_path)])
    assert result.exit_code == 2 and f"id {name!r}; there should be the name of a folder" in result.output


@pytest.mark.parametrize("inside", ["", "fields"])
def test_trials_of_a_search_are_no_links(tmp_path, precious, inside):
    ramp = {"kind": "ccd", "start": "1 mA/cm^2", "increment": "1 mA/cm^2", "max_current_density": "3 mA/cm^2"}
    drive = {"stack_pressure": "3 MPa"}
    case = case_from_dict({"schema_version": 1, "drive": drive, "protocol": [ramp | {"duration": "1 s"}]})
    trial = tmp_path / "ccd" / "plate_2mA_cm2"
    (trial if inside else trial.parent).mkdir(parents=True)
    (trial / inside).symlink_to(precious.parent)
    with pytest.raises(SearchRefused, match="is a link, which is not followed; remove it"):
        check_search(case, tmp_path / "ccd", replace=True)


def test_logs_that_are_links_are_begun_anew(tmp_path, precious):
    log = tmp_path / "run.log"
    log.symlink_to(precious)
    (tmp_path / "other.log").write_text("kept")
    sweep_jobs._unlink_others([log, tmp_path / "other.log", tmp_path / "none.log"])
    assert precious.exists() and not log.is_symlink() and (tmp_path / "other.log").read_text() == "kept"
    os.mkfifo(log)  # which would wait for its reader
    sweep_jobs._unlink_others([log])
    assert not log.exists()


@pytest.mark.parametrize("kind", ["link", "folder", "device"])
def test_the_schema_goes_into_a_plain_file(tmp_path, precious, kind):
    path = tmp_path / "schema.json"
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    result = CliRunner().invoke(app, ["schema", str(path)])
    assert result.exit_code == 2 and "schema.json: is no plain file and is not replaced; allowed" in result.output
    assert precious.read_text() == "mine\n"


def test_the_schema_replaces_a_schema_and_nothing_else(tmp_path, precious):
    result = CliRunner().invoke(app, ["schema", str(precious)])
    assert result.exit_code == 2 and "was not written by lifront and would be overwritten" in result.output
    assert precious.read_text() == "mine\n"
    for _ in range(2):
        assert CliRunner().invoke(app, ["schema", str(tmp_path / "schema.json")]).exit_code == 0


def test_a_done_file_that_is_no_table_counts_as_none(tmp_path):
    for text in ("[1]", "3", "{", "\udcff"):
        (tmp_path / "done.json").write_bytes(text.encode(errors="surrogateescape"))
        assert done_digest(tmp_path) is None
