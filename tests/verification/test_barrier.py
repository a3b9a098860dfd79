"""A film on a collector: the law through it, what lies beneath, opening, both sides at once, the hand-over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from solver.constants import FARADAY
from solver.laws.kinetics import KineticsParameters, into_alloy, transfer_current
from solver.laws.permeance import along_pores, decaying
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.physics.barrier import Barrier, Beneath, SeedBeneath
from solver.physics.nucleation import BENEATH, Nucleation
from tests.verification.setups import VOLUME_PER_CHARGE, curves, finish, make_case, prepare
from tests.verification.test_kinetics import THERMAL
from tests.verification.test_nucleation import EXCHANGE
from tests.verification.test_nuclei_in_a_cell import CELL, OHMIC, J, sound

PLATE: dict[str, Any] = {"kind": "galvanostatic", "direction": "plate"}
STRIP: dict[str, Any] = {"kind": "galvanostatic", "direction": "strip"}
FILM: dict[str, Any] = {"material": "W", "thickness": "30 nm"}
SLOW = {"current_density": "0.5 mA/cm^2"}
LIMIT = 1e-8 / VOLUME_PER_CHARGE  # j_P of 30 nm of W, A/m^2
MG: dict[str, Any] = {"material": "Mg", "thickness": "3 nm"}


def law(limit: float = np.inf, resistance: float = 0.0) -> KineticsParameters:
    return KineticsParameters(
        transfer_coefficient=0.5,
        temperature=298.15,
        molar_volume=13.0e-6,
        area_resistance=resistance,
        film_permeance=limit * VOLUME_PER_CHARGE,
        film_resistance=resistance,
    )


def cell(film: dict[str, Any], seed: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A cell at 1 mA/cm2 with 30 nm of W, but for what film says."""
    collector = {"material": "steel", "room": "2 um", "nucleation": changes.pop("nucleation", {})}
    return CELL | {
        "interface": CELL["interface"] | {"film": FILM | film},
        "collector": collector | ({"seed": seed} if seed else {}),
        "drive": CELL["drive"] | {"voltage_limit": "1 V"},
        "time": {"tolerance": 3.0},
    } | changes


def run(sections: dict[str, Any], *protocol: dict[str, Any]) -> tuple[dict[str, Any], Simulation, Coupling, str]:
    simulation, model = prepare(make_case(sections, list(protocol)))
    ended = finish(simulation)
    return curves(simulation), simulation, model, ended


def part_of(model: Coupling) -> Barrier:
    (part,) = [part for part in model.followers if isinstance(part, Barrier)]
    return part


# -- laws ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alloy", [0.0, 5e-3, 0.1, 0.7])
@pytest.mark.parametrize("resistance", [0.0, 3e-3])
def test_the_current_through_a_film_into_an_alloy_is_the_root(alloy: float, resistance: float) -> None:
    """phi = j R + (2RT/F) asinh(j/2 i0) + (RT/F) ln(a_s + j/j_P), a_s = exp(-F E_s/RT), from -0.999 a_s j_P on."""
    limit, activity = 70.0, np.exp(-alloy / THERMAL)
    exact = limit * np.concatenate([activity * np.array([-0.999, -0.5, -1e-3, 0.0]), [1e-3, 1.0, 10.0]])
    phi = exact * resistance + THERMAL * (2 * np.arcsinh(exact / (2 * EXCHANGE)) + np.log(activity + exact / limit))
    p, level, exchange = law(limit, resistance), np.full(7, alloy), np.full(7, EXCHANGE)
    j, by_phi, by_alloy = into_alloy(p, exchange)(phi, level)
    np.testing.assert_allclose(j, exact, rtol=1e-7, atol=1e-10 * limit)
    step = 1e-6
    for slope, change in ((by_phi, (step, 0.0)), (by_alloy, (0.0, step))):
        ends = [into_alloy(p, exchange)(phi + s * change[0], level + s * change[1])[0] for s in (1, -1)]
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)
    assert into_alloy(p, exchange)(np.full(7, -3.0), level)[0] == pytest.approx(-limit * activity, abs=1e-9)


