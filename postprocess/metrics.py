"""Numbers that summarise a run, from its curves (log.csv) or from its fields. SI units.

Curves are the dictionary of `Run.curves` or of the result of `solver.run`. The volume of filaments is in the curves
only: the fields have the numerical width of the channels, not the true opening of the defects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.ndimage import label
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from postprocess.reader import Run

Array = np.ndarray

ONSET = 0.99  # contact fraction below which contact is being lost


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


def maximum_penetration_depth(curves: Mapping[str, Array]) -> float:
    """Largest height above the contact that living Li in the defects has reached, m."""
    return float(np.max(curves["penetration_depth"]))


def maximum_filament_volume(curves: Mapping[str, Array]) -> float:
    """Largest volume of Li in the defects per contact area, m."""
    return float(np.max(curves["filament_volume"]))


def contact_loss_onset(curves: Mapping[str, Array], threshold: float = ONSET) -> float:
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


# what `lifront info` says of the curves: name, the column that it needs, the number, its unit where it is not that of
# the column
OF_CURVES: tuple[tuple[str, str, Callable[[Mapping[str, Array]], float], str], ...] = (
    ("least contact_fraction", "contact_fraction", minimum_contact_fraction, ""),
    (f"contact below {ONSET:g} at", "contact_fraction", contact_loss_onset, "s"),
    ("largest void_volume", "void_volume", maximum_void_volume, ""),
    ("largest local current ratio", "local_current_max_ratio", maximum_local_current_ratio, ""),
    ("largest penetration_depth", "penetration_depth", maximum_penetration_depth, ""),
    ("largest filament_volume", "filament_volume", maximum_filament_volume, ""),
)


def critical_current_density(results: Mapping[str, Any]) -> float:
    """Highest plating current density that was plated to its end, A/m^2; NaN when there is none.

    results: those of a ramp (`Run.summary["results"]`, `results` of `solver.run`) or of a search (in its ccd.json).
    """
    found = results.get("critical_current_density")
    return float("nan") if found is None else float(found)


# -- from the fields -----------------------------------------------------------------------------------------


def interface_average(run: Run, values: Array, index: int = -1) -> Array:
    """Average of a cell field over the diffuse contact, per column along the normal; weight |d psi / dz|."""
    slope = np.gradient(run.field("electrolyte", index), run.axes["z"], axis=-1)
    weight = np.abs(slope) * np.diff(run.faces["z"])
    averaged: Array = np.sum(values * weight, axis=-1) / np.sum(weight, axis=-1)
    return averaged


def interface_height(run: Run, index: int = -1) -> Array:
    """Where the contact (psi = 1/2) lies in each column, m."""
    z, psi = run.axes["z"], run.field("electrolyte", index)
    heights = [_last_crossing(z, column - 0.5) for column in psi.reshape(-1, len(z))]
    return np.array(heights).reshape(psi.shape[:-1])


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


def _last_crossing(z: Array, values: Array) -> float:
    """The highest z where values change from <= 0 below to > 0 above, interpolated; the end of z where they do not."""
    low = np.flatnonzero(values <= 0.0)
    if not len(low):
        return float(z[0])
    k = low[-1]
    if k == len(z) - 1:
        return float(z[-1])
    share = values[k] / (values[k] - values[k + 1])
    return float(z[k] + share * (z[k + 1] - z[k]))
