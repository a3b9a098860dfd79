"""The pressure at which Li enters a defect, the opening that it makes, and how fast its front moves.

The formulas and their symbols are those of `physics.filament`.
"""

from __future__ import annotations

import numpy as np

from solver.constants import FARADAY, GAS_CONSTANT
from solver.numerics.array import Array

EDGE_CRACK = 1.12**2 * np.pi  # (K/p)^2 per depth of an edge crack under the pressure p


def infiltration_pressure(
    *,
    separation_energy: Array,
    interfacial_energy: Array,
    opening: Array,
    flaw_depth: Array,
    plane_modulus: Array,
) -> Array:
    """Pi of intact defects, Pa. Energies J/m^2; opening m; flaw_depth m, > 0 where it sets the opening; E' Pa."""
    energy = separation_energy + 2 * interfacial_energy
    depth = np.where(flaw_depth > 0, flaw_depth, 1.0)
    elastic = np.sqrt(np.maximum(energy, 0.0) * plane_modulus / (EDGE_CRACK * depth))
    return np.where(flaw_depth > 0, elastic, energy / opening)


def elastic_opening(*, pressure: Array, flaw_depth: Array, plane_modulus: Array) -> Array:
    """w of a flaw that the pressure (Pa) opens, m."""
    return EDGE_CRACK * pressure * flaw_depth / plane_modulus


def opened_pressure(*, surface_energy: float, contact_angle: Array | float, opening: Array) -> Array:
    """Pi of opened defects, Pa. surface_energy J/m^2, contact_angle rad, opening m."""
    return -2 * surface_energy * np.cos(contact_angle) / opening


def mobility(
    *,
    aspect_factor: float,
    molar_volume: float,
    exchange_current_density: float,
    width: float,
    temperature: float,
) -> float:
    """L, 1/(Pa s); molar_volume m^3/mol, exchange_current_density A/m^2, width lambda m, temperature K."""
    volts_per_pascal = molar_volume / FARADAY
    thermal = GAS_CONSTANT * temperature / FARADAY
    return aspect_factor * volts_per_pascal**2 * exchange_current_density / (6 * width * thermal)
