"""Variation of the inter-spike intervals of the leaky integrate-and-fire neuron under white noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import dawsn, erf, erfcx

from . import transfer

_FARTHEST = 800.0
_HALVED = 1e-6
"""Relative change by the last halving of the step; what is left is about its square."""


def interval_variation(
    mu: ArrayLike,
    sigma: ArrayLike,
    tau: ArrayLike,
    threshold: ArrayLike = 1.0,
    reset: ArrayLike = 0.0,
    refractory: ArrayLike = 0.0,
) -> Any:
    """CV² of the inter-spike intervals, variance over squared mean; arguments as for `transfer.rate`, sigma > 0.

    CV² = 2π (Φτ)² ∫_{y_R}^{y_Θ} exp(x²) ∫_{-∞}^x exp(y²) (1 + erf y)² dy dx, y = (V - μτ)/(σ√τ) (Brunel 2000),
    with the order of integration exchanged, so that one integral over the Dawson function remains. Accurate to 1e-8
    (relative). Raises ValueError for arguments that `transfer.rate` refuses, sigma = 0, and y_Θ or y_R beyond ±800.
    """
    given = (mu, sigma, tau, threshold, reset, refractory)
    arrays = np.broadcast_arrays(*(np.asarray(one, dtype=float) for one in given))
    mu_, sigma_, tau_, threshold_, reset_, _ = arrays
    logarithm = transfer.log_rate(*arrays)
    if not np.all(sigma_ > 0):
        raise ValueError("sigma must be positive")
    high, low = ((one - mu_ * tau_) / (sigma_ * np.sqrt(tau_)) for one in (threshold_, reset_))
    if np.any(np.maximum(np.abs(high), np.abs(low)) > _FARTHEST):
        raise ValueError(
            f"sigma is too small: threshold or reset lie more than {_FARTHEST:g} σ√τ from the mean potential μτ"
        )
    scale = np.maximum(high, 0) ** 2
    scaled_rate = np.exp(logarithm + scale) * tau_

    def below_reset(y: np.ndarray) -> np.ndarray:
        return _inner(y, high, scale) - _inner(y, low, scale)

    def above_reset(y: np.ndarray) -> np.ndarray:
        return _inner(y, high, scale) - _inner(y, y, scale)

    left = -np.sqrt(np.minimum(low, 0) ** 2 + 45)
    integral = _double_exponential(below_reset, left, low) + _double_exponential(above_reset, low, high)
    result = 2 * np.pi * scaled_rate**2 * integral
    return float(result) if result.ndim == 0 else result


def _inner(y: np.ndarray, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """exp(y²) (1 + erf y)² exp(x²) D(x) exp(-2 scale), D the Dawson function, for y ≤ x; exp sees no large number."""
    # The cut at 700 only concerns the branch that is not taken.
    positive = np.maximum(y, 0)
    rising = (1 + erf(positive)) ** 2 * np.exp(np.minimum(positive**2 + x**2 - 2 * scale, 700.0))
    falling = erfcx(-np.minimum(y, 0)) ** 2 * np.exp(np.minimum(x**2 - y**2 - 2 * scale, 700.0))
    return np.where(y > 0, rising, falling) * dawsn(x)


def _double_exponential(function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Integral by the rule of Takahasi and Mori (1974), the step halved until nothing changes; its digits double."""

    def added(abscissae: np.ndarray) -> np.ndarray:
        total = np.zeros_like(low)
        for t in abscissae:
            node = np.tanh(np.pi / 2 * np.sinh(t))
            weight = np.pi / 2 * np.cosh(t) / np.cosh(np.pi / 2 * np.sinh(t)) ** 2
            total += weight * function((low + high) / 2 + node * (high - low) / 2)
        return total

    step = 0.16
    total = added(np.arange(-20, 21) * step)
    for _ in range(5):
        before, step = step * total, step / 2
        total += added(np.arange(-round(3.2 / step) + 1, 3.2 / step, 2) * step)
        if np.all(np.abs(step * total - before) <= _HALVED * np.abs(before)):
            break
    return step * total * (high - low) / 2
