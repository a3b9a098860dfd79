"""Impedance against circuits, mode matching of a half-covered contact, slopes of the voltage and of time steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from solver.case.io import case_from_dict
from solver.case.schema import Case
from solver.constants import FARADAY, GAS_CONSTANT
from solver.loop.impedance import frequencies
from solver.model.build import make_coupling, make_grid, make_state
from solver.model.coupling import Coupling
from solver.model.impedance import linearise
from solver.numerics.array import Array
from solver.numerics.grid import Grid, normal_faces
from solver.numerics.state import State
from solver.physics.charge import TopControl
from solver.physics.filament import FilamentTerm
from solver.physics.impedance import HarmonicBalance
from solver.physics.nucleation import DOUBLE_LAYER
from solver.physics.seed import named
from solver.physics.step import Step
from tests.parallel.runs import merged
from tests.verification.filaments import WIDTH, equation, profile, whole_electrolyte
from tests.verification.order import assert_order
from tests.verification.setups import VOLUME_PER_CHARGE

THERMAL = GAS_CONSTANT * 298.15 / FARADAY  # RT/F, V
KAPPA, THICKNESS, SIDE = 0.18, 10e-6, 8e-6  # S/m, m, m
I0, CAPACITANCE = 25.0, 0.1  # A/m^2, F/m^2
PLANAR: dict[str, Any] = {
    "schema_version": 1,
    "domain": {"dimension": 1},
    "interface": {"width": "100 nm", "double_layer_capacitance": f"{CAPACITANCE} F/m^2"},
    "lithium": {"defect_amplitude": 1e-9},
    "electrolyte": [{"thickness": "10 um"}],
    "drive": {"stack_pressure": "5 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "1 s"}],
    "solver": {"newton_tolerance": 1e-12},
}
SQUARE = {"domain": {"dimension": 2, "width": "8 um", "lateral": "symmetric"}}
EMPTY = {
    "collector": {"room": "2 um", "nucleation": {"contact_angle": "9.7 deg", "capacitance": "1 F/m^2"}},
    "mechanics": {"void_viscosity": "1e6 Pa*s"},
}


def made(*changes: Mapping[str, Any]) -> tuple[Case, Coupling, State]:
    table: dict[str, Any] = PLANAR
    for change in changes:
        table = merged(table, change)
    case = case_from_dict(table)
    coupling = make_coupling(case, make_grid(case))
    return case, coupling, make_state(coupling)


def spectrum(coupling: Coupling, state: State, at: Array) -> tuple[Array, list[int]]:
    """Impedances at frequencies in Hz, and the iterations that they took."""
    admittance = linearise(coupling, state, {})
    balance = HarmonicBalance(coupling.charge.equation, 1e-9)
    found = [balance.impedance(admittance(2 * np.pi * f)) for f in at]
    assert all(outcome.converged for _, outcome in found)
    return np.array([z for z, _ in found]), [outcome.iterations for _, outcome in found]


def circuit(at: Array, transfer: float, capacitance: float = CAPACITANCE) -> Array:
    """R_el + 1/(1/R_ct + i w C)."""
    return THICKNESS / KAPPA + 1 / (1 / transfer + 2j * np.pi * at * capacitance)


def off(found: Array, expected: Array) -> float:
    return float(np.max(np.abs(found - expected) / np.abs(expected)))


# -- planar cells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("film", [0.0, 2e-3])
def test_a_planar_cell_is_its_circuit(film: float) -> None:
    """R_ct = RT/(F i0) + R_film beside C_dl, in series with L/s: to 1e-4 up to 10 kHz."""
    _, coupling, state = made({"interface": {"contact_resistance": f"{film} ohm*m^2"}})
    at = frequencies(1e4, 1e-2, 4)
    found, _ = spectrum(coupling, state, at)
    assert off(found, circuit(at, THERMAL / I0 + film)) < 1e-4
    assert off(found, circuit(at, 1.01 * THERMAL / I0 + film)) > 1e-3


def test_an_interphase_is_in_series_with_charge_transfer() -> None:
    """R_ct = RT/(F i0) + d/s."""
    case, coupling, state = made({"interphase": {}})
    state["interphase_thickness"] = 100e-9
    assert case.interphase and case.interphase.conductivity
    through = 100e-9 / case.interphase.conductivity
    at = frequencies(1e4, 1e-2, 4)
    assert off(spectrum(coupling, state, at)[0], circuit(at, THERMAL / I0 + through)) < 1e-4
    assert through > 0.1 * THERMAL / I0


@pytest.mark.parametrize("at", [1.0, 1e4, 1e5])
def test_the_error_of_a_planar_cell_falls_as_lambda_squared(at: float) -> None:
    widths, errors = [400, 200, 100, 50], []
    for width in widths:
        _, coupling, state = made({"interface": {"width": f"{width} nm"}})
        found, _ = spectrum(coupling, state, np.array([at]))
        errors.append(off(found, circuit(np.array([at]), THERMAL / I0)))
    assert_order(widths[-3:], errors[-3:], 2)


def half_covered(width: str = "100 nm", exchange: str = "200 mA/cm^2", dim: int = 2) -> tuple[Coupling, State]:
    """Li at x < 4 um of a contact of 8 um, which ends there with the profile of its width; nothing flows yet."""
    depth = {"domain": {"depth": "4 um"}} if dim == 3 else {}
    changes = {"interface": {"width": width, "exchange_current_density": exchange}, "domain": {"dimension": dim}}
    case, coupling, state = made(SQUARE, changes, depth)
    distance = SIDE / 2 - coupling.grid.cell_coordinates()[0]
    state["lithium"] = 0.5 * (1 + np.tanh(distance / (2 * case.interface.width)))
    state["occupancy"] = state["lithium"] ** 2 * (3 - 2 * state["lithium"])
    return coupling, state


# -- a contact of which half reacts ------------------------------------------------------------------------


def matched(at: float, exchange: float, modes: int = 400) -> complex:
    """Z of the sharp problem: phi = z/s + sum a_n cos(k_n x) cosh(k_n (L - z))/cosh(k_n L), by Galerkin's method.

    At z = 0: s d phi/dz = (g H(a - x) + i w C) phi, a the half of the side.
    """
    n = np.arange(modes)
    k, half = n * np.pi / SIDE, SIDE / 2

    def integral(m: Array) -> Array:
        """Of cos(m pi x/SIDE) over the half that reacts."""
        return np.where(m == 0, half, np.sin(m * np.pi / 2) * SIDE / np.where(m == 0, 1, m * np.pi))

    rows, columns = np.meshgrid(n, n, indexing="ij")
    norm = np.where(n == 0, SIDE, half)
    system = 0.5 * exchange / THERMAL * (integral(rows - columns) + integral(rows + columns)).astype(complex)
    system += np.diag(norm * (2j * np.pi * at * CAPACITANCE + KAPPA * k * np.tanh(k * THICKNESS)))
    return complex(THICKNESS / KAPPA + np.linalg.solve(system, SIDE * (n == 0))[0])


def test_a_half_covered_contact_is_that_of_a_sharp_one() -> None:
    """l_W = 2.3 um on a side of 8 um: 0.3 % at 100 nm at all frequencies; the narrow way of ions counts 15 %."""
    coupling, state = half_covered()
    at = frequencies(1e5, 1e-2, 1)
    found, iterations = spectrum(coupling, state, at)
    expected = np.array([matched(f, 2000.0) for f in at])
    assert off(found, expected) < 4e-3
    assert max(iterations) <= 15
    narrow = (expected[-1].real - THICKNESS / KAPPA) / (2 * THERMAL / 2000.0)
    assert narrow > 1.1 and off(found[-1:], circuit(at[-1:], 2 * THERMAL / 2000.0)) > 0.02


def test_a_half_covered_contact_gets_sharp_with_lambda() -> None:
    errors = []
    for width in ("200 nm", "100 nm", "50 nm"):
        found, _ = spectrum(*half_covered(width), np.array([1e3]))
        errors.append(off(found, np.array([matched(1e3, 2000.0)])))
    assert errors[0] > 2.5 * errors[1] > 6 * errors[2]


def test_where_ions_have_room_resistance_scales_with_the_share_that_touches() -> None:
    """l_W = 925 um: 2 R_ct beside C of the whole contact."""
    at = np.array([1e2, 1.0])
    found, _ = spectrum(*half_covered(exchange="0.5 mA/cm^2"), at)
    assert off(found, circuit(at, 2 * THERMAL / 5.0)) < 2e-3
    assert off(found, circuit(at, THERMAL / 5.0)) > 0.1


# -- what holds of any state -------------------------------------------------------------------------------


def test_at_no_frequency_it_is_the_slope_of_the_voltage() -> None:
    """Of a half-covered contact that plates at 20 mA/cm2, where kinetics is no longer linear."""
    coupling, state = half_covered(exchange="2.5 mA/cm^2")
    contact, equation = coupling.places.now(state), coupling.charge.equation
    conductor = coupling.conductor(state, contact)
    term = coupling.plating(state, conductor, coupling.applied_pressure(state, {})).term(contact)

    def solved(current: float) -> tuple[Array, float]:
        phi, done = equation.solve(state["potential"].copy(), [term], TopControl(current_density=current, voltage=None))
        assert done.outcome.converged
        return phi, done.voltage

    rest = spectrum(coupling, state, np.zeros(1))[0][0]
    current, change = 200.0, 0.1
    slope = (solved(current + change)[1] - solved(current - change)[1]) / (2 * change)
    state["potential"], _ = solved(current)
    found = spectrum(coupling, state, np.zeros(1))[0][0]
    assert found.imag == 0.0 and found.real == pytest.approx(slope, rel=1e-6)
    assert abs(rest.real / slope - 1) > 0.3


def missing(at: Array, z: Array) -> float:
    """How far R(0) - R(infinity) is from (2/pi) int -Im Z d ln w, which it is where effects follow causes."""
    whole = z[-1].real - z[0].real
    integral = 2 / np.pi * float(np.sum(-0.5 * (z.imag[1:] + z.imag[:-1]) * -np.diff(np.log(at))))
    return abs(integral / whole - 1)


def test_resistance_and_reactance_belong_together() -> None:
    """The sum rule of Kramers and Kronig, on a coarse half-covered contact; the twin has Im Z 2 % too large."""
    at = frequencies(1e10, 1e-1, 4)
    z, _ = spectrum(*half_covered("400 nm"), at)
    assert missing(at, z) < 2e-3
    assert missing(at, z.real + 1.02j * z.imag) > 0.01
    assert np.all(np.diff(z.real) > 0) and np.all(z.imag < 0)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_iterations_depend_on_neither_dimension_nor_frequency(dim: int) -> None:
    """With no Li at all and the double layer alone Z goes to 160 ohm m^2 at 10 mHz, as R_el + 1/(i w C)."""
    changes = SQUARE if dim > 1 else {}
    sides = {"domain": {"dimension": dim, **dict.fromkeys(("width", "depth")[: dim - 1], "3 um")}}
    _, coupling, state = made(changes, sides, {"interface": {"width": "400 nm"}})
    state["lithium"] = 0.0
    at = frequencies(1e5, 1e-2, 1)
    found, iterations = spectrum(coupling, state, at)
    assert max(iterations) <= 15
    expected = THICKNESS / KAPPA + 1 / (2j * np.pi * at * CAPACITANCE)
    assert off(found, expected) < 2e-2 and off(found[-4:], expected[-4:]) < 1e-6


def test_without_contact_and_double_layer_there_is_no_impedance() -> None:
    _, coupling, state = made({"interface": {"double_layer_capacitance": "0 F/m^2"}})
    state["lithium"] = 0.0
    balance = HarmonicBalance(coupling.charge.equation, 1e-9)
    _, outcome = balance.impedance(linearise(coupling, state, {})(1.0))
    assert not outcome.converged and "no current crosses the contact" in outcome.reason


# -- seed, nuclei, filaments -------------------------------------------------------------------------------


def part_of(coupling: Coupling, name: str) -> Any:
    (found,) = (part for part in coupling.followers if part.name == name)
    return found


def on_plateau(coupling: Coupling, state: State) -> tuple[float, float]:
    """Put gold into the middle of its first plateau at equilibrium; i' and q |dx/dE|."""
    seed = part_of(coupling, "seed")
    state["seed_potential"], state["potential"] = 0.1652, -0.1652
    _, fall = seed.alloy.composition(np.array([0.1652]))
    return I0 / THERMAL, seed.alloy.charge_per_composition * float(fall[0])


