"""Measures of a stress against closed forms, in random directions and with equal eigenvalues."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from solver.laws import stress_measures

MPA = 1e6
# principal stresses of: nothing, pressure, uniaxial tension and compression (two equal), shear, three different
PRINCIPAL = MPA * np.array(
    [[0, 0, 0], [-7, -7, -7], [0, 0, 5], [-5, 0, 0], [2, 2, -1], [-3, 0, 3], [-90, 1, 40], [1, 1 + 1e-7, 1]]
)


def turned(principal: np.ndarray, seed: int) -> np.ndarray:
    """Tensors xx yy zz xy yz xz with the principal stresses (n, 3) in random directions."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(len(principal), 3, 3)))
    matrix = np.einsum("nik,nk,njk->nij", q, principal, q)
    return np.stack([matrix[:, i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2))], axis=-1)


def split(sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pressure = -sigma[..., :3].mean(axis=-1)
    tau = sigma.copy()
    tau[..., :3] += pressure[..., None]
    return tau, pressure


@pytest.mark.parametrize("seed", range(5))
def test_measures_of_known_principal_stresses_in_any_direction(seed):
    sigma = turned(PRINCIPAL, seed)
    tau, pressure = split(sigma)
    differences = sum((PRINCIPAL[:, a] - PRINCIPAL[:, b]) ** 2 for a, b in combinations(range(3), 2))
    scale = 1e-14 * np.abs(PRINCIPAL).max()
    np.testing.assert_allclose(stress_measures.stress(tau, pressure), sigma, atol=scale)
    np.testing.assert_allclose(stress_measures.von_mises(tau), np.sqrt(differences / 2), atol=scale)
    np.testing.assert_allclose(stress_measures.von_mises(sigma), np.sqrt(differences / 2), atol=scale)
    np.testing.assert_allclose(stress_measures.largest_principal(tau, pressure), PRINCIPAL.max(axis=1), atol=scale)


def test_pure_shear_in_every_plane():
    """Shear q in one plane: sigma_1 = q, sigma_eq = sqrt(3) q."""
    tau = np.zeros((3, 6))
    tau[[0, 1, 2], [3, 4, 5]] = [2.0, -2.0, 2.0]
    np.testing.assert_allclose(stress_measures.largest_principal(tau, np.zeros(3)), 2.0, rtol=1e-15)
    np.testing.assert_allclose(stress_measures.von_mises(tau), np.sqrt(12.0), rtol=1e-15)


def test_eigenvalues_fulfil_the_characteristic_equation():
    """det(sigma - sigma_1 I) = 0, and no eigenvalue is larger: sigma_1 I - sigma is positive semidefinite."""
    sigma = np.random.default_rng(3).normal(size=(4, 5, 6))
    first = stress_measures.largest_principal(*split(sigma))
    rest = first[..., None, None] * np.eye(3) - sigma[..., stress_measures.ROWS]
    np.testing.assert_allclose(np.linalg.det(rest), 0.0, atol=1e-13)
    np.testing.assert_allclose(first, np.linalg.eigvalsh(sigma[..., stress_measures.ROWS]).max(axis=-1), atol=1e-14)
    np.linalg.cholesky(rest + 1e-12 * np.eye(3))


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (1, [9, 9, 1, 0, 0, 0]),  # z
        (2, [1, 9, 2, 0, 0, 11]),  # x, z: yy is missing, the shear is xz
        (3, [1, 2, 3, 11, 13, 12]),  # shear comes as xy, xz, yz
    ],
)
def test_components_on_the_axes_of_the_grid_find_their_places(dim, expected):
    cells = np.ones((2, 3))
    normal = np.stack([n * cells for n in range(1, dim + 1)])
    shear = [(11 + n) * cells for n in range(dim * (dim - 1) // 2)]
    six = stress_measures.six_components(normal, 9 * cells, shear)
    assert six.shape == (2, 3, 6)
    np.testing.assert_array_equal(six[1, 2], expected)
