"""Correlations of spike counts in time and between neurons, with errors from blocks of time.

Sums over neurons run over the spikes, never over a matrix of neurons by bins: pairs of occupied bins of one neuron
give its autocovariance, and the weighted sum over neurons of the counts in every bin gives all cross-covariances at
once. Sources: the fit of an exponential with an offset is that of Murray et al. 2014 for cortical spike counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from ssnbrian.circuit import InvalidInputError, Recording
from ssnbrian.circuit.units import floats_of

from .spike_statistics import (
    BinnedTrains,
    count_moments,
    jackknife_error,
    recorded_populations,
    spike_trains,
    window,
)

BLOCKS = 10
METHODS = ("neuron", "population")


@dataclass(frozen=True)
class Autocorrelation:
    """Autocovariance of spike counts in bins, as a rate.

    Attributes
    ----------
    lags : s, shape (k,): 1, 2, … bins.
    covariance : Hz², shape (k,); ``standard_errors`` of it, by a jackknife over ``BLOCKS`` blocks of time.
    variance : the covariance at lag 0, Hz²; it contains the shot noise of the spikes.
    left_out : the covariance with one block left out, shape (BLOCKS, k).
    method : 'neuron' (averaged over the neurons) or 'population' (of the population rate per neuron).
    bin_width : s.
    """

    lags: np.ndarray
    covariance: np.ndarray
    standard_errors: np.ndarray
    variance: float
    left_out: np.ndarray
    method: str
    bin_width: float

    @property
    def correlation(self) -> np.ndarray:
        """Covariance over the variance at lag 0, shape (k,); small where spikes are few per bin."""
        return self.covariance / self.variance


@dataclass(frozen=True)
class Timescale:
    """The fit of amplitude·exp(-lag/tau) + offset to an autocovariance, by least squares, without lag 0.

    Attributes
    ----------
    tau, standard_error : s; None where there is no decay to be fitted.
    amplitude, offset : Hz². The offset takes up what is slower than the longest lag.
    resolved : whether the data support the fit; ``reason`` says what is missing if not.
    """

    tau: float | None
    standard_error: float | None
    amplitude: float
    offset: float
    resolved: bool
    reason: str


@dataclass(frozen=True)
class CrossCorrelation:
    """Correlation coefficient of the spike counts of two different neurons, averaged over all pairs.

    Attributes
    ----------
    lags : s, shape (k,): 0, 1, … bins, by which the second population is later.
    correlation, standard_errors : shape (k,); errors by a jackknife over ``BLOCKS`` blocks of time.
    pairs : number of pairs; neurons whose count never changes are left out.
    bin_width : s.
    """

    lags: np.ndarray
    correlation: np.ndarray
    standard_errors: np.ndarray
    pairs: int
    bin_width: float


class _Blocks:
    """Sums of lagged products over blocks of time: the pair (t, t + lag) belongs to the block of t."""

    def __init__(self, bins: int, lags: int) -> None:
        if bins // BLOCKS <= 2 * lags:
            raise InvalidInputError(
                f"the window holds {bins} bins; at least {2 * BLOCKS} times the longest lag of {lags} bins are needed"
            )
        self.bins, self.lags = bins, lags
        self.edges = np.linspace(0, bins, BLOCKS + 1).astype(np.int64)

    def positions(self) -> np.ndarray:
        """Number of pairs (t, t + lag), shape (BLOCKS, lags + 1)."""
        ends = np.minimum(self.edges[1:, None], self.bins - np.arange(self.lags + 1))
        return ends - self.edges[:-1, None]

    def products(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Sums of first(t)·second(t + lag) per block and lag; both arrays have shape (bins,)."""
        columns = [
            np.add.reduceat(first[: self.bins - lag] * second[lag:], self.edges[:-1]) for lag in range(self.lags + 1)
        ]
        return np.stack(columns, axis=1)

    def own_products(self, binned: BinnedTrains, mean: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """The same for sum_i weight_i (n_i(t) - mean_i)(n_i(t + lag) - mean_i), from the non-zero counts n_i."""
        result = self._raw_products(binned, weight)
        shifted = (weight * mean)[binned.neurons] * binned.counts
        total = np.bincount(binned.bins_of, shifted, minlength=self.bins)
        ones = np.ones(self.bins)
        result -= self.products(total, ones) + self.products(ones, total)
        return result + self.positions() * np.sum(weight * mean**2)

    def _raw_products(self, binned: BinnedTrains, weight: np.ndarray) -> np.ndarray:
        result = np.zeros(BLOCKS * (self.lags + 1))
        block = np.searchsorted(self.edges, binned.bins_of, side="right") - 1
        place = binned.neurons * (self.bins + self.lags + 1) + binned.bins_of
        value = np.sqrt(weight[binned.neurons]) * binned.counts
        for step in range(len(place)):
            lag = place[step:] - place[: len(place) - step]
            near = np.flatnonzero(lag <= self.lags)
            if not len(near):
                break
            cell = block[near] * (self.lags + 1) + lag[near]
            result += np.bincount(cell, value[near] * value[near + step], minlength=len(result))
        return result.reshape(BLOCKS, self.lags + 1)


def _bins_of_lag(bin_width: Any, maximum_lag: Any) -> tuple[float, int]:
    width = float(floats_of(bin_width, "s", "bin width"))
    longest = float(floats_of(maximum_lag, "s", "maximum lag"))
    if not width > 0 or longest < width:
        raise InvalidInputError(f"a lag of {longest:g} s is shorter than one bin of {width:g} s, or the bin is empty")
    return width, round(longest / width)


def _jackknife(sums: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard error and means with one block left out, from sums and numbers of shape (BLOCKS, k)."""
    total, number = sums.sum(axis=0), positions.sum(axis=0)
    left_out = (total - sums) / (number - positions)
    errors = np.array([jackknife_error(column) for column in left_out.T])
    return total / number, errors, left_out


def autocorrelation(
    recording: Recording,
    *,
    method: str,
    bin_width: Any,
    maximum_lag: Any,
    start: Any = 0.0,
    stop: Any = None,
    populations: Iterable[str] | None = None,
) -> dict[str, Autocorrelation]:
    """Autocovariance of spike counts in bins of ``bin_width`` (s) up to ``maximum_lag`` (s), per population.

    ``method`` 'neuron' averages over the neurons and needs recorded spikes; it sees what every neuron does, shared
    with others or not. 'population' takes the population rate, from the counts that every recording has (so
    ``bin_width`` is rounded to a multiple of theirs); it sees only what neurons share. The mean of the window is
    subtracted, which lowers the covariance by about its integral over the length of the window.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for another method, a window shorter than 20 times the
    maximum lag, a population without spikes, or, for 'neuron', a recording without spikes.
    """
    if method not in METHODS:
        raise InvalidInputError(f"method must be 'neuron' or 'population', got '{method}'")
    width, lags = _bins_of_lag(bin_width, maximum_lag)
    if method == "population":
        names = list(recording.sizes) if populations is None else list(populations)
        return {name: _of_population(recording, name, width, lags, start, stop) for name in names}
    result = {}
    for name in recorded_populations(recording, populations):
        binned = spike_trains(recording, name, start, stop).binned(width)
        mean, variance = count_moments(binned)
        blocks = _Blocks(binned.bins, lags)
        sums = blocks.own_products(binned, mean, np.ones(binned.size)) / binned.size
        result[name] = _autocorrelation(name, sums, blocks, float(variance.mean()), width, method)
    return result


def _of_population(recording: Recording, name: str, width: float, lags: int, start: Any, stop: Any) -> Autocorrelation:
    if name not in recording.counts:
        raise InvalidInputError(f"the recording has no population '{name}'; it has {', '.join(recording.sizes)}")
    first, last = (round(time / recording.bin_width) for time in window(recording, start, stop))
    per_bin = max(1, round(width / recording.bin_width))
    counts = recording.counts[name][first:last]
    counts = counts[: len(counts) // per_bin * per_bin].reshape(-1, per_bin).sum(axis=1) / recording.sizes[name]
    blocks = _Blocks(len(counts), lags)
    centred = counts - counts.mean()
    sums = blocks.products(centred, centred)
    return _autocorrelation(name, sums, blocks, float(counts.var()), per_bin * recording.bin_width, "population")


def _autocorrelation(
    name: str, sums: np.ndarray, blocks: _Blocks, variance: float, width: float, method: str
) -> Autocorrelation:
    if not variance > 0:
        raise InvalidInputError(f"{name}: the spike count is the same in every bin; there is no autocorrelation")
    mean, errors, left_out = (one[..., 1:] / width**2 for one in _jackknife(sums, blocks.positions()))
    lags = np.arange(1, blocks.lags + 1) * width
    return Autocorrelation(lags, mean, errors, variance / width**2, left_out, method, width)


def autocorrelation_time(measured: Autocorrelation, minimum_lag: Any = 0.0) -> Timescale:
    """The decay time of an autocovariance, with a standard error by the jackknife over blocks of time.

    A rate that decorrelates as exp(-lag/tau) gives counts in bins of any width that do so too from the first lag on.
    ``minimum_lag`` (s) leaves out shorter lags, where the neurons' own recovery after a spike makes a trough.
    Raises :class:`~ssnbrian.circuit.InvalidInputError` for fewer than four lags.
    """
    used = measured.lags >= float(floats_of(minimum_lag, "s", "minimum lag")) * (1 - 1e-9)
    lags = measured.lags[used]
    if len(lags) < 4:
        raise InvalidInputError(f"a fit of three parameters needs at least four lags, got {len(lags)}")
    tau, amplitude, offset = _fit(lags, measured.covariance[used])
    others = [_fit(lags, covariance[used]) for covariance in measured.left_out]
    error_of_amplitude = jackknife_error(np.array([one[1] for one in others]))
    if amplitude <= 3 * error_of_amplitude:
        reason = f"no decay is seen: amplitude {amplitude:.3g} Hz², standard error {error_of_amplitude:.2g} Hz²"
        if amplitude < -3 * error_of_amplitude:
            reason += "; the covariance rises with the lag, perhaps from recovery after a spike: raise minimum_lag"
        return Timescale(None, None, amplitude, offset, False, reason)
    error = jackknife_error(np.array([one[0] for one in others]))
    if tau > lags[-1] / 2:
        reason = f"tau is more than half of the longest lag ({lags[-1]:g} s), so that it and the offset are confounded"
    elif tau < measured.bin_width:
        reason = f"tau is below the bin width of {measured.bin_width:g} s; take narrower bins"
    elif error > tau / 2:
        reason = "the standard error is more than half of tau; simulate longer"
    else:
        return Timescale(tau, error, amplitude, offset, True, "fitted")
    return Timescale(tau, error, amplitude, offset, False, reason)


def _fit(lags: np.ndarray, covariance: np.ndarray) -> tuple[float, float, float]:
    """tau, amplitude and offset: linear least squares in the latter two inside a search for tau."""

    def solve(tau: float) -> tuple[np.ndarray, float]:
        design = np.stack([np.exp(-lags / tau), np.ones_like(lags)], axis=1)
        solution = np.linalg.lstsq(design, covariance, rcond=None)[0]
        return solution, float(np.sum((design @ solution - covariance) ** 2))

    grid = np.geomspace((lags[1] - lags[0]) / 4, lags[-1] * 10, 60)
    best = int(np.argmin([solve(tau)[1] for tau in grid]))
    bounds = np.log(grid[[max(best - 1, 0), min(best + 1, len(grid) - 1)]])
    found = minimize_scalar(lambda log_tau: solve(np.exp(log_tau))[1], bounds=bounds, method="bounded")
    tau = float(np.exp(found.x))
    amplitude, offset = solve(tau)[0]
    return tau, float(amplitude), float(offset)


def cross_correlation(
    recording: Recording,
    *,
    bin_width: Any,
    maximum_lag: Any = None,
    start: Any = 0.0,
    stop: Any = None,
    populations: Iterable[str] | None = None,
) -> dict[tuple[str, str], CrossCorrelation]:
    """Correlation of the spike counts of pairs of different neurons, averaged over all pairs, per pair of populations.

    Counts are taken in bins of ``bin_width`` (s); without ``maximum_lag`` (s) only in the same bin. Near 0 in an
    asynchronous state; compare with ``standard_errors``. The key (A, B) has the neuron of B later.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for a recording without spikes, or a population in which fewer
    than two neurons fired.
    """
    width, lags = _bins_of_lag(bin_width, bin_width if maximum_lag is None else maximum_lag)
    lags = 0 if maximum_lag is None else lags
    sums, own, sizes = {}, {}, {}
    names = recorded_populations(recording, populations)
    for name in names:
        binned = spike_trains(recording, name, start, stop).binned(width)
        mean, variance = count_moments(binned)
        active = variance > 0
        if active.sum() < 2:
            raise InvalidInputError(f"{name}: fewer than two neurons fired; there are no pairs to correlate")
        weight = np.divide(1.0, variance, out=np.zeros_like(variance), where=active)
        scaled = np.sqrt(weight)
        counts = np.bincount(binned.bins_of, scaled[binned.neurons] * binned.counts, minlength=binned.bins)
        blocks = _Blocks(binned.bins, lags)
        sums[name], sizes[name] = counts - np.sum(scaled * mean), int(active.sum())
        own[name] = blocks.own_products(binned, mean, weight)
    result = {}
    for one in names:
        for other in names:
            products = blocks.products(sums[one], sums[other]) - (own[one] if one == other else 0.0)
            pairs = sizes[one] * (sizes[other] - (one == other))
            mean, errors, _ = _jackknife(products / pairs, blocks.positions())
            result[one, other] = CrossCorrelation(
                np.arange(lags + 1) * width, mean, errors, pairs // (1 + (one == other)), width
            )
    return result
