"""Templates of neurons and synapses: frozen records that hold Brian2 text and explain their parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from ssnbrian.circuit.errors import InvalidInputError, nearest
from ssnbrian.circuit.units import Value, parse_unit, value_of

RESERVED_NAMES = frozenset(
    {"N", "i", "j", "t", "dt", "xi", "lastspike", "not_refractory", "mu_drive", "t_in_timesteps"}
)
# What the engine adds to every model, and the keys that stand beside the parameters in a TOML file.
_TAKEN_IN_NEURONS = frozenset({"mu_ext", "mu_synaptic", "counted", "tally", "size", "kind", "neuron"})
_TAKEN_IN_SYNAPSES = frozenset({"weight", "synapse", "rule", "in_degree", "probability", "J"})
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def check_name(name: str, what: str) -> None:
    """Raise :class:`InvalidInputError` unless ``name`` can be a Brian2 identifier."""
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise InvalidInputError(f"{what}: '{name}' is not a usable name; use letters, digits and _, e.g. 'E' or 'PV_2'")
    if name in RESERVED_NAMES or name.endswith(("_pre", "_post")):
        raise InvalidInputError(f"{what}: '{name}' is reserved by Brian2; choose another name")


def whole_number(given: Any) -> int | None:
    """``given`` as an int when it is a whole number (50, 50.0, a numpy integer), None otherwise."""
    if isinstance(given, bool) or not isinstance(given, Real):
        return None
    if isinstance(given, Integral):
        return int(given)
    return int(float(given)) if float(given).is_integer() else None


def _check_parameters(parameters: tuple[Parameter, ...], owner: str, taken: frozenset[str]) -> None:
    names = [parameter.name for parameter in parameters]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInputError(f"{owner}: parameter '{name}' is declared twice")
        if name in taken:
            raise InvalidInputError(f"{owner}: a parameter cannot be named '{name}', which means something else here")


def _strip_texts(model: Any, names: tuple[str, ...]) -> None:
    """Cut the empty lines around a triple-quoted text, which a TOML file does not keep."""
    for name in names:
        text = getattr(model, name)
        if text is not None:
            object.__setattr__(model, name, text.replace("\r\n", "\n").strip("\n"))


@dataclass(frozen=True)
class Parameter:
    """A shared parameter of a template: unit, default (None: must be given) and a line of explanation."""

    name: str
    unit: str
    default: str | None
    explanation: str

    def __post_init__(self) -> None:
        check_name(self.name, "parameter")
        parse_unit(self.unit)
        if self.default is not None:
            value_of(self.default, self.unit, f"default of {self.name}")


class Values(Mapping[str, Value]):
    """A frozen, hashable mapping from parameter names to values."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Value] = {}) -> None:
        self._items = tuple(items.items())

    def __getitem__(self, name: str) -> Value:
        for key, value in self._items:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(self._items)

    def __eq__(self, other: object) -> bool:
        return dict(self) == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return "Values(" + ", ".join(f"{name}={value}" for name, value in self._items) + ")"


def complete_parameters(parameters: tuple[Parameter, ...], given: Mapping[str, Any], owner: str) -> Values:
    """All parameters of a template: those given, checked for their unit, and the defaults of the rest.

    Raises :class:`InvalidInputError` for an unknown name or a required one left out.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            raise InvalidInputError(f"{owner}: unknown parameter '{name}'. {nearest(name, known)}")
    values = {}
    for parameter in parameters:
        value = given.get(parameter.name, parameter.default)
        if value is None:
            raise InvalidInputError(
                f"{owner}: parameter '{parameter.name}' ({parameter.explanation}) has no default; "
                f"give it in {parameter.unit}"
            )
        values[parameter.name] = value_of(value, parameter.unit, f"{owner}.{parameter.name}")
    return Values(values)


@dataclass(frozen=True)
class NeuronModel:
    """A spiking neuron as Brian2 equations.

    ``equations`` may use ``mu_ext``, the external mean input (mV/s, supplied by the drive), and must add
    ``mu_synaptic`` (mV/s) wherever current synapses enter. ``noise`` names the parameter that scales ``xi``,
    or is None for a noiseless model. ``initial`` gives Brian2 expressions for the state at t = 0.
    """

    name: str
    equations: str
    threshold: str
    reset: str
    parameters: tuple[Parameter, ...]
    membrane: str = "v"
    noise: str | None = None
    method: str = "exact"
    refractory: str | None = None
    initial: tuple[tuple[str, str], ...] = ()
    explanation: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "neuron model")
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "initial", tuple(tuple(pair) for pair in self.initial))
        _strip_texts(self, ("equations", "threshold", "reset", "refractory", "explanation", "source"))
        _check_parameters(self.parameters, f"neuron model {self.name}", _TAKEN_IN_NEURONS)
        for variable, _ in self.initial:
            check_name(variable, f"neuron model {self.name}: initial state")
        names = [parameter.name for parameter in self.parameters]
        if not self.threshold.strip() or not self.reset.strip():
            given, missing = ("threshold", "reset") if self.threshold.strip() else ("reset", "threshold")
            text = getattr(self, given).strip()
            has = f"has the {given} '{text}' but no {missing}" if text else "has neither"
            raise InvalidInputError(
                f"neuron model {self.name} {has}; a spiking neuron needs both a threshold and a reset"
            )
        if self.noise is not None and self.noise not in names:
            raise InvalidInputError(f"neuron model {self.name}: the noise parameter '{self.noise}' is not declared")

    def parameter(self, name: str) -> Parameter:
        """The declaration of one parameter."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise InvalidInputError(
            f"neuron model {self.name}: unknown parameter '{name}'. {nearest(name, [p.name for p in self.parameters])}"
        )

    def __add__(self, part: Any) -> Any:
        from ssnbrian.circuit.composition import join

        return join(self, part)


