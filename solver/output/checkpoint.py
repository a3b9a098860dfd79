"""Checkpoints: everything a run needs to go on, in one HDF5 file per checkpoint.

    checkpoint_000123.h5
        /               attributes format_version, step; checksum of /checksums (written last)
        /fields/<name>  global arrays with the axes of the grid, natural order, for any number of ranks
        /grid/<axis>    face coordinates, m
        /log/<column>   the log until then, one value per step; of text JSON
        /scalars        JSON: time, step size, segment, charge passed ...
        /provenance     case text, resolved case, versions, commit, ranks, seeds
        /checksums      JSON: of each of these datasets

A file is written aside, synced and renamed, then older ones are deleted: at every moment the newest
complete checkpoint is in place. A state with NaN or infinity is never written. What is read is compared with its
checksum: a file that has been damaged, or that lacks something, is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import h5py
import numpy as np
from mpi4py import MPI

from solver.output import checksum, files, hdf5, stored

if TYPE_CHECKING:
    from solver.numerics.grid import Grid

Array = np.ndarray
T = TypeVar("T")

FORMAT_VERSION = 2
CHECKSUMS = "checksums"
_NAME = re.compile(r"checkpoint_[0-9]+\.h5")


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be written or used; the message says which, why, and what to do."""


class NotWritten(CheckpointError):
    """A state that cannot be kept; the checkpoints before it are valid."""


@dataclass(frozen=True)
class Checkpoint:
    """What a run goes on from: owned blocks of the fields, progress, the log by column, where it comes from."""

    fields: dict[str, Array]
    scalars: dict[str, Any]
    log: dict[str, list[Any]] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)


def write(
    directory: str | Path,
    grid: Grid,
    step: int,
    fields: Mapping[str, Array],
    scalars: Mapping[str, Any],
    provenance: Mapping[str, Any],
    keep: int = 2,
    log: Mapping[str, list[Any]] | None = None,
) -> Path:
    """Write checkpoint_<step>.h5, then delete all but the newest `keep` (collective).

    fields: owned blocks. scalars: JSON-able; rank 0's are stored. log: columns by name, the same on every rank.
    Checkpoints of later steps (from a run that was continued at an earlier step) are deleted too. Raises
    CheckpointError on every rank, and leaves the older checkpoints, when a value is NaN or infinite on any rank, and
    FileError when the file cannot be written.
    """
    path = Path(directory) / f"checkpoint_{step:06d}.h5"
    _refuse_non_finite(grid.comm, step, fields)
    texts = {"scalars": files.on_root(grid.comm, lambda: _json(scalars))}
    texts |= {f"provenance/{k}": v for k, v in hdf5.provenance_texts(grid.comm, provenance).items()}
    arrays = {f"grid/{axis}": faces for axis, faces in zip(grid.axes, grid.faces, strict=True)}
    for name, column in (log or {}).items():
        if any(isinstance(value, str) for value in column):
            texts[f"log/{name}"] = json.dumps(column)
        else:
            arrays[f"log/{name}"] = np.array(column, dtype=float)
    sums = {f"fields/{name}": checksum.of_field(grid, values) for name, values in fields.items()}
    sums |= {name: checksum.of_text(text) for name, text in texts.items()}
    sums |= {name: checksum.of_bytes(values.tobytes()) for name, values in arrays.items()}
    listed = json.dumps(sums)
    with hdf5.create(path, grid.comm, fields.values()) as file:
        for name, values in fields.items():
            file.block(f"fields/{name}", values, grid.shape, grid.start)
        for name, values in arrays.items():
            file.common(name, values)
        for name, text in (texts | {CHECKSUMS: listed}).items():
            file.text(name, text)
        about = {"format_version": FORMAT_VERSION, "step": int(step), "checksum": checksum.of_text(listed)}
        file.attributes("/", about)
    files.on_root(grid.comm, lambda: _clean(path.parent, step, keep))
    return path


# -- reading -------------------------------------------------------------------------------------------


def read(path: str | Path, grid: Grid) -> Checkpoint:
    """What a checkpoint holds (collective). Raises CheckpointError on every rank when any of it is not as written."""
    path = Path(path)
    names, rest = files.on_root(grid.comm, lambda: _read_common(path, grid))
    fields = {}
    for name, expected in names.items():
        fields[name] = _read_block(path, grid, f"fields/{name}")
        if checksum.of_field(grid, fields[name]) != expected:
            raise CheckpointError(f"{path}: damaged: fields/{name} is not what was written")
        if grid.max(~np.isfinite(fields[name])) > 0:
            raise CheckpointError(f"{path}: NaN or infinity in fields/{name}")
    return replace(rest, fields=fields)


def _read_block(path: Path, grid: Grid, name: str) -> Array:
    """The owned block of a field; an error of any rank is raised on all (collective)."""
    block, error = np.empty(0), ""
    try:
        with _open(path) as file:
            block = np.ascontiguousarray(file[name][grid.owned], dtype=float)
    except CheckpointError as exc:
        error = str(exc)
    if error := max(grid.comm.allgather(error)):
        raise CheckpointError(error)
    return block


def _read_common(path: Path, grid: Grid) -> tuple[dict[str, str], Checkpoint]:
    """Names of the fields with their checksums, and all the rest, checked."""
    with _open(path) as file:
        sums = _sums(path, file)
        texts, arrays = _read_small(path, file, sums)
        _compare_grids(path, grid, _group(arrays, "grid"))
        names = _group(sums, "fields")
        for name in names:
            data = _dataset(path, file, f"fields/{name}")
            if data.shape[: grid.dim] != grid.shape or data.dtype != float:
                is_there = f"fields/{name} has the shape {data.shape} and the type {data.dtype}"
                raise CheckpointError(f"{path}: {is_there}; the grid has the shape {grid.shape}")
        log = {name: values.tolist() for name, values in _group(arrays, "log").items()}
        log |= {name: _parse(text) for name, text in _group(texts, "log").items()}
        if len({len(column) for column in log.values()}) > 1:
            raise CheckpointError(f"{path}: damaged: columns of the log differ in length")
        return names, Checkpoint({}, _parse(texts["scalars"]), log, _group(texts, "provenance"))


