"""Brian2 text read without Brian2: equations, statements, and the dimensions of units and expressions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Literal

from ssnbrian.circuit.errors import InvalidInputError, UnitError, nearest
from ssnbrian.circuit.units import DIMENSIONLESS, Dimension, Value

Kind = Literal["differential", "subexpression", "parameter"]


@dataclass(frozen=True)
class Equation:
    """One equation: its kind, the variable, the right side (None for a parameter), unit, flags and own text."""

    kind: Kind
    name: str
    expression: str | None
    unit: str
    flags: frozenset[str]
    line: str


@dataclass(frozen=True)
class Statement:
    """One statement of a reset or a pathway: ``target operator expression``, with operator ``=``, ``+=``, …"""

    target: str
    operator: str
    expression: str
    line: str


# A right side goes on over lines until the colon before its unit, as in Brian2.
_EQUATION = re.compile(
    r"""\s*(?:(?P<parameter>[A-Za-z_]\w*)
        |(?P<subexpression>[A-Za-z_]\w*)\s*=(?P<static>[^:]+)
        |d\s*(?P<differential>[A-Za-z_]\w*)\s*/\s*dt\s*=(?P<slope>[^:]+))
    \s*:\s*(?P<unit>[A-Za-z0-9*/.\- ]+)
    (?:\s*\(\s*(?P<flags>[A-Za-z][\w\- ]*(?:\s*,\s*[A-Za-z][\w\- ]*)*)\s*\))?""",
    re.VERBOSE | re.ASCII,
)
_ASSIGNMENT = re.compile(r"(?<![=<>!])=(?!=)")
_STATEMENT = re.compile(r"\s*([A-Za-z_]\w*)\s*([-+*/%]?=)(?!=)\s*([^#]*[^#\s])\s*(?:#.*)?", re.ASCII | re.DOTALL)


def in_one_line(text: str) -> str:
    """Text with its line ends and repeated blanks replaced by single blanks."""
    return " ".join(text.split())


def parse_equations(text: str, where: str) -> tuple[Equation, ...]:
    """Equations in their order.

    Raises :class:`InvalidInputError`, naming ``where`` and the line, for a line that is no equation and for a
    variable that is declared twice.
    """
    plain = re.sub(r"#[^\n]*", "", text)
    found: list[Equation] = []
    position = 0
    while plain[position:].strip():
        match = _EQUATION.match(plain, position)
        if match is None:
            raise _no_equation(plain, position, where)
        equation = _equation(match, where)
        if equation.name in [one.name for one in found]:
            raise InvalidInputError(
                f"{where}, line '{equation.line}': '{equation.name}' is declared a second time; rename one of the two"
            )
        found.append(equation)
        position = match.end()
    return tuple(found)


def _equation(match: re.Match[str], where: str) -> Equation:
    expression = match["slope"] or match["static"]
    if expression is not None and (equals := _ASSIGNMENT.search(expression)):
        # The colon found belongs to a later equation: this one has no unit.
        start = match.start("slope" if match["slope"] else "static")
        before = match.string[match.start() : start + equals.start()].strip()
        raise InvalidInputError(
            f"{where}, line '{in_one_line(before.splitlines()[0])}': there is no unit at its end; "
            f"an equation ends with its unit, such as ': volt' or ': 1'"
        )
    kind: Kind = "differential" if match["slope"] else "subexpression" if match["static"] else "parameter"
    flags = frozenset(flag.strip() for flag in (match["flags"] or "").split(",") if flag.strip())
    right_side = None if expression is None else in_one_line(expression)
    return Equation(kind, match[kind], right_side, match["unit"].strip(), flags, in_one_line(match[0]))


def _no_equation(plain: str, position: int, where: str) -> InvalidInputError:
    rest = plain[position:]
    start = position + len(rest) - len(rest.lstrip())
    line = in_one_line(plain[plain.rfind("\n", 0, start) + 1 :].split("\n", maxsplit=1)[0])
    right = "write 'dx/dt = … : unit', 'x = … : unit' or 'x : unit', with the derivative to dt and a unit such as volt"
    return InvalidInputError(f"{where}, line '{line}': this is no equation; {right}")


def parse_statements(text: str, where: str) -> Iterator[Statement]:
    """Statements in their order, one a line or separated by ``;``; :class:`InvalidInputError` for a line that is none.

    Brian2 takes a comment behind a statement, but no line that is a comment only.
    """
    for line in re.split(r"[;\n]", text):
        if not line.strip():
            continue
        match = _STATEMENT.fullmatch(line)
        if match is None:
            raise InvalidInputError(
                f"{where}, line '{line.strip()}': this is no statement; write 'x = …', 'x += …', 'x -= …', "
                f"'x *= …', 'x /= …' or 'x %= …', and comments only behind one"
            )
        yield Statement(match[1], match[2], match[3], line.strip())


def _power(
    length: int = 0, mass: int = 0, time: Fraction | int = 0, current: int = 0, amount: int = 0, light: int = 0
) -> Dimension:
    return tuple(Fraction(exponent) for exponent in (length, mass, time, current, 0, amount, light))


_KELVIN = (*DIMENSIONLESS[:4], Fraction(1), *DIMENSIONLESS[5:])
_PREFIXED: dict[str, Dimension] = {
    **dict.fromkeys(("metre", "meter"), _power(1)),
    **dict.fromkeys(("gram", "gramme"), _power(mass=1)),
    "second": _power(time=1),
    **dict.fromkeys(("amp", "ampere"), _power(current=1)),
    **dict.fromkeys(("mole", "mol"), _power(amount=1)),
    **dict.fromkeys(("candle", "lumen"), _power(light=1)),
    **dict.fromkeys(("radian", "steradian"), DIMENSIONLESS),
    **dict.fromkeys(("hertz", "becquerel"), _power(time=-1)),
    "newton": _power(1, 1, -2),
    "pascal": _power(-1, 1, -2),
    "joule": _power(2, 1, -2),
    "watt": _power(2, 1, -3),
    "coulomb": _power(time=1, current=1),
    "volt": _power(2, 1, -3, -1),
    "farad": _power(-2, -1, 4, 2),
    "ohm": _power(2, 1, -3, -2),
    "siemens": _power(-2, -1, 3, 2),
    "weber": _power(2, 1, -2, -1),
    "tesla": _power(0, 1, -2, -1),
    "henry": _power(2, 1, -2, -2),
    "lux": _power(-2, light=1),
    **dict.fromkeys(("gray", "sievert"), _power(2, time=-2)),
    "katal": _power(time=-1, amount=1),
    "molar": _power(-3, amount=1),
}
_UNPREFIXED: dict[str, Dimension] = {"kelvin": _KELVIN, "kilogram": _power(mass=1), "kilogramme": _power(mass=1)}
_PREFIXES = ("", *"YZEPTGMkmunpfazy")
# Brian2's short names.
_SHORT = {
    **{f"{prefix}S": f"{prefix}siemens" for prefix in "num"},
    **{f"{prefix}A": f"{prefix}amp" for prefix in "pnum"},
    **{f"{prefix}F": f"{prefix}farad" for prefix in "pnu"},
    **{f"{prefix}M": f"{prefix}molar" for prefix in "num"},
    **{f"{prefix}Hz": f"{prefix}hertz" for prefix in ("", "k", "M")},
    **{"mV": "mvolt", "ms": "msecond", "us": "usecond"},
}
_LENGTHS = ("cm", "mm", "um")
# The names that an equation's unit may use: those of the value 1 in SI units.
_OF_EQUATIONS = frozenset(
    {*_PREFIXED, *_UNPREFIXED, "kgram", "kgramme", "kliter", "klitre", "mmolar", "mM", "Hz"}
    - {"gram", "gramme", "molar"}
)


@cache
def brian_units() -> dict[str, Dimension]:
    """Every unit name that a Brian2 expression may use, with its dimension."""
    units = dict(_UNPREFIXED)
    units |= {prefix + name: one for name, one in _PREFIXED.items() for prefix in _PREFIXES}
    for name in [one for one in units if one not in ("liter", "litre")]:
        for exponent in (2, 3):
            units[f"{name}{exponent}"] = power(units[name], Fraction(exponent))
    for prefix in (*_PREFIXES, "c", "d", "da", "h"):
        units |= {f"{prefix}liter": _power(3), f"{prefix}litre": _power(3)}
    units |= {short: units[long] for short, long in _SHORT.items()}
    for name in _LENGTHS:
        units |= {name: _power(1), f"{name}2": _power(2), f"{name}3": _power(3)}
    return units


def power(dimension: Dimension, exponent: Fraction) -> Dimension:
    """The dimension of a power."""
    return tuple(entry * exponent for entry in dimension)


def product(first: Dimension, second: Dimension) -> Dimension:
    """The dimension of a product."""
    return tuple(a + b for a, b in zip(first, second, strict=True))


def equation_dimension(unit: str) -> Dimension:
    """The dimension of the unit of an equation, such as ``volt/second`` or ``siemens/metre**2``.

    ``1``, ``boolean`` and ``integer`` have none. Raises ``ValueError`` saying what is wrong and what would be right.
    """
    if unit in ("1", "boolean", "integer"):
        return DIMENSIONLESS
    try:
        return _unit_node(ast.parse(unit, mode="eval").body, unit)
    except SyntaxError:
        raise ValueError(f"the unit '{unit}' cannot be read; units look like volt, volt/second or 1") from None


def _unit_node(node: ast.expr, unit: str) -> Dimension:
    if isinstance(node, ast.Name):
        if node.id in _OF_EQUATIONS:
            return brian_units()[node.id]
        if node.id in brian_units():
            raise ValueError(
                f"'{node.id}' cannot be the unit of a variable; use units without prefix, such as volt, second or amp"
            )
        raise ValueError(f"'{node.id}' is not the name of a unit; units look like volt, volt/second, 1 or boolean")
    if isinstance(node, ast.Constant) and node.value == 1:
        return DIMENSIONLESS
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        sign = Fraction(1 if isinstance(node.op, ast.Mult) else -1)
        return product(_unit_node(node.left, unit), power(_unit_node(node.right, unit), sign))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return power(_unit_node(node.left, unit), _number(node.right, unit))
    raise ValueError(f"the unit '{unit}' cannot be read; units look like volt, volt/second or 1")


def _number(node: ast.expr, unit: str) -> Fraction:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand, unit)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and abs(node.value) < 1e6:
        return Fraction(node.value).limit_denominator(1000)
    raise ValueError(f"the exponent in the unit '{unit}' is not a number; write e.g. second**-0.5")


_SECOND = _power(time=1)
_NOISE = _power(time=Fraction(-1, 2))
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
