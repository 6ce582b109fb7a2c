"""The plain numbers that mean-field theory needs, taken from a circuit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy

from ssnbrian.circuit import Circuit, InvalidInputError, NeuronModel, Population, Projection
from ssnbrian.circuit.equations import parse_equations, parse_statements

from .conductance_coupling import ConductanceCoupling, Drive
from .efficacy import efficacies_of
from .model_text import number, read
from .projection_efficacies import ProjectionEfficacies
from .reduction import NotApplicableError
from .self_consistent_solver import Coupling
from .synaptic_input import SynapticInput, synaptic_input, synaptic_input_refusal


@dataclass(frozen=True)
class LeakyForm:
    """dV/dt = (rest - V)/tau + mu + sigma xi with a threshold and a reset, in the parameters of a neuron model.

    ``refractory`` is the name of the parameter that holds the refractory period, or None.
    """

    rest: sympy.Expr
    tau: sympy.Expr
    sigma: sympy.Expr
    threshold: sympy.Expr
    reset: sympy.Expr
    refractory: str | None


@cache
def recognise_lif(model: NeuronModel) -> LeakyForm | None:
    """The leaky integrate-and-fire neuron (Eq 8) that the model is, however its text is written, or None."""
    try:
        equations = parse_equations(model.equations, f"neuron {model.name}")
        resets = list(parse_statements(model.reset, f"neuron {model.name}"))
        threshold = re.fullmatch(r"([^<>=]+)>=?([^<>=]+)", model.threshold)
        if threshold is None or len(equations) != 1 or len(resets) != 1:
            return None
        (membrane,), (reset,) = equations, resets
        held = membrane.flags == {"unless refractory"}
        if membrane.name != model.membrane or membrane.kind != "differential" or (membrane.flags and not held):
            return None
        if held != (model.refractory is not None) or (reset.target, reset.operator) != (model.membrane, "="):
            return None
        if model.refractory is not None and model.refractory not in [one.name for one in model.parameters]:
            return None
        known = {one.name: sympy.Symbol(one.name) for one in model.parameters}
        variables = {name: sympy.Symbol(name) for name in (model.membrane, "mu_ext", "mu_synaptic", "xi")}
        slope = read(membrane.expression or "", {**known, **variables}, "membrane")
        ends = [read(text, {**known, **variables}, "membrane") for text in (*threshold.groups(), reset.expression)]
    except InvalidInputError:
        return None
    return _leaky_form(slope, ends, variables, model)


def _leaky_form(
    slope: sympy.Expr, ends: Sequence[sympy.Expr], variables: Mapping[str, sympy.Symbol], model: NeuronModel
) -> LeakyForm | None:
    v, *inputs, noise = variables.values()
    level, threshold, reset = ends
    if level != v or any(one.free_symbols & set(variables.values()) for one in (threshold, reset)):
        return None
    if not slope.is_polynomial(*variables.values()) or sympy.Poly(slope, *variables.values()).total_degree() != 1:
        return None
    by = {one: sympy.simplify(slope.expand().coeff(one, 1)) for one in variables.values()}
    if by[v] == 0 or any(by[one] != 1 for one in inputs):
        return None
    tau = sympy.simplify(-1 / by[v])
    rest = sympy.simplify(slope.subs(dict.fromkeys(variables.values(), 0)) * tau)
    return LeakyForm(rest, tau, by[noise], threshold, reset, model.refractory)


def lif_refusal(circuit: Circuit) -> str | None:
    """Why mean-field theory with the Ricciardi function does not apply, or None."""
    for population in circuit.populations:
        if recognise_lif(population.neuron) is None:
            return (
                f"the neurons of {population.name} ({population.neuron.name}) are not leaky integrate-and-fire "
                f"neurons with white noise"
            )
    return input_refusal(circuit)


def input_refusal(circuit: Circuit) -> str | None:
    """Why the rates do not fix the mean inputs, or None: spike-timing plasticity, input not linear in the membrane."""
    for projection in circuit.projections:
        reason = synaptic_input_refusal(projection)
        if reason is not None:
            return reason
        if circuit.source_of(projection).sign * synaptic_input(projection).conductance < 0:
            return (
                f"the conductances {projection.name} would be negative: their reversal potential must lie above their "
                f"reference potential for an excitatory source, below it for an inhibitory one"
            )
    return None


def constant_weight_refusal(circuit: Circuit) -> str | None:
    """Why theory of constant weights does not apply, or None."""
    for projection in circuit.projections:
        if projection.synapse.equations:
            return f"the weights of {projection.name} ({projection.synapse.name}) depend on the spikes, by plasticity"
    return None


def conductance_refusal(circuit: Circuit) -> str | None:
    """Why theory of currents that do not depend on the membrane does not apply, or None."""
    for projection in circuit.projections:
        if synaptic_input_refusal(projection) is None and not synaptic_input(projection).conductance:
            continue
        membrane = circuit.population(projection.target).neuron.membrane
        if re.search(rf"\b(?:v|{re.escape(membrane)})\b", projection.synapse.target_equations):
            return (
                f"the synapses {projection.name} ({projection.synapse.name}) are conductances, which change the time "
                f"constant of the membrane; this theory is one of currents"
            )
    return None


def lif_numbers(population: Population) -> dict[str, float]:
    """tau (s), sigma (mV/sqrt(s)), threshold and reset (mV above rest) and refractory (s) of a population.

    Raises ValueError for a neuron that is not a leaky integrate-and-fire neuron with a positive time constant.
    """
    form = recognise_lif(population.neuron)
    if form is None:
        raise ValueError(f"{population.neuron.name} is not a leaky integrate-and-fire neuron")
    values = population.parameters
    return {
        "tau": number(form.tau, values, "s"),
        "sigma": abs(number(form.sigma, values, "mV/sqrt(s)")),
        "threshold": number(form.threshold - form.rest, values, "mV"),
        "reset": number(form.reset - form.rest, values, "mV"),
        "refractory": 0.0 if form.refractory is None else values[form.refractory].to("s"),
    }


def reference_potential(circuit: Circuit, population: Population) -> float:
    """The potential (mV) of a population at which currents are taken and to which conductances pull in theory.

    Rest for a leaky integrate-and-fire neuron, for others where the weight of the first conductance that it receives
    is the area of its input, 0 without any.
    """
    form = recognise_lif(population.neuron)
    if form is not None:
        return number(form.rest, population.parameters, "mV")
    inputs = (synaptic_input(one) for one in circuit.projections if one.target == population.name)
    return next((one.potential for one in inputs if one.conductance), 0.0)


def input_of(circuit: Circuit, projection: Projection) -> SynapticInput:
    """The input of a spike of a projection at the :func:`reference_potential` of its target."""
    return synaptic_input(projection, reference_potential(circuit, circuit.population(projection.target)))


def has_conductances(circuit: Circuit, target: str | None = None) -> bool:
    """Whether any projection (onto ``target``) is a conductance."""
    return any(
        synaptic_input(one).conductance != 0 for one in circuit.projections if target is None or one.target == target
    )


def conductance_range(circuit: Circuit, target: str, maximum_rate: float = 10.0) -> tuple[float, float]:
    """Mean conductance (1/s) onto a population: of the input populations alone, and with all others at the rate (Hz).

    Plasticity is left out: these are the ends of a range, not values.
    """
    low = high = 0.0
    inputs = {one.name: one.rate.to("Hz") for one in circuit.inputs}
    for projection in circuit.projections:
        if projection.target == target:
            per_spike = projection.weight.to("mV") * abs(synaptic_input(projection).conductance)
            total = circuit.in_degree(projection) * per_spike * inputs.get(projection.source, maximum_rate)
            low, high = low + total * (projection.source in inputs), high + total
    return low, high if high > low else max(2.0 * low, high)


def weight_matrix(circuit: Circuit, shunts: Mapping[str, float] | None = None) -> np.ndarray:
    """J in mV, magnitudes, shape (populations, populations), [target, source] (Eq 13).

    Of a conductance J at the :func:`reference_potential`, or that of a current with the same effect on the rate of a
    population whose rate a conductance g lowers like the mean input -``shunts``[population] g (mV).
    """

    def entry(projection: Projection, in_degree: float, weight: float) -> float:
        one = input_of(circuit, projection)
        shift = one.conductance * (shunts or {}).get(projection.target, 0.0)
        return in_degree * weight * (one.area - shift)

    return _matrix(circuit, entry)


def variance_matrix(circuit: Circuit) -> np.ndarray:
    """j J = K j² in mV², [target, source]: recurrent variance per Hz of the source (Eq 12)."""
    return _matrix(
        circuit, lambda projection, in_degree, weight: in_degree * (weight * input_of(circuit, projection).area) ** 2
    )


def sorted_by_kind(
    circuit: Circuit, shunts: Mapping[str, float] | None = None
) -> tuple[tuple[Population, ...], np.ndarray]:
    """The populations and J of :func:`weight_matrix`, excitatory populations before inhibitory ones."""
    ordered = tuple(sorted(circuit.populations, key=lambda population: population.kind))
    order = [circuit.populations.index(population) for population in ordered]
    return ordered, weight_matrix(circuit, shunts)[np.ix_(order, order)]


def excitatory_first(circuit: Circuit) -> tuple[tuple[Population, ...], np.ndarray]:
    """:func:`sorted_by_kind` of one excitatory and one inhibitory population.

    Raises :class:`NotApplicableError` with :func:`pair_refusal` for any other circuit.
    """
    reason = pair_refusal(circuit)
    if reason is not None:
        raise NotApplicableError(f"the circuit '{circuit.name}' is no E-I pair: {reason}")
    return sorted_by_kind(circuit)


def pair_refusal(circuit: Circuit) -> str | None:
    """Why the theory of one excitatory and one inhibitory population does not apply, or None."""
    kinds = sorted(population.kind for population in circuit.populations)
    if kinds != ["excitatory", "inhibitory"]:
        return f"it needs one excitatory and one inhibitory population, the circuit has {', '.join(kinds)}"
    return None


def _matrix(circuit: Circuit, entry) -> np.ndarray:
    names = [population.name for population in circuit.populations]
    matrix = np.zeros((len(names), len(names)))
    for projection in circuit.projections:
        if projection.source not in names:  # an input population, see `poisson_inputs`
            continue
        position = names.index(projection.target), names.index(projection.source)
        matrix[position] = entry(projection, circuit.in_degree(projection), projection.weight.to("mV"))
    return matrix


def coupling_of(circuit: Circuit) -> Coupling | ConductanceCoupling:
    """All numbers of the self-consistent theory (Eq 14); the circuit must pass :func:`lif_refusal`."""
    names = tuple(population.name for population in circuit.populations)
    weights = weight_matrix(circuit)
    numbers = [lif_numbers(population) for population in circuit.populations]
    columns = {key: np.array([entry[key] for entry in numbers]) for key in numbers[0]}
    rows = efficacies_of(circuit, names)
    if has_conductances(circuit):
        efficacies = ProjectionEfficacies.of_rows(rows, np.ones_like(weights))
        inside, outside = (_synapses(circuit, one) for one in (names, tuple(one.name for one in circuit.inputs)))
        drive = Drive(*outside, np.array([one.rate.to("Hz") for one in circuit.inputs]))
        plastic = efficacies if efficacies.entries else None
        return ConductanceCoupling(names, *inside, **columns, efficacies=plastic, drive=drive)
    efficacies = ProjectionEfficacies.of_rows(rows, weights)
    return Coupling(
        populations=names,
        signs=np.array([population.sign for population in circuit.populations]),
        weights=weights,
        variances=variance_matrix(circuit),
        efficacies=efficacies if efficacies.entries else None,
        **columns,
    )


def _synapses(circuit: Circuit, sources: tuple[str, ...]) -> np.ndarray:
    """In-degree, signed weight (mV), area and conductance (1/mV), (4, populations, sources), [target, source]."""
    targets = [one.name for one in circuit.populations]
    found = np.zeros((4, len(targets), len(sources)))
    for projection in circuit.projections:
        if projection.source in sources:
            one, weight = input_of(circuit, projection), projection.weight.to("mV")
            signed = circuit.source_of(projection).sign * weight
            position = targets.index(projection.target), sources.index(projection.source)
            found[:, *position] = circuit.in_degree(projection), signed, one.area, one.conductance
    return found
