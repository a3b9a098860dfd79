"""A part of the physics, and the bookkeeping that it brings with it.

The loop, the log, checkpoints, snapshots and the error of a step know no physics: they ask the parts of a case for the
fields that they keep, the columns of the log, what is stored and supplied, and the fields for snapshots. A part that is
switched off is absent, and so is all that it would have brought. `model.coupling` says in which order parts act.

Everything that depends on where bodies are is given to a part with the contact of a time level. What is expensive to
make of it, such as matrices, may be kept while the contact is the same object (`placed`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from solver.domain.contact import Contact
from solver.numerics.array import Array
from solver.numerics.kept import Keeper
from solver.numerics.linear import Outcome
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics.step import Step

InterfaceTerm = Callable[[Array], tuple[Array, Array]]  # phi -> (current, derivative)


@dataclass(frozen=True)
class StateField:
    """A field of the state: kept from step to step and in checkpoints.

    predicted: whether its last two levels are extrapolated to the end of a step. tolerance: of the part of the distance
    from there that is the error of the step, which needs the prediction; None where it does not count.
    """

    name: str
    predicted: bool = False
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if self.tolerance is not None and not self.predicted:
            raise ValueError(f"{self.name}: an error needs a prediction")


@dataclass(frozen=True)
class Column:
    """A column of the log: name, SI unit ("" for counts), meaning."""

    name: str
    unit: str
    meaning: str

    @property
    def heading(self) -> str:
        """As in log.csv."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


def sum_of(changes: Iterable[Mapping[str, Array]]) -> dict[str, Array]:
    """All changes, by the names of fields."""
    total: dict[str, Array] = {}
    for change in changes:
        for name, values in change.items():
            total[name] = total[name] + values if name in total else values
    return total


@dataclass(frozen=True)
class Balance:
    """An audit: what is stored may change only by what was supplied. It becomes the column `name`_error.

    stored: what is measured at a time, by name. passed: the supply whose magnitude the error is relative to.

        error = |stored - stored at the start - sum of supplies| / (factor * sum over steps of |passed|)
    """

    name: str
    stored: str
    passed: str

    @property
    def column(self) -> Column:
        """The error, in the log."""
        return Column(f"{self.name}_error", "1", f"{self.stored}: change minus supply, over {self.passed}")


@dataclass(frozen=True)
class Supply:
    """A term of a balance: what is measured over each step, by name, times a factor to the unit of what is stored."""

    balance: str
    name: str
    factor: float = 1.0


@dataclass(frozen=True)
class Audit:
    """A balance and all that supplies it."""

    balance: Balance
    supplies: tuple[Supply, ...]

    def error(self, stored: float, start: float, sums: Mapping[str, float], magnitude: float) -> float:
        """The error of `Balance`, 0 before anything has passed; sums: of the supplies, magnitude: of |passed|."""
        if magnitude == 0.0:
            return 0.0
        supplied = sum(supply.factor * sums[supply.name] for supply in self.supplies)
        passed = next(supply for supply in self.supplies if supply.name == self.balance.passed)
        return abs(stored - start - supplied) / (passed.factor * magnitude)


class Reaction:
    """A current across the contact.

    law: phi -> (j, dj/dphi) per area, A/m^2 and S/m^2. reacting_share: of the contact, where it happens. atoms: Li
    atoms that the metal gains for each electron.
    """

    def __init__(self, law: InterfaceTerm, reacting_share: Array | float = 1.0, atoms: Array | float = 1.0):
        self._law, self.reacting_share, self.atoms = law, reacting_share, atoms
        self._last: tuple[Array, tuple[Array, Array]] | None = None

    def law(self, phi: Array) -> tuple[Array, Array]:
        """j and dj/dphi per area, A/m^2 and S/m^2; what has just been found for this very array is not sought again."""
        if self._last is None or self._last[0] is not phi:
            self._last = phi, self._law(phi)
        return self._last[1]

    def term(self, contact: Contact) -> InterfaceTerm:
        """phi -> (current A, derivative S) per cell."""
        active = contact.area * self.reacting_share

        def current(phi: Array) -> tuple[Array, Array]:
            j, slope = self.law(phi)
            return active * j, active * slope

        return current

    def per_volume(self, contact: Contact, phi: Array) -> Array:
        """The current, A/m^3."""
        return contact.area_density * self.reacting_share * self.law(phi)[0]


