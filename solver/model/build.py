"""From a case to the coupled step and its fields: the only place that joins the parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mpi4py import MPI

from solver import defects
from solver.case.derived import annihilation_parameters, boundary_energy
from solver.case.schema import Case
from solver.constants import FARADAY, GAS_CONSTANT
from solver.domain import contact as geometry
from solver.domain.collector import Collector
from solver.domain.contact import NOTHING, Contact
from solver.domain.electrode import Electrode
from solver.domain.places import Fixed, Moved, Places
from solver.laws import free_energy, infiltration, vacancies
from solver.laws.bare_contact import BareContact
from solver.laws.creep import CreepLaw, creep_prefactor
from solver.model.along_contact import (
    collector_depth,
    distance_squared,
    exchange_current,
    make_kinetics,
    measured,
    surface_height,
)
from solver.model.at_contact import (
    make_barrier,
    make_births,
    make_deposit,
    make_host,
    make_interphase,
    make_nucleation,
    make_seed,
)
from solver.model.coupling import Coupling
from solver.numerics import random_fields
from solver.numerics.array import Array
from solver.numerics.grid import Grid, lateral_faces, normal_faces
from solver.numerics.slab import layers_with
from solver.numerics.state import State
from solver.physics import filament
from solver.physics import lining as on_grid
from solver.physics.charge import ChargeBalance
from solver.physics.conductor import DeadLithium
from solver.physics.deformation import Deformation
from solver.physics.foil import Foil
from solver.physics.lithium import Lithium, LithiumEquation, Noise
from solver.physics.mechanics import Mechanics
from solver.physics.occupancy import DiffusionParameters, Occupancy, OccupancyBalance
from solver.physics.part import Part
from solver.physics.penetration import Penetration
from solver.physics.rheology import Properties, bulk_modulus, memory_weight, shear_modulus
from solver.physics.transfer import Transfer

REFERENCE_VELOCITY = 1.35e-9  # m/s: a flat front at 1 mA/cm^2, to which mobility_factor refers
REST_CURRENT = 1e-6  # of the exchange current: the unit of charge error when nothing is applied
FILAMENT_TOLERANCE = 1e-11  # mean error of zeta at most: it shows in the filaments' current, over a small step
CLINGS, STEEPER = 0.5, 16.0  # of measured Li to the walls: lambda, and how much steeper it is there
DEFECT_RANGE = (1 / 3, 1.0)  # of defect_amplitude: spread of the impurities from cell to cell


def make_grid(case: Case, comm: MPI.Comm | None = None) -> Grid:
    """The grid of a case (collective)."""
    lateral = [lateral_faces(extent, case.grid.spacing) for extent in case.domain.lateral_extents]
    normal = normal_faces(
        lithium_thickness=case.depth_below,
        electrolyte_thickness=case.electrolyte_thickness,
        spacing=case.grid.spacing,
        fine_depths=case.fine_depths,
        growth=case.grid.growth,
        max_spacing=case.grid.max_spacing,
    )
    return Grid([*lateral, normal], [case.domain.lateral == "periodic"] * len(lateral), comm)


def initial_lithium(case: Case, grid: Grid, impurities: Array) -> Array:
    """xi at the start: full Li but for impurities and the voids of the case, with their equilibrium profile."""
    xi = 1 - impurities
    if case.collector and case.lithium.profile:
        xi = np.minimum(xi, geometry.profile(depth_in_profile(case, grid), case.interface.width))
    elif case.collector and case.lithium.film is None:
        lateral, found = grid.cell_coordinates()[:-1], np.zeros(())
        for centre, radius in islands(case):
            distance = radius - np.sqrt(distance_squared(case, lateral, centre))
            found = np.maximum(found, geometry.profile(distance, case.interface.width))
        xi = np.minimum(xi, found)
    for void in case.lithium.voids:
        distance = np.sqrt(distance_squared(case, grid.cell_coordinates(), void.centre)) - void.radius
        xi = np.minimum(xi, geometry.profile(distance, case.interface.width))
    return xi


def islands(case: Case) -> list[tuple[tuple[float, ...], float]]:
    """Centres and radii of the islands of Li at the start: those of the case, and its nuclei."""
    found = [(island.centre, island.radius) for island in case.lithium.islands]
    nuclei = case.collector.nuclei if case.collector else None
    if nuclei is not None:
        extents = case.domain.lateral_extents
        number = max(1, round(float(np.prod(extents)) / nuclei.spacing ** len(extents)))
        ids = np.arange(number * len(extents), dtype=np.uint64)
        places = random_fields.uniform(nuclei.seed, 0, ids).reshape(number, len(extents)) * extents
        found += [(tuple(map(float, place)), nuclei.radius) for place in places]
    return found


def depth_in_profile(case: Case, grid: Grid) -> Array:
    """Distance to the surface of the Li of `lithium.profile`, m, > 0 within it (collective).

    Its height is above the collector. Within CLINGS lambda of one of the walls it clings to it: the height goes on
    there STEEPER times as steep, so that the diffuse profile leaves no Li on a bare collector and no void on a
    touching electrolyte.
    """
    own = case.lithium.profile
    assert own is not None and own.table is not None
    *lateral, z = grid.cell_coordinates()
    height, slopes = measured(case, own.table, own.table.heights)(*lateral)
    depth, top = (surface(*lateral)[0] for surface in (collector_surface(case, grid), surface_height(case)))
    near = CLINGS * case.interface.width
    beyond = np.maximum(height - (depth + top) + near, 0.0) - np.maximum(near - height, 0.0)
    return np.asarray((height + STEEPER * beyond - (z + depth)) / geometry.stretch_of(slopes))


def make_collector(case: Case, grid: Grid, contact: Contact) -> Collector:
    """The collector of a case at the start (collective)."""
    return Collector(grid, case.interface.width, contact, collector_surface(case, grid), surface_height(case))


def collector_surface(case: Case, grid: Grid) -> geometry.Height:
    """How deep the collector's surface lies at the start, `collector.gap` at its closest place (collective)."""
    own = case.collector
    assert own is not None and own.gap is not None
    below, height, gap = collector_depth(case, own), surface_height(case), own.gap
    lateral = grid.cell_coordinates()[:-1]
    closest = -grid.max(-(below(*lateral)[0] + height(*lateral)[0] + np.zeros(grid.local_shape)))

    def depth(*lateral: Array) -> tuple[Array, Sequence[Array]]:
        value, slopes = below(*lateral)
        return gap + value - closest, slopes

    return depth


