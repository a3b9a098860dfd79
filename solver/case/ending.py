"""How a segment or a run ends: a word from a fixed list for those who count, and the reason in words for who reads.

Of a segment: its "duration", its "capacity", the last point of its "profile", the "current" or the "voltage" of its
cutoff, "cathode empty" or "cathode full", the "contact" or the "void" fraction of its limits; "changed": limits that
have been changed since, when a run goes on. Of a run: "finished" with its protocol; "short circuit", "contact loss",
"voltage limit" of the cell; "failed" when the equations could not be solved; "interrupted" from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LimitKind = Literal["duration", "capacity", "profile", "current", "voltage", "contact", "void"]
SegmentKind = LimitKind | Literal["cathode empty", "cathode full", "changed"]
FailureKind = Literal["short circuit", "contact loss", "voltage limit"]
RunKind = Literal["finished", "failed", "interrupted"] | FailureKind


@dataclass(frozen=True)
class Ending:
    """Why something is over: the kind to go by, and the reason in words, which nobody takes apart."""

    kind: SegmentKind | RunKind
    reason: str


@dataclass(frozen=True)
class SegmentEnd:
    """The end of a segment. time: s; segment: its number, from 0, loops unrolled; kind, reason: see `Ending`."""

    time: float
    segment: int
    label: str
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"t = {self.time:.6g} s: {self.label} ended: {self.reason}"
