"""Where bodies are at the two ends of a time step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from solver.domain.contact import Contact
from solver.numerics.state import State


class Places(Protocol):
    """The contact as the fields say and as a step will leave it (collective); what has not moved is the same object."""

    def start(self) -> Contact:
        """At the start of a run."""
        ...

    def now(self, state: State) -> Contact:
        """At the time of the state."""
        ...

    def after(self, state: State, dt: float) -> Contact:
        """At the end of a step of dt (s) from there."""
        ...


@dataclass(frozen=True)
class Fixed:
    """The contact stays where it is: the electrolyte is rigid but for elastic strains."""

    contact: Contact

    def start(self) -> Contact:
        return self.contact

    def now(self, state: State) -> Contact:
        return self.contact

    def after(self, state: State, dt: float) -> Contact:
        return self.contact
