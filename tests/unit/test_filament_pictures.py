"""Measures and pictures of filaments, of made-up runs with known numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from typer.testing import CliRunner

from postprocess import ResultsError, Run, metrics, penetration_plots
from postprocess.contact_plots import paint, shown
from postprocess.field_plots import field_map, plot_field
from postprocess.penetration_plots import COLOURS, deepest, plot_penetration, section, shows_filaments
from postprocess.plots import plot_run
from solver.__main__ import app
from solver.model.catalogue import FIELDS
from solver.numerics.grid import Grid
from solver.output import files
from solver.output.snapshots import SnapshotWriter
from tests import synthetic

UM = 1e-6


@pytest.fixture(scope="module", params=[2, 3])
def run(tmp_path_factory, request) -> Run:
    return Run(synthetic.filament_run(tmp_path_factory.mktemp("filaments"), request.param))


# -- metrics -----------------------------------------------------------------------------------------------


def test_the_critical_current_density_is_a_number():
    assert metrics.critical_current_density({"critical_current_density": 12}) == 12.0
    assert np.isnan(metrics.critical_current_density({"critical_current_density": None}))
    assert np.isnan(metrics.critical_current_density({}))


def test_depth_follows_the_filaments_and_dead_lithium_does_not_count(run):
    """Both filaments grow from nothing; the tallest cell of Li is never more than a cell from the front."""
    depths = [metrics.penetration_depth(run, n) for n in range(len(run.times))]
    expected = synthetic.DEEPEST * run.times / 3600.0
    tops = [max(0.0, *(run.faces["z"][1:][run.axes["z"] < z])) for z in expected]
    np.testing.assert_allclose(depths, tops, atol=1e-15)
    assert depths[0] == 0.0 and depths[-1] == pytest.approx(10e-6)
    assert [metrics.number_of_filaments(run, z) for z in (0.0, 4 * UM, 6 * UM, 7.5 * UM, 12 * UM)] == [2, 2, 1, 1, 0]
    assert metrics.number_of_filaments(run, 0.0, 0) == 0


@pytest.mark.parametrize(("lateral", "count"), [("periodic", 2), ("symmetric", 4)])
def test_filaments_that_meet_across_periodic_sides_are_one(tmp_path, lateral, count):
    """Two planes of Li at the sides of a box in 3-D, x = 0 and y = 0 without their corner, cut in four above 2 um."""
    grid = Grid([np.arange(7.0) * UM, np.arange(7.0) * UM, np.arange(-2.0, 6.0) * UM], [True, True])
    x, y, z = (np.broadcast_to(c, grid.shape) / UM for c in grid.cell_coordinates())
    at_x, at_y = (x < 1) | (x > 5), (y < 1) | (y > 5)
    one = np.ones(grid.shape)
    fields = {
        "electrolyte": one * (z > 0),
        "defect": one * (z > 0),
        "filament": np.where((z < 2) | (at_x & (y > 2) & (y < 4)) | (at_y & (x > 2) & (x < 4)), one, 0.0),
        "dead_lithium": 0 * one,
    }
    about = {"resolved_case": json.dumps({"domain": {"lateral": lateral}})}
    SnapshotWriter(tmp_path, grid, FIELDS, about).write(0.0, 0, fields)
    run = Run(tmp_path)
    assert metrics.penetration_depth(run) == pytest.approx(5 * UM)
    assert metrics.number_of_filaments(run, 2 * UM) == count
    assert metrics.number_of_filaments(run, 1 * UM) == 1


# -- pictures ----------------------------------------------------------------------------------------------


def test_the_picture_shows_the_deepest_filament_up_to_the_top(run, monkeypatch):
    drawn = {}

    def note(axes, contact, colours):
        drawn.update(axes=axes, contact=contact, colours=colours)
        paint(axes, contact, colours)

    monkeypatch.setattr(penetration_plots, "paint", note)
    path = plot_penetration(run.directory)
    assert path == run.directory / "penetration.png"
    assert imread(path)[..., :3].std() > 0.05
    contact, axes = drawn["contact"], drawn["axes"]
    assert contact.index == 3
    assert contact.row is None or run.axes["y"][contact.row] == pytest.approx(synthetic.SECTION)
    assert axes.get_ylim()[1] == pytest.approx(10.0) and axes.get_ylim()[0] < 0
    title = axes.figure._suptitle.get_text()
    assert "t = 60 min" in title and "Li up to 10 µm" in title and title.endswith("half of that: 1")

    def colour(x: float, z: float) -> np.ndarray:
        nearest = [int(np.argmin(np.abs(run.axes[axis] / UM - place))) for axis, place in (("x", x), ("z", z))]
        return drawn["colours"][tuple(nearest)]

    first, second = (place / UM for place in synthetic.CHANNELS)
    places = {"Li in defects": (first, 8.0), "dead Li": (second, 7.5), "defects": (second, 6.0)}
    for name, place in {**places, "electrolyte": (8.0, 5.0)}.items():
        np.testing.assert_allclose(colour(*place), to_rgb(COLOURS[name]), atol=0.1, err_msg=name)


def test_an_earlier_snapshot_can_be_asked_for(run):
    assert deepest(run) == 3
    assert section(run, 1).index == 1
    with pytest.raises(ResultsError, match="no snapshot 9; there are 4"):
        plot_penetration(run.directory, 9)


def test_a_field_of_a_case_with_defects_is_drawn_up_to_the_top(run, monkeypatch):
    drawn = []

    def note(axes, contact, values, label):
        field_map(axes, contact, values, label)
        drawn.append((axes.get_ylim()[1], contact.caption))

    monkeypatch.setattr("postprocess.field_plots.field_map", note)
    plot_field(run.directory, "infiltration_pressure")
    ((top, caption),) = drawn
    assert top == pytest.approx(10.0)
    assert ("section at y = 1.5 µm" in caption) == ("y" in run.axes)


def test_no_picture_of_filaments_without_defects_or_in_1d(tmp_path):
    strip = Run(synthetic.strip_run(tmp_path / "strip"))
    assert not shows_filaments(strip)
    with pytest.raises(ResultsError, match="no picture of filaments: dead_lithium, defect, filament not in the output"):
        plot_penetration(strip.directory)
    line = Run(synthetic.filament_run(tmp_path / "line", 1))
    assert not shows_filaments(line)
    with pytest.raises(ResultsError, match="a 1-D run has no map"):
        plot_penetration(line.directory)


def test_the_command_draws_filaments_where_there_are_any(run):
    """Curves with a third panel, and penetration.png; both go when the directory is cleared."""
    done = CliRunner().invoke(app, ["plot", str(run.directory)])
    assert done.stdout.split() == [str(run.directory / name) for name in ("curves.png", "penetration.png")]
    assert imread(run.directory / "curves.png").shape[0] > 1000
    assert r"penetration\.png" in files.OUTPUTS


def test_a_contact_that_was_incomplete_from_the_start_is_drawn_with_its_current(tmp_path):
    """Before the first step nothing flows: the first snapshot is not the one to show."""
    run = Run(synthetic.filament_run(tmp_path))
    run.curves["contact_fraction"][:] = np.linspace(0.7, 0.9, len(run.curves["time"]))
    assert shown(run) == 1
    assert imread(plot_run(tmp_path)).std() > 0.05
