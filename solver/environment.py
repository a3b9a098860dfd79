"""What must be there before the first equation: MPI, PETSc for Python, a parallel h5py.

pip cannot provide these three reliably (it would put the serial h5py in front of the MPI
build and compile PETSc), so they are no hard requirements of the package and are checked
here at start-up, before any collective call.

Importing this module sets two defaults that only work early: OMP_NUM_THREADS=1 before
NumPy's BLAS starts its threads, and H5PY_ALWAYS_USE_MPI=1 before the first import of h5py
(Debian installs a serial and an MPI build side by side and chooses then). So
solver/__init__.py imports it first.

Nothing in the working directory may run code: `start_petsc` does not read PETSc's options files there, `for_children`
keeps the Pythons that lifront starts from importing modules there (for this process see `solver.import_path`).

`lifront env` checks and prints the versions.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from solver.exit_codes import EXIT_BAD_INPUT, EXIT_DONE
from solver.import_path import ROOT, is_working_directory

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("H5PY_ALWAYS_USE_MPI", "1")

DEBIAN_PACKAGES = {
    "mpi4py": "python3-mpi4py",
    "petsc4py": "python3-petsc4py",
    "h5py": "python3-h5py python3-h5py-mpi",
}

SERIAL_H5PY = (
    "h5py is the serial build: output and checkpoints are gathered on rank 0 and written there "
    "(same files, more memory on rank 0, slower). For parallel writing get the MPI build: "
    "apt-get install python3-h5py python3-h5py-mpi (Debian, Ubuntu), or h5py with +mpi (conda-forge: "
    "'h5py=*=mpi_*', Spack: 'py-h5py +mpi'); a serial h5py in the virtual environment hides it"
)

NO_HYPRE = (
    "PETSc was built without hypre: its own multigrid (GAMG) takes over. Solutions keep their tolerance but take "
    "up to five times as many iterations where conductivities differ by many orders of magnitude. "
    "PETSc with hypre: apt-get install python3-petsc4py (Debian, Ubuntu), conda-forge, Spack 'petsc+hypre', "
    "configure --download-hypre"
)

# how the launchers tell a process the number of ranks: Open MPI; MPICH, Intel MPI, Slurm's PMI
LAUNCHER_SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


class EnvironmentProblem(RuntimeError):
    """Something that the solver needs is missing or unsuitable; the message says what and the remedy."""


def for_children() -> dict[str, str]:
    """Environment of the Pythons that lifront starts: they import this very code and nothing of a working directory."""
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [os.path.abspath(entry) for entry in entries if os.path.isabs(entry) or not is_working_directory(entry)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, *kept]), "PYTHONSAFEPATH": "1"}


@contextmanager
def working_directory(folder: Path) -> Iterator[None]:
    """Another working directory for a while; what was it before may have been deleted, as chdir of Python forbids."""
    before = os.open(os.curdir, os.O_PATH)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def start_petsc(options: Sequence[str] = ()) -> None:
    """Initialise PETSc, once. options: for its options database; they count for more than PETSC_OPTIONS and ~/.petscrc.

    What is in the working directory is not read: options files (.petscrc, petscrc) and a petsc.cfg, which can all name
    libraries to be loaded. Where PETSc has been initialised before, nothing is changed. Raises ImportError.
    """
    if "petsc4py.PETSc" in sys.modules:
        return  # also because initialising again makes a rank wait for the others at its end
    import petsc4py
    import petsc4py.lib

    with working_directory(Path(petsc4py.lib.__file__).parent):  # where the petsc.cfg is that is meant
        architecture = petsc4py.lib.ImportPETSc().__arch__
    words = ["-skip_petscrc"]  # which leaves out ~/.petscrc too
    home = Path(os.environ.get("HOME", ""), ".petscrc")
    if home.is_absolute() and os.access(home, os.R_OK):
        # PETSc has read PETSC_OPTIONS by then, which count for more; it parts them at spaces as well
        words += ["-options_file", str(home), *os.environ.get("PETSC_OPTIONS", "").split()]
    # not sys.argv[0]: PETSc takes the -c of `python -c` for an option
    petsc4py.init(["lifront", *words, *options], architecture)


def check_environment(petsc_options: Sequence[str] = ()) -> None:
    """Initialise MPI and PETSc and make sure that they and h5py can be used together.

    Call it once, before anything imports ``petsc4py.PETSc``: later options no longer reach PETSc.

    Args:
        petsc_options: arguments for PETSc's options database, for example ``["-log_view"]``.

    Raises:
        EnvironmentProblem: a package is missing, PETSc is not real double precision, or the MPI
            library is not the one whose mpirun started the process.

    Warns:
        RuntimeWarning: on rank 0, when PETSc has no hypre, and when h5py is the serial build and there is more
            than one rank.
    """
    mpi = _require("mpi4py.MPI")
    _require("petsc4py")
    _require("petsc4py.lib")
    try:
        start_petsc(["-no_signal_handler", *petsc_options])  # signals are ours (solver/loop/interrupts.py)
    except ImportError as error:
        raise _missing("petsc4py", error) from error
    petsc = _require("petsc4py.PETSc")
    _require("h5py.version")  # not in what Debian 13 leaves of h5py without the package python3-h5py
    h5py = _require("h5py")

    size = mpi.COMM_WORLD.size
    _check_launcher(size, str(mpi.Get_library_version()))
    if petsc.COMM_WORLD.getSize() != size:
        raise EnvironmentProblem(
            f"PETSc sees {petsc.COMM_WORLD.getSize()} ranks and mpi4py {size}: they were built with "
            "different MPI libraries; take both from one source (distribution, module, conda-forge or Spack)"
        )
    scalar = petsc.ScalarType().dtype.name
    if scalar != "float64":
        raise EnvironmentProblem(
            f"PETSc was built for {scalar} scalars, lifront needs real double precision (float64). "
            "Debian, Ubuntu: apt-get install python3-petsc4py-real, and unset PETSC_DIR and PETSC_ARCH. "
            "Clusters: load or build a PETSc configured with --with-scalar-type=real --with-precision=double"
        )
    if mpi.COMM_WORLD.rank == 0 and not petsc.Sys.hasExternalPackage("hypre"):
        warnings.warn(NO_HYPRE, RuntimeWarning, stacklevel=2)
    if size > 1 and mpi.COMM_WORLD.rank == 0 and not h5py.get_config().mpi:
        warnings.warn(SERIAL_H5PY, RuntimeWarning, stacklevel=2)


def versions() -> dict[str, str]:
    """Versions of everything that shapes a result, for its provenance.

    Needs a complete environment; call `check_environment` first. Starts git once, so call it
    on one rank and broadcast. ``git commit`` ends in "-dirty" when tracked files were changed
    and is "unknown" outside a checkout; ``lifront`` is "unknown" when it is not installed.
    """
    import h5py
    import mpi4py
    import numpy
    import petsc4py
    from mpi4py import MPI
    from petsc4py import PETSc

    return {
        "lifront": lifront_version(),
        "git commit": git_commit(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "petsc": ".".join(str(part) for part in PETSc.Sys.getVersion()),
        "petsc4py": petsc4py.__version__,
        "mpi4py": mpi4py.__version__,
        "h5py": f"{h5py.__version__} ({'mpi' if h5py.get_config().mpi else 'serial'})",
        "hdf5": h5py.version.hdf5_version,
        "MPI library": MPI.Get_library_version().strip("\0 \n").splitlines()[0].split(",")[0],
    }


def lifront_version() -> str:
    """Version of lifront, "unknown" when it is not installed."""
    try:
        return importlib.metadata.version("lifront")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def git_commit() -> str:
    """Commit of the checkout that this file is part of, with "-dirty" if it was changed, or "unknown"."""
    if not Path(ROOT, ".git").exists():  # installed, maybe inside another repository, whose settings can name programs
        return "unknown"
    here = Path(__file__).resolve().relative_to(ROOT)
    try:
        _git("ls-files", "--error-unmatch", str(here))
        return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*arguments: str) -> str:
    """Output of git in the checkout; nothing is written there and no monitor is started."""
    command = ["git", "-C", ROOT, "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _require(module: str) -> ModuleType:
    """Import a module of a package that must be there."""
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:  # mpi4py: RuntimeError when libmpi cannot be loaded
        raise _missing(module.partition(".")[0], error) from error


def _missing(package: str, error: Exception) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"cannot import {package} ({error}).\n"
        f"  Debian, Ubuntu: run 'make setup' in the lifront checkout; it does\n"
        f"      apt-get install {DEBIAN_PACKAGES[package]}\n"
        "      and makes the package visible in .venv; then use .venv/bin/lifront\n"
        "  Clusters: load the modules of PETSc with petsc4py, mpi4py and a parallel h5py, or\n"
        "      conda install -c conda-forge 'petsc=*=real*' petsc4py mpi4py 'h5py=*=mpi_*'\n"
        "      spack install py-petsc4py py-mpi4py py-h5py+mpi\n"
        "      then 'pip install .' in that environment (README.md, 'On a cluster')"
    )


def _check_launcher(size: int, library: str) -> None:
    """Raise if mpirun started several ranks but each of them believes that it is alone."""
    for variable in LAUNCHER_SIZE_VARIABLES:
        started = os.environ.get(variable, "")
        if size == 1 and started.isdigit() and int(started) > 1:
            raise EnvironmentProblem(
                f"mpirun started {started} ranks ({variable}) but each of them is alone: mpi4py uses "
                f"another MPI library ({library.splitlines()[0].strip()}) than this mpirun. "
                "Debian, Ubuntu: use /usr/bin/mpirun of openmpi-bin ('mpirun.openmpi'). "
                "Clusters: load the MPI module with which mpi4py and PETSc were built"
            )


def report() -> int:
    """Check the environment and print the versions. The exit code, that of bad input when something is missing."""
    try:
        check_environment()
    except EnvironmentProblem as problem:
        print(problem, file=sys.stderr)
        return EXIT_BAD_INPUT
    for name, version in versions().items():
        print(f"{name:12s} {version}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(report())
