"""Every option of a case runs: a few steps each, with the audits of the log and what the option must change."""

from __future__ import annotations

import numpy as np
import pytest

import solver
from postprocess.reader import Run
from solver.case.io import case_from_dict
from solver.loop.simulation import SolveFailed
from solver.output import checkpoint
from solver.output.checkpoint import CheckpointError

SMALL = {
    "schema_version": 1,
    "domain": {"width": "3 um", "lithium_thickness": "4 um"},
    "electrolyte": [{"thickness": "3 um"}],
    "interface": {"width": "200 nm"},
    "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [{"kind": "galvanostatic", "direction": "strip", "duration": "6 s"}],
    "time": {"max_step": "2 s"},
}


def run(*overrides: str, **sections: object) -> solver.Result:
    result = solver.run(case_from_dict({**SMALL, **sections}, overrides))
    assert np.max(result.curves["charge_error"]) < 1e-8
    assert np.max(result.curves["lithium_error"]) < 1e-6
    assert np.all((result.curves["contact_fraction"] > 0) & (result.curves["contact_fraction"] <= 1))
    return result


def protocol(*segments: dict[str, object]) -> dict[str, object]:
    return {"protocol": list(segments)}


def final(result: solver.Result, name: str) -> float:
    return float(result.curves[name][-1])


def test_one_two_and_three_dimensions_agree_for_a_uniform_contact():
    flat = [
        run("domain.dimension=1", domain={"lithium_thickness": "4 um"}),
        run(),
        run("domain.dimension=3", 'domain.width="1 um"', 'domain.depth="0.8 um"'),
    ]
    voltages = [final(r, "voltage") for r in flat]
    assert np.ptp(voltages) < 1e-4 * abs(voltages[0])


def test_random_heterogeneity_focuses_the_current():
    random = {"width": "200 nm", "heterogeneity": {"kind": "random", "correlation_length": "0.8 um"}}
    assert final(run(interface=random), "local_current_max_ratio") > 1.1
    assert final(run(), "local_current_max_ratio") == pytest.approx(1.0, abs=1e-3)


def test_a_blocked_patch_raises_the_voltage():
    patch = {"centre": ["1.5 um"], "radius": "0.8 um", "factor": 0.01}
    blocked = run(interface={"width": "200 nm", "heterogeneity": {"kind": "patches", "patches": [patch]}})
    assert final(blocked, "voltage") < 1.3 * final(run(), "voltage")


def test_a_rough_surface_has_more_area_and_a_lower_overpotential():
    rough = {"amplitude": "200 nm", "correlation_length": "0.6 um"}
    result = run(interface={"width": "200 nm", "roughness": rough})
    assert abs(final(result, "voltage")) < 0.99 * abs(final(run(), "voltage"))


def test_symmetric_sides_give_the_voltage_of_periodic_ones_for_a_uniform_contact():
    exact = "mechanics.tolerance=1e-8"  # the normal stress is part of the voltage
    symmetric, periodic = run('domain.lateral="symmetric"', exact), run(exact)
    assert final(symmetric, "voltage") == pytest.approx(final(periodic, "voltage"), rel=1e-8)


def test_layers_and_series_and_contact_resistance_add_up():
    plain = final(run(), "voltage")
    j = -10.0
    layers = run(electrolyte=[{"thickness": "2 um"}, {"thickness": "1 um", "conductivity": "0.18 mS/cm"}])
    assert final(layers, "voltage") - plain == pytest.approx(j * 1e-6 * (1 / 0.018 - 1 / 0.18), rel=1e-3)
    series = run('drive.series_resistance="10 ohm*cm^2"')
    assert final(series, "voltage") - plain == pytest.approx(j * 1e-3, rel=1e-6)
    film = run('interface.contact_resistance="10 ohm*cm^2"')
    assert final(film, "voltage") - plain == pytest.approx(j * 1e-3, rel=0.02)


def test_the_resistance_of_a_film_is_its_thickness_over_its_conductivity():
    """LiPON, 1e-6 S/cm: 100 nm are 10 ohm cm^2."""
    film = run("interface.film={material='LiPON', thickness='100 nm'}")
    assert final(film, "voltage") - final(run(), "voltage") == pytest.approx(-10.0 * 1e-3, rel=0.02)


