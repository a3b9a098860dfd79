"""Order of convergence, checked from both sides: too high an order is as much an error as too low a one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def observed_orders(sizes: Sequence[float], errors: Sequence[float]) -> np.ndarray:
    """p in error ~ size^p between successive sizes, which must fall (at least three of them)."""
    h, e = np.asarray(sizes, dtype=float), np.asarray(errors, dtype=float)
    if len(h) < 3 or h.shape != e.shape:
        raise ValueError("an order needs at least three sizes and as many errors")
    if np.any(np.diff(h) >= 0):
        raise ValueError("sizes must fall")
    if not np.all(np.isfinite(e) & (e > 0)):
        raise ValueError(f"errors must be positive and finite, not {e}")
    return np.diff(np.log(e)) / np.diff(np.log(h))


def assert_order(sizes: Sequence[float], errors: Sequence[float], expected: float, tolerance: float = 0.1) -> None:
    """Every pair of successive sizes must show the expected order, within the tolerance, from both sides."""
    orders = observed_orders(sizes, errors)
    assert np.all(np.abs(orders - expected) <= tolerance), (
        f"orders {np.round(orders, 3)} instead of {expected} +- {tolerance}; errors {errors}"
    )
