"""A trial part: a tracer that the metal sets free and that spreads in the whole box.

    d_t s = div( D grad s ) + k m (1 - s)

    s   tracer, 1 at most      D   diffusivity, m^2/s      k   rate, 1/s      m   weight of the metal side

No flux through the sides, backward Euler. What is in the box grows by what the metal sets free, to rounding. This is
all that such a part needs: beside this file one line in `model.build.FOLLOWERS` and one in `case.schema.Case`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import numpy as np

from solver.case.schema import Case
from solver.case.types import Diffusivity, Problem, Section, key
from solver.domain.contact import Contact
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper
from solver.numerics.linear import LinearSolver
from solver.numerics.operators import Stencil, conductance, full_faces
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.part import Balance, Column, Part, PartResult, StateField, Supply
from solver.physics.step import Step
from solver.units import Number


class TracerOptions(Section):
    """The section of the case."""

    diffusivity: Diffusivity = key("1e-14 m^2/s", "diffusivity of the tracer")
    rate: Annotated[float, Number(ge=0)] = key(0.05, "rate at which the metal sets it free, 1/s")

    def problems(self, case: Case) -> Iterator[Problem]:
        if self.rate * case.time.max_step > 10.0:
            yield Problem("tracer.rate", "far too fast for the steps", "at most 10 / time.max_step")


class Tracer(Part):
    """The tracer of a case."""

    name = "tracer"
    fields = (StateField("tracer", predicted=True, tolerance=0.02),)
    outputs = (FieldInfo("tracer", "s", "1", "a tracer"),)
    columns = (Column("tracer_mean", "1", "mean over the box"),)
    balances = (Balance("tracer", "tracer_stored", "tracer_freed"),)
    supplies = (Supply("tracer", "tracer_freed"),)

    def __init__(self, grid: Grid, diffusivity: float, rate: float):
        self.grid, self.rate = grid, rate
        self.solver = LinearSolver(grid, "tracer", "cg", 1e-12)
        self._spreading = Stencil(grid)
        for axis in range(grid.dim):
            coefficient = full_faces(grid, axis, np.full((1,) * grid.dim, diffusivity))
            self._spreading.add_conductance(axis, conductance(grid, axis, coefficient))

    @property
    def keepers(self) -> Mapping[str, Keeper]:
        return {"tracer": self.solver}

    def start(self, contact: Contact) -> dict[str, Array]:
        return {"tracer": np.zeros(self.grid.local_shape)}

    def stored(self, fields: Fields, contact: Contact) -> dict[str, float]:
        return {"tracer_stored": self.grid.integral(fields["tracer"]) / self.grid.lateral_area}

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        grid, old, volume = self.grid, state["tracer"].copy(), self.grid.volume
        system, freeing = Stencil(grid), self.rate * contact.metal * volume
        system.values[...] = self._spreading.values
        system.diagonal[...] += volume / step.dt + freeing
        found, outcome = self.solver.solve(system, old * volume / step.dt + freeing)
        freed = grid.sum(freeing * (1 - found)) * step.dt / grid.lateral_area
        mean = grid.integral(found) / grid.sum(np.broadcast_to(volume, grid.local_shape))
        return PartResult({"tracer": found}, {"tracer_mean": mean, "tracer_freed": freed}, outcome)

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        return {"tracer": state["tracer"].copy()}


def make_tracer(case: Case, grid: Grid) -> Tracer | None:
    """The tracer of a case, None where it has no such section."""
    options: TracerOptions | None = getattr(case, "tracer", None)
    return None if options is None else Tracer(grid, options.diffusivity, options.rate)
