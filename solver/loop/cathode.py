"""The other electrode as the loop sees it: a sum of charge, and what follows from it.

    lithium         Q_0 - q                 q charge since the start, positive plates; Q_0 all that the cathode can give
    it takes back   q - f max(q)            f lost share: of what has been taken out for the first time
    cell voltage    U(q) + V                U open-circuit voltage against Li, V that of the solver, positive plates

All charges in C/m^2. V is the potential of the electrolyte at its top against the metal, on the scale on which Li is at
rest at 0, so -V is the anode against Li: U + V is above U while Li is plated. The cathode has no overpotential of its
own; `drive.series_resistance` is in V. As f max(q) goes by the largest charge, a first charge in parts loses as much as
one in one go. A cell voltage that is held is that at the end of each step (`laws.open_circuit`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from solver.case import cathode as schema
from solver.case.ending import Ending
from solver.case.segments import CAPACITY_TOLERANCE, Control
from solver.laws.open_circuit import OpenCircuit
from solver.physics.part import Column

LITHIUM = Column("cathode_lithium", "C/m^2", "charge of the Li that the cathode still can give")
CELL_VOLTAGE = Column("cell_voltage", "V", "of the full cell: open-circuit voltage of the cathode plus voltage")
COLUMNS = (LITHIUM, CELL_VOLTAGE)
EMPTY, FULL = Ending("cathode empty", "cathode is empty"), Ending("cathode full", "cathode is full")


def cell_voltage(measured: Mapping[str, float]) -> float:
    """That of the full cell in what was measured, V, nan where it is not known."""
    return measured.get(CELL_VOLTAGE.name, math.nan)


@dataclass(frozen=True, kw_only=True)
class Cathode:
    """lithium: Q_0, C/m^2; lost_share: f; open_circuit: U by q, None if it is not known."""

    lithium: float
    lost_share: float
    open_circuit: OpenCircuit | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """Of the log."""
        return COLUMNS if self.open_circuit else (LITHIUM,)

    def measure(self, charge: float, voltage: float) -> dict[str, float]:
        """What the log says of it; voltage: of the solver, V."""
        measured = {LITHIUM.name: self.lithium - charge}
        if self.open_circuit:
            measured[CELL_VOLTAGE.name] = self.open_circuit.at(charge) + voltage
        return measured

    def direction(self, control: Control, charge: float) -> float:
        """In which charge will pass: > 0 out of it, < 0 back, 0 for none."""
        if control.cell_voltage is not None and self.open_circuit:
            return control.cell_voltage - self.open_circuit.at(charge)
        return control.current_density or control.voltage or 0.0

    def left(self, charge: float, most: float, direction: float) -> float:
        """Charge that can still pass, C/m^2: out of it where direction > 0, back where it is < 0; inf without one.

        most: the largest charge so far.
        """
        if direction == 0.0:
            return math.inf
        return self.lithium - charge if direction > 0.0 else charge - self.lost_share * most

    def ended(self, charge: float, most: float, direction: float) -> Ending | None:
        """Why a segment that passes charge in this direction ends, None where it goes on."""
        if self.left(charge, most, direction) > CAPACITY_TOLERANCE * self.lithium:
            return None
        return EMPTY if direction > 0.0 else FULL


def make_cathode(section: schema.Cathode | None) -> Cathode | None:
    """That of a case, None without one."""
    if section is None:
        return None
    lithium, curve = section.lithium, section.open_circuit
    charges = tuple(share * lithium for share in curve.state_of_charge) if curve else ()
    open_circuit = OpenCircuit(charges, curve.voltage) if curve else None
    return Cathode(lithium=lithium, lost_share=section.lost_share, open_circuit=open_circuit)
