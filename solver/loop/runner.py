"""Run a case: from Python (`solver.run`) or from the command line."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
from mpi4py import MPI

from solver.case.ending import Ending
from solver.case.schema import ALL_FIELDS, Case
from solver.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from solver.loop import cycles
from solver.loop.build import make_simulation
from solver.loop.cycles import Row, cycle_rows
from solver.loop.interrupts import Interrupts, Leave, Request
from solver.loop.progress import CannotContinue, case_differences
from solver.loop.ramp_results import UNITS, Scalar, in_words, ramp_results
from solver.loop.simulation import FINISHED, Simulation, SolveFailed
from solver.model.build import make_grid
from solver.numerics.grid import Grid
from solver.output import checkpoint, files, present, provenance, summary
from solver.output.log import Console
from solver.output.recorder import FileRecorder, MemoryRecorder
from solver.petsc import PETSc
from solver.voice import Voice

LATEST = "latest"
MESH_DIGEST = "mesh_sha256"  # in the provenance of a run


@dataclass(frozen=True)
class Result:
    """Outcome of a run. curves: columns of the log by name (SI), of the steps of this call.

    stop_kind: why it stopped, as one of the words of `solver.case.ending`; stop_reason: in words.
    stop_requested: by a signal or the wall-clock limit, also when it came too late for this run: nothing is to follow.

    seconds: wall time of this call per physics, for output, and in total.
    results: scalars that the protocol is made to find, by name (SI): see `ramp_results`; empty without a ramp.
    half_cycles, cycles: of the whole run (SI), None where nothing applies: see `solver.loop.cycles`.
    """

    curves: dict[str, np.ndarray]
    stop_reason: str
    directory: Path | None = None
    exit_code: int = EXIT_DONE
    seconds: dict[str, float] = field(default_factory=dict)
    results: dict[str, Scalar] = field(default_factory=dict)
    stop_kind: str = ""
    stop_requested: bool = False
    half_cycles: list[Row] = field(default_factory=list)
    cycles: list[Row] = field(default_factory=list)


def run(
    case: Case,
    directory: str | Path | None = None,
    restart: str | Path | None = None,
    wall: float | None = None,
    progress: bool | Voice = False,
    comm: MPI.Comm | None = None,
    segments: int | None = None,
    leave: Leave | None = None,
) -> Result:
    """Run a case to its end (collective).

    directory: where results go; None keeps the curves only. An earlier run's results there are replaced.
    restart: a checkpoint, a directory with checkpoints, or "latest" for that of the run: go on from there, or from the
    newest one there that is not damaged, on any number of ranks.
    wall: seconds after which to write a checkpoint and stop. progress: show a progress bar, or how much to say.
    segments: do so many segments of the protocol, loops and ramps unrolled, as if it had no others; None does all.
    leave: of commands, how they end at once, see `Interrupts`.

    Raises SolveFailed when the smallest step is not small enough (the last checkpoint is valid), CheckpointError when
    there is nothing to restart from, FileError when results cannot be written, and KeyboardInterrupt after Ctrl-C, when
    the checkpoint is written; a command (`leave`) gets that as a result.
    """
    started = time.monotonic()
    comm = MPI.COMM_WORLD if comm is None else comm
    with Console(comm, progress, case.title or "run") as console, Interrupts(comm, wall, started, leave) as interrupts:
        PETSc.garbage_cleanup(comm)  # what is left of earlier runs of this process, which Python has let go of
        grid = make_grid(case, comm)
        saved = _saved(directory, restart, grid, case, console)
        recorder = _recorder(case, directory, grid, console)
        simulation = make_simulation(case, grid, recorder)
        simulation.segments = simulation.segments[:segments]
        # nothing has been written so far: what is there is replaced only by a run that can begin
        if saved is None:
            recorder.begin(simulation.headings, simulation.model.outputs)
            simulation.begin()
        else:
            _go_on(simulation, recorder, saved, case)
        interrupts.stepping = True
        try:
            ending, code = simulation.run(interrupts)
        except SolveFailed as error:
            _summarise(simulation, recorder, Ending("failed", str(error)), started)
            raise
        _summarise(simulation, recorder, ending, started)
        if code == EXIT_DONE and segments is None and isinstance(recorder, FileRecorder):
            summary.write_done(recorder.directory, comm, _digest(case, simulation))
        results = _results(simulation, ending)
        stop_requested = interrupts.pending() == Request.STOP or code == EXIT_INTERRUPTED
        console.message(f"{ending.reason} at t = {simulation.progress.time:.6g} s", Voice.QUIET)
        if results:
            console.message(in_words(results), Voice.QUIET)
    if interrupts.reason == signal.SIGINT.name and leave is None:
        raise KeyboardInterrupt
    where = None if directory is None else Path(directory)
    seconds = _seconds(simulation, recorder, started)
    halves = simulation.progress.half_cycle_rows(ending.kind)
    curves, pairs = recorder.curves(), cycle_rows(halves)
    return Result(curves, ending.reason, where, code, seconds, results, ending.kind, stop_requested, halves, pairs)


def _results(simulation: Simulation, ending: Ending) -> dict[str, Scalar]:
    p = simulation.progress
    return ramp_results(simulation.segments, p.segment, ending.kind, p.time, p.segment_charge)


def _saved(
    directory: str | Path | None, restart: str | Path | None, grid: Grid, case: Case, console: Console
) -> checkpoint.Checkpoint | None:
    """What to go on from, None to begin (collective). Raises CheckpointError; nothing is changed."""
    if restart is None:
        return None
    if str(restart) == LATEST and directory is None:
        raise checkpoint.CheckpointError("restart 'latest' needs the directory of the run")
    place = Path(directory if str(restart) == LATEST and directory else restart)
    if not files.on_root(grid.comm, place.is_dir):
        return _read(place, grid, case, console)
    paths = files.on_root(grid.comm, lambda: checkpoint.newest_first(place))
    refusals: list[checkpoint.CheckpointError] = []
    for path in paths:
        try:
            return _read(path, grid, case, console)
        except checkpoint.CheckpointError as error:
            console.message(f"restart: {error}", Voice.QUIET)
            refusals.append(error)
    raise refusals[0] if refusals else checkpoint.CheckpointError(f"{place}: no checkpoint to restart from")


def _read(path: Path, grid: Grid, case: Case, console: Console) -> checkpoint.Checkpoint:
    saved = checkpoint.read(path, grid)
    console.message(f"restart from {path}")
    return saved


def _go_on(
    simulation: Simulation, recorder: MemoryRecorder, saved: checkpoint.Checkpoint, case: Case
) -> None:
    """Take over a checkpoint, tell how the case differs from its own, and be ready to write (collective).

    Raises CheckpointError when the case cannot go on from there.
    """
    try:
        _take_over(simulation, recorder, saved, case)
        simulation.progress.half_cycle_rows(FINISHED.kind)  # whether they can be written, before anything is replaced
    except CannotContinue as error:
        raise checkpoint.CheckpointError(f"restart: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {error}"
        raise checkpoint.CheckpointError(f"restart: no run can have written this checkpoint ({said})") from error
    for line in simulation.progress.changes:
        recorder.message(f"restart: the results are those of more than one case: {line}")
    if isinstance(recorder, FileRecorder):
        recorder.copies = recorder.copies | {present.DIGEST: f"{_digest(case, simulation)}\n".encode()}
    recorder.resume(saved, simulation.headings, simulation.model.outputs)
    simulation.write_cycles()


def _take_over(
    simulation: Simulation, recorder: MemoryRecorder, saved: checkpoint.Checkpoint, case: Case
) -> None:
    changed, matter = case_differences(saved.provenance["resolved_case"], _resolved(case))
    mesh = _mesh_digest(case, simulation.grid.comm)
    if saved.provenance.get(MESH_DIGEST, mesh) != mesh:
        line = f"geometry.mesh: {case.geometry.mesh}: its content has changed"
        changed, matter = [*changed, line], [*matter, line]
    for line in changed:
        recorder.message(f"restart: the case differs from the checkpoint's: {line}")
    simulation.resume(saved.fields, saved.scalars, matter)


def _digest(case: Case, simulation: Simulation) -> str:
    """Hash of the case that has been carried out; in words where it was changed on the way."""
    return "more than one case" if simulation.progress.changes else case.source.digest


def _resolved(case: Case) -> str:
    return json.dumps(case.resolved(), indent=2)


def _recorder(case: Case, directory: str | Path | None, grid: Grid, console: Console) -> MemoryRecorder:
    """What writes the results; it has not written anything yet (collective)."""
    if directory is None:
        return MemoryRecorder(grid.comm, console)
    about = provenance.collect(case.source.text, _resolved(case), grid.comm, _seeds(case), case.source.overrides)
    about |= {MESH_DIGEST: _mesh_digest(case, grid.comm)}
    copies = files.on_root(grid.comm, lambda: _copies(case, Path(directory)))
    output = case.output
    left_out = set(ALL_FIELDS) - set(output.fields)
    return FileRecorder(
        Path(directory), grid, console, about, copies, left_out, output.keep_checkpoints, output.precision
    )


def _mesh_digest(case: Case, comm: MPI.Comm) -> str:
    """Hash of what the mesh of the case says, wherever it is; "" without one (collective)."""
    mesh = case.geometry.mesh
    return "" if mesh is None else files.on_root(comm, lambda: sha256(Path(mesh).read_bytes()).hexdigest())


def _copies(case: Case, directory: Path) -> dict[str, bytes]:
    if found := present.in_the_way(directory):
        raise files.FileError(found)
    return present.copies(case, directory)


def _seeds(case: Case) -> dict[str, int]:
    seeds = {"defects": case.lithium.defect_seed, "noise": case.lithium.noise_seed}
    for where, section in (("", case.interface), ("collector.", case.collector)):
        for name in ("roughness", "heterogeneity", "nuclei", "nucleation"):
            seed = getattr(getattr(section, name, None), "seed", None)
            if seed is not None:
                seeds[where + name] = seed
    for number, table in enumerate(case.defects):
        if hasattr(table, "seed"):
            seeds[f"defects.{number}"] = table.seed
    return seeds


def _seconds(simulation: Simulation, recorder: MemoryRecorder, started: float) -> dict[str, float]:
    timers = getattr(simulation.model, "timers", None)
    parts = dict(timers.seconds) if timers else {}
    return {**parts, "output": recorder.seconds, "total": time.monotonic() - started}


def _summarise(simulation: Simulation, recorder: MemoryRecorder, ending: Ending, started: float) -> None:
    if not isinstance(recorder, FileRecorder):
        return
    simulation.write_cycles(ending.kind)
    p, results = simulation.progress, _results(simulation, ending)
    halves = p.half_cycle_rows(ending.kind)
    summary.write(
        recorder.directory,
        simulation.grid.comm,
        ending,
        p.step,
        p.rejected,
        _seconds(simulation, recorder, started),
        recorder.provenance,
        time=p.time,
        capacity=p.charge,
        **simulation.balance_errors(),
        cells=list(simulation.grid.shape),
        results=results,
        units={name: unit for name, unit in UNITS.items() if name in results} | cycles.UNITS,
        segments=[asdict(end) for end in p.ended],
        half_cycles=halves,
        cycles=cycle_rows(halves),
        warnings=p.warnings,
        changes=p.changes,
    )
