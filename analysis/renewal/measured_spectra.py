"""Power spectra measured from spike counts, with standard errors, and what a spectrum would be measured as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import get_window, periodogram

from ssnbrian.circuit import InvalidInputError

# Points of the true spectrum between two measured frequencies.
_FINE = 8


@dataclass(frozen=True)
class EstimatedSpectrum:
    """A spectrum measured from counts.

    Attributes
    ----------
    frequencies : Hz, (f,), without 0. ``spectrum`` : two-sided density of the activity, Hz, (f,).
    standard_errors : of the spectrum, Hz, (f,), from the scatter over the ``segments``, which are taken as independent.
    """

    frequencies: np.ndarray
    spectrum: np.ndarray
    standard_errors: np.ndarray
    segments: int


def estimated_spectrum(activity: np.ndarray, step: float, segment: float, window: str = "hann") -> EstimatedSpectrum:
    """Spectrum of an activity (Hz; counts/(N step)) in bins of ``step`` (s), shape (t,) or (realisations, t).

    The mean over everything is subtracted, every realisation is cut into segments of ``segment`` (s) without overlap,
    and their periodograms are averaged. (Subtracting the mean of each segment would lower the first frequency.) A
    segment must be long against the correlation time; where the spectrum has peaks narrower than its resolution,
    compare with :func:`expected_spectrum`. Raises InvalidInputError for fewer than two segments in all or fewer than
    eight bins in one.
    """
    activity = np.atleast_2d(np.asarray(activity, float))
    bins = round(segment / step)
    number = activity.shape[1] // bins if bins >= 8 else 0
    if number * activity.shape[0] < 2:
        raise InvalidInputError(
            f"{len(activity)} realisations of {activity.shape[1]} bins hold less than two segments of {bins} >= 8 bins"
        )
    pieces = (activity - activity.mean())[:, : number * bins].reshape(-1, bins)
    frequencies, density = periodogram(pieces, 1 / step, window, detrend=False, return_onesided=False)
    kept = slice(1, (bins + 1) // 2)
    density = density[:, kept]
    errors = density.std(axis=0, ddof=1) / np.sqrt(len(pieces))
    return EstimatedSpectrum(frequencies[kept], density.mean(axis=0), errors, len(pieces))


def expected_spectrum(
    spectrum: Callable[[np.ndarray], np.ndarray], step: float, segment: float, window: str = "hann"
) -> np.ndarray:
    """Expectation of :func:`estimated_spectrum` for a true two-sided spectrum (Hz) of a series in bins, shape (f,).

    ``spectrum(frequencies)`` is evaluated at 0 <= frequency <= 1/(2 step) (Hz), and convolved with the window's own
    spectrum.
    """
    bins = round(segment / step)
    weights = get_window(window, bins)
    number = _FINE * bins
    kernel = np.abs(np.fft.fft(weights, number)) ** 2
    true = spectrum(np.abs(np.fft.fftfreq(number, step)))
    smooth = np.fft.ifft(np.fft.fft(kernel) * np.fft.fft(true)).real / kernel.sum()
    return smooth[_FINE : _FINE * ((bins + 1) // 2) : _FINE]
