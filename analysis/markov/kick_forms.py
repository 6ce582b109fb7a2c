"""Neurons that collect kicks and synapses of pending kicks, recognised by what their equations are.

With dt the step, K = poisson(rate dt) external kicks and R a number from 0 to 1, all drawn anew in each step, a neuron
of whole kicks moves by floor(K + mu_synaptic dt/mV + R) mV; one of conductances by
(rate mV + mu_synaptic - leak v) dt + sqrt(rate dt) mV n, n normal. rate = kick_rate + mu_ext/mV, kept at or above 0.
Both spike above a threshold and are refractory for tau log(1/(1 - R)), an exponential time.

A synapse of pending kicks H has dH/dt = -D/dt with D = clip(poisson(H dt/tau), 0, H), gets one more per spike, and its
current is D weight g(v)/dt (whole kicks) or H weight g(v)/tau (conductances), g being a number or proportional to the
distance from a reversal potential.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import sympy

from ssnbrian.circuit import InvalidInputError, NeuronModel, SynapseModel
from ssnbrian.circuit.equations import Equation, parse_equations, parse_statements

from ..synapse_text import MEMBRANE, WEIGHT
from .drawn_text import DrawnText

__all__ = ["Family", "NeuronForm", "SynapseForm", "neuron_form", "synapse_form"]

Family = Literal["kicks", "conductance"]
_MV = sympy.Rational(1, 1000)
_DT = sympy.Symbol("dt", positive=True)
_MU_EXT, _MU_SYNAPTIC = sympy.symbols("mu_ext mu_synaptic")


@dataclass(frozen=True)
class NeuronForm:
    """A neuron in the parameters of its model, in SI units.

    ``rate`` of external kicks without mu_ext; ``threshold``, and whether a neuron that is just there spikes
    (``at_threshold``); ``refractory`` mean of the exponential time, 0 without one; ``leak`` rate.
    """

    family: Family
    rate: sympy.Expr
    threshold: sympy.Expr
    at_threshold: bool
    reset: sympy.Expr
    refractory: sympy.Expr
    leak: sympy.Expr


@dataclass(frozen=True)
class SynapseForm:
    """A synapse: ``tau`` of a pending kick; a kick moves v by weight (``constant`` + ``slope`` v) in total."""

    family: Family
    tau: sympy.Expr
    constant: sympy.Expr
    slope: sympy.Expr


class _OtherError(ValueError):
    """A model of another form."""


def _need(condition: bool) -> None:
    if not condition:
        raise _OtherError


@cache
def neuron_form(model: NeuronModel) -> NeuronForm | None:
    """The neuron that collects kicks that the model is, or None."""
    try:
        return _neuron(model)
    except (InvalidInputError, _OtherError):
        return None


@cache
def synapse_form(model: SynapseModel) -> SynapseForm | None:
    """The synapse of pending kicks that the model is, or None."""
    try:
        return _synapse(model)
    except (InvalidInputError, _OtherError):
        return None


def _neuron(model: NeuronModel) -> NeuronForm:
    equations = parse_equations(model.equations, f"neuron {model.name}")
    membrane = next((one for one in equations if one.name == model.membrane), None)
    _need(membrane is not None and membrane.kind == "differential" and model.noise is None)
    assert membrane is not None
    pauses = [one.name for one in equations if one.kind == "parameter"]
    _need([one.name for one in equations if one.kind == "differential"] == [model.membrane])
    _need(pauses == ([] if model.refractory is None else [model.refractory]))
    _need(membrane.flags == (set() if model.refractory is None else {"unless refractory"}))
    v = sympy.Symbol(model.membrane)
    known = {one.name: sympy.Symbol(one.name) for one in model.parameters}
    text = DrawnText(equations, {**known, model.membrane: v, "dt": _DT, "mu_ext": _MU_EXT, "mu_synaptic": _MU_SYNAPTIC})
    move = sympy.expand(text.read(membrane.expression or "") * _DT)
    family, rate, leak = _whole_kicks(text, move) or _diffusion(text, move, v)
    threshold, at_threshold = _threshold(text, model, v)
    reset, refractory = _after_spike(text, model)
    free = set().union(*(one.free_symbols for one in (rate, leak, threshold, reset, refractory)))
    _need(free <= set(known.values()))
    return NeuronForm(family, rate, threshold, at_threshold, reset, refractory, leak)


def _whole_kicks(text: DrawnText, move: sympy.Expr) -> tuple[Family, sympy.Expr, sympy.Expr] | None:
    """floor(K + mu_synaptic dt/mV + R) mV."""
    floor = text.behind(sympy.expand(move / _MV), "floor")
    if floor is None:
        return None
    kicks, uniform = text.single(floor[0], "poisson"), text.single(floor[0], "rand")
    _need(kicks is not None and uniform is not None)
    _need(sympy.expand(floor[0] - kicks - uniform - _MU_SYNAPTIC * _DT / _MV) == 0)
    (mean,) = text.calls[kicks].arguments
    return "kicks", _rate(text, mean / _DT), sympy.Integer(0)


def _diffusion(text: DrawnText, move: sympy.Expr, v: sympy.Symbol) -> tuple[Family, sympy.Expr, sympy.Expr]:
    """(rate mV + mu_synaptic - leak v) dt + sqrt(rate dt) mV n."""
    normal = text.single(move, "randn")
    _need(normal is not None and move.is_polynomial(v, _MU_SYNAPTIC, normal))
    deviation = move.coeff(normal, 1)
    drift = sympy.simplify(move.coeff(normal, 0) / _DT)
    _need(sympy.expand(move - move.coeff(normal, 0) - deviation * normal) == 0)
    leak = sympy.simplify(-drift.diff(v))
    given = sympy.simplify(drift - _MU_SYNAPTIC + leak * v)
    _need(not given.has(v, _MU_SYNAPTIC) and not leak.has(v, _MU_SYNAPTIC))
    _need(sympy.simplify(deviation**2 - given * _MV * _DT) == 0)
    return "conductance", _rate(text, given / _MV), leak


def _rate(text: DrawnText, rate: sympy.Expr) -> sympy.Expr:
    """The rate at mu_ext = 0 of rate + mu_ext/mV, which a clip may keep from falling below 0."""
    rate = sympy.simplify(rate)
    clipped = text.behind(rate, "clip")
    if clipped is not None:
        _need(clipped[1:] == (0, sympy.oo))
        rate = clipped[0]
    _need(sympy.simplify(rate.diff(_MU_EXT) - 1 / _MV) == 0)
    return sympy.simplify(rate.subs(_MU_EXT, 0))


def _threshold(text: DrawnText, model: NeuronModel, v: sympy.Symbol) -> tuple[sympy.Expr, bool]:
    """The potential above which a neuron spikes."""
    left, sign, right = model.threshold.partition(">")
    _need(bool(sign))
    at_threshold = right.startswith("=")
    distance = text.read(left) - text.read(right.removeprefix("="))
    _need(sympy.simplify(distance.diff(v) - 1) == 0)
    return sympy.simplify(v - distance), at_threshold


def _after_spike(text: DrawnText, model: NeuronModel) -> tuple[sympy.Expr, sympy.Expr]:
    """The membrane after a spike and the mean of the exponential refractory period, which may be longer by dt."""
    statements = list(parse_statements(model.reset, f"neuron {model.name}"))
    amounts = {one.target: text.read(one.expression) for one in statements if one.operator == "="}
    wanted = [model.membrane] if model.refractory is None else [model.membrane, model.refractory]
    _need(len(statements) == len(wanted) and set(amounts) == set(wanted))
    if model.refractory is None:
        return amounts[model.membrane], sympy.Integer(0)
    pause = amounts[model.refractory]
    uniform = text.single(pause, "rand")
    _need(uniform is not None)
    assert uniform is not None
    logarithms = [one for one in pause.atoms(sympy.log) if one.args[0] in (uniform, 1 - uniform)]
    _need(len(logarithms) == 1)
    (logarithm,) = logarithms
    tau = sympy.simplify(-pause.coeff(logarithm, 1))
    _need(sympy.simplify(pause + tau * logarithm) in (0, _DT))
    return amounts[model.membrane], tau


def _synapse(model: SynapseModel) -> SynapseForm:
    where = f"synapse {model.name}"
    equations = parse_equations(model.target_equations, where)
    states = [one for one in equations if one.kind == "differential"]
    _need(len(states) == 1 and all(one.kind != "parameter" for one in equations) and not states[0].flags)
    _need(not model.equations.strip() and not model.on_post.strip() and model.delay is None)
    pending = sympy.Symbol(states[0].name, nonnegative=True)
    known = {one.name: sympy.Symbol(one.name) for one in model.parameters}
    names = {**known, states[0].name: pending, "dt": _DT, "v": MEMBRANE, "weight": WEIGHT}
    text = DrawnText(equations, names)
    _need_one_per_spike(text, model, states[0])
    ended = sympy.expand(-text.read(states[0].expression or "") * _DT)
    tau = _decay(text, ended, pending)
    current = text.read(model.current or "v")
    whole = current.has(ended)
    effect = sympy.simplify(current * _DT / ended if whole else current * tau / pending) / WEIGHT
    effect = sympy.expand(sympy.simplify(effect))
    _need(effect.is_polynomial(MEMBRANE) and sympy.degree(effect, MEMBRANE) <= 1)
    constant, slope = (sympy.simplify(effect.coeff(MEMBRANE, power)) for power in (0, 1))
    _need((tau.free_symbols | constant.free_symbols | slope.free_symbols) <= set(known.values()))
    return SynapseForm("kicks" if whole else "conductance", tau, constant, slope)


def _need_one_per_spike(text: DrawnText, model: SynapseModel, state: Equation) -> None:
    statements = list(parse_statements(model.on_pre, f"synapse {model.name}"))
    _need(len(statements) == 1 and statements[0].target == f"{state.name}_post" and statements[0].operator == "+=")
    _need(text.read(statements[0].expression) == 1)


def _decay(text: DrawnText, ended: sympy.Expr, pending: sympy.Symbol) -> sympy.Expr:
    """tau of clip(poisson(pending dt/tau), 0, pending)."""
    clipped = text.behind(ended, "clip")
    _need(clipped is not None and clipped[1:] == (0, pending))
    assert clipped is not None
    drawn = text.behind(clipped[0], "poisson")
    _need(drawn is not None)
    assert drawn is not None
    return sympy.simplify(pending * _DT / drawn[0])
