"""A seed that takes Li swells against the fixture: the pressure rises by stiffness times swelling, and falls again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from solver import materials
from solver.constants import FARADAY
from solver.laws.bare_contact import BareContact
from solver.loop.simulation import Simulation
from tests.verification.setups import curves, finish, make_case, prepare
from tests.verification.test_nuclei_in_a_cell import CELL

J, P0, K = 10.0, 5e6, 50e12  # A/m^2, Pa, Pa/m
MODULUS = 28.7e9 + 4 / 3 * 8.1e9  # Pa, of Li6PS5Cl that gives way along z only
GIVES_WAY = 3e-6 / MODULUS  # m/Pa, the electrolyte of CELL
PLATE = {"kind": "galvanostatic", "direction": "plate"}
STRIP = {"kind": "galvanostatic", "direction": "strip"}
FIXTURE = {"mechanics": CELL["mechanics"] | {"fixture_stiffness": f"{K} Pa/m"}}


def run(seed: dict[str, Any], *protocol: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], Simulation]:
    """A cell between stiff plates, 5 MPa at the start, with a seed."""
    drive = CELL["drive"] | {"voltage_limit": "3 V"}
    cell = CELL | FIXTURE | {"drive": drive, "collector": CELL["collector"] | {"seed": seed}}
    simulation, _ = prepare(make_case(cell | changes, list(protocol)))
    assert finish(simulation) == "protocol finished"
    found = curves(simulation)
    assert found["lithium_error"].max() < 1e-6 and found["force_error"].max() < 3e-7
    return found, simulation


def swelling(name: str, charge: Any, volume: str = "lithium_volume") -> Any:
    """m that a charge (C/m^2) into a host thickens it by."""
    return materials.load(name).value(volume) * charge / FARADAY


def pressure(swollen: float) -> float:
    """Pa of p = p0 + k (w - Z), with Z what bare contact and electrolyte give way."""
    contact = BareContact(100e-9)

    def excess(p: float) -> float:
        moved = contact.gap_under(P0) - contact.gap_under(p) + GIVES_WAY * (p - P0)
        return p - P0 - K * (swollen - moved)

    return float(brentq(excess, 1e3, 1e9))


@pytest.mark.parametrize(
    ("seed", "charge"),
    [
        ({"material": "Au", "thickness": "20 nm"}, 600.0),
        ({"material": "Mg", "thickness": "20 nm"}, 600.0),
        ({"material": "MoS2", "thickness": "60 nm", "filling": 0.3}, 200.0),
    ],
)
def test_the_pressure_rises_by_stiffness_times_swelling(seed: dict[str, Any], charge: float) -> None:
    """p0 + k w of the charge, before there is any Li metal: alloys, one with a profile in depth, and a conversion."""
    found, simulation = run(seed, PLATE | {"duration": f"{charge / J} s"})
    assert found["lithium_thickness"].max() < 1e-13 and found["nucleated_lithium"].max() < 2e-10
    swollen = swelling(seed["material"], J * found["time"])
    expected = np.array([pressure(w) for w in swollen])
    rise = found["platen_pressure"] - P0
    assert rise == pytest.approx(expected - P0, abs=5e-3 * rise[-1])
    assert K * swollen[-1] == pytest.approx(rise[-1], rel=0.05) and rise[-1] > 8e5, "all but what gives way"
    assert simulation.state["normal_stress"][-1] == pytest.approx(found["platen_pressure"][-1], rel=1e-6)


def test_what_is_stripped_again_gives_the_pressure_back() -> None:
    """Nine tenths of Al are filled and stripped to 0.5 V: 5 MPa again, and its swelling by the charge on the way."""
    found, _ = run(
        {"material": "Al", "thickness": "8 nm"}, PLATE | {"duration": "7 s"}, STRIP | {"cutoff_voltage": "0.5 V"}
    )
    rise = found["platen_pressure"] - P0
    assert rise.max() > 3e5 and rise[-1] == pytest.approx(0.0, abs=1e-3 * rise.max())
    expected = [pressure(float(w)) - P0 for w in swelling("Al", found["seed_lithium"])]
    assert rise == pytest.approx(expected, abs=5e-3 * rise.max())


def test_what_a_seed_takes_from_metal_on_it_moves_the_platen_by_the_difference_of_both_volumes() -> None:
    """300 nm of Li at rest on Al, 20 MPa: of the 13.0 cm3/mol of Li that go into it 8.9 are left between the plates."""
    drive = CELL["drive"] | {"voltage_limit": "1 V", "stack_pressure": "20 MPa"}
    film = {"lithium": {"film": "300 nm"}, "time": {"max_step": "0.5 s"}, "drive": drive}
    found, simulation = run({"material": "Al", "thickness": "20 nm"}, {"kind": "rest", "duration": "20 s"}, **film)
    taken = found["seed_lithium"]
    assert found["seed_composition"][-1] == pytest.approx(1.0, abs=1e-6)
    lost = swelling("Li", taken, "molar_volume") - swelling("Al", taken)
    assert 20e6 - found["platen_pressure"][-1] == pytest.approx(K * lost[-1], rel=3e-3)
    assert found["platen_pressure"].max() > 20.2e6, "it swells at once, and the metal closes up later"
    assert simulation.state["normal_stress"][-1] == pytest.approx(found["platen_pressure"][-1], rel=1e-4)


def test_without_a_fixture_nothing_is_pushed() -> None:
    """At a constant pressure the platen gives way."""
    seed = {"material": "Au", "thickness": "20 nm"}
    found, _ = run(seed, PLATE | {"duration": "20 s"}, mechanics=CELL["mechanics"])
    assert np.ptp(found["platen_pressure"]) == 0.0 and found["seed_thickness"][-1] > 30e-9
