"""Case files that went wrong, made at random from right ones: the same for the same seed."""

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from solver.case.io import read_table

ROOT = Path(__file__).parents[1]
LARGEST = 100_000  # bytes

SMALL: dict[str, Any] = {
    "schema_version": 1,
    "title": "small",
    "domain": {"dimension": 1, "lithium_thickness": "4 um"},
    "interface": {"width": "200 nm"},
    "grid": {"fine_depth": "2 um"},
    "electrolyte": [{"thickness": "3 um"}],
    "drive": {"stack_pressure": "3 MPa", "current_density": "1 mA/cm^2"},
    "protocol": [{"kind": "galvanostatic", "direction": "plate", "duration": "3 s"}],
    "time": {"fixed_step": "0.5 s"},
    "output": {"interval": "1 s"},
}
PROFILE = "time [s],current_density [mA/cm^2],stack_pressure [MPa]\n" + "".join(
    f"{n},{-0.01 * n},{3 + 0.1 * n}\n" for n in range(50)
)
SWEEP = {"grid": {"drive.stack_pressure": ["3 MPa", "5 MPa"]}, "zip": {"time.fixed_step": ["1 s", "0.5 s"]}}

NUMBERS = [
    "0",
    "-0",
    "1",
    "-1",
    "1e308",
    "1e309",
    "-1e-320",
    "5e-324",
    "1e999999",
    "1e99999999999999999999",
    "0e999999",
    "9" * 400,
    "0." + "0" * 400 + "1",
    "1e-40",
    "1e40",
    "1e100",
    "1_000",
    "\uff11",
    "²",
    "nan",
    "inf",
    "0x10",
    "1,5",
    "+.5",
    "1.",
    "--1",
    "1e",
    "½",
    "1e+3",
]
UNITS = [
    "",
    "m",
    "um",
    "nm",
    "km",
    "Pa",
    "MPa",
    "GPa # or more",
    "s",
    "h",
    "year",
    "K",
    "degC",
    "delta_degC",
    "degC*K/K",
    "mA/cm^2",
    "mA/cm²",
    "A",
    "V",
    "deg",
    "%",
    "1/s",
    "m**2/s",
    "m^^2",
    "c",
    "pi*um",
    "e",
    "J/m^2",
    "um um/um",
    "(um",
    "um)",
    "/um",
    "um/",
    "1*um",
    "um 1",
    "Δ",
    "µm",
    "lambda: 0",
    "__import__('os')",
    "m" * 300,
    "m*" * 60,
    "5",
    "um\n",
    "um\0",
    "um\u00a0",
    "quantum",
    "smoot",
    "[length]",
    "um + um",
    "um - um",
    "$um$",
    "{um}",
]
TEXTS = [
    "",
    " ",
    "elastic",
    "[/]",
    "[bold]x",
    "a $\\frac{x$ b",
    "\u202eabc",
    "\x1b[31m",
    "a\nb",
    "🔥",
    "\ud800",
    "\0",
    "x" * 5000,
    "/dev/zero",
    "/dev/stdin",
    ".",
    "..",
    "/",
    "/proc/self/mem",
    "a" * 300 + "/b",
    "%s{0}",
    "'",
    '"',
    "profile.csv",
]
OTHERS: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    3,
    10_000,
    2**31,
    2**63,
    2**70,
    10**400,
    0.0,
    -0.0,
    0.5,
    1.5,
    1e308,
    5e-324,
    1e-40,
    1e40,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    [{}],
    {"": 1},
    ["1 um"],
    [1, 2, 3],
]
KEYS = [
    "",
    " ",
    "kind",
    "file",
    "mesh",
    "table",
    "segments",
    "repeat",
    "²",
    "\uff10",
    "0",
    "-1",
    "a.b",
    "x" * 3000,
    "a\nb",
    "\x1b",
    "\ud800",
    "[",
    "sweep",
    "grid",
    "title",
    "__class__",
    "model_config",
    "schema_version",
]


