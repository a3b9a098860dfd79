"""Atoms of a seed in the Li on it: closed forms of the profile by itself, and in cells that plate and strip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solver import materials
from solver.laws.host_atoms import HostAtoms
from solver.loop.simulation import Simulation
from solver.numerics.array import Array
from solver.physics.host import LITHIUM
from tests.verification.order import assert_order
from tests.verification.setups import curves, finish, make_case, prepare
from tests.verification.test_barrier import cell
from tests.verification.test_nuclei_in_a_cell import CELL, sound

W, LI, D = 1e-6, 4e-6, 3e-15  # m, m, m^2/s
SPEED = 1e-9  # m/s, of a front
NEGLIGIBLE = 1e-40  # m^2/s
PLATE = {"kind": "galvanostatic", "direction": "plate"}
STRIP = {"kind": "galvanostatic", "direction": "strip", "cutoff_voltage": "0.1 V"}


def layers(diffusivity: float, fold: int = 1) -> HostAtoms:
    """As in cells, or several times as many."""
    return HostAtoms(diffusivity, 6 * fold, 14 * fold)


class Stack:
    """A seed and its Li at one place, followed in time."""

    def __init__(self, atoms: HostAtoms, seed: float = W, metal: float = 0.0):
        self.atoms, self.seed, self.metal = atoms, np.array(seed), np.array(metal)
        self.shares = atoms.start(self.seed)

    def go(self, seed: float, metal: float, duration: float, steps: int) -> None:
        """To other thicknesses, at constant rates."""
        start = self.seed, self.metal
        for k in range(1, steps + 1):
            now = (np.array(a + (b - a) * k / steps) for a, b in zip(start, (seed, metal), strict=True))
            before, after = (self.seed, self.metal), tuple(now)
            self.shares = self.atoms.advance(self.shares, before, (after[0], after[1]), duration / steps)
            self.seed, self.metal = after

    @property
    def faces(self) -> Array:
        return self.atoms.faces(self.seed, self.metal)

    @property
    def height(self) -> float:
        return float(self.atoms.height(self.shares, self.seed, self.metal))

    @property
    def inside(self) -> float:
        return float(self.atoms.in_lithium(self.shares))


def spread(time: float) -> tuple[float, float]:
    """Mean height and share above W of atoms that were evenly below it, in a layer that stays W + LI thick."""
    whole, k = W + LI, np.pi * np.arange(1, 4000)
    part = 2 * np.sin(k * W / whole) / (k * W / whole) * np.exp(-D * (k / whole) ** 2 * time)
    odd = np.cos(k) - 1
    return whole * (0.5 + np.sum(part * odd / k**2)), 1 - W / whole - np.sum(part * np.sin(k * W / whole) / k)


@pytest.mark.parametrize("time", [100.0, 1000.0])
def test_diffusion_between_fixed_ends_is_its_cosine_series(time: float) -> None:
    """Of second order in layers (steps go with their square): 0.1 % of the height, 1.3 % of the share in Li."""
    found = []
    for fold in (1, 2, 3):
        stack = Stack(layers(D, fold), metal=LI)
        stack.go(W, LI, time, 200 * fold**2)
        found.append((stack.height, stack.inside))
    for values, exact, within in zip(zip(*found, strict=True), spread(time), (1e-3, 0.013), strict=True):
        errors = [abs(value / exact - 1) for value in values]
        assert errors[0] < within
        assert_order([1.0, 1 / 2, 1 / 3], errors, 2.0)


def test_atoms_that_do_not_diffuse_stay_in_the_seed() -> None:
    """While Li is laid on it and taken off again: mean height W/2, none beyond."""
    stack = Stack(layers(NEGLIGIBLE))
    for metal in (LI, 0.2 * LI, 2 * LI):
        stack.go(W, metal, 1e3, 50)
        assert stack.height == pytest.approx(W / 2, rel=1e-12) and stack.inside < 1e-20


def test_atoms_that_diffuse_fast_are_even() -> None:
    stack = Stack(layers(1e-8))
    for metal in (LI, 0.1 * LI):
        stack.go(W, metal, 1e3, 50)
        whole = W + metal
        assert stack.height == pytest.approx(whole / 2, rel=1e-4) and stack.inside == pytest.approx(metal / whole, 1e-4)


def test_a_swelling_seed_takes_its_atoms_with_it_and_those_that_its_surface_passes() -> None:
    """Without Li it swells and shrinks evenly; in Li at rest, of which it takes, its surface sweeps atoms up."""
    stack = Stack(layers(NEGLIGIBLE), 0.1 * W)
    stack.go(W, 0.0, 100.0, 20)
    assert stack.height == pytest.approx(W / 2, rel=1e-9)
    stack.go(0.3 * W, 0.0, 100.0, 20)
    assert stack.height == pytest.approx(0.15 * W, rel=1e-9)
    even = Stack(layers(1e-8), W, LI)
    even.go(W, LI, 1e3, 1)
    swept = Stack(layers(NEGLIGIBLE, 4), W, LI)
    swept.shares = Stack(layers(NEGLIGIBLE, 4), W, LI).shares
    swept.shares[:] = np.diff(swept.faces) / (W + LI)  # evenly
    swept.go(W + LI / 2, LI / 2, 100.0, 500)
    assert swept.inside == pytest.approx(LI / 2 / (W + LI), rel=0.03), "what lies above is as it was"
    above = swept.shares[-20:] / np.diff(swept.faces)[-20:] * (W + LI)
    assert above == pytest.approx(np.ones(20), abs=0.05)


def test_a_front_that_retreats_pushes_a_steady_profile() -> None:
    """exp(-V (h - z)/D) stays as it is while Li is stripped: 2.4 % of the atoms elsewhere, of second order."""
    errors, depth, far = [], D / SPEED, 30 * D / SPEED
    for fold in (1, 2, 4):
        stack = Stack(layers(D, fold), 1e-7, far)
        stack.shares = profile(stack.faces, depth)
        stack.go(1e-7, far / 2, far / 2 / SPEED, 60 * fold**2)
        errors.append(float(np.abs(stack.shares - profile(stack.faces, depth)).sum()))
    assert errors[0] < 0.025
    assert_order([1.0, 0.5, 0.25], errors, 2.0)


def profile(faces: Array, depth: float) -> Array:
    """Shares of the layers of exp(-(h - z)/depth)."""
    ends = np.exp(-(faces[-1] - faces) / depth)
    return np.asarray(np.diff(ends) / (ends[-1] - ends[0]))


@pytest.mark.parametrize("diffusivity", [1e-30, 1e-18, 1e-14, 1e-8])
def test_no_atom_is_lost_and_no_share_is_negative(diffusivity: float) -> None:
    """Any thicknesses, none of Li too, in any order and any steps, at 50 places at once."""
    random, atoms = np.random.default_rng(3), layers(diffusivity)
    before = np.full(50, 1e-7), np.zeros(50)
    shares = atoms.start(before[0])
    for _ in range(200):
        metal = 10.0 ** random.uniform(-12, -5, 50) * (random.random(50) > 0.2)
        after = 1e-7 * 10.0 ** random.uniform(-2, 1, 50), metal
        shares, before = atoms.advance(shares, before, after, 10.0 ** random.uniform(-6, 4)), after
        assert shares.min() >= 0.0 and np.abs(shares.sum(axis=0) - 1).max() < 1e-13
        height, whole = atoms.height(shares, *after), after[0] + np.maximum(after[1], 1e-15)
        assert np.all((height > 0) & (height < whole))


def test_places_do_not_know_of_each_other() -> None:
    """Together as by itself, bit for bit."""
    atoms, seed, metal = layers(D), np.array([1e-7, 1e-6, 3e-6]), np.array([0.0, 2e-6, 1e-7])
    start = atoms.start(seed)
    together = atoms.advance(start, (seed, metal), (seed, metal + 1e-7), 10.0)
    for k in range(3):
        w, li = seed[k : k + 1], metal[k : k + 1]
        assert np.all(atoms.advance(start[:, k : k + 1], (w, li), (w, li + 1e-7), 10.0) == together[:, k : k + 1])


# -- in cells ----------------------------------------------------------------------------------------------


def run(seed: dict[str, Any], *protocol: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], Simulation]:
    drive = CELL["drive"] | {"voltage_limit": "1 V"}
    sections = CELL | {"drive": drive, "collector": CELL["collector"] | {"seed": seed}} | changes
    simulation, _ = prepare(make_case(sections, list(protocol)))
    finish(simulation)
    found = curves(simulation)
    assert sound(found)
    return found, simulation


def test_silver_goes_farther_than_magnesium() -> None:
    """Of 1 nm, by their diffusivities in Li alone (1e-4 of them, for 5 nm of Li); stripped all are in the seed again.

    In the cell as by itself between the thicknesses that the log has.
    """
    height, inside = {}, {}
    for name, back in (("Mg", ()), ("Ag", (STRIP,))):
        slow = materials.load(name).value("diffusivity_in_lithium") * 1e-4
        seed = {"material": "Mg", "thickness": "1 nm", "layers": 1, "diffusivity_in_lithium": f"{slow} m^2/s"}
        found, simulation = run(seed, PLATE | {"duration": "12 s"}, *back)
        plated = int(np.argmax(found["capacity"]))
        height[name], inside[name] = found["host_height"][plated], found["host_in_lithium"][plated]
        stack, time = Stack(layers(slow), 1e-9), 0.0
        for row, until in enumerate(found["time"][: plated + 1]):
            stack.go(found["seed_thickness"][row], found["nucleated_lithium"][row], until - time, 1)
            time = until
        assert stack.metal > 5e-9 and height[name] == pytest.approx(stack.height, rel=1e-3), "but 1e-5 of the area"
        assert inside[name] == pytest.approx(stack.inside, rel=1e-3)
        total = sum(simulation.state[f"host_layer_{k}"] for k in range(1, stack.atoms.number + 1))
        assert np.abs(total - 1).max() < 1e-13
    assert height["Ag"] > 1.08 * height["Mg"] and inside["Ag"] > 1.4 * inside["Mg"] > 0.05
    assert found["nucleated_lithium"][-1] < 1e-15 and simulation.state[LITHIUM].max() < 1e-15
    assert found["host_in_lithium"][-1] < 1e-5 and 0 < found["host_height"][-1] < found["seed_thickness"][-1]


@pytest.mark.parametrize(
    ("seed", "moves"),
    [
        ({"material": "Ag"}, True),
        ({"material": "Mg", "one_phase": False}, False),
        ({"material": "In"}, False),
        ({"material": "Mg", "mixed_with": [{"material": "Ag", "thickness": "1 nm"}]}, False),
    ],
)
def test_hosts_stay_where_nothing_is_known_or_another_phase_remains(seed: dict[str, Any], moves: bool) -> None:
    collector = CELL["collector"] | {"seed": seed | {"thickness": "1 nm"}}
    sections = CELL | {"collector": collector, "drive": CELL["drive"] | {"voltage_limit": "1 V"}}
    _, model = prepare(make_case(sections, [PLATE | {"duration": "1 s"}]))
    assert (LITHIUM in model.names) == moves
    assert ("host_height" in [column.name for column in model.columns]) == moves


def test_beneath_a_film_it_is_the_li_beneath() -> None:
    """W on Mg: the Li that atoms are in is h_b."""
    seed = {"material": "Mg", "thickness": "1 nm", "layers": 1}
    sections = cell({}, seed)
    simulation, _ = prepare(make_case(sections, [PLATE | {"duration": "12 s"}]))
    finish(simulation)
    found = curves(simulation)
    beneath = found["lithium_beneath"][-1]
    assert beneath > 3e-9 and simulation.state[LITHIUM].max() == pytest.approx(beneath, rel=1e-4)
    whole = found["seed_thickness"][-1] + beneath
    assert found["host_height"][-1] == pytest.approx(whole / 2, rel=0.01), "3e-15 m2/s mix 8 nm within 0.03 s"
