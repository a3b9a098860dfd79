"""Checkpoints: everything a run needs to go on, in one HDF5 file per checkpoint.

    checkpoint_000123.h5
        /               attributes format_version, step, complete (written last)
        /fields/<name>  global arrays with the axes of the grid, natural order, for any number of ranks
        /grid/<axis>    face coordinates, m
        /scalars        JSON: time, step size, segment, charge passed ...
        /provenance     case text, resolved case, versions, commit, ranks, seeds

A file is written aside, synced and renamed, then older ones are deleted: at every moment the newest
complete checkpoint is in place. A state with NaN or infinity is never written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from mpi4py import MPI

from solver.output import files, hdf5

if TYPE_CHECKING:
    from solver.grid import Grid

Array = np.ndarray

FORMAT_VERSION = 1
_NAME = re.compile(r"checkpoint_\d+\.h5")


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be written or used; the message says which, why, and what to do."""


def write(
    directory: str | Path,
    grid: Grid,
    step: int,
    fields: Mapping[str, Array],
    scalars: Mapping[str, Any],
    provenance: Mapping[str, Any],
    keep: int = 2,
) -> Path:
    """Write checkpoint_<step>.h5, then delete all but the newest `keep` (collective).

    fields: owned blocks. scalars: JSON-able; rank 0's are stored. Checkpoints of later steps (from a run
    that was continued at an earlier step) are deleted too. Raises CheckpointError on every rank, and
    leaves the older checkpoints, when a value is NaN or infinite on any rank.
    """
    path = Path(directory) / f"checkpoint_{step:06d}.h5"
    _refuse_non_finite(grid.comm, step, fields)
    text = files.on_root(grid.comm, lambda: _json(scalars))
    with hdf5.create(path, grid.comm, fields.values()) as file:
        for name, values in fields.items():
            file.block(f"fields/{name}", values, grid.shape, grid.start)
        for axis, faces in zip(grid.axes, grid.faces, strict=True):
            file.common(f"grid/{axis}", faces)
        file.text("scalars", text)
        file.provenance(provenance)
        file.attributes("/", {"format_version": FORMAT_VERSION, "step": int(step), "complete": 1})
    files.on_root(grid.comm, lambda: _clean(path.parent, step, keep))
    return path


def read(path: str | Path, grid: Grid) -> tuple[dict[str, Array], dict[str, Any]]:
    """The owned blocks and the scalars of a checkpoint (collective). Raises CheckpointError on every rank."""
    path = Path(path)
    files.on_root(grid.comm, lambda: _check(path, grid))
    with h5py.File(path, "r") as file:
        fields = {
            name: np.ascontiguousarray(data[grid.owned], dtype=float) for name, data in file["fields"].items()
        }
        scalars = json.loads(hdf5.read_text(file["scalars"]))
    return fields, scalars


def provenance(path: str | Path) -> dict[str, str]:
    """The provenance of a checkpoint. Raises CheckpointError when the file cannot be read."""
    with _open(Path(path)) as file:
        return hdf5.read_provenance(file)


def case_differences(path: str | Path, resolved: str) -> list[str]:
    """The keys in which the resolved case (JSON) differs from the checkpoint's, each as "key: old -> new"."""
    old = _flat(json.loads(provenance(path)["resolved_case"]))
    new = _flat(json.loads(resolved))
    keys = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
    return [f"{k}: {old.get(k, 'absent')} -> {new.get(k, 'absent')}" for k in keys]


def latest(directory: str | Path) -> Path | None:
    """The newest complete checkpoint, or None; files that do not open are passed over (not collective)."""
    for path in sorted(_all(Path(directory)), key=_step, reverse=True):
        try:
            with _open(path):
                return path
        except CheckpointError:
            continue
    return None


def discard_later(directory: str | Path, step: int) -> None:
    """Delete the checkpoints after `step`: the run is continued from there (not collective)."""
    for path in _all(Path(directory)):
        if _step(path) > step:
            path.unlink()


def _refuse_non_finite(comm: MPI.Comm, step: int, fields: Mapping[str, Array]) -> None:
    bad = np.array([not np.all(np.isfinite(v)) for v in fields.values()], dtype=np.int32)
    comm.Allreduce(MPI.IN_PLACE, bad, MPI.MAX)
    if bad.any():
        names = ", ".join(name for name, b in zip(fields, bad, strict=True) if b)
        raise CheckpointError(f"checkpoint of step {step} not written: NaN or infinity in {names}")


def _json(scalars: Mapping[str, Any]) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, np.generic | np.ndarray):
            return value.tolist()
        raise TypeError(f"cannot store {value!r} of type {type(value).__name__} in a checkpoint")

    try:
        return json.dumps(dict(scalars), allow_nan=False, default=plain)
    except (TypeError, ValueError) as exc:
        raise CheckpointError(f"checkpoint not written: scalars: {exc}") from exc


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    """The file, opened for reading and found complete."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        file = h5py.File(path, "r")
    except OSError as exc:
        raise CheckpointError(f"{path}: truncated, or not an HDF5 file ({exc})") from exc
    with file:
        if not file.attrs.get("complete", 0):
            raise CheckpointError(f"{path}: incomplete: not a checkpoint, or not written to its end")
        if (version := int(file.attrs["format_version"])) != FORMAT_VERSION:
            raise CheckpointError(f"{path}: checkpoint format {version}; this version reads {FORMAT_VERSION}")
        yield file


def _check(path: Path, grid: Grid) -> None:
    """Raise CheckpointError unless the checkpoint lives on this grid and all its fields can be read."""
    with _open(path) as file:
        stored = {axis: data[...] for axis, data in file["grid"].items()}
        if tuple(sorted(stored)) != grid.axes:
            raise CheckpointError(
                f"{path}: axes {sorted(stored)} in the checkpoint, {list(grid.axes)} in the case"
            )
        for axis, faces in zip(grid.axes, grid.faces, strict=True):
            old = stored[axis]
            if len(old) != len(faces):
                raise CheckpointError(
                    f"{path}: {len(old) - 1} cells along {axis} in the checkpoint, "
                    f"{len(faces) - 1} in the case"
                )
            if not np.allclose(old, faces, rtol=0.0, atol=1e-9 * (faces[-1] - faces[0])):
                raise CheckpointError(
                    f"{path}: the cells along {axis} lie elsewhere than in the case: "
                    f"{old[0]:.6g} to {old[-1]:.6g} m in the checkpoint, "
                    f"{faces[0]:.6g} to {faces[-1]:.6g} m in the case"
                )
        for name, data in file["fields"].items():
            if data.shape[: grid.dim] != grid.shape:
                raise CheckpointError(f"{path}: field {name} is {data.shape}, the grid {grid.shape}")


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Nested JSON as {"drive.current_density": value}; list entries are numbered."""
    if isinstance(value, dict):
        items = [(f"{key}.{k}" if key else str(k), v) for k, v in value.items()]
    elif isinstance(value, list):
        items = [(f"{key}[{n}]", v) for n, v in enumerate(value)]
    else:
        return {key: value}
    return {k: v for name, entry in items for k, v in _flat(entry, name).items()}


def _all(directory: Path) -> list[Path]:
    return [p for p in directory.glob("checkpoint_*.h5") if _NAME.fullmatch(p.name)]


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("checkpoint_"))


def _clean(directory: Path, step: int, keep: int) -> None:
    discard_later(directory, step)
    for path in sorted(_all(directory), key=_step)[: -max(1, keep)]:
        path.unlink()
