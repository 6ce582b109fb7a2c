"""Attractors in the plane of two mean numbers of pending kicks: where a run stays, and how far two runs are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from ssnbrian.circuit import InvalidInputError

from .run import MarkovRun
from .synchrony_index import position

__all__ = [
    "FIRST_PLANE",
    "AttractorDistance",
    "Plane",
    "attractor_distance",
    "common_edges",
    "occupation",
    "trajectory",
]

BLOCKS = 10
POINTS = 2000
AT_REST = 1e-6  # of the distance from no pending kicks


@dataclass(frozen=True)
class Plane:
    """The mean numbers of kicks pending at ``target`` from two populations: H_EE and H_EI by default."""

    target: str = "E"
    horizontal: str = "E"
    vertical: str = "I"


FIRST_PLANE = Plane()


@dataclass(frozen=True)
class AttractorDistance:
    """How far a run's attractor lies from that of a reference.

    ``energy`` : 0 for equal occupation densities, 1 for two single points; for small shifts in proportion to shift over
    size. ``standard_error`` : of its square, from the run's sampling. ``deviation`` : mean distance of the run from
    the nearest point of the reference, over the reference's ``gyration``; None where the reference is noisy, as a
    cloud comes near to everything when it is sampled longer, and where it is at rest. ``gyration`` :
    root-mean-square distance of the reference from its mean, pending kicks.
    """

    energy: float
    standard_error: float
    deviation: float | None
    gyration: float


def trajectory(run: MarkovRun, plane: Plane = FIRST_PLANE) -> np.ndarray:
    """(T, 2) numbers of pending kicks at the ends of the bins. Raises InvalidInputError for unknown populations."""
    target, horizontal, vertical = (position(run, one) for one in (plane.target, plane.horizontal, plane.vertical))
    return run.pending[target, [horizontal, vertical]].T


def common_edges(runs: list[MarkovRun], plane: Plane = FIRST_PLANE, bins: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Edges of ``bins`` bins in both directions that hold all runs; raises InvalidInputError for ``bins`` below 1."""
    if bins < 1:
        raise InvalidInputError(f"there must be at least one bin, not {bins}")
    points = np.concatenate([trajectory(one, plane) for one in runs])
    margin = 1e-9 + 0.02 * np.ptp(points, axis=0)
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return np.linspace(low[0], high[0], bins + 1), np.linspace(low[1], high[1], bins + 1)


def occupation(run: MarkovRun, edges: tuple[np.ndarray, np.ndarray], plane: Plane = FIRST_PLANE) -> np.ndarray:
    """(horizontal bins, vertical bins) part of the time per unit of area; its integral is 1 if all bins are inside."""
    points = trajectory(run, plane)
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=edges)
    return counts / len(points) / np.outer(np.diff(edges[0]), np.diff(edges[1]))


def attractor_distance(
    run: MarkovRun, reference: MarkovRun, plane: Plane = FIRST_PLANE, points: int = POINTS
) -> AttractorDistance:
    """Normalised energy distance of two runs' occupation densities, and deviation of a run from a closed curve.

    With X, X' of the run and Y, Y' of the reference, independent, in the plane,

        energy**2 = (2 E|X - Y| - E|X - X'| - E|Y - Y'|) / (2 E|X - Y|),

    which is 0 for equal distributions only, and does not change when both are moved, turned or scaled. All three
    means are unbiased (no point is paired with itself), so it does not depend on how long a run was sampled, unlike a
    Hausdorff distance, which grows with every excursion of a noisy run; an estimate below 0 counts as 0. Of each run
    ``points`` evenly spread points are used for it. Raises InvalidInputError for fewer than 20 points, unknown
    populations, and runs that do not move.
    Source: Szekely, Rizzo 2013, Journal of Statistical Planning and Inference (energy statistics).
    """
    full, other = trajectory(run, plane), trajectory(reference, plane)
    if min(len(full), len(other), points) < 2 * BLOCKS:
        raise InvalidInputError(f"an attractor needs at least {2 * BLOCKS} points in time")
    gyration = float(np.sqrt(((other - other.mean(axis=0)) ** 2).sum(axis=1).mean()))
    if gyration == 0 and not np.ptp(full, axis=0).any():
        raise InvalidInputError("neither run moves in the plane; there are no attractors to compare but two points")
    x, y = _spread(full, points), _spread(other, points)
    square, error = _energy(x, y)
    deviation = None
    if reference.deterministic and gyration > AT_REST * np.linalg.norm(other.mean(axis=0)):
        deviation = float(KDTree(other).query(full)[0].mean()) / gyration
    return AttractorDistance(float(np.sqrt(max(0.0, square))), error, deviation, gyration)


def _spread(points: np.ndarray, number: int) -> np.ndarray:
    """At most ``number`` of the points, evenly spread, a multiple of the number of blocks."""
    number = min(number, len(points)) // BLOCKS * BLOCKS
    return points[np.linspace(0, len(points) - 1, number).round().astype(int)]


def _energy(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Square of the normalised energy distance and its jackknife error over successive blocks of ``x``."""
    per_block = len(x) // BLOCKS
    between = cdist(x, y).mean(axis=1).reshape(BLOCKS, per_block).sum(axis=1)
    within = cdist(x, x).reshape(BLOCKS, per_block, BLOCKS, per_block).sum(axis=(1, 3))
    among = cdist(y, y).sum() / (len(y) * (len(y) - 1))

    def square(kept: np.ndarray) -> float:
        number = int(kept.sum()) * per_block
        cross = between[kept].sum() / number
        own = within[np.ix_(kept, kept)].sum() / (number * (number - 1))
        return float((2 * cross - own - among) / (2 * cross))

    every = np.ones(BLOCKS, bool)
    left_out = np.array([square(np.arange(BLOCKS) != k) for k in range(BLOCKS)])
    error = np.sqrt((BLOCKS - 1) / BLOCKS * ((left_out - left_out.mean()) ** 2).sum())
    return square(every), float(error)
