"""Half-cycles and cycles of runs with a made-up cell, a resistor, whose numbers are known exactly."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import solver
from postprocess import cycle_table
from solver.__main__ import app
from solver.case.io import case_from_dict
from solver.case.segments import Segment
from solver.loop.cathode import FULL
from solver.loop.cycles import COLUMNS, LOSSES, NAME, UNITS, cycle_rows, losses, plateau_and_dip
from solver.loop.interrupts import Request
from solver.output import checkpoint
from solver.output.log import LogTable
from solver.output.recorder import FileRecorder
from tests.mpi import rank_results
from tests.parallel.test_restart import stopped_run
from tests.synthetic import strip_run
from tests.unit.test_ramp import PLANAR
from tests.unit.test_simulation import RESISTANCE, Run, plate, strip


def rest(duration: float = 5.0) -> Segment:
    return Segment(kind="rest", label="rest", current_density=0.0, duration=duration)


def profile(times: tuple[float, ...], currents: tuple[float, ...]) -> Segment:
    return Segment(kind="profile", label="profile", times=times, currents=currents)


def finished(*segments: Segment, **stepper: float) -> Run:
    run = Run(*segments, **stepper).begin()
    run.finish()
    return run


def rows(run: Run) -> list[dict[str, Any]]:
    """Of a run that has come to its end."""
    return run.progress.half_cycle_rows(run.ending.kind)


def column(run: Run, name: str) -> list[Any]:
    return [row[name] for row in rows(run)]


def test_rests_are_in_no_half_cycle_and_segments_of_one_direction_are_one():
    run = finished(rest(), plate(4.0), rest(), plate(None, capacity=60.0), rest(), strip(8.0), rest())
    first, second = rows(run)
    assert first == {
        "half_cycle": 1,
        "cycle": 1,
        "direction": "plate",
        "start_time": 5.0,
        "end_time": pytest.approx(20.0),
        "duration": pytest.approx(10.0),
        "charge": pytest.approx(100.0),
        "capacity": pytest.approx(100.0),
        "mean_voltage": pytest.approx(10.0 * RESISTANCE),
        "end_voltage": pytest.approx(10.0 * RESISTANCE),
        "largest_voltage": pytest.approx(10.0 * RESISTANCE),
        "plateau_voltage": pytest.approx(10.0 * RESISTANCE),
        "dip": 0.0,
        "nucleus_spacing": None,
        "covering_thickness": None,
        "contact_fraction": 1.0,
        "lithium_thickness": 0.0,
        "thickness_spread": 0.0,
        "dead_lithium": 0.0,
        "lithium_in_gaps": 0.0,
        "nucleated_share": 0.0,
        "nucleated_lithium": 0.0,
        "lithium_beneath": 0.0,
        "collector_coverage": 0.0,
        "host_height": 0.0,
        "host_in_lithium": 0.0,
        "first_segment": 1,
        "last_segment": 3,
        "end": "capacity",
        "coulombic_efficiency": None,
        "capacity_retention": None,
        **dict.fromkeys(LOSSES),
    }
    assert (second["direction"], second["end"], second["first_segment"]) == ("strip", "duration", 5)
    assert (second["start_time"], second["capacity"]) == (pytest.approx(25.0), pytest.approx(20.0))
    assert second["mean_voltage"] == pytest.approx(-10.0 * RESISTANCE)
    assert second["coulombic_efficiency"] == pytest.approx(0.8)


def test_a_profile_of_known_charge():
    """Triangles up and down with a pause: the directions are those of the current, in one segment."""
    times, currents = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0), (0.0, 8.0, 0.0, 0.0, -6.0, 0.0, 2.0)
    run = finished(profile(times, currents), plate(1.0))
    assert column(run, "charge") == pytest.approx([8.0, -6.0, 1.0 + 10.0])
    assert column(run, "start_time") == pytest.approx([0.0, 3.0, 5.0])
    assert column(run, "end_time") == pytest.approx([2.0, 5.0, 7.0])
    assert column(run, "end") == ["reversal", "reversal", "duration"]
    assert column(run, "last_segment") == [0, 0, 1]
    assert column(run, "coulombic_efficiency") == [None, pytest.approx(0.75), None]
    plated = [call for call in run.model.calls if call.time < 2.0 * (1 - 1e-9)]
    work = sum(RESISTANCE * call.j**2 * call.dt for call in plated)
    assert rows(run)[0]["mean_voltage"] == pytest.approx(work / 8.0)
    assert work / 8.0 == pytest.approx(RESISTANCE * 8.0 * 2 / 3, rel=0.1)  # of a triangle: 2/3 of the peak


def test_the_charges_of_half_cycles_are_all_that_has_passed():
    """Also where the current changes its direction within steps."""
    run = finished(profile((0.0, 3.0, 9.0, 10.0), (1.0, 9.0, -7.0, 5.0)), largest=0.37)
    assert [np.sign(charge) for charge in column(run, "charge")] == [1, -1, 1]
    assert sum(column(run, "charge")) == pytest.approx(run.progress.charge)
    assert column(run, "charge") == pytest.approx([15.0 + 81 / 16 * 3, -49 / 16 * 3 - 49 / 24, 25 / 24], abs=0.2)


def test_constant_current_and_its_hold_are_one_half_cycle():
    hold = Segment(kind="cc-cv", label="cc-cv", current_density=10.0, voltage=0.1, cutoff_current_density=2.0)
    run = Run(hold, profile((0.0, 1.0), (-1.0, -1.0))).begin()
    run.model.resistance = lambda time: RESISTANCE * (1 + time)
    run.finish()
    assert column(run, "end") == ["current", "profile"]
    first = rows(run)[0]
    assert first["charge"] == pytest.approx(run.progress.charge + 1.0)
    assert 0.01 < first["mean_voltage"] < first["end_voltage"] == pytest.approx(0.1)


def test_what_rounding_leaves_of_no_current_at_a_held_voltage_is_no_half_cycle():
    """A held voltage whose current falls to nothing and then changes its sign again and again; a true one counts."""

    def held(smallest: float) -> Run:
        run = Run(Segment(kind="potentiostatic", label="hold", voltage=0.05, duration=30.0)).begin()
        signs = iter([1.0, -1.0] * 10000)
        run.model.resistance = lambda time: RESISTANCE if time < 10.0 else next(signs) * 0.05 / smallest
        run.finish()
        return run

    assert column(held(1e-10 * 50.0), "direction") == ["plate"]
    assert len(rows(held(1e-8 * 50.0))) > 5


@pytest.mark.parametrize(
    ("segments", "numbers", "efficiency"),
    [
        ([plate(10.0), strip(9.0), plate(10.0), strip(5.0), rest(), strip(4.5)], [1, 1, 2, 2], [0.9, 0.95]),
        ([strip(4.0), plate(2.0), strip(3.0), plate(1.0)], [0, 1, 1, 2], [1.5, None]),  # the first is of no deposit
        ([strip(4.0), rest(), strip(4.0)], [0], []),
        ([rest()], [], []),
    ],
)
def test_a_cycle_is_a_plating_half_cycle_and_the_stripping_after_it(segments, numbers, efficiency):
    run = finished(*segments)
    assert column(run, "cycle") == numbers
    found = cycle_rows(rows(run))
    assert [row["coulombic_efficiency"] for row in found] == [e and pytest.approx(e) for e in efficiency]
    assert [row["cycle"] for row in found] == list(range(1, len(found) + 1))
    if efficiency == [1.5, None]:
        assert found[0] == {
            "cycle": 1, "plated": 20.0, "stripped": 30.0, "coulombic_efficiency": pytest.approx(1.5),
            "capacity_retention": 1.0, **dict.fromkeys(LOSSES), "left_loss": pytest.approx(-0.5),
            "seed_loss": 0.0, "interphase_loss": 0.0,
        }  # fmt: skip
        assert found[1] == {
            "cycle": 2, "plated": 10.0, "stripped": None, "coulombic_efficiency": None, "capacity_retention": None,
            **dict.fromkeys(LOSSES),
        }  # fmt: skip


def test_the_capacity_that_is_retained_goes_by_the_first_cycle():
    """Also where stripping comes first, which is no cycle; not of a stripping that may go on."""
    found = cycle_rows(rows(finished(strip(3.0), plate(10.0), strip(8.0), plate(9.0), strip(6.0), plate(9.0))))
    assert [row["capacity_retention"] for row in found] == [1.0, pytest.approx(0.75), None]
    stopped = Run(plate(2.0), strip(2.0), plate(2.0), strip(50.0), first=1.0, largest=1.0).begin()
    stopped.finish(*[Request.NONE] * 6, Request.STOP)
    assert [row["capacity_retention"] for row in cycle_rows(rows(stopped))] == [1.0, None]


def test_what_was_plated_and_not_stripped_is_somewhere():
    """In the second cycle counts what was taken since the first; the rest is the cathode's where it is full."""
    run = Run(plate(10.0), strip(9.0), plate(10.0), strip(9.5)).begin()
    run.model.measures = lambda time: {"seed_lithium": 4.0 if time < 19.0 else 3.5}
    run.finish()
    first, second = cycle_rows(rows(run))
    assert (first["seed_loss"], first["left_loss"]) == (pytest.approx(0.04), pytest.approx(0.06))
    assert (second["seed_loss"], second["left_loss"]) == (pytest.approx(-0.005), pytest.approx(0.055))
    assert first["filament_loss"] is None and first["cathode_loss"] is None
    full = losses(100.0, 0.9, {"dead_loss": 7.0}, {"dead_loss": 3.0}, FULL.kind)
    assert (full["dead_loss"], full["cathode_loss"], full["left_loss"]) == (0.04, pytest.approx(0.06), None)


