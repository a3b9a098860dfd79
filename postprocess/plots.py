"""One picture of a run: the curves on the left, the contact as it is now on the right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess.contact_plots import (
    AS_IT_IS,
    COLLECTOR,
    GREY,
    MA_CM2,
    UM,
    Contact,
    coloured_line,
    current_strip,
    headline,
    material_map,
    plain,
    shown,
    time_unit,
    when,
)
from postprocess.pictures import write_picture
from postprocess.reader import ResultsError, Run
from solver.text import one_line

Array = np.ndarray
Curve = tuple[Array, str, str, str]  # values, label of the axis, colour, name

NAME = "curves.png"

MV = 1e3  # V -> mV
MAH_CM2 = 1 / 3.6e4  # C/m^2 -> mAh/cm^2

BLUE, RED, GREEN, VIOLET = "#1f5fa8", "#c0392b", "#2e8b57", "#6c3483"
LINE = 70  # letters in a line of the text that stands where a picture cannot be drawn
BODIES = ("electrolyte", "collector")
INSIDE = 0.95  # of the collector, where nothing but it means something
SHORT_CIRCUIT = "short circuit"  # as a kind of end, see solver.case.ending
# colour, factor to the unit shown, range of psi in which the field means something
PROFILES = {
    "electrolyte": ("#b8860b", 1.0, (0.0, 1.0)),
    "collector": (COLLECTOR, 1.0, (0.0, 1.0)),
    "lithium": (GREY, 1.0, (0.0, 0.95)),
    "occupancy": (GREEN, 1.0, (0.0, 0.95)),
    "potential": (BLUE, MV, (0.05, 1.0)),
    "filament": (VIOLET, 1.0, (0.05, 1.0)),
}


def plot_run(directory: str | Path) -> Path:
    """Write curves.png into a run directory and return its path; works while the run goes on."""
    run = Run(directory)
    if not len(run.curves["time"]):
        raise ResultsError(f"{run.directory}: log.csv has no rows yet")
    height = 6.5 + 2.0 * (_penetrates(run) + run.is_full_cell)
    figure = Figure(figsize=(13.5, height), constrained_layout=True)
    left, right = figure.subfigures(1, 2, width_ratios=(1.0, 1.15), wspace=0.04)
    _curves(left, run)
    if len(run.times):
        _contact(right, run)
    figure.suptitle(headline(run), fontsize=11, wrap=True, **AS_IT_IS)
    return write_picture(figure, run.directory / NAME)


def not_drawn(run: Run) -> str:
    """Why the picture has no contact: its fields are not in the output, or damaged; "" when nothing is missing."""
    if not len(run.times):
        return ""
    if len(run.axes) == 1:
        return "" if set(PROFILES) & set(run.fields) else "no picture of the contact: its fields are not in the output"
    try:
        Contact.read(run, shown(run))
    except ResultsError as error:
        return str(error)
    return ""


# -- curves ------------------------------------------------------------------------------------------------


def _curves(figure: Figure, run: Run) -> None:
    c = run.curves
    factor, unit = time_unit(float(c["time"][-1]))
    t = c["time"] * factor
    penetrates, full = _penetrates(run), run.is_full_cell
    top, bottom, *others = panels = figure.subplots(2 + penetrates + full, 1, sharex=True)
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
    if full:
        _pair(
            others[-1],
            t,
            (c["cell_voltage"], "voltage of the full cell / V", BLUE, "full cell"),
            (c["cathode_lithium"] * MAH_CM2, "Li of the cathode / (mAh/cm$^2$)", GREY, "Li of the cathode"),
            "lower left",
        )
    if penetrates:
        _pair(
            others[0],
            t,
            (c["penetration_depth"] * UM, "penetration depth / µm", VIOLET, "depth"),
            (c["filament_volume"] * UM, "filament volume per area / µm", GREY, "volume"),
            "upper left",
        )
    panels[-1].set_xlabel(f"time / {unit}")
    _mark_failure(run, panels, factor)
    _capacity_axis(top, t, np.abs(c["capacity"]) * MAH_CM2)


def _penetrates(run: Run) -> bool:
    """Whether Li has been in the defects of the electrolyte."""
    return bool(np.any(run.curves.get("penetration_depth", np.zeros(1)) > 0.0))


def _mark_failure(run: Run, panels: Sequence[Axes], factor: float) -> None:
    """Where a ramp ended because the cell failed, and where any run was shorted."""
    results = run.summary.get("results", {})
    time, mode = results.get("failure_time"), results.get("failure_mode")
    if run.summary.get("stop_kind") == SHORT_CIRCUIT:
        time, mode = float(run.curves["time"][-1]), SHORT_CIRCUIT
    if time is None:
        return
    for axes in panels:
        axes.axvline(time * factor, color=RED, lw=1.2, ls=":")
    panels[0].annotate(
        plain(str(mode)),
        (time * factor, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-4, -4),
        textcoords="offset points",
        color=RED,
        fontsize=9,
        ha="right",
        va="top",
    )


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


def _capacity_axis(axes: Axes, t: Array, capacity: Array) -> None:
    """The capacity passed as a second scale on top, where it grows all the time (one half-cycle)."""
    if len(t) < 2 or np.any(np.diff(capacity) <= 0.0) or np.any(np.diff(t) <= 0.0):
        return
    scale = axes.secondary_xaxis(
        "top", functions=(lambda x: np.interp(x, t, capacity), lambda q: np.interp(q, capacity, t))
    )
    scale.set_xlabel("capacity / (mAh/cm$^2$)")


# -- the contact -------------------------------------------------------------------------------------------


def _contact(figure: Figure, run: Run) -> None:
    """A snapshot near the contact (see `shown`): a map in 2-D and in a section of 3-D, profiles in 1-D."""
    index = shown(run)
    if len(run.axes) == 1:
        _profiles(figure.subplots(), run, index)
        return
    try:
        contact = Contact.read(run, index)
    except ResultsError as error:
        figure.text(0.5, 0.5, fill(one_line(str(error)), LINE), ha="center", **AS_IT_IS)
        return
    strip, map_axes = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 2.6))
    current_strip(strip, contact)
    material_map(map_axes, contact)
    line = coloured_line(contact, contact.height, width=4.0)
    map_axes.plot(contact.x, contact.height, color="k", lw=6.0, solid_capstyle="round")
    map_axes.add_collection(line)
    bar = figure.colorbar(line, ax=[strip, map_axes], pad=0.02, aspect=35)
    bar.set_label("local current density / (mA/cm$^2$)")
    strip.set_title(f"contact at {contact.caption}", fontsize=10)


def _profiles(axes: Axes, run: Run, index: int) -> None:
    """The fields along the normal, each where it means something."""
    z = run.axes["z"] * UM
    fields = {name: run.field(name, index) for name in PROFILES if name in run.fields}
    psi = fields.get("electrolyte", np.full(len(z), 0.5))
    inside = fields.get("collector", np.zeros(len(z))) > INSIDE
    other = axes.twinx()
    handles = []
    for name, values in fields.items():
        colour, factor, (low, high) = PROFILES[name]
        on = other if name == "potential" else axes
        meaningful = (psi >= low) & (psi <= high) & ~(inside & (name not in BODIES))
        visible = np.where(meaningful, values * factor, np.nan)
        handles += on.plot(z, visible, "--" if on is other else "-", color=colour, lw=1.8, label=name)
    axes.set_xlabel("z / µm (contact at 0)")
    axes.set_ylabel("fraction")
    other.set_ylabel("potential / mV", color=BLUE)
    other.tick_params(axis="y", colors=BLUE)
    axes.set_title(f"profiles at {when(run, index)}", fontsize=10)
    other.legend(handles=handles, loc="center left", fontsize=9)
    axes.grid(alpha=0.25)
