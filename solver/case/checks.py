"""Checks of more than one key of a case: contradictions are refused, doubtful choices give warnings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from solver.case import protocol
from solver.case.cell_voltage import cell_voltage_problems
from solver.case.cost import cost_problems, cost_warnings
from solver.case.defect_checks import (
    check_between_sides,
    check_place,
    filament_problems,
    find_defect_problems,
    find_defect_warnings,
)
from solver.case.materials import missing
from solver.case.ramp import Ramp, ramp_problems
from solver.case.segments import LIMITS
from solver.case.surface import SurfaceTable, fit_problems
from solver.case.types import Problem, Section, in_um
from solver.case.usual import usual_warnings
from solver.constants import FARADAY, GAS_CONSTANT
from solver.text import printable

if TYPE_CHECKING:
    from solver.case.schema import Case

# Cells across lambda: with fewer the interface energy and the contact angle depend on the grid.
CELLS_PER_WIDTH_ADVISED = 2.0
CELLS_PER_WIDTH_NEEDED = 1.0
# At 4 lambda from the contact the profile (1 - tanh(x / 2 lambda)) / 2 is within 0.02 of its end.
WIDTHS_PER_THICKNESS_NEEDED = 4.0
# A void with a smaller radius has no interior: its profile reaches across.
WIDTHS_PER_RADIUS_ADVISED = 2.0
# Cells across a correlation length or a patch, below which the grid cuts its variation.
CELLS_PER_CORRELATION_ADVISED = 2.0
LARGEST_PROTOCOL = 100_000  # segments after the loops are unrolled
# Length over which the kinetics evens out the current, in lambda: at 18 the largest current beside a void is 5 % too
# small, at 9 it is 9 % (tests/verification/test_current_beside_void.py).
WIDTHS_PER_WAGNER_LENGTH_ADVISED = 20.0
_ROUNDING = 1e-9  # relative, for comparisons of values that came through different arithmetic


def cells_per_width(case: Case) -> float:
    """Cells across the interface width lambda."""
    return case.interface.width / case.grid.spacing


def find_problems(case: Case) -> list[Problem]:
    """Everything that contradicts itself in a case whose values are all right one by one."""
    return [
        *_domain(case),
        *_grid(case),
        *_contact(case),
        *_lining(case),
        *filament_problems(case),
        *_voids(case),
        *_islands(case),
        *find_defect_problems(case),
        *_drive(case),
        *_mechanics(case),
        *_protocol(case),
        *_ramps(case),
        *_time(case),
        *cost_problems(case),
        *_sections(case),
    ]


def _sections(case: Case) -> Iterator[Problem]:
    for name in type(case).model_fields:
        if isinstance(section := getattr(case, name), Section):
            yield from section.problems(case)


def _domain(case: Case) -> Iterator[Problem]:
    domain, width = case.domain, case.interface.width
    if domain.dimension == 1 and domain.width is not None:
        yield Problem(
            "domain.width", "a 1-D case has no width", "domain.width only when domain.dimension is 2 or 3"
        )
    if domain.dimension < 3 and domain.depth is not None:
        yield Problem(
            "domain.depth",
            f"a {domain.dimension}-D case has no depth",
            "domain.depth only when domain.dimension is 3",
        )
    least = WIDTHS_PER_THICKNESS_NEEDED * width
    allowed = f"at least {WIDTHS_PER_THICKNESS_NEEDED:g} times interface.width, {in_um(least)}"
    if domain.lithium_thickness < least:
        yield Problem("domain.lithium_thickness", "the Li is thinner than its interface", allowed)
    if case.electrolyte_thickness < least:
        yield Problem("electrolyte.0.thickness", "the electrolyte is thinner than its interface", allowed)
    for index, layer in enumerate(case.electrolyte[1:], 1):
        if layer.thickness < case.grid.spacing:
            allowed = f"at least grid.spacing, {in_um(case.grid.spacing)}"
            yield Problem(f"electrolyte.{index}.thickness", "the layer is thinner than a cell", allowed)


def _grid(case: Case) -> Iterator[Problem]:
    grid = case.grid
    if cells_per_width(case) < CELLS_PER_WIDTH_NEEDED * (1 - _ROUNDING):
        yield Problem(
            "grid.spacing",
            f"{cells_per_width(case):.3g} cells across interface.width ({in_um(case.interface.width)}) "
            "do not resolve it",
            f"at most {in_um(case.interface.width / CELLS_PER_WIDTH_NEEDED)}; "
            f"{in_um(case.interface.width / CELLS_PER_WIDTH_ADVISED)} or less is advised",
        )
    if grid.max_spacing < grid.spacing * (1 - _ROUNDING):
        allowed = f"at least grid.spacing, {in_um(grid.spacing)}"
        yield Problem("grid.max_spacing", "smaller than grid.spacing", allowed)
    for name, extent in zip(("width", "depth"), case.domain.lateral_extents, strict=False):
        if extent < 4 * grid.spacing:
            allowed = f"at least 4 times grid.spacing, {in_um(4 * grid.spacing)}"
            yield Problem(f"domain.{name}", "fewer than 4 cells", allowed)


def _contact(case: Case) -> Iterator[Problem]:
    interface, extents = case.interface, case.domain.lateral_extents
    for name in ("roughness", "heterogeneity"):
        if not extents and getattr(interface, name) is not None:
            wrong = "a 1-D case has nothing along the contact"
            yield Problem(f"interface.{name}", wrong, "this table only when domain.dimension is 2 or 3")
    if interface.roughness is not None:
        largest = min(case.depth_below, case.electrolyte_thickness) / 4
        if interface.roughness.amplitude > largest:
            allowed = f"at most a quarter of the Li and of the electrolyte, {in_um(largest)}"
            yield Problem("interface.roughness.amplitude", "the contact leaves the box", allowed)
    if extents:
        yield from _patches(case)


def _lining(case: Case) -> Iterator[Problem]:
    """Li fills a defect at a pressure that needs the energy of its interface to what lines the walls."""
    for index, layer in enumerate(case.electrolyte):
        elsewhere = [getattr(table, "layers", None) for table in case.defects]
        reached = any(layers is None or index in layers for layers in elsewhere) or case.geometry.mesh is not None
        if reached and layer.lithium_interfacial_energy is None:
            yield missing(layer, f"electrolyte.{index}", "lithium_interfacial_energy")


def _patches(case: Case) -> Iterator[Problem]:
    for index, patch in enumerate(getattr(case.interface.heterogeneity, "patches", ())):
        yield from _on_contact(case, f"interface.heterogeneity.patches.{index}.centre", patch.centre)


def _voids(case: Case) -> Iterator[Problem]:
    thickness = case.depth_below
    for index, void in enumerate(case.lithium.voids):
        where = f"lithium.voids.{index}.centre"
        yield from check_place(case, where, void.centre)
        if len(void.centre) != case.domain.dimension:
            continue
        z = void.centre[-1]
        if z >= void.radius:
            allowed = f"z below the radius, {in_um(void.radius)} (the Li is where z < 0)"
            yield Problem(where, f"z = {in_um(z)}: the void lies outside the Li, in the electrolyte", allowed)
        elif z - void.radius <= -thickness:
            allowed = f"z - radius above -domain.lithium_thickness, {in_um(-thickness)}"
            yield Problem(
                where, f"z = {in_um(z)}: the void reaches outside the Li, through its bottom", allowed
            )


def _islands(case: Case) -> Iterator[Problem]:
    li = case.lithium
    for name in ("film", "islands", "profile"):
        if getattr(li, name) and case.collector is None:
            yield Problem(f"lithium.{name}", "the Li of a thick electrode is there already", "only beside [collector]")
    for index, island in enumerate(li.islands):
        yield from _on_contact(case, f"lithium.islands.{index}.centre", island.centre)
    if li.profile is not None and li.profile.table is not None:
        yield from _lithium_profile(case, li.profile.table)


def _lithium_profile(case: Case, table: SurfaceTable) -> Iterator[Problem]:
    where, extents = "lithium.profile.file", case.domain.lateral_extents
    if not extents:
        wrong = "a 1-D case has nothing along the contact"
        yield Problem("lithium.profile", wrong, "this table only when domain.dimension is 2 or 3")
        return
    if min(table.height) < 0 or max(table.height) <= 0:
        wrong = f"heights of Li from {in_um(min(table.height))} to {in_um(max(table.height))}"
        yield Problem(where, wrong, "heights of 0 or more above the collector's surface, not all of them 0")
    yield from fit_problems(table, where, extents, case.interface.width, case.domain.lateral == "periodic")


def _on_contact(case: Case, where: str, place: tuple[float, ...]) -> Iterator[Problem]:
    """Of a place on the contact."""
    extents = case.domain.lateral_extents
    if len(place) != len(extents):
        allowed = f"{len(extents)} {('', '(x) ', '(x and y) ')[len(extents)]}in this dimension"
        yield Problem(where, f"{len(place)} coordinates", allowed)
    else:
        yield from check_between_sides(case, where, place)


def _drive(case: Case) -> Iterator[Problem]:
    drive = case.drive
    if drive.current_density is not None:
        drop = drive.current_density * drive.series_resistance
        if drop >= drive.voltage_limit:
            wrong = f"takes {drop:.4g} V at drive.current_density, so that drive.voltage_limit ends the run"
            largest = drive.voltage_limit / drive.current_density * 1e4
            yield Problem("drive.series_resistance", wrong, f"less than {largest:.4g} ohm*cm^2")


def _mechanics(case: Case) -> Iterator[Problem]:
    mechanics = case.mechanics
    if mechanics.platen:
        bends = case.collector is not None and case.collector.bending_stiffness is not None
        if mechanics.buffer is not None and mechanics.fixture_stiffness == 0.0 and not bends:
            wrong = "has no effect: with mechanics.fixture_stiffness 0 the pressure is constant"
            allowed = "this table only with mechanics.fixture_stiffness > 0 MPa/um or collector.bending_stiffness"
            yield Problem("mechanics.buffer", wrong, allowed)
        return
    with_platen = "or mechanics.platen = true"
    if case.drive.stack_pressure != 0.0:
        yield Problem("drive.stack_pressure", "pressure without a platen", f"0 MPa, {with_platen}")
    for where, segment in _walk(case.protocol, "protocol"):
        if isinstance(segment, protocol.Profile) and any(segment.table.stack_pressure or ()):
            wrong = "its column stack_pressure is a pressure without a platen"
            yield Problem(f"{where}.file", wrong, f"no such column, or 0 in all its rows, {with_platen}")
    if mechanics.fixture_stiffness != 0.0:
        yield Problem("mechanics.fixture_stiffness", "a fixture without a platen", f"0 MPa/um, {with_platen}")
    if mechanics.buffer is not None:
        yield Problem("mechanics.buffer", "a buffer without a platen", f"no such table, {with_platen}")


def _protocol(case: Case) -> Iterator[Problem]:
    if _unrolled(case.protocol) > LARGEST_PROTOCOL:
        yield Problem(
            "protocol", f"{_unrolled(case.protocol)} segments after unrolling", f"at most {LARGEST_PROTOCOL}"
        )
    for where, segment in _walk(case.protocol, "protocol"):
        if not isinstance(segment, Ramp):
            yield from _segment(where, segment, case)


def _ramps(case: Case) -> Iterator[Problem]:
    """A run has one critical current density, so at most one ramp."""
    ramps = [(where, segment) for where, segment in _walk(case.protocol, "protocol") if isinstance(segment, Ramp)]
    for where, ramp in ramps:
        yield from ramp_problems(where, ramp)
        if "segments" in where:
            yield Problem(f"{where}.kind", "a ramp in a loop", "one 'ccd' in a protocol, not in a loop")
    for where, _ in ramps[1:]:
        yield Problem(f"{where}.kind", f"a second ramp beside {ramps[0][0]}", "one 'ccd' in a protocol, not in a loop")


def _unrolled(segments: tuple[protocol.AnySegment, ...]) -> int:
    return sum(_count(segment) for segment in segments)


def _count(segment: protocol.AnySegment) -> int:
    if isinstance(segment, protocol.Loop):
        return segment.repeat * _unrolled(segment.segments)
    if isinstance(segment, Ramp):
        return 0 if any(ramp_problems("", segment)) else segment.segments
    return 1


def _walk(
    segments: tuple[protocol.AnySegment, ...], prefix: str
) -> Iterator[tuple[str, protocol.AnySegment]]:
    for index, segment in enumerate(segments):
        if isinstance(segment, protocol.Loop):
            yield from _walk(segment.segments, f"{prefix}.{index}.segments")
        else:
            yield f"{prefix}.{index}", segment


def _segment(where: str, segment: protocol.AnySegment, case: Case) -> Iterator[Problem]:
    voltage_limit = case.drive.voltage_limit
    limits = [name for name in LIMITS if name in type(segment).model_fields]
    ends = isinstance(segment, protocol.Profile) or case.cathode is not None
    if not ends and all(getattr(segment, name) is None for name in limits):
        yield Problem(
            where, "a segment without any limit does not end", f"at least one of {', '.join(limits)}"
        )
    for name in ("voltage", "cutoff_voltage"):
        voltage = getattr(segment, name, None)
        if voltage is not None and abs(voltage) > voltage_limit:
            wrong = f"beyond drive.voltage_limit ({voltage_limit:.4g} V), which ends the run"
            yield Problem(f"{where}.{name}", wrong, f"at most {voltage_limit:.4g} V in magnitude")
    yield from cell_voltage_problems(where, segment, case)
    if isinstance(segment, protocol.ConstantCurrentConstantVoltage):
        cutoff = segment.cutoff_current_density
        if cutoff is not None and cutoff >= segment.current_density:
            allowed = f"less than current_density, {segment.current_density / 10:.4g} mA/cm^2"
            yield Problem(f"{where}.cutoff_current_density", "not below current_density", allowed)
    if isinstance(segment, protocol.Profile):
        end = segment.table.time[-1]
        if segment.duration is not None and segment.duration > end:
            allowed = f"at most {end:.6g} s, where the profile ends"
            yield Problem(f"{where}.duration", "longer than the profile", allowed)


def _time(case: Case) -> Iterator[Problem]:
    time = case.time
    smallest = min(time.min_step, time.fixed_step or math.inf)
    if case.output.interval < smallest:  # which would hold nothing that is not in the others
        yield Problem("output.interval", "shorter than the smallest time step", f"at least {smallest:g} s")
    if time.fixed_step is not None:
        return
    if time.min_step > time.max_step:
        yield Problem("time.min_step", "larger than time.max_step", f"at most {time.max_step:g} s")
    elif not time.min_step <= time.first_step <= time.max_step:
        allowed = f"time.min_step to time.max_step, {time.min_step:g} s to {time.max_step:g} s"
        yield Problem("time.first_step", "out of range", allowed)


def find_warnings(case: Case) -> list[str]:
    """What is allowed but doubtful, one sentence each, beginning with the key."""
    found = [
        *_resolution_warnings(case),
        *_random_warnings(case),
        *_protocol_warnings(case),
        *_permeance_warnings(case),
        *_kinetics_warnings(case),
        *find_defect_warnings(case),
        *cost_warnings(case),
        *usual_warnings(case),
    ]
    return [printable(warning) for warning in found]  # they have names of the user in them


def _resolution_warnings(case: Case) -> Iterator[str]:
    width = case.interface.width
    if cells_per_width(case) < CELLS_PER_WIDTH_ADVISED * (1 - _ROUNDING):
        yield (
            f"grid.spacing: {cells_per_width(case):.3g} cells across interface.width; "
            f"interface energy and contact angle depend on the grid below {CELLS_PER_WIDTH_ADVISED:g}"
        )
    if case.grid.fine_depth < WIDTHS_PER_THICKNESS_NEEDED * width:
        yield (
            f"grid.fine_depth: {in_um(case.grid.fine_depth)} does not hold the diffuse contact; "
            f"at least {in_um(WIDTHS_PER_THICKNESS_NEEDED * width)} is advised"
        )
    for index, void in enumerate(case.lithium.voids):
        if void.radius < WIDTHS_PER_RADIUS_ADVISED * width:
            yield (
                f"lithium.voids.{index}.radius: {in_um(void.radius)} is not resolved by interface.width; "
                f"at least {in_um(WIDTHS_PER_RADIUS_ADVISED * width)} is advised"
            )
        if void.centre[-1] - void.radius < -case.grid.fine_depth:
            yield f"lithium.voids.{index}.centre: the void reaches below grid.fine_depth, into coarse cells"


def _random_warnings(case: Case) -> Iterator[str]:
    lengths = {}
    rough = case.collector.roughness if case.collector else None
    if rough is not None:
        lengths["collector.roughness.correlation_length"] = rough.correlation_length
    for name in ("roughness", "heterogeneity"):
        table = getattr(case.interface, name)
        if hasattr(table, "correlation_length"):
            lengths[f"interface.{name}.correlation_length"] = table.correlation_length
        for index, patch in enumerate(getattr(table, "patches", ())):
            lengths[f"interface.{name}.patches.{index}.radius"] = patch.radius
    smallest = CELLS_PER_CORRELATION_ADVISED * case.grid.spacing
    largest = min(case.domain.lateral_extents, default=math.inf) / 2
    for name, length in lengths.items():
        if length < smallest * (1 - _ROUNDING):
            yield f"{name}: {in_um(length)} is not resolved by grid.spacing; {in_um(smallest)} or more is advised"
        if length > largest:
            yield f"{name}: {in_um(length)} is more than half of the box; its statistics depend on the seed"


def _protocol_warnings(case: Case) -> Iterator[str]:
    for where, segment in _walk(case.protocol, "protocol"):
        certain = ("duration", "capacity", "cutoff_current_density", "cutoff_voltage")
        if case.cathode is None and not isinstance(segment, protocol.Profile | Ramp) and all(
            getattr(segment, n, None) is None for n in certain
        ):
            yield f"{where}: has no duration or capacity; it ends only if the contact reaches its limit"
    strips = any(getattr(s, "direction", "strip") == "strip" for _, s in _walk(case.protocol, ""))
    if (
        strips
        and case.lithium.defect_amplitude == 0
        and case.lithium.noise_amplitude == 0
        and not case.lithium.voids
    ):
        yield "lithium.defect_amplitude: 0 hides voids, because fully dense Li is a stationary state"


def _permeance_warnings(case: Case) -> Iterator[str]:
    limit = case.interface.permeance * FARADAY / case.lithium.molar_volume
    for where, segment in _walk(case.protocol, "protocol"):
        current = getattr(segment, "current_density", None)
        if isinstance(segment, Ramp):
            current = segment.largest_stripping_current
        if current is not None and current > limit and getattr(segment, "direction", "strip") == "strip":
            yield (
                f"{where}: strips with {current / 10:.4g} mA/cm^2, which interface.film does not let through "
                f"(at most {limit / 10:.4g} mA/cm^2); drive.voltage_limit ends the run"
            )


def _kinetics_warnings(case: Case) -> Iterator[str]:
    """A contact so fast that current crowds at edges which the diffuse contact blurs."""
    interface, thermal_voltage = case.interface, GAS_CONSTANT * case.drive.temperature / FARADAY
    resistance = thermal_voltage / interface.exchange_current_density + interface.area_resistance
    even = case.electrolyte[0].conductivity * resistance
    needed = WIDTHS_PER_WAGNER_LENGTH_ADVISED * interface.width
    if case.domain.lateral_extents and even < needed:
        yield (
            f"interface.exchange_current_density: so fast that current crowds within {even * 1e6:.3g} um of edges, "
            f"less than {WIDTHS_PER_WAGNER_LENGTH_ADVISED:g} times interface.width; the largest current beside voids "
            "comes out more than 5 % too small, and their constriction too"
        )
