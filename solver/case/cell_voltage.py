"""Checks of segments that go by the voltage of the full cell: U, the open-circuit voltage of its cathode, plus V."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from solver.case.protocol import AnySegment
from solver.case.types import Problem

if TYPE_CHECKING:
    from solver.case.schema import Case

HELD = "cell_voltage"
KEYS = (HELD, "cutoff_cell_voltage")


def cell_voltage_problems(where: str, segment: AnySegment, case: Case) -> Iterator[Problem]:
    """Of the segment at `where`."""
    for name in KEYS:
        value = getattr(segment, name, None)
        if value is None:
            continue
        open_circuit = case.cathode.open_circuit if case.cathode else None
        if open_circuit is None:
            wrong = "the open-circuit voltage of the cathode is not known"
            allowed = "only with cathode.open_circuit_voltage or cathode.open_circuit_curve"
            yield Problem(f"{where}.{name}", wrong, allowed)
            continue
        voltages = open_circuit.voltage
        if name == HELD and any(b < a for a, b in pairwise(voltages)):
            wrong = "cannot be held, as the open-circuit voltage of the cathode falls at some state of charge"
            yield Problem(f"{where}.{name}", wrong, "a cathode.open_circuit_curve that rises or is level")
        direction = getattr(segment, "direction", "")
        if direction == "plate" and value <= min(voltages):
            wrong = "reached before any charge: the open-circuit voltage is never below"
            yield Problem(f"{where}.{name}", f"{wrong} {min(voltages):.4g} V", f"more than {min(voltages):.4g} V")
        if direction == "strip":
            yield from _discharge(f"{where}.{name}", value, max(voltages), segment, case)


def _discharge(where: str, value: float, highest: float, segment: AnySegment, case: Case) -> Iterator[Problem]:
    """Of the cell voltage that ends a discharge, or is held in it. highest: of the open-circuit voltage, V."""
    limit = case.drive.voltage_limit
    if value >= highest:
        wrong = f"reached before any charge: the open-circuit voltage is never above {highest:.4g} V"
        yield Problem(where, wrong, f"less than {highest:.4g} V")
    elif getattr(segment, "cutoff_voltage", None) is None and highest - value > limit:
        needed = f"it may take {highest - value:.4g} V at the anode"
        wrong = f"{needed}, and drive.voltage_limit ({limit:.4g} V) ends the run before"
        yield Problem(where, wrong, f"at least {highest - limit:.4g} V, or a larger drive.voltage_limit")
