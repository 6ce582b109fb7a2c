"""What a network of kicks remembers, and how it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .arguments import generators, realisations_of
from .kick_equations import KickEquations, KickState
from .kick_network_step import REFRACTORY, KickConstants, Lists, Neurons
from .kick_operators import PotentialGrid
from .parameters import MarkovNetwork

__all__ = ["KickNetworkState", "beginnings", "kept", "kick_constants"]

_STARTS = '"reset", "spread"'
Beginning = tuple[Neurons, Lists, np.random.Generator]


@dataclass(frozen=True, eq=False)
class KickNetworkState:
    """All that a network of N neurons remembers, to go on from.

    ``potentials`` (N,) mV, populations one after the other, NaN while refractory; ``pending`` n n arrays, pair target
    n + source: the neuron (0 … N - 1) of each pending kick; ``refractory`` n arrays, the refractory neurons. The next
    draws refer to the places in these arrays and in ``order`` (N,), the neurons of each population in some order;
    ``generator`` is the state of the generator.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    potentials: np.ndarray
    pending: tuple[np.ndarray, ...]
    refractory: tuple[np.ndarray, ...]
    order: np.ndarray
    generator: dict


def kick_constants(network: MarkovNetwork, bin: float) -> KickConstants:
    """The numbers of a run in bins of ``bin`` (s); InvalidInputError for a leak and potentials that are not whole."""
    grid = PotentialGrid.of(network)
    rests = network.refractory > 0
    return KickConstants(
        bin_width=float(bin),
        first=np.concatenate([[0], np.cumsum(network.sizes)]).astype(np.int64),
        levels=len(grid),
        reset=grid.start,
        inhibitory=np.array(network.inhibitory),
        # A larger jump does the same and might be no machine number.
        weights=np.minimum(network.weights, len(grid)).ravel(),
        probabilities=network.probabilities.ravel(),
        rests=rests,
        # Without a refractory time nobody ever waits, so that the rate multiplies 0.
        each=np.concatenate(
            [network.drive, (1 / network.decay_times).ravel(), 1 / np.where(rests, network.refractory, 1.0)]
        ),
    )


def beginnings(
    network: MarkovNetwork,
    constants: KickConstants,
    initial: str | KickState | Sequence[KickNetworkState],
    seed: int | None,
    realisations: int,
) -> list[Beginning]:
    """One per realisation; arguments and errors as of :func:`.kick_network.simulate_network`."""
    realisations = realisations_of(realisations)
    if isinstance(initial, str | KickState):
        return [(*_started(network, constants, initial, one), one) for one in generators(seed, realisations)]
    states = [one for one in initial if isinstance(one, KickNetworkState)] if isinstance(initial, Sequence) else []
    if not isinstance(initial, Sequence) or len(states) < len(initial):
        raise InvalidInputError(f"initial must be {_STARTS}, a KickState, or the states of a run")
    if realisations not in {1, len(states)} or not states:
        raise InvalidInputError(f"{len(states)} states are given; realisations must be as many, not {realisations}")
    if seed is None:
        return [(*_continued(network, constants, one), _kept_generator(one)) for one in states]
    return [
        (*_continued(network, constants, one), generator)
        for one, generator in zip(states, generators(seed, len(states)), strict=True)
    ]


def _kept_generator(state: KickNetworkState) -> np.random.Generator:
    generator = np.random.Generator(np.random.PCG64())
    generator.bit_generator.state = state.generator
    return generator


def _started(
    network: MarkovNetwork, constants: KickConstants, initial: str | KickState, generator: np.random.Generator
) -> tuple[Neurons, Lists]:
    size = int(constants.first[-1])
    if isinstance(initial, KickState):
        KickEquations(network).vector(initial)
        return _drawn(constants, initial, generator)
    if initial == "reset":
        level = np.full(size, constants.reset, np.int64)
    elif initial == "spread":
        level = generator.integers(constants.reset, constants.levels, size)
    else:
        raise InvalidInputError(f"initial is {initial!r}; it must be {_STARTS}, a KickState, or the states of a run")
    return _assembled(constants, level, [np.zeros(0, np.int64)] * len(constants.weights))


