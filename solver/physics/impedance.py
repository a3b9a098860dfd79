"""Impedance: the answer of the voltage to a small harmonic current, about a state that is held.

The current density through the top is j + Re(exp(i w t)), the potential phi + Re(u exp(i w t)). What moves slowly (xi,
c, bodies, stress, nuclei, the charge of a seed but for its own answer) is held, and the charge balance is linear in u,

    div( s psi (1 - b beta zeta) grad u ) = |grad psi| Y u + Y_f u,        top: current density 1

    Y = h (t/f) (1 - b beta zeta) dj/dphi + i w C_dl + those of what else is at the contact            S/m^2
    Z = mean of u at the top face + R_series                                                       ohm m^2

    w    angular frequency, 1/s                      Y   admittance of the contact per area
    dj/dphi  as in the charge balance: charge transfer, film, permeance and interphase in series     Y_f   of filaments

Y of a part of the physics is what the part says (`part.Part.admittance`):

    bare contact with nuclei     b (S i'(phi) + i w C)                                physics/nucleation.py
    seed                         b/[ 1/i'(eta) + b/(i w q |dx/dE|) ]                  physics/seed.py
    filaments                    (F/Omega)^2 psi b beta L_f h'(zeta)^2 per volume     physics/filament.py

All are passive and capacitive: Re Y >= 0, Im Y >= 0. The system is complex symmetric with the real right-hand side b,
and Z = b.u per area, so that with the residual r of an approximate u

    Z = (b + r).u + O(r^2).

At w = 0 it is the slope of the voltage against the current; from there Re Z falls with w, since all terms are of
resistances and capacitors. Where nothing crosses the contact and nothing charges it there is no impedance.
"""

from __future__ import annotations

import numpy as np

from solver.numerics.array import Array
from solver.numerics.harmonic import HarmonicSolver
from solver.numerics.linear import Outcome
from solver.numerics.operators import Stencil
from solver.physics.charge import ChargeBalance, TopControl

UNIT = TopControl(current_density=1.0, voltage=None)


class HarmonicBalance:
    """Solver of u on the conductivity that a charge balance has; goes on from the last solution."""

    def __init__(self, equation: ChargeBalance, tolerance: float):
        self.equation = equation
        self.solver = HarmonicSolver(equation.part, "impedance", tolerance)
        self._real = Stencil(equation.part)
        self._last: Array | None = None

    def impedance(self, admittance: Array) -> tuple[complex, Outcome]:
        """Z without R_series, ohm m^2; admittance: of the cells, complex, S (collective)."""
        grid, equation = self.equation.part, self.equation
        admittance = grid.of(admittance)
        if grid.max(np.abs(admittance)) == 0.0:
            return complex("nan"), Outcome(False, "no current crosses the contact and nothing charges it", 0, 0.0)
        self._real.values[...] = equation.bulk.values
        self._real.diagonal[...] += admittance.real
        inflow = np.zeros(grid.local_shape)
        if grid.is_top:
            inflow[..., -1:] = equation.inflow(inflow, UNIT)
        u, left, outcome = self.solver.solve(self._real, admittance.imag, inflow, self._last)
        self._last = u
        # b.u, with what lies between the centres of the top cells and their faces; r.u
        resistance = equation.voltage(u.real, grid.lateral_area, UNIT)
        imaginary, *off = grid.sums(inflow * u.imag, (left * u).real, (left * u).imag)
        return resistance + (1j * imaginary + complex(*off)) / grid.lateral_area, outcome
