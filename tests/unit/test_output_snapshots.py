"""Snapshots as VTK and ParaView see them: exact values, places, units and times."""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import escape

import h5py
import numpy as np
import pytest
import pyvista
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
from vtkmodules.vtkIOXdmf2 import vtkXdmfReader

from postprocess import Run
from solver.case.io import case_from_dict
from solver.case.schema import ALL_FIELDS
from solver.loop.build import make_simulation
from solver.model.build import make_grid
from solver.model.catalogue import FIELDS
from solver.numerics.array import TENSOR
from solver.output.log import Console
from solver.output.provenance import LONGEST_TABLE, LONGEST_TEXT
from solver.output.recorder import FileRecorder
from solver.output.snapshots import PRECISIONS, SnapshotWriter
from solver.physics.barrier import Barrier
from solver.physics.deposit import Deposit
from solver.physics.host import Host
from solver.physics.interphase import Interphase
from solver.physics.nucleation import Nucleation
from solver.physics.seed import Seed
from tests import synthetic

GRIDS = pytest.mark.parametrize(("dim", "graded"), [(d, g) for d in (1, 2, 3) for g in (False, True)])
PRECISE = pytest.mark.parametrize("precision", ["single", "double"])


def cells_by_centre(dataset) -> dict[tuple[float, float, float], int]:
    """Number of the cell for each cell centre, rounded to 1e-12 m."""
    centres = vtk_to_numpy(dataset.cell_centers().GetPoints().GetData())
    return {tuple(np.round(c, 12) + 0.0): n for n, c in enumerate(centres)}


def check_values(dataset, grid, factor: float, precision: str = "double") -> None:
    """Every cell of the grid is found at its place with its values, bit for bit."""
    expected = synthetic.global_fields(grid, factor, precision)
    numbers = cells_by_centre(dataset)
    assert len(numbers) == np.prod(grid.shape)
    lithium, velocity, stress = (dataset.cell_data[name] for name in ("lithium", "velocity", "stress"))
    rows = synthetic.matrix(expected["stress"])
    slab = 0.5 * min(np.diff(f).min() for f in grid.faces)
    for index in np.ndindex(*grid.shape):
        place = dict(zip(grid.axes, (c[i] for c, i in zip(grid.centres, index, strict=True)), strict=True))
        cell = numbers[tuple(np.round([place.get(axis, slab) for axis in "xyz"], 12) + 0.0)]
        assert lithium[cell] == expected["lithium"][index]
        vector = dict(zip(grid.axes, expected["velocity"][index], strict=True))
        assert tuple(velocity[cell]) == tuple(vector.get(axis, 0.0) for axis in "xyz")
        assert tuple(stress[cell].ravel()) == tuple(rows[index])


def read_xdmf(path: Path, time: float):
    """The grid at a time, and all times, read with VTK's XDMF reader."""
    reader = vtkXdmfReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    information = reader.GetOutputInformation(0)
    key = vtkStreamingDemandDrivenPipeline
    times = [information.Get(key.TIME_STEPS(), n) for n in range(information.Length(key.TIME_STEPS()))]
    information.Set(key.UPDATE_TIME_STEP(), time)
    reader.Update()
    data = reader.GetOutputDataObject(0)
    while data.IsA("vtkMultiBlockDataSet"):
        data = data.GetBlock(0)
    return pyvista.wrap(data), times


@GRIDS
@PRECISE
def test_vtkhdf_opens_in_vtk_with_exact_values(tmp_path, dim, graded, precision):
    synthetic.write_output(str(tmp_path), dim, graded, precision)
    dataset = pyvista.read(tmp_path / "fields/fields_000001.vtkhdf")
    kind = pyvista.UnstructuredGrid if graded else pyvista.ImageData
    assert isinstance(dataset, kind)
    assert dataset.field_data["TimeValue"][0] == 1 / 3
    assert dataset.cell_data["stress"].dtype == PRECISIONS[precision]
    check_values(dataset, synthetic.grid(dim, graded), 2.0, precision)


@GRIDS
@PRECISE
def test_xdmf_opens_in_vtk_with_exact_values_and_times(tmp_path, dim, graded, precision):
    synthetic.write_output(str(tmp_path), dim, graded, precision)
    for time, factor in ((0.0, 1.0), (1 / 3, 2.0)):
        dataset, times = read_xdmf(tmp_path / "fields.xdmf", time)
        assert times == [0.0, 1 / 3]
        check_values(dataset, synthetic.grid(dim, graded), factor, precision)


def test_series_opens_in_pyvista(tmp_path):
    synthetic.write_output(str(tmp_path), 2, True)
    reader = pyvista.get_reader(tmp_path / "fields.vtkhdf.series", force_ext=".series")
    assert reader.time_values == [0.0, 1 / 3]
    reader.set_active_time_value(1 / 3)
    check_values(reader.read(), synthetic.grid(2, True), 2.0)


