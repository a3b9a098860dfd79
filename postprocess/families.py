"""What the reports under cases/ have in common: the runs of a sweep and their cases, measured beside computed values.

Each row of such a comparison says what the model's number is: "calibrated" on the measured one, or "predicted"
without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postprocess.reader import Run
from solver import load_case
from solver.case.schema import Case

HEADINGS = ("what", "unit", "measured", "computed", "ratio", "the number is")
ABSENT = "-"


@dataclass(frozen=True)
class Row:
    """A quantity: measured and computed in the same unit; a word in the place of a number, None where there is none."""

    what: str
    unit: str
    measured: float | str | None
    computed: float | str | None
    kind: Literal["calibrated", "predicted"]

    @property
    def ratio(self) -> float | None:
        """Computed over measured, None where one of them is no number, or the measured one 0."""
        if not isinstance(self.measured, int | float) or not isinstance(self.computed, int | float):
            return None
        return self.computed / self.measured if self.measured else None

    @property
    def cells(self) -> tuple[str, ...]:
        """As text."""
        numbers = (self.measured, self.computed, self.ratio)
        return (self.what, self.unit, *map(_text, numbers), self.kind)


def finished_runs(directory: Path) -> list[Run]:
    """The points of a sweep that have come to their end, in the order of their names."""
    return [Run(path.parent) for path in sorted(directory.glob("*/done.json"))]


def case_of(run: Run) -> Case:
    """The case of a run, in SI."""
    return load_case(run.directory / "case.toml")


def _text(value: float | str | None) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else f"{value:.3g}"


def table(rows: Iterable[Row]) -> str:
    """The rows below their headings, in columns."""
    return columns([HEADINGS, *(row.cells for row in rows)])


def columns(rows: list[tuple[str, ...]]) -> str:
    """Rows of text in columns as wide as their entries, the first one to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)
