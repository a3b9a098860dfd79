"""What is read back may be damaged, edited or made up: one line that says file and fault, exit code 2, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import solver.__main__ as command
from postprocess import ResultsError, Run
from postprocess.contact_plots import headline
from postprocess.plots import plot_run
from postprocess.sweep_table import read_points
from solver.__main__ import app
from solver.case.io import case_from_dict
from solver.case.schema import Case
from solver.output.present import Present, look
from solver.study.critical_current import COLUMNS, SearchRefused, case_key, check_search
from solver.voice import Voice
from tests import synthetic


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run in 1-D, to be copied."""
    return synthetic.strip_run(tmp_path_factory.mktemp("finished"), 1)


@pytest.fixture
def run(tmp_path, finished) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def tiny_case(dim: int, segment: dict[str, str]) -> Case:
    """A case of one segment that writes no fields."""
    table = {
        "schema_version": 1,
        "domain": {"dimension": dim, "lithium_thickness": "2 um"} | ({"width": "1.6 um"} if dim > 1 else {}),
        "interface": {"width": "400 nm"},
        "electrolyte": [{"thickness": "2 um"}],
        "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
        "protocol": [segment],
        "output": {"fields": []},
    }
    return case_from_dict(table)


def refused(*arguments: str | Path, code: int = 2) -> str:
    """What a command says when it refuses its input: one line, no trace."""
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == code, done.output
    assert isinstance(done.exception, SystemExit | None), done.exception
    return done.stderr


LOGS = {
    "heading": (lambda t: t.replace("time [s]", "time [min]"), "heading 'time [min]'"),
    "name": (lambda t: t.replace("time [s]", "tame [s]"), "no column 'time'"),
    "twice": (lambda t: t.replace("voltage [V]", "dt [s]"), "heading 'dt [s]': twice, or not in one of the units"),
    "nul": (lambda t: t.replace("\n1,", "\n1\0,"), "a NUL character in line 3"),
    "text": (lambda t: t.replace("\n5,300,", "\n5,soon,"), "column time, line 7: 'soon' is not a number"),
    "huge": (lambda t: t.replace("\n2,", "\n" + "9" * 200000 + ","), "field larger than field limit"),
    "latin": (lambda t: t.encode() + b"\xff\xfe\n", "not UTF-8 text (line "),
    "short": (lambda t: t.replace("\n3,", "\n3\n3,"), "line 5 does not have the"),
    "empty": (lambda t: "", "no column"),
    "quote": (lambda t: t.replace("\n4,", '\n"4,'), "line 6"),
}


@pytest.mark.parametrize("kind", LOGS)
def test_a_damaged_log(run, kind):
    change, said = LOGS[kind]
    path = run / "log.csv"
    content = change(path.read_text())
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refused("plot", run)
    assert message.count("\n") == 1 and str(path) in message and said in message
    if kind not in ("name", "empty"):  # a log without a column that no picture needs is shown
        assert refused("info", run) == message


SUMMARIES = {
    "list": ("[]", "a list where there should be a table"),
    "no json": ("{", "damaged, or not JSON"),
    "deep": ("[" * 100000, "damaged, or not JSON"),
    "bytes": (b"\xff\xfe{}", "cannot be read: not UTF-8 text"),
    "half character": (r'{"stop_reason": "\ud800"}', "damaged, or not JSON"),
    "cycles": ('{"cycles": [1]}', "cycles: [1]; there should be a list of tables of names and values"),
    "reason": ('{"stop_reason": ["a"]}', "stop_reason: ['a']; there should be text"),
    "results": ('{"results": [1]}', "results: [1]; there should be a table"),
    "units": ('{"units": 3}', "units: 3; there should be a table"),
    "seconds": ('{"seconds": "3"}', "seconds: '3'; there should be a table"),
    "provenance": ('{"provenance": null}', "provenance: None; there should be a table"),
}


