"""Run a case: from Python (`solver.run`) or from the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from solver.build import make_grid, make_simulation
from solver.case import Case
from solver.grid import Grid
from solver.interrupts import Interrupts
from solver.output import checkpoint, files, present, provenance, summary
from solver.output.log import Console
from solver.output.recorder import FileRecorder, MemoryRecorder
from solver.physics import penetration
from solver.ramp_results import UNITS, Scalar, in_words, ramp_results
from solver.simulation import EXIT_DONE, Simulation, SolveFailed

LATEST = "latest"


@dataclass(frozen=True)
class Result:
    """Outcome of a run. curves: columns of the log by name (SI), of the steps of this call.

    seconds: wall time of this call per physics, for output, and in total.
    results: scalars that the protocol is made to find, by name (SI): see `solver.ramp_results`; empty without a ramp.
    """

    curves: dict[str, np.ndarray]
    stop_reason: str
    directory: Path | None = None
    exit_code: int = EXIT_DONE
    seconds: dict[str, float] = field(default_factory=dict)
    results: dict[str, Scalar] = field(default_factory=dict)


def run(
    case: Case,
    directory: str | Path | None = None,
    restart: str | Path | None = None,
    wall: float | None = None,
    progress: bool = False,
    comm: MPI.Comm | None = None,
    segments: int | None = None,
) -> Result:
    """Run a case to its end (collective).

    directory: where results go; None keeps the curves only. An earlier run's results there are replaced.
    restart: a checkpoint, or "latest" of the directory: go on from there, on any number of ranks.
    wall: seconds after which to write a checkpoint and stop. progress: show a progress bar.
    segments: do so many segments of the protocol, loops and ramps unrolled, as if it had no others; None does all.

    Raises SolveFailed when the smallest step is not small enough (the last checkpoint is valid), and
    CheckpointError when there is nothing to restart from.
    """
    started = time.monotonic()
    comm = MPI.COMM_WORLD if comm is None else comm
    # a signal that arrives during the set-up takes effect after the first step
    with Console(comm, progress, case.title or "run") as console, Interrupts(comm, wall, started) as interrupts:
        grid = make_grid(case, comm)
        saved = _checkpoint_to_restart(directory, restart, grid, case, console)
        recorder = _recorder(case, directory, grid, console, saved)
        simulation = make_simulation(case, grid, recorder)
        simulation.segments = simulation.segments[:segments]
        if saved is None:
            simulation.begin()
        else:
            simulation.resume(*saved)
        try:
            reason, code = simulation.run(interrupts)
        except SolveFailed as error:
            _summarise(simulation, recorder, f"failed: {error}", started)
            raise
        _summarise(simulation, recorder, reason, started)
        if code == EXIT_DONE and isinstance(recorder, FileRecorder):
            summary.write_done(recorder.directory, comm, case.source.digest)
        results = _results(simulation, reason)
        console.message(f"{reason} at t = {simulation.progress.time:.6g} s")
        if results:
            console.message(in_words(results))
    where = None if directory is None else Path(directory)
    return Result(recorder.curves(), reason, where, code, _seconds(simulation, recorder, started), results)


def _results(simulation: Simulation, reason: str) -> dict[str, Scalar]:
    p = simulation.progress
    return ramp_results(simulation.segments, p.segment, reason, p.time, p.segment_charge)


def _checkpoint_to_restart(
    directory: str | Path | None, restart: str | Path | None, grid: Grid, case: Case, console: Console
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    if restart is None:
        return None
    if str(restart) == LATEST:
        if directory is None:
            raise checkpoint.CheckpointError("restart 'latest' needs the directory of the run")
        path = files.on_root(grid.comm, lambda: checkpoint.latest(Path(directory)))
        if path is None:
            raise checkpoint.CheckpointError(f"{directory}: no complete checkpoint to restart from")
    else:
        path = Path(restart)
    saved = checkpoint.read(path, grid)
    if case.has_defects and not saved[0].keys() >= set(penetration.FIELDS):
        raise checkpoint.CheckpointError(f"{path}: of a case without defects, so it cannot go on with them")
    changed = files.on_root(grid.comm, lambda: checkpoint.case_differences(path, _resolved(case)))
    if directory is not None:
        step = int(saved[1]["step"])
        files.on_root(grid.comm, lambda: checkpoint.discard_later(Path(directory), step))
        files.on_root(grid.comm, lambda: summary.retract(directory))
    for line in changed:
        console.message(f"restart: the case differs from the checkpoint's: {line}")
    console.message(f"restart from {path}")
    return saved


def _resolved(case: Case) -> str:
    return json.dumps(case.resolved(), indent=2)


def _recorder(
    case: Case,
    directory: str | Path | None,
    grid: Grid,
    console: Console,
    saved: tuple[Mapping[str, Any], Mapping[str, Any]] | None,
) -> MemoryRecorder:
    if directory is None:
        return MemoryRecorder(grid.comm, console)
    about = provenance.collect(case.source.text, _resolved(case), grid.comm, _seeds(case), case.source.overrides)
    resume = None if saved is None else (int(saved[1]["step"]), float(saved[1]["time"]))
    output = case.output
    recorder = FileRecorder(
        Path(directory), grid, console, about, output.fields, output.keep_checkpoints, resume, output.precision
    )

    def write_case() -> None:
        for name, text in present.copies(case).items():
            files.write_text(Path(directory) / name, text)

    files.on_root(grid.comm, write_case)
    return recorder


def _seeds(case: Case) -> dict[str, int]:
    seeds = {"defects": case.lithium.defect_seed, "noise": case.lithium.noise_seed}
    for name, part in (("roughness", case.interface.roughness), ("heterogeneity", case.interface.heterogeneity)):
        if part is not None and hasattr(part, "seed"):
            seeds[name] = part.seed
    for number, table in enumerate(case.defects):
        if hasattr(table, "seed"):
            seeds[f"defects.{number}"] = table.seed
    return seeds


def _seconds(simulation: Simulation, recorder: MemoryRecorder, started: float) -> dict[str, float]:
    timers = getattr(simulation.model, "timers", None)
    parts = dict(timers.seconds) if timers else {}
    return {**parts, "output": recorder.seconds, "total": time.monotonic() - started}


def _summarise(simulation: Simulation, recorder: MemoryRecorder, reason: str, started: float) -> None:
    if not isinstance(recorder, FileRecorder):
        return
    p, results = simulation.progress, _results(simulation, reason)
    summary.write(
        recorder.directory,
        simulation.grid.comm,
        reason,
        p.step,
        p.rejected,
        _seconds(simulation, recorder, started),
        recorder.provenance,
        time=p.time,
        capacity=p.charge,
        lithium_error=simulation.lithium_error(),
        cells=list(simulation.grid.shape),
        results=results,
        units={name: unit for name, unit in UNITS.items() if name in results},
        segments=p.ended,
        warnings=p.warnings,
    )