@GRIDS
@PRECISE
def test_reader_gives_back_the_fields(tmp_path, dim, graded, precision):
    synthetic.write_output(str(tmp_path), dim, graded, precision)
    run, grid = Run(tmp_path), synthetic.grid(dim, graded)
    assert list(run.times) == [0.0, 1 / 3]
    assert tuple(run.axes) == grid.axes
    for axis, centres in zip(grid.axes, grid.centres, strict=True):
        np.testing.assert_array_equal(run.axes[axis], centres)
    for index, factor in ((0, 1.0), (-1, 2.0)):
        for name, values in synthetic.global_fields(grid, factor, precision).items():
            assert run.field(name, index).dtype == float
            np.testing.assert_array_equal(run.field(name, index), values)
    np.testing.assert_allclose(run.volumes, grid.volume, rtol=1e-14)


def test_datasets_carry_unit_and_meaning_and_files_carry_provenance(tmp_path):
    synthetic.write_output(str(tmp_path), 2, False)
    run = Run(tmp_path)
    assert run.fields["velocity"].unit == "m/s"
    assert run.fields["velocity"].components == ("x", "z")
    assert run.fields["stress"].components == TENSOR
    assert run.fields["lithium"].components == ()
    assert run.fields["lithium"].long_name == FIELDS["lithium"].long_name
    assert run.fields["lithium"].symbol == "xi"
    assert run.info["case"] == synthetic.PROVENANCE["case"]
    assert run.info["resolved_case"]["drive"] == {"current_density": 10.0}
    assert run.info["seeds"] == {"heterogeneity": 1}
    with h5py.File(tmp_path / "fields/fields_000001.vtkhdf") as file:
        assert file["snapshot"].attrs["step"] == 1
        assert file["snapshot"].attrs["time"] == 1 / 3


@pytest.mark.parametrize("dim", [1, 2])
def test_snapshots_of_a_case_with_defects_have_filaments_and_dead_lithium_is_always_there(tmp_path, dim):
    """At the start, as VTK reads them: Li down to the depth of the flaw; units and long names in both formats."""
    table = {
        "schema_version": 1,
        "domain": {"dimension": dim, "lithium_thickness": "2 um"} | ({"width": "2 um"} if dim > 1 else {}),
        "interface": {"width": "200 nm"},
        "electrolyte": [{"thickness": "4 um"}],
        "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "1 s"}],
    }
    flaw = {"defects": [{"kind": "flaws", "spacing": "2 um", "depth": "2 um"}]}
    names = {}
    for name, more in (("without", {}), ("with", flaw)):
        case, directory = case_from_dict(table | more), tmp_path / name
        directory.mkdir()
        grid = make_grid(case)
        recorder = FileRecorder(directory, grid, Console(progress=False), {}, {}, (), 1)
        simulation = make_simulation(case, grid, recorder)
        recorder.begin(simulation.headings, simulation.model.outputs)
        simulation.begin()
        dataset = pyvista.read(directory / "fields/fields_000000.vtkhdf")
        names[name] = set(dataset.cell_data.keys())
        assert names[name] == set(read_xdmf(directory / "fields.xdmf", 0.0)[0].cell_data.keys())
        xdmf = (directory / "fields.xdmf").read_text()
        for field, about in Run(directory).fields.items():
            assert (about.unit, about.long_name) == (FIELDS[field].unit, FIELDS[field].long_name)
            assert escape(about.long_name) in xdmf
    assert names["with"] - names["without"] == {"filament", "defect", "opening", "infiltration_pressure"}
    of_others = {info.name for part in (Deposit, Nucleation, Seed, Host, Interphase, Barrier) for info in part.outputs}
    assert names["with"] == set(ALL_FIELDS) - of_others and "dead_lithium" in names["without"]
    filled = dataset.cell_data["metal"] * (dataset.cell_data["electrolyte"] > 0.9)
    z = dataset.cell_centers().points[:, 2]
    assert filled.max() > 0.9 and z[filled > 0.5].max() == pytest.approx(2e-6, abs=1.5e-7)


def writer_with(directory: Path, times: list[float]) -> SnapshotWriter:
    grid = synthetic.grid(2, False)
    writer = SnapshotWriter(directory, grid, FIELDS, {})
    for n, time in enumerate(times):
        writer.write(time, n, synthetic.fields(grid))
    return writer


def series_times(directory: Path) -> list[float]:
    return [entry["time"] for entry in json.loads((directory / "fields.vtkhdf.series").read_text())["files"]]


