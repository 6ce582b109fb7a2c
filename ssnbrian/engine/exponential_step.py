"""A step of equations that are linear in each variable while the others stand still, with additive noise.

    dx/dt = a(others) x + b(others) + g xi
    x(dt) = x e^{a dt} + b dt E(a dt) + g sqrt(dt E(2 a dt)) N(0, 1),    E(y) = (e^y - 1)/y

This covers conductances (the leak of the membrane changes), alpha functions and the gating variables of channels.
Variables are advanced in the order of their dependence, the membrane last, and each meets the others at the mean of
their values before and after the step, where these are known already. Those on which the membrane acts back, gates of
channels, are met at their new value: they stand half a step after the membrane (leapfrog). So the step is of second
order in dt. Unlike the methods of Runge and Kutta it stays stable for stiff equations, and its noise has the exact
variance of the step.
"""

from __future__ import annotations

from typing import Any

import sympy
from brian2 import Equations
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException, extract_method_options

from ssnbrian.engine.exact_step import ExactLinearStep

_EXPREL = sympy.Function("exprel")


def _dependence_order(drift: dict[str, sympy.Expr], membrane: str) -> list[str]:
    """Variables whose equations need no later one first; where they need each other, as they stand; membrane last."""
    symbols = {sympy.Symbol(name, real=True): name for name in drift}
    needs = {name: {symbols[s] for s in expression.free_symbols & set(symbols)} for name, expression in drift.items()}
    waiting = [name for name in drift if name != membrane]
    order: list[str] = []
    while waiting:
        ready = [name for name in waiting if needs[name] - {name, membrane} <= set(order)] or waiting[:1]
        order += ready
        waiting = [name for name in waiting if name not in ready]
    return order + [name for name in drift if name == membrane]


class ExponentialStep(StateUpdateMethod):
    """State updater for the family above; refuses equations outside it."""

    def __init__(self, membrane: str) -> None:
        self.membrane = membrane

    def __call__(self, equations: Equations, variables: Any = None, method_options: Any = None) -> str:
        """Abstract code of one step.

        Raises
        ------
        UnsupportedEquationsException
            When a variable acts on itself other than linearly, or scales its noise.
        """
        extract_method_options(method_options, {})
        drift: dict[str, sympy.Expr] = {}
        noise: dict[str, sympy.Expr] = {}
        for name, expression in equations.get_substituted_expressions(variables):
            deterministic, stochastic = expression.split_stochastic()
            drift[name] = str_to_sympy(deterministic.code, variables)
            if stochastic:
                if len(stochastic) > 1:
                    raise UnsupportedEquationsException(f"{name} has more than one noise term")
                ((_, amplitude),) = stochastic.items()
                noise[name] = str_to_sympy(amplitude.code, variables)
        symbols = {name: sympy.Symbol(name, real=True) for name in drift}
        dt = sympy.Symbol("dt", real=True, positive=True)
        lines: list[str] = []
        known: dict[sympy.Symbol, sympy.Symbol] = {}
        for name in _dependence_order(drift, self.membrane):
            x = symbols[name]
            slope = sympy.simplify(sympy.diff(drift[name], x))
            if x in slope.free_symbols:
                raise UnsupportedEquationsException(f"d{name}/dt is not linear in {name}")
            rest = drift[name].subs(x, 0)
            slope, rest = slope.xreplace(known), rest.xreplace(known)
            step = x * sympy.exp(slope * dt) + rest * dt * _EXPREL(slope * dt)
            if name in noise:
                if noise[name].free_symbols & set(symbols.values()):
                    raise UnsupportedEquationsException(f"the noise of {name} depends on the state")
                lines.append(f"_normal_{name} = randn()")
                step += noise[name] * sympy.sqrt(dt * _EXPREL(2 * slope * dt)) * sympy.Symbol(f"_normal_{name}")
            lines.append(f"_{name} = {sympy_to_str(step)}")
            if name != self.membrane:
                known[x] = self._met(name, drift[name], lines)
        return "\n".join([*lines, *(f"{name} = _{name}" for name in drift)])

    def _met(self, name: str, drift: sympy.Expr, lines: list[str]) -> sympy.Symbol:
        """What later variables meet of one that has been advanced."""
        if sympy.Symbol(self.membrane, real=True) in drift.free_symbols:
            return sympy.Symbol(f"_{name}", real=True)
        lines.append(f"_mean_{name} = 0.5*({name} + _{name})")
        return sympy.Symbol(f"_mean_{name}", real=True)


class LinearStep(StateUpdateMethod):
    """The exact step where it exists, the exponential step otherwise."""

    def __init__(self, membrane: str) -> None:
        self.exact, self.exponential = ExactLinearStep(membrane), ExponentialStep(membrane)

    def __call__(self, equations: Equations, variables: Any = None, method_options: Any = None) -> str:
        """Abstract code of one step; raises UnsupportedEquationsException with the reason of the exponential step."""
        try:
            return self.exact(equations, variables, method_options)
        except UnsupportedEquationsException:
            return self.exponential(equations, variables, method_options)
