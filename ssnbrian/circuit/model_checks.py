"""Checks of neuron and synapse models before Brian2 is started: one sentence naming the model and the line.

What Brian2 accepts passes: a dimension that cannot be known from the text is compatible with every other one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ssnbrian.circuit.equations import Equation, in_one_line, parse_equations
from ssnbrian.circuit.errors import InvalidInputError, UnitError, nearest
from ssnbrian.circuit.expressions import (
    Expression,
    Scope,
    Symbol,
    UnplacedError,
    differ,
)
from ssnbrian.circuit.templates import NeuronModel, SynapseModel
from ssnbrian.circuit.text_checks import (
    INPUT,
    NEURON_FLAGS,
    SECOND,
    SYNAPSE_FLAGS,
    TAKEN_IN_NEURONS,
    TAKEN_IN_SYNAPSES,
    VOLT,
    check_declarations,
    check_initial,
    check_parameter_names,
    check_right_sides,
    check_statements,
    check_value,
    clock_symbols,
    parameter_symbols,
    placed,
    variable_symbols,
)
from ssnbrian.circuit.units import DIMENSIONLESS


def _uses(model: NeuronModel, equations: Iterable[Equation], name: str) -> bool:
    texts = [model.threshold, model.reset, *(one.expression or "" for one in equations)]
    return any(re.search(rf"\b{name}\b", text) for text in texts)


def _neuron_symbols(model: NeuronModel, equations: Iterable[Equation], where: str) -> dict[str, Symbol]:
    mean = Symbol(INPUT, assignable=False)
    symbols = {
        **variable_symbols(equations, where),
        **parameter_symbols(model.parameters),
        "mu_ext": mean,
        "mu_synaptic": mean,
    }
    if model.refractory is not None:
        symbols |= {"lastspike": Symbol(SECOND), "not_refractory": Symbol(DIMENSIONLESS, boolean=True)}
    return {**symbols, **clock_symbols()}


def check_neuron(model: NeuronModel) -> None:
    """Check all texts of a neuron model.

    Raises :class:`InvalidInputError` for what Brian2 or the engine would refuse (:class:`UnitError` for units), with
    the model, the line, what is wrong and what would be right.
    """
    name = f"neuron model {model.name}"
    where = f"{name}, equations"
    equations = parse_equations(model.equations, where)
    check_parameter_names(model.parameters, name)
    check_declarations(equations, {*parameter_symbols(model.parameters), *TAKEN_IN_NEURONS}, NEURON_FLAGS, where)
    scope = Scope(_neuron_symbols(model, equations, where))
    check_right_sides(equations, scope, where)
    _check_roles(model, equations, where)
    _check_spiking(model, scope, name)
    check_initial(model.initial, scope, name)


def _check_roles(model: NeuronModel, equations: tuple[Equation, ...], where: str) -> None:
    """The membrane, the input and the noise must stand in the equations."""
    membrane = next((one for one in equations if (one.kind, one.name) == ("differential", model.membrane)), None)
    if membrane is None:
        raise InvalidInputError(
            f"{where}: the membrane '{model.membrane}' has no differential equation; "
            f"write 'd{model.membrane}/dt = … : volt' or name the variable that is the membrane"
        )
    line = f"{where}, line '{membrane.line}'"
    if not _uses(model, equations, "mu_ext") and not _uses(model, equations, "mu_synaptic"):
        raise InvalidInputError(
            f"{line}: no input reaches the neuron; add mu_ext (the external input) and mu_synaptic, both in volt/second"
        )
    noisy = any(re.search(r"\bxi(_\w+)?\b", one.expression or "") for one in equations)
    if model.noise is not None and not noisy:
        raise InvalidInputError(
            f"{line}: the noise '{model.noise}' is named, but no equation has the white noise xi; "
            f"add '{model.noise}*xi' or name no noise"
        )
    if model.noise is None and re.search(r"\bxi(_\w+)?\b", membrane.expression or ""):
        raise InvalidInputError(
            f"{line}: the membrane has the white noise xi, but the model names no noise; "
            f"set noise to the parameter that scales xi, e.g. noise = 'sigma'"
        )


def _check_spiking(model: NeuronModel, scope: Scope, name: str) -> None:
    check_value(model.threshold, None, "", scope, f"{name}, threshold")
    with placed(f"{name}, threshold, line '{in_one_line(model.threshold)}'"):
        if Expression(model.threshold, scope).is_boolean() is False:
            raise UnplacedError(
                "the threshold is no condition", f"compare the membrane, e.g. '{model.membrane} > threshold'"
            )
    if not model.reset.strip("; \t\n"):
        raise InvalidInputError(f"{name}, reset: the threshold has no reset; write e.g. '{model.membrane} = 0*mV'")
    check_statements(model.reset, scope, f"{name}, reset")
    if model.refractory is None:
        return
    with placed(f"{name}, refractory, line '{in_one_line(model.refractory)}'"):
        expression = Expression(model.refractory, scope)
        got = expression.dimension()
        if differ(got, SECOND) and not (got == DIMENSIONLESS and expression.is_boolean() is not False):
            raise UnplacedError("the refractory period is neither a time nor a condition", "write e.g. 2*ms", UnitError)


def check_synapse(model: SynapseModel) -> None:
    """Check the texts of a synapse model as far as they go without a target; errors as for :func:`check_neuron`.

    Names that a synapse does not declare may be variables of its target, which only :func:`check_fit` knows.
    """
    _check_synapse(model, {}, f"synapse model {model.name}", ("",))


def check_fit(neuron: NeuronModel, synapse: SynapseModel) -> None:
    """Check that a synapse model can end on a neuron model; errors as for :func:`check_neuron`.

    A current needs ``mu_synaptic`` in the neuron, and the neuron must have every variable that the synapse uses, with
    fitting units. Variables of the source (``x_pre``) remain unchecked.
    """
    where = f"neuron model {neuron.name}, equations"
    equations = parse_equations(neuron.equations, where)
    symbols = _neuron_symbols(neuron, equations, where)
    name = f"synapse model {synapse.name} on neuron model {neuron.name}"
    if synapse.current is not None and not _uses(neuron, equations, "mu_synaptic"):
        raise InvalidInputError(
            f"{name}, current '{synapse.current}': no mu_synaptic in the neuron takes the current up; "
            f"add mu_synaptic to 'd{neuron.membrane}/dt = …'"
        )
    _check_synapse(synapse, symbols, name, ("_pre",))


def _check_synapse(model: SynapseModel, target: Mapping[str, Symbol], name: str, open_endings: tuple[str, ...]) -> None:
    """Check a synapse on the variables of its target, which are empty where it is not known."""
    where, where_target = f"{name}, equations", f"{name}, target_equations"
    equations, added = parse_equations(model.equations, where), parse_equations(model.target_equations, where_target)
    parameters = parameter_symbols(model.parameters)
    check_parameter_names(model.parameters, name)
    check_declarations(equations, {*parameters, *TAKEN_IN_SYNAPSES}, SYNAPSE_FLAGS, where)
    check_declarations(added, {*parameters, "weight"}, NEURON_FLAGS, where_target)
    own = {"weight": Symbol(VOLT, constant=True), **parameters, **variable_symbols(equations, where)}
    _check_clashes(own, target, name)
    in_target = variable_symbols(added, where_target)
    _check_membrane_in_target(added, target, where_target)
    membrane = {} if target else {"v": Symbol(VOLT)}
    weight = {"weight": own["weight"]}
    neuron = {**membrane, **target, **clock_symbols(), **parameters, **weight, **in_target}
    check_right_sides(added, Scope(neuron, () if target else open_endings), where_target)
    _check_current(model, in_target, name)
    reached = {**target, **in_target}
    symbols = {**reached, **{f"{one}_post": symbol for one, symbol in reached.items()}, **_ends(), **own}
    scope = Scope(symbols, open_endings)
    check_right_sides(equations, scope, where)
    check_statements(model.on_pre, scope, f"{name}, on_pre")
    check_statements(model.on_post, scope, f"{name}, on_post")
    check_initial(model.initial, scope, name)
    if model.delay is not None:
        check_value(model.delay, SECOND, "a delay", scope, f"{name}, delay")


def _ends() -> dict[str, Symbol]:
    """What Brian2 adds to every synapse."""
    count = Symbol(DIMENSIONLESS, assignable=False)
    counts = dict.fromkeys(("j", "N_pre", "N_post", "N_incoming", "N_outgoing"), count)
    return {**clock_symbols(), **counts, "delay": Symbol(SECOND), "lastupdate": Symbol(SECOND)}


def _check_clashes(own: Iterable[str], target: Iterable[str], name: str) -> None:
    if both := sorted(set(own) & set(target)):
        raise InvalidInputError(f"{name}: both declare '{both[0]}'; rename it in one of them")


def _check_membrane_in_target(added: Iterable[Equation], target: Mapping[str, Symbol], where: str) -> None:
    for one in added:
        if target and re.search(r"\bv\b", one.expression or ""):
            with placed(f"{where}, line '{one.line}'"):
                if "v" not in target:
                    raise UnplacedError(
                        "it uses the membrane 'v', which the neuron does not have", "call the membrane 'v'"
                    )
                if differ(target["v"].dimension, VOLT):
                    raise UnplacedError(
                        "it uses the membrane 'v', which is not in volt", "declare 'v' in volt", UnitError
                    )


def _check_current(model: SynapseModel, in_target: Mapping[str, Symbol], name: str) -> None:
    if model.current is None:
        return
    with placed(f"{name}, current '{model.current}'"):
        if model.current not in in_target:
            suggestion = nearest(model.current, in_target)
            raise UnplacedError(
                "target_equations do not declare it", suggestion[0].lower() + suggestion[1:].rstrip(".")
            )
        if differ(in_target[model.current].dimension, INPUT):
            raise UnplacedError(
                "it has another unit than mu_synaptic, to which it adds", "declare it in volt/second", UnitError
            )
