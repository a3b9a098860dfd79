"""The filament equation and its charge against closed forms: speed, threshold, nucleus, stability of a flat front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from solver.laws import free_energy as fe
from solver.laws import infiltration
from solver.numerics.array import Array
from solver.numerics.grid import Grid, normal_faces
from solver.numerics.operators import full_faces
from solver.physics import filament
from solver.physics.charge import ChargeBalance, TopControl
from solver.physics.filament import FilamentTerm
from tests.verification.filaments import WIDTH, advance, channel, equation, profile, whole_electrolyte
from tests.verification.setups import VOLUME_PER_CHARGE

MOBILITY = 1.5e-9  # L, 1/(Pa s)
OMEGA = 13.0e-6  # m^3/mol
THERMAL = 298.15 * 8.31446261815324 / 96485.33212  # RT/F, V


# -- constants ---------------------------------------------------------------------------------------------


def test_infiltration_pressure_of_a_given_opening() -> None:
    """(G_b + 2 gamma_DFT)/w: 74.9 MPa for 2.58 J/m^2, -33.8 meV/A^2 and 20 nm, 303.7 MPa for 109 meV/A^2."""
    mev = 0.01602176634
    energies = np.array([-33.8 * mev, 109 * mev])
    pi = infiltration.infiltration_pressure(
        separation_energy=np.array(2.58),
        interfacial_energy=energies,
        opening=np.array(20e-9),
        flaw_depth=np.zeros(2),
        plane_modulus=np.array(25.5e9),
    )
    np.testing.assert_allclose(pi, [74.85e6, 303.6e6], rtol=1e-3)


def test_elastic_flaws_open_at_the_toughness() -> None:
    """K/(1.12 sqrt(pi a)) with K^2 = E' G, and the opening that goes with it gives the same energy back."""
    depth, modulus, energy = np.array([1e-6, 4e-6]), np.array(25.5e9), np.array(2.1)
    pi = infiltration.infiltration_pressure(
        separation_energy=energy,
        interfacial_energy=np.zeros(()),
        opening=np.array(1.0),
        flaw_depth=depth,
        plane_modulus=modulus,
    )
    toughness = np.sqrt(energy * modulus)
    np.testing.assert_allclose(pi, toughness / (1.12 * np.sqrt(np.pi * depth)), rtol=1e-12)
    np.testing.assert_allclose(
        pi * infiltration.elastic_opening(pressure=pi, flaw_depth=depth, plane_modulus=modulus), energy, rtol=1e-12
    )


def test_tip_speed_is_that_of_linear_kinetics() -> None:
    """6 lambda L |f| = a (Omega/F) i0 F eta/(RT) at f = -(F/Omega) eta, whatever lambda."""
    for width in (1e-7, 3e-7):
        rate = infiltration.mobility(
            aspect_factor=100.0, molar_volume=OMEGA, exchange_current_density=25.0, width=width, temperature=298.15
        )
        speed = 6 * width * rate * 1e-3 / VOLUME_PER_CHARGE
        assert speed == pytest.approx(100 * VOLUME_PER_CHARGE * 25.0 * 1e-3 / THERMAL, rel=1e-12)


# -- the front ---------------------------------------------------------------------------------------------


def column(length: float, cells_per_width: float) -> Grid:
    """A 1-D grid of so many widths."""
    return Grid([np.arange(round(length * cells_per_width) + 1) * WIDTH / cells_per_width])


@pytest.mark.parametrize("sign", [1, -1])
def test_front_speed(sign: int) -> None:
    """v = 6 lambda L |f| within 1 % at two cells per lambda, filling and emptying."""
    grid = column(30, 2)
    eq = equation(whole_electrolyte(grid), grid, MOBILITY, 1e7)
    drive = 0.1 * 1e7  # so far below its bound that tanh is 1 to 0.3 %
    speed = 6 * WIDTH * MOBILITY * drive
    zeta, opened = profile(grid.centres[0] - (15 - 5 * sign) * WIDTH), np.zeros(grid.local_shape, dtype=bool)
    dt, places = 0.05 * WIDTH / speed, []
    for _ in range(120):
        zeta, opened = advance(eq, zeta, opened, sign * drive * VOLUME_PER_CHARGE, dt)
        places.append(grid.integral(zeta))
    assert (places[-1] - places[40]) / (79 * dt) == pytest.approx(sign * speed, rel=0.01)


