"""Stripping and voids against pressure: runs, tables and pictures of this folder.

    python cases/pressure/sweep.py [--output results/pressure] [--processes 2] [--only ramp] [--report]

Every point is `lifront run` of a file of this folder with other values. A point that has ended is not run again, so an
interrupted sweep goes on where it was; what changes the points needs another --output. Tables (results.txt) and
pictures are written beside the runs; --report writes those of the runs that are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from report import has_ended, report

import solver
from solver.case.derived import annihilation_parameters, critical_stripping_current
from solver.study.campaign import Command, main, settings

HERE = Path(__file__).parent
PRESSURES = (1, 2, 3, 5, 7, 10, 15, 20)  # MPa
REFINED = ((100, (3, 7, 10, 15, 20)), (50, (15, 20, 10, 7)))  # lambda in nm, pressures in MPa
CLOSING = (1, 3, 5, 7, 10, 15, 20)
RAMP = (0.3, 2.0)  # times the planar formula, from the start of a ramp to its end
RAMP_FILLINGS = 25.0  # its duration in units of 1/r, in which the vacancy layer fills
STEPS_PER_FILLING = 12.0
FIRST_STEP = 0.1  # s
HELD = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # times the planar formula: currents that are held
HELD_FILLINGS = 20.0  # for so long, in units of 1/r
DEPTHS = 4.0  # layers sqrt(D/r) that the lithium holds
GAP, BUFFER = "20 MPa/um", '{thickness = "0.1 mm", youngs_modulus = "10 MPa"}'


@dataclass(frozen=True)
class Point:
    """One run: name of its directory, case file, values that differ from the file's."""

    name: str
    file: str
    overrides: tuple[str, ...] = ()


def setting(pressure: float, width: float, duration: float) -> tuple[float, float, tuple[str, ...]]:
    """Formula (A/m2), duration (s) of so many 1/r, and the values that both kinds of threshold need."""
    given = (f'drive.stack_pressure="{pressure} MPa"', f'interface.width="{width} nm"')
    case = solver.load_case(HERE / "ramp.toml", given)
    annihilation = annihilation_parameters(case)
    rate = float(annihilation.rate(case.drive.stack_pressure))
    step = 1 / (STEPS_PER_FILLING * rate)
    depth = max(6e-6, DEPTHS * annihilation.layer_depth(case.drive.stack_pressure))
    values = (
        *given,
        f'domain.lithium_thickness="{depth:.3g} m"',
        f'time.max_step="{step:.4g} s"',
        f'time.first_step="{min(step, FIRST_STEP):.4g} s"',
        'output.interval="1000 h"',
    )
    return critical_stripping_current(case), duration / rate, values


def ramp(pressure: float, width: float, slow: float = 1.0, what: str = "", *others: str) -> Point:
    """The current rises in proportion to the critical one of the formula, in a time in proportion to 1/r.

    what: a word for the other values `others`.
    """
    formula, duration, values = setting(pressure, width, slow * RAMP_FILLINGS)
    currents = ", ".join(f'"{-factor * formula:.6g} A/m^2"' for factor in RAMP)
    table = f'protocol.0.table={{time=["0 s", "{duration:.6g} s"], current_density=[{currents}]}}'
    name = f"ramp_{pressure:g}MPa_{width:g}nm" + (f"_{what}" if what else "")
    return Point(name, "ramp.toml", (*values, table, *others))


def held(pressure: float, factor: float, width: float = 200) -> Point:
    """A constant current, `factor` times the formula, until a tenth of the contact is lost."""
    formula, duration, values = setting(pressure, width, HELD_FILLINGS)
    segment = (
        'kind="galvanostatic", direction="strip", min_contact_fraction=0.9, '
        f'current_density="{factor * formula:.6g} A/m^2", duration="{duration:.6g} s"'
    )
    return Point(f"held_{pressure:g}MPa_{width:g}nm_{factor:g}", "ramp.toml", (*values, f"protocol=[{{{segment}}}]"))


def closing(pressure: float, hours: float, width: float = 200, below: bool = False) -> Point:
    """A void at rest."""
    overrides = (
        f'drive.stack_pressure="{pressure} MPa"',
        f'interface.width="{width} nm"',
        f'protocol.0.duration="{hours} h"',
        f'time.max_step="{hours / 60:.4g} h"',
        'output.interval="1000 h"',
        *(('lithium.voids.0.centre=["0 um", "-2 um"]', 'grid.fine_depth="3.5 um"') if below else ()),
    )
    return Point(f"closing_{pressure:g}MPa_{width:g}nm" + ("_below" if below else ""), "closing.toml", overrides)


def hot(exchange: float, width: float, plated: bool = False) -> Point:
    """Current beside a void; exchange current density in mA/cm2."""
    given = (f'interface.exchange_current_density="{exchange} mA/cm^2"', f'interface.width="{width} nm"')
    if plated:
        given = (*given, 'protocol.0.direction="plate"')
    return Point(f"hot_{exchange:g}mA_{width:g}nm" + ("_plated" if plated else ""), "hot.toml", given)


def fixtures() -> Iterator[Point]:
    """Constant pressure, a fixed gap, a soft layer."""
    gap = f'mechanics.fixture_stiffness="{GAP}"'
    yield Point("fixture_spring", "fixture.toml")
    yield Point("fixture_gap", "fixture.toml", (gap,))
    yield Point("fixture_buffer", "fixture.toml", (gap, f"mechanics.buffer={BUFFER}"))


def points() -> Iterator[Point]:
    """All runs, the cheap ones first."""
    hours = {1: 10, 3: 7, 5: 3, 7: 1.5, 10: 0.6, 15: 0.3, 20: 0.2}
    yield from (ramp(p, 200) for p in PRESSURES)
    yield from (held(p, factor) for p in (3, 5, 7) for factor in HELD)
    yield from (closing(p, hours[p]) for p in CLOSING)
    yield from fixtures()
    yield from (hot(i0, width) for i0 in (2.5, 25, 250) for width in (200, 100))
    yield from (hot(250, width, plated=True) for width in (200, 100))
    yield from (ramp(p, width) for width, refined in REFINED[:1] for p in refined)
    yield from (held(7, factor, width=100) for factor in HELD[:4])
    yield closing(7, hours[7], width=100)
    yield from (closing(p, hours[p], below=True) for p in (3, 7, 20))
    far_above = ('drive.stack_pressure="3 MPa"', 'protocol.0.capacity="0.1 mAh/cm^2"')  # five times the formula
    yield Point("opened_3MPa", "fixture.toml", ('title="1.0 mA/cm2 at 3 MPa"', *far_above))
    yield ramp(7, 200, 2, "slow")
    yield ramp(7, 200, 1, "fine", 'grid.spacing="50 nm"', 'time.max_step="2.75 s"')
    yield ramp(7, 200, 1, "seed2", "interface.heterogeneity.seed=2")
    yield ramp(7, 200, 1, "seed3", "interface.heterogeneity.seed=3")
    yield ramp(7, 200, 1, "uniform", "interface.heterogeneity.sigma=0.001")
    yield from (ramp(p, width) for width, refined in REFINED[1:] for p in refined)


def command(point: Point) -> Command:
    """`lifront run` of a point."""
    return Command(point.name, ("run", str(HERE / point.file), "--force", *settings(point.overrides)))


if __name__ == "__main__":
    main(__doc__, "results/pressure", [command(point) for point in points()], has_ended, report)
