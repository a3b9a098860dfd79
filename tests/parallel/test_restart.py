"""A run that was stopped and continued comes to the same numbers: on any number of ranks, and after a kill.

At tight tolerances and with fixed steps; `test_restart_exact` has the default ones, on the same number of ranks.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from mpi4py import MPI

import solver
from postprocess.reader import Run
from solver.case.io import case_from_dict
from solver.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from solver.loop import runner
from solver.loop.interrupts import Interrupts, Request
from solver.output import checkpoint
from tests.mpi import rank_results, run_ranks, start_ranks
from tests.parallel.runs import AGREEMENT, CURVES, FIXED, agreement, merged, small_case

# stripping and plating: the history that predicts the next step is dropped between the two
PROTOCOL = [
    {"kind": "galvanostatic", "direction": "strip", "duration": "2 s"},
    {"kind": "galvanostatic", "direction": "plate", "duration": "2 s"},
]
STEPS = 4
TABLE = merged(small_case(2, FIXED), {"protocol": PROTOCOL})


class StopAfter(Interrupts):
    """Asks to stop after a number of steps."""

    steps = 0

    def pending(self) -> Request:
        self.steps -= 1
        self.reason = "the test"
        return Request.STOP if self.steps == 0 else Request.NONE


def stopped_run(table: dict[str, Any], directory: Path, steps: int) -> None:
    """A run that ends with a checkpoint after so many steps (collective)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "Interrupts", type("Stop", (StopAfter,), {"steps": steps}))
        result = solver.run(case_from_dict(table), directory)
    assert result.exit_code == EXIT_INTERRUPTED and len(result.curves["time"]) == steps


