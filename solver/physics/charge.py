"""Charge balance of the single-ion conductor with charge transfer at a diffuse contact.

    div( s psi (1 - b beta zeta) grad phi ) = |grad psi| [ h(xi) (t/f) (1 - b beta zeta) j(phi) + C_dl d_t phi ] + i

    s psi      conductivity weighted with the electrolyte indicator, S/m    phi  electric potential against the metal, V
    b beta zeta  share of a defect that Li fills, i its current: `filament`
    |grad psi| contact area per volume, 1/m                                   j    `kinetics.transfer_current`, A/m^2
    h(xi)      where there is Li at the contact                               C_dl double-layer capacitance, F/m^2
    t/f        whether it touches: `touching`

Integrated over the box: the current through the top equals transfer plus charging. Top: a given current density
(galvanostatic, exact on every face) or a given voltage behind a series resistance (potentiostatic), behind the other
electrode too where it is that of the full cell (`laws/open_circuit.py`, face by face); no flux elsewhere. Voltage =
area mean of phi at the top face + R_series j.

The right-hand side is a list of interface terms, each a function of phi that returns current and derivative per
cell (A, S), so other reactions join by adding one to the list. Newton's method; the linear systems are symmetric
positive definite. Converged when the sum of the cells' absolute residuals is below `newton_tolerance` times the
largest of the applied, the exchanged (within the box) and the reference current, or below what rounding leaves of its
terms, where that is more:

    eps sum( (k + dj/dphi) |phi| + |j| + |inflow| ),     k sum of the conductances of a cell's faces, S

`ChargeOutcome.error` is what was reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from solver.laws.open_circuit import OpenCircuit
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.linear import EPSILON, Forcing, LinearSolver, Outcome
from solver.numerics.operators import Stencil, conductance, net_outflow

InterfaceTerm = Callable[[Array], tuple[Array, Array]]  # phi -> (current A, derivative S), per cell

LARGEST_CHANGE = 0.25  # V in one Newton step: ten thermal voltages
LARGE_CHANGE = 0.05  # V, two of them, by which an exponential is walked down: steps of more do not count,
FREE_STEPS = 100  # so many at most
STALLED = 0.1  # of the last imbalance: what does not fall below it is due to rounding
OVERSHOOT = 0.5  # of the imbalance along a change that may be left, with the opposite sign
SEARCHES = 10  # places along a change that are looked at, at most


@dataclass(frozen=True, kw_only=True)
class TopControl:
    """What is applied at the top: a current density (A/m^2) or a cell voltage (V); one of the two is None.

    open_circuit: of the other electrode if the voltage is that of the full cell at the end of a step of dt (s), at the
    start of which it has given `charge` (C/m^2).
    """

    current_density: float | None
    voltage: float | None
    series_resistance: float = 0.0  # ohm m^2
    open_circuit: OpenCircuit | None = None
    charge: float = 0.0
    dt: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ChargeOutcome:
    """Result of one charge solve; currents in A (integrated), voltage in V, error relative to the reference."""

    outcome: Outcome
    newton: int
    applied: float
    voltage: float
    error: float


class ChargeBalance:
    """Solver of the charge equation; keeps its matrix and preconditioner.

    face_conductivity: s psi on the faces of every axis (full size), S/m. reference_current: A, what
    counts as a unit of charge error when little current flows. part: of the grid, down from its top, where there is
    electrolyte; below it phi is that of its lowest cells.
    """

    def __init__(
        self,
        grid: Grid,
        face_conductivity: Sequence[Array],
        *,
        newton_tolerance: float,
        max_newton: int,
        linear_tolerance: float,
        reference_current: float,
        part: Grid | None = None,
    ):
        self.grid, self.part = grid, part or grid
        self.newton_tolerance = newton_tolerance
        self.max_newton = max_newton
        self.reference_current = reference_current
        self.solver = LinearSolver(self.part, "charge", "cg", linear_tolerance)
        self.forcing = Forcing()
        self.set_conductivity(face_conductivity)

    def set_conductivity(self, face_conductivity: Sequence[Array]) -> None:
        """Take over the effective conductivity on the faces of every axis (full size), S/m."""
        grid = self.part
        self.conductances = [conductance(grid, a, grid.of_faces(a, k)) for a, k in enumerate(face_conductivity)]
        self.bulk = Stencil(grid)
        for axis, k in enumerate(self.conductances):
            self.bulk.add_conductance(axis, k)
        top = face_conductivity[-1][..., -1:]
        # from the top cells' centres to the top face, per area: ohm m^2
        self._top_resistance = 0.5 * grid.spacing[-1][..., -1:] / top
        self._top_area = np.broadcast_to(grid.area[-1], top.shape)

    def _top(self, control: TopControl, phi: Array) -> tuple[Array, Array]:
        """Current into the top cells (A) and its derivative (S)."""
        if control.voltage is None:
            return control.current_density * self._top_area, np.zeros_like(self._top_area)
        resistance, below = self._top_resistance + control.series_resistance, phi[..., -1:]
        if control.open_circuit is not None:
            source = control.open_circuit
            current, slope = source.current(control.voltage, below, resistance, control.charge, control.dt)
            return self._top_area * current, -self._top_area * slope
        series = self._top_area / resistance
        return series * (control.voltage - below), -series

    def _residual(self, phi: Array, terms: Sequence[InterfaceTerm], control: TopControl) -> tuple[Array, Array, Array]:
        """Outflow minus inflow of each cell (A), the diagonal that interface and top add (S), interface current (A).

        Those of the part of the grid that has electrolyte, for a phi of the whole grid.
        """
        grid = self.part
        ghosted = grid.ghosted(grid.of(phi))
        fluxes = []
        for axis in range(grid.dim):
            lower, upper = grid.sides(ghosted, axis)
            fluxes.append(self.conductances[axis] * (lower - upper))
        residual = net_outflow(grid, fluxes)
        diagonal, transfer = np.zeros_like(residual), np.zeros_like(residual)
        for term in terms:
            current, slope = term(phi)
            transfer += grid.of(current)
            diagonal += grid.of(slope)
        residual += transfer
        if grid.is_top:
            inflow, slope = self._top(control, phi)
            residual[..., -1:] -= inflow
            diagonal[..., -1:] -= slope
        return residual, diagonal, transfer

    def inflow(self, phi: Array, control: TopControl) -> Array:
        """Current into the top cells of this rank, A; a number where it has none."""
        return self._top(control, phi)[0] if self.grid.is_top else np.zeros(())

    def solve(
        self, phi: Array, terms: Sequence[InterfaceTerm], control: TopControl, limit: float = np.inf
    ) -> tuple[Array, ChargeOutcome]:
        """Solve for phi from the given start, which is not changed (collective).

        limit: V of the sign of the current; what not even it drives is not looked for.
        """
        phi = self.part.extended(self.part.of(phi)).copy()
        krylov, newton, last, before = 0, 0, self.max_newton, np.inf
        outcome = Outcome(True, "newton converged", 0, 0.0)
        residual, diagonal, transfer = self._residual(phi, terms, control)
        while True:
            applied, exchanged, left, sizes = self.grid.sums(
                self.inflow(phi, control),
                np.abs(transfer),
                np.abs(residual),
                (self.bulk.diagonal + diagonal) * np.abs(self.part.of(phi)) + np.abs(transfer),
            )
            # at rest Li in the metal and in filaments may exchange more than is applied
            unit = max(abs(applied), 0.5 * exchanged, self.reference_current)
            norm = left / unit
            # or what rounding leaves, once Newton's method gets no closer
            rounded = norm <= EPSILON * (sizes + abs(applied)) / unit and (not newton or norm > STALLED * before)
            if norm <= self.newton_tolerance or rounded:
                return phi, self._report(phi, transfer, applied, unit, control, newton, krylov, outcome)
            if newton == last or not np.isfinite(norm):
                break
            before = norm
            rtol = self.forcing.rtol(newton, norm, self.newton_tolerance)
            change, outcome = self.solver.solve(self.bulk, -residual, rtol, diagonal)
            krylov += outcome.iterations
            if not outcome.converged:
                break
            largest = self.grid.max(np.abs(change))
            if largest > LARGE_CHANGE and last == self.max_newton and self._out_of_reach(limit, terms, control):
                break
            change *= min(1.0, LARGEST_CHANGE / max(largest, LARGEST_CHANGE))
            newton += 1
            last = min(last + (largest > LARGE_CHANGE), self.max_newton + FREE_STEPS)
            phi, (residual, diagonal, transfer) = self._advance(phi, change, residual, terms, control)
        reason = "newton did not converge" if outcome.converged else outcome.reason
        failed = Outcome(False, reason, krylov, norm)
        return phi, ChargeOutcome(outcome=failed, newton=newton, applied=applied, voltage=float("nan"), error=norm)

    def _out_of_reach(self, limit: float, terms: Sequence[InterfaceTerm], control: TopControl) -> bool:
        """Whether the current density that is applied takes more than a limit of the voltage (collective).

        Currents across the contact rise with phi: none is larger than with phi at the limit everywhere.
        """
        if control.current_density is None or not np.isfinite(limit):
            return False
        most = self.grid.sum(self._residual(np.full(self.grid.local_shape, limit), terms, control)[2])
        return most * np.sign(limit) < abs(control.current_density) * self.grid.lateral_area

    def _advance(
        self, phi: Array, change: Array, residual: Array, terms: Sequence[InterfaceTerm], control: TopControl
    ) -> tuple[Array, tuple[Array, Array, Array]]:
        """Go along a change of phi, not far beyond where the currents on it balance (collective): phi, what is there.

        The current of a filament saturates. On either side of where it changes its sign it has hardly a slope, and
        Newton's method would jump to and fro, so the zero of int residual change is sought by the regula falsi.
        """
        begin = self.grid.sum(residual * change)
        allowed = OVERSHOOT * abs(begin)
        share, lower, upper, below, above = 1.0, 0.0, 1.0, begin, 0.0
        for _ in range(SEARCHES):
            there = self.part.extended(self.part.of(phi) + share * change)
            found = self._residual(there, terms, control)
            left = self.grid.sum(found[0] * change)
            short = share < 1 and left < -allowed
            if begin >= 0 or not (short or left > allowed):
                break
            # the end of the bracket that stays counts half from then on, so that it has to move as well
            if short:
                lower, below, above = share, left, 0.5 * above
            else:
                upper, above, below = share, left, below if share == 1 else 0.5 * below
            share = (lower * above - upper * below) / (above - below)
        return there, found

    def _report(
        self,
        phi: Array,
        transfer: Array,
        applied: float,
        unit: float,
        control: TopControl,
        newton: int,
        krylov: int,
        last: Outcome,
    ) -> ChargeOutcome:
        # not the sum of the residuals: conduction cancels in it but for rounding, which is large at a high contrast
        error = abs(self.grid.sum(transfer) - applied) / unit
        done = Outcome(True, last.reason, krylov, error)
        return ChargeOutcome(
            outcome=done, newton=newton, applied=applied, voltage=self.voltage(phi, applied, control), error=error
        )

    def voltage(self, phi: Array, applied: float, control: TopControl) -> float:
        """Mean of phi at the top face, V, with what a series resistance adds for `applied`, A (collective)."""
        if control.voltage is not None and control.open_circuit is None:
            return control.voltage
        area = self.grid.lateral_area
        mean = 0.0
        if self.grid.is_top:
            mean = float(np.sum(phi[..., -1:] * self._top_area + self.inflow(phi, control) * self._top_resistance))
        return self.grid.sum(np.asarray(mean)) / area + control.series_resistance * applied / area
