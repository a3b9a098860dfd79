"""Li site occupancy: diffusion of vacancies, drift of the lattice, charge transfer at the contact.

    d_t (m c) + div(m c v) = div( m D(xi) grad(c - h(xi)) ) + |grad psi| h (Omega/F) j
    D(xi) = D_bulk h(xi) + D_surface 16 xi^2 (1 - xi)^2 delta_s / lambda

    m c    Li per volume over that of bulk Li            v   lattice velocity on the faces, m/s
    D      diffusivity, m^2/s                            |grad psi|  contact area per volume, 1/m
    j      transfer current density, A/m^2               c - h       chemical potential over A

Bottom: a Li reservoir, c = h (= 1 in dense Li); elsewhere no flux. Linear in c; the unknown is the change
over the step, backward Euler. What crossed the bottom is returned, so the inventory int m c closes to the
accuracy of the solver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.domain.contact import Contact
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.linear import LinearSolver, Outcome
from solver.numerics.operators import Stencil, conductance, face_mean, full_faces, hybrid_weight, net_outflow

SURFACE_THICKNESS = 0.3e-9  # m, delta_s: one atomic layer carries the surface diffusion


@dataclass(frozen=True, kw_only=True)
class DiffusionParameters:
    """Diffusivities in m^2/s; width lambda in m."""

    diffusivity: float
    surface_diffusivity: float
    width: float

    def of(self, lithium: Array, h: Array) -> Array:
        """D(xi), m^2/s."""
        bulk = self.diffusivity * h
        if self.surface_diffusivity == 0.0:
            return bulk
        near_surface = 16 * (lithium * (1 - lithium)) ** 2
        return bulk + self.surface_diffusivity * near_surface * SURFACE_THICKNESS / self.width


@dataclass(frozen=True)
class OccupancyResult:
    """occupancy: new c. bottom_inflow: m^3 of Li (bulk occupancy) that entered per second, at the new time."""

    occupancy: Array
    bottom_inflow: float
    outcome: Outcome


class OccupancyBalance:
    """Solver of the occupancy equation; keeps its matrix and preconditioner.

    reservoir: whether the bottom is a Li reservoir (else no flux there).
    """

    def __init__(self, grid: Grid, diffusion: DiffusionParameters, linear_tolerance: float, reservoir: bool = True):
        self.grid = grid
        self.diffusion = diffusion
        self.reservoir = reservoir
        self.solver = LinearSolver(grid, "occupancy", "gmres", linear_tolerance)
        self._stencil = Stencil(grid)

    def step(
        self,
        *,
        old: Array,
        old_weight: Array,
        contact: Contact,
        lithium: Array,
        h: Array,
        velocity: Sequence[Array],
        source: Array,
        dt: float,
    ) -> OccupancyResult:
        """Advance c by dt (collective).

        old, old_weight: c and m of the old time level. contact: weights of the new one. lithium, h: xi and h(xi).
        velocity: m/s on the faces of every axis (broadcastable). source: Li supplied per volume, 1/s.
        """
        grid, stencil = self.grid, self._stencil
        stencil.values[...] = 0.0
        diffusivity = grid.ghosted(self.diffusion.of(lithium, h))
        c_ghosted, h_ghosted = grid.ghosted(old), grid.ghosted(h)
        fluxes = []
        for axis in range(grid.dim):
            mobile = contact.metal_faces[axis] * face_mean(grid, diffusivity, axis)
            k = conductance(grid, axis, mobile)
            stencil.add_conductance(axis, k)
            lower, upper = grid.sides(c_ghosted, axis)
            h_lower, h_upper = grid.sides(h_ghosted, axis)
            flux = k * ((lower - h_lower) - (upper - h_upper))
            if np.any(velocity[axis]):
                flow = contact.metal_faces[axis] * grid.area[axis] * grid.interior[axis] * velocity[axis]
                flow = full_faces(grid, axis, flow)
                weight = hybrid_weight(grid, axis, flow, k)
                stencil.add_advection(axis, flow, weight)
                flux = flux + flow * (lower + weight * (upper - lower))
            fluxes.append(flux)
        residual = net_outflow(grid, fluxes) + (contact.metal - old_weight) * old * grid.volume / dt
        residual -= source * grid.volume
        bottom = self._bottom(contact, diffusivity, velocity[-1], stencil, residual, old, h)
        stencil.diagonal[...] += contact.metal * grid.volume / dt
        change, outcome = self.solver.solve(stencil, -residual)
        new = old + change
        return OccupancyResult(new, self._inflow(bottom, new), outcome)

    def _bottom(
        self,
        contact: Contact,
        diffusivity: Array,
        velocity: Array,
        stencil: Stencil,
        residual: Array,
        old: Array,
        h: Array,
    ) -> tuple[Array, Array] | None:
        """Add the reservoir to the bottom cells; returns (conductance, constant) of inflow = constant - k c."""
        grid = self.grid
        if not (self.reservoir and grid.is_bottom):
            return None
        h_bottom = h[..., :1]
        inner = grid.without_ghosts(diffusivity)[..., :1]
        area = np.broadcast_to(grid.area[-1], h_bottom.shape)
        weight = contact.metal_faces[-1][..., :1]
        k = weight * inner * area / (0.5 * grid.spacing[-1][..., :1])
        constant = k * h_bottom + weight * area * velocity[..., :1]
        stencil.diagonal[..., :1] += k
        residual[..., :1] += k * old[..., :1] - constant
        return k, constant

    def _inflow(self, bottom: tuple[Array, Array] | None, new: Array) -> float:
        inflow = 0.0 if bottom is None else float(np.sum(bottom[1] - bottom[0] * new[..., :1]))
        return self.grid.sum(np.asarray(inflow))
