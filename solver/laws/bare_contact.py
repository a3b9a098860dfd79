"""Pressure between a bare current collector and the electrolyte: unilateral, of two surfaces that are not quite smooth.

    p_c = E (g_on/g - 1)^2   for g < g_on,   0 for g >= g_on           g gap, m;   g_on = RANGE lambda

It pushes and never pulls, and grows without limit as the gap closes. E and g_on are no data of a material: at 1 to 75
MPa the surfaces come to rest at 0.36 to 0.20 lambda, which is the gap that the diffuse walls leave them (the two
indicators of the same width are a partition of unity, and what lies between needs room). Below LEAST lambda, where
only steps of an iteration get, the law goes on as a straight line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.numerics.array import Array, smooth_step

STRENGTH = 80e6  # Pa, E
RANGE = 0.4  # of lambda: g_on
TOUCHING = 0.05  # g_on/g - 1 from which on the surfaces touch everywhere, at 0.2 MPa
LEAST = 0.05  # of lambda


@dataclass(frozen=True)
class BareContact:
    """The law for interfaces of the width lambda, m."""

    width: float

    def pressure(self, gap: Array) -> tuple[Array, Array]:
        """p_c in Pa and -dp_c/dg >= 0 in Pa/m of gaps in m."""
        least, on = LEAST * self.width, RANGE * self.width
        g = np.clip(gap, least, on)
        closed = on / g - 1
        slope = 2 * STRENGTH * closed * on / g**2
        return STRENGTH * closed**2 + slope * np.maximum(least - gap, 0.0), slope

    def touches(self, gap: Array) -> Array:
        """Share of the surfaces that touch at a gap in m, from 0 where p_c is 0 to 1."""
        return smooth_step(RANGE * self.width / np.maximum(gap, LEAST * self.width) - 1, 0.0, TOUCHING)

    def gap_under(self, pressure: float) -> float:
        """Gap (m) at which the law gives the pressure (Pa)."""
        return RANGE * self.width / (1 + np.sqrt(pressure / STRENGTH))
