"""Derivations from the rate equations: each function starts at the right-hand sides and returns a formula.

Only SymPy writes the results. Gains phi_X = d drift_X / d mu_X enter as symbols and are defined apart, so
whatever is stated in gains holds for any transfer function of the mean input. Derivatives are taken where
both inputs are above their offsets; a silent population has rate 0 and gain 0, which the same formulas cover.
Equation numbers are those of Ekelmans, Kraynyukova, Tchumatchenko 2023.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import sympy

from .rate_equations import POPULATIONS, DerivationError, PositivePart, RateEquations, symbol

Definitions = tuple[tuple[sympy.Symbol, sympy.Expr], ...]


@dataclass(frozen=True)
class Derived:
    """A derived formula.

    Attributes
    ----------
    expression : a relation or a value.
    threshold : the bound of ``threshold_symbol`` at which the relation turns, if it was solved for one.
    domain : where expression and threshold exist; elsewhere a relation is false and a threshold unreachable.
    assumptions : what must hold for the formula to have a value at all.
    definitions : symbols of the expression and what they stand for; each may use those after it.
    """

    expression: sympy.Basic
    threshold: sympy.Expr | None = None
    threshold_symbol: sympy.Symbol | None = None
    domain: sympy.Basic = sympy.true
    assumptions: tuple[sympy.Basic, ...] = ()
    definitions: Definitions = ()


def linear_root(expression: sympy.Expr, unknown: sympy.Symbol) -> sympy.Expr:
    """Root of an expression that is linear in the unknown. Raises DerivationError if it is not."""
    slope = sympy.diff(expression, unknown)
    if slope == 0 or slope.has(unknown):
        raise DerivationError(f"{expression} is not linear in {unknown}")
    return -expression.xreplace({unknown: sympy.S.Zero}) / slope


def positive_where(expression: sympy.Expr, unknown: sympy.Symbol) -> tuple[sympy.Basic, sympy.Expr, sympy.Basic]:
    """Solve expression > 0, linear in a nonnegative unknown: relation, bound, domain.

    Outside the domain no value of the unknown satisfies it. DerivationError where that cannot be shown.
    """
    slope = sympy.diff(expression, unknown)
    rest = expression.xreplace({unknown: sympy.S.Zero})
    if slope.has(unknown):
        raise DerivationError(f"{expression} is not linear in {unknown}")
    bound = sympy.factor(-rest / slope)
    if slope.is_nonpositive:
        # Where the slope vanishes the bound is infinite, with the sign that makes the relation right.
        return sympy.Lt(unknown, bound), bound, sympy.true
    if slope.is_nonnegative or rest.is_nonpositive:
        return sympy.Gt(unknown, bound), bound, sympy.Gt(slope, 0)
    raise DerivationError(f"the sign of {slope} is unknown, so {expression} > 0 cannot be solved for {unknown}")


def _single(roots: list[sympy.Expr], equation: sympy.Expr) -> sympy.Expr:
    if len(roots) != 1:
        raise DerivationError(f"{equation} = 0 must have one positive root; SymPy found {len(roots)}")
    return roots[0]


def rectified(equations: RateEquations, population: str) -> PositivePart:
    """The positive part in the drift of a population."""
    parts = equations.drift(population).atoms(PositivePart)
    if len(parts) != 1:
        raise DerivationError(f"the drift of {population} must hold exactly one positive part")
    return parts.pop()


def rate_of_drive(equations: RateEquations, population: str, drive: sympy.Expr) -> sympy.Expr:
    """Steady rate (Hz) of a population whose input is ``drive`` (mV/s) above its offset."""
    drift = equations.drift(population).xreplace({rectified(equations, population): PositivePart(drive)})
    return linear_root(drift, symbol(f"rate_{population}"))


def gain_of_drive(equations: RateEquations, population: str, drive: sympy.Expr) -> sympy.Expr:
    """Gain in Hz/(mV/s) of a population whose input is ``drive`` (mV/s) above its offset."""
    above = sympy.Dummy("x", positive=True)
    part = rectified(equations, population)
    slope = sympy.diff(equations.drift(population).xreplace({part: above}), above)
    slope *= sympy.diff(part.args[0], symbol(f"mu_{population}"))
    return sympy.powsimp(slope).xreplace({above: PositivePart(drive)})


@functools.cache
def drive_at_rate(equations: RateEquations, population: str) -> sympy.Expr:
    """Input above the offset (mV/s) at which a population rests at its rate: the inverse of Eq 1."""
    above = sympy.Dummy("x", positive=True)
    drift = equations.drift(population).xreplace({rectified(equations, population): above})
    return _single(sympy.solve(drift, above), drift)


def total_input_at_rate(equations: RateEquations, population: str) -> sympy.Expr:
    """Mean total input (mV/s) at which a population rests at its rate."""
    offset_form = rectified(equations, population).args[0] - drive_at_rate(equations, population)
    return linear_root(offset_form, symbol(f"mu_{population}"))


@functools.cache
def gain_at_rate(equations: RateEquations, population: str) -> sympy.Expr:
    """Gain in Hz/(mV/s) of a population that rests at its rate."""
    gain = gain_of_drive(equations, population, drive_at_rate(equations, population))
    collected = sympy.powsimp(sympy.powdenest(sympy.expand_power_base(gain)))
    return collected.replace(sympy.Pow, lambda base, exponent: base ** sympy.expand(exponent))


def drive_at_gain(equations: RateEquations, population: str, gain: sympy.Expr) -> sympy.Expr:
    """Input above the offset (mV/s) at which a population has that gain."""
    above, target = sympy.Dummy("x", positive=True), sympy.Dummy("g", positive=True)
    equation = gain_of_drive(equations, population, above) - target
    return _single(sympy.solve(equation, above), equation).xreplace({target: gain})


def rate_at_gain(equations: RateEquations, population: str, gain: sympy.Expr) -> sympy.Expr:
    """Rate (Hz) of a population at that gain; it grows with the gain because n > 1."""
    target = sympy.Dummy("g", positive=True)
    above = sympy.Dummy("x", positive=True)
    drive = drive_at_gain(equations, population, target)
    rate = rate_of_drive(equations, population, above).xreplace({above: drive})
    # Powers of powers merge only where the exponent is known to be finite: n = 1 + m with m > 0.
    exponent, excess = symbol(f"n_{population}"), sympy.Dummy("m", positive=True)
    merged = sympy.powdenest(rate.xreplace({exponent: 1 + excess})).xreplace({excess: exponent - 1})
    return merged.xreplace({target: gain})


def gain_definitions(equations: RateEquations, *populations: str) -> Definitions:
    """Gains of the populations (both by default) in terms of their rates."""
    return tuple((symbol(f"gain_{x}"), gain_at_rate(equations, x)) for x in populations or POPULATIONS)


def _total_derivative(equations: RateEquations, population: str, variable: sympy.Symbol) -> sympy.Expr:
    """Derivative of a right-hand side by the chain rule, with the gain as a symbol."""
    without_power_law = equations.drift(population).xreplace({rectified(equations, population): sympy.S.Zero})
    direct = sympy.diff(without_power_law, variable)
    return direct + symbol(f"gain_{population}") * sympy.diff(equations.mean_input(population), variable)


@functools.cache
def jacobian(equations: RateEquations) -> sympy.Matrix:
    """Derivatives of the right-hand sides by the rates, 2x2, rows E, I; row X still to be divided by tau_X."""
    return sympy.ImmutableMatrix(
        2, 2, lambda i, k: _total_derivative(equations, POPULATIONS[i], symbol(f"rate_{POPULATIONS[k]}"))
    )


@functools.cache
def determinant_of_gains(equations: RateEquations) -> sympy.Expr:
    """D, the determinant of minus the Jacobian without time constants; at a stable state it is positive."""
    gain_E, gain_I = symbol("gain_E"), symbol("gain_I")
    expanded = sympy.expand((-jacobian(equations)).det())
    return sympy.collect(expanded, [gain_E * gain_I, gain_E, gain_I])


@functools.cache
def det_J(equations: RateEquations) -> sympy.Expr:
    """Determinant of minus the recurrent weights in mV^2: what is left of D at large gains."""
    large = sympy.Dummy("s", positive=True)
    gains = {symbol("gain_E"): large, symbol("gain_I"): large}
    return sympy.limit(sympy.expand(determinant_of_gains(equations).xreplace(gains)) / large**2, large, sympy.oo)


@functools.cache
def response_numerators(equations: RateEquations) -> tuple[sympy.Expr, sympy.Expr]:
    """D times the slopes of the two rates in mu_ext: implicit differentiation, Cramer's rule."""
    push = sympy.Matrix([_total_derivative(equations, x, symbol("mu_ext")) for x in POPULATIONS])
    minus = -jacobian(equations)
    replaced = (sympy.Matrix.hstack(push, minus[:, 1]), sympy.Matrix.hstack(minus[:, 0], push))
    return tuple(sympy.factor(sympy.expand(matrix.det())) for matrix in replaced)