def _parse(text: str) -> Any:
    """JSON as it was written, without NaN and infinity. Raises ValueError."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not a number")

    return json.loads(text, parse_constant=refuse)


def _read_small(path: Path, file: h5py.File, sums: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Array]]:
    """Texts and arrays that every rank needs, compared with their checksums."""
    texts, arrays = {}, {}
    for name in sums:
        if name.startswith("fields/"):
            continue
        data = _dataset(path, file, name)
        if data.shape == ():
            texts[name] = hdf5.read_text(data)
            found = checksum.of_text(texts[name])
        else:
            arrays[name] = data[...]
            found = checksum.of_bytes(arrays[name].tobytes())
        if found != sums[name]:
            raise CheckpointError(f"{path}: damaged: {name} is not what was written")
    return texts, arrays


def _group(values: Mapping[str, T], group: str) -> dict[str, T]:
    """Those of a group, by the rest of their names."""
    return {n.removeprefix(f"{group}/"): value for n, value in values.items() if n.startswith(f"{group}/")}


def _sums(path: Path, file: h5py.File) -> dict[str, str]:
    """The checksum of each dataset."""
    text = hdf5.read_text(_dataset(path, file, CHECKSUMS))
    if checksum.of_text(text) != bytes(file.attrs["checksum"]).decode():
        raise CheckpointError(f"{path}: damaged: {CHECKSUMS} is not what was written")
    sums: dict[str, str] = json.loads(text)
    return sums


def _dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset that is in this file itself, of a size that it can have."""
    try:
        return stored.dataset(file, name)
    except stored.ResultsError as error:
        raise CheckpointError(f"{path}: damaged: {error}") from None


def newest_first(directory: str | Path) -> list[Path]:
    """All files of a directory that have the name of a checkpoint, also damaged ones (not collective)."""
    return sorted(_all(Path(directory)), key=_step, reverse=True)


def latest(directory: str | Path) -> Path | None:
    """The newest complete checkpoint, or None; files that do not open are passed over (not collective)."""
    for path in newest_first(directory):
        try:
            with _open(path):
                return path
        except CheckpointError:
            continue
    return None


def times(directory: str | Path) -> dict[Path, float]:
    """Times (s) of the checkpoints of a directory, the newest first; damaged ones are passed over (not collective)."""
    found = {}
    for path in newest_first(directory):
        with suppress(CheckpointError), _open(path) as file:
            found[path] = float(_parse(hdf5.read_text(_dataset(path, file, "scalars")))["time"])
    return found


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
        raise NotWritten(f"checkpoint of step {step} not written: NaN or infinity in {names}")


def _json(scalars: Mapping[str, Any]) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, np.generic | np.ndarray):
            return value.tolist()
        raise TypeError(f"cannot store {value!r} of type {type(value).__name__} in a checkpoint")

    try:
        return json.dumps(dict(scalars), allow_nan=False, default=plain)
    except (TypeError, ValueError) as exc:
        raise NotWritten(f"checkpoint not written: scalars: {exc}") from exc


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    """The file, opened for reading; what HDF5 and JSON say of damage inside it becomes a CheckpointError."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        file = h5py.File(path, "r")
    except OSError as exc:
        raise CheckpointError(f"{path}: truncated, or not an HDF5 file ({exc})") from exc
    try:
        with file:
            if "format_version" not in file.attrs:
                raise CheckpointError(f"{path}: incomplete: not a checkpoint, or not written to its end")
            if (version := int(file.attrs["format_version"])) != FORMAT_VERSION:
                raise CheckpointError(f"{path}: checkpoint format {version}; this version reads {FORMAT_VERSION}")
            yield file
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError) as exc:
        raise CheckpointError(f"{path}: damaged: {type(exc).__name__}: {exc}") from exc
    except RuntimeError as exc:
        if isinstance(exc, CheckpointError):
            raise
        raise CheckpointError(f"{path}: damaged: {exc}") from exc


def _compare_grids(path: Path, grid: Grid, stored: Mapping[str, Array]) -> None:
    """Raise CheckpointError unless the checkpoint lives on this grid."""
    if tuple(sorted(stored)) != grid.axes:
        raise CheckpointError(f"{path}: axes {sorted(stored)} in the checkpoint, {list(grid.axes)} in the case")
    for axis, faces in zip(grid.axes, grid.faces, strict=True):
        old = stored[axis]
        if len(old) != len(faces):
            raise CheckpointError(
                f"{path}: {len(old) - 1} cells along {axis} in the checkpoint, {len(faces) - 1} in the case"
            )
        if not np.allclose(old, faces, rtol=0.0, atol=1e-9 * (faces[-1] - faces[0])):
            raise CheckpointError(
                f"{path}: the cells along {axis} lie elsewhere than in the case: "
                f"{old[0]:.6g} to {old[-1]:.6g} m in the checkpoint, "
                f"{faces[0]:.6g} to {faces[-1]:.6g} m in the case"
            )


def _all(directory: Path) -> list[Path]:
    return [p for p in directory.glob("checkpoint_*.h5") if _NAME.fullmatch(p.name)]


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("checkpoint_"))


def _clean(directory: Path, step: int, keep: int) -> None:
    discard_later(directory, step)
    for path in sorted(_all(directory), key=_step)[: -max(1, keep)]:
        path.unlink()
