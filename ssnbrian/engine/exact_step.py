"""The exact step of a linear neuron with additive noise, as a Brian2 state updater.

For a membrane ``dv/dt = -k v + c + sum_x alpha_x x + g xi`` driven by filtered inputs ``dx/dt = -k_x x + c_x``,
with coefficients constant over the step, the values after ``dt`` have the exact law

    v(dt) = v e^{-k dt} + (c + sum alpha_x c_x/k_x) dt E(-k dt)
            + sum alpha_x (x - c_x/k_x) dt e^{-k dt} E((k - k_x) dt) + g sqrt(dt E(-2 k dt)) N(0, 1)

with E(y) = (e^y - 1)/y (``exprel``), which stays finite where k = k_x or k = 0. Euler's stationary variance is too
large by the fraction dt k/2, which alone moves the rate of a neuron far below threshold by several percent.
"""

from __future__ import annotations

from typing import Any

import sympy
from brian2 import Equations
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException, extract_method_options

_EXPREL = sympy.Function("exprel")


def _split(equations: Equations, variables: Any) -> tuple[dict[str, sympy.Expr], dict[str, sympy.Expr]]:
    """Drift and noise amplitude of each differential variable."""
    drift, noise = {}, {}
    for name, expression in equations.get_substituted_expressions(variables):
        deterministic, stochastic = expression.split_stochastic()
        drift[name] = sympy.expand(str_to_sympy(deterministic.code, variables))
        if stochastic:
            if len(stochastic) > 1:
                raise UnsupportedEquationsException(f"{name} has more than one noise term")
            ((_, amplitude),) = stochastic.items()
            noise[name] = str_to_sympy(amplitude.code, variables)
    return drift, noise


class ExactLinearStep(StateUpdateMethod):
    """State updater for the family above; refuses equations outside it."""

    def __init__(self, membrane: str) -> None:
        self.membrane = membrane

    def __call__(self, equations: Equations, variables: Any = None, method_options: Any = None) -> str:
        """Abstract code of one step.

        Raises
        ------
        UnsupportedEquationsException
            When a variable other than the membrane is noisy or driven by another, or a term is not linear.
        """
        extract_method_options(method_options, {})
        drift, noise = _split(equations, variables)
        symbols = {name: sympy.Symbol(name, real=True) for name in drift}
        if self.membrane not in drift or set(noise) - {self.membrane}:
            raise UnsupportedEquationsException("only the membrane may be noisy")
        dt = sympy.Symbol("dt", real=True, positive=True)
        decay, constant, coupling = {}, {}, {}
        for name, expression in drift.items():
            slopes = {other: sympy.diff(expression, symbol) for other, symbol in symbols.items()}
            if any(slope.free_symbols & set(symbols.values()) for slope in slopes.values()):
                raise UnsupportedEquationsException(f"d{name}/dt is not linear")
            allowed = set(symbols) if name == self.membrane else {name}
            if any(slope != 0 for other, slope in slopes.items() if other not in allowed):
                raise UnsupportedEquationsException(f"d{name}/dt is driven by another variable")
            decay[name] = -slopes.pop(name)
            constant[name] = expression.subs(dict.fromkeys(symbols.values(), 0))
            coupling[name] = slopes
        lines = []
        k, v = decay[self.membrane], symbols[self.membrane]
        total, step = constant[self.membrane], v * sympy.exp(-k * dt)
        for name, slope in coupling[self.membrane].items():
            if slope == 0:
                continue
            rest = sympy.S.Zero if constant[name] == 0 else constant[name] / decay[name]
            step += slope * (symbols[name] - rest) * dt * sympy.exp(-k * dt) * _EXPREL((k - decay[name]) * dt)
            total += slope * rest
        step += total * dt * _EXPREL(-k * dt)
        if self.membrane in noise:
            step += noise[self.membrane] * sympy.sqrt(dt * _EXPREL(-2 * k * dt)) * sympy.Symbol("_unit_normal")
            lines.append("_unit_normal = randn()")
        lines.append(f"_{self.membrane} = {sympy_to_str(step)}")
        for name in drift:
            if name != self.membrane:
                k_x = decay[name]
                solution = symbols[name] * sympy.exp(-k_x * dt) + constant[name] * dt * _EXPREL(-k_x * dt)
                lines.append(f"_{name} = {sympy_to_str(solution)}")
        lines += [f"{name} = _{name}" for name in drift]
        return "\n".join(lines)
