"""Free energy of the metal side: double well, interpolation, material constants of the model.

    F = int m [ W g(xi) + (kg/2) |grad xi|^2 + f(h(xi) - c) ] + |grad psi| dg h(xi)  dV

    g(s) = s^2 (1 - s)^2,   h(s) = s^2 (3 - 2 s)
    W = 3 gamma / lambda    kg = 6 gamma lambda    dg = -gamma cos(angle)
    f'(theta) = A theta/(1 + b theta)  for 0 < theta < theta_c,   a theta  elsewhere
    a = gamma/(lambda theta_c),   A = max(R T/Omega, a),   b = A lambda/gamma - 1/theta_c

    xi      Li order parameter, 1 Li, 0 void                      c       site occupancy
    theta   deficit h - c: vacancies beyond those of xi           f'      minus the chemical potential of Li, Pa
    m       weight of the metal side (1 - psi)                    psi     electrolyte indicator
    gamma   Li/void surface energy, J/m^2                         lambda  interface width, m
    theta_c vacancy fraction at which full Li becomes unstable    angle   contact angle of Li on the electrolyte

The equilibrium profile of a flat surface is xi = (1 - tanh(x / 2 lambda)) / 2 with energy exactly gamma
(W g = (kg/2) xi'^2; int 2 W g dx = gamma). The natural boundary condition kg dn xi = -dg h'(xi) gives Young's
angle cos(angle) = -dg/gamma. Full Li, xi = 1 - e, obeys d_t e = -L e (2 W - 6 f'(1 - c)) (linearised), which is
unstable where f' exceeds W/3 = gamma/lambda.

**Vacancies.** Few of them are an ideal dilute solution, f' = (R T/Omega) theta, so that beside a surface of curvature K
they have the fraction of Gibbs and Thomson, Omega gamma K/(R T), at any lambda. Carried on, that line would reach
gamma/lambda at a theta below the threshold theta_c at which voids are to open; so f' bends and reaches gamma/lambda at
theta_c, from where on it is proportional to theta: how fast voids open follows from theta/theta_c at any lambda. f
is convex. Where lambda < Omega gamma/(R T theta_c), 26 nm for Li, f' is a line through (theta_c, gamma/lambda). More
Li than sites, theta < 0, is there where planes are made, at a finite rate: with A in place of a, plating at 1 mA/cm2
would cost 0.5 mV more at lambda = 200 nm. Beside a convex surface theta < 0 too, and f' is -gamma K with any slope.

All functions are pure and act on arrays of any shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.numerics.array import Array

SMALL = 1e-4  # b theta below which f is expanded: an error of 1e-8, while the closed form would lose digits


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


@dataclass(frozen=True, kw_only=True)
class EnergyParameters:
    """Constants of the free energy. surface_energy J/m^2, width m, angle rad, critical_vacancy_fraction 1.

    dilute_stiffness: R T/Omega, Pa. collector_angle: contact angle on a current collector, rad.

    The angle may be an array of cells: films and seeds along the contact differ in it.
    """

    surface_energy: float
    width: float
    contact_angle: float | Array
    critical_vacancy_fraction: float
    dilute_stiffness: float
    collector_angle: float = np.pi / 2

    @property
    def barrier(self) -> float:
        """W, J/m^3."""
        return 3 * self.surface_energy / self.width

    @property
    def gradient(self) -> float:
        """kg, J/m."""
        return 6 * self.surface_energy * self.width

    @property
    def critical_force(self) -> float:
        """gamma/lambda, Pa: f' at which full Li becomes unstable."""
        return self.surface_energy / self.width

    @property
    def stiffness(self) -> float:
        """a, Pa: f'/theta but between 0 and theta_c."""
        return self.critical_force / self.critical_vacancy_fraction

    @property
    def ideal_stiffness(self) -> float:
        """A, Pa: f'' of few vacancies."""
        return max(self.dilute_stiffness, self.stiffness)

    def _bent(self, deficit: Array) -> Array:
        """b theta where f' bends, between 0 and theta_c; constant beyond."""
        bend = self.ideal_stiffness / self.critical_force - 1 / self.critical_vacancy_fraction
        return bend * np.clip(deficit, 0.0, self.critical_vacancy_fraction)

    def vacancy_energy(self, deficit: Array) -> Array:
        """f(theta), J/m^3."""
        inside, bent = np.clip(deficit, 0.0, self.critical_vacancy_fraction), self._bent(deficit)
        # (A/b^2) (x - ln(1 + x)) of x = b theta, A theta^2/2 where x is small
        shape = np.where(bent > SMALL, 2 * (bent - np.log1p(bent)) / np.maximum(bent, SMALL) ** 2, 1 - 2 * bent / 3)
        return 0.5 * (self.ideal_stiffness * inside**2 * shape + self.stiffness * (deficit**2 - inside**2))

    def vacancy_force(self, deficit: Array) -> Array:
        """f'(theta), Pa."""
        return deficit * np.where(deficit > 0, self.ideal_stiffness, self.stiffness) / (1 + self._bent(deficit))

    def vacancy_force_slope(self, deficit: Array) -> Array:
        """f''(theta), Pa."""
        dilute = (deficit > 0) & (deficit < self.critical_vacancy_fraction)
        return np.where(dilute, self.ideal_stiffness / (1 + self._bent(deficit)) ** 2, self.stiffness)

    @property
    def wetting(self) -> float | Array:
        """dg = energy(Li/electrolyte) - energy(void/electrolyte) = -gamma cos(angle), J/m^2."""
        return -self.surface_energy * np.cos(self.contact_angle)

    def wall_energy(self, walls: Sequence[Array]) -> Array:
        """sum of a dg, J/m^3, of the areas per volume of electrolyte and collector, 1/m."""
        energies = self.wetting, -self.surface_energy * np.cos(self.collector_angle)
        return np.asarray(sum(area * dg for area, dg in zip(walls, energies, strict=False)))
