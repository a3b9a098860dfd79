"""Sweeps with the real Snakemake and the real mpirun: points that end, fail, are killed, interrupted or changed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from postprocess.reader import Run
from solver.output import checkpoint, present
from solver.study.sweep import expand
from tests.mpi import environment

LINE: dict[str, Any] = {
    "schema_version": 1,
    "domain": {"dimension": 1, "lithium_thickness": "4 um"},
    "grid": {"fine_depth": "2 um"},
    "interface": {"width": "200 nm"},
    "electrolyte": [{"thickness": "3 um"}],
    "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [{"kind": "galvanostatic", "direction": "strip", "duration": "10 s"}],
    "output": {"interval": "1000 s", "fields": ["lithium"], "checkpoint_interval": "0.1 s"},
}
SHORT, FAILING, LONG = {"time.max_step": "5 s"}, {"solver.max_newton": 1}, {"time.fixed_step": "0.2 s"}
STEPS = 50  # of the long one
ENDLESS = {"time.fixed_step": "0.2 ms"}  # 50 000 steps: a test that does not interrupt it does not end


def sweep_case(path: Path, *points: dict[str, Any], ranks: int = 2, **sections: Any) -> tuple[str, ...]:
    """Write a sweep of points; returns their folders."""
    path.write_text(tomli_w.dumps(LINE | sections | {"sweep": {"ranks": ranks, "list": list(points)}}))
    return tuple(point.id for point in expand(path))


@contextmanager
def started(case: Path, runs: Path):
    """`lifront sweep`, killed with all it has started when the test is over."""
    command = [sys.executable, "-m", "solver", "sweep", str(case), "--output", str(runs), "--cores", "2"]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def finished(case: Path, runs: Path) -> tuple[int, str]:
    """Exit code and output of `lifront sweep`."""
    with started(case, runs) as process:
        out, _ = process.communicate(timeout=240)
        return process.returncode, out


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 200
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < until
        time.sleep(0.02)


def ranks_in(runs: Path, point: str = "") -> list[int]:
    """Process ids of the ranks that run in the folder, or of the one of a point."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            if words[1:4] != [b"-m", b"solver", b"run"] or not words[4].startswith(point.encode()):
                continue
            if (entry / "cwd").resolve() == runs.resolve():
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended
    return found


def results(runs: Path) -> dict[str, dict[str, str]]:
    with (runs / "results.csv").open(newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def steps(folder: Path) -> list[int]:
    return [int(step) for step in Run(folder).curves["step"]]


def test_only_what_failed_was_killed_or_has_changed_is_run_again(tmp_path):
    case, runs = tmp_path / "case.toml", tmp_path / "runs {x} 'y'"
    short, failing, long = sweep_case(case, SHORT, FAILING, LONG, ranks=1)
    with started(case, runs) as process:
        wait_for(lambda: checkpoint.latest(runs / long) is not None, process)
        os.kill(ranks_in(runs, long)[0], signal.SIGKILL)
        out, _ = process.communicate(timeout=240)
    assert process.returncode == 3, out
    table = results(runs)
    assert {name: row["state"] for name, row in table.items()} == {
        short: "done",
        failing: "failed",
        long: "broken off",
    }
    assert table[short]["reason"] == "protocol finished" and float(table[short]["time [s]"]) == 10
    assert "potential: newton did not converge" in table[failing]["reason"]
    assert "exit code 137" in table[long]["reason"]
    assert not (runs / long / "done.json").exists() and max(steps(runs / long)) < STEPS
    ended = (runs / short / "done.json").stat().st_mtime_ns

    code, out = finished(case, runs)  # the short one is done
    assert code == 3 and "3 points" in out and "1 done, 2 to run" in out
    assert (runs / short / "done.json").stat().st_mtime_ns == ended
    assert "restart from" in (runs / long / "run.log").read_text()
    assert steps(runs / long) == list(range(1, STEPS + 1))
    assert {name: row["state"] for name, row in results(runs).items()} == {
        short: "done",
        failing: "failed",
        long: "done",
    }

    longer = [{**LINE["protocol"][0], "duration": "12 s"}]
    assert sweep_case(case, SHORT, ranks=1, protocol=longer) == (short,)
    code, out = finished(case, runs)
    assert code == 0
    assert f"{short}: the case has changed; it will be run again from the start" in out
    assert "left alone, since they belong to no point of this sweep" in out and failing in out
    assert results(runs).keys() == {short} and float(results(runs)[short]["time [s]"]) == 12
    assert "results of another case, which are replaced" in (runs / short / "run.log").read_text()


def test_an_interrupted_sweep_goes_on_from_its_checkpoints_and_can_not_be_run_twice_at_once(tmp_path):
    case, runs = tmp_path / "case.toml", tmp_path / "runs"
    names = sweep_case(case, ENDLESS, ENDLESS | {"title": "later"})
    with started(case, runs) as process:
        wait_for(lambda: any(checkpoint.latest(runs / name) for name in names), process)
        code, out = finished(case, runs)
        assert code == 2 and "another sweep is at work" in out
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=240)
    assert process.returncode == 4, out
    assert not ranks_in(runs)
    states = {row["state"]: row for row in results(runs).values()}
    assert states.keys() == {"stopped", "not run"}, out
    assert states["stopped"]["reason"] == "interrupted by SIGUSR2"
    begun = runs / states["stopped"]["id"]
    assert json.loads((begun / "summary.json").read_text())["steps"] == max(steps(begun))


