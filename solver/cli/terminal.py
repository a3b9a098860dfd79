"""Standard output and error of a command: what is shown is never a reason to stop.

The reader of a pipe may go away (`| head`), a terminal may close, the disk behind a redirection may be full. From then
on nothing more is shown there; files are the product. A character that the terminal lacks is shown as its number.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, TextIO

STANDARD_ERROR = 2  # the last of the three descriptors


class Patient:
    """A text stream that goes silent when it cannot be written to any more."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # ValueError: it was closed
            self._silence()
            return len(text)

    def flush(self) -> None:
        """Write what is left, or drop it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._silence()

    def _silence(self) -> None:
        """Let the descriptor lead nowhere, so that what is still in buffers, and libraries, can be written."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def protect() -> None:
    """Make the standard streams patient; descriptors that are closed lead nowhere.

    No other file gets one of the three descriptors: what is said there would be written into it.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        pass
    os.close(handle)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the descriptor was closed when Python started
            stream = open(os.devnull, "w")  # noqa: SIM115  # for as long as the program runs
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, Patient(stream))


def show_cursor() -> None:
    """Undo what a progress bar does to a terminal, when there is no time to end it."""
    if os.isatty(2):
        say_at_once("\x1b[?25h")


def say_at_once(text: str) -> None:
    """A line on standard error from a signal handler, where buffers must not be touched."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode(errors="replace"))
