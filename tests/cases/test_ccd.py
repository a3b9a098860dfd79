"""Ramps of cases/ccd: the published protocols as segments; a flaw that is penetrated, by a ramp and by the search."""

from pathlib import Path

import numpy as np
import pytest

import solver
from solver.case.segments import expand

CASES = Path(__file__).parents[2] / "cases" / "ccd"
# a shallow electrolyte, a weak flaw and short half-cycles, so that a filament crosses it within one of them
SHRUNK = (
    'domain.lithium_thickness="4 um"',
    'grid.fine_depth="4 um"',
    'electrolyte.0.thickness="4 um"',
    'defects.0.separation_energy="1.5 J/m^2"',
    'defects.0.spacing="2 um"',
    'drive.stack_pressure="3 MPa"',
    'protocol.0.start="1 mA/cm^2"',
    'protocol.0.increment="1 mA/cm^2"',
    'protocol.0.max_current_density="4 mA/cm^2"',
    'protocol.0.duration="20 s"',
    "filament.aspect_factor=2000",
)


@pytest.mark.parametrize(
    ("name", "stripping", "first"), [("stripping_constant", np.full(21, 10.0), "strip"), ("both_rise", None, "plate")]
)
def test_the_published_protocols(name, stripping, first):
    """Plating from 1 mA/cm2 by 0.1 mA/cm2, of 1 mAh/cm2 or 1 h each; stripping at 1 mA/cm2, or as plating."""
    segments = expand(solver.load_case(CASES / f"{name}.toml"))
    currents = np.array([s.current_density for s in segments])
    plating = 10.0 + np.arange(21)
    assert currents[currents > 0] == pytest.approx(plating)
    assert -currents[currents < 0] == pytest.approx(plating if stripping is None else stripping)
    assert (currents[0] < 0) == (first == "strip")
    assert {(s.capacity, s.duration) for s in segments} == {(3.6e4, None) if first == "strip" else (None, 3600.0)}


def test_a_flaw_is_penetrated():
    """By the first current of a ramp that crosses the electrolyte; the search from the fresh cell agrees with it."""
    case = solver.load_case(CASES / "both_rise.toml", SHRUNK)
    ramp = solver.run(case).results
    assert ramp["failure_mode"] == "penetration" and ramp["failure_direction"] == "plate"
    assert ramp["failure_current_density"] == pytest.approx(float(ramp["critical_current_density"]) + 10.0)
    search = solver.find_ccd(case, tolerance=5.0).results
    assert search["failure_mode"] == "penetration"
    assert 10.0 <= float(search["critical_current_density"]) <= float(ramp["critical_current_density"]) + 5.0


PLAIN = 16.1  # A/m^2, the CCD of the column in half-cycles of 100 s, by a search
NEAR = 0.07


def holds(current: float, *overrides: str) -> bool:
    """Whether no filament crosses the column in 100 s at this current density, A/m^2."""
    plate = f'{{kind="galvanostatic", direction="plate", current_density="{current} A/m^2", duration="100 s"}}'
    column = (*SHRUNK[:3], "filament.aspect_factor=1000", 'filament.short_depth="3 um"', f"protocol=[{plate}]")
    ended = solver.run(solver.load_case(CASES / "both_rise.toml", (*column, *overrides))).stop_kind
    assert ended in ("short circuit", "finished")
    return ended == "finished"


@pytest.mark.parametrize(("material", "critical"), [("Mg", PLAIN), ("LiF", 41.9), ("W", 68.9)])
def test_the_critical_current_rises_with_the_interfacial_energy_of_the_film(material, critical):
    """Mg, LiF, W line the mouths: from 1 to 2.6 to 4.3 times that of Mg, each within 7 %. Li crosses them freely."""
    film = f'interface.film={{material="{material}", thickness="30 nm", mouth_depth="3 um", permeance="1 m/s"}}'
    assert holds((1 - NEAR) * critical, film)
    assert not holds((1 + NEAR) * critical, film)


def test_lithium_fluoride_and_a_compressed_layer_raise_the_critical_current():
    """1 per cent of LiF on boundaries of 4 um grains; a second layer under 50 MPa: both by more than a fifth."""
    assert not holds((1 + NEAR) * PLAIN)
    more = 1.2 * (1 + NEAR) * PLAIN
    additive = 'electrolyte.0.additive={material="LiF", weight_percent=1, film_thickness="20 nm", grain_size="4 um"}'
    assert holds(more, additive)
    layers = 'electrolyte=[{thickness="2 um"}, {thickness="2 um", residual_stress="50 MPa"}]'
    assert holds(more, layers)


