"""What lines the walls of a defect of the electrolyte: the signed energy of its interface to Li.

    gamma = gamma_film                          in the mouths of defects, depth < mouth depth, where the film has one
    gamma = (1 - f) gamma_e + f gamma_a         elsewhere
    f     = min(1, v/(S_v d))                   coverage of the grain boundaries by an additive
    v     = (w/rho_a) / (w/rho_a + (1 - w)/rho_e)
    S_v   = (1/2) (256 pi/3)^(1/3) Gamma(5/3) n^(1/3) = 2.91 n^(1/3),   n = 6/(pi D^3),   so 3.61/D

    gamma_e, gamma_a, gamma_film   of electrolyte, additive, film, J/m^2; negative where Li spreads of itself
    w, v, rho                      weight and volume share of the additive; densities, kg/m^3
    S_v, d                         area of grain boundaries per volume, 1/m; thickness of the additive's film, m
    n, D                           grains per volume, 1/m^3; diameter of the sphere of their mean volume, m

S_v is that of a Poisson-Voronoi tessellation, in which the mean cell has the surface 5.82 n^(-2/3) (Meijering,
Philips Res. Rep. 8 (1953) 270) and every boundary belongs to two grains. In 2-D too D is the grain size of the network,
whose grains are then circles of that diameter: a plane section of spheres of D would show circles of 0.75 D, so the
coverage is by a quarter smaller than that of an electrolyte which looks like the plane.

Assumptions: all of the additive lies on the boundaries, in an even film, and its patches are small against what Li
wets at once, so that their energies mix by area. The conductivity of the electrolyte does not change with the additive.
The walls of the other defects are lined as the boundaries are, because cracks run along them.
"""

from __future__ import annotations

import math


def volume_share(*, weight_share: float, density: float, host_density: float) -> float:
    """v of an additive in a host, from its share of the mass; densities in the same unit."""
    volume = weight_share / density
    return volume / (volume + (1 - weight_share) / host_density)


def boundary_area_density(grain_size: float) -> float:
    """S_v, 1/m, of grains whose mean volume is that of a sphere of the diameter `grain_size` (m)."""
    grains = 6 / (math.pi * grain_size**3)
    surface = (256 * math.pi / 3) ** (1 / 3) * math.gamma(5 / 3)
    return 0.5 * surface * grains ** (1 / 3)


def coverage(*, volume_share: float, grain_size: float, film_thickness: float) -> float:
    """f, the share of the boundaries that an additive covers; lengths in m."""
    return min(1.0, volume_share / (boundary_area_density(grain_size) * film_thickness))


def mixed_energy(*, host: float, additive: float, coverage: float) -> float:
    """(1 - f) gamma_e + f gamma_a, J/m^2."""
    return (1 - coverage) * host + coverage * additive
