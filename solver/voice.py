"""How much a command says, and the options `--quiet` and `--verbose` that set it."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import typer

from solver.cli.jobs import BadInput

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="say what is wrong and how it ended, no more")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="a line for every time step")]


class Voice(IntEnum):
    """What is said on stderr: each says what those before it say."""

    SILENT = 0  # nothing but errors
    QUIET = 1  # how it ended
    NORMAL = 2  # how far it is
    VERBOSE = 3  # every step

    @classmethod
    def of(cls, progress: bool | Voice) -> Voice:
        """Of `progress`, which from Python is true or false."""
        return progress if isinstance(progress, Voice) else cls.NORMAL if progress else cls.SILENT


def chosen(quiet: bool, verbose: bool) -> Voice:
    """What the options ask for. Raises BadInput."""
    if quiet and verbose:
        raise BadInput("--quiet and --verbose contradict each other: give one of them")
    return Voice.QUIET if quiet else Voice.VERBOSE if verbose else Voice.NORMAL
