"""Reading, measuring, plotting and exporting the results of a run.

Reads files only, and needs of the solver only `solver.output.stored`, which says what is in them.
"""

from postprocess.reader import ResultsError, Run

__all__ = ["ResultsError", "Run"]
