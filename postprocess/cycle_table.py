"""The half-cycles of a run as lines on the console: cycles.csv with fewer digits."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from postprocess.reader import Run
from solver.loop.cycles import FINAL
from solver.text import one_line, plain_console, printable

SHOWN = 20  # of the last half-cycles
LEFT_OUT = (
    "half_cycle",
    "capacity [C/m^2]",
    "largest_voltage [V]",
    "plateau_voltage [V]",
    "nucleus_spacing [m]",
    "covering_thickness [m]",
    *FINAL,
    "first_segment",
    "last_segment",
    "capacity_retention [1]",
)
LOSS = "_loss [1]"  # how the headings of losses end, which are in cycles.png
PLAIN_WIDTH = 160  # columns when the output is not a terminal


def print_half_cycles(run: Run) -> None:
    """Print the last half-cycles; nothing where none is over. Raises ResultsError."""
    header, *rows = run.half_cycles
    if not rows:
        return
    wanted = [n for n, heading in enumerate(header) if heading not in LEFT_OUT and not heading.endswith(LOSS)]
    table = Table(box=None, pad_edge=False)
    for n in wanted:
        table.add_column(printable(header[n]), overflow="fold")
    for row in rows[-SHOWN:]:
        table.add_row(*_short([row[n] for n in wanted]))
    console = plain_console(PLAIN_WIDTH)
    console.print()
    console.print(table)
    if len(rows) > SHOWN:
        console.print(f"and {len(rows) - SHOWN} half-cycles before: cycles.csv")


def _short(cells: list[str]) -> Iterator[str]:
    for cell in cells:
        try:
            yield f"{float(cell):.5g}"
        except ValueError:
            yield one_line(cell)
