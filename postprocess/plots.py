"""One picture of a run: the curves on the left, the contact as it is now on the right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from postprocess import metrics
from postprocess.reader import ResultsError, Run

Array = np.ndarray
Curve = tuple[Array, str, str, str]  # values, label of the axis, colour, name

NAME = "curves.png"

UM = 1e6  # m -> um
MV = 1e3  # V -> mV
MA_CM2 = 0.1  # A/m^2 -> mA/cm^2
MAH_CM2 = 1 / 3.6e4  # C/m^2 -> mAh/cm^2

BLUE, RED, GREEN, GREY = "#1f5fa8", "#c0392b", "#2e8b57", "#666666"
LITHIUM, VOID, ELECTROLYTE = "#c9ced6", "#14161c", "#e9d8a6"
HEAT = "turbo"
# colour, factor to the unit shown, range of psi in which the field means something
PROFILES = {
    "electrolyte": ("#b8860b", 1.0, (0.0, 1.0)),
    "lithium": (GREY, 1.0, (0.0, 0.95)),
    "occupancy": (GREEN, 1.0, (0.0, 0.95)),
    "potential": (BLUE, MV, (0.05, 1.0)),
}
MAP_HEIGHT = 0.75  # height of the map in the picture over its width


def plot_run(directory: str | Path) -> Path:
    """Write curves.png into a run directory and return its path; works while the run goes on."""
    run = Run(directory)
    if not len(run.curves["time"]):
        raise ResultsError(f"{run.directory}: log.csv has no rows yet")
    figure = Figure(figsize=(13.5, 6.5), constrained_layout=True)
    FigureCanvasAgg(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(1.0, 1.15), wspace=0.04)
    _curves(left, run)
    if len(run.times):
        _contact(right, run)
    figure.suptitle(_title(run), fontsize=11)
    path = run.directory / NAME
    figure.savefig(path, dpi=130)
    return path


def _title(run: Run) -> str:
    case = run.info.get("resolved_case", {}) if len(run.times) else {}
    title = case.get("title", "") if isinstance(case, dict) else ""
    reason = run.summary.get("stop_reason", "")
    return "   |   ".join(filter(None, [title or run.directory.resolve().name, reason]))


# -- curves ------------------------------------------------------------------------------------------------


def _curves(figure: Figure, run: Run) -> None:
    c = run.curves
    factor, unit = _time_unit(float(c["time"][-1]))
    t = c["time"] * factor
    top, bottom = figure.subplots(2, 1, sharex=True)
    _pair(
        top,
        t,
        (c["voltage"] * MV, "voltage / mV", BLUE, "voltage"),
        (c["current_density"] * MA_CM2, "current density / (mA/cm$^2$)", GREY, "current density"),
        "lower left",
    )
    _pair(
        bottom,
        t,
        (c["contact_fraction"], "contact fraction", GREEN, "contact"),
        (c["void_volume"] * UM, "void volume per area / µm", RED, "void"),
        "center left",
    )
    bottom.set_ylim(-0.02, 1.05)
    bottom.set_xlabel(f"time / {unit}")
    _capacity_axis(top, t, np.abs(c["capacity"]) * MAH_CM2)


def _pair(axes: Axes, t: Array, first: Curve, second: Curve, place: str) -> None:
    """Two curves over time, each with its own axis in its own colour, and one legend."""
    other = axes.twinx()
    handles = []
    for ax, (values, label, colour, name) in ((axes, first), (other, second)):
        style = "-" if ax is axes else "--"
        handles += ax.plot(t, values, style, color=colour, lw=1.8, label=name)
        ax.set_ylabel(label, color=colour)
        ax.tick_params(axis="y", colors=colour)
        if np.ptp(values) <= 1e-9 * np.max(
            np.abs(values)
        ):  # do not blow up rounding to the height of the plot
            centre, half = float(values[0]), max(0.1 * abs(float(values[0])), 1e-3)
            ax.set_ylim(centre - half, centre + half)
    axes.grid(alpha=0.25)
    axes.set_xlim(t[0], t[-1] if t[-1] > t[0] else t[0] + 1.0)
    other.legend(handles=handles, loc=place, fontsize=9, framealpha=0.9)


def _time_unit(end: float) -> tuple[float, str]:
    if end > 3 * 3600.0:
        return 1 / 3600.0, "h"
    return (1 / 60.0, "min") if end > 180.0 else (1.0, "s")


def _capacity_axis(axes: Axes, t: Array, capacity: Array) -> None:
    """The capacity passed as a second scale on top, where it grows all the time (one half-cycle)."""
    if len(t) < 2 or np.any(np.diff(capacity) <= 0.0) or np.any(np.diff(t) <= 0.0):
        return
    scale = axes.secondary_xaxis(
        "top", functions=(lambda x: np.interp(x, t, capacity), lambda q: np.interp(q, capacity, t))
    )
    scale.set_xlabel("capacity / (mAh/cm$^2$)")


# -- the contact -------------------------------------------------------------------------------------------


def _shown(run: Run) -> int:
    """The snapshot to draw: the one nearest to the smallest contact fraction, the last when no contact was lost."""
    contact = run.curves["contact_fraction"]
    if not len(contact) or metrics.minimum_contact_fraction(run.curves) > CONTACT_LOST:
        return len(run.times) - 1
    worst = run.curves["time"][int(np.argmin(contact))]
    return int(np.argmin(np.abs(np.asarray(run.times) - worst)))


def _contact(figure: Figure, run: Run) -> None:
    """A snapshot near the contact (see `_shown`): a map in 2-D and in a section of 3-D, profiles in 1-D."""
    index = _shown(run)
    time = float(run.times[index])
    factor, unit = _time_unit(time)
    when = f"t = {time * factor:.4g} {unit}"
    if len(run.axes) == 1:
        _profiles(figure.subplots(), run, index, when)
        return
    if absent := sorted({"electrolyte", "lithium", "current_density"} - set(run.fields)):
        figure.text(
            0.5, 0.5, f"no picture of the contact: {', '.join(absent)} not in the output", ha="center"
        )
        return
    section: tuple[int, ...] = ()
    current = metrics.interface_average(run, run.field("current_density", index), index) * MA_CM2
    if len(run.axes) == 3:
        hottest = int(np.argmax(np.max(np.abs(current), axis=0)))
        section = (hottest,)
        when += f", section at y = {run.axes['y'][hottest] * UM:.3g} µm"
    psi, xi = (_section(run.field(name, index), section) for name in ("electrolyte", "lithium"))
    height = _section(metrics.interface_height(run, index), section) * UM
    current = _section(current, section)
    strip, map_axes = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 2.6))
    norm = Normalize(*_with_zero(current))
    x = run.axes["x"] * UM
    _current_strip(strip, x, current, norm)
    _map(map_axes, run, psi, xi)
    line = _coloured_line(x, height, current, norm, width=4.0)
    map_axes.plot(x, height, color="k", lw=6.0, solid_capstyle="round")
    map_axes.add_collection(line)
    bar = figure.colorbar(line, ax=[strip, map_axes], pad=0.02, aspect=35)
    bar.set_label("local current density / (mA/cm$^2$)")
    strip.set_title(f"contact at {when}", fontsize=10)


def _section(values: Array, section: tuple[int, ...]) -> Array:
    return values[:, section[0]] if section else values


def _current_strip(axes: Axes, x: Array, current: Array, norm: Normalize) -> None:
    mean = float(np.mean(current))
    axes.add_collection(_coloured_line(x, current, current, norm, width=2.0))
    axes.axhline(mean, color=GREY, ls="--", lw=1.0, label=f"mean {mean:.3g} mA/cm$^2$")
    low, high = _with_zero(current)
    margin = 0.08 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel("j / (mA/cm$^2$)")
    axes.grid(alpha=0.25)
    axes.legend(loc="best", fontsize=8)


def _with_zero(values: Array) -> tuple[float, float]:
    """The range of the values and zero; never empty."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    return (low, high) if high > low else (0.0, 1.0)


