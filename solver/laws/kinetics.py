"""Charge transfer at the Li/electrolyte contact (Butler-Volmer with a mechanical and a vacancy term).

    j    = i0 { exp(alpha_c F eta/RT) - exp(-alpha_a F eta/RT) q },    q = clip(20 c/h, 0, 1),   j > 0 plates
    eta  = phi - j R_c - (RT/F) ln(1 + j/j_P) - E - (Omega/F)(s_n - p)
    E    = -(Omega/F) f'(h(xi) - c)
    j_P  = F P_Li/Omega

    phi      potential of the electrolyte against the metal, V        i0      exchange current density, A/m^2
    s_n      normal compression at the contact, Pa                    R_c     area resistance, ohm m^2
    E        equilibrium potential of the metal with its vacancies, V (Nernst with mu = -f': `free_energy`)
    alpha    transfer coefficients, alpha_a + alpha_c = 1             q       no Li left, no stripping
    P_Li     permeance of a film for Li atoms, m/s                    j_P     largest stripping current through it

**Permeance.** Where the metal lies behind a film that conducts electrons, Li is reduced at the film's outer side and
crosses it as atoms. Their activity is 1 at the metal and a_Li at the outer side, their concentration in the film a_Li
v/Omega with v the volume fraction in equilibrium with the metal (Henry's law). The flux j/F = D v (a_Li - 1)/(Omega d)
gives a_Li = 1 + j/j_P with P_Li = D v/d, where D is their chemical diffusivity in the film and d its thickness;
Nernst's law gives the potential (RT/F) ln a_Li. Stripping draws a_Li to 0 at -j_P, which no potential exceeds. The
exchange current is taken at a_Li = 1, and Li is not plated on the film's outer side. What is plated there, beside the
Li beneath, has none of the film in its law (`KineticsParameters.beside_film`).

**An alloy beneath**, of the potential E_s against Li metal, has the activity a_s = exp(-F E_s/RT) in place of 1:

    a_Li = a_s + j/j_P,     dj/dE_s = (dj/dphi) a_s/a_Li

so that stripping ends at -a_s j_P. Without a film phi + E_s is what drives. The equation that is solved for eta,

    j/j_P = exp{F (phi - E - eta - j R_c - (Omega/F)(s_n - p))/RT} - a_s

has numbers of the order 1 also where E_s is volts.

The clip is narrow on purpose: a plain factor c/h in the anodic branch would shift the equilibrium by millivolts.
The current of one area element depends on phi alone while the fields are held, so the charge equation
needs j and dj/dphi; with a film j is the root of a monotone scalar equation, found by Newton's method within bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from solver.constants import FARADAY, GAS_CONSTANT
from solver.laws.alloy import Law
from solver.numerics.array import Array

DEPLETION = 20.0  # stripping fades out where less than 1/20 of the sites' Li is left
LARGEST_EXPONENT = 60.0  # beyond this the exponential goes on linearly; far outside any voltage limit
FILM_SWEEPS = 100  # half of them bisections, from 100 V to the tolerance
FILM_TOLERANCE = 1e-13  # V
NEWTON_TOLERANCE = 1e-9  # V, of a step of Newton's method, which leaves its square over some RT/F


@dataclass(frozen=True, kw_only=True)
class KineticsParameters:
    """transfer_coefficient: anodic (1); temperature K; molar_volume m^3/mol; area_resistance ohm m^2.

    film_permeance: for Li atoms, m/s; infinite where they cross freely. film_resistance: what of area_resistance is the
    film's. Those of the film may be arrays of cells.
    """

    transfer_coefficient: float
    temperature: float
    molar_volume: float
    area_resistance: float | Array = 0.0
    film_permeance: float | Array = math.inf
    film_resistance: float | Array = 0.0

    def beside_film(self) -> KineticsParameters:
        """Those of Li on the film's outer side."""
        left = self.area_resistance - self.film_resistance
        return replace(self, area_resistance=left, film_permeance=math.inf, film_resistance=0.0)

    def within(self, part: Callable[[Array], Array]) -> KineticsParameters:
        """Those of a part of the cells."""
        values = (part(np.asarray(x)) for x in (self.area_resistance, self.film_permeance, self.film_resistance))
        resistance, permeance, film = values
        return replace(self, area_resistance=resistance, film_permeance=permeance, film_resistance=film)

    @property
    def inverse_thermal_voltage(self) -> float:
        """F/RT, 1/V."""
        return FARADAY / (GAS_CONSTANT * self.temperature)

    @property
    def volts_per_pascal(self) -> float:
        """Omega/F, V/Pa, which is also the volume of Li per charge, m^3/C."""
        return self.molar_volume / FARADAY

    @property
    def limiting_current(self) -> float | Array:
        """j_P, A/m^2: the largest stripping current through the film."""
        return self.film_permeance / self.volts_per_pascal

    def film_drop(self, current: Array) -> Array:
        """j R + (RT/F) ln(1 + j/j_P), V, for currents (A/m^2) above -j_P."""
        return self.area_resistance * current + np.log1p(current / self.limiting_current) / self.inverse_thermal_voltage


