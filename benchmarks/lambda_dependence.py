"""How much results depend on the interface width lambda, and how many cells per lambda are needed.

    python -m benchmarks.lambda_dependence [--quick]

Resolution: errors, against the cells per lambda, of the interface energy, of the speed of a driven front
(v = 6 lambda L dG) and of the vacancy fraction at which a perturbation of full Li is neutral (uniform, and of
wavelength 20 lambda).

Critical current: the stripping current that opens voids over the formula (F/Omega) sqrt(D r) theta_c, by bisection
of short runs of a narrow 2-D box with the default material and heterogeneous kinetics, against lambda, the largest
step and the contact angle. A current is above the critical one when the contact fraction falls below 0.9 within
four filling times 1/r.

Results are printed, never asserted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also as a plain script

from solver.case.schema import Case
from solver.loop.runner import run
from solver.model.build import make_coupling, make_grid
from tests.verification.setups import energy
from tests.verification.test_free_energy import interface_energy, relaxed_profile
from tests.verification.test_front import DRIVE, SPEED, front_velocity
from tests.verification.test_front import WIDTH as FRONT_WIDTH
from tests.verification.test_threshold import MOBILITY, growth_rate

LOST = 0.9  # contact fraction
FARADAY_PER_VOLUME = 96485.33212 / 13.0e-6


def stripping_case(
    width: float, pressure: float, current: float, duration: float, max_step: float, angle: float
) -> Case:
    """Narrow box; depth and electrolyte as far as the layer needs."""
    depth = "12 um" if pressure > 5e6 else "25 um"
    return Case.model_validate(
        {
            "schema_version": 1,
            "domain": {"width": "4 um", "lithium_thickness": depth},
            "electrolyte": [{"thickness": "3 um"}],
            "interface": {
                "width": f"{width} m",
                "contact_angle": f"{angle} deg",
                "heterogeneity": {"kind": "random", "sigma": 0.8},
            },
            "grid": {"fine_depth": "1 um", "growth": 1.15},
            "drive": {
                "stack_pressure": f"{pressure} Pa",
                "current_density": f"{current} A/m^2",
                "voltage_limit": "1 V",
            },
            "time": {"max_step": f"{max_step} s"},
            "protocol": [
                {
                    "kind": "galvanostatic",
                    "direction": "strip",
                    "duration": f"{duration} s",
                    "min_contact_fraction": LOST,
                }
            ],
        }
    )


def critical_ratio(
    width: float, pressure: float, fillings: float, max_step: float, angle: float, halvings: int
) -> tuple[float, float]:
    """Bracket of the critical current over the formula."""
    probe = stripping_case(width, pressure, 1.0, 1.0, max_step, angle)
    annihilation = make_coupling(probe, make_grid(probe)).deformation.annihilation
    rate = float(annihilation.rate(pressure))
    formula = np.sqrt(probe.lithium.diffusivity * rate) * probe.lithium.critical_vacancy_fraction * FARADAY_PER_VOLUME
    low, high = 0.4, 2.0
    for _ in range(halvings):
        middle = 0.5 * (low + high)
        case = stripping_case(width, pressure, middle * formula, fillings / rate, max_step, angle)
        lost = run(case).curves["contact_fraction"][-1] < LOST
        low, high = (low, middle) if lost else (middle, high)
    return low, high


def critical_currents(quick: bool) -> None:
    print("Critical stripping current over (F/Omega) sqrt(D r) theta_c, contact lost within 4/r")
    print(f"{'pressure':>9} {'angle':>7} {'lambda':>8} {'largest step':>13} {'j_c/formula':>14} {'wall s':>8}")
    rows = [(7e6, 90.0, w, s) for w, s in ((200e-9, 5.0), (100e-9, 5.0), (50e-9, 5.0), (200e-9, 1.0), (100e-9, 1.0))]
    rows += [(3e6, 90.0, 200e-9, 5.0), (3e6, 90.0, 100e-9, 5.0)]
    rows += [(7e6, angle, 200e-9, 5.0) for angle in (8.0, 60.0, 125.0)]
    for pressure, angle, width, max_step in rows[:1] if quick else rows:
        begun = perf_counter()
        low, high = critical_ratio(width, pressure, 4.0, max_step, angle, 4 if quick else 6)
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        print(
            f"{pressure / 1e6:6.0f} MPa {angle:3.0f} deg {width * 1e9:5.0f} nm {max_step:11.1f} s "
            f"{middle:8.3f} +- {half:.3f} {perf_counter() - begun:6.0f}",
            flush=True,
        )


def resolution() -> None:
    print("\nErrors against the cells per lambda (per cent)")
    print(f"{'cells':>6} {'interface energy':>17} {'front speed':>12} {'threshold, uniform':>19} {'20 lambda':>10}")
    for cells in (1.0, 1.5, 2.0, 3.0, 4.0):
        excess = interface_energy(*relaxed_profile(round(20 * cells))) - 1  # a box of 20 lambda
        speed = front_velocity(DRIVE, cells, 0.05 * FRONT_WIDTH / SPEED / cells**2) / SPEED - 1
        print(
            f"{cells:6.1f} {100 * excess:17.3f} {100 * speed:12.3f} "
            f"{100 * threshold_error(0, cells):19.4f} {100 * threshold_error(1, cells):10.3f}",
            flush=True,
        )


def threshold_error(waves: int, cells: float) -> float:
    """Relative error of the vacancy fraction at which a perturbation is neutral: waves per 20 lambda."""
    p = energy(100e-9, 0.1)
    rates = [growth_rate(p, theta, waves, round(20 * cells)) for theta in (0.08, 0.14)]
    neutral = 0.08 - rates[0] * 0.06 / (rates[1] - rates[0])
    k = 2 * np.pi * waves / (20 * p.width)
    exact = 0.1 * (1 + MOBILITY * p.gradient * k**2 / (2 * MOBILITY * p.barrier))
    return neutral / exact - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one row of the first table, coarsely")
    arguments = parser.parse_args()
    resolution()
    print()
    critical_currents(arguments.quick)


if __name__ == "__main__":
    main()
