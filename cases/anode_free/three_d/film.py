"""A film of the Li between collector and electrolyte: its thickness seen from above, and the voltage.

mpirun -n 2 lifront run cases/anode_free/three_d/start.toml --output results/three_d
python cases/anode_free/three_d/film.py results/three_d [FILM.gif]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure

from postprocess.reader import Run

UM, MV, MINUTE = 1e6, 1e3, 60.0
PER_SECOND = 6  # pictures
DOTS_PER_INCH = 80


def main(directory: Path, film: Path) -> None:
    """Write the film, one picture for each snapshot."""
    run = Run(directory)
    thickness = [UM * run.field("lithium_thickness", n)[..., 0] for n in range(len(run.times))]
    curves = run.curves
    figure = Figure(figsize=(9, 4), constrained_layout=True)
    above, beside = figure.subplots(1, 2)
    x, y = (UM * run.faces[axis] for axis in ("x", "y"))
    seen = above.pcolormesh(x, y, thickness[0].T, vmin=0.0, vmax=max(map(np.max, thickness)), cmap="viridis")
    figure.colorbar(seen, ax=above, label="thickness of Li / µm")
    above.set(xlabel="x / µm", ylabel="y / µm", aspect="equal")
    beside.plot(curves["time"] / MINUTE, MV * curves["voltage"], color="#1f5fa8")
    beside.set(xlabel="time / min", ylabel="voltage / mV")
    beside.grid(alpha=0.25)
    now = beside.axvline(0.0, color="#c0392b")

    def show(n: int) -> tuple[object, ...]:
        seen.set_array(thickness[n].T)
        above.set_title(f"{run.times[n] / MINUTE:.1f} min", fontsize=10)
        now.set_xdata([run.times[n] / MINUTE] * 2)
        return seen, now

    animation = FuncAnimation(figure, show, frames=len(thickness))  # type: ignore[arg-type]  # its type asks for Artists, which these are
    animation.save(film, writer=PillowWriter(fps=PER_SECOND), dpi=DOTS_PER_INCH)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent / "start.gif")
