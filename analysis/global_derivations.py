"""Derivations about whole sets of steady states: balanced limit, characteristic function, peak control.

Like ``derivations``, each function starts at the rate equations and SymPy alone writes the results. Equation
numbers are those of Ekelmans, Kraynyukova, Tchumatchenko 2023.
"""

from __future__ import annotations

import functools

import sympy

from .derivations import (
    Definitions,
    Derived,
    det_J,
    falling,
    gain_at_rate,
    gain_of_drive,
    linear_root,
    positive_where,
    rate_at_gain,
    rate_of_drive,
    rectified,
    total_input_at_rate,
    trace_terms,
)
from .rate_equations import POPULATIONS, DerivationError, RateEquations, symbol


@functools.cache
def balanced_rates(equations: RateEquations) -> tuple[sympy.Expr, sympy.Expr]:
    """S1: the rates (Hz) that grow in proportion to mu_ext, to leading order at large mu_ext.

    With rate_X = c_X mu_ext, the total input a population needs for its rate is divided by mu_ext and mu_ext
    sent to infinity; as n_X > 1 nothing is left, so recurrent and external input must cancel.
    """
    mu = sympy.Dummy("mu", positive=True)
    slopes = {x: sympy.Dummy(f"c_{x}", positive=True) for x in POPULATIONS}
    balance = []
    for x in POPULATIONS:
        above_one = 1 + sympy.Dummy("m", positive=True)
        needed = total_input_at_rate(equations, x).xreplace(
            {symbol(f"rate_{x}"): slopes[x] * mu, symbol(f"n_{x}"): above_one}
        )
        scaled = {symbol(f"rate_{y}"): slopes[y] * mu for y in POPULATIONS} | {symbol("mu_ext"): mu}
        received = equations.mean_input(x).xreplace(scaled)
        received_limit = sympy.limit(sympy.expand(received / mu), mu, sympy.oo)
        balance.append(received_limit - sympy.limit(needed / mu, mu, sympy.oo))
    matrix, rest = sympy.linear_eq_to_matrix(balance, [slopes[x] for x in POPULATIONS])
    det = sympy.expand(matrix.det())
    replaced = (sympy.Matrix.hstack(rest, matrix[:, 1]), sympy.Matrix.hstack(matrix[:, 0], rest))
    return tuple(sympy.expand(m.det()) * symbol("mu_ext") / det for m in replaced)


@functools.cache
def _balanced_numerators(equations: RateEquations) -> tuple[sympy.Expr, ...]:
    """What must be positive for positive balanced rates when det J > 0 and mu_ext > 0; linear in r."""
    scale = det_J(equations) / symbol("mu_ext")
    return tuple(sympy.expand(sympy.cancel(rate * scale)) for rate in balanced_rates(equations))


def balanced_rate(equations: RateEquations, population: str) -> Derived:
    """S1 for one population."""
    return Derived(
        balanced_rates(equations)[POPULATIONS.index(population)], assumptions=(sympy.Ne(det_J(equations), 0),)
    )


def balanced_exists(equations: RateEquations) -> Derived:
    """S2: both balanced rates are positive, solved for r in either sign of det J."""
    numerators = _balanced_numerators(equations)
    det, r = det_J(equations), symbol("r")
    above = [positive_where(numerator, r)[0] for numerator in numerators]
    below = [
        sympy.Gt(r, relation.rhs) if isinstance(relation, sympy.StrictLessThan) else sympy.Not(relation)
        for relation in above
    ]
    relation = sympy.Or(sympy.And(sympy.Gt(det, 0), *above), sympy.And(sympy.Lt(det, 0), *below))
    return Derived(relation, domain=sympy.Ne(det, 0))


def balanced_stable(equations: RateEquations) -> Derived:
    """S4: at large gains the determinant of the Jacobian has the sign of det J; with it, S2.

    One of the two bounds on r in S2 is implied by the other when det J > 0, and is dropped if so. The trace
    is a further requirement, see ``balanced_trace``.
    """
    det, r = det_J(equations), symbol("r")
    solved = [positive_where(numerator, r) for numerator in _balanced_numerators(equations)]
    (first, bound, _), (second, other_bound, _) = solved
    couplings = {s: sympy.Dummy(s.name, positive=True) for s in det.free_symbols}
    excess = sympy.cancel(((other_bound - bound) / det).xreplace(couplings))
    if not excess.is_positive:
        return Derived(sympy.And(sympy.Gt(det, 0), first, second), domain=sympy.Gt(det, 0))
    return Derived(sympy.And(sympy.Gt(det, 0), first), bound, r, sympy.Gt(det, 0))


