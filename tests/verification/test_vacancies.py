"""Vacancy layer, drift, creation of planes and conservation of Li, in 1-D through the whole coupled step.

Stripping at j feeds vacancies to the contact; they diffuse into the Li and annihilate at the rate r. For a small
vacancy fraction theta = 1 - c the steady layer solves D theta'' = r theta:

    theta = theta_s exp(z/d),   d = sqrt(D/r),   theta_s = (Omega/F) j/sqrt(D r),   drift velocity = (Omega/F) j

The contact is diffuse over lambda << d. Beyond a few lambda from it theta is the exponential of the bulk, which is
fitted between 3 d and 8 lambda below the contact and extrapolated to z = 0; what differs from the sharp contact is of
the order (lambda/d)^2, and of the order theta_s because theta is not infinitely small.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import solver
from solver.case.io import case_from_dict
from solver.case.schema import Case
from solver.laws import vacancies
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.numerics.grid import Grid
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare, recorder_of

DIFFUSIVITY = 1.35e-14  # m^2/s
RATE = 0.0135  # 1/s
DEPTH = np.sqrt(DIFFUSIVITY / RATE)  # 1 um
WIDTH = DEPTH / 20  # lambda
CURRENT = 0.5  # A/m^2: theta_s = 0.005
PRESSURE = 3e6  # Pa


def layer_case(direction: str = "strip", rate: float = RATE, current: float = CURRENT, **time: Any) -> Case:
    """1-D, Li 14 d deep, a rate of annihilation that is linear in the pressure."""
    duration = time.pop("duration", 1500)
    return make_case(
        {
            "domain": {"dimension": 1, "lithium_thickness": f"{14 * DEPTH} m"},
            "electrolyte": [{"thickness": "1 um"}],
            "interface": {"width": f"{WIDTH} m"},
            "grid": {"fine_depth": f"{DEPTH} m", "max_spacing": f"{0.25 * DEPTH} m", "growth": 1.05},
            "lithium": {
                "diffusivity": f"{DIFFUSIVITY} m^2/s",
                "creep_prefactor": "1e-30 1/s",
                "linear_annihilation_rate": f"{rate / PRESSURE} 1/(s*Pa)",
                "defect_amplitude": 1e-6,
            },
            "drive": {"stack_pressure": f"{PRESSURE} Pa", "current_density": f"{current} A/m^2"},
            "solver": {"tolerance": 1e-12},
            "time": {"max_step": "30 s", **time},
            "output": {"interval": "250 s"},
        },
        [{"kind": "galvanostatic", "direction": direction, "duration": f"{duration} s"}],
    )


@pytest.fixture(scope="module")
def stripped() -> tuple[Simulation, Coupling]:
    """The layer after 20 times 1/r."""
    simulation, model = prepare(layer_case())
    assert finish(simulation) == "protocol finished"
    return simulation, model


def fitted_layer(simulation: Simulation, depth: float = DEPTH) -> tuple[float, float]:
    """Depth of the layer (m) and its fraction at z = 0, from the logarithm of theta in the bulk."""
    z = simulation.grid.centres[-1]
    bulk = (z > -3 * depth) & (z < -8 * WIDTH)
    slope, intercept = np.polyfit(z[bulk], np.log(1 - simulation.state["occupancy"][bulk]), 1)
    return 1 / slope, np.exp(intercept)


def vacancy_content(grid: Grid, model: Coupling, occupancy: np.ndarray) -> float:
    """int m (1 - c) dz, m."""
    return grid.integral(model.places.start().metal * (1 - occupancy)) / grid.lateral_area


def test_layer_depth_and_surface_fraction(stripped) -> None:
    """d = sqrt(D/r) and theta_s = (Omega j/F)/sqrt(D r), both within 1 % (lambda/d = 1/20, theta_s = 0.005)."""
    depth, fraction = fitted_layer(stripped[0])
    assert depth == pytest.approx(DEPTH, rel=0.01)
    assert fraction == pytest.approx(VOLUME_PER_CHARGE * CURRENT / np.sqrt(DIFFUSIVITY * RATE), rel=0.01)


def test_metal_drifts_up_by_what_is_stripped(stripped) -> None:
    """In the steady state the velocity at the bottom is (Omega/F) j to 1e-5: every vacancy becomes a vanished plane."""
    assert curves(stripped[0])["drift_velocity"][-1] == pytest.approx(VOLUME_PER_CHARGE * CURRENT, rel=1e-5)


def test_vacancy_content_is_steady(stripped) -> None:
    """int m (1 - c) is theta_s d within 1 % and changes by less than 1e-5 of itself between 17 and 20 filling times."""
    simulation, model = stripped
    content = [
        vacancy_content(simulation.grid, model, fields["occupancy"])
        for time, fields in recorder_of(simulation).snapshots
        if time > 1200
    ]
    assert content[-1] == pytest.approx(VOLUME_PER_CHARGE * CURRENT / RATE, rel=0.01)
    assert content[-1] == pytest.approx(content[0], rel=1e-5)


def test_lithium_is_conserved(stripped) -> None:
    """Change of int m c = (Omega/F) charge + inflow at the bottom, relative to the Li stripped: 1e-9."""
    assert stripped[0].balance_errors()["lithium_error"] < 1e-9


def test_plating_creates_planes() -> None:
    """Plating pushes the metal down at (Omega/F) j to 1e-5; c - 1 is a quarter at most of the (Omega j/F) sqrt(2)
    lambda/D that r_plus alone would need.
    """
    simulation, _ = prepare(layer_case("plate", duration=300))
    finish(simulation)
    drift = VOLUME_PER_CHARGE * CURRENT
    metal = simulation.grid.centres[-1] < 0
    excess = simulation.state["occupancy"][metal] - 1
    assert curves(simulation)["drift_velocity"][-1] == pytest.approx(-drift, rel=1e-5)
    assert np.abs(excess).max() < 0.25 * drift * np.sqrt(2) * WIDTH / DIFFUSIVITY
    assert simulation.balance_errors()["lithium_error"] < 1e-9


@pytest.mark.parametrize(("times", "shift"), [(3, 1e-5), (10, 2e-4)])
def test_large_steps_are_stable_and_reach_the_same_steady_state(stripped, times: int, shift: float) -> None:
    """Fixed steps with r dt = 3 and 10: the semi-implicit source neither oscillates nor shifts the layer."""
    simulation, _ = prepare(layer_case(fixed_step=f"{times / RATE} s", max_step="1 h", duration=50 / RATE * 10))
    finish(simulation)
    theta, reference = (1 - s.state["occupancy"] for s in (simulation, stripped[0]))
    metal = simulation.grid.centres[-1] < -4 * WIDTH
    np.testing.assert_allclose(theta[metal], reference[metal], atol=shift * reference.max())
    drift = curves(simulation)["drift_velocity"]
    assert np.all(drift[1:] > 0)  # the first step begins without vacancies
    assert drift[-1] == pytest.approx(VOLUME_PER_CHARGE * CURRENT, rel=1e-5)


def test_semi_implicit_source_follows_the_decay_for_any_step() -> None:
    """theta' = q - k theta with S* over steps of k dt = 0.01 ... 1000 goes monotonically to theta = q/k, S = -q."""
    k, feed, pressure = 2.0, 0.01, np.full(1, PRESSURE)
    linear = vacancies.AnnihilationParameters(  # r = k at 3 MPa
        creep_prefactor=0.0,
        creep_exponent=1.0,
        activation_energy=0.0,
        size_effect_strengthening=1.0,
        linear_rate=k / 3,
        diffusivity=4 * k,
        width=1.0,
        temperature=298.15,
    )
    for steps in (0.01, 1.0, 10.0, 1000.0):
        dt, theta, learned = steps / k, np.zeros(1), np.zeros(1)
        history = []
        for _ in range(4000 if steps < 0.1 else 60):
            one = np.ones(1)
            nothing = 0 * one, 0 * one
            full = vacancies.Weights(one, one)
            source, _, foreseen = vacancies.plane_source(full, one, theta, learned, nothing, linear, pressure, dt)
            new = theta + dt * (feed + source)
            learned = learned + (new - foreseen) / dt
            theta[:] = new
            history.append(theta[0])
        assert history[-1] == pytest.approx(feed / k, rel=1e-6)
        assert source[0] == pytest.approx(-feed, rel=1e-6)
        assert np.all(np.diff(history[1:]) > -1e-15) or np.all(np.diff(history[1:]) < 1e-15)


