"""Where the materials of a case are looked for: in the case itself, beside it, among the installed ones.

`lithium.material = "MyLi"` means the table [materials.MyLi] of the case, else the file MyLi.toml in the folder of the
case, else the installed one. A table says what the file would say. A file with a `schema_version` is a case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from solver import materials
from solver.materials import Material, MaterialError, UnknownMaterial
from solver.units import ValueRefused, nearest

NAME = re.compile(r"\w[\w .+()-]{0,63}", re.ASCII)
MOST_HINTS = 50  # near names that are sought for one case; messages have no more lines
ALLOWED_NAME = "letters, digits and _ - + . ( ) and spaces, at most 64, the first a letter or a digit"


class Shelf:
    """The materials that a case may name.

    given: those of the case itself, as tables. beside: the folder of the case, None for a case without one.
    own: tables of all that are not installed, by name: the given ones and, once they have been asked for, those beside.
    files: the files of the latter.
    """

    def __init__(self, given: object = None, beside: Path | None = None) -> None:
        self.beside = beside
        self.own: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
        self.files: dict[str, Path] = {}
        self._known: dict[str, list[str]] = {}
        self._hints = 0

    def load(self, name: str) -> Material:
        """The material of a name. Raises MaterialError; ValueRefused where the name cannot be that of a material."""
        if not NAME.fullmatch(name) or ".." in name:
            raise ValueRefused("not the name of a material", ALLOWED_NAME)
        if name not in self.own and self.beside is not None:
            path = self.beside / f"{name}.toml"
            table = materials.read(path, str(path)) if path.is_file() else None
            if table is not None and "schema_version" not in table:
                materials.parse(str(path), name, table)  # before it counts as one
                self.own[name], self.files[name] = table, path
        if name not in self.own:
            return materials.load(name)
        file = str(self.files.get(name, f"materials.{name}"))
        if not isinstance(self.own[name], Mapping):
            raise MaterialError(f"{file}: not a table; allowed: name, kind and a table for each property")
        return materials.parse(file, name, self.own[name])

    def of_kind(self, name: str, kind: str) -> Material:
        """The material of a name, which is of a kind. Raises ValueRefused: what is wrong with the name or the file."""
        try:
            material = self.load(name)
        except UnknownMaterial:
            material = None
        except MaterialError as error:
            raise ValueRefused(str(error), "") from None
        if material is None or material.kind != kind:
            other = f"; {material.file} is of the kind '{material.kind}'" if material and name in self.own else ""
            names = self._names(kind)
            self._hints += 1
            hint = nearest(name, names) if self._hints <= MOST_HINTS else ""
            raise ValueRefused(f"unknown {kind}{other}", f"one of {', '.join(names)}", hint)
        return material

    def _names(self, kind: str) -> list[str]:
        """Names of the materials of a kind, which are sought once. Files that are no materials are passed over."""
        if kind in self._known:
            return self._known[kind]
        beside = [] if self.beside is None else self.beside.glob("*.toml")
        found = []
        for name in sorted({*self.own, *(path.stem for path in beside), *materials.available()}):
            try:
                if Shelf(self.own, self.beside).load(name).kind == kind:
                    found.append(name)
            except (MaterialError, ValueRefused):
                continue
        self._known[kind] = found
        return found
