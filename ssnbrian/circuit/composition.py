"""Models joined from parts: ``LIF + WHITE_NOISE + SPIKE_ADAPTATION``, ``EXPONENTIAL + DEPRESSION``.

A membrane takes adaptation and noise, a synapse takes plasticity. A membrane and a synapse make a :class:`Cell`,
which takes all of them: ``LIF + CONDUCTANCE + DEPRESSION + SPIKE_ADAPTATION``.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from ssnbrian.circuit.equations import parse_equations, parse_statements, with_added_term
from ssnbrian.circuit.errors import InvalidInputError
from ssnbrian.circuit.templates import NeuronModel, Parameter, SynapseModel, check_name

# Brian2's integration methods that cannot treat noise; "rk4" can here.
_NOISELESS_METHODS = frozenset({"rk2", "exponential_euler", "linear", "independent"})
STOCHASTIC_METHOD = "rk4"
#: The parameter of a neuron that an adapting threshold raises.
THRESHOLD = "threshold"


def _prepare(part: Any, what: str, texts: tuple[str, ...]) -> None:
    check_name(part.name, what)
    object.__setattr__(part, "parameters", tuple(part.parameters))
    object.__setattr__(part, "initial", tuple(tuple(pair) for pair in part.initial))
    for text in texts:
        object.__setattr__(part, text, getattr(part, text).strip("\n"))


@dataclass(frozen=True)
class Adaptation:
    """A current, or a rise of the threshold, that follows the spikes or the membrane of a neuron.

    ``term`` (Brian2 expression) is added to the derivative of the membrane (mV/s) or, where ``adds_to`` is
    'threshold', to the neuron's parameter ``threshold`` (mV) in its equations and its threshold condition.
    ``equations`` declare its variables, ``on_spike`` is added to the reset. ``v`` stands for the membrane.
    """

    name: str
    term: str
    equations: str
    on_spike: str = ""
    parameters: tuple[Parameter, ...] = ()
    initial: tuple[tuple[str, str], ...] = ()
    explanation: str = ""
    source: str = ""
    adds_to: str = "membrane"

    def __post_init__(self) -> None:
        _prepare(self, "adaptation", ("equations", "on_spike", "explanation", "source"))
        if self.adds_to not in ("membrane", THRESHOLD):
            raise InvalidInputError(
                f"adaptation {self.name}: it adds to 'membrane' or to '{THRESHOLD}', not to '{self.adds_to}'"
            )


@dataclass(frozen=True)
class Noise:
    """White noise in the membrane: ``amplitude`` names the parameter (mV/sqrt(s)) that scales ``xi``."""

    name: str
    amplitude: str
    parameters: tuple[Parameter, ...]
    explanation: str = ""
    source: str = ""
    initial: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        _prepare(self, "noise", ("explanation", "source"))
        if self.amplitude not in [parameter.name for parameter in self.parameters]:
            raise InvalidInputError(f"noise {self.name}: its amplitude '{self.amplitude}' is not among its parameters")


@dataclass(frozen=True)
class Plasticity:
    """Change of a synapse's weight by its spikes.

    ``efficacy`` (Brian2 expression, no unit) multiplies the weight at each presynaptic spike, with the values between
    ``before`` and ``after``, which are the statements at that spike; ``on_post`` those at a postsynaptic one.
    ``equations`` declare the variables of each synapse.
    """

    name: str
    efficacy: str
    equations: str
    before: str = ""
    after: str = ""
    on_post: str = ""
    parameters: tuple[Parameter, ...] = ()
    initial: tuple[tuple[str, str], ...] = ()
    explanation: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        _prepare(self, "plasticity", ("equations", "before", "after", "on_post", "explanation", "source"))


@dataclass(frozen=True)
class Cell:
    """A neuron model and the model of the synapses that it receives, which fit together."""

    neuron: NeuronModel
    synapse: SynapseModel

    def __add__(self, part: Any) -> Cell:
        return join(self, part)


def join(model: Any, part: Any) -> Any:
    """``model + part``; :class:`InvalidInputError` says why two parts do not fit."""
    if isinstance(model, Cell):
        if isinstance(part, (Adaptation, Noise)):
            return dataclasses.replace(model, neuron=join(model.neuron, part))
        if isinstance(part, Plasticity):
            return dataclasses.replace(model, synapse=join(model.synapse, part))
    if isinstance(model, NeuronModel):
        if isinstance(part, Adaptation):
            return _with_adaptation(model, part)
        if isinstance(part, Noise):
            return _with_noise(model, part)
        if isinstance(part, SynapseModel):
            from ssnbrian.circuit.model_checks import check_fit

            check_fit(model, part)
            return Cell(model, part)
    if isinstance(model, SynapseModel):
        if isinstance(part, Plasticity):
            return _with_plasticity(model, part)
        if isinstance(part, NeuronModel):
            return join(part, model)
    raise InvalidInputError(
        f"{_described(model)} and {_described(part)} do not join: a neuron takes adaptation, noise and a synapse, "
        f"a synapse takes plasticity"
    )


def _described(part: Any) -> str:
    words = {NeuronModel: "neuron", SynapseModel: "synapse", Cell: "cell"}
    name = part.neuron.name if isinstance(part, Cell) else getattr(part, "name", repr(part))
    return f"{words.get(type(part), type(part).__name__.lower())} {name}"


def _joined_parameters(model: Any, part: Any) -> tuple[Parameter, ...]:
    _refuse_twice(model, part, _declared_by(model), _declared_by(part))
    return (*model.parameters, *part.parameters)


def _refuse_twice(model: Any, part: Any, first: set[str], second: set[str]) -> None:
    if both := sorted(first & second):
        raise InvalidInputError(
            f"{_described(model)} and {_described(part)} do not fit: both declare '{both[0]}'; rename it in one of them"
        )


def declared(equations: str, where: str = "equations") -> set[str]:
    """Names of the variables that equations declare; errors, which name ``where``, as for :func:`parse_equations`."""
    return {one.name for one in parse_equations(equations, where)}


def _declared_by(model: Any) -> set[str]:
    """Names of all variables and parameters of a model or a part."""
    names = {one.name for one in model.parameters}
    for texts in ("equations", "target_equations"):
        names |= declared(getattr(model, texts, ""), f"{_described(model)}, {texts}")
    return names


def _lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text.strip())


def _named(model: Any, part: Any) -> dict[str, Any]:
    sources = [source for one in (model, part) for source in one.source.split("; ") if source]
    return {
        "name": f"{model.name}_with_{part.name}",
        "explanation": ", with ".join(one.explanation for one in (model, part) if one.explanation),
        "source": "; ".join(dict.fromkeys(sources)),
    }


def _add_to_membrane(neuron: NeuronModel, term: str, part: Any) -> str:
    """The neuron's equations with ``term`` added to the derivative of the membrane."""
    equations, count = with_added_term(neuron.equations, neuron.membrane, term)
    if count != 1:
        raise InvalidInputError(
            f"{_described(part)} does not fit neuron {neuron.name}: it needs one equation 'd{neuron.membrane}/dt = …' "
            f"to add to, and there are {count}"
        )
    return equations


