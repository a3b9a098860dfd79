"""Tables and pictures of the runs of sweep.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import k0e, k1e
from sharp import largest_ratio

import solver
from postprocess.contact_plots import GREY, Contact
from postprocess.pictures import write_picture
from postprocess.reader import Run
from solver.case.derived import annihilation_parameters, critical_stripping_current
from solver.case.schema import Case
from solver.constants import FARADAY, GAS_CONSTANT
from solver.laws.creep import creep_prefactor
from solver.model.coupling import THICKENED_SHARE
from solver.whole_files import write_text

Array = np.ndarray

MA_CM2, MAH_CM2 = 0.1, 1 / 3.6e4  # of A/m^2, of C/m^2
LOST, BEGUN = 0.9, 0.98  # contact over that at the start: voids are open; they begin to
HALF, CLOSED = 0.5, 0.05  # of the void volume at the start
CAPACITIES = (0.05, 0.1, 0.2)  # mAh/cm2, at which fixtures are compared
# critical stripping currents, (MPa, mA/cm2): Kasemchainan et al., Nat. Mater. 18 (2019) 1105
MEASURED = ((3, 0.2), (7, 1.0))
VARIATIONS = {
    "slow": "ramp half as fast",
    "fine": "cells and steps half as large",
    "seed2": "other heterogeneity",
    "seed3": "other heterogeneity",
    "uniform": "uniform kinetics",
}
# of closing times: outer radius of the Li that creeps (m), whether vacancies carry Li
ESTIMATES = {
    "creep, endless": (np.inf, False),
    "creep, 4 um": (4e-6, False),
    "vacancies": (None, True),
    "both, endless": (np.inf, True),
    "both, 4 um": (4e-6, True),
}
COLOURS = {200: "#1f5fa8", 100: "#c0392b", 50: "#2e8b57"}
FIXTURES = {
    "fixture_spring": ("constant pressure", "#1f5fa8", "-"),
    "fixture_gap": ("fixed gap", "#c0392b", "-"),
    "fixture_buffer": ("fixed gap with soft layer", "#2e8b57", "--"),
}


class Ended:
    """A run that has ended, with its case."""

    def __init__(self, directory: Path):
        self.name = directory.name
        self.run = Run(directory)
        self.curves = self.run.curves
        self.case: Case = solver.load_case(directory / "resolved.json")
        self.annihilation = annihilation_parameters(self.case)

    @property
    def pressure(self) -> float:
        """Stack pressure at the start, MPa."""
        return self.case.drive.stack_pressure / 1e6

    @property
    def width(self) -> int:
        """lambda, nm."""
        return round(self.case.interface.width * 1e9)

    @property
    def thickened(self) -> bool:
        """The layer is made 2 lambda deep at the stack pressure, or where more than a tenth of the planes vanish."""
        above = self.annihilation.thickening(self.case.drive.stack_pressure) > 1
        return bool(above) or float(self.curves["thickened_share"][-1]) > THICKENED_SHARE

    @property
    def formula(self) -> float:
        """(F/Omega) sqrt(D r) theta_c at the stack pressure, mA/cm2."""
        return critical_stripping_current(self.case) * MA_CM2

    def first(self, column: str, below: float, of: str) -> float:
        """Value of `of` when `column` first falls below `below` times its start, interpolated; NaN if never."""
        values = self.curves[column] / self.curves[column][0]
        after = np.flatnonzero(values < below)
        if not len(after):
            return float("nan")
        n = int(after[0])
        share = (values[n - 1] - below) / (values[n - 1] - values[n])
        return float((1 - share) * self.curves[of][n - 1] + share * self.curves[of][n])

    def critical(self, below: float) -> float:
        """Current density at which the contact has fallen to `below` times its start, mA/cm2."""
        return -self.first("contact_fraction", below, "current_density") * MA_CM2


def has_ended(directory: Path) -> bool:
    """Whether a run came to an end of its own."""
    return (directory / "done.json").exists()


def ended(output: Path, family: str) -> list[Ended]:
    """The runs of a family, in order of pressure and lambda."""
    directories = [path.parent for path in output.glob(f"{family}_*/summary.json")]
    runs = [Ended(directory) for directory in directories if has_ended(directory)]
    return sorted(runs, key=lambda r: (-r.width, r.pressure, r.name))


# -- closure at rest -------------------------------------------------------------------------------------------


def closing_time(run: Ended, outer: float | None, vacancies: bool) -> float:
    """Time in s in which a cylindrical void of the case's radius shrinks to CLOSED of its volume.

    outer: radius b of the Li around it, m; None without creep. Norton creep in plane strain under P = p + gamma/a,
    da/dt = -(sqrt(3)/2) a A (sqrt(3) P/(n s (1 - (a/b)^(2/n))))^n: the thick-walled cylinder of
    tests/verification/test_mechanics_creep.py.
    vacancies: the surface holds theta in equilibrium with its curvature, f'(theta) = gamma/a
    (solver/laws/free_energy.py), and the layer sqrt(D/r) takes them away, da/dt = -D theta k K1(k a)/K0(k a),
    k = sqrt(r(p)/D).
    """
    li, p = run.case.lithium, run.case.drive.stack_pressure
    radius = li.voids[0].radius
    a = np.linspace(radius, np.sqrt(CLOSED) * radius, 2000)
    speed = np.zeros_like(a)
    if outer is not None:
        prefactor = creep_prefactor(
            prefactor=li.creep_prefactor,
            activation_energy=li.creep_activation_energy,
            temperature=run.case.drive.temperature,
        )
        n, s = li.creep_exponent, li.size_effect_strengthening * 1e6
        stress = np.sqrt(3) * (p + li.surface_energy / a) / (n * (1 - (a / outer) ** (2 / n)))
        speed += 0.5 * np.sqrt(3) * a * prefactor * (stress / s) ** n
    if vacancies:
        k = np.sqrt(float(run.annihilation.rate(p)) / li.diffusivity)
        theta = vacancies_beside(run.case, li.surface_energy / a)
        speed += li.diffusivity * theta * k * k1e(k * a) / k0e(k * a)
    return float(np.sum(0.5 * (1 / speed[1:] + 1 / speed[:-1]) * -np.diff(a)))


def vacancies_beside(case: Case, force: Array) -> Array:
    """theta with A theta/(1 + b theta) = force, Pa: Gibbs and Thomson's while it is small."""
    li = case.lithium
    critical = li.surface_energy / case.interface.width
    ideal = max(GAS_CONSTANT * case.drive.temperature / li.molar_volume, critical / li.critical_vacancy_fraction)
    bend = ideal / critical - 1 / li.critical_vacancy_fraction
    return np.asarray(force / (ideal - bend * force))


