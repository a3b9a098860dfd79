"""Tables and pictures of half_cell.toml and full_cell.toml.

lifront sweep cases/anode_free/collectors/half_cell.toml --output results/collectors/half
lifront sweep cases/anode_free/collectors/full_cell.toml --output results/collectors/full
python cases/anode_free/collectors/report.py results/collectors [FOLDER OF THE PICTURES]
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure

from postprocess.cycle_plots import MAH_CM2, MV, PERCENT, Cycles, draw_capacity, draw_efficiency, half_cycles
from postprocess.families import Row, case_of, columns, finished_runs, table
from postprocess.pictures import write_picture
from postprocess.reader import Run

# All that is measured here: Wang et al., Small (2025), doi 10.1002/smll.202506473.
MEASURED_CU_DIP = 10.4  # mV at 0.25 mA/cm2
MEASURED_EFFICIENCY = {5.0: 88.3, 15.0: 92.1}  # % of the first cycle, by loading, mg/cm2
UAH_CM2 = 1 / 36.0  # C/m^2 -> uAh/cm^2


def name(run: Run) -> str:
    """Collector, and the seed on it."""
    collector = case_of(run).collector
    assert collector and collector.material
    return f"{collector.seed.material} on {collector.material}" if collector.seed else collector.material


def current(run: Run) -> float:
    """Current density, mA/cm2."""
    return 0.1 * abs(run.curves["current_density"][0])


def half_row(run: Run) -> tuple[str, ...]:
    """A line of the table of half-cells."""
    plating, found = half_cycles(run)[0], run.curves
    cycles = Cycles.read(run)
    nuclei, seed = found["nucleus_density"].max(), found.get("seed_lithium")
    return (
        name(run),
        f"{current(run):.2f}",
        f"{MV * plating['largest_voltage']:.1f}",
        f"{MV * plating['dip']:.1f}",
        f"{1e9 * nuclei**-0.5:.0f}" if nuclei > 0 else "-",
        "-" if seed is None else f"{seed.max() * UAH_CM2:.1f}",
        f"{PERCENT * cycles.efficiency[0]:.1f}",
        f"{PERCENT * cycles.losses['interphase_loss'][0]:.1f}",
        f"{PERCENT * cycles.losses['seed_loss'][0]:.1f}",
        f"{PERCENT * cycles.losses['left_loss'][0]:.1f}",
    )


HALF = (
    "collector", "mA/cm2", "largest/mV", "dip/mV", "nuclei/nm apart", "seed/uAh/cm2", "efficiency/%",
    "interphase/%", "seed/%", "left/%",
)  # fmt: skip


def half_cells(runs: list[Run], picture: Path) -> list[Row]:
    """Print the table, draw the potentials; what is measured of it."""
    runs.sort(key=lambda run: (current(run), name(run)))
    print(columns([HALF, *map(half_row, runs)]), end="\n\n")
    figure = Figure(figsize=(12, 4.6), constrained_layout=True)
    beginning, whole = figure.subplots(1, 2, width_ratios=(1.3, 1.0))
    for run in (run for run in runs if current(run) > 0.1):
        found, plating = run.curves, half_cycles(run)[0]
        within = found["time"] <= plating["end_time"]
        charge, potential = found["capacity"] * UAH_CM2, -MV * found["voltage"]
        beginning.plot(charge[within], potential[within], label=name(run))
        whole.plot(charge[~within] / 1e3, potential[~within], label=name(run))
    beginning.set(xlim=(0, 40), ylim=(-40, 20), xlabel="charge / (µAh/cm$^2$)")
    whole.set(ylim=(0, 200), xlabel="charge that is left / (mAh/cm$^2$)")
    beginning.set_title("birth, 0.25 mA/cm$^2$", fontsize=10)
    whole.set_title("stripping to 0.2 V", fontsize=10)
    for axes in (beginning, whole):
        axes.axhline(0, color="grey", lw=0.8)
        axes.set_ylabel("potential of the collector against Li / mV")
        axes.legend(fontsize=9)
        axes.grid(alpha=0.25)
    write_picture(figure, picture)
    dips = {(name(run), round(current(run), 2)): half_cycles(run)[0] for run in runs}
    deeper = dips["Cu", 0.25]["largest_voltage"] / dips["Cu", 0.05]["largest_voltage"]
    rows = [
        Row("dip on Cu, 0.25 mA/cm2", "mV", MEASURED_CU_DIP, MV * dips["Cu", 0.25]["dip"], "calibrated"),
        Row("minimum on Cu against 0 V, 0.25 over 0.05 mA/cm2", "1", "deeper", deeper, "predicted"),
    ]
    for of in ("Ni", "steel"):
        rows.append(Row(f"dip on {of}, 0.25 mA/cm2", "mV", None, MV * dips[of, 0.25]["dip"], "predicted"))
    rows.append(Row("dip on Au, 0.25 mA/cm2", "mV", "about 0", MV * dips["Au on steel", 0.25]["dip"], "calibrated"))
    return rows


def full_cells(runs: list[Run], picture: Path) -> list[Row]:
    """Draw efficiency and capacity of the cycles; what is measured of it."""
    runs.sort(key=lambda run: run.curves["cathode_lithium"].max())
    figure = Figure(figsize=(13.5, 7.5), constrained_layout=True)
    panels, rows = figure.subplots(2, len(runs), squeeze=False), []
    lines = [("loading/mg/cm2", "mAh/cm2", "first/%", "20th/%", "retention/%")]
    for run, (above, below) in zip(runs, panels.T, strict=True):
        cathode, cycles = case_of(run).cathode, Cycles.read(run)
        assert cathode and cathode.loading
        loading, retention = 100 * cathode.loading, PERCENT * cycles.stripped[-1] / cycles.stripped[0]
        draw_efficiency(above, cycles)
        draw_capacity(below, cycles)
        above.set_title(f"{loading:.0f} mg/cm$^2$ LiCoO$_2$ on Cu", fontsize=10)
        first, last = PERCENT * cycles.efficiency[[0, -1]]
        plated = cycles.plated[0] * MAH_CM2
        lines.append((f"{loading:.0f}", f"{plated:.2f}", f"{first:.1f}", f"{last:.1f}", f"{retention:.1f}"))
        measured = MEASURED_EFFICIENCY.get(round(loading, 3))
        rows.append(Row(f"first efficiency, {loading:.0f} mg/cm2", "%", measured, first, "predicted"))
        number = len(cycles.numbers)
        rows.append(Row(f"retention after {number} cycles, {loading:.0f} mg/cm2", "%", None, retention, "predicted"))
    print(columns(lines), end="\n\n")
    write_picture(figure, picture)
    return rows


def main(directory: Path, pictures: Path) -> None:
    """Print the tables, write the pictures."""
    rows: list[Row] = []
    if half := finished_runs(directory / "half"):
        rows += half_cells(half, pictures / "half_cell.png")
    if full := finished_runs(directory / "full"):
        rows += full_cells(full, pictures / "full_cell.png")
    print(table(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent)
