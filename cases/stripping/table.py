"""Print one line per finished run below a folder: python cases/stripping/table.py results/stripping"""

from __future__ import annotations

import sys
from pathlib import Path

from postprocess import metrics
from postprocess.reader import Run
from solver import load_case
from solver.case.derived import critical_stripping_current

HEADINGS = ("run", "j/j_c", "contact: least", "last", "onset/min", "V first/mV", "last", "void/um", "hot spot", "steps")
LINE = "{:22s} {:>6s} {:>15s} {:>6s} {:>10s} {:>11s} {:>7s} {:>8s} {:>9s} {:>6s}"


def line(directory: Path) -> str:
    """The numbers of one run."""
    run, case = Run(directory), load_case(directory / "resolved.json")
    curves = run.curves
    contact, voltage = curves["contact_fraction"], curves["voltage"]
    numbers = (
        f"{abs(curves['current_density'][0]) / critical_stripping_current(case):.2f}",
        f"{metrics.minimum_contact_fraction(curves):.4f}",
        f"{contact[-1]:.3f}",
        f"{metrics.contact_loss_onset(curves) / 60:.2f}",
        f"{1e3 * voltage[0]:.2f}",
        f"{1e3 * voltage[-1]:.2f}",
        f"{1e6 * metrics.maximum_void_volume(curves):.3f}",
        f"{metrics.maximum_local_current_ratio(curves):.2f}",
        f"{curves['step'][-1]:.0f}",
    )
    return LINE.format(directory.name, *numbers)


def main() -> None:
    """One line for every directory with a log."""
    print(LINE.format(*HEADINGS))
    for log in sorted(Path(sys.argv[1]).glob("*/log.csv")):
        print(line(log.parent))


if __name__ == "__main__":
    main()