# -- tables ----------------------------------------------------------------------------------------------------


def table(title: str, headings: str, rows: Iterable[Sequence[str]]) -> str:
    """Text with columns aligned to the right; headings are parted by two blanks."""
    lines = [headings.split("  "), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ("  ".join(f"{cell:>{n}}" for cell, n in zip(line, widths, strict=True)) for line in lines)
    return "\n".join([title, *(line.rstrip() for line in aligned)])


def critical_table(output: Path) -> str:
    """Critical currents beside the formula."""
    title = (
        "(a) Critical stripping current, mA/cm2: where a slow ramp has cost 10 % (2 %) of the contact\n"
        "formula: (F/Omega) sqrt(D r(p)) theta_c; share: of the planes that vanish where the layer is made 2 lambda\n"
        "deep, in the end; *: it is so at the stack pressure or where a tenth of them vanish"
    )
    headings = "p/MPa  lambda/nm  formula  j at 2 %  j at 10 %  *  over formula  void/nm  share  steps  with"
    rows = []
    for run in ended(output, "ramp"):
        c, critical = run.curves, run.critical(LOST)
        row = (
            f"{run.pressure:.0f}",
            f"{run.width}",
            f"{run.formula:.3f}",
            f"{run.critical(BEGUN):.3f}",
            f"{critical:.3f}",
            "*" if run.thickened else "",
            f"{critical / run.formula:.2f}",
            f"{1e9 * c['void_volume'][-1]:.0f}",
            f"{c['thickened_share'][-1]:.2f}",
            f"{c['step'][-1]:.0f}",
            VARIATIONS.get(run.name.rpartition("_")[2], ""),
        )
        rows.append(row)
    return table(title, headings, rows)


def held_table(output: Path) -> str:
    """Constant currents: those that keep the contact, and when others lose it."""
    title = (
        "    Constant currents, mA/cm2, for at most 20/r: the least contact over that at the start, and when a tenth\n"
        "    of it was lost, in s and in units of 1/r"
    )
    rows = []
    for run in sorted(ended(output, "held"), key=lambda r: (r.pressure, r.curves["current_density"][0] * -1)):
        current = -float(run.curves["current_density"][0]) * MA_CM2
        contact = run.curves["contact_fraction"]
        lost = run.first("contact_fraction", LOST, "time")
        fillings = lost * float(run.annihilation.rate(run.case.drive.stack_pressure))
        numbers = (current, current / run.formula, np.min(contact) / contact[0])
        when = ("held", "") if np.isnan(lost) else (f"{lost:.0f}", f"{fillings:.1f}")
        rows.append((f"{run.pressure:.0f}", f"{run.width}", *(f"{x:.3f}" for x in numbers), *when))
    return table(title, "p/MPa  lambda/nm  j  over formula  least contact  lost after  r t", rows)


def closing_table(output: Path) -> str:
    """Closing times beside the estimates."""
    title = (
        "(b) Time in s in which a void of radius 1 um (2-D: a cylinder) loses half and 95 % of its volume at rest\n"
        "estimates for 95 %: by creep of endless Li, by creep of a cylinder of Li of radius 4 um (half the distance\n"
        "of the voids), by vacancies, by vacancies and each of the two; share: planes that vanish in thickened layers"
    )
    rows = []
    for run in ended(output, "closing"):
        times = (run.first("void_volume", left, "time") for left in (HALF, CLOSED))
        estimates = [closing_time(run, *which) for which in ESTIMATES.values()]
        row = (
            f"{run.pressure:.0f}",
            f"{run.width}",
            "2 um below" if "below" in run.name else "at the contact",
            *(f"{time:.0f}" for time in times),
            *(f"{x:.3g}" for x in estimates),
            f"{np.max(run.curves['thickened_share']):.2f}",
        )
        rows.append(row)
    return table(title, "p/MPa  lambda/nm  where  50 %  95 %  " + "  ".join(ESTIMATES) + "  share", rows)


def fixture_table(output: Path) -> str:
    """Pressure, contact, voids and voltage at some capacities and at the end."""
    rows = []
    for run in ended(output, "fixture"):
        c = run.curves
        capacity = -c["capacity"] * MAH_CM2
        steps = np.searchsorted(capacity, np.array(CAPACITIES) * (1 - 1e-6))
        for n in sorted({int(n) for n in steps if n < len(capacity)} | {len(capacity) - 1}):
            row = (
                FIXTURES[run.name][0],
                f"{run.case.mechanics.stiffness / 1e12:.3f}",
                f"{capacity[n]:.3f}",
                f"{c['platen_pressure'][n] / 1e6:.3f}",
                f"{c['contact_fraction'][n]:.3f}",
                f"{c['touching_fraction'][n]:.3f}",
                f"{1e9 * c['void_volume'][n]:.0f}",
                f"{1e3 * c['voltage'][n]:.1f}",
                f"{1e6 * c['platen_displacement'][n]:.3f}",
            )
            rows.append(row)
    headings = "fixture  MPa/um  mAh/cm2  p/MPa  contact  touching  void/nm  V/mV  platen/um"
    return table("(c) Stripping at 1.0 mA/cm2 from 7 MPa", headings, rows)


def hot_table(output: Path) -> str:
    """The current beside a void against kinetics and lambda."""
    title = (
        "(d) Largest current per column of cells over the mean, beside a void that takes a quarter of the contact\n"
        "W = conductivity R T/(F i0): length over which the kinetics evens out the current; f: contact fraction\n"
        "sharp: of a sharp contact (sharp.py); start: in the first step, while the stress is the same along the contact"
    )
    rows = []
    for run in sorted(ended(output, "hot"), key=lambda r: (r.case.interface.exchange_current_density, -r.width)):
        case, largest = run.case, run.curves["local_current_max_ratio"]
        columns = float(np.diff(run.run.faces["x"])[0])
        lengths = (case.lithium.voids[0].radius, case.domain.width, case.electrolyte[0].thickness, columns)
        evenly = 1 / run.curves["contact_fraction"][-1]
        numbers = (evenly, largest_ratio(wagner_length(run), *lengths), largest[0], largest[-1])
        direction = case.protocol[0].direction
        i0 = case.interface.exchange_current_density * MA_CM2
        words = (direction, f"{i0:.1f}", f"{1e6 * wagner_length(run):.1f}", f"{run.width}")
        rows.append((*words, *(f"{x:.2f}" for x in numbers)))
    return table(title, "direction  i0/(mA/cm2)  W/um  lambda/nm  1/f  sharp  start  after 0.2 s", rows)


def opened_table(output: Path) -> str:
    """The same where stripping has opened voids."""
    rows = []
    for run in [r for family in ("ramp", "fixture", "opened") for r in ended(output, family)]:
        ratio = run.curves["local_current_max_ratio"]
        numbers = (ratio[0], np.max(ratio), ratio[-1], 1 / run.curves["contact_fraction"][-1])
        rows.append((run.name, *(f"{x:.2f}" for x in numbers)))
    title = "    The same in the runs above: at the start (uneven kinetics alone), the largest, and at the end"
    return table(title, "run  start  largest  end  1/f at the end", rows)


def wagner_length(run: Ended) -> float:
    """Conductivity times the resistance of the contact R T/(F i0), m."""
    resistance = GAS_CONSTANT * run.case.drive.temperature / (FARADAY * run.case.interface.exchange_current_density)
    return float(run.case.electrolyte[0].conductivity * resistance)


def write_tables(output: Path, path: Path) -> None:
    """All tables as text."""
    tables = (critical_table, held_table, closing_table, fixture_table, hot_table, opened_table)
    runs = [run for family in ("ramp", "held", "closing", "fixture", "hot", "opened") for run in ended(output, family)]
    commits = {run.run.summary["provenance"]["versions"]["git commit"][:10] for run in runs}
    head = f"python cases/pressure/sweep.py: {len(runs)} runs, commit {', '.join(sorted(commits))}"
    write_text(path, "\n\n".join([head, *(make(output) for make in tables)]) + "\n")


# -- pictures --------------------------------------------------------------------------------------------------


def picture(width: float, height: float) -> Figure:
    """An empty picture, inches."""
    figure = Figure(figsize=(width, height), constrained_layout=True)
    return figure


def critical_picture(output: Path, path: Path) -> None:
    """Critical current against pressure: model, formula, measured."""
    figure = picture(7.5, 5.5)
    axes = figure.subplots()
    runs = [run for run in ended(output, "ramp") if run.name.endswith("nm")]
    p = np.geomspace(1, 20, 200)
    for width in dict.fromkeys(run.width for run in runs):
        group = [run for run in runs if run.width == width]
        colour, law = COLOURS[width], group[0].annihilation
        li = group[0].case.lithium
        scale = FARADAY / li.molar_volume * li.critical_vacancy_fraction * MA_CM2
        if width == max(run.width for run in runs):
            formula = scale * np.sqrt(li.diffusivity * law.physical_rate(p * 1e6))
            axes.plot(p, formula, color="k", lw=1.2, label="planar formula")
        for thickened, face in ((False, colour), (True, "none")):
            points = [(run.pressure, run.critical(LOST)) for run in group if run.thickened == thickened]
            label = f"model, $\\lambda$ = {width} nm" + (", thickened layer" if thickened else "")
            if points:
                axes.plot(*np.transpose(points), "o", ms=8, color=colour, mfc=face, label=label)
    held = ended(output, "held")
    for width, pressure in sorted({(run.width, run.pressure) for run in held}, reverse=True):
        group = [run for run in held if (run.width, run.pressure) == (width, pressure)]
        keeps = np.array([np.isnan(run.first("contact_fraction", LOST, "time")) for run in group])
        currents = -np.array([run.curves["current_density"][0] for run in group]) * MA_CM2
        ends = currents[keeps].max(), currents[~keeps].min()
        label = f"held, not held, {width} nm" if pressure == max(run.pressure for run in held) else None
        axes.plot([pressure, pressure], ends, "_-", ms=12, mew=1.5, color=COLOURS[width], label=label)
    axes.plot(*np.transpose(MEASURED), "*", ms=15, mfc="none", mec="#d68910", mew=1.5, label="measured (calibrated)")
    axes.set(xscale="log", yscale="log", xlabel="stack pressure / MPa")
    axes.set_ylabel("critical stripping current / (mA/cm$^2$)")
    finish(axes, [1, 2, 3, 5, 7, 10, 15, 20])
    write_picture(figure, path, dpi=100)


def finish(axes: Axes, pressures: Sequence[float]) -> None:
    """Ticks at the pressures (MPa) of a logarithmic axis, grid and legend."""
    axes.set_xticks(pressures, labels=[f"{p:g}" for p in pressures])
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)


