"""Where the time of a step goes, on one rank of a quiet machine.

    python -m benchmarks.step_profile [names]

The cases are run to where voids are open or filaments grow, and then profiled over some time of theirs, in memory:
processor time in microseconds per cell and step, and in the first row per cell and second of the case. The parts are
those of `model.coupling`; what follows them is in the mechanics, where times of Python's functions contain what they
call: the operator applied to a vector, the preconditioner applied, set up (matrices and hierarchies), the equations
evaluated. "other" is what is left of the mechanics.
"""

from __future__ import annotations

import argparse
import cProfile
import math
import pstats
import time
from dataclasses import dataclass
from pathlib import Path

from mpi4py import MPI

from solver import load_case
from solver.loop.build import make_simulation
from solver.loop.simulation import Simulation
from solver.model.build import make_grid
from solver.model.coupling import Coupling
from solver.output.log import Console
from solver.output.recorder import MemoryRecorder

CASES = Path(__file__).parents[1] / "cases"
PARTS = ("charge", "mechanics", "occupancy", "lithium")
# rows of the table: functions by file and name; those of PETSc's callbacks are seen because they are Python's
INSIDE = {
    "operator": ("force_balance.py", "apply"),
    "preconditioner": ("saddle.py", "apply"),
    "set-up": ("mechanics.py", "assemble"),
    "evaluate": ("force_balance.py", "evaluate"),
}


@dataclass(frozen=True)
class Point:
    """A case, changes of it, and from when to when it is profiled, s."""

    file: str
    changes: tuple[str, ...]
    start: float
    end: float


POINTS = {
    "demo": Point("stripping/demo.toml", (), 360.0, 510.0),
    "symmetric": Point("ccd/symmetric.toml", ("protocol.0.start=0.9 mA/cm^2",), 300.0, 450.0),
    "stripping": Point("stripping/strip_1.0mA_3MPa.toml", (), 390.0, 480.0),
    "three_d": Point("ccd/three_d.toml", (), 1.0, 4.0),
}


def measure(point: Point) -> dict[str, float]:
    """Microseconds per cell and step of all parts, and counts per step."""
    case = load_case(CASES / point.file, point.changes)
    grid = make_grid(case, MPI.COMM_SELF)
    simulation = make_simulation(case, grid, MemoryRecorder(grid.comm, Console(grid.comm, False)))
    simulation.begin()
    assert isinstance(simulation.model, Coupling)
    advance(simulation, point.start)
    seconds = simulation.model.timers.seconds
    seconds.clear()
    setups, progress = simulation.model.deformation.mechanics.solver.setups, simulation.progress
    profile, before = cProfile.Profile(), time.process_time()
    tried, begun = progress.rejected, progress.time
    profile.enable()
    counts = advance(simulation, point.end)
    profile.disable()
    total = time.process_time() - before
    size, steps = math.prod(grid.shape), counts.pop("steps")
    functions = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed lacks it
    inside = {name: cumulative(functions, *where) for name, where in INSIDE.items()}
    inside["other"] = seconds["mechanics"] - sum(inside.values())
    per_step = {"step": total} | {part: seconds[part] for part in PARTS} | inside
    per_cell = {name: 1e6 * value / (size * steps) for name, value in per_step.items()}
    setups = simulation.model.deformation.mechanics.solver.setups - setups
    return (
        {"per second": 1e6 * total / size / (progress.time - begun)}
        | per_cell
        | {
            "cells": float(size),
            "steps": steps,
            **{name: count / steps for name, count in counts.items()},
            "set-ups": setups / steps,
            "rejected": (progress.rejected - tried) / steps,
            "contact": progress.measured["contact_fraction"],
        }
    )


def advance(simulation: Simulation, end: float) -> dict[str, float]:
    """Accept steps up to a time in s; how many, and their iterations."""
    counts = {"steps": 0.0, "newton": 0.0, "krylov": 0.0}
    while simulation.progress.time < end:
        simulation._advance()
        counts["steps"] += 1
        for name in ("newton", "krylov"):
            counts[name] += simulation.progress.measured[name]
    return counts


def cumulative(functions: dict[tuple[str, int, str], tuple[float, ...]], file: str, name: str) -> float:
    """Seconds in a function and in what it calls."""
    return sum(entry[3] for (path, _, found), entry in functions.items() if path.endswith(f"/{file}") and found == name)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*POINTS, []], help="all without any")
    names = parser.parse_args().names or list(POINTS)
    found = {name: measure(POINTS[name]) for name in names}
    print(f"{'us per cell and step':24s}" + "".join(f"{name:>12s}" for name in names))
    for row in found[names[0]]:
        digits = 0 if row in ("cells", "steps") else 3 if row == "contact" else 2
        indent = "  " if row in PARTS else "    " if row in (*INSIDE, "other") else ""
        print(f"{indent + row:24s}" + "".join(f"{found[name][row]:12.{digits}f}" for name in names))


if __name__ == "__main__":
    main()
