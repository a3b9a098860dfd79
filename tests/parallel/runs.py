"""Small cases for the parallel tests, and what they return: gathered fields and curves.

Some functions here run on every rank of an mpirun and return what rank 0 has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mpi4py import MPI

from solver.case.io import case_from_dict
from solver.case.schema import Case
from solver.loop.build import make_simulation
from solver.loop.interrupts import Interrupts
from solver.model.build import make_grid
from solver.numerics.grid import Grid
from solver.output.log import Console
from solver.output.recorder import MemoryRecorder

CURVES = ("time", "dt", "voltage", "contact_fraction", "void_volume", "local_current_max_ratio", "drift_velocity")
FILAMENT_CURVES = ("penetration_depth", "filament_volume", "dead_lithium")

# relative agreement of fields on any number of ranks; of motion, whose rounding the contrast between metal and void
# (1e5) amplifies
AGREEMENT, MOTION_AGREEMENT = 1e-10, 1e-8
MOTION = ("velocity", "displacement", "elastic", "drift")

Table = dict[str, Any]


def agreement(name: str) -> float:
    """How far a field or curve may differ between numbers of ranks, relative to its range."""
    return MOTION_AGREEMENT if name.split(" ")[-1].startswith(MOTION) else AGREEMENT


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Table:
    """base with the tables of changes merged into it."""
    result = dict(base)
    for name, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = merged(result[name], value) if both else value
    return result


def small_case(dim: int, changes: Mapping[str, Any]) -> Table:
    """Stripping with a void at a heterogeneous contact: 30 x 58 cells in 2-D, 12 x 8 x 31 in 3-D."""
    flat = {
        "schema_version": 1,
        "domain": {"dimension": dim, "width": "3 um", "lithium_thickness": "4 um"},
        "grid": {"fine_depth": "2 um"},
        "interface": {
            "width": "200 nm",
            "heterogeneity": {"kind": "random", "correlation_length": "0.6 um"},
        },
        "lithium": {"voids": [{"centre": ["1 um", "-0.2 um"], "radius": "0.4 um"}]},
        "electrolyte": [{"thickness": "3 um"}],
        "drive": {"stack_pressure": "3 MPa", "current_density": "2 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "strip", "duration": "10 s"}],
        "output": {"interval": "1000 s", "fields": ["lithium"]},
    }
    if dim == 3:
        flat = merged(
            flat,
            {
                "domain": {"width": "2.4 um", "depth": "1.6 um"},
                "interface": {"width": "400 nm"},
                "lithium": {"voids": [{"centre": ["1 um", "0.5 um", "-0.2 um"], "radius": "0.6 um"}]},
            },
        )
    return merged(flat, changes)


def penetrating_case(dim: int, changes: Mapping[str, Any]) -> Table:
    """Plating into grain boundaries, which are filled near the contact: 30 x 50 cells in 2-D, 12 x 8 x 25 in 3-D."""
    flat = merged(
        small_case(dim, {}),
        {
            "domain": {"lithium_thickness": "2 um"},
            "defects": [
                {
                    "kind": "grain_boundaries",
                    "grain_size": "1.5 um",
                    "separation_energy": "1.5 J/m^2",
                    "flaw_depth": "0.8 um" if dim == 2 else "1.6 um",
                }
            ],
            "filament": {"aspect_factor": 300.0},
            "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "8 s"}],
        },
    )
    return merged(flat, changes)


def deposit_case(changes: Mapping[str, Any]) -> Table:
    """Plating of two islands on a rough collector, beneath a rough electrolyte: 30 x 44 cells."""
    flat = {
        "schema_version": 1,
        "domain": {"width": "3 um"},
        "interface": {"width": "200 nm", "roughness": {"amplitude": "10 nm", "correlation_length": "0.8 um"}},
        "collector": {
            "gap": "150 nm",
            "room": "2 um",
            "roughness": {"amplitude": "40 nm", "correlation_length": "0.5 um"},
        },
        "lithium": {"islands": [{"centre": [f"{x} um"], "radius": "0.5 um"} for x in (0.8, 2.2)]},
        "electrolyte": [{"thickness": "2.4 um"}],
        "mechanics": {"void_viscosity": "1e6 Pa*s"},
        "drive": {"stack_pressure": "5 MPa", "current_density": "2 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "4 s"}],
        "output": {"interval": "1000 s", "fields": ["lithium"]},
    }
    return merged(flat, changes)


# A collector that bends over the islands of a deposit, on felt.
FOIL: Table = {
    "collector": {"bending_stiffness": "1e-12 N*m"},
    "mechanics": {"fixture_stiffness": "1 MPa/um", "buffer": {"thickness": "0.1 mm", "youngs_modulus": "10 MPa"}},
}


def nucleating_case(changes: Mapping[str, Any]) -> Table:
    """Li is born on a bare collector, in some places before others, and fills the gap there: 20 x 40 cells."""
    flat = {
        "schema_version": 1,
        "domain": {"width": "1 um"},
        "interface": {"width": "100 nm", "exchange_current_density": "5 mA/cm^2"},
        "collector": {
            "room": "1 um",
            "nucleation": {
                "contact_angle": "9.7 deg",
                "capacitance": "500 F/m^2",
                "spread": 0.1,
                "correlation_length": "0.3 um",
            },
        },
        "electrolyte": [{"thickness": "1 um"}],
        "mechanics": {"void_viscosity": "1e6 Pa*s"},
        "drive": {"stack_pressure": "5 MPa", "current_density": "5 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "5.2 s"}],
        "output": {"interval": "1000 s", "fields": ["lithium"]},
    }
    return merged(flat, changes)


def few_nuclei_case(changes: Mapping[str, Any]) -> Table:
    """Whole numbers of nuclei, about one in a column: 6 x 6 x 29 cells."""
    flat = {
        "domain": {"dimension": 3, "width": "0.3 um"},
        "collector": {"room": "0.7 um", "nucleation": {"numbers": "poisson", "spread": 0.0}},
        "electrolyte": [{"thickness": "0.6 um"}],
        "drive": {"current_density": "0.3 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "12 s"}],
    }
    return merged(nucleating_case(flat), changes)


# All parts that live on the contact: Li goes beneath a film in some places, into Mg with an oxide, then as metal, and
# is born on top in others, which it crosses about as hard; it reacts with the electrolyte. A fixture
# holds against what swells.
ALL_PARTS = {
    "drive": {"voltage_limit": "3 V"},
    "mechanics": {"fixture_stiffness": "50 MPa/um"},
    "interface": {"film": {"material": "W", "thickness": "30 nm", "permeance": "6e-9 m/s"}},
    "interphase": {},
    "collector": {
        "seed": {
            "material": "Mg",
            "thickness": "1 nm",
            "mixed_with": [{"material": "ZnO", "thickness": "0.5 nm"}],
            "diffusivity_in_lithium": "1e-18 m^2/s",
        },
        "nucleation": {"contact_angle": "18 deg", "spread": 0.2},
    },
    "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "6.2 s"}],
}


def all_places_case(changes: Mapping[str, Any]) -> Table:
    """A cycle of ALL_PARTS over two flaws, of which an island joins one to the collector; a third goes back."""
    flaws = {"kind": "flaws", "spacing": "0.5 um", "position": "0.25 um", "depth": "0.4 um"}
    flat = {
        "lithium": {"islands": [{"centre": ["0.25 um"], "radius": "0.12 um"}]},
        "defects": [flaws | {"separation_energy": "0.1 J/m^2"}],
        "filament": {"short_depth": "0.9 um", "aspect_factor": 2000},
        "cathode": {"areal_capacity": "120 C/m^2", "first_cycle_loss": 0.65, "open_circuit_voltage": "3.9 V"},
        "time": {"fixed_step": "60 ms"},
        "protocol": [
            {"kind": "galvanostatic", "direction": "plate"},
            {"kind": "galvanostatic", "direction": "strip", "cutoff_voltage": "0.1 V"},
        ],
    }
    return merged(nucleating_case(merged(ALL_PARTS, flat)), changes)


# Mg with a profile in depth, which is shallow, on a bare collector between stiff plates; some is beneath Li at the end.
LAYERED: Table = {
    "drive": {"voltage_limit": "3 V"},
    "mechanics": {"fixture_stiffness": "50 MPa/um"},
    "collector": {
        "seed": {"material": "Mg", "thickness": "2 nm", "diffusivity": "1e-19 m^2/s", "layers": 5, "one_phase": False},
    },
    "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "5.5 s"}],
}
FIXED = {
    "time": {"fixed_step": "1 s"},
    "solver": {"tolerance": 1e-14, "newton_tolerance": 1e-13, "max_newton": 30},
    "lithium": {"noise_amplitude": 1.0},
    "mechanics": {"tolerance": 1e-12},
}


def gathered(grid: Grid, values: np.ndarray) -> np.ndarray:
    """The global array, on every rank."""
    whole = np.zeros(grid.shape)
    whole[grid.owned] = values
    grid.comm.Allreduce(MPI.IN_PLACE, whole, MPI.SUM)
    return whole


def run_case(case: Case | Mapping[str, Any]) -> Table:
    """Run it in memory: reason, curves, and all fields of the final state (collective)."""
    case = case if isinstance(case, Case) else case_from_dict(case)
    comm = MPI.COMM_WORLD
    grid = make_grid(case, comm)
    with Console(comm, False, "run") as console, Interrupts(comm) as interrupts:
        recorder = MemoryRecorder(comm, console)
        simulation = make_simulation(case, grid, recorder)
        simulation.begin()
        ending, code = simulation.run(interrupts)
    result: Table = {"reason": ending.reason, "code": code, "steps": simulation.progress.step}
    curves = recorder.curves()
    names = CURVES + FILAMENT_CURVES if "filament" in simulation.state else CURVES
    result |= {f"curve {name}": curves[name] for name in names}
    result["lithium_error"] = float(curves["lithium_error"].max())
    result |= {f"field {name}": gathered(grid, simulation.state[name]) for name in simulation.state}
    # a difference of two occupancies over dt: its range is of no account, that of the occupancies is
    result["feed per step"] = result.pop("field feed") * curves["dt"][-1]
    written = simulation.model.output_fields(simulation.state, simulation.progress.measured)
    result["field current_density"] = gathered(grid, written["local_current_density"])
    result["integrals"] = np.array(
        [
            simulation.progress.charge,
            simulation.progress.time,
            simulation.progress.measured["inventory"],
            simulation.progress.measured["void_volume"],
            simulation.progress.measured["contact_fraction"],
            simulation.progress.measured["voltage"],
        ]
    )
    return result


def differences(one: Mapping[str, Any], other: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, float]:
    """Largest difference of each array relative to the range (or size, where that is larger) of its values."""
    found = {}
    for name, values in one.items():
        if name.startswith(prefixes):
            assert other[name].shape == values.shape, name
            scale = max(np.ptp(values), np.abs(values).max())
            found[name] = float(np.abs(other[name] - values).max() / scale) if scale else 0.0
    return found
