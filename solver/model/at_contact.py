"""From a case to the parts that live on the contact: nuclei, film, seed, interphase, what is measured."""

from __future__ import annotations

import math

import numpy as np

from solver.case import collector as table
from solver.case.schema import Case
from solver.case.seed import SeedLayer
from solver.constants import FARADAY, GAS_CONSTANT
from solver.laws import alloy, layers, nucleation
from solver.laws.bare_contact import BareContact
from solver.laws.host_atoms import HostAtoms
from solver.laws.interphase import InterphaseParameters
from solver.materials.lithiation import LithiationStep, merged
from solver.model.along_contact import exchange_current, make_kinetics, random_field
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.barrier import Barrier, SeedBeneath
from solver.physics.births import RandomBirths
from solver.physics.deposit import Deposit
from solver.physics.host import Host
from solver.physics.interphase import Interphase
from solver.physics.nucleation import NO_BIRTHS, SEEN, SEEN_OF_FEW, Nucleation
from solver.physics.seed import Seed


def make_deposit(case: Case, grid: Grid) -> Deposit | None:
    """What is measured of the Li on a collector, None without one."""
    return Deposit(grid) if case.collector else None


def make_nucleation(case: Case, grid: Grid) -> Nucleation | None:
    """Nuclei on a bare collector, None where the case has none."""
    own = case.collector.nucleation if case.collector else None
    if own is None:
        return None
    parameters = nucleation_parameters(case, own)
    random = own.numbers == "poisson"
    return Nucleation(
        grid=grid,
        parameters=parameters,
        kinetics=make_kinetics(case).beside_film(),
        exchange=exchange_current(case, grid),
        barrier=np.full(grid.local_shape, NO_BIRTHS) if random else _barrier(case, own, grid),
        bare_contact=BareContact(case.interface.width),
        wetted=_wetted(case),
        interphase=interphase_parameters(case),
        film=has_barrier(case),
        seen=SEEN_OF_FEW if random else SEEN,
    )


def _wetted(case: Case) -> bool:
    """Whether Li wets all of the contact, so that nothing is born."""
    seed = case.collector.seed if case.collector else None
    return seed is not None and seed.one_phase and not has_barrier(case)


def _barrier(case: Case, own: table.Nucleation, grid: Grid) -> Array:
    """B in the cells, V^2."""
    barrier = np.full(grid.local_shape, nucleation_parameters(case, own).barrier)
    if own.spread:
        field = random_field(case, own.correlation_length, own.seed)
        barrier *= np.exp(3 * own.spread * field(*grid.cell_coordinates()[:-1]))
    return barrier


def make_births(case: Case, grid: Grid) -> RandomBirths | None:
    """Births in whole numbers, None where the mean field has them."""
    own = case.collector.nucleation if case.collector else None
    if own is None or own.numbers == "mean" or _wetted(case):
        return None
    parameters = nucleation_parameters(case, own)
    return RandomBirths(grid, parameters, _barrier(case, own, grid), SEEN_OF_FEW, own.seed)


def nucleation_parameters(case: Case, own: table.Nucleation) -> nucleation.NucleationParameters:
    """How Li is born on the collector."""
    return nucleation.NucleationParameters(
        surface_energy=case.lithium.surface_energy,
        angle=own.contact_angle,
        birth_rate=own.birth_rate,
        capacitance=own.capacitance,
        volume_per_charge=case.lithium.molar_volume / FARADAY,
        temperature=case.drive.temperature,
        sites=math.inf if own.sites is None else own.sites,
    )


def make_interphase(case: Case, grid: Grid) -> Interphase | None:
    """What Li and electrolyte become, None where they do not react."""
    parameters, born = interphase_parameters(case), case.collector.nucleation if case.collector else None
    if parameters is None:
        return None
    return Interphase(grid, parameters, nucleation_parameters(case, born) if born else None, has_barrier(case))


