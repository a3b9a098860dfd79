"""Memory of the mechanics in 3-D, per added cell: peaks of two sizes, in processes of their own."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.mechanics import Point, run
from tests.mpi import rank_results

MOST = 6700.0  # bytes per added cell: 5370 on 12^3 to 20^3, and 7350 with dense levels
DENSE = "-mechanics_amg_pc_hypre_boomeramg_strong_threshold 0.5 -mechanics_amg_pc_hypre_boomeramg_agg_nl 0"


def peak(cells: int) -> dict[str, Any]:
    """Bytes that a process takes for one step and one more linear system."""
    return {"bytes": run(Point(3, cells, steps=1))["peak"]}


def per_cell() -> float:
    few, many = 12, 20
    return float(rank_results(1, peak, many)["bytes"] - rank_results(1, peak, few)["bytes"]) / (many**3 - few**3)


def test_a_cell_takes_little_memory():
    assert 2000.0 < per_cell() < MOST


@pytest.mark.long
def test_a_multigrid_whose_levels_grow_dense_would_be_seen(monkeypatch):
    monkeypatch.setenv("PETSC_OPTIONS", DENSE)
    assert per_cell() > MOST
