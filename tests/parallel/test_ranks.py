"""The same numbers on 1, 2, 3 and 4 ranks: operators, random fields, runs with a fixed and with an adapted step.

All that a number of ranks runs is run in one mpirun (SHARES), and once on one rank.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI

from solver.numerics.grid import Grid
from solver.numerics.linear import LinearSolver
from solver.numerics.operators import (
    Stencil,
    apply_stencil,
    conductance,
    face_mean,
    full_faces,
    gradient,
    hybrid_weight,
    net_outflow,
)
from solver.numerics.random_fields import LateralField, normal
from solver.numerics.slab import Slab
from tests.mpi import rank_results
from tests.parallel.runs import (
    ALL_PARTS,
    FIXED,
    LAYERED,
    agreement,
    all_places_case,
    deposit_case,
    differences,
    few_nuclei_case,
    gathered,
    merged,
    nucleating_case,
    run_case,
    small_case,
)


def graded_grid(dim: int) -> Grid:
    s = [np.linspace(0.0, 1.0, n + 1) for n in (17, 12, 21)]
    return Grid([*(a + 0.05 * np.sin(2 * np.pi * a) for a in s[: dim - 1]), s[2] ** 1.3], [True, False][: dim - 1])


def operators(dim: int) -> dict[str, Any]:
    """Keyed random numbers, a lateral field, all operators and a linear solve (collective)."""
    grid = graded_grid(dim)
    u = normal(1, 2, grid.global_ids()) + np.zeros(grid.local_shape)
    random = {"random numbers": u}
    if dim > 1:
        lateral = LateralField((1.0,) * (dim - 1), 0.2, 3)(*grid.cell_coordinates()[:-1])
        random["lateral field"] = lateral + np.zeros(grid.local_shape)
    found = dict(random)
    ghosted = grid.ghosted(u)
    stencil, fluxes = Stencil(grid), []
    for axis in range(dim):
        points = grid.face_coordinates(axis)
        coefficient = 2 + np.sin(2 * np.pi * sum(points, np.zeros(())))
        k = conductance(grid, axis, coefficient)
        flow = full_faces(grid, axis, 30 * grid.area[axis] * np.cos(2 * np.pi * points[axis]) * grid.interior[axis])
        weight = hybrid_weight(grid, axis, flow, k)
        stencil.add_conductance(axis, k)
        stencil.add_advection(axis, flow, weight)
        lower, upper = grid.sides(ghosted, axis)
        fluxes.append(k * (lower - upper) + flow * (lower + weight * (upper - lower)))
        inner = [slice(None)] * dim
        inner[axis] = slice(1, None)
        found[f"mean {axis}"] = face_mean(grid, ghosted, axis)[tuple(inner)]
        found[f"gradient {axis}"] = gradient(grid, ghosted, axis)[tuple(inner)]
    found["rows"] = apply_stencil(stencil, u)
    found["fluxes"] = net_outflow(grid, fluxes)
    stencil.diagonal[...] += 40 * grid.volume
    found["solution"] = LinearSolver(grid, "test", "gmres", 1e-13).solve(stencil, u * grid.volume)[0]
    # layers of it, of which some ranks have none
    slab = Slab(grid, 3, 9)
    part, rows = slab.of(u), Stencil(slab)
    for axis in range(dim):
        rows.add_conductance(axis, conductance(slab, axis, np.ones((1,) * dim)))
    found["slab"] = slab.extended(LinearSolver(slab, "slab", "cg", 1e-13).solve(rows, part, added=slab.volume)[0])
    result: dict[str, Any] = {f"operator {name}": gathered(grid, values) for name, values in found.items()}
    result["operator sums"] = np.array([grid.integral(u**2), grid.max(u), grid.min(u)])
    return result


def all_operators() -> dict[str, Any]:
    """In 1-D to 3-D; keys begin with the dimension."""
    return {f"{dim} {name}": values for dim in (1, 2, 3) for name, values in operators(dim).items()}


# -- what is run -------------------------------------------------------------------------------------------


def fixed(dim: int, steps: int) -> dict[str, Any]:
    """Stripping with a void in fixed steps of 1 s, solved tightly."""
    segment = {"kind": "galvanostatic", "direction": "strip", "duration": f"{steps} s"}
    return run_case(small_case(dim, merged(FIXED, {"protocol": [segment]})))


def in_steps(step: str) -> dict[str, Any]:
    """Fixed steps, solved tightly, without noise."""
    return merged(FIXED, {"time": {"fixed_step": step}, "lithium": {"noise_amplitude": 0.0}})


def deposit() -> dict[str, Any]:
    """Islands on a rough collector."""
    segment = {"kind": "galvanostatic", "direction": "plate", "duration": "1 s"}
    return run_case(deposit_case(merged(in_steps("0.2 s"), {"protocol": [segment]})))


def deposit_in_3d() -> dict[str, Any]:
    """An island in a box of 1 um, on a rough collector."""
    changes = {
        "domain": {"dimension": 3, "width": "1 um", "depth": "0.8 um"},
        "collector": {"room": "1.6 um"},
        "electrolyte": [{"thickness": "1 um"}],
        "lithium": {"islands": [{"centre": ["0.5 um", "0.4 um"], "radius": "0.3 um"}], "noise_amplitude": 0.0},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "0.5 s"}],
    }
    return run_case(deposit_case(merged(in_steps("0.25 s"), changes)))


def all_parts() -> dict[str, Any]:
    """Nuclei, film, seed with an oxide, and interphase."""
    return run_case(nucleating_case(merged(in_steps("0.31 s"), ALL_PARTS)))


def all_places() -> dict[str, Any]:
    """The same over flaws with filaments and dead Li, beside an island, with a cathode; plated and stripped."""
    protocol = [
        {"kind": "galvanostatic", "direction": direction, "duration": duration}
        for direction, duration in (("plate", "0.6 s"), ("strip", "0.24 s"))
    ]
    return run_case(all_places_case(merged(in_steps("120 ms"), {"protocol": protocol})))


def few_nuclei() -> dict[str, Any]:
    """Whole numbers of nuclei, until caps have grown over the sides of their cells."""
    segment = {"kind": "galvanostatic", "direction": "plate", "duration": "4 s"}
    return run_case(few_nuclei_case(merged(in_steps("0.5 s"), {"protocol": [segment]})))


def layered() -> dict[str, Any]:
    """A seed with a profile in depth."""
    segment = {"kind": "galvanostatic", "direction": "plate", "duration": "5.45 s"}
    return run_case(nucleating_case(merged(in_steps("0.3 s"), LAYERED | {"protocol": [segment]})))


def adaptive(tolerance: float) -> dict[str, Any]:
    """3.5 s with adapted steps: stripping, then plating."""
    protocol = [
        {"kind": "galvanostatic", "direction": "strip", "duration": "3 s"},
        {"kind": "galvanostatic", "direction": "plate", "duration": "0.5 s"},
    ]
    solver = {"tolerance": tolerance, "newton_tolerance": tolerance}
    changes = {"solver": solver, "mechanics": {"tolerance": tolerance}, "protocol": protocol}
    return run_case(merged(small_case(2, {}), changes))


RUNS: dict[str, Callable[[], dict[str, Any]]] = {
    "operators": all_operators,
    "voids": partial(fixed, 2, 3),
    "voids in 3-D": partial(fixed, 3, 2),
    "deposit": deposit,
    "deposit in 3-D": deposit_in_3d,
    "all parts": all_parts,
    "all places": all_places,
    "few nuclei": few_nuclei,
    "layered seed": layered,
    "loose": partial(adaptive, 1e-8),
    "tight": partial(adaptive, 1e-12),
}
SHARES = {
    2: (
        *("operators", "voids", "loose", "tight"),
        *("deposit in 3-D", "layered seed"),
    ),
    3: ("deposit", "all places", "few nuclei"),
    4: ("operators", "voids", "voids in 3-D"),
}


def run_of(name: str) -> dict[str, Any]:
    """One of them (collective)."""
    return RUNS[name]()


def several(*names: str) -> dict[str, Any]:
    """Runs of these names; theirs begin the keys (collective)."""
    found = {f"{name}: {key}": value for name in names for key, value in RUNS[name]().items()}
    return found | {"ranks": MPI.COMM_WORLD.size}


@cache
def on_one(name: str) -> dict[str, Any]:
    return RUNS[name]()


@cache
def found_on(ranks: int) -> dict[str, dict[str, Any]] | str:
    """What this number of ranks finds, by the names of the runs, or why nothing."""
    try:
        found = rank_results(ranks, several, *SHARES[ranks], timeout=1200.0)
    except pytest.fail.Exception as failed:
        return str(failed)
    assert found.pop("ranks") == ranks
    return {
        name: {key.removeprefix(f"{name}: "): value for key, value in found.items() if key.startswith(f"{name}: ")}
        for name in SHARES[ranks]
    }


def on(ranks: int, name: str) -> dict[str, Any]:
    """A run on this number of ranks; by itself, if it is none of their share."""
    if name not in SHARES[ranks]:
        return rank_results(ranks, run_of, name)
    found = found_on(ranks)
    if isinstance(found, str):
        pytest.fail(found, pytrace=False)
    return found[name]


def both(name: str, ranks: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run on one rank and on several, which has come to its end alike."""
    one, many = on_one(name), on(ranks, name)
    assert one["reason"] == many["reason"] == "protocol finished"
    assert one["steps"] == many["steps"]
    return one, many


