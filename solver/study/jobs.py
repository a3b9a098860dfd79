"""Run the points of a sweep on this machine: MPI jobs that fill the cores, through Snakemake (the extra `sweeps`).

Which points are to be run is decided here, by the hash in done.json; Snakemake (sweep.smk) is given just these and a
new folder to work in, so that it neither repeats what is done nor needs its own record of what was interrupted. Each
job is `lifront run --restart auto`, which goes on from the last checkpoint of the same case.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from solver.environment import for_children
from solver.output.done import DONE, done_digest
from solver.study.sweep import Point
from solver.text import parse_json, read_text

MPIRUN = "mpirun --oversubscribe --bind-to none"  # several at once: bound, each would take the first core
LOG, SNAKEMAKE_LOG = "run.log", "snakemake.log"
ENDED = "exit code "
POLL = 0.5  # s
# what an mpirun leaves in the environment of what it starts; another one would take itself for a part of that job
FOREIGN = ("PMIX_", "PMI_", "ORTE_", "OMPI_COMM_WORLD_", "OMPI_UNIVERSE_", "OMPI_MCA_orte_", "OMPI_MCA_ess")


class CannotRun(Exception):
    """Something that is needed to run a sweep is missing; the message says what and the remedy."""


def cores_here() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def check(points: Sequence[Point], cores: int) -> None:
    """Raise CannotRun when Snakemake or mpirun is missing, or a point wants more ranks than there are cores."""
    if not importlib.util.find_spec("snakemake"):
        raise CannotRun(
            "Snakemake is missing: tools/setup.sh sweeps, or pip install 'lifront[sweeps]'. "
            "Without it: 'lifront expand', and 'lifront run' of each folder (docs/sweeps.md)"
        )
    command = _mpirun()[0]
    if shutil.which(command) is None:
        raise CannotRun(f"{command} is missing: apt-get install openmpi-bin, load the MPI module, or set MPIRUN")
    most = max(points, key=lambda point: point.ranks)
    if most.ranks > cores:
        raise CannotRun(
            f"--cores: value {cores}: {most.id} has {most.ranks} ranks; allowed: at least {most.ranks} "
            "(more than the machine has share its cores), or fewer sweep.ranks"
        )


def to_run(points: Sequence[Point], directory: Path) -> list[Point]:
    """The points that were not run to their end, or with another case."""
    return [point for point in points if done_digest(directory / point.id) != point.digest]


def run(
    points: Sequence[Point],
    directory: Path,
    cores: int,
    lock: int,
    say: Callable[[str], None],
    words: Sequence[str] = (),
) -> bool:
    """Run points to their ends; returns False when it was interrupted. Raises CannotRun when none could be started.

    lock: descriptor of the lock on the folder, which Snakemake shares, so that it outlives this process. say: takes a
    line on every point that has ended. words: options of `lifront run` for every point. Interrupted by SIGINT or
    SIGTERM, running points write checkpoints and end.
    """
    _unlink_others([directory / SNAKEMAKE_LOG, *(directory / point.id / LOG for point in points)])
    starts = {point.id: _size(directory / point.id / LOG) for point in points}
    for point in points:
        (directory / point.id / DONE).unlink(missing_ok=True)  # of another case
    interrupted = {signal.SIGTERM: signal.default_int_handler}
    with tempfile.TemporaryDirectory(prefix="lifront-") as aside, _signals(interrupted):
        process = _start(_command(points, aside, cores), directory, aside, lock, words)
        try:
            ended = _watch(process, directory, starts, say)
        except KeyboardInterrupt:
            say("interrupted: points that are running write a checkpoint and stop; the same command continues them")
            _interrupt(process)
            return False
    if process.returncode and not ended:
        raise CannotRun(f"Snakemake could not run the points, see {directory / SNAKEMAKE_LOG}")
    return True


def _start(command: list[str], directory: Path, aside: str, lock: int, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start Snakemake; what it says goes to its log in the folder of the sweep."""
    ignored = {signal.SIGUSR2: signal.SIG_IGN}  # by Snakemake and its shells; mpirun and the ranks have handlers
    with (directory / SNAKEMAKE_LOG).open("ab") as log, _signals(ignored):
        return subprocess.Popen(
            command,
            cwd=aside,
            env=_environment(directory, words),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(lock,),
            start_new_session=True,  # an interruption reaches this process, which passes it on
        )


