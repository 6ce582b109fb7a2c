"""Power spectra of the activity of a finite population of renewal neurons in constant conditions, without coupling.

All are two-sided spectral densities of A_N, Hz (Hz^2 per Hz), so that Poisson firing has r/N at every frequency. With
the noise eta = sqrt(r/N) xi each is (r/N) |T|^2, where T is the response of A_N to eta:
renewal (r/N) (1 - |P|^2)/|1 - P|^2; naive T = 1/(1 - P); stochastic integral equation
T = i omega/((i omega + Lambda)(1 - P)); Langevin the same with 1/(1 - P) replaced by the modes kept. P = P_L(i omega).
Sources: Schwalger, Deger & Gerstner 2017; Pietras, Gallice & Schwalger 2020; the renewal spectrum is that of Cox &
Lewis.
"""

from __future__ import annotations

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .intervals import Intervals
from .langevin_equation import TRUNCATIONS, decay_and_gain
from .mode_table import ModeCoefficients


def _angular(frequencies: np.ndarray, size: int) -> np.ndarray:
    omega = 2 * np.pi * np.asarray(frequencies, float)
    if size < 1 or not np.all(np.isfinite(omega)):
        raise InvalidInputError(f"frequencies must be finite and the size at least 1, got a size of {size}")
    return omega


def renewal_spectrum(intervals: Intervals, frequencies: np.ndarray, size: int) -> np.ndarray:
    """Of ``size`` independent neurons, Hz, shape of ``frequencies`` (Hz); CV^2 r/size at frequency 0."""
    omega = _angular(frequencies, size)
    still = omega == 0
    transform = intervals.laplace(1j * np.where(still, 1.0, omega))
    ratio = (1 - np.abs(transform) ** 2) / np.abs(1 - transform) ** 2
    return intervals.rate / size * np.where(still, intervals.cv**2, ratio)


def naive_spectrum(intervals: Intervals, frequencies: np.ndarray, size: int) -> np.ndarray:
    """Of the integral equation with noise and without correction, Hz, shape of ``frequencies`` (Hz, none of them 0).

    It grows as 1/omega^2 towards 0; InvalidInputError there.
    """
    omega = _angular(frequencies, size)
    if np.any(omega == 0):
        raise InvalidInputError("the spectrum without correction is infinite at frequency 0")
    return intervals.rate / size / np.abs(1 - intervals.laplace(1j * omega)) ** 2


def integral_equation_spectrum(
    intervals: Intervals,
    frequencies: np.ndarray,
    size: int,
    *,
    step: float | None = None,
    correction: float | None = None,
) -> np.ndarray:
    """Of the stochastic integral equation, Hz, shape of ``frequencies`` (Hz).

    ``correction`` is Lambda (1/s), by default the stationary one, 1/E|T1 - T2|. With ``step`` (s) that of its
    simulation at this time step, with binomial spike counts, survivors at multiples of the step and, with z = e^(-i
    omega step), (r/N) (1 - r step) |1 - z|^2/(|1 - (1 - p) z|^2 |1 - sum_k P_k z^k|^2), p = 1 - e^(-Lambda step).
    """
    omega = _angular(frequencies, size)
    rate_of_mass = intervals.integral_equation_correction_rate if correction is None else correction
    if not rate_of_mass > 0:
        raise InvalidInputError(f"the correction must be above 0, got {rate_of_mass}; without it use naive_spectrum")
    if step is not None:
        return _stepped(intervals, omega, size, step, rate_of_mass)
    still = omega == 0
    turn = 1j * np.where(still, 1.0, omega)
    response = np.abs(turn / (turn + rate_of_mass) / (1 - intervals.laplace(turn))) ** 2
    return intervals.rate / size * np.where(still, (intervals.rate / rate_of_mass) ** 2, response)


def _stepped(intervals: Intervals, omega: np.ndarray, size: int, step: float, rate_of_mass: float) -> np.ndarray:
    if not 0 < step < intervals.mean:
        raise InvalidInputError(f"the step must be above 0 and below the mean interval, got {step} s")
    survivor = intervals.survivor(np.arange(int(np.ceil(intervals.longest / step)) + 2) * step)
    rate = 1 / (step * survivor.sum())
    forget = np.exp(-rate_of_mass * step)
    result = np.empty(omega.size)
    for place, one in enumerate(omega.ravel()):
        z = np.exp(-1j * one * step)
        # 1 - sum_k P_k z^k = (1 - z) sum_k S_k z^k, which stays finite at frequency 0 when divided by 1 - z.
        summed = np.sum(survivor * z ** np.arange(len(survivor)))
        result[place] = (1 - rate * step) / abs((1 - forget * z) * summed) ** 2
    return rate / size * result.reshape(omega.shape)


def langevin_spectrum(
    coefficients: ModeCoefficients,
    frequencies: np.ndarray,
    size: int,
    *,
    truncation: str = "plain",
    correction: str | float = "langevin",
    step: float | None = None,
) -> np.ndarray:
    """Of the low-dimensional Langevin equation at constant h, Hz, shape of ``frequencies`` (Hz).

    ``coefficients`` at one h, ``mode_coefficients(...)`` or ``table.at(h)``; ``truncation`` and ``correction`` as in
    ``langevin``. With ``step`` (s) that of its simulation at this time step. At frequency 0 it is r^3/(N Lambda^2)
    with any number of modes, which is CV^2 r/N for the correction 'langevin'.
    """
    omega = _angular(frequencies, size)
    if truncation not in TRUNCATIONS:
        raise InvalidInputError(f"the truncation must be one of {', '.join(TRUNCATIONS)}, got '{truncation}'")
    rate = float(coefficients.rate.item())
    rate_of_mass = float(coefficients.correction(correction).item())
    if not rate_of_mass > 0:
        raise InvalidInputError("the correction must be above 0: without it the spectrum has no finite value at 0")

    def response(eigenvalue: complex) -> np.ndarray:
        if step is None:
            return 1 / (1j * omega - eigenvalue)
        decay, gain = decay_and_gain(np.array(eigenvalue), step)
        return gain / (np.exp(1j * omega * step) - decay)

    mass = response(-rate_of_mass)
    forcing = 1 - rate_of_mass * mass
    kept = np.zeros(omega.shape, complex)
    for eigenvalue, activity in zip(coefficients.eigenvalues.ravel(), coefficients.activities.ravel(), strict=True):
        kept += activity * response(eigenvalue) + activity.conjugate() * response(eigenvalue.conjugate())
    if truncation == "closure":
        cut = float(coefficients.closure_rate.item())
        kept -= float(coefficients.closure_weight.item()) * cut * response(-cut)
    return rate / size * np.abs(1 + (rate - rate_of_mass) * mass + forcing * kept) ** 2
