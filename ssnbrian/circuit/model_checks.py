"""Checks of neuron and synapse models before Brian2 is started: one sentence naming the model and the line.

What Brian2 accepts passes: a dimension that cannot be known from the text is compatible with every other one.
"""

from __future__ import annotations

import graphlib
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

from ssnbrian.circuit.brian_units import brian_units, equation_dimension, power, product
from ssnbrian.circuit.equations import Equation, Statement, in_one_line, parse_equations, parse_statements
from ssnbrian.circuit.errors import InvalidInputError, UnitError, nearest
from ssnbrian.circuit.expressions import (
    CONSTANTS,
    FUNCTIONS,
    Expression,
    Scope,
    Symbol,
    UnplacedError,
    differ,
    is_zero,
    unit_phrase,
)
from ssnbrian.circuit.templates import RESERVED_NAMES, NeuronModel, Parameter, SynapseModel
from ssnbrian.circuit.units import DIMENSIONLESS, Dimension, parse_unit

_SECOND, _VOLT, _INPUT = (parse_unit(unit)[1] for unit in ("s", "V", "V/s"))
_NOISE = parse_unit("s**-0.5")[1]
_RANDOM = re.compile(r"\b(rand|randn|poisson)\s*\(")
_NEURON_FLAGS = {
    "differential": ("unless refractory",),
    "subexpression": ("shared", "constant over dt"),
    "parameter": ("constant", "shared", "linked"),
}
_SYNAPSE_FLAGS = {
    "differential": ("event-driven", "clock-driven"),
    "subexpression": ("summed", "shared", "constant over dt"),
    "parameter": ("constant", "shared", "linked"),
}
_TAKEN_IN_NEURONS = frozenset({"mu_ext", "mu_synaptic", "counted", "tally"})
_TAKEN_IN_SYNAPSES = frozenset({"weight", "delay"})
_REFRACTORY_NAMES = frozenset({"refractory", "refractory_until", "not_refractory"})


@contextmanager
def _at(place: str) -> Iterator[None]:
    try:
        yield
    except UnplacedError as finding:
        raise finding.error(f"{place}: {finding.sentence}") from None


def _clock() -> dict[str, Symbol]:
    time, count = Symbol(_SECOND, assignable=False), Symbol(DIMENSIONLESS, assignable=False)
    return {
        "t": time,
        "dt": time,
        "t_in_timesteps": count,
        "N": replace(count, constant=True),
        "i": Symbol(DIMENSIONLESS),
    }


def _parameters(parameters: Iterable[Parameter]) -> dict[str, Symbol]:
    return {one.name: Symbol(parse_unit(one.unit)[1], constant=True) for one in parameters}


def _variables(equations: Iterable[Equation], where: str) -> dict[str, Symbol]:
    found = {}
    for one in equations:
        with _at(f"{where}, line '{one.line}'"):
            try:
                dimension = equation_dimension(one.unit)
            except ValueError as error:
                wrong, right = str(error).split("; ", 1)
                raise UnplacedError(wrong, right, UnitError) from None
        found[one.name] = Symbol(
            dimension,
            boolean=one.unit == "boolean",
            constant="constant" in one.flags,
            assignable=one.kind != "subexpression",
        )
    return found


def _check_new_name(name: str, taken: Iterable[str]) -> None:
    ending = next((end for end in ("_pre", "_post") if name.endswith(end)), None)
    reasons = {
        "reserved by Brian2": name in RESERVED_NAMES | _REFRACTORY_NAMES or name.startswith("xi_"),
        "the name of a unit": name in brian_units(),
        "the name of a function": name in FUNCTIONS,
        "the name of a constant": name in CONSTANTS,
        "a word of Python": keyword.iskeyword(name),
        "reserved, as it begins with '_'": name.startswith("_"),
        f"reserved, as '{ending}' marks the end of a synapse": ending is not None,
        "declared already, as a parameter or by the simulation": name in taken,
    }
    if reason := next((reason for reason, holds in reasons.items() if holds), None):
        raise UnplacedError(f"the name '{name}' is {reason}", f"choose another name, e.g. '{name.strip('_')}_1'")


