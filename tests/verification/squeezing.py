"""Li squeezed between a collector and the electrolyte: closed forms, the same in diffuse walls, the mechanics alone.

Norton's law in simple shear is gamma = phi sqrt(3) A (sqrt(3) |tau|/s)^n, phi = 1. Between walls a distance H apart to
which it sticks, a flow q per width takes (Stefan n = 1; J. R. Scott, Trans. IRI 7 (1931) 169)

    |grad p| = s/sqrt(3) [ (n + 2) q/(2 sqrt(3) A (H/2)^(n+2)) ]^(1/n)
    strip of the half-width a:  q = V x,    F per length = int 2 x |grad p| dx    = 8 eta a^3 V/H^3           at n = 1
    disc of the radius a:       q = V r/2,  F = int pi r^2 |grad p| dr            = 3 pi eta a^4 V/(2 H^3)    at n = 1

with V = -dH/dt and eta = s/(3 A) of the von Mises law. In the diffuse walls the model creeps by the share
phi(z) = (1 - M)(1 - k) of `rheology`: a film in layers, whose flow is that between sharp walls g + delta apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from solver.domain import collector
from solver.domain.collector import Collector
from solver.domain.contact import Contact, make_contact, profile
from solver.domain.electrode import Electrode
from solver.laws.creep import CreepLaw
from solver.numerics.array import Array, smooth_step
from solver.numerics.grid import Grid
from solver.physics.force_balance import Load
from solver.physics.mechanics import Mechanics, MechanicsResult
from solver.physics.rheology import memory_weight
from tests.verification.solids import converged, properties

WIDTH = 100e-9  # m, lambda
PRESSURE, SPEED, RATE = 1e6, 1e-9, 1.0  # Pa on the platen; m/s of Scott's film at the gap; 1/s, A
SHEAR = 3e9  # Pa
STEPS = (0.1, 0.3, 1.0, 3.0, 10.0, 10.0)  # times the one in which Li creeps as much as it gives way elastically
AROUND = 0.25  # of the radius, void beside the film
BELOW, ABOVE = 4, 5  # lambda of collector and electrolyte
AMID = (0.3, 0.7)  # of the radius, where the end of the film is not felt


def slope(law: CreepLaw, flow: Array | float, height: float) -> Array:
    """|grad p| of a flow per width (m2/s) between walls `height` apart, Pa/m."""
    n, half = law.exponent, 0.5 * height
    rate = (n + 2) * np.asarray(flow) / (2 * np.sqrt(3) * law.prefactor * half ** (n + 2))
    return np.asarray(law.strength / np.sqrt(3) * rate ** (1 / n))


def load(law: CreepLaw, radius: float, height: float, speed: float, dim: int) -> float:
    """On a strip (2-D, N/m) or a disc (3-D, N) of Li that is squeezed at `speed`."""
    steepest, over = slope(law, flow(speed, radius, dim), height), 1 / law.exponent
    factor = 2 * radius**2 / (2 + over) if dim == 2 else np.pi * radius**3 / (3 + over)
    return float(factor * steepest)


def flow(speed: float, radius: Array | float, dim: int) -> Array | float:
    """q at a distance from the middle, m2/s."""
    return speed * radius / (dim - 1)


def layered_height(share: Array, z: Array, exponent: float) -> tuple[float, Array]:
    """Height between sharp walls of the same flow as in layers with phi = share, m; and the velocity over its mean."""
    n, dz = exponent, z[1] - z[0]

    def sheared(middle: float) -> Array:
        return np.asarray(share * np.sign(z - middle) * np.abs(z - middle) ** n)

    middle = brentq(lambda at: float(sheared(at).sum()), z[0], z[-1])
    velocity = -np.cumsum(sheared(middle)) * dz
    total = velocity.sum() * dz
    return float(2 * (0.5 * (n + 2) * total) ** (1 / (n + 2))), velocity / total


def layered(gap: float, exponent: float) -> tuple[float, float]:
    """delta over lambda of the model's walls at a gap over lambda, and the part of the flow where m is."""
    z = np.linspace(-gap - BELOW, ABOVE, 40001)
    psi, chi = profile(z, 1.0), profile(-gap - z, 1.0)
    share = (1 - memory_weight(psi)) * (1 - smooth_step(chi, *collector.COLLECTOR_RANGE))
    height, velocity = layered_height(share, z, exponent)
    return height - gap, float(((1 - psi - chi) * velocity).sum() * (z[1] - z[0]))


