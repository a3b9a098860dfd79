"""Write defects.msh: a honeycomb of grain boundaries, a crack from the contact and a pore, in um.

Run it as `python cases/mesh_defects/make_mesh.py`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import meshio
import numpy as np

WIDTH, THICKNESS, GRAIN = 12.0, 10.0, 4.0  # of the box and of a grain, um
CRACK = [(7.0, 0.0), (7.8, 1.6)]
PORE, RADIUS, CORNERS = (4.0, 6.0), 0.8, 16


def honeycomb() -> list[np.ndarray]:
    """Edges (2 points each) of upright hexagons, periodic along x, cut off at the ends of the electrolyte."""
    edge = GRAIN / np.sqrt(3)
    edges = {}
    for row in range(-1, int(THICKNESS / edge) + 2):
        for column in range(-1, int(WIDTH / GRAIN) + 2):
            centre = np.array([(column + 0.5 * (row % 2)) * GRAIN, 1.5 * edge * row])
            angles = np.pi / 6 + np.pi / 3 * np.arange(7)
            corners = centre + edge * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
            for ends in pairwise(corners):
                line = np.array(sorted(map(tuple, np.round(ends, 9))))
                if 0 <= line[:, 0].mean() < WIDTH - 1e-6:
                    edges[line.tobytes()] = line
    return [cut for cut in map(cut_off, edges.values()) if cut is not None]


def cut_off(line: np.ndarray) -> np.ndarray | None:
    """The piece of an edge between z = 0 and the top, None when there is none."""
    (x0, z0), (x1, z1) = line
    if z0 == z1:
        return line if 0 < z0 < THICKNESS else None
    shares = np.clip(np.sort((np.array([0.0, THICKNESS]) - z0) / (z1 - z0)), 0, 1)
    if shares[1] - shares[0] < 1e-6:
        return None
    return np.array([(x0 + s * (x1 - x0), z0 + s * (z1 - z0)) for s in shares])


def main() -> None:
    """Boundaries and crack as lines, the pore as a fan of triangles."""
    boundaries = honeycomb()
    angles = 2 * np.pi * np.arange(CORNERS) / CORNERS
    rim = np.array(PORE) + RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    points = np.concatenate([*boundaries, np.array(CRACK), [PORE], rim])
    lines = np.arange(2 * len(boundaries) + 2).reshape(-1, 2)
    centre = lines.size
    around = centre + 1 + np.arange(CORNERS)
    fan = np.stack([np.full(CORNERS, centre), around, np.roll(around, -1)], axis=-1)
    tags = [np.array([1] * len(boundaries) + [2]), np.full(CORNERS, 3)]
    mesh = meshio.Mesh(
        np.pad(points, ((0, 0), (0, 1))),
        [("line", lines), ("triangle", fan)],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={"boundaries": np.array([1, 1]), "crack": np.array([2, 1]), "pore": np.array([3, 2])},
    )
    meshio.gmsh.write(Path(__file__).with_name("defects.msh"), mesh, "2.2", binary=False, float_fmt=".9g")


if __name__ == "__main__":
    main()
