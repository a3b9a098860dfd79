"""Reading a case file: overrides, validation, and errors as lines that name file, key, value and remedy."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from solver.case.files import digest, given
from solver.case.schema import Case, Source
from solver.case.types import Problem, spec_of
from solver.materials.shelf import Shelf
from solver.text import (
    DEEPEST,
    LONGEST_LINE,
    NoSuchFile,
    Unreadable,
    check_data,
    is_whole,
    lone_surrogate,
    neighbours,
    parse_json,
    parse_toml,
    printable,
    read_text,
    short,
)
from solver.units import nearest

_MISSING = object()
_MOST_LINES = 50  # of what is wrong with one file
_LONGEST = 1500  # characters of such a line
# pydantic puts the `kind` of a table into the path of an error, where a user's file has no such key.
_KINDS = {"rest", "galvanostatic", "potentiostatic", "cc-cv", "profile", "ccd", "loop", "random", "patches"} | {
    "bulk", "grain_boundaries", "flaws", "cracks", "random_cracks", "pores", "random_pores"
}


class CaseError(Exception):
    """A case that cannot be used. `lines` has one line for each thing that is wrong, and not very many of them."""

    def __init__(self, lines: Sequence[str]) -> None:
        more = len(lines) - _MOST_LINES
        kept = lines if more <= 1 else [*lines[:_MOST_LINES], f"and {more} more"]
        self.lines = tuple(_bounded(printable(line)) for line in kept)
        super().__init__("\n".join(self.lines))

    def __reduce__(self) -> tuple[Any, ...]:  # it is sent to the other ranks
        return CaseError, (self.lines,)


def _bounded(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"


def load_case(path: str | Path, overrides: Sequence[str] = ()) -> Case:
    """Read a case file (.toml, or the .json of a resolved case).

    `overrides`, such as "grid.growth=1.2", replace what the file says. Raises CaseError with all problems.
    """
    path = Path(path)
    text, data = read_table(path)
    return _validate(data, overrides, str(path), path.parent, Source(text, str(path), tuple(overrides)))


def case_from_dict(
    data: Mapping[str, Any], overrides: Sequence[str] = (), directory: str | Path = "."
) -> Case:
    """The case made of `data`, which is what a case file would hold. Raises CaseError with all problems."""
    try:
        check_data(data)
        text = json.dumps(data, indent=2, allow_nan=False)
        copy = parse_json(text)
    except (TypeError, ValueError) as error:
        raise CaseError([f"case: cannot be written as a case file: {error}"]) from None
    return _validate(copy, overrides, "case", Path(directory), Source(text, "", tuple(overrides)))


def read_table(path: Path) -> tuple[str, dict[str, Any]]:
    """Text and content of a case file, not yet checked. Raises CaseError when it cannot be read."""
    try:
        text = read_text(path)
    except NoSuchFile as error:
        found = nearest(path.name, neighbours(path, "*.toml"))
        hint = f"; did you mean '{path.parent / found}'?" if found else ""
        raise CaseError([f"{printable(str(path))}: {error}{hint}"]) from None
    except Unreadable as error:
        raise CaseError([f"{printable(str(path))}: cannot be read: {error}"]) from None
    try:
        data = parse_json(text) if path.suffix == ".json" else parse_toml(text)
    except Unreadable as error:
        raise CaseError([f"{path}: {error}"]) from None
    if not isinstance(data, dict):
        raise CaseError([f"{path}: must be a table of keys"])
    return text, data


def _validate(
    data: dict[str, Any], overrides: Sequence[str], file: str, directory: Path, source: Source
) -> Case:
    touched = apply_overrides(data, overrides)
    if "sweep" in data:
        wrong = "a case with this table is a family of cases, not one to run"
        allowed = "'lifront sweep' runs them, 'lifront expand' writes each into a folder of its own"
        raise CaseError([f"{file}: sweep: {wrong}; allowed: {allowed}"])
    return validate_table(data, file, directory, source, dict.fromkeys(touched, "--set"))


def validate_table(
    data: dict[str, Any], file: str, directory: Path, source: Source, origins: Mapping[str, str]
) -> Case:
    """The case made of `data`. Raises CaseError with all problems.

    file: name for messages. directory: where relative files are. origins: where the value of a key comes from when it
    is not from the file, such as "--set".
    """
    shelf = Shelf(data.get("materials"), directory)
    try:
        case = Case.model_validate(data, context={"directory": directory, "shelf": shelf})
    except ValidationError as error:
        problems = list(dict.fromkeys(_problems(error, data)))  # without repetitions, in order
        lines = [_line(file, origins, problem, data) for problem in problems[:_MOST_LINES]]
        more = max(error.error_count(), len(problems)) - len(lines)
        raise CaseError([*lines, f"{file}: and {more} more"] if len(lines) == _MOST_LINES and more else lines) from None
    data = given(data)
    keys = frozenset(_leaves(data))
    data = with_materials(data, case)
    case._source = replace(
        source,
        keys=keys,
        digest=digest(data, directory.joinpath),
        data=data,
        directory=str(directory),
        materials=tuple(shelf.files.values()),
    )
    return case


def with_materials(data: dict[str, Any], case: Case) -> dict[str, Any]:
    """The table of a case with its materials that are not installed, so that it says all without files beside it."""
    return {**data, "materials": case.materials} if case.materials else data


def _leaves(data: Any, prefix: str = "") -> Iterator[str]:
    """Dotted paths of the keys that are given; a list of plain values is one."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for name, value in items:
        if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict) for v in value)):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


