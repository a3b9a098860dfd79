"""Opening w and separation energy G_b of grain boundaries from two critical currents: ccd.toml with Mg and with W.

    python cases/ccd/calibrate.py

For each film: the infiltration pressure Pi at which its measured current just does not penetrate, by bisection; a trial
is one plating half-cycle of the fresh cell of ccd.toml, as in a search. Then

    w = 2 (gamma_W - gamma_Mg)/(Pi_W - Pi_Mg),   G_b = Pi_Mg w - 2 gamma_Mg

with the signed energies gamma (J/m^2) of what lines the mouths: Mg leaves that of the electrolyte. The last line goes
into `solver/case/defects.py`. Takes some 20 trials of 10 to 60 s each on one core.
"""

from __future__ import annotations

from math import asinh
from pathlib import Path

import solver
from solver.case.schema import Case
from solver.constants import GAS_CONSTANT
from solver.exit_codes import EXIT_DONE
from solver.study.critical_current import bisect

CASE = Path(__file__).parent / "ccd.toml"
MEASURED = {"Mg": 1.3, "W": 5.0}  # mA/cm2: Oh et al., Energy Environ. Sci. 17 (2024) 7932
BRACKET = (0.9, 1.6)  # of the pressure that a flat contact of one exchange current has at this current
FREE = "1 m/s"  # permeance of the films: so large that it does not show. openings and G_b were calibrated without one
FINENESS = 0.005  # of that pressure
TRIAL_OPENING = 14e-9  # m; what matters is Pi, the opening only says how much Li goes into a boundary


def load(film: str, current: float, energy: float) -> Case:
    """The cell with this film, plated once at a current (mA/cm2); energy: G_b, J/m^2."""
    plate = f'{{kind="galvanostatic", direction="plate", current_density="{current} mA/cm^2", capacity="1 mAh/cm^2"}}'
    return solver.load_case(
        CASE,
        (
            f'interface.film={{material="{film}", thickness="30 nm", mouth_depth="2 um", permeance="{FREE}"}}',
            f'defects.0.opening="{TRIAL_OPENING} m"',
            f'defects.0.separation_energy="{energy} J/m^2"',
            f"protocol=[{plate}]",
        ),
    )


def lining(film: str) -> float:
    """Signed energy of the interface between Li and what lines the mouths, J/m^2."""
    case = load(film, 1.0, 1.0)
    assert case.interface.film is not None
    own, beneath = case.interface.film.lithium_interfacial_energy, case.electrolyte[0].lithium_interfacial_energy
    energy = beneath if own is None else own
    assert energy is not None
    return energy


def critical_pressure(film: str, current: float) -> float:
    """Pi (Pa) above which this current (mA/cm2) does not penetrate."""
    case = load(film, current, 1.0)
    thermal = GAS_CONSTANT * case.drive.temperature / case.lithium.molar_volume  # Pa
    flat = 2 * thermal * asinh(10 * current / (2 * case.interface.exchange_current_density))

    def penetrates(pressure: float) -> bool:
        energy = pressure * TRIAL_OPENING - 2 * lining(film)
        result = solver.run(load(film, current, energy))
        if result.exit_code != EXIT_DONE:  # an interrupted trial says nothing
            raise SystemExit(result.stop_reason)
        shorted = result.stop_kind == "short circuit"
        print(f"{film}, {current} mA/cm2, {pressure / 1e6:.1f} MPa: {'penetrates' if shorted else 'holds'}", flush=True)
        return shorted

    below, above = bisect(penetrates, BRACKET[0] * flat, BRACKET[1] * flat, FINENESS * flat)
    if below is None or above is None:
        raise SystemExit(f"{film}: Pi is outside {BRACKET[0]} to {BRACKET[1]} of {flat / 1e6:.0f} MPa")
    return 0.5 * (below + above)


def main() -> None:
    """Calibrate and print."""
    pressures = {film: critical_pressure(film, current) for film, current in MEASURED.items()}
    opening = 2 * (lining("W") - lining("Mg")) / (pressures["W"] - pressures["Mg"])
    energy = pressures["Mg"] * opening - 2 * lining("Mg")
    for film, pressure in pressures.items():
        print(f"{film}: Pi = {pressure / 1e6:.1f} MPa")
    print(f'CALIBRATED_OPENING, CALIBRATED_ENERGY = "{opening * 1e9:.1f} nm", "{energy:.2f} J/m^2"')


if __name__ == "__main__":
    main()
