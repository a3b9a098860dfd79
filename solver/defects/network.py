"""The defect network on the grid: where Li can go in the electrolyte, and what it meets there.

Defects are evaluated where z > 0. Below the contact each channel goes on straight down, so that it opens into the
metal; psi ends it there. Where defects overlap the one with the largest b counts, with its properties, but a cavity
before walls. All arrays are functions of the coordinates, the same for any division among ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.case.defects import AnyDefect, Geometry
from solver.defects.box import Box
from solver.defects.families import Family, make_family
from solver.defects.mesh import mesh_families
from solver.defects.shapes import Cloud, Trace
from solver.domain.contact import Height, flat, profile
from solver.numerics.array import Array
from solver.numerics.grid import Grid

CORE = 0.1  # of b: above, a cavity has its own properties whatever crosses it
SMALLEST = 1e-6  # of b: below there is no defect


@dataclass(frozen=True)
class Network:
    """Defects on the owned cells; where there is none: b = 0, region -1, opening and numerical width 1 m.

    indicator b; indicator_faces: b on the faces, one array per axis, full size; opening w, m; numerical_width
    int b dn, m (beta = w / int b dn); separation_energy G_b, J/m^2; flaw_depth a, m, > 0 only where the opening
    follows from the stress (`opening` is then NaN); normal n_b (axes, cells), whose first component is
    not negative; open: separated from the start, also below the contact, where no walls hold Li back; filled: zeta at
    the start, a front at the depth of a flaw and else at the contact, where the metal stands at the mouths; bears_load:
    1 where walls touch and transmit stress, 0 in cavities; region: number of the table of the case, then of the group
    of the mesh.
    """

    indicator: Array
    indicator_faces: list[Array]
    opening: Array
    numerical_width: Array
    separation_energy: Array
    flaw_depth: Array
    normal: Array
    open: Array
    filled: Array
    bears_load: Array
    region: Array


def make_network(
    defects: Sequence[AnyDefect],
    grid: Grid,
    width: float,
    channel_half_width: float,
    layer_ends: Sequence[float],
    height: Height = flat,
    geometry: Geometry | None = None,
) -> Network:
    """The network of the tables `defects` and `geometry` of a case (collective). Raises MeshChanged.

    width: lambda (m) of the ends of cracks, of the surfaces of pores and of the first filaments; channel_half_width: l,
    m; layer_ends: upper ends of the electrolyte layers, m; height: the surface from which depths are measured.
    """
    box = Box.of(grid, layer_ends, width, channel_half_width)
    families = [make_family(defect, box) for defect in defects]
    if geometry is not None:
        families += mesh_families(geometry, box, grid.comm)
    cells = grid.cell_coordinates()
    best, region = _strongest(families, cells)
    faces = [_strongest(families, grid.face_coordinates(axis))[0].indicator for axis in range(grid.dim)]

    def of_members(name: str, elsewhere: float) -> Array:
        """A property of the family or of the member that counts."""
        values = np.full(grid.local_shape, elsewhere)
        for number, family in enumerate(families):
            at = region == number
            each = np.asarray(getattr(family, name), dtype=float)
            values[at] = each[best.member[at]] if each.ndim else each
        return values

    depth = np.broadcast_to(cells[-1] - height(*cells[:-1])[0], grid.local_shape)
    filled_depth = of_members("filled_depth", 0.0)
    return Network(
        indicator=best.indicator,
        indicator_faces=faces,
        opening=of_members("opening", 1.0),
        numerical_width=of_members("numerical_width", 1.0),
        separation_energy=of_members("separation_energy", 0.0),
        flaw_depth=of_members("flaw_depth", 0.0),
        normal=best.normal,
        open=(of_members("open", 0.0) > 0) | ((region >= 0) & (depth < filled_depth)),
        filled=np.where(region >= 0, profile(filled_depth - depth, width), 0.0),
        bears_load=of_members("bears_load", 1.0),
        region=region,
    )


def _strongest(families: Sequence[Family], coordinates: Sequence[Array]) -> tuple[Trace, Array]:
    """The largest indicator over all families with its normal and member, and the number of its family (-1: none).

    coordinates: one broadcastable array per axis; the arrays of the result have the shape of all together.
    """
    above, back = np.unique(np.maximum(np.ravel(coordinates[-1]), 0.0), return_inverse=True)
    axes = [*(np.ravel(x) for x in coordinates[:-1]), above]
    cloud = Cloud.tensor(axes)
    best = Trace.nothing(cloud)
    region = np.full(len(cloud.points), -1)
    rank = np.zeros(len(cloud.points))
    for number, family in enumerate(families):
        trace = family.trace(cloud)
        # no wall closes a cavity that crosses it
        own = trace.indicator + (family.open & (trace.indicator > CORE))
        wins = (own > rank) & (trace.indicator > SMALLEST)
        rank[wins] = own[wins]
        best.indicator[:] = np.maximum(best.indicator, np.where(trace.indicator > SMALLEST, trace.indicator, 0.0))
        best.normal[:, wins] = trace.normal[:, wins]
        best.member[wins] = trace.member[wins]
        region[wins] = number

    def shaped(values: Array) -> Array:
        return values.reshape(*values.shape[:-1], *map(len, axes))[..., back]

    return Trace(shaped(best.indicator), shaped(best.normal), shaped(best.member)), shaped(region)
