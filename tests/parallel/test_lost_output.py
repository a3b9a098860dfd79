"""What cannot be written or shown: a full disk is one line and exit code 1, a console that goes away is nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from solver.case.io import case_from_dict
from solver.loop.build import make_simulation
from solver.model.build import make_grid
from solver.output.files import FileError
from solver.output.log import Console
from solver.output.recorder import FileRecorder
from tests.cases.test_going_on import CASE
from tests.mpi import command, environment, run_ranks
from tests.parallel.test_restart import rows, wait_for

RUN = ["-m", "tests.undrawn", "run", "case.json", "--output", "r"]


@pytest.fixture
def case(in_tmp_path: Path) -> Path:
    Path("case.json").write_text(json.dumps(CASE))
    return in_tmp_path


def start(ranks: int, words: list[str], **options: Any) -> subprocess.Popen[str]:
    line = [sys.executable, *words] if ranks == 1 else command(ranks, words)
    return subprocess.Popen(line, env=environment(), text=True, stdin=subprocess.DEVNULL, **options)


LIMITED = """
import resource, sys
from mpi4py import MPI  # it has files of its own to write
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.argv[:] = ["lifront", "run", "case.json", "--output", "r"]
from solver.__main__ import main
main()
"""


def without_mpirun(text: str) -> list[str]:
    """What the run itself has said: not what mpirun adds when a rank ends with another code than 0."""
    own, inside = [], False
    for line in text.splitlines():
        if line.startswith("---") and set(line) == {"-"}:
            inside = not inside
        elif line.strip() and not inside:
            own.append(line)
    return own


# bytes that go into the log, into a snapshot, into a checkpoint
@pytest.mark.parametrize(
    ("ranks", "size"),
    [
        (1, 100),
        pytest.param(1, 3_000, marks=pytest.mark.long),
        pytest.param(1, 30_000, marks=pytest.mark.long),
        (2, 3_000),
        (3, 30_000),
    ],
)
def test_files_that_cannot_be_written_end_the_run_with_one_line(case, ranks, size):
    """As on a full disk; there is no temporary file left of what could not be written."""
    with start(ranks, ["-c", LIMITED, str(size)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    said = [line for line in without_mpirun(err) if "File too large" in line]
    assert len(said) == 1 and said[0].startswith("r/") and "The last checkpoint" in said[0], err
    assert "Traceback" not in out + err and "segmentation" not in (out + err).lower()
    assert not list(Path("r").rglob("*.h5.part"))
    assert not Path("r/done.json").exists()


@pytest.mark.parametrize("ranks", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_folder_that_vanishes_is_one_line(case, ranks):
    table = json.loads(Path("case.json").read_text())
    table["time"]["fixed_step"], table["output"]["checkpoint_interval"] = "1 ms", "1 h"
    Path("case.json").write_text(json.dumps(table))
    with start(ranks, RUN, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(lambda: rows(Path("r")) >= 3, process)
        Path("r").rename("elsewhere")
        out, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    assert len([line for line in without_mpirun(err) if "No such file" in line]) == 1 and "Traceback" not in out + err


def test_a_folder_that_vanishes_before_the_first_snapshot_is_not_made_again(case):
    """The case and the beginning of the log are elsewhere: a run without them would be no whole one."""
    table = case_from_dict(CASE)
    grid = make_grid(table)
    recorder = FileRecorder(Path("r"), grid, Console(progress=False), {}, {}, (), 1)
    simulation = make_simulation(table, grid, recorder)
    recorder.begin(simulation.headings, simulation.model.outputs)
    Path("r").rename("elsewhere")
    with pytest.raises(FileError, match=r"^r/fields: No such file or directory$"):
        simulation.begin()
    assert not Path("r").exists()


@pytest.mark.parametrize("words", [RUN, ["-m", "solver", "check", "case.json"]])
def test_a_reader_that_goes_away_changes_nothing(case, words):
    """The other end of the pipe is closed before anything is said. (mpirun itself does not always survive that.)"""
    reading, writing = os.pipe()
    os.close(reading)
    with start(1, words, stdout=writing, stderr=writing) as process:
        os.close(writing)
        assert process.wait(300) == 0
    assert Path("r/done.json").exists() == (words is RUN)


@pytest.mark.parametrize("target", ["/dev/full", None])
def test_a_console_that_takes_nothing_changes_nothing(case, target):
    """A full disk behind a redirection; descriptors that are closed (None)."""
    if target is None:
        process = start(1, RUN, preexec_fn=lambda: os.closerange(1, 3))
    else:
        with open(target, "w") as full:
            process = start(1, RUN, stdout=full, stderr=full)
    with process:
        assert process.wait(300) == 0
    assert Path("r/done.json").exists()


def test_a_title_that_the_terminal_cannot_show_changes_nothing(case):
    Path("case.json").write_text(json.dumps(CASE | {"title": "Li\u2013LPSCl µm ∆"}))
    env = environment() | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, *RUN], env=env, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Li\\u2013LPSCl" in done.stderr.decode()


def test_several_ranks_end_where_nothing_is_run(case):
    """A run that is done, and bad input: no rank waits for another that has left."""
    for ranks, words, code in ((1, RUN, 0), (2, [*RUN, "--restart", "auto"], 0), (2, RUN, 2)):
        done = run_ranks(ranks, words, cwd=case)
        assert done.returncode == code, done.stderr