def test_li_that_crosses_a_film_as_atoms_costs_its_nernst_potential():
    """j_P = 20 A/m^2, 10 A/m^2 stripped: (RT/F) ln(1 - 10/20) = -17.8 mV."""
    permeance = 20.0 * 13.0e-6 / 96485.33212
    film = run(f"interface.film={{material='Mg', thickness='100 nm', permeance='{permeance} m/s'}}")
    free = run("interface.film={material='Mg', thickness='100 nm'}")
    assert final(film, "voltage") - final(free, "voltage") == pytest.approx(0.025693 * np.log(0.5), rel=0.02)


def test_a_film_that_lets_too_little_li_through_ends_stripping_at_the_voltage_limit():
    """j_P = 8 A/m^2, 10 A/m^2 applied; plating goes on."""
    permeance = 8.0 * 13.0e-6 / 96485.33212
    film = f"interface.film={{material='Mg', thickness='100 nm', permeance='{permeance} m/s'}}"
    strip = run(film)
    assert "voltage limit" in strip.stop_reason
    assert 0 < -final(strip, "current_density") <= 8.0
    plate = run(film, "protocol.0.direction='plate'")
    assert plate.stop_reason == "protocol finished"


def test_strip_rest_plate_in_a_loop():
    segments = [
        {"kind": "galvanostatic", "direction": "strip", "capacity": "0.001 mAh/cm^2"},
        {"kind": "rest", "duration": "2 s"},
        {"kind": "galvanostatic", "direction": "plate", "capacity": "0.001 mAh/cm^2"},
    ]
    result = run(**protocol({"kind": "loop", "repeat": 2, "segments": segments}))
    assert result.stop_reason == "protocol finished"
    assert final(result, "capacity") == pytest.approx(0.0, abs=1e-7)
    assert len(set(result.curves["segment"])) == 6


def test_a_held_voltage_gives_the_current_that_has_this_voltage():
    galvanostatic = run(**protocol({"kind": "galvanostatic", "direction": "plate", "duration": "0.1 s"}))
    voltage = final(galvanostatic, "voltage")
    held = run(**protocol({"kind": "potentiostatic", "voltage": f"{voltage} V", "duration": "0.1 s"}))
    assert held.curves["current_density"][0] == pytest.approx(10.0, rel=1e-3)


def test_constant_current_then_constant_voltage():
    segment = {
        "kind": "cc-cv",
        "direction": "plate",
        "voltage": "10.3 mV",
        "cutoff_current_density": "0.1 mA/cm^2",
        "duration": "10 s",
    }
    curves = run(**protocol(segment)).curves
    assert curves["current_density"][0] == pytest.approx(10.0)
    assert curves["voltage"][-1] == pytest.approx(10.3e-3)
    assert curves["current_density"][-1] < 10.0


def test_a_measured_profile(tmp_path):
    (tmp_path / "measured.csv").write_text(
        "time [s],current_density [mA/cm^2],stack_pressure [MPa]\n0,0,5\n2,-1,5\n5,-1,7\n"
    )
    case = case_from_dict({**SMALL, **protocol({"kind": "profile", "file": "measured.csv"})}, directory=str(tmp_path))
    curves = solver.run(case).curves
    assert curves["time"][-1] == pytest.approx(5.0)
    assert curves["capacity"][-1] == pytest.approx(-40.0)
    assert curves["contact_pressure"][-1] > 6.5e6


def test_limits_end_the_segment_or_the_run():
    strip = {"kind": "galvanostatic", "direction": "strip", "duration": "1 h"}
    assert "voltage limit" in run('drive.voltage_limit="5 mV"', **protocol(strip)).stop_reason
    limited = run(
        'drive.current_density="5 mA/cm^2"',
        'drive.stack_pressure="1 MPa"',
        **protocol({**strip, "min_contact_fraction": 0.9}),
    )
    assert final(limited, "contact_fraction") < 0.9
    assert final(limited, "time") < 3600


@pytest.mark.parametrize("direction", ["strip", "plate"])
def test_without_contact_the_voltage_limit_ends_the_run(direction):
    detached = {"voids": [{"centre": ["0 um"], "radius": "4 um"}]}
    line = {"dimension": 1, "lithium_thickness": "6 um"}
    apart = protocol({"kind": "galvanostatic", "direction": direction, "duration": "6 s"})
    # nothing pushes: a platen would close the gap at once
    loose = {"drive": {"stack_pressure": "0 MPa", "current_density": "1 mA/cm^2"}, "mechanics": {"platen": False}}
    result = solver.run(case_from_dict({**SMALL, "domain": line, "lithium": detached, **loose, **apart}))
    assert result.stop_reason == "voltage limit 0.2 V"
    assert abs(final(result, "current_density")) < 10.0


