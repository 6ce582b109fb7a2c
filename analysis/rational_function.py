"""Rational functions of one rate, with bounds over intervals that include rounding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy

__all__ = ["RationalFunction", "never_negative"]

_PAD = 1e-14
"""Relative, per degree: Horner's rule on terms of one sign is good to two roundings per degree."""


def never_negative(expression: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether a rational function with rational coefficients is proven to be at least 0 for all symbol >= 0."""
    top, bottom = (sympy.Poly(part, symbol) for part in sympy.fraction(sympy.together(expression)))
    return _sign(top * bottom) >= 0


def _sign(polynomial: sympy.Poly) -> int:
    """1 or -1 where a polynomial keeps that sign (zeros allowed) on x >= 0, 0 if it vanishes, -2 if it changes it."""
    if polynomial.is_zero:
        return 0
    odd = [factor for factor, power in polynomial.factor_list()[1] if power % 2 and factor != sympy.Poly(factor.gen)]
    if any(factor.count_roots(0, None) for factor in odd):
        return -2
    bound = 1 + max(abs(one) for one in polynomial.all_coeffs()) / abs(polynomial.LC())
    return 1 if polynomial.eval(bound) > 0 else -1


def _horner(x: np.ndarray, coefficients: tuple[float, ...]) -> Any:
    """A polynomial with coefficients >= 0, constant term first; one number where it is constant."""
    value: Any = coefficients[-1] if coefficients else 0.0
    for one in coefficients[-2::-1]:
        value = value * x + one
    return value


@dataclass(frozen=True)
class RationalFunction:
    """top(x) / bottom(x) for x >= 0.

    Attributes
    ----------
    top, bottom : rational coefficients, constant term first.
    """

    top: tuple[sympy.Rational, ...]
    bottom: tuple[sympy.Rational, ...]

    @classmethod
    def of(cls, expression: sympy.Expr, symbol: sympy.Symbol) -> RationalFunction:
        """From a rational SymPy expression with rational coefficients."""
        parts = sympy.fraction(sympy.cancel(sympy.together(expression)))
        top, bottom = (sympy.Poly(part, symbol).all_coeffs()[::-1] for part in parts)
        unit = next(one for one in bottom if one != 0)
        return cls(tuple(one / unit for one in top), tuple(one / unit for one in bottom))

    def _polynomials(self) -> tuple[sympy.Poly, sympy.Poly]:
        x = sympy.Symbol("x")
        return sympy.Poly(self.top[::-1], x), sympy.Poly(self.bottom[::-1], x)

    @cached_property
    def derivative(self) -> RationalFunction:
        """The derivative."""
        top, bottom = self._polynomials()
        x = top.gen
        return RationalFunction.of((top.diff(x) * bottom - top * bottom.diff(x)).as_expr() / bottom.as_expr() ** 2, x)

    @cached_property
    def finite(self) -> bool:
        """Whether the bottom has no zero on x >= 0."""
        return not self._polynomials()[1].count_roots(0, None)

    @cached_property
    def increasing(self) -> bool:
        """Whether it is finite and proven to increase on x >= 0."""
        top, bottom = self.derivative._polynomials()
        return self.finite and _sign(top * bottom) == 1

    @cached_property
    def limit(self) -> float:
        """Its value for x -> infinity, infinite where it grows without bound."""
        top, bottom = (poly.degree() for poly in self._polynomials())
        if top > bottom:
            return float(np.copysign(np.inf, float(self.top[-1] / self.bottom[-1])))
        return float(self.top[-1] / self.bottom[-1]) if top == bottom else 0.0

    @cached_property
    def _floats(self) -> tuple[tuple[float, ...], ...]:
        """Coefficients of top and bottom, those above 0 and those below apart; empty where there are none."""
        parts = [[sign * float(one) for one in part] for part in (self.top, self.bottom) for sign in (1, -1)]
        return tuple(tuple(max(one, 0.0) for one in part) if max(part) > 0 else () for part in parts)

    def __call__(self, x: Any) -> np.ndarray:
        """Values at x >= 0 of any shape."""
        up, down, below, minus = (_horner(np.asarray(x, float), part) for part in self._floats)
        return np.array(np.broadcast_to((up - down) / (below - minus), np.shape(x)))

    def slope(self, x: Any) -> np.ndarray:
        """Derivative at x >= 0 of any shape."""
        return self.derivative(x)

    def bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds over intervals 0 <= low <= high, rounding included; infinite where none is found.

        Each polynomial is the difference of two with coefficients >= 0, which increase: the ends bound them. A
        function that is proven to increase takes its bounds from its own values at the ends.
        """
        if self.increasing:
            return self._enclosed(low, low)[0], self._enclosed(high, high)[1]
        return self._enclosed(low, high)

    def _enclosed(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pad = _PAD * (len(self.top) + len(self.bottom))
        least, most = (
            [_horner(x, part) * factor for part in self._floats]
            for x, factor in ((low, 1 - pad), (high, 1 + pad))
        )
        top = least[0] - most[1], most[0] - least[1]
        bottom = least[2] - most[3], most[2] - least[3]
        with np.errstate(divide="ignore", invalid="ignore"):
            lower = np.where(top[0] >= 0, top[0] / bottom[1], top[0] / bottom[0])
            upper = np.where(top[1] >= 0, top[1] / bottom[0], top[1] / bottom[1])
        known = (bottom[0] > 0) & np.isfinite(lower) & np.isfinite(upper)
        lower = lower - pad * np.abs(lower)
        upper = upper + pad * np.abs(upper)
        shape = np.shape(low)
        return (
            np.broadcast_to(np.where(known, lower, -np.inf), shape),
            np.broadcast_to(np.where(known, upper, np.inf), shape),
        )
