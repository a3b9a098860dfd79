"""Grading, and how a grid is shared by ranks."""

import numpy as np
import pytest

from solver.numerics.grid import Grid, TooManyRanks, lateral_faces, normal_faces


class ManyRanks:
    """Stands in for a communicator where only its size is asked for."""

    def __init__(self, size: int):
        self.size = size


def split(shape: tuple[int, ...], ranks: int) -> tuple[int, ...]:
    grid = Grid.__new__(Grid)
    grid.shape, grid.dim, grid.comm = shape, len(shape), ManyRanks(ranks)  # type: ignore[assignment]  # a stand-in
    return grid._ranks_per_axis()


def test_blocks_have_little_surface():
    assert split((100, 100), 4) == (2, 2)
    assert split((1000, 10), 4) == (4, 1)
    assert split((64, 64, 64), 8) == (2, 2, 2)


def test_more_ranks_than_the_cells_can_feed_are_refused():
    assert split((11,), 5) == (5,)
    with pytest.raises(TooManyRanks, match="6 ranks cannot share 11 cells"):
        split((11,), 6)


def test_normal_faces_end_at_the_boundaries_and_are_graded():
    faces = normal_faces(
        lithium_thickness=30e-6,
        electrolyte_thickness=10e-6,
        spacing=50e-9,
        fine_depths=(4e-6, 4e-6),
        growth=1.1,
        max_spacing=1e-6,
    )
    steps = np.diff(faces)
    assert faces[0] == pytest.approx(-30e-6) and faces[-1] == pytest.approx(10e-6)
    assert steps.min() == pytest.approx(50e-9)
    assert np.max(steps[1:] / steps[:-1]) < 1.2
    near = np.abs(faces[:-1]) < 3.9e-6
    assert np.allclose(steps[near], 50e-9, rtol=1e-9, atol=0)


def test_lateral_faces_are_at_most_as_wide_as_asked():
    assert np.diff(lateral_faces(1e-6, 0.3e-6)).max() <= 0.3e-6
    assert len(lateral_faces(1e-6, 1e-6)) == 5  # at least four cells
