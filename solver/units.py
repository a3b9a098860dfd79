"""Values with units: text such as "0.5 mA/cm^2" to a float in SI, and back.

A value is a number followed by a unit. Arithmetic is done in decimal, so that "1.0 mA/cm^2" becomes exactly
10.0 A/m^2 and a value written with its SI unit and all its digits reads back as the same float.

`Quantity`, `Number` and `Integer` describe what is allowed for one key. They are used as metadata of an
`Annotated` type and then validate, serialise and document the key for pydantic::

    Length = Annotated[float, Quantity("m", show="um", what="length", gt=0)]
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic_core import PydanticCustomError, core_schema

from solver.conversion import LONGEST_VALUE, NUMBER, NumberError, convert, decimal_of, unit_of

_NUMBER_AND_UNIT = re.compile(rf"({NUMBER})\s*(.*)")
SMALLEST, LARGEST = 1e-40, 1e40  # in SI, of keys: squares and cubes of them are floating-point numbers too
_ROUNDING = 1e-9  # relative, of the ends of a usual range

# Units offered in messages, by SI unit; the first one is used in the example.
_COMMON: dict[str, tuple[str, ...]] = {
    "m": ("um", "nm", "mm", "cm", "m", "angstrom"),
    "s": ("s", "min", "h", "ms", "us"),
    "K": ("K", "degC"),
    "Pa": ("MPa", "kPa", "Pa", "GPa", "bar"),
    "Pa/m": ("MPa/um", "GPa/um", "MPa/mm", "GPa/mm", "Pa/m"),
    "Pa*s": ("Pa*s", "MPa*s", "GPa*s"),
    "V": ("V", "mV", "uV"),
    "rad": ("deg", "rad"),
    "A/m^2": ("mA/cm^2", "uA/cm^2", "A/cm^2", "A/m^2"),
    "C/m^2": ("mAh/cm^2", "uAh/cm^2", "C/cm^2", "C/m^2"),
    "ohm*m^2": ("ohm*cm^2", "ohm*m^2"),
    "F/m^2": ("F/m^2", "uF/cm^2"),
    "S/m": ("mS/cm", "S/cm", "S/m"),
    "J/m^2": ("J/m^2", "mJ/m^2", "meV/angstrom^2"),
    "m/s": ("m/s", "cm/s", "nm/s", "um/s"),
    "m^2/s": ("m^2/s", "cm^2/s"),
    "kg/m^2": ("mg/cm^2", "g/m^2", "kg/m^2"),
    "C/kg": ("mAh/g", "C/kg"),
    "kg/m^3": ("g/cm^3", "kg/m^3"),
    "Pa*m^0.5": ("MPa*m^0.5", "Pa*m^0.5"),
    "mol/m^3": ("mol/m^3", "mol/L", "mol/cm^3"),
    "m^3/mol": ("cm^3/mol", "m^3/mol"),
    "J/mol": ("kJ/mol", "J/mol"),
    "Hz": ("Hz", "kHz", "MHz", "mHz"),
    "1/s": ("1/s", "1/min", "1/h"),
    "1/(s*Pa)": ("1/(s*MPa)", "1/(s*Pa)"),
}

# Right units that are commonly miswritten, by SI unit and what was written.
_MEANT = {("s", "m"): "min", ("K", "C"): "degC", ("K", "°C"): "degC"}


def _is_finite(value: float) -> bool:
    """Whether a number is one that floating-point numbers reach."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def nearest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str:
    """The entry of `words` closest to `word` regardless of case, or "" when none is near."""
    by_lower = {w.lower(): w for w in reversed(list(words))}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else ""


class ValueRefused(ValueError):
    """A value that is refused: what is wrong, what is allowed, the nearest right spelling ("" if none)."""

    def __init__(self, wrong: str, allowed: str, suggestion: str = "") -> None:
        self.wrong, self.allowed, self.suggestion = wrong, allowed, suggestion
        super().__init__("; ".join(part for part in (wrong, f"allowed: {allowed}") if part))

    def for_pydantic(self) -> PydanticCustomError:
        """The same as an error that pydantic collects with its key."""
        context = {"wrong": self.wrong, "allowed": self.allowed, "suggestion": self.suggestion}
        return PydanticCustomError("value_refused", "{wrong}; allowed: {allowed}", context)


@dataclass(frozen=True)
class Usual:
    """The magnitudes that materials and cells have, as in a case file, and why: outside of them a case gives a warning.

    Zero, where it is allowed, mostly turns something off and is usual then.
    """

    low: str | float
    high: str | float
    reason: str
    zero: bool = True  # whether it is usual

    def text(self) -> str:
        """The range in words."""
        low, high = (f"{bound:g}" if isinstance(bound, int | float) else bound for bound in (self.low, self.high))
        return f"{low} to {high}"


