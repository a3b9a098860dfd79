"""lifront impedance: what it writes, what it refuses in one line, and what it never replaces."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import solver
from postprocess import ResultsError, Run
from postprocess.impedance_plots import NAME, marked, named, plot_impedance
from solver.case.io import case_from_dict
from solver.loop.impedance import PICTURE, TABLE, Impedance, frequencies
from solver.output import checkpoint, files
from tests.unit.test_command_line import LINE, cli
from tests.unit.test_damaged_results import refused

CASE = LINE | {
    "interface": {"width": "200 nm", "double_layer_capacitance": "10 uF/cm^2"},
    "output": {"interval": "1000 s", "fields": ["lithium"], "checkpoint_interval": "1 us", "keep_checkpoints": 3},
}
SHORT = ("--to", "1 kHz", "--points-per-decade", "1", "--quiet")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("finished")
    solver.run(case_from_dict(CASE), directory)
    return directory


@pytest.fixture
def run(tmp_path, finished) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_it_writes_a_table_and_a_picture(run):
    code, out = cli("impedance", run, *SHORT)
    assert code == 0, out
    assert out.split() == [str(run / TABLE), str(run / PICTURE)]
    found, expected = Run(run).impedance, solver.impedance(run, frequency=frequencies(1e6, 1e3, 1))
    assert found["time"].tolist() == [3.0] * 4
    assert found["frequency"] == pytest.approx([1e6, 1e5, 1e4, 1e3])
    z = found["real"] + 1j * found["imaginary"]
    np.testing.assert_allclose(z, expected.impedance, rtol=1e-12)
    np.testing.assert_allclose(found["magnitude"] * np.exp(1j * found["phase"]), z, rtol=1e-12)
    assert (run / PICTURE).read_bytes().startswith(b"\x89PNG") and NAME == PICTURE
    # again, and cleared by a new run
    assert cli("impedance", run, *SHORT)[0] == 0
    assert {run / TABLE, run / PICTURE} <= set(files.written(run))


def test_the_time_chooses_the_checkpoint(run):
    """The last three steps of 0.5 s are kept: 2, 2.5 and 3 s."""
    assert sorted(checkpoint.times(run).values()) == [2.0, 2.5, 3.0]
    assert solver.impedance(run, frequency=[1e3]).time == 3.0
    assert solver.impedance(run, 2.51, [1e3]).time == 2.5
    said = refused("impedance", run, "--time", "1 s", *SHORT)
    assert "no checkpoint within 1% of 1 s; allowed: those at 2, 2.5, 3 s" in said
    assert "keeps the last 3: output.keep_checkpoints keeps more" in said and said.count("\n") == 1
    with pytest.raises(checkpoint.CheckpointError, match="no checkpoint within"):
        solver.impedance(run, 2.6)


def test_damaged_checkpoints_are_passed_over(run):
    newest, *others = checkpoint.newest_first(run)
    newest.write_bytes(b"")
    assert solver.impedance(run, frequency=[1e3]).time == 2.5
    for path in others:
        path.unlink()
    assert "no checkpoint that can be read" in refused("impedance", run, *SHORT)


REFUSED = {
    "frequency": (("--from", "0 Hz"), "--from: value '0 Hz': out of range; allowed: a frequency >= 1e-06"),
    "unit": (("--to", "1 s"), "'s' is not a unit of frequency"),
    "no unit": (("--to", "1"), "the unit is missing"),
    "time": (("--time", "-1 s"), "--time: value '-1 s': out of range"),
    "points": (("--points-per-decade", "0"), "--points-per-decade"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_bad_options(run, kind):
    words, said = REFUSED[kind]
    assert said in refused("impedance", run, *words)
    assert not (run / TABLE).exists()


def test_what_is_no_run(tmp_path):
    for directory in (tmp_path, tmp_path / "absent"):
        assert f"{directory}: not a run directory: no case.toml" in refused("impedance", directory)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [TABLE, PICTURE])
def test_what_lifront_has_not_written_stays(run, name):
    (run / name).write_text("Hz,ohm\n1,2\n")
    said = refused("impedance", run, *SHORT)
    assert f"{run / name} was not written by lifront and would be overwritten" in said
    assert (run / name).read_text() == "Hz,ohm\n1,2\n"


def test_links_and_folders_are_not_followed(run, tmp_path):
    (tmp_path / "elsewhere").write_text("mine")
    os.symlink(tmp_path / "elsewhere", run / TABLE)
    assert "is a link, which is not followed" in refused("impedance", run, *SHORT)
    (run / TABLE).unlink()
    (run / TABLE).mkdir()
    assert "is a folder" in refused("impedance", run, *SHORT)
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_case_that_has_changed_is_said(run):
    text = (run / "case.toml").read_text().replace("10 uF/cm^2", "0 F/m^2")
    (run / "case.toml").write_text(text)
    code, said = cli("impedance", run, "--to", "1 kHz", "--points-per-decade", "1")
    assert code == 0 and "warning: the case differs from the checkpoint's: interface.double_layer_capacitance" in said


def test_frequencies():
    assert frequencies() == pytest.approx(10.0 ** (6 - np.arange(49) / 6))
    assert frequencies(1.0, 1.0, 5).tolist() == [1.0]
    assert frequencies(1e-2, 1e2, 1) == pytest.approx([1e-2, 1e-1, 1, 10, 100])
    assert len(frequencies(1e3, 5.0, 2)) == 6


def test_marks_are_decades_that_are_apart():
    at = frequencies(1e6, 1e-2, 2)
    z = 1 + 10 / (1 + 1j * at / 1e3)
    chosen = marked(at, z)
    assert [named(f) for f in at[chosen]] == ["1 MHz", "10 kHz", "1 kHz", "100 Hz", "10 Hz"]
    assert named(0.01) == "10 mHz" and named(681292.1) == "681 kHz"


def test_a_table_that_no_run_has_written_is_not_drawn(run):
    rows = Impedance(1.0, np.array([1.0]), np.array([1 + 1j]), np.array([3])).rows()
    assert rows[0]["phase"] == pytest.approx(np.pi / 4)
    (run / TABLE).write_text("time [s],frequency [Hz],real [ohm m^2],imaginary [ohm m^2]\n1,0,1,1\n")
    with pytest.raises(ResultsError, match="no impedance at frequencies above 0"):
        plot_impedance(run)
    (run / TABLE).write_text("time [h]\n1\n")
    with pytest.raises(ResultsError, match="one of the units s, Hz"):
        plot_impedance(run)