@dataclass(frozen=True)
class Mutant:
    """Arguments of `lifront check`, and the kinds of mutation that made them."""

    arguments: list[str]
    kinds: str


def bases() -> list[dict[str, Any]]:
    """Cases that are right."""
    shipped = [read_table(path)[1] for path in sorted((ROOT / "cases").rglob("*.toml"))]
    profile = SMALL | {"protocol": [{"kind": "profile", "file": "profile.csv"}]}
    loop = {"kind": "loop", "repeat": 3, "segments": [{"kind": "rest", "duration": "1 s"}, SMALL["protocol"][0]]}
    return [*shipped, SMALL, profile, profile, SMALL | {"protocol": [loop]}, SMALL | {"sweep": SWEEP}]


def make(number: int, seed: int, folder: Path, cases: list[dict[str, Any]]) -> Mutant:
    """Write the mutant of a number into the folder."""
    chance = random.Random(f"{seed}/{number}")
    folder.mkdir(parents=True, exist_ok=True)
    data = copy.deepcopy(chance.choice(cases))
    kinds = chance.choices([*STRUCTURE, *["scale"] * 10], k=chance.choice([0, 1, 1, 1, 2, 3]))
    for kind in kinds:
        STRUCTURE[kind](chance, data)
    raw, name, more = _written(chance, data)
    kinds += more
    table = PROFILE.encode()
    if chance.random() < 0.15 or not kinds:
        table, kind = _spoilt_table(chance)
        kinds.append(kind)
    if chance.random() < 0.15:
        raw, kind = _spoilt(chance, raw)
        kinds.append(kind)
    (folder / name).write_bytes(raw[:LARGEST])
    (folder / "profile.csv").write_bytes(table[:LARGEST])
    overrides = [_override(chance, data) for _ in range(chance.choice([0, 0, 0, 1, 2]))]
    arguments = [name, *(word for override in overrides for word in ("--set", override))]
    return Mutant(arguments, ", ".join([*kinds, *["--set"] * len(overrides)]))


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every entry, as the table or list it is in and its key there."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, value in items for place in ((data, key), *_places(value))]


def _place(chance: random.Random, data: Any, wanted: Callable[[Any], bool] = bool) -> tuple[Any, Any]:
    places = _places(data)
    return chance.choice([place for place in places if wanted(place[0][place[1]])] or places or [({"x": 1}, "x")])


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _quantity(chance: random.Random) -> str:
    number = (
        chance.choice(NUMBERS)
        if chance.random() < 0.5
        else f"{chance.uniform(-10, 10) * 10 ** chance.randint(-30, 30):.3g}"
    )
    return f"{number} {chance.choice(UNITS)}"


def _value(chance: random.Random, data: Any) -> None:
    table, key = _place(chance, data, _is_leaf)
    table[key] = chance.choice([_quantity(chance), chance.choice(TEXTS), chance.choice(OTHERS)])


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
    target[chance.choice(KEYS)] = chance.choice([_quantity(chance), chance.choice(OTHERS), copy.deepcopy(table[key])])


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
    values = [_quantity(chance) for _ in range(chance.choice([1, 3, 30]))]
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


def _written(chance: random.Random, data: Any) -> tuple[bytes, str, list[str]]:
    """The data as TOML, or as JSON where TOML cannot say them."""
    try:
        if chance.random() < 0.75:
            return tomli_w.dumps(data).encode(), "case.toml", []
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return json.dumps(data).encode(), "case.json", ["json"]
    except (TypeError, ValueError, RecursionError):
        return b"{" * 3000, "case.json", ["json, not closed"]