def end_of(directory: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Fields and progress of the newest checkpoint."""
    path = checkpoint.latest(directory)
    assert path is not None, sorted(directory.iterdir())
    with h5py.File(path, "r") as file:
        fields = {name: data[...] for name, data in file["fields"].items() if "." not in name}  # not of the solvers
        return fields, json.loads(file["scalars"][()])


def close_to(value: Any) -> Any:
    """What a number, or those in a list of records, may be on other ranks."""
    if isinstance(value, list):
        return [close_to(entry) for entry in value]
    if isinstance(value, dict):
        return {name: close_to(entry) for name, entry in value.items()}
    return pytest.approx(value, rel=AGREEMENT, abs=1e-15) if isinstance(value, float) else value


def assert_same_end(directory: Path, reference: Path) -> None:
    """Fields of the last checkpoint, what the loop remembers, and every curve over the whole run."""
    (fields, progress), (expected, expected_progress) = end_of(directory), end_of(reference)
    assert fields.keys() == expected.keys()
    for name, values in expected.items():
        # feed is a rate formed of occupancies, whose range is 1
        scale = 1.0 if name == "feed" else max(np.ptp(values), np.abs(values).max())
        assert np.abs(fields[name] - values).max() <= agreement(name) * scale, name
    now, wanted_now = progress.pop("measured"), expected_progress.pop("measured")
    for name in ("voltage", "contact_fraction", "void_volume", "inventory", "charge"):
        assert now[name] == pytest.approx(wanted_now[name], rel=AGREEMENT), name
    for name in expected_progress.keys() - {"wall", "rejected", "last_end", "solvers"}:
        assert progress[name] == close_to(expected_progress[name]), name
    found, expected_curves = Run(directory).curves, Run(reference).curves
    np.testing.assert_array_equal(found["step"], expected_curves["step"])
    for name in CURVES:
        scale = np.abs(expected_curves[name]).max()
        np.testing.assert_allclose(
            found[name], expected_curves[name], rtol=0, atol=100 * agreement(name) * scale, err_msg=name
        )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("uninterrupted")
    assert solver.run(case_from_dict(TABLE), directory).stop_reason == "protocol finished"
    return directory


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_restart_equals_uninterrupted(tmp_path, uninterrupted, steps):
    """Stopped after the first step, at the end of a segment, within a segment: all fields to 1e-10."""
    stopped_run(TABLE, tmp_path, steps)
    result = solver.run(case_from_dict(TABLE), tmp_path, restart="latest")
    assert result.exit_code == EXIT_DONE and len(result.curves["time"]) == STEPS - steps
    assert_same_end(tmp_path, uninterrupted)


def test_restart_from_a_named_checkpoint_into_another_directory(tmp_path, uninterrupted):
    """A branch: the continued part has its own directory, the first run's stays as it is."""
    stopped_run(TABLE, tmp_path / "first", 3)
    path = checkpoint.latest(tmp_path / "first")
    solver.run(case_from_dict(TABLE), tmp_path / "second", restart=path)
    fields, expected = end_of(tmp_path / "second")[0], end_of(uninterrupted)[0]
    np.testing.assert_allclose(fields["potential"], expected["potential"], atol=AGREEMENT)
    assert end_of(tmp_path / "first")[1]["step"] == 3


def stop_and_continue(first: str, second: str) -> dict[str, Any]:
    """On these ranks: stop at step 3 in `first`, copy that to `second`, continue in `first`."""
    comm = MPI.COMM_WORLD
    stopped_run(TABLE, Path(first), 3)
    if comm.rank == 0:
        shutil.copytree(first, second)
    comm.Barrier()
    return continue_run(first)


def continue_run(directory: str) -> dict[str, Any]:
    result = solver.run(case_from_dict(TABLE), Path(directory), restart="latest")
    return {"reason": result.stop_reason, "ranks": MPI.COMM_WORLD.size}


def test_restart_on_the_same_and_on_another_number_of_ranks(tmp_path, uninterrupted):
    """Stopped on 2 ranks; continued on 2, 3 and 1: all as one rank did without a stop, to 1e-10."""
    two, other = tmp_path / "two", tmp_path / "other"
    assert rank_results(2, stop_and_continue, str(two), str(other)) == {"reason": "protocol finished", "ranks": 2}
    assert_same_end(two, uninterrupted)
    shutil.copytree(other, tmp_path / "one")
    continue_run(str(tmp_path / "one"))
    assert_same_end(tmp_path / "one", uninterrupted)
    assert rank_results(3, continue_run, str(other))["ranks"] == 3
    assert_same_end(other, uninterrupted)


# -- from outside ----------------------------------------------------------------------------------------


def write_case(path: Path, steps: int) -> dict[str, Any]:
    """A case file (JSON) of fixed steps that writes a checkpoint after every one.

    After 20 steps 1 rank and several differ by up to 2000 times the tolerance of the linear solvers.
    """
    changes = {"output": {"checkpoint_interval": "1 ms", "interval": "5 s"}, "solver": {"tolerance": 1e-14}}
    table = merged(small_case(2, FIXED), changes)
    table["protocol"] = [{"kind": "galvanostatic", "direction": "strip", "duration": f"{steps} s"}]
    path.write_text(json.dumps(table))
    return table


def wait_for(condition: Callable[[], bool], process: Any, seconds: float = 200.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"ended with {process.returncode}: {process.communicate()}")
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def rows(directory: Path) -> int:
    """Complete rows in the log."""
    log = directory / "log.csv"
    return max(0, log.read_text().count("\n") - 1) if log.exists() else 0


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def kill_all(process: Any) -> None:
    """SIGKILL to mpirun and to its ranks."""
    ranks = children(process.pid)
    assert len(ranks) >= 2
    for pid in (process.pid, *ranks):
        os.kill(pid, signal.SIGKILL)
    process.wait(200)


@pytest.mark.long
def test_kill_9_and_restart(tmp_path):
    """mpirun and its ranks die at once in the middle of writing; `--restart latest` reaches the same end state."""
    table = write_case(tmp_path / "case.json", 9)
    run = tmp_path / "run"
    command = ["-m", "tests.undrawn", "run", tmp_path / "case.json", "--output", run]
    with start_ranks(2, command) as process:
        wait_for(lambda: rows(run) >= 3, process)
        kill_all(process)
    assert 3 <= rows(run) < 9, "was not killed in the middle"
    done = run_ranks(3, [*command, "--restart", "latest"])
    assert done.returncode == EXIT_DONE, done.stderr
    solver.run(case_from_dict(table), tmp_path / "whole")
    assert_same_end(run, tmp_path / "whole")
    assert [f.name for f in sorted((run / "fields").iterdir())] == [
        f.name for f in sorted((tmp_path / "whole/fields").iterdir())
    ]
