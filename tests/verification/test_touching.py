"""Current passes where the metal touches the electrolyte, and nowhere else.

A flat surface of Li, xi = (1 - tanh((z + g)/2 lambda))/2, stands at the gap g from the contact, in a column or in half
of them. The weight int |grad psi| h(xi) dz of the diffuse contact is 1/2 at g = 0, and still 0.31 at lambda.
"""

from __future__ import annotations

import numpy as np
import pytest

from solver.domain.contact import make_contact
from solver.laws import free_energy as fe
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics import touching
from solver.physics.step import Step
from tests.mpi import rank_results
from tests.verification.setups import make_case, prepare

WIDTH = 1e-7  # lambda, m


def surface(z: Array, gap: float) -> Array:
    """xi of Li that ends at z = -gap."""
    return 0.5 * (1 - np.tanh((z + gap) / (2 * WIDTH)))


@pytest.mark.parametrize(
    ("gap", "weight", "share"), [(-8, 1.0, 1.0), (0, 0.5, 0.5), (1, 0.309, 0.0015), (1.2, 0.275, 0.0), (4, 0.032, 0.0)]
)
def test_weight_and_touching_share_of_a_gap(gap: float, weight: float, share: float) -> None:
    """gap in lambda."""
    grid = Grid([np.linspace(-30 * WIDTH, 30 * WIDTH, 601)])
    contact = make_contact(grid, WIDTH)
    found = touching.weight(grid, contact, surface(grid.centres[-1], gap * WIDTH))
    assert found[0] == pytest.approx(weight, abs=0.01)
    assert touching.share(found)[0] == pytest.approx(share, abs=0.002)
    assert touching.factor(found)[0] * found[0] == pytest.approx(touching.share(found)[0], abs=1e-12)


def half_open(gap: float) -> tuple[float, float]:
    """Share of the current that passes a gap (in lambda) over half of the contact, and the voltage."""
    case = make_case(
        {
            "domain": {"width": "4 um", "lithium_thickness": "3 um", "lateral": "symmetric"},
            "electrolyte": [{"thickness": "1 um"}],
            "interface": {"width": f"{WIDTH} m"},
            "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
        },
        [{"kind": "galvanostatic", "direction": "strip", "duration": "1 s"}],
    )
    simulation, model = prepare(case)
    state, grid = simulation.state, model.grid
    x, z = grid.cell_coordinates()
    state["lithium"] = np.where(x < 2e-6, surface(z, gap * WIDTH), 1.0) * np.ones(grid.local_shape)
    state["occupancy"] = fe.step(state["lithium"].copy())
    step = Step(number=0, dt=1e-3, stack_pressure=3e6, current_density=-10.0)
    ahead = {name: state[name].copy() for name in ("lithium", "occupancy")}
    current, *_ = model._current(state, ahead, state, model.places.start(), step)
    columns = grid.columns(current.plating * grid.spacing[-1])[:, 0]
    open_half = grid.centres[0] < 2e-6
    return columns[open_half].sum() / columns.sum(), current.charge.voltage


def test_no_current_passes_a_gap() -> None:
    """A gap of 2 lambda over half of the contact: 1e-9 of the current at most; all of it passes the other half."""
    assert half_open(2.0)[0] < 1e-9
    assert half_open(-8.0)[0] == pytest.approx(0.5, abs=0.01)


def test_the_weight_of_the_diffuse_contact_alone_would_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the touching share a fifth as much passes the gap as the contact beside it."""
    monkeypatch.setattr(touching, "factor", lambda weight: np.ones_like(weight))
    assert half_open(2.0)[0] > 0.1


def column_sums() -> dict[str, list[float]]:
    """In 1-D to 3-D: sums of a field over columns of cells, weighed with their number, then added."""
    return {f"{dim}-D": column_sums_in(dim) for dim in (1, 2, 3)}


def column_sums_in(dim: int) -> list[float]:
    grid = Grid([np.linspace(0, 1, 9)] * (dim - 1) + [np.linspace(-1, 1, 25)], [True] * (dim - 1))
    ids = np.broadcast_to(grid.global_ids(), grid.local_shape).astype(float)
    sums = grid.columns(np.sin(ids)) * np.ones(grid.local_shape)
    return [grid.sum(sums * np.cos(ids)), grid.max(sums), touching.mean(grid, sums)]


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_columns_are_whole_on_all_numbers_of_ranks(ranks: int) -> None:
    one, many = column_sums(), rank_results(ranks, column_sums)
    for name, sums in one.items():
        np.testing.assert_allclose(many[name], sums, rtol=1e-12, err_msg=name)
