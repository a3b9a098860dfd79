"""Text with units to SI and back."""

import math

import pytest

from solver.conversion import NumberError, decimal_of
from solver.units import Integer, Number, Quantity, ValueRefused, nearest


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1.0 mA/cm^2", "A/m^2", 10.0),
        ("0.5mA/cm**2", "A/m^2", 5.0),
        ("1 mAh/cm^2", "C/m^2", 36000.0),
        ("7 MPa", "Pa", 7e6),
        ("25 nm", "m", 25e-9),
        ("3 µm", "m", 3e-6),
        (".5 um", "m", 0.5e-6),
        ("1e-3 mm", "m", 1e-6),
        ("25 degC", "K", 298.15),
        ("298.15 K", "K", 298.15),
        ("90 deg", "rad", math.pi / 2),
        ("5 ohm*cm^2", "ohm*m^2", 5e-4),
        ("1.8 mS/cm", "S/m", 0.18),
        ("0.1 F/m^2", "F/m^2", 0.1),
        ("0.5 MPa/um", "Pa/m", 5e11),
        ("2 GPa*s", "Pa*s", 2e9),
        ("13.0 cm^3/mol", "m^3/mol", 1.3e-5),
        ("-33.8 meV/angstrom^2", "J/m^2", -33.8 * 1.602176634e-2),
        ("1.6e-4 1/(s*MPa)", "1/(s*Pa)", 1.6e-10),
        ("11.5h", "s", 41400.0),
        ("30 min", "s", 1800.0),
    ],
)
def test_value_in_si(text, unit, value):
    assert Quantity(unit).parse(text) == pytest.approx(value, rel=1e-15)


def test_round_decimal_values_are_exact():
    # factors are decimal: binary ones would give 9.999999999999998 and the like
    assert [Quantity("A/m^2").parse(f"{i / 10} mA/cm^2") for i in range(100)] == [
        float(i) for i in range(100)
    ]


@pytest.mark.parametrize("value", [0.0, 1e-300, 1 / 3, -math.pi, 1.3407807929942596e154, 6.02214076e23, 5e-7])
def test_exact_text_reads_back_as_the_same_float(value):
    for unit, show in [("m", "um"), ("A/m^2", "mA/cm^2"), ("rad", "deg"), ("C/m^2", "mAh/cm^2")]:
        quantity = Quantity(unit, show=show)
        assert quantity.parse(quantity.exact(value)) == value


def test_bounds_are_inclusive_or_not_in_the_shown_unit():
    angle = Quantity("rad", show="deg", what="angle", ge=0, le=180)
    assert angle.parse("180 deg") == math.pi
    assert angle.parse(angle.exact(math.pi)) == math.pi
    with pytest.raises(ValueRefused):
        angle.parse("180.0001 deg")
    with pytest.raises(ValueRefused):
        Quantity("m", gt=0).parse("0 um")


def test_plain_numbers():
    assert Number(gt=0).parse(3) == 3.0 and isinstance(Number().parse(3), float)
    assert Integer(ge=1).parse(3) == 3
    for bad in (True, "3", math.nan, math.inf, None, 0):
        with pytest.raises(ValueRefused):
            Number(gt=0).parse(bad)
    for bad in (True, 3.0, "3", 0):
        with pytest.raises(ValueRefused):
            Integer(ge=1).parse(bad)


def test_text_is_in_the_usual_unit():
    assert Quantity("A/m^2", show="mA/cm^2").text(5.0) == "0.5 mA/cm^2"
    assert Quantity("m", show="um").text(1e-7) == "0.1 um"
    assert Quantity("rad", show="deg").text(math.pi / 2) == "90 deg"


def test_nearest_word():
    assert nearest("Curent_density", ["current_density", "duration"]) == "current_density"
    assert nearest("xyz", ["current_density", "duration"]) == ""


@pytest.mark.parametrize(
    "text",
    [
        "5 MPa # or 50",
        "5 MPa #",
        "5 MPa; 6",
        "5 MPa\\",
        "5 MPa 1",
        "5 1 MPa",
        "5 1*MPa",
        "5 MPa*pi",
        "5 MPa*2",
        "5 MPa per 1",
        "5\u00b2 MPa",
        "\uff15 MPa",
        "5 M\uff30a",
        "1_000 MPa",
        "1,5 MPa",
        "0x10 MPa",
        "1e MPa",
        "5 e*MPa",
        "5 MPa^",
        "5 ^2 MPa",
        "5 MPa)",
        "5 ((MPa",
        "5 /MPa",
        "5 MPa^2^2",
        "5 MPa**999",
        "5 MPa\0",
        "5 [pressure]",
        "5 MPa if 1 else Pa",
        "",
        " ",
        "MPa",
        "5 " + "MPa*" * 50 + "MPa",
        "5 " + "x" * 100_000,
        "9" * 100_000 + " MPa",
        "5 lambda: 0",
        "5 MPa or Pa",
        "5 atomic_unit_of_pressure",
    ],
)
def test_a_value_must_be_a_number_and_a_unit_from_end_to_end(text):
    with pytest.raises(ValueRefused):
        Quantity("Pa", show="MPa", what="pressure").parse(text)


@pytest.mark.parametrize(
    "text", ["25 delta_degC", "25 degC*K/K", "25 mdegC", "25 degC^1", "25 degC degC/degC", "25 boltzmann_constant"]
)
def test_differences_of_temperature_and_constants_are_no_units(text):
    with pytest.raises(ValueRefused):
        Quantity("K", what="temperature").parse(text)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5 mA/cm\u00b2", "A/m^2", 50.0),
        ("90 \u00b0", "rad", math.pi / 2),
        ("25 \u00b0C", "K", 298.15),
        ("2 \u03a9 m^2", "ohm*m^2", 2.0),
    ],
)
def test_usual_signs_are_units(text, unit, value):
    assert Quantity(unit).parse(text) == pytest.approx(value)


@pytest.mark.parametrize("number", ["1e999999", "-1e-999999", "1e" + "9" * 50, "1" + "0" * 150 + "e300"])
def test_numbers_beyond_floats_are_refused_whatever_their_exponent(number):
    with pytest.raises(NumberError, match="too large or too small"):
        decimal_of(number)
    with pytest.raises(ValueRefused, match="too large or too small"):
        Quantity("Pa").parse(f"{number} GPa")
    assert decimal_of("0e999999") == 0 and decimal_of(" +.5 ") == decimal_of("5e-1")


def test_whole_numbers_of_any_length_are_judged():
    for bad in (10**400, 16**6000, -(10**400)):
        with pytest.raises(ValueRefused):
            Number().parse(bad)
        with pytest.raises(ValueRefused):
            Integer(ge=0, le=5).parse(bad)
        with pytest.raises(ValueRefused, match="not a value with a unit"):
            Quantity("Pa").parse(bad)
