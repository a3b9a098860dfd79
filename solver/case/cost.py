"""What a run costs: cells, unknowns, memory, steps, snapshots, hours; and what of it a machine does not have.

All of it is computed from the values of the case, without arrays, so that a slip of units (mm for um) is told before
memory is taken, however large it makes the run. MPI and PETSc are not needed.
"""

from __future__ import annotations

import math
import os
import resource
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from solver.case.collector import largest_charge
from solver.case.protocol import AnySegment, Loop
from solver.case.segments import Segment, expected_duration, unroll
from solver.case.types import Problem
from solver.constants import FARADAY
from solver.laws.host_atoms import HostAtoms
from solver.text import is_whole

if TYPE_CHECKING:
    from solver.case.schema import Case

# of a run in 1-D, 2-D, 3-D: fields, matrices, preconditioners; most of it is of the mechanics (benchmarks/mechanics.py)
BYTES_PER_CELL = {1: 5000, 2: 6000, 3: 7000}
# per cell and layer of a profile (Li in a seed, its atoms in Li): two fields, copies (from 10 to 210 on 4800 cells)
BYTES_PER_LAYER = 170
BYTES_PER_RANK = 1e8  # interpreter and libraries
# s per cell and step on one core, without voids and with them: 2-D from benchmarks/results/scaling.txt and the demo,
# 3-D from runs of 24^3 to 64^3 cells; in 1-D, as in all small cases, the next number counts
SECONDS_PER_CELL = {1: (1e-5, 1e-4), 2: (7e-6, 50e-6), 3: (17e-6, 60e-6)}
WAY_PER_STEP = 0.03  # of lambda: what a collector moves in a step, in the demo
SECONDS_PER_STEP = 0.01  # that a step takes however few cells there are
STEP_GROWTH = 2.0  # a step is at most this much larger than the one before
COMPONENTS = {"velocity": 3, "displacement": 3, "stress": 9}  # of a field in a snapshot; 1 of the others

LARGEST_INDEX = 2**31 - 1  # of PETSc with integers of 32 bits, as distributions have it
LARGEST_CELLS = 1e11  # 1 PB of memory in 2-D, about what the largest machines have
FEWEST_CELLS = 10  # along an axis, below which nothing is resolved
MOST_SNAPSHOTS = 100_000
LONGEST_RUN = 30 * 86400.0  # s of computing, above which it is told
_LOOPED = 10_000  # cells of graded size that are counted one by one
_SMALL_SPACING = 5e-9  # m: smaller cells, rather than a large box, are what makes a grid large
_ROUNDING = 1e-9  # of a cell, as in solver/numerics/grid.py
_GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Size of a run. duration (s), steps and snapshots are inf when the protocol does not bound them.

    layers: of a seed with a profile in depth.
    """

    shape: tuple[int, ...]
    layers: int
    duration: float
    steps: float
    snapshots: float
    bytes_per_snapshot: float

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    @property
    def unknowns(self) -> int:
        """Number of unknowns of the largest linear system, that of the forces: velocities and pressure of all cells."""
        return self.cells * (len(self.shape) + 1)

    @property
    def memory(self) -> float:
        """Memory of all ranks together in bytes, without the interpreters."""
        return self.cells * (BYTES_PER_CELL[len(self.shape)] + BYTES_PER_LAYER * self.layers)

    @property
    def disk(self) -> float:
        """Size of all snapshots together, bytes."""
        return self.snapshots * self.bytes_per_snapshot

    def seconds(self, cores: int) -> tuple[float, float]:
        """Time of computing on so many cores, s: without voids, and with them."""
        few, many = SECONDS_PER_CELL[len(self.shape)]
        return (
            self.steps * (SECONDS_PER_STEP + self.cells * few / cores),
            self.steps * (SECONDS_PER_STEP + self.cells * many / cores),
        )


def cost(case: Case) -> Cost:
    """Cells, time covered, steps and snapshots of a run."""
    shape = shape_of(case)
    duration, steps = _totals(case, case.protocol)
    fields = sum(COMPONENTS.get(name, 1) for name in case.output.fields)
    return Cost(
        shape=shape,
        layers=_layers(case),
        duration=duration,
        steps=steps,
        snapshots=duration / case.output.interval + 1,
        bytes_per_snapshot=8.0 * fields * math.prod(shape),
    )


def _layers(case: Case) -> int:
    """Of the profiles of Li in a seed and of the seed's atoms in Li."""
    seed = case.collector.seed if case.collector else None
    if seed is None:
        return 0
    of_lithium = seed.layers if seed.diffusivity is not None and seed.layers > 1 else 0
    followed = seed.diffusivity_in_lithium
    return of_lithium + (HostAtoms(followed).number if followed is not None else 0)