def _coloured_line(x: Array, y: Array, values: Array, norm: Normalize, width: float) -> LineCollection:
    points = np.stack([x, y], axis=1)
    heat = (
        HEAT if values.mean() >= 0.0 else f"{HEAT}_r"
    )  # hot is a large magnitude, also of a stripping current
    line = LineCollection(np.stack([points[:-1], points[1:]], axis=1), cmap=heat, norm=norm, linewidths=width)
    line.set_array(0.5 * (values[1:] + values[:-1]))
    line.set_capstyle("round")
    return line


def _map(axes: Axes, run: Run, psi: Array, xi: Array) -> None:
    """Li, void and electrolyte mixed in proportion to their fractions."""
    xi = np.clip(xi, 0.0, 1.0)
    fractions = np.stack([psi, (1 - psi) * xi, (1 - psi) * (1 - xi)], axis=-1)
    colours = np.array([to_rgb(c) for c in (ELECTROLYTE, LITHIUM, VOID)])
    picture = np.clip(fractions @ colours, 0.0, 1.0)
    x, z = run.faces["x"] * UM, run.faces["z"] * UM
    mesh = axes.pcolormesh(x, z, np.zeros(psi.T.shape), rasterized=True)
    mesh.set_array(None)
    mesh.set_facecolor(picture.transpose(1, 0, 2).reshape(-1, 3))
    mesh.set_edgecolor("face")
    surface = np.ma.masked_where(psi > 0.5, xi)
    if surface.min() < 0.5 < surface.max():
        axes.contour(run.axes["x"] * UM, run.axes["z"] * UM, surface.T, [0.5], colors="k", linewidths=1.0)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(*_window(run, psi, fractions[..., 2]))
    axes.set_xlabel("x / µm")
    axes.set_ylabel("z / µm (contact at 0)")
    patches = [
        Patch(facecolor=c, edgecolor="k", lw=0.4, label=n) for c, n in zip(colours, NAMES, strict=True)
    ]
    axes.legend(handles=patches, loc="lower right", fontsize=8, framealpha=0.9)


