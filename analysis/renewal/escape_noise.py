"""Intervals of the integrate-and-fire neuron with escape noise at constant input.

u' = (mu - u)/tau_m from the reset after the absolute refractory time, and hazard c exp((u - V_th)/Delta). The
survivor is an exponential integral; its Laplace transform is a quadrature over the age and a series at large ages.
Source: the neuron of Schwalger, Deger & Gerstner 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.integrate import simpson
from scipy.optimize import brentq
from scipy.special import exp1, expi

from ssnbrian.circuit import InvalidInputError

from .eigenfunctions import AgeGrid
from .intervals import NEGLIGIBLE, Intervals, require_positive

# Intervals per grid, arguments at a time.
_INTERVALS = 4000
_MOST_ARGUMENTS = 256
# -ln of the smallest survivor that does not underflow, and of what is negligible beside a transform.
_LARGEST_EXPONENT, _ROUND_OFF = 600.0, 25.0
# Terms of the series for large ages, kappa y max(R, 1) from which they are enough, and where a few of them are.
_SERIES, _REACH, _SETTLED = 80, 2.0, 4.0


@dataclass(frozen=True)
class EscapeNoiseIntervals(Intervals):
    """Integrate-and-fire neuron with exponential escape noise.

    ``mu`` (mV) is the mean potential without firing, ``tau_m`` s, ``threshold``, ``reset`` and ``softness`` (Delta) mV,
    ``threshold_hazard`` (c) Hz, ``dead_time`` s.
    """

    mu: float
    tau_m: float
    threshold: float
    reset: float
    softness: float
    threshold_hazard: float
    dead_time: float = 0.0

    def __post_init__(self) -> None:
        require_positive(tau_m=self.tau_m, softness=self.softness, threshold_hazard=self.threshold_hazard)
        if not np.all(np.isfinite([self.mu, self.threshold, self.reset])) or not 0 <= self.dead_time < np.inf:
            raise InvalidInputError("mu, threshold and reset must be finite and the dead time finite and not negative")
        if not 1e-30 < self._hazard_at(self.mu) < 1e30:
            raise InvalidInputError(
                f"mu = {self.mu:g} mV gives a hazard of {self._hazard_at(self.mu):g} Hz; bring it to the threshold"
            )

    def _hazard_at(self, potential: np.ndarray | float) -> np.ndarray | float:
        with np.errstate(over="ignore"):
            return self.threshold_hazard * np.exp((potential - self.threshold) / self.softness)

    def potential(self, ages: np.ndarray) -> np.ndarray:
        """u, mV, at ages in s; the reset during the dead time."""
        after = np.maximum(np.asarray(ages, float) - self.dead_time, 0)
        return self.mu + (self.reset - self.mu) * np.exp(-after / self.tau_m)

    def hazard(self, ages: np.ndarray) -> np.ndarray:
        """Hz, at ages in s, same shape."""
        return np.where(np.asarray(ages) < self.dead_time, 0.0, self._hazard_at(self.potential(ages)))

    def hazard_derivative(self, ages: np.ndarray) -> np.ndarray:
        """d hazard/d mu for a constant change of mu, Hz/mV, at ages in s."""
        after = np.maximum(np.asarray(ages, float) - self.dead_time, 0)
        return self.hazard(ages) / self.softness * -np.expm1(-after / self.tau_m)

    def hazard_response(self, ages: np.ndarray, omega: float) -> np.ndarray:
        """rho_1 of the hazard for a change e^(i omega t) mV of mu that the potential filters since its reset, Hz/mV."""
        after = np.maximum(np.asarray(ages, float) - self.dead_time, 0)
        filtered = -np.expm1(-(1 / self.tau_m + 1j * omega) * after) / (1 + 1j * omega * self.tau_m)
        return self.hazard(ages) / self.softness * filtered

    @cached_property
    def response_time(self) -> float:
        """T, s, for which the rate follows a slow change of the input as it would follow h, T h' = -h + input, at once.

        The hazard at age t after the dead time answers to a slow e^(i omega t) in the input by rho/Delta (1 - E +
        i omega (t E - tau_m (1 - E))), E = e^(-t/tau_m), instead of rho/Delta (1 - E) at constant input; T makes the
        responses of the rate agree to the first order in omega. It is tau_m for slow firing, and about half an
        interval where neurons fire often within tau_m: a membrane does not remember input from before its reset.
        """
        grid = AgeGrid.whole(self)
        after = np.maximum(grid.ages - self.dead_time, 0)
        hazard, survivor = self.hazard(grid.ages), self.survivor(grid.ages)
        remembered = grid.cumulative(hazard * after * np.exp(-after / self.tau_m))
        moved = grid.cumulative(hazard * -np.expm1(-after / self.tau_m))
        return self.tau_m - (grid.integral(survivor * remembered, 0) / grid.integral(survivor * moved, 0)).real

    @property
    def abscissa(self) -> float:
        return -float(self._hazard_at(self.mu))

    @property
    def kink(self) -> float:
        return self.dead_time

    @property
    def settled_from(self) -> float:
        return self.dead_time + self.tau_m * (np.log(_SETTLED) + self._logarithm_of_scale)

    @property
    def relaxation(self) -> float:
        return self.tau_m

    @property
    def _logarithm_of_scale(self) -> float:
        """-ln of the e^(-age/tau_m) below which ln S is settled up to a short power series."""
        return float(np.log(max(abs(self.drive_in_widths), 1.0) * max(-self.abscissa * self.tau_m, 1.0)))

    def _cumulative(self, after: np.ndarray | float) -> np.ndarray:
        """Integral of the hazard to ages after the dead time, s: R (E_1(kappa e^(-t/tau_m)) - E_1(kappa))."""
        if not self.drive_in_widths:
            return -self.abscissa * np.asarray(after, float)
        argument = self.drive_in_widths * np.exp(-np.asarray(after, float) / self.tau_m)
        start = np.asarray(self.drive_in_widths)
        change = exp1(argument) - exp1(start) if start > 0 else expi(-start) - expi(-argument)
        return -self.abscissa * self.tau_m * change

    @cached_property
    def _grid(self) -> np.ndarray:
        """Ages after the dead time, s, to where the series of :attr:`_tail` serves.

        Or to where the survivor is negligible, far below round-off, because transforms left of 0 multiply it by a
        growing exponential.
        """
        span = self.tau_m * max(self._logarithm_of_scale - np.log(_REACH), 0.0)
        if self._cumulative(span) > _LARGEST_EXPONENT:
            span = brentq(lambda age: float(self._cumulative(age)) - 0.75 * _LARGEST_EXPONENT, 0.0, span)
        return span * np.linspace(0.0, 1.0, _INTERVALS + 1) ** 2

    @cached_property
    def _surviving(self) -> np.ndarray:
        """S on the grid."""
        return np.exp(-self._cumulative(self._grid))

    @property
    def drive_in_widths(self) -> float:
        """kappa = (mu - reset)/Delta: the hazard after the dead time is -abscissa e^(-kappa e^(-t/tau_m))."""
        return (self.mu - self.reset) / self.softness

    @cached_property
    def _tail(self) -> np.ndarray:
        """Coefficients of S e^(-abscissa t)/(its value at the end of the grid) in powers of (y/its value there).

        y = e^(-t/tau_m) and d ln S/dy = (R/y) e^(-kappa y), R = -abscissa tau_m. Empty where S is negligible there.
        """
        ages = self._grid
        if self._cumulative(ages[-1]) > _LARGEST_EXPONENT / 2:
            return np.zeros(0)
        argument = -self.drive_in_widths * np.exp(-ages[-1] / self.tau_m)
        growth = -self.abscissa * self.tau_m * np.cumprod(argument / np.arange(1, _SERIES))
        powers = np.ones(_SERIES)
        for n in range(1, _SERIES):
            powers[n] = growth[:n] @ powers[n - 1 :: -1] / n
        return powers / powers.sum()

    @property
    def laplace_limit(self) -> float:
        if len(self._tail):
            return -np.inf
        last = self._grid[-1]
        return -(float(self._cumulative(last)) - _ROUND_OFF) / last

    @cached_property
    def longest(self) -> float:
        def left(after: float) -> float:
            surviving = self.survivor(np.array(after + self.dead_time))
            return float(np.log(max(float(surviving), np.finfo(float).tiny) / NEGLIGIBLE))

        latest = float(self._grid[-1])
        while left(latest) > 0:
            latest = 1.001 * (latest + self.tau_m + left(latest) / -self.abscissa)
        return self.dead_time + brentq(left, 0.0, latest)

    def survivor(self, ages: np.ndarray) -> np.ndarray:
        last = self._grid[-1]
        after = np.maximum(np.asarray(ages, float) - self.dead_time, 0)
        inside = np.exp(-self._cumulative(np.minimum(after, last)))
        if not len(self._tail):
            return np.where(after < last, inside, 0.0)
        beyond = np.maximum(after - last, 0)
        settled = np.polynomial.polynomial.polyval(np.exp(-beyond / self.tau_m), self._tail)
        return inside * np.where(beyond > 0, settled * np.exp(self.abscissa * beyond), 1.0)

    def density(self, ages: np.ndarray) -> np.ndarray:
        return self.hazard(ages) * self.survivor(ages)

    @cached_property
    def _moments(self) -> tuple[float, float]:
        """int S and int t S, s and s^2."""
        first, second = (float(self._transform(np.zeros(1, complex), power)[0].real) for power in (0, 1))
        return self.dead_time + first, self.dead_time**2 / 2 + self.dead_time * first + second

    @property
    def mean(self) -> float:
        return self._moments[0]

    @property
    def cv(self) -> float:
        first, second = self._moments
        return float(np.sqrt(2 * second - first**2) / first)

    def _transform(self, value: np.ndarray, power: int) -> np.ndarray:
        """int t^power S e^(-lambda t) dt, t the age after the dead time, power 0 or 1, lambda of shape (k,), continued.

        By Simpson's rule to the end of the grid, and beyond it term by term, which has poles at abscissa - n/tau_m.
        """
        ages = self._grid
        integrand = ages**power * self._surviving * np.exp(-value[:, None] * ages)
        result = simpson(integrand, x=ages, axis=1) if ages[-1] else np.zeros(len(value), complex)
        end = self._surviving[-1] * np.exp(-value * ages[-1])
        from_poles = 1 / (value[:, None] - self.abscissa + np.arange(len(self._tail)) / self.tau_m)
        beyond = from_poles if power == 0 else from_poles * (ages[-1] + from_poles)
        return result + end * (beyond @ self._tail)

    def laplace_and_derivative(self, argument: np.ndarray | complex) -> tuple[np.ndarray, np.ndarray]:
        value = np.asarray(argument, complex)
        parts = np.array_split(value.ravel(), max(1, -(-value.size // _MOST_ARGUMENTS)))
        first = np.concatenate([self._transform(part, 0) for part in parts])
        second = np.concatenate([self._transform(part, 1) for part in parts])
        flat = value.ravel()
        delayed, core = np.exp(-flat * self.dead_time), 1 - flat * first
        slope = delayed * (flat * second - first - self.dead_time * core)
        return (delayed * core).reshape(value.shape), slope.reshape(value.shape)

    def laplace(self, argument: np.ndarray | complex) -> np.ndarray:
        return self.laplace_and_derivative(argument)[0]

    def laplace_derivative(self, argument: np.ndarray | complex) -> np.ndarray:
        return self.laplace_and_derivative(argument)[1]
