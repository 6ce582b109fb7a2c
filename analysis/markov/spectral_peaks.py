"""The strongest frequency of a population's rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import spectrogram

from ssnbrian.circuit import InvalidInputError

from .run import MarkovRun
from .synchrony_index import position

__all__ = ["SpectralPeak", "spectral_peak"]

GROUPS = 10
SEGMENT = 0.25  # s
BAND = (10.0, 300.0)  # Hz
CERTAIN = 4.0  # standard errors
STEADY = 1e-6


@dataclass(frozen=True)
class SpectralPeak:
    """The largest peak of a power spectrum.

    ``frequency`` Hz; ``standard_error`` Hz, by the jackknife over parts of the run, 0 for a deterministic run;
    ``power`` Hz, two-sided density there; ``half_width`` Hz, distance between the first frequencies on both sides at
    which the density is below half of the largest, at least the resolution of the window.
    """

    frequency: float
    standard_error: float
    power: float
    half_width: float


def spectral_peak(
    run: MarkovRun, population: str | None = None, segment: float = SEGMENT, band: tuple[float, float] = BAND
) -> SpectralPeak | None:
    """The largest local maximum within ``band`` (Hz, Hz) of the spectrum of a population's rate (the first by default).

    Periodograms with Hann's window of segments of ``segment`` (s) that overlap by half are averaged; a deterministic
    run is one segment. The maximum is that of the parabola through the logarithms of all neighbouring densities above
    half of the largest, at least three. None where the rate is constant (relative standard deviation below 1e-6),
    the spectrum is largest at an end of the band, or a noisy one does not rise by 4 of its standard errors above its
    median in the band. Raises InvalidInputError for an unknown population, a run shorter than 20 segments, or a band
    with less than five of the spectrum's frequencies.
    """
    rate = run.rates[position(run, population)]
    bins = len(rate) if run.deterministic else round(segment / run.dt)
    if bins < 16 or (not run.deterministic and len(rate) < 2 * GROUPS * bins):
        raise InvalidInputError(
            f"a run of {len(rate)} bins of {run.dt:g} s is too short for its spectrum: it must hold {2 * GROUPS} "
            f"segments ({segment:g} s) of at least 16 bins"
        )
    if rate.std() <= STEADY * abs(rate.mean()):
        return None
    frequencies, _, densities = spectrogram(
        rate - rate.mean(), 1 / run.dt, "hann", bins, bins // 2, detrend=False, scaling="density"
    )
    kept = (frequencies >= band[0]) & (frequencies <= band[1])
    if kept.sum() < 5:
        raise InvalidInputError(
            f"the spectrum has {kept.sum()} frequencies from {band[0]:g} to {band[1]:g} Hz; choose a wider band, "
            f"longer segments or narrower bins"
        )
    frequencies, densities = frequencies[kept], densities[kept] / 2
    mean = densities.mean(axis=1)
    found = _vertex(frequencies, mean)
    if found is None or not (run.deterministic or _rises(densities)):
        return None
    first, last, frequency = found
    error = 0.0 if run.deterministic else _jackknife(frequencies, densities, first, last)
    return SpectralPeak(frequency, error, float(mean.max()), float(frequencies[last] - frequencies[first]))


def _rises(densities: np.ndarray) -> bool:
    """Whether the largest mean of densities (frequencies, segments) is no accident."""
    mean = densities.mean(axis=1)
    best = int(np.argmax(mean))
    error = densities[best].std(ddof=1) / np.sqrt(densities.shape[1])
    return bool(mean[best] - np.median(mean) > CERTAIN * error)


def _vertex(frequencies: np.ndarray, density: np.ndarray) -> tuple[int, int, float] | None:
    """First frequencies below half of the maximum on both sides, and its position; None at an end."""
    best = int(np.argmax(density))
    if best in (0, len(density) - 1):
        return None
    below = np.flatnonzero(density < density[best] / 2)
    first = max(below[below < best], default=0)
    last = min(below[below > best], default=len(density) - 1)
    return int(first), int(last), _fit(frequencies, density, best, int(first), int(last))


def _fit(frequencies: np.ndarray, density: np.ndarray, best: int, first: int, last: int) -> float:
    low, high = min(first + 1, best - 1), max(last - 1, best + 1)
    x = frequencies[low : high + 1] - frequencies[best]
    curvature, slope, _ = np.polyfit(x, np.log(density[low : high + 1]), 2)
    at = -slope / (2 * curvature) if curvature < 0 else 0.0
    return float(frequencies[best] + np.clip(at, x[0], x[-1]))


def _jackknife(frequencies: np.ndarray, densities: np.ndarray, first: int, last: int) -> float:
    """Standard error of the position, leaving out one of the groups of successive segments at a time."""
    groups = np.array_split(np.arange(densities.shape[1]), GROUPS)
    positions = []
    for group in groups:
        density = np.delete(densities, group, axis=1).mean(axis=1)
        best = first + 1 + int(np.argmax(density[first + 1 : last]))
        positions.append(_fit(frequencies, density, best, first, last))
    spread = np.array(positions) - np.mean(positions)
    return float(np.sqrt((GROUPS - 1) / GROUPS * (spread**2).sum()))