SEEDED = {
    "collector": {"seed": {"material": "Au", "thickness": "20 nm"}},
    "interface": {"double_layer_capacitance": "0 F/m^2"},
}


def test_a_seed_is_charge_transfer_and_capacitance_in_series() -> None:
    """And its nuclei's contact beside it, a double layer below 0 V; where the collector touches all of it (b = 1)."""
    _, coupling, state = made(EMPTY, SEEDED)
    state["facing"] = 1.0
    slope, storage = on_plateau(coupling, state)
    at = np.array([1e2, 1.0, 1e-2, 1e-3, 1e-5])
    found, _ = spectrum(coupling, state, at)
    omega = 2 * np.pi * at
    branch = 1 / (1 / slope + 1 / (1j * omega * storage))
    below = DOUBLE_LAYER
    assert storage > 1e4 * below
    assert off(found, THICKNESS / KAPPA + 1 / (branch + 1j * omega * below)) < 1e-4
    assert off(found, THICKNESS / KAPPA + 1 / (1j * omega * (storage + below))) > 0.1


LAYERS = {"collector": {"seed": {"material": "Au", "thickness": "20 nm", "diffusivity": "1e-17 m^2/s", "layers": 5}}}
BENEATH_FILM = {"interface": {"film": {"material": "W", "thickness": "30 nm"}}}


