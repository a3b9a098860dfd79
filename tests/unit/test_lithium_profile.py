"""Li that lies on a collector at the start as a file says: its heights, what it touches, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver.case.io import CaseError, case_from_dict
from solver.case.schema import Case
from solver.model.build import make_coupling, make_grid, make_state
from solver.physics import touching
from tests.unit.test_case_surface import data
from tests.verification.setups import curves, finish, prepare

GAP, WIDTH = 500e-9, 100e-9
LAND, FLANK = 0.75, 0.5  # um: half the width of the deposit on the electrolyte, and of its flanks
GOOD = "x [um],height [nm]\n0,0\n0.75,0\n1.25,500\n2.75,500\n3.25,0\n4,0\n"
BOX = {"width": "4 um"}


def case(folder: Path, text: str = GOOD, **sections: Any) -> Case:
    """A cell with what `text` says on its collector."""
    (folder / "deposit.csv").write_text(text)
    start = {"lithium": {"profile": {"file": "deposit.csv"}}, "collector": {}, "domain": BOX}
    return case_from_dict(data(**(start | sections)), directory=folder)


@pytest.mark.parametrize("rough", [False, True], ids=["flat", "rough"])
def test_li_lies_on_the_collector_as_high_as_the_file_says(tmp_path: Path, rough: bool) -> None:
    """On a rough collector too, but where that is too near for as much."""
    collector = {"roughness": {"amplitude": "30 nm", "correlation_length": "1 um"}, "gap": "500 nm"} if rough else {}
    found = case(tmp_path, collector=collector)
    assert found.collector is not None and found.collector.gap == pytest.approx(GAP)
    model = make_coupling(found, make_grid(found))
    state, contact = make_state(model), model.places.start()
    x = np.ravel(model.grid.cell_coordinates()[0]) * 1e6 - 2
    thickness = model.grid.columns(contact.metal * state["occupancy"] * model.grid.spacing[-1]).ravel()
    expected = 1e9 * GAP * np.clip((LAND + FLANK - np.abs(x)) / FLANK, 0.0, 1.0)
    middle, bare = np.abs(x) < LAND - 0.2, np.abs(x) > LAND + FLANK + 0.2
    assert contact.collector is not None
    held = 1e9 * contact.collector.gap.ravel()
    np.testing.assert_allclose(thickness[bare] * 1e9, 0.0, atol=2.0)
    np.testing.assert_allclose(thickness[middle] * 1e9, np.minimum(expected, held)[middle], rtol=0.2 if rough else 0.03)
    assert np.max(np.abs(thickness * 1e9 - expected)[~middle]) < 0.8e9 * WIDTH, "the diffuse profile of such a slope"
    if not rough:
        weight = touching.weight(model.grid, contact, state["lithium"])
        touches = 2 * (LAND + FLANK * 0.5 * WIDTH / GAP) / 4
        assert touching.mean(model.grid, weight > 0.5) == pytest.approx(touches, abs=0.02)


def test_such_a_cell_runs_and_keeps_its_li(tmp_path: Path) -> None:
    """Stripped for a moment; a case in the results has the table and needs no file."""
    strip = {"kind": "galvanostatic", "direction": "strip", "duration": "1 s"}
    found = case(tmp_path, protocol=[strip], interface={"width": "200 nm"}, collector={"room": "2 um"})
    (tmp_path / "deposit.csv").unlink()
    simulation, model = prepare(case_from_dict(found.resolved()))
    finish(simulation)
    run = curves(simulation)
    written = model.output_fields(simulation.state, simulation.progress.measured)
    rigid = written["collector"] > 0.8
    for name in ("pressure", "stress", "von_mises_stress", "largest_principal_stress", "contact_pressure"):
        assert rigid.any() and not written[name][rigid].any(), "that of the collector means nothing"
        assert np.abs(written[name][~rigid]).max() > 1e5
    assert run["time"][-1] == pytest.approx(1.0) and run["lithium_error"].max() < 1e-6
    assert run["contact_fraction"][-1] == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize(
    ("text", "sections", "said"),
    [
        ("x [um],height [nm]\n0,0\n4,-1\n", {}, "heights of Li from -0.001 um to 0 um; allowed: heights of 0 or more"),
        ("x [um],height [nm]\n0,0\n4,0\n", {}, "not all of them 0"),
        ("x [um],height [nm]\n0,0\n3,50\n", {}, "is too short for domain.width; allowed: 0 to 4 um or more"),
        ("x [um],height [nm]\n0,0\n4,50\n", {}, 'periodic; allowed: at most 0.001 um, or domain.lateral = "symmetric"'),
        ("x [um],thickness [nm]\n0,0\n4,50\n", {}, "lithium.profile.file"),
        (GOOD, {"domain": {"dimension": 1}}, "lithium.profile: a 1-D case has nothing along the contact"),
        (GOOD, {"collector": None}, "lithium.profile: the Li of a thick electrode is there already"),
        (GOOD, {"lithium": {"profile": {"file": "deposit.csv"}, "film": "50 nm"}}, "a film, islands or a profile"),
        (GOOD, {"lithium": {"profile": {"file": "none.csv"}}}, "lithium.profile.file"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, text: str, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(CaseError) as refused:
        case(tmp_path, text, **sections)
    assert said in str(refused.value).replace("\n", " ")
