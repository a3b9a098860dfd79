"""Stripping below and above the critical current j_c = (F/Omega) sqrt(D r) theta_c: what stays dense, shrinks, grows.

Filling time of the vacancy layer: 1/r; its depth d = sqrt(D/r). Currents are given relative to j_c. No diffusion along
surfaces.

The void at the contact. A void that touches the contact over a width w leaves the contact fraction f, so that the
metal beside it is stripped at j/f and moves up at (Omega/F) j/f. While the layer is thin (d << R) the whole void is
pushed against the contact by that velocity and its area falls at the drift rate

    dA/dt - (dA/dt at j = 0) = -w (Omega/F) j/f          for lambda/R << j/(f j_c) < 1 and d << R

(w = R for half a void beside a symmetry plane; for a small void in a wide contact this is (Omega/F) j w). A part of
the order d/R of the vacancies ends on the void instead of annihilating, so the ratio to this rate goes to 1 as
1 - const d/R; two radii extrapolate to it. The control at j = 0 is what capillarity alone does.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from solver.case.schema import Case
from solver.laws.free_energy import step
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.numerics.array import Array
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare, recorder_of

DIFFUSIVITY = 1.35e-14  # m^2/s
THETA_C = 0.1
WIDTH = 100e-9  # lambda, m
PRESSURE = 3e6  # Pa
THIN = 0.3  # r, 1/s: d = 0.21 um
ORDINARY = 0.015  # r at 7 MPa, 1/s: d = 0.95 um


def critical_current(rate: float) -> float:
    """j_c, A/m^2."""
    return float(np.sqrt(DIFFUSIVITY * rate)) * THETA_C / VOLUME_PER_CHARGE


def stripping_case(
    rate: float,
    relative_current: float,
    duration: float,
    domain: dict[str, Any],
    void_radius: float = 0.0,
    void_depth: float = 0.0,
    sigma: float = 0.0,
    max_step: float = 5.0,
    **limits: float,
) -> Case:
    """Strip at relative_current * j_c, or rest if that is 0; rate r as if p_stack were the contact pressure."""
    current = relative_current * critical_current(rate)
    interface: dict[str, Any] = {"width": f"{WIDTH} m"}
    if sigma:
        interface["heterogeneity"] = {"kind": "random", "sigma": sigma, "correlation_length": "0.6 um"}
    lithium: dict[str, Any] = {
        "diffusivity": f"{DIFFUSIVITY} m^2/s",
        "surface_diffusivity": "0 m^2/s",
        "critical_vacancy_fraction": THETA_C,
        "linear_annihilation_rate": f"{rate / PRESSURE} 1/(s*Pa)",
        "mobility_factor": 300,
    }
    fine_depth = 1e-6
    if void_radius:
        lithium["voids"] = [{"centre": ["0 m", f"{-void_depth} m"], "radius": f"{void_radius} m"}]
        lithium["defect_amplitude"] = 1e-5
        fine_depth = void_depth + 1.3 * void_radius
    drive: dict[str, Any] = {"stack_pressure": f"{PRESSURE} Pa", "voltage_limit": "1 V"}
    segment: dict[str, Any] = {"kind": "rest", "duration": f"{duration} s"}
    if current:
        drive["current_density"] = f"{current} A/m^2"
        segment |= {"kind": "galvanostatic", "direction": "strip"} | limits
    return make_case(
        {
            "domain": domain,
            "electrolyte": [{"thickness": "2 um"}],
            "interface": interface,
            "grid": {"fine_depth": f"{fine_depth} m", "growth": 1.15, "max_spacing": "0.5 um"},
            "lithium": lithium,
            "drive": drive,
            "time": {"max_step": f"{max_step} s", "first_step": "0.01 s"},
            "output": {"interval": f"{duration / 20} s"},
        },
        [segment],
    )


def run(case: Case) -> tuple[Simulation, Coupling, str]:
    simulation, model = prepare(case)
    return simulation, model, finish(simulation)


# -- (a) below j_c ----------------------------------------------------------------------------------------

ONE_D = {"dimension": 1, "lithium_thickness": "10 um"}
SMALL = {"dimension": 2, "width": "3 um", "lithium_thickness": "8 um"}


@pytest.mark.parametrize(
    ("domain", "relative_current", "sigma", "spread"),
    [(ONE_D, 0.6, 0.0, 2e-3), (SMALL, 0.5, 0.8, 2e-2)],
    ids=["1-D", "2-D"],
)
def test_dense_lithium_stays_dense_below_the_critical_current(domain, relative_current, sigma, spread) -> None:
    """No contact is lost and int m (1 - c) = (Omega j/F)/r is steady to 1e-3 over 10 filling times.

    Under a uniform current r is that of the stack pressure. Under an uneven one the metal sinks as a block: where less
    is stripped and vacancies are few the normal stress is higher, and the mean of 1/r(s_n) is 1.2 % above 1/r(p).
    """
    case = stripping_case(ORDINARY, relative_current, 20 / ORDINARY, domain, sigma=sigma, max_step=10.0)
    simulation, model, _ = run(case)
    log, grid = curves(simulation), simulation.grid
    content = [
        grid.integral(model.places.start().metal * (1 - fields["occupancy"])) / grid.lateral_area
        for time, fields in recorder_of(simulation).snapshots
        if time > 9.9 / ORDINARY
    ]
    stripped = relative_current * critical_current(ORDINARY) * VOLUME_PER_CHARGE
    # in the tail of the contact on the electrolyte's side (m < 0.1) theta is above theta_s and xi gives way a little
    assert log["contact_fraction"].min() > 0.99
    assert np.ptp(log["contact_fraction"][log["time"] > 15 / ORDINARY]) < 5e-4
    assert log["void_volume"].max() < 2e-3 * case.domain.lithium_thickness
    assert np.ptp(content) < 1e-3 * content[-1]
    assert content[-1] == pytest.approx(stripped / ORDINARY, rel=spread)
    assert log["drift_velocity"][-1] == pytest.approx(stripped, rel=1e-3)
    assert simulation.balance_errors()["lithium_error"] < 1e-6


# -- (b) a void that is there before -----------------------------------------------------------------------


def void_area(simulation: Simulation, cells: Array) -> tuple[Array, Array]:
    """Times, and areas int m (1 - h(xi)) of void in the given cells of the normal, m^2, of all snapshots.

    Smooth while a void moves by parts of a cell, and blind to the impurities (1 - h = 3 a^2 for xi = 1 - a).
    """
    model = simulation.model
    assert isinstance(model, Coupling)
    volume = model.places.start().metal * simulation.grid.volume * cells
    pairs = [
        (time, float(np.sum((1 - step(f["lithium"])) * volume))) for time, f in recorder_of(simulation).snapshots
    ]
    times, areas = np.array(pairs).T
    return times, areas


@cache
def attached_void(radius: float) -> tuple[float, float, float]:
    """Rates of area loss over what the platen's velocity sweeps, stripping at 0.2 j_c less at rest, and at rest; that
    velocity over (Omega/F) j/f."""
    width, duration = 4 * radius, 15 * radius / 1e-6
    domain = {"width": f"{width} m", "lithium_thickness": f"{3 * radius} m", "lateral": "symmetric"}
    rates = []
    for current in (0.2, 0.0):
        simulation, _, _ = run(stripping_case(THIN, current, duration, domain, radius, max_step=0.25e6 * radius))
        times, areas = void_area(simulation, np.ones(simulation.grid.shape[-1]))
        late = times > 0.5 * duration
        rates.append(np.polyfit(times[late], areas[late], 1)[0])
        if current:
            fraction, velocity = (curves(simulation)[n][-1] for n in ("contact_fraction", "drift_velocity"))
    drift = 0.2 * critical_current(THIN) * VOLUME_PER_CHARGE / fraction
    rate = velocity * width * (1 - fraction)
    return (rates[1] - rates[0]) / rate, -rates[1] / rate, velocity / drift


def test_void_at_the_contact_shrinks_with_the_drift() -> None:
    """R = 1.25 um, d = 0.2 um: metal sinks at (Omega/F) j/f, the void shrinks by most of what it sweeps."""
    small, control, sinking = attached_void(1.25e-6)
    assert sinking == pytest.approx(1.0, abs=0.05)
    assert 0.6 < small < 1.0
    assert control < 1.0  # drift and capillarity are of the same size at this radius


@pytest.mark.long
def test_void_at_the_contact_shrinks_at_the_drift_rate() -> None:
    """R = 1.25 and 2.5 um: what is missing to the swept area goes as 1/R."""
    (small, *_), (large, _, sinking) = attached_void(1.25e-6), attached_void(2.5e-6)
    assert sinking == pytest.approx(1.0, abs=0.05)
    assert 0.6 < small < large < 1.0
    assert 2 * large - small == pytest.approx(1.0, abs=0.05)


def test_void_below_the_layer_rides_up_at_the_drift_velocity() -> None:
    """Deeper than the layer nothing annihilates: the void moves at (Omega/F) j, and its area is that at j = 0."""
    domain = {"width": "2 um", "lithium_thickness": "4 um", "lateral": "symmetric"}
    speeds, areas = [], []
    for current in (0.4, 0.0):
        simulation, _, _ = run(stripping_case(THIN, current, 24.0, domain, 0.5e-6, 1.5e-6, max_step=0.4))
        z = simulation.grid.centres[-1]
        deep = z < -0.5e-6
        times, area = void_area(simulation, deep)
        _, moment = void_area(simulation, deep * z)
        late = times > 5 / THIN
        speeds.append(np.polyfit(times[late], (moment / area)[late], 1)[0])
        areas.append(area[-1])
    assert speeds[0] - speeds[1] == pytest.approx(0.4 * critical_current(THIN) * VOLUME_PER_CHARGE, rel=0.03)
    assert areas[0] == pytest.approx(areas[1], rel=0.01)


# -- (c) above j_c -----------------------------------------------------------------------------------------


def test_void_at_the_contact_grows_above_the_critical_current() -> None:
    """The void that shrinks at 0.2 j_c grows at 1.5 j_c, and contact is lost."""
    domain = {"width": "4 um", "lithium_thickness": "3 um", "lateral": "symmetric"}
    simulation, _, _ = run(stripping_case(THIN, 1.5, 12.0, domain, 1e-6, max_step=0.5, min_contact_fraction=0.3))
    _, areas = void_area(simulation, np.ones(simulation.grid.shape[-1]))
    fractions = curves(simulation)["contact_fraction"]
    assert areas[-1] > 1.05 * areas[0]
    assert fractions[-1] < 0.9 * fractions[0]


def test_voids_open_in_dense_lithium_above_the_critical_current() -> None:
    """At 2 j_c a dense contact loses a fifth of its area in less than two filling times (at 0.5 j_c: none)."""
    case = stripping_case(ORDINARY, 2.0, 2 / ORDINARY, SMALL, sigma=0.8, min_contact_fraction=0.8)
    simulation, _, _ = run(case)
    assert curves(simulation)["contact_fraction"][-1] < 0.8
