"""Checks of Brian2 texts, line by line, with the symbols that they may use; shared by neurons and synapses."""

from __future__ import annotations

import graphlib
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

from ssnbrian.circuit.brian_units import brian_units, equation_dimension, power, product
from ssnbrian.circuit.equations import Equation, Statement, in_one_line, parse_statements
from ssnbrian.circuit.errors import InvalidInputError, UnitError
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
from ssnbrian.circuit.templates import RESERVED_NAMES, Parameter
from ssnbrian.circuit.units import DIMENSIONLESS, Dimension, parse_unit

SECOND, VOLT, INPUT = (parse_unit(unit)[1] for unit in ("s", "V", "V/s"))
_NOISE = parse_unit("s**-0.5")[1]
_RANDOM = re.compile(r"\b(rand|randn|poisson)\s*\(")
NEURON_FLAGS = {
    "differential": ("unless refractory",),
    "subexpression": ("shared", "constant over dt"),
    "parameter": ("constant", "shared", "linked"),
}
SYNAPSE_FLAGS = {
    "differential": ("event-driven", "clock-driven"),
    "subexpression": ("summed", "shared", "constant over dt"),
    "parameter": ("constant", "shared", "linked"),
}
TAKEN_IN_NEURONS = frozenset({"mu_ext", "mu_synaptic", "counted", "tally"})
TAKEN_IN_SYNAPSES = frozenset({"weight", "delay"})
_REFRACTORY_NAMES = frozenset({"refractory", "refractory_until", "not_refractory"})


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Say where a finding was made."""
    try:
        yield
    except UnplacedError as finding:
        raise finding.error(f"{place}: {finding.sentence}") from None


def clock_symbols() -> dict[str, Symbol]:
    """What Brian2 adds to every group."""
    time, count = Symbol(SECOND, assignable=False), Symbol(DIMENSIONLESS, assignable=False)
    return {
        "t": time,
        "dt": time,
        "t_in_timesteps": count,
        "N": replace(count, constant=True),
        "i": Symbol(DIMENSIONLESS),
    }


def parameter_symbols(parameters: Iterable[Parameter]) -> dict[str, Symbol]:
    """Parameters as constants."""
    return {one.name: Symbol(parse_unit(one.unit)[1], constant=True) for one in parameters}


def variable_symbols(equations: Iterable[Equation], where: str) -> dict[str, Symbol]:
    """The variables that equations declare; :class:`UnitError` for a unit that Brian2 has not."""
    found = {}
    for one in equations:
        with placed(f"{where}, line '{one.line}'"):
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
        "declared already, by the simulation": name in taken and name in TAKEN_IN_NEURONS | TAKEN_IN_SYNAPSES,
        "declared already, as a parameter": name in taken,
    }
    if reason := next((reason for reason, holds in reasons.items() if holds), None):
        raise UnplacedError(f"the name '{name}' is {reason}", f"choose another name, e.g. '{name.strip('_')}_1'")


def check_parameter_names(parameters: Iterable[Parameter], model: str) -> None:
    """Raise :class:`InvalidInputError` for a parameter whose name Brian2 keeps for itself."""
    for one in parameters:
        with placed(f"{model}, parameters, line '{one.name}'"):
            _check_new_name(one.name, ())


def check_declarations(
    equations: tuple[Equation, ...], taken: Iterable[str], flags: Mapping[str, tuple[str, ...]], where: str
) -> None:
    """Raise for a name that is taken and a flag that does not exist."""
    for one in equations:
        with placed(f"{where}, line '{one.line}'"):
            if "summed" not in one.flags:
                _check_new_name(one.name, taken)
            for flag in sorted(one.flags - set(flags[one.kind])):
                allowed = ", ".join(f"({known})" for known in flags[one.kind])
                raise UnplacedError(f"the flag '({flag})' does not exist for a {one.kind} here", f"there are {allowed}")


def check_right_sides(equations: tuple[Equation, ...], scope: Scope, where: str) -> None:
    """Raise for an unknown name, a wrong unit, a second noise or a circle in the right sides."""
    noisy = None
    for one in equations:
        if one.expression is None:
            continue
        with placed(f"{where}, line '{one.line}'"):
            differential = one.kind == "differential"
            expression = Expression(one.expression, replace(scope, noise=differential))
            got, own = expression.dimension(), equation_dimension(one.unit)
            wanted = product(own, power(SECOND, Fraction(-1))) if differential else own
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


def check_value(text: str, wanted: Dimension | None, what: str, scope: Scope, place: str) -> None:
    """Raise for an expression that has another dimension than the one wanted (None: any)."""
    with placed(f"{place}, line '{in_one_line(text)}'"):
        expression = Expression(text, scope)
        got = expression.dimension()
        if wanted is not None and differ(got, wanted):
            assert got is not None
            raise UnplacedError(
                f"the value is {unit_phrase(got)}",
                f"{what} must be {unit_phrase(wanted)}{_zero(expression)}",
                UnitError,
            )


def check_statements(text: str, scope: Scope, place: str) -> None:
    """Raise for a statement that assigns to what cannot be changed, or a value of another unit."""
    symbols = dict(scope.symbols)
    for one in parse_statements(text, place):
        local = replace(scope, symbols=symbols)
        with placed(f"{place}, line '{one.line}'"):
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


def check_initial(initial: Iterable[tuple[str, str]], scope: Scope, name: str) -> None:
    """Raise for an initial value of what has none, or of another unit."""
    for variable, text in initial:
        place = f"{name}, initial state, line '{variable} = {text}'"
        with placed(place):
            symbol = scope.find(variable)
            if variable not in scope.symbols and not scope.open:
                raise scope.unknown(variable)
            if not symbol.assignable:
                raise UnplacedError(f"'{variable}' is computed and has no initial state", "leave it out")
            got = Expression(text, scope).dimension()
            if got is not None and differ(got, symbol.dimension):
                raise _wrong_assignment(Statement(variable, "=", text, text), got, symbol.dimension)
