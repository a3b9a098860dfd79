"""Mechanics on 1 to 4 ranks, and factorised instead of iterated: the same velocities and stresses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpi4py import MPI

from solver.laws.creep import CreepLaw
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.force_balance import Load
from solver.physics.mechanics import Mechanics
from solver.physics.rheology import memory_weight
from tests.mpi import rank_results
from tests.parallel.runs import gathered
from tests.verification.solids import properties

AGREEMENT = 1e-10
TOLERANCE = 1e-12  # of the imbalance


def stripped(dim: int, direct: bool = False, tilt: float = 0.2) -> dict[str, Any]:
    """Two steps of Li with a void at the contact, an electrolyte on top and planes that vanish under stress."""
    cells = 16 if dim == 2 else 8
    lateral = np.linspace(0.0, 1e-6, cells + 1)
    along = np.linspace(-1.0, 0.5, 3 * cells // 2 + 1)
    grid = Grid([lateral] * (dim - 1) + [1e-6 * (along + 0.1 * along**2)], [True, False][: dim - 1])
    x = grid.cell_coordinates()
    one = np.ones(grid.local_shape)
    psi = 0.5 * (1 + np.tanh(x[-1] / 2e-7)) * one
    r = np.sqrt(sum((c - 0.4e-6) ** 2 for c in x[:-1]) + x[-1] ** 2)
    xi = 0.5 * (1 + np.tanh((r - 0.3e-6) / 1e-7)) * one
    slope = tilt * np.sin(2e6 * np.pi * x[0])
    normal = (np.sin(slope) * one, *(0 * one,) * (dim - 2), np.cos(slope) * one)
    law = CreepLaw(prefactor=1.4e-2, exponent=6.6, strength=7e6)
    solid = properties(grid, law, void_viscosity=1e5, memory=memory_weight(psi), normal=normal, residual_stress=10e6)
    mechanics = Mechanics(grid, solid, TOLERANCE, direct=direct)

    def growth(s_n: Array) -> tuple[Array, Array]:
        rate = 1e-3 * (1 - psi)
        return -rate * s_n / 3e6, -rate / 3e6

    state = mechanics.start(3e6)
    for _ in range(2):
        result = mechanics.step(state, xi, growth, Load(pressure=3e6, stiffness=1e14), 1.0)
        assert result.outcome.converged, result.outcome
        state = result.state
    fields = {"pressure": state.pressure, "growth": state.growth, "normal stress": result.normal_stress}
    fields |= {f"velocity {a}": state.velocity[..., a] for a in range(dim)}
    fields |= {f"elastic {i}": part for i, part in enumerate(state.elastic)}
    fields |= {f"tau {i}": part for i, part in enumerate([*result.tau.normal, *result.tau.edges])}
    return {name: gathered(grid, values) for name, values in fields.items()} | {"ranks": MPI.COMM_WORLD.size}


def difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Largest departure of any field, relative to its largest value; velocities and stresses as groups."""
    names = [name for name in one if name != "ranks"]
    groups = {name: [k for k in names if k.split()[0] == name.split()[0]] for name in names}
    size = {name: max(np.abs(one[k]).max() for k in group) for name, group in groups.items()}
    return max(float(np.abs(other[name] - one[name]).max() / size[name]) for name in names)


def in_2d_and_3d() -> dict[str, Any]:
    """Both (collective); keys begin with the dimension."""
    return {f"{dim} {name}": values for dim in (2, 3) for name, values in stripped(dim).items()}


@pytest.fixture(scope="module")
def one_rank() -> dict[int, dict[str, Any]]:
    return {dim: stripped(dim) for dim in (2, 3)}


@pytest.mark.parametrize("ranks", [pytest.param(2, marks=pytest.mark.long), 4])
def test_the_mechanics_agree_on_all_numbers_of_ranks(one_rank, ranks):
    found = rank_results(ranks, in_2d_and_3d)
    for dim, one in one_rank.items():
        many = {name: found[f"{dim} {name}"] for name in one}
        assert many["ranks"] == ranks
        assert difference(one, many) < AGREEMENT


@pytest.mark.parametrize("dim", [2, 3])
def test_the_factorised_system_has_the_same_solution(one_rank, dim):
    assert difference(one_rank[dim], stripped(dim, direct=True)) < AGREEMENT


def test_another_inclination_is_seen(one_rank):
    assert difference(one_rank[2], stripped(2, tilt=0.2001)) > 100 * AGREEMENT
