"""Equations of a model in SymPy, in which every draw of random numbers is a symbol of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.equations import Equation

from ..model_text import read

__all__ = ["Call", "DrawnText"]

_RANDOM = ("poisson", "rand", "randn")
_CALLS = (*_RANDOM, "floor", "clip")
_HELD = "constant over dt"


@dataclass(frozen=True)
class Call:
    """``function(*arguments)`` behind a symbol."""

    function: str
    arguments: tuple[sympy.Expr, ...]


class DrawnText:
    """Reads expressions with the variables that ``equations`` define as expressions written out.

    poisson, rand and randn become a new symbol at every place where they are drawn: a variable that is evaluated twice
    is two draws, unless it is constant over dt. floor and clip become one symbol for the same arguments. ``calls`` has
    what stands behind each symbol. ``symbols`` are the names of everything else.
    """

    def __init__(self, equations: Iterable[Equation], symbols: Mapping[str, sympy.Expr]) -> None:
        self.symbols = dict(symbols)
        self.expressions = {one.name: one for one in equations if one.kind == "subexpression"}
        self.calls: dict[sympy.Symbol, Call] = {}
        self._held: dict[str, sympy.Expr] = {}
        self._open: list[str] = []

    def read(self, text: str) -> sympy.Expr:
        """The expression; raises InvalidInputError for what cannot be read."""
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except SyntaxError:
            raise InvalidInputError(f"'{text.strip()}' is not an expression") from None
        replacement = _Replacement(self)
        plain = ast.unparse(replacement.visit(tree))
        return sympy.expand(read(plain, {**self.symbols, **replacement.found}, "expression"))

    def call(self, function: str, arguments: tuple[sympy.Expr, ...]) -> sympy.Expr:
        """The symbol of a call."""
        wanted = Call(function, arguments)
        if function not in _RANDOM:
            for symbol, known in self.calls.items():
                if known == wanted:
                    return symbol
        symbol = sympy.Symbol(f"{function} {len(self.calls)}", nonnegative=function == "poisson" or None)
        self.calls[symbol] = wanted
        return symbol

    def variable(self, name: str) -> sympy.Expr:
        """What a variable stands for, read anew unless it is held over the step."""
        if name in self._held:
            return self._held[name]
        if name in self._open:
            raise InvalidInputError(f"'{name}' is defined by itself")
        self._open.append(name)
        equation = self.expressions[name]
        value = self.read(equation.expression or "")
        self._open.pop()
        if _HELD in equation.flags:
            self._held[name] = value
        return value

    def behind(self, expression: sympy.Expr, function: str) -> tuple[sympy.Expr, ...] | None:
        """The arguments where the expression is one call of the function, or None."""
        call = self.calls.get(expression)
        return call.arguments if call is not None and call.function == function else None

    def single(self, expression: sympy.Expr, function: str) -> sympy.Symbol | None:
        """The one call of a function in an expression, or None for none and several."""
        found = [one for one in expression.free_symbols if one in self.calls and self.calls[one].function == function]
        return found[0] if len(found) == 1 else None


class _Replacement(ast.NodeTransformer):
    """Names in place of calls and of variables that are written out; ``found`` is what they stand for."""

    def __init__(self, text: DrawnText) -> None:
        self.text = text
        self.found: dict[str, sympy.Expr] = {}

    def _named(self, value: sympy.Expr) -> ast.Name:
        name = f"_written_out_{len(self.found)}"
        self.found[name] = value
        return ast.Name(id=name, ctx=ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name) or node.func.id not in _CALLS:
            return ast.Call(node.func, [self.visit(one) for one in node.args], node.keywords)
        arguments = tuple(self.text.read(ast.unparse(one)) for one in node.args)
        return self._named(self.text.call(node.func.id, arguments))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._named(self.text.variable(node.id)) if node.id in self.text.expressions else node
