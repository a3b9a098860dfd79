"""From a case to the parts that live on the contact: nuclei, seed, interphase, what is measured of the deposit."""

from __future__ import annotations

import math

import numpy as np

from solver.case import collector as table
from solver.case.schema import Case
from solver.constants import FARADAY
from solver.laws import alloy, nucleation
from solver.laws.bare_contact import BareContact
from solver.laws.interphase import InterphaseParameters
from solver.model.along_contact import exchange_current, make_kinetics, random_field
from solver.numerics.grid import Grid
from solver.physics.deposit import Deposit
from solver.physics.interphase import Interphase
from solver.physics.nucleation import Nucleation
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
    barrier = np.full(grid.local_shape, parameters.barrier)
    if own.spread:
        field = random_field(case, own.correlation_length, own.seed)
        barrier *= np.exp(3 * own.spread * field(*grid.cell_coordinates()[:-1]))
    seed = case.collector.seed if case.collector else None
    return Nucleation(
        grid=grid,
        parameters=parameters,
        kinetics=make_kinetics(case),
        exchange=exchange_current(case, grid),
        barrier=barrier,
        bare_contact=BareContact(case.interface.width),
        wetted=seed is not None and seed.one_phase,
        interphase=interphase_parameters(case),
    )


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
    return Interphase(grid, parameters, nucleation_parameters(case, born) if born else None)


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


def make_seed(case: Case, grid: Grid) -> Seed | None:
    """The seed on the collector, None without one."""
    own = case.collector.seed if case.collector else None
    if own is None:
        return None
    half = 0.5 * alloy.PLATEAU
    steps = [
        alloy.AlloyStep(step.composition, step.potential + half, step.potential - half)
        if step.end is None
        else alloy.AlloyStep(step.composition, step.potential, step.end)
        for step in own.steps
    ]
    host = alloy.Alloy(steps, FARADAY * own.thickness / own.molar_volume)
    swelling = own.lithium_volume / own.molar_volume
    return Seed(grid, host, make_kinetics(case), exchange_current(case, grid), own.thickness, swelling)
