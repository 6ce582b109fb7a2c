"""Weights from rates and inputs: Eq 5, 6 and 7 of Ekelmans et al. 2023 solved for a weight.

The formulas are those of ``conditions``, solved here by SymPy, so none is written a second time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import sympy

from ..conditions import condition
from ..rate_equations import symbol


@functools.cache
def weight_at_state(pair: str) -> Callable[..., Any]:
    """J_XE (pair EE or IE, mV) that makes given rates a steady state: Eq 5 (EE) or Eq 6 (IE) solved for it.

    The function takes the symbols of ``condition("required_mu_ext_X")`` without that weight, and ``mu_ext`` (mV/s),
    the external input of population X, by keyword, floats or arrays of one shape. It grows with rate_I and with J_XI
    and falls with mu_ext.
    """
    required = condition(f"required_mu_ext_{pair[0]}").expanded()
    weight, given = symbol(f"J_{pair}"), symbol("mu_ext")
    (solution,) = sympy.solve(required - given, weight)
    return _function(sympy.expand(solution))


@functools.cache
def rate_I_at_state() -> Callable[..., Any]:
    """rate_I (Hz) at which the equation of E holds: Eq 5 solved for it; arguments as in :func:`weight_at_state`."""
    required = condition("required_mu_ext_E").expanded()
    (solution,) = sympy.solve(required - symbol("mu_ext"), symbol("rate_I"))
    return _function(sympy.expand(solution))


@functools.cache
def weight_at_isn_threshold() -> Callable[..., Any]:
    """J_EE (mV) at which rate_E is the threshold of inhibition stabilisation: Eq 7 with equality.

    Takes a_E, n_E and rate_E (Hz) by keyword.
    """
    isn = condition("inhibition_stabilized")
    relation = isn.expanded(keep=frozenset({"gain_E"}))
    (solution,) = sympy.solve(relation.lhs - relation.rhs, symbol("J_EE"))
    return _function(solution.xreplace(dict(isn.definitions)))


def _function(expression: sympy.Expr) -> Callable[..., Any]:
    names = sorted(map(str, expression.free_symbols))
    function = sympy.lambdify([symbol(name) for name in names], expression, modules="numpy")

    def evaluate(**values: Any) -> Any:
        return function(*(values[name] for name in names))

    return evaluate
