"""What is measured, and against whom. Results are printed, never asserted on time."""
