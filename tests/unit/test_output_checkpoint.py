"""Checkpoints: exact, complete or absent, never with NaN, refused with a reason where they do not fit."""

from __future__ import annotations

import json
import tomllib

import h5py
import numpy as np
import pytest

import solver
from solver.case.io import load_case
from solver.cli.jobs import BadInput
from solver.cli.prepare import prepare_run
from solver.numerics.grid import Grid
from solver.output import checkpoint, hdf5
from solver.output.checkpoint import CheckpointError
from solver.output.present import DIGEST, Present, copies, foreign, look
from tests import synthetic
from tests.unit.test_ramp import PLANAR

SCALARS = {
    "time": 0.1 + 0.2,
    "dt": np.float64(1 / 3),
    "segment": 2,
    "stops": ["a", "b"],
    "table": np.arange(3),
}


LOG = {"step": [1.0, 2.0], "voltage": [0.1 + 0.2, -1 / 3], "segment": ["protocol.0: strip", "Stück 2"]}


@pytest.fixture
def grid() -> Grid:
    return synthetic.grid(2, True)


def write(directory, grid, step, keep=2, factor=1.0):
    return checkpoint.write(
        directory, grid, step, synthetic.fields(grid, factor), SCALARS, synthetic.PROVENANCE, keep, LOG
    )


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_what_is_read_is_what_was_written(tmp_path, dim):
    grid = synthetic.grid(dim, True)
    saved = checkpoint.read(write(tmp_path, grid, 12), grid)
    fields, scalars = saved.fields, saved.scalars
    for name, values in synthetic.fields(grid).items():
        np.testing.assert_array_equal(fields[name], values)
        assert fields[name].flags.c_contiguous
    assert scalars == {"time": 0.1 + 0.2, "dt": 1 / 3, "segment": 2, "stops": ["a", "b"], "table": [0, 1, 2]}
    assert saved.log == LOG
    assert saved.provenance["case"] == synthetic.PROVENANCE["case"]


def test_the_last_ones_are_kept(tmp_path, grid):
    for step in (5, 999_999, 1_000_000):
        write(tmp_path, grid, step)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint_1000000.h5", "checkpoint_999999.h5"]
    assert checkpoint.latest(tmp_path) == tmp_path / "checkpoint_1000000.h5"


