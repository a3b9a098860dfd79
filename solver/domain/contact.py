"""Where metal and electrolyte are: indicators, contact area, conductivity of the layers.

    psi = (1 + tanh(d / 2 lambda)) / 2,   d = (z - eta) / sqrt(1 + |grad eta|^2)     electrolyte indicator
    m   = max(1 - psi, FLOOR)                                                       weight of the metal side
    |grad psi|                                                                       area of the contact per volume

eta(x, y) is the height of the electrolyte's surface (0 when flat), d its signed distance (exact when flat,
first order in the slope otherwise). psi is evaluated on the faces; |grad psi| of a cell follows from the
differences of its faces, so that over a flat contact the areas of a column of cells add up to exactly its
cross-section, and a uniform current meets a discretely exact solution of the charge equation.

A contact is the data of one time level: whoever asks where things are is given it, so that a body may move. Below the
metal is the Li electrode, or what else `electrode` says; where that is a current collector that moves, `collector` says
where it is, and m is what it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from solver.domain.electrode import Electrode
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.operators import along_axis, full_faces

if TYPE_CHECKING:
    from solver.domain.collector import Place

FLOOR = 1e-6
NOTHING = 1e-12  # of psi, or of 1 - psi: beyond that the electrolyte, or the metal, has nothing to say
SIGNIFICANT = 0.1  # weight of metal or defect from which on a field counts in the error of a step
NEAR = 0.5  # of 4 psi (1 - psi): there it counts too, however thin the metal is
OUTER = 0.4  # psi up to which no planes are made of Li that is plated
FITTED = 2.0  # gap over lambda from which on both diffuse walls have room, and Li between them its full capillarity

Height = Callable[..., tuple[Array, Sequence[Array]]]


def profile(distance: Array, width: float) -> Array:
    """(1 + tanh(d / 2 lambda)) / 2 at the signed distance d from a surface of the width lambda, both m."""
    rising: Array = 0.5 * (1 + np.tanh(distance / (2 * width)))
    return rising


def stretch_of(slopes: Sequence[Array]) -> Array:
    """sqrt(1 + |grad eta|^2) of the slopes of a surface: distances along z over those along its normal."""
    return np.sqrt(1 + sum((s**2 for s in slopes), np.zeros(())))


def slope_of_faces(grid: Grid, faces: Sequence[Array]) -> Array:
    """|grad| in the cells of a function that is given on their faces, 1/m."""
    squared = np.zeros(grid.local_shape)
    for axis, values in enumerate(faces):
        lower, upper = along_axis(axis, grid.dim)
        squared += ((values[upper] - values[lower]) / grid.spacing[axis]) ** 2
    return np.sqrt(squared)


def flat(*coordinates: Array) -> tuple[Array, Sequence[Array]]:
    """A flat surface at z = 0."""
    return np.zeros(()), [np.zeros(()) for _ in coordinates]


@dataclass(frozen=True)
class Contact:
    """Indicators of the contact on the owned cells and faces.

    electrolyte psi, metal m (cells); electrolyte_faces, metal_faces: one array per axis, full size;
    area_density |grad psi|, 1/m; area: its integral over each cell, m^2. normal: unit normal, one array of cells per
    axis, extended along z into the metal. electrode: what is at the bottom. collector: where a current collector that
    moves is; None where there is none.
    """

    electrolyte: Array
    electrolyte_faces: list[Array]
    metal: Array
    metal_faces: list[Array]
    area_density: Array
    area: Array
    normal: tuple[Array, ...]
    electrode: Electrode
    collector: Place | None = None

    @property
    def inside(self) -> Array:
        """Cells that belong to the metal side, however thin it is."""
        between: Array = self.electrolyte < 0.5
        return between if self.collector is None else between & (self.collector.indicator < 0.5)

    @property
    def significant(self) -> Array:
        """Cells whose fields count in the error of a step."""
        near = 4 * self.electrolyte * (1 - self.electrolyte) > NEAR
        return np.asarray((self.metal > SIGNIFICANT) | near)

    @property
    def growing(self) -> Array:
        """Weight of the metal where planes are made: that of a thick electrode, so that a thin film grows as fast.

        But none in what is rigid of a collector, which cannot grow.
        """
        near = 4 * self.electrolyte * (1 - self.electrolyte) ** 2
        return np.maximum(self.metal, near if self.collector is None else near * (1 - self.collector.rigid))

    @property
    def outer(self) -> Array:
        """o'(psi) in the cells, so that |grad psi| outer is the slope of o: the outer side of the diffuse contact.

            o = max(0, (psi - OUTER)/(1 - OUTER))^2

        Planes that are made there push all of the metal, and leave c as it is where the metal is; they push a collector
        too that is as near as it can be, since it is rigid where chi > 1 - OUTER.
        """
        lower, upper = self.electrolyte_faces[-1][..., :-1], self.electrolyte_faces[-1][..., 1:]
        a, b = (np.maximum(psi - OUTER, 0.0) / (1 - OUTER) for psi in (lower, upper))
        return (a + b) * np.divide(b - a, upper - lower, out=np.zeros_like(a), where=upper > lower)

    def within(self, part: Grid) -> Contact:
        """That of a part of the grid."""
        return replace(
            self,
            electrolyte=part.of(self.electrolyte),
            electrolyte_faces=[part.of_faces(a, f) for a, f in enumerate(self.electrolyte_faces)],
            metal=part.of(self.metal),
            metal_faces=[part.of_faces(a, f) for a, f in enumerate(self.metal_faces)],
            area_density=part.of(self.area_density),
            area=part.of(self.area),
            normal=tuple(part.of(n) for n in self.normal),
            collector=self.collector and self.collector.within(part),
        )

    def walls(self, width: float) -> tuple[Array, ...]:
        """Areas per volume that Li wets, of electrolyte and collector, 1/m.

        In a gap g below FITTED lambda they count by g/(FITTED lambda): profiles of the width lambda do not fit in
        there, and the energy of two full walls would fill or empty it without Li.
        """
        if self.collector is None:
            return (self.area_density,)
        share = np.clip(self.collector.gap / (FITTED * width), 0.0, 1.0)
        return share * self.area_density, share * self.collector.area_density


def make_contact(grid: Grid, width: float, height: Height = flat, electrode: Electrode | None = None) -> Contact:
    """The contact of the given width lambda (m) along the surface z = height(x, y), over a Li electrode by default."""

    def psi_at(points: list[Array]) -> Array:
        eta, slopes = height(*points[:-1])
        return profile((points[-1] - eta) / stretch_of(slopes), width)

    psi = np.broadcast_to(psi_at(grid.cell_coordinates()), grid.local_shape).copy()
    faces = [full_faces(grid, a, psi_at(grid.face_coordinates(a))).copy() for a in range(grid.dim)]
    density = slope_of_faces(grid, faces)
    return Contact(
        electrolyte=psi,
        electrolyte_faces=faces,
        metal=np.maximum(1 - psi, FLOOR),
        metal_faces=[np.maximum(1 - f, FLOOR) for f in faces],
        area_density=density,
        area=density * grid.volume,
        normal=contact_normal(grid, height),
        electrode=electrode or Electrode(grid),
    )


def contact_normal(grid: Grid, height: Height = flat) -> tuple[Array, ...]:
    """Unit normal of the contact, one array of cells per axis; extended along z into the metal."""
    _, slopes = height(*grid.cell_coordinates()[:-1])
    stretch = stretch_of(slopes)
    parts = [*(-s / stretch for s in slopes), 1 / stretch]
    return tuple(np.broadcast_to(part, grid.local_shape).copy() for part in parts)


def layer_values(
    grid: Grid, thicknesses: Sequence[float], values: Sequence[Sequence[float]]
) -> list[Array]:
    """Cell arrays of properties that are constant in each electrolyte layer, one per property.

    values: for each layer, from the contact upwards, its properties. The first layer goes on below the contact.
    """
    ends = np.cumsum(thicknesses)[:-1]
    layer = np.searchsorted(ends, grid.centres[-1][grid.owned[-1]])
    columns = np.asarray(values, dtype=float).T
    return [np.broadcast_to(grid.along(grid.dim - 1, c[layer]), grid.local_shape).copy() for c in columns]


@dataclass(frozen=True)
class Layers:
    """Electrolyte layers from the contact upwards: thicknesses (m) and ionic conductivities (S/m)."""

    thicknesses: tuple[float, ...]
    conductivities: tuple[float, ...]

    def resistance_to(self, z: Array) -> Array:
        """int_0^z dz / s, ohm m^2; the first layer goes on below z = 0, the last above its end."""
        ends = np.cumsum(self.thicknesses)
        knots = np.concatenate([[0.0], ends])
        values = np.concatenate(
            [[0.0], np.cumsum(np.array(self.thicknesses) / np.array(self.conductivities))]
        )
        inside = np.interp(z, knots, values)
        below = np.minimum(z, 0.0) / self.conductivities[0]
        above = np.maximum(z - ends[-1], 0.0) / self.conductivities[-1]
        return inside + below + above

    def charge_conductance_to(self, z: Array) -> Array:
        """int_0^z s dz, S; for the mean conductivity along the layers."""
        ends = np.cumsum(self.thicknesses)
        knots = np.concatenate([[0.0], ends])
        values = np.concatenate(
            [[0.0], np.cumsum(np.array(self.thicknesses) * np.array(self.conductivities))]
        )
        inside = np.interp(z, knots, values)
        below = np.minimum(z, 0.0) * self.conductivities[0]
        above = np.maximum(z - ends[-1], 0.0) * self.conductivities[-1]
        return inside + below + above


def face_conductivities(grid: Grid, layers: Layers, contact: Contact) -> list[Array]:
    """Effective s psi on the faces of every axis, S/m: in series across the layers, in parallel along them.

    Exact for a planar cell with any layers, also when a layer ends inside a grid cell.
    """
    centres, faces = grid.centres[-1], grid.faces[-1]
    along = np.diff(layers.charge_conductance_to(faces)) / np.diff(faces)
    ends = np.concatenate([faces[:1], centres, faces[-1:]])
    across = np.diff(ends) / np.diff(layers.resistance_to(ends))
    cells = grid.owned[-1]
    last = grid.dim - 1
    result = []
    for axis in range(grid.dim):
        faces_of_block = across[cells.start : cells.stop + 1]
        s = grid.along(last, faces_of_block if axis == last else along[cells])
        result.append(s * np.maximum(contact.electrolyte_faces[axis], FLOOR))
    return result
