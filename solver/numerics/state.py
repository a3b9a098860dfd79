"""The fields of the solution: what a dataset means, and the storage of fields as PETSc vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from solver.numerics.array import Array
from solver.numerics.grid import Grid


@dataclass(frozen=True)
class FieldInfo:
    """What a dataset means: name in files, symbol in formulas, SI unit, words.

    rank: 0 scalar (*cells); 1 vector (*cells, dim); 2 symmetric tensor (*cells, 6), components `TENSOR`.
    """

    name: str
    symbol: str
    unit: str
    long_name: str
    rank: int = 0


EVOLVED = ("lithium", "occupancy", "potential")


class State:
    """Named cell fields on a grid at one time; each is a NumPy view of a PETSc vector."""

    def __init__(self, grid: Grid, names: tuple[str, ...] = EVOLVED, time: float = 0.0):
        self.grid = grid
        self.time = time
        self.vectors = {name: grid.vector() for name in names}

    def __getitem__(self, name: str) -> Array:
        return self.grid.view(self.vectors[name])

    def __setitem__(self, name: str, values: Array | float) -> None:
        self[name][...] = values

    def __iter__(self) -> Iterator[str]:
        return iter(self.vectors)


Fields = Mapping[str, Array] | State
