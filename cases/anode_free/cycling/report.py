"""Table and picture of cycling.toml or short.toml: what a collector, a seed and a barrier on it do to cycles in 2-D.

lifront sweep cases/anode_free/cycling/short.toml --output results/cycling
python cases/anode_free/cycling/report.py results/cycling [PICTURE]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess import metrics
from postprocess.contact_plots import UM, Contact, frame, patches
from postprocess.cycle_plots import PERCENT, Cycles, half_cycles
from postprocess.families import case_of, columns, finished_runs
from postprocess.penetration_plots import COLOURS as MATERIALS
from postprocess.penetration_plots import material_shares
from postprocess.pictures import write_picture
from postprocess.reader import Run

SHOWN = (1, 5, 20)  # cycles of which the picture has the end of plating, and the last one
NM, MV = 1e9, 1e3
LOSSES = ("interphase_loss", "seed_loss", "dead_loss", "filament_loss", "left_loss")
HEADINGS = (
    "cell", "cycle", "contact/%", "Li/nm", "spread/nm", "dead/nm", "dip/mV", "end/mV", "depth/um", "efficiency/%",
    *(name.removesuffix("_loss") + "/%" for name in LOSSES),
)  # fmt: skip
COLOURS = ("#1f5fa8", "#2e8b57", "#c0392b")


def name(run: Run) -> str:
    """What Li is plated on."""
    case = case_of(run)
    assert case.collector
    film, seed = case.interface.film, case.collector.seed
    layers = [film and film.material, seed and seed.material]
    return " on ".join([layer for layer in layers if layer] or [case.collector.material or "collector"])


def order(run: Run) -> tuple[bool, bool]:
    """The bare collector first, then the seed, then the barrier."""
    case = case_of(run)
    assert case.collector
    return case.interface.film is not None, case.collector.seed is not None


def deepest(run: Run, plating: Mapping[str, float]) -> float:
    """How far Li has come into the electrolyte in a plating half-cycle, um."""
    times = run.curves["time"]
    within = (times > plating["start_time"]) & (times <= plating["end_time"] * (1 + 1e-12))
    return UM * float(run.curves["penetration_depth"][within].max())


def lines(run: Run) -> list[tuple[str, ...]]:
    """The lines of the table, one for each plating with the stripping after it."""
    rows, found = half_cycles(run), []
    for plating, stripping in zip(rows[::2], [*rows[1::2], None], strict=False):
        losses = [PERCENT * stripping[loss] for loss in ("coulombic_efficiency", *LOSSES)] if stripping else []
        entries = (
            PERCENT * plating["contact_fraction"],
            *(NM * plating[key] for key in ("lithium_thickness", "thickness_spread", "dead_lithium")),
            *(MV * plating[key] for key in ("dip", "end_voltage")),
            deepest(run, plating),
            *losses,
        )
        found.append((name(run), f"{plating['cycle']:.0f}", *(f"{entry:.3g}" for entry in entries)))
    return [line + ("-",) * (len(HEADINGS) - len(line)) for line in found]


def shown(run: Run) -> list[int]:
    """Cycles of the picture: those of SHOWN that were plated, and the last one."""
    last = int(max(row["cycle"] for row in half_cycles(run)))
    return sorted({cycle for cycle in (*SHOWN, last) if cycle <= last})


def draw_section(axes: Axes, run: Run, cycle: int) -> None:
    """Cross-section at the end of plating."""
    end = next(row["end_time"] for row in half_cycles(run) if row["cycle"] == cycle and row["charge"] > 0)
    contact = Contact.read(run, int(np.argmin(np.abs(run.times - end))))
    material_shares(axes, contact)
    gap = UM * float(np.max(run.field("gap", contact.index)))
    frame(axes, contact, (-1.3 * gap - 0.3, UM * case_of(run).filament.short_depth))
    depth = UM * metrics.penetration_depth(run, contact.index)
    axes.set_title(f"{name(run)}, cycle {cycle}: Li in the electrolyte to {depth:.2g} µm", fontsize=9)


def draw_cycles(figure: Figure, panels: list[Axes], runs: list[Run]) -> None:
    """Efficiency, contact at the end of plating and how deep Li has come by then, over the cycles."""
    for run, colour in zip(runs, COLOURS, strict=False):
        cycles, plating = Cycles.read(run), [row for row in half_cycles(run) if row["charge"] > 0]
        numbers = [row["cycle"] for row in plating]
        values = (
            (cycles.numbers, PERCENT * cycles.efficiency),
            (numbers, [PERCENT * row["contact_fraction"] for row in plating]),
            (numbers, [deepest(run, row) for row in plating]),
        )
        for axes, (x, y) in zip(panels, values, strict=True):
            axes.plot(x, y, "o-", color=colour, label=name(run))
    labels = ("coulombic efficiency / %", "contact when plated / %", "depth of Li in the electrolyte / µm")
    for axes, label in zip(panels, labels, strict=True):
        axes.set(xlabel="cycle", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
    panels[0].legend(fontsize=9)


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    runs = sorted(finished_runs(directory), key=order)
    print(columns([HEADINGS, *(line for run in runs for line in lines(run))]), end="\n\n")
    for run in runs:
        print(f"{name(run)}: {run.summary.get('stop_reason', '')}")
    most = max(len(shown(run)) for run in runs)
    figure = Figure(figsize=(4.2 * len(runs), 3.4 * most + 3.6), constrained_layout=True)
    above, below, legend = figure.subfigures(3, 1, height_ratios=(3.4 * most, 3.2, 0.4))
    for column, run in zip(np.atleast_2d(above.subplots(most, len(runs), squeeze=False).T), runs, strict=True):
        for axes, cycle in zip(column, shown(run), strict=False):
            draw_section(axes, run, cycle)
        for axes in column[len(shown(run)) :]:
            axes.set_axis_off()
    draw_cycles(figure, list(below.subplots(1, 3)), runs)
    legend.legend(handles=patches(MATERIALS), loc="center", ncols=len(MATERIALS), fontsize=9, frameon=False)
    write_picture(figure, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "cycling.png")
