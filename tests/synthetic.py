"""Made-up grids, fields and runs for the tests of output and post-processing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver.case.ending import Ending
from solver.loop.simulation import headings
from solver.model import catalogue
from solver.model.catalogue import FIELDS
from solver.numerics.grid import Grid, lateral_faces, normal_faces
from solver.output import checkpoint, hdf5, log, summary
from solver.output.snapshots import PRECISIONS, SnapshotWriter
from solver.physics.barrier import Barrier
from solver.physics.deposit import Deposit
from solver.physics.host import Host
from solver.physics.interphase import Interphase
from solver.physics.nucleation import Nucleation
from solver.physics.seed import Seed

LEFT_OUT = (*Seed.columns, *Host.columns, *Interphase.columns, *Barrier.columns)
OF_PARTS = [column for column in catalogue.COLUMNS if column not in LEFT_OUT]
OF_COLLECTOR = (*Deposit.columns, *Nucleation.columns)
COLUMNS = headings([column for column in OF_PARTS if column not in OF_COLLECTOR])  # of a thick electrode
PROVENANCE: dict[str, Any] = {
    "case": 'title = "made up"  # \u00b5m\n',
    "resolved_case": '{"title": "made up", "domain": {"lateral": "periodic"}, "drive": {"current_density": 10.0}}',
    "versions": {"lifront": "0"},
    "ranks": 1,
    "seeds": {"heterogeneity": 1},
}


def grid(dim: int, graded: bool) -> Grid:
    """A small grid with different numbers of cells along its axes."""
    z = (
        normal_faces(
            lithium_thickness=2e-6,
            electrolyte_thickness=1e-6,
            spacing=1e-7,
            fine_depths=(3e-7, 3e-7),
            growth=1.2,
            max_spacing=3e-7,
        )
        if graded
        else np.linspace(-2e-6, 1e-6, 31)
    )
    lateral = [lateral_faces(7e-7, 1e-7), lateral_faces(5e-7, 1e-7)][: dim - 1]
    return Grid([*lateral, z], [True] * (dim - 1))


def fields(g: Grid, factor: float = 1.0) -> dict[str, np.ndarray]:
    """A scalar whose value tells the cell, and a vector and a tensor whose components differ."""
    return _fields(g.global_ids().astype(float) + 0.1, g.dim, factor)


def global_fields(g: Grid, factor: float = 1.0, precision: str = "double") -> dict[str, np.ndarray]:
    """What `fields` gives, for the whole grid, rounded as in snapshots of this precision."""
    exact = _fields(np.arange(np.prod(g.shape)).reshape(g.shape) + 0.1, g.dim, factor)
    return {name: values.astype(PRECISIONS[precision]).astype(float) for name, values in exact.items()}


def _fields(cell: np.ndarray, dim: int, factor: float) -> dict[str, np.ndarray]:
    velocity = np.stack([1e-3 * cell + n for n in range(dim)], axis=-1)
    stress = np.stack([1e-3 * cell + 10 * n for n in range(6)], axis=-1)
    return {"lithium": factor * cell, "velocity": factor * velocity, "stress": factor * stress}


def matrix(stress: np.ndarray) -> np.ndarray:
    """All nine components, row by row, of xx yy zz xy yz xz (last axis)."""
    xx, yy, zz, xy, yz, xz = np.moveaxis(stress, -1, 0)
    return np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=-1)


def write_output(directory: str, dim: int, graded: bool, precision: str = "double") -> dict[str, Any]:
    """Two snapshots and a checkpoint, which is read back; run on any number of ranks. Compressed, although small."""
    g = grid(dim, graded)
    writer = SnapshotWriter(directory, g, FIELDS, PROVENANCE, precision)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5, "SMALLEST_COMPRESSED", 1)
        writer.write(0.0, 0, fields(g))
        writer.write(1 / 3, 1, fields(g, 2.0))
    path = checkpoint.write(directory, g, 1, fields(g), {"time": 1 / 3}, PROVENANCE)
    saved = checkpoint.read(path, g)
    read, scalars = saved.fields, saved.scalars
    same = all(np.array_equal(read[name], values) for name, values in fields(g).items())
    return {"same": g.sum(np.array(not same)) == 0.0, "time": scalars["time"]}


# -- a run that looks like stripping with voids ---------------------------------------------------------


VOIDS = ((4e-6, 0.7e-6), (9.5e-6, 1.3e-6), (15e-6, 0.5e-6))  # place along the contact, radius; m


Fields = Callable[[Grid, float], dict[str, np.ndarray]]
Row = Callable[[int, float], dict[str, float]]


def strip_run(directory: str | Path, dim: int = 2, finished: bool = True) -> Path:
    """A run directory with half-disc voids at a flat contact, 0.2 um diffuse, that grow over an hour."""
    ending = Ending("finished", "capacity reached") if finished else None
    return _write_run(Path(directory), dim, strip_fields, _row, ending)


def _write_run(
    directory: Path,
    dim: int,
    fields_of: Fields,
    row_of: Row,
    ending: Ending | None,
    columns: Sequence[str] = COLUMNS,
    left_out: Collection[str] = (),
) -> Path:
    """fields_of: grid and share of the hour; row_of: step and time, s; ending: None of a run that goes on.

    columns: headings of the log. left_out: fields that are not written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    z = normal_faces(
        lithium_thickness=30e-6,
        electrolyte_thickness=10e-6,
        spacing=1e-7,
        fine_depths=(4e-6, 4e-6),
        growth=1.1,
        max_spacing=1e-6,
    )
    lateral = [lateral_faces(20e-6, 2e-7), lateral_faces(6e-6, 1e-6)][: dim - 1]
    g = Grid([*lateral, z], [True] * (dim - 1))
    writer = SnapshotWriter(directory, g, FIELDS, PROVENANCE)
    table = log.LogTable(directory / "log.csv", columns)
    for step, time in enumerate(np.linspace(0.0, 3600.0, 61)):
        if step % 20 == 0:
            made = fields_of(g, float(time) / 3600.0)
            writer.write(float(time), step, {name: made[name] for name in made if name not in left_out})
        table.append(row_of(step, float(time)))
    table.close()
    if ending:
        summary.write(directory, g.comm, ending, 60, 2, {"charge": 1.0}, PROVENANCE)
    return directory


