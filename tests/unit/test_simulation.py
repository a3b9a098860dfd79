"""The loop of a run with made-up physics: landing, rejection, limits, bookkeeping, restart, failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI

from solver.case.ending import SegmentEnd
from solver.case.segments import Segment
from solver.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from solver.loop.interrupts import Request
from solver.loop.simulation import Simulation, SolveFailed
from solver.loop.stepper import Stepper
from solver.model.catalogue import COLUMNS
from solver.numerics.state import State
from solver.output.log import column_name
from solver.physics.part import Audit, Balance, Supply
from solver.physics.step import Step, StepResult

GRID: Any = SimpleNamespace(comm=MPI.COMM_SELF, vector=lambda: np.zeros(2), view=lambda v: v)
RESISTANCE = 1e-3  # ohm m^2 of the made-up cell
# why it ends, with what a collector has left, of which the made-up cell has none
LIMIT = "voltage limit 0.2 V; 0 nm of Li left, 0 nm where it does not touch the electrolyte, 0 nm dead"


def strip(duration: float = 10.0, **limits: Any) -> Segment:
    return Segment(kind="galvanostatic", label="strip", current_density=-10.0, duration=duration, **limits)


def plate(duration: float = 10.0, **limits: Any) -> Segment:
    return Segment(kind="galvanostatic", label="plate", current_density=10.0, duration=duration, **limits)


class Model:
    """A resistor whose fields count the charge. error: of a step of dt; failed: why a step of dt fails, or ""."""

    history = ("lithium", "occupancy", "potential")
    keepers: Mapping[str, Any] = {}
    outputs = ()
    columns = tuple(column for column in COLUMNS if not column.name.endswith("lithium_error"))
    audits = (
        Audit(Balance("lithium", "inventory", "transferred_charge"), (Supply("lithium", "transferred_charge", 1e-3),)),
    )

    def __init__(self) -> None:
        self.error: Callable[[float], float] = lambda dt: (0.5 * dt) ** 2
        self.failed: Callable[[float], str] = lambda dt: ""
        self.resistance: Callable[[float], float] = lambda time: RESISTANCE
        self.measures: Callable[[float], dict[str, float]] = lambda time: {}  # that replace or add to the others
        self.leak = 0.0  # m of Li per s that the audit must find
        self.calls: list[SimpleNamespace] = []

    def largest_step(self, state: State) -> float:
        return np.inf

    def step(self, state: State, step: Step) -> StepResult:
        resistance = self.resistance(state.time)
        dt = step.dt
        j = (step.voltage or 0.0) / resistance if step.current_density is None else step.current_density
        if step.open_circuit and step.voltage is not None:
            j = float(step.open_circuit.current(step.voltage, np.zeros(()), np.array(resistance), step.charge, dt)[0])
        call = SimpleNamespace(time=state.time, dt=dt, number=step.number, j=j, pressure=step.stack_pressure)
        call.history = step.previous is not None
        call.expected = {name: float(step.predict(name, state[name])[0]) for name in self.history}
        self.calls.append(call)
        if reason := self.failed(dt):
            return StepResult({}, reason, np.inf)
        occupancy = state["occupancy"] + 1e-3 * j * dt - self.leak * dt
        fields = {"lithium": state["lithium"] + dt, "occupancy": occupancy, "potential": np.full(2, j * resistance)}
        measured = dict.fromkeys((column.name for column in COLUMNS), 0.0)
        measured |= {"current_density": j, "voltage": j * resistance, "contact_fraction": 1.0, "charge": j * dt}
        measured |= {"transferred_charge": j * dt, "inventory": float(occupancy[0])}
        measured |= self.measures(state.time)
        return StepResult(fields, "", self.error(dt), measured)

    def stored(self, state: Any) -> dict[str, float]:
        return {"inventory": float(state["occupancy"][0])}

    def output_fields(self, state: State, measured: Mapping[str, float]) -> dict[str, Any]:
        return {name: float(state[name][0]) for name in state} | {"measured": measured.get("time", np.nan)}


class Recorder:
    """Keeps everything."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.snapshots: list[float] = []
        self.fields: list[dict[str, float]] = []
        self.checkpoints: list[tuple[int, dict[str, Any], dict[str, Any]]] = []
        self.messages: list[str] = []
        self.fractions: list[float] = []
        self.tables: list[list[Mapping[str, Any]]] = []

    def row(self, row: Any) -> None:
        self.rows.append(row)

    def snapshot(self, time: float, step: int, fields: Any) -> None:
        self.snapshots.append(time)
        self.fields.append(dict(fields))

    def checkpoint(self, step: int, fields: Any, progress: Any) -> None:
        self.checkpoints.append((step, {name: np.array(v) for name, v in fields.items()}, dict(progress)))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        assert name == "cycles.csv" and all([column_name(c) for c in columns] == list(row) for row in rows)
        self.tables.append(list(rows))

    def progress(self, fraction: float, status: str) -> None:
        self.fractions.append(fraction)

    def message(self, text: str) -> None:
        self.messages.append(text)


