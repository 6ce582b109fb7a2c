"""Coefficients of the eigenmode equations as functions of the input potential h."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from ssnbrian.circuit import InvalidInputError

from .intervals import DeadTimeIntervals, Intervals
from .mode_coupling import couplings, dead_time_coupling
from .modes import Eigenmode, eigenmodes, stationary_mode

_SCAN = 2000
CORRECTIONS = ("langevin", "integral equation")


@dataclass(frozen=True)
class ModeCoefficients:
    """Coefficients at h of shape (...) for M modes.

    Attributes
    ----------
    rate : F_0, Hz, (...).
    eigenvalues : lambda_n, 1/s, (..., M); ``activities`` phi_n(0), Hz, (..., M).
    couplings : C_nm, 1/h, (..., M, 2M + 1); columns m = 0, 1 … M, -1 … -M.
    langevin_correction, integral_equation_correction : Lambda = 1/standard deviation of the intervals, and
        1/E|T1 - T2|, 1/s, (...).
    closure_rate : w_c = |lambda_(M+1)|, 1/s, (...); ``closure_weight`` c_M, the constant that truncation adds to
        1/(1 - P_L) at low frequencies: (1 - CV^2)/2 - 2 Re sum phi_n(0)/lambda_n, (...).
    """

    rate: np.ndarray
    eigenvalues: np.ndarray
    activities: np.ndarray
    couplings: np.ndarray
    langevin_correction: np.ndarray
    integral_equation_correction: np.ndarray
    closure_rate: np.ndarray
    closure_weight: np.ndarray

    def correction(self, which: str | float) -> np.ndarray:
        """Lambda by its name in ``CORRECTIONS``, or a number in 1/s, of the shape of ``rate``."""
        if isinstance(which, str):
            if which not in CORRECTIONS:
                raise InvalidInputError(f"the correction must be {' or '.join(CORRECTIONS)}, or a number: '{which}'")
            return self.langevin_correction if which == "langevin" else self.integral_equation_correction
        if not 0 <= which < np.inf:
            raise InvalidInputError(f"the correction rate must be finite and not negative, got {which}")
        return np.full_like(self.rate, which)


def mode_coefficients(family: Callable[[float], Intervals], h: float, modes: int) -> ModeCoefficients:
    """Coefficients at one h, from the intervals ``family(h)``, in closed form for intervals with dead time."""
    intervals = family(h)
    found = eigenmodes(intervals, modes + 1)
    kept = found[:modes]
    constant = (1 - intervals.cv**2) / 2 - 2 * sum((one.activity / one.eigenvalue).real for one in kept)
    return ModeCoefficients(
        np.array(intervals.rate),
        np.array([one.eigenvalue for one in kept]),
        np.array([one.activity for one in kept]),
        _couplings(family, h, intervals, kept),
        np.array(intervals.langevin_correction_rate),
        np.array(intervals.integral_equation_correction_rate),
        np.array(abs(found[modes].eigenvalue)),
        np.array(constant),
    )


def _couplings(family: Callable[[float], Intervals], h: float, here: Intervals, kept: list[Eigenmode]) -> np.ndarray:
    if not isinstance(here, DeadTimeIntervals):
        return couplings(family, h, len(kept))[1:]
    change = 1e-5 * (abs(h) or 1.0)
    below, above = family(h - change), family(h + change)
    if not (isinstance(below, DeadTimeIntervals) and isinstance(above, DeadTimeIntervals)):
        raise InvalidInputError(f"the family of intervals changes its kind at h = {h:g}")
    slope = (above.hazard_rate - below.hazard_rate) / (2 * change)
    columns = [stationary_mode(here), *kept, *(mode.conjugate for mode in kept)]
    return slope * np.array([[dead_time_coupling(here, n, m) for m in columns] for n in kept])


class ModeTable:
    """Coefficients on a grid of h, with cubic splines between its points.

    ``family(h)`` gives the intervals at constant h; ``grid`` (k,) increases, k = 1 or k >= 4 (with k = 1 they are
    constant). Outside of the grid the values at its ends are taken; :meth:`outside` says where.
    """

    def __init__(self, family: Callable[[float], Intervals], grid: Sequence[float] | np.ndarray, modes: int) -> None:
        self.grid = np.asarray(grid, float)
        if self.grid.ndim != 1 or len(self.grid) in (0, 2, 3) or not np.all(np.diff(self.grid) > 0):
            raise InvalidInputError("the grid of h must increase and have one point, or at least four")
        self.family, self.modes = family, modes
        points = [mode_coefficients(family, float(h), modes) for h in self.grid]
        rows = [
            np.concatenate([np.ravel(getattr(point, name)) for name in ModeCoefficients.__dataclass_fields__])
            for point in points
        ]
        self._constant = points[0] if len(points) == 1 else None
        self._spline = None if self._constant else CubicSpline(self.grid, np.array(rows))
        self._shapes = {name: np.shape(getattr(points[0], name)) for name in ModeCoefficients.__dataclass_fields__}

    def outside(self, h: np.ndarray | float) -> np.ndarray:
        """Whether h (any shape) lies outside of the grid, same shape; never with a grid of one point."""
        if self._constant:
            return np.zeros(np.shape(h), bool)
        return (np.asarray(h) < self.grid[0]) | (np.asarray(h) > self.grid[-1])

    def resting(self, drive: float, coupling: float) -> float:
        """The lowest h = drive + coupling F_0(h) in the grid, ``coupling`` in h per Hz; InvalidInputError if none."""
        if not coupling:
            return drive
        h = np.linspace(self.grid[0], self.grid[-1], _SCAN)
        excess = drive + coupling * self.at(h).rate - h
        crossings = np.flatnonzero(np.sign(excess[:-1]) != np.sign(excess[1:]))
        if not len(crossings):
            raise InvalidInputError(
                f"drive {drive:g} and coupling {coupling:g} have no stationary state for h in "
                f"{self.grid[0]:g} … {self.grid[-1]:g}; give the table a wider grid"
            )
        low, high = h[crossings[0]], h[crossings[0] + 1]
        return brentq(lambda one: drive + coupling * float(self.at(np.array([one])).rate[0]) - one, low, high)

    def at(self, h: np.ndarray | float) -> ModeCoefficients:
        """Coefficients at h, of shape (...); (1, ...)-shaped and broadcastable with a grid of one point."""
        if self._constant or not self._spline:
            named = {name: getattr(self._constant, name) for name in self._shapes}
            return ModeCoefficients(**{name: np.asarray(value)[None] for name, value in named.items()})
        values = self._spline(np.clip(h, self.grid[0], self.grid[-1]))
        result, start = {}, 0
        for name, shape in self._shapes.items():
            size = int(np.prod(shape))
            part = values[..., start : start + size].reshape(np.shape(h) + shape)
            result[name] = part if name in ("eigenvalues", "activities", "couplings") else part.real
            start += size
        return ModeCoefficients(**result)