# -- the tests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", [pytest.param(2, marks=pytest.mark.long), 4])
def test_operators_agree_on_all_numbers_of_ranks(ranks):
    """Random numbers are the same bit for bit; operators and solves agree to 1e-12, the lateral field too."""
    one, many = on_one("operators"), on(ranks, "operators")
    for dim in (1, 2, 3):
        name = f"{dim} operator random numbers"
        np.testing.assert_array_equal(many[name], one[name])
        found = differences(one, many, (f"{dim}",))
        assert len(found) >= 7
        assert max(found.values()) < 1e-12, found


@pytest.mark.parametrize(
    ("ranks", "name", "fields"),
    [
        pytest.param(2, "voids", 22, marks=pytest.mark.long),
        (4, "voids", 22),
        (4, "voids in 3-D", 27),
        pytest.param(2, "voids in 3-D", 27, marks=pytest.mark.long),
    ],
)
def test_fixed_steps_agree_on_all_numbers_of_ranks(ranks, name, fields):
    """Steps with heterogeneity, void, noise, solver tolerance 1e-13: every field and curve to 1e-10 of its range,
    motion and its stress to 1e-8.
    """
    one, many = both(name, ranks)
    assert one["steps"] == (2 if "3-D" in name else 3)
    found = differences(one, many, ("field", "curve"))
    assert len(found) == fields
    found["feed"] = np.abs(many["feed per step"] - one["feed per step"]).max()
    assert all(gap < agreement(name) for name, gap in found.items()), found