@pytest.mark.parametrize("thin", [0.0, 1.0])
@pytest.mark.parametrize("pressure", [0.0, 1e6, 1.2e7])
def test_what_is_the_larger_source_stays_so_for_any_step(pressure: float, thin: float) -> None:
    """Cells in which diffusion holds theta while Li is plated: S* = max(S_j - k theta, -r m theta) in every step."""
    weight, height = np.full(4, 0.5), np.ones(4)
    theta, s_j = np.array([7.6e-4, 7.6e-4, 7.6e-4, 2e-2]), np.array([3e-5, 5.4e-5, 2e-4, 1e-4])
    rate = LITHIUM.rate(np.full(4, pressure))
    k = np.maximum(rate, LITHIUM.creation_rate) * weight  # vacancies are filled by the faster way
    law = np.maximum(s_j - k * theta, -rate * weight * theta)
    for dt in (1.0, 10.0, 50.0):
        feed = np.zeros(4)
        for number in range(400):
            planes = vacancies.plane_source(
                vacancies.Weights(weight, weight, thin), height, theta, feed, (s_j, 0 * s_j), LITHIUM,
                np.full(4, pressure), dt,
            )  # fmt: skip
            feed = feed + (theta - planes.deficit) / dt
            if number > 390:
                np.testing.assert_allclose(planes.source, law, rtol=1e-6, atol=1e-12)


