"""Charge transfer at the Li/electrolyte contact (Butler-Volmer with a mechanical and a vacancy term).

    j    = i0 { exp(alpha_c F eta/RT) - exp(-alpha_a F eta/RT) q },    q = clip(20 c/h, 0, 1),   j > 0 plates
    eta  = phi - j R_film - E - (Omega/F)(s_n - p)
    E    = (Omega/F) A (c - h(xi))

    phi      potential of the electrolyte against the metal, V        i0      exchange current density, A/m^2
    s_n      normal compression at the contact, Pa                    R_film  areal resistance of a film, ohm m^2
    E        equilibrium potential of the metal with its vacancies, V (Nernst with mu = A (c - h))
    alpha    transfer coefficients, alpha_a + alpha_c = 1             q       no Li left, no stripping

The clip is narrow on purpose: a plain factor c/h in the anodic branch would shift the equilibrium by millivolts.
The current of one area element depends on phi alone while the fields are held, so the charge equation
needs j and dj/dphi; with a film j is the root of a monotone scalar equation, found by Newton's method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.grid import Array
from solver.physics.constants import FARADAY, GAS_CONSTANT

DEPLETION = 20.0  # stripping fades out where less than 1/20 of the sites' Li is left
LARGEST_EXPONENT = 60.0  # beyond this the exponential goes on linearly; far outside any voltage limit
FILM_SWEEPS = 50
FILM_TOLERANCE = 1e-13


@dataclass(frozen=True)
class KineticsParameters:
    """transfer_coefficient: anodic (1); temperature K; molar_volume m^3/mol; film_resistance ohm m^2."""

    transfer_coefficient: float
    temperature: float
    molar_volume: float
    film_resistance: float = 0.0

    @property
    def inverse_thermal_voltage(self) -> float:
        """F/RT, 1/V."""
        return FARADAY / (GAS_CONSTANT * self.temperature)

    @property
    def volts_per_pascal(self) -> float:
        """Omega/F, V/Pa, which is also the volume of Li per charge, m^3/C."""
        return self.molar_volume / FARADAY


def equilibrium_potential(
    p: KineticsParameters, stiffness: float, occupancy: Array, h: Array, excess_compression: Array | float
) -> Array:
    """E + (Omega/F)(s_n - p), V. stiffness A in Pa, excess_compression s_n - p in Pa."""
    return p.volts_per_pascal * (stiffness * (occupancy - h) + excess_compression)


def anodic_availability(occupancy: Array, h: Array) -> Array:
    """q = clip(20 c/h, 0, 1); 0 where there is no metal at all."""
    return np.clip(DEPLETION * occupancy / np.maximum(h, 1e-12), 0.0, 1.0)


def _soft_exp(x: Array) -> tuple[Array, Array]:
    """exp(x) and its derivative, continued linearly beyond LARGEST_EXPONENT."""
    bounded = np.minimum(x, LARGEST_EXPONENT)
    slope = np.exp(bounded)
    return slope * (1 + (x - bounded)), slope


def transfer_current(
    p: KineticsParameters, potential: Array, rest: Array, exchange: Array, availability: Array
) -> tuple[Array, Array]:
    """j (A/m^2) and dj/dphi (S/m^2) at the given potential; rest is `equilibrium_potential`, exchange i0."""
    current, slope = _butler_volmer(p, potential - rest, exchange, availability)
    if p.film_resistance == 0.0:
        return current, slope
    return _behind_film(p, potential - rest, exchange, availability)


def _butler_volmer(
    p: KineticsParameters, eta: Array, exchange: Array, availability: Array
) -> tuple[Array, Array]:
    f = p.inverse_thermal_voltage
    anodic = p.transfer_coefficient
    plate, plate_slope = _soft_exp((1 - anodic) * f * eta)
    strip, strip_slope = _soft_exp(-anodic * f * eta)
    current = exchange * (plate - availability * strip)
    slope = exchange * f * ((1 - anodic) * plate_slope + anodic * availability * strip_slope)
    return current, slope


def _behind_film(
    p: KineticsParameters, drive: Array, exchange: Array, availability: Array
) -> tuple[Array, Array]:
    """Solve eta + R j(eta) = drive; j is monotone, so eta is unique and lies between 0-current and drive."""
    eta = np.zeros_like(drive)
    resistance = p.film_resistance
    for _ in range(FILM_SWEEPS):
        current, slope = _butler_volmer(p, eta, exchange, availability)
        change = (drive - eta - resistance * current) / (1 + resistance * slope)
        eta = eta + change
        if np.max(np.abs(change), initial=0.0) < FILM_TOLERANCE:
            break
    current, slope = _butler_volmer(p, eta, exchange, availability)
    return current, slope / (1 + resistance * slope)
