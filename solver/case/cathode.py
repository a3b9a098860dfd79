"""The section [cathode] of a case file: the Li that the other electrode has, and its voltage against Li.

It is no field: charge goes out of it when Li is plated and back into it when Li is stripped (`solver.loop.cathode`).

An open-circuit curve is a CSV file with the columns ``state_of_charge`` and ``voltage``, each heading with its unit:
``state_of_charge [%],voltage [V]``. The state of charge is the Li that is gone over all Li that the cathode can give:
0 % at the start, 100 % when it is empty; it grows strictly. Straight lines join the values; beyond the ends they hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import model_validator

from solver.case.columns import Headings, TableRefused, read_columns
from solver.case.ramp import Ramp
from solver.case.types import (
    Capacity,
    Loading,
    Loss,
    Problem,
    Section,
    Share,
    SpecificCapacity,
    Voltage,
    key,
    problem_error,
    required,
    resolved,
)
from solver.units import Quantity, ValueRefused

if TYPE_CHECKING:
    from solver.case.schema import Case

_HEADINGS = Headings(
    {
        "state_of_charge": Quantity("%", what="state of charge", ge=0, le=100),
        "voltage": Quantity("V", what="voltage", gt=0),
    },
    needed=("state_of_charge", "voltage"),
    words="state_of_charge [%] and voltage [V]",
)


class OpenCircuitTable(Section):
    """Voltages of a cathode at rest."""

    state_of_charge: tuple[Share, ...] = required("Li that is gone over all Li that the cathode can give")
    voltage: tuple[Voltage, ...] = required("open-circuit voltage against Li")

    @model_validator(mode="after")
    def _columns_fit(self) -> OpenCircuitTable:
        grows = all(a < b for a, b in pairwise(self.state_of_charge))
        if len(self.voltage) != len(self.state_of_charge) or len(self.voltage) < 2 or not grows:
            wrong, allowed = "the columns do not fit together", "columns of equal length, state_of_charge increasing"
            raise ValueRefused(wrong, allowed).for_pydantic()
        return self


class OpenCircuitCurve(Section):
    """A measured open-circuit voltage."""

    file: str = required("CSV file, its path relative to the case file")
    table: OpenCircuitTable = resolved("the columns of the file; when they are given the file is not read")


class Cathode(Section):
    """The other electrode: how much Li it has."""

    areal_capacity: Capacity | None = key(None, "charge per area that the fresh cathode gives, without the reserve")
    loading: Loading | None = key(None, "mass of active material per area, in the place of areal_capacity")
    specific_capacity: SpecificCapacity | None = key(None, "charge per mass of active material, with loading")
    first_cycle_loss: Loss = key(
        0.0, "share of what is taken out of the fresh cathode that does not go back into it; not of the reserve"
    )
    reserve: Capacity | None = key(
        None,
        "charge per area of a sacrificial additive (Li3N), given once, in the first charge; none without it",
    )
    open_circuit_voltage: Voltage | None = key(None, "constant open-circuit voltage against Li; Li-In has 0.62 V")
    open_circuit_curve: OpenCircuitCurve | None = key(None, "measured open-circuit voltage against Li")

    @model_validator(mode="after")
    def _one_capacity(self) -> Cathode:
        by_mass = (self.loading is not None, self.specific_capacity is not None)
        if any(by_mass) is not all(by_mass) or all(by_mass) is (self.areal_capacity is not None):
            allowed = "either areal_capacity, or loading and specific_capacity"
            raise ValueRefused("its capacity is said twice or not at all", allowed).for_pydantic()
        return self

    @property
    def active_lithium(self) -> float:
        """Charge per area that the active material gives, C/m^2."""
        return self.areal_capacity or (self.loading or 0.0) * (self.specific_capacity or 0.0)

    @property
    def lithium(self) -> float:
        """Charge per area of all Li that it can give, C/m^2."""
        return self.active_lithium + (self.reserve or 0.0)

    @property
    def open_circuit(self) -> OpenCircuitTable | None:
        """Its open-circuit voltage by state of charge, None if it is not known; a constant one has one place."""
        if self.open_circuit_voltage is None:
            return self.open_circuit_curve.table if self.open_circuit_curve else None
        return OpenCircuitTable.model_construct(state_of_charge=(0.0,), voltage=(self.open_circuit_voltage,))

    def charge_at(self, voltage: float) -> float:
        """Charge that it has given when its open-circuit voltage exceeds this one (V), all if it never does, C/m^2."""
        table = self.open_circuit
        if table is None or voltage >= max(table.voltage):
            return self.lithium
        beyond = next(index for index, value in enumerate(table.voltage) if value > voltage)
        if beyond == 0:
            return 0.0
        (a, b), (u, v) = (values[beyond - 1 : beyond + 1] for values in (table.state_of_charge, table.voltage))
        return self.lithium * (a + (b - a) * (voltage - u) / (v - u))

    @property
    def lost_share(self) -> float:
        """Share of what is taken out for the first time that does not go back."""
        return 1 - (1 - self.first_cycle_loss) * self.active_lithium / self.lithium

    def problems(self, case: Case) -> Iterable[Problem]:
        if self.open_circuit_voltage is not None and self.open_circuit_curve is not None:
            wrong = "a constant and a measured open-circuit voltage"
            yield Problem("cathode.open_circuit_voltage", wrong, "one of the two")
        if any(isinstance(segment, Ramp) for segment in case.protocol):
            wrong = "it may be empty before a half-cycle of the ramp is complete, which the ramp counts"
            yield Problem("cathode", wrong, "no [cathode] beside a segment of kind 'ccd'")


def with_curve(cathode: Cathode, directory: Path) -> Cathode:
    """The cathode with its measured open-circuit voltage read."""
    curve = cathode.open_circuit_curve
    if curve is None or curve.table is not None:
        return cathode
    try:
        table = read_curve(directory / curve.file)
    except TableRefused as error:
        raise problem_error([Problem("cathode.open_circuit_curve.file", str(error))]) from None
    return cathode.model_copy(update={"open_circuit_curve": curve.model_copy(update={"table": table})})


def read_curve(path: Path) -> OpenCircuitTable:
    """The open-circuit voltage in the file `path`; raises TableRefused."""
    columns = read_columns(path, _HEADINGS)
    shares = [percent / 100 for percent in columns.values["state_of_charge"]]
    for number, (before, share) in zip(columns.lines[1:], pairwise(shares), strict=True):
        if share <= before:
            wrong = f"state of charge {100 * share:g} % is not larger than in the row above"
            raise TableRefused(f"{path}, line {number}: {wrong}")
    return OpenCircuitTable.model_construct(state_of_charge=tuple(shares), voltage=tuple(columns.values["voltage"]))
