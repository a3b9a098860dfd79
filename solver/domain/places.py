"""Where bodies are at the two ends of a time step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from solver.domain.collector import Collector
from solver.domain.contact import Contact
from solver.numerics.array import Array
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
    """A collector that moves; displacement: Z (m) of fields, (*lateral, 1) (collective).

    Before the forces of a step are balanced the collector is where it was.
    """

    collector: Collector
    displacement: Callable[[Fields], Array]
    _now: tuple[Array, Contact] | None = field(default=None, repr=False)

    def _at(self, displacement: Array) -> Contact:
        moved = self._now is None or self.collector.grid.max(np.abs(displacement - self._now[0])) > 0
        if self._now is None or moved:
            self._now = displacement, self.collector.at(displacement)
        return self._now[1]

    def start(self) -> Contact:
        return self._at(np.zeros(()))

    def now(self, state: State) -> Contact:
        return self._at(self.displacement(state))

    def after(self, state: State, dt: float, motion: Fields | None = None) -> Contact:
        if motion is None:
            return self.now(state)
        return self.collector.at(self.displacement(motion), before=self.displacement(state))
