"""Critical current density (CCD) against one thing at a time: searches, tables and pictures of this folder.

    python cases/ccd/tables.py [--output results/ccd] [--processes 2] [--only film] [--report]

Every point is `lifront ccd` of ccd.toml with other values. A search that has ended is not run again and one that was
interrupted goes on, so does this command; what changes the points needs another --output. The table (results.txt)
and the pictures are written beside the searches; --report writes those of what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = Path(__file__).parent
HALVINGS = 16  # of the range of currents: how closely the CCD is found
MA_CM2 = 0.1  # of A/m^2
TOUGH = 'separation_energy="2.08 J/m^2"'  # K_Ic^2 (1 - nu^2)/E of Li6PS5Cl's data file
FILMS = (("Mg", -33.8), ("Li2S", 31.7), ("LiF", 44.1), ("Ti", 66.8), ("Mo", 81.7), ("Cr", 100.0), ("W", 109.0))
MEASURED = {"Mg": 1.3, "W": 5.0}  # mA/cm2: Oh et al., Energy Environ. Sci. 17 (2024) 7932
PRESSURES = (1, 3, 10, 75)  # MPa
DEPTHS = (1.0, 1.5, 2.5, 4.0)  # um
CONTENTS = (0.5, 1.0, 1.5, 2.0)  # weight per cent
LAYERS = (0, 50)  # residual compression of the second layer, MPa


@dataclass(frozen=True)
class Point:
    """One search: family, label and place on the axis of its picture, range of currents (mA/cm2), other values."""

    family: str
    label: str
    x: float
    low: float
    high: float
    overrides: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of its directory."""
        return f"{self.family}_{self.label}"


TITLES = {  # heading and unit of x
    "film": ("film", "Li interfacial energy of what lines the mouths, meV/A2"),
    "pressure": ("stack pressure, MPa; after stripping 0.2 mAh/cm2", "stack pressure, MPa"),
    "fresh": ("stack pressure, MPa; fresh contact", "stack pressure, MPa"),
    "flaw": ("flaw depth, um", "flaw depth, um"),
    "LiF": ("LiF, weight per cent", "LiF, weight per cent"),
    "layers": ("residual compression of the second layer, MPa", "residual compression of the second layer, MPa"),
}


def film(material: str, energy: str = "") -> str:
    """The film of a point."""
    more = f', lithium_interfacial_energy="{energy}"' if energy else ""
    return f'interface.film={{material="{material}", thickness="30 nm", mouth_depth="2 um"{more}}}'


def points() -> Iterator[Point]:
    """All searches."""
    for material, energy in FILMS:
        above = max(energy, 0.0)
        yield Point("film", material, energy, 0.7 + above / 40, 1.9 + above / 22, (film(material),))
    yield Point("film", "120", 120.0, 3.7, 7.4, (film("W", "120 meV/angstrom^2"),))
    stripped = ('protocol.0.first="strip"', 'protocol.0.capacity="0.2 mAh/cm^2"')
    for pressure in PRESSURES:
        given = f'drive.stack_pressure="{pressure} MPa"'
        yield Point("pressure", f"{pressure}", pressure, 0.15, 1.75, (given, *stripped))
        yield Point("fresh", f"{pressure}", pressure, 0.95, 1.75, (given, stripped[1]))
    for depth in DEPTHS:
        planes = f'{{kind="flaws", spacing="10 um", depth="{depth} um", opening="elastic", {TOUGH}}}'
        yield Point("flaw", f"{depth:g}", depth, 0.25, 1.05, (f"defects=[{planes}]", stripped[1]))
    for content in CONTENTS:
        additive = f'electrolyte.0.additive={{material="LiF", weight_percent={content}, film_thickness="20 nm"}}'
        yield Point("LiF", f"{content:g}", content, 1.0, 4.2, (additive,))
    first = '{material="Li6PS5Cl", thickness="4 um"}'
    for residual in LAYERS:
        second = (
            '{material="Li10SnP2S12", thickness="4 um", lithium_interfacial_energy="-33.8 meV/angstrom^2", '
            f'residual_stress="{residual} MPa"}}'
        )
        yield Point("layers", f"{residual}", residual, 0.7, 2.3, (f"electrolyte=[{first}, {second}]",))


def result(output: Path, point: Point) -> dict[str, object] | None:
    """What a search has found, None when it has not ended."""
    path = output / point.name / "ccd.json"
    found = json.loads(path.read_text()).get("results", {}) if path.exists() else {}
    ended = found.get("failure_mode") not in (None, "not finished")
    return dict(found) if ended else None


