"""Li order parameter of the metal side: Allen-Cahn kinetics with wetting, vacancies and drift.

    m (d_t xi + v.grad xi) = -L dF/dxi
    dF/dxi = m W g'(xi) - div(m kg grad xi) + |grad psi| dg h'(xi) + m f'(h(xi) - c) h'(xi)

Symbols: `free_energy`; L mobility, 1/(Pa s); v lattice velocity on the faces, m/s. A flat front under a drive
dG (J/m^3) moves at exactly 6 lambda L dG. No flux of xi through the box; the wetting energy is a source on
the diffuse contact. v.grad xi is evaluated as div(v xi) - xi div v with the same face values, so a uniform xi
stays uniform.

Backward Euler, solved by Newton's method with the exact Jacobian. xi = 1 is an exact stationary point, so full Li
would never open a void: xi is kept below 1 - a(x) with a static field a (impurities), and the step obeys

    dt <= 1/2 / g_max,    g_max = max over dense metal of 2 L W (f'(h - c) lambda/gamma - 1)

because a larger implicit step damps the growing mode (`growth_rate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.constants import BOLTZMANN
from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.numerics import random_fields
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper
from solver.numerics.operators import Stencil, conductance, full_faces, hybrid_weight, net_outflow
from solver.numerics.phase_field import Local, PhaseFieldResult, PhaseFieldSolver
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics import touching
from solver.physics.part import Column, Part, StateField
from solver.physics.step import Step

DENSE = 0.9  # xi above which metal counts as dense for the growth rate


class LithiumEquation:
    """Solver of the order parameter; keeps its matrix and preconditioner. mobility L in 1/(Pa s).

    part: of the grid, up from its bottom, where there is metal; above it xi stays as it is.
    """

    def __init__(
        self,
        grid: Grid,
        energy: fe.EnergyParameters,
        *,
        mobility: float,
        linear_tolerance: float,
        newton_tolerance: float = 1e-8,
        max_newton: int = 12,
        part: Grid | None = None,
    ):
        self.grid, self.part = grid, part or grid
        self.energy = energy
        self.mobility = mobility
        self.solver = PhaseFieldSolver(
            self.part,
            "lithium",
            linear_tolerance=linear_tolerance,
            newton_tolerance=newton_tolerance,
            max_newton=max_newton,
        )

    def variation(self, contact: Contact, lithium: Array, occupancy: Array) -> Array:
        """The local part of dF/dxi without the gradient term, J/m^3 (per volume of the box)."""
        return self._local(contact, occupancy)(lithium)[0] / self.mobility

    def _local(self, contact: Contact, occupancy: Array) -> Local:
        """xi -> L times `variation`, 1/s, and its derivative."""
        e, rate = self.energy, self.mobility
        metal, walls = rate * contact.metal, rate * e.wall_energy(contact.walls(e.width))

        def local(xi: Array) -> tuple[Array, Array]:
            deficit, slope, curvature = fe.step(xi) - occupancy, fe.step_slope(xi), fe.step_curvature(xi)
            force, stiffness = e.vacancy_force(deficit), e.vacancy_force_slope(deficit)
            falls = metal * (e.barrier * fe.well_slope(xi) + force * slope) + walls * slope
            bends = metal * (e.barrier * fe.well_curvature(xi) + force * curvature + stiffness * slope**2)
            return falls, bends + walls * curvature

        return local

    def growth_rate(self, contact: Contact, lithium: Array, occupancy: Array) -> float:
        """g_max in 1/s: fastest growth of a perturbation of dense Li; negative when all is stable (collective)."""
        dense = contact.inside & (lithium > DENSE)
        force = np.where(dense, self.energy.vacancy_force(fe.step(lithium) - occupancy), -np.inf)
        relative = self.grid.max(force) / self.energy.critical_force
        return 2 * self.mobility * self.energy.barrier * (relative - 1)

    def step(
        self,
        old: Array,
        contact: Contact,
        occupancy: Array,
        velocity: Sequence[Array],
        dt: float,
        source: Array | float = 0.0,
        guess: Array | None = None,
    ) -> PhaseFieldResult:
        """Advance xi by dt at the given (new) occupancy (collective).

        source: added to m d_t xi, 1/s (noise, manufactured solutions). guess: start of the iteration.
        """
        part = self.part
        contact, occupancy, source = contact.within(part), part.of(occupancy), part.of(np.asarray(source))
        start = part.of(old if guess is None else guess)
        linear = self._linear_part(contact, [part.of_faces(a, v) for a, v in enumerate(velocity)])
        local = self._local(contact, occupancy)
        found = self.solver.advance(part.of(old), contact.metal, linear, local, dt=dt, source=source, guess=start)
        return replace(found, values=part.onto(found.values, old))

    def _linear_part(self, contact: Contact, velocity: Sequence[Array]) -> Stencil:
        """Gradient energy and drift as rows of a matrix."""
        grid = self.part
        linear = Stencil(grid)
        for axis in range(grid.dim):
            coefficient = self.mobility * self.energy.gradient * contact.metal_faces[axis]
            k = conductance(grid, axis, coefficient)
            linear.add_conductance(axis, k)
            if np.any(velocity[axis]):
                flow = contact.metal_faces[axis] * grid.area[axis] * velocity[axis]
                flow = full_faces(grid, axis, flow)
                inner = flow * grid.interior[axis]
                linear.add_advection(axis, inner, hybrid_weight(grid, axis, inner, k))
                fluxes = [inner if a == axis else np.zeros(()) for a in range(grid.dim)]
                linear.diagonal[...] -= net_outflow(grid, fluxes)
        return linear


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Thermal fluctuations of xi: amplitude (1 is kT), temperature K, seed, depth of a missing direction (m)."""

    amplitude: float
    temperature: float
    seed: int
    depth: float


