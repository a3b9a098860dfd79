"""A measured surface: heights along x, and in 3-D on a grid of x and y, from a CSV file.

The columns are ``x``, in 3-D ``y``, and ``height``, each heading with its unit: ``x [um],height [nm]``. In 3-D there is
one row for each x and y of a rectangular grid, in any order. x and y count from the sides of the box; what lies beyond
it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from pydantic import model_validator

from solver.case.columns import Headings, TableRefused, read_columns
from solver.case.types import Height, Position, Problem, Section, in_um, key, problem_error, required, resolved
from solver.units import Quantity, ValueRefused

STEEPEST = 1.0  # slope: the distance from a surface in its indicator is of first order in it
_ROUNDING = 1e-9  # relative, of the ends of a table
_LEVEL = 0.01  # widths lambda by which the heights at two periodic sides may differ
_HEADINGS = Headings(
    {name: Quantity("m", show="um", what="position") for name in ("x", "y")}
    | {"height": Quantity("m", show="nm", what="height")},
    needed=("x", "height"),
    words="x [um], height [nm] and in 3-D y [um]",
)


class SurfaceTable(Section):
    """Heights of a measured surface."""

    x: tuple[Position, ...] = required("places along x")
    y: tuple[Position, ...] | None = key(None, "places along y, in 3-D")
    height: tuple[Height, ...] = required("height at each x, in 3-D at each y of the first x, then of the next one")

    @model_validator(mode="after")
    def _columns_fit(self) -> SurfaceTable:
        grows = all(a < b for places in self.axes for a, b in pairwise(places))
        if not grows or min(map(len, self.axes)) < 2 or len(self.height) != np.prod([len(a) for a in self.axes]):
            wrong, allowed = "the columns do not fit together", "one height for each place, with places that increase"
            raise ValueRefused(wrong, allowed).for_pydantic()
        return self

    @property
    def axes(self) -> tuple[tuple[float, ...], ...]:
        """Places along each lateral axis, m."""
        return (self.x,) if self.y is None else (self.x, self.y)

    @property
    def heights(self) -> np.ndarray:
        """Heights with one axis for each lateral one, m."""
        return np.array(self.height).reshape([len(places) for places in self.axes])

    def covers(self, extents: Sequence[float]) -> bool:
        """Whether there are heights everywhere in a box of these extents (m)."""
        return len(self.axes) == len(extents) and all(
            a[0] <= _ROUNDING * extent and a[-1] >= (1 - _ROUNDING) * extent
            for a, extent in zip(self.axes, extents, strict=True)
        )

    def cut(self, extents: Sequence[float]) -> SurfaceTable:
        """The part in a box of these extents (m), which it covers, with straight lines to the sides."""
        axes, heights = [], self.heights
        for axis, (places, extent) in enumerate(zip(self.axes, extents, strict=True)):
            inside = [p for p in places if _ROUNDING * extent < p < (1 - _ROUNDING) * extent]
            axes.append((0.0, *inside, extent))
            heights = np.apply_along_axis(_joined, axis, heights, places, axes[-1])
        x, y = (*axes, None)[:2]
        return SurfaceTable.model_construct(x=x, y=y, height=tuple(map(float, heights.ravel())))


class MeasuredProfile(Section):
    """A measured surface."""

    file: str = required("CSV file, its path relative to the case file")
    table: SurfaceTable = resolved("the surface in the file; when it is given the file is not read")

    def read(self, where: str, extents: Sequence[float], directory: Path) -> MeasuredProfile:
        """The same with its table, cut to a box of these extents (m) where it covers it. where: its key."""
        try:
            table = self.table or read_surface(directory / self.file)
        except TableRefused as error:
            raise problem_error([Problem(f"{where}.file", str(error))]) from None
        return self.model_copy(update={"table": table.cut(extents) if table.covers(extents) else table})


def _joined(heights: np.ndarray, places: Sequence[float], new: Sequence[float]) -> np.ndarray:
    """Heights at other places, by straight lines."""
    return np.interp(new, places, heights)


def read_surface(path: Path) -> SurfaceTable:
    """The surface in the file `path`; raises TableRefused."""
    columns = read_columns(path, _HEADINGS)
    values, lines = columns.values, columns.lines
    x, y, height = values["x"], values.get("y"), values["height"]
    if y is None:
        for number, (before, place) in zip(lines[1:], pairwise(x), strict=True):
            if place <= before:
                raise TableRefused(f"{path}, line {number}: x = {in_um(place)} is not larger than in the row above")
        return SurfaceTable.model_construct(x=tuple(x), y=None, height=tuple(height))
    order = np.lexsort((y, x))
    axes = [sorted(set(places)) for places in (x, y)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    if len(grid) != len(x) or (np.column_stack([x, y])[order] != grid).any() or min(map(len, axes)) < 2:
        wrong = f"{len(x)} rows with {len(axes[0])} different x and {len(axes[1])} different y"
        raise TableRefused(f"{path}: {wrong}; allowed: one row for each x and y of a rectangular grid")
    return SurfaceTable.model_construct(x=tuple(axes[0]), y=tuple(axes[1]), height=tuple(np.array(height)[order]))


def surface_problems(
    table: SurfaceTable, where: str, extents: Sequence[float], width: float, periodic: bool
) -> Iterator[Problem]:
    """What does not fit in a box of these extents (m) and an interface of the width lambda (m)."""
    yield from fit_problems(table, where, extents, width, periodic)
    if table.covers(extents):
        for axis, along in enumerate("xy"[: len(extents)]):
            yield from _steep(table, where, axis, along, width)


def fit_problems(
    table: SurfaceTable, where: str, extents: Sequence[float], width: float, periodic: bool
) -> Iterator[Problem]:
    """The same without the slopes, of a surface that need not stay as it is."""
    names = ("domain.width", "domain.depth")
    if len(table.axes) != len(extents):
        allowed = "x, y and height in a 3-D case, x and height in a 2-D one"
        yield Problem(where, f"{'no' if table.y is None else 'a'} column y in a {len(extents) + 1}-D case", allowed)
        return
    if not table.covers(extents):
        for along, places, extent, name in zip("xy", table.axes, extents, names, strict=False):
            wrong = f"{along} = {places[0] * 1e6:.6g} to {in_um(places[-1])} is too short for {name}"
            if not (places[0] <= _ROUNDING * extent and places[-1] >= (1 - _ROUNDING) * extent):
                yield Problem(where, wrong, f"0 to {in_um(extent)} or more")
        return
    for axis, along in enumerate("xy"[: len(extents)] if periodic else ""):
        yield from _ends(table, where, axis, along, width)


def _steep(table: SurfaceTable, where: str, axis: int, along: str, width: float) -> Iterator[Problem]:
    places = np.array(table.axes[axis])
    slopes = np.abs(np.diff(np.moveaxis(table.heights, axis, -1)) / np.diff(places))
    if slopes.max() > STEEPEST:
        at = in_um(float(places[slopes.argmax() % slopes.shape[-1]]))
        wrong = f"a slope of {slopes.max():.3g} after {along} = {at} is too steep for interface.width, {in_um(width)}"
        yield Problem(where, wrong, f"slopes up to {STEEPEST:g}; means over interface.width have no noise")


def _ends(table: SurfaceTable, where: str, axis: int, along: str, width: float) -> Iterator[Problem]:
    lines = np.moveaxis(table.heights, axis, -1)
    step = np.abs(lines[..., -1] - lines[..., 0]).max()
    if step > _LEVEL * width:
        wrong = f"the heights at the two sides in {along} differ by {in_um(step)}, and domain.lateral is periodic"
        yield Problem(where, wrong, f'at most {in_um(_LEVEL * width)}, or domain.lateral = "symmetric"')
