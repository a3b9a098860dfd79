"""The section [interphase]: its values are those of the first layer's material unless the case gives them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from solver.case.io import CaseError, case_from_dict
from solver.case.report import rows
from solver.case.schema import Case
from solver.constants import GAS_CONSTANT
from solver.model.at_contact import make_interphase
from solver.model.build import make_grid

RATE, LITHIUM, CONDUCTIVITY = 1.9e-17, 41000.0, 3e-4


def case(**sections: Any) -> Case:
    data = {
        "schema_version": 1,
        "domain": {"dimension": 1},
        "drive": {"stack_pressure": "3 MPa"},
        "protocol": [{"kind": "rest", "duration": "1 s"}],
    }
    return case_from_dict(data | sections)


def test_without_it_nothing_reacts() -> None:
    still = case()
    assert still.interphase is None and make_interphase(still, make_grid(still)) is None
    assert "interphase" not in still.resolved()


def test_its_values_are_those_of_the_first_layer() -> None:
    read = case(interphase={}, electrolyte=[{}, {"material": "Li10SnP2S12"}])
    assert read.interphase is not None
    assert (read.interphase.rate, read.interphase.lithium) == (RATE, LITHIUM)
    assert read.interphase.conductivity == pytest.approx(CONDUCTIVITY)
    assert case_from_dict(read.resolved()).interphase == read.interphase
    assert {row.key: row.value for row in rows(read)}["interphase.lithium"] == "41000 mol/m^3"


def test_a_case_may_give_its_own() -> None:
    own = {"rate": "1e-18 m^2/s", "lithium": "30 mol/L", "conductivity": "1e-5 S/cm"}
    read = case(interphase=own).interphase
    assert read is not None
    assert (read.rate, read.lithium, read.conductivity) == pytest.approx((1e-18, 30e3, 1e-3))


def test_a_film_may_cover_a_part_of_the_contact() -> None:
    film = {"material": "W", "thickness": "30 nm"}
    for given, coverage in (({}, 0.0), ({"coverage": 0.9}, 0.9)):
        read = case(interphase={}, interface={"film": film | given})
        part = make_interphase(read, make_grid(read))
        assert part is not None and part.parameters.coverage == coverage
    with pytest.raises(CaseError, match=r"interface\.film\.coverage: value 1\.5: out of range"):
        case(interface={"film": film | {"coverage": 1.5}})


def test_what_the_material_does_not_have_the_case_must_give() -> None:
    tin = [{"material": "Li10SnP2S12"}]
    with pytest.raises(CaseError) as caught:
        case(interphase={"rate": "1e-18 m^2/s"}, electrolyte=tin)
    missing = "missing; Li10SnP2S12.toml has no interphase_"
    assert [line.split(", so")[0] for line in caught.value.lines] == [
        f"case: interphase.{name}: {missing}{name}" for name in ("lithium", "conductivity")
    ]
    given = {"rate": "1e-18 m^2/s", "lithium": "30 mol/L", "conductivity": "1e-5 S/cm"}
    assert case(interphase=given, electrolyte=tin).interphase is not None


def test_at_another_temperature_the_rate_needs_an_activation_energy() -> None:
    """Li6PS5Cl.toml has none; a material that has one is asked at the temperature."""
    hot = {
        "drive": {"stack_pressure": "3 MPa", "temperature": "60 degC"},
        "lithium": {"diffusivity": "5e-14 m^2/s", "linear_annihilation_rate": "5e-4 1/(s*MPa)"},
        "electrolyte": [{"conductivity": "5 mS/cm"}],
        "interface": {"exchange_current_density": "9 mA/cm^2"},
    }
    assert case(**hot).interphase is None
    wrong = r"Li6PS5Cl\.toml: interphase_rate: no activation_energy.*298\.15 K, or interphase\.rate in the case"
    with pytest.raises(CaseError, match=wrong):
        case(**hot, interphase={"conductivity": "1e-5 S/cm"})
    salt = {
        "kind": "electrolyte",
        "name": "Salt",
        **{
            key: {"value": value, "source": "test", "activation_energy": "30 kJ/mol"}
            for key, value in (("conductivity", "2 mS/cm"), ("interphase_rate", "1e-18 m^2/s"))
        },
    }
    layer = {"material": "Salt", "youngs_modulus": "20 GPa", "poisson_ratio": 0.3}
    reacting = {"lithium": "30 mol/L", "conductivity": "1e-5 S/cm"}
    read = case(**hot | {"electrolyte": [layer]}, materials={"Salt": salt}, interphase=reacting).interphase
    assert read is not None
    factor = math.exp(-30e3 / GAS_CONSTANT * (1 / 333.15 - 1 / 298.15))
    assert read.rate == pytest.approx(1e-18 * factor, rel=1e-12)
