"""All networks with folds at two given inputs, for given J_EI and J_II.

The networks with a fold at one input then form a curve in the plane of J_EE and J_IE, with the inhibitory input w as
its parameter (``fold_networks``); those with folds at both inputs are the crossings of two curves. Crossings are found
between the segments of both curves and refined by Newton's method in the two w. Units: mV/s, Hz, mV.
"""

from __future__ import annotations

import numpy as np

from .fold_networks import FoldNetworks, inhibitory_inputs, networks_with_fold, weight_box
from .request import PAIRS, Range, Setting

_NEAR = 1.0
"""Crossings are looked for up to this far out of the bounds, in log J."""


def networks_with_both_folds(
    setting: Setting, window: Range, ratio: float, J_EI: np.ndarray, J_II: np.ndarray
) -> tuple[FoldNetworks, FoldNetworks]:
    """The networks with folds at both ends of a window (mV/s), for given J_EI and J_II (mV, shape (p,)).

    Returns the same networks twice, as described at the fold at the lower and at the upper end, shape (k,).
    """
    curves = [
        networks_with_fold(setting, mu, ratio, inhibitory_inputs(setting, ratio * mu), J_EI[:, None], J_II[:, None])
        for mu in window
    ]
    with np.errstate(all="ignore"):
        planes = [np.log(np.stack([curve.J_EE, curve.J_IE], axis=-1)) for curve in curves]
    box = weight_box(setting)[[PAIRS.index(pair) for pair in ("EE", "IE")]] + [-_NEAR, _NEAR]
    problems, starts = [], []
    for k in range(len(J_EI)):
        at = _crossings(planes[0][k], planes[1][k], box)
        ws = [curve.w[k] for curve in curves]
        ends = [np.interp(position, np.arange(len(w)), w) for position, w in zip(at, ws, strict=True)]
        starts.append(np.stack(ends, axis=-1))
        problems.append(np.full(len(ends[0]), k))
    problem, w = np.concatenate(problems), np.concatenate(starts)
    return _refined(setting, window, ratio, J_EI[problem], J_II[problem], w)


def _crossings(first: np.ndarray, second: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Crossings of two polylines of shapes (m, 2) and (n, 2) in or near a box (2, 2): positions on each, in vertices.

    NaN vertices break a line.
    """
    pieces = []
    for line in (first, second):
        start, step = line[:-1], np.diff(line, axis=0)
        low, high = np.minimum(start, line[1:]), np.maximum(start, line[1:])
        # A comparison with NaN is false.
        valid = np.flatnonzero(np.all((high >= box[:, 0]) & (low <= box[:, 1]), axis=1))
        pieces.append((valid, start[valid], step[valid]))
    (index_a, start_a, step_a), (index_b, start_b, step_b) = pieces
    gap = start_b[None] - start_a[:, None]
    cross = _wedge(step_a[:, None], step_b[None])
    with np.errstate(all="ignore"):
        along_a = _wedge(gap, step_b[None]) / cross
        along_b = _wedge(gap, step_a[:, None]) / cross
    i, j = np.nonzero((along_a >= 0) & (along_a <= 1) & (along_b >= 0) & (along_b <= 1))
    return index_a[i] + along_a[i, j], index_b[j] + along_b[i, j]


def _wedge(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _refined(
    setting: Setting, window: Range, ratio: float, J_EI: np.ndarray, J_II: np.ndarray, w: np.ndarray
) -> tuple[FoldNetworks, FoldNetworks]:
    """Newton's method in the inhibitory inputs w (shape (k, 2), mV/s) for equal J_EE and J_IE at both folds."""

    def networks(w: np.ndarray) -> tuple[FoldNetworks, FoldNetworks]:
        return tuple(networks_with_fold(setting, mu, ratio, w[:, i], J_EI, J_II) for i, mu in enumerate(window))

    def plane(network: FoldNetworks) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.log(np.stack([network.J_EE, network.J_IE], axis=-1))

    step = 1e-6
    for _ in range(25):
        lower, upper = networks(w)
        difference = plane(lower) - plane(upper)
        ahead = [plane(one) for one in networks(w + step)]
        behind = [plane(one) for one in networks(w - step)]
        slopes = [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
        determinant = -_wedge(slopes[0], slopes[1])
        with np.errstate(all="ignore"):
            change = np.stack(
                [_wedge(difference, -slopes[1]) / determinant, _wedge(slopes[0], difference) / determinant], axis=-1
            )
        w = w - np.clip(np.where(np.isfinite(change), change, 0.0), -2.0, 2.0)
    lower, upper = networks(w)
    exact = np.all(np.abs(plane(lower) - plane(upper)) < 1e-10, axis=-1)
    return lower.where(exact), upper.where(exact)
