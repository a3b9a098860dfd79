"""Random numbers and fields that depend on a seed and a place only, never on ranks or the order of work.

* `uniform` and `normal` are keyed by (seed, step, id): a counter-based generator (the SplitMix64 finaliser,
  Steele, Lea & Flood 2014) on the global number of the cell.
* `arrivals` counts events of a Poisson process, whose waiting times are keyed by the id and the number of the event.
* `LateralField` is a Gaussian field of the lateral coordinates, a sum of Fourier modes whose coefficients are keyed
  by the mode. It is the same function on every grid, so a grid can be refined under it. Zero mean over the period,
  unit variance, covariance that of exp(-r^2 / (2 l^2)) without its mean: (exp(-r^2 / (2 l^2)) - g) / (1 - g) with the
  correlation length l and g = sqrt(2 pi) l / period (product over the axes), 0.19 at 1.5 um in 20 um.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from solver.numerics.array import Array

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_ARRIVALS = 1 << 32  # the first step of `arrivals`, which others do not reach
SMALLEST_AMPLITUDE = 1e-8  # modes of a smaller spectral density are left out


def mix(x: Array) -> Array:
    """Scramble 64 bits (uint64): the finaliser of SplitMix64, one to one."""
    x = (x ^ (x >> np.uint64(30))) * _MIX[0]
    x = (x ^ (x >> np.uint64(27))) * _MIX[1]
    return x ^ (x >> np.uint64(31))


def _hash(seed: int, step: int, ids: Array) -> Array:
    with np.errstate(over="ignore"):
        key = mix(np.array([seed], dtype=np.int64).astype(np.uint64) * _GOLDEN + np.uint64(1))
        key = mix(key + np.array([step], dtype=np.int64).astype(np.uint64) * _GOLDEN)[0]
        return mix(mix(np.asarray(ids, dtype=np.uint64) * _GOLDEN + key) + _GOLDEN)


def uniform(seed: int, step: int, ids: Array) -> Array:
    """Numbers in (0, 1) for each id (uint64 array)."""
    return ((_hash(seed, step, ids) >> np.uint64(11)).astype(float) + 0.5) / 2.0**53


def normal(seed: int, step: int, ids: Array) -> Array:
    """Standard normal numbers for each id (Box-Muller)."""
    ids = np.asarray(ids, dtype=np.uint64)
    radius = np.sqrt(-2 * np.log(uniform(seed, 2 * step, ids)))
    return radius * np.cos(2 * np.pi * uniform(seed, 2 * step + 1, ids))


def arrivals(seed: int, ids: Array, until: Array) -> Array:
    """How many events of a Poisson process of unit rate each id has had by the time `until`."""
    time, number = np.zeros(np.shape(until)), np.zeros(np.shape(until))
    for event in count(_ARRIVALS):
        time = time - np.log(uniform(seed, event, ids))
        come = time <= until
        if not come.any():
            break
        number += come
    return number


@dataclass(frozen=True)
class LateralField:
    """Gaussian random function of the lateral coordinates with the given periods (m) and correlation length (m).

    mirrored: only modes that are even about x = 0 and about half a period, for a box between symmetry planes. The
    variance is then 1 on average over the box.
    """

    periods: tuple[float, ...]
    correlation_length: float
    seed: int
    mirrored: bool = False

    def _modes(self) -> tuple[Array, Array, Array]:
        """Wave vectors (modes, axes) and the two coefficients of each mode."""
        axes = [np.arange(-n, n + 1) for n in self._highest()]
        numbers = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(self.periods))
        first = numbers[np.arange(len(numbers)), np.argmax(numbers != 0, axis=1)]
        numbers = numbers[first > 0]  # one of each pair k, -k; the mean is left out
        k = 2 * np.pi * numbers / np.array(self.periods)
        density = np.exp(-0.5 * (self.correlation_length**2) * (k**2).sum(axis=1))
        kept = density > SMALLEST_AMPLITUDE
        ids = np.zeros(len(numbers), dtype=np.uint64)
        for column in numbers.T:
            ids = ids * np.uint64(1 << 20) + (column + (1 << 19)).astype(np.uint64)
        scale = np.sqrt(density[kept] / max(density[kept].sum(), 1e-300))
        ids = ids[kept]
        return k[kept], scale * normal(self.seed, 0, ids), scale * normal(self.seed, 1, ids)

    def _highest(self) -> list[int]:
        cut = np.sqrt(-2 * np.log(SMALLEST_AMPLITUDE)) / self.correlation_length
        return [max(1, int(cut * p / (2 * np.pi))) for p in self.periods]

    def __call__(self, *coordinates: Array) -> Array:
        """Values at lateral coordinates (broadcastable arrays, one per lateral axis)."""
        value, _ = self.with_gradient(*coordinates)
        return value

    def with_gradient(self, *coordinates: Array) -> tuple[Array, list[Array]]:
        """Values and their derivative along each lateral axis."""
        k, cosine, sine = self._modes()
        shape = np.broadcast_shapes(*(np.shape(x) for x in coordinates))
        value, slopes = np.zeros(shape), [np.zeros(shape) for _ in coordinates]
        for wave, a, b in zip(k, cosine, sine, strict=True):
            if self.mirrored:
                _add_even_mode(value, slopes, wave, a, coordinates)
                continue
            phase = sum(w * x for w, x in zip(wave, coordinates, strict=True))
            c, s = np.cos(phase), np.sin(phase)
            value += a * c + b * s
            for slope, w in zip(slopes, wave, strict=True):
                slope += w * (b * c - a * s)
        return value, slopes


def _add_even_mode(
    value: Array, slopes: list[Array], wave: Array, amplitude: float, coordinates: Sequence[Array]
) -> None:
    """Add a product of cosines that has the mean square amplitude^2, and its derivatives."""
    amplitude = amplitude * np.sqrt(2.0) ** np.count_nonzero(wave)
    cosines = [np.cos(w * x) for w, x in zip(wave, coordinates, strict=True)]
    value += amplitude * np.prod(np.broadcast_arrays(*cosines), axis=0)
    for axis, (slope, w, x) in enumerate(zip(slopes, wave, coordinates, strict=True)):
        factors = [*cosines[:axis], -w * np.sin(w * x), *cosines[axis + 1 :]]
        slope += amplitude * np.prod(np.broadcast_arrays(*factors), axis=0)
