"""PETSc for the modules that compute: `from solver.petsc import PETSc`.

`petsc4py.PETSc` initialises PETSc when it is imported, and would read options files in the working directory then.
"""

from __future__ import annotations

from solver.environment import start_petsc

start_petsc()

from petsc4py import PETSc as PETSc  # noqa: E402  # only once it is started