def swinging(*segments: Segment, nucleation: float = 0.05, end: float = 0.15) -> Run:
    """10 mV, more in the first second of plating, and at the end of stripping, from 18 s on."""
    run = Run(*segments, largest=0.5).begin()
    high = {True: nucleation, False: 0.01}

    def resistance(time: float) -> float:
        return end / 10.0 if time >= 18.0 else high[time < 1.0] / 10.0

    run.model.resistance = resistance
    run.finish()
    return run


def test_a_hold_after_plating_is_no_dip():
    """10 mV at 10 A/m^2, then 5 mV are held, with half of the current."""
    held = Segment(kind="potentiostatic", label="hold", voltage=0.005, duration=10.0)
    plating = rows(swinging(plate(10.0), held, nucleation=0.01))[0]
    assert plating["charge"] > 100.0 and plating["end_voltage"] == pytest.approx(0.005)
    assert plating["plateau_voltage"] == pytest.approx(0.01) and plating["dip"] == 0.0


def test_the_dip_of_plating_and_the_plateaus_of_both():
    plating, stripping = rows(swinging(plate(10.0), strip(9.0)))
    assert plating["largest_voltage"] == pytest.approx(0.05) and plating["plateau_voltage"] == pytest.approx(0.01)
    assert plating["dip"] == pytest.approx(0.04) and plating["end_voltage"] == pytest.approx(0.01)
    assert stripping["largest_voltage"] == stripping["end_voltage"] == pytest.approx(-0.15)
    assert stripping["plateau_voltage"] == pytest.approx(-0.01) and stripping["dip"] is None
    flat = rows(swinging(plate(10.0), nucleation=0.01))
    assert flat[0]["dip"] == 0.0
    rises = rows(swinging(plate(20.0), nucleation=0.01))  # at its end, which is no dip
    assert rises[0]["dip"] == pytest.approx(0.0) and rises[0]["largest_voltage"] == pytest.approx(0.15)


