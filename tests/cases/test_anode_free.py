"""cases/demo.toml, shrunk: what is plated lifts the collector, the rest holds, stripping ends at the voltage limit."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import solver
from solver.case.io import case_from_dict
from solver.constants import FARADAY

CASES = Path(__file__).resolve().parent.parent.parent / "cases"
DEMO = CASES / "demo.toml"
COPPER, FOIL, STEEL, BILAYER = (
    CASES / "anode_free" / f"{name}.toml" for name in ("collectors/copper", "foil", "mos2/steel_60C", "bilayer/bilayer")
)
SHRUNK = (
    'domain.width="2.4 um"',
    'grid.max_spacing="400 nm"',
    'collector.nuclei.spacing="2.4 um"',
    'protocol.0.capacity="0.01 mAh/cm^2"',
    'protocol.1.duration="5 s"',
    'output.interval="1 h"',
    "time.tolerance=4.0",
)


def test_a_first_cycle() -> None:
    result = solver.run(solver.load_case(DEMO, SHRUNK))
    curves = result.curves
    time, thickness, gap = (curves[name] for name in ("time", "lithium_thickness", "gap"))
    plated, rested = np.searchsorted(time, (36.0 - 1e-9, 41.0 - 1e-9))
    assert thickness[plated] - thickness[0] == pytest.approx(1.347e-11 * 3600 * (1 - time[0] / 36.0), rel=2e-3)
    assert gap[plated] > gap[0] + 5e-9
    assert thickness[rested] == pytest.approx(thickness[plated], rel=1e-6)
    assert result.stop_kind == "voltage limit"
    assert thickness[-1] < 0.8 * thickness[0]  # more was stripped than plated
    assert gap[-1] < gap[0]
    assert curves["lithium_error"].max() < 1e-6
    assert curves["charge_error"].max() < 1e-8
    assert curves["force_error"].max() < 3e-7


def test_birth_of_lithium_on_copper() -> None:
    """collectors/copper.toml: the dip on which Cu is calibrated, and what it is at a fifth of the current."""
    dips = {}
    for current in (0.05, 0.25):
        table = tomllib.loads(COPPER.read_text()) | {"drive": {"stack_pressure": "5 MPa"}}
        del table["sweep"]
        table["drive"]["current_density"] = f"{current} mA/cm^2"
        curves = solver.run(case_from_dict(table)).curves
        dips[current] = curves["voltage"].max(), curves["voltage"].max() - curves["voltage"][-1]
        assert curves["contact_fraction"][-1] > 0.999
        assert curves["lithium_error"].max() < 1e-6
    assert dips[0.25][1] == pytest.approx(10.4e-3, rel=0.02)
    assert dips[0.25][0] / dips[0.05][0] == pytest.approx(1.19, abs=0.03)


@pytest.mark.parametrize(
    ("material", "dip"), [("steel", 33.6e-3), pytest.param("MoS2", 23.4e-3, marks=pytest.mark.long)]
)
def test_birth_of_lithium_on_steel_at_60_degrees(material: str, dip: float) -> None:
    """mos2/steel_60C.toml: the dips on which the angles are calibrated; at 25 degC it is another one."""
    found = {}
    table = tomllib.loads(STEEL.read_text())
    assert table["drive"]["temperature"] == "60 degC" and material in table.pop("sweep")["grid"]["collector.material"]
    for temperature in ("60 degC", "25 degC"):
        overrides = (f'collector.material="{material}"', f'drive.temperature="{temperature}"')
        curves = solver.run(case_from_dict(table, overrides)).curves
        found[temperature] = curves["voltage"].max() - curves["voltage"][-1]
        assert curves["lithium_error"].max() < 1e-6
    assert found["60 degC"] == pytest.approx(dip, rel=0.02)
    assert found["25 degC"] > 1.03 * dip


def test_layers_that_convert_bind_what_the_readme_says() -> None:
    """cases/anode_free/seeds/conversion.toml: uAh/cm2 of irreversible steps and of all, of each layer of the sweep."""
    table = tomllib.loads((CASES / "anode_free" / "seeds" / "conversion.toml").read_text())
    found = []
    for point in table.pop("sweep")["list"]:
        overrides = [f"{name}={_inline(value)}" for name, value in point.items()]
        collector = case_from_dict(table, overrides).collector
        assert collector and collector.seed
        bound = taken = 0.0
        for host in collector.seed.hosts:
            bound += host.amount * max((s.composition for s in host.steps if s.irreversible), default=0.0)
            taken += host.amount * host.steps[-1].composition
        found += [FARADAY * bound / 36, FARADAY * taken / 36]
    expected = [0, 52.2, 2.47, 27.2, 7.39, 11.1, 3.06, 3.06, 10.2, 10.2, 3.7, 31.6, 0, 33.5]
    assert found == pytest.approx(expected, rel=6e-3)


def _inline(value: object) -> str:
    """As TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_inline(entry)}" for name, entry in value.items()) + "}"
    return f"[{', '.join(_inline(entry) for entry in value)}]" if isinstance(value, list) else json.dumps(value)


PLATED = [{"kind": "galvanostatic", "direction": "plate", "capacity": "0.2 mAh/cm^2"}]
TWICE = [
    {
        "kind": "loop",
        "repeat": 2,
        "segments": [
            {"kind": "galvanostatic", "direction": "plate", "capacity": "0.015 mAh/cm^2"},
            {
                "kind": "galvanostatic",
                "direction": "strip",
                "cutoff_voltage": "50 mV",
                "current_density": "0.5 mA/cm^2",
            },
        ],
    }
]


