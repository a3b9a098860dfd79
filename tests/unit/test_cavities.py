"""Pores of a mesh against boxes: surface and opening of unions, whatever the nodes and the divisions are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from mpi4py import MPI
from scipy.spatial import Delaunay

from solver.case.defects import Geometry
from solver.case.mesh import measure
from solver.defects.box import Box
from solver.defects.cavities import make_cavities
from solver.defects.mesh import Solids, mesh_families
from solver.defects.shapes import Cloud
from tests.unit.networks import HALF_WIDTH, LAMBDA, ROOT

MESHES = ROOT / "tests/data/meshes"


def block(rng, x, others, dim, inner=3):
    """Points and simplices of a box, x from .. to and one range along all other axes; nodes within and on its sides."""
    ends = np.array([x, *[others] * (dim - 1)], dtype=float)
    points = [np.array(list(itertools.product(*ends))), *np.split(rng.uniform(*ends.T, (inner, dim)), inner)]
    for axis, side in itertools.product(range(dim), range(2)):
        on_side = rng.uniform(*ends.T, (2, dim))
        on_side[:, axis] = ends[axis, side]
        points.append(on_side)
    together = np.concatenate(points)
    elements = Delaunay(together).simplices
    return together, elements[measure(together[elements]) > 1e-12]


def union(dim, *blocks):
    """Points and simplices of several blocks, no node of which is shared."""
    rng = np.random.default_rng(4)
    made = [block(rng, x, others, dim) for x, others in blocks]
    shifts = np.cumsum([0, *(len(points) for points, _ in made)])
    elements = [e + shift for (_, e), shift in zip(made, shifts, strict=False)]
    return np.concatenate([points for points, _ in made]), np.concatenate(elements)


def cavities(points, elements, periodic=True):
    dim = points.shape[1]
    return make_cavities(
        points,
        elements,
        Box(
            sides=((0.0, 8.0),) * (dim - 1),
            periodic=(periodic,) * (dim - 1),
            layer_ends=(6.0,),
            width=0.1,
            half_width=0.1,
        ),
    )


def sizes(*lengths):
    """Volume and surface of a box."""
    volume = np.prod(lengths)
    return volume, sum(2 * volume / length for length in lengths)


UNIONS = {
    "one": ([((1, 2), (1, 2))], (1, 1)),
    "side by side": ([((1, 2), (1, 2)), ((2, 3), (1, 2))], (2, 1)),
    "a hair apart": ([((1, 2), (1, 2)), ((2 + 1e-7, 3), (1, 2))], (2, 1)),
    "overlapping": ([((1, 2), (1, 2)), ((1.5, 3), (1, 2))], (2, 1)),
    "three times": ([((1, 2), (1, 2))] * 3, (1, 1)),
    "one in another": ([((1, 3), (1, 3)), ((1.5, 2), (1.5, 2.5))], (2, 2)),
    "across the sides": ([((0, 1), (1, 2)), ((7, 8), (1, 2))], (2, 1)),
    "drawn twice": ([((-1, 1), (1, 2)), ((7, 9), (1, 2))], (2, 1)),
    "at one side only": ([((0, 1), (1, 2))], (1, 1)),
}


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("name", UNIONS)
def test_a_union_of_boxes_is_one_pore(name, dim):
    """Divisions of the boxes are random, so that where they touch no facet fits another one."""
    blocks, (length, others) = UNIONS[name]
    found = cavities(*union(dim, *blocks))
    volume, surface = sizes(length, *[others] * (dim - 1))
    assert found.opening == pytest.approx([2 * volume / surface], rel=1e-5)
    assert measure(found.surface).sum() / 3 ** (dim - 1) == pytest.approx(surface, rel=1e-5)


@pytest.mark.parametrize("dim", [2, 3])
def test_a_long_edge_that_meets_a_short_one(dim):
    """What the small box leaves of the side of the large one is wall."""
    found = cavities(*union(dim, ((1, 2), (1, 3)), ((2, 3), (1.5, 2.5))))
    (large, outer), (small, its) = sizes(1, *[2] * (dim - 1)), sizes(*[1] * dim)
    assert found.opening == pytest.approx([2 * (large + small) / (outer + its - 2)], rel=1e-6)


@pytest.mark.parametrize("dim", [2, 3])
def test_pores_that_do_not_touch_have_openings_of_their_own(dim):
    """Also those that have only a corner or an edge in common."""
    found = cavities(*union(dim, ((1, 2), (1, 2)), ((4, 6), (1, 3)), ((2, 3), (2, 3))))
    assert sorted(found.opening) == pytest.approx([1 / dim, 1 / dim, 2 / dim], rel=1e-6)


@pytest.mark.parametrize("dim", [2, 3])
def test_a_pore_goes_on_in_its_mirror_image(dim):
    found = cavities(*union(dim, ((0, 1), (1, 2))), periodic=False)
    volume, surface = sizes(2, *[1] * (dim - 1))
    assert found.opening == pytest.approx([2 * volume / surface], rel=1e-6)


def test_elements_on_the_same_side_of_an_edge():
    """Two triangles that overlap and have an edge in common: it is a wall of both, not between them."""
    points = np.array([(1, 1), (3, 1), (1.2, 2), (2.8, 2)], dtype=float)
    found = cavities(points, np.array([(0, 1, 2), (0, 1, 3)]))
    top = np.array([2, 1 + 1 / 1.8])  # where they cross
    rim = [np.linalg.norm(points[a] - b) for a, b in ((2, top), (3, top), (0, points[2]), (1, points[3]))]
    assert measure(found.surface).sum() / 3 == pytest.approx(2 + sum(rim), rel=1e-9)
    assert found.opening == pytest.approx([2 * (2 - 1 / 1.8) / (2 + sum(rim))], rel=1e-9)


@pytest.mark.parametrize("dim", [2, 3])
def test_no_wall_where_boxes_touch(dim):
    """b of two boxes with other divisions is that of the one they make, for elements of one group and of two."""
    points, elements = union(dim, ((2, 3), (2, 4)), ((3, 5), (2, 4)))
    box = Box(
        sides=((0.0, 8.0),) * (dim - 1), periodic=(True,) * (dim - 1), layer_ends=(6.0,), width=0.2, half_width=0.2
    )
    made = make_cavities(points, elements, box)
    first = int((points[elements].mean(axis=1)[:, 0] < 3).sum())
    cloud = Cloud(np.random.default_rng(2).uniform(1, 6, size=(4000, dim)))
    beyond = np.abs(cloud.points - [3.5, *[3] * (dim - 1)]) - [1.5, *[1] * (dim - 1)]
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    exact = 0.5 * (1 - np.tanh(np.where(outside > 0, outside, beyond.max(axis=1)) / 0.2))
    both = [Solids.of(made, a, b, 0.2).trace(cloud).indicator for a, b in ((0, first), (first, len(elements)))]
    one = Solids.of(made, 0, len(elements), 0.2).trace(cloud)
    np.testing.assert_allclose(np.maximum(*both), exact, atol=1e-6)
    np.testing.assert_allclose(one.indicator, exact, atol=1e-6)
    assert set(one.member[exact > 1e-5]) == {0}


def test_groups_of_a_file_that_touch_are_one_pore(tmp_path):
    """Two squares with nodes of their own and edges that do not fit: b and w of the rectangle."""
    path = tmp_path / "two.msh"
    path.write_text(
        '$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$PhysicalNames\n2\n2 1 "left"\n2 2 "right"\n$EndPhysicalNames\n'
        "$Nodes\n9\n"
        "1 2 2 0\n2 3 2 0\n3 3 4 0\n4 2 4 0\n5 3 2 0\n6 5 2 0\n7 5 4 0\n8 3 4 0\n9 3 3.3 0\n$EndNodes\n$Elements\n5\n"
        "1 2 2 1 1 1 2 3\n2 2 2 1 1 1 3 4\n3 2 2 2 2 5 6 9\n4 2 2 2 2 9 6 7\n5 2 2 2 2 9 7 8\n$EndElements\n"
    )
    geometry = Geometry(mesh=str(path), unit="1 um", groups=[{"name": "left"}, {"name": "right"}])
    box = Box(sides=((0.0, 8e-6),), periodic=(True,), layer_ends=(6e-6,), width=LAMBDA, half_width=HALF_WIDTH)
    cloud = Cloud(np.array([[2.5e-6, 3e-6], [3e-6, 2.7e-6], [3e-6, 3.5e-6], [4e-6, 3e-6], [3e-6, 2e-6]]))
    families = mesh_families(geometry, box, MPI.COMM_SELF)
    b = np.max([family.trace(cloud).indicator for family in families], axis=0)
    np.testing.assert_allclose(b, [1, 1, 1, 1, 0.5], atol=1e-4)
    for family in families:
        assert family.opening == pytest.approx([2 * 6 / 10 * 1e-6])


@pytest.mark.parametrize("version", ["22a", "41b"])
def test_the_pore_of_gmsh(version):
    """A square of 1 um in eight triangles: 2 V/S is half of its side."""
    geometry = Geometry(mesh=str(MESHES / f"plain_{version}.msh"), unit="1 um", groups=[{"name": "pore"}])
    box = Box(sides=((0.0, 4e-6),), periodic=(True,), layer_ends=(4e-6,), width=LAMBDA, half_width=HALF_WIDTH)
    (family,) = mesh_families(geometry, box, MPI.COMM_SELF)
    assert family.opening == pytest.approx([0.5e-6])
