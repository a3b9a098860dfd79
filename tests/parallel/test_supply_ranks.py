"""Ends by cutoff voltages and by the cathode, and by a hold of the full cell, are those of one rank on any number."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

import solver
from solver.case.io import case_from_dict
from tests.mpi import rank_results
from tests.parallel.runs import deposit_case
from tests.parallel.test_restart_exact import SUPPLY, SUPPLY_ENDS


def half_cycles() -> dict[str, Any]:
    names = ("end", "end_time", "charge", "largest_voltage", "plateau_voltage", "lithium_thickness")
    rows = solver.run(case_from_dict(deposit_case(SUPPLY | {"time": {"tolerance": 4.0}}))).half_cycles
    return {"rows": [{name: row[name] for name in names} for row in rows]}


@cache
def on_one_rank() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = half_cycles()["rows"]
    return rows


@pytest.mark.parametrize("ranks", [pytest.param(2, marks=pytest.mark.long), 3])
def test_half_cycles_end_alike(ranks: int) -> None:
    expected = on_one_rank()
    assert [row["end"] for row in expected] == SUPPLY_ENDS
    for row, wanted in zip(rank_results(ranks, half_cycles)["rows"], expected, strict=True):
        assert row == {k: pytest.approx(v, rel=1e-6) if isinstance(v, float) else v for k, v in wanted.items()}
