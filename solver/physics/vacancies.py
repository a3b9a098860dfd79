"""Annihilation and creation of lattice planes, and the drift of the metal that follows.

Vacancies that reach dislocations and boundaries disappear, and with them lattice planes; on plating planes are made:

    div v = S,   S = -m r(p) (h - c) h        where c < h   (annihilation)
                 S = +m r_plus (c - h) h      where c > h   (creation, fast)

    r(p)   = A_cr (p/s)^n + r_lin p,     r, r_plus <= D / (2 lambda^2)            p = max(pressure, 0) in MPa
    A_cr   = A_0 exp(-Q/RT), Norton creep of Li; s strengthening of micron-scale Li; r_lin diffusional creep

The cap keeps the layer sqrt(D/r) wider than the diffuse contact, else the source would sit in the
electrolyte's half of it.

Semi-implicit source. Over a step dt the deficit theta = h - c decays by r while everything else (stripping,
diffusion) feeds it at a rate q known from the last step; the source used is the one of the implicit estimate

    theta* = (theta + dt q) / (1 + dt r m h),     S* = -m r h theta*,     q <- (theta_new - theta)/dt + m r h theta*

which is stable for any r dt and has the exact steady state S = -m r h theta. The difference between S* and the
source of the new fields is a coupling error that the step control bounds.

Mean drift. As long as no mechanics distributes the flow, the metal is a body that moves along the normal only,
one velocity per lateral plane; the electrolyte stays:

    d v_z/dz = s(z) = <m c S>/<m c>,    v_z = 0 at the top;      < > sum over the plane

The mean is over the metal (not over voids: these are closed by the moving metal, whose speed is set by
the planes that vanish in the metal). What is annihilated at one place of a plane and what the mean supplies there
differ; the flow that evens this out within the plane is represented by an exchange of Li

    Q = -m c (S - s)                            (sums to zero over each plane)

so that a vacancy vanishes where it is, Li is conserved exactly, and dense Li under a uniform current is
treated exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.grid import Array, Grid
from solver.physics.constants import FARADAY, GAS_CONSTANT

MEGAPASCAL = 1e6


@dataclass(frozen=True)
class AnnihilationParameters:
    """creep_prefactor 1/s (at MPa^-n), creep_exponent 1, activation_energy J/mol, size_effect_strengthening 1,
    linear_rate 1/(s MPa), diffusivity m^2/s, width m (lambda), temperature K.
    """

    creep_prefactor: float
    creep_exponent: float
    activation_energy: float
    size_effect_strengthening: float
    linear_rate: float
    diffusivity: float
    width: float
    temperature: float

    @property
    def largest_rate(self) -> float:
        """D / (2 lambda^2), 1/s; also r_plus."""
        return self.diffusivity / (2 * self.width**2)

    def uncapped_rate(self, pressure: Array | float) -> Array:
        """r(p), 1/s, of a pressure in Pa."""
        p = np.maximum(np.asarray(pressure, dtype=float), 0.0) / MEGAPASCAL
        creep = self.creep_prefactor * np.exp(-self.activation_energy / (GAS_CONSTANT * self.temperature))
        return creep * (p / self.size_effect_strengthening) ** self.creep_exponent + self.linear_rate * p

    def rate(self, pressure: Array | float) -> Array:
        """min(r(p), D/(2 lambda^2)), 1/s."""
        return np.minimum(self.uncapped_rate(pressure), self.largest_rate)

    def layer_depth(self, pressure: float) -> float:
        """sqrt(D/r): depth of the vacancy layer below a stripped contact, m."""
        return float(np.sqrt(self.diffusivity / self.rate(pressure)))

    def critical_stripping_current(self, pressure: float, vacancy_fraction: float, molar_volume: float) -> float:
        """j_c = (F/Omega) sqrt(D r) theta_c: stripping current density that opens voids in dense Li, A/m^2."""
        return FARADAY / molar_volume * float(np.sqrt(self.diffusivity * self.rate(pressure))) * vacancy_fraction


def plane_source(
    weight: Array, h: Array, deficit: Array, feed: Array, rate: Array | float, creation: float, dt: float
) -> Array:
    """S* in 1/s: source of lattice volume over a step dt (see the module's text).

    weight m, h(xi), deficit theta = h - c, feed q in 1/s, rate r(p) and creation r_plus in 1/s.
    """
    expected = deficit + dt * feed
    k = np.where(expected > 0, rate, creation) * weight * h
    return -k * expected / (1 + dt * k)


def plane_source_now(weight: Array, h: Array, deficit: Array, rate: Array | float, creation: float) -> Array:
    """S of the given fields, 1/s."""
    return -np.where(deficit > 0, rate, creation) * weight * h * deficit


def mean_drift(grid: Grid, atoms: Array, source: Array) -> tuple[Array, Array, float]:
    """Velocity on the faces along the normal (broadcastable, m/s), exchange Q (1/s) and the bottom's velocity.

    atoms is m c, source S in 1/s. Places without Li (c < 0 in a void) neither move nor take part. Collective.
    """
    atoms = np.maximum(atoms, 0.0)
    supplied, present = grid.row_sums(atoms * source * grid.volume, atoms * grid.volume)
    s = np.where(present > 0, supplied / np.where(present > 0, present, 1.0), 0.0)
    thickness = np.diff(grid.faces[-1])
    above = np.concatenate([np.cumsum((s * thickness)[::-1])[::-1], [0.0]])
    cells = grid.owned[-1]
    velocity = grid.along(grid.dim - 1, -above[cells.start : cells.stop + 1])
    exchange = -atoms * (source - grid.along(grid.dim - 1, s[cells]))
    return velocity, exchange, float(-above[0])
