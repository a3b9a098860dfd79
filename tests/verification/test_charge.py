"""The charge balance against a manufactured solution, the planar cell, and the relaxation of a double layer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from solver.case.io import case_from_dict
from solver.constants import FARADAY, GAS_CONSTANT
from solver.domain.contact import Layers, face_conductivities, make_contact
from solver.laws.kinetics import KineticsParameters, transfer_current
from solver.model.build import make_coupling, make_grid, make_state
from solver.numerics import linear
from solver.numerics.grid import Grid, lateral_faces, normal_faces
from solver.numerics.operators import apply_stencil
from solver.physics import charge
from solver.physics.charge import ChargeBalance, ChargeOutcome, TopControl
from solver.physics.step import Step
from tests.verification.order import assert_order

PI = np.pi
THERMAL = GAS_CONSTANT * 298.15 / FARADAY  # RT/F, V
I0, KAPPA, THICKNESS = 25.0, 0.18, 10e-6  # A/m^2, S/m, m
ONE_LAYER = Layers((THICKNESS,), (KAPPA,))


# -- manufactured solution -----------------------------------------------------------------------------


def manufactured(n: int, dim: int, galvanostatic: bool) -> tuple[float, float]:
    """Largest error of phi and error of the voltage on [0, 1]^dim with n cells along x (y) and z.

    div(k grad phi) = sinh(phi) + f in units of 20 mV, phi = L(x) Z(z). Galvanostatic: L = 1, Z = z^2/2 + cos(pi z),
    slope 0 below and 1 above. Potentiostatic: L a product of 1 + cos(2 pi x)/2, Z = cos(pi z/2), 0 at the top.
    """
    axes = [np.linspace(0.0, 1.0, n + 1)] * (dim - 1) if not galvanostatic else [np.linspace(0, 1, 5)] * (dim - 1)
    s = np.linspace(0.0, 1.0, n + 1)
    grid = Grid([*axes, s + 0.2 * s * (1 - s)], [True] * (dim - 1))
    *lateral, z = grid.cell_coordinates()

    def k_at(points):
        return 2 + np.sin(3 * points[-1])

    across = [np.ones(()) if galvanostatic else 1 + 0.5 * np.cos(2 * PI * x) for x in lateral]
    bends = [np.zeros(()) if galvanostatic else -2 * PI**2 * np.cos(2 * PI * x) for x in lateral]
    if galvanostatic:
        column, slope, bend = z**2 / 2 + np.cos(PI * z), z - PI * np.sin(PI * z), 1 - PI**2 * np.cos(PI * z)
    else:
        column, slope = np.cos(PI * z / 2), -PI / 2 * np.sin(PI * z / 2)
        bend = -((PI / 2) ** 2) * column
    whole = math.prod(across, start=np.ones(()))
    phi = whole * column + np.zeros(grid.local_shape)
    laplacian = whole * bend
    for a in range(dim - 1):
        others = [across[b] for b in range(dim - 1) if b != a]
        laplacian = laplacian + bends[a] * (others[0] if others else 1.0) * column
    source = k_at([z]) * laplacian + 3 * np.cos(3 * z) * whole * slope - np.sinh(phi)

    def term(u):
        return (np.sinh(u / unit) + source) * grid.volume, np.cosh(u / unit) / unit * grid.volume

    shapes = [[m + (i == a) for i, m in enumerate(grid.local_shape)] for a in range(dim)]
    unit = 0.02
    k = [np.broadcast_to(k_at(grid.face_coordinates(a)) / unit, shapes[a]) for a in range(dim)]
    balance = ChargeBalance(
        grid, k, newton_tolerance=1e-12, max_newton=30, linear_tolerance=1e-13, reference_current=1.0
    )
    control = (
        TopControl(current_density=float(k_at([1.0])), voltage=None)
        if galvanostatic
        else TopControl(current_density=None, voltage=0.0)
    )
    found, result = balance.solve(np.zeros(grid.local_shape), [term], control)
    assert result.outcome.converged
    return grid.max(np.abs(found / unit - phi)), abs(result.voltage / unit + 0.5)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("galvanostatic", [True, False])
def test_a_manufactured_solution_is_met_with_order_2(dim, galvanostatic):
    """Variable conductivity, nonlinear reaction, graded normal, given current or given voltage at the top."""
    sizes = {1: (32, 64, 128), 2: (20, 40, 80), 3: (12, 24, 48)}[dim]
    errors, voltages = zip(*(manufactured(n, dim, galvanostatic) for n in sizes), strict=True)
    assert_order([1 / n for n in sizes], errors, 2)
    if galvanostatic:
        assert_order([1 / n for n in sizes], voltages, 2)


# -- planar cell ---------------------------------------------------------------------------------------


class Cell:
    """Dense Li (occupancy frozen at 1, so E = 0) on a flat contact of width lambda."""

    def __init__(
        self,
        width=100e-9,
        layers=ONE_LAYER,
        film=0.0,
        anodic=0.5,
        dim=1,
        tolerance=1e-12,
        lateral=0.5e-6,
        max_newton=20,
    ):
        depth = sum(layers.thicknesses)
        faces = normal_faces(
            lithium_thickness=10e-6,
            electrolyte_thickness=depth,
            spacing=width / 2,
            fine_depths=(4e-6, 4e-6),
            growth=1.1,
            max_spacing=1e-6,
        )
        self.grid = Grid([*[lateral_faces(2e-6, lateral)] * (dim - 1), faces], [True] * (dim - 1))
        self.contact = make_contact(self.grid, width)
        self.kinetics = KineticsParameters(
            transfer_coefficient=anodic, temperature=298.15, molar_volume=13e-6, area_resistance=film
        )
        self.exchange = np.full(self.grid.local_shape, I0)
        conductivity = face_conductivities(self.grid, layers, self.contact)
        unit = 1e-6 * I0 * self.grid.lateral_area
        self.balance = ChargeBalance(
            self.grid,
            conductivity,
            newton_tolerance=tolerance,
            max_newton=max_newton,
            linear_tolerance=1e-13,
            reference_current=unit,
        )

    def reaction(self, phi):
        ones = np.ones(self.grid.local_shape)
        j, slope = transfer_current(self.kinetics, phi, 0 * ones, self.exchange, ones)
        return self.contact.area * j, self.contact.area * slope

    def solve(self, current=None, voltage=None, series=0.0) -> ChargeOutcome:
        start = np.zeros(self.grid.local_shape)
        return self.balance.solve(
            start, [self.reaction], TopControl(current_density=current, voltage=voltage, series_resistance=series)
        )[1]

    def voltage(self, current, series=0.0) -> float:
        result = self.solve(current, series=series)
        assert result.outcome.converged
        return result.voltage


def closed_form(j, resistance=THICKNESS / KAPPA):
    """V = j R + (2RT/F) asinh(j / 2 i0)."""
    return j * resistance + 2 * THERMAL * np.arcsinh(j / (2 * I0))


@pytest.mark.parametrize("current", [10.0, -10.0])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_planar_voltage_to_1e_6(current, dim):
    """1 mA/cm^2 either way, lambda = 100 nm, in 1-D, 2-D and 3-D: V = j L/kappa + (2RT/F) asinh(j/2 i0)."""
    assert Cell(dim=dim).voltage(current) == pytest.approx(closed_form(current), rel=1e-6)


@pytest.mark.parametrize("current", [10.0, -100.0])
def test_the_error_of_the_planar_voltage_falls_as_lambda_squared(current):
    """lambda = 400 to 50 nm with two cells per lambda; the error is that of the diffuse contact."""
    widths = [400e-9, 200e-9, 100e-9, 50e-9]
    errors = [abs(Cell(width).voltage(current) - closed_form(current)) for width in widths]
    assert_order(widths, errors, 2)


def test_layers_are_in_series_also_when_one_ends_inside_a_cell():
    """R = sum L/kappa to rounding beyond the error of the contact; the layer ends at no face of the grid."""
    layers = Layers((3.03e-6, 2.26e-6, 4.71e-6), (0.18, 0.55, 0.02))
    cell = Cell(layers=layers)
    ends = np.cumsum(layers.thicknesses)[:-1]
    assert all(np.abs(cell.grid.faces[-1] - end).min() > 5e-9 for end in ends)
    resistance = sum(d / k for d, k in zip(layers.thicknesses, layers.conductivities, strict=True))
    assert cell.voltage(10.0) == pytest.approx(closed_form(10.0, resistance), rel=1e-6)
    # beside one layer the same: only the resistance differs
    one = Cell().voltage(10.0) - closed_form(10.0)
    assert cell.voltage(10.0) - closed_form(10.0, resistance) == pytest.approx(one, rel=1e-3)


def test_resistances_in_series():
    """A film adds j R_film at the contact, the rest of the cell j R_series outside the box."""
    film, series, j = 2e-3, 5e-3, -10.0
    plain = Cell().voltage(j)
    assert Cell().voltage(j, series) == pytest.approx(plain + j * series, rel=1e-12)
    assert Cell(film=film).voltage(j) == pytest.approx(closed_form(j) + j * film, rel=1e-6)


@pytest.mark.parametrize("series", [0.0, 5e-3])
@pytest.mark.parametrize("current", [10.0, -50.0])
def test_a_given_voltage_is_the_inverse_of_a_given_current(current, series):
    """The voltage that a current needs, applied, draws that current."""
    cell = Cell(dim=2)
    voltage = cell.voltage(current, series)
    result = cell.solve(voltage=voltage, series=series)
    assert result.outcome.converged and result.voltage == voltage
    assert result.applied / cell.grid.lateral_area == pytest.approx(current, rel=1e-9)


@pytest.mark.parametrize("anodic", [0.3, 0.7])
def test_an_asymmetric_transfer_coefficient(anodic):
    """V - j L/kappa is the root of i0 (exp((1-a) F eta/RT) - exp(-a F eta/RT)) = j, plating and stripping differ."""
    cell, j = Cell(anodic=anodic), 30.0
    found = {}
    for current in (j, -j):
        low, high = -0.5, 0.5
        for _ in range(60):
            eta = 0.5 * (low + high)
            value = I0 * (np.exp((1 - anodic) * eta / THERMAL) - np.exp(-anodic * eta / THERMAL))
            low, high = (eta, high) if value < current else (low, eta)
        found[current] = cell.voltage(current)
        assert found[current] == pytest.approx(current * THICKNESS / KAPPA + eta, rel=3e-6)
    assert (abs(found[j]) > abs(found[-j])) == (anodic > 0.5)


# -- conservation, contrast, Newton ----------------------------------------------------------------------


def contrasting(grid: Grid, kind: str) -> list[np.ndarray]:
    """Face conductivities over 12 decades, S/m: log-uniform from face to face, or insulating grains in a conductor."""
    rng = np.random.default_rng(5)
    k = []
    for axis in range(2):
        shape = [n + (i == axis) for i, n in enumerate(grid.local_shape)]
        if kind == "random":
            k.append(10.0 ** rng.uniform(-12, 0, size=shape))
        else:
            k.append(np.where(rng.uniform(size=shape) < 0.3, 1e-12, 1.0))
            k[axis][:, -2:] = 1.0  # a given current has to get in
    k[0][-1] = k[0][0]
    return k


@pytest.mark.parametrize(
    ("kind", "control"),
    [
        ("grains", TopControl(current_density=10.0, voltage=None)),
        ("grains", TopControl(current_density=None, voltage=0.02, series_resistance=1e-3)),
        ("random", TopControl(current_density=1e-3, voltage=None)),
        ("random", TopControl(current_density=None, voltage=0.02)),
    ],
)
@pytest.mark.parametrize("own", [False, True])
def test_no_charge_is_lost_at_a_contrast_of_1e12(kind, control, own, monkeypatch):
    """Transfer = applied to 1e-8, and the applied current is the given one; also with PETSc's own multigrid."""
    if own:
        monkeypatch.setattr(linear, "multigrid", lambda: "gamg")
    cell = Cell(dim=2, lateral=0.125e-6)
    grid = cell.grid
    k = contrasting(grid, kind)
    assert max(a.max() for a in k) / min(a.min() for a in k) > 0.9e12
    balance = ChargeBalance(
        grid,
        k,
        newton_tolerance=1e-10,
        max_newton=40,
        linear_tolerance=1e-12,
        reference_current=1e-6 * I0 * grid.lateral_area,
    )
    phi, result = balance.solve(np.zeros(grid.local_shape), [cell.reaction], control)
    assert result.outcome.converged, result
    transfer = grid.sum(cell.reaction(phi)[0])
    assert transfer == pytest.approx(result.applied, rel=1e-8)
    assert result.error < 1e-8
    if control.current_density is not None:
        assert result.applied == pytest.approx(control.current_density * grid.lateral_area, rel=1e-14)


