"""A seed with a profile in depth: closed forms of diffusion, a moving front, what a step takes, and its derivative."""

from __future__ import annotations

import math

import numpy as np
import pytest

from solver import materials
from solver.constants import FARADAY, GAS_CONSTANT
from solver.laws.alloy import Alloy, AlloyStep, Law
from solver.laws.layers import LayeredAlloy, tabulate
from solver.numerics.array import Array
from tests.verification.test_alloy import CHARGE, HOST, butler_volmer

SLOPE = Alloy([AlloyStep(1.0, 1.0, 0.0)], CHARGE)  # E = 1 V (1 - x)
PHASE = Alloy([AlloyStep(2.0, 0.101, 0.099)], CHARGE)
SWELLING = 0.9


def layered(host: Alloy, rate: float, layers: int = 20, swelling: float = SWELLING) -> LayeredAlloy:
    table = tabulate(host, swelling)
    return LayeredAlloy(host.steps, CHARGE, layers=layers, rate=rate, flux_potential=table)


def supply(current: float) -> Law:
    """The current, whatever the potentials."""
    return lambda phi, alloy: (np.full_like(phi, current), 0 * phi, 0 * phi)


class Slab:
    """A seed at one place, followed in time, from all at E."""

    def __init__(self, host: LayeredAlloy, potential: float):
        self.host, self.potential = host, np.array([potential])
        self.deep = host.start(self.potential)

    @property
    def compositions(self) -> Array:
        """x of all layers."""
        below = self.host.flux_potential.composition_at(self.deep[0])[0]
        return np.array([self.host.composition(self.potential)[0][0], *below])

    @property
    def mean(self) -> float:
        return float(self.compositions @ self.host.shares)

    def advance(self, dt: float, law: Law, phi: float = 0.0) -> float:
        """A step; the current that has passed."""
        host = self.host.within(np.array([math.inf]), self.deep, dt)
        self.potential, current, _ = host.lithiate(
            self.potential, np.array([phi]), law, np.array([dt / CHARGE])
        )
        self.deep = host.at_end(self.potential)[2]
        return float(current[0])

    def hold(self, dt: float, potential: float) -> None:
        """A step with the surface at E."""
        self.potential = np.array([potential])
        self.deep = self.host.within(np.array([math.inf]), self.deep, dt).at_end(self.potential)[2]


@pytest.mark.parametrize("name", ["Mg", "Ag"])
def test_composition_follows_from_the_flux_potential(name: str) -> None:
    """x(G(E)) = x(E) and -dG/dE = x/(1 + s x)^2; above the table nothing moves, below it G rises in proportion."""
    lithiation = materials.load(name).lithiation
    assert lithiation is not None
    ends = [(s.potential, s.lowest) if s.end else (s.potential + 1e-3, s.potential - 1e-3) for s in lithiation.steps]
    pairs = zip(lithiation.steps, ends, strict=True)
    host = Alloy([AlloyStep(step.composition, *end) for step, end in pairs], CHARGE)
    table, potential = tabulate(host, SWELLING), np.linspace(-0.05, host.empty + 0.01, 5000)
    value, fall = table.at(potential)
    x, _ = host.composition(potential)
    assert table.composition_at(value)[0] == pytest.approx(x, abs=1e-4)
    assert fall == pytest.approx(x / (1 + SWELLING * x) ** 2, abs=1e-3)
    assert np.all(np.diff(value) <= 0)
    inside = potential < host.empty - 1e-3
    assert table.potential_at(value)[inside] == pytest.approx(potential[inside], abs=1e-5)


def test_constant_flux_into_a_slab() -> None:
    """Constant D_x = R_0 x |dE/dx|: 2 (j/q) sqrt(t/(pi D_x)) at the surface first, later 1/(3 D_x) above the mean."""
    rate, x0, current = 1e-2, 0.5, 1e-4 * CHARGE * 1e-2
    slab, diffusivity = Slab(layered(SLOPE, rate, 60, 0.0), 0.5), rate * x0
    early = 0.03 / diffusivity
    for _ in range(400):
        slab.advance(early / 400, supply(current))
    expected = 2 * current / CHARGE * math.sqrt(early / (math.pi * diffusivity))
    assert slab.compositions[0] - x0 == pytest.approx(expected, rel=0.015)
    for _ in range(100):
        slab.advance(0.02 / diffusivity, supply(current))
    above = slab.compositions[0] - slab.mean
    assert above == pytest.approx(current / CHARGE / (3 * diffusivity), rel=5e-3)


def test_second_order_in_the_layers() -> None:
    """The surface in a solution of which the mobility varies: half the distance, a quarter of the error."""

    def surface(layers: int) -> float:
        slab = Slab(layered(SLOPE, 1e-2, layers), 0.9)
        for _ in range(20):
            slab.advance(20.0, supply(0.001 * CHARGE))
        return float(slab.potential[0])

    found = [surface(n) for n in (11, 21, 41, 161)]
    errors = np.abs(np.array(found[:-1]) - found[-1])
    assert np.all(errors[:-1] / errors[1:] > 3.3) and errors[1] < 2e-3


