"""Cells that start without lithium over defects of the electrolyte: filaments from plated Li, ramps of current."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import solver
from solver.case.io import case_from_dict

FLAW = {"kind": "flaws", "spacing": "3 um", "depth": "0.8 um", "separation_energy": "1.5 J/m^2"}
GRAINS = {"kind": "grain_boundaries", "grain_size": "1.5 um", "flaw_depth": "0.8 um", "separation_energy": "1.5 J/m^2"}
FILM, ISLAND = {"film": "100 nm"}, {"islands": [{"centre": ["1.5 um"], "radius": "0.8 um"}]}
RAMP = {
    "kind": "ccd",
    "start": "1 mA/cm^2",
    "increment": "2 mA/cm^2",
    "max_current_density": "3 mA/cm^2",
    "duration": "5 s",
}


def run(lithium: dict[str, Any], **sections: Any) -> solver.Result:
    """A box of 3 um; the curves are checked for what they balance."""
    data = {
        "schema_version": 1,
        "domain": {"width": "3 um"},
        "electrolyte": [{"thickness": "3 um"}],
        "interface": {"width": "200 nm"},
        "grid": {"growth": 1.2, "max_spacing": "400 nm"},
        "collector": {},
        "lithium": lithium,
        "mechanics": {"void_viscosity": "1e6 Pa*s"},
        "filament": {"short_depth": "2 um", "aspect_factor": 2000},
        "time": {"tolerance": 4.0},
        "drive": {"stack_pressure": "3 MPa", "current_density": "4 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "10 s"}],
    }
    result = solver.run(case_from_dict(data | sections))
    assert result.curves["lithium_error"].max() < 1e-6
    assert result.curves["charge_error"].max() < 1e-8
    return result


def test_a_filament_in_a_grain_boundary_grows_from_an_island() -> None:
    """Part of what filled the boundaries at the start is dead until Li joins it; then it grows to a short circuit."""
    result = run(ISLAND, defects=[GRAINS])
    curves = result.curves
    assert result.stop_kind == "short circuit"
    assert curves["dead_lithium"][0] > 1e-9 and curves["dead_lithium"][-1] == 0.0
    assert curves["filament_volume"][-1] > 2 * curves["filament_volume"][0]
    assert curves["penetration_depth"][-1] >= 2e-6


def test_lithium_in_a_flaw_is_dead_until_an_island_joins_it() -> None:
    """0.2 um beside the island it stays as it is for a minute, until Li has spread there; then it grows through."""
    plate = {"kind": "galvanostatic", "direction": "plate", "duration": "100 s"}
    result = run(ISLAND, defects=[FLAW | {"position": "0.5 um"}], protocol=[plate])
    dead, volume = result.curves["dead_lithium"], result.curves["filament_volume"]
    joined = int(np.argmax(dead == 0.0))
    assert result.stop_kind == "short circuit" and result.curves["time"][joined] > 30
    assert dead[:joined].min() > 1e-9 and not dead[joined:].any()
    assert np.ptp(volume[:joined]) < 0.02 * volume[0] and volume[-1] > 2 * volume[0]


@pytest.mark.parametrize(("position", "reached"), [("1.5 um", True), ("0 um", False)])
def test_a_flaw_is_filled_further_where_plated_lithium_reaches_it(position: str, reached: bool) -> None:
    """Beside the island the Li in the flaw has no electrons, and stays as it is while the island grows."""
    result = run(ISLAND, defects=[FLAW | {"position": position}])
    curves = result.curves
    volume = curves["filament_volume"]
    assert (result.stop_kind == "short circuit") == reached
    assert (volume[-1] > 2 * volume[0]) == reached
    if not reached:
        assert curves["dead_lithium"].min() > 1e-9
        assert np.ptp(volume) < 0.02 * volume[0]
        assert curves["penetration_depth"].max() == 0.0
        assert curves["lithium_thickness"][-1] > curves["lithium_thickness"][0] + 0.9 * 1.347e-11 * 4 * 900


@pytest.mark.parametrize(
    ("energy", "failed"), [("1.5 J/m^2", 30.0), pytest.param("15 J/m^2", None, marks=pytest.mark.long)]
)
def test_a_ramp_from_a_film(energy: str, failed: float | None) -> None:
    """A weak flaw is penetrated in the second cycle of plating and stripping, a strong one in none."""
    result = run(FILM, defects=[FLAW | {"separation_energy": energy}], protocol=[RAMP])
    found = result.results
    assert found["failure_current_density"] == failed
    assert found["critical_current_density"] == (30.0 if failed is None else 10.0)
    assert found["failure_mode"] == ("penetration" if failed else "none up to max_current_density")
