"""The conductance network's differential equations X' = F(X) in continuous time, by finite volumes.

The density p of the potentials of a population obeys, with the drift mu(V) and the noise sigma²(V) that the mean and
the variance of the pending kicks give (:mod:`.conductance_noise`),

    dp/dt = -dJ/dV + (refractory/tau_r) delta(V - reset),   J = mu p - (1/2) d(sigma² p)/dV,

J = 0 at the lowest edge, p = 0 at the threshold, where J is the rate f; refractory' = f - refractory/tau_r. In cells
of equal width the drift carries, over each edge, the value that the density of the cell upwind, linear with the central
slope of its neighbours, has there; the noise carries the difference quotient of sigma² p, at the threshold that of the
parabola through p = 0 with the averages of the last two cells. Both are of second order, and F is, between changes of
sign of the drift at the edges, a polynomial of second degree with a sparse Jacobian. A slope is not limited, which
would make F less smooth: where a cell is wider than the boundary layer sigma²/(2 mu), a density may undershoot zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .conductance_noise import CORRELATION_TIME, correlation_times, inhibition_share, stationary_pending
from .parameters import MarkovNetwork

__all__ = ["ConductanceEquations"]


@dataclass(frozen=True, eq=False)
class ConductanceEquations:
    """F and its Jacobian for ``network``, in ``cells`` of equal width between ``bottom`` (mV) and the threshold.

    A state X is one array (variables,): for each population the shares of its neurons in the cells and refractory,
    then the means (n, n) and the variances (n, n), target by source, of the pending kicks, flattened.
    ``correlation_time`` (s) as in :func:`.simulate_decorrelated_network`. Raises InvalidInputError for less than four
    cells, a bottom that is not below the reset, a wrong correlation time, and a refractory time of 0.
    """

    network: MarkovNetwork
    cells: int = 140
    bottom: float = -40.0
    correlation_time: float | np.ndarray | None = CORRELATION_TIME

    def __post_init__(self) -> None:
        if not (isinstance(self.cells, int | np.integer) and self.cells >= 4):
            raise InvalidInputError(f"cells must be a whole number of at least 4, not {self.cells!r}")
        if not (np.isfinite(self.bottom) and self.bottom < self.network.reset):
            raise InvalidInputError(
                f"bottom must be finite and below the reset ({self.network.reset} mV), not {self.bottom} mV"
            )
        if np.any(self.network.refractory == 0):
            raise InvalidInputError(
                "refractory must be positive: the equations in continuous time hold back the neurons that have spiked"
            )
        correlation_times(self.network, self.correlation_time)

    @property
    def variables(self) -> int:
        """Length of a state."""
        n = len(self.network.names)
        return n * (self.cells + 1) + 2 * n * n

    @cached_property
    def edges(self) -> np.ndarray:
        """(cells + 1,) mV."""
        return np.linspace(self.bottom, self.network.threshold, self.cells + 1)

    @property
    def width(self) -> float:
        """Of a cell, mV."""
        return (self.network.threshold - self.bottom) / self.cells

    def initial_state(self) -> np.ndarray:
        """Neurons evenly between reset and threshold, none refractory, no pending kicks."""
        shares = np.diff(np.maximum(self.edges, self.network.reset)) / (self.network.threshold - self.network.reset)
        n = len(self.network.names)
        return self.joined(np.tile(shares, (n, 1)), np.zeros(n), np.zeros((n, n)), np.zeros((n, n)))

    def joined(self, mass: np.ndarray, refractory: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """The state of ``mass`` (n, cells), ``refractory`` (n,), ``mean`` and ``variance`` (n, n)."""
        return np.concatenate([np.column_stack([mass, refractory]).ravel(), mean.ravel(), variance.ravel()])

    def parts(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mass (n, cells), refractory (n,), mean and variance (n, n) of a state."""
        n = len(self.network.names)
        split = n * (self.cells + 1)
        held = state[:split].reshape(n, -1)
        mean, variance = state[split:].reshape(2, n, n)
        return held[:, :-1], held[:, -1], mean, variance

    def drift(self, mean: np.ndarray) -> np.ndarray:
        """(n, cells + 1) mV/s at the edges, with the mean numbers (n, n) of pending kicks."""
        free = self.network.drive[:, None] - self.edges / self.network.leak_time
        return free + np.einsum("xye,xy->xe", self._drift_per_kick, mean)

    def noise(self, variance: np.ndarray) -> np.ndarray:
        """sigma² (n, cells) mV²/s in the cells, with the variances (n, n) of the pending kicks."""
        return self.network.drive[:, None] + np.einsum("xyc,xy->xc", self._noise_per_variance, variance)

    def fluxes(self, state: np.ndarray) -> np.ndarray:
        """J (n, cells + 1) in Hz, share of the population over each edge."""
        mass, _, mean, variance = self.parts(state)
        drift = self.drift(mean)
        return drift * self._upwind(drift, mass) + (self._spreading @ (self.noise(variance) * mass).T).T

    def rates(self, state: np.ndarray) -> np.ndarray:
        """(n,) Hz, the flux over the threshold."""
        return self.fluxes(state)[:, -1]

    def derivative(self, state: np.ndarray) -> np.ndarray:
        """F (variables,) per s."""
        return self._decaying @ state + self._following @ self.fluxes(state).ravel()

    def jacobian(self, state: np.ndarray) -> sparse.csc_matrix:
        """dF/dX (variables, variables) per s."""
        mass, _, mean, variance = self.parts(state)
        drift, noise = self.drift(mean), self.noise(variance)
        carried = self._upwind(drift, mass)
        by_share = [self._transport_values(drift[x], noise[x]) for x in self.network.populations]
        by_mean = self._drift_per_kick * carried[:, None]
        by_variance = [self._spreading @ (self._noise_per_variance[x] * mass[x]).T for x in self.network.populations]
        values = np.concatenate([*by_share, by_mean.ravel(), np.array(by_variance).transpose(0, 2, 1).ravel()])
        shape = (len(mass) * (self.cells + 1), self.variables)
        change = sparse.csr_matrix((values, self._jacobian_places), shape)
        return (self._decaying + self._following @ change).tocsc()

    def transport(self, drift: np.ndarray, noise: np.ndarray) -> sparse.csr_matrix:
        """The fluxes (cells + 1, cells) of one population with ``drift`` (cells + 1,) and ``noise`` (cells,)."""
        rows, columns, *_ = self._stencil
        return sparse.csr_matrix((self._transport_values(drift, noise), (rows, columns)))

    def stationary_density(self, x: int, rates: np.ndarray) -> tuple[np.ndarray, float]:
        """Shares (cells,) and rate (Hz) of population x while all populations fire at constant ``rates`` (n,) Hz.

        One linear solve: the flux out of every cell is the rate times what enters it, and the mass is 1. A rate below
        the rounding errors of the solve, about 1e-9 Hz, may come out as zero or negative. Raises SsnbrianError where
        nothing moves the neurons.
        """
        mean, variance = stationary_pending(self.network, rates)
        fluxes = self.transport(self.drift(mean)[x], self.noise(variance)[x])
        leaving = fluxes[1:] - fluxes[:-1]
        # Rows in 1/s beside a row without unit: scaled alike, which keeps the solve accurate at very low rates.
        scale = np.abs(leaving.diagonal()).mean()
        try:
            solved = self._solved(leaving / scale, scale * self.network.refractory[x]) if scale > 0.0 else None
        except RuntimeError:
            solved = None
        if solved is None:
            raise SsnbrianError(
                f"population {self.network.names[x]} has no unique stationary density: at these rates nothing moves it"
            )
        return solved[:-1], float(scale * solved[-1])

    def _solved(self, leaving: sparse.csr_matrix, refractory: float) -> np.ndarray:
        """Shares and rate of mass 1 with leaving @ shares = rate entry; splu's RuntimeError if that is singular."""
        last_row = [np.ones((1, self.cells)), np.array([[refractory]])]
        matrix = sparse.bmat([[leaving, -self.entry[:, None]], last_row], format="csc")
        return splu(matrix).solve(np.append(np.zeros(self.cells), 1.0))

    @cached_property
    def entry(self) -> np.ndarray:
        """(cells,) shares in which the cells receive a neuron that starts from the reset: its mean potential kept."""
        place = np.clip((self.network.reset - self.bottom) / self.width - 0.5, 0.0, self.cells - 1.0)
        low = min(int(place), self.cells - 2)
        shares = np.zeros(self.cells)
        shares[low], shares[low + 1] = low + 1 - place, place - low
        return shares

    @cached_property
    def _drift_per_kick(self) -> np.ndarray:
        """(n, n, cells + 1) mV/s, target by source, of one pending kick, at the edges."""
        network = self.network
        felt = np.where(np.array(network.inhibitory)[:, None], -inhibition_share(network, self.edges), 1.0)
        return (network.weights / network.decay_times)[:, :, None] * felt

    @cached_property
    def _noise_per_variance(self) -> np.ndarray:
        """(n, n, cells) mV²/s, target by source, in the cells."""
        network = self.network
        middles = 0.5 * (self.edges[1:] + self.edges[:-1])
        felt = np.where(np.array(network.inhibitory)[:, None], inhibition_share(network, middles) ** 2, 1.0)
        size = (network.weights / network.decay_times) ** 2 * correlation_times(network, self.correlation_time)
        return size[:, :, None] * felt

    @cached_property
    def _carrying(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Densities (cells + 1, cells) at the edges out of the cells below and above; none at the lowest edge."""
        cells = self.cells
        slopes = sparse.lil_matrix(sparse.diags([-0.5, 0.5], [-1, 1], shape=(cells, cells)))
        slopes[0, :2] = [-1.0, 1.0]
        slopes[-1, -2:] = [-1.0, 1.0]
        middle, half = sparse.identity(cells, format="csr"), 0.5 * slopes.tocsr()
        nothing = sparse.csr_matrix((1, cells))
        below = sparse.vstack([nothing, middle + half]) / self.width
        above = sparse.vstack([nothing, (middle - half)[1:], nothing]) / self.width
        return below.tocsr(), above.tocsr()

    @cached_property
    def _spreading(self) -> sparse.csr_matrix:
        """(cells + 1, cells): fluxes out of sigma² times the shares."""
        cells = self.cells
        rows = sparse.lil_matrix(sparse.diags([1.0, -1.0], [-1, 0], shape=(cells + 1, cells)))
        rows[0, 0] = 0.0
        rows[-1, -2:] = [-0.5, 3.5]
        return rows.tocsr() / (2.0 * self.width**2)

    @cached_property
    def _stencil(self) -> tuple[np.ndarray, ...]:
        """Rows and columns where a flux depends on a share, and there the entries of the three matrices."""
        lower, upper = self._carrying
        rows, columns = (abs(lower) + abs(upper) + abs(self._spreading)).nonzero()
        entries = (np.asarray(one[rows, columns]).ravel() for one in (lower, upper, self._spreading))
        return rows, columns, *entries

    def _transport_values(self, drift: np.ndarray, noise: np.ndarray) -> np.ndarray:
        rows, columns, lower, upper, spreading = self._stencil
        at = drift[rows]
        return np.where(at > 0.0, at * lower, at * upper) + spreading * noise[columns]

    @cached_property
    def _jacobian_places(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows (fluxes) and columns (variables) of the derivatives of the fluxes."""
        n, faces = len(self.network.names), self.cells + 1
        rows, columns = self._stencil[:2]
        first = np.arange(n)[:, None] * faces
        target, source, face = np.indices((n, n, faces)).reshape(3, -1)
        flux, mean = target * faces + face, n * faces + target * n + source
        return (
            np.concatenate([(first + rows).ravel(), flux, flux]),
            np.concatenate([(first + columns).ravel(), mean, mean + n * n]),
        )

    def _upwind(self, drift: np.ndarray, mass: np.ndarray) -> np.ndarray:
        """Densities (n, cells + 1) per mV that the drift carries."""
        lower, upper = self._carrying
        return np.where(drift > 0.0, (lower @ mass.T).T, (upper @ mass.T).T)

    @cached_property
    def _decaying(self) -> sparse.csr_matrix:
        """(variables, variables): what changes the state without a flux."""
        network, n = self.network, len(self.network.names)
        released = sparse.lil_matrix((self.cells + 1, self.cells + 1))
        released[:-1, -1], released[-1, -1] = self.entry[:, None], -1.0
        decay = sparse.diags((1.0 / network.decay_times).ravel())
        pending = sparse.bmat([[-decay, None], [decay, -2.0 * decay]])
        return sparse.block_diag(
            [*(released / network.refractory[x] for x in range(n)), pending], format="csr"
        )

    @cached_property
    def _following(self) -> sparse.csr_matrix:
        """(variables, n (cells + 1)): how the state changes by each flux."""
        network, n = self.network, len(self.network.names)
        faces = self.cells + 1
        moved = sparse.diags([1.0, -1.0], [0, 1], shape=(faces, faces))
        top = sparse.csr_matrix((np.ones(n), (np.arange(n), np.arange(1, n + 1) * faces - 1)), (n, n * faces))
        targets, sources = np.divmod(np.arange(n * n), n)
        p = network.probabilities[targets, sources]
        choose = sparse.csr_matrix((network.sizes[sources], (np.arange(n * n), sources)), (n * n, n))
        kicks = choose @ top
        return sparse.vstack(
            [sparse.block_diag([moved] * n), sparse.diags(p) @ kicks, sparse.diags(p * (1.0 - p)) @ kicks],
            format="csr",
        )