class Stops:
    """Requests in the place of signals, one after each step."""

    reason = "the test"

    def __init__(self, *requests: Request):
        self._requests: Iterator[Request] = iter(requests)

    def pending(self) -> Request:
        return next(self._requests, Request.NONE)

    def checkpoint_written(self) -> None:
        """Nothing arrives in between."""


class Run:
    """A simulation with its made-up parts; `begin` it, or `resume` it from what another one has written."""

    def __init__(self, *segments: Segment, interval: float = 1000.0, **stepper: float):
        self.model, self.recorder = Model(), Recorder()
        options = {"first": 0.1, "smallest": 1e-3, "largest": 5.0} | stepper
        self.simulation = Simulation(
            grid=GRID,
            model=self.model,
            state=State(GRID),
            segments=segments,
            stepper=Stepper(**options),
            recorder=self.recorder,
            stack_pressure=3e6,
            voltage_limit=0.2,
            initial_lithium=1.0,
            output_interval=interval,
            checkpoint_interval=1e9,
        )

    def begin(self) -> Run:
        self.simulation.begin()
        return self

    def resume(self, other: Run) -> Run:
        self.simulation.resume(*other.recorder.checkpoints[-1][1:])
        return self

    def finish(self, *requests: Request) -> tuple[str, int]:
        self.ending, code = self.simulation.run(Stops(*requests))  # type: ignore[arg-type]  # a stand-in
        return self.ending.reason, code

    @property
    def progress(self) -> Any:
        return self.simulation.progress

    @property
    def ends(self) -> list[tuple[str, str]]:
        """Label of each segment that is over, and the kind of its end."""
        return [(end.label, end.kind) for end in self.progress.ended]

    @property
    def times(self) -> list[float]:
        return [row["time"] for row in self.recorder.rows]


def test_outputs_and_ends_of_segments_are_met_exactly():
    """Snapshots at the start, at every multiple of the interval and at the end; a row for each step; no slivers."""
    run = Run(strip(10.0), plate(7.5), interval=2.0).begin()
    assert run.finish() == ("protocol finished", EXIT_DONE)
    assert run.recorder.snapshots == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 17.5]
    assert {10.0, 17.5} <= set(run.times)
    assert np.diff([0.0, *run.times]) == pytest.approx([row["dt"] for row in run.recorder.rows], abs=1e-12)
    assert min(row["dt"] for row in run.recorder.rows) > 0.04
    assert run.progress.ended == [
        SegmentEnd(10.0, 0, "strip", "duration", "duration"),
        SegmentEnd(17.5, 1, "plate", "duration", "duration"),
    ]
    assert run.recorder.messages[0] == "t = 10 s: strip ended: duration" and run.ending.kind == "finished"
    assert run.recorder.fractions[-1] == 1.0 and sorted(run.recorder.fractions) == run.recorder.fractions


@pytest.mark.parametrize("interval", [0.03, 0.7, 2.0])
def test_a_run_is_the_same_whatever_is_written_of_it(interval: float) -> None:
    """Rows as without outputs; within a step fields are on the line between its ends, here that of time and charge."""
    written, plain = finished(strip(5.0), interval=interval), finished(strip(5.0))
    rows = [[[row["time"], row["dt"], row["voltage"]] for row in run.recorder.rows] for run in (written, plain)]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-14)
    assert len(plain.times) < 20
    times = written.recorder.snapshots
    assert times[:-1] == pytest.approx([n * interval for n in range(len(times) - 1)])
    assert [fields["lithium"] for fields in written.recorder.fields] == pytest.approx(times)
    occupancy = np.array([fields["occupancy"] for fields in written.recorder.fields])
    assert np.diff(occupancy) == pytest.approx(np.diff(times) * (occupancy[-1] - occupancy[0]) / times[-1])