@dataclass(frozen=True, kw_only=True)
class _Spec(ABC):
    """Bounds shared by all kinds of values, what is usual within them, and the connection to pydantic."""

    usual: Usual | None = None
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

    def bounds(self) -> str:
        """The allowed range as text, "" when there is none."""
        parts = [(">", self.gt), (">=", self.ge), ("<", self.lt), ("<=", self.le)]
        return " and ".join(f"{sign} {bound:g}" for sign, bound in parts if bound is not None)

    def inside(self, value: Decimal) -> bool:
        """Whether the value lies within the bounds."""
        return (
            (self.gt is None or value > Decimal(repr(self.gt)))
            and (self.ge is None or value >= Decimal(repr(self.ge)))
            and (self.lt is None or value < Decimal(repr(self.lt)))
            and (self.le is None or value <= Decimal(repr(self.le)))
        )

    def unusual(self, value: float) -> str:
        """Why no cell has this value (SI), "" when some has."""
        if self.usual is None or (value == 0 and self.usual.zero):
            return ""
        low, high = (self.usual_bound(bound) for bound in (self.usual.low, self.usual.high))
        if low * (1 - _ROUNDING) <= abs(value) <= high * (1 + _ROUNDING):
            return ""
        return f"{self.text(value)} is not usual; usual: {self.usual.text()}: {self.usual.reason}"

    def usual_bound(self, bound: str | float) -> float:
        """An end of the usual range in SI."""
        return float(bound)

    def usual_schema(self) -> dict[str, Any]:
        """The usual range in a JSON schema."""
        return {"x-usual": self.usual.text(), "x-reason": self.usual.reason} if self.usual else {}

    @abstractmethod
    def allowed(self) -> str:
        """What is allowed, for messages and documentation."""

    @abstractmethod
    def parse(self, value: object) -> float:
        """The value as a float in SI; raises ValueRefused."""

    def text(self, value: float) -> str:
        """A short text for people."""
        return f"{value:.6g}"

    def exact(self, value: float) -> Any:
        """What goes into a file; reads back as the same float."""
        return value

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """The value in a JSON schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        def validate(value: object) -> float:
            try:
                si = self.parse(value)
                if si and not SMALLEST <= abs(si) <= LARGEST:
                    raise ValueRefused("no physical value is that large or that small", self.allowed())
                return si
            except ValueRefused as error:
                raise error.for_pydantic() from None

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.exact, when_used="json-unless-none"
            ),
        )

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        return {**self.json_schema(), **self.usual_schema()}


@dataclass(frozen=True, kw_only=True)
class Quantity(_Spec):
    """A dimensional value. Bounds are in the unit `show`, which is also the unit of messages and tables."""

    unit: str = field(kw_only=False)
    show: str = ""
    what: str = "value"

    @property
    def shown_unit(self) -> str:
        """Unit of bounds and of `text`."""
        return self.show or self.unit

    def allowed(self) -> str:
        """What is allowed, for messages and documentation."""
        article = "an" if self.what[0] in "aeiou" else "a"
        bounds = self.bounds()
        return f"{article} {self.what}" + (f" {bounds} {self.shown_unit}" if bounds else "")

    def _form(self) -> str:
        return f"{self.allowed()}, written like '1.5 {self.shown_unit}'"

    def parse(self, value: object) -> float:
        """The value in SI; raises ValueRefused."""
        if isinstance(value, bool) or not isinstance(value, str):
            if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
                suggestion = f"{value} {self.shown_unit}"
                raise ValueRefused("a number without a unit", self._form(), suggestion)
            raise ValueRefused("not a value with a unit", self._form())
        match = _NUMBER_AND_UNIT.fullmatch(value.strip()) if len(value) <= LONGEST_VALUE else None
        if not match:
            raise ValueRefused("not a number followed by a unit", self._form())
        try:
            number, unit = decimal_of(match[1]), match[2]
        except NumberError as error:
            raise ValueRefused(str(error), self.allowed()) from None
        if not unit:
            raise ValueRefused("the unit is missing", self._form(), f"{match[1]} {self.shown_unit}")
        try:
            self.check_unit(unit)
        except ValueRefused as error:
            suggestion = f"{match[1]} {error.suggestion}" if error.suggestion else ""
            raise ValueRefused(error.wrong, error.allowed, suggestion) from None
        return self.from_number(number, unit)

    def from_number(self, number: Decimal, unit: str) -> float:
        """The SI value of `number` in `unit`, a checked one. Raises ValueRefused when it is out of range."""
        try:
            shown = convert(number, unit, self.shown_unit)
            si = float(convert(number, unit, self.unit))
        except (ArithmeticError, OverflowError):
            raise ValueRefused("too large or too small for a floating-point number", self.allowed()) from None
        if not math.isfinite(si) or (si == 0.0 and shown != 0):
            raise ValueRefused("too large or too small for a floating-point number", self.allowed())
        if not self.inside(shown):
            raise ValueRefused("out of range", self.allowed())
        return si

    def check_unit(self, unit: str) -> None:
        """Raise ValueRefused when `unit` is unknown or has another dimension."""
        common = _COMMON.get(self.unit, (self.shown_unit,))
        begun = (right for right in common if right.startswith((f"{unit}*", f"{unit}/")))  # "ohm": "ohm*cm^2"
        suggestion = _MEANT.get((self.unit, unit)) or next(begun, "") or nearest(unit, common, cutoff=0.4)
        try:
            parsed = unit_of(unit)
        except Exception:  # pint raises its own errors, and those of the tokenizer
            raise ValueRefused(f"unknown unit '{unit}'", self._form(), suggestion) from None
        # An angle has no dimension, and neither has a percentage.
        angle_mismatch = self.unit == "rad" and unit not in {"deg", "degree", "degrees", "rad", "radian", "°"}
        if angle_mismatch or parsed.dimensionality != unit_of(self.unit).dimensionality:
            raise ValueRefused(f"'{unit}' is not a unit of {self.what}", self._form(), suggestion)

    def text(self, value: float) -> str:
        """A short text for people."""
        return f"{float(convert(Decimal(repr(value)), self.unit, self.shown_unit)):.6g} {self.shown_unit}"

    def usual_bound(self, bound: str | float) -> float:
        """An end of the usual range in SI."""
        return _parsed(str(bound), self.unit)

    def si_text(self, values: Sequence[float], more: str = "") -> str:
        """Values in SI for people; more: what stands between the last one and the unit."""
        return ", ".join(f"{v:.6g}" for v in values) + f"{more} {self.unit}"

    def exact(self, value: float) -> str:
        """What goes into a file; reads back as the same float."""
        return f"{float(value)!r} {self.unit}"

    def json_schema(self) -> dict[str, Any]:
        """The value in a JSON schema."""
        return {"type": "string", "examples": [f"1.5 {self.shown_unit}"], "x-allowed": self.allowed()}


@dataclass(frozen=True, kw_only=True)
class Number(_Spec):
    """A dimensionless number (an integer is taken as one; true and false are not)."""

    def allowed(self) -> str:
        """What is allowed, for messages and documentation."""
        bounds = self.bounds()
        return f"a number {bounds}" if bounds else "a number"

    def parse(self, value: object) -> float:
        """The value in SI; raises ValueRefused."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            suggestion = ""
            if (
                isinstance(value, str)
                and len(value) <= LONGEST_VALUE
                and re.fullmatch(NUMBER, value.strip())
            ):
                suggestion = f"{value.strip()} without quotes"
            raise ValueRefused("not a number", self.allowed(), suggestion)
        if not _is_finite(value):
            raise ValueRefused("not a finite number", self.allowed())
        if not self.inside(Decimal(repr(value))):
            raise ValueRefused("out of range", self.allowed())
        return float(value)

    def json_schema(self) -> dict[str, Any]:
        """The value in a JSON schema."""
        names = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
        limits = {name: getattr(self, key) for key, name in names.items() if getattr(self, key) is not None}
        return {"type": "number", **limits}


@dataclass(frozen=True, kw_only=True)
class Integer(Number):
    """A whole number."""

    def allowed(self) -> str:
        """What is allowed, for messages and documentation."""
        return super().allowed().replace("a number", "a whole number")

    def parse(self, value: object) -> int:
        """The value in SI; raises ValueRefused."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueRefused("not a whole number", self.allowed())
        if not self.inside(Decimal(value)):
            raise ValueRefused("out of range", self.allowed())
        return value

    def text(self, value: float) -> str:
        """A short text for people."""
        return str(value)

    def json_schema(self) -> dict[str, Any]:
        """The value in a JSON schema."""
        return {**super().json_schema(), "type": "integer"}


@functools.lru_cache(maxsize=4096)
def _parsed(text: str, unit: str) -> float:
    """A value without bounds in the SI unit `unit`; kept, because every reading of a case asks for the same ones."""
    return Quantity(unit).parse(text)
