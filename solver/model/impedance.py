"""What a state passes across the contact when its potential changes a little: the admittance of `physics.impedance`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from solver.model.coupling import Coupling
from solver.numerics.array import Array
from solver.numerics.state import State


def linearise(coupling: Coupling, state: State, measured: Mapping[str, float]) -> Callable[[float], Array]:
    """Angular frequency (1/s) -> admittance of the cells, complex, S (collective).

    The charge equation then has the ions' ways of the state. measured: in the last step.
    """
    contact, penetration = coupling.places.now(state), coupling.penetration
    conductor, pressure = coupling.conductor(state, contact), coupling.applied_pressure(state, measured)
    _, held = coupling.plating(state, conductor, pressure).term(contact)(state["potential"].copy())
    if penetration:
        held = held + penetration.slope(state, contact, conductor.active, pressure)
    coupling.charge.conduct(contact, penetration.ways(state) if penetration else None)

    def admittance(omega: float) -> Array:
        others = sum(part.admittance(state, contact, omega) for part in coupling.parts)
        return np.asarray(held + others + np.zeros(state.grid.local_shape, complex))

    return admittance
