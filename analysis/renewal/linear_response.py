"""Linear response of the activity of a renewal population to a modulation, A_0 + Re(A_1 e^(i omega t)).

With the hazard rho(tau) + rho_1(tau) e^(i omega t) and S_L = (1 - P_L)/(i omega),
A_1 = F_0 int S e^(-i omega tau) [int_0^tau rho_1(s) e^(i omega s) ds] d tau/S_L(i omega).
Source: Pietras, Gallice & Schwalger 2020; Gerstner & Kistler.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .eigenfunctions import AgeGrid
from .intervals import DeadTimeIntervals, Intervals


def hazard_response(
    intervals: Intervals,
    hazard_change: Callable[[np.ndarray, float], np.ndarray],
    frequencies: np.ndarray,
) -> np.ndarray:
    """A_1 for a modulation of the hazard, complex, shape of ``frequencies`` (Hz, any sign or 0).

    ``hazard_change(ages, omega)`` gives rho_1 (Hz per unit of the input) at ages in s, omega in 1/s. At
    frequency 0 the result is the slope of the stationary rate.
    """
    frequencies = np.asarray(frequencies, float)
    result = []
    for frequency in frequencies.ravel():
        omega = 2 * np.pi * float(frequency)
        grid = AgeGrid.whole(intervals, float(frequency))
        survivor, turn = intervals.survivor(grid.ages), np.exp(1j * omega * grid.ages)
        inner = grid.cumulative(hazard_change(grid.ages, omega) * turn)
        below = grid.integral(survivor / turn, 1j * omega)
        result.append(intervals.rate * grid.integral(survivor / turn * inner, 1j * omega) / below)
    return np.array(result).reshape(frequencies.shape)


def dead_time_response(intervals: DeadTimeIntervals, frequencies: np.ndarray) -> np.ndarray:
    """A_1 per change of the hazard nu after the dead time Delta, no unit, complex, shape of ``frequencies`` (Hz).

    chi = F_0 i omega/(nu (nu + i omega - nu e^(-i omega Delta))), and F_0^2/nu^2 at frequency 0.
    """
    turn = 2j * np.pi * np.asarray(frequencies, float)
    nu = intervals.hazard_rate
    below = nu * (turn - nu * np.expm1(-turn * intervals.dead_time))
    still = turn == 0
    return np.where(still, (intervals.rate / nu) ** 2, intervals.rate * turn / np.where(still, 1, below))


def current_response(
    potential_response: np.ndarray, frequencies: np.ndarray, tau_h: float, coupling: float = 0.0
) -> np.ndarray:
    """A_1 per change of the input I of tau_h h' = -h + I + coupling A, from the response chi to h; same shape.

    chi/(1 + i omega tau_h) over 1 - coupling chi/(1 + i omega tau_h); ``tau_h`` s, ``coupling`` in units of h per Hz.
    """
    if not tau_h >= 0:
        raise InvalidInputError(f"tau_h must not be negative, got {tau_h}")
    filtered = potential_response / (1 + 2j * np.pi * np.asarray(frequencies, float) * tau_h)
    return filtered / (1 - coupling * filtered)
