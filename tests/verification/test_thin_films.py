"""Films on a collector, 1-D: vacancies of a film that is stripped, and what is left when it is stripped to the end.

    D theta'' = r theta,   D theta' = V = (Omega/F) j at the contact,   theta' = 0 at the collector, which is no sink
    theta_s = (V/sqrt(D r)) coth(H/d),   d = sqrt(D/r)              V/(r H) for H << d, (Omega j/F)/sqrt(D r) for H >> d

No planes vanish in what is rigid of a collector, chi > 0.6 to 0.75, so to the sinks the film is 0.4 lambda thinner.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver.laws.free_energy import step
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare

DIFFUSIVITY, RATE = 1.35e-14, 0.05  # m^2/s, 1/s
DEPTH = float(np.sqrt(DIFFUSIVITY / RATE))  # m, d = 0.52 um
WIDTH = 50e-9  # m, lambda
NO_SINK = 0.4 * WIDTH  # m


def stripped(film: float, width: float, pressure: float, current: float, **others: Any) -> tuple[Simulation, Coupling]:
    """A film (m) at lambda (m), stripped under a pressure (Pa) with a current density (A/m^2)."""
    sections: dict[str, Any] = {
        "domain": {"dimension": 1},
        "interface": {"width": f"{width} m"},
        "collector": {},
        "electrolyte": [{"thickness": "1 um"}],
        "lithium": {"film": f"{film} m"} | others.get("lithium", {}),
        "mechanics": {"void_viscosity": "1e6 Pa*s"},
        "drive": {"stack_pressure": f"{pressure} Pa", "current_density": f"{current} A/m^2"},
    }
    segment = {"kind": "galvanostatic", "direction": "strip", "duration": others.get("duration", "2 h")}
    simulation, model = prepare(make_case(sections, [segment]))
    finish(simulation)
    return simulation, model


@pytest.mark.parametrize("film", [0.2e-6, 0.4e-6, 1.6e-6])
def test_vacancies_of_a_film_pile_up_at_the_collector(film: float) -> None:
    """At the contact within 3 % of the law: 3.0, 1.6, 1.01 times those of a thick electrode; V/r of them in all."""
    pressure, current = 3e6, 0.1
    lithium = {"linear_annihilation_rate": f"{RATE / pressure} 1/(s*Pa)", "diffusivity": f"{DIFFUSIVITY} m^2/s"}
    simulation, model = stripped(film, WIDTH, pressure, current, lithium=lithium, duration="120 s")
    contact, state = model.places.now(simulation.state), simulation.state
    deficit, area = step(state["lithium"]) - state["occupancy"], contact.area
    left = curves(simulation)["gap"][-1]
    assert contact.collector is not None
    lost = VOLUME_PER_CHARGE * current
    expected = lost / np.sqrt(DIFFUSIVITY * RATE) / np.tanh((left - NO_SINK) / DEPTH)
    assert np.sum(area * deficit) / np.sum(area) == pytest.approx(expected, rel=0.03)
    sinks = contact.metal * (1 - contact.collector.rigid)
    assert simulation.grid.integral(sinks * deficit) == pytest.approx(lost / RATE, rel=0.02)


@pytest.mark.parametrize("width", [100e-9, 200e-9])
def test_what_is_left_of_a_film_goes_with_lambda(width: float) -> None:
    """Without nuclei contact is lost (f = 0.3) with Li in a third of the bare contact's gap, 0.31 lambda."""
    simulation, _ = stripped(120e-9, width, 5e6, 3.0)
    found = curves(simulation)
    assert simulation.state["occupancy"].min() > -1e-3
    assert found["gap"][-1] == pytest.approx(0.31 * width, rel=0.02)
    assert found["lithium_thickness"][-1] == pytest.approx(0.106 * width, rel=0.05)
    assert found["contact_fraction"][-1] == pytest.approx(0.31, abs=0.01)
    assert found["lithium_error"].max() < 1e-8