def test_an_alloy_at_0_v_is_li_and_a_free_film_is_none() -> None:
    phi, exchange = np.linspace(-0.2, 0.2, 9), np.full(9, EXCHANGE)
    metal = transfer_current(law(70.0), phi, np.zeros(9), exchange, np.ones(9))
    np.testing.assert_array_equal(into_alloy(law(70.0), exchange)(phi, np.zeros(9))[:2], metal)
    free = into_alloy(law(1e13), exchange)(phi, np.full(9, 0.1))[0]
    np.testing.assert_allclose(free, 2 * EXCHANGE * np.sinh((phi + 0.1) / (2 * THERMAL)), rtol=1e-6)
    beside = law(70.0, 3e-3).beside_film()
    assert beside.area_resistance == 0.0 and np.isinf(beside.film_permeance)


def test_permeances() -> None:
    """W halves in 20.8 nm. Carbon of 50 nm pores: j_P = 26.7 mA/cm2, inversely as pores and thickness."""
    tungsten = {"known": 1e-8, "of_thickness": 30e-9, "decay_length": 30e-9}
    assert decaying(30e-9 + 30e-9 * np.log(2), **tungsten) == pytest.approx(5e-9)
    pores = {"porosity": 0.3, "radius": 50e-9, "wall_diffusivity": 1e-10, "wall_thickness": 0.3e-9}
    assert along_pores(10e-6, **pores) / VOLUME_PER_CHARGE == pytest.approx(267.2, rel=1e-3)
    assert along_pores(20e-6, **pores | {"radius": 25e-9}) == pytest.approx(along_pores(10e-6, **pores))


# -- what lies beneath -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, MG, {"material": "Au", "thickness": "1 nm"}])
def test_seed_and_metal_beneath_are_one_store(seed: dict[str, Any] | None) -> None:
    """In a step of 2 s from any start: what passes is what is there more, metal only at 0 V, a continuous current."""
    _, model = prepare(make_case(cell({}, seed), [PLATE | {"duration": "1 s"}]))
    part, n, time = part_of(model), 401, 2.0
    exchange, phi = np.full(n, EXCHANGE), np.linspace(-0.3, 0.12, n)
    starts = [(0.0, 0.0), (0.0, 1e-9)] + ([(part.alloy.empty, 0.0), (0.11, 0.0)] if part.alloy else [])
    for level, metal in starts:
        before, old = np.full(n, level), np.full(n, metal)
        deep = part.alloy.start(before) if part.alloy else np.empty((n, 0))
        start = Beneath(before, old, 0 * phi, 0 * phi, before, deep)
        found, above, below = (
            part.find(phi + step, start, np.ones(n), exchange, time, start.potential) for step in (0.0, 1e-7, -1e-7)
        )
        taken = np.zeros(n)
        if part.alloy:
            host = part.alloy.within(before, deep, time)
            change = host.at_end(found.potential)[0] - host.at_start(before)
            taken = part.alloy.charge_per_composition * change
        gained = taken + (found.lithium - old) / VOLUME_PER_CHARGE
        assert gained == pytest.approx(found.current * time, rel=1e-8, abs=1e-7)
        assert np.all(found.lithium >= 0)
        if metal or part.one_phase:
            assert not np.any((found.lithium > 0) & (found.potential != 0))
        else:
            inside = -found.potential if part.alloy else phi
            assert np.array_equal(found.lithium > 0, inside > part.opening)
        ends = above.current, below.current
        smooth = np.abs(ends[0] + ends[1] - 2 * found.current) < 1e-6
        assert smooth.sum() > n - 8
        rise = (ends[0] - ends[1]) / 2e-7
        off = np.abs(found.slope - rise) / np.maximum(rise, 10.0)
        opening = (found.lithium > 0) & (found.potential < -part.opening)  # there -E follows phi, to a per cent
        assert off[smooth & ~opening].max() < 1e-3 and off[smooth].max() < 0.02
        assert np.all(np.diff(found.current) >= -1e-9)
        assert found.lithium[-1] > metal, "plated"
        assert found.lithium[0] == 0.0, "stripped"


