"""Pores that fill elements of a mesh: their surface, which elements are one pore, and how wide each pore is.

The surface is found from where the elements are, not from the numbers of their nodes. A facet of an element counts
where no element begins on its other side: elements, groups and images beyond the sides of the box that touch have no
wall between them, whether their nodes are the same, at the same place or in the middle of a longer edge, and those that
overlap have none within. What is left of a facet that is covered in part is cut out exactly, as convex pieces.

Elements that touch along a facet or a part of one, or overlap, are one pore. Filling a pore gains p V and costs S
times the change of the energy of its walls, so that each pore has an opening of its own, w = 2 V/S: a small one beside
a large one is as narrow as it would be alone. The volume of the union is V = int z n_z dS (n_z = 0 on lateral sides).
A pore at a mirror is drawn up to it: of one drawn across, what its own image covers may count twice in w, not in b.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from solver.case.mesh import SAME, longest_edges, measure
from solver.defects.box import Box
from solver.numerics.array import Array

_CHUNK = 2000  # facets that are compared at once


@dataclass(frozen=True, kw_only=True)
class Cavities:
    """Pores in the box.

    elements (elements, corners, axes) and surface (facets, corners, axes) with their images beyond the sides;
    element_pore, surface_pore: number of the pore of each; source: number of the element that was copied; opening:
    2 V/S of each pore, m, 1 where it has no surface.
    """

    elements: Array
    element_pore: Array
    source: Array
    surface: Array
    surface_pore: Array
    opening: Array


def make_cavities(points: Array, elements: Array, box: Box) -> Cavities:
    """The pores of elements (elements, corners) of points (points, axes), of which none are the same."""
    # elements with their images beyond the sides, and facets that only one element has by the numbers of its nodes
    images = box.images(points)
    copies = len(images.source) // len(points)
    shifts = len(points) * np.arange(copies)[:, None, None]
    all_elements = images.points[(elements + shifts).reshape(-1, elements.shape[1])]
    source = np.tile(np.arange(len(elements)), copies)
    facets, owner, touching = _open_facets(points, elements)
    near = SAME * np.ptp(images.points, axis=0).max()

    # of these, what no other element or image covers: whole facets, and the pieces that are left of the others
    corners, opposite = points[facets[:, :-1]], points[facets[:, -1]]
    lowest, highest = points.min(axis=0) - near, points.max(axis=0) + near
    beside = ((all_elements.min(axis=1) <= highest) & (all_elements.max(axis=1) >= lowest)).all(axis=1)
    cuts = list(_covered(corners, opposite, owner, all_elements[beside], source[beside], near))
    whole = np.setdiff1d(np.arange(len(corners)), [f for f, _, _ in cuts])
    surface = np.concatenate([corners[whole], *(left for _, left, _ in cuts)])
    facet = np.concatenate([whole, *(np.full(len(left), f) for f, left, _ in cuts)])

    # a pore: elements that have a facet in common, or of which one covers a facet of the other
    pairs = [touching, *(np.stack([np.full(len(by), owner[f]), by], axis=-1) for f, _, by in cuts)]
    joined = np.concatenate(pairs).T
    count, pore = connected_components(
        coo_matrix((np.ones(joined.shape[1]), joined), shape=(len(elements),) * 2), directed=False
    )

    # w = 2 V/S of each pore by its own surface
    surface_pore, upward = pore[owner[facet]], _outward(corners, opposite)[facet, -1]
    opening = _openings(surface, surface_pore, upward, count)
    beyond = box.images(surface.reshape(-1, box.dim)).points.reshape(-1, *surface.shape[1:])
    return Cavities(
        elements=all_elements,
        element_pore=pore[source],
        source=source,
        surface=beyond,
        surface_pore=np.tile(surface_pore, copies),
        opening=opening,
    )


def _openings(surface: Array, pore: Array, upward: Array, count: int) -> Array:
    """2 V/S of each pore by its surface, whose normals have the component `upward` along z; 1 without a surface."""
    areas, height = measure(surface), surface[:, :, -1].mean(axis=1)
    from_middle = height - height.mean() if len(height) else height
    volume = np.bincount(pore, areas * from_middle * upward, minlength=count)
    area = np.bincount(pore, areas, minlength=count)
    return np.divide(2 * volume, area, out=np.ones(count), where=area > 0)


def _open_facets(points: Array, elements: Array) -> tuple[Array, Array, Array]:
    """Facets with an element on one side only, by their nodes.

    (facets, corners + 1): the nodes, and the corner of the element that is not on the facet; the first element of each;
    pairs of elements that have a facet in common.
    """
    # every facet of every element, with the corner of it that is not on the facet
    corners = elements.shape[1]
    facets = np.concatenate([np.delete(elements, k, axis=1) for k in range(corners)])
    opposite = np.concatenate([elements[:, k] for k in range(corners)])
    owner = np.tile(np.arange(len(elements)), corners)
    by_owner = np.argsort(owner, kind="stable")  # so that the first element with a facet has it
    facets, opposite, owner = np.sort(facets[by_owner], axis=1), opposite[by_owner], owner[by_owner]

    # which of the two sides of each facet, as its sorted nodes turn it, have an element
    unique, number = np.unique(facets, axis=0, return_inverse=True)
    number = number.ravel()
    upper = np.einsum("fa,fa->f", _normals(points[facets]), points[opposite] - points[facets[:, 0]]) > 0
    sides = np.zeros((len(unique), 2), dtype=bool)
    sides[number, upper.astype(int)] = True

    # those of one facet follow each other in the order of its number: neighbours in it touch
    order = np.argsort(number, kind="stable")
    same = number[order][1:] == number[order][:-1]
    touching = np.stack([owner[order][:-1][same], owner[order][1:][same]], axis=-1)

    first = np.unique(number, return_index=True)[1]
    single = first[sides.sum(axis=1) == 1]
    return np.column_stack([facets[single], opposite[single]]), owner[single], touching


def _normals(facets: Array) -> Array:
    """Unit normals of facets (facets, corners, axes): lines in 2-D, triangles in 3-D."""
    edges = facets[:, 1:] - facets[:, :1]
    if edges.shape[1] == 1:
        normal = np.stack([-edges[:, 0, 1], edges[:, 0, 0]], axis=-1)
    else:
        normal = np.cross(edges[:, 0], edges[:, 1])
    return normal / np.linalg.norm(normal, axis=1)[:, None]


def _outward(facets: Array, opposite: Array) -> Array:
    """Unit normals of facets away from the corner of their element that is not on them (facets, axes)."""
    normal = _normals(facets)
    inward = np.einsum("fa,fa->f", normal, opposite - facets[:, 0]) > 0
    return np.where(inward[:, None], -normal, normal)


# -- what is covered -----------------------------------------------------------------------------------


def _covered(
    facets: Array, opposite: Array, owner: Array, elements: Array, source: Array, near: float
) -> Iterator[tuple[int, Array, Array]]:
    """Facets that are covered in part: number, pieces that are left (pieces, corners, axes), elements that cover it."""
    # elements as the meeting of half-spaces, one per facet k: inside where planes.x < offsets
    outward = _outward(facets, opposite)
    inner = [np.delete(elements, k, axis=1) for k in range(elements.shape[1])]
    planes = np.stack([_outward(facet, elements[:, k]) for k, facet in enumerate(inner)], axis=1)
    offsets = np.stack([np.einsum("ea,ea->e", planes[:, k], facet[:, 0]) for k, facet in enumerate(inner)], axis=1)
    classes = _Classes.of(elements, near)
    for begin in range(0, len(facets), _CHUNK):
        f, e = classes.pairs(facets[begin : begin + _CHUNK])
        f += begin

        # what can cover a facet reaches beyond it, on the side away from its own element
        heights = np.einsum("pca,pa->pc", elements[e] - facets[f][:, :1], outward[f])
        beyond = (heights > near).any(axis=1)
        # an element on the same side whose facet is the same in part: it counts for the first of them
        second = ~beyond & (source[e] < owner[f])

        # of these, elements that no plane of theirs keeps apart from the facet; flat: planes in which it lies
        distance = np.einsum("pka,pca->pkc", planes[e], facets[f]) - offsets[e][:, :, None]
        flat = (np.abs(distance) <= near).all(axis=2)
        apart = ((distance >= -near).all(axis=2) & ~flat).any(axis=1)
        meets = ~apart & (beyond | (second & flat.any(axis=1)))
        f, e, flat = f[meets], e[meets], flat[meets]

        # each facet is cut by one element after the other, each time into convex pieces
        for facet in np.unique(f):
            pieces, by, at = [facets[facet]], [], f == facet
            least = near * longest_edges(facets[facet][None])[0] ** (facets.shape[1] - 2)
            for element, walls in zip(e[at], ~flat[at], strict=True):
                pieces, hides = _cut(pieces, planes[element][walls], offsets[element][walls], least)
                if hides:
                    by.append(source[element])
            if by:
                left = np.array([simplex for piece in pieces for simplex in _fan(piece)]).reshape(-1, *facets.shape[1:])
                # slivers between elements that overlap
                height = np.einsum("eka,sa->eks", planes[e[at]], left.mean(axis=1)) - offsets[e[at]][:, :, None]
                within = ((height <= 0) | flat[at][:, :, None]).all(axis=1).any(axis=0)
                yield int(facet), left[~within], np.array(by)


@dataclass(frozen=True)
class _Classes:
    """Elements by classes of their size, so that small ones are sought nearby only.

    lower, upper: ends of their bounding boxes; classes: largest size, numbers, and tree of the middles.
    """

    lower: Array
    upper: Array
    classes: list[tuple[float, Array, cKDTree]]

    @staticmethod
    def of(elements: Array, near: float) -> _Classes:
        """The classes; boxes are larger by `near`."""
        lower, upper = elements.min(axis=1) - near, elements.max(axis=1) + near
        sizes = np.exp2(np.ceil(np.log2(0.5 * np.linalg.norm(upper - lower, axis=1))))
        some = {size: np.flatnonzero(sizes == size) for size in np.unique(sizes)}
        trees = [(size, these, cKDTree(0.5 * (lower + upper)[these])) for size, these in some.items()]
        return _Classes(lower, upper, trees)

    def pairs(self, facets: Array) -> tuple[Array, Array]:
        """Numbers of facets and elements whose bounding boxes meet."""
        bottom, top = facets.min(axis=1), facets.max(axis=1)
        middle, half = 0.5 * (bottom + top), 0.5 * np.linalg.norm(top - bottom, axis=1)
        first, second = [], []
        for size, these, tree in self.classes:
            found = tree.query_ball_point(middle, half + size)
            first.append(np.repeat(np.arange(len(facets)), list(map(len, found))))
            second.append(these[np.concatenate(found).astype(int)])
        f, e = np.concatenate(first), np.concatenate(second)
        meets = ((bottom[f] <= self.upper[e]) & (self.lower[e] <= top[f])).all(axis=1)
        return f[meets], e[meets]


def _cut(pieces: list[Array], normals: Array, offsets: Array, least: float) -> tuple[list[Array], bool]:
    """What is left of convex pieces outside of a convex body (outward normals, offsets), and whether any is within.

    Pieces of the measure `least` or less are none.
    """
    left, hides = [], False
    for piece in pieces:
        if (piece @ normals.T >= offsets).all(axis=0).any():
            left.append(piece)
            continue
        outside, rest = [], piece
        for normal, offset in zip(normals, offsets, strict=True):
            outside.append(_clip(rest, -normal, -offset))
            rest = _clip(rest, normal, offset)
        if _size(rest) <= least:
            left.append(piece)
            continue
        hides = True
        left.extend(part for part in outside if _size(part) > least)
    return left, hides


def _size(piece: Array) -> float:
    """Length or area of a line or convex polygon."""
    return float(measure(np.array(fan)).sum()) if (fan := _fan(piece)) else 0.0


def _clip(piece: Array, normal: Array, offset: float) -> Array:
    """The part of a line or convex polygon (corners, axes) where normal.x <= offset."""
    height = piece @ normal - offset
    kept = []
    for k in range(len(piece)):
        here, there = height[k], height[(k + 1) % len(piece)]
        if here <= 0:
            kept.append(piece[k])
        if here * there < 0 and (len(piece) > 2 or k == 0):
            kept.append(piece[k] + here / (here - there) * (piece[(k + 1) % len(piece)] - piece[k]))
    return np.array(kept).reshape(-1, piece.shape[1])


def _fan(piece: Array) -> list[Array]:
    """The simplices of a line or convex polygon, none where it has no size."""
    if piece.shape[1] == 2:
        return [piece] if len(piece) == 2 else []
    return [piece[[0, k, k + 1]] for k in range(1, len(piece) - 1)]
