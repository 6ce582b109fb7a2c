"""Stochastic resonance: how well spikes follow a periodic input, measured and in theory.

The signal-to-noise ratio at the frequency f of an input is the power of the line at f over the density of the noise
around it, in Hz. With a rate ν(t) of Fourier component ν̂ = <ν(t) exp(-2πi f t)>, both counted two-sided, it is
\\|ν̂\\|²/S(f); a Poisson process of rate ν has S = ν (McNamara, Wiesenfeld 1989, for the ratio; Campbell for S).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.signal import periodogram

from ssnbrian.circuit import InvalidInputError, Recording
from ssnbrian.circuit.units import floats_of

from . import transfer
from .interval_variation import interval_variation
from .spike_statistics import SpikeTrains, jackknife_error, spike_trains

__all__ = ["AdiabaticSignal", "SignalToNoise", "adiabatic_signal", "optimal_noise", "signal_to_noise"]

BINS_PER_PERIOD = 64
_MOST_CELLS = 4_000_000
_LEAST_SEGMENTS = 4
_MOST_PHASES = 4096
_PRECISION = 1e-9


@dataclass(frozen=True)
class SignalToNoise:
    """Signal-to-noise ratio at ``frequency`` (Hz), of single ``"neurons"`` or of the rate of the ``"population"``.

    Attributes
    ----------
    ratio, error : line over background in Hz, jackknife standard error. Without a signal the ratio scatters around 0,
        so it may be negative.
    line : power of the line, \\|ν̂\\|², Hz² (of the summed rate for a population).
    background : density of the noise around the line, two-sided, Hz.
    neurons, segments, periods : how many neurons, windows of each, and periods of the input per window.
    """

    frequency: float
    of: str
    ratio: float
    error: float
    line: float
    background: float
    neurons: int
    segments: int
    periods: int


def signal_to_noise(
    recording: Recording,
    population: str,
    frequency: Any,
    *,
    start: Any = 0.0,
    stop: Any = None,
    periods: int = 8,
    of: str = "neurons",
) -> SignalToNoise:
    """Signal-to-noise ratio of recorded spikes at ``frequency`` (Hz or a quantity) from ``start`` to ``stop`` (s).

    The window is cut into segments of ``periods`` (at least 2) whole periods, what is left over at the end is dropped.
    In the periodogram of a segment the line falls into one frequency exactly; the background is the mean over the
    2·periods - 2 others below twice the input's frequency, where any other periodic signal would count as noise.
    ``of="neurons"`` averages over the spectra of single neurons and takes the error from their spread, which holds for
    independent neurons; ``of="population"`` takes the summed spikes, with the error from the spread over segments.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for a recording without spikes, fewer than two neurons, or fewer
    than one segment (``"population"``: four).
    """
    f = float(floats_of(frequency, "Hz", "frequency of the signal"))
    if not f > 0 or not isinstance(periods, (int, np.integer)) or periods < 2:
        raise InvalidInputError(
            f"signal_to_noise: needs a positive frequency and at least 2 whole periods per segment, got {f:g} Hz and "
            f"{periods}"
        )
    if of not in ("neurons", "population"):
        raise InvalidInputError(f"signal_to_noise: of must be 'neurons' or 'population', got '{of}'")
    trains = spike_trains(recording, population, start, stop)
    segments, least = int(trains.duration * f / periods * (1 + 1e-9)), _LEAST_SEGMENTS if of == "population" else 1
    if segments < least or (of == "neurons" and trains.size < 2):
        raise InvalidInputError(
            f"signal_to_noise: {trains.size} neurons of {population} over {trains.duration:g} s give {segments} "
            f"segments of {periods} periods; of='{of}' needs "
            + (f"at least {least} segments" if trains.size > 1 or of == "population" else "at least two neurons")
        )
    powers, backgrounds = _spectra(trains, f, periods, segments, of == "population")
    if np.count_nonzero(backgrounds > 0) < 2:
        raise InvalidInputError(
            f"signal_to_noise: {population} has no spikes there in all but one of its {len(backgrounds)} "
            f"{'segments' if of == 'population' else 'neurons'} at most; there is no ratio with an error"
        )
    lines = (powers - backgrounds) * f / periods / np.sinc(1 / BINS_PER_PERIOD) ** 2
    count = len(lines)
    left_out = (lines.sum() - lines) / (backgrounds.sum() - backgrounds)
    plain = lines.sum() / backgrounds.sum()
    return SignalToNoise(
        frequency=f,
        of=of,
        ratio=float(count * plain - (count - 1) * left_out.mean()),
        error=jackknife_error(left_out),
        line=float(lines.mean()),
        background=float(backgrounds.mean()),
        neurons=trains.size,
        segments=segments,
        periods=periods,
    )


def _spectra(
    trains: SpikeTrains, frequency: float, periods: int, segments: int, summed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Power densities (Hz) at the line and around it: of every neuron, or of every segment of their sum."""
    bins = BINS_PER_PERIOD * periods
    bin_of = np.floor(trains.times * frequency * BINS_PER_PERIOD).astype(np.int64)
    inside = (bin_of >= 0) & (bin_of < segments * bins)
    neurons, bin_of = trains.neurons[inside], bin_of[inside]
    if summed:
        counts = np.bincount(bin_of, minlength=segments * bins)
        return _line_and_background(counts.reshape(segments, bins), frequency, periods)
    step = max(1, _MOST_CELLS // (segments * bins))
    found = []
    for first in range(0, trains.size, step):
        low, high = np.searchsorted(neurons, (first, min(first + step, trains.size)))
        rows = min(step, trains.size - first)
        cells = (neurons[low:high] - first) * (segments * bins) + bin_of[low:high]
        counts = np.bincount(cells, minlength=rows * segments * bins).reshape(rows, segments, bins)
        found.append([one.mean(axis=1) for one in _line_and_background(counts, frequency, periods)])
    powers, backgrounds = (np.concatenate(one) for one in zip(*found, strict=True))
    return powers, backgrounds


def _line_and_background(counts: np.ndarray, frequency: float, periods: int) -> tuple[np.ndarray, np.ndarray]:
    rate = frequency * BINS_PER_PERIOD
    _, density = periodogram(counts * rate, rate, window="boxcar", detrend=False, scaling="density", axis=-1)
    around = [k for k in range(1, 2 * periods) if k != periods]
    return density[..., periods] / 2, density[..., around].mean(axis=-1) / 2


@dataclass(frozen=True)
class AdiabaticSignal:
    """Theory of slow inputs, arrays of the shape of sigma.

    Attributes
    ----------
    sigma : noise amplitude, mV/√s.
    rate : mean over a period, Hz.
    harmonic : \\|ν̂\\|, Hz; half of the amplitude of the rate's first harmonic.
    background : density of the noise, Hz.
    ratio : signal-to-noise ratio of one neuron, Hz; n independent neurons together have n times as much. 0 where the
        background underflows.
    """

    sigma: np.ndarray
    rate: np.ndarray
    harmonic: np.ndarray
    background: np.ndarray
    ratio: np.ndarray


def adiabatic_signal(
    mean: float,
    amplitude: float,
    sigma: ArrayLike,
    tau: float,
    threshold: float = 1.0,
    reset: float = 0.0,
    refractory: float = 0.0,
    *,
    background: str = "renewal",
) -> AdiabaticSignal:
    """Signal-to-noise ratio of the neuron of :mod:`~ssnbrian.analysis.transfer` under ``mean + amplitude sin(2πft)``.

    The limit of slow inputs, 2πfτ ≪ 1, with an error of second order in it (faster inputs are damped): the rate is
    ν(t) = Φ(μ(t), σ). ``background="poisson"`` takes <ν>, the noise of a Poisson process with that rate; ``"renewal"``
    takes <ν CV²>, the noise at low frequency of intervals with that coefficient of variation, which holds for f ≪ ν
    and is the same where spikes are rare. mean and amplitude are in mV/s, the others as in `transfer.rate`; sigma may
    be an array of positive numbers, the rest are numbers.

    Raises ValueError for arguments that `transfer.rate` or `interval_variation` refuses, sigma = 0, or another
    background, and ArithmeticError where 4096 phases of the period do not resolve ν(t).
    """
    if background not in ("renewal", "poisson"):
        raise ValueError(f"background must be 'renewal' or 'poisson', got '{background}'")
    noise = np.asarray(sigma, dtype=float)
    if not np.all(noise > 0):
        raise ValueError("sigma must be positive: without noise there is no density to compare with")

    def averages(phases: int) -> np.ndarray:
        angle = (2 * np.pi / phases * np.arange(phases)).reshape(-1, *([1] * noise.ndim))
        arguments = (mean + amplitude * np.sin(angle), noise, tau, threshold, reset, refractory)
        rates = transfer.rate(*arguments)
        density = rates
        if background == "renewal":
            firing = rates > 0
            density = np.zeros_like(rates)
            chosen = (np.broadcast_to(one, rates.shape)[firing] for one in arguments)
            density[firing] = rates[firing] * interval_variation(*chosen)
        return np.stack([rates.mean(axis=0), (rates * np.sin(angle)).mean(axis=0), density.mean(axis=0)])

    phases, found = 64, averages(64)
    while phases < _MOST_PHASES:
        phases, before, found = 2 * phases, found, averages(2 * phases)
        if np.all(np.abs(found - before) <= _PRECISION * np.maximum(found[0], np.finfo(float).tiny)):
            break
    else:
        raise ArithmeticError(f"the average over a period of the input does not converge with {_MOST_PHASES} phases")
    rate, harmonic, density = found
    ratio = np.divide(harmonic**2, density, out=np.zeros_like(density), where=density > 0)
    return AdiabaticSignal(noise, rate, np.abs(harmonic), density, ratio)


def optimal_noise(
    mean: float,
    amplitude: float,
    tau: float,
    threshold: float = 1.0,
    reset: float = 0.0,
    refractory: float = 0.0,
    *,
    limits: tuple[float, float] | None = None,
    background: str = "renewal",
) -> tuple[float, float]:
    """(sigma in mV/√s, ratio in Hz) at the largest ratio of `adiabatic_signal` between the ``limits`` of sigma.

    Arguments as there; the default limits let the stationary standard deviation σ√(τ/2) be 1/30 to 30 times the
    distance of the highest mean potential from threshold. Raises ValueError when the input reaches the threshold by
    itself, so that it needs no noise, or when the largest ratio lies at one of the limits.
    """
    distance = threshold - (mean + abs(amplitude)) * tau
    if not distance > 0 or amplitude == 0:
        raise ValueError(
            f"stochastic resonance needs an input below threshold: mu_ext tau up to {threshold - distance:g} mV "
            f"reaches {threshold:g} mV, or its amplitude is 0"
        )
    one = distance / np.sqrt(tau / 2)
    low, high = limits or (one / 30, one * 30)

    def negative(logarithm: float) -> float:
        sigma = np.exp(logarithm)
        found = adiabatic_signal(mean, amplitude, sigma, tau, threshold, reset, refractory, background=background)
        return -float(found.ratio)

    grid = np.linspace(np.log(low), np.log(high), 31)
    ratios = adiabatic_signal(
        mean, amplitude, np.exp(grid), tau, threshold, reset, refractory, background=background
    ).ratio
    top = int(np.argmax(ratios))
    if top in (0, len(grid) - 1):
        raise ValueError(f"the largest ratio lies at a limit of sigma, {np.exp(grid[top]):g} mV/√s; widen the limits")
    best = minimize_scalar(negative, bounds=(grid[top - 1], grid[top + 1]), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(best.x)), -float(best.fun)
