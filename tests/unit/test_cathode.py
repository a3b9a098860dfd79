"""The other electrode: its section of a case, its book of charge, and how it ends segments of a made-up cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver.case.cathode import Cathode as Section
from solver.case.io import CaseError, case_from_dict
from solver.case.schema import Case
from solver.case.segments import Segment
from solver.loop.cathode import Cathode, make_cathode
from solver.loop.interrupts import Request
from tests.unit.test_simulation import RESISTANCE, Run, plate, strip

PLATE = {"kind": "galvanostatic", "direction": "plate"}
CURVE = "state_of_charge [%],voltage [V]\n0,3.7\n50,3.9\n100,4.3\n"
DENSE = {"areal_capacity": "1 mAh/cm^2"}
CELL = Cathode(lithium=100.0, lost_share=0.1)


def case(directory: Path | str = ".", *protocol: dict[str, Any], **cathode: Any) -> Case:
    data = {
        "schema_version": 1,
        "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
        "protocol": list(protocol) or [PLATE],
        "cathode": cathode,
    }
    return case_from_dict(data, directory=directory)


def section(**cathode: Any) -> Section:
    found = case(**cathode).cathode
    assert found is not None
    return found


# -- the section -----------------------------------------------------------------------------------------


def test_its_capacity_is_that_per_area_or_that_of_its_loading() -> None:
    """5 mg/cm2 of 150 mAh/g are 0.75 mAh/cm2; a reserve is in it once, in the first charge."""
    assert section(**DENSE).lithium == 36e3
    assert section(loading="5 mg/cm^2", specific_capacity="150 mAh/g").lithium == pytest.approx(0.75 * 36e3)
    assert section(**DENSE, first_cycle_loss=0.05).lost_share == pytest.approx(0.05)
    more = section(**DENSE, first_cycle_loss=0.05, reserve="0.2 mAh/cm^2")
    assert more.lithium == pytest.approx(1.2 * 36e3)
    assert more.lithium * (1 - more.lost_share) == pytest.approx(0.95 * 36e3)


@pytest.mark.parametrize(
    ("cathode", "said"),
    [
        ({}, "cathode: its capacity is said twice or not at all; allowed: either areal_capacity, or loading and"),
        (DENSE | {"loading": "5 mg/cm^2", "specific_capacity": "150 mAh/g"}, "its capacity is said twice"),
        (DENSE | {"loading": "5 mg/cm^2"}, "its capacity is said twice"),
        ({"loading": "5 mg/cm^2"}, "its capacity is said twice"),
        (DENSE | {"first_cycle_loss": 1.0}, "cathode.first_cycle_loss: value 1.0: out of range"),
        ({"areal_capacity": "1 mAh/g"}, "cathode.areal_capacity: value '1 mAh/g': 'mAh/g' is not a unit of"),
        (
            DENSE | {"open_circuit_voltage": "3.9 V", "open_circuit_curve": {"file": "curve.csv"}},
            "cathode.open_circuit_voltage: value '3.9 V': a constant and a measured open-circuit voltage",
        ),
        (DENSE | {"open_circuit_curve": {"file": "curv.csv"}}, "did you mean 'curve.csv'?"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, cathode: dict[str, Any], said: str) -> None:
    (tmp_path / "curve.csv").write_text(CURVE)
    with pytest.raises(CaseError) as refused:
        case(tmp_path, **cathode)
    assert said in str(refused.value)


def test_a_segment_needs_no_limit_beside_it_and_a_ramp_none_of_it() -> None:
    assert section(**DENSE)
    with pytest.raises(CaseError, match="a segment without any limit does not end"):
        case_from_dict(case(**DENSE).resolved() | {"cathode": None})
    ramp = {"kind": "ccd", "start": "1 mA/cm^2", "increment": "1 mA/cm^2", "max_current_density": "2 mA/cm^2"}
    with pytest.raises(CaseError, match=r"no \[cathode\] beside a segment of kind 'ccd'"):
        case(".", ramp | {"capacity": "0.1 mAh/cm^2"}, **DENSE)


def test_it_bounds_the_room_of_a_collector() -> None:
    """Room for 0.1 mAh/cm2, 485 nm, where the protocol says nothing or more; without a cathode it has to say it."""

    def room(capacity: str, *protocol: dict[str, Any]) -> float:
        cell = {"lithium": {"film": "5 nm"}, "collector": {}, "domain": {"dimension": 1}}
        table = case(".", *protocol, areal_capacity=capacity).resolved()
        kept = {name: table[name] for name in ("schema_version", "drive", "protocol", "cathode")}
        found = case_from_dict(kept | cell)
        assert found.collector is not None and found.collector.room is not None
        return found.collector.room

    assert room("0.2 mAh/cm^2") - room("0.1 mAh/cm^2") == pytest.approx(485e-9, rel=1e-3)
    assert room("5 mAh/cm^2", PLATE | {"capacity": "0.1 mAh/cm^2"}) == pytest.approx(room("0.1 mAh/cm^2"))


def test_an_open_circuit_curve_is_read_and_kept_in_the_resolved_case(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text(CURVE)
    found = case(tmp_path, **DENSE, open_circuit_curve={"file": "curve.csv"})
    again = case_from_dict(json.loads(json.dumps(found.resolved())))
    for cell in (found, again):
        cathode = make_cathode(cell.cathode)
        assert cathode is not None
        assert cathode.measure(0.25 * 36e3, 0.0)["cell_voltage"] == pytest.approx(3.8)
        assert cathode.measure(1.1 * 36e3, 0.0)["cell_voltage"] == pytest.approx(4.3)
    (tmp_path / "curve.csv").write_text(CURVE.replace("50,", "0,"))
    with pytest.raises(CaseError, match=r"line 3: state of charge 0 % is not larger than in the row above"):
        case(tmp_path, **DENSE, open_circuit_curve={"file": "curve.csv"})


# -- the book of charge ----------------------------------------------------------------------------------


def test_the_voltage_of_the_full_cell_is_above_that_at_rest_on_charging() -> None:
    cathode = make_cathode(section(**DENSE, open_circuit_voltage="3.9 V"))
    assert cathode is not None
    assert cathode.measure(3.6e3, 0.01) == {"cathode_lithium": 32.4e3, "cell_voltage": pytest.approx(3.91)}
    assert cathode.measure(3.6e3, -0.01)["cell_voltage"] == pytest.approx(3.89)
    unknown = make_cathode(section(**DENSE))
    assert unknown is not None and unknown.measure(3.6e3, 0.01) == {"cathode_lithium": 32.4e3}
    assert [column.name for column in cathode.columns] == ["cathode_lithium", "cell_voltage"]
    assert [column.name for column in unknown.columns] == ["cathode_lithium"]


def test_what_it_gives_and_takes_back() -> None:
    assert CELL.left(30.0, 30.0, 1.0) == 70.0
    assert CELL.left(30.0, 80.0, -1.0) == pytest.approx(22.0)  # of 80 taken out 8 do not come back
    assert CELL.left(30.0, 80.0, 0.0) == np.inf
    kinds = [CELL.ended(q, 100.0, way) for q, way in ((100.0, 1.0), (99.0, 1.0), (10.0, -1.0), (11.0, -1.0))]
    assert [end and end.kind for end in kinds] == ["cathode empty", None, "cathode full", None]


# -- in the loop -----------------------------------------------------------------------------------------


def with_cathode(*segments: Segment, cathode: Cathode | None = CELL, **options: float) -> Run:
    run = Run(*segments, **options)
    run.simulation.cathode = cathode
    return run


def finished(*segments: Segment, **options: Any) -> Run:
    run = with_cathode(*segments, **options).begin()
    assert run.finish()[0] == "protocol finished"
    return run


def charges(run: Run) -> list[float]:
    return [float(row["charge"]) for row in run.progress.half_cycle_rows(run.ending.kind)]  # type: ignore[arg-type]


def test_plating_ends_when_it_is_empty_and_stripping_when_it_is_full() -> None:
    """100 C/m2, of which a tenth does not come back, at 10 A/m2: 10 s, 9 s, 9 s, 9 s."""
    run = finished(*[plate(50.0), strip(50.0)] * 2)
    assert [end.kind for end in run.progress.ended] == ["cathode empty", "cathode full"] * 2
    assert [end.time for end in run.progress.ended] == pytest.approx([10.0, 19.0, 28.0, 37.0])
    assert charges(run) == pytest.approx([100.0, -90.0, 90.0, -90.0])
    assert min(row["dt"] for row in run.recorder.rows) > 0.04  # no sliver
    assert run.recorder.rows[-1]["cathode_lithium"] == pytest.approx(90.0)
    assert run.recorder.messages[0] == "t = 10 s: plate ended: cathode is empty"
    rows = run.progress.half_cycle_rows(run.ending.kind)
    assert [row["end"] for row in rows] == ["cathode empty", "cathode full"] * 2
    assert [row["coulombic_efficiency"] for row in rows[1::2]] == pytest.approx([0.9, 1.0])
    without = finished(*[plate(50.0), strip(50.0)] * 2, cathode=None)
    assert charges(without) == pytest.approx([500.0, -500.0, 500.0, -500.0])


def test_a_first_charge_in_parts_loses_as_much() -> None:
    """60 of 100 C/m2 come out first, of which 6 are lost; the deeper charge after it loses 4 more."""
    run = finished(plate(6.0), strip(50.0), plate(50.0), strip(50.0))
    assert charges(run) == pytest.approx([60.0, -54.0, 94.0, -90.0])


def test_segments_that_cannot_begin_are_passed_over() -> None:
    """A full cathode takes no Li, an empty one gives none; rests are carried out."""
    pause = Segment(kind="rest", label="rest", current_density=0.0, duration=5.0)
    hold = Segment(kind="potentiostatic", label="hold", voltage=0.01, duration=5.0)
    run = finished(strip(50.0), plate(50.0), pause, plate(50.0), hold, strip(1.0))
    assert [end.kind for end in run.progress.ended] == [
        "cathode full", "cathode empty", "duration", "cathode empty", "cathode empty", "duration",
    ]  # fmt: skip
    assert [end.time for end in run.progress.ended] == pytest.approx([0.0, 10.0, 15.0, 15.0, 15.0, 16.0])
    assert min(row["dt"] for row in run.recorder.rows) > 0.04


@pytest.mark.parametrize(
    "segment",
    [
        Segment(kind="potentiostatic", label="hold", voltage=0.01, duration=100.0),
        Segment(kind="cc-cv", label="cc-cv", current_density=10.0, voltage=0.02, duration=100.0),
        Segment(kind="profile", label="profile", times=(0.0, 10.0, 100.0), currents=(0.0, 20.0, 20.0)),
    ],
)
def test_a_current_that_is_not_imposed_or_constant_ends_there_too(segment: Segment) -> None:
    run = finished(segment, strip(50.0))
    assert [end.kind for end in run.progress.ended] == ["cathode empty", "cathode full"]
    assert charges(run) == pytest.approx([100.0, -90.0], rel=1e-3)


def test_the_log_has_the_voltage_of_the_full_cell() -> None:
    cathode = Cathode(lithium=100.0, lost_share=0.0, charges=(0.0, 1.0), voltages=(3.0, 4.0))
    run = finished(plate(5.0), cathode=cathode)
    assert run.recorder.rows[-1]["cell_voltage"] == pytest.approx(3.5 + 10.0 * RESISTANCE)
    assert {"cathode_lithium [C/m^2]", "cell_voltage [V]"} <= set(run.simulation.headings)
    bare = finished(plate(5.0), cathode=None)
    assert not {"cathode_lithium", "cell_voltage"} & set(bare.recorder.rows[-1])


@pytest.mark.parametrize("steps", range(1, 30, 3))
def test_a_continued_run_is_the_same(steps: int) -> None:
    segments = [strip(50.0), plate(7.0), strip(50.0), plate(50.0), plate(50.0), strip(50.0)]
    whole = finished(*segments, largest=2.0)
    part = with_cathode(*segments, largest=2.0).begin()
    part.finish(*[Request.NONE] * (steps - 1), Request.STOP)
    again = with_cathode(*segments, largest=2.0).resume(part)
    again.finish()
    assert again.progress.ended == whole.progress.ended and again.times == whole.times[part.progress.step :]
    assert charges(again) == charges(whole) and again.progress.changes == []


def test_more_segments_after_an_empty_cathode_are_the_same_run() -> None:
    part = finished(plate(50.0))
    longer = with_cathode(plate(50.0), strip(50.0)).resume(part)
    longer.finish()
    assert charges(longer) == pytest.approx([100.0, -90.0]) and longer.progress.changes == []
    reopened = with_cathode(plate(80.0), strip(50.0)).resume(part)
    reopened.finish()
    assert charges(reopened) == pytest.approx([100.0, -90.0]) and reopened.progress.changes == []
