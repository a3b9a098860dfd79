"""Output on several ranks: the same bytes, errors on all ranks, the fallback without a parallel h5py."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from mpi4py import MPI

from solver.output import checkpoint, files, hdf5, log
from solver.output.checkpoint import CheckpointError
from tests import synthetic
from tests.mpi import rank_results


def datasets(path: Path) -> dict[str, tuple[Any, ...]]:
    """Shape, type, bytes and attributes of every dataset of a file."""
    found: dict[str, tuple[Any, ...]] = {}

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        attributes = {key: np.asarray(value).tobytes() for key, value in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            found[name] = (item.shape, item.dtype, np.asarray(item[()]).tobytes(), attributes)
        else:
            found[name] = (attributes,)

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def write_all(directory: str, *writers: str) -> dict[str, Any]:
    """Output of all kinds of grids in a folder of each writer (collective).

    "gathered" on rank 0, or "parallel" as files too large for that are.
    """
    assert hdf5.has_mpi(), "these tests need the MPI build of h5py"
    checks, largest = {}, hdf5.LARGEST_GATHERED
    for writer in writers:
        hdf5.LARGEST_GATHERED = largest if writer == "gathered" else -1
        files.on_root(MPI.COMM_WORLD, Path(directory, writer).mkdir)
        for dim in (1, 2, 3):
            for graded in (False, True):
                name = f"{writer}/{dim}{'g' if graded else 'u'}"
                files.on_root(MPI.COMM_WORLD, Path(directory, name).mkdir)
                checks[name] = synthetic.write_output(f"{directory}/{name}", dim, graded)
    hdf5.LARGEST_GATHERED = largest
    return checks | {"ranks": MPI.COMM_WORLD.size}


@pytest.fixture(scope="module")
def serial(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("serial")
    write_all(str(folder), "parallel")
    return folder / "parallel"


def all_outputs(directory: str, serial: str) -> dict[str, Any]:
    """What the tests below want to know of a number of ranks, each in a folder of its own (collective)."""
    for name in ("all", "errors", "log"):
        files.on_root(MPI.COMM_WORLD, Path(directory, name).mkdir)
    return {
        "all": write_all(f"{directory}/all", "parallel", "gathered"),
        "read": read_checkpoint(f"{serial}/3g/checkpoint_000001.h5"),
        "errors": errors_on_all_ranks(f"{directory}/errors"),
        "log": write_log(f"{directory}/log"),
    }


@pytest.fixture(scope="module")
def on(tmp_path_factory, serial) -> Callable[[int], tuple[Path, dict[str, Any]]]:
    """The folder of a number of ranks and what they say."""

    @cache
    def outputs(ranks: int) -> tuple[Path, dict[str, Any]]:
        folder = tmp_path_factory.mktemp(f"on_{ranks}")
        return folder, rank_results(ranks, all_outputs, str(folder), str(serial))

    return outputs


@pytest.mark.parametrize("ranks", [3, *(pytest.param(ranks, marks=pytest.mark.long) for ranks in (2, 4))])
def test_ranks_write_the_same_bytes(on, serial, ranks):
    folder, found = on(ranks)
    checks = found["all"]
    assert checks.pop("ranks") == ranks
    assert len(checks) == 2 * 6 and all(check == {"same": True, "time": 1 / 3} for check in checks.values())
    written = sorted(path.relative_to(serial) for path in serial.rglob("*") if path.is_file())
    assert len(written) == 6 * 5
    for written_by, path in product((folder / "all/parallel", folder / "all/gathered"), written):
        if path.suffix in (".h5", ".vtkhdf"):
            assert datasets(written_by / path) == datasets(serial / path), written_by / path
        else:
            assert (written_by / path).read_bytes() == (serial / path).read_bytes(), written_by / path


def write_shares_twice(directory: str) -> dict[str, Any]:
    """With an HDF5 that can compress from several ranks, and with one that cannot (collective)."""
    new, old = write_shares(f"{directory}/new.h5", 1), write_shares(f"{directory}/old.h5", 99)
    return {"new": new, "old": old, "ranks": MPI.COMM_WORLD.size}


def write_shares(path: str, major: int) -> dict[str, Any]:
    """Compressed datasets of which ranks have much, little or nothing; major: HDF5 that can compress from several."""
    comm, length = MPI.COMM_WORLD, 3 * hdf5.CHUNK
    shares = {"first": (0, *[length] * 4), "last": (0, 0, 0, 0, length), "uneven": (0, 5, 5, length // 2, length)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5, "LARGEST_GATHERED", -1)
        patch.setattr(hdf5, "FILTERS_IN_PARALLEL", (major, 10, 2))
        with hdf5.create(Path(path), comm) as file:
            for name, ends in shares.items():
                numbers = np.arange(ends[comm.rank], ends[comm.rank + 1], dtype=float)
                values, start = np.stack([numbers, -numbers], axis=1), (ends[comm.rank],)
                file.block(name, values, (length,), start, compressed=True)
    with h5py.File(path) as file:
        same = all(np.array_equal(data[...], np.outer(np.arange(length), [1.0, -1.0])) for data in file.values())
        stored = file.id.get_filesize() / sum(data.nbytes for data in file.values())
    return {"same": comm.allreduce(same, MPI.LAND), "stored": float(stored)}


def test_ranks_without_a_share_and_an_hdf5_that_cannot_compress_from_several(tmp_path):
    result = rank_results(4, write_shares_twice, str(tmp_path))
    assert result["ranks"] == 4 and result["new"]["same"] and result["old"]["same"]
    assert result["new"]["stored"] < 0.3
    assert result["old"]["stored"] == pytest.approx(1.0, abs=0.01)


def read_checkpoint(path: str) -> dict[str, Any]:
    g = synthetic.grid(3, True)
    read = checkpoint.read(path, g).fields
    same = all(np.array_equal(read[name], values) for name, values in synthetic.fields(g).items())
    return {"same": MPI.COMM_WORLD.allreduce(same, MPI.LAND), "ranks": MPI.COMM_WORLD.size}


def test_a_checkpoint_is_read_on_another_number_of_ranks(on):
    assert on(3)[1]["read"] == {"same": True, "ranks": 3}


def errors_on_all_ranks(directory: str) -> dict[str, Any]:
    """What goes wrong on one rank only, and how every rank hears of it."""
    comm, g = MPI.COMM_WORLD, synthetic.grid(2, True)
    fields = synthetic.fields(g)
    path = checkpoint.write(directory, g, 1, fields, {}, {})
    if comm.rank == comm.size - 1:
        fields["velocity"].flat[-1] = np.nan
    heard: dict[str, str] = {}

    def attempt(name: str, action: Any, error: type[Exception]) -> None:
        try:
            action()
        except error as exc:
            heard[name] = str(exc)

    attempt("nan", lambda: checkpoint.write(directory, g, 2, fields, {}, {}), CheckpointError)
    attempt("grid", lambda: checkpoint.read(path, synthetic.grid(1, True)), CheckpointError)
    attempt("missing", lambda: checkpoint.read(Path(directory, "checkpoint_000009.h5"), g), CheckpointError)
    attempt("log", lambda: log.LogTable(Path(directory, "missing/log.csv"), ("step",)), OSError)
    everywhere = comm.allgather(heard)
    return {"heard": heard, "same": all(h == heard for h in everywhere), "left": sorted(files_in(directory))}


def files_in(directory: str) -> list[str]:
    return [path.name for path in Path(directory).iterdir()]


def test_errors_of_one_rank_are_raised_on_all(on):
    result = on(3)[1]["errors"]
    assert result["same"]
    assert "NaN or infinity in velocity" in result["heard"]["nan"]
    assert "axes ['x', 'z'] in the checkpoint" in result["heard"]["grid"]
    assert "no such checkpoint" in result["heard"]["missing"]
    assert "missing/log.csv" in result["heard"]["log"]
    assert result["left"] == ["checkpoint_000001.h5"]


def write_log(directory: str) -> dict[str, Any]:
    table = log.LogTable(Path(directory, "log.csv"), ("step", "rank"))
    for step in range(3):
        table.append({"step": step, "rank": MPI.COMM_WORLD.rank})
    table.close()
    console = log.Console(title="run", every=0.5)
    console.update(1.0)
    return {}


def test_only_rank_0_writes_the_log(on):
    folder, _ = on(3)
    assert (folder / "log/log.csv").read_text() == "step,rank\n0,0\n1,0\n2,0\n"