# -- overrides ---------------------------------------------------------------------------------------


def apply_overrides(data: dict[str, Any], overrides: Sequence[str]) -> set[str]:
    """Set keys of `data` from "dotted.path=value"; returns the paths. Raises CaseError with all that is wrong."""
    lines, touched = [], set()
    for override in overrides:
        try:
            touched.add(apply_override(data, override))
        except ValueError as error:
            lines.append(f"--set {printable(override[:LONGEST_LINE])}: {error}")
    if lines:
        raise CaseError(lines)
    return touched


def apply_override(data: dict[str, Any], override: str) -> str:
    """Set one key of `data` from "dotted.path=value"; returns the path. ValueError says what is wrong.

    The value is read as TOML where that is possible and is text otherwise.
    """
    path, equals, text = override.partition("=")
    path, text = path.strip(), text.strip()
    if found := lone_surrogate(override):
        raise ValueError(found)
    if not equals or not all(path.split(".")):
        raise ValueError("not of the form key.path=value")
    set_value(data, path, _toml_value(text))
    return path


def set_value(data: dict[str, Any], path: str, value: Any) -> None:
    """Set one key of `data`; numbers in the path count the entries of a list from 0. ValueError says what is wrong."""
    parts = path.split(".")
    if not all(parts):
        raise ValueError(f"{path}: not a path of keys such as drive.stack_pressure")
    if len(parts) > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST} tables or lists")
    node: Any = data
    for index, part in enumerate(parts[:-1]):
        node = _enter(node, part, ".".join(parts[: index + 1]), parts[index + 1])
    _enter(node, parts[-1], path, None, value)


def _enter(node: Any, part: str, path: str, following: str | None, value: Any = None) -> Any:
    """The entry `part` of a table or list, made if it is missing; at the path's end it is set to `value`."""
    new = value if following is None else [] if is_whole(following) else {}
    if isinstance(node, dict):
        if following is None:
            node[part] = new
        return node.setdefault(part, new)
    if not isinstance(node, list):
        raise ValueError(f"{path}: the table or list that should hold it does not exist")
    if not is_whole(part) or int(part) > len(node):
        raise ValueError(
            f"{printable(path)}: '{printable(part)}' is not an entry of a list with {len(node)} entries, counted from 0"
        )
    if int(part) == len(node):
        node.append(new)
    elif following is None:
        node[int(part)] = new
    return node[int(part)]


def _toml_value(text: str) -> Any:
    try:
        parsed = parse_toml(f"value = {text}")
        parse_toml(f"value = [{text}]")  # in which a comment would leave out the bracket
    except Unreadable:
        return text
    return parsed["value"] if set(parsed) == {"value"} else text


# -- errors ------------------------------------------------------------------------------------------


def _line(file: str, origins: Mapping[str, str], problem: Problem, data: dict[str, Any]) -> str:
    """One line: FILE: key: value 'x': what is wrong; allowed: ...; did you mean 'y'?"""
    where = f"{file} ({origins[problem.key]})" if problem.key in origins else file
    value = look_up(data, problem.key, _MISSING)
    shown = "" if value is _MISSING or isinstance(value, dict | list) else f" value {short(value)}:"
    parts = [problem.wrong]
    if problem.allowed:
        parts.append(f"allowed: {problem.allowed}")
    if problem.suggestion:
        parts.append(f"did you mean '{problem.suggestion}'?")
    key = f" {printable(problem.key[:LONGEST_LINE])}:" if problem.key else ""
    return f"{where}:{key}{shown} {'; '.join(parts)}"


def look_up(data: Any, key: str, missing: Any = None) -> Any:
    """The value at a dotted path, or `missing`."""
    for part in key.split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and is_whole(part) and int(part) < len(data):
            data = data[int(part)]
        else:
            return missing
    return data


