"""A current collector that bends: a thin plate, bedded on what is soft behind it.

    p = p0 - stiffness Zm - k (Z - Zm) - D lap lap Z      on its back, Pa;   lap along the contact
    D = E h^3/(12 (1 - nu^2))                             bending stiffness, N m, of a plate of the thickness h
    k = E_b/d                                             bedding modulus, Pa/m, of a layer of the thickness d

Z(x, y) is how far its surface has moved towards the electrolyte, Zm the mean, p0 - stiffness Zm the mean pressure, that
of the platen (`mechanics`). The plate is without stress in the shape that it has at the start, rough or not, and is not
stretched (deflections below h); at a plane of symmetry it has no slope and no shear force. The bed is Winkler's: each
place of it is a spring (Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells, 2nd ed., ch. 8). Over lengths
below (D/k)^(1/4) the plate evens out the load, over longer ones the bed gives way. D -> infinity is the rigid one.

Between its back, the bottom of the box, and its surface it is made of columns which are rigid along z (RIGID of
`rheology`), slide along each other without friction and are held along the contact by

    f = -RIGID k_c v/length^2        force per volume;   k_c share of the collector in a cell, length smallest spacing

so that Li sticks to it, and the lateral forces are taken by what the plate is held by.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Foil:
    """bending_stiffness D, N m; bedding k, Pa/m."""

    bending_stiffness: float
    bedding: float = 0.0
