"""The contact in one snapshot, and how it is drawn: a map of the materials, the current along it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_rgb
from matplotlib.patches import Patch

from postprocess import metrics
from postprocess.reader import ResultsError, Run
from solver.text import one_line

Array = np.ndarray

UM = 1e6  # m -> um
MA_CM2 = 0.1  # A/m^2 -> mA/cm^2

SEPARATOR = "   |   "  # of the parts of a headline
NEEDED = ("electrolyte", "lithium", "local_current_density")  # fields in the picture of the contact
LONGEST_TITLE = 120  # characters
AS_IT_IS = {"parse_math": False}  # for text of the user: matplotlib takes text between two $ for a formula
GREY = "#666666"
LITHIUM, VOID, ELECTROLYTE, COLLECTOR = "#c9ced6", "#14161c", "#e9d8a6", "#b87333"
COLOURS = {"electrolyte": ELECTROLYTE, "Li": LITHIUM, "void": VOID, "collector": COLLECTOR}  # as in `_fractions`
HEAT = "turbo"
MAP_HEIGHT = 0.75  # height of the map in the picture over its width
CONTACT_LOST = 0.99
PLATED = 0.999  # share of the largest amount of Li from which on plating is over


def time_unit(end: float) -> tuple[float, str]:
    """Factor and name of the unit that suits times up to `end`, s."""
    if end > 3 * 3600.0:
        return 1 / 3600.0, "h"
    return (1 / 60.0, "min") if end > 180.0 else (1.0, "s")


def has_collector(run: Run) -> bool:
    """Whether the Li of a run lies on a current collector that moves."""
    return "lithium_thickness" in run.curves


def lithium_on_collector(run: Run) -> Array:
    """Mean thickness of Li on the collector at the times of the snapshots, m."""
    curves = run.curves
    if not len(curves["time"]):
        return np.zeros(len(run.times))
    # empty in rows of a version that did not have the column
    return np.interp(run.times, curves["time"], np.nan_to_num(curves["lithium_thickness"]))


def most_lithium(run: Run) -> int:
    """The first snapshot of those with the most Li on the collector."""
    amount = lithium_on_collector(run)
    return int(np.argmax(amount >= PLATED * np.max(amount)))


def shown(run: Run) -> int:
    """The snapshot to draw: the one nearest to the smallest contact fraction, the last when no contact was lost.

    With a collector the one with most Li. Never the first of several: before the first step no current flows.
    """
    if has_collector(run) and len(run.times):
        return max(most_lithium(run), min(1, len(run.times) - 1))
    contact = run.curves["contact_fraction"]
    if len(run.times) < 2 or not len(contact) or metrics.minimum_contact_fraction(run.curves) > CONTACT_LOST:
        return len(run.times) - 1
    worst = run.curves["time"][int(np.argmin(contact))]
    return 1 + int(np.argmin(np.abs(run.times[1:] - worst)))


def headline(run: Run) -> str:
    """Title of the case, why the run ended, and the critical current density (CCD) that a ramp has found.

    It has text of the user, so that it is drawn with `AS_IT_IS`.
    """
    critical = metrics.critical_current_density(run.summary.get("results", {})) * MA_CM2
    found = f"CCD {critical:.4g} mA/cm²" if np.isfinite(critical) else ""
    name = one_line(str(run.case.get("title", "")) or run.directory.resolve().name, LONGEST_TITLE)
    reason = one_line(str(run.summary.get("stop_reason", "")), LONGEST_TITLE)
    return SEPARATOR.join(filter(None, [name, reason, found]))


def plain(text: str) -> str:
    """Text of a file within a label that may have formulas: a dollar in it begins none."""
    return one_line(text).replace("$", r"\$")


def when(run: Run, index: int) -> str:
    """The time of a snapshot in words."""
    time = float(run.times[index])
    factor, unit = time_unit(time)
    return f"t = {time * factor:.4g} {unit}"


@dataclass(frozen=True)
class Contact:
    """The contact in snapshot `index` of a 2-D run, or of a section y = const of a 3-D run.

    row: number of the section, None in 2-D. psi, xi, network psi b, filled psi b zeta, chi: axes (x, z); the last three
    are 0 without defects and collector. x, height of the contact, um; current: local current density, mA/cm^2, along x.
    caption: time and place.
    """

    run: Run
    index: int
    row: int | None
    psi: Array
    xi: Array
    network: Array
    filled: Array
    chi: Array
    x: Array
    height: Array
    current: Array
    caption: str

    @classmethod
    def read(cls, run: Run, index: int, row: int | None = None) -> Contact:
        """The contact of a 2-D run, or of a section `row` of a 3-D run, by default the one with the hottest spot.

        Raises ResultsError in 1-D, and when a field that is needed was not written.
        """
        if len(run.axes) == 1:
            raise ResultsError(f"{run.directory}: a 1-D run has no map of the contact")
        needed = (*NEEDED, "collector") if has_collector(run) else NEEDED
        if absent := sorted(set(needed) - set(run.fields)):
            raise ResultsError(f"no picture of the contact: {', '.join(absent)} not in the output")
        current = metrics.interface_average(run, run.field("local_current_density", index), index) * MA_CM2
        caption = when(run, index)
        if len(run.axes) == 3:
            row = int(np.argmax(np.max(np.abs(current), axis=0))) if row is None else row
            caption += f", section at y = {run.axes['y'][row] * UM:.3g} µm"
        psi = run.field("electrolyte", index)
        network, filled, chi = np.zeros((3, *psi.shape))
        if {"defect", "filament"} <= set(run.fields):
            network = run.field("defect", index)
            filled = network * run.field("filament", index)
        if "collector" in needed:
            chi = run.field("collector", index)
        height = metrics.interface_height(run, index) * UM
        psi, xi, network, filled, chi, height, current = (
            values if row is None else values[:, row]
            for values in (psi, run.field("lithium", index), network, filled, chi, height, current)
        )
        return cls(run, index, row, psi, xi, network, filled, chi, run.axes["x"] * UM, height, current, caption)

    @property
    def metal(self) -> Array:
        """Weight m = 1 - psi - chi of what lies between electrolyte and collector."""
        return np.maximum(1 - self.psi - self.chi, 0.0)

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
    """Li, void, electrolyte and collector mixed in proportion to their fractions, around the contact."""
    paint(axes, contact, _fractions(contact) @ np.array([to_rgb(c) for c in COLOURS.values()]))
    li_surface(axes, contact)
    frame(axes, contact)
    axes.legend(handles=patches(there(COLOURS, contact)), loc="lower right", fontsize=8, framealpha=0.9)


def there(colours: Mapping[str, str], contact: Contact) -> dict[str, str]:
    """The materials without the collector where there is none."""
    return {name: colour for name, colour in colours.items() if name != "collector" or contact.chi.any()}


def patches(colours: Mapping[str, str]) -> list[Patch]:
    """What stands in a legend for materials, by name."""
    return [Patch(facecolor=c, edgecolor="k", lw=0.4, label=name) for name, c in colours.items()]


def paint(axes: Axes, contact: Contact, colours: Array) -> None:
    """The cells of the section in given colours, axes (x, z, rgb)."""
    run = contact.run
    mesh = axes.pcolormesh(run.faces["x"] * UM, run.faces["z"] * UM, np.zeros(contact.psi.T.shape), rasterized=True)
    mesh.set_array(None)
    mesh.set_facecolor(np.clip(colours, 0.0, 1.0).transpose(1, 0, 2).reshape(-1, 3))
    mesh.set_edgecolor("face")


def li_surface(axes: Axes, contact: Contact) -> None:
    """The line xi = 1/2 below the contact and outside the collector."""
    solid = (contact.psi > 0.5) | (contact.chi > 0.5)
    surface = np.ma.masked_where(solid, np.clip(contact.xi, 0.0, 1.0))
    if surface.min() < 0.5 < surface.max():
        axes.contour(contact.x, contact.run.axes["z"] * UM, surface.T, [0.5], colors="k", linewidths=1.0)


def frame(axes: Axes, contact: Contact, heights: tuple[float, float] | None = None) -> None:
    """The range and the names of the axes of a map: around the contact, or between the heights (um)."""
    x = contact.run.faces["x"] * UM
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(*(window(contact) if heights is None else heights))
    axes.set_xlabel("x / µm")
    axes.set_ylabel("z / µm (contact at 0)")


def window(contact: Contact) -> tuple[float, float]:
    """Range of z in a map, um: what `occupied` says with a margin, so high that shapes look right."""
    run = contact.run
    faces = run.faces["z"] * UM
    low, high = occupied(contact)
    margin = max(0.3 * (high - low), 0.5 * (MAP_HEIGHT * float(np.ptp(run.faces["x"])) * UM - (high - low)))
    return max(low - 1.4 * margin, faces[0]), min(high + 0.6 * margin, faces[-1])


def occupied(contact: Contact) -> tuple[float, float]:
    """Range of z that the contact, the collector's surface and all voids take, um."""
    z = contact.run.axes["z"] * UM
    boundary = z[np.any([(body > 0.1) & (body < 0.9) for body in (contact.psi, contact.chi)], axis=(0, 1))]
    with_void = z[np.any(_fractions(contact)[..., 2] > 0.2, axis=0)]
    return min([0.0, *boundary, *with_void]), max([0.0, *boundary])


def _fractions(contact: Contact) -> Array:
    """Fractions of electrolyte, Li, void and collector, last axis."""
    m, xi, filled = contact.metal, np.clip(contact.xi, 0.0, 1.0), contact.filled
    return np.stack([contact.psi - filled, m * xi + filled, m * (1 - xi), contact.chi], axis=-1)
