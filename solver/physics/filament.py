"""Li in the defects of the electrolyte: a phase field on the diffuse network, driven by overpotential and pressure.

    b d_t zeta = -L { b [ W g'(zeta) + h'(zeta) f ] - div(b kg grad zeta) }
    f = Pi + s_w - p - (F/Omega) phi          drive, J/m^3; f < 0 fills
    i = (F/Omega) psi b beta d_t h(zeta)      charge that the filament takes, A/m^3; i > 0 plates

    zeta  order parameter, 1 filled with Li   b      defect indicator, int b dn is its numerical width
    phi   electrolyte against the metal, V    beta   true opening over numerical width: psi b beta h is volume of Li
    Pi    infiltration pressure, Pa           s_w    normal compression across the walls, Pa (0 in an open cavity)
    p     pressure of the platen, Pa          psi    electrolyte indicator
    W = 3 gamma_f/lambda, kg = 6 gamma_f lambda;   g, h: `free_energy`

    intact Pi = (G_b + 2 gamma_DFT)/w         opened Pi = -2 gamma cos(angle)/w

G_b separation energy and w opening of the defect, gamma_DFT signed energy of the Li interface of what lines it, gamma
and angle surface energy of Li and contact angle on the walls. Filling with Li against the walls' compression s_w from a
metal under p costs Pi + s_w - p per volume and gains (F/Omega) phi, so Li penetrates where (F/Omega) phi + p > Pi +
s_w. A flaw of depth a that the Li pressure opens elastically has w = 1.12^2 pi Pi a/E', E' = E/(1 - nu^2) (energy
release rate over pressure of an edge crack, Tada, Paris, Irwin, The Stress Analysis of Cracks Handbook), therefore

    Pi = sqrt( E' (G_b + 2 gamma_DFT)/(1.12^2 pi a) )                         which is K/(1.12 sqrt(pi a)).

A front moves at v = 6 lambda L |f|. Linear kinetics at the tip, v = chi (Omega/F) i0 F eta/(RT) with the overpotential
eta = -(Omega/F) f and the aspect factor chi (Li deposited along the flanks is squeezed to the tip), fix the mobility

    L = chi (Omega/F)^2 i0 F/(6 lambda R T).

gamma_f is numerical: it gives the front its width. b has natural conditions on its sides, a front across a channel is
flat and gamma_f does not enter the threshold; but where channels meet the front gets longer or shorter, which counts as
a pressure of the order gamma_f over the width of the channel, so gamma_f must be small. It must also be lambda |f| at
least, else there is no front. Therefore the drive is bounded, f_max tanh(f/f_max) with gamma_f = FRONT_MARGIN lambda
f_max: a tip saturates at 6 lambda L f_max, and nothing changes at the threshold f = 0. (There the front stands at the
end of the opened walls with h(zeta) = f_max/(f_max + f); they open further when that is h(0.95), at f = 0.007 f_max.)
The weight is b, not psi b: else the energy of the front would rise along the mouth by gamma_f d_z psi, which over the
weight psi is a pressure of gamma_f (1 - psi)/lambda for a sharp front, gamma_f/(2 lambda) at psi = 1/2, that holds it
back. Below the contact, where psi < 0.02, channels belong to the metal and zeta is held at 1: stripping may empty a
defect down to its mouth, and plating fills it from there again.

Where b < 0.02 the electrolyte is solid and Pi is without bound: the weight alone would not keep zeta from travelling
there, where it weighs nothing, to the next defect.

Opening is irreversible: where zeta has passed 0.95 the walls are separated for good and the opened Pi counts (a
gradual change with zeta would let the front open its own way and halve the threshold).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.domain.contact import FLOOR
from solver.laws import free_energy as fe
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.linear import Outcome
from solver.numerics.operators import Stencil, conductance, face_mean, full_faces
from solver.numerics.phase_field import Local, PhaseFieldResult, PhaseFieldSolver

OPENED = 0.95  # zeta from which on the walls are separated
SOLID = 0.02  # b below which there is no defect
NEVER = 1e12  # Pa, the infiltration pressure there
METAL = 0.02  # psi below which channels belong to the metal
HOLD = 1e4  # of the rate L W at which a front relaxes
FRONT_MARGIN = 1.2  # of gamma_f over lambda times the largest drive


@dataclass(frozen=True, kw_only=True)
class FilamentParameters:
    """mobility L 1/(Pa s); largest_drive f_max Pa (numerical); width lambda m; volume_per_charge Omega/F m^3/C."""

    mobility: float
    largest_drive: float
    width: float
    volume_per_charge: float

    @property
    def front_energy(self) -> float:
        """gamma_f, J/m^2."""
        return FRONT_MARGIN * self.width * self.largest_drive

    @property
    def barrier(self) -> float:
        """W, J/m^3."""
        return 3 * self.front_energy / self.width

    @property
    def gradient(self) -> float:
        """kg, J/m."""
        return 6 * self.front_energy * self.width


@dataclass(frozen=True)
class Defects:
    """The defect network on the owned cells as the filament sees it.

    indicator b and indicator_faces; electrolyte psi; opening_ratio beta; normal (dim, *cells) across the walls; intact
    and opened: Pi, Pa; open: walls separated from the start; bears_load: 1 where the walls touch, 0 in open cavities.
    """

    indicator: Array
    indicator_faces: Sequence[Array]
    electrolyte: Array
    opening_ratio: Array
    normal: Array
    intact: Array
    opened: Array
    open: Array
    bears_load: Array

    @property
    def lithium_share(self) -> Array:
        """psi b beta: volume of Li per volume where zeta = 1."""
        return self.electrolyte * self.indicator * self.opening_ratio

    def pressure(self, open_now: Array) -> Array:
        """Pi, Pa, where `open_now` says which walls are separated; no Li gets into the solid."""
        return np.where(self.indicator < SOLID, NEVER, np.where(open_now, self.opened, self.intact))


class FilamentEquation:
    """Solver of zeta; keeps its matrix and preconditioner."""

    def __init__(
        self,
        grid: Grid,
        defects: Defects,
        parameters: FilamentParameters,
        *,
        linear_tolerance: float,
        newton_tolerance: float,
        max_newton: int,
    ):
        self.grid = grid
        self.defects = defects
        self.parameters = parameters
        self.weight = np.maximum(defects.indicator, FLOOR)
        self._faces = [np.maximum(b, FLOOR) for b in defects.indicator_faces]
        self._hold = self._hold_in_metal()
        self.solver = PhaseFieldSolver(
            grid,
            "filament",
            linear_tolerance=linear_tolerance,
            newton_tolerance=newton_tolerance,
            max_newton=max_newton,
        )

    def _hold_in_metal(self) -> Array:
        """Rates of a return to zeta = 1, 1/s: so fast that nothing else counts."""
        p = self.parameters
        return HOLD * p.mobility * p.barrier * self.weight * (self.defects.electrolyte < METAL)

    def place(self, electrolyte: Array) -> None:
        """Take over where the electrolyte is: psi in the cells."""
        self.defects = replace(self.defects, electrolyte=electrolyte)
        self._hold = self._hold_in_metal()

    def inventory(self, filament: Array) -> float:
        """int psi b beta h(zeta) dV per lateral area: thickness of the Li in the defects, m (collective)."""
        return self.grid.integral(self.defects.lithium_share * fe.step(filament)) / self.grid.lateral_area

    def blocked(self, filament: Array) -> list[Array]:
        """1 - b beta zeta on the faces of every axis: what filaments leave of the ions' way (collective)."""
        ghosted = self.grid.ghosted(self.defects.indicator * self.defects.opening_ratio * filament)
        return [np.maximum(1 - face_mean(self.grid, ghosted, axis), FLOOR) for axis in range(self.grid.dim)]

    def drive(self, open_now: Array, normal_stress: Array, platen_pressure: float) -> Array:
        """f + (F/Omega) phi: what filling costs without the potential, J/m^3. normal_stress s_w, Pa."""
        d = self.defects
        return d.pressure(open_now) + d.bears_load * normal_stress - platen_pressure

    def step(self, old: Array, drive: Array, active: Array, dt: float, guess: Array) -> PhaseFieldResult:
        """Advance zeta by dt under the drive f (not yet bounded), J/m^3; active: 0 where Li is dead (collective)."""
        # one solve at least: else zeta, and the charge that it takes, would not answer to small changes of phi
        local, linear = self._local(self._bounded(drive)[0], active), self._gradient_energy(active)
        return self.solver.advance(old, self.weight, linear, local, dt=dt, source=0.0, guess=guess, least=1)

    def response(self, zeta: Array, drive: Array, active: Array, dt: float) -> tuple[Array, Outcome]:
        """Change of zeta at the end of a step per change of phi that is the same everywhere, 1/V (collective)."""
        p = self.parameters
        # df/dphi = -F/Omega, through the bound on the drive, as a source of zeta
        bounded, slope = self._bounded(drive)
        source = p.mobility * self.weight * active * fe.step_slope(zeta) * slope / p.volume_per_charge
        local, linear = self._local(bounded, active), self._gradient_energy(active)
        return self.solver.response(zeta, self.weight, linear, local, dt, source)

    def admittance(self, zeta: Array, drive: Array, active: Array) -> Array:
        """d i/d phi of moving fronts, S/m^3: (F/Omega)^2 psi b beta L h'^2, with the slope of the bound on the drive.

        zeta is held, for a front answers by moving: d zeta/dn is proportional to h'(zeta). The integral of L h'^2
        across it is 6 lambda L.
        """
        p = self.parameters
        rate = p.mobility * active * fe.step_slope(zeta) ** 2 * self._bounded(drive)[1]
        return np.asarray(self.defects.lithium_share * rate / p.volume_per_charge**2)

    def _bounded(self, drive: Array) -> tuple[Array, Array]:
        """f_max tanh(f/f_max) and its derivative."""
        largest = self.parameters.largest_drive
        ratio = np.tanh(drive / largest)
        return largest * ratio, 1 - ratio**2

    def _local(self, drive: Array, active: Array) -> Local:
        """The part of the equation without gradients."""
        p = self.parameters
        factor = p.mobility * self.weight * active

        def local(zeta: Array) -> tuple[Array, Array]:
            rate = p.barrier * fe.well_slope(zeta) + fe.step_slope(zeta) * drive
            slope = p.barrier * fe.well_curvature(zeta) + fe.step_curvature(zeta) * drive
            return factor * rate + self._hold * (zeta - 1), factor * slope + self._hold

        return local

    def _gradient_energy(self, active: Array) -> Stencil:
        """-div(L b kg grad zeta); nothing passes to and from cells that are not active (collective)."""
        linear = Stencil(self.grid)
        # a face counts where the cells on both sides are active
        ghosted = self.grid.ghosted(active)
        for axis in range(self.grid.dim):
            lower, upper = self.grid.sides(ghosted, axis)
            coefficient = self.parameters.mobility * self.parameters.gradient * self._faces[axis] * lower * upper
            linear.add_conductance(axis, conductance(self.grid, axis, full_faces(self.grid, axis, coefficient)))
        return linear


