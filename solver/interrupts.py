"""Requests from outside to a running simulation: signals and the wall-clock limit.

SIGUSR1: write a checkpoint and go on. SIGUSR2, SIGTERM, the wall-clock limit: write a checkpoint and stop. A
handler only notes the signal; `pending` combines those of all ranks once per step, so every rank takes the
same decision.
"""

from __future__ import annotations

import signal
import time
from enum import IntEnum
from types import FrameType, TracebackType

from mpi4py import MPI


class Request(IntEnum):
    """What is asked for; the larger one wins."""

    NONE = 0
    CHECKPOINT = 1
    STOP = 2


_SIGNALS = {
    signal.SIGUSR1: Request.CHECKPOINT,
    signal.SIGUSR2: Request.STOP,
    signal.SIGTERM: Request.STOP,
}


class Interrupts:
    """Context in which the signals are caught. wall: s from `started` (time.monotonic) after which to stop."""

    def __init__(self, comm: MPI.Comm, wall: float | None = None, started: float | None = None):
        self.comm = comm
        self.wall = wall
        self.started = time.monotonic() if started is None else started
        self.reason = ""
        self._arrived: list[signal.Signals] = []
        self._old: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        for number in _SIGNALS:
            try:
                self._old[number] = signal.signal(number, self._handle)
            except ValueError:  # not in the main thread: the caller keeps its own signals
                break
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._arrived.append(signal.Signals(number))

    def pending(self) -> Request:
        """The strongest request of all ranks since the last call (collective); `reason` names a stop."""
        flag, name = Request.NONE, ""
        # one by one: a signal that arrives meanwhile, or while the ranks wait for each other, is kept for the next call
        while self._arrived:
            number = self._arrived.pop()
            flag, name = max((flag, name), (_SIGNALS[number], number.name))
        if self.wall is not None and time.monotonic() - self.started >= self.wall:
            flag, name = Request.STOP, "wall-clock limit"
        strongest, name = self.comm.allreduce((int(flag), name), op=MPI.MAX)
        if strongest == Request.STOP:
            self.reason = name
        return Request(strongest)

    def checkpoint_written(self) -> None:
        """Forget the SIGUSR1 that arrived until now: what they ask for is there.

        A signal to mpirun reaches one rank after the other. A rank that gets it only after it has gone into `pending`
        would ask for a second checkpoint after the next step.
        """
        for _ in range(len(self._arrived)):  # one by one, as in `pending`
            number = self._arrived.pop(0)
            if _SIGNALS[number] != Request.CHECKPOINT:
                self._arrived.append(number)
