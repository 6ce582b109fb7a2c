"""All self-consistent states of coupled populations of integrate-and-fire neurons in a box of rates, with proof.

A state solves ν_X = Φ(μ_X, σ_X, τ_X) for every population X (Ekelmans et al. 2023, Eqs 9, 12 and 14), with

    μ_X = Σ_Y s_Y J_XY e_XY ν_Y + μ_ext,X,      σ_X² = σ_ext,X² + Σ_Y (j J)_XY e_XY² ν_Y,

where e_XY(ν_Y) is the efficacy of plastic synapses and 1 for all others.

They are found by `box_search` with the bounds of `ricciardi_map`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .box_search import fixed_points
from .projection_efficacies import NOT_CONSTANT, ProjectionEfficacies
from .reduction import NotApplicableError
from .ricciardi_map import RicciardiMap
from .transfer import mean_input, rate, rate_derivatives

__all__ = ["Coupling", "find_states", "jacobian", "linearisation"]

_INPUT_PAD = 1e-14  # relative to the sum of magnitudes; rounding of μ, σ² and b


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
    efficacies : of the plastic projections, whose ``weights`` and ``variances`` are those that the efficacy and its
        square multiply; None without any. That the variance carries e² is an approximation: it leaves out how the
        factor of a spike varies about its mean, and that successive factors are correlated.

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
    efficacies: ProjectionEfficacies | None = None

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
        if self.efficacies is None:
            mu = rates @ self.signed_weights.T + mu_ext
            return mu, np.sqrt(self.sigma**2 + rates @ self.variances.T)
        mu = np.sum(self.signed_weights * self.efficacies.sent(rates), axis=-1) + mu_ext
        return mu, np.sqrt(self.sigma**2 + np.sum(self.variances * self.efficacies.sent(rates, 2), axis=-1))

    @property
    def constant_weights(self):
        """:attr:`signed_weights`; NotApplicableError where some weights depend on the rates."""
        if self.efficacies is not None:
            raise NotApplicableError(NOT_CONSTANT)
        return self.signed_weights

    def with_inputs(self, inputs, rates):
        """With the noise of the `PoissonInputs` ``inputs`` at their ``rates`` (Hz) as external noise."""
        return replace(self, sigma=np.sqrt(self.sigma**2 + inputs.variance(rates)))

    def time_constants(self, rates):
        """Time constants of the membranes in s, (n,): they do not depend on the ``rates``."""
        return self.tau

    def rates_of(self, rates, mu_ext):
        """Φ at the inputs that ``rates`` (..., n) bring, Hz."""
        return rate(*self.inputs(np.asarray(rates, float), mu_ext), *self.neuron)

    def gains(self, rates, mu_ext):
        """∂Φ/∂μ at ``rates`` (..., n), Hz/(mV/s)."""
        return _gains(self, np.asarray(rates, float), mu_ext)[0]

    def jacobian(self, rates, mu_ext):
        """See the function `jacobian`."""
        return jacobian(self, rates, mu_ext)

    def linearisation(self, rates, mu_ext):
        """See the function `linearisation`."""
        return linearisation(self, rates, mu_ext)

    def required(self, rates):
        """mu_ext (..., n), mV/s, that makes ``rates`` (..., n), Hz, > 0, a steady state."""
        rates = np.asarray(rates, float)
        mean, sigma = self.inputs(rates, 0.0)
        return mean_input(rates, sigma, *self.neuron) - mean

    def find_states(self, mu_ext, maximum_rate):
        """See the function `find_states`."""
        return find_states(self, mu_ext, maximum_rate)

    @property
    def signed_weights(self):
        """s_Y J_XY, (n, n), mV; of a plastic projection what its efficacy multiplies."""
        return self.weights * self.signs

    def input_slopes(self, rates):
        """Slopes of the mean input (mV) and of its variance (mV²) in the rates, (n, n) or (..., n, n)."""
        if self.efficacies is None:
            return self.signed_weights, self.variances
        mean, variance = (self.efficacies.slopes(rates, power) for power in (1, 2))
        return self.signed_weights * mean, self.variances * variance

    def input_bounds(self, mu_ext, low, high):
        """Lower and upper bounds of mean and noise over boxes (m, n) of rates: two pairs of (m, n).

        Infinite where the efficacies have no bounds that are known.
        """
        if self.efficacies is None:
            positive, negative = np.maximum(self.signed_weights, 0.0), np.minimum(self.signed_weights, 0.0)
            size = high @ self.weights.T
            mu = low @ positive.T + high @ negative.T, high @ positive.T + low @ negative.T
            variance = low @ self.variances.T, high @ self.variances.T
        else:
            least, most = self.efficacies.sent_bounds(low, high)
            least = np.maximum(least, 0.0)  # efficacies are never negative
            size = (self.weights * most).sum(-1)
            ends = self.signed_weights * least, self.signed_weights * most
            mu = np.minimum(*ends).sum(-1), np.maximum(*ends).sum(-1)
            least, most = self.efficacies.sent_bounds(low, high, 2)
            variance = (self.variances * np.maximum(least, 0.0)).sum(-1), (self.variances * most).sum(-1)
        pad = _INPUT_PAD * (size + np.abs(mu_ext))
        sigma = (
            np.sqrt(self.sigma**2 + one) * (1.0 + sign * _INPUT_PAD)
            for one, sign in zip(variance, (-1.0, 1.0), strict=True)
        )
        return (mu[0] + mu_ext - pad, mu[1] + mu_ext + pad), tuple(sigma)

    def input_slope_bounds(self, low, high):
        """Bounds of :meth:`input_slopes` over boxes (m, n): two pairs of (n, n) or (m, n, n)."""
        signed = self.signed_weights
        if self.efficacies is None:
            return (signed, signed), (self.variances, self.variances)
        least, most = self.efficacies.slope_bounds(low, high)
        ends = signed * least, signed * most
        variance = tuple(self.variances * one for one in self.efficacies.slope_bounds(low, high, 2))
        return (np.minimum(*ends), np.maximum(*ends)), variance


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
    rates = np.asarray(rates, float)
    mean, variance = coupling.input_slopes(rates)
    by_mean, by_variance = _gains(coupling, rates, mu_ext)
    return by_mean[..., None] * mean + by_variance[..., None] * variance


def _gains(coupling, rates, mu_ext):
    """∂Φ/∂μ and ∂Φ/∂σ², each (..., n), at rates (..., n)."""
    mu, sigma = coupling.inputs(rates, np.asarray(mu_ext, float))
    # ∂Φ/∂σ ∝ σ as σ → 0, so the quotient at the smallest σ is its limit.
    sigma = np.maximum(sigma, 1e-100)
    by_mean, by_sigma = rate_derivatives(mu, sigma, *coupling.neuron)
    return by_mean, by_sigma / (2.0 * sigma)


def linearisation(coupling, rates, mu_ext):
    """Jacobian in 1/s, at a steady state of rates (n,), of τ dν/dt = -ν + Φ and the means of the plastic synapses.

    Unknowns: the n rates, then the variables of every plastic projection, which the mean and the variance of the
    input follow without delay.
    """
    rates = np.asarray(rates, float)
    if coupling.efficacies is None:
        return (jacobian(coupling, rates, mu_ext) - np.eye(len(rates))) / coupling.tau[:, None]
    factors = coupling.efficacies.factors(rates)
    by_mean, by_variance = (one[:, None] for one in _gains(coupling, rates, mu_ext))
    direct = by_mean * coupling.signed_weights * factors + by_variance * coupling.variances * factors**2
    by_factor = (by_mean * coupling.signed_weights + 2.0 * by_variance * coupling.variances * factors) * rates
    return coupling.efficacies.linearisation(rates, direct, by_factor, coupling.tau)


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