def _drawn(constants: KickConstants, state: KickState, generator: np.random.Generator) -> tuple[Neurons, Lists]:
    """Independent neurons from the distributions, with Poisson numbers of pending kicks."""
    levels, pending = [], []
    for x, (start, end) in enumerate(pairwise(constants.first)):
        weights = np.maximum([*state.potentials[x], state.refractory[x]], 0.0)
        level = generator.choice(len(weights), end - start, p=weights / weights.sum())
        levels.append(np.where(level == constants.levels, REFRACTORY, level))
        for mean in state.pending[x]:
            kicks = generator.poisson(max(mean, 0.0), end - start)
            pending.append(np.repeat(np.arange(start, end), kicks))
    return _assembled(constants, np.concatenate(levels), pending)


def _continued(network: MarkovNetwork, constants: KickConstants, state: KickNetworkState) -> tuple[Neurons, Lists]:
    sizes = tuple(int(one) for one in network.sizes)
    if state.names != network.names or state.sizes != sizes:
        raise InvalidInputError(
            f"the state is of populations {state.names} of {state.sizes} neurons; continue with these, not with "
            f"{network.names} of {sizes}"
        )
    refractory = np.isnan(state.potentials)
    level = np.where(refractory, REFRACTORY, state.potentials - network.reversal)
    if np.any(refractory & ~np.repeat(constants.rests, sizes)):
        raise InvalidInputError("the state has refractory neurons in a population without a refractory time")
    if not np.array_equal(np.sort(np.concatenate(state.refractory)), np.flatnonzero(refractory)):
        raise InvalidInputError("refractory neurons of the state must be those without a potential (NaN)")
    if not np.all(refractory | ((level >= 0) & (level < constants.levels) & (level == np.round(level)))):
        raise InvalidInputError("potentials of the state must be whole, from the reversal to below the threshold")
    return _assembled(constants, level.astype(np.int64), state.pending, state.refractory, state.order)


def _assembled(
    constants: KickConstants,
    level: np.ndarray,
    pending: Sequence[np.ndarray],
    refractory: Sequence[np.ndarray] | None = None,
    order: np.ndarray | None = None,
) -> tuple[Neurons, Lists]:
    n, size = len(constants.rests), len(level)
    if refractory is None:
        stretches = list(pairwise(constants.first))
        refractory = [start + np.flatnonzero(level[start:end] == REFRACTORY) for start, end in stretches]
    number = np.concatenate([np.diff(constants.first), [len(one) for one in (*pending, *refractory)]]).astype(np.int64)
    resting = np.zeros((n, number[:n].max()), np.int64)
    for x, neurons in enumerate(refractory):
        resting[x, : len(neurons)] = neurons
    lists = np.zeros((n * n, max(2 * size, *map(len, pending))), np.int32)
    for pair, neurons in enumerate(pending):
        lists[pair, : len(neurons)] = neurons
    order = np.arange(size) if order is None else order.copy()
    return Neurons(level, order, resting, number, np.zeros(len(number))), Lists(lists, np.zeros((2, 1)))


def kept(network: MarkovNetwork, neurons: Neurons, lists: Lists, generator: np.random.Generator) -> KickNetworkState:
    """The state after a run."""
    n = len(network.names)
    pending, refractory = neurons.number[n : n + n * n], neurons.number[n + n * n :]
    return KickNetworkState(
        names=network.names,
        sizes=tuple(int(one) for one in network.sizes),
        potentials=np.where(neurons.level == REFRACTORY, np.nan, network.reversal + neurons.level),
        pending=tuple(one[:number].copy() for one, number in zip(lists.pending, pending, strict=True)),
        refractory=tuple(one[:number].copy() for one, number in zip(neurons.resting, refractory, strict=True)),
        order=neurons.order,
        generator=dict(generator.bit_generator.state),
    )
