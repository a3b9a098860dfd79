"""From a case to a simulation."""

from __future__ import annotations

from solver.case.schema import Case
from solver.case.segments import expand
from solver.loop.cathode import make_cathode
from solver.loop.simulation import Simulation
from solver.loop.stepper import Stepper
from solver.model.build import make_coupling, make_state
from solver.numerics.grid import Grid
from solver.output.recorder import MemoryRecorder


def make_simulation(case: Case, grid: Grid, recorder: MemoryRecorder) -> Simulation:
    """Everything joined (collective)."""
    coupling = make_coupling(case, grid)
    t = case.time
    return Simulation(
        grid=grid,
        model=coupling,
        state=make_state(coupling),
        segments=expand(case),
        stepper=Stepper(
            first=t.first_step, smallest=t.min_step, largest=t.max_step, tolerance=t.tolerance, fixed=t.fixed_step
        ),
        recorder=recorder,
        stack_pressure=case.drive.stack_pressure,
        voltage_limit=case.drive.voltage_limit,
        cathode=make_cathode(case.cathode),
        initial_lithium=case.depth_below,
        output_interval=case.output.interval,
        checkpoint_interval=case.output.checkpoint_interval,
    )
