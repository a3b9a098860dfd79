"""Mutations of the tables of a case: each changes the data in place."""

import copy
import random
from collections.abc import Callable
from typing import Any

from tests.fuzz.values import KEYS, OTHERS, TEXTS, UNITS, quantity


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every entry, as the table or list it is in and its key there."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, value in items for place in ((data, key), *_places(value))]


def _place(chance: random.Random, data: Any, wanted: Callable[[Any], bool] = bool) -> tuple[Any, Any]:
    places = _places(data)
    return chance.choice([place for place in places if wanted(place[0][place[1]])] or places or [({"x": 1}, "x")])


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _value(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data, _is_leaf)
    table[key] = chance.choice([quantity(chance), chance.choice(TEXTS), chance.choice(OTHERS)])


def _scale(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data, lambda value: isinstance(value, str) and value[:1].isdigit())
    number, _, unit = str(table[key]).partition(" ")
    exponent = chance.choice([-300, -40, -20, -9, -6, -3, -1, 1, 3, 6, 9, 20, 40, 300])
    table[key] = f"{number}e{exponent} {unit}" if "e" not in number else f"{number} {chance.choice(UNITS)}"


def _number(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data, lambda value: isinstance(value, int | float))
    table[key] = (
        chance.choice(OTHERS) if chance.random() < 0.5 else chance.choice([0.1, 1, 2, 10, 1000, 1e6, 1e12, -1, 1e-12])
    )


def _unit(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data, lambda value: isinstance(value, str) and value[:1].isdigit())
    table[key] = f"{str(table[key]).partition(' ')[0]} {chance.choice(UNITS)}"


def _rename(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data)
    if isinstance(table, dict):
        text = str(key)
        at = chance.randrange(len(text) + 1)
        table[
            chance.choice([chance.choice(KEYS), text[:at] + text[at + 1 :], f"{text[:at]}x{text[at:]}", text.upper()])
        ] = table.pop(key)


def _remove(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data)
    del table[key]


def _add(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data, lambda value: isinstance(value, dict))
    target = table[key] if isinstance(table[key], dict) else data
    target[chance.choice(KEYS)] = chance.choice([quantity(chance), chance.choice(OTHERS), copy.deepcopy(table[key])])


def _replace_by_another(chance: random.Random, data: Any) -> None:
    (table, key), (other, name) = _place(chance, data), _place(chance, data)
    table[key] = copy.deepcopy(other[name])


def _repeat(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data, lambda value: isinstance(value, list))
    if isinstance(table[key], list):
        table[key] = table[key] * chance.choice([2, 50, 1000])


def _nest(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data)
    for _ in range(chance.choice([1, 5, 60, 400])):
        table[key] = [table[key]] if chance.random() < 0.5 else {"x": table[key]}


def _loops(chance: random.Random, data: Any) -> None:
    for _ in range(chance.choice([1, 2, 5, 15, 100])):
        data["protocol"] = [
            {"kind": "loop", "repeat": chance.choice([1, 2, 10_000]), "segments": data.get("protocol", [])}
        ]


def _many_keys(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data, lambda value: isinstance(value, dict))
    target = table[key] if isinstance(table[key], dict) else data
    target.update({f"key{number}": number for number in range(chance.choice([20, 300, 5000]))})


def _sweep(chance: random.Random, data: Any) -> None:
    values = [quantity(chance) for _ in range(chance.choice([1, 3, 30]))]
    keys = ["drive.stack_pressure", "electrolyte.²", "electrolyte.0.thickness", "title", "ranks", chance.choice(KEYS)]
    data["sweep"] = {chance.choice(["grid", "zip", "lst"]): {chance.choice(keys): values for _ in range(3)}}


STRUCTURE: dict[str, Callable[[random.Random, Any], None]] = {
    "value": _value,
    "value of any kind": _value,
    "scale": _scale,
    "number": _number,
    "unit": _unit,
    "rename": _rename,
    "remove": _remove,
    "add": _add,
    "another table": _replace_by_another,
    "repeat": _repeat,
    "nest": _nest,
    "loops": _loops,
    "many keys": _many_keys,
    "sweep": _sweep,
}
