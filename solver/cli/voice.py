"""The options `--quiet` and `--verbose`, which set how much a command says."""

from __future__ import annotations

from typing import Annotated

import typer

from solver.cli.jobs import BadInput
from solver.voice import Voice

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="report only errors and how it ended")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="a line for every time step")]


def chosen(quiet: bool, verbose: bool) -> Voice:
    """What the options ask for. Raises BadInput."""
    if quiet and verbose:
        raise BadInput("--quiet and --verbose contradict each other: give one of them")
    return Voice.QUIET if quiet else Voice.VERBOSE if verbose else Voice.NORMAL
