"""Pictures as files: complete or absent, made anew where a link has their name."""

from __future__ import annotations

import warnings
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from solver.whole_files import make_part, publish

DOTS_PER_INCH = 130


def write_picture(figure: Figure, path: Path, dpi: int | None = None) -> Path:
    """Write a figure as PNG; returns the path. Raises OSError.

    A character that the fonts do not have is a box and no warning.
    """
    with make_part(path).open("xb") as stream, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"(?s)Glyph .* missing from")
        FigureCanvasAgg(figure).print_figure(stream, format="png", dpi=dpi or DOTS_PER_INCH)
    publish(path)
    return path