def test_the_jacobian_is_the_derivative_of_the_residual():
    """Newton's matrix times a direction against central differences, both controls, with a film and a double layer."""
    cell = Cell(dim=2, film=1e-3, width=200e-9)
    grid, rng = cell.grid, np.random.default_rng(6)
    phi, direction = 0.05 * rng.normal(size=(2, *grid.local_shape))

    def double_layer(u):
        return cell.contact.area * 40.0 * u, cell.contact.area * 40.0

    for control in (
        TopControl(current_density=10.0, voltage=None),
        TopControl(current_density=None, voltage=0.1, series_resistance=1e-3),
    ):

        def residual(u, control=control):
            return cell.balance._residual(u, [cell.reaction, double_layer], control)

        e = 1e-6
        numeric = (residual(phi + e * direction)[0] - residual(phi - e * direction)[0]) / (2 * e)
        exact = apply_stencil(cell.balance.bulk, direction) + residual(phi)[1] * direction
        np.testing.assert_allclose(numeric, exact, rtol=0, atol=1e-7 * np.abs(exact).max())


def test_newton_converges_quadratically_and_from_afar():
    """A start of 0 at 40 i0 (overpotential of seven RT/F) needs few iterations; nothing overflows."""
    cell = Cell()
    result = cell.solve(-40 * I0)
    assert result.outcome.converged and result.newton <= 12
    assert cell.solve(10.0).newton <= 5


