"""Brian2 text of models as SymPy, with the values of their parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sympy

from ssnbrian.circuit.errors import UnitError
from ssnbrian.circuit.templates import Values
from ssnbrian.circuit.units import parse_unit

from .symbolic import to_sympy


def read(text: str, symbols: Mapping[str, sympy.Expr], where: str) -> sympy.Expr:
    """An expression in which names of units stand for their SI values; decimals as exact rationals.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` as `to_sympy` does.
    """
    units = {}
    for name in set(re.findall(r"[A-Za-z_]\w*", text)) - set(symbols):
        try:
            units[name] = sympy.Rational(repr(parse_unit(name)[0]))
        except UnitError:
            continue
    return sympy.nsimplify(to_sympy(text, {**units, **symbols}, where), rational=True)


def number(expression: sympy.Expr, values: Values, unit: str) -> float:
    """The value of an expression of parameters in ``unit``; a parameter alone as it was given, without rounding."""
    if expression.is_Symbol:
        return float(values[str(expression)].to(unit))
    exact = {one: sympy.Rational(repr(values[str(one)].si)) for one in expression.free_symbols}
    return float(expression.subs(exact) / sympy.Rational(repr(parse_unit(unit)[0])))
