"""Requests from outside to a running simulation: signals and the wall-clock limit.

SIGUSR1: write a checkpoint and go on. SIGINT and SIGQUIT (keys), SIGHUP (a terminal that closes), SIGTERM, SIGUSR2,
SIGXCPU, the wall-clock limit: write a checkpoint and stop; a second one ends the program at once (not SIGHUP and
SIGXCPU, which the system itself repeats: of shells and terminals that close, for every second). A handler only
notes the signal; `pending` combines those of all ranks once per step, so every rank takes the same decision. Before
the first step there is nothing to save: a command then ends at once.

A signal that is ignored when the program starts (nohup, jobs in the background of a shell) stays ignored.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from solver.exit_codes import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from mpi4py import MPI


class Request(IntEnum):
    """What is asked for; the larger one wins."""

    NONE = 0
    CHECKPOINT = 1
    STOP = 2


_STOPS = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR2, signal.SIGXCPU)
_SIGNALS = {signal.SIGUSR1: Request.CHECKPOINT} | dict.fromkeys(_STOPS, Request.STOP)
_REPEATED = (signal.SIGHUP, signal.SIGXCPU)
SAME = 0.3  # s within which a signal that comes again is the same request (`timeout` sends two)

Leave = Callable[[signal.Signals, bool], None]


def heed_early() -> None:
    """For commands, before anything slow is imported: a stop ends the program, SIGUSR1 asks for nothing yet."""
    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _leave_early)


def ignore_early() -> None:
    """What the signals do without `heed_early`."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _leave_early:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _leave_early(number: int, frame: FrameType | None) -> None:
    if _SIGNALS[signal.Signals(number)] == Request.STOP:
        with suppress(OSError):
            os.write(2, f"ended by {signal.Signals(number).name} before anything was computed\n".encode())
        os._exit(EXIT_INTERRUPTED)


class Interrupts:
    """Context in which the signals are caught.

    comm: the ranks that decide together. wall: s from `started` (time.monotonic) after which to stop. leave: how a
    command ends at once, given the signal and whether it is a second one; None leaves that to the signal's default.
    """

    def __init__(
        self,
        comm: MPI.Comm | None = None,
        wall: float | None = None,
        started: float | None = None,
        leave: Leave | None = None,
    ):
        self.comm = comm
        self.wall = wall
        self.started = time.monotonic() if started is None else started
        self.leave = leave
        self.reason = ""
        self.stepping = False  # whether there is something to save
        self._arrived: list[signal.Signals] = []
        self._first_stop: float | None = None
        self._old: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        for number in _SIGNALS:
            if signal.getsignal(number) == signal.SIG_IGN:
                continue
            try:
                self._old[number] = signal.signal(number, self._handle)
            except ValueError:  # not in the main thread: the caller keeps its own signals
                break
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned
        self._old.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        received = signal.Signals(number)
        if _SIGNALS[received] == Request.STOP:
            late = self._first_stop is not None and time.monotonic() - self._first_stop > SAME
            again = late and received not in _REPEATED
            if again or (self.leave and not self.stepping):
                self._end(received, again)
            if self._first_stop is None:
                self._first_stop = time.monotonic()
        self._arrived.append(received)

    def _end(self, received: signal.Signals, again: bool) -> None:
        if self.leave:
            self.leave(received, again)
        self.__exit__(None, None, None)
        os.kill(os.getpid(), received)

    def pending(self) -> Request:
        """The strongest request of all ranks since the last call (collective); `reason` names a stop."""
        from mpi4py import MPI

        assert self.comm is not None
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
