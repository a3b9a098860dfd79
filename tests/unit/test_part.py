"""A part of the physics brings all that a run needs of it: shown with the trial part of `tests.tracer`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from postprocess import Run
from solver.case import io
from solver.case.io import CaseError, case_from_dict
from solver.case.schema import Case
from solver.loop import cathode
from solver.loop.runner import run
from solver.loop.simulation import BEFORE, WALL
from solver.model import build
from solver.model.build import make_coupling, make_grid
from solver.model.catalogue import COLUMNS, FIELDS
from solver.output import checkpoint
from solver.output.checkpoint import CheckpointError
from solver.physics.part import Audit, Balance, StateField, Supply
from tests.mpi import ROOT, rank_results
from tests.tracer import TracerOptions, make_tracer

TABLE: dict[str, Any] = {
    "schema_version": 1,
    "domain": {"width": "1.6 um", "lithium_thickness": "1 um"},
    "interface": {"width": "200 nm"},
    "electrolyte": [{"thickness": "1 um"}],
    "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "2 s"}],
    "time": {"fixed_step": "0.5 s"},
    "solver": {"tolerance": 1e-10},
}
OPTIONS = {"diffusivity": "1e-14 m^2/s", "rate": 0.05}


class TracedCase(Case):
    """The schema with one line more."""

    tracer: TracerOptions | None = Field(default=None, description="a trial part")


def join(patch: pytest.MonkeyPatch) -> None:
    """What a developer would write: a line in the schema, a line in `model.build`."""
    patch.setattr(io, "Case", TracedCase)
    patch.setattr(build, "FOLLOWERS", [*build.FOLLOWERS, make_tracer])


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> None:
    join(monkeypatch)


def test_a_part_has_its_column_audit_snapshot_and_share_of_the_error(joined: None, tmp_path: Path) -> None:
    result = run(case_from_dict(TABLE | {"tracer": OPTIONS}), tmp_path)
    assert result.curves["tracer_mean"][-1] == pytest.approx(0.5 * (1 - np.exp(-0.05 * 2.0)), rel=0.05)
    assert result.curves["tracer_error"].max() < 1e-12
    assert result.curves["lithium_error"].max() < 1e-8
    found = Run(tmp_path)
    assert found.units["tracer_mean"] == "1"
    assert found.fields["tracer"].symbol == "s" and found.field("tracer", -1).max() > 0.05
    assert json.loads((tmp_path / "summary.json").read_text())["tracer_error"] < 1e-12
    fast, long_steps = {"tracer": OPTIONS | {"rate": 5.0}}, {"time": {"first_step": "1 s", "max_step": "1 s"}}
    coarse = case_from_dict(TABLE | fast | long_steps)
    assert run(coarse).curves["dt"][0] < 0.1  # its error has the step cut down


def test_a_part_that_is_switched_off_is_absent(joined: None, tmp_path: Path) -> None:
    case = case_from_dict(TABLE)
    assert "tracer" not in case.resolved()
    result = run(case, tmp_path)
    assert not [name for name in result.curves if "tracer" in name]
    assert "tracer" not in Run(tmp_path).fields
    plain = [heading.split(" [")[0] for heading in (tmp_path / "log.csv").read_text().splitlines()[0].split(",")]
    assert "penetration_depth" not in plain and plain[0] == "step" and plain[-1] == "wall"


def test_its_section_has_checks(joined: None) -> None:
    with pytest.raises(CaseError, match=r"tracer\.rate: value 100\.0: far too fast for the steps; allowed: at most"):
        case_from_dict(TABLE | {"tracer": OPTIONS | {"rate": 100.0}})
    with pytest.raises(CaseError, match=r"tracer\.diffusivity"):
        case_from_dict(TABLE | {"tracer": {"diffusivity": "1 m"}})


def test_without_its_line_in_the_schema_the_section_is_unknown() -> None:
    with pytest.raises(CaseError, match="tracer"):
        case_from_dict(TABLE | {"tracer": OPTIONS})


def test_a_restart_goes_on_with_it_on_any_number_of_ranks(tmp_path: Path) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    assert traced(str(whole), 4)["steps"] == 4
    traced(str(half), 2)
    rank_results(2, traced, str(half), 4)
    for name in ("tracer_mean", "tracer_error", "voltage"):
        expected, found = Run(whole).curves[name], Run(half).curves[name]
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)


def traced(directory: str, steps: int) -> dict[str, int]:
    """A run of so many steps, or its continuation."""
    with pytest.MonkeyPatch.context() as patch:
        join(patch)
        protocol = [{"kind": "galvanostatic", "direction": "plate", "duration": f"{0.5 * steps} s"}]
        case = case_from_dict(TABLE | {"tracer": OPTIONS, "protocol": protocol})
        restart = "latest" if steps == 4 and Path(directory).exists() else None
        return {"steps": len(run(case, directory, restart=restart).curves["step"])}


def test_a_log_with_fewer_columns_can_be_continued(joined: None, tmp_path: Path) -> None:
    """A checkpoint of a version without the part's column: empty until then, numbers from then on."""
    longer = [{"kind": "galvanostatic", "direction": "plate", "duration": "4 s"}]
    run(case_from_dict(TABLE | {"tracer": OPTIONS}), tmp_path)
    (path,) = checkpoint.newest_first(tmp_path)[:1]
    grid = make_grid(case_from_dict(TABLE))
    saved = checkpoint.read(path, grid)
    log = {name: values for name, values in saved.log.items() if name != "tracer_mean"}
    step = int(saved.scalars["step"])
    checkpoint.write(tmp_path, grid, step, saved.fields, saved.scalars, saved.provenance, 1, log)
    run(case_from_dict(TABLE | {"tracer": OPTIONS, "protocol": longer}), tmp_path, restart="latest")
    mean = Run(tmp_path).curves["tracer_mean"]
    assert np.isnan(mean[:4]).all() and np.isfinite(mean[4:]).all() and len(mean) == 8