def _for_membrane(text: str, neuron: NeuronModel) -> str:
    return re.sub(r"\bv\b", neuron.membrane, text)


def _is_reset(neuron: NeuronModel) -> bool:
    """Whether a spike sets the membrane to another potential."""
    statements = parse_statements(neuron.reset, f"neuron model {neuron.name}, reset")
    return any(one.target == neuron.membrane and one.expression != neuron.membrane for one in statements)


def _raise_threshold(neuron: NeuronModel, term: str, part: Adaptation) -> tuple[str, str]:
    """The neuron's equations and its condition with ``term`` added to its threshold."""
    texts = (neuron.equations, neuron.threshold)
    raised = tuple(re.sub(rf"\b{THRESHOLD}\b", f"({THRESHOLD} + {term})", text) for text in texts)
    if THRESHOLD not in [one.name for one in neuron.parameters] or raised == texts or not _is_reset(neuron):
        raise InvalidInputError(
            f"{_described(part)} does not fit neuron {neuron.name}: it needs a membrane that fires at the parameter "
            f"'{THRESHOLD}' and is reset, and the spikes of this neuron are its own upstroke"
        )
    return raised[0], raised[1]


def _with_adaptation(neuron: NeuronModel, part: Adaptation) -> NeuronModel:
    parameters = _joined_parameters(neuron, part)
    term, threshold = _for_membrane(part.term, neuron), neuron.threshold
    if part.adds_to == THRESHOLD:
        equations, threshold = _raise_threshold(neuron, term, part)
    else:
        equations = _add_to_membrane(neuron, term, part)
    return dataclasses.replace(
        neuron,
        **_named(neuron, part),
        equations=_lines(equations, _for_membrane(part.equations, neuron)),
        threshold=threshold,
        reset=_lines(neuron.reset, _for_membrane(part.on_spike, neuron)),
        parameters=parameters,
        initial=(*neuron.initial, *part.initial),
    )


def _with_noise(neuron: NeuronModel, part: Noise) -> NeuronModel:
    if neuron.noise is not None:
        raise InvalidInputError(f"neuron {neuron.name} has white noise already, scaled by '{neuron.noise}'")
    return dataclasses.replace(
        neuron,
        **_named(neuron, part),
        equations=_add_to_membrane(neuron, f"{part.amplitude}*xi", part),
        parameters=_joined_parameters(neuron, part),
        noise=part.amplitude,
        method=STOCHASTIC_METHOD if neuron.method in _NOISELESS_METHODS else neuron.method,
    )


def _with_plasticity(synapse: SynapseModel, part: Plasticity) -> SynapseModel:
    parameters = _joined_parameters(synapse, part)
    transmission, count = re.subn(r"\bweight\b", f"(weight*({part.efficacy}))", synapse.on_pre)
    if not count:
        raise InvalidInputError(
            f"{_described(part)} does not fit synapse {synapse.name}: its on_pre has no weight that could change from "
            f"spike to spike"
        )
    return dataclasses.replace(
        synapse,
        **_named(synapse, part),
        on_pre=_lines(part.before, transmission, part.after),
        on_post=_lines(synapse.on_post, part.on_post),
        equations=_lines(synapse.equations, part.equations),
        parameters=parameters,
        initial=(*synapse.initial, *part.initial),
    )
