"""The same numbers on 1, 2, 3 and 4 ranks: operators, random fields, runs with a fixed and with an adapted step."""

from __future__ import annotations

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
from tests.mpi import rank_results
from tests.parallel.runs import (
    ALL_PARTS,
    FIXED,
    LAYERED,
    agreement,
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
    result: dict[str, Any] = {f"operator {name}": gathered(grid, values) for name, values in found.items()}
    result["operator sums"] = np.array([grid.integral(u**2), grid.max(u), grid.min(u)])
    return result


def all_fixed() -> dict[str, Any]:
    """Operators in 1-D to 3-D and fixed-step runs in 2-D and 3-D; keys begin with the dimension."""
    results = {f"operators {dim}": operators(dim) for dim in (1, 2, 3)}
    results |= {f"run {dim}": run_case(small_case(dim, FIXED)) for dim in (2, 3)}
    flat = {f"{key} {name}": value for key, part in results.items() for name, value in part.items()}
    return flat | {"ranks": MPI.COMM_WORLD.size}


@pytest.fixture(scope="module")
def one_rank() -> dict[str, Any]:
    return all_fixed()


@pytest.mark.parametrize("ranks", [2, 4])
def test_fixed_steps_agree_on_all_numbers_of_ranks(one_rank, ranks):
    """Ten steps with heterogeneity, void, noise, solver tolerance 1e-13: every field and curve to 1e-10 of its range,
    motion and its stress to 1e-8.

    Random numbers are the same bit for bit; operators and solves agree to 1e-12, the lateral field too.
    """
    many = rank_results(ranks, all_fixed)
    assert many["ranks"] == ranks
    for dim in (2, 3):
        assert one_rank[f"run {dim} reason"] == many[f"run {dim} reason"] == "protocol finished"
        assert one_rank[f"run {dim} steps"] == many[f"run {dim} steps"] == 10
        found = differences(one_rank, many, (f"run {dim} field", f"run {dim} curve"))
        assert len(found) == {2: 22, 3: 27}[dim]
        found["feed"] = np.abs(many[f"run {dim} feed per step"] - one_rank[f"run {dim} feed per step"]).max()
        assert all(gap < agreement(name) for name, gap in found.items()), found
    for dim in (1, 2, 3):
        np.testing.assert_array_equal(
            many[f"operators {dim} operator random numbers"], one_rank[f"operators {dim} operator random numbers"]
        )
        found = differences(one_rank, many, (f"operators {dim}",))
        assert len(found) >= 7
        assert max(found.values()) < 1e-12, found


def deposit() -> dict[str, Any]:
    """Islands on a rough collector in fixed steps, solved tightly."""
    return run_case(deposit_case(merged(FIXED, {"time": {"fixed_step": "0.1 s"}, "lithium": {"noise_amplitude": 0.0}})))


@pytest.fixture(scope="module")
def deposit_on_one() -> dict[str, Any]:
    return deposit()


@pytest.mark.parametrize("ranks", [2, 4])
def test_a_collector_moves_alike_on_all_numbers_of_ranks(deposit_on_one, ranks):
    """40 steps: fields and curves to 1e-7 of their range. The collector falls on the islands, and they lift it."""
    one, many = deposit_on_one, rank_results(ranks, deposit)
    assert one["reason"] == many["reason"] == "protocol finished"
    assert one["steps"] == many["steps"] == 40
    found = differences(one, many, ("field", "curve"))
    assert len(found) == 22
    assert max(found.values()) < 1e-7, found


def all_parts() -> dict[str, Any]:
    """Nuclei, film, seed with an oxide, and interphase in fixed steps, solved tightly."""
    changes = {"time": {"fixed_step": "0.1 s"}, "lithium": {"noise_amplitude": 0.0}}
    return run_case(nucleating_case(merged(FIXED, merged(changes, ALL_PARTS))))


@pytest.fixture(scope="module")
def all_parts_on_one() -> dict[str, Any]:
    return all_parts()


def test_what_lives_on_the_contact_is_alike_on_all_numbers_of_ranks(all_parts_on_one):
    """Fields and curves to 1e-7 of their range."""
    one, many = all_parts_on_one, rank_results(3, all_parts)
    assert one["reason"] == many["reason"] == "protocol finished"
    assert one["steps"] == many["steps"]
    found = differences(one, many, ("field", "curve"))
    assert max(found.values()) < 1e-7, found


def test_all_parts_have_something_to_do(all_parts_on_one):
    """Some columns have become Li, on top of the film; Li lies beneath it elsewhere; seed and interphase are uneven."""
    one = all_parts_on_one
    handed = one["field lithium"].max(axis=-1) > 0.7
    assert 0 < handed.mean() < 1 and one["field barrier_share"].max(axis=-1)[handed].min() < 0.5
    assert one["field barrier_lithium"].max() > 1e-8 and one["field nucleated_lithium"].max() > 1e-9
    for name in ("interphase_thickness", "seed_composition"):
        values = one[f"field {name}"]
        assert np.ptp(values) > 5e-3 * values.max() > 0, name
    assert one["field seed_lowest_potential"].max() < 0.2, "the oxide has converted"
    assert one["lithium_error"] < 1e-8


def few_nuclei() -> dict[str, Any]:
    """Whole numbers of nuclei in fixed steps, solved tightly, until caps have grown over the sides of their cells."""
    changes = {"time": {"fixed_step": "0.1 s"}, "lithium": {"noise_amplitude": 0.0}}
    segment = {"kind": "galvanostatic", "direction": "plate", "duration": "4 s"}
    return run_case(few_nuclei_case(merged(FIXED, changes | {"protocol": [segment]})))


def test_nuclei_are_born_in_the_same_places_on_all_numbers_of_ranks():
    """The same whole numbers; what nuclei are, and the voltage, to 1e-9 of their range. Nothing moves yet."""
    one, many = few_nuclei(), rank_results(3, few_nuclei)
    assert one["reason"] == many["reason"] == "protocol finished"
    np.testing.assert_array_equal(one["field nucleus_births"], many["field nucleus_births"])
    assert len(np.unique(one["field nucleus_births"])) > 3
    found = differences(one, many, ("field nucle", "field potential", "curve voltage"))
    assert len(found) == 10 and max(found.values()) < 1e-9, found


def layered() -> dict[str, Any]:
    """A seed with a profile in depth, in fixed steps, solved tightly."""
    changes = {"time": {"fixed_step": "0.1 s"}, "lithium": {"noise_amplitude": 0.0}}
    return run_case(nucleating_case(merged(FIXED, merged(changes, LAYERED))))


def test_a_seed_with_layers_is_alike_on_all_numbers_of_ranks():
    """Fields and curves to 1e-7 of their range; the layers differ in depth."""
    one, many = layered(), rank_results(2, layered)
    assert one["reason"] == many["reason"] == "protocol finished"
    found = differences(one, many, ("field", "curve"))
    assert len([name for name in found if "seed_layer" in name]) == 4
    assert max(found.values()) < 1e-7, found
    assert one["field seed_layer_2"].max() > 1.1 * one["field seed_layer_5"].max() > 0
    handed = one["field lithium"].max(axis=-1) > 0.7
    assert 0 < handed.mean() < 1, "some of it is beneath Li"
    assert one["lithium_error"] < 1e-8


def adaptive(tolerance: float) -> dict[str, Any]:
    """40 s with adapted steps to a limit on the void volume, then plating."""
    protocol = [
        {"kind": "galvanostatic", "direction": "strip", "duration": "30 s"},
        {"kind": "galvanostatic", "direction": "plate", "duration": "10 s"},
    ]
    solver = {"tolerance": tolerance, "newton_tolerance": tolerance}
    changes = {"solver": solver, "mechanics": {"tolerance": tolerance}, "protocol": protocol}
    return run_case(merged(small_case(2, {}), changes))


def two_tolerances() -> dict[str, Any]:
    loose, tight = adaptive(1e-8), adaptive(1e-12)
    return {f"loose {k}": v for k, v in loose.items()} | {f"tight {k}": v for k, v in tight.items()}


def test_adapted_steps_agree_and_the_difference_shrinks_with_the_tolerance():
    """1 and 3 ranks: same reason, same number of steps, integrals to 1e-6; a 1e4 times smaller tolerance: closer."""
    one, many = two_tolerances(), rank_results(3, two_tolerances)
    worst = {}
    for name in ("loose", "tight"):
        assert one[f"{name} reason"] == many[f"{name} reason"] == "protocol finished"
        assert one[f"{name} steps"] == many[f"{name} steps"] > 12
        apart = np.abs(many[f"{name} integrals"] / one[f"{name} integrals"] - 1)
        assert apart.max() < 1e-6, apart
        worst[name] = max(differences(one, many, (f"{name} curve",)).values())
    assert worst["tight"] < max(0.1 * worst["loose"], 1e-11), worst