@dataclass
class Lithium(Part):
    """Metal and void, as the coupled step sees them. impurities a(x); initial: xi at the start."""

    equation: LithiumEquation
    impurities: Array
    initial: Array
    noise: Noise | None = None

    name = "lithium"
    fields = (StateField("lithium", predicted=True, tolerance=0.02),)
    outputs = (
        FieldInfo("lithium", "xi", "1", "Li order parameter of the metal side: 1 Li, 0 void"),
        FieldInfo("void", "m (1 - a - xi)", "1", "void fraction, 0 in full Li"),
    )
    columns = (
        Column("contact_fraction", "1", "weight of Li in the diffuse contact, 1 where it is full"),
        Column("touching_fraction", "1", "share of the area of the contact where Li touches the electrolyte"),
        Column("void_volume", "m", "int m (1 - a - xi) dV per cross-section, 0 in full Li"),
    )

    @property
    def keepers(self) -> dict[str, Keeper]:
        solver = self.equation.solver
        return {"lithium": solver.solver, "lithium_forcing": solver.forcing}

    def start(self, contact: Contact) -> dict[str, Array]:
        return {"lithium": self.initial}

    def weight(self, state: State, contact: Contact) -> Array:
        return contact.significant

    def advance(
        self, state: State, contact: Contact, occupancy: Array, velocity: Sequence[Array], step: Step
    ) -> PhaseFieldResult:
        """xi at the end of a step, at the occupancy and velocities of then (collective)."""
        xi = state["lithium"].copy()
        noise, guess = self._kicks(contact, step), step.predict("lithium", xi)
        found = self.equation.step(xi, contact, occupancy, velocity, step.dt, noise, guess)
        return replace(found, values=np.clip(found.values, 0.0, 1 - self.impurities))

    def _kicks(self, contact: Contact, step: Step) -> Array | float:
        """The noise of a step, 1/s."""
        if self.noise is None:
            return 0.0
        n, grid = self.noise, self.equation.grid
        volume = grid.volume * n.depth ** (3 - grid.dim)
        variance = 2 * self.equation.mobility * BOLTZMANN * n.temperature / (contact.metal * volume * step.dt)
        ids = np.broadcast_to(grid.global_ids(), grid.local_shape)
        kicks = random_fields.normal(n.seed, step.number, ids)
        return n.amplitude * contact.metal * np.sqrt(variance) * kicks

    def contact_fraction(self, lithium: Array, contact: Contact) -> float:
        """int |grad psi| h(xi) / int |grad psi| (collective)."""
        grid = self.equation.grid
        return grid.sum(contact.area * fe.step(lithium)) / grid.sum(contact.area)

    def measure(self, fields: Fields, contact: Contact) -> dict[str, float]:
        """Scalars of a step (collective)."""
        grid, xi = self.equation.grid, fields["lithium"]
        return {
            "contact_fraction": self.contact_fraction(xi, contact),
            "touching_fraction": touching.mean(grid, touching.weight(grid, contact, xi) > 0.5),
            "void_volume": grid.integral(contact.metal * (1 - self.impurities - xi)) / grid.lateral_area,
        }

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        xi = state["lithium"]
        return {"lithium": xi.copy(), "void": contact.metal * (1 - self.impurities - xi)}
