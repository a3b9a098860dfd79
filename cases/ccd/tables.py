"""Critical current density (CCD) against one thing at a time: runs, tables and pictures of this folder.

    python cases/ccd/tables.py [--output results/ccd] [--processes 2] [--only film] [--report]

Every point is a search (`lifront ccd` of ccd.toml), a ramp (`lifront run` of symmetric.toml) or a run of openings.toml
with other values. A point that has ended is not run again, so this command goes on where it was interrupted; what
changes the points needs another --output. The table (results.txt) and the pictures are written beside the points;
--report writes those of what is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import inf
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess.pictures import write_picture
from postprocess.reader import Run
from solver.study.campaign import Command, main, settings
from solver.whole_files import write_text

HERE = Path(__file__).parent
HALVINGS = 16  # of the range of currents: how closely a search finds the CCD
MA_CM2 = 0.1  # of A/m^2
TOUGH = 'separation_energy="2.08 J/m^2"'  # K_Ic^2 (1 - nu^2)/E of Li6PS5Cl's data file
SHORT = 'protocol.0.capacity="0.2 mAh/cm^2"'  # half-cycles
FILMS = (("Mg", -33.8), ("Li2S", 31.7), ("LiF", 44.1), ("Ti", 66.8), ("Mo", 81.7), ("Cr", 100.0), ("W", 109.0))
MEASURED = {"Mg": 1.3, "W": 5.0}  # mA/cm2: Oh et al., Energy Environ. Sci. 17 (2024) 7932
DEPTHS = (1.0, 1.5, 2.5, 4.0)  # um
CONTENTS = (0.5, 1.0, 1.5, 2.0)  # weight per cent
LAYERS = (0, 50)  # residual compression of the second layer, MPa
PRESSURES = (1, 3, 10, 75)  # MPa
CRACKED = (10, 30, 75)  # MPa, with an open crack
SLOW = 'protocol.0.stripping_current_density="0.1 mA/cm^2"'
PUSHED = (5, 10, 15, 20, 25, 75)  # MPa, on open boundaries of different width
SEEDS = (1, 2, 3)  # of these boundaries and their openings
PLATED = 'protocol=[{kind="galvanostatic", direction="plate", current_density="0.075 mA/cm^2", duration="1 h"}]'
# h to a short circuit at 0.075 mA/cm2, Li6PS5Cl: Doux et al., Adv. Energy Mater. 10 (2020) 1903253
MEASURED_TIMES = {10: 474, 15: 272, 20: 190, 25: 48}
CRACK = (
    'defects.1={kind="cracks", cracks=[{position=["5 um", "0 um"], length="4.8 um", opening="8 nm"}]}',
    'filament.contact_angle="125 deg"',
)


@dataclass(frozen=True)
class Point:
    """Family, label and place on the axis of its picture, values that differ from the file's."""

    family: str
    label: str
    x: float
    overrides: tuple[str, ...]
    words: tuple[str, ...]  # of the command, without these values

    @property
    def command(self) -> Command:
        """What is run."""
        return Command(f"{self.family}_{self.label}", (*self.words, *settings(self.overrides)))


def search(family: str, label: str, x: float, low: float, high: float, *overrides: str) -> Point:
    """A search of ccd.toml between two currents, mA/cm2."""
    ends = (f'protocol.0.start="{low:g} mA/cm^2"', f'protocol.0.max_current_density="{high:g} mA/cm^2"')
    words = ("ccd", str(HERE / "ccd.toml"), "--tolerance", f"{(high - low) / HALVINGS:.3g} mA/cm^2")
    return Point(family, label, x, (*ends, *overrides), words)


def ramp(family: str, pressure: float, *overrides: str) -> Point:
    """A ramp of symmetric.toml under a stack pressure, MPa."""
    given = f'drive.stack_pressure="{pressure} MPa"'
    return Point(family, f"{pressure}", pressure, (given, *overrides), ("run", str(HERE / "symmetric.toml"), "--force"))


def pushed(family: str, pressure: int, seed: int, *overrides: str) -> Point:
    """A run of openings.toml under a stack pressure, MPa."""
    given = (f'drive.stack_pressure="{pressure} MPa"', f"defects.0.seed={seed}")
    words = ("run", str(HERE / "openings.toml"), "--force")
    return Point(family, f"{pressure}_{seed}", pressure, (*given, *overrides), words)


def film(material: str, energy: str = "") -> str:
    """The film of a point, which Li crosses freely: what was calibrated was so without a permeance."""
    more = f', lithium_interfacial_energy="{energy}"' if energy else ""
    return f'interface.film={{material="{material}", thickness="30 nm", mouth_depth="2 um", permeance="1 m/s"{more}}}'


