"""The card of a circuit: everything about it on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssnbrian.circuit.circuit import Circuit, Population, Projection
    from ssnbrian.circuit.templates import NeuronModel, SynapseModel


def _population_lines(population: Population) -> list[str]:
    lines = [f"  {population.name}: {population.size} {population.kind} neurons, {population.neuron.name}"]
    for name, value in population.parameters.items():
        parameter = population.neuron.parameter(name)
        lines.append(f"    {name:<10} {value.to(parameter.unit):>10.5g} {parameter.unit:<11} {parameter.explanation}")
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
    lines = [f"{neuron.name}: {neuron.explanation}"]
    lines += [f"    {line.strip()}" for line in neuron.equations.strip().splitlines()]
    lines += [f"    threshold  {neuron.threshold}", f"    reset      {neuron.reset}"]
    for parameter in neuron.parameters:
        default = "required" if parameter.default is None else parameter.default
        lines.append(f"    {parameter.name:<10} {default:<15} {parameter.explanation}")
    return "\n".join([*lines, f"    source: {neuron.source}"] if neuron.source else lines)


def synapse_card(synapse: SynapseModel) -> str:
    """Equations, parameters and source of a synapse model."""
    lines = [f"{synapse.name}: {synapse.explanation}"]
    lines += [f"    {line.strip()}" for line in synapse.target_equations.strip().splitlines()]
    lines.append(f"    on_pre     {synapse.on_pre}")
    if synapse.delay:
        lines.append(f"    delay      {synapse.delay}")
    for parameter in synapse.parameters:
        default = "required" if parameter.default is None else parameter.default
        lines.append(f"    {parameter.name:<10} {default:<15} {parameter.explanation}")
    return "\n".join([*lines, f"    source: {synapse.source}"] if synapse.source else lines)


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
