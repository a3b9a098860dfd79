"""Reading, measuring, plotting and exporting the results of a run.

Reads files only, and needs of the solver only `solver.output.stored`, which says what is in them.
"""

from pathlib import Path

from solver.environment import working_directory

# Matplotlib reads its settings now, but not a matplotlibrc in the working directory, which could make it run LaTeX.
with working_directory(Path(__file__).parent):
    import matplotlib  # noqa: F401  # those who draw import its parts

from postprocess.reader import ResultsError, Run

__all__ = ["ResultsError", "Run"]
