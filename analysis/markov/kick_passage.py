"""Passage times of one neuron under Poisson kicks of constant rates, exact to rounding however rare its spikes.

A neuron that starts at potential v spikes after the mean time t(v), -Q' t = 1, and spends from the reset on the mean
time o(v) at v, -Q o = delta_reset, Q the generator (columns: from) within the grid. Potentials are eliminated one by
one from the reversal upwards without any subtraction (Grassmann, Taksar & Heyman 1985; O'Cinneide 1993), so that every
t and o is right to some 1e-13 of itself even where spikes are 1e-300 Hz and linear algebra would return noise. The
spike rate is 1/(tau_R + T), T = t(reset) = sum o, whose derivative by the rate
h_Y of kicks with generator K_Y is dT/dh_Y = (K_Y o) . t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .kick_operators import Jump, PotentialGrid, kick, up
from .parameters import MarkovNetwork

__all__ = ["KickedNeuron", "Passage"]

_LARGEST_TABLE = 4_000_000


@dataclass(frozen=True, eq=False)
class Passage:
    """At m choices of the rates of kicks, a grid of K potentials.

    ``times`` (m, K) s, mean time to the spike from each potential; ``occupation`` (m, K) s, mean time at each between
    the reset and the spike; ``mean`` (m,) s, from the reset to the spike. Infinite where it never comes or takes more
    than 1e300 s.
    """

    times: np.ndarray
    occupation: np.ndarray
    mean: np.ndarray


class KickedNeuron:
    """A neuron of population ``target`` that collects external kicks and kicks of its n sources.

    ``inhibitory`` (n,), ``refractory`` s.
    """

    def __init__(self, network: MarkovNetwork, target: int) -> None:
        self.grid = PotentialGrid.of(network)
        self.refractory, self.drive = float(network.refractory[target]), float(network.drive[target])
        self.inhibitory = np.array(network.inhibitory)
        self._external = up(self.grid, 1.0)
        self._jumps = [kick(self.grid, network, target, source) for source in network.populations]
        self._above, self._below = _reach([self._external, *self._jumps])

    def _rows(self, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rates from each potential to those around it (m, K, below + 1 + above), and over the threshold (m, K)."""
        m, K = len(rates), len(self.grid)
        around, exits = np.zeros((m, K, self._below + 1 + self._above)), np.zeros((m, K))
        here = np.arange(K)
        every = np.concatenate([np.full((m, 1), self.drive), rates], axis=1)
        for jump, rate in zip([self._external, *self._jumps], every.T, strict=True):
            for place, share in ((jump.nearer, 1 - jump.share), (jump.further, jump.share)):
                inside = place < K
                around[:, here[inside], (place - here + self._below)[inside]] += rate[:, None] * share[inside]
                exits[:, ~inside] += rate[:, None] * share[~inside]
        return around, exits

    def passage(self, rates: np.ndarray) -> Passage:
        """Passage times at rates of kicks (m, n) Hz, m from 0 on."""
        room = max(1, _LARGEST_TABLE // (len(self.grid) * (self._below + self._above + 1)))
        pieces = [self._piece(rates[first : first + room]) for first in range(0, max(len(rates), 1), room)]
        if len(pieces) == 1:
            return pieces[0]
        return Passage(*(np.concatenate([getattr(one, f.name) for one in pieces]) for f in fields(Passage)))

    def _piece(self, rates: np.ndarray) -> Passage:
        around, exits = self._rows(rates)
        with np.errstate(all="ignore"):
            totals, backwards, waits = self._eliminate(around, exits)
            return self._solve(around, totals, backwards, waits)

    def _eliminate(self, around: np.ndarray, exits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Remove potentials from below: what reaches k from above goes on from k, its waiting time added.

        ``around`` is overwritten by the rates among the potentials left. Returns the total rates (m, K) out of each
        potential at its removal, the times it is entered per second from those above (m, K, below), and the waits.
        """
        (m, K), below, above = exits.shape, self._below, self._above
        totals, backwards, waits = np.empty((m, K)), np.zeros((m, K, below)), np.ones((m, K))
        # The band addressed by (from, to) as if it were the whole matrix; what lies outside of it is not touched.
        item, row, entry = around.strides
        matrix = as_strided(around[:, :, below:], (m, K, K), (item, row - entry, entry))
        for k in range(K):
            forward = around[:, k, below + 1 :]
            totals[:, k] = forward.sum(axis=1) + exits[:, k]
            rows, columns = slice(k + 1, min(k + 1 + below, K)), slice(k + 1, min(k + 1 + above, K))
            share = np.where(matrix[:, rows, k] > 0, matrix[:, rows, k] / totals[:, k : k + 1], 0.0)
            backwards[:, k, : share.shape[1]] = share
            exits[:, rows] += share * exits[:, k : k + 1]
            waits[:, rows] += share * waits[:, k : k + 1]
            # A return to the potential it came from is no move; the diagonal is never read.
            matrix[:, rows, columns] += share[:, :, None] * matrix[:, k : k + 1, columns]
        return totals, backwards, waits

    def _solve(self, around: np.ndarray, totals: np.ndarray, backwards: np.ndarray, waits: np.ndarray) -> Passage:
        (m, K), below, above = totals.shape, self._below, self._above
        times, entries, occupation = np.zeros((m, K + above)), np.zeros((m, K + above)), np.zeros((m, K + below))
        entries[:, self.grid.start] = 1.0
        for k in reversed(range(K)):
            onwards = _scaled(times[:, k + 1 : k + 1 + above], around[:, k, below + 1 :]).sum(axis=1)
            times[:, k] = (waits[:, k] + onwards) / totals[:, k]
        for k in range(K):
            entries[:, k] = np.where(entries[:, k] > 0, entries[:, k] / totals[:, k], 0.0)
            entries[:, k + 1 : k + 1 + above] += _scaled(entries[:, k : k + 1], around[:, k, below + 1 :])
        for k in reversed(range(K)):
            returns = _scaled(occupation[:, k + 1 : k + 1 + below], backwards[:, k]).sum(axis=1)
            occupation[:, k] = entries[:, k] + returns
        mean = times[:, self.grid.start].copy()
        return Passage(times[:, :K], occupation[:, :K], np.where(mean < 1e300, mean, np.inf))

    def rates(self, passage: Passage) -> np.ndarray:
        """(m,) Hz, 0 where the spike never comes."""
        return 1 / (self.refractory + passage.mean)

    def after(self, times: np.ndarray, source: int) -> np.ndarray:
        """(m, K) s: mean of ``times`` (m, K) after a kick from ``source``, by the potential before; 0 after a spike."""
        jump = self._jumps[source]
        ends = np.concatenate([times, np.zeros((len(times), 1))], axis=1)
        return _scaled(ends[:, jump.nearer], 1 - jump.share) + _scaled(ends[:, jump.further], jump.share)

    def slopes(self, passage: Passage) -> np.ndarray:
        """(m, n) dT/dh, s²: change of the mean time to the spike with the rate of kicks of each source; NaN where the
        spike never comes."""
        with np.errstate(all="ignore"):
            columns = [
                np.einsum("mk,mk->m", passage.occupation, self.after(passage.times, source) - passage.times)
                for source in range(len(self._jumps))
            ]
        return np.stack(columns, axis=1)


def _reach(jumps: Sequence[Jump]) -> tuple[int, int]:
    """Largest distances moved upwards and downwards inside of the grid, each at least 1."""
    size = len(jumps[0].share)
    moves = [place - np.arange(size) for jump in jumps for place in (jump.nearer, jump.further)]
    moves = np.concatenate([np.where(move + np.arange(size) < size, move, 0) for move in moves])
    return max(int(moves.max()), 1), max(-int(moves.min()), 1)


def _scaled(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Products in which a weight of 0 takes an infinite value away."""
    return np.where(weights > 0, values * weights, 0.0)
