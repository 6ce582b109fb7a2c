"""The card of a circuit: everything about it on one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssnbrian.circuit.circuit import Circuit, Population, Projection
    from ssnbrian.circuit.composition import Adaptation, Noise, Plasticity
    from ssnbrian.circuit.templates import NeuronModel, Parameter, SynapseModel


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
    rule = type(projection.rule).__name__
    return (
        f"  {projection.name:<8} {projection.synapse.name:<12} K {in_degree:<8g} j {projection.weight.to('mV'):<12.6g} "
        f"J {total:<10.6g} {rule}{extras}"
    )


def neuron_card(neuron: NeuronModel) -> str:
    """Equations, parameters and source of a neuron model."""
    texts = {"": neuron.equations, "threshold": neuron.threshold, "reset": neuron.reset}
    return _card(neuron, texts | {"refractory": neuron.refractory or ""})


def part_card(part: Adaptation | Noise | Plasticity) -> str:
    """What a part adds, its parameters and its source."""
    from ssnbrian.circuit.composition import Adaptation, Noise

    if isinstance(part, Noise):
        return _card(part, {"adds": f"{part.amplitude}*xi"})
    if isinstance(part, Adaptation):
        return _card(part, {"adds": part.term, "": part.equations, "reset": part.on_spike})
    order = {"on_pre": part.before, "then": f"weight*({part.efficacy}) is transmitted", "finally": part.after}
    return _card(part, {"": part.equations, **order, "on_post": part.on_post})


def _card(model: Any, texts: Mapping[str, str]) -> str:
    """Name, texts by their key, parameters and source."""
    lines = [f"{model.name}: {model.explanation}"]
    for key, text in texts.items():
        for number, line in enumerate(text.strip().splitlines()):
            lines.append(f"    {key if number == 0 else '':<10} {line.strip()}" if key else f"    {line.strip()}")
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


def synapse_card(synapse: SynapseModel) -> str:
    """Equations, parameters and source of a synapse model."""
    texts = {"": f"{synapse.target_equations}\n{synapse.equations}", "on_pre": synapse.on_pre}
    return _card(synapse, texts | {"on_post": synapse.on_post, "delay": synapse.delay or ""})


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
        values = circuit.drive.values
        course = f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"
        lines.append(f"drive: {circuit.drive.kind}, mu_ext {course} mV/s, {end}; ratio {circuit.ratio:g}")
    lines.append("equations")
    neurons = {population.neuron.name: population.neuron for population in circuit.populations}
    synapses = {projection.synapse.name: projection.synapse for projection in circuit.projections}
    lines += ["  " + neuron_card(neuron).replace("\n", "\n  ") for neuron in neurons.values()]
    lines += ["  " + synapse_card(synapse).replace("\n", "\n  ") for synapse in synapses.values()]
    if circuit.source:
        lines.append(f"source: {circuit.source}")
    lines.append(f"content hash: {circuit.content_hash}")
    return "\n".join(lines)
