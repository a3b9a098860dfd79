"""Living and dead Li on fields: through a collector that moves, and what of the contact belongs to either."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from solver.case.io import case_from_dict
from solver.model.build import make_coupling, make_grid
from solver.model.coupling import Coupling
from solver.numerics.array import Array

WIDTH, GAP = 100e-9, 600e-9
LOST = (2e-6, 3e-6)  # x of the island that may lose the collector


def coupling() -> Coupling:
    case = case_from_dict(
        {
            "schema_version": 1,
            "domain": {"width": "4 um"},
            "electrolyte": [{"thickness": "2 um"}],
            "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
            "collector": {"gap": f"{GAP} m"},
            "lithium": {"islands": [{"centre": ["0.8 um"], "radius": "0.4 um"}]},
            "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "9 s"}],
        }
    )
    return make_coupling(case, make_grid(case))


def islands(model: Coupling, void: float, beside: float = 0.8e-6) -> Array:
    """xi of an island across the gap, 0.8 um wide, and one at LOST over a void of this height (m) on the collector."""
    x, z = model.grid.cell_coordinates()
    one = np.abs(x - beside) < 0.4e-6
    other = (x > LOST[0]) & (x < LOST[1]) & (z > void - GAP)
    return np.broadcast_to(one | other, model.grid.local_shape).astype(float)


@pytest.mark.parametrize(("void", "lost"), [(0.0, False), (150e-9, True), (400e-9, True)])
def test_an_island_is_dead_when_it_has_lost_the_collector(void: float, lost: bool) -> None:
    """One that touches it is not, also without any other Li that does; the other island never is."""
    model = coupling()
    contact, xi = model.places.start(), islands(model, void)
    conductor = model.conductor({"lithium": xi}, contact)
    x = model.grid.cell_coordinates()[0]
    inside = contact.inside & (xi > 0.5)
    there = (x > LOST[0]) & (x < LOST[1])
    np.testing.assert_array_equal(conductor.dead, inside & there if lost else np.zeros_like(inside))
    assert conductor.living[inside & ~there].all()
    amount = model.dead.measure(conductor, contact.metal * xi)["dead_lithium"]
    thick = 1e-6 / 4e-6 * (GAP - void)  # of full Li between psi = 1/2 and the void, but for the tail of psi
    assert amount == pytest.approx(thick - 0.25 * WIDTH * np.log(2), rel=0.1) if lost else amount == 0.0


@pytest.mark.parametrize("void", [150e-9, 400e-9])
def test_no_part_of_the_contact_of_a_dead_island_reacts(void: float) -> None:
    """Nor the half in psi > 1/2, however near the collector is; of a living one all does."""
    model = coupling()
    contact = model.places.start()
    x = model.grid.cell_coordinates()[0]
    over_it = contact.area * ((x > LOST[0]) & (x < LOST[1]))
    for height, share in ((void, 0.0), (0.0, 1.0)):
        conductor = model.conductor({"lithium": islands(model, height)}, contact)
        assert (over_it * conductor.active).sum() == pytest.approx(share * over_it.sum(), abs=2e-3 * over_it.sum())


def test_living_lithium_beside_a_dead_island_reacts_in_full() -> None:
    """Two widths apart: each cell of the contact goes with the Li that is nearer."""
    model = coupling()
    contact, xi = model.places.start(), islands(coupling(), 150e-9, beside=1.4e-6)
    active = model.conductor({"lithium": xi}, contact).active
    x = model.grid.cell_coordinates()[0]
    for of_it, share in ((np.abs(x - 1.4e-6) < 0.4e-6, 1.0), ((x > LOST[0]) & (x < LOST[1]), 0.0)):
        area = contact.area * of_it
        assert (area * active).sum() == pytest.approx(share * area.sum(), abs=5e-3 * area.sum())


def test_what_is_active_changes_little_when_living_lithium_grows_by_a_cell() -> None:
    """Towards a dead island: by a quarter in a cell, wherever it is; dead Li is never active, living always."""
    model = coupling()
    contact, x = model.places.start(), model.grid.cell_coordinates()[0]
    spacing, found = float(np.diff(model.grid.faces[0]).min()), []
    for grown in np.arange(4) + 0.3:
        conductor = model.conductor({"lithium": islands(model, 150e-9, 1.4e-6 + grown * spacing)}, contact)
        assert not conductor.active[conductor.dead].any() and conductor.active[conductor.living].min() == 1.0
        found.append(conductor.active)
    between = (x > 1.4e-6) & (x < LOST[1])
    changes = [np.abs(after - before)[np.broadcast_to(between, after.shape)] for before, after in pairwise(found)]
    assert [change.max() for change in changes] == [0.25] * 3
