"""The section [mechanics] of a case file: the platen with what is behind it, and the solution of the force balance."""

from __future__ import annotations

from typing import Literal

from solver.case.types import (
    BufferThickness,
    Iterations,
    Modulus,
    Section,
    Stiffness,
    Switch,
    Tolerance,
    Viscosity,
    key,
    required,
)


class Buffer(Section):
    """A soft layer behind the collector, between platen and fixture."""

    thickness: BufferThickness = required("thickness of the layer")
    youngs_modulus: Modulus = required("Young's modulus of the layer")

    @property
    def stiffness(self) -> float:
        """Pressure per compression, E/d, Pa/m: the sides of the layer are free."""
        return self.youngs_modulus / self.thickness


class Mechanics(Section):
    """What carries the pressure, and how the force balance is solved."""

    platen: Switch = key(
        True,
        "a rigid platen at the bottom, pushed with the stack pressure; without it the bottom is free of load",
    )
    fixture_stiffness: Stiffness = key(
        "0 MPa/um",
        "rise of the stack pressure per displacement of the platen: 0 is a spring at constant pressure, "
        "a large value a fixed gap",
    )
    buffer: Buffer | None = key(None, "soft layer behind the collector, in series with the fixture; none without it")
    void_viscosity: Viscosity = key(
        "1e5 Pa*s", "shear viscosity that stands for a void; small against that of Li"
    )
    tolerance: Tolerance = key(
        1e-3, "largest relative imbalance of forces and volumes at which the iteration for the creep viscosity stops"
    )
    max_iterations: Iterations = key(60, "largest number of these iterations; a step that needs more is rejected")
    linear_solver: Literal["iterative", "direct"] = key("iterative", "solver of the linear systems")

    @property
    def stiffness(self) -> float:
        """Rise of the stack pressure per displacement of the platen, Pa/m: fixture and buffer in series."""
        if self.buffer is None or self.fixture_stiffness == 0.0:
            return self.fixture_stiffness
        return 1.0 / (1.0 / self.fixture_stiffness + 1.0 / self.buffer.stiffness)