def test_resume_drops_what_came_later_and_goes_on(tmp_path):
    writer_with(tmp_path, [0.0, 1.0, 2.0, 3.0])
    grid = synthetic.grid(2, False)
    writer = SnapshotWriter(tmp_path, grid, FIELDS, {})
    writer.resume(1.5)
    assert series_times(tmp_path) == [0.0, 1.0]
    assert sorted(p.name for p in (tmp_path / "fields").iterdir()) == [
        f"fields_00000{n}.vtkhdf" for n in (0, 1)
    ]
    writer.write(2.0, 7, synthetic.fields(grid, 3.0))
    assert series_times(tmp_path) == [0.0, 1.0, 2.0]
    dataset, times = read_xdmf(tmp_path / "fields.xdmf", 2.0)
    assert times == [0.0, 1.0, 2.0]
    check_values(dataset, grid, 3.0)


def test_resume_in_an_empty_directory_starts_a_series(tmp_path):
    writer = SnapshotWriter(tmp_path, synthetic.grid(1, False), FIELDS, {})
    writer.resume(5.0)
    writer.write(6.0, 1, synthetic.fields(synthetic.grid(1, False)))
    assert series_times(tmp_path) == [6.0]


def test_second_snapshot_at_one_time_replaces_the_first(tmp_path):
    writer = writer_with(tmp_path, [0.0, 1.0])
    writer.write(1.0, 9, synthetic.fields(synthetic.grid(2, False), 4.0))
    assert series_times(tmp_path) == [0.0, 1.0]
    assert Run(tmp_path).field("lithium")[0, 0] == 0.4


def test_earlier_time_unknown_field_and_wrong_shape_are_refused(tmp_path):
    writer = writer_with(tmp_path, [0.0, 1.0])
    fields = synthetic.fields(synthetic.grid(2, False))
    with pytest.raises(ValueError, match=r"snapshot at 0\.5 s after the one at 1\.0 s"):
        writer.write(0.5, 2, fields)
    with pytest.raises(ValueError, match=r"no unit and meaning given for the fields \['lithum'\]"):
        writer.write(2.0, 2, {"lithum": fields["lithium"]})
    with pytest.raises(ValueError, match="does not fit the grid"):
        writer.write(2.0, 2, {"lithium": fields["lithium"].T})
    with pytest.raises(ValueError, match=r"shape \(7, 30\) does not fit the grid: expected \(7, 30, 2\)"):
        writer.write(2.0, 2, {"velocity": fields["lithium"]})
    with pytest.raises(ValueError, match=r"shape \(7, 30, 2\) does not fit the grid: expected \(7, 30, 6\)"):
        writer.write(2.0, 2, {"stress": fields["velocity"]})
    assert series_times(tmp_path) == [0.0, 1.0]


def test_half_written_snapshot_leaves_the_series_as_it_was(tmp_path, monkeypatch):
    writer = writer_with(tmp_path, [0.0])
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(OSError, match="killed"):
        writer.write(1.0, 1, synthetic.fields(synthetic.grid(2, False)))
    assert list(Run(tmp_path).times) == [0.0]
    assert Run(tmp_path).field("lithium")[0, 0] == 0.1


def test_nothing_is_written_before_the_first_snapshot(tmp_path):
    SnapshotWriter(tmp_path, synthetic.grid(1, False), FIELDS, {})
    assert not list(tmp_path.iterdir())


def test_going_on_with_other_fields_and_precision_describes_each_snapshot_by_what_is_in_it(tmp_path):
    grid = synthetic.grid(2, True)
    first = SnapshotWriter(tmp_path, grid, FIELDS, {}, "double")
    first.write(0.0, 0, synthetic.fields(grid))
    first.write(1.0, 1, synthetic.fields(grid, 2.0))
    second = SnapshotWriter(tmp_path, grid, FIELDS, {}, "single")
    assert second.resume(1.0) == []
    second.write(2.0, 2, {"lithium": synthetic.fields(grid, 3.0)["lithium"]})
    for time, factor in ((0.0, 1.0), (1.0, 2.0)):
        dataset, times = read_xdmf(tmp_path / "fields.xdmf", time)
        assert times == [0.0, 1.0, 2.0]
        check_values(dataset, grid, factor)
    dataset, _ = read_xdmf(tmp_path / "fields.xdmf", 2.0)
    assert dataset.cell_data.keys() == ["lithium"] and dataset.cell_data["lithium"].dtype == np.float32
    run = Run(tmp_path)
    assert set(run.fields) == {"lithium"} and run.field("velocity", 0).shape == (*grid.shape, 2)
    for name in ("fields.xdmf", "fields.vtkhdf.series"):  # made again from the snapshots, to the same text
        before = (tmp_path / name).read_text()
        (tmp_path / name).write_text("edited")
        SnapshotWriter(tmp_path, grid, FIELDS, {}).resume(2.0)
        assert (tmp_path / name).read_text() == before