@dataclass(frozen=True)
class Uptake:
    """Li that a part takes from the metal without a current, m^3 (at bulk occupancy) per m^3 and s.

    fields: those of the part that follow from it, at the end of the step.
    """

    lithium: Array | float = 0.0
    fields: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class PartResult:
    """What a part has found in a step: its new fields, what it measured (SI), how its solve ended."""

    fields: dict[str, Array] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None


class Part:
    """Physics with its bookkeeping. What a part does not bring it leaves as here. All methods are collective."""

    name: str
    fields: tuple[StateField, ...] = ()
    outputs: tuple[FieldInfo, ...] = ()
    columns: tuple[Column, ...] = ()
    balances: tuple[Balance, ...] = ()
    supplies: tuple[Supply, ...] = ()
    swells = False  # whether `swelling` may change
    _contact: Contact | None = None

    @property
    def keepers(self) -> Mapping[str, Keeper]:
        """What outlives a step besides the fields, by the names under which checkpoints have it."""
        return {}

    def placed(self, contact: Contact) -> bool:
        """Whether what is kept was made of another contact than this; from now on it is of this one."""
        new = contact is not self._contact
        self._contact = contact
        return new

    def start(self, contact: Contact) -> dict[str, Array]:
        """The fields at the start."""
        return {}

    def weight(self, state: State, contact: Contact) -> Array | float:
        """Where an error of the fields counts."""
        return 1.0

    def lithium(self, fields: Fields, contact: Contact) -> Array | float:
        """Li that is stored here, m^3 (at bulk occupancy) per m^3 of the box."""
        return 0.0

    def stored(self, fields: Fields, contact: Contact) -> dict[str, float]:
        """What the own balances are of, by name."""
        return {}

    def reactions(self, state: State, contact: Contact, step: Step) -> list[Reaction]:
        """Currents across the contact, beside that of Li plating and stripping."""
        return []

    def admittance(self, state: State, contact: Contact, omega: float) -> Array | complex:
        """Of the own currents across the contact, for small harmonic changes of phi, S in the cells (see `impedance`).

        omega: angular frequency, 1/s. What moves slowly is held; real and imaginary part are not negative.
        """
        return 0.0

    def uptake(self, state: State, contact: Contact, step: Step) -> Uptake:
        """What is taken from the metal in a step (collective)."""
        return Uptake()

    def swelling(self, fields: Fields, contact: Contact) -> float:
        """Thickness w_s by which it pushes the platen away from the collector's surface, m (collective)."""
        return 0.0

    def resistance(self, fields: Fields) -> Array | float:
        """Area resistance that it adds to the contact, ohm m^2; fields: those of `uptake`, or of the state."""
        return 0.0

    def behind_film(self, fields: Fields) -> Array | float:
        """Share of the contact of Li that has the film of the case between Li and electrolyte."""
        return 1.0

    def step(self, state: State, new: Mapping[str, Array], contact: Contact, step: Step) -> PartResult:
        """Advance the own fields; new: those of the coupled step, which is over (see `model.coupling`)."""
        return PartResult()

    def largest_step(self, state: State, contact: Contact) -> float:
        """Largest dt, s."""
        return math.inf

    def error(self, state: State, new: Fields, contact: Contact, step: Step) -> float:
        """Error of a step over its tolerance, beside those of the fields that have one (collective)."""
        return 0.0

    def jump(self, fields: Fields, contact: Contact) -> dict[str, Array]:
        """What changes at once at the end of a step, by the names of fields: no error of it, and no lasting slope.

        fields: with what has jumped in the parts before this.
        """
        return {}

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        """Fields for snapshots, those of `outputs`."""
        return {}