@pytest.mark.parametrize("seed", [None, {"material": "Au", "thickness": "1 nm"}])
def test_nothing_goes_beneath_before_the_film_has_opened(seed: dict[str, Any] | None) -> None:
    """At 79.9 mV nothing, at 81 mV all; with Li beneath, and on a seed of one phase, as much at 79.9 mV."""
    _, model = prepare(make_case(cell({}, seed), [PLATE | {"duration": "1 s"}]))
    part, one = part_of(model), np.ones(1)

    def current(phi: float, metal: float = 0.0) -> float:
        start = Beneath(np.full(1, -0.07 if seed else 0.0), metal * one, 0 * one, 0 * one, one, np.empty((1, 0)))
        found = part.find(phi * one, start, one, EXCHANGE * one, 1.0, start.potential)
        assert found.lithium[0] - metal == pytest.approx(VOLUME_PER_CHARGE * found.current[0], rel=1e-6, abs=1e-15)
        return float(found.current[0])

    free = into_alloy(part.kinetics, EXCHANGE * one)(0.0799 * one, 0 * one)[0][0]
    assert free > 100.0 and abs(current(0.0799)) < 1e-9
    assert current(0.0811) > free and 0.4 * free < current(0.0805) < 0.6 * free
    assert current(0.0799, 1e-10) == pytest.approx(free, rel=1e-6)
    part.one_phase = True
    assert current(0.0799) == pytest.approx(free, rel=1e-6)


# -- in cells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opening", "largest", "beneath"), [("80 mV", 56e-3, False), ("20 mV", 20.5e-3, True)])
def test_an_opening_below_the_barrier_of_nuclei_decides(opening: str, largest: float, beneath: bool) -> None:
    """On steel: born on top at 56 mV, where the film opens at 80 mV; at 20 mV beneath. The film's voltage stays."""
    found, simulation, model, ended = run(cell({"opening_potential": opening}), PLATE | {"duration": "60 s"})
    assert ended == "protocol finished" and sound(found)
    sides = found["lithium_beneath"][-1], found["lithium_on_top"][-1]
    assert (sides[0] > 1e3 * sides[1]) == beneath and (sides[1] > 1e3 * sides[0]) != beneath
    assert sum(sides) == pytest.approx(model.stored(simulation.state)["inventory"], rel=1e-3)
    assert found["gap"][-1] == pytest.approx(found["lithium_thickness"][-1], rel=0.01)
    assert found["platen_displacement"][-1] < -0.4 * sum(sides), "Li on either side lifts the collector"
    assert found["voltage"].max() - OHMIC == pytest.approx(largest, abs=0.6e-3)
    crossing = THERMAL * np.log1p(J / LIMIT) if beneath else 0.0
    plateau = 2 * THERMAL * np.arcsinh(J / (2 * EXCHANGE)) + crossing
    assert found["voltage"][-1] - OHMIC == pytest.approx(plateau, rel=0.02)
    assert simulation.state["barrier_share"].max() == pytest.approx(float(beneath), abs=1e-2)


@pytest.mark.long
def test_born_on_top_it_has_its_dip_in_every_cycle() -> None:
    """On steel, stripped to nothing: 56 mV again."""
    plate = PLATE | {"capacity": "0.03 mAh/cm^2"}
    found, *_ = run(cell({}), plate, STRIP | SLOW | {"cutoff_voltage": "50 mV"}, plate)
    assert sound(found)
    first, last = np.flatnonzero(found["current_density"] < 0)[[0, -1]]
    assert found["contact_fraction"][first - 1] > 0.99 and found["contact_fraction"][last] < 1e-6
    assert found["lithium_on_top"][last] < 1e-12
    dips = found["voltage"][:first].max(), found["voltage"][last + 1 :].max()
    assert dips == pytest.approx((56.4e-3, 56.4e-3), rel=0.02)


