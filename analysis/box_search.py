"""All fixed points of a map of rates in a box, with proof: branch and prune with Krawczyk's operator.

A steady state of n coupled populations solves ν = Φ(ν). The search halves boxes of rates, throws away those that
provably hold no state, and settles those that provably hold at most one. Of the map it needs what :class:`RateMap`
asks for: bounds of Φ and of its slopes over boxes, which a transfer function that grows with its input gives from
the corners of a box, with pads larger than its rounding errors. A box is pruned by

- the image: a state in the box lies in Φ(box) as well;
- whatever else the map knows (`RateMap.contract`), as the inverse of Φ at the ends of a box;
- Krawczyk's operator K(box) = c - Y(c - Φ(c)) + (1 - Y(1 - ∂Φ(box)))(box - c) at the centre c (Krawczyk 1969,
  Computing 4; Neumaier 1990, Interval Methods for Systems of Equations), which contains every state of the box; where
  its last factor contracts the box holds at most one, and where it maps a box into its interior exactly one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

__all__ = ["BoxRoots", "RateMap", "fixed_points"]

UNDERFLOW = 1e-306
"""Hz; below, floats lose relative precision."""
_SMALLEST_WIDTH = 1e-8  # relative to 1 Hz + rate; narrower boxes are not halved further


class RateMap(Protocol):
    """ν → Φ(ν) for n populations, at one external input. Boxes are arrays ``low`` and ``high`` of shape (m, n), Hz.

    Attributes
    ----------
    resolution : Hz; a state is located to this, or to 1e-6 of its rate where that is more.
    """

    @property
    def resolution(self) -> float: ...

    def rate_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of Φ over the boxes, each (m, n), rounding included."""
        ...

    def slope_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of ∂Φ_X/∂ν_Y over the boxes, each (m, n, n) with index [target, source]; infinite if unknown."""
        ...

    def contract(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Smaller boxes with all the states of the boxes, by what the map knows beyond its bounds."""
        ...

    def rates(self, point: np.ndarray) -> np.ndarray:
        """Φ at one point (n,), Hz."""
        ...

    def slopes(self, point: np.ndarray) -> np.ndarray:
        """∂Φ_X/∂ν_Y at one point (n,), shape (n, n)."""
        ...


@dataclass(frozen=True, eq=False)
class BoxRoots:
    """The fixed points found, and whether they are all.

    Attributes
    ----------
    rates : (k, n), Hz, ordered by the rate of the first population. Every row is proven to be within 1e-6
        (relative; away from folds 1e-11) or the map's resolution (Hz) of exactly one state; 0.0 stands for a rate
        below 1e-306 Hz.
    complete : no other state lies in the box searched.
    reason : how that is known, or why not and where.
    boxes_examined : work done.
    """

    rates: np.ndarray
    complete: bool
    reason: str
    boxes_examined: int


def fixed_points(rate_map: RateMap, upper: np.ndarray, most_boxes: int = 400_000) -> BoxRoots:
    """All states ν = Φ(ν) with 0 ≤ ν_X ≤ ``upper``_X (n,), Hz; not complete if ``most_boxes`` do not suffice."""
    n = len(upper)
    low, high = np.zeros((1, n)), np.array(upper, float)[None]
    found: list[tuple[np.ndarray, ...]] = []
    undecided: list[tuple[np.ndarray, ...]] = []
    examined = 0
    with np.errstate(all="ignore"):
        while len(low):
            examined += len(low)
            if examined > most_boxes:
                undecided.extend(zip(low, high, strict=True))
                break
            before = high - low
            low, high, before = _contract(rate_map, low, high, before)
            image, spread, slopes, regular = _krawczyk(rate_map, low, high)
            usable = np.isfinite(image).all(1) & np.isfinite(spread).all(1)
            low = np.where(usable[:, None], np.maximum(low, image - spread), low)
            high = np.where(usable[:, None], np.minimum(high, image + spread), high)
            keep = (low <= high).all(1)
            settled = np.zeros(len(low), bool)
            for i in np.flatnonzero(keep & (regular | ((high - low).max(1) <= 1e-300))):
                state = _settle(rate_map, low[i], high[i])
                if state is not None:
                    settled[i] = True
                    if not any(_same(rate_map, state, other) for other in found):
                        found.append(state)
            keep &= ~settled
            small = (high - low <= _SMALLEST_WIDTH * (1.0 + low)).all(1)
            undecided.extend(zip(low[keep & small], high[keep & small], strict=True))
            keep &= ~small
            low, high = _halve(low[keep], high[keep], before[keep], slopes[keep])
    rates = np.array([state[0] for state in found]).reshape(-1, n)
    rates = rates[np.lexsort(rates.T[::-1])]
    rates[rates < UNDERFLOW] = 0.0
    return BoxRoots(rates, not undecided, _reason(undecided, examined, upper, examined > most_boxes), examined)


