"""Backward Euler and Newton's method for Allen-Cahn equations with a weight (`lithium`, `filament`).

    w (s - s_old)/dt + A s + L(s) = Q              per volume, for the order parameter s

w weight of the domain (m or b); A gradient energy and drift, linear; L(s) local part, 1/s; Q source, 1/s. Rows are
divided by w: else s would be left inaccurate where there is little of the domain.

Converged when the mean of the absolute residuals times dt, an error of s, is below the tolerance, or below what
rounding leaves of their terms, where that is more:

    eps mean( (w + a dt) |s| + w |s_old| + (|dL/ds| |s| + |L| + |Q|) dt )/w,    a diagonal of A
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.linear import EPSILON, Forcing, LinearSolver, Outcome
from solver.numerics.operators import Stencil, apply_stencil

RESPONSE_TOLERANCE = 1e-2  # a derivative for Newton's method
SURE = 1e-8  # error of s above which rounding is no matter
HALVINGS = 3  # of a Newton step at most
LARGEST_CHANGE = 0.2  # of s in one Newton step: beyond the wells the energy is steep and Newton would overshoot

Local = Callable[[Array], tuple[Array, Array]]  # s -> (L(s), dL/ds), per volume, 1/s


@dataclass(frozen=True)
class PhaseFieldResult:
    """values: new order parameter. outcome: of the Newton iteration. newton: its number of linear solves."""

    values: Array
    outcome: Outcome
    newton: int


class PhaseFieldSolver:
    """Solver of one order parameter; keeps its matrix and preconditioner. name prefixes PETSc options.

    newton_tolerance: of the mean absolute error of s that the residual stands for.
    """

    def __init__(
        self, grid: Grid, name: str, *, linear_tolerance: float, newton_tolerance: float, max_newton: int
    ):
        self.grid = grid
        self.newton_tolerance = newton_tolerance
        self.max_newton = max_newton
        self.solver = LinearSolver(grid, name, "gmres", linear_tolerance)
        self.forcing = Forcing()

    def advance(
        self,
        old: Array,
        weight: Array,
        linear: Stencil,
        local: Local,
        *,
        dt: float,
        source: Array | float,
        guess: Array,
        least: int = 0,
    ) -> PhaseFieldResult:
        """Advance s by dt (collective).

        linear: A integrated over the cells, divided by w in place; guess: start of the iteration; least: number of
        linear solves at least.
        """
        inertia, volume = self.grid.volume / dt, self.grid.volume / weight
        linear.values[...] /= weight
        scale = self.grid.sum(inertia)

        def left(s: Array) -> tuple[Array, Array, Array, float]:
            """L, its derivative and the rows' residuals; the mean error of s that these stand for (collective)."""
            rate, slope = local(s)
            residual = inertia * (s - old) + (rate - source) * volume + apply_stencil(linear, s)
            return rate, slope, residual, self.grid.sum(np.abs(residual)) / scale

        s, krylov = guess.copy(), 0
        rate, slope, residual, norm = left(s)
        for newton in range(self.max_newton + 1):
            met = norm <= self.newton_tolerance
            if not met and norm <= SURE:
                sizes = (inertia + linear.diagonal) * np.abs(s) + inertia * np.abs(old)
                sizes += (np.abs(slope * s) + np.abs(rate) + np.abs(source)) * volume
                met = norm <= EPSILON * self.grid.sum(sizes) / scale
            if met and newton >= least:
                return PhaseFieldResult(s, Outcome(True, "newton converged", krylov, norm), newton)
            if newton == self.max_newton or not np.isfinite(norm):
                break
            rtol = self.forcing.rtol(newton, norm, self.newton_tolerance)
            change, outcome = self.solver.solve(linear, -residual, rtol, inertia + slope * volume)
            krylov += outcome.iterations
            if not outcome.converged:
                return PhaseFieldResult(s, Outcome(False, outcome.reason, krylov, norm), newton)

            # a part of it where the whole leaves more than there was: wells and the force of vacancies have bends
            change, before = np.clip(change, -LARGEST_CHANGE, LARGEST_CHANGE), norm
            for _ in range(HALVINGS + 1):
                rate, slope, residual, norm = left(s + change)
                if norm <= max(before, SURE):
                    break
                change = 0.5 * change
            s = s + change
        return PhaseFieldResult(s, Outcome(False, "newton did not converge", krylov, norm), newton)

    def response(
        self, values: Array, weight: Array, linear: Stencil, local: Local, dt: float, source: Array
    ) -> tuple[Array, Outcome]:
        """Change of s at the end of a step, `values`, per change of a source of this shape, 1/s (collective)."""
        volume = self.grid.volume / weight
        linear.values[...] /= weight
        return self.solver.solve(
            linear, source * volume, RESPONSE_TOLERANCE, self.grid.volume / dt + local(values)[1] * volume
        )
