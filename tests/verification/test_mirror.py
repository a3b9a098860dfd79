"""A cell and its mirror image do the same: no equation and no scheme prefers a side of the box.

The image has everything at L - x in place of x. Places are mirrored in the case; what is keyed by the numbers of the
cells (impurities, and with them Li at the start) in the arrays. After some steps every field of the one is the mirror
image of that of the other to TOLERANCE of its range, voltages are the same: errors of the solvers are left, 1e-9 or so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from solver.case.schema import Case
from solver.numerics.array import AXES, Array
from tests.verification.setups import curves, finish, make_case, prepare

TOLERANCE = 1e-7  # of the range of a field
SIDES = (2.4, 1.6)  # um, along x and y
STAGGERED = ("velocity", "displacement", "elastic")  # names end with the axes of the component

Fields = Mapping[str, Array]


def image(name: str, values: Array, mirrored: tuple[int, ...]) -> Array:
    """A field of the state after reflections of some axes.

    A component that has such an axis once (v_x, u_x, tau_xz) changes its sign. It lives on the lower faces of the axis,
    of which face i becomes face N - i.
    """
    kind, _, component = name.partition("_")
    for axis in mirrored:
        values = np.flip(values, axis)
        if kind in STAGGERED and component.count(AXES[values.ndim][axis]) == 1:
            values = -np.roll(values, 1, axis)
    return values


def differences(one: Fields, other: Fields, mirrored: tuple[int, ...]) -> dict[str, float]:
    """Of each field from the image of the other, over its range."""
    return {
        name: float(np.max(np.abs(values - image(name, other[name], mirrored))) / np.ptp(values))
        for name, values in one.items()
    }


# -- cells that can be mirrored ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Box:
    """mirrored: axes along which places and angles of a case are reflected."""

    mirrored: tuple[int, ...] = ()

    def at(self, *place: float) -> list[str]:
        """A place along the contact, um."""
        return [
            f"{side - x if axis in self.mirrored else x} um"
            for axis, (x, side) in enumerate(zip(place, SIDES, strict=False))
        ]

    def surface(self) -> dict[str, Any]:
        """A measured profile that is its own image nowhere, +-60 nm along x."""
        x = np.linspace(0.0, SIDES[0], 25)
        phase = 2 * np.pi * x / SIDES[0]
        height = 40 * np.sin(phase) + 25 * np.cos(2 * phase + 0.7)
        heights = [f"{h} nm" for h in (height[::-1] if 0 in self.mirrored else height)]
        return {"file": "none", "table": {"x": [f"{place} um" for place in x], "height": heights}}

    def tilted(self, degrees: float) -> str:
        """An angle to the normal, positive towards x."""
        return f"{-degrees if 0 in self.mirrored else degrees} deg"


def make(sections: dict[str, Any], dim: int, direction: str, steps: int, dt: float) -> Case:
    """A small cell with 5 mA/cm2, solved as exactly as rounding allows, in fixed steps of dt (s)."""
    extents = dict(zip(("width", "depth"), (f"{side} um" for side in SIDES[: dim - 1]), strict=False))
    cells = {2: "100 nm", 3: "200 nm"}[dim]
    common: dict[str, Any] = {
        "interface": {"width": "200 nm"},
        "grid": {"spacing": cells, "fine_depth": "0.8 um", "growth": 1.4, "max_spacing": "0.4 um"},
        "drive": {"stack_pressure": "3 MPa", "current_density": "5 mA/cm^2", "voltage_limit": "1 V"},
        "mechanics": {"tolerance": 1e-11, "linear_solver": "direct"},
        "solver": {"tolerance": 1e-13},
        "time": {"fixed_step": f"{dt} s"},
    }
    segment = {"kind": "galvanostatic", "direction": direction, "duration": f"{steps * dt} s"}
    domain = {"dimension": dim, **extents, **sections.pop("domain")}
    return make_case(common | {"domain": domain} | sections, [segment])


def stripped(box: Box, dim: int) -> Case:
    """Voids: one is there, others open, far above the critical current of uneven kinetics; periodic sides."""
    patches = [
        {"centre": box.at(*place[: dim - 1]), "radius": "0.43 um", "factor": factor}
        for place, factor in (((0.7, 0.5), 8.0), ((1.9, 1.3), 0.2))
    ]
    void = {"centre": [*("1.5 um", "1.1 um")[: dim - 1], "-0.3 um"], "radius": "0.4 um"}  # mirrored in the arrays
    sections = {
        "domain": {"lithium_thickness": "2 um"},
        "electrolyte": [{"thickness": "1 um"}],
        "interface": {"width": "200 nm", "heterogeneity": {"kind": "patches", "patches": patches}},
        "lithium": {"voids": [void]},
    }
    return make(sections, dim, "strip", 12 if dim == 2 else 20, 0.5)


def penetrated(box: Box) -> Case:
    """Li in an upright flaw, and going into an inclined crack, between planes of symmetry."""
    side = f"{SIDES[0]} um"
    (flaw,), crack = box.at(0.6), {"position": [*box.at(1.6), "0 um"], "length": "1.2 um", "angle": box.tilted(20)}
    sections = {
        "domain": {"lithium_thickness": "1 um", "lateral": "symmetric"},
        "electrolyte": [{"thickness": "2 um", "residual_stress": "20 MPa"}],
        "defects": [
            {"kind": "flaws", "spacing": side, "position": flaw, "depth": "0.8 um", "separation_energy": "1.2 J/m^2"},
            {"kind": "cracks", "cracks": [crack]},
        ],
        "filament": {"aspect_factor": 1e4},
    }
    return make(sections, 2, "plate", 12, 0.1)


def deposited(box: Box, dim: int, **collector: str) -> Case:
    """Two islands between the electrolyte and a collector that comes down on them, rough in 2-D; angles differ."""
    places = (("0.7 um", "0.5 um"), ("1.9 um", "1.3 um"))  # mirrored in the arrays
    islands = [{"centre": place[: dim - 1], "radius": "0.4 um"} for place in places]
    rough = {"profile": box.surface()} if dim == 2 else {}
    sections = {
        "domain": {},
        "collector": {"gap": "150 nm", "room": "1.6 um", "contact_angle": "60 deg"} | rough | collector,
        "lithium": {"islands": islands},
        "electrolyte": [{"thickness": "1 um"}],
        "mechanics": {"tolerance": 1e-10 if collector else 1e-11, "linear_solver": "direct"},
    }
    return make(sections, dim, "plate", 5, 0.05)


Cell = Callable[[Box], Case]
VOIDS, VOIDS_3D, DEFECTS = partial(stripped, dim=2), partial(stripped, dim=3), penetrated
ISLANDS, ISLANDS_3D = partial(deposited, dim=2), partial(deposited, dim=3)
BENT = partial(deposited, dim=2, bending_stiffness="1e-12 N*m")
IMAGES = pytest.mark.parametrize(
    ("cell", "mirrored"),
    [
        pytest.param(VOIDS, (0,), id="voids"),
        pytest.param(VOIDS_3D, (0,), id="voids in 3-D, x", marks=pytest.mark.long),
        pytest.param(VOIDS_3D, (1,), id="voids in 3-D, y", marks=pytest.mark.long),
        pytest.param(DEFECTS, (0,), id="defects"),
        pytest.param(ISLANDS, (0,), id="islands", marks=pytest.mark.long),
        pytest.param(BENT, (0,), id="islands under a foil"),
        pytest.param(ISLANDS_3D, (0,), id="islands in 3-D, x"),
        pytest.param(ISLANDS_3D, (1,), id="islands in 3-D, y", marks=pytest.mark.long),
    ],
)


@cache
def run(cell: Cell, mirrored: tuple[int, ...]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Fields at the end, and the log."""
    simulation, model = prepare(cell(Box(mirrored)))
    state, li = simulation.state, model.lithium
    li.impurities = image("impurities", li.impurities, mirrored)
    for name in ("lithium", "occupancy"):
        state[name] = image(name, state[name], mirrored)
    assert finish(simulation) == "protocol finished"
    return {name: state[name].copy() for name in state}, curves(simulation)


