"""Quasi-static stress: Newton steps, Krylov iterations and seconds per cell when grid, contrast and time step change.

    python -m benchmarks.mechanics [--quick]

A box of 6.4 um, three quarters of it Li that creeps with n = 6.6, lambda = 200 nm, the electrolyte above it elastic;
one large void at the contact, or some small ones at the contact and below it. The load is 3 MPa; growth is that of a
run (creep of the planes and linear annihilation). Every point is a process of its own, so that peak memory is that of
the point. A step is cold when it starts at rest from the pressure of the load, warm when it starts from the last one.
Warm are the means (seconds: the median) over four steps after two others, in which the voids grow by 0.1 per cent.
`to 1e-6`: iterations for six digits of one more linear system with a new preconditioner, a measure that does not
depend on the tolerances of Newton's method. Contrast: G dt of the electrolyte over the viscosity of the voids.
"""

from __future__ import annotations

import argparse
import json
import resource
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks import processes
from solver.laws.creep import CreepLaw
from solver.numerics.array import Array
from solver.numerics.grid import Grid
from solver.physics.force_balance import ForceBalance, Growth, Load, MechanicalState
from solver.physics.mechanics import Mechanics
from solver.physics.rheology import Properties, memory_weight

BOX = 6.4e-6  # m
LAMBDA = 200e-9  # m
METAL_SHARE = 0.75
ELECTROLYTE_SHEAR, ELECTROLYTE_BULK = 8e9, 28e9  # Pa
STRENGTH, PREFACTOR = 7e6, 0.01398  # Pa, 1/s at 298 K
# centre (x = y, z below the contact) and radius, in boxes
VOIDS = {
    "none": (),
    "large": ((0.5, 0.0, 0.24),),
    "small": ((0.15, 0.0, 0.06), (0.45, 0.02, 0.08), (0.8, 0.0, 0.1), (0.3, -0.3, 0.06), (0.7, -0.45, 0.08)),
}


@dataclass(frozen=True)
class Point:
    """What is measured: cells along a side; dt in s; n of creep; tilt: slope of the contact, a cosine across."""

    dim: int
    cells: int
    contrast: float = 1e8
    voids: str = "large"
    dt: float = 1.0
    exponent: float = 6.6
    pressure: float = 3e6
    tilt: float = 0.0
    direct: bool = False
    steps: int = 6


class Setting:
    """Grid, materials and growth of a point."""

    def __init__(self, point: Point):
        self.point, n, dim = point, point.cells, point.dim
        spacing = BOX / n
        normal = (np.arange(n + 1) - round(METAL_SHARE * n)) * spacing
        self.grid = grid = Grid([np.arange(n + 1) * spacing] * (dim - 1) + [normal], [True] * (dim - 1))
        x, z = grid.cell_coordinates()[0], grid.cell_coordinates()[-1]
        wave = 2 * np.pi / BOX
        self.height = z - point.tilt / wave * np.cos(wave * x)
        self.psi = np.broadcast_to(0.5 * (1 + np.tanh(self.height / LAMBDA)), grid.local_shape)
        ones = np.ones(grid.local_shape)
        slope = point.tilt * np.sin(wave * x) * ones
        length = np.sqrt(1 + slope**2)
        direction = (slope / length, *([0 * ones] * (dim - 2)), ones / length)
        self.properties = Properties(
            creep=CreepLaw(prefactor=PREFACTOR, exponent=point.exponent, strength=STRENGTH),
            lithium_shear=2.83e9,
            lithium_bulk=10.8e9,
            void_viscosity=ELECTROLYTE_SHEAR * point.dt / point.contrast,
            electrolyte_shear=ELECTROLYTE_SHEAR * ones,
            electrolyte_bulk=ELECTROLYTE_BULK * ones,
            memory=memory_weight(self.psi),
            normal=direction,
            residual_stress=0 * ones,
        )
        self.mechanics = Mechanics(grid, self.properties, direct=point.direct)
        self.load = Load(pressure=point.pressure)

    def lithium(self, scale: float = 1.0) -> Array:
        """Order parameter xi with the voids, their radii scaled."""
        grid, coordinates = self.grid, self.grid.cell_coordinates()
        inside = np.zeros(grid.local_shape)
        for across, z, radius in VOIDS[self.point.voids]:
            lateral = sum((c - across * BOX) ** 2 for c in coordinates[:-1])
            distance = np.sqrt(lateral + (coordinates[-1] - z * BOX) ** 2)
            inside = np.maximum(inside, 0.5 * (1 - np.tanh((distance - scale * radius * BOX) / LAMBDA)))
        return 1 - inside

    def growth(self, lithium: Array) -> Growth:
        """S(s_n): planes vanish near the contact under stress, by creep and by linear annihilation."""
        weight = (1 - self.psi) * np.exp(np.minimum(self.height, 0) / 1e-6) * 0.03 * (lithium > 0.9)
        n, linear = self.point.exponent, 1.6e-4

        def rate(stress: Array) -> tuple[Array, Array]:
            push = np.maximum(stress, 0) / 1e6
            creep = PREFACTOR * (push * 1e6 / STRENGTH) ** n
            slope = n * creep / np.maximum(push, 1e-12) + linear
            return -weight * (creep + linear * push), -weight * slope / 1e6

        return rate


