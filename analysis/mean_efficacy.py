"""The mean efficacy of a synapse with short-term plasticity, as a function of the rate of its source. Units: Hz, s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from .rational_function import RationalFunction

__all__ = ["RATE", "Efficacy", "with_numbers"]

RATE = sympy.Symbol("nu", nonnegative=True)


def with_numbers(expression: sympy.Expr, numbers: Mapping[str, float]) -> sympy.Expr:
    """An expression with the values of its parameters, as exact rationals."""
    by_symbol = {one: sympy.Rational(numbers[one.name]) for one in expression.free_symbols if one.name in numbers}
    return expression.subs(by_symbol)


@dataclass(frozen=True, eq=False)
class Efficacy:
    """What multiplies the weight of a projection, as a function of the rate of its source; compares by value.

    Attributes
    ----------
    variables : names of the synapse's variables.
    formula : e(nu) in the parameters of the synapse, SymPy.
    numbers : its parameters in SI units.
    drift : d<s>/dt of every variable in the means <s> (symbols named as the variables) and the rate ``RATE``.
    released : the factor at a spike in the variables before it and the rate.
    steady : the mean of every variable in the parameters and the rate.
    """

    variables: tuple[str, ...]
    formula: sympy.Expr
    numbers: tuple[tuple[str, float], ...]
    drift: tuple[sympy.Expr, ...]
    released: sympy.Expr
    steady: tuple[sympy.Expr, ...]

    def _key(self) -> tuple[Any, ...]:
        return self.variables, self.formula, self.numbers, self.drift, self.released

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Efficacy) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def with_numbers(self, expression: sympy.Expr) -> sympy.Expr:
        """An expression with the values of the parameters, as exact rationals."""
        return with_numbers(expression, dict(self.numbers))

    @property
    def latex(self) -> str:
        """e(nu) as LaTeX, in the names of the parameters."""
        return str(sympy.latex(self.formula))

    @cached_property
    def transmitted(self) -> RationalFunction:
        """nu e(nu) in Hz, with bounds over intervals."""
        return RationalFunction.of(self.with_numbers(RATE * self.formula), RATE)

    @cached_property
    def transmitted_squared(self) -> RationalFunction:
        """nu e(nu)² in Hz, with bounds over intervals."""
        return RationalFunction.of(self.with_numbers(RATE * self.formula**2), RATE)

    @cached_property
    def _value(self) -> RationalFunction:
        return RationalFunction.of(self.with_numbers(self.formula), RATE)

    @property
    def increasing(self) -> bool:
        """Whether nu e(nu) provably grows with nu on nu >= 0 (exact, by Sturm's theorem)."""
        return self.transmitted.increasing

    def __call__(self, rate: Any) -> np.ndarray:
        """e at rates in Hz >= 0, of any shape."""
        return self._value(rate)

    def slope(self, rate: Any) -> np.ndarray:
        """d(nu e)/d nu at rates in Hz >= 0, of any shape."""
        return self.transmitted.slope(rate)

    @cached_property
    def _compiled(self) -> dict[str, Any]:
        symbols = [sympy.Symbol(name) for name in self.variables]
        drift = sympy.Matrix([self.with_numbers(one) for one in self.drift])
        released = sympy.Matrix([self.with_numbers(self.released)])
        wanted = {
            "drift": drift,
            "by_variables": drift.jacobian(symbols),
            "by_rate": drift.diff(RATE),
            "released": released,
            "released_by_variables": released.jacobian(symbols),
            "means": sympy.Matrix([self.with_numbers(one) for one in self.steady]),
        }
        return {name: sympy.lambdify([*symbols, RATE], matrix, "numpy") for name, matrix in wanted.items()}

    def means(self, rate: float) -> np.ndarray:
        """Mean of every variable at one rate in Hz, shape (variables,)."""
        return self._at("means", np.zeros(len(self.variables)), rate).ravel()

    def dynamics(self, means: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
        """d<s>/dt (variables,), 1/s, and the factor released, at means (variables,) and one rate in Hz."""
        return self._at("drift", means, rate).ravel(), float(self._at("released", means, rate)[0, 0])

    def linearised(self, rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives at the steady means of one rate in Hz.

        d(drift)/d<s> (variables, variables) in 1/s, d(drift)/d nu (variables,) without unit, d(released)/d<s>
        (variables,).
        """
        names = ("by_variables", "by_rate", "released_by_variables")
        first, second, third = (self._at(name, self.means(rate), rate) for name in names)
        return first, second.ravel(), third.ravel()

    def _at(self, what: str, means: np.ndarray, rate: float) -> np.ndarray:
        return np.array(self._compiled[what](*means, rate), dtype=float)
