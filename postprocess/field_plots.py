"""Pictures of fields around the contact, with their units: one field, or a panel of the stresses."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure

from postprocess import metrics
from postprocess.contact_plots import (
    UM,
    Contact,
    current_strip,
    frame,
    li_surface,
    material_map,
    plain,
    shown,
    when,
)
from postprocess.penetration_plots import (
    deepest,
    defect_lines,
    picture_size,
    section,
    shows_filaments,
    whole_electrolyte,
)
from postprocess.pictures import write_picture
from postprocess.reader import ResultsError, Run

Array = np.ndarray

PANEL = "stresses.png"
# unit in files: factor to the unit shown, and its name
UNITS = {
    "1": (1.0, ""),
    "A/m^2": (0.1, "mA/cm$^2$"),
    "V": (1e3, "mV"),
    "m": (1e9, "nm"),
    "m/s": (1e9, "nm/s"),
    "Pa": (1e-6, "MPa"),
}
ON_CONTACT = ("local_current_density", "exchange_current_density", "contact_pressure")  # zero away from the contact
SHARE = 0.999  # of the values are below the upper end of the colours, and above the lower end
ABOVE = 0.65  # share of the electrolyte in the height of its map
LABEL_LINE = 50  # letters in a line of a label
FLAT = 1e-6  # relative size below which a difference, or the values of one sign, are taken for rounding


def plot_field(directory: str | Path, name: str, index: int | None = None) -> Path:
    """Draw a field, or a component such as "stress.zz", into field_<name>.png of a run directory.

    In 1-D its profile; for fields that live on the contact their values along it; else a map around the contact, or of
    all of the electrolyte when that has defects, and then in 3-D the section through the deepest filament. index: the
    snapshot; by default the one with the least contact, with defects that with the deepest penetration. Raises
    ResultsError.
    """
    run = Run(directory)
    filaments = shows_filaments(run)
    index = deepest(run) if filaments and index is None else _index(run, index)
    values, label = quantity(run, name, index)
    figure = Figure(figsize=(7.5, 5.2), constrained_layout=True)
    axes = figure.subplots()
    if len(run.axes) == 1:
        axes.plot(run.axes["z"] * UM, values)
        axes.set(xlabel="z / µm (contact at 0)", ylabel=label, title=when(run, index))
        axes.grid(alpha=0.25)
    else:
        contact = section(run, index) if filaments else Contact.read(run, index)
        if name in ON_CONTACT:
            _along_contact(axes, contact, values, label)
        else:
            if filaments:
                figure.set_size_inches(*picture_size(contact))
                whole_electrolyte(axes, contact)
            else:
                frame(axes, contact)
            field_map(axes, contact, contact.section(values), label)
        figure.suptitle(contact.caption, fontsize=10)
    return write_picture(figure, run.directory / f"field_{name}.png")


def plot_stresses(directory: str | Path, index: int | None = None) -> Path:
    """Draw stresses.png into a run directory: materials, pressure, largest principal stress in the electrolyte,
    current density along the contact.

    For runs in 2-D, and a section of those in 3-D. index: the snapshot; by default the one with the least contact.
    Raises ResultsError, also when pressure and largest_principal_stress were not among the fields of the output.
    """
    run = Run(directory)
    contact = Contact.read(run, _index(run, index))
    pressure, pressure_label = quantity(run, "pressure", contact.index)
    tension, tension_label = quantity(run, "largest_principal_stress", contact.index)
    figure = Figure(figsize=(13.5, 8.4), constrained_layout=True)
    (materials, pressures), (currents, tensions) = figure.subplots(2, 2, sharex=True)
    material_map(materials, contact)
    frame(pressures, contact)
    field_map(pressures, contact, contact.section(pressure), pressure_label)
    current_strip(currents, contact)
    currents.set_xlabel("x / µm")
    material_map(tensions, contact)
    tensions.get_legend().remove()
    height = np.ptp(tensions.get_ylim())
    tensions.set_ylim((ABOVE - 1) * height, min(ABOVE * height, run.faces["z"][-1] * UM))
    in_electrolyte = np.ma.masked_where(contact.psi < 0.5, contact.section(tension))
    field_map(tensions, contact, in_electrolyte, tension_label)
    for upper in (materials, pressures):
        upper.set_xlabel("")
    figure.suptitle(f"contact at {contact.caption}", fontsize=11)
    return write_picture(figure, run.directory / PANEL)


def quantity(run: Run, name: str, index: int) -> tuple[Array, str]:
    """A scalar field, or a component "field.component", in the unit shown, and its label. Raises ResultsError."""
    field, _, component = name.partition(".")
    values = run.field(field, index)
    about = run.fields[field]
    if component not in (about.components or ("",)):
        allowed = ", ".join(f"{field}.{c}" for c in about.components) or field
        raise ResultsError(f"cannot draw {name!r}: give {allowed}")
    if component:
        values = values[..., about.components.index(component)]
    factor, unit = UNITS.get(about.unit, (1.0, plain(about.unit)))
    if "/" in unit:
        unit = f"({unit})"
    return values * factor, plain(about.long_name) + f" ({component})" * bool(component) + f" / {unit}" * bool(unit)


def field_map(axes: Axes, contact: Contact, values: Array, label: str) -> None:
    """A cell field (x, z) of the section in colours, with contact and Li surface, a colour bar and the extremes.

    Colours follow the values within the frame, but for the few beyond `SHARE`, for which arrows at the ends of the bar
    stand. Where they change sign, zero is white and red is positive.
    """
    run = contact.run
    low, high = axes.get_ylim()
    z = run.axes["z"] * UM
    visible = np.ma.compressed(values[:, (z > low) & (z < high)])
    bottom, top = _range(visible)
    mesh = axes.pcolormesh(
        run.faces["x"] * UM,
        run.faces["z"] * UM,
        values.T,
        cmap=_colours(bottom, top),
        norm=Normalize(bottom, top),
        rasterized=True,
    )
    axes.plot(contact.x, contact.height, color="k", lw=1.0, ls="--")
    li_surface(axes, contact)
    defect_lines(axes, contact)
    smallest, largest = (0.0 if abs(v) < FLAT * np.ptp(visible) else v for v in (visible.min(), visible.max()))
    axes.set_title(f"{smallest:.3g} to {largest:.3g} {label.partition(' / ')[2].strip('()')}", loc="right", fontsize=9)
    ends = ("neither", "min", "max", "both")
    beyond = ends[(visible.min() < bottom) + 2 * (visible.max() > top)]
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, extend=beyond)
    bar.set_label(textwrap.fill(label, LABEL_LINE))


def _colours(bottom: float, top: float) -> Colormap:
    """Sequential colours, or the part of diverging ones that has its centre at zero."""
    if min(-bottom, top) <= FLAT * (top - bottom):  # one sign but for rounding
        return colormaps["viridis"]
    half = max(-bottom, top)
    return ListedColormap(colormaps["RdBu_r"](0.5 + 0.5 * np.linspace(bottom / half, top / half, 256)))


def _range(values: Array) -> tuple[float, float]:
    """The range of the values but for a few at both ends; a uniform field gets one around it."""
    low, high = (float(v) for v in np.quantile(values, [1 - SHARE, SHARE]))
    if high - low > FLAT * max(abs(low), abs(high)):
        return low, high
    margin = 0.1 * abs(low) or 1.0
    return low - margin, high + margin


def _along_contact(axes: Axes, contact: Contact, values: Array, label: str) -> None:
    """Averages over the diffuse contact along x."""
    averages = metrics.interface_average(contact.run, values, contact.index)
    axes.plot(contact.x, averages if contact.row is None else averages[:, contact.row])
    axes.set(xlabel="x / µm", ylabel=label, xlim=tuple(contact.run.faces["x"][[0, -1]] * UM))
    axes.grid(alpha=0.25)


def _index(run: Run, index: int | None) -> int:
    if not len(run.times):
        raise ResultsError(f"{run.directory}: no snapshots yet")
    return shown(run) if index is None else index
