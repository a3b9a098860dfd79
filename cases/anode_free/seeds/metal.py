"""Where the metal of a seed is in cycles.toml: a table, profiles, and what other diffusivities give.

lifront sweep cases/anode_free/seeds/cycles.toml --output results/seeds/cycles
python cases/anode_free/seeds/metal.py results/seeds [FOLDER OF THE PICTURE]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess.cycle_plots import PERCENT, half_cycles
from postprocess.families import case_of, columns, finished_runs
from postprocess.pictures import write_picture
from postprocess.reader import Run
from solver.case.seed import SeedLayer
from solver.laws.host_atoms import HostAtoms
from solver.numerics.array import Array

SHOWN = (1, 2, 3)  # cycles
OTHERS = (1e-17, 1e-16, 1e-15, 3e-15, 1.45e-14)  # m^2/s
UM, NM = 1e6, 1e9
LITHIUM_VOLUME = 13.0e-6  # m^3/mol, of a site of Li
HEADINGS = ("seed", "cycle", "Li/um", "plated: height/um", "of even/%", "in Li/%", "stripped: height/nm", "in Li/%")
COLOURS = ("#1f5fa8", "#c0392b", "#2e8b57")


def seed_of(run: Run) -> SeedLayer:
    """The seed of a case."""
    collector = case_of(run).collector
    assert collector and collector.seed
    return collector.seed


def lines(run: Run) -> Iterator[tuple[str, ...]]:
    """Lines of the table: at the ends of both half-cycles of each cycle."""
    rows, seed = half_cycles(run), seed_of(run)
    for plated, stripped in zip(rows[::2], rows[1::2], strict=False):
        if plated["cycle"] in SHOWN:
            metal = plated["lithium_thickness"]
            whole = metal + np.interp(plated["end_time"], run.curves["time"], run.curves["seed_thickness"])
            yield (
                seed.material,
                f"{plated['cycle']:.0f}",
                f"{UM * metal:.2f}",
                f"{UM * plated['host_height']:.2f}",
                f"{2 * PERCENT * plated['host_height'] / whole:.0f}",
                f"{PERCENT * plated['host_in_lithium']:.1f}",
                f"{NM * stripped['host_height']:.1f}",
                f"{PERCENT * stripped['host_in_lithium']:.1f}",
            )


def profiles(run: Run, diffusivity: float) -> Iterator[tuple[float, Array, Array]]:
    """Time, faces of the layers (m), shares of the atoms in them after each step, from the thicknesses of the log."""
    found, atoms = run.curves, HostAtoms(diffusivity)
    seed, metal = found["seed_thickness"], found["lithium_thickness"] + found["nucleated_lithium"]
    shares = atoms.start(seed[0])
    for k in range(1, len(seed)):
        before, after = (seed[k - 1], metal[k - 1]), (seed[k], metal[k])
        shares = atoms.advance(shares, before, after, found["time"][k] - found["time"][k - 1])
        yield found["time"][k], atoms.faces(*after), shares


def others(run: Run) -> Iterator[tuple[str, ...]]:
    """With other diffusivities, at the end of the first plating: height over that of even atoms, share in Li."""
    end = half_cycles(run)[0]["end_time"]
    for diffusivity in OTHERS:
        _, faces, shares = next(found for found in profiles(run, diffusivity) if found[0] >= end)
        height = 0.5 * np.sum((faces[1:] + faces[:-1]) * shares) / (0.5 * faces[-1])
        inside = shares[HostAtoms(diffusivity).in_seed :].sum()
        yield (seed_of(run).material, f"{diffusivity:g}", f"{PERCENT * height:.0f}", f"{PERCENT * inside:.1f}")


def draw(axes: Axes, run: Run) -> None:
    """Atoms per site of Li at the ends of plating, and when half of the Li has been stripped in cycle 1."""
    rows, seed = half_cycles(run), seed_of(run)
    plating = {int(row["cycle"]): row for row in rows if row["charge"] > 0}
    times = {f"cycle {n}, plated": plating[n]["end_time"] for n in (1, 3) if n in plating}
    times["cycle 1, half stripped"] = 0.5 * (rows[1]["start_time"] + rows[1]["end_time"])
    own = seed.diffusivity_in_lithium
    assert own is not None
    for diffusivity, style in ((own, "-"), (OTHERS[1], ":")):
        left = dict(zip(times, COLOURS, strict=False))
        for time, faces, shares in profiles(run, diffusivity):
            for name in [name for name in left if time >= times[name]]:
                part = PERCENT * LITHIUM_VOLUME * seed.amount * shares / np.diff(faces)
                look = {"color": left.pop(name), "ls": style, "label": f"{name}, {diffusivity:.3g} m$^2$/s"}
                axes.stairs(part, UM * faces, baseline=None, **look)
    axes.set(title=f"100 nm of {seed.material}", xlabel="height above the collector / um", ylim=(0, None))
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)


def main(directory: Path, pictures: Path) -> None:
    """Print the tables, write the picture."""
    runs = [run for run in finished_runs(directory / "cycles") if "host_height" in run.curves]
    print(columns([HEADINGS, *(line for run in runs for line in lines(run))]), end="\n\n")
    headings = ("seed", "D/(m2/s)", "height of even/%", "in Li/%")
    print(columns([headings, *(line for run in runs for line in others(run))]))
    figure = Figure(figsize=(11, 4.2), constrained_layout=True)
    for axes, run in zip(figure.subplots(1, len(runs), sharey=True, squeeze=False)[0], runs, strict=True):
        draw(axes, run)
    figure.axes[0].set_ylabel("atoms per site of Li / %")
    write_picture(figure, pictures / "metal.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent)
