"""Signals and the wall-clock limit: a checkpoint, and an exit code of their own."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from solver.exit_codes import EXIT_INTERRUPTED
from solver.loop import interrupts as interrupts_module
from solver.loop.interrupts import Interrupts, Request
from solver.output import checkpoint
from tests.mpi import ROOT, environment, run_ranks, start_ranks
from tests.parallel.runs import merged, small_case
from tests.parallel.test_restart import rows, wait_for
from tests.unit.test_ramp import PLANAR

ENDLESS = {
    "protocol": [
        {
            "kind": "loop",
            "repeat": 10000,
            "segments": [
                {"kind": "galvanostatic", "direction": "strip", "duration": "20 s"},
                {"kind": "galvanostatic", "direction": "plate", "duration": "20 s"},
            ],
        }
    ],
    "output": {"checkpoint_interval": "1 h"},
}


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(merged(small_case(2, {}), ENDLESS)))
    return path


def stop_reason(run: Path) -> str:
    return str(json.loads((run / "summary.json").read_text())["stop_reason"])


class SignallingComm:
    """One rank that receives the given signals while the ranks wait for each other."""

    def __init__(self, *signals: signal.Signals):
        self.signals = list(signals)

    def allreduce(self, value, op):
        for number in self.signals:
            os.kill(os.getpid(), number)
        self.signals.clear()
        return value


def test_a_signal_during_the_exchange_is_not_lost():
    """It counts for the next step; of several the strongest counts, and is named."""
    with Interrupts(SignallingComm(signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1)) as interrupts:
        assert interrupts.pending() == Request.NONE
        assert interrupts.pending() == Request.STOP
        assert interrupts.reason == "SIGUSR2"
        assert interrupts.pending() == Request.NONE
    with Interrupts(SignallingComm(), wall=0.0) as interrupts:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert interrupts.pending() == Request.STOP
        assert interrupts.reason == "wall-clock limit"


@pytest.mark.parametrize("repeated", [signal.SIGHUP, signal.SIGXCPU])
def test_signals_that_the_system_repeats_are_no_second_request(monkeypatch, repeated):
    """A shell and its terminal both tell of the end; SIGXCPU comes every second."""
    now = itertools.count()
    monkeypatch.setattr(interrupts_module.time, "monotonic", lambda: float(next(now)))

    def leave(received: signal.Signals, again: bool) -> None:
        raise SystemExit(f"{received.name} {again}")

    with Interrupts(SignallingComm(), leave=leave) as interrupts:
        interrupts.stepping = True
        for number in (repeated, repeated):
            os.kill(os.getpid(), number)
        assert interrupts.pending() == Request.STOP and interrupts.reason == repeated.name
        with pytest.raises(SystemExit, match="SIGTERM True"):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_that_arrives_while_a_checkpoint_is_written_asks_for_no_other():
    """A late SIGUSR1 has what it asks for; a SIGUSR2 still stops the run."""
    with Interrupts(SignallingComm()) as interrupts:
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        interrupts.checkpoint_written()
        assert interrupts.pending() == Request.STOP
        os.kill(os.getpid(), signal.SIGUSR1)
        interrupts.checkpoint_written()
        assert interrupts.pending() == Request.NONE


def test_sigusr1_writes_a_checkpoint_and_goes_on_and_sigusr2_stops(tmp_path, case_file):
    """Sent to mpirun on 2 ranks; the run after SIGUSR1 goes on; SIGUSR2 ends it with a checkpoint of its last step."""
    run = tmp_path / "run"
    with start_ranks(2, ["-m", "tests.undrawn", "run", case_file, "--output", run]) as process:
        wait_for(lambda: rows(run) >= 3, process)
        assert checkpoint.latest(run) is None
        process.send_signal(signal.SIGUSR1)
        wait_for(lambda: checkpoint.latest(run) is not None, process)
        written, before = checkpoint.latest(run), rows(run)
        wait_for(lambda: rows(run) >= before + 5, process)
        assert checkpoint.latest(run) == written
        process.send_signal(signal.SIGUSR2)
        _, err = process.communicate(timeout=200)
    assert process.returncode == EXIT_INTERRUPTED, err
    last = checkpoint.latest(run)
    assert last is not None and last != written
    assert int(last.stem.split("_")[1]) == rows(run)
    assert stop_reason(run) == "interrupted by SIGUSR2"


def test_the_wall_clock_limit_ends_a_run_with_a_checkpoint(tmp_path, case_file):
    """--wall on 2 ranks."""
    run = tmp_path / "run"
    done = run_ranks(2, ["-m", "tests.undrawn", "run", case_file, "--output", run, "--wall", "4 s"])
    assert done.returncode == EXIT_INTERRUPTED, done.stderr
    last = checkpoint.latest(run)
    assert last is not None and int(last.stem.split("_")[1]) == rows(run)
    assert stop_reason(run) == "interrupted by wall-clock limit"


def test_sigterm_ends_a_run_with_a_checkpoint(tmp_path, case_file):
    """One process without mpirun (which leaves its ranks little time after SIGTERM)."""
    run = tmp_path / "run"
    command = [sys.executable, "-m", "tests.undrawn", "run", str(case_file), "--output", str(run)]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for(lambda: rows(run) >= 3, process)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=200)
        finally:
            process.kill()
    assert process.returncode == EXIT_INTERRUPTED, err
    assert checkpoint.latest(run) is not None
    assert stop_reason(run) == "interrupted by SIGTERM"


@pytest.mark.parametrize(
    ("number", "disposition", "code"),
    [
        (signal.SIGINT, "default_int_handler", EXIT_INTERRUPTED),
        (signal.SIGINT, "SIG_IGN", 0),
        (signal.SIGUSR1, "SIG_DFL", 0),
    ],
)
def test_a_signal_while_the_command_is_imported(number, disposition, code):
    """As early as there is Python code of lifront: Ctrl-C is no traceback, a request for a checkpoint is no end.

    Ctrl-C stays ignored where it was, as in the background of a script.
    """
    script = (
        f"import os, signal, sys; signal.signal({int(number)}, signal.{disposition})\n"
        f"sys.argv[0] = 'lifront'; import solver; os.kill(os.getpid(), {int(number)})\n"
        "from solver.__main__ import main; sys.argv[1:] = ['--version']; main()"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr


def test_ctrl_c_ends_a_search_as_it_ends_a_run(tmp_path):
    """`lifront ccd`: with a checkpoint and the same exit code; what was found stays."""
    case, search = tmp_path / "case.json", tmp_path / "search"
    slow = {"time": {"fixed_step": "1 ms"}, "output": {"interval": "1000 s", "checkpoint_interval": "1 h"}}
    case.write_text(json.dumps(PLANAR | slow))
    command = [sys.executable, "-m", "solver", "ccd", str(case), "--output", str(search)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            trial = search / "plate_0.5mA_cm2"
            wait_for(lambda: rows(trial) >= 3, process)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=200)
        finally:
            process.kill()
    assert process.returncode == EXIT_INTERRUPTED, err
    assert stop_reason(trial) == "interrupted by SIGINT" and checkpoint.latest(trial) is not None
