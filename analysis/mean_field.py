"""The plain numbers that mean-field theory needs, taken from a circuit."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import Circuit, NeuronModel, Population

from .reduction import NotApplicableError
from .self_consistent_solver import Coupling


@dataclass(frozen=True)
class LIFNames:
    """Which parameters of a neuron model are those of the leaky integrate-and-fire neuron of Eq 8."""

    tau: str
    sigma: str
    threshold: str
    reset: str
    refractory: str | None


def recognise_lif(model: NeuronModel) -> LIFNames | None:
    """The parameter names if the model is dV/dt = -V/tau + mu + sigma xi with a threshold and a reset, else None."""
    v = re.escape(model.membrane)
    equation = "".join(model.equations.split())
    membrane = re.fullmatch(
        rf"d{v}/dt=-{v}/(\w+)\+mu_ext\+mu_synaptic\+(\w+)\*xi:volt(?:\(unlessrefractory\))?", equation
    )
    threshold = re.fullmatch(rf"{v}>=?(\w+)", "".join(model.threshold.split()))
    reset = re.fullmatch(rf"{v}=(\w+)", "".join(model.reset.split()))
    if membrane is None or threshold is None or reset is None:
        return None
    held = "unlessrefractory" in equation
    if held != (model.refractory is not None):
        return None
    return LIFNames(membrane.group(1), membrane.group(2), threshold.group(1), reset.group(1), model.refractory)


def lif_refusal(circuit: Circuit) -> str | None:
    """Why mean-field theory with the Ricciardi function does not apply, or None."""
    for population in circuit.populations:
        if recognise_lif(population.neuron) is None:
            return (
                f"the neurons of {population.name} ({population.neuron.name}) are not leaky integrate-and-fire "
                f"neurons with white noise"
            )
    return constant_weight_refusal(circuit) or conductance_refusal(circuit)


def constant_weight_refusal(circuit: Circuit) -> str | None:
    """Why theory of constant weights does not apply, or None."""
    for projection in circuit.projections:
        if projection.synapse.equations:
            return f"the weights of {projection.name} ({projection.synapse.name}) depend on the spikes, by plasticity"
    return None


def conductance_refusal(circuit: Circuit) -> str | None:
    """Why theory of currents that do not depend on the membrane does not apply, or None."""
    for projection in circuit.projections:
        membrane = circuit.population(projection.target).neuron.membrane
        if re.search(rf"\b(?:v|{re.escape(membrane)})\b", projection.synapse.target_equations):
            return (
                f"the synapses {projection.name} ({projection.synapse.name}) are conductances, which change the time "
                f"constant of the membrane; this theory is one of currents"
            )
    return None


def lif_numbers(population: Population) -> dict[str, float]:
    """tau (s), sigma (mV/sqrt(s)), threshold and reset (mV) and refractory (s) of a population."""
    names = recognise_lif(population.neuron)
    if names is None:
        raise ValueError(f"{population.neuron.name} is not a leaky integrate-and-fire neuron")
    values = population.parameters
    return {
        "tau": values[names.tau].to("s"),
        "sigma": values[names.sigma].to("mV/sqrt(s)"),
        "threshold": values[names.threshold].to("mV"),
        "reset": values[names.reset].to("mV"),
        "refractory": 0.0 if names.refractory is None else values[names.refractory].to("s"),
    }


def weight_matrix(circuit: Circuit) -> np.ndarray:
    """J in mV, magnitudes, shape (populations, populations), [target, source] (Eq 13)."""
    return _matrix(circuit, lambda in_degree, weight: in_degree * weight)


def variance_matrix(circuit: Circuit) -> np.ndarray:
    """j J = K j² in mV², [target, source]: recurrent variance per Hz of the source (Eq 12)."""
    return _matrix(circuit, lambda in_degree, weight: in_degree * weight**2)


def sorted_by_kind(circuit: Circuit) -> tuple[tuple[Population, ...], np.ndarray]:
    """The populations and J of :func:`weight_matrix`, excitatory populations before inhibitory ones."""
    ordered = tuple(sorted(circuit.populations, key=lambda population: population.kind))
    order = [circuit.populations.index(population) for population in ordered]
    return ordered, weight_matrix(circuit)[np.ix_(order, order)]


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
        matrix[position] = entry(circuit.in_degree(projection), projection.weight.to("mV"))
    return matrix


def coupling_of(circuit: Circuit) -> Coupling:
    """All numbers of the self-consistent theory (Eq 14); the circuit must pass :func:`lif_refusal`."""
    numbers = [lif_numbers(population) for population in circuit.populations]
    columns = {key: np.array([entry[key] for entry in numbers]) for key in numbers[0]}
    return Coupling(
        populations=tuple(population.name for population in circuit.populations),
        signs=np.array([population.sign for population in circuit.populations]),
        weights=weight_matrix(circuit),
        variances=variance_matrix(circuit),
        **columns,
    )
