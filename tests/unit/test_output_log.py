"""The log table, the console, the summary and the provenance."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from mpi4py import MPI

from postprocess import Run
from solver.case.ending import Ending
from solver.output import files, provenance, summary
from solver.output.log import Console, LogTable, column_name, table_header, table_line
from tests import synthetic

SHORT = ("step", "time [s]", "voltage [V]", "segment")


def write_rows(path, steps, **options):
    table = LogTable(path, SHORT, **options)
    for step in steps:
        table.append({"step": step, "time": step / 3, "voltage": -0.1 * step, "segment": "strip, 1"})
    table.close()


def test_round_trip_is_exact(tmp_path):
    write_rows(tmp_path / "log.csv", range(5))
    run = Run(tmp_path)
    np.testing.assert_array_equal(run.curves["time"], np.arange(5) / 3)
    np.testing.assert_array_equal(run.curves["voltage"], -0.1 * np.arange(5))
    assert list(run.curves["segment"]) == ["strip, 1"] * 5
    assert run.units == {"step": "1", "time": "s", "voltage": "V", "segment": "1"}


def test_rows_are_on_disk_at_once(tmp_path):
    table = LogTable(tmp_path / "log.csv", SHORT)
    table.append({"step": 1, "time": 0.5, "voltage": np.float64(0.25), "segment": 0})
    assert (tmp_path / "log.csv").read_text() == "step,time [s],voltage [V],segment\n1,0.5,0.25,0\n"
    table.close()


def test_a_table_that_goes_on_has_its_rows_from_memory_and_not_from_the_file(tmp_path):
    """Whatever has become of the file: later rows, half a row, another heading, nothing."""
    path = tmp_path / "log.csv"
    rows = [{"step": step, "time": step / 3, "voltage": 0.1, "segment": "rest"} for step in (1, 2)]
    for content in (None, "", "x [min]\n1\n", "step,time [s],voltage [V],segment\n1,0,0,a\n8,2.6"):
        path.unlink(missing_ok=True) if content is None else path.write_text(content)
        write_rows(path, [3], rows=rows)
        assert list(Run(tmp_path).curves["step"]) == [1, 2, 3]
        assert list(Run(tmp_path).curves["time"]) == [1 / 3, 2 / 3, 1.0]


def test_columns_that_earlier_rows_do_not_have_stay_empty(tmp_path):
    write_rows(tmp_path / "log.csv", [2], rows=[{"step": 1, "time": 0.5}])
    assert (tmp_path / "log.csv").read_text().splitlines()[1] == "1,0.5,,"


def test_a_file_that_is_removed_or_replaced_meanwhile_is_written_again(tmp_path):
    path = tmp_path / "log.csv"
    table = LogTable(path, SHORT)
    for step in range(1, 5):
        table.append({"step": step, "time": 0.0, "voltage": 0.0, "segment": ""})
        if step == 2:
            path.unlink()
        if step == 3:
            path.unlink()
            path.write_text("something else")
    table.close()
    assert [line[0] for line in path.read_text().splitlines()] == ["s", "1", "2", "3", "4"]


def test_row_with_missing_or_unknown_names_is_refused(tmp_path):
    table = LogTable(tmp_path / "log.csv", SHORT)
    with pytest.raises(ValueError, match=r"\['segment', 'speed'\] are missing or unknown"):
        table.append({"step": 1, "time": 0.0, "voltage": 0.0, "speed": 1.0})
    table.close()


def test_table_line_has_the_units_of_its_headings():
    row = synthetic._row(7, 90.0) | {"current_density": -10.0, "voltage": -0.0123, "void_volume": 2.5e-7}
    cells = dict(zip(table_header().split(), table_line(row).split(), strict=True))
    assert cells["t/min"] == "1.500"
    assert cells["j/mA/cm2"] == "-1.000"
    assert cells["V/mV"] == "-12.300"
    assert cells["void/um"] == "0.2500"
    assert len(table_header()) == len(table_line(row)) <= 110
    assert set(row) == {column_name(c) for c in synthetic.COLUMNS}


def test_console_without_a_terminal_prints_a_line_every_few_percent():
    stream = io.StringIO()
    with Console(title="strip", stream=stream, every=0.25) as console:
        for n in range(101):
            console.update(n / 100, "V = 10 mV")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("strip [....................]   0 %")
    assert "[##########..........]  50 %" in lines[2]
    assert lines[-1].startswith("strip [####################] 100 %")
    assert lines[-1].endswith("V = 10 mV")


def test_console_on_a_terminal_draws_a_bar():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Console(title="strip", stream=stream) as console:
        console.update(0.5, "halfway")
        console.message("[a] message")
    assert "strip" in stream.getvalue()
    assert "[a] message" in stream.getvalue()


def test_console_repeats_its_headings_and_keeps_quiet_without_progress():
    stream = io.StringIO()
    quiet, console = Console(progress=False, stream=stream), Console(stream=stream)
    quiet.update(0.5)
    quiet.message("nothing")
    for n in range(Console.HEADER_EVERY + 1):
        quiet.row(synthetic._row(n, 60.0 * n))
        console.row(synthetic._row(n, 60.0 * n))
    assert stream.getvalue().splitlines().count(table_header()) == 2
    assert len(stream.getvalue().splitlines()) == Console.HEADER_EVERY + 3


def test_summary_round_trip(tmp_path):
    about = {"case": "long text", "resolved_case": "{}", "ranks": 2}
    seconds = {"charge": 1.23456, "lithium": 2.0}
    summary.write(tmp_path, MPI.COMM_WORLD, Ending("finished", "capacity reached"), 12, 3, seconds, about, time=3.5)
    (tmp_path / "log.csv").write_text("step\n")
    assert Run(tmp_path).summary == {
        "stop_reason": "capacity reached",
        "stop_kind": "finished",
        "steps": 12,
        "rejected": 3,
        "seconds": {"charge": 1.235, "lithium": 2.0},
        "time": 3.5,
        "provenance": {"ranks": 2},
    }


def test_provenance_carries_case_versions_commit_ranks_and_seeds():
    about = provenance.collect("title = 1", "{}", seeds={"noise": 7})
    assert about["case"] == "title = 1"
    assert about["resolved_case"] == "{}"
    assert about["ranks"] == 1
    assert about["seeds"] == {"noise": 7}
    assert {"lifront", "petsc", "git commit"} <= set(about["versions"])
    json.dumps(about)


def test_clear_removes_what_a_run_wrote_and_nothing_else(tmp_path):
    synthetic.strip_run(tmp_path, dim=1)
    synthetic.write_output(str(tmp_path), 1, False)
    for name in ("case.toml", "checkpoint_000001.h5.part", "notes.txt"):
        (tmp_path / name).write_text("")
    files.clear(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case.toml", "fields", "notes.txt"]
    assert not list((tmp_path / "fields").iterdir())
