"""Free energy of the metal side: double well, interpolation, material constants of the model.

    F = int m [ W g(xi) + (kg/2) |grad xi|^2 + (A/2) (c - h(xi))^2 ] + |grad psi| dg h(xi)  dV

    g(s) = s^2 (1 - s)^2,   h(s) = s^2 (3 - 2 s)
    W = 3 gamma / lambda    kg = 6 gamma lambda    A = gamma / (lambda theta_c)    dg = -gamma cos(angle)

    xi      Li order parameter, 1 Li, 0 void                      c       site occupancy
    m       weight of the metal side (1 - psi)                    psi     electrolyte indicator
    gamma   Li/void surface energy, J/m^2                         lambda  interface width, m
    theta_c vacancy fraction at which full Li becomes unstable    angle   contact angle of Li on the electrolyte

The equilibrium profile of a flat surface is xi = (1 - tanh(x / 2 lambda)) / 2 with energy exactly gamma
(W g = (kg/2) xi'^2; int 2 W g dx = gamma). The natural boundary condition kg dn xi = -dg h'(xi) gives Young's
angle cos(angle) = -dg/gamma. Full Li, xi = 1 - e, obeys d_t e = -L e (2 W - 6 A (1 - c)) (linearised), which is
unstable for 1 - c > W / (3 A) = theta_c.

All functions are pure, and all but `total` act on arrays of any shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.numerics.array import Array


def well(s: Array) -> Array:
    """g(s) = s^2 (1 - s)^2."""
    return (s * (1 - s)) ** 2


def well_slope(s: Array) -> Array:
    """g'(s) = 2 s (1 - s) (1 - 2 s)."""
    return 2 * s * (1 - s) * (1 - 2 * s)


def well_curvature(s: Array) -> Array:
    """g''(s) = 2 (1 - 6 s + 6 s^2)."""
    return 2 - 12 * s * (1 - s)


def step(s: Array) -> Array:
    """h(s) = s^2 (3 - 2 s)."""
    return s * s * (3 - 2 * s)


def step_slope(s: Array) -> Array:
    """h'(s) = 6 s (1 - s)."""
    return 6 * s * (1 - s)


def step_curvature(s: Array) -> Array:
    """h''(s) = 6 (1 - 2 s)."""
    return 6 - 12 * s


def smooth_step(s: Array, low: float, high: float) -> Array:
    """h of the way of s from low, where it is 0, to high, where it is 1; constant beyond."""
    return step(np.clip((s - low) / (high - low), 0.0, 1.0))


@dataclass(frozen=True, kw_only=True)
class EnergyParameters:
    """Constants of the free energy. surface_energy J/m^2, width m, angle rad, critical_vacancy_fraction 1.

    The angle may be an array of cells: films and seeds along the contact differ in it.
    """

    surface_energy: float
    width: float
    contact_angle: float | Array
    critical_vacancy_fraction: float

    @property
    def barrier(self) -> float:
        """W, J/m^3."""
        return 3 * self.surface_energy / self.width

    @property
    def gradient(self) -> float:
        """kg, J/m."""
        return 6 * self.surface_energy * self.width

    @property
    def stiffness(self) -> float:
        """A, J/m^3: energy of vacancies, set by the threshold theta_c."""
        return self.surface_energy / (self.width * self.critical_vacancy_fraction)

    @property
    def wetting(self) -> float | Array:
        """dg = energy(Li/electrolyte) - energy(void/electrolyte) = -gamma cos(angle), J/m^2."""
        return -self.surface_energy * np.cos(self.contact_angle)
