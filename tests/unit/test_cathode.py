"""The other electrode: its section of a case, its book of charge, and how it ends segments of a made-up cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver.case.cathode import Cathode as Section
from solver.case.collector import most_plated
from solver.case.cost import cost
from solver.case.io import CaseError, case_from_dict
from solver.case.report import print_report
from solver.case.schema import Case
from solver.case.segments import Segment, unroll
from solver.laws.open_circuit import OpenCircuit
from solver.loop.cathode import Cathode, make_cathode
from solver.loop.interrupts import Request
from tests.unit.test_simulation import LIMIT, RESISTANCE, Run, plate, strip

PLATE = {"kind": "galvanostatic", "direction": "plate"}
CURVE = "state_of_charge [%],voltage [V]\n0,3.7\n50,3.9\n100,4.3\n"
DENSE = {"areal_capacity": "1 mAh/cm^2"}
CELL = Cathode(lithium=100.0, lost_share=0.1)
STEEP = Cathode(lithium=100.0, lost_share=0.0, open_circuit=OpenCircuit((0.0, 100.0), (3.0, 4.0)))


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


@pytest.mark.parametrize(
    ("held", "most"), [(3.6, 0.1), (3.7, 0.1), (3.71, 0.125), (3.8, 1.25), (4.1, 3.75), (4.3, 5.0)]
)
def test_a_full_cell_that_is_held_plates_what_its_cathode_gives_at_that_voltage(held: float, most: float) -> None:
    """5 mAh/cm2, 3.7 V when full, 0.1 plated before: below 3.71 V the hold is a discharge. mAh/cm2 that have room."""
    table = {"state_of_charge": [0.0, 0.5, 1.0], "voltage": ["3.7 V", "3.9 V", "4.3 V"]}
    hold = {"kind": "potentiostatic", "cell_voltage": f"{held} V", "cutoff_current_density": "0.01 mA/cm^2"}
    plate = PLATE | {"capacity": "0.1 mAh/cm^2"}
    curve = {"file": "curve.csv", "table": table}
    found = case(".", plate, hold, areal_capacity="5 mAh/cm^2", open_circuit_curve=curve)
    assert most_plated(unroll(found.protocol), found.cathode) == pytest.approx(36e3 * most)


def test_a_discharge_that_ends_in_a_hold_plates_nothing() -> None:
    curve = {"file": "curve.csv", "table": {"state_of_charge": [0.0, 1.0], "voltage": ["3.7 V", "4.3 V"]}}
    strip_to = {"kind": "cc-cv", "direction": "strip", "cell_voltage": "4.2 V", "cutoff_current_density": "1 A/m^2"}
    plate = PLATE | {"capacity": "0.1 mAh/cm^2"}
    found = case(".", plate, strip_to, areal_capacity="5 mAh/cm^2", open_circuit_curve=curve)
    assert most_plated(unroll(found.protocol), found.cathode) == pytest.approx(36e3 * 0.1)


def test_time_is_bounded_by_the_cathode(capsys: pytest.CaptureFixture[str]) -> None:
    """1 mAh/cm2 at 1 mA/cm2 is an hour to each side at most; without a cathode nothing bounds it."""
    strip_to = {"kind": "galvanostatic", "direction": "strip", "cutoff_voltage": "0.1 V"}
    found = case(".", PLATE, strip_to, **DENSE)
    assert cost(found).duration == pytest.approx(7200)
    print_report(found)
    said = capsys.readouterr().out
    assert "not bounded" not in said and said.count(" 3600") >= 2


TO_CELL = {"cutoff_cell_voltage": "3.8 V"}
HOLD = {"kind": "cc-cv", "direction": "plate", "cell_voltage": "4.2 V", "cutoff_current_density": "0.1 mA/cm^2"}
STRIP = PLATE | {"direction": "strip"}


@pytest.mark.parametrize(
    ("segment", "curve", "said"),
    [
        (PLATE | TO_CELL, "", "cutoff_cell_voltage: value '3.8 V': the open-circuit voltage of the cathode is not"),
        (HOLD, "", "allowed: only with cathode.open_circuit_voltage or cathode.open_circuit_curve"),
        (HOLD | {"voltage": "10 mV"}, CURVE, "protocol.0: what it holds is said twice or not at all"),
        (HOLD | {"cell_voltage": None}, CURVE, "allowed: either voltage (against Li) or cell_voltage"),
        (PLATE | {"cutoff_cell_voltage": "3.7 V"}, CURVE, "open-circuit voltage is never below 3.7 V; allowed: more"),
        (STRIP | {"cutoff_cell_voltage": "4.3 V"}, CURVE, "open-circuit voltage is never above 4.3 V; allowed: less"),
        (STRIP | {"cutoff_cell_voltage": "3.2 V"}, CURVE, "1.1 V at the anode, and drive.voltage_limit (1 V) ends"),
        (HOLD | {"direction": "strip", "cell_voltage": "3 V"}, CURVE, "cell_voltage: value '3 V': it may take 1.3 V"),
        (HOLD, CURVE + "\n", ""),
        (HOLD, CURVE.replace("100,4.3", "100,3.8"), "the open-circuit voltage of the cathode falls at some state of"),
        (STRIP | {"cutoff_cell_voltage": "3.2 V", "cutoff_voltage": "0.5 V"}, CURVE, ""),
    ],
)
def test_cell_voltages_that_cannot_be_are_refused(tmp_path: Path, segment: Any, curve: str, said: str) -> None:
    (tmp_path / "curve.csv").write_text(curve)
    data = case(tmp_path, **DENSE).resolved() | {"protocol": [{k: v for k, v in segment.items() if v is not None}]}
    data["cathode"] = DENSE | ({"open_circuit_curve": {"file": "curve.csv"}} if curve else {})
    data["drive"] = {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2", "voltage_limit": "1 V"}
    data = {name: data[name] for name in ("schema_version", "drive", "protocol", "cathode")}
    if not said:
        assert case_from_dict(data, directory=tmp_path).cathode
        return
    with pytest.raises(CaseError) as refused:
        case_from_dict(data, directory=tmp_path)
    assert said in str(refused.value)


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
    run = finished(plate(5.0), cathode=STEEP)
    assert run.recorder.rows[-1]["cell_voltage"] == pytest.approx(3.5 + 10.0 * RESISTANCE)
    assert {"cathode_lithium [C/m^2]", "cell_voltage [V]"} <= set(run.simulation.headings)
    bare = finished(plate(5.0), cathode=None)
    assert not {"cathode_lithium", "cell_voltage"} & set(bare.recorder.rows[-1])


# -- by the voltage of the full cell ---------------------------------------------------------------------

SLOW = 10 * RESISTANCE  # ohm m^2: 0.1 V at 10 A/m^2, and 1 s for Q0 R/k of STEEP
BENT = Cathode(lithium=100.0, lost_share=0.0, open_circuit=OpenCircuit((0.0, 20.0, 40.0, 100.0), (3.0, 3.1, 3.6, 3.7)))


def cc_cv(cell_voltage: float, current_density: float = 10.0, cutoff: float | None = 0.5) -> Segment:
    voltages = {"cell_voltage": cell_voltage, "cutoff_current_density": cutoff}
    return Segment(kind="cc-cv", label="cc-cv", current_density=current_density, duration=100.0, **voltages)  # type: ignore[arg-type]


def slow(*segments: Segment, cathode: Cathode = STEEP, **options: float) -> Run:
    run = with_cathode(*segments, cathode=cathode, **options)
    run.model.resistance = lambda time: SLOW
    return run


def column(run: Run, name: str) -> np.ndarray:
    return np.array([row[name] for row in run.recorder.rows])


def test_the_current_that_a_held_cell_voltage_drives() -> None:
    """U(q + j dt) + R j + phi is the voltage, on every piece of the curve and beyond its ends; and the slope."""
    open_circuit, dt = BENT.open_circuit, 5.0
    assert open_circuit is not None
    phi, resistance = np.linspace(-0.7, 1.0, 50), np.linspace(0.5, 1.5, 50) * SLOW
    for charge in (0.0, 20.0, 33.0, 100.0):
        j, slope = open_circuit.current(3.5, phi, resistance, charge, dt)
        ends = np.array([open_circuit.at(charge + passed) for passed in j * dt])
        assert ends + resistance * j + phi == pytest.approx(3.5, abs=1e-12)
        assert np.abs(open_circuit.at(charge) + resistance * j + phi - 3.5).max() > 0.1  # with U of the start
        more = open_circuit.current(3.5, phi - 1e-7, resistance, charge, dt)[0]
        assert (more - j) / 1e-7 == pytest.approx(slope, rel=1e-4)
    constant, _ = OpenCircuit((0.0,), (3.9,)).current(3.5, phi, resistance, 50.0, dt)
    assert constant == pytest.approx((3.5 - 3.9 - phi) / resistance)


def test_rounding_of_volts_shows_in_no_current() -> None:
    """A step that just empties the cathode, behind 2.5e-7 ohm m2, half a cell of the grid: j is as smooth as phi."""
    open_circuit, left, dt, resistance = OpenCircuit((0.0, 26e3, 27e3), (3.5, 4.2, 4.246)), 7e-3, 4e-3, 2.5e-7
    phi = 4.25 - 4.246 - resistance * left / dt + np.linspace(-1e-12, 1e-12, 41)
    j, slope = open_circuit.current(4.25, phi, np.full(41, resistance), 27e3 - left, dt)
    assert slope[0] == pytest.approx(1 / resistance) and slope[-1] < 0.6 * slope[0], "on both sides of the point"
    steps = -np.diff(j) / np.diff(phi)
    assert (steps < slope[:-1] * (1 + 1e-4)).all() and (steps > slope[1:] * (1 - 1e-4)).all()
    in_volts = np.diff((4.25 - phi - 4.246) / resistance) / np.diff(phi) * -resistance
    assert np.abs(in_volts - 1).max() > 1e-3  # and that of a sum of volts is not


def test_a_cell_voltage_that_is_held_lets_the_current_decay_exponentially() -> None:
    """U = U0 + k q/Q0 and V = R j: j0 exp(-k t/(Q0 R)); each step of backward Euler divides by 1 + dt k/(Q0 R)."""

    def error(dt: float) -> float:
        run = slow(cc_cv(3.2), first=0.002, largest=dt).begin()
        run.finish()
        assert run.ends == [("cc-cv", "current")]
        j, steps = column(run, "current_density"), column(run, "dt")
        held = j < 10.0 * (1 - 1e-9)
        assert column(run, "cell_voltage")[held] == pytest.approx(3.2, abs=1e-12)
        assert (np.diff(j[held]) < 0.0).all() and column(run, "cell_voltage").max() < 3.2 + 1e-4
        assert j[held][1:] / j[held][:-1] == pytest.approx(1 / (1 + steps[held][1:] / 1.0), rel=1e-9)
        t = column(run, "time")[held] - column(run, "time")[~held][-1]
        assert t[-1] > 2.9  # to a twentieth: ln 20
        return float(np.abs(j[held] / (10.0 * np.exp(-t)) - 1).max())

    errors = [error(dt) for dt in (0.02, 0.01)]
    assert errors[1] < 0.02 and errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize(("current_density", "cell_voltage"), [(10.0, 3.4), (-10.0, 3.2)])
def test_it_is_held_across_the_bends_of_a_curve_with_long_steps(current_density: float, cell_voltage: float) -> None:
    """Steps of 5 s where Q0 R/k is 0.4 s; with U of the start of a step the current would alternate."""
    run = slow(cc_cv(3.65, cutoff=0.1), cc_cv(cell_voltage, current_density, 0.1), cathode=BENT, largest=5.0).begin()
    if current_density > 0.0:
        run = slow(cc_cv(cell_voltage, cutoff=0.1), cathode=BENT, largest=5.0).begin()
    assert run.finish()[0] == "protocol finished"
    rows = [row for row in run.recorder.rows if row["current_density"] * current_density > 0.0]
    j = np.abs([row["current_density"] for row in rows])
    held = j < 10.0 * (1 - 1e-9)
    assert [row["cell_voltage"] for row, of_hold in zip(rows, held, strict=True) if of_hold] == pytest.approx(
        [cell_voltage] * int(held.sum()), abs=1e-12
    )
    assert (np.diff(j) <= 0.0).all() and j[-1] < 0.1 < j[-2]


def test_a_potentiostatic_segment_goes_either_way() -> None:
    """From 3.5 V of rest up to 3.7 V and down to 3.3 V, of which V = R j takes the rest."""
    for cell_voltage, charge in ((3.7, 70.0), (3.3, 30.0)):
        hold = Segment(kind="potentiostatic", label="hold", cell_voltage=cell_voltage, duration=20.0)
        run = slow(plate(5.0), hold).begin()
        run.finish()
        assert run.progress.charge == pytest.approx(charge, abs=1e-3)
        assert run.recorder.rows[-1]["cell_voltage"] == pytest.approx(cell_voltage, abs=1e-12)


def test_a_cutoff_cell_voltage_ends_charge_and_discharge() -> None:
    """U + R j: 3.6 V after 50 C/m2, 3.1 V after 30 of them are back; steps of 5 s are 0.5 V."""
    run = slow(plate(99.0, cutoff_cell_voltage=3.6), strip(99.0, cutoff_cell_voltage=3.1), largest=5.0).begin()
    assert run.finish()[0] == "protocol finished"
    assert run.ends == [("plate", "voltage"), ("strip", "voltage")]
    assert charges(run) == pytest.approx([50.0, -30.0], abs=0.6)
    assert run.progress.ended[0].reason == "cutoff cell voltage 3.6 V"
    assert 3.6 <= column(run, "cell_voltage").max() < 3.605 and 3.095 < column(run, "cell_voltage")[-1] <= 3.1
    fixed = slow(plate(99.0, cutoff_cell_voltage=3.6), fixed=3.0).begin()
    fixed.finish()
    assert column(fixed, "cell_voltage").max() > 3.69  # and the test sees an overshoot


def test_a_discharge_ends_by_the_first_of_its_cutoffs() -> None:
    """The anode's: its resistance grows, V = R j comes to -0.15 V at a cell voltage of 3.35 V, and then to more."""

    def ended(**cutoffs: float) -> tuple[str, float]:
        run = slow(plate(6.0), strip(50.0, **cutoffs), largest=0.02)
        run.model.resistance = lambda time: SLOW * (1 + max(0.0, time - 6.0))
        run.begin().finish()
        return run.progress.ended[-1].reason, run.recorder.rows[-1]["voltage"]

    reason, voltage = ended(cutoff_voltage=-0.15, cutoff_cell_voltage=3.2)
    assert reason == "cutoff voltage -0.15 V" and voltage == pytest.approx(-0.15, rel=0.021)
    reason, voltage = ended(cutoff_voltage=-0.19, cutoff_cell_voltage=3.4)
    assert reason == "cutoff cell voltage 3.4 V" and voltage > -0.19