def _reason(undecided, examined, upper, stopped):
    if not undecided:
        limit = f"{upper[0]:g} Hz" if len(set(upper)) == 1 else f"({', '.join(f'{x:.4g}' for x in upper)}) Hz"
        return f"branch and bound over all rates from 0 to {limit} left no box undecided"
    low = np.min([box[0] for box in undecided], axis=0)
    high = np.max([box[1] for box in undecided], axis=0)
    where = ", ".join(f"{a:.9g} to {b:.9g} Hz" for a, b in zip(low, high, strict=True))
    if stopped:
        return f"stopped after {examined} boxes; undecided within {where}"
    return f"{len(undecided)} boxes of the smallest width are undecided, as close to a fold, within {where}"


def _contract(rate_map, low, high, before):
    """Boxes cut to ν_X ∈ Φ_X(box), twice, and to what the map knows; boxes left empty are dropped."""
    for _ in range(2):
        lower, upper = rate_map.rate_bounds(low, high)
        low, high = rate_map.contract(np.maximum(low, lower), np.minimum(high, upper))
        keep = (low <= high).all(1)
        low, high, before = low[keep], high[keep], before[keep]
    return low, high, before


def _krawczyk(rate_map, low, high):
    """Krawczyk's operator for ν - Φ(ν) on boxes.

    Returns its centre and radius (m, n), the largest |slopes| of ν - Φ (m, n, n), and whether all matrices
    1 - ∂Φ/∂ν of the box are regular with one approximate inverse, so that it holds at most one state.
    """
    n = low.shape[1]
    centre, radius = 0.5 * (low + high), 0.5 * (high - low) * (1.0 + 1e-15)
    slope_low, slope_high = rate_map.slope_bounds(low, high)
    middle = np.eye(n) - 0.5 * (slope_low + slope_high)
    half = 0.5 * (slope_high - slope_low)
    good = np.isfinite(middle).all((1, 2)) & np.isfinite(half).all((1, 2))
    middle = np.where(good[:, None, None], middle, np.eye(n))
    inverse, solvable = _scaled_inverse(middle, high)
    good &= solvable
    size = np.abs(inverse)
    # Rounding is bounded entry by entry: an absolute bound would swamp rows that belong to tiny rates.
    rest = np.abs(np.eye(n) - inverse @ middle) + size @ (half + 1e-14 * np.abs(middle))
    phi = rate_map.rate_bounds(centre, centre)
    residual = centre - 0.5 * (phi[0] + phi[1])
    doubt = 0.5 * (phi[1] - phi[0]) + 1e-15 * centre
    image = centre - (inverse @ residual[..., None])[..., 0]
    spread = (size @ doubt[..., None] + rest @ radius[..., None])[..., 0] + 1e-15 * np.abs(image)
    regular = np.zeros(len(low), bool)
    usable = good & np.isfinite(rest).all((1, 2))
    regular[usable] = np.abs(np.linalg.eigvals(rest[usable])).max(1) < 0.999
    image[~good] = np.nan
    return image, spread, np.abs(middle) + half, regular


