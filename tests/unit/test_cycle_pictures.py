"""The picture of cycles, of tables with known numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from typer.testing import CliRunner

from postprocess import ResultsError, Run
from postprocess.cycle_plots import (
    Cycles,
    draw_capacity,
    draw_cell_voltage,
    draw_efficiency,
    draw_potential,
    plot_cycles,
    shows_cycles,
)
from solver.__main__ import _draw, app
from solver.loop.cycles import COLUMNS
from solver.voice import Voice
from tests import synthetic


def run_with(directory: Path, *half_cycles: dict[str, float]) -> Run:
    """A made-up run whose cycles.csv has these half-cycles, of 900 s each."""
    path = synthetic.strip_run(directory)
    with (path / "cycles.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS, restval="")
        table.writeheader()
        for n, values in enumerate(half_cycles):
            times = {"start_time [s]": 900.0 * n, "end_time [s]": 900.0 * (n + 1)}
            table.writerow(times | values)
    return Run(path)


def plated(cycle: int, charge: float) -> dict[str, float]:
    return {"cycle": cycle, "charge [C/m^2]": charge}


def stripped(cycle: int, charge: float, efficiency: float, **losses: float) -> dict[str, float]:
    named = {f"{name} [1]": value for name, value in losses.items()}
    return {"cycle": cycle, "charge [C/m^2]": -charge, "coulombic_efficiency [1]": efficiency} | named


@pytest.fixture
def run(tmp_path) -> Run:
    """Two cycles, and one that goes on."""
    return run_with(
        tmp_path,
        plated(1, 100.0),
        stripped(1, 80.0, 0.8, interphase_loss=0.15, left_loss=0.05),
        plated(2, 100.0),
        stripped(2, 95.0, 0.95, interphase_loss=0.06, left_loss=-0.01),
        plated(3, 50.0),
    )


def test_cycles_are_those_that_are_complete(run):
    cycles = Cycles.read(run)
    assert list(cycles.numbers) == [1, 2] and list(cycles.stripped) == [80.0, 95.0]
    assert list(cycles.losses["interphase_loss"]) == [0.15, 0.06] and np.isnan(cycles.losses["seed_loss"]).all()
    assert shows_cycles(run)


def test_what_is_stripped_first_is_no_cycle(tmp_path):
    run = run_with(tmp_path, stripped(0, 40.0, np.nan), plated(1, 40.0))
    assert not shows_cycles(run)


def test_losses_stand_on_the_efficiency(run):
    """A loss that is below 0 has no bar, and one that nobody has no name."""
    axes = Figure().subplots()
    draw_efficiency(axes, Cycles.read(run))
    first, second, third, fourth = axes.patches
    assert (first.get_y(), first.get_height()) == pytest.approx((80.0, 15.0))
    assert (third.get_y(), third.get_height()) == pytest.approx((95.0, 5.0))
    assert (second.get_height(), fourth.get_height()) == pytest.approx((6.0, 0.0))
    names = {text.get_text() for text in axes.get_legend().get_texts()}
    assert names == {"interphase", "left by the cutoff", "coulombic efficiency"}


def test_each_half_cycle_has_its_curve_from_the_start(run):
    """The last one ends beyond the log."""
    axes = Figure().subplots()
    draw_potential(axes, run)
    *curves, zero = axes.lines
    assert len(curves) == 4 and zero.get_ydata()[0] == 0.0
    assert all(0 <= min(line.get_xdata()) < 0.3 * max(line.get_xdata()) for line in curves)
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"cycle 1"}


@pytest.mark.parametrize(("tail", "top"), [(1.4, 75.0), (0.06, 66.5)])
def test_the_way_to_a_cutoff_does_not_dwarf_the_potential(run, tail, top):
    """50 mV to plate, 30 to strip, and then a cutoff in the last of 2000 parts of the charge: 75 mV, or all of less."""
    path = run.directory / "log.csv"
    heading, *rows = csv.reader(path.read_text().splitlines())
    time, voltage, charge = (heading.index(name) for name in ("time [s]", "voltage [V]", "capacity [C/m^2]"))
    for row in rows:
        row[voltage] = "-0.03" if 900 < float(row[time]) <= 1800 else "0.05"
        row[charge] = row[time]
        if float(row[time]) == 1800:
            row[voltage], row[charge] = str(-tail), str(1740.5)
    path.write_text("\n".join(",".join(row) for row in [heading, *rows]))
    axes = Figure().subplots()
    draw_potential(axes, Run(run.directory))
    assert axes.get_ylim() == pytest.approx((-75.0, top), rel=0.02)


def test_a_full_cell_has_its_voltage_over_the_charge(run):
    axes = Figure().subplots()
    table = csv.reader((run.directory / "log.csv").read_text().splitlines())
    heading, *rows = table
    with (run.directory / "log.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([[*heading, "cell_voltage [V]"], *([*row, "3.9"] for row in rows)])
    full = Run(run.directory)
    draw_cell_voltage(axes, full)
    assert len(axes.lines) == 4 and set(axes.lines[0].get_ydata()) == {3.9}
    assert axes.get_ylabel() == "voltage of the full cell / V"
    assert imread(plot_cycles(full.directory)).shape[1] > 1700


def test_what_is_kept_of_the_first_cycle_stands_beside_the_charges(tmp_path):
    first, second = stripped(1, 80.0, 0.8), stripped(2, 60.0, 0.9)
    first["capacity_retention [1]"], second["capacity_retention [1]"] = 1.0, 0.75
    axes = Figure().subplots()
    draw_capacity(axes, Cycles.read(run_with(tmp_path, plated(1, 100.0), first, plated(2, 70.0), second)))
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["plated", "stripped, at last 75 % of cycle 1"]


def test_the_command_draws_cycles_where_there_are_some(run):
    done = CliRunner().invoke(app, ["plot", str(run.directory)])
    assert done.exit_code == 0 and str(run.directory / "cycles.png") in done.stdout.replace("\n", "")
    assert imread(run.directory / "cycles.png").std() > 0.05


def test_a_run_says_where_it_is(run, capsys):
    _draw(run.directory, Voice.NORMAL)
    assert f"cycles: {run.directory / 'cycles.png'}" in capsys.readouterr().err.splitlines()


def test_a_table_without_charges_is_said(tmp_path):
    run = run_with(tmp_path, plated(1, 100.0))
    path = run.directory / "cycles.csv"
    path.write_text(path.read_text().replace("charge [C/m^2]", "gharce [C/m^2]"))
    with pytest.raises(ResultsError, match=r"cycles.csv: no column charge"):
        plot_cycles(run.directory)
    done = CliRunner().invoke(app, ["plot", str(run.directory)])
    assert done.exit_code == 0 and "no column charge" in done.stderr
