"""Table and picture of the sweep of foils.toml: where collectors that bend and Li are at the end.

lifront sweep cases/anode_free/layers/foils.toml --output results/layers/foils
python cases/anode_free/layers/foils.py results/layers/foils [PICTURE]
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from postprocess.families import case_of, columns, finished_runs
from postprocess.pictures import write_picture
from postprocess.reader import Run

HEADINGS = ("D/Nm", "covered", "gap/um", "smallest/um", "island/um", "on Li/MPa", "V/mV")
BROWN, BLUE = "#b87333", "#7f8da8"


def stiffness(run: Run) -> float:
    """Bending stiffness, N m; infinite where the collector is rigid."""
    collector = case_of(run).collector
    assert collector is not None
    return math.inf if collector.bending_stiffness is None else collector.bending_stiffness


def section(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, gap and thickness of Li at the end, um."""
    gap, lithium = (1e6 * np.asarray(run.field(name, -1))[:, 0] for name in ("gap", "lithium_thickness"))
    return 1e6 * run.axes["x"], gap, lithium


def row(run: Run) -> tuple[str, ...]:
    """The entries of HEADINGS, at the end."""
    found, (_, gap, lithium) = run.curves, section(run)
    numbers = (
        stiffness(run),
        found["contact_fraction"][-1],
        gap.mean(),
        gap.min(),
        lithium.max(),
        1e-6 * found["contact_pressure"][-1],
        1e3 * found["voltage"][-1],
    )
    return tuple(f"{number:.3g}" for number in numbers)


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    runs = sorted(finished_runs(directory), key=stiffness, reverse=True)
    print(columns([HEADINGS, *map(row, runs)]))
    figure = Figure(figsize=(9, 2.8), constrained_layout=True)
    for axes, run in zip(figure.subplots(1, len(runs), sharey=True), runs, strict=True):
        x, gap, lithium = section(run)
        bottom = 1.2 * max(section(other)[1].max() for other in runs)
        axes.fill_between(x, -gap, -bottom, color=BROWN, label="collector")
        axes.fill_between(x, 0, -np.minimum(lithium, gap), color=BLUE, label="Li")
        hard = stiffness(run)
        title = "rigid" if math.isinf(hard) else f"D = {hard:.2g} N m"
        axes.set(title=title, xlabel="x / $\\mu$m", xlim=(0, x[-1]), ylim=(-bottom, 0.05 * bottom))
        axes.axhline(0.0, color="black", lw=0.8)
    figure.axes[0].set_ylabel("z / $\\mu$m (contact at 0)")
    figure.axes[0].legend(loc="lower right", fontsize="small")
    write_picture(figure, picture)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "foils.png"
    main(Path(sys.argv[1]), target)
