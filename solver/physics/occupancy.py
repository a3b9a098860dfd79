"""Li site occupancy: diffusion of vacancies, drift of the lattice, charge transfer at the contact.

    d_t (m c) + div(m c v) = div( m D(xi) grad(c - h(xi)) ) + |grad psi| h (t/f) (Omega/F) j
    D(xi) = k D_bulk h(xi) + D_surface 6 xi^2 (1 - xi)^2 delta_s/lambda

    m c    Li per volume over that of bulk Li            v   lattice velocity on the faces, m/s
    D      diffusivity, m^2/s                            |grad psi|  contact area per volume, 1/m
    j      transfer current density, A/m^2               h - c       vacancies beyond those of xi
    t/f    whether Li touches: `touching`                 k       thickening of the vacancy layer: `vacancies`

The integral of 6 xi^2 (1 - xi)^2/lambda across a surface is 1, so that it carries D_surface delta_s times the gradient
of c - h along it, at any lambda: surface diffusion as Mullins has it (J. Appl. Phys. 28 (1957) 333), since c - h is
Omega gamma K/(R T) at a surface of the curvature K. Beside a convex surface, where c > h, it is A/a times as large
(`free_energy`; 7.6 at 200 nm, 1.9 at 50 nm), and so is this flux.

Bottom: where the electrode is a Li reservoir, c = h (= 1 in dense Li); elsewhere no flux. Linear in c; the unknown is
the change over the step, backward Euler. What crossed the bottom is returned, so the inventory int m c closes to the
accuracy of the solver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.laws.vacancies import SURFACE_THICKNESS
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper
from solver.numerics.linear import LinearSolver, Outcome
from solver.numerics.operators import Stencil, conductance, face_mean, full_faces, hybrid_weight, net_outflow
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.part import Balance, Part, StateField, Supply

COUNTS_FULLY = 0.3  # m from which on an error of c in a surface counts in full


@dataclass(frozen=True, kw_only=True)
class DiffusionParameters:
    """Diffusivities in m^2/s; width lambda in m."""

    diffusivity: float
    surface_diffusivity: float
    width: float

    def of(self, lithium: Array, h: Array, thickening: Array | float) -> Array:
        """D(xi), m^2/s; thickening: k."""
        bulk = self.diffusivity * thickening * h
        if self.surface_diffusivity == 0.0:
            return bulk
        near_surface = 6 * (lithium * (1 - lithium)) ** 2
        return bulk + self.surface_diffusivity * near_surface * SURFACE_THICKNESS / self.width


@dataclass(frozen=True)
class OccupancyResult:
    """occupancy: new c. bottom_inflow: m^3 of Li (bulk occupancy) that entered per second, at the new time."""

    occupancy: Array
    bottom_inflow: float
    outcome: Outcome


class OccupancyBalance:
    """Solver of the occupancy equation; keeps its matrix and preconditioner.

    part: of the grid, up from its bottom, where there is metal; above it c stays as it is.
    """

    def __init__(self, grid: Grid, diffusion: DiffusionParameters, linear_tolerance: float, part: Grid | None = None):
        self.part = part or grid
        self.diffusion = diffusion
        self.solver = LinearSolver(self.part, "occupancy", "gmres", linear_tolerance)

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
        thickening: Array | float = 1.0,
    ) -> OccupancyResult:
        """Advance c by dt (collective).

        old, old_weight: c and m of the old time level. contact: weights of the new one. lithium, h: xi and h(xi).
        velocity: m/s on the faces of every axis (broadcastable). source: Li supplied per volume, 1/s.
        thickening: k.
        """
        grid = self.part
        stencil = Stencil(grid)
        everywhere, contact = old, contact.within(grid)
        old, old_weight, lithium, h, source = (grid.of(f) for f in (old, old_weight, lithium, h, source))
        velocity, thickening = [grid.of_faces(a, v) for a, v in enumerate(velocity)], grid.of(np.asarray(thickening))
        inside = self.diffusion.of(lithium, h, thickening)
        diffusivity = grid.ghosted(inside)
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
        inflow = self._bottom(contact, inside, velocity[-1], stencil, residual, old, h)
        stencil.diagonal[...] += contact.metal * grid.volume / dt
        change, outcome = self.solver.solve(stencil, -residual)
        new = old + change
        return OccupancyResult(grid.onto(new, everywhere), inflow(new), outcome)

    def _bottom(
        self,
        contact: Contact,
        diffusivity: Array,
        velocity: Array,
        stencil: Stencil,
        residual: Array,
        old: Array,
        h: Array,
    ) -> Callable[[Array], float]:
        """Add the reservoir to the cells that touch it; returns c -> m^3/s of Li that enter there (collective)."""
        grid, touching = self.part, contact.electrode.cells
        if not contact.electrode.reservoir:
            return lambda new: 0.0
        area = np.broadcast_to(grid.area[-1], h.shape)[touching]
        weight = contact.metal_faces[-1][touching]
        k = weight * diffusivity[touching] * area / (0.5 * grid.spacing[-1][touching])
        constant = k * h[touching] + weight * area * velocity[touching]
        stencil.diagonal[touching] += k
        residual[touching] += k * old[touching] - constant
        return lambda new: grid.sum(constant - k * new[touching])


@dataclass
class Occupancy(Part):
    """Sites of the metal and the Li in them, as the coupled step sees them. `feed`: q of `vacancies`, 1/s."""

    equation: OccupancyBalance

    name = "occupancy"
    fields = (StateField("occupancy", predicted=True, tolerance=0.005), StateField("feed"))
    outputs = (FieldInfo("occupancy", "c", "1", "Li site occupancy; 1 - c is the vacancy fraction"),)
    balances = (Balance("lithium", "inventory", "transferred_charge"),)
    supplies = (Supply("lithium", "bottom_inflow"),)

    @property
    def keepers(self) -> dict[str, Keeper]:
        return {"occupancy": self.equation.solver}

    def weight(self, state: State, contact: Contact) -> Array:
        """In a surface of Li an error counts by the Li that it is: edges of columns relax for long in tails of m."""
        xi, tail = state["lithium"], np.minimum(contact.metal / COUNTS_FULLY, 1.0)
        return contact.significant * (1 - (1 - tail) * 4 * xi * (1 - xi))

    def lithium(self, fields: Fields, contact: Contact) -> Array:
        return contact.metal * fields["occupancy"]

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        return {"occupancy": state["occupancy"].copy()}


def deficit(fields: Fields) -> Array:
    """h - c: vacancies beyond those of the order parameter."""
    return fe.step(fields["lithium"]) - fields["occupancy"]