def closing_picture(output: Path, path: Path) -> None:
    """Closing time against pressure beside the estimates."""
    figure = picture(7.5, 5)
    axes = figure.subplots()
    runs = ended(output, "closing")
    at = [run for run in runs if run.width == 200 and "below" not in run.name]
    p = [run.pressure for run in at]
    for (label, which), style in zip(ESTIMATES.items(), (":", ":", "--", "-", "-"), strict=True):
        colour = GREY if label.endswith("4 um") else "k"
        times = [closing_time(run, *which) for run in at]
        axes.plot(p, times, style, color=colour, lw=1.2, label=f"estimate: {label.replace('um', 'µm')}")
    groups = (
        ("at the contact, $\\lambda$ = 200 nm", at, "o", 200),
        ("2 µm below it, $\\lambda$ = 200 nm", [run for run in runs if "below" in run.name], "s", 50),
        ("at the contact, $\\lambda$ = 100 nm", [run for run in runs if run.width == 100], "o", 100),
    )
    for label, group, marker, colour in groups:
        times = [run.first("void_volume", CLOSED, "time") for run in group]
        axes.plot([run.pressure for run in group], times, marker, ms=8, color=COLOURS[colour], label=label)
    axes.set(xscale="log", yscale="log", xlabel="stack pressure / MPa", ylabel="time to lose 95 % of the volume / s")
    axes.set_ylim(3, 1e5)
    finish(axes, p)
    write_picture(figure, path, dpi=100)


