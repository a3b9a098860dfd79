"""Every length, time and pressure of a case may be scaled: the same voltages come out, and fields in the new units.

With lengths times a, times b and pressures times c, at the same voltages and temperature, everything else follows from
its unit: charges because charge per volume times voltage is a pressure, Omega because Omega times a pressure is an
energy per mole. So all values of a case are scaled by their units. What is left are constants of the solver that have a
unit; four keys make up for them (KEYS). Two are not seen here: the resistivity of Li, which counts in a short circuit,
and PLATEN_LIMIT of `force_balance`, which counts where c b/a is large (at 1e3 the voltage changes by 2e-10). Other
absolute numbers (NEGLIGIBLE, SLOWEST, NEVER, LARGEST_CHANGE) leave no trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from solver.case.schema import Case
from solver.numerics.array import Array
from tests.verification.setups import curves, finish, make_case, prepare

Powers = tuple[float, float, float]  # of a, b, c
UNITS: Mapping[str, Powers] = {
    "m": (1, 0, 0),
    "s": (0, 1, 0),
    "Pa": (0, 0, 1),
    "m/s": (1, -1, 0),
    "m^2/s": (2, -1, 0),
    "1/s": (0, -1, 0),
    "1/(s*Pa)": (0, -1, -1),
    "Pa/m": (-1, 0, 1),
    "Pa*s": (0, 1, 1),
    "J/m^2": (1, 0, 1),
    "m^3/mol": (0, 0, -1),
    "A/m^2": (1, -1, 1),
    "C/m^2": (1, 0, 1),
    "S/m": (2, -1, 1),
    "F/m^2": (1, 0, 1),
    "ohm*m^2": (-1, 1, -1),
}
SAME = {"", "1", "V", "K", "rad", "J/mol", "kg/m^3"}  # densities count as their ratio
KEYS: Mapping[str, Powers] = {  # what these keys have beyond their units
    "mobility_factor": (1, -1, 0),  # L = factor v_ref/(6 gamma), v_ref = 1.35 nm/s
    "size_effect_strengthening": (0, 0, 1),  # in MPa
    "surface_diffusivity": (1, 0, 0),  # of an atomic layer of 0.3 nm
    "noise_amplitude": (1.5, 0, 0.5),  # root of an energy over kT
}
FIELDS = {  # units of the state, by the first word of a name
    "velocity": "m/s",
    "displacement": "m",
    "elastic": "Pa",
    "pressure": "Pa",
    "solid": "Pa",
    "normal": "Pa",
    "growth": "1/s",
    "feed": "1/s",
}
ERRORS = ("charge_error", "force_error", "lithium_error")  # what the solvers leave
TOLERANCE = 1e-9  # of the range


@dataclass(frozen=True)
class Scaling:
    """Factors on lengths, times and pressures; forgotten: a unit or key that is left as it is."""

    length: float
    time: float
    pressure: float
    forgotten: str = ""

    def of(self, name: str, powers: Mapping[str, Powers]) -> float:
        """Factor on what has this unit or key."""
        a, b, c = (0.0, 0.0, 0.0) if name == self.forgotten else powers.get(name, (0.0, 0.0, 0.0))
        return float(self.length**a * self.time**b * self.pressure**c)

    def scaled(self, value: Any, key: str = "") -> Any:
        """A resolved case or a part of it."""
        if isinstance(value, dict):
            return {name: self.scaled(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [self.scaled(part, key) for part in value]
        if isinstance(value, str):
            number, _, unit = value.partition(" ")
            assert unit in UNITS or unit in SAME, f"{key}: no power of the factors is known for {value}"
            factor = self.of(unit, UNITS) * self.of(key, KEYS)
            return f"{float(number) * factor!r} {unit}" if unit in UNITS else value
        return value * self.of(key, KEYS) if key in KEYS else value


ONE = Scaling(1.0, 1.0, 1.0)
LITTLE, MUCH = Scaling(2.3, 0.31, 1.7), Scaling(7.0, 1 / 30, 20.0)


def stripped(capacity: str, duration: str) -> Case:
    """Voids grow under all that a case may have, to a capacity, then Li is plated for a time; adaptive steps."""
    film = {"material": "W", "thickness": "30 nm", "mouth_depth": "0.5 um", "permeance": "1e-7 m/s"}
    flaw = {"position": "0.5 um", "depth": "0.8 um", "opening": "10 nm", "separation_energy": "1.2 J/m^2"}
    current = {"kind": "galvanostatic", "current_density": "5 mA/cm^2"}
    return make_case(
        {
            "domain": {"width": "1.6 um", "lithium_thickness": "2 um"},
            "electrolyte": [{"thickness": "2 um", "residual_stress": "20 MPa"}],
            "interface": {
                "width": "200 nm",
                "double_layer_capacitance": "1 F/m^2",
                "contact_resistance": "1 ohm*cm^2",
                "film": film,
                "roughness": {"amplitude": "20 nm", "correlation_length": "0.6 um"},
                "heterogeneity": {"kind": "random", "correlation_length": "0.6 um"},
            },
            "grid": {"fine_depth": "0.8 um", "growth": 1.4, "max_spacing": "0.4 um"},
            "lithium": {
                "surface_diffusivity": "1e-12 m^2/s",
                "noise_amplitude": 1.0,
                "voids": [{"centre": ["1.1 um", "-0.3 um"], "radius": "0.4 um"}],
            },
            "defects": [{"kind": "flaws", "spacing": "1.6 um", **flaw}],
            "drive": {"stack_pressure": "3 MPa", "series_resistance": "2 ohm*cm^2", "voltage_limit": "10 V"},
            "mechanics": {
                "tolerance": 1e-11,
                "linear_solver": "direct",
                "fixture_stiffness": "1 GPa/um",
                "buffer": {"thickness": "1 um", "youngs_modulus": "1 GPa"},
            },
            "solver": {"tolerance": 1e-13},
            "time": {"max_step": "0.5 s", "tolerance": 2.0},
        },
        [
            {**current, "direction": "strip", "capacity": capacity},
            {**current, "direction": "plate", "duration": duration},
        ],
    )


WHOLE, SHORT = ("4 uAh/cm^2", "0.5 s"), ("0.1 uAh/cm^2", "0.01 s")


@cache
def run(scaling: Scaling, protocol: tuple[str, str] = WHOLE) -> dict[str, Array]:
    """Columns of the log and fields at the end of the scaled case, scaled back."""
    simulation, model = prepare(Case.model_validate(scaling.scaled(stripped(*protocol).resolved())))
    assert finish(simulation) == "protocol finished"
    units = {"time": "s", "dt": "s", "capacity": "C/m^2"} | {c.name: c.unit for c in model.columns if c.unit}
    back = replace(scaling, forgotten="")
    columns = {name: curves(simulation)[name] / back.of(unit, UNITS) for name, unit in units.items()}
    fields = {
        name: simulation.state[name] / back.of(FIELDS.get(name.split("_")[0], ""), UNITS) for name in simulation.state
    }
    return {name: values for name, values in columns.items() if name not in ERRORS} | fields


def differences(scaling: Scaling, protocol: tuple[str, str] = WHOLE) -> dict[str, float]:
    """From the case as it is, over the range of each quantity (over its size where it is constant)."""
    found, expected = run(scaling, protocol), run(ONE, protocol)
    if len(found["time"]) != len(expected["time"]):
        return {"time": np.inf}
    return {
        name: float(np.max(np.abs(found[name] - values)) / (np.ptp(values) or np.max(np.abs(values)) or 1.0))
        for name, values in expected.items()
    }


@pytest.mark.parametrize(
    "scaling",
    [pytest.param(LITTLE, id="by little"), pytest.param(MUCH, id="by much", marks=pytest.mark.long)],
)
def test_lengths_times_and_pressures_can_be_scaled(scaling: Scaling) -> None:
    found = differences(scaling)
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.parametrize("forgotten", [*UNITS, *KEYS])
def test_one_unit_or_key_that_is_not_scaled_is_seen(forgotten: str) -> None:
    """The failing twin: each of them counts in this case, in its first steps already."""
    found = differences(replace(LITTLE, forgotten=forgotten), SHORT)
    assert max(found.values()) > 100 * TOLERANCE, found


def test_without_anything_forgotten_the_short_case_can_be_scaled_too() -> None:
    """Else the twins above would show nothing."""
    found = differences(LITTLE, SHORT)
    assert max(found.values()) < TOLERANCE, found


def test_the_case_has_what_it_is_for() -> None:
    """The void grows, the flaw loses Li and the fixture gives way."""
    columns = run(ONE)
    assert columns["contact_fraction"][-1] < columns["contact_fraction"][0] - 0.02
    assert columns["filament_volume"][-1] < 0.97 * columns["filament_volume"][0]
    assert np.ptp(columns["platen_pressure"]) > 1e4
