"""Write the meshes of this folder with Gmsh 4.15 (pip install gmsh): python tests/data/meshes/make_meshes.py.

A pore of two rectangles, 0.4 < x < 1.4 and 1 < z < 2, and a crack of two lines, in the formats and with the options of
Gmsh that change what is in a file: <what>_<version><a: text, b: binary>.msh.
"""

from __future__ import annotations

from pathlib import Path

import gmsh

HERE = Path(__file__).parent
VERSIONS = {"22a": (2.2, 0), "22b": (2.2, 1), "40a": (4.0, 0), "41a": (4.1, 0), "41b": (4.1, 1)}


def model(quads: bool = False, order: int = 1) -> None:
    """Pore and crack with their groups; some elements are in two of them, one has no name, one is turned round."""
    gmsh.clear()
    gmsh.model.add("pore")
    occ, groups = gmsh.model.occ, gmsh.model.addPhysicalGroup
    left, right = occ.addRectangle(0.4, 1, 0, 0.5, 1), occ.addRectangle(0.9, 1, 0, 0.5, 1)
    ends = [occ.addPoint(*place, 0) for place in ((2, 0), (2, 1.5), (2.5, 3))]
    lines = [occ.addLine(*ends[:2]), occ.addLine(*ends[1:])]
    occ.fragment([(2, left)], [(2, right)])
    occ.synchronize()
    groups(1, lines, 11, "crack")
    groups(2, [left, right], 12, "pore")
    groups(2, [left], 13, "left")
    groups(1, lines[:1], 14, 'it\'s "half" \u00e9')
    groups(2, [-right], 15)
    gmsh.option.setNumber("Mesh.RecombineAll", quads)
    gmsh.model.mesh.generate(2)
    gmsh.model.mesh.setOrder(order)


def save(name: str, version: str, **options: int) -> None:
    """The file; options of Mesh are set for it only."""
    number, binary = VERSIONS[version]
    for option, value in {"MshFileVersion": number, "Binary": binary, **options}.items():
        gmsh.option.setNumber(f"Mesh.{option}", value)
    gmsh.write(str(HERE / f"{name}_{version}.msh"))
    for option in options:
        gmsh.option.setNumber(f"Mesh.{option}", 0)


def main() -> None:
    """All files."""
    gmsh.initialize()
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.option.setNumber("Mesh.MeshSizeMin", 2)
    gmsh.option.setNumber("Mesh.MeshSizeMax", 2)
    for version in VERSIONS:
        model()
        save("plain", version)
        save("all", version, SaveAll=1)
        save("parametric", version, SaveParametric=1)
        gmsh.option.setNumber("Mesh.PartitionCreateGhostCells", 1)
        gmsh.model.mesh.partition(2)
        save("partitioned", version)
        gmsh.option.setNumber("Mesh.PartitionCreateGhostCells", 0)
    for version in ("22a", "41b"):
        model()
        gmsh.model.mesh.partition(2)
        save("split", version, PartitionSplitMeshFiles=1)  # into two files, of which one is kept
    for version in ("22a", "41b"):
        model()
        edges = (gmsh.model.getEntitiesInBoundingBox(x - 0.1, 0.9, -1, x + 0.1, 2.1, 1, 1) for x in (1.4, 0.4))
        right, left = ([tag for _, tag in found] for found in edges)
        gmsh.model.mesh.setPeriodic(1, right, left, [1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
        gmsh.model.mesh.generate(2)
        save("periodic", version)
        model(quads=True)
        save("quads", version)
        model(order=2)
        save("curved", version)
    gmsh.finalize()


if __name__ == "__main__":
    main()
