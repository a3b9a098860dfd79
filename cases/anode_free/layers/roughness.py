"""Table and picture of the sweeps of roughness.toml and soft.toml: contact and voltage, what is left, efficiency.

lifront sweep cases/anode_free/layers/roughness.toml --output results/layers/roughness
python cases/anode_free/layers/roughness.py results/layers/roughness [PICTURE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from postprocess.families import case_of, columns, finished_runs
from postprocess.pictures import write_picture
from postprocess.reader import Run

HEADINGS = (
    "rough/um", "behind", "largest/mV", "end/mV", "covered", "Li/um", "spread/um", "gap/um", "MPa", "left/nm", "eff./%",
)  # fmt: skip


def roughness(run: Run) -> float:
    """Amplitude, um."""
    case = case_of(run)
    assert case.collector and case.collector.roughness
    return 1e6 * case.collector.roughness.amplitude


def behind(run: Run) -> str:
    """What presses the collector."""
    mechanics = case_of(run).mechanics
    if mechanics.buffer:
        return f"{1e3 * mechanics.buffer.thickness:.3g} mm of {1e-6 * mechanics.buffer.youngs_modulus:.3g} MPa"
    return "stiff plates" if mechanics.fixture_stiffness else "spring"


def order(run: Run) -> tuple[float, float]:
    """Of the rows: by roughness and by what gives way least."""
    return roughness(run), case_of(run).mechanics.stiffness


def row(run: Run) -> tuple[str, ...]:
    """The entries of HEADINGS: at the end of plating, then of stripping."""
    found = run.curves
    full = np.flatnonzero(found["current_density"] > 0)[-1]
    plated, kept = found["capacity"][full], found["capacity"][-1]
    numbers = (
        1e3 * found["voltage"].max(),
        1e3 * found["voltage"][full],
        found["contact_fraction"][full],
        1e6 * found["lithium_thickness"][full],
        1e6 * found["thickness_spread"][full],
        1e6 * found["gap"][full],
        1e-6 * found["platen_pressure"][full],
        1e9 * found["lithium_thickness"][-1],
        100 * (1 - kept / plated),
    )
    return f"{roughness(run):.3g}", behind(run), *(f"{number:.3g}" for number in numbers)


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    runs = sorted(finished_runs(directory), key=order)
    print(columns([HEADINGS, *map(row, runs)]))
    figure = Figure(figsize=(9, 3.6), constrained_layout=True)
    left, right = figure.subplots(1, 2)
    for run in runs:
        charge = run.curves["capacity"] / 36
        label = f"{roughness(run):.3g} $\\mu$m, {behind(run)}"
        left.plot(charge, 1e3 * run.curves["voltage"], label=label)
        right.plot(charge, 100 * run.curves["contact_fraction"], label=label)
    left.set(xlabel="charge / $\\mu$Ah cm$^{-2}$", ylabel="voltage / mV", ylim=(-30, 60))
    right.set(xlabel="charge / $\\mu$Ah cm$^{-2}$", ylabel="electrolyte in contact with Li / %")
    left.legend(title="roughness", fontsize="small")
    for axes in (left, right):
        axes.grid(alpha=0.25)
    write_picture(figure, picture)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "roughness.png"
    main(Path(sys.argv[1]), target)
