"""Volleys (multiple-firing events): peaks of a population's rate and the spikes that belong to them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks, peak_widths

from ssnbrian.circuit import InvalidInputError

from .run import MarkovRun
from .synchrony_index import position

__all__ = ["PUBLISHED_RULE", "PeakRule", "Volleys", "find_volleys"]


@dataclass(frozen=True)
class PeakRule:
    """What counts as a peak of the rate.

    ``smoothing`` s, width of the moving average; ``distance`` s, at least between two peaks; ``height`` Hz, at least,
    by default that of 10 spikes/ms of 300 neurons; ``prominence``, at least, as part of the mean rate: the rise above
    the higher of the two lowest rates around. Raises InvalidInputError for a negative or infinite value.
    """

    smoothing: float = 1e-3
    distance: float = 9e-3
    height: float = 1e4 / 300
    prominence: float = 0.1

    def __post_init__(self) -> None:
        for name in ("smoothing", "distance", "height", "prominence"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise InvalidInputError(f"{name} of the peaks must be finite and not negative, not {value}")


PUBLISHED_RULE = PeakRule()


@dataclass(frozen=True, eq=False)
class Volleys:
    """Volleys of one population in the order of time, v of them, complete ones only.

    Attributes
    ----------
    population : whose.
    times : (v,) s, of the peaks, between bins by a parabola.
    heights : (v,) Hz, of the smoothed rate in the bin of the peak.
    sizes : (v,) spikes per neuron between the lowest rate before and the lowest rate after the peak.
    durations : (v,) s, the peak's width at half of its prominence.
    borders : (v + 1,) s, the lowest rates between peaks; empty without volleys.
    """

    population: str
    times: np.ndarray
    heights: np.ndarray
    sizes: np.ndarray
    durations: np.ndarray
    borders: np.ndarray

    @property
    def intervals(self) -> np.ndarray:
        """(v - 1,) s between successive peaks."""
        return np.diff(self.times)

    def __len__(self) -> int:
        return len(self.times)


def find_volleys(run: MarkovRun, population: str | None = None, rule: PeakRule = PUBLISHED_RULE) -> Volleys:
    """The volleys of a population (the first by default): peaks of its rate under ``rule``.

    Every spike between the first and the last border belongs to one volley. The first and the last peak of the run,
    which may be cut, serve as neighbours only. Raises InvalidInputError for an unknown population.
    """
    which = position(run, population)
    rate = run.rates[which]
    width = max(1, round(rule.smoothing / run.dt))
    smooth = uniform_filter1d(rate, width, mode="nearest")
    peaks, _ = find_peaks(
        smooth,
        height=rule.height,
        distance=max(1.0, rule.distance / run.dt * (1 - 1e-9)),
        prominence=max(rule.prominence * float(rate.mean()) if len(rate) else 0.0, np.finfo(float).tiny),
    )
    if len(peaks) < 3:
        nothing = np.empty(0)
        return Volleys(run.names[which], nothing, nothing, nothing, nothing, nothing)
    lows = np.array([one + np.argmin(smooth[one:other]) for one, other in itertools.pairwise(peaks)])
    shift = -0.5 if width % 2 == 0 else 0.0  # the centre of an even number of bins lies between two
    borders = _vertices(smooth, lows) + shift
    cumulated = np.concatenate(([0.0], np.cumsum(rate) * run.dt))
    at_borders = np.interp(borders + 0.5, np.arange(len(cumulated)), cumulated)
    inner = peaks[1:-1]
    return Volleys(
        population=run.names[which],
        times=(_vertices(smooth, inner) + shift + 0.5) * run.dt,
        heights=smooth[inner],
        sizes=np.diff(at_borders),
        durations=peak_widths(smooth, inner)[0] * run.dt,
        borders=(borders + 0.5) * run.dt,
    )


def _vertices(values: np.ndarray, extrema: np.ndarray) -> np.ndarray:
    """Positions of extrema inside of an array, between its points by the parabola through three of them."""
    before, here, after = (values[extrema + k] for k in (-1, 0, 1))
    curvature = before - 2 * here + after
    flat = curvature == 0
    shift = np.where(flat, 0.0, 0.5 * (before - after) / np.where(flat, 1.0, curvature))
    return extrema + np.clip(shift, -0.5, 0.5)
