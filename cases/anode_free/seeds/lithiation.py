"""Table and picture of the sweep of lithiation.toml or conversion.toml: what seed layers take and keep, and their dips.

lifront sweep cases/anode_free/seeds/lithiation.toml --output results/lithiation
python cases/anode_free/seeds/lithiation.py results/lithiation [PICTURE]

Of a run of several cycles the curve is that of the first plating; what each cycle has lost is in cycles.csv.
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
LOGARITHMIC = 1000.0  # mV, above which the potential is shown on a logarithmic axis
HEADINGS = ("seed", "takes/uAh/cm2", "bound/uAh/cm2", "Li/host", "largest/mV", "plateau/mV", "lost/uAh/cm2")


def host(run: Run) -> str:
    """The materials of the seed."""
    collector = case_of(run).collector
    assert collector and collector.seed
    return " + ".join(host.material for host in collector.seed.hosts)


def lost(run: Run) -> str:
    """What each cycle has plated and not stripped, uAh/cm2."""
    header, *rows = run.half_cycles
    charges = [float(row[header.index("charge [C/m^2]")]) / MICROAMPERE_HOUR for row in rows]
    pairs = zip(charges[::2], charges[1::2], strict=False)
    return ", ".join(f"{plated + stripped:.2f}" for plated, stripped in pairs)


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    runs = sorted(finished_runs(directory), key=host)
    print("".join(f"{name:>15}" for name in HEADINGS))
    highest = 0.0
    figure = Figure(figsize=(10, 4.2), constrained_layout=True)
    whole, near = figure.subplots(1, 2)
    for run in runs:
        found = run.curves
        plated = int(np.argmax(found["current_density"] < 0)) or len(found["time"])
        found = {name: found[name][:plated] for name in found}
        potential, charge = -1e3 * found["voltage"], found["capacity"] / MICROAMPERE_HOUR
        entries = (
            found["seed_lithium"][-1] / MICROAMPERE_HOUR,
            found["seed_bound_lithium"][-1] / MICROAMPERE_HOUR,
            found["seed_composition"][-1],
            1e3 * found["voltage"].max(),
            1e3 * found["voltage"][-1],
        )
        print(f"{host(run):>15}" + "".join(f"{entry:15.3g}" for entry in entries) + f"{lost(run):>17}")
        highest = max(highest, float(potential.max()))
        for axes in (whole, near):
            axes.plot(charge, potential, label=host(run))
    whole.set(ylabel="potential of the collector against Li / mV", xlim=(0, None))
    near.set(ylim=(-15, 15), xlim=(0, None))
    if highest > LOGARITHMIC:
        whole.set_yscale("symlog", linthresh=100)
    whole.legend(ncols=2)
    for axes in (whole, near):
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set(xlabel="charge / $\\mu$Ah cm$^{-2}$")
        axes.grid(alpha=0.25)
    write_picture(figure, picture)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "lithiation.png"
    main(Path(sys.argv[1]), target)
