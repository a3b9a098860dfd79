"""Physical constants (CODATA 2018). F = e N_A and R = k_B N_A are exact; of their digits ten are given here."""

FARADAY = 96485.33212  # C/mol, relative error 3e-11
GAS_CONSTANT = 8.314462618  # J/(mol K), relative error 2e-11
BOLTZMANN = 1.380649e-23  # J/K, exact
