"""What `lifront check` prints: every key of a case with its origin and meaning, and the size of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from solver.case import Case
from solver.case_checks import cells_per_width, find_warnings
from solver.case_types import Section, spec_of
from solver.materials.shelf import Shelf
from solver.protocol import Segment, expand, expected_duration
from solver.units import Quantity

# of a run in 1-D, 2-D, 3-D: fields, matrices, preconditioners; most of it is of the mechanics (benchmarks/mechanics.py)
BYTES_PER_CELL = {1: 5000, 2: 8000, 3: 15000}
STEP_GROWTH = 1.5  # a step is at most this much larger than the one before
PLAIN_WIDTH = 150  # columns when the output is not a terminal
SHOWN_SEGMENTS = 20
SHOWN_ENTRIES = 4  # of a list


@dataclass(frozen=True)
class Row:
    """One key: dotted path, value as text, the same in SI, where it comes from, what it means."""

    key: str
    value: str
    si: str
    origin: str
    meaning: str


def rows(case: Case) -> list[Row]:
    """Every key of the resolved case."""
    return list(_section_rows(case, "", case.source.keys, Shelf(case.materials)))


def _section_rows(section: Section, prefix: str, given: frozenset[str], shelf: Shelf) -> Iterator[Row]:
    fields = type(section).model_fields
    for name in sorted(fields, key=lambda name: name != "kind"):  # the kind first, the others as they are
        field = fields[name]
        value, key = getattr(section, name), prefix + name
        if isinstance(value, Section):
            yield from _section_rows(value, f"{key}.", given, shelf)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for index, item in enumerate(value):
                yield from _section_rows(item, f"{key}.{index}.", given, shelf)
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
        return ", ".join(str(v) for v in values), ""
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


@dataclass(frozen=True)
class Estimate:
    """Size of a run. steps and duration (s) are inf when the protocol does not bound them."""

    shape: tuple[int, ...]
    cells_per_width: float
    duration: float
    steps: float

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    @property
    def memory(self) -> float:
        """Memory of all ranks together in bytes, without the interpreters."""
        return self.cells * BYTES_PER_CELL[len(self.shape)]


def estimate(case: Case) -> Estimate:
    """Cells, time covered and number of steps of a run (needs mpi4py and petsc4py, as the grid does)."""
    from solver.grid import lateral_faces, normal_faces

    grid = case.grid
    normal = normal_faces(
        case.domain.lithium_thickness,
        case.electrolyte_thickness,
        grid.spacing,
        case.fine_depths,
        grid.growth,
        grid.max_spacing,
    )
    lateral = [len(lateral_faces(extent, grid.spacing)) - 1 for extent in case.domain.lateral_extents]
    segments = expand(case)
    return Estimate(
        shape=(*lateral, len(normal) - 1),
        cells_per_width=cells_per_width(case),
        duration=sum(expected_duration(segment) for segment in segments),
        steps=sum(_steps(case, segment) for segment in segments),
    )


def _steps(case: Case, segment: Segment) -> float:
    """Steps of one segment when all but the first ones have the largest size."""
    duration, time = expected_duration(segment), case.time
    if time.fixed_step is not None or not math.isfinite(duration):
        return duration / (time.fixed_step or time.max_step)
    growing = math.log(time.max_step / time.first_step) / math.log(STEP_GROWTH)
    points = len(segment.times)
    return math.ceil(max(duration / time.max_step, points)) + math.ceil(growing)


def print_report(case: Case) -> None:
    """Print the resolved case, the estimates and the warnings."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    table = Table(title=case.title or None, title_justify="left", box=None, pad_edge=False)
    for heading in ("key", "value", "SI", "from", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "key")
    for row in rows(case):
        style = "bold" if row.origin == "case" else None
        table.add_row(row.key, row.value, row.si, row.origin, row.meaning, style=style)
    console.print(table)
    console.print(_segments_table(expand(case)))
    size = estimate(case)
    shape = " x ".join(str(n) for n in size.shape)
    console.print(f"\ncells                     {size.cells} ({shape}, the normal last)")
    console.print(f"cells across lambda       {size.cells_per_width:.3g}")
    console.print(f"memory, about             {size.memory / 1e6:.3g} MB and 0.1 GB per rank")
    if math.isfinite(size.steps):
        console.print(f"simulated time, at most   {size.duration:.6g} s")
        console.print(f"steps, expected           {size.steps:.0f} or more")
        console.print(f"snapshots, at most        {size.duration / case.output.interval + 1:.0f}")
    else:
        console.print("simulated time            not bounded by the protocol")
    console.print(f"load                      {_load(case)}")
    _print_expected(console, case)
    for warning in find_warnings(case):
        console.print(f"warning: {warning}", style="yellow", highlight=False)


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
    from solver.build import additive_coverage, annihilation_parameters, critical_stripping_current

    for index, layer in enumerate(case.electrolyte):
        if layer.additive is not None:
            share = f"{additive_coverage(layer):.3g} of the grain boundaries of electrolyte.{index}"
            console.print(f"additive covers           {share}")
    rates, pressure = annihilation_parameters(case), case.drive.stack_pressure
    if pressure == 0.0:
        return
    console.print(f"critical stripping current {critical_stripping_current(case) / 10:.3g} mA/cm^2 (planar formula)")
    console.print(f"vacancy layer             {rates.layer_depth(pressure) * 1e6:.3g} um deep")
    console.print(f"layer fills in            {1 / float(rates.rate(pressure)):.4g} s")


def _segments_table(segments: tuple[Segment, ...]) -> Table:
    """The first segments as they run."""
    table = Table(
        title="\nsegments in the order in which they run", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("segment", "current density [A/m^2]", "voltage [V]", "at most [s]"):
        table.add_column(heading)
    for segment in segments[:SHOWN_SEGMENTS]:
        numbers = (segment.current_density, segment.voltage)
        texts = ["" if number is None else f"{number:.6g}" for number in numbers]
        duration = expected_duration(segment)
        table.add_row(segment.label, *texts, f"{duration:.6g}" if math.isfinite(duration) else "not bounded")
    if len(segments) > SHOWN_SEGMENTS:
        table.add_row(f"... {len(segments)} in all")
    return table
