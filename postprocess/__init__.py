"""Reading, measuring, plotting and exporting the results of a run. Reads files only, needs no solver."""

from contextlib import chdir
from pathlib import Path

# Matplotlib reads its settings now, but not a matplotlibrc in the working directory, which could make it run LaTeX.
with chdir(Path(__file__).parent):
    import matplotlib  # noqa: F401  # those who draw import its parts

from postprocess.reader import ResultsError, Run

__all__ = ["ResultsError", "Run"]
