"""The search for the critical current density: bisection, a limit in closed form, trials that are kept."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from solver.__main__ import _summary
from solver.case.io import case_from_dict, load_case
from solver.case.schema import Case
from solver.cli.jobs import BadInput
from solver.cli.prepare import prepare_search
from solver.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from solver.loop.ramp_results import NO_FAILURE, NOT_FINISHED, UNITS
from solver.numerics.grid import TooManyRanks
from solver.output import summary
from solver.output.present import lock
from solver.study import critical_current
from solver.study.critical_current import NOTHING, SearchRefused, bisect, case_key, check_search, find_ccd
from tests.unit.networks import MESH_CASE
from tests.unit.test_ramp import PLANAR

THERMAL_VOLTAGE = 8.314462618 * 298.15 / 96485.33212  # R T / F, V
RAMP = PLANAR["protocol"][0]  # type: ignore[index]  # a list
REST = {"kind": "rest", "duration": "1 s"}


def planar(*before: dict[str, Any], voltage_limit: str = "20 mV", **ramp: Any) -> Case:
    """A planar contact in 1-D whose half-cycles of 4 s end at the voltage limit."""
    drive = {"stack_pressure": "3 MPa", "voltage_limit": voltage_limit}
    return case_from_dict(PLANAR | {"drive": drive, "protocol": [*before, RAMP | ramp]})


def trials(directory: Path) -> list[dict[str, str]]:
    with (directory / "trials.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("limit", [1.0, 2.345, 7.99])
def test_bisection_brackets_the_limit(limit: float) -> None:
    tried: list[float] = []

    def passes(value: float) -> bool:
        tried.append(value)
        return value <= limit

    passed, failed = bisect(passes, 1.0, 8.0, 0.1)
    assert passed is not None and failed is not None
    assert passed <= limit < failed and failed - passed <= 0.1
    assert len(tried) == 2 + math.ceil(math.log2(7.0 / 0.1)) and tried[:2] == [1.0, 8.0]


def test_bisection_ends_where_there_is_no_number_between():
    passed, failed = bisect(lambda value: value <= 2.345, 1.0, 8.0, 1e-300)
    assert (passed, failed) == (2.345, math.nextafter(2.345, 3.0))


def test_bisection_says_when_there_is_nothing_to_bracket():
    assert bisect(lambda value: False, 1.0, 8.0, 0.1) == (None, 1.0)
    assert bisect(lambda value: True, 1.0, 8.0, 0.1) == (8.0, None)


def test_the_ccd_of_a_voltage_limit_is_that_of_ohm_and_butler_volmer(tmp_path):
    """V = j L / kappa + (2 R T / F) asinh(j / 2 i0) at a planar contact of dense Li, transfer coefficients 1/2."""
    case = planar()
    found = find_ccd(case, tmp_path, tolerance=0.1)
    low, high = (float(found.results[f"{name}_current_density"] or 0) for name in ("critical", "failure"))

    def voltage(j: float) -> float:
        ohm = j * case.electrolyte_thickness / case.electrolyte[0].conductivity
        return ohm + 2 * THERMAL_VOLTAGE * math.asinh(j / (2 * case.interface.exchange_current_density))

    assert high - low <= 0.1 * (1 + 1e-9)
    # within 1.5 %: a diffuse contact, and Li whose occupancy rises while it is plated
    assert voltage(low) == pytest.approx(case.drive.voltage_limit, rel=0.015)
    assert found.exit_code == EXIT_DONE and found.results["failure_mode"] == "voltage limit"
    assert found.results["trials"] == len(trials(tmp_path))
    assert dict(_summary(tmp_path))["critical_current_density"] == f"{low:.6g} A/m^2"


def test_trials_that_are_there_are_not_run_again(tmp_path, monkeypatch):
    """Also those of a coarser search, and a row that was cut off is not taken for one."""
    coarse = find_ccd(planar(), tmp_path, tolerance=6.0)
    before = trials(tmp_path)
    with (tmp_path / "trials.csv").open("a") as stream:
        stream.write("99,3")
    assert find_ccd(planar(), tmp_path, tolerance=3.0).results["trials"] == len(before) + 1
    assert trials(tmp_path)[: len(before)] == before
    monkeypatch.setattr(critical_current, "run", lambda *_: pytest.fail("a trial was run again"))
    assert find_ccd(planar(), tmp_path, tolerance=6.0).results == coarse.results | {"trials": len(before) + 1}


def test_a_result_stays_until_it_is_replaced_and_trials_of_an_unknown_case_are_not_used(tmp_path):
    found = find_ccd(planar(), tmp_path, tolerance=6.0)
    stopped = find_ccd(planar(), tmp_path, tolerance=3.0, wall=0.0)
    assert stopped.exit_code == EXIT_INTERRUPTED
    assert json.loads((tmp_path / "ccd.json").read_text())["results"] == found.results
    for name in ("ccd.json", "trials.csv"):
        (tmp_path / name).unlink()
    for replace in (False, True):
        with pytest.raises(SearchRefused, match=r"has results, but no ccd\.json says of which case"):
            check_search(planar(voltage_limit="30 mV"), tmp_path, replace)


def test_an_interrupted_search_goes_on_where_it_stopped(tmp_path):
    """Stopped after the first step of the first trial: that trial goes on from its checkpoint."""
    stopped = find_ccd(planar(), tmp_path, tolerance=10.0, wall=0.0)
    assert (stopped.exit_code, stopped.results["failure_mode"]) == (EXIT_INTERRUPTED, NOT_FINISHED)
    assert trials(tmp_path) == [] and stopped.results.keys() == NOTHING.keys() | {"trials"}
    found = find_ccd(planar(), tmp_path, tolerance=10.0)
    steps = [line.split(",")[0] for line in (tmp_path / "plate_0.5mA_cm2/log.csv").read_text().splitlines()[1:]]
    assert steps == [str(n + 1) for n in range(len(steps))] and len(steps) > 3
    assert found == find_ccd(planar(), tmp_path / "other", tolerance=10.0)


@pytest.mark.parametrize("stripping", [None, "0.4 mA/cm^2"])
def test_what_comes_before_is_run_once_and_changes_nothing(tmp_path, stripping):
    """A rest, and stripping where it is the same in all trials; the result is that of whole runs in memory."""
    own = {} if stripping is None else {"stripping_current_density": stripping}
    case = planar(REST, first="strip", **own)
    found = find_ccd(case, tmp_path, tolerance=10.0)
    assert found == find_ccd(case, None, tolerance=10.0)
    shared = json.loads((tmp_path / "start/summary.json").read_text())["segments"]
    assert [end["label"].split(": ")[1].split(" ")[0] for end in shared] == (
        ["rest"] if stripping is None else ["rest", "strip", "rest"]
    )
    before = (tmp_path / "start/log.csv").read_text()
    trial = (tmp_path / "plate_0.5mA_cm2/log.csv").read_text()
    assert trial.startswith(before) and len(trial) > len(before)
    start = 1.0 if stripping is None else 7.0
    assert start < float(trial.removeprefix(before).split(",")[1]) < start + 0.2


def test_a_cell_that_fails_at_the_start_or_not_at_all():
    early = find_ccd(planar(voltage_limit="2 mV"))
    assert early.results["critical_current_density"] is None
    assert (early.results["failure_current_density"], early.results["trials"]) == (5.0, 1)
    never = find_ccd(planar(max_current_density="1 mA/cm^2"))
    assert (never.results["critical_current_density"], never.results["failure_mode"]) == (10.0, NO_FAILURE)
    assert never.results["failure_current_density"] is None and never.results["trials"] == 2
    assert never.results.keys() == early.results.keys() == NOTHING.keys() | {"trials"} > UNITS.keys()


def test_a_cell_that_fails_before_the_trials(tmp_path, monkeypatch):
    """Nothing is tried, also by the same command again."""
    plate = {"kind": "galvanostatic", "direction": "plate", "current_density": "5 mA/cm^2", "duration": "1 s"}
    found = find_ccd(planar(plate), tmp_path)
    assert found.results == NOTHING | {"failure_mode": "voltage limit", "trials": 0}
    monkeypatch.setattr(critical_current, "run", lambda *_: pytest.fail("it was run again"))
    assert find_ccd(planar(plate), tmp_path) == found


def test_the_key_of_a_case_is_what_a_trial_depends_on():
    key = case_key(planar())
    assert key == case_key(planar(start="1 mA/cm^2", max_current_density="2 mA/cm^2", increment="1 mA/cm^2"))
    assert key != case_key(planar(duration="5 s"))
    assert key != case_key(planar(voltage_limit="30 mV"))
    assert key != case_key(planar(REST))


def test_the_key_of_a_case_with_a_mesh_is_what_the_mesh_says(tmp_path):
    """Not where it is."""
    keys = []
    ramp = ", ".join(f"{name}='{value}'" for name, value in RAMP.items())
    for name, more in (("here", b""), ("there", b""), ("changed", b"$Comments\n$EndComments\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "case.toml").write_bytes(MESH_CASE.read_bytes())
        (tmp_path / name / "defects.msh").write_bytes(MESH_CASE.with_name("defects.msh").read_bytes() + more)
        keys.append(case_key(load_case(tmp_path / name / "case.toml", [f"protocol=[{{{ramp}}}]"])))
    assert keys[0] == keys[1] != keys[2]


def test_a_directory_with_trials_of_another_case_is_refused(tmp_path):
    find_ccd(planar(), tmp_path, tolerance=100.0)
    with pytest.raises(SearchRefused, match="holds trials of another case"):
        find_ccd(planar(duration="5 s"), tmp_path)
    with pytest.raises(SearchRefused, match="no segment of the kind 'ccd'"):
        find_ccd(case_from_dict(PLANAR | {"protocol": [REST]}))


@pytest.mark.parametrize("tolerance", [0.0, -1.0, float("nan")])
def test_a_bisection_without_end_is_refused(tolerance):
    with pytest.raises(SearchRefused, match="tolerance: value"):
        find_ccd(planar(), tolerance=tolerance)


@pytest.mark.parametrize("name, text", [("trials.csv", "trial\n1\n"), ("ccd.json", "[1]"), ("ccd.json", "ccd")])
def test_files_that_are_of_no_search_are_not_replaced(tmp_path, name, text):
    (tmp_path / "case.json").write_text(json.dumps(PLANAR))
    (tmp_path / name).write_text(text)
    for force in (False, True):
        with pytest.raises(BadInput, match=f"{name} was not written by a search"):
            prepare_search(tmp_path / "case.json", tmp_path, [], "1 mA/cm^2", None, force)
    with pytest.raises(SearchRefused):
        find_ccd(planar(), tmp_path)
    assert (tmp_path / name).read_text() == text and len(list(tmp_path.iterdir())) == 2


def test_bad_input_of_the_command_is_refused_before_anything_is_written(tmp_path):
    case, other = tmp_path / "case.json", tmp_path / "other.json"
    case.write_text(json.dumps(PLANAR))
    other.write_text(json.dumps(PLANAR | {"protocol": [REST]}))
    find_ccd(planar(duration="5 s"), tmp_path / "trials", tolerance=100.0)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/log.csv").write_text("step\n")
    here = tmp_path / "new"

    def refusal(path: Path, directory: Path, tolerance: str = "1 mA/cm^2") -> str:
        with pytest.raises(BadInput) as error:
            prepare_search(path, directory, [], tolerance, None, False)
        assert not here.exists()
        return str(error.value)

    assert "--tolerance: value '1 mA'" in refusal(case, here, "1 mA")
    assert "no segment of the kind 'ccd'" in refusal(other, here)
    assert "trials of another case" in refusal(case, tmp_path / "trials")
    assert "holds the results of a run" in refusal(case, tmp_path / "run")
    assert "is a file, not a directory" in refusal(case, case)

    before = sorted((tmp_path / "trials").rglob("*"))
    handle = lock(tmp_path / "trials")
    assert handle is not None
    for path, words in ((case, "another run is writing to"), (other, "no segment of the kind 'ccd'")):
        with pytest.raises(BadInput, match=words):
            prepare_search(path, tmp_path / "trials", [], "1 mA/cm^2", None, True)
        assert sorted((tmp_path / "trials").rglob("*")) == before
    os.close(handle)
    job = prepare_search(case, tmp_path / "trials", [], "1 mA/cm^2", None, True)
    assert job.replace and sorted((tmp_path / "trials").rglob("*")) == before  # the search itself deletes them


def test_trials_are_replaced_only_by_a_search_that_can_begin(tmp_path, monkeypatch):
    find_ccd(planar(), tmp_path, tolerance=10.0)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fails(*_: object) -> None:
        raise TooManyRanks("too many")

    with monkeypatch.context() as patch:
        patch.setattr(critical_current, "make_grid", fails)
        with pytest.raises(TooManyRanks):
            find_ccd(planar(voltage_limit="30 mV"), tmp_path, tolerance=10.0, replace=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    with pytest.raises(SearchRefused, match="trials of another case"):
        find_ccd(planar(voltage_limit="30 mV"), tmp_path, tolerance=10.0)
    found = find_ccd(planar(voltage_limit="30 mV"), tmp_path, tolerance=10.0, replace=True)
    assert found == find_ccd(planar(voltage_limit="30 mV"), tmp_path / "other", tolerance=10.0)


def test_a_stop_that_comes_while_a_trial_ends_is_heeded_before_the_next(tmp_path, monkeypatch):
    """The signal arrives after the last step of the first trial: that one counts, no other begins."""
    write = summary.write

    def signalled(*args: object, **more: object) -> Path:
        signal.raise_signal(signal.SIGUSR2)
        return write(*args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(summary, "write", signalled)
        stopped = find_ccd(planar(), tmp_path, tolerance=10.0)
    assert (stopped.exit_code, stopped.results["trials"]) == (EXIT_INTERRUPTED, 1) and len(trials(tmp_path)) == 1
    assert find_ccd(planar(), tmp_path, tolerance=10.0) == find_ccd(planar(), tmp_path / "other", tolerance=10.0)
