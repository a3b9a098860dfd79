"""Defects from a mesh against analytic ones; cases with defects."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from mpi4py import MPI

from solver.case.checks import find_warnings
from solver.case.defects import Geometry
from solver.case.io import CaseError, load_case
from solver.case.mesh import MeshPart
from solver.defects import make_network
from solver.defects.box import Box
from solver.defects.cavities import make_cavities
from solver.defects.families import make_family
from solver.defects.mesh import Facets, MeshChanged, Solids, distance_to_simplex
from solver.defects.shapes import Cloud
from solver.numerics.grid import Grid
from tests.unit.networks import HALF_WIDTH, LAMBDA, MESH_CASE, MINIMAL, ROOT, box_grid, network, one_crack

# -- meshes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corners", [(2, 2), (3, 3), (2, 3)], ids=["line in 2-D", "triangle in 3-D", "line in 3-D"])
def test_distance_to_a_facet_by_brute_force(corners):
    """Against a dense sample of the facet."""
    count, dim = corners
    rng = np.random.default_rng(3)
    vertices, points = rng.uniform(size=(count, dim)), rng.uniform(-0.5, 1.5, size=(40, dim))
    ticks = np.linspace(0, 1, 201)
    weights = np.array([w for w in itertools.product(ticks, repeat=count - 1) if sum(w) <= 1 + 1e-12])
    sample = vertices[0] + weights @ (vertices[1:] - vertices[0])
    exact = np.min(np.linalg.norm(points[:, None] - sample, axis=2), axis=1)
    np.testing.assert_allclose(distance_to_simplex(points, vertices), exact, atol=4e-3)


def test_a_painted_line_is_the_analytic_crack():
    """The same b between the ends; the ends differ, round here and 1 - tanh there."""
    box = Box(sides=((0.0, 8e-6),), periodic=(True,), layer_ends=(6e-6,), width=LAMBDA, half_width=HALF_WIDTH)
    crack = make_family(one_crack(position=["3 um", "0 um"], angle="30 deg"), box)
    up = np.array([np.sin(np.pi / 6), np.cos(np.pi / 6)])
    ends = np.array([[3e-6, 0.0], [3e-6, 0.0] + 3e-6 * up])
    pieces = np.stack([np.linspace(*ends, 8)[:-1], np.linspace(*ends, 8)[1:]], axis=1)
    points = box.place(np.random.default_rng(2).uniform(size=(20_000, 2)), 0.0, 6e-6)
    cloud = Cloud(points)
    painted, exact = Facets(pieces, HALF_WIDTH).trace(cloud), crack.trace(cloud)
    along = (points - ends[0]) @ up
    middle = (along > 0) & (along < 3e-6 - 12 * LAMBDA)
    np.testing.assert_allclose(painted.indicator[middle], exact.indicator[middle], atol=1e-5)
    seen = middle & (exact.indicator > 1e-3)
    np.testing.assert_allclose(painted.normal[:, seen], exact.normal[:, seen], atol=1e-9)


@pytest.mark.parametrize("dim", [2, 3])
def test_painted_elements_are_a_pore(dim):
    """A cube of simplices: b by the distance to its sides, 2 V/S as opening, nothing of inner facets."""
    from scipy.spatial import Delaunay

    corners = np.array(list(itertools.product((2e-6, 4e-6), repeat=dim)))
    corners = np.concatenate([corners, corners.mean(axis=0, keepdims=True)])
    part = MeshPart(corners, Delaunay(corners).simplices)
    box = Box(
        sides=((0.0, 8e-6),) * (dim - 1),
        periodic=(True,) * (dim - 1),
        layer_ends=(6e-6,),
        width=LAMBDA,
        half_width=HALF_WIDTH,
    )
    cavities = make_cavities(part.points, part.elements, box)
    pore = Solids.of(cavities, 0, len(part.elements), LAMBDA)
    assert part.is_solid and cavities.opening == pytest.approx([2e-6 / dim], rel=1e-12)
    points = box.place(np.random.default_rng(2).uniform(size=(4000, dim)), 0.0, 6e-6)
    trace = pore.trace(Cloud(points))
    beyond = np.abs(points - 3e-6) - 1e-6
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    distance = np.where(outside > 0, outside, beyond.max(axis=1))
    np.testing.assert_allclose(trace.indicator, 0.5 * (1 - np.tanh(distance / LAMBDA)), atol=1e-6)


def test_the_example_mesh():
    """A honeycomb has 2 / (sqrt(3) a) of edge per area; crack and pore are open; images join at the sides."""
    case = load_case(MESH_CASE)
    assert find_warnings(case) == []
    grid = Grid([np.linspace(0, 12e-6, 241), np.linspace(-1e-6, 10e-6, 221)], [True])
    walls = case.geometry.model_copy(update={"groups": case.geometry.groups[:1]})
    b = network(grid, thickness=10.0, geometry=walls).indicator
    edge = 4e-6 / np.sqrt(3)
    z = grid.centres[1]
    period = (z > 0) & (z < 3 * edge)  # two rows
    length = (b * grid.volume)[:, period].sum() / (np.sqrt(np.pi) * HALF_WIDTH)
    area = grid.volume[:, period].sum()
    assert length / area == pytest.approx(2 / (np.sqrt(3) * edge), rel=0.03)
    found = network(grid, thickness=10.0, geometry=case.geometry)
    assert set(np.unique(found.region)) == {-1, 0, 1, 2}
    np.testing.assert_array_equal(found.open, (found.region > 0) | ((found.region == 0) & (z < 0)))
    assert np.all(found.opening[found.region == 1] == 100e-9)
    assert found.opening[found.region == 2] == pytest.approx(0.8e-6, rel=0.03)


def test_a_mesh_outside_the_box_gives_a_warning_and_one_that_vanished_an_error(tmp_path):
    path = tmp_path / "copy.msh"
    path.write_bytes((ROOT / "cases/mesh_defects/defects.msh").read_bytes())
    case = load_case(MESH_CASE, [f"geometry.mesh={path}", "geometry.unit=1.5 um"])
    (warning, *_) = [w for w in find_warnings(case) if w.startswith("geometry")]
    assert "elements of 'boundaries' are outside the electrolyte" in warning
    assert case.geometry.mesh == str(path)
    path.unlink()
    with pytest.raises(MeshChanged, match="no such file"):
        network(box_grid(cells=16), geometry=case.geometry)


def mesh_case(tmp_path, points, elements, *overrides):
    """MINIMAL (20 um wide, 10 um of electrolyte) with a group 'wall' of lines or triangles; points in um."""
    numbered = "".join(f"{k} {x!r} {z!r} 0\n" for k, (x, z) in enumerate(points, 1))
    kind = {2: 1, 3: 2}[len(elements[0])]
    lines = "".join(f"{k} {kind} 2 1 1 {' '.join(map(str, e))}\n" for k, e in enumerate(elements, 1))
    path = tmp_path / "wall.msh"
    path.write_text(
        f'$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$PhysicalNames\n1\n{kind} 1 "wall"\n$EndPhysicalNames\n'
        f"$Nodes\n{len(points)}\n{numbered}$EndNodes\n$Elements\n{len(elements)}\n{lines}$EndElements\n"
    )
    return load_case(MINIMAL, [f"geometry.mesh={path}", "geometry.groups=[{name='wall'}]", *overrides])


@pytest.mark.parametrize(
    ("scale", "unit", "expected"),
    [
        (1e-6, "1 um", "geometry.unit: value '1 um': the groups of the mesh are 3e-06 um across, less than a cell"),
        (1e-3, "1 nm", "less than a cell; allowed: a mesh of at least grid.spacing"),
        (1.0, "1 nm", "less than a cell"),
        (1.0, "1 m", "no part of 'wall' is in the electrolyte: it is at x = 2e+06 to 2.5e+06 um, z = 1e+06"),
    ],
)
def test_a_mesh_in_another_unit_is_refused_in_both_directions(scale, unit, expected, tmp_path):
    points = scale * np.array([(2, 1), (2, 2.5), (2.5, 4)])
    with pytest.raises(CaseError) as caught:
        mesh_case(tmp_path, points.tolist(), [(1, 2), (2, 3)], f"geometry.unit={unit}")
    (line,) = caught.value.lines
    assert expected in line
    right = {1e-6: "1 m", 1e-3: "1 mm", 1.0: "1 um"}[scale]
    assert f"did you mean '{right}'?" in line or f"is geometry.unit {right}?" in line


def test_a_group_beside_the_box_is_refused_although_the_mesh_has_the_right_size(tmp_path):
    with pytest.raises(CaseError, match=r"no part of 'wall' is in the .* are geometry.unit and the origin right"):
        mesh_case(tmp_path, [(2, -1), (4, -5)], [(1, 2)])
    beside = mesh_case(tmp_path, [(-2, 1), (-2, 3)], [(1, 2)])  # its image is in the box
    (warning,) = find_warnings(beside)
    assert "1 of 1 elements of 'wall' are outside the electrolyte" in warning


def test_doubtful_meshes_give_warnings(tmp_path):
    """Small and large ones, elements smaller than a cell, elements without size."""
    wide = ["domain.width=100 um"]
    (small,) = find_warnings(mesh_case(tmp_path, [(2, 1), (2, 1.6)], [(1, 2)], *wide))
    assert small.startswith("geometry.unit: the groups of the mesh are 0.6 um across, in a box of 100 um; is it right?")
    found = find_warnings(mesh_case(tmp_path, [(2, 1), (2, 2000)], [(1, 2)]))
    assert any("1999 um across" in w for w in found)
    ticks = np.linspace(1, 3, 101)
    (fine,) = find_warnings(mesh_case(tmp_path, [(2, z) for z in ticks.tolist()], [(k, k + 1) for k in range(1, 101)]))
    assert "most of the 100 elements of 'wall' are smaller than a cell, 0.02 um at grid.spacing" in fine
    (empty,) = find_warnings(mesh_case(tmp_path, [(2, 1), (2, 2), (2, 2)], [(1, 2), (2, 3)]))
    assert "1 of 2 elements of 'wall' have no length, area or volume and are left out" in empty


MSH_4 = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
1
1 7 "wall"
$EndPhysicalNames
$Entities
2 1 0 0
1 2 0 0 0
2 2 3 0 0
1 2 0 0 2 3 0 1 7 2 1 -2
$EndEntities
$Nodes
2 2 1 2
0 1 0 1
1
2 0 0
0 2 0 1
2
2 3 0
$EndNodes
$Elements
1 1 1 1
1 1 1 1
1 1 2
$EndElements
"""