def points() -> Iterator[Point]:
    """All searches and ramps."""
    yield from (ramp("pressure", pressure) for pressure in PRESSURES)
    yield ramp("slow", 3, SLOW)
    yield from (ramp("crack", pressure, *CRACK) for pressure in CRACKED)
    yield from pushes()
    for material, energy in FILMS:
        above = max(energy, 0.0)
        yield search("film", material, energy, 0.7 + above / 40, 1.9 + above / 22, film(material))
    yield search("film", "120", 120.0, 3.7, 7.4, film("W", "120 meV/angstrom^2"))
    for depth in DEPTHS:
        planes = f'defects=[{{kind="flaws", spacing="10 um", depth="{depth} um", opening="elastic", {TOUGH}}}]'
        yield search("flaw", f"{depth:g}", depth, 0.25, 1.05, planes, SHORT)
    for content in CONTENTS:
        additive = f'electrolyte.0.additive={{material="LiF", weight_percent={content}, film_thickness="20 nm"}}'
        yield search("LiF", f"{content:g}", content, 1.0, 4.2, additive)
    first = '{material="Li6PS5Cl", thickness="4 um"}'
    for residual in LAYERS:
        second = (
            '{material="Li10SnP2S12", thickness="4 um", lithium_interfacial_energy="-33.8 meV/angstrom^2", '
            f'residual_stress="{residual} MPa"}}'
        )
        yield search("layers", f"{residual}", residual, 0.7, 2.3, f"electrolyte=[{first}, {second}]")


def pushes() -> Iterator[Point]:
    """The runs of openings.toml."""
    for seed, pressure in product(SEEDS, PUSHED):
        yield pushed("openings", pressure, seed)
        yield pushed("openings_plated", pressure, seed, PLATED)


SERIES = {  # of the families: what their heading says
    "film": "film",
    "flaw": "flaw depth, um",
    "LiF": "LiF, weight per cent",
    "layers": "residual compression of the second layer, MPa",
    "pressure": "stack pressure, MPa; stripped as fast as plated",
    "slow": "stack pressure, MPa; stripped at 0.1 mA/cm2",
    "crack": "stack pressure, MPa; stripped as fast as plated, with an open crack",
    "openings": "stack pressure, MPa; open boundaries of different width, at rest",
    "openings_plated": "stack pressure, MPa; open boundaries of different width, plated at 0.075 mA/cm2",
}
PICTURES = {  # families drawn together, and what their axis says
    "film": (("film",), "Li interfacial energy of what lines the mouths, meV/A2"),
    "flaw": (("flaw",), "flaw depth, um"),
    "LiF": (("LiF",), "LiF, weight per cent"),
    "layers": (("layers",), "residual compression of the second layer, MPa"),
    "pressure": (("slow", "pressure", "crack"), "stack pressure, MPa"),
}
COLOURS = ("#1f5fa8", "#c0392b", "#2e8b57")


@dataclass(frozen=True)
class Found:
    """What a point has found: currents in mA/cm2, None where there is none."""

    point: Point
    plated: float | None
    failed: float | None
    failure: str

    @property
    def critical(self) -> float:
        """Middle between the largest current that was plated to its end and the smallest that was not, 0 for none."""
        if self.plated is None or self.failed is None:
            return self.plated or 0.0
        return 0.5 * (self.plated + self.failed)

    @property
    def line(self) -> str:
        """Of the table."""
        shown = [f"{x:9.3f}" if x is not None else f"{'-':>9}" for x in (self.plated, self.failed)]
        return f"{self.point.label:>10} {self.critical:14.3f} {' '.join(shown)}  {self.failure}"


@dataclass(frozen=True)
class Pushed:
    """What a run of openings.toml came to: time to its short circuit (s), inf for none; depth of Li at its end, m."""

    point: Point
    time: float
    depth: float


def results(directory: Path) -> dict[str, float | str | None]:
    """What a search, a ramp or another run has found; empty when it has not ended."""
    for name in ("ccd.json", "summary.json"):
        path = directory / name
        found: dict[str, float | str | None] = json.loads(path.read_text()).get("results", {}) if path.exists() else {}
        if found.get("failure_mode") not in (None, "not finished"):
            return found
    done = directory / "done.json"
    ended = json.loads(done.read_text()) if done.exists() else {}
    return {name: ended[name] for name in ("stop_kind", "time") if name in ended}


def collect(output: Path) -> dict[str, list[Found]]:
    """The points that have ended, by family."""
    families: dict[str, list[Found]] = {}
    for point in points():
        found = results(output / point.command.name)
        if "failure_mode" in found:
            values = (found.get(f"{which}_current_density") for which in ("critical", "failure"))
            plated, failed = (None if x is None else MA_CM2 * float(x) for x in values)
            families.setdefault(point.family, []).append(Found(point, plated, failed, str(found["failure_mode"])))
    return families