def _balanced_gains(equations: RateEquations) -> Definitions:
    return tuple(
        (symbol(f"gain_{x}"), gain_at_rate(equations, x).xreplace({symbol(f"rate_{x}"): rate}))
        for x, rate in zip(POPULATIONS, balanced_rates(equations), strict=True)
    )


def balanced_trace(equations: RateEquations) -> Derived:
    """Trace of the Jacobian at the balanced rates negative, to leading order in the gains."""
    scale = sympy.Dummy("s", positive=True)
    gains = {symbol(f"gain_{x}"): scale * symbol(f"gain_{x}") for x in POPULATIONS}
    growth, decay = (
        sympy.limit(sympy.expand(term.xreplace(gains) / scale), scale, sympy.oo) for term in trace_terms(equations)
    )
    det = det_J(equations)
    rates = (sympy.Gt(numerator * det * symbol("mu_ext"), 0) for numerator in _balanced_numerators(equations))
    return Derived(sympy.Lt(growth, decay), domain=sympy.And(*rates), definitions=_balanced_gains(equations))


def balanced_gain_exponent(equations: RateEquations) -> Derived:
    """Exponent of mu_ext in gain_E/gain_I at the balanced rates: its logarithmic derivative."""
    mu = sympy.Dummy("mu", positive=True)
    logarithms = []
    for x in POPULATIONS:
        # With a positive constant for rate_X/mu_ext the powers split and the logarithm is exact.
        growing = {symbol(f"rate_{x}"): sympy.Dummy("c", positive=True) * mu}
        logarithms.append(sympy.expand_log(sympy.log(gain_at_rate(equations, x).xreplace(growing))))
    return Derived(sympy.expand(mu * sympy.diff(logarithms[0] - logarithms[1], mu)))


def _inhibitory_drive(equations: RateEquations) -> sympy.Expr:
    """w(z) in mV/s with rate_E still a symbol: rate_I from the input equation of E, put into that of I."""
    z, rate_I = symbol("z"), symbol("rate_I")
    balance = rectified(equations, "E").args[0].xreplace({symbol("mu_E"): equations.mean_input("E")}) - z
    rate_I_of_z = linear_root(balance, rate_I)
    above = rectified(equations, "I").args[0].xreplace({symbol("mu_I"): equations.mean_input("I")})
    drive = sympy.expand(above.xreplace({rate_I: rate_I_of_z}))
    return sympy.collect(drive, [symbol("rate_E"), z, symbol("mu_ext"), symbol("b_E")])


def _elimination_assumption(equations: RateEquations) -> sympy.Basic:
    """rate_I can be eliminated only if it acts on E."""
    return sympy.Ne(sympy.Abs(sympy.diff(equations.mean_input("E"), symbol("rate_I"))), 0)


def inhibitory_drive(equations: RateEquations) -> Derived:
    """S10: w(z), the input of I above its offset that goes with z at a steady state."""
    rate_E = {symbol("rate_E"): rate_of_drive(equations, "E", symbol("z"))}
    return Derived(_inhibitory_drive(equations).xreplace(rate_E), assumptions=(_elimination_assumption(equations),))


def characteristic(equations: RateEquations) -> Derived:
    """S10: F(z), the input of E above its offset that z and w(z) produce, minus z."""
    z, w = symbol("z"), symbol("w")
    rates = {symbol("rate_E"): rate_of_drive(equations, "E", z), symbol("rate_I"): rate_of_drive(equations, "I", w)}
    received = rectified(equations, "E").args[0].xreplace({symbol("mu_E"): equations.mean_input("E")})
    drive = inhibitory_drive(equations)
    return Derived(received.xreplace(rates) - z, assumptions=drive.assumptions, definitions=((w, drive.expression),))