def strip_fields(g: Grid, growth: float) -> dict[str, np.ndarray]:
    """The fields of `strip_run` when the voids have `growth` (0 to 1) of their final radius."""
    at = dict(zip(g.axes, g.cell_coordinates(), strict=True))
    width, z = 2e-7, at["z"] + np.zeros(g.local_shape)
    psi = 0.5 * (1 + np.tanh(z / (2 * width)))
    xi, shadow = np.ones(g.local_shape), np.zeros(g.local_shape)
    for place, radius in VOIDS if "x" in at else ():
        r = radius * growth + 1e-12
        across = (at["x"] - place) ** 2 + (at["y"] - 3e-6) ** 2 * 0.2 if "y" in at else (at["x"] - place) ** 2
        xi = xi * 0.5 * (1 + np.tanh((np.sqrt(across + z**2) - r) / (2 * width)))
        shadow = shadow + growth * np.exp(-(((np.sqrt(across) - r) / 4e-7) ** 2))
    at_contact = np.exp(-((z / (2 * width)) ** 2))
    near = shadow * np.exp(-np.abs(z) / 1e-6)
    pressure = 3e6 * (xi * (1 - psi) + psi) * (1 + near)
    tension = -pressure + 14e6 * near * psi
    return {
        "lithium": xi,
        "occupancy": xi * (1 - 0.08 * growth * np.exp(z / 5e-6) * (z < 0)),
        "potential": -0.01 + 55.0 * z,
        "electrolyte": psi,
        "local_current_density": -10.0 * (xi + 2.5 * shadow) * at_contact,
        "pressure": pressure,
        "stress": np.stack([-2 * pressure, -2 * pressure, tension, 0 * z, 0 * z, 1e6 * near], axis=-1),
        "von_mises_stress": tension + 2 * pressure,
        "largest_principal_stress": tension,
        "contact_pressure": 3e6 * (xi + shadow) * (at_contact > 1e-4),
        "displacement": np.stack([1e-9 * near] * g.dim, axis=-1),
    }


# -- a run that looks like plating with filaments --------------------------------------------------------


CHANNELS = (4e-6, 12e-6)  # places along the contact, m
CHANNEL_HALF_WIDTH = 3e-7  # m
DEEPEST = 9.95e-6  # height of the filament in the first channel at the end, m; the other one has half of it
DEAD = (7e-6, 8e-6)  # heights between which the second channel has dead Li, m
SECTION = 1.5e-6  # 3-D: y of the section in which the filaments are deepest, m


def filament_run(directory: str | Path, dim: int = 2) -> Path:
    """A run directory with Li in two planes through the electrolyte; both filaments grow over an hour."""

    def row(step: int, time: float) -> dict[str, float]:
        depth = DEEPEST * time / 3600.0
        return _row(step, time) | {"penetration_depth": depth, "filament_volume": 1e-3 * depth}

    ending = Ending("short circuit", "short circuit at x = 4 um, after 3600 s, 1 mAh/cm2")
    return _write_run(Path(directory), dim, filament_fields, row, ending)


