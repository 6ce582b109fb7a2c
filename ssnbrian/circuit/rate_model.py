"""Rate models: ordinary differential equations for firing rates and weights, as Brian2 text."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ssnbrian.circuit.errors import InvalidInputError, nearest
from ssnbrian.circuit.rate_model_dimensions import CONSTANTS, FUNCTIONS, Dimensions, product
from ssnbrian.circuit.templates import Parameter, Values, check_name, complete_parameters
from ssnbrian.circuit.units import DIMENSIONLESS, Dimension, parse_unit, value_of

_DERIVATIVE = re.compile(r"d(\w+)/dt\s*=\s*([^:]+):\s*(.+)")
_SUBEXPRESSION = re.compile(r"(\w+)\s*=\s*([^:]+):\s*(.+)")
# Brian2 has no short names for these units, and its equations take units without a prefix only.
_BRIAN2_UNITS = {"s": "second", "V": "volt", "A": "amp", "S": "siemens", "F": "farad", "m": "metre", "Hz": "hertz"}
_PREFIXED = re.compile(r"(?:[pnuµμmkMG])?(volt|second|hertz|amp|siemens|farad|ohm|metre|V|s|Hz|A|S|F|m)")


class Equation(NamedTuple):
    """One ``line`` of the equations: ``dname/dt = expression : unit``, or ``name = expression : unit``."""

    name: str
    expression: str
    unit: str
    line: str


@dataclass(frozen=True)
class RateModel:
    """Autonomous differential equations as Brian2 text, with everything that is needed to study them.

    ``equations`` holds one ``dx/dt = … : unit`` for each state variable and subexpressions ``F = … : unit``.
    ``parameters`` all have defaults, which are the values of the model. ``initial`` gives the state at t = 0 and
    ``ranges`` the (low, high) between which fixed points are searched and the phase plane is drawn, both as text
    with units, by state variable (a mapping or pairs).

    Raises :class:`InvalidInputError` for an equation that cannot be read, an unknown name, a wrong dimension, a
    parameter without default, or a state variable without initial value or range.
    """

    name: str
    equations: str
    parameters: tuple[Parameter, ...]
    initial: tuple[tuple[str, str], ...]
    ranges: tuple[tuple[str, tuple[str, str]], ...]
    explanation: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "rate model")
        for name in ("parameters", "initial", "ranges"):
            given = getattr(self, name)
            object.__setattr__(self, name, tuple(given.items() if isinstance(given, Mapping) else given))
        object.__setattr__(self, "equations", "\n".join(line.strip() for line in _statements(self.equations)))
        _check(self)

    @property
    def states(self) -> tuple[Equation, ...]:
        """The differential equations, in the order of the text."""
        return tuple(_equations(_DERIVATIVE, self._lines()))

    @property
    def subexpressions(self) -> tuple[Equation, ...]:
        """The subexpressions, each after those that it uses; raises :class:`InvalidInputError` for a circle."""
        waiting = {one.name: one for one in _equations(_SUBEXPRESSION, self._lines())}
        ordered: list[Equation] = []
        while waiting:
            ready = [one for one in waiting.values() if not _names(one, self.name) & set(waiting)]
            if not ready:
                raise InvalidInputError(
                    f"rate model {self.name}: the subexpressions {', '.join(waiting)} form a circle"
                )
            ordered += ready
            waiting = {name: one for name, one in waiting.items() if one not in ready}
        return tuple(ordered)

    @property
    def values(self) -> Values:
        """The value of every parameter."""
        return complete_parameters(self.parameters, {}, f"rate model {self.name}")

    def _lines(self) -> list[str]:
        return self.equations.split("\n")

    def parameter(self, name: str) -> Parameter:
        """The declaration of one parameter."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = [parameter.name for parameter in self.parameters]
        raise InvalidInputError(f"rate model {self.name}: unknown parameter '{name}'. {nearest(name, known)}")

    def with_parameters(self, **values: Any) -> RateModel:
        """The model with other values (text with unit, or Brian2 quantities) of some parameters."""
        complete = complete_parameters(self.parameters, values, f"rate model {self.name}")
        parameters = tuple(
            dataclasses.replace(one, default=complete[one.name].text(one.unit)) if one.name in values else one
            for one in self.parameters
        )
        return dataclasses.replace(self, parameters=parameters)


def _statements(equations: str) -> Iterable[str]:
    lines = (line.split("#", maxsplit=1)[0] for line in equations.splitlines())
    return (line for line in lines if line.strip())


def _equations(pattern: re.Pattern[str], lines: Iterable[str]) -> Iterator[Equation]:
    for line in lines:
        if found := pattern.fullmatch(line):
            yield Equation(found[1], found[2].strip(), found[3].strip(), line)


def _names(equation: Equation, owner: str) -> set[str]:
    """Names of the variables on the right side, functions left out."""
    tree = _tree(equation, f"rate model {owner}")
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions}


def _tree(equation: Equation, owner: str) -> ast.AST:
    try:
        return ast.parse(equation.expression, mode="eval").body
    except SyntaxError:
        raise InvalidInputError(
            f"{owner}, line '{equation.line}': '{equation.expression}' is not an expression"
        ) from None


