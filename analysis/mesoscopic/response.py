"""Linear response of the population equations around a stationary state, in exactly the steps of the simulation.

With z = e^(-i omega dt), a signal delayed by one step is multiplied by z. Let S_a be the survivor to age a (steps),
n_0 the spikes per step and H_a the cumulative hazard of a step at age a. The mass of the ages, linearised, is
z sum_a S_a z^a n - n_0 sum_a S_a sum_(j<a) z^(a-j) H_j = M, where n is the change of the count, H_j that of the
hazard by inputs and thresholds, and M the deviation of the mass from N, which obeys M = z (1 - P_Lambda) M + z eta.
Source: the linearised equations of Schwalger, Deger & Gerstner 2017, discretised as their simulation is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .discretisation import StepConstants
from .stationary import SurvivalInSteps

# Values by frequency and age that are held at a time.
_ROOM = 2_000_000
# Spikes per neuron and step below which a population counts as silent: squares of longer intervals overflow.
_SILENT = 1e-150


@dataclass(frozen=True, eq=False)
class PopulationResponse:
    """Of one population at points z of the complex plane, all (z,) complex, per step.

    ``mass`` is the sum of S_a z^a; ``hazard`` the n_0 sum over ages of the response to its input (1/mV); ``own`` the
    same through its own adaptation, per count. The change of the count is (``hazard`` h + M/z)/(``mass`` + ``own``)
    with h the change of the held input (mV). ``intervals`` is sum_k P_k z^k, the transform of the interval
    distribution. A silent population answers to nothing: ``mass`` is then 1, the others 0.
    """

    mass: np.ndarray
    hazard: np.ndarray
    own: np.ndarray
    intervals: np.ndarray


def population_response(
    survival: SurvivalInSteps, constants: StepConstants, population: int, z: np.ndarray
) -> PopulationResponse:
    """The response of population number ``population`` in its stationary state; ``z`` (z,) in the unit disc."""
    z = np.asarray(z, complex)
    if is_silent(survival, constants):
        nothing = np.zeros(len(z), complex)
        return PopulationResponse(nothing + 1, nothing, nothing, nothing)
    ages = len(survival.survivor)
    most = max(1, _ROOM // (ages + 1))
    parts = [_response(survival, constants, population, z[i : i + most]) for i in range(0, len(z), most)]
    return PopulationResponse(*(np.concatenate([part[k] for part in parts]) for k in range(4)))


def is_silent(survival: SurvivalInSteps, constants: StepConstants) -> bool:
    """Whether the population hardly fires at all, less than once in 1e150 steps."""
    return survival.rate * constants.dt < _SILENT


def _leaving(survival: SurvivalInSteps, z: np.ndarray) -> np.ndarray:
    """1 - (1 - p) z of the pool, in a form that keeps a p far below round-off."""
    return (1 - z) + survival.pool_probability * z


def _response(
    survival: SurvivalInSteps, c: StepConstants, x: int, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    column = z[:, None]
    ages = len(survival.survivor)
    powers = np.cumprod(np.hstack([np.ones_like(column), np.broadcast_to(column, (len(z), ages))]), axis=1)
    to_pool = survival.survivor[-1] * (1 - survival.probability[-1])
    mass = powers[:, :-1] @ survival.survivor + powers[:, -1] * to_pool / _leaving(survival, z)
    born = survival.rate * c.dt * c.sizes[x]
    moved = _membrane_response(c, x, powers, z)
    raised = _threshold_response(c, x, ages, powers, z)
    free = np.arange(ages) >= c.refractory[x]
    responses = []
    for by_age, in_pool in (moved, raised):
        change = np.where(free, survival.hazard_after * by_age, 0.0) / c.width[x]
        before = np.concatenate([np.zeros((len(z), 1)), change[:, :-1]], axis=1)
        steps = 0.5 * c.dt * (change + column * before)
        pool = 0.5 * c.dt * survival.pool_hazard / c.width[x] * (1 + z) * in_pool
        responses.append(born * _by_ages(survival, steps, pool, powers, to_pool, z))
    intervals = 1 - (1 - z) * mass
    return mass, responses[0], -responses[1], intervals


def _membrane_response(c: StepConstants, x: int, powers: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change of the potential after the step per change of the held input, (z, ages), and in the pool (z,)."""
    decay = c.membrane_decay[x]
    free = np.maximum(np.arange(1, powers.shape[1]) - c.refractory[x], 0)
    settled = (1 - decay) / (1 - decay * z)
    return settled[:, None] * (1 - decay**free * powers[:, free]), settled


