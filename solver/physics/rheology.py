"""How the solids answer to strain rates: creep and elasticity of Li and electrolyte, voids, growth.

    e     = dev(d - S n n)                                  strain rate that makes stress
    tau   = w tau_s + 2 eta_void e                          w share of solid in a cell
    tau_s = 2 eta e_s,    e_s = e + tau_s,old/(2 G dt)      elastic and creeping in series: eta of `creep`
    G     = M G_electrolyte + (1 - M) G_Li,                 creep by the share (w - M)/w, of Li in what is solid (k = 0)
    w     = M + (1 - M) [k + (1 - k) s(xi)]                 k share of the collector, see below
    s_n   = P - n.tau.n                                     normal stress on the planes of the contact
    div v = S - (P - w P_s,old)/kappa - rate(P, 1 - w)      kappa = w K dt + (1 - w) zeta,  K as G;  rate: `creep`
    P_s   = P_s,old + K dt (P - w P_s,old)/kappa            pressure of the solid in a cell

So the electrolyte (M = 1) is elastic, Li creeps as soon as its stress is high, and a void (w = 0) has neither
strength nor memory. M is a smooth step of psi between MEMORY_RANGE: where the metal may still grow nothing is
remembered for longer than creep lets it. Where the metal has drawn back the electrolyte's half of the contact is
elastic: else a bare collector that bears 100 MPa on a tip of its roughness would make it flow as Li. The memory of Li
stays where it is while the metal drifts by: in steady flow the stress is that of pure creep.

**Collector.** A body that moves with the platen, k of `collector`. It has the viscosity
k RIGID in addition to G dt, and the same to K dt, and no memory, which would stay in its place while the body moves on.
It yields by picometres per second, evenly where it bears an even load; where it is goes by its surface
(`Mechanics.drift`), so that only uneven loads bend it. (A viscosity in proportion to G dt gives no rates to start the
next step from, and a larger one ill-conditioned steps.) Stress inside it means nothing but what it hands on. The
range begins above 1/2, so that between it and the electrolyte there is always a layer of Li or void, and no bond.

A collector that bends (`foil`) is made of columns that slide along each other and on the electrolyte: an edge that
touches it has the viscosity of the cells around that belong to neither.

Normal components live in the cells, shear on edges; the invariant e:e and n.tau.n are taken in the cells with the
mean shear of their edges, so growth stays a local unknown of its cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from solver.laws.creep import SLOWEST, CreepLaw, solid_fraction
from solver.numerics.array import Array, smooth_step
from solver.numerics.staggered import Staggered

MEMORY_RANGE = (0.5, 0.95)  # psi from which on stress is remembered, and from which on all of it is
RIGID = 1e12  # Pa s, viscosity of the collector
SLIDING = 0.01  # share of collector or electrolyte from which on a cell does not lie between them
VOID_BULK_RATIO = 10 / 3  # of zeta to the shear viscosity of a void; it gives way in both terms, so by half of zeta


class Elastic(Protocol):
    """What has Young's modulus (Pa) and Poisson's ratio."""

    @property
    def youngs_modulus(self) -> float: ...

    @property
    def poisson_ratio(self) -> float: ...


def shear_modulus(solid: Elastic) -> float:
    """G = E / (2 (1 + nu)), Pa."""
    return solid.youngs_modulus / (2 * (1 + solid.poisson_ratio))


def bulk_modulus(solid: Elastic) -> float:
    """K = E / (3 (1 - 2 nu)), Pa."""
    return solid.youngs_modulus / (3 * (1 - 2 * solid.poisson_ratio))


def memory_weight(electrolyte: Array) -> Array:
    """M(psi): 0 where the metal may still grow or creep, 1 in the electrolyte."""
    return smooth_step(electrolyte, *MEMORY_RANGE)


@dataclass(frozen=True, kw_only=True)
class Properties:
    """Parameters of all solids.

    creep of Li; lithium_shear, lithium_bulk moduli Pa; void_viscosity Pa s; electrolyte_shear, electrolyte_bulk
    moduli Pa (cells); memory M (cells); normal: components of n (cells); residual_stress: in-plane, compression
    positive, Pa (cells); collector: its share k (cells), and whether it bends.
    """

    creep: CreepLaw
    lithium_shear: float
    lithium_bulk: float
    void_viscosity: float
    electrolyte_shear: Array
    electrolyte_bulk: Array
    memory: Array
    normal: tuple[Array, ...]
    residual_stress: Array
    collector: Array | float = 0.0
    bends: bool = False


@dataclass(frozen=True)
class Tensor:
    """A deviatoric, symmetric tensor: normal components (dim, *cells), each missing one, shear on edges, in cells."""

    normal: Array
    missing: Array
    edges: list[Array]
    cells: list[Array]

    def add(self, other: Tensor) -> None:
        """Add another one in place."""
        for own, more in zip(self._arrays, other._arrays, strict=True):
            own += more

    @property
    def _arrays(self) -> list[Array]:
        return [self.normal, self.missing, *self.edges, *self.cells]

    def scaled(self, cells: Array | float, edges: list[Array]) -> Tensor:
        """Times a scalar field, given in the cells and on the edges."""
        return Tensor(
            cells * self.normal,
            cells * self.missing,
            [e * s for e, s in zip(edges, self.edges, strict=True)],
            [cells * s for s in self.cells],
        )

    @property
    def trace(self) -> Array:
        """What rounding leaves of it."""
        trace: Array = self.normal.sum(axis=0) + (3 - len(self.normal)) * self.missing
        return trace

    def product(self, other: Tensor) -> Array:
        """a:b in the cells."""
        absent = 3 - len(self.normal)
        total = (self.normal * other.normal).sum(axis=0) + absent * self.missing * other.missing
        for a, b in zip(self.cells, other.cells, strict=True):
            total = total + 2 * a * b
        return total


@dataclass(frozen=True)
class Stress:
    """A deviatoric stress, Pa: normal components (dim, *cells), shear on edges."""

    normal: Array
    edges: list[Array]


@dataclass(frozen=True)
class Response:
    """Stress of strain rates, and what its derivative needs.

    tau total; rates e_s, 1/s; eta total, of the solid in a cell (eta_solid, w eta) and of the solid itself (eta_whole),
    cells, Pa s; eta_edges total; slope w d eta/d(e:e); normal_stress s_n.
    """

    tau: Stress
    rates: Tensor
    eta: Array
    eta_solid: Array
    eta_whole: Array
    eta_edges: list[Array]
    slope: Array
    normal_stress: Array


class Rheology:
    """The constitutive equations on a staggered grid."""

    def __init__(self, mac: Staggered, properties: Properties):
        self.mac, self.properties = mac, properties
        p, n = properties, properties.normal
        self.squares = np.stack([np.broadcast_to(c**2, mac.grid.local_shape) for c in n])
        self.products = [n[a] * n[b] for a, b in mac.pairs]
        # the same on all ranks: exchanges of ghosts depend on it
        self.inclined = [mac.grid.max(np.abs(product)) > 0 for product in self.products]
        shear = p.memory * p.electrolyte_shear + (1 - p.memory) * p.lithium_shear
        bulk = p.memory * p.electrolyte_bulk + (1 - p.memory) * p.lithium_bulk
        self.stiffest = float(np.max(shear))
        self.shear_modulus, self.bulk_modulus, self._rigid = shear, bulk, RIGID * p.collector
        self.soft = (1 - p.memory) * (1 - p.collector)
        self.remembering: Array | float = 1 - p.collector
        self.remembering_edges: Sequence[Array | float] = [1.0] * len(mac.pairs)
        self._rigid_edges: Sequence[Array | float] = [0.0] * len(mac.pairs)
        if isinstance(self.remembering, np.ndarray):
            self.remembering_edges = self._edges(self.remembering)
            self._rigid_edges = [RIGID * (1 - kept) for kept in self.remembering_edges]
        self.shear_edges = self._edges(self.shear_modulus)
        if p.bends:
            moving, fixed = (1 - smooth_step(np.asarray(share), 0.0, SLIDING) for share in (p.collector, p.memory))
            self._beside = [share < 1 for share in self._edges(moving)]
            self._between = moving * fixed
            self._between_edges = self._edges(self._between)

    def _edges(self, values: Array) -> list[Array]:
        return [self.mac.to_edges(values, a, b) for a, b in self.mac.pairs]

    def edge_means(self, values: Array) -> list[Array]:
        """Viscosities on edges: means of the cells around, at a collector that bends of those between (collective)."""
        edges = self._edges(values)
        if not self.properties.bends:
            return edges
        means = zip(self._edges(values * self._between), self._between_edges, strict=True)
        between = [mean / np.maximum(share, np.finfo(float).tiny) for mean, share in means]
        return [np.where(at, b, e) for at, b, e in zip(self._beside, between, edges, strict=True)]

    def solid_share(self, lithium: Array) -> Array:
        """w in the cells."""
        return 1 - self.soft * (1 - solid_fraction(lithium))

    def creeping(self, solid_share: Array) -> Array:
        """Share of Li in what is solid in the cells."""
        share: Array = np.maximum(1 - (1 - self.soft) / np.maximum(solid_share, np.finfo(float).tiny), 0.0)
        return share

    def _stiffness(self, dt: float) -> Array:
        """G dt, with the collector's viscosity, Pa s."""
        return self.shear_modulus * dt + self._rigid

    def _bulk(self, dt: float) -> Array:
        """K dt, with the collector's viscosity, Pa s."""
        return self.bulk_modulus * dt + self._rigid

    def total_viscosity(self, eta_solid: Array) -> tuple[Array, list[Array]]:
        """w eta + eta_void in the cells and on the edges, Pa s (collective)."""
        void = self.properties.void_viscosity
        return eta_solid + void, [eta + void for eta in self.edge_means(eta_solid)]

    def _elastic_rate(self, pressure: Array, held: Array, solid_share: Array, dt: float) -> tuple[Array, Array]:
        """(P - w P_s,old)/kappa, 1/s, and kappa, Pa s."""
        void = VOID_BULK_RATIO * self.properties.void_viscosity
        kappa = solid_share * self._bulk(dt) + (1 - solid_share) * void
        return (pressure - solid_share * held) / kappa, kappa

    def compaction(self, pressure: Array, held: Array, solid_share: Array, dt: float) -> tuple[Array, Array]:
        """Rate at which the cells lose volume beyond S, 1/s, and dP/d(rate), Pa s; held: P_s of the old state, Pa."""
        elastic, kappa = self._elastic_rate(pressure, held, solid_share, dt)
        p, void = self.properties, VOID_BULK_RATIO * self.properties.void_viscosity
        rate, slope = p.creep.compaction(pressure, 1 - solid_share, void, self.creeping(solid_share))
        return elastic + rate, 1 / (1 / kappa + slope)

    def solid_pressure(self, pressure: Array, held: Array, solid_share: Array, dt: float) -> Array:
        """P_s at the end of a step, Pa; a void and the collector forget it."""
        elastic, _ = self._elastic_rate(pressure, held, solid_share, dt)
        return (held + self._bulk(dt) * elastic) * (solid_share > 0) * self.remembering

    # -- tensors -------------------------------------------------------------------------------------

    def deviator(self, d: Array) -> Tensor:
        """dev of strain rates (components, *cells): normal ones, then gamma on edges (collective)."""
        dim = self.mac.grid.dim
        third = d[:dim].sum(axis=0) / 3
        edges = [0.5 * g for g in d[dim:]]
        cells = [self.mac.to_cells(g, a, b) for g, (a, b) in zip(edges, self.mac.pairs, strict=True)]
        return Tensor(d[:dim] - third, -third, edges, cells)

    def growth(self, rate: Array) -> Tensor:
        """dev(S n n) (collective)."""
        return replace(self.growth_cells(rate), edges=self.growth_edges(rate))

    def growth_cells(self, rate: Array) -> Tensor:
        """The same without its edges."""
        return Tensor(rate * (self.squares - 1 / 3), -rate / 3, [], [rate * product for product in self.products])

    def growth_edges(self, rate: Array) -> list[Array]:
        """The shear of S n n on edges (collective)."""
        edges = []
        for product, inclined, (a, b) in zip(self.products, self.inclined, self.mac.pairs, strict=True):
            edges.append(self.mac.to_edges(rate * product, a, b) if inclined else np.zeros_like(rate))
        return edges

    def along_normal(self, tau: Tensor) -> Array:
        """n.tau.n in the cells."""
        total = (self.squares * tau.normal).sum(axis=0)
        for product, shear in zip(self.products, tau.cells, strict=True):
            total = total + 2 * product * shear
        return total

    def elastic_tensor(self, elastic: Array) -> Tensor:
        """tau_el (components, *cells), shear on edges, as a tensor (collective)."""
        dim = self.mac.grid.dim
        normal, edges = elastic[:dim], list(elastic[dim:])
        cells = [self.mac.to_cells(s, a, b) for s, (a, b) in zip(edges, self.mac.pairs, strict=True)]
        missing = -normal.sum(axis=0) / max(3 - dim, 1)
        return Tensor(normal, missing, edges, cells)

    # -- stress ----------------------------------------------------------------------------------------

    def memory_rates(self, old: Tensor, dt: float) -> Tensor:
        """tau_s,old/(2 G dt)."""
        edges = [0.5 / (g * dt + rigid) for g, rigid in zip(self.shear_edges, self._rigid_edges, strict=True)]
        return old.scaled(0.5 / self._stiffness(dt), edges)

    def respond(
        self, d: Array, growth: Array, pressure: Array, held: Tensor, solid_share: Array, dt: float
    ) -> Response:
        """Stress under strain rates d (1/s), growth S (1/s), pressure (Pa); held of `memory_rates` (collective)."""
        p, void = self.properties, 2 * self.properties.void_viscosity
        # e, and the stress that a void makes of it; then, in place, e_s = e + tau_s,old/(2 G dt)
        rates = self.deviator(d)
        rates.add(self.growth(-growth))
        tau = Stress(void * rates.normal, [void * e for e in rates.edges])
        along = void * self.along_normal(rates)
        rates.add(held)

        # eta of its invariant R_e by the local equation of `creep`
        magnitude = np.sqrt(2 / 3 * rates.product(rates))
        eta, slope = p.creep.viscosity(magnitude, self._stiffness(dt), self.creeping(solid_share))
        # d eta/d(e:e) of eta = sigma_eq/(3 R_e) and R_e^2 = 2/3 e:e
        slope -= 3 * eta
        slope /= 9 * np.maximum(magnitude, SLOWEST) ** 2
        slope *= solid_share

        # tau = w tau_s + 2 eta_void e; on edges the mean of w eta, to which a void adds nothing
        eta_solid = solid_share * eta
        eta_edges = self.edge_means(eta_solid)
        along += 2 * eta_solid * self.along_normal(rates)
        for stress, viscosity, rate in zip(
            [tau.normal, *tau.edges], [eta_solid, *eta_edges], [rates.normal, *rates.edges], strict=True
        ):
            stress += 2 * viscosity * rate
        return Response(
            tau=tau,
            rates=rates,
            eta=eta_solid + p.void_viscosity,
            eta_solid=eta_solid,
            eta_whole=eta,
            eta_edges=[x + p.void_viscosity for x in eta_edges],
            slope=slope,
            normal_stress=pressure - along,
        )

    def solid_stress(self, at: Response) -> Stress:
        """tau_s (collective)."""
        edges = [2 * eta * rate for eta, rate in zip(self.edge_means(at.eta_whole), at.rates.edges, strict=True)]
        return Stress(2 * at.eta_whole * at.rates.normal, edges)

    def solid_tensor(self, at: Response) -> Tensor:
        """w tau_s in the cells, without its edges."""
        return replace(at.rates, edges=[]).scaled(2 * at.eta_solid, [])

    def newton_factor(self, at: Response, predicted: Tensor) -> Array:
        """theta of `tangent` in the cells; predicted: w tau_s, Pa."""
        own = self.solid_tensor(at)
        return np.clip(predicted.product(own) / np.maximum(own.product(own), SLOWEST), 0.0, 1.0)
