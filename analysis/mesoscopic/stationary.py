"""Stationary firing of the macroscopic population equation, in continuous time and in steps.

At constant input ages renew with the survivor S, and the rate is F = 1/integral of S. With adaptation the threshold
depends on the rate itself (quasi-renewal), in a network the input does; both are solved for self-consistency.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq, root

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .discretisation import StepConstants, step_constants
from .parameters import EscapeNeuron, MesoscopicNetwork

# The survivor e^-H is negligible from here on, and potentials and thresholds have settled after so many time constants.
_DEAD, _SETTLED = 45.0, 45.0
_PRECISION = 1e-11
_LARGEST_EXPONENT = 600.0


def _hazard(neuron: EscapeNeuron, potential: np.ndarray | float, threshold: np.ndarray | float) -> np.ndarray:
    exponent = (np.asarray(potential) - threshold) / neuron.escape_width
    return neuron.escape_rate * np.exp(np.minimum(exponent, _LARGEST_EXPONENT))


def stationary_rate(neuron: EscapeNeuron, drive: float) -> float:
    """Rate (Hz) of an uncoupled infinite population at constant ``drive`` (mV/s), F = 1/integral of the survivor.

    By integration over age in continuous time; with adaptation F(A) = A is solved for the rate A. Raises
    InvalidInputError for a drive that is not finite, and SsnbrianError where adaptation lowers the threshold so much
    that no rate up to that of the plain neuron is stationary.
    """
    if not np.isfinite(drive):
        raise InvalidInputError(f"drive must be finite, not {drive}")
    if not neuron.adaptation_times:
        return 1.0 / _mean_interval(neuron, drive, 0.0)
    highest = 1.0 / _mean_interval(neuron, drive, 0.0)
    excess = [1.0 / _mean_interval(neuron, drive, rate) - rate for rate in (0.0, highest)]
    if excess[1] > 0:
        raise SsnbrianError("adaptation that lowers the threshold leaves no rate up to that of the plain neuron")
    return float(brentq(lambda rate: 1.0 / _mean_interval(neuron, drive, rate) - rate, 0.0, highest, rtol=1e-10))


def _mean_interval(neuron: EscapeNeuron, drive: float, activity: float) -> float:
    """s; ``activity`` (Hz) is what earlier spikes of the population raise the threshold by."""
    held = drive * neuron.tau
    slowest = max((neuron.tau, *neuron.adaptation_times))
    span = _SETTLED * slowest
    ahead = 0.0
    if activity:
        pieces = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 9)]) * span
        ends = neuron.refractory + pieces
        ahead = sum(quad(neuron.renewal_kernel, *piece, epsrel=_PRECISION)[0] for piece in pairwise(ends))

    def slopes(after: float, state: np.ndarray) -> list[float]:
        cumulative, _, later = state
        age = np.array(after + neuron.refractory)
        potential = held + (neuron.reset - held) * np.exp(-after / neuron.tau)
        threshold = neuron.threshold + float(neuron.threshold_kernel(age)) + activity * later
        kernel = float(neuron.renewal_kernel(age)) if activity else 0.0
        return [float(_hazard(neuron, potential, threshold)), np.exp(-cumulative), -kernel]

    def dead(after: float, state: np.ndarray) -> float:
        return state[0] - _DEAD

    dead.terminal = True  # type: ignore[attr-defined]
    run = solve_ivp(
        slopes, (0.0, span), [0.0, 0.0, ahead], method="LSODA", events=dead, rtol=_PRECISION, atol=1e-14,
        first_step=min(1e-6, 1e-3 * neuron.tau),
    )  # fmt: skip
    if not run.success:
        raise SsnbrianError(f"the survivor could not be integrated: {run.message}")
    cumulative, lived, _ = run.y[:, -1]
    if run.status == 1:
        return neuron.refractory + float(lived)
    settled = float(_hazard(neuron, held, neuron.threshold))
    # A hazard that underflows lets nobody fire.
    return neuron.refractory + float(lived) + float(np.exp(-cumulative)) / settled if settled > 0 else np.inf


class SurvivalInSteps(NamedTuple):
    """Ages 0 .. K-1 steps at constant input: ``survivor`` (K,), ``probability`` (K,) of a spike in the step,
    ``membrane`` (mV) and ``hazard`` (Hz) (K,) before the step, ``hazard_after`` (Hz) (K,) it; the pool's
    ``pool_probability``, ``pool_hazard`` (Hz); ``pool_time``, the expected number of steps spent in the pool
    per spike, and ``rate`` (Hz).
    """

    survivor: np.ndarray
    probability: np.ndarray
    membrane: np.ndarray
    hazard: np.ndarray
    hazard_after: np.ndarray
    pool_probability: float
    pool_hazard: float
    pool_time: float
    rate: float


def survival_in_steps(
    neuron: EscapeNeuron, held: float, constants: StepConstants, population: int, activity: float = 0.0
) -> SurvivalInSteps:
    """The renewal of ``neuron`` at the constant input ``held`` (mV) in exactly the steps of the simulation.

    ``activity`` (Hz) is the population's rate, of consequence with adaptation only.
    """
    dt, first, last = constants.dt, constants.first_bin[population], constants.first_bin[population + 1]
    refractory, ages = int(constants.refractory[population]), np.arange(last - first)
    later = constants.later_threshold[first:last]
    slow = constants.slow_threshold[constants.first_slow[population] : constants.first_slow[population + 1]]
    base = neuron.threshold + activity * slow.sum()
    threshold = base + constants.own_threshold[first:last]
    threshold += activity * dt * (np.cumsum(later[::-1])[::-1] - later)
    free = np.maximum(ages + 1 - refractory, 0)
    after = held + (neuron.reset - held) * np.exp(-free * dt / neuron.tau)
    born = _hazard(neuron, neuron.reset, neuron.threshold)
    hazard_after = np.where(free > 0, _hazard(neuron, after, threshold), born)
    membrane = np.concatenate([[neuron.reset], after[:-1]])
    hazard = np.concatenate([[born], hazard_after[:-1]])
    exponent = np.where(free > 0, 0.5 * dt * (hazard + hazard_after), 0.0)
    survivor = np.exp(-np.concatenate([[0.0], np.cumsum(exponent)]))
    pool_hazard = float(_hazard(neuron, held, base))
    pool_probability = float(-np.expm1(-dt * pool_hazard))
    # A pool that cannot escape holds everybody: the rate is then 0.
    left = float(survivor[-1])
    with np.errstate(divide="ignore", over="ignore"):
        pool_time = float(np.divide(left, pool_probability)) if left > 0 else 0.0
    rate = 1.0 / (dt * (survivor[:-1].sum() + pool_time))
    return SurvivalInSteps(
        survivor[:-1], -np.expm1(-exponent), membrane, hazard, hazard_after, pool_probability, pool_hazard, pool_time,
        rate,
    )  # fmt: skip


def held_inputs(constants: StepConstants, drive: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """(n,) mV: the constant input at drives (n,) in mV/s and rates (n,) in Hz."""
    return constants.tau * (drive + constants.weights @ (constants.sizes * rates))


def network_rates(network: MesoscopicNetwork, drive: np.ndarray, dt: float) -> np.ndarray:
    """(n,) Hz: a stationary state of the macroscopic network in steps of ``dt`` (s) at ``drive`` (n,) in mV/s.

    The state that the rates relax to from those of the uncoupled populations (dA/ds = F(A) - A); of several states
    it finds one, and says nothing about stability in the full dynamics. Raises InvalidInputError for a wrong shape and
    SsnbrianError where none is reached.
    """
    drive = np.asarray(drive, float)
    n = len(network.names)
    if drive.shape != (n,) or not np.all(np.isfinite(drive)):
        raise InvalidInputError(f"drive must be {n} finite numbers in mV/s, not {drive.tolist()}")
    return stationary_state(network, drive, step_constants(network, dt))[0]


def stationary_state(
    network: MesoscopicNetwork, drive: np.ndarray, constants: StepConstants
) -> tuple[np.ndarray, list[SurvivalInSteps]]:
    """The rates (n,) Hz of :func:`network_rates` and the survival of each population in it."""

    def survivals(rates: np.ndarray) -> list[SurvivalInSteps]:
        inputs = held_inputs(constants, drive, rates)
        each = enumerate(zip(network.neurons, inputs, rates, strict=True))
        return [survival_in_steps(neuron, held, constants, x, rate) for x, (neuron, held, rate) in each]

    def excess(rates: np.ndarray) -> np.ndarray:
        return np.array([one.rate for one in survivals(np.maximum(rates, 0.0))]) - rates

    start = excess(np.zeros(len(drive)))
    if not np.any(constants.weights) and not len(constants.slow_decay):
        return start, survivals(start)
    relaxed = solve_ivp(lambda _, rates: excess(rates), (0.0, 30.0), start, method="LSODA", rtol=1e-4, atol=1e-4)
    found = root(excess, relaxed.y[:, -1], tol=1e-12)
    if not (np.max(np.abs(excess(found.x))) < 1e-6 * (1.0 + np.max(np.abs(found.x)))):
        raise SsnbrianError("no stationary state of the network was found; start from 'synchronous' or a histogram")
    rates = np.maximum(found.x, 0.0)
    return rates, survivals(rates)