def filament_fields(g: Grid, growth: float) -> dict[str, np.ndarray]:
    """The fields of `filament_run` when its filaments have `growth` (0 to 1) of their final height."""
    at = dict(zip(g.axes, g.cell_coordinates(), strict=True))
    fields = strip_fields(g, 0.0)
    z = at["z"] + np.zeros(g.local_shape)
    network, filament, dead = (np.zeros(g.local_shape) for _ in range(3))
    height = growth * DEEPEST * np.exp(-((at.get("y", SECTION) - SECTION) ** 2) / 1e-12)
    for place, share in zip(CHANNELS, (1.0, 0.5), strict=True) if "x" in at else ():
        b = np.exp(-(((at["x"] - place) / CHANNEL_HALF_WIDTH) ** 2)) + 0 * z
        lost = (b > 0.5) & (z > DEAD[0]) & (z < DEAD[1]) & (share < 1.0)
        network = np.maximum(network, b)
        filament = np.where(b > 0.05, np.maximum(filament, (z < share * height) | lost), filament)
        dead = np.maximum(dead, lost)
    defect = fields["electrolyte"] * network
    return fields | {
        "defect": defect,
        "filament": filament,
        "dead_lithium": dead,
        "infiltration_pressure": 94e6 * (defect > 0.05) * (filament < 0.5),
    }


# -- a run that looks like plating on a collector, and stripping ------------------------------------------


ISLAND = (6e-6, 14e-6)  # of Li, along the contact, m
LARGEST_GAP = 1.6e-6  # about, after 40 minutes, m
PLATED = 2400.0  # s
INSIDE_COLLECTOR = 0.7  # xi there, which means nothing


def deposit_run(directory: str | Path, dim: int = 2, left_out: Collection[str] = ()) -> Path:
    """A run directory with an island on a rough collector: plated for 40 minutes, stripped in 20."""
    ending = Ending("voltage limit", "voltage limit 0.2 V")
    columns = headings(OF_PARTS)
    return _write_run(Path(directory), dim, deposit_fields, _deposit_row, ending, columns, left_out)


def plated(time: float) -> float:
    """Share of the Li that is there, of the most."""
    return min(time / PLATED, (3600.0 - time) / (3600.0 - PLATED))


def deposit_gap(g: Grid, growth: float) -> np.ndarray:
    """Gap of every column, m, after `growth` (0 to 1) of the hour."""
    at = dict(zip(g.axes, g.cell_coordinates(), strict=True))
    rough = 1 + 0.1 * np.cos(2 * np.pi * at.get("x", 0.0) / 20e-6) + 0.1 * at.get("y", 0.0) / 6e-6
    return 1e-7 + LARGEST_GAP * plated(3600.0 * growth) * rough + np.zeros((*g.local_shape[:-1], 1))


def deposit_fields(g: Grid, growth: float) -> dict[str, np.ndarray]:
    """The fields of `deposit_run` after `growth` (0 to 1) of the hour."""
    at = dict(zip(g.axes, g.cell_coordinates(), strict=True))
    fields, every, gap = strip_fields(g, 0.0), np.zeros(g.local_shape), deposit_gap(g, growth)
    chi = 0.5 * (1 - np.tanh((at["z"] + gap) / 4e-7))
    x = at.get("x", np.mean(ISLAND))
    island = every + ((x > ISLAND[0]) & (x < ISLAND[1]))
    return fields | {
        "lithium": np.where(chi > 0.96, INSIDE_COLLECTOR, island),
        "collector": chi,
        "gap": gap + every,
        "lithium_thickness": gap * island,
    }


def _deposit_row(step: int, time: float) -> dict[str, float]:
    direction = 1.0 if time <= PLATED else -2.0
    gap = 1e-7 + LARGEST_GAP * plated(time)
    return _row(step, time) | {
        "current_density": 10.0 * direction,
        "capacity": 10.0 * PLATED * plated(time),
        "voltage": 0.010 * direction,
        "gap": gap,
        "smallest_gap": 0.9 * gap,
        "lithium_thickness": 0.4 * gap,
        "thickness_spread": 0.5 * gap,
        "collector_coverage": 0.4,
        "covered_fraction": 0.4,
        "islands": 1,
        "largest_island": 0.4,
        "lithium_in_gaps": 0.0,
        "nucleus_density": 1e14,
        "nucleated_share": 0.7,
        "nucleated_lithium": 2e-9,
    }


def _row(step: int, time: float) -> dict[str, float]:
    part = time / 3600.0
    return {
        "step": step,
        "time": time,
        "dt": 60.0,
        "segment": 0,
        "current_density": -10.0,
        "capacity": -10.0 * time,
        "voltage": -0.010 - 0.02 * part**3,
        "contact_fraction": 1.0 - 0.25 * part**2,
        "touching_fraction": 1.0 - 0.25 * part**2,
        "void_volume": 1.2e-7 * part**2,
        "local_current_max_ratio": 1.0 + 2.5 * part,
        "platen_pressure": 3e6,
        "contact_pressure": 3e6,
        "platen_displacement": 1e-8,
        "thickened_share": 0.0,
        "penetration_depth": 0.0,
        "filament_volume": 0.0,
        "dead_lithium": 0.0,
        "force_error": 1e-9,
        "drift_velocity": 1.35e-9,
        "newton": 3,
        "krylov": 21,
        "charge_error": 1e-12,
        "lithium_error": 1e-9,
        "wall": 0.1 * step,
    }
