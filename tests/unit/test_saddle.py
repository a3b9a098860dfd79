"""What the solver of velocity and pressure refuses."""

from __future__ import annotations

import pytest
from mpi4py import MPI

from solver import saddle
from solver.saddle import NoFactorisation, SaddleSolver


def test_direct_needs_mumps(monkeypatch):
    monkeypatch.setattr(saddle, "_can_factorise", lambda: False)
    with pytest.raises(NoFactorisation, match=r'mechanics.linear_solver "direct": this PETSc has no MUMPS'):
        SaddleSolver(MPI.COMM_WORLD, 2, 1e-2, direct=True)
    SaddleSolver(MPI.COMM_WORLD, 2, 1e-2)
