"""Table and picture of the sweep of bilayer.toml: on which side of a barrier Li goes, and whether it comes with a dip.

lifront sweep cases/anode_free/bilayer/bilayer.toml --output results/bilayer
python cases/anode_free/bilayer/report.py results/bilayer [PICTURE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from postprocess.families import case_of, finished_runs
from postprocess.pictures import write_picture
from postprocess.reader import Run

MICROAMPERE_HOUR = 36.0  # C/m2 of 1 uAh/cm2
HEADINGS = ("W/nm", "seed", "mA/cm2", "cycle", "largest/mV", "end/mV", "dip/mV", "on top/nm", "beneath/nm")


def setting(run: Run) -> tuple[str, float, float]:
    """Seed, thickness of the film (nm), current density (mA/cm2)."""
    case = case_of(run)
    assert case.interface.film and case.collector and case.drive.current_density
    seed = case.collector.seed.material if case.collector.seed else "none"
    return seed, 1e9 * case.interface.film.thickness, case.drive.current_density / 10


def platings(run: Run) -> list[np.ndarray]:
    """Steps of each half-cycle that plates."""
    plating = run.curves["current_density"] > 0
    halves = np.split(np.arange(plating.size), np.flatnonzero(np.diff(plating)) + 1)
    return [half for half in halves if plating[half[0]]]


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    runs = sorted(finished_runs(directory), key=setting)
    print("".join(f"{name:>12}" for name in HEADINGS))
    figure = Figure(figsize=(7, 4.2), constrained_layout=True)
    axes = figure.subplots()
    for run in runs:
        (seed, thickness, current), found = setting(run), run.curves
        for cycle, steps in enumerate(platings(run), start=1):
            voltage = 1e3 * found["voltage"][steps]
            sides = (1e9 * found[name][steps[-1]] for name in ("lithium_on_top", "lithium_beneath"))
            entries = (current, cycle, voltage.max(), voltage[-1], voltage.max() - voltage[-1], *sides)
            print(f"{thickness:12.3g}{seed:>12}" + "".join(f"{entry:12.3g}" for entry in entries))
        first = platings(run)[0]
        label = f"{thickness:.3g} nm on {seed if seed != 'none' else 'steel'}, {current:.3g} mA/cm$^2$"
        axes.plot(found["capacity"][first] / MICROAMPERE_HOUR, -1e3 * found["voltage"][first], label=label)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(xlabel="charge / $\\mu$Ah cm$^{-2}$", ylabel="potential of the collector against Li / mV", ylim=(-80, 60))
    axes.legend(fontsize="small", ncols=2)
    axes.grid(alpha=0.25)
    write_picture(figure, picture)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "bilayer.png"
    main(Path(sys.argv[1]), target)
