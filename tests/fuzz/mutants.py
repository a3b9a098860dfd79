"""Case files that went wrong, made at random from right ones: the same for the same seed."""

import copy
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from solver.case.io import read_table
from tests.fuzz.damage import PROFILE, spoilt, spoilt_table
from tests.fuzz.structure import STRUCTURE
from tests.fuzz.values import KEYS, TEXTS, quantity
from tests.shipped import CASES

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
SWEEP = {"grid": {"drive.stack_pressure": ["3 MPa", "5 MPa"]}, "zip": {"time.fixed_step": ["1 s", "0.5 s"]}}


@dataclass(frozen=True)
class Mutant:
    """Arguments of `lifront check`, and the kinds of mutation that made them."""

    arguments: list[str]
    kinds: str


def bases() -> list[dict[str, Any]]:
    """Cases that are right."""
    shipped = [read_table(path)[1] for path in CASES]
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
        table, kind = spoilt_table(chance)
        kinds.append(kind)
    if chance.random() < 0.15:
        raw, kind = spoilt(chance, raw)
        kinds.append(kind)
    (folder / name).write_bytes(raw[:LARGEST])
    (folder / "profile.csv").write_bytes(table[:LARGEST])
    overrides = [_override(chance, data) for _ in range(chance.choice([0, 0, 0, 1, 2]))]
    arguments = [name, *(word for override in overrides for word in ("--set", override))]
    return Mutant(arguments, ", ".join([*kinds, *["--set"] * len(overrides)]))


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
            quantity(chance),
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
