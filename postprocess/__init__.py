"""Reading, measuring, plotting and exporting the results of a run. Reads files only, needs no solver."""

from pathlib import Path

from solver.environment import working_directory

# Matplotlib reads its settings now, but not a matplotlibrc in the working directory, which could make it run LaTeX.
with working_directory(Path(__file__).parent):
    import matplotlib  # noqa: F401  # those who draw import its parts

from postprocess.reader import ResultsError, Run

__all__ = ["ResultsError", "Run"]
