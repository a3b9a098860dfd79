"""A collector that moves: gaps, what it carries, capillarity between two walls, films from a nanometre, contact.

Closed forms: int m dz = g; what moves with the collector keeps c; a meniscus between walls a distance H apart has
f' = gamma (cos angle_e + cos angle_c)/H; Li that is plated lifts the collector by (Omega/F) j t.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver.domain.collector import Collector
from solver.domain.contact import Height, flat, make_contact
from solver.domain.electrode import Electrode
from solver.laws import free_energy as fe
from solver.laws.bare_contact import BareContact
from solver.loop.simulation import SolveFailed
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.lithium import LithiumEquation
from tests.verification.setups import (
    GAMMA,
    IDEAL,
    VOLUME_PER_CHARGE,
    curves,
    finish,
    make_case,
    occupancy_balance,
    prepare,
    relax,
)

WIDTH = 100e-9  # m, lambda


def box(below: float, above: float, lateral: float = 0.0) -> Grid:
    """Cells of lambda/2, `below` and `above` the plane z = 0 (in lambda), `lateral` wide and mirrored."""
    z = np.arange(-round(2 * below), round(2 * above) + 1) * 0.5 * WIDTH
    x = np.arange(round(2 * lateral) + 1) * 0.5 * WIDTH
    return Grid([x, z] if lateral else [z], [False])


def collector(grid: Grid, gap: float, rough: float = 0.0, height: Height = flat) -> Collector:
    """A collector that is `gap` (m) away at the least, with a cosine of the amplitude `rough` (m)."""
    wave = 2 * np.pi / (8 * WIDTH)

    def depth(*lateral: Array) -> tuple[Array, list[Array]]:
        if not lateral:
            return np.full((), gap), []
        x = lateral[0]
        return gap + rough * (1 + np.cos(wave * x)), [-rough * wave * np.sin(wave * x)]

    fixed = make_contact(grid, WIDTH, height, Electrode(grid, reservoir=False))
    return Collector(grid, WIDTH, fixed, depth, height)


@pytest.mark.parametrize("gap", [0.02, 0.3, 1.0, 5.0, 20.0])
def test_the_weight_between_the_bodies_is_the_gap(gap: float) -> None:
    """To 1e-6 of lambda; as a product of the two indicators it would be g/(1 - exp(-g/lambda))."""
    grid = box(40, 20)
    contact = collector(grid, gap * WIDTH).at(0.0)
    between = grid.integral(contact.metal) / WIDTH
    assert between == pytest.approx(gap, abs=1e-4)  # the floor of m over 60 lambda is 6e-5
    assert contact.collector is not None
    product = grid.integral((1 - contact.electrolyte) * (1 - contact.collector.indicator)) / WIDTH
    assert product == pytest.approx(gap / -np.expm1(-gap), rel=2e-3)
    assert contact.collector.gap == pytest.approx(gap * WIDTH)


@pytest.mark.parametrize(("share", "rough"), [(0.05, 0.0), (0.2, 0.0), (0.2, 0.5)])
@pytest.mark.parametrize("swept", [True, False], ids=["mean over the step", "faces at the end"])
def test_what_moves_with_the_collector_keeps_its_occupancy(share: float, rough: float, swept: bool) -> None:
    """A retreat by 5 lambda in steps of `share` lambda with c = 1; Li is made at the electrolyte as fast, none lost."""
    grid = box(16, 24, 8.0 if rough else 0.0)
    moving, dt, speed = collector(grid, WIDTH, rough * WIDTH), 1.0, share * WIDTH
    occupancy = occupancy_balance(grid, 0.0, 0.0, WIDTH)
    velocity = [np.zeros((1,) * grid.dim)] * (grid.dim - 1) + [np.full((1,) * grid.dim, -speed)]
    psi = moving.electrolyte.electrolyte_faces[-1]
    made = speed * np.diff(psi, axis=-1) / grid.spacing[-1]
    z, one = 0.0, np.ones(grid.local_shape)
    contact, c = moving.at(z), one
    before, supplied = grid.integral(contact.metal), grid.integral(np.broadcast_to(made, one.shape)) * 5 / share * dt
    for _ in range(round(5 / share)):
        after = moving.at(z - speed * dt, before=z if swept else None)
        found = occupancy.step(
            old=c,
            old_weight=contact.metal,
            contact=after,
            lithium=one,
            h=one,
            velocity=velocity,
            source=made,
            dt=dt,
        )
        assert found.outcome.converged
        contact, c, z = moving.at(z - speed * dt), found.occupancy, z - speed * dt
    worst = np.abs(c - 1)[contact.metal > 0.01].max()
    assert worst < 1e-5 if swept else worst > 0.02
    assert grid.integral(contact.metal * c) == pytest.approx(before + supplied, rel=1e-14 if swept else 1e-8)


ANGLES = [(45.0, 45.0), (90.0, 120.0), (60.0, 90.0)]  # degrees


@pytest.mark.parametrize(("degrees", "height"), [(ANGLES[0], 2.0), *((d, h) for d in ANGLES for h in (4.0, 12.0))])
def test_a_meniscus_between_electrolyte_and_collector(degrees: tuple[float, float], height: float) -> None:
    """f' = gamma (cos angle_e + cos angle_c)/H within 2.5 %."""
    grid = box(height + 10, 10, 40)
    contact = collector(grid, height * WIDTH).at(0.0)
    parameters = fe.EnergyParameters(
        surface_energy=GAMMA,
        width=WIDTH,
        contact_angle=np.radians(degrees[0]),
        critical_vacancy_fraction=0.1,
        dilute_stiffness=IDEAL,
        collector_angle=np.radians(degrees[1]),
    )
    x = grid.cell_coordinates()[0]
    xi = np.broadcast_to(0.5 * (1 - np.tanh((x / WIDTH - 20) / 2)), grid.local_shape).copy()
    lithium = LithiumEquation(grid, parameters, mobility=1e-5, linear_tolerance=1e-10)
    occupancy = occupancy_balance(grid, 1e-10, 0.0, WIDTH)
    xi, c, _ = relax(lithium, occupancy, contact, (xi, fe.step(xi)), 3.0, 160)
    amid = contact.metal > min(0.5, 0.9 * contact.metal.max())
    force = parameters.vacancy_force(fe.step(xi) - c)[(xi > 0.98) & amid]
    expected = GAMMA * np.cos(np.radians(degrees)).sum() / (height * WIDTH)
    assert np.ptp(force) < 0.01 * abs(expected)
    assert force.mean() == pytest.approx(expected, rel=0.025)


