"""Permeance of a film for atoms of Li, where a diffusivity over a thickness does not say it.

**A dense film** in which what conducts atoms is the less continuous the thicker it is:

    P(h) = P_0 exp(-(h - h_0)/L)

With D/h no D puts Li beneath 30 nm of W at 5 mA/cm^2 and on top of 200 nm at 1 mA/cm^2 (Oh et al., Energy Environ.
Sci. 17 (2024) 7932). The exponential is the simplest law that does, not a theory.

**A porous film** whose pores do not fill with Li, along the walls of which it diffuses: pores of the radius a have the
wall 2 e/a per volume, and Li runs in a layer delta of it, so that they conduct as e 2 delta/a of the cross-section,

    P(h) = e 2 delta D/(a h)

    P    permeance, m/s: the flux of Li in m^3 per m^2 and s is P times the difference of the activities
    h    thickness of the film, m                  P_0, h_0   that of a known film          L    decay length, m
    e    porosity                                  a          radius of the pores, m
    D    diffusivity along the walls, m^2/s        delta      thickness of the layer there, m

Norton flow of Li through pores of 50 nm in 10 um is 1e-9 mA/cm^2 at 10 MPa, and is left out.
"""

from __future__ import annotations

import math


def decaying(thickness: float, *, known: float, of_thickness: float, decay_length: float) -> float:
    """P(h) of a dense film, m/s: known P_0 of the thickness h_0."""
    return known * math.exp(-(thickness - of_thickness) / decay_length)


def along_pores(
    thickness: float, *, porosity: float, radius: float, wall_diffusivity: float, wall_thickness: float
) -> float:
    """P(h) of a porous film, m/s."""
    return porosity * 2 * wall_thickness * wall_diffusivity / (radius * thickness)
