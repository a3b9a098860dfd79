"""Which Li conducts electrons from the electrode: living Li reacts, dead Li does not.

One set of cells conducts: Li of the metal side (xi > 1/2 where m > 1/2), Li in defects of the electrolyte and a
collector. Parts of the Li that no chain of cells joins to the electrode are dead: they have no electrons to give or to
take, so charge transfer and filaments stand still there, and in a halo of HALO widths around them where no living Li is
nearer: their diffuse contact, the tails of which would pass what they may not at a higher voltage. The halo is counted
in cells of the finest spacing, GHOSTS at a time.
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


@dataclass(frozen=True)
class Conductor:
    """Cells of living and of dead Li; `active` is 0 where the contact is that of dead Li, 1 elsewhere."""

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
        rounds = int(np.ceil(HALO * width / finest / GHOSTS))
        active[_with_halo(grid, dead, living, rounds)] = 0.0
    return Conductor(living, dead, active)


def _with_halo(grid: Grid, dead: Array, living: Array, rounds: int) -> Array:
    """Dead cells, and those within about `rounds` times GHOSTS cells to which no living one is nearer (collective)."""
    for _ in range(rounds):
        near_living, near_dead = _grown(grid, living), _grown(grid, dead)
        living, dead = living | (near_living & ~dead), dead | (near_dead & ~near_living & ~living)
    return dead


def _grown(grid: Grid, cells: Array) -> Array:
    """The cells and those within about GHOSTS cells of them (collective)."""
    inner = (slice(GHOSTS, -GHOSTS),) * grid.dim
    beside, around = (generate_binary_structure(grid.dim, corners) for corners in (1, grid.dim))
    wide = grid.ghosted(cells.astype(float)) > 0.5
    grown: Array = binary_dilation(binary_dilation(wide, beside), around)[inner]  # in turn: nearly round
    return grown


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
