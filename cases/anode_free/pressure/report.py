"""Table and picture of the sweep of pressure.toml.

lifront sweep cases/anode_free/pressure/pressure.toml --output results/pressure_on_a_collector
python cases/anode_free/pressure/report.py results/pressure_on_a_collector [PICTURE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure

from postprocess.families import case_of, columns, finished_runs
from postprocess.pictures import write_picture
from postprocess.reader import Run

FLAT = 2e-9  # m, amplitude of a collector that counts as flat
HEADINGS = ("collector", "fixture", "p0/MPa", "at the end", "contact", "covered", "gap/nm", "on Li/MPa", "V/mV")


def kind(run: Run) -> tuple[str, str]:
    """Surface of the collector and what is behind it."""
    case = case_of(run)
    assert case.collector and case.collector.roughness
    mechanics = case.mechanics
    behind = "felt" if mechanics.buffer else "stiff" if mechanics.fixture_stiffness else "constant pressure"
    return "rough" if case.collector.roughness.amplitude > FLAT else "flat", behind


def pressure(run: Run) -> float:
    """Stack pressure at the start, MPa."""
    return case_of(run).drive.stack_pressure / 1e6


def row(run: Run) -> tuple[str, ...]:
    """The entries of HEADINGS at the end of plating."""
    last = {name: values[-1] for name, values in run.curves.items()}
    return (
        *kind(run),
        f"{pressure(run):.0f}",
        f"{last['platen_pressure'] / 1e6:.1f}",
        f"{last['contact_fraction']:.2f}",
        f"{last['covered_fraction']:.2f}",
        f"{last['gap'] * 1e9:.0f}",
        f"{last['contact_pressure'] / 1e6:.1f}",
        f"{last['voltage'] * 1e3:.1f}",
    )


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    runs = finished_runs(directory)
    runs.sort(key=lambda run: (kind(run), pressure(run)))
    print(columns([HEADINGS, *map(row, runs)]))
    figure = Figure(figsize=(10, 4.2), constrained_layout=True)
    left, right = figure.subplots(1, 2)
    for of in sorted({kind(run) for run in runs}):
        group = [run for run in runs if kind(run) == of]
        pressures = [pressure(run) for run in group]
        for axes, name, factor in ((left, "contact_fraction", 100.0), (right, "voltage", 1e3)):
            axes.plot(pressures, [run.curves[name][-1] * factor for run in group], "o-", label=", ".join(of))
    left.set(xscale="log", xlabel="stack pressure at the start / MPa", ylabel="electrolyte covered by Li / %")
    right.set(xscale="log", xlabel="stack pressure at the start / MPa", ylabel="voltage / mV")
    left.legend(fontsize=9)
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.set_xticks([1, 5, 20], ["1", "5", "20"])
        axes.minorticks_off()
    write_picture(figure, picture)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "pressure.png"
    main(Path(sys.argv[1]), target)