def characteristic_slope(equations: RateEquations) -> Derived:
    """F'(z) in the gains, by the chain rule through rate_E(z) and w(z)."""
    z, w, rate_E, rate_I = (symbol(name) for name in ("z", "w", "rate_E", "rate_I"))
    gain_E, gain_I = symbol("gain_E"), symbol("gain_I")
    received = rectified(equations, "E").args[0].xreplace({symbol("mu_E"): equations.mean_input("E")})
    drive = _inhibitory_drive(equations)
    drive_slope = sympy.diff(drive, rate_E) * gain_E + sympy.diff(drive, z)
    slope = sympy.diff(received, rate_E) * gain_E + sympy.diff(received, rate_I) * gain_I * drive_slope - 1
    collected = sympy.collect(sympy.expand(slope), [gain_E * gain_I, gain_E, gain_I])
    definitions = (
        (gain_E, gain_of_drive(equations, "E", z)),
        (gain_I, gain_of_drive(equations, "I", w)),
        (w, inhibitory_drive(equations).expression),
    )
    return Derived(collected, assumptions=(_elimination_assumption(equations),), definitions=definitions)


def _peak_gain(equations: RateEquations) -> tuple[sympy.Expr, sympy.Basic]:
    """Gain of I at which d rate_E/d mu_ext vanishes, and where there is one."""
    gain_I = symbol("gain_I")
    _, gain, _ = positive_where(falling(equations), gain_I)
    return gain, sympy.Gt(sympy.diff(falling(equations), gain_I), 0)


def peak_rate_I(equations: RateEquations) -> Derived:
    """Inhibitory rate at the peak of rate_E over mu_ext: S6 with equality."""
    gain, exists = _peak_gain(equations)
    return Derived(rate_at_gain(equations, "I", gain), domain=exists)


def peak_mu_ext(equations: RateEquations) -> Derived:
    """External input at the peak, from the equation of I and the excitatory rate there."""
    peak = symbol("peak_rate_I")
    needed = total_input_at_rate(equations, "I") - equations.mean_input("I")
    at_peak = linear_root(needed, symbol("mu_ext")).xreplace({symbol("rate_I"): peak})
    rate = peak_rate_I(equations)
    return Derived(at_peak, assumptions=(rate.domain,), definitions=((peak, rate.expression),))


def peak_residual_E(equations: RateEquations) -> Derived:
    """Right-hand side of E at the peak as a function of rate_E alone; its roots are the heights of peaks."""
    external, peak = symbol("peak_mu_ext"), symbol("peak_rate_I")
    at_peak = {symbol("rate_I"): peak, symbol("mu_ext"): external}
    drive = peak_mu_ext(equations)
    residual = equations.right_hand_side("E").xreplace(at_peak)
    return Derived(
        residual, assumptions=drive.assumptions, definitions=((external, drive.expression), *drive.definitions)
    )


def peak_control(equations: RateEquations, weight: str) -> Derived:
    """S7-S9: the new value of J_EI or J_IE that keeps peak_rate_I and det J when r becomes r/f.

    Solved for multiples of the two weights, then checked: DerivationError if either invariant moves.
    """
    r, factor, J_EI, J_IE = (symbol(name) for name in ("r", "factor", "J_EI", "J_IE"))
    first, second = (sympy.Dummy(name, positive=True) for name in ("alpha", "beta"))
    moved = {r: r / factor, J_EI: first * J_EI, J_IE: second * J_IE}
    gain, _ = _peak_gain(equations)
    det = det_J(equations)
    # The reciprocal of the gain is the combination of r, J_EI and J_II on which peak_rate_I depends.
    scale_EI = sympy.cancel(linear_root(1 / gain.xreplace(moved) - 1 / gain, first))
    scale_IE = linear_root(sympy.expand(det.xreplace(moved) - det), second).xreplace({first: scale_EI})
    solved = {r: r / factor, J_EI: scale_EI * J_EI, J_IE: scale_IE * J_IE}
    for invariant in (gain, det):
        if sympy.simplify(invariant.xreplace(solved) - invariant) != 0:
            raise DerivationError(f"{invariant} is not invariant")
    return Derived(sympy.cancel({"J_EI": scale_EI * J_EI, "J_IE": scale_IE * J_IE}[weight]))