def test_version_4_of_the_format(tmp_path):
    """A wall at x = 2 um from z = 0 to 3 um."""
    (tmp_path / "wall.msh").write_text(MSH_4)
    case = load_case(MINIMAL, [f"geometry.mesh={tmp_path / 'wall.msh'}", "geometry.groups=[{name='wall'}]"])
    grid = box_grid(cells=64)
    b, x = network(grid, geometry=case.geometry).indicator, grid.centres[0]
    column = b[:, np.argmin(np.abs(grid.centres[1] - 1e-6))]
    np.testing.assert_allclose(column, np.exp(-(((x - 2e-6) / HALF_WIDTH) ** 2)), atol=1e-6)


def test_a_group_that_is_no_wall(tmp_path):
    import meshio

    field = {"points": np.array([1, 0]), "quads": np.array([2, 2]), "none": np.array([3, 1])}
    tags = [np.array([1]), np.array([2])]
    points = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], dtype=float)
    cells = [("vertex", np.array([[0]])), ("quad", np.array([[0, 1, 2, 3]]))]
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    path = tmp_path / "odd.msh"
    meshio.gmsh.write(path, meshio.Mesh(points, cells, cell_data=data, field_data=field), "2.2", binary=False)
    groups = "geometry.groups=[{name='points'}, {name='quads'}, {name='none'}]"
    with pytest.raises(CaseError) as caught:
        load_case(MINIMAL, [f"geometry.mesh={path}", groups])
    points_line, quads_line, none_line = caught.value.lines
    assert "a group of vertex elements; allowed: line or triangle in a 2-D case" in points_line
    assert "a group of quad elements" in quads_line
    assert "the group has no elements" in none_line


