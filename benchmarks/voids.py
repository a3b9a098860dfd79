"""Voids that stripping opens, against lambda: depth, contact, hot spots, voltage, and where the current passes.

    python -m benchmarks.voids [--widths 200 100] [--pressure 3] [--surface-diffusivity 6.6e-11] [--box 4]
        [--output FOLDER]

The Li and electrolyte of cases/stripping/demo.toml in a box of a width of 4 um, stripped at 1 mA/cm2 for 500 s.
`contact` is the weight of Li in the diffuse contact, `touching` the area with more than half of it; `depth` the
deepest place of xi = 1/2 below the contact; `hot` the largest current of a column over the mean; `unloaded` the share
of the current in columns whose normal stress at the contact is below a fifth of the stack pressure, `gap` that in
columns that do not touch. A run that has ended is not run again. With lambda = 200, 100 and 50 nm a run takes about
10 s, 40 s and 12 minutes on one core. Results are printed, never asserted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also as a plain script

import solver
from postprocess.reader import Run
from solver.laws.free_energy import step
from solver.numerics.array import Array

CASE = Path(__file__).resolve().parent.parent / "cases" / "stripping" / "demo.toml"
STRIP = 'protocol=[{kind="galvanostatic", direction="strip", duration="500 s"}]'
HOT = "local_current_max_ratio"
LOADED = 0.2  # of the stack pressure
TIMES = (100, 200, 300, 400, 500)  # s
HEADINGS = ("t/s", "contact", "touching", "V/mV", "depth/nm", "void/nm", "hot", "unloaded", "gap")


def at_the_contact(values: Array, z: Array) -> Array:
    """Values at z = 0, between the two cells beside it."""
    above = int(np.searchsorted(z, 0.0))
    return np.asarray(0.5 * (values[:, above - 1] + values[:, above]))


def depth(lithium: Array, z: Array) -> float:
    """Deepest place of xi = 1/2 below the contact, m; 0 where all columns touch."""
    deepest = 0.0
    for column in lithium[:, z < 0]:
        full = np.flatnonzero(column > 0.5)[-1]
        if full + 1 < len(column):
            a, b = column[full], column[full + 1]
            deepest = max(deepest, -float(z[full] + (a - 0.5) / (a - b) * (z[full + 1] - z[full])))
    return deepest


def row(run: Run, index: int, pressure: float) -> list[float]:
    """The numbers of HEADINGS of a snapshot."""
    z, curves, time = run.axes["z"], run.curves, run.times[index]
    names = ("lithium", "electrolyte", "local_current_density", "contact_pressure")
    lithium, psi, current, stress = (np.asarray(run.field(name, index), dtype=float) for name in names)
    area = np.abs(np.gradient(psi, z, axis=1)) * np.diff(run.faces["z"])
    weight = (area * step(lithium)).sum(axis=1) / area.sum(axis=1)
    columns = (area * current).sum(axis=1)
    unloaded = at_the_contact(stress, z) < LOADED * pressure
    share = [columns[chosen].sum() / columns.sum() for chosen in (unloaded, weight < 0.5)]
    names = ("contact_fraction", "touching_fraction", "voltage", "void_volume", HOT)
    contact, touching, voltage, void, hot = (float(np.interp(time, curves["time"], curves[name])) for name in names)
    numbers = (time, contact, touching, 1e3 * voltage, 1e9 * depth(lithium, z), 1e9 * void, hot, *share)
    return [float(number) for number in numbers]


def main() -> None:
    """Run what has not been run, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[200, 100], help="lambda, nm")
    parser.add_argument("--pressure", type=float, default=3.0, help="MPa")
    parser.add_argument("--surface-diffusivity", type=float, default=6.6e-11, help="m2/s")
    parser.add_argument("--box", type=float, default=4.0, help="width, um")
    parser.add_argument("--output", type=Path, default=Path("results/voids"))
    chosen = parser.parse_args()
    for width in chosen.widths:
        changes = (
            f'domain.width="{chosen.box:g} um"',
            f'interface.width="{width} nm"',
            f'drive.stack_pressure="{chosen.pressure} MPa"',
            f'lithium.surface_diffusivity="{chosen.surface_diffusivity} m^2/s"',
            STRIP,
            'output.interval="100 s"',
        )
        folder = chosen.output / f"{width}nm_{chosen.pressure:g}MPa_{chosen.surface_diffusivity:g}_{chosen.box:g}um"
        if not (folder / "done.json").exists():
            solver.run(solver.load_case(CASE, changes), folder, restart="auto" if folder.exists() else None)
        run = Run(folder)
        print(f"lambda {width} nm, {chosen.pressure:g} MPa, D_surface {chosen.surface_diffusivity:g} m2/s, ", end="")
        print(f"{chosen.box:g} um: {run.summary['stop_reason']}, {len(run.curves['time'])} steps")
        print("".join(f"{heading:>10s}" for heading in HEADINGS))
        for index, time in enumerate(run.times):
            if round(time) in TIMES:
                numbers = row(run, index, 1e6 * chosen.pressure)
                print(f"{numbers[0]:10.0f}" + "".join(f"{number:10.3f}" for number in numbers[1:]))


if __name__ == "__main__":
    main()
