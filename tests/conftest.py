"""Set up for all tests. The marker `long` is declared in pyproject.toml."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from solver.environment import EnvironmentProblem, check_environment
from tests.mpi import raise_floating_point_errors


def pytest_configure(config: pytest.Config) -> None:
    """Several processes take the files in the order of pyproject.toml; xdist would begin with those of most tests."""
    config.option.loadscopereorder = False


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

    def draw(directory: Path) -> tuple[list[Path], list[str]]:
        (directory / "curves.png").write_bytes(b"")
        return [directory / "curves.png"], []

    monkeypatch.setattr("solver.__main__._draw_run", draw)
