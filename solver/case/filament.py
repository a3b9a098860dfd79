"""The section [filament] of a case file: Li in the defects of the electrolyte. Without defects it does nothing."""

from __future__ import annotations

from typing import Annotated

from solver.case.types import Angle, AspectFactor, Length, Section, Width, key, resolved
from solver.units import Quantity, Usual

_DRIVES = Usual("0.1 MPa", "10 GPa", "driving pressures of filaments are some MPa; 1 V makes 7 GPa of Li")
LargestDrive = Annotated[float, Quantity("Pa", show="MPa", what="pressure", gt=0, usual=_DRIVES)]
WIDTHS_PER_CHANNEL = 1.5  # default channel_half_width over interface.width


class Filament(Section):
    """Li that penetrates the defects of the electrolyte."""

    aspect_factor: AspectFactor = key(
        100.0, "speed of a tip over that of a flat front: Li deposited along the flanks is squeezed to the tip"
    )
    contact_angle: Angle = key("90 deg", "contact angle of Li on the walls of opened defects")
    channel_half_width: Width = resolved(
        "numerical: the indicator of a boundary or crack is exp(-(d/l)^2) at the distance d, with this l; "
        "default 1.5 times interface.width"
    )
    largest_drive: LargestDrive = key(
        "10 MPa",
        "numerical: the drive f of a front is bounded, f_max tanh(f/f_max) with this f_max; more makes tips faster far "
        "above the threshold, and junctions of channels hold up to 0.4 of it more",
    )
    short_depth: Length = resolved(
        "distance of the short circuit from the contact; default the thickness of the electrolyte"
    )
