"""Which part of a box of unknowns can hold a solution: halving and throwing away what provably holds none.

What is left is where candidates are drawn; if nothing is left, there is no solution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

Requirement = tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]
"""A name and a test: lower and upper corners, shape (unknowns, boxes), to whether a box may meet it, (boxes,)."""

PROOF_BOXES = 16_000
"""A proof that there is no solution halves until there are that many."""
DRAW_BOXES = 3_000
"""Enough to draw candidates from."""
MOST_BATCHES = 400


class Boxes:
    """Boxes that may hold a solution.

    Attributes
    ----------
    low, high : corners, shape (unknowns, boxes).
    violated : name of the requirement at which the last box was thrown away, or None if boxes are left.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, violated: str | None) -> None:
        self.low, self.high, self.violated = low, high, violated

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """``count`` points, uniform in the volume of the boxes, shape (unknowns, count)."""
        sides = self.high - self.low
        volume = np.prod(np.where(np.ptp(sides, axis=1, keepdims=True) + sides > 0, sides, 1.0), axis=0)
        chosen = rng.choice(volume.size, size=count, p=volume / volume.sum())
        return self.low[:, chosen] + rng.random((len(self.low), count)) * sides[:, chosen]


def feasible_boxes(
    ranges: Sequence[tuple[float, float]], requirements: Sequence[Requirement], most: int = PROOF_BOXES
) -> Boxes:
    """Halve the box of ``ranges`` and keep the parts that every requirement lets pass, until there are ``most``.

    A requirement must pass every box that holds a point which meets it (no false alarms); then an empty result proves
    that no point meets all of them. ``violated`` is the last requirement in the order given that still had boxes to
    judge.
    """
    low, high = (np.array([[limits[k]] for limits in ranges], dtype=float) for k in (0, 1))
    width = np.where(high > low, high - low, 1.0)
    while True:
        for name, passes in requirements:
            kept = passes(low, high)
            if not kept.any():
                return Boxes(low[:, :0], high[:, :0], name)
            low, high = low[:, kept], high[:, kept]
        relative = (high - low) / width
        widest = relative.argmax(axis=0)
        if low.shape[1] * 2 > most or relative.max() < 1e-4:
            return Boxes(low, high, None)
        low, high = _halved(low, high, widest)


def _halved(low: np.ndarray, high: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    index = np.arange(low.shape[1])
    middle = (low[axis, index] + high[axis, index]) / 2
    first_high, second_low = high.copy(), low.copy()
    first_high[axis, index] = middle
    second_low[axis, index] = middle
    return np.concatenate([low, second_low], axis=1), np.concatenate([first_high, high], axis=1)


def batches(boxes: Boxes, rng: np.random.Generator, size: int = 256) -> Iterator[np.ndarray]:
    """Points of the boxes, ``MOST_BATCHES`` arrays of shape (unknowns, size)."""
    for _ in range(MOST_BATCHES):
        yield boxes.draw(rng, size)


def kept_within(
    limits: tuple[float, float], lowest: np.ndarray, highest: np.ndarray, needed: str, words: dict[str, str], pair: str
) -> np.ndarray:
    """The boxes on which a weight between ``lowest`` and ``highest`` (mV, shape (boxes,)) meets its ``limits``.

    Where none does, the violated inequality is put into ``words`` under its ``pair``; ``needed`` begins the sentence.
    """
    floor, ceiling = limits
    kept = (lowest <= ceiling * (1 + 1e-9)) & (highest >= floor * (1 - 1e-9))
    if not kept.any():
        if np.all(lowest > ceiling):
            words[pair] = f"{needed} >= {lowest.min():.4g} mV, above its bound of {ceiling:g} mV"
        else:
            words[pair] = f"{needed} <= {highest.max():.4g} mV, below its bound of {floor:g} mV"
    return kept
