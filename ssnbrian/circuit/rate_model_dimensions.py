"""The dimensions of the expressions of rate models, and what these expressions may be made of."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from fractions import Fraction
from typing import TypeGuard

from ssnbrian.circuit.errors import InvalidInputError, nearest
from ssnbrian.circuit.units import DIMENSIONLESS, Dimension

FUNCTIONS = frozenset(
    [
        "exp",
        "log",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "arctan",
        "abs",
        "sign",
        "exprel",
        "clip",
        "int",
    ]
)
CONSTANTS = frozenset({"pi", "e", "inf"})
_KEEP_DIMENSION = frozenset({"abs", "clip"})


def _is_negative(node: ast.AST) -> TypeGuard[ast.UnaryOp]:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def product(first: Dimension, second: Dimension, sign: int) -> Dimension:
    """The dimension of a product (``sign`` 1) or quotient (-1)."""
    return tuple(a + sign * b for a, b in zip(first, second, strict=True))


class Dimensions:
    """The dimension of an expression; None for the number 0 and infinity, which have every dimension.

    ``known`` are the dimensions of all names. Raises :class:`InvalidInputError`, which starts with ``where``, for a
    name that is not known, anything but arithmetic, and dimensions that do not fit.
    """

    def __init__(self, known: Mapping[str, Dimension], where: str) -> None:
        self.known, self.where = known, where

    def of(self, node: ast.AST) -> Dimension | None:
        """The dimension of the expression at ``node``."""
        match node:
            case ast.Constant(value=bool() | str() | bytes() | complex() | None):
                pass
            case ast.Constant(value=value):
                return DIMENSIONLESS if value else None
            case ast.Name(id="inf"):
                return None
            case ast.Name(id=name):
                if name in self.known:
                    return self.known[name]
                reason = f"{nearest(name, self.known)} A value with a unit must be declared as a parameter"
                raise InvalidInputError(f"{self.where}: '{name}' is not known. {reason}")
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                return self.of(operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(left, right)
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
                a, b = self.of(left) or DIMENSIONLESS, self.of(right) or DIMENSIONLESS
                return product(a, b, 1 if isinstance(op, ast.Mult) else -1)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                return self._same(left, right)
            case ast.Compare(left=left, comparators=[right], ops=[ast.Gt() | ast.GtE() | ast.Lt() | ast.LtE()]):
                self._same(left, right)
                return DIMENSIONLESS
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                return self._function(name, arguments)
        raise InvalidInputError(f"{self.where}: '{ast.unparse(node)}' is not arithmetic that a rate model may use")

    def _same(self, *nodes: ast.AST) -> Dimension | None:
        found = {one for one in map(self.of, nodes) if one is not None}
        if len(found) > 1:
            words = " and ".join(f"'{ast.unparse(node)}'" for node in nodes)
            raise InvalidInputError(f"{self.where}: {words} have different dimensions")
        return found.pop() if found else None

    def _function(self, name: str, arguments: list[ast.expr]) -> Dimension | None:
        if len(arguments) != (3 if name == "clip" else 1):
            raise InvalidInputError(f"{self.where}: '{name}' has the wrong number of arguments")
        found = self._same(*arguments)
        if name == "sqrt":
            return tuple(one / 2 for one in found or DIMENSIONLESS)
        if name in _KEEP_DIMENSION:
            return found
        if name not in ("int", "sign") and found not in (None, DIMENSIONLESS):
            raise InvalidInputError(f"{self.where}: the argument of '{name}' must have no dimension")
        return DIMENSIONLESS

    def _power(self, base: ast.AST, exponent: ast.AST) -> Dimension:
        found = self.of(base) or DIMENSIONLESS
        if self.of(exponent) not in (None, DIMENSIONLESS):
            raise InvalidInputError(f"{self.where}: the exponent '{ast.unparse(exponent)}' must have no dimension")
        if found == DIMENSIONLESS:
            return found
        sign, node = (-1, exponent.operand) if _is_negative(exponent) else (1, exponent)
        if not isinstance(node, ast.Constant) or not isinstance(node.value, (int, float)):
            raise InvalidInputError(f"{self.where}: only a power of something without dimension may be a parameter")
        return tuple(sign * one * Fraction(node.value).limit_denominator(64) for one in found)