class FilamentTerm:
    """The filament as an interface term of the charge balance: phi -> (current A, derivative S) per cell (collective).

    Every evaluation advances zeta from the old level with the given phi, so the current is exactly what the new zeta
    (`values`) costs. The derivative is that for a change of phi which is the same across a front: fronts are narrow.
    """

    def __init__(self, equation: FilamentEquation, old: Array, cost: Array, active: Array, dt: float, guess: Array):
        self._equation = equation
        self._old, self._cost, self._active, self._dt = old, cost, active, dt
        self.values = np.clip(guess, 0.0, 1.0)
        self.outcome = Outcome(True, "not solved", 0, 0.0)
        self.newton = 0
        self.krylov = 0

    def __call__(self, phi: Array) -> tuple[Array, Array]:
        eq, p = self._equation, self._equation.parameters
        # zeta at the end of the step for this phi; the old one where no solution is found, so that no charge is made up
        drive = self._cost - phi / p.volume_per_charge
        done = eq.step(self._old, drive, self._active, self._dt, self.values)
        self.values = np.clip(done.values, 0.0, 1.0) if done.outcome.converged else self._old
        change, solved = eq.response(self.values, drive, self._active, self._dt)

        self.outcome = done.outcome
        self.newton += done.newton + 1
        self.krylov += done.outcome.iterations + solved.iterations

        # i = (F/Omega) psi b beta d_t h(zeta), over the cell
        charge = eq.defects.lithium_share * eq.grid.volume / (p.volume_per_charge * self._dt)
        current = charge * (fe.step(self.values) - fe.step(self._old))
        return current, charge * fe.step_slope(self.values) * np.maximum(change, 0.0)
