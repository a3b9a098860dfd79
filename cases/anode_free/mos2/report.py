"""Table and picture of full_cell.toml.

lifront sweep cases/anode_free/mos2/full_cell.toml --output results/mos2_full
python cases/anode_free/mos2/report.py results/mos2_full [FOLDER OF THE PICTURE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from postprocess.cycle_plots import MAH_CM2, MV, PERCENT, Cycles, draw_capacity, draw_efficiency, half_cycles
from postprocess.families import case_of, columns, finished_runs
from postprocess.pictures import write_picture
from postprocess.reader import Run

HEAD = (
    "collector", "plated/mAh/cm2", "first/%", "2nd/%", "20th/%", "retention/%", "dip 1st/mV", "2nd/mV", "20th/mV"
)  # fmt: skip


def name(run: Run) -> str:
    """What Li is plated on."""
    collector = case_of(run).collector
    assert collector and collector.material
    return f"steel with {collector.seed.material}" if collector.seed else collector.material


def row(run: Run) -> tuple[str, ...]:
    """A line of the table."""
    cycles = Cycles.read(run)
    dips = [MV * half["dip"] for half in half_cycles(run)[::2]]
    efficiency = PERCENT * cycles.efficiency[[0, 1, -1]]
    return (
        name(run),
        f"{cycles.plated[0] * MAH_CM2:.2f}",
        *(f"{value:.1f}" for value in efficiency),
        f"{PERCENT * cycles.stripped[-1] / cycles.stripped[0]:.1f}",
        *(f"{dips[n]:.1f}" for n in (0, 1, -1)),
    )


def main(directory: Path, pictures: Path) -> None:
    """Print the table, draw efficiency, capacity and dips of the cycles."""
    runs = sorted(finished_runs(directory), key=name, reverse=True)
    print(columns([HEAD, *map(row, runs)]))
    figure = Figure(figsize=(13.5, 7.5), constrained_layout=True)
    panels = figure.subplots(2, len(runs) + 1, squeeze=False)
    dips, shares = panels[:, -1]
    for run, (above, below) in zip(runs, panels.T, strict=False):
        cycles = Cycles.read(run)
        draw_efficiency(above, cycles)
        draw_capacity(below, cycles)
        above.set_title(f"NCM622 on {name(run)}, 60 °C", fontsize=10)
        dips.plot(cycles.numbers, [MV * half["dip"] for half in half_cycles(run)[::2]], "o-", ms=3, label=name(run))
        kept = PERCENT * np.array(cycles.stripped) / cycles.stripped[0]
        shares.plot(cycles.numbers, kept, "o-", ms=3, label=name(run))
    dips.set(ylabel="dip / mV", ylim=(0, None))
    shares.set(ylabel="capacity over that of the first cycle / %")
    for axes in (dips, shares):
        axes.set_xlabel("cycle")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=9)
        axes.grid(alpha=0.25)
    write_picture(figure, pictures / "full_cell.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent)
