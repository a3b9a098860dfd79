"""Numbers that follow from a case by formulas: coverage by an additive, energies, rates of annihilation, j_c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solver.laws import lining, vacancies

if TYPE_CHECKING:
    from solver.case.materials import ElectrolyteLayer
    from solver.case.schema import Case


def additive_coverage(layer: ElectrolyteLayer) -> float:
    """Share of the layer's grain boundaries that its additive covers, 0 without one."""
    additive = layer.additive
    if additive is None or layer.density is None:
        return 0.0
    volume_share = lining.volume_share(
        weight_share=additive.weight_percent / 100, density=additive.density, host_density=layer.density
    )
    return lining.coverage(
        volume_share=volume_share, grain_size=additive.grain_size, film_thickness=additive.film_thickness
    )


def boundary_energy(layer: ElectrolyteLayer) -> float:
    """Signed energy of the interface between Li and the layer's grain boundaries, J/m^2; 0 where it is not known."""
    energy = layer.lithium_interfacial_energy or 0.0
    if layer.additive is None:
        return energy
    return lining.mixed_energy(
        host=energy, additive=layer.additive.lithium_interfacial_energy, coverage=additive_coverage(layer)
    )


def annihilation_parameters(case: Case) -> vacancies.AnnihilationParameters:
    """Rates at which lattice planes vanish and are made."""
    li = case.lithium
    return vacancies.AnnihilationParameters(
        creep_prefactor=li.creep_prefactor,
        creep_exponent=li.creep_exponent,
        activation_energy=li.creep_activation_energy,
        size_effect_strengthening=li.size_effect_strengthening,
        linear_rate=li.linear_annihilation_rate * vacancies.MEGAPASCAL,  # 1/(s Pa) -> 1/(s MPa)
        diffusivity=li.diffusivity,
        width=case.interface.width,
        temperature=case.drive.temperature,
    )


def critical_stripping_current(case: Case) -> float:
    """j_c at the stack pressure by the planar formula, A/m^2."""
    li = case.lithium
    return annihilation_parameters(case).critical_stripping_current(
        pressure=case.drive.stack_pressure, vacancy_fraction=li.critical_vacancy_fraction, molar_volume=li.molar_volume
    )


def void_half_width(case: Case, current: float) -> float:
    """R, m, of voids that stripping with `current` (A/m^2, a magnitude above 0) opens."""
    li = case.lithium
    return vacancies.void_half_width(
        current=current,
        diffusivity=li.diffusivity,
        surface_diffusivity=li.surface_diffusivity,
        vacancy_fraction=li.critical_vacancy_fraction,
        molar_volume=li.molar_volume,
    )
