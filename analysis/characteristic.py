"""All steady states of the two-population stabilized supralinear network (SSN), stable, unstable and silent.

The SSN of Ekelmans, Kraynyukova & Tchumatchenko 2023 (Eq 2) has the steady states (Eq 3)

    nu_X = a_X (mu_X - b_X)_+^n_X,
    mu_E = J_EE nu_E - J_EI nu_I + mu_ext_E,    mu_I = J_IE nu_E - J_II nu_I + mu_ext_I.

With z = mu_E - b_E they are the zeros of one scalar function: ``characteristic`` (their S10), which takes the
inhibitory rate from the excitatory equation. ``steady_state_roots`` uses the equivalent function

    G(z) = J_EE nu_E(z) - J_EI nu_I(z) - z + mu_ext_E - b_E,

in which nu_I(z) is the one inhibitory rate that solves the inhibitory equation at nu_E(z); it needs no division by
J_EI and no difference of large numbers. With the gains phi_X = d nu_X / d mu_X,

    G'(z) = phi_E kappa - 1,    kappa = (J_EE - phi_I det J) / (1 + phi_I J_II),

phi_E and phi_I never decrease in z and kappa never increases, so the values at two points enclose G and G' between
them, and four statements make the list of states complete:

* for z < 0 (nu_E = 0) G has slope -1; more generally G falls wherever phi_E J_EE < 1;
* det J > 0: G falls wherever phi_I > J_EE / det J, with slope at most -1;
* det J < 0: G rises wherever phi_E > J_II / |det J|; with J_EI J_IE = 0 wherever phi_E J_EE > 1; in the end G > 0;
* det J = 0 with all weights positive: w(z) is linear, G has the sign of
  J_EE a_E z^n_E - J_EI a_I w^n_I - z + mu_ext_E - b_E, and one of the two powers wins beyond an explicit z.

What lies between is a bounded interval of z > 0, searched by ``root_enclosure``.
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

from .root_enclosure import Array, Bounds, enclose_roots

_RATE_LIMIT = 1e150
"""Rates above this, in Hz, are not examined: their powers would overflow."""
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


@dataclass(frozen=True)
class Roots:
    """All steady states at one input, by ascending z.

    Attributes
    ----------
    z : mu_E - b_E in mV/s, shape (k,); negative where E is silent.
    rates : (nu_E, nu_I) in Hz, shape (k, 2).
    inputs : total mean inputs (mu_E, mu_I) in mV/s, shape (k, 2).
    multiplicity : 1 for a simple root, 2 exactly at a fold, 3 at a cusp, shape (k,).
    degenerate : multiplicity > 1, shape (k,).
    complete : whether it is proven that no state is missing.
    reason : how that is known, or why it is not.
    """

    z: np.ndarray
    rates: np.ndarray
    inputs: np.ndarray
    multiplicity: np.ndarray
    complete: bool
    reason: str

    @property
    def degenerate(self) -> np.ndarray:
        return self.multiplicity > 1

    def __len__(self) -> int:
        return len(self.z)


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


def determinant(ssn: TwoPopulationSSN, rates: np.ndarray) -> np.ndarray:
    """D = 1 - phi_E J_EE + phi_I J_II + phi_E phi_I det J at rates in Hz of shape (..., 2); D < 0 is a saddle."""
    phi = ssn.gains(rates)
    phi_E, phi_I = phi[..., 0], phi[..., 1]
    return 1 - phi_E * ssn.J_EE + phi_I * ssn.J_II + phi_E * phi_I * ssn.det_J


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


def inverse_inputs(ssn: TwoPopulationSSN, rate_E: float, rate_I: float) -> tuple[float, float]:
    """External inputs (mu_ext_E, mu_ext_I) in mV/s that make the rates in Hz a steady state (Eq 5, 6).

    A silent population (rate 0) has a whole half-line of inputs; the largest of them, at which its total mean input
    equals b, is returned. Raises ValueError for a rate that is negative or not finite.
    """
    for name, rate in (("rate_E", rate_E), ("rate_I", rate_I)):
        if _finite(rate, name, "Hz") < 0:
            raise ValueError(f"{name} = {rate} must not be negative, in Hz")
    mu_E = (rate_E / ssn.a_E) ** (1 / ssn.n_E) + ssn.b_E - ssn.J_EE * rate_E + ssn.J_EI * rate_I
    mu_I = (rate_I / ssn.a_I) ** (1 / ssn.n_I) + ssn.b_I - ssn.J_IE * rate_E + ssn.J_II * rate_I
    return float(mu_E), float(mu_I)


class ReducedCharacteristic:
    """G(z) of the module text for many inputs, as a ``root_enclosure.Family``; z > 0.

    Node values (k = 10): lower and upper bounds of nu_E, phi_E, w, nu_I, phi_I. Relative roundings are bounded by
    ``unit``: numpy's powers are good to 4 units in the last place, 8 are granted.
    """

    def __init__(self, ssn: TwoPopulationSSN, mu_E: np.ndarray, mu_I: np.ndarray, wide: bool = False) -> None:
        self.ssn, self.mu_E, self.mu_I, self.wide = ssn, mu_E, mu_I, wide
        number = _WIDE.mpf if wide else float
        self.unit = number(8 * 2.0**-52) if not wide else _WIDE.mpf(10) ** -47
        self.a_E, self.n_E, self.a_I, self.n_I = (number(v) for v in (ssn.a_E, ssn.n_E, ssn.a_I, ssn.n_I))
        self.J_EE, self.J_EI, self.J_IE, self.J_II = (
            number(v) for v in (ssn.J_EE, ssn.J_EI, ssn.J_IE, ssn.J_II)
        )
        exact = ssn.det_J_exact
        self.det_J = _WIDE.mpf(exact.numerator) / exact.denominator if wide else ssn.det_J
        self.m_E = self.to_array(mu_E) - number(ssn.b_E)
        self.m_I = self.to_array(mu_I) - number(ssn.b_I)

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
        k, n = self.J_II * self.a_I, self.n_I
        if k == 0:
            return q, 0 * target
        # Convex and increasing: Newton's method from above falls monotonically on the solution.
        w = np.minimum(target, (target / k) ** (1 / n))
        for _ in range(80):
            power = k * w**n
            step = (w + power - target) / (1 + n * power / w)
            w = w - step
            if np.all(abs(step) <= 8 * self.unit * w):
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

    def bounds(self, x_left: Array, x_right: Array, left: Array, right: Array, problem: np.ndarray) -> Bounds:
        e, m_E = self.unit, self.m_E[problem]

        def value(low: Array, high: Array, x_low: Array, x_high: Array) -> tuple[Array, Array]:
            lower = self.J_EE * low[0] - self.J_EI * high[7] - x_high + m_E
            upper = self.J_EE * high[1] - self.J_EI * low[6] - x_low + m_E
            size = e * (self.J_EE * high[1] + x_high + abs(m_E)) + e * np.minimum(self.J_EI * high[7], 1e300)
            return lower - size, upper + size

        def slope(node: Array) -> tuple[Array, Array]:
            return times(node[2], node[3], self.kappa(node[9], -1), self.kappa(node[8], 1))

        def times(low: Array, high: Array, kappa_low: Array, kappa_high: Array) -> tuple[Array, Array]:
            lower = kappa_low * np.where(kappa_low > 0, low, high)
            upper = kappa_high * np.where(kappa_high > 0, high, low)
            return lower - 1 - e * (1 + abs(lower)), upper - 1 + e * (1 + abs(upper))

        kappa_low, kappa_high = self.kappa(right[9], -1), self.kappa(left[8], 1)
        return Bounds(
            value(left, left, x_left, x_left),
            value(right, right, x_right, x_right),
            slope(left),
            slope(right),
            value(left, right, x_left, x_right),
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
        return excitation - inhibition - x + m_E, slope, excitation + inhibition + x + abs(m_E)

    def inhibitory_state(self, nu_E: Array, problem: np.ndarray) -> tuple[Array, Array]:
        """(w, nu_I) of the inhibitory population that goes with nu_E."""
        w, _ = self.inhibition(self.J_IE * nu_E + self.m_I[problem])
        return w, self.a_I * np.where(w > 0, w, 0) ** self.n_I


def _power_root(value: np.ndarray | float, exponent: float) -> np.ndarray:
    """value^(1/exponent), infinite where it exceeds 1e300."""
    log = np.log(np.maximum(value, 1e-320)) / exponent
    return np.where(log < math.log(1e300), np.exp(np.minimum(log, math.log(1e300))), np.inf)


def _search_interval(family: ReducedCharacteristic, index: np.ndarray) -> tuple[np.ndarray, ...]:
    """(start, end, top, proven): G falls on [0, start], is monotone on [end, top], has no root beyond top.

    Every array has the shape of ``index``. ``proven`` is false where the last statement is not proven.
    """
    ssn = family.ssn
    cap = float(_power_root(_RATE_LIMIT / ssn.a_E, ssn.n_E))
    shape = index.shape
    ones = np.ones(shape)
    if ssn.J_EE > 0:
        start = float(_power_root(1 / (ssn.J_EE * ssn.n_E * ssn.a_E), ssn.n_E - 1))
        while start < cap and family.nodes(np.array([start]), index[:1])[3][0] * ssn.J_EE >= 1 - 1e-13:
            start *= 1 - 1e-12 / (ssn.n_E - 1)
    else:
        start = 0.0
    if start >= cap:
        # Nothing but falls up to the cap; beyond it only a falling G is certain to have no further root.
        start, end = cap * ones, cap * ones
    else:
        start = start * ones
        end = _monotone_from(family, index, start, cap)
    falling = ssn.det_J_exact > 0 or ssn.J_EE == 0
    at_end = family.nodes(end, index)
    low, high = (np.asarray(part, dtype=float) for part in _value_bounds(family, end, at_end, index))
    if falling:
        monotone = (ssn.J_EE == 0) | (family.kappa(at_end[9], 1) <= 0) | (family.kappa(at_end[8], 1) <= 0)
        top = end + np.maximum(high, 0) * (1 + 1e-12) + np.abs(end) * 1e-12 + 1e-200
        return start, end, top, monotone & np.isfinite(top)
    if ssn.J_EI * ssn.J_IE > 0 and ssn.det_J_exact == 0:
        return start, end, end, end < cap
    rising = end < cap
    top = np.where(low > 0, end, np.minimum(end * 2 + 1e-200, cap))
    for _ in range(1100):
        positive = _value_bounds(family, top, family.nodes(top, index), index)[0] > 0
        if np.all(positive | (top >= cap)):
            break
        top = np.where(positive, top, np.minimum(top * 2, cap))
    return start, np.minimum(end, top), top, rising & positive


def _value_bounds(family: ReducedCharacteristic, z: np.ndarray, node: Array, index: np.ndarray) -> tuple:
    return family.bounds(z, z, node, node, index).f_left


def _monotone_from(
    family: ReducedCharacteristic, index: np.ndarray, start: np.ndarray, cap: float
) -> np.ndarray:
    """z >= start from which G is monotone (or, for det J = 0, has no root); at most ``cap``."""
    ssn, det = family.ssn, family.ssn.det_J
    if ssn.J_EE == 0:
        return start
    if ssn.J_EI * ssn.J_IE == 0:
        return start * (1 + 1e-12 / (ssn.n_E - 1))
    if ssn.det_J_exact > 0:
        w = _power_root(ssn.J_EE / det / (ssn.n_I * ssn.a_I), ssn.n_I - 1)
        nu_E = (w + ssn.J_II * ssn.a_I * w**ssn.n_I - family.m_I[index]) / ssn.J_IE
        end = np.maximum(_power_root(np.maximum(nu_E, 0) / ssn.a_E, ssn.n_E), start)
        for attempt in range(60):
            end = np.minimum(end, cap)
            open_ = (family.kappa(family.nodes(end, index)[8], 1) > 0) & (end < cap)
            if not np.any(open_):
                break
            end = np.where(open_, end * (1 + 1e-11 if attempt < 5 else 1.5), end)
        return end
    if ssn.det_J_exact < 0:
        gain = ssn.J_II / -det
        end = _power_root(gain / (ssn.n_E * ssn.a_E), ssn.n_E - 1)
        return np.minimum(np.maximum(end * (1 + 1e-9 + 1e-9 / (ssn.n_E - 1)), start), cap)
    return np.minimum(np.maximum(_balanced_bound(family, index), start), cap)


def _balanced_bound(family: ReducedCharacteristic, index: np.ndarray) -> np.ndarray:
    """z beyond which there is no state although det J = 0 (all weights positive).

    There w = kappa z + c with kappa = J_II / J_EI, and for z > 2 |c| / kappa it lies between kappa z / 2 and
    3 kappa z / 2; the larger exponent then decides. Infinite where the exponents agree.
    """
    ssn = family.ssn
    slope = ssn.J_II / ssn.J_EI
    c = family.m_I[index] - slope * family.m_E[index]
    m = np.abs(family.m_E[index])
    up, down = ssn.J_EE * ssn.a_E, ssn.J_EI * ssn.a_I
    base = np.maximum(2 * np.abs(c) / slope, m)
    if ssn.n_E > ssn.n_I:
        terms = (
            _power_root(2 * down * (1.5 * slope) ** ssn.n_I / up, ssn.n_E - ssn.n_I),
            _power_root(4 / up, ssn.n_E - 1),
        )
    elif ssn.n_E < ssn.n_I:
        terms = (_power_root(up / (down * (slope / 2) ** ssn.n_I), ssn.n_I - ssn.n_E),)
    else:
        ratio = float(down * slope**ssn.n_I / up)
        margin = abs(math.log(ratio)) if ratio > 0 else 0.0
        if margin < 1e-9:
            return np.full(index.shape, np.inf)
        # (1 + |c| / (kappa z))^n stays within exp(margin / 2); half of the difference beats the linear terms.
        spread = 2 * ssn.n_I * np.abs(c) / slope / margin * 2
        gap = up * abs(1 - math.exp(math.copysign(margin / 2, math.log(ratio)))) / 2
        terms = (spread, _power_root(4 / gap, ssn.n_E - 1))
    for term in terms:
        base = np.maximum(base, term)
    return base * (1 + 1e-6) + 1e-6


@dataclass(frozen=True)
class RootArrays:
    """Steady states at many inputs: those of input i are the entries with ``problem == i``, by ascending z.

    ``z, problem, multiplicity`` have shape (k,), ``rates`` and ``inputs`` (k, 2) in Hz and mV/s; ``count``
    (distinct states), ``complete`` and ``reason`` (an index into ``REASONS``) have one entry per input.
    """

    z: np.ndarray
    problem: np.ndarray
    multiplicity: np.ndarray
    rates: np.ndarray
    inputs: np.ndarray
    count: np.ndarray
    complete: np.ndarray
    reason: np.ndarray


REASONS = (
    "every piece of a bounded interval is decided by enclosures of G and its derivatives, outside it G is monotone"
    " or has no zero, and the number of states has the parity that the sign of det J demands",
    f"states with rates above {_RATE_LIMIT:g} Hz could not be excluded",
    "self-check failed: the number of states, counted with multiplicity, contradicts the sign of det J",
)


def steady_states_of_many(
    ssn: TwoPopulationSSN, mu_E: np.ndarray, mu_I: np.ndarray, pieces: int = 8
) -> RootArrays:
    """All steady states at each pair of external inputs in mV/s, arrays of one shape (m,) after broadcasting.

    ``pieces`` is the number of parts the search interval is cut into at first; the result does not depend on it.
    Raises ValueError for inputs that are not finite.
    """
    mu_E, mu_I = (np.array(mu, dtype=float).ravel() for mu in np.broadcast_arrays(mu_E, mu_I))
    for name, mu in (("mu_E", mu_E), ("mu_I", mu_I)):
        if not np.all(np.isfinite(mu)):
            raise ValueError(f"{name} holds {mu[~np.isfinite(mu)][0]}; give finite external inputs in mV/s")
    index = np.arange(len(mu_E))
    with np.errstate(all="ignore"):
        family = ReducedCharacteristic(ssn, mu_E, mu_I)
        start, end, top, proven = _search_interval(family, index)
        ends = [np.zeros(len(index)), start]
        if np.any(end > start):
            fraction = np.arange(1, pieces + 1) / pieces
            ends.extend(start * (end / start) ** part for part in fraction[:-1])
            ends.append(np.maximum(end, start))
        ends.append(np.maximum(top, ends[-1]))
        left, right = np.concatenate(ends[:-1]), np.concatenate(ends[1:])
        roots = enclose_roots(family, left, right, np.tile(index, len(ends) - 1))
        z0, silent = _silent_states(family, index)
    z = np.concatenate([z0[silent], roots.x])
    problem = np.concatenate([index[silent], roots.problem])
    multiplicity = np.concatenate([np.ones(silent.sum(), dtype=int), roots.multiplicity])
    order = np.lexsort((z, problem))
    z, problem, multiplicity = z[order], problem[order], multiplicity[order]
    total = np.bincount(problem, weights=multiplicity, minlength=len(index)).astype(int)
    sign = (ssn.det_J_exact > 0) - (ssn.det_J_exact < 0)
    odd = total % 2 == 1
    consistent = odd if sign > 0 else ~odd if sign < 0 else np.ones(len(index), dtype=bool)
    reason = np.where(proven, np.where(consistent, 0, 2), 1)
    with np.errstate(all="ignore"):
        nu_E = np.where(z > 0, ssn.a_E * np.maximum(z, 0) ** ssn.n_E, 0.0)
        w, nu_I = family.inhibitory_state(nu_E, problem)
    return RootArrays(
        z,
        problem,
        multiplicity,
        np.stack([nu_E, nu_I], axis=-1),
        np.stack([z + ssn.b_E, w + ssn.b_I], axis=-1),
        np.bincount(problem, minlength=len(index)),
        reason == 0,
        reason,
    )


def _silent_states(family: ReducedCharacteristic, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The root z < 0 of G(z) = G(0) - z, and whether there is one, shapes (m,)."""
    zero = np.zeros(len(index))
    low, high = _value_bounds(family, zero, family.nodes(zero, index), index)
    z = np.asarray(family.value(zero, index)[0], dtype=float)
    silent = high < 0
    unclear = np.flatnonzero((low <= 0) & (high >= 0))
    if len(unclear):
        # The same rule as in the search, which counts zero as positive, so that a state at z = 0 is found once.
        wide = family.extended()
        at = wide.to_array(zero[unclear])
        _, high_wide = _value_bounds(wide, at, wide.nodes(at, unclear), unclear)
        silent[unclear] = np.array(high_wide < 0, dtype=bool)
        z[unclear] = wide.value(at, unclear)[0].astype(float)
    return z, silent


def steady_state_roots(ssn: TwoPopulationSSN, mu_E: float, mu_I: float) -> Roots:
    """All steady states (Eq 3) at the external inputs mu_E, mu_I in mV/s.

    The module text holds the proof of completeness; ``complete`` is false if rates beyond double precision cannot
    be excluded or a self-check fails. Raises ValueError for inputs that are not finite numbers.
    """
    mu_E, mu_I = _finite(mu_E, "mu_E", "mV/s"), _finite(mu_I, "mu_I", "mV/s")
    found = steady_states_of_many(ssn, np.array([mu_E]), np.array([mu_I]), pieces=24)
    return Roots(
        found.z,
        found.rates,
        found.inputs,
        found.multiplicity,
        bool(found.complete[0]),
        REASONS[int(found.reason[0])],
    )
