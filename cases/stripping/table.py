"""Print one line per finished run below a folder: python cases/stripping/table.py results/stripping"""

from __future__ import annotations

import sys
from pathlib import Path

from postprocess import metrics
from postprocess.reader import Run
from solver import load_case
from solver.case.derived import critical_stripping_current

HEADINGS = (
    *("run", "j/j_c", "lambda/nm", "mAh/cm2", "contact: least", "last", "touching", "onset/min"),
    *("V first/mV", "last", "void/um", "hot first", "last", "steps"),
)
MAH_CM2 = 1 / 3.6e4  # of C/m^2


def line(directory: Path) -> tuple[str, ...]:
    """The numbers of one run."""
    run, case = Run(directory), load_case(directory / "resolved.json")
    curves = run.curves
    contact, voltage, hot = curves["contact_fraction"], curves["voltage"], curves["local_current_max_ratio"]
    return (
        directory.name,
        f"{abs(curves['current_density'][0]) / critical_stripping_current(case):.2f}",
        f"{1e9 * case.interface.width:.0f}",
        f"{abs(curves['capacity'][-1]) * MAH_CM2:.3f}",
        f"{metrics.minimum_contact_fraction(curves):.4f}",
        f"{contact[-1]:.3f}",
        f"{curves['touching_fraction'][-1]:.3f}",
        f"{metrics.contact_loss_onset(curves) / 60:.2f}",
        f"{1e3 * voltage[0]:.2f}",
        f"{1e3 * voltage[-1]:.2f}",
        f"{1e6 * curves['void_volume'][-1]:.3f}",
        f"{hot[0]:.2f}",
        f"{hot[-1]:.2f}",
        f"{curves['step'][-1]:.0f}",
    )


def main() -> None:
    """One line for every directory with a log."""
    lines = [HEADINGS, *(line(log.parent) for log in sorted(Path(sys.argv[1]).glob("*/log.csv")))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for cells in lines:
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))


if __name__ == "__main__":
    main()