@pytest.mark.parametrize("steps", range(1, 40, 3))
def test_a_run_continued_in_its_hold_is_the_same(steps: int) -> None:
    segments = [cc_cv(3.4), strip(50.0, cutoff_cell_voltage=3.1), cc_cv(3.3)]
    whole = slow(*segments, largest=0.5).begin()
    whole.finish()
    part = slow(*segments, largest=0.5).begin()
    part.finish(*[Request.NONE] * (steps - 1), Request.STOP)
    again = slow(*segments, largest=0.5).resume(part)
    again.finish()
    assert again.progress.ended == whole.progress.ended and again.times == whole.times[part.progress.step :]
    assert again.progress.charge == whole.progress.charge and again.progress.changes == []


def test_its_limits_may_change_in_a_hold_and_what_is_held_may_not() -> None:
    def continued(segment: Segment) -> Run:
        part = slow(cc_cv(3.2), largest=0.1).begin()
        part.finish(*[Request.NONE] * 30, Request.STOP)
        assert part.progress.segment_state == {"phase": "cv"}
        run = slow(segment, largest=0.1).resume(part)
        run.finish()
        return run

    longer = continued(cc_cv(3.2, cutoff=0.1))
    assert longer.progress.changes == [] and longer.recorder.rows[-1]["current_density"] < 0.1
    assert "applies something else" in continued(cc_cv(3.3)).progress.changes[0]


def test_the_voltage_limit_leaves_out_what_is_held_or_has_come_to_a_cutoff_cell_voltage() -> None:
    ends = {}
    for name, limits in {"cutoff": {"cutoff_cell_voltage": 2.9}, "none": {}}.items():
        run = slow(plate(2.0), strip(50.0, **limits))
        run.model.resistance = lambda time: SLOW * (1 if time < 3.0 else 3)
        ends[name] = run.begin().finish()[0]
    assert ends == {"cutoff": "protocol finished", "none": LIMIT}


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
