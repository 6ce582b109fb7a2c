"""Bounds of the rates of coupled integrate-and-fire populations, and of their slopes, over boxes of rates.

`box_search` needs them for Φ of Ekelmans et al. 2023 (Eqs 9 and 14). Write
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
from typing import TYPE_CHECKING

import numpy as np

from .box_search import UNDERFLOW
from .erfcx_integral import scaled_integral
from .transfer import rate

if TYPE_CHECKING:
    from .self_consistent_solver import Coupling

__all__ = ["RicciardiMap"]

_RATE_PAD = 2e-13  # relative; errors of Φ are below 1e-14
_SLOPE_PAD = 1e-10


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
        return self.coupling.jacobian(point, self.mu_ext)


def _rate_bounds(coupling, mu_ext, low, high):
    """Bounds of Φ, μ and σ over boxes: three pairs of arrays of shape (m, n)."""
    mu, sigma = coupling.input_bounds(mu_ext, low, high)
    lower, upper = (_rate_or_nan(coupling, *one) for one in zip(mu, sigma, strict=True))
    lower = np.nan_to_num(lower * (1.0 - _RATE_PAD), nan=0.0)
    upper = upper * (1.0 + _RATE_PAD) + np.where((upper < 1e-290) & (sigma[1] > 0.0), UNDERFLOW, 0.0)
    upper = np.nan_to_num(upper, nan=np.inf)
    return (np.where(lower < 1e-290, 0.0, lower), upper), mu, sigma


def _rate_or_nan(coupling, mu, sigma):
    """Φ, NaN where the input is not finite."""
    finite = np.isfinite(mu) & np.isfinite(sigma)
    if finite.all():
        return rate(mu, sigma, *coupling.neuron)
    found = rate(np.where(finite, mu, 0.0), np.where(finite, sigma, 1.0), *coupling.neuron)
    return np.where(finite, found, np.nan)


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
    mean, variance = coupling.input_slope_bounds(low, high)
    lower, upper = zip(_product(bounds[0], mean), _product(bounds[1], variance), strict=True)
    return sum(lower), sum(upper)


def _product(gains, slopes):
    """Bounds (m, n, n) of gains ≥ 0 between (m, n) times slopes of either sign between (m, n, n)."""
    least, most = (one[..., None] for one in gains)
    low, high = slopes
    return np.where(low >= 0.0, least, most) * low, np.where(high >= 0.0, most, least) * high
