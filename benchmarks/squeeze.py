"""Li squeezed by a collector: strips and discs against Stefan's and Scott's films, and an island in the whole model.

    python -m benchmarks.squeeze [--widths 200 100 50]

Films: the mechanics alone under a given load (`tests/verification/squeezing.py`). `delta` is how much farther apart
than the gap g the sharp walls are between which the pressure falls as amid the film, `layered` the same of Li that
creeps in the diffuse walls as the model says, on no grid, both in lambda. `load`: over Scott's at g + delta, and at g.
`surface`: velocity of the collector's surface, by which it is moved, over that of the platen. `in gap`: share of the
flow of the layers where Li is, weighted with m; the rest flows in the walls.

Island: 4 um wide and 400 nm high, of the creep of Li (n = 6.6), in a box of 5 um at 20 MPa without current: gap and
speed of the collector at the end, and the latter over Scott's at that gap. First for 10 s with adapted steps against
lambda (25 nm takes some minutes on one core), then for 2 s with fixed steps against these and the cells, lambda 200 nm.
Results are printed, never asserted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also as a plain script

from solver.case.schema import Case
from solver.loop.build import make_simulation
from solver.loop.interrupts import Interrupts
from solver.model.build import make_grid
from solver.output.log import Console
from solver.output.recorder import MemoryRecorder
from tests.verification.squeezing import layered, load, squeezed

# dimension, n, gap/lambda, radius/gap, cells per lambda, cells across
FILMS = (
    *((2, n, gap, 20, cells, 40) for n in (1.0, 6.6) for gap in (4, 8, 16) for cells in (2, 4, 8)),
    *((2, n, 4, ratio, 2, 8 * ratio) for n in (1.0, 6.6) for ratio in (3, 5, 10)),
    *((3, 1.0, 4, *rest) for rest in ((6, 2, 14), (12, 2, 14), (24, 2, 14), (12, 4, 14), (12, 2, 20))),
    *((3, 6.6, 4, *rest) for rest in ((6, 2, 14), (12, 2, 14))),
)
FILM_HEADINGS = ("dim", "n", "g/lambda", "a/g", "cells/lambda", "delta", "layered", "load", "at g", "surface", "in gap")
ISLAND_HEADINGS = ("lambda/nm", "cells/lambda", "step/s", "t/s", "gap/nm", "nm/s", "Scott nm/s", "ratio", "s")
STEPS = [(0.25, cells) for cells in (1.5, 3, 6)] + [(step, 1.5) for step in (0.125, 0.0625, 0.03125, 0.015625)]
HALF, BOX, PRESSURE = 2e-6, 2.5e-6, 20e6  # m, m, Pa


def film(dim: int, n: float, gap: float, ratio: float, cells: int, across: int) -> list[float]:
    """The numbers of FILM_HEADINGS."""
    found, (delta, inside) = squeezed(dim, n, gap, ratio, cells, across), layered(gap, n)
    loads = found.load_ratio(found.shift), found.load_ratio(0.0)
    return [dim, n, gap, ratio, cells, found.shift, delta, *loads, found.drift, inside]


def island(width: float, cells: float, seconds: float, step: float | None = None) -> list[float]:
    """The numbers of ISLAND_HEADINGS; width lambda, nm; step: fixed, s."""
    case = Case.model_validate(
        {
            "schema_version": 1,
            "domain": {"width": f"{BOX} m", "lateral": "symmetric"},
            "interface": {"width": f"{width} nm"},
            "grid": {"spacing": f"{width / cells} nm"},
            "collector": {"gap": "400 nm"},
            "electrolyte": [{"thickness": "1.5 um"}],
            "lithium": {"islands": [{"centre": ["0 um"], "radius": f"{HALF} m"}]},
            "mechanics": {"void_viscosity": "1e5 Pa*s"},
            "time": {"fixed_step": f"{step} s"} if step else {},
            "drive": {"stack_pressure": f"{PRESSURE} Pa", "current_density": "1 mA/cm^2"},
            "protocol": [{"kind": "rest", "duration": f"{seconds} s"}],
        }
    )
    begin, grid = perf_counter(), make_grid(case)
    with Console(grid.comm, False, "squeeze") as console, Interrupts(grid.comm) as interrupts:
        recorder = MemoryRecorder(grid.comm, console)
        simulation = make_simulation(case, grid, recorder)
        simulation.begin()
        simulation.run(interrupts)
    curves = recorder.curves()
    law = simulation.model.deformation.mechanics.properties.creep
    gap, speed = (float(curves[name][-1]) for name in ("gap", "drift_velocity"))
    half = float(curves["collector_coverage"][-1]) * BOX
    scott = (2 * BOX * PRESSURE / load(law, half, gap, 1.0, 2)) ** law.exponent
    took = perf_counter() - begin
    return [width, cells, step or 0.0, seconds, 1e9 * gap, 1e9 * speed, 1e9 * scott, speed / scott, took]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[200, 100, 50], help="lambda of the island, nm")
    chosen = parser.parse_args()
    print("".join(f"{heading:>13s}" for heading in FILM_HEADINGS))
    for setting in FILMS:
        print("".join(f"{number:13.4g}" for number in film(*setting)), flush=True)
    print("\n" + "".join(f"{heading:>13s}" for heading in ISLAND_HEADINGS))
    adapted = [island(width, 2, 10.0) for width in chosen.widths]
    for numbers in (*adapted, *(island(200, cells, 2.0, step) for step, cells in STEPS)):
        print("".join(f"{number:13.4g}" for number in numbers), flush=True)


if __name__ == "__main__":
    main()
