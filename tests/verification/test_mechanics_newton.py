"""Newton's direction against differences: along it the equations of a step fall as their linearisation says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver.laws.creep import CreepLaw
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.force_balance import ForceBalance, Load
from solver.physics.mechanics import Mechanics
from solver.physics.rheology import Rheology
from tests.verification.solids import properties

EQUATIONS = ("force", "volume", "mismatch")


def slow_growth(s_n: Array) -> tuple[Array, Array]:
    """S = -r s_n |s_n|, r = 3e-5 1/(s MPa^2)."""
    return -3e-17 * s_n * np.abs(s_n), -6e-17 * np.abs(s_n)


def problem(n: float, tilt: float, dim: int = 2) -> tuple[ForceBalance, tuple[Array, Array, Array]]:
    """Li with a void under an electrolyte, and rough fields."""
    cells = 8 if dim == 2 else 4
    faces = [np.linspace(0.0, 0.4e-6, cells + 1)] * (dim - 1)
    grid = Grid([*faces, np.linspace(-0.4e-6, 0.2e-6, 3 * cells // 2 + 1)], [True] * (dim - 1))
    x, z = grid.cell_coordinates()[0], grid.cell_coordinates()[-1]
    one = np.ones(grid.local_shape)
    memory = np.clip(0.5 + z / 0.2e-6, 0, 1) * one
    normal = (np.sin(tilt) * one, *(0 * one,) * (dim - 2), np.cos(tilt) * one)
    law = CreepLaw(prefactor=1e-2, exponent=n, strength=5e6)
    solid = properties(grid, law, void_viscosity=1e5, memory=memory, normal=normal, residual_stress=1e6)
    mechanics = Mechanics(grid, solid, direct=True)
    rng = np.random.default_rng(1)
    old = mechanics.start(3e6)
    old = replace(old, elastic=old.elastic + 1e6 * rng.normal(size=old.elastic.shape))
    lithium = 0.5 * (1 + np.tanh((0.5 * x - z) / 0.2e-6)) * one
    step = ForceBalance(
        mechanics, old, mechanics.rheology.solid_share(lithium), slow_growth, Load(pressure=3e6, stiffness=1e12), 1.0
    )
    velocity = (
        1e-9
        * rng.normal(size=old.velocity.shape)
        * np.stack([np.broadcast_to(~mechanics.mac.fixed(a), grid.local_shape) for a in range(dim)], axis=-1)
    )
    return step, (velocity, 3e6 + 1e6 * rng.normal(size=one.shape), 1e-4 * rng.normal(size=one.shape))


def departure(n: float, tilt: float, dim: int = 2) -> float:
    """Largest |F(u + eps du) - F(u - eps du) + 2 eps F(u)| / (2 eps |F(u)|) of the three equations."""
    step, fields = problem(n, tilt, dim)
    at = step.evaluate(*fields)
    direction, outcome, _ = step.solve(at, step.m.rheology.solid_tensor(at.response), 1e-12)
    assert outcome.converged
    eps, sides = 1e-4, []
    for sign in (1, -1):
        sides.append(step.evaluate(*(a + sign * eps * b for a, b in zip(fields, direction, strict=True))))
    found = []
    for name in EQUATIONS:
        up, down, here = (getattr(it, name) for it in (*sides, at))
        found.append(np.linalg.norm((up - down) / (2 * eps) + here) / np.linalg.norm(here))
    return float(max(found))


@pytest.mark.parametrize("tilt", [0.0, 0.4], ids=["flat", "inclined"])
@pytest.mark.parametrize("n", [1.0, 6.6])
@pytest.mark.parametrize("dim", [2, 3])
def test_newtons_direction_solves_the_linearised_equations(dim, n, tilt):
    """With growth, void, electrolyte, memory and a fixture: to 1e-6 of each equation; measured 2e-9."""
    assert departure(n, tilt, dim) < 1e-6


def test_picards_direction_does_not(monkeypatch):
    """theta = 0 leaves the derivative of the viscosity out, 0 for n = 1; the test above sees it."""
    monkeypatch.setattr(Rheology, "newton_factor", lambda self, at, predicted: np.zeros_like(predicted.missing))
    assert departure(6.6, 0.0) > 1e-3
    assert departure(1.0, 0.0) < 1e-6
