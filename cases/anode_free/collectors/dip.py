"""Table and picture of the sweep of copper.toml or steel_60C.toml: the dip of nucleation.

lifront sweep cases/anode_free/collectors/copper.toml --output results/copper
python cases/anode_free/collectors/dip.py results/copper [PICTURE]
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
HEADINGS = ("collector", "j/mA/cm2", "largest/mV", "plateau/mV", "difference/mV", "distance/nm", "Li at 90 %/nm")


def row(run: Run) -> tuple[str, *tuple[float, ...]]:
    """The entries of HEADINGS."""
    collector = case_of(run).collector
    assert collector and collector.material
    found = run.curves
    largest, plateau = 1e3 * found["voltage"].max(), 1e3 * found["voltage"][-1]
    covered = int(np.argmax(found["nucleated_share"] > 0.9))
    return (
        collector.material,
        found["current_density"][-1] / 10,
        largest,
        plateau,
        largest - plateau,
        1e9 * found["nucleus_density"].max() ** -0.5,
        1e9 * found["nucleated_lithium"][covered],
    )


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    runs = sorted(finished_runs(directory), key=row)
    print("  ".join(f"{name:>13}" for name in HEADINGS))
    figure = Figure(figsize=(7, 4.2), constrained_layout=True)
    axes = figure.subplots()
    for run in runs:
        entries = row(run)
        print(f"{entries[0]:>13}  " + "  ".join(f"{entry:13.3g}" for entry in entries[1:]))
        found = run.curves
        charge, potential = found["capacity"] / MICROAMPERE_HOUR, -1e3 * found["voltage"]
        axes.plot(charge, potential, label=f"{entries[0]}, {entries[1]:.3g} mA/cm$^2$")
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(xlabel="charge / $\\mu$Ah cm$^{-2}$", ylabel="potential of the collector against Li / mV", xlim=(0, 5))
    axes.legend()
    axes.grid(alpha=0.25)
    write_picture(figure, picture)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "copper.png"
    main(Path(sys.argv[1]), target)