def _spoilt(chance: random.Random, raw: bytes) -> tuple[bytes, str]:
    """The bytes of a file, damaged."""
    at = chance.randrange(len(raw) + 1)
    text = raw.decode("utf-8", "surrogatepass")
    line = text.splitlines(keepends=True) or [""]
    ways = {
        "byte": raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :],
        "bytes": raw[:at] + chance.randbytes(20) + raw[at:],
        "cut": raw[:at],
        "mark": b"\xef\xbb\xbf" + raw,
        "utf-16": text.encode("utf-16", "surrogatepass"),
        "latin-1": text.replace("u", "\u00fc").encode("latin-1", "replace"),
        "nul": raw[:at] + b"\0" + raw[at:],
        "old mac": raw.replace(b"\n", b"\r"),
        "dos": raw.replace(b"\n", b"\r\n"),
        "twice": raw + raw,
        "lines": "".join(chance.sample(line, len(line))).encode("utf-8", "surrogatepass"),
        "comments": raw + b"\n#" + b" x" * 40_000,
        "brackets": raw + b"\nx = " + chance.choice([b"[", b"{a=", b"[{a="]) * 2000,
        "digits": raw + b"\ny = " + chance.choice([b"9" * 5000, b"0x" + b"f" * 5000, b"1." + b"1" * 50_000]),
        "dots": raw + b"\n" + b"a." * 3000 + b"a = 1\n",
        "tables": raw + b"\n" + b"[[protocol]]\nkind = 'rest'\nduration = '1 s'\n" * 1500,
        "empty": b"",
        "constant": raw.replace(b"1", b"NaN", 1),
        "repetition": raw.replace(b'"kind"', b'"kind": 1, "kind"', 1),
    }
    kind = chance.choice(list(ways))
    return ways[kind], kind


def _spoilt_table(chance: random.Random) -> tuple[bytes, str]:
    """A measured profile, damaged."""
    lines = PROFILE.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    cell = chance.choice([*NUMBERS, '"', "", '"1', "1;2", "#", "1 # x"])
    ways = {
        "csv: cell": "".join([*lines[:at], f"{at},{cell},3\n", *lines[at + 1 :]]),
        "csv: quote": "".join([*lines[:at], '"' + lines[at], *lines[at + 1 :]]),
        "csv: semicolons": PROFILE.replace(",", ";"),
        "csv: tabs": PROFILE.replace(",", "\t"),
        "csv: decimal commas": PROFILE.replace(".", ","),
        "csv: decimal commas and semicolons": PROFILE.replace(",", ";").replace(".", ","),
        "csv: order": "".join(chance.sample(lines, len(lines))),
        "csv: long": lines[0] + "".join(f"{n},0,3\n" for n in range(9000)),
        "csv: wide": "time [s]" + ",current_density [A/m^2]" * 3000 + "\n",
        "csv: heading": PROFILE.replace("mA/cm^2", chance.choice(UNITS)),
        "csv: empty": "",
        "csv: field": PROFILE.replace("10,", "1" * 200_000 + ","),
        "csv: scale": PROFILE.replace("mA/cm^2", "GA/cm^2").replace("MPa", "PPa"),
    }
    kind = chance.choice(list(ways))
    return (_spoilt(chance, PROFILE.encode()) if chance.random() < 0.3 else (ways[kind].encode(), kind))[0], kind


def _override(chance: random.Random, data: Any) -> str:
    """A value of --set: a key that is there, or none."""
    path, node = [], data
    while isinstance(node, dict | list) and node:
        key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
        path.append(str(key))
        node = node[key]
    text = chance.choice(
        [".".join(path), chance.choice(KEYS), ".".join([*path, "x"]), "electrolyte.5.x", "a." * 100 + "b", "protocol.²"]
    )
    value = chance.choice(
        [
            _quantity(chance),
            chance.choice(TEXTS),
            "[" * 2000,
            "9" * 5000,
            "nan",
            "{x=1}",
            "[{kind='rest'}]",
            "1979-05-27",
        ]
    )
    return f"{text}={value}".replace("\0", "").encode("utf-8", "replace").decode()