def test_outputs_that_coincide_with_ends_but_for_rounding_make_no_slivers():
    """0.7 s is no binary fraction: sums of it differ from its multiples."""
    run = Run(*[strip(0.7)] * 300, interval=2.1).begin()
    run.finish()
    assert min(row["dt"] for row in run.recorder.rows) > 0.01
    assert len(run.recorder.snapshots) == 1 + 100 + 1  # the last twice: at its output, and at the end
    assert run.progress.time == pytest.approx(210.0, rel=1e-13)


def test_a_capacity_is_met_exactly_and_charge_is_counted_with_its_sign():
    run = Run(strip(None, capacity=50.0), plate(None, capacity=20.0)).begin()
    run.finish()
    assert run.progress.time == pytest.approx(7.0)
    assert run.progress.charge == pytest.approx(-30.0)
    assert run.progress.magnitudes["transferred_charge"] == pytest.approx(70.0)
    assert run.ends == [("strip", "capacity"), ("plate", "capacity")]


def test_a_capacity_is_met_closely_at_a_held_voltage():
    """The current falls while the voltage is held: the steps close in on the capacity, down to the smallest step."""
    hold = Segment(kind="potentiostatic", label="hold", voltage=0.05, capacity=60.0)
    run = Run(hold).begin()
    run.model.resistance = lambda time: RESISTANCE * (1 + 0.5 * time)
    run.finish()
    assert run.ends == [("hold", "capacity")]
    last = run.recorder.rows[-1]
    assert 60.0 * (1 - 1e-9) <= run.progress.charge < 60.0 + 1e-3 * last["current_density"]
    assert last["dt"] >= 1e-3


def test_a_rejected_step_changes_nothing_and_is_repeated_smaller():
    run = Run(strip(2.0), first=1.0).begin()
    run.model.error = lambda dt: (4 * dt) ** 2
    run.finish()
    first = run.model.calls[:3]
    assert [call.time for call in first] == [0.0, 0.0, pytest.approx(0.25)]
    assert [call.number for call in first] == [0, 0, 1]
    assert run.progress.rejected >= 1 and not [text for text in run.recorder.messages if "smaller" in text]
    assert run.simulation.state["lithium"][0] == pytest.approx(2.0)


def test_a_failed_solve_is_reported_and_repeated_smaller():
    run = Run(strip(1.0), first=1.0).begin()
    run.model.failed = lambda dt: "potential: newton did not converge" if dt > 0.3 else ""
    run.finish()
    assert "potential: newton did not converge; trying a smaller step" in run.recorder.messages[0]
    assert max(row["dt"] for row in run.recorder.rows) <= 0.3


def test_failure_names_time_and_field_and_leaves_a_checkpoint_of_the_last_good_step():
    run = Run(strip(10.0)).begin()
    run.model.failed = lambda dt: "occupancy: diverged" if run.model.calls[-1].time > 3.0 else ""
    with pytest.raises(SolveFailed, match=r"t = 3\..* s, step \d+: occupancy: diverged; a step of"):
        run.finish()
    step, fields, progress = run.recorder.checkpoints[-1]
    assert step == progress["step"] == run.recorder.rows[-1]["step"]
    np.testing.assert_array_equal(fields["lithium"], run.simulation.state["lithium"])
    assert run.recorder.snapshots[-1] == progress["time"] == run.times[-1]


def test_a_run_that_failed_in_its_first_step_can_be_continued():
    run = Run(strip(1.0)).begin()
    run.model.failed = lambda dt: "lithium: diverged"
    with pytest.raises(SolveFailed, match="t = 0 s, step 0"):
        run.finish()
    again = Run(strip(1.0)).resume(run)
    assert again.finish() == ("protocol finished", EXIT_DONE)
    assert again.recorder.rows[0]["dt"] == 0.1


def test_an_error_that_is_not_a_number_is_not_accepted():
    run = Run(strip(1.0)).begin()
    run.model.error = lambda dt: float("nan")
    with pytest.raises(SolveFailed, match="error nan above the tolerance"):
        run.finish()
    assert run.progress.step == 0


