r"""Brian2 text as LaTeX, in the order in which the author wrote it; text is never evaluated.

Only commands are used that LaTeX, KaTeX (Markdown pages) and matplotlib know alike.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ssnbrian.circuit.brian_units import brian_units
from ssnbrian.circuit.equations import Equation, Statement, in_one_line
from ssnbrian.circuit.errors import InvalidInputError
from ssnbrian.circuit.latex_names import symbol_of, unit_symbol

_FUNCTIONS = {
    **{name: rf"\{name}" for name in ("exp", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"log": r"\ln", "log10": r"\log_{10}", "arcsin": r"\arcsin", "arccos": r"\arccos", "arctan": r"\arctan"},
    "int": r"\mathbf{1}",
}
_BRACKETS = {
    "abs": (r"\left|", r"\right|"),
    "floor": (r"\left\lfloor", r"\right\rfloor"),
    "ceil": (r"\left\lceil", r"\right\rceil"),
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: ">",
    ast.GtE: r"\geq",
    ast.Lt: "<",
    ast.LtE: r"\leq",
    ast.Eq: "=",
    ast.NotEq: r"\neq",
}
#: Functions that are no textbook names, with what they mean.
DEFINITIONS = {
    "exprel": r"\mathrm{exprel}(x) = \frac{\exp\left(x\right) - 1}{x}",
    "rand": r"\mathrm{rand}() \sim \mathrm{Uniform}(0, 1)",
    "randn": r"\mathrm{randn}() \sim \mathrm{Normal}(0, 1)",
    "poisson": r"\mathrm{poisson}(m) \sim \mathrm{Poisson\ with\ mean}\ m",
    "int": r"\mathbf{1}\left(A\right) = 1\ \mathrm{if}\ A,\ \mathrm{else}\ 0",
}
# Binding of an expression: how it must be bracketed as a part of another one.
_CONDITION, _COMPARISON, _SUM, _PRODUCT, _POWER, _ATOM = range(6)


@dataclass(frozen=True)
class _Text:
    """LaTeX with its binding; ``negative`` where it begins with a minus sign, ``number`` where it is a number."""

    text: str
    binding: int = _ATOM
    negative: bool = False
    number: bool = False

    def bound(self, binding: int) -> str:
        """Bracketed, unless it binds at least so strongly and has no sign of its own."""
        if self.binding >= binding and not (self.negative and binding >= _SUM):
            return self.text
        return rf"\left({self.text}\right)"

    def without_sign(self) -> str:
        return self.text.removeprefix("-")


class LatexWriter:
    """Writes expressions, equations and statements with one symbol for each name.

    ``names`` are those of the model; two names never share a symbol. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` for text that is no Brian2 expression.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._symbols: dict[str, str] = {}
        self.functions: set[str] = set()
        for name in names:
            self.symbol(name)

    @property
    def symbols(self) -> Mapping[str, str]:
        """The symbol of every name written so far."""
        return self._symbols

    def symbol(self, name: str) -> str:
        """The symbol of a name; its plain letters where another name has the textbook's symbol already."""
        if name not in self._symbols:
            symbol = symbol_of(name)
            if symbol in self._symbols.values():
                symbol = symbol_of(name, textbook=False)
            self._symbols[name] = symbol
        return self._symbols[name]

    def expression(self, text: str) -> str:
        """An expression."""
        return self._of(self._tree(text)).text

    def equation(self, equation: Equation) -> str:
        """A differential equation or a subexpression; empty for the declaration of a variable."""
        if equation.expression is None:
            return ""
        symbol, right = self.symbol(equation.name), self.expression(equation.expression)
        if equation.kind == "subexpression":
            return f"{symbol} = {right}"
        unless = r"\quad (\mathrm{unless\ refractory})" if "unless refractory" in equation.flags else ""
        return rf"\frac{{\mathrm{{d}}{symbol}}}{{\mathrm{{d}}t}} = {right}{unless}"

    def statement(self, statement: Statement) -> str:
        r"""A statement at a spike, ``v \leftarrow …``."""
        right = self._tree(statement.expression)
        operation = statement.operator.removesuffix("=")
        if operation:
            left = ast.parse(f"target {operation} value", mode="eval").body
            assert isinstance(left, ast.BinOp)
            right = ast.BinOp(ast.Name(statement.target), left.op, right)
        return rf"{self.symbol(statement.target)} \leftarrow {self._of(right).text}"

    def definitions(self) -> tuple[str, ...]:
        """What the functions mean that have been written and are in no textbook."""
        return tuple(text for name, text in DEFINITIONS.items() if name in self.functions)

    @staticmethod
    def _tree(text: str) -> ast.expr:
        try:
            return ast.parse(in_one_line(text), mode="eval").body
        except (SyntaxError, ValueError):
            raise InvalidInputError(f"'{in_one_line(text)}' is not an expression") from None

    def _of(self, node: ast.expr) -> _Text:
        match node:
            case ast.Constant(value=bool() as value):
                return _Text(rf"\mathrm{{{str(value).lower()}}}")
            case ast.Constant(value=int() | float() as value):
                return _number(value)
            case ast.Name(id=name):
                return _Text(self._name(name))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._of(operand)
                return _Text(f"-{inner.bound(_PRODUCT)}", min(inner.binding, _PRODUCT), negative=True)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._of(operand)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _Text(rf"\neg {self._of(operand).bound(_ATOM)}", _POWER)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                return self._sum(left, isinstance(op, ast.Sub), right)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self._product(node)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return _Text(f"{self._of(left).bound(_ATOM)}^{{{self._of(right).text}}}", _POWER)
            case ast.BinOp(left=left, op=ast.FloorDiv(), right=right):
                fraction = rf"\frac{{{self._of(left).text}}}{{{self._of(right).text}}}"
                return _Text(rf"\left\lfloor {fraction} \right\rfloor")
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                sides = [self._of(one).bound(_POWER) for one in (left, right)]
                return _Text(rf"{sides[0]}\ \mathrm{{mod}}\ {sides[1]}", _SUM)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                return _Text(f"{self._start(left)} {_COMPARISONS[type(op)]} {self._start(right)}", _COMPARISON)
            case ast.BoolOp(op=op, values=values):
                word = r" \wedge " if isinstance(op, ast.And) else r" \vee "
                return _Text(word.join(self._of(one).bound(_COMPARISON) for one in values), _CONDITION)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        raise InvalidInputError(f"'{ast.unparse(node)}' is nothing that a Brian2 expression may hold")

    def _name(self, name: str) -> str:
        if name in self._symbols:
            return self._symbols[name]
        known = {"pi": r"\pi", "e": r"\mathrm{e}", "inf": r"\infty", "t": "t", "dt": r"\Delta t"}
        if name in known:
            return known[name]
        if name == "xi" or name.startswith("xi_"):
            return f"{symbol_of(name)}(t)"
        return unit_symbol(name) if name in brian_units() else self.symbol(name)

    def _start(self, node: ast.expr) -> str:
        """The beginning of a sum, which needs no brackets for its sign."""
        found = self._of(node)
        return found.text if found.binding >= _SUM else found.bound(_SUM)

    def _sum(self, left: ast.expr, minus: bool, right: ast.expr) -> _Text:
        first, second, start = self._of(left), self._of(right), self._start(left)
        # a + (-b) is written a - b.
        if second.negative and not minus:
            return _Text(f"{start} - {second.without_sign()}", _SUM, first.negative)
        end = second.bound(_PRODUCT if minus else _SUM)
        return _Text(f"{start} {'-' if minus else '+'} {end}", _SUM, first.negative)

    def _product(self, node: ast.expr) -> _Text:
        """A chain of factors and divisors from left to right, with a fraction wherever divisors follow factors."""
        groups: list[tuple[list[ast.expr], list[ast.expr]]] = [([], [])]
        for factor, divides in _chain(node):
            if not divides and groups[-1][1]:
                groups.append(([], []))
            groups[-1][divides].append(factor)
        first = groups[0][0][0]
        negative = isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.USub)
        if isinstance(first, ast.UnaryOp) and negative:
            groups[0][0][0] = first.operand
        parts: list[_Text] = []
        for above, below in groups:
            numerator = [self._of(one) for one in above]
            if below:
                denominator = self._factors([self._of(one) for one in below])
                parts.append(_Text(rf"\frac{{{self._factors(numerator)}}}{{{denominator}}}"))
            else:
                parts += numerator
        return _Text("-" * negative + self._factors(parts), _PRODUCT, negative=negative)

    @staticmethod
    def _factors(parts: list[_Text]) -> str:
        if len(parts) == 1:
            return parts[0].text
        text = parts[0].bound(_PRODUCT)
        for before, part in itertools.pairwise(parts):
            dot = part.number or (before.number and part.text.startswith(r"\frac"))
            text += (r" \cdot " if dot else r"\,") + part.bound(_PRODUCT)
        return text

    def _call(self, name: str, arguments: list[ast.expr]) -> _Text:
        if name == "int" and not isinstance(arguments[0], (ast.Compare, ast.BoolOp)):
            name = "integer_part"
        self.functions.add(name)
        values = [self._of(one) for one in arguments]
        if name == "sqrt":
            return _Text(rf"\sqrt{{{values[0].text}}}")
        if name in _BRACKETS:
            before, after = _BRACKETS[name]
            return _Text(f"{before} {values[0].text} {after}")
        if name == "clip":
            return self._clip(*arguments)
        if not arguments:
            return _Text(rf"\mathrm{{{name}}}()")
        inside = ", ".join(one.text for one in values)
        head = _FUNCTIONS.get(name, rf"\mathrm{{{_escaped(name)}}}")
        return _Text(rf"{head}\left({inside}\right)", _POWER)

    def _clip(self, value: ast.expr, low: ast.expr, high: ast.expr) -> _Text:
        """``max(low, min(high, x))`` without the limits that are infinite."""
        inner = self._of(value).text
        if _is_zero(low) and _is_infinite(high):
            return _Text(rf"\left[{inner}\right]_{{+}}")
        if not _is_infinite(high):
            inner = rf"\min\left({inner}, {self._of(high).text}\right)"
        if not _is_infinite(low):
            inner = rf"\max\left({inner}, {self._of(low).text}\right)"
        return _Text(inner if inner.startswith(r"\m") else rf"\left({inner}\right)", _POWER)


def _escaped(name: str) -> str:
    return name.replace("_", r"\_")


def _number(value: float) -> _Text:
    mantissa, exponent, power = repr(value).partition("e")
    mantissa = re.sub(r"\.0$", "", mantissa)
    if not exponent:
        return _Text(mantissa, number=True)
    scale = f"10^{{{int(power)}}}"
    return _Text(scale if mantissa == "1" else rf"{mantissa} \cdot {scale}", _PRODUCT, number=True)


def _chain(node: ast.expr) -> list[tuple[ast.expr, bool]]:
    """Factors of a product from left to right, and whether each divides."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        return [*_chain(node.left), (node.right, isinstance(node.op, ast.Div))]
    return [(node, False)]


def _is_zero(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _is_zero(node.left) or _is_zero(node.right)
    return isinstance(node, ast.Constant) and node.value == 0


def _is_infinite(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_infinite(node.operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _is_infinite(node.left) or _is_infinite(node.right)
    return isinstance(node, ast.Name) and node.id == "inf"
