"""Statistics of recorded spike trains: irregularity, spread of rates, correlations in time and between neurons.

All functions take a :class:`~ssnbrian.circuit.Recording` with spikes (``simulate(..., spikes=True)``) and a window
from ``start`` to ``stop`` (s), in which the activity has to be stationary: a ramp shows up as slow correlation. A
population in which nothing can be measured raises :class:`~ssnbrian.circuit.InvalidInputError`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError, Recording
from ssnbrian.circuit.units import floats_of

BATCHES = 20


@dataclass(frozen=True)
class SpikeTrains:
    """Spikes of one population in a window, ordered by neuron and then by time.

    Attributes
    ----------
    times : s after the start of the window, shape (spikes,); neurons : their indices, same shape.
    size : neurons in the population; duration : length of the window, s.
    """

    times: np.ndarray
    neurons: np.ndarray
    size: int
    duration: float

    @property
    def counts(self) -> np.ndarray:
        """Spikes of each neuron, shape (size,)."""
        return np.bincount(self.neurons, minlength=self.size)

    def binned(self, width: float) -> BinnedTrains:
        """Spike counts in bins of ``width`` (s); a last bin that would be cut short is left out."""
        bins = int(self.duration / width * (1 + 1e-9))
        if bins < 2 * BATCHES:
            raise InvalidInputError(
                f"bins of {width:g} s: the window of {self.duration:g} s holds {bins} of them, at least "
                f"{2 * BATCHES} are needed"
            )
        bin_of = np.floor(self.times / width * (1 + 1e-9)).astype(np.int64)
        inside = bin_of < bins
        cells, counts = np.unique(self.neurons[inside] * np.int64(bins) + bin_of[inside], return_counts=True)
        return BinnedTrains(cells // bins, cells % bins, counts, self.size, bins, width)


@dataclass(frozen=True)
class BinnedTrains:
    """The non-zero spike counts of one population: ``counts[k]`` spikes of ``neurons[k]`` in bin ``bins_of[k]``."""

    neurons: np.ndarray
    bins_of: np.ndarray
    counts: np.ndarray
    size: int
    bins: int
    width: float


def spike_trains(recording: Recording, population: str, start: Any = 0.0, stop: Any = None) -> SpikeTrains:
    """The spikes of ``population`` from ``start`` to ``stop`` (s or quantities; default: the end).

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for a recording without spikes or an empty window.
    """
    if population not in recording.sizes:
        raise InvalidInputError(f"the recording has no population '{population}'; it has {', '.join(recording.sizes)}")
    if population not in recording.spikes:
        raise InvalidInputError(
            f"the spikes of {population} were not recorded; simulate with spikes=True to measure spike trains"
        )
    first, last = window(recording, start, stop)
    times, neurons = recording.spikes[population]
    inside = (times >= first) & (times < last)
    neurons = neurons[inside].astype(np.int64)
    order = np.argsort(neurons, kind="stable")
    ordered = times[inside][order] - first
    if np.any((np.diff(ordered) < 0) & (np.diff(neurons[order]) == 0)):
        order = np.lexsort((times[inside], neurons))
        ordered = times[inside][order] - first
    return SpikeTrains(ordered, neurons[order], recording.sizes[population], last - first)


def window(recording: Recording, start: Any, stop: Any) -> tuple[float, float]:
    """``start`` and ``stop`` in s, checked against the recording; ``stop`` None is its end."""
    first = float(floats_of(start, "s", "start of the window"))
    last = recording.duration if stop is None else float(floats_of(stop, "s", "stop of the window"))
    if not 0 <= first < last <= recording.duration * (1 + 1e-9):
        raise InvalidInputError(
            f"the window from {first:g} to {last:g} s is empty or outside the recording of {recording.duration:g} s"
        )
    return first, last


def recorded_populations(recording: Recording, populations: Iterable[str] | None) -> list[str]:
    """The populations asked for, by default all whose spikes were recorded."""
    if populations is not None:
        return list(populations)
    if not recording.spikes:
        raise InvalidInputError("the recording has no spikes; simulate with spikes=True to measure spike trains")
    return list(recording.spikes)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard error of independent values, shape (n,), n >= 2."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


@dataclass(frozen=True)
class Irregularity:
    """Irregularity of the inter-spike intervals of one population.

    Attributes
    ----------
    neurons : indices of the neurons with enough spikes, shape (k,); ``excluded`` is the number of the others.
    cv : coefficient of variation of the intervals of each, shape (k,): standard deviation over mean.
    cv2 : mean of 2|I' - I|/(I' + I) over adjacent intervals (Holt et al. 1996), shape (k,).
    lv : mean of 3(I' - I)²/(I' + I)² (local variation, Shinomoto et al. 2003), shape (k,).
    mean_cv, mean_cv2, mean_lv : (mean over neurons, standard error from their spread).
    pooled_cv : (CV of the intervals of all neurons of the population together, jackknife standard error over
        neurons); it includes the spread of rates between the neurons, and no selection by number of spikes.
    pooled_cv_corrected : the same with every interval I weighted by 1/(T - I), T being the length of the window. In a
        stationary process an interval falls wholly into the window with a probability proportional to T - I, so the
        weighted moments have no bias but for the intervals longer than T. The rare intervals close to T add noise.

    All are 1 for Poisson neurons of equal rate. Where a window holds few spikes ``cv`` is biased low, because it is a
    ratio of sample moments and because long intervals are less likely to fit in: for a Poisson process by about one
    over the number of spikes (-9 % with 10, -5 % with 20, -2 % with 50), which no weighting mends. ``cv2`` and ``lv``
    compare neighbours and have no such bias for a Poisson process; ``pooled_cv`` has little. Asking for a minimum
    number of spikes selects the fast neurons and the full windows.
    """

    neurons: np.ndarray
    excluded: int
    cv: np.ndarray
    cv2: np.ndarray
    lv: np.ndarray
    mean_cv: tuple[float, float]
    mean_cv2: tuple[float, float]
    mean_lv: tuple[float, float]
    pooled_cv: tuple[float, float]
    pooled_cv_corrected: tuple[float, float]


def irregularity(
    recording: Recording,
    *,
    start: Any = 0.0,
    stop: Any = None,
    minimum_spikes: int = 10,
    populations: Iterable[str] | None = None,
) -> dict[str, Irregularity]:
    """Irregularity of the inter-spike intervals within the window, per population.

    A population with fewer than two neurons of at least ``minimum_spikes`` (3 or more) spikes is an
    :class:`~ssnbrian.circuit.InvalidInputError`, as is a recording without spikes.
    """
    if minimum_spikes < 3:
        raise InvalidInputError(f"minimum_spikes must be at least 3 (two intervals), got {minimum_spikes}")
    return {
        name: _irregularity(name, spike_trains(recording, name, start, stop), minimum_spikes)
        for name in recorded_populations(recording, populations)
    }


def _irregularity(name: str, trains: SpikeTrains, minimum: int) -> Irregularity:
    neurons = np.flatnonzero(trains.counts >= minimum)
    if len(neurons) < 2:
        raise InvalidInputError(
            f"{name}: only {len(neurons)} neurons have {minimum} spikes or more in {trains.duration:g} s; "
            f"simulate longer or lower minimum_spikes"
        )
    same = np.diff(trains.neurons) == 0
    intervals, owners = np.diff(trains.times)[same], trains.neurons[1:][same]
    if np.any(intervals <= 0):
        raise InvalidInputError(f"{name}: a neuron has two spikes at the same time; intervals must be positive")
    adjacent = np.diff(owners) == 0
    sums, differences = (intervals[1:] + intervals[:-1])[adjacent], np.diff(intervals)[adjacent]
    ratio = np.abs(differences) / sums

    def per_neuron(values: np.ndarray, of: np.ndarray) -> np.ndarray:
        return np.bincount(of, values, minlength=trains.size)

    def moments(weights: np.ndarray) -> np.ndarray:
        return np.stack([per_neuron(weights * intervals**power, owners) for power in range(3)])

    plain = moments(np.ones_like(intervals))
    pairs = per_neuron(np.ones_like(ratio), owners[1:][adjacent])[neurons]
    cv2 = 2 * per_neuron(ratio, owners[1:][adjacent])[neurons] / pairs
    lv = 3 * per_neuron(ratio**2, owners[1:][adjacent])[neurons] / pairs
    number = trains.counts[neurons] - 1
    cv = _cv(plain[:, neurons], number / (number - 1))
    return Irregularity(
        neurons=neurons,
        excluded=trains.size - len(neurons),
        cv=cv,
        cv2=cv2,
        lv=lv,
        mean_cv=mean_and_error(cv),
        mean_cv2=mean_and_error(cv2),
        mean_lv=mean_and_error(lv),
        pooled_cv=_pooled_cv(plain),
        pooled_cv_corrected=_pooled_cv(moments(1 / (trains.duration - intervals))),
    )


def _pooled_cv(moments: np.ndarray) -> tuple[float, float]:
    total = moments.sum(axis=1)
    left_out = _cv(total[:, None] - moments[:, moments[0] > 0], 1.0)
    return float(_cv(total, 1.0)), jackknife_error(left_out)


def _cv(moments: np.ndarray, factor: Any) -> np.ndarray:
    mean, square = moments[1] / moments[0], moments[2] / moments[0]
    return np.sqrt(factor * np.maximum(square - mean**2, 0.0)) / mean


def jackknife_error(left_out: np.ndarray) -> float:
    """Standard error of an estimate from its values with one of n batches left out, shape (n,)."""
    number = len(left_out)
    return float(np.sqrt((number - 1) / number * np.sum((left_out - left_out.mean()) ** 2)))


@dataclass(frozen=True)
class RateDistribution:
    """Rates of the neurons of one population in a window.

    Attributes
    ----------
    rates : of each neuron, Hz, shape (size,).
    mean, standard_deviation : over neurons, Hz; ``silent`` is the fraction without a spike.
    dispersion : (variance over mean of the spike counts over neurons, jackknife standard error). Poisson neurons
        of equal rate have 1; more means that the rates differ. Neurons that fire more regularly than Poisson lower it.
    rate_spread : standard deviation over neurons of the underlying rates if every neuron is Poisson, Hz: the square
        root of the variance beyond Poisson; 0 where there is none.
    """

    rates: np.ndarray
    mean: float
    standard_deviation: float
    silent: float
    dispersion: tuple[float, float]
    rate_spread: float


def rate_distribution(
    recording: Recording, *, start: Any = 0.0, stop: Any = None, populations: Iterable[str] | None = None
) -> dict[str, RateDistribution]:
    """The distribution of rates over the neurons of each population.

    Over the whole recording the counts of neurons suffice; a window needs recorded spikes. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` for a population of fewer than three neurons or without a spike.
    """
    first, last = window(recording, start, stop)
    whole = first == 0 and stop is None
    names = list(recording.sizes) if populations is None and whole else recorded_populations(recording, populations)
    result = {}
    for name in names:
        counts = recording.neuron_counts[name] if whole else spike_trains(recording, name, first, last).counts
        result[name] = _rate_distribution(name, counts.astype(float), last - first)
    return result


def _rate_distribution(name: str, counts: np.ndarray, duration: float) -> RateDistribution:
    number, total, square = len(counts), counts.sum(), (counts**2).sum()
    if number < 3 or total - counts.max() <= 0:
        raise InvalidInputError(f"{name}: a distribution of rates needs three neurons and spikes of at least two")
    left = number - 1
    means = (total - counts) / left
    variances = (square - counts**2 - left * means**2) / (left - 1)
    variance = counts.var(ddof=1)
    return RateDistribution(
        rates=counts / duration,
        mean=float(counts.mean() / duration),
        standard_deviation=float(np.sqrt(variance) / duration),
        silent=float(np.mean(counts == 0)),
        dispersion=(float(variance / counts.mean()), jackknife_error(variances / means)),
        rate_spread=float(np.sqrt(max(variance - counts.mean(), 0.0)) / duration),
    )


def fano_factors(
    recording: Recording,
    bin_width: Any,
    *,
    start: Any = 0.0,
    stop: Any = None,
    populations: Iterable[str] | None = None,
) -> dict[str, tuple[float, float]]:
    """(mean over neurons, standard error) of the variance over the mean of spike counts in bins of ``bin_width`` (s).

    Neurons without a spike are left out. The error is from the spread over neurons, which takes them as independent.
    """
    width = float(floats_of(bin_width, "s", "bin width"))
    result = {}
    for name in recorded_populations(recording, populations):
        binned = spike_trains(recording, name, start, stop).binned(width)
        mean, variance = count_moments(binned)
        active = mean > 0
        if active.sum() < 2:
            raise InvalidInputError(f"{name}: fewer than two neurons fired; there is no Fano factor")
        result[name] = mean_and_error(variance[active] / mean[active])
    return result


def count_moments(binned: BinnedTrains) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (n - 1) over bins of the spike count of each neuron, both shape (size,)."""
    total = np.bincount(binned.neurons, binned.counts, minlength=binned.size)
    square = np.bincount(binned.neurons, binned.counts.astype(float) ** 2, minlength=binned.size)
    mean = total / binned.bins
    return mean, (square - binned.bins * mean**2) / (binned.bins - 1)
