"""Sweeps: points and their identities, folders, tables, and every message that a user can reach."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from postprocess.reader import ResultsError
from postprocess.sweep_table import read_points, write_table
from solver.__main__ import app
from solver.case.io import CaseError, load_case
from solver.output.present import has_results
from solver.study import folder as sweep_folder
from solver.study import jobs as sweep_jobs
from solver.study.sweep import expand

BASE = """
schema_version = 1
[drive]
stack_pressure = "5 MPa"
current_density = "1 mA/cm^2"
[[protocol]]
kind = "galvanostatic"
direction = "strip"
capacity = "0.1 mAh/cm^2"
"""
GRID = """
[sweep.grid]
"drive.current_density" = ["0.5 mA/cm^2", "2 mA/cm^2"]
"electrolyte.0.thickness" = ["10 um", "20 um", "30 um"]
"""
PROFILE = """
schema_version = 1
[drive]
stack_pressure = "5 MPa"
[[protocol]]
kind = "profile"
file = "data/{}.csv"
[sweep.grid]
"time.max_step" = ["1 s", "2 s"]
"""


def write(path: Path, *parts: str) -> Path:
    path.write_text("".join(parts))
    return path


def points(path: Path, *parts: str):
    return expand(write(path, *parts))


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return tmp_path / "case.toml"


def cli(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


# -- expansion -----------------------------------------------------------------------------------------


def test_grid_zip_and_list_multiply(case):
    both = """