def _check_parameter_names(parameters: Iterable[Parameter], model: str) -> None:
    for one in parameters:
        with _at(f"{model}, parameters, line '{one.name}'"):
            _check_new_name(one.name, ())


def _check_declarations(
    equations: tuple[Equation, ...], taken: Iterable[str], flags: Mapping[str, tuple[str, ...]], where: str
) -> None:
    for one in equations:
        with _at(f"{where}, line '{one.line}'"):
            if "summed" not in one.flags:
                _check_new_name(one.name, taken)
            for flag in sorted(one.flags - set(flags[one.kind])):
                allowed = ", ".join(f"({known})" for known in flags[one.kind])
                raise UnplacedError(f"the flag '({flag})' does not exist for a {one.kind} here", f"there are {allowed}")


def _check_right_sides(equations: tuple[Equation, ...], scope: Scope, where: str) -> None:
    noisy = None
    for one in equations:
        if one.expression is None:
            continue
        with _at(f"{where}, line '{one.line}'"):
            differential = one.kind == "differential"
            expression = Expression(one.expression, replace(scope, noise=differential))
            got, own = expression.dimension(), equation_dimension(one.unit)
            wanted = product(own, power(_SECOND, Fraction(-1))) if differential else own
            if differ(got, wanted):
                assert got is not None
                raise UnplacedError(
                    f"its right side is {unit_phrase(got)}",
                    f"'{one.name}' has the unit {one.unit}, so it must be {unit_phrase(wanted)}{_zero(expression)}",
                    UnitError,
                )
            if not differential and "constant over dt" not in one.flags and _RANDOM.search(one.expression):
                raise UnplacedError("a random number here is drawn at every use", "add the flag (constant over dt)")
            if "xi" in expression.names():
                if noisy is not None:
                    raise UnplacedError(f"'xi' stands in the equation of '{noisy}' too", "name them xi_1 and xi_2")
                noisy = one.name
    _check_cycles(equations, where)


def _zero(expression: Expression) -> str:
    return " (a zero needs its unit too, e.g. 0*volt)" if is_zero(expression.node) else ""


def _check_cycles(equations: tuple[Equation, ...], where: str) -> None:
    static = {one.name: one for one in equations if one.kind == "subexpression" and "summed" not in one.flags}
    uses = {name: set(re.findall(r"\w+", one.expression or "")) & set(static) for name, one in static.items()}
    try:
        graphlib.TopologicalSorter(uses).prepare()
    except graphlib.CycleError as error:
        cycle = error.args[1]
        raise InvalidInputError(
            f"{where}, line '{static[cycle[0]].line}': its value depends on itself ({' -> '.join(cycle)}); "
            f"make one of them a differential equation or a parameter"
        ) from None


def _check_value(text: str, wanted: Dimension | None, what: str, scope: Scope, place: str) -> None:
    with _at(f"{place}, line '{in_one_line(text)}'"):
        expression = Expression(text, scope)
        got = expression.dimension()
        if wanted is not None and differ(got, wanted):
            assert got is not None
            raise UnplacedError(
                f"the value is {unit_phrase(got)}",
                f"{what} must be {unit_phrase(wanted)}{_zero(expression)}",
                UnitError,
            )


def _check_statements(text: str, scope: Scope, place: str) -> None:
    symbols = dict(scope.symbols)
    for one in parse_statements(text, place):
        local = replace(scope, symbols=symbols)
        with _at(f"{place}, line '{one.line}'"):
            is_new = one.target not in symbols
            if is_new and (one.operator != "=" or one.target.endswith(("_pre", "_post"))):
                local.find(one.target)
            if not is_new and not symbols[one.target].assignable:
                raise UnplacedError(
                    f"'{one.target}' cannot be changed", "assign to a variable of a differential equation"
                )
            got = _assigned(one, local)
            if is_new and not one.target.endswith(scope.open):
                symbols[one.target] = Symbol(got, boolean=None)
            elif not is_new and got is not None and differ(got, symbols[one.target].dimension):
                raise _wrong_assignment(one, got, symbols[one.target].dimension)


