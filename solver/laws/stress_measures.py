"""Scalar measures of a stress for output: the von Mises stress and the largest principal stress.

    sigma = tau - P I                                                tau stress deviator, P pressure (compression > 0)
    sigma_eq = sqrt(3/2 tau:tau)                                     von Mises
    sigma_1 = largest eigenvalue of tau, minus P                     tension positive

Tensors have the last axis xx yy zz xy yz xz (`array.TENSOR`). The eigenvalues are LAPACK's, accurate to rounding also
where two or three are equal, as they are under uniaxial load; the trigonometric formula loses half of the digits there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from solver.numerics.array import AXES, TENSOR, Array

ROWS = [[0, 3, 5], [3, 1, 4], [5, 4, 2]]  # where the entries of the 3x3 matrix are among the six


def six_components(normal: Array, missing: Array, shear: Sequence[Array]) -> Array:
    """The last axis xx yy zz xy yz xz from components on the axes of the grid.

    normal (dim, *cells); missing: the normal one in each direction that the grid does not have; shear: of all pairs
    of axes a < b, in the order 01 02 12.
    """
    axes = AXES[len(normal)]
    given = {axis + axis: values for axis, values in zip(axes, normal, strict=True)}
    given |= {a + b: values for (a, b), values in zip(combinations(axes, 2), shear, strict=True)}
    absent = np.zeros_like(missing)
    return np.stack([given.get(ab, missing if ab[0] == ab[1] else absent) for ab in TENSOR], axis=-1)


def stress(tau: Array, pressure: Array) -> Array:
    """sigma (*cells, 6) of the deviator (*cells, 6) and the pressure (*cells), Pa."""
    sigma = tau.copy()
    sigma[..., :3] -= pressure[..., None]
    return sigma


def von_mises(tau: Array) -> Array:
    """sigma_eq (*cells) of the deviator, or of the whole stress, (*cells, 6), Pa."""
    xx, yy, zz, xy, yz, xz = np.moveaxis(tau, -1, 0)
    normal = (xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2
    result: Array = np.sqrt(0.5 * normal + 3 * (xy**2 + yz**2 + xz**2))
    return result


def largest_principal(tau: Array, pressure: Array) -> Array:
    """sigma_1 (*cells) of the deviator (*cells, 6) and the pressure (*cells), Pa."""
    result: Array = np.linalg.eigvalsh(tau[..., ROWS])[..., -1] - pressure
    return result
