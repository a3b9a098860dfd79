"""Real mpirun inside the tests.

`rank_results` compares numbers of ranks in a few lines::

    def laplacian_sum(n):                       # module level: it is imported again by every rank
        ...
        return {"sum": grid.sum(a), "field": gather(a)}     # rank 0's dictionary counts

    @pytest.mark.parametrize("ranks", [2, 3, 4])
    def test_laplacian_sum_is_the_same_on_all_numbers_of_ranks(ranks):
        one, many = rank_results(1, laplacian_sum, 32), rank_results(ranks, laplacian_sum, 32)
        np.testing.assert_allclose(many["field"], one["field"], rtol=1e-10)

`run_ranks` runs any Python command line and returns its exit code and output, `start_ranks` does not
wait, so that a signal can be sent. A missing mpirun fails the test, it never skips it. The command
is taken from the variable MPIRUN (the Makefile sets it) or MPIRUN_DEFAULT.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
MPIRUN_DEFAULT = "mpirun --oversubscribe --bind-to none"

MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMP_NUM_THREADS": "1",
    "H5PY_ALWAYS_USE_MPI": "1",
    "PYTHONUNBUFFERED": "1",
    # ranks that wait for each other leave the processor to those that compute: several mpiruns share the cores
    "OMPI_MCA_mpi_yield_when_idle": "1",
}


def environment() -> dict[str, str]:
    """Environment for an mpirun.

    MPI_Init in pytest's own process leaves PMIX_* and OMPI_* variables behind (in the environment of
    the process, not in os.environ, so a plain subprocess inherits them unseen). An mpirun that
    inherits those takes itself for a part of that job, therefore the environment is always passed on
    explicitly and without them.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_", "PMI_", "ORTE_"))}
    path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH", "")]))
    return kept | {"PYTHONPATH": path} | MPI_ENVIRONMENT


def command(n: int, arguments: Sequence[str | Path]) -> list[str]:
    """Command line that runs ``python <arguments>`` on n ranks."""
    mpirun = shlex.split(os.environ.get("MPIRUN", MPIRUN_DEFAULT))
    if shutil.which(mpirun[0]) is None:
        pytest.fail(f"{mpirun[0]} is missing: apt-get install openmpi-bin, or load the MPI module", False)
    return [*mpirun, "-n", str(n), sys.executable, *(str(argument) for argument in arguments)]


@contextmanager
def start_ranks(
    n: int, arguments: Sequence[str | Path], cwd: Path | str = ROOT
) -> Iterator[subprocess.Popen[str]]:
    """Start ``mpirun -n <n> python <arguments>``; whatever still runs at the end of the block is ended.

    The process is mpirun itself: Open MPI hands SIGUSR1 and SIGUSR2 on to the ranks.
    """
    process = subprocess.Popen(
        command(n, arguments),
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches pytest, which ends the ranks below
    )
    try:
        yield process
    finally:
        _end(process)


