"""The dimension of a Brian2 expression, found node by node; text is never evaluated."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from ssnbrian.circuit.brian_units import base_power, brian_units, power, product
from ssnbrian.circuit.equations import in_one_line
from ssnbrian.circuit.errors import InvalidInputError, UnitError, nearest
from ssnbrian.circuit.units import DIMENSIONLESS, Dimension, Value

_SECOND = base_power(time=1)
_NOISE = base_power(time=Fraction(-1, 2))
CONSTANTS = frozenset({"pi", "e", "inf"})
_ANY, _FIRST, _ROOT = "any", "as the first argument", "root"
_OF_NUMBERS = (
    *("exp", "log", "log10", "expm1", "log1p", "exprel", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
    *("arcsin", "arccos", "arctan", "poisson", "int"),
)
# Dimensions of the arguments and of the value of Brian2's functions.
FUNCTIONS: dict[str, tuple[tuple[Dimension | str, ...], Dimension | str]] = {
    **dict.fromkeys(_OF_NUMBERS, ((DIMENSIONLESS,), DIMENSIONLESS)),
    "rand": ((), DIMENSIONLESS),
    "randn": ((), DIMENSIONLESS),
    "sqrt": ((_ANY,), _ROOT),
    "sign": ((_ANY,), DIMENSIONLESS),
    **dict.fromkeys(("abs", "floor", "ceil"), ((_ANY,), _FIRST)),
    "clip": ((_ANY, _FIRST, _FIRST), _FIRST),
    "timestep": ((_SECOND, _SECOND), DIMENSIONLESS),
}


class UnplacedError(Exception):
    """What is wrong and what would be right, before it is known where."""

    def __init__(self, wrong: str, right: str, error: type[InvalidInputError] = InvalidInputError) -> None:
        super().__init__(wrong)
        self.sentence, self.error = f"{wrong}; {right}", error


@dataclass(frozen=True)
class Symbol:
    """A name of a model: its dimension (None: not known here) and what may be done with it."""

    dimension: Dimension | None
    boolean: bool | None = False
    constant: bool = False
    assignable: bool = True


@dataclass(frozen=True)
class Scope:
    """The names that an expression may use; names with one of the ``open`` endings may be declared elsewhere."""

    symbols: Mapping[str, Symbol]
    open: tuple[str, ...] = ()
    noise: bool = False

    def find(self, name: str) -> Symbol:
        if name in self.symbols:
            return self.symbols[name]
        if name == "xi" or name.startswith("xi_"):
            if self.noise:
                return Symbol(_NOISE)
            raise UnplacedError(
                f"the white noise '{name}' stands outside a differential equation", "use it in 'dx/dt = …'"
            )
        if name in brian_units():
            return Symbol(brian_units()[name], constant=True)
        if name in CONSTANTS:
            return Symbol(DIMENSIONLESS, constant=True)
        if name in FUNCTIONS:
            raise UnplacedError(
                f"'{name}' is a function", f"call it: '{name}({', '.join('…' for _ in FUNCTIONS[name][0])})'"
            )
        if name.endswith(self.open):
            return Symbol(None, boolean=None, constant=True)
        raise self.unknown(name)

    def unknown(self, name: str) -> UnplacedError:
        suggestion = nearest(name, [*self.symbols, *FUNCTIONS, *(unit for unit in brian_units() if len(unit) < 4)])
        if not suggestion.startswith("Did"):
            suggestion = nearest(name, self.symbols)
        return UnplacedError(f"'{name}' is not known", suggestion[0].lower() + suggestion[1:].rstrip("."))


def unit_phrase(dimension: Dimension) -> str:
    return "without unit" if dimension == DIMENSIONLESS else f"in {Value(0.0, dimension).natural_unit()}"


def differ(first: Dimension | None, second: Dimension | None) -> bool:
    return first is not None and second is not None and first != second


def is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def _compared(left: ast.expr, first: Dimension | None, right: ast.expr, second: Dimension | None, what: str) -> None:
    """Raise unless two parts of an expression have the same dimension."""
    if first is None or second is None or first == second:
        return
    zero = is_zero(left) or is_zero(right)
    raise UnplacedError(
        f"{what} '{ast.unparse(left)}' ({unit_phrase(first)}) and '{ast.unparse(right)}' ({unit_phrase(second)})",
        "a zero needs its unit too, e.g. 0*mV" if zero else "both must have the same unit",
        UnitError,
    )


@dataclass(frozen=True)
class Expression:
    """One expression in its scope."""

    text: str
    scope: Scope
    node: ast.expr = field(init=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "node", ast.parse(in_one_line(self.text), mode="eval").body)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = getattr(error, "msg", None) or "it cannot be read"
            raise UnplacedError(
                f"'{in_one_line(self.text)}' is not an expression ({reason})", "write e.g. -v/tau + 2*mV/ms"
            ) from None

    def dimension(self) -> Dimension | None:
        """The dimension of the whole; None where it cannot be known."""
        try:
            return self._of(self.node)
        except RecursionError:
            return None

    def is_boolean(self) -> bool | None:
        """Whether it is a condition; None where that cannot be known."""
        return self._truth(self.node)

    def names(self) -> set[str]:
        return {node.id for node in ast.walk(self.node) if isinstance(node, ast.Name)}

    def _truth(self, node: ast.expr) -> bool | None:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, bool)
        if isinstance(node, ast.Name):
            return self.scope.find(node.id).boolean
        return isinstance(node, (ast.Compare, ast.BoolOp)) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        )

    def _of(self, node: ast.expr) -> Dimension | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
            return DIMENSIONLESS
        if isinstance(node, ast.Name):
            return self.scope.find(node.id).dimension
        if isinstance(node, ast.BoolOp):
            return self._of_condition(node)
        if isinstance(node, ast.Compare):
            return self._of_comparison(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._of_call(node.func.id, node.args)
        if isinstance(node, ast.BinOp):
            return self._of_operation(node)
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Invert):
            inner = self._of(node.operand)
            return DIMENSIONLESS if isinstance(node.op, ast.Not) else inner
        raise UnplacedError(
            f"Brian2 has no '{ast.unparse(node)}'",
            "use arithmetic, comparisons, 'and', 'or', 'not', int(condition) and the functions of Brian2",
        )

    def _of_condition(self, node: ast.BoolOp) -> Dimension:
        word = "and" if isinstance(node.op, ast.And) else "or"
        for part in node.values:
            self._of(part)
            if self._truth(part) is False:
                raise UnplacedError(f"'{ast.unparse(part)}' beside '{word}' is no condition", "compare it with a value")
        return DIMENSIONLESS

    def _of_comparison(self, node: ast.Compare) -> Dimension:
        if len(node.ops) > 1 or isinstance(node.ops[0], (ast.In, ast.NotIn, ast.Is, ast.IsNot)):
            raise UnplacedError(
                f"Brian2 has no comparison like '{ast.unparse(node)}'",
                "write single ones joined by 'and', a < b and b < c",
            )
        left, right = node.left, node.comparators[0]
        _compared(left, self._of(left), right, self._of(right), "it compares")
        return DIMENSIONLESS

    def _of_call(self, name: str, arguments: list[ast.expr]) -> Dimension | None:
        if name not in FUNCTIONS:
            # A variable such as tau in 'tau(v - u)' is a forgotten operator, not a misspelt function.
            if name in self.scope.symbols or name in brian_units() or name in CONSTANTS:
                raise UnplacedError(f"'{name}' is not a function", f"an operator may be missing: '{name}*(…)'")
            suggestion = nearest(name, FUNCTIONS)
            raise UnplacedError(
                f"'{name}' is not a function of Brian2", suggestion[0].lower() + suggestion[1:].rstrip(".")
            )
        expected, value = FUNCTIONS[name]
        if len(arguments) != len(expected):
            raise UnplacedError(f"'{name}' has {len(arguments)} arguments", f"it takes {len(expected)}")
        found = [self._of(argument) for argument in arguments]
        for argument, got, want in zip(arguments, found, expected, strict=True):
            if want == _FIRST:
                _compared(arguments[0], found[0], argument, got, f"{name}() takes values of one unit, but got")
            elif not isinstance(want, str) and differ(got, want):
                assert got is not None
                unit = "a number without unit" if want == DIMENSIONLESS else f"a value {unit_phrase(want)}"
                raise UnplacedError(
                    f"the argument '{ast.unparse(argument)}' of {name}() is {unit_phrase(got)}",
                    f"it must be {unit}",
                    UnitError,
                )
        if value == _FIRST:
            return found[0]
        if value == _ROOT:
            return None if found[0] is None else power(found[0], Fraction(1, 2))
        assert not isinstance(value, str)
        return value

    def _of_operation(self, node: ast.BinOp) -> Dimension | None:
        left, right = self._of(node.left), self._of(node.right)
        if isinstance(node.op, (ast.Add, ast.Sub, ast.Mod)):
            verb = {ast.Add: "it adds", ast.Sub: "it subtracts", ast.Mod: "it takes the remainder of"}[type(node.op)]
            _compared(node.left, left, node.right, right, verb)
            return right if left is None else left
        if isinstance(node.op, (ast.Mult, ast.Div)):
            if left is None or right is None:
                return None
            return product(left, right if isinstance(node.op, ast.Mult) else power(right, Fraction(-1)))
        if isinstance(node.op, ast.FloorDiv):
            if differ(left, DIMENSIONLESS) or differ(right, DIMENSIONLESS):
                raise UnplacedError(
                    f"'{ast.unparse(node)}' has units", "// divides numbers without unit only", UnitError
                )
            return DIMENSIONLESS
        if isinstance(node.op, ast.Pow):
            return self._of_power(node, left, right)
        raise UnplacedError(
            f"Brian2 has no operator like that in '{ast.unparse(node)}'", "use + - * / // % **, 'and' and 'or'"
        )

    def _of_power(self, node: ast.BinOp, base: Dimension | None, exponent: Dimension | None) -> Dimension | None:
        if base is None or (base == DIMENSIONLESS and not differ(exponent, DIMENSIONLESS)):
            return base
        number = self._number(node.right)
        if base == DIMENSIONLESS:
            return DIMENSIONLESS
        if number is None or abs(number) > 1e6:
            return None
        return power(base, Fraction(number).limit_denominator(1000))

    def _number(self, node: ast.expr) -> float | None:
        """The value of a constant exponent, None where only a run knows it."""
        if isinstance(node, ast.Constant):
            return float(node.value) if isinstance(node.value, (int, float)) and abs(node.value) < 1e6 else None
        if isinstance(node, ast.Name) and self.scope.find(node.id).constant:
            return None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self._number(node.operand)
            return None if inner is None else -inner
        if isinstance(node, ast.BinOp):
            left, right = self._number(node.left), self._number(node.right)
            if left is not None and right:
                if isinstance(node.op, ast.Div):
                    return left / right
                if isinstance(node.op, ast.Mult):
                    return left * right
            return None
        raise UnplacedError(
            f"the exponent '{ast.unparse(node)}' is no constant",
            "a value with a unit takes a constant power",
            UnitError,
        )
