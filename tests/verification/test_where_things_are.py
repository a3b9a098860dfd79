"""Charge solved where there is electrolyte, occupancy and lithium where there is metal: as when solved everywhere.

What is left out weighs 1e-12 of a contact. What differs is what the floor of the weights, 1e-6, lets pass far from it.
"""

import numpy as np
import pytest

from benchmarks.setting import Run, Setting
from solver.model import build

CELLS = (12, 240)  # 18 um of Li and 6 um of electrolyte: 28 lambda are solved beside the contact


def stripped() -> Run:
    run = Run(Setting(CELLS, tolerance=1e-12, newton_tolerance=1e-12, lithium_tolerance=1e-12))
    for dt in (0.2, 1.0, 2.0):
        run.step(dt)
    return run


def test_as_when_solved_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    found = stripped()
    model = found.coupling
    parts = model.charge.equation.part, model.occupancy.equation.part, model.charge.near
    assert [part.shape[1] for part in parts if part] == [60 + 55, 180 + 55, 110]
    monkeypatch.setattr(build, "layers_with", lambda grid, cells: grid)
    everywhere = stripped()
    assert everywhere.coupling.charge.equation.part is everywhere.grid

    contact = model.places.start()
    weights = {"lithium": contact.metal, "occupancy": contact.metal, "potential": contact.electrolyte}
    gaps = {n: np.max(np.abs(w * (found.state[n] - everywhere.state[n]))) for n, w in weights.items()}
    assert gaps["lithium"] < 1e-10
    assert gaps["occupancy"] < 1e-10
    assert gaps["potential"] < 1e-10  # V
    # the charge that has passed is Li that has left
    assert abs(found.results[-1].measured["charge_error"]) < 1e-10
