"""What `lifront check` prints: every key of a case with its origin and meaning, and the size of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from solver.case.checks import cells_per_width, find_warnings
from solver.case.cost import SECONDS_PER_CELL, cores_here, cost, longest, machine_warnings, problems_here
from solver.case.derived import (
    additive_coverage,
    annihilation_parameters,
    critical_stripping_current,
    void_half_width,
)
from solver.case.schema import Case
from solver.case.segments import Segment, expand
from solver.case.types import Section, spec_of
from solver.materials.shelf import Shelf
from solver.text import one_line, plain_console, printable
from solver.units import Quantity

PLAIN_WIDTH = 150  # columns when the output is not a terminal
SHOWN_SEGMENTS = 20
SHOWN_TABLES = 40  # of a list of tables, such as layers or voids
SHOWN_ENTRIES = 4  # of a list
WIDTHS_PER_VOID_ADVISED = 20.0  # lambda in the half-width of voids: with fewer they are films (docs/model.md)


@dataclass(frozen=True)
class Row:
    """One key: dotted path, value as text, the same in SI, where it comes from, what it means."""

    key: str
    value: str
    si: str
    origin: str
    meaning: str


def rows(case: Case, most: int | None = None) -> list[Row]:
    """Every key of the resolved case; of a list of tables the first `most` ones, and how many there are."""
    found = _section_rows(case, "", case.source.keys, Shelf(case.materials), most)
    absent = ("domain.lithium_thickness",) if case.collector else ()  # there is none below the collector
    return [row for row in found if row.key not in absent]


def _section_rows(
    section: Section, prefix: str, given: frozenset[str], shelf: Shelf, most: int | None
) -> Iterator[Row]:
    fields = type(section).model_fields
    for name in sorted(fields, key=lambda name: name != "kind"):  # the kind first, the others as they are
        field = fields[name]
        value, key = getattr(section, name), prefix + name
        if isinstance(value, Section):
            yield from _section_rows(value, f"{key}.", given, shelf, most)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for index, item in enumerate(value[:most]):
                yield from _section_rows(item, f"{key}.{index}.", given, shelf, most)
            if most is not None and len(value) > most:
                yield Row(f"{key}. ...", f"{len(value)} in all", "", "", field.description or "")
        elif isinstance(value, dict):  # materials
            yield from (Row(f"{key}.{item}", "", "", _own(item, key, given), field.description or "") for item in value)
        elif value is not None:
            spec = spec_of(field)
            text, si = _texts(value, spec)
            yield Row(key, text, si, _origin(section, name, key in given, shelf), field.description or "")


def _texts(value: Any, spec: Any) -> tuple[str, str]:
    """A value as text in its usual unit, and in SI."""
    values = value if isinstance(value, tuple) else (value,)
    if isinstance(value, bool):
        return str(value).lower(), ""  # as in a case file
    if spec is None:
        return ", ".join(printable(str(v)) for v in values), ""
    shown = values[:SHOWN_ENTRIES]
    more = ", ..." if len(values) > len(shown) else ""
    si = spec.si_text(shown, more) if isinstance(spec, Quantity) else ""
    return ", ".join(spec.text(v) for v in shown) + more, si


def _own(name: str, key: str, given: frozenset[str]) -> str:
    """Where a material that is not installed comes from."""
    return "case" if any(path.startswith(f"{key}.{name}.") for path in given) else f"{name}.toml beside it"


def _origin(section: Section, name: str, given: bool, shelf: Shelf) -> str:
    if given:
        return "case"
    for owner in (section, getattr(section, "film", None)):  # the film gives the contact its angle
        material = getattr(owner, "material", None)
        if material and name in shelf.load(material).properties:
            return f"{material}.toml"
    return "default"


def print_report(case: Case) -> None:
    """Print the resolved case, the estimates and the warnings."""
    console = plain_console(PLAIN_WIDTH)
    table = Table(title=one_line(case.title) or None, title_justify="left", box=None, pad_edge=False)
    for heading in ("key", "value", "SI", "from", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "key")
    for row in rows(case, SHOWN_TABLES):
        style = "bold" if row.origin == "case" else None
        table.add_row(row.key, row.value, row.si, row.origin, row.meaning, style=style)
    console.print(table)
    segments = expand(case)
    console.print(_segments_table(case, segments))
    _print_cost(console, case)
    console.print(f"load                      {_load(case)}")
    _print_expected(console, case)
    _print_voids(console, case, max(segment.stripping_current for segment in segments))
    for warning in (*find_warnings(case), *problems_here(case), *machine_warnings(case, Path.cwd())):
        console.print(f"warning: {warning}", style="yellow", highlight=False, soft_wrap=True)


def _print_cost(console: Console, case: Case) -> None:
    """Cells, memory, steps and hours, and what they were computed with."""
    size, cores = cost(case), cores_here()
    shape = " x ".join(str(n) for n in size.shape)
    console.print(f"\ncells                     {size.cells} ({shape}, the normal last)")
    console.print(f"cells across lambda       {cells_per_width(case):.3g}")
    console.print(f"memory, about             {size.memory / 1e6:.3g} MB and 0.1 GB per rank")
    if not math.isfinite(size.steps):
        console.print("simulated time            not bounded by the protocol")
        return
    console.print(f"simulated time, at most   {size.duration:.6g} s")
    console.print(f"steps, expected           {size.steps:.0f} or more")
    console.print(f"snapshots, at most        {size.snapshots:.0f}, {size.disk / 1e6:.3g} MB")
    few, many = (f"{seconds / 3600:.2g}" for seconds in size.seconds(cores))
    low, high = (f"{seconds * 1e6:g}" for seconds in SECONDS_PER_CELL[len(size.shape)])
    how = f"({low} to {high} us per cell and step)"
    console.print(f"computing, about          {few} to {many} h on {cores} cores {how}")


def _load(case: Case) -> str:
    """What pushes the cell together."""
    pressure, stiffness = case.drive.stack_pressure, case.mechanics.stiffness
    if not case.mechanics.platen:
        return "none, no platen"
    if stiffness == 0.0:
        return f"{pressure / 1e6:.6g} MPa, constant while the platen moves"
    return f"{pressure / 1e6:.6g} MPa, plus {stiffness / 1e12:.4g} MPa per um of the platen"


def _print_expected(console: Console, case: Case) -> None:
    """What the planar formulas say of this case."""
    for index, layer in enumerate(case.electrolyte):
        if layer.additive is not None:
            share = f"{additive_coverage(layer):.3g} of the grain boundaries of electrolyte.{index}"
            console.print(f"additive covers           {share}")
    rates, pressure = annihilation_parameters(case), case.drive.stack_pressure
    if pressure == 0.0:
        return
    with np.errstate(all="ignore"):  # of values that give no number, inf or nan is shown
        current, depth = critical_stripping_current(case) / 10, rates.layer_depth(pressure) * 1e6
        seconds = float(np.divide(1.0, rates.rate(pressure)))
        thickening = float(rates.thickening(pressure))
    console.print(f"critical stripping current {current:.3g} mA/cm^2 (planar formula)")
    made = f", made {thickening:.3g} times as deep as sqrt(D/r)" if thickening > 1 else ""
    console.print(f"vacancy layer             {depth:.3g} um deep{made}")
    console.print(f"layer fills in            {seconds:.4g} s")


def _print_voids(console: Console, case: Case, current: float) -> None:
    """Which interface.width would resolve the voids that the largest stripping current (A/m^2) opens, if not this."""
    half_width = void_half_width(case, current) if current else math.inf
    resolved = half_width / WIDTHS_PER_VOID_ADVISED
    if case.interface.width > resolved * (1 + 1e-9):
        at = f"voids at {current / 10:.3g} mA/cm^2"
        console.print(
            f"{at:<25} {half_width * 1e6:.2g} um to each side, if any open; not resolved by interface.width, "
            f"{resolved * 1e6:.2g} um or less does",
            soft_wrap=True,
        )


def _segments_table(case: Case, segments: tuple[Segment, ...]) -> Table:
    """The first segments as they run."""
    table = Table(
        title="\nsegments in the order in which they run", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("segment", "current density [A/m^2]", "voltage [V]", "at most [s]"):
        table.add_column(heading)
    for segment in segments[:SHOWN_SEGMENTS]:
        numbers = (segment.current_density, segment.voltage)
        texts = ["" if number is None else f"{number:.6g}" for number in numbers]
        if segment.cell_voltage is not None:
            texts[-1] = f"{segment.cell_voltage:.6g} (full cell)"
        duration = longest(case, segment)
        table.add_row(segment.label, *texts, f"{duration:.6g}" if math.isfinite(duration) else "not bounded")
    if len(segments) > SHOWN_SEGMENTS:
        table.add_row(f"... {len(segments)} in all")
    return table
