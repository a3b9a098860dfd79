"""A seed layer with a profile in depth: Li diffuses down the potential that the steps of its host give it.

    d_t x = -(V_h/F) d_X J,    J = F D c/(R T) F dE/dz,    c = x/V,    dz = (V/V_h) dX,    V = V_h + V_Li x
    J = j at the electrolyte's side (X = 0), 0 at the collector (X = d)

    X   depth in the host before it had Li, m      D   self-diffusivity of Li in the host, m^2/s
    J   flux of Li as a current, A/m^2             c   Li per volume, mol/m^3;  z  depth with the Li that is there, m

All that changes with x goes into one function of E, the flux potential (Kirchhoff's transformation)

    G(E) = int_E^inf x/(1 + s x)^2 dE',   s = V_Li/V_h        so that   J = -(q d R_0) dG/dX,   R_0 = D F/(R T d^2)

x is a function of G, which rises: the problem of a moving front in its enthalpy form. A front in an empty host moves,
no mean of x between layers is needed, and a steady flux is exact. Nodes k = 1..n at distances d/(n - 1), the first at
the surface and the last at the collector, hold shares w_k of the host, half as much at both ends; backward Euler:

    w_k (x_k - x_k^old) + r (2 G_k - G_{k-1} - G_{k+1}) = 0,      r = (n - 1) R_0 dt

Given E of the surface, hence G_1, this has one root: it is the gradient of a convex function of G_2..G_n. Newton's
method goes there, shortened where it would go too far. So the mean of x at the end of the step is a function of E of
the surface that falls as that of a well-mixed host does; `alloy.lithiate` finds E from it as it would there, and the
answer of what is deeper, dG_k/dG_1 of the same matrix, is in dj/dphi.

G is tabulated. Irreversible steps are not for such a host: x is to be a function of E.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.linalg import solve_banded

from solver.laws.alloy import EMPTY, WIDTH, Alloy
from solver.numerics.array import Array

FINE, COARSE = 0.1, 60  # widths between entries of the table near the ends of steps; entries elsewhere in a step
SWEEPS = 200
TOLERANCE = 1e-11  # V, of G before the last correction, which is of second order
ROUNDING = 1e-14  # of x, of the balance of a layer
TOO_FAR = 0.1  # of the slope along a correction, that it may have at its end with the other sign
SHORTENINGS = 40


@dataclass(frozen=True)
class FluxPotential:
    """G of E and x of G. potential: E of the table, V, rising; flux_potential: its G, V; composition: its x."""

    potential: Array
    flux_potential: Array
    composition: Array
    mobility: float  # -dG/dE of a full host

    @cached_property
    def _of_potential(self) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
        curve = PchipInterpolator(self.potential, self.flux_potential)
        return curve, curve.derivative()

    @cached_property
    def _composition(self) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
        curve = PchipInterpolator(self.flux_potential[::-1], self.composition[::-1])
        return curve, curve.derivative()

    def at(self, potential: Array) -> tuple[Array, Array]:
        """G (V) and -dG/dE at E."""
        curve, slope = self._of_potential
        inside = np.clip(potential, self.potential[0], self.potential[-1])
        below = np.minimum(potential - inside, 0.0)
        fall = np.where(potential > self.potential[-1], 0.0, np.where(below < 0, self.mobility, -slope(inside)))
        return curve(inside) - self.mobility * below, fall

    def composition_at(self, value: Array) -> tuple[Array, Array]:
        """x and dx/dG (1/V) at G; below that of an empty host in proportion."""
        curve, slope = self._composition
        inside = np.clip(value, self.flux_potential[-1], self.flux_potential[0])
        short = np.minimum(value - inside, 0.0)
        rise = np.where(value > self.flux_potential[0], 0.0, np.where(short < 0, 1 / WIDTH, slope(inside)))
        return curve(inside) + short / WIDTH, rise

    def potential_at(self, value: Array) -> Array:
        """E at G, V, within the table's resolution."""
        beyond = np.maximum(value - self.flux_potential[0], 0.0)
        return np.interp(value, self.flux_potential[::-1], self.potential[::-1]) - beyond / self.mobility


def tabulate(alloy: Alloy, swelling: float) -> FluxPotential:
    """The table of a host. swelling: V_Li/V_h."""
    near = WIDTH * np.arange(-EMPTY, EMPTY + FINE, FINE)
    ends = [end for step in alloy.steps for end in (step.begin, step.end)]
    within = [np.linspace(step.end, step.begin, COARSE) for step in alloy.steps]
    potential = np.unique(np.concatenate([*(end + near for end in ends), *within]))
    potential = potential[(potential <= alloy.empty) & (np.diff(potential, prepend=-np.inf) > 1e-3 * WIDTH)]
    middle = 0.5 * (potential[1:] + potential[:-1])
    (at, between) = (alloy.composition(values)[0] for values in (potential, middle))
    mobility, half = (x / (1 + swelling * x) ** 2 for x in (at, between))
    parts = np.diff(potential) * (mobility[1:] + 4 * half + mobility[:-1]) / 6  # Simpson's rule
    rest = WIDTH * mobility[-1]  # above the table, where x falls exponentially
    found = rest + np.append(np.cumsum(parts[::-1])[::-1], 0.0)
    return FluxPotential(potential, found, at, float(mobility[0]))


