"""The picture of what lies on a collector, and its thickness along the contact as a table.

Above, voltage, mean thickness of Li and covered fraction over time; below, cross-sections from the first snapshot to
the last. These are drawn sharp: electrolyte above its surface psi = 1/2, collector below the gap under it, and between
them Li and void in proportion to xi, which means nothing within the bodies.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.ndimage import map_coordinates

from postprocess import metrics
from postprocess.contact_plots import (
    AS_IT_IS,
    COLLECTOR,
    ELECTROLYTE,
    GREY,
    LITHIUM,
    MA_CM2,
    SEPARATOR,
    UM,
    VOID,
    has_collector,
    headline,
    lithium_on_collector,
    most_lithium,
    patches,
    time_unit,
)
from postprocess.pictures import write_picture
from postprocess.reader import ResultsError, Run
from solver.whole_files import write_text

Array = np.ndarray
Span = tuple[float, float, float]  # start and end, s; mean current density, A/m^2

PICTURE, TABLE = "deposit.png", "thickness.csv"
NEEDED = ("electrolyte", "gap", "lithium")  # fields in the picture
TABLED = ("gap", "lithium_thickness")  # fields in the table

COLOURS = {"electrolyte": ELECTROLYTE, "Li": LITHIUM, "gap": VOID, "collector": COLLECTOR}
BLUE, GREEN = "#1f5fa8", "#2e8b57"
SHADES = {True: ("plating", "#e3ecf6"), False: ("stripping", "#f9e6e3")}  # of the background, by the current's sign
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
MV, PERCENT = 1e3, 100.0
PIXELS = (600, 450)  # of a section along x and z
NO_CURRENT = 1e-9  # of the largest current density
LABELLED = 0.12  # share of the time above which a stretch of one direction is labelled with its current
TAIL = 0.005  # share of the time in which the voltage may leave the frame, at either end of its range
BEYOND = 1.5  # ranges of the rest of the time, by which it then leaves it
WIDTH = 13.0  # of the picture, inches
CURVES, AXIS, LEGEND = 4.4, 0.7, 0.35  # heights of its parts, inches; AXIS: of what is written at a section
FLAT, TALL = 0.5, 1.0  # least and largest height of a section over its width
AROUND = 4.0  # height of a section over the largest gap


def shows_deposit(run: Run) -> bool:
    """Whether there is a deposit to draw: a run in 2-D or 3-D with a collector that has snapshots."""
    return has_collector(run) and len(run.times) > 0 and len(run.axes) > 1


def write_thickness(directory: str | Path) -> Path:
    """Write thickness.csv into a run directory: gap and thickness of Li along the contact in every snapshot.

    A row for each column of cells along the normal, x running slowest. Raises ResultsError.
    """
    run = _run(directory, TABLED, "no table of the thickness")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    lateral = list(run.axes)[:-1]
    table.writerow(f"{name} [{unit}]" for name, unit in [("time", "s"), *((n, "m") for n in (*lateral, *TABLED))])
    places = np.meshgrid(*(run.axes[axis] for axis in lateral), indexing="ij")
    for index, time in enumerate(run.times):
        values = [run.field(name, index)[..., 0] for name in TABLED]
        columns = np.stack([np.full(places[0].shape, time), *places, *values], axis=-1)
        table.writerows(columns.reshape(-1, columns.shape[-1]).tolist())
    path = run.directory / TABLE
    write_text(path, text.getvalue())
    return path


def plot_deposit(directory: str | Path) -> Path:
    """Draw deposit.png into the directory of a run with a collector; of a 3-D run its middle section in y.

    Raises ResultsError.
    """
    run = _run(directory, NEEDED, "no picture of the deposit")
    sections = [Section.read(run, index) for index in snapshots(run)]
    heights = window(run, sections)
    ratio = min(max(float(np.ptp(heights)) / sections[0].width, FLAT), TALL)
    inches = (CURVES, ratio * (WIDTH - 1.0) / max(len(sections), 3) + AXIS, LEGEND)
    figure = Figure(figsize=(WIDTH, sum(inches)), constrained_layout=True)
    curves, row, legend = figure.subfigures(3, 1, height_ratios=inches)
    _curves(curves, run, sections)
    _sections(row, sections, heights, ratio)
    legend.legend(handles=patches(COLOURS), loc="center", ncol=len(COLOURS), fontsize=10, frameon=False)
    at = f"section at y = {run.axes['y'][middle(run)] * UM:.3g} µm" if "y" in run.axes else ""
    figure.suptitle(SEPARATOR.join(filter(None, [headline(run), at])), fontsize=11, wrap=True, **AS_IT_IS)
    return write_picture(figure, run.directory / PICTURE)


def _run(directory: str | Path, needed: Sequence[str], refusal: str) -> Run:
    """The run, when it has a collector and the fields. Raises ResultsError."""
    run = Run(directory)
    if not has_collector(run):
        raise ResultsError(f"{refusal}: the case has no [collector]")
    if not len(run.times):
        raise ResultsError(f"{run.directory}: no snapshots yet")
    if len(run.axes) == 1:
        raise ResultsError(f"{refusal}: a 1-D run has no cross-section")
    if absent := sorted(set(needed) - set(run.fields)):
        raise ResultsError(f"{refusal}: {', '.join(absent)} not in the output")
    return run


def snapshots(run: Run) -> list[int]:
    """Those to draw: the first one, half of the largest amount of Li, the largest amount, the last one."""
    amount, most = lithium_on_collector(run), most_lithium(run)
    half = int(np.argmin(np.abs(amount[: most + 1] - 0.5 * (amount[0] + amount[most]))))
    return sorted({0, half, most, len(run.times) - 1})


def middle(run: Run) -> int:
    """Number of the section of a 3-D run."""
    return len(run.axes["y"]) // 2


# -- the cross-sections --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """A cross-section in snapshot `index`.

    top: height of the electrolyte's surface, bottom: of the collector's, um, along x. xi: axes (x, z).
    """

    run: Run
    index: int
    top: Array
    bottom: Array
    xi: Array

    @classmethod
    def read(cls, run: Run, index: int) -> Section:
        """A 2-D run, or the middle section of a 3-D run. Raises ResultsError."""
        top, gap, xi = metrics.interface_height(run, index), run.field("gap", index), run.field("lithium", index)
        if "y" in run.axes:
            top, gap, xi = (values[:, middle(run)] for values in (top, gap, xi))
        return cls(run, index, top * UM, (top - gap[:, 0]) * UM, np.clip(xi, 0.0, 1.0))

    @property
    def width(self) -> float:
        """Along x, um."""
        return float(np.ptp(self.run.faces["x"])) * UM

    def colours(self, x: Array, z: Array) -> Array:
        """Colours at places x, z, um: axes (x, z, rgb)."""
        centres = [self.run.axes[axis] * UM for axis in ("x", "z")]
        cells = np.meshgrid(*(np.interp(p, c, np.arange(len(c))) for p, c in zip((x, z), centres, strict=True)))
        xi = map_coordinates(self.xi, cells, order=1).T
        top, bottom = (np.interp(x, centres[0], values)[:, None] for values in (self.top, self.bottom))
        electrolyte, lithium, gap, collector = (np.array(to_rgb(c)) for c in COLOURS.values())
        between = gap + xi[..., None] * (lithium - gap)
        bodies = np.where((z >= top)[..., None], electrolyte, collector)
        return np.where(((z < top) & (z > bottom))[..., None], between, bodies)


def window(run: Run, sections: Sequence[Section]) -> tuple[float, float]:
    """Range of z, um, the same in all sections: to scale where the gap is then not too thin to be seen."""
    faces = run.faces["z"] * UM
    low, high = min(s.bottom.min() for s in sections), max(s.top.max() for s in sections)
    gap = max(high - low, float(np.diff(faces).min()))
    height = max(1.6 * gap, min(FLAT * sections[0].width, AROUND * gap))
    margin = 0.5 * (height - gap)
    return max(float(low - margin), faces[0]), min(float(high + margin), faces[-1])


def _sections(figure: Figure, sections: Sequence[Section], heights: tuple[float, float], ratio: float) -> None:
    """The cross-sections in a row, with one scale."""
    run = sections[0].run
    factor, unit = time_unit(float(run.curves["time"][-1]))
    panels = np.atleast_1d(figure.subplots(1, len(sections), sharey=True))
    for letter, axes, section in zip(_letters(sections), panels, sections, strict=True):
        _draw(axes, section, heights, ratio)
        axes.set_title(f"{letter}   t = {float(run.times[section.index]) * factor:.4g} {unit}", fontsize=10)
    stretch = ratio * sections[0].width / float(np.ptp(heights))
    drawn = f"\nheights drawn {stretch:.2g} {TIMES}" if abs(stretch - 1) > 0.05 else ""
    panels[0].set_ylabel(f"z / µm (contact at 0){drawn}")


def _draw(axes: Axes, section: Section, heights: tuple[float, float], ratio: float) -> None:
    low, high = section.run.faces["x"][[0, -1]] * UM
    x, z = _centres(low, high, PIXELS[0]), _centres(*heights, PIXELS[1])
    image = np.clip(section.colours(x, z), 0.0, 1.0).swapaxes(0, 1)
    axes.imshow(image, origin="lower", extent=(low, high, *heights), aspect="auto")
    axes.set_box_aspect(ratio)
    axes.set_xlabel("x / µm")
    axes.locator_params(axis="x", nbins=4)


def _centres(low: float, high: float, number: int) -> Array:
    """Of pixels between two places."""
    return low + (high - low) * (np.arange(number) + 0.5) / number


def _letters(sections: Sequence[Section]) -> Iterator[str]:
    return (chr(ord("a") + n) for n in range(len(sections)))


# -- the curves ----------------------------------------------------------------------------------------------


def _curves(figure: Figure, run: Run, sections: Sequence[Section]) -> None:
    """Voltage, and below it thickness and covered fraction, with the times of the sections."""
    curves = run.curves
    factor, unit = time_unit(float(curves["time"][-1]))
    t = curves["time"] * factor
    voltage, deposit = figure.subplots(2, 1, sharex=True, height_ratios=(1.7, 1.0))
    voltage.set_xlim(0.0, t[-1])
    _voltage(voltage, run, t, factor)
    _deposit(deposit, run, t)
    deposit.set_xlabel(f"time / {unit}")
    figure.align_ylabels([voltage, deposit])
    for letter, section in zip(_letters(sections), sections, strict=True):
        time = float(run.times[section.index]) * factor
        for axes in (voltage, deposit):
            axes.axvline(time, color="k", lw=0.8, ls=":")
        voltage.plot(time, np.interp(time, t, curves["voltage"] * MV), "o", color=BLUE, ms=6, mec="w", zorder=4)
        voltage.text(time, 1.02, letter, transform=voltage.get_xaxis_transform(), ha="center", fontweight="bold")


def _voltage(axes: Axes, run: Run, t: Array, factor: float) -> None:
    """The voltage, over the direction of the current."""
    values = run.curves["voltage"] * MV
    _directions(axes, spans(run), factor)
    axes.axhline(0.0, color=GREY, lw=0.8)
    axes.plot(t, values, color=BLUE, lw=1.8)
    axes.set_ylabel("voltage / mV")
    axes.grid(alpha=0.25)
    low, high = voltage_range(run.curves["time"], values)
    axes.set_ylim(low, high)
    if values.min() < low:
        _note(axes, f"down to {values.min():.4g} mV", (t[np.argmin(values)], low), (-8, 6))
    if values.max() > high:
        _note(axes, f"up to {values.max():.4g} mV", (t[np.argmax(values)], high), (-8, -14))


def _note(axes: Axes, text: str, place: tuple[float, float], offset: tuple[int, int]) -> None:
    """A remark on the voltage, left of a place."""
    how = {"textcoords": "offset points", "ha": "right", "fontsize": 9, "color": BLUE}
    axes.annotate(text.replace("-", MINUS), place, xytext=offset, **how)


def _directions(axes: Axes, stretches: Sequence[Span], factor: float) -> None:
    """Plating and stripping in the background, long stretches with their current density."""
    whole = stretches[-1][1]
    for start, end, current in stretches:
        if current:
            axes.axvspan(start * factor, end * factor, color=SHADES[current > 0][1], lw=0)
        if end - start > LABELLED * whole:
            text = f"{current * MA_CM2:+.3g} mA/cm$^2$".replace("-", MINUS) if current else "rest"
            place = (start + 0.008 * whole) * factor, 0.94
            axes.text(*place, text, transform=axes.get_xaxis_transform(), va="top", fontsize=9, color=GREY)
    flowing = {current > 0: SHADES[current > 0] for *_, current in stretches if current}
    handles = [Patch(facecolor=colour, edgecolor=GREY, lw=0.4, label=name) for name, colour in flowing.values()]
    if handles:
        axes.legend(handles=handles, loc="lower left", fontsize=9, framealpha=0.9)


def spans(run: Run) -> list[Span]:
    """Stretches of time in which the current has one direction, or none flows."""
    current, ends = run.curves["current_density"], run.curves["time"]
    starts = np.concatenate([[0.0], ends[:-1]])
    flows = np.abs(current) > NO_CURRENT * np.max(np.abs(current))
    changes = np.flatnonzero(np.diff(np.sign(current) * flows)) + 1
    return [
        (float(starts[s[0]]), float(ends[s[-1]]), float(np.average(current[s] * flows[s], weights=ends[s] - starts[s])))
        for s in np.split(np.arange(len(ends)), changes)
    ]


def voltage_range(time: Array, values: Array) -> tuple[float, float]:
    """A range with zero and the values, without what is far outside for a moment, such as the end of stripping."""
    order = np.argsort(values)
    share = np.cumsum(np.diff(time, prepend=0.0)[order]) / time[-1]
    usual = np.interp([TAIL, 1 - TAIL], share, values[order])
    low, high = min(0.0, float(usual[0])), max(0.0, float(usual[1]))
    reach = BEYOND * (high - low)
    low, high = (
        rest if abs(extreme - rest) > reach else extreme
        for extreme, rest in ((min(low, float(values.min())), low), (max(high, float(values.max())), high))
    )
    margin = 0.2 * (high - low) or 1.0
    return low - margin, high + margin


def _deposit(axes: Axes, run: Run, t: Array) -> None:
    """Mean thickness of Li and covered fraction, each with its own axis."""
    other = axes.twinx()
    for panel, name, factor, style, colour, label in (
        (axes, "lithium_thickness", UM, "-", GREY, "Li thickness / µm"),
        (other, "covered_fraction", PERCENT, "--", GREEN, "covered / %"),
    ):
        panel.plot(t, run.curves[name] * factor, style, color=colour, lw=1.8)
        panel.set_ylabel(label, color=colour)
        panel.tick_params(axis="y", colors=colour)
    axes.set_ylim(0.0, 1.08 * axes.get_ylim()[1])
    other.set_ylim(0.0, 108.0)
    axes.grid(alpha=0.25)
