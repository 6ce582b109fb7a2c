"""The Markov network of a circuit of neurons that collect kicks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ssnbrian.circuit import AllToAll, Annealed, Circuit, InvalidInputError, Population, Projection

from ..model_text import number
from ..reduction import NotApplicableError
from .kick_forms import Family, NeuronForm, SynapseForm, neuron_form, synapse_form
from .parameters import MarkovNetwork

__all__ = ["family_of", "markov_refusal", "network_of"]

_ABSENT = 1e-3  # s, decay time of a projection that is not there


def markov_refusal(circuit: Circuit) -> str | None:
    """Why the circuit is no network of pending kicks, whose Markov reduction is known, or None."""
    for population in circuit.populations:
        if neuron_form(population.neuron) is None:
            return (
                f"the neurons of {population.name} ({population.neuron.name}) do not collect kicks: external ones at a "
                f"rate kick_rate + mu_ext/mV, with a refractory period of exponential length"
            )
    for one in circuit.inputs:
        return f"{one.name} is an input population; external kicks belong to the neurons"
    for projection in circuit.projections:
        if (reason := _projection_refusal(circuit, projection)) is not None:
            return f"the synapses {projection.name} ({projection.synapse.name}) {reason}"
    if len({_form(one).family for one in circuit.populations}) > 1:
        return "some populations move by whole kicks and others by conductances"
    return _potentials_refusal(circuit)


def _projection_refusal(circuit: Circuit, projection: Projection) -> str | None:
    form = synapse_form(projection.synapse)
    if form is None:
        return "do not leave pending kicks that end after an exponential time"
    recurrent = projection.source == projection.target
    if not isinstance(projection.rule, Annealed) and not (isinstance(projection.rule, AllToAll) and not recurrent):
        return "are the same at every spike; the rule 'annealed' draws the targets anew"
    family = _form(circuit.population(projection.target)).family
    if form.family != family:
        return f"are of the model '{form.family}', and the neurons of {projection.target} of '{family}'"
    inhibitory = circuit.population(projection.source).sign < 0
    if inhibitory and form.slope == 0:
        return "are inhibitory and must move the membrane in proportion to its distance from a reversal potential"
    if not inhibitory and form.slope != 0:
        return "are excitatory and must move the membrane alike at all potentials"
    return None


def _potentials_refusal(circuit: Circuit) -> str | None:
    """Where populations or projections differ in what the theory has once."""
    for what, values in (
        ("thresholds", {_threshold(one) for one in circuit.populations}),
        ("resets", {number(_form(one).reset, one.parameters, "mV") for one in circuit.populations}),
        ("leaks", {number(_form(one).leak, one.parameters, "Hz") for one in circuit.populations}),
        ("reversal potentials", set(_reversals(circuit))),
    ):
        if len(values) > 1:
            return f"the {what} must be the same in the whole circuit, and there are {sorted(values)}"
    return None


def family_of(circuit: Circuit) -> Family:
    """Whether neurons move by whole kicks ('kicks') or by conductances ('conductance'); raises as `network_of`."""
    _require(circuit)
    return _form(circuit.populations[0]).family


def network_of(circuit: Circuit, mu_ext: Mapping[str, float] | None = None) -> MarkovNetwork:
    """The network of a circuit of neurons that collect kicks, any number of populations.

    ``mu_ext`` (mV/s) by population is added to the rate of external kicks of 1 mV, which does not fall below 0;
    by default that of the circuit's own constant drive. ``weights`` are taken at the threshold. Raises
    :class:`~ssnbrian.analysis.reduction.NotApplicableError` with :func:`markov_refusal`, InvalidInputError where the
    circuit's drive changes in time and ``mu_ext`` is not given, or has no entry for a population.
    """
    _require(circuit)
    names = [one.name for one in circuit.populations]
    inputs = _own_drive(circuit) if mu_ext is None else mu_ext
    missing = [one for one in names if one not in inputs]
    if missing:
        raise InvalidInputError(f"mu_ext has no entry for {', '.join(missing)}")
    forms = [_form(one) for one in circuit.populations]
    first = circuit.populations[0]
    threshold, reversals = _threshold(first), _reversals(circuit)
    leak = number(forms[0].leak, first.parameters, "Hz")
    reset = number(forms[0].reset, first.parameters, "mV")
    reversal = reversals[0] if reversals else min(reset, -66.0)
    weights, probabilities = np.zeros((2, len(names), len(names)))
    decay_times = np.full((len(names), len(names)), _ABSENT)
    for projection in circuit.projections:
        position = names.index(projection.target), names.index(projection.source)
        weights[position] = _effect(projection, threshold)
        probabilities[position] = projection.rule.probability if isinstance(projection.rule, Annealed) else 1.0
        decay_times[position] = number(_synapse(projection).tau, projection.parameters, "s")
    return MarkovNetwork(
        names=tuple(names),
        inhibitory=tuple(one.sign < 0 for one in circuit.populations),
        sizes=np.array([one.size for one in circuit.populations]),
        weights=weights,
        probabilities=probabilities,
        decay_times=decay_times,
        drive=np.array([_drive(one, inputs[one.name]) for one in circuit.populations]),
        refractory=np.array([number(_form(one).refractory, one.parameters, "s") for one in circuit.populations]),
        threshold=threshold,
        reset=reset,
        reversal=reversal,
        leak_time=1 / leak if leak > 0 else np.inf,
    )


def _require(circuit: Circuit) -> None:
    reason = markov_refusal(circuit)
    if reason is not None:
        raise NotApplicableError(f"there is no Markov reduction of '{circuit.name}': {reason}")


def _form(population: Population) -> NeuronForm:
    form = neuron_form(population.neuron)
    assert form is not None
    return form


def _synapse(projection: Projection) -> SynapseForm:
    form = synapse_form(projection.synapse)
    assert form is not None
    return form


def _threshold(population: Population) -> float:
    """mV; of whole potentials the lowest at which a neuron spikes."""
    form = _form(population)
    threshold = number(form.threshold, population.parameters, "mV")
    if form.family == "conductance":
        return threshold
    return float(math.ceil(threshold)) if form.at_threshold else math.floor(threshold) + 1.0


def _reversals(circuit: Circuit) -> list[float]:
    """mV, of all inhibitory projections, each potential once."""
    found = []
    for projection in circuit.projections:
        form = _synapse(projection)
        if form.slope != 0:
            found.append(number(-form.constant / form.slope, projection.parameters, "mV"))
    return sorted(set(found))


def _effect(projection: Projection, threshold: float) -> float:
    """mV, what a kick moves the membrane at the threshold, without its sign."""
    form = _synapse(projection)
    constant = number(form.constant, projection.parameters, "1")
    slope = number(form.slope, projection.parameters, "1/mV")
    return float(projection.weight.to("mV")) * (constant + slope * threshold)


def _drive(population: Population, mu_ext: float) -> float:
    """Hz, external kicks of 1 mV."""
    return max(0.0, number(_form(population).rate, population.parameters, "Hz") + mu_ext)


def _own_drive(circuit: Circuit) -> dict[str, float]:
    if circuit.drive is None:
        return dict.fromkeys((one.name for one in circuit.populations), 0.0)
    if circuit.drive.kind != "constant":
        raise InvalidInputError(
            f"the drive of '{circuit.name}' changes in time; give mu_ext, one number for each population"
        )
    level = float(circuit.drive.values[0])
    ratio = 1.0 if circuit.ratio is None else circuit.ratio
    return {one.name: level if one.kind == "excitatory" else ratio * level for one in circuit.populations}
