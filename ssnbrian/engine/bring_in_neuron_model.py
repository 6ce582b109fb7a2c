"""The texts of a neuron model from a Brian2 group that has been read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import brian2
from brian2.equations.codestrings import Expression
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException

from ssnbrian.circuit import InvalidInputError, NeuronModel, Parameter, Value
from ssnbrian.circuit.equations import in_one_line
from ssnbrian.circuit.units import parse_unit
from ssnbrian.engine.bring_in_neuron import BrianNeuron, expression_of, identifiers, number_of
from ssnbrian.engine.bring_in_texts import (
    SUBEXPRESSION,
    literal,
    parameter_from,
    uniform_value,
    value_from,
)
from ssnbrian.engine.crossing import bridge_crossing, bridge_refusal
from ssnbrian.engine.exponential_step import LinearStep
from ssnbrian.engine.state_updaters import RUNGE_KUTTA_WITH_NOISE

_SHIFTED_REFRACTORY = re.compile(r"\(floor\((.+)/dt \+ 0\.5\) \+ 1\)\*dt")


def _noise(neuron: BrianNeuron, texts: dict[str, str], values: dict[str, Value]) -> str | None:
    """The parameter that scales the noise of the membrane; a composite amplitude becomes one parameter."""
    expression = texts[neuron.membrane].split("=", 1)[1].rsplit(":", 1)[0]
    if not re.search(r"\bxi(_\w+)?\b", expression):
        return None
    rest, noises = Expression(expression.strip()).split_stochastic()
    if len(noises) > 1:
        raise InvalidInputError(f"{neuron.where}: the membrane has two noises; add them up to one")
    ((xi, amplitude),) = noises.items()
    if amplitude.code in values:
        return amplitude.code
    names = identifiers(amplitude.code)
    if wrong := sorted(name for name in names if name in neuron.equations and name not in values):
        raise InvalidInputError(
            f"{neuron.where}: the noise of the membrane is scaled by '{wrong[0]}', which is no constant"
        )
    number = number_of(expression_of(amplitude.code), values, neuron.where)
    values["noise_amplitude"] = Value(number, parse_unit("V/sqrt(s)")[1])
    head, tail = texts[neuron.membrane].split("=", 1)[0], texts[neuron.membrane].rsplit(":", 1)[1]
    texts[neuron.membrane] = f"{head}= {rest.code} + noise_amplitude*{xi} :{tail}"
    return "noise_amplitude"


def _refractory(neuron: BrianNeuron, values: dict[str, Value]) -> str | None:
    given = neuron.group._refractory
    if given is False:
        return None
    if isinstance(given, str):
        return in_one_line(given)
    if not isinstance(given, brian2.Quantity):
        raise InvalidInputError(f"{neuron.where}: refractory={given!r} is neither a time nor a condition as text")
    values["refractory_period"] = value_from(float(given), given.dim)
    return "refractory_period"


def _initial(neuron: BrianNeuron, kept: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Initial values that differ from Brian2's own, which is 0."""
    pairs = []
    for name in kept:
        if name in neuron.initial:
            pairs.append((name, neuron.initial[name]))
            continue
        cure = f"give an expression for them, e.g. initial={{'{name}': 'reset + rand()*(threshold - reset)'}}"
        value = uniform_value(neuron.group, name, f"{neuron.where}, initial state", cure)
        if value is not None and value.si:
            flag = neuron.equations[name].var_type == "boolean"
            pairs.append((name, "True" if flag else literal(value)))
    return tuple(pairs)


def _method(neuron: BrianNeuron) -> str:
    """The method by name; where none was given, 'exact' if the equations allow it, else what Brian2 takes."""
    given = neuron.group.method_choice
    known = [name for name, one in StateUpdateMethod.stateupdaters.items() if given in (name, one)]
    if known:
        return "exact" if known[0] in ("exact", "linear", "independent") else known[0]
    ours = {"exact": LinearStep(neuron.membrane), "rk4": RUNGE_KUTTA_WITH_NOISE}
    if given is None:
        multiplicative = neuron.group.equations.stochastic_type == "multiplicative"
        return "exact" if _step(neuron, ours["exact"]) else "heun" if multiplicative else "euler"
    step = _step(neuron, given)
    for name, updater in ours.items():
        if step is not None and step == _step(neuron, updater):
            return name
    raise InvalidInputError(
        f"{neuron.where}: its method is a function, which a description cannot hold; name one of Brian2's methods, "
        f"e.g. method='rk4'"
    )


def _step(neuron: BrianNeuron, updater: Any) -> list[str] | None:
    """The statements of one step by a state updater; None where it refuses the equations."""
    try:
        code = updater(neuron.group.equations, neuron.group.variables)
    except UnsupportedEquationsException:
        return None
    return [line.strip() for line in code.splitlines() if line.strip()]


def _without_bridge(neuron: BrianNeuron, model: NeuronModel) -> NeuronModel:
    """The model whose Brownian-bridge threshold a script of this package has written out, or the model itself."""
    start = f"{model.membrane}_start"
    found = re.match(rf"{re.escape(model.membrane)} > (\w+) or ", model.threshold)
    first, *others = model.reset.splitlines()
    value = re.match(rf"{re.escape(model.membrane)} = (\w+) \+ ", first)
    if start not in neuron.equations or found is None or value is None:
        return model
    refractory = model.refractory
    if refractory is not None and (shifted := _SHIFTED_REFRACTORY.fullmatch(refractory)):
        refractory = shifted[1]
    lines = [line for line in model.equations.splitlines() if not line.startswith(f"{start} =")]
    candidate = NeuronModel(
        name=model.name,
        equations="\n".join(lines),
        threshold=f"{model.membrane} > {found[1]}",
        reset="\n".join([f"{model.membrane} = {value[1]}", *others]),
        parameters=model.parameters,
        membrane=model.membrane,
        noise=model.noise,
        method=model.method,
        refractory=refractory,
        initial=model.initial,
        explanation=model.explanation,
    )
    if bridge_refusal(candidate) is not None:
        return model
    bridge = bridge_crossing(candidate)
    same = (bridge.threshold, bridge.reset, bridge.refractory) == (model.threshold, model.reset, model.refractory)
    return candidate if same else model


def neuron_model(neuron: BrianNeuron, name: str) -> NeuronModel:
    """The model of a group; its parameters have the group's values as defaults."""
    texts, values = dict(neuron.texts), dict(neuron.values)
    noise, refractory = _noise(neuron, texts, values), _refractory(neuron, values)
    states = [one for one in texts if neuron.equations[one].type != SUBEXPRESSION]
    initial = _initial(neuron, states)
    pairs = (f"{variable} {text}" for variable, text in initial)
    used = identifiers(*texts.values(), neuron.threshold, neuron.reset, refractory or "", *pairs)
    parameters: tuple[Parameter, ...] = tuple(
        parameter_from(one, value, neuron.where) for one, value in values.items() if one in used
    )
    model = NeuronModel(
        name=name,
        equations="\n".join(texts.values()),
        threshold=neuron.threshold,
        reset=neuron.reset,
        parameters=parameters,
        membrane=neuron.membrane,
        noise=noise,
        method=_method(neuron),
        refractory=refractory,
        initial=initial,
        explanation=f"brought in from Brian2, {neuron.where}",
    )
    return _without_bridge(neuron, model)