@pytest.mark.parametrize(
    ("name", "dt", "changes"),
    [
        ("seed", 100.0, {}),
        ("seed", 100.0, LAYERS),
        ("barrier", 1e5, BENEATH_FILM),  # at 165 mV so little Li is in the film that it lets little through
        ("nucleation", 1e-5, {}),
    ],
)
def test_i_omega_of_1_over_dt_is_the_slope_of_a_time_step(name: str, dt: float, changes: dict[str, Any]) -> None:
    """Of the seed at equilibrium exactly, also with layers and beneath a film; of nuclei and their contact as dt goes
    to 0, when they do not grow.
    """
    _, coupling, state = made(EMPTY, SEEDED | changes)
    on_plateau(coupling, state)
    seed = part_of(coupling, "seed")
    for name_of, values in named(seed.alloy, seed.alloy.start(state["seed_potential"].copy())).items():
        state[name_of] = values
    state["facing"] = 0.6
    state["nucleus_moment_2"], state["nucleus_moment_0"], state["nucleated_lithium"] = 0.5, 1e12, 1e-9
    contact, part = coupling.places.now(state), part_of(coupling, name)
    step = Step(number=0, dt=dt, stack_pressure=5e6, current_density=0.0)
    (reaction,) = part.reactions(state, contact, step)
    slope = reaction.term(contact)(state["potential"].copy())[1]
    found, other = (np.asarray(part.admittance(state, contact, -1j * k / dt)) for k in (1, 2))
    np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-8 * np.max(slope))
    assert np.max(np.abs(other - slope)) > 0.1 * np.max(slope) > 0


