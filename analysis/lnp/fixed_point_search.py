"""Fixed points of an LNP network for N to infinity: mu - h + tau J f(h) = 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, root
from scipy.stats import qmc

from ssnbrian.circuit import InvalidInputError

from .network import LNPNetwork

GRID = 4001
STARTS = 256


@dataclass(frozen=True)
class FixedPoint:
    """``potential`` h, mV, (n,); ``rates`` f(h), Hz, (n,); ``growth``: largest real part of an eigenvalue, 1/s."""

    potential: tuple[float, ...]
    rates: tuple[float, ...]
    growth: float

    @property
    def stable(self) -> bool:
        """Whether small deviations decay."""
        return self.growth < 0


def fixed_points(network: LNPNetwork, between: Sequence[tuple[float, float]] | None = None) -> tuple[FixedPoint, ...]:
    """Fixed points with h in ``between`` ((low, high) in mV for each population), sorted by h of the first population.

    Without ``between`` the box that bounded transfer functions allow is searched. One population: every change of sign
    of the drift on a grid of 4001 points, so that only pairs closer than that are missed. More: 256 starts of Newton's
    method spread over the box; the list can be incomplete. Raises InvalidInputError for a missing or empty box.
    """
    box = _box(network, between)
    if len(network.sizes) == 1:
        found = [np.array([one]) for one in _roots(network, *box[0])]
    else:
        found = _searched(network, np.array(box))
    points = [
        FixedPoint(
            tuple(h.tolist()),
            tuple(network.rates(h).tolist()),
            float(np.linalg.eigvals(network.jacobian(h)).real.max()),
        )
        for h in found
    ]
    return tuple(sorted(points, key=lambda point: point.potential))


def _box(network: LNPNetwork, between: Sequence[tuple[float, float]] | None) -> list[tuple[float, float]]:
    n = len(network.sizes)
    if between is not None:
        if len(between) != n or not all(-math.inf < low < high < math.inf for low, high in between):
            raise InvalidInputError(f"between: expected {n} finite (low, high) in mV, low < high; got {between}")
        return list(between)
    maxima = np.array([one.maximum for one in network.transfers])
    if not np.all(np.isfinite(maxima)):
        raise InvalidInputError("a transfer function has no upper bound: say between which h (mV) to search")
    input_ = np.array(network.weights) * maxima
    mu, tau = np.array(network.mu), np.array(network.tau)
    low, high = mu + tau * np.minimum(input_, 0).sum(axis=1), mu + tau * np.maximum(input_, 0).sum(axis=1)
    margin = 1e-6 * (high - low) + 1e-9
    return list(zip((low - margin).tolist(), (high + margin).tolist(), strict=True))


def _roots(network: LNPNetwork, low: float, high: float) -> list[float]:
    def drift(h: float) -> float:
        return float(network.drift(np.array([h]))[0])

    grid = np.linspace(low, high, GRID)
    values = np.array([drift(h) for h in grid])
    found = [float(h) for h, value in zip(grid, values, strict=True) if value == 0]
    for k in np.flatnonzero(values[:-1] * values[1:] < 0):
        found.append(float(brentq(drift, grid[k], grid[k + 1], xtol=1e-14, rtol=1e-14)))
    return found


def _searched(network: LNPNetwork, box: np.ndarray) -> list[np.ndarray]:
    starts = qmc.scale(qmc.Sobol(len(box), seed=0).random(STARTS), box[:, 0], box[:, 1])
    scale = box[:, 1] - box[:, 0]
    found: list[np.ndarray] = []
    for start in starts:
        solution = root(network.drift, start, jac=network.jacobian, tol=1e-12)
        h = solution.x
        size = np.abs(h / np.array(network.tau)) + np.abs(np.array(network.weights)) @ network.rates(h) + 1e-9
        if np.any(np.abs(network.drift(h)) > 1e-9 * size) or np.any(h < box[:, 0]) or np.any(h > box[:, 1]):
            continue
        if all(np.any(np.abs(h - other) > 1e-7 * scale) for other in found):
            found.append(h)
    return found
