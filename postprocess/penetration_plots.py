"""The picture of filaments: Li in the network of defects, from the contact to the top of the electrolyte."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from postprocess import metrics
from postprocess.contact_plots import (
    AS_IT_IS,
    COLLECTOR,
    SEPARATOR,
    UM,
    Contact,
    frame,
    headline,
    occupied,
    paint,
    patches,
    there,
)
from postprocess.pictures import write_picture
from postprocess.reader import ResultsError, Run

Array = np.ndarray

PICTURE = "penetration.png"
NEEDED = ("electrolyte", "lithium", "defect", "filament", "dead_lithium", "local_current_density")

COLOURS = {
    "electrolyte": "#f6eedb",
    "defects": "#dcc48d",
    "Li": "#b9c0cb",
    "Li in defects": "#27487d",
    "dead Li": "#c0392b",
    "void": "#14161c",
    "collector": COLLECTOR,
}
LINES = "#8a8a8a"
MV = 1e3  # V -> mV
LEVELS = 7  # lines of equal potential, about
METAL = 0.15  # height of the strip of metal over that of the electrolyte
SCALE = 6.5  # inches: the longer side of the map
CHARACTERS = 12.0  # of a title, per inch
LARGEST_RATIO = 3.0  # of the sides of a map that is drawn to scale


def shows_filaments(run: Run) -> bool:
    """Whether there is something to draw: a run in 2-D or 3-D of a case with defects, whose fields were written."""
    return len(run.times) > 0 and len(run.axes) > 1 and set(NEEDED) <= set(run.fields)


def plot_penetration(directory: str | Path, index: int | None = None) -> Path:
    """Draw penetration.png into the directory of a run with defects: Li, dead Li, defects and lines of potential.

    Of a 3-D run the section through the deepest filament. index: the snapshot; by default the one with the deepest
    penetration. Raises ResultsError.
    """
    run = Run(directory)
    if not len(run.times):
        raise ResultsError(f"{run.directory}: no snapshots yet")
    if absent := sorted(set(NEEDED) - set(run.fields)):
        raise ResultsError(f"no picture of filaments: {', '.join(absent)} not in the output")
    contact = section(run, deepest(run) if index is None else index)
    size = picture_size(contact)
    figure = Figure(figsize=size, constrained_layout=True)
    axes = figure.subplots()
    material_shares(axes, contact)
    lines = _potential_lines(axes, contact)
    whole_electrolyte(axes, contact)
    depth = metrics.penetration_depth(run, contact.index) * UM
    # a line for each part of the headline: a narrow box has a narrow picture
    number = metrics.number_of_filaments(run, 0.5 * depth / UM, contact.index) if depth else 0
    reached = f"Li up to {depth:.3g} µm into the electrolyte; filaments beyond half of that: {number}"
    titles = (*headline(run).split(SEPARATOR), f"{contact.caption}: {reached}")
    figure.suptitle("\n".join(fill(title, int(CHARACTERS * size[0])) for title in titles), fontsize=10, **AS_IT_IS)
    handles = [*patches(there(COLOURS, contact)), *lines]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False)
    return write_picture(figure, run.directory / PICTURE)


def deepest(run: Run) -> int:
    """The snapshot nearest to the deepest penetration, the last one of several that are as deep."""
    depth = run.curves["penetration_depth"]
    if not len(depth):
        return len(run.times) - 1
    time = run.curves["time"][len(depth) - 1 - int(np.argmax(depth[::-1]))]
    return int(np.argmin(np.abs(run.times - time)))


def section(run: Run, index: int) -> Contact:
    """The contact; of a 3-D run in the section through the deepest filament, if there is one. Raises ResultsError."""
    if len(run.axes) < 3:
        return Contact.read(run, index)
    depth = np.max(run.axes["z"] * metrics.living_filament(run, index), axis=(0, 2))
    return Contact.read(run, index, int(np.argmax(depth)) if depth.any() else None)


def whole_electrolyte(axes: Axes, contact: Contact) -> None:
    """The range and the names of the axes of a map from below the contact to the top."""
    frame(axes, contact, _heights(contact))


def defect_lines(axes: Axes, contact: Contact) -> None:
    """Outlines of the defects, light, and of the Li in them."""
    z = contact.run.axes["z"] * UM
    for values, colour, width in ((contact.network, LINES, 0.5), (contact.filled, "k", 0.9)):
        if values.max() > 0.5:
            axes.contour(contact.x, z, values.T, [0.5], colors=colour, linewidths=width)


def _heights(contact: Contact) -> tuple[float, float]:
    """Range of z in a map, um: all of the electrolyte, and below the contact all voids and a strip of the metal."""
    bottom, top = contact.run.faces["z"][[0, -1]] * UM
    return max(bottom, occupied(contact)[0] - METAL * top), top


def picture_size(contact: Contact) -> tuple[float, float]:
    """Width and height of the picture, inches, so that the map is to scale where it is not too long."""
    low, high = _heights(contact)
    ratio = (high - low) / (float(np.ptp(contact.run.faces["x"])) * UM)
    ratio = min(max(ratio, 1 / LARGEST_RATIO), LARGEST_RATIO)
    return SCALE * min(1.0, 1 / ratio) + 2.2, SCALE * min(1.0, ratio) + 1.2


def material_shares(axes: Axes, contact: Contact) -> None:
    """Everything in proportion to its share of a cell; the order is that of the colours."""
    m, xi, filled = contact.metal, np.clip(contact.xi, 0.0, 1.0), contact.filled
    dead = contact.section(contact.run.field("dead_lithium", contact.index)) > 0.5
    metal = m * xi
    shares = np.stack(
        [
            contact.psi - contact.network,
            contact.network - filled,
            np.where(dead, 0.0, metal),
            np.where(dead, 0.0, filled),
            np.where(dead, metal + filled, 0.0),
            m * (1 - xi),
            contact.chi,
        ],
        axis=-1,
    )
    if dead.any():
        axes.contour(contact.x, contact.run.axes["z"] * UM, dead.T, [0.5], colors=COLOURS["dead Li"], linewidths=1.0)
    paint(axes, contact, shares @ np.array([to_rgb(c) for c in COLOURS.values()]))


def _potential_lines(axes: Axes, contact: Contact) -> list[Line2D]:
    """Lines of equal potential in the electrolyte beside the filaments; what stands for them in the legend."""
    if "potential" not in contact.run.fields:
        return []
    potential = contact.section(contact.run.field("potential", contact.index)) * MV
    inside = np.ma.masked_where((contact.psi < 0.5) | (contact.filled > 0.5), potential)
    if np.ptp(inside.compressed()) == 0.0:
        return []
    lines = axes.contour(
        contact.x, contact.run.axes["z"] * UM, inside.T, LEVELS, colors=LINES, linewidths=0.8, linestyles="solid"
    )
    step, low, high = lines.levels[1] - lines.levels[0], inside.min(), inside.max()
    label = f"potential, every {step:.3g} mV\n({low:.4g} to {high:.4g} mV)"
    return [Line2D([], [], color=LINES, lw=0.8, label=label)]