def _wrong_assignment(one: Statement, got: Dimension, wanted: Dimension | None) -> UnplacedError:
    assert wanted is not None
    zero = one.expression.strip() in ("0", "0.0", "0.")
    right = f"'{one.target}' is {unit_phrase(wanted)}" + (
        ", and a zero needs its unit too, e.g. 0*volt" if zero else ""
    )
    return UnplacedError(f"the value of the right side is {unit_phrase(got)}", right, UnitError)


def _assigned(one: Statement, scope: Scope) -> Dimension | None:
    """The dimension of what a statement assigns."""
    if one.operator == "=":
        return Expression(one.expression, scope).dimension()
    operation = f"{one.target} {one.operator[0]} "
    try:
        # Brian2 puts no brackets around the right side of 'v *= 1 + x'.
        return Expression(operation + one.expression, scope).dimension()
    except UnplacedError:
        Expression(f"{operation}({one.expression})", scope).dimension()
        raise UnplacedError(
            f"Brian2 reads it as '{operation}{one.expression}'",
            f"write '{one.target} {one.operator} ({one.expression})'",
        ) from None


def _uses(model: NeuronModel, equations: Iterable[Equation], name: str) -> bool:
    texts = [model.threshold, model.reset, *(one.expression or "" for one in equations)]
    return any(re.search(rf"\b{name}\b", text) for text in texts)


def _neuron_symbols(model: NeuronModel, equations: Iterable[Equation], where: str) -> dict[str, Symbol]:
    mean = Symbol(_INPUT, assignable=False)
    symbols = {**_variables(equations, where), **_parameters(model.parameters), "mu_ext": mean, "mu_synaptic": mean}
    if model.refractory is not None:
        symbols |= {"lastspike": Symbol(_SECOND), "not_refractory": Symbol(DIMENSIONLESS, boolean=True)}
    return {**symbols, **_clock()}


def check_neuron(model: NeuronModel) -> None:
    """Check all texts of a neuron model.

    Raises :class:`InvalidInputError` for what Brian2 or the engine would refuse (:class:`UnitError` for units), with
    the model, the line, what is wrong and what would be right.
    """
    name = f"neuron model {model.name}"
    where = f"{name}, equations"
    equations = parse_equations(model.equations, where)
    _check_parameter_names(model.parameters, name)
    _check_declarations(equations, {*_parameters(model.parameters), *_TAKEN_IN_NEURONS}, _NEURON_FLAGS, where)
    scope = Scope(_neuron_symbols(model, equations, where))
    _check_right_sides(equations, scope, where)
    _check_roles(model, equations, where)
    _check_spiking(model, scope, name)
    _check_initial(model.initial, scope, name)


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
    _check_value(model.threshold, None, "", scope, f"{name}, threshold")
    with _at(f"{name}, threshold, line '{in_one_line(model.threshold)}'"):
        if Expression(model.threshold, scope).is_boolean() is False:
            raise UnplacedError(
                "the threshold is no condition", f"compare the membrane, e.g. '{model.membrane} > threshold'"
            )
    if not model.reset.strip("; \t\n"):
        raise InvalidInputError(f"{name}, reset: the threshold has no reset; write e.g. '{model.membrane} = 0*mV'")
    _check_statements(model.reset, scope, f"{name}, reset")
    if model.refractory is None:
        return
    with _at(f"{name}, refractory, line '{in_one_line(model.refractory)}'"):
        expression = Expression(model.refractory, scope)
        got = expression.dimension()
        if differ(got, _SECOND) and not (got == DIMENSIONLESS and expression.is_boolean() is not False):
            raise UnplacedError("the refractory period is neither a time nor a condition", "write e.g. 2*ms", UnitError)