LITHIUM = vacancies.AnnihilationParameters(  # that of Li.toml
    creep_prefactor=4.25e4,
    creep_exponent=6.6,
    activation_energy=37e3,
    size_effect_strengthening=7.0,
    linear_rate=1.6e-4,
    diffusivity=DIFFUSIVITY,
    width=2e-7,
    temperature=298.15,
)


def test_rate_of_annihilation() -> None:
    """r(p) = A_cr (p/s)^n + r_lin p, 0 in tension; layers of 5 um at 3 MPa and 0.95 um at 7 MPa."""
    assert LITHIUM.rate(-1e6) == 0.0
    creep = 4.25e4 * np.exp(-37e3 / (8.314462618 * 298.15)) * (3 / 7) ** 6.6
    assert LITHIUM.rate(3e6) == pytest.approx(creep + 3 * 1.6e-4, rel=1e-12)
    assert LITHIUM.layer_depth(3e6) == pytest.approx(5.0e-6, rel=0.02)
    assert LITHIUM.layer_depth(7e6) == pytest.approx(0.95e-6, rel=0.02)


@pytest.mark.parametrize("width, pressure", [(200e-9, 9.16e6), (100e-9, 11.33e6)])
def test_a_layer_thinner_than_twice_lambda_is_made_thicker(width: float, pressure: float) -> None:
    """From 9.2 MPa (200 nm) and 11.3 MPa (100 nm) on it is 2 lambda deep; D r and j_c stay those of r(p)."""
    p = replace(LITHIUM, width=width)
    assert p.thickening(0.99 * pressure) == 1.0 < p.thickening(1.01 * pressure)
    for higher in (15e6, 30e6):
        k = p.thickening(higher)
        assert p.layer_depth(higher) == pytest.approx(2 * width)
        assert np.sqrt(k * p.diffusivity / p.rate(higher)) == pytest.approx(2 * width)
        assert k * p.rate(higher) == pytest.approx(p.physical_rate(higher))
    currents = [
        q.critical_stripping_current(pressure=15e6, vacancy_fraction=0.1, molar_volume=13e-6) for q in (LITHIUM, p)
    ]
    assert currents[0] == pytest.approx(currents[1]) == pytest.approx(126, rel=0.01)


def contact_vacancies(thinness: float) -> tuple[float, float]:
    """Depth of a steady layer over 2 lambda, and its vacancies at the contact over (Omega j/F)/sqrt(D r).

    thinness: sqrt(D/r) over lambda.
    """
    rate, theta = DIFFUSIVITY / (thinness * WIDTH) ** 2, 0.005
    current = theta * np.sqrt(DIFFUSIVITY * rate) / VOLUME_PER_CHARGE
    simulation, model = prepare(layer_case(rate=rate, current=current, duration=20, max_step="0.2 s"))
    finish(simulation)
    vacancies_now, z = 1 - simulation.state["occupancy"], simulation.grid.centres[-1]
    bulk = (z > -10 * WIDTH) & (z < -4 * WIDTH)
    slope, _ = np.polyfit(z[bulk], np.log(vacancies_now[bulk]), 1)
    area = model.places.start().area
    return 1 / slope / (2 * WIDTH), float(np.sum(area * vacancies_now) / np.sum(area)) / theta