def whole(grid: Grid) -> float:
    """Width or area of the bottom with its mirror images, m or m2."""
    return float(2 ** (grid.dim - 1) * grid.lateral_area)


@dataclass(frozen=True)
class Squeezed:
    """A film in the model: gap and radius in m."""

    gap: float
    radius: float
    law: CreepLaw
    grid: Grid
    mechanics: Mechanics
    contact: Contact
    result: MechanicsResult

    @property
    def speed(self) -> float:
        """V of the platen, m/s."""
        return float(self.result.state.velocity[(0,) * self.grid.dim + (-1,)])

    @property
    def drift(self) -> float:
        """Velocity of the collector's surface, by which it is moved, over that of the platen."""
        return self.mechanics.drift(self.result.state.velocity) / self.speed

    @property
    def shift(self) -> float:
        """delta over lambda, of the slope of the pressure along x amid the film."""
        x, *others, z = (c.ravel() for c in self.grid.cell_coordinates())
        r = np.sqrt(x**2 + sum(y[0] ** 2 for y in others))
        level = int(np.argmin(np.abs(z + 0.5 * self.gap)))
        falls = -np.gradient(self.result.state.pressure.reshape(len(x), -1, len(z))[:, 0, level], r)
        amid = (r > AMID[0] * self.radius) & (r < AMID[1] * self.radius)
        ratio = np.mean(falls[amid] / slope(self.law, flow(self.speed, r[amid], self.grid.dim), self.gap))
        return float((ratio ** (-self.law.exponent / (self.law.exponent + 2)) - 1) * self.gap / WIDTH)

    def load_ratio(self, shift: float) -> float:
        """The load over Scott's at the gap and `shift` (lambda)."""
        height, dim = self.gap + shift * WIDTH, self.grid.dim
        return PRESSURE * whole(self.grid) / load(self.law, self.radius, height, self.speed, dim)


def squeezed(dim: int, exponent: float, gap: float, ratio: float, per_width: int, across: int) -> Squeezed:
    """A film under a load, once Li flows steadily.

    gap over lambda; ratio: radius over gap; cells per lambda along z, across the radius along x and y.
    """
    gap, radius = gap * WIDTH, ratio * gap * WIDTH
    lateral = np.linspace(0.0, (1 + AROUND) * radius, round((1 + AROUND) * across) + 1)
    below, above = round((gap / WIDTH + BELOW) * per_width), ABOVE * per_width
    grid = Grid([lateral] * (dim - 1) + [np.arange(-below, above + 1) * WIDTH / per_width], [False] * (dim - 1))
    fixed = make_contact(grid, WIDTH, electrode=Electrode(grid, reservoir=False))
    contact = Collector(grid, WIDTH, fixed, lambda *_: (np.full((), gap), [np.zeros(())] * (dim - 1))).at(0.0)
    assert contact.collector is not None

    unit = CreepLaw(prefactor=RATE, exponent=exponent, strength=1.0)
    strength = PRESSURE * whole(grid) / load(unit, radius, gap, SPEED, dim)
    law = replace(unit, strength=strength)
    viscosity = PRESSURE * gap / SPEED / ratio**2  # of the order of that of Li
    mechanics = Mechanics(grid, properties(grid, law, SHEAR, void_viscosity=1e-4 * viscosity), 1e-5, max_newton=60)
    share = contact.collector.rigid
    mechanics.place(memory_weight(contact.electrolyte), contact.normal, share)

    r = np.sqrt(sum(c**2 for c in grid.cell_coordinates()[:-1]))
    xi, state = profile(radius - r, 0.5 * radius / across), mechanics.start(PRESSURE)
    for times in STEPS:
        result = converged(mechanics, state, Load(pressure=PRESSURE), xi, dt=times * PRESSURE / SHEAR * gap / SPEED)
        state = result.state
    return Squeezed(gap, radius, law, grid, mechanics, contact, result)
