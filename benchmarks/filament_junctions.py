"""Where channels of defects bend and meet, and in pores: how far above the threshold Li gets on.

    python -m benchmarks.filament_junctions

Junctions: walls with Pi = 75 MPa from the contact to a junction at z = 6 lambda and on from there, lambda 200 nm,
`channel_half_width` lambda and 2 lambda, in an electrolyte of one potential. At rising voltages, given as the ratio of
(F/Omega) phi to Pi: + and no further when the arm, of a branch the one to the side, is filled 5 lambda behind the
junction. A run takes as long as a front needs for 30 lambda at a drive of Pi (ratio - 1), or of 0.05 Pi.

Pore: radius 0.5 um, centre 0.3 um above the contact, contact angle 120 degrees, at rest for 60 s, in which a front
passes 26 lambda at 0.5 MPa; 2 gamma |cos|/R = 1 MPa holds Li back. Given is the share of the pore that is filled
at the end, the mouth included.

Results are printed, never asserted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also as a plain script

from solver.laws import free_energy as fe
from tests.verification.junctions import CELL, JUNCTIONS, passes
from tests.verification.penetrating import FlawedCell
from tests.verification.setups import finish, prepare

RATIOS = (0.95, 1.0, 1.05, 1.1, 1.15, 1.2)


def filled_share(stack_pressure: float) -> float:
    """Of a pore at rest under this pressure, Pa."""
    cell = FlawedCell(depth=2e-7, stack_pressure=stack_pressure, exchange=2500.0, conductivity=1.0)
    pore = {"centre": ["1 um", "0.3 um"], "radius": "0.5 um"}
    case = cell.case(
        [{"kind": "rest", "duration": "60 s"}],
        5.0,
        domain={"width": "2 um", "lithium_thickness": "1 um"},
        defects=[{"kind": "pores", "pores": [pore]}],
        filament={"aspect_factor": 100.0, "contact_angle": "120 deg"},
    )
    simulation, model = prepare(case)
    finish(simulation)
    assert model.penetration is not None
    room = model.penetration.equation.defects.lithium_share
    return float((room * fe.step(simulation.state["filament"])).sum() / room.sum())


def junction(name: str, half_width: float) -> None:
    """Print one line; half_width in lambda."""
    signs = []
    for ratio in RATIOS:
        passed = passes(name, ratio, channel_half_width=f"{half_width * CELL.width} m")
        signs.append("+" if passed else "-")
        if signs[-1] == "+":
            break
    print(f"{name:<20} {half_width:10.1f} | {' '.join(f'{sign:>5}' for sign in signs)}", flush=True)


def pore(pressure: float) -> None:
    """Print one line; pressure in Pa."""
    print(f"{pressure / 1e6:8.0f} MPa {filled_share(pressure):12.2f}", flush=True)


def main() -> None:
    print("python -m benchmarks.filament_junctions\n")
    print(f"{'junction':<20} {'half-width':>10} | {' '.join(f'{ratio:5.2f}' for ratio in RATIOS)}")
    for name in JUNCTIONS:
        for half_width in (1.0, 2.0):
            junction(name, half_width)
    print("\npore, pressure  share filled")
    for pressure in (3e6, 10e6):
        pore(pressure)
    print(f"\n{process_time():.0f} s of processor time")


if __name__ == "__main__":
    main()
