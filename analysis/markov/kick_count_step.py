"""Steps of the numbers of neurons at each potential, written for compilation and run as plain Python alike.

Kicks of one kind reach each neuron of a population in a step independently and Poisson distributed in number. The
neurons that get at least k of them move together in wave k: of the neurons at one potential that have got k, a
binomial number gets no more, and of the others a binomial number takes the longer of the two rounded jumps. Drawn one
after the other these binomials are the multinomial distribution over potentials, in time that depends on the number of
occupied potentials instead of neurons.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..compilation import compiled_last

__all__ = ["CountConstants", "Counts", "counter"]

# Where this little of the Poisson distribution is left, rounding would decide about it.
_CERTAIN = 1e-13


class CountConstants(NamedTuple):
    """n populations, K potentials, steps of ``dt`` s; jump 0 of a population is the external one, 1 + y from source y.

    ``nearer``, ``further``, ``share`` (n, 1 + n, K + 1) as in Jump, the refractory neurons last: no kick moves them;
    ``drive`` (n,) external kicks in a step; ``leaving`` (n,) probability that a refractory neuron is free after a step;
    ``start`` place of the reset; ``delivered`` (n, n) probability that a pending kick is delivered in a step;
    ``probabilities`` (n, n) and ``sizes`` (n,) whole numbers.
    """

    nearer: np.ndarray
    further: np.ndarray
    share: np.ndarray
    drive: np.ndarray
    leaving: np.ndarray
    start: int
    delivered: np.ndarray
    probabilities: np.ndarray
    sizes: np.ndarray


class Counts(NamedTuple):
    """Whole numbers: ``neurons`` (n, K + 1), the refractory ones last; ``pending`` (n, n) kicks of all neurons."""

    neurons: np.ndarray
    pending: np.ndarray


def deliver(
    neurons: np.ndarray, waves: np.ndarray, mean: float, nearer: np.ndarray, further: np.ndarray, share: np.ndarray,
    generator: Any
) -> tuple[int, int]:
    """Kicks, ``mean`` in number for each of ``neurons`` (K + 1,), move them; returns the numbers of spikes and kicks.

    ``waves`` (2, K + 1) zeros. Kicks to refractory neurons and to those that just spiked are lost, but counted.
    """
    refractory, spikes, kicks, group = len(share) - 1, 0, 0, 0
    probability = math.exp(-mean)
    tail, number = 1.0, 0
    for v in range(len(share)):
        waves[0, v] = neurons[v]
        neurons[v] = 0
    moving = True
    while moving:
        settling = min(probability / tail, 1.0) if tail > _CERTAIN else 1.0
        moving = False
        for v in range(len(share)):
            count = waves[group, v]
            if count == 0:
                continue
            waves[group, v] = 0
            done = generator.binomial(count, settling)
            neurons[v] += done
            rest = count - done
            if rest == 0:
                continue
            moving = True
            kicks += rest
            long = generator.binomial(rest, share[v])
            waves[1 - group, nearer[v]] += rest - long
            waves[1 - group, further[v]] += long
            if v < refractory:
                if nearer[v] == refractory:
                    spikes += rest - long
                if further[v] == refractory:
                    spikes += long
        tail -= probability
        number += 1
        probability *= mean / number
        group = 1 - group
    return spikes, kicks


def advance(steps: int, c: CountConstants, s: Counts, spikes: np.ndarray, generator: Any) -> None:
    """``steps`` steps; the spikes are added to ``spikes`` (n,)."""
    n, refractory = s.neurons.shape[0], s.neurons.shape[1] - 1
    waves, new = np.zeros((2, refractory + 1), np.int64), np.zeros(n, np.int64)
    arrived = np.zeros((n, n), np.int64)
    for step in range(steps):
        for x in range(n):
            neurons = s.neurons[x]
            freed = generator.binomial(neurons[refractory], c.leaving[x])
            neurons[refractory] -= freed
            neurons[c.start] += freed
            new[x] = 0
            for turn in range(n + 1):
                kind = turn if step % 2 == 0 else n - turn
                mean = c.drive[x]
                if kind > 0:
                    # Arrivals of this step, as many as in the last, are pending for half of it.
                    present = s.pending[x, kind - 1] + 0.5 * arrived[x, kind - 1]
                    mean = present * c.delivered[x, kind - 1] / c.sizes[x]
                if mean > 0.0:
                    fired, kicks = deliver(
                        neurons, waves, mean, c.nearer[x, kind], c.further[x, kind], c.share[x, kind], generator
                    )
                    new[x] += fired
                    if kind > 0:
                        s.pending[x, kind - 1] = max(s.pending[x, kind - 1] - kicks, 0)
            spikes[x] += new[x]
        for x in range(n):
            for y in range(n):
                arrived[x, y] = generator.binomial(c.sizes[x] * new[y], c.probabilities[x, y])
                s.pending[x, y] += arrived[x, y]


@cache
def _compiled() -> Callable[..., None] | None:
    """:func:`advance` compiled, or None where numba is not installed, which is then said once."""
    return compiled_last((deliver, advance), "counts are drawn in plain Python, some 50 times slower")


def counter(compiled: bool = True) -> Callable[..., None]:
    """:func:`advance`, compiled if asked for and possible; both forms give the same numbers to the last bit."""
    return (_compiled() if compiled else None) or advance
