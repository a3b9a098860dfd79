"""The defect network of the electrolyte: grain boundaries, flaws, cracks and pores on the grid.

`network` joins what `families` makes of a case from the `shapes`, and `mesh` of a file, inside a `box`.
"""

from solver.defects.network import Network, make_network

__all__ = ["Network", "make_network"]