def grown(pi: float, ratio: float, half_width: float, cells_per_width: float) -> float:
    """By how many lambda a flaw of 8 lambda in a 2-D channel grows at (F/Omega) phi = ratio Pi, in 200/(6 L Pi)."""
    dx, width = WIDTH / cells_per_width, 8 * WIDTH
    grid = Grid([np.arange(round(width / dx) + 1) * dx, np.arange(round(20 * cells_per_width) + 1) * dx], [True])
    eq = equation(channel(grid, half_width, pi), grid, MOBILITY, 30e6)
    zeta = np.broadcast_to(profile(grid.cell_coordinates()[1] - 8 * WIDTH), grid.local_shape).copy()
    opened = zeta > filament.OPENED
    start = zeta[grid.shape[0] // 2].sum()
    for _ in range(40):
        zeta, opened = advance(eq, zeta, opened, ratio * pi * VOLUME_PER_CHARGE, 5 / (6 * MOBILITY * pi))
    return float((zeta[grid.shape[0] // 2].sum() - start) / cells_per_width)


@pytest.mark.parametrize("pi", [30e6, 100e6, 300e6])
def test_threshold_over_a_decade(pi: float) -> None:
    """(F/Omega) phi = Pi within 2 %: 0.98 is held, 1.02 penetrates."""
    assert grown(pi, 0.98, WIDTH, 2) < 0
    assert grown(pi, 1.02, WIDTH, 2) > 3


@pytest.mark.parametrize(("half_width", "cells"), [(0.5, 2), (2.0, 2), (1.0, 3), (1.0, 1.5)])
def test_threshold_depends_neither_on_the_width_of_the_channel_nor_on_the_grid(half_width: float, cells: float) -> None:
    """The same threshold, and the depth within 8 % of the 4.02 lambda of half-width lambda and two cells per lambda."""
    assert grown(75e6, 0.98, half_width * WIDTH, cells) < 0
    assert grown(75e6, 1.02, half_width * WIDTH, cells) == pytest.approx(4.02, rel=0.08)


@pytest.mark.parametrize(("ratio", "grows"), [(0.99, False), (1.01, True)])
def test_critical_nucleus(ratio: float, grows: bool) -> None:
    """A quarter disc of radius ratio * r*, r* = gamma_f/df (2-D): at dphi = gamma_f Omega/(F r*) the smaller shrinks.

    Which is the Gibbs-Thomson shift of a cylinder.
    """
    radius = 16 * WIDTH
    faces = np.arange(65) * WIDTH / 2
    grid = Grid([faces, faces], [False])
    eq = equation(whole_electrolyte(grid), grid, MOBILITY, 1e7)
    energy = eq.parameters.front_energy
    x, z = grid.cell_coordinates()
    zeta, opened = profile(np.hypot(x, z) - ratio * radius), np.zeros(grid.local_shape, dtype=bool)
    potential = energy * VOLUME_PER_CHARGE / radius
    grow_time = radius**2 / (6 * WIDTH * MOBILITY * energy)  # of a deviation from r*
    areas = []
    for _ in range(60):
        zeta, opened = advance(eq, zeta, opened, potential, grow_time / 20)
        areas.append(grid.integral(fe.step(zeta)))
    assert (areas[-1] > 1.1 * areas[0]) if grows else (areas[-1] < 0.9 * areas[0])
    assert (np.diff(areas[5:]) > 0).all() if grows else (np.diff(areas[5:]) < 0).all()


# -- charge ------------------------------------------------------------------------------------------------


@dataclass
class FlatFront:
    """A front across a 2-D electrolyte of ionic conductivity s with a small wave; the current density is given."""

    wavelength: float
    aspect_factor: float = 300.0
    current_density: float = 10.0  # A/m^2
    conductivity: float = 0.18  # S/m
    largest_drive: float = 4e6  # Pa: gamma_f = 0.48 J/m^2

    def __post_init__(self) -> None:
        lateral = np.linspace(0, self.wavelength, 33)
        normal = normal_faces(
            lithium_thickness=1e-6,
            electrolyte_thickness=self.wavelength,
            spacing=WIDTH / 2,
            fine_depths=(1e-6, 2e-6),
            growth=1.1,
            max_spacing=self.wavelength / 40,
        )
        self.grid = Grid([lateral, normal], [True])
        self.mobility = infiltration.mobility(
            aspect_factor=self.aspect_factor,
            molar_volume=OMEGA,
            exchange_current_density=25.0,
            width=WIDTH,
            temperature=298.15,
        )
        self.equation = equation(whole_electrolyte(self.grid), self.grid, self.mobility, self.largest_drive)
        self.faces = [full_faces(self.grid, axis, np.full((1, 1), self.conductivity)) for axis in range(2)]
        unit = self.current_density * self.wavelength
        self.charge = ChargeBalance(
            self.grid, self.faces, newton_tolerance=1e-10, max_newton=40, linear_tolerance=1e-10, reference_current=unit
        )

    @property
    def growth_rate(self) -> float:
        """omega = (Omega/F) k (j - s G k^2)/(1 + s Z k), G = gamma_f Omega/F, Z = (Omega/F)^2/(6 lambda L)."""
        k, s = 2 * np.pi / self.wavelength, self.conductivity
        stiff = self.equation.parameters.front_energy * VOLUME_PER_CHARGE
        resistance = VOLUME_PER_CHARGE**2 / (6 * WIDTH * self.mobility)
        return VOLUME_PER_CHARGE * k * (self.current_density - s * stiff * k**2) / (1 + s * resistance * k)

    def run(self, dt: float, steps: int) -> tuple[Array, Array, list[float]]:
        """Amplitude of the wave and mean place (m) after each step, and the errors of the charge balance."""
        grid, still = self.grid, np.zeros(self.grid.local_shape)
        x, z = grid.cell_coordinates()
        wave = np.cos(2 * np.pi * x / self.wavelength)
        zeta = profile(z - 0.1 * WIDTH * wave)
        before, phi = zeta, still
        amplitudes, places, errors = [], [], []
        for _ in range(steps):
            blocked = self.equation.blocked(zeta)
            self.charge.set_conductivity([s * left for s, left in zip(self.faces, blocked, strict=True)])
            term = FilamentTerm(self.equation, zeta, still, still + 1, dt, 2 * zeta - before)
            phi, done = self.charge.solve(phi, [term], TopControl(current_density=self.current_density, voltage=None))
            assert done.outcome.converged and term.outcome.converged
            errors.append(done.error)
            before, zeta = zeta, term.values
            height = np.sum(zeta * grid.spacing[1], axis=1)
            amplitudes.append(2 * np.mean(height * wave[:, 0]))
            places.append(np.mean(height))
        return np.array(amplitudes), np.array(places), errors


@pytest.mark.parametrize("wavelength", [20e-6, 10e-6, 6e-6])
def test_stability_of_a_flat_front(wavelength: float) -> None:
    """The dispersion relation within 5 % for three wavelengths: two grow, one decays; the mean moves at (Omega/F) j."""
    front = FlatFront(wavelength)
    amplitudes, places, _ = front.run(2.0, 50)
    t = 2.0 * np.arange(50)
    rate = np.polyfit(t[12:], np.log(amplitudes[12:]), 1)[0]
    assert rate == pytest.approx(front.growth_rate, rel=0.05)
    assert (places[-1] - places[0]) / (t[-1] * VOLUME_PER_CHARGE * 10.0) == pytest.approx(1.0, abs=2e-3)


def test_every_atom_of_a_filament_is_paid_for() -> None:
    """The charge through the top is what the filament has gained, to 1e-8, also where it is the only electrode."""
    front = FlatFront(10e-6, aspect_factor=1000.0)
    x, z = front.grid.cell_coordinates()
    start = front.grid.integral(fe.step(profile(z - 0.1 * WIDTH * np.cos(2 * np.pi * x / front.wavelength))))
    dt, steps = 2.0, 10
    zeta_gain: list[float] = []
    solve = front.equation.step

    def watched(old: Array, *arguments: object) -> object:
        zeta_gain.append(front.grid.integral(fe.step(old)))
        return solve(old, *arguments)  # type: ignore[arg-type]  # handed on

    front.equation.step = watched  # type: ignore[method-assign,assignment]  # a spy
    _, _, errors = front.run(dt, steps)
    paid = VOLUME_PER_CHARGE * front.current_density * front.wavelength * dt * (steps - 1)
    assert zeta_gain[-1] - start == pytest.approx(paid, rel=1e-8)
    assert max(errors) < 1e-8
