"""The impedance at a checkpoint on one and two ranks, by the library and by the command; also with a seed under a film,
nuclei and an interphase on a collector.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import solver
from solver.case.io import case_from_dict
from solver.loop.impedance import frequencies
from tests.mpi import rank_results, run_ranks
from tests.parallel.runs import ALL_PARTS, merged, nucleating_case, penetrating_case, small_case

DOUBLE_LAYER = {"interface": {"double_layer_capacitance": "10 uF/cm^2"}}
CASES = {
    "void": small_case(2, merged(DOUBLE_LAYER, {"protocol": [{"kind": "rest", "duration": "1 s"}]})),
    "filaments": penetrating_case(
        2, merged(DOUBLE_LAYER, {"protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "1 s"}]})
    ),
    "collector": nucleating_case(
        merged(ALL_PARTS, {"protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "1 s"}]})
    ),
    "space": small_case(3, merged(DOUBLE_LAYER, {"protocol": [{"kind": "rest", "duration": "1 s"}]})),
}


def found(directory: str) -> dict[str, Any]:
    """Impedances at 1 MHz to 1 Hz, as pairs of numbers, of all runs in the directory (collective)."""
    result: dict[str, Any] = {}
    for name in CASES:
        z = solver.impedance(Path(directory, name), frequency=frequencies(1e6, 1.0, 1)).impedance
        result |= {f"{name} real": z.real, f"{name} imaginary": z.imag}
    return result


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of all cases, in folders of their names."""
    directory = tmp_path_factory.mktemp("finished")
    for name, case in CASES.items():
        solver.run(case_from_dict(case), directory / name)
    return directory


@pytest.fixture(scope="module")
def on_one_rank(finished: Path) -> dict[str, Any]:
    return found(str(finished))


@pytest.fixture(scope="module")
def on_two_ranks(finished: Path) -> dict[str, Any]:
    return rank_results(2, found, str(finished))


@pytest.mark.parametrize("name", CASES)
def test_one_and_two_ranks_find_the_same(on_one_rank: dict[str, Any], on_two_ranks: dict[str, Any], name: str) -> None:
    one, two = ({part: on[f"{name} {part}"] for part in ("real", "imaginary")} for on in (on_one_rank, on_two_ranks))
    whole = np.hypot(one["real"], one["imaginary"])
    for part in ("real", "imaginary"):
        assert np.max(np.abs(two[part] - one[part]) / whole) < 1e-8
    assert np.max(np.abs(one["imaginary"]) / whole) > 0.05


@pytest.mark.long
def test_the_command_writes_the_same_on_two_ranks(finished: Path, on_one_rank: dict[str, Any], tmp_path: Path) -> None:
    directory = Path(shutil.copytree(finished / "void", tmp_path / "run"))
    words: list[str | Path] = ["-m", "solver", "impedance", directory, "--to", "1 Hz", "--points-per-decade", "1"]
    done = run_ranks(2, words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(directory / "impedance.csv"), str(directory / "impedance.png")]
    with (directory / "impedance.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["frequency [Hz]"]) for row in rows] == pytest.approx(frequencies(1e6, 1.0, 1))
    assert [float(row["real [ohm m^2]"]) for row in rows] == pytest.approx(on_one_rank["void real"], rel=1e-6)
    # and says what is wrong on all ranks alike
    (directory / "case.toml").write_text("")
    assert run_ranks(2, words).returncode == 2
    assert json.loads((directory / "resolved.json").read_text())
