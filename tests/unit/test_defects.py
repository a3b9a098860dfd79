"""The defect network against closed forms, brute force and statistics, on any number of ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver.case.defects import Crack, Cracks, Pore, Pores, RandomCracks, RandomPores
from solver.case.io import load_case
from solver.defects.box import Box
from solver.defects.families import layer_ranges, make_family
from solver.defects.shapes import Cloud, Grains
from solver.numerics.grid import Grid
from tests.mpi import rank_results
from tests.unit.networks import HALF_WIDTH, LAMBDA, MESH_CASE, UM, box_grid, flaws, grains, network, one_crack

# -- one wall ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells_per_half_width", [1.0, 1.5, 2.0, 4.0])
@pytest.mark.parametrize("offset", [0.0, 0.23, 0.5])
def test_integral_of_b_across_a_flat_boundary(cells_per_half_width, offset):
    """Sum of b dx = sqrt(pi) l to 1e-3 for any place of the wall within a cell."""
    grid = box_grid(cells=64)
    h = 8e-6 / 64
    half_width = cells_per_half_width * h
    flaw = flaws(spacing="8 um", position=f"{(32 + offset) * h} m")
    found = network(grid, flaw, half_width=half_width)
    across = (found.indicator * grid.spacing[0]).sum(axis=0)
    np.testing.assert_allclose(across, np.sqrt(np.pi) * half_width, rtol=1e-3)
    near = found.region == 0
    np.testing.assert_allclose(found.numerical_width[near], np.sqrt(np.pi) * half_width, rtol=1e-12)
    np.testing.assert_allclose(found.opening[near], flaw.opening)
    assert np.all(found.opening > 0) and np.all(found.numerical_width[~near] == 1.0)


@pytest.mark.parametrize("dim", [2, 3])
def test_flaws_are_planes_filled_down_to_their_depth(dim):
    grid = box_grid(dim, cells=32)
    found = network(grid, flaws(), half_width=250e-9)
    x, z = grid.cell_coordinates()[0], grid.cell_coordinates()[-1]
    distance = np.minimum(np.abs(x - 2e-6), np.abs(x - 6e-6))
    exact = np.broadcast_to(np.exp(-((distance / 250e-9) ** 2)), grid.local_shape)
    np.testing.assert_allclose(found.indicator, np.where(exact > 1e-6, exact, 0), rtol=1e-9)
    near = found.region == 0
    profile = np.broadcast_to(0.5 * (1 - np.tanh((z - 2e-6) / (2 * LAMBDA))), grid.local_shape)
    np.testing.assert_allclose(found.filled, np.where(near, profile, 0.0), atol=1e-14)
    np.testing.assert_array_equal(found.open, near & np.broadcast_to(z < 2e-6, grid.local_shape))
    assert np.all(found.bears_load == 1) and np.all(found.flaw_depth == 0)
    assert np.all(found.normal[0] == 1) and np.all(found.normal[1:] == 0)
    for axis, faces in enumerate(found.indicator_faces):
        shape = list(grid.local_shape)
        shape[axis] += 1
        assert faces.shape == tuple(shape)


def test_elastic_flaws_keep_their_depth_and_one_dimension_is_one_channel():
    found = network(box_grid(cells=64), flaws(opening="elastic"))
    near = found.region == 0
    assert np.all(found.flaw_depth[near] == 2e-6) and np.all(found.flaw_depth[~near] == 0)
    assert np.all(np.isnan(found.opening) == (found.flaw_depth > 0)) and np.isnan(found.opening).any()
    column = network(Grid([np.linspace(-1e-6, 6e-6, 71)]), flaws(opening="20 nm"))
    assert np.all(column.indicator == 1) and np.all(column.opening == 20e-9)
    assert np.all(column.numerical_width == 4e-6) and column.filled[0] > 0.99 > 0.01 > column.filled[-1]


def test_depths_are_measured_from_a_rough_surface():
    grid = box_grid(cells=64)

    def height(x):
        return 0.5e-6 * np.ones_like(x), [np.zeros_like(x)]

    flat, raised = network(grid, flaws()), network(grid, flaws(), height=height)
    np.testing.assert_allclose(raised.filled[:, 4:], flat.filled[:, :-4], atol=1e-12)


# -- grains --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("periodic", [True, False])
def test_distance_and_normal_of_grain_boundaries_by_brute_force(dim, periodic):
    """The nearest bisector of the nearest seed and any other, over all images; at mirrors where its foot is inside."""
    box = Box(
        sides=((0.0, 5e-6),) * (dim - 1),
        periodic=(periodic,) * (dim - 1),
        layer_ends=(6e-6,),
        width=LAMBDA,
        half_width=3e-6,
    )
    family = make_family(grains(seed=4), box)
    shape = family.shape
    assert isinstance(shape, Grains)
    points = box.place(np.random.default_rng(1).uniform(size=(300, dim)), 0.0, 6e-6)
    trace, compared = family.trace(Cloud(points)), 0
    for number, point in enumerate(points):
        squares = ((shape.seeds - point) ** 2).sum(axis=1)
        own = np.argmin(squares)
        others = np.flatnonzero(shape.grain != shape.grain[own])
        across = shape.seeds[others] - shape.seeds[own]
        spans = np.linalg.norm(across, axis=1)
        distances = (squares[others] - squares[own]) / (2 * spans)
        nearest = np.argmin(distances)
        if not periodic and distances[nearest] > min(point[:-1].min(), 5e-6 - point[:-1].max()):
            continue
        compared += 1
        assert trace.indicator[number] == pytest.approx(np.exp(-((distances[nearest] / 3e-6) ** 2)), rel=1e-9)
        normal = across[nearest] / spans[nearest]
        np.testing.assert_allclose(trace.normal[:, number], normal * (1 if normal[0] >= 0 else -1), atol=1e-9)
    assert compared > 100


def test_grains_are_periodic_or_end_without_a_wall_at_mirrors():
    """Shifted by a period the same; at a mirror no boundary along the side, and no slope across it."""
    box = Box(sides=((0.0, 8e-6),), periodic=(True,), layer_ends=(6e-6,), width=LAMBDA, half_width=HALF_WIDTH)
    family = make_family(grains(), box)
    points = box.place(np.random.default_rng(1).uniform(size=(2000, 2)), 0.0, 6e-6) * [0.3, 1] - [1.2e-6, 0]
    here, there = (family.trace(Cloud(points + np.array([shift, 0]))).indicator for shift in (0.0, 8e-6))
    assert here.max() > 0.99
    np.testing.assert_allclose(here, there, atol=1e-9)
    mirrored = make_family(
        grains(),
        Box(sides=box.sides, periodic=(False,), layer_ends=box.layer_ends, width=LAMBDA, half_width=HALF_WIDTH),
    )
    z = np.linspace(0, 6e-6, 601)
    side = mirrored.trace(Cloud(np.stack([np.zeros_like(z), z], axis=-1))).indicator
    assert 0.02 < (side > 0.5).mean() < 0.3
    left, right = (mirrored.trace(Cloud(points * [sign, 1])).indicator for sign in (1, -1))
    np.testing.assert_allclose(left, right, atol=1e-9)


@pytest.mark.parametrize(("dim", "cells", "width", "size"), [(2, 640, 80.0, "2 um"), (3, 88, 11.0, "2 um")])
def test_mean_grain_size_and_length_of_boundaries(dim, cells, width, size):
    """Area or volume per grain, and the known wall per volume of Poisson-Voronoi tessellations, to 3 per cent.

    2 sqrt(rho) in 2-D, 2.910 rho^(1/3) in 3-D for rho grains per volume (Okabe et al., Spatial Tessellations, 2000).
    Channels of 0.1 of a grain overlap where they meet, so the integral of b is extrapolated to thin ones.
    """
    extent = width * UM
    box = Box(
        sides=((0.0, extent),) * (dim - 1),
        periodic=(True,) * (dim - 1),
        layer_ends=(extent,),
        width=LAMBDA,
        half_width=HALF_WIDTH,
    )
    family = make_family(grains(size), box)
    shape = family.shape
    inside = np.all((shape.seeds >= 0) & (shape.seeds < extent), axis=1).sum()
    ball = np.pi / 4 * 4e-12 if dim == 2 else np.pi / 6 * 8e-18
    assert inside * ball / extent**dim == pytest.approx(1.0, abs=0.03 if dim == 2 else 0.12)
    density = inside / extent**dim
    expected = 2 * density**0.5 if dim == 2 else 2.910 * density ** (1 / 3)
    points = np.random.default_rng(5).uniform(0, extent, size=(200_000, dim))
    walls = []
    for half_width in (50e-9, 100e-9):
        b = replace(shape, half_width=half_width).trace(Cloud(points)).indicator
        walls.append(b.mean() / (np.sqrt(np.pi) * half_width))
    assert 2 * walls[0] - walls[1] == pytest.approx(expected, rel=0.03)


def test_seeds_and_layers_of_grain_boundaries():
    grid = box_grid(cells=64)
    one, two = (network(grid, grains(seed=seed)).indicator for seed in (1, 2))
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.3
    upper = network(grid, grains(layers=[1]), ends=[3, 6])
    both = network(grid, grains(layers=[0]), grains("1.5 um", layers=[1], opening="5 nm"), ends=[3, 6])
    z = grid.centres[-1]
    np.testing.assert_array_equal(upper.indicator[:, z > 3e-6], one[:, z > 3e-6])
    assert upper.indicator[:, z < 3e-6].max() == 0
    assert set(np.unique(both.region[:, z > 3e-6])) == {-1, 1}
    assert set(np.unique(both.region[:, z < 3e-6])) == {-1, 0}
    assert set(np.unique(both.opening)) == {5e-9, grains().opening, 1.0}
    alike = network(grid, grains(layers=[0]), grains(layers=[1], opening="5 nm"), ends=[3, 6])
    np.testing.assert_array_equal(alike.indicator, one)


def test_neighbouring_layers_are_joined():
    ends = [1.0, 2.0, 3.0, 4.0]
    infinity = np.inf
    assert layer_ranges(None, ends) == ((-infinity, infinity),)
    assert layer_ranges([0, 1], ends) == ((-infinity, 2.0),)
    assert layer_ranges([3, 1], ends) == ((1.0, 2.0), (3.0, infinity))
    assert layer_ranges([2, 0, 3], ends) == ((-infinity, 1.0), (2.0, infinity))


@pytest.mark.parametrize("dim", [2, 3])
def test_the_network_is_connected(dim):
    """All cells with b > 1/2 hang together, over junctions and periodic sides, and reach the contact."""
    from scipy.ndimage import label

    grid = box_grid(dim, width=6.0, thickness=6.0, cells=72 if dim == 2 else 36)
    half_width = 1.5 * grid.spacing[0].min()
    open_cells = network(grid, grains("2 um"), half_width=half_width).indicator > 0.5
    tiled = np.concatenate([open_cells] * 3, axis=0)
    labels, _ = label(tiled, structure=np.ones((3,) * dim))
    middle = labels[len(open_cells) : 2 * len(open_cells)]
    sizes = np.bincount(middle[middle > 0])
    assert sizes.max() / sizes.sum() > 0.99
    assert np.any(middle[..., 0] == np.argmax(sizes))


def test_channels_go_on_straight_below_the_contact():
    grid = box_grid(cells=128, below=2.0)
    crack = Cracks(kind="cracks", cracks=[Crack(position=["4 um", "0 um"], length="3 um", angle="40 deg")])
    for defect in (grains(), crack):
        b = network(grid, defect).indicator
        below = b[:, grid.centres[-1] < 0]
        np.testing.assert_array_equal(below, np.repeat(below[:, :1], below.shape[1], axis=1))
        np.testing.assert_allclose(below[:, -1], b[:, below.shape[1]], atol=0.5)
        assert below.max() > 0.5


# -- cracks and pores ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("position", "start", "end"), [(["3 um", "0 um"], 0, 3), (["3 um", "1 um"], 0, 3)])
def test_a_crack_lies_along_its_line(position, start, end):
    """b on the line from the lower end: 1 within, 1/2 at a tip, 0 beyond; int b dn right; open and empty."""
    angle = np.radians(30)
    up = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([np.cos(angle), -np.sin(angle)])
    box = Box(sides=((0.0, 8e-6),), periodic=(True,), layer_ends=(6e-6,), width=LAMBDA, half_width=HALF_WIDTH)
    crack = one_crack(position=position, angle="30 deg")
    family = make_family(crack, box)
    foot = np.array([float(p.split()[0]) for p in position]) * UM
    along = np.array([0.4, 1.5, 2.6, 3.0, 3.8])[:, None] * UM
    trace = family.trace(Cloud(foot + along * up))
    np.testing.assert_allclose(trace.indicator, [1, 1, 1, 0.5, 0], atol=0.02)
    np.testing.assert_allclose(trace.normal[:, 1], across, atol=1e-12)
    n = np.linspace(-5, 5, 201)[:, None] * HALF_WIDTH
    b = family.trace(Cloud(foot + along[1] * up + n * across)).indicator
    assert b.sum() * 0.05 * HALF_WIDTH == pytest.approx(np.sqrt(np.pi) * HALF_WIDTH, rel=1e-3)
    if foot[1] > 0:
        assert family.trace(Cloud(foot[None])).indicator[0] == pytest.approx(0.5, abs=1e-3)
    grid = box_grid(cells=64)
    found = network(grid, crack)
    inside = found.region == 0
    assert np.all(found.open == inside)
    front = 0.5 * (1 - np.tanh(grid.centres[1] / (2 * LAMBDA)))  # the metal at the mouth, nothing further up
    np.testing.assert_allclose(found.filled, np.where(inside, front, 0.0), atol=1e-14)
    assert np.all(found.bears_load[inside] == 0) and np.all(found.bears_load[~inside] == 1)
    assert np.all(found.opening[inside] == 50e-9)


def test_a_crack_in_3d_is_a_half_disc_at_the_contact_and_a_disc_in_the_bulk():
    """Volumes of b: sqrt(pi) l times pi R^2 / 2, and pi R^2 with the diameter as the length."""
    grid = box_grid(3, width=6.0, cells=48, thickness=6.0)
    keys = {"length": "2 um", "azimuth": "35 deg"}
    for position, angle, area in [("0 um", "0 deg", np.pi * 4 / 2), ("1 um", "50 deg", np.pi)]:
        found = network(grid, one_crack(position=["3 um", "3 um", position], angle=angle, **keys), half_width=150e-9)
        above = grid.cell_coordinates()[-1] > 0
        volume = grid.integral(found.indicator * above)
        assert volume == pytest.approx(np.sqrt(np.pi) * 150e-9 * area * 1e-12, rel=0.03)


def test_cracks_and_pores_cross_periodic_sides_and_mirrors():
    defect = Pores(kind="pores", pores=[Pore(centre=["0.3 um", "3 um"], radius="1 um")])
    periodic, mirror = (network(box_grid(cells=80, periodic=p), defect) for p in (True, False))
    z = np.argmin(np.abs(box_grid(cells=80).centres[1] - 3e-6))
    assert periodic.indicator[-1, z] > 0.9 and mirror.indicator[-1, z] == 0
    tilted = one_crack(position=["7 um", "1 um"], length="4 um", angle="45 deg")
    periodic, mirror = (network(box_grid(cells=80, periodic=p), tilted) for p in (True, False))
    z = np.argmin(np.abs(box_grid(cells=80).centres[1] - 3e-6))
    assert periodic.indicator[10, z] > 0.5 and mirror.indicator[10, z] == 0
    assert mirror.indicator[-10, z] == pytest.approx(periodic.indicator[9, z], abs=1e-9)  # x = 7 um is 9 um folded


@pytest.mark.parametrize("dim", [2, 3])
def test_a_pore_has_its_area_and_twice_volume_over_surface_as_opening(dim):
    grid = box_grid(dim, width=4.0, cells=80 if dim == 2 else 40, thickness=4.0, below=0.4)
    centre = ["2 um"] * dim
    found = network(grid, Pores(kind="pores", pores=[Pore(centre=centre, radius="1 um")]), thickness=4.0)
    ball = np.pi if dim == 2 else 4 / 3 * np.pi
    assert grid.integral(found.indicator) == pytest.approx(ball * UM**dim, rel=0.02)
    inside = found.region == 0
    np.testing.assert_allclose(found.opening[inside], 2e-6 / dim)
    np.testing.assert_array_equal(found.numerical_width[inside], found.opening[inside])
    assert np.all(found.open[inside]) and np.all(found.bears_load[inside] == 0)
    radial = np.stack(np.broadcast_arrays(*(x - 2e-6 for x in grid.cell_coordinates())))
    span = np.linalg.norm(radial, axis=0)
    cosine = np.abs((radial * found.normal).sum(axis=0))
    np.testing.assert_allclose(cosine[inside], span[inside], rtol=1e-9, atol=1e-16)


def test_random_populations_have_the_median_the_spread_and_the_number_asked_for():
    box = Box(sides=((0.0, 400e-6),), periodic=(True,), layer_ends=(50e-6,), width=LAMBDA, half_width=HALF_WIDTH)
    pores = RandomPores(kind="random_pores", mean_spacing="2 um", median_radius="0.3 um", sigma=0.5)
    radii = make_family(pores, box).shape.radii
    radii = radii[: len(radii) // 3]  # without the images
    assert len(radii) == 5000
    assert np.median(radii) == pytest.approx(0.3e-6, rel=0.03)
    assert np.log(radii).std() == pytest.approx(0.5, rel=0.03)
    cracks = RandomCracks(kind="random_cracks", mean_spacing="0.1 um", median_length="2 um", largest_angle="40 deg")
    shape = make_family(cracks, box).shape
    lengths, normals = shape.radii[:4000], shape.normals[:4000]
    assert len(shape.radii) == 3 * 4000 and np.all(shape.centres[:4000, 1] == 0)
    assert np.median(lengths) == pytest.approx(2e-6, rel=0.03)
    angles = np.degrees(np.arcsin(-normals[:, 1]))
    openings = make_family(cracks.model_copy(update={"opening_sigma": 0.3}), replace(box, half_width=1e-6)).opening
    assert np.median(openings[:4000]) == pytest.approx(20e-9, rel=0.03)
    assert np.log(openings[:4000]).std() == pytest.approx(0.3, rel=0.03)
    assert abs(np.corrcoef(np.log(openings[:4000]), np.log(lengths))[0, 1]) < 0.05
    assert np.abs(angles).max() < 40 and np.abs(angles).mean() == pytest.approx(20, rel=0.05)
    bulk = RandomCracks(kind="random_cracks", place="bulk", mean_spacing="2 um", median_length="2 um")
    assert len(make_family(bulk, box).shape.radii) == 3 * 5000


def test_volume_fraction_of_random_pores():
    """The sum of the volumes; 2000 log-normal pores scatter by 3 per cent."""
    box = Box(sides=((0.0, 200e-6),), periodic=(True,), layer_ends=(100e-6,), width=LAMBDA, half_width=HALF_WIDTH)
    pores = RandomPores(kind="random_pores", volume_fraction=0.08, median_radius="0.45 um", sigma=0.3)
    radii = make_family(pores, box).shape.radii
    assert np.pi * (radii**2).sum() / 3 / 2e-8 == pytest.approx(0.08, rel=0.06)


def test_the_largest_b_counts_with_its_properties():
    grid = box_grid(cells=64)
    defects = (grains(opening="5 nm"), flaws(spacing="8 um", separation_energy="1 J/m^2"))
    boundary, flaw, both = network(grid, defects[0]), network(grid, defects[1]), network(grid, *defects)
    np.testing.assert_array_equal(both.indicator, np.maximum(boundary.indicator, flaw.indicator))
    first = both.region == 0
    assert np.all(both.opening[first] == 5e-9) and np.all(both.separation_energy[first] == defects[0].separation_energy)
    assert np.all(both.separation_energy[both.region == 1] == 1.0)
    np.testing.assert_array_equal(both.normal[:, first], boundary.normal[:, first])


def test_a_crack_stays_open_where_boundaries_cross_it():
    from solver.case.defects import Crack, Cracks

    grid = box_grid(cells=64)
    crack = Crack(position=("4 um", "0 um"), length="5 um")
    alone = network(grid, Cracks(kind="cracks", cracks=(crack,)))
    both = network(grid, grains("1.5 um"), Cracks(kind="cracks", cracks=(crack,)))
    inside = alone.indicator > 0.1
    crossed = inside & (network(grid, grains("1.5 um")).indicator > alone.indicator)
    assert crossed.sum() > 10
    assert both.open[inside].all() and not both.bears_load[inside].any()


def test_bulk_is_everywhere_without_any_geometry():
    from solver.case.defects import Bulk

    found = network(box_grid(cells=16), Bulk(kind="bulk", flaw_depth="1 um"))
    assert np.all(found.indicator == 1) and all(np.all(f == 1) for f in found.indicator_faces)
    assert np.all(found.opening == 1) and np.all(found.numerical_width == 1) and np.all(found.region == 0)


def test_walls_are_closed_above_the_contact_only():
    grid = box_grid(cells=64)
    found = network(grid, grains())
    below = np.broadcast_to(grid.centres[1] < 0, grid.local_shape)
    np.testing.assert_array_equal(found.open, below & (found.region == 0))


def test_no_defects_at_all():
    found = network(box_grid(cells=16))
    assert np.all(found.indicator == 0) and np.all(found.region == -1) and not found.open.any()
    assert np.all(found.opening == 1) and np.all(np.linalg.norm(found.normal, axis=0) == 1)


@pytest.mark.parametrize("dim", [2, 3])
def test_points_in_a_box_are_found(dim):
    """Of a tensor of coordinates by their order, of others one by one; also where there are none."""
    rng = np.random.default_rng(8)
    cloud = Cloud.tensor([np.sort(rng.uniform(size=n)) for n in (7, 9, 11)[-dim:]])
    for corners in rng.uniform(-0.2, 1.2, size=(20, 2, dim)):
        lower, upper = corners.min(axis=0), corners.max(axis=0)
        np.testing.assert_array_equal(cloud.within(lower, upper), Cloud(cloud.points).within(lower, upper))
    assert len(cloud.within(np.full(dim, 2.0), np.full(dim, 3.0))) == 0


# -- ranks ---------------------------------------------------------------------------------------------


def gathered(dim):
    """All of a network with every kind of defect, put together on rank 0."""
    grid = box_grid(dim, width=4.0, thickness=4.0, cells=40 if dim == 2 else 16)
    kinds = [
        grains("1.5 um", flaw_depth="0.5 um", opening_sigma=0.4),
        flaws(spacing="4 um"),
        RandomCracks(kind="random_cracks", mean_spacing="1 um", median_length="1 um", opening_sigma=0.3),
        RandomPores(kind="random_pores", mean_spacing="2 um", median_radius="0.4 um"),
    ]
    geometry = load_case(MESH_CASE, ["geometry.unit=0.33 um"]).geometry if dim == 2 else None
    found = network(grid, *kinds, thickness=4.0, half_width=113.6e-9, geometry=geometry)
    parts = {
        "b": found.indicator, "opening": found.opening, "filled": found.filled, "region": found.region,
        "normal": np.moveaxis(found.normal, 0, -1), "upper": found.indicator_faces[-1][..., 1:],
    }  # fmt: skip
    pieces = grid.comm.gather((grid.owned, parts)) or []
    whole = {name: np.full((*grid.shape, *v.shape[dim:]), np.nan) for name, v in parts.items()}
    for owned, some in pieces:
        for name, values in some.items():
            whole[name][owned] = values
    return {f"{name} {dim}": values for name, values in whole.items()}


def gathered_in_all_dimensions():
    return gathered(2) | gathered(3)


def test_the_network_does_not_depend_on_the_ranks():
    one = gathered_in_all_dimensions()
    assert set(np.unique(one["region 2"])) >= set(range(7)) and set(np.unique(one["region 3"])) >= set(range(4))
    assert len(np.unique(one["opening 2"][one["region 2"] == 0])) > 5
    for ranks in (2, 3):
        many = rank_results(ranks, gathered_in_all_dimensions)
        for name, values in one.items():
            np.testing.assert_array_equal(many[name], values, err_msg=name)


