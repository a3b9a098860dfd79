"""The environment check, and that PETSc and MPI are really there: nothing in this file skips."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from solver.environment import git_commit, versions
from tests.mpi import ROOT, environment, rank_results, run_ranks

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""

CHECK = """
from solver.environment import EnvironmentProblem, check_environment
try:
    check_environment()
except EnvironmentProblem as problem:
    print(problem)
else:
    print("fine")
"""


def python(script: str, variables: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Standard output of a script in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment() if variables is None else variables,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_petsc_is_real_double_and_h5py_is_the_mpi_build():
    import h5py
    from petsc4py import PETSc

    assert np.dtype(PETSc.ScalarType) == np.float64
    assert h5py.get_config().mpi, "the serial h5py hides the MPI build; is it in the virtual environment?"


@pytest.mark.parametrize(
    ("package", "remedy"),
    [("mpi4py", "python3-mpi4py"), ("petsc4py", "python3-petsc4py"), ("h5py", "python3-h5py python3-h5py-mpi")],
)
def test_missing_package_is_named_with_the_remedy(package, remedy):
    message = python(BLOCK.format(package=package) + CHECK)
    assert message.startswith(f"cannot import {package}")
    assert f"apt-get install {remedy}" in message
    assert "conda-forge" in message


def test_complete_environment_passes():
    assert python(CHECK) == "fine"


def test_launcher_of_another_mpi_is_recognised():
    message = python(CHECK, environment() | {"PMI_SIZE": "2"})
    assert message.startswith("mpirun started 2 ranks (PMI_SIZE) but each of them is alone")


def test_petsc_finds_no_option_that_nobody_reads():
    """Neither `-c` of the command line nor ours for preconditioners; -options_left: newer PETSc does it anyway."""
    script = """
    from solver.environment import check_environment
    check_environment(["-options_left"])
    from tests.unit.test_linear import charge_iterations
    charge_iterations(16)
    """
    assert "There are no unused options." in python(script)


def test_options_reach_petsc():
    script = """
    from solver.environment import check_environment
    check_environment(["-lifront_probe", "7"])
    from petsc4py import PETSc
    print(PETSc.Options().getInt("lifront_probe"))
    """
    assert python(script) == "7"


def test_defaults_are_set_before_numpy_and_h5py_but_never_overwritten():
    names = ("OMP_NUM_THREADS", "H5PY_ALWAYS_USE_MPI")
    script = f"import os, solver.environment; print(*(os.environ[n] for n in {names}))"
    bare = {k: v for k, v in environment().items() if k not in names}
    assert python(script, bare) == "1 1"
    assert python(script, bare | {"OMP_NUM_THREADS": "3"}) == "3 1"


def serial_h5py(ranks: int) -> subprocess.CompletedProcess[str]:
    """Check the environment on some ranks with an h5py that says it is serial."""
    script = """
    import types, h5py
    from solver.environment import check_environment
    h5py.get_config = lambda: types.SimpleNamespace(mpi=False)
    check_environment()
    """
    return run_ranks(ranks, ["-c", textwrap.dedent(script)])


def test_serial_h5py_warns_once_and_only_in_parallel():
    one, two = serial_h5py(1), serial_h5py(2)
    assert one.returncode == two.returncode == 0
    assert "serial build" not in one.stderr
    assert two.stderr.count("h5py is the serial build: output and checkpoints are gathered on rank 0") == 1


def test_petsc_without_hypre_warns_once():
    script = """
    import petsc4py
    petsc4py.init(["test"])
    from petsc4py import PETSc
    PETSc.Sys = type("Sys", (PETSc.Sys,), {"hasExternalPackage": staticmethod(lambda name: False)})
    from solver.environment import check_environment
    check_environment()
    """
    done = run_ranks(2, ["-c", textwrap.dedent(script)])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("PETSc was built without hypre") == 1


def test_versions_name_everything_that_shapes_a_result():
    found = versions()
    assert set(found) >= {"lifront", "git commit", "python", "numpy"}
    assert set(found) >= {"petsc", "petsc4py", "mpi4py", "h5py", "hdf5", "MPI library"}
    assert all(found.values())
    assert found["h5py"].endswith("(mpi)")
    json.dumps(found)


def test_commit_is_unknown_for_a_copy_inside_another_repository(tmp_path):
    package = tmp_path / "solver"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("environment.py", "exit_codes.py", "import_path.py"):
        (package / name).write_text(Path(git_commit.__code__.co_filename).with_name(name).read_text())
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    script = "from solver.environment import git_commit; print(git_commit())"
    assert python(script, environment() | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path) == "unknown"


def communicator(scale):
    """What one communicator over all ranks sees, in mpi4py and in PETSc."""
    from mpi4py import MPI
    from petsc4py import PETSc

    comm = MPI.COMM_WORLD
    return {
        "size": comm.size,
        "petsc_size": PETSc.COMM_WORLD.getSize(),
        "ranks": np.array(comm.allgather(comm.rank)) * scale,
        "third": np.float64(1) / 3,
    }


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_ranks_share_one_communicator(ranks):
    found = rank_results(ranks, communicator, 10)
    assert found["size"] == found["petsc_size"] == ranks
    np.testing.assert_array_equal(found["ranks"], 10 * np.arange(ranks))
    assert found["third"] == 1 / 3


def write_parallel_file(path):
    """Each rank writes its own part of one dataset."""
    import h5py
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    with h5py.File(path, "w", driver="mpio", comm=comm) as file:
        file.create_dataset("rank", (comm.size,), dtype="i8")[comm.rank] = comm.rank
    return {}


def test_ranks_write_one_hdf5_file(tmp_path):
    import h5py

    path = tmp_path / "ranks.h5"
    rank_results(2, write_parallel_file, str(path))
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["rank"][...], [0, 1])


def fail_on_last_rank():
    """One rank raises while the others wait for it."""
    from mpi4py import MPI

    if MPI.COMM_WORLD.rank == MPI.COMM_WORLD.size - 1:
        raise ArithmeticError("the last rank gives up")
    MPI.COMM_WORLD.Barrier()
    return {}


def test_an_error_on_one_rank_ends_all_and_fails_the_test():
    with pytest.raises(pytest.fail.Exception, match=r"(?s)exit code.*the last rank gives up"):
        rank_results(2, fail_on_last_rank, timeout=30)


def test_a_deadlock_fails_the_test_in_time():
    script = "from mpi4py import MPI; c = MPI.COMM_WORLD; c.rank or c.recv(source=1)"
    with pytest.raises(pytest.fail.Exception, match="did not finish within 3"):
        run_ranks(2, ["-c", script], timeout=3)


def test_missing_mpirun_fails(monkeypatch):
    monkeypatch.setenv("MPIRUN", "no-such-mpirun --some-option")
    with pytest.raises(pytest.fail.Exception, match="no-such-mpirun is missing"):
        run_ranks(2, ["-c", "pass"])
