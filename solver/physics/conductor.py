"""Which Li conducts electrons from the electrode: living Li reacts, dead Li does not.

One set of cells conducts: Li of the metal side (xi > 1/2 where m > 1/2), Li in defects of the electrolyte (`filled` of
`penetration`) and a collector. Parts of the Li that no chain of cells joins to the electrode are dead: they have no
electrons to give or to take, so charge transfer and filaments stand still there, and in a halo of HALO widths around
them where no living Li is nearer: their diffuse contact, the tails of which would pass what they may not at a higher
voltage. With the numbers n of cells, of the finest spacing, to the nearest dead and the nearest living Li

    active = 1/2 + (n_dead - n_living)/GRADUAL    between 0 and 1,    1 beyond the halo.

It is gradual because the border moves with every cell that begins to conduct or ceases to. Fronts that rest where a
border is do not move it to and fro: `penetration` has a memory of which cells conduct.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from mpi4py import MPI
from scipy.ndimage import binary_dilation, generate_binary_structure

from solver.domain.electrode import Electrode
from solver.numerics.array import Array
from solver.numerics.connectivity import connected
from solver.numerics.grid import GHOSTS, Grid
from solver.numerics.state import FieldInfo
from solver.physics.part import Column, Part

HALO = 8.0  # widths lambda: beyond are 3e-4 of a diffuse contact
GRADUAL = 4  # cells, over which `active` rises; at most 4, since dead and living cells are two or more apart


@dataclass(frozen=True)
class Conductor:
    """Cells of living and of dead Li; `active` is 0 where the contact is that of dead Li, 1 where it is not."""

    living: Array
    dead: Array
    active: Array


def find_conductor(
    grid: Grid, electrode: Electrode, lithium: Array, width: float, collector: Array | None = None
) -> Conductor:
    """Sort the cells of Li (bool) into living and dead ones (collective). width lambda, m; collector: its cells."""
    conducting = lithium if collector is None else lithium | collector
    seeds = np.zeros_like(conducting)
    seeds[electrode.cells] = conducting[electrode.cells]
    joined = connected(grid, conducting, seeds)
    living, dead = lithium & joined, lithium & ~joined
    active = np.ones(grid.local_shape)
    if grid.sum(dead) > 0:
        finest = min(float(np.diff(f).min()) for f in grid.faces)
        far = int(np.ceil(HALO * width / finest / GHOSTS)) * GHOSTS
        from_dead, from_living = (_cells_away(grid, cells, far) for cells in (dead, living))
        halo = from_dead <= far
        active[halo] = np.clip(0.5 + (from_dead - from_living)[halo] / GRADUAL, 0.0, 1.0)
    return Conductor(living, dead, active)


def _cells_away(grid: Grid, cells: Array, far: int) -> Array:
    """Cells from each cell to the nearest of `cells`, in a nearly round measure; `far` + 1 beyond `far`.

    Collective.
    """
    inner = (slice(GHOSTS, -GHOSTS),) * grid.dim
    beside, around = (generate_binary_structure(grid.dim, corners) for corners in (1, grid.dim))
    away, reached = np.where(cells, 0, far + 1), cells
    for number in range(1, far, GHOSTS):
        near = binary_dilation(grid.ghosted(reached.astype(float)) > 0.5, beside)
        for more, grown in enumerate((near, binary_dilation(near, around))):
            away[grown[inner] & ~reached] = number + more
            reached = reached | grown[inner]
    return away


@dataclass
class DeadLithium(Part):
    """Living and dead Li of a case. width lambda, m."""

    grid: Grid
    width: float
    # most steps change no cell of Li: what was found last, and for what
    _found: tuple[Electrode, list[Array], Conductor] | None = field(default=None, repr=False)

    name = "dead_lithium"
    outputs = (FieldInfo("dead_lithium", "", "1", "1 where Li is not joined to the electrode"),)
    columns = (Column("dead_lithium", "m", "Li that is not joined to the electrode, per cross-section"),)

    def find(self, electrode: Electrode, lithium: Array, collector: Array | None) -> Conductor:
        """Sort the cells of Li (bool, collective); collector: its cells, None without one."""
        cells = [lithium] if collector is None else [lithium, collector]
        if self._found is None or self._found[0] is not electrode or self._differ(self._found[1], cells):
            found = find_conductor(self.grid, electrode, lithium, self.width, collector)
            self._found = electrode, cells, found
        return self._found[2]

    def _differ(self, some: list[Array], others: list[Array]) -> bool:
        differ = any(not np.array_equal(a, b) for a, b in zip(some, others, strict=True))
        return bool(self.grid.comm.allreduce(differ, MPI.LOR))

    def measure(self, conductor: Conductor, lithium: Array) -> dict[str, float]:
        """Scalars of a step; lithium: Li metal and Li in defects, per volume of the box (collective)."""
        return {"dead_lithium": self.grid.integral(conductor.dead * lithium) / self.grid.lateral_area}
