"""What reports have in common."""

from __future__ import annotations

import pytest

from postprocess.families import Row, columns, table


def test_a_row_has_its_ratio_where_both_are_numbers():
    assert Row("dip", "mV", 10.0, 12.0, "predicted").ratio == pytest.approx(1.2)
    for measured, computed in ((None, 1.0), (1.0, None), ("dip", "dip"), (0.0, 1.0)):
        assert Row("dip", "mV", measured, computed, "predicted").ratio is None


def test_the_table_has_a_line_for_each_row():
    lines = table([Row("dip on Cu", "mV", 10.4, 10.4321, "calibrated"), Row("side", "", "beneath", None, "predicted")])
    head, dip, side = lines.splitlines()
    assert head.split() == ["what", "unit", "measured", "computed", "ratio", "the", "number", "is"]
    assert dip.split() == ["dip", "on", "Cu", "mV", "10.4", "10.4", "1", "calibrated"]
    assert side.split() == ["side", "beneath", "-", "-", "predicted"]
    assert dip.index("calibrated") == side.index(" predicted")


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError):
        columns([("a", "b"), ("c",)])
