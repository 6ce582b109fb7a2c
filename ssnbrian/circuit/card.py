"""The card of a circuit: everything about it on one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit.composition import THRESHOLD, Adaptation, Noise, Plasticity
from ssnbrian.circuit.drive import Drive, SineDrive
from ssnbrian.circuit.rate_model import RateModel, rate_model_card
from ssnbrian.circuit.templates import NeuronModel, Parameter, SynapseModel

if TYPE_CHECKING:
    from ssnbrian.circuit.circuit import Circuit, Population, Projection


def _population_lines(population: Population) -> list[str]:
    lines = [f"  {population.name}: {population.size} {population.kind} neurons, {population.neuron.name}"]
    width = max((len(name) for name in population.parameters), default=0)
    for name, value in population.parameters.items():
        unit = population.neuron.parameter(name).unit
        explanation = population.neuron.parameter(name).explanation
        lines.append(f"    {name:<{width}} {value.to(unit):>10.5g} {unit:<11} {explanation}")
    return lines


def _projection_line(circuit: Circuit, projection: Projection) -> str:
    in_degree, total = circuit.in_degree(projection), circuit.weight_total(projection).to("mV")
    extras = "".join(f", {name} {value}" for name, value in projection.parameters.items())
    probability = getattr(projection.rule, "probability", None)
    rule = type(projection.rule).__name__ + ("" if probability is None else f" {probability:g}")
    return (
        f"  {projection.name:<8} {projection.synapse.name:<12} K {in_degree:<8g} j {projection.weight.to('mV'):<12.6g} "
        f"J {total:<10.6g} {rule}{extras}"
    )


def neuron_card(neuron: NeuronModel) -> str:
    """Equations, parameters and source of a neuron model."""
    return _card(neuron, _neuron_texts(neuron))


def synapse_card(synapse: SynapseModel) -> str:
    """Equations, parameters and source of a synapse model."""
    return _card(synapse, _synapse_texts(synapse))


def part_card(part: Adaptation | Noise | Plasticity) -> str:
    """What a part adds, its parameters and its source."""
    return _card(part, _part_texts(part))


def model_card(model: Any) -> str:
    """Equations, parameters and source of a neuron, synapse, part or rate model."""
    return rate_model_card(model) if isinstance(model, RateModel) else _card(model, model_texts(model))


def model_texts(model: Any) -> dict[str, str]:
    """The Brian2 text of a neuron, synapse, part or rate model by what it is for; equations have no key."""
    if isinstance(model, RateModel):
        return {"": model.equations}
    if isinstance(model, NeuronModel):
        return _neuron_texts(model)
    return _synapse_texts(model) if isinstance(model, SynapseModel) else _part_texts(model)


def text_lines(texts: Mapping[str, str]) -> list[str]:
    """Texts line by line, each behind its key."""
    lines = []
    for key, text in texts.items():
        for number, line in enumerate(text.strip().splitlines()):
            lines.append(f"{key if number == 0 else '':<10} {line.strip()}" if key else line.strip())
    return lines


def _neuron_texts(neuron: NeuronModel) -> dict[str, str]:
    texts = {"": neuron.equations, "threshold": neuron.threshold, "reset": neuron.reset}
    return texts | {"refractory": neuron.refractory or ""}


def _synapse_texts(synapse: SynapseModel) -> dict[str, str]:
    texts = {"": f"{synapse.target_equations}\n{synapse.equations}", "on_pre": synapse.on_pre}
    return texts | {"on_post": synapse.on_post, "delay": synapse.delay or ""}


def _part_texts(part: Adaptation | Noise | Plasticity) -> dict[str, str]:
    if isinstance(part, Noise):
        return {"adds": f"{part.amplitude}*xi"}
    if isinstance(part, Adaptation):
        adds = f"{part.term}, to the {THRESHOLD}" if part.adds_to == THRESHOLD else part.term
        return {"adds": adds, "": part.equations, "reset": part.on_spike}
    order = {"on_pre": part.before, "then": f"weight*({part.efficacy}) is transmitted", "finally": part.after}
    return {"": part.equations, **order, "on_post": part.on_post}


def _card(model: Any, texts: Mapping[str, str]) -> str:
    """Name, texts by their key, parameters and source."""
    lines = [f"{model.name}: {model.explanation}", *(f"    {line}" for line in text_lines(texts))]
    lines += _parameter_lines(model.parameters)
    return "\n".join([*lines, f"    source: {model.source}"] if model.source else lines)


def _parameter_lines(parameters: tuple[Parameter, ...]) -> list[str]:
    width = max((len(one.name) for one in parameters), default=0)
    defaults = ["required" if one.default is None else one.default for one in parameters]
    second = max((len(one) for one in defaults), default=0)
    return [
        f"    {one.name:<{width}}  {default:<{second}}  {one.explanation}"
        for one, default in zip(parameters, defaults, strict=True)
    ]


def _course(drive: Drive) -> str:
    if isinstance(drive, SineDrive):
        return f"{drive.mean:g} ± {drive.amplitude:g} mV/s at {drive.frequency:g} Hz"
    values = drive.values
    return f"{values[0]:g} mV/s" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g} mV/s"


def circuit_card(circuit: Circuit) -> str:
    """Populations, parameters, in-degrees, weights, drive, equations and source."""
    lines = [f"circuit {circuit.name}" + (f": {circuit.description}" if circuit.description else "")]
    lines.append("populations")
    for population in circuit.populations:
        lines += _population_lines(population)
    for one in circuit.inputs:
        lines.append(f"  {one.name}: {one.size} {one.kind} Poisson processes of {one.rate.to('Hz'):g} Hz each (input)")
    if circuit.projections:
        lines.append("projections (j: weight of one synapse, mV; J = K j, mV; inhibition by the source's kind)")
        lines += [_projection_line(circuit, projection) for projection in circuit.projections]
    if circuit.drive is not None:
        end = "no end" if circuit.drive.duration is None else f"{circuit.drive.duration:g} s"
        course = f"{circuit.drive.kind}, mu_ext {_course(circuit.drive)}"
        lines.append(f"drive: {course}, {end}; ratio {circuit.ratio:g}")
    lines.append("equations")
    neurons = {population.neuron.name: population.neuron for population in circuit.populations}
    synapses = {projection.synapse.name: projection.synapse for projection in circuit.projections}
    lines += ["  " + neuron_card(neuron).replace("\n", "\n  ") for neuron in neurons.values()]
    lines += ["  " + synapse_card(synapse).replace("\n", "\n  ") for synapse in synapses.values()]
    if circuit.source:
        lines.append(f"source: {circuit.source}")
    lines.append(f"content hash: {circuit.content_hash}")
    return "\n".join(lines)