@pytest.mark.parametrize("ranks", [pytest.param(2, marks=pytest.mark.long), 3])
def test_a_collector_moves_alike_on_all_numbers_of_ranks(ranks):
    """5 steps: fields and curves to 1e-7 of their range. The collector falls on the islands, and they lift it."""
    one, many = both("deposit", ranks)
    assert one["steps"] == 5
    found = differences(one, many, ("field", "curve"))
    assert len(found) == 22
    assert max(found.values()) < 1e-7, found


def test_a_collector_moves_alike_in_3_d():
    """Two steps on 2 ranks, to 1e-7; the island is squeezed and lifts it."""
    one, many = both("deposit in 3-D", 2)
    found = differences(one, many, ("field", "curve"))
    assert max(found.values()) < 1e-7, found
    assert np.ptp(one["curve contact_fraction"]) > 1e-3 and one["lithium_error"] < 1e-6


@pytest.mark.long
def test_what_lives_on_the_contact_is_alike_on_all_numbers_of_ranks():
    """Fields and curves to 1e-7 of their range."""
    found = differences(*both("all parts", 3), ("field", "curve"))
    assert max(found.values()) < 1e-7, found


def test_filaments_dead_lithium_and_a_cathode_beside_them_are_alike():
    """Fields and curves to 1e-7 of their range; Li grows in a flaw, some is dead, the cathode gives and takes."""
    one, many = both("all places", 3)
    found = differences(one, many, ("field", "curve"))
    assert max(found.values()) < 1e-7, found
    assert np.ptp(one["curve filament_volume"]) > 1e-4 * one["curve filament_volume"].max() > 0
    assert one["curve dead_lithium"].max() > 0 and np.ptp(one["field seed_composition"]) > 0
    assert one["lithium_error"] < 1e-6


