"""Mean, covariance and spectra of an LNP network to first order in 1/N; exact where f is linear.

Around h*: h' = B (h - h*) + J eta with B = -1/tau + J f'(h*), <eta eta> = diag(r/N), and A = r + f'(h - h*) + eta.
Of one population with f = f0 + f1 h this is Var h = (J^2 r/N)/(2 (1/tau - J f1)) and
S_A = (r/N)/|1 - f1 J tau/(1 + i omega tau)|^2 (a linear Hawkes process; Hawkes 1971).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_continuous_lyapunov

from ssnbrian.circuit import InvalidInputError

from .fixed_point_search import FixedPoint
from .network import LNPNetwork
from .transfer import LinearTransfer


@dataclass(frozen=True)
class Fluctuations:
    """Fluctuations around a fixed point.

    Attributes
    ----------
    potential, rates : mean h, mV, and rate, Hz, (n,). ``covariance`` : of h, mV^2, (n, n).
    exact : whether this holds for every N: f is linear and not rectified at any h that is reached.
    """

    network: LNPNetwork
    potential: np.ndarray
    rates: np.ndarray
    covariance: np.ndarray
    exact: bool

    def spectrum(self, frequencies: np.ndarray) -> np.ndarray:
        """Two-sided cross-spectra of the activities A_N, Hz, (f, n, n), at frequencies (f,) in Hz."""
        omega = 2 * np.pi * np.asarray(frequencies, float)
        tau = np.array(self.network.tau)
        response = np.array(self.network.weights) * (tau / (1 + 1j * omega[:, None] * tau))[:, :, None]
        loop = np.eye(len(tau)) - self.network.slopes(self.potential)[:, None] * response
        gain = np.linalg.inv(loop)
        noise = self.rates / np.array(self.network.sizes)
        return (gain * noise) @ gain.conj().transpose(0, 2, 1)


def fluctuations(network: LNPNetwork, at: FixedPoint | None = None) -> Fluctuations:
    """The fluctuations around a stable fixed point.

    ``at`` can be left out if all f are linear: then it is the fixed point of the functions without rectification.
    Raises InvalidInputError if it is not stable, or if f is rectified there.
    """
    h = _linear_mean(network) if at is None else np.array(at.potential)
    rates, weights = network.rates(h), np.array(network.weights)
    drift = network.jacobian(h)
    growth = float(np.linalg.eigvals(drift).real.max())
    if growth >= 0:
        raise InvalidInputError(f"no stationary fluctuations: the fixed point is unstable (growth {growth:g} 1/s)")
    noise = (weights * (rates / np.array(network.sizes))) @ weights.T
    covariance = solve_continuous_lyapunov(drift, -noise)
    linear = all(isinstance(one, LinearTransfer) and one.gain >= 0 for one in network.transfers)
    # Without inhibition h stays above mu, where f is not rectified if it is not at mu.
    reached = all(
        isinstance(one, LinearTransfer) and one.offset + one.gain * mu >= 0
        for one, mu in zip(network.transfers, network.mu, strict=True)
    )
    return Fluctuations(network, h, rates, covariance, bool(linear and reached and np.all(weights >= 0)))


def _linear_mean(network: LNPNetwork) -> np.ndarray:
    linear = [one for one in network.transfers if isinstance(one, LinearTransfer)]
    if len(linear) < len(network.transfers):
        raise InvalidInputError("the transfer functions are not all linear: say around which fixed point")
    offsets, gains = np.array([one.offset for one in linear]), np.array([one.gain for one in linear])
    scaled = np.array(network.weights) * np.array(network.tau)[:, None]
    try:
        h = np.linalg.solve(np.eye(len(linear)) - scaled * gains, np.array(network.mu) + scaled @ offsets)
    except np.linalg.LinAlgError:
        raise InvalidInputError("no stationary state: the gain of the loop, J tau f', is 1") from None
    if np.any(offsets + gains * h < 0):
        raise InvalidInputError("a rate is rectified at the fixed point of the linear functions; find the fixed points")
    return h
