"""Birth and first growth of Li on a current collector that faces the electrolyte, per area of contact.

Nuclei are 2 to 30 nm thick when they have grown together, less than a cell of a grid, so they are a state of the
contact: numbers and moments of caps of the contact angle theta, which are born at random places, grow and overlap.

    J    = J_0 exp(-B/eta^2) (1 - M_0/N_0)                 births per area and time, eta > 0 plates
    B    = 16 pi gamma^3 (Omega/F)^2 f/(3 k T),   f = (2 - 3 cos theta + cos^3 theta)/4         V^2
    R_b  = 3 gamma (Omega/F)/eta                           radius at birth: 1.5 times the critical one
    d_t R = (Omega/F) g i,   g = 2/[(2 + cos theta)(1 - cos theta)]      of the sphere whose cap the nucleus is
    d_t M_0 = J,   d_t M_1 = (Omega/F) g i M_0 + R_b J,   d_t M_2 = 2 (Omega/F) g i M_1 + R_b^2 J
    d_t N = J (1 - X)                                      number per area; the M count those born beneath others too
    A    = pi sin^2 theta M_2,    X = 1 - exp(-A)          coverage (Kolmogorov, Izv. Akad. Nauk SSSR 3 (1937) 355)
    S    = X + (s - 1)[2 sqrt(A) D(sqrt A) - X],   s = 2/(1 + cos theta)
    current per area of contact:  C d_t eta + S i(eta)

eta potential against Li metal, V; i its current density on Li, A/m^2; gamma surface energy, J/m^2, the same in B and
R_b; J_0, N_0 births without barrier 1/(m^2 s), sites 1/m^2; S surface of Li per area, D Dawson's integral; C charges
the contact as long as no Li is there, F/m^2. Classical theory: Kashchiev, Nucleation (2000), chapters 9, 13; S is that
of overlapping caps: mean of the surface above which no other cap lies.

Over a step the M follow one after the other, with i at its end and the mean of a J that grows exponentially. When
current flows backwards nuclei are as many and as wide as before, and give Li as long as there is some.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import dawsn

from solver.constants import BOLTZMANN
from solver.numerics.array import Array

LEAST_DRIVE = 1e-4  # V, below which nothing is born
BIRTH_RADIUS = 1.5  # of the critical radius
FULL = 0.9  # coverage from which on nuclei count as a film


@dataclass(frozen=True, kw_only=True)
class NucleationParameters:
    """surface_energy gamma J/m^2; angle theta of the caps, rad; birth_rate J_0 1/(m^2 s); sites N_0 1/m^2, infinite
    for none in particular; capacitance C F/m^2; volume_per_charge Omega/F m^3/C; temperature K.
    """

    surface_energy: float
    angle: float
    birth_rate: float
    capacitance: float
    volume_per_charge: float
    temperature: float
    sites: float = math.inf

    @property
    def barrier(self) -> float:
        """B, V^2: the energy of the critical nucleus is k T B/eta^2."""
        cos = math.cos(self.angle)
        shape = (2 - 3 * cos + cos**3) / 4
        energy = 16 / 3 * math.pi * self.surface_energy**3 * self.volume_per_charge**2 * shape
        return energy / (BOLTZMANN * self.temperature)

    def critical_radius(self, eta: Array | float) -> Array:
        """r* = 2 gamma (Omega/F)/eta, m."""
        return np.asarray(2 * self.surface_energy * self.volume_per_charge / np.asarray(eta))

    @property
    def growth(self) -> float:
        """(Omega/F) g, m^3/C: d_t R over i."""
        cos = math.cos(self.angle)
        return self.volume_per_charge * 2 / ((2 + cos) * (1 - cos))

    @property
    def steepness(self) -> float:
        """s: surface of a cap over that of its base."""
        return 2 / (1 + math.cos(self.angle))

    def overlap(self, second_moment: Array) -> Array:
        """A of M_2."""
        return math.pi * math.sin(self.angle) ** 2 * second_moment

    def surface(self, overlap: Array) -> tuple[Array, Array]:
        """S and dS/dA of A."""
        root = np.sqrt(overlap)
        dawson, bare = dawsn(root), np.exp(-overlap)
        covered, more = -np.expm1(-overlap), self.steepness - 1
        value = covered + more * (2 * root * dawson - covered)
        ratio = np.divide(dawson, root, out=np.ones_like(root), where=root > 0)
        return value, bare + more * (ratio + 1 - 2 * root * dawson - bare)


@dataclass(frozen=True)
class Nuclei:
    """Per area of contact: number N 1/m^2, M_0 1/m^2, M_1 1/m, M_2."""

    number: Array
    zeroth: Array
    first: Array
    second: Array


def coverage(overlap: Array) -> Array:
    """X of A."""
    return np.asarray(-np.expm1(-overlap))


def births(p: NucleationParameters, eta: Array, barrier: Array | float) -> tuple[Array, Array]:
    """J_0 exp(-B/eta^2) of eta in V, 1/(m^2 s), and the derivative of its logarithm, 1/V."""
    drive = np.maximum(eta, LEAST_DRIVE)
    return p.birth_rate * np.exp(-barrier / drive**2), 2 * barrier / drive**3 * (eta > LEAST_DRIVE)


def _mean(start: Array, end: Array) -> tuple[Array, Array]:
    """Mean of what grows exponentially from start to end, and its derivative by the logarithm of the end."""
    least = np.finfo(float).tiny
    rise = np.log(np.maximum(end, least)) - np.log(np.maximum(start, least))
    close = np.abs(rise) < 1e-4
    over = np.where(close, 1.0, rise)
    mean = np.where(close, 0.5 * (start + end), (end - start) / over)
    slope = np.where(close, 0.5 * end, (end - mean) / over)
    return mean, slope


def ever_born(
    p: NucleationParameters, zeroth: Array, potentials: tuple[Array, Array], barrier: Array | float, dt: float
) -> tuple[Array, Array]:
    """M_0 at the end of a step dt (s) that begins with `zeroth`, and dM_0/d(eta) in 1/(m^2 V); see `grow`."""
    at_start, at_end = (births(p, eta, barrier) for eta in potentials)
    free, slope = _mean(at_start[0], at_end[0])
    taken = 1 / (1 + dt * free / p.sites)
    new = (zeroth + dt * free) * taken
    return new, dt * slope * at_end[1] * taken * (1 - new / p.sites)


def radius_at_birth(p: NucleationParameters, eta: Array) -> Array:
    """R_b of eta in V, m."""
    return BIRTH_RADIUS * p.critical_radius(np.maximum(eta, LEAST_DRIVE))


def grow(
    p: NucleationParameters,
    old: Nuclei,
    potentials: tuple[Array, Array],
    current: tuple[Array, Array],
    barrier: Array | float,
    dt: float,
) -> tuple[Nuclei, Array]:
    """Nuclei at the end of a step dt (s), and dM_2/d(eta) in 1/V.

    potentials: eta at start and end, V; current: i(eta) at the end in A/m^2 and its derivative in S/m^2; barrier: B of
    the place, V^2.
    """
    zeroth, born_slope = ever_born(p, old.zeroth, potentials, barrier, dt)
    born = zeroth - old.zeroth

    # growth of those that were there, on the mean over the step
    way, way_slope = dt * p.growth * np.maximum(current[0], 0.0), dt * p.growth * current[1] * (current[0] > 0)
    radius = radius_at_birth(p, potentials[1])
    radius_slope = -radius / np.maximum(potentials[1], LEAST_DRIVE)
    grown = 0.5 * (old.zeroth + zeroth)
    first = old.first + way * grown + radius * born
    first_slope = way_slope * grown + 0.5 * way * born_slope + radius_slope * born + radius * born_slope
    grown = old.first + first
    second = old.second + way * grown + radius**2 * born
    second_slope = way_slope * grown + way * first_slope + 2 * radius * radius_slope * born + radius**2 * born_slope

    uncovered = np.exp(-p.overlap(0.5 * (old.second + second)))
    return Nuclei(old.number + born * uncovered, zeroth, first, second), second_slope