def interphase_parameters(case: Case) -> InterphaseParameters | None:
    """How Li and electrolyte react, None where they do not."""
    own, film = case.interphase, case.interface.film
    if own is None:
        return None
    return InterphaseParameters(
        rate=own.rate,
        lithium=own.lithium,
        conductivity=own.conductivity,
        molar_volume=case.lithium.molar_volume,
        coverage=film.coverage if film else 0.0,
    )


def has_barrier(case: Case) -> bool:
    """Whether a film on the collector decides on which side of it Li goes."""
    return bool(case.interface.film and case.collector and case.collector.nucleation)


def make_barrier(case: Case, grid: Grid) -> Barrier | None:
    """The film on a collector on which Li is born, None without one."""
    if not has_barrier(case):
        return None
    film, collector = case.interface.film, case.collector
    assert film and collector and collector.nucleation
    return Barrier(
        grid=grid,
        kinetics=make_kinetics(case),
        exchange=exchange_current(case, grid),
        opening=film.opening_potential or 0.0,
        nuclei=nucleation_parameters(case, collector.nucleation),
        alloy=host_of(collector.seed, case.drive.temperature) if collector.seed else None,
        one_phase=collector.seed is not None and collector.seed.one_phase,
    )


def host_of(own: SeedLayer, temperature: float) -> alloy.Alloy:
    """The hosts of a seed as one: x is Li per atom or formula unit of any of them."""
    amount = sum(host.amount for host in own.hosts)
    steps = merged((host.amount / amount, host.plain_steps) for host in own.hosts)
    mixed = alloy.Alloy([_alloy_step(step) for step in steps], FARADAY * amount)
    if own.diffusivity is None or own.layers == 1:
        return mixed
    dense = sum(host.filling * host.thickness for host in own.hosts)
    return layers.LayeredAlloy(
        mixed.steps,
        mixed.charge_per_composition,
        layers=own.layers,
        rate=own.diffusivity * FARADAY / (GAS_CONSTANT * temperature * thickness_of(own) ** 2),
        flux_potential=layers.tabulate(mixed, lithium_volume(own) * amount / dense),
    )


def thickness_of(own: SeedLayer) -> float:
    """Thickness of a seed without its Li, m."""
    return sum(host.thickness for host in own.hosts)


def lithium_volume(own: SeedLayer) -> float:
    """Molar volume of Li in a full seed, m^3/mol."""
    most = [host.amount * host.steps[-1].composition for host in own.hosts]
    return sum(n * host.lithium_volume for n, host in zip(most, own.hosts, strict=True)) / sum(most)


def expansion_of(own: SeedLayer) -> float:
    """By how much Li swells it, per Li per host atom, of its thickness: V_Li/V_h of one that is dense."""
    return lithium_volume(own) * sum(host.amount for host in own.hosts) / thickness_of(own)


def _alloy_step(step: LithiationStep) -> alloy.AlloyStep:
    """A step with the slope of its plateau."""
    half = 0.5 * alloy.PLATEAU if step.end is None else 0.0
    return alloy.AlloyStep(step.composition, step.potential + half, step.lowest - half, step.irreversible)


def make_seed(case: Case, grid: Grid) -> Seed | None:
    """The seed on the collector, None without one. The volume of its Li is that of a full seed."""
    own = case.collector.seed if case.collector else None
    if own is None:
        return None
    alloy_of = host_of(own, case.drive.temperature)
    known = grid, alloy_of, make_kinetics(case), exchange_current(case, grid), thickness_of(own), expansion_of(own)
    barrier = make_barrier(case, grid)
    return SeedBeneath(*known, barrier) if barrier else Seed(*known)


def make_host(case: Case, grid: Grid) -> Host | None:
    """Atoms of a seed that move through the Li on it, None where they stay."""
    own = case.collector.seed if case.collector else None
    if own is None or own.diffusivity_in_lithium is None:
        return None
    atoms = HostAtoms(own.diffusivity_in_lithium)
    return Host(grid, atoms, thickness_of(own), expansion_of(own), has_barrier(case))