def fixture_picture(output: Path, path: Path) -> None:
    """Pressure, contact, voids and voltage against capacity."""
    figure = picture(9, 6)
    panels: Sequence[Axes] = figure.subplots(2, 2, sharex=True).ravel()
    quantities = (
        ("platen_pressure", 1e-6, "pressure of the platen / MPa"),
        ("contact_fraction", 1.0, "contact fraction"),
        ("void_volume", 1e6, "void volume per area / µm"),
        ("voltage", 1e3, "voltage / mV"),
    )
    for run in ended(output, "fixture"):
        label, colour, style = FIXTURES[run.name]
        capacity = -run.curves["capacity"] * MAH_CM2
        for axes, (name, factor, _) in zip(panels, quantities, strict=True):
            axes.plot(capacity, factor * run.curves[name], style, color=colour, label=label)
    for axes, (_, _, text) in zip(panels, quantities, strict=True):
        axes.set_ylabel(text)
        axes.grid(alpha=0.25)
    for axes in panels[2:]:
        axes.set_xlabel("capacity / (mAh/cm$^2$)")
    panels[0].set_ylim(bottom=0)
    panels[1].set_ylim(0, 1.05)
    panels[0].legend(fontsize=9)
    write_picture(figure, path, dpi=100)


def hot_picture(output: Path, path: Path) -> None:
    """The current along the contact beside a void."""
    figure = picture(7.5, 4)
    axes = figure.subplots()
    runs = [run for run in ended(output, "hot") if run.width == 100 and not run.name.endswith("plated")]
    for run in sorted(runs, key=lambda r: r.case.interface.exchange_current_density):
        contact = Contact.read(run.run, -1)
        i0 = run.case.interface.exchange_current_density * MA_CM2
        label = f"$i_0$ = {i0:g} mA/cm$^2$, W = {1e6 * wagner_length(run):.3g} µm"
        axes.plot(contact.x, contact.current / np.mean(contact.current), label=label)
    axes.axvspan(0, 1, color="k", alpha=0.1, label="void")
    axes.set(xlabel="x / µm", ylabel="local current density / mean", xlim=(0, 4), ylim=(0, None))
    axes.grid(alpha=0.25)
    axes.legend(fontsize=9)
    write_picture(figure, path, dpi=100)


def report(output: Path) -> None:
    """Tables and pictures beside the runs."""
    write_tables(output, output / "results.txt")
    pictures = {"ramp": critical_picture, "closing": closing_picture, "fixture": fixture_picture, "hot": hot_picture}
    for family, draw in pictures.items():
        if ended(output, family):
            draw(output, output / f"{'critical' if family == 'ramp' else family}.png")
