"""An anode-free cell with a cathode: how much Li comes and goes in each cycle, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import solver
from solver.case.io import case_from_dict
from solver.physics import touching
from tests.verification.setups import VOLUME_PER_CHARGE

PLATED = 0.02 * 36e3  # C/m^2: 97 nm of Li
STRIP = {"kind": "galvanostatic", "direction": "strip"}
CELL: dict[str, Any] = {
    "schema_version": 1,
    "domain": {"dimension": 1},
    "interface": {"width": "50 nm"},
    "collector": {},
    "lithium": {"film": "5 nm"},
    "electrolyte": [{"thickness": "1 um"}],
    "mechanics": {"void_viscosity": "1e6 Pa*s"},
    "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
    "cathode": {"areal_capacity": "0.02 mAh/cm^2", "first_cycle_loss": 0.05, "open_circuit_voltage": "3.9 V"},
}


def cycled(*strips: dict[str, Any], **changes: Any) -> solver.Result:
    """A plating without any limit of its own before each stripping."""
    plate = {"kind": "galvanostatic", "direction": "plate"}
    protocol = [segment for strip in strips for segment in (plate, strip)]
    return solver.run(case_from_dict(CELL | {"protocol": protocol} | changes))


def test_three_cycles_of_a_cathode_that_loses_a_part_in_the_first_beside_sacrificial_li() -> None:
    """5 % of the cathode's Li and all of the additive's, another tenth of it, do not go back."""
    first = 1.1 * PLATED
    cathode = CELL["cathode"] | {"reserve": "0.002 mAh/cm^2"}
    result = cycled(STRIP, STRIP, STRIP, cathode=cathode, time={"tolerance": 4.0})
    assert result.stop_reason == "protocol finished"
    assert [half["end"] for half in result.half_cycles] == ["cathode empty", "cathode full"] * 3
    assert [cycle["plated"] for cycle in result.cycles] == pytest.approx([first, 0.95 * PLATED, 0.95 * PLATED])
    assert [cycle["coulombic_efficiency"] for cycle in result.cycles] == pytest.approx([0.95 / 1.1, 1.0, 1.0])
    assert [cycle["capacity_retention"] for cycle in result.cycles] == pytest.approx([1.0, 1.0, 1.0])
    assert [cycle["cathode_loss"] for cycle in result.cycles] == pytest.approx([0.15 / 1.1, 0.0, 0.0], abs=1e-6)
    log = result.curves
    assert log["cathode_lithium"].min() == pytest.approx(0.0, abs=1e-6 * PLATED)
    assert log["cathode_lithium"][-1] == pytest.approx(0.95 * PLATED)
    assert log["cell_voltage"] == pytest.approx(3.9 + log["voltage"])
    assert (log["cell_voltage"][log["current_density"] > 0] > 3.9).all()
    assert log["lithium_thickness"][-1] == pytest.approx(5e-9 + 0.15 * PLATED * VOLUME_PER_CHARGE, rel=0.01)


def test_li_that_a_cutoff_leaves_behind_is_missing_in_the_next_cycle() -> None:
    """What the cathode has not got back it cannot give; Li of cell and cathode together is what it was."""
    cathode = {"areal_capacity": "0.01 mAh/cm^2"}
    strip = STRIP | {"cutoff_voltage": "15 mV"}
    result = cycled(strip, strip, cathode=cathode)
    assert [half["end"] for half in result.half_cycles] == ["cathode empty", "voltage"] * 2
    plated, stripped = ([float(cycle[name] or 0.0) for cycle in result.cycles] for name in ("plated", "stripped"))
    assert plated == pytest.approx([360.0, stripped[0]]) and stripped[0] < 0.95 * 360.0
    assert result.cycles[0]["coulombic_efficiency"] == pytest.approx(stripped[0] / 360.0)
    assert result.cycles[0]["left_loss"] == pytest.approx(1 - stripped[0] / 360.0, abs=0.01)
    assert result.cycles[1]["capacity_retention"] == pytest.approx(stripped[1] / stripped[0])
    log = result.curves
    assert -log["voltage"].min() == pytest.approx(0.015, rel=0.021)
    in_the_cell = (log["lithium_thickness"] - 5e-9) / VOLUME_PER_CHARGE
    assert in_the_cell + log["cathode_lithium"] == pytest.approx(360.0, rel=0.01)
    assert "cell_voltage" not in log


def test_a_half_cell_against_li_in_has_its_offset() -> None:
    """Au at 0.25 mA/cm2: plateaus at -0.48 and -0.54 V against Li-In, with the 25 mV of polarisation of Au.toml; a
    cutoff at 0.47 V of the cell, 0.15 V against Li, leaves the Li of the first one.
    """
    li_in = {"areal_capacity": "1 mAh/cm^2", "open_circuit_voltage": "0.62 V"}
    gold = {"nucleation": {"contact_angle": "3 deg"}, "seed": {"material": "Au", "thickness": "5 nm"}, "room": "1 um"}
    drive = CELL["drive"] | {"current_density": "0.25 mA/cm^2", "series_resistance": "94 ohm*cm^2"}
    segments = [
        {"kind": "galvanostatic", "direction": "plate", "capacity": "0.0045 mAh/cm^2"},
        {"kind": "galvanostatic", "direction": "strip", "cutoff_cell_voltage": "0.47 V"},
    ]
    bare = {name: section for name, section in CELL.items() if name != "lithium"}
    changes = {"collector": gold, "cathode": li_in, "drive": drive, "protocol": segments}
    result = solver.run(case_from_dict(bare | changes))
    log, ends = result.curves, [half["end"] for half in result.half_cycles]
    assert ends == ["capacity", "voltage"] and log["cell_voltage"][-1] == pytest.approx(0.47, abs=0.01)
    assert log["voltage"] == pytest.approx(log["cell_voltage"] - 0.62)
    plated, share = log["current_density"] > 0, log["capacity"] / (0.00492 * 36e3)
    assert share[-1] == pytest.approx(1 / 3.75, abs=0.02)
    for place, expected in ((0.15, -0.48), (0.7, -0.54)):
        assert -np.interp(place, share[plated], log["cell_voltage"][plated]) == pytest.approx(expected, abs=5e-3)


def full_cell(*protocol: dict[str, Any], **changes: Any) -> solver.Result:
    """A cathode of 0.02 mAh/cm2 whose open-circuit voltage rises from 3.6 to 4.2 V, most steeply at both ends."""
    table = {"state_of_charge": [0.0, 0.1, 0.9, 1.0], "voltage": ["3.6 V", "3.8 V", "4.1 V", "4.2 V"]}
    cathode = {"areal_capacity": "0.02 mAh/cm^2", "open_circuit_curve": {"file": "curve.csv", "table": table}}
    drive = CELL["drive"] | {"voltage_limit": "2 V", "series_resistance": "10 ohm*cm^2"}
    return solver.run(case_from_dict(CELL | {"protocol": list(protocol), "drive": drive, "cathode": cathode} | changes))


def test_a_full_cell_is_charged_and_discharged_by_its_own_voltage() -> None:
    """To 4.15 V, held to a twentieth of the current, and down to 3.65 V: charges by hand, of U and V."""
    hold = {"kind": "cc-cv", "direction": "plate", "cell_voltage": "4.15 V", "cutoff_current_density": "0.05 mA/cm^2"}
    result = full_cell(hold, STRIP | {"cutoff_cell_voltage": "3.65 V"})
    assert [half["end"] for half in result.half_cycles] == ["current", "voltage"]
    log = result.curves
    j, cell, voltage = log["current_density"], log["cell_voltage"], log["voltage"]
    held = (j > 0) & (j < 10.0 * (1 - 1e-6))
    assert held.sum() > 5 and cell[held] == pytest.approx(4.15, abs=1e-9)
    assert cell[j > 0].max() < 4.15 + 1e-4
    assert (np.diff(j[held]) < 0).all() and j[held][-1] < 0.5 < j[held][-2]
    before = int(np.argmax(held)) - 1
    assert cell[before] >= 4.15 and voltage[before] == pytest.approx(0.0202, rel=0.01)  # half of it in the resistance
    time_constant = voltage[before] / 10.0 / (0.1 / (0.1 * PLATED))  # R/(dU/dq), s
    assert j[held] == pytest.approx(10.0 / np.cumprod(1 + log["dt"][held] / time_constant), rel=0.1)
    of_voltage = 0.1 * PLATED / 0.1 * voltage[held][-1]  # C/m2 that are missing, as V takes its part
    assert result.cycles[0]["plated"] == pytest.approx(0.95 * PLATED - of_voltage, abs=0.1)
    assert 3.645 < cell[-1] <= 3.65
    assert log["capacity"][-1] == pytest.approx(0.1 * PLATED / 0.2 * (cell[-1] - voltage[-1] - 3.6), abs=0.1)


def test_an_anode_without_li_ends_the_discharge_of_a_full_cell() -> None:
    """An interphase has taken Li: at a U of 3.78 V the anode goes up until the cell is at 2.5 V, and rests again."""
    plate = {"kind": "galvanostatic", "direction": "plate", "cutoff_cell_voltage": "4 V"}
    pause = {"kind": "rest", "duration": "1 s"}
    strip = STRIP | {"cutoff_cell_voltage": "2.5 V"}
    result = full_cell(plate, strip, pause, interphase={"rate": "4 nm^2/s"})
    assert result.stop_kind == "finished" and [half["end"] for half in result.half_cycles] == ["voltage"] * 2
    log, cycle = result.curves, result.cycles[0]
    assert cycle["left_loss"] == pytest.approx(0.0, abs=0.01)
    assert cycle["interphase_loss"] == pytest.approx(0.15, abs=0.03)
    strips = log["current_density"] < 0
    assert log["voltage"][strips][-1] < -1.2 and 2.2 < log["cell_voltage"][strips][-1] <= 2.5
    assert log["cell_voltage"][-1] == pytest.approx(3.785, abs=0.01)


def without_cathode(voltage_limit: str, *protocol: dict[str, Any]) -> solver.Result:
    cell = {name: table for name, table in CELL.items() if name != "cathode"} | {"collector": {"room": "0.8 um"}}
    drive = CELL["drive"] | {"voltage_limit": voltage_limit}
    return solver.run(case_from_dict(cell | {"protocol": list(protocol), "drive": drive}))


def test_a_film_stripped_to_a_cutoff_is_plated_again() -> None:
    """To 0.2 V, where hardly any contact is left; with the limit of the run as low as that plating ends it at once."""

    def ends(limit: str) -> tuple[str, list[Any]]:
        plate = {"kind": "galvanostatic", "direction": "plate", "capacity": "0.01 mAh/cm^2"}
        result = without_cathode(limit, plate, STRIP | {"cutoff_voltage": "0.2 V"}, plate)
        stripping = result.half_cycles[1]
        assert stripping["end"] == "voltage"
        assert -0.21 < float(stripping["end_voltage"] or 0.0) <= -0.2  # -0.25 V without shorter steps
        return result.stop_kind, [half["end"] for half in result.half_cycles]

    assert ends("0.5 V") == ("finished", ["capacity", "voltage", "capacity"])
    assert ends("0.2 V") == ("voltage limit", ["capacity", "voltage", "voltage limit"])


def test_a_film_stripped_until_nothing_touches_ends_its_segment_and_rests() -> None:
    """Just below the limit, which is held in the place of the current where no contact takes that any more."""
    plate = {"kind": "galvanostatic", "direction": "plate", "capacity": "0.01 mAh/cm^2"}
    pause = {"kind": "rest", "duration": "2 s"}
    result = without_cathode("0.5 V", plate, STRIP | {"cutoff_voltage": "0.49 V"}, pause)
    assert result.stop_kind == "finished" and result.half_cycles[1]["end"] == "voltage"
    assert -0.505 < result.curves["voltage"].min() < -0.49, "in the shortest step to a cutoff, 1 ms, it falls by 8 mV"
    held = result.curves["current_density"][result.curves["voltage"] == -0.5]
    assert np.all((held <= 1e-9) & (held > -0.2 * 10.0)), "of 10 A/m^2, which the cell can not pass any more"
    stripping = result.curves["current_density"] < 0
    touches = result.curves["contact_fraction"][stripping][-1] > touching.RANGE[0]
    rest = 0.0 if touches else -0.5
    assert result.curves["voltage"][-1] == pytest.approx(rest, abs=1e-3), "its own where Li touches at first, else old"
    limited = without_cathode("0.5 V", plate, STRIP | {"duration": "1 min"}, pause)
    assert limited.stop_kind == "voltage limit"
