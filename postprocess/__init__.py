"""Reading, measuring, plotting and exporting the results of a run. Reads files only, needs no solver."""

from postprocess.reader import ResultsError, Run

__all__ = ["ResultsError", "Run"]
