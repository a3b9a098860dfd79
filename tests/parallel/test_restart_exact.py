"""A restart on the same ranks is the uninterrupted run, at the default tolerances and with adapted steps.

Preconditioners and what the solvers have learnt of earlier solves show in the result below the tolerances, so
checkpoints carry them. They are written at moments that depend on the clock, on which nothing may depend.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import solver
from postprocess.reader import Run
from solver.case.io import case_from_dict
from solver.model.coupling import Coupling
from solver.output import checkpoint
from tests.mpi import rank_results
from tests.parallel.runs import (
    ALL_PARTS,
    FOIL,
    LAYERED,
    all_places_case,
    deposit_case,
    few_nuclei_case,
    merged,
    nucleating_case,
    penetrating_case,
    small_case,
)

EXACT = 1e-10  # of the range; found: no difference at all
SHOWS = 1e-8
SOUND = ("time", "voltage", "contact_fraction", "void_volume", "lithium", "occupancy", "potential", "pressure")


def protocol(*segments: tuple[str, str]) -> dict[str, Any]:
    """Segments of constant current: direction and duration."""
    return {"protocol": [{"kind": "galvanostatic", "direction": d, "duration": t} for d, t in segments]}


CC_CV = {"kind": "cc-cv", "direction": "plate", "voltage": "8 mV", "cutoff_current_density": "0.5 mA/cm^2"}
FAST = {
    "drive": {"current_density": "6 mA/cm^2"},
    "time": {"tolerance": 0.3},
    "lithium": {"noise_amplitude": 1.0},
}
COARSE = {"time": {"tolerance": 10.0}}
BIG_VOID = {"voids": [{"centre": ["2 um", "0 um"], "radius": "0.8 um"}]}  # cuts off Li in the boundaries above it
STRIP_TO = {"kind": "galvanostatic", "direction": "strip"}
HOLD_CELL = {"kind": "cc-cv", "direction": "plate", "cell_voltage": "3.96 V", "cutoff_current_density": "0.1 mA/cm^2"}
SUPPLY = {
    "cathode": {
        "areal_capacity": "20 C/m^2",
        "first_cycle_loss": 0.3,
        "open_circuit_curve": {
            "file": "curve.csv",
            "table": {"state_of_charge": [0.0, 0.8, 1.0], "voltage": ["3.8 V", "3.9 V", "4 V"]},
        },
    },
    "protocol": [
        {"kind": "galvanostatic", "direction": "plate"},
        STRIP_TO | {"cutoff_voltage": "29.13 mV"},
        HOLD_CELL,
        STRIP_TO | {"cutoff_cell_voltage": "3.85 V"},
        {"kind": "galvanostatic", "direction": "plate"},
        STRIP_TO,
    ],
}
SUPPLY_ENDS = ["cathode empty", "voltage", "current", "voltage", "cathode empty", "cathode full"]
CASES = {
    "1-D": {
        "schema_version": 1,
        "domain": {"dimension": 1, "lithium_thickness": "4 um"},
        "grid": {"fine_depth": "2 um"},
        "interface": {"width": "200 nm"},
        "electrolyte": [{"thickness": "3 um"}],
        "drive": {"stack_pressure": "3 MPa", "current_density": "2 mA/cm^2"},
        "output": {"interval": "1000 s"},
    }
    | protocol(("strip", "4 s"), ("plate", "6 s")),
    "voids": merged(small_case(2, FAST), protocol(("strip", "0.5 s"), ("plate", "0.2 s"))),
    "dead Li": merged(
        penetrating_case(2, FAST), {"lithium": BIG_VOID} | protocol(("plate", "0.4 s"), ("strip", "0.2 s"))
    ),
    "cc-cv": small_case(2, {"protocol": [CC_CV | {"duration": "2 s"}]}),
    "direct": small_case(2, {"mechanics": {"linear_solver": "direct"}} | protocol(("strip", "1 s"))),
    "1-D collector": {
        "schema_version": 1,
        "domain": {"dimension": 1},
        "interface": {"width": "200 nm"},
        "collector": {"room": "2.5 um"},
        "lithium": {"film": "100 nm"},
        "electrolyte": [{"thickness": "2 um"}],
        "drive": {"stack_pressure": "5 MPa", "current_density": "2 mA/cm^2"},
        "output": {"interval": "1000 s"},
    }
    | protocol(("plate", "3 s"), ("strip", "2 s")),
    "foil": deposit_case(FOIL | protocol(("plate", "0.5 s"))),
    "deposit": deposit_case(protocol(("plate", "1 s"), ("strip", "0.5 s"))),
    "all parts": nucleating_case(merged(ALL_PARTS, COARSE | protocol(("plate", "5.5 s"), ("strip", "0.5 s")))),
    "all places": all_places_case(protocol(("plate", "0.6 s"), ("strip", "0.3 s"))),
    "few nuclei": few_nuclei_case(COARSE | protocol(("plate", "4 s"), ("strip", "0.5 s"))),
    "layered seed": nucleating_case(merged(LAYERED, COARSE | protocol(("plate", "0.4 s"), ("strip", "0.2 s")))),
    "cathode": deposit_case(SUPPLY),
    "3-D": small_case(3, protocol(("strip", "1 s"))),
}
EVERY_STEP = {"output": {"checkpoint_interval": "1 us", "keep_checkpoints": 1000}}


def scalars(path: Path) -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        return json.loads(file["scalars"][()])


def moments(checkpoints: list[Path]) -> list[Path]:
    """In the middle, and after the last of every kind of event: a rejected step, the end of a segment."""
    known = [scalars(path) for path in checkpoints]
    chosen = {len(known) // 2}
    for event in ("rejected", "segment", "segment_state"):
        changes = [i for i in range(1, len(known)) if known[i][event] != known[i - 1][event]]
        chosen |= set([i for i in changes if i < len(known) - 1][-1:])
    return [checkpoints[i] for i in sorted(chosen)]


def end_path(directory: Path) -> Path:
    """The last checkpoint."""
    path = checkpoint.latest(directory)
    assert path is not None
    return path


def end_of(directory: Path) -> dict[str, np.ndarray]:
    """All curves but the wall time, and the fields of the last checkpoint with what the solvers keep."""
    path, found = end_path(directory), Run(directory).curves
    with h5py.File(path, "r") as file:
        fields = {name: data[...] for name, data in file["fields"].items()}
    return fields | {name: found[name] for name in found.keys() - {"wall", "segment"}}


def difference(directory: Path, reference: Path, names: Sequence[str] = ()) -> float:
    """The largest between two ends (of these names, or of all), relative to the range; curves: over the later part."""
    found, wanted, worst = end_of(directory), end_of(reference), 0.0
    assert names or found.keys() == wanted.keys()
    for name in names or wanted:
        values = wanted[name][-len(found[name]) :]
        scale = max(np.ptp(values), np.abs(values).max())
        worst = max(worst, float(np.abs(found[name] - values).max() / scale)) if scale else worst
    return worst


def restarts(name: str, folder: str, names: Sequence[str] = (), forget: bool = False) -> dict[str, Any]:
    """Run the case with a checkpoint after every step, and from some of these to its end (collective).

    names: of what is compared, all if none; forget: restart without what the solvers have kept.
    """
    table, base = CASES[name], Path(folder)
    solver.run(case_from_dict(merged(table, EVERY_STEP)), base / "whole")
    found = {}
    for path in moments(sorted((base / "whole").glob("checkpoint_*.h5"))):
        with pytest.MonkeyPatch.context() as patch:
            if forget:
                patch.setattr(Coupling, "keepers", {})
            solver.run(case_from_dict(table), base / path.stem, restart=path)
        found[path.stem] = difference(base / path.stem, base / "whole", names)
    whole = end_of(base / "whole")
    ends = [end["kind"] for end in scalars(end_path(base / "whole"))["ended"]]
    dead, rejected = float(whole["dead_lithium"].max()), scalars(path)["rejected"]
    return {"differences": found, "rejected": rejected, "dead": dead, "ends": ends}


# what others have too: "all places" the parts of "all parts", "foil" the islands of "deposit"
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.long) if name in ("all parts", "deposit") else name for name in CASES],
)
def test_a_restart_is_the_uninterrupted_run(tmp_path, name):
    result = restarts(name, str(tmp_path))
    assert result["differences"]
    assert max(result["differences"].values()) <= EXACT, result
    assert name != "cathode" or result["ends"] == SUPPLY_ENDS
    assert name not in ("voids", "dead Li") or result["rejected"] > 0, result
    assert name != "dead Li" or result["dead"] > 0, result


@pytest.mark.parametrize(
    ("ranks", "name"),
    [
        (2, "deposit"),
        pytest.param(2, "voids", marks=pytest.mark.long),
        pytest.param(2, "cathode", marks=pytest.mark.long),
        pytest.param(2, "direct", marks=pytest.mark.long),
        pytest.param(3, "dead Li", marks=pytest.mark.long),
        pytest.param(3, "3-D", marks=pytest.mark.long),
    ],
)
def test_also_on_several_ranks(tmp_path, ranks, name):
    """On two ranks MUMPS does not repeat itself bit for bit, which shows in the errors in the log."""
    names = SOUND if name == "direct" else ()
    result = rank_results(ranks, restarts, name, str(tmp_path), names)
    assert max(result["differences"].values()) <= EXACT, result


def test_what_the_solvers_keep_shows(tmp_path):
    """A restart that does not take it up differs by more than rounding: the tests above can fail."""
    found = restarts("voids", str(tmp_path), SOUND, forget=True)["differences"]
    assert max(found.values()) > SHOWS, found


@pytest.mark.parametrize(
    ("name", "changes"),
    [("voids", EVERY_STEP), ("foil", {"output": {"interval": "0.03 s"}})],
    ids=["checkpoints", "snapshots within steps"],
)
def test_checkpoints_and_snapshots_change_nothing(tmp_path, name, changes):
    for folder, more in {"whole": {}, "every": changes}.items():
        solver.run(case_from_dict(merged(CASES[name], more)), tmp_path / folder)
    assert difference(tmp_path / "every", tmp_path / "whole") == 0.0
