"""The cases that come with lifront, but for families of cases, which are not one to run."""

from __future__ import annotations

from tests.mpi import ROOT

CASES = sorted(path for path in (ROOT / "cases").rglob("*.toml") if "[sweep" not in path.read_text(encoding="utf-8"))
