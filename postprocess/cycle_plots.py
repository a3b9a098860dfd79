"""The cycles of a run as a picture: potential against charge, efficiency with where the rest is, capacity.

A full cell whose open-circuit voltage is known has its own voltage against charge too. The charge of a curve begins at
0 with each half-cycle. Half-cycles are those of cycles.csv, so that a run may go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess.contact_plots import AS_IT_IS, headline
from postprocess.pictures import write_picture
from postprocess.reader import ResultsError, Run

Array = np.ndarray

NAME = "cycles.png"
MAH_CM2 = 1 / 3.6e4  # C/m^2 -> mAh/cm^2
MV = 1e3  # V -> mV
PERCENT = 100.0
LOSSES = {  # columns of cycles.csv: name in the picture, colour
    "seed_loss": ("seed", "#b8860b"),
    "interphase_loss": ("interphase", "#6c3483"),
    "dead_loss": ("dead Li", "#14161c"),
    "filament_loss": ("filaments", "#c0392b"),
    "cathode_loss": ("cathode is full", "#1f5fa8"),
    "left_loss": ("left by the cutoff", "#9aa5b1"),
}
NEAR = 1.5  # of the largest plating overpotential, and of the potential that MOST of the charge needs: what is shown
MOST = 0.98  # of the charge of a half-cycle; the rest is the way to a cutoff


@dataclass(frozen=True)
class Cycles:
    """Of complete cycles: numbers, charges (C/m^2), efficiencies, retentions, losses; nan where there is none."""

    numbers: Array
    plated: Array
    stripped: Array
    efficiency: Array
    retention: Array
    losses: dict[str, Array]

    @classmethod
    def read(cls, run: Run) -> Cycles:
        """Those of a run. Raises ResultsError."""
        rows = half_cycles(run)
        pairs = [(a, b) for a, b in pairwise(rows) if a["charge"] > 0 > b["charge"]]
        stripping = [b for _, b in pairs]
        return cls(
            np.array([a["cycle"] for a, _ in pairs]),
            np.array([a["charge"] for a, _ in pairs]),
            np.array([-b["charge"] for b in stripping]),
            np.array([b["coulombic_efficiency"] for b in stripping]),
            np.array([b.get("capacity_retention", np.nan) for b in stripping]),
            {name: np.array([b.get(name, np.nan) for b in stripping]) for name in LOSSES},
        )


def half_cycles(run: Run) -> list[dict[str, float]]:
    """The rows of cycles.csv by name, nan where a cell is empty or has words. Raises ResultsError."""
    header, *rows = run.half_cycles
    names = [heading.partition(" [")[0] for heading in header]
    if missing := {"cycle", "charge", "start_time", "end_time", "coulombic_efficiency"} - set(names) if rows else set():
        raise ResultsError(f"{run.directory / 'cycles.csv'}: no column {', '.join(sorted(missing))}")
    return [{name: _number(cell) for name, cell in zip(names, row, strict=True)} for row in rows]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def shows_cycles(run: Run) -> bool:
    """Whether there is a cycle to draw: Li has been plated, and stripped."""
    return len(Cycles.read(run).numbers) > 0


def plot_cycles(directory: str | Path) -> Path:
    """Write cycles.png into a run directory and return its path; works while the run goes on. Raises ResultsError."""
    run = Run(directory)
    cycles = Cycles.read(run)
    full = run.is_full_cell
    figure = Figure(figsize=(4.5 * (3 + full), 5.2), constrained_layout=True)
    *cell, left, middle, right = figure.subplots(1, 3 + full)
    for axes in cell:
        draw_cell_voltage(axes, run)
    draw_potential(left, run)
    draw_efficiency(middle, cycles)
    draw_capacity(right, cycles)
    figure.suptitle(headline(run), fontsize=11, wrap=True, **AS_IT_IS)
    return write_picture(figure, run.directory / NAME)


def draw_potential(axes: Axes, run: Run) -> None:
    """Potential of the collector against Li, mV, over the charge of each half-cycle; colours go from first to last.

    The steep way to a cutoff, which has next to no charge, is cut off where it would dwarf the rest.
    """
    drawn = _draw_half_cycles(axes, run, -MV * run.curves["voltage"])
    deepest = max((-float(values.min()) for plates, _, values in drawn if plates), default=0.0)
    highest = max((_most(charge, values) for _, charge, values in drawn), default=0.0)
    axes.axhline(0.0, color="grey", lw=0.8)
    axes.set(ylabel="potential of the collector against Li / mV")
    if deepest > 0:
        axes.set_ylim(-NEAR * deepest, min(NEAR * max(highest, deepest), axes.get_ylim()[1]))


def _most(charge: Array, values: Array) -> float:
    """The value below which MOST of a charge passes."""
    order, passed = np.argsort(values), np.diff(charge, prepend=0.0)
    share = np.cumsum(passed[order]) / passed.sum()
    return float(values[order][np.searchsorted(share, MOST)])


def draw_cell_voltage(axes: Axes, run: Run) -> None:
    """Voltage of the full cell, V, over the charge of each half-cycle."""
    _draw_half_cycles(axes, run, run.curves["cell_voltage"])
    axes.set(ylabel="voltage of the full cell / V")


def _draw_half_cycles(axes: Axes, run: Run, values: Array) -> list[tuple[bool, Array, Array]]:
    """Values of the log over the charge of each half-cycle; returns whether it plates, its charge and the values."""
    curves, rows = run.curves, half_cycles(run)
    last = max((row["cycle"] for row in rows), default=1.0)
    start = np.concatenate([[0.0], curves["capacity"][:-1]])
    drawn = []
    for row in rows:
        within = (curves["time"] > row["start_time"]) & (curves["time"] <= row["end_time"] * (1 + 1e-12))
        if not within.any():
            continue
        charge, plates = np.abs(curves["capacity"][within] - start[within][0]), row["charge"] > 0
        drawn.append((plates, charge, values[within]))
        colour = colormaps["viridis"](0.9 * (row["cycle"] - 1) / max(last - 1, 1))
        named = plates and row["cycle"] in (1, last)
        label = f"cycle {row['cycle']:.0f}" if named else None
        axes.plot(charge * MAH_CM2, values[within], color=colour, lw=1.4, label=label)
    axes.set(xlabel="charge of the half-cycle / (mAh/cm$^2$)", xlim=(0, None))
    axes.legend(fontsize=9)
    axes.grid(alpha=0.25)
    return drawn


def draw_efficiency(axes: Axes, cycles: Cycles) -> None:
    """Coulombic efficiency of each cycle as a line, and above it where the rest of the Li is, in per cent."""
    efficiency = PERCENT * cycles.efficiency
    foot = np.nan_to_num(efficiency, nan=PERCENT)
    for name, (label, colour) in LOSSES.items():
        share = np.maximum(PERCENT * np.nan_to_num(cycles.losses[name]), 0.0)
        if share.any():
            axes.bar(cycles.numbers, share, bottom=foot, color=colour, width=0.8, label=label)
            foot = foot + share
    axes.plot(cycles.numbers, efficiency, "ko-", ms=4, lw=1.2, label="coulombic efficiency")
    lowest = float(np.nanmin([*efficiency, PERCENT]))
    bottom = lowest - 0.1 * (PERCENT - lowest) - 0.1
    axes.set(ylabel="share of the charge plated / %", ylim=(bottom, None))
    _count(axes, cycles)
    axes.legend(fontsize=9, loc="lower right")
    axes.grid(alpha=0.25)


def draw_capacity(axes: Axes, cycles: Cycles) -> None:
    """Charge plated and stripped in each cycle, mAh/cm2, and what the last cycle has kept of the first."""
    axes.plot(cycles.numbers, cycles.plated * MAH_CM2, "o-", color="#1f5fa8", ms=4, label="plated")
    kept = cycles.retention[np.isfinite(cycles.retention)]
    label = f"stripped, at last {PERCENT * kept[-1]:.4g} % of cycle 1" if len(kept) > 1 else "stripped"
    axes.plot(cycles.numbers, cycles.stripped * MAH_CM2, "s-", color="#c0392b", ms=4, label=label)
    highest = 1.05 * MAH_CM2 * float(np.max([cycles.plated, cycles.stripped]))
    axes.set(ylabel="charge / (mAh/cm$^2$)", ylim=(0, highest))
    _count(axes, cycles)
    axes.legend(fontsize=9)
    axes.grid(alpha=0.25)


def _count(axes: Axes, cycles: Cycles) -> None:
    """Numbers of cycles below."""
    axes.set(xlabel="cycle", xlim=(np.min(cycles.numbers) - 0.6, np.max(cycles.numbers) + 0.6))
    axes.xaxis.get_major_locator().set_params(integer=True)
