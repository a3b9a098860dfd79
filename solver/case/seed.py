"""The section [collector.seed] of a case file: a layer on the collector that takes Li.

It is a host, or several in one layer that share a potential (`mixed_with`): two metals, or a metal and its native
oxide. `material` says in which steps a host takes Li, and what it becomes: see `solver.materials.lithiation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field, ValidationInfo

from solver.case.materials import material_of, material_value, missing, shelf_of
from solver.case.types import (
    Diffusivity,
    Layers,
    MolarVolume,
    Problem,
    Section,
    Width,
    key,
    problem_error,
    required,
    resolved,
)
from solver.materials import Material, MaterialError
from solver.materials.lithiation import COMPOSITION, POTENTIAL, LithiationStep, disorder, merged
from solver.materials.shelf import Shelf
from solver.units import Number, ValueRefused

if TYPE_CHECKING:
    from solver.case.schema import Case

LAYERS = 20  # resolved cases have them with or without a profile

Composition = Annotated[float, COMPOSITION]
AlloyPotential = Annotated[float, POTENTIAL]
Filling = Annotated[float, Number(gt=0, le=1)]


class SeedStep(Section):
    """A step in which the seed takes Li."""

    composition: Composition = required("Li per atom of the host, or formula unit, at the end of the step")
    potential: AlloyPotential = required("potential against Li metal: that of a plateau, or at the start of the step")
    end: AlloyPotential | None = key(None, "potential at the end of the step, where it is no plateau")
    irreversible: bool = key(False, "whether the Li of the step stays for good: a conversion")

    @property
    def plain(self) -> LithiationStep:
        """The step by itself."""
        return LithiationStep(self.composition, self.potential, self.end, self.irreversible)


class SeedHost(Section):
    """A host for Li."""

    material: Annotated[str, material_of("film")] = required("name of the host")
    thickness: Width = required("thickness of the host without Li; in a mixture what it would be by itself")
    filling: Filling = key(1.0, "share of the thickness that is host, the rest being pores, which stay")
    molar_volume: MolarVolume = resolved("molar volume of the host")
    lithium_volume: MolarVolume = resolved("molar volume of Li in the host")
    steps: Annotated[tuple[SeedStep, ...], Field(min_length=1)] = resolved(
        "steps in which it takes Li; default those of its material and of its products"
    )

    @property
    def amount(self) -> float:
        """Atoms or formula units of the host per area, mol/m^2."""
        return self.filling * self.thickness / self.molar_volume

    @property
    def plain_steps(self) -> tuple[LithiationStep, ...]:
        """The steps by themselves."""
        return tuple(step.plain for step in self.steps)


class SeedLayer(SeedHost):
    """A layer on the collector that takes Li."""

    mixed_with: tuple[SeedHost, ...] = key((), "other hosts in the layer, at the same potential, well mixed")
    diffusivity: Diffusivity | None = key(
        None,
        "self-diffusivity of Li in the host, for a profile in depth; default that of its material, if it is the only "
        "host and gives all of its Li back; well mixed without one",
    )
    layers: Layers = key(LAYERS, "number of layers of the profile in depth, if there is one; 1: well mixed")
    diffusivity_in_lithium: Diffusivity | None = key(
        None,
        "diffusivity of atoms of the host in the Li on it, where one_phase; default that of its material, if it is the "
        "only host and that is known at the temperature; they are not followed without one",
    )
    one_phase: bool = resolved(
        "whether its last step goes on into Li metal as one phase; default whether that of any of its materials does"
    )

    @property
    def hosts(self) -> tuple[SeedHost, ...]:
        """All hosts."""
        return (self, *self.mixed_with)

    def problems(self, case: Case) -> Iterable[Problem]:
        for host, where in zip(self.hosts, _places(self), strict=True):
            if disorder_of := disorder(host.plain_steps):
                yield Problem(f"{where}.steps", disorder_of, "steps in the order in which Li is taken")
        if self.diffusivity and any(step.irreversible for host in self.hosts for step in host.steps):
            wrong = "a profile in depth is of hosts that give all of their Li back"
            yield Problem("collector.seed.diffusivity", wrong, "no such key beside irreversible steps")
        if self.diffusivity is None and self.layers not in (1, LAYERS):
            wrong = "there is no profile in depth: no diffusivity, and none of its material by itself"
            yield Problem("collector.seed.layers", wrong, "no such key, or collector.seed.diffusivity beside it")
        if self.diffusivity_in_lithium is not None and not self.one_phase:
            wrong = "atoms of the host stay where they are: its last step does not go on into Li metal as one phase"
            allowed = "no such key, or collector.seed.one_phase = true beside it"
            yield Problem("collector.seed.diffusivity_in_lithium", wrong, allowed)
        if case.collector and case.collector.nucleation is None:
            wrong = "no Li is born on it when it is full"
            yield Problem("collector.seed", wrong, "collector.nucleation beside it")
        highest = max(host.steps[0].potential for host in self.hosts)
        if case.drive.voltage_limit <= highest:
            wrong = f"the seed takes Li from {highest:g} V on, so that the run would end at once"
            yield Problem("drive.voltage_limit", wrong, f"a voltage > {highest:g} V")


def _places(seed: SeedLayer) -> list[str]:
    """Keys of the hosts."""
    return ["collector.seed", *(f"collector.seed.mixed_with.{index}" for index in range(len(seed.mixed_with)))]


_H = TypeVar("_H", SeedHost, SeedLayer)


def with_host(seed: SeedLayer, info: ValidationInfo) -> SeedLayer:
    """The seed with what it leaves open taken from its materials."""
    shelf, problems, places = shelf_of(info), list[Problem](), _places(seed)
    one_phase = seed.one_phase
    if one_phase is None:
        found = (shelf.load(host.material).lithiation for host in seed.hosts)
        one_phase = any(lithiation is not None and lithiation.one_phase for lithiation in found)
    mixed = tuple(
        _with_material(host, where, shelf, problems) for host, where in zip(seed.mixed_with, places[1:], strict=True)
    )
    seed = _with_material(seed, places[0], shelf, problems)
    diffusivity = seed.diffusivity or _diffusivity(seed, info, problems)
    if problems:
        raise problem_error(problems)
    mobile = seed.diffusivity_in_lithium
    if mobile is None and one_phase and not mixed:
        mobile = _in_lithium(seed, info)
    update = {"mixed_with": mixed, "one_phase": one_phase, "diffusivity": diffusivity, "diffusivity_in_lithium": mobile}
    return seed.model_copy(update=update)


def _in_lithium(seed: SeedLayer, info: ValidationInfo) -> float | None:
    """Diffusivity of atoms of the host in Li, None where it is not known at the temperature: nothing depends on it."""
    try:
        return shelf_of(info).load(seed.material).value("diffusivity_in_lithium", info.data["drive"].temperature)
    except MaterialError:
        return None


def _diffusivity(seed: SeedLayer, info: ValidationInfo, problems: list[Problem]) -> float | None:
    """That of Li in the host by itself, None where its material has none; nan, and a problem, where it is unknown."""
    material = shelf_of(info).load(seed.material)
    if "host_diffusivity" not in material.properties or seed.mixed_with:
        return None
    if seed.steps and any(step.irreversible for step in seed.steps):
        return None
    where = "collector.seed.diffusivity"
    return material_value(material, "host_diffusivity", info.data["drive"].temperature, where, problems)


def _with_material(host: _H, where: str, shelf: Shelf, problems: list[Problem]) -> _H:
    material = shelf.load(host.material)
    values: dict[str, object] = {}
    for name in ("molar_volume", "lithium_volume"):
        if getattr(host, name) is not None:
            continue
        if name in material.properties:
            values[name] = material.properties[name].value
        else:
            problems.append(missing(host, where, name))
    if host.steps is None and material.lithiation is None:
        problems.append(missing(host, where, "steps"))
    elif host.steps is None:
        try:
            steps = steps_of(material, shelf)
        except MaterialError as error:
            problems.append(Problem(f"{where}.material", str(error)))
        else:
            values["steps"] = tuple(SeedStep.model_construct(**vars(step)) for step in steps)
    return host.model_copy(update=values)


def steps_of(material: Material, shelf: Shelf) -> tuple[LithiationStep, ...]:
    """Steps of a host and then of its products. Raises MaterialError where a product cannot be one."""
    own = material.lithiation
    assert own is not None
    parts, lowest = [(1.0, own.steps)], own.steps[-1].lowest
    for name, number in own.products.items():
        where = f"{material.file}: lithiation: products.{name}"
        try:
            product = shelf.of_kind(name, "film").lithiation
        except ValueRefused as refused:
            raise MaterialError(f"{where}: {refused}") from None
        if product is None or product.products:
            raise MaterialError(f"{where}: not a material with steps of its own and no products")
        if product.steps[0].potential >= lowest:
            taken = f"takes Li at {product.steps[0].potential:g} V"
            raise MaterialError(f"{where}: {taken}, where it is not there yet; allowed: below {lowest:g} V")
        parts.append((number, product.steps))
    return merged(parts)
