"""The mean input that one spike brings, as area of a current and of a conductance, from the text of the synapse.

The input of one spike of weight j at the potential u of the target, measured from a chosen potential, has the area
(its integral over time)

    j (area - conductance u),

with conductance = 0 for current synapses. For a conductance the integral of g dt is j conductance, and its reversal
potential lies at u = area/conductance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy

from ssnbrian.circuit import InvalidInputError, Projection

from .efficacy import efficacy_of, efficacy_refusal
from .model_text import number
from .reduction import NotApplicableError
from .synapse_text import MEMBRANE, WEIGHT, UntreatedError, is_linear, spike_areas, spike_effect

__all__ = ["SynapticInput", "synaptic_input", "synaptic_input_refusal"]


@dataclass(frozen=True)
class SynapticInput:
    """Per mV of the signed weight (negative from an inhibitory source).

    Attributes
    ----------
    area : of the input at ``potential``; 1 where the weight is that area.
    conductance : 1/mV, its fall per mV of the membrane above ``potential``; 0 for a current.
    potential : mV.
    """

    area: float
    conductance: float
    potential: float


def synaptic_input(projection: Projection, potential: float | None = None) -> SynapticInput:
    """The input of a spike of a projection at ``potential`` (mV); by default where its area is the weight.

    With plasticity, what the mean efficacy of `efficacy_of` multiplies. Raises
    :class:`~ssnbrian.analysis.reduction.NotApplicableError` with :func:`synaptic_input_refusal`.
    """
    found = _found(projection)
    if isinstance(found, str):
        raise NotApplicableError(found)
    area, slope = found
    values = projection.parameters
    conductance = 0.0 - number(slope, values, "1/mV")
    if potential is None:
        potential = number((1 - area) / slope, values, "mV") if conductance else 0.0
    exact = area + slope * sympy.Rational(repr(potential)) / 1000
    return SynapticInput(number(exact, values, "1"), conductance, potential)


def synaptic_input_refusal(projection: Projection) -> str | None:
    """Why the input of a projection is no current and no conductance whose mean the rates fix, or None."""
    found = _found(projection)
    return found if isinstance(found, str) else None


def _found(projection: Projection) -> tuple[sympy.Expr, sympy.Expr] | str:
    reason = efficacy_refusal(projection)
    if reason is not None:
        return reason
    efficacy = efficacy_of(projection)
    released = sympy.Integer(1) if efficacy is None else efficacy.released
    variables = () if efficacy is None else efficacy.variables
    synapse = projection.synapse
    try:
        names = tuple(sorted(projection.parameters))
        return _derived(synapse.on_pre, synapse.target_equations, synapse.current, names, variables, released)
    except (InvalidInputError, UntreatedError) as error:
        return f"the synapses {projection.name} ({synapse.name}) have no mean input that the rates fix: {error}"


@cache
def _derived(
    on_pre: str,
    target_equations: str,
    current: str | None,
    names: tuple[str, ...],
    variables: tuple[str, ...],
    released: sympy.Expr,
) -> tuple[sympy.Expr, sympy.Expr]:
    """Area of the input per weight and factor ``released``: its constant part and its slope in the membrane (SI)."""
    known = {name: sympy.Symbol(name) for name in names}
    states = {name: sympy.Symbol(name) for name in variables}
    _, target, amount = spike_effect(on_pre, states, known)
    areas = spike_areas(target_equations, current, known)
    if target not in areas:
        raise UntreatedError("their current is not linear in their variables and in the membrane's potential")
    plain = {one: known[str(one)] for one in released.free_symbols if str(one) in known}
    area = sympy.simplify(areas[target] * amount.coeff(WEIGHT, 1) / released.subs(plain))
    if area.free_symbols & set(states.values()) or not is_linear(area, [MEMBRANE]):
        raise UntreatedError("the input of a spike is not its efficacy times a constant, linear in the membrane")
    area = sympy.expand(area)
    return sympy.simplify(area.coeff(MEMBRANE, 0)), sympy.simplify(area.coeff(MEMBRANE, 1))
