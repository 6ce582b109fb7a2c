"""The shooting equations of a limit cycle of the SSN, and the integration they live on (see ``limit_cycles``)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import ode, solve_ivp

from .bifurcation_equations import SSNEquations
from .continuation import Array, Curve

_RELATIVE, _ABSOLUTE = 1e-9, 1e-11


@dataclass(frozen=True)
class LimitCycle:
    """A periodic solution.

    Attributes
    ----------
    period : s.
    lowest, highest : rates in Hz by population.
    multipliers : Floquet multipliers but the trivial one.
    stable : whether all of them lie inside the unit circle.
    extrapolated : whether a rate exceeds the range on which its transfer function was fitted.
    residual : largest |nu(T) - nu(0)| in Hz.
    start : rates in Hz at the peak of the first population.
    """

    period: float
    lowest: Mapping[str, float]
    highest: Mapping[str, float]
    multipliers: tuple[complex, ...]
    stable: bool
    extrapolated: bool
    residual: float
    start: tuple[float, ...]


class Dynamics:
    """Eq 2 at fixed parameters: right-hand side and Jacobian in the rates.

    Plain numbers, not arrays: for a few populations that is several times faster, and integration lives on it.
    """

    def __init__(self, equations: SSNEquations, p: Sequence[float]) -> None:
        log_a, b, n, weights = equations.law(p)
        inputs = equations.family.inputs(p) - b
        columns = (log_a, n, weights, inputs, equations.tau(p))
        self.rows = list(zip(*(column.tolist() for column in columns), strict=True))

    def drift(self, rates: Sequence[float]) -> list[float]:
        """d nu/dt in Hz/s."""
        result = []
        for (log_a, n, weights, external, tau), rate in zip(self.rows, rates, strict=True):
            above = external
            for w, r in zip(weights, rates, strict=True):
                above += w * r
            power = math.exp(min(log_a + n * math.log(above), 300.0)) if above > 0 else 0.0
            result.append((power - rate) / tau)
        return result

    def parts(self, rates: Sequence[float]) -> tuple[list[float], list[list[float]]]:
        """d nu/dt in Hz/s and its derivatives by the rates in 1/s."""
        drift, slopes = [], []
        for k, (log_a, n, weights, external, tau) in enumerate(self.rows):
            above = external + sum(w * r for w, r in zip(weights, rates, strict=True))
            power = math.exp(min(log_a + n * math.log(above), 300.0)) if above > 0 else 0.0
            gain = n * power / above / tau if above > 0 else 0.0
            drift.append((power - rates[k]) / tau)
            row = [gain * w for w in weights]
            row[k] -= 1 / tau
            slopes.append(row)
        return drift, slopes

    def __call__(self, rates: Array) -> Array:
        """d nu/dt in Hz/s at rates in Hz, shape (populations,)."""
        return np.array(self.drift(rates.tolist()))

    def jacobian(self, rates: Array) -> Array:
        """Derivatives of the right-hand side, 1/s."""
        return np.array(self.parts(rates.tolist())[1])

    def extremes(self, start: Array, time: float) -> tuple[Array, Array]:
        """Lowest and highest rates in Hz within ``time``, from the zeros of d nu/dt."""
        events = [lambda _, y, k=k: float(self(y)[k]) for k in range(len(start))]
        solution = solve_ivp(
            lambda _, y: self(y), (0, time), start, method="DOP853", rtol=1e-8, atol=_ABSOLUTE, events=events
        )
        turning = [one for one in solution.y_events if one.size]
        points = np.concatenate([solution.y.T, *turning])
        return points.min(axis=0), points.max(axis=0)


def _flow(
    dynamics: Dynamics, beside: tuple[Dynamics, Dynamics], width: float, start: Array, time: float
) -> tuple[Array, Array, Array] | None:
    """Rates after ``time`` s, their derivatives by the start and by the parameter; None if they cannot be integrated.

    ``beside`` is the dynamics at the parameter plus and minus half of ``width``.
    """
    P = len(start)

    def rhs(_: float, y: Array) -> list[float]:
        values = y.tolist()
        drift, slopes = dynamics.parts(values[:P])
        up, down = (one.drift(values[:P]) for one in beside)
        result = drift
        for k, row in enumerate(slopes):
            for column in range(P + 1):
                result.append(sum(row[m] * values[P + m * (P + 1) + column] for m in range(P)))
            result[-1] += (up[k] - down[k]) / width
        return result

    solver = ode(rhs).set_integrator("dop853", rtol=_RELATIVE, atol=_ABSOLUTE, nsteps=20000)
    solver.set_initial_value(np.concatenate([start, np.eye(P, P + 1).ravel()]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = solver.integrate(time)
    if not solver.successful() or not np.all(np.isfinite(y)):
        return None
    matrix = y[P:].reshape(P, P + 1)
    return y[:P], matrix[:, :P], matrix[:, P]


class Shooting:
    """The equations of a cycle in y = (rates, T, parameter) as a curve for continuation."""

    def __init__(self, equations: SSNEquations, rate_scale: Array, period: float) -> None:
        self.equations, self.P = equations, len(rate_scale)
        (low, high), *_ = equations.family.ranges
        scale = np.concatenate([rate_scale, [period, (high - low) / 10]])
        self.curve = Curve(self.residual, self.jacobian, scale, tolerance=1e-9)
        self._known: dict[bytes, tuple[Array, Array]] = {}

    def parts(self, y: Array) -> tuple[Array, Array]:
        """Residual, shape (populations + 1,), and its derivatives."""
        if y.tobytes() not in self._known:
            P, rates, period, p = self.P, y[: self.P], float(y[self.P]), y[self.P + 1 :]
            half = 1e-5 * self.curve.scale[P + 1 :]
            dynamics = Dynamics(self.equations, p)
            beside = Dynamics(self.equations, p + half), Dynamics(self.equations, p - half)
            reached = _flow(dynamics, beside, 2 * float(half[0]), rates, period) if period > 0 else None
            if reached is None:
                return np.full(P + 1, np.nan), np.full((P + 1, P + 2), np.nan)
            end, matrix, by_parameter = reached
            peak = dynamics(rates)[0]
            slopes = np.zeros((P + 1, P + 2))
            slopes[:P, :P], slopes[:P, P], slopes[:P, P + 1] = matrix - np.eye(P), dynamics(end), by_parameter
            slopes[P, :P], slopes[P, P] = dynamics.jacobian(rates)[0] * period, peak
            slopes[P, P + 1] = (beside[0](rates)[0] - beside[1](rates)[0]) / (2 * half[0]) * period
            self._known[y.tobytes()] = np.append(end - rates, peak * period), slopes
        return self._known[y.tobytes()]

    def residual(self, y: Array) -> Array:
        return self.parts(y)[0]

    def jacobian(self, y: Array) -> Array:
        return self.parts(y)[1]

    def cycle(self, y: Array) -> LimitCycle:
        """The cycle at a solution y."""
        rates, period = y[: self.P], float(y[self.P])
        residual, slopes = self.parts(y)
        dynamics = Dynamics(self.equations, y[self.P + 1 :])
        lowest, highest = dynamics.extremes(rates, period)
        spectrum = np.linalg.eigvals(slopes[: self.P, : self.P] + np.eye(self.P)).astype(complex)
        rest = np.delete(spectrum, np.argmin(np.abs(spectrum - 1)))
        names = self.equations.populations
        return LimitCycle(
            period,
            dict(zip(names, lowest.tolist(), strict=True)),
            dict(zip(names, highest.tolist(), strict=True)),
            tuple(complex(one) for one in rest),
            bool(np.all(np.abs(rest) < 1)),
            bool(np.any(highest > self.equations.fitted)),
            float(np.max(np.abs(residual[: self.P]))),
            tuple(rates.tolist()),
        )
