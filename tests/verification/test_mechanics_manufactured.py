"""Second order of the mechanics on manufactured solutions: creep, elasticity, growth, stress, all at once.

No body force is needed, what is remembered makes the solution: with v, S and a stress sigma in equilibrium given,

    tau_old = 2 G dt (C(tau) - dev(d - S n n)),     C(tau) = tau/(2 G dt) + 3/2 A (sigma_eq/s)^n tau/sigma_eq
    P_old = P + K dt (div v - S)

are the memory for which they solve the step. sigma is Maxwell's with three equal stress functions
chi = X(x) Y(y) Z(z): sigma_xx = chi_yy + chi_zz, ..., sigma_xz = -chi_xz, ... X and Y are cosines, so there is no
shear on the sides; Z begins as z^2, so the bottom z = 0 carries p0 only and no shear.

Z = z^2 (1 + z) has shear on the wall. For n = 3 it is 1 - cos(pi z): the creep viscosity on the wall is taken from half
a cell off, so where it varies towards a wall the errors fall with h^1.8 only (measured at 16 to 64 cells).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from solver.laws.creep import CreepLaw
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.force_balance import Load
from solver.physics.mechanics import Mechanics
from tests.verification.order import assert_order
from tests.verification.solids import converged, lower_faces, properties

P0, AMPLITUDE = 3e6, 2e6  # Pa
SIZE = 1e-6  # m
RATE = 1e-2  # 1/s
SHEAR, BULK = 2e8, 4e8  # Pa
GROWTH_SLOPE = 1e-9  # -dS/ds_n, 1/(s Pa)
Shape = Callable[[Array, int], Array]  # value or derivative of the given order


def cosine(wave: float) -> Shape:
    return lambda t, k: wave**k * np.cos(wave * t + k * np.pi / 2)


def sine(wave: float) -> Shape:
    return lambda t, k: wave**k * np.sin(wave * t + k * np.pi / 2)


def polynomial(*coefficients: float) -> Shape:
    p = np.polynomial.Polynomial(coefficients)
    return lambda t, k: (p.deriv(k) if k else p)(t)


def product(shapes: Sequence[Shape], x: Sequence[Array], orders: Sequence[int]) -> Array:
    value: Array = np.ones(())
    for shape, t, k in zip(shapes, x, orders, strict=True):
        value = value * shape(t / SIZE, k)
    return value


class Exact:
    """Fields at any points; `dim` axes, waves of the sides, law, inclination of the normal."""

    def __init__(self, dim: int, periodic: bool, law: CreepLaw, tilt: float, flat_at_wall: bool):
        self.dim, self.law, self.tilt = dim, law, tilt
        wave = 2 * np.pi if periodic else np.pi
        lateral = [cosine(wave)] * (dim - 1)
        even = cosine(np.pi)
        rise = (lambda t, k: (k == 0) - even(t, k)) if flat_at_wall else polynomial(0, 0, 1, 1)
        self.chi = [*lateral, lambda t, k: 0.5 / wave**2 * rise(t, k)]
        # velocities: zero on the wall z = 1, v_x = 0 on the planes of symmetry, v_z uniform on the platen z = 0
        self.v = []
        for axis in range(dim - 1):
            shapes = [sine(wave) if a == axis else cosine(wave) for a in range(dim - 1)]
            self.v.append([*shapes, polynomial(0.3, 0.5, -0.8)])
        self.v.append([*lateral, polynomial(0, 1, -1)])
        self.sinking = polynomial(1, -1)

    def order(self, *axes: int) -> list[int]:
        return [axes.count(a) for a in range(self.dim)]

    def velocity(self, axis: int, x: Sequence[Array]) -> Array:
        v = product(self.v[axis], x, self.order())
        if axis == self.dim - 1:
            v = v + self.sinking(x[-1] / SIZE, 0)
        return RATE * SIZE * v

    def gradient(self, axis: int, along: int, x: Sequence[Array]) -> Array:
        g = product(self.v[axis], x, self.order(along))
        if axis == along == self.dim - 1:
            g = g + self.sinking(x[-1] / SIZE, 1)
        return RATE * g

    def divergence(self, x: Sequence[Array]) -> Array:
        return sum((self.gradient(a, a, x) for a in range(self.dim)), np.zeros(()))

    def growth(self, x: Sequence[Array]) -> Array:
        return 0.5 * RATE * product([cosine(np.pi)] * self.dim, x, self.order())

    def normal(self, x: Sequence[Array]) -> list[Array]:
        """Vertical on the sides, the platen and the wall."""
        angle = self.tilt * product([sine(np.pi)] * self.dim, x, self.order()) ** 2
        return [np.sin(angle), *[0 * angle] * (self.dim - 2), np.cos(angle)]

    def stress(self, x: Sequence[Array]) -> tuple[Array, Array]:
        """P and tau (3, 3); in 2-D tau_yy = 0. Axes of the grid first, the missing one last."""
        second = [[product(self.chi, x, self.order(a, b)) for b in range(self.dim)] for a in range(self.dim)]
        trace = sum((second[a][a] for a in range(self.dim)), np.zeros(()))
        shape = np.broadcast_shapes(*(np.shape(t) for t in x))
        tau = np.zeros((3, 3, *shape))
        for a in range(self.dim):
            tau[a, a] = trace - second[a][a]
            for b in range(a):
                tau[a, b] = tau[b, a] = -second[a][b]
        mean = sum(tau[a, a] for a in range(self.dim)) / self.dim
        for a in range(self.dim):
            tau[a, a] -= mean
        return P0 - AMPLITUDE * mean, AMPLITUDE * tau

    def held(self, x: Sequence[Array]) -> Array:
        """tau_old/(2 G dt), dt = 1 s."""
        tau = self.stress(x)[1]
        sigma = np.sqrt(1.5 * np.einsum("ab...,ab...", tau, tau))
        compliance = 0.5 / SHEAR + 1.5 * self.law.rate(sigma) / np.maximum(sigma, 1e-9)
        e = np.zeros_like(tau)
        n = self.normal(x)
        for a in range(self.dim):
            for b in range(self.dim):
                e[a, b] = 0.5 * (self.gradient(a, b, x) + self.gradient(b, a, x)) - self.growth(x) * n[a] * n[b]
        third = np.einsum("aa...", e) / 3
        for a in range(3):
            e[a, a] -= third
        return compliance * tau - e


def points(grid: Grid, a: int, b: int) -> list[Array]:
    """Coordinates of the edges ab."""
    x = grid.cell_coordinates()
    for axis in (a, b):
        cells = grid.owned[axis]
        upper = axis == grid.dim - 1
        x[axis] = grid.along(axis, grid.faces[axis][cells.start + upper : cells.stop + upper])
    return x


def errors(
    cells: int, dim: int, n: float, periodic: bool, graded: bool, platen: bool, memory: float, wrong: float = 0.0
) -> list[float]:
    """Root mean squares of velocity over RATE SIZE, pressure over AMPLITUDE, growth over RATE. wrong: of the memory."""
    s = np.linspace(0.0, 1.0, cells + 1)
    faces = [SIZE * s] * (dim - 1) + [SIZE * (s + 0.08 * np.sin(2 * np.pi * s) if graded else s)]
    grid = Grid(faces, [periodic] * (dim - 1))
    law = CreepLaw(prefactor=RATE * (1 - memory) + 1e-30, exponent=n, strength=AMPLITUDE)
    exact = Exact(dim, periodic, law, 0.0 if dim == 3 else 0.5, n > 1)
    x = grid.cell_coordinates()
    normal = tuple(np.broadcast_to(c, grid.local_shape) for c in exact.normal(x))
    solid = properties(grid, law, SHEAR, BULK, void_viscosity=1e-6, memory=memory, normal=normal)
    mechanics = Mechanics(grid, solid, 1e-8, direct=True)
    held = exact.held(x)
    elastic = [np.broadcast_to(held[a, a], grid.local_shape) for a in range(dim)]
    for a, b in mechanics.mac.pairs:
        elastic.append(np.broadcast_to(exact.held(points(grid, a, b))[a, b], grid.local_shape))
    pressure, tau = exact.stress(x)
    old = replace(
        mechanics.start(P0),
        elastic=2 * SHEAR * (1 + wrong) * np.stack(elastic),
        solid_pressure=pressure + BULK * (exact.divergence(x) - exact.growth(x)),
    )
    n_vector = exact.normal(x)
    along = sum(n_vector[a] * n_vector[b] * tau[a, b] for a in range(dim) for b in range(dim))

    def growth(s_n: Array) -> tuple[Array, Array]:
        rate = exact.growth(x) - GROWTH_SLOPE * (s_n - pressure + along)
        return rate, np.full_like(s_n, -GROWTH_SLOPE)

    state = converged(mechanics, old, Load(pressure=P0, platen=platen), growth=growth).state
    speeds = [state.velocity[..., a] - exact.velocity(a, lower_faces(grid, a)) for a in range(dim)]
    return [
        np.sqrt(grid.integral(np.sum(np.square(speeds), axis=0)) / SIZE**dim) / (RATE * SIZE),
        np.sqrt(grid.integral((state.pressure - pressure) ** 2) / SIZE**dim) / AMPLITUDE,
        np.sqrt(grid.integral((state.growth - exact.growth(x)) ** 2) / SIZE**dim) / RATE,
    ]


def assert_second_order(sizes: Sequence[int], tolerance: float, *case: Any) -> None:
    found = np.array([errors(cells, *case) for cells in sizes])
    for column in found.T:
        assert_order([1 / cells for cells in sizes], column, 2.0, tolerance)


@pytest.mark.parametrize("n", [1.0, 3.0], ids=["linear", "norton"])
@pytest.mark.parametrize(
    ("periodic", "graded", "platen"),
    [(True, False, True), (False, True, True), (True, True, False)],
    ids=["periodic", "graded", "free surface"],
)
def test_second_order_in_the_plane(n, periodic, graded, platen):
    """Velocity, pressure and growth, inclined normal; elastic creep in series."""
    assert_second_order((16, 32, 64), 0.1, 2, n, periodic, graded, platen, 0.0)


def test_second_order_of_an_elastic_body():
    assert_second_order((16, 32, 64), 0.1, 2, 1.0, False, True, True, 1.0)


@pytest.mark.parametrize(("n", "graded"), [(1.0, False), (3.0, True)], ids=["linear", "norton, graded"])
def test_second_order_in_space(n, graded):
    assert_second_order((8, 10, 12), 0.15, 3, n, False, graded, False, 0.0)


def test_a_wrong_memory_is_no_solution():
    """One per cent of the remembered stress too much: the errors stay."""
    with pytest.raises(AssertionError, match="orders"):
        assert_second_order((8, 16, 32), 0.1, 2, 1.0, True, False, True, 1.0, 0.01)
