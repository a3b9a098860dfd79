"""Walls that bend, part and meet in an electrolyte of one potential: whether Li gets round them.

Walls lead from the contact to a junction at z = 6 lambda and on from there. lambda is 200 nm, places in lambda.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import meshio
import numpy as np

from solver.numerics.array import Array
from tests.verification.penetrating import INTERFACIAL, FlawedCell, driven
from tests.verification.setups import finish, prepare

PI, OPENING = 75e6, 20e-9  # Pa, m
CELL = FlawedCell()
SIDE, STEM, ARM = 20.0, 6.0, 8.0  # width of the box, depth of the junction, length of the arms
PROBE = 5.0  # behind the junction
# angles to the contact normal of what goes on behind the junction; the last one is watched
JUNCTIONS = {
    "straight": (0,),
    "bend by 30 degrees": (30,),
    "bend by 60 degrees": (60,),
    "bend by 90 degrees": (90,),
    "Y of 2 x 60 degrees": (-60, 60),
    "branch to the side": (0, 90),
}
MEETING = 60.0  # degrees to the contact normal of two walls that meet


def place(degrees: float, length: float) -> Array:
    """The point (x, z) at this distance from the junction and angle to the contact normal, m."""
    direction = np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    return (np.array([SIDE / 2, STEM]) + length * direction) * CELL.width


def write_walls(path: Path, points: Array, walls: dict[str, list[tuple[int, int]]]) -> None:
    """A mesh, in um: walls between numbers of points (points, axes; m), by the names of their groups."""
    tags = [np.repeat(np.arange(1, len(walls) + 1), [len(lines) for lines in walls.values()])]
    mesh = meshio.Mesh(
        np.pad(1e6 * points, ((0, 0), (0, 1))),
        [("line", np.array([line for lines in walls.values() for line in lines]))],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={name: np.array([number, 1]) for number, name in enumerate(walls, 1)},
    )
    meshio.write(path, mesh, file_format="gmsh22", binary=False)


def group(name: str, intact: float) -> dict[str, str]:
    """A group of walls with this infiltration pressure, Pa."""
    energy = intact * OPENING - 2 * INTERFACIAL
    return {"name": name, "opening": f"{OPENING} m", "separation_energy": f"{energy} J/m^2"}


def passes(name: str, ratio: float, **filament: Any) -> bool:
    """Whether Li gets 5 lambda beyond the junction of this name, or round its last arm, at (F/Omega) phi = ratio Pi."""
    angles = JUNCTIONS[name]
    points = np.array([place(180, STEM), place(0, 0), *(place(angle, ARM) for angle in angles)])
    lines = [(0, 1), *((1, 2 + number) for number in range(len(angles)))]
    return _reached(points, {"walls": lines}, {"walls": PI}, angles[-1], ratio, filament)


def meets(ratio: float, **filament: Any) -> bool:
    """The same of one wall that goes on straight where two come together, whose Pi is half of its."""
    length = STEM / np.cos(np.radians(MEETING))
    points = np.array([place(180 - MEETING, length), place(180 + MEETING, length), place(0, 0), place(0, ARM)])
    walls = {"weak": [(0, 2), (1, 2)], "walls": [(2, 3)]}
    return _reached(points, walls, {"weak": 0.5 * PI, "walls": PI}, 0, ratio, filament)


def _reached(
    points: Array,
    walls: dict[str, list[tuple[int, int]]],
    intact: dict[str, float],
    degrees: float,
    ratio: float,
    filament: dict[str, Any],
) -> bool:
    """Whether Li comes to the probe at these degrees, in the time for 30 lambda at a drive of |ratio - 1| Pi."""
    um, natural = CELL.width * 1e6, CELL.natural_time(PI)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "walls.msh"
        write_walls(path, points, walls)
        case = CELL.case(
            [driven(ratio * PI, 30 / max(ratio - 1, 0.05) * natural)],
            20 * natural,
            defects=[],
            geometry={"mesh": str(path), "groups": [group(name, pressure) for name, pressure in intact.items()]},
            domain={"width": f"{SIDE * um} um", "lithium_thickness": f"{5 * um} um"},
            electrolyte=[{"thickness": f"{(STEM + ARM + 4) * um} um", "conductivity": "100 S/m"}],
            filament={"aspect_factor": CELL.aspect_factor} | filament,
        )
        simulation, _ = prepare(case)
    finish(simulation)
    centres, probe = simulation.grid.centres, place(degrees, PROBE)
    cell = tuple(int(np.argmin(np.abs(c - p))) for c, p in zip(centres, probe, strict=True))
    return bool(simulation.state["filament"][cell] > 0.5)
