"""Nuclei that become a film column by column: the edge settles before time goes on, and the steps stay long."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.model.settling import Settling
from solver.physics.nucleation import SEEN, Nucleation, extent
from tests.verification.setups import curves, finish, make_case, prepare

GAP = 60e-9  # m
CELL: dict[str, Any] = {
    "domain": {"width": "1.6 um", "lateral": "symmetric"},
    "interface": {"width": "200 nm", "exchange_current_density": "5 mA/cm^2"},
    "collector": {"gap": "60 nm", "room": "1.2 um", "nucleation": {"contact_angle": "9.7 deg"}},
    "electrolyte": [{"thickness": "1 um"}],
    "mechanics": {"void_viscosity": "1e6 Pa*s"},
    "drive": {"stack_pressure": "10 MPa", "current_density": "2 mA/cm^2"},
}


def sloping(thickness: tuple[float, float]) -> tuple[Simulation, Coupling, Nucleation]:
    """Nuclei that have grown together, of a thickness (m) that changes from side to side: 16 columns of cells."""
    protocol = [{"kind": "galvanostatic", "direction": "plate", "duration": "3 s"}]
    simulation, model = prepare(make_case(CELL, protocol))
    (part,) = [part for part in model.followers if isinstance(part, Nucleation)]
    state, full = simulation.state, np.full(simulation.grid.local_shape, 1e3)
    x = simulation.grid.cell_coordinates()[0] / 1.6e-6 * np.ones_like(full)
    state["nucleus_moment_2"] = full
    state["nucleated_extent"] = extent(part.parameters.overlap(full), SEEN)
    state["nucleated_lithium"] = thickness[0] + x * (thickness[1] - thickness[0])
    simulation.begin()  # the balance is of this Li
    return simulation, model, part


def test_columns_that_fill_one_after_the_other_do_not_make_the_steps_small() -> None:
    """3 s in which a film spreads over 12 columns: 112 steps when each of them was left to relax in time, now 33."""
    simulation, _, _ = sloping((GAP, 0.6 * GAP))
    assert finish(simulation) == "protocol finished"
    found = curves(simulation)
    limits = {"lithium_error": 1e-8, "charge_error": 1e-8, "force_error": 3e-7}
    assert all(found[name].max() < limit for name, limit in limits.items())
    assert found["touching_fraction"][-1] > 0.6 and found["smallest_gap"].min() > 58e-9
    assert len(found["time"]) < 50


def test_columns_become_li_only_where_li_is_not_stripped() -> None:
    """Else what an edge leaves in the column beside it goes to and fro between film and nuclei."""
    simulation, model, part = sloping((1.01 * GAP, 1.01 * GAP))
    state, contact = simulation.state, model.places.start()
    for potential, becomes in ((0.01, True), (-0.01, False)):
        state["potential"] = np.full(simulation.grid.local_shape, potential)
        jumps = part.jump({name: state[name] for name in state.vectors}, contact)
        assert ("lithium" in jumps and jumps["lithium"].max() > 0.9) == becomes


def jumped() -> tuple[Simulation, Coupling, Any, Any, Any]:
    """Half of the columns have become Li: contact, xi, c."""
    simulation, model, _ = sloping((GAP, GAP))
    contact = model.places.start()
    half = np.broadcast_to(simulation.grid.cell_coordinates()[0] < 0.8e-6, simulation.grid.local_shape).astype(float)
    return simulation, model, contact, half, half.copy()


def test_an_edge_settles_to_a_profile_without_losing_li() -> None:
    """A step of xi over one cell goes half of the way to a free surface's, 1/8 in a cell; c = h; int m c to 1e-9."""
    simulation, model, contact, xi, c = jumped()
    settling = Settling(simulation.grid, model.lithium, model.occupancy)
    settled, after = settling(contact, xi, c, np.ones(xi.shape))
    stored = simulation.grid.integral
    assert stored(contact.metal * after) == pytest.approx(stored(contact.metal * c), rel=1e-9)
    middle = np.argmax(contact.metal.sum(axis=0))
    assert 0.12 < np.abs(np.diff(settled[:, middle])).max() < 0.3
    h = settled**2 * (3 - 2 * settled)
    assert np.abs(after - h)[:, middle].max() < 0.1


def test_an_even_contact_has_nothing_to_settle() -> None:
    simulation, model, contact, xi, c = jumped()
    settling = Settling(simulation.grid, model.lithium, model.occupancy)
    settled, after = settling(contact, np.ones_like(xi), 1.01 * np.ones_like(c), np.ones(xi.shape))
    assert np.abs(settled - 1).max() < 2e-3, "impurities"
    assert after == pytest.approx(1.01, abs=1e-3)


def test_nuclei_beneath_a_collector_that_is_lifted_do_not_bound_the_step() -> None:
    """They wait: 0.4 s at 1 mA/cm2 for as long as they were there."""
    simulation, model, part = sloping((0.99 * GAP, 0.99 * GAP))
    state, contact = simulation.state, model.places.start()
    state["potential"] = np.full(simulation.grid.local_shape, 0.01)
    state["facing"] = np.ones(simulation.grid.local_shape)
    assert part.largest_step(state, contact) < 1.0
    state["facing"] = np.zeros(simulation.grid.local_shape)
    assert part.largest_step(state, contact) > 1e6