@pytest.mark.parametrize("kind", SUMMARIES)
def test_a_damaged_summary(run, kind):
    content, said = SUMMARIES[kind]
    (run / "summary.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    for name in ("info", "plot"):
        message = refused(name, run)
        assert message.count("\n") == 1 and message.startswith(f"{run / 'summary.json'}: ") and said in message


def test_odd_numbers_and_characters_of_a_summary_are_shown(run):
    results = '{"results": {"big": 1%s, "code": "\\u001b[2J", "list": [{}]}, "units": {"big": ["m"]}}' % ("0" * 4000)
    (run / "summary.json").write_text(results)
    done = CliRunner().invoke(app, ["info", str(run)])
    assert done.exit_code == 0 and "inf ['m']" in done.stdout
    assert "[2J" in done.stdout and "\x1b" not in done.stdout
    (run / "summary.json").write_text('{"stop_reason": "a $ b $^{ \\u0007", "results": {"failure_time": 9.0}}')
    assert plot_run(run).is_file()
    (run / "summary.json").write_text('{"results": {"critical_current_density": "much", "failure_time": "late"}}')
    assert refused("plot", run).startswith(f"{run}: cannot be drawn (")


def test_a_case_of_another_shape_is_no_matter(run):
    for case in ("[]", '{"title": ["$x"], "domain": []}', "{", "3"):
        for path in (run / "fields").iterdir():
            with h5py.File(path, "a") as file:
                del file["provenance/resolved_case"]
                file["provenance/resolved_case"] = np.bytes_(case)
        assert headline(Run(run)).endswith("capacity reached") and isinstance(Run(run).case, dict)
    with h5py.File(run / "fields/fields_000003.vtkhdf", "a") as file:
        del file["provenance"]
        file["provenance"] = h5py.ExternalLink("/etc/hostname", "/")
    with pytest.raises(ResultsError, match="provenance is a link to another place, which is not followed"):
        _ = Run(run).info


def test_links_in_the_place_of_pictures_and_tables_are_not_followed(run, tmp_path):
    (tmp_path / "points.csv").write_text(POINTS)
    for name in (run / "curves.png", run / "curves.png.part", tmp_path / "results.csv"):
        kept = tmp_path / f"of the user {name.name}"
        kept.write_text("kept")
        name.symlink_to(kept)
    assert refused("plot", run, code=0) == "" and refused("table", tmp_path, code=0) == ""
    assert all(kept.read_text() == "kept" for kept in tmp_path.glob("of the user*"))
    assert not (run / "curves.png").is_symlink() and not (tmp_path / "results.csv").is_symlink()


def test_info_and_plot_go_on_with_the_other_snapshots_and_say_so(run):
    path = run / "fields/fields_000002.vtkhdf"
    path.write_bytes(path.read_bytes()[:3000])
    for name in ("info", "plot"):
        done = CliRunner().invoke(app, [name, str(run)])
        assert done.exit_code == 0 and done.stderr.startswith(f"{path}: damaged, or not a snapshot")
        assert done.stderr.count("\n") == 1
    assert "snapshots                   3\n" in CliRunner().invoke(app, ["info", str(run)]).stdout


@pytest.mark.parametrize("dim", [1, 2])
def test_a_run_that_wrote_no_fields_is_drawn_with_a_line_about_it(tmp_path, dim, monkeypatch, capsys):
    """By `run` too, which ends with the exit code of the run, whatever happens to its picture."""
    case = tiny_case(dim, {"kind": "rest", "duration": "1 s"})
    job = command.Job(case, tmp_path / "run", None, None, ())
    comm = synthetic.grid(1, False).comm
    assert command._run(Voice.NORMAL, comm, job) == 0
    said = capsys.readouterr().err.splitlines()[-2:]
    assert said[0].startswith("curves and contact: ") and said[1].startswith("no picture of the contact: ")
    monkeypatch.setattr("postprocess.plots.plot_run", lambda directory: 1 / 0)
    assert command._run(Voice.NORMAL, comm, job) == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith("no picture: ")


# -- sweeps and searches ---------------------------------------------------------------------------------

POINTS = "id,ranks,case_digest,drive.x\npoint,1,abc,1\n"
TABLES = {
    "latin": (b"id\xff,ranks,case_digest\n", "can't decode byte"),
    "huge": (POINTS.replace("abc", "9" * 200000).encode(), "field larger"),
    "short": (POINTS.replace(",abc,1", "").encode(), "line 2 does not have the columns"),
    "long": (POINTS.replace("abc", "abc,2,3").encode(), "line 2 does not have the columns"),
    "outside": (POINTS.replace("point,", "../point,").encode(), "line 2: id '../point'"),
    "absolute": (POINTS.replace("point,", "/etc,").encode(), "line 2: id '/etc'"),
    "heading": (b"a,b\n1,2\n", "needs the columns id"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_damaged_points_of_a_sweep(tmp_path, kind):
    content, said = TABLES[kind]
    (tmp_path / "points.csv").write_bytes(content)
    message = refused("table", tmp_path)
    assert message.count("\n") == 1 and message.startswith(f"{tmp_path / 'points.csv'}: ") and said in message


def test_a_damaged_point_says_so_in_the_table(tmp_path, finished):
    (tmp_path / "points.csv").write_text(POINTS)
    point = Path(shutil.copytree(finished, tmp_path / "point"))
    for name, content in (("done.json", "[]"), ("summary.json", "{"), ("case.digest", "abc\n"), ("log.csv", "a,a\n")):
        (point / name).write_text(content)
    (result,) = read_points(tmp_path)
    assert (result.state, result.results) == ("broken off", {})
    assert all(name in result.reason for name in ("done.json: a list", "summary.json: damaged", "log.csv: heading"))
    (point / "run.log").write_text("exit code \u00b2\n")
    (point / "case.digest").write_bytes(b"\xff")
    assert read_points(tmp_path)[0].state == "changed"
    assert refused("table", tmp_path, code=0) == ""


def test_damaged_trials_of_a_search(tmp_path):
    ramp = {"kind": "ccd", "first": "plate", "start": "1 mA/cm^2", "increment": "1 mA/cm^2", "duration": "1 s"}
    case = tiny_case(1, ramp | {"max_current_density": "3 mA/cm^2"})
    result, trials = tmp_path / "ccd.json", tmp_path / "trials.csv"
    for content in ("[]", "{", '{"case": 1', "{}", "[" * 100000):
        result.write_text(content)
        with pytest.raises(SearchRefused, match=r"ccd\.json was not written by a search"):
            check_search(case, tmp_path)
    result.write_text(json.dumps({"case": case_key(case)}))
    for row in ("1,much,-,-,-,-,1", "1,10,a,b,c,d,1", "1,\0,-,-,-,-,1", "9" * 200000):
        trials.write_text(",".join(COLUMNS) + "\n" + row + "\n")
        with pytest.raises(SearchRefused, match=r"trials\.csv: damaged"):
            check_search(case, tmp_path)
    trials.unlink()
    trials.mkdir()
    with pytest.raises(SearchRefused, match=r"trials\.csv was not written by a search"):
        check_search(case, tmp_path)
    result.write_text('{"case": "x", "results": [1]}')
    assert refused("info", tmp_path).startswith(f"{result}: results: [1]; there should be a table")


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """A command that waits for the writer of a pipe fails instead of hanging."""

    def stop(*_: object) -> None:
        raise TimeoutError("waits for a pipe")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("name", ["log.csv", "summary.json"])
def test_a_pipe_in_a_result_folder_is_not_waited_for(run, name, no_waiting):
    pipe(run / name)
    for command_ in ("info", "plot"):
        said = refused(command_, run)
        assert str(run / name) in said and "not a regular file" in said


def test_pipes_decide_nothing_of_a_run(run, no_waiting):
    case = tiny_case(1, {"kind": "rest", "duration": "1 s"})
    for name in ("done.json", "case.digest"):
        pipe(run / name)
    assert look(run, case.source) in (Present.BROKEN_OFF, Present.OTHER)


def test_pipes_in_the_folder_of_a_search_are_refused(tmp_path, no_waiting):
    ramp = {"kind": "ccd", "start": "1 mA/cm^2", "increment": "1 mA/cm^2", "capacity": "0.01 mAh/cm^2"}
    case = tiny_case(1, ramp | {"max_current_density": "2 mA/cm^2"})
    (tmp_path / "ccd.json").write_text(json.dumps({"case": case_key(case)}))
    os.mkfifo(tmp_path / "trials.csv")
    with pytest.raises(SearchRefused, match="was not written by a search"):
        check_search(case, tmp_path)
    pipe(tmp_path / "ccd.json")
    with pytest.raises(SearchRefused, match="was not written by a search"):
        check_search(case, tmp_path)
