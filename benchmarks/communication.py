"""Exchanges of ghosts and reductions of a step, the floor that Python sets, and what follows for many ranks.

    python -m benchmarks.communication

Counted on two ranks at 256^2 while no void opens, per step: messages to neighbours (`VecScatterBegin` of PETSc, which
all ghosts and products with matrices go through) and reductions (norms and dot products of PETSc, `allreduce` of the
grid). BoomerAMG does not log its own: EXCHANGES_PER_LEVEL of every V-cycle are assumed. The floor is a step on 16^2 on
one rank. The model of a step with n cells on each of P ranks,

    t = n c + f + (exchanges + coarse exchanges) a + reductions a log2 P

takes c, the time per cell, from 256^2 on one rank (cells on a rank of a large run are as few), f the floor, and a
latency a of LATENCY; messages are short. Efficiency is n c / t.
"""

from __future__ import annotations

import argparse
import json
import math
from statistics import median
from typing import Any

from benchmarks import processes

LATENCY = 2e-6  # s, of a fast network
LEVELS, EXCHANGES_PER_LEVEL = 9, 5  # of BoomerAMG at 256^2; two sweeps, a residual, down and up
EXCHANGES, REDUCTIONS = ("VecScatterBegin",), ("VecMDot", "VecNorm", "VecDot", "VecTDot")
CURRENT = -2.0  # A/m^2: no void opens
STEPS = 6
SMALL = 16  # cells along a side, for the floor
CELLS = (1_000, 4_000, 16_000, 64_000)  # on a rank


def measure(cells: int) -> None:
    """Run one point on all ranks; rank 0 prints it as JSON."""
    from benchmarks.setting import Run, Setting
    from solver.numerics.grid import Grid
    from solver.petsc import PETSc

    counts = {"exchanges": 0, "reductions": 0, "cycles": 0}
    sums = Grid.sums

    def counted(grid: Grid, *values: Any) -> list[float]:
        counts["reductions"] += 1
        return sums(grid, *values)

    PETSc.Log.begin()
    spacing = 100e-9 if cells > SMALL else 200e-9  # the void and the electrolyte need their room
    run = Run(Setting((cells, cells), spacing=spacing, current_density=CURRENT))
    for dt in (0.2, 0.2, 2.0, 2.0, 2.0):
        run.step(dt)
    Grid.sums = counted  # type: ignore[method-assign]  # only a count is added, for the rest of this process
    before = logged(PETSc)
    for _ in range(STEPS):
        run.step()
    for name, value in logged(PETSc).items():
        counts[name] += value - before[name]
    if run.grid.comm.rank == 0:
        per_step = {name: value / STEPS for name, value in counts.items()}
        print(json.dumps({"seconds": median(run.seconds[-STEPS:]), **per_step}))


def logged(petsc: Any) -> dict[str, int]:
    """What PETSc has counted."""

    def count(*names: str) -> int:
        return sum(int(petsc.Log.Event(name).getPerfInfo()["count"]) for name in names)

    return {"exchanges": count(*EXCHANGES), "reductions": count(*REDUCTIONS), "cycles": count("PCApply")}


def main() -> None:
    """Print counts, floor and model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--point", type=int, metavar="CELLS", help="one point")
    arguments = parser.parse_args()
    if arguments.point:
        measure(arguments.point)
        return
    print("python -m benchmarks.communication")
    two, one = (processes.point("benchmarks.communication", "256", ranks=ranks) for ranks in (2, 1))
    floor = processes.point("benchmarks.communication", str(SMALL))["seconds"]
    per_cell = one["seconds"] / 256**2
    coarse = two["cycles"] * LEVELS * EXCHANGES_PER_LEVEL
    print(
        f"per step at 256^2: {two['exchanges']:.0f} exchanges, {two['reductions']:.0f} reductions, {two['cycles']:.0f}"
    )
    print(f"preconditioners applied, with {coarse:.0f} exchanges on all levels at most")
    print(f"2 ranks against 1: {one['seconds'] / two['seconds']:.2f}")
    print(f"time per cell {1e6 * per_cell:.2f} us, floor ({SMALL}^2) {1e3 * floor:.1f} ms")
    print(f"\nefficiency at a latency of {1e6 * LATENCY:.0f} us")
    print(f"{'cells on a rank':>18}" + "".join(f"{n:>9}" for n in CELLS))
    for ranks in (1, 10, 100, 1000):
        delay = LATENCY * (two["exchanges"] + coarse + two["reductions"] * math.log2(ranks)) if ranks > 1 else 0.0
        shares = (n * per_cell / (n * per_cell + floor + delay) for n in CELLS)
        print(f"{ranks:12d} ranks" + "".join(f"{share:9.2f}" for share in shares))


if __name__ == "__main__":
    main()
