"""A host that takes Li in steps: its charges, its potential, and the root of a step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from solver import materials
from solver.constants import FARADAY, GAS_CONSTANT
from solver.laws.alloy import PLATEAU, Alloy, AlloyStep
from solver.materials.lithiation import LithiationStep, merged
from solver.numerics.array import Array
from tests.verification.test_nucleation import EXCHANGE, THERMAL

CHARGE = 100.0  # C/m^2 for each Li per atom
HOST = Alloy([AlloyStep(1.0, 0.201, 0.199), AlloyStep(2.5, 0.101, 0.099), AlloyStep(3.0, 0.08, 0.02)], CHARGE)
CONVERTED = Alloy(  # a conversion, an alloy of its product, another conversion
    [AlloyStep(1.0, 0.221, 0.199, True), AlloyStep(2.5, 0.101, 0.099), AlloyStep(3.0, 0.08, 0.02, True)], CHARGE
)
SINGLE = Alloy([AlloyStep(1.0, 0.201, 0.199)], CHARGE)


def butler_volmer(phi: Array, alloy: Array) -> tuple[Array, Array, Array]:
    x = (phi + alloy) / (2 * THERMAL)
    slope = EXCHANGE * np.cosh(x) / THERMAL
    return 2 * EXCHANGE * np.sinh(x), slope, slope


@pytest.mark.parametrize(
    ("name", "step", "charge"),
    [
        ("Au", -1, 98.4),
        ("Al", -1, 26.8),
        ("Ag", 2, 58.7),
        ("Ag", -1, 261.0),
        ("In", 0, 17.0),
        ("In", -1, 73.6),
        ("Sn", -1, 72.4),
        ("Zn", -1, 29.3),
        ("Mg", 3, 19.1),  # at Li/Mg = 1
        ("MoS2", -1, 33.88),
        ("AgF", -1, 12.35),  # without its silver
        ("ZnO", -1, 36.97),
        ("SnO2", -1, 49.4),
        ("In2O3", -1, 41.6),
        ("Cu2Te", -1, 15.32),
    ],
)
def test_charge_of_hosts(name: str, step: int, charge: float) -> None:
    """uAh/cm2 of 100 nm: that of Li per atom over the molar volume."""
    material = materials.load(name)
    assert material.lithiation is not None
    found = FARADAY * 100e-9 / material.value("molar_volume") * material.lithiation.steps[step].composition
    assert found / 36 == pytest.approx(charge, rel=4e-3)


def test_a_gold_seed_of_20_nm() -> None:
    """19.68 uAh/cm2, 283 s at 0.25 mA/cm2."""
    charge = 3.75 * FARADAY * 20e-9 / materials.load("Au").value("molar_volume")
    assert charge / 36 == pytest.approx(19.68, rel=1e-3)
    assert charge / 2.5 == pytest.approx(283.4, abs=0.5)


def solution(share: float) -> float:
    """E of Li in Mg, V, by the excess Gibbs energy that Mg.toml names: G = x y (L0 + L1 (x - y) + L2 (x - y)^2).

    x: share of Li, y = 1 - x; mu - mu_Li = R T ln x + G + y dG/dx along y = 1 - x.
    """
    temperature, y = 298.15, 1 - share
    zeroth, first, second = -18335 + 8.49 * temperature, 3481.0, 2658 - 0.114 * temperature
    d = share - y
    factor, slope = zeroth + first * d + second * d**2, 2 * (first + 2 * second * d)
    excess, rise = share * y * factor, (y - share) * factor + share * y * slope
    return -(GAS_CONSTANT * temperature * math.log(share) + excess + y * rise) / FARADAY


def test_magnesium_has_the_potential_of_its_solution() -> None:
    """Redlich-Kister; 2.45, 6.63, 49.7 mV at 90, 80, 50 at%."""
    assert [1e3 * solution(share) for share in (0.9, 0.8, 0.5)] == pytest.approx([2.45, 6.63, 49.7], rel=2e-3)
    host = materials.load("Mg").lithiation
    assert host is not None and host.one_phase
    ends = {step.composition: step.potential if step.end is None else step.end for step in host.steps}
    for share in (0.3, 0.5, 0.7, 0.8, 0.9):
        found = float(np.interp(share / (1 - share), list(ends), list(ends.values())))
        assert found == pytest.approx(solution(share), rel=3e-3)


def test_potential_falls_in_steps() -> None:
    """On a plateau by 2 mV, between plateaus at once, in a solution in proportion."""
    x, fall = HOST.composition(np.array([0.21, 0.2, 0.15, 0.1, 0.09, 0.05, 0.0]))
    assert x == pytest.approx([0.0, 0.5, 1.0, 1.75, 2.5, 2.75, 3.0], abs=1e-9)
    assert fall[1] == pytest.approx(1 / PLATEAU, rel=0.04)
    assert fall[5] == pytest.approx(0.5 / 0.06, rel=1e-6)
    step = 1e-7
    many = np.linspace(0.0, 0.22, 2000)
    x, fall = HOST.composition(many)
    difference = (HOST.composition(many - step)[0] - HOST.composition(many + step)[0]) / (2 * step)
    assert fall == pytest.approx(difference, abs=1e-5 * fall.max())
    assert np.all(np.diff(x) < 1e-13) and np.all(fall >= 0)


@pytest.mark.parametrize("dt", [1e-3, 1.0, 300.0])
@pytest.mark.parametrize(("host", "below"), [(HOST, 0.0), (CONVERTED, 0.0), (CONVERTED, 0.03), (CONVERTED, 0.5)])
def test_a_step_takes_what_passes(dt: float, host: Alloy, below: float) -> None:
    """From any to any potential: x - x_old = (dt/q) j with j of Butler and Volmer, and its derivative.

    below: how much lower than at its start the potential has been before.
    """
    old, phi = (a.ravel() for a in np.meshgrid(np.linspace(-0.01, 0.25, 40), np.linspace(-0.4, 0.03, 45)))
    charging, host = np.full_like(old, dt / CHARGE), replace(host, lowest=old - below)
    potential, current, slope = host.lithiate(old, phi, butler_volmer, charging)
    x, before = host.composition(potential)[0], host.composition(old)[0]
    assert x - before == pytest.approx(charging * current, rel=1e-9, abs=1e-12)
    assert np.all((potential + phi) * (phi + old) >= -1e-13), "E lies between that of before and -phi"
    assert current == pytest.approx(butler_volmer(phi, potential)[0], rel=1e-9, abs=1e-8)
    assert np.all(slope >= 0)
    step = 1e-7
    ends = [host.lithiate(old, phi + sign * step, butler_volmer, charging)[1] for sign in (1, -1)]
    difference = (ends[0] - ends[1]) / (2 * step)
    close = np.abs(slope - difference) < 1e-3 * np.abs(slope) + 1e-3
    assert close.mean() > 0.97, "but where a step ends within the difference"


def test_what_an_irreversible_step_has_taken_it_keeps() -> None:
    """Down to 0.21, 0.15 and -0.05 V and up again: half of the first step, all of it, and the last one stay."""
    up = np.array([0.4])
    for lowest, stays in ((0.4, 0.0), (0.21, 0.5), (0.15, 1.0), (0.05, 1.25), (-0.05, 1.5)):
        held = replace(CONVERTED, lowest=np.array([lowest]))
        assert held.composition(up)[0] == pytest.approx(stays, abs=1e-9)
        assert held.bound == pytest.approx(stays, abs=1e-9)
        there = held.composition(np.array([lowest]))[0]
        assert there == pytest.approx(CONVERTED.composition(np.array([lowest]))[0], abs=1e-12)
    reversible = replace(HOST, lowest=np.array([-0.05]))
    assert reversible.composition(up)[0] == pytest.approx(0.0, abs=1e-9) and reversible.bound == 0.0


def test_hosts_that_share_a_potential_are_one_host() -> None:
    """x(E) = sum n_k x_k(E) for a conversion and an alloy whose steps lie between one another."""
    one = (LithiationStep(1.0, 0.30, irreversible=True), LithiationStep(2.0, 0.10))
    two = (LithiationStep(0.5, 0.20), LithiationStep(3.0, 0.15, 0.05))
    steps = merged([(0.25, one), (0.75, two)])
    assert [step.composition for step in steps] == pytest.approx([0.25, 0.625, 2.5, 2.75])
    assert [step.irreversible for step in steps] == [True, False, False, False]

    def alloy(steps: Sequence[LithiationStep]) -> Alloy:
        ends = [(s.potential + 1e-3, s.lowest - 1e-3) for s in steps]
        pairs = zip(steps, ends, strict=True)
        return Alloy([AlloyStep(s.composition, a, b, s.irreversible) for s, (a, b) in pairs], CHARGE)

    potential = np.linspace(-0.05, 0.35, 500)
    for lowest in (potential, np.full(500, -0.1)):
        found, first, second = (
            replace(alloy(host), lowest=lowest).composition(potential)[0] for host in (steps, one, two)
        )
        assert found == pytest.approx(0.25 * first + 0.75 * second, abs=1e-12)
    assert merged([(1.0, one)]) == one


def test_a_full_and_an_empty_host_pass_nothing_more() -> None:
    """E follows phi; nothing is taken or given though 50 mV would drive 100 A/m2."""
    old, phi = np.array([0.05, 0.3]), np.array([0.0, -0.35])
    potential, current, slope = SINGLE.lithiate(old, phi, butler_volmer, np.full(2, 0.1))
    assert potential == pytest.approx(-phi, abs=1e-10)
    assert np.abs(current).max() < 1e-8 and slope.max() < 1e-6
    free, *_ = butler_volmer(phi, old)
    assert np.abs(free).min() > 100


def test_a_plateau_takes_the_whole_current() -> None:
    """Galvanostatic: phi = -E + 2 RT/F asinh(j/2 i0) on the plateau; at the end of all steps x is the last."""
    j, dt, old = 10.0, 1.0, np.array([HOST.empty])
    charging, eta = np.full(1, dt / CHARGE), 2 * THERMAL * math.asinh(10.0 / (2 * EXCHANGE))
    for number in range(1, 30):
        low, high = np.array([-0.5]), np.array([0.5])
        for _ in range(60):
            phi = 0.5 * (low + high)
            _, current, _ = HOST.lithiate(old, phi, butler_volmer, charging)
            low, high = np.where(current < j, phi, low), np.where(current < j, high, phi)
        old, _, _ = HOST.lithiate(old, phi, butler_volmer, charging)
        x = float(HOST.composition(old)[0][0])
        assert x == pytest.approx(number * j * dt / CHARGE, rel=1e-6)
        assert float(phi[0] + old[0]) == pytest.approx(eta, rel=1e-6)
        if number == 5:
            assert float(phi[0]) == pytest.approx(-0.2 + eta, abs=1e-6)
