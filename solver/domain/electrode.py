"""The bottom of the box: where electrons reach the metal, and where Li comes from.

A thick electrode of Li goes on below the box. It gives and takes Li at the equilibrium c = h, and electrons reach the
metal through it. A current collector gives electrons only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import EllipsisType

from solver.numerics.grid import Grid


@dataclass(frozen=True)
class Electrode:
    """What is at the bottom. reservoir: whether it gives and takes Li."""

    grid: Grid
    reservoir: bool = True

    @cached_property
    def cells(self) -> tuple[EllipsisType, slice]:
        """Index of the owned cells of metal that touch it; on ranks away from the bottom there are none."""
        return ..., slice(0, 1 if self.grid.is_bottom else 0)
