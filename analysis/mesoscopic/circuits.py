"""The population model of a circuit of escape-noise neurons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy

from ssnbrian.circuit import Circuit, Drive, InvalidInputError, NeuronModel, Population, Projection
from ssnbrian.circuit.equations import Equation, parse_equations, parse_statements

from ..model_text import number, read
from ..reduction import NotApplicableError
from ..synaptic_input import synaptic_input, synaptic_input_refusal
from .parameters import EscapeNeuron, MesoscopicNetwork

__all__ = ["drive_in_steps", "mesoscopic_refusal", "network_of"]

_FIRING = re.compile(r"rand\(\)<1-exp\(-(\w+)\*dt\)")
_REFERENCE_HAZARD = 10.0  # Hz, at the potential that is called the threshold; c and threshold are one number


@dataclass(frozen=True)
class EscapeForm:
    """An escape-noise neuron in the parameters of its model.

    ``log_hazard`` : of the hazard (Hz) at the potential 0 with resting adaptation; ``width`` : Delta.
    ``adaptation`` : (jump at a spike, time constant) of every variable that raises the threshold.
    """

    rest: sympy.Expr
    tau: sympy.Expr
    reset: sympy.Expr
    width: sympy.Expr
    log_hazard: sympy.Expr
    refractory: str | None
    adaptation: tuple[tuple[sympy.Expr, sympy.Expr], ...]


class _OtherError(ValueError):
    """A neuron of another form."""


@cache
def escape_form(model: NeuronModel) -> EscapeForm | None:
    """The leaky membrane with an exponential hazard that the model is, or None."""
    try:
        return _escape_form(model)
    except (InvalidInputError, _OtherError):
        return None


def _escape_form(model: NeuronModel) -> EscapeForm:
    equations = {one.name: one for one in parse_equations(model.equations, f"neuron {model.name}")}
    firing = _FIRING.fullmatch("".join(model.threshold.split()))
    membrane = equations.pop(model.membrane, None)
    if firing is None or membrane is None or firing[1] not in equations or model.noise is not None:
        raise _OtherError
    held = membrane.flags == {"unless refractory"}
    if held != (model.refractory is not None) or (membrane.flags and not held):
        raise _OtherError
    hazard = equations.pop(firing[1])
    known = {one.name: sympy.Symbol(one.name) for one in model.parameters}
    states = {one: sympy.Symbol(one) for one in (model.membrane, *equations)}
    v, *raises = states.values()
    rest, tau = _leak(membrane, known, states)
    logarithm, width = _exponential(read(hazard.expression or "", {**known, **states}, "hazard"), v, raises)
    jumps = _jumps(model, {**known, **states}, states)
    adaptation = tuple(
        (jumps[name], _decay(equations[name], {**known, **states}, states[name])) for name in equations
    )
    return EscapeForm(rest, tau, jumps[model.membrane], width, logarithm, model.refractory, adaptation)


_INPUTS = {name: sympy.Symbol(name) for name in ("mu_ext", "mu_synaptic")}


def _leak(
    membrane: Equation, known: Mapping[str, sympy.Symbol], states: Mapping[str, sympy.Symbol]
) -> tuple[sympy.Expr, sympy.Expr]:
    """Resting potential and time constant of dv/dt = (rest - v)/tau + mu_ext + mu_synaptic."""
    v, inputs, parameters = states[membrane.name], list(_INPUTS.values()), known.values()
    slope = sympy.expand(read(membrane.expression or "", {**known, **states, **_INPUTS}, "membrane"))
    if not slope.is_polynomial(v, *inputs) or any(sympy.simplify(slope.diff(one)) != 1 for one in inputs):
        raise _OtherError
    leak = sympy.simplify(slope.diff(v))
    if leak == 0 or leak.has(v, *inputs) or not slope.free_symbols <= {v, *inputs, *parameters}:
        raise _OtherError
    tau = sympy.simplify(-1 / leak)
    return sympy.simplify(slope.subs(dict.fromkeys((v, *inputs), 0)) * tau), tau


def _exponential(
    hazard: sympy.Expr, v: sympy.Symbol, raises: Sequence[sympy.Symbol]
) -> tuple[sympy.Expr, sympy.Expr]:
    """The logarithm at potential 0 and the width of a hazard exp((v - sum of raises)/width)."""
    by_v = sympy.simplify(hazard.diff(v) / hazard)
    if by_v == 0 or by_v.has(v, *raises):
        raise _OtherError
    if any(sympy.simplify(hazard.diff(one) / hazard + by_v) != 0 for one in raises):
        raise _OtherError
    return sympy.log(hazard.subs(dict.fromkeys((v, *raises), 0))), sympy.simplify(1 / by_v)


def _jumps(
    model: NeuronModel, names: Mapping[str, sympy.Expr], states: Mapping[str, sympy.Symbol]
) -> dict[str, sympy.Expr]:
    """The membrane after a spike, and what is added to every other variable."""
    found: dict[str, sympy.Expr] = {}
    for one in parse_statements(model.reset, f"neuron {model.name}"):
        amount = read(one.expression, names, "reset")
        wanted = "=" if one.target == model.membrane else "+="
        if one.target in found or one.operator != wanted or amount.free_symbols & set(states.values()):
            raise _OtherError
        found[one.target] = amount
    if set(found) != set(states):
        raise _OtherError
    return found


def _decay(equation: Equation, names: Mapping[str, sympy.Expr], state: sympy.Symbol) -> sympy.Expr:
    """tau of dx/dt = -x/tau."""
    if equation.kind != "differential" or equation.flags:
        raise _OtherError
    slope = read(equation.expression or "", names, equation.name)
    rate = sympy.simplify(slope / state)
    if rate == 0 or not rate.free_symbols.isdisjoint({state}) or sympy.simplify(slope - rate * state) != 0:
        raise _OtherError
    return sympy.simplify(-1 / rate)


def mesoscopic_refusal(circuit: Circuit) -> str | None:
    """Why there is no population model of the circuit, or None."""
    for population in circuit.populations:
        if escape_form(population.neuron) is None:
            return (
                f"the neurons of {population.name} ({population.neuron.name}) are not leaky integrate-and-fire neurons "
                f"with an exponential escape rate"
            )
    for one in circuit.inputs:
        return f"{one.name} is an input population, which is not treated"
    for projection in circuit.projections:
        reason = synaptic_input_refusal(projection)
        if reason is None and (projection.synapse.equations.strip() or synaptic_input(projection).conductance):
            reason = f"the synapses {projection.name} ({projection.synapse.name}) are plastic or conductances"
        if reason is None:
            reason = filter_refusal(projection)
        if reason is not None:
            return reason
    return None


def filter_refusal(projection: Projection) -> str | None:
    """Why the population model cannot treat the time course or the delays of the synapses, or None."""
    try:
        time_constant_of(projection)
        delay_of(projection)
    except _OtherError as error:
        return f"the synapses {projection.name} ({projection.synapse.name}) {error}"
    return None


def time_constant_of(projection: Projection) -> float:
    """Of an exponential synapse, s; 0 for a jump."""
    synapse = projection.synapse
    if synapse.current is None:
        return 0.0
    equations = parse_equations(synapse.target_equations, f"synapse {synapse.name}")
    names = {one.name: sympy.Symbol(one.name) for one in (*synapse.parameters, *equations)}
    if len(equations) == 1 and equations[0].name == synapse.current:
        try:
            tau = _decay(equations[0], names, names[synapse.current])
            return number(tau, projection.parameters, "s")
        except (InvalidInputError, _OtherError, KeyError):
            pass
    raise _OtherError("are neither jumps nor exponential currents")


def delay_of(projection: Projection) -> float:
    """s, the same for all synapses."""
    synapse = projection.synapse
    if synapse.delay is None:
        return 0.0
    names: dict[str, sympy.Expr] = {one.name: sympy.Symbol(one.name) for one in synapse.parameters}
    random = sympy.Symbol("random")
    text = re.sub(r"\brand\(\)", "random", synapse.delay)
    expression = read(text, {**names, "random": random}, "delay")
    low, high = (number(sympy.simplify(expression.subs(random, end)), projection.parameters, "s") for end in (0, 1))
    if low != high:
        raise _OtherError(f"have delays between {1000 * low:g} and {1000 * high:g} ms; one delay for all is needed")
    return low


def network_of(circuit: Circuit) -> MesoscopicNetwork:
    """The population model of a circuit: any number of populations of escape-noise neurons with threshold adaptation.

    Weights are the mean over all pairs: connection probability times the jump of one synapse. Raises
    :class:`~ssnbrian.analysis.reduction.NotApplicableError` with :func:`mesoscopic_refusal`.
    """
    reason = mesoscopic_refusal(circuit)
    if reason is not None:
        raise NotApplicableError(f"there is no mesoscopic model of '{circuit.name}': {reason}")
    names = [one.name for one in circuit.populations]
    weights, delays, taus = np.zeros((3, len(names), len(names)))
    for projection in circuit.projections:
        position = names.index(projection.target), names.index(projection.source)
        source = circuit.population(projection.source)
        jump = source.sign * projection.weight.to("mV") * synaptic_input(projection).area
        weights[position] = circuit.in_degree(projection) / source.size * jump
        delays[position], taus[position] = delay_of(projection), time_constant_of(projection)
    sizes = [one.size for one in circuit.populations]
    return MesoscopicNetwork(names, sizes, [_neuron(one) for one in circuit.populations], weights, delays, taus)


def _neuron(population: Population) -> EscapeNeuron:
    form, values = escape_form(population.neuron), population.parameters
    assert form is not None
    rest = number(form.rest, values, "mV")
    width = number(form.width, values, "mV")
    exact = {one: sympy.Float(values[str(one)].si, 30) for one in form.log_hazard.free_symbols}
    logarithm = float(form.log_hazard.subs(exact)) + rest / width
    return EscapeNeuron(
        tau=number(form.tau, values, "s"),
        threshold=width * (float(np.log(_REFERENCE_HAZARD)) - logarithm),
        reset=number(form.reset, values, "mV") - rest,
        escape_rate=_REFERENCE_HAZARD,
        escape_width=width,
        refractory=0.0 if form.refractory is None else values[form.refractory].to("s"),
        adaptation_amplitudes=tuple(
            number(jump, values, "mV") * number(tau, values, "s") for jump, tau in form.adaptation
        ),
        adaptation_times=tuple(number(tau, values, "s") for _, tau in form.adaptation),
    )


def drive_in_steps(circuit: Circuit, drives: Mapping[str, Drive], duration: float, dt: float) -> np.ndarray:
    """External mean inputs in mV/s at the middle of every step of ``dt`` (s), (populations, steps)."""
    times = (np.arange(round(duration / dt)) + 0.5) * dt
    return np.array([np.broadcast_to(drives[one.name](times), times.shape) for one in circuit.populations])
