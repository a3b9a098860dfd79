"""Indicators, contact area and layers against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from solver.domain.contact import FLOOR, Layers, face_conductivities, make_contact
from solver.numerics.grid import Grid, lateral_faces, normal_faces
from tests.verification.order import assert_order


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("width", [50e-9, 200e-9])
def test_the_area_of_a_flat_contact_is_exact(dim, width):
    """Sum of |grad psi| V = lateral area to rounding on a graded grid, in every column of cells."""
    lateral = [lateral_faces(2e-6, 0.4e-6), lateral_faces(1e-6, 0.25e-6)][: dim - 1]
    grid = Grid(
        [
            *lateral,
            normal_faces(
                lithium_thickness=12e-6,
                electrolyte_thickness=10e-6,
                spacing=100e-9,
                fine_depths=(2e-6, 2e-6),
                growth=1.2,
                max_spacing=1e-6,
            ),
        ],
        [True] * (dim - 1),
    )
    contact = make_contact(grid, width)
    assert grid.sum(contact.area) == pytest.approx(grid.lateral_area, rel=1e-13)
    columns = contact.area.sum(axis=-1)
    np.testing.assert_allclose(columns, grid.area[-1][..., 0] * np.ones_like(columns), rtol=1e-13)


def test_indicators_of_a_flat_contact():
    """psi = (1 + tanh(z / 2 lambda)) / 2 in cells and on faces; m = 1 - psi with its floor."""
    grid, width = Grid([np.linspace(-5e-6, 5e-6, 101)]), 100e-9
    contact = make_contact(grid, width)
    exact = 0.5 * (1 + np.tanh(grid.centres[0] / (2 * width)))
    np.testing.assert_allclose(contact.electrolyte, exact, rtol=1e-13)
    np.testing.assert_allclose(contact.metal, np.maximum(1 - exact, FLOOR), rtol=1e-13)
    assert contact.metal.min() == FLOOR and contact.metal_faces[0].min() == FLOOR
    np.testing.assert_allclose(contact.electrolyte_faces[0], 0.5 * (1 + np.tanh(grid.faces[0] / (2 * width))))


def wavy_area(width: float, amplitude: float) -> float:
    """Area of z = a sin(k x) over one period of 4 um, from |grad psi|, over its arc length."""
    k = 2 * np.pi / 4e-6
    spacing = width / 6
    grid = Grid([lateral_faces(4e-6, spacing), np.linspace(-3e-6, 3e-6, round(6e-6 / spacing) + 1)], [True])

    def height(x):
        return amplitude * np.sin(k * x), [amplitude * k * np.cos(k * x)]

    x = (np.arange(4000) + 0.5) * 1e-9
    arc = np.mean(np.sqrt(1 + (amplitude * k * np.cos(k * x)) ** 2)) * 4e-6
    return grid.sum(make_contact(grid, width, height).area) / arc


@pytest.mark.parametrize(("amplitude", "tolerance"), [(0.1e-6, 1e-5), (0.3e-6, 3e-4), (0.6e-6, 2e-3)])
def test_the_area_of_a_rough_contact_is_its_arc_length(amplitude, tolerance):
    """A sine of slopes up to 0.94; lambda = 100 nm."""
    assert wavy_area(100e-9, amplitude) == pytest.approx(1.0, abs=tolerance)


def test_the_rough_area_converges_as_lambda_squared():
    """Differences between successive lambda, at a fixed number of cells per lambda (whose share is constant)."""
    widths = [200e-9, 100e-9, 50e-9, 25e-9]
    areas = [wavy_area(width, 0.3e-6) for width in widths]
    assert_order(widths[:-1], np.abs(np.diff(areas)), 2)


LAYERS = Layers((3.03e-6, 2.26e-6, 4.71e-6), (0.18, 0.55, 0.02))


def test_resistance_and_conductance_along_the_layers():
    """int dz/s and int s dz at the ends of the layers, inside them and outside."""
    ends = np.array([0.0, 3.03e-6, 5.29e-6, 10e-6])
    steps = np.array(LAYERS.thicknesses)
    s = np.array(LAYERS.conductivities)
    np.testing.assert_allclose(LAYERS.resistance_to(ends), np.concatenate([[0], np.cumsum(steps / s)]), rtol=1e-14)
    np.testing.assert_allclose(LAYERS.charge_conductance_to(ends), np.concatenate([[0], np.cumsum(steps * s)]))
    assert LAYERS.resistance_to(np.array(-1e-6)) == pytest.approx(-1e-6 / 0.18)
    assert LAYERS.resistance_to(np.array(11e-6)) == pytest.approx(np.sum(steps / s) + 1e-6 / 0.02)
    assert LAYERS.charge_conductance_to(np.array(4e-6)) == pytest.approx(3.03e-6 * 0.18 + 0.97e-6 * 0.55)


@pytest.mark.parametrize("spacing", [100e-9, 370e-9])
def test_layers_in_series_across_and_in_parallel_along(spacing):
    """The resistances between cell centres add up to sum d/s exactly; laterally the mean conductivity of each cell."""
    width = 20e-9
    grid = Grid(
        [
            lateral_faces(2e-6, 0.5e-6),
            normal_faces(
                lithium_thickness=2e-6,
                electrolyte_thickness=10e-6,
                spacing=spacing,
                fine_depths=(4e-6, 4e-6),
                growth=1.1,
                max_spacing=1e-6,
            ),
        ],
        [True],
    )
    contact = make_contact(grid, width)
    lateral, normal = face_conductivities(grid, LAYERS, contact)
    z, faces = grid.centres[1], grid.faces[1]
    dense = np.flatnonzero(z > 1e-6)
    gaps = np.diff(z)[dense[:-1]]
    resistance = np.sum(gaps / normal[0, dense[:-1] + 1]) + 0.5 * (faces[-1] - faces[-2]) / normal[0, -1]
    above = LAYERS.resistance_to(np.array([z[dense[0]], 10e-6]))
    assert resistance == pytest.approx(above[1] - above[0], rel=1e-12)
    total = np.sum(lateral[0, dense] * np.diff(faces)[dense])
    conducted = LAYERS.charge_conductance_to(np.array([faces[dense[0]], 10e-6]))
    assert total == pytest.approx(conducted[1] - conducted[0], rel=1e-12)


def test_grids_end_where_they_should():
    """Faces increase, z = 0 is one of them, spacing near the contact as asked, growth bounded."""
    faces = normal_faces(
        lithium_thickness=30e-6,
        electrolyte_thickness=10e-6,
        spacing=100e-9,
        fine_depths=(4e-6, 4e-6),
        growth=1.1,
        max_spacing=1e-6,
    )
    assert faces[0] == pytest.approx(-30e-6, rel=1e-14) and faces[-1] == pytest.approx(10e-6, rel=1e-14)
    assert np.any(faces == 0.0)
    h = np.diff(faces)
    near = np.abs(0.5 * (faces[1:] + faces[:-1])) < 4e-6
    np.testing.assert_allclose(h[near], 100e-9, rtol=1e-9)
    assert h.max() <= 1e-6 * (1 + 1e-9)
    assert np.all(h[1:] / h[:-1] < 1.101) and np.all(h[:-1] / h[1:] < 1.101)


@pytest.mark.parametrize("thickness", [0.35e-6, 4e-6, 4.03e-6, 4.3e-6, 5e-6, 200e-6])
def test_any_thickness_is_met_without_slivers(thickness):
    """Thinner than the fine part, as thick, slightly and much thicker: exact length, no cell below 0.45 spacing."""
    faces = normal_faces(
        lithium_thickness=thickness,
        electrolyte_thickness=1e-6,
        spacing=100e-9,
        fine_depths=(4e-6, 4e-6),
        growth=1.1,
        max_spacing=1e-6,
    )
    assert faces[0] == pytest.approx(-thickness, rel=1e-13)
    h = np.diff(faces)
    assert h.min() > 0.45 * 100e-9 and h.max() <= 1e-6 * (1 + 1e-9)
