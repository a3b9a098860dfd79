"""Three of the four parts of the coupled step, written a second time in the terms of FiPy: a check and a yardstick.

Charge, occupancy and lithium with grid, order and tolerances of `solver.model.coupling`; indicator, free energy,
kinetics and matrices are written here from the formulas:

    charge     div(s psi grad phi) = |grad psi| h t/f j(phi), current density at the top   Newton, for the change of phi
    occupancy  d_t(m c) + div(m c v) = div(m k D grad(c - h)) + |grad psi| h t/f (Omega/F) j
                                                            c = h at the bottom, where Li of occupancy 1 enters with v
    lithium    m (d_t xi + v.grad xi) = -L dF/dxi                                          Newton, for xi

Mechanics is not computed: FiPy has no staggered grid. Every step is given a `Motion`, the velocities v on the faces,
the excess pressure s_n - p in j(phi) and k(s_n), as lifront's mechanics found them from its own fields. So velocities,
stress and the growth S of planes behind them are not checked here, only what they do to the fields that are computed;
mechanics has closed forms of its own (`tests/verification/test_mechanics_*.py`, `test_vacancies.py`).

FiPy's mesh has the normal as its first axis (x) and the lateral axis as its second, so its numbering of cells, first
axis fastest, is that of an array with the axes (lateral, normal).

How FiPy is used:
* Linear tolerances are relative to the right-hand side, FiPy's criterion "RHS". The equations of occupancy and
  lithium are for the fields, as one writes them in FiPy; the solver's own are for their change, so that the same
  number is stricter there.
* A source that weakens the diagonal would be treated explicitly by ImplicitSourceTerm, which makes Newton's
  method linear. The derivative of the sources therefore goes into the coefficient of the TransientTerm.
* A convection term keeps the upwind weights of its first assembly (FiPy 4.0.3); they are dropped at every step.
* Preconditioners are the fastest that were tried: BoomerAMG for the charge, ILU for the other two.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass

os.environ.setdefault("FIPY_SOLVERS", "petsc")

import fipy
import numpy as np
from fipy.solvers.petsc import LinearGMRESSolver, LinearPCGSolver

from solver.numerics.linear import multigrid
from solver.petsc import PETSc

Array = np.ndarray

FARADAY, GAS_CONSTANT = 96485.33212, 8.314462618
FLOOR = 1e-6  # of psi and of m
DEPLETION = 20.0
LOST, TOUCHING = 0.3, 0.7  # weight of Li in a column's contact where contact is lost, and where it is whole
ATOM = 0.3e-9  # m, of the surface that diffuses
LARGEST_CHANGE = 0.05  # V, in one Newton step
LARGEST_LITHIUM_CHANGE = 0.2  # of xi
FORCING = 1e-2

# FiPy's solvers have no options prefix; those of `solver.numerics.linear` have one, so these reach FiPy only.
# ILU takes pivots of the size of dx^2 for zero unless told otherwise.
OPTIONS = {
    "pc_hypre_type": "boomeramg",
    "pc_hypre_boomeramg_relax_type_all": "symmetric-SOR/Jacobi",
    "pc_factor_zeropivot": 1e-300,
}


@dataclass(frozen=True)
class Constants:
    """Constants of a case, SI.

    cells (lateral, normal) and spacing of both axes; metal_depth is the extent of the Li below z = 0.
    """

    cells: tuple[int, int]
    spacing: float
    metal_depth: float
    periodic: bool
    width: float
    conductivity: float
    transfer_coefficient: float
    temperature: float
    molar_volume: float
    surface_energy: float
    critical_vacancy_fraction: float
    contact_angle: float
    diffusivity: float
    surface_diffusivity: float
    mobility: float
    tolerance: float
    newton_tolerance: float
    lithium_tolerance: float
    max_newton: int = 20


@dataclass(frozen=True)
class Motion:
    """What a step is given: lattice velocity on the faces, the excess pressure s_n - p (Pa) the step started
    with, and the thickening k of the vacancy layer.

    lateral (cells + 1, cells) and normal (cells, cells + 1): the components normal to the faces of these axes, m/s;
    normal[:, 0] enters through the bottom, with the velocity of the platen. excess_pressure, thickening: of all cells.
    """

    lateral: Array
    normal: Array
    excess_pressure: Array
    thickening: Array


def h(s: Array) -> Array:
    return 3 * s**2 - 2 * s**3


class Peer:
    """Fixed steps. exchange (A/m^2), ceiling (largest xi) and the initial xi and c are flat arrays of all cells."""

    def __init__(self, constants: Constants, exchange: Array, ceiling: Array, lithium: Array, occupancy: Array):
        self.k = k = constants
        for name, value in OPTIONS.items():
            if "hypre" not in name or multigrid() == "hypre":
                PETSc.Options()[name] = value
        across, normal = k.cells
        make = fipy.PeriodicGrid2DTopBottom if k.periodic else fipy.Grid2D
        self.mesh = mesh = make(nx=normal, ny=across, dx=k.spacing, dy=k.spacing)
        self.exchange, self.ceiling = exchange, ceiling
        self.volume = k.spacing**2
        self._indicators()
        self.phi = fipy.CellVariable(mesh=mesh, value=0.0)
        self.c = fipy.CellVariable(mesh=mesh, value=occupancy, hasOld=True)
        self.xi = fipy.CellVariable(mesh=mesh, value=lithium, hasOld=True)
        self._equations()
        self.history: tuple[Array, Array, Array] | None = None  # xi, c and phi one step back
        self.dt_previous = 0.0
        self.newton = self.krylov = 0

    # -- what does not change --------------------------------------------------------------------------

    def _indicators(self) -> None:
        k, mesh = self.k, self.mesh

        def psi(z: Array) -> Array:
            return 0.5 + 0.5 * np.tanh((z - k.metal_depth) / (2 * k.width))

        z, (z_face, x_face) = mesh.cellCenters.value[0], mesh.faceCenters.value
        half = 0.5 * k.spacing
        self.area_density = (psi(z + half) - psi(z - half)) / k.spacing
        self.metal = np.maximum(1 - psi(z), FLOOR)
        self.metal_face = np.maximum(1 - psi(z_face), FLOOR)
        self.conductivity_face = k.conductivity * np.maximum(psi(z_face), FLOOR)
        bottom, top = mesh.facesLeft.value, mesh.facesRight.value
        cells = mesh.faceCellIDs[0]
        self.bottom_cells, self.top_cells = np.asarray(cells[bottom]), np.asarray(cells[top])
        self.bottom_weight = self.metal_face[bottom]
        self.inside = np.asarray(mesh.interiorFaces.value, dtype=float)
        # faces of both axes, and where they are in the arrays of `Motion`: between cells along their own axis only
        self.normal_faces = np.abs(np.asarray(mesh.faceNormals)[0]) > 0.5
        on, across = self.normal_faces, ~self.normal_faces
        self.normal_places = self._place(x_face[on] - half, z_face[on])
        self.lateral_places = self._place(x_face[across], z_face[across] - half)

    def _place(self, *coordinates: Array) -> tuple[Array, ...]:
        return tuple(np.rint(x / self.k.spacing).astype(int) for x in coordinates)

    def _equations(self) -> None:
        k, mesh = self.k, self.mesh

        def cell(value: Array | float = 0.0) -> fipy.CellVariable:
            return fipy.CellVariable(mesh=mesh, value=value)

        self.change = cell()
        self.sigma = fipy.FaceVariable(mesh=mesh, value=self.conductivity_face)
        self.slope, self.residual = cell(), cell()
        self.charge_equation = (
            fipy.DiffusionTerm(coeff=self.sigma, var=self.change)
            == fipy.ImplicitSourceTerm(coeff=self.slope, var=self.change) - self.residual
        )

        self.carried = fipy.FaceVariable(mesh=mesh, rank=1)  # m v
        self.mobile = fipy.FaceVariable(mesh=mesh)  # m k D
        self.supply, self.reservoir = cell(), cell()
        self.occupancy_drift = fipy.HybridConvectionTerm(coeff=self.carried, var=self.c)
        self.occupancy_equation = (
            fipy.TransientTerm(coeff=cell(self.metal), var=self.c)
            + self.occupancy_drift
            + fipy.ImplicitSourceTerm(coeff=self.reservoir, var=self.c)
            == fipy.DiffusionTerm(coeff=self.mobile, var=self.c) + self.supply
        )

        gradient = 6 * k.surface_energy * k.width
        stiff = fipy.FaceVariable(mesh=mesh, value=k.mobility * gradient * self.metal_face)
        self.inertia, self.local = cell(), cell()
        self.lithium_drift = fipy.HybridConvectionTerm(coeff=self.carried, var=self.xi)
        self.lithium_equation = (
            fipy.TransientTerm(coeff=self.inertia, var=self.xi) + self.lithium_drift
            == fipy.DiffusionTerm(coeff=stiff, var=self.xi) - self.local
        )

    def _solve(
        self,
        equation: fipy.terms.term.Term,
        variable: fipy.CellVariable,
        symmetric: bool,
        rtol: float,
        dt: float | None,
    ) -> None:
        kind = LinearPCGSolver if symmetric else LinearGMRESSolver
        solver = kind(tolerance=rtol, criterion="RHS", iterations=500, precon=multigrid() if symmetric else "ilu")
        with warnings.catch_warnings():
            warnings.simplefilter("error", fipy.solvers.SolverConvergenceWarning)
            equation.solve(var=variable, solver=solver, dt=dt)
        self.krylov += solver.convergence.iterations

    # -- the step --------------------------------------------------------------------------------------

    def step(self, dt: float, current_density: float, motion: Motion) -> None:
        """Advance the fields by dt, carried by the given motion; raises when a solve fails."""
        # FiPy divides the flow through boundary faces, 0, by their conductance, 0, and then drops the result
        with np.errstate(divide="ignore", invalid="ignore"):
            self._step(dt, current_density, motion)

    def _step(self, dt: float, current_density: float, motion: Motion) -> None:
        self.newton = self.krylov = 0
        xi, c, phi = self.xi.value.copy(), self.c.value.copy(), self.phi.value.copy()
        xi_guess, c_guess = xi, c
        if self.history is not None:
            ratio = dt / self.dt_previous
            xi_guess = xi + ratio * (xi - self.history[0])
            c_guess = c + ratio * (c - self.history[1])
            self.phi.setValue(phi + ratio * (phi - self.history[2]))

        hx = h(np.clip(xi_guess, 0.0, 1.0))
        j = self._charge(hx, c_guess, motion.excess_pressure.ravel(), current_density)
        bottom_speed = self._carry(motion)
        supply = self._touching(hx) * j * self.k.molar_volume / FARADAY
        self._occupancy(np.clip(xi_guess, 0.0, 1.0), supply, motion, bottom_speed, dt)
        self._lithium(xi, xi_guess, dt)
        self.xi.setValue(np.clip(self.xi.value, 0.0, self.ceiling))
        self.history, self.dt_previous = (xi, c, phi), dt

    def _carry(self, motion: Motion) -> Array:
        """Set m v on the faces inside; returns v on those of the bottom."""
        velocity = np.zeros((2, len(self.inside)))  # FiPy's axes: normal, lateral
        velocity[0, self.normal_faces] = motion.normal[self.normal_places]
        velocity[1, ~self.normal_faces] = motion.lateral[self.lateral_places]
        self.carried.setValue(self.metal_face * self.inside * velocity)
        for term in (self.occupancy_drift, self.lithium_drift):
            term.stencil = term.coeffMatrix = None
        bottom: Array = velocity[0, self.mesh.facesLeft.value]
        return bottom

    def _kinetics(self, phi: Array, hx: Array, c: Array, excess: Array) -> tuple[Array, Array]:
        """j and dj/dphi."""
        k = self.k
        rest = k.molar_volume / FARADAY * (excess - self._vacancy_force(hx - c)[0])
        left = np.clip(DEPLETION * c / np.maximum(hx, 1e-12), 0.0, 1.0)
        f = FARADAY / (GAS_CONSTANT * k.temperature)
        a = k.transfer_coefficient
        plate = self.exchange * np.exp((1 - a) * f * (phi - rest))
        strip = self.exchange * left * np.exp(-a * f * (phi - rest))
        return plate - strip, f * ((1 - a) * plate + a * strip)

    def _vacancy_force(self, theta: Array) -> tuple[Array, Array]:
        """Force of vacancies and its derivative, Pa: the ideal solution, bent through (theta_c, gamma/lambda)."""
        k = self.k
        line = k.surface_energy / (k.width * k.critical_vacancy_fraction)
        ideal = max(GAS_CONSTANT * k.temperature / k.molar_volume, line)
        stretch = 1 + (ideal / line - 1) * theta / k.critical_vacancy_fraction
        bent = (theta > 0) & (theta < k.critical_vacancy_fraction)
        slope = np.where(bent, ideal / np.where(bent, stretch, 1.0) ** 2, line)
        return np.where(bent, ideal * theta / np.where(bent, stretch, 1.0), line * theta), slope

    def _touching(self, hx: Array) -> Array:
        """Area density of the contact that passes current: none in columns of cells that the metal has left."""
        weighted = (self.area_density * hx).reshape(self.k.cells)
        weight = weighted.sum(axis=1) / self.area_density.reshape(self.k.cells).sum(axis=1)
        rise = np.clip((weight - LOST) / (TOUCHING - LOST), 0.0, 1.0)
        passing = h(rise) / np.maximum(weight, LOST)
        return (weighted * passing[:, None]).ravel()

    def _charge(self, hx: Array, c: Array, excess: Array, current_density: float) -> Array:
        """Newton's method for phi; returns j of its result."""
        k = self.k
        active = self._touching(hx)
        inflow = np.zeros_like(hx)
        inflow[self.top_cells] = current_density / k.spacing
        applied = abs(current_density) * k.cells[0] * k.spacing
        for _ in range(k.max_newton):
            j, slope = self._kinetics(self.phi.value, hx, c, excess)
            conduction = (self.sigma * self.phi.faceGrad).divergence.value
            residual = conduction - active * j + inflow
            norm = np.sum(np.abs(residual)) * self.volume / applied
            rounding = 4 * np.finfo(float).eps * np.sum(self._mean_conductivity * np.abs(self.phi.value)) / applied
            if norm <= k.newton_tolerance + rounding:
                return j
            self.slope.setValue(active * slope)
            self.residual.setValue(residual)
            self.change.setValue(0.0)
            self._solve(self.charge_equation, self.change, True, min(FORCING, 0.3 * k.newton_tolerance / norm), None)
            largest = np.max(np.abs(self.change.value))
            factor = min(1.0, LARGEST_CHANGE / max(largest, LARGEST_CHANGE))
            self.phi.setValue(self.phi.value + factor * self.change.value)
            self.newton += 1
        raise RuntimeError("FiPy: the charge equation did not converge")

    @property
    def _mean_conductivity(self) -> Array:
        return self.k.conductivity * np.maximum(1 - self.metal, FLOOR)

    def _occupancy(self, xi: Array, supply: Array, motion: Motion, bottom_speed: Array, dt: float) -> None:
        k, hx = self.k, h(xi)
        surface = k.surface_diffusivity * ATOM / k.width * 6 * (xi * (1 - xi)) ** 2
        diffusivity = k.diffusivity * motion.thickening.ravel() * hx + surface
        face = fipy.CellVariable(mesh=self.mesh, value=diffusivity).arithmeticFaceValue.value
        self.mobile.setValue(face * self.metal_face)
        equilibrium = fipy.CellVariable(mesh=self.mesh, value=hx)
        supply = supply - (self.mobile * equilibrium.faceGrad).divergence.value
        reservoir = np.zeros_like(hx)
        b = self.bottom_cells
        reservoir[b] = self.bottom_weight * diffusivity[b] / (0.5 * k.spacing**2)
        supply[b] += reservoir[b] * hx[b] + self.bottom_weight * bottom_speed / k.spacing
        self.reservoir.setValue(reservoir)
        self.supply.setValue(supply)
        self.c.updateOld()
        self._solve(self.occupancy_equation, self.c, False, k.tolerance, dt)

    def _variation(self, xi: Array) -> tuple[Array, Array]:
        """L times the local part of dF/dxi, and its derivative; 1/s."""
        k = self.k
        barrier = 3 * k.surface_energy / k.width
        wetting = -k.surface_energy * np.cos(k.contact_angle) * self.area_density
        slope, curvature = 6 * xi * (1 - xi), 6 - 12 * xi
        force, stiffness = self._vacancy_force(h(xi) - self.c.value)
        value = self.metal * (barrier * 2 * xi * (1 - xi) * (1 - 2 * xi) + force * slope)
        change = barrier * (2 - 12 * xi + 12 * xi**2) + force * curvature + stiffness * slope**2
        return k.mobility * (value + wetting * slope), k.mobility * (self.metal * change + wetting * curvature)

    def _lithium(self, old: Array, guess: Array, dt: float) -> None:
        """Newton's method; what an exact linear solve leaves is the non-linear remainder, so that is what is tested."""
        divergence = self.carried.divergence.value
        self.xi.updateOld()
        self.xi.setValue(guess)
        scale = np.sum(self.metal) / dt
        for _ in range(self.k.max_newton):
            at = self.xi.value.copy()
            value, change = self._variation(at)
            self.inertia.setValue(self.metal + dt * (change - divergence))
            self.local.setValue(value - change * (at - old) - divergence * old)
            self._solve(self.lithium_equation, self.xi, False, 0.3 * self.k.lithium_tolerance, dt)
            self.newton += 1
            moved = np.clip(self.xi.value - at, -LARGEST_LITHIUM_CHANGE, LARGEST_LITHIUM_CHANGE)
            limited = bool(np.any(np.abs(moved) == LARGEST_LITHIUM_CHANGE))
            self.xi.setValue(at + moved)
            remainder = self._variation(self.xi.value)[0] - value - change * moved
            if not limited and np.sum(np.abs(remainder)) / scale <= self.k.lithium_tolerance:
                return
        raise RuntimeError("FiPy: the lithium equation did not converge")
