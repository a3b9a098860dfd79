"""One module per equation; each docstring is its mathematics."""
