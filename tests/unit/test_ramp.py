"""Ramps of current: the segments that they become, and what a run makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import solver
from solver.case.ending import Ending
from solver.case.io import case_from_dict
from solver.case.segments import START, Segment, expand
from solver.loop.failure import failure
from solver.loop.ramp_results import NO_FAILURE, NOT_FINISHED, UNITS, in_words, ramp_results

RAMP = {"kind": "ccd", "start": "1 mA/cm^2", "increment": "0.1 mA/cm^2", "max_current_density": "2 mA/cm^2"}
HOUR, MAH_CM2 = 3600.0, 3.6e4


def segments(*before: dict[str, Any], **ramp: Any) -> tuple[Segment, ...]:
    drive = {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"}
    return expand(case_from_dict({"schema_version": 1, "drive": drive, "protocol": [*before, RAMP | ramp]}))


def test_stripping_stays_while_plating_rises():
    """1 mAh/cm2 each, stripping at 1 mA/cm2, plating from 1 mA/cm2 by 0.1 mA/cm2; the maximum is reached."""
    found = segments(stripping_current_density="1 mA/cm^2", capacity="1 mAh/cm^2", first="strip")
    assert len(found) == 22 and {s.kind for s in found} == {"galvanostatic"}
    assert [s.current_density for s in found[::2]] == pytest.approx([-10.0] * 11)
    assert [s.current_density for s in found[1::2]] == pytest.approx([10.0 + n for n in range(11)])
    assert {s.capacity for s in found} == {MAH_CM2} and {s.duration for s in found} == {None}
    assert found[5].label == "protocol.0 (cycle 3): plate 1.2 mA/cm2" and found[5].cycle == 3


def test_both_rise():
    """1 h each, from 1 mA/cm2 by 0.1 mA/cm2, plating first."""
    found = segments(duration="1 h")
    expected = [sign * (10.0 + n) for n in range(11) for sign in (1, -1)]
    assert [s.current_density for s in found] == pytest.approx(expected)
    assert {s.duration for s in found} == {HOUR} and {s.capacity for s in found} == {None}
    assert [s.cycle for s in found] == [n for n in range(1, 12) for _ in range(2)]


def test_a_factor_and_rests_between_half_cycles():
    ramp = {"increment": None, "factor": 2.0, "max_current_density": "8 mA/cm^2"}
    ramp = {name: value for name, value in (RAMP | ramp).items() if value is not None}
    drive = {"stack_pressure": "3 MPa"}
    table = {"schema_version": 1, "drive": drive, "protocol": [ramp | {"duration": "1 h", "rest": "5 min"}]}
    found = expand(case_from_dict(table))
    assert [s.kind for s in found] == ["galvanostatic", "rest"] * 7 + ["galvanostatic"]
    assert [s.current_density for s in found[::4]] == pytest.approx([10.0, 20.0, 40.0, 80.0])
    assert {s.duration for s in found[1::2]} == {300.0}
    assert case_from_dict(table).protocol[0].segments == len(found)


def test_a_maximum_between_two_steps_is_not_passed():
    found = segments(max_current_density="1.25 mA/cm^2", duration="1 h")
    assert max(s.current_density for s in found) == pytest.approx(12.0)


def test_contact_loss_ends_the_run_and_a_short_circuit_comes_first():
    segment = segments(duration="1 h", min_contact_fraction=0.4)[0]
    measured = {"voltage": 0.01, "contact_fraction": 0.39, "short_circuit": 0.0}

    def ending(**changes: float) -> Ending | None:
        return failure(segment, START, measured | changes, 0.2, 90.0, 900.0)

    assert ending() == Ending("contact loss", "contact loss: contact fraction below 0.4")
    assert ending(contact_fraction=0.4) is None
    assert ending(voltage=0.3) == Ending("voltage limit", "voltage limit 0.2 V")
    left = ending(voltage=0.3, lithium_thickness=5e-9, lithium_in_gaps=4e-9, dead_lithium=1e-9)
    assert left and left.reason.endswith("V; 5 nm of Li left, 4 nm where it does not touch the electrolyte, 1 nm dead")
    shorted = ending(short_circuit=1.0, short_circuit_x=1.25e-6, voltage=0.3)
    assert shorted == Ending("short circuit", "short circuit at x = 1.25 um, after 90 s, 0.025 mAh/cm2")
    shorted = ending(short_circuit=1.0, short_circuit_x=1e-6, short_circuit_y=2e-6)
    assert shorted is not None and shorted.reason.startswith("short circuit at x = 1 um, y = 2 um, after")
    assert ending(short_circuit=1.0) == Ending("short circuit", "short circuit after 90 s, 0.025 mAh/cm2")


REST = {"kind": "rest", "duration": "1 min"}


@pytest.mark.parametrize(
    ("completed", "stop", "expected"),
    [
        (0, "voltage limit", (None, "voltage limit", None)),  # before the ramp
        (1, "short circuit", (None, "penetration", 1)),
        (2, "contact loss", (10.0, "contact loss", 1)),
        (5, "short circuit", (11.0, "penetration", 3)),
        (5, "interrupted", (11.0, NOT_FINISHED, None)),
        (5, "failed", (11.0, NOT_FINISHED, None)),
        (23, "finished", (20.0, NO_FAILURE, None)),
    ],
)
def test_results_follow_from_the_segments_that_are_over(completed, stop, expected):
    results = ramp_results(segments(REST, duration="1 h"), completed, stop, 90.0, -7.0)
    assert (results["critical_current_density"], results["failure_mode"], results["failure_cycle"]) == (
        expected[0] and pytest.approx(expected[0]),
        *expected[1:],
    )
    assert json.loads(json.dumps(results)) == results and set(UNITS) < set(results)


def test_results_name_the_half_cycle_that_failed():
    results = ramp_results(segments(duration="1 h"), 3, "contact loss", 90.0, -7.0)
    assert (results["failure_direction"], results["failure_cycle"]) == ("strip", 2)
    assert (results["failure_capacity"], results["failure_time"]) == (7.0, 90.0)
    assert in_words(results) == "CCD 1.1 mA/cm2 (cycle 2); contact loss at 1.1 mA/cm2 (cycle 2, strip)"
    nothing = in_words(ramp_results(segments(duration="1 h"), 0, "short circuit", 1.0, 1.0))
    assert nothing == "no plating half-cycle completed; penetration at 1 mA/cm2 (cycle 1, plate)"
    all_right = in_words(ramp_results(segments(duration="1 h"), 22, "finished", 1.0, 1.0))
    assert all_right == f"CCD 2 mA/cm2 (cycle 11); failure: {NO_FAILURE}"


def test_a_run_without_a_ramp_has_no_results():
    rest = Segment(kind="rest", label="rest", current_density=0.0, duration=1.0)
    assert ramp_results([rest], 1, "finished", 1.0, 0.0) == {} and in_words({}) == ""


# a planar contact in 1-D whose plating hits the voltage limit at about 2 mA/cm2
PLANAR = {
    "schema_version": 1,
    "title": "A ramp",
    "domain": {"dimension": 1, "lithium_thickness": "4 um"},
    "grid": {"fine_depth": "2 um"},
    "interface": {"width": "200 nm"},
    "electrolyte": [{"thickness": "3 um"}],
    "drive": {"stack_pressure": "3 MPa", "voltage_limit": "20 mV"},
    "protocol": [
        {
            "kind": "ccd",
            "start": "0.5 mA/cm^2",
            "increment": "0.5 mA/cm^2",
            "max_current_density": "5 mA/cm^2",
            "duration": "4 s",
            "rest": "2 s",
        }
    ],
    "output": {"interval": "1000 s", "fields": ["lithium"]},
}


def test_a_run_says_what_its_ramp_has_come_to(tmp_path):
    """In Result, summary.json, the closing lines, `lifront info` and the picture."""
    from postprocess.plots import plot_run
    from solver.__main__ import _summary

    result = solver.run(case_from_dict(PLANAR), tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert result.stop_reason == summary["stop_reason"] == "voltage limit 0.02 V"
    assert result.stop_kind == summary["stop_kind"] == "voltage limit" and result.results == summary["results"]
    assert result.results["critical_current_density"] == pytest.approx(15.0)
    assert result.results["failure_current_density"] == pytest.approx(20.0)
    assert (result.results["failure_mode"], result.results["failure_cycle"]) == ("voltage limit", 4)
    assert summary["units"]["critical_current_density"] == "A/m^2"
    lines = dict(_summary(tmp_path))
    assert lines["critical_current_density"] == "15 A/m^2" and lines["failure_mode"] == "voltage limit"
    assert plot_run(tmp_path).is_file()
