"""Numbers that summarise a run, from its curves (log.csv) or from its fields. SI units.

Curves are the dictionary of `Run.curves` or of the result of `solver.run`. The volume of filaments is in the curves
only: the fields have the numerical width of the channels, not the true opening of the defects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.ndimage import label
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from postprocess.reader import Run

Array = np.ndarray


# -- from the curves ---------------------------------------------------------------------------------------


def minimum_contact_fraction(curves: Mapping[str, Array]) -> float:
    """Smallest contact fraction of the run."""
    return float(np.min(curves["contact_fraction"]))


def maximum_void_volume(curves: Mapping[str, Array]) -> float:
    """Largest void volume per contact area, m."""
    return float(np.max(curves["void_volume"]))


def maximum_local_current_ratio(curves: Mapping[str, Array]) -> float:
    """Largest ratio of the local to the mean current density (hot spots)."""
    return float(np.max(curves["local_current_max_ratio"]))


def contact_loss_onset(curves: Mapping[str, Array], threshold: float = 0.99) -> float:
    """Time (s) at which the contact fraction first falls below `threshold`, interpolated; NaN if never."""
    time, contact = curves["time"], curves["contact_fraction"]
    below = np.flatnonzero(contact < threshold)
    if not len(below):
        return float("nan")
    n = int(below[0])
    if n == 0:
        return float(time[0])
    share = (contact[n - 1] - threshold) / (contact[n - 1] - contact[n])
    return float(time[n - 1] + share * (time[n] - time[n - 1]))


def coulombic_efficiency(curves: Mapping[str, Array]) -> Array:
    """Charge stripped over charge plated, for each plating half-cycle that a stripping one follows.

    Half-cycles are the rising and falling stretches of the capacity; rests do not separate them. Stripping
    before the first plating takes Li from the electrode, not from a deposit, and is not counted.
    """
    change = np.diff(curves["capacity"], prepend=0.0)
    change = change[change != 0.0]
    if not len(change):
        return np.empty(0)
    starts = np.flatnonzero(np.diff(np.sign(change), prepend=0.0))
    charges = np.add.reduceat(change, starts)
    if charges[0] < 0.0:
        charges = charges[1:]
    cycles = len(charges) // 2
    return -charges[1 : 2 * cycles : 2] / charges[0 : 2 * cycles : 2]


def critical_current_density(results: Mapping[str, Any]) -> float:
    """Highest plating current density that was plated to its end, A/m^2; NaN when there is none.

    results: those of a ramp (`Run.summary["results"]`, `results` of `solver.run`) or of a search (in its ccd.json).
    """
    found = results.get("critical_current_density")
    return float("nan") if found is None else float(found)


# -- from the fields -----------------------------------------------------------------------------------------


def void_volume(run: Run, index: int = -1) -> float:
    """Volume of the void (1 - psi)(1 - xi) per contact area, m."""
    void = (1.0 - run.field("electrolyte", index)) * (1.0 - run.field("lithium", index))
    return float(np.sum(void * run.volumes)) / run.lateral_area


def void_fraction(run: Run, index: int = -1) -> float:
    """Volume of the void over the volume of the metal side."""
    metal_side = float(np.sum((1.0 - run.field("electrolyte", index)) * run.volumes)) / run.lateral_area
    return void_volume(run, index) / metal_side


def interface_average(run: Run, values: Array, index: int = -1) -> Array:
    """Average of a cell field over the diffuse contact, per column along the normal; weight |d psi / dz|."""
    slope = np.gradient(run.field("electrolyte", index), run.axes["z"], axis=-1)
    weight = np.abs(slope) * np.diff(run.faces["z"])
    averaged: Array = np.sum(values * weight, axis=-1) / np.sum(weight, axis=-1)
    return averaged


def interface_height(run: Run, index: int = -1) -> Array:
    """Where the contact (psi = 1/2) lies in each column, m."""
    return _last_crossing(run.axes["z"], run.field("electrolyte", index) - 0.5, start=None)


def surface_depth(run: Run, index: int = -1) -> Array:
    """Distance (m) from the contact down to the Li surface (xi = 1/2) in each column; 0 where they touch."""
    contact = interface_height(run, index)
    surface = _last_crossing(run.axes["z"], 0.5 - run.field("lithium", index), start=contact)
    return contact - surface


def roughness(run: Run, index: int = -1) -> float:
    """Root mean square deviation (m) of the Li surface below the contact from its mean depth."""
    depth = surface_depth(run, index)
    widths = np.ones(())
    for faces in list(run.faces.values())[:-1]:
        widths = widths[..., None] * np.diff(faces)
    widths = widths / widths.sum()
    return float(np.sqrt(np.sum(widths * (depth - np.sum(widths * depth)) ** 2)))


def living_filament(run: Run, index: int = -1) -> Array:
    """Cells of the electrolyte that are Li in a defect, joined to the electrode (bool)."""
    psi = run.field("electrolyte", index)
    filled = (run.field("defect", index) > 0.5 * psi) & (run.field("filament", index) > 0.5)
    living: Array = (psi >= 0.5) & filled & (run.field("dead_lithium", index) < 0.5)
    return living


def penetration_depth(run: Run, index: int = -1) -> float:
    """Height above the contact that living Li in the defects reaches, m; 0 where there is none."""
    tops = np.broadcast_to(run.faces["z"][1:], run.volumes.shape)
    return max(0.0, float(np.max(tops, where=living_filament(run, index), initial=0.0)))


def number_of_filaments(run: Run, depth: float, index: int = -1) -> int:
    """Number of filaments at more than `depth` (m) from the contact: connected parts of the living Li there.

    Cells are connected through their faces, also across periodic sides.
    """
    beyond = living_filament(run, index) & (run.axes["z"] > depth)
    labels, count = label(beyond)
    if not count:
        return 0
    sides = [np.empty((2, 0), dtype=int)]
    if _is_periodic(run):
        sides += [labels.take([0, -1], axis).swapaxes(0, axis).reshape(2, -1) for axis in range(labels.ndim - 1)]
    meeting = np.concatenate(sides, axis=1)
    first, second = meeting[:, np.all(meeting > 0, axis=0)] - 1
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
    return int(connected_components(graph, directed=False, return_labels=False))


def _is_periodic(run: Run) -> bool:
    domain = run.case.get("domain")
    return isinstance(domain, dict) and domain.get("lateral") == "periodic"


def _last_crossing(z: Array, values: Array, start: Array | None) -> Array:
    """The highest z <= `start` where values change from <= 0 below to > 0 above, interpolated, per column.

    `start` where values are <= 0 there; the lowest z where they are positive all the way down.
    """
    columns = values.reshape(-1, len(z))
    tops = np.full(len(columns), z[-1]) if start is None else np.ravel(start)
    heights = np.empty(len(columns))
    for n, (column, top) in enumerate(zip(columns, tops, strict=True)):
        inside = z < top
        points = np.append(z[inside], top)
        heights_of = np.append(column[inside], np.interp(top, z, column))
        low = np.flatnonzero(heights_of <= 0.0)
        if not len(low):
            heights[n] = z[0]
        elif low[-1] == len(points) - 1:
            heights[n] = top
        else:
            k = low[-1]
            share = heights_of[k] / (heights_of[k] - heights_of[k + 1])
            heights[n] = points[k] + share * (points[k + 1] - points[k])
    return heights.reshape(values.shape[:-1])
