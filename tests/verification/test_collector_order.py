"""Order in dt of a cell that starts without Li: a film on a rough collector is plated; what the grid does to it.

Differences between successive steps or grids, as in `test_coupling_order`. On any grid a film lifts the collector by
what is plated, so what is left of the error in space is small and of no order: the first gap is the smallest one over
the cells. The errors in space of an island that is squeezed are those of `test_squeeze`.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from solver.case.schema import Case
from tests.verification.order import assert_order
from tests.verification.setups import curves, finish, make_case, prepare

STEPS = (0.25, 0.125, 0.0625)  # s
CELLS = (1.5, 3.0, 6.0)  # per lambda
WIDTH = 200.0  # nm, lambda

Setting = tuple[float, float, float]  # dt s, cells per lambda, MPa
TIMES: list[Setting] = [(dt, 2.0, 20.0) for dt in (*STEPS, STEPS[-1] / 2)]
GRIDS: list[Setting] = [(0.5, cells, 5.0) for cells in (*CELLS, 2 * CELLS[-1])]


def rough_case(dt: float, cells: float, pressure: float) -> Case:
    """A film of 200 nm on 40 nm of roughness; 15, 20, 30, 60, 120 cells across."""
    return make_case(
        {
            "domain": {"width": "2 um"},
            "interface": {"width": f"{WIDTH} nm"},
            "grid": {"spacing": f"{WIDTH / cells} nm", "fine_depth": "3 um"},
            "collector": {"room": "2 um", "roughness": {"amplitude": "40 nm", "correlation_length": "0.8 um"}},
            "electrolyte": [{"thickness": "1.6 um"}],
            "lithium": {"film": "200 nm"},
            "mechanics": {"void_viscosity": "1e6 Pa*s", "tolerance": 1e-8},
            "solver": {"tolerance": 1e-12, "newton_tolerance": 1e-11, "max_newton": 30},
            "time": {"fixed_step": f"{dt} s"},
            "drive": {"stack_pressure": f"{pressure} MPa", "current_density": "1 mA/cm^2"},
            "output": {"interval": "1000 s"},
        },
        [{"kind": "galvanostatic", "direction": "plate", "duration": "2 s"}],
    )


@cache
def last_row(setting: Setting) -> dict[str, float]:
    simulation, _ = prepare(rough_case(*setting))
    assert finish(simulation) == "protocol finished"
    return {name: float(values[-1]) for name, values in curves(simulation).items() if name != "segment"}


def differences(column: str, settings: list[Setting]) -> list[float]:
    return [abs(last_row(b)[column] - last_row(a)[column]) for a, b in pairwise(settings)]


@pytest.mark.parametrize("column", ["platen_displacement", "drift_velocity", "contact_pressure", "voltage"])
def test_it_is_of_first_order_in_time(column: str) -> None:
    assert_order(STEPS, differences(column, TIMES), 1.0, 0.2)


@pytest.mark.parametrize(
    ("column", "coarse", "fine"),
    [
        ("platen_displacement", 2e-3, 3e-4),
        ("drift_velocity", 4e-3, 3e-4),
        ("contact_pressure", 4e-3, 3e-4),
        ("voltage", 1e-5, 1e-5),
    ],
)
def test_the_grid_hardly_matters(column: str, coarse: float, fine: float) -> None:
    """From 1.5 to 3 cells per lambda, and from there on, relative to the value."""
    first, *others = np.array(differences(column, GRIDS)) / abs(last_row(GRIDS[-1])[column])
    assert first < coarse
    assert max(others) < fine