def test_a_seed_of_one_phase_goes_on_beneath_without_a_dip_and_comes_back() -> None:
    """Mg is filled through the film, then Li lies beneath; stripped, first that, then Mg to a_s j_P = j; all accounted.

    Where the same host is another phase than Li, the film has to open, and Li is born on top.
    """
    strip = STRIP | {"current_density": "0.2 mA/cm^2", "cutoff_voltage": "0.15 V"}
    plate = PLATE | {"duration": "40 s"}
    found, simulation, model, ended = run(cell({}, MG), plate, strip, PLATE | {"duration": "12 s"})
    assert ended == "protocol finished" and sound(found)
    assert any(isinstance(part, SeedBeneath) for part in model.followers)
    first = int(np.argmax(found["current_density"] < 0))
    plated, stripped = found["lithium_beneath"][first - 1], np.flatnonzero(found["current_density"] < 0)[-1]
    kept = FARADAY * 9 * 3e-9 / 14.0e-6 + 2430.0 * found["voltage"][first - 1]
    assert plated == pytest.approx(VOLUME_PER_CHARGE * (10.0 * 40.0 - kept), rel=0.01)
    assert np.diff(found["voltage"][:first]).min() > -1e-6 and found["lithium_on_top"].max() < 1e-12
    level = simulation.state["seed_potential"]
    assert found["seed_composition"][stripped] < 2.0 and found["lithium_beneath"][stripped] < 0.1 * plated
    assert level.max() < 0.3
    two, *_ = run(cell({}, MG | {"one_phase": False}), PLATE | {"duration": "70 s"})
    assert sound(two) and two["lithium_beneath"][-1] < 1e-12 < 1e-8 < two["lithium_on_top"][-1]
    assert two["voltage"].max() > 50e-3


MIXED = {"permeance": "2e-9 m/s", "opening_potential": "10 mV"}


def test_both_sides_at_once() -> None:
    """A film that Li crosses as hard as it is born: all of it is accounted for through plating, stripping, plating.

    After the hand-over w_f j_film + (1 - w_f) j_direct carry the current.
    """
    sections = cell(MIXED, nucleation={"contact_angle": "13 deg"})
    plate, strip = PLATE | {"duration": "40 s"}, STRIP | SLOW | {"cutoff_voltage": "50 mV"}
    found, simulation, _, ended = run(sections, plate, strip, plate)
    assert ended == "protocol finished" and sound(found)
    first = int(np.argmax(found["current_density"] < 0))
    for step in (first - 1, -1):
        sides = np.array([found["lithium_beneath"][step], found["lithium_on_top"][step]])
        assert np.all(sides > 0.1 * sides.sum()), sides
    share = simulation.state["barrier_share"]
    assert np.ptp(share, axis=-1).max() < 1e-12 and 0.1 < share.max() < 0.9
    phi = np.full(1, found["voltage"][-1] - OHMIC)
    one, zero, exchange = np.ones(1), np.zeros(1), np.full(1, EXCHANGE)
    through, _ = transfer_current(law(2e-9 / VOLUME_PER_CHARGE), phi, zero, exchange, one)
    direct, _ = transfer_current(law(), phi, zero, exchange, one)
    assert share.max() * through + (1 - share.max()) * direct == pytest.approx(J, rel=0.02)
    assert direct[0] > 1.15 * J


def test_the_hand_over_keeps_li_and_remembers_the_side() -> None:
    """Nuclei on 40 % and Li beneath the rest, more than the gap holds: w_f = 0.6; nothing where they hold less."""
    sections = cell(
        {},
        domain={"width": "2 um", "lateral": "symmetric"},
    )
    sections["interface"] = sections["interface"] | {"width": "200 nm"}
    sections["collector"] = sections["collector"] | {"gap": "60 nm"}
    simulation, model = prepare(make_case(sections, [PLATE | {"duration": "1 s"}]))
    (part,) = [part for part in model.followers if isinstance(part, Nucleation)]
    state, contact = simulation.state, model.places.start()
    half = np.broadcast_to(simulation.grid.cell_coordinates()[0] < 1e-6, simulation.grid.local_shape)
    state["nucleus_moment_2"] = -np.log(0.6) / part.parameters.overlap(np.ones(())) * np.ones(half.shape)
    state["nucleated_lithium"] = np.full(half.shape, 20e-9)
    state["barrier_lithium"] = np.where(half, 41e-9, 30e-9)
    before = model.stored(state)["inventory"]
    jump = part.jump(state, contact)
    for name, change in jump.items():
        state[name] = state[name] + change
    assert model.stored(state)["inventory"] == pytest.approx(before, rel=1e-12)
    assert state["barrier_share"][half] == pytest.approx(0.6) and np.all(state["barrier_share"][~half] == 1.0)
    assert not state["barrier_lithium"][half].any() and state["occupancy"][half] == pytest.approx(61 / 60, rel=2e-3)
    assert np.all(state["barrier_lithium"][~half] == 30e-9) and np.all(state["lithium"][~half] < 0.5)
    state["barrier_lithium"], state["nucleated_lithium"] = 0.0, 55e-9
    assert part.jump(state, contact) == {}, "nuclei on 40 % alone are no film"


