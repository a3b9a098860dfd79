"""A collector that bends (`solver/physics/foil.py`) on several ranks."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.mpi import rank_results
from tests.parallel.runs import FOIL, deposit_case, differences, merged, run_case
from tests.parallel.test_ranks import in_steps

BOX = {"dimension": 3, "width": "1 um", "depth": "0.8 um"}
ISLAND = {"islands": [{"centre": ["0.5 um", "0.4 um"], "radius": "0.3 um"}]}


def foil(dim: int) -> dict[str, Any]:
    """Some steps of plating of islands beneath it."""
    segment = {"kind": "galvanostatic", "direction": "plate", "duration": "0.15 s" if dim == 2 else "50 ms"}
    changes = {"protocol": [segment], "mechanics": {"tolerance": 1e-10}}
    box = {"domain": BOX, "lithium": ISLAND | {"noise_amplitude": 0.0}} if dim == 3 else {}
    return run_case(deposit_case(merged(merged(in_steps("50 ms"), FOIL), changes | box)))


@cache
def on_one(dim: int) -> dict[str, Any]:
    return foil(dim)


@pytest.mark.parametrize(("ranks", "dim"), [(3, 2), (2, 3)])
def test_a_collector_bends_alike_on_all_numbers_of_ranks(ranks: int, dim: int) -> None:
    """Fields and curves to 1e-7 of their range."""
    one, many = on_one(dim), rank_results(ranks, foil, dim)
    found = differences(one, many, ("field", "curve"))
    assert len(found) > 10 and max(found.values()) < 1e-7, found


@pytest.mark.parametrize("dim", [2, 3])
def test_it_has_bent(dim: int) -> None:
    moved = on_one(dim)["field displacement_z"][..., 0]
    assert np.ptp(moved) > 1e-9
    assert on_one(dim)["lithium_error"] < 1e-6
