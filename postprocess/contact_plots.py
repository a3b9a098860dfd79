"""The contact in one snapshot, and how it is drawn: a map of the materials, the current along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_rgb
from matplotlib.patches import Patch

from postprocess import metrics
from postprocess.reader import ResultsError, Run

Array = np.ndarray

UM = 1e6  # m -> um
MA_CM2 = 0.1  # A/m^2 -> mA/cm^2

GREY = "#666666"
LITHIUM, VOID, ELECTROLYTE = "#c9ced6", "#14161c", "#e9d8a6"
NAMES = ("electrolyte", "Li", "void")
HEAT = "turbo"
MAP_HEIGHT = 0.75  # height of the map in the picture over its width
CONTACT_LOST = 0.99


def time_unit(end: float) -> tuple[float, str]:
    """Factor and name of the unit that suits times up to `end`, s."""
    if end > 3 * 3600.0:
        return 1 / 3600.0, "h"
    return (1 / 60.0, "min") if end > 180.0 else (1.0, "s")


def shown(run: Run) -> int:
    """The snapshot to draw: the one nearest to the smallest contact fraction, the last when no contact was lost."""
    contact = run.curves["contact_fraction"]
    if not len(contact) or metrics.minimum_contact_fraction(run.curves) > CONTACT_LOST:
        return len(run.times) - 1
    worst = run.curves["time"][int(np.argmin(contact))]
    return int(np.argmin(np.abs(np.asarray(run.times) - worst)))


def when(run: Run, index: int) -> str:
    """The time of a snapshot in words."""
    time = float(run.times[index])
    factor, unit = time_unit(time)
    return f"t = {time * factor:.4g} {unit}"


@dataclass(frozen=True)
class Contact:
    """The contact in snapshot `index` of a 2-D run, or of the section y = const of a 3-D run with the hottest spot.

    row: number of the section, None in 2-D. psi, xi: axes (x, z). x, height of the contact, um; current: local
    current density, mA/cm^2, along x. caption: time and place.
    """

    run: Run
    index: int
    row: int | None
    psi: Array
    xi: Array
    x: Array
    height: Array
    current: Array
    caption: str

    @classmethod
    def read(cls, run: Run, index: int) -> Contact:
        """Raises ResultsError in 1-D, and when a field that is needed was not written."""
        if len(run.axes) == 1:
            raise ResultsError(f"{run.directory}: a 1-D run has no map of the contact")
        if absent := sorted({"electrolyte", "lithium", "current_density"} - set(run.fields)):
            raise ResultsError(f"no picture of the contact: {', '.join(absent)} not in the output")
        current = metrics.interface_average(run, run.field("current_density", index), index) * MA_CM2
        row, caption = None, when(run, index)
        if len(run.axes) == 3:
            row = int(np.argmax(np.max(np.abs(current), axis=0)))
            caption += f", section at y = {run.axes['y'][row] * UM:.3g} µm"
        psi, xi, height, current = (
            values if row is None else values[:, row]
            for values in (
                run.field("electrolyte", index),
                run.field("lithium", index),
                metrics.interface_height(run, index) * UM,
                current,
            )
        )
        return cls(run, index, row, psi, xi, run.axes["x"] * UM, height, current, caption)

    def section(self, values: Array) -> Array:
        """A cell field, axes (x, z), of a field of the run."""
        return values if self.row is None else values[:, self.row]


def current_strip(axes: Axes, contact: Contact) -> LineCollection:
    """The local current density along the contact; the coloured line, for a colour bar."""
    current = contact.current
    mean = float(np.mean(current))
    line = coloured_line(contact, current, width=2.0)
    axes.add_collection(line)
    axes.axhline(mean, color=GREY, ls="--", lw=1.0, label=f"mean {mean:.3g} mA/cm$^2$")
    low, high = with_zero(current)
    margin = 0.08 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel("j / (mA/cm$^2$)")
    axes.grid(alpha=0.25)
    axes.legend(loc="best", fontsize=8)
    return line


def with_zero(values: Array) -> tuple[float, float]:
    """The range of the values and zero; never empty."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    return (low, high) if high > low else (0.0, 1.0)


def coloured_line(contact: Contact, y: Array, width: float) -> LineCollection:
    """A line over x in the colours of the local current density."""
    current = contact.current
    points = np.stack([contact.x, y], axis=1)
    # hot is a large magnitude, also of a stripping current
    heat = HEAT if current.mean() >= 0.0 else f"{HEAT}_r"
    segments = np.stack([points[:-1], points[1:]], axis=1)
    line = LineCollection(segments, cmap=heat, norm=Normalize(*with_zero(current)), linewidths=width)
    line.set_array(0.5 * (current[1:] + current[:-1]))
    line.set_capstyle("round")
    return line


def material_map(axes: Axes, contact: Contact) -> None:
    """Li, void and electrolyte mixed in proportion to their fractions, around the contact."""
    run, psi = contact.run, contact.psi
    fractions = _fractions(contact)
    colours = np.array([to_rgb(c) for c in (ELECTROLYTE, LITHIUM, VOID)])
    picture = np.clip(fractions @ colours, 0.0, 1.0)
    mesh = axes.pcolormesh(run.faces["x"] * UM, run.faces["z"] * UM, np.zeros(psi.T.shape), rasterized=True)
    mesh.set_array(None)
    mesh.set_facecolor(picture.transpose(1, 0, 2).reshape(-1, 3))
    mesh.set_edgecolor("face")
    li_surface(axes, contact)
    frame(axes, contact)
    patches = [Patch(facecolor=c, edgecolor="k", lw=0.4, label=n) for c, n in zip(colours, NAMES, strict=True)]
    axes.legend(handles=patches, loc="lower right", fontsize=8, framealpha=0.9)


def li_surface(axes: Axes, contact: Contact) -> None:
    """The line xi = 1/2 below the contact."""
    surface = np.ma.masked_where(contact.psi > 0.5, np.clip(contact.xi, 0.0, 1.0))
    if surface.min() < 0.5 < surface.max():
        axes.contour(contact.x, contact.run.axes["z"] * UM, surface.T, [0.5], colors="k", linewidths=1.0)


def frame(axes: Axes, contact: Contact) -> None:
    """The range and the names of the axes of a map around the contact."""
    x = contact.run.faces["x"] * UM
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(*window(contact))
    axes.set_xlabel("x / µm")
    axes.set_ylabel("z / µm (contact at 0)")


def window(contact: Contact) -> tuple[float, float]:
    """Range of z in a map, um: the contact and all voids with a margin, so high that shapes look right."""
    run, psi = contact.run, contact.psi
    z, faces = run.axes["z"] * UM, run.faces["z"] * UM
    boundary = z[np.any((psi > 0.1) & (psi < 0.9), axis=0)]
    with_void = z[np.any(_fractions(contact)[..., 2] > 0.2, axis=0)]
    low, high = min([0.0, *boundary, *with_void]), max([0.0, *boundary])
    margin = max(0.3 * (high - low), 0.5 * (MAP_HEIGHT * float(np.ptp(run.faces["x"])) * UM - (high - low)))
    return max(low - 1.4 * margin, faces[0]), min(high + 0.6 * margin, faces[-1])


def _fractions(contact: Contact) -> Array:
    """Fractions of electrolyte, Li and void, last axis."""
    psi, xi = contact.psi, np.clip(contact.xi, 0.0, 1.0)
    return np.stack([psi, (1 - psi) * xi, (1 - psi) * (1 - xi)], axis=-1)
