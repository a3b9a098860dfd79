"""Where the metal touches the electrolyte: current passes there and nowhere else.

    f = int |grad psi| h(xi) dz / int |grad psi| dz      of a column of cells along the normal of the box
    t = smooth step of f over RANGE                      touching share; the current of its cells is taken t/f times

The weight |grad psi| h of a diffuse contact does not end where the metal does: it still sees 0.31 of a surface that has
drawn back by lambda, so that a thin void would go on passing current. t is 1 for dense metal, 1/2 where
the surface xi = 1/2 lies in the plane of the contact, 0 where it has drawn back by lambda. So the column passes t times
the current of a full contact, spread over its cells as before. psi, xi and h: `free_energy`.
"""

from __future__ import annotations

import numpy as np

from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.numerics.array import Array, smooth_step
from solver.numerics.grid import Grid

RANGE = (0.3, 0.7)  # f at which contact is lost, and at which all of it is there
LEAST = 1e-12  # f that stands for none


def weight(grid: Grid, contact: Contact, lithium: Array) -> Array:
    """f of every column, (*lateral, 1) (collective)."""
    return grid.columns(contact.area * fe.step(lithium)) / grid.columns(contact.area)


def share(weight: Array) -> Array:
    """t of f."""
    return smooth_step(weight, *RANGE)


def factor(weight: Array) -> Array:
    """t/f of f."""
    return share(weight) / np.maximum(weight, LEAST)


def mean(grid: Grid, columns: Array) -> float:
    """Mean over the cross-section of values of columns (collective)."""
    total, volume = grid.sums(columns * grid.volume, grid.volume)
    return total / volume
