"""The section [collector.seed] of a case file: a layer on the collector that takes Li as an alloy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationInfo

from solver.case.materials import material_of, missing, shelf_of
from solver.case.types import MolarVolume, Problem, Section, Width, key, problem_error, required, resolved
from solver.materials.lithiation import COMPOSITION, POTENTIAL, LithiationStep, disorder

if TYPE_CHECKING:
    from solver.case.schema import Case

Composition = Annotated[float, COMPOSITION]
AlloyPotential = Annotated[float, POTENTIAL]


class SeedStep(Section):
    """A step in which the seed takes Li."""

    composition: Composition = required("Li per atom of the host at the end of the step")
    potential: AlloyPotential = required("potential against Li metal: that of a plateau, or at the start of the step")
    end: AlloyPotential | None = key(None, "potential at the end of the step, where it is no plateau")


class SeedLayer(Section):
    """A layer on the collector that takes Li as an alloy."""

    material: Annotated[str, material_of("film")] = required("name of the host")
    thickness: Width = required("thickness of the host without Li")
    molar_volume: MolarVolume = resolved("molar volume of the host")
    lithium_volume: MolarVolume = resolved("molar volume of Li in the host")
    steps: Annotated[tuple[SeedStep, ...], Field(min_length=1)] = resolved(
        "steps in which it takes Li; default those of its material"
    )
    one_phase: bool = resolved("whether its last step goes on into Li metal as one phase; default as its material")

    def problems(self, case: Case) -> Iterable[Problem]:
        if disorder_of := disorder(tuple(LithiationStep(s.composition, s.potential, s.end) for s in self.steps)):
            yield Problem("collector.seed.steps", disorder_of, "steps in the order in which Li is taken")
        if case.collector and case.collector.nucleation is None:
            wrong = "no Li is born on it when it is full"
            yield Problem("collector.seed", wrong, "collector.nucleation beside it")
        highest = self.steps[0].potential
        if case.drive.voltage_limit <= highest:
            wrong = f"the seed takes Li from {highest:g} V on, so that the run would end at once"
            yield Problem("drive.voltage_limit", wrong, f"a voltage > {highest:g} V")


def with_host(seed: SeedLayer, info: ValidationInfo) -> SeedLayer:
    """The seed with what it leaves open taken from its material."""
    material, values = shelf_of(info).load(seed.material), {}
    problems: list[Problem] = []
    for name in ("molar_volume", "lithium_volume"):
        if getattr(seed, name) is not None:
            continue
        if name in material.properties:
            values[name] = material.properties[name].value
        else:
            problems.append(missing(seed, "collector.seed", name))
    steps, one_phase, host = seed.steps, seed.one_phase, material.lithiation
    if steps is None and host is None:
        problems.append(missing(seed, "collector.seed", "steps"))
    if steps is None and host is not None:
        steps = tuple(SeedStep.model_construct(**vars(step)) for step in host.steps)
    if one_phase is None:
        one_phase = host is not None and host.one_phase
    if problems:
        raise problem_error(problems)
    return seed.model_copy(update={**values, "steps": steps, "one_phase": one_phase})
