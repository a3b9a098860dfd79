"""What a run costs, told before memory is taken: the same cells as the grid has, and limits in both directions."""

import math
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from solver.case import cost as case_cost
from solver.case.checks import find_warnings
from solver.case.cost import cost, graded_cells, lateral_cells, machine_warnings, problems_here, ranks_here
from solver.case.io import CaseError, load_case
from solver.numerics.grid import lateral_faces, normal_faces
from tests.mpi import ROOT, environment
from tests.shipped import CASES

MINIMAL = ROOT / "cases/minimal.toml"


def warnings(*overrides):
    return find_warnings(load_case(MINIMAL, overrides))


def quadratic_half_axis(length, spacing, fine_depth, growth, max_spacing):
    """As the grid was laid before its cost was bounded: the sum anew for each cell, from left to right."""

    def added(steps):
        total = 0.0
        for step in steps:
            total += step
        return total

    fine = min(length, fine_depth)
    fine_cells = max(1, int(np.ceil(fine / spacing * (1 - 1e-9))))
    faces = list(np.linspace(0.0, fine, fine_cells + 1))
    rest = length - fine
    if rest < 0.5 * spacing:
        faces[-1] = length
        return np.array(faces)
    steps, step = [], fine / fine_cells
    while added(steps) < rest:
        step = min(step * growth, max(max_spacing, spacing))
        steps.append(step)
    return np.concatenate([faces, fine + np.cumsum(steps) * (rest / added(steps))])


def test_faces_are_the_same_bit_for_bit_as_before():
    for path in CASES:
        case = load_case(path)
        spacing, depths = case.grid.spacing, case.fine_depths
        growth, largest = case.grid.growth, case.grid.max_spacing
        found = normal_faces(
            lithium_thickness=case.domain.lithium_thickness,
            electrolyte_thickness=case.electrolyte_thickness,
            spacing=spacing,
            fine_depths=depths,
            growth=growth,
            max_spacing=largest,
        )
        below = quadratic_half_axis(case.domain.lithium_thickness, spacing, depths[0], growth, largest)
        above = quadratic_half_axis(case.electrolyte_thickness, spacing, depths[1], growth, largest)
        np.testing.assert_array_equal(found, np.concatenate([-below[:0:-1], above]))


def test_cells_are_counted_as_the_grid_lays_them(monkeypatch):
    monkeypatch.setattr(case_cost, "_LOOPED", 20)  # so that the closed form is used too
    chance = random.Random(3)
    for _ in range(300):
        spacing = 10 ** chance.uniform(-9, -7)
        length, fine = spacing * 10 ** chance.uniform(1, 3.5), spacing * 10 ** chance.uniform(0.5, 2)
        growth, largest = chance.choice([1.0, 1.001, 1.1, 1.5]), spacing * 10 ** chance.uniform(0, 2)
        sizes = {"spacing": spacing, "growth": growth, "max_spacing": largest}
        faces = normal_faces(
            lithium_thickness=length, electrolyte_thickness=length, fine_depths=(fine, fine), **sizes
        )
        counted = 2 * graded_cells(length=length, fine_depth=fine, **sizes)
        assert abs(counted - (len(faces) - 1)) <= 2
        assert lateral_cells(length, spacing) == len(lateral_faces(length, spacing)) - 1


def test_cost_of_any_box_is_known_at_once():
    started = time.process_time()
    for length in (1e-6, 1e3, 1e20, 1e40):
        for growth in (1.0, 1 + 1e-12, 1.5):
            assert graded_cells(length=length, spacing=1e-9, fine_depth=1e-6, growth=growth, max_spacing=1.0) > 0
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["domain.width=1 km"], "domain.width: value '1 km'"),
        (["domain.dimension=3", "domain.width=10 cm", "domain.depth=10 cm"], "domain.width"),
        (["domain.lithium_thickness=1e30 m"], "domain.lithium_thickness"),
        (["electrolyte.0.thickness=1e30 m"], "electrolyte.0.thickness"),
        (["interface.width=1 pm"], "interface.width"),
        (["grid.spacing=1 pm"], "grid.spacing"),
    ],
)
def test_a_grid_that_no_machine_holds_is_refused_with_its_key(overrides, key):
    with pytest.raises(CaseError) as caught:
        load_case(MINIMAL, overrides)
    (line,) = caught.value.lines
    assert key in line and "cells" in line and "allowed: at most 1e+11 cells" in line


def test_what_this_machine_cannot_hold_is_told():
    large = load_case(MINIMAL, ["interface.width=2 nm"])
    assert cost(large).cells > 1e8
    (line,) = problems_here(large)
    assert line.startswith("interface.width: ") and "GB of memory; allowed: at most" in line
    assert problems_here(load_case(MINIMAL)) == []
    assert problems_here(large, here=1, ranks=100_000) == []  # most of it is on other machines
    huge = load_case(MINIMAL, ["interface.width=0.2 nm"])
    assert any("unknowns; allowed: at most 2.147e+09" in line for line in problems_here(huge))
    assert not any("unknowns" in line for line in problems_here(huge, largest_index=2**63 - 1))


def test_ranks_of_this_machine_are_those_that_mpi_tells(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "4")
    assert ranks_here(64) == 4
    for odd in ("", "²", "-1", "128"):
        monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", odd)
        assert ranks_here(64) == 64


def test_run_refuses_what_does_not_fit_before_it_takes_memory(tmp_path):
    command = [sys.executable, "-m", "solver", "run", str(MINIMAL), "--set", "interface.width=1 nm", "--output", "r"]
    where = environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "GB of memory" in done.stderr and "Traceback" not in done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["time.fixed_step=1 ms", "protocol.0={kind='rest', duration='30 day'}"], "time.fixed_step: 2.59e+09 steps"),
        (["output.interval=1 ms"], "output.interval: 7.2e+05 snapshots in 720 s"),
        (["protocol.0={kind='rest', duration='1 ns'}"], "protocol: lasts 1e-09 s, less than the smallest time step"),
        (["domain.width=0.5 um"], "grid.spacing: 5 cells along x resolve nothing"),
    ],
)
def test_doubtful_costs_give_warnings_in_both_directions(overrides, words):
    found = warnings(*overrides)
    assert any(words in line for line in found), found


def test_loops_are_counted_without_unrolling_them():
    loop = "protocol=[{kind='loop', repeat=10000, segments=[{kind='rest', duration='1 h'}]}]"
    size = cost(load_case(MINIMAL, [loop]))
    assert size.duration == pytest.approx(3.6e7) and math.isfinite(size.steps) and size.steps > 1.8e6


def test_a_disk_that_is_too_small_is_told(tmp_path):
    case = load_case(MINIMAL, ["output.interval=10 us", "protocol.0={kind='rest', duration='1 year'}"])
    (line,) = machine_warnings(case, tmp_path / "not" / "there")
    assert "GB are free in" in line and list(machine_warnings(load_case(MINIMAL), tmp_path)) == []