def run(point: Point, output: Path) -> None:
    """Search unless it has ended."""
    protocol = (f'protocol.0.start="{point.low:g} mA/cm^2"', f'protocol.0.max_current_density="{point.high:g} mA/cm^2"')
    words = [word for value in (*protocol, *point.overrides) for word in ("--set", value)]
    tolerance = f"{(point.high - point.low) / HALVINGS:.3g} mA/cm^2"
    command = [sys.executable, "-m", "solver", "ccd", str(HERE / "ccd.toml"), "--output", str(output / point.name)]
    begun = perf_counter()
    ended = subprocess.run([*command, "--tolerance", tolerance, *words], capture_output=True, text=True, check=False)
    last = (ended.stderr.strip().splitlines() or [""])[-1] if ended.returncode else "done"
    print(f"{point.name}: {last} (exit code {ended.returncode}, {perf_counter() - begun:.0f} s)", flush=True)


def value(found: dict[str, object]) -> float | None:
    """CCD in mA/cm2: middle between the largest current that was plated to its end and the smallest that was not."""
    passed, failed = found["critical_current_density"], found["failure_current_density"]
    if passed is None or failed is None:
        return None
    return MA_CM2 * 0.5 * (float(str(passed)) + float(str(failed)))


def report(output: Path) -> None:
    """Write results.txt and a picture per family."""
    lines: list[str] = []
    found_values: dict[str, list[tuple[Point, float | None]]] = {}
    families = list(dict.fromkeys(p.family for p in points()))
    for family in families:
        rows = [(p, result(output, p)) for p in points() if p.family == family]
        done = [(p, found) for p, found in rows if found is not None]
        if not done:
            continue
        heading = f"{'':>10} {'CCD, mA/cm2':>14} {'plated':>9} {'failed':>9}  failure"
        lines += [f"{family}: {TITLES[family][0]}", heading]
        for point, found in done:
            each = [found[key] for key in ("critical_current_density", "failure_current_density")]
            shown = [f"{'-':>9}" if x is None else f"{MA_CM2 * float(str(x)):9.3f}" for x in each]
            ccd = value(found)
            middle = f"{ccd:14.3f}" if ccd is not None else f"{'-':>14}"
            lines.append(f"{point.label:>10} {middle} {' '.join(shown)}  {found['failure_mode']}")
        lines.append("")
        found_values[family] = [(p, value(found)) for p, found in done]
    for family in found_values:
        if family != "fresh":  # drawn with the stripped ones
            draw(output / f"{family}.png", family, found_values)
    (output / "results.txt").write_text("\n".join(lines))
    print("\n".join(lines))


def draw(path: Path, family: str, found: dict[str, list[tuple[Point, float | None]]]) -> None:
    """CCD over x; with stack pressure, of fresh and of stripped contacts."""
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    labels = {"pressure": "after stripping 0.2 mAh/cm2", "fresh": "fresh contact"}
    shown = ("fresh", "pressure") if family == "pressure" else (family,)
    for name, colour in zip(shown, ("#1f5fa8", "#c0392b"), strict=False):
        known = [(p.x, v) for p, v in found.get(name, []) if v is not None]
        lost = [p.x for p, v in found.get(name, []) if v is None]
        if known:
            axes.plot(*zip(*known, strict=True), "o-", color=colour, label=labels.get(name, "model"))
        if lost:
            axes.plot(lost, [0.0] * len(lost), "x", color=colour, label="fails at the smallest current")
    if family == "film":
        at = {p.label: p.x for p, _ in found[family]}
        measured = [(at[name], ccd) for name, ccd in MEASURED.items() if name in at]
        axes.plot(*zip(*measured, strict=True), "s", mfc="none", color="#444444", label="measured (calibrated on)")
        for p, v in found[family]:
            axes.annotate(p.label, (p.x, v or 0.0), textcoords="offset points", xytext=(-4, -13), fontsize=8)
        axes.margins(0.08)
    if family in ("pressure", "flaw"):
        axes.set_xscale("log")
    if family == "flaw":
        axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):  # 0.5 and not 5 x 10^-1
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    axes.set_xlabel(TITLES[family][1])
    axes.set_ylabel("CCD, mA/cm2")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Search what has not been found yet, then draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("results/ccd"))
    parser.add_argument("--processes", type=int, choices=(1, 2), default=2)
    parser.add_argument("--only", default="", help="points whose name begins so")
    parser.add_argument("--report", action="store_true", help="no searches: table and pictures of what is there")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    wanted = [p for p in points() if p.name.startswith(arguments.only)]
    todo = [] if arguments.report else [p for p in wanted if result(arguments.output, p) is None]
    print(f"{len(wanted)} points, {len(todo)} to search", flush=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ThreadPoolExecutor(arguments.processes) as pool:
        list(pool.map(lambda point: run(point, arguments.output), todo))
    report(arguments.output)


if __name__ == "__main__":
    main()
