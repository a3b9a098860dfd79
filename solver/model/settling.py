"""What xi and c become at rest where Li has jumped, before time goes on.

Nuclei become Li by columns of cells (`physics.nucleation`), which are lambda/2 wide: the edge of a film that begins so
is sharper than the order parameter can be. It relaxes to a profile, and c with it, at the speed of the mobility L, a
number and no property. To follow that in time took 10 to 25 steps of 20 ms for each column. So what jumps settles
first,

    m d_s xi = -L dF/dxi,    d_s(m c) = div(m k D grad(c - h(xi)))        0 < s < SETTLING/(2 L W)

without current, motion or planes, with the equations of the step in STAGES of backward Euler, each RATIO times as long
as the last one, c seeing xi ahead. int m c dV stays. Where the contact is even nothing changes.

    1/(2 L W)   1.5 s at lambda = 200 nm      F, W, h: `laws.free_energy`      D, k: `laws.vacancies`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.lithium import Lithium
from solver.physics.occupancy import Occupancy
from solver.physics.step import require

SETTLING = 0.5  # of 1/(2 L W): from 0.27 to 0.68 the voltage of a cell on Mg changes by 0.2 %
STAGES, RATIO = 12, 1.4


@dataclass(frozen=True)
class Settling:
    """The equations of xi and c of a case, at rest."""

    grid: Grid
    lithium: Lithium
    occupancy: Occupancy

    def __call__(self, contact: Contact, xi: Array, c: Array, thickening: Array) -> tuple[Array, Array]:
        """xi and c that xi and c settle to; thickening: k (collective). Raises SolveFailed."""
        equation, grid = self.lithium.equation, self.grid
        still, none = [np.zeros((1,) * grid.dim)] * grid.dim, np.zeros(grid.local_shape)
        first = SETTLING / (2 * equation.mobility * equation.energy.barrier) * (RATIO - 1) / (RATIO**STAGES - 1)
        speed: Array | float = 0.0
        for stage in range(STAGES):
            ds = first * RATIO**stage
            ahead = np.clip(xi + ds * speed, 0.0, 1.0)
            moved = self.occupancy.equation.step(
                old=c,
                old_weight=contact.metal,
                contact=contact,
                lithium=ahead,
                h=fe.step(ahead),
                velocity=still,
                source=none,
                dt=ds,
                thickening=thickening,
            )
            require("occupancy, settling", moved.outcome)
            formed = equation.step(xi, contact, moved.occupancy, still, ds, guess=ahead)
            require("lithium, settling", formed.outcome)
            new = np.clip(formed.values, 0.0, 1 - self.lithium.impurities)
            speed = (new - xi) / ds if stage == 0 else 0.5 * (speed + (new - xi) / ds)
            xi, c = new, moved.occupancy
        return xi, c
