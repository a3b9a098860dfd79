"""Reading, measuring, plotting and exporting made-up runs with known numbers."""

from __future__ import annotations

import meshio
import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from postprocess import ResultsError, Run, metrics
from postprocess.export import export
from postprocess.field_plots import field_map, plot_field, plot_stresses, quantity
from postprocess.plots import plot_run
from solver.__main__ import app
from solver.model.catalogue import FIELDS
from solver.numerics.grid import Grid
from solver.output import files
from solver.output.snapshots import SnapshotWriter
from tests import synthetic


@pytest.fixture(scope="module")
def strip(tmp_path_factory) -> Run:
    return Run(synthetic.strip_run(tmp_path_factory.mktemp("strip")))


def test_run_knows_curves_times_and_end(strip):
    assert strip.curves["voltage"][-1] == pytest.approx(-0.03)
    assert strip.units["voltage"] == "V"
    assert list(strip.times) == [0.0, 1200.0, 2400.0, 3600.0]
    assert strip.summary["stop_reason"] == "capacity reached"
    assert strip.info["resolved_case"]["title"] == "made up"
    assert strip.lateral_area == pytest.approx(20e-6)


def test_missing_things_are_named(tmp_path, strip):
    with pytest.raises(ResultsError, match="nowhere: no such directory"):
        Run(tmp_path / "nowhere")
    with pytest.raises(ResultsError, match="not a run directory: neither log"):
        Run(tmp_path)
    with pytest.raises(ResultsError, match="no field 'lithum'; available: contact_pressure, displacement"):
        strip.field("lithum")
    with pytest.raises(ResultsError, match="no snapshot 4; there are 4"):
        strip.field("lithium", 4)
    (tmp_path / "log.csv").write_text("step,time [s]\n1,2\n3\n4,5\n")
    with pytest.raises(ResultsError, match="line 3 does not have the 2 columns"):
        _ = Run(tmp_path).curves
    with pytest.raises(ResultsError, match="no snapshots yet"):
        Run(tmp_path).field("lithium")
    with pytest.raises(ResultsError, match=r"log\.csv has no rows yet"):
        (tmp_path / "log.csv").write_text("time [s],voltage [V]\n")
        plot_run(tmp_path)


def test_a_damaged_snapshot_is_named_and_left_out(tmp_path):
    synthetic.write_output(str(tmp_path), 1, False)
    (tmp_path / "fields/fields_000001.vtkhdf").write_bytes(b"nothing")
    run = Run(tmp_path)
    assert list(run.times) == [0.0] and run.field("lithium")[0] == 0.1
    assert len(run.problems) == 1 and "fields_000001.vtkhdf: damaged, or not a snapshot" in run.problems[0]
    (tmp_path / "fields/fields_000000.vtkhdf").unlink()
    with pytest.raises(ResultsError, match=r"fields_000001\.vtkhdf: damaged"):
        Run(tmp_path).field("lithium")


def test_row_that_is_being_written_is_left_out(tmp_path):
    (tmp_path / "log.csv").write_text("step,time [s]\n1,2.5\n2,3.")
    assert list(Run(tmp_path).curves["time"]) == [2.5]


# -- metrics of the curves -------------------------------------------------------------------------------


def test_extremes_of_the_curves(strip):
    assert metrics.minimum_contact_fraction(strip.curves) == pytest.approx(0.75)
    assert metrics.maximum_void_volume(strip.curves) == pytest.approx(1.2e-7)
    assert metrics.maximum_local_current_ratio(strip.curves) == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("contact", "onset"), [((1.0, 0.995, 0.985), 15.0), ((0.9, 0.8, 0.7), 0.0), ((1.0, 1.0, 0.99), np.nan)]
)
def test_onset_of_contact_loss(contact, onset):
    curves = {"time": np.array([0.0, 10.0, 20.0]), "contact_fraction": np.array(contact)}
    assert metrics.contact_loss_onset(curves) == pytest.approx(onset, nan_ok=True)


# -- metrics of the fields ---------------------------------------------------------------------------------


def write_fields(directory, axes, electrolyte, lithium, current_density) -> Run:
    """A run with one snapshot of sharp fields, functions of the coordinates."""
    grid = Grid(axes, [True] * (len(axes) - 1))
    points = np.meshgrid(*grid.centres, indexing="ij")
    fields = {"electrolyte": electrolyte, "lithium": lithium, "local_current_density": current_density}
    values = {name: np.asarray(function(*points), dtype=float) for name, function in fields.items()}
    directory.mkdir(exist_ok=True)
    SnapshotWriter(directory, grid, FIELDS, {}).write(0.0, 0, values)
    return Run(directory)


