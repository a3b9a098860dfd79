"""A seed layer that takes Li as an alloy, above 0 V against Li metal: well mixed, a state per area of the contact.

With a profile in depth: `laws.layers`.

    x(E) = sum over steps k of  dx_k s_k(e_k),     s_k(E) = w [p((a_k - E)/w) - p((b_k - E)/w)]/(a_k - b_k)
    e_k  = E, of an irreversible step min(E, E_m);    p(u) = ln(1 + e^u)
    j    = i(phi, E)                                                   charge transfer into the alloy, j > 0 lithiates
    x - x_old = (dt/q) j,     q = F d/V_h                              a step of backward Euler

    x     Li per atom of the host, from 0 to that of the last step     E     potential against Li metal, V; falls with x
    a, b  potentials where a step begins and ends, V, a > b            w     WIDTH: how sharply one passes to the next
    phi   potential of the electrolyte against the collector, V        i     `kinetics.into_alloy`, 0 at phi = -E, A/m^2
    d     thickness of the host, m                                     V_h   its molar volume, m^3/mol
    E_m   lowest E so far, V                                           s_k   share of the step that is done

**Signs.** The collector is at -phi against Li at the contact. Without current the alloy is at E, so phi = -E < 0; a
current j > 0 puts phi above that by eta. Li metal has E = 0. So the alloy takes all current as long as E > -phi > 0,
and Li may be born only once phi > 0. A step is linear in x but for its ends; a plateau is one of PLATEAU from a to b.

**The unknown is E.** x - x_old falls and j rises with E, so given phi there is one root, between E_old and -phi. It
keeps x between 0 and the last step by itself: an empty or a full host follows phi, E -> -phi, and j -> 0.

**Irreversible steps**, conversions such as MoS2 + 4 Li -> Mo + 2 Li2S, take Li as E falls and never give it back:
x_irr is that of the lowest potential so far. Above it only the other steps answer, so x still falls with E, and what
was said of the root holds. Hosts that share E, well mixed, are one host with the steps of all.

    dj/dphi = (di/dphi) |x'|/(|x'| + (di/dE) dt/q)  >= 0
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from solver.numerics.array import Array

PLATEAU = 2e-3  # V, from a to b where x changes and E hardly
WIDTH = 0.25e-3  # V, w
EMPTY = 20.0  # widths above the first step at which a host has none: 1e-10 of a plateau
SWEEPS = 100  # half of them bisections, from volts to the tolerance
TOLERANCE = 1e-8  # V, before the last correction, which is of second order

Law = Callable[[Array, Array], tuple[Array, Array, Array]]  # phi, E -> current A/m^2, derivatives by phi and E, S/m^2


@dataclass(frozen=True)
class AlloyStep:
    """Li per host atom at its end (composition), potentials (V) where it begins and ends, begin > end.

    irreversible: whether its Li stays for good.
    """

    composition: float
    begin: float
    end: float
    irreversible: bool = False


@dataclass(frozen=True)
class _Steps:
    """The steps of a host as columns, to be laid over potentials. gain: Li per host atom that each takes."""

    gain: Array
    begin: Array
    end: Array
    irreversible: Array

    @classmethod
    @cache
    def of(cls, steps: tuple[AlloyStep, ...], axes: int) -> _Steps:
        """axes: of the potentials."""
        compositions = [0.0, *(step.composition for step in steps)]
        ends = [(step.begin, step.end, step.irreversible) for step in steps]
        columns = (np.diff(compositions), *map(np.array, zip(*ends, strict=True)))
        return cls(*(np.reshape(column, (-1, *(1,) * axes)) for column in columns))

    def done(self, potential: Array) -> tuple[Array, Array]:
        """s of E, and -ds/dE (1/V), the steps along the first axis."""
        u, v = (self.begin - potential) / WIDTH, (self.end - potential) / WIDTH
        # p(u) - p(v), of which no rounding is left where the step is full
        linear = np.minimum(np.maximum(u, 0.0), (self.begin - self.end) / WIDTH)
        tail_u, tail_v = np.exp(-np.abs(u)), np.exp(-np.abs(v))
        share = linear + np.log1p(tail_u) - np.log1p(tail_v)
        rate = np.where(u > 0, 1.0, tail_u) / (1 + tail_u) - np.where(v > 0, 1.0, tail_v) / (1 + tail_v)
        return share * WIDTH / (self.begin - self.end), rate / (self.begin - self.end)


@dataclass(frozen=True)
class Alloy:
    """Steps of a host by rising composition and falling potential; charge_per_composition q, C/m^2.

    lowest: E_m, V, infinite before there was any.
    """

    steps: Sequence[AlloyStep]
    charge_per_composition: float
    lowest: Array | float = math.inf

    layers = 1

    @property
    def empty(self) -> float:
        """E of a host without Li, V."""
        return self.steps[0].begin + EMPTY * WIDTH

    def composition(self, potential: Array) -> tuple[Array, Array]:
        """x and -dx/dE >= 0 (1/V) at E."""
        steps = _Steps.of(tuple(self.steps), np.ndim(potential))
        share, rate = steps.done(np.where(steps.irreversible, np.minimum(potential, self.lowest), potential))
        answers = ~steps.irreversible | (potential <= self.lowest)
        return np.sum(steps.gain * share, axis=0), np.sum(steps.gain * rate * answers, axis=0)

    @property
    def bound(self) -> Array:
        """x_irr: Li per host atom that stays for good."""
        steps = _Steps.of(tuple(self.steps), np.ndim(self.lowest))
        return np.asarray(np.sum(steps.gain * steps.irreversible * steps.done(np.asarray(self.lowest))[0], axis=0))

    # -- a step of time; deep: of the layers beneath the surface, of which a well-mixed host has none ----

    def start(self, potential: Array) -> Array:
        """Deep where all is at E."""
        return np.empty((*potential.shape, 0))

    def within(self, lowest: Array, deep: Array, dt: float) -> Alloy:
        """The host as a step of dt finds it."""
        return replace(self, lowest=lowest)

    def at_start(self, potential: Array) -> Array:
        """Mean x at the start of the step, where the surface was at E."""
        return self.composition(potential)[0]

    def at_end(self, potential: Array) -> tuple[Array, Array, Array]:
        """Mean x at the end of the step where the surface is at E then, how it falls with E (1/V), and deep."""
        return *self.composition(potential), np.empty((*potential.shape, 0))

    def response(self, potential: Array, omega: float) -> Array:
        """-dx/dE of the mean for small harmonic changes of E (angular frequency, 1/s), without conversions, 1/V."""
        return replace(self, lowest=-math.inf).composition(potential)[1]

    def reach(self, potential: Array) -> tuple[Array, Array]:
        """The lowest and the highest E in depth at the start of the step."""
        return potential, potential

    def lithiate(
        self,
        old: Array,
        phi: Array,
        law: Law,
        charging: Array,
        given: Array | float = 0.0,
        guess: Array | None = None,
    ) -> tuple[Array, Array, Array]:
        """E at the end of a step, j (A/m^2) and dj/dphi (S/m^2).

        old: E at its start; charging: dt/q times the share of the area that j passes, m^2/A; given: to x, besides;
        guess: of E at the end, V.
        """
        before, (low, high) = self.at_start(old) + given, self.reach(old)
        low, high = np.minimum(low, -phi), np.maximum(high, -phi)
        potential = np.fmin(np.fmax(old if guess is None else guess, low), high)
        last = np.full_like(old, np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            for _ in range(SWEEPS):
                x, fall, _ = self.at_end(potential)
                current, _, by_potential = law(phi, potential)
                excess, steep = x - before - charging * current, fall + charging * by_potential
                low, high = np.where(excess > 0, potential, low), np.where(excess < 0, potential, high)
                aim = np.minimum(np.maximum(potential + excess / steep, low), high)  # the root may be an end
                newton = np.abs(aim - potential) <= np.maximum(0.5 * np.abs(last), TOLERANCE)
                last = np.where(newton, aim, 0.5 * (low + high)) - potential
                potential = potential + last
                if np.max(np.abs(last), initial=0.0) < TOLERANCE:
                    break
        x, fall, _ = self.at_end(potential)
        current, by_phi, by_potential = law(phi, potential)
        excess, steep = x - before - charging * current, fall + charging * by_potential
        ratio = np.divide(1.0, steep, out=np.zeros_like(steep), where=steep > 0)
        return potential + excess * ratio, current + by_potential * excess * ratio, by_phi * fall * ratio
