"""A smooth step between two values."""

from __future__ import annotations

import numpy as np

from solver.numerics.array import Array


def smooth_step(s: Array, low: float, high: float) -> Array:
    """x^2 (3 - 2 x) of x, the way of s from low, where it is 0, to high, where it is 1; constant beyond."""
    x = np.clip((s - low) / (high - low), 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x))