@pytest.mark.parametrize(
    ("point", "protocol", "beneath"),
    [
        pytest.param(0, PLATED, True, marks=pytest.mark.long),
        (1, PLATED, True),
        pytest.param(2, PLATED, False, marks=pytest.mark.long),
        (3, TWICE, False),
    ],
)
def test_which_side_of_tungsten(point: int, protocol: list[dict[str, Any]], beneath: bool) -> None:
    """bilayer.toml, the four on which W is calibrated: on Mg beneath 30 nm at 1 and at 5 mA/cm2, on top of 200 nm; on
    steel on top of 30 nm, with a dip in every cycle. Coarse steps: the sides and the dips are far apart."""
    table = tomllib.loads(BILAYER.read_text())
    values = table.pop("sweep")["list"][point]
    table["interface"]["film"]["thickness"] = values["interface.film.thickness"]
    table["drive"]["current_density"] = values["drive.current_density"]
    if "collector.seed" in values:
        table["collector"]["seed"] = values["collector.seed"]
    curves = solver.run(case_from_dict(table | {"protocol": protocol, "time": {"tolerance": 4.0}})).curves
    plating = np.flatnonzero(curves["current_density"] > 0)
    for half in np.split(plating, np.flatnonzero(np.diff(plating) > 1) + 1):
        sides = curves["lithium_beneath"][half[-1]], curves["lithium_on_top"][half[-1]]
        assert (sides[0] > 99 * sides[1]) == beneath and (sides[1] > 99 * sides[0]) != beneath
        dip = curves["voltage"][half].max() - curves["voltage"][half[-1]]
        assert (dip < 1e-3) == beneath and (dip > 40e-3) != beneath
    assert curves["lithium_error"].max() < 1e-6 and curves["charge_error"].max() < 1e-8


def test_a_film_on_a_measured_collector() -> None:
    """cases/anode_free/foil.toml, shrunk: the film lifts a foil whose heights are those of foil.csv."""
    case = solver.load_case(FOIL, ('protocol.0.capacity="0.001 mAh/cm^2"', 'protocol.1.capacity="0.0005 mAh/cm^2"'))
    heights = np.loadtxt(FOIL.with_name("foil.csv"), delimiter=",", skiprows=2)[:61, 1] * 1e-9
    curves = solver.run(case).curves
    lifted = curves["platen_displacement"]
    np.testing.assert_allclose(curves["gap"] + lifted, 80e-9 + heights.max() - heights.mean(), atol=2e-9)
    np.testing.assert_allclose(curves["smallest_gap"] + lifted, 80e-9, atol=1e-12)
    assert 4e-9 < -lifted.min() < 1.347e-11 * 360  # of what is plated, some presses the Li first
    assert curves["lithium_error"].max() < 1e-6


def test_a_full_cycle_comes_back_to_a_closed_contact() -> None:
    """cases/anode_free/full_cycle.toml, shrunk: Li, charge and force close in every step."""
    shrunk = ('domain.width="1 um"', 'interface.width="200 nm"', 'protocol.0.capacity="0.03 mAh/cm^2"')
    result = solver.run(solver.load_case(CASES / "anode_free" / "full_cycle.toml", shrunk))
    thickness, gap = result.curves["lithium_thickness"], result.curves["gap"]
    plated = 0.03 * 36e3 * 13e-6 / 96485
    assert thickness.max() == pytest.approx(thickness[0] + plated, rel=2e-3)
    assert result.stop_kind == "voltage limit"
    assert thickness[-1] < 0.5 * thickness[0] and gap[-1] < gap[0]
    assert result.curves["smallest_gap"][-1] < 0.4 * 200e-9, "where the collector bears on the electrolyte"
    for name, limit in {"lithium_error": 1e-6, "charge_error": 1e-8, "force_error": 3e-7}.items():
        assert result.curves[name].max() < limit


@pytest.mark.long
@pytest.mark.parametrize(("width", "contact", "voltage"), [(200, 0.421, 13.2e-3), (100, 0.383, 14.5e-3)])
def test_an_island_under_pressure_at_two_widths_of_the_interface(width: int, contact: float, voltage: float) -> None:
    """cases/anode_free/island.toml, the numbers of docs/verification.md."""
    table = tomllib.loads((CASES / "anode_free" / "island.toml").read_text())
    del table["sweep"]
    curves = solver.run(case_from_dict(table, (f'interface.width="{width} nm"',))).curves
    assert curves["contact_fraction"][-1] == pytest.approx(contact, abs=2e-3)
    assert curves["voltage"][-1] == pytest.approx(voltage, abs=1e-4)


@pytest.mark.long
def test_six_micrometres_and_back_to_a_closed_contact_three_times() -> None:
    """cases/anode_free/three_cycles.toml."""
    curves = solver.run(solver.load_case(CASES / "anode_free" / "three_cycles.toml")).curves
    turns = np.flatnonzero(np.diff(np.sign(curves["current_density"])))
    gaps = curves["gap"][[*turns, -1]]
    assert len(gaps) == 6 and np.all(gaps[::2] > 5.5e-6) and np.all(gaps[1::2] < 0.4 * 100e-9)
    for name, limit in {"lithium_error": 1e-6, "charge_error": 1e-8, "force_error": 3e-7}.items():
        assert curves[name].max() < limit


@pytest.mark.long
def test_lithium_in_a_valley_is_left_behind_dead() -> None:
    """cases/anode_free/valley.toml: the voltage limit ends the run when the island lets go of the collector."""
    result = solver.run(solver.load_case(CASES / "anode_free" / "valley.toml"))
    thickness, dead = result.curves["lithium_thickness"], result.curves["dead_lithium"]
    assert result.stop_kind == "voltage limit"
    assert 0.4 < thickness[-1] / thickness.max() < 0.6
    assert dead[0] == 0.0 and 15e-9 < dead[-1] < 21e-9
    assert result.curves["lithium_error"].max() < 1e-6
