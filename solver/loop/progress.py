"""Where a run stands, and whether what it has carried out is what its case says when it goes on.

A case may change between two calls. More segments, a last one that is longer, other output: that is the same run. Other
segments that are over, other physics: the run may go on, but its results are those of no one case, and are not
said to be (`Progress.changes`, done.json).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from solver.case.ending import Ending, SegmentEnd
from solver.case.segments import START, Segment, SegmentState
from solver.loop.cathode import cell_voltage
from solver.loop.cycles import HalfCycle, Row, half_cycle_of, half_cycle_rows
from solver.physics.part import Audit

# keys of a case that change neither the results nor the protocol that is looked at segment by segment; of a mesh
# matters what is in it, not where it is
NO_MATTER = ("title", "schema_version", "output.", "protocol", "drive.current_density", "geometry.mesh")


class CannotContinue(RuntimeError):
    """A checkpoint from which this case cannot go on; the message says why."""


@dataclass
class Progress:
    """Where a run stands: times in s, charge and capacity in C/m^2, Li in m (m^3 per m^2).

    dt_previous: 0 when what is applied has just jumped, so that there is no last step to go by.
    most_charge: the largest charge so far.
    stored_start, sums, magnitudes: of the balances, see `part.Balance`: what was stored at the start, what was supplied
    since and the magnitudes of what has passed, by name.
    ended: for each segment that is over, when and why it ended. half_cycles: the last one may go on.
    past: fingerprint of the segments that are over; control: of what the present one applies, "" before its first step;
    last_end: how the last one stood when it ended, until the next one begins. changes: how the case was changed when
    the run went on, so that its results are those of no one case.
    """

    time: float = 0.0
    step: int = 0
    rejected: int = 0
    dt_next: float = 0.0
    dt_previous: float = 0.0
    segment: int = 0
    segment_time: float = 0.0
    segment_charge: float = 0.0
    segment_state: dict[str, str] = field(default_factory=START.to_json)
    charge: float = 0.0
    most_charge: float = 0.0
    stored_start: dict[str, float] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    magnitudes: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0
    measured: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    ended: list[SegmentEnd] = field(default_factory=list)
    half_cycles: list[HalfCycle] = field(default_factory=list)
    past: str = ""
    control: str = ""
    last_end: dict[str, Any] | None = None
    changes: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Progress:
        """What a checkpoint carries. Raises CannotContinue when it is of another version, or made up."""
        known = {f.name for f in fields(cls)}
        if odd := sorted(data.keys() ^ known):
            words = ", ".join(f"{'unknown' if name in data else 'missing'} {name!r}" for name in odd)
            raise CannotContinue(f"the checkpoint was written by another version of lifront: {words}")
        usual = cls()
        if wrong := [name for name, value in data.items() if not _fits(value, getattr(usual, name))]:
            raise CannotContinue(f"the checkpoint has {wrong[0]} = {data[wrong[0]]!r:.60}, which no run has written")
        records = {
            "ended": [SegmentEnd(**end) for end in data["ended"]],
            "half_cycles": [HalfCycle(**sums) for sums in data["half_cycles"]],
        }
        return cls(**dict(data) | records)

    def count(self, audit: Audit, measured: Mapping[str, float]) -> None:
        """Add what a step has supplied to a balance."""
        for name in {supply.name for supply in audit.supplies}:
            self.sums[name] = self.sums.get(name, 0.0) + measured[name]
        passed = audit.balance.passed
        self.magnitudes[passed] = self.magnitudes.get(passed, 0.0) + abs(measured[passed])

    def error(self, audit: Audit) -> float:
        """How well a balance closes."""
        stored, magnitude = audit.balance.stored, self.magnitudes.get(audit.balance.passed, 0.0)
        return audit.error(self.measured.get(stored, 0.0), self.stored_start[stored], self.sums, magnitude)

    def count_step(self, start_time: float) -> bool:
        """Add the step that has been taken over to its half-cycle; whether one before it is over now."""
        charge, dt, before = self.measured["charge"], self.dt_previous, len(self.half_cycles)
        present = half_cycle_of(self.half_cycles, start_time, dt, self.segment, charge)
        if present is not None:
            present.add(self.time, dt, self.segment, self.measured, self.charge)
        return 0 < before < len(self.half_cycles)

    def half_cycle_rows(self, stop: str = "") -> list[Row]:
        """Rows of the half-cycles that are over; stop: kind of the end of the run, with which the last one is."""
        return half_cycle_rows(self.half_cycles, self.ended, stop, self.stored_start)

    def end_segment(self, segment: Segment, ending: Ending) -> None:
        """The present segment is over."""
        keys = ("segment_time", "segment_charge", "segment_state", "past", "control")
        self.last_end = {key: getattr(self, key) for key in keys}
        self.ended.append(SegmentEnd(self.time, self.segment, segment.label, ending.kind, ending.reason))
        self.past = segment.fingerprint(self.past)
        self.segment += 1
        self.segment_time, self.segment_charge, self.segment_state, self.control = 0.0, 0.0, START.to_json(), ""

    def reopen_segment(self) -> None:
        """The last segment is not over after all: nothing has followed yet, and its limits have become wider."""
        assert self.last_end is not None
        for key, value in self.last_end.items():
            setattr(self, key, value)
        self.segment -= 1
        self.ended.pop()
        self.last_end = None


def _fits(value: Any, usual: Any) -> bool:
    """Whether a value is of the kind of another; whole numbers count from 0."""
    if usual is None:
        return value is None or isinstance(value, dict)
    if isinstance(usual, int):
        return type(value) is int and value >= 0
    return isinstance(value, int | float if isinstance(usual, float) else type(usual))


def take_place(progress: Progress, segments: Sequence[Segment], initial_lithium: float) -> list[str]:
    """Put the progress of a checkpoint on the segments of a case; returns how it differs from what was carried out.

    The last segment is opened again when nothing has followed it and its limits, as they are now, have not been
    reached. Raises CannotContinue when the case has fewer segments than are over.
    """
    p, over = progress, progress.segment
    if over > len(segments):
        raise CannotContinue(f"{over} segments are over, and the case has {len(segments)}")
    past = ""
    before = past
    for segment in segments[:over]:
        before, past = past, segment.fingerprint(past)
    last = p.last_end
    if past != p.past:
        if last is None or before != last["past"] or segments[over - 1].fingerprint(limits=False) != last["control"]:
            return [f"the first {over} segments of the protocol are not those that were carried out"]
        p.reopen_segment()
        if has_ended(p, segments[p.segment], initial_lithium):
            p.end_segment(segments[p.segment], Ending("changed", "its limits, which have changed since"))
            return [f"{segments[over - 1].label}: its limits are not those by which it ended"]
        return []
    if p.segment_time == 0.0 or over == len(segments):
        return []
    if segments[over].fingerprint(limits=False) != p.control:
        return [f"{segments[over].label}: applies something else than until now"]
    if has_ended(p, segments[over], initial_lithium):
        return [f"{segments[over].label}: is beyond its limits"]
    return []


def has_ended(progress: Progress, segment: Segment, initial_lithium: float) -> Ending | None:
    """Why the present segment ends now, None when it goes on. initial_lithium: m."""
    p, m = progress, progress.measured
    return segment.ended(
        p.segment_time,
        abs(p.segment_charge),
        m["current_density"],
        m["voltage"],
        m["contact_fraction"],
        m["void_volume"] / initial_lithium,
        SegmentState.from_json(p.segment_state),
        cell_voltage(m),
    )


def case_differences(old: str, new: str) -> tuple[list[str], list[str]]:
    """Keys in which two resolved cases (JSON) differ, each as "key: old -> new"; all of them, and those that matter.

    What matters of the protocol is seen by `take_place`.
    """
    before, after = _flat(json.loads(old)), _flat(json.loads(new))
    keys = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    lines = {k: f"{k}: {_short(before.get(k, 'absent'))} -> {_short(after.get(k, 'absent'))}" for k in keys}
    return list(lines.values()), [line for key, line in lines.items() if not key.startswith(NO_MATTER)]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Nested JSON as {"drive.current_density": value}; list entries are numbered."""
    if isinstance(value, dict):
        items = [(f"{key}.{k}" if key else str(k), v) for k, v in value.items()]
    elif isinstance(value, list):
        items = [(f"{key}[{n}]", v) for n, v in enumerate(value)]
    else:
        return {key: value}
    return {k: v for name, entry in items for k, v in _flat(entry, name).items()}
