"""Whether a condition holds for all weights of a box, for none of them, or for some.

The formula is the condition's own SymPy relation. Every inequality in it is monotone in each weight, which SymPy
confirms by the sign of the derivative; its least and greatest values over the box then lie at corners. And, or and
not of what is always or never true follow by three-valued logic, so "always" and "never" are proven, and "depends"
means that the box decides neither.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy

from .conditions import Condition
from .rate_equations import symbol

ALWAYS, NEVER, DEPENDS = "always", "never", "depends"
_OPPOSITE = {ALWAYS: NEVER, NEVER: ALWAYS, DEPENDS: DEPENDS}
Box = Mapping[str, tuple[float, float]]


def over_box(condition: Condition, box: Box, values: Mapping[str, float]) -> str:
    """'always', 'never' or 'depends': the relation over all weights of the box.

    Parameters
    ----------
    box : (low, high) of each weight in mV, by the names of the conditions (J_EE, …).
    values : the other symbols of the condition, in the units of ``QUANTITIES``.

    Raises
    ------
    ValueError : the condition is no relation, a symbol has no value, or a relation in it is not monotone in a weight.
    """
    if not condition.is_relation:
        raise ValueError(f"the condition {condition.name!r} is a value, not a relation")
    relation = sympy.And(condition.domain, condition.expanded())
    return _decide(relation.xreplace(_numbers(condition, box, values)), _weights(box))


def range_over_box(condition: Condition, box: Box, values: Mapping[str, float]) -> tuple[float, float]:
    """Least and greatest value over the box, of a condition that is a value and has one everywhere.

    Takes values and raises as :func:`over_box`; ValueError for a relation.
    """
    if condition.is_relation:
        raise ValueError(f"the condition {condition.name!r} is a relation, not a value")
    return _range(condition.expanded().xreplace(_numbers(condition, box, values)), _weights(box))


def _numbers(condition: Condition, box: Box, values: Mapping[str, float]) -> dict[sympy.Symbol, float]:
    missing = [name for name in condition.symbols if name not in box and name not in values]
    if missing:
        raise ValueError(f"{condition.name!r} also needs {', '.join(missing)}")
    return {symbol(name): values[name] for name in condition.symbols if name not in box}


def _weights(box: Box) -> dict[sympy.Symbol, tuple[float, float]]:
    return {symbol(name): ends for name, ends in box.items()}


def _decide(relation: sympy.Basic, box: Mapping[sympy.Symbol, tuple[float, float]]) -> str:
    if relation in (sympy.true, sympy.false):
        return ALWAYS if relation == sympy.true else NEVER
    if isinstance(relation, sympy.Not):
        return _OPPOSITE[_decide(relation.args[0], box)]
    if isinstance(relation, (sympy.And, sympy.Or)):
        decisive, other = (NEVER, ALWAYS) if isinstance(relation, sympy.And) else (ALWAYS, NEVER)
        parts = {_decide(part, box) for part in relation.args}
        return decisive if decisive in parts else other if parts == {other} else DEPENDS
    least, most = _range(relation.lhs - relation.rhs, box)
    if isinstance(relation, (sympy.StrictLessThan, sympy.LessThan)):
        least, most = -most, -least
    if isinstance(relation, (sympy.StrictLessThan, sympy.StrictGreaterThan)):
        return ALWAYS if least > 0 else NEVER if most <= 0 else DEPENDS
    if isinstance(relation, (sympy.LessThan, sympy.GreaterThan)):
        return ALWAYS if least >= 0 else NEVER if most < 0 else DEPENDS
    if isinstance(relation, sympy.Unequality):
        return ALWAYS if least > 0 or most < 0 else NEVER if least == most == 0 else DEPENDS
    raise ValueError(f"cannot decide {relation} over a box")


def _range(expression: sympy.Expr, box: Mapping[sympy.Symbol, tuple[float, float]]) -> tuple[float, float]:
    """Least and greatest value over the box; not numbers where the expression is undefined at a corner."""
    # Derivatives have a sign where the weights are positive; at a weight of zero the limit is the value.
    positive = {weight: sympy.Dummy(weight.name, positive=True) for weight in box}
    low, high = {}, {}
    for weight, (least, most) in box.items():
        slope = sympy.diff(expression, weight).xreplace(positive)
        if not (slope.is_nonnegative or slope.is_nonpositive):
            raise ValueError(f"{expression} is not monotone in {weight}")
        low[weight], high[weight] = (least, most) if slope.is_nonnegative else (most, least)
    function = sympy.lambdify(list(box), expression, modules="numpy")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ends = [float(function(*(np.float64(corner[weight]) for weight in box))) for corner in (low, high)]
    return ends[0], ends[1]
