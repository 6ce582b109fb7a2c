"""The constants of one step of the population equations: whole numbers of steps, decays, kernels on the age bins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .parameters import EscapeNeuron, MesoscopicNetwork

# Ages are followed for this many membrane time constants, and never longer than this many s for adaptation alone.
_MEMBRANE_TIMES, _LONGEST = 5.0, 20.0
# Adaptation below this part of the escape width no longer tells ages apart.
_FORGOTTEN = 0.1


class StepConstants(NamedTuple):
    """What a step needs; n populations, K[x] age bins each, laid end to end from ``first_bin[x]``, youngest first.

    ``sizes``, ``tau`` (s), ``membrane_decay``, ``threshold``, ``reset``, ``width`` (mV), ``escape_rate`` (Hz),
    ``refractory`` (steps) (n,); ``weights`` (mV), ``lag`` (steps), ``synapse_decay``, ``synapse_carry`` (s) (n, n);
    ``own_threshold``, ``later_threshold`` (mV) per age bin; ``slow_decay``, ``slow_threshold`` (mV s) per
    exponential of the adaptation, population x from ``first_slow[x]``.
    """

    dt: float
    sizes: np.ndarray
    tau: np.ndarray
    membrane_decay: np.ndarray
    threshold: np.ndarray
    reset: np.ndarray
    width: np.ndarray
    escape_rate: np.ndarray
    refractory: np.ndarray
    weights: np.ndarray
    lag: np.ndarray
    synapse_decay: np.ndarray
    synapse_carry: np.ndarray
    first_bin: np.ndarray
    own_threshold: np.ndarray
    later_threshold: np.ndarray
    first_slow: np.ndarray
    slow_decay: np.ndarray
    slow_threshold: np.ndarray


def steps_of(time: float | np.ndarray, dt: float) -> np.ndarray:
    """The nearest whole number of steps of ``dt`` (s) to ``time`` (s)."""
    return np.rint(np.asarray(time) / dt).astype(np.int64)


def lags_of(network: MesoscopicNetwork, dt: float) -> np.ndarray:
    """(n, n) steps after which a count acts; a delay below one step acts in the next one."""
    return np.maximum(steps_of(network.delays, dt), 1)


def history_steps(neuron: EscapeNeuron, dt: float, longest_lag: int) -> int:
    """Number of age bins.

    At least 5 membrane time constants after the refractory period, beyond the longest delay of its spikes, and until
    adaptation stays below a tenth of the escape width (at most 20 s); or what ``neuron.history`` says. Raises
    InvalidInputError for a given history that does not reach beyond the refractory period and the delay in steps.
    """
    refractory = int(steps_of(neuron.refractory, dt))
    shortest = max(refractory, longest_lag) + 1
    if neuron.history is not None:
        given = int(steps_of(neuron.history, dt))
        if given < shortest:
            raise InvalidInputError(
                f"history of {neuron.history} s is {given} steps of {dt} s; the refractory period and the delays need "
                f"at least {shortest}"
            )
        return given
    settled = int(np.ceil(_MEMBRANE_TIMES * neuron.tau / dt - 1e-9)) + refractory
    kernel = neuron.threshold_kernel(dt * np.arange(int(_LONGEST / dt) + 1)) if neuron.adaptation_times else np.zeros(1)
    felt = np.flatnonzero(np.abs(kernel) >= _FORGOTTEN * neuron.escape_width)
    forgotten = min(int(felt[-1]) + 1, int(_LONGEST / dt)) if felt.size else 0
    return max(shortest, settled, forgotten)


def step_constants(network: MesoscopicNetwork, dt: float, bins: np.ndarray | None = None) -> StepConstants:
    """The constants of a step of ``dt`` (s); ``bins`` (n,) keeps the age bins of a run under way.

    Raises InvalidInputError where ``dt`` is not positive and where the refractory periods and delays do not fit into
    ``bins``.
    """
    if not (np.isfinite(dt) and dt > 0):
        raise InvalidInputError(f"dt must be positive and finite, not {dt}")
    neurons, lag = network.neurons, lags_of(network, dt)
    refractory = steps_of(np.array([one.refractory for one in neurons]), dt)
    if bins is None:
        each = zip(neurons, lag.max(axis=0), strict=True)
        bins = np.array([history_steps(one, dt, int(longest)) for one, longest in each])
    for name, kept, needed in zip(network.names, bins, np.maximum(refractory, lag.max(axis=0)) + 1, strict=True):
        if kept < needed:
            raise InvalidInputError(
                f"population {name!r}: the state keeps {kept} steps; refractory period and delays need {needed}: "
                "start a new run, or one with a longer history"
            )
    ages = [dt * np.arange(count) for count in bins]
    slow = [np.array(one.adaptation_times) for one in neurons]
    decays = [np.exp(-dt / times) for times in slow]
    older = [
        np.array(one.adaptation_amplitudes) * np.exp(-count * dt / times)
        for one, count, times in zip(neurons, bins, slow, strict=True)
    ]
    tau = np.array([one.tau for one in neurons])
    decay, carry = _synapse(network.tau_synapse, tau[:, None], dt)
    return StepConstants(
        dt=float(dt),
        sizes=network.sizes.copy(),
        tau=tau,
        membrane_decay=np.exp(-dt / tau),
        threshold=np.array([float(one.threshold) for one in neurons]),
        reset=np.array([float(one.reset) for one in neurons]),
        width=np.array([float(one.escape_width) for one in neurons]),
        escape_rate=np.array([float(one.escape_rate) for one in neurons]),
        refractory=refractory,
        weights=network.weights.copy(),
        lag=lag,
        synapse_decay=decay,
        synapse_carry=carry,
        first_bin=np.concatenate([[0], np.cumsum(bins)]).astype(np.int64),
        own_threshold=np.concatenate([one.threshold_kernel(at) for one, at in zip(neurons, ages, strict=True)]),
        later_threshold=np.concatenate([one.renewal_kernel(at) for one, at in zip(neurons, ages, strict=True)]),
        first_slow=np.concatenate([[0], np.cumsum([len(one) for one in slow])]).astype(np.int64),
        slow_decay=np.concatenate(decays),
        slow_threshold=np.concatenate(older),
    )


def _synapse(tau_synapse: np.ndarray, tau: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Decay over a step, and the mean over the step, as the membrane weighs it, of an exponential current, in s.

    With x = dt (1/tau - 1/tau_s) a current that starts at 1 moves the membrane by dt e^(-dt/tau) expm1(x)/x, which is
    continuous at tau_s = tau; divided by 1 - e^(-dt/tau) it is the constant input of the same effect times tau.
    """
    instant = tau_synapse == 0
    safe = np.where(instant, 1.0, tau_synapse)
    decay = np.where(instant, 0.0, np.exp(-dt / safe))
    exponent = dt * (1 / tau - 1 / safe)
    # For a short synapse e^(-dt/tau) expm1(x)/x is (e^(-dt/tau_s) - e^(-dt/tau))/x with x far below 0.
    ratio = np.where(exponent == 0, 1.0, np.expm1(exponent) / np.where(exponent == 0, 1.0, exponent))
    moved = dt * np.exp(-dt / tau) * ratio
    return decay, np.where(instant, 0.0, moved / -np.expm1(-dt / tau))