def test_without_contact_a_cutoff_at_the_voltage_limit_ends_the_segment_only():
    """The limit is held in the place of the current, which ends a stripping; what follows is carried out."""
    detached = {"voids": [{"centre": ["0 um"], "radius": "4 um"}]}
    line = {"dimension": 1, "lithium_thickness": "6 um"}
    loose = {"drive": {"stack_pressure": "0 MPa", "current_density": "1 mA/cm^2"}, "mechanics": {"platen": False}}

    def stripped(cutoff: str) -> solver.Result:
        strip = {"kind": "galvanostatic", "direction": "strip", "duration": "6 s", "cutoff_voltage": cutoff}
        pause = {"kind": "rest", "duration": "1 s"}
        segments = protocol({"kind": "loop", "repeat": 2, "segments": [strip, pause]})
        return solver.run(case_from_dict({**SMALL, "domain": line, "lithium": detached, **loose, **segments}))

    for cutoff in ("0.2 V", "0.1 V"):
        result = stripped(cutoff)
        assert result.stop_reason == "protocol finished"
        assert not result.half_cycles, "no charge has passed"
        assert final(result, "time") < 3.0
        assert result.curves["voltage"].min() == -0.2


def test_thermal_noise_is_keyed_by_its_seed():
    noisy = [run("lithium.noise_amplitude=1.0", f"lithium.noise_seed={seed}") for seed in (1, 1, 2)]
    volumes = [final(r, "void_volume") for r in noisy]
    assert volumes[0] == volumes[1] != volumes[2]


def test_a_void_at_the_start_takes_contact_away():
    result = run('lithium.voids=[{centre=["1.5 um", "0 um"], radius="0.6 um"}]')
    assert result.curves["contact_fraction"][0] < 0.8


def test_the_double_layer_delays_the_voltage():
    charged = run(
        'interface.double_layer_capacitance="1 F/m^2"',
        "time.fixed_step='1 ms'",
        **protocol({"kind": "galvanostatic", "direction": "strip", "duration": "5 ms"}),
    )
    first, last = np.abs(charged.curves["voltage"][[0, -1]])
    assert first < 0.9 * last


@pytest.mark.parametrize("pressure, said", [(15, True), (5, False)])
def test_a_thickened_vacancy_layer_is_said(pressure, said, capfd):
    solver.run(case_from_dict(SMALL, [f'drive.stack_pressure="{pressure} MPa"']), progress=True)
    assert ("the vacancy layer is made 2 interface.width deep" in capfd.readouterr().err) == said


def test_a_balance_of_forces_that_stalls_rejects_the_step_and_says_so(capfd):
    few = {"mechanics": {"max_iterations": 1, "tolerance": 1e-12}, "time": {"min_step": "0.05 s"}}
    void = {"voids": [{"centre": ["1.5 um", "0 um"], "radius": "0.6 um"}]}
    with pytest.raises(SolveFailed, match="stress: the iteration for the creep viscosity stalls"):
        solver.run(case_from_dict({**SMALL, **few, "lithium": void}), progress=True)
    assert "stress: the iteration for the creep viscosity stalls; trying a smaller step" in capfd.readouterr().err
    assert solver.run(case_from_dict({**SMALL, "lithium": void})).stop_reason == "protocol finished"


def test_no_current_passes_the_assembled_cell(tmp_path):
    """The first snapshot: at rest and in equilibrium, whatever the stack pressure."""
    solver.run(case_from_dict(SMALL), tmp_path)
    first, last = (Run(tmp_path).field("local_current_density", i) for i in (0, -1))
    assert np.abs(first).max() < 1e-9 * np.abs(last).max()


def test_a_run_without_defects_can_not_go_on_with_them(tmp_path):
    plain = {**SMALL, "grid": {"fine_depth": "3 um"}}
    solver.run(case_from_dict(plain), tmp_path / "plain")
    flawed = case_from_dict({**plain, "defects": [{"kind": "bulk"}], "filament": {"short_depth": "2 um"}})
    with pytest.raises(CheckpointError, match="was written by a case without the fields filament, filled, opened"):
        solver.run(flawed, tmp_path / "flawed", restart=checkpoint.latest(tmp_path / "plain"))
    assert not (tmp_path / "flawed").exists()
