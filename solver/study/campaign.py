"""What the scripts under cases/ have in common: points run side by side, those that have ended left alone, a report."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from solver.environment import for_children


@dataclass(frozen=True)
class Command:
    """What runs a point: the name of its directory, and the words after `lifront` but for the output directory."""

    name: str
    words: tuple[str, ...]


def main(
    description: str | None,
    output: str,
    commands: Sequence[Command],
    has_ended: Callable[[Path], bool],
    report: Callable[[Path], None],
) -> None:
    """The command line of such a script: run what has not ended yet, then report.

    output: default of --output; has_ended: of the directory of a point; report: writes tables and pictures of what is
    below --output.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(output))
    parser.add_argument("--processes", type=int, default=2, help="number of points to run at a time, each on one core")
    parser.add_argument("--only", default="", help="run only points whose names begin with this")
    parser.add_argument("--report", action="store_true", help="only write tables and pictures of results that exist")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    wanted = [command for command in commands if command.name.startswith(arguments.only)]
    todo = [] if arguments.report else [c for c in wanted if not has_ended(arguments.output / c.name)]
    print(f"{len(wanted)} points, {len(todo)} to run", flush=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ThreadPoolExecutor(arguments.processes) as pool:
        list(pool.map(lambda command: _run(command, arguments.output / command.name), todo))
    report(arguments.output)


def _run(command: Command, directory: Path) -> None:
    words = [sys.executable, "-m", "solver", *command.words, "--output", str(directory)]
    begun = perf_counter()
    ended = subprocess.run(words, env=for_children(), capture_output=True, text=True, check=False)
    last = (ended.stderr.strip().splitlines() or [""])[-1] if ended.returncode else "done"
    print(f"{command.name}: {last} (exit code {ended.returncode}, {perf_counter() - begun:.0f} s)", flush=True)


def settings(overrides: Sequence[str]) -> tuple[str, ...]:
    """The overrides, each behind --set."""
    return tuple(word for value in overrides for word in ("--set", value))
