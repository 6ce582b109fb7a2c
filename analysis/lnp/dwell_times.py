"""Statistics of dwell times: of one population with two states, or of which of two populations dominates.

States come from :func:`ssnbrian.analysis.switching.classify` (thresholds with hysteresis) or :func:`dominance`, stays
from :func:`ssnbrian.analysis.switching.dwells`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError

from ..switching import Dwell, Thresholds, TransitionRate, classify, transition_rates


@dataclass(frozen=True)
class DwellStatistics:
    """Dwell times in one state.

    Attributes
    ----------
    state : 'up' or 'down'.
    complete : stays that begin and end with a switch; the mean and the CV are theirs. ``censored`` : the others.
    mean : s; None without a complete stay. ``mean_error`` : standard error, s; None below two.
    cv : standard deviation over mean; None below two. ``cv_error`` : standard error by the jackknife; None below three.
    censored_time : s spent in censored stays. Long stays are cut off by the recording more often than short ones, so
        that the mean is too small where this is not small against the whole.
    leaving : rate of leaving the state if dwell times are exponential; it counts censored stays and has no such bias.
    """

    state: str
    complete: int
    censored: int
    mean: float | None
    mean_error: float | None
    cv: float | None
    cv_error: float | None
    censored_time: float
    leaving: TransitionRate


def dwell_statistics(stays: Iterable[Dwell], confidence: float = 0.95) -> dict[str, DwellStatistics]:
    """Statistics for 'up' and 'down', pooled over the stays of any number of runs.

    Standard errors take stays as independent, as they are in a renewal process of alternating states.
    """
    stays = list(stays)
    rates = transition_rates(stays, confidence)
    return {
        state: _of_state(state, [one for one in stays if one.state == state], rates[name])
        for state, name in (("up", "up->down"), ("down", "down->up"))
    }


def _of_state(state: str, stays: list[Dwell], leaving: TransitionRate) -> DwellStatistics:
    times = np.array([one.duration for one in stays if one.starts_inside and one.ends_inside])
    number = len(times)
    mean = float(times.mean()) if number else None
    mean_error = float(times.std(ddof=1) / np.sqrt(number)) if number > 1 else None
    cv = float(times.std(ddof=1) / times.mean()) if number > 1 else None
    return DwellStatistics(
        state,
        number,
        len(stays) - number,
        mean,
        mean_error,
        cv,
        _jackknife_error(times) if number > 2 else None,
        float(sum(one.duration for one in stays) - times.sum()),
        leaving,
    )


def _jackknife_error(times: np.ndarray) -> float:
    """Standard error of standard deviation/mean from leaving out one of (n,) at a time."""
    n = len(times)
    means = (times.sum() - times) / (n - 1)
    centred = times - times.mean()
    squares = (centred**2).sum() - centred**2 - (n - 1) * (means - times.mean()) ** 2
    cvs = np.sqrt(np.maximum(squares, 0) / (n - 2)) / means
    return float(np.sqrt((n - 1) / n * np.sum((cvs - cvs.mean()) ** 2)))


def dominance(first: np.ndarray, second: np.ndarray, low: float = 0.35, high: float = 0.65) -> np.ndarray:
    """Which of two competing populations dominates, from their rates (Hz, (t,)), as :func:`classify` codes it.

    1 (up) once the share first/(first + second) exceeds ``high``, 0 (down) once it falls below ``low``, unchanged in
    between, -1 before the first of these. Where both are silent the share is 1/2. Smooth the rates beforehand over a
    time below the dwell times. Raises InvalidInputError for negative rates, other shapes or a band that excludes 1/2.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape or first.ndim != 1 or np.any(first < 0) or np.any(second < 0):
        raise InvalidInputError(
            f"dominance: expected two series of rates >= 0 of one shape (t,), got {first.shape} and {second.shape}"
        )
    if not 0 <= low < 0.5 < high <= 1:
        raise InvalidInputError(f"dominance: need 0 <= low < 1/2 < high <= 1, got {low} and {high}")
    total = first + second
    share = np.where(total > 0, first / np.where(total > 0, total, 1.0), 0.5)
    return classify(share, Thresholds(low, high, "share of the activity"))
