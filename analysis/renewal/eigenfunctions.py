"""Eigenfunctions of the refractory density equation of a renewal neuron, biorthogonal without conjugation.

phi_n = -S e^(-lambda_n tau)/P_L'(lambda_n) and
psi_n = (e^(lambda_n tau)/S)(1 - int_0^tau P e^(-lambda_n s) ds), psi_n(0) = 1; phi_0 = F_0 S, psi_0 = 1.
Source: Pietras, Gallice & Schwalger 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from scipy.integrate import simpson
from scipy.interpolate import CubicSpline

from ssnbrian.circuit import InvalidInputError

from .intervals import Intervals
from .modes import Eigenmode

_POINTS = 4000
# Degree of the polynomial that continues an integrand beyond the grid, range of x and points of its fit.
_DEGREE, _REACH, _FITTED = 10, 5.0, 60
_UNDERFLOW = 1e-200
_PER_PERIOD = 60


@dataclass(frozen=True)
class AgeGrid:
    """Ages with Simpson weights, split where the hazard is not smooth, and what integrals over age do beyond them.

    Attributes
    ----------
    ages : s, shape (k,); where two parts meet an age stands twice, as the end of one and the start of the next.
    parts : slices of ``ages`` on which functions of age are smooth.
    escape : Hz, the hazard beyond the last age; ``relaxation`` s, by which it approaches that, 0 if it is there.
    """

    ages: np.ndarray
    parts: tuple[slice, ...]
    escape: float
    relaxation: float

    @classmethod
    def of(cls, *families: Intervals) -> AgeGrid:
        """Ages from 0 to where the hazard of all families has settled, or, if none survive to there, to the longest.

        The families must have the same kink and the same manner of settling.
        """
        first = families[0]
        settled = max(one.settled_from for one in families)
        # A hazard that is constant from the kink on leaves room for a second part.
        settled += 0.0 if first.relaxation else first.mean
        if np.isfinite(settled) and min(float(one.survivor(np.array(settled))) for one in families) > _UNDERFLOW:
            return cls.between([first.kink, settled], 0.0, -first.abscissa, first.relaxation)
        end = min(one.longest for one in families)
        return cls.between([first.kink, end], 0.0, float(first.hazard(np.array(end))), 0.0)

    @classmethod
    def whole(cls, intervals: Intervals, frequency: float = 0.0) -> AgeGrid:
        """Ages from 0 to where the survivor is negligible, close enough for an oscillation of ``frequency`` (Hz)."""
        end = intervals.longest
        edges = [intervals.kink, min(intervals.settled_from, end), end]
        return cls.between(edges, frequency, float(intervals.hazard(np.array(end))), 0.0)

    @classmethod
    def between(
        cls, edges: list[float], frequency: float = 0.0, escape: float = 0.0, relaxation: float = 0.0
    ) -> AgeGrid:
        """Parts between 0 and the edges, which may coincide; the hazard may jump at them."""
        ages: list[np.ndarray] = []
        parts = []
        start = 0.0
        for end in edges:
            if end <= start:
                continue
            number = max(_POINTS, int(_PER_PERIOD * abs(frequency) * (end - start)))
            part = np.linspace(start, end, number + 1)
            # The limits of the hazard from the right and from the left.
            part[0], part[-1] = np.nextafter(start, end) if ages else 0.0, np.nextafter(end, start)
            first = sum(len(one) for one in ages)
            parts.append(slice(first, first + len(part)))
            ages.append(part)
            start = end
        return cls(np.concatenate(ages), tuple(parts), escape, relaxation)

    def of_other(self, intervals: Intervals) -> AgeGrid:
        """The same ages, with what the hazard of other intervals does beyond them."""
        escape = -intervals.abscissa if self.relaxation else float(intervals.hazard(self.ages[-1:])[0])
        return replace(self, escape=escape)

    def beyond(self, values: np.ndarray, argument: complex) -> complex:
        """Integral beyond the last age T of values, shape (k,), that go on as e^(-(escape + argument) (t - T)) G.

        G is constant, or a polynomial in x = e^(-(t - T)/relaxation), fitted for x from 1 to 5. Where the integral does
        not converge it is continued in ``argument`` (1/s) from where it does.
        """
        decay = self.escape + argument
        if not self.relaxation:
            return complex(values[-1] / decay)
        back = self.ages[self.parts[-1]] - self.ages[-1]
        near = np.flatnonzero(back > -np.log(_REACH) * self.relaxation)
        near = near[:: max(1, len(near) // _FITTED)]
        back, last = back[near], values[self.parts[-1]][near]
        x, smooth = np.exp(-back / self.relaxation), last * np.exp(decay * back)
        real, imaginary = (
            np.asarray(Chebyshev.fit(x, part, _DEGREE, [1.0, _REACH]).convert(kind=Polynomial).coef, float)
            for part in (smooth.real, smooth.imag)
        )
        return complex(np.sum((real + 1j * imaginary) / (decay + np.arange(_DEGREE + 1) / self.relaxation)))

    def integral(self, values: np.ndarray, argument: complex) -> complex:
        """Integral over all ages of values, shape (k,), that go on as :meth:`beyond` says."""
        inside = sum(simpson(values[part], x=self.ages[part]) for part in self.parts)
        return complex(inside) + self.beyond(values, argument)

    def cumulative(self, values: np.ndarray, *, backwards: bool = False) -> np.ndarray:
        """Integral from 0 (or to the end) at every age, shape (k,)."""
        result = np.zeros(len(self.ages), complex)
        total = 0j
        for part in reversed(self.parts) if backwards else self.parts:
            rising = CubicSpline(self.ages[part], values[part]).antiderivative()(self.ages[part])
            result[part] = total + (rising[-1] - rising if backwards else rising)
            total += rising[-1]
        return result


def density_eigenfunction(intervals: Intervals, mode: Eigenmode, ages: np.ndarray) -> np.ndarray:
    """phi_n, Hz, complex, at ages in s, same shape."""
    return mode.activity * intervals.survivor(ages) * np.exp(-mode.eigenvalue * np.asarray(ages))


def adjoint_eigenfunction(intervals: Intervals, mode: Eigenmode, grid: AgeGrid) -> np.ndarray:
    """psi_n, complex, on the ages of a grid, shape (k,).

    Without a closed form by its definition where phi_n does not converge, else from its equal
    int_tau^inf P(s) e^(-lambda (s - tau)) ds/S(tau): each of them loses its errors on the way.
    InvalidInputError where phi_n does not converge and the hazard does not settle: there is no continuation then.
    """
    _require_continuation(intervals, mode)
    if mode.number == 0:
        return np.ones(len(grid.ages), complex)
    closed = intervals.adjoint_eigenfunction(mode.eigenvalue, grid.ages)
    if closed is not None:
        return closed
    weighted = intervals.density(grid.ages) * np.exp(-mode.eigenvalue * grid.ages)
    if mode.converges:
        remaining = grid.cumulative(weighted, backwards=True) + grid.beyond(weighted, mode.eigenvalue)
    else:
        remaining = 1 - grid.cumulative(weighted)
    return remaining * np.exp(mode.eigenvalue * grid.ages) / intervals.survivor(grid.ages)


def overlap(intervals: Intervals, psi: np.ndarray, mode: Eigenmode, grid: AgeGrid) -> complex:
    """<psi, phi_n> over age, for psi on the ages of the grid, shape (k,), that settles as the hazard does."""
    _require_continuation(intervals, mode)
    return grid.integral(psi * density_eigenfunction(intervals, mode, grid.ages), mode.eigenvalue)


def _require_continuation(intervals: Intervals, mode: Eigenmode) -> None:
    if not mode.converges and not np.isfinite(intervals.settled_from):
        raise InvalidInputError(
            f"mode {mode.number} (lambda = {mode.eigenvalue:.4g}/s) lies where the Laplace integral of the intervals "
            "does not converge, and their hazard does not settle: it has no eigenfunction"
        )