@dataclass(frozen=True, kw_only=True)
class LayeredAlloy(Alloy):
    """A host with n layers. rate: R_0, 1/(V s); flux_potential: of `tabulate`.

    deep: G of the layers beneath the surface at the start of a step, V, along the last axis; dt: of the step, s.
    """

    layers: int
    rate: float
    flux_potential: FluxPotential
    deep: Array = field(default_factory=lambda: np.empty((0, 0)))
    dt: float = 0.0
    # of the last end of this step, to begin with: G of the surface, deep, and how that follows, dG_k/dG_1
    _near: list[tuple[Array, Array, Array]] = field(default_factory=list, compare=False)

    @cached_property
    def shares(self) -> Array:
        """w."""
        return np.array([0.5, *np.ones(self.layers - 2), 0.5]) / (self.layers - 1)

    @property
    def coupling(self) -> float:
        """r, 1/V."""
        return (self.layers - 1) * self.rate * self.dt

    def start(self, potential: Array) -> Array:
        """G of the layers beneath the surface where all are at E."""
        return np.repeat(self.flux_potential.at(potential)[0][..., None], self.layers - 1, axis=-1)

    def within(self, lowest: Array, deep: Array, dt: float) -> LayeredAlloy:
        return replace(self, lowest=lowest, deep=deep, dt=dt, _near=[])

    @cached_property
    def _before(self) -> Array:
        """x of the layers beneath the surface at the start of the step."""
        return self.flux_potential.composition_at(self.deep)[0]

    def profile(self, potential: Array, deep: Array) -> Array:
        """x of the layers, the surface first, along the last axis; the surface is at E, those beneath at G."""
        below = self.flux_potential.composition_at(np.maximum(deep, 0.0))[0]
        return np.concatenate([self.composition(potential)[0][..., None], below], axis=-1)

    def at_start(self, potential: Array) -> Array:
        return np.asarray(self.shares[0] * self.composition(potential)[0] + self._before @ self.shares[1:])

    def reach(self, potential: Array) -> tuple[Array, Array]:
        most, least = self.deep.max(axis=-1, initial=0.0), self.deep.min(axis=-1, initial=np.inf)
        below = (self.flux_potential.potential_at(value) for value in (most, least))
        low, high = below
        return np.minimum(potential, low - WIDTH), np.maximum(potential, high + WIDTH)

    def at_end(self, potential: Array) -> tuple[Array, Array, Array]:
        x, fall = self.composition(potential)
        top, mobility = self.flux_potential.at(potential)
        deep, below, rise = self._diffuse(top, self._foreseen(top))
        pulled = np.zeros_like(deep)
        pulled[..., 0] = self.coupling
        answer = self._solve(self.shares[1:] * rise, pulled)
        self._near[:] = [(top, deep, answer)]
        first, others = self.shares[0], self.shares[1:]
        return first * x + below @ others, first * fall + mobility * ((rise * answer) @ others), deep

    def response(self, potential: Array, omega: float) -> Array:
        """-dx/dE of the mean for small harmonic changes of E of the surface, 1/V; deep: as it is."""
        _, fall = self.composition(potential)
        _, mobility = self.flux_potential.at(potential)
        _, rise = self.flux_potential.composition_at(self.deep)
        pulled = np.zeros_like(rise, complex)
        pulled[..., 0] = (self.layers - 1) * self.rate
        answer = replace(self, dt=1.0)._solve(1j * omega * self.shares[1:] * rise, pulled)
        return np.asarray(self.shares[0] * fall + mobility * ((rise * answer) @ self.shares[1:]))

    def _foreseen(self, top: Array) -> Array:
        """Deep where the surface has G = top, to first order."""
        if not self._near:
            return self.deep
        before, deep, answer = self._near[0]
        return deep + answer * (top - before)[..., None]

    def _diffuse(self, top: Array, guess: Array) -> tuple[Array, Array, Array]:
        """G beneath the surface at the end of the step, where that has G = top, with its x and dx/dG."""
        others = self.shares[1:]

        def residual(deep: Array) -> tuple[Array, Array, Array]:
            x, rise = self.flux_potential.composition_at(deep)
            flux = np.diff(deep, axis=-1, prepend=top[..., None])
            flux[..., :-1] -= flux[..., 1:].copy()
            return others * (x - self._before) + self.coupling * flux, x, rise

        deep = guess
        force, x, rise = residual(deep)
        for _ in range(SWEEPS):
            change = self._solve(others * rise, -force)
            settled = (np.abs(change).max(axis=-1) < TOLERANCE) | (np.abs(force).max(axis=-1) < ROUNDING)
            if np.all(settled):
                return deep + change, x + rise * change, rise
            slope, share = np.sum(force * change, axis=-1), np.ones_like(top)
            for _ in range(SHORTENINGS):
                tried = deep + share[..., None] * change
                force, x, rise = residual(tried)
                too_far = np.sum(force * change, axis=-1) > TOO_FAR * np.abs(slope)
                if not np.any(too_far & ~settled):
                    break
                share = np.where(too_far, 0.5 * share, share)
            deep = tried
        return deep, x, rise

    def _solve(self, storing: Array, right: Array) -> Array:
        """Solution of (storing + r T) u = right for each place, in one tridiagonal system."""
        matrix = np.zeros((3, *right.shape), right.dtype)
        matrix[1] = storing + 2 * self.coupling
        matrix[1, ..., -1] -= self.coupling
        matrix[0, ..., 1:] = matrix[2, ..., :-1] = -self.coupling
        if not right.size:
            return right
        return solve_banded((1, 1), matrix.reshape(3, -1), right.ravel(), check_finite=False).reshape(right.shape)