def lining_energy(case: Case, grid: Grid) -> Array:
    """Signed energy of the interface between Li and what lines the defects, on the owned cells, J/m^2."""
    energies = [boundary_energy(layer) for layer in case.electrolyte]
    film = case.interface.film
    return on_grid.lining_energy(
        grid,
        [layer.thickness for layer in case.electrolyte],
        energies,
        film.lithium_interfacial_energy if film else None,
        film.mouth_depth if film else 0.0,
        surface_height(case),
    )


def make_deformation(case: Case, grid: Grid, contact: Contact) -> Deformation:
    """The mechanics of a case (collective)."""
    li, mechanics = case.lithium, case.mechanics
    layers = geometry.layer_values(
        grid,
        [layer.thickness for layer in case.electrolyte],
        [(shear_modulus(x), bulk_modulus(x), x.residual_stress) for x in case.electrolyte],
    )
    properties = Properties(
        creep=CreepLaw(
            prefactor=creep_prefactor(
                prefactor=li.creep_prefactor,
                activation_energy=li.creep_activation_energy,
                temperature=case.drive.temperature,
            ),
            exponent=li.creep_exponent,
            strength=li.size_effect_strengthening * vacancies.MEGAPASCAL,
        ),
        lithium_shear=shear_modulus(li),
        lithium_bulk=bulk_modulus(li),
        void_viscosity=mechanics.void_viscosity,
        electrolyte_shear=layers[0],
        electrolyte_bulk=layers[1],
        memory=memory_weight(contact.electrolyte),
        normal=contact.normal,
        residual_stress=layers[2],
    )
    solver = Mechanics(
        grid,
        properties,
        mechanics.tolerance,
        mechanics.max_iterations,
        mechanics.linear_solver == "direct",
        foil=make_foil(case),
    )
    return Deformation(
        grid=grid,
        mechanics=solver,
        annihilation=annihilation_parameters(case),
        start_pressure=case.drive.stack_pressure,
        stiffness=mechanics.stiffness,
        platen=mechanics.platen,
        bare_contact=BareContact(case.interface.width) if case.collector else None,
    )


