"""The rooms of the house: which packages of `solver` may import which, and what reading a case does not need.

Arrows go one way, from the ground up:

    ground <- numerics <- domain <- physics
    ground <- laws <- case               (laws: of numerics only what arrays are called)
    case, numerics, domain <- defects, output
    all of these <- model <- loop <- study <- cli
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mpi import ROOT, environment

GROUND = {"", "constants", "conversion", "environment", "exit_codes", "import_path", "locks", "materials", "petsc"}
GROUND |= {"text", "units", "voice", "whole_files"}
LAWS = {"numerics.array"}
BELOW_MODEL = {"numerics", "laws", "domain", "physics", "case", "defects", "output"}
# what each package may import beside the ground and itself
MAY = {
    "numerics": set(),
    "laws": LAWS,
    "domain": {"numerics"},
    "physics": {"laws", "domain", "numerics"},
    "case": {"laws", *LAWS},
    "defects": {"case", "numerics", "domain"},
    "output": {"case", "numerics", "domain"},
    "model": BELOW_MODEL,
    "loop": {"model", *BELOW_MODEL},
    "study": {"loop", "model", *BELOW_MODEL},
    "cli": {"study", "loop", "model", *BELOW_MODEL},
}
FREE = {"", "__main__"}  # the package itself, which hands out, and the commands
STARTS_MPI = {"mpi4py", "petsc4py", "h5py"}


def modules() -> dict[str, Path]:
    """Names without "solver.", "" for the package itself."""
    found = {}
    for path in (ROOT / "solver").rglob("*.py"):
        parts = path.relative_to(ROOT / "solver").with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(path: Path) -> set[str]:
    """Absolute names of what a file imports anywhere in it, also within functions and for types."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def module_of(name: str, known: dict[str, Path]) -> str | None:
    """The module of `solver` that an imported name is, or is in; None for other packages."""
    parts = name.split(".")
    if parts[0] != "solver":
        return None
    inside = parts[1:]
    while inside and ".".join(inside) not in known:
        inside.pop()
    return ".".join(inside)


def forbidden(module: str, wanted: str) -> bool:
    """Whether a module may not import another one."""
    room, other = module.partition(".")[0], wanted.partition(".")[0]
    if module in FREE or room == other or other in GROUND:
        return False
    if room in GROUND:
        return True
    return not {other, wanted} & MAY[room]


def test_every_module_imports_only_what_is_below_it():
    known = modules()
    wrong = [
        f"{module} imports {wanted}"
        for module, path in known.items()
        for wanted in sorted({module_of(name, known) for name in imports(path)} - {None})
        if forbidden(module, wanted)
    ]
    assert wrong == []


def test_every_module_has_a_room():
    rooms = {module.partition(".")[0] for module in modules()} - FREE
    assert rooms == GROUND - {""} | MAY.keys()


@pytest.mark.parametrize(
    ("module", "wanted", "wrong"),
    [
        ("numerics.grid", "petsc", False),
        ("numerics.grid", "domain.contact", True),
        ("laws.creep", "numerics.array", False),
        ("laws.creep", "numerics.grid", True),
        ("physics.charge", "case.schema", True),
        ("case.checks", "model.build", True),
        ("output.recorder", "model.coupling", True),
        ("model.build", "loop.runner", True),
        ("text", "case.io", True),
        ("__main__", "study.sweep", False),
    ],
)
def test_the_rule_tells_right_from_wrong(module, wanted, wrong):
    assert forbidden(module, wanted) == wrong


@pytest.mark.parametrize("room", ["case", "laws"])
def test_cases_and_laws_import_neither_mpi_nor_petsc(room):
    found = {name: imports(path) for name, path in modules().items() if name.partition(".")[0] == room}
    assert {m: i for m, names in found.items() if (i := {n for n in names if n.partition(".")[0] in STARTS_MPI})} == {}


HIDDEN = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("mpi4py", "petsc4py", "h5py"):
            raise ModuleNotFoundError("hidden " + name, name=name)
sys.meta_path.insert(0, Hide())
sys.argv[:] = ["lifront", *sys.argv[1:]]
from solver.__main__ import main
main()
"""


@pytest.mark.parametrize("words", [["check", "case.toml"], ["expand", "sweep.toml"], ["schema"], ["--help"]])
def test_what_needs_no_mpi_works_without_it(in_tmp_path, words):
    """Reading a case with elastic flaws (their check needs physics), writing points, the schema."""
    text = (ROOT / "cases/minimal.toml").read_text()
    text += '\n[[defects]]\nkind = "flaws"\nspacing = "1 um"\ndepth = "1 um"\nopening = "elastic"\n'
    Path("case.toml").write_text(text)
    Path("sweep.toml").write_text(text + '\n[sweep.grid]\n"drive.stack_pressure" = ["3 MPa", "5 MPa"]\n')
    command = [sys.executable, "-c", HIDDEN, *words]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