def test_a_snapshot_at_the_time_of_the_checkpoint_is_kept_and_one_that_is_gone_is_said(tmp_path):
    writer_with(tmp_path, [0.0, 0.1 + 0.2, 0.7, 0.9, 1.1])
    for number in (1, 3):
        (tmp_path / f"fields/fields_00000{number}.vtkhdf").unlink()
    grid = synthetic.grid(2, False)
    writer = SnapshotWriter(tmp_path, grid, FIELDS, {})
    assert writer.resume(0.7) == [f"{tmp_path}/fields/fields_000001.vtkhdf: no such file, and 1 more"]
    assert series_times(tmp_path) == [0.0, 0.7]
    assert writer.write(0.7, 5, synthetic.fields(grid)).name == "fields_000002.vtkhdf"  # the same time again
    assert writer.write(0.8, 6, synthetic.fields(grid)).name == "fields_000003.vtkhdf"
    assert series_times(tmp_path) == [0.0, 0.7, 0.8]


def test_a_snapshot_that_vanishes_while_the_run_goes_on_leaves_the_series(tmp_path):
    writer = writer_with(tmp_path, [0.0, 1.0])
    (tmp_path / "fields/fields_000000.vtkhdf").unlink()
    writer.write(2.0, 2, synthetic.fields(synthetic.grid(2, False)))
    assert series_times(tmp_path) == [1.0, 2.0]
    assert read_xdmf(tmp_path / "fields.xdmf", 2.0)[1] == [1.0, 2.0]


def test_no_series_where_no_snapshot_is_left(tmp_path):
    writer_with(tmp_path, [1.0, 2.0])
    SnapshotWriter(tmp_path, synthetic.grid(2, False), FIELDS, {}).resume(0.5)
    assert not list(tmp_path.glob("fields.*")) and not list((tmp_path / "fields").iterdir())


def test_without_fields_there_is_still_a_grid(tmp_path):
    grid = synthetic.grid(2, True)
    SnapshotWriter(tmp_path, grid, FIELDS, {}).write(0.0, 0, {})
    assert pyvista.read(tmp_path / "fields/fields_000000.vtkhdf").n_cells == np.prod(grid.shape)
    assert Run(tmp_path).fields == {} and list(Run(tmp_path).axes) == ["x", "z"]


def test_snapshots_are_small(tmp_path):
    """Smooth fields on a graded grid take less than half of their bytes, geometry next to nothing."""
    run = Run(synthetic.strip_run(tmp_path))
    with h5py.File(tmp_path / "fields/fields_000003.vtkhdf") as file:
        geometry = [file[f"VTKHDF/{name}"] for name in ("Points", "Connectivity", "Offsets", "Types")]
        assert sum(d.id.get_storage_size() for d in geometry) < 0.03 * sum(d.nbytes for d in geometry)
        assert all(d.chunks is not None for d in (*geometry, *file["VTKHDF/CellData"].values()))
        size = (tmp_path / "fields/fields_000003.vtkhdf").stat().st_size
        assert size < 0.5 * sum(d.nbytes for d in file["VTKHDF/CellData"].values())
    assert len(run.times) == 4


def test_long_texts_and_tables_are_in_the_directory_once(tmp_path):
    """Each snapshot says where they are; the reader finds them there as long as they are those of the snapshot."""
    table = {"time": [0.5 * n for n in range(LONGEST_TABLE + 1)]}
    resolved = {"title": "long", "domain": {"lateral": "periodic"}, "protocol": [{"kind": "profile", "table": table}]}
    text, case = json.dumps(resolved, indent=2), "# a comment \u00b5\n" * LONGEST_TEXT
    grid = synthetic.grid(1, False)
    about = synthetic.PROVENANCE | {"case": case, "resolved_case": text}
    path = SnapshotWriter(tmp_path, grid, FIELDS, about).write(0.0, 0, synthetic.fields(grid))
    assert path.stat().st_size < 60000 < len(case)
    short = Run(tmp_path)
    assert short.info["case"] == f"{len(case.encode())} bytes, in case.toml"
    assert short.case["title"] == "long" and short.case["domain"] == {"lateral": "periodic"}
    assert short.case["protocol"][0]["table"]["time"] == f"{LONGEST_TABLE + 1} entries, in resolved.json"
    (tmp_path / "case.toml").write_text(case)
    (tmp_path / "resolved.json").write_text(text + "\n")
    assert Run(tmp_path).info["case"] == case and Run(tmp_path).case == resolved
    (tmp_path / "resolved.json").write_text(text.replace("0.5", "0.6"))
    assert Run(tmp_path).case == short.case
