"""Li between a collector and the electrolyte: how thick, how much of either it covers, in how many islands.

    H = int m c dz                             thickness of Li at bulk occupancy, of a column of cells along the normal
    g = int m dz                               gap between the two bodies (`collector`)
    f_c = int |grad chi| h(xi) / int |grad chi|    weight of Li on the collector

A column is covered where more than half of its gap is Li, int m h(xi) dz > g/2; islands are what is joined of covered
columns. The part brings no physics: it measures where there is a collector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI

from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.numerics.array import Array
from solver.numerics.connectivity import components
from solver.numerics.grid import Grid
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics import touching
from solver.physics.part import Column, Part, PartResult
from solver.physics.step import Step


@dataclass
class Deposit(Part):
    """What lies on the collector of a case."""

    grid: Grid

    name = "deposit"
    outputs = (
        FieldInfo("collector", "chi", "1", "collector indicator"),
        FieldInfo("gap", "g", "m", "distance between collector and electrolyte, of each column"),
        FieldInfo("lithium_thickness", "H", "m", "thickness of Li between collector and electrolyte, of each column"),
    )
    columns = (
        Column("gap", "m", "mean distance between collector and electrolyte"),
        Column("smallest_gap", "m", "smallest distance between collector and electrolyte"),
        Column("lithium_thickness", "m", "mean thickness of Li between collector and electrolyte"),
        Column("thickness_spread", "m", "standard deviation of the thickness of Li along the contact"),
        Column("collector_coverage", "1", "weight of Li on the collector, 1 where it is full"),
        Column("covered_fraction", "1", "share of the cross-section where more than half of the gap is Li"),
        Column("islands", "", "number of islands of Li that are not joined to each other"),
        Column("largest_island", "1", "share of the cross-section that the largest island covers"),
        Column("lithium_in_gaps", "m", "mean thickness of Li in columns that do not touch the electrolyte"),
    )

    def thickness(self, fields: Fields, contact: Contact) -> Array:
        """H of every column, (*lateral, 1), m (collective)."""
        return self._along(contact.metal * fields["occupancy"])

    def _along(self, values: Array) -> Array:
        return self.grid.columns(values * self.grid.spacing[-1])

    def _covered(self, fields: Fields, contact: Contact) -> Array:
        filled, gap = self._along(contact.metal * fe.step(fields["lithium"])), self._along(contact.metal)
        return np.asarray(filled > 0.5 * gap)

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        place, grid = contact.collector, self.grid
        assert place is not None
        thickness, covered = self.thickness(new, contact), self._covered(new, contact)
        mean = touching.mean(grid, thickness)
        active = place.area_density * grid.volume
        wetted, area = grid.sums(active * fe.step(new["lithium"]), active)
        islands = components(grid, np.broadcast_to(covered, grid.local_shape))
        apart = touching.share(touching.weight(grid, contact, new["lithium"])) < 0.5
        measured = {
            "gap": touching.mean(grid, place.gap),
            "smallest_gap": -grid.max(-place.gap),
            "lithium_thickness": mean,
            "thickness_spread": float(np.sqrt(touching.mean(grid, (thickness - mean) ** 2))),
            "collector_coverage": wetted / area,
            "covered_fraction": touching.mean(grid, covered),
            "islands": grid.max(islands),
            "largest_island": self._largest(islands),
            "lithium_in_gaps": touching.mean(grid, thickness * apart),
        }
        return PartResult(measured=measured)

    def _largest(self, islands: Array) -> float:
        """Share of the cross-section of the largest of the numbered islands (collective)."""
        grid = self.grid
        volume = np.broadcast_to(grid.volume, grid.local_shape)
        sizes = np.bincount(islands.ravel(), volume.ravel(), minlength=round(grid.max(islands)) + 1)
        grid.comm.Allreduce(MPI.IN_PLACE, sizes)
        return float(np.max(sizes[1:], initial=0.0) / np.sum(sizes))

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        assert contact.collector is not None
        shape = self.grid.local_shape
        return {
            "collector": contact.collector.indicator.copy(),
            "gap": np.broadcast_to(contact.collector.gap, shape).copy(),
            "lithium_thickness": np.broadcast_to(self.thickness(state, contact), shape).copy(),
        }
