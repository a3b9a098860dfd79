"""What a ramp has come to: the critical current density (CCD), and how the cell failed.

The CCD is the highest plating current density whose half-cycle was completed. A run goes on to its next segment only
when the last one was completed, so the segments that are over and the reason of the end say it all, also after a
restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from solver.case.segments import Segment

Scalar = float | int | str | None

UNITS = {
    "critical_current_density": "A/m^2",
    "failure_current_density": "A/m^2",
    "failure_time": "s",
    "failure_capacity": "C/m^2",
}
NO_FAILURE = "none up to max_current_density"
NOT_FINISHED = "not finished"
# by the kind of end of the run
MODES = {"short circuit": "penetration", "contact loss": "contact loss", "voltage limit": "voltage limit"}


def ramp_results(
    segments: Sequence[Segment], completed: int, stop: str, time: float, charge: float
) -> dict[str, Scalar]:
    """Results of a run, empty when its protocol has no ramp; SI, the units are in `UNITS`; None where nothing applies.

    critical_current_density, critical_cycle: None when no plating half-cycle of the ramp was completed.
    failure_mode: "penetration", "contact loss", "voltage limit", NO_FAILURE, or NOT_FINISHED for a run that was
    interrupted or could not be solved.
    failure_current_density (magnitude), failure_direction ("plate", "strip", "rest"), failure_cycle,
    failure_capacity (magnitude): of the half-cycle that failed; failure_time: since the start of the run.

    completed: number of segments that are over. stop: kind of the end of the run. time: of the run. charge: passed in
    the present segment, signed.
    """
    cycles = [index for index, segment in enumerate(segments) if segment.cycle]
    if not cycles:
        return {}
    plated = [s for s in segments[:completed] if s.cycle and (s.current_density or 0.0) > 0.0]
    best = max(plated, key=lambda segment: segment.current_density or 0.0, default=None)
    results: dict[str, Scalar] = {
        "critical_current_density": best.current_density if best else None,
        "critical_cycle": best.cycle if best else None,
        "failure_mode": NO_FAILURE,
        "failure_direction": None,
        "failure_current_density": None,
        "failure_cycle": None,
        "failure_time": None,
        "failure_capacity": None,
    }
    if completed > cycles[-1]:
        return results
    results["failure_mode"] = failure_mode(stop)
    if results["failure_mode"] != NOT_FINISHED:
        segment = segments[completed]
        current = segment.current_density or 0.0
        results |= {
            "failure_direction": "plate" if current > 0.0 else "strip" if current < 0.0 else "rest",
            "failure_current_density": abs(current),
            "failure_cycle": segment.cycle or None,
            "failure_time": time,
            "failure_capacity": abs(charge),
        }
    return results


def failure_mode(stop: str) -> str:
    """How the cell failed in a run whose end, before that of its protocol, is of this kind."""
    return MODES.get(stop, NOT_FINISHED)


def in_words(results: Mapping[str, Scalar]) -> str:
    """A line such as "CCD 1.2 mA/cm2 (cycle 3); penetration at 1.3 mA/cm2 (cycle 4, plate)"; "" without a ramp."""
    if not results:
        return ""
    critical, failed = results["critical_current_density"], results.get("failure_current_density")
    found = "no plating half-cycle completed"
    if critical is not None:
        cycle = f" (cycle {results['critical_cycle']})" if results.get("critical_cycle") else ""
        found = f"CCD {float(critical) / 10:.6g} mA/cm2{cycle}"
    end = f"failure: {results['failure_mode']}"
    if failed is not None:
        cycle = f"cycle {results['failure_cycle']}, " if results.get("failure_cycle") else ""
        end = f"{results['failure_mode']} at {float(failed) / 10:.6g} mA/cm2 ({cycle}{results['failure_direction']})"
    return f"{found}; {end}"
