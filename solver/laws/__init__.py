"""Formulas of numbers and arrays: no grid, no PETSc."""