def equilibrium_potential(
    p: KineticsParameters, vacancy_force: Array, excess_compression: Array | float
) -> Array:
    """E + (Omega/F)(s_n - p), V. vacancy_force f' and excess_compression s_n - p in Pa."""
    return p.volts_per_pascal * (excess_compression - vacancy_force)


def anodic_availability(occupancy: Array, h: Array) -> Array:
    """q = clip(20 c/h, 0, 1); 0 where there is no metal at all."""
    return np.minimum(np.maximum(DEPLETION * occupancy / np.maximum(h, 1e-12), 0.0), 1.0)


def _soft_expm1(x: Array) -> tuple[Array, Array]:
    """exp(x) - 1, exact also for small x, and its derivative, continued linearly beyond LARGEST_EXPONENT."""
    bounded = np.minimum(x, LARGEST_EXPONENT)
    value = np.expm1(bounded)
    slope = value + 1
    return value + slope * (x - bounded), slope


def transfer_current(
    p: KineticsParameters, potential: Array, rest: Array, exchange: Array, availability: Array
) -> tuple[Array, Array]:
    """j (A/m^2) and dj/dphi (S/m^2) at the given potential; rest is `equilibrium_potential`, exchange i0."""
    if not np.any(p.area_resistance) and np.all(np.isinf(p.film_permeance)):
        return _butler_volmer(p, potential - rest, exchange, availability)
    return _behind_film(p, potential - rest, exchange, availability)


def _butler_volmer(
    p: KineticsParameters, eta: Array, exchange: Array, availability: Array
) -> tuple[Array, Array]:
    f = p.inverse_thermal_voltage
    anodic = p.transfer_coefficient
    # without the 1 of both exponentials, whose rounding would be a current of 1e-16 i0 at rest
    plate, plate_slope = _soft_expm1((1 - anodic) * f * eta)
    strip, strip_slope = _soft_expm1(-anodic * f * eta)
    current = exchange * (plate - availability * strip + (1 - availability))
    slope = exchange * f * ((1 - anodic) * plate_slope + anodic * availability * strip_slope)
    return current, slope


def into_alloy(p: KineticsParameters, exchange: Array) -> Law:
    """Into an alloy of the potential E_s (V): j (A/m^2) of phi and E_s, and its derivatives by both (S/m^2).

    Behind a film each call begins at the overpotential that the one before has found.
    """
    full, bare = np.ones(()), not np.any(p.area_resistance) and np.all(np.isinf(p.film_permeance))
    near: Array | None = None

    def law(potential: Array, alloy: Array) -> tuple[Array, Array, Array]:
        nonlocal near
        drive = potential + alloy
        if bare:
            current, slope = _butler_volmer(p, drive, exchange, full)
            return current, slope, slope
        near = _film_overpotential(p, drive, exchange, full, alloy, near)
        found = _film_balance(p, near, drive, exchange, full, alloy)
        return _butler_volmer(p, near, exchange, full)[0], found.by_potential, found.by_alloy

    return law


def _behind_film(
    p: KineticsParameters, drive: Array, exchange: Array, availability: Array
) -> tuple[Array, Array]:
    eta = _film_overpotential(p, drive, exchange, availability)
    current, _ = _butler_volmer(p, eta, exchange, availability)
    return current, _film_balance(p, eta, drive, exchange, availability).by_potential


