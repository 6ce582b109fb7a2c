"""What is compared between a network and its differential equations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError

from ..statistics import BATCHES, batch_means
from .periods import Period, period_of
from .run import MarkovRun
from .spectral_peaks import BAND, GROUPS, SEGMENT, SpectralPeak, spectral_peak
from .synchrony_index import Synchrony, position, synchrony
from .volleys import PUBLISHED_RULE, PeakRule, Volleys, find_volleys

__all__ = ["RunMeasures", "mean_rates", "measure"]


@dataclass(frozen=True, eq=False)
class RunMeasures:
    """Rates of all populations, and rhythm and synchrony of one of them.

    ``rates`` Hz with their ``standard_errors``, by population; ``spectral_peak`` is None where there is none. The
    fields of rhythm and synchrony are those of ``population``; ``synchrony`` is given for all that have spikes.
    """

    population: str
    rates: Mapping[str, float]
    standard_errors: Mapping[str, float]
    spectral_peak: SpectralPeak | None
    synchrony: Mapping[str, Synchrony]
    volleys: Volleys
    period: Period


def measure(
    run: MarkovRun, population: str | None = None, *, window: float = 1e-3, rule: PeakRule = PUBLISHED_RULE
) -> RunMeasures:
    """Everything that is compared, of a run in its steady state (leave out a transient by ``run.after``).

    ``population`` (the first by default) is the one whose volleys and spectrum are taken; ``window`` (s) is that of the
    synchrony index. The spectrum of a short run is taken in shorter segments, and not at all where five frequencies
    are not seen. Rates of a deterministic run are means over whole periods where it has one. Raises
    InvalidInputError for an unknown population and a run that is too short.
    """
    which = position(run, population)
    volleys = find_volleys(run, run.names[which], rule)
    period = period_of(run, volleys)
    means, errors = mean_rates(run)
    if run.deterministic and period.volleys is not None:
        means = _by_name(run, _rates_of_cycle(run, volleys, period.volleys))
    active = [name for name, rate in zip(run.names, run.rates, strict=True) if rate.any()]
    return RunMeasures(
        population=run.names[which],
        rates=means,
        standard_errors=errors,
        spectral_peak=_peak(run, run.names[which]),
        synchrony={name: synchrony(run, name, window) for name in active},
        volleys=volleys,
        period=period,
    )


def _peak(run: MarkovRun, name: str) -> SpectralPeak | None:
    """From segments of which the run holds at least 20; None where it is too short for a spectrum."""
    segment = min(SEGMENT, run.rates.shape[1] // (2 * GROUPS) * run.dt)
    length = run.rates.shape[1] * run.dt if run.deterministic else segment
    return spectral_peak(run, name, segment) if length * (BAND[1] - BAND[0]) >= 6 else None


def mean_rates(run: MarkovRun) -> tuple[dict[str, float], dict[str, float]]:
    """Mean rates and their standard errors by population, Hz; the errors of a deterministic run are 0.

    Standard errors are those of 20 batches. Raises InvalidInputError for a run of fewer than 20 bins.
    """
    number = run.rates.shape[1]
    if number < BATCHES:
        raise InvalidInputError(f"a run of {number} bins is too short; {BATCHES} are needed")
    errors = np.zeros(len(run.names)) if run.deterministic else batch_means(run.rates)[1]
    return _by_name(run, run.rates.mean(axis=1)), _by_name(run, errors)


def _by_name(run: MarkovRun, values: np.ndarray) -> dict[str, float]:
    return dict(zip(run.names, values.tolist(), strict=True))


def _rates_of_cycle(run: MarkovRun, volleys: Volleys, period: int) -> np.ndarray:
    """(n,) Hz over as many whole periods as the run holds: spikes between borders over the time between peaks.

    A border may lie anywhere in a silent stretch, a peak does not.
    """
    whole = (len(volleys) - 1) // period * period
    cumulated = np.cumsum(run.rates, axis=1) * run.dt
    ends = (np.arange(run.rates.shape[1]) + 1) * run.dt
    between = volleys.borders[[0, whole]]
    spikes = np.array([np.diff(np.interp(between, ends, one))[0] for one in cumulated])
    return spikes / (volleys.times[whole] - volleys.times[0])