def test_nothing_is_extrapolated_across_a_jump_or_from_a_tiny_step():
    """The potential jumps in the first step of a segment; a point of a profile just after it must not blow it up."""
    profile = Segment(
        kind="profile", label="profile", times=(0.0, 1e-6, 6.0), currents=(10.0, 10.0, 10.0), pressures=(3e6,) * 3
    )
    run = Run(strip(6.0), profile).begin()
    run.finish()
    starts = [n for n, call in enumerate(run.model.calls) if call.time in (0.0, 6.0)]
    for n in starts:
        assert [call.history for call in run.model.calls[n : n + 2]] == [False, False]
    tiny = starts[1]
    assert run.model.calls[tiny].dt == pytest.approx(1e-6) and run.model.calls[tiny + 1].dt == 0.1
    assert all(call.history for call in run.model.calls[starts[0] + 2 : tiny])
    assert run.model.calls[tiny + 3].history


def test_a_straight_line_is_foreseen_and_an_alternation_is_not_blown_up():
    """Steps of all sizes; a field of +-1 V is foreseen at 5/3 V, along the last step it would be at 3 V."""
    run = Run(strip(60.0), interval=7.0).begin()
    run.model.error = lambda dt: 0.1 * dt**2
    run.finish()
    lines = [call for call in run.model.calls if call.history]
    assert len({call.dt for call in lines}) > 5
    assert [call.expected["lithium"] for call in lines] == pytest.approx([call.time + call.dt for call in lines])

    run = Run(strip(3.0), fixed=0.1).begin()
    run.model.resistance = lambda time: 0.1 * (-1) ** len(run.model.calls)
    run.simulation.voltage_limit = 2.0
    run.finish()
    foreseen = [abs(call.expected["potential"]) for call in run.model.calls[2:]]
    assert max(foreseen) <= 3.0 and foreseen[-1] == pytest.approx(5 / 3, rel=1e-6)


def test_the_voltage_limit_ends_the_run():
    run = Run(strip(10.0), plate(10.0)).begin()
    run.model.resistance = lambda time: RESISTANCE * (30 if time > 4.0 else 1)
    assert run.finish() == (LIMIT, EXIT_DONE)
    assert run.recorder.rows[-1]["voltage"] == pytest.approx(-0.3)
    assert run.progress.segment == 0 and run.progress.ended == []
    assert run.recorder.snapshots[-1] == run.times[-1] == run.recorder.checkpoints[-1][2]["time"]


def rising(run: Run, voltage: Callable[[float], float]) -> Run:
    """The cell's voltage while it is stripped, by the time at the end of the step since stripping began at 2 s."""
    made = run.model.step

    def step(state: State, step: Step) -> StepResult:
        result = made(state, step)
        if (step.current_density or 0.0) < 0.0:
            result.measured["voltage"] = -voltage(state.time + step.dt - 2.0)
        return result

    run.model.step = step  # type: ignore[method-assign]
    return run


CUT = (plate(2.0), strip(50.0, cutoff_voltage=-0.1), plate(2.0))


def test_a_cutoff_voltage_ends_the_segment_without_much_overshoot():
    """V = 10 mV/(1 - t/8 s) comes to 0.1 V at 7.2 s; steps of 1.5 s would go far beyond."""

    def law(t: float) -> float:
        return 0.01 / (1 - t / 8) if t < 7.999 else 10.0

    run = rising(Run(*CUT, largest=1.5), law).begin()
    assert run.finish() == ("protocol finished", EXIT_DONE)
    assert run.ends == [("plate", "duration"), ("strip", "voltage"), ("plate", "duration")]
    assert run.progress.ended[1].time == pytest.approx(2.0 + 7.2, abs=0.02)
    assert max(abs(row["voltage"]) for row in run.recorder.rows) < 0.1 * 1.021
    assert 0 < run.progress.rejected < 8
    fixed = rising(Run(*CUT, fixed=1.5), law).begin()
    fixed.finish()
    assert max(abs(row["voltage"]) for row in fixed.recorder.rows) > 0.15  # and the test sees an overshoot
    without = rising(Run(CUT[0], strip(50.0), CUT[2], largest=1.5), law).begin()
    assert without.finish()[0] == LIMIT


