"""Curves of steady states in the plane of mu_ext and ratio, traced without missing a part that enters a window.

A steady state is given by its drives z = mu_E - b_E and w = mu_I - b_I: they fix the rates (Eq 1), and Eq 3 is linear
in the external inputs. So a condition on states is a curve t -> (z, w), and its image in the plane follows directly,
without solving for steady states. A curve is cut into pieces; the drives on a piece are enclosed, hence its image;
pieces whose image misses the window are dropped, the others cut until their image is small. What is left covers every
point of the curve in the window, cusps included.
Source: Eq 3, 5 and 6 of Ekelmans, Kraynyukova & Tchumatchenko 2023. Units: mV/s, Hz.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .characteristic import TwoPopulationSSN
from .root_enclosure import midpoint

RESOLUTION = 400
"""Pieces are cut until the images of their ends are closer than this fraction of the window in both directions,"""
LARGEST_BOX = 20
"""and the enclosure of the image between them is smaller than this one."""
_ROUNDING = 1e-12
_LEVELS = 200
_MOST_PIECES = 40_000
Drives = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Window:
    """The rectangle mu_ext (mV/s) by ratio, (lowest, highest) each, in which boundaries are wanted."""

    mu_ext: tuple[float, float]
    ratio: tuple[float, float]

    @property
    def corners(self) -> np.ndarray:
        """External inputs (mu_ext_E, mu_ext_I) in mV/s at the corners, shape (4, 2)."""
        return np.array([(mu, ratio * mu) for mu in self.mu_ext for ratio in self.ratio])

    def contains(self, mu: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        """Whether points lie in the closed window."""
        (left, right), (bottom, top) = self.mu_ext, self.ratio
        return (mu >= left) & (mu <= right) & (ratio >= bottom) & (ratio <= top)

    def touches(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Whether boxes of external inputs, corners of shape (m, 2) in mV/s, can hold a point of the window.

        At mu_ext > 0 such a point has r_low mu_ext <= mu_ext_I <= r_high mu_ext, at mu_ext < 0 the reverse.
        """
        bottom, top = self.ratio
        left, right = np.maximum(low[:, 0], self.mu_ext[0]), np.minimum(high[:, 0], self.mu_ext[1])
        lower, upper = low[:, 1], high[:, 1]
        forward = (right >= 0) & (upper >= bottom * np.maximum(left, 0)) & (lower <= top * right)
        backward = (left <= 0) & (lower <= bottom * np.minimum(right, 0)) & (upper >= top * left)
        return ~(left > right) & (forward | backward)

    def extent(self, low: np.ndarray, high: np.ndarray, ratio_width: np.ndarray | None = None) -> np.ndarray:
        """Larger side of the image of boxes of external inputs in units of the window, shape (m,).

        ``ratio_width`` is the width in the ratio where it is known.
        """
        in_mu = (high[:, 0] - low[:, 0]) / (self.mu_ext[1] - self.mu_ext[0])
        if ratio_width is None:
            with np.errstate(all="ignore"):
                quotients = np.stack([b / a for a in (low[:, 0], high[:, 0]) for b in (low[:, 1], high[:, 1])])
                one_sign = (low[:, 0] > 0) | (high[:, 0] < 0)
                ratio_width = np.where(one_sign, np.ptp(quotients, axis=0), np.inf)
        return np.maximum(in_mu, ratio_width / (self.ratio[1] - self.ratio[0]))


