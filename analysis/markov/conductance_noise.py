"""Mean and variance of the pending kicks of a neuron, and the white noise that stands for them.

Given when the populations spiked, the pending kicks H of different neurons are independent and equally distributed:
each spike of a source of rate F (spikes/s of all its neurons) leaves a kick with probability p and each kick is
delivered after Exp(tau), so that exactly

    d mean/dt = -mean/tau + p F,    d variance/dt = -2 variance/tau + mean/tau + p (1 - p) F.

The self-decorrelation assumption replaces the current s H/tau of each neuron by its mean and a white noise, independent
between neurons. The current has the variance s^2 variance/tau^2 and forgets itself over tau; a white noise of the same
effect has that variance times a *correlation time*, the area of the autocorrelation over all lags of both signs. A
neuron that integrates for much longer than tau between two spikes sees all of that area, 2 tau: the true white limit. A
neuron driven over the threshold within about 1 ms, as in a volley, sees less; the published reduction implies 1 ms.
"""

from __future__ import annotations

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .parameters import MarkovNetwork

__all__ = ["CORRELATION_TIME", "correlation_times", "inhibition_share", "stationary_pending"]

# s; implied by the published reduction.
CORRELATION_TIME = 1e-3


def correlation_times(network: MarkovNetwork, correlation_time: float | np.ndarray | None) -> np.ndarray:
    """(n, n) s, target by source; None is the true white limit, twice the decay time of each synapse.

    A number stands for all synapses. Raises InvalidInputError for a wrong shape and for what is negative or infinite.
    """
    if correlation_time is None:
        return 2.0 * network.decay_times
    shape = network.decay_times.shape
    given = np.asarray(correlation_time, float)
    if given.shape not in {(), shape} or not np.all(np.isfinite(given)) or np.any(given < 0):
        raise InvalidInputError(
            f"correlation_time must be a time in s that is not negative, {shape} of them, or None for twice the decay "
            f"times; not {correlation_time}"
        )
    return np.broadcast_to(given, shape).copy()


def inhibition_share(network: MarkovNetwork, potential: np.ndarray) -> np.ndarray:
    """(V - reversal)/(threshold - reversal): the part of its weight that an inhibitory kick has at ``potential`` mV."""
    return (potential - network.reversal) / (network.threshold - network.reversal)


def stationary_pending(network: MarkovNetwork, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (n, n), target by source, of the pending kicks at constant ``rates`` (n,) Hz.

    mean = tau p N r, variance = mean (2 - p)/2: zeros of the equations above.
    """
    mean = network.decay_times * network.probabilities * (network.sizes * np.asarray(rates, float))
    return mean, 0.5 * mean * (2.0 - network.probabilities)
