"""Geometry and currents are data of a step.

Nothing of the contact is held where it could grow old, and every current is paid for by the atoms that it brings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver.case.io import case_from_dict
from solver.domain import contact as geometry
from solver.domain.contact import Contact, make_contact
from solver.domain.places import Fixed
from solver.loop.build import make_simulation
from solver.loop.simulation import Simulation
from solver.model.build import make_coupling, make_grid, make_state
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import Fields, State
from solver.physics.part import Part, Reaction
from solver.physics.step import Step
from tests.verification.setups import FieldRecorder, curves, finish

WIDTH = 200e-9  # m
TABLE: dict[str, Any] = {
    "schema_version": 1,
    "domain": {"width": "1.6 um", "lithium_thickness": "1.2 um"},
    "interface": {"width": "200 nm", "heterogeneity": {"kind": "random"}},
    "electrolyte": [{"thickness": "2.4 um"}],
    "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "2 s"}],
    "time": {"fixed_step": "0.5 s"},
    "solver": {"tolerance": 1e-10},
}
FLAW = {"defects": [{"kind": "flaws", "spacing": "1.6 um", "depth": "0.8 um"}], "filament": {"largest_drive": "30 MPa"}}


def surface(grid: Grid, height: float) -> Contact:
    """A flat contact at z = height, m."""

    def at(*lateral: Array) -> tuple[Array, list[Array]]:
        return np.full((), height), [np.zeros(()) for _ in lateral]

    return make_contact(grid, WIDTH, at)


@pytest.mark.parametrize("more", [{}, FLAW], ids=["without defects", "with defects"])
def test_a_model_that_was_made_with_another_contact_steps_as_one_that_was_not(
    more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_from_dict(TABLE | more)
    grid = make_grid(case)
    right = make_coupling(case, grid)
    monkeypatch.setattr(geometry, "make_contact", lambda *_: surface(grid, 1.5e-7))
    moved, left = make_coupling(case, grid), make_coupling(case, grid)
    moved.places = right.places
    found = {}
    for name, model in (("right", right), ("moved", moved), ("left", left)):
        state = make_state(right)
        for number in range(2):
            result = model.step(state, Step(number=number, dt=0.5, stack_pressure=3e6, current_density=10.0))
            assert not result.failed
            for field, values in result.fields.items():
                state[field] = values
        found[name] = {field: state[field].copy() for field in state}, result.measured
    for field, expected in found["right"][0].items():
        scale = np.abs(expected).max() + 1e-300
        assert np.abs(found["moved"][0][field] - expected).max() < 1e-7 * scale, field
    assert found["moved"][1]["voltage"] == pytest.approx(found["right"][1]["voltage"], rel=1e-6)
    assert abs(found["left"][1]["voltage"] / found["right"][1]["voltage"] - 1) > 1e-3


# -- a body that moves -------------------------------------------------------------------------------------


class Moving:
    """A contact that rises at 4 nm/s. late: as if the metal had been there already."""

    def __init__(self, grid: Grid, late: bool = False):
        self.grid, self.late = grid, late

    def _at(self, time: float) -> Contact:
        return surface(self.grid, 4e-9 * time)

    def start(self) -> Contact:
        return self._at(0.0)

    def now(self, state: State) -> Contact:
        return self._at(state.time + 0.5 * self.late)

    def after(self, state: State, dt: float, motion: Fields | None = None) -> Contact:
        return self._at(state.time + dt)


def simulated(**more: Any) -> Simulation:
    case = case_from_dict(TABLE | more)
    grid = make_grid(case)
    return make_simulation(case, grid, FieldRecorder(grid.comm))


@pytest.mark.parametrize("late", [False, True])
def test_the_lithium_of_a_body_that_moves_is_accounted_for(late: bool) -> None:
    """What was there at the old place counts; taken at the new one, Li appears from nowhere."""
    simulation = simulated()
    model: Any = simulation.model
    model.places = Moving(simulation.grid)
    simulation.begin()
    model.places = Moving(simulation.grid, late)
    finish(simulation)
    error = curves(simulation)["lithium_error"].max()
    assert error > 0.1 if late else error < 1e-8


# -- more than one current ---------------------------------------------------------------------------------


class Side(Part):
    """A second current across the contact, j = g phi."""

    name = "side"

    def __init__(self, conductance: float, atoms: float):
        self.conductance, self.atoms = conductance, atoms

    def reactions(self, state: State, contact: Contact, step: Step) -> list[Reaction]:
        def law(phi: Array) -> tuple[Array, Array]:
            return self.conductance * phi, np.full_like(phi, self.conductance)

        return [Reaction(law, 0.5, self.atoms)]


@pytest.mark.parametrize("atoms", [0.0, 0.25, 1.0])
def test_every_current_is_paid_for_by_the_atoms_that_it_brings(atoms: float) -> None:
    simulation = simulated()
    model: Any = simulation.model
    model.followers = (Side(2000.0, atoms), Side(1000.0, atoms))
    simulation.begin()
    start = simulation.progress.stored_start["inventory"]
    finish(simulation)
    p, volume = simulation.progress, model.charge.kinetics.volts_per_pascal
    assert curves(simulation)["lithium_error"].max() < 1e-8
    assert curves(simulation)["charge_error"].max() < 1e-8
    gained = (p.measured["inventory"] - start - p.sums["bottom_inflow"]) / (volume * p.charge)
    aside = p.sums["unpaid_charge"] / p.charge
    assert gained == pytest.approx(1 - aside, rel=1e-7)
    assert (aside > 0.1) == (atoms < 1.0)
    if atoms == 0.25:
        assert isinstance(model.places, Fixed)


def test_atoms_that_nobody_pays_for_are_found() -> None:
    """The failing twin: a current that says it brings atoms, and does not say which part of its charge did not."""
    simulation = simulated()
    model: Any = simulation.model
    model.followers = (Side(2000.0, 0.0),)
    plain = model.charge.measure
    model.charge.measure = lambda *args: plain(*args) | {"unpaid_charge": 0.0}
    simulation.begin()
    finish(simulation)
    assert curves(simulation)["lithium_error"].max() > 0.05
