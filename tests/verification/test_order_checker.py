"""The order checker itself: it must reject what is wrong, or no order shown with it means anything."""

from __future__ import annotations

import pytest

from tests.verification.order import assert_order, observed_orders

SIZES = [0.1, 0.05, 0.025, 0.0125]


def errors_of_order(p: float) -> list[float]:
    return [3.0 * h**p for h in SIZES]


def test_the_order_of_a_power_is_found():
    """error = 3 h^p gives p."""
    assert observed_orders(SIZES, errors_of_order(1.7)) == pytest.approx([1.7] * 3)


@pytest.mark.parametrize("order", [1.91, 2.0, 2.09])
def test_an_order_within_the_tolerance_passes(order):
    assert_order(SIZES, errors_of_order(order), 2.0)


@pytest.mark.parametrize("order", [-1.0, 0.2, 1.0, 1.89, 2.11, 3.0, 4.0])
def test_orders_other_than_the_expected_one_are_rejected(order):
    """Too low and too high alike."""
    with pytest.raises(AssertionError, match="instead of"):
        assert_order(SIZES, errors_of_order(order), 2.0)


def test_one_wrong_pair_is_enough():
    """Convergence that stalls on the finest grid, or begins late, is not of the expected order."""
    for wrong in (0, -1):
        errors = errors_of_order(2.0)
        errors[wrong] *= 2.0
        with pytest.raises(AssertionError):
            assert_order(SIZES, errors, 2.0)


@pytest.mark.parametrize(
    ("sizes", "errors"),
    [
        ([0.1, 0.05], [1.0, 0.25]),  # two sizes show nothing
        ([0.05, 0.1, 0.2], [1.0, 4.0, 16.0]),  # growing sizes
        ([0.1, 0.05, 0.025], [1.0, 0.25, 0.0]),  # exact: no order
        ([0.1, 0.05, 0.025], [1.0, 0.25, float("nan")]),
        ([0.1, 0.05, 0.025], [1.0, 0.25]),
    ],
)
def test_data_without_an_order_are_refused(sizes, errors):
    with pytest.raises(ValueError):
        assert_order(sizes, errors, 2.0)
