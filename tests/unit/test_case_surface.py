"""A measured collector: what is read from its file, what is refused, and the surface that the box gets from it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver.case.io import CaseError, case_from_dict, load_case
from solver.case.schema import Case
from solver.model.build import make_coupling, make_grid
from tests.mpi import environment

GOOD = "x [um],height [nm]\n-0.5,0\n0.5,0\n1.5,60\n2.5,0\n3,0\n4.5,0\n"
FACE = "# tip\nx [um],y [um],height [nm]\n" + "".join(f"{x},{y},{20 * x * y}\n" for y in (0, 1, 2) for x in (2, 0, 1))


def data(**sections: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "domain": {"width": "4 um"},
        "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
        "lithium": {"film": "50 nm"},
        "collector": {"profile": {"file": "line.csv"}},
        "protocol": [{"kind": "galvanostatic", "direction": "plate", "capacity": "0.1 mAh/cm^2"}],
    } | sections


def case(folder: Path, text: str, **sections: Any) -> Case:
    (folder / "line.csv").write_text(text)
    return case_from_dict(data(**sections), directory=folder)


def gap(found: Case) -> np.ndarray:
    contact = make_coupling(found, make_grid(found)).places.start()
    assert contact.collector is not None
    return contact.collector.gap[..., 0]


def test_peaks_of_the_file_are_nearest_to_the_electrolyte(tmp_path: Path) -> None:
    """Cut to the box, and with room below for the valleys."""
    found = case(tmp_path, GOOD)
    assert found.collector is not None and found.collector.profile is not None
    table = found.collector.profile.table
    assert table.x == pytest.approx((0.0, 0.5e-6, 1.5e-6, 2.5e-6, 3e-6, 4e-6))
    assert table.height == pytest.approx((0.0, 0.0, 60e-9, 0.0, 0.0, 0.0))
    flat = case_from_dict(data(collector={}))
    assert flat.collector is not None and flat.collector.room is not None
    assert found.collector.room == pytest.approx(flat.collector.room + 60e-9)
    between, x = gap(found), (np.arange(80) + 0.5) * 50e-9
    assert between.min() == pytest.approx(50e-9)
    assert x[between.argmin()] == pytest.approx(1.5e-6, abs=30e-9)
    np.testing.assert_allclose(between[x > 3.05e-6], 110e-9, atol=1e-10)


@pytest.mark.parametrize(("lateral", "even"), [("periodic", False), ("symmetric", True)])
def test_a_surface_goes_on_beyond_the_sides(tmp_path: Path, lateral: str, even: bool) -> None:
    """As the box does: level at a mirror; at periodic sides with the same slope on both."""
    text = "x [um],height [nm]\n0,0\n1,40\n2,0\n3,-40\n4,0\n"
    between = gap(case(tmp_path, text, domain={"width": "4 um", "lateral": lateral}))
    first, last = between[1] - between[0], between[-1] - between[-2]
    assert first == pytest.approx(last, rel=1e-6)
    assert (abs(first) < 1e-9) == even


def test_a_surface_in_3d_may_come_in_any_order(tmp_path: Path) -> None:
    """Sampled at its own places, 20 nm x y has its peak in the far corner of a symmetric box."""
    domain = {"dimension": 3, "width": "2 um", "lateral": "symmetric"}
    found = case(tmp_path, FACE, domain=domain, grid={"spacing": "100 nm"})
    between = gap(found)
    assert between.shape == (20, 20) and between.argmin() == between.size - 1
    assert between[0, 0] - between.min() == pytest.approx(80e-9, rel=0.02)
    assert between[4, 14] == pytest.approx(between[14, 4], rel=1e-12)
    lines = FACE.splitlines()
    with pytest.raises(CaseError, match="8 rows with 3 different x and 3 different y; allowed: one row for each"):
        case(tmp_path, "\n".join(lines[:-1]), domain=domain)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs a line of headings and at least two rows"),
        ("{'a': [1, 2]}\n1\n2\n", "is not 'name [unit]'; allowed: x [um], height [nm]"),
        (GOOD.replace("height [nm]", "height"), "heading 'height' is not 'name [unit]'"),
        (GOOD.replace("[nm]", "[V]"), "column height: 'V' is not a unit of height"),
        (GOOD.replace("height [nm]", "hight [nm]"), "unknown column 'hight'"),
        (GOOD.replace("\n1.5,", "\n0.5,"), "line 4: x = 0.5 um is not larger than in the row above"),
        (GOOD.replace(",60", ",nan"), "line 4: height is 'nan'; allowed: a height"),
        (GOOD.replace("-0.5,", "0.2,"), "x = 0.2 to 4.5 um is too short for domain.width; allowed: 0 to 4 um or more"),
        (GOOD.replace("4.5,", "3.5,"), "x = -0.5 to 3.5 um is too short for domain.width"),
        (GOOD.replace(",60", ",1200"), "a slope of 1.2 after x = 0.5 um is too steep for interface.width, 0.1 um"),
        (GOOD.replace("4.5,0", "4.5,8"), "the heights at the two sides in x differ by 0.00533333 um"),
        (FACE, "a column y in a 2-D case; allowed: x, y and height in a 3-D case"),
    ],
)
def test_a_file_that_does_not_do_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Each message names key and value; GOOD, from which they are made, is read."""
    with pytest.raises(CaseError) as refused:
        case(tmp_path, text)
    (line,) = refused.value.lines
    assert line.startswith("case: collector.profile.file: value 'line.csv': ")
    assert said in line
    case(tmp_path, GOOD)


def test_heights_that_differ_at_the_sides_do_between_mirrors(tmp_path: Path) -> None:
    case(tmp_path, GOOD.replace("4.5,0", "4.5,8"), domain={"width": "4 um", "lateral": "symmetric"})


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"domain": {"dimension": 1}}, "collector.profile: a 1-D case has nothing along the contact"),
        ({"domain": {"dimension": 3, "width": "4 um"}}, "no column y in a 3-D case"),
        (
            {
                "collector": {
                    "profile": {"file": "line.csv"},
                    "roughness": {"amplitude": "9 nm", "correlation_length": "1 um"},
                }
            },
            "collector.roughness: beside collector.profile; allowed: a measured or a random surface",
        ),
    ],
)
def test_what_contradicts_a_measured_surface_is_refused(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(CaseError) as refused:
        case(tmp_path, GOOD, **sections)
    assert said in str(refused.value)


def test_a_missing_file_ends_with_exit_code_2(tmp_path: Path) -> None:
    """Also from a case file in another folder, to which the path is relative."""
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data()))
    (tmp_path / "lines.csv").write_text(GOOD)
    command = [sys.executable, "-m", "solver", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 2
    assert f"collector.profile.file: value 'line.csv': no such file: {tmp_path / 'line.csv'}" in done.stderr
    assert "did you mean 'lines.csv'?" in done.stderr
    (tmp_path / "line.csv").write_text(GOOD)
    load_case(path)


def test_a_changed_file_is_another_case(tmp_path: Path) -> None:
    """A resolved case has the surface in itself and is read again without the file."""
    found = case(tmp_path, GOOD)
    again = case_from_dict(found.resolved(), directory="elsewhere")
    assert again.collector == found.collector
    assert case(tmp_path, GOOD).source.digest == found.source.digest
    assert case(tmp_path, GOOD.replace("60", "61")).source.digest != found.source.digest