# -- the tests ---------------------------------------------------------------------------------------------


@IMAGES
def test_the_mirror_image_of_a_cell_has_the_mirror_images_of_its_fields(cell: Cell, mirrored: tuple[int, ...]) -> None:
    (one, log), (other, log_of_image) = run(cell, ()), run(cell, mirrored)
    found = differences(one, other, mirrored)
    assert max(found.values()) < TOLERANCE, found
    voltage = log["voltage"]
    assert np.max(np.abs(log_of_image["voltage"] - voltage)) < TOLERANCE * np.ptp(voltage)


@IMAGES
@pytest.mark.parametrize("wrong", ["shifted by a cell", "not mirrored", "not turned round"])
def test_a_field_that_is_no_mirror_image_is_found(cell: Cell, mirrored: tuple[int, ...], wrong: str) -> None:
    """The failing twin."""
    (one, _), (other, _) = run(cell, ()), run(cell, mirrored)
    changed = {
        "shifted by a cell": {name: np.roll(values, 1, mirrored[0]) for name, values in other.items()},
        "not mirrored": one,
        "not turned round": {name: -values for name, values in other.items()},
    }
    found = differences(one, changed[wrong], mirrored)
    assert min(found.values()) > 1e3 * TOLERANCE, found


def test_the_runs_have_what_they_are_for() -> None:
    """A void without any strength grows and others open at the contact; Li goes deeper in the defects."""
    for cell in (VOIDS, VOIDS_3D):
        fields, log = run(cell, ())
        assert fields["lithium"].min() < 0.35
        assert log["contact_fraction"][-1] < log["contact_fraction"][0] - 0.05
    for cell in (BENT, ISLANDS_3D):
        fields, log = run(cell, ())
        assert log["islands"][-1] == 2 and 0.05 < log["largest_island"][-1] < 0.5
        assert abs(log["platen_displacement"][-1]) > 1e-9
        bent = np.ptp(fields["displacement_z"][..., 0])
        assert bent > 1e-9 if cell is BENT else bent == 0.0
    fields, log = run(DEFECTS, ())
    assert log["penetration_depth"][-1] > log["penetration_depth"][0]
    assert log["filament_volume"][-1] > 2 * log["filament_volume"][0]