@pytest.mark.parametrize("searches", [charge.SEARCHES, 1])
def test_a_current_that_saturates_is_balanced_by_a_search_along_the_change(searches, monkeypatch):
    """Beside the reaction 200 A/m^2 tanh((phi - 12 mV)/0.3 mV): from phi = 0, and not without the search."""
    monkeypatch.setattr(charge, "SEARCHES", searches)
    cell = Cell(max_newton=12)

    def saturating(u):
        bounded = np.tanh((u - 12e-3) / 0.3e-3)
        return cell.contact.area * 200 * bounded, cell.contact.area * 200 * (1 - bounded**2) / 0.3e-3

    control = TopControl(current_density=10.0, voltage=None)
    phi, result = cell.balance.solve(np.zeros(cell.grid.local_shape), [cell.reaction, saturating], control)
    assert result.outcome.converged == (searches > 1)
    if searches > 1:
        total = cell.grid.sum(cell.reaction(phi)[0] + saturating(phi)[0]) / cell.grid.lateral_area
        assert total == pytest.approx(10.0, rel=1e-9)


@pytest.mark.parametrize(("limit", "reached"), [(-0.5, False), (-2.0, True), (-np.inf, True)])
def test_a_current_that_the_limit_cannot_drive_is_not_looked_for(limit, reached):
    """10 A/m^2 through a part in 1e9 of the contact take -1.04 V: with a limit below it no iteration is spent on it."""
    cell = Cell()

    def hardly(u):
        current, slope = cell.reaction(u)
        return 1e-9 * current, 1e-9 * slope

    control = TopControl(current_density=-10.0, voltage=None)
    _, result = cell.balance.solve(np.zeros(cell.grid.local_shape), [hardly], control, limit)
    assert result.outcome.converged == reached
    assert result.newton > 3 if reached else result.newton == 0
    if reached:
        assert result.voltage == pytest.approx(closed_form(-10.0e9, 0.0) - 10.0 * THICKNESS / KAPPA, rel=1e-3)


