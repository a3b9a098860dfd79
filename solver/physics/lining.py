"""The energy of what lines the defects, on the grid: of each layer, and of the film at the mouths (`laws.lining`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solver.domain import contact as geometry
from solver.numerics.array import Array
from solver.numerics.grid import Grid


def lining_energy(
    grid: Grid,
    thicknesses: Sequence[float],
    energies: Sequence[float],
    film_energy: float | Array | None,
    mouth_depth: float,
    height: geometry.Height = geometry.flat,
) -> Array:
    """gamma on the owned cells, J/m^2.

    thicknesses (m) and energies (J/m^2) are those of the electrolyte's layers, from the contact upwards. film_energy
    takes their place up to mouth_depth (m) above the surface z = height(x, y), None where the film has none.
    """
    (energy,) = geometry.layer_values(grid, thicknesses, [(value,) for value in energies])
    if film_energy is None:
        return energy
    points = grid.cell_coordinates()
    surface, _ = height(*points[:-1])
    return np.where(points[-1] - surface < mouth_depth, film_energy, energy)
