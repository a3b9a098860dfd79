"""The open-circuit voltage of the other electrode, and the current that a held voltage of the full cell drives.

    U(q)                     straight lines between the points q_k, U_k, constant beyond them     V
    E = U(q + j dt) + V      voltage of the full cell at the END of a step that begins at q, j its current density
    V = phi + R j            phi within the cell, R the area resistance from there to its top, ohm m^2

Charge C/m^2, current positive when plating. So U(q + j dt) + R j = E - phi, whose left side grows with j where U does
not fall with q: each phi has one j, also across the points, and within a piece the slope of U is one more series
resistance, U' dt. With U of the start of the step in the place of that at its end E would be off by U' j dt, and steps
longer than R/U' would make the current alternate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.numerics.array import Array


@dataclass(frozen=True)
class OpenCircuit:
    """charges: q_k, growing, C/m^2; voltages: U_k, V, not falling where a voltage is held."""

    charges: tuple[float, ...]
    voltages: tuple[float, ...]

    def at(self, charge: float) -> float:
        """U, V."""
        return float(np.interp(charge, self.charges, self.voltages))

    def current(
        self, voltage: float, phi: Array, resistance: Array, charge: float, dt: float
    ) -> tuple[Array, Array]:
        """j, A/m^2, and -dj/dphi, S/m^2. voltage: E; phi, V, and resistance: by place; charge: q; dt: s.

        Only differences to U(q) meet phi, and a piece is laid through its end that is nearer to q: R may be so small
        that what is rounded in volts is too much as a current.
        """
        u, j = np.array(self.voltages) - self.at(charge), (np.array(self.charges) - charge) / dt  # at the points
        drive = voltage - self.at(charge) - phi
        piece = np.sum(np.expand_dims(drive, -1) > u + np.expand_dims(resistance, -1) * j, axis=-1)
        nearer = np.where(np.abs(j[1:]) < np.abs(j[:-1]), np.arange(1, len(j)), np.arange(len(j) - 1))
        through = np.concatenate([[0], nearer, [len(j) - 1]])[piece]
        slope = np.concatenate([[0.0], np.diff(u) / np.diff(j), [0.0]])[piece]
        conductance = 1 / (resistance + slope)
        return j[through] + (drive - u[through] - resistance * j[through]) * conductance, conductance
