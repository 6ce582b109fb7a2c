"""Brian2 expressions as SymPy expressions, read node by node; text is never evaluated."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import sympy

from ssnbrian.circuit import InvalidInputError

_FUNCTIONS = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "arctan": sympy.atan,
    "abs": sympy.Abs,
    "sign": sympy.sign,
    "exprel": lambda x: sympy.Piecewise((1, sympy.Eq(x, 0)), ((sympy.exp(x) - 1) / x, True)),
    "clip": lambda x, low, high: sympy.Min(sympy.Max(x, low), high),
    "int": lambda condition: sympy.Piecewise((1, condition), (0, True)),
}
_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "inf": sympy.oo}
_OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
_COMPARISONS = {ast.Gt: sympy.Gt, ast.GtE: sympy.Ge, ast.Lt: sympy.Lt, ast.LtE: sympy.Le}


def to_sympy(text: str, symbols: Mapping[str, sympy.Expr], where: str = "expression") -> sympy.Expr:
    """A Brian2 expression as SymPy, with names replaced by ``symbols``.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for a name that is neither in ``symbols`` nor a known function
    or constant, and for syntax outside arithmetic, comparisons and calls.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        raise InvalidInputError(f"{where}: '{text.strip()}' is not an expression") from None

    def convert(node: ast.AST) -> sympy.Expr:
        if isinstance(node, ast.Expression):
            return convert(node.body)
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            return sympy.Integer(node.value) if isinstance(node.value, int) else sympy.Float(node.value)
        if isinstance(node, ast.Name):
            if node.id in symbols:
                return symbols[node.id]
            if node.id in _CONSTANTS:
                return _CONSTANTS[node.id]
            raise InvalidInputError(f"{where}: '{node.id}' in '{text.strip()}' is not known")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            return -convert(node.operand) if isinstance(node.op, ast.USub) else convert(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](convert(node.left), convert(node.right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            return _COMPARISONS[type(node.ops[0])](convert(node.left), convert(node.comparators[0]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            return _FUNCTIONS[node.func.id](*(convert(argument) for argument in node.args))
        raise InvalidInputError(f"{where}: '{ast.unparse(node)}' in '{text.strip()}' cannot be treated by the theory")

    return convert(tree)