@pytest.mark.parametrize(
    ("stack_pressure", "stripping", "plating", "penetrates"),
    [
        (3, 1.0, 1.0, True),
        pytest.param(10, 1.0, 1.0, False, marks=pytest.mark.long),
        pytest.param(3, 0.1, 1.3, False, marks=pytest.mark.long),
    ],
)
def test_voids_that_stripping_has_left_lower_the_critical_current(stack_pressure, stripping, plating, penetrates):
    """At 3 MPa a stripping at 1 mA/cm2 leaves voids, and 1.0 mA/cm2 penetrate the flaw beside them.

    More stack pressure keeps the contact, and so does a slow stripping: then 1.3 mA/cm2 do not penetrate.
    """
    half_cycle = '{{kind="galvanostatic", direction="{}", current_density="{} mA/cm^2", {}}}'
    strip = half_cycle.format("strip", stripping, 'capacity="0.08 mAh/cm^2"')
    plate = half_cycle.format("plate", plating, 'duration="60 s"')
    overrides = (
        *SHRUNK[:3],
        "domain.dimension=2",
        'domain.width="4 um"',
        'defects.0.spacing="4 um"',
        'interface.heterogeneity={kind="random"}',
        "filament.aspect_factor=1000",
        'filament.short_depth="3 um"',
        f'drive.stack_pressure="{stack_pressure} MPa"',
        f"protocol=[{strip}, {plate}]",
    )
    result = solver.run(solver.load_case(CASES / "both_rise.toml", overrides))
    assert (result.stop_kind == "short circuit") == penetrates
    assert (result.curves["contact_fraction"].min() < 0.5) == penetrates


@pytest.mark.parametrize(("stack_pressure", "penetrates"), [(60, False), (80, True)])
def test_too_much_stack_pressure_pushes_lithium_into_an_open_crack_at_rest(stack_pressure, penetrates):
    """The crack is held shut to Li up to 72 MPa."""
    result = solver.run(solver.load_case(CASES / "pressed.toml", [f'drive.stack_pressure="{stack_pressure} MPa"']))
    assert (result.stop_kind == "short circuit") == penetrates
    assert (result.curves["penetration_depth"].max() > 0) == penetrates


@pytest.mark.parametrize(
    ("stack_pressure", "sigma", "enters", "shorts"),
    [(5, 0.52, False, False), (15, 0.52, True, False), (75, 0.52, True, True), (15, 0, False, False)],
)
def test_lithium_is_pushed_to_the_first_narrow_boundaries(stack_pressure, sigma, enters, shorts):
    """32 nm hold 17.9 MPa: at 15 MPa Li enters where there is a spread, and not without; at 75 MPa nothing holds it."""
    shrunk = (
        f'drive.stack_pressure="{stack_pressure} MPa"',
        f"defects.0.opening_sigma={sigma}",
        "defects.0.seed=2",
        'domain.width="6 um"',
        'electrolyte.0.thickness="3 um"',
        'protocol.0.duration="60 s"',
        "filament.aspect_factor=1000",
        'filament.short_depth="1 um"',
    )
    result = solver.run(solver.load_case(CASES / "openings.toml", shrunk))
    volume = result.curves["filament_volume"]
    assert (volume[-1] > 1.5 * volume[0]) == enters
    assert (volume[-1] < volume[0]) == (not enters)
    assert (result.stop_kind == "short circuit") == shorts


def test_the_cell_in_3d_is_short_circuited_through_its_grain_boundaries():
    """Smaller, of smaller grains and with fast tips."""
    small = (
        'domain.width="2.4 um"',
        'electrolyte.0.thickness="4 um"',
        'defects.0.grain_size="2 um"',
        'filament.short_depth="3 um"',
        "filament.aspect_factor=1000",
    )
    result = solver.run(solver.load_case(CASES / "three_d.toml", small))
    assert result.stop_reason.startswith("short circuit at x = ") and ", y = " in result.stop_reason


@pytest.mark.parametrize("path", sorted(CASES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_case_file_is_valid(path):
    assert expand(solver.load_case(path))
