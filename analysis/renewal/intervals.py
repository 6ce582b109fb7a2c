"""Families of interspike intervals of a renewal neuron: density P, survivor S, hazard and Laplace transform P_L.

Times are in s, rates and hazards in Hz, eigenvalues and Laplace arguments in 1/s. P_L(lambda) = int P e^(-lambda t) dt
is continued analytically to the left of the line where the integral converges (``abscissa``).
Sources: Pietras, Gallice & Schwalger 2020 (eigenvalues of the four families); Schwalger, Deger & Gerstner 2017 (the
correction of the stochastic integral equation). The inverse Gaussian density is that of the perfect integrate-and-fire
neuron with white noise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.special import lambertw
from scipy.stats import invgauss, norm

from ssnbrian.circuit import InvalidInputError

# Survivor below which an age is not worth a place on a grid.
NEGLIGIBLE = 1e-13


def require_positive(**values: float) -> None:
    """Raise InvalidInputError unless every value is a finite number above 0."""
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise InvalidInputError(f"{name.replace('_', ' ')} must be a finite number above 0, got {value}")


class Intervals(ABC):
    """Interspike intervals of a renewal neuron in constant conditions."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """Mean interval, s."""

    @property
    @abstractmethod
    def cv(self) -> float:
        """Coefficient of variation, standard deviation over mean."""

    @property
    @abstractmethod
    def abscissa(self) -> float:
        """The Laplace integral converges for Re lambda above this, 1/s (not above 0; -inf if everywhere)."""

    @property
    @abstractmethod
    def longest(self) -> float:
        """Age, s, beyond which the survivor is negligible (at most about 1e-13)."""

    @property
    def kink(self) -> float:
        """Age, s, at which the hazard is not smooth (the end of absolute refractoriness); 0 if there is none."""
        return 0.0

    @property
    def settled_from(self) -> float:
        """Age, s, from which the hazard is -abscissa, or that plus a few powers of e^(-age/relaxation); or inf."""
        return np.inf

    @property
    def relaxation(self) -> float:
        """Time constant, s, of the approach of the hazard to its limit after ``settled_from``; 0 where it is there."""
        return 0.0

    @property
    def laplace_limit(self) -> float:
        """P_L is accurate for Re lambda above this, 1/s (-inf if everywhere)."""
        return -np.inf

    @abstractmethod
    def density(self, ages: np.ndarray) -> np.ndarray:
        """P, Hz, at ages in s, same shape."""

    @abstractmethod
    def survivor(self, ages: np.ndarray) -> np.ndarray:
        """S, the probability that an interval is longer than each age (s), same shape."""

    @abstractmethod
    def laplace(self, argument: np.ndarray | complex) -> np.ndarray:
        """P_L at complex arguments in 1/s, same shape."""

    @abstractmethod
    def laplace_derivative(self, argument: np.ndarray | complex) -> np.ndarray:
        """d P_L/d lambda, s, at complex arguments in 1/s, same shape."""

    @property
    def rate(self) -> float:
        """F_0 = 1/mean, Hz."""
        return 1 / self.mean

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the intervals, s."""
        return self.cv * self.mean

    def hazard(self, ages: np.ndarray) -> np.ndarray:
        """P/S, Hz, at ages in s, same shape. InvalidInputError where the survivor underflows."""
        survivor = self.survivor(ages)
        if np.any(survivor <= 0):
            raise InvalidInputError(f"the hazard is not defined where the survivor is 0; stay below {self.longest:g} s")
        return self.density(ages) / survivor

    def laplace_and_derivative(self, argument: np.ndarray | complex) -> tuple[np.ndarray, np.ndarray]:
        """P_L and its derivative, where one costs hardly less than both."""
        return self.laplace(argument), self.laplace_derivative(argument)

    def eigenvalue(self, number: int) -> complex | None:
        """The root of P_L = 1 of mode ``number`` > 0, Im > 0, 1/s, where there is a closed form, else None."""
        return None

    def adjoint_eigenfunction(self, eigenvalue: complex, ages: np.ndarray) -> np.ndarray | None:
        """psi at ages (s) where there is a closed form, else None."""
        return None

    @cached_property
    def langevin_correction_rate(self) -> float:
        """Lambda = 1/standard deviation, 1/s: with it the Langevin equation has S(0) = CV^2 r/N exactly."""
        return 1 / self.standard_deviation

    @cached_property
    def integral_equation_correction_rate(self) -> float:
        """Stationary Lambda of the stochastic integral equation, 1/s: 1/(2 int S(1-S)) = 1/E|T1 - T2|.

        Equal to :attr:`langevin_correction_rate` for intervals with dead time, sqrt(pi)/2 of it for Gaussian ones; the
        slides of :mod:`..mesoscopic` have one letter for both.
        """

        def integrand(age: float) -> float:
            survivor = float(self.survivor(np.asarray(age)))
            return survivor * (1 - survivor)

        edges = [self.kink, *(self.mean + self.standard_deviation * np.array([-6, -2, 0, 2, 6])), self.longest]
        edges = sorted({min(max(edge, self.kink), self.longest) for edge in edges})
        total = sum(quad(integrand, a, b, epsabs=0, epsrel=1e-10)[0] for a, b in pairwise(edges))
        return 1 / (2 * total)


