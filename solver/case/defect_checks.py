"""Checks of the defects of a case against its box, its layers and its grid, and of the mesh of `geometry`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from solver.case import defects
from solver.case.derived import boundary_energy
from solver.case.mesh import read_parts
from solver.case.mesh_checks import mesh_warnings, place_problems
from solver.case.types import Problem, in_um
from solver.laws.infiltration import EDGE_CRACK

if TYPE_CHECKING:
    from solver.case.schema import Case

LARGEST_POPULATION = 200_000  # members of one table, so that a wrong unit does not fill the memory
STEEPEST_CRACK = math.radians(80)  # from the normal: a crack from the contact must leave it
CELLS_PER_GRAIN_ADVISED = 10.0
WIDTHS_PER_FLAW_NEEDED = 4.0  # psi is 0.98 there: the front of a filament stands in the electrolyte
WIDTHS_PER_RADIUS_ADVISED = 2.0  # a pore with a smaller radius has no interior: its profile reaches across
WIDEST_OPENING = 3.0  # standard deviations above the median that a channel must hold: one opening in 740 is wider
_ROUNDING = 1e-6  # relative, for comparisons of lengths that came through different arithmetic

_Checked = Iterator[Problem]


def find_defect_problems(case: Case) -> Iterator[Problem]:
    """Defects that are not in the electrolyte or contradict themselves, and meshes that cannot be used."""
    dim = case.domain.dimension
    for number, defect in enumerate(case.defects):
        where = f"defects.{number}"
        if dim == 1 and not isinstance(defect, defects.Bulk | defects.Flaws):
            yield Problem(f"{where}.kind", "needs more than the one column of a 1-D case", "bulk, flaws in 1-D")
            continue
        check = _CHECKS.get(type(defect))
        if check is not None:
            yield from check(case, where, defect)
        if dim > 1 and hasattr(defect, "count"):
            yield from _population(case, where, defect)
    if case.geometry.mesh is not None:
        if dim == 1:
            yield Problem("geometry.mesh", "a mesh in a 1-D case", "geometry.mesh only when domain.dimension is 2 or 3")
            return
        problems: list[Problem] = []
        parts = read_parts(case.geometry, dim, problems)
        yield from problems
        if not problems:
            yield from place_problems(case, parts)
        for number, (group, part) in enumerate(zip(case.geometry.groups, parts, strict=False)):
            if not part.is_solid:
                yield from _opening_fits(case, f"geometry.groups.{number}.opening", group.opening)


def filament_problems(case: Case) -> Iterator[Problem]:
    """Filaments that the grid or the box cannot hold."""
    if not case.has_defects:
        return
    filament, spacing = case.filament, case.grid.spacing
    if filament.channel_half_width < spacing * (1 - _ROUNDING):
        allowed = f"at least grid.spacing, {in_um(spacing)}"
        yield Problem("filament.channel_half_width", "the grid does not resolve the channels", allowed)
    if not 0 < filament.short_depth <= case.electrolyte_thickness * (1 + _ROUNDING):
        allowed = f"at most the electrolyte's thickness, {in_um(case.electrolyte_thickness)}"
        yield Problem("filament.short_depth", "outside the electrolyte", allowed)
    least = WIDTHS_PER_FLAW_NEEDED * case.interface.width
    for number, defect in enumerate(case.defects):
        name = "depth" if isinstance(defect, defects.Flaws) else "flaw_depth"
        depth = getattr(defect, name, 0.0)
        if 0 < depth < least * (1 - _ROUNDING):
            allowed = f"0 um, or at least {WIDTHS_PER_FLAW_NEEDED:g} times interface.width, {in_um(least)}"
            yield Problem(f"defects.{number}.{name}", "the tip would lie in the diffuse contact", allowed)
        if filament.short_depth <= depth < case.electrolyte_thickness:
            allowed = f"less than filament.short_depth, {in_um(filament.short_depth)}"
            yield Problem(f"defects.{number}.{name}", "a short circuit from the start", allowed)
        yield from _openings(case, f"defects.{number}", defect)


def _openings(case: Case, where: str, defect: defects.AnyDefect) -> _Checked:
    """The numerical channel holds the true opening, else ions would have less than no way beside a filament."""
    if isinstance(defect, defects.Cracks):
        for number, crack in enumerate(defect.cracks):
            yield from _opening_fits(case, f"{where}.cracks.{number}.opening", crack.opening)
    elif isinstance(defect, defects.Flaws) and case.domain.dimension == 1:
        if defect.opening > defect.spacing:
            allowed = f"at most spacing, {in_um(defect.spacing)}"
            yield Problem(f"{where}.opening", "wider than the distance between two flaws", allowed)
    else:
        yield from _opening_fits(case, f"{where}.opening", getattr(defect, "opening", 0.0))
    if sigma := getattr(defect, "opening_sigma", 0.0):
        widest = math.exp(WIDEST_OPENING * sigma) * getattr(defect, "opening", 0.0)
        prefix = f"{WIDEST_OPENING:g} sigma above the median, {widest * 1e9:.4g} nm, "
        yield from _opening_fits(case, f"{where}.opening_sigma", widest, prefix)
    if isinstance(defect, defects.Flaws) and defect.opens_elastically:
        yield from _elastic(case, where, defect)


def _opening_fits(case: Case, where: str, opening: float, prefix: str = "") -> _Checked:
    room = math.sqrt(math.pi) * case.filament.channel_half_width
    if opening > room * (1 + _ROUNDING):
        allowed = f"at most sqrt(pi) times filament.channel_half_width, {in_um(room)}"
        yield Problem(where, f"{prefix}wider than the channel that stands for it", allowed)


def _elastic(case: Case, where: str, defect: defects.Flaws) -> _Checked:
    """A pressure opens a flaw elastically only where it costs energy to separate the walls."""
    linings = [boundary_energy(layer) for layer in case.electrolyte]
    film = case.interface.film
    if film is not None and film.lithium_interfacial_energy is not None:
        linings.append(film.lithium_interfacial_energy)
    least = -2 * min(linings)
    if defect.separation_energy <= least:
        wrong = "Li wets the walls and separates them without pressure, so there is no elastic opening"
        yield Problem(f"{where}.separation_energy", wrong, f"more than {least:.6g} J/m^2, or a length as the opening")
        return
    softest = min(layer.youngs_modulus / (1 - layer.poisson_ratio**2) for layer in case.electrolyte)
    toughest = defect.separation_energy + 2 * max(linings)
    widest = math.sqrt(EDGE_CRACK * defect.depth * toughest / softest)
    yield from _opening_fits(case, f"{where}.depth", widest, f"opens elastically to {widest * 1e9:.4g} nm, ")


def _population(case: Case, where: str, defect: Any) -> _Checked:
    area = math.prod(case.domain.lateral_extents)
    count = defect.count(case.domain.dimension, area, case.electrolyte_thickness)
    if count > LARGEST_POPULATION:
        allowed = f"at most {LARGEST_POPULATION}; are size and spacing right?"
        yield Problem(where, f"there would be {count} of them", allowed)


def _in_electrolyte(case: Case, where: str, depth: float) -> _Checked:
    if depth >= case.electrolyte_thickness:
        allowed = f"less than the electrolyte's thickness, {in_um(case.electrolyte_thickness)}"
        yield Problem(where, "reaches through the electrolyte", allowed)


def _bulk(case: Case, where: str, defect: defects.Bulk) -> _Checked:
    yield from _in_electrolyte(case, f"{where}.flaw_depth", defect.flaw_depth)


def _grain_boundaries(case: Case, where: str, defect: defects.GrainBoundaries) -> _Checked:
    largest = min(case.domain.lateral_extents)
    if defect.grain_size > largest:
        yield Problem(f"{where}.grain_size", "larger than the box", f"at most its width, {in_um(largest)}")
    layers = defect.layers
    if layers is not None:
        last = len(case.electrolyte) - 1
        outside = [index for index in layers if index > last]
        allowed = f"0 to {last}" if last else "0"
        if not layers:
            yield Problem(f"{where}.layers", "in no layer", f"{allowed}, or without this key all of them")
        for index in outside:
            yield Problem(f"{where}.layers", f"there is no layer {index}, outside the electrolyte", allowed)
        if defect.flaw_depth > 0 and 0 not in layers and not outside and layers:
            wrong = f"boundaries of layers {', '.join(map(str, layers))} do not reach the contact"
            yield Problem(f"{where}.flaw_depth", wrong, "0 um, or 0 among the layers")
    yield from _in_electrolyte(case, f"{where}.flaw_depth", defect.flaw_depth)
    if defect.open and defect.flaw_depth > 0:
        yield Problem(f"{where}.flaw_depth", "open boundaries are empty at the start", "0 um, or intact boundaries")


def _flaws(case: Case, where: str, defect: defects.Flaws) -> _Checked:
    yield from _in_electrolyte(case, f"{where}.depth", defect.depth)
    if defect.opens_elastically and defect.depth == 0:
        wrong = "an elastic opening needs a flaw that the stress opens"
        yield Problem(f"{where}.depth", wrong, "a depth > 0 um, or a length as the opening")
    if not case.domain.lateral_extents:
        return
    width, position = case.domain.lateral_extents[0], defect.position or 0.0
    if not 0 <= position <= width:
        yield Problem(f"{where}.position", f"x = {in_um(position)} is outside the box", f"0 to {in_um(width)}")
    flaws = max(1, round(width / defect.spacing))
    if case.domain.lateral == "periodic" and abs(width - flaws * defect.spacing) > _ROUNDING * width:
        allowed = f"domain.width over a whole number, such as {in_um(width / flaws)}"
        yield Problem(f"{where}.spacing", "not regular across the periodic sides", allowed)


def _cracks(case: Case, where: str, defect: defects.Cracks) -> _Checked:
    thickness = case.electrolyte_thickness
    for number, crack in enumerate(defect.cracks):
        here = f"{where}.cracks.{number}"
        yield from check_place(case, f"{here}.position", crack.position)
        z = crack.position[-1]
        if not 0 <= z < thickness:
            allowed = f"0 to {in_um(thickness)}"
            yield Problem(f"{here}.position", f"z = {in_um(z)}: the crack lies outside the electrolyte", allowed)
        elif z + crack.length * math.cos(crack.angle) >= thickness * (1 + _ROUNDING):
            allowed = f"an end below {in_um(thickness)}"
            yield Problem(f"{here}.length", "the crack reaches outside the electrolyte, through its top", allowed)
        if z == 0 and abs(crack.angle) > STEEPEST_CRACK:
            allowed = f"-{math.degrees(STEEPEST_CRACK):g} to {math.degrees(STEEPEST_CRACK):g} deg from z = 0"
            yield Problem(f"{here}.angle", "the crack runs along the contact", allowed)
        if crack.azimuth != 0 and case.domain.dimension < 3:
            yield Problem(f"{here}.azimuth", "a 2-D case has no y", "0 deg; azimuths only in 3-D")


def _random_cracks(case: Case, where: str, defect: defects.RandomCracks) -> _Checked:
    if defect.place == "contact" and defect.largest_angle > STEEPEST_CRACK:
        allowed = f"at most {math.degrees(STEEPEST_CRACK):g} deg from the contact"
        yield Problem(f"{where}.largest_angle", "cracks would run along the contact", allowed)
    yield from _in_electrolyte(case, f"{where}.median_length", defect.median_length)


def _pores(case: Case, where: str, defect: defects.Pores) -> _Checked:
    for number, pore in enumerate(defect.pores):
        here = f"{where}.pores.{number}.centre"
        yield from check_place(case, here, pore.centre)
        z, thickness = pore.centre[-1], case.electrolyte_thickness
        if not -pore.radius < z < thickness + pore.radius:
            wrong = f"z = {in_um(z)}: the pore lies outside the electrolyte"
            yield Problem(here, wrong, f"{in_um(-pore.radius)} to {in_um(thickness + pore.radius)}")


def _random_pores(case: Case, where: str, defect: defects.RandomPores) -> _Checked:
    yield from _in_electrolyte(case, f"{where}.median_radius", 2 * defect.median_radius)


def check_place(case: Case, where: str, point: tuple[float, ...]) -> _Checked:
    """A point has as many coordinates as the case, and lies between the lateral sides."""
    if len(point) != case.domain.dimension:
        names = ("z", "x and z", "x, y and z")[case.domain.dimension - 1]
        wrong, allowed = f"{len(point)} coordinates", f"{case.domain.dimension} ({names}) in this dimension"
        yield Problem(where, wrong, allowed)
        return
    yield from check_between_sides(case, where, point)


def check_between_sides(case: Case, where: str, point: tuple[float, ...]) -> _Checked:
    """A point, of which z does not matter, lies between the lateral sides."""
    for axis, position, extent in zip("xy", point, case.domain.lateral_extents, strict=False):
        if not 0 <= position <= extent:
            yield Problem(where, f"{axis} = {in_um(position)} is outside the box", f"0 to {in_um(extent)}")


_CHECKS: dict[type, Callable[[Case, str, Any], _Checked]] = {
    defects.Bulk: _bulk,
    defects.GrainBoundaries: _grain_boundaries,
    defects.Flaws: _flaws,
    defects.Cracks: _cracks,
    defects.RandomCracks: _random_cracks,
    defects.Pores: _pores,
    defects.RandomPores: _random_pores,
}


def find_defect_warnings(case: Case) -> Iterator[str]:
    """What the grid does not resolve, and what is doubtful about a mesh."""
    fine, lam, thickness = case.fine_depths[1], case.interface.width, case.electrolyte_thickness
    coarse = fine < thickness * (1 - _ROUNDING)
    for number, defect in enumerate(case.defects):
        where = f"defects.{number}"
        if isinstance(defect, defects.GrainBoundaries):
            least = CELLS_PER_GRAIN_ADVISED * case.grid.spacing
            if defect.grain_size < least:
                yield f"{where}.grain_size: not resolved by grid.spacing; at least {in_um(least)} is advised"
        if coarse and not isinstance(defect, defects.Bulk | defects.Flaws):
            yield (
                f"{where}: above {in_um(fine)} (grid.fine_depth, filament.short_depth) cells are coarse; "
                "channels that are not upright have gaps"
            )
        for radius in _radii(defect):
            if radius < WIDTHS_PER_RADIUS_ADVISED * lam:
                advised = f"at least {in_um(WIDTHS_PER_RADIUS_ADVISED * lam)} is advised"
                yield f"{where}: a radius of {in_um(radius)} is not resolved by interface.width; {advised}"
                break
    yield from mesh_warnings(case)


def _radii(defect: defects.AnyDefect) -> list[float]:
    if isinstance(defect, defects.Pores):
        return [pore.radius for pore in defect.pores]
    return [defect.median_radius] if isinstance(defect, defects.RandomPores) else []
