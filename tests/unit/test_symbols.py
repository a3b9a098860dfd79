"""The table of symbols: every field is in it with its unit, and what it points to is there."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from solver.case.schema import Case
from solver.model.catalogue import FIELDS
from solver.numerics.state import FieldInfo
from tests.mpi import ROOT

COLUMNS = 5  # symbol, meaning, unit, in the code, defined in


def table() -> list[list[str]]:
    """The rows of all tables of symbols, without headings."""
    lines = (ROOT / "docs/symbols.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if line.startswith("|")]
    return [row for row in rows if len(row) == COLUMNS and row[0] not in ("symbol", "---")]


def has(info: FieldInfo) -> bool:
    """Whether one row has symbol, unit and name of a field."""
    symbol = f"`{info.symbol}`" if info.symbol else ""
    return any(row[0] == symbol and row[2] == info.unit and f"**{info.name}**" in row[3] for row in table())


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_in_the_table(name):
    info = FIELDS[name]
    assert has(info)
    for other in (replace(info, symbol="omega"), replace(info, unit="kg"), replace(info, name="nothing")):
        assert not has(other)


def test_every_dataset_in_the_table_is_a_field():
    assert {name for row in table() for name in re.findall(r"\*\*(\w+)\*\*", row[3])} == FIELDS.keys()


def test_every_module_in_the_table_is_there():
    modules = {name for row in table() for name in re.findall(r"`([\w/]+\.py)`", row[4])}
    assert len(modules) > 15 and not [name for name in modules if not (ROOT / "solver" / name).is_file()]


def is_key(path: str) -> bool:
    """Whether a dotted path is that of a key of the case file, in one of the kinds of a section or of a list."""
    schema = Case.model_json_schema()
    nodes: list[dict[str, Any]] = [schema]
    for part in path.split("."):
        nodes = [
            found["properties"][part] for node in nodes for found in tables(node, schema) if part in found["properties"]
        ]
    return bool(nodes)


def tables(node: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables that a part of the schema may be."""
    if "$ref" in node:
        return tables(schema["$defs"][node["$ref"].rpartition("/")[2]], schema)
    parts = [*node.get("anyOf", []), *node.get("oneOf", []), *([node["items"]] if "items" in node else [])]
    return [node] if "properties" in node else [found for part in parts for found in tables(part, schema)]


def test_every_key_in_the_table_is_one_of_the_case_file():
    sections = Case.model_json_schema()["properties"]
    named = {name for row in table() for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", row[3])}
    keys = {name for name in named if name.partition(".")[0] in sections}
    assert len(keys) > 25 and not [key for key in keys if not is_key(key)]
    assert not is_key("interface.surface_energy") and not is_key("filament.width")


def test_what_the_table_names_in_the_code_is_there():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "solver").rglob("*.py"))
    words = {word for row in table() for name in re.findall(r"`([\w.]+)`", row[3]) for word in name.split(".")}
    assert len(words) > 60 and not [word for word in words if not re.search(rf"\b{word}\b", text)]