@dataclass(frozen=True)
class DeadTimeIntervals(Intervals):
    """Poisson firing with absolute refractoriness (PAR): hazard ``hazard_rate`` (Hz) after ``dead_time`` (s)."""

    hazard_rate: float
    dead_time: float

    def __post_init__(self) -> None:
        require_positive(hazard_rate=self.hazard_rate, dead_time=self.dead_time)

    @property
    def mean(self) -> float:
        return self.dead_time + 1 / self.hazard_rate

    @property
    def cv(self) -> float:
        return 1 / (1 + self.hazard_rate * self.dead_time)

    @property
    def abscissa(self) -> float:
        return -self.hazard_rate

    @property
    def kink(self) -> float:
        return self.dead_time

    @property
    def settled_from(self) -> float:
        return self.dead_time

    @property
    def longest(self) -> float:
        return self.dead_time - np.log(NEGLIGIBLE) / self.hazard_rate

    def density(self, ages: np.ndarray) -> np.ndarray:
        return self.hazard(ages) * self.survivor(ages)

    def survivor(self, ages: np.ndarray) -> np.ndarray:
        return np.exp(-self.hazard_rate * np.maximum(np.asarray(ages, float) - self.dead_time, 0))

    def hazard(self, ages: np.ndarray) -> np.ndarray:
        """Hz, at ages in s, same shape."""
        return np.where(np.asarray(ages) < self.dead_time, 0.0, self.hazard_rate)

    def laplace(self, argument: np.ndarray | complex) -> np.ndarray:
        value = np.asarray(argument, complex)
        return self.hazard_rate * np.exp(-value * self.dead_time) / (self.hazard_rate + value)

    def laplace_derivative(self, argument: np.ndarray | complex) -> np.ndarray:
        value = np.asarray(argument, complex)
        return -self.laplace(value) * (self.dead_time + 1 / (self.hazard_rate + value))

    def eigenvalue(self, number: int) -> complex:
        """By branch ``number`` of Lambert's W."""
        product = self.hazard_rate * self.dead_time
        return complex(lambertw(product * np.exp(product), number) / self.dead_time - self.hazard_rate)

    def adjoint_eigenfunction(self, eigenvalue: complex, ages: np.ndarray) -> np.ndarray:
        return np.exp(eigenvalue * np.minimum(ages, self.dead_time))


