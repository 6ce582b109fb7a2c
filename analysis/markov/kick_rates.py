"""The stationary states of a network of kicks as a map of its rates, with bounds over boxes of rates.

At a stationary state the kicks from Y reach a neuron of X at the rate h_XY = P_XY N_Y nu_Y, whatever the decay times,
so that nu_X = 1/(tau_R,X + T_X(h)), n scalar equations.

Bounds. Let two neurons share all their kicks and the random numbers of their roundings: the higher one stays the
higher (both kinds of jumps preserve the order), so that an excitatory kick more, or an inhibitory one less, never
delays a spike. T falls with the rates of excitatory kicks and grows with those of inhibitory ones, and so do all
t(v); the corners of a box bound them, and t falls with v. With g_k = K_k' t, d_k = dt/dh_k, o the occupation:

    D_k = dT/dh_k = o . g_k,  |d_k| <= t(reversal) sup |g_k|,  d²T/dh_k dh_l = o . (K_k' d_l + K_l' d_k),
    |d²T/dh_k dh_l| <= T (sup |d_k| + sup |d_l|),

the last as d_l has one sign, so that a kick changes it by no more than its largest value. D_k at the centre of a box
and this bound enclose D_k in the box.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .kick_passage import KickedNeuron, Passage
from .parameters import MarkovNetwork

__all__ = ["StationaryRates"]

_PAD = 1e-11  # relative; larger than the rounding errors of passage times


class StationaryRates:
    """nu -> 1/(tau_R + T(P N nu)) of n populations, a :class:`~ssnbrian.analysis.box_search.RateMap`.

    ``neurons`` (n) of the populations; ``arrivals`` (n, n) P_XY N_Y.
    """

    resolution = 1e-9

    def __init__(self, network: MarkovNetwork) -> None:
        self.network = network
        self.neurons = [KickedNeuron(network, target) for target in network.populations]
        self.arrivals = network.probabilities * network.sizes
        self._raises = ~np.array(network.inhibitory)

    def upper(self) -> np.ndarray:
        """(n,) Hz, no stationary rate is higher: 1/tau_R, and the rise of the potential that the kicks can pay for.

        Raises InvalidInputError for populations without refractory time that excite each other without bound.
        """
        network = self.network
        distance = network.threshold - network.reset
        gain = np.where(self._raises, self.arrivals * network.weights, 0.0) / distance
        limit = np.divide(1.0, network.refractory, out=np.full(len(gain), np.inf), where=network.refractory > 0)
        if np.max(np.abs(np.linalg.eigvals(gain))) < 1:
            limit = np.minimum(limit, np.linalg.solve(np.eye(len(gain)) - gain, network.drive / distance))
        if not np.all(np.isfinite(limit)):
            raise InvalidInputError("rates are not bounded: the populations need a refractory time above 0")
        return limit * (1 + 1e-9) + 1e-9

    def _corners(self, x: int, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rates of kicks to population x (m, n) Hz at which it spikes least and most in the boxes."""
        least = self.arrivals[x] * np.where(self._raises, low, high)
        return least, self.arrivals[x] * np.where(self._raises, high, low)

    def rate_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the rates over boxes (m, n), each (m, n), Hz."""
        bounds = np.empty((2, *low.shape))
        for x, neuron in enumerate(self.neurons):
            for bound, passage in zip(bounds, _passages(neuron, *self._corners(x, low, high)), strict=True):
                bound[:, x] = neuron.rates(passage)
        # A mean time beyond 1e300 s is returned as infinite.
        return bounds[0] * (1 - _PAD), bounds[1] * (1 + _PAD) + 1e-299

    def slope_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of d nu_X/d nu_Y over boxes (m, n), each (m, n, n)."""
        below, above = np.empty((2, *low.shape, low.shape[1]))
        for x in range(len(self.neurons)):
            below[:, x], above[:, x] = self._slope_bounds_of(x, low, high)
        return below, above

    def _slope_bounds_of(self, x: int, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        neuron, arrivals = self.neurons[x], self.arrivals[x]
        corners = self._corners(x, low, high)
        slow, fast, centre = _passages(neuron, *corners, arrivals * 0.5 * (low + high))
        with np.errstate(all="ignore"):
            jump = np.empty(low.shape)
            for source, raises in enumerate(self._raises):
                ends = neuron.after((fast if raises else slow).times, source)
                change = slow.times - ends if raises else ends - fast.times
                jump[:, source] = np.max(change, axis=1)
            steepest = slow.times[:, :1] * jump
            radius = arrivals * 0.5 * (high - low)
            doubt = slow.mean[:, None] * (steepest * radius.sum(axis=1)[:, None] + (steepest * radius).sum(1)[:, None])
            most = slow.mean[:, None] * jump
            size = np.abs(neuron.slopes(centre))
            smallest, largest = np.maximum(size - doubt, 0.0), np.minimum(size + doubt, most)
            low_rate, high_rate = neuron.rates(slow), neuron.rates(fast)
            smallest = arrivals * smallest * low_rate[:, None] ** 2 * (1 - 10 * _PAD)
            largest = arrivals * largest * high_rate[:, None] ** 2 * (1 + 10 * _PAD)
        unknown = ~(np.isfinite(smallest) & np.isfinite(largest))
        smallest, largest = np.where(unknown, 0.0, smallest), np.where(unknown, np.inf, largest)
        return np.where(self._raises, smallest, -largest), np.where(self._raises, largest, -smallest)

    def contract(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The boxes as they are."""
        return low, high

    def rates(self, point: np.ndarray) -> np.ndarray:
        """(n,) Hz of neurons in a network that spikes at ``point`` (n,) Hz."""
        kicks = self.arrivals * point
        passages = [one.passage(kicks[x : x + 1]) for x, one in enumerate(self.neurons)]
        return np.array([float(n.rates(p)[0]) for n, p in zip(self.neurons, passages, strict=True)])

    def slopes(self, point: np.ndarray) -> np.ndarray:
        """(n, n) derivatives of the rates; NaN where a neuron never spikes."""
        rows = []
        for x, neuron in enumerate(self.neurons):
            passage = neuron.passage(self.arrivals[x] * point[None])
            rows.append(-neuron.rates(passage)[0] ** 2 * neuron.slopes(passage)[0] * self.arrivals[x])
        return np.array(rows)


def _passages(neuron: KickedNeuron, *kicks: np.ndarray) -> list[Passage]:
    """Passage times at several tables of rates of kicks (m, n), computed together."""
    together = neuron.passage(np.concatenate(kicks))
    columns = [np.split(getattr(together, one.name), len(kicks)) for one in fields(Passage)]
    return [Passage(*parts) for parts in zip(*columns, strict=True)]
