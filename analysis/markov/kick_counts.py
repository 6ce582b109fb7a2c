"""Finite networks of kicks by the numbers of their neurons at each potential.

Between the deterministic equations and the network of single neurons: spikes and pending kicks are drawn, whole
numbers of N neurons, but a pending kick belongs to the population and is delivered to any of its neurons. So the model
keeps the fluctuations of the population's activity that the equations lack, at a cost that for large N hardly grows
with it. In a network every spike leaves at most one kick at a neuron: at low frequencies the variance of the kicks a
neuron collects is 1 - P of the Poisson one it has here, so that with large connection probabilities its rate is too
high where it lives on fluctuations.
Source: the multinomial form of the master equation of Li, Chariker & Young 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arguments import bins_of, generators, steps_of
from .kick_count_step import CountConstants, Counts, counter
from .kick_equations import KickEquations, KickState
from .kick_operators import PotentialGrid, kick, up
from .parameters import MarkovNetwork
from .run import MarkovRun, RepeatedRun

__all__ = ["KickCountRun", "simulate_counts"]


@dataclass(frozen=True, eq=False)
class KickCountRun(RepeatedRun):
    """``finals``: the last state of each realisation, fractions of whole numbers of neurons, from which another run
    may go on."""

    finals: tuple[KickState, ...]


def simulate_counts(
    network: MarkovNetwork,
    duration: float,
    seed: int,
    *,
    realisations: int = 1,
    initial: KickState | None = None,
    bin: float = 1e-3,
    dt: float = 4e-5,
    compiled: bool = True,
) -> KickCountRun:
    """Draw ``duration`` (s) of the numbers of neurons at each potential, in steps of ``dt`` (s).

    ``initial``: distributions from which the neurons are drawn; by default all are at the reset. ``bin`` (s) of the
    result is a multiple of ``dt``. In a step the refractory neurons, the external kicks and those of each source come
    one after the other, from both ends in turns; at 40 µs the course of volleys is right to about 1 %. Realisation i
    draws from PCG64 seeded by (``seed``, i), however many there are. ``compiled=False`` runs the same functions
    uncompiled.

    Raises InvalidInputError for wrong arguments, a leak, and potentials that are not whole.
    """
    bins, per_bin = bins_of(duration, bin), steps_of(bin, dt)
    equations, constants = KickEquations(network), _constants(network, bin / per_bin)
    start = equations.state(equations.vector(KickState.at_reset(network) if initial is None else initial))
    parts, finals = [], []
    for generator in generators(seed, realisations):
        counts = _drawn(network, start, generator)
        parts.append(_realisation(network, constants, counts, (bins, per_bin), bin, generator, compiled))
        fractions = counts.neurons / network.sizes[:, None]
        finals.append(KickState(fractions[:, :-1], fractions[:, -1], counts.pending / network.sizes[:, None]))
    return KickCountRun.of(parts, finals=tuple(finals))


def _constants(network: MarkovNetwork, dt: float) -> CountConstants:
    grid = PotentialGrid.of(network)
    external = up(grid, 1.0)
    jumps = [[external, *(kick(grid, network, x, y) for y in network.populations)] for x in network.populations]
    refractory = np.where(network.refractory > 0, network.refractory, 1e-300)

    def table(name: str, refractory: float) -> np.ndarray:
        return np.array([[np.append(getattr(one, name), refractory) for one in row] for row in jumps])

    return CountConstants(
        nearer=table("nearer", len(grid)).astype(np.int64),
        further=table("further", len(grid)).astype(np.int64),
        share=table("share", 0.0),
        drive=network.drive * dt,
        leaving=-np.expm1(-np.minimum(dt / refractory, 700.0)),
        start=grid.start,
        delivered=-np.expm1(-dt / network.decay_times),
        probabilities=np.array(network.probabilities),
        sizes=network.sizes.astype(np.int64),
    )


def _drawn(network: MarkovNetwork, start: KickState, generator: np.random.Generator) -> Counts:
    fractions = np.maximum(np.column_stack([start.potentials, start.refractory]), 0.0)
    fractions /= fractions.sum(axis=1, keepdims=True)
    rows = [generator.multinomial(round(size), row) for size, row in zip(network.sizes, fractions, strict=True)]
    pending = generator.poisson(np.maximum(start.pending, 0.0) * network.sizes[:, None])
    return Counts(np.array(rows, np.int64), pending.astype(np.int64))


def _realisation(
    network: MarkovNetwork,
    constants: CountConstants,
    counts: Counts,
    steps: tuple[int, int],
    width: float,
    generator: np.random.Generator,
    compiled: bool,
) -> MarkovRun:
    advance, (bins, per_bin), n = counter(compiled), steps, len(network.names)
    spikes, pending = np.zeros((bins, n), np.int64), np.empty((bins, n, n))
    for index in range(bins):
        advance(per_bin, constants, counts, spikes[index], generator)
        pending[index] = counts.pending / network.sizes[:, None]
    rates = spikes.T / (network.sizes[:, None] * width)
    return MarkovRun(network.names, network.sizes, width, rates, np.moveaxis(pending, 0, -1), False)
