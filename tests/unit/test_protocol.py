"""Segments: what is applied, where steps land, when they end."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from solver.case import protocol as case_protocol
from solver.case.ending import Ending
from solver.case.io import CaseError, case_from_dict
from solver.case.segments import START, Control, Segment, SegmentState, expand, expected_duration, voltage_limit_reached


def segments(*protocol, **drive):
    data = {
        "schema_version": 1,
        "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2", **drive},
        "protocol": list(protocol),
    }
    return expand(case_from_dict(data))


STRIP = {"kind": "galvanostatic", "direction": "strip", "capacity": "1 mAh/cm^2"}
PLATE = {"kind": "galvanostatic", "direction": "plate", "duration": "10 s", "current_density": "2 mA/cm^2"}
CC_CV = {
    "kind": "cc-cv",
    "direction": "strip",
    "voltage": "50 mV",
    "cutoff_current_density": "0.1 mA/cm^2",
    "duration": "1 h",
}
PROFILE = {
    "kind": "profile",
    "file": "measured.csv",
    "table": {
        "time": ["0 s", "10 s", "30 s"],
        "current_density": ["0 A/m^2", "-10 A/m^2", "10 A/m^2"],
        "stack_pressure": ["3 MPa", "3 MPa", "5 MPa"],
    },
}


def ended(segment, t=0.0, capacity=0.0, current=1.0, contact=1.0, void=0.0, state=START, voltage=0.0):
    ending = segment.ended(t, capacity, current, voltage, contact, void, state)
    return None if ending is None else (ending.kind, ending.reason)


def march(segment, dt, state=START):
    """Step with at most dt, landing where the segment says; returns times and the reason of the end."""
    t, capacity, times = 0.0, 0.0, []
    while True:
        step = min(dt, segment.next_time(t, capacity, state))
        assert step > 1e-9, "a sliver"
        capacity += abs(segment.control(t + step / 2, state).current_density) * step
        t += step
        times.append(t)
        if reason := ended(segment, t, capacity, state=state):
            return times, reason


def test_signs_plate_is_positive():
    strip, plate, rest = segments(STRIP, PLATE, {"kind": "rest", "duration": "1 min"})
    assert strip.control(0.0) == Control(current_density=-10.0)
    assert plate.control(3.0) == Control(current_density=20.0)
    assert rest.control(0.0) == Control(current_density=0.0)


def test_duration_and_capacity_are_landed_on():
    strip, plate = segments(STRIP, PLATE)
    assert strip.next_time(0.0) == 3600.0
    assert strip.next_time(1000.0, capacity=10000.0) == 2600.0
    assert plate.next_time(4.0) == 6.0
    assert ended(strip, 3599.0, 35990.0) is None
    assert ended(strip, 3600.0, 36000.0) == ("capacity", "capacity")
    assert ended(plate, 10.0) == ("duration", "duration")
    assert plate.next_time(10.0) == 0.0


@pytest.mark.parametrize("dt", [0.1, 1 / 3, 0.7, math.pi])
@pytest.mark.parametrize("item", [STRIP | {"capacity": "10 C/m^2"}, PLATE, STRIP | {"duration": "0.7 s"}])
def test_landing_leaves_no_sliver_from_rounding(item, dt):
    (segment,) = segments(item)
    times, reason = march(segment, dt)
    assert times[-1] == pytest.approx(expected_duration(segment), rel=1e-9)
    assert reason[0] in ("duration", "capacity")
    assert len(times) <= math.ceil(times[-1] / dt * (1 + 1e-9))


def test_limits_of_contact_and_voids():
    (segment,) = segments(STRIP | {"min_contact_fraction": 0.5, "max_void_fraction": 0.1})
    assert ended(segment, contact=0.5, void=0.1) is None
    assert ended(segment, contact=0.49) == ("contact", "contact fraction below 0.5")
    assert ended(segment, void=0.11) == ("void", "void fraction above 0.1")


def test_a_cutoff_voltage_ends_the_segment_in_the_direction_of_its_current():
    strip, plate = segments(STRIP | {"cutoff_voltage": "0.1 V"}, PLATE | {"cutoff_voltage": "50 mV"})
    assert strip.cutoff_voltage == -0.1 and plate.cutoff_voltage == 0.05
    assert ended(strip, voltage=-0.1) == ("voltage", "cutoff voltage -0.1 V")
    assert ended(strip, voltage=-0.099) is None and ended(strip, voltage=0.3) is None
    assert ended(plate, voltage=0.05) == ("voltage", "cutoff voltage 0.05 V")
    assert ended(plate, voltage=-0.3) is None
    without, _ = segments(STRIP, PLATE)
    assert ended(without, voltage=-0.3) is None
    assert strip.fingerprint(limits=False) == without.fingerprint(limits=False) != plate.fingerprint(limits=False)
    assert strip.fingerprint() != without.fingerprint()


def test_the_run_goes_on_where_a_cutoff_is_at_the_voltage_limit_or_below():
    strip, without = segments(STRIP | {"cutoff_voltage": "0.2 V"}, STRIP)
    assert voltage_limit_reached(strip, START, -0.2, 0.2) is None
    assert voltage_limit_reached(strip, START, 0.2, 0.2) == Ending("voltage limit", "voltage limit 0.2 V")
    assert voltage_limit_reached(without, START, -0.2, 0.2) == Ending("voltage limit", "voltage limit 0.2 V")
    with pytest.raises(CaseError, match=r"protocol.0.cutoff_voltage: .*beyond drive.voltage_limit"):
        segments(STRIP | {"cutoff_voltage": "0.21 V"})


def test_a_step_far_beyond_the_cutoff_is_repeated_up_to_it():
    (strip,) = segments(STRIP | {"cutoff_voltage": "0.1 V"})
    assert strip.share_to_cutoff(-0.02, -0.09, -10.0) is None
    assert strip.share_to_cutoff(-0.02, -0.1019, -10.0) is None
    assert strip.share_to_cutoff(-0.02, -0.18, -10.0) == pytest.approx(0.5)
    assert strip.share_to_cutoff(-0.02, -10.0, -10.0) == 0.1
    assert strip.share_to_cutoff(-0.02, -0.1, -9.0) == 0.5  # held at a limit
    assert segments(STRIP)[0].share_to_cutoff(-0.02, -10.0, -10.0) is None


def test_a_cutoff_cell_voltage_goes_by_the_direction_of_the_current():
    plate = Segment(kind="galvanostatic", label="", current_density=1.0, cutoff_cell_voltage=4.2)
    strip = Segment(kind="galvanostatic", label="", current_density=-1.0, cutoff_cell_voltage=2.5, cutoff_voltage=-0.5)

    def reason(segment, cell, voltage=0.0):
        ending = segment.ended(0.0, 0.0, 1.0, voltage, 1.0, 0.0, START, cell)
        return ending and (ending.kind, ending.reason)

    assert reason(plate, 4.2) == ("voltage", "cutoff cell voltage 4.2 V") and reason(plate, 4.199) is None
    assert reason(strip, 2.5) == ("voltage", "cutoff cell voltage 2.5 V") and reason(strip, 2.501) is None
    assert reason(strip, 3.0, -0.5) == ("voltage", "cutoff voltage -0.5 V")
    assert reason(plate, math.nan) is None and reason(strip, math.nan) is None
    other = replace(plate, cutoff_cell_voltage=4.3)
    assert plate.fingerprint(limits=False) == other.fingerprint(limits=False)
    assert plate.fingerprint() != other.fingerprint()


def test_a_step_far_beyond_a_cell_voltage_is_repeated_into_a_band_beyond_it():
    plate = Segment(kind="galvanostatic", label="", current_density=1.0, cutoff_cell_voltage=4.2)
    hold = Segment(kind="cc-cv", label="", current_density=1.0, cell_voltage=4.2)
    beyond = [(plate, 4.2049, None), (plate, 4.25, (4.2025 - 4.1) / 0.15), (hold, 4.20009, None)]
    for segment, end, share in [*beyond, (hold, 4.25, (4.20005 - 4.1) / 0.15)]:
        found = segment.share_to_cutoff(0.0, 0.0, 1.0, START, 4.1, end)
        assert found == (None if share is None else pytest.approx(share))
    assert hold.share_to_cutoff(0.0, 0.0, 0.5, SegmentState("cv"), 4.2, 4.2) is None  # less than is imposed
    strip = replace(plate, current_density=-1.0, cutoff_cell_voltage=3.0, cutoff_voltage=-0.1)
    assert strip.share_to_cutoff(-0.05, -0.25, -1.0, START, 3.4, 2.4) == pytest.approx(0.25)  # the nearer one
    assert strip.share_to_cutoff(-0.05, -0.25, -0.9, START, 3.4, 2.4) == 0.5


def test_potentiostatic_holds_its_voltage_until_the_cutoff():
    hold = {"kind": "potentiostatic", "voltage": "-20 mV", "cutoff_current_density": "0.1 mA/cm^2"}
    (segment,) = segments(hold | {"capacity": "1 C/m^2"})
    assert segment.control(5.0) == Control(voltage=-0.02)
    assert segment.next_time(5.0, 0.5) == math.inf
    assert ended(segment, current=-2.0) is None
    assert ended(segment, current=-0.9) == ("current", "current density below 1 A/m^2")
    assert ended(segment, capacity=1.0, current=-2.0) == ("capacity", "capacity")


def test_cc_cv_switches_once_to_its_hold():
    (segment,) = segments(CC_CV)
    state = START
    assert segment.control(0.0, state) == Control(current_density=-10.0)
    state = segment.advance(state, -0.049)
    assert state.phase == "cc"
    assert segment.advance(state, +0.06).phase == "cc"  # the wrong direction
    assert ended(segment, current=-0.5, state=state) is None  # the cutoff belongs to the hold
    state = segment.advance(state, -0.05)
    assert state.phase == "cv"
    assert segment.control(1.0, state) == Control(voltage=-0.05)
    assert segment.advance(state, -0.01).phase == "cv"
    assert ended(segment, current=-0.5, state=state) == ("current", "current density below 1 A/m^2")
    assert ended(segment, t=3600.0, current=-5.0, state=state) == ("duration", "duration")


def test_cc_cv_capacity_is_landed_on_only_at_constant_current():
    (segment,) = segments(CC_CV | {"capacity": "10 C/m^2"})
    assert segment.next_time(0.0, 5.0) == 0.5
    assert segment.next_time(0.0, 5.0, SegmentState("cv")) == 3600.0


def test_state_survives_a_checkpoint():
    for state in (START, SegmentState("cv")):
        assert SegmentState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_voltage_limit_ends_the_run_except_where_the_voltage_is_held():
    strip, cc_cv, hold = segments(
        STRIP, CC_CV, {"kind": "potentiostatic", "voltage": "0.2 V", "duration": "1 s"}
    )
    assert voltage_limit_reached(strip, START, -0.199, 0.2) is None
    assert voltage_limit_reached(strip, START, -0.2, 0.2) == Ending("voltage limit", "voltage limit 0.2 V")
    assert voltage_limit_reached(strip, START, 0.3, 0.2) == Ending("voltage limit", "voltage limit 0.2 V")
    assert voltage_limit_reached(cc_cv, START, -0.3, 0.2) is None  # it switches to its hold
    assert voltage_limit_reached(cc_cv, START, 0.3, 0.2) == Ending("voltage limit", "voltage limit 0.2 V")
    assert voltage_limit_reached(cc_cv, SegmentState("cv"), -0.3, 0.2) is None
    assert voltage_limit_reached(hold, START, 0.2, 0.2) is None
    (rest,) = segments({"kind": "rest", "duration": "1 s"})
    assert voltage_limit_reached(rest, START, -0.3, 0.2) is None  # of a cell that has lost its contact before


def test_loops_are_unrolled_in_order():
    inner = {"kind": "loop", "repeat": 2, "segments": [PLATE]}
    expanded = segments(
        {"kind": "rest", "duration": "1 s"}, {"kind": "loop", "repeat": 2, "segments": [STRIP, inner]}
    )
    assert [s.label for s in expanded] == [
        "protocol.0: rest",
        "protocol.1.segments.0 (repetition 1): strip",
        "protocol.1.segments.1.segments.0 (repetition 1.1): plate",
        "protocol.1.segments.1.segments.0 (repetition 1.2): plate",
        "protocol.1.segments.0 (repetition 2): strip",
        "protocol.1.segments.1.segments.0 (repetition 2.1): plate",
        "protocol.1.segments.1.segments.0 (repetition 2.2): plate",
    ]


def test_profile_is_joined_by_straight_lines():
    (segment,) = segments(PROFILE)
    values = {t: segment.control(t).current_density for t in (0.0, 5.0, 10.0, 20.0, 30.0, 31.0)}
    assert values == {0.0: 0.0, 5.0: -5.0, 10.0: -10.0, 20.0: 0.0, 30.0: 10.0, 31.0: 10.0}
    assert segment.control(20.0).stack_pressure == 4e6
    assert expected_duration(segment) == 30.0


def test_profile_is_landed_on_at_its_points():
    (segment,) = segments(PROFILE)
    assert segment.next_time(0.0) == 10.0
    assert segment.next_time(10.0) == 20.0
    assert segment.next_time(10.0 * (1 - 1e-15)) == pytest.approx(20.0)  # rounding does not make a sliver
    times, reason = march(segment, 3.0)
    assert reason == ("profile", "end of profile")
    assert 10.0 in times and times[-1] == pytest.approx(30.0, rel=1e-12)
    (short,) = segments(PROFILE | {"duration": "15 s"})
    assert march(short, 100.0) == ([10.0, 15.0], ("duration", "duration"))


def test_profile_without_pressure_leaves_it_to_the_drive():
    table = {k: v for k, v in PROFILE["table"].items() if k != "stack_pressure"}
    (segment,) = segments(PROFILE | {"table": table})
    assert segment.control(0.0).stack_pressure is None


def test_profile_table_must_fit():
    table = PROFILE["table"] | {"time": ["0 s", "10 s"]}
    with pytest.raises(Exception, match=r"protocol\.0\.table: the columns do not fit"):
        segments(PROFILE | {"table": table})


def test_expected_duration():
    strip, plate, cc_cv = segments(STRIP, PLATE, CC_CV)
    assert [expected_duration(s) for s in (strip, plate, cc_cv)] == [3600.0, 10.0, 3600.0]
    assert expected_duration(Segment(kind="potentiostatic", label="", voltage=0.1, capacity=1.0)) == math.inf


def test_a_profile_that_many_segments_name_is_read_once(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("time [s],current_density [A/m^2]\n0,1\n5,1\n")
    read: list[Path] = []
    real = case_protocol.read_profile
    monkeypatch.setattr(case_protocol, "read_profile", lambda path: read.append(path) or real(path))
    profile = {"kind": "profile", "file": "a.csv"}
    loop = {"kind": "loop", "repeat": 2, "segments": [profile, profile]}
    table = {"schema_version": 1, "drive": {"stack_pressure": "3 MPa"}, "protocol": [profile, loop, profile]}
    case = case_from_dict(table, directory=tmp_path)
    assert read == [tmp_path / "a.csv"] and len(expand(case)) == 6
