"""Annihilation and creation of lattice planes, and the drift of the metal that follows.

Vacancies that reach dislocations and boundaries disappear, and with them lattice planes; on plating planes are made:

    div v = S,   S = S_j + w r_plus (c - h) h      where that is more   (creation),   r_plus = D/(2 lambda^2)
                 S = - m (r/k) (h - c) h           elsewhere            (annihilation, c < h)
    S_j = |grad o| h (t/f) (Omega/F) max(j, 0)       planes that grow with the Li that is plated, o(psi) of `contact`

    r(p)   = A_cr (p/s_0)^n + r_lin p                                             p = max(pressure, 0) in MPa
    w      = max(m, 4 psi (1 - psi)^2)                 m of a thick electrode, but for films of less than lambda
    A_cr   = A_0 exp(-Q/RT), Norton creep of Li; s_0 strengthening of micron-scale Li, MPa; r_lin diffusional creep
    k(p)   = max(1, 2 lambda sqrt(r/D))                                           vacancies diffuse with k D

**Planes of plated Li.** S_j is what the current of the step plates: without it Li would have to be in excess before
planes are made, by 1 to 5 % at 1 mA/cm2, which costs 0.1 to 0.2 mV and, where the thickness of a film differs from
place to place, is stored and set free at different rates, which a rigid collector takes for MPa. What r_plus has left
to do is to even out c: where there are vacancies plated Li fills them first.

**Thickened layer.** A layer sqrt(D/r) thinner than the diffuse contact would lie in the electrolyte's half of it.
So it is made 2 lambda deep where it is thinner: k D and r/k in place of D and r have the same product, and with it the
same vacancy fraction (Omega j/F)/sqrt(D r) at the contact, the same threshold, and the same planes that vanish. What
changes is that vacancies spread k times as fast along the contact, over 2 lambda instead of sqrt(D/r), which evens out
hot spots narrower than that, and that the layer takes k/r to fill. Only the product D r is known of Li anyway.

Semi-implicit source. Over a step dt the deficit theta = h - c decays by the source while everything else (stripping,
diffusion) feeds it at a rate q known from the last step; the source used is the one of the implicit estimate

    theta* = (theta + dt q) / (1 + dt r M h),   S* = S_j - m r h theta*,   q <- q + (theta_new - theta*)/dt

with r/k for r, and where planes are made r_plus w for r m. M is how fast the source takes from theta: m, but in a film
that is thinner than the 2 lambda in which planes are made, and in which vacancies spread at once, at least

    int w dz / int m dz        (at most 1 where planes vanish)

Where vacancies keep planes from being made there is no S_j either, and they are fed by q - S_j M/w only (by no less
than empties them in the step). So what is the larger one of both sources at the theta of a cell that goes on as it is
stays so, whatever r dt; with q alone neither would for long. (Not in a film in which they spread at once: what is not
made in one cell of it is made in another.)

Vacancies of plated Li are filled by planes that vanish or in place of planes that are made, by the larger rate, with
the M/w of the latter for both. (With the M of its own for either S* jumped with the stress in a film, where one rate
overtook the other: a balance of forces within the jump has no solution, and Newton's method went to and fro.)

It is stable for any r dt and has the exact steady state S = -m r h theta. How much S* would have been another one with
the q that the step turns out to have had is a coupling error that the step control bounds. (S* less the source of the
new fields is 1 + r M h dt times as much: what a larger step, in which theta follows the feed, would have put right.)

The pressure that counts is the normal stress s_n on the planes that vanish (see `mechanics`, which solves for the
velocities and S(s_n) together).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from solver.constants import FARADAY
from solver.laws.creep import creep_prefactor
from solver.numerics.array import Array

MEGAPASCAL = 1e6
SURFACE_THICKNESS = 0.3e-9  # m, delta_s: one atomic layer carries the surface diffusion


class Weights(NamedTuple):
    """Where planes vanish (m) and are made (w); thin: int w dz/int m dz."""

    vanish: Array
    grow: Array
    thin: Array | float = 0.0


class Planes(NamedTuple):
    """S* in 1/s, dS*/ds_n in 1/(s Pa), theta*."""

    source: Array
    slope: Array
    deficit: Array


@dataclass(frozen=True, kw_only=True)
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
    def creation_rate(self) -> float:
        """r_plus = D/(2 lambda^2), 1/s."""
        return self.diffusivity / (2 * self.width**2)

    def physical_rate(self, pressure: Array | float) -> Array:
        """r(p), 1/s, of a pressure in Pa."""
        p = np.maximum(np.asarray(pressure, dtype=float), 0.0) / MEGAPASCAL
        return self._creep * (p / self.size_effect_strengthening) ** self.creep_exponent + self.linear_rate * p

    def thickening(self, pressure: Array | float) -> Array:
        """k(p) = max(1, 2 lambda sqrt(r/D)): how much deeper than sqrt(D/r) the layer is made."""
        return self._thickening(self.physical_rate(pressure))

    def _thickening(self, rate: Array) -> Array:
        return np.maximum(1.0, 2 * self.width * np.sqrt(rate / self.diffusivity))

    def rate(self, pressure: Array | float) -> Array:
        """r/k, 1/s: the rate in the layer as it is made."""
        return self.rate_and_slope(pressure)[0]

    def rate_and_slope(self, pressure: Array | float) -> tuple[Array, Array]:
        """r/k and d(r/k)/dp, 1/(s Pa); 0 in tension, half of (dr/dp)/k where k > 1, as r/k goes with sqrt(r) there."""
        p = np.maximum(np.asarray(pressure, dtype=float), 0.0) / MEGAPASCAL
        # one power serves all: it is the dearest of a step's formulas
        creep = self._creep * (p / self.size_effect_strengthening) ** self.creep_exponent
        r = creep + self.linear_rate * p
        k = self._thickening(r)
        slope = self.creep_exponent * np.divide(creep, p, out=np.zeros_like(p), where=p > 0) + self.linear_rate
        slope = slope * np.where(k > 1, 0.5, 1.0) * (p > 0) / (MEGAPASCAL * k)
        return r / k, slope

    @property
    def _creep(self) -> float:
        """A_cr = A_0 exp(-Q/RT), 1/s."""
        return creep_prefactor(
            prefactor=self.creep_prefactor, activation_energy=self.activation_energy, temperature=self.temperature
        )

    def layer_depth(self, pressure: float) -> float:
        """k sqrt(D/r): depth of the vacancy layer below a stripped contact, m."""
        return float(np.sqrt(self.diffusivity / self.physical_rate(pressure)) * self.thickening(pressure))

    def critical_stripping_current(self, *, pressure: float, vacancy_fraction: float, molar_volume: float) -> float:
        """j_c = (F/Omega) sqrt(D r) theta_c: stripping current density that opens voids in dense Li, A/m^2."""
        speed = float(np.sqrt(self.diffusivity * self.physical_rate(pressure)))
        return FARADAY / molar_volume * speed * vacancy_fraction


def plane_source(
    weights: Weights,
    h: Array,
    deficit: Array,
    feed: Array,
    made: tuple[Array, Array],
    p: AnnihilationParameters,
    normal_stress: Array,
    dt: float,
) -> Planes:
    """The source of lattice volume over a step dt (see the module's text).

    h(xi), deficit theta = h - c, feed q in 1/s, made: S_j in 1/s and dS_j/ds_n, s_n in Pa.
    """
    expected = deficit + dt * feed
    vanish, grow, thin = weights
    r, r_slope = (values * h for values in p.rate_and_slope(normal_stress))
    plus, (s_j, s_j_slope) = p.creation_rate * h, made
    spread = np.divide(np.maximum(grow, thin), grow, out=np.ones_like(h), where=grow > 0)  # M/w

    # on plating, vacancies are filled before planes are made
    filling = (expected > 0) & (r * vanish > plus * grow)
    k = np.where(filling, r * vanish, plus * grow)
    less_made = 1 + dt * k * spread
    rest = expected / less_made
    gained = s_j - k * rest
    gained_slope = s_j_slope - np.where(filling, r_slope * vanish * rest / less_made, 0.0)

    # where no planes are made, what would have made them fills vacancies
    damped = 1 + dt * r * np.maximum(vanish, np.minimum(thin, 1.0))
    unmade = dt * spread * ((k > 0) & (thin <= 1))
    left = np.where(s_j > 0, np.maximum(expected - unmade * s_j, 0.0), expected)
    less = left / damped
    lost = -r * vanish * less
    lost_slope = -vanish * (r_slope * less - r * unmade * s_j_slope * (left > 0)) / damped
    growing = (expected <= 0) | (gained > lost)
    return Planes(
        np.where(growing, gained, lost), np.where(growing, gained_slope, lost_slope), np.where(growing, rest, less)
    )


def void_half_width(
    *, current: float, diffusivity: float, surface_diffusivity: float, vacancy_fraction: float, molar_volume: float
) -> float:
    """R, m: how far to each side of its middle a void stays open while Li sinks at V = (Omega/F) j.

    Its roof loses Li to the contact beside it through the metal, R = D theta_c/V, and along the surface,
    R = sqrt(D_surface delta_s theta_c/V), driven by at most theta_c; the smaller one of those that there are.
    current: magnitude of j, A/m^2, above 0; diffusivities in m^2/s, vacancy_fraction theta_c, molar_volume m^3/mol.
    """
    per_velocity = vacancy_fraction * FARADAY / (molar_volume * current)
    through = diffusivity * per_velocity
    along = float(np.sqrt(surface_diffusivity * SURFACE_THICKNESS * per_velocity))
    return min(through, along) if along else through