def _unlink_others(paths: Iterable[Path]) -> None:
    """Remove links and pipes: lines are added to these files, so that a link would be followed, and a pipe waits."""
    for path in paths:
        if path.is_symlink() or path.is_fifo():
            path.unlink()


def _command(points: Sequence[Point], aside: str, cores: int) -> list[str]:
    """Snakemake, which works in the new folder `aside` and takes no options from elsewhere."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(Path(__file__).with_name("sweep.smk").resolve())]
    options = ["--workflow-profile", "none", "--keep-going", "--scheduler", "greedy", "--nolock"]
    targets = [f"{point.id}.ended" for point in points]
    return [*command, "--directory", aside, "--cores", str(cores), *options, "--", *targets]


def _mpirun() -> list[str]:
    """The words of MPIRUN, or of the default. Raises CannotRun."""
    text = os.environ.get("MPIRUN", "")
    try:
        return shlex.split(text) or shlex.split(MPIRUN)
    except ValueError as error:
        raise CannotRun(f"MPIRUN: value {text!r}: {error}; allowed: a command with its options") from None


def _environment(directory: Path, words: Sequence[str] = ()) -> dict[str, str]:
    """Environment of the jobs: this very code, nothing of a surrounding mpirun, and no profile of Snakemake."""
    kept = {k: v for k, v in for_children().items() if not k.startswith(FOREIGN) and k != "SNAKEMAKE_PROFILE"}
    ours = {"SWEEP": str(directory.resolve()), "MPIRUN": shlex.join(_mpirun()), "WORDS": shlex.join(words)}
    return kept | {f"LIFRONT_{name}": value for name, value in ours.items()}


def _watch(
    process: subprocess.Popen[bytes], directory: Path, starts: dict[str, int], say: Callable[[str], None]
) -> set[str]:
    """Wait for the end, and tell how each point ends; returns those that did."""
    ended: set[str] = set()
    while True:
        over = process.poll() is not None  # before the look, so that the last look sees everything
        for name, start in starts.items():
            if name not in ended and (code := _exit_code(directory / name / LOG, start)) is not None:
                ended.add(name)
                reason = _reason(directory / name)
                how = f"done, {reason}" if code == 0 and reason else f"not done, exit code {code}"
                if code == 0 and not reason:
                    how += f" without {DONE}: the command in MPIRUN has not run it"
                say(f"[{len(ended)}/{len(starts)}] {name}: {how}")
        if over:
            return ended
        time.sleep(POLL)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Let Snakemake start nothing more, and all ranks write checkpoints and end; another Ctrl-C does not wait."""
    process.terminate()
    os.killpg(process.pid, signal.SIGUSR2)  # mpirun hands it on
    try:
        process.wait()
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def _signals(handlers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    """Other handlers for a while."""
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _reason(point: Path) -> str:
    """Why a run ended, "" of one that has not come to its end."""
    done = point / DONE
    return str(parse_json(read_text(done))["stop_reason"]) if done.exists() else ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _exit_code(log: Path, start: int) -> int | None:
    """The exit code that the log tells of behind `start`, None while the run goes on."""
    if _size(log) <= start:
        return None
    with log.open("rb") as file:
        file.seek(start)
        last = (file.read().decode(errors="replace").splitlines() or [""])[-1]
    code = last.removeprefix(ENDED)
    return int(code) if last.startswith(ENDED) and code.isdigit() else None
