"""A circuit: populations, projections and a default drive, as one frozen value."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ssnbrian.circuit.drive import Drive
from ssnbrian.circuit.equations import parse_statements
from ssnbrian.circuit.errors import InvalidInputError, nearest
from ssnbrian.circuit.templates import (
    Annealed,
    ConnectionRule,
    FixedInDegree,
    NeuronModel,
    SynapseModel,
    Values,
    check_name,
    complete_parameters,
    whole_number,
)
from ssnbrian.circuit.units import Value, value_of

LARGEST_WEIGHT_VOLTS = 1.0
_CIRCUIT_NAME = re.compile(r"\w[\w .+-]*")


def _check_population(population: Population | InputPopulation, what: str) -> None:
    """Name, size and kind; the size becomes an int."""
    name, kind = population.name, population.kind
    check_name(name, what)
    if "_to_" in name:
        raise InvalidInputError(f"{what} {name}: '_to_' is kept for names of projections; rename it")
    size = whole_number(population.size)
    if size is None or size < 1:
        raise InvalidInputError(f"{what} {name}: size must be a whole number of at least 1, got {population.size}")
    object.__setattr__(population, "size", size)
    if kind not in ("excitatory", "inhibitory"):
        raise InvalidInputError(f"{what} {name}: kind must be 'excitatory' or 'inhibitory', got '{kind}'")


@dataclass(frozen=True)
class Population:
    """``size`` identical neurons; ``kind`` ('excitatory' or 'inhibitory') is the sign of what they project."""

    name: str
    size: int
    neuron: NeuronModel
    kind: str = "excitatory"
    parameters: Mapping[str, Any] = field(default_factory=Values)

    def __post_init__(self) -> None:
        _check_population(self, "population")
        values = complete_parameters(self.neuron.parameters, self.parameters, self.name)
        object.__setattr__(self, "parameters", values)
        self._check_ranges(values)

    def _check_ranges(self, values: Values) -> None:
        for name, value in values.items():
            if name.startswith("tau") and value.si <= 0:
                raise InvalidInputError(f"{self.name}.{name}: a time constant must be positive, got {value}")
            if name in (self.neuron.noise, self.neuron.refractory) and value.si < 0:
                raise InvalidInputError(f"{self.name}.{name}: must not be negative, got {value}")
        self._check_reset(values)

    def _check_reset(self, values: Values) -> None:
        """Refuse parameters to which the membrane is reset at or above that at which it fires."""
        membrane = re.escape(self.neuron.membrane)
        threshold = re.fullmatch(rf"\s*{membrane}\s*>=?\s*(\w+)\s*", self.neuron.threshold)
        reset = re.search(rf"^\s*{membrane}\s*=\s*(\w+)\s*$", self.neuron.reset, re.MULTILINE)
        if threshold is None or reset is None:
            return
        first, last = values.get(reset[1]), values.get(threshold[1])
        if first is not None and last is not None and first.si >= last.si:
            raise InvalidInputError(
                f"population {self.name}: the {reset[1]} ({first}) must lie below the {threshold[1]} ({last}); "
                f"otherwise the neuron fires for ever"
            )

    @property
    def sign(self) -> int:
        """+1 for an excitatory population, −1 for an inhibitory one."""
        return 1 if self.kind == "excitatory" else -1


@dataclass(frozen=True)
class InputPopulation:
    """``size`` independent Poisson processes of one ``rate`` (Hz) that project into a circuit and receive nothing.

    ``kind`` is the sign of what they project; ``rate`` holds unless a simulation is given another course of it.
    """

    name: str
    size: int
    rate: Any
    kind: str = "excitatory"

    def __post_init__(self) -> None:
        _check_population(self, "input population")
        rate = value_of(self.rate, "Hz", f"{self.name}.rate")
        if rate.si < 0:
            raise InvalidInputError(f"{self.name}.rate: a rate must not be negative, got {rate}")
        object.__setattr__(self, "rate", rate)

    @property
    def sign(self) -> int:
        """+1 for an excitatory population, −1 for an inhibitory one."""
        return 1 if self.kind == "excitatory" else -1


@dataclass(frozen=True)
class Projection:
    """Synapses from ``source`` to ``target``; ``weight`` is a magnitude in mV, its sign is the source's kind."""

    source: str
    target: str
    weight: Any
    rule: ConnectionRule
    synapse: SynapseModel
    parameters: Mapping[str, Any] = field(default_factory=Values)

    def __post_init__(self) -> None:
        weight = value_of(self.weight, "mV", f"{self.name}.weight")
        if weight.si > LARGEST_WEIGHT_VOLTS:
            raise InvalidInputError(f"{self.name}.weight: {weight} is far beyond any synapse; the unit is mV")
        if weight.si < 0:
            raise InvalidInputError(
                f"{self.name}.weight: a weight is a magnitude and must not be negative, got {weight}; "
                f"inhibition is the kind of the source population"
            )
        object.__setattr__(self, "weight", weight)
        values = complete_parameters(self.synapse.parameters, self.parameters, self.name)
        for name, value in values.items():
            if name.startswith("tau") and value.si <= 0:
                raise InvalidInputError(f"{self.name}.{name}: a time constant must be positive, got {value}")
            if name.startswith("delay") and value.si < 0:
                raise InvalidInputError(f"{self.name}.{name}: a delay must not be negative, got {value}")
        if {"delay_low", "delay_high"} <= set(values) and values["delay_low"].si > values["delay_high"].si:
            raise InvalidInputError(f"{self.name}: delay_low must not exceed delay_high")
        object.__setattr__(self, "parameters", values)
        if isinstance(self.rule, Annealed):
            self._check_annealed()

    def _check_annealed(self) -> None:
        """Refuse a synapse that persists from spike to spike, or that does more than to add."""
        model = self.synapse
        statements = parse_statements(model.on_pre, f"synapse model {model.name}, on_pre")
        other = next((one.line for one in statements if one.operator not in ("+=", "-=")), None)
        if model.equations or model.on_post or other:
            why = f"'{other}' does not add" if other else "it has variables of its own"
            raise InvalidInputError(
                f"projection {self.name}: the rule 'annealed' draws targets anew at every spike, so a synapse can only "
                f"add to its target; {model.name} does more: {why}. Take another rule or a synapse without plasticity"
            )

    @property
    def name(self) -> str:
        """``source->target``."""
        return f"{self.source}->{self.target}"


