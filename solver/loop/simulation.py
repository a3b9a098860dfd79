"""The loop of a run: next target, try a step, accept or reject, watch, write, stop with a reason.

It knows no physics: a `Model` steps the fields and measures, the protocol says what is applied and when a segment
ends, the stepper chooses dt. Everything the loop remembers is in `Progress`, which checkpoints carry beside the fields
and what the solvers keep (`kept`): a restart is the run that was not interrupted, whenever the checkpoint was written.

Steps do not end at outputs: a snapshot within a step has its fields on the straight line between the two ends of it. So
a run is the same whatever is written of it.
"""

from __future__ import annotations

import math
import time as wallclock
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Protocol

from solver.case.ending import Ending
from solver.case.segments import TIME_TOLERANCE, Segment, SegmentState, expected_duration
from solver.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from solver.loop import cycles
from solver.loop.cathode import Cathode, cell_voltage
from solver.loop.failure import failure
from solver.loop.interrupts import Interrupts, Request
from solver.loop.progress import CannotContinue, Progress, has_ended, take_place
from solver.loop.stepper import Stepper, StepTooSmall
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper, gather, hand_out
from solver.numerics.state import FieldInfo, State
from solver.physics.part import Audit, Column
from solver.physics.step import Step, StepResult

BEFORE = (
    Column("step", "", "number of the accepted step"),
    Column("time", "s", "at its end"),
    Column("dt", "s", "its length"),
    Column("segment", "", "of the protocol"),
    Column("capacity", "C/m^2", "charge that has passed since the start, positive plates"),
)
WALL = Column("wall", "s", "wall-clock time of the run")
FINISHED = Ending("finished", "protocol finished")
SOLVERS = "solvers"  # what checkpoints call the numbers that solvers keep
LARGEST_EXTRAPOLATION = 4.0  # ratio of a step to the last one up to which the history of that one predicts it
SHORTEST_TO_CUTOFF = 0.01  # of time.first_step: a step that is repeated because it would pass a cutoff voltage by far


def headings(columns: Sequence[Column]) -> tuple[str, ...]:
    """Columns of the log, with units: those of every run and those of the model."""
    return tuple(column.heading for column in (*BEFORE, *columns, WALL))


class SolveFailed(RuntimeError):
    """The equations could not be solved with the smallest step; names time, step and field."""


class Model(Protocol):
    """The physics as the loop sees it."""

    @property
    def history(self) -> tuple[str, ...]: ...

    @property
    def keepers(self) -> Mapping[str, Keeper]: ...

    def largest_step(self, state: State) -> float: ...

    def step(self, state: State, step: Step) -> StepResult: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    @property
    def outputs(self) -> tuple[FieldInfo, ...]: ...

    @property
    def audits(self) -> tuple[Audit, ...]: ...

    def stored(self, state: State) -> Mapping[str, float]: ...

    def output_fields(self, state: State, measured: Mapping[str, float]) -> dict[str, Array]: ...


class Recorder(Protocol):
    """Where results go. All methods are collective."""

    def row(self, row: Mapping[str, float | str]) -> None: ...

    def snapshot(self, time: float, step: int, fields: Mapping[str, Array]) -> None: ...

    def checkpoint(self, step: int, fields: Mapping[str, Array], progress: Mapping[str, Any]) -> None: ...

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, float | str | None]]) -> None: ...

    def progress(self, fraction: float, status: str) -> None: ...

    def message(self, text: str) -> None: ...


