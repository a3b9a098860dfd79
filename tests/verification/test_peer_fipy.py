"""The coupled step agrees with an independent implementation in FiPy, field by field.

Both discretise the same way (cell-centred volumes, the same face averages, hybrid advection, backward Euler), so
only solver tolerances separate them: linear 1e-13, Newton 1e-12. FiPy's linear tolerance is relative to a
right-hand side of the size of the fields, summed over 1000 cells, which leaves 1e-11. AGREEMENT is a hundred times
that, and a thousand times smaller than what one per cent of any constant does (VISIBLE).
"""

from __future__ import annotations

import pytest

from benchmarks.setting import Run, Setting

STEPS = (0.2, 0.2, 2.0, 2.0, 2.0)  # s: a start, then steps as a run takes them
AGREEMENT = 1e-9  # of xi and c; of phi in V
VISIBLE = 1e-6  # difference after one per cent of a constant


def after_all_steps(lateral: str, **changes: float) -> tuple[Run, dict[str, float]]:
    """Both programs side by side through STEPS: ours, and the largest differences of all steps."""
    setting = Setting((24, 40), lateral=lateral, tolerance=1e-13, newton_tolerance=1e-12, lithium_tolerance=1e-12)
    ours = Run(setting)
    peer = ours.peer(**changes)
    worst: dict[str, float] = {}
    for dt in STEPS:
        ours.step(dt)
        peer.step(dt, setting.current_density)
        worst = {name: max(gap, worst.get(name, 0.0)) for name, gap in ours.differences(peer).items()}
    return ours, worst


@pytest.mark.parametrize("lateral", ["symmetric", "periodic"])
def test_fields_agree_with_fipy(lateral):
    ours, worst = after_all_steps(lateral)
    assert worst["lithium"] < AGREEMENT
    assert worst["occupancy"] < AGREEMENT
    assert worst["potential"] < AGREEMENT
    # the case is one in which everything happens: a void, hot spots, and drift
    measured = ours.results[-1].measured
    assert 0.1 < measured["contact_fraction"] < 0.9
    assert measured["local_current_max_ratio"] > 1.1
    assert abs(measured["drift_velocity"]) > 1e-11


@pytest.mark.parametrize(
    "constant, field",
    [
        ("conductivity", "potential"),
        ("transfer_coefficient", "potential"),
        ("diffusivity", "occupancy"),
        ("linear_annihilation_rate", "occupancy"),
        ("mobility", "lithium"),
        ("surface_energy", "lithium"),
    ],
)
def test_one_per_cent_of_a_constant_is_detected(constant, field):
    value = getattr(Run(Setting((24, 40))).peer().k, constant)
    _, worst = after_all_steps("symmetric", **{constant: 1.01 * value})
    assert worst[field] > VISIBLE, worst
