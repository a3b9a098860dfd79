"""SIGKILL while two islands of a cell without Li at the start join; the restart is the run that nobody has killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import solver
from solver.exit_codes import EXIT_DONE
from tests.mpi import rank_results, run_ranks, start_ranks
from tests.parallel.runs import deposit_case
from tests.parallel.test_restart import kill_all, wait_for
from tests.parallel.test_restart_exact import EXACT, difference, protocol

CHANGES = {  # 0.2 um between the islands, which are one after about 0.7 s
    "lithium": {"islands": [{"centre": [f"{x} um"], "radius": "0.5 um"} for x in (0.9, 2.1)]},
    "output": {"checkpoint_interval": "1 ms"},
}


def run_whole(case: str, directory: str) -> dict[str, Any]:
    """The run that nobody kills (collective)."""
    return {"reason": solver.run(solver.load_case(case), directory).stop_reason}


def islands(run: Path) -> list[int]:
    """Their number in every complete row of the log."""
    log = run / "log.csv"
    if not log.exists():
        return []
    head, *rows = log.read_text().split("\n")[:-1]
    place = head.split(",").index("islands")
    return [int(float(row.split(",")[place])) for row in rows]


def test_killed_while_islands_join(tmp_path):
    """Of the 10 steps the kill comes after the one in which they touch; what is on disk by then stays as it is."""
    case, run, whole = tmp_path / "case.json", tmp_path / "run", tmp_path / "whole"
    case.write_text(json.dumps(deposit_case(CHANGES | protocol(("plate", "1.5 s")))))
    command = ["-m", "tests.undrawn", "run", case, "--output", run, "--restart", "auto"]
    assert rank_results(2, run_whole, str(case), str(whole)) == {"reason": "protocol finished"}
    with start_ranks(2, command) as process:
        wait_for(lambda: 1 in islands(run), process)
        kill_all(process)
    before = islands(run)
    assert before[0] == 2 and before[-1] == 1 and len(before) < len(islands(whole)), "was not killed in the middle"
    kept = (run / "log.csv").read_text().split("\n")[: len(before)]

    done = run_ranks(2, command)
    assert done.returncode == EXIT_DONE, done.stderr
    assert (run / "log.csv").read_text().split("\n")[: len(kept)] == kept, "was begun anew"
    assert islands(run) == islands(whole)
    assert difference(run, whole) <= EXACT
