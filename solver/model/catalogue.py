"""All fields and columns that results can have, of every part: what tables and tests of results go by."""

from __future__ import annotations

from solver.model import coupling
from solver.numerics.state import FieldInfo
from solver.physics.barrier import Barrier
from solver.physics.conductor import DeadLithium
from solver.physics.deformation import Deformation
from solver.physics.deposit import Deposit
from solver.physics.host import Host
from solver.physics.interphase import Interphase
from solver.physics.lithium import Lithium
from solver.physics.nucleation import Nucleation
from solver.physics.occupancy import Occupancy
from solver.physics.part import Column
from solver.physics.penetration import Penetration
from solver.physics.seed import Seed
from solver.physics.transfer import Transfer

PARTS = (
    Transfer, Lithium, Occupancy, Deformation, Penetration, DeadLithium, Nucleation, Seed, Interphase, Barrier, Host,
    Deposit,
)

FIELDS: dict[str, FieldInfo] = {
    info.name: info for outputs in (coupling.OUTPUTS, *(part.outputs for part in PARTS)) for info in outputs
}
COLUMNS: tuple[Column, ...] = (
    *(column for part in PARTS for column in part.columns),
    *coupling.ITERATIONS,
    *(balance.column for part in PARTS for balance in part.balances),
)