def collect_pushed(output: Path) -> dict[str, list[Pushed]]:
    """The runs of openings.toml that have ended, by family."""
    families: dict[str, list[Pushed]] = {}
    for point in pushes():
        directory = output / point.command.name
        if found := results(directory):
            time = float(found["time"] or 0) if found["stop_kind"] == "short circuit" else inf
            depth = Run(directory).curves["penetration_depth"][-1]
            families.setdefault(point.family, []).append(Pushed(point, time, float(depth)))
    return families


def pushed_lines(families: dict[str, list[Pushed]]) -> Iterator[str]:
    """The tables of openings.toml."""
    for family, found in families.items():
        yield f"{family}: {SERIES[family]}"
        yield f"{'':>10} {'short circuit, min':>20} {'depth of Li, um':>20}  seeds {', '.join(map(str, SEEDS))}"
        for pressure in PUSHED:
            those = [one for one in found if one.point.x == pressure]
            times = " ".join(f"{one.time / 60:6.1f}" if one.time < inf else f"{'-':>6}" for one in those)
            depths = " ".join(f"{1e6 * one.depth:6.2f}" for one in those)
            yield f"{pressure:>10} {times:>20} {depths:>20}"
        yield ""


def report(output: Path) -> None:
    """Write results.txt and the pictures."""
    families = collect(output)
    lines: list[str] = []
    for family, found in families.items():
        lines += [f"{family}: {SERIES[family]}", f"{'':>10} {'CCD, mA/cm2':>14} {'plated':>9} {'failed':>9}  failure"]
        lines += [*(one.line for one in found), ""]
    times = collect_pushed(output)
    lines += pushed_lines(times)
    write_text(output / "results.txt", "\n".join(lines))
    print("\n".join(lines))
    for name, (shown, label) in PICTURES.items():
        if any(family in families for family in shown):
            picture(output / f"{name}.png", {family: families.get(family, []) for family in shown}, label)
    if times:
        picture_of_times(output / "openings.png", times)


def picture_of_times(path: Path, families: dict[str, list[Pushed]]) -> None:
    """Time to a short circuit over the stack pressure; an arrow where there was none."""
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for colour, (family, found) in zip(COLOURS, families.items(), strict=False):
        shorted, held = [f for f in found if f.time < inf], [f for f in found if f.time == inf]
        hours = [f.time / 3600 for f in shorted]
        axes.plot([f.point.x for f in shorted], hours, "o", color=colour, label=SERIES[family].rpartition(", ")[2])
        axes.plot([f.point.x for f in held], [1.0] * len(held), "^", mfc="none", color=colour)
    axes.plot(*zip(*MEASURED_TIMES.items(), strict=True), "s", mfc="none", color="#444444", label="measured, a pellet")
    axes.set_yscale("log")
    axes.set_xscale("log")
    axes.set_xticks(PUSHED, [f"{pressure}" for pressure in PUSHED])
    axes.minorticks_off()
    axes.set_xlabel("stack pressure, MPa")
    axes.set_ylabel("short circuit after, h (triangles: none in 1 h)")
    axes.legend(frameon=False, fontsize=8)
    write_picture(figure, path, dpi=110)


def picture(path: Path, families: dict[str, list[Found]], label: str) -> None:
    """CCD over x."""
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for colour, (family, found) in zip(COLOURS, families.items(), strict=False):
        name = SERIES[family].partition("; ")[2] or "model"
        axes.plot([f.point.x for f in found], [f.critical for f in found], "o-", color=colour, label=name)
    if "film" in families:
        show_measured(axes, families["film"])
    if path.stem in ("pressure", "flaw"):
        axes.set_xscale("log")
        axes.set_xticks(sorted({f.point.x for found in families.values() for f in found}))
        axes.minorticks_off()
    if path.stem == "flaw":
        axes.set_yscale("log")
        axes.set_yticks([f.critical for f in families["flaw"]])
        axes.minorticks_off()
    else:
        axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):  # 0.5 and not 5 x 10^-1
        axis.set_major_formatter("{x:g}")
    axes.set_xlabel(label)
    axes.set_ylabel("CCD, mA/cm2")
    axes.legend(frameon=False, fontsize=8)
    write_picture(figure, path, dpi=110)


def show_measured(axes: Axes, found: list[Found]) -> None:
    """Names of the films, and what was measured."""
    at = {f.point.label: f.point.x for f in found}
    measured = [(at[name], ccd) for name, ccd in MEASURED.items() if name in at]
    axes.plot(*zip(*measured, strict=True), "s", mfc="none", color="#444444", label="measured (calibrated on)")
    for f in found:
        axes.annotate(f.point.label, (f.point.x, f.critical), textcoords="offset points", xytext=(-4, -13), fontsize=8)
    axes.margins(0.08)


if __name__ == "__main__":
    main(__doc__, "results/ccd", [point.command for point in points()], lambda path: bool(results(path)), report)
