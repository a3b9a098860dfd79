"""Where the time of a step goes, on one rank of a quiet machine.

    python -m benchmarks.step_profile [names]

The cases are run to where voids are open or filaments grow, and then profiled over some steps, in memory. "per cell" is
microseconds per cell and step. The parts are those of `model.coupling`; what follows them is in the mechanics, where
times of Python's functions contain what they call: the operator applied to a vector, the preconditioner applied,
set up (matrices and hierarchies), the equations evaluated. "other" is what is left of the mechanics.
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
    """A case, changes of it, and the steps before and within the profile."""

    file: str
    changes: tuple[str, ...]
    skipped: int
    steps: int


POINTS = {
    "demo": Point("demo.toml", (), 100, 30),
    "symmetric": Point("ccd/symmetric.toml", ("protocol.0.start=0.9 mA/cm^2",), 40, 20),
    "stripping": Point("stripping/strip_1.0mA_3MPa.toml", (), 80, 15),
    "three_d": Point("ccd/three_d.toml", (), 3, 3),
}


def measure(point: Point) -> dict[str, float]:
    """Microseconds per cell and step of all parts, and counts per step."""
    case = load_case(CASES / point.file, point.changes)
    grid = make_grid(case, MPI.COMM_SELF)
    simulation = make_simulation(case, grid, MemoryRecorder(grid.comm, Console(grid.comm, False)))
    simulation.begin()
    assert isinstance(simulation.model, Coupling)
    advance(simulation, point.skipped)
    seconds = simulation.model.timers.seconds
    seconds.clear()
    setups = simulation.model.deformation.mechanics.solver.setups
    profile, before, tried = cProfile.Profile(), time.perf_counter(), simulation.progress.rejected
    profile.enable()
    counts = advance(simulation, point.steps)
    profile.disable()
    total = time.perf_counter() - before
    size = math.prod(grid.shape)
    cells, functions = size * point.steps, pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed lacks it
    inside = {name: cumulative(functions, *where) for name, where in INSIDE.items()}
    inside["other"] = seconds["mechanics"] - sum(inside.values())
    per_cell = {"step": total} | {part: seconds[part] for part in PARTS} | inside
    return {name: 1e6 * value / cells for name, value in per_cell.items()} | {
        "cells": float(size),
        "newton": counts["newton"] / point.steps,
        "krylov": counts["krylov"] / point.steps,
        "set-ups": (simulation.model.deformation.mechanics.solver.setups - setups) / point.steps,
        "rejected": (simulation.progress.rejected - tried) / point.steps,
        "contact": simulation.progress.measured["contact_fraction"],
    }


def advance(simulation: Simulation, steps: int) -> dict[str, float]:
    """Accept so many steps; their iterations."""
    counts = {"newton": 0.0, "krylov": 0.0}
    for _ in range(steps):
        simulation._advance()
        for name in counts:
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
        digits = 0 if row == "cells" else 3 if row == "contact" else 2
        indent = "  " if row in PARTS else "    " if row in (*INSIDE, "other") else ""
        print(f"{indent + row:24s}" + "".join(f"{found[name][row]:12.{digits}f}" for name in names))


if __name__ == "__main__":
    main()
