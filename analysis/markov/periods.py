"""After how many volleys a sequence repeats."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .run import MarkovRun
from .synchrony_index import synchrony
from .volleys import Volleys

__all__ = ["Period", "period_of", "repetition"]

LONGEST = 8
TOLERANCE = 0.02
PART = 0.5
REGULAR = 0.5
BLOCKS = 10
TOGETHER = 1.5
ALIKE = 1e-4


@dataclass(frozen=True, eq=False)
class Period:
    """After how many volleys the sizes of volleys repeat.

    Attributes
    ----------
    volleys : 1, 2, …; None where nothing repeats or too few volleys are known. ``reason`` says why.
    duration : s, of that many volleys on average; NaN without a period.
    differences : (q,) for the lags 1 … q: largest |x[k + lag] - x[k]| of the sizes over their mean.
    correlations : (q,) of the sizes at the lags 1 … q, with ``standard_errors`` (q,) from 10 blocks of the run;
        NaN where the sizes vary by less than 1e-4 of their mean.
    """

    volleys: int | None
    reason: str
    duration: float
    differences: np.ndarray
    correlations: np.ndarray
    standard_errors: np.ndarray


def repetition(
    volleys: Volleys, deterministic: bool, longest: int = LONGEST, tolerance: float = TOLERANCE, part: float = PART
) -> Period:
    """The period of a sequence of volleys, from their sizes (spikes per neuron, all that fall between two lows).

    Of a deterministic run it is the smallest lag q <= ``longest`` at which no size differs by more than ``tolerance``
    of the mean size from the one q volleys before: a period doubling is seen once it has changed the sizes by that
    much. A noisy run has the smallest q at which the sizes' correlation exceeds ``part``: that much of their variance
    repeats after q volleys. Where none does, the sizes vary around one mean, and the period is 1 if they and the
    intervals vary by less than half of their means, else None. A correlation of more than ``part`` at lag 1 is
    a slow drift, for which no period is given. Noise before a period doubling alternates too, and with noise the change
    from 1 to 2 is gradual; the correlations say how far it has gone. Raises InvalidInputError for ``longest`` below 1
    and for a ``tolerance`` or ``part`` outside of (0, 1).
    """
    if longest < 1 or not 0 < tolerance < 1 or not 0 < part < 1:
        raise InvalidInputError(
            f"longest must be at least 1, tolerance and part between 0 and 1; given {longest}, {tolerance}, {part}"
        )
    sizes = volleys.sizes
    if len(sizes) < 3 * longest:
        few = f"{len(sizes)} complete volleys are too few; {3 * longest} are needed"
        unknown = np.full(longest, np.nan)
        return Period(None, few, float("nan"), unknown, unknown, unknown)
    lags = range(1, longest + 1)
    differences = np.array([np.abs(sizes[lag:] - sizes[:-lag]).max() for lag in lags]) / sizes.mean()
    correlations, errors = np.array([_correlation(sizes, lag) for lag in lags]).T
    if deterministic:
        found, reason = _exact(differences, tolerance)
    else:
        found, reason = _noisy(correlations, sizes, volleys.intervals, part)
    duration = float("nan") if found is None else float(found * volleys.intervals.mean())
    return Period(found, reason, duration, differences, correlations, errors)


def period_of(run: MarkovRun, volleys: Volleys) -> Period:
    """:func:`repetition` of the ``volleys`` of a run, which a noisy run must have.

    Noise has peaks too. No period is given for a noisy run whose :func:`.synchrony` index in a window of 1 ms (or one
    bin, if that is longer) is less than 1.5 times that of independent neurons.
    """
    found = repetition(volleys, run.deterministic)
    if run.deterministic or found.volleys is None:
        return found
    index = synchrony(run, volleys.population, max(1e-3, run.dt))
    if index.index >= TOGETHER * index.independent:
        return found
    reason = f"there are no volleys: the synchrony index {index.index:.3f} is near {index.independent:.3f} of noise"
    return replace(found, volleys=None, reason=reason, duration=float("nan"))


def _correlation(values: np.ndarray, lag: int) -> tuple[float, float]:
    rest = values - values.mean()
    variance = float((rest**2).mean())
    if variance <= (ALIKE * values.mean()) ** 2:
        return float("nan"), float("nan")
    products = rest[lag:] * rest[:-lag] / variance
    blocks = np.array([one.mean() for one in np.array_split(products, BLOCKS)])
    return float(np.clip(products.mean(), -1.0, 1.0)), float(blocks.std(ddof=1) / np.sqrt(BLOCKS))


def _exact(differences: np.ndarray, tolerance: float) -> tuple[int | None, str]:
    repeated = np.flatnonzero(differences <= tolerance)
    if len(repeated) == 0:
        return None, f"the sizes of volleys do not repeat within {tolerance:g} after up to {len(differences)} volleys"
    return int(repeated[0]) + 1, f"the sizes of volleys repeat within {differences[repeated[0]]:.2g} of their mean"


def _noisy(
    correlations: np.ndarray, sizes: np.ndarray, intervals: np.ndarray, part: float
) -> tuple[int | None, str]:
    correlations = np.nan_to_num(correlations)
    repeated = np.flatnonzero(correlations > part)
    if len(repeated) and repeated[0] == 0:
        return None, f"the sizes of successive volleys drift: their correlation is {correlations[0]:.2f}"
    if len(repeated):
        lag = int(repeated[0]) + 1
        return lag, f"the sizes' correlation at lag {lag} is {correlations[lag - 1]:.2f}"
    spread = max(float(sizes.std() / sizes.mean()), float(intervals.std() / intervals.mean()))
    if spread > REGULAR:
        return None, f"there is no rhythm: sizes or intervals of volleys vary by {spread:.2f} of their mean"
    best = int(np.argmax(correlations))
    largest = f"their largest correlation is {correlations[best]:.2f}, at lag {best + 1}"
    return 1, f"the sizes vary around one mean: {largest}"
