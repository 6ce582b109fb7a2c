"""Formulas of the two-population stabilized supralinear network (SSN): characteristic functions, gains, stability.

The SSN of Ekelmans, Kraynyukova & Tchumatchenko 2023 (Eq 2) has the steady states (Eq 3)

    nu_X = a_X (mu_X - b_X)_+^n_X,
    mu_E = J_EE nu_E - J_EI nu_I + mu_ext_E,    mu_I = J_IE nu_E - J_II nu_I + mu_ext_I.

With z = mu_E - b_E they are the zeros of one scalar function. ``characteristic`` (their S10) takes the inhibitory rate
from the excitatory equation and divides by J_EI; ``ReducedCharacteristic`` takes it from the inhibitory equation and
serves the search for all states in ``steady_state_search``.
Units: mu in mV/s, rates in Hz, J in mV, a in Hz/(mV/s)^n, tau in s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from typing import Any

import mpmath
import numpy as np

from .root_enclosure import Array, Bounds

_WIDE = mpmath.MPContext()
_WIDE.dps = 50


def _finite(value: Any, name: str, unit: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} is not a number; give a finite number in {unit}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} = {number} is not finite; give a finite number in {unit}")
    return number


@dataclass(frozen=True)
class TwoPopulationSSN:
    """Coefficients of a two-population SSN (Eq 1-3 of Ekelmans et al. 2023).

    Parameters
    ----------
    a_E, b_E, n_E, a_I, b_I, n_I : coefficients of nu = a (mu - b)_+^n; a in Hz/(mV/s)^n, b in mV/s, n > 1.
    J_EE, J_EI, J_IE, J_II : magnitudes of the weights in mV, target before source; the minus sign of inhibition
        is written out in the equations.

    Raises
    ------
    ValueError : a coefficient is not a finite number, a <= 0, n <= 1 or J < 0.
    """

    a_E: float
    b_E: float
    n_E: float
    a_I: float
    b_I: float
    n_I: float
    J_EE: float
    J_EI: float
    J_IE: float
    J_II: float

    def __post_init__(self) -> None:
        units = {"a": "Hz/(mV/s)^n", "b": "mV/s", "n": "1 (no unit)", "J": "mV"}
        for field in fields(self):
            kind = field.name[0]
            value = _finite(getattr(self, field.name), field.name, units[kind])
            if kind == "a" and value <= 0:
                raise ValueError(f"{field.name} = {value} must be positive: the rate is a (mu - b)^n")
            if kind == "n" and value <= 1:
                raise ValueError(f"{field.name} = {value} must exceed 1: the transfer function is supralinear")
            if kind == "J" and value < 0:
                raise ValueError(
                    f"{field.name} = {value} must not be negative: J are magnitudes, the minus sign of inhibition"
                    f" is in the equations; give {-value}"
                )
            object.__setattr__(self, field.name, value)

    @cached_property
    def det_J_exact(self) -> Fraction:
        """det J = J_EI J_IE - J_EE J_II in mV^2, without rounding: its sign decides the number of states."""
        return Fraction(self.J_EI) * Fraction(self.J_IE) - Fraction(self.J_EE) * Fraction(self.J_II)

    @property
    def det_J(self) -> float:
        """det J in mV^2, correctly rounded."""
        return float(self.det_J_exact)

    @property
    def weights(self) -> np.ndarray:
        """Signed weights [target, source] in mV, shape (2, 2)."""
        return np.array([[self.J_EE, -self.J_EI], [self.J_IE, -self.J_II]])

    def rates(self, mu: np.ndarray) -> np.ndarray:
        """Rates in Hz at the total mean inputs mu in mV/s, shape (..., 2), E before I (Eq 1)."""
        mu = np.asarray(mu, dtype=float)
        above = np.maximum(mu - np.array([self.b_E, self.b_I]), 0.0)
        with np.errstate(over="ignore"):
            return np.array([self.a_E, self.a_I]) * above ** np.array([self.n_E, self.n_I])

    def gains(self, rates: np.ndarray) -> np.ndarray:
        """Gains phi_X = d nu_X / d mu_X in 1/mV at the rates in Hz, shape (..., 2)."""
        a, n = np.array([self.a_E, self.a_I]), np.array([self.n_E, self.n_I])
        return n * a ** (1 / n) * np.asarray(rates, dtype=float) ** (1 - 1 / n)


def inhibitory_drive(ssn: TwoPopulationSSN, z: np.ndarray, mu_E: float, mu_I: float) -> np.ndarray:
    """w(z) = mu_I - b_I in mV/s when the excitatory equation holds (S10, for independent external inputs).

    w = (det J / J_EI) nu_E + (J_II / J_EI)(z - mu_ext_E + b_E) + mu_ext_I - b_I, for z of any shape.
    Raises ValueError if J_EI = 0: inhibition then leaves no trace in the excitatory equation.
    """
    if ssn.J_EI == 0:
        raise ValueError("J_EI = 0: w(z) divides by J_EI; use steady_state_roots, which needs no J_EI > 0")
    z = np.asarray(z, dtype=float)
    nu_E = ssn.a_E * np.maximum(z, 0.0) ** ssn.n_E
    return (ssn.det_J * nu_E + ssn.J_II * (z - mu_E + ssn.b_E)) / ssn.J_EI + mu_I - ssn.b_I


def characteristic(ssn: TwoPopulationSSN, z: np.ndarray, mu_E: float, mu_I: float) -> np.ndarray:
    """F(z) in mV/s (S10): zero exactly at the steady states; z in mV/s of any shape. Needs J_EI > 0."""
    w = inhibitory_drive(ssn, z, mu_E, mu_I)
    z = np.asarray(z, dtype=float)
    excitation = ssn.J_EE * ssn.a_E * np.maximum(z, 0.0) ** ssn.n_E
    return excitation - ssn.J_EI * ssn.a_I * np.maximum(w, 0.0) ** ssn.n_I - z + mu_E - ssn.b_E


def characteristic_derivative(ssn: TwoPopulationSSN, z: np.ndarray, mu_E: float, mu_I: float) -> np.ndarray:
    """F'(z) = phi_E J_EE - 1 - phi_I (J_II + phi_E det J) = -D (S10), no unit, for z of any shape."""
    w = inhibitory_drive(ssn, z, mu_E, mu_I)
    phi_E = ssn.n_E * ssn.a_E * np.maximum(np.asarray(z, dtype=float), 0.0) ** (ssn.n_E - 1)
    phi_I = ssn.n_I * ssn.a_I * np.maximum(w, 0.0) ** (ssn.n_I - 1)
    return phi_E * ssn.J_EE - 1 - phi_I * (ssn.J_II + phi_E * ssn.det_J)