def run_ranks(
    n: int, arguments: Sequence[str | Path], cwd: Path | str = ROOT, timeout: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """Run ``mpirun -n <n> python <arguments>`` to its end.

    Args:
        n: number of ranks.
        arguments: a script and its arguments, or ``["-m", "solver", "run", ...]``.
        cwd: working directory.
        timeout: wall seconds; a run that takes longer (a deadlock) is ended and fails the test.

    Returns:
        exit code and output; the exit code is not checked.
    """
    with start_ranks(n, arguments, cwd) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            out, err = process.communicate()
            pytest.fail(f"{n} ranks did not finish within {timeout} s: {arguments}\n{_tail(out, err)}")
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def rank_results(
    n: int, function: str | Callable[..., dict[str, Any] | None], *arguments: Any, timeout: float = 300.0
) -> dict[str, Any]:
    """Call a function on n ranks and return the dictionary that it returns on rank 0.

    Several ranks stay and wait for the next call, with the environment of the first one; one rank is a new process.

    Args:
        n: number of ranks.
        function: ``"package.module:function"`` or a function of an importable module (not a closure).
            It is called on all ranks; what ranks other than 0 return is not looked at.
        arguments: for the function, anything that JSON can carry.
        timeout: wall seconds.

    Returns:
        NumPy arrays and scalars as arrays, bit for bit; everything else as JSON carries it.
    """
    if callable(function):
        function = f"{function.__module__}:{function.__qualname__}"
    ranks = Ranks(n) if n == 1 else _waiting.get(n) or _waiting.setdefault(n, Ranks(n))
    try:
        return ranks.call(function, arguments, timeout)
    except BaseException:  # also Ctrl-C: they are at work
        _end(ranks.process)
        raise
    finally:
        if n == 1 or ranks.process.poll() is not None:
            _waiting.pop(n, None)
            ranks.end()


class Ranks:
    """An mpirun whose ranks call one function after another: to start Python and PETSc takes 2 s of each.

    Every rank reads what to call from a pipe of its own, so that it takes no processor time while it waits, and leaves
    when the pipe is closed, as it is when pytest dies.
    """

    def __init__(self, n: int):
        self.n, self.calls = n, 0
        self.folder = Path(tempfile.mkdtemp(prefix="lifront-"))
        self.pipes = []
        for rank in range(n):
            os.mkfifo(self.folder / f"{rank}")
            self.pipes.append(os.open(self.folder / f"{rank}", os.O_RDWR))
        self.said = self.folder / "said"
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                command(n, ["-m", "tests.mpi", str(self.folder)]),
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def call(self, function: str, arguments: Sequence[Any], timeout: float) -> dict[str, Any]:
        """The dictionary of rank 0; ranks that fail or take too long are ended, and fail the test."""
        self.calls += 1
        result, before = self.folder / f"result {self.calls}", self.said.stat().st_size
        result.mkdir()
        for pipe in self.pipes:
            os.write(pipe, (json.dumps([function, str(result), arguments]) + "\n").encode())
        until = time.monotonic() + timeout
        while not (result / "done").exists():
            if self.process.poll() is not None or time.monotonic() > until:
                code = self.process.poll()
                why = f"did not finish within {timeout} s" if code is None else f"exit code {code}"
                said = self.said.read_bytes()[before:].decode(errors="replace")
                pytest.fail(f"{function} on {self.n} ranks: {why}\n{_tail(said)}", pytrace=False)
            time.sleep(0.02)
        results: dict[str, Any] = json.loads((result / "result.json").read_text())
        with np.load(result / "result.npz") as arrays:
            results |= {name: arrays[name] for name in arrays.files}
        shutil.rmtree(result)
        return results

    def end(self) -> None:
        """Let the ranks leave."""
        for pipe in self.pipes:
            os.close(pipe)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        _end(self.process)
        shutil.rmtree(self.folder)


_waiting: dict[int, Ranks] = {}


def end_ranks() -> None:
    """End those that wait for calls, when all tests are over."""
    while _waiting:
        _waiting.popitem()[1].end()


def raise_floating_point_errors() -> None:
    """Overflow, division by zero and NaN raise; underflow to zero is what exp(-large) should do."""
    np.seterr(divide="raise", over="raise", invalid="raise", under="ignore")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)  # mpirun then ends its ranks; SIGKILL would orphan them
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(*texts: str, lines: int = 40) -> str:
    return "\n".join(line for text in texts for line in text.splitlines()[-lines:])


def _main(folder: str) -> None:
    """Runs on every rank: call what the pipe says, write rank 0's results, until the pipe is closed."""
    from solver.environment import check_environment

    check_environment()
    from mpi4py import MPI

    from solver.petsc import PETSc

    comm = MPI.COMM_WORLD
    with open(Path(folder, f"{comm.rank}")) as pipe:
        for line in pipe:
            try:
                raise_floating_point_errors()
                name, result, arguments = json.loads(line)
                _call(name, result, arguments, comm.rank)
            except BaseException:
                # One rank's error must end all of them. `python -m mpi4py` does not do it here: PETSc's own
                # exit handler, a collective call, runs first and waits for the other ranks.
                traceback.print_exc()
                sys.stderr.flush()
                comm.Abort(1)
            gc.collect()
            PETSc.garbage_cleanup()
            comm.Barrier()
            if comm.rank == 0:
                Path(result, "done").touch()


def _call(function: str, folder: str, arguments: Sequence[Any], rank: int) -> None:
    module, _, name = function.partition(":")
    found = getattr(importlib.import_module(module), name)(*arguments)
    if rank == 0:
        _write(folder, function, found)


def _write(folder: str, function: str, result: Any) -> None:
    if not isinstance(result, dict):
        raise TypeError(f"{function} must return a dictionary on rank 0, not {type(result).__name__}")
    arrays: dict[str, Any] = {k: v for k, v in result.items() if isinstance(v, np.ndarray | np.generic)}
    others = {k: v for k, v in result.items() if k not in arrays}
    Path(folder, "result.json").write_text(json.dumps(others))
    np.savez(Path(folder, "result.npz"), **arrays)


if __name__ == "__main__":
    _main(*sys.argv[1:])