[sweep]
ranks = 2
[sweep.zip]
"drive.stack_pressure" = ["3 MPa", "7 MPa"]
ranks = [1, 4]
[[sweep.list]]
"interface.contact_angle" = "80 deg"
[[sweep.list]]
interface.contact_angle = "70 deg"
time.max_step = "2 s"
"""
    found = points(case, BASE, both, GRID)
    assert len(found) == len({point.id for point in found}) == 6 * 2 * 2
    assert Counter(point.ranks for point in found) == {1: 12, 4: 12}
    last = found[-1].data
    assert last["drive"] == {"stack_pressure": "7 MPa", "current_density": "2 mA/cm^2"}
    assert last["electrolyte"] == [{"thickness": "30 um"}] and last["time"] == {"max_step": "2 s"}
    assert "sweep" not in last and found[-1].ranks == 4
    assert {point.ranks for point in points(case, BASE, "[sweep]\nranks = 3", GRID)} == {3}


def test_the_identity_is_that_of_the_values(case):
    """Not of their spelling, order or number, nor of the ranks or the rest of the file."""
    before = {point.id for point in points(case, BASE, GRID)}
    more = GRID.replace('"0.5 mA/cm^2"', '"1 mA/cm^2", "5.0 A/m^2"').replace('"10 um", "20 um"', '"0.02 mm", "10 um"')
    after = {point.id for point in points(case, BASE.replace("5 MPa", "6 MPa"), "[sweep]\nranks = 2", more)}
    assert before < after and len(after) == 9
    assert any(name.startswith("0.5mA-cm2_10um_") for name in before)


def test_an_identity_is_a_plain_name(case):
    odd = '[sweep.grid]\ntitle = ["../a b/\'c", "-x", "", "%s"]' % ("long" * 50)
    for point in points(case, BASE, odd):
        assert set(point.id) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-"), point.id
        assert point.id[0].isalnum() and len(point.id) < 70


def test_check_looks_at_points_for_a_short_time_only(case):
    write(case, BASE, GRID)
    assert len(expand(case, within=0)) == 1 and len(expand(case, most=2)) == 2 and len(expand(case)) == 6


def test_a_table_as_a_value_replaces_the_one_in_the_file(case):
    table = '[[sweep.list]]\n"interface.heterogeneity" = {kind = "patches", patches = [{centre = ["5 um"],'
    table += ' radius = "1 um", factor = 0.1}]}\n'
    (point,) = points(case, BASE, '[interface.heterogeneity]\nkind = "random"\nsigma = 0.5\n', table)
    assert point.data["interface"]["heterogeneity"].keys() == {"kind", "patches"}


BAD = [
    ("sweep = 3", ["sweep: not a table; allowed: a table [sweep] with grid, zip, list"]),
    ("[sweep]", ["sweep: empty; allowed: at least one of grid, zip, list"]),
    ("[sweep]\nranks = 2", ["sweep: empty"]),
    ("[sweep.gird]", ["sweep.gird: unknown key; allowed: grid, zip, list, ranks; did you mean 'grid'?"]),
    ('[sweep]\n"drive.stack_pressure" = ["1 MPa"]', ['did you mean [sweep.grid] with "drive.stack_pressure"?']),
    ("[sweep]\ngrid = 1", ["sweep.grid: not a table; allowed: a table of keys with lists of values"]),
    ('[sweep.grid]\n"time.max_step" = "1 s"', ["sweep.grid: time.max_step: value '1 s': not a list of values"]),
    ('[sweep.grid]\n"time.max_step" = []', ["sweep.grid: time.max_step: not a list of values; allowed: at least one"]),
    ("[sweep]\nlist = [1]", ["sweep.list: not a list of tables with values; allowed: [[sweep.list]] for each"]),
    (
        '[sweep.zip]\n"time.max_step" = ["1 s", "2 s"]\n"title" = ["a"]',
        ["sweep.zip: columns of unequal length: time.max_step has 2, title has 1; allowed: equally many values"],
    ),
    (
        '[sweep.grid]\ntitle = ["a"]\n[sweep.zip]\ntitle = ["b"]',
        ["sweep.zip: title: given in sweep.grid too; allowed: one of them"],
    ),
    ("[sweep]\nranks = 0\n[sweep.grid]\ntitle = ['a']", ["sweep.ranks: value 0: allowed: a whole number >= 1"]),
    (
        '[sweep.grid]\n"drive.curent_density" = ["1 mA/cm^2"]',
        ["(sweep.grid): drive.curent_density: value '1 mA/cm^2': unknown key", "did you mean 'current_density'?"],
    ),
    (
        '[sweep.grid]\ntitle = ["a", "b", "c"]\n"drive.current_density" = ["1 mA/cm^2", "1 mA"]',
        [
            "(sweep.grid): drive.current_density: value '1 mA': 'mA' is not a unit of current density",
            "[point 2 of 6: title = a, drive.current_density = 1 mA; and 2 more]",
        ],
    ),
    ('[sweep.grid]\n"protocol.4.direction" = ["strip"]', ["(sweep.grid): protocol.4: '4' is not an entry of a list"]),
    ('[sweep.grid]\n"a..b" = [1]', ["(sweep.grid): a..b: not a path of keys such as drive"]),
    (
        '[sweep.grid]\n"time.max_step" = ["1 s", "1000 ms"]',
        ["sweep: points 1 and 2 are the same: time.max_step = 1000 ms"],
    ),
]


@pytest.mark.parametrize("table, expected", BAD, ids=range(len(BAD)))
def test_mistakes_are_named_before_anything_is_written(case, tmp_path, table, expected):
    text = f"{table}\n{BASE}" if table.startswith("sweep =") else f"{BASE}\n{table}"
    code, out = cli("expand", write(case, text), "--output", tmp_path / "runs")
    assert code == 2 and not (tmp_path / "runs").exists()
    for words in [str(case), *expected]:
        assert words in out
    with pytest.raises(CaseError):
        expand(case)


def test_a_sweep_is_no_case_to_run_and_a_case_is_no_sweep(case, tmp_path):
    write(case, BASE, GRID)
    with pytest.raises(CaseError, match=r"sweep: a case with this table is a family.*'lifront sweep' runs them"):
        load_case(case)
    code, out = cli("check", case)
    assert code == 0 and "a sweep of 6 points" in out and out.count("1 rank  drive.current_density = ") == 6
    code, out = cli("check", case, "--set", "drive.stack_pressure=3 MP")
    assert code == 2 and "drive.stack_pressure: value '3 MP'" in out
    code, out = cli("expand", write(case, BASE), "--output", tmp_path / "runs")
    assert code == 2 and "sweep: missing; allowed: a table [sweep]" in out
    code, out = cli("schema")
    assert json.loads(out)["properties"]["sweep"]["properties"].keys() == {"grid", "zip", "list", "ranks"}


# -- folders -------------------------------------------------------------------------------------------


def test_expand_writes_complete_cases_and_touches_only_what_changes(case, tmp_path):
    runs = tmp_path / "runs"
    code, out = cli("expand", write(case, BASE, GRID), "--output", runs)
    assert code == 0 and "6 points in" in out
    names = (runs / "points.txt").read_text().split()
    with (runs / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == names
    assert rows[0]["drive.current_density"] == "0.5 mA/cm^2" and rows[0]["ranks"] == "1"
    for name, row in zip(names, rows, strict=True):
        assert load_case(runs / name / "case.toml").source.digest == row["case_digest"]
    written = {path: path.stat().st_mtime_ns for path in runs.rglob("*.*") if path.is_file()}
    assert "changed" not in cli("expand", write(case, BASE, GRID), "--output", runs)[1]
    assert written == {path: path.stat().st_mtime_ns for path in written}
    _, out = cli("expand", write(case, BASE.replace("5 MPa", "6 MPa"), GRID.replace(', "30 um"', "")), "--output", runs)
    assert out.count("the case has changed; it will be run again") == 4
    assert "left alone, since they belong to no point of this sweep" in out and "4 points in" in out
    assert sorted(path.name for path in runs.iterdir() if path.is_dir()) == sorted(names)


def test_files_lie_beside_the_cases_that_name_them(case, tmp_path):
    """A point whose file has changed has changed itself."""
    (tmp_path / "data").mkdir()
    profile = write(tmp_path / "data/day.csv", "time [s],current_density [mA/cm^2]\n0,0\n5,-1\n")
    runs = tmp_path / "runs"
    first = points(case, PROFILE.format("day"))
    assert sweep_folder.write(first, runs_made(runs)) == []
    loaded = load_case(runs / first[0].id / "case.toml")
    assert loaded.protocol[0].table.current_density == (0.0, -10.0)  # type: ignore[union-attr]  # a profile
    assert loaded.source.digest == first[0].digest
    assert {path.name for path in (runs / first[0].id).iterdir()} == {"case.toml", "input_data_day.csv"}
    assert sweep_folder.write(expand(case), runs) == []
    profile.write_text(profile.read_text().replace("-1", "-2"))
    assert len(sweep_folder.write(expand(case), runs)) == 2
    code, out = cli("expand", write(case, PROFILE.format("dya")), "--output", runs)
    assert code == 2 and "did you mean 'day.csv'?" in out


def test_names_of_copied_files_are_as_long_as_file_systems_take(tmp_path):
    folder = tmp_path / ("\U00020000" * 50)
    folder.mkdir()
    write(folder / ("\U00020000" * 50 + ".csv"), "time [s],current_density [mA/cm^2]\n0,0\n5,-1\n")
    name = "/".join(["\U00020000" * 50] * 2)
    (first, _) = points(tmp_path / "sweep.toml", PROFILE.replace("data/{}", name))
    sweep_folder.write([first], runs_made(tmp_path / "runs"))
    assert load_case(tmp_path / "runs" / first.id / "case.toml").source.digest == first.digest


@pytest.mark.parametrize("content", ["a = " + "[" * 3000, "a = " + "9" * 6000, None], ids=["deep", "digits", "pipe"])
def test_a_point_with_something_that_is_no_case_is_written_anew(case, tmp_path, content):
    runs = runs_made(tmp_path / "runs")
    found = points(case, BASE, GRID)
    sweep_folder.write(found, runs)
    path = runs / found[0].id / "case.toml"
    path.unlink()
    if content is None:
        os.mkfifo(path)
    else:
        path.write_text(content)
    sweep_folder.write(found, runs)
    assert load_case(path).source.digest == found[0].digest


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_points_that_are_no_file_are_of_no_sweep(case, tmp_path, kind):
    runs = runs_made(tmp_path / "runs")
    os.mkfifo(runs / "points.csv") if kind == "pipe" else (runs / "points.csv").mkdir()
    with pytest.raises(sweep_folder.FolderError, match="was not written by a sweep"):
        sweep_folder.write(points(case, BASE, GRID), runs)


@pytest.mark.parametrize("name", ["log.csv", "case.toml", "done.json"])
def test_a_file_with_the_name_of_a_result_is_not_in_its_way(tmp_path, name):
    write(tmp_path / name, "time [s],current_density [mA/cm^2]\n0,0\n5,-1\n")
    (first, _) = points(tmp_path / "sweep.toml", PROFILE.format("").replace("data/.csv", name))
    sweep_folder.write([first], runs_made(tmp_path / "runs"))
    assert load_case(tmp_path / "runs" / first.id / "case.toml").source.digest == first.digest
    assert first.files.keys() == {f"input_{name}"} and not has_results(tmp_path / "runs" / first.id)


def test_a_key_that_is_null_is_not_given(tmp_path):
    """In a case or in a sweep of JSON, which has a word for it."""
    case, runs = tmp_path / "case.json", runs_made(tmp_path / "runs")
    table = tomllib.loads(BASE)
    table["protocol"][0]["duration"] = None
    case.write_text(json.dumps(table))
    same = load_case(write(tmp_path / "case.toml", BASE)).source
    assert (load_case(case).source.digest, load_case(case).source.keys) == (same.digest, same.keys)
    case.write_text(json.dumps(table | {"sweep": {"grid": {"interface.heterogeneity": [None, {"kind": "random"}]}}}))
    found = expand(case)
    sweep_folder.write(found, runs)
    assert found[0].data["interface"] == {}
    assert [load_case(runs / point.id / "case.toml").source.digest for point in found] == [p.digest for p in found]


def test_a_swept_file_is_known_by_the_name_that_the_case_gives_it(tmp_path):
    """Wherever the case lies."""
    ids = set()
    for name in ("here", "there"):
        (tmp_path / name / "data").mkdir(parents=True)
        for day in "ab":
            write(tmp_path / name / f"data/{day}.csv", "time [s],current_density [mA/cm^2]\n0,0\n5,-1\n")
        files = '[sweep.grid]\n"protocol.0.file" = ["data/a.csv", "data/b.csv"]\n'
        found = points(tmp_path / name / "case.toml", PROFILE.format("a").partition("[sweep")[0], files)
        ids.add(tuple(point.id for point in found))
    assert len(ids) == 1 and found[0].id.startswith("a_") and found[1].files.keys() == {"input_data_b.csv"}


def runs_made(runs: Path) -> Path:
    runs.mkdir()
    return runs


def test_a_folder_that_cannot_be_used_is_named(case, tmp_path):
    write(case, BASE, GRID)
    code, out = cli("expand", case, "--output", write(tmp_path / "file"))
    assert code == 2 and "file cannot be used: File exists" in out
    with sweep_folder.locked(tmp_path / "runs"):
        code, out = cli("expand", case, "--output", tmp_path / "runs")
    assert code == 2 and "another sweep is at work in" in out


@pytest.mark.parametrize("name", ["points.csv", "points.txt", "results.csv"])
def test_files_that_are_of_no_sweep_are_not_replaced(case, tmp_path, name):
    write(tmp_path / name, "id\n")
    code, out = cli("expand", write(case, BASE, GRID), "--output", tmp_path)
    assert code == 2 and f"{name} was not written by a sweep and would be overwritten" in out
    assert (tmp_path / name).read_text() == "id\n"
    assert {path.name for path in tmp_path.iterdir()} == {"case.toml", name, ".lock"}


# -- what is to run, and the table -----------------------------------------------------------------------


def test_more_ranks_than_cores_are_refused(case):
    found = points(case, BASE, "[sweep]\nranks = 3", GRID)
    with pytest.raises(sweep_jobs.CannotRun, match=r"--cores: value 2: .* has 3 ranks; allowed: at least 3"):
        sweep_jobs.check(found, 2)
    sweep_jobs.check(found, 3)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_mpirun_is_the_default(case, monkeypatch, text):
    monkeypatch.setenv("MPIRUN", text)
    sweep_jobs.check(points(case, BASE, GRID), 1)
    assert sweep_jobs._environment(Path())["LIFRONT_MPIRUN"] == sweep_jobs.MPIRUN


def test_an_mpirun_without_an_end_is_refused(case, monkeypatch):
    monkeypatch.setenv("MPIRUN", "mpirun 'x")
    with pytest.raises(sweep_jobs.CannotRun, match=r"MPIRUN: value \"mpirun 'x\": No closing quotation; allowed"):
        sweep_jobs.check(points(case, BASE, GRID), 1)


def test_a_launcher_that_runs_nothing_is_told(tmp_path):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / sweep_jobs.LOG, "exit code 0\n")
    said = []
    with subprocess.Popen(["true"]) as process:
        assert sweep_jobs._watch(process, tmp_path, {"a": 0}, said.append) == {"a"}
    assert said == ["[1/1] a: not done, exit code 0 without done.json: the command in MPIRUN has not run it"]


def finish(folder: Path, digest: str, **summary: Any) -> None:
    content = json.dumps({"stop_reason": "voltage limit 0.2 V", **summary})
    (folder / "summary.json").write_text(content)
    if digest:
        (folder / "done.json").write_text(json.dumps({"case_digest": digest, **json.loads(content)}))


def test_the_table_has_values_results_and_reasons(case, tmp_path):
    runs = tmp_path / "runs"
    found = points(case, BASE, GRID)
    sweep_folder.write(found, runs_made(runs))
    done, changed, failed, stopped, refused, new = (runs / point.id for point in found)
    assert sweep_jobs.to_run(found, runs) == list(found)
    cycles = [{"coulombic_efficiency": value} for value in (0.7, 0.9, None)]
    more = {"ccd": 12.5, "failure_mode": "short", "curve": [1, 2], "cycle": 3, "unknown": None}
    finish(done, found[0].digest, results=more, units={"ccd": "A/m^2"}, cycles=cycles)
    header = "step,time [s],capacity [C/m^2],voltage [V],contact_fraction [1]"
    (done / "log.csv").write_text(f"{header}\n1,2,-20,-0.1,0.8\n2,4,-40,-0.2,0.9\n")
    finish(changed, "of another case")
    finish(failed, "", stop_reason="t = 1 s: stress: stalls", stop_kind="failed")
    finish(stopped, "", stop_reason="interrupted by SIGUSR2", stop_kind="interrupted")
    (refused / "run.log").write_text("no such key\n-----\nPrimary job\n-----\nexit code 2\n")
    (new / "log.csv").write_text("step,time [s]\n")
    (new / "run.log").write_text("run [##....] 10 %\n-----\nmpirun noticed\n-----\nexit code 137\n")
    table = {point.id: point for point in read_points(runs)}
    assert [point.state for point in table.values()] == ["done", "changed", "failed", "stopped", "failed", "broken off"]
    assert table[done.name].reason == "voltage limit 0.2 V"
    assert table[failed.name].reason == "t = 1 s: stress: stalls"
    assert table[refused.name].reason == "exit code 2: no such key"
    assert table[new.name].reason == "exit code 137: killed by signal 9"
    (refused / "run.log").write_text("-----\nThere are not enough slots\n-----\nexit code 1\n")
    assert read_points(runs)[4].reason == "exit code 1: There are not enough slots"
    (refused / "run.log").write_text("exit code 0\n")
    assert (read_points(runs)[4].state, read_points(runs)[4].reason) == ("failed", "exit code 0 without done.json")
    assert sweep_jobs.to_run(found, runs) == list(found[1:])
    code, out = cli("table", runs)
    assert code == 0 and "results.csv" in out and "short" in out and new.name not in out
    with write_table(list(table.values()), runs).open(newline="") as file:
        row = next(csv.DictReader(file))
    assert row["time [s]"] == "4.0" and row["capacity [C/m^2]"] == "-40.0" and row["final voltage [V]"] == "-0.2"
    assert row["least contact_fraction [1]"] == "0.8" and row["electrolyte.0.thickness"] == "10 um"
    assert (row["ccd [A/m^2]"], row["failure_mode"], row["cycle"]) == ("12.5", "short", "3")
    assert row["last coulombic_efficiency [1]"] == "0.9"
    assert row.keys().isdisjoint({"curve", "unknown"})
    (stopped / "log.csv").write_text(f"{header}\n1,2,-20,-0.1,0.8\n")
    (stopped / "case.digest").write_text(f"{found[3].digest}\n")
    assert read_points(runs)[3].state == "stopped" and read_points(runs)[3].results
    (stopped / "case.digest").write_text("of another case\n")
    assert read_points(runs)[3].state == "changed" and not read_points(runs)[3].results


def test_a_folder_without_points_has_no_table(tmp_path):
    code, out = cli("table", tmp_path)
    assert code == 2 and "points.csv: no such file; 'lifront expand' and 'lifront sweep' write it" in out
    write(tmp_path / "points.csv", "name\na\n")
    with pytest.raises(ResultsError, match="not the points of a sweep: needs the columns id, ranks, case_digest"):
        read_points(tmp_path)


def test_a_case_file_reads_back_as_it_was_expanded(case, tmp_path):
    found = points(case, BASE, GRID)
    sweep_folder.write(found, runs_made(tmp_path / "runs"))
    for point in found:
        assert tomllib.loads((tmp_path / "runs" / point.id / "case.toml").read_text()) == point.data