def jacobian(ssn: TwoPopulationSSN, rates: np.ndarray, tau_E: float, tau_I: float) -> np.ndarray:
    """Jacobian of Eq 2 in 1/s, shape (..., 2, 2), at rates in Hz of shape (..., 2).

    Row X holds (-delta_XY + phi_X J_XY) / tau_X with signed J; tau are population time constants in s.
    Raises ValueError if a time constant is not a positive finite number.
    """
    for name, tau in (("tau_E", tau_E), ("tau_I", tau_I)):
        if _finite(tau, name, "s") <= 0:
            raise ValueError(f"{name} = {tau} must be positive, in s (20 ms is 0.02)")
    phi = ssn.gains(rates)
    return (phi[..., :, None] * ssn.weights - np.eye(2)) / np.array([[tau_E], [tau_I]])


def eigenvalues(ssn: TwoPopulationSSN, rates: np.ndarray, tau_E: float, tau_I: float) -> np.ndarray:
    """Eigenvalues of ``jacobian`` in 1/s, complex, shape (..., 2)."""
    return np.linalg.eigvals(jacobian(ssn, rates, tau_E, tau_I)).astype(complex)


class ReducedCharacteristic:
    """G(z) for many inputs, as a ``root_enclosure.Family``; z > 0 in mV/s, G in mV/s, inputs of shape (m,).

    With nu_I(z) the one inhibitory rate that solves the inhibitory equation at nu_E(z), w = mu_I - b_I and
    m_X = mu_ext_X - b_X, the excitatory equation (Eq 3) reads

        G(z) = J_EE nu_E - J_EI nu_I - z + m_E = 0,

    free of the division by J_EI in S10. Since w + J_II nu_I = J_IE nu_E + m_I, the same G is, if J_II > 0,

        G(z) = -(det J / J_II) nu_E + (J_EI / J_II)(w - m_I) - z + m_E,

    which does not cancel at large rates when |det J| is far below J_EI J_IE; both forms are then used.

    Node values (k = 10): lower and upper bounds of nu_E, phi_E, w, nu_I, phi_I. Relative roundings are bounded by
    ``unit``: numpy's powers are good to 4 units in the last place, 8 are granted.
    """

    def __init__(self, ssn: TwoPopulationSSN, mu_E: np.ndarray, mu_I: np.ndarray, wide: bool = False) -> None:
        self.ssn, self.mu_E, self.mu_I, self.wide = ssn, mu_E, mu_I, wide
        number = self.number
        self.unit = number(_WIDE.mpf(10) ** -47 if wide else 8 * 2.0**-52)
        self.a_E, self.n_E, self.a_I, self.n_I = (number(v) for v in (ssn.a_E, ssn.n_E, ssn.a_I, ssn.n_I))
        self.J_EE, self.J_EI, self.J_IE, self.J_II = (
            number(v) for v in (ssn.J_EE, ssn.J_EI, ssn.J_IE, ssn.J_II)
        )
        self.det_J = self.rational(ssn.det_J_exact)
        self.cancels = ssn.J_II > 0 and abs(ssn.det_J) < 1e-2 * ssn.J_EI * ssn.J_IE
        if self.cancels:
            self.det_ratio = self.rational(ssn.det_J_exact / Fraction(ssn.J_II))
            self.weight_ratio = self.rational(Fraction(ssn.J_EI) / Fraction(ssn.J_II))
        self.m_E = self.to_array(mu_E) - number(ssn.b_E)
        self.m_I = self.to_array(mu_I) - number(ssn.b_I)
        self.self_inhibition = number(self.J_II * self.a_I)

    def number(self, value: Any) -> Array:
        """A coefficient as a float or, in 50 digits, an array without axes: a bare mpf times an array is slow."""
        return np.array(_WIDE.mpf(value), dtype=object) if self.wide else float(value)

    def rational(self, value: Fraction) -> Array:
        """The value in this family's numbers, correctly rounded; infinite beyond double precision."""
        if self.wide:
            return self.number(_WIDE.mpf(value.numerator) / value.denominator)
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)

    def extended(self) -> ReducedCharacteristic:
        return ReducedCharacteristic(self.ssn, self.mu_E, self.mu_I, wide=True)

    def to_array(self, x: np.ndarray) -> Array:
        if not self.wide:
            return np.asarray(x, dtype=float)
        return np.array([_WIDE.mpf(value) for value in x], dtype=object)

    def inhibition(self, q: Array) -> tuple[Array, Array]:
        """w that solves w + J_II a_I w_+^n_I = q, and a bound on its relative error, shapes of q."""
        positive = q > 0
        target = np.where(positive, q, 1)
        k, n = self.self_inhibition, self.n_I
        if k == 0:
            return q, 0 * target
        # Convex and increasing: Newton's method from above falls monotonically on the solution.
        w = np.minimum(target, (target / k) ** (1 / n))
        for _ in range(80):
            power = k * w**n
            step = (w + power - target) / (1 + n * power / w)
            w = w - step
            if (abs(step) <= 8 * self.unit * w).all():
                break
        # d log w / d log q lies between 1/n and 1, so the residual bounds the error of w.
        error = abs(w + k * w**n - target) / target + 2 * self.unit
        return np.where(positive, w, q), np.where(positive, error, 0)

    def nodes(self, x: Array, problem: np.ndarray) -> Array:
        e = self.unit
        m_I = self.m_I[problem]
        nu_E = self.a_E * x**self.n_E
        phi_E = np.where(x > 0, self.n_E * nu_E / np.where(x > 0, x, 1), 0)
        q = self.J_IE * nu_E + m_I
        dq = e * (self.J_IE * nu_E * 2 + abs(m_I)) + 1e-300
        w, error = self.inhibition(q)
        shift = np.where(q > dq, np.minimum(dq, w * (dq / np.where(q > 0, q, 1))), dq) * (1 + 4 * e)
        w_low, w_high = w - shift - error * abs(w), w + shift + error * abs(w)
        rates, gains = [], []
        for bound, sign in ((w_low, -1), (w_high, 1)):
            above = np.where(bound > 0, bound, 0)
            nu = self.a_I * above**self.n_I
            rates.append(nu * (1 + sign * e))
            gains.append(self.n_I * nu / np.where(bound > 0, bound, 1) * (1 + 2 * sign * e))
        rows = (nu_E * (1 - e), nu_E * (1 + e) + 1e-300, phi_E * (1 - 2 * e), phi_E * (1 + 2 * e) + 1e-300)
        return np.stack([*rows, w_low, w_high, rates[0], rates[1] + 1e-300, gains[0], gains[1] + 1e-300])

    def kappa(self, phi_I: Array, sign: int) -> Array:
        """Bound on kappa from below (sign -1) or above (+1) at the gain phi_I."""
        large = phi_I > 1
        inverse = 1 / np.where(large, phi_I, 1)
        gain = np.where(large, 1, phi_I)
        bottom = inverse + gain * self.J_II
        size = self.J_EE * inverse + gain * abs(self.det_J)
        return (self.J_EE * inverse - gain * self.det_J + sign * self.unit * size) / bottom

    def value_bounds(
        self, low: Array, high: Array, x_low: Array, x_high: Array, problem: np.ndarray
    ) -> tuple[Array, Array]:
        """Enclose G in mV/s on pieces [x_low, x_high] with the node values low and high (k, m); two arrays (m,)."""
        e, m_E = self.unit, self.m_E[problem]
        lower = self.J_EE * low[0] - self.J_EI * high[7] - x_high + m_E
        upper = self.J_EE * high[1] - self.J_EI * low[6] - x_low + m_E
        size = e * (self.J_EE * high[1] + x_high + abs(m_E)) + e * np.minimum(self.J_EI * high[7], 1e300)
        lower, upper = lower - size, upper + size
        if self.cancels:
            m_I = self.m_I[problem]
            least, most = (low[0], high[1]) if self.det_ratio < 0 else (high[1], low[0])
            shifted = m_E - self.weight_ratio * m_I
            magnitude = abs(self.det_ratio) * high[1] + x_high + abs(m_E)
            magnitude += self.weight_ratio * (np.fmax(abs(low[4]), abs(high[5])) + 2 * abs(m_I))
            least = shifted - self.det_ratio * least + self.weight_ratio * low[4] - x_high - e * magnitude
            most = shifted - self.det_ratio * most + self.weight_ratio * high[5] - x_low + e * magnitude
            lower, upper = np.fmax(lower, least), np.fmin(upper, most)
        return lower, upper

    def bounds(self, x_left: Array, x_right: Array, left: Array, right: Array, problem: np.ndarray) -> Bounds:
        e = self.unit

        def slope(node: Array) -> tuple[Array, Array]:
            return times(node[2], node[3], self.kappa(node[9], -1), self.kappa(node[8], 1))

        def times(low: Array, high: Array, kappa_low: Array, kappa_high: Array) -> tuple[Array, Array]:
            lower = kappa_low * np.where(kappa_low > 0, low, high)
            upper = kappa_high * np.where(kappa_high > 0, high, low)
            return lower - 1 - e * (1 + abs(lower)), upper - 1 + e * (1 + abs(upper))

        kappa_low, kappa_high = self.kappa(right[9], -1), self.kappa(left[8], 1)
        return Bounds(
            self.value_bounds(left, left, x_left, x_left, problem),
            self.value_bounds(right, right, x_right, x_right, problem),
            slope(left),
            slope(right),
            self.value_bounds(left, right, x_left, x_right, problem),
            times(left[2], right[3], kappa_low, kappa_high),
            self._curvature(x_left, x_right, left, right, kappa_low, kappa_high),
            x_right - x_left,
        )

    def _curvature(
        self, x_left: Array, x_right: Array, left: Array, right: Array, kappa_low: Array, kappa_high: Array
    ) -> tuple[Array, Array]:
        """Bounds on G'' / phi_E = (n_E - 1) kappa / z - J_EI J_IE^2 phi_E phi_I' / (1 + J_II phi_I)^3."""
        p = (self.n_E - 1) * (1 + 4 * self.unit)
        inside = x_left > 0
        near, far = np.where(inside, x_left, 1), np.where(inside, x_right, 1)
        lower = p * kappa_low / np.where(kappa_low > 0, far, near)
        upper = p * kappa_high / np.where(kappa_high > 0, near, far)
        # phi_I' = (n_I - 1) phi_I / w is monotone in w, rising or falling with n_I above or below 2.
        at_low, at_high = np.where(left[4] > 0, left[4], 1), np.where(right[5] > 0, right[5], 1)
        bend_right = np.where(right[5] > 0, (self.n_I - 1) * right[9] / at_high, 0)
        if self.n_I >= 2:
            bend_low = np.where(left[4] > 0, (self.n_I - 1) * left[8] / at_low, 0)
            bend_high = bend_right
        else:
            bend_low = np.where(left[4] > 0, (self.n_I - 1) * right[8] / at_high, 0)
            bend_high = np.where(left[4] > 0, (self.n_I - 1) * left[9] / at_low, 1e300)
            bend_high = np.where(right[5] > 0, bend_high, 0)
        weight = self.J_EI * self.J_IE * self.J_IE
        drop_low = weight * left[2] * bend_low / (1 + self.J_II * right[9]) ** 3 * (1 - 20 * self.unit)
        drop_high = weight * right[3] * bend_high / (1 + self.J_II * left[8]) ** 3 * (1 + 20 * self.unit)
        slack = self.unit * 4 * (abs(lower) + abs(upper))
        lower = np.where(inside, lower - drop_high - slack, -1e300)
        upper = np.where(inside, upper - drop_low + slack, 1e300)
        return lower, upper

    def value(self, x: Array, problem: np.ndarray) -> tuple[Array, Array, Array]:
        m_E = self.m_E[problem]
        nu_E = self.a_E * x**self.n_E
        w, nu_I = self.inhibitory_state(nu_E, problem)
        positive = w > 0
        phi_I = np.where(positive, self.n_I * nu_I / np.where(positive, w, 1), 0)
        phi_E = np.where(x > 0, self.n_E * nu_E / np.where(x > 0, x, 1), 0)
        excitation, inhibition = self.J_EE * nu_E, self.J_EI * nu_I
        slope = phi_E * (self.J_EE - phi_I * self.det_J) / (1 + self.J_II * phi_I) - 1
        f, scale = excitation - inhibition - x + m_E, excitation + inhibition + x + abs(m_E)
        if self.cancels:
            m_I = self.m_I[problem]
            other = -self.det_ratio * nu_E, self.weight_ratio * (w - m_I), -x, m_E
            other_scale = sum(abs(term) for term in other) + self.weight_ratio * (abs(w) + abs(m_I))
            better = other_scale < scale
            f, scale = np.where(better, sum(other), f), np.where(better, other_scale, scale)
        return f, slope, scale

    def inhibitory_state(self, nu_E: Array, problem: np.ndarray) -> tuple[Array, Array]:
        """(w, nu_I) of the inhibitory population that goes with nu_E."""
        w, _ = self.inhibition(self.J_IE * nu_E + self.m_I[problem])
        return w, self.a_I * np.where(w > 0, w, 0) ** self.n_I
