"""A bound on the rates of every steady state of a supralinear network, so that a search of a box can be a proof.

Let S be the populations that fire in a state of nu_X = a_X (sum_Y W_XY nu_Y + m_X)_+^n_X, where W are signed weights
and m = mu_ext - b. On S, with z_X = (nu_X / a_X)^(1/n_X),

    sum_Y W_XY nu_Y = z_X - m_X.

A population of S that is excited only by populations K with a bound has the bound a (W_+ nu_K + m)_+^n. For others,
let y be a vector over S with c = (W^T y) >= 0 on the populations without a bound and c_X >= 1; then

    nu_X <= sum_U c_U nu_U = y (z - m - W_K nu_K) <= |y| (z + |m| + |W_K| nu_K),

and with one y for each X of a set U this is nu_U <= g(nu_U). Rows of the inverse of W are such y; where W is singular
others exist unless some growth of the rates is balanced exactly. g grows with nu_U but, as n_X > 1, more slowly than
nu_U. So g(B) <= B makes B a bound: otherwise let t > 1 be the largest nu_X / B_X; then
nu_X <= g(t B)_X < t g(B)_X <= t B_X = nu_X. The bound of all states is the largest over all sets S.
Units: rates in Hz, m in mV/s, W in mV, a in Hz/(mV/s)^n.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import linprog

__all__ = ["rate_limits"]

_SINGULAR = 1e-6
_LARGEST_LIMIT = 1e12  # Hz; a larger bound is no use
_MOST_POPULATIONS = 8  # 2^n sets are examined


@dataclass(frozen=True, eq=False)
class _Step:
    """Populations ``chosen`` (mask over S) are bounded at once: by their excitation if ``factors`` is None, else
    by nu <= factors (z + |m| + |W_K| nu_K) + error nu, factors (k, S) and error (k, k)."""

    chosen: np.ndarray
    factors: np.ndarray | None = None
    error: np.ndarray | None = None


def rate_limits(a: np.ndarray, n: np.ndarray, m: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rates (k,), Hz, that no steady state exceeds; infinite where no bound is found.

    Parameters: a, n, m = mu_ext - b, each (k,), and signed weights (k, k), [target, source].
    """
    size = len(a)
    limits = np.zeros(size)
    if size > _MOST_POPULATIONS:
        return np.full(size, np.inf)
    for active, steps in _plans(weights.tobytes(), size):
        index = list(active)
        bound = _bound(steps, a[index], n[index], m[index], weights[np.ix_(index, index)])
        limits[index] = np.maximum(limits[index], bound)
    return limits


@functools.lru_cache(maxsize=256)
def _plans(weights: bytes, size: int) -> tuple[tuple[tuple[int, ...], tuple[_Step, ...]], ...]:
    """The steps for every set of active populations; they depend on the weights alone."""
    matrix = np.frombuffer(weights).reshape(size, size)
    sets = [chosen for count in range(1, size + 1) for chosen in combinations(range(size), count)]
    return tuple((chosen, tuple(_steps(matrix[np.ix_(chosen, chosen)]))) for chosen in sets)


def _steps(weights: np.ndarray) -> list[_Step]:
    known = np.zeros(len(weights), bool)
    steps: list[_Step] = []
    while not known.all():
        reachable = ~known & ~(weights[:, ~known] > 0).any(1)
        step = _Step(reachable) if reachable.any() else _inverse_step(weights, known)
        if step is None:
            break
        steps.append(step)
        known = known | step.chosen
    return steps


def _inverse_step(weights: np.ndarray, known: np.ndarray) -> _Step | None:
    open_ = ~known
    matrix = weights[:, open_]
    inverse = np.linalg.pinv(matrix)
    error = np.abs(np.eye(matrix.shape[1]) - inverse @ matrix) + 1e-14 * np.abs(inverse) @ np.abs(matrix)
    if error.sum(1).max() < _SINGULAR:
        return _Step(open_, np.abs(inverse), error)
    rows = np.ones(len(weights), bool)  # whose z may be used: those with a bound, before or by this step
    while True:
        found = {index: _combination(weights, open_, rows, index) for index in np.flatnonzero(open_ & rows)}
        if not found:
            return None
        failed = [index for index, y in found.items() if y is None]
        if not failed:
            chosen = np.zeros(len(weights), bool)
            chosen[list(found)] = True
            factors = np.array([np.abs(y) for y in found.values() if y is not None])
            return _Step(chosen, factors, np.zeros((len(found), len(found))))
        rows[failed] = False


def _combination(weights: np.ndarray, open_: np.ndarray, rows: np.ndarray, index: int) -> np.ndarray | None:
    """The smallest y over S, zero outside ``rows``, with weights^T y >= 0 on ``open_`` and >= 1 at ``index``."""
    scale = np.abs(weights).max()
    matrix = weights[np.ix_(rows, open_)].T / scale
    least = (np.flatnonzero(open_) == index) * 1.0 + 1e-7
    done = linprog(
        np.ones(2 * rows.sum()), A_ub=np.hstack([-matrix, matrix]), b_ub=-least, bounds=(0.0, 1.0 / _SINGULAR)
    )
    if not done.success:
        return None
    y = np.zeros(len(weights))
    y[rows] = done.x[: rows.sum()] - done.x[rows.sum() :]
    # The solver keeps its constraints to a tolerance only; what is used must hold, rounding included.
    gained = (weights[:, open_] / scale).T @ y - 1e-13 * np.abs(weights[:, open_] / scale).T @ np.abs(y)
    excited = np.abs(weights[:, open_]).max(0) > 0
    good = (gained[excited] >= 0).all() and gained[np.flatnonzero(open_) == index][0] >= 1
    return y / scale if good else None


def _bound(
    steps: tuple[_Step, ...], a: np.ndarray, n: np.ndarray, m: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    bound = np.full(len(a), np.inf)
    positive = np.maximum(weights, 0.0)
    for step in steps:
        known = np.isfinite(bound)
        if step.factors is None:
            drive = np.maximum(positive[:, known] @ bound[known] + m, 0.0)
            rates = (a * drive**n * (1 + 1e-12))[step.chosen]
        else:
            rates = _largest(step, a, n, np.abs(m) + np.abs(weights[:, known]) @ bound[known], bound)
        bound[step.chosen] = np.where(rates < _LARGEST_LIMIT, rates, np.inf)
        if not np.isfinite(bound[step.chosen]).all():
            break
    return bound


def _largest(step: _Step, a: np.ndarray, n: np.ndarray, fixed: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """A solution B of g(B) <= B, lowered as far as a few iterations of g go; infinite if none is found."""
    assert step.factors is not None
    assert step.error is not None

    def image(rates: np.ndarray) -> np.ndarray:
        full = np.where(np.isfinite(bound), bound, 0.0)  # z of what stays without a bound has the factor 0
        full[step.chosen] = rates
        return step.factors @ ((full / a) ** (1 / n) + fixed) * (1 + 1e-9) + step.error @ rates + 1e-9

    rates = np.ones(int(step.chosen.sum()))
    for _ in range(200):
        following = image(rates)
        if (following <= rates).all():
            break
        rates = 1.5 * np.maximum(rates, following)
        if rates.max() > _LARGEST_LIMIT:
            return np.full(len(rates), np.inf)
    else:
        return np.full(len(rates), np.inf)
    for _ in range(30):
        rates = np.minimum(rates, image(rates))
    return rates
