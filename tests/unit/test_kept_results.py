"""What a run deletes and reads in its folder: its own plain files, and nothing that lies beside or in place of them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from solver.case.io import load_case
from solver.case.schema import Case
from solver.cli import terminal
from solver.loop.runner import run
from solver.output import checkpoint, checksum, files, present
from solver.output.done import done_digest
from solver.output.hdf5 import read_text
from solver.output.stored import ResultsError, json_object
from tests import synthetic
from tests.mpi import ROOT, environment
from tests.unit.networks import MESH_CASE
from tests.unit.test_damaged_results import refused, tiny_case

OTHERS = ("log.csv.old", "done.json.bak", "checkpoint_good.h5", "fields/fields_best.vtkhdf", "summary.json.txt")
PLATE = {"kind": "galvanostatic", "direction": "plate", "duration": "1 s"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("finished")
    run(tiny_case(1, PLATE), directory)
    return directory


def test_a_new_run_deletes_no_files_that_no_run_has_written(tmp_path):
    synthetic.strip_run(tmp_path, dim=1)
    for name in OTHERS:
        (tmp_path / name).write_text("")
    files.clear(tmp_path)
    assert not present.has_results(tmp_path)
    assert all((tmp_path / name).exists() for name in OTHERS)


@pytest.mark.parametrize("name", ["checkpoint_000001.h5", "log.csv.part", "case.toml"])
def test_a_folder_in_place_of_a_file_is_refused_before_anything_is_deleted(tmp_path, finished, name):
    directory = Path(shutil.copytree(finished, tmp_path / "run"))
    (directory / name).unlink(missing_ok=True)
    (directory / name).mkdir()
    before = sorted(directory.iterdir())
    said = refused("run", ROOT / "cases/minimal.toml", "--output", directory, "--force")
    assert f"{directory / name} is a folder, where a run writes a file; remove it" in said
    assert sorted(directory.iterdir()) == before


def test_a_run_from_python_follows_no_link_either(tmp_path, finished):
    elsewhere = Path(shutil.copytree(finished / "fields", tmp_path / "fields"))
    before = sorted(elsewhere.iterdir())
    (tmp_path / "run").mkdir()
    (tmp_path / "run/fields").symlink_to(elsewhere)
    with pytest.raises(files.FileError, match="fields is a link, which is not followed"):
        run(tiny_case(1, PLATE), tmp_path / "run")
    files.clear(tmp_path / "run")
    assert sorted(elsewhere.iterdir()) == before


def test_a_pipe_in_place_of_a_file_does_not_wait(tmp_path):
    for name in ("summary.json", "done.json", "log.csv"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(ResultsError, match="not a regular file but a device, a pipe"):
        json_object(tmp_path / "summary.json")
    assert done_digest(tmp_path) is None
    assert "a pipe" in refused("info", tmp_path)


def test_an_error_that_keeps_solvers_alive_does_not_crash_the_program_at_its_end(tmp_path, finished):
    """PETSc would call Python after its end: a restart that cannot write, in a script that does not catch the error."""
    directory = Path(shutil.copytree(finished, tmp_path / "run"))
    script = (
        "from solver.output import summary; from solver.loop.runner import run\n"
        "from tests.unit.test_kept_results import PLATE, tiny_case\n"
        "def retract(directory): raise OSError(30, 'Read-only file system', 'summary.json')\n"
        "summary.retract = retract\n"
        f"run(tiny_case(1, PLATE), {str(directory)!r}, 'latest')"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.endswith("FileError: summary.json: Read-only file system\n")


def test_no_file_gets_the_descriptor_of_a_closed_standard_stream(tmp_path):
    """All three closed: what is said there would be written into the next file that is opened."""
    script = (
        "import os; os.closerange(0, 3)\n"
        "from solver.cli import terminal; terminal.protect()\n"
        f"file = open({str(tmp_path / 'log.csv')!r}, 'w'); terminal.say_at_once('ended')\n"
        "raise SystemExit(file.fileno())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment(), check=False)
    assert done.returncode > terminal.STANDARD_ERROR
    assert (tmp_path / "log.csv").read_text() == ""


def test_a_mesh_whose_content_has_changed_makes_another_case_and_one_that_was_moved_does_not(tmp_path):
    """What has been computed with the old one is not said to be of the new one."""

    def plating(name: str, text: str, seconds: int) -> Case:
        (tmp_path / name).write_text(text)
        keys = {"geometry.mesh": tmp_path / name, "interface.width": "1 um", "protocol.0.duration": f"{seconds} s"}
        return load_case(MESH_CASE, [f"{key}={value}" for key, value in (keys | {"output.fields": "[]"}).items()])

    text = MESH_CASE.with_name("defects.msh").read_text()
    changed = text.replace("\n1 0 2.30940108 0\n", "\n1 0 2.5 0\n")
    assert changed != text
    run(plating("a.msh", text, 1), tmp_path / "run")
    for name, content, seconds, same in (("b.msh", text, 2, True), ("b.msh", changed, 3, False)):
        case = plating(name, content, seconds)
        run(case, tmp_path / "run", "latest")
        assert (done_digest(tmp_path / "run") == case.source.digest) == same


def forge(path: Path, **texts: str | None) -> None:
    """Other texts (None: gone) in a checkpoint, with checksums that fit."""
    with h5py.File(path, "r+") as file:
        sums = json.loads(read_text(file["checksums"]))
        for key, content in texts.items():
            name = key.replace("__", "/")
            del file[name], sums[name]
            if content is not None:
                file[name] = np.bytes_(content.encode())
                sums[name] = checksum.of_text(content)
        listed = json.dumps(sums)
        del file["checksums"]
        file["checksums"] = np.bytes_(listed.encode())
        file.attrs["checksum"] = np.bytes_(checksum.of_text(listed))


FORGED: dict[str, dict[str, str | None]] = {
    "gone": {"provenance__resolved_case": None},
    "no JSON": {"provenance__resolved_case": "[1"},
    "list": {"scalars": "[]"},
    "NaN": {"time": "NaN"},
    "text": {"time": '"x"'},
    "negative": {"step": "-5"},
    "other keys": {"last_end": '{"x": 1}', "past": '"z"'},
    "solvers": {"solvers": "[]"},
    "column": {"log__segment": '["a"]'},
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_checkpoint_that_somebody_has_made_up_is_refused_and_nothing_is_deleted(tmp_path, finished, kind):
    directory = Path(shutil.copytree(finished, tmp_path / "run"))
    path = checkpoint.newest_first(directory)[0]
    changes = FORGED[kind]
    with h5py.File(path) as file:
        scalars = json.loads(read_text(file["scalars"]))
    if changes.keys() <= scalars.keys():
        values = {key: json.dumps(value) for key, value in scalars.items()} | changes
        changes = {"scalars": f"{{{', '.join(f'{json.dumps(key)}: {value}' for key, value in values.items())}}}"}
    forge(path, **changes)
    before = {item: item.read_bytes() for item in directory.rglob("*") if item.is_file()}
    with pytest.raises(checkpoint.CheckpointError):
        run(tiny_case(1, PLATE | {"duration": "2 s"}), directory, path)
    assert before == {item: item.read_bytes() for item in directory.rglob("*") if item.is_file()}


def test_a_picture_that_cannot_be_written_is_an_error_of_the_system(finished, monkeypatch):
    def full(path: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("postprocess.pictures.make_part", full)
    said = refused("plot", finished, code=1)
    assert said == f"{finished / 'curves.png'}: cannot be written: No space left on device\n"
