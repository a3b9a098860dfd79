"""Whole numbers of nuclei: births in a column of cells are events of a Poisson process, not fractions of one.

The mean field (`physics.nucleation`) has int J dt births per area of every place. Where a column of cells, of the area
A_c of contact, has few of them that they are few, and uneven, matters. Here

    H = A_c int J dt                     births that the mean field expects in the column
    n = number of k with T_k <= H,       T_k = e_1 + ... + e_k,  e of the exponential distribution, mean 1

e_k depends on the seed, the place of the column and k, so that n is a function of H: it depends neither on the steps
that lead to H, nor on ranks, nor on a restart. H and n are fields of the state. They go on when nuclei are
stripped, so that the next ones are new events.

**Over the sides of cells.** Caps are flat: one of 30 nm is 700 nm wide at an angle of 10 degrees. Their shares of N and
of the moments M spread between cells so that they have the variance of a disc of the radius of a cap's base,

    d_t M = div(D grad M),   D = r d_t r/4,   r = sin(theta) M_1/M_0        on each face the larger of both sides' D

along the contact, which keeps their sums and an even M as it is. So cells where nothing was born are covered by the
nuclei beside them, and cells may be smaller than a nucleus.

**In a step** nuclei that were there grow, within Newton's method of the charge, as the mean field's do; H takes J of
the potential at both ends of the step. What is born is added at the end of it, as a jump: n' - n nuclei of the radius
R_b, 1/A_c of each moment's births, and exp(-A) of N. They hold no Li and have passed no current, so Li and charge
close as before. Births are late by half a step on average, an error of the order of dt, which the truncation error
of ln(1 + H/SEEN) bounds. Sites (N_0) are counted by the births that there were at the start of the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver.domain.contact import Contact
from solver.laws import nucleation
from solver.laws.nucleation import NucleationParameters
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.operators import along_axis
from solver.numerics.random_fields import arrivals
from solver.numerics.state import Fields, State
from solver.physics.nucleation import COVERED, MOMENTS, bare_share, extent
from solver.physics.part import Part, PartResult, StateField
from solver.physics.step import Step

EXPECTED, BORN = "nucleus_hazard", "nucleus_births"  # ln(1 + H/SEEN) and n
SEEN = 1e-2  # births, from which on H counts in the error of a step
LARGEST_REACH = 0.2  # D dt/dx^2 of an explicit step of the spreading; 1/4 would be the limit of its stability
TOLERANCE = 0.02  # of ln(1 + H/SEEN) in a step


@dataclass
class RandomBirths(Part):
    """Births of a case in 3-D. barrier: B in the cells, V^2; seen: A from which on nuclei count (`extent`)."""

    grid: Grid
    parameters: NucleationParameters
    barrier: Array
    seen: float
    seed: int

    name = "births"
    fields = (StateField(EXPECTED, predicted=True, tolerance=TOLERANCE), StateField(BORN))

    def start(self, contact: Contact) -> dict[str, Array]:
        return {kept.name: np.zeros(self.grid.local_shape) for kept in self.fields}

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        """H goes on, and caps over the sides of their cells (collective)."""
        before, potentials = state["nucleus_moment_0"], (state["potential"], new["potential"])
        ever, _ = nucleation.ever_born(self.parameters, before, potentials, self.barrier, step.dt)
        bare = bare_share(self.grid, state, contact) > COVERED
        more = self.grid.columns(contact.area * bare * np.maximum(ever - before, 0.0))
        expected = np.log1p(np.expm1(state[EXPECTED]) + more / SEEN)
        moments = self._spread({name: new[name] for name in MOMENTS}, self._squared(new) - self._squared(state))
        overlap = self.parameters.overlap(moments["nucleus_moment_2"])
        own = {EXPECTED: expected, BORN: state[BORN].copy(), "nucleated_extent": extent(overlap, self.seen)}
        return PartResult(moments | own, self._measure({**new, **moments, **own}, contact))

    def _measure(self, fields: Fields, contact: Contact) -> dict[str, float]:
        """Columns of `nucleation` with what is born at the end of the step (collective)."""
        born = self.jump(fields, contact)
        number, second = (fields[name] + born.get(name, 0.0) for name in ("nucleus_density", "nucleus_moment_2"))
        covered = nucleation.coverage(self.parameters.overlap(second))
        density, share = self.grid.sums(contact.area * number, contact.area * covered)
        return {"nucleus_density": density / self.grid.lateral_area, "nucleated_share": share / self.grid.lateral_area}

    def _squared(self, fields: Fields) -> Array:
        """r^2 of the caps' bases in the cells, m^2."""
        number, radii = fields["nucleus_moment_0"], fields["nucleus_moment_1"]
        mean = np.divide(radii, number, out=np.zeros_like(radii), where=number > 0)
        return np.asarray((math.sin(self.parameters.angle) * mean) ** 2)

    def _spread(self, moments: dict[str, Array], grown: Array) -> dict[str, Array]:
        """What caps of which r^2 has grown so much have in each cell (collective)."""
        reach = [self._on_faces(np.maximum(grown, 0.0), axis) for axis in range(self.grid.dim - 1)]
        parts = math.ceil(max(self.grid.max(values) for values in reach) / LARGEST_REACH)
        for _ in range(parts):
            moments = {name: self._spread_once(values, reach, parts) for name, values in moments.items()}
        return moments

    def _on_faces(self, grown: Array, axis: int) -> Array:
        """D dt/dx^2 on the faces of an axis (collective)."""
        lower, upper = self.grid.sides(self.grid.ghosted(grown), axis)
        return np.asarray(np.maximum(lower, upper) * self.grid.interior[axis] / (8 * self.grid.distance[axis] ** 2))

    def _spread_once(self, values: Array, reach: list[Array], parts: int) -> Array:
        ghosted = self.grid.ghosted(values)
        result = values.copy()
        for axis, share in enumerate(reach):
            below, above = along_axis(axis, self.grid.dim)
            lower, upper = self.grid.sides(ghosted, axis)
            flow = share / parts * (lower - upper)
            result += flow[below] - flow[above]
        return result

    def jump(self, fields: Fields, contact: Contact) -> dict[str, Array]:
        """What is born in the step (collective)."""
        grid, p, place = self.grid, self.parameters, (..., slice(1))
        born = arrivals(self.seed, self._places(), SEEN * np.expm1(fields[EXPECTED][place])) - fields[BORN][place]
        if not grid.max(born):
            return {}
        area = grid.columns(contact.area)
        potential = grid.columns(contact.area * fields["potential"]) / area
        density, radius = born / area, nucleation.radius_at_birth(p, potential)
        before = p.overlap(fields["nucleus_moment_2"])
        changes = (density * np.exp(-before), density, density * radius, density * radius**2)
        more = p.overlap(changes[-1])
        change = dict(zip(MOMENTS, changes, strict=True)) | {
            "nucleated_extent": extent(before + more, self.seen) - extent(before, self.seen),
            BORN: born,
        }
        return {name: np.broadcast_to(values, grid.local_shape) for name, values in change.items()}

    def _places(self) -> Array:
        """Number of every owned column."""
        return np.asarray(self.grid.global_ids()[..., :1] // np.uint64(self.grid.shape[-1]))
