"""Coefficients of pairs of eigenmodes on a lattice of the input h that grows where it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .escape_noise import EscapeNoiseIntervals
from .mode_pairs import ModePair, followed_pair, mode_pairs
from .pair_coupling import pair_couplings

# Points above the origin where regular firing is looked for, and the change of h for slopes by the spacing.
_STARTS = (12, 18, 24, 36, 60, 100)
_CHANGE = 0.003
# Rate times relaxation time of the hazard below which the modes may be left behind.
_SLOW = 0.05


@dataclass(frozen=True, eq=False)
class PairCoefficients:
    """Coefficients at one h for M pairs of modes.

    Attributes
    ----------
    intervals : at this h.
    pairs, next_pair : the M pairs, and the one after them.
    couplings : C_ij of :mod:`.pair_coupling`, (2M, 2M + 1), 1/h.
    weight : factor of the weights of the pairs; 1 unless ``faded``.
    faded : whether the pairs are those of a higher h, see :class:`PairTable`.
    centers : s of :mod:`.mode_pairs`, 1/s, (M,); ``half_distances`` (lambda - mu)/2, 1/s, complex, (M,).
    activities, activities_of_differences : the weights of z_0 (Hz) and z_1 (Hz/s), (M,).
    closure_rate : w_c = |lambda mu|^(1/2) of the next pair, 1/s; ``closure_weight`` c_M, the constant that leaving
        out the other modes adds to 1/(1 - P_L) at low frequencies.
    """

    intervals: EscapeNoiseIntervals
    pairs: tuple[ModePair, ...]
    next_pair: ModePair
    couplings: np.ndarray
    weight: float
    faded: bool

    @property
    def centers(self) -> np.ndarray:
        return np.array([one.center for one in self.pairs])

    @property
    def half_distances(self) -> np.ndarray:
        return np.array([one.half_distance for one in self.pairs])

    @property
    def activities(self) -> np.ndarray:
        return self.weight * np.array([one.activity for one in self.pairs])

    @property
    def activities_of_differences(self) -> np.ndarray:
        return self.weight * np.array([one.activity_of_difference for one in self.pairs])

    @property
    def closure_rate(self) -> float:
        first, second = self.next_pair.eigenvalues
        return float(np.sqrt(abs(first * second)))

    @property
    def closure_weight(self) -> float:
        slow = self.weight * sum(one.slow_weight for one in self.pairs)
        return float((1 - self.intervals.cv**2) / 2 - slow)


class PairTable:
    """Coefficients at h = ``origin`` + j ``spacing`` for whole j, found where and when they are asked for.

    ``family(h)`` gives the intervals at constant h, whose firing is slow and irregular far below the origin and
    regular far above. The pairs are found in regular firing and followed from point to point. Downwards they end
    where their eigenvalues meet poles of P_L or other pairs: their part of the activity vanishes with the hazard.
    Below, the eigenvalues stay and weights and couplings go on in proportion to the rate F_0 (``faded``), which is
    what terms of first order in the hazard do; F_0 and the moments of the intervals are exact there too.
    """

    def __init__(
        self, family: Callable[[float], EscapeNoiseIntervals], origin: float, spacing: float, pairs: int
    ) -> None:
        if pairs < 1:
            raise InvalidInputError(f"the number of pairs of modes must be at least 1, got {pairs}")
        if not (spacing > 0 and np.isfinite(spacing) and np.isfinite(origin)):
            raise InvalidInputError(f"spacing and origin must be finite and the spacing above 0: {spacing}, {origin}")
        self.family, self.origin, self.spacing, self.pairs = family, origin, spacing, pairs
        self._points: dict[int, PairCoefficients] = {}

    def potential(self, place: int) -> float:
        """h of a point."""
        return self.origin + place * self.spacing

    def point(self, place: int) -> PairCoefficients:
        """Coefficients at a whole number ``place``.

        Raises ArithmeticError where modes of regular firing cannot be found, or not followed upwards or down to slow
        firing, and InvalidInputError where the family has no intervals.
        """
        if not self._points:
            self._begin()
        while place > max(self._points):
            self._add(max(self._points), 1)
        while place < min(self._points):
            self._add(min(self._points), -1)
        return self._points[place]

    def _begin(self) -> None:
        for place in _STARTS:
            h = self.potential(place)
            try:
                found = mode_pairs(self.family(h), self.pairs + 1)
            except ArithmeticError:
                continue
            self._points[place] = self._coefficients(h, found[:-1], found[-1])
            return
        raise ArithmeticError(
            f"no conjugate modes of {self.family(self.potential(_STARTS[-1]))} were found, nor of lower inputs"
        )

    def _coefficients(self, h: float, pairs: list[ModePair], following: ModePair) -> PairCoefficients:
        couplings = pair_couplings(self.family, h, pairs, _CHANGE * self.spacing)
        return PairCoefficients(self.family(h), tuple(pairs), following, couplings, 1.0, False)

    def _add(self, place: int, direction: int) -> None:
        known = self._points[place]
        here, there = self.potential(place), self.potential(place + direction)
        if not known.faded:
            try:
                following = followed_pair(self.family, here, known.next_pair, there)
            except ArithmeticError:
                following = known.next_pair
            try:
                pairs = [followed_pair(self.family, here, one, there) for one in known.pairs]
                self._points[place + direction] = self._coefficients(there, pairs, following)
                return
            except ArithmeticError:
                if direction > 0 or known.intervals.rate * known.intervals.relaxation > _SLOW:
                    raise
        intervals = self.family(there)
        less = intervals.rate / known.intervals.rate
        self._points[place + direction] = PairCoefficients(
            intervals, known.pairs, known.next_pair, known.couplings * less, known.weight * less, True
        )
