"""Order in time of the coupled step, in 1-D: a layer of vacancies fills, and the voltage follows those at the contact.

The whole is of first order, that of backward Euler. The order in which fields are solved adds nothing to it: the charge
equation, which comes first, foresees the fields at the end of the step to second order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise

import pytest

from solver.case.schema import Case
from solver.loop.simulation import Simulation
from solver.model.coupling import Coupling
from solver.numerics.array import Array
from solver.physics.step import Step
from tests.verification.order import assert_order
from tests.verification.setups import curves, finish, prepare
from tests.verification.test_vacancies import CURRENT, PRESSURE, layer_case

STEPS, FINE = (4.0, 2.0, 1.0), (0.5, 0.25, 0.125)  # s; the layer fills in 74 s
DURATION = 40.0  # s


def case_of(dt: float) -> Case:
    return layer_case(fixed_step=f"{dt} s", duration=DURATION)


@cache
def filled(dt: float) -> tuple[Simulation, Coupling]:
    """The layer after DURATION."""
    simulation, model = prepare(case_of(dt))
    assert finish(simulation) == "protocol finished"
    return simulation, model


def foreseen(dt: float, history: bool) -> float:
    """Voltage of a step from there, less that of the fields which it finds; history: whether it knows the last step."""
    simulation, model = filled(dt)
    start = {name: simulation.state[name].copy() for name in simulation.state}
    voltage(simulation, model, dt, None)  # the last step
    of_step = voltage(simulation, model, dt, start if history else None)
    of_fields = voltage(simulation, model, 1e-6, None)
    for name, values in start.items():
        simulation.state[name] = values
    return abs(of_step - of_fields)


def voltage(simulation: Simulation, model: Coupling, dt: float, previous: Mapping[str, Array] | None) -> float:
    """Of a step, which is taken."""
    step = Step(
        number=0, dt=dt, stack_pressure=PRESSURE, current_density=-CURRENT, dt_previous=dt, previous=previous
    )
    result = model.step(simulation.state, step)
    assert not result.failed
    for name, values in result.fields.items():
        simulation.state[name] = values
    return result.measured["voltage"]


def test_the_charge_equation_foresees_the_fields_to_second_order() -> None:
    assert_order(STEPS, [foreseen(dt, history=True) for dt in STEPS], 2.0, 0.15)


def test_without_the_step_before_it_sees_those_of_the_start() -> None:
    """The failing twin: then the voltage lags by the step."""
    assert_order(STEPS, [foreseen(dt, history=False) for dt in STEPS], 1.0)


@pytest.mark.parametrize("column", ["voltage", "drift_velocity"])
def test_the_coupled_step_is_of_first_order(column: str) -> None:
    """Differences between successive steps, which halve with them."""
    ends = [curves(filled(dt)[0])[column][-1] for dt in (*FINE, FINE[-1] / 2)]
    assert_order(FINE, [abs(b - a) for a, b in pairwise(ends)], 1.0)
