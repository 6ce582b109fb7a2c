"""All folds (saddle-node bifurcations) of the two-population SSN in mu_ext at a fixed input ratio.

At a fold a steady state has D = 1 - phi_E J_EE + phi_I J_II + phi_E phi_I det J = 0. With C = J_EI J_IE > 0 this
makes phi_E and phi_I increasing functions of one parameter, hence z = mu_E - b_E and w = mu_I - b_I as well:

* det J >= 0, parameter e = phi_E J_EE - 1 >= 0: phi_E = (1 + e) / J_EE, phi_I = e J_EE / (C + e det J);
* det J < 0, parameter phi_I >= 0: phi_E = (1 + phi_I J_II) / (J_EE + phi_I |det J|).

Eliminating mu_ext from mu_ext_E = mu_ext, mu_ext_I = r mu_ext leaves one scalar equation,

    H = r z - w + (J_IE - r J_EE) nu_E + (r J_EI - J_II) nu_I + r b_E - b_I = 0,

whose zeros with w > 0 are all the folds at which inhibition is active. With I silent D = 0 means phi_E J_EE = 1: that
one point is a fold if w <= 0 there. The parameter is s^(n_I - 1), so that w is nearly proportional to s. H is
searched on [0, s_top] by ``root_enclosure``; beyond s_top one term of H outweighs all terms of the other sign and
grows, by its logarithmic derivative, at least as fast as each of them.
If C = 0, D = (1 - phi_E J_EE)(1 + phi_I J_II): folds lie at phi_E J_EE = 1 only, and mu_ext follows from a scalar
power-law equation. Source: S10 of Ekelmans, Kraynyukova & Tchumatchenko 2023. Units: mV/s, Hz, mV.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .characteristic import _WIDE, TwoPopulationSSN, _finite
from .root_enclosure import Array, Bounds, enclose_roots
from .steady_state_search import steady_state_roots


@dataclass(frozen=True)
class Folds:
    """Folds at one ratio, by ascending mu_ext.

    Attributes
    ----------
    mu_ext : external input to E in mV/s, shape (k,); I receives ratio * mu_ext.
    rates : (nu_E, nu_I) in Hz, shape (k, 2).
    z : mu_E - b_E in mV/s, shape (k,).
    multiplicity : 1, or 2 or 3 where folds coincide (a cusp), shape (k,).
    complete, reason : whether it is proven that no fold is missing, and how that is known or why not.
    """

    mu_ext: np.ndarray
    rates: np.ndarray
    z: np.ndarray
    multiplicity: np.ndarray
    complete: bool
    reason: str

    def __len__(self) -> int:
        return len(self.mu_ext)


class _FoldCondition:
    """H(s) as a ``root_enclosure.Family``; derivatives are taken with respect to log s.

    Node values: bounds of z, w, nu_E, nu_I (rows 0 to 7, all increasing in s), numerator and denominator of
    d log z / d log s (8, 9, increasing) and d log w / d log s (10, never increasing).
    """

    def __init__(self, ssn: TwoPopulationSSN, ratio: float, wide: bool = False) -> None:
        self.ssn, self.ratio, self.wide = ssn, ratio, wide

        def number(value: float | Fraction) -> Array:
            if not wide:
                return float(value)
            value = Fraction(value)
            return _WIDE.mpf(value.numerator) / value.denominator

        exact = {name: Fraction(getattr(ssn, name)) for name in ("J_EE", "J_EI", "J_IE", "J_II", "b_E", "b_I")}
        r = Fraction(ratio)
        self.unit = 8 * 2.0**-52 if not wide else _WIDE.mpf(10) ** -46
        self.r = number(r)
        self.from_E = number(exact["J_IE"] - r * exact["J_EE"])
        self.from_I = number(r * exact["J_EI"] - exact["J_II"])
        self.constant = number(r * exact["b_E"] - exact["b_I"])
        self.coupling = number(exact["J_EI"] * exact["J_IE"])
        self.det_J = number(ssn.det_J_exact)
        self.J_EE, self.J_II = number(ssn.J_EE), number(ssn.J_II)
        self.a_E, self.n_E, self.a_I, self.n_I = (number(v) for v in (ssn.a_E, ssn.n_E, ssn.a_I, ssn.n_I))
        self.p_E, self.p_I = self.n_E - 1, self.n_I - 1

    def extended(self) -> _FoldCondition:
        return _FoldCondition(self.ssn, self.ratio, wide=True)

    def to_array(self, x: np.ndarray) -> Array:
        return np.array([_WIDE.mpf(v) for v in x], dtype=object) if self.wide else np.asarray(x, dtype=float)

    def curve(self, s: Array) -> tuple[Array, ...]:
        """z, w, nu_E, nu_I, numerator and denominator of d log z / d log s, and d log w / d log s."""
        e = s**self.p_I
        if self.det_J >= 0:
            phi_E = (1 + e) / self.J_EE
            phi_I = e * self.J_EE / (self.coupling + e * self.det_J)
            top, bottom = e, 1 + e
            w_slope = self.coupling / (self.coupling + e * self.det_J)
        else:
            phi_E = (1 + e * self.J_II) / (self.J_EE - e * self.det_J)
            phi_I = e
            top, bottom = e * self.coupling, (1 + e * self.J_II) * (self.J_EE - e * self.det_J)
            w_slope = 1 + 0 * e
        z = (phi_E / (self.n_E * self.a_E)) ** (1 / self.p_E)
        w = (phi_I / (self.n_I * self.a_I)) ** (1 / self.p_I)
        return z, w, phi_E * z / self.n_E, phi_I * w / self.n_I, top * self.p_I / self.p_E, bottom, w_slope

    def nodes(self, x: Array, problem: np.ndarray) -> Array:
        z, w, nu_E, nu_I, top, bottom, w_slope = self.curve(x)
        rows = []
        for value, p in ((z, self.p_E), (w, self.p_I), (nu_E, self.p_E), (nu_I, self.p_I)):
            pad = self.unit * (4 + 4 / p)
            rows.extend((value * (1 - pad), value * (1 + pad)))
        return np.stack([*rows, top, bottom, w_slope])

    def _value(self, low: Array, high: Array) -> tuple[Array, Array]:
        lower = upper = self.constant + 0 * low[0]
        size = abs(self.constant) + 0 * low[0]
        for weight, row in ((self.r, 0), (-1, 2), (self.from_E, 4), (self.from_I, 6)):
            first, last = (low[row], high[row + 1]) if weight >= 0 else (high[row + 1], low[row])
            lower, upper = lower + weight * first, upper + weight * last
            size = size + abs(weight) * high[row + 1]
        return lower - self.unit * size, upper + self.unit * size

    def _slope(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Bounds of dH / d log s = lz (r z + n_E (...) nu_E) + lw (-w + n_I (...) nu_I)."""
        z_slope = low[8] / high[9] * (1 - 4 * self.unit), high[8] / low[9] * (1 + 4 * self.unit)
        w_slope = high[10] * (1 - 4 * self.unit), low[10] * (1 + 4 * self.unit)
        lower = upper = 0 * low[0]
        size = 0 * low[0]
        terms = (
            (self.r, 0, z_slope),
            (-1, 2, w_slope),
            (self.n_E * self.from_E, 4, z_slope),
            (self.n_I * self.from_I, 6, w_slope),
        )
        for weight, row, slope in terms:
            small, large = abs(weight) * low[row] * slope[0], abs(weight) * high[row + 1] * slope[1]
            lower = lower + (small if weight >= 0 else -large)
            upper = upper + (large if weight >= 0 else -small)
            size = size + large
        return lower - self.unit * size, upper + self.unit * size

    def bounds(self, x_left: Array, x_right: Array, left: Array, right: Array, problem: np.ndarray) -> Bounds:
        inside = x_left > 0
        unknown = -1e300 + 0 * x_left, 1e300 + 0 * x_left
        # log(right / left) <= right / left - 1.
        width = np.where(inside, (x_right - x_left) / np.where(inside, x_left, 1), 1e300)
        return Bounds(
            self._value(left, left),
            self._value(right, right),
            self._slope(left, left),
            self._slope(right, right),
            self._value(left, right),
            self._slope(left, right),
            unknown,
            width,
        )

    def value(self, x: Array, problem: np.ndarray) -> tuple[Array, Array, Array]:
        z, w, nu_E, nu_I, top, bottom, w_slope = self.curve(x)
        parts = self.r * z, -w, self.from_E * nu_E, self.from_I * nu_I
        slope = top / bottom * (parts[0] + self.n_E * parts[2]) + w_slope * (parts[1] + self.n_I * parts[3])
        scale = abs(self.constant) + sum(abs(part) for part in parts)
        return sum(parts) + self.constant, slope / np.where(x > 0, x, 1), scale

    def top(self, s: np.ndarray) -> float | None:
        """The least of the given s (ascending) beyond which H has no zero; None if that holds for none of them."""
        z, w, nu_E, nu_I, top, bottom, w_slope = self.curve(s)
        lz = top / bottom
        if self.det_J >= 0:
            z_range = lz, self.p_I / self.p_E + 0 * s
        else:
            z_range = 0 * s, self.p_I / self.p_E * self.coupling / self.J_II / (self.J_EE - s**self.p_I * self.det_J)
        w_range = (0 if self.det_J > 0 else w_slope), w_slope
        terms = [
            (self.r * z, z_range, 1.0),
            (-w, w_range, 1.0),
            (self.from_E * nu_E, z_range, self.n_E),
            (self.from_I * nu_I, w_range, self.n_I),
            (self.constant + 0 * s, (0 * s, 0 * s), 1.0),
        ]
        proven = np.zeros(len(s), dtype=bool)
        for i, (term, (least, _), factor) in enumerate(terms):
            opposite, slowest = 0 * s, np.ones(len(s), dtype=bool)
            for j, (other, (_, most), other_factor) in enumerate(terms):
                against = (other * term < 0) & (j != i)
                opposite = opposite + np.where(against, abs(other), 0)
                slowest &= ~against | (least * factor >= most * other_factor)
            proven |= slowest & (abs(term) > opposite * (1 + 1e-9)) & np.isfinite(term) & np.isfinite(opposite)
        return float(s[np.argmax(proven)]) if np.any(proven) else None