def test_a_voltage_that_jumps_is_not_chased_far_below_the_first_step():
    run = rising(Run(*CUT, largest=2.0), lambda t: 0.01 if t < 5.0 else 0.19).begin()
    assert run.finish()[0] == "protocol finished"
    assert run.ends[1] == ("strip", "voltage")
    assert min(row["dt"] for row in run.recorder.rows) >= 0.001 * (1 - 1e-9)
    assert run.progress.ended[1].time == pytest.approx(7.0, abs=0.02) and run.progress.rejected < 15


@pytest.mark.parametrize("steps", range(3, 30, 2))
def test_a_continued_run_meets_its_cutoff_voltage_alike(steps):
    def law(t: float) -> float:
        return 0.01 / (1 - min(t, 7.9) / 8)

    whole = rising(Run(*CUT, largest=1.5), law).begin()
    whole.finish()
    part = rising(Run(*CUT, largest=1.5), law).begin()
    part.finish(*[Request.NONE] * (steps - 1), Request.STOP)
    again = rising(Run(*CUT, largest=1.5), law).resume(part)
    again.finish()
    assert again.progress.ended == whole.progress.ended
    assert again.times == whole.times[part.progress.step :]


def test_a_run_that_has_failed_and_is_started_again_ends_for_the_same_reason():
    """Also when the step that failed has come to the end of its segment; a higher limit lets it go on."""
    run = Run(strip(10.0), plate(10.0), first=10.0, largest=10.0).begin()
    run.model.resistance, run.model.error = lambda time: 30 * RESISTANCE, lambda dt: 0.0
    assert run.finish() == (LIMIT, EXIT_DONE)
    assert run.progress.segment_time == 10.0
    again = Run(strip(10.0), plate(10.0)).resume(run)
    assert again.finish() == (LIMIT, EXIT_DONE)
    assert again.model.calls == [] and again.progress.segment == 0
    further = Run(strip(10.0), plate(10.0))
    further.simulation.voltage_limit = 1.0
    assert further.resume(run).finish() == ("protocol finished", EXIT_DONE)


def test_a_short_circuit_ends_the_run_at_once():
    """The model says so in its measures, with the place; the step is kept, with a snapshot and a checkpoint."""
    run = Run(plate(10.0)).begin()
    run.model.measures = lambda time: {"short_circuit": float(time > 4.0), "short_circuit_x": 2e-6 * (time > 4.0)}
    reason, code = run.finish()
    assert (code, run.progress.segment) == (EXIT_DONE, 0)
    assert reason.startswith("short circuit at x = 2 um, after ") and f"{run.progress.time:.6g} s" in reason
    assert run.recorder.snapshots[-1] == run.times[-1] == run.recorder.checkpoints[-1][2]["time"]
    assert 4.0 < run.progress.time < 10.0


def test_contact_loss_in_a_ramp_ends_the_run_and_elsewhere_only_the_segment():
    lost = {"contact_fraction": 0.3}
    ramp = Run(strip(10.0, cycle=1, contact_loss_fraction=0.5), plate(1.0)).begin()
    ramp.model.measures = lambda time: lost if time > 4.0 else {}
    assert ramp.finish()[0] == "contact loss: contact fraction below 0.5" and ramp.progress.segment == 0
    plain = Run(strip(10.0, min_contact_fraction=0.5), plate(1.0)).begin()
    plain.model.measures = ramp.model.measures
    assert plain.finish()[0] == "protocol finished"


def test_cc_cv_switches_to_its_voltage_and_ends_at_its_cutoff():
    hold = Segment(
        kind="cc-cv", label="plate", current_density=10.0, voltage=0.1, cutoff_current_density=2.0, duration=1e4
    )
    run = Run(hold).begin()
    run.model.resistance = lambda time: RESISTANCE * (1 + time)
    assert run.finish()[0] == "protocol finished"
    voltages = np.array([row["voltage"] for row in run.recorder.rows])
    switched = int(np.argmax(voltages >= 0.1))
    assert voltages[switched + 1 :] == pytest.approx(0.1)
    assert run.model.calls[switched + 1].dt == 0.1 and not run.model.calls[switched + 1].history
    assert run.ends == [("plate", "current")] and run.progress.ended[0].reason == "current density below 2 A/m^2"


