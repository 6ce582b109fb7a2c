"""Runs of networks with kick conductances: the network itself, and its self-decorrelated counterpart."""

from __future__ import annotations

import numpy as np

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .arguments import bins_of, generators, steps_of
from .conductance_noise import CORRELATION_TIME, correlation_times
from .conductance_step import Record, StepNumbers, neuron_stepper, noise_stepper
from .parameters import MarkovNetwork
from .run import MarkovRun, RepeatedRun

__all__ = [
    "simulate_conductance_network",
    "simulate_decorrelated_network",
    "step_numbers",
]


def simulate_conductance_network(
    network: MarkovNetwork,
    duration: float,
    seed: int,
    *,
    realisations: int = 1,
    dt: float = 1e-4,
    bin: float = 1e-3,
    compiled: bool = True,
) -> RepeatedRun:
    """The clocked network for ``duration`` (s), as many times as ``realisations``.

    ``dt`` (s) the step of the scheme of :mod:`.conductance_step`, ``bin`` (s) the width of the bins of the run.
    Potentials start evenly between reset and threshold, without pending kicks. Realisation i draws from PCG64 seeded by
    (``seed``, i), however many there are. ``compiled=False`` runs the same functions uncompiled, with the same result.

    Raises InvalidInputError for wrong arguments, steps not shorter than all decay times, and bins that are not whole
    numbers of steps. Source: Chang, Li, Wang, Tao, Xiao 2025 (the network), restored from the group's earlier work.
    """
    numbers, bins, per_bin = _prepared(network, duration, dt, bin, CORRELATION_TIME)
    advance, runs = neuron_stepper(compiled), []
    for generator in generators(seed, realisations):
        potential, refractory = _beginning(network, generator)
        record = _record(network, bins, per_bin)
        pending = np.zeros((len(network.names), len(potential)), np.int64)
        advance(pending, potential, refractory, numbers, record, generator)
        runs.append(_finished(network, record, bin, potential))
    return RepeatedRun.of(runs)


def simulate_decorrelated_network(
    network: MarkovNetwork,
    duration: float,
    seed: int,
    *,
    correlation_time: float | np.ndarray | None = CORRELATION_TIME,
    realisations: int = 1,
    dt: float = 1e-4,
    bin: float = 1e-3,
    compiled: bool = True,
) -> RepeatedRun:
    """The network under the self-decorrelation assumption alone: finitely many neurons, white noise for kicks.

    The mean and the variance of the pending kicks follow the spikes that the run itself has counted (so that the
    finite size is kept), and every neuron sees the drift they give and a white noise of its own, of variance per time
    drive + sum_y s² a² variance/tau² times ``correlation_time`` (a = 1 for excitation). ``correlation_time`` (s, one
    or (n, n) target by source): how long a kick conductance stays like itself, as the neuron sees it, both signs of the
    lag counted; 1 ms is implied by the published reduction, None is the true white limit 2 tau (see
    :mod:`.conductance_noise`). ``pending`` of the runs is the mean. The rest, errors included, as in
    :func:`simulate_conductance_network`.
    """
    numbers, bins, per_bin = _prepared(network, duration, dt, bin, correlation_time)
    advance, runs = noise_stepper(compiled), []
    for generator in generators(seed, realisations):
        potential, refractory = _beginning(network, generator)
        record = _record(network, bins, per_bin)
        mean, variance = np.zeros((2, *network.weights.shape))
        advance(mean, variance, potential, refractory, numbers, record, generator)
        runs.append(_finished(network, record, bin, potential))
    return RepeatedRun.of(runs)


def step_numbers(network: MarkovNetwork, dt: float, correlation_time: float | np.ndarray | None) -> StepNumbers:
    """What every step of ``dt`` (s) needs; raises InvalidInputError unless it is shorter than all decay times."""
    if not (np.isfinite(dt) and 0 < dt < network.decay_times.min()):
        raise InvalidInputError(
            f"dt must be positive and shorter than every decay time ({network.decay_times.min()} s), not {dt} s"
        )
    inhibitory = np.array(network.inhibitory)
    push = network.weights * dt / network.decay_times
    times = correlation_times(network, correlation_time)
    with np.errstate(divide="ignore"):
        ends = -np.expm1(-dt / network.refractory)
    return StepNumbers(
        first=np.concatenate([[0], np.cumsum(network.sizes)]).astype(np.int64),
        inhibitory=inhibitory,
        push=np.where(inhibitory, -push, push),
        spread=(network.weights / network.decay_times) ** 2 * times * dt,
        decayed=dt / network.decay_times,
        probabilities=np.array(network.probabilities),
        drive=network.drive * dt,
        ends=ends,
        leak=dt / network.leak_time,
        threshold=network.threshold,
        reset=network.reset,
        reversal=network.reversal,
    )


def _prepared(
    network: MarkovNetwork, duration: float, dt: float, bin: float, time: float | np.ndarray | None
) -> tuple[StepNumbers, int, int]:
    return step_numbers(network, dt, time), bins_of(duration, bin), steps_of(bin, dt)


def _beginning(network: MarkovNetwork, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Potentials (mV) and whether refractory, of all neurons."""
    neurons = int(network.sizes.sum())
    return generator.uniform(network.reset, network.threshold, neurons), np.zeros(neurons, np.bool_)


def _record(network: MarkovNetwork, bins: int, per_bin: int) -> Record:
    n = len(network.names)
    return Record(np.zeros((n, bins)), np.zeros((n, n, bins)), per_bin)


def _finished(network: MarkovNetwork, record: Record, bin: float, potential: np.ndarray) -> MarkovRun:
    if not np.all(np.isfinite(potential)):
        raise SsnbrianError("the run left the finite numbers; check weights, drive and the size of the step")
    rates = record.counts / (network.sizes[:, None] * bin)
    return MarkovRun(network.names, network.sizes, bin, rates, record.pending, False)