def test_nuclei_conduct_on_their_surface_and_stripped_ones_not_at_all() -> None:
    """S i' beside i w C where nuclei have Li or are plated; below 0 V without Li a double layer charges."""
    _, coupling, state = made(EMPTY, {"interface": {"double_layer_capacitance": "0 F/m^2"}})
    state["facing"], state["nucleus_moment_2"], state["nucleated_lithium"] = 1.0, 3.0, 1e-9
    state["potential"] = 1e-9
    nuclei = part_of(coupling, "nucleation")
    p = nuclei.parameters
    surface = float(p.surface(p.overlap(np.array([3.0])))[0][0])
    assert 0.1 < surface < 1.1
    at = np.array([10.0, 1e-2])
    assert off(spectrum(coupling, state, at)[0], circuit(at, THERMAL / (I0 * surface), 1.0)) < 1e-4
    state["nucleated_lithium"], state["potential"] = 0.0, -1e-9
    assert off(spectrum(coupling, state, at)[0], circuit(at, np.inf, DOUBLE_LAYER)) < 1e-4


def test_a_front_of_li_in_a_defect_answers_by_moving() -> None:
    """Its slope is (F/Omega)^2 6 lambda L, and that of a short time step; none where the drive is beyond its bound."""
    faces = normal_faces(
        lithium_thickness=2e-6, electrolyte_thickness=2e-6, spacing=WIDTH / 8, fine_depths=(2e-6, 2e-6), growth=1.1,
        max_spacing=1e-6,
    )
    grid, mobility, largest = Grid([faces]), 1.5e-9, 1e7
    eq = equation(whole_electrolyte(grid), grid, mobility, largest)
    zeta, active, cost = profile(grid.cell_coordinates()[-1]), np.ones(grid.local_shape), np.zeros(grid.local_shape)
    found = eq.admittance(zeta, cost, active)
    assert grid.integral(found) == pytest.approx(6 * WIDTH * mobility / VOLUME_PER_CHARGE**2, rel=1e-3)
    term = FilamentTerm(eq, zeta, cost, active, 1e-6, zeta)
    slope = grid.sum(term(np.zeros(grid.local_shape))[1])
    assert slope == pytest.approx(grid.integral(found), rel=1e-2)
    assert grid.integral(eq.admittance(zeta, cost + 10 * largest, active)) < 1e-6 * grid.integral(found)
