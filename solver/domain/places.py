"""Where bodies are at the two ends of a time step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from solver.domain.collector import Collector
from solver.domain.contact import Contact
from solver.numerics.state import Fields, State


class Places(Protocol):
    """The contact as the fields say and as a step will leave it (collective); what has not moved is the same object."""

    def start(self) -> Contact:
        """At the start of a run."""
        ...

    def now(self, state: State) -> Contact:
        """At the time of the state."""
        ...

    def after(self, state: State, dt: float, motion: Fields | None = None) -> Contact:
        """At the end of a step of dt (s) from there; motion: the fields of the mechanics then, None before."""
        ...


@dataclass(frozen=True)
class Fixed:
    """The contact stays where it is: the electrolyte is rigid but for elastic strains."""

    contact: Contact

    def start(self) -> Contact:
        return self.contact

    def now(self, state: State) -> Contact:
        return self.contact

    def after(self, state: State, dt: float, motion: Fields | None = None) -> Contact:
        return self.contact


@dataclass
class Moved:
    """A collector that the platen moves; displacement: Z (m) of fields (collective).

    Before the forces of a step are balanced the collector is where it was.
    """

    collector: Collector
    displacement: Callable[[Fields], float]
    _now: tuple[float, Contact] | None = field(default=None, repr=False)

    def _at(self, displacement: float) -> Contact:
        if self._now is None or self._now[0] != displacement:
            self._now = displacement, self.collector.at(displacement)
        return self._now[1]

    def start(self) -> Contact:
        return self._at(0.0)

    def now(self, state: State) -> Contact:
        return self._at(self.displacement(state))

    def after(self, state: State, dt: float, motion: Fields | None = None) -> Contact:
        if motion is None:
            return self.now(state)
        return self.collector.at(self.displacement(motion), before=self.displacement(state))
