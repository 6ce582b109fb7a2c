"""Integrals over the ages of escape-noise neurons that are continued analytically, by power series for large ages.

After the dead time the hazard is rho = R/tau_m e^(-kappa y), y = e^(-t/tau_m), an entire function of y, and so are the
survivor, S = e^(a t) sum p_k y^k with a = -R/tau_m, and the adjoint eigenfunctions, psi = sum b_k y^k, whose equation
psi' = (lambda + rho) psi - rho fixes all b_k. An integral of S e^(-lambda t) times such a series is term by term
sum c_k/(lambda - a + k/tau_m), also where it does not converge. The series serve where kappa y is not large; to there
a grid of ages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import simpson
from scipy.optimize import brentq

from .eigenfunctions import AgeGrid
from .escape_noise import EscapeNoiseIntervals
from .modes import Eigenmode

# Largest kappa y max(R, 1) of the series, and their terms.
_LARGEST, _TERMS = 2.0, 80
# The grid ends without a series where nobody survives.
_NEGLIGIBLE = 1e-200


def _last_age(neuron: EscapeNoiseIntervals, latest: float) -> float:
    """Age, s, at which the survivor is negligible, or ``latest``."""

    def excess(age: float) -> float:
        return float(np.log(np.maximum(neuron.survivor(np.array(age)), 1e-300) / _NEGLIGIBLE))

    return latest if excess(latest) > 0 else float(brentq(excess, neuron.dead_time, latest))


@dataclass(frozen=True)
class AgeFunction:
    """A function of age: ``values`` on the grid, and the ``series`` in powers of e^(-(age - end)/tau_m) beyond."""

    values: np.ndarray
    series: np.ndarray

    def __add__(self, other: AgeFunction) -> AgeFunction:
        return AgeFunction(self.values + other.values, self.series + other.series)

    def __sub__(self, other: AgeFunction) -> AgeFunction:
        return AgeFunction(self.values - other.values, self.series - other.series)

    def __mul__(self, factor: complex) -> AgeFunction:
        return AgeFunction(self.values * factor, self.series * factor)

    @property
    def real(self) -> AgeFunction:
        """The real part."""
        return AgeFunction(self.values.real, self.series.real)

    def conj(self) -> AgeFunction:
        """The conjugate function."""
        return AgeFunction(self.values.conj(), self.series.conj())


class SettlingAges:
    """Ages for the given neurons, which differ in ``mu`` only."""

    def __init__(self, *neurons: EscapeNoiseIntervals) -> None:
        first = neurons[0]
        self._tau = first.tau_m
        reach = max(abs(one.drive_in_widths) * max(-one.abscissa * one.tau_m, 1.0) for one in neurons)
        after = self._tau * max(float(np.log(reach / _LARGEST)), 0.0) if reach > 0 else 0.0
        self._scale = float(np.exp(-after / self._tau))
        self.end = first.dead_time + after
        self._terms = _TERMS
        if min(float(one.survivor(np.array(self.end))) for one in neurons) < _NEGLIGIBLE:
            self.end, self._terms = min(_last_age(one, self.end) for one in neurons), 0
        self._grid = AgeGrid.between([first.dead_time, self.end]) if self.end > 0 else None
        self._survivors = {one: one.survivor(self.ages) for one in neurons}

    @property
    def ages(self) -> np.ndarray:
        """Ages of the grid, s, (k,); where two parts meet an age stands twice."""
        return np.zeros(0) if self._grid is None else self._grid.ages

    def _hazard(self, neuron: EscapeNoiseIntervals) -> np.ndarray:
        """Coefficients of rho, Hz."""
        factors = -neuron.drive_in_widths * self._scale / np.arange(1, _TERMS)
        return -neuron.abscissa * np.concatenate([[1.0], np.cumprod(factors)])[: self._terms]

    def _survivor(self, neuron: EscapeNoiseIntervals) -> np.ndarray:
        """Coefficients p_k of S e^(-a (age - end)), whose sum is the survivor at the end."""
        hazard, powers = self._hazard(neuron), np.ones(self._terms)
        for k in range(1, self._terms):
            powers[k] = self._tau / k * (hazard[1 : k + 1] @ powers[k - 1 :: -1])
        return powers * float(neuron.survivor(np.array(self.end))) / powers.sum()

    def adjoint(self, neuron: EscapeNoiseIntervals, mode: Eigenmode) -> AgeFunction:
        """psi of a mode, psi(0) = 1."""
        hazard, series = self._hazard(neuron), np.zeros(self._terms, complex)
        for k in range(self._terms):
            left = hazard[k] - hazard[1 : k + 1] @ series[:k][::-1]
            series[k] = left / (hazard[0] + mode.eigenvalue + k / self._tau)
        if self._grid is None:
            return AgeFunction(np.zeros(0, complex), series)
        ages = self._grid.ages
        survivor = self._survivors[neuron]
        weighted = neuron.hazard(ages) * survivor * np.exp(-mode.eigenvalue * ages)
        if mode.converges:
            later = series.sum() * neuron.survivor(np.array(self.end)) * np.exp(-mode.eigenvalue * self.end)
            remaining = self._grid.cumulative(weighted, backwards=True) + later
        else:
            remaining = 1 - self._grid.cumulative(weighted)
        return AgeFunction(remaining * np.exp(mode.eigenvalue * ages) / survivor, series)

    def overlap(self, neuron: EscapeNoiseIntervals, psi: AgeFunction, mode: Eigenmode) -> complex:
        """<psi, phi> with phi of a mode."""
        inside = 0j
        if self._grid is not None:
            integrand = psi.values * self._survivors[neuron] * np.exp(-mode.eigenvalue * self.ages)
            inside = complex(sum(simpson(integrand[part], x=self.ages[part]) for part in self._grid.parts))
        if not self._terms:
            return mode.activity * inside
        product = np.convolve(psi.series, self._survivor(neuron))
        poles = mode.eigenvalue - neuron.abscissa + np.arange(len(product)) / self._tau
        return mode.activity * (inside + np.exp(-mode.eigenvalue * self.end) * complex(np.sum(product / poles)))
