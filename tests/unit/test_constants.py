"""Physical constants against the exact ones of CODATA 2018."""

import pytest

from solver import constants

CHARGE, AVOGADRO = 1.602176634e-19, 6.02214076e23  # C, 1/mol, exact


def test_constants_have_the_digits_that_they_claim():
    assert constants.BOLTZMANN == 1.380649e-23
    assert pytest.approx(CHARGE * AVOGADRO, rel=5e-11) == constants.FARADAY
    assert pytest.approx(constants.BOLTZMANN * AVOGADRO, rel=5e-11) == constants.GAS_CONSTANT
