"""Checksums by which a damaged checkpoint is noticed: of texts, and of cell fields on any number of ranks.

    sum over the entries of  mix(bits of the value + mix(number of the entry))   modulo 2^64

mix scrambles 64 bits (SplitMix64), so a flipped bit, swapped or missing entries change the sum; the order in which
the ranks add up does not matter.
"""

from __future__ import annotations

import hashlib

import numpy as np
from mpi4py import MPI

from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.random_fields import mix


def of_text(text: str) -> str:
    """Checksum of a text, hexadecimal."""
    return of_bytes(text.encode())


def of_bytes(content: bytes) -> str:
    """Checksum of bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()[:16]


def of_field(grid: Grid, values: Array) -> str:
    """Checksum of a cell field, owned blocks of doubles, which may have one more axis for components (collective)."""
    components = values.reshape(*grid.local_shape, -1)
    count = components.shape[-1]
    bits = np.ascontiguousarray(components, dtype=float).view(np.uint64)
    total = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        numbers = grid.global_ids()[..., None] * np.uint64(count) + np.arange(count, dtype=np.uint64)
        total[0] = np.sum(mix(bits + mix(numbers)), dtype=np.uint64)
    grid.comm.Allreduce(MPI.IN_PLACE, total, MPI.SUM)
    return f"{int(total[0]):016x}"
