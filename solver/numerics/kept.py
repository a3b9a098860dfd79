"""What solvers keep from one step to the next, so that a restart goes on as the run would have gone on.

A solver does not begin each step anew: it keeps its preconditioner while that pays, and judges by earlier solves how
accurate the next has to be. All of it shows in the result, below the tolerances but above rounding. So checkpoints
carry what every preconditioner was made of and the numbers beside it; a restart makes the same preconditioners again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from solver.numerics.array import Array

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Kept:
    """arrays: owned blocks of cells, with components on one more axis; numbers: scalars, the same on all ranks."""

    arrays: Mapping[str, Array] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=dict)


class Keeper(Protocol):
    """A solver, or a part of one, that keeps something."""

    def kept(self) -> Kept:
        """What has to be taken up again; nothing where the next step begins anew."""
        ...

    def take_up(self, kept: Kept) -> None:
        """Go on from what such a solver has kept; from nothing anew (collective)."""
        ...


def gather(keepers: Mapping[str, Keeper]) -> tuple[dict[str, Array], dict[str, Numbers]]:
    """What all keep: arrays by "name.array", numbers by name."""
    kept = {name: keeper.kept() for name, keeper in keepers.items()}
    arrays = {f"{name}.{key}": values for name, one in kept.items() for key, values in one.arrays.items()}
    return arrays, {name: one.numbers for name, one in kept.items()}


def hand_out(keepers: Mapping[str, Keeper], arrays: Mapping[str, Array], numbers: Mapping[str, Numbers]) -> None:
    """Let all go on from what `gather` has found; those it knows nothing of begin anew (collective)."""
    for name, keeper in keepers.items():
        own = {key.removeprefix(f"{name}."): values for key, values in arrays.items() if key.startswith(f"{name}.")}
        keeper.take_up(Kept(own, numbers.get(name, {})))