class Path(ABC):
    """A curve of states t -> (z, w), t >= 0."""

    @abstractmethod
    def drives(self, t: np.ndarray) -> Drives:
        """(z, w) in mV/s at t, shape (m,) each; NaN where the curve has no state."""

    @abstractmethod
    def enclosed(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of (z, w) on pieces [left, right], shape (m, 2) each; NaN: unknown.

        A lower bound of +inf says that the curve has no state on the piece.
        """

    def ratio(self, t: np.ndarray) -> np.ndarray | None:
        """The ratio at t if it does not take the external inputs to know it, else None."""
        return None

    def input_bounds(
        self, network: TwoPopulationSSN, left: np.ndarray, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of the external inputs in mV/s on pieces, shape (m, 2) each; +inf below: no state."""
        low, high = self.enclosed(left, right)
        lower, upper = _input_bounds(network, low, high)
        return np.where(np.any(low == np.inf, axis=1)[:, None], np.inf, lower), upper


class MonotonePath(Path):
    """A curve on which z and w are monotone in t, each in either direction.

    ``monotone_image``: between the breaks given to ``trace`` both external inputs are monotone as well, so their
    values at the ends bound them.
    """

    def __init__(self, drives: Callable[[np.ndarray], Drives], monotone_image: bool = True) -> None:
        self._drives, self.monotone_image = drives, monotone_image

    def drives(self, t: np.ndarray) -> Drives:
        """See :class:`Path`."""
        t = np.asarray(t, dtype=float)
        z, w = self._drives(t)
        return z + 0 * t, w + 0 * t

    def enclosed(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Path`."""
        ends = np.stack([np.stack(self.drives(t), axis=-1) for t in (left, right)])
        size = _ROUNDING * np.abs(ends).max(axis=0)
        return ends.min(axis=0) - size, ends.max(axis=0) + size

    def input_bounds(
        self, network: TwoPopulationSSN, left: np.ndarray, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Path`."""
        if not self.monotone_image:
            return super().input_bounds(network, left, right)
        ends, size = [], np.zeros((len(left), 2))
        for t in (left, right):
            z, w = self.drives(t)
            ends.append(external_inputs(network, z, w))
            size = np.maximum(size, np.abs(np.stack([z, w], axis=-1)))
            size = np.maximum(size, rates_of(network, z, w) @ np.abs(network.weights).T)
        lower, upper = np.minimum(*ends) - _ROUNDING * size, np.maximum(*ends) + _ROUNDING * size
        return np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper)


@functools.lru_cache(maxsize=64)
def _without_offsets(network: TwoPopulationSSN) -> TwoPopulationSSN:
    return replace(network, b_E=0.0, b_I=0.0)


def rates_of(network: TwoPopulationSSN, z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(nu_E, nu_I) in Hz at drives in mV/s, shape (m, 2); exact for drives far below the offsets."""
    return _without_offsets(network).rates(np.stack([z, w], axis=-1))


def external_inputs(network: TwoPopulationSSN, z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """External inputs (mu_ext_E, mu_ext_I) in mV/s that hold the network at drives z, w (Eq 3), shape (m, 2)."""
    total = np.stack([z, w], axis=-1) + np.array([network.b_E, network.b_I])
    return total - rates_of(network, z, w) @ network.weights.T


def points(network: TwoPopulationSSN, path: Path, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """mu_ext in mV/s (m,), ratio (m,) and rates in Hz (m, 2) at the parameters t of a curve; NaN: no state."""
    z, w = path.drives(t)
    mu, known = external_inputs(network, z, w), path.ratio(t)
    with np.errstate(divide="ignore", invalid="ignore"):
        return mu[:, 0], mu[:, 1] / mu[:, 0] if known is None else known, rates_of(network, z, w)


def _input_bounds(network: TwoPopulationSSN, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    offset = np.array([network.b_E, network.b_I])
    excitation, inhibition = np.maximum(network.weights, 0).T, np.minimum(network.weights, 0).T
    fewest, most = (_without_offsets(network).rates(drives) for drives in (low, high))
    lower = low + offset - most @ excitation - fewest @ inhibition
    upper = high + offset - fewest @ excitation - most @ inhibition
    size = np.maximum(np.abs(low), np.abs(high)) + np.abs(offset) + most @ np.abs(network.weights).T
    lower, upper = lower - _ROUNDING * size, upper + _ROUNDING * size
    return np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper)


def covering_pieces(network: TwoPopulationSSN, path: Path, window: Window, breaks: np.ndarray) -> np.ndarray:
    """Pieces of [breaks[0], breaks[-1]] that cover the part of the curve in the window, ascending, shape (m, 2)."""
    left, right = breaks[:-1], breaks[1:]
    accepted: list[np.ndarray] = []
    for _ in range(_LEVELS):
        with np.errstate(all="ignore"):
            lower, upper = path.input_bounds(network, left, right)
            keep = window.touches(lower, upper) & ~np.any(lower == np.inf, axis=1)
            known = [path.ratio(t) for t in (left, right)]
            width = None if known[0] is None else np.abs(known[1] - known[0])
            extent = window.extent(lower, upper, width)
            ends = np.stack([external_inputs(network, *path.drives(t)) for t in (left, right)])
            chord = window.extent(ends.min(axis=0), ends.max(axis=0), width)
        done = (extent <= 1 / LARGEST_BOX) & (chord <= 1 / RESOLUTION)
        done |= (right - left <= 1e-13 * right) | (right <= 1e-200)
        if len(left) + sum(map(len, accepted)) > _MOST_PIECES:
            done = np.ones_like(keep)
        accepted.append(np.stack([left, right], axis=-1)[keep & done])
        left, right = left[keep & ~done], right[keep & ~done]
        if not len(left):
            break
        middle = midpoint(left, right)
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    accepted.append(np.stack([left, right], axis=-1))
    pieces = np.concatenate(accepted)
    return pieces[np.argsort(pieces[:, 0], kind="stable")]


def trace(
    network: TwoPopulationSSN,
    path: Path,
    window: Window,
    breaks: np.ndarray,
    wanted: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[np.ndarray]:
    """The parts of the curve in the window, as ascending parameters t of the vertices of polylines.

    Parameters
    ----------
    breaks : ends of the parameter range and the parameters that must be vertices, ascending.
    wanted : of rates (m, 2), tells which points belong to the boundary; None: all of them.

    A part ends where the curve leaves the window or stops being wanted, to double precision.
    """

    def inside(t: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            mu, ratio, rates = points(network, path, t)
            chosen = window.contains(mu, ratio)
        if wanted is not None and np.any(chosen):
            chosen[chosen] = wanted(rates[chosen])
        return chosen

    pieces = covering_pieces(network, path, window, breaks)
    if not len(pieces):
        return []
    starts = np.flatnonzero(np.append(True, pieces[1:, 0] != pieces[:-1, 1]))
    parts: list[np.ndarray] = []
    for first, end in zip(starts, np.append(starts[1:], len(pieces)), strict=True):
        t = np.append(pieces[first:end, 0], pieces[end - 1, 1])
        parts.extend(_inside_parts(t, inside))
    return [_thinned(network, path, window, t, breaks) for t in parts]


def _inside_parts(t: np.ndarray, inside: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """Runs of vertices that are inside, each prolonged to the point where the curve goes out."""
    chosen = inside(t)
    change = np.flatnonzero(chosen[1:] != chosen[:-1])
    good = np.where(chosen[change], t[change], t[change + 1])
    bad = np.where(chosen[change], t[change + 1], t[change])
    for _ in range(60):
        middle = (good + bad) / 2
        ok = inside(middle)
        good, bad = np.where(ok, middle, good), np.where(ok, bad, middle)
    t = np.insert(t, change + 1, good)
    chosen = np.insert(chosen, change + 1, True)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(int)))
    runs = [np.unique(t[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [run for run in runs if len(run) > 1]


def _thinned(
    network: TwoPopulationSSN, path: Path, window: Window, t: np.ndarray, breaks: np.ndarray
) -> np.ndarray:
    """Vertices about one resolution apart, the ends and the breaks among them."""
    mu, ratio, _ = points(network, path, t)
    steps = np.diff(mu) / np.ptp(window.mu_ext), np.diff(ratio) / np.ptp(window.ratio)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*steps))])
    marks = np.searchsorted(length, np.arange(0, length[-1], 1 / RESOLUTION))
    fixed = np.flatnonzero(np.isin(t, breaks))
    return t[np.unique(np.concatenate([[0], marks, fixed, [len(t) - 1]]))]