def test_only_what_lies_beneath_is_covered() -> None:
    """A film that covers all: Li beneath it does not react, Li on top as if the film were not there."""
    grown = {}
    for opening in ("80 mV", "5 mV"):
        sections = cell({"opening_potential": opening, "coverage": 1.0}) | {"interphase": {}}
        found, *_ = run(sections, PLATE | {"duration": "60 s"})
        assert sound(found)
        grown[opening] = found["interphase_thickness"], found["time"], found["nucleated_share"]
    thickness, time, share = grown["80 mV"]
    born = time[np.argmax(share > 0.5)]
    assert thickness[-1] == pytest.approx(np.sqrt(1.9e-17 * (time[-1] - born)), rel=0.05)
    assert grown["5 mV"][0].max() < 1e-12


def test_cells_that_start_with_li_have_all_of_it_beneath() -> None:
    """A film of Li at the start, no births: the law is that of the film as ever, and no column says otherwise."""
    sections = CELL | {
        "interface": CELL["interface"] | {"film": FILM},
        "collector": {"room": "2 um"},
        "lithium": {"film": "100 nm"},
    }
    found, simulation, *_ = run(sections, PLATE | {"duration": "10 s"})
    plateau = 2 * THERMAL * np.arcsinh(J / (2 * EXCHANGE)) + THERMAL * np.log1p(J / LIMIT)
    assert found["voltage"][-1] - OHMIC == pytest.approx(plateau, rel=0.01) and sound(found)
    assert "lithium_beneath" not in found and "barrier_share" not in simulation.state


def test_a_finer_carbon_takes_more_current_to_the_collector() -> None:
    """What a film of carbon costs against charge transfer beside it: less with finer pores, more with more current."""

    def dearer(current: float, radius: float) -> float:
        p = along_pores(10e-6, porosity=0.3, radius=radius, wall_diffusivity=1e-10, wall_thickness=0.3e-9)
        behind = replace(law(), film_permeance=p)
        return float(behind.film_drop(np.full(1, current))[0])

    assert dearer(10.0, 10e-9) < dearer(10.0, 50e-9) < dearer(50.0, 50e-9)
    assert dearer(14.0, 50e-9) == pytest.approx(1.31e-3, rel=0.01)


@pytest.mark.parametrize(("metal", "left"), [(1.5, True), (0.5, False)])
def test_metal_that_is_handed_back_fills_the_seed_at_once(metal: float, left: bool) -> None:
    """Up to E = 0, or until it is used up: there is no rate, so it is a jump. metal: of what the seed can take."""
    simulation, model = prepare(make_case(cell({}, MG | {"layers": 1}), [PLATE | {"duration": "1 s"}]))
    (seed,) = [part for part in model.followers if isinstance(part, SeedBeneath)]
    contact, state = model.places.now(simulation.state), simulation.state
    full, half = (float(seed.alloy.composition(np.array(value))[0]) for value in (0.0, 0.05))
    fields = {name: state[name].copy() for name in state}
    fields["seed_potential"][...], fields["seed_composition"][...] = 0.05, half
    fields[BENEATH][...] = metal * VOLUME_PER_CHARGE * seed.alloy.charge_per_composition * (full - half)
    jump = seed.jump(fields, contact)
    after = {name: fields[name] + jump.get(name, 0.0) for name in fields}
    held, now = (
        sum(model.grid.integral(part.lithium(at, contact)) for part in (seed, part_of(model))) for at in (fields, after)
    )
    assert now == pytest.approx(held, rel=1e-12)
    there = contact.area > 1e-3 * model.grid.max(contact.area)
    assert np.all((after[BENEATH][there] > 0) == left) and np.all((after["seed_potential"][there] == 0.0) == left)
    assert not seed.jump(after, contact), "what is in equilibrium stays"
