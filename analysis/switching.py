"""Two-state switching of a rate: detection with hysteresis, dwell times, transition rates with intervals.

A time course is called up or down by two thresholds (a Schmitt trigger): up once it exceeds the upper one, down once
it falls below the lower one, and unchanged in between, so that noise around one threshold makes no switches. Times in
s, rates in Hz (firing) and 1/s (transitions).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.stats import chi2

from ssnbrian.circuit import InvalidInputError, Recording
from ssnbrian.circuit.units import floats_of

from .states import SteadyStates

UP, DOWN, UNDETERMINED = 1, 0, -1
HISTOGRAM_BINS = 200
SMALLEST_PART = 0.01


@dataclass(frozen=True)
class Thresholds:
    """Hz: below ``low`` the state becomes down, above ``high`` it becomes up; ``source`` says where they are from."""

    low: float
    high: float
    source: str = "given"

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high < np.inf:
            raise InvalidInputError(
                f"thresholds: need 0 <= low < high, finite, in Hz; got low = {self.low}, high = {self.high}"
            )


def thresholds_from_states(states: SteadyStates, population: str) -> Thresholds:
    """Halfway from the saddle to the stable state below and to the one above it.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` unless there are two stable states with one unstable between.
    """
    kinds = [state.stable for state in states]
    if kinds != [True, False, True]:
        words = ", ".join("stable" if stable else "unstable" for stable in kinds)
        raise InvalidInputError(
            f"two-state switching needs a stable state, a saddle and a stable state; the theory has "
            f"{len(kinds)} states ({words or 'none'}) at mu_ext {dict(states.mu_ext)}"
        )
    down, saddle, up = (state.rates[population] for state in states)
    return Thresholds((down + saddle) / 2, (saddle + up) / 2, "halfway between the states of a theory and its saddle")


def thresholds_from_histogram(rates: np.ndarray) -> Thresholds:
    """Thresholds from the two modes of a bimodal histogram of smoothed rates (Hz, any shape).

    The histogram is that of the square root of the rate, whose counting noise does not depend on the rate, smoothed
    as little as leaves two modes. Each threshold lies halfway between the middle of the trough between the modes and a
    mode. Raises :class:`~ssnbrian.circuit.InvalidInputError` when there are no two clear modes: a trough of at most
    half the lower mode, and at least one percent of the values on either side of it.
    """
    roots = np.sqrt(np.asarray(rates, dtype=float).ravel())
    if roots.size < HISTOGRAM_BINS or not np.all(np.isfinite(roots)) or roots.min() == roots.max():
        raise InvalidInputError(f"a histogram of rates needs {HISTOGRAM_BINS} finite values that differ")
    counts, edges = np.histogram(roots, HISTOGRAM_BINS)
    centres = (edges[1:] + edges[:-1]) / 2
    for width in np.geomspace(1, HISTOGRAM_BINS / 4, 40):
        found = _modes_and_trough(counts, float(width))
        if found is not None:
            down, between, up = centres[list(found)]
            source = "the modes of the histogram"
            return Thresholds(float((down + between) / 2) ** 2, float((between + up) / 2) ** 2, source)
    raise InvalidInputError("the histogram of rates has no two separate modes; give thresholds, or record longer")


def _modes_and_trough(counts: np.ndarray, width: float) -> tuple[int, int, int] | None:
    """Lower mode, trough and upper mode of a histogram smoothed by ``width`` bins, or None if it has no two modes."""
    smooth = gaussian_filter1d(counts.astype(float), width, mode="constant")
    rise = np.diff(np.concatenate([[0.0], smooth, [0.0]]))
    modes = np.flatnonzero((rise[:-1] > 0) & (rise[1:] <= 0))
    if len(modes) != 2:
        return None
    between, lower = smooth[modes[0] : modes[1] + 1], smooth[modes].min()
    # The middle of the flat bottom: where exactly the least is found in it is chance.
    bottom = np.flatnonzero(between <= between.min() + 0.05 * lower)
    trough = int(modes[0] + (bottom[0] + bottom[-1]) // 2)
    below = counts[:trough].sum() / counts.sum()
    clear = between.min() <= 0.5 * lower and SMALLEST_PART <= below <= 1 - SMALLEST_PART
    return (int(modes[0]), trough, int(modes[1])) if clear else None


def smoothed_rate(recording: Recording, population: str, width: Any) -> np.ndarray:
    """The rate of a population in a centred window of ``width`` (s) around every count bin, Hz, shape (bins,).

    At both ends the window is cut off. States that last less than the window are missed.
    """
    seconds = float(floats_of(width, "s", "smoothing window"))
    if population not in recording.counts:
        raise InvalidInputError(f"the recording has no population '{population}'; it has {', '.join(recording.sizes)}")
    counts = recording.counts[population]
    half = round(seconds / recording.bin_width / 2)
    if half < 1 or 2 * half >= len(counts):
        raise InvalidInputError(
            f"the smoothing window of {seconds:g} s must span several bins of {recording.bin_width:g} s and be shorter "
            f"than the recording of {recording.duration:g} s"
        )
    total = np.concatenate([[0], np.cumsum(counts)])
    index = np.arange(len(counts))
    first, last = np.maximum(index - half, 0), np.minimum(index + half + 1, len(counts))
    return (total[last] - total[first]) / ((last - first) * recording.bin_width * recording.sizes[population])


def classify(rates: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """1 (up), 0 (down) or -1 (not determined yet, before the first crossing) for every rate, int8, shape (n,)."""
    rates = np.asarray(rates, dtype=float)
    if rates.ndim != 1 or not np.all(np.isfinite(rates)):
        raise InvalidInputError("classify: expected finite rates of shape (n,)")
    decided = (rates > thresholds.high) | (rates < thresholds.low)
    last = np.maximum.accumulate(np.where(decided, np.arange(len(rates)), -1))
    return np.where(last < 0, UNDETERMINED, rates[np.maximum(last, 0)] > thresholds.high).astype(np.int8)


@dataclass(frozen=True)
class Dwell:
    """One stay in a state ('up' or 'down') from ``start`` for ``duration`` (s).

    ``starts_inside``, ``ends_inside``: whether it began and ended with a switch, or with the recording (censored).
    """

    state: str
    start: float
    duration: float
    starts_inside: bool
    ends_inside: bool


def dwells(states: np.ndarray, bin_width: float, start: float = 0.0) -> tuple[Dwell, ...]:
    """The stays in a course of :func:`classify`, in order; the undetermined beginning is left out.

    ``start`` is the time of the first bin's left edge, s.
    """
    first = int(np.argmax(states != UNDETERMINED))
    if len(states) == 0 or states[first] == UNDETERMINED:
        return ()
    edges = np.concatenate([[first], np.flatnonzero(np.diff(states[first:])) + first + 1, [len(states)]])
    return tuple(
        Dwell(
            state="up" if states[left] == UP else "down",
            start=start + left * bin_width,
            duration=(right - left) * bin_width,
            starts_inside=number > 0,
            ends_inside=right < len(states),
        )
        for number, (left, right) in enumerate(itertools.pairwise(edges.tolist()))
    )


@dataclass(frozen=True)
class TransitionRate:
    """The rate (1/s) at which a state is left, if its dwell times are exponential.

    Attributes
    ----------
    rate : maximum likelihood estimate, transitions over exposure; None where the state was never visited.
    low, high : 95 % interval (or the ``confidence`` asked for); without a transition ``low`` is 0; None as ``rate``.
    transitions : number of observed switches out of the state.
    exposure : total time in it, s, censored stays included.
    """

    rate: float | None
    low: float | None
    high: float | None
    transitions: int
    exposure: float

    @property
    def mean_dwell(self) -> float | None:
        """Mean dwell time, s; None where no transition was seen."""
        return 1 / self.rate if self.rate else None


def transition_rate(transitions: int, exposure: float, confidence: float = 0.95) -> TransitionRate:
    """Rate of a Poisson process of switches from ``transitions`` of them in ``exposure`` (s).

    With exponential dwell times the likelihood of complete and right-censored stays is that of a Poisson count, and a
    first stay that began before the recording counts in full, because exponential dwells have no memory. The interval
    is the exact one of Garwood (1936), chi-squared quantiles with 2k and 2k + 2 degrees of freedom; it covers at least
    ``confidence``. Raises :class:`~ssnbrian.circuit.InvalidInputError` for a transition without exposure.
    """
    if not 0 < confidence < 1 or transitions < 0 or exposure < 0 or (transitions and not exposure):
        raise InvalidInputError(
            f"transition_rate: got {transitions} transitions in {exposure} s with confidence {confidence}"
        )
    if exposure == 0:
        return TransitionRate(None, None, None, 0, 0.0)
    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * transitions) / (2 * exposure)) if transitions else 0.0
    high = float(chi2.ppf(1 - tail, 2 * transitions + 2) / (2 * exposure))
    return TransitionRate(transitions / exposure, low, high, transitions, exposure)


def transition_rates(stays: Iterable[Dwell], confidence: float = 0.95) -> dict[str, TransitionRate]:
    """Rates out of the states, ``'up->down'`` and ``'down->up'``, pooled over the stays of any number of runs."""
    stays = list(stays)
    result = {}
    for state, name in (("up", "up->down"), ("down", "down->up")):
        own = [one for one in stays if one.state == state]
        result[name] = transition_rate(
            sum(one.ends_inside for one in own), float(sum(one.duration for one in own)), confidence
        )
    return result


def predicted_switch(
    mu_ext: Sequence[float] | np.ndarray, rates: Sequence[float] | np.ndarray, speed: float
) -> float | None:
    """The mu_ext (mV/s) at which half of slow sweeps have switched, from escape rates measured at constant mu_ext.

    Swept at ``speed`` (mV/s per s), the state survives up to mu with probability exp(-integral of k dmu/speed), which
    is 1/2 where the integral is ln 2. Between grid points log k is taken as linear in mu (k itself where a rate is 0).

    Parameters
    ----------
    mu_ext : grid in the direction of the sweep, mV/s, shape (n,), monotonic: descending for the way down.
    rates : escape rates, 1/s, shape (n,). Escape before the first point is taken as none.
    speed : mV/s per s, positive.

    Returns None when less than half have switched at the end of the grid.
    """
    grid, escape = np.asarray(mu_ext, dtype=float), np.asarray(rates, dtype=float)
    steps = np.diff(grid)
    if grid.ndim != 1 or grid.shape != escape.shape or len(grid) < 2 or not (np.all(steps > 0) or np.all(steps < 0)):
        raise InvalidInputError("predicted_switch: mu_ext and rates need one shape (n,), n >= 2, and mu_ext monotonic")
    if not (np.all(np.isfinite(escape)) and np.all(escape >= 0) and speed > 0):
        raise InvalidInputError("predicted_switch: rates must be finite and not negative, and the speed positive")
    left = np.log(2.0) * speed
    for mu, step, one, other in zip(grid[:-1], steps, escape[:-1], escape[1:], strict=True):
        whole = abs(step) * _mean_rate(one, other, 1.0)
        if whole >= left:
            return float(mu + step * _fraction(one, other, left / abs(step)))
        left -= whole
    return None


def _mean_rate(one: float, other: float, fraction: float) -> float:
    """Integral of k over the first ``fraction`` of a step of length 1."""
    if one > 0 and other > 0 and abs(np.log(other / one)) > 1e-9:
        growth = np.log(other / one)
        return one * np.expm1(growth * fraction) / growth
    return one * fraction + (other - one) * fraction**2 / 2


def _fraction(one: float, other: float, integral: float) -> float:
    """The fraction of the step at which :func:`_mean_rate` reaches ``integral``."""
    if one > 0 and other > 0 and abs(np.log(other / one)) > 1e-9:
        growth = np.log(other / one)
        return float(np.log1p(growth * integral / one) / growth)
    slope = other - one
    return float(2 * integral / (one + np.sqrt(one**2 + 2 * slope * integral)))