def longest(case: Case, segment: Segment) -> float:
    """The longest time (s) of a segment: one of a constant current ends with the Li that the cathode has."""
    current = abs(segment.current_density or 0.0) if segment.kind == "galvanostatic" else 0.0
    return min(expected_duration(segment), _supply(case) / current if current else math.inf)


def _supply(case: Case) -> float:
    """Charge that can pass in one direction, C/m^2."""
    return case.cathode.lithium if case.cathode else math.inf


def _totals(case: Case, items: Sequence[AnySegment]) -> tuple[float, float]:
    """Time (s) and steps of segments; of a loop without unrolling it."""
    duration = steps = 0.0
    for item in items:
        if isinstance(item, Loop):
            inner = _totals(case, item.segments)
            duration, steps = duration + item.repeat * inner[0], steps + item.repeat * inner[1]
            continue
        for segment in unroll((item,)):
            duration, steps = duration + longest(case, segment), steps + _steps(case, segment)
    return duration, steps


def _steps(case: Case, segment: Segment) -> float:
    """Steps of one segment when all but the first ones have the largest size."""
    duration, time = longest(case, segment), case.time
    if time.fixed_step is not None or not math.isfinite(duration):
        return duration / (time.fixed_step or time.max_step)
    growing = math.log(time.max_step / time.first_step) / math.log(STEP_GROWTH)
    fewest = max(duration / time.max_step, len(segment.times))
    if case.collector:
        charge = min(abs(largest_charge(segment)), _supply(case))
        way = charge * case.lithium.molar_volume / FARADAY if math.isfinite(charge) else 0.0
        fewest = max(fewest, way / (WAY_PER_STEP * case.interface.width))
    return math.ceil(fewest) + math.ceil(growing)


# -- cells -------------------------------------------------------------------------------------------


def shape_of(case: Case) -> tuple[int, ...]:
    """Cells along each axis, the normal last: those that the grid will have."""
    return (*(lateral_cells(extent, case.grid.spacing) for extent in case.domain.lateral_extents), sum(_normal(case)))


def _normal(case: Case) -> tuple[int, int]:
    """Cells along the normal below and above the contact."""
    grid, (below, above) = case.grid, case.fine_depths

    def cells(length: float, fine_depth: float) -> int:
        return graded_cells(
            length=length,
            spacing=grid.spacing,
            fine_depth=fine_depth,
            growth=grid.growth,
            max_spacing=grid.max_spacing,
        )

    return cells(case.depth_below, below), cells(case.electrolyte_thickness, above)


def lateral_cells(extent: float, spacing: float) -> int:
    """Cells along the contact: as `solver.numerics.grid.lateral_faces` lays them."""
    return max(4, math.ceil(extent / spacing * (1 - _ROUNDING)))


def graded_cells(*, length: float, spacing: float, fine_depth: float, growth: float, max_spacing: float) -> int:
    """Cells on one side of the contact: as `grid.normal_faces` lays them, within a cell for very many."""
    fine = min(length, fine_depth)
    cells = max(1, math.ceil(fine / spacing * (1 - _ROUNDING)))
    rest, step, largest = length - fine, fine / cells, max(max_spacing, spacing)
    if rest < 0.5 * spacing:
        return cells
    total, last = 0.0, cells + _LOOPED
    while total < rest and cells < last:
        step = min(step * growth, largest)
        total += step
        cells += 1
    rest -= total
    if rest > 0 and growth > 1 and step < largest:  # the sum of a geometric series, up to the largest cell
        wanted = math.log1p(rest * (growth - 1) / (step * growth)) / math.log(growth)
        grown = min(wanted, math.log(largest / step) / math.log(growth))
        rest -= step * growth * math.expm1(grown * math.log(growth)) / (growth - 1)
        cells, step = cells + math.ceil(grown), largest
    return cells + max(0, math.ceil(rest / step * (1 - _ROUNDING)))


# -- what no machine has ------------------------------------------------------------------------------


def cost_problems(case: Case) -> Iterator[Problem]:
    """A grid that no machine can hold."""
    shape = shape_of(case)
    if math.prod(shape) > LARGEST_CELLS:
        yield Problem(_culprit(case), _cells(case, shape), f"at most {LARGEST_CELLS:g} cells; is the unit right?")


def _cells(case: Case, shape: tuple[int, ...]) -> str:
    words = " x ".join(f"{n:.4g}" for n in shape)
    return f"{math.prod(shape):.3g} cells ({words}) at grid.spacing {case.grid.spacing * 1e9:.4g} nm"