def _threshold_response(
    c: StepConstants, x: int, ages: int, powers: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Minus the change of the threshold (mV) per change of the count, (z, ages), and in the pool (z,)."""
    slow = slice(c.first_slow[x], c.first_slow[x + 1])
    if slow.start == slow.stop:
        return np.zeros((len(z), ages)), np.zeros(len(z))
    later = c.later_threshold[c.first_bin[x] : c.first_bin[x + 1]]
    kept = 1 - c.slow_decay[slow]
    filtered = kept / (1 - np.outer(z, c.slow_decay[slow])) / c.dt
    pool = z * powers[:, -1] * (filtered @ c.slow_threshold[slow])
    arriving = later * powers[:, 1:]
    return -(_sum_over_older(arriving) + pool[:, None]) / c.sizes[x], -pool / c.sizes[x]


def _by_ages(
    survival: SurvivalInSteps, steps: np.ndarray, pool: np.ndarray, powers: np.ndarray, to_pool: float, z: np.ndarray
) -> np.ndarray:
    """Sum over ages a of S_a sum_(j<a) z^(a-j) H_j, divided by z; ``steps`` (z, ages) are the H_j, ``pool`` beyond."""
    # Sum over j of z^(-j) H_j times sum over a > j of S_a z^a: the second factor first, from the oldest age.
    p, leaving = survival.pool_probability, _leaving(survival, z)
    tail = powers[:, -1] * to_pool / leaving
    beyond = _sum_over_older(powers[:, :-1] * survival.survivor) + tail[:, None]
    ages = np.sum(steps * (beyond / powers[:, :-1]), axis=1)
    # In the pool: S_K (1 - p)^m z^i for 1 <= i <= m, summed.
    in_pool = pool * to_pool * (1 - p) * z / (p * leaving) if to_pool > 0 else 0.0
    return (ages + in_pool) / z


def _sum_over_older(by_age: np.ndarray) -> np.ndarray:
    """The sum of all columns after each, the shape of ``by_age`` (z, ages)."""
    total = np.cumsum(by_age[:, :0:-1], axis=1)[:, ::-1]
    return np.concatenate([total, np.zeros((len(by_age), 1))], axis=1)


def coupling_response(constants: StepConstants, z: np.ndarray) -> np.ndarray:
    """Change of the held input (mV) of target x per change of the count of source y, (z, n, n)."""
    z = np.asarray(z, complex)[:, None, None]
    c = constants
    kernel = c.tau[:, None] + c.synapse_carry * (z - 1) / (1 - c.synapse_decay * z)
    return c.weights * kernel * z**c.lag / c.dt


def interval_variance(survival: SurvivalInSteps) -> float:
    """Of the intervals of a population that is not silent, in steps^2."""
    ages, p = len(survival.survivor), survival.pool_probability
    to_pool = survival.survivor[-1] * (1 - survival.probability[-1])
    mean, triangle = survival.survivor.sum(), survival.survivor @ np.arange(1, ages + 1)
    if to_pool > 0:
        mean += to_pool / p
        triangle += to_pool * ((ages + 1) / p + (1 - p) / p**2)
    return float(2 * triangle - mean - mean**2)


def correction_probability(survival: SurvivalInSteps) -> float:
    """P_Lambda of the stationary state of a population that is not silent: the share of variance that spikes in a step.

    At age a the variance per spike of a step, v_(a+1) = (1 - p_a)^2 v_a + p_a S_a with v_0 = 0; in the pool, of mass
    S_K/p, the stationary value of v' = (1 - p)^2 v + p mass plus what enters. P_Lambda = sum of p v/sum of v.
    """
    variance, total, spiking = 0.0, 0.0, 0.0
    for survivor, p in zip(survival.survivor, survival.probability, strict=True):
        total += variance
        spiking += p * variance
        variance = (1 - p) ** 2 * variance + p * survivor
    p, last = survival.pool_probability, survival.survivor[-1] * (1 - survival.probability[-1])
    if p > 0:
        pool = (last + variance) / (p * (2 - p))
        total += pool
        spiking += p * pool
    return spiking / total