@dataclass
class Simulation:
    """A run. state holds the fields, previous where the line that predicts them was one step before (None: no line)."""

    grid: Grid
    model: Model
    state: State
    segments: tuple[Segment, ...]
    stepper: Stepper
    recorder: Recorder
    stack_pressure: float
    voltage_limit: float
    initial_lithium: float
    output_interval: float
    checkpoint_interval: float
    cathode: Cathode | None = None
    progress: Progress = field(default_factory=Progress)
    previous: dict[str, Array] | None = None
    _last_failure: str = ""
    _dt: float = 0.0
    _label: str = ""

    # -- start and restart -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Write the initial state (collective)."""
        self.progress.dt_next = self.stepper.dt
        self.progress.stored_start = dict(self.model.stored(self.state))
        self._snapshot()

    def checkpoint_fields(self) -> dict[str, Array]:
        """All fields that a restart needs."""
        fields = {name: self.state[name] for name in self.state}
        for name, values in (self.previous or {}).items():
            fields[f"{name}_previous"] = values
        return fields

    def resume(self, fields: Mapping[str, Array], progress: Mapping[str, Any], changed: Sequence[str] = ()) -> None:
        """Take over fields and progress of a checkpoint; the limits of the present segment may have changed since.

        changed: other changes of the case, in words. Raises CannotContinue.
        """
        self.progress = Progress.from_json({name: value for name, value in progress.items() if name != SOLVERS})
        if missing := sorted(set(self.state) - set(fields)):
            names = ", ".join(missing)
            raise CannotContinue(f"the checkpoint was written by a case without the fields {names}")
        changes = [*changed, *take_place(self.progress, self.segments, self.initial_lithium)]
        self.progress.changes += [f"step {self.progress.step}: {change}" for change in changes]
        for name in self.state:
            self.state[name] = fields[name]
        self.state.time = self.progress.time
        history = {n: fields[f"{n}_previous"] for n in self.model.history if f"{n}_previous" in fields}
        self.previous = history if history and len(history) == len(self.model.history) else None
        self.stepper.dt = self.progress.dt_next
        hand_out(self.model.keepers, fields, progress.get(SOLVERS, {}))
        begun = self.progress.segment_time > 0.0 and self.progress.segment < len(self.segments)
        if begun and not self._failed():
            self._end_segment_if_due()

    # -- the loop --------------------------------------------------------------------------------------

    def run(self, interrupts: Interrupts) -> tuple[Ending, int]:
        """Run to the end; returns why it stops and the exit code. Raises SolveFailed (collective)."""
        begun = wallclock.monotonic()
        wall_before = self.progress.wall
        last_checkpoint = begun
        if reason := self._failed():
            self._finish()
            return reason, EXIT_DONE
        while self.progress.segment < len(self.segments):
            if self._cathode_ends_segment():
                continue
            try:
                reason = self._advance()
            except StepTooSmall as error:
                self._checkpoint()
                self._snapshot()
                raise SolveFailed(self._failure_text(str(error))) from None
            now = wallclock.monotonic()
            self.progress.wall = wall_before + now - begun
            self._report()
            if reason:
                self._finish()
                return reason, EXIT_DONE
            request = interrupts.pending()
            due = now - last_checkpoint >= self.checkpoint_interval
            if request or self.grid.comm.bcast(due):
                self._checkpoint()
                interrupts.checkpoint_written()
                last_checkpoint = wallclock.monotonic()
            if request == Request.STOP:
                return Ending("interrupted", f"interrupted by {interrupts.reason}"), EXIT_INTERRUPTED
        self._finish()
        return FINISHED, EXIT_DONE

    def _finish(self) -> None:
        self._checkpoint()
        self._snapshot()

    def _advance(self) -> Ending | None:
        """One accepted step, and what follows from it; returns why the run ends, None when it goes on."""
        p = self.progress
        segment = self.segments[p.segment]
        segment_state = SegmentState.from_json(p.segment_state)
        if p.segment_time == 0.0:
            p.control, p.last_end = segment.fingerprint(limits=False), None
            self._forget()
        event = segment.next_time(p.segment_time, abs(p.segment_charge), segment_state)
        event = min(event, self._time_to_charge(segment, segment_state))
        outcome, dt = self._try_until_accepted(segment, segment_state, event)

        end, output = p.time + dt, self._next_output(p.time)
        rounding = TIME_TOLERANCE * end
        while output < end - rounding:
            self._snapshot_within(outcome, output, dt)
            output = self._next_output(output)
        at_output = output <= end + rounding
        self._take_over(outcome, output if at_output else end, dt)
        if at_output:
            self._snapshot()
        return self._after_step(segment, segment_state)

    def _time_to_charge(self, segment: Segment, state: SegmentState) -> float:
        """Time in s until the segment's capacity is reached, or the cathode's, at the present current.

        Where the current is not imposed it is that of the last step; the time is not below the smallest step, so that
        the end is met within what the current changes in one step. At a constant current `next_time` has the capacity.
        """
        p = self.progress
        constant = segment.kind != "profile" and not segment.holds_voltage(state)
        now = 0.0 if p.segment_time == 0.0 else p.measured["current_density"]
        current = segment.current_density if constant else now
        if not current:
            return math.inf
        left = self.cathode.left(p.charge, p.most_charge, current) if self.cathode else math.inf
        if constant:
            return left / abs(current)
        if segment.capacity is not None:
            left = min(left, segment.capacity - abs(p.segment_charge))
        return max(left / abs(current), self.stepper.smallest)

    def _next_output(self, time: float) -> float:
        """Time of the next snapshot, s: the next multiple of the interval, which a restart may have changed."""
        return (math.floor(time / self.output_interval * (1 + TIME_TOLERANCE)) + 1) * self.output_interval

    def _try_until_accepted(
        self, segment: Segment, segment_state: SegmentState, target: float
    ) -> tuple[StepResult, float]:
        p = self.progress
        limit = self.model.largest_step(self.state)
        while True:
            dt = self.stepper.propose(target, limit)
            # the middle of the step gives a profile of straight lines its exact charge
            control = segment.control(p.segment_time + 0.5 * dt, segment_state)
            # forces balance at the end of the step
            pressure = segment.control(p.segment_time + dt, segment_state).stack_pressure
            pressure = self.stack_pressure if pressure is None else pressure
            held = control.cell_voltage
            outcome = self.model.step(
                self.state,
                Step(
                    number=p.step,
                    dt=dt,
                    stack_pressure=pressure,
                    current_density=control.current_density,
                    voltage=control.voltage if held is None else held,
                    open_circuit=self.cathode.open_circuit if self.cathode and held is not None else None,
                    charge=p.charge,
                    dt_previous=p.dt_previous,
                    previous=self._history(dt),
                ),
            )
            good = not outcome.failed and not self.stepper.rejects(outcome.error)
            if good and not self._goes_too_far(segment, segment_state, self._measured(outcome), dt):
                return outcome, dt
            p.rejected += 1
            if good:
                continue
            if outcome.failed:
                self.recorder.message(f"t = {p.time:.6g} s, dt = {dt:.3g} s: {outcome.failed}; trying a smaller step")
            self._last_failure = outcome.failed or f"error {outcome.error:.3g} above the tolerance"
            self.stepper.reject(dt, None if outcome.failed else outcome.error)

    def _measured(self, outcome: StepResult) -> dict[str, float]:
        """What a step has measured, with what the cathode adds."""
        measured = dict(outcome.measured)
        if self.cathode:
            measured |= self.cathode.measure(self.progress.charge + measured["charge"], measured["voltage"])
        return measured

    def _goes_too_far(
        self, segment: Segment, segment_state: SegmentState, measured: Mapping[str, float], dt: float
    ) -> bool:
        """Whether a step passes a voltage that ends it by more than a shorter one would, which is tried next.

        Not of the first step of a segment, where the voltage jumps, nor of a much shorter one.
        """
        p, shortest = self.progress, max(SHORTEST_TO_CUTOFF * self.stepper.first, self.stepper.smallest)
        if p.segment_time == 0.0 or self.stepper.fixed or dt <= shortest:
            return False
        of_cell = [cell_voltage(of) for of in (p.measured, measured)]
        if math.isnan(of_cell[0]) and not math.isnan(of_cell[1]):
            return False  # first step of a run that goes on with an open-circuit voltage that it did not have
        share = segment.share_to_cutoff(
            p.measured["voltage"], measured["voltage"], measured["current_density"], segment_state, *of_cell
        )
        if share is not None:
            self.stepper.dt = max(share * dt, shortest)
        return share is not None

    def _history(self, dt: float) -> dict[str, Array] | None:
        """What predicts a step of dt, None after one that was too small to."""
        return self.previous if dt <= LARGEST_EXTRAPOLATION * self.progress.dt_previous else None

    def _line(self, new: Mapping[str, Array], dt: float) -> dict[str, Array] | None:
        """The line through the fields at the end of a step that predicts the next ones, as its values at the start.

        Its slope is the mean of that of the step and of the line before: along the slope of the step alone a field that
        alternates from step to step is foreseen with three times its amplitude, and would be kept alternating.
        """
        if self.progress.dt_previous == 0.0:
            return None  # a step that begins with a jump of what is applied says nothing of the next one
        before, line = self._history(dt), {}
        for name in self.model.history:
            old = self.state[name].copy()
            change = new[name] - old
            if before is not None:
                change = 0.5 * (change + dt / self.progress.dt_previous * (old - before[name]))
            line[name] = new[name] - change
        return line

    def _take_over(self, outcome: StepResult, time: float, dt: float) -> None:
        p, measured, start_time = self.progress, self._measured(outcome), self.progress.time
        self.previous = self._line(outcome.fields, dt)
        for name, values in outcome.fields.items():
            self.state[name] = values + outcome.jumps.get(name, 0.0)
        for name, change in outcome.jumps.items():
            if self.previous and name in self.previous:
                self.previous[name] += change
        self.stepper.accept(dt, outcome.error)
        self.state.time = p.time = time
        p.step += 1
        p.dt_previous, p.dt_next = dt, self.stepper.dt
        p.segment_time += dt
        p.charge += measured["charge"]
        p.segment_charge += measured["charge"]
        p.most_charge = max(p.most_charge, p.charge)
        for audit in self.model.audits:
            p.count(audit, measured)
        p.measured = measured
        if p.count_step(start_time):
            self.write_cycles()
        if outcome.warning and outcome.warning not in p.warnings:
            p.warnings.append(outcome.warning)
            self.recorder.message(f"warning: t = {time:.6g} s: {outcome.warning}")

    def _failed(self) -> Ending | None:
        """Why the run ends with its last step; also of a run that has ended so and is started again."""
        p = self.progress
        if p.segment_time == 0.0 or p.segment == len(self.segments):
            return None
        state = SegmentState.from_json(p.segment_state)
        return failure(self.segments[p.segment], state, p.measured, self.voltage_limit, p.time, p.charge)

    def _after_step(self, segment: Segment, segment_state: SegmentState) -> Ending | None:
        """Ends of the segment and of the run."""
        p = self.progress
        self._dt, self._label = p.dt_previous, segment.label
        if reason := self._failed():
            return reason
        advanced = segment.advance(segment_state, p.measured["voltage"], cell_voltage(p.measured))
        if advanced != segment_state:
            p.segment_state = advanced.to_json()
            self._forget()
        self._end_segment_if_due()
        return None

    def _end_segment_if_due(self) -> None:
        """Go on to the next segment when a limit of the present one has been reached."""
        p = self.progress
        if ending := has_ended(p, self.segments[p.segment], self.initial_lithium):
            self._end_segment(ending)

    def _end_segment(self, ending: Ending) -> None:
        self.progress.end_segment(self.segments[self.progress.segment], ending)
        self.recorder.message(str(self.progress.ended[-1]))

    def _cathode_ends_segment(self) -> bool:
        """End the present segment where the cathode cannot give or take its current, perhaps before its first step."""
        if self.cathode is None:
            return False
        p = self.progress
        segment = self.segments[p.segment]
        control = segment.control(p.segment_time, SegmentState.from_json(p.segment_state))
        starts = p.segment_time == 0.0
        direction = self.cathode.direction(control, p.charge) if starts else p.measured["charge"]
        ending = self.cathode.ended(p.charge, p.most_charge, direction)
        if ending:
            self._end_segment(ending)
        return ending is not None

    def _forget(self) -> None:
        """What is applied jumps: extrapolation across it would be wrong."""
        self.previous = None
        self.progress.dt_previous = 0.0
        self.stepper.restart()
        self.progress.dt_next = self.stepper.dt

    # -- output ----------------------------------------------------------------------------------------

    def balance_errors(self) -> dict[str, float]:
        """How well what is stored closes with what was supplied, by the names of the columns."""
        return {audit.balance.column.name: self.progress.error(audit) for audit in self.model.audits}

    @property
    def headings(self) -> tuple[str, ...]:
        """Columns of the log, with units."""
        errors = [audit.balance.column for audit in self.model.audits]
        return headings((*self.model.columns, *self._supply_columns, *errors))

    @property
    def _supply_columns(self) -> tuple[Column, ...]:
        return self.cathode.columns if self.cathode else ()

    def row(self) -> dict[str, float | str]:
        """The present line of the log."""
        p = self.progress
        return {
            "step": p.step,
            "time": p.time,
            "dt": self._dt,
            "segment": self._label,
            "capacity": p.charge,
            **{column.name: p.measured[column.name] for column in (*self.model.columns, *self._supply_columns)},
            **self.balance_errors(),
            "wall": round(p.wall, 3),
        }

    def _report(self) -> None:
        p = self.progress
        self.recorder.row(self.row())
        status = f"V {1e3 * p.measured['voltage']:.2f} mV, contact {p.measured['contact_fraction']:.3f}"
        self.recorder.progress(self._fraction_done(), status)

    def _fraction_done(self) -> float:
        p = self.progress
        if p.segment >= len(self.segments):
            return 1.0
        ends = self._expected_ends
        if not math.isfinite(ends[-1]):
            return p.segment / len(self.segments)
        return ((ends[p.segment - 1] if p.segment else 0.0) + p.segment_time) / ends[-1]

    @cached_property
    def _expected_ends(self) -> list[float]:
        """Longest time to the end of every segment, s."""
        return list(accumulate(expected_duration(s) for s in self.segments))

    def write_cycles(self, stop: str = "") -> None:
        """Write the half-cycles that are over (collective); stop: kind of the end of the run, "" before."""
        self.recorder.table(cycles.NAME, cycles.COLUMNS, self.progress.half_cycle_rows(stop))

    def _snapshot(self) -> None:
        fields = self.model.output_fields(self.state, self.progress.measured)
        self.recorder.snapshot(self.progress.time, self.progress.step, fields)

    def _snapshot_within(self, outcome: StepResult, time: float, dt: float) -> None:
        """At a time (s) within a step of dt that has been accepted and not taken over (collective)."""
        p, share = self.progress, (time - self.progress.time) / dt
        for name in self.state:
            old = self.state[name]
            self._within[name] = old + share * (outcome.fields.get(name, old) - old)
        self._within.time = time
        fields = self.model.output_fields(self._within, self._measured(outcome))
        self.recorder.snapshot(time, p.step + 1, fields)

    @cached_property
    def _within(self) -> State:
        """The fields at a time within a step."""
        return State(self.grid, tuple(self.state))

    def _checkpoint(self) -> None:
        arrays, numbers = gather(self.model.keepers)
        progress = asdict(self.progress) | {SOLVERS: numbers}
        self.recorder.checkpoint(self.progress.step, self.checkpoint_fields() | arrays, progress)

    def _failure_text(self, detail: str) -> str:
        p = self.progress
        return f"t = {p.time:.6g} s, step {p.step}: {self._last_failure}; {detail}. The last checkpoint is valid."