def test_failure_is_data():
    """Too few iterations or a current that is not a number: an outcome with a reason, no exception, nothing changed."""
    result = Cell(max_newton=0).solve(10.0)
    assert not result.outcome.converged
    assert result.outcome.reason == "newton did not converge"
    assert np.isnan(result.voltage) and result.outcome.norm > 0.1
    cell, start = Cell(), np.zeros(Cell().grid.local_shape)
    with np.errstate(invalid="ignore"):
        _, result = cell.balance.solve(start, [cell.reaction], TopControl(current_density=float("nan"), voltage=None))
    assert not result.outcome.converged and np.all(start == 0)
    assert Cell().solve(10.0).outcome.converged


def test_a_tolerance_below_rounding_is_met_as_well_as_rounding_allows():
    """newton_tolerance 1e-30 ends at what the rounding of phi leaves, and is no failure."""
    result = Cell(tolerance=1e-30).solve(10.0)
    assert result.outcome.converged and result.error < 1e-8


def test_zero_current_needs_no_iteration():
    """At rest and in equilibrium phi = 0 is the solution."""
    result = Cell().solve(0.0)
    assert result.outcome.converged and result.newton == 0 and result.voltage == 0.0


# -- heterogeneity and roughness -------------------------------------------------------------------------


def test_current_is_supplied_where_the_contact_is_rough_and_heterogeneous():
    """The integral of the transfer current equals the applied one (1e-10) also on a wavy contact."""
    width = 200e-9
    grid = Grid(
        [
            lateral_faces(4e-6, width / 2),
            normal_faces(
                lithium_thickness=4e-6,
                electrolyte_thickness=4e-6,
                spacing=width / 2,
                fine_depths=(3e-6, 3e-6),
                growth=1.1,
                max_spacing=1e-6,
            ),
        ],
        [True],
    )
    k = 2 * PI / 4e-6

    def height(x):
        return 0.3e-6 * np.sin(k * x), [0.3e-6 * k * np.cos(k * x)]

    contact = make_contact(grid, width, height)
    conductivity = face_conductivities(grid, Layers((4e-6,), (KAPPA,)), contact)
    balance = ChargeBalance(
        grid, conductivity, newton_tolerance=1e-11, max_newton=20, linear_tolerance=1e-12, reference_current=1e-6 * I0
    )
    exchange = I0 * np.exp(np.cos(2 * k * grid.cell_coordinates()[0])) + np.zeros(grid.local_shape)
    p = KineticsParameters(transfer_coefficient=0.5, temperature=298.15, molar_volume=13e-6)
    ones = np.ones(grid.local_shape)

    def term(phi):
        j, slope = transfer_current(p, phi, 0 * ones, exchange, ones)
        return contact.area * j, contact.area * slope

    phi, result = balance.solve(0 * ones, [term], TopControl(current_density=-10.0, voltage=None))
    assert grid.sum(term(phi)[0]) == pytest.approx(-10.0 * grid.lateral_area, rel=1e-10)
    assert result.error < 1e-10