# -- cases ---------------------------------------------------------------------------------------------

ALL_KINDS = """
defects = [
  {kind='bulk'},
  {kind='grain_boundaries', grain_size='3 um', layers=[0], flaw_depth='1 um'},
  {kind='flaws', spacing='5 um', depth='2 um', opening='elastic'},
  {kind='cracks', cracks=[{position=['3 um', '0 um'], length='2 um', angle='-20 deg'}]},
  {kind='random_cracks', place='bulk', mean_spacing='4 um', median_length='2 um'},
  {kind='pores', pores=[{centre=['3 um', '4 um'], radius='1 um'}]},
  {kind='random_pores', volume_fraction=0.05, median_radius='0.5 um'},
]
"""


def test_a_case_with_all_kinds_reads_back_and_makes_a_network(tmp_path):
    from solver.case.report import rows
    from solver.model.build import make_grid

    case = load_case(MINIMAL, [" ".join(ALL_KINDS.split())])
    assert find_warnings(case) == []
    (tmp_path / "resolved.json").write_text(json.dumps(case.resolved()))
    assert load_case(tmp_path / "resolved.json").model_dump() == case.model_dump()
    assert case.defects[2].position == 2.5e-6
    values = {row.key: row.value for row in rows(case)}
    in_si = {row.key: row.si for row in rows(case)}
    assert values["defects.2.opening"] == in_si["defects.2.opening"] == "elastic"
    assert values["defects.3.cracks.0.angle"] == "-20 deg"
    found = make_network(case.defects[1:], make_grid(case, MPI.COMM_SELF), 2e-7, 2e-7, [case.electrolyte_thickness])
    assert set(np.unique(found.region)) == {-1, 0, 1, 2, 3, 4, 5}
    assert np.all(np.isfinite(found.normal)) and np.allclose(np.linalg.norm(found.normal, axis=0), 1)


@pytest.mark.parametrize(
    ("override", "warning"),
    [
        ("defects=[{kind='grain_boundaries', grain_size='0.5 um'}]", "grain_size: not resolved by grid.spacing"),
        ("defects=[{kind='pores', pores=[{centre=['3 um', '4 um'], radius='0.1 um'}]}]", "a radius of 0.1 um is not"),
    ],
)
def test_doubtful_defects_give_one_warning(override, warning):
    (found,) = find_warnings(load_case(MINIMAL, [override]))
    assert warning in found
    both = find_warnings(load_case(MINIMAL, [override, "filament.short_depth=6 um"]))
    assert sum("above 6 um (grid.fine_depth, filament.short_depth) cells are coarse" in w for w in both) == 1


def test_geometry_is_empty_by_default():
    assert Geometry().mesh is None and load_case(MINIMAL).defects == ()
