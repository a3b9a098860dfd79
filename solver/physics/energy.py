"""The free energy of the fields: `free_energy` integrated over the grid."""

from __future__ import annotations

import numpy as np

from solver.domain.contact import Contact
from solver.laws.free_energy import EnergyParameters, step, well
from solver.numerics.array import Array
from solver.numerics.grid import Grid


def total(grid: Grid, contact: Contact, p: EnergyParameters, lithium: Array, occupancy: Array) -> float:
    """F of the fields xi and c, J (collective)."""
    energy = 0.0
    ghosted = grid.ghosted(lithium)
    for axis in range(grid.dim):
        lower, upper = grid.sides(ghosted, axis)
        distance = grid.distance[axis]
        slope = (upper - lower) / distance * grid.interior[axis]
        # a face belongs to the cell above it; faces shared with the next rank are counted there
        own = [slice(None)] * grid.dim
        own[axis] = slice(0, -1)
        volume = np.broadcast_to(grid.area[axis] * distance, slope.shape)
        density = 0.5 * p.gradient * contact.metal_faces[axis] * slope**2 * volume
        energy += grid.sum(density[tuple(own)])
    bulk = contact.metal * (p.barrier * well(lithium) + p.vacancy_energy(step(lithium) - occupancy))
    surface = p.wall_energy(contact.walls(p.width)) * step(lithium)
    return energy + grid.integral(bulk + surface)
