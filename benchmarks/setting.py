"""The case that the benchmarks step, for both programs: stripping, heterogeneous kinetics and one void.

A uniform grid of n x n cells, three quarters of them in the Li: lambda = 200 nm, dx = 100 nm, 1 mA/cm^2, 3 MPa and
dt = 2 s are what a run of the demonstration case goes through once its voids have begun to open.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np
from mpi4py import MPI

from benchmarks.peer import Constants, Motion, Peer
from solver.case.schema import Case
from solver.model import build
from solver.model.coupling import Coupling
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import State
from solver.physics.step import Step, StepResult

ELECTROLYTE = 1e-3  # psi from which on potentials are compared
METAL_SHARE = 0.75  # of the cells along the normal


@dataclass(frozen=True)
class Setting:
    """Cells across and along the normal; spacing and width (lambda) in m; dt in s; current density in A/m^2, signed."""

    cells: tuple[int, int]
    spacing: float = 100e-9
    width: float = 200e-9
    dt: float = 2.0
    current_density: float = -10.0
    stack_pressure: float = 3e6
    lateral: str = "symmetric"
    tolerance: float = 1e-9
    newton_tolerance: float = 1e-10
    lithium_tolerance: float = 1e-8

    @property
    def metal_cells(self) -> int:
        return round(METAL_SHARE * self.cells[1])

    @property
    def faces(self) -> tuple[Array, Array]:
        """Face coordinates along x and z, m; z = 0 at the contact."""
        across = np.arange(self.cells[0] + 1) * self.spacing
        normal = (np.arange(self.cells[1] + 1) - self.metal_cells) * self.spacing
        return across, normal

    def case(self) -> Case:
        """The same as a case, whose defaults give every constant of the materials."""
        metres = [n * self.spacing for n in self.cells]
        metal = self.metal_cells * self.spacing
        void = {"centre": [f"{0.3 * metres[0]} m", f"{-3 * self.width} m"], "radius": f"{4 * self.width} m"}
        return Case.model_validate(
            {
                "schema_version": 1,
                "domain": {
                    "width": f"{metres[0]} m",
                    "lithium_thickness": f"{metal} m",
                    "lateral": self.lateral,
                },
                "electrolyte": [{"thickness": f"{metres[1] - metal} m"}],
                "grid": {"spacing": f"{self.spacing} m", "fine_depth": f"{metres[1]} m"},
                "interface": {"width": f"{self.width} m", "heterogeneity": {"kind": "random"}},
                "lithium": {"voids": [void]},
                "drive": {
                    "stack_pressure": f"{self.stack_pressure} Pa",
                    "current_density": f"{abs(self.current_density)} A/m^2",
                },
                "protocol": [{"kind": "galvanostatic", "direction": "strip", "duration": "1 h"}],
                "solver": {
                    "tolerance": self.tolerance,
                    "newton_tolerance": self.newton_tolerance,
                    "max_newton": 20,
                },
            }
        )


@dataclass
class Run:
    """Fixed steps of `solver.model.coupling` without the loop around it: nothing is rejected or written.

    Per step: seconds, of these the mechanics' (mechanics_seconds), its (Newton, Krylov) iterations, and the outcome.
    motion: what the mechanics gave to the last step, for the peer.
    """

    setting: Setting
    comm: MPI.Comm | None = None
    dt_previous: float = 0.0
    steps: int = 0
    previous: dict[str, Array] | None = None
    seconds: list[float] = field(default_factory=list)
    mechanics_seconds: list[float] = field(default_factory=list)
    mechanics_iterations: list[tuple[int, int]] = field(default_factory=list)
    results: list[StepResult] = field(default_factory=list)
    motion: Motion | None = None

    def __post_init__(self) -> None:
        case = self.setting.case()
        self.grid = Grid(self.setting.faces, [self.setting.lateral == "periodic"], self.comm)
        self.coupling: Coupling = build.make_coupling(case, self.grid)
        self.coupling.lithium.equation.solver.newton_tolerance = self.setting.lithium_tolerance
        self.state: State = build.make_state(self.coupling)
        deformation: Any = self.coupling.deformation
        solve = deformation.balance

        def counted(*arguments: Any) -> Any:
            found = solve(*arguments)
            balance = found[0]
            self.mechanics_iterations.append((balance.newton, balance.outcome.iterations))
            return found

        deformation.balance = counted

    def step(self, dt: float | None = None) -> StepResult:
        """One step; keeps its seconds and outcome. Raises when a solve fails."""
        dt = self.setting.dt if dt is None else dt
        deformation, seconds = self.coupling.deformation, self.coupling.timers.seconds
        excess = deformation.excess_pressure(self.state, self.setting.stack_pressure)
        before = seconds.get("mechanics", 0.0)
        pressure, current = self.setting.stack_pressure, self.setting.current_density
        step = Step(
            number=self.steps,
            dt=dt,
            stack_pressure=pressure,
            current_density=current,
            voltage=None,
            dt_previous=self.dt_previous,
            previous=self.previous,
        )
        self.grid.comm.Barrier()
        start = perf_counter()
        result = self.coupling.step(self.state, step)
        self.grid.comm.Barrier()
        self.seconds.append(perf_counter() - start)
        if result.failed:
            raise RuntimeError(result.failed)
        self.mechanics_seconds.append(seconds["mechanics"] - before)
        lateral, normal = deformation.face_velocities(result.fields)
        thickening = deformation.annihilation.thickening(result.fields["normal_stress"])
        self.motion = Motion(lateral, normal, excess, thickening)
        self.results.append(StepResult({}, "", result.error, result.measured))
        self.previous = {name: self.state[name].copy() for name in self.coupling.history}
        for name, values in result.fields.items():
            self.state[name] = values
        self.dt_previous = dt
        self.steps += 1
        return result

    def peer(self, **changes: Any) -> Peer:
        """The same case in FiPy, from the present state; changes: other constants, for checks that must fail."""
        s, case = self.setting, self.setting.case()
        li, face = case.lithium, case.interface
        constants = Constants(
            cells=s.cells,
            spacing=s.spacing,
            metal_depth=s.metal_cells * s.spacing,
            periodic=s.lateral == "periodic",
            width=face.width,
            conductivity=case.electrolyte[0].conductivity,
            transfer_coefficient=face.transfer_coefficient,
            temperature=case.drive.temperature,
            molar_volume=li.molar_volume,
            surface_energy=li.surface_energy,
            critical_vacancy_fraction=li.critical_vacancy_fraction,
            contact_angle=face.contact_angle,
            diffusivity=li.diffusivity,
            surface_diffusivity=li.surface_diffusivity,
            mobility=self.coupling.lithium.equation.mobility,
            tolerance=s.tolerance,
            newton_tolerance=s.newton_tolerance,
            lithium_tolerance=s.lithium_tolerance,
        )
        return Peer(
            replace(constants, **changes),
            exchange=self.coupling.charge.exchange.ravel(),
            ceiling=1 - self.coupling.lithium.impurities.ravel(),
            lithium=self.state["lithium"].ravel(),
            occupancy=self.state["occupancy"].ravel(),
        )

    def differences(self, peer: Peer) -> dict[str, float]:
        """Largest difference of each field to the peer's; xi and c weighted with m, the share of the metal side.

        phi counts where there is electrolyte: ours has no equation deep in the metal.
        """
        contact = self.coupling.places.start()
        m, conducting = contact.metal, contact.electrolyte > ELECTROLYTE
        theirs = {"lithium": peer.xi, "occupancy": peer.c, "potential": peer.phi}
        gaps = {name: np.abs(self.state[name] - v.value.reshape(m.shape)) for name, v in theirs.items()}
        return {name: float(np.max((conducting if name == "potential" else m) * gap)) for name, gap in gaps.items()}