def make_foil(case: Case) -> Foil | None:
    """The collector of a case as a plate that bends; None where it is rigid."""
    bending = case.collector.bending_stiffness if case.collector else None
    buffer = case.mechanics.buffer
    return None if bending is None else Foil(bending, buffer.stiffness if buffer else 0.0)


def make_network(case: Case, grid: Grid) -> defects.Network:
    """The defects of a case on its grid (collective)."""
    return defects.make_network(
        case.defects,
        grid,
        case.interface.width,
        case.filament.channel_half_width,
        list(np.cumsum([layer.thickness for layer in case.electrolyte])),
        surface_height(case),
        case.geometry,
    )


def make_penetration(case: Case, grid: Grid, contact: Contact, mechanics: Deformation) -> Penetration | None:
    """Filaments in the defects of a case, None when it has no defects (collective)."""
    if not case.has_defects:
        return None
    network = make_network(case, grid)
    face, li, own = case.interface, case.lithium, case.filament
    modulus = plane_modulus(case, grid)
    intact = infiltration.infiltration_pressure(
        separation_energy=network.separation_energy,
        interfacial_energy=lining_energy(case, grid),
        opening=network.opening,
        flaw_depth=network.flaw_depth,
        plane_modulus=modulus,
    )
    elastic = infiltration.elastic_opening(pressure=intact, flaw_depth=network.flaw_depth, plane_modulus=modulus)
    opening = np.where(np.isnan(network.opening), elastic, network.opening)
    seen = filament.Defects(
        indicator=network.indicator,
        indicator_faces=network.indicator_faces,
        electrolyte=contact.electrolyte,
        opening_ratio=opening / network.numerical_width,
        normal=network.normal,
        intact=intact,
        opened=infiltration.opened_pressure(
            surface_energy=li.surface_energy, contact_angle=own.contact_angle, opening=opening
        ),
        open=network.open,
        bears_load=network.bears_load,
    )
    parameters = filament.FilamentParameters(
        mobility=infiltration.mobility(
            aspect_factor=own.aspect_factor,
            molar_volume=li.molar_volume,
            exchange_current_density=face.exchange_current_density,
            width=face.width,
            temperature=case.drive.temperature,
        ),
        largest_drive=own.largest_drive,
        width=face.width,
        volume_per_charge=li.molar_volume / FARADAY,
    )
    tolerance = case.solver.tolerance
    newton_tolerance = min(10 * tolerance, FILAMENT_TOLERANCE)
    equation = filament.FilamentEquation(
        grid,
        seen,
        parameters,
        linear_tolerance=tolerance,
        newton_tolerance=newton_tolerance,
        max_newton=case.solver.max_newton,
    )
    return Penetration(grid, mechanics, equation, opening, network.filled, own.short_depth)


def plane_modulus(case: Case, grid: Grid) -> Array:
    """E/(1 - nu^2) of the electrolyte's layers on the owned cells, Pa."""
    values = [(x.youngs_modulus / (1 - x.poisson_ratio**2),) for x in case.electrolyte]
    return geometry.layer_values(grid, [x.thickness for x in case.electrolyte], values)[0]


