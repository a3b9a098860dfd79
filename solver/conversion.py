"""Numbers and units as text, converted exactly: which units there are, and how many of one make another.

Arithmetic is decimal. Nothing that is written is left out: a text is a unit or a number from its first character to its
last, or it is refused.
"""

from __future__ import annotations

import functools
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pint

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"  # no digits of other scripts
LONGEST_VALUE = 200  # characters of a number and its unit
LARGEST_EXPONENT = 400  # of ten; floating-point numbers reach from -324 to 308

# What a unit is made of, for pint reads more than units: a # and what follows it, for example, is nothing to pint.
_UNIT_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_µμΩΩÅÅ°%]+)|(?P<power>(?:\^|\*\*)\s*[+-]?[0-9]{1,2}(?:\.[0-9]{1,3})?|⁻?[⁰¹²³⁴-⁹]{1,2})"
    r"|(?P<one>1(?=\s*/))|(?P<sign>[*/()]))\s*"
)
_OFFSET = "degree_Celsius"  # its zero is not that of K, so that it cannot be part of another unit

@functools.cache
def registry() -> pint.UnitRegistry[Decimal]:
    """The one unit registry of the program (decimal arithmetic; degC may be converted)."""
    units = Path(__file__).with_name("units.txt")  # all those of pint take 0.3 s to read
    return pint.UnitRegistry(str(units), non_int_type=Decimal, autoconvert_offset_to_baseunit=True)


@functools.lru_cache(maxsize=4096)
def unit_of(text: str) -> Any:
    """The unit that pint makes of `text`, all of which must be a unit; ValueError or an error of pint otherwise."""
    names, end, before = [], 0, ""
    while end < len(text):
        token = _UNIT_TOKEN.match(text, end)
        kind = token.lastgroup if token else None
        if token is None or (kind == "power" and before not in ("name", ")")):
            raise ValueError(f"not a unit: {text}")
        names.extend([_canonical(token["name"])] if kind == "name" else [])
        end, before = token.end(), token["sign"] or str(kind)
    if _OFFSET in names and registry().parse_unit_name(text.strip())[:1] != (("", _OFFSET, ""),):
        raise ValueError(f"not a unit: {text}")
    return registry().parse_units(text)


@functools.cache
def _canonical(name: str) -> str:
    """The name of a unit without its prefix; ValueError when there is none, and for differences of temperature."""
    for _, unit, _ in registry().parse_unit_name(name.replace("°C", "degC").replace("°", "deg")):
        if not unit.startswith("delta_"):
            return str(unit)
    raise ValueError(f"not a unit: {name}")


@functools.lru_cache(maxsize=4096)
def _scale(unit: str, target: str) -> Decimal | None:
    """Factor from `unit` to `target`, or None when the units have different zeros (degC)."""
    zero = registry().Quantity(Decimal(0), unit_of(unit)).to(unit_of(target)).magnitude
    if zero != 0:
        return None
    return Decimal(registry().Quantity(Decimal(1), unit_of(unit)).to(unit_of(target)).magnitude)


def convert(value: Decimal, unit: str, target: str) -> Decimal:
    """`value` in `unit` expressed in `target`."""
    scale = _scale(unit, target)
    if scale is not None:
        return value * scale
    return Decimal(registry().Quantity(value, unit_of(unit)).to(unit_of(target)).magnitude)


class NumberError(ValueError):
    """Text that is not a number, or one that floating-point numbers do not reach."""


def decimal_of(text: str) -> Decimal:
    """A number in decimal digits, such as a cell of a table; raises NumberError."""
    text = text.strip()
    if len(text) > LONGEST_VALUE or not re.fullmatch(NUMBER, text):
        raise NumberError("not a number")
    try:
        number = Decimal(text)
    except ArithmeticError:  # an exponent of more digits than Decimal has
        number = Decimal("Infinity")
    if number == 0:
        return Decimal(0)
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise NumberError("too large or too small for a floating-point number")
    return number
