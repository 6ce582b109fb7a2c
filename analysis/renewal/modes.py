"""Eigenvalues of the refractory density equation of a renewal neuron: the solutions of P_L(lambda) = 1.

lambda_0 = 0 belongs to the stationary density; the others come in conjugate pairs, and mode n > 0 is here the one with
Im lambda_n > 0. Source: Pietras, Gallice & Schwalger 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .intervals import Intervals

_NEWTON_STEPS = 12
_LARGEST_STEP = np.pi
# Length of the detour in Re L, and the CV from which on it is made.
_DETOUR, _REGULAR = 4.0, 0.5
_CONVERGED = 1e-8


@dataclass(frozen=True)
class Eigenmode:
    """One eigenmode.

    Attributes
    ----------
    number : n; 0 is the stationary mode, -n the conjugate of n.
    eigenvalue : lambda_n, 1/s.
    activity : phi_n(0) = -1/P_L'(lambda_n), Hz; the activity is the sum of a_n phi_n(0) over all modes.
    converges : whether phi_n decays with age. To the left of the abscissa of the intervals it does not; integrals over
        age are then continued analytically, which is exact where the hazard becomes constant (the neurons of all
        larger ages can be counted as one).
    """

    number: int
    eigenvalue: complex
    activity: complex
    converges: bool

    @property
    def conjugate(self) -> Eigenmode:
        """Mode -n."""
        return Eigenmode(-self.number, self.eigenvalue.conjugate(), self.activity.conjugate(), self.converges)


def eigenmodes(intervals: Intervals, modes: int) -> list[Eigenmode]:
    """Modes 1 … ``modes``.

    In closed form where the family has one. Otherwise P_L = e^L is followed by Newton's method from L = 0 at lambda =
    0 to L = -2 pi i n, one root for every n. For irregular firing the path makes a detour over Re L < 0, which keeps
    it clear of the poles of P_L that it would otherwise circle back around.
    Raises ArithmeticError where that does not converge to different roots, InvalidInputError for less than one mode.
    """
    if modes < 1:
        raise InvalidInputError(f"the number of modes must be at least 1, got {modes}")
    closed = [intervals.eigenvalue(number) for number in range(1, modes + 1)]
    if all(one is not None for one in closed):
        slopes = intervals.laplace_derivative(np.array(closed, complex))
        return [_mode(intervals, n, complex(closed[n - 1] or 0), -1 / slopes[n - 1]) for n in range(1, modes + 1)]
    detour = -_DETOUR if intervals.cv > _REGULAR else 0.0
    place = _followed(intervals, (0j, complex(intervals.rate), 0j), detour)
    found: list[Eigenmode] = []
    for number in range(1, modes + 1):
        place = _followed(intervals, place, detour - 2j * np.pi * number)
        eigenvalue, activity, _ = _followed(intervals, place, -2j * np.pi * number)
        found.append(_mode(intervals, number, eigenvalue, activity))
        known = found[-2].eigenvalue if number > 1 else 0j
        if eigenvalue.real < intervals.laplace_limit:
            raise ArithmeticError(f"mode {number} of {intervals} decays too fast for quadrature of P_L")
        if eigenvalue.imag <= 0 or abs(eigenvalue - known) < 1e-6 * abs(eigenvalue):
            raise ArithmeticError(f"no eigenvalue of mode {number} was found for {intervals}")
    return found


def _followed(
    intervals: Intervals, place: tuple[complex, complex, complex], end: complex
) -> tuple[complex, complex, complex]:
    """(lambda, -P_L/P_L', L) at L = ``end``, from ``place``, in steps that are halved where Newton's method fails."""
    eigenvalue, activity, logarithm = place
    largest = _LARGEST_STEP
    while logarithm != end:
        steps = int(np.ceil(abs(end - logarithm) / largest - 1e-9))
        following = end if steps == 1 else logarithm + (end - logarithm) / steps
        try:
            eigenvalue, activity = _newton(intervals, eigenvalue - (following - logarithm) * activity, following)
        except ArithmeticError:
            largest /= 2
            if largest < _LARGEST_STEP / 100:
                raise
            continue
        logarithm = following
    return eigenvalue, activity, logarithm


def _mode(intervals: Intervals, number: int, eigenvalue: complex, activity: complex) -> Eigenmode:
    return Eigenmode(number, complex(eigenvalue), complex(activity), bool(eigenvalue.real > intervals.abscissa))


def _newton(intervals: Intervals, start: complex, logarithm: complex) -> tuple[complex, complex]:
    """lambda with P_L = e^logarithm, and -P_L/P_L' there; by ln P_L, which is nearly quadratic in lambda."""
    eigenvalue = start
    for _ in range(_NEWTON_STEPS):
        # A step too far to the left overflows; the path is then followed in smaller ones.
        with np.errstate(over="ignore", invalid="ignore"):
            value, slope = (complex(one) for one in intervals.laplace_and_derivative(eigenvalue))
        if value == 0 or not np.isfinite(value):
            break
        step = np.log(value * np.exp(-logarithm)) * value / slope
        if abs(step) > abs(eigenvalue):
            break
        eigenvalue -= step
        if abs(step) <= _CONVERGED * abs(eigenvalue):
            return eigenvalue, -value / slope
    raise ArithmeticError(f"Newton's method from {start:.4g}/s found no eigenvalue of {intervals}")


def stationary_mode(intervals: Intervals) -> Eigenmode:
    """Mode 0: lambda = 0, phi_0 = F_0 S, psi_0 = 1."""
    return Eigenmode(0, 0j, complex(intervals.rate), True)
