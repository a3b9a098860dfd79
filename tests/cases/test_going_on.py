"""Going on with a run: everything is checked first, nothing is lost, nothing is claimed that was not run."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from solver.__main__ import app
from solver.output import checkpoint

CASE: dict[str, Any] = {
    "schema_version": 1,
    "domain": {"dimension": 1, "lithium_thickness": "4 um"},
    "interface": {"width": "200 nm"},
    "grid": {"fine_depth": "2 um"},
    "electrolyte": [{"thickness": "3 um"}],
    "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "3 s"}],
    "time": {"fixed_step": "0.5 s"},
    "output": {"interval": "1 s", "checkpoint_interval": "1 ms", "keep_checkpoints": 3},
}

REST = ("--set", "protocol.1.kind=rest", "--set", 'protocol.1.duration="1 s"')  # after it


@pytest.fixture
def case_file(in_tmp_path: Path) -> Path:
    Path("case.json").write_text(json.dumps(CASE))
    return in_tmp_path


@pytest.fixture
def case(case_file: Path, no_pictures: None) -> Path:
    """The case; its runs are not drawn."""
    return case_file


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the case, drawn; each test has a copy."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("case.json").write_text(json.dumps(CASE))
        run()
    return folder / "r"


@pytest.fixture
def ran(case: Path, finished: Path) -> Path:
    """The case and its finished run; what goes on from there is not drawn."""
    shutil.copytree(finished, "r")
    return case


def lifront(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output


def run(*words: str, code: int = 0) -> str:
    return lifront("run", "case.json", "--output", "r", *words, code=code)


def rows() -> list[str]:
    with open("r/log.csv", newline="") as stream:
        return [row[0] for row in csv.reader(stream)][1:]


def files_there() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("r").rglob("*") if path.is_file()}


def digests(directory: str = "r") -> tuple[str, str]:
    """Of the case that the run says it has carried out: case.digest, done.json."""
    done = json.loads(Path(directory, "done.json").read_text())["case_digest"]
    return Path(directory, "case.digest").read_text().strip(), done


def final_time() -> float:
    path = checkpoint.latest("r")
    assert path is not None
    with h5py.File(path) as file:
        return float(json.loads(bytes(file["scalars"][()]))["time"])


# -- a case that asks for more, for less, for something else --------------------------------------------


def test_a_finished_run_whose_last_segment_is_made_longer_goes_on(ran):
    longer = ("--set", 'protocol.0.duration="5 s"')
    run(*longer, "--restart", "latest")
    assert final_time() == 5.0 and rows() == [str(n) for n in range(1, 11)]
    assert "nothing to do" in run(*longer, "--restart", "auto")
    first = files_there()["r/done.json"]
    assert "another case" in run("--restart", "auto", code=2)  # that of 3 s is not what is there
    assert files_there()["r/done.json"] == first


def test_a_segment_that_follows_is_run(ran):
    run(*REST, "--restart", "latest")
    assert final_time() == 4.0 and len(set(digests())) == 1
    assert json.loads(Path("r/summary.json").read_text())["changes"] == []


def test_a_finished_run_goes_on_with_nothing_left_to_do(ran):
    before = digests()
    run("--restart", "latest")
    assert final_time() == 3.0 and digests() == before


def test_a_run_that_was_killed_while_it_drew_has_its_picture_drawn(case_file, finished):
    shutil.copytree(finished, "r")
    drawn = files_there()
    run("--restart", "auto")
    assert files_there() == drawn  # nothing is done twice
    Path("r/curves.png").rename("r/curves.png.part")
    run("--restart", "auto")
    assert files_there().keys() == drawn.keys()


@pytest.mark.parametrize(
    "change",
    [
        'protocol.0.duration="2 s"',  # less than was done
        'drive.stack_pressure="4 MPa"',
        'protocol.0.current_density="0.5 mA/cm^2"',
        "protocol.0.direction=strip",
    ],
)
def test_results_of_two_cases_are_not_said_to_be_those_of_one(ran, change):
    """The run may go on, tells it, and is not taken for that case later."""
    text = run("--set", change, *REST, "--restart", "latest")
    assert "results are those of more than one case" in text
    assert digests() == ("more than one case", "more than one case")
    assert len(json.loads(Path("r/summary.json").read_text())["changes"]) == 1
    run("--set", change, "--restart", "auto", code=2)
    run("--restart", "auto", code=2)


def test_what_a_run_still_applies_may_not_change_unnoticed(case):
    """In the middle of a segment; with other output it is the same case."""
    run("--wall", "1 us", code=4)
    run("--set", 'output.interval="2 s"', "--restart", "latest", "--wall", "1 us", code=4)
    run("--set", 'protocol.0.current_density="2 mA/cm^2"', "--restart", "latest")
    assert digests()[1] == "more than one case"


def test_a_protocol_shorter_than_what_was_done_is_refused_and_nothing_changes(case):
    run(*REST, "--set", "protocol.2.kind=rest", "--set", 'protocol.2.duration="1 s"')
    before = files_there()
    assert "3 segments are over, and the case has 1" in run("--restart", "latest", code=2)
    assert files_there() == before


# -- refused runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--restart", "auto", "--set", 'drive.voltage_limit="0.3 V"'), "another case"),
        (("--restart", "latest", "--set", 'domain.lithium_thickness="5 um"'), "cells along z in the checkpoint"),
        (("--restart", "latest", "--set", 'mechanics.linear_solver="direct"'), "no MUMPS"),
        (("--restart", "r/checkpoint_000001.h5"), "no such file"),
        (("--force", "--restart", "latest"), "contradict"),
        ((), "already holds results"),
    ],
)
def test_a_run_that_is_refused_leaves_everything(ran, words, message, monkeypatch):
    monkeypatch.setattr("solver.numerics.saddle._can_factorise", lambda: False)
    before = files_there()
    assert message in run(*words, code=2)
    assert files_there() == before


def test_results_are_replaced_by_a_run_that_can_begin_and_by_no_other(ran, monkeypatch):
    before = files_there()
    monkeypatch.setattr("solver.numerics.saddle._can_factorise", lambda: False)
    run("--force", "--set", 'mechanics.linear_solver="direct"', code=2)
    assert files_there() == before
    assert "replaced" in run("--restart", "auto", "--force", "--set", 'protocol.0.duration="1 s"')
    assert rows() == ["1", "2"] and len(list(Path("r").glob("fields/*"))) == 2


@pytest.mark.parametrize("name", ["fields", "curves.png", "checkpoint_000001.h5", "log.csv", "case.toml"])
def test_links_in_a_folder_of_results_are_not_followed(ran, name):
    target = Path("elsewhere")
    if Path("r", name).is_dir():
        shutil.rmtree(f"r/{name}")
        target.mkdir()
        (target / "fields_000007.vtkhdf").write_text("precious")
    else:
        Path("r", name).unlink(missing_ok=True)
        target.write_text("precious")
    Path("r", name).symlink_to(target.resolve())
    for words in (("--force",), ("--restart", "latest"), ("--restart", "auto")):
        assert "is a link" in run(*words, code=2)
    assert (target / "fields_000007.vtkhdf" if target.is_dir() else target).read_text() == "precious"


# -- what is derived, what is damaged -----------------------------------------------------------------------


def without_wall(log: str) -> list[str]:
    return [line.rpartition(",")[0] for line in log.splitlines()]


@pytest.mark.parametrize("log", [None, "", "time [min]\n1\n", "\0\0\0"])
def test_the_log_is_not_needed_to_go_on(ran, log):
    whole = Path("r/log.csv").read_text()
    Path("r/checkpoint_000006.h5").unlink()
    Path("r/done.json").unlink()
    Path("r/log.csv").unlink() if log is None else Path("r/log.csv").write_text(log)
    run("--restart", "auto")
    again = Path("r/log.csv").read_text()
    assert rows() == ["1", "2", "3", "4", "5", "6"]
    assert without_wall(again) == without_wall(whole)


def damage(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["fields/occupancy"][3] += 1e-9


def test_the_newest_checkpoint_that_is_not_damaged_is_used_and_said(ran):
    Path("r/done.json").unlink()
    damage(Path("r/checkpoint_000006.h5"))
    Path("r/checkpoint_000005.h5").write_bytes(b"not HDF5")
    text = run("--restart", "auto")
    assert "checkpoint_000006.h5: damaged: fields/occupancy" in text and "checkpoint_000005.h5: truncated" in text
    assert "restart from r/checkpoint_000004.h5" in text
    assert rows() == ["1", "2", "3", "4", "5", "6"]


def test_without_a_good_checkpoint_nothing_is_done(ran):
    Path("r/done.json").unlink()
    for path in Path("r").glob("checkpoint_*.h5"):
        damage(path)
    before = files_there()
    for mode in ("auto", "latest", "r/checkpoint_000005.h5"):
        assert "damaged" in run("--restart", mode, code=2)
    assert files_there() == before


@pytest.mark.parametrize("change", [{"speed": 1.0}, {"dt_next": None}])
def test_progress_of_another_version_is_one_sentence(case, change, monkeypatch):
    run("--wall", "1 us", code=4)
    original = checkpoint.read

    def read(path: Path, grid: Any) -> checkpoint.Checkpoint:
        saved = original(path, grid)
        for name, value in change.items():
            saved.scalars.pop(name, None)
            if value is not None:
                saved.scalars[name] = value
        return saved

    monkeypatch.setattr(checkpoint, "read", read)
    before = files_there()
    text = run("--restart", "latest", code=2)
    assert f"another version of lifront: {'unknown' if 'speed' in change else 'missing'}" in text
    assert files_there() == before


@pytest.mark.parametrize("content", ["[]", "", "{", '{"case_digest": 1}'])
def test_a_done_that_says_nothing_is_not_believed(ran, content):
    done = digests()
    Path("r/done.json").write_text(content)
    run("--restart", "auto", *([] if "1" not in content else ["--force"]))
    assert digests() == done


def test_results_can_be_run_again_from_what_is_in_them(case):
    """With the profile that the case names, and the values that were replaced."""
    Path("ok.csv").write_text("time [s],current_density [mA/cm^2]\n0,1\n2,1\n")
    run(
        "--set",
        "protocol.0.kind=profile",
        "--set",
        "protocol.0.file=ok.csv",
        "--set",
        'protocol.0.duration="2 s"',
        code=2,
    )  # a profile has no direction
    Path("case.json").write_text(json.dumps(CASE | {"protocol": [{"kind": "profile", "file": "ok.csv"}]}))
    run("--set", 'drive.stack_pressure="5 MPa"')
    Path("r").rename("moved")
    Path("ok.csv").unlink()
    lifront("check", "moved/case.toml")
    lifront("run", "moved/case.toml", "--output", "again")
    first, again = (np.genfromtxt(f"{d}/log.csv", delimiter=",", names=True) for d in ("moved", "again"))
    np.testing.assert_array_equal(first["voltage_V"], again["voltage_V"])
    lifront("run", "moved/case.toml", "--output", "moved", "--force")  # and in its own folder
    assert Path("moved/input_ok.csv").read_text().startswith("time")
