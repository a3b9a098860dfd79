"""HDF5 files written by any number of ranks, with the same datasets byte for byte.

This is the one place where an HDF5 file is opened for writing. With the MPI build of h5py every rank
writes its own block in one collective call per dataset; with a serial h5py on several ranks the blocks
are gathered on rank 0, which writes the same layout. The file takes its name only when it is complete
and synced (`files.publish`), so a killed run leaves the previous file, or none, but no broken one.

Text is stored with fixed length: parallel HDF5 cannot write strings of variable length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5fd, h5p, h5s
from mpi4py import MPI

from solver.output import files

Array = np.ndarray
Index = tuple[int, ...]

FILTERS_IN_PARALLEL = (1, 10, 2)  # first version of HDF5 that compresses what several ranks write
LEVEL = 4  # of gzip: 9 takes twice the time for 1 % less
CHUNK = 65536  # entries; less than the megabyte that readers keep of a chunk
SMALLEST_COMPRESSED = 512  # entries: below, the index of the chunks is larger than what is gained


def has_mpi() -> bool:
    """Whether this h5py can write one file from several ranks."""
    return bool(h5py.get_config().mpi)


@contextmanager
def create(path: Path, comm: MPI.Comm) -> Iterator[Writer]:
    """An HDF5 file to be filled inside the `with` block by all ranks, published at its end (collective)."""
    writer = Writer(path, comm)
    # An error leaves the unfinished file under its temporary name: closing is collective, errors are not.
    yield writer
    writer.close()
    comm.Barrier()
    files.on_root(comm, lambda: files.publish(path))


class Writer:
    """Collective writing of datasets: every rank makes the same calls in the same order."""

    def __init__(self, path: Path, comm: MPI.Comm):
        self.comm = comm
        self._collective = comm.size > 1 and has_mpi()
        self._file: h5py.File | None = None
        if self._collective:
            self._file = h5py.File(files.part(path), "w", driver="mpio", comm=comm)
        elif comm.rank == 0:
            self._file = h5py.File(files.part(path), "w")

    def close(self) -> None:
        """Flush to disk and close; the file keeps its temporary name."""
        if self._file is not None:
            self._file.flush()
            self._file.close()
            self._file = None

    def attributes(self, name: str, values: Mapping[str, Any]) -> None:
        """Attributes of a group or dataset; a missing group is made. Text is stored with fixed length."""
        if self._file is None:
            return
        target = self._file[name] if name in self._file else self._file.create_group(name)
        for key, value in values.items():
            target.attrs[key] = np.bytes_(value.encode()) if isinstance(value, str) else value

    def block(
        self,
        name: str,
        block: Array,
        shape: Sequence[int],
        start: Sequence[int],
        flat: bool = False,
        attributes: Mapping[str, Any] | None = None,
        compressed: bool = False,
    ) -> None:
        """A dataset over a global index space, each rank giving its own rectangular block.

        shape: global extent; start: first index of this rank's block. The block may have one more axis
        than `shape`, for components. flat: the dataset has one axis for all of `shape`, in C order.
        compressed: without loss, where HDF5 can do that from several ranks.
        """
        shape, start = tuple(shape), tuple(start)
        block = np.ascontiguousarray(block)
        components = block.shape[len(shape) :]
        if self.comm.size > 1 and not self._collective:
            block = _assembled(self.comm.gather((start, block), root=0) or [], shape + components, block.dtype)
            start = (0,) * len(shape)
        if self._file is None:
            return
        extent = (math.prod(shape),) if flat else shape
        filters = self._filters(extent, components) if compressed else {}
        dataset = self._file.create_dataset(name, extent + components, block.dtype, **filters)
        transfer = h5p.create(h5p.DATASET_XFER)
        if self._collective:
            transfer.set_dxpl_mpio(h5fd.MPIO_COLLECTIVE)
        memory = h5s.create_simple(block.shape or (1,))
        if not block.size:
            memory.select_none()
        dataset.id.write(memory, _selection(shape, start, block.shape, flat), block, dxpl=transfer)
        self.attributes(name, attributes or {})

    def _filters(self, extent: Index, components: Index) -> dict[str, Any]:
        """How a dataset is compressed; {} when it is small, or when HDF5 is too old to do it from several ranks."""
        too_old = self._collective and h5py.version.hdf5_version_tuple < FILTERS_IN_PARALLEL
        if too_old or math.prod(extent) < SMALLEST_COMPRESSED:
            return {}
        return {"chunks": chunks(extent, components), "compression": "gzip", "compression_opts": LEVEL, "shuffle": True}

    def common(self, name: str, values: Array) -> None:
        """A dataset whose values every rank knows; rank 0 writes it."""
        if self._file is None:
            return
        values = np.asarray(values)
        dataset = self._file.create_dataset(name, values.shape, values.dtype)
        if self.comm.rank == 0:
            dataset[...] = values

    def text(self, name: str, text: str) -> None:
        """A scalar dataset of UTF-8 text, the same on every rank."""
        if self._file is None:
            return
        data = text.encode()
        dataset = self._file.create_dataset(name, (), h5py.string_dtype("utf-8", max(1, len(data))))
        if self.comm.rank == 0:
            dataset[...] = data

    def provenance(self, values: Mapping[str, Any]) -> None:
        """The group /provenance: one text per key, JSON where the value is not text."""
        for key, value in self.comm.bcast(dict(values)).items():
            self.text(f"provenance/{key}", value if isinstance(value, str) else json.dumps(value))


def read_text(dataset: h5py.Dataset) -> str:
    """The text of a scalar dataset that `Writer.text` wrote."""
    return bytes(dataset[()]).decode()


def read_provenance(file: h5py.File) -> dict[str, str]:
    """The texts of the group /provenance."""
    return {key: read_text(item) for key, item in file.get("provenance", {}).items()}


def chunks(extent: Sequence[int], components: Sequence[int]) -> Index:
    """Shape of the pieces that are compressed, on any number of ranks: whole rows and planes, each component apart.

    Components apart compress best: columns of coordinates repeat themselves, and missing directions are zero.
    """
    pieces, left = [], CHUNK
    for length in reversed(extent):
        pieces.append(max(1, min(length, left)))
        left //= pieces[-1]
    return (*reversed(pieces), *(1,) * len(components))


def _assembled(pieces: Sequence[tuple[Index, Array]], shape: Index, dtype: np.dtype) -> Array:
    """The global array of the blocks of all ranks; an empty one when there are none (off rank 0)."""
    whole = np.empty(shape if pieces else (0,), dtype)
    for start, block in pieces:
        whole[tuple(slice(s, s + n) for s, n in zip(start, block.shape, strict=False))] = block
    return whole


def _selection(shape: Index, start: Index, count: Index, flat: bool) -> h5s.SpaceID:
    """The file dataspace of a dataset with one rank's block selected; `count` includes components."""
    components = count[len(shape) :]
    count = count[: len(shape)]
    extent = (math.prod(shape),) if flat else shape
    space = h5s.create_simple(extent + components)
    if 0 in count:
        space.select_none()
        return space
    zeros, ones = (0,) * len(components), (1,) * len(components)
    if not flat:
        space.select_hyperslab(start + zeros, count + components)
        return space
    # In C order a plane of the block is `rows` runs of `run` cells, `stride` apart. Planes are added singly.
    wide = [axis for axis, n in enumerate(shape) if n > 1]
    lengths = [1, 1] + [shape[axis] for axis in wide]
    first = [0, 0] + [start[axis] for axis in wide]
    rows, run = ([1, 1] + [count[axis] for axis in wide])[-2:]
    stride = lengths[-1]
    operation = h5s.SELECT_SET
    for plane in np.ndindex(*([1, 1] + [count[axis] for axis in wide])[:-2]):
        corner = [f + p for f, p in zip(first, (*plane, 0, 0), strict=True)]
        offset = (int(np.ravel_multi_index(corner, lengths)), *zeros)
        space.select_hyperslab(offset, (rows, *ones), (stride, *ones), (run, *components), op=operation)
        operation = h5s.SELECT_OR
    return space
