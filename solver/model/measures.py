"""What the coupled step measures: contact, voids, Li in all places, living and dead Li, hot spots of the current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.numerics.state import State
from solver.physics.charge import ChargeOutcome
from solver.physics.conductor import Conductor, find_conductor
from solver.physics.penetration import Penetration

Fields = Mapping[str, Array] | State


@dataclass(frozen=True)
class Measures:
    """Of the fields of a case. impurities a(x); width lambda, m; penetration: None without defects."""

    grid: Grid
    contact: Contact
    impurities: Array
    width: float
    penetration: Penetration | None

    def contact_fraction(self, lithium: Array) -> float:
        """int |grad psi| h(xi) / int |grad psi| (collective)."""
        return self.grid.sum(self.contact.area * fe.step(lithium)) / self.grid.sum(self.contact.area)

    def inventory(self, fields: Fields) -> float:
        """int m c + psi b beta h(zeta) dV per lateral area: thickness of Li at bulk occupancy, m (collective)."""
        return self.grid.integral(self._lithium_content(fields)) / self.grid.lateral_area

    def conductor(self, fields: Fields) -> Conductor:
        """Living and dead Li (collective)."""
        lithium = (self.contact.metal > 0.5) & (fields["lithium"] > 0.5)
        if self.penetration:
            lithium |= self.penetration.filled(fields["filament"])
        return find_conductor(self.grid, lithium, self.width)

    def of_step(
        self, fields: Fields, charge: ChargeOutcome, stored: float, transfer: Array, dt: float
    ) -> dict[str, float]:
        """Scalars of a step (collective).

        stored: charge that the double layer has taken, C/m^2; transfer: current per volume, A/m^3. Lengths are volumes
        per lateral area, m; `void_volume` is int m (1 - a - xi) dV, zero in full Li.
        """
        area, xi = self.grid.lateral_area, fields["lithium"]
        passed = charge.applied * dt / area
        conductor = self.conductor(fields)
        measured = {
            "current_density": charge.applied / area,
            "voltage": charge.voltage,
            "dead_lithium": self.grid.integral(conductor.dead * self._lithium_content(fields)) / area,
            "penetration_depth": 0.0,
            "filament_volume": 0.0,
            "charge": passed,
            "transferred_charge": passed - stored,
            "charge_error": charge.error,
            "contact_fraction": self.contact_fraction(xi),
            "void_volume": self.grid.integral(self.contact.metal * (1 - self.impurities - xi)) / area,
            "inventory": self.inventory(fields),
            "local_current_max_ratio": self._hot_spot(transfer) if charge.applied else 0.0,
        }
        if self.penetration:
            living, zeta = conductor.living, fields["filament"]
            measured |= self.penetration.measure(living, zeta, charge.voltage, charge.applied / area)
        return measured

    def _lithium_content(self, fields: Fields) -> Array:
        """m c + psi b beta h(zeta)."""
        content = self.contact.metal * fields["occupancy"]
        if self.penetration:
            content = content + self.penetration.equation.defects.lithium_share * fe.step(fields["filament"])
        return content

    def _hot_spot(self, transfer: Array) -> float:
        """Largest over mean of the current that passes the contact in one column of cells (collective)."""
        columns = self.grid.column_sums(transfer * self.grid.spacing[-1])
        mean = self.grid.integral(transfer) / self.grid.lateral_area
        return float(np.max(np.abs(columns)) / abs(mean)) if mean else 0.0
