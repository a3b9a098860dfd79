"""Tolerances that rounding cannot reach are met as well as it allows; what was reached is reported."""

from __future__ import annotations

import numpy as np
import pytest
from petsc4py import PETSc

import solver
from solver.case.io import case_from_dict
from solver.laws.kinetics import KineticsParameters, transfer_current
from solver.numerics.grid import Grid
from solver.numerics.linear import LinearSolver
from solver.numerics.operators import Stencil, apply_stencil, conductance
from tests.parallel.runs import Table, merged, small_case

SMALLEST = 1e-15  # that a case file may ask for
ONE_D = {
    "schema_version": 1,
    "domain": {"dimension": 1, "lithium_thickness": "4 um"},
    "grid": {"fine_depth": "2 um"},
    "interface": {"width": "200 nm"},
    "electrolyte": [{"thickness": "3 um"}],
    "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
    "output": {"interval": "1000 s"},
}
REST = {"protocol": [{"kind": "rest", "duration": "1 s"}]}
PLATE = {"protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "1 s"}]}
CASES = {
    "1-D rest": merged(ONE_D, REST),
    "1-D plate": merged(ONE_D, PLATE),
    "behind a film": merged(ONE_D, REST | {"interface": {"contact_resistance": "20 ohm*cm^2"}}),
    "double layer": merged(ONE_D, REST | {"interface": {"double_layer_capacitance": "20 uF/cm^2"}}),
    "slow kinetics": merged(ONE_D, REST | {"interface": {"exchange_current_density": "1e-6 mA/cm^2"}}),
    "2-D rest": small_case(2, REST),
}
TIGHT = {
    "newton_tolerance": {"solver": {"newton_tolerance": SMALLEST}},
    "tolerance": {"solver": {"tolerance": SMALLEST}},
    "mechanics": {"mechanics": {"tolerance": SMALLEST}},
}
ALL = merged(merged(TIGHT["newton_tolerance"], TIGHT["tolerance"]), TIGHT["mechanics"])


def largest_charge_error(table: Table) -> float:
    """Of a run that comes to its end without a rejected step; relative to the unit of charge error."""
    result = solver.run(case_from_dict(table))
    assert result.stop_reason == "protocol finished"
    return float(result.curves["charge_error"].max())


@pytest.mark.parametrize("tight", TIGHT)
def test_a_rest_is_solved_at_the_smallest_tolerance_of_each_solver(tight):
    """At rest the current is the difference of two exchange currents, 1e6 times the unit of charge error."""
    assert largest_charge_error(merged(CASES["1-D rest"], TIGHT[tight])) < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_solved_at_the_smallest_tolerances(name):
    """The error that is reported is that of rounding, larger where the exchange current is small."""
    assert largest_charge_error(merged(CASES[name], ALL)) < (1e-6 if name == "slow kinetics" else 1e-10)


def test_a_linear_system_is_solved_as_well_as_rounding_allows():
    """A residual of 1e-15 of the right-hand side b cannot be reached where |A| |x| is so much larger than b."""
    s = np.linspace(0.0, 1.0, 33)
    grid = Grid([s, s], [True])
    stencil = Stencil(grid)
    for axis in range(2):
        stencil.add_conductance(axis, conductance(grid, axis, np.ones(())))
    stencil.diagonal[...] += 1e-3 * grid.volume
    rhs = np.random.default_rng(0).normal(size=grid.local_shape)
    options = PETSc.Options()
    options["rounded_ksp_gmres_restart"] = 3  # the residual is computed at every restart, in between it is estimated
    krylov = LinearSolver(grid, "rounded", "gmres", SMALLEST, max_iterations=100)
    options.delValue("rounded_ksp_gmres_restart")
    found, outcome = krylov.solve(stencil, rhs)
    assert outcome.converged and outcome.reason == "converged atol", outcome
    assert SMALLEST < np.linalg.norm(rhs - apply_stencil(stencil, found)) / np.linalg.norm(rhs) < 1e-10


def test_small_overpotentials_give_their_current():
    """j = i0 F eta/RT at 1e-12 V to 1e-10, where the exponentials are 1 but for 1e-11."""
    p = KineticsParameters(transfer_coefficient=0.5, temperature=298.15, molar_volume=1.3e-5)
    eta, one = np.array([-1e-12, 1e-12]), np.ones(2)
    current, slope = transfer_current(p, eta, 0 * one, 10 * one, one)
    np.testing.assert_allclose(current, 10 * p.inverse_thermal_voltage * eta, rtol=1e-10)
    np.testing.assert_allclose(slope, 10 * p.inverse_thermal_voltage, rtol=1e-10)