def rate_response(equations: RateEquations, population: str) -> Derived:
    """Slope of a rate in mu_ext at constant r."""
    own, other = POPULATIONS if population == "E" else reversed(POPULATIONS)
    per_gain = response_numerators(equations)[POPULATIONS.index(population)] / symbol(f"gain_{own}")
    collected = sympy.collect(sympy.expand(sympy.cancel(per_gain)), symbol(f"gain_{other}"))
    numerator = symbol(f"gain_{own}") * collected
    return Derived(numerator / determinant_of_gains(equations), definitions=gain_definitions(equations))


@functools.cache
def falling(equations: RateEquations) -> sympy.Expr:
    """Positive where the numerator of d rate_E/d mu_ext is negative; per unit of gain_E, linear in gain_I."""
    return -sympy.expand(sympy.cancel(response_numerators(equations)[0] / symbol("gain_E")))


def supersaturation_possible(equations: RateEquations) -> Derived:
    """Eq 4: S6 at ever larger inhibitory gain, solved for r."""
    gain_I = symbol("gain_I")
    leading = sympy.limit(falling(equations) / gain_I, gain_I, sympy.oo)
    relation, bound, domain = positive_where(leading, symbol("r"))
    return Derived(relation, bound, symbol("r"), domain)


def _gain_condition(equations: RateEquations, expression: sympy.Expr, population: str) -> Derived:
    """expression > 0, linear in a gain, as 'gain times something > 1' and solved for the rate."""
    gain = symbol(f"gain_{population}")
    _, bound, _ = positive_where(expression, gain)
    domain = sympy.Gt(sympy.diff(expression, gain), 0)
    rest = -expression.xreplace({gain: sympy.S.Zero})
    if not rest.is_positive:
        raise DerivationError(f"{expression} is not negative at zero gain")
    relation = sympy.Gt(sympy.factor((expression + rest) / rest), 1)
    return Derived(
        relation,
        rate_at_gain(equations, population, bound),
        symbol(f"rate_{population}"),
        domain,
        definitions=gain_definitions(equations, population),
    )


