"""What varies along the contact of a case: its surfaces, its exchange current; and how charge crosses it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solver.case.collector import Collector, Roughness
from solver.case.schema import Case, RandomHeterogeneity
from solver.case.surface import SurfaceTable
from solver.domain import contact as geometry
from solver.domain.measured import MeasuredHeight
from solver.laws import kinetics
from solver.numerics import random_fields
from solver.numerics.array import Array
from solver.numerics.grid import Grid


def random_field(case: Case, correlation_length: float, seed: int) -> random_fields.LateralField:
    """A random function of the place along the contact: periodic like the box, or even about its symmetry planes."""
    mirrored = case.domain.lateral == "symmetric"
    periods = tuple(extent * (2 if mirrored else 1) for extent in case.domain.lateral_extents)
    return random_fields.LateralField(periods, correlation_length, seed, mirrored)


def surface_height(case: Case) -> geometry.Height:
    """The electrolyte's surface z = height(x, y)."""
    return rough_surface(case, case.interface.roughness)


def rough_surface(case: Case, rough: Roughness | None) -> geometry.Height:
    """A random height over the contact; flat without roughness."""
    if rough is None:
        return geometry.flat
    field = random_field(case, rough.correlation_length, rough.seed)

    def height(*lateral: Array) -> tuple[Array, Sequence[Array]]:
        value, slopes = field.with_gradient(*lateral)
        return rough.amplitude * value, [rough.amplitude * s for s in slopes]

    return height


def collector_depth(case: Case, collector: Collector) -> geometry.Height:
    """How deep the collector's surface lies, measured or random, but for a constant."""
    if collector.profile is None:
        return rough_surface(case, collector.roughness)
    table = collector.profile.table
    return measured(case, table, -table.heights)


def measured(case: Case, table: SurfaceTable, values: Array) -> MeasuredHeight:
    """The surface that has values, m, at the places of a table."""
    axes = tuple(np.array(places) for places in table.axes)
    return MeasuredHeight(axes, values, mirrored=case.domain.lateral == "symmetric")


def exchange_current(case: Case, grid: Grid) -> Array:
    """i0(x) on the owned cells, A/m^2: log-normal with the case's mean, or with patches."""
    kind = case.interface.heterogeneity
    factor: Array = np.ones(())
    lateral = grid.cell_coordinates()[:-1]
    if isinstance(kind, RandomHeterogeneity):
        field = random_field(case, kind.correlation_length, kind.seed)
        factor = np.exp(kind.sigma * field(*lateral) - 0.5 * kind.sigma**2)
    elif kind is not None:
        for patch in kind.patches:
            inside = distance_squared(case, lateral, patch.centre) <= patch.radius**2
            factor = np.where(inside, patch.factor, factor)
    return np.broadcast_to(case.interface.exchange_current_density * factor, grid.local_shape).copy()


def distance_squared(case: Case, points: Sequence[Array], centre: Sequence[float]) -> Array:
    """Squared distance to a point, over the nearest image where the sides are periodic, m^2."""
    squared: Array = np.zeros(())
    for axis, (x, c) in enumerate(zip(points, centre, strict=True)):
        distance = np.abs(x - c)
        if axis < len(case.domain.lateral_extents) and case.domain.lateral == "periodic":
            period = case.domain.lateral_extents[axis]
            distance = np.minimum(distance % period, period - distance % period)
        squared = squared + distance**2
    return squared


def make_kinetics(case: Case) -> kinetics.KineticsParameters:
    """Charge transfer at the contact of a case."""
    return kinetics.KineticsParameters(
        transfer_coefficient=case.interface.transfer_coefficient,
        temperature=case.drive.temperature,
        molar_volume=case.lithium.molar_volume,
        area_resistance=case.interface.area_resistance,
        film_permeance=case.interface.permeance,
        film_resistance=case.interface.film.resistance if case.interface.film else 0.0,
    )
