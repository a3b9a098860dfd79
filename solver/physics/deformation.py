"""The mechanics as the coupled step sees it: its fields in the state, growth by vacancies, what is measured.

Per time step the balance of forces is solved for the lattice velocity with the sources of `vacancies`, S(s_n); the face
velocities then carry occupancy and order parameter. Of the stress, s_n - p enters the charge transfer at the next step,
where Li is plated in the same one (p: pressure of the platen). The stress of a collector means nothing: s_n is 0 there.
Symbols: `mechanics`.

What swells between platen and collector, such as a seed, pushes the platen back by its mean thickness w_s
(`part.Part.swelling`). With Z that of the collector's surface

    p = p0 - k (Z - w_s) = (p0 + k w_s) - k Z

so it acts as a stack pressure of p0 + k w_s, and that is the one which is given here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from solver.domain.contact import Contact
from solver.laws import free_energy as fe
from solver.laws import stress_measures, vacancies
from solver.laws.bare_contact import BareContact
from solver.numerics.array import AXES, Array
from solver.numerics.grid import Grid
from solver.numerics.kept import Keeper
from solver.numerics.state import FieldInfo, Fields, State
from solver.physics import touching
from solver.physics.force_balance import Load, MechanicalState, Touch
from solver.physics.mechanics import Mechanics, MechanicsResult
from solver.physics.part import Column, Part, StateField
from solver.physics.rheology import memory_weight

OUTPUTS = (
    FieldInfo("velocity", "v", "m/s", "lattice velocity of the metal", rank=1),
    FieldInfo("pressure", "p", "Pa", "pressure, compression positive"),
    FieldInfo("stress", "sigma", "Pa", "stress tensor, tension positive", rank=2),
    FieldInfo("von_mises_stress", "sigma_eq", "Pa", "von Mises stress"),
    FieldInfo("largest_principal_stress", "sigma_1", "Pa", "largest principal stress, tension positive"),
    FieldInfo("contact_pressure", "s_n", "Pa", "normal stress on the contact, compression positive"),
    FieldInfo("displacement", "u", "m", "elastic displacement of the electrolyte", rank=1),
)
COLUMNS = (
    Column("platen_pressure", "Pa", "of the platen on the Li: stack pressure, less what the fixture gives way"),
    Column("contact_pressure", "Pa", "mean normal stress over the area of contact"),
    Column("platen_displacement", "m", "of the platen, or a collector's surface (mean), towards the electrolyte"),
    Column("drift_velocity", "m/s", "of the platen towards the electrolyte"),
    Column("thickened_share", "1", "of all planes made or lost, those lost in vacancy layers made 2 lambda deep"),
    Column("force_error", "1", "reaction at the top over the load, minus 1"),
)

THINNEST = 1e-12  # m of Li in a column of cells

Made = Callable[[Array], tuple[Array, Array]]  # change of s_n since the last step -> S_j and dS_j/ds_n

SCALARS = ("pressure", "solid_pressure", "growth", "normal_stress")


def field_names(dim: int) -> tuple[str, ...]:
    """Names of the fields that the mechanics keeps in the state, on a grid of `dim` axes."""
    axes = AXES[dim]
    pairs = [a + b for i, a in enumerate(axes) for b in axes[i + 1 :]]
    vectors = [f"{name}_{a}" for name in ("velocity", "displacement") for a in axes]
    return (*vectors, *(f"elastic_{c}" for c in [a + a for a in axes] + pairs), *SCALARS)


@dataclass
class Deformation(Part):
    """Mechanics of a case. start_pressure p0 Pa; stiffness Pa/m of the fixture; platen: whether there is one.

    bare_contact: how a collector meets the electrolyte; None without one.
    """

    grid: Grid
    mechanics: Mechanics
    annihilation: vacancies.AnnihilationParameters
    start_pressure: float
    stiffness: float = 0.0
    platen: bool = True
    bare_contact: BareContact | None = None

    name = "mechanics"
    outputs = OUTPUTS
    columns = COLUMNS

    def __post_init__(self) -> None:
        self.fields = tuple(StateField(name) for name in field_names(self.grid.dim))
        axes = AXES[self.grid.dim]
        self._velocity = [f"velocity_{a}" for a in axes]
        self._displacement = [f"displacement_{a}" for a in axes]
        self._elastic = [n for n in field_names(self.grid.dim) if n.startswith("elastic_")]

    @property
    def keepers(self) -> dict[str, Keeper]:
        return {"mechanics": self.mechanics}

    # -- state ---------------------------------------------------------------------------------------

    def place(self, contact: Contact) -> None:
        """Take over where the solids are (collective)."""
        if self.placed(contact):
            memory, collector = memory_weight(contact.electrolyte), contact.collector
            if collector is None:
                self.mechanics.place(memory, contact.normal)
            else:
                self.mechanics.place(memory, contact.normal, collector.rigid)

    def start(self, contact: Contact) -> dict[str, Array]:
        """Fields of the assembled cell at rest (collective)."""
        self.place(contact)
        still = self.mechanics.start(self.start_pressure)
        tau = self.mechanics.rheology.elastic_tensor(still.elastic)
        return self._fields(still, still.pressure - self.mechanics.rheology.along_normal(tau))

    def _fields(self, state: MechanicalState, normal_stress: Array) -> dict[str, Array]:
        fields = {name: state.velocity[..., i] for i, name in enumerate(self._velocity)}
        fields |= {name: state.displacement[..., i] for i, name in enumerate(self._displacement)}
        fields |= dict(zip(self._elastic, state.elastic, strict=True))
        fields |= {"pressure": state.pressure, "solid_pressure": state.solid_pressure, "growth": state.growth}
        return fields | {"normal_stress": normal_stress}

    def _state(self, fields: State | Mapping[str, Array]) -> MechanicalState:
        return MechanicalState(
            velocity=np.stack([fields[n] for n in self._velocity], axis=-1),
            pressure=fields["pressure"].copy(),
            growth=fields["growth"].copy(),
            elastic=np.stack([fields[n] for n in self._elastic]),
            solid_pressure=fields["solid_pressure"].copy(),
            displacement=np.stack([fields[n] for n in self._displacement], axis=-1),
        )

    # -- the step ------------------------------------------------------------------------------------

    def excess_pressure(self, state: Fields, stack_pressure: float) -> Array:
        """s_n - p, Pa; 0 in the collector (collective)."""
        meant = self.mechanics.rheology.remembering
        return np.asarray(state["normal_stress"] - meant * self.platen_pressure(state, stack_pressure))

    def thickening(self, fields: Fields) -> Array:
        """k of the vacancy layer under the normal stress."""
        return self.annihilation.thickening(fields["normal_stress"])

    def platen_pressure(self, state: State | Mapping[str, Array], stack_pressure: float) -> float:
        """p0 - stiffness Z, Pa (collective)."""
        return stack_pressure - self.stiffness * self.platen_displacement(state)

    def surface_displacement(self, fields: State | Mapping[str, Array]) -> Array:
        """Z of a collector's surface towards the electrolyte in every column, (*lateral, 1), m (collective)."""
        bottom = self.mechanics.mac.bottom_area > 0
        return self.grid.columns(bottom * fields[self._displacement[-1]])

    def platen_displacement(self, fields: State | Mapping[str, Array]) -> float:
        """Z: displacement of platen, or mean one of a collector, towards the electrolyte, m (collective)."""
        area = self.mechanics.mac.bottom_area
        return self.grid.sum(area * fields[self._displacement[-1]]) / self.mechanics.loaded_area

    def balance(
        self, state: State, contact: Contact, lithium: Array, made: Made, stack_pressure: float, dt: float
    ) -> tuple[MechanicsResult, dict[str, Array], Array]:
        """Solve for the end of the step, with xi given there; made: planes of plated Li (collective).

        Returns what the mechanics found, its fields, and the deficit theta* that is expected of them.
        """
        self.place(contact)
        before, meant = state["normal_stress"].copy(), self.mechanics.rheology.remembering
        planes = self._planes(state, contact, state["feed"], dt)

        def planes_at(normal_stress: Array) -> vacancies.Planes:
            s_n = normal_stress * meant
            return planes(made(s_n - before), s_n)

        def growth(normal_stress: Array) -> tuple[Array, Array]:
            found = planes_at(normal_stress)
            return found.source, found.slope * meant

        load = Load(
            pressure=stack_pressure,
            stiffness=self.stiffness,
            platen=self.platen,
            touch=self._touch(contact, lithium) if contact.collector else None,
        )
        result = self.mechanics.step(self._state(state), lithium, growth, load, dt)
        return result, self._fields(result.state, result.normal_stress * meant), planes_at(result.normal_stress).deficit

    def _planes(
        self, state: State, contact: Contact, feed: Array, dt: float
    ) -> Callable[[tuple[Array, Array], Array], vacancies.Planes]:
        """`vacancies.plane_source` of the planes of plated Li and s_n, in a step from a state (collective)."""
        h, dz = fe.step(state["lithium"]), self.grid.spacing[-1]
        deficit, vanish, grow = h - state["occupancy"], contact.metal, contact.growing
        planes, metal = self.grid.columns(grow * h * dz), self.grid.columns(vanish * h * dz)
        weights = vacancies.Weights(vanish, grow, planes / np.maximum(metal, THINNEST))

        def found(made: tuple[Array, Array], normal_stress: Array) -> vacancies.Planes:
            return vacancies.plane_source(weights, h, deficit, feed, made, self.annihilation, normal_stress, dt)

        return found

    def missed(self, state: State, fields: Fields, contact: Contact, plated: Array, dt: float) -> Array:
        """S as it would have been found with the feed that the step has had, less that it was found with, 1/s.

        plated: planes of plated Li (collective).
        """
        planes = self._planes(state, contact, fields["feed"], dt)
        return planes((plated, np.zeros_like(plated)), fields["normal_stress"]).source - fields["growth"]

    def _touch(self, contact: Contact, lithium: Array) -> Touch:
        """How the collector of the contact and the electrolyte meet, with the order parameter given (collective)."""
        assert contact.collector and self.bare_contact
        solid = memory_weight(contact.electrolyte)
        below, _ = self.grid.sides(self.grid.ghosted(solid), self.grid.dim - 1)
        return Touch(
            gap=contact.collector.gap,
            law=self.bare_contact.pressure,
            bare=1 - touching.weight(self.grid, contact, lithium),
            lift=solid - below[..., :-1],
        )

    def drift(self, fields: Fields) -> float:
        """Velocity of the platen towards the electrolyte, m/s (collective)."""
        return self.mechanics.drift(np.stack([fields[name] for name in self._velocity], axis=-1))

    def surface_velocity(self, fields: Fields) -> Array:
        """Velocity of a collector's surface towards the electrolyte in every column, m/s (collective)."""
        return self.mechanics.surface_velocity(np.stack([fields[name] for name in self._velocity], axis=-1))

    def face_velocities(self, fields: Mapping[str, Array]) -> list[Array]:
        """Velocities on all faces, one array per axis, m/s (collective)."""
        return self.mechanics.mac.faces(np.stack([fields[n] for n in self._velocity], axis=-1))

    # -- measures ------------------------------------------------------------------------------------

    def compression_across(self, state: State, normal: Array) -> Array:
        """-n.sigma.n of the last step in the cells for unit normals (dim, *cells), Pa (collective).

        In 1-D the walls stand along the only axis, and n is a direction that the grid does not have.
        """
        rheology = self.mechanics.rheology
        tau = rheology.elastic_tensor(self._state(state).elastic)
        along = tau.missing if self.grid.dim == 1 else (normal**2 * tau.normal).sum(axis=0)
        for (a, b), shear in zip(self.mechanics.mac.pairs, tau.cells, strict=True):
            along = along + 2 * normal[a] * normal[b] * shear
        compression: Array = state["pressure"] - rheology.solid_share(state["lithium"]) * along
        return compression

    def measure(self, fields: Fields, contact: Contact, stack_pressure: float) -> dict[str, float]:
        """Scalars of a step (collective).

        contact_pressure: mean of s_n over the area of contact, Pa; platen_pressure: of the platen, Pa; drift_velocity:
        of the platen, m/s; thickened_share: of the annihilation, where k(s_n) > 1.
        """
        grid, active = self.grid, contact.area * fe.step(fields["lithium"])
        s_n = fields["normal_stress"]
        touching = grid.sum(active)
        vanishing = np.maximum(-fields["growth"], 0.0) * grid.volume
        thickened = self.annihilation.thickening(s_n) > 1
        total = grid.sum(np.abs(fields["growth"]) * grid.volume)
        return {
            "contact_pressure": grid.sum(active * s_n) / touching if touching else 0.0,
            "platen_pressure": self.platen_pressure(fields, stack_pressure),
            "platen_displacement": self.platen_displacement(fields),
            "drift_velocity": self.drift(fields),
            "thickened_share": grid.sum(vanishing * thickened) / total if total else 0.0,
        }

    def output(self, state: State, contact: Contact) -> dict[str, Array]:
        """Stress and motion in the cells; the contact pressure is that of every cell (collective).

        That of the rigid collector means nothing and is left out.
        """
        self.place(contact)
        mech = self.mechanics
        now = self._state(state)
        solid_share = mech.rheology.solid_share(state["lithium"])
        solid_tau = mech.rheology.elastic_tensor(now.elastic)
        tau = stress_measures.six_components(solid_tau.normal, solid_tau.missing, solid_tau.cells)
        tau *= solid_share[..., None]
        solid = contact.electrolyte >= 0.5
        meant = 1 - contact.collector.rigid if contact.collector else np.ones(())
        pressure, tau = meant * now.pressure, meant[..., None] * tau
        return {
            "velocity": self._to_cells(now.velocity),
            "displacement": self._to_cells(now.displacement) * solid[..., None],
            "pressure": pressure,
            "stress": stress_measures.stress(tau, pressure),
            "von_mises_stress": stress_measures.von_mises(tau),
            "largest_principal_stress": stress_measures.largest_principal(tau, pressure),
            "contact_pressure": state["normal_stress"].copy(),
        }

    def _to_cells(self, vector: Array) -> Array:
        faces = self.mechanics.mac.faces(vector)
        means = []
        for axis, values in enumerate(faces):
            moved = np.moveaxis(values, axis, 0)
            means.append(np.moveaxis(0.5 * (moved[1:] + moved[:-1]), 0, axis))
        return np.stack(means, axis=-1)
