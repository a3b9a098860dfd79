"""Table and picture of the sweep of carbon.toml: on which side of an interlayer Li is, against current and pores.

What a seed beneath the interlayer holds counts as Li beneath it.

lifront sweep cases/anode_free/layers/carbon.toml --output results/layers/carbon
python cases/anode_free/layers/carbon.py results/layers/carbon [PICTURE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure

from postprocess.families import case_of, columns, finished_runs
from postprocess.pictures import write_picture
from postprocess.reader import Run
from solver.constants import FARADAY

HEADINGS = ("pores/nm", "mA/cm2", "largest/mV", "at the end/mV", "on top/nm", "beneath/nm", "beneath/%")


def setting(run: Run) -> tuple[float, float]:
    """Radius of the pores (nm), current density (mA/cm2)."""
    case = case_of(run)
    assert case.interface.film and case.interface.film.pore_radius and case.drive.current_density
    return 1e9 * case.interface.film.pore_radius, case.drive.current_density / 10


def beneath(run: Run) -> tuple[float, float]:
    """Li on top and beneath at the end, as metal of so many nm."""
    found = run.curves
    in_seed = found["seed_lithium"][-1] / FARADAY if "seed_lithium" in found else 0.0  # mol/m^2
    below = found["lithium_beneath"][-1] + in_seed * case_of(run).lithium.molar_volume
    return 1e9 * found["lithium_on_top"][-1], 1e9 * below


def row(run: Run) -> tuple[str, ...]:
    """The entries of HEADINGS."""
    voltage, (top, below) = 1e3 * run.curves["voltage"], beneath(run)
    numbers = (*setting(run), voltage.max(), voltage[-1], top, below, 100 * below / (top + below))
    return tuple(f"{number:.3g}" for number in numbers)


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    runs = sorted(finished_runs(directory), key=setting)
    print(columns([HEADINGS, *map(row, runs)]))
    figure = Figure(figsize=(6, 4), constrained_layout=True)
    axes = figure.subplots()
    for pores in sorted({setting(run)[0] for run in runs}):
        group = [run for run in runs if setting(run)[0] == pores]
        shares = [100 * beneath(run)[1] / sum(beneath(run)) for run in group]
        axes.plot([setting(run)[1] for run in group], shares, "o-", label=f"pores of {pores:.3g} nm")
    axes.set(xscale="log", xlabel="current density / mA cm$^{-2}$", ylabel="Li on the collector's side / %")
    axes.legend()
    axes.grid(alpha=0.25)
    write_picture(figure, picture)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "carbon.png"
    main(Path(sys.argv[1]), target)
