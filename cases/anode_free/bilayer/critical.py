"""Critical current density (CCD) from a cell without lithium: searches of ccd.toml and ccd_2d.toml, table and picture.

    python cases/anode_free/bilayer/critical.py [--output results/anode_free_ccd] [--processes 2] [--only W] [--report]

Films on Mg, LiF in the electrolyte, a second layer of electrolyte. Searches that have ended are not run again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess import metrics
from postprocess.contact_plots import UM, Contact, frame, patches
from postprocess.families import Row, case_of, table
from postprocess.penetration_plots import COLOURS, material_shares
from postprocess.pictures import write_picture
from postprocess.reader import Run
from solver.study.campaign import Command, main, settings

HERE = Path(__file__).resolve().parent
CROSSED = "1 m/s"  # what Li crosses freely, as where the flaws were calibrated


@dataclass(frozen=True)
class Point:
    """A search: its name, what the table calls it, the CCD that was measured (mA/cm2), what differs from the case."""

    name: str
    what: str
    measured: float | None
    overrides: tuple[str, ...] = ()
    energy: float | None = None  # of Li on what lines the flaws, meV/A2, of films
    case: str = "ccd.toml"
    tolerance: str = "0.1 mA/cm^2"

    @property
    def command(self) -> Command:
        """What is run."""
        words = ("ccd", str(HERE / self.case), "--tolerance", self.tolerance, *settings(self.overrides))
        return Command(self.name, words)


def film(material: str, permeance: str | None = CROSSED) -> tuple[str, ...]:
    """30 nm of it on the Mg, permeance None: that of the material."""
    crossed = f', permeance="{permeance}"' if permeance else ""
    nuclei = () if material == "W" else ('collector.nucleation.contact_angle="23 deg"',)  # on top, as on W
    return (f'interface.film={{material="{material}", thickness="30 nm", mouth_depth="2 um"{crossed}}}', *nuclei)


FIRST = '{material="Li6PS5Cl", thickness="2.5 um"}'
SECOND = (
    '{material="Li10SnP2S12", thickness="2.5 um", lithium_interfacial_energy="-33.8 meV/angstrom^2", '
    'residual_stress="50 MPa"}'
)
PLANE = "ccd_2d.toml"
RANGE_OF_W = ('protocol.0.start="4 mA/cm^2"', 'protocol.0.max_current_density="5 mA/cm^2"')
LIF = 'electrolyte.0.additive={material="LiF", weight_percent=1, film_thickness="20 nm", grain_size="4 um"}'
SECTIONS = {"Mg_2d": "ccd_2d.png", "W_2d": "ccd_2d_W.png"}  # pictures of searches
# measured: Oh et al., Energy Environ. Sci. 17 (2024) 7932
POINTS = (
    Point("Mg", "Mg", 1.3, energy=-33.8),
    Point("Ti", "Ti on Mg", None, film("Ti"), 66.8),
    Point("Mo", "Mo on Mg", None, film("Mo"), 81.7),
    Point("Cr", "Cr on Mg", None, film("Cr"), 100.0),
    Point("W", "W on Mg", 5.0, film("W"), 109.0),
    Point("W_slow", "W on Mg, with its permeance", 5.0, film("W", None)),
    Point("LiF", "Mg, 1 % of LiF in the electrolyte", None, (LIF,)),
    Point("layers", "Mg, second layer under 50 MPa", None, (f"electrolyte=[{FIRST}, {SECOND}]",)),
    Point("Mg_2d", "Mg, in 2-D", 1.3, (), -33.8, PLANE, "0.25 mA/cm^2"),
    Point("W_2d", "W on Mg, in 2-D", 5.0, (*film("W"), *RANGE_OF_W), 109.0, PLANE, "1 mA/cm^2"),
)


def critical(directory: Path) -> float | str | None:
    """Middle between the largest current that was plated and the smallest that was not, mA/cm2; None: no search.

    In words where all were plated.
    """
    path = directory / "ccd.json"
    found = json.loads(path.read_text()).get("results", {}) if path.exists() else {}
    if found.get("failure_mode") in (None, "not finished"):
        return None
    plated, failed = (found[f"{which}_current_density"] for which in ("critical", "failure"))
    return f"above {0.1 * plated:.3g}" if failed is None else 0.05 * ((plated or 0.0) + failed)


def draw_end(axes: Axes, run: Run) -> None:
    """Cross-section at the end of a half-cycle."""
    contact = Contact.read(run, len(run.times) - 1)
    material_shares(axes, contact)
    gap = UM * float(np.max(run.field("gap", contact.index)))
    frame(axes, contact, (-gap - 0.3, UM * case_of(run).filament.short_depth + 0.5))
    current, depth = 0.1 * run.curves["current_density"][0], UM * metrics.penetration_depth(run, contact.index)
    touching = 100 * run.curves["contact_fraction"][-1]
    axes.set_title(f"{current:.3g} mA/cm$^2$: contact {touching:.0f} %, Li to {depth:.2g} µm", fontsize=10)


def draw_half_cycles(directory: Path, picture: Path) -> None:
    """Cross-sections at the end of the half-cycles of a search that have come to their end."""
    runs = [Run(path.parent) for path in directory.glob("plate_*/summary.json")]
    runs.sort(key=lambda run: run.curves["current_density"][0])
    figure = Figure(figsize=(4.6 * len(runs), 3.6), layout="constrained")
    above, legend = figure.subfigures(2, 1, height_ratios=(3.2, 0.4))
    for axes, run in zip(above.subplots(1, len(runs), squeeze=False)[0], runs, strict=True):
        draw_end(axes, run)
    legend.legend(handles=patches(COLOURS), loc="center", ncols=len(COLOURS), fontsize=9, frameon=False)
    write_picture(figure, picture)


def report(output: Path) -> None:
    """Print the table, draw the films and the half-cycles in 2-D."""
    tried = {point: critical(output / point.name) for point in POINTS}
    found = {point: ccd for point, ccd in tried.items() if ccd is not None}
    rows = [Row(point.what, "mA/cm2", point.measured, ccd, "predicted") for point, ccd in found.items()]
    print(table(rows))
    lined = [(p.energy, ccd, p) for p, ccd in found.items() if p.energy is not None and not isinstance(ccd, str)]
    films, plane = ([point for point in lined if (point[2].case == PLANE) == in_2d] for in_2d in (False, True))
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([energy for energy, *_ in films], [ccd for _, ccd, _ in films], "o-", label="model, from no Li, 1-D")
    axes.plot([energy for energy, *_ in plane], [ccd for _, ccd, _ in plane], "D", label="model, from no Li, 2-D")
    known = [(energy, point.measured) for energy, _, point in films if point.measured]
    axes.plot(*zip(*known, strict=True), "s", mfc="none", color="#444444", label="measured")
    for energy, ccd, point in films:
        axes.annotate(point.name, (energy, ccd), textcoords="offset points", xytext=(-4, -13), fontsize=8)
    axes.set(xlabel="Li interfacial energy of what lines the flaws / meV A$^{-2}$", ylabel="CCD / mA cm$^{-2}$")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend()
    write_picture(figure, HERE / "ccd.png")
    for name, picture in SECTIONS.items():
        if (output / name).exists():
            draw_half_cycles(output / name, HERE / picture)


if __name__ == "__main__":
    commands = [point.command for point in POINTS]
    main(__doc__, "results/anode_free_ccd", commands, lambda path: critical(path) is not None, report)
