"""Mean transmitted weight of a synapse with short-term plasticity, derived from its text.

The variables s of a synapse relax by ds/dt = f(s), linear in s, and jump at each presynaptic spike by g(s), the
statements of ``on_pre`` run in their order. For Poisson spikes of rate nu, products of means standing for means of
products,

    d<s>/dt = f(<s>) + nu g(<s>),    e(nu) = <what multiplies the weight at a spike>,

and 0 = f + nu g gives every mean as a rational function of nu. This is exact where f and g are linear in s and e is
one variable (depression or facilitation alone); the product u R neglects the correlation of u and R.
Source of the mean field: Tsodyks, Pawelzik & Markram 1998, Neural Computation 10. Units: Hz, s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import sympy

from ssnbrian.circuit import Circuit, InvalidInputError, Projection

from .mean_efficacy import RATE, Efficacy, with_numbers
from .rational_function import RationalFunction, never_negative
from .reduction import NotApplicableError
from .synapse_text import MEMBRANE, WEIGHT, UntreatedError, relaxation, spike_areas, spike_effect

__all__ = ["Efficacy", "efficacies_of", "efficacy_of", "efficacy_refusal", "plasticity_refusal"]


def efficacy_of(projection: Projection) -> Efficacy | None:
    """The mean-field efficacy of a projection; None for synapses without variables of their own (constant weight).

    Raises :class:`~ssnbrian.analysis.reduction.NotApplicableError` with :func:`efficacy_refusal`.
    """
    found = _found(projection)
    if isinstance(found, str):
        raise NotApplicableError(found)
    return found


def efficacy_refusal(projection: Projection) -> str | None:
    """Why a projection has no mean efficacy that depends on the rate of its source alone, or None."""
    found = _found(projection)
    return found if isinstance(found, str) else None


def efficacies_of(circuit: Circuit, names: Sequence[str]) -> tuple[tuple[Efficacy | None, ...], ...]:
    """Of every projection between the populations ``names``, [target][source]; None where the weight is constant.

    Raises as :func:`efficacy_of`.
    """
    found = {(one.target, one.source): efficacy_of(one) for one in circuit.projections if one.source in names}
    return tuple(tuple(found.get((target, source)) for source in names) for target in names)


def plasticity_refusal(circuit: Circuit) -> str | None:
    """:func:`efficacy_refusal` of the first projection of the circuit that has one, or None."""
    return next((reason for one in circuit.projections if (reason := efficacy_refusal(one)) is not None), None)


def _found(projection: Projection) -> Efficacy | str | None:
    synapse = projection.synapse
    if not synapse.equations.strip() and not synapse.on_post.strip():
        return None
    where = f"the synapses {projection.name} ({synapse.name})"
    if synapse.on_post.strip():
        return f"{where} change at the spikes of their target: their weights have no value that the rates fix"
    numbers = tuple(sorted((name, value.si) for name, value in projection.parameters.items()))
    try:
        return _derived(synapse.equations, synapse.on_pre, synapse.target_equations, synapse.current, numbers)
    except (InvalidInputError, UntreatedError) as error:
        return f"{where} cannot be averaged over Poisson spikes: {error}"


@cache
def _derived(
    equations: str, on_pre: str, target_equations: str, current: str | None, numbers: tuple[tuple[str, float], ...]
) -> Efficacy:
    known = {name: sympy.Symbol(name, positive=True if value > 0 else None) for name, value in numbers}
    relax = relaxation(equations, known)
    names = tuple(relax)
    states = {name: sympy.Symbol(name) for name in names}
    after, target, amount = spike_effect(on_pre, states, known)
    area = spike_areas(target_equations, current, known).get(target)
    released = _released(amount, area, states, after)
    drift = tuple(sympy.expand(relax[name] + RATE * (after[name] - states[name])) for name in names)
    steady = _steady(names, drift, states)
    formula = sympy.factor(sympy.cancel(sympy.together(released.subs(steady, simultaneous=True))))
    if area is None or area.has(MEMBRANE):
        # Its sign went to either part when the factor was taken apart; weights carry their own.
        positive = never_negative(sympy.cancel(with_numbers(formula, dict(numbers))), RATE)
        released, formula = (released, formula) if positive else (-released, -formula)
    _check(formula, steady, dict(numbers))
    return Efficacy(names, formula, numbers, drift, released, tuple(steady[states[name]] for name in names))


def _released(
    amount: sympy.Expr,
    area: sympy.Expr | None,
    states: Mapping[str, sympy.Symbol],
    after: Mapping[str, sympy.Expr],
) -> sympy.Expr:
    """The factor of the weight: the area of the input per weight.

    Where that area depends on the membrane (conductances) it is the weight for the bare synapse, and the factor is
    what depends on the variables and on the parameters that change them.
    """
    factor = sympy.factor(amount.coeff(WEIGHT, 1))
    if area is not None and not area.has(MEMBRANE):
        factor = sympy.simplify(factor * area)
    else:
        own = set(states.values()).union(*(value.free_symbols for value in after.values()))
        factor = factor.as_independent(*own, as_Add=False)[1]
    if not factor.is_polynomial(*states.values()):
        raise UntreatedError("what it transmits is not a polynomial of its variables")
    return factor


def _steady(
    names: tuple[str, ...], drift: tuple[sympy.Expr, ...], states: Mapping[str, sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Expr]:
    """The means: one variable after another, each linear given those before, or the rest as one linear system."""
    open_ = dict(zip((states[name] for name in names), drift, strict=True))
    known: dict[sympy.Symbol, sympy.Expr] = {}
    while open_:
        left = {symbol: sympy.together(one.subs(known)) for symbol, one in open_.items()}
        alone = [one for one, text in left.items() if text.free_symbols & set(left) == {one}]
        chosen = alone[:1] or list(left)
        try:
            found = sympy.solve([left[one] for one in chosen], chosen, dict=True)
        except NotImplementedError:
            found = []
        listed = ", ".join(str(one) for one in chosen)
        if len(found) != 1 or len(found[0]) != len(chosen):
            raise UntreatedError(f"the means of {listed} have {len(found)} steady values; they must have one")
        known.update({one: sympy.factor(value) for one, value in found[0].items()})
        open_ = {one: text for one, text in open_.items() if one not in known}
    return known


def _check(formula: sympy.Expr, steady: Mapping[sympy.Symbol, sympy.Expr], numbers: Mapping[str, float]) -> None:
    for what, expression in (*steady.items(), ("the efficacy", formula)):
        value = sympy.together(with_numbers(expression, numbers))
        if not value.is_rational_function(RATE) or value.free_symbols - {RATE}:
            raise UntreatedError(f"the mean of {what} is no rational function of the rate")
        if not RationalFunction.of(value, RATE).finite:
            raise UntreatedError(f"the mean of {what} diverges at some rate")
    if not never_negative(sympy.cancel(with_numbers(formula, numbers)), RATE):
        raise UntreatedError("its efficacy would be negative at some rate")
