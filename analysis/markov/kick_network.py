"""Networks of neurons that collect kicks, simulated event by event without a step of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import SsnbrianError

from .arguments import bins_of
from .kick_equations import KickState
from .kick_network_state import KickNetworkState, beginnings, kept, kick_constants
from .kick_network_step import MOST_ROOM, NetworkRecord, runner
from .parameters import MarkovNetwork
from .run import MarkovRun, RepeatedRun

__all__ = ["KickNetworkRun", "KickNetworkState", "SpikeTrains", "simulate_network"]


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """Spikes in the order of time: ``times`` (k,) s; ``neurons`` (k,) 0 … N - 1, populations one after the other."""

    times: np.ndarray
    neurons: np.ndarray


@dataclass(frozen=True, eq=False)
class KickNetworkRun(RepeatedRun):
    """R independent networks; ``rates`` and ``pending`` are means over them, each network is in ``realisations``.

    ``occupancy`` (n, levels): the part of the neurons at each of ``potentials`` (levels,) mV, at the ends of the bins;
    the rest to 1 is refractory. ``spikes``: one record per realisation, none if they were not asked for. ``states``
    to go on from.
    """

    potentials: np.ndarray
    occupancy: np.ndarray
    spikes: tuple[SpikeTrains, ...]
    states: tuple[KickNetworkState, ...]


def simulate_network(
    network: MarkovNetwork,
    duration: float,
    seed: int | None,
    *,
    realisations: int = 1,
    bin: float = 1e-3,
    initial: str | KickState | Sequence[KickNetworkState] = "reset",
    spike_times: bool = False,
    compiled: bool = True,
) -> KickNetworkRun:
    """Simulate ``duration`` (s, a multiple of ``bin``) of the network exactly, event by event.

    A neuron's potential is a whole number of mV. External kicks (+1 mV, Poisson), pending kicks and refractory periods
    have exponential waiting times, so that the next event and its time are drawn from the rates of all (Gillespie
    1977): there is no step, and the law does not depend on ``bin``. A jump that is no whole number is rounded up or
    down at random with the right mean; an inhibitory one ends at the reversal at the latest. A spike leaves one pending
    kick at a binomial number of different neurons of each population, the spiking one not excluded. Kicks delivered to
    a refractory neuron, external ones too, are lost.

    ``initial``: "reset", all neurons at the reset without pending kicks; "spread", each at a potential drawn from
    reset … threshold - 1 mV; a KickState of the differential equations, from whose distributions independent neurons
    and Poisson numbers of their pending kicks are drawn; or the ``states`` of an earlier run, with changed parameters
    if ``network`` has them. Realisation i draws from PCG64 seeded by (``seed``, i), however many there are; ``seed``
    None goes on with the generators of the states, as if there had been one run. ``spike_times`` keeps every spike.
    ``compiled=False`` runs the same functions uncompiled.

    Raises InvalidInputError for wrong arguments, a leak, and potentials that are no whole numbers; SsnbrianError where
    the pending kicks run away, which needs neurons without a refractory time. Source: Li, Chariker & Young 2019; Cai
    et al. 2021.
    """
    bins = bins_of(duration, bin)
    constants = kick_constants(network, bin)
    run, parts, spikes, states = runner(compiled), [], [], []
    visits = np.zeros((len(network.names), constants.levels), np.int64)
    for neurons, lists, generator in beginnings(network, constants, initial, seed, realisations):
        pairs = len(constants.weights)
        record = NetworkRecord(
            np.zeros((len(network.names), bins), np.int64), np.zeros((pairs, bins)), visits, np.zeros(1, np.int64)
        )
        lists = run(spike_times, constants, neurons, lists, record, generator)
        if lists.pending.shape[1] > MOST_ROOM:
            raise SsnbrianError("the network runs away: millions of pending kicks; check weights and refractory times")
        parts.append(_part(network, bin, record))
        if spike_times:
            times, indices = lists.raster[:, : record.spikes[0]]
            spikes.append(SpikeTrains(times.copy(), indices.astype(np.int64)))
        states.append(kept(network, neurons, lists, generator))
    return KickNetworkRun.of(
        parts,
        potentials=network.reversal + np.arange(constants.levels),
        occupancy=visits / (network.sizes[:, None] * bins * len(parts)),
        spikes=tuple(spikes),
        states=tuple(states),
    )


def _part(network: MarkovNetwork, bin_width: float, record: NetworkRecord) -> MarkovRun:
    n, bins = record.counts.shape
    rates = record.counts / (network.sizes[:, None] * bin_width)
    pending = record.pending.reshape(n, n, bins) / network.sizes[:, None, None]
    return MarkovRun(network.names, network.sizes, bin_width, rates, pending, False)
