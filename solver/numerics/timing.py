"""Wall time of the parts of a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from solver.petsc import PETSc


class Timers:
    """Seconds per named part; the same names appear in PETSc's log."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._events: dict[str, PETSc.Log.Event] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        event = self._events.setdefault(name, PETSc.Log.Event(name))
        start = perf_counter()
        event.begin()
        try:
            yield
        finally:
            event.end()
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start
