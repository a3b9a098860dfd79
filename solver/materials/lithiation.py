"""Steps in which a host takes Li, as a table of a material's file::

    [lithiation]
    steps = [{ composition = 1.0, potential = "0.165 V" }, { composition = 2.0, potential = "0.11 V", end = "0.05 V" }]
    one_phase = false        # whether the last step goes on into Li metal as one phase
    source = "where it comes from"

composition: Li per atom of the host, or formula unit, at the end of the step; potential: against Li metal, V, that of a
plateau, or with `end` the one from which it falls to `end` in proportion.

A step with `irreversible = true` is a conversion, whose Li stays for good. What it leaves may take Li in its turn, in
the steps of its own file: `products = { Ag = 1.0 }` names other materials, with their number per formula unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any

from solver.units import Number, Quantity, ValueRefused

COMPOSITION = Number(gt=0, le=100)
NUMBER = Number(gt=0, le=100)
POTENTIAL = Quantity("V", show="mV", what="potential", gt=0, le=5000)


@dataclass(frozen=True)
class LithiationStep:
    """A step: composition at its end, potential (V), and potential at its end (V), None for a plateau; whether its Li
    stays for good.
    """

    composition: float
    potential: float
    end: float | None = None
    irreversible: bool = False

    @property
    def lowest(self) -> float:
        """Potential at its end, V."""
        return self.potential if self.end is None else self.end


@dataclass(frozen=True)
class Lithiation:
    """All steps, whether the last is one phase with Li metal, the source, and the number of products by their names."""

    steps: tuple[LithiationStep, ...]
    one_phase: bool
    source: str
    products: Mapping[str, float] = field(default_factory=dict)


def merged(parts: Iterable[tuple[float, Sequence[LithiationStep]]]) -> tuple[LithiationStep, ...]:
    """Steps of hosts that share one potential, by falling potential; parts: number and steps of each host."""
    taken: list[tuple[float, LithiationStep]] = []
    for number, steps in parts:
        starts = [0.0, *(step.composition for step in steps[:-1])]
        taken += [(number * (step.composition - start), step) for step, start in zip(steps, starts, strict=True)]
    taken.sort(key=lambda entry: -entry[1].potential)
    totals = accumulate(amount for amount, _ in taken)
    return tuple(replace(step, composition=total) for (_, step), total in zip(taken, totals, strict=True))


def disorder(steps: tuple[LithiationStep, ...]) -> str:
    """What is wrong with the order of steps, "" when nothing is."""
    for one, two in pairwise(steps):
        if two.composition <= one.composition or two.potential >= one.potential:
            return "from step to step the composition must rise and the potential fall"
    if any(step.end is not None and step.end >= step.potential for step in steps):
        return "the potential at the end of a step must be below that at its start"
    return ""


def read_lithiation(table: Any) -> Lithiation:
    """The table of a file. Raises ValueRefused."""
    form = "a table of steps, one_phase, products and source"
    if not isinstance(table, dict) or table.keys() - {"steps", "one_phase", "products", "source"}:
        raise ValueRefused("not such a table", form)
    source, one_phase, rows = table.get("source"), table.get("one_phase", False), table.get("steps")
    if not isinstance(source, str) or not source.strip():
        raise ValueRefused("source is missing", form)
    if not isinstance(one_phase, bool):
        raise ValueRefused("one_phase is not true or false", form)
    if not isinstance(rows, list) or not rows:
        raise ValueRefused("there are no steps", form)
    steps = tuple(_step(row) for row in rows)
    if wrong := disorder(steps):
        raise ValueRefused(wrong, form)
    return Lithiation(steps, one_phase, source, _products(table.get("products", {})))


def _step(row: Any) -> LithiationStep:
    needed, form = {"composition", "potential"}, "a table of composition, potential and perhaps end and irreversible"
    if not isinstance(row, dict) or not needed <= row.keys() <= {*needed, "end", "irreversible"}:
        raise ValueRefused("a step that is not one", form)
    irreversible = row.get("irreversible", False)
    if not isinstance(irreversible, bool):
        raise ValueRefused("irreversible is not true or false", form)
    end = POTENTIAL.parse(row["end"]) if "end" in row else None
    return LithiationStep(COMPOSITION.parse(row["composition"]), POTENTIAL.parse(row["potential"]), end, irreversible)


def _products(table: Any) -> dict[str, float]:
    if not isinstance(table, dict):
        raise ValueRefused("products is not a table", "names of materials with their number per formula unit")
    return {name: NUMBER.parse(number) for name, number in table.items()}
