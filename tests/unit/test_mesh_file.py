"""What of the files of Gmsh is read: the same elements in the same groups from every format, or a refusal in words.

The files were written by Gmsh 4.15, tests/data/meshes/make_meshes.py.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from solver.case import mesh as case_mesh
from solver.case import mesh_file
from solver.case.defects import Geometry
from solver.case.mesh import measure, read_parts
from tests.unit.networks import ROOT

MESHES = ROOT / "tests/data/meshes"
HALF = 'it\'s "half" \u00e9'
GROUPS = ["crack", "pore", "left", HALF, "15"]
COUNTS = {"crack": 2, "pore": 8, "left": 4, HALF: 1, "15": 4}
SIZES = {"crack": 1.5 + np.hypot(0.5, 1.5), "pore": 1.0, "left": 0.5, HALF: 1.5, "15": 0.5}
SAME_GROUPS = [
    *(f"plain_{version}" for version in ("22a", "22b", "40a", "41a", "41b")),
    *(f"partitioned_{version}" for version in ("22a", "22b", "40a", "41a", "41b")),
    *(f"{what}_{version}" for what in ("all", "parametric") for version in ("40a", "41a", "41b")),
    *("periodic_22a", "periodic_41b"),
]


def geometry(path, *names, unit="1 um"):
    return Geometry(mesh=str(path), unit=unit, groups=[{"name": name} for name in names or GROUPS])


def refusal(path, *names, dim=2):
    """The one problem of a mesh, as a line."""
    problems = []
    assert read_parts(geometry(path, *names or ["pore"]), dim, problems) == []
    (problem,) = problems
    return f"{problem.key}: {problem.wrong}; allowed: {problem.allowed}; {problem.suggestion}"


def read(path, *names, dim=2):
    problems = []
    parts = read_parts(geometry(path, *names), dim, problems)
    assert problems == []
    return parts


@pytest.mark.parametrize("name", SAME_GROUPS)
def test_every_format_gives_the_same_groups(name):
    """Also elements in two groups, a group without a name, one of elements that are turned round."""
    parts = dict(zip(GROUPS, read(MESHES / f"{name}.msh"), strict=True))
    assert {group: len(part.elements) for group, part in parts.items()} == COUNTS
    found = {group: measure(part.corners).sum() for group, part in parts.items()}
    assert found == pytest.approx({g: size * 1e-6 ** (2 if parts[g].is_solid else 1) for g, size in SIZES.items()})
    assert [part.left_out for part in parts.values()] == [0] * 5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all_22a", r"groups\.0\.name: the group has no elements; .* Gmsh option Mesh\.SaveAll = 0"),
        ("all_22b", r"Mesh\.SaveAll = 0"),
        ("parametric_22a", r"parametric nodes; allowed: the Gmsh option Mesh\.SaveParametric = 0"),
        ("parametric_22b", r"Mesh\.SaveParametric = 0"),
        ("curved_22a", r"groups\.0\.name: a group of curved elements, of order 2; .* Mesh\.ElementOrder = 1"),
        ("curved_41b", r"Mesh\.ElementOrder = 1"),
        ("quads_22a", r"a group of quad elements; allowed: line or triangle in a 2-D case; .* Mesh\.RecombineAll = 0"),
        ("quads_41b", r"Mesh\.RecombineAll = 0"),
        ("split_22a_1", r"it has elements of one partition only; .* Mesh\.PartitionSplitMeshFiles = 0"),
        ("split_41b_2", r"Mesh\.PartitionSplitMeshFiles = 0"),
    ],
)
def test_what_is_not_read_is_refused_with_the_option_of_gmsh(name, expected):
    assert re.search(expected, refusal(MESHES / f"{name}.msh"))


def changed(tmp_path, change, name="plain_41a"):
    path = tmp_path / "changed.msh"
    path.write_bytes(change((MESHES / f"{name}.msh").read_bytes()))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: b"$Comments\nof $Nodes and more\n$EndComments\n" + text,
        lambda text: text + b'$NodeData\n1\n"v"\n1\n0\n3\n0\n1\n1\n1 0.5\n$EndNodeData\n',
        lambda text: text + text[: text.index(b"$Entities")] + b"$ElementData\n$EndElementData\n",
        lambda text: text.replace(b"$EndNodes", b"$EndNodes\n# a line between sections"),
    ],
    ids=["CRLF", "byte order mark", "comments", "data", "data that Gmsh added", "text between sections"],
)
def test_what_else_may_be_in_a_file(change, tmp_path):
    assert [len(part.elements) for part in read(changed(tmp_path, change))] == list(COUNTS.values())


@pytest.mark.parametrize("name", ["plain_22a", "plain_22b", "plain_40a", "plain_41a", "plain_41b", "partitioned_41b"])
def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(name, tmp_path):
    whole = (MESHES / f"{name}.msh").read_bytes()
    path = tmp_path / "cut.msh"
    for end in range(0, whole.rindex(b"$EndElements") + 11, 23):
        path.write_bytes(whole[:end])
        line = refusal(path)
        assert "cannot be read as a Gmsh file: it" in line and "Error" not in line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "it is empty; allowed: a Gmsh mesh in MSH 2.2, 4.0 or 4.1"),
        (b"SetFactory('OpenCASCADE');\n", r"has no section \$MeshFormat and begins with .SetFactory"),
        (b"# vtk DataFile Version 2.0\n", r"begins with '# vtk"),
        (b"solid x\nfacet normal 0 0 1\n", r"begins with 'solid x'"),
        (b"\x1f\x8b\x08\x00\xff\xfe", r"has no section \$MeshFormat"),
        (b"$NOD\n1\n1 0 0 0\n$ENDNOD\n", r"format MSH 1; .* Mesh\.MshFileVersion = 4\.1"),
        (b"$MeshFormat\n3 0 8\n$EndMeshFormat\n", r"its format is '3 0 8'; .* Mesh\.MshFileVersion = 4\.1"),
        (b"$MeshFormat\n4 1 8\n\1\0\0\0\n$EndMeshFormat\n", r"binary file of MSH 4\.0; allowed: .* Mesh\.Binary = 0"),
        (b"$MeshFormat\n4.1 1 8\n\7\0\0\0\n$EndMeshFormat\n", "byte order cannot be determined"),
        (b"$MeshFormat\n4.1 0 4\n$EndMeshFormat\n", "its numbers have 4 bytes"),
        (b"$MeshFormat\n4.1 0 8\n$EndMeshFormat\n", r"it has no section \$Nodes; allowed: a file with a mesh"),
    ],
)
def test_a_file_that_is_no_mesh_of_gmsh(content, expected, tmp_path):
    path = tmp_path / "odd.msh"
    path.write_bytes(content)
    assert re.search(expected, refusal(path))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"\n2.5 3 0\n", b"\n2.5 nan 0\n", "a node has no usable coordinates"),
        (b"\n2.5 3 0\n", b"\n2.5 1e300 0\n", "a node has no usable coordinates"),
        (b"\n2.5 3 0\n", b"\n2.5 x 0\n", r"\$Nodes contains something that is not a number"),
        (b"\n2.5 3 0\n", b"\n2.5 3 0 0\n", r"\$Nodes has "),
        (b"\n2.5 3 0\n", b"\n2.5 3 1\n", "a 3-D mesh in a 2-D case; allowed: a 2-D mesh; its first two coo"),
        (b"$Elements\n4 10", b"$Elements\n4 99", "does not have as many elements as it announces"),
        (b"$Elements\n4 10", b"$Elements\n999999999999 10", r"\$Elements is shorter than it announces"),
        (b"1 9 1 1\n1 1", b"1 9 1 1\n1 77", "an element refers to a node that does not exist"),
        (b'2 12 "pore"', b"2 12 pore", r"the line '2 12 pore' of its \$PhysicalNames names no group"),
        (b'2 12 "pore"', b"", "does not have as many names as it announces"),
    ],
)
def test_wrong_content(old, new, expected, tmp_path):
    text = (MESHES / "plain_41a.msh").read_bytes()
    assert old in text
    path = changed(tmp_path, lambda text: text.replace(old, new, 1))
    assert re.search(expected, refusal(path, "pore", "crack"))


def test_two_meshes_in_one_file(tmp_path):
    twice = changed(tmp_path, lambda text: text + text.replace(b"2.5 3 0", b"2.5 4 0"))
    assert "it has two sections $Entities; allowed: one mesh" in refusal(twice)


def test_one_name_for_groups_of_two_kinds_and_two_groups_of_one_name(tmp_path):
    both = changed(tmp_path, lambda text: text.replace(b'"left"', b'"crack"'))
    assert "groups of line and triangle elements have this name; allowed: one name for each" in refusal(both, "crack")
    same = changed(tmp_path, lambda text: text.replace(b'"left"', b'"pore"').replace(b"2 12 13 4", b"1 13 4"))
    (part,) = read(same, "pore")
    assert len(part.elements) == 8


def test_a_name_that_is_not_there_is_told_with_those_that_are():
    line = refusal(MESHES / "plain_41a.msh", "Pore")
    assert f"no such physical group; allowed: 15, crack, {HALF}, left, pore; pore" in line


MESH_2 = """$MeshFormat
2.2 0 8
$EndMeshFormat
$PhysicalNames
2
2 1 "pore"
1 2 "wall"
$EndPhysicalNames
$Nodes
5
10 0 0 0
20 1 0 0
30 1 1 0
40 1 1.0000000001 0
7 2 0 0
$EndNodes
$Elements
{count}
{lines}
$EndElements
"""


def write_2(tmp_path, *lines):
    """Elements 'type tag corners' of MSH 2.2."""
    numbered = [re.sub(r"^(\d+) (\d+)", rf"{k} \1 2 \2 1", line) for k, line in enumerate(lines)]
    path = tmp_path / "two.msh"
    path.write_text(MESH_2.format(count=len(lines), lines="\n".join(numbered)))
    return path


def test_elements_that_are_there_twice_or_have_no_size(tmp_path):
    """Nodes 30 and 40 are at one place: an element counts once, an edge between them is left out and told."""
    path = write_2(tmp_path, "2 1 10 20 30", "2 1 40 10 20", "1 2 30 40", "1 2 10 20", "1 2 20 10", "2 1 10 20 7")
    pore, wall = read(path, "pore", "wall")
    assert (len(pore.elements), pore.left_out) == (1, 1)
    assert (len(wall.elements), wall.left_out) == (1, 1)
    path = write_2(tmp_path, "1 2 30 40", "2 1 10 20 30")
    assert "no element of the group has a length" in refusal(path, "wall", "pore")


def test_a_flat_wall_in_three_dimensions(tmp_path):
    """Its nodes have the same z, which is no 2-D mesh unless that is 0."""
    path = write_2(tmp_path, "2 1 10 20 30")
    assert "a 2-D mesh in a 3-D case" in refusal(path, dim=3)
    path.write_text(re.sub(r"(?m)^(\d+ \S+ \S+) 0$", r"\1 3", path.read_text()))
    (wall,) = read(path, "pore", dim=3)
    assert wall.points[:, 2] == pytest.approx(3e-6) and not wall.is_solid


def test_an_outlier_does_not_make_all_nodes_one(tmp_path):
    nodes = "\n".join(f"{k + 1} {k % 20} {k // 20} 0" for k in range(400)) + "\n401 1e9 0 0\n402 0 1e9 0"
    lines = "\n".join(f"{k} 1 2 2 1 {k} {k + 1}" for k in range(1, 402))
    path = tmp_path / "far.msh"
    path.write_text(
        f'$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$PhysicalNames\n1\n1 2 "wall"\n$EndPhysicalNames\n'
        f"$Nodes\n402\n{nodes}\n$EndNodes\n$Elements\n401\n{lines}\n$EndElements\n"
    )
    assert "most nodes of its groups lie within 1e-06 of its extent from each other" in refusal(path, "wall")


def test_what_is_too_large_is_told_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "large.msh"
    with path.open("wb") as file:
        file.truncate(10**10)
    assert "it has 10000 MB; allowed: at most 100 MB" in refusal(path)
    monkeypatch.setattr(case_mesh, "LARGEST_GROUP", 7)
    line = refusal(MESHES / "plain_22b.msh")
    assert "a group of 8 elements; allowed: at most 7: a larger Mesh.MeshSizeMin" in line


def test_what_is_no_file(tmp_path):
    assert re.match(rf"geometry\.mesh: not a file: {tmp_path}; allowed: a Gmsh file", refusal(tmp_path))
    loop = tmp_path / "loop.msh"
    loop.symlink_to(loop)
    assert "geometry.mesh: " in refusal(loop)


def test_lines_of_different_lengths():
    """Elements of MSH 2 whose numbers of tags change from line to line."""
    section = b"4\n1 1 2 5 1 10 11\n2 1 4 5 1 1 2 11 12\n3 1 2 6 1 12 13\n4 15 2 5 1 10\n"
    found = mesh_file._elements_2(mesh_file._Numbers("Elements", section, None), binary=False)
    lines = {(tuple(map(tuple, nodes)), *groups) for kind, nodes, (groups, _) in found if kind.name == "line"}
    assert lines == {(((10, 11),), 5), (((12, 13),), 6), (((11, 12),), 5)}


def test_groups_that_are_called_after_partitions_are_told_with_the_option_of_gmsh(tmp_path):
    path = write_2(tmp_path, "2 8 10 20 30")
    names = '$PhysicalNames\n2\n2 5 "pore"\n2 8 "_part{1}_physical{5}_dim{2}"\n$EndPhysicalNames'
    path.write_text(re.sub(r"\$PhysicalNames.*\$EndPhysicalNames", lambda _: names, path.read_text(), flags=re.DOTALL))
    assert "Mesh.PartitionCreatePhysicals = 0" in refusal(path)


def test_near_names_are_sought_for_some_groups_only(monkeypatch):
    """The time would grow with the names of the case times those of the mesh."""
    sought = []
    monkeypatch.setattr(case_mesh, "nearest", lambda name, names: sought.append(name) or "near")
    problems = []
    assert read_parts(geometry(MESHES / "plain_41a.msh", *(f"x{k}" for k in range(100))), 2, problems) == []
    assert len(problems) == 100 and len(sought) <= 20 and problems[0].suggestion == "near"
