"""Common parts of the verification tests: small cases, bulk metal without a contact, runs that keep their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mpi4py import MPI

from solver.case.schema import Case
from solver.domain.contact import Contact
from solver.domain.electrode import Electrode
from solver.laws import free_energy as fe
from solver.loop.build import make_simulation
from solver.loop.interrupts import Interrupts
from solver.loop.simulation import Simulation
from solver.model.build import make_grid
from solver.model.coupling import Coupling
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.output.log import Console
from solver.output.recorder import MemoryRecorder
from solver.physics.lithium import LithiumEquation
from solver.physics.occupancy import DiffusionParameters, OccupancyBalance

GAMMA = 0.5  # J/m^2
VOLUME_PER_CHARGE = 13.0e-6 / 96485.33212  # Omega/F, m^3/C
IDEAL = 8.314462618 * 298.15 / 13.0e-6  # R T/Omega, Pa
NO_STIFFNESS = 1e12  # as critical vacancy fraction: A = gamma/(lambda theta_c) is negligible


def bulk_metal(grid: Grid, reservoir: bool = True) -> Contact:
    """The whole box is metal side: m = 1, no electrolyte, no contact."""
    faces = []
    for axis in range(grid.dim):
        shape = list(grid.local_shape)
        shape[axis] += 1
        faces.append(np.ones(shape))
    zero, one = np.zeros(grid.local_shape), np.ones(grid.local_shape)
    normal = (*[zero] * (grid.dim - 1), one)
    return Contact(zero, [1 - f for f in faces], one, faces, zero, zero, normal, Electrode(grid, reservoir))


def at_rest(grid: Grid) -> list[Array]:
    """No velocity."""
    return [np.zeros((1,) * grid.dim)] * grid.dim


def energy(
    width: float, theta_c: float = NO_STIFFNESS, degrees: float | Array = 90.0, dilute_stiffness: float = 0.0
) -> fe.EnergyParameters:
    """Free energy of Li with gamma = 0.5 J/m^2; without a dilute_stiffness f' is the line through theta_c."""
    return fe.EnergyParameters(
        surface_energy=GAMMA,
        width=width,
        contact_angle=np.radians(degrees),
        critical_vacancy_fraction=theta_c,
        dilute_stiffness=dilute_stiffness,
    )


def relax(
    lithium: LithiumEquation,
    occupancy: OccupancyBalance,
    contact: Contact,
    fields: tuple[Array, Array],
    dt: float,
    steps: int,
    slope: Array | float | None = None,
) -> tuple[Array, Array, Array | float | None]:
    """xi and c after `steps` steps of the coupled occupancy and lithium equations: no current, no drift.

    slope: mean change of xi in a step so far, by which the occupancy sees it ahead as in the coupled step, and which is
    returned; None for the xi of the start of the step.
    """
    grid, (xi, c) = lithium.grid, fields
    still, none = at_rest(grid), np.zeros(grid.local_shape)
    for _ in range(steps):
        ahead = xi if slope is None else np.clip(xi + slope, 0.0, 1.0)
        moved = occupancy.step(
            old=c,
            old_weight=contact.metal,
            contact=contact,
            lithium=ahead,
            h=fe.step(ahead),
            velocity=still,
            source=none,
            dt=dt,
        )
        formed = lithium.step(xi, contact, moved.occupancy, still, dt, guess=ahead)
        assert moved.outcome.converged and formed.outcome.converged
        slope = None if slope is None else 0.5 * (slope + formed.values - xi)
        xi, c = formed.values, moved.occupancy
    return xi, c, slope


def occupancy_balance(grid: Grid, diffusivity: float, surface_diffusivity: float, width: float) -> OccupancyBalance:
    """The occupancy equation; over a contact without a reservoir the amount of Li is conserved."""
    diffusion = DiffusionParameters(diffusivity=diffusivity, surface_diffusivity=surface_diffusivity, width=width)
    return OccupancyBalance(grid, diffusion, 1e-11)


class FieldRecorder(MemoryRecorder):
    """Keeps the snapshots too: time and fields of each."""

    def __init__(self, comm: MPI.Comm):
        super().__init__(comm, Console(comm, False, "test"))
        self.snapshots: list[tuple[float, dict[str, Array]]] = []

    def snapshot(self, time: float, step: int, fields: Mapping[str, Array]) -> None:
        self.snapshots.append((time, {name: values.copy() for name, values in fields.items()}))

    def message(self, text: str) -> None:
        """Nothing is said."""


def make_case(sections: dict[str, Any], protocol: list[dict[str, Any]]) -> Case:
    """A case from its sections, as in a case file."""
    return Case.model_validate({"schema_version": 1, **sections, "protocol": protocol})


def prepare(case: Case) -> tuple[Simulation, Coupling]:
    """A simulation before its first step, and its physics."""
    grid = make_grid(case)
    simulation = make_simulation(case, grid, FieldRecorder(grid.comm))
    simulation.begin()
    assert isinstance(simulation.model, Coupling)
    return simulation, simulation.model


def finish(simulation: Simulation) -> str:
    """Run to the end; the reason for stopping."""
    with Interrupts(simulation.grid.comm) as interrupts:
        ending, _ = simulation.run(interrupts)
    return ending.reason


def curves(simulation: Simulation) -> dict[str, np.ndarray]:
    """The columns of the log so far."""
    return recorder_of(simulation).curves()


def recorder_of(simulation: Simulation) -> FieldRecorder:
    """Where the rows and the snapshots are."""
    assert isinstance(simulation.recorder, FieldRecorder)
    return simulation.recorder