def _film_overpotential(
    p: KineticsParameters,
    drive: Array,
    exchange: Array,
    availability: Array,
    alloy: Array | float = 0.0,
    guess: Array | None = None,
) -> Array:
    """The eta at which `_film_balance` is 0; j and eta rise with drive.

    Newton's method within the bounds, from a guess or `_largest_overpotential` on. Where it hardly gets closer the step
    is a bisection.
    """
    # with q < 1 a current flows at eta = 0, of at most i0 (1 - q)
    low = np.minimum(drive, 0.0) - p.film_drop(exchange * (1 - availability))
    high = np.maximum(drive, 0.0)
    start = _largest_overpotential(p, drive, exchange, alloy) if guess is None else guess
    eta, last = np.fmin(np.fmax(start, low), high), np.full_like(drive, np.inf)  # whatever the guess is, a number
    with np.errstate(divide="ignore", invalid="ignore"):  # volts below an electrode without Li nothing has a slope
        for _ in range(FILM_SWEEPS):
            found = _film_balance(p, eta, drive, exchange, availability, alloy)
            low, high = np.where(found.balance < 0, eta, low), np.where(found.balance > 0, eta, high)
            aim = np.minimum(np.maximum(eta - found.balance / found.slope, low), high)  # the root may be an end
            newton = np.abs(aim - eta) <= np.maximum(0.5 * np.abs(last), FILM_TOLERANCE)
            last = np.where(newton, aim, 0.5 * (low + high)) - eta
            eta = eta + last
            if np.all(np.abs(last) < np.where(newton, NEWTON_TOLERANCE, FILM_TOLERANCE)):
                break
    return eta


def _largest_overpotential(
    p: KineticsParameters, drive: Array, exchange: Array, alloy: Array | float
) -> Array:
    """The eta with which j/i0 = exp(alpha F |eta|/RT) - 1, less than it is, passes all that the film may pass.

    That is at most what all of drive drives through R_c, and through the film at the other side of which j is 0. Nor is
    it more than it were if j went on with its slope at 0.
    """
    f, size = p.inverse_thermal_voltage, np.abs(drive)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        through = np.where(drive > 0, np.expm1(np.minimum(f * size, LARGEST_EXPONENT)), 1.0)
        through = np.where(size > 0, through * np.exp(-f * np.asarray(alloy)) * p.limiting_current, 0.0)
        resistance = np.maximum(p.area_resistance, 0.0)  # of which rounding may leave less
        most = np.fmin(size / resistance, through) / exchange
    share = np.where(drive > 0, 1 - p.transfer_coefficient, p.transfer_coefficient)
    linear = size / (1 + f * exchange * resistance)
    return np.copysign(np.fmin(linear, np.log1p(most) / (share * f)), drive)


@dataclass(frozen=True)
class _FilmBalance:
    """balance: what charge transfer passes beyond what the film does; its slope by eta; dj/dphi and dj/dE_s."""

    balance: Array
    slope: Array
    by_potential: Array
    by_alloy: Array


def _film_balance(
    p: KineticsParameters, eta: Array, drive: Array, exchange: Array, availability: Array, alloy: Array | float = 0.0
) -> _FilmBalance:
    """Of a trial eta; drive: phi - E - (Omega/F)(s_n - p) + E_s, alloy: E_s.

    With a permeance it is j/j_P - exp{F (drive - E_s - eta - j R)/RT} + a_s, which is defined for every eta, also
    beyond -a_s j_P.
    """
    current, transfer = _butler_volmer(p, eta, exchange, availability)
    left, fall = drive - eta - p.area_resistance * current, 1 + p.area_resistance * transfer
    if np.all(np.isinf(p.film_permeance)):
        return _FilmBalance(-left, fall, transfer / fall, transfer / fall)
    f = p.inverse_thermal_voltage
    excess, rise = _soft_expm1(f * (left - alloy))
    beneath = np.expm1(-f * np.asarray(alloy))
    slope = transfer / p.limiting_current + f * rise * fall
    sharing = np.divide(f * transfer, slope, out=np.zeros_like(slope), where=slope > 0)
    return _FilmBalance(
        current / p.limiting_current - (excess - beneath), slope, sharing * rise, sharing * (1 + beneath)
    )
