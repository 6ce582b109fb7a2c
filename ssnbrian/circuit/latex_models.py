"""The equations of a model as lines of LaTeX, each a formula by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ssnbrian.circuit.composition import THRESHOLD, Adaptation, Noise, Plasticity
from ssnbrian.circuit.equations import parse_equations, parse_statements
from ssnbrian.circuit.expressions import Expression, Scope, Symbol
from ssnbrian.circuit.latex import LatexWriter
from ssnbrian.circuit.rate_model import RateModel
from ssnbrian.circuit.templates import NeuronModel, SynapseModel

if TYPE_CHECKING:
    from ssnbrian.circuit.circuit import Circuit

_BEFORE, _AFTER = "presynaptic spike", "postsynaptic spike"


class ModelLatex(NamedTuple):
    """Lines of LaTeX, and the symbol of each parameter and variable by its name."""

    lines: tuple[str, ...]
    symbols: dict[str, str]


def model_latex(model: Any) -> ModelLatex:
    """Equations of a neuron, synapse, part or rate model.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for text that is no Brian2 text.
    """
    writers: dict[type, Callable[[Any, LatexWriter], list[str]]] = {
        NeuronModel: _neuron,
        SynapseModel: _synapse,
        RateModel: _rate_model,
        Adaptation: _adaptation,
        Noise: _noise,
        Plasticity: _plasticity,
    }
    texts = [getattr(model, name, "") for name in ("equations", "target_equations")]
    declared = [one.name for text in texts for one in parse_equations(text, model.name)]
    writer = LatexWriter(dict.fromkeys([*declared, *(one.name for one in model.parameters)]))
    lines = writers[type(model)](model, writer)
    value = _value if isinstance(model, RateModel) else writer.expression
    lines += [f"{writer.symbol(name)}(0) = {value(text)}" for name, text in model.initial]
    return ModelLatex((*(line for line in lines if line), *writer.definitions()), dict(writer.symbols))


def circuit_latex(circuit: Circuit) -> dict[str, ModelLatex]:
    """The equations of every neuron and synapse model of a circuit, by its name."""
    models: list[Any] = [population.neuron for population in circuit.populations]
    models += [projection.synapse for projection in circuit.projections]
    return {model.name: model_latex(model) for model in models}


def _equations(text: str, writer: LatexWriter) -> list[str]:
    return [writer.equation(one) for one in parse_equations(text, "equations")]


def _statements(text: str, writer: LatexWriter) -> list[str]:
    return [writer.statement(one) for one in parse_statements(text, "statements")]


def _at(event: str, statements: Iterable[str]) -> list[str]:
    """What happens at an event, in its order, a line each."""
    return [(r"\qquad " if number else rf"{_words(event)}:\quad ") + one for number, one in enumerate(statements)]


def _words(text: str) -> str:
    return rf"\mathrm{{{text}}}".replace(" ", r"\ ")


def _value(text: str) -> str:
    """A value with its unit, such as ``0.1 Hz``."""
    number, _, unit = text.partition(" ")
    unit = re.sub(r"\*\*(-?\d+)", r"^{\1}", unit).replace("*", r"\,")
    return rf"{number}\,\mathrm{{{unit}}}" if unit else number


def _neuron(model: NeuronModel, writer: LatexWriter) -> list[str]:
    lines = _equations(model.equations, writer)
    lines.append(rf"{_words('spike if')}\ {writer.expression(model.threshold)}")
    lines += _at("at a spike", _statements(model.reset, writer))
    if model.refractory:
        symbols = dict.fromkeys(_names(model), Symbol(None, boolean=None))
        condition = Expression(model.refractory, Scope(symbols)).is_boolean()
        word = "refractory while" if condition else "refractory for"
        lines.append(rf"{_words(word)}\ {writer.expression(model.refractory)}")
    return lines


def _names(model: NeuronModel) -> list[str]:
    declared = [one.name for one in parse_equations(model.equations, model.name)]
    return declared + [one.name for one in model.parameters]


def _synapse(model: SynapseModel, writer: LatexWriter) -> list[str]:
    lines = _equations(model.target_equations, writer) + _equations(model.equations, writer)
    if model.current is not None:
        lines.append(rf"\mu_{{\mathrm{{synaptic}}}} = {writer.symbol(model.current)}")
    lines += _at(_BEFORE, _statements(model.on_pre, writer)) + _at(_AFTER, _statements(model.on_post, writer))
    if model.delay:
        lines.append(rf"{_words('delay')} = {writer.expression(model.delay)}")
    return lines


def _adaptation(part: Adaptation, writer: LatexWriter) -> list[str]:
    # What the part is added to stands before it, so that its sign is written as in a sum.
    added = writer.expression(f"v_dots + {part.term}").replace(writer.symbol("v_dots"), r"\ldots")
    raised = part.adds_to == THRESHOLD
    left = writer.symbol(THRESHOLD) if raised else r"\frac{\mathrm{d}v}{\mathrm{d}t}"
    return [f"{left} = {added}", *_equations(part.equations, writer),
            *_at("at a spike", _statements(part.on_spike, writer))]  # fmt: skip


def _noise(part: Noise, writer: LatexWriter) -> list[str]:
    return [rf"\frac{{\mathrm{{d}}v}}{{\mathrm{{d}}t}} = \ldots + {writer.expression(f'{part.amplitude}*xi')}"]


def _plasticity(part: Plasticity, writer: LatexWriter) -> list[str]:
    transmitted = rf"{_words('transmits')}\ {writer.expression(f'weight*({part.efficacy})')}"
    order = [*_statements(part.before, writer), transmitted, *_statements(part.after, writer)]
    return [
        *_equations(part.equations, writer),
        *_at(_BEFORE, order),
        *_at(_AFTER, _statements(part.on_post, writer)),
    ]


def _rate_model(model: RateModel, writer: LatexWriter) -> list[str]:
    return _equations(model.equations, writer)
