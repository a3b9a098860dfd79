"""Pictures and the table of what lies on a collector, of made-up runs with known numbers."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from typer.testing import CliRunner

from postprocess import ResultsError, Run, contact_plots, deposit_plots, metrics, penetration_plots
from postprocess.contact_plots import COLLECTOR, ELECTROLYTE, LITHIUM, VOID, Contact, material_map, shown
from postprocess.deposit_plots import Section, plot_deposit, shows_deposit, snapshots, spans, window, write_thickness
from postprocess.penetration_plots import plot_penetration
from postprocess.plots import _profiles, plot_run
from solver.__main__ import _draw, app
from solver.output import files
from solver.voice import Voice
from tests import synthetic

UM = 1e-6
# x and z, um, after 40 minutes, when the gap is 1.5 to 1.9 um (2 um in the middle of y)
PLACES = {
    "electrolyte": (10.0, 1.5, ELECTROLYTE),
    "Li": (10.0, -0.75, LITHIUM),
    "gap": (2.0, -0.85, VOID),
    "collector below Li": (10.0, -3.0, COLLECTOR),
    "collector below the gap": (2.0, -3.0, COLLECTOR),
}


@pytest.fixture(scope="module", params=[2, 3])
def run(tmp_path_factory, request) -> Run:
    return Run(synthetic.deposit_run(tmp_path_factory.mktemp("deposit"), request.param))


def cells(run: Run, x: float, z: float) -> tuple[int, int]:
    return int(np.argmin(np.abs(run.axes["x"] / UM - x))), int(np.argmin(np.abs(run.axes["z"] / UM - z)))


def near(colour: np.ndarray, expected: str) -> bool:
    return bool(np.abs(colour - to_rgb(expected)).max() < 0.15)


# -- the map of the materials, and the profiles --------------------------------------------------------------


def painted(contact: Contact, monkeypatch) -> tuple[np.ndarray, object]:
    """The colours of the cells in the map of the materials, and its axes."""
    drawn = noted(monkeypatch, contact_plots)
    axes = Figure().subplots()
    material_map(axes, contact)
    return drawn[-1][2], axes


def noted(monkeypatch, module) -> list[tuple]:
    """What `paint` is asked for in a module."""
    drawn, paint = [], contact_plots.paint

    def note(*what):
        drawn.append(what)
        paint(*what)

    monkeypatch.setattr(module, "paint", note)
    return drawn


def names(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_map_of_the_materials_has_the_collector(run, monkeypatch):
    """xi = 0.7 in the collector is no mixture of Li and void; it is 1.1 um below the line xi = 1/2."""
    contact = Contact.read(run, shown(run))
    colours, axes = painted(contact, monkeypatch)
    for name, (x, z, expected) in PLACES.items():
        assert near(colours[cells(run, x, z)], expected), name
    assert names(axes) == ["electrolyte", "Li", "void", "collector"]
    np.testing.assert_allclose(contact_plots._fractions(contact).sum(axis=-1), 1.0, atol=1e-12)
    lines = [path.vertices for line in axes.collections[1:] for path in line.get_paths() if len(path.vertices)]
    assert lines and min(points[:, 1].min() for points in lines) > -2.2
    low, high = axes.get_ylim()
    assert low < -2.5 and high > 1.0


def test_cells_in_the_collector_would_pass_for_metal_without_it(run, monkeypatch):
    contact = Contact.read(run, shown(run))
    colours, axes = painted(replace(contact, chi=0 * contact.chi), monkeypatch)
    x, z, expected = PLACES["collector below Li"]
    assert not near(colours[cells(run, x, z)], expected)
    assert names(axes) == ["electrolyte", "Li", "void"]


def test_no_map_of_a_collector_that_was_not_written(tmp_path):
    run = Run(synthetic.deposit_run(tmp_path, left_out=["collector"]))
    with pytest.raises(ResultsError, match="no picture of the contact: collector not in the output"):
        Contact.read(run, 2)
    assert imread(plot_run(tmp_path)).std() > 0.05


def test_a_run_without_a_collector_is_drawn_as_before(tmp_path, monkeypatch):
    run = Run(synthetic.strip_run(tmp_path))
    contact = Contact.read(run, 3)
    colours, axes = painted(contact, monkeypatch)
    psi, xi = contact.psi, contact.xi
    before = np.stack([psi, (1 - psi) * xi, (1 - psi) * (1 - xi)], axis=-1)
    np.testing.assert_allclose(colours, before @ [to_rgb(c) for c in (ELECTROLYTE, LITHIUM, VOID)], atol=1e-12)
    assert names(axes) == ["electrolyte", "Li", "void"]
    assert shown(run) == 3


def test_the_snapshot_with_most_lithium_is_shown_and_never_the_first_of_several(run, tmp_path):
    assert shown(run) == 2
    run = Run(synthetic.deposit_run(tmp_path))
    run.curves["lithium_thickness"][:] = np.linspace(2.0, 1.0, len(run.curves["time"]))
    assert shown(run) == 1
    assert snapshots(run) == [0, 3]


def test_profiles_end_at_the_collector(tmp_path):
    run = Run(synthetic.deposit_run(tmp_path, 1))
    axes = Figure().subplots()
    _profiles(axes, run, 2)
    profiles = {line.get_label(): line.get_ydata() for line in axes.lines}
    chi = run.field("collector", 2)
    np.testing.assert_array_equal(profiles["collector"], chi)
    visible = profiles["lithium"][np.isfinite(profiles["lithium"])]
    assert len(visible) > 5 and (visible == 1.0).all()  # 0.7 is inside
    assert np.isnan(profiles["occupancy"][chi > 0.96]).all()
    assert imread(plot_run(tmp_path)).std() > 0.05


def test_the_picture_of_filaments_has_the_collector(tmp_path, monkeypatch):
    """Below the contact of filaments that grow from an island."""

    def both(g, growth):
        return synthetic.filament_fields(g, growth) | synthetic.deposit_fields(g, 2 / 3)

    directory = synthetic._write_run(
        tmp_path, 2, both, synthetic._deposit_row, None, synthetic.headings(synthetic.OF_PARTS)
    )
    drawn = noted(monkeypatch, penetration_plots)
    plot_penetration(directory)
    ((axes, contact, colours),) = drawn
    x, z, expected = PLACES["collector below the gap"]
    assert near(colours[cells(contact.run, x, z)], expected)
    assert names(axes)[-1].startswith("potential") and "collector" in names(axes)


# -- deposit.png ---------------------------------------------------------------------------------------------


def test_start_half_most_and_end_are_drawn(run):
    assert snapshots(run) == [0, 1, 2, 3]


def test_a_section_has_the_colour_of_what_is_there(run):
    section = Section.read(run, 2)
    for name, (x, z, expected) in PLACES.items():
        (colour,) = section.colours(np.array([x]), np.array([z]))[0]
        np.testing.assert_allclose(colour, to_rgb(expected), atol=0.02, err_msg=name)


def test_the_surfaces_of_a_section_are_sharp(run):
    """From collector to Li over 2 nm at eta - g, from Li to electrolyte over 2 nm at eta; earlier elsewhere."""
    x = float(run.axes["x"][50])
    section, column = Section.read(run, 2), (50,) if len(run.axes) == 2 else (50, deposit_plots.middle(run))
    gap = run.field("gap", 2)[column][0]
    height = metrics.interface_height(run, 2)[column]
    places = np.array([height - gap - UM / 1e3, height - gap + UM / 1e3, height - UM / 1e3, height + UM / 1e3]) / UM
    expected = [to_rgb(c) for c in (COLLECTOR, LITHIUM, LITHIUM, ELECTROLYTE)]
    np.testing.assert_allclose(section.colours(np.array([x / UM]), places)[0], expected, atol=0.05)
    assert not np.allclose(Section.read(run, 1).colours(np.array([x / UM]), places)[0], expected, atol=0.05)


def test_sections_have_one_range_with_all_of_the_gap_in_it(run):
    sections = [Section.read(run, n) for n in snapshots(run)]
    low, high = window(run, sections)
    assert low < -1e6 * run.field("gap", 2).max() and high > 0.5
    narrow, _ = window(run, sections[:1])
    assert low < narrow < -0.1  # a thin gap alone is drawn larger


@pytest.mark.parametrize("at", [[], [0.0]])
def test_stretches_of_one_direction_have_their_mean_current(tmp_path, at):
    run = Run(synthetic.deposit_run(tmp_path))
    current = run.curves["current_density"]
    rest = (run.curves["time"] > 600) & (run.curves["time"] <= 900)
    current[rest] = at or current[rest]
    plating = [(0.0, 600.0, 10.0), (600.0, 900.0, 0.0), (900.0, 2400.0, 10.0)] if at else [(0.0, 2400.0, 10.0)]
    np.testing.assert_allclose(spans(run), [*plating, (2400.0, 3600.0, -20.0)])


def test_a_moment_far_outside_does_not_squeeze_the_voltage():
    time = np.linspace(1.0, 1000.0, 1000)
    values = np.where(time < 500, 10.0, -10.0)
    low, high = deposit_plots.voltage_range(time, np.where(time < 999, values, -300.0))
    assert -20.0 < low < -10.0 and 10.0 < high < 20.0
    assert deposit_plots.voltage_range(time, np.where(time < 900, values, -300.0))[0] < -300.0  # it lasts
    assert deposit_plots.voltage_range(time, np.where(time < 999, values, -30.0))[0] < -30.0  # it is not far


def test_the_picture_has_curves_and_sections_with_units(run, monkeypatch):
    figures = []
    monkeypatch.setattr(deposit_plots, "write_picture", lambda figure, path: figures.append(figure) or path)
    assert plot_deposit(run.directory) == run.directory / "deposit.png"
    (figure,) = figures
    title = figure._suptitle.get_text()
    assert title.startswith("made up   |   voltage limit 0.2 V")
    assert ("section at y = 3" in title) == ("y" in run.axes)
    curves, row, _ = figure.subfigs
    voltage, deposit, covered = curves.axes
    assert [a.get_ylabel() for a in curves.axes] == ["voltage / mV", "Li thickness / µm", "covered / %"]
    assert deposit.get_xlabel() == "time / min"
    line = voltage.lines[1]
    np.testing.assert_allclose(line.get_xdata(), run.curves["time"] / 60)
    np.testing.assert_allclose(line.get_ydata(), run.curves["voltage"] * 1e3)
    np.testing.assert_allclose(deposit.lines[0].get_ydata(), run.curves["lithium_thickness"] * 1e6)
    np.testing.assert_allclose(covered.lines[0].get_ydata(), 40.0)
    assert [t.get_text() for t in voltage.texts] == ["+1 mA/cm$^2$", "−2 mA/cm$^2$", "a", "b", "c", "d"]  # noqa: RUF001
    assert [axes.get_title() for axes in row.axes] == [
        "a   t = 0 min",
        "b   t = 20 min",
        "c   t = 40 min",
        "d   t = 60 min",
    ]
    assert {axes.get_xlabel() for axes in row.axes} == {"x / µm"} and len({a.get_ylim() for a in row.axes}) == 1
    assert row.axes[0].get_ylabel().startswith("z / µm (contact at 0)")


# -- thickness.csv -------------------------------------------------------------------------------------------


def test_the_table_has_the_fields_of_every_snapshot(run):
    path = write_thickness(run.directory)
    assert path == run.directory / "thickness.csv" and not (run.directory / "thickness.csv.part").exists()
    with path.open() as stream:
        header, *rows = csv.reader(stream)
    lateral = list(run.axes)[:-1]
    assert header == ["time [s]", *(f"{axis} [m]" for axis in lateral), "gap [m]", "lithium_thickness [m]"]
    shape = [len(run.axes[axis]) for axis in lateral]
    table = np.array(rows, dtype=float).reshape(len(run.times), *shape, len(header))
    for n, time in enumerate(run.times):
        places = np.meshgrid(*(run.axes[axis] for axis in lateral), indexing="ij")
        fields = [run.field(name, n)[..., 0] for name in ("gap", "lithium_thickness")]
        np.testing.assert_array_equal(table[n], np.stack([np.full(shape, time), *places, *fields], axis=-1))
    assert np.ptp(table[..., -1], axis=0).max() > 1e-6  # the snapshots are not the same


# -- the commands --------------------------------------------------------------------------------------------


def plot(directory):
    return CliRunner().invoke(app, ["plot", str(directory)])


def test_the_command_writes_picture_and_table_and_they_go_when_the_directory_is_cleared(tmp_path):
    synthetic.deposit_run(tmp_path)
    made = ["curves.png", "deposit.png", "thickness.csv"]
    assert plot(tmp_path).stdout.split() == [str(tmp_path / name) for name in made]
    assert imread(tmp_path / "deposit.png")[..., :3].std() > 0.05
    files.clear(tmp_path)
    assert not any((tmp_path / name).exists() for name in made)


def test_what_was_not_written_is_said(tmp_path):
    """Each of the two is made of the fields that it needs."""
    synthetic.deposit_run(tmp_path / "a", left_out=["lithium"])
    done = plot(tmp_path / "a")
    assert "no picture of the deposit: lithium not in the output" in done.output
    assert not (tmp_path / "a/deposit.png").exists() and (tmp_path / "a/thickness.csv").exists()
    synthetic.deposit_run(tmp_path / "b", left_out=["lithium_thickness", "gap"])
    done = plot(tmp_path / "b")
    assert "no picture of the deposit: gap not in the output" in done.output
    assert "no table of the thickness: gap, lithium_thickness not in the output" in done.output
    assert done.exit_code == 0 and (tmp_path / "b/curves.png").exists()


def test_a_run_says_where_they_are(tmp_path, capsys):
    synthetic.deposit_run(tmp_path)
    _draw(tmp_path, Voice.NORMAL)
    assert capsys.readouterr().err.splitlines() == [
        f"curves and contact: {tmp_path}/curves.png",
        f"deposit: {tmp_path}/deposit.png",
        f"thickness of the deposit: {tmp_path}/thickness.csv",
    ]
    _draw(tmp_path, Voice.QUIET)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(("make", "dim"), [(synthetic.strip_run, 2), (synthetic.deposit_run, 1)])
def test_nothing_is_written_without_a_collector_or_in_1d(tmp_path, make, dim):
    run = Run(make(tmp_path, dim))
    assert not shows_deposit(run)
    done = plot(tmp_path)
    assert done.stdout.split() == [str(tmp_path / "curves.png")] and "deposit" not in done.stderr
    assert not list(tmp_path.glob("deposit*")) and not list(tmp_path.glob("thickness*"))
    why = r"the case has no \[collector\]" if dim == 2 else "a 1-D run has no cross-section"
    for function in (plot_deposit, write_thickness):
        with pytest.raises(ResultsError, match=f"no .*: {why}"):
            function(tmp_path)


def test_a_run_that_has_begun_and_has_one_snapshot_is_drawn(tmp_path):
    synthetic.deposit_run(tmp_path)
    for later in sorted((tmp_path / "fields").glob("*.vtkhdf"))[1:]:
        later.unlink()
    assert list(Run(tmp_path).times) == [0.0]
    assert imread(plot_deposit(tmp_path)).std() > 0.05