def make_transfer(case: Case, grid: Grid, contact: Contact, energy: free_energy.EnergyParameters) -> Transfer:
    """The charge equation of a case with its kinetics (collective)."""
    face, drive, numerics = case.interface, case.drive, case.solver
    layers = geometry.Layers(
        tuple(layer.thickness for layer in case.electrolyte), tuple(layer.conductivity for layer in case.electrolyte)
    )
    exchange = exchange_current(case, grid)
    equation = ChargeBalance(
        grid,
        geometry.face_conductivities(grid, layers, contact),
        newton_tolerance=numerics.newton_tolerance,
        max_newton=numerics.max_newton,
        linear_tolerance=numerics.tolerance,
        reference_current=REST_CURRENT * grid.sum(contact.area * exchange),
        part=layers_with(grid, contact.electrolyte > NOTHING),
    )
    return Transfer(
        grid=grid,
        equation=equation,
        layers=layers,
        kinetics=make_kinetics(case),
        energy=energy,
        exchange=exchange,
        capacitance=face.double_layer_capacitance,
        series_resistance=drive.series_resistance,
        voltage_limit=drive.voltage_limit,
        near=layers_with(grid, (contact.electrolyte > NOTHING) & (1 - contact.electrolyte > NOTHING)),
    )


def make_lithium(case: Case, grid: Grid, energy: free_energy.EnergyParameters, part: Grid) -> Lithium:
    """The order parameter of a case (collective)."""
    li, face, numerics = case.lithium, case.interface, case.solver
    low, high = DEFECT_RANGE
    spread = low + (high - low) * random_fields.uniform(li.defect_seed, 0, grid.global_ids())
    impurities = np.broadcast_to(li.defect_amplitude * spread, grid.local_shape).copy()
    mobility = li.mobility_factor * REFERENCE_VELOCITY / (6 * li.surface_energy)
    equation = LithiumEquation(
        grid,
        energy,
        mobility=mobility,
        linear_tolerance=numerics.tolerance,
        newton_tolerance=10 * numerics.tolerance,
        max_newton=numerics.max_newton,
        part=part,
    )
    temperature = case.drive.temperature
    noise = (
        Noise(amplitude=li.noise_amplitude, temperature=temperature, seed=li.noise_seed, depth=face.width)
        if li.noise_amplitude
        else None
    )
    return Lithium(equation, impurities, initial_lithium(case, grid, impurities), noise)


# Parts that follow the coupled ones. Each function gives the part of a case, or None where the case has it not.
FOLLOWERS: list[Callable[[Case, Grid], Part | None]] = [
    make_nucleation, make_births, make_seed, make_interphase, make_barrier, make_host, make_deposit,
]


def make_coupling(case: Case, grid: Grid) -> Coupling:
    """The physics of a case on its grid (collective)."""
    li, face = case.lithium, case.interface
    electrode = Electrode(grid, reservoir=case.collector is None)
    contact = geometry.make_contact(grid, face.width, surface_height(case), electrode)
    energy = free_energy.EnergyParameters(
        surface_energy=li.surface_energy,
        width=face.width,
        contact_angle=face.contact_angle,
        critical_vacancy_fraction=li.critical_vacancy_fraction,
        dilute_stiffness=GAS_CONSTANT * case.drive.temperature / li.molar_volume,
        collector_angle=case.collector.contact_angle if case.collector else np.pi / 2,
    )
    diffusion = DiffusionParameters(
        diffusivity=li.diffusivity, surface_diffusivity=li.surface_diffusivity, width=face.width
    )
    metal = layers_with(grid, 1 - contact.electrolyte > NOTHING)
    mechanics = make_deformation(case, grid, contact)
    places: Places = Fixed(contact)
    if case.collector:
        places = Moved(make_collector(case, grid, contact), mechanics.surface_displacement)
    followers = [make(case, grid) for make in FOLLOWERS]
    return Coupling(
        grid=grid,
        places=places,
        energy=energy,
        charge=make_transfer(case, grid, contact, energy),
        deformation=mechanics,
        occupancy=Occupancy(OccupancyBalance(grid, diffusion, case.solver.tolerance, metal)),
        lithium=make_lithium(case, grid, energy, metal),
        dead=DeadLithium(grid, face.width),
        penetration=make_penetration(case, grid, contact, mechanics),
        followers=tuple(part for part in followers if part is not None),
    )


def make_state(coupling: Coupling) -> State:
    """The fields at the start (collective)."""
    state = State(coupling.grid, coupling.names)
    for name, values in coupling.start().items():
        state[name] = values
    return state
