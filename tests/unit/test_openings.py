"""Openings of grain boundaries: one for each, log-normal, the same on every grid; and open boundaries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver.defects.box import Box
from solver.defects.families import make_family
from solver.defects.shapes import Cloud
from tests.unit.networks import LAMBDA, box_grid, grains, network


def wide_box(width, thickness=50e-6, half_width=1e-6):
    return Box(sides=((0.0, width),), periodic=(True,), layer_ends=(thickness,), width=LAMBDA, half_width=half_width)


def test_openings_of_boundaries_have_the_median_and_the_spread_asked_for():
    """4700 boundaries; without a spread all have the median."""
    spread = make_family(grains(opening="30 nm", opening_sigma=0.5), wide_box(100e-6)).opening
    assert len(spread) > 4000
    assert np.median(spread) == pytest.approx(30e-9, rel=0.03)
    assert np.log(spread).std() == pytest.approx(0.5, rel=0.03)
    other = make_family(grains(opening="30 nm", opening_sigma=0.5, seed=2), wide_box(100e-6)).opening
    assert abs(np.corrcoef(np.log(spread[:4000]), np.log(other[:4000]))[0, 1]) < 0.05
    assert set(make_family(grains(opening="30 nm"), wide_box(100e-6)).opening) == {30e-9}


def test_an_opening_belongs_to_the_two_grains_of_a_boundary():
    """Keyed by the numbers of its grains: the same in a larger population; at a point that of the two nearest seeds."""
    small, large = (make_family(grains(opening_sigma=0.5), wide_box(x)) for x in (10e-6, 40e-6))
    found = [dict(zip(map(tuple, f.shape.boundaries), f.opening, strict=True)) for f in (small, large)]
    both = found[0].keys() & found[1].keys()
    assert len(both) > 5 and all(found[0][pair] == found[1][pair] for pair in both)
    points = np.random.default_rng(3).uniform(size=(200, 2)) * [10e-6, 50e-6]
    trace = small.trace(Cloud(points))
    for point, member in zip(points, trace.member, strict=True):
        squares = ((small.shape.seeds - point) ** 2).sum(axis=1)
        own = np.argmin(squares)
        spans = np.linalg.norm(small.shape.seeds - small.shape.seeds[own], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            distances = np.where(small.shape.grain == small.shape.grain[own], np.inf, (squares - squares[own]) / spans)
        pair = sorted(small.shape.source[[own, np.argmin(distances)]])
        assert small.opening[member] == found[0][tuple(pair)]


@pytest.mark.parametrize("periodic", [True, False])
def test_an_opening_is_the_same_on_every_grid_and_beyond_the_sides(periodic):
    box = replace(wide_box(8e-6, 6e-6), periodic=(periodic,))
    family = make_family(grains(opening_sigma=0.5), box)
    points = box.place(np.random.default_rng(1).uniform(size=(2000, 2)), 0.0, 6e-6) * [0.3, 1]
    beyond = points + np.array([8e-6, 0]) if periodic else points * [-1, 1]
    here, there = (family.opening[family.trace(Cloud(x)).member] for x in (points, beyond))
    assert len(set(here)) > 5
    np.testing.assert_array_equal(here, there)
    coarse, fine = (network(box_grid(cells=n, periodic=periodic), grains(opening_sigma=0.5)) for n in (32, 96))
    there = coarse.region == 0
    np.testing.assert_array_equal(coarse.opening[there], fine.opening[1::3, 1::3][there])
    assert len(set(coarse.opening[there])) > 10


def test_openings_that_the_channel_would_not_hold_are_as_wide_as_it_is():
    defect = grains(opening="100 nm", opening_sigma=1.0)
    narrow, wide = (make_family(defect, wide_box(20e-6, half_width=x)).opening for x in (100e-9, 1e-3))
    room = np.sqrt(np.pi) * 100e-9
    assert wide.max() > room
    np.testing.assert_array_equal(narrow, np.minimum(wide, room))


def test_open_boundaries_are_empty_and_bear_no_load():
    grid = box_grid(cells=64)
    found, intact = network(grid, grains(open=True)), network(grid, grains())
    inside = found.region == 0
    np.testing.assert_array_equal(found.indicator, intact.indicator)
    assert found.open[inside].all() and not intact.open[:, grid.centres[-1] > 0].any()
    assert not found.bears_load[inside].any() and not found.separation_energy.any()
    assert found.filled[:, grid.centres[-1] > 1e-6].max() < 0.01