@pytest.mark.parametrize("steps", [40, 400])
def test_a_front_in_an_empty_host_moves_as_the_root_of_time(steps: int) -> None:
    """Surface at 0 V, plateau at 0.1 V: (L/d)^2 = 2 R_0 t 0.1 V/(1 + s x)^2, also where it passes layers in a step."""
    host, until = layered(PHASE, 1.0, 41), 0.8
    speed = 2 * 0.1 / (1 + SWELLING * 2) ** 2
    slab, end = Slab(host, PHASE.empty), until**2 / speed
    lengths = []
    for _ in range(steps):
        slab.hold(end / steps, 0.0)
        lengths.append(slab.mean / 2)
    times = end / steps * np.arange(1, steps + 1)
    later = times > 0.1 * end
    rel = 0.02 if steps == 400 else 0.06
    assert np.array(lengths)[later] == pytest.approx(np.sqrt(speed * times[later]), rel=rel)
    x = slab.compositions
    assert x[0] == pytest.approx(2.0, abs=1e-6) and x[-1] < 1e-3
    assert np.sum((x > 0.02) & (x < 1.98)) <= 4, "a front, no tail"


@pytest.mark.parametrize("dt", [1e-2, 1.0, 100.0])
def test_fast_diffusion_is_a_well_mixed_host(dt: float) -> None:
    """E, current and derivative of the bucket, from any potential to any."""
    old, phi = (a.ravel() for a in np.meshgrid(np.linspace(-0.01, 0.25, 15), np.linspace(-0.4, 0.03, 16)))
    charging = np.full_like(old, dt / CHARGE)
    expected = HOST.lithiate(old, phi, butler_volmer, charging)
    fast = layered(HOST, 1e9)
    found = fast.within(old, fast.start(old), dt).lithiate(old, phi, butler_volmer, charging)
    top = np.abs(expected[1]).max()
    assert found[1] == pytest.approx(expected[1], rel=1e-3, abs=1e-4 * top)
    x, mixed = (HOST.composition(values[0])[0] for values in (found, expected))
    assert x == pytest.approx(mixed, abs=5e-4)


@pytest.mark.parametrize("rate", [1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("dt", [1e-3, 1.0, 300.0])
def test_a_step_takes_what_passes_whatever_the_profile(dt: float, rate: float) -> None:
    """From disordered profiles: mean x rises by (dt/q) j, layers balance, dj/dphi is the slope of j."""
    random, n = np.random.default_rng(1), 40
    host = layered(HOST, rate, 10)
    old, phi = random.uniform(-0.02, 0.25, n), random.uniform(-0.4, 0.03, n)
    deep = host.flux_potential.at(random.uniform(-0.02, HOST.empty, (n, 9)))[0]
    host, charging = host.within(old, deep, dt), np.full(n, dt / CHARGE)
    potential, current, slope = host.lithiate(old, phi, butler_volmer, charging)
    x, _, after = host.at_end(potential)
    assert x - host.at_start(old) == pytest.approx(charging * current, rel=1e-12, abs=1e-11)
    below = host.flux_potential.composition_at
    gained = (below(after)[0] - below(deep)[0]) @ host.shares[1:]
    assert gained == pytest.approx(host.coupling * (host.flux_potential.at(potential)[0] - after[:, 0]), abs=1e-9)
    assert np.all(slope >= 0)
    step = 1e-7
    ends = [host.lithiate(old, phi + sign * step, butler_volmer, charging)[1] for sign in (1, -1)]
    difference = (ends[0] - ends[1]) / (2 * step)
    close = np.abs(slope - difference) < 2e-3 * np.abs(slope) + 1e-3
    assert close.mean() > 0.94, "but where a step ends within the difference"


def test_slow_diffusion_leaves_the_depth_as_it_is() -> None:
    """Stripped from full at a current that diffusion cannot feed, the surface is empty while the mean is not."""
    slab = Slab(layered(HOST, 1e-3), 0.0)
    for _ in range(50):
        slab.advance(1.0, butler_volmer, -0.35)
    x = slab.compositions
    assert x[0] < 1e-3 and slab.mean > 2.0 and np.all(np.diff(x) > -1e-9)
    mixed = np.array([0.0])
    for _ in range(50):
        mixed, *_ = HOST.lithiate(mixed, np.array([-0.35]), butler_volmer, np.array([1.0 / CHARGE]))
    assert HOST.composition(mixed)[0] < 1e-3


def test_the_answer_at_a_frequency() -> None:
    """Semi-infinite and well mixed: -dx/dE is sqrt(D_x/(i w)) tanh(sqrt(i w/D_x)) of that of the whole, D_x of G."""
    rate, potential = 1e-2, np.array([0.5])
    slab = layered(SLOPE, rate, 200, 0.0)
    host = slab.within(potential, slab.start(potential), 0.0)
    for omega in (1e-5, 1e-2, 0.3):
        root = np.sqrt(1j * omega / (rate * 0.5))
        assert host.response(potential, omega)[0] == pytest.approx(np.tanh(root) / root, rel=0.01)


def test_the_rate_is_that_of_the_flux() -> None:
    """J = F (D c/(R T)) F dE/dz in the units of a seed: q d R_0 x/(1 + s x)^2 dE/dX."""
    diffusivity, thickness, volume, of_li, temperature, x = 3e-15, 1e-7, 14e-6, 13e-6, 298.15, 1.3
    charge = FARADAY * thickness / volume
    swollen = volume + of_li * x
    flux = FARADAY**2 * diffusivity * (x / swollen) / (GAS_CONSTANT * temperature) * volume / swollen
    rate = diffusivity * FARADAY / (GAS_CONSTANT * temperature * thickness**2)
    assert charge * thickness * rate * x / (1 + of_li / volume * x) ** 2 == pytest.approx(flux, rel=1e-12)
