"""Stable limit cycles of the master equation of networks of kicks.

The equations are integrated until they repeat; then the state X and period T of the cycle are solved for,

    phi_T(X) - X = 0,     F(X_0) . (X - X_0) = 0,

phi the flow and the second equation a Poincaré section through the last state, by Newton's method. The products of
the monodromy matrix with vectors that GMRES asks for are integrals of the variational equation; so are those of which
ARPACK makes the largest Floquet multipliers. Source: Kuznetsov, Elements of Applied Bifurcation Theory, chapter 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.sparse.linalg import LinearOperator, eigs, gmres

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .kick_equations import KickEquations, KickState
from .kick_flow import right_hand_side, variational_right_hand_side
from .kick_simulation import integrator, simulate
from .parameters import MarkovNetwork
from .run import MarkovRun

__all__ = ["KickCycle", "limit_cycle"]

_TOLERANCE = 1e-10
_MOST_VOLLEYS = 8
_BIN = 5e-4


@dataclass(frozen=True, eq=False)
class KickCycle:
    """A limit cycle.

    Attributes
    ----------
    period : s.
    volleys : how often activity rises above its mean in a period: 1, or 2 after a period doubling …
    rates : (n,) Hz, means over a period.
    multipliers : largest Floquet multipliers in modulus but the trivial one, by falling modulus.
    trivial : the multiplier that is 1 in exact arithmetic, a check of the accuracy.
    residual : largest |X(T) - X(0)|.
    state : a state on the cycle.
    run : the course over one period from ``state`` on.
    """

    period: float
    volleys: int
    rates: np.ndarray
    multipliers: tuple[complex, ...]
    trivial: complex
    residual: float
    state: KickState
    run: MarkovRun

    @property
    def stable(self) -> bool:
        """Whether all the multipliers computed but the trivial one lie inside of the unit circle."""
        return all(abs(one) < 1 for one in self.multipliers)


def limit_cycle(
    network: MarkovNetwork,
    *,
    initial: KickState | None = None,
    settle: float = 1.0,
    multipliers: int = 4,
    compiled: bool = True,
) -> KickCycle:
    """The limit cycle that the equations approach from ``initial``, by default all neurons at the reset.

    ``settle`` s to integrate before Newton's method takes over; ``multipliers`` how many Floquet multipliers.

    Raises InvalidInputError for a bad network or state, SsnbrianError if the equations settle at a stationary state,
    have not begun to repeat within ``settle`` or repeat after more than 8 volleys only.
    """
    if not 1 <= multipliers <= 20:
        raise InvalidInputError(f"multipliers must be from 1 to 20, not {multipliers}")
    settled = simulate(network, _BIN * max(round(settle / _BIN), 200), initial=initial, bin=_BIN, compiled=compiled)
    volleys, period = _recurrence(settled)
    shooting = _Shooting(KickEquations(network), compiled)
    X, period, residual = shooting.solve(shooting.equations.vector(settled.final), period)
    factors = shooting.multipliers(X, period, multipliers + 1)
    trivial = int(np.argmin(np.abs(factors - 1)))
    state = shooting.equations.state(X)
    run = simulate(network, period, initial=state, bin=period / 256, tolerance=_TOLERANCE, compiled=compiled)
    rest = sorted(np.delete(factors, trivial), key=lambda one: (-abs(one), -one.imag))
    return KickCycle(
        period=period,
        volleys=volleys,
        rates=run.rates.mean(axis=1),
        multipliers=tuple(complex(one) for one in rest),
        trivial=complex(factors[trivial]),
        residual=residual,
        state=state,
        run=run.after(0.0),
    )


def _recurrence(run: MarkovRun) -> tuple[int, float]:
    """Volleys in a period and the period (s), from the second half of a run that has settled to its cycle."""
    late = run.pending.reshape(-1, run.pending.shape[2])[:, run.pending.shape[2] // 2 :]
    spread, mean = np.std(late, axis=1), np.mean(late, axis=1)
    relative = np.divide(spread, mean, out=np.zeros_like(mean), where=mean > 0)
    signal = late[np.argmax(relative)]
    if np.max(relative) < 1e-4:
        raise SsnbrianError("the equations settle at a stationary state; there is no limit cycle to find from here")
    curve = CubicSpline(np.arange(len(signal)) * run.dt, signal - np.mean(signal))
    rises = np.array([time for time in curve.roots(extrapolate=False) if curve(time, 1) > 0])
    if len(rises) < 2 * _MOST_VOLLEYS:
        raise SsnbrianError(f"only {len(rises)} volleys were seen; let the equations settle for longer")
    intervals = np.diff(rises)
    borders = np.ceil(rises / run.dt).astype(int)
    peaks = np.array([np.max(signal[a:b]) for a, b in pairwise(borders)])
    for volleys in range(1, _MOST_VOLLEYS + 1):
        misfit = np.max(np.abs(intervals[volleys:] - intervals[:-volleys])) / np.mean(intervals)
        if max(misfit, np.max(np.abs(peaks[volleys:] - peaks[:-volleys])) / np.ptp(signal)) < 0.02:
            return volleys, float(np.mean(rises[volleys:] - rises[:-volleys]))
    raise SsnbrianError(
        f"the course does not repeat within {_MOST_VOLLEYS} volleys; let the equations settle for longer, if they have "
        "a limit cycle at all"
    )


class _Shooting:
    """The equations of a cycle in the coordinates that keep all masses."""

    def __init__(self, equations: KickEquations, compiled: bool) -> None:
        self.equations = equations
        self._right = right_hand_side(equations, compiled)
        self._varied = variational_right_hand_side(equations, compiled)
        self._embedding, self._kept = equations.embedding, equations.kept

    def flow(self, X: np.ndarray, time: float) -> np.ndarray:
        """The state (D,) after ``time`` s."""
        start = np.concatenate([X, np.zeros(len(self.equations.network.names))])
        return integrator(self._right, start, _TOLERANCE)(time)[: self.equations.size]

    def variation(self, X: np.ndarray, time: float, v: np.ndarray) -> np.ndarray:
        """The monodromy matrix over ``time`` s times v, both (D - n,)."""
        start = np.concatenate([X, self._embedding @ v])
        return integrator(self._varied, start, _TOLERANCE)(time)[self.equations.size :][self._kept]

    def solve(self, X: np.ndarray, period: float) -> tuple[np.ndarray, float, float]:
        """A point of the cycle (D,), its period (s) and the largest |X(T) - X(0)|, from a guess of both."""
        kept, size = self._kept, len(self._kept)
        origin, along = X, self.equations(X)[kept]
        along = along / np.linalg.norm(along)
        for _ in range(12):
            end = self.flow(X, period)
            speed = self.equations(end)[kept] * period
            residual = np.append((end - X)[kept], along @ (X - origin)[kept])
            if np.max(np.abs(residual)) < 100 * _TOLERANCE:
                return X, period, float(np.max(np.abs(end - X)))

            def product(step: np.ndarray, X=X, period=period, speed=speed) -> np.ndarray:
                v = step[:size]
                return np.append(self.variation(X, period, v) - v + speed * step[size], along @ v)

            operator = LinearOperator((size + 1, size + 1), matvec=product, dtype=float)
            step, _ = gmres(operator, -residual, rtol=1e-5, atol=0.0, restart=40, maxiter=1)
            X, period = X + self._embedding @ step[:size], period * (1 + step[size])
            if not (np.all(np.isfinite(X)) and period > 0):
                break
        raise SsnbrianError("Newton's method did not converge to a limit cycle; let the equations settle for longer")

    def multipliers(self, X: np.ndarray, period: float, most: int) -> np.ndarray:
        """(most,) Floquet multipliers largest in modulus, the trivial one among them."""
        size = len(self._kept)
        monodromy = LinearOperator((size, size), matvec=lambda v: self.variation(X, period, v), dtype=float)
        start = self.equations(X)[self._kept]
        return eigs(monodromy, most, v0=start / np.linalg.norm(start), tol=1e-7, return_eigenvectors=False)