_PROVEN = "the scalar fold condition is searched by enclosures on a bounded interval; beyond it one term dominates"
_EXPLICIT = "J_EI J_IE = 0 or J_EE = 0: folds need phi_E J_EE = 1, all solutions are enumerated explicitly"
_OPEN = (
    "folds could not be excluded: no term of the fold condition provably dominates at large rates, or 50 digits do not"
    " tell its sign over a wide interval"
)


def folds(ssn: TwoPopulationSSN, ratio: float, mu_ext: tuple[float, float] | None = None) -> Folds:
    """All folds in mu_ext at mu_ext_E = mu_ext, mu_ext_I = ratio * mu_ext.

    Parameters
    ----------
    ssn : the network.
    ratio : mu_ext_I / mu_ext_E, any finite number, 0 included.
    mu_ext : (lowest, highest) in mV/s; only folds in this closed range are returned. None: all.

    Raises
    ------
    ValueError : ratio or a limit is not a finite number, or the range is empty.
    """
    ratio = _finite(ratio, "ratio", "1 (no unit)")
    if mu_ext is not None:
        low, high = (_finite(limit, "mu_ext limit", "mV/s") for limit in mu_ext)
        if low > high:
            raise ValueError(f"mu_ext = ({low}, {high}) is an empty range; give (lowest, highest)")
    with np.errstate(all="ignore"):
        if ssn.J_EE == 0:
            mu, z, w, multiplicity, complete, reason = *(np.empty(0),) * 3, np.empty(0, dtype=int), True, _EXPLICIT
        elif ssn.J_EI * ssn.J_IE == 0:
            mu, z, w, multiplicity = _uncoupled(ssn, ratio)
            complete, reason = True, _EXPLICIT
        else:
            mu, z, w, multiplicity, complete = _coupled(ssn, ratio)
            reason = _PROVEN if complete else _OPEN
    if len(mu) and not np.all(np.isfinite(mu)):
        complete, reason = False, "a fold lies at inputs or rates beyond double precision"
    order = np.argsort(mu)
    if mu_ext is not None:
        order = order[(mu[order] >= low) & (mu[order] <= high)]
    mu, z, w, multiplicity = mu[order], z[order], w[order], multiplicity[order]
    rates = np.stack([ssn.a_E * z**ssn.n_E, ssn.a_I * np.maximum(w, 0) ** ssn.n_I], axis=-1)
    return Folds(mu, rates, z, multiplicity, complete, reason)