def _culprit(case: Case) -> str:
    """The key that makes the grid large: the extent with the most cells, or the size of the cells."""
    if case.grid.spacing < _SMALL_SPACING:
        return "interface.width" if case.interface.width < 2 * _SMALL_SPACING else "grid.spacing"
    below, above = _normal(case)
    axes = dict(zip(("domain.width", "domain.depth"), shape_of(case)[:-1], strict=False))
    axes |= {"collector.room" if case.collector else "domain.lithium_thickness": below, _thickest(case): above}
    return max(axes, key=lambda key: axes[key])


def _thickest(case: Case) -> str:
    number = max(range(len(case.electrolyte)), key=lambda index: case.electrolyte[index].thickness)
    return f"electrolyte.{number}.thickness"


# -- this machine -------------------------------------------------------------------------------------


def memory_here() -> float:
    """Memory that this process and others like it may use, bytes: of the machine, its container, and its limits."""
    found = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text != "max":
            found.append(float(text))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return min([*found, math.inf if limit == resource.RLIM_INFINITY else float(limit)])


def cores_here() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ranks_here(ranks: int) -> int:
    """How many of all ranks run on this machine, as the MPI library says; all of them where it does not."""
    for name in ("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "PMI_LOCAL_SIZE"):
        text = os.environ.get(name, "")
        if is_whole(text) and 0 < int(text) <= ranks:
            return int(text)
    return ranks


def problems_here(case: Case, here: int = 1, ranks: int = 1, largest_index: int = LARGEST_INDEX) -> list[str]:
    """Why this machine cannot run the case, a line for each reason, beginning with the key; none when it can.

    here: how many of all `ranks` are on it. largest_index: of PETSc's integers.
    """
    shape = shape_of(case)
    size = Cost(shape=shape, layers=_layers(case), duration=0.0, steps=0.0, snapshots=0.0, bytes_per_snapshot=0.0)
    lines = []
    if size.unknowns > largest_index:
        lines.append(
            f"{_culprit(case)}: {_cells(case, shape)} have {size.unknowns:.3g} unknowns; allowed: at most "
            f"{largest_index:.4g}, to which this PETSc can count (more with --with-64-bit-indices)"
        )
    needed, there = size.memory * here / ranks + here * BYTES_PER_RANK, memory_here()
    if needed > there:
        lines.append(
            f"{_culprit(case)}: {_cells(case, shape)} need about {needed / _GB:.3g} GB of memory; "
            f"allowed: at most {there / _GB:.3g} GB, which this machine has"
        )
    return lines


def cost_warnings(case: Case) -> Iterator[str]:
    """What is allowed but costs much, or computes next to nothing; one sentence each, beginning with the key."""
    size = cost(case)
    if math.isfinite(size.duration):
        yield from _time_warnings(case, size)
    names = ("x", "y")[: len(size.shape) - 1]
    for axis, cells in zip((*names, "the normal"), size.shape, strict=True):
        if cells < FEWEST_CELLS:
            yield f"grid.spacing: {cells} cells along {axis} resolve nothing; {FEWEST_CELLS} or more are advised"


def _time_warnings(case: Case, size: Cost) -> Iterator[str]:
    cores = cores_here()
    few, many = size.seconds(cores)
    if few > LONGEST_RUN:
        yield (
            f"{'time.max_step' if case.time.fixed_step is None else 'time.fixed_step'}: {size.steps:.3g} steps of "
            f"{size.cells:.3g} cells take about {few / 86400:.3g} to {many / 86400:.3g} days on the {cores} cores here"
        )
    if size.snapshots > MOST_SNAPSHOTS:
        yield (
            f"output.interval: {size.snapshots:.3g} snapshots in {size.duration:.4g} s; "
            f"at most {MOST_SNAPSHOTS} are advised"
        )
    shortest = case.time.fixed_step or case.time.min_step
    if size.duration < shortest:
        yield f"protocol: lasts {size.duration:.3g} s, less than the smallest time step of {shortest:.3g} s"


def machine_warnings(case: Case, directory: Path) -> Iterator[str]:
    """Snapshots that the disk of the results cannot hold."""
    size = cost(case)
    while not directory.is_dir() and directory != directory.parent:
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if math.isfinite(size.disk) and size.disk > free:
        yield (
            f"output.interval: {size.snapshots:.3g} snapshots of {size.bytes_per_snapshot / 1e6:.3g} MB need "
            f"{size.disk / _GB:.3g} GB; {free / _GB:.3g} GB are free in {directory}"
        )