def test_a_plateau_is_a_median_over_charge():
    """3 C/m2 at 1 V; then 1, 1, 3 at 3, 1, 2 V, of which the second half of 8 has 1 of the middle one and 3 at 2 V."""
    assert plateau_and_dip([[3.0, 1.0], [1.0, 3.0], [1.0, 1.0], [3.0, 2.0]]) == (2.0, 2.0)
    assert plateau_and_dip([[3.0, 1.0], [1.0, 3.0], [3.0, 1.0], [1.0, 2.0]]) == (1.0, 2.0)
    assert plateau_and_dip([[3.0, 1.0], [1.0, 1.0], [1.0, 1.0], [3.0, 2.0]]) == (2.0, 0.0)
    assert plateau_and_dip([[2.0, 0.5]]) == (0.5, 0.0)
    assert plateau_and_dip([[1.0, -5.0], [1.0, 3.0], [1.0, 1.0], [5.0, 4.0]]) == (4.0, 2.0)  # what rises later is none


def test_a_half_cycle_keeps_its_curve_only_while_it_may_go_on():
    run = swinging(plate(10.0), strip(5.0))
    first, last = run.progress.half_cycles
    assert first.curve == [] and len(last.curve) > 3
    assert first.plateau() == pytest.approx((0.01, 0.04))


