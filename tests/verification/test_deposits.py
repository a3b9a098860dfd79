"""Deposits on a collector, 2-D: islands that are squeezed together; normal stress of a film on a rough collector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare

SECTIONS: dict[str, Any] = {
    "electrolyte": [{"thickness": "1.5 um"}],
    "mechanics": {"void_viscosity": "1e6 Pa*s"},
    "drive": {"stack_pressure": "20 MPa", "current_density": "1 mA/cm^2"},
}


def plated(duration: str, **sections: Any) -> tuple[Simulation, Coupling]:
    segment = {"kind": "galvanostatic", "direction": "plate", "duration": duration}
    simulation, model = prepare(make_case(SECTIONS | sections, [segment]))
    assert finish(simulation) == "protocol finished"
    return simulation, model


def test_two_islands_are_squeezed_together_and_then_lift_the_collector_as_a_film() -> None:
    """First gap 120 nm, half-widths of 0.25 um 1.2 um apart: one after 1 s; then (Omega/F) j within 1 %."""
    islands = [{"centre": [place], "radius": "0.25 um"} for place in ("0 um", "1.2 um")]
    simulation, model = plated(
        "60 s",
        domain={"width": "1.2 um", "lateral": "symmetric"},
        interface={"width": "200 nm"},
        collector={"gap": "120 nm", "room": "1.6 um"},
        lithium={"islands": islands},
    )
    found = curves(simulation)
    joined = int(np.argmax(found["islands"] == 1))
    assert found["islands"][0] == 2 and found["time"][joined] < 5.0
    assert found["gap"].min() < 0.7 * found["gap"][0]
    assert found["contact_fraction"][-1] > 0.999
    late = np.flatnonzero(found["time"] > 45.0)[[0, -1]]
    lifted = -np.diff(found["platen_displacement"][late]) / np.diff(found["time"][late])
    assert lifted == pytest.approx(VOLUME_PER_CHARGE * 10.0, rel=0.01)
    near = model.places.now(simulation.state).metal > 0.05
    assert np.abs(simulation.state["occupancy"] - 1)[near].max() < 0.01, "up to 1.5 while they are squeezed"
    limits = {"lithium_error": 1e-6, "charge_error": 1e-8, "force_error": 3e-7}
    assert all(found[name].max() < limit for name, limit in limits.items())


def test_the_normal_stress_under_a_film_on_a_rough_collector_is_even() -> None:
    """cases/anode_free/rough_film.toml in half of its width: along the contact within 2 % of 20 MPa after 72 s."""
    simulation, model = plated(
        "72 s",
        domain={"width": "2 um", "lateral": "symmetric"},
        interface={"width": "100 nm"},
        collector={"room": "2.5 um", "roughness": {"amplitude": "100 nm", "correlation_length": "0.7 um", "seed": 3}},
        lithium={"film": "200 nm"},
    )
    contact = model.places.now(simulation.state)
    assert contact.collector is not None and np.ptp(contact.collector.gap) > 100e-9
    stress = simulation.state["normal_stress"]
    last_below = int(np.flatnonzero(simulation.grid.centres[-1] < 0)[-1])
    along = stress[:, last_below : last_below + 2]
    assert np.ptp(along) < 0.02 * 20e6
    assert along.mean() == pytest.approx(20e6, rel=5e-3)