def _scaled_inverse(matrix, rates):
    """Inverses of matrices (m, n, n), and which exist, computed in units of the rates (m, n).

    Rates may differ by a hundred orders of magnitude; without the scaling, pivoting would mix rounding errors of
    the large ones into the rows of the tiny ones.
    """
    unit = np.maximum(rates, 1e-300)
    ratio = unit[:, None, :] / unit[:, :, None]
    scaled = matrix * ratio
    exists = np.isfinite(scaled).all((1, 2))
    scaled = np.where(exists[:, None, None], scaled, np.eye(matrix.shape[1]))
    exists &= np.abs(np.linalg.det(scaled)) > 1e-300
    scaled = np.where(exists[:, None, None], scaled, np.eye(matrix.shape[1]))
    return np.linalg.inv(scaled) / ratio, exists


def _settle(rate_map, low, high):
    """(state, low, high) of the one state in a box that holds at most one; None if none is found there."""
    point = 0.5 * (low + high)
    for _ in range(30):
        residual = point - rate_map.rates(point)
        matrix = np.eye(len(point)) - rate_map.slopes(point)
        inverse, solvable = _scaled_inverse(matrix[None], high[None])
        if not solvable[0]:
            break
        following = np.clip(point - inverse[0] @ residual, low, high)
        done = (np.abs(following - point) <= 1e-15 * point).all()
        point = following
        if done:
            break
    enclosure = _verify(rate_map, point)
    if enclosure is None:
        return (point, low, high) if _is_silent(rate_map, low, high) else None
    hull = np.minimum(low, enclosure[0]), np.maximum(high, enclosure[1])
    inside = (enclosure[0] <= high).all() and (enclosure[1] >= low).all()
    return (point, *enclosure) if inside and _is_regular(rate_map, *hull) else None


def _is_silent(rate_map, low, high):
    """Whether a box of width zero is mapped into itself: neurons without noise that do not fire at all."""
    lower, upper = rate_map.rate_bounds(low[None], high[None])
    return bool((high - low).max() <= 1e-300 and (lower[0] >= low).all() and (upper[0] <= high).all())


def _verify(rate_map, point):
    """A tiny box around ``point`` which Krawczyk's operator maps into its interior: it holds exactly one state."""
    radius = 1e-11 * point + 10 * UNDERFLOW
    for _ in range(12):
        # Rates are positive; a silent population's box may not extend below 0, which the map respects by itself.
        low, high = np.maximum(point - radius, 0.0), point + radius
        image, spread, _, regular = _krawczyk(rate_map, low[None], high[None])
        lower, upper = np.maximum(image[0] - spread[0], 0.0), image[0] + spread[0]
        if regular[0] and ((lower > low) | (low == 0.0)).all() and (upper < high).all():
            return low, high
        needed = np.maximum(np.abs(image[0] - point) + spread[0], radius)
        radius = 1.5 * needed
        if not np.isfinite(radius).all() or (radius > 1e-6 * point + rate_map.resolution).any():
            return None
    return None


def _is_regular(rate_map, low, high):
    return bool(_krawczyk(rate_map, low[None], high[None])[3][0])


def _same(rate_map, one, other):
    """Whether two verified states are one: their common hull holds at most one."""
    return _is_regular(rate_map, np.minimum(one[1], other[1]), np.maximum(one[2], other[2])) or bool(
        (one[0] == other[0]).all()
    )


def _halve(low, high, before, slopes):
    """Boxes that hardly shrank are halved where the residual varies most; the others are kept."""
    width = high - low
    # Infinite slopes (noise reaching 0) must not make every direction equal.
    weight = np.fmin(slopes, 1e3).max(1)
    importance = weight * width
    ready = importance.max(1) < 0.5 * (weight * before).max(1)
    split = np.flatnonzero(~ready)
    axis = importance[split].argmax(1)
    middle = 0.5 * (low[split, axis] + high[split, axis])
    left_high, right_low = high[split].copy(), low[split].copy()
    left_high[np.arange(len(split)), axis] = middle
    right_low[np.arange(len(split)), axis] = middle
    return np.concatenate([low[ready], low[split], right_low]), np.concatenate(
        [high[ready], left_high, high[split]]
    )
