"""Table and picture of coverage.toml: how much of Cu and electrolyte Li covers, at the charges of three loadings.

lifront run cases/anode_free/collectors/coverage.toml --output results/coverage
python cases/anode_free/collectors/coverage.py results/coverage [PICTURE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess.contact_plots import UM, Contact, frame, patches
from postprocess.cycle_plots import MAH_CM2, MV, PERCENT
from postprocess.families import case_of, columns
from postprocess.penetration_plots import COLOURS, material_shares
from postprocess.pictures import write_picture
from postprocess.reader import Run

SHOWN = (0.1, 0.75, 1.5, 2.25)  # mAh/cm2; a beginning, then 5, 10, 15 mg/cm2 of 150 mAh/g
HEADINGS = ("mAh/cm2", "mg/cm2", "Li/um", "of Cu/%", "of electrolyte/%", "V/mV", "interphase/%")
LEGEND = {name: colour for name, colour in COLOURS.items() if name in ("electrolyte", "Li", "void", "collector")}


def plated(run: Run) -> np.ndarray:
    """Charge of the steps, mAh/cm2."""
    return MAH_CM2 * run.curves["capacity"]


def step_at(run: Run, charge: float) -> int:
    """The step nearest to a charge, mAh/cm2."""
    return int(np.argmin(np.abs(plated(run) - charge)))


def line(run: Run, charge: float) -> tuple[str, ...]:
    """The entries of HEADINGS at a charge."""
    found, step, cathode = run.curves, step_at(run, charge), case_of(run).cathode
    assert cathode and cathode.specific_capacity
    numbers = (
        plated(run)[step],
        100 * found["capacity"][step] / cathode.specific_capacity,
        UM * found["lithium_thickness"][step],
        PERCENT * found["collector_coverage"][step],
        PERCENT * found["contact_fraction"][step],
        MV * found["voltage"][step],
        PERCENT * found["interphase_lithium"][step] / found["capacity"][step],
    )
    return tuple(f"{number:.3g}" for number in numbers)


def draw_section(axes: Axes, run: Run, charge: float) -> None:
    """Cross-section in the snapshot nearest to a charge."""
    time = run.curves["time"][step_at(run, charge)]
    contact = Contact.read(run, int(np.argmin(np.abs(run.times - time))))
    material_shares(axes, contact)
    gap = UM * float(np.max(run.field("gap", contact.index)))
    frame(axes, contact, (-1.1 * gap - 0.3, 1.0))
    axes.set_title(f"{charge:.3g} mAh/cm$^2$", fontsize=10)


def main(directory: Path, picture: Path) -> None:
    """Print the table, write the picture."""
    run = Run(directory)
    charges = [charge for charge in SHOWN if charge <= plated(run)[-1] * 1.01]
    print(columns([HEADINGS, *(line(run, charge) for charge in charges)]))
    figure = Figure(figsize=(2.7 * len(charges) + 4, 3.8), constrained_layout=True)
    above, legend = figure.subfigures(2, 1, height_ratios=(3.6, 0.3))
    *panels, last = above.subplots(1, len(charges) + 1)
    for axes, charge in zip(panels, charges, strict=True):
        draw_section(axes, run, charge)
    steps = run.curves["current_density"] > 0
    for name, label in (("collector_coverage", "of Cu"), ("contact_fraction", "of the electrolyte")):
        last.plot(plated(run)[steps], PERCENT * run.curves[name][steps], label=label)
    for charge in charges[1:]:
        last.axvline(charge, color="grey", lw=0.8, ls=":")
    last.set(xlabel="charge / mAh cm$^{-2}$", ylabel="covered with Li / %", ylim=(0, 103))
    last.legend(fontsize=9, loc="lower right")
    last.grid(alpha=0.25)
    legend.legend(handles=patches(LEGEND), loc="center", ncols=len(LEGEND), fontsize=9, frameon=False)
    write_picture(figure, picture)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "coverage.png"
    main(Path(sys.argv[1]), target)