def supersaturation(equations: RateEquations) -> Derived:
    """S6: rate_E falls when mu_ext grows (with D > 0)."""
    return _gain_condition(equations, falling(equations), "I")


def inhibition_stabilized(equations: RateEquations) -> Derived:
    """Eq 7: with the inhibitory rate frozen, a perturbation of rate_E would grow."""
    return _gain_condition(equations, jacobian(equations)[0, 0], "E")


def saddle(equations: RateEquations) -> Derived:
    """The two eigenvalues are real and of opposite sign: determinant of the Jacobian negative."""
    return Derived(sympy.Lt(determinant_of_gains(equations), 0), definitions=gain_definitions(equations))


def trace_terms(equations: RateEquations) -> tuple[sympy.Expr, sympy.Expr]:
    """Growth rate of E alone and decay rate of I alone, in 1/s: the trace of the Jacobian is their difference."""
    matrix = jacobian(equations)
    return matrix[0, 0] / symbol("tau_E"), sympy.expand(-matrix[1, 1]) / symbol("tau_I")


def hopf(equations: RateEquations) -> Derived:
    """Trace of the Jacobian positive; solved for tau_I. With D > 0 equality is a Hopf bifurcation."""
    growth, decay = trace_terms(equations)
    times_taus = sympy.expand((growth - decay) * symbol("tau_E") * symbol("tau_I"))
    slope_form = sympy.collect(times_taus, symbol("tau_I"))
    _, bound, domain = positive_where(slope_form, symbol("tau_I"))
    return Derived(sympy.Gt(growth, decay), bound, symbol("tau_I"), domain, definitions=gain_definitions(equations))


def hopf_rate_E(equations: RateEquations) -> Derived:
    """Excitatory rate at which the trace vanishes, at the rate of I; the trace grows with rate_E."""
    growth, decay = trace_terms(equations)
    gain_E = symbol("gain_E")
    vanishing = linear_root(growth - decay, gain_E)
    return Derived(
        rate_at_gain(equations, "E", vanishing),
        domain=sympy.Gt(sympy.diff(growth, gain_E), 0),
        definitions=gain_definitions(equations, "I"),
    )


def cusp(equations: RateEquations) -> Derived:
    """Derivative of D along the kernel of the Jacobian; with D = 0 it vanishes where two folds meet in a cusp.

    The kernel is taken from the row of I, minus its entry II and its entry IE.
    """
    matrix, determinant_D = jacobian(equations), determinant_of_gains(equations)
    total = sympy.S.Zero
    for x, component in zip(POPULATIONS, (-matrix[1, 1], matrix[1, 0]), strict=True):
        slope = sympy.diff(gain_at_rate(equations, x), symbol(f"rate_{x}"))
        total += sympy.diff(determinant_D, symbol(f"gain_{x}")) * sympy.powsimp(slope) * component
    return Derived(total, definitions=gain_definitions(equations))


def stable(equations: RateEquations) -> Derived:
    """Both eigenvalues have negative real parts: determinant positive, trace negative."""
    growth, decay = trace_terms(equations)
    relation = sympy.And(sympy.Gt(determinant_of_gains(equations), 0), sympy.Lt(growth, decay))
    return Derived(relation, definitions=gain_definitions(equations))


def required_mu_ext(equations: RateEquations, population: str) -> Derived:
    """Eqs 5, 6: what the drive must be beyond the recurrent input for the population to rest at its rate."""
    recurrent = equations.mean_input(population).xreplace({symbol("mu_ext"): sympy.S.Zero})
    return Derived(total_input_at_rate(equations, population) - recurrent)


def gain(equations: RateEquations, population: str) -> Derived:
    """phi_X at the rate of the population."""
    return Derived(gain_at_rate(equations, population))


def determinant(equations: RateEquations) -> Derived:
    """D as a record."""
    return Derived(determinant_of_gains(equations), definitions=gain_definitions(equations))


def determinant_of_weights(equations: RateEquations) -> Derived:
    """det J as a record."""
    return Derived(det_J(equations))