def test_checkpoints_of_an_abandoned_continuation_are_deleted(tmp_path, grid):
    for step in (10, 20, 30):
        write(tmp_path, grid, step, keep=3)
    write(tmp_path, grid, 15, keep=3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint_000010.h5", "checkpoint_000015.h5"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused_and_the_old_checkpoint_stays(tmp_path, grid, bad):
    old = write(tmp_path, grid, 1)
    fields = synthetic.fields(grid)
    fields["lithium"][0, 3] = bad
    with pytest.raises(CheckpointError, match=r"step 2 not written: NaN or infinity in lithium$"):
        checkpoint.write(tmp_path, grid, 2, fields, {}, {})
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.parametrize(
    ("scalars", "message"), [({"v": np.nan}, "not JSON"), ({"v": object()}, "cannot store")]
)
def test_scalars_that_json_cannot_carry_are_refused(tmp_path, grid, scalars, message):
    with pytest.raises(CheckpointError, match=message):
        checkpoint.write(tmp_path, grid, 2, {}, scalars, {})


def test_kill_between_writing_and_renaming_leaves_the_old_one_valid(tmp_path, grid, monkeypatch):
    old = write(tmp_path, grid, 1, keep=1)
    with monkeypatch.context() as patch:
        patch.setattr(hdf5, "publish", lambda path: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            write(tmp_path, grid, 2, keep=1, factor=5.0)
    assert (tmp_path / "checkpoint_000002.h5.part").exists()
    assert checkpoint.latest(tmp_path) == old
    assert checkpoint.read(old, grid).fields["lithium"].flat[0] == 0.1
    new = write(tmp_path, grid, 2, keep=1, factor=5.0)  # the next attempt is not in the way of the leftover
    assert list(tmp_path.iterdir()) == [new]


def test_kill_while_writing_leaves_no_checkpoint(tmp_path, grid):
    old = write(tmp_path, grid, 1)
    content = old.read_bytes()
    (tmp_path / "checkpoint_000002.h5").write_bytes(content[: len(content) // 2])
    (tmp_path / "checkpoint_000003.h5").write_bytes(b"")
    assert checkpoint.latest(tmp_path) == old
    with pytest.raises(CheckpointError, match="truncated, or not an HDF5 file"):
        checkpoint.read(tmp_path / "checkpoint_000002.h5", grid)


def test_checkpoint_without_the_mark_of_completeness_is_passed_over(tmp_path, grid):
    old, new = write(tmp_path, grid, 1), write(tmp_path, grid, 2)
    with h5py.File(new, "a") as file:
        del file.attrs["format_version"]
    assert checkpoint.latest(tmp_path) == old
    with pytest.raises(CheckpointError, match="incomplete"):
        checkpoint.read(new, grid)


def test_no_checkpoint(tmp_path, grid):
    assert checkpoint.latest(tmp_path) is None
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoint.read(tmp_path / "checkpoint_000001.h5", grid)


def test_other_format_version_is_refused(tmp_path, grid):
    path = write(tmp_path, grid, 1)
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(CheckpointError, match="checkpoint format 99; this version reads 2"):
        checkpoint.read(path, grid)


def test_other_grids_are_refused_with_the_difference(tmp_path, grid):
    path = write(tmp_path, grid, 1)
    with pytest.raises(CheckpointError, match=r"axes \['x', 'z'\] in the checkpoint, \['z'\] in the case"):
        checkpoint.read(path, synthetic.grid(1, True))
    more_cells = Grid([np.linspace(0.0, 7e-7, 15), grid.faces[1]], [True])
    with pytest.raises(CheckpointError, match="7 cells along x in the checkpoint, 14 in the case"):
        checkpoint.read(path, more_cells)
    wider = Grid([2 * grid.faces[0], grid.faces[1]], [True])
    with pytest.raises(CheckpointError, match=r"along x lie elsewhere .* 0 to 7e-07 m .* 0 to 1.4e-06 m"):
        checkpoint.read(path, wider)


def flip(path, name):
    """Change one bit in the middle of a dataset."""
    with h5py.File(path, "r") as file:
        data = file[name]
        at = data.id.get_offset() + data.id.get_storage_size() // 2
    content = bytearray(path.read_bytes())
    content[at] ^= 2
    path.write_bytes(content)


PARTS = ("fields/lithium", "fields/velocity", "scalars", "grid/z", "log/voltage", "log/segment", "provenance/case")


@pytest.mark.parametrize("name", [*PARTS, "checksums"])
def test_one_flipped_bit_is_noticed(tmp_path, grid, name):
    path = write(tmp_path, grid, 1)
    flip(path, name)
    with pytest.raises(CheckpointError, match=f"damaged: {name}"):
        checkpoint.read(path, grid)


def remove(name):
    def change(file):
        del file[name]

    return change


def to_nan(file):
    file["fields/lithium"][0, 1] = np.nan


def replace_by_link(file):
    del file["fields/lithium"]
    file["fields/lithium"] = h5py.ExternalLink("elsewhere.h5", "/lithium")


def replace_by_other_type(file):
    del file["fields/lithium"]
    file["fields/lithium"] = np.zeros((7, 9), dtype="f4")


def replace_by_virtual(file):
    shape = file["fields/lithium"].shape
    del file["fields/lithium"]
    layout = h5py.VirtualLayout(shape, "f8")
    layout[...] = h5py.VirtualSource("elsewhere.h5", "lithium", shape)
    file.create_virtual_dataset("fields/lithium", layout)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove("scalars"), "damaged: no scalars in it"),
        (remove("fields"), "damaged: no fields/.* in it"),
        (remove("fields/velocity"), "damaged: no fields/velocity in it"),
        (remove("checksums"), "damaged: no checksums in it"),
        (to_nan, "damaged: fields/lithium is not what was written"),
        (replace_by_link, "fields/lithium is a link to another place"),
        (replace_by_virtual, "fields/lithium has its data in another file"),
        (replace_by_other_type, "fields/lithium has the shape .* and the type float32; the grid"),
    ],
)
def test_what_is_missing_or_elsewhere_is_noticed(tmp_path, grid, change, message):
    path = write(tmp_path, grid, 1)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(path, grid)


def test_a_checkpoint_is_not_of_a_case_whose_profile_has_changed(tmp_path):
    """Nor is it known to be of any case without its hash."""
    case, profile, run = tmp_path / "case.json", tmp_path / "day.csv", tmp_path / "run"
    case.write_text(json.dumps(PLANAR | {"protocol": [{"kind": "profile", "file": "day.csv"}]}))
    profile.write_text("time [s],current_density [mA/cm^2]\n0,0\n5,-1\n")
    solver.run(load_case(case), run, wall=0.0)
    assert look(run, load_case(case).source) == Present.CHECKPOINT
    copy = json.loads(case.read_text())
    copy["protocol"][0]["file"] = "input_day.csv"  # which lies beside it
    assert tomllib.loads((run / "case.toml").read_text()) == copy
    assert load_case(run / "case.toml").resolved()["drive"] == load_case(case).resolved()["drive"]
    profile.write_text(profile.read_text().replace("-1", "-2"))
    assert look(run, load_case(case).source) == Present.OTHER
    profile.write_text(profile.read_text().replace("-2", "-1"))
    assert look(run, load_case(case).source) == Present.CHECKPOINT
    (run / DIGEST).unlink()
    assert look(run, load_case(case).source) == Present.OTHER


@pytest.mark.parametrize("name", ["case.toml", "resolved.json"])
def test_files_that_are_of_no_run_are_not_replaced(tmp_path, name):
    case, mine = tmp_path / "other.json", tmp_path / name
    case.write_text(json.dumps(PLANAR))
    mine.write_text("mine")
    for restart, force in ((None, False), (None, True), ("auto", False), (str(case), False)):
        with pytest.raises(BadInput, match=f"{name} was not written by lifront"):
            prepare_run(case, tmp_path, [], restart, None, force)
    assert mine.read_text() == "mine" and len(list(tmp_path.iterdir())) == 2
    assert foreign(tmp_path, load_case(case)) == mine
    mine.write_bytes(copies(load_case(case), tmp_path)[name].replace(b"\n", b"\r\n"))  # as it would be
    assert foreign(tmp_path, load_case(case)) is None
    mine.write_text("of a run that was cleared")
    (tmp_path / DIGEST).write_text("")
    assert foreign(tmp_path, load_case(case)) is None
