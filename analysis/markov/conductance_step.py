"""Steps of the clocked networks with kick conductances, compiled where numba is installed and plain Python alike.

One step of length dt, for every neuron that is not refractory, with H its pending kicks (or their mean and variance):

    V += (J - V/tau_leak + sum_E s H/tau - sum_I s a(V) H/tau) dt + sqrt(J dt) xi,
    a(V) = (V - reversal)/(threshold - reversal);

V > threshold is a spike; V = reset and refractory until a step ends it, with probability 1 - exp(-dt/refractory). Then
H <- max(0, H - Poisson(H dt/tau) + Binomial(spikes of the source in the step, p)). Draws come from a numpy Generator,
which numba reproduces bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..compilation import compiled_last

__all__ = ["Record", "StepNumbers", "neuron_stepper", "noise_stepper"]


class StepNumbers(NamedTuple):
    """Per step of dt: neurons of population x are ``first[x]`` … ``first[x + 1]``.

    ``push`` (n, n) mV that one pending kick gives in a step, negative where it is inhibitory, at the threshold;
    ``spread`` (n, n) mV² of the noise per unit of variance of the pending kicks; ``decayed`` (n, n) dt/tau;
    ``drive`` (n,) mV, also its variance in mV²; ``leak`` dt/tau_leak; ``ends`` (n,) probability that a refractory
    period ends.
    """

    first: np.ndarray
    inhibitory: np.ndarray
    push: np.ndarray
    spread: np.ndarray
    decayed: np.ndarray
    probabilities: np.ndarray
    drive: np.ndarray
    ends: np.ndarray
    leak: float
    threshold: float
    reset: float
    reversal: float


class Record(NamedTuple):
    """``counts`` (n, T) spikes, ``pending`` (n, n, T) means at the ends of the bins; ``steps_per_bin``."""

    counts: np.ndarray
    pending: np.ndarray
    steps_per_bin: int


def free_after(x: int, neuron: int, refractory: np.ndarray, c: StepNumbers, generator: Any) -> bool:
    """Whether the neuron moves in this step; ends its refractory period for the next one."""
    if not refractory[neuron]:
        return True
    if generator.random() < c.ends[x]:
        refractory[neuron] = False
    return False


def fires(x: int, neuron: int, move: float, potential: np.ndarray, refractory: np.ndarray, c: StepNumbers) -> bool:
    """Moves the membrane by ``move`` (mV), and resets it if it spikes."""
    potential[neuron] += move
    if potential[neuron] <= c.threshold:
        return False
    potential[neuron] = c.reset
    refractory[neuron] = c.ends[x] < 1.0
    return True


def share(potential: float, c: StepNumbers) -> float:
    """(V - reversal)/(threshold - reversal)."""
    return (potential - c.reversal) / (c.threshold - c.reversal)


def step_neurons(
    x: int, pending: np.ndarray, potential: np.ndarray, refractory: np.ndarray, c: StepNumbers, generator: Any
) -> int:
    """Spikes of population x in a step with the pending kicks (n, neurons) of each neuron."""
    spikes = 0
    noise = math.sqrt(c.drive[x])
    for neuron in range(c.first[x], c.first[x + 1]):
        if not free_after(x, neuron, refractory, c, generator):
            continue
        v = potential[neuron]
        up, down = 0.0, 0.0
        for y in range(len(c.drive)):
            if c.inhibitory[y]:
                down += c.push[x, y] * pending[y, neuron]
            else:
                up += c.push[x, y] * pending[y, neuron]
        move = c.drive[x] - c.leak * v + up + down * share(v, c) + noise * generator.standard_normal()
        if fires(x, neuron, move, potential, refractory, c):
            spikes += 1
    return spikes


def deliver(x: int, spikes: np.ndarray, pending: np.ndarray, c: StepNumbers, generator: Any) -> None:
    """Kicks delivered and added in the step, drawn for each neuron of population x."""
    for y in range(len(c.drive)):
        arriving = c.probabilities[x, y] > 0.0 and spikes[y] > 0
        for neuron in range(c.first[x], c.first[x + 1]):
            kicks = pending[y, neuron]
            if kicks > 0:
                kicks -= generator.poisson(kicks * c.decayed[x, y])
            if arriving:
                kicks += generator.binomial(spikes[y], c.probabilities[x, y])
            pending[y, neuron] = max(kicks, 0)


def advance_neurons(
    pending: np.ndarray, potential: np.ndarray, refractory: np.ndarray, c: StepNumbers, r: Record, generator: Any
) -> None:
    """The network itself for as many bins as ``r`` has; ``pending`` (sources, all neurons) whole numbers."""
    n = len(c.drive)
    spikes = np.zeros(n, np.int64)
    for one in range(r.counts.shape[1]):
        for _ in range(r.steps_per_bin):
            for x in range(n):
                spikes[x] = step_neurons(x, pending, potential, refractory, c, generator)
            for x in range(n):
                r.counts[x, one] += spikes[x]
                deliver(x, spikes, pending, c, generator)
        for x in range(n):
            for y in range(n):
                r.pending[x, y, one] = pending[y, c.first[x] : c.first[x + 1]].mean()


def drift_and_spread(
    x: int, v: float, mean: np.ndarray, variance: np.ndarray, c: StepNumbers
) -> tuple[float, float]:
    """Mean (mV) and variance (mV²) of the move of the membrane at v in one step."""
    a = share(v, c)
    drift, spread = c.drive[x] - c.leak * v, c.drive[x]
    for y in range(len(c.drive)):
        felt = a if c.inhibitory[y] else 1.0
        drift += felt * c.push[x, y] * mean[x, y]
        spread += felt * felt * c.spread[x, y] * variance[x, y]
    return drift, spread


def step_moments(mean: np.ndarray, variance: np.ndarray, spikes: np.ndarray, c: StepNumbers) -> None:
    """Mean and variance (n, n) of the pending kicks after ``spikes`` (n,) in a step, exactly as the clocked H."""
    for x in range(len(c.drive)):
        for y in range(len(c.drive)):
            e, p = c.decayed[x, y], c.probabilities[x, y]
            variance[x, y] = (1.0 - e) ** 2 * variance[x, y] + e * mean[x, y] + p * (1.0 - p) * spikes[y]
            mean[x, y] = (1.0 - e) * mean[x, y] + p * spikes[y]


def advance_noise(
    mean: np.ndarray,
    variance: np.ndarray,
    potential: np.ndarray,
    refractory: np.ndarray,
    c: StepNumbers,
    r: Record,
    generator: Any,
) -> None:
    """Neurons with white noise of the drift and variance that the measured spikes give."""
    n = len(c.drive)
    spikes = np.zeros(n)
    for one in range(r.counts.shape[1]):
        for _ in range(r.steps_per_bin):
            for x in range(n):
                spikes[x] = 0.0
                for neuron in range(c.first[x], c.first[x + 1]):
                    if not free_after(x, neuron, refractory, c, generator):
                        continue
                    drift, spread = drift_and_spread(x, potential[neuron], mean, variance, c)
                    move = drift + math.sqrt(spread) * generator.standard_normal()
                    if fires(x, neuron, move, potential, refractory, c):
                        spikes[x] += 1.0
                r.counts[x, one] += spikes[x]
            step_moments(mean, variance, spikes, c)
        r.pending[:, :, one] = mean


_COMPILED = (free_after, fires, share, step_neurons, deliver, drift_and_spread, step_moments)


@cache
def _compiled(last: Callable[..., None]) -> Callable[..., None] | None:
    return compiled_last((*_COMPILED, last), "the conductance network runs as plain Python, about 30 times slower")


def neuron_stepper(compiled: bool = True) -> Callable[..., None]:
    """:func:`advance_neurons`, compiled if asked for and possible; both forms give the same numbers."""
    return (_compiled(advance_neurons) if compiled else None) or advance_neurons


def noise_stepper(compiled: bool = True) -> Callable[..., None]:
    """:func:`advance_noise`, compiled if asked for and possible; both forms give the same numbers."""
    return (_compiled(advance_noise) if compiled else None) or advance_noise
