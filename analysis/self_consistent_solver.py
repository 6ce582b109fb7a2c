"""All self-consistent states of coupled populations of integrate-and-fire neurons in a box of rates, with proof.

A state solves ν_X = Φ(μ_X, σ_X, τ_X) for every population X (Ekelmans et al. 2023, Eqs 9, 12 and 14), with

    μ_X = Σ_Y s_Y J_XY ν_Y + μ_ext,X,      σ_X² = σ_ext,X² + Σ_Y (j J)_XY ν_Y.

They are found by `box_search`, which needs bounds of Φ and of its slopes over boxes of rates. Write
b = (Θ - μτ)/(σ√τ), w = (Θ - V_R)/(σ√τ), f(z) = exp(z²)(1 + erf z), I = ∫_{b-w}^b f dz. What makes the bounds tight is
that all of the following are monotone, so that corners of a box bound them:

- Φ grows with μ (f > 0) and with σ: ∂Φ/∂σ ∝ b f(b) - (b-w) f(b-w), and z f(z) grows: its slope at z = -x is
  (1 + 2x²) erfcx(x) - 2x/√π > 0.
- ∂ ln I/∂b = (f(b) - f(b-w))/I is the mean of f'/f over [b-w, b] with weight f. f is a mixture of exponentials
  exp(2tz), t > 0, hence log-convex: f'/f grows with z, and a larger b at equal w moves weight to larger z. The mean
  grows with b and falls with w.
- (b f(b) - (b-w) f(b-w))/I is the mean of 1 + z f'/f with the same weight. For z > 0 it grows as f'/f does; at
  z = -x it is 1 - E[2s] with s of density ∝ exp(-2s - s²/x²), s > 0, and E[2s] grows with x. So again the mean grows
  with b and falls with w.

Floating-point errors are covered by relative pads larger than the errors of `transfer` (not by directed rounding).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .box_search import UNDERFLOW, fixed_points
from .erfcx_integral import scaled_integral
from .transfer import rate, rate_derivatives

__all__ = ["Coupling", "RicciardiMap", "find_states", "jacobian"]

_RATE_PAD = 2e-13  # relative; errors of Φ are below 1e-14
_INPUT_PAD = 1e-14  # relative to the sum of magnitudes; rounding of μ, σ² and b
_SLOPE_PAD = 1e-10


@dataclass(frozen=True, eq=False)
class Coupling:
    """Coupled populations, n of them; index [target, source].

    Attributes
    ----------
    populations : names, length n.
    signs : (n,) +1 for an excitatory source population, -1 for an inhibitory one.
    weights : (n, n) J ≥ 0, mV: change of μ_X in mV/s per Hz of Y, without sign (Eq 13).
    variances : (n, n) j J ≥ 0, mV²: change of σ_X² per Hz of Y (Eq 12).
    sigma : (n,) or float, external noise, mV/√s, ≥ 0.
    tau : (n,) or float, s. threshold, reset : (n,) or float, mV. refractory : (n,) or float, s.

    Raises ValueError on wrong shapes, signs or ranges.
    """

    populations: tuple[str, ...]
    signs: np.ndarray
    weights: np.ndarray
    variances: np.ndarray
    sigma: np.ndarray
    tau: np.ndarray
    threshold: np.ndarray = 1.0
    reset: np.ndarray = 0.0
    refractory: np.ndarray = 0.0

    def __post_init__(self):
        object.__setattr__(self, "populations", tuple(self.populations))
        n = len(self.populations)
        for name in ("signs", "weights", "variances", "sigma", "tau", "threshold", "reset", "refractory"):
            given = np.asarray(getattr(self, name), float)
            shape = (n, n) if name in ("weights", "variances") else (n,)
            if given.shape != shape and (given.ndim or name in ("signs", "weights", "variances")):
                raise ValueError(f"{name} has shape {given.shape}; expected {shape} for {n} populations")
            value = np.broadcast_to(given, shape).copy()
            if not np.isfinite(value).all():
                raise ValueError(f"{name} contains values that are not finite: {value.tolist()}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if not np.isin(self.signs, (-1.0, 1.0)).all():
            raise ValueError(f"signs must be +1 (excitatory) or -1 (inhibitory), got {self.signs.tolist()}")
        for name in ("weights", "variances"):
            if (getattr(self, name) < 0).any():
                raise ValueError(
                    f"{name} must be ≥ 0 (signs says who inhibits), got {getattr(self, name).tolist()}"
                )
        rate(0.0, self.sigma, self.tau, self.threshold, self.reset, self.refractory)  # checks the ranges

    @property
    def neuron(self):
        """The arguments of `transfer.rate` after μ and σ: (tau, threshold, reset, refractory), each (n,)."""
        return self.tau, self.threshold, self.reset, self.refractory

    def inputs(self, rates, mu_ext):
        """Mean input (mV/s) and noise amplitude (mV/√s), each of the shape (..., n) of ``rates`` (Hz)."""
        mu = rates @ (self.weights * self.signs).T + mu_ext
        return mu, np.sqrt(self.sigma**2 + rates @ self.variances.T)


def jacobian(coupling, rates, mu_ext):
    """∂Φ_X/∂ν_Y = s_Y J_XY ∂Φ/∂μ + (j J)_XY/(2σ_X) ∂Φ/∂σ at ``rates``.

    Parameters
    ----------
    coupling : Coupling of n populations.
    rates : (..., n), Hz. mu_ext : (n,) or (..., n), mV/s.

    Returns
    -------
    (..., n, n), dimensionless, index [target, source].
    """
    mu, sigma = coupling.inputs(np.asarray(rates, float), np.asarray(mu_ext, float))
    # ∂Φ/∂σ ∝ σ as σ → 0, so the quotient at the smallest σ is its limit.
    sigma = np.maximum(sigma, 1e-100)
    by_mu, by_sigma = rate_derivatives(mu, sigma, *coupling.neuron)
    signed = coupling.weights * coupling.signs
    return by_mu[..., None] * signed + (by_sigma / (2.0 * sigma))[..., None] * coupling.variances


def find_states(coupling, mu_ext, maximum_rate=100.0):
    """All states ν = Φ(ν) with every rate in [0, ``maximum_rate``].

    Parameters
    ----------
    coupling : Coupling of n populations; tested for n up to 4, the work grows with n.
    mu_ext : (n,) external mean input, mV/s.
    maximum_rate : Hz, > 0.

    Returns
    -------
    BoxRoots

    Raises
    ------
    ValueError : mu_ext has another shape or is not finite, or maximum_rate is not a finite positive number.
    """
    n = len(coupling.populations)
    mu_ext = np.asarray(mu_ext, float)
    if mu_ext.shape != (n,) or not np.isfinite(mu_ext).all():
        raise ValueError(
            f"mu_ext must be {n} finite numbers in mV/s, one per population, got {mu_ext.tolist()}"
        )
    if not (np.isfinite(maximum_rate) and maximum_rate > 0):
        raise ValueError(f"maximum_rate={maximum_rate!r}; expected a finite rate above 0, in Hz")
    return fixed_points(RicciardiMap(coupling, mu_ext), np.full(n, float(maximum_rate)))


@dataclass(frozen=True, eq=False)
class RicciardiMap:
    """Φ of Eq 14 at one external input ``mu_ext`` (n,), mV/s, as a `box_search.RateMap`."""

    coupling: Coupling
    mu_ext: np.ndarray
    resolution: float = 1e-290

    def rate_bounds(self, low, high):
        return _rate_bounds(self.coupling, self.mu_ext, low, high)[0]

    def slope_bounds(self, low, high):
        return _slope_bounds(self.coupling, self.mu_ext, low, high)

    def contract(self, low, high):
        return low, high

    def rates(self, point):
        return rate(*self.coupling.inputs(point, self.mu_ext), *self.coupling.neuron)

    def slopes(self, point):
        return jacobian(self.coupling, point, self.mu_ext)


def _rate_bounds(coupling, mu_ext, low, high):
    """Bounds of Φ, μ and σ over boxes: three pairs of arrays of shape (m, n)."""
    signed = coupling.weights * coupling.signs
    positive, negative = np.maximum(signed, 0.0).T, np.minimum(signed, 0.0).T
    pad = _INPUT_PAD * (high @ coupling.weights.T + np.abs(mu_ext))
    mu = low @ positive + high @ negative + mu_ext - pad, high @ positive + low @ negative + mu_ext + pad
    sigma = tuple(
        np.sqrt(coupling.sigma**2 + x @ coupling.variances.T) * (1.0 + sign * _INPUT_PAD)
        for x, sign in ((low, -1.0), (high, 1.0))
    )
    lower = rate(mu[0], sigma[0], *coupling.neuron) * (1.0 - _RATE_PAD)
    upper = rate(mu[1], sigma[1], *coupling.neuron)
    upper = upper * (1.0 + _RATE_PAD) + np.where((upper < 1e-290) & (sigma[1] > 0.0), UNDERFLOW, 0.0)
    return (np.where(lower < 1e-290, 0.0, lower), upper), mu, sigma


def _slope_bounds(coupling, mu_ext, low, high):
    """Bounds of ∂Φ_X/∂ν_Y over boxes, each (m, n, n); infinite where σ reaches 0."""
    phi, mu, sigma = _rate_bounds(coupling, mu_ext, low, high)
    tau, threshold, reset, refractory = coupling.neuron
    root = np.sqrt(tau)
    gap = threshold - mu[1] * tau, threshold - mu[0] * tau
    width = (threshold - reset) / (sigma[1] * root), (threshold - reset) / (sigma[0] * root)
    near = gap[0] / (np.where(gap[0] >= 0, sigma[1], sigma[0]) * root)
    far = gap[1] / (np.where(gap[1] >= 0, sigma[0], sigma[1]) * root)
    scale = np.abs(mu[0]) * tau + np.abs(mu[1]) * tau + np.abs(threshold)
    slack = 1e-14 * (scale / (sigma[0] * root) + np.abs(near) + np.abs(far))
    possible = np.isfinite(near) & np.isfinite(far) & np.isfinite(width[1]) & (far < 1e150) & (near > -1e150)
    safe = [np.where(possible, x, 1.0).ravel() for x in (near - slack, width[1], far + slack, width[0])]
    at_near = scaled_integral(safe[0], safe[1], slopes=True)
    at_far = scaled_integral(safe[2], safe[3], slopes=True)
    # ∂Φ/∂ν = Φ (1 - t_ref Φ) × logarithmic slope of the passage time.
    ends = [x * np.maximum(1.0 - refractory * x, 0.0) for x in phi]
    top = (refractory * phi[0] <= 0.5) & (refractory * phi[1] >= 0.5)
    factor = np.minimum(*ends), np.where(top, 0.25 / np.maximum(refractory, 1e-300), np.maximum(*ends))
    bounds = []
    for part, unit in ((1, root), (2, 1.0)):
        smallest = (at_near[part] / at_near[0]).reshape(near.shape) * unit * (1.0 - _SLOPE_PAD)
        largest = (at_far[part] / at_far[0]).reshape(near.shape) * unit * (1.0 + _SLOPE_PAD)
        power = 1 if part == 1 else 2  # ∂/∂μ carries 1/σ, ∂/∂σ times 1/(2σ) carries 1/(2σ²)
        bounds.append(
            (
                np.where(possible, factor[0] * np.maximum(smallest, 0.0) / (power * sigma[1] ** power), 0.0),
                np.where(possible, factor[1] * largest / (power * sigma[0] ** power), np.inf),
            )
        )
    (mu_low, mu_high), (noise_low, noise_high) = bounds
    positive = np.maximum(coupling.weights * coupling.signs, 0.0)
    negative = np.minimum(coupling.weights * coupling.signs, 0.0)
    variances = coupling.variances
    lower = mu_low[..., None] * positive + mu_high[..., None] * negative + noise_low[..., None] * variances
    upper = mu_high[..., None] * positive + mu_low[..., None] * negative + noise_high[..., None] * variances
    return lower, upper
