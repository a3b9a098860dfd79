"""What is shown is what is meant: units of fields, columns of the console, curves of pictures, the estimate of memory.

The expected values are written down here a second time, so that a slip in one place is seen.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from postprocess import plots
from postprocess.reader import Run
from solver.case.cost import BYTES_PER_CELL
from solver.model.catalogue import FIELDS
from solver.output.log import table_header, table_line
from tests import synthetic
from tests.mpi import environment

UNITS = {
    "1": "lithium occupancy electrolyte metal void filament defect dead_lithium collector nucleated_share "
    "seed_composition barrier_share",
    "1/m^2": "nucleus_density",
    "V": "potential seed_potential",
    "Pa": "infiltration_pressure pressure stress von_mises_stress largest_principal_stress contact_pressure",
    "A/m^2": "local_current_density exchange_current_density",
    "m/s": "velocity",
    "m": "displacement opening gap lithium_thickness nucleated_lithium interphase_thickness "
    "barrier_lithium host_height",
}


def test_units_of_fields():
    assert {name: info.unit for name, info in FIELDS.items()} == {
        name: unit for unit, names in UNITS.items() for name in names.split()
    }


def test_columns_of_the_console():
    """Each from its own quantity: all have different values."""
    row = {
        "step": 1,
        "time": 120.0,
        "dt": 3.0,
        "current_density": 40.0,
        "voltage": 5e-3,
        "contact_fraction": 0.6,
        "touching_fraction": 0.5,
        "void_volume": 7e-6,
        "local_current_max_ratio": 8.0,
        "newton": 9,
        "krylov": 10,
        "charge_error": 1e-11,
        "lithium_error": 1e-12,
    }
    shown = dict(zip(table_header().split(), map(float, table_line(row).split()), strict=True))
    assert shown == {
        "step": 1,
        "t/min": 2,
        "dt/s": 3,
        "j/mA/cm2": 4,
        "V/mV": 5,
        "contact": 0.6,
        "void/um": 7,
        "hot": 8,
        "newton": 9,
        "krylov": 10,
        "charge": 1e-11,
        "lithium": 1e-12,
    }


CURVES = {
    "voltage / mV": ("voltage", 1e3),
    "current density / (mA/cm$^2$)": ("current_density", 0.1),
    "contact fraction": ("contact_fraction", 1.0),
    "void volume per area / µm": ("void_volume", 1e6),
    "penetration depth / µm": ("penetration_depth", 1e6),
    "filament volume per area / µm": ("filament_volume", 1e6),
}


def test_curves_of_the_picture(tmp_path, monkeypatch):
    """Each label with its own column of the log, in its own unit."""
    directory = synthetic.filament_run(tmp_path)
    drawn = []
    monkeypatch.setattr(plots, "write_picture", lambda figure, path: drawn.append(figure) or path)
    plots.plot_run(directory)
    run = Run(directory)
    axes = {ax.get_ylabel(): ax for ax in drawn[0].axes if ax.get_ylabel() in CURVES}
    assert axes.keys() == CURVES.keys()
    for label, (name, factor) in CURVES.items():
        values = axes[label].get_lines()[0].get_ydata()
        np.testing.assert_allclose(values, run.curves[name] * factor, err_msg=label)
    columns = [run.curves[name] for name, _ in CURVES.values()]
    assert len({values.tobytes() for values in columns}) == len(columns), "curves that could be taken for each other"


MEMORY = """
import re
from solver.case.io import case_from_dict
from solver.loop.runner import run
peak = lambda: int(re.search("VmHWM: *([0-9]+)", open("/proc/self/status").read().replace(chr(9), " "))[1]) * 1024
def case(width):
    return case_from_dict({
        "schema_version": 1,
        "domain": {"dimension": 2, "width": f"{width} um", "lithium_thickness": "4 um"},
        "interface": {"width": "200 nm"},
        "electrolyte": [{"thickness": "4 um"}],
        "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "strip", "duration": "0.2 s"}],
    })
run(case(1))
before = peak()
run(case(60))
print((peak() - before) / (600 * 80))
"""


def test_memory_of_a_cell_is_as_it_is_told():
    """Of a run in 2-D, within a factor of three: what counts is whether a case fits."""
    done = subprocess.run([sys.executable, "-c", MEMORY], env=environment(), capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(BYTES_PER_CELL[2], rel=2.0)
    assert float(done.stdout) > BYTES_PER_CELL[2] / 3