@dataclass(frozen=True)
class SynapseModel:
    """A synapse as Brian2 text; ``weight`` (mV) is the area of the postsynaptic potential's input.

    Each presynaptic spike adds ``weight`` (signed, in mV) in total to the time integral of the target's input, for
    conductances as long as the membrane is at their reference potential. ``on_pre`` acts on the target and may use
    ``weight`` and the parameters. Where ``current`` is given it is the name of a variable, declared by
    ``target_equations``, that adds to ``mu_synaptic``; ``target_equations`` may use the target's membrane, ``v``, and
    ``weight``, for instance where ``on_pre`` counts spikes and the weight is what each of them does.
    ``equations`` are those of each synapse's own variables, which start from ``initial``; ``on_post`` acts at the
    target's spikes. ``delay`` is the Brian2 expression of each synapse's delay, or None for no delay.
    """

    name: str
    on_pre: str
    parameters: tuple[Parameter, ...] = ()
    target_equations: str = ""
    current: str | None = None
    delay: str | None = None
    explanation: str = ""
    source: str = ""
    equations: str = ""
    on_post: str = ""
    initial: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "synapse model")
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "initial", tuple(tuple(pair) for pair in self.initial))
        texts = ("on_pre", "on_post", "equations", "target_equations", "delay", "explanation", "source")
        _strip_texts(self, texts)
        _check_parameters(self.parameters, f"synapse model {self.name}", _TAKEN_IN_SYNAPSES)
        for variable, _ in self.initial:
            check_name(variable, f"synapse model {self.name}: initial state")
        if (self.current is None) != (not self.target_equations.strip()):
            raise InvalidInputError(
                f"synapse model {self.name}: 'current' and 'target_equations' go together; one of them is missing"
            )

    def __add__(self, part: Any) -> Any:
        from ssnbrian.circuit.composition import join

        return join(self, part)


@dataclass(frozen=True)
class FixedInDegree:
    """Every target neuron receives from exactly ``in_degree`` different sources, never from itself."""

    in_degree: int

    def __post_init__(self) -> None:
        in_degree = whole_number(self.in_degree)
        if in_degree is None or in_degree < 0:
            raise InvalidInputError(f"in-degree: expected a whole number of at least 0, got {self.in_degree}")
        object.__setattr__(self, "in_degree", in_degree)

    def mean_in_degree(self, source_size: int, recurrent: bool) -> float:
        """Mean number of synapses per target neuron."""
        return float(self.in_degree)

    @staticmethod
    def from_probability(probability: float, source_size: int) -> FixedInDegree:
        """``floor(p N)``, guarded against a product such as 0.055·1000 that falls just below a whole number."""
        return FixedInDegree(int(probability * source_size * (1 + 1e-12)))


def _checked_probability(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, Real) or not 0 <= float(given) <= 1:
        raise InvalidInputError(f"connection probability: expected a number from 0 to 1, got {given}")
    return float(given)


@dataclass(frozen=True)
class Bernoulli:
    """Every ordered pair is connected independently with ``probability``; no neuron connects to itself."""

    probability: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "probability", _checked_probability(self.probability))

    def mean_in_degree(self, source_size: int, recurrent: bool) -> float:
        """Mean number of synapses per target neuron."""
        return self.probability * (source_size - recurrent)


@dataclass(frozen=True)
class AllToAll:
    """Every source connects to every target; with ``autapses`` a neuron of a recurrent projection also to itself."""

    autapses: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.autapses, bool):
            raise InvalidInputError(f"autapses: expected true or false, got {self.autapses}")

    def mean_in_degree(self, source_size: int, recurrent: bool) -> float:
        """Mean number of synapses per target neuron."""
        return float(source_size - (recurrent and not self.autapses))


@dataclass(frozen=True)
class Annealed:
    """At every spike the targets are drawn anew: each target neuron is reached independently with ``probability``.

    In a recurrent projection the neuron that spiked is one of the targets like every other. What a spike does must
    only add to variables of its targets; a synapse with a state of its own, such as a plastic one, is refused, because
    there is no synapse that would persist. A delay belongs to the pair of neurons and stays. Of n spikes of the source
    in one step a binomial number reaches a target, and those that reach different targets are independent.
    """

    probability: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "probability", _checked_probability(self.probability))

    def mean_in_degree(self, source_size: int, recurrent: bool) -> float:
        """Mean number of the sources whose spike a target neuron receives when each spikes once."""
        return self.probability * source_size


ConnectionRule = FixedInDegree | Bernoulli | AllToAll | Annealed
CONNECTION_RULES: dict[str, type] = {
    "fixed_in_degree": FixedInDegree,
    "bernoulli": Bernoulli,
    "all_to_all": AllToAll,
    "annealed": Annealed,
}
