"""The fields of the solution: names, symbols, units, bounds, and their storage as PETSc vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from solver.numerics.array import Array
from solver.numerics.grid import Grid


@dataclass(frozen=True)
class FieldInfo:
    """What a dataset means: name in files, symbol in formulas, SI unit, words, bounds that must hold.

    rank: 0 scalar (*cells); 1 vector (*cells, dim); 2 symmetric tensor (*cells, 6), components `TENSOR`.
    """

    name: str
    symbol: str
    unit: str
    long_name: str
    bounds: tuple[float | None, float | None] = (None, None)
    rank: int = 0


def _table(*rows: FieldInfo) -> dict[str, FieldInfo]:
    return {row.name: row for row in rows}


EVOLVED = ("lithium", "occupancy", "potential")

FIELDS = _table(
    FieldInfo("lithium", "xi", "1", "Li order parameter of the metal side: 1 Li, 0 void", (0.0, 1.0)),
    FieldInfo("occupancy", "c", "1", "Li site occupancy; 1 - c is the vacancy fraction", (-0.1, None)),
    FieldInfo("potential", "phi", "V", "electrolyte potential against the metal, positive drives plating"),
    FieldInfo("electrolyte", "psi", "1", "electrolyte indicator", (0.0, 1.0)),
    FieldInfo("metal", "m xi + psi b zeta", "1", "Li metal fraction", (0.0, 1.0)),
    FieldInfo("void", "m (1 - xi)", "1", "void fraction", (0.0, 1.0)),
    FieldInfo("filament", "zeta", "1", "Li order parameter of the defects of the electrolyte: 1 filled", (0.0, 1.0)),
    FieldInfo("defect", "psi b", "1", "indicator of the electrolyte's defects", (0.0, 1.0)),
    FieldInfo("infiltration_pressure", "Pi", "Pa", "cost of filling a defect with Li, per volume"),
    FieldInfo("dead_lithium", "", "1", "1 where Li is not joined to the electrode", (0.0, 1.0)),
    FieldInfo("current_density", "j", "A/m^2", "local current density at the contact, positive plates"),
    FieldInfo("exchange_current_density", "i0", "A/m^2", "exchange current density of the contact"),
    FieldInfo("velocity", "v", "m/s", "lattice velocity of the metal", rank=1),
    FieldInfo("pressure", "p", "Pa", "pressure, compression positive"),
    FieldInfo("stress", "sigma", "Pa", "stress tensor, tension positive", rank=2),
    FieldInfo("von_mises_stress", "sigma_eq", "Pa", "von Mises stress"),
    FieldInfo("largest_principal_stress", "sigma_1", "Pa", "largest principal stress, tension positive"),
    FieldInfo("contact_pressure", "s_n", "Pa", "normal stress on the contact, compression positive"),
    FieldInfo("displacement", "u", "m", "elastic displacement of the electrolyte", rank=1),
)


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