def run(point: Point) -> dict[str, Any]:
    """Some steps while the voids grow slowly, then one more linear system."""
    setting = Setting(point)
    mechanics = setting.mechanics
    state = mechanics.start(point.pressure)
    rows = []
    for k in range(point.steps):
        xi = setting.lithium(1 + 1e-3 * k)
        start, setups = perf_counter(), mechanics.solver.setups
        result = mechanics.step(state, xi, setting.growth(xi), setting.load, point.dt)
        rows.append(
            {
                "seconds": perf_counter() - start,
                "newton": result.newton,
                "krylov": result.outcome.iterations,
                "setups": mechanics.solver.setups - setups,
                "converged": result.outcome.converged,
                "imbalance": result.outcome.norm,
                "reason": result.outcome.reason,
            }
        )
        state = result.state
    found = {"rows": rows, **linear_system(setting, state)}
    return found | {"peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def linear_system(setting: Setting, state: MechanicalState) -> dict[str, float]:
    """Of the voids grown once more, with a new preconditioner: iterations for six digits, seconds to set it up, and for
    an iteration.
    """
    m, xi = setting.mechanics, setting.lithium(1.01)
    problem = ForceBalance(m, state, m.rheology.solid_share(xi), setting.growth(xi), setting.load, setting.point.dt)
    at = problem.evaluate(state.velocity, state.pressure, state.growth)
    m.solver.stale = True
    start = perf_counter()
    problem.solve(at, problem.remembered, 0.9)
    set_up = perf_counter() - start
    start = perf_counter()
    iterations = problem.solve(at, problem.remembered, 1e-6)[1].iterations
    return {"iterations": iterations, "set_up": set_up, "apply": (perf_counter() - start) / (iterations + 1)}


def measure(point: Point, ranks: int = 1) -> dict[str, Any]:
    """One point in a process of its own."""
    return processes.point("benchmarks.mechanics", json.dumps(asdict(point)), ranks=ranks)


HEADER = (
    "                                       |     cold     |       warm step       "
    "|      linear system       |  warm step\n"
    "  grid voids contrast     dt  method   | newton krylov| newton krylov set-ups | to 1e-6 set-up s apply ms|"
    "       s  us/cell  peak MB"
)


def line(point: Point, ranks: int = 1) -> None:
    """Measure a point and print its line."""
    r = measure(point, ranks)
    cold, warm = r["rows"][0], r["rows"][2:]
    failed = "".join(f"  {row['reason']}" for row in r["rows"] if not row["converged"])
    mean = {key: sum(row[key] for row in warm) / len(warm) for key in ("newton", "krylov", "setups")}
    seconds = median(row["seconds"] for row in warm)
    method = "direct" if point.direct else "amg"
    print(
        f"{point.cells:4d}^{point.dim} {point.voids} {point.contrast:8.0e} {point.dt:6g}  {method:>6}   |"
        f" {cold['newton']:6d} {cold['krylov']:6d}|"
        f" {mean['newton']:6.1f} {mean['krylov']:6.1f} {mean['setups']:7.1f} |"
        f" {r['iterations']:7d} {r['set_up']:8.2f} {1e3 * r['apply']:8.1f}|"
        f" {seconds:7.2f}  {1e6 * seconds / point.cells**point.dim:7.1f}  {1e-6 * r['peak']:7.0f}{failed}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="up to 128^2 and 24^3 only")
    parser.add_argument("--point", help="one point as JSON")
    arguments = parser.parse_args()
    if arguments.point:
        print(json.dumps(run(Point(**json.loads(arguments.point)))))
        return
    quick = arguments.quick
    print(f"python -m benchmarks.mechanics{' --quick' if quick else ''}")
    print(f"\nrefinement in 2-D and 3-D\n{HEADER}")
    for voids in ("large", "small"):
        for n in (64, 128) if quick else (64, 128, 256, 512):
            line(Point(2, n, voids=voids))
        for n in (16, 24) if quick else (24, 32, 48, 64):
            line(Point(3, n, voids=voids))
    print(f"\ncontrast and time step\n{HEADER}")
    for voids in ("large", "small"):
        for contrast in (1e6, 1e8, 1e10, 1e12):
            line(Point(2, 128, contrast, voids))
        for dt in (0.1, 10.0, 100.0):
            line(Point(2, 128, voids=voids, dt=dt))
    print(f"\na contact inclined by up to 17 degrees\n{HEADER}")
    for n in (64, 128):
        line(Point(2, n, tilt=0.3))
    print(f"\nthe direct solver\n{HEADER}")
    for n in (64,) if quick else (64, 128, 256):
        line(Point(2, n, direct=True))


if __name__ == "__main__":
    main()
