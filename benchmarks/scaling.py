"""Cost per cell, memory per cell, share of the physics, Krylov iterations and ranks, from 64^2 to 1024^2 cells.

    python -m benchmarks.scaling [--quick]

Every point is a process of its own, so that peak memory is that of the point; with more ranks under mpirun. Given are
medians over the steps after three others. Krylov iterations are per time step, in brackets the linear solves they
are spread over; tolerances are those of a run. Two ways of refining:

(a) dx stays, the box grows: more of the same
(b) the box stays, dx shrinks at the same lambda (2 to 16 cells) and dt: diffusion gains on inertia
"""

from __future__ import annotations

import argparse
import json
import resource
from statistics import median
from typing import Any

from benchmarks import processes

PHYSICS = ("charge", "mechanics", "occupancy", "lithium")
SOLVED = ("charge", "occupancy", "lithium")
CURRENT = -2.0  # A/m^2: no void opens in these steps, so that all sizes have the same Newton steps to do
COARSEST = 64  # cells along a side, at dx = lambda/2


def measure(cells: int, refinement: int, steps: int) -> None:
    """Run one point on all ranks; rank 0 prints it as JSON."""
    from benchmarks.setting import Run, Setting

    run = Run(Setting((cells, cells), spacing=100e-9 / refinement, current_density=CURRENT))
    counts = {name: [0, 0] for name in SOLVED}
    model = run.coupling
    solvers = (model.charge.equation.solver, model.occupancy.equation.solver, model.lithium.equation.solver.solver)
    for name, solver in zip(SOLVED, solvers, strict=True):
        count_solves(solver, counts[name])
    for dt in (0.2, 0.2):
        run.step(dt)
    run.step()
    run.coupling.timers.seconds.clear()
    for count in counts.values():
        count[:] = [0, 0]
    for _ in range(steps):
        run.step()
    if run.grid.comm.rank == 0:
        result = {
            "seconds": median(run.seconds[-steps:]),
            "physics": {name: run.coupling.timers.seconds[name] / steps for name in PHYSICS},
            "total": sum(run.seconds[-steps:]) / steps,
            "counts": {name: [c / steps for c in count] for name, count in counts.items()},
            "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        print(json.dumps(result))


def count_solves(solver: Any, count: list[int]) -> None:
    """Count linear solves and their iterations."""
    solve = solver.solve

    def counted(*arguments: Any, **named: Any) -> Any:
        solution, outcome = solve(*arguments, **named)
        count[0] += outcome.iterations
        count[1] += 1
        return solution, outcome

    solver.solve = counted


def point(cells: int, refinement: int = 1, steps: int = 6, ranks: int = 1) -> dict[str, Any]:
    """One point in a process of its own."""
    return processes.point("benchmarks.scaling", str(cells), str(refinement), str(steps), ranks=ranks)


def cost(sizes: list[int], steps: int) -> None:
    """Time and memory per cell and the share of each physics."""
    print("\ncost per cell and step, one rank, dx fixed")
    print("   grid   s/step  us/cell  peak MB  B/added cell   share: " + "  ".join(f"{n:>9}" for n in PHYSICS))
    before: tuple[int, float] | None = None
    per_cell = []
    for n in sizes:
        r = point(n, steps=steps)
        per_cell.append(1e6 * r["seconds"] / n**2)
        added = "" if before is None else f"{(r['peak'] - before[1]) / (n**2 - before[0]):.0f}"
        before = (n**2, r["peak"])
        shares = "  ".join(f"{r['physics'][name] / r['total']:9.0%}" for name in PHYSICS)
        print(
            f"{n:5d}^2 {r['seconds']:8.3f} {per_cell[-1]:8.2f} {1e-6 * r['peak']:8.0f} {added:>13}          {shares}",
            flush=True,
        )
    print(f"largest / smallest cost per cell: {max(per_cell) / min(per_cell):.2f}")


def iterations(sizes: list[int], steps: int) -> None:
    """Krylov iterations under both ways of refining."""
    for title, refined in (("(a) dx = 100 nm, growing box", False), ("(b) fixed box of 6.4 um, dx shrinking", True)):
        print(f"\nKrylov iterations per time step (linear solves), lambda = 200 nm, dt = 2 s: {title}")
        print("   grid   dx [nm]  " + "  ".join(f"{name:>12}" for name in SOLVED))
        for n in sizes:
            factor = n // COARSEST if refined else 1
            counts = point(n, factor, steps)["counts"]
            cells = "  ".join(f"{counts[name][0]:6.1f} ({counts[name][1]:.1f})" for name in SOLVED)
            print(f"{n:5d}^2 {100 / factor:8.1f}    {cells}", flush=True)


def strong(sizes: list[int], steps: int) -> None:
    """The same problem on one and two ranks."""
    print("\nstrong scaling\n   grid   1 rank s/step   2 ranks s/step   speed-up")
    for n in sizes:
        one, two = point(n, steps=steps)["seconds"], point(n, steps=steps, ranks=2)["seconds"]
        print(f"{n:5d}^2 {one:14.3f} {two:16.3f} {one / two:10.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="up to 256^2 only")
    parser.add_argument("--point", type=int, nargs=3, metavar=("CELLS", "REFINEMENT", "STEPS"), help="one point")
    arguments = parser.parse_args()
    if arguments.point:
        measure(*arguments.point)
        return
    largest = 256 if arguments.quick else 1024
    print(f"python -m benchmarks.scaling{' --quick' if arguments.quick else ''}")
    cost([n for n in (128, 256, 512, 1024) if n <= largest], steps=4)
    iterations([n for n in (64, 128, 256, 512) if n <= largest], steps=4)
    strong([256] if arguments.quick else [256, 512], steps=6)


if __name__ == "__main__":
    main()
