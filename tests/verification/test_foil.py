"""A collector that bends (`solver/physics/foil.py`) against plates on beds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from solver.domain.collector import Collector
from solver.domain.contact import make_contact
from solver.domain.electrode import Electrode
from solver.laws.bare_contact import BareContact
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.foil import Foil
from solver.physics.force_balance import Load, Touch
from solver.physics.mechanics import Mechanics
from solver.physics.rheology import memory_weight
from tests.verification.solids import NO_CREEP, properties

WIDTH = 100e-9  # m, lambda
EXTENT = 2e-6  # m, one wave
PRESSURE = 5e6  # Pa
WAVE = 0.2e-9  # m, amplitude of the collector's surface: small against the gap that the contact leaves
STIFF = 1e14  # Pa, modulus of the electrolyte, which is to give way by nothing


def pressed(foil: Foil | None, dim: int, steps: int = 6) -> tuple[Array, Array, float]:
    """Z and g0 of every column of a wavy bare collector pressed against a flat electrolyte, and -dp_c/dg there."""
    cells = 20 if dim == 2 else 10
    lateral = [np.linspace(0.0, EXTENT, cells + 1)] * (dim - 1)
    grid = Grid([*lateral, np.arange(-10, 9) * WIDTH / 2], [True] * (dim - 1))
    law = BareContact(WIDTH)
    rest = law.gap_under(PRESSURE)
    wave = 2 * np.pi / EXTENT

    def depth(*places: Array) -> tuple[Array, Sequence[Array]]:
        value = rest + WAVE * np.prod(np.broadcast_arrays(*[np.cos(wave * x) for x in places]), axis=0)
        return value, [np.zeros(()) for _ in places]

    collector = Collector(grid, WIDTH, make_contact(grid, WIDTH, electrode=Electrode(grid, reservoir=False)), depth)
    solid = replace(properties(grid, NO_CREEP, STIFF, STIFF, void_viscosity=1.0), lithium_shear=3e9, lithium_bulk=1e10)
    mechanics = Mechanics(grid, solid, 1e-7, direct=dim == 2, foil=foil)
    state, moved = mechanics.start(0.0), np.zeros((*grid.local_shape[:-1], 1))
    for _ in range(steps):
        contact = collector.at(moved)
        assert contact.collector is not None
        memory = memory_weight(contact.electrolyte)
        mechanics.place(memory, contact.normal, contact.collector.rigid)
        below, _ = grid.sides(grid.ghosted(memory), dim - 1)
        touch = Touch(gap=contact.collector.gap, law=law.pressure, bare=np.ones(()), lift=memory - below[..., :-1])
        load = Load(pressure=PRESSURE, stiffness=1e10, touch=touch)
        result = mechanics.step(state, np.zeros(grid.local_shape), lambda s: (0 * s, 0 * s), load, 1.0)
        assert result.outcome.converged, result.outcome
        state = result.state
        moved = grid.columns((mechanics.mac.bottom_area > 0) * state.displacement[..., -1])
    return moved[..., 0], depth(*grid.cell_coordinates()[:-1])[0][..., 0], float(law.pressure(np.array(rest))[1])


def share(foil: Foil | None, dim: int) -> tuple[float, float]:
    """How far a collector follows the electrolyte, and how far a plate on a bed and a spring does."""
    moved, depth, slope = pressed(foil, dim)
    found = (moved * (depth - depth.mean())).sum() / ((depth - depth.mean()) ** 2).sum()
    if foil is None:
        return found, 0.0
    spacing = EXTENT / moved.shape[0]
    squared = (dim - 1) * (2 / spacing * np.sin(np.pi * spacing / EXTENT)) ** 2  # of the wave on the grid
    return found, slope / (slope + foil.bending_stiffness * squared**2 + foil.bedding)


@pytest.mark.parametrize(
    ("foil", "dim"),
    [(Foil(1e-11), 2), (Foil(1e-10), 2), (Foil(1e-13, 1e15), 2), (Foil(1e-11), 3), (Foil(1e-13, 1e15), 3)],
)
def test_a_foil_follows_the_electrolyte_as_a_plate_on_a_bed(foil: Foil, dim: int) -> None:
    found, expected = share(foil, dim)
    assert found == pytest.approx(expected, abs=5e-3)


def test_a_stiff_foil_is_a_rigid_collector() -> None:
    assert share(Foil(1e-4), 2)[0] == pytest.approx(0.0, abs=1e-6)
    stiff, rigid = pressed(Foil(1e-4), 2)[0], pressed(None, 2)[0]
    assert np.ptp(rigid) == 0.0
    np.testing.assert_allclose(stiff, rigid, rtol=0.01)
