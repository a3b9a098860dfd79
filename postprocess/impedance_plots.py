"""A picture of impedance.csv: Nyquist's plot on the left, magnitude and phase against frequency on the right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess.contact_plots import AS_IT_IS, GREY, SEPARATOR, headline
from postprocess.deposit_plots import MINUS
from postprocess.pictures import write_picture
from postprocess.plots import BLUE, RED
from postprocess.reader import ResultsError, Run

Array = np.ndarray

NAME = "impedance.png"
OHM_CM2 = 1e4  # ohm m^2 -> ohm cm^2
PREFIXES = ((1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz"), (1e-3, "mHz"))
APART = 0.07  # of the length of the curve, between marks


def plot_impedance(directory: str | Path) -> Path:
    """Write impedance.png into a run directory and return its path."""
    run = Run(directory)
    found = run.impedance
    frequency, z = found["frequency"], (found["real"] + 1j * found["imaginary"]) * OHM_CM2
    if not len(z) or not np.all(np.isfinite(z)) or np.any(frequency <= 0):
        raise ResultsError(f"{run.directory / 'impedance.csv'}: no impedance at frequencies above 0")
    figure = Figure(figsize=(13.5, 6.0), constrained_layout=True)
    left, right = figure.subfigures(1, 2, width_ratios=(1.3, 1.0), wspace=0.04)
    _nyquist(left.subplots(), frequency, z)
    upper, lower = right.subplots(2, 1, sharex=True)
    _bode(upper, lower, frequency, z)
    right.align_ylabels([upper, lower])
    title = SEPARATOR.join([headline(run), f"impedance at {found['time'][0]:.6g} s"])
    figure.suptitle(title, fontsize=11, wrap=True, **AS_IT_IS)
    return write_picture(figure, run.directory / NAME)


def named(frequency: float) -> str:
    """A frequency in a unit that suits it."""
    factor, unit = next((pair for pair in PREFIXES if frequency >= pair[0] * (1 - 1e-9)), PREFIXES[-1])
    return f"{frequency / factor:.3g} {unit}"


def marked(frequency: Array, z: Array) -> list[int]:
    """Points to be named: the first, the last, and those nearest to decades that are apart from each other."""
    size = max(np.ptp(z.real), np.ptp(z.imag)) or 1.0
    decades = np.abs(np.log10(frequency) - np.round(np.log10(frequency))) < 1e-6
    chosen = [0]
    for n in (*np.flatnonzero(decades), len(z) - 1):
        if np.min(np.abs(z[n] - z[chosen])) > APART * size:
            chosen.append(int(n))
    return chosen


def _nyquist(axes: Axes, frequency: Array, z: Array) -> None:
    axes.plot(z.real, -z.imag, "o-", color=BLUE, ms=3.5, lw=1.4)
    points = marked(frequency, z)
    axes.plot(z[points].real, -z[points].imag, "o", color=RED, ms=6, mec="w", zorder=4)
    for n in points:
        place = (z[n].real, -z[n].imag)
        axes.annotate(named(frequency[n]), place, xytext=(6, 6), textcoords="offset points", fontsize=9, color=RED)
    axes.axhline(0.0, color=GREY, lw=0.8)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.1)
    axes.set_xlabel("Re Z / (ohm cm²)")
    axes.set_ylabel(f"{MINUS}Im Z / (ohm cm²)")
    axes.grid(alpha=0.25)


def _bode(upper: Axes, lower: Axes, frequency: Array, z: Array) -> None:
    upper.loglog(frequency, np.abs(z), "o-", color=BLUE, ms=3.5, lw=1.4)
    upper.set_ylabel("|Z| / (ohm cm²)")
    lower.semilogx(frequency, -np.degrees(np.angle(z)), "o-", color=RED, ms=3.5, lw=1.4)
    lower.set_ylabel(f"{MINUS}phase / degrees")
    lower.set_xlabel("frequency / Hz")
    for axes in (upper, lower):
        axes.grid(alpha=0.25, which="both")
