"""Results of a search for regime boundaries: curves, points and lines in the plane of mu_ext and ratio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MEANINGS = {
    "fold": "two steady states appear or vanish (saddle-node)",
    "hopf": "a steady state loses stability to an oscillation",
    "isn": "a stable state becomes inhibition-stabilized (Eq 7)",
    "supersaturation": "the excitatory rate of a stable state peaks over mu_ext (S6)",
    "silent_E": "the excitatory population of a stable state falls silent",
    "extrapolated_E": "a stable state leaves the fitted range, by its excitatory rate",
    "extrapolated_I": "a stable state leaves the fitted range, by its inhibitory rate",
}


@dataclass(frozen=True)
class BoundarySegment:
    """A connected part of a boundary inside the window, as a polyline of exact points.

    Attributes
    ----------
    mu_ext, ratio : shape (k,), mV/s and 1.
    rates : (nu_E, nu_I) of the state on the boundary in Hz, shape (k, 2).
    stable : whether a stable state takes part, shape (k,): at a fold one of the two states that meet is stable; all
        other curves are drawn only where the state is stable (at a Hopf point: stable on one side).
    isn, supersaturating, extrapolated : whether the state that takes part is so right next to the curve, shape (k,);
        true on the curve where that begins or ends.
    """

    mu_ext: np.ndarray
    ratio: np.ndarray
    rates: np.ndarray
    stable: np.ndarray
    isn: np.ndarray
    supersaturating: np.ndarray
    extrapolated: np.ndarray


@dataclass(frozen=True)
class Boundary:
    """A boundary curve: its connected parts in the window, and whether any may be missing."""

    name: str
    meaning: str
    segments: tuple[BoundarySegment, ...]
    complete: bool
    reason: str


@dataclass(frozen=True)
class BoundaryPoint:
    """A single point of the plane and the rates (Hz) of the state there."""

    mu_ext: float
    ratio: float
    rates: tuple[float, float]


@dataclass(frozen=True)
class BalancedLine:
    """A ratio at which the balanced limit changes, from ``below`` to ``above`` ("none", "unstable", "stable")."""

    ratio: float
    below: str
    above: str


@dataclass(frozen=True)
class RegimeBoundaries:
    """All boundaries in a window.

    Attributes
    ----------
    mu_ext, ratio : the window, (lowest, highest).
    curves : name -> boundary, names as in ``MEANINGS``.
    cusps : where two folds meet: the tips of regions of bistability, by ascending mu_ext.
    bogdanov_takens : where a fold meets a Hopf curve, by ascending mu_ext.
    balanced : ratios in the window at which the balanced limit changes, ascending.
    cusps_complete : whether it is proven that no cusp in the window is missing.
    """

    mu_ext: tuple[float, float]
    ratio: tuple[float, float]
    curves: Mapping[str, Boundary]
    cusps: tuple[BoundaryPoint, ...]
    bogdanov_takens: tuple[BoundaryPoint, ...]
    balanced: tuple[BalancedLine, ...]
    cusps_complete: bool

    @property
    def complete(self) -> bool:
        """Whether every curve is complete in the window."""
        return all(curve.complete for curve in self.curves.values())
