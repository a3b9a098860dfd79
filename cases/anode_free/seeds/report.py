"""Tables and pictures of cycles.toml or dual.toml: dips, efficiency and what stays in seed layers over cycles.

lifront sweep cases/anode_free/seeds/cycles.toml --output results/seeds/cycles
python cases/anode_free/seeds/report.py results/seeds/cycles [BEGINNING OF THE NAMES OF THE PICTURES]
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from postprocess.cycle_plots import MAH_CM2, MV, PERCENT, Cycles, draw_efficiency, half_cycles
from postprocess.families import Row, case_of, columns, finished_runs, table
from postprocess.pictures import write_picture
from postprocess.reader import Run

FIRST = (1, 2, 3)  # cycles that are shown, and the last one
SEEN = 1.0  # mV, of a dip that a cycler sees
UAH_CM2 = 1 / 36.0  # C/m^2 -> uAh/cm^2
# whether the voltage dips from cycle 2 on: Oh et al., Adv. Energy Mater. (2025), doi 10.1002/aenm.202502711
MEASURED_DIP = {"Mg": "none", "Ag": "none", "Al": "dip", "In": "dip", "Zn": "dip", "Sn": "dip (from 10 on)"}
MEASURED_EFFICIENCY = {"Mg": 89.6}  # % of the first cycle: Oh et al., Energy Environ. Sci. 17 (2024) 7932
COLOURS = {1: "#1f5fa8", 2: "#2e8b57", 3: "#b8860b"}
LAST = "#c0392b"


def host(run: Run) -> str:
    """The materials of the seed."""
    collector = case_of(run).collector
    assert collector and collector.seed
    return " + ".join(host.material for host in collector.seed.hosts)


def layer(run: Run) -> str:
    """The seed with the thickness of each host."""
    collector = case_of(run).collector
    assert collector and collector.seed
    return " + ".join(f"{1e9 * host.thickness:.3g} nm of {host.material}" for host in collector.seed.hosts)


def dips(run: Run) -> dict[int, float]:
    """mV by cycle, of those that are shown."""
    plating = {int(row["cycle"]): row["dip"] for row in half_cycles(run) if row["charge"] > 0}
    return {cycle: MV * plating[cycle] for cycle in sorted({*FIRST, max(plating)} & set(plating))}


def line(run: Run) -> tuple[str, ...]:
    """A line of the table."""
    cycles, found = Cycles.read(run), dips(run)
    seed = half_cycles(run)[1]
    return (
        host(run),
        *(f"{found[cycle]:.1f}" for cycle in (*FIRST, max(found))),
        *(f"{PERCENT * cycles.efficiency[n]:.1f}" for n in (0, 1, -1)),
        f"{PERCENT * cycles.losses['seed_loss'][0]:.1f}",
        f"{PERCENT * cycles.losses['interphase_loss'][0]:.1f}",
        f"{seed['seed_loss'] * cycles.plated[0] * UAH_CM2:.1f}",
    )


HEADINGS = (
    "seed", *(f"dip {cycle}/mV" for cycle in (*FIRST, "last")), "efficiency 1/%", "2/%", "last/%",
    "seed/%", "interphase/%", "stays/uAh/cm2",
)  # fmt: skip


def draw_birth(axes: Axes, run: Run) -> None:
    """Potential during the first part of plating, of the cycles that are shown."""
    found, cycles = run.curves, dips(run)
    for row in half_cycles(run):
        cycle = int(row["cycle"])
        if row["charge"] < 0 or cycle not in cycles:
            continue
        within = (found["time"] > row["start_time"]) & (found["time"] <= row["end_time"])
        charge = (found["capacity"][within] - (row["capacity"] - row["charge"])) * MAH_CM2
        colour = COLOURS.get(cycle, LAST)
        axes.plot(charge, -MV * found["voltage"][within], color=colour, lw=1.4, label=f"cycle {cycle}")
    axes.axhline(0, color="grey", lw=0.8)
    axes.set(ylim=(-60, 120), xlim=(0, 0.4))
    axes.grid(alpha=0.25)


def main(directory: Path, pictures: str) -> None:
    """Print the tables, write the pictures."""
    runs = sorted(finished_runs(directory), key=host)
    print(columns([HEADINGS, *map(line, runs)]), end="\n\n")
    rows = (len(runs) + 2) // 3
    births, efficiencies = (Figure(figsize=(12, 0.5 + 3.25 * rows), constrained_layout=True) for _ in range(2))
    for figure, draw in (
        (births, draw_birth),
        (efficiencies, lambda axes, run: draw_efficiency(axes, Cycles.read(run))),
    ):
        for axes, run in zip(figure.subplots(rows, 3).ravel(), runs, strict=False):
            draw(axes, run)
            axes.set_title(layer(run), fontsize=10)
    births.axes[0].legend(fontsize=9)
    births.supxlabel("charge / (mAh/cm$^2$)", fontsize=10)
    births.supylabel("potential of the collector against Li / mV", fontsize=10)
    write_picture(births, Path(f"{pictures}dips.png"))
    write_picture(efficiencies, Path(f"{pictures}efficiency.png"))
    judged = []
    for run in runs:
        later = max(dip for cycle, dip in dips(run).items() if cycle > 1)
        computed = "dip" if later > SEEN else "none"
        judged.append(Row(f"dip from cycle 2 on, {host(run)}", "", MEASURED_DIP.get(host(run)), computed, "predicted"))
    for run in runs:
        first = PERCENT * Cycles.read(run).efficiency[0]
        measured = MEASURED_EFFICIENCY.get(host(run))
        judged.append(Row(f"first efficiency, {host(run)}", "%", measured, first, "predicted"))
    print(table(judged))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else f"{Path(__file__).resolve().parent}/")
