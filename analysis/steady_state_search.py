"""All steady states of the two-population stabilized supralinear network: stable, unstable and silent.

They are the zeros of G(z) (``ReducedCharacteristic``), z = mu_E - b_E. Its slope is

    G'(z) = phi_E kappa - 1,    kappa = (J_EE - phi_I det J) / (1 + phi_I J_II),    phi_X = d nu_X / d mu_X;

phi_E and phi_I never decrease in z and kappa never increases. So the values at two points enclose G and G' between
them, and four statements make the list of states complete:

* for z < 0 (nu_E = 0) G has slope -1; more generally G falls wherever phi_E J_EE < 1;
* det J > 0: G falls wherever phi_I > J_EE / det J, with slope at most -1;
* det J < 0: G rises wherever phi_E > J_II / |det J|; with J_EI J_IE = 0 wherever phi_E J_EE > 1; in the end G > 0;
* det J = 0 with all weights positive: w(z) is linear, G has the sign of
  J_EE a_E z^n_E - J_EI a_I w^n_I - z + mu_ext_E - b_E, and one of its terms wins beyond an explicit z.

What lies between is a bounded interval of z > 0, searched by ``root_enclosure``.
Source: Ekelmans, Kraynyukova & Tchumatchenko 2023, Eq 2, 3 and S10; the statements follow from them by differentiation.
Units: mu in mV/s, rates in Hz, J in mV, a in Hz/(mV/s)^n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import mpmath
import numpy as np

from .characteristic import ReducedCharacteristic, TwoPopulationSSN, _finite
from .root_enclosure import Array, enclose_roots

_RATE_LIMIT = 1e150
"""Rates above this, in Hz, are not examined: their powers would overflow."""
_SAME_EXPONENT_MARGIN = 1e-40
"""Two leading coefficients whose logarithms differ by less than this are not told apart, except exactly."""


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
        # The slope is at most -1, so G(end) more takes G below zero; long before that its own bound may show it.
        certain = end + np.maximum(high, 0) * (1 + 1e-12) + np.abs(end) * 1e-12 + 1e-200
        last = np.where(np.isfinite(certain), np.minimum(certain, cap), cap)
        top = end
        for _ in range(1100):
            negative = _value_bounds(family, top, family.nodes(top, index), index)[1] < 0
            if np.all(negative | (top >= last)):
                break
            top = np.where(negative, top, np.minimum(top * 2 + 1e-200, last))
        return start, end, top, monotone & np.asarray(negative | (top >= certain), dtype=bool)
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
    return family.value_bounds(node, node, z, z, index)


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
    3 kappa z / 2; the larger exponent then decides. z in mV/s, shape of ``index``.
    """
    ssn = family.ssn
    if ssn.n_E == ssn.n_I:
        return _equal_exponents_bound(family, index)
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
    else:
        terms = (_power_root(up / (down * (slope / 2) ** ssn.n_I), ssn.n_I - ssn.n_E),)
    for term in terms:
        base = np.maximum(base, term)
    return base * (1 + 1e-6) + 1e-6


def _equal_exponents_bound(family: ReducedCharacteristic, index: np.ndarray) -> np.ndarray:
    """``_balanced_bound`` if n_E = n_I = n; infinite where no bound is known.

    F(z) = J_EE a_E z^n - J_EI a_I kappa^n (z + d)^n - z + m_E with d = c / kappa. If the two coefficients differ, that
    difference decides. If they agree, z^n - (z + d)^n = -n d x^(n - 1) with x between z / 2 and 3 z / 2 for z > 2 |d|
    takes its place: F < 0 for d >= 0 and z > m_E; for d < 0 the larger of n - 1 and 1 decides, for n = 2 F is linear.
    """
    ssn, n = family.ssn, family.ssn.n_E
    kappa = Fraction(ssn.J_II) / Fraction(ssn.J_EI)
    excitation, inhibition = Fraction(ssn.J_EE) * Fraction(ssn.a_E), Fraction(ssn.J_EI) * Fraction(ssn.a_I)
    c_exact = [
        Fraction(mu_I) - Fraction(ssn.b_I) - kappa * (Fraction(mu_E) - Fraction(ssn.b_E))
        for mu_E, mu_I in zip(family.mu_E[index].tolist(), family.mu_I[index].tolist(), strict=True)
    ]
    d = np.array([float(c / kappa) for c in c_exact])
    up, m = float(excitation), np.abs(family.m_E[index])
    base = np.maximum(2 * np.abs(d), 2 * m)
    with mpmath.workdps(60):
        power = mpmath.mpf(kappa.numerator) / kappa.denominator
        ratio = power ** mpmath.mpf(n) * inhibition.numerator / inhibition.denominator
        log_ratio = float(mpmath.log(ratio * excitation.denominator / excitation.numerator))
    if abs(log_ratio) > _SAME_EXPONENT_MARGIN:
        # (1 + d / z)^n stays within exp(|log ratio| / 2); half of what remains beats the linear terms.
        gap = up * abs(math.expm1(log_ratio / 2)) / 2
        terms = (4 * n * np.abs(d) / abs(log_ratio), _power_root(4 / gap, n - 1))
    elif not (kappa == 1 or (n.is_integer() and n <= 64)) or inhibition * kappa ** int(n) != excitation:
        return np.full(index.shape, np.inf)
    else:
        pull = up * n * np.abs(d)
        if n > 2:
            term = _power_root(2.0**n / pull, n - 2)
        elif n < 2:
            term = _power_root(2 * pull * 1.5 ** (n - 1), 2 - n)
        else:
            difference = np.abs(pull - 1)
            term = np.where(difference > 1e-9, 2 * (up * d * d + m) / difference, np.inf)
        terms = (np.where(d < 0, term, 0.0),)
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
    "the sign of G is lost in roundings of 50 digits over a wide interval",
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
    decided = np.ones(len(index), dtype=bool)
    decided[roots.undecided] = False
    reason = np.where(proven, np.where(decided, np.where(consistent, 0, 2), 3), 1)
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
