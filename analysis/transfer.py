"""The Ricciardi transfer function of the leaky integrate-and-fire neuron, its derivatives and its inverse.

The neuron dV/dt = -V/τ + μ + σ ξ(t), which spikes at V = Θ, is reset to V_R and held there for t_ref, fires at

    Φ(μ, σ, τ) = 1 / (t_ref + τ √π ∫_{y_R}^{y_Θ} erfcx(-z) dz),     y = (V - μτ)/(σ√τ)

(Ekelmans et al. 2023, Eq 9; Ricciardi 1977; Siegert 1951). All functions take plain floats or arrays, which
broadcast, in mV, s and Hz: μ in mV/s, σ in mV/√s, τ and t_ref in s, Θ and V_R in mV.

Accuracy. Φ is within 1e-12 (relative) of its exact value for the given floats wherever it is a normal double,
provided every nonzero input has a magnitude between 1e-140 and 1e140; beyond, y is rounded and the error grows as
1e-15 (1 + y_Θ²). Where y is ill conditioned (Θ ≈ μτ, or y_Θ² large) it is formed in double-double arithmetic
(Dekker 1971). Φ underflows to 0 below 5e-324 (`log_rate` does not, down to y_Θ = 1e154) and overflows to inf
when Θ - V_R is so small that Φ exceeds 1.8e308. Derivatives are within 1e-11 under the same conditions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .erfcx_integral import FAR, SQRT_PI, scaled_integral, scaled_passage, two_product

__all__ = ["log_rate", "mean_input", "rate", "rate_and_derivatives", "rate_derivatives"]

# A chunk of doubles of this length and its temporaries stay in the second-level cache.
CHUNK = 4096

_MEANING = {
    "mu": "mean input in mV/s, any finite number",
    "rate": "firing rate in Hz, a finite number above 0",
    "sigma": "noise amplitude in mV/√s, a finite number, 0 or above",
    "tau": "membrane time constant in s, a finite number above 0, for example 0.02",
    "threshold": "threshold in mV, a finite number",
    "reset": "reset potential in mV, a finite number below the threshold",
    "refractory": "refractory period in s, a finite number, 0 or above",
}


def rate(
    mu: ArrayLike,
    sigma: ArrayLike,
    tau: ArrayLike,
    threshold: ArrayLike = 1.0,
    reset: ArrayLike = 0.0,
    refractory: ArrayLike = 0.0,
) -> Any:
    """Stationary firing rate Φ, Hz.

    Parameters
    ----------
    mu : float or array, mean input, mV/s.
    sigma : float or array, noise amplitude, mV/√s, ≥ 0. σ = 0 is the noiseless neuron:
        1/(t_ref + τ ln((μτ - V_R)/(μτ - Θ))) above threshold, 0 at and below it.
    tau : float or array, membrane time constant, s, > 0.
    threshold, reset : float or array, mV, reset < threshold.
    refractory : float or array, s, ≥ 0.

    Returns
    -------
    float, or array of the broadcast shape: Φ in Hz (Eq 9 of Ekelmans et al. 2023).

    Raises
    ------
    ValueError : an argument is NaN, infinite or outside its range. TypeError : it carries a unit.
    """
    return _evaluate(_rate, 1, mu, sigma, tau, threshold, reset, refractory)


def log_rate(
    mu: ArrayLike,
    sigma: ArrayLike,
    tau: ArrayLike,
    threshold: ArrayLike = 1.0,
    reset: ArrayLike = 0.0,
    refractory: ArrayLike = 0.0,
) -> Any:
    """Natural logarithm of Φ in Hz, usable where Φ itself underflows. Arguments and errors as for `rate`.

    -inf where Φ is exactly 0 (σ = 0 at or below threshold) or y_Θ exceeds 1e154.
    """
    return _evaluate(_log_rate, 1, mu, sigma, tau, threshold, reset, refractory)


def rate_derivatives(
    mu: ArrayLike,
    sigma: ArrayLike,
    tau: ArrayLike,
    threshold: ArrayLike = 1.0,
    reset: ArrayLike = 0.0,
    refractory: ArrayLike = 0.0,
) -> Any:
    """(∂Φ/∂μ, ∂Φ/∂σ), analytic. Arguments and errors as for `rate`.

    With f(z) = erfcx(-z): ∂Φ/∂μ = Φ² τ √π (√τ/σ) (f(y_Θ) - f(y_R)) and
    ∂Φ/∂σ = Φ² τ √π (y_Θ f(y_Θ) - y_R f(y_R))/σ; both are ≥ 0. Units Hz/(mV/s) and Hz/(mV/√s).
    At σ = 0 and μτ = Θ exactly both are infinite (the one-sided limit).
    """
    return _evaluate(_derivatives, 3, mu, sigma, tau, threshold, reset, refractory)[1:]


def rate_and_derivatives(
    mu: ArrayLike,
    sigma: ArrayLike,
    tau: ArrayLike,
    threshold: ArrayLike = 1.0,
    reset: ArrayLike = 0.0,
    refractory: ArrayLike = 0.0,
) -> Any:
    """(Φ, ∂Φ/∂μ, ∂Φ/∂σ) at little more than the cost of the derivatives. Arguments and errors as for `rate`."""
    return _evaluate(_derivatives, 3, mu, sigma, tau, threshold, reset, refractory)


def mean_input(
    rate: ArrayLike,
    sigma: ArrayLike,
    tau: ArrayLike,
    threshold: ArrayLike = 1.0,
    reset: ArrayLike = 0.0,
    refractory: ArrayLike = 0.0,
) -> Any:
    """The mean input μ, mV/s, at which Φ(μ, σ, τ) is ``rate``: the inverse of Φ in μ.

    Parameters
    ----------
    rate : float or array, Hz, 0 < rate, and rate < 1/refractory if refractory > 0.
    sigma, tau, threshold, reset, refractory : as for `rate`.

    Returns
    -------
    float, or array of the broadcast shape. The error is a few units in the last place of the largest of μ,
    Θ/τ and y σ/√τ; a float μ need not exist at which Φ equals ``rate`` closer than that.

    Raises
    ------
    ValueError : the rate cannot be reached, or an argument is outside its range. TypeError : it has a unit.
    """
    shape, arguments = _checked_arguments(
        rate=rate, sigma=sigma, tau=tau, threshold=threshold, reset=reset, refractory=refractory
    )
    with np.errstate(all="ignore"):
        return _apply_in_chunks(_invert, 1, shape, arguments)


def _evaluate(kernel, results, mu, sigma, tau, threshold, reset, refractory):
    shape, arguments = _checked_arguments(
        mu=mu, sigma=sigma, tau=tau, threshold=threshold, reset=reset, refractory=refractory
    )
    with np.errstate(all="ignore"):
        return _apply_in_chunks(kernel, results, shape, arguments)


def _rate(mu, sigma, tau, threshold, reset, refractory):
    exponent, low, passage, _, _ = scaled_passage(mu, sigma, tau, threshold, reset)
    # Half the exponent at a time: exp(-b²) alone may underflow where exp(-b²)/passage does not.
    half = np.exp(-0.5 * exponent) * (1.0 - 0.5 * low)
    return half * (half / (refractory * half * half + passage))


def _log_rate(mu, sigma, tau, threshold, reset, refractory):
    exponent, low, passage, _, _ = scaled_passage(mu, sigma, tau, threshold, reset)
    return -(np.log(refractory * np.exp(-exponent) + passage) + low) - exponent


def _derivatives(mu, sigma, tau, threshold, reset, refractory):
    exponent, low, passage, slope_mu, slope_sigma = scaled_passage(
        mu, sigma, tau, threshold, reset, slopes=True
    )
    half = np.exp(-0.5 * exponent) * (1.0 - 0.5 * low)
    whole = refractory * half * half + passage
    value = half * (half / whole)
    # A slope is infinite at σ = 0, μτ = Θ only, where value/whole = 0 would make it NaN.
    d_mu = np.where(slope_mu == np.inf, np.inf, half * ((half / whole) * (slope_mu / whole)))
    d_sigma = np.where(slope_sigma == np.inf, np.inf, half * ((half / whole) * (slope_sigma / whole)))
    return value, d_mu, d_sigma


def _invert(rate, sigma, tau, threshold, reset, refractory):
    """μ with Φ(μ) = rate, for checked floats or arrays of shape (m,); ValueError if a rate is out of reach."""
    single = not any(isinstance(x, np.ndarray) for x in (rate, sigma, tau, threshold, reset, refractory))
    arrays = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(x, float)) for x in (rate, sigma, tau, threshold, reset, refractory))
    )
    rate, sigma, tau, threshold, reset, refractory = arrays
    product, low = two_product(rate, refractory)
    free = (1.0 - product) - np.where(np.isfinite(low), low, 0.0)  # ν T, T the passage time
    if (free <= 0.0).any():
        i = int(np.argmax(free <= 0.0))
        limit = float(1.0 / refractory[i])
        raise ValueError(
            f"rate={float(rate[i])!r} Hz cannot be reached with refractory={float(refractory[i])!r} s; "
            f"expected a rate above 0 and below 1/refractory = {limit!r} Hz"
        )
    mu = _first_solution(free, rate, sigma, tau, threshold, reset)
    for _ in range(2):
        mu = _corrected(mu, free, rate, sigma, tau, threshold, reset)
    return mu[0] if single else mu


def _first_solution(free, rate, sigma, tau, threshold, reset):
    """μ up to the rounding of b."""
    scale = sigma * np.sqrt(tau)
    width = (threshold - reset) / scale
    log_target = np.log(free) - np.log(rate) - np.log(tau * SQRT_PI)
    # The noiseless neuron, which bounds b from the left and is exact far above threshold.
    excess = (threshold - reset) / np.expm1((free / tau) / rate)
    noiseless = excess > FAR * scale
    mu = (threshold + excess) / tau
    active = ~noiseless & (width < np.inf) & (scale > 0.0)
    if active.any():
        b = _bound(log_target[active], width[active])
        mu[active] = (threshold[active] - b * scale[active]) / tau[active]
    return mu


def _bound(log_target, width):
    """b with ln I(b, w) = ``log_target``; arrays of shape (m,)."""
    excess = log_target - np.log(np.minimum(width, 1.0))
    b = np.where(
        excess > 0.0,
        np.sqrt(np.maximum(excess, 0.0)),
        -width / np.expm1(SQRT_PI * np.exp(np.minimum(log_target, 1.0))),
    )
    active = np.arange(b.size)
    for _ in range(100):
        x = b[active]
        integral, slope, _ = scaled_integral(x, width[active], slopes=True)
        positive = np.maximum(x, 0.0)
        step = (positive * positive + np.log(integral) - log_target[active]) * integral / slope
        b[active] = x - step
        active = active[np.abs(step) > 1e-14 * np.maximum(np.abs(x), 1e-3)]
        if active.size == 0:
            break
    return b


def _corrected(mu, free, rate, sigma, tau, threshold, reset):
    """One Newton step in μ itself on ln T, with T evaluated for the exact float μ."""
    exponent, low, passage, slope, _ = scaled_passage(mu, sigma, tau, threshold, reset, slopes=True)
    # The logarithm of one ratio: a difference of logarithms near ±700 would lose three digits.
    half = np.exp(0.5 * exponent)
    error = np.log((passage * half) * (rate * half / free)) + low
    # Where rounding μ alone changes T beyond the reach of one linear step, the first solution is kept.
    usable = np.abs(error) < 0.1
    step = np.where(usable, error * passage / slope, 0.0)
    usable &= np.isfinite(step)
    return np.where(usable, mu + step, mu)


def _checked_arguments(**arguments):
    """The broadcast shape and the arguments as floats (0-dimensional ones) or float arrays.

    Raises ValueError naming the argument, the offending value, its index and what would be right; TypeError if
    an argument carries a physical unit, which would silently be dropped.
    """
    values = {name: _as_float(name, value) for name, value in arguments.items()}
    try:
        shape = np.broadcast_shapes(*(np.shape(value) for value in values.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items())
        raise ValueError(
            f"the arguments do not broadcast against each other; their shapes are {shapes}"
        ) from None
    for name, value in values.items():
        _refuse(
            name, value, ~np.isfinite(value) if isinstance(value, np.ndarray) else not math.isfinite(value)
        )
    for name in ("tau", "rate"):
        if name in values:
            _refuse(name, values[name], values[name] <= 0.0)
    for name in ("sigma", "refractory"):
        _refuse(name, values[name], values[name] < 0.0)
    threshold, reset = values["threshold"], values["reset"]
    wrong = reset >= threshold
    if np.any(wrong):
        index = () if not isinstance(wrong, np.ndarray) else tuple(int(i[0]) for i in np.nonzero(wrong))
        pair = [float(x[index]) for x in np.broadcast_arrays(reset, threshold)]
        raise ValueError(
            f"reset must be below threshold (mV), got reset={pair[0]!r} and threshold={pair[1]!r}{_where(index)}"
        )
    return shape, tuple(values.values())


def _apply_in_chunks(kernel, results, shape, arguments):
    """kernel(*arguments), which returns ``results`` values, on floats or on flat chunks of broadcast arrays."""
    if shape == ():
        values = kernel(*arguments)
        return float(values) if results == 1 else tuple(map(float, values))
    size = math.prod(shape)
    # The kernels expect their first argument to be an array; scalars among the others stay scalars (faster).
    flat = [
        np.broadcast_to(value, shape).reshape(-1) if i == 0 or isinstance(value, np.ndarray) else value
        for i, value in enumerate(arguments)
    ]
    output = np.empty((results, size))
    for start in range(0, size, CHUNK):
        part = slice(start, start + CHUNK)
        output[:, part] = kernel(*(x[part] if isinstance(x, np.ndarray) else x for x in flat))
    output = output.reshape(results, *shape)
    return output[0] if results == 1 else tuple(output)


def _as_float(name, value):
    if type(value) is float:
        return value
    if getattr(value, "dim", None) is not None and not getattr(value, "is_dimensionless", False):
        raise TypeError(f"{name} carries a unit; give a plain number instead: {_MEANING[name]}")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}={value!r} is no number or array of numbers; expected {_MEANING[name]}"
        ) from None
    return array if array.ndim else float(array)


def _refuse(name, value, wrong):
    if not isinstance(value, np.ndarray):
        if wrong:
            raise ValueError(f"{name}={value!r} is not possible; expected {_MEANING[name]}")
    elif wrong.any():
        index = tuple(int(i[0]) for i in np.nonzero(wrong))
        raise ValueError(
            f"{name}={float(value[index])!r}{_where(index)} is not possible; expected {_MEANING[name]}"
        )


def _where(index):
    return f" at index {index[0] if len(index) == 1 else index}" if index else ""