def test_nuclei_by_their_spacing_and_the_li_with_which_they_cover_the_contact():
    """1e14 per m2 at most, and 3 nm when 91 % are covered; nothing of a stripping or where none is born."""
    run = Run(plate(4.0), strip(2.0), fixed=1.0).begin()
    born = [(5e13, 0.5, 1e-9), (1e14, 0.91, 3e-9), (9e13, 0.99, 5e-9), (8e13, 0.995, 6e-9), (1e14, 0.9, 1e-9)]

    def measures(time: float) -> dict[str, float]:
        names = ("nucleus_density", "nucleated_share", "nucleated_lithium")
        return dict(zip(names, born[min(round(time), 4)], strict=True))

    run.model.measures = measures
    run.finish()
    plating, stripping = rows(run)
    assert (plating["nucleus_spacing"], plating["covering_thickness"]) == (pytest.approx(1e-7), 3e-9)
    assert stripping["nucleus_spacing"] is stripping["covering_thickness"] is None
    assert (plating["nucleated_share"], plating["nucleated_lithium"]) == (0.995, 6e-9), "at the end of it"
    assert rows(swinging(plate(10.0)))[0]["nucleus_spacing"] is None
    run = Run(plate(1.0), fixed=1.0).begin()
    run.model.measures = measures
    run.finish()
    assert rows(run)[0]["covering_thickness"] is None, "half of it is not covered"


def test_a_half_cycle_ends_with_what_the_log_has():
    """Of the last step in which charge passed; what the log does not have stays empty."""
    run = Run(plate(4.0), rest(), strip(4.0), fixed=0.5).begin()
    run.model.measures = lambda time: {"contact_fraction": 1 - time / 100, "dead_lithium": 1e-9 * time}
    run.model.columns = tuple(column for column in run.model.columns if "thickness" not in column.name)
    made = run.model.step
    run.model.step = lambda state, step: without_thickness(made(state, step))
    run.finish()
    first, second = rows(run)
    assert first["contact_fraction"] == pytest.approx(0.965) and first["dead_lithium"] == pytest.approx(3.5e-9)
    assert second["contact_fraction"] == pytest.approx(0.875)
    assert first["lithium_thickness"] is first["thickness_spread"] is None


def without_thickness(result: Any) -> Any:
    result.measured = {name: value for name, value in result.measured.items() if "thickness" not in name}
    return result


def test_a_cutoff_ends_a_half_cycle_also_where_the_contact_was_lost_before():
    """The limit of the cell is held, and nothing passes; plating after it, and a run that ends with it."""
    lost = {"voltage": -0.2, "charge": 0.0, "current_density": 0.0, "transferred_charge": 0.0}

    def ends(**limits: float) -> list[Any]:
        run = Run(plate(2.0), strip(20.0, **limits), rest(1.0), plate(2.0), first=0.5, largest=0.5).begin()
        run.model.measures = lambda time: lost if run.progress.segment == 1 and time > 6.0 else {}
        run.finish()
        return column(run, "end")

    assert ends(cutoff_voltage=-0.15) == ["duration", "voltage", "duration"]
    assert ends() == ["duration", "voltage limit"]


def test_stripping_that_is_not_known_to_be_over_has_no_efficiency():
    def stopped(**measures: float) -> list[Any]:
        run = Run(plate(5.0), strip(20.0)).begin()
        run.model.measures = lambda time: measures if time > 8.0 else {}
        run.finish()
        return [rows(run)[-1][name] is None if name != "end" else rows(run)[-1][name] for name in wanted]

    wanted = ("end", "coulombic_efficiency")
    assert stopped(voltage=-0.3) == ["voltage limit", False]
    assert stopped(short_circuit=1.0) == ["short circuit", True]
    interrupted = Run(plate(1.0), strip(20.0), first=1.0, largest=1.0).begin()
    interrupted.finish(Request.NONE, Request.NONE, Request.STOP)
    assert column(interrupted, "end") == ["duration", "interrupted"]
    assert column(interrupted, "coulombic_efficiency") == [None, None]


