"""States of a run: how one starts, is kept and goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .discretisation import StepConstants
from .parameters import MesoscopicNetwork
from .stationary import SurvivalInSteps, held_inputs, stationary_state, survival_in_steps
from .step import Populations


@dataclass(frozen=True, eq=False)
class MesoscopicState:
    """Where a run stopped: ``dt`` (s), the populations and the generator state of each realisation.

    A run that starts from it continues as if it had not stopped; the networks may differ in parameters.
    """

    dt: float
    names: tuple[str, ...]
    bins: tuple[int, ...]
    populations: tuple[Populations, ...]
    generators: tuple[Mapping[str, Any], ...]


def copied(populations: Populations) -> Populations:
    """The same values in arrays of their own."""
    return Populations(*(one.copy() for one in populations))


def initial_populations(
    network: MesoscopicNetwork, constants: StepConstants, drive: np.ndarray, initial: str | Sequence[np.ndarray]
) -> Populations:
    """The state before the first step at the drive (n,) in mV/s of that step.

    ``"stationary"``: ages, variances, potentials and synapses of the macroscopic stationary state
    (:func:`.stationary.stationary_state`). ``"synchronous"``: every neuron has just fired. A sequence of one array per
    population: the neurons whose last spike was 0, 1, … steps ago; who is missing from the sum is older than all ages.
    In the last two the potentials are those of the drive alone, synaptic currents are 0, and the spikes that made the
    ages count for adaptation and arrive where their delay is not yet over. Raises InvalidInputError.
    """
    if isinstance(initial, str):
        if initial == "stationary":
            return _stationary(network, constants, drive)
        if initial != "synchronous":
            raise InvalidInputError(f"initial is {initial!r}; it must be 'stationary', 'synchronous' or histograms")
        initial = [np.array([size]) for size in constants.sizes]
    if len(initial) != len(network.names):
        raise InvalidInputError(f"initial has {len(initial)} histograms for {len(network.names)} populations")
    state = _empty(constants)
    inputs = held_inputs(constants, drive, np.zeros(len(drive)))
    for x, histogram in enumerate(initial):
        bins, size = _bins(constants, x), constants.sizes[x]
        ages = np.asarray(histogram, float)
        if ages.ndim != 1 or len(ages) > bins or not np.all(np.isfinite(ages)) or np.any(ages < 0):
            raise InvalidInputError(
                f"histogram of {network.names[x]!r}: it must be at most {bins} finite numbers that are not negative"
            )
        if ages.sum() > size * (1 + 1e-12):
            raise InvalidInputError(f"histogram of {network.names[x]!r} holds {ages.sum():g} of {size:g} neurons")
        mass = np.concatenate([ages, np.zeros(bins - len(ages))])
        alone = survival_in_steps(network.neurons[x], inputs[x], constants, x)
        _fill(state, constants, x, mass, np.zeros(bins), mass, alone)
        state.pool[x] = max(size - mass.sum(), 0.0), 0.0, inputs[x], alone.pool_hazard
    return state


def _bins(constants: StepConstants, x: int) -> int:
    return int(constants.first_bin[x + 1] - constants.first_bin[x])


def _empty(constants: StepConstants) -> Populations:
    n, total = len(constants.sizes), int(constants.first_bin[-1])
    mass, variance, membrane, hazard, counts = np.zeros((5, total))
    return Populations(
        mass, variance, membrane, hazard, counts, np.zeros(n, np.int64), np.zeros((n, 4)),
        np.zeros(len(constants.slow_decay)), np.zeros((n, n)),
    )  # fmt: skip


def _fill(
    state: Populations,
    constants: StepConstants,
    x: int,
    mass: np.ndarray,
    variance: np.ndarray,
    counts: np.ndarray,
    survival: SurvivalInSteps,
) -> None:
    """Values by age, youngest first, into the ring whose first place is the oldest."""
    place = slice(constants.first_bin[x], constants.first_bin[x + 1])
    for array, values in (
        (state.mass, mass),
        (state.variance, variance),
        (state.counts, counts),
        (state.membrane, survival.membrane),
        (state.hazard, survival.hazard),
    ):
        array[place] = values[::-1]


def _stationary(network: MesoscopicNetwork, constants: StepConstants, drive: np.ndarray) -> Populations:
    rates, survivals = stationary_state(network, drive, constants)
    inputs = held_inputs(constants, drive, rates)
    state = _empty(constants)
    for x, survival in enumerate(survivals):
        size, bins = constants.sizes[x], _bins(constants, x)
        rate = rates[x]
        born = size * rate * constants.dt
        mass = born * survival.survivor
        variance = np.zeros(bins + 1)
        for age, p in enumerate(survival.probability):
            variance[age + 1] = (1 - p) ** 2 * variance[age] + p * mass[age]
        _fill(state, constants, x, mass, variance[:-1], np.full(bins, born), survival)
        p = survival.pool_probability
        pool = size - mass.sum()
        spread = (p * pool + variance[-1]) / (p * (2 - p)) if p > 0 else 0.0
        state.pool[x] = max(pool, 0.0), spread, inputs[x], survival.pool_hazard
        state.slow[constants.first_slow[x] : constants.first_slow[x + 1]] = rate
    state.filtered[:] = constants.sizes * rates
    return state
