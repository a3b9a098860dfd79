"""Interphase of Li metal and a sulfide electrolyte: how thick it grows, what Li it takes, what it resists.

    d_t d^2 = (1 - theta w_f)^2 w K     d(t) = (1 - theta w_f) sqrt(K t) where Li has touched since t = 0
    Li that it has taken per area:      nu d in mol/m^2,  F nu d in C/m^2,  Omega nu d as a thickness of Li
    area resistance:                    d/s

    d      thickness of the interphase, mean over the area of the contact, m
    K      rate of the parabolic growth, m^2/s
    w      share of the contact where Li touches
    theta  share of the contact of Li beneath a film that this covers; the interphase grows on the rest, where it is
           d/(1 - theta w_f) thick
    w_f    share of the contact of Li that has the film between; Li on top of the film is not covered
    nu     Li per volume of interphase, mol/m^3;  Omega its molar volume in the metal, m^3/mol
    s      ionic conductivity of the interphase, S/m

For Li6PS5Cl + 8 Li -> 5 Li2S + Li3P + LiCl nu is 41000 mol/m^3: 0.110 uAh/cm^2, or 0.53 nm of Li, per nm. The growth is
parabolic because one of the reactants diffuses through what has grown. d^2 is linear in time, so a step of any length
is exact, also the first one, in which d_t d begins infinite.

A share w that does not change is taken as places that touch for the part w of the time, each: d = sqrt(w K t). If the
same places touched all the time it would be w sqrt(K t).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.numerics.array import Array


@dataclass(frozen=True, kw_only=True)
class InterphaseParameters:
    """rate K m^2/s; lithium nu mol/m^3; conductivity s S/m; coverage theta; molar_volume Omega m^3/mol."""

    rate: float
    lithium: float
    conductivity: float
    molar_volume: float
    coverage: float = 0.0

    @property
    def lithium_volume(self) -> float:
        """Omega nu: volume of Li that a volume of interphase takes."""
        return self.molar_volume * self.lithium

    def resistance(self, thickness: Array) -> Array:
        """d/s, ohm m^2."""
        return np.asarray(thickness / self.conductivity)

    def grown(self, thickness: Array, share: Array, dt: float, behind_film: Array | float = 1.0) -> Array:
        """d after a step dt (s) in which the share w touches; behind_film: w_f."""
        covered = self.coverage * behind_film
        return np.asarray(np.sqrt(thickness**2 + (1 - covered) ** 2 * share * self.rate * dt))