def test_height_and_current_of_a_contact_with_a_notch(tmp_path):
    """Contact at z = 0; over half of the width there is no Li and no current."""
    axes = [np.linspace(0, 8e-6, 9), np.linspace(-10e-6, 5e-6, 31)]
    run = write_fields(
        tmp_path,
        axes,
        lambda x, z: z > 0,
        lambda x, z: np.where((x < 4e-6) & (z > -3e-6), 0.0, 1.0),
        lambda x, z: np.where(x < 4e-6, 0.0, -20.0),
    )
    np.testing.assert_allclose(metrics.interface_height(run), 0.0, atol=1e-18)
    current = metrics.interface_average(run, run.field("local_current_density"))
    np.testing.assert_allclose(current, [0.0] * 4 + [-20.0] * 4)


def test_results_of_an_earlier_version_say_what_is_called_otherwise_now(tmp_path):
    (tmp_path / "log.csv").write_text("step,time [s],stack_pressure [Pa],current_density [A/m^2]\n1,0.5,3e6,10\n")
    curves = Run(tmp_path).curves
    with pytest.raises(ResultsError, match="an earlier version, which called 'platen_pressure' 'stack_pressure'"):
        curves["platen_pressure"]
    with pytest.raises(ResultsError, match="no column 'local_current_density'"):
        curves["local_current_density"]
    grid, about = synthetic.grid(1, False), {"current_density": FIELDS["local_current_density"]}
    SnapshotWriter(tmp_path, grid, about, {}).write(0.0, 0, {"current_density": np.zeros(grid.local_shape)})
    with pytest.raises(ResultsError, match="which called 'local_current_density' 'current_density'"):
        Run(tmp_path).field("local_current_density")


def test_height_of_the_contact_in_1d_and_3d(tmp_path):
    z = np.array([-4.0, -2.0, -1.0, 0.0, 1.0]) * 1e-6
    for n, lateral in enumerate(([], [np.linspace(0, 5e-6, 6), np.linspace(0, 4e-6, 5)])):
        run = write_fields(
            tmp_path / str(n),
            [*lateral, z],
            lambda *p: p[-1] > 0,
            lambda *p: np.where((p[-1] > -2e-6) & (p[-1] < 0), 0.25, 1.0),
            lambda *p: 0.0 * p[-1],
        )
        height = metrics.interface_height(run)
        assert height.shape == (() if n == 0 else (5, 4)) and np.abs(height).max() < 1e-18


