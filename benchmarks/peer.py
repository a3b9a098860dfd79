"""The coupled step written a second time, in the terms of FiPy, as an independent check and as a yardstick.

Equations, grid, order of the sub-problems and tolerances are those of `solver.physics.coupling`; indicator, free
energy, kinetics, vacancies and matrices are written here from the formulas. Only fields and numbers go in.

    charge     div(s psi grad phi) = |grad psi| h j(phi), current density at the top       Newton, for the change of phi
    drift      d_z v = <m c S>/<m c>, v = 0 at the top
    occupancy  d_t(m c) + div(m c v) = div(m D grad(c - h)) + |grad psi| h (Omega/F) j + Q,  c = h at the bottom
    lithium    m (d_t xi + v.grad xi) = -L dF/dxi                                           Newton, for xi

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
from petsc4py import PETSc

from solver.linear import multigrid

Array = np.ndarray

FARADAY, GAS_CONSTANT = 96485.33212, 8.314462618
FLOOR = 1e-6  # of psi and of m
DEPLETION = 20.0
LARGEST_CHANGE = 0.05  # V, in one Newton step
LARGEST_LITHIUM_CHANGE = 0.2  # of xi
FORCING = 1e-2

# FiPy's solvers have no options prefix; those of `solver.linear` have one, so these reach FiPy only.
# ILU takes pivots of the size of dx^2 for zero unless told otherwise.
OPTIONS = {
    "pc_hypre_type": "boomeramg",
    "pc_hypre_boomeramg_relax_type_all": "symmetric-SOR/Jacobi",
    "pc_factor_zeropivot": 1e-300,
}


@dataclass(frozen=True)
class Constants:
    """Constants of a case, SI, but linear_annihilation_rate in 1/(s MPa) and creep_prefactor in 1/s at MPa^-n.

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
    mobility: float
    creep_prefactor: float
    creep_exponent: float
    creep_activation_energy: float
    size_effect_strengthening: float
    linear_annihilation_rate: float
    stack_pressure: float
    tolerance: float
    newton_tolerance: float
    lithium_tolerance: float
    max_newton: int = 20

    @property
    def creation_rate(self) -> float:
        """Largest rate at which planes vanish, and the one at which they are made, 1/s."""
        return self.diffusivity / (2 * self.width**2)

    def annihilation_rate(self, pressure: float) -> float:
        """r(p), 1/s; p in Pa."""
        strain = self.creep_prefactor * np.exp(-self.creep_activation_energy / (GAS_CONSTANT * self.temperature))
        p = 1e-6 * pressure
        creep = strain * (p / self.size_effect_strengthening) ** self.creep_exponent
        return float(min(creep + self.linear_annihilation_rate * p, self.creation_rate))


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
        self.feed = np.zeros(mesh.numberOfCells)
        self._equations()
        self.history: tuple[Array, Array] | None = None  # xi and phi one step back
        self.dt_previous = 0.0
        self.newton = self.krylov = 0

    # -- what does not change --------------------------------------------------------------------------

    def _indicators(self) -> None:
        k, mesh = self.k, self.mesh

        def psi(z: Array) -> Array:
            return 0.5 + 0.5 * np.tanh((z - k.metal_depth) / (2 * k.width))

        z, z_face = mesh.cellCenters.value[0], mesh.faceCenters.value[0]
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
        self.area_total = float(np.sum(self.area_density) * self.volume)
        # along the normal: the face of which plane
        self.plane_of_face = np.rint(z_face / k.spacing).astype(int)
        self.normal_face = np.abs(mesh.faceNormals[0]) > 0.5

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
        self.mobile = fipy.FaceVariable(mesh=mesh)  # m D
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

    def step(self, dt: float, current_density: float) -> None:
        """Advance the fields by dt; raises when a solve fails."""
        # FiPy divides the flow through boundary faces, 0, by their conductance, 0, and then drops the result
        with np.errstate(divide="ignore", invalid="ignore"):
            self._step(dt, current_density)

    def _step(self, dt: float, current_density: float) -> None:
        k = self.k
        self.newton = self.krylov = 0
        xi, c, phi = self.xi.value.copy(), self.c.value.copy(), self.phi.value.copy()
        hx = h(xi)
        fraction = np.sum(self.area_density * hx) * self.volume / self.area_total
        excess = k.stack_pressure / fraction - k.stack_pressure
        xi_guess = xi
        if self.history is not None:
            ratio = dt / self.dt_previous
            xi_guess = xi + ratio * (xi - self.history[0])
            self.phi.setValue(phi + ratio * (phi - self.history[1]))

        j = self._charge(hx, c, excess, current_density)
        drift, exchange, source = self._drift(hx, c, k.stack_pressure + excess, dt)
        self._carry(drift)
        supply = exchange + self.area_density * hx * j * k.molar_volume / FARADAY
        self._occupancy(h(np.clip(xi_guess, 0.0, 1.0)), supply, float(drift[0]), dt)
        self._lithium(xi, xi_guess, dt)
        new = np.clip(self.xi.value, 0.0, self.ceiling)
        self.xi.setValue(new)
        self.feed = ((h(new) - self.c.value) - (hx - c)) / dt - source
        self.history, self.dt_previous = (xi, phi), dt

    def _carry(self, drift: Array) -> None:
        """Set m v on the faces from v on the planes of faces."""
        speed = np.zeros_like(self.metal_face)
        speed[self.normal_face] = drift[self.plane_of_face[self.normal_face]]
        carried = np.zeros((2, len(speed)))
        carried[0] = self.metal_face * speed * self.inside
        self.carried.setValue(carried)
        for term in (self.occupancy_drift, self.lithium_drift):
            term.stencil = term.coeffMatrix = None

    def _kinetics(self, phi: Array, hx: Array, c: Array, excess: float) -> tuple[Array, Array]:
        """j and dj/dphi."""
        k = self.k
        stiffness = k.surface_energy / (k.width * k.critical_vacancy_fraction)
        rest = k.molar_volume / FARADAY * (stiffness * (c - hx) + excess)
        left = np.clip(DEPLETION * c / np.maximum(hx, 1e-12), 0.0, 1.0)
        f = FARADAY / (GAS_CONSTANT * k.temperature)
        a = k.transfer_coefficient
        plate = self.exchange * np.exp((1 - a) * f * (phi - rest))
        strip = self.exchange * left * np.exp(-a * f * (phi - rest))
        return plate - strip, f * ((1 - a) * plate + a * strip)

    def _charge(self, hx: Array, c: Array, excess: float, current_density: float) -> Array:
        """Newton's method for phi; returns j of its result."""
        k = self.k
        active = self.area_density * hx
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

    def _drift(self, hx: Array, c: Array, pressure: float, dt: float) -> tuple[Array, Array, Array]:
        """Velocity on the planes of faces, exchange Q, source S*."""
        k = self.k
        expected = hx - c + dt * self.feed
        rate = np.where(expected > 0, k.annihilation_rate(pressure), k.creation_rate) * self.metal * hx
        source = -rate * expected / (1 + dt * rate)
        atoms = self.metal * c
        planes = k.cells  # (lateral, normal)
        mean = (atoms * source).reshape(planes).sum(axis=0) / atoms.reshape(planes).sum(axis=0)
        drift = np.zeros(planes[1] + 1)
        drift[:-1] = -k.spacing * np.cumsum(mean[::-1])[::-1]
        exchange = -atoms * (source - np.tile(mean, planes[0]))
        return drift, exchange, source

    def _occupancy(self, hx: Array, supply: Array, bottom_drift: float, dt: float) -> None:
        k = self.k
        diffusivity = k.diffusivity * hx
        face = fipy.CellVariable(mesh=self.mesh, value=diffusivity).arithmeticFaceValue.value
        self.mobile.setValue(face * self.metal_face)
        equilibrium = fipy.CellVariable(mesh=self.mesh, value=hx)
        supply = supply - (self.mobile * equilibrium.faceGrad).divergence.value
        reservoir = np.zeros_like(hx)
        b = self.bottom_cells
        reservoir[b] = self.bottom_weight * diffusivity[b] / (0.5 * k.spacing**2)
        supply[b] += reservoir[b] * hx[b] + self.bottom_weight * bottom_drift / k.spacing
        self.reservoir.setValue(reservoir)
        self.supply.setValue(supply)
        self.c.updateOld()
        self._solve(self.occupancy_equation, self.c, False, k.tolerance, dt)

    def _variation(self, xi: Array) -> tuple[Array, Array]:
        """L times the local part of dF/dxi, and its derivative; 1/s."""
        k = self.k
        barrier = 3 * k.surface_energy / k.width
        stiffness = k.surface_energy / (k.width * k.critical_vacancy_fraction)
        wetting = -k.surface_energy * np.cos(k.contact_angle) * self.area_density
        slope, curvature = 6 * xi * (1 - xi), 6 - 12 * xi
        deviation = self.c.value - h(xi)
        value = self.metal * (barrier * 2 * xi * (1 - xi) * (1 - 2 * xi) - stiffness * deviation * slope)
        change = barrier * (2 - 12 * xi + 12 * xi**2) - stiffness * (deviation * curvature - slope**2)
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
