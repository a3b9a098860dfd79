"""Atoms of a seed's host in the Li on it: where they are above the collector, at every place of the contact by itself.

    d_t n + d_z (v n) = d_z (D d_z n)       no flux at z = 0 and through z = h,      int_0^h n dz = N

    n   atoms of the host per volume, mol/m^3    z   height above the collector, m;  h = w + l
    D   their diffusivity in Li, m^2/s           w   thickness of the seed with its Li, l of the Li metal on it, m
    v   velocity of what is there, m/s           N   atoms per area, mol/m^2: none are lost

The seed swells evenly, v = z w'/w for z < w. **Li metal comes and goes at its top**, z = h, with no atom of the host:
what is laid on is clean, and a front that retreats at V piles up those that it passes, as exp(-V (h - z)/D) ahead of
it. What the seed takes from metal on it (w' > 0) it takes at z = w, so that this front moves through metal at rest,
v = 0: Li is taken to have the same volume on both sides (in Mg it has, in Ag 0.7 of it). Above a seed that gives Li
back v = w'.

**Layers** follow both fronts: faces at z = w y in the seed (y in equal parts) and w + l y in the metal (finer at both
of its ends, y = sin^2), so that with D = 0 no atom of the seed gets into Li that is laid on it. The flux through a face
that moves at u is that of exponential fitting (Scharfetter and Gummel, IEEE Trans. Electron Devices 16 (1969) 64), of
second order where |P| is small and upwind where it is not,

    J = U n_k - W n_{k+1},   U = B + max(v - u, 0),   W = B + max(u - v, 0)        upwards, mol/(m^2 s)
    B = (D/s) |P|/(exp|P| - 1),   P = (v - u) s/D        s distance of the centres; v - u = 0 in the seed,
                                                          -(max(w', 0) + y l') in the metal

and backward Euler in time. The atoms of a layer, as their share of N, are its thickness times n/N. The equations are
solved without a difference of numbers: columns of the matrix add up to the thickness of a layer, so each pivot is the
sum of what stays in the layers below and what leaves upwards. No share becomes negative, and their sum is kept to
rounding however thin a layer is (Grassmann, Taksar and Heyman, Oper. Res. 33 (1985) 1107, for Markov chains).

**Passive.** Neither potentials nor the Li of the seed know of it. Li with 3 at% of the host has RT/F ln(0.97) = -0.8
mV; spread evenly in the last Li that is stripped, it has the potential at the end of the seed's last step (2.4 mV of
Mg, 12 mV of Ag). Li that atoms in the metal bind counts as in the seed. D is the same in the alloy, whose last phase is
that of Li.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from solver.numerics.array import Array

LEAST = 1e-15  # m, of l: so much less than an atom that no share of them is in it
NO_DRIFT = 1e-9  # |P| below which B is D/s to rounding of n
ONE_WAY = 500.0  # |P| beyond which nothing goes against the drift


@dataclass(frozen=True)
class HostAtoms:
    """The layers. Shares of the atoms in them are arrays with the layers along the first axis; seed w and metal l: m.

    diffusivity: D, m^2/s.
    """

    diffusivity: float
    in_seed: int = 6
    in_metal: int = 14

    @property
    def number(self) -> int:
        """Of all layers."""
        return self.in_seed + self.in_metal

    @cached_property
    def _metal_faces(self) -> Array:
        """y of the faces in the metal, from that of the seed on."""
        return np.asarray(np.sin(0.5 * np.pi * np.arange(self.in_metal + 1) / self.in_metal) ** 2)

    def faces(self, seed: Array, metal: Array) -> Array:
        """Heights of the faces, m, from the collector on."""
        own = np.multiply.outer(np.arange(self.in_seed) / self.in_seed, seed)
        return np.concatenate([own, seed + np.multiply.outer(self._metal_faces, np.maximum(metal, LEAST))])

    def start(self, seed: Array) -> Array:
        """Shares where all atoms are evenly in the seed."""
        shares = np.zeros((self.number, *seed.shape))
        shares[: self.in_seed] = 1 / self.in_seed
        return shares

    def height(self, shares: Array, seed: Array, metal: Array) -> Array:
        """Mean height of the atoms, m."""
        faces = self.faces(seed, metal)
        return np.asarray(np.sum(0.5 * (faces[1:] + faces[:-1]) * shares, axis=0))

    def in_lithium(self, shares: Array) -> Array:
        """Share of the atoms beyond the seed."""
        return np.asarray(np.sum(shares[self.in_seed :], axis=0))

    def advance(self, shares: Array, before: tuple[Array, Array], after: tuple[Array, Array], dt: float) -> Array:
        """Shares at the end of a step of dt (s); before and after: w and l."""
        (seed, metal), (old_seed, old_metal) = (
            (thickness, np.maximum(lithium, LEAST)) for thickness, lithium in (after, before)
        )
        faces = self.faces(seed, metal)
        drift = np.zeros((self.number - 1, *seed.shape))
        swept = np.maximum(seed - old_seed, 0.0) + np.multiply.outer(self._metal_faces[:-1], metal - old_metal)
        drift[self.in_seed - 1 :] = -swept / dt
        distance = 0.5 * (faces[2:] - faces[:-2])
        both = self._exchange(drift, distance)
        up, down = (dt * (both + np.maximum(way, 0.0)) for way in (drift, -drift))
        return _balanced(np.diff(faces, axis=0), up, down, shares)

    def _exchange(self, drift: Array, distance: Array) -> Array:
        """B, m/s."""
        plain, speed = self.diffusivity / distance, np.abs(drift)
        number = np.minimum(speed, ONE_WAY * plain) / np.maximum(plain, np.finfo(float).tiny)
        slow = number < NO_DRIFT
        return np.where(slow, plain, plain * number / np.expm1(np.where(slow, 1.0, number)))


def _balanced(thickness: Array, up: Array, down: Array, old: Array) -> Array:
    """thickness n of: thickness_k n_k + F_k - F_{k-1} = old_k,  F_k = up_k n_k - down_k n_{k+1} (no F at the ends)."""
    last = len(old) - 1
    stays, held, pivot = thickness[0], old[0], []
    found = [held]
    for k in range(last):
        pivot.append(stays + up[k])
        held = old[k + 1] + up[k] / pivot[k] * held
        stays = thickness[k + 1] + down[k] / pivot[k] * stays
        found.append(held)
    density = found[last] / stays
    found[last] = thickness[last] * density
    for k in reversed(range(last)):
        density = (found[k] + down[k] * density) / pivot[k]
        found[k] = thickness[k] * density
    return np.stack(found)
