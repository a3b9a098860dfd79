"""What lines a defect: additive on the grain boundaries, film in the mouths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import Voronoi

from solver.case.derived import additive_coverage
from solver.case.io import case_from_dict
from solver.laws import lining
from solver.model.build import lining_energy, make_grid
from solver.numerics.grid import Grid
from solver.physics.lining import lining_energy as on_grid

MEV = 0.01602176634  # J/m^2 per meV/angstrom^2


def case(**sections):
    return case_from_dict(
        {
            "schema_version": 1,
            "domain": {"width": "4 um", "lithium_thickness": "2 um"},
            "grid": {"spacing": "0.2 um", "fine_depth": "2 um"},
            "drive": {"stack_pressure": "3 MPa"},
            "protocol": [{"kind": "rest", "duration": "1 s"}],
        }
        | {"interface": {"width": "200 nm"} | sections.pop("interface", {})}
        | sections
    )


def additive(**keys):
    return {"material": "LiF", "weight_percent": 2, "film_thickness": "20 nm"} | keys


def test_volume_share_of_five_weight_percent_of_lithium_fluoride():
    """5 g of LiF are 1.894 cm^3, 95 g of Li6PS5Cl 51.08 cm^3."""
    assert lining.volume_share(weight_share=0.05, density=2.64, host_density=1.86) == pytest.approx(
        1.894 / (1.894 + 51.08), rel=1e-3
    )
    assert lining.volume_share(weight_share=0.3, density=2.0, host_density=2.0) == pytest.approx(0.3)


def voronoi_area(seeds):
    """Area of the faces of a periodic tessellation of the unit cube."""
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), axis=-1).reshape(-1, 3)
    images = np.concatenate([seeds, *(seeds + shift for shift in shifts if np.any(shift))])
    near = np.all(np.abs(images - 0.5) < 0.8, axis=1)
    diagram, area = Voronoi(images[near]), 0.0
    for pair, corners in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        inside = np.count_nonzero(pair < len(seeds))  # the seeds come first
        if inside:
            face = diagram.vertices[corners] - diagram.vertices[corners[0]]
            area += 0.5 * inside * 0.5 * np.linalg.norm(np.cross(face[1:-1], face[2:]).sum(axis=0))
    return area


def test_boundary_area_is_that_of_a_voronoi_tessellation():
    """1500 grains at random: 3.61/D, with D the diameter of the sphere of the mean volume."""
    seeds = np.random.default_rng(3).random((1500, 3))
    grain_size = (6 / (np.pi * len(seeds))) ** (1 / 3)
    assert lining.boundary_area_density(grain_size) == pytest.approx(voronoi_area(seeds), rel=0.005)
    assert lining.boundary_area_density(2e-6) == pytest.approx(3.61 / 2e-6, rel=1e-3)


def test_coverage_grows_with_the_additive_until_all_is_covered():
    half = lining.coverage(volume_share=0.01, grain_size=2e-6, film_thickness=10e-9)
    assert half == pytest.approx(0.01 / (3.611 / 2e-6 * 10e-9), rel=1e-3)
    assert lining.coverage(volume_share=0.005, grain_size=2e-6, film_thickness=10e-9) == pytest.approx(half / 2)
    assert lining.coverage(volume_share=0.01, grain_size=2e-6, film_thickness=20e-9) == pytest.approx(half / 2)
    assert lining.coverage(volume_share=0.2, grain_size=2e-6, film_thickness=10e-9) == 1.0
    assert lining.mixed_energy(host=-0.5, additive=0.7, coverage=0.25) == pytest.approx(-0.2)


def test_film_lines_the_mouths_and_the_layers_the_rest():
    grid = Grid([np.linspace(-2e-6, 10e-6, 121)])
    z = grid.centres[0]
    layers = ([4e-6, 6e-6], [-0.5, 0.2])
    expected = np.where(z < 1e-6, 1.7, np.where(z < 4e-6, -0.5, 0.2))
    np.testing.assert_array_equal(on_grid(grid, *layers, 1.7, 1e-6), expected)
    np.testing.assert_array_equal(on_grid(grid, *layers, None, 1e-6), np.where(z < 4e-6, -0.5, 0.2))


def test_mouths_follow_a_rough_surface():
    grid = Grid([np.linspace(0, 4e-6, 41), np.linspace(-2e-6, 4e-6, 61)], [True])
    x, z = grid.cell_coordinates()

    def height(x):
        return 0.5e-6 * np.sin(np.pi * x / 2e-6), [np.zeros(())]

    energy = on_grid(grid, [4e-6], [-0.5], 1.7, 1e-6, height)
    np.testing.assert_array_equal(energy == 1.7, z - 0.5e-6 * np.sin(np.pi * x / 2e-6) < 1e-6)


@pytest.mark.parametrize(
    ("material", "mouth"), [("W", 109.0), ("Mo", 81.7), ("LiF", 44.1), ("Mg", -33.8), ("Cu", -33.8)]
)
def test_a_film_replaces_the_energy_of_the_electrolyte_where_it_has_one(material, mouth):
    film = {"material": material, "thickness": "30 nm", "mouth_depth": "1.5 um"}
    run = case(interface={"film": film})
    grid = make_grid(run)
    z = grid.cell_coordinates()[-1]
    expected = np.broadcast_to(np.where(z < 1.5e-6, mouth, -33.8) * MEV, grid.local_shape)
    np.testing.assert_allclose(lining_energy(run, grid), expected, rtol=1e-6)


def test_a_layer_with_additive_between_plain_ones():
    """2 % of LiF in Li6PS5Cl, 20 nm on grains of 2 um: v = 0.0142, f = 0.393, energy -3.2 meV/angstrom^2."""
    middle = {"thickness": "2 um", "additive": additive(grain_size="2 um")}
    run = case(electrolyte=[{"thickness": "2 um"}, middle, {"thickness": "2 um", "material": "Li10SnP2S12"}])
    share = additive_coverage(run.electrolyte[1])
    assert share == pytest.approx(0.0142 / (3.611 / 2e-6 * 20e-9), rel=3e-3)
    assert additive_coverage(run.electrolyte[0]) == 0.0
    energy = lining_energy(run, make_grid(run))[0] / MEV
    known = np.unique(energy.round(6))
    np.testing.assert_allclose(known, [-33.8, -33.8 + share * (44.1 + 33.8), 0.0], rtol=1e-5)  # 0: not known


def test_grain_size_of_an_additive_is_that_of_the_grain_boundaries_of_its_layer():
    coarse = {"kind": "grain_boundaries", "grain_size": "3 um", "layers": [0]}
    fine = {"kind": "grain_boundaries", "grain_size": "0.5 um", "layers": [1]}
    layers = [{"additive": additive()}, {"additive": additive()}, {"additive": additive(grain_size="7 um")}]
    run = case(electrolyte=layers, defects=[coarse, fine])
    assert [layer.additive.grain_size for layer in run.electrolyte] == [3e-6, 0.5e-6, 7e-6]