def test_nothing_of_the_folders_of_a_sweep_runs_and_links_in_them_are_not_followed(tmp_path, monkeypatch):
    """Modules, profiles and records of Snakemake, options of PETSc in the working directory and in the folder."""
    case, runs, hit, elsewhere = (tmp_path / name for name in ("case.toml", "runs", "hit", "elsewhere"))
    (name,) = sweep_case(case, SHORT)
    elsewhere.write_text("mine\n")
    (runs / name).mkdir(parents=True)
    for folder in (tmp_path, runs, runs / name):
        for module in ("yaml", "json", "numpy", "snakemake", "typer", "solver", "petsc4py"):
            (folder / f"{module}.py").write_text(f"open({str(hit)!r}, 'a').write(__file__)\n")
        (folder / "profiles/default").mkdir(parents=True)
        (folder / "profiles/default/config.yaml").write_text("dry-run: true\n")
        (folder / ".petscrc").write_text(f"-options_view {hit}\n-ksp_view_final_residual\n")
        (folder / ".snakemake").mkdir()
        (folder / ".snakemake/metadata").write_text("no folder, so that Snakemake fails if it works here")
    for log in (runs / "snakemake.log", runs / name / "run.log"):
        log.symlink_to(elsewhere)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep)
    command = [sys.executable, "-P", "-m", "solver", "sweep", str(case), "--output", "runs", "--quiet", "--cores", "2"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + (runs / "snakemake.log").read_text()
    assert done.stdout.split() == ["table:", "runs/results.csv"] and not done.stderr
    assert not hit.exists() and elsewhere.read_text() == "mine\n"
    log = runs / name / "run.log"
    assert log.read_text().endswith("exit code 0\n") and not log.is_symlink()


@pytest.mark.parametrize("missing", ["snakemake", "mpirun"])
def test_what_is_missing_is_said_before_anything_is_written(tmp_path, missing, monkeypatch):
    case, runs = tmp_path / "case.toml", tmp_path / "runs"
    sweep_case(case, SHORT)
    if missing == "mpirun":
        monkeypatch.setenv("MPIRUN", "no-such-mpirun --oversubscribe")
        code, out = finished(case, runs)
        assert code == 2 and "no-such-mpirun is missing" in out
    else:
        hide = f"""
            import importlib.util, sys
            importlib.util.find_spec = lambda name, find=importlib.util.find_spec: name != "snakemake" and find(name)
            sys.argv[1:] = ["sweep", {str(case)!r}, "--output", {str(runs)!r}]
            from solver.__main__ import main
            main()"""
        command = [sys.executable, "-c", textwrap.dedent(hide)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "Snakemake is missing: tools/setup.sh sweeps" in done.stderr, done.stderr
    assert not runs.exists()


def test_two_runs_do_not_write_to_one_directory(tmp_path):
    case = tmp_path / "case.toml"
    case.write_text(tomli_w.dumps(LINE))
    handle = present.lock(tmp_path)
    assert handle is not None
    command = [sys.executable, "-m", "solver", "run", str(case), "--output", str(tmp_path), "--restart", "auto"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    os.close(handle)
    assert done.returncode == 2 and "another run is writing to" in done.stderr
