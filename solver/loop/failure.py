"""Why a run ends before its protocol does: short circuit, contact loss, voltage limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from solver.case.ending import Ending
from solver.case.segments import Segment, SegmentState, voltage_limit_reached
from solver.loop.cathode import cell_voltage


def failure(
    segment: Segment,
    state: SegmentState,
    measured: Mapping[str, float],
    voltage_limit: float,
    time: float,
    charge: float,
) -> Ending | None:
    """Why the run ends after an accepted step, None when it goes on.

    measured: by the model at the end of the step. It may have "short_circuit" (1.0 when Li has crossed the
    electrolyte, else 0.0) with its place in "short_circuit_x" and, in 3-D, "short_circuit_y" (m). A short circuit
    comes before the others: it changes voltage and current. time (s) and charge (C/m^2, positive plates) count from
    the start of the run.
    """
    if measured.get("short_circuit", 0.0) == 1.0:
        keys = {axis: f"short_circuit_{axis}" for axis in "xy" if f"short_circuit_{axis}" in measured}
        place = [f"{axis} = {measured[key] * 1e6:.4g} um" for axis, key in keys.items()]
        where = f" at {', '.join(place)}," if place else ""
        return Ending("short circuit", f"short circuit{where} after {time:.6g} s, {charge / 3.6e4:.4g} mAh/cm2")
    if reason := voltage_limit_reached(
        segment, state, measured["voltage"], voltage_limit, cell_voltage(measured)
    ):
        return replace(reason, reason=reason.reason + remains(measured))
    fraction = segment.contact_loss_fraction
    if fraction is not None and measured["contact_fraction"] < fraction:
        return Ending("contact loss", f"contact loss: contact fraction below {fraction:g}")
    return None


def remains(measured: Mapping[str, float]) -> str:
    """What Li a collector has left, and where; nothing without a collector."""
    if "lithium_in_gaps" not in measured:
        return ""
    left, gaps, dead = (1e9 * measured[name] for name in ("lithium_thickness", "lithium_in_gaps", "dead_lithium"))
    return f"; {left:.3g} nm of Li left, {gaps:.3g} nm where it does not touch the electrolyte, {dead:.3g} nm dead"
