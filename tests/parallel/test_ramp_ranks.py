"""Ramps and the search for the critical current density: the same on 1 and 2 ranks, and after a restart in mid-ramp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mpi4py import MPI

import solver
from solver.case.io import case_from_dict
from tests.mpi import rank_results
from tests.parallel.runs import AGREEMENT, FIXED, merged, small_case
from tests.parallel.test_restart import assert_same_end, stopped_run
from tests.unit.test_ramp import PLANAR

RAMP = {
    "kind": "ccd",
    "start": "1 mA/cm^2",
    "increment": "1 mA/cm^2",
    "max_current_density": "9 mA/cm^2",
    "stripping_current_density": "0.5 mA/cm^2",
    "duration": "1 s",
}
COARSE = {"grid": {"spacing": "200 nm"}, "time": {"first_step": "0.5 s"}, "drive": {"voltage_limit": "45 mV"}}
TIGHT = {name: FIXED[name] for name in ("solver", "lithium", "mechanics")}
TWO_D = merged(small_case(2, TIGHT), merged(COARSE, {"protocol": [RAMP]}))


def ramp(directory: str) -> dict[str, Any]:
    """Run the ramp in 2-D, from the checkpoint if there is one (collective)."""
    restart = "latest" if list(Path(directory).glob("checkpoint_*.h5")) else None
    result = solver.run(case_from_dict(TWO_D), directory, restart=restart)
    return {"reason": result.stop_reason, "results": result.results}


def search(*directories: str) -> dict[str, Any]:
    """The search in 1-D in each directory (collective)."""
    found = [solver.find_ccd(case_from_dict(PLANAR), directory, tolerance=12.0) for directory in directories]
    return {"results": [one.results for one in found], "ranks": MPI.COMM_WORLD.size}


def close_to(results: dict[str, Any]) -> dict[str, Any]:
    """What results on another number of ranks are equal to."""
    return {k: pytest.approx(v, rel=AGREEMENT) if isinstance(v, float) else v for k, v in results.items()}


def test_a_ramp_that_was_stopped_goes_on_to_the_same_end_on_other_ranks(tmp_path):
    """Stopped while the third cycle plates on one rank, continued on two."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    expected = ramp(str(whole))
    stopped_run(TWO_D, part, 14)
    found = rank_results(2, ramp, str(part))
    assert found["reason"] == expected["reason"] == "voltage limit 0.045 V"
    assert found["results"] == close_to(expected["results"])
    assert found["results"]["critical_cycle"] == 3
    assert_same_end(part, whole)


def test_a_search_on_two_ranks_goes_on_with_the_trials_of_one(tmp_path):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    expected = search(one)["results"][0]
    table = (tmp_path / "one/trials.csv").read_text()
    found = rank_results(2, search, one, two)
    assert found["results"][0] == expected and (tmp_path / "one/trials.csv").read_text() == table
    assert found["results"][1] == close_to(expected) and found["ranks"] == 2
