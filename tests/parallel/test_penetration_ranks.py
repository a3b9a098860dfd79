"""Filaments on grain boundaries: the same numbers on 1, 2, 4 ranks, after a restart on the way, after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI

import solver
from solver.case.io import case_from_dict
from tests.mpi import rank_results, start_ranks
from tests.parallel.runs import FIXED, agreement, differences, merged, penetrating_case, run_case
from tests.parallel.test_restart import assert_same_end, children, end_of, rows, stopped_run, wait_for

TIGHT = merged(FIXED, {"mechanics": {"tolerance": 1e-13}})


def fast(dim: int, steps: int, step: float) -> dict[str, Any]:
    """Filaments of twice the speed, so that a few steps (s) are enough."""
    changes = {
        "time": {"fixed_step": f"{step} s"},
        "filament": {"aspect_factor": 600.0},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": f"{steps * step} s"}],
    }
    return penetrating_case(dim, merged(TIGHT, changes))


STEPS = 5
TABLE = fast(2, STEPS, 1.0)


def fixed_run(dim: int) -> dict[str, Any]:
    """Fixed steps in 2-D or 3-D (collective)."""
    return run_case(fast(dim, 3, 1.6)) | {"ranks": MPI.COMM_WORLD.size}


@pytest.fixture(scope="module")
def one_rank() -> dict[int, dict[str, Any]]:
    return {dim: fixed_run(dim) for dim in (2, 3)}


@pytest.mark.parametrize(
    ("ranks", "dim"),
    [(2, 3), (4, 2), pytest.param(2, 2, marks=pytest.mark.long), pytest.param(4, 3, marks=pytest.mark.long)],
)
def test_fixed_steps_agree_on_all_numbers_of_ranks(one_rank, ranks, dim):
    """Filaments that grow by a fifth and more: every field and curve to 1e-10 of its range, motion to 1e-8."""
    one, many = one_rank[dim], rank_results(ranks, fixed_run, dim)
    assert many["ranks"] == ranks
    assert one["reason"] == many["reason"] == "protocol finished"
    volume = one["curve filament_volume"]
    assert volume[-1] > 1.2 * volume[0]
    found = differences(one, many, ("field", "curve"))
    assert "field filament" in found
    assert all(gap < agreement(name) for name, gap in found.items()), found


def adapted() -> dict[str, Any]:
    """Adapted steps, plating and stripping (collective)."""
    protocol = [
        {"kind": "galvanostatic", "direction": "plate", "duration": "3 s"},
        {"kind": "galvanostatic", "direction": "strip", "duration": "1 s"},
    ]
    return run_case(penetrating_case(2, {"protocol": protocol, "mechanics": {"tolerance": 1e-5}}))


def adapted_and_continued(directory: str) -> dict[str, Any]:
    """On the same ranks: adapted steps, and what is left of the run in the directory (collective)."""
    return adapted() | {"continued": continue_run(directory)}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """A run that one rank has stopped while the filaments grow."""
    directory: Path = tmp_path_factory.mktemp("stopped") / "one"
    stopped_run(TABLE, directory, STEPS // 2)
    return directory


@pytest.fixture(scope="module")
def three(stopped) -> tuple[Path, dict[str, Any]]:
    """What three ranks find, and where they have continued the stopped run."""
    directory = stopped.with_name("three")
    shutil.copytree(stopped, directory)
    return directory, rank_results(3, adapted_and_continued, str(directory))


def test_adapted_steps_agree(three) -> None:
    """1 and 3 ranks: same reason, same number of steps, integrals to 1e-6.

    The forces are balanced to 1e-5: what their tolerance leaves of the stress, the current of the same step sees, and
    the filaments (1e-5 of their volume at the default of 1e-3).
    """
    one, (_, many) = adapted(), three
    assert one["reason"] == many["reason"] == "protocol finished"
    assert one["steps"] == many["steps"] > 12
    np.testing.assert_allclose(many["integrals"], one["integrals"], rtol=1e-6, atol=1e-18)
    found = differences(one, many, ("curve filament", "curve penetration"))
    assert max(found.values()) < 1e-6, found


# -- restart -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("uninterrupted")
    assert solver.run(case_from_dict(TABLE), directory).stop_reason == "protocol finished"
    return directory


def continue_run(directory: str) -> dict[str, Any]:
    result = solver.run(case_from_dict(TABLE), Path(directory), restart="latest")
    return {"reason": result.stop_reason, "ranks": MPI.COMM_WORLD.size}


def test_restart_in_mid_penetration(tmp_path, stopped, three, uninterrupted):
    """Stopped while the filaments grow; continued on 1 and on 3 ranks: as without a stop, to 1e-10."""
    one = shutil.copytree(stopped, tmp_path / "one")
    opened = end_of(one)[0]["opened"].sum()
    assert continue_run(str(one)) == {"reason": "protocol finished", "ranks": 1}
    assert end_of(one)[0]["opened"].sum() > opened, "was not in mid-penetration"
    assert_same_end(one, uninterrupted)
    directory, found = three
    assert found["continued"] == {"reason": "protocol finished", "ranks": 3}
    assert_same_end(directory, uninterrupted)


@pytest.mark.long
def test_kill_9_in_mid_penetration(tmp_path, uninterrupted):
    """2 ranks die while the filaments grow; the restart on one reaches the end of the uninterrupted run."""
    table = merged(TABLE, {"output": {"checkpoint_interval": "1 ms"}})
    (tmp_path / "case.json").write_text(json.dumps(table))
    run = tmp_path / "run"
    command = ["-m", "tests.undrawn", "run", tmp_path / "case.json", "--output", run]
    with start_ranks(2, command) as process:
        wait_for(lambda: rows(run) >= 2, process)
        for pid in (process.pid, *children(process.pid)):
            os.kill(pid, signal.SIGKILL)
        process.wait(200)
    assert 2 <= rows(run) < STEPS, "was not killed in the middle"
    assert continue_run(str(run))["reason"] == "protocol finished"
    assert_same_end(run, uninterrupted)