def test_rows_are_written_when_a_half_cycle_is_over():
    run = finished(plate(1.0), rest(), plate(1.0), strip(1.0), plate(1.0))
    assert [[row["end_time"] for row in table] for table in run.recorder.tables] == [
        [pytest.approx(7.0)],
        [pytest.approx(7.0), pytest.approx(8.0)],
    ]
    assert len(rows(run)) == 3 and len(run.progress.half_cycle_rows()) == 2


@pytest.mark.parametrize("steps", range(1, 34, 3))
def test_a_continued_run_has_the_same_half_cycles(steps):
    segments = (plate(1.5), rest(0.5), plate(1.0), profile((0.0, 1.0, 2.0, 3.0), (-3.0, -3.0, 1.0, 4.0)), strip(1.0))
    whole = finished(*segments, largest=0.3)
    part = Run(*segments, largest=0.3).begin()
    part.finish(*[Request.NONE] * (steps - 1), Request.STOP)
    as_text = json.dumps(part.recorder.checkpoints, default=np.ndarray.tolist)
    part.recorder.checkpoints = json.loads(as_text)
    again = Run(*segments, largest=0.3).resume(part)
    again.finish()
    assert part.progress.step < whole.progress.step and rows(again) == rows(whole)


def test_a_segment_that_goes_on_after_all_is_the_same_half_cycle():
    """A protocol was done and its last segment has been made longer since: what ended it is no longer the end."""
    part = finished(plate(2.0))
    assert column(part, "end") == ["duration"]
    longer = Run(plate(4.0), strip(1.0)).resume(part)
    longer.finish()
    assert column(longer, "charge") == pytest.approx([40.0, -10.0])
    assert column(longer, "end_time") == pytest.approx([4.0, 5.0])


# -- files -------------------------------------------------------------------------------------------------

CYCLES = PLANAR | {
    "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [
        {"kind": "galvanostatic", "direction": "plate", "duration": "4 s"},
        {"kind": "rest", "duration": "2 s"},
        {"kind": "galvanostatic", "direction": "strip", "capacity": "30 C/m^2"},
        {"kind": "galvanostatic", "direction": "plate", "duration": "1 s"},
    ],
    "time": {"fixed_step": "0.5 s"},
}


def run_cycles(directory: str, restart: str | None = None) -> dict[str, Any]:
    result = solver.run(case_from_dict(CYCLES), directory, restart=restart)
    return {"half_cycles": result.half_cycles, "cycles": result.cycles}


def test_a_run_writes_its_cycles(tmp_path):
    """As a table, in the summary, and in Result; a reader sees whole tables only, those that are over."""
    found = run_cycles(str(tmp_path))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {name: summary[name] for name in found} == found
    assert found["cycles"][0] == {
        "cycle": 1,
        "plated": pytest.approx(40.0),
        "stripped": pytest.approx(30.0),
        "coulombic_efficiency": pytest.approx(0.75),
        "capacity_retention": 1.0,
        **dict.fromkeys(LOSSES),
        "dead_loss": 0.0,
        "left_loss": pytest.approx(0.25),
    }
    assert summary["units"] == UNITS
    assert UNITS["mean_voltage"] == "V" and UNITS["plated"] == "C/m^2" and "direction" not in UNITS
    with (tmp_path / NAME).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["end"] for row in table] == ["duration", "capacity", "duration"]
    assert [row["coulombic_efficiency [1]"] != "" for row in table] == [False, True, False]
    assert [float(row["charge [C/m^2]"]) for row in table] == [row["charge"] for row in found["half_cycles"]]
    log = list(csv.DictReader((tmp_path / "log.csv").open(newline="")))
    voltage, capacity = (np.array([float(row[name]) for row in log]) for name in ("voltage [V]", "capacity [C/m^2]"))
    work = np.sum((voltage * np.diff(capacity, prepend=0.0))[np.array([float(row["time [s]"]) for row in log]) < 4.1])
    assert float(table[0]["mean_voltage [V]"]) == pytest.approx(work / 40.0)
    assert table[-1]["capacity [C/m^2]"] == log[-1]["capacity [C/m^2]"]
    assert table[-1]["end_voltage [V]"] == log[-1]["voltage [V]"]