def _problems(error: ValidationError, data: dict[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    for entry in error.errors(include_url=False)[:_MOST_LINES]:
        context = entry.get("ctx", {})
        if entry["type"] == "problems":
            problems.extend(context["problems"])
        else:
            problem = _problem(entry["type"], entry["loc"], context, entry["msg"], data)
            if entry["type"] == "too_short" and look_up(data, problem.key, _MISSING) not in ([], _MISSING):
                continue  # pydantic counts only the entries that are right; the others have been reported
            problems.append(problem)
    return problems


def _problem(
    kind: str, location: tuple[int | str, ...], context: dict[str, Any], message: str, data: dict[str, Any]
) -> Problem:
    """What pydantic reports, in our words."""
    key = ".".join(str(part) for part in _without_kinds(location))
    if kind == "value_refused":
        return Problem(key, context["wrong"], context["allowed"], context["suggestion"])
    if kind == "value_error":  # of a file of a material
        return Problem(key, str(context["error"]))
    if kind == "extra_forbidden":
        return _unknown_key(key, location)
    if kind == "missing":
        owner = _model_at(location[:-1])
        field = owner.model_fields.get(str(location[-1])) if owner else None
        spec = spec_of(field) if field else None
        meaning = f" ({field.description})" if field else ""
        return Problem(key, f"missing{meaning}", spec.allowed() if spec else "")
    if kind in ("literal_error", "union_tag_invalid"):
        expected = context.get("expected") or context.get("expected_tags", "")
        names = [name.strip("' ") for name in expected.replace(" or ", ",").split(",")]
        inside = "" if kind == "literal_error" else ".kind"
        value = look_up(data, key + inside)
        found = nearest(value, names) if isinstance(value, str) else ""
        return Problem(key + inside, "not one of the choices", ", ".join(names), found)
    if kind == "union_tag_not_found":
        return Problem(f"{key}.kind", "missing", ", ".join(_kinds(_models_at(location))))
    if kind == "too_short":
        return Problem(key, "empty", "at least one entry")
    words = {
        "model_type": "a table",
        "dict_type": "a table",
        "model_attributes_type": "a table",
        "tuple_type": "a list",
        "string_type": "text",
    }
    if kind in words:
        return Problem(key, f"not {words[kind]}", words[kind])
    return Problem(key, message)


def _without_kinds(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The path as in the file: a kind follows the number of a segment, or the name `heterogeneity`."""
    out: list[int | str] = []
    for index, part in enumerate(location):
        before = location[index - 1] if index else None
        if part in _KINDS and (isinstance(before, int) or before == "heterogeneity"):
            continue
        out.append(part)
    return tuple(out)


RENAMED = {"film_resistance": "contact_resistance"}  # keys that earlier versions had, and what they are called now


def _unknown_key(key: str, location: tuple[int | str, ...]) -> Problem:
    """An unknown key, with the nearest one of its table, or of another table."""
    name = str(location[-1])
    owner = _model_at(location[:-1])
    keys = list(owner.model_fields) if owner else []
    if RENAMED.get(name) in keys:
        return Problem(key, "the name that it had in an earlier version", ", ".join(keys), RENAMED[name])
    found = nearest(name, keys)
    if not found:
        elsewhere = {path.rsplit(".", 1)[-1]: path for path in _all_keys(Case)}
        found = elsewhere.get(nearest(name, elsewhere, cutoff=0.7), "")
    return Problem(key, "unknown key", ", ".join(keys), found)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The sections that occur in an annotation."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    if isinstance(annotation, typing.ForwardRef):
        return []
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]


def _kinds(models: Sequence[type[BaseModel]]) -> list[str]:
    """The values that the key `kind` of these sections may have."""
    return [
        k
        for m in models
        if "kind" in m.model_fields
        for k in typing.get_args(m.model_fields["kind"].annotation)
    ]


def _models_at(location: tuple[int | str, ...]) -> list[type[BaseModel]]:
    """The sections that a path of pydantic leads to: none, one, or those to choose from by `kind`."""
    models: list[type[BaseModel]] = [Case]
    for part in location:
        if isinstance(part, int):
            continue
        of_kind = [m for m in models if part in _kinds([m])] if len(models) > 1 else []
        inside = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        models = of_kind or [model for annotation in inside for model in _models_in(annotation)]
    return models


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The one section that a path of pydantic leads to, None when there is none."""
    models = _models_at(location)
    return models[0] if len(models) == 1 else None


def _all_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted paths of the keys of `model` and of the tables in it that are not lists."""
    paths = []
    for name, field in model.model_fields.items():
        paths.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            paths.extend(_all_keys(field.annotation, f"{prefix}{name}."))
    return paths
