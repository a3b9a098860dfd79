"""50 runs killed with SIGKILL at random moments, and gone on with: nothing is lost, and the end is the same.

Each of the runs is started with `--restart auto` and killed again and again (seeded moments, from the start of Python
to the writing of the last files), then let to its end on the same number of ranks. The log and the last checkpoint are
those of a run that nobody has killed. Prints its figures (-s).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

import postprocess
from solver.output import checkpoint
from tests.mpi import start_ranks
from tests.parallel.runs import merged, small_case
from tests.parallel.test_restart import children, rows

pytestmark = pytest.mark.long

SEED = int(os.environ.get("LIFRONT_SEED", "1"))
KILLS = {1: 35, 2: 15}  # while at work, by number of ranks
OF_ONE_RUN = 5
PROTOCOL = [
    {"kind": "galvanostatic", "direction": "strip", "duration": "20 s"},
    {"kind": "galvanostatic", "direction": "plate", "duration": "20 s"},
]


def case_file(directory: Path) -> Path:
    changes = {"protocol": PROTOCOL, "time": {"max_step": "1 s"}}
    output = {"output": {"interval": "3 s", "checkpoint_interval": "1 ms"}}
    path = directory / "case.json"
    path.write_text(json.dumps(merged(merged(small_case(2, {}), changes), output)))
    return path


def command(case: Path, run: Path) -> list[str | Path]:
    return ["-m", "solver", "run", case, "--output", run, "--restart", "auto"]


def to_the_end(ranks: int, case: Path, run: Path) -> None:
    with start_ranks(ranks, command(case, run)) as process:
        _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def kill(ranks: int, case: Path, run: Path, whole: int, moment: random.Random) -> bool:
    """Start it, kill all of it after some of its `whole` steps, or in the set-up; whether it was still at work."""
    with start_ranks(ranks, command(case, run)) as process:
        begun, steps = time.monotonic(), rows(run)
        wanted = moment.randint(steps - 5, max(steps, whole - 2))  # in one of some cases without waiting for a step
        while process.poll() is None and rows(run) < wanted and time.monotonic() < begun + 300.0:
            time.sleep(0.002)
        time.sleep(moment.uniform(0.0, 2.0 if wanted <= steps else 0.05))
        working = process.poll() is None
        for pid in (process.pid, *(children(process.pid) if working else ())):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(60)
    return working


def end_of(run: Path) -> dict[str, np.ndarray]:
    path = checkpoint.latest(run)
    assert path is not None
    with h5py.File(path) as file:
        return {name: data[...] for name, data in file["fields"].items()}


def largest_difference(run: Path, reference: Path) -> float:
    """Of all columns of the log but the wall time, and of all fields at the end, relative to their range."""
    ours, wanted = postprocess.Run(run).curves, postprocess.Run(reference).curves
    pairs = [(ours[n], wanted[n]) for n in wanted if n not in ("wall", "segment")]
    assert list(ours["segment"]) == list(wanted["segment"])
    fields, expected = end_of(run), end_of(reference)
    pairs += [(fields[n], expected[n]) for n in expected]
    assert all(a.shape == b.shape for a, b in pairs)
    return max(float(np.abs(a - b).max() / (np.abs(b).max() or 1.0)) for a, b in pairs)


@pytest.mark.parametrize("ranks", KILLS)
def test_runs_that_are_killed_again_and_again_come_to_the_same_end(tmp_path, ranks):
    case = case_file(tmp_path)
    to_the_end(ranks, case, tmp_path / "whole")
    moment, whole = random.Random(SEED + ranks), rows(tmp_path / "whole")
    differences, hits, at = [], 0, []
    while hits < KILLS[ranks]:
        run = tmp_path / f"run{len(differences)}"
        for _ in range(OF_ONE_RUN):
            if kill(ranks, case, run, whole, moment):
                hits += 1
                at.append(rows(run))
        to_the_end(ranks, case, run)
        differences.append(largest_difference(run, tmp_path / "whole"))
        names = [sorted(path.name for path in (folder / "fields").iterdir()) for folder in (run, tmp_path / "whole")]
        assert names[0] == names[1]
        assert not list(run.rglob("*.part"))
        shutil.rmtree(run)
    print(f"\n{ranks} ranks: {hits} kills, after {at} steps; {len(differences)} runs, lost 0; ", end="")
    print(f"largest difference {max(differences):.1e}", file=sys.stdout)
    assert max(differences) <= 1e-10