def test_the_pressure_of_a_profile_replaces_that_of_the_drive():
    profile = Segment(
        kind="profile", label="profile", times=(0.0, 1.0, 2.0), currents=(0.0, 8.0, 8.0), pressures=(5e6, 5e6, 7e6)
    )
    run = Run(profile, strip(1.0)).begin()
    run.finish()
    assert run.progress.charge == pytest.approx(4.0 + 8.0 - 10.0)
    pressures = [call.pressure for call in run.model.calls]
    assert pressures[0] == 5e6 and max(pressures) == pytest.approx(7e6) and pressures[-1] == 3e6


@pytest.mark.parametrize("steps", [1, 2, 5, 9, 11])
def test_a_continued_run_takes_the_same_steps(steps):
    """Stopped anywhere, also at a jump: the same dt, step numbers and use of history as without a stop."""
    segments = strip(4.3), plate(3.1)
    whole = Run(*segments, interval=2.0).begin()
    whole.finish()
    part = Run(*segments, interval=2.0).begin()
    assert part.finish(*[Request.NONE] * (steps - 1), Request.STOP) == ("interrupted by the test", EXIT_INTERRUPTED)
    rest = Run(*segments, interval=2.0).resume(part)
    assert rest.finish() == ("protocol finished", EXIT_DONE)
    assert part.model.calls + rest.model.calls == whole.model.calls
    assert part.recorder.snapshots + rest.recorder.snapshots == whole.recorder.snapshots
    now, then = rest.recorder.checkpoints[-1], whole.recorder.checkpoints[-1]
    assert {**now[2], "wall": 0.0} == {**then[2], "wall": 0.0}
    assert now[1].keys() == then[1].keys()


def test_a_requested_checkpoint_does_not_disturb_the_run():
    plain, other = Run(strip(5.0)).begin(), Run(strip(5.0)).begin()
    plain.finish()
    other.finish(Request.NONE, Request.CHECKPOINT)
    assert [step for step, *_ in other.recorder.checkpoints] == [2, plain.progress.step]
    assert other.model.calls == plain.model.calls


def finished(*segments: Segment, **options: float) -> Run:
    """A run that has come to its end."""
    run = Run(*segments, **options).begin()
    run.finish()
    return run


@pytest.mark.parametrize("interval", [0.7, 3.0, 50.0])
def test_the_output_interval_may_change_in_a_restart(interval):
    """Snapshots at the multiples of the new interval from there on."""
    part = finished(strip(5.0), interval=1.0)
    rest = Run(strip(5.0), plate(5.0), interval=interval).resume(part)
    rest.finish()
    expected = [n * interval for n in range(1, 100) if 5.0 < n * interval < 10.0 - 1e-9]
    assert rest.recorder.snapshots == pytest.approx([*expected, 10.0])


def test_limits_may_change_in_a_restart():
    """A finished protocol may be made longer; a segment that is over its new limit ends at once."""
    part = finished(strip(5.0))
    longer = Run(strip(5.0), plate(2.0)).resume(part)
    longer.finish()
    assert longer.progress.time == pytest.approx(7.0) and longer.progress.segment == 2

    cut = Run(strip(3.0), plate(2.0)).resume(part)
    cut.finish()
    assert cut.ends == [("strip", "changed"), ("plate", "duration")] and len(cut.progress.changes) == 1

    run = Run(strip(50.0)).begin()
    run.finish(*[Request.NONE] * 12, Request.STOP)
    shorter = Run(strip(run.progress.time / 2), plate(1.0)).resume(run)
    shorter.finish()
    assert shorter.model.calls[0].j == 10.0
    assert shorter.ends == [("strip", "duration"), ("plate", "duration")]


def test_lithium_that_nothing_supplied_is_found():
    """Relative to the Li that has passed the contact, in the sense of its magnitude."""
    run = Run(strip(5.0), plate(5.0)).begin()
    run.finish()
    assert run.recorder.rows[-1]["lithium_error"] < 1e-12
    leaky = Run(strip(5.0), plate(5.0)).begin()
    leaky.model.leak = 1e-6
    leaky.finish()
    assert leaky.recorder.rows[-1]["lithium_error"] == pytest.approx(1e-5 / (1e-3 * 100.0))
