"""Many runs of one case: sweeps, searches, campaigns."""
