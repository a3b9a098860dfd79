"""What arrays and their axes are called, for those who need no grid."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

AXES = {1: ("z",), 2: ("x", "z"), 3: ("x", "y", "z")}  # of cell fields, the normal of the contact last

# Components of symmetric tensors in three directions, whatever the dimension of the grid: a 2-D run has the axes x
# and z, so that zz is along the normal of the contact and the shear is xz. The order is that of VTK.
TENSOR = ("xx", "yy", "zz", "xy", "yz", "xz")
