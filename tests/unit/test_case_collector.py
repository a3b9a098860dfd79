"""The section [collector]: what it leaves open is found, what contradicts itself is refused with what is allowed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from solver.case.checks import find_warnings
from solver.case.collector import most_plated
from solver.case.cost import cost
from solver.case.io import CaseError, case_from_dict
from solver.case.report import rows
from solver.case.schema import Case
from solver.case.seed import SeedLayer
from solver.case.segments import unroll
from solver.laws.bare_contact import BareContact
from solver.model.build import islands, make_coupling, make_foil, make_grid
from solver.physics.foil import Foil

PLATE = {"kind": "galvanostatic", "direction": "plate", "capacity": "1 mAh/cm^2"}
STRIP = {"kind": "galvanostatic", "direction": "strip", "capacity": "0.4 mAh/cm^2"}
OPEN = {"kind": "potentiostatic", "voltage": "10 mV", "cutoff_current_density": "0.1 mA/cm^2"}
FILM = {"film": "50 nm"}
ISLANDS = {"islands": [{"centre": ["3 um"], "radius": "0.5 um"}]}


def case(protocol: list[dict[str, Any]] | None = None, **sections: Any) -> Case:
    data = {
        "schema_version": 1,
        "domain": {"width": "6 um"},
        "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
        "collector": {},
        "protocol": protocol or [PLATE],
    }
    return case_from_dict(data | sections)


def test_a_film_sets_the_gap_and_the_protocol_the_room() -> None:
    """1 mAh/cm2 is 4.85 um of Li; the box holds 12 lambda of the collector too, in fine cells."""
    found = case(lithium=FILM)
    assert found.collector is not None and found.collector.gap == 50e-9
    assert found.collector.room == pytest.approx(4.85e-6 + 50e-9 + 1.2e-6, rel=2e-3)
    assert found.depth_below == found.fine_depths[0] == found.collector.room


def test_without_a_film_the_collector_rests_on_the_electrolyte() -> None:
    found = case(lithium=ISLANDS)
    assert found.collector is not None
    assert found.collector.gap == BareContact(found.interface.width).gap_under(5e6)


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [([PLATE, STRIP], 1.0), ([STRIP, PLATE], 1.0), ([PLATE, STRIP, PLATE], 1.6), ([STRIP], 0.0)],
)
def test_the_most_that_a_protocol_plates(protocol: list[dict[str, Any]], expected: float) -> None:
    found = case(protocol, lithium=FILM)
    assert most_plated(unroll(found.protocol)) == pytest.approx(expected * 36e3)


def test_a_collector_that_bends_lies_on_the_buffer() -> None:
    felt = {"buffer": {"thickness": "0.1 mm", "youngs_modulus": "10 MPa"}}
    assert make_foil(case(lithium=FILM)) is None
    assert make_foil(case(lithium=FILM, collector={"bending_stiffness": "2 N*m"})) == Foil(2.0, 0.0)
    bedded = make_foil(case(lithium=FILM, collector={"bending_stiffness": "2 N*m"}, mechanics=felt))
    assert bedded is not None and bedded.bedding == pytest.approx(1e11)


def test_nuclei_lie_at_random_places_that_the_seed_sets() -> None:
    def places(seed: int) -> list[tuple[float, ...]]:
        nuclei = {"spacing": "1 um", "radius": "0.2 um", "seed": seed}
        return [centre for centre, _ in islands(case(collector={"nuclei": nuclei}))]

    assert len(places(1)) == 6
    assert places(1) == places(1) != places(2)
    assert all(0 <= x < 6e-6 for (x,) in places(1))


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {},
            "collector: there is no Li to start from, and none is born; allowed: collector.nucleation, "
            "collector.nuclei, lithium.film, lithium.islands or lithium.profile",
        ),
        (
            {"collector": {"nucleation": {}}},
            "collector.nucleation.contact_angle: missing, and there is no collector.material that has a nucleus_angle",
        ),
        (
            {"collector": {"nucleation": {"contact_angle": "10 deg", "spread": 0.1}}, "domain": {"dimension": 1}},
            "collector.nucleation.spread",
        ),
        (
            {"collector": {"bending_stiffness": "1e-11 N*m"}, "lithium": FILM, "domain": {"dimension": 1}},
            "collector.bending_stiffness: value '1e-11 N*m': a 1-D case has nothing along the contact; allowed: this "
            "key only when domain.dimension is 2 or 3",
        ),
        (
            {"collector": {"bending_stiffness": "-1 N*m"}, "lithium": FILM},
            "collector.bending_stiffness: value '-1 N*m'",
        ),
        (
            {"collector": {"nucleation": {"contact_angle": "10 deg", "numbers": "poisson"}}},
            "collector.nucleation.numbers: value 'poisson': whole numbers of nuclei where a 2-D case has no area of a "
            "cell; allowed: 'mean', or domain.dimension 3",
        ),
        (
            {
                "collector": {
                    "nucleation": {"contact_angle": "10 deg", "numbers": "poisson"},
                    "seed": {"material": "Mg", "thickness": "20 nm"},
                },
                "domain": {"dimension": 3},
            },
            "collector.nucleation.numbers: value 'poisson': no Li is born on a seed that goes on into Li as one phase",
        ),
        ({"collector": {"material": "copper", "nucleation": {}}}, "collector.material"),
        ({"lithium": FILM | ISLANDS}, "lithium.film: value '50 nm': islands in a film"),
        ({"lithium": FILM, "collector": {"gap": "70 nm"}}, "collector.gap: value '70 nm': another distance than"),
        ({"lithium": FILM, "domain": {"width": "6 um", "lithium_thickness": "9 um"}}, "collector.room is its room"),
        ({"lithium": FILM | {"voids": [{"centre": ["1 um", "0 um"], "radius": "0.5 um"}]}}, "lithium.voids"),
        ({"lithium": FILM, "mechanics": {"platen": False}}, "mechanics.platen: value False: a collector without"),
        ({"lithium": {"islands": [{"centre": ["1 um", "2 um"], "radius": "1 um"}]}}, "2 coordinates; allowed: 1 (x)"),
        ({"lithium": {"islands": [{"centre": ["9 um"], "radius": "1 um"}]}}, "lithium.islands.0.centre"),
        ({"lithium": FILM, "collector": None}, "collector"),
        ({"lithium": FILM, "protocol": [OPEN]}, "collector.room: missing; the protocol does not say how much"),
        (
            {"domain": {"dimension": 1}, "collector": {"nuclei": {"spacing": "1 um", "radius": "1 um"}}},
            "collector.nuclei: a 1-D case has nothing along the contact",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(CaseError) as refused:
        case(**sections)
    assert said in str(refused.value).replace("\n", " ")


SEEDED = {"material": "Cu", "nucleation": {}, "seed": {"material": "Au", "thickness": "20 nm"}}
DRIVE = {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2", "voltage_limit": "1 V"}


def seeded(**seed: Any) -> dict[str, Any]:
    """The table of a collector whose seed has other keys."""
    return SEEDED | {"seed": {"material": "Au", "thickness": "20 nm"} | seed}


def test_a_seed_has_what_its_material_says_and_the_case_may_say_more() -> None:
    def seed(collector: dict[str, Any]) -> SeedLayer:
        found = case(collector=collector, drive=DRIVE | {"voltage_limit": "2 V"})
        assert case_from_dict(found.resolved()).collector == found.collector, "the case in the results can be read"
        assert found.collector is not None and found.collector.seed is not None
        return found.collector.seed

    gold = seed(SEEDED)
    assert [(s.composition, s.potential, s.end) for s in gold.steps] == [(1.0, 0.165, None), (3.75, 0.105, None)]
    assert (gold.molar_volume, gold.lithium_volume) == pytest.approx((10.21e-6, 8.9e-6)) and not gold.one_phase
    assert seed(seeded(material="Mg")).one_phase and not seed(seeded(material="Mg", one_phase=False)).one_phase
    steps = [{"composition": 2.0, "potential": "0.3 V", "end": "0.1 V"}]
    own = seed(seeded(material="W", molar_volume="9.5 cm^3/mol", lithium_volume="9 cm^3/mol", steps=steps))
    assert (own.steps[0].potential, own.steps[0].end, own.one_phase) == (0.3, 0.1, False)
    oxide = seed(seeded(material="Zn", mixed_with=[{"material": "ZnO", "thickness": "3 nm"}], filling=0.5)).hosts
    assert [step.irreversible for step in oxide[1].steps] == [True, False, False, False, False]
    assert [host.amount for host in oxide] == pytest.approx([0.5 * 20e-9 / 9.16e-6, 3e-9 / 14.5e-6])
    assert seed(seeded(mixed_with=[{"material": "Ag", "thickness": "3 nm"}])).one_phase, "as one of them is"


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"collector": seeded(material="gold")}, "collector.seed.material"),
        ({"collector": seeded(material="W")}, "collector.seed.molar_volume: missing; W.toml does not have it"),
        ({"collector": seeded(material="W")}, "collector.seed.steps: missing; W.toml does not have it"),
        ({"collector": seeded(thickness="0 nm")}, "collector.seed.thickness"),
        ({"collector": seeded(steps=[])}, "collector.seed.steps: "),
        ({"collector": seeded(filling=0)}, "seed.filling: value 0: out of range; allowed: a number > 0 and <= 1"),
        (
            {"collector": seeded(mixed_with=[{"material": "W", "thickness": "3 nm"}])},
            "collector.seed.mixed_with.0.steps: missing; W.toml does not have it",
        ),
        (
            {"collector": seeded(mixed_with=[{"material": "ZnO", "thickness": "3 nm"}])},
            "drive.voltage_limit: value '1 V': the seed takes Li from 1.25 V on",
        ),
        (
            {"collector": seeded(steps=[{"composition": x, "potential": "0.1 V"} for x in (1, 2)])},
            "collector.seed.steps: from step to step the composition must rise and the potential fall",
        ),
        (
            {"collector": seeded(steps=[{"composition": 1, "potential": "0.1 V", "end": "0.2 V"}])},
            "the potential at the end of a step must be below that at its start",
        ),
        (
            {"collector": {"seed": SEEDED["seed"]}, "lithium": FILM},
            "collector.seed: no Li is born on it when it is full; allowed: collector.nucleation beside it",
        ),
        ({"collector": seeded(material="Al"), "drive": DRIVE | {"voltage_limit": "0.2 V"}}, "drive.voltage_limit"),
    ],
)
def test_a_seed_that_makes_no_sense_is_refused(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(CaseError) as refused:
        case(**({"drive": DRIVE} | sections))
    assert said in str(refused.value).replace("\n", " ")


def test_lithium_on_a_collector_needs_one() -> None:
    data = {
        "schema_version": 1,
        "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
        "lithium": FILM,
        "protocol": [PLATE],
    }
    with pytest.raises(CaseError, match="the Li of a thick electrode is there already"):
        case_from_dict(data)


def test_the_gap_is_the_smallest_one_between_two_rough_surfaces() -> None:
    rough = {"amplitude": "60 nm", "correlation_length": "0.7 um"}
    found = case(
        collector={"gap": "70 nm", "roughness": rough | {"seed": 2}}, interface={"roughness": rough}, lithium=ISLANDS
    )
    contact = make_coupling(found, make_grid(found)).places.start()
    assert contact.collector is not None
    assert contact.collector.gap.min() == pytest.approx(70e-9)
    assert contact.collector.gap.max() > 150e-9


def test_a_collector_that_goes_far_takes_many_steps() -> None:
    """As many as 0.03 lambda go into its way, whatever time.max_step allows."""
    far, near = (cost(case([PLATE | {"capacity": f"{q} mAh/cm^2"}], lithium=FILM)).steps for q in (1.0, 0.1))
    assert far > 0.9 * 4.85e-6 / (0.03 * 100e-9)
    assert far > 5 * near


def test_the_room_holds_the_relief_of_rough_surfaces() -> None:
    """A collector of 120 nm roughness reached the bottom of a box that only had room for the Li."""
    rough = {"amplitude": "120 nm", "correlation_length": "1 um"}

    def room(**sections: Any) -> float:
        return case(lithium=FILM, **sections).depth_below

    on_either = room(collector={"roughness": rough}), room(interface={"roughness": rough})
    assert on_either == pytest.approx((room() + 0.72e-6,) * 2)


def test_a_roughness_that_no_cell_resolves_gives_a_warning() -> None:
    def warnings(length: str) -> list[str]:
        rough = {"amplitude": "20 nm", "correlation_length": length}
        return [w for w in find_warnings(case(lithium=FILM, collector={"roughness": rough})) if "roughness" in w]

    (warned,) = warnings("60 nm")
    assert warned.startswith("collector.roughness.correlation_length: 0.06 um is not resolved by grid.spacing")
    assert warnings("0.5 um") == []


def test_a_resolved_case_is_read_again() -> None:
    found = case(lithium=FILM)
    assert case_from_dict(found.resolved()).collector == found.collector


def test_angles_of_a_collector_are_those_of_its_material_or_of_the_case() -> None:
    found = case(collector={"material": "steel", "nucleation": {}}).collector
    assert found is not None and found.nucleation is not None
    assert found.nucleation.contact_angle == pytest.approx(np.radians(19.1))
    assert found.contact_angle == pytest.approx(np.pi / 2)
    own = {"material": "Cu", "contact_angle": "60 deg", "nucleation": {"contact_angle": "12 deg"}}
    found = case(collector=own).collector
    assert found is not None and found.nucleation is not None
    assert (found.contact_angle, found.nucleation.contact_angle) == pytest.approx(np.radians([60, 12]))


def seed_of(seed: dict[str, Any], temperature: str = "298.15 K") -> SeedLayer:
    drive = {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2", "voltage_limit": "5 V"}
    activated = {"conductivity": "1 mS/cm", "material": "Li6PS5Cl", "thickness": "3 um"}
    collector = {"material": "Cu", "nucleation": {}, "seed": {"thickness": "20 nm"} | seed}
    found = case(collector=collector, drive=drive | {"temperature": temperature}, electrolyte=[activated])
    assert found.collector and found.collector.seed
    return found.collector.seed


STAYS: dict[str, Any] = {"one_phase": False}


def test_a_profile_in_depth_is_of_hosts_with_a_diffusivity() -> None:
    """That of its material, by itself, or that of the case; none of a mixture, of a conversion, of other metals."""
    oxide = {"mixed_with": [{"material": "ZnO", "thickness": "3 nm"}]}
    assert seed_of({"material": "Mg"}).diffusivity == 3e-15
    assert seed_of({"material": "Mg", "diffusivity": "1e-16 m^2/s"}).diffusivity == 1e-16
    assert seed_of({"material": "Au", "diffusivity": "1e-16 m^2/s", "layers": 7}).layers == 7
    for well_mixed in ({"material": "Au"}, {"material": "AgF"}, {"material": "Mg"} | oxide):
        assert seed_of(well_mixed).diffusivity is None
    for bound in ({"material": "MoS2"}, {"material": "Mg"} | oxide):
        with pytest.raises(CaseError, match=r"collector\.seed\.diffusivity.*give all of their Li back"):
            seed_of(bound | {"diffusivity": "1e-16 m^2/s"})
    with pytest.raises(CaseError, match=r"collector\.seed\.layers"):
        seed_of({"material": "Mg", "layers": 0})
    assert seed_of({"material": "Au", "layers": 1}).layers == 1, "well mixed"


def test_layers_without_a_profile_are_refused_but_not_those_of_a_resolved_case() -> None:
    """A resolved case has the default of every key."""
    for well_mixed in ({"material": "Au"}, {"material": "MoS2"}):
        with pytest.raises(CaseError, match=r"collector\.seed\.layers.*there is no profile in depth"):
            seed_of(well_mixed | {"layers": 40})
    found = case(collector={"material": "Cu", "nucleation": {}, "seed": {"material": "Au", "thickness": "20 nm"}})
    assert found.resolved()["collector"]["seed"]["layers"] == 20
    assert case_from_dict(found.resolved()).collector == found.collector


def test_memory_counts_the_layers_of_a_profile_in_depth() -> None:
    """170 bytes per cell and layer, of Li in the seed and of its atoms in Li; none of Au, well mixed, not followed."""

    def memory(seed: dict[str, Any]) -> float:
        collector = {"material": "Cu", "nucleation": {}, "seed": {"thickness": "20 nm"} | seed}
        found = cost(case(collector=collector))
        return found.memory / found.cells

    assert memory({"material": "Mg", "layers": 100}) - memory({"material": "Mg"}) == pytest.approx(80 * 170)
    assert memory({"material": "Mg"}) - memory({"material": "Au"}) == pytest.approx((20 + 20) * 170)


def test_what_is_not_below_a_collector_is_not_reported() -> None:
    assert "domain.lithium_thickness" not in [row.key for row in rows(case(lithium=FILM))]


def test_a_diffusivity_at_another_temperature_is_asked_for() -> None:
    """No activation energy of that of Mg is known."""
    with pytest.raises(CaseError, match=r"host_diffusivity.*collector\.seed\.diffusivity in the case"):
        seed_of({"material": "Mg"}, "60 degC")
    assert seed_of({"material": "Mg", "diffusivity": "1e-14 m^2/s"}, "60 degC").diffusivity == 1e-14
    assert seed_of({"material": "Au"}, "60 degC").diffusivity is None


def test_atoms_of_a_host_are_followed_where_it_goes_on_into_li() -> None:
    """With the number of its material where that is known at the temperature, or of the case; nothing asks for one."""
    assert seed_of({"material": "Mg"}).diffusivity_in_lithium == 3e-15
    given, silver = {"diffusivity_in_lithium": "1e-16 m^2/s"}, {"material": "Ag", "diffusivity": "1e-12 m^2/s"}
    assert seed_of({"material": "Mg"} | given).diffusivity_in_lithium == 1e-16
    assert seed_of({"material": "Au", "one_phase": True} | given).diffusivity_in_lithium == 1e-16
    warm = seed_of(silver, "60 degC").diffusivity_in_lithium
    assert warm == pytest.approx(0.37e-4 * np.exp(-53.7e3 / (8.314462618 * 333.15)), rel=5e-3)
    assert seed_of({"material": "Mg", "diffusivity": "1e-14 m^2/s"}, "60 degC").diffusivity_in_lithium is None
    oxide = {"mixed_with": [{"material": "ZnO", "thickness": "3 nm"}]}
    for stays in ({"material": "Au"}, {"material": "AgF"}, {"material": "Mg"} | oxide, {"material": "Mg", **STAYS}):
        assert seed_of(stays).diffusivity_in_lithium is None
    wrong = r"collector\.seed\.diffusivity_in_lithium.*atoms of the host stay.*allowed: no such key, or .*one_phase"
    for stays in ({"material": "Au"}, {"material": "Mg", **STAYS}):
        with pytest.raises(CaseError, match=wrong):
            seed_of(stays | given)
    for value in ("0 m^2/s", "1 m/s", "-1e-15 m^2/s"):
        with pytest.raises(CaseError, match=re.escape(f"collector.seed.diffusivity_in_lithium: value '{value}'")):
            seed_of({"material": "Mg", "diffusivity_in_lithium": value})
