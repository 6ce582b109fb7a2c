"""The jumps of a neuron that collects kicks on the integer grid of potentials.

A jump that is not whole is rounded down or up at random, so that its mean is right: a jump of s mV is floor(s) + 1
with probability s - floor(s), else floor(s). An excitatory kick moves by its weight; an inhibitory one by
weight (V - reversal)/(threshold - reversal) downwards, not below the reversal. Jumps to the threshold or above leave
the grid: they are spikes. Source: Li, Chariker & Young 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array

from ssnbrian.circuit import InvalidInputError

from .parameters import MarkovNetwork

__all__ = ["Jump", "PotentialGrid", "down", "kick", "up"]

_MOST_POTENTIALS = 2_000
"""Jacobians are dense matrices of the number of potentials."""


@dataclass(frozen=True)
class PotentialGrid:
    """The whole potentials (mV) from ``lowest``, the reversal, to below ``threshold``."""

    lowest: int
    reset: int
    threshold: int

    @classmethod
    def of(cls, network: MarkovNetwork) -> PotentialGrid:
        """The grid of a network; InvalidInputError unless its potentials are whole and it has no leak."""
        values = {"reversal": network.reversal, "reset": network.reset, "threshold": network.threshold}
        for name, value in values.items():
            if value != round(value):
                raise InvalidInputError(
                    f"{name} is {value} mV; the equations of kicks need whole millivolts, as external kicks are 1 mV"
                )
        if np.isfinite(network.leak_time):
            raise InvalidInputError(
                f"leak_time is {network.leak_time} s, but potentials change by kicks alone; take the conductance "
                "model or leave the leak out"
            )
        lowest, reset, threshold = (round(value) for value in values.values())
        if threshold - lowest > _MOST_POTENTIALS:
            raise InvalidInputError(
                f"{threshold - lowest} potentials between reversal and threshold are too many; at most "
                f"{_MOST_POTENTIALS} are possible"
            )
        return cls(lowest, reset, threshold)

    def __len__(self) -> int:
        return self.threshold - self.lowest

    @property
    def potentials(self) -> np.ndarray:
        """(K,) mV, ascending."""
        return np.arange(self.lowest, self.threshold)

    @property
    def start(self) -> int:
        """Place of the reset."""
        return self.reset - self.lowest


@dataclass(frozen=True, eq=False)
class Jump:
    """Where one kick takes a neuron: with probability 1 - ``share`` to ``nearer``, else to ``further``, each (K,).

    Places on the grid by the place before; the length of the grid stands for a spike.
    """

    nearer: np.ndarray
    further: np.ndarray
    share: np.ndarray

    def generator(self) -> csr_array:
        """(K + 1, K), to by from, for kicks at 1 Hz: columns sum to 0, the last row is the exit over the threshold."""
        size = len(self.share)
        here = np.arange(size)
        rows = np.concatenate([self.nearer, self.further, here])
        values = np.concatenate([1 - self.share, self.share, -np.ones(size)])
        matrix = csr_array(coo_array((values, (rows, np.tile(here, 3))), shape=(size + 1, size)))
        matrix.eliminate_zeros()
        return matrix


def up(grid: PotentialGrid, weight: float) -> Jump:
    """A kick of ``weight`` mV upwards."""
    size = len(grid)
    whole = int(min(np.floor(weight), size))
    nearer = np.minimum(np.arange(size) + whole, size)
    return Jump(nearer, np.minimum(nearer + 1, size), np.full(size, weight - np.floor(weight)))


def down(grid: PotentialGrid, weight: float) -> Jump:
    """An inhibitory kick of ``weight`` mV at the threshold, proportional to the distance from the reversal."""
    size = len(grid)
    here = np.arange(size)
    length = weight * here / size
    whole = np.floor(length)
    nearer = np.maximum(here - whole, 0).astype(np.int64)
    return Jump(nearer, np.maximum(nearer - 1, 0), length - whole)


def kick(grid: PotentialGrid, network: MarkovNetwork, target: int, source: int) -> Jump:
    """What a kick from population ``source`` does to a neuron of population ``target`` (positions)."""
    weight = float(network.weights[target, source])
    return down(grid, weight) if network.inhibitory[source] else up(grid, weight)
