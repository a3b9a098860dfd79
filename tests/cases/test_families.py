"""Families of anode-free cells, shrunk: seeds over two cycles, half- and full cells."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import solver
from solver.case.io import case_from_dict

COARSE = "time.tolerance=10.0"  # whose errors stay well below what is asked for
FAMILIES = Path(__file__).resolve().parent.parent.parent / "cases" / "anode_free"


def run(name: str, repeat: int, *overrides: str) -> list[dict[str, Any]]:
    """Half-cycles of a case without its sweep; repeat: of its loop, 0 to plate once."""
    path = FAMILIES / name
    table = tomllib.loads(path.read_text())
    del table["sweep"]
    if repeat:
        table["protocol"][0]["repeat"] = repeat
    else:
        del table["protocol"][1:]
    result = solver.run(case_from_dict(table, (COARSE, *overrides), directory=path.parent))
    assert result.curves["lithium_error"].max() < 1e-6
    return result.half_cycles


@pytest.mark.parametrize(("host", "dips"), [("Mg", False), pytest.param("Al", True, marks=pytest.mark.long)])
def test_a_seed_that_goes_on_into_li_has_no_dip_in_any_cycle(host: str, dips: bool) -> None:
    """seeds/cycles.toml, 1 nm and 0.012 mAh/cm2; after coarser steps the last 2 nm of Li open in steps of 0.1 ms."""
    found = run(
        "seeds/cycles.toml",
        2,
        f'collector.seed.material="{host}"',
        'collector.seed.thickness="1 nm"',
        'protocol.0.segments.0.capacity="0.012 mAh/cm^2"',
        "time.tolerance=4.0",
    )
    assert [row["end"] for row in found] == ["capacity", "voltage"] * 2
    for row in found[::2]:
        assert (row["dip"] > 10e-3) == dips and (row["dip"] < 1e-3) != dips
    for row in found[1::2]:
        lost = sum(row[name] for name in ("seed_loss", "interphase_loss", "dead_loss", "left_loss"))
        assert lost == pytest.approx(1 - row["coulombic_efficiency"])
    assert found[1]["seed_loss"] > 10 * abs(found[3]["seed_loss"]), "what lies below the cutoff is lost once"
    for plated, stripped in zip(found[::2], found[1::2], strict=True):
        if dips:
            assert plated["host_height"] is plated["host_in_lithium"] is stripped["host_height"] is None
            continue
        whole = plated["lithium_thickness"] / plated["host_in_lithium"]
        assert plated["host_height"] == pytest.approx(whole / 2, rel=0.01), "3e-15 m2/s mix 40 nm within 0.5 s"
        assert stripped["host_in_lithium"] < 1e-5 and stripped["host_height"] < 1e-9


def test_more_lithium_loses_a_smaller_share_to_the_interphase() -> None:
    """collectors/full_cell.toml with 0.1 and 0.2 mg/cm2: the loss is areal, and none of it is left in the gap."""
    efficiency = {}
    for loading in (0.1, 0.2):
        found = run("collectors/full_cell.toml", 1, f'cathode.loading="{loading} mg/cm^2"')
        assert [row["end"] for row in found] == ["cathode empty", "voltage"]
        assert abs(found[1]["left_loss"]) < 0.02
        efficiency[loading] = found[1]["coulombic_efficiency"]
        areal = found[1]["interphase_loss"] * found[0]["charge"]
        assert areal == pytest.approx(41000 * 96485 * (1.9e-17 * found[1]["end_time"]) ** 0.5, rel=0.1)
    assert efficiency[0.1] + 0.05 < efficiency[0.2] < 1


def test_gold_takes_the_dip_of_steel_away() -> None:
    """collectors/half_cell.toml to 0.012 mAh/cm2, of which 5 nm of Au take 0.005."""
    dips = []
    for seed in ((), ('collector.seed={material = "Au", thickness = "5 nm"}',)):
        changes = 'collector.material="steel"', 'protocol.0.capacity="0.012 mAh/cm^2"', *seed
        dips.append(run("collectors/half_cell.toml", 0, *changes)[0]["dip"])
    assert dips[0] > 30e-3 and dips[1] < 1e-3


def test_mos2_takes_li_of_a_full_cell_once() -> None:
    """mos2/full_cell.toml with 0.03 mAh/cm2 and 10 nm of sheets: what these bind is lost in the first cycle alone."""
    seed = 'collector.seed={ material = "MoS2", thickness = "10 nm", filling = 0.3 }'
    capacity = 'cathode.areal_capacity="0.03 mAh/cm^2"'
    found = run("mos2/full_cell.toml", 2, 'collector.material="MoS2"', seed, capacity)
    assert [row["end"] for row in found] == ["current", "voltage"] * 2
    assert found[0]["charge"] == pytest.approx(0.97 * 0.03 * 36e3, rel=0.01), "up to 4.25 V of 4.291 V"
    first, second = found[1], found[3]
    assert first["seed_loss"] == pytest.approx(0.035, rel=0.1) and abs(second["seed_loss"]) < 1e-3
    assert second["capacity_retention"] == pytest.approx(second["charge"] / first["charge"])
    assert first["end_voltage"] < -1 and second["end_voltage"] < -1, "the anode ends the discharge"


HOT = ('drive.temperature="60 degC"', 'interface.exchange_current_density="21 mA/cm^2"')


@pytest.mark.parametrize(
    ("current", "pores", "hot", "beneath"), [(2, 50, (), True), (10, 100, (), False), (10, 100, HOT, True)]
)
def test_more_current_and_coarser_pores_take_lithium_to_the_top_of_carbon_and_heat_beneath_it(
    current: float, pores: float, hot: tuple[str, ...], beneath: bool
) -> None:
    """layers/carbon.toml with 0.01 mAh/cm2."""
    table = tomllib.loads((FAMILIES / "layers/carbon.toml").read_text())
    del table["sweep"]
    given = (f'drive.current_density="{current} mA/cm^2"', f'interface.film.pore_radius="{pores} nm"', *hot)
    found = solver.run(case_from_dict(table, (*given, 'protocol.0.capacity="0.01 mAh/cm^2"'))).curves
    top, below = found["lithium_on_top"][-1], found["lithium_beneath"][-1]
    assert (below > 0.99 * (top + below)) == beneath and (top > 0.99 * (top + below)) != beneath


def end_of_plating(*overrides: str) -> str:
    """How bilayer/ccd.toml ends at 2 mA/cm2 with a weak flaw, a fast tip, 2 nm of Mg and 0.02 mAh/cm2."""
    half = '{kind="galvanostatic", direction="plate", current_density="2 mA/cm^2", capacity="0.02 mAh/cm^2"}'
    shrunk = (
        'collector.seed.thickness="2 nm"',
        'electrolyte.0.thickness="4 um"',
        'defects.0.separation_energy="1.5 J/m^2"',
        "filament.aspect_factor=2000",
        f"protocol=[{half}]",
    )
    return solver.run(solver.load_case(FAMILIES / "bilayer/ccd.toml", (*shrunk, *overrides))).stop_kind


def test_a_film_of_high_interfacial_energy_holds_a_current_that_shorts_a_cell_without_it() -> None:
    """From no Li: magnesium, and 30 nm of W on it that Li crosses freely."""
    tungsten = 'interface.film={material="W", thickness="30 nm", mouth_depth="3 um", permeance="1 m/s"}'
    assert (end_of_plating(), end_of_plating(tungsten)) == ("short circuit", "finished")


def test_tungsten_on_magnesium_keeps_li_out_of_boundaries_through_which_it_goes_on_steel() -> None:
    """cycling/short.toml, 2 um wide and short, on cells of lambda: 0.03 mAh/cm2 at 2 mA/cm2, hardly stripped."""
    small = (
        'domain.width="2 um"',
        'grid.spacing="200 nm"',
        'collector.room="2.6 um"',
        'electrolyte.0.thickness="3 um"',
        'filament.short_depth="2 um"',
        'drive.current_density="2 mA/cm^2"',
        'protocol.0.segments.0.capacity="0.03 mAh/cm^2"',
        'protocol.0.segments.1.cutoff_voltage="1 mV"',
    )
    lined = (
        'interface.film={material="W",thickness="30 nm",mouth_depth="2 um"}',
        'collector.seed={material="Mg",thickness="3 nm",layers=1}',
    )
    steel = run("cycling/short.toml", 1, *small, 'collector.material="steel"')
    tungsten = run("cycling/short.toml", 1, *small, 'collector.material="steel"', *lined)
    assert [row["end"] for row in steel] == ["short circuit"] and steel[0]["dip"] > 20e-3
    assert tungsten[0]["end"] == "capacity" and tungsten[0]["dip"] < 1e-3


def test_pressure_spreads_li_and_felt_keeps_the_pressure() -> None:
    """pressure/pressure.toml, 2 um wide at lambda 200 nm, 0.01 mAh/cm2: as in its README, on less Li."""

    def curves(*overrides: str) -> dict[str, Any]:
        small = ('interface.width="200 nm"', 'domain.width="2 um"', 'protocol.0.capacity="0.01 mAh/cm^2"')
        path = FAMILIES / "pressure/pressure.toml"
        table = tomllib.loads(path.read_text())
        del table["sweep"]
        rough = 'collector.roughness.amplitude="40 nm"'
        return solver.run(case_from_dict(table, (COARSE, *small, rough, *overrides))).curves

    weak, strong = (curves(f'drive.stack_pressure="{pressure} MPa"') for pressure in (1, 20))
    assert strong["covered_fraction"][-1] > 1.5 * weak["covered_fraction"][-1]
    assert strong["voltage"][-1] < 0.7 * weak["voltage"][-1]
    plates = ('drive.stack_pressure="1 MPa"', 'mechanics.fixture_stiffness="20 MPa/um"')
    felt = 'mechanics.buffer={thickness="0.1 mm",youngs_modulus="10 MPa"}'
    stiff, soft = (curves(*plates, *behind)["platen_pressure"][-1] for behind in ((), (felt,)))
    assert stiff > 2.5e6 and soft == pytest.approx(1e6, rel=0.03)
