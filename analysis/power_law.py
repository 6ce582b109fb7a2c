"""The power law ν = a (μ - b)_+ⁿ and its fit to a transfer function (Ekelmans et al. 2023, Eq 1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from .transfer import mean_input, rate

__all__ = ["PowerLaw", "fit_power_law", "fit_transfer"]

_MINIMUM_POINTS = 4
_LARGEST_LOGARITHM = 650.0  # beyond it exp and a power of a float overflow
# Starts of the fit: (distance of b below the top of the data in units of the firing range, exponent). Broad
# convex data end in the first, steep data in the others; all of them cost a few milliseconds.
_STARTS = ((1.0, 2.0), (1.3, 3.0), (2.0, 4.0), (4.0, 8.0))
# The inputs of the paper, -50:0.5:150 mV/s, for a neuron with Θ = 1 mV and V_R = 0 mV.
_PAPER_INPUTS = np.arange(-100, 301) * 0.5


@dataclass(frozen=True)
class PowerLaw:
    """The power law ν = a ((μ - b)_+)ⁿ.

    Attributes
    ----------
    a : Hz/(mV/s)ⁿ, > 0.
    b : mV/s, the mean input below which the rate is zero.
    n : exponent, > 1.
    rate_range : (lowest, highest) rate in Hz on which the law was fitted; outside, it extrapolates.
    rmse : root mean square error of the fit, Hz, or None for coefficients that were given.
    standard_errors : of (log a, b, n) if the misfit were independent noise, or None. The three are strongly
        correlated (a flat valley), so these are no measure of how well the curve is known.
    shunt : mV; a conductance g (1/s, relative to the capacitance) towards rest makes it ν = a ((μ - shunt g - b)_+)ⁿ.
        None where it was not fitted, for neurons without conductances. The methods are those at g = 0.

    Raises ValueError if a ≤ 0, n ≤ 1, a value is not finite, or rate_range is not increasing.
    """

    a: float
    b: float
    n: float
    rate_range: tuple[float, float] = (0.0, 10.0)
    rmse: float | None = None
    standard_errors: tuple[float, float, float] | None = None
    shunt: float | None = None

    def __post_init__(self):
        for name, meaning in (
            ("a", "a finite number above 0"),
            ("b", "finite"),
            ("n", "a finite number above 1"),
        ):
            value = getattr(self, name)
            number = float(value)
            smallest = {"a": 0.0, "b": -math.inf, "n": 1.0}[name]
            if not math.isfinite(number) or number <= smallest:
                raise ValueError(f"power law: {name}={value!r} is not possible; expected {meaning}")
            object.__setattr__(self, name, number)
        lowest, highest = map(float, self.rate_range)
        if not (math.isfinite(highest) and 0.0 <= lowest < highest):
            raise ValueError(
                f"power law: rate_range={self.rate_range!r}; expected 0 ≤ lowest < highest, in Hz"
            )
        object.__setattr__(self, "rate_range", (lowest, highest))

    def __call__(self, mu):
        """Rate in Hz at mean input ``mu`` (mV/s, float or array): Eq 1."""
        value = self.a * np.maximum(np.asarray(mu, float) - self.b, 0.0) ** self.n
        return value if value.ndim else float(value)

    def derivative(self, mu):
        """dν/dμ = n a (μ - b)_+^{n-1} at mean input ``mu`` (mV/s, float or array), Hz/(mV/s)."""
        value = self.n * self.a * np.maximum(np.asarray(mu, float) - self.b, 0.0) ** (self.n - 1.0)
        return value if value.ndim else float(value)

    def inverse(self, rate):
        """Mean input μ = b + (ν/a)^{1/n}, mV/s, at ``rate`` (Hz, float or array, ≥ 0); b at rate 0.

        Raises ValueError for a negative or non-finite rate.
        """
        value = self.b + (_checked_rates(rate) / self.a) ** (1.0 / self.n)
        return value if value.ndim else float(value)

    def gain(self, rate):
        """dν/dμ = n a^{1/n} ν^{1-1/n} at ``rate`` (Hz, float or array, ≥ 0), Hz/(mV/s). Errors as `inverse`."""
        value = self.n * self.a ** (1.0 / self.n) * _checked_rates(rate) ** (1.0 - 1.0 / self.n)
        return value if value.ndim else float(value)


def fit_power_law(mu, rates, maximum_rate=10.0):
    """The unweighted least-squares power law through the points with rate < ``maximum_rate``.

    Parameters
    ----------
    mu : array of shape (m,), mean inputs, mV/s.
    rates : array of shape (m,), rates there, Hz, ≥ 0.
    maximum_rate : Hz; points at or above are left out (the paper takes 10).

    Returns
    -------
    PowerLaw with rate_range (0, maximum_rate), rmse over the points used, and standard errors.

    Raises
    ------
    ValueError : shapes differ, values are not finite or negative, fewer than 4 positive rates below
        maximum_rate, or the points have no supralinear power law (the fit runs to n → 1 or n → ∞).

    a, b and n lie in a flat valley: a can move twofold along the same curve. So log a is fitted, in terms of
    the curve's logarithm at a reference input inside the data, where it is nearly independent of n.
    """
    mu, rates = np.asarray(mu, float), np.asarray(rates, float)
    if mu.ndim != 1 or mu.shape != rates.shape:
        raise ValueError(f"mu and rates must be arrays of one shape (m,), got {mu.shape} and {rates.shape}")
    if not np.isfinite(mu).all():
        raise ValueError("mu contains values that are not finite; give finite mean inputs in mV/s")
    rates = _checked_rates(rates)
    if not (math.isfinite(maximum_rate) and maximum_rate > 0):
        raise ValueError(f"maximum_rate={maximum_rate!r}; expected a finite rate above 0, in Hz")
    used = rates < maximum_rate
    x, y = mu[used], rates[used]
    positive = np.unique(x[y > 0]).size
    if positive < _MINIMUM_POINTS:
        raise ValueError(
            f"only {positive} inputs have a rate above 0 and below {maximum_rate:g} Hz; a power law needs at "
            f"least {_MINIMUM_POINTS}: extend the range of mu or refine its grid"
        )
    # The curve is written as exp(level) ((x - b)/(top - b))ⁿ: its height at the largest input is nearly
    # independent of n, while log a itself is not. exp keeps top - b and n - 1 positive.
    top, height = float(x.max()), float(y.max())
    length = top - float(x[y > 0].min())
    distance, target = (top - x) / length, y / height

    def parts(parameters):
        level, log_reach, log_excess = parameters
        share = np.maximum(1.0 - distance * np.exp(-log_reach), 0.0)
        return np.exp(level), share, 1.0 + np.exp(log_excess), np.exp(-log_reach)

    def residuals(parameters):
        size, share, n, _ = parts(parameters)
        return size * share**n - target

    def jacobian(parameters):
        size, share, n, per_reach = parts(parameters)
        value = size * share**n
        logarithm = np.log(share, where=share > 0, out=np.zeros_like(share))
        by_reach = size * n * share ** (n - 1.0) * distance * per_reach
        return np.column_stack([value, by_reach, value * logarithm * (n - 1.0)])

    solutions = []
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for reach, n in _STARTS:
            start = [0.0, math.log(reach), math.log(n - 1.0)]
            solutions.append(
                least_squares(residuals, start, jacobian, method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14)
            )
        best = min(solutions, key=lambda solution: solution.cost)
        size, _, n, per_reach = (float(v) if np.ndim(v) == 0 else v for v in parts(best.x))
    if not (1.0 + 1e-4 < n < 100.0 and math.isfinite(best.cost)):
        raise ValueError(
            f"these points have no supralinear power law: the best exponent runs to {n:.4g}; "
            "a fit needs rates that rise from zero with growing slope"
        )
    span = length / per_reach  # top - b
    if abs(n * math.log(span)) > _LARGEST_LOGARITHM:
        raise ValueError(
            f"these points have no supralinear power law: with the best exponent, {n:.4g}, the factor a is too large "
            "or too small for a number; a fit needs rates that rise from zero with growing slope"
        )
    return PowerLaw(
        a=size * height / span**n,
        b=top - span,
        n=n,
        rate_range=(0.0, float(maximum_rate)),
        rmse=height * math.sqrt(2.0 * best.cost / y.size),
        standard_errors=_standard_errors(best, n, span),
    )


def fit_transfer(sigma, tau, threshold=1.0, reset=0.0, refractory=0.0, maximum_rate=10.0):
    """The power law that `fit_power_law` finds for the Ricciardi function at fixed σ and τ.

    Parameters
    ----------
    sigma (mV/√s), tau (s), threshold, reset (mV), refractory (s) : floats, as for `transfer.rate`.
    maximum_rate : Hz, the upper end of the fit.

    Returns
    -------
    PowerLaw

    Raises
    ------
    ValueError : an argument is out of range, maximum_rate cannot be reached, or no power law fits (σ = 0).

    The inputs are those of Ekelmans et al. (2023), -50:0.5:150 mV/s for Θ = 1 mV, V_R = 0. Φ does not change
    when Θ, V_R, σ and μ are scaled together, nor when c is added to Θ and V_R and c/τ to μ; so another
    neuron gets V_R/τ + (Θ - V_R) × these inputs and thereby exactly the fit of its normalised counterpart. Where
    that grid ends below maximum_rate or holds fewer than 10 rates in the upper 99.9 % of the fitted range (very
    short or long τ, little noise), 401 inputs are spread evenly from maximum_rate/1000 to maximum_rate instead.
    """
    parameters = {"tau": tau, "threshold": threshold, "reset": reset, "refractory": refractory}
    mu = reset / tau + (threshold - reset) * _PAPER_INPUTS if tau else _PAPER_INPUTS
    rates = rate(mu, sigma, **parameters)
    inside = (rates > maximum_rate / 1000) & (rates < maximum_rate)
    if rates[-1] < maximum_rate or inside.sum() < 10:
        ends = mean_input([maximum_rate / 1000, maximum_rate], sigma, **parameters)
        mu = np.linspace(ends[0], ends[1], 401)
        rates = rate(mu, sigma, **parameters)
    return fit_power_law(mu, rates, maximum_rate)


def _standard_errors(solution, n, span):
    """Standard errors of (log a, b, n) by propagation from the fitted (level, log(top - b), log(n - 1))."""
    freedom = solution.fun.size - 3
    normal = solution.jac.T @ solution.jac
    if freedom < 1 or np.linalg.cond(normal) > 1e15:
        return None
    covariance = np.linalg.inv(normal) * (2.0 * solution.cost / freedom)
    propagation = np.array([[1.0, -n, -(n - 1.0) * math.log(span)], [0.0, -span, 0.0], [0.0, 0.0, n - 1.0]])
    errors = np.sqrt(np.diag(propagation @ covariance @ propagation.T))
    return tuple(map(float, errors))


def _checked_rates(rates):
    values = np.asarray(rates, float)
    wrong = ~(np.isfinite(values) & (values >= 0.0))
    if wrong.any():
        raise ValueError(f"rates must be finite and ≥ 0, in Hz; got {float(values[wrong].flat[0])!r}")
    return values