def test_bare_contact_pushes_and_never_pulls() -> None:
    law, gaps = BareContact(WIDTH), np.linspace(-0.1, 1.0, 1101) * WIDTH
    pressure, slope = law.pressure(gaps)
    assert np.all(pressure >= 0)
    assert np.all(np.diff(pressure) <= 0)
    assert np.all(pressure[gaps > 0.4 * WIDTH] == 0)
    middle = 0.5 * (gaps[1:] + gaps[:-1])
    smooth = middle > 0.1 * WIDTH
    assert law.pressure(middle)[1][smooth] == pytest.approx(-(np.diff(pressure) / np.diff(gaps))[smooth], rel=2e-3)
    assert slope[0] > 0
    for p in (0.0, 1e6, 75e6):
        assert law.pressure(np.array([law.gap_under(p)]))[0] == pytest.approx(p)


COLUMN: dict[str, Any] = {
    "domain": {"dimension": 1},
    "interface": {"width": "100 nm"},
    "collector": {},
    "electrolyte": [{"thickness": "3 um"}],
    "mechanics": {"void_viscosity": "1e6 Pa*s"},
    "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
}


def plate(capacity: str) -> list[dict[str, Any]]:
    return [{"kind": "galvanostatic", "direction": "plate", "capacity": capacity}]


def test_a_film_from_one_nanometre_lifts_the_collector() -> None:
    """By what is plated, at the voltage of a thick electrode from the first nanometre on."""
    simulation, model = prepare(make_case(COLUMN | {"lithium": {"film": "1 nm"}}, plate("0.06 mAh/cm^2")))
    before = model.stored(simulation.state)["inventory"]
    assert finish(simulation) == "protocol finished"
    found = curves(simulation)
    gained = VOLUME_PER_CHARGE * 0.06 * 36e3
    assert before == pytest.approx(1e-9, rel=0.05)
    assert model.stored(simulation.state)["inventory"] - before == pytest.approx(gained, rel=1e-6)
    assert -found["platen_displacement"][-1] == pytest.approx(gained, rel=2e-3)
    asinh, ohmic = 2 * 8.314462618 * 298.15 / 96485.33212 * np.arcsinh(10 / 50), 10 * 3e-6 / 0.18
    assert found["voltage"] == pytest.approx(asinh + ohmic, abs=0.1e-3)
    assert found["lithium_error"].max() < 1e-6
    assert found["charge_error"].max() < 1e-8
    assert found["force_error"].max() < 3e-7


def test_a_film_that_is_plated_and_stripped_again_and_again_comes_back() -> None:
    """Twice by 48 nm, below the critical current: the gap is within 1 nm of the film at the start, and so is its Li."""
    half_cycles = [
        {"kind": "galvanostatic", "direction": direction, "capacity": "0.01 mAh/cm^2"}
        for direction in ("plate", "strip")
    ]
    drive = {"stack_pressure": "20 MPa", "current_density": "0.5 mA/cm^2"}
    sections = COLUMN | {"lithium": {"film": "100 nm"}, "drive": drive}
    simulation, model = prepare(make_case(sections, [{"kind": "loop", "repeat": 2, "segments": half_cycles}]))
    assert finish(simulation) == "protocol finished"
    found = curves(simulation)
    assert found["gap"].max() == pytest.approx(148.5e-9, rel=0.01)
    assert found["gap"][-1] == pytest.approx(100e-9, abs=1e-9)
    assert simulation.state["occupancy"][model.places.now(simulation.state).metal > 0.05].min() > -3e-3
    assert found["lithium_thickness"][-1] == pytest.approx(100e-9, rel=2e-3)
    assert found["lithium_error"].max() < 1e-6
    assert found["force_error"].max() < 3e-7


def test_a_collector_that_reaches_the_bottom_says_so() -> None:
    case = make_case(COLUMN | {"lithium": {"film": "20 nm"}, "collector": {"room": "450 nm"}}, plate("0.06 mAh/cm^2"))
    simulation, _ = prepare(case)
    with pytest.raises(SolveFailed, match="reaches the bottom of the box"):
        finish(simulation)


def test_a_collector_that_falls_is_caught_by_the_electrolyte() -> None:
    """200 nm of void; it comes to rest where the bare contact bears the stack pressure."""
    case = make_case(COLUMN | {"lithium": {"film": "200 nm"}}, [{"kind": "rest", "duration": "20 s"}])
    simulation, model = prepare(case)
    empty = np.zeros(simulation.grid.local_shape)
    simulation.state["lithium"] = empty
    simulation.state["occupancy"] = empty
    assert finish(simulation) == "protocol finished"
    found = curves(simulation)
    contact = model.places.now(simulation.state)
    assert contact.collector is not None
    assert contact.collector.gap.min() == pytest.approx(BareContact(WIDTH).gap_under(5e6), rel=1e-3)
    assert found["force_error"].max() < 3e-7