@dataclass(frozen=True)
class Circuit:
    """Populations and projections with a default drive; ``ratio`` is mu_ext of every inhibitory population over
    mu_ext of the excitatory ones. ``inputs`` are Poisson processes outside that project into the populations.
    ``source`` is the citation."""

    name: str
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...] = ()
    drive: Drive | None = None
    ratio: float = 1.0
    description: str = ""
    source: str = ""
    inputs: tuple[InputPopulation, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", tuple(self.populations))
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "projections", tuple(self.projections))
        if not isinstance(self.name, str) or not _CIRCUIT_NAME.fullmatch(self.name):
            raise InvalidInputError(
                f"circuit '{self.name}': a name has letters, digits, spaces and any of _ . + - and names files, "
                f"so no path; e.g. 'my_circuit'"
            )
        if not self.populations:
            raise InvalidInputError(f"circuit {self.name}: it is empty; add at least one population")
        names = [one.name for one in self.populations] + [one.name for one in self.inputs]
        for name in names:
            if names.count(name) > 1:
                raise InvalidInputError(f"circuit {self.name}: there are two populations named '{name}'")
        if isinstance(self.ratio, bool) or not isinstance(self.ratio, (int, float)) or not math.isfinite(self.ratio):
            raise InvalidInputError(f"circuit {self.name}: ratio must be a finite number, got {self.ratio}")
        if self.ratio < 0:
            raise InvalidInputError(f"circuit {self.name}: ratio must not be negative, got {self.ratio:g}")
        object.__setattr__(self, "ratio", float(self.ratio))
        self._check_models("neuron", [population.neuron for population in self.populations])
        self._check_models("synapse", [projection.synapse for projection in self.projections])
        pairs = [projection.name for projection in self.projections]
        for projection in self.projections:
            self._check_projection(projection)
            if pairs.count(projection.name) > 1:
                raise InvalidInputError(f"circuit {self.name}: there are two projections {projection.name}")

    def _check_models(self, what: str, models: list[Any]) -> None:
        # Two models under one name would become one in the TOML text, which is what a simulation reads.
        named: dict[str, Any] = {}
        for model in models:
            if named.setdefault(model.name, model) != model:
                raise InvalidInputError(
                    f"circuit {self.name}: two different {what} models are named '{model.name}'; rename one of them"
                )

    def _check_projection(self, projection: Projection) -> None:
        populations = [population.name for population in self.populations]
        inputs = [population.name for population in self.inputs]
        for role, names in (("source", populations + inputs), ("target", populations)):
            name = getattr(projection, role)
            if name not in names:
                why = "an input population, which receives nothing" if name in inputs else "not a population"
                raise InvalidInputError(
                    f"projection {projection.name}: its {role} '{name}' is {why}. {nearest(name, names)}"
                )
        source = self.source_of(projection)
        available = source.size - (projection.source == projection.target)
        if isinstance(projection.rule, FixedInDegree) and projection.rule.in_degree > available:
            raise InvalidInputError(
                f"projection {projection.name}: in-degree {projection.rule.in_degree} is larger than the "
                f"{available} source neurons that a neuron of {projection.target} can have"
            )

    def population(self, name: str) -> Population:
        """The population of that name; :class:`InvalidInputError` suggests the nearest one."""
        for population in self.populations:
            if population.name == name:
                return population
        known = [population.name for population in self.populations]
        raise InvalidInputError(f"circuit {self.name}: no population '{name}'. {nearest(name, known)}")

    def source_of(self, projection: Projection) -> Population | InputPopulation:
        """The population, or input population, that a projection comes from."""
        for population in self.inputs:
            if population.name == projection.source:
                return population
        return self.population(projection.source)

    def projection(self, source: str, target: str) -> Projection | None:
        """The projection from source to target, or None."""
        for projection in self.projections:
            if (projection.source, projection.target) == (source, target):
                return projection
        return None

    def in_degree(self, projection: Projection) -> float:
        """Mean number K of synapses that a target neuron has from the source."""
        recurrent = projection.source == projection.target
        return projection.rule.mean_in_degree(self.source_of(projection).size, recurrent)

    def weight_total(self, projection: Projection) -> Value:
        """J = K·j, the population-wise weight (Eq 13 of Ekelmans et al. 2023, with the realised in-degree)."""
        return Value(self.in_degree(projection) * projection.weight.si, projection.weight.dimension)

    def replace(self, **changes: Any) -> Circuit:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    @property
    def content_hash(self) -> str:
        """Identity of the whole description, from exact float bits."""
        from ssnbrian.circuit.toml import circuit_to_toml

        return hashlib.sha256(circuit_to_toml(self).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        from ssnbrian.circuit.card import circuit_card

        return circuit_card(self)
