"""Pairs of eigenmodes through the point where a conjugate pair becomes two real modes.

Regular firing has conjugate pairs of eigenvalues; with falling input each pair meets on the real axis and goes on as
two real eigenvalues. There the single modes are singular (phi_n(0) = -1/P_L'(lambda_n) diverges), but what two modes
lambda, mu do together is smooth. With a_lambda = z_0 + (lambda - mu) z_1/2 and a_mu = z_0 - (lambda - mu) z_1/2,
z_0' = s z_0 + d z_1 + forcing, z_1' = s z_1 + z_0, s = (lambda + mu)/2, d = ((lambda - mu)/2)^2,
and the activity phi_lambda a_lambda + phi_mu a_mu is (phi_lambda + phi_mu) z_0 + (phi_lambda - phi_mu)(lambda - mu)/2
z_1: all of it real. For a conjugate pair z_0 = Re a and z_1 = Im a/Im lambda.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .intervals import Intervals
from .modes import Eigenmode, eigenmodes

_STEPS = 20
_CONVERGED = 1e-9
# Distance of the two eigenvalues, by their size, that is kept where they meet, to divide by.
_APART = 1e-6
# Largest relative change of the pair's sum and product from their guess, and how often a step of h is halved.
_LARGEST_CHANGE, _HALVINGS = 0.15, 3


@dataclass(frozen=True)
class ModePair:
    """Two eigenmodes, conjugate or both real.

    Attributes
    ----------
    number : n of the conjugate pair it is at regular firing.
    eigenvalues : lambda, mu, 1/s; ``activities`` phi(0) of both, Hz.
    """

    number: int
    eigenvalues: tuple[complex, complex]
    activities: tuple[complex, complex]

    @property
    def is_real(self) -> bool:
        """Whether the eigenvalues are two real ones."""
        return self.eigenvalues[0].imag == 0

    @property
    def center(self) -> float:
        """s = (lambda + mu)/2, 1/s."""
        return sum(self.eigenvalues).real / 2

    @property
    def half_distance(self) -> complex:
        """(lambda - mu)/2, 1/s."""
        return (self.eigenvalues[0] - self.eigenvalues[1]) / 2

    @property
    def activity(self) -> float:
        """phi_lambda(0) + phi_mu(0), Hz, the weight of z_0."""
        return sum(self.activities).real

    @property
    def activity_of_difference(self) -> float:
        """(phi_lambda(0) - phi_mu(0)) (lambda - mu)/2, Hz/s, the weight of z_1."""
        return float(((self.activities[0] - self.activities[1]) * self.half_distance).real)

    @property
    def slow_weight(self) -> float:
        """phi_lambda(0)/lambda + phi_mu(0)/mu: minus the pair's part of 1/(1 - P_L) at low frequencies."""
        return sum(phi / one for phi, one in zip(self.activities, self.eigenvalues, strict=True)).real

    def modes(self, intervals: Intervals) -> tuple[Eigenmode, Eigenmode]:
        """The two modes, n and -n."""
        return tuple(  # type: ignore[return-value]
            Eigenmode(sign * self.number, one, phi, one.real > intervals.abscissa)
            for sign, one, phi in zip((1, -1), self.eigenvalues, self.activities, strict=True)
        )


def mode_pairs(intervals: Intervals, pairs: int) -> list[ModePair]:
    """The first pairs of firing regular enough to have conjugate ones (:func:`.modes.eigenmodes`)."""
    return [
        ModePair(one.number, (one.eigenvalue, one.eigenvalue.conjugate()), (one.activity, one.activity.conjugate()))
        for one in eigenmodes(intervals, pairs)
    ]


def _sum_and_product(pair: ModePair) -> np.ndarray:
    first, second = pair.eigenvalues
    return np.array([(first + second).real, (first * second).real])


def _pair(number: int, intervals: Intervals, total: float, product: float) -> tuple[ModePair, np.ndarray]:
    """The pair of the sum and product, and 1 - P_L at its two values."""
    half = np.sqrt(complex(total**2 / 4 - product))
    if abs(half) < _APART * abs(total):
        half = complex(_APART * abs(total))
    values = np.array([total / 2 + half, total / 2 - half])
    transform, slope = intervals.laplace_and_derivative(values)
    activities = -1 / slope
    pair = ModePair(number, (complex(values[0]), complex(values[1])), (complex(activities[0]), complex(activities[1])))
    return pair, 1 - transform


def pair_near(intervals: Intervals, guess: ModePair, ahead: np.ndarray | None = None) -> ModePair:
    """The pair of these intervals next to that of others, or next to a sum and product ``ahead`` of it, (2,).

    By Newton's method for the quadratic factor of 1 - P_L, (x - lambda)(x - mu) (Bairstow's method), which is regular
    where lambda = mu. Raises ArithmeticError where there is none near.
    """
    start = _sum_and_product(guess) if ahead is None else ahead
    total, product = (float(one) for one in start)
    for _ in range(_STEPS):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            pair, left = _pair(guess.number, intervals, total, product)
            first, second = pair.eigenvalues
            slopes = 1 / np.array(pair.activities)
            quotient = (slopes - (left[0] - left[1]) / (first - second)) / np.array([first - second, second - first])
            change = left / quotient
            by_total = (change[1] - change[0]) / (first - second)
            by_product = change[0] + by_total * first
        total, product = total + by_total.real, product + by_product.real
        moved = np.abs(np.array([total, product]) / start - 1)
        if not np.all(moved < _LARGEST_CHANGE):
            break
        if abs(by_total) <= _CONVERGED * abs(total) and abs(by_product) <= _CONVERGED * abs(product):
            return _pair(guess.number, intervals, total, product)[0]
    raise ArithmeticError(f"pair {guess.number} of modes could not be followed to {intervals}")


def followed_pair(
    family: Callable[[float], Intervals], here: float, pair: ModePair, there: float, halvings: int = _HALVINGS
) -> ModePair:
    """The pair at h = ``there`` from that at ``here``, in halved steps where one does not reach.

    Raises ArithmeticError where it ends, next to a pole of P_L or where it meets another pair.
    """
    try:
        return pair_near(family(there), pair)
    except ArithmeticError:
        if not halvings:
            raise
    middle = (here + there) / 2
    half = followed_pair(family, here, pair, middle, halvings - 1)
    return followed_pair(family, middle, half, there, halvings - 1)
