"""Intervals of the leaky integrate-and-fire neuron with white noise.

With x = (V - V_r)/(V_th - V_r) and time in units of tau_m the Laplace transform of the first-passage time from 0 to 1
is P_L = v(0)/v(1), where D v'' + (m - x) v' = lambda v and v is bounded towards -infinity. In parabolic cylinder
functions P_L = e^delta D_{-lambda}(m/sqrt D)/D_{-lambda}((m - 1)/sqrt D), where the numerator of delta = (2m - 1)/(4D)
is 2m - 1, as P_L(0) = 1 demands (printed as 1 + 2m in the slides of :mod:`..mesoscopic`). Evaluating these functions
of complex order fails or stalls for some parameters, so the logarithmic derivative w = v'/v is integrated instead,
D w' = lambda - (m - x) w - D w^2, for all lambda at once: it forgets its start from the left, and v has no zero at real
x unless lambda is real, because the operator is self-adjoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import zeta

from ssnbrian.circuit import InvalidInputError

from .intervals import Intervals, require_positive

RELATIVE = 1e-10
# The survivor from which on the hazard is taken for its limit.
TAIL = 1e-7
_POINTS = 6000
_ZETA = float(zeta(-0.5))


@dataclass(frozen=True)
class WhiteNoiseLIFIntervals(Intervals):
    """V' = -V/tau_m + mu + sigma xi, reset at the threshold, then held for ``dead_time``.

    ``mu`` mV/s, ``sigma`` mV/√s, ``tau_m`` s, ``threshold`` and ``reset`` mV (the leak is at 0 mV), ``dead_time`` s.
    """

    mu: float
    sigma: float
    tau_m: float
    threshold: float
    reset: float
    dead_time: float = 0.0

    def __post_init__(self) -> None:
        require_positive(sigma=self.sigma, tau_m=self.tau_m, threshold_minus_reset=self.threshold - self.reset)
        if not (np.isfinite(self.mu) and np.isfinite(self.dead_time) and self.dead_time >= 0):
            raise InvalidInputError(f"mu must be finite and dead time not negative, got {self.mu}, {self.dead_time}")

    @classmethod
    def dimensionless(cls, mean: float, diffusion: float, tau_m: float = 1.0) -> WhiteNoiseLIFIntervals:
        """tau_m x' = mean - x + sqrt(2 diffusion tau_m) xi between reset 0 and threshold 1; ``tau_m`` in s."""
        require_positive(diffusion=diffusion, tau_m=tau_m)
        return cls(mean / tau_m, float(np.sqrt(2 * diffusion / tau_m)), tau_m, 1.0, 0.0)

    @property
    def _drift(self) -> float:
        return (self.mu * self.tau_m - self.reset) / (self.threshold - self.reset)

    @property
    def _diffusion(self) -> float:
        return self.sigma**2 * self.tau_m / (2 * (self.threshold - self.reset) ** 2)

    @property
    def _left(self) -> float:
        """Start, left of the reset, of which nothing (e^-40) is left at the reset."""
        return self._drift - np.sqrt(max(self._drift, 0.0) ** 2 + 80 * self._diffusion)

    def _integrals(self, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int w dx and int dw/dlambda dx from reset to threshold, at dimensionless lambda, shape (k,)."""
        m, D, number = self._drift, self._diffusion, len(value)

        def slopes(x: float, y: np.ndarray, gate: float) -> np.ndarray:
            w, u = y[:number], y[number : 2 * number]
            change = [value - (m - x) * w - D * w**2, 1 - (m - x + 2 * D * w) * u]
            return np.concatenate([*(one / D for one in change), gate * w, gate * u])

        # The bounded solution far to the left is v ~ (m - x)^-lambda.
        start = np.concatenate([value / (m - self._left), np.full(number, 1 / (m - self._left)), np.zeros(2 * number)])
        state = start.astype(complex)
        for a, b, gate in ((self._left, 0.0, 0.0), (0.0, 1.0, 1.0)):
            result = solve_ivp(partial(slopes, gate=gate), (a, b), state, "DOP853", rtol=RELATIVE, atol=RELATIVE)
            if not result.success:
                raise ArithmeticError(f"the first-passage equation could not be integrated: {result.message}")
            state = result.y[:, -1]
        return state[2 * number : 3 * number], state[3 * number :]

    def laplace_and_derivative(self, argument: np.ndarray | complex) -> tuple[np.ndarray, np.ndarray]:
        value = np.asarray(argument, complex)
        first, second = self._integrals(value.ravel() * self.tau_m)
        result = np.exp(-first - value.ravel() * self.dead_time)
        slope = -result * (self.tau_m * second + self.dead_time)
        return result.reshape(value.shape), slope.reshape(value.shape)

    def laplace(self, argument: np.ndarray | complex) -> np.ndarray:
        return self.laplace_and_derivative(argument)[0]

    def laplace_derivative(self, argument: np.ndarray | complex) -> np.ndarray:
        return self.laplace_and_derivative(argument)[1]

    @cached_property
    def _cumulants(self) -> tuple[float, float]:
        """Mean (s) and variance (s^2): ln P_L = -int w dx, with w expanded to second order in lambda."""
        m, D = self._drift, self._diffusion

        def slopes(x: float, y: np.ndarray, gate: float) -> list[float]:
            return [(1 - (m - x) * y[0]) / D, -(m - x) / D * y[1] - y[0] ** 2, gate * y[0], gate * y[1]]

        state = np.array([1 / (m - self._left), 0.0, 0.0, 0.0])
        for a, b, gate in ((self._left, 0.0, 0.0), (0.0, 1.0, 1.0)):
            result = solve_ivp(partial(slopes, gate=gate), (a, b), state, "DOP853", rtol=RELATIVE, atol=1e-14)
            state = result.y[:, -1]
        return self.tau_m * state[2] + self.dead_time, -2 * self.tau_m**2 * state[3]

    @property
    def mean(self) -> float:
        return float(self._cumulants[0])

    @property
    def cv(self) -> float:
        return float(np.sqrt(self._cumulants[1]) / self._cumulants[0])

    @cached_property
    def abscissa(self) -> float:
        """Largest pole of P_L: the slowest decay of the potential's density with an absorbing threshold.

        The angle of (v', v) passes pi where v first has its zero at the threshold.
        """
        m, D = self._drift, self._diffusion

        def angle(value: float) -> float:
            def slope(x: float, theta: np.ndarray) -> np.ndarray:
                sine, cosine = np.sin(theta), np.cos(theta)
                return cosine**2 - sine * (value * sine - (m - x) * cosine) / D

            start = [np.arctan2(1.0, value / (m - self._left))]
            end = solve_ivp(slope, (self._left, 1.0), start, "LSODA", rtol=1e-12, atol=1e-13)
            return float(end.y[0, -1]) - np.pi

        low = -self.tau_m / (self.mean - self.dead_time)
        while angle(low) < 0:
            low *= 2
        return brentq(angle, low, 0.0, xtol=1e-12) / self.tau_m

    @property
    def kink(self) -> float:
        return self.dead_time

    @property
    def longest(self) -> float:
        return self.mean + 32 / abs(self.abscissa)

    @cached_property
    def _splines(self) -> tuple[CubicSpline, CubicSpline]:
        """Splines of P (Hz) and S over the ages (s) after the dead time, from the first-passage integral equation.

        With the kernel of Buonocore, Nobile & Ricciardi 1987, which is ~ sqrt(s) at 0, and the trapezoidal rule with
        its correction for such an end: the error is of the order step^(5/2).
        """
        m, D = self._drift, self._diffusion
        times, step = np.linspace(0.0, (self.longest - self.dead_time) / self.tau_m, _POINTS + 1, retstep=True)
        after = times[1:]
        variance = -D * np.expm1(-2 * after)

        def transition(start: float) -> tuple[np.ndarray, np.ndarray]:
            distance = 1 - m - (start - m) * np.exp(-after)
            return distance, np.exp(-(distance**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)

        distance, chance = transition(0.0)
        source = chance * (m - 1 + 2 * D * distance / variance)
        kernel = 2 * step * transition(1.0)[1] * (m - 1) * np.tanh(after / 2) / 2
        own = 1 + 2 * _ZETA * step**1.5 * (m - 1) / (8 * np.sqrt(np.pi * D))
        density = np.zeros(_POINTS + 1)
        for k in range(1, _POINTS + 1):
            density[k] = (source[k - 1] + kernel[: k - 1] @ density[k - 1 : 0 : -1]) / own
        spline = CubicSpline(times * self.tau_m, density / self.tau_m)
        integral = spline.antiderivative()(spline.x)
        return spline, CubicSpline(spline.x, integral[-1] - integral)

    @cached_property
    def _tail(self) -> float:
        """Age after the dead time where the survivor is ``TAIL``; beyond it the hazard is -abscissa."""
        survivor = self._splines[1]
        return brentq(lambda age: float(survivor(age)) - TAIL, 0.0, survivor.x[-1])

    def density(self, ages: np.ndarray) -> np.ndarray:
        after = np.asarray(ages, float) - self.dead_time
        inside = self._splines[0](np.clip(after, 0.0, self._tail))
        return np.where(after < 0, 0.0, np.where(after < self._tail, np.maximum(inside, 0), self._beyond(after)))

    def _beyond(self, after: np.ndarray) -> np.ndarray:
        return -self.abscissa * TAIL * np.exp(self.abscissa * np.maximum(after - self._tail, 0.0))

    def survivor(self, ages: np.ndarray) -> np.ndarray:
        after = np.asarray(ages, float) - self.dead_time
        inside = self._splines[1](np.clip(after, 0.0, self._tail))
        return np.where(after < self._tail, np.minimum(inside, 1.0), -self._beyond(after) / self.abscissa)
