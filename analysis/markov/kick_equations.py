"""The master equation of a homogeneous network of neurons that collect kicks, as ordinary differential equations.

Given the spikes of the network, the kicks that reach one neuron are for small probabilities a Poisson stream of rate
h_XY = H_XY/tau_XY, H the mean number of pending kicks, independent from neuron to neuron; this is exact for infinite
sizes N at fixed N P. With p_X the distribution of the potential, R_X the refractory fraction, U, K_XY the generators of
the external and of the network's kicks and u, e_XY their exits over the threshold:

    p_X' = (lambda_X U + sum_Y h_XY K_XY) p_X + R_X/tau_R,X delta_reset,
    f_X = (lambda_X u + sum_Y h_XY e_XY) . p_X,
    R_X' = f_X - R_X/tau_R,X,        H_XY' = -H_XY/tau_XY + P_XY N_Y f_Y.

The right-hand side is bilinear in (p, R) and H, so its derivatives are exact. A population without refractory time has
no R: its spikes lead to the reset at once. Sources: Li, Chariker & Young 2019; Cai et al. 2021; Chang et al. 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import block_diag, csr_array, vstack

from ssnbrian.circuit import InvalidInputError

from .kick_operators import PotentialGrid, kick, up
from .parameters import MarkovNetwork

__all__ = ["KickEquations", "KickState"]


@dataclass(frozen=True, eq=False)
class KickState:
    """Distributions of potentials and pending kicks of n populations.

    ``potentials`` (n, K) fractions of the neurons at each potential from the reversal to below the threshold;
    ``refractory`` (n,) fractions; ``pending`` (n, n), target by source, mean pending kicks of a neuron.
    """

    potentials: np.ndarray
    refractory: np.ndarray
    pending: np.ndarray

    @classmethod
    def at_reset(cls, network: MarkovNetwork) -> KickState:
        """All neurons at the reset and no pending kick."""
        grid, n = PotentialGrid.of(network), len(network.names)
        potentials = np.zeros((n, len(grid)))
        potentials[:, grid.start] = 1.0
        return cls(potentials, np.zeros(n), np.zeros((n, n)))

    @property
    def mass(self) -> np.ndarray:
        """(n,) sum of the fractions of each population, 1 but for rounding."""
        return self.potentials.sum(axis=1) + self.refractory


class KickEquations:
    """X' = F(X) of a network, X of shape (D,): for every population its potentials (K) and, if it has a refractory
    time, its refractory fraction; then the pending kicks (n n), target by source.

    Attributes
    ----------
    network, grid : what the equations are of.
    size : D. places : D - n n, the number of potentials and refractory fractions.
    first : (n,) place of each population's lowest potential in X.
    decay : (n n,) 1/s, 1/tau_XY.
    arrivals : (n n, n), P_XY N_Y: pending kicks of X from Y for each spike per neuron of population Y.
    table, pattern : the rates of change of places and fluxes by drive and release (row 0) and by kicks of every pair
        at 1 Hz (1 + n n, nonzeros), and the sparse matrix (D - n n + n, D - n n) whose nonzeros they are.

    Raises InvalidInputError for potentials that are not whole and for a leak.
    """

    def __init__(self, network: MarkovNetwork) -> None:
        self.network, self.grid = network, PotentialGrid.of(network)
        n, K = len(network.names), len(self.grid)
        self.has_refractory = network.refractory > 0
        lengths = K + self.has_refractory
        self.first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.places = int(lengths.sum())
        self.size = self.places + n * n
        operators = self._operators()
        self.table, self.pattern = _on_one_pattern(operators)
        self._kicks = csr_array(vstack(operators[1:]))
        source = np.tile(np.arange(n), n)
        self.arrivals = np.zeros((n * n, n))
        self.arrivals[np.arange(n * n), source] = (network.probabilities * network.sizes).ravel()
        self.decay = 1 / network.decay_times.ravel()

    def _operators(self) -> list[csr_array]:
        """Rates of change of places and fluxes, to by from (D - n n + n, D - n n): by drive and release, then by kicks
        of every pair at 1 Hz, target by source."""
        network, n = self.network, len(self.network.names)
        drive = up(self.grid, 1.0).generator()
        operators = [self._joined([rate * drive for rate in network.drive], release=True)]
        for target in range(n):
            for source in range(n):
                own = kick(self.grid, network, target, source).generator()
                operators.append(self._joined([own * float(x == target) for x in range(n)], release=False))
        return operators

    def _joined(self, generators: Sequence[csr_array], release: bool) -> csr_array:
        """Generators (K + 1, K) of all populations as one: rows are places, then fluxes; columns are places."""
        blocks, exits = [], []
        for x, generator in enumerate(generators):
            matrix = generator.toarray()
            K = len(self.grid)
            block = np.zeros((K + int(self.has_refractory[x]),) * 2)
            block[:K, :K] = matrix[:K]
            block[K if self.has_refractory[x] else self.grid.start, :K] += matrix[K]
            if release and self.has_refractory[x]:
                block[self.grid.start, K] += 1 / self.network.refractory[x]
                block[K, K] -= 1 / self.network.refractory[x]
            blocks.append(csr_array(block))
            exits.append(csr_array(np.append(matrix[K], np.zeros(len(block) - K))[None]))
        return csr_array(vstack([block_diag(blocks), block_diag(exits)]))

    def kick_rates(self, X: np.ndarray) -> np.ndarray:
        """(n, n) Hz, target by source: h = H/tau."""
        n = len(self.network.names)
        return (X[self.places :] * self.decay).reshape(n, n)

    def operator(self, rates: np.ndarray) -> csr_array:
        """Rates of change of places and fluxes at ``rates`` (n n,) Hz of kicks: (D - n n + n, D - n n).

        Overwritten by the next call.
        """
        self.pattern.data[:] = self.table[0] + rates @ self.table[1:]
        return self.pattern

    def _by_rates(self, places: np.ndarray) -> np.ndarray:
        """(n n, D - n n + n): what each pair's kicks at 1 Hz do to places (D - n n,)."""
        return (self._kicks @ places).reshape(len(self.decay), -1)

    def flow(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(X', f): the right-hand side (D,) in 1/s and the spikes per neuron and time (n,) in Hz."""
        rates = self.decay * X[self.places :]
        change = self.operator(rates) @ X[: self.places]
        flux = change[self.places :]
        return np.concatenate([change[: self.places], self.arrivals @ flux - rates]), flux

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """X' (D,), 1/s."""
        return self.flow(X)[0]

    def derivative(self, X: np.ndarray, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Directional derivatives at X of X' and of the fluxes along the columns of V (D, m): (D, m) and (n, m)."""
        turned = self.decay[:, None] * V[self.places :]
        change = self.operator(self.decay * X[self.places :]) @ V[: self.places]
        change += self._by_rates(X[: self.places]).T @ turned
        flux = change[self.places :]
        return np.concatenate([change[: self.places], self.arrivals @ flux - turned]), flux

    def jacobian(self, X: np.ndarray) -> np.ndarray:
        """dF/dX (D, D), 1/s."""
        return self.derivative(X, np.eye(self.size))[0]

    def second_derivative(self, V: np.ndarray, W: np.ndarray) -> np.ndarray:
        """D²F(V, W) (D,), real or complex directions; the same at every X, as F is bilinear."""
        change = (self.decay * V[self.places :]) @ self._by_rates(W[: self.places])
        change = change + (self.decay * W[self.places :]) @ self._by_rates(V[: self.places])
        return np.concatenate([change[: self.places], self.arrivals @ change[self.places :]])

    @property
    def embedding(self) -> np.ndarray:
        """(D, D - n): changes of X that keep every population's mass, the reset's place making up for the others."""
        kept = np.delete(np.arange(self.size), self.first + self.grid.start)
        matrix = np.zeros((self.size, len(kept)))
        matrix[kept, np.arange(len(kept))] = 1.0
        for first, last in zip(self.first, [*self.first[1:], self.places], strict=True):
            matrix[first + self.grid.start] = -((kept >= first) & (kept < last)).astype(float)
        return matrix

    @property
    def kept(self) -> np.ndarray:
        """(D - n,) places in X of the coordinates of the embedding: all but the resets."""
        return np.delete(np.arange(self.size), self.first + self.grid.start)

    def state(self, X: np.ndarray) -> KickState:
        """X as distributions."""
        n, K = len(self.network.names), len(self.grid)
        potentials = np.stack([X[first : first + K] for first in self.first])
        refractory = np.where(self.has_refractory, X[self.first + K], 0.0)
        return KickState(potentials, refractory, X[self.places :].reshape(n, n).copy())

    def vector(self, state: KickState) -> np.ndarray:
        """X (D,) of distributions; InvalidInputError for shapes, negative fractions and masses that do not fit."""
        n, K = len(self.network.names), len(self.grid)
        for name, shape in (("potentials", (n, K)), ("refractory", (n,)), ("pending", (n, n))):
            found = np.shape(getattr(state, name))
            if found != shape:
                raise InvalidInputError(f"{name} of the state has shape {found}; this network needs {shape}")
        everything = np.concatenate([np.ravel(state.potentials), state.refractory, np.ravel(state.pending)])
        if not np.all(np.isfinite(everything)) or np.min(everything) < -1e-6:
            raise InvalidInputError("fractions and pending kicks of the state must be finite and not negative")
        if np.max(np.abs(state.mass - 1)) > 1e-6:
            raise InvalidInputError(f"the fractions of each population must sum to 1, not {state.mass.tolist()}")
        if np.any(state.refractory[~self.has_refractory] != 0):
            raise InvalidInputError("a population without refractory time cannot have refractory neurons")
        X = np.zeros(self.size)
        for x, first in enumerate(self.first):
            X[first : first + K] = state.potentials[x]
            if self.has_refractory[x]:
                X[first + K] = state.refractory[x]
        X[self.places :] = np.ravel(state.pending)
        return X


def _on_one_pattern(matrices: Sequence[csr_array]) -> tuple[np.ndarray, csr_array]:
    """The values (m, nonzeros) of m matrices on their common pattern, and a matrix with that pattern."""
    pattern = csr_array(sum(abs(one) for one in matrices))
    pattern.sort_indices()
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    return np.stack([one.toarray()[rows, pattern.indices] for one in matrices]), pattern
