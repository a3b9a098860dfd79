"""The grid, operators and solvers on it: arrays and PETSc, no physics."""