def test_a_checkpoint_without_its_field_is_refused(joined: None, tmp_path: Path) -> None:
    run(case_from_dict(TABLE), tmp_path)
    with pytest.raises(CheckpointError, match="without the fields tracer"):
        run(case_from_dict(TABLE | {"tracer": OPTIONS}), tmp_path, restart="latest")


# -- balances ----------------------------------------------------------------------------------------------


def test_a_balance_is_of_all_that_supplies_it() -> None:
    supplies = Supply("lithium", "charge", 2.0), Supply("lithium", "bottom")
    audit = Audit(Balance("lithium", "inventory", "charge"), supplies)
    sums = {"charge": 3.0, "bottom": -1.0}
    assert audit.error(stored=15.0, start=10.0, sums=sums, magnitude=4.0) == 0.0
    assert audit.error(stored=15.8, start=10.0, sums=sums, magnitude=4.0) == pytest.approx(0.1)
    assert audit.error(stored=15.8, start=10.0, sums={"charge": 0.0, "bottom": 0.0}, magnitude=0.0) == 0.0


def test_an_error_of_a_field_needs_its_prediction() -> None:
    with pytest.raises(ValueError, match="zeta: an error needs a prediction"):
        StateField("zeta", tolerance=0.1)


def test_all_columns_and_fields_of_a_model_have_names_of_their_own() -> None:
    flaw = {"defects": [{"kind": "flaws", "spacing": "1.6 um", "depth": "0.8 um"}]}
    case = case_from_dict(TABLE | flaw)
    model = make_coupling(case, make_grid(case))
    for names in ([c.name for c in model.columns], [f.name for f in model.outputs], list(model.names)):
        assert len(names) == len(set(names))
    assert all(c.meaning for c in model.columns) and {f.name for f in model.outputs} >= {"filament", "stress"}


def test_all_columns_and_fields_are_in_the_documentation() -> None:
    """With unit and meaning, in the words of the parts."""
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    for column in (*BEFORE, *COLUMNS, *cathode.COLUMNS, WALL):
        assert f"| `{column.name}` | {column.unit or '-'} | {column.meaning} |\n" in text
    for field in FIELDS.values():
        assert f"| `{field.name}` | {field.symbol or '-'} | {field.unit} | {field.long_name} |\n" in text
