"""Stripping against pressure with full mechanics: the cases of cases/pressure, shrunk."""

from pathlib import Path

import numpy as np
import pytest

import solver
from postprocess import metrics

CASES = Path(__file__).parents[2] / "cases" / "pressure"
THICKNESS_PER_CHARGE = 13.0e-6 / 96485.33  # m per C/m^2: molar volume of Li over Faraday's constant


def strip(name: str, *overrides: str) -> dict[str, np.ndarray]:
    return solver.run(solver.load_case(CASES / f"{name}.toml", ('output.interval="1 h"', *overrides))).curves


@pytest.mark.long
def test_a_current_that_opens_voids_at_3_megapascal_opens_none_at_7():
    current = ('direction = "strip"', 'current_density = "0.45 mA/cm^2"', 'duration = "20 min"')
    protocol = f'protocol=[{{kind = "galvanostatic", {", ".join(current)}, min_contact_fraction = 0.8}}]'
    shrunk = (protocol, 'domain.width="3 um"', 'domain.lithium_thickness="15 um"', 'time.max_step="30 s"')
    lowest = {
        p: metrics.minimum_contact_fraction(strip("ramp", f'drive.stack_pressure="{p} MPa"', *shrunk)) for p in (3, 7)
    }
    assert lowest[3] < 0.8
    assert lowest[7] > 0.99


def test_a_fixed_gap_loses_the_pressure_that_a_soft_layer_keeps():
    gap, layer = 20e12, 10e6 / 1e-4  # Pa/m
    fixture = ('mechanics.fixture_stiffness="20 MPa/um"', 'drive.current_density="0.3 mA/cm^2"')
    buffer = 'mechanics.buffer={thickness="0.1 mm", youngs_modulus="10 MPa"}'
    shrunk = ('domain.width="3 um"', 'domain.lithium_thickness="6 um"', 'time.max_step="10 s"')
    capacity = 'protocol.0.capacity="0.05 mAh/cm^2"'
    moved = {}
    for stiffness, more in ((gap, ()), (1 / (1 / gap + 1 / layer), (buffer,))):
        curves = strip("fixture", *fixture, *shrunk, capacity, *more)
        lost = 7e6 - curves["platen_pressure"][-1]
        moved[bool(more)] = curves["platen_displacement"][-1]
        assert lost == pytest.approx(stiffness * moved[bool(more)], rel=1e-6)
        assert lost < 0.05e6 if more else lost > 2e6
    # the platen follows the Li that is gone, but for vacancies and voids, of which less pressure leaves more
    gone = -curves["capacity"][-1] * THICKNESS_PER_CHARGE
    assert moved[False] < 0.8 * moved[True]
    assert 0.8 * gone < moved[True] < gone