# -- double layer ------------------------------------------------------------------------------------


def relaxing_cell(dt: float, steps: int, capacitance: float, current: float) -> np.ndarray:
    """Voltage after each step of the coupled solver with lithium and occupancy held, from phi = 0."""
    case = case_from_dict(
        {
            "schema_version": 1,
            "domain": {"dimension": 1, "lithium_thickness": "10 um"},
            "interface": {"width": "100 nm", "double_layer_capacitance": f"{capacitance} F/m^2"},
            "lithium": {"defect_amplitude": 1e-9},
            "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
            "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "1 s"}],
            "solver": {"newton_tolerance": 1e-12, "tolerance": 1e-12},
        }
    )
    coupling = make_coupling(case, make_grid(case))
    state = make_state(coupling)
    voltages = []
    for step in range(steps):
        result = coupling.step(state, Step(number=step, dt=dt, stack_pressure=3e6, current_density=current))
        assert not result.failed
        state["potential"] = result.fields["potential"]
        voltages.append(result.measured["voltage"])
    return np.array(voltages)


def test_a_double_layer_charges_with_order_1_in_time():
    """V(t) = j L/kappa + j R_ct (1 - exp(-t / R_ct C)), R_ct = RT/(F i0), at a small current (linear kinetics)."""
    capacitance, current = 0.1, 1e-3 * I0
    transfer = THERMAL / I0
    tau, end = transfer * capacitance, transfer * capacitance
    exact = current * THICKNESS / KAPPA + current * transfer * (1 - np.exp(-end / tau))
    sizes = [20, 40, 80]
    errors = [abs(relaxing_cell(end / n, n, capacitance, current)[-1] - exact) for n in sizes]
    assert_order([1 / n for n in sizes], errors, 1)
    assert errors[-1] < 0.01 * current * transfer
    # and ends at the planar cell's voltage
    late = relaxing_cell(5 * tau, 12, capacitance, current)[-1]
    assert late == pytest.approx(closed_form(current), rel=2e-6)