@pytest.mark.long
def test_all_parts_have_something_to_do():
    """Some columns have become Li, on top of the film; Li lies beneath it elsewhere; seed and interphase are uneven."""
    one = on_one("all parts")
    handed = one["field lithium"].max(axis=-1) > 0.7
    assert 0 < handed.mean() < 1 and one["field barrier_share"].max(axis=-1)[handed].min() < 0.5
    assert one["field barrier_lithium"].max() > 1e-8 and one["field nucleated_lithium"].max() > 1e-9
    for name in ("interphase_thickness", "seed_composition"):
        values = one[f"field {name}"]
        assert np.ptp(values) > 5e-3 * values.max() > 0, name
    assert one["field seed_lowest_potential"].max() < 0.2, "the oxide has converted"
    assert one["lithium_error"] < 1e-8


def test_nuclei_are_born_in_the_same_places_on_all_numbers_of_ranks():
    """The same whole numbers; what nuclei are, and the voltage, to 1e-9 of their range. Nothing moves yet."""
    one, many = both("few nuclei", 3)
    np.testing.assert_array_equal(one["field nucleus_births"], many["field nucleus_births"])
    assert len(np.unique(one["field nucleus_births"])) > 3
    found = differences(one, many, ("field nucle", "field potential", "curve voltage"))
    assert len(found) == 10 and max(found.values()) < 1e-9, found


def test_a_seed_with_layers_is_alike_on_all_numbers_of_ranks():
    """Fields and curves to 1e-7 of their range; the layers differ in depth."""
    one, many = both("layered seed", 2)
    found = differences(one, many, ("field", "curve"))
    assert len([name for name in found if "seed_layer" in name]) == 4
    assert max(found.values()) < 1e-7, found
    assert one["field seed_layer_2"].max() > 1.1 * one["field seed_layer_5"].max() > 0
    handed = one["field lithium"].max(axis=-1) > 0.7
    assert 0 < handed.mean() < 1, "some of it is beneath Li"
    assert one["lithium_error"] < 1e-8


def test_adapted_steps_agree_and_the_difference_shrinks_with_the_tolerance():
    """1 and 2 ranks: same reason, same number of steps, integrals to 1e-6; a 1e4 times smaller tolerance: closer."""
    worst = {}
    for name in ("loose", "tight"):
        one, many = both(name, 2)
        assert one["steps"] > 12
        apart = np.abs(many["integrals"] / one["integrals"] - 1)
        assert apart.max() < 1e-6, apart
        worst[name] = max(differences(one, many, ("curve",)).values())
    assert worst["tight"] < max(0.1 * worst["loose"], 1e-11), worst
