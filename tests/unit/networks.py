"""Small boxes and defects for the tests of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from solver.case.defects import Crack, Cracks, Flaws, GrainBoundaries
from solver.defects import make_network
from solver.numerics.grid import Grid

ROOT = Path(__file__).parents[2]
MINIMAL, MESH_CASE = ROOT / "cases/minimal.toml", ROOT / "cases/mesh_defects/case.toml"
LAMBDA, HALF_WIDTH = 100e-9, 100e-9
UM = 1e-6


def box_grid(dim=2, width=8.0, thickness=6.0, cells=64, below=1.0, periodic=True):
    """A grid of cubes with extents in um and `cells` cells along x; z starts at -below."""
    h = width / cells
    lateral = [np.linspace(0, width * UM, cells + 1)] * (dim - 1)
    normal = np.arange(-round(below / h), round(thickness / h) + 1) * h * UM
    return Grid([*lateral, normal], [periodic] * (dim - 1))


def network(grid, *defects, thickness=6.0, half_width=HALF_WIDTH, ends=None, **options):
    ends = [thickness * UM] if ends is None else [e * UM for e in ends]
    return make_network(defects, grid, LAMBDA, half_width, ends, **options)


def grains(size="2 um", **keys):
    return GrainBoundaries(kind="grain_boundaries", grain_size=size, **keys)


def flaws(**keys):
    return Flaws(**({"kind": "flaws", "spacing": "4 um", "depth": "2 um"} | keys))


def one_crack(**keys):
    return Cracks(kind="cracks", cracks=[Crack(**({"length": "3 um", "opening": "50 nm"} | keys))])
