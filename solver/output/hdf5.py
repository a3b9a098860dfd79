"""HDF5 files written by any number of ranks, with the same datasets byte for byte.

This is the one place where an HDF5 file is opened for writing. The blocks of all ranks are gathered on rank 0; of a
file larger than LARGEST_GATHERED, with the MPI build of h5py, every rank writes its own block in one collective call
per dataset, in the same layout. The file takes its name only when it is complete
and synced (`whole_files`), so a killed run leaves the previous file, or none, but no broken one.

Text is stored with fixed length: parallel HDF5 cannot write strings of variable length.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5fd, h5p, h5s
from mpi4py import MPI

from solver.output import files
from solver.whole_files import make_part, naming, part, publish

Array = np.ndarray
Index = tuple[int, ...]

LARGEST_GATHERED = 1 << 28  # bytes that rank 0 writes for all
MEMORY_BLOCK = 1 << 24  # bytes by which a file in memory grows
_ABANDONED: list[h5py.File | None] = []  # files that could not be closed: letting go of them would try it again
FILTERS_IN_PARALLEL = (1, 10, 2)  # first version of HDF5 that compresses what several ranks write
LEVEL = 4  # of gzip: 9 takes twice the time for 1 % less
CHUNK = 65536  # entries; less than the megabyte that readers keep of a chunk
SMALLEST_COMPRESSED = 512  # entries: below, the index of the chunks is larger than what is gained


def has_mpi() -> bool:
    """Whether this h5py can write one file from several ranks."""
    return bool(h5py.get_config().mpi)


@contextmanager
def create(path: Path, comm: MPI.Comm, blocks: Iterable[Array] = ()) -> Iterator[Writer]:
    """An HDF5 file to be filled inside the `with` block by all ranks, published at its end (collective).

    blocks: the large arrays that this rank is going to write: their size decides whether rank 0 writes for all.
    Raises FileError on all ranks when it cannot be written; what was there before stays, and nothing else.
    """
    size = comm.allreduce(sum(block.nbytes for block in blocks))
    files.on_root(comm, lambda: _make_room(path, size))
    writer = Writer(path, comm, size > LARGEST_GATHERED)
    # An error leaves the unfinished file under its temporary name: closing is collective, errors are not.
    yield writer
    try:
        writer.close()
    except files.FileError:
        files.on_root(comm, lambda: make_part(path))
        raise
    files.on_root(comm, lambda: publish(path))


def _make_room(path: Path, size: int) -> None:
    """Refuse what the disk has no room for, and take away what an earlier write has left."""
    make_part(path)
    if shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


class Writer:
    """Collective writing of datasets: every rank makes the same calls in the same order.

    HDF5 does not survive a file that cannot be closed (a full disk): it fails again and again, and crashes the program
    at its end. So rank 0 makes a file in memory and writes that. Where the file is too `large` for it, all ranks write,
    and one that has an error goes on making the calls that the others wait for; `close` tells all of them.
    """

    def __init__(self, path: Path, comm: MPI.Comm, large: bool = False):
        self.path, self.comm = path, comm
        self._collective = comm.size > 1 and has_mpi() and large
        self._file: h5py.File | None = None
        self._error = ""
        if self._collective:
            self._attempt(lambda: self._open(driver="mpio", comm=comm))
            self._tell()
        elif comm.rank == 0:
            self._open(driver="core", backing_store=False, block_size=MEMORY_BLOCK)

    def _open(self, **driver: Any) -> None:
        self._file = h5py.File(part(self.path), "w", **driver)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do it; an error is kept for `close`."""
        try:
            action()
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            if not self._collective:
                raise
            self._error = self._error or files.reason(error)

    def _tell(self) -> None:
        """Raise FileError on all ranks when any of them had an error (collective)."""
        error = max(self.comm.allgather(self._error))
        if error:
            _ABANDONED.append(self._file)
            self._file = None
            raise files.FileError(f"{self.path}: cannot be written: {error}")

    def close(self) -> None:
        """Flush to disk and close; the file keeps its temporary name (collective). Raises FileError on all ranks."""
        if self._collective:
            assert self._file is not None
            self._attempt(self._file.flush)
            self._tell()
            self._attempt(self._file.close)
            self._tell()
        else:
            files.on_root(self.comm, self._write_image)
        self._file = None

    def _write_image(self) -> None:
        assert self._file is not None
        self._file.flush()
        image = self._file.id.get_file_image()
        self._file.close()
        with make_part(self.path).open("xb") as stream, naming(self.path):
            stream.write(image)

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
        place = _selection(shape, start, block.shape, flat)
        self._attempt(partial(dataset.id.write, memory, place, block, dxpl=transfer))
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
            self._attempt(lambda: dataset.__setitem__(..., values))

    def text(self, name: str, text: str) -> None:
        """A scalar dataset of UTF-8 text, the same on every rank."""
        if self._file is None:
            return
        data = text.encode()
        dataset = self._file.create_dataset(name, (), h5py.string_dtype("utf-8", max(1, len(data))))
        if self.comm.rank == 0:
            self._attempt(lambda: dataset.__setitem__(..., data))

    def provenance(self, values: Mapping[str, Any]) -> None:
        """The group /provenance: one text per key, JSON where the value is not text."""
        for key, text in provenance_texts(self.comm, values).items():
            self.text(f"provenance/{key}", text)


def provenance_texts(comm: MPI.Comm, values: Mapping[str, Any]) -> dict[str, str]:
    """One text per key as rank 0 has it, JSON where the value is not text (collective)."""
    known = comm.bcast(dict(values))
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in known.items()}


def read_text(dataset: h5py.Dataset) -> str:
    """The text of a scalar dataset that `Writer.text` wrote."""
    return bytes(dataset[()]).decode()


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
