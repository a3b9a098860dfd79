"""Set up for all tests. The marker `long` is declared in pyproject.toml."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from solver.environment import EnvironmentProblem, check_environment
from tests.mpi import end_ranks, raise_floating_point_errors
from tests.undrawn import draw


def pytest_configure(config: pytest.Config) -> None:
    """Several processes take the files in the order of pyproject.toml; xdist would begin with those of most tests.

    Where Python keeps nothing of what it compiles, the processes that tests start share a folder for it, to be removed.
    """
    config.option.loadscopereorder = False
    if sys.dont_write_bytecode:
        compiled = tempfile.TemporaryDirectory(prefix="lifront-")
        config.add_cleanup(compiled.cleanup)
        os.environ["PYTHONPYCACHEPREFIX"] = compiled.name
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """For several processes, other files lie between those of tests with ranks, which fill the cores by themselves."""
    if not hasattr(config, "workerinput"):
        return
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    of_ranks = [path for path in files if path.parent.name == "parallel"]
    others = [path for path in files if path.parent.name != "parallel"]
    order = [one for i, path in enumerate(of_ranks) for one in (path, *others[2 * i : 2 * i + 2])]
    items[:] = [item for path in (*order, *others[2 * len(of_ranks) :]) for item in files[path]]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Stop with a message when PETSc, MPI or h5py is missing: their tests must not vanish.

    What a shell without job control starts in the background ignores the keys, and under nohup SIGHUP; so would all
    that tests start.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        check_environment()
    except EnvironmentProblem as problem:
        pytest.exit(str(problem), returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_sessionfinish() -> None:
    """Ranks that wait for functions to call are not needed any more."""
    end_ranks()


@pytest.fixture(autouse=True)
def floating_point_errors_raise() -> Iterator[None]:
    """Overflow, division by zero and NaN are errors in every test."""
    with np.errstate():
        raise_floating_point_errors()
        yield


@pytest.fixture(autouse=True, scope="module")
def memory_is_freed() -> Iterator[None]:
    """What a file has made of PETSc's objects is freed; dropping them is not enough."""
    yield
    from solver.petsc import PETSc

    gc.collect()
    PETSc.garbage_cleanup()


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the test inside its own empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command leaves an empty file in place of the picture of a run, which takes longer than a short run."""
    monkeypatch.setattr("solver.__main__._draw_run", draw)