def _check(model: RateModel) -> None:
    owner = f"rate model {model.name}"
    for line in model._lines():
        if not _DERIVATIVE.fullmatch(line) and not _SUBEXPRESSION.fullmatch(line):
            raise InvalidInputError(f"{owner}: cannot read '{line}'; expected 'dx/dt = … : unit' or 'F = … : unit'")
    if not model.states:
        raise InvalidInputError(f"{owner}: there is no differential equation 'dx/dt = … : unit'")
    dimensions: dict[str, Dimension] = dict.fromkeys(CONSTANTS, DIMENSIONLESS)
    equations = (*model.states, *_equations(_SUBEXPRESSION, model._lines()))
    declared = [(one.name, one.unit, f"{owner}, line '{one.line}'") for one in equations]
    declared += [(one.name, one.unit, f"{owner}, parameter '{one.name}'") for one in model.parameters]
    for name, unit, where in declared:
        check_name(name, owner)
        if name in dimensions or name in FUNCTIONS:
            raise InvalidInputError(f"{where}: the name '{name}' is used twice, or by a function or constant")
        try:
            dimensions[name] = parse_unit(unit)[1]
        except InvalidInputError as error:
            raise type(error)(f"{where}: {error}") from None
    missing = [one.name for one in model.parameters if one.default is None]
    if missing:
        raise InvalidInputError(f"{owner}: parameter '{missing[0]}' of a rate model needs a default")
    for one in (*model.subexpressions, *model.states):
        expected = dimensions[one.name]
        if one in model.states:
            expected = product(expected, parse_unit("1/s")[1], 1)
        where = f"{owner}, line '{one.line}'"
        found = Dimensions(dimensions, where).of(_tree(one, owner))
        if found is not None and found != expected:
            raise InvalidInputError(f"{where}: the right side does not have the dimension of the left")
    _check_state_values(model, owner)


def _check_state_values(model: RateModel, owner: str) -> None:
    units = {one.name: one.unit for one in model.states}
    for what, given in (("initial value", model.initial), ("range", model.ranges)):
        names = [pair[0] for pair in given]
        for name in names:
            if name not in units:
                raise InvalidInputError(f"{owner}: {what} of '{name}', no state variable. {nearest(name, units)}")
        lacking = [name for name in units if names.count(name) != 1]
        if lacking:
            raise InvalidInputError(f"{owner}: expected one {what} of the state variable '{lacking[0]}'")
    for name, text in model.initial:
        value_of(text, units[name], f"{owner}: initial {name}")
    for name, limits in model.ranges:
        if isinstance(limits, str) or len(limits) != 2:
            raise InvalidInputError(f"{owner}: the range of '{name}' must be two values, e.g. ('0 Hz', '50 Hz')")
        low, high = (value_of(text, units[name], f"{owner}: range of {name}").si for text in limits)
        if not low < high:
            raise InvalidInputError(f"{owner}: the range of '{name}' must go up, got {limits[0]} to {limits[1]}")


def rate_model_card(model: RateModel) -> str:
    """Equations, parameters, initial state, ranges and source of a rate model."""
    lines = [f"{model.name}: {model.explanation}", *(f"    {line}" for line in model._lines())]
    for parameter in model.parameters:
        lines.append(f"    {parameter.name:<10} {parameter.default:<15} {parameter.explanation}")
    lines.append("    initial    " + ", ".join(f"{name} = {text}" for name, text in model.initial))
    lines.append("    ranges     " + ", ".join(f"{name} {low} to {high}" for name, (low, high) in model.ranges))
    return "\n".join([*lines, f"    source: {model.source}"] if model.source else lines)


def _brian2_unit(unit: str) -> str:
    return re.sub(r"[A-Za-zµμ]+", lambda found: _BRIAN2_UNITS.get(found[0], found[0]), unit).replace("^", "**")


def _brian2_base_unit(unit: str) -> str:
    def base(found: re.Match[str]) -> str:
        name = _PREFIXED.fullmatch(found[0])
        return _BRIAN2_UNITS.get(name[1], name[1]) if name else found[0]

    return re.sub(r"[A-Za-zµμ]+", base, unit).replace("^", "**")


def _brian2_value(given: str, unit: str) -> str:
    number = repr(value_of(given, unit, "value").to(unit))
    return number if unit == "1" else f"{number}*{_brian2_unit(unit)}"


def brian2_text(model: RateModel, duration: str = "1 s", dt: str = "0.1 ms") -> str:
    """A Python script that integrates the model in Brian2 (fourth-order Runge-Kutta), and runs by itself.

    It leaves the StateMonitor ``states`` with every state variable over time.
    """
    length, step = (value_of(text, "ms", what) for text, what in ((duration, "duration"), (dt, "dt")))
    if length.si <= 0 or step.si <= 0:
        raise InvalidInputError(f"duration and dt must be positive, got {duration} and {dt}")
    units = {one.name: one.unit for one in model.states}
    equations = [
        f"d{one.name}/dt = {one.expression} : {_brian2_base_unit(one.unit)}" for one in model.states
    ] + [f"{one.name} = {one.expression} : {_brian2_base_unit(one.unit)}" for one in model.subexpressions]
    lines = [
        f'"""{model.name}: {model.explanation}"""',
        "",
        "from brian2 import *",
        "",
        f"defaultclock.dt = {_brian2_value(dt, 'ms')}",
        "parameters = {",
        *(f'    "{one.name}": {_brian2_value(one.default or "", one.unit)},' for one in model.parameters),
        "}",
        'model = """',
        *equations,
        '"""',
        'group = NeuronGroup(1, model, method="rk4", namespace=parameters)',
        *(f"group.{name} = {_brian2_value(text, units[name])}" for name, text in model.initial),
        f"states = StateMonitor(group, {list(units)!r}, record=True)",
        f"run({_brian2_value(duration, 'ms')})",
    ]
    return "\n".join(lines) + "\n"
