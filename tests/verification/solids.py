"""Common parts of the tests of the mechanics: grids, solids of one kind, one step, radial profiles."""

from __future__ import annotations

import numpy as np

from solver.laws.creep import CreepLaw
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.force_balance import Growth, Load, MechanicalState
from solver.physics.mechanics import Mechanics, MechanicsResult
from solver.physics.rheology import Properties

NO_CREEP = CreepLaw(prefactor=1e-30, exponent=1.0, strength=1e6)  # an elastic solid
HELD = 1e25  # Pa/m: a fixture that holds the platen where it is, so that the bottom is a plane of symmetry
SOFT = 1e-6  # shear viscosity of a void relative to the solid's


def no_growth(s_n: Array) -> tuple[Array, Array]:
    """S = 0."""
    return np.zeros_like(s_n), np.zeros_like(s_n)


def given_growth(rate: Array) -> Growth:
    """S prescribed, whatever the stress."""
    return lambda s_n: (np.broadcast_to(rate, s_n.shape), np.zeros_like(s_n))


def properties(
    grid: Grid,
    creep: CreepLaw = NO_CREEP,
    shear: float = 3e9,
    bulk: float = 10e9,
    void_viscosity: float = 1.0,
    memory: Array | float = 0.0,
    normal: tuple[Array, ...] | None = None,
    residual_stress: float = 0.0,
) -> Properties:
    """Metal and electrolyte with the same elastic moduli; contact normal along the last axis."""
    one = np.ones(grid.local_shape)
    flat = (0 * one,) * (grid.dim - 1) + (one,)
    return Properties(
        creep=creep,
        lithium_shear=shear,
        lithium_bulk=bulk,
        void_viscosity=void_viscosity,
        electrolyte_shear=shear * one,
        electrolyte_bulk=bulk * one,
        memory=memory * one,
        normal=normal or flat,
        residual_stress=residual_stress * one,
    )


def converged(
    mechanics: Mechanics,
    old: MechanicalState,
    load: Load,
    lithium: Array | float = 1.0,
    growth: Growth = no_growth,
    dt: float = 1.0,
) -> MechanicsResult:
    """One step that must converge."""
    xi = np.broadcast_to(lithium, mechanics.grid.local_shape)
    result = mechanics.step(old, xi, growth, load, dt)
    assert result.outcome.converged, result.outcome
    return result


def stretched(fine: float, cells: int, far: float, ratio: float = 1.15) -> Array:
    """Faces from 0: `cells` equal cells up to `fine`, then growing by `ratio` up to about `far`."""
    faces = list(np.linspace(0.0, fine, cells + 1))
    step = fine / cells
    while faces[-1] < far:
        step *= ratio
        faces.append(faces[-1] + step)
    return np.array(faces)


def quarter(radius: float, cells: int, far: float, fine: float = 2.0) -> Grid:
    """A quarter of the plane around a hole at the corner; `cells` per radius, equal up to `fine` radii."""
    faces = stretched(fine * radius, round(fine * cells), far * radius)
    return Grid([faces, faces], [False])


def hole(grid: Grid, radius: float, width: float) -> tuple[Array, Array]:
    """xi around a cylindrical void at the corner, and the distance from its axis."""
    r = np.hypot(*grid.cell_coordinates())
    return 0.5 * (1 + np.tanh((r - radius) / (2 * width))), r


def lower_faces(grid: Grid, axis: int) -> list[Array]:
    """Coordinates of the lower faces of the owned cells: where the velocities of `axis` live."""
    points = grid.cell_coordinates()
    points[axis] = grid.along(axis, grid.faces[axis][grid.owned[axis]])
    return points


def in_cells(mechanics: Mechanics, velocity: Array) -> Array:
    """Velocities in the cells: means of both faces, shape (dim, *cells)."""
    means = []
    for axis, values in enumerate(mechanics.mac.faces(velocity)):
        along = np.moveaxis(values, axis, 0)
        means.append(np.moveaxis(0.5 * (along[1:] + along[:-1]), 0, axis))
    return np.stack(means)