@dataclass(frozen=True)
class GaussianIntervals(Intervals):
    """Normally distributed intervals, for small CV: P_L = exp(-kappa_1 lambda + kappa_2 lambda^2/2).

    ``mean_interval`` in s, ``variation`` the CV. The normal density has the mass ``mass_below_zero`` at negative
    intervals, which a real neuron cannot have; survivor and eigenvalues are those of the whole normal law.
    """

    mean_interval: float
    variation: float

    def __post_init__(self) -> None:
        require_positive(mean_interval=self.mean_interval, variation=self.variation)

    @property
    def mean(self) -> float:
        return self.mean_interval

    @property
    def cv(self) -> float:
        return self.variation

    @property
    def mass_below_zero(self) -> float:
        """Probability of a negative interval."""
        return float(norm.cdf(-1 / self.cv))

    @property
    def abscissa(self) -> float:
        return -np.inf

    @property
    def longest(self) -> float:
        return self.mean - norm.ppf(NEGLIGIBLE) * self.standard_deviation

    def density(self, ages: np.ndarray) -> np.ndarray:
        return norm.pdf(ages, self.mean, self.standard_deviation)

    def survivor(self, ages: np.ndarray) -> np.ndarray:
        return norm.sf(ages, self.mean, self.standard_deviation)

    def laplace(self, argument: np.ndarray | complex) -> np.ndarray:
        value = np.asarray(argument, complex)
        return np.exp(-self.mean * value + self.standard_deviation**2 * value**2 / 2)

    def laplace_derivative(self, argument: np.ndarray | complex) -> np.ndarray:
        value = np.asarray(argument, complex)
        return (self.standard_deviation**2 * value - self.mean) * self.laplace(value)

    def eigenvalue(self, number: int) -> complex:
        """(kappa_1/kappa_2)(1 - sqrt(1 - 4 pi i n kappa_2/kappa_1^2))."""
        return complex((1 - np.sqrt(1 - 4j * np.pi * number * self.cv**2)) / (self.mean * self.cv**2))


@dataclass(frozen=True)
class InverseGaussianIntervals(Intervals):
    """Intervals of the perfect integrate-and-fire neuron with white noise.

    ``mean_interval`` in s, ``variation`` the CV.
    """

    mean_interval: float
    variation: float

    def __post_init__(self) -> None:
        require_positive(mean_interval=self.mean_interval, variation=self.variation)

    @property
    def mean(self) -> float:
        return self.mean_interval

    @property
    def cv(self) -> float:
        return self.variation

    @classmethod
    def of_integrator(cls, drift: float, noise: float, distance: float) -> InverseGaussianIntervals:
        """V' = drift + noise·xi from reset to a threshold ``distance`` (mV) above it; mV/s and mV/√s."""
        require_positive(drift=drift, noise=noise, distance=distance)
        return cls(distance / drift, noise / np.sqrt(distance * drift))

    @property
    def _law(self) -> Any:
        return invgauss(self.cv**2, scale=self.mean / self.cv**2)

    @property
    def abscissa(self) -> float:
        return -1 / (2 * self.mean * self.cv**2)

    @property
    def longest(self) -> float:
        return float(self._law.isf(NEGLIGIBLE))

    def density(self, ages: np.ndarray) -> np.ndarray:
        return self._law.pdf(ages)

    def survivor(self, ages: np.ndarray) -> np.ndarray:
        return self._law.sf(ages)

    def _root(self, value: np.ndarray) -> np.ndarray:
        return np.sqrt(1 + 2 * self.cv**2 * self.mean * value)

    def laplace(self, argument: np.ndarray | complex) -> np.ndarray:
        return np.exp((1 - self._root(np.asarray(argument, complex))) / self.cv**2)

    def laplace_derivative(self, argument: np.ndarray | complex) -> np.ndarray:
        return -self.mean * self.laplace(argument) / self._root(np.asarray(argument, complex))

    def eigenvalue(self, number: int) -> complex:
        """r(2 pi i n - 2 pi^2 CV^2 n^2)."""
        return (2j * np.pi * number - 2 * (np.pi * self.cv * number) ** 2) / self.mean
