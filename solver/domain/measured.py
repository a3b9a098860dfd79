"""The height of a measured surface between the places where it was measured.

Along each axis a cubic between neighbouring places with the slopes of second-order differences there (Hermite), so that
height and slope are continuous, and linear in what was measured: the axes may be taken one after another. Beyond the
sides the surface goes on periodically or as in a mirror, with which it is level there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from solver.numerics.array import Array

BEYOND = 2  # places beyond each side that slopes and cubics inside need


@dataclass(frozen=True)
class MeasuredHeight:
    """axes: places along each lateral axis from side to side, m; values: heights there, m; mirrored: not periodic."""

    axes: tuple[Array, ...]
    values: Array
    mirrored: bool

    def __call__(self, *lateral: Array) -> tuple[Array, Sequence[Array]]:
        """Height and its slopes at the coordinates, each of which varies along its own axis only."""
        shape = np.broadcast_shapes(*(np.shape(points) for points in lateral))
        value = self._at(lateral, None).reshape(shape)
        return value, [self._at(lateral, axis).reshape(shape) for axis in range(len(lateral))]

    def _at(self, lateral: Sequence[Array], slope: int | None) -> Array:
        values = self.values
        for axis, (places, points) in enumerate(zip(self.axes, lateral, strict=True)):
            x, h = self._extended(places, values, axis)
            spline = CubicHermiteSpline(x, h, np.gradient(h, x, axis=axis), axis=axis)
            values = np.asarray((spline.derivative() if slope == axis else spline)(np.ravel(points)))
        return values

    def _extended(self, places: Array, values: Array, axis: int) -> tuple[Array, Array]:
        """Places and values along an axis with those beyond the sides."""
        last = len(places) - 1
        count = np.arange(-BEYOND, last + BEYOND + 1)
        if self.mirrored:
            period, within = np.divmod(count, 2 * last)
            back = within > last
            rows = np.where(back, 2 * last - within, within)
            x = 2 * places[-1] * (period + back) + np.where(back, -places[rows], places[rows])
        else:
            period, rows = np.divmod(count, last)
            x = places[-1] * period + places[rows]
        return x, np.take(values, rows, axis)
