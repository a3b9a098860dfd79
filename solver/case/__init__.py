"""What a case file says: its keys, how they are read, checked and shown. Without MPI and PETSc."""