def _check_initial(initial: Iterable[tuple[str, str]], scope: Scope, name: str) -> None:
    for variable, text in initial:
        place = f"{name}, initial state, line '{variable} = {text}'"
        with _at(place):
            symbol = scope.find(variable)
            if variable not in scope.symbols and not scope.open:
                raise scope.unknown(variable)
            if not symbol.assignable:
                raise UnplacedError(f"'{variable}' is computed and has no initial state", "leave it out")
            got = Expression(text, scope).dimension()
            if got is not None and differ(got, symbol.dimension):
                raise _wrong_assignment(Statement(variable, "=", text, text), got, symbol.dimension)


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
    parameters = _parameters(model.parameters)
    _check_parameter_names(model.parameters, name)
    _check_declarations(equations, {*parameters, *_TAKEN_IN_SYNAPSES}, _SYNAPSE_FLAGS, where)
    _check_declarations(added, parameters, _NEURON_FLAGS, where_target)
    own = {"weight": Symbol(_VOLT, constant=True), **parameters, **_variables(equations, where)}
    _check_clashes(own, target, name)
    in_target = _variables(added, where_target)
    _check_membrane_in_target(added, target, where_target)
    membrane = {} if target else {"v": Symbol(_VOLT)}
    neuron = {**membrane, **target, **_clock(), **parameters, **in_target}
    _check_right_sides(added, Scope(neuron, () if target else open_endings), where_target)
    _check_current(model, in_target, name)
    reached = {**target, **in_target}
    symbols = {**reached, **{f"{one}_post": symbol for one, symbol in reached.items()}, **_ends(), **own}
    scope = Scope(symbols, open_endings)
    _check_right_sides(equations, scope, where)
    _check_statements(model.on_pre, scope, f"{name}, on_pre")
    _check_statements(model.on_post, scope, f"{name}, on_post")
    _check_initial(model.initial, scope, name)
    if model.delay is not None:
        _check_value(model.delay, _SECOND, "a delay", scope, f"{name}, delay")


def _ends() -> dict[str, Symbol]:
    """What Brian2 adds to every synapse."""
    count = Symbol(DIMENSIONLESS, assignable=False)
    counts = dict.fromkeys(("j", "N_pre", "N_post", "N_incoming", "N_outgoing"), count)
    return {**_clock(), **counts, "delay": Symbol(_SECOND), "lastupdate": Symbol(_SECOND)}


def _check_clashes(own: Iterable[str], target: Iterable[str], name: str) -> None:
    if both := sorted(set(own) & set(target)):
        raise InvalidInputError(f"{name}: both declare '{both[0]}'; rename it in one of them")


def _check_membrane_in_target(added: Iterable[Equation], target: Mapping[str, Symbol], where: str) -> None:
    for one in added:
        if target and re.search(r"\bv\b", one.expression or ""):
            with _at(f"{where}, line '{one.line}'"):
                if "v" not in target:
                    raise UnplacedError(
                        "it uses the membrane 'v', which the neuron does not have", "call the membrane 'v'"
                    )
                if differ(target["v"].dimension, _VOLT):
                    raise UnplacedError(
                        "it uses the membrane 'v', which is not in volt", "declare 'v' in volt", UnitError
                    )


def _check_current(model: SynapseModel, in_target: Mapping[str, Symbol], name: str) -> None:
    if model.current is None:
        return
    with _at(f"{name}, current '{model.current}'"):
        if model.current not in in_target:
            suggestion = nearest(model.current, in_target)
            raise UnplacedError(
                "target_equations do not declare it", suggestion[0].lower() + suggestion[1:].rstrip(".")
            )
        if differ(in_target[model.current].dimension, _INPUT):
            raise UnplacedError(
                "it has another unit than mu_synaptic, to which it adds", "declare it in volt/second", UnitError
            )
