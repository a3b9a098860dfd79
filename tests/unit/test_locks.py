"""The lock on a folder."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from solver.locks import lock


def opened(path) -> int:
    return os.open(path, os.O_RDONLY)


def test_a_second_lock_is_refused_until_the_first_is_closed(tmp_path):
    first, second = opened(tmp_path), opened(tmp_path)
    assert lock(first)
    with pytest.raises(BlockingIOError):
        lock(second)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(second)
    os.close(first)
    third = opened(tmp_path)
    assert lock(third)
    os.close(third)


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    handle = opened(tmp_path)
    assert not lock(handle)
    os.close(handle)