# -- pictures and export -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_picture(tmp_path, dim):
    path = plot_run(synthetic.strip_run(tmp_path, dim, finished=dim > 1))
    assert path == tmp_path / "curves.png"
    picture = imread(path)
    assert picture.shape[0] > 600
    assert picture.shape[1] > 1200
    left, right = picture[:, : picture.shape[1] // 2, :3], picture[:, picture.shape[1] // 2 :, :3]
    assert min(left.std(), right.std()) > 0.05


def test_picture_of_a_cycle_and_of_a_run_without_snapshots(tmp_path):
    rows = [synthetic._row(n, 60.0 * n) | {"capacity": 10.0 * (n % 4)} for n in range(9)]
    table = synthetic.log.LogTable(tmp_path / "log.csv", synthetic.COLUMNS)
    for row in rows:
        table.append(row)
    table.close()
    assert imread(plot_run(tmp_path)).std() > 0.05


def test_picture_of_a_full_cell_has_its_voltage(tmp_path):
    """Where it is known from the first row on: not of a run that goes on with a cathode."""
    columns = (*synthetic.COLUMNS, "cathode_lithium [C/m^2]", "cell_voltage [V]")
    heights = {}
    for name, known in {"whole": 0, "later": 4, "never": 9}.items():
        (tmp_path / name).mkdir()
        table = synthetic.log.LogTable(tmp_path / name / "log.csv", columns if known < 9 else synthetic.COLUMNS)
        for n in range(9):
            of_cell = {"cathode_lithium": 100.0 - n, "cell_voltage": 3.9} if known < 9 else {}
            table.append(synthetic._row(n, 60.0 * n) | (of_cell if n >= known else dict.fromkeys(of_cell, "")))
        table.close()
        heights[name] = imread(plot_run(tmp_path / name)).shape[0]
    assert heights["whole"] > 1.2 * heights["never"] and heights["later"] == heights["never"]


@pytest.mark.parametrize("dim", [1, 2])
def test_picture_of_a_run_that_did_not_write_all_fields(tmp_path, dim):
    synthetic.write_output(str(tmp_path), dim, True)
    table = synthetic.log.LogTable(tmp_path / "log.csv", synthetic.COLUMNS)
    table.append(synthetic._row(1, 60.0))
    table.close()
    assert imread(plot_run(tmp_path)).std() > 0.05


def test_quantities_are_drawn_in_the_units_of_the_field(strip):
    for name, factor, end in (
        ("pressure", 1e-6, "compression positive / MPa"),
        ("local_current_density", 0.1, "positive plates / (mA/cm$^2$)"),
        ("lithium", 1.0, "0 void"),
    ):
        values, label = quantity(strip, name, -1)
        np.testing.assert_allclose(values, strip.field(name) * factor)
        assert label.endswith(end)
    values, label = quantity(strip, "stress.zz", -1)
    np.testing.assert_allclose(values, strip.field("largest_principal_stress") * 1e-6)
    assert label == "stress tensor, tension positive (zz) / MPa"
    for name, allowed in (
        ("displacement", "give displacement.x, displacement.z"),
        ("displacement.y", "give displacement.x, displacement.z"),
        ("pressure.z", "give pressure"),
    ):
        with pytest.raises(ResultsError, match=f"cannot draw '{name}': {allowed}"):
            quantity(strip, name, -1)


@pytest.mark.parametrize(
    ("dim", "name"),
    [(1, "pressure"), (2, "stress.zz"), (2, "contact_pressure"), (3, "von_mises_stress"), (3, "local_current_density")],
)
def test_picture_of_a_field(tmp_path, dim, name):
    path = plot_field(synthetic.strip_run(tmp_path, dim), name)
    assert path == tmp_path / f"field_{name}.png"
    assert imread(path)[..., :3].std() > 0.05
    with pytest.raises(ResultsError, match="no snapshot 7; there are 4"):
        plot_field(tmp_path, name, 7)


@pytest.mark.parametrize("dim", [2, 3])
def test_picture_of_the_stresses(tmp_path, dim, monkeypatch):
    """Pressure everywhere, tension in the electrolyte only, in MPa."""
    drawn = {}

    def draw(axes, contact, values, label):
        drawn[label] = contact, values
        field_map(axes, contact, values, label)

    monkeypatch.setattr("postprocess.field_plots.field_map", draw)
    path = plot_stresses(synthetic.strip_run(tmp_path, dim))
    assert path == tmp_path / "stresses.png"
    quarters = [half for row in np.array_split(imread(path)[..., :3], 2) for half in np.array_split(row, 2, axis=1)]
    assert min(quarter.std() for quarter in quarters) > 0.05
    (contact, pressure), (_, tension) = drawn.values()
    assert list(drawn) == [
        "pressure, compression positive / MPa",
        "largest principal stress, tension positive / MPa",
    ]
    assert np.ma.count_masked(pressure) == 0
    np.testing.assert_array_equal(np.ma.getmaskarray(tension), contact.psi < 0.5)
    stored = contact.section(contact.run.field("largest_principal_stress", contact.index))
    np.testing.assert_allclose(tension.compressed(), stored[contact.psi >= 0.5] * 1e-6)


def test_command_draws_what_is_asked_for(tmp_path):
    synthetic.strip_run(tmp_path)
    asked = ["plot", str(tmp_path), "--field", "pressure", "--field", "stress.xz", "--stresses"]
    done = CliRunner().invoke(app, asked)
    pictures = ["curves.png", "field_pressure.png", "field_stress.xz.png", "stresses.png"]
    assert done.stdout.split() == [str(tmp_path / name) for name in pictures]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == pictures
    assert CliRunner().invoke(app, ["plot", str(tmp_path), "--field", "stress"]).exit_code == 2
    files.clear(tmp_path)
    assert not list(tmp_path.glob("*.png"))


def test_no_picture_of_stresses_that_were_not_written_or_in_1d(tmp_path):
    synthetic.write_output(str(tmp_path), 2, True)
    synthetic.log.LogTable(tmp_path / "log.csv", synthetic.COLUMNS).append(synthetic._row(1, 60.0))
    with pytest.raises(ResultsError, match="no picture of the contact: electrolyte, local_current_density not in"):
        plot_stresses(tmp_path)
    with pytest.raises(ResultsError, match="a 1-D run has no map"):
        plot_stresses(synthetic.strip_run(tmp_path / "line", 1))


@pytest.mark.parametrize(("dim", "kind", "corners"), [(1, "line", 2), (2, "quad", 4), (3, "hexahedron", 8)])
def test_export_through_meshio(tmp_path, dim, kind, corners):
    synthetic.write_output(str(tmp_path), dim, True)
    run = Run(tmp_path)
    mesh = meshio.read(export(run, tmp_path / "last.vtu"))
    cells = mesh.cells_dict[kind]
    assert cells.shape == (run.field("lithium").size, corners)
    np.testing.assert_array_equal(mesh.cell_data_dict["lithium"][kind], run.field("lithium").ravel())
    centres = mesh.points[cells].mean(axis=1)
    expected = np.stack([c.ravel() for c in np.meshgrid(*run.axes.values(), indexing="ij")], axis=1)
    own = ["xyz".index(axis) for axis in run.axes]
    np.testing.assert_allclose(centres[:, own], expected, atol=1e-20)
    velocity = mesh.cell_data_dict["velocity"][kind]
    np.testing.assert_array_equal(velocity[:, own], run.field("velocity").reshape(-1, dim))
    assert dim == 3 or not velocity[:, 1].any()
    np.testing.assert_array_equal(mesh.cell_data_dict["stress"][kind], run.field("stress").reshape(-1, 6))
