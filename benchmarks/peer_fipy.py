"""Charge, occupancy and lithium beside FiPy: the same case, step for step in turn, so that both meet the same machine.

    python -m benchmarks.peer_fipy [--cells 128 256 512] [--steps 6]

FiPy has no staggered grid: the mechanics of every step, velocities on the faces and excess pressure, is ours, and FiPy
is given it. So our seconds are those of a step less its mechanics (all else counts, also what is measured), our
iterations those without its; `mechanics` is its share of our whole step, at the tolerance of a run.

Each program gets two short steps to start with, which are not counted (first preconditioners, and the start from
sharp fields). Given are medians of the seconds per step, their ratio, the Newton and Krylov iterations per step,
and the largest difference of the fields at the end, which shows that the same problem was solved.
Results are printed, never asserted: the machine decides. One rank.
"""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also as `python benchmarks/peer_fipy.py`

from benchmarks.setting import Run, Setting

WARM_UP = (0.2, 0.2)  # s, sizes of the steps that are not counted
HEADING = (
    "   grid    solver s   FiPy s   ratio   mechanics   newton (FiPy)   krylov (FiPy)   "
    "max difference: lithium  occupancy  potential [V]"
)


def compare(cells: int, steps: int) -> str:
    """One line of the table."""
    setting = Setting((cells, cells))
    ours = Run(setting)
    peer = ours.peer()
    seconds: list[float] = []
    newton: list[int] = []
    krylov: list[int] = []
    for dt in (*WARM_UP, *[setting.dt] * steps):
        ours.step(dt)
        assert ours.motion is not None
        start = perf_counter()
        peer.step(dt, setting.current_density, ours.motion)
        seconds.append(perf_counter() - start)
        newton.append(peer.newton)
        krylov.append(peer.krylov)
    first = len(WARM_UP)
    whole, mechanics = ours.seconds[first:], ours.mechanics_seconds[first:]
    mine, theirs = median(t - m for t, m in zip(whole, mechanics, strict=True)), median(seconds[first:])
    measured = [(r.measured["newton"], r.measured["krylov"]) for r in ours.results[first:]]
    counts = (np.sum(measured, axis=0) - np.sum(ours.mechanics_iterations[first:], axis=0)) / steps
    gaps = ours.differences(peer)
    return (
        f"{cells:5d}^2 {mine:10.3f} {theirs:8.3f} {theirs / mine:7.1f} {sum(mechanics) / sum(whole):11.0%} "
        f"{counts[0]:8.1f} ({sum(newton[first:]) / steps:4.1f}) {counts[1]:8.1f} ({sum(krylov[first:]) / steps:5.1f})"
        f"{gaps['lithium']:27.1e} {gaps['occupancy']:10.1e} {gaps['potential']:10.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    s = Setting((0, 0))
    print(f"python -m benchmarks.peer_fipy {' '.join(sys.argv[1:])}".rstrip())
    programs = f"FiPy {version('fipy')} with PETSc, Python {platform.python_version()}"
    print(f"{programs}, one rank; medians of {arguments.steps} steps")
    print(
        f"lambda = {1e9 * s.width:g} nm, dx = {1e9 * s.spacing:g} nm, dt = {s.dt:g} s, "
        f"{0.1 * s.current_density:g} mA/cm^2, {1e-6 * s.stack_pressure:g} MPa"
    )
    print(HEADING)
    for cells in arguments.cells:
        print(compare(cells, arguments.steps), flush=True)


if __name__ == "__main__":
    main()
