"""What arrays and their axes are called, and a step of their values, for those who need no grid."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

AXES = {1: ("z",), 2: ("x", "z"), 3: ("x", "y", "z")}  # of cell fields, the normal of the contact last

# Components of symmetric tensors in three directions, whatever the dimension of the grid: a 2-D run has the axes x
# and z, so that zz is along the normal of the contact and the shear is xz. The order is that of VTK.
TENSOR = ("xx", "yy", "zz", "xy", "yz", "xz")


def smooth_step(s: Array, low: float, high: float) -> Array:
    """x^2 (3 - 2 x) of x, the way of s from low, where it is 0, to high, where it is 1; constant beyond."""
    x = np.minimum(np.maximum((s - low) / (high - low), 0.0), 1.0)
    return np.asarray(x * x * (3 - 2 * x))
