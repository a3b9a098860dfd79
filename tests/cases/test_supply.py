"""An anode-free cell with a cathode: how much Li comes and goes in each cycle, by hand."""

from __future__ import annotations

from typing import Any

import pytest

import solver
from solver.case.io import case_from_dict

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


def test_three_cycles_of_a_cathode_that_loses_a_part_in_the_first() -> None:
    result = cycled(STRIP, STRIP, STRIP)
    assert result.stop_reason == "protocol finished"
    assert [half["end"] for half in result.half_cycles] == ["cathode empty", "cathode full"] * 3
    assert [cycle["plated"] for cycle in result.cycles] == pytest.approx([PLATED, 0.95 * PLATED, 0.95 * PLATED])
    assert [cycle["coulombic_efficiency"] for cycle in result.cycles] == pytest.approx([0.95, 1.0, 1.0])
    assert [cycle["capacity_retention"] for cycle in result.cycles] == pytest.approx([1.0, 1.0, 1.0])
    log = result.curves
    assert log["cathode_lithium"].min() == pytest.approx(0.0, abs=1e-6 * PLATED)
    assert log["cathode_lithium"][-1] == pytest.approx(0.95 * PLATED)
    assert log["cell_voltage"] == pytest.approx(3.9 + log["voltage"])
    assert (log["cell_voltage"][log["current_density"] > 0] > 3.9).all()
    assert log["lithium_thickness"][-1] == pytest.approx(5e-9 + 0.05 * PLATED * 13.0e-6 / 96485.33, rel=0.01)