def test_info_shows_the_last_half_cycles(tmp_path, monkeypatch):
    """As far as the run has come; of many the last ones; a damaged table is told, and no error."""
    path = stored_run(tmp_path, 3)
    lines = info(path).stdout.splitlines()
    begins = next(n for n, line in enumerate(lines) if line.startswith("cycle "))
    assert "coulombic_efficiency [1]" in lines[begins] and "capacity" not in lines[begins]
    assert [line.split()[:2] for line in lines[begins + 1 :]] == [["1", "plate"], ["1", "strip"], ["2", "plate"]]
    assert lines[begins + 2].split()[-1] == "0.75"
    monkeypatch.setattr(cycle_table, "SHOWN", 1)
    assert info(path).stdout.endswith("and 2 half-cycles before: cycles.csv\n")
    (path / NAME).write_text("a,b\n1\n")
    done = info(path)
    assert done.exit_code == 0 and done.stderr == f"{path / NAME}: line 2 does not have the 2 columns of the heading\n"
    (path / NAME).unlink()
    assert "direction" not in info(path).stdout


def stored_run(directory: Path, number: int) -> Path:
    """A made-up run with the table of so many half-cycles."""
    path = strip_run(directory / "run", 1)
    run = finished(*[plate(4.0), strip(3.0)] * number).progress
    table = run.half_cycle_rows()[:number]
    full = [{key: "" if value is None else value for key, value in row.items()} for row in table]
    LogTable(path / NAME, COLUMNS, full).close()
    return path


def info(path: Path) -> Any:
    return CliRunner().invoke(app, ["info", str(path)])


@pytest.mark.parametrize(("steps", "numbers"), [(3, [0, 1, 2, 3]), (10, [0, 1, 2, 3]), (15, [1, 2, 3])])
def test_a_continued_run_writes_the_identical_table(tmp_path, monkeypatch, steps, numbers):
    """Stopped in plating, at rest, in stripping; what a killed run has written past its checkpoint goes first."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    run_cycles(str(whole))
    stopped_run(CYCLES, part, steps)
    (part / NAME).write_text("rows of steps that are lost\n")
    written, write = [], FileRecorder.table

    def note(self: FileRecorder, name: str, columns: Any, rows: Any) -> None:
        write(self, name, columns, rows)
        written.append(len((part / NAME).read_text().splitlines()) - 1)

    monkeypatch.setattr(FileRecorder, "table", note)
    run_cycles(str(part), "latest")
    assert written == numbers
    assert (part / NAME).read_bytes() == (whole / NAME).read_bytes()


def test_several_ranks_write_one_table(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    expected = run_cycles(str(one))["half_cycles"]
    found = rank_results(2, run_cycles, str(two))["half_cycles"]
    for row, wanted in zip(found, expected, strict=True):
        dip = wanted["dip"] and pytest.approx(wanted["dip"], abs=1e-6 * abs(wanted["mean_voltage"]))  # a difference
        near = {k: pytest.approx(v, rel=1e-6) if isinstance(v, float) else v for k, v in wanted.items()}
        assert row == near | {"dip": dip}
    lines = [(path / NAME).read_text().splitlines() for path in (one, two)]
    assert lines[0][0] == lines[1][0] and len(lines[0]) == len(lines[1]) == 4
    assert not list(Path(two).glob("*.part"))


@pytest.mark.parametrize(("key", "value"), [("charge", 0.0), ("work", "much"), ("colour", 1.0)])
def test_half_cycles_that_no_run_has_written_are_refused_before_anything_is_replaced(tmp_path, monkeypatch, key, value):
    stopped_run(CYCLES, tmp_path, 3)
    before = (tmp_path / NAME).read_bytes()
    read = checkpoint.read

    def made_up(*arguments: Any) -> checkpoint.Checkpoint:
        saved = read(*arguments)
        saved.scalars["half_cycles"][0][key] = value
        return saved

    monkeypatch.setattr(checkpoint, "read", made_up)
    with pytest.raises(checkpoint.CheckpointError, match="no run can have written this checkpoint"):
        run_cycles(str(tmp_path), "latest")
    assert (tmp_path / NAME).read_bytes() == before and (tmp_path / "summary.json").exists()