def test_a_thickened_layer_holds_the_vacancies_of_the_thin_one() -> None:
    """sqrt(D/r) = 2, 1, 0.5 lambda: 2 lambda deep; 0.83 of (Omega j/F)/sqrt(D r) at the diffuse contact in all.

    A rate capped to the same depth would leave 2 and 4 times as many in the second and the third.
    """
    (_, resolved), *thickened = (contact_vacancies(thinness) for thinness in (2.0, 1.0, 0.5))
    assert resolved == pytest.approx(0.83, abs=0.01)
    for depth, held in thickened:
        assert depth == pytest.approx(1.0, abs=0.005)
        assert held == pytest.approx(resolved, rel=0.01)


def test_lithium_is_conserved_where_a_whole_plane_is_void():
    """Stripped until the contact is lost, without a platen that would close it: the audit holds to 1e-6 (here 1e-9)."""
    case = {
        "schema_version": 1,
        "domain": {"dimension": 1, "lithium_thickness": "10 um"},
        "interface": {"width": "200 nm"},
        "drive": {"stack_pressure": "0 MPa", "current_density": "2 mA/cm^2"},
        "mechanics": {"platen": False},
        "protocol": [{"kind": "galvanostatic", "direction": "strip", "duration": "1 h"}],
    }
    result = solver.run(case_from_dict(case))
    assert result.stop_reason.startswith("voltage limit")
    assert result.curves["lithium_error"].max() < 1e-9


def test_the_source_knows_its_slope_in_the_normal_stress() -> None:
    """dS*/ds_n against differences: creep and linear part, tension, the thickened layer, creation."""
    p = vacancies.AnnihilationParameters(
        creep_prefactor=0.014,
        creep_exponent=6.6,
        activation_energy=0.0,
        size_effect_strengthening=7.0,
        linear_rate=1.6e-4,
        diffusivity=1.35e-14,
        width=2e-7,
        temperature=298.15,
    )
    s_n = np.array([-2e6, 1e6, 5e6, 9e6, 2e7, 5e6])
    theta = np.array([0.05, 0.05, 0.05, 0.05, 0.05, -0.05])

    def source(normal_stress):
        weights, none = vacancies.Weights(np.full(6, 0.8), np.full(6, 0.8)), np.zeros(6)
        return vacancies.plane_source(weights, np.full(6, 0.9), theta, none, (none, none), p, normal_stress, 2.0)

    step = 10.0
    difference = (source(s_n + step)[0] - source(s_n - step)[0]) / (2 * step)
    np.testing.assert_allclose(source(s_n)[1], difference, rtol=1e-6, atol=1e-16)

    def plated(normal_stress):
        weights, none = vacancies.Weights(np.full(6, 0.3), np.full(6, 0.3), 0.8), np.zeros(6)
        made = 2.5e-3 - 1e-10 * normal_stress, none - 1e-10
        return vacancies.plane_source(weights, np.full(6, 0.9), theta, none, made, p, normal_stress, 2.0)

    of_plated = (plated(s_n + step)[0] - plated(s_n - step)[0]) / (2 * step)
    np.testing.assert_allclose(plated(s_n)[1], of_plated, rtol=1e-6, atol=1e-16)
    assert np.sum(plated(s_n)[0] < 0) > 1, "planes vanish although Li is plated"
    assert p.thickening(9e6) == 1 < p.thickening(2e7)
    assert np.all(difference[[0, 5]] == 0) and np.all(difference[[1, 2, 3, 4]] < 0)


@pytest.mark.parametrize("thin", [0.0, 0.8, 4.0])
def test_the_source_has_no_jump_where_the_stress_fills_more_vacancies_than_planes_are_made(thin: float) -> None:
    """S*(s_n) of plated Li that has vacancies, also in a film in which they spread at once; a jump has no solution."""
    p = vacancies.AnnihilationParameters(
        creep_prefactor=0.014,
        creep_exponent=6.6,
        activation_energy=0.0,
        size_effect_strengthening=7.0,
        linear_rate=1.6e-4,
        diffusivity=1.35e-14,
        width=2e-7,
        temperature=298.15,
    )
    s_n = np.linspace(0.0, 60e6, 60001)
    none, one = np.zeros_like(s_n), np.ones_like(s_n)
    weights = vacancies.Weights(0.1 * one, 0.3 * one, thin)
    source, slope, _ = vacancies.plane_source(weights, 0.9 * one, 0.05 * one, none, (2.5e-3 * one, none), p, s_n, 2.0)
    steps, expected = np.diff(source), 0.5 * (slope[1:] + slope[:-1]) * np.diff(s_n)
    np.testing.assert_allclose(steps, expected, atol=1e-3 * np.ptp(source))
    assert np.all(slope <= 0) and np.ptp(source) > 0.1 * source[0], "the stress counts"
