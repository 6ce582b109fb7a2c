"""Whether a regime map and exact boundaries say the same, pixel edge by pixel edge.

Between two neighbouring pixels every quantity of the map changes by what the boundary curves crossed in between take
or give: a fold two states, of which one may be stable; every other curve one stable state of its kind. So the parity of
each change must equal that of the crossings, in both directions: no change without a curve, no curve without a change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .boundary_results import BoundarySegment, RegimeBoundaries
from .regime_map import RegimeMap

NEAR = 2e-5
"""Pixels closer to a curve than this, in units of the window, may lie on either side of its polyline."""
QUANTITIES = ("states", "stable", "isn_states", "supersaturating_states", "extrapolated_states")


@dataclass(frozen=True)
class Disagreement:
    """A pair of neighbouring pixels, (mu_ext, ratio) each, whose change does not fit the curves between them.

    ``change`` is that of ``quantity`` from the first to the second; ``crossings`` the number of boundary curves that
    should change it.
    """

    quantity: str
    first: tuple[float, float]
    second: tuple[float, float]
    change: int
    crossings: int


def _effects(name: str, segment: BoundarySegment) -> dict[str, np.ndarray]:
    """Whether crossing the curve at each vertex changes each quantity (``states`` by two, the others by one)."""
    if name in ("fold", "hopf"):
        found = {
            "stable": segment.stable,
            "isn_states": segment.stable & segment.isn,
            "supersaturating_states": segment.stable & segment.supersaturating,
            "extrapolated_states": segment.stable & segment.extrapolated,
        }
        return found | ({"states": np.ones_like(segment.stable)} if name == "fold" else {})
    return {
        "isn": {"isn_states": segment.stable},
        "supersaturation": {"supersaturating_states": segment.stable},
        "silent_E": {"supersaturating_states": segment.stable & segment.supersaturating},
        "extrapolated_E": {"extrapolated_states": segment.stable},
        "extrapolated_I": {"extrapolated_states": segment.stable},
    }[name]


def _crossings(x: np.ndarray, y: np.ndarray, lines: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """For each line y = lines[j] that the polyline crosses: j, the x of its crossings, and the nearest vertices."""
    below = y[None, :] < lines[:, None]
    for j in np.flatnonzero(np.any(below[:, 1:] != below[:, :-1], axis=1)):
        k = np.flatnonzero(below[j, 1:] != below[j, :-1])
        part = (lines[j] - y[k]) / (y[k + 1] - y[k])
        yield int(j), x[k] + part * (x[k + 1] - x[k]), np.where(part < 0.5, k, k + 1)


def disagreements(regime_map: RegimeMap, boundaries: RegimeBoundaries) -> tuple[Disagreement, ...]:
    """All pairs of neighbouring pixels at which map and boundaries contradict each other.

    Left out are pairs along the very border of the boundaries' window, where a curve may end, and pixels closer than
    ``NEAR`` to a curve. Raises :class:`~ssnbrian.circuit.InvalidInputError` if that window does not cover the map.
    """
    mu, ratio = regime_map.mu_ext, regime_map.ratio
    for name, axis, (low, high) in (("mu_ext", mu, boundaries.mu_ext), ("ratio", ratio, boundaries.ratio)):
        if axis[0] < low or axis[-1] > high:
            raise InvalidInputError(f"the boundaries cover {name} = {low:g} to {high:g}, the map exceeds that")
    shapes = (len(ratio), len(mu) - 1), (len(ratio) - 1, len(mu))
    along_mu, along_ratio = ({name: np.zeros(shape, dtype=int) for name in QUANTITIES} for shape in shapes)
    unclear = np.zeros((len(ratio), len(mu)), dtype=bool)
    widths = NEAR * np.ptp(boundaries.mu_ext), NEAR * np.ptp(boundaries.ratio)
    for name, curve in boundaries.curves.items():
        for segment in curve.segments:
            effects = _effects(name, segment)
            for j, at, vertex in _crossings(segment.mu_ext, segment.ratio, ratio):
                _add(along_mu, effects, (j, slice(None)), np.searchsorted(mu, at) - 1, vertex)
                unclear[j] |= np.any(np.abs(mu[:, None] - at) < widths[0], axis=1)
            for j, at, vertex in _crossings(segment.ratio, segment.mu_ext, mu):
                _add(along_ratio, effects, (slice(None), j), np.searchsorted(ratio, at) - 1, vertex)
                unclear[:, j] |= np.any(np.abs(ratio[:, None] - at) < widths[1], axis=1)
    inside = _interior(ratio, boundaries.ratio), _interior(mu, boundaries.mu_ext)
    found: list[Disagreement] = []
    for quantity in QUANTITIES:
        values = getattr(regime_map, quantity).astype(int)
        step = 2 if quantity == "states" else 1
        for axis, counted in ((1, along_mu[quantity]), (0, along_ratio[quantity])):
            change = np.diff(values, axis=axis)
            ignored = ~(inside[0][:, None] if axis == 1 else inside[1][None, :])
            ignored = ignored | (unclear[:, 1:] | unclear[:, :-1] if axis == 1 else unclear[1:] | unclear[:-1])
            wrong = ((change // step - counted) % 2 != 0) | (change % step != 0)
            for j, i in np.argwhere(wrong & ~ignored):
                end = (mu[i + 1], ratio[j]) if axis == 1 else (mu[i], ratio[j + 1])
                first = float(mu[i]), float(ratio[j])
                second = float(end[0]), float(end[1])
                found.append(Disagreement(quantity, first, second, int(change[j, i]), int(counted[j, i])))
    return tuple(found)


def _interior(axis: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (axis > limits[0]) & (axis < limits[1])


def _add(
    totals: dict[str, np.ndarray],
    effects: dict[str, np.ndarray],
    row: tuple[int | slice, int | slice],
    cells: np.ndarray,
    vertex: np.ndarray,
) -> None:
    for name, acts in effects.items():
        line = totals[name][row]
        good = (cells >= 0) & (cells < len(line))
        np.add.at(line, cells[good], acts[vertex[good]].astype(int))
