"""Critical current density (CCD) from a cell without lithium: searches of ccd.toml, table and picture.

    python cases/anode_free/bilayer/critical.py [--output results/anode_free_ccd] [--processes 2] [--only W] [--report]

Films on Mg, LiF in the electrolyte, a second layer of electrolyte. Searches that have ended are not run again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from postprocess.families import Row, table
from postprocess.pictures import write_picture
from solver.study.campaign import Command, main, settings

HERE = Path(__file__).resolve().parent
TOLERANCE = "0.1 mA/cm^2"
CROSSED = "1 m/s"  # what Li crosses freely, as where the flaws were calibrated


@dataclass(frozen=True)
class Point:
    """A search: its name, what the table calls it, the CCD that was measured (mA/cm2), what differs from the file."""

    name: str
    what: str
    measured: float | None
    overrides: tuple[str, ...] = ()
    energy: float | None = None  # of Li on what lines the flaws, meV/A2, of films

    @property
    def command(self) -> Command:
        """What is run."""
        words = ("ccd", str(HERE / "ccd.toml"), "--tolerance", TOLERANCE, *settings(self.overrides))
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
LIF = 'electrolyte.0.additive={material="LiF", weight_percent=1, film_thickness="20 nm", grain_size="4 um"}'
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


def report(output: Path) -> None:
    """Print the table, draw the films."""
    tried = {point: critical(output / point.name) for point in POINTS}
    found = {point: ccd for point, ccd in tried.items() if ccd is not None}
    rows = [Row(point.what, "mA/cm2", point.measured, ccd, "predicted") for point, ccd in found.items()]
    print(table(rows))
    films = [(p.energy, ccd, p) for p, ccd in found.items() if p.energy is not None and not isinstance(ccd, str)]
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([energy for energy, *_ in films], [ccd for _, ccd, _ in films], "o-", label="model, from no Li")
    known = [(energy, point.measured) for energy, _, point in films if point.measured]
    axes.plot(*zip(*known, strict=True), "s", mfc="none", color="#444444", label="measured")
    for energy, ccd, point in films:
        axes.annotate(point.name, (energy, ccd), textcoords="offset points", xytext=(-4, -13), fontsize=8)
    axes.set(xlabel="Li interfacial energy of what lines the flaws / meV A$^{-2}$", ylabel="CCD / mA cm$^{-2}$")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend()
    write_picture(figure, HERE / "ccd.png")


if __name__ == "__main__":
    commands = [point.command for point in POINTS]
    main(__doc__, "results/anode_free_ccd", commands, lambda path: critical(path) is not None, report)
