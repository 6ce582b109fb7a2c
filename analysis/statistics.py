"""Rates of a recording with their standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError, Recording

BATCHES = 20


@dataclass(frozen=True)
class BinnedRates:
    """Rates of one population in wide bins.

    Attributes
    ----------
    times : centres of the bins, s, shape (bins,).
    rates : mean rate per neuron, Hz, shape (bins,).
    standard_errors : of each rate, Hz, shape (bins,), from batches within the bin around a straight line, so that
        a ramp's trend does not count as noise; correlations longer than a batch are not seen.
    """

    times: np.ndarray
    rates: np.ndarray
    standard_errors: np.ndarray


def _standard_errors(batches: np.ndarray) -> np.ndarray:
    """Standard error of the mean over the last axis after removing a straight line."""
    number = batches.shape[-1]
    position = np.arange(number) - (number - 1) / 2
    mean = batches.mean(axis=-1, keepdims=True)
    slope = (batches * position).sum(axis=-1, keepdims=True) / (position**2).sum()
    rest = batches - mean - slope * position
    return np.sqrt((rest**2).sum(axis=-1) / (number - 2) / number)


def batch_means(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the last axis and its standard error from ``BATCHES`` batches, without a linear trend.

    ``values`` has at least ``BATCHES`` entries along the last axis; those that fill no batch are left out.
    """
    per_batch = values.shape[-1] // BATCHES
    batches = values[..., : per_batch * BATCHES].reshape(*values.shape[:-1], BATCHES, per_batch).mean(axis=-1)
    return batches.mean(axis=-1), _standard_errors(batches)


def binned_rates(recording: Recording, width: float = 1.0) -> dict[str, BinnedRates]:
    """Rates of every population in bins of ``width`` (s), a multiple of ``BATCHES`` count bins where possible.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` when the recording is shorter than one bin or its count
    bins are too wide for a standard error.
    """
    per_bin = round(width / recording.bin_width)
    per_batch = per_bin // BATCHES
    if per_batch < 1:
        raise InvalidInputError(
            f"bins of {width:g} s hold fewer than {BATCHES} count bins of {recording.bin_width:g} s; "
            f"record with a bin width of at most {width / BATCHES * 1000:g} ms"
        )
    per_bin = per_batch * BATCHES
    result = {}
    for name, counts in recording.counts.items():
        bins = len(counts) // per_bin
        if bins == 0:
            raise InvalidInputError(
                f"the recording ({recording.duration:g} s) is shorter than one bin of {width:g} s; "
                f"simulate longer or choose narrower bins"
            )
        batches = counts[: bins * per_bin].reshape(bins, BATCHES, per_batch).sum(axis=-1)
        rates = batches / (recording.sizes[name] * per_batch * recording.bin_width)
        times = (np.arange(bins) + 0.5) * per_bin * recording.bin_width
        result[name] = BinnedRates(times, rates.mean(axis=-1), _standard_errors(rates))
    return result


def mean_rates(recording: Recording, start: float = 0.0, stop: float | None = None) -> dict[str, tuple[float, float]]:
    """(mean rate, standard error) of every population from ``start`` to ``stop`` (s; the end), Hz, by batch means."""
    first, last = round(start / recording.bin_width), None if stop is None else round(stop / recording.bin_width)
    result = {}
    for name, counts in recording.counts.items():
        if len(counts[first:last]) < BATCHES:
            raise InvalidInputError(f"the recording is too short after {start:g} s for {BATCHES} batches")
        rate, error = batch_means(counts[first:last] / (recording.sizes[name] * recording.bin_width))
        result[name] = float(rate), float(error)
    return result
