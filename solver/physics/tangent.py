"""Derivative of the equations of one step of the `mechanics`: closed formulas in the cells.

Symbols are those of `mechanics` and `rheology`; r = e_s, the rates that make stress. A change of the strain rates d and
of the pressure changes, with e = dev(d) and a factor theta in every cell,

    dS     = gain [ b (2 eta e_nn + s (r:e) r_nn - dP) - mismatch ],    b = -dS/ds_n,   s = 4 theta w d eta/d(e:e)
    d tau  = 2 eta e' + s (r:e') r,                                     e' = e - dS dev(n n)
    gain   = 1 / (1 + b n.d tau(dev(n n)).n)

where n.d tau.n has the mean shear of the edges of a cell. S is eliminated in the cells: growth takes back 1 - gain of
the stress that drives it. On edges d tau has the means of s (r:e') and of dS n n over the cells around them.

    theta  = tau_predicted:tau_s / tau_s:tau_s, between 0 and 1          (0: Picard's iteration, 1: Newton's)

tau_predicted is the stress that the last linear solve foresaw. Where the new rates give
more stress than that, the rates are too large and the full derivative would overshoot through zero (the viscosity of
creep falls with the rate); where they give less it is safe. Where they have turned the stress around, which was not
foreseen, the rates have crossed the stiff range about zero, of which the soft derivative on its other side knows
nothing: with sizes in place of the product it would take them back, and to and fro for ever. (The idea of an
independent stress is that of Rudi, Shih & Stadler, Geochem. Geophys. Geosyst. 21 (2020) e2020GC009059.)

Changes are scaled: rates in `rate_unit`, stresses in STRESS_UNIT, viscosities in their ratio; r is in 1/s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.numerics.array import Array
from solver.physics.rheology import Response, Rheology, Tensor


@dataclass(frozen=True)
class Change:
    """Of a step, in the cells: growth dS; softer s (r:e'); mean -2 eta (div - dS)/3 - dP; shear of e (pairs)."""

    growth: Array
    softer: Array
    mean: Array
    shear: list[Array]


class Tangent:
    """Change of stress and growth with strain rates and pressure at `at`.

    softness: b, 1/(s Pa); predicted: tau_predicted, Pa, in the cells. rate_unit 1/s, viscosity_unit Pa s.
    """

    def __init__(
        self,
        rheology: Rheology,
        at: Response,
        softness: Array,
        predicted: Tensor,
        *,
        rate_unit: float,
        viscosity_unit: float,
    ):
        self.rheology = r = rheology
        theta = r.newton_factor(at, predicted)
        self.rates, self._rate_unit = at.rates, rate_unit
        self.stiffness = 2 * at.eta / viscosity_unit
        self.stiffness_edges = [2 * eta / viscosity_unit for eta in at.eta_edges]
        self.softening = 4 / viscosity_unit * theta * at.slope
        self._at, self._viscosity_unit = at, viscosity_unit

        # r:dev(.) of normal components, r_nn and r:dev(n n)
        trace = self.rates.trace
        self._normal_rates = self.rates.normal - trace / 3
        self._along = r.along_normal(self.rates)
        self._of_growth = self._along - trace / 3

        # n.dev(n n).n, then the stress of growth on itself
        plane = sum((square**2 for square in r.squares), start=np.zeros_like(trace)) - r.squares.sum(axis=0) / 3
        plane = plane + sum(2 * product**2 for product in r.products)
        own = self.stiffness * plane + self.softening * self._of_growth * self._along
        b = softness * viscosity_unit
        self._gain = 1 / (1 + b * own)
        self._driven = self._gain * b

    def cells(self, d: Array, gamma: Array, pressure: Array, mismatch: Array | None = None) -> Change:
        """What follows from changes of the strain rates and the pressure (collective).

        d: normal ones (dim, *cells); gamma: shear on edges (pairs, *cells); mismatch: S - S(s_n).
        """
        r, third = self.rheology, summed(d)
        third /= 3
        along, stretch = contracted(r.squares, d), contracted(self._normal_rates, d)
        along -= third
        gammas = [r.mac.to_cells(g, a, b) for g, (a, b) in zip(gamma, r.mac.pairs, strict=True)]
        for product, inclined, rate, g in zip(r.products, r.inclined, self.rates.cells, gammas, strict=True):
            stretch += rate * g
            if inclined:
                along += product * g
        # in place: the operator is applied a hundred times in a step, and arrays go through memory
        growth = self.softening * stretch
        growth *= self._along
        growth += self.stiffness * along
        growth -= pressure
        growth *= self._driven
        if mismatch is not None:
            growth -= self._gain * mismatch
        stretch -= growth * self._of_growth
        stretch *= self.softening
        mean = growth / 3
        mean -= third
        mean *= self.stiffness
        mean -= pressure
        return Change(growth, stretch, mean, [0.5 * g for g in gammas])

    def normal_stresses(self, d: Array, change: Change) -> Array:
        """Changes of tau_aa - P (dim, *cells)."""
        r = self.rheology
        stresses: Array = change.growth * r.squares
        np.subtract(d, stresses, out=stresses)
        stresses *= self.stiffness
        stresses += change.softer * self.rates.normal
        stresses += change.mean
        return stresses

    def edge_stresses(self, gamma: Array, change: Change) -> list[Array]:
        """Changes of tau_ab on edges; gamma: shear strain rates (pairs, *cells) (collective)."""
        r, stresses = self.rheology, []
        growth, softer = r.growth_edges(change.growth), r.edge_means(change.softer)
        for eta, g, grown, soft, rate in zip(
            self.stiffness_edges, gamma, growth, softer, self.rates.edges, strict=True
        ):
            stress = 0.5 * g
            stress -= grown
            stress *= eta
            stress += soft * rate
            stresses.append(stress)
        return stresses

    def predicted(self, d: Array, change: Change) -> Tensor:
        """w tau_s that the linear model foresees, in the cells without its edges, in STRESS_UNIT."""
        r, rates, solid = self.rheology, self.rates, 2 * self._at.eta_solid / self._viscosity_unit
        third = d.sum(axis=0) / 3
        grown = r.growth_cells(change.growth)
        scale = solid / self._rate_unit + change.softer
        normal = solid * (d - third - grown.normal) + scale * rates.normal
        missing = solid * (-third - grown.missing) + scale * rates.missing
        shear = [
            solid * (e - g) + scale * rate
            for e, g, rate in zip(change.shear, grown.cells, rates.cells, strict=True)
        ]
        return Tensor(normal, missing, [], shear)


def summed(normal: Array) -> Array:
    """Sum over the components of (dim, *cells)."""
    found: Array = np.add.reduce(normal, axis=0)
    return found


def contracted(a: Array, b: Array) -> Array:
    """sum of a_i b_i of (dim, *cells)."""
    found = a[0] * b[0]
    for one, other in zip(a[1:], b[1:], strict=True):
        found += one * other
    return found
