"""lifront: phase-field simulation of lithium electrodeposition in anode-free solid-state batteries."""

# Without `from __future__ import annotations`: that is an import too, and import_path must come before all others.
from solver import import_path as import_path  # isort: skip  # no module of the working directory is imported after it

from typing import TYPE_CHECKING, Any

from solver.loop import interrupts

if import_path.IS_COMMAND:
    interrupts.heed_early()

from solver import environment as environment  # early: it sets what must be set before NumPy and h5py load

if TYPE_CHECKING:
    from solver.case.io import load_case
    from solver.loop.impedance import Impedance, impedance
    from solver.loop.runner import Result, run
    from solver.study.critical_current import CriticalCurrent, find_ccd

__all__ = ["CriticalCurrent", "Impedance", "Result", "find_ccd", "impedance", "load_case", "run"]
_HOMES = {
    "load_case": "solver.case.io",
    "run": "solver.loop.runner",
    "Result": "solver.loop.runner",
    "impedance": "solver.loop.impedance",
    "Impedance": "solver.loop.impedance",
    "find_ccd": "solver.study.critical_current",
    "CriticalCurrent": "solver.study.critical_current",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that reading a case or the command line's help does not start MPI."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'solver' has no attribute '{name}'")
