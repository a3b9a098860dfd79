"""Cells with one flaw, for the verification of penetration; at a high conductivity all has one potential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from solver.case.schema import Case
from solver.laws import infiltration
from solver.loop.interrupts import Interrupts, Request
from solver.loop.simulation import Simulation
from tests.verification.setups import VOLUME_PER_CHARGE, make_case, prepare, recorder_of

OMEGA = 13.0e-6  # m^3/mol
TEMPERATURE = 298.15  # K
THERMAL = TEMPERATURE * 8.31446261815324 / 96485.33212  # RT/F, V
ASPECT = 1e4  # makes tips fast, so that runs are short
INTERFACIAL = -33.8 * 0.01602176634  # J/m^2, Li on Li6PS5Cl
ADVANCE = 4.0  # lambda by which a flaw must grow to count; one that is held fills its own diffuse end, 2 lambda


def driven(pressure: float, duration: float) -> dict[str, Any]:
    """A segment at the voltage of this pressure, Pa; s."""
    return {"kind": "potentiostatic", "voltage": f"{pressure * VOLUME_PER_CHARGE} V", "duration": f"{duration} s"}


@dataclass(frozen=True)
class FlawedCell:
    """A 2-D cell of 8 lambda width with one flaw.

    energy G_b, J/m^2; width lambda, depth and opening (None: elastic) in m;
    stress in Pa; exchange i0, A/m^2; conductivity S/m.
    """

    energy: float = 3.0
    width: float = 2e-7
    depth: float = 2e-6
    opening: float | None = 20e-9
    stack_pressure: float = 5e6
    residual_stress: float = 0.0
    aspect_factor: float = ASPECT
    exchange: float = 25.0
    conductivity: float = 100.0

    @staticmethod
    def of_pressure(intact: float, opening: float = 20e-9, **changes: Any) -> FlawedCell:
        """The cell whose intact Pi is the given one, Pa."""
        return FlawedCell(intact * opening - 2 * INTERFACIAL, opening=opening, **changes)

    def natural_time(self, pressure: float) -> float:
        """In which a front passes lambda under this drive, s."""
        rate = infiltration.mobility(
            aspect_factor=self.aspect_factor,
            molar_volume=OMEGA,
            exchange_current_density=self.exchange,
            width=self.width,
            temperature=TEMPERATURE,
        )
        return 1 / (6 * rate * pressure)

    def case(self, protocol: list[dict[str, Any]], max_step: float, **changes: Any) -> Case:
        """The case with this protocol and largest step, s. changes: sections in place of these."""
        side, um = 8 * self.width * 1e6, 1e6
        thickness = self.depth + 10 * self.width
        sections: dict[str, Any] = {
            "domain": {"width": f"{side} um", "lithium_thickness": f"{5 * self.width * um} um"},
            "interface": {"width": f"{self.width * um} um", "exchange_current_density": f"{self.exchange} A/m^2"},
            "grid": {"fine_depth": f"{5 * self.width * um} um", "max_spacing": f"{4 * self.width * um} um"},
            "electrolyte": [
                {
                    "thickness": f"{thickness * um} um",
                    "conductivity": f"{self.conductivity} S/m",
                    "residual_stress": f"{self.residual_stress} Pa",
                }
            ],
            "defects": [
                {
                    "kind": "flaws",
                    "spacing": f"{side} um",
                    "depth": f"{self.depth * um} um",
                    "opening": "elastic" if self.opening is None else f"{self.opening} m",
                    "separation_energy": f"{self.energy} J/m^2",
                }
            ],
            "filament": {"aspect_factor": self.aspect_factor},
            "drive": {"stack_pressure": f"{self.stack_pressure} Pa"},
            "time": {"first_step": f"{max_step / 50} s", "max_step": f"{max_step} s"},
            "output": {"interval": "1e6 s"},
        }
        return make_case(sections | changes, protocol)

    def held_at(self, voltage: float) -> tuple[bool, Simulation]:
        """Whether the flaw grows at a cell voltage (V): long enough for 4 lambda at a drive of 2 % of it."""
        natural = self.natural_time(voltage / VOLUME_PER_CHARGE)
        segment = {"kind": "potentiostatic", "voltage": f"{voltage} V", "duration": f"{250 * natural} s"}
        return self.grows(self.case([segment], 20 * natural))

    def grows(self, case: Case) -> tuple[bool, Simulation]:
        """Whether the flaw of this case grows by 4 lambda, and the run, which ends there."""
        simulation, _ = prepare(case)
        until = UntilDepth(simulation, self.depth + ADVANCE * self.width)
        with until:
            simulation.run(until)
        return until.reached, simulation


class UntilDepth(Interrupts):
    """Ends a run when Li has reached the depth z, m."""

    def __init__(self, simulation: Simulation, depth: float):
        super().__init__(simulation.grid.comm)
        self.simulation, self.depth, self.reached = simulation, depth, False

    def pending(self) -> Request:
        self.reached = self.simulation.progress.measured["penetration_depth"] >= self.depth
        self.reason = "depth"
        return Request.STOP if self.reached else super().pending()


def last_current(simulation: Simulation) -> float:
    """Current density of the last step, A/m^2."""
    return float(recorder_of(simulation).curves()["current_density"][-1])
