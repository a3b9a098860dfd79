"""Snapshots found from their own files: what counts, what is said of the rest, and nothing behind a link is read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from postprocess import ResultsError, Run
from solver.model.catalogue import FIELDS
from solver.output import stored
from solver.output.snapshots import SnapshotWriter
from tests import synthetic


def series(directory: Path, times: tuple[float, ...] = (0.0, 1.0, 2.0), dim: int = 2, graded: bool = False) -> Path:
    grid = synthetic.grid(dim, graded)
    directory.mkdir(exist_ok=True)
    writer = SnapshotWriter(directory, grid, FIELDS, synthetic.PROVENANCE)
    for step, time in enumerate(times):
        writer.write(time, step, synthetic.fields(grid, step + 1.0))
    return directory


def snapshot(directory: Path, number: int) -> Path:
    return directory / f"fields/fields_{number:06d}.vtkhdf"


def times(directory: Path) -> list[float]:
    return [s.time for s in stored.find(directory)[0]]


def test_each_file_tells_its_time_and_step_whatever_its_name(tmp_path):
    series(tmp_path)
    snapshot(tmp_path, 0).rename(snapshot(tmp_path, 7))
    for name in ("fields.vtkhdf.series", "fields.xdmf"):
        (tmp_path / name).unlink()
    (tmp_path / "fields/notes.txt").write_text("of the user")
    (tmp_path / "fields/fields_000001.vtkhdf.part").write_bytes(b"half")
    found, problems = stored.find(tmp_path)
    assert [(s.path.name, s.time, s.step) for s in found] == [
        ("fields_000007.vtkhdf", 0.0, 0),
        ("fields_000001.vtkhdf", 1.0, 1),
        ("fields_000002.vtkhdf", 2.0, 2),
    ]
    assert problems == []
    assert stored.find(tmp_path / "nowhere") == ([], [])


def set_time(value):
    def damage(path: Path) -> None:
        with h5py.File(path, "a") as file:
            file["snapshot"].attrs["time"] = value

    return damage


def edit(change):
    def damage(path: Path) -> None:
        with h5py.File(path, "a") as file:
            change(file)

    return damage


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def soft(file: h5py.File) -> None:
    del file["snapshot"]
    file["snapshot"] = h5py.SoftLink("/grid")


def external(file: h5py.File) -> None:
    del file["snapshot"]
    file["snapshot"] = h5py.ExternalLink("fields_000000.vtkhdf", "/snapshot")


LOST = {
    "foreign": (lambda p: p.write_bytes(b"nothing of HDF5"), "damaged, or not a snapshot"),
    "empty": (lambda p: p.write_bytes(b""), "damaged, or not a snapshot"),
    "truncated": (lambda p: os.truncate(p, p.stat().st_size // 2), "damaged, or not a snapshot"),
    "folder": (lambda p: (p.unlink(), p.mkdir()), "a link, or not a regular file"),
    "fifo": (fifo, "a link, or not a regular file"),
    "link": (link, "a link, or not a regular file"),
    "no stamp": (edit(lambda f: f.__delitem__("snapshot")), "no snapshot in it"),
    "soft link": (edit(soft), "snapshot is a link to another place"),
    "external link": (edit(external), "snapshot is a link to another place"),
    "dataset": (edit(lambda f: (f.__delitem__("snapshot"), f.create_dataset("snapshot", data=1))), "damaged"),
    "nan": (set_time(np.nan), "its time is nan"),
    "text": (set_time("soon"), "damaged, or not a snapshot"),
    "array": (set_time(np.zeros(3)), "damaged, or not a snapshot"),
}


@pytest.mark.parametrize("kind", LOST)
def test_a_file_that_cannot_be_read_is_named_and_left_alone(tmp_path, kind):
    series(tmp_path)
    damage, said = LOST[kind]
    damage(snapshot(tmp_path, 1))
    found, (problem,) = stored.find(tmp_path)
    assert [s.time for s in found] == [0.0, 2.0]
    assert problem.startswith(f"{snapshot(tmp_path, 1)}: ") and said in problem and "\n" not in problem
    writer = SnapshotWriter(tmp_path, synthetic.grid(2, False), FIELDS, {})
    assert writer.resume(0.5) == [problem]
    assert os.path.lexists(snapshot(tmp_path, 1)) and not snapshot(tmp_path, 2).exists()
    # the next one takes no name that is there
    assert writer.write(1.0, 1, synthetic.fields(synthetic.grid(2, False))) == snapshot(tmp_path, 2)


def test_a_linked_folder_is_neither_read_nor_written_nor_cleared(tmp_path):
    series(tmp_path / "other")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/fields").symlink_to("../other/fields")
    found, (problem,) = stored.find(tmp_path / "run")
    assert not found and problem.startswith(f"{tmp_path / 'run/fields'}: a link, not a folder")
    writer = SnapshotWriter(tmp_path / "run", synthetic.grid(2, False), FIELDS, {})
    for action in (lambda: writer.resume(0.0), lambda: writer.write(5.0, 5, {})):
        with pytest.raises(ResultsError, match="a link, not a folder"):
            action()
    assert times(tmp_path / "other") == [0.0, 1.0, 2.0]


# -- what is read of the data ------------------------------------------------------------------------------


def replaced(name: str, make):
    def change(file: h5py.File) -> None:
        old = file[f"VTKHDF/CellData/{name}"]
        about = dict(old.attrs)
        del file[f"VTKHDF/CellData/{name}"]
        make(file, f"VTKHDF/CellData/{name}", old)
        if isinstance(file.get(f"VTKHDF/CellData/{name}", getlink=True), h5py.HardLink):
            file[f"VTKHDF/CellData/{name}"].attrs.update(about)

    return edit(change)


def virtual(file, name, old):
    layout = h5py.VirtualLayout(old.shape, old.dtype)
    layout[...] = h5py.VirtualSource("fields_000000.vtkhdf", "VTKHDF/CellData/lithium", old.shape)
    file.create_virtual_dataset(name, layout)


def outside(file, name, old):
    file.create_dataset(name, old.shape, old.dtype, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def bomb(file, name, old):
    file.create_dataset(name, (10**12,), "f8", chunks=(10**6,), compression="gzip")


BAD_FIELDS = {
    "virtual": (virtual, "its data in another file"),
    "external": (outside, "its data in another file"),
    "soft": (lambda f, n, o: f.__setitem__(n, h5py.SoftLink("/VTKHDF/CellData/velocity")), "a link to another place"),
    "link": (
        lambda f, n, o: f.__setitem__(n, h5py.ExternalLink("fields_000000.vtkhdf", n)),
        "a link to another place",
    ),
    "shape": (lambda f, n, o: f.create_dataset(n, (3, 4), "f8"), "do not fit its grid"),
    "type": (lambda f, n, o: f.create_dataset(n, o.shape, "i4"), "do not fit its grid"),
    "text": (lambda f, n, o: f.create_dataset(n, o.shape, h5py.string_dtype()), "cannot be"),
    "bomb": (bomb, "cannot be"),
    "group": (lambda f, n, o: f.create_group(n), "is not a dataset"),
    "filter": (lambda f, n, o: f.create_dataset(n, o.shape, "f8", scaleoffset=3), "compressed in a way"),
}


@pytest.mark.parametrize("kind", BAD_FIELDS)
def test_a_field_that_is_not_in_its_file_is_not_read(tmp_path, kind):
    make, said = BAD_FIELDS[kind]
    series(tmp_path)
    for number in (1, 2):
        replaced("lithium", make)(snapshot(tmp_path, number))
    run = Run(tmp_path)  # the last one tells what there is: the first that can
    assert list(run.times) == [0.0] and run.field("lithium").shape == (7, 30)
    assert len(run.problems) == 2 and all(said in problem and "lithium" in problem for problem in run.problems)
    problems = SnapshotWriter(tmp_path, synthetic.grid(2, False), FIELDS, {}).resume(2.0)
    assert sorted(problems) == sorted(run.problems)
    assert "fields_000001" not in (tmp_path / "fields.xdmf").read_text()


BAD_GRIDS = {
    "axes": (lambda f: f["grid"].attrs.__setitem__("axes", np.bytes_(b"zz")), "axes 'zz'"),
    "back": (lambda f: f["grid/z"].write_direct(np.linspace(1, 0, 31)), "grid/z is not a list of increasing"),
    "nan": (lambda f: f["grid/z"].write_direct(np.full(31, np.nan)), "grid/z is not a list of increasing"),
    "missing": (lambda f: f.__delitem__("grid/x"), "no grid/x in it"),
    "type": (lambda f: (f.__delitem__("grid/x"), f.create_dataset("grid/x", data=["a"] * 8)), "grid/x"),
    "extent": (lambda f: f["VTKHDF"].attrs.__setitem__("WholeExtent", np.zeros(6, int)), "WholeExtent"),
    "unit": (lambda f: f["VTKHDF/CellData/lithium"].attrs.__delitem__("unit"), "damaged"),
    "escape": (lambda f: f["VTKHDF/CellData/lithium"].attrs.__setitem__("unit", "\x1b[2J"), "cannot be shown"),
    "bytes": (lambda f: f["VTKHDF/CellData/lithium"].attrs.__setitem__("unit", np.bytes_(b"\xff\xfe")), "damaged"),
}


@pytest.mark.parametrize("kind", BAD_GRIDS)
def test_a_grid_that_cannot_be_is_named(tmp_path, kind):
    change, said = BAD_GRIDS[kind]
    series(tmp_path)
    edit(change)(snapshot(tmp_path, 2))
    run = Run(tmp_path)
    assert list(run.times) == [0.0, 1.0] and run.fields and said in run.problems[0]
    if kind == "missing":  # in the middle of a series
        edit(change)(snapshot(tmp_path, 1))
        series_end = SnapshotWriter(tmp_path, synthetic.grid(2, False), FIELDS, {})
        assert len(series_end.resume(1.5)) == 1
        series_end.write(3.0, 3, synthetic.fields(synthetic.grid(2, False)))
        with pytest.raises(ResultsError, match=r"fields_000001\.vtkhdf: no grid/x"):
            Run(tmp_path).field("lithium", 1)


def test_flipped_bits_of_a_compressed_field_are_an_error_in_words(tmp_path):
    series(tmp_path, dim=3)
    path = snapshot(tmp_path, 1)
    with h5py.File(path) as file:
        where = file["VTKHDF/CellData/lithium"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[where + 20 : where + 40] = b"\xff" * 20
    path.write_bytes(content)
    run = Run(tmp_path)
    assert run.field("lithium", 0).size
    with pytest.raises(ResultsError, match=r"fields_000001\.vtkhdf: damaged"):
        run.field("lithium", 1)


def test_a_snapshot_that_vanishes_while_it_is_looked_at_is_named(tmp_path):
    run = Run(series(tmp_path))
    assert len(run.times) == 3
    snapshot(tmp_path, 1).unlink()
    with pytest.raises(ResultsError, match=r"fields_000001\.vtkhdf: no such file"):
        run.field("lithium", 1)


def test_another_grid_in_the_folder_is_said(tmp_path):
    series(tmp_path / "other", dim=1)
    series(tmp_path / "run")
    shutil.copy(snapshot(tmp_path / "other", 1), snapshot(tmp_path / "run", 1))
    with pytest.raises(ResultsError, match=r"fields_000001\.vtkhdf: its grid is not that of the last"):
        Run(tmp_path / "run").field("lithium", 1)


@pytest.mark.parametrize("content", ["{", "[]", '{"files": [{"name": "../../x.vtkhdf", "time": 0}]}', "\0", None])
def test_the_series_is_written_only_and_never_believed(tmp_path, content):
    series(tmp_path)
    sidecar = tmp_path / "fields.vtkhdf.series"
    sidecar.unlink() if content is None else sidecar.write_text(content)
    assert list(Run(tmp_path).times) == [0.0, 1.0, 2.0]
    assert SnapshotWriter(tmp_path, synthetic.grid(2, False), FIELDS, {}).resume(1.0) == []
    assert times(tmp_path) == [0.0, 1.0]
    assert sidecar.read_text().count("fields_") == 2
