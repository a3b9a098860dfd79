"""Pores that fill elements of a mesh: their surface, which elements are one pore, and how wide each pore is.

The surface is found from where the elements are, not from the numbers of their nodes. A facet of an element counts
where no element begins on its other side: elements, groups and images beyond the sides of the box that touch have no
wall between them, whether their nodes are the same, at the same place or in the middle of a longer edge, and those that
overlap have none within. What is left of a facet that is covered in part is cut out exactly, as convex pieces.

Elements that touch along a facet or a part of one, or overlap, are one pore. Filling a pore gains p V and costs S
times the change of the energy of its walls, so that each pore has an opening of its own, w = 2 V/S: a small one beside
a large one is as narrow as it would be alone. The volume of the union is V = int z n_z dS (n_z = 0 on lateral sides).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from solver.case_mesh import SAME, longest_edges, measure
from solver.defects.box import Box
from solver.grid import Array

_CHUNK = 20_000  # facets that are compared at once


@dataclass(frozen=True)
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
    images = box.images(points)
    copies = len(images.source) // len(points)
    shifts = len(points) * np.arange(copies)[:, None, None]
    all_elements = images.points[(elements + shifts).reshape(-1, elements.shape[1])]
    source = np.tile(np.arange(len(elements)), copies)
    facets, owner, touching = _open_facets(points, elements)
    near = SAME * np.ptp(images.points, axis=0).max()
    corners = points[facets[:, :-1]]
    opposite = points[facets[:, -1]]
    pieces, piece_of, covered_by = [corners], [np.arange(len(corners))], touching
    cuts = list(_covered(corners, opposite, owner, all_elements, source, near))
    if cuts:
        cut = {f for f, _, _ in cuts}
        whole = np.array([f not in cut for f in range(len(corners))])
        pieces, piece_of = [corners[whole]], [np.flatnonzero(whole)]
        for f, left, by in cuts:
            pieces.append(left)
            piece_of.append(np.full(len(left), f))
            covered_by = np.concatenate([covered_by, np.stack([np.full(len(by), owner[f]), by], axis=-1)])
    surface, piece_of = np.concatenate(pieces), np.concatenate(piece_of)
    joined = coo_matrix((np.ones(len(covered_by)), covered_by.T), shape=(len(elements),) * 2)
    count, pore = connected_components(joined, directed=False)
    piece_pore = pore[owner[piece_of]]
    areas = measure(surface)
    outward = _outward(corners, opposite)[piece_of]
    middle = surface[:, :, -1].mean(axis=1) - points[:, -1].mean()
    volume = np.bincount(piece_pore, areas * middle * outward[:, -1], minlength=count)
    area = np.bincount(piece_pore, areas, minlength=count)
    opening = np.divide(2 * volume, area, out=np.ones(count), where=area > 0)
    beyond = box.images(surface.reshape(-1, box.dim))
    return Cavities(
        all_elements,
        pore[source],
        source,
        beyond.points.reshape(-1, *surface.shape[1:]),
        np.tile(piece_pore, copies),
        opening,
    )


def _open_facets(points: Array, elements: Array) -> tuple[Array, Array, Array]:
    """Facets with an element on one side only, by their nodes.

    (facets, corners + 1): the nodes, and the corner of the element that is not on the facet; the first element of each;
    pairs of elements that have a facet in common.
    """
    corners = elements.shape[1]
    facets = np.concatenate([np.delete(elements, k, axis=1) for k in range(corners)])
    opposite = np.concatenate([elements[:, k] for k in range(corners)])
    owner = np.tile(np.arange(len(elements)), corners)
    by_owner = np.argsort(owner, kind="stable")  # so that the first element with a facet has it
    facets, opposite, owner = np.sort(facets[by_owner], axis=1), opposite[by_owner], owner[by_owner]
    unique, number = np.unique(facets, axis=0, return_inverse=True)
    number = number.ravel()
    upper = np.einsum("fa,fa->f", _normals(points[facets]), points[opposite] - points[facets[:, 0]]) > 0
    sides = np.zeros((len(unique), 2), dtype=bool)
    sides[number, upper.astype(int)] = True
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
    outward = _outward(facets, opposite)
    inner = [np.delete(elements, k, axis=1) for k in range(elements.shape[1])]
    planes = np.stack([_outward(facet, elements[:, k]) for k, facet in enumerate(inner)], axis=1)
    offsets = np.stack([np.einsum("ea,ea->e", planes[:, k], facet[:, 0]) for k, facet in enumerate(inner)], axis=1)
    for begin in range(0, len(facets), _CHUNK):
        f, e = _near_pairs(facets[begin : begin + _CHUNK], elements, near)
        f += begin
        heights = np.einsum("pca,pa->pc", elements[e] - facets[f][:, :1], outward[f])
        beyond = (heights > near).any(axis=1)
        # an element on the same side whose facet is the same in part: it counts for the first of them
        second = ~beyond & (source[e] < owner[f])
        distance = np.einsum("pka,pca->pkc", planes[e], facets[f]) - offsets[e][:, :, None]
        flat = (np.abs(distance) <= near).all(axis=2)
        apart = ((distance >= -near).all(axis=2) & ~flat).any(axis=1)
        meets = ~apart & (beyond | (second & flat.any(axis=1)))
        f, e, flat = f[meets], e[meets], flat[meets]
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


def _near_pairs(facets: Array, elements: Array, near: float) -> tuple[Array, Array]:
    """Numbers of facets and elements whose bounding boxes meet; elements are sought by classes of their size."""
    spans = [(x.min(axis=1) - near, x.max(axis=1) + near) for x in (facets, elements)]
    middle, half = zip(*((0.5 * (a + b), 0.5 * np.linalg.norm(b - a, axis=1)) for a, b in spans), strict=True)
    sizes = np.ceil(np.log2(half[1]))
    first, second = [], []
    for size in np.unique(sizes):
        some = np.flatnonzero(sizes == size)
        found = cKDTree(middle[1][some]).query_ball_point(middle[0], half[0] + 2.0**size)
        counts = np.fromiter(map(len, found), int, len(found))
        first.append(np.repeat(np.arange(len(facets)), counts))
        second.append(some[np.concatenate(found).astype(int)])
    f, e = np.concatenate(first), np.concatenate(second)
    (lower, upper), (bottom, top) = spans
    meets = ((lower[f] <= top[e]) & (bottom[e] <= upper[f])).all(axis=1)
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
