"""Power-law (Norton) creep in series with elasticity, and how much of a cell carries load.

    e_eq = A (sigma_eq/s_0)^n,  A = A_0 exp(-Q/RT)          sigma_eq von Mises stress, e_eq = sqrt(2/3 e':e') its rate

A 1/s at the stress s_0 (1 MPa times the strengthening of micron-scale Li), n exponent. Source: LePage et al., J.
Electrochem. Soc. 166 (2019) A89. In series with the shear modulus G (Maxwell), over a backward-Euler step dt:

    e + tau_old/(2 G dt) = [ 1/(2 G dt) + 3/2 A (sigma_eq/s_0)^n / sigma_eq ] tau

With R_e = sqrt(2/3) |e + tau_old/(2 G dt)| that is a scalar equation for sigma_eq,

    sigma_eq/(3 G dt) + A (sigma_eq/s_0)^n = R_e,      tau = 2 eta (e + tau_old/(2 G dt)),   eta = sigma_eq/(3 R_e)

convex and increasing: Newton's method from above converges for any n >= 1.

**Metal with voids.** A cell of which the share f is void gives way under the pressure P as a hollow sphere of that
porosity does (exact for the sphere: Wilkinson and Ashby, Acta Metall. 23 (1975) 1277), and no faster than a viscosity
zeta lets it:

    rate = P/(zeta + P/rate_c),    rate_c = (3/2) A f [ 3 P / (2 n s_0 (1 - f^(1/n))) ]^n
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.constants import GAS_CONSTANT
from solver.numerics.array import Array, smooth_step

LOCAL_TOLERANCE = 1e-12  # relative, of sigma_eq
LOCAL_ITERATIONS = 50
SLOWEST = 1e-30  # 1/s, stands for a rate of zero
EMPTIEST = 1 - 1e-9  # share of void at which creep offers no resistance any more


@dataclass(frozen=True, kw_only=True)
class CreepLaw:
    """prefactor A 1/s at the temperature, exponent n, strength s_0 Pa."""

    prefactor: float
    exponent: float
    strength: float

    def rate(self, stress: Array | float) -> Array:
        """e_eq of a von Mises stress in Pa, 1/s."""
        return self.prefactor * (np.asarray(stress, dtype=float) / self.strength) ** self.exponent

    def viscosity(
        self, total_rate: Array, stiffness: Array, creeping_share: Array | float = 1.0
    ) -> tuple[Array, Array]:
        """eta in Pa s and d(sigma_eq)/dR_e in Pa s of the rate R_e (1/s).

        stiffness: G dt, Pa s. creeping_share: factor on A, for a solid that creeps in a part of it. NaN where the
        local equation has no solution (rates not finite): an exception on one rank would leave the others waiting.
        """
        rate = np.maximum(total_rate, SLOWEST)
        a, n = self.prefactor * np.maximum(creeping_share, SLOWEST), self.exponent
        elastic = 1 / (3 * stiffness)
        stress = np.minimum(rate / elastic, self.strength * (rate / a) ** (1 / n))
        for _ in range(LOCAL_ITERATIONS):
            creep = a * (stress / self.strength) ** n
            slope = elastic + n * creep / stress
            change = (elastic * stress + creep - rate) / slope
            stress = stress - change
            unsolved = ~(np.abs(change) <= LOCAL_TOLERANCE * stress)
            if not np.any(unsolved):
                break
        stress, slope = np.where(unsolved, np.nan, stress), np.where(unsolved, np.nan, slope)
        return stress / (3 * rate), 1 / slope

    def compaction(
        self, pressure: Array, void_share: Array, void_viscosity: float, creeping_share: Array | float = 1.0
    ) -> tuple[Array, Array]:
        """Rate in 1/s at which metal with voids loses volume under a pressure (Pa), and its derivative in 1/(s Pa).

        void_share f, void_viscosity zeta (Pa s) of the empty cell; creeping_share as above.
        """
        n, void = self.exponent, np.minimum(void_share, EMPTIEST)
        wall = 2 / 3 * n * self.strength * -np.expm1(np.log(np.maximum(void, SLOWEST)) / n)
        stress = np.abs(pressure) / wall
        fluidity = 1.5 * self.prefactor * creeping_share * void * stress ** (n - 1) / wall  # rate_c/P
        softer = 1 / (1 + void_viscosity * fluidity)
        return pressure * fluidity * softer, fluidity * softer * (1 + (n - 1) * softer)


def creep_prefactor(*, prefactor: float, activation_energy: float, temperature: float) -> float:
    """A = A_0 exp(-Q/RT), 1/s."""
    return float(prefactor * np.exp(-activation_energy / (GAS_CONSTANT * temperature)))


# xi from which on a cell carries load, and from which on it carries all of it: with this range the effective
# surface of a creeping or elastic body is at xi = 1/2 (tests/verification: void closure and Lame's hole)
SOLID_RANGE = (0.3, 0.7)


def solid_fraction(lithium: Array) -> Array:
    """How much of a cell's metal carries load: a smooth step of xi."""
    return smooth_step(lithium, *SOLID_RANGE)