def _coupled(ssn: TwoPopulationSSN, ratio: float) -> tuple:
    condition = _FoldCondition(ssn, ratio)
    grid = 10.0 ** np.arange(-3, 60, 0.5)
    top = condition.top(grid)
    complete = top is not None
    finite = np.isfinite(condition._value(condition.nodes(grid, None), condition.nodes(grid, None))[0])
    end = top if complete else float(grid[finite][-1])
    points = np.concatenate([[0.0], grid[grid < end], [end]])
    roots = enclose_roots(condition, points[:-1], points[1:], np.zeros(len(points) - 1, dtype=int))
    s, multiplicity = roots.x, roots.multiplicity
    decided = len(roots.undecided) == 0
    zero = np.zeros(1)
    at_zero, _, scale = condition.value(zero, None)
    if abs(at_zero[0]) <= 1e-14 * scale[0]:
        wide = condition.extended()
        at_zero, _, scale = wide.value(wide.to_array(zero), None)
    if at_zero[0] <= 1e-30 * scale[0] and not np.any(s < 1e-30):
        s, multiplicity = np.append(s, 0.0), np.append(multiplicity, 1)
    z, w, nu_E, nu_I, *_ = condition.curve(s)
    mu = z + ssn.b_E - ssn.J_EE * nu_E + ssn.J_EI * nu_I
    return mu, z, w, multiplicity, complete and decided