CONTACT_LOST = 0.99
NAMES = ("electrolyte", "Li", "void")


def _window(run: Run, psi: Array, void: Array) -> tuple[float, float]:
    """Range of z in the map, um: the contact and all voids with a margin, so high that shapes look right."""
    z, faces = run.axes["z"] * UM, run.faces["z"] * UM
    contact = z[np.any((psi > 0.1) & (psi < 0.9), axis=0)]
    with_void = z[np.any(void > 0.2, axis=0)]
    low, high = min([0.0, *contact, *with_void]), max([0.0, *contact])
    margin = max(0.3 * (high - low), 0.5 * (MAP_HEIGHT * float(np.ptp(run.faces["x"])) * UM - (high - low)))
    return max(low - 1.4 * margin, faces[0]), min(high + 0.6 * margin, faces[-1])


def _profiles(axes: Axes, run: Run, index: int, when: str) -> None:
    """The fields along the normal, each where it means something."""
    z = run.axes["z"] * UM
    fields = {name: run.field(name, index) for name in PROFILES if name in run.fields}
    psi = fields.get("electrolyte", np.full(len(z), 0.5))
    other = axes.twinx()
    handles = []
    for name, values in fields.items():
        colour, factor, shown = PROFILES[name]
        on = other if name == "potential" else axes
        visible = np.where((psi >= shown[0]) & (psi <= shown[1]), values * factor, np.nan)
        handles += on.plot(z, visible, "--" if on is other else "-", color=colour, lw=1.8, label=name)
    axes.set_xlabel("z / µm (contact at 0)")
    axes.set_ylabel("fraction")
    other.set_ylabel("potential / mV", color=BLUE)
    other.tick_params(axis="y", colors=BLUE)
    axes.set_title(f"profiles at {when}", fontsize=10)
    other.legend(handles=handles, loc="center left", fontsize=9)
    axes.grid(alpha=0.25)
