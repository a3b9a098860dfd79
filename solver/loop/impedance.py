"""Impedance of a run at one of its checkpoints (`physics.impedance`): from Python, or from the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mpi4py import MPI

from solver.case.io import load_case
from solver.case.schema import Case
from solver.loop.progress import CannotContinue, Progress, case_differences
from solver.loop.simulation import SOLVERS, SolveFailed
from solver.model.build import make_coupling, make_grid, make_state
from solver.model.coupling import Coupling
from solver.model.impedance import linearise
from solver.numerics.array import Array
from solver.numerics.state import State
from solver.output import checkpoint, files
from solver.output.log import Console, LogTable, column_name
from solver.output.present import CASE
from solver.physics.impedance import HarmonicBalance
from solver.voice import Voice

TABLE, PICTURE = "impedance.csv", "impedance.png"
COLUMNS = (
    "time [s]",
    "frequency [Hz]",
    "real [ohm m^2]",
    "imaginary [ohm m^2]",
    "magnitude [ohm m^2]",
    "phase [rad]",
)
FIRST, LAST, PER_DECADE = 1e6, 1e-2, 6  # Hz, Hz, 1
NEAR = 0.01  # of the time that is asked for: how far from it a checkpoint may be


@dataclass(frozen=True)
class Impedance:
    """Impedances Z (complex, ohm m^2) at frequencies (Hz) of a state at a time (s).

    iterations: of the linear solver at each of them.
    """

    time: float
    frequency: Array
    impedance: Array
    iterations: Array

    def rows(self) -> list[dict[str, float]]:
        """Those of the table, by the names of its columns."""
        names = [column_name(heading) for heading in COLUMNS]
        pairs = zip(self.frequency.tolist(), self.impedance.tolist(), strict=True)
        values = [(self.time, f, z.real, z.imag, abs(z), float(np.angle(z))) for f, z in pairs]
        return [dict(zip(names, row, strict=True)) for row in values]


def frequencies(first: float = FIRST, last: float = LAST, per_decade: int = PER_DECADE) -> Array:
    """From the first to the last, Hz, at equal distances of their logarithms."""
    steps = int(np.ceil(abs(np.log10(first / last)) * per_decade - 1e-9))
    return np.geomspace(first, last, steps + 1) if steps else np.array([first])


def impedance(
    directory: str | Path,
    time: float | None = None,
    frequency: Sequence[float] | Array | None = None,
    progress: bool | Voice = False,
    comm: MPI.Comm | None = None,
) -> Impedance:
    """Impedance of the run in a directory (collective). Nothing is written.

    time: of a checkpoint, s, as near as NEAR; None takes the newest. frequency: Hz; None is 1 MHz to 10 mHz.

    Raises CheckpointError where there is no such checkpoint or it is damaged, CaseError when the case of the run cannot
    be read, SolveFailed where the state has no impedance.
    """
    comm = MPI.COMM_WORLD if comm is None else comm
    case, path = files.on_root(comm, lambda: find(Path(directory), time))
    return of_checkpoint(case, path, frequencies() if frequency is None else np.asarray(frequency), progress, comm)


def find(directory: Path, time: float | None) -> tuple[Case, Path]:
    """Case and checkpoint of a run (not collective). Raises CheckpointError and CaseError."""
    if not (directory / CASE).is_file():
        raise checkpoint.CheckpointError(f"{directory}: not a run directory: no {CASE}")
    case = load_case(directory / CASE)
    return case, choose(directory, time, case.output.keep_checkpoints)


def choose(directory: Path, time: float | None, kept: int) -> Path:
    """The checkpoint at a time, s, or the newest; kept: how many the run keeps (not collective). CheckpointError."""
    found = checkpoint.times(directory)
    if not found:
        raise checkpoint.CheckpointError(f"{directory}: no checkpoint that can be read; a run writes them")
    if time is None:
        return next(iter(found))
    nearest = min(found, key=lambda path: abs(found[path] - time))
    if abs(found[nearest] - time) <= NEAR * time:
        return nearest
    there = ", ".join(f"{at:.6g}" for at in sorted(found.values()))
    raise checkpoint.CheckpointError(
        f"{directory}: no checkpoint within {NEAR:.0%} of {time:.6g} s; allowed: those at {there} s. The run keeps the "
        f"last {kept}: output.keep_checkpoints keeps more, output.checkpoint_interval writes them more often"
    )


def of_checkpoint(
    case: Case, path: Path, frequency: Array, progress: bool | Voice = False, comm: MPI.Comm | None = None
) -> Impedance:
    """Impedance at a checkpoint of a case (collective). Raises CheckpointError and SolveFailed."""
    comm = MPI.COMM_WORLD if comm is None else comm
    with Console(comm, progress, "impedance") as console:
        coupling = make_coupling(case, make_grid(case, comm))
        state, at = _read(case, path, coupling, console)
        admittance = linearise(coupling, state, at.measured)
        balance = HarmonicBalance(coupling.charge.equation, case.solver.tolerance)
        series, found = case.drive.series_resistance, []
        for number, f in enumerate(frequency.tolist(), 1):
            z, outcome = balance.impedance(admittance(2 * np.pi * f))
            if not outcome.converged:
                raise SolveFailed(f"impedance at {f:.4g} Hz: {outcome.reason}")
            found.append((z + series, outcome.iterations))
            console.update(number / len(frequency), f"{f:.3g} Hz")
    values, iterations = zip(*found, strict=True)
    return Impedance(at.time, frequency, np.array(values), np.array(iterations))


def _read(case: Case, path: Path, coupling: Coupling, console: Console) -> tuple[State, Progress]:
    """State and progress of a checkpoint (collective). Raises CheckpointError."""
    saved, state = checkpoint.read(path, coupling.grid), make_state(coupling)
    try:
        scalars = {name: value for name, value in saved.scalars.items() if name != SOLVERS}
        progress = Progress.from_json(scalars)
        _, changed = case_differences(saved.provenance["resolved_case"], json.dumps(case.resolved()))
        for name in state:
            state[name] = saved.fields[name]
    except (CannotContinue, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise checkpoint.CheckpointError(f"{path}: not a state of the case beside it ({error})") from error
    for line in changed:
        console.message(f"warning: the case differs from the checkpoint's: {line}")
    state.time = progress.time
    console.message(f"state at {progress.time:.6g} s, {path}")
    return state, progress


def write(found: Impedance, directory: Path, comm: MPI.Comm) -> Path:
    """Write the table into a directory (collective). Raises FileError."""
    path = directory / TABLE
    LogTable(path, COLUMNS, found.rows(), comm).close()
    return path


def foreign(directory: Path) -> Path | None:
    """What would be replaced and was not written by lifront: a table, and a picture without one; None without."""
    table, drawn = directory / TABLE, directory / PICTURE
    if table.exists():
        with table.open("rb") as stream:
            begins = stream.readline(200).decode(errors="replace").strip()
        return None if begins == ",".join(COLUMNS) else table
    return drawn if drawn.exists() else None
