"""Debian's ParaView opens the series: run pvbatch on fields.xdmf and compare every value.

Needs pvbatch, and xvfb-run where there is no display:
    apt-get install -y --no-install-recommends paraview python3-paraview xvfb xauth
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from solver.output import stored
from tests import synthetic
from tests.mpi import run_ranks

pytestmark = pytest.mark.long

# Runs inside ParaView: arguments are the XDMF file, the JSON file to write, and which reader.
SCRIPT = """
import json, sys
from paraview import servermanager
from paraview.simple import GetParaViewVersion, OpenDataFile, XDMFReader

def cell_values(array):
    return [list(array.GetTuple(n)) for n in range(array.GetNumberOfTuples())]

reader = OpenDataFile(sys.argv[1]) if sys.argv[3] == "Xdmf3" else XDMFReader(FileNames=[sys.argv[1]])
times = list(reader.TimestepValues) if hasattr(reader.TimestepValues, "__len__") else [reader.TimestepValues]
result = {"version": str(GetParaViewVersion()), "times": times, "steps": []}
for time in times:
    reader.UpdatePipeline(time)  # simple.UpdatePipeline takes the time 0.0 for no time
    data = servermanager.Fetch(reader)
    while data.IsA("vtkMultiBlockDataSet"):
        data = data.GetBlock(0)
    cells = data.GetCellData()
    bounds = [list(data.GetCell(n).GetBounds()) for n in range(data.GetNumberOfCells())]
    values = {cells.GetArrayName(n): cell_values(cells.GetArray(n)) for n in range(cells.GetNumberOfArrays())}
    result["steps"].append({"bounds": bounds, "values": values})
with open(sys.argv[2], "w") as file:
    json.dump(result, file)
"""


def pvbatch(*arguments: Path | str) -> None:
    """Run pvbatch to its end, on a virtual display when there is none."""
    install = "apt-get install -y --no-install-recommends paraview python3-paraview xvfb xauth"
    if shutil.which("pvbatch") is None:
        pytest.fail(f"pvbatch is missing: {install}", pytrace=False)
    command = ["pvbatch", *map(str, arguments)]
    if "DISPLAY" not in os.environ:
        if shutil.which("xvfb-run") is None:
            pytest.fail(f"there is no display and xvfb-run is missing: {install}", pytrace=False)
        command = ["xvfb-run", "-a", "-s", "-screen 0 1024x768x24 +extension GLX -noreset", *command]
    # ParaView has its own VTK for the distribution's Python: keep the virtual environment out of its way
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    environment = {
        k: v for k, v in os.environ.items() if k not in hidden and not k.startswith(("OMPI_", "PMIX_"))
    }
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("reader", ["Xdmf3", "Xdmf2"])
def test_paraview_opens_the_series_with_exact_values(tmp_path, dim, graded, precision, reader):
    synthetic.write_output(str(tmp_path), dim, graded, precision)
    script, out = tmp_path / "read.py", tmp_path / "out.json"
    script.write_text(SCRIPT)
    pvbatch(script, tmp_path / "fields.xdmf", out, reader)
    result = json.loads(out.read_text())

    assert result["times"] == [0.0, 1 / 3]
    grid = synthetic.grid(dim, graded)
    missing = [n for n, axis in enumerate("xyz") if axis not in grid.axes]
    for step, factor in zip(result["steps"], (1.0, 2.0), strict=True):
        # ParaView's cells run x fastest, ours z fastest
        numbers = np.arange(np.prod(grid.shape)).reshape(grid.shape)
        order = np.expand_dims(numbers, missing).transpose(2, 1, 0).ravel()
        expected = synthetic.global_fields(grid, factor, precision)
        np.testing.assert_array_equal(np.ravel(step["values"]["lithium"]), expected["lithium"].ravel()[order])
        velocity = np.zeros((len(order), 3))
        own = ["xyz".index(axis) for axis in grid.axes]
        velocity[:, own] = expected["velocity"].reshape(-1, dim)[order]
        np.testing.assert_array_equal(step["values"]["velocity"], velocity)
        stress = synthetic.matrix(expected["stress"].reshape(-1, 6)[order])
        np.testing.assert_array_equal(step["values"]["stress"], stress)
        for axis, place, faces in zip(grid.axes, own, grid.faces, strict=True):
            index = np.unravel_index(order, grid.shape)[grid.axes.index(axis)]
            bounds = np.array(step["bounds"])[:, 2 * place : 2 * place + 2]
            np.testing.assert_allclose(bounds, np.stack([faces[index], faces[index + 1]], axis=1), atol=1e-18)


def test_paraview_sees_collector_gap_and_film_of_an_anode_free_cell(tmp_path):
    """A short plating of cases/demo.toml on 2 ranks: what pvbatch reads of the collector is what the files hold."""
    short = ["domain.width=2 um", "protocol.0.capacity=0.002 mAh/cm^2", "protocol.2.capacity=0.001 mAh/cm^2"]
    changes = [part for change in (*short, "output.interval=5 s") for part in ("--set", change)]
    case = Path(__file__).parents[2] / "cases" / "demo.toml"
    run_ranks(2, ["-m", "solver", "run", case, "--output", tmp_path / "run", *changes])
    script, out = tmp_path / "read.py", tmp_path / "out.json"
    script.write_text(SCRIPT)
    pvbatch(script, tmp_path / "run" / "fields.xdmf", out, "Xdmf3")
    result = json.loads(out.read_text())

    snapshots, problems = stored.find(tmp_path / "run")
    assert not problems and result["times"] == [snapshot.time for snapshot in snapshots] and len(snapshots) > 2
    for snapshot, step in zip(snapshots, result["steps"], strict=True):
        with stored.opened(snapshot.path) as file:
            for name in ("collector", "gap", "lithium_thickness", "lithium", "metal", "pressure"):
                values = np.sort(stored.numbers(file, f"{stored.CELLS}/{name}").ravel())
                np.testing.assert_array_equal(np.sort(np.ravel(step["values"][name])), values)
    grown = [np.max(step["values"]["lithium_thickness"]) for step in result["steps"]]
    assert len(set(grown)) == len(grown) and np.max(result["steps"][-1]["values"]["collector"]) > 0.99