def _uncoupled(ssn: TwoPopulationSSN, ratio: float) -> tuple:
    """(mu_ext, z, w, multiplicity) of the folds if J_EI J_IE = 0 < J_EE."""
    z = (1 / (ssn.J_EE * ssn.n_E * ssn.a_E)) ** (1 / (ssn.n_E - 1))
    nu_E = ssn.a_E * z**ssn.n_E
    without_I = z + ssn.b_E - ssn.J_EE * nu_E
    # mu_ext = without_I + J_EI nu_I in the inhibitory equation: w + (J_II - r J_EI) nu_I = drive, solved by a
    # single population of weight -(J_II - r J_EI).
    drive = ssn.J_IE * nu_E + ratio * without_I - ssn.b_I
    weight = ssn.J_II - ratio * ssn.J_EI
    powers = (ssn.a_I, 0.0, ssn.n_I, ssn.a_I, 0.0, ssn.n_I)
    if weight < 0:
        states = steady_state_roots(TwoPopulationSSN(*powers, -weight, 0, 0, 0), drive, 0.0)
        w = states.z
    else:
        states = steady_state_roots(TwoPopulationSSN(*powers, 0, 0, 0, weight), 0.0, drive)
        w = states.inputs[:, 1]
    mu = without_I + ssn.J_EI * ssn.a_I * np.maximum(w, 0) ** ssn.n_I
    return mu, np.full(len(w), z), w, states.multiplicity
