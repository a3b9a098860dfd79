"""A seed layer that takes Li as an alloy, above 0 V against Li metal: well mixed, a state per area of the contact.

    x(E) = sum over steps k of  dx_k w [p((a_k - E)/w) - p((b_k - E)/w)]/(a_k - b_k),    p(u) = ln(1 + e^u)
    j    = i(phi, E)                                                   charge transfer into the alloy, j > 0 lithiates
    x - x_old = (dt/q) j,     q = F d/V_h                              a step of backward Euler

    x     Li per atom of the host, from 0 to that of the last step     E     potential against Li metal, V; falls with x
    a, b  potentials where a step begins and ends, V, a > b            w     WIDTH: how sharply one passes to the next
    phi   potential of the electrolyte against the collector, V        i     `kinetics.into_alloy`, 0 at phi = -E, A/m^2
    d     thickness of the host, m                                     V_h   its molar volume, m^3/mol

**Signs.** The collector is at -phi against Li at the contact. Without current the alloy is at E, so phi = -E < 0; a
current j > 0 puts phi above that by eta. Li metal has E = 0. So the alloy takes all current as long as E > -phi > 0,
and Li may be born only once phi > 0. A step is linear in x but for its ends; a plateau is one of PLATEAU from a to b.

**The unknown is E.** x - x_old falls and j rises with E, so given phi there is one root, between E_old and -phi. It
keeps x between 0 and the last step by itself: an empty or a full host follows phi, E -> -phi, and j -> 0.

    dj/dphi = (di/dphi) |x'|/(|x'| + (di/dE) dt/q)  >= 0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from solver.numerics.array import Array

PLATEAU = 2e-3  # V, from a to b where x changes and E hardly
WIDTH = 0.25e-3  # V, w
EMPTY = 20.0  # widths above the first step at which a host has none: 1e-10 of a plateau
SWEEPS = 100  # half of them bisections, from volts to the tolerance
TOLERANCE = 1e-12  # V, before the last correction, which is of second order

Law = Callable[[Array, Array], tuple[Array, Array, Array]]  # phi, E -> current A/m^2, derivatives by phi and E, S/m^2


@dataclass(frozen=True)
class AlloyStep:
    """Li per host atom at its end (composition), potentials (V) where it begins and ends, begin > end."""

    composition: float
    begin: float
    end: float


@dataclass(frozen=True)
class Alloy:
    """Steps of a host by rising composition and falling potential; charge_per_composition q, C/m^2."""

    steps: Sequence[AlloyStep]
    charge_per_composition: float

    @property
    def empty(self) -> float:
        """E of a host without Li, V."""
        return self.steps[0].begin + EMPTY * WIDTH

    def composition(self, potential: Array) -> tuple[Array, Array]:
        """x and -dx/dE >= 0 (1/V) at E."""
        x, fall = np.zeros_like(potential), np.zeros_like(potential)
        before = 0.0
        for step in self.steps:
            slope = (step.composition - before) / (step.begin - step.end)
            u, v = (step.begin - potential) / WIDTH, (step.end - potential) / WIDTH
            # p(u) - p(v), of which no rounding is left where the step is full
            linear = np.clip(u, 0.0, (step.begin - step.end) / WIDTH)
            x += slope * WIDTH * (linear + np.log1p(np.exp(-np.abs(u))) - np.log1p(np.exp(-np.abs(v))))
            fall += slope * (expit(u) - expit(v))
            before = step.composition
        return x, fall

    def lithiate(
        self, old: Array, phi: Array, law: Law, charging: Array, given: Array | float = 0.0
    ) -> tuple[Array, Array, Array]:
        """E at the end of a step, j (A/m^2) and dj/dphi (S/m^2).

        old: E at its start; charging: dt/q times the share of the area that j passes, m^2/A; given: to x, besides.
        """
        before = self.composition(old)[0] + given
        low, high = np.minimum(old, -phi), np.maximum(old, -phi)
        potential, last = old.copy(), np.full_like(old, np.inf)
        for _ in range(SWEEPS):
            excess, steep, *_ = self._balance(potential, before, phi, law, charging)
            low, high = np.where(excess > 0, potential, low), np.where(excess < 0, potential, high)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.clip(potential + excess / steep, low, high) - potential  # the root may be an end
            newton = np.abs(step) <= np.maximum(0.5 * np.abs(last), TOLERANCE)
            last = np.where(newton, step, 0.5 * (low + high) - potential)
            potential = potential + last
            if np.max(np.abs(last), initial=0.0) < TOLERANCE:
                break
        excess, steep, fall, (current, by_phi, by_potential) = self._balance(potential, before, phi, law, charging)
        ratio = np.divide(1.0, steep, out=np.zeros_like(steep), where=steep > 0)
        return potential + excess * ratio, current + by_potential * excess * ratio, by_phi * fall * ratio

    def _balance(
        self, potential: Array, before: Array, phi: Array, law: Law, charging: Array
    ) -> tuple[Array, Array, Array, tuple[Array, Array, Array]]:
        """x - x_old - (dt/q) j, how it falls with E, -dx/dE, and what the law gives."""
        x, fall = self.composition(potential)
        current, by_phi, by_potential = law(phi, potential)
        return x - before - charging * current, fall + charging * by_potential, fall, (current, by_phi, by_potential)
