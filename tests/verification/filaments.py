"""Common parts of the verification of filaments: networks made by hand on small grids."""

from __future__ import annotations

import numpy as np

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.operators import full_faces
from solver.physics.filament import OPENED, Defects, FilamentEquation, FilamentParameters
from tests.verification.setups import VOLUME_PER_CHARGE

WIDTH = 1e-7  # lambda, m


def whole_electrolyte(grid: Grid, intact: float = 0.0) -> Defects:
    """Everything can be filled (b = 1, beta = 1) at one infiltration pressure (Pa), walls closed."""
    faces = [full_faces(grid, axis, np.ones(())) for axis in range(grid.dim)]
    return _defects(grid, np.ones(grid.local_shape), faces, intact, 1.0)


def channel(grid: Grid, half_width: float, intact: float, opening_ratio: float = 1.0) -> Defects:
    """A straight channel along z in the middle of x with b = exp(-(d/half_width)^2); opened Pi is 0."""

    def b(points: list[Array]) -> Array:
        middle = 0.5 * (grid.faces[0][0] + grid.faces[0][-1])
        return np.exp(-(((points[0] - middle) / half_width) ** 2))

    cells = np.broadcast_to(b(grid.cell_coordinates()), grid.local_shape)
    faces = [full_faces(grid, axis, b(grid.face_coordinates(axis))) for axis in range(grid.dim)]
    return _defects(grid, cells, faces, intact, opening_ratio)


def _defects(grid: Grid, b: Array, faces: list[Array], intact: float, opening_ratio: float) -> Defects:
    one = np.ones(grid.local_shape)
    across = np.zeros((grid.dim, *grid.local_shape))
    across[0] = 1.0
    return Defects(
        indicator=b,
        indicator_faces=faces,
        electrolyte=one,
        opening_ratio=opening_ratio * one,
        normal=across,
        intact=intact * one,
        opened=0 * one,
        open=np.zeros(grid.local_shape, dtype=bool),
        bears_load=one,
    )


def equation(
    defects: Defects, grid: Grid, mobility: float, largest_drive: float, width: float = WIDTH
) -> FilamentEquation:
    """The equation with tight tolerances; largest_drive F, Pa."""
    parameters = FilamentParameters(
        mobility=mobility, largest_drive=largest_drive, width=width, volume_per_charge=VOLUME_PER_CHARGE
    )
    return FilamentEquation(grid, defects, parameters, linear_tolerance=1e-11, newton_tolerance=1e-11, max_newton=15)


def profile(distance: Array, width: float = WIDTH) -> Array:
    """A front at distance 0 that is filled below."""
    return 0.5 * (1 - np.tanh(distance / (2 * width)))


def advance(
    eq: FilamentEquation, zeta: Array, opened: Array, potential: Array | float, dt: float
) -> tuple[Array, Array]:
    """One step at a given potential (V): zeta and where the walls are separated."""
    cost = eq.drive(opened, np.zeros(()), 0.0)
    drive = np.broadcast_to(cost - potential / VOLUME_PER_CHARGE, zeta.shape)
    done = eq.step(zeta, drive, np.ones_like(zeta), dt, zeta)
    assert done.outcome.converged
    values = np.clip(done.values, 0.0, 1.0)
    return values, opened | (values > OPENED)
